# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a LAN, etcd, and an eye on the wire that no test ends without."""
import importlib.util
import ipaddress
import shutil
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "net"), str(TESTS / "agent"), str(TESTS / "lease")]
SPEC = importlib.util.spec_from_file_location("net_conftest", TESTS / "net/conftest.py")
net_conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(net_conftest)

from cluster import DURATION, STORE_IP, VIP, Cluster  # noqa: E402
from daemon import POLICY, service  # noqa: E402
import kube  # noqa: E402
from harness import Etcd, openssl_files  # noqa: E402
from lan import wait_until  # noqa: E402

pytest_configure = net_conftest.pytest_configure
pytest_collection_modifyitems = net_conftest.pytest_collection_modifyitems
scratch = net_conftest.scratch


@pytest.fixture
def cluster(scratch):
    made = Cluster(scratch)
    try:
        yield made
        made.check()
    finally:
        made.close()


class Store(Etcd):
    """etcd in the store's namespace, for agents."""

    def __init__(self, cluster, members=1, tls=None):
        if not shutil.which("etcd"):
            pytest.skip("etcd isn't installed")
        super().__init__(cluster.directory, members, tls, STORE_IP, cluster.store.argv())

    @property
    def lease(self):
        return f"engine: etcd, endpoints: [{', '.join(self.urls)}]"


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


class Kubernetes(kube.Kubernetes):
    """A Kubernetes in the store's namespace, for agents."""

    def __init__(self, cluster):
        # beside an etcd of the test's
        directory = cluster.directory / "kubernetes"
        directory.mkdir()
        super().__init__(kube.Cluster(directory, address=STORE_IP, network=cluster.store), directory)

    @property
    def lease(self):
        return (f"engine: kubernetes, server: {self.cluster.urls[0]}, namespace: {self.namespace}, "
                f"token: {self.token}, ca: {self.cluster.tls['ca']}.crt")

    def holder(self, address):
        """As kubectl shows it to people."""
        name = "l2resp-" + ipaddress.ip_address(address).packed.hex()
        rows = self.cluster.kubectl("get", "lease", "-n", self.namespace).stdout.splitlines()
        return next((row.split()[1] for row in rows if row.split()[0] == name), None)

    def close(self):
        self.cluster.close()


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
    """The first node answers for VIP, the second would; the client asks."""
    manifests = [POLICY, service("web", VIP)]
    cluster.first = cluster.node(store.lease, manifests)
    cluster.settled([VIP])
    cluster.second = cluster.node(store.lease, manifests)
    # what it found fresh in the store it doesn't rely on for as long
    time.sleep(DURATION)
    cluster.asker = cluster.ask(VIP)
    assert wait_until(lambda: cluster.asker.answerers(VIP) == [cluster.first.mac])
    return cluster
