# SPDX-License-Identifier: GPL-2.0-or-later
"""A Kubernetes of etcd and real kube-apiservers on loopback, and a namespace of it as the leases' store."""
import contextlib
import itertools
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml
from harness import Etcd, free_port, openssl_files, start
from wait import HUNG, wait_until

# EndpointSlices as Kubernetes has them since 1.21, where the server is older: to be applied
ENDPOINT_SLICES = Path(__file__).with_name("endpointslices.yaml")
DEPLOY = Path(__file__).resolve().parents[2] / "deploy/kubernetes"
CILIUM_KINDS = DEPLOY / "crds/crds.yaml"
# of those that are applied here
CLUSTER_WIDE = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "Namespace", "Node",
                "CiliumL2AnnouncementPolicy", "CiliumLoadBalancerIPPool"}
APISERVER = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdp-l2resp" / "kube-apiserver"
ADMIN, NODE_TOKEN = "admin-token", "node-token"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
KINDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{}"


# None: there is a cluster to be had
REASON = ("no kube-apiserver in the cache; tests/system/kube/build-apiserver makes it" if not APISERVER.exists() else
          next((f"{name} isn't installed" for name in ("etcd", "kubectl") if not shutil.which(name)), None))


def kustomized(name=""):
    """deploy/kubernetes/@name, rendered."""
    done = subprocess.run(["kubectl", "kustomize", DEPLOY / name], capture_output=True, text=True, check=False)
    if "must resolve to a file" in done.stderr or "is a directory" in done.stderr:
        pytest.skip("kubectl is older than 1.21")
    assert done.returncode == 0, done.stderr
    return done.stdout


def path_of(document):
    """An object's path. A kind's plural is its name with -s, or -ies."""
    kind, metadata = document["kind"], document["metadata"]
    plural = re.sub("y$", "ie", kind.lower()) + "s"
    prefix = "api" if document["apiVersion"] == "v1" else "apis"
    within = "" if kind in CLUSTER_WIDE else f"/namespaces/{metadata.get('namespace', 'default')}"
    return f"/{prefix}/{document['apiVersion']}{within}/{plural}/{metadata['name']}"


