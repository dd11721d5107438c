# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a real API server with Cilium's two kinds, a LAN, and an agent whose source it is."""
import tempfile
from pathlib import Path

import pytest

import daemon as daemon_module
from endpoints import LABEL
from gate import Gate, Tunnel
from kube import ADMIN, DEPLOY, ENDPOINT_SLICES, REASON, Cluster
from wait import wait_until

CRDS = ("ciliuml2announcementpolicies", "ciliumloadbalancerippools")

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
            made.crds = lambda: (
                made.kubectl("apply", "--server-side", "-f", DEPLOY / "crds/crds.yaml", "-f", ENDPOINT_SLICES),
                made.kubectl("wait", "--for=condition=established", "--timeout=300s", "crd", "--all"))
            yield made
        finally:
            made.close()


class Objects:
    """Objects of the cluster, gone when the test ends."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.done = None

    def apply(self, *documents):
        path = self.cluster.directory / "applied.yaml"
        path.write_text("---\n".join(documents))
        def applied():
            """An agent may write a Service's status at the same moment; then the server refuses, and asks for another try."""
            self.done = self.cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", path, check=False)
            return self.done.returncode == 0 or "the object has been modified" not in self.done.stderr
        assert wait_until(applied) and self.done.returncode == 0, self.done.stderr

    def delete(self, kind, name):
        self.cluster.kubectl("delete", kind, name, "-n", "default")

    def status(self, name, *ips):
        self.cluster.api("PATCH", f"/api/v1/namespaces/default/services/{name}/status",
                         {"status": {"loadBalancer": {"ingress": [{"ip": ip} for ip in ips]}}},
                         kind="application/merge-patch+json")

    def clear(self):
        """One kubectl for all: each asks the server first what it knows. Where it doesn't know a kind, one for each."""
        kinds = ("services", "endpointslices", "nodes", *CRDS)
        for words in ",".join(kinds), *kinds:
            done = self.cluster.kubectl("delete", words, "-n", "default", "--field-selector", "metadata.name!=kubernetes",
                                        check=False)
            if words not in kinds and done.returncode == 0:
                return


@pytest.fixture
def objects(cluster):
    cluster.crds()
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
