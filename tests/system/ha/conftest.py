# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a LAN, etcd, and an eye on the wire that no test ends without."""
import pytest

from cluster import DURATION, STEADY, STEADY_DURATION, STORE_IP, TIMING, VIP, Cluster
from daemon import POLICY, service
import kube
from harness import openssl_files
from stores import Kubernetes, Store
from wait import let_pass, wait_until


@pytest.fixture
def cluster(scratch):
    made = Cluster(scratch)
    try:
        yield made
        made.check()
    finally:
        made.close()


@pytest.fixture
def etcd(cluster, request):
    """One member, or as many as the test's parameter says."""
    made = Store(cluster, getattr(request, "param", 1))
    yield made
    made.close()


@pytest.fixture
def secure_etcd(cluster):
    made = Store(cluster, tls=openssl_files(cluster.directory, STORE_IP))
    yield made
    made.close()


@pytest.fixture
def kubernetes(cluster):
    if kube.REASON:
        pytest.skip(kube.REASON)
    made = Kubernetes(cluster)
    try:
        yield made
        made.cluster.heal()
        holders = [node.name for node in cluster.nodes if VIP in node.held() and
                   "engine: kubernetes" in node.agent.config.read_text()]
        assert not holders or wait_until(lambda: [made.holder(VIP)] == holders, 5)
    finally:
        made.close()


@pytest.fixture
def store(request):
    """etcd, unless the test says otherwise."""
    return request.getfixturevalue(getattr(request, "param", "etcd"))


def two_nodes(cluster, store, timing, duration):
    """The first node answers for VIP, the second would; the client asks."""
    manifests = [POLICY, service("web", VIP)]
    cluster.first = cluster.node(store.lease, manifests, timing=timing)
    cluster.settled([VIP])
    cluster.second = cluster.node(store.lease, manifests, timing=timing)
    let_pass(duration, "what it found fresh in the store it doesn't rely on for as long")
    cluster.asker = cluster.ask(VIP)
    assert wait_until(lambda: cluster.asker.answerers(VIP) == [cluster.first.mac])
    return cluster


@pytest.fixture
def pair(cluster, store):
    return two_nodes(cluster, store, TIMING, DURATION)


@pytest.fixture
def steady(cluster, store):
    """A pair whose lease outlasts what a busy machine does to it."""
    return two_nodes(cluster, store, STEADY, STEADY_DURATION)