class Cluster:
    """etcd and API servers; node-token's user may do with leases what an agent must, in the namespaces made here.
    @network: the network namespace (lan.Namespace) where @address is; None: this one. @options: of the API servers."""

    def __init__(self, directory, servers=1, address="127.0.0.1", network=None, options=()):
        self.directory, self.address, self.numbers, self.options = directory, address, itertools.count(1), options
        self.enter = network.argv() if network else []
        self.entered = network.entered if network else contextlib.nullcontext
        self.etcd = Etcd(directory, address=address, enter=self.enter)
        self.tls = openssl_files(directory, address)
        self.ports = [free_port() for _ in range(servers)]
        self.processes = [None] * servers
        (directory / "tokens.csv").write_text(
            f'{ADMIN},admin,1,"system:masters"\n{NODE_TOKEN},node,2,""\n')
        self.context = ssl.create_default_context(cafile=self.tls["ca"] + ".crt")
        for number in range(servers):
            self.start(number)
        self.wait()
        # where an agent looks by default
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": "xdp-l2resp"}})

    @property
    def urls(self):
        return [f"https://{self.address}:{port}" for port in self.ports]

    def start(self, number):
        with open(self.directory / f"apiserver{number}.log", "a", encoding="utf-8") as log:
            self.processes[number] = start(
                *self.enter, APISERVER, "--etcd-servers", self.etcd.urls[0], "--bind-address", self.address,
                "--secure-port", self.ports[number], "--insecure-port", "0", "--cert-dir", self.directory,
                "--tls-cert-file", self.tls["server"] + ".crt", "--tls-private-key-file", self.tls["server"] + ".key",
                "--client-ca-file", self.tls["ca"] + ".crt", "--token-auth-file", self.directory / "tokens.csv",
                "--authorization-mode", "RBAC", "--service-cluster-ip-range", "198.18.64.0/24",
                "--service-account-issuer", "test", "--service-account-key-file", self.tls["server"] + ".crt",
                "--service-account-signing-key-file", self.tls["server"] + ".key", "--endpoint-reconciler-type", "none",
                "--disable-admission-plugins", "ServiceAccount",
                # in place of these are ENDPOINT_SLICES
                "--runtime-config", "discovery.k8s.io/v1beta1=false", *self.options, stdout=log, stderr=log)

    def ready(self, number):
        try:
            return self.api("GET", "/readyz", server=number, raw=True) == b"ok"
        except OSError:
            return False

    def wait(self):
        for number, process in enumerate(self.processes):
            assert wait_until(lambda: self.ready(number) or process.poll() is not None, 60) and process.poll() is None, \
                (self.directory / f"apiserver{number}.log").read_text()[-3000:]

    def api(self, method, path, body=None, token=ADMIN, server=0, raw=False, kind="application/json"):
        request = urllib.request.Request(
            self.urls[server] + path, body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"Bearer {token}", "Content-Type": kind})
        with self.entered(), urllib.request.urlopen(request, timeout=HUNG, context=self.context) as answer:
            text = answer.read()
            return text if raw else json.loads(text.decode(errors="replace"))

    def apply(self, *texts):
        """As kubectl's --server-side --force-conflicts does, which takes a processor for half a second each time."""
        def applied(document):
            """An agent may write a Service's status at the same moment; then the server asks for another try."""
            try:
                return self.api("PATCH", path_of(document) + "?fieldManager=tests&force=true", document,
                                kind="application/apply-patch+yaml")
            except urllib.error.HTTPError as error:
                said = error.read().decode()
                assert error.code == 409 and "the object has been modified" in said, said
                return None

        for document in yaml.safe_load_all("\n---\n".join(texts)):
            if document:
                assert wait_until(lambda: applied(document))  # pylint: disable=cell-var-from-loop

    def apply_kinds(self):
        """Cilium's two, and EndpointSlices; until they are served."""
        def established():
            return all(any(one["type"] == "Established" and one["status"] == "True" for one in kind["status"]["conditions"] or ())
                       for kind in self.api("GET", KINDS)["items"])

        self.apply(CILIUM_KINDS.read_text(), ENDPOINT_SLICES.read_text())
        assert wait_until(established, HUNG)

    def kubectl(self, *words, check=True):
        # an empty file: no configuration of whoever runs the tests is read
        return subprocess.run([*self.enter, "kubectl", "--kubeconfig", "/dev/null", "--server", self.urls[0], "--token", ADMIN,
                               "--certificate-authority", self.tls["ca"] + ".crt", *words],
                              check=check, capture_output=True, text=True)

    def namespace(self):
        """A new one, in which node and client may do what an agent has to."""
        name = f"l2resp-{next(self.numbers)}"
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        self.api("POST", RBAC.format(name, "roles"), {
            "metadata": {"name": "agent"},
            "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
                       "verbs": ["list", "watch", "create", "patch", "delete"]}]})
        self.api("POST", RBAC.format(name, "rolebindings"), {
            "metadata": {"name": "agent"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "agent"},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
                         for user in ("node", "client")]})

        def permitted(server):
            try:
                return self.api("GET", LEASES.format(name), token=NODE_TOKEN, server=server)
            except urllib.error.HTTPError:
                return False

        assert all(wait_until(lambda: permitted(server), 20) for server in range(len(self.ports)))
        return name

    def signal(self, number, what):
        self.processes[number].send_signal(what)
        if what == signal.SIGKILL:
            self.processes[number].wait()

    def heal(self):
        """As it was, whatever a test did to it."""
        self.etcd.signal(0, signal.SIGCONT)
        for number, process in enumerate(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
            else:
                self.start(number)
        self.wait()

    def save(self, path):
        self.etcd.ctl("snapshot", "save", str(path))

    def restore(self, path):
        """As it was when it was saved: revisions go back, and what came later is gone."""
        for number in range(len(self.processes)):
            self.signal(number, signal.SIGKILL)
        etcd = self.etcd
        etcd.signal(0, signal.SIGKILL)
        shutil.rmtree(etcd.directory / "etcd0")
        etcd.ctl("snapshot", "restore", str(path), "--data-dir", str(etcd.directory / "etcd0"), "--name", "m0",
                 "--initial-cluster", f"m0={etcd.peers[0]}", "--initial-advertise-peer-urls", etcd.peers[0])
        etcd.start(0)
        self.heal()

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()
        self.etcd.close()


class Kubernetes:
    """A namespace of @cluster as a store."""

    def __init__(self, cluster, directory):
        self.cluster, self.directory = cluster, directory
        self.namespace = cluster.namespace()
        self.path = LEASES.format(self.namespace)
        self.token = directory / "token"
        self.token.write_text(NODE_TOKEN + "\n")

    def lease(self, name):
        try:
            return self.cluster.api("GET", f"{self.path}/{name}")
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise

    @staticmethod
    def claim_name(host):
        return f"l2resp-c61200{host:02x}"

    def claim(self, host):
        lease = self.lease(self.claim_name(host))
        return lease and json.loads(lease["metadata"]["annotations"]["xdp-l2resp.io/record"]) | {
            "holder": lease["spec"].get("holderIdentity")}

    def write_claim(self, host, lease):
        """What is there afterwards, whoever writes at the same time."""
        name = self.claim_name(host)
        lease = lease | {"metadata": {"name": name, **lease.get("metadata", {})}}
        try:
            self.cluster.api("POST", self.path, lease)
        except urllib.error.HTTPError:
            there = self.lease(name)
            lease["metadata"]["resourceVersion"] = there["metadata"]["resourceVersion"]
            self.cluster.api("PUT", f"{self.path}/{name}", lease)

    def empty_holder(self, host):
        self.cluster.api("PATCH", f"{self.path}/{self.claim_name(host)}", {"spec": {"holderIdentity": ""}},
                         kind="application/merge-patch+json")

    def write_newer(self, host):
        self.write_claim(host, {"metadata": {"annotations": {"xdp-l2resp.io/record": '{"version": 2}'}}})

    def delete_claim(self, host):
        self.cluster.kubectl("delete", "lease", "-n", self.namespace, self.claim_name(host))

    def delete_heartbeat(self, name):
        self.cluster.kubectl("delete", "lease", "-n", self.namespace, f"l2resp-node-{name}")

    def delete_all(self):
        self.cluster.api("DELETE", self.path)

    def node_options(self, server=0, ca="ca", token=True):
        return ["-K", self.cluster.urls[server], "-s", self.namespace, "-a", self.cluster.tls[ca] + ".crt",
                *(["-T", self.token] if token else [])]

    def signal(self, number, what):
        self.cluster.signal(number, what)

    def start(self, number):
        self.cluster.start(number)

    def close(self):
        self.cluster.heal()
