# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/kubernetes as it is: applied to a real API server, and the agent with the identity that it gives."""
import json
import re
import subprocess
from pathlib import Path
from signal import SIGKILL

import pytest
from conftest import CRDS, local
from daemon import AGENT, POLICY
from endpoints import LABEL, on
from gate import Tunnel
from harness import Etcd
from kube import kustomized
from lan import ROOT
from pod import REASON, Pod, hide_cgroups, image_root
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import wait_until

ACCOUNT = "/api/v1/namespaces/xdp-l2resp/serviceaccounts/xdp-l2respd/token"
DAEMONSET = "/apis/apps/v1/namespaces/xdp-l2resp/daemonsets/xdp-l2respd"
OVERLAYS = "", "overlays/etcd", "overlays/single-node", "overlays/with-cilium"
NODE = json.dumps({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-7", "labels": {LABEL: ""}}}) + "\n"
# so that a test needn't wait for the default's 15 s
SHORT = "duration: 3s, renewDeadline: 2s, retryPeriod: 300ms"


@pytest.fixture
def account(cluster, objects):
    """A token of the ServiceAccount, once its roles are known."""
    objects.apply(kustomized("base"))
    token = cluster.api("POST", ACCOUNT, {"spec": {"audiences": []}})["status"]["token"]

    def permitted():
        return all(cluster.kubectl("auth", "can-i", "list", kind, f"--token={token}", *space, check=False).stdout
                   .startswith("yes") for kind, space in (("services", ()), ("leases", ("-n", "xdp-l2resp"))))

    assert wait_until(permitted, 20)
    return token


def daemonset(cluster):
    return cluster.api("GET", DAEMONSET)["spec"]


def configuration(cluster):
    """The name of the DaemonSet's ConfigMap, and what the ConfigMap has."""
    name = next(one["configMap"]["name"] for one in daemonset(cluster)["template"]["spec"]["volumes"] if "configMap" in one)
    return name, cluster.api("GET", f"/api/v1/namespaces/xdp-l2resp/configmaps/{name}")["data"]["agent.yaml"]


@pytest.fixture
def pod(cluster, account, tunnel, scratch, lan):
    """Makes the pod of the DaemonSet as it is now, on the LAN's server, with a short lease; @replace: words of its agent.yaml."""
    if REASON:
        pytest.skip(REASON)
    hide_cgroups()
    directories = {name: scratch / name for name in ("config", "run", "account", "etcd")}
    for directory in directories.values():
        directory.mkdir(mode=0o700)
    (directories["account"] / "token").write_text(account)
    (directories["account"] / "namespace").write_text("xdp-l2resp")
    tls = {"ca.crt": cluster.tls["ca"] + ".crt", "tls.crt": cluster.tls["server"] + ".crt", "tls.key": cluster.tls["server"] + ".key"}
    for name, path in tls.items():
        (directories["etcd"] / name).write_bytes(Path(path).read_bytes())
    (directories["account"] / "ca.crt").write_bytes(Path(tls["ca.crt"]).read_bytes())
    made = []

    def make(*replace):
        text = configuration(cluster)[1]
        for old, new in replace:
            assert old in text
            text = text.replace(old, new)
        (directories["config"] / "agent.yaml").write_text(text)
        made.append(Pod(scratch / f"pod{len(made)}", lan.server.name, image_root(Path(AGENT).parents[1]),
                        daemonset(cluster)["template"]["spec"], directories | {"bpffs": lan.bpffs}, directories["account"],
                        {"NODE_NAME": "node-7", "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                         "KUBERNETES_SERVICE_PORT": tunnel.rpartition(":")[2]}, lan.server.path))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_out_of_the_image(agent, cluster, pod, objects, lan, told):
    """From a pod that announces to a node where nothing is left; only the image's files, and what a pod is given."""
    objects.apply(POLICY, pool(), balanced("web"))
    with open(agent.log_path, "w", encoding="utf-8") as log:
        first = pod(("engine: kubernetes", f"engine: kubernetes, {SHORT}"))
        first.start(log)
    agent.wait_entries((FIRST, "eth1"), seconds=20)
    agent.wait_ready()
    assert "node-7" in cluster.kubectl("get", "lease", "-n", "xdp-l2resp").stdout
    container = first.spec["containers"][0]
    for probe in "livenessProbe", "readinessProbe":
        assert first.exec(container[probe]["exec"]["command"]).returncode == 0
    assert first.exec(["sh"], check=False).returncode and first.exec(["touch", "/tmp/x"], check=False).returncode
    objects.apply(kustomized("uninstall"))
    # what an update does: entries are left to the next pod
    hook = first.exec(container["lifecycle"]["preStop"]["exec"]["command"], check=False)
    # it ends the container's first process, with which the kernel kills all others: the hook too, if it is slow
    assert hook.returncode in (0, 128 + SIGKILL), hook
    first.process.wait(first.spec["terminationGracePeriodSeconds"])
    assert agent.entries() and lan.rows("status"), agent.log()

    last = pod()
    assert [said for said in last.initialise() if said] == ["eth1: detached; now not attached, 1 address\n", "1 address deleted\n"]
    # libxdp leaves its directory
    assert set(lan.pins()) <= {f"{lan.bpffs}/xdp"} and "xdp" not in lan.server.run("ip", "link", "show", "eth1").stdout
    last.start(subprocess.DEVNULL)
    assert wait_until(lambda: last.exec(["kill", "-0", "1"], check=False).returncode == 0), "it doesn't wait to be deleted"


def test_each_overlay(cluster, objects, pod):
    """Is accepted, by the API server and by the agent in the pod; another configuration is another ConfigMap, so that pods are replaced."""
    names = set()
    for overlay in OVERLAYS:
        objects.apply(kustomized(overlay))
        names.add(configuration(cluster)[0])
        made = pod()
        container = made.spec["containers"][0]
        container["command"] = ["xdp-l2respd", "--check"]
        done = subprocess.run(made.argv(container), capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{overlay}: {done.stderr}"
        assert (overlay == "overlays/with-cilium") != ("CustomResourceDefinition" in kustomized(overlay)), overlay
    assert len(names) == len(OVERLAYS)
    version = subprocess.run([ROOT / "packaging/version"], capture_output=True, text=True, check=True).stdout.strip()
    images = set(re.findall(r"image: (\S+)", kustomized() + kustomized("uninstall")))
    assert images == {f"xdp-l2resp:{version}"}


@pytest.fixture
def announces(agent, cluster, pod):
    """Runs the pod until it announces the first address of the pool. No Lease is there before."""
    cluster.kubectl("delete", "lease", "-n", "xdp-l2resp", "--all")

    def announced(*replace):
        with open(agent.log_path, "w", encoding="utf-8") as log:
            pod(*replace).start(log)
        agent.wait_entries((FIRST, "eth1"), seconds=20)

    return announced


CLAIM = "l2resp-c6121401"  # of FIRST


def leases(cluster):
    return set(cluster.kubectl("get", "lease", "-n", "xdp-l2resp", "-o", "jsonpath={.items[*].metadata.name}").stdout.split())


@pytest.fixture
def etcd(cluster, lan, scratch):
    """Another than the cluster's, with TLS; and its URL on the LAN's server."""
    made = Etcd(scratch, tls=cluster.tls)
    way = Tunnel(lan.server, int(made.urls[0].rpartition(":")[2]))
    yield made, way.url
    way.close()
    made.close()


def test_the_overlay_etcd(announces, cluster, etcd, objects, told):
    """Leases are there, none in the cluster, but that of who gives the pools' addresses."""
    store, url = etcd
    objects.apply(kustomized("overlays/etcd"), POLICY, pool(), balanced("web"))
    announces(("https://etcd.example:2379", url), ("engine: etcd", "engine: etcd\n  " + SHORT.replace(", ", "\n  ")))
    assert store.get(f"/xdp-l2resp/claim/{FIRST}")["holder"] == "node-7"
    assert leases(cluster) == {"l2resp-ipam"}


def test_the_overlay_with_cilium(announces, cluster, objects, told):
    """A Service that Cilium's operator gave an address is announced; one that waits for it goes on waiting."""
    objects.apply(kustomized("overlays/with-cilium"), POLICY, pool(), balanced("web"), balanced("waiting"))
    objects.status("web", FIRST)
    announces(("engine: kubernetes", f"engine: kubernetes, {SHORT}"))
    assert told.given() == {"web": [FIRST], "waiting": []}
    # who says of which Services nobody announces the addresses has a Lease; l2resp-ipam, of who gives them, isn't there
    assert wait_until(lambda: leases(cluster) == {"l2resp-node-node-7", "l2resp-status", CLAIM}), leases(cluster)


def test_the_overlay_single_node(announces, cluster, objects, told):
    """No lease, and a control plane's label doesn't matter."""
    objects.apply(kustomized("overlays/single-node"), POLICY, pool(), balanced("web"), NODE)
    announces()
    assert f"{LABEL}=" in cluster.kubectl("get", "node", "node-7", "--show-labels").stdout
    assert leases(cluster) == {"l2resp-ipam"}


VERBS = {"POST": "create", "PATCH": "patch", "PUT": "update", "DELETE": "delete"}
PATH = re.compile(r"/(?:api/v1|apis/([a-z0-9.]+)/[a-z0-9]+)/(?:namespaces/[^/]+/)?([a-z0-9]+)(?:/[^/?]+(/status)?)?(?:\?|$)")


def used(requests):
    found = set()
    for _, line in requests:
        method, path = line.split(" ", 1)
        group, kind, status = PATH.fullmatch(path.partition("?")[0]).groups()
        verb = VERBS.get(method) or ("watch" if "watch=1" in path else "list")
        found.add((group or "", kind + (status or ""), verb))
    return found


def granted(cluster):
    roles = (cluster.api("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/xdp-l2respd"),
             cluster.api("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/xdp-l2resp/roles/xdp-l2respd"))
    return {(group, kind, verb) for role in roles for rule in role["rules"] for group in rule["apiGroups"]
            for kind in rule["resources"] for verb in rule["verbs"]}


def announced_again(agent, gate):
    for command in "drain", "resume":
        assert agent.command(command).status == 0
        assert wait_until(lambda: (command == "resume") == bool(agent.entries()), 20)
    return wait_until(lambda: ("", "events", "patch") in used(gate.requests), 5)


def test_each_permission_is_used_and_none_is_missed(agent, cluster, account, objects, gate, scratch, told):
    token = scratch / "account-token"
    token.write_text(account)
    agent.configure(f"{{server: '{gate.url}', token: {token}}}")
    # of 2 s, so that the claims of what nobody wants are removed soon
    agent.config.write_text(re.sub(r"engine: none", f"engine: kubernetes, server: '{gate.url}', token: {token}",
                                   agent.config.read_text()))
    objects.apply(POLICY, POLICY.replace("policy1", "wrong").replace("eth1", "eth("), pool(), local("web"),
                  on("node-1"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), seconds=20)
    # an Event that is there is counted, when the same happens again
    assert wait_until(lambda: ("", "events", "create") in used(gate.requests), 20)
    assert any(announced_again(agent, gate) for _ in range(4))
    # the claim is removed a while after nobody wants it
    objects.delete("service", "web")
    assert wait_until(lambda: used(gate.requests) >= granted(cluster), 20), granted(cluster) - used(gate.requests)
    assert used(gate.requests) <= granted(cluster)
    assert "HTTP status 403" not in agent.log()


@pytest.mark.smoke
def test_the_daemonset_is_the_units(cluster, account):
    """The same capabilities, a place for the socket, and the probes ask what is there."""
    pod = cluster.api("GET", "/apis/apps/v1/namespaces/xdp-l2resp/daemonsets/xdp-l2respd")["spec"]["template"]["spec"]
    agent = pod["containers"][0]
    unit = (ROOT / "deploy/xdp-l2respd.service").read_text()
    named = re.search(r"^CapabilityBoundingSet=(.*)$", unit, re.MULTILINE)[1].split()
    assert {f"CAP_{name}" for name in agent["securityContext"]["capabilities"]["add"]} == set(named)
    assert any(mount["mountPath"] == "/run/xdp-l2respd" and not mount.get("readOnly") for mount in agent["volumeMounts"])
    assert pod["hostNetwork"] and pod["serviceAccountName"] == "xdp-l2respd"
    assert agent["livenessProbe"]["exec"]["command"] == ["xdp-l2respd", "alive"]
    assert agent["readinessProbe"]["exec"]["command"] == ["xdp-l2respd", "ready"]


ANNOTATION = "container.apparmor.security.beta.kubernetes.io/"


@pytest.mark.parametrize("directory", ["base", "uninstall"])
def test_no_security_module_denies_bpffs(cluster, objects, directory):
    """As the API server has it: the annotation is rejected in a pod without that container, and an update removes former ones."""
    objects.apply(kustomized("base"), kustomized(directory))
    template = daemonset(cluster)["template"]
    spec = template["spec"]
    profiles = {name.removeprefix(ANNOTATION): profile for name, profile in template["metadata"]["annotations"].items()
                if name.startswith(ANNOTATION)}
    writers = [one["name"] for one in spec.get("initContainers", []) + spec["containers"]
               if any(mount["name"] == "bpffs" for mount in one.get("volumeMounts", []))]
    assert profiles == dict.fromkeys(writers, "unconfined")
    assert spec["securityContext"]["seLinuxOptions"] == {"type": "spc_t", "level": "s0"}


@pytest.mark.smoke
@pytest.mark.parametrize("kind,spec,why", (
    (0, {"serviceSelector": {"matchLabels": {"a": 1}}}, "matchLabels"),
    (0, {"nodeSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}, "operator"),
    (0, {"interfaces": "eth0"}, "interfaces"),
    (1, {"blocks": [{"cidr": 7}]}, "cidr"),
    (1, {"allowFirstLastIPs": "Maybe"}, "allowFirstLastIPs"),
))
def test_the_crds_refuse_what_the_agent_would(cluster, objects, kind, spec, why):
    path = cluster.directory / "wrong.json"
    path.write_text(json.dumps({"apiVersion": "cilium.io/v2alpha1", "metadata": {"name": "wrong"}, "spec": spec,
                                "kind": ("CiliumL2AnnouncementPolicy", "CiliumLoadBalancerIPPool")[kind]}))
    done = cluster.kubectl("create", "--validate=false", "-f", path, check=False)
    assert done.returncode and why in done.stderr, done.stderr
    assert not cluster.kubectl("get", CRDS[kind], "-o", "name").stdout
