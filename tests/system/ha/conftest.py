# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a LAN, etcd, and an eye on the wire that no test ends without."""
import pytest

from cluster import STORE_IP, VIP, Cluster
from daemon import POLICY, service
import kube
from harness import openssl_files
from stores import Kubernetes, Store
from takeover import two_nodes
from wait import wait_until


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


@pytest.fixture
def pair(cluster, store):
    """An API server's writes take a busy machine longer than etcd's."""
    return two_nodes(cluster, store.lease, [POLICY, service("web", VIP)], steady=isinstance(store, Kubernetes))


@pytest.fixture
def steady(cluster, store):
    return two_nodes(cluster, store.lease, [POLICY, service("web", VIP)])
