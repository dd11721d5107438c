# SPDX-License-Identifier: GPL-2.0-or-later
"""The lease engines, in the store's namespace of a cluster; `lease` is what an agent is configured with."""
import ipaddress
import shutil

import pytest

import kube
from cluster import STORE_IP
from harness import Etcd


class Store(Etcd):
    """etcd in the store's namespace, for agents."""

    def __init__(self, cluster, members=1, tls=None):
        if not shutil.which("etcd"):
            pytest.skip("etcd isn't installed")
        super().__init__(cluster.directory, members, tls, STORE_IP, cluster.store.argv())

    @property
    def lease(self):
        return f"engine: etcd, endpoints: [{', '.join(self.urls)}]"


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
