# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a real API server with Cilium's two kinds, a LAN, and an agent whose source it is."""
import tempfile
import urllib.error
from pathlib import Path

import pytest

import daemon as daemon_module
from endpoints import LABEL
from gate import Gate, Tunnel
from kube import ADMIN, REASON, Cluster

CRDS = ("ciliuml2announcementpolicies", "ciliumloadbalancerippools")
COLLECTIONS = {
    "service": "/api/v1/namespaces/default/services",
    "endpointslice": "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
    "node": "/api/v1/nodes",
    **{name: f"/apis/cilium.io/v2alpha1/{name}" for name in CRDS},
}

CONFIG = """
node: {node}
source: {{kubernetes: {source}}}
lease: {{engine: none, duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms}}
bpffs: {bpffs}
"""

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{type: {kind}, ports: [{{port: 80, protocol: TCP}}], externalIPs: [{ips}]}}
"""


# the usual control plane
EXCLUDED = f"""
apiVersion: v1
kind: Node
metadata: {{name: node-1, labels: {{{LABEL}: ""}}}}
"""


def service(name, *ips, kind="ClusterIP"):
    return SERVICE.format(name=name, kind=kind, ips=", ".join(f'"{ip}"' for ip in ips))


def local(name, *ips):
    return service(name, *ips, kind="LoadBalancer").replace(
        "spec: {", "spec: {externalTrafficPolicy: Local, selector: {app: web}, ")


@pytest.fixture(scope="session")
def cluster(request):
    if REASON:
        pytest.skip(REASON)
    with tempfile.TemporaryDirectory(prefix="l2resp-kube-") as directory:
        made = Cluster(Path(directory), options=getattr(request, "param", ()))
        try:
            yield made
        finally:
            made.close()


class Objects:
    """Objects of the cluster, gone when the test ends."""

    def __init__(self, cluster):
        self.cluster, self.apply = cluster, cluster.apply

    def delete(self, kind, name):
        self.cluster.api("DELETE", f"{COLLECTIONS[kind]}/{name}")

    def status(self, name, *ips):
        self.cluster.api("PATCH", f"/api/v1/namespaces/default/services/{name}/status",
                         {"status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}},
                         kind="application/merge-patch+json")

    def clear(self):
        for kind, path in COLLECTIONS.items():
            try:
                found = self.cluster.api("GET", path)["items"]
            except urllib.error.HTTPError as error:
                assert error.code == 404, error  # the test took the kind away
                continue
            for name in {item["metadata"]["name"] for item in found} - {"kubernetes"}:
                self.delete(kind, name)


@pytest.fixture
def objects(cluster):
    cluster.apply_kinds()
    made = Objects(cluster)
    yield made
    made.clear()


@pytest.fixture
def gate(lan, cluster):
    made = Gate(lan.server, cluster.ports[0], cluster.context)
    yield made
    made.close()


@pytest.fixture
def agent(lan, scratch, gate, objects):
    made = daemon_module.Agent(lan, scratch)
    made.gate = gate
    token = scratch / "token"
    token.write_text(ADMIN)
    made.configure = lambda source, node="node-1": made.config.write_text(
        CONFIG.format(node=node, source=source, bpffs=lan.bpffs))
    made.configure(f"{{server: '{gate.url}', token: {token}}}")
    yield made
    made.close()


@pytest.fixture
def tunnel(lan, cluster):
    """The API server's own TLS, from where the agent is."""
    made = Tunnel(lan.server, cluster.ports[0])
    yield made.url
    made.close()
