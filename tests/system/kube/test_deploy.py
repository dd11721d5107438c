# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/kubernetes as it is: applied to a real API server, and the agent with the identity that it gives."""
import json
import re
import subprocess
from pathlib import Path

import pytest
from conftest import CRDS, local
from daemon import AGENT, POLICY
from endpoints import on
from kube import kustomized
from lan import ROOT
from pod import REASON, Pod, hide_cgroups, image_root
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import wait_until

ACCOUNT = "/api/v1/namespaces/xdp-l2resp/serviceaccounts/xdp-l2respd/token"
DAEMONSET = "/apis/apps/v1/namespaces/xdp-l2resp/daemonsets/xdp-l2respd"
OVERLAYS = "", "overlays/etcd", "overlays/single-node", "overlays/with-cilium"


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
    """Makes the pod of the DaemonSet as it is now, on the LAN's server."""
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

    def make():
        (directories["config"] / "agent.yaml").write_text(configuration(cluster)[1])
        made.append(Pod(scratch / f"pod{len(made)}", lan.server.name, image_root(Path(AGENT).parents[1]),
                        daemonset(cluster)["template"]["spec"], directories | {"bpffs": lan.bpffs}, directories["account"],
                        {"NODE_NAME": "node-7", "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                         "KUBERNETES_SERVICE_PORT": tunnel.rpartition(":")[2]}, lan.server.path))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.smoke
def test_out_of_the_image(agent, cluster, pod, objects, lan, told):
    """From a pod that announces to a node where nothing is left; only the image's files, and what a pod is given."""
    objects.apply(POLICY, pool(), balanced("web"))
    with open(agent.log_path, "w", encoding="utf-8") as log:
        first = pod()
        first.start(log)
    agent.wait_entries((FIRST, "eth1"), seconds=20)
    assert agent.ready(), agent.log()
    assert "node-7" in cluster.kubectl("get", "lease", "-n", "xdp-l2resp").stdout
    container = first.spec["containers"][0]
    assert first.exec(container["livenessProbe"]["exec"]["command"]).returncode == 0
    assert first.exec(["sh"], check=False).returncode and first.exec(["touch", "/tmp/x"], check=False).returncode
    # what an update does: entries are left to the next pod
    first.exec(container["lifecycle"]["preStop"]["exec"]["command"])
    first.process.wait(first.spec["terminationGracePeriodSeconds"])
    assert agent.entries() and lan.rows("status"), agent.log()

    objects.apply(kustomized("uninstall"))
    last = pod()
    last.initialise()
    # libxdp leaves its directory
    assert set(lan.pins()) <= {f"{lan.bpffs}/xdp"} and "xdp" not in lan.server.run("ip", "link", "show", "eth1").stdout
    last.start(subprocess.DEVNULL)
    assert wait_until(lambda: last.exec(["kill", "-0", "1"], check=False).returncode == 0), "it doesn't wait to be deleted"


@pytest.mark.smoke
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


@pytest.mark.smoke
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
    assert agent["readinessProbe"]["httpGet"]["path"] == "/readyz"


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
