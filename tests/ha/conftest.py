# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a LAN, etcd, and an eye on the wire that no test ends without."""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "net"), str(TESTS / "agent"), str(TESTS / "lease")]

from base import pytest_collection_modifyitems, pytest_configure, scratch  # noqa: E402, F401
from cluster import DURATION, STEADY, STEADY_DURATION, STORE_IP, TIMING, VIP, Cluster  # noqa: E402
from daemon import POLICY, service  # noqa: E402
import kube  # noqa: E402
from harness import openssl_files  # noqa: E402
from stores import Kubernetes, Store  # noqa: E402
from wait import let_pass, wait_until  # noqa: E402


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
