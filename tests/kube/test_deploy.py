# SPDX-License-Identifier: GPL-2.0-or-later
"""deploy/kubernetes as it is: applied to a real API server, and the agent with the identity that it gives."""
import json
import re
from pathlib import Path

import pytest
from conftest import CRDS, DEPLOY, local
from daemon import POLICY
from endpoints import on
from lan import ROOT
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import wait_until

ACCOUNT = "/api/v1/namespaces/xdp-l2resp/serviceaccounts/xdp-l2respd/token"
IN_A_POD = """
mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount &&
cp {files}/* /run/secrets/kubernetes.io/serviceaccount/ && exec "$@"
"""


@pytest.fixture
def account(cluster, objects):
    """A token of the ServiceAccount, once its roles are known."""
    for name in "00-namespace.yaml", "rbac.yaml", "daemonset.yaml":
        done = cluster.kubectl("apply", "--server-side", "-f", DEPLOY / name, check=False)
        assert done.returncode == 0, done.stderr
    token = cluster.api("POST", ACCOUNT, {"spec": {"audiences": []}})["status"]["token"]

    def permitted():
        return all(cluster.kubectl("auth", "can-i", "list", kind, f"--token={token}", *space, check=False).stdout
                   .startswith("yes") for kind, space in (("services", ()), ("leases", ("-n", "xdp-l2resp"))))

    assert wait_until(permitted, 20)
    return token


def told_config(cluster):
    made = cluster.api("GET", "/api/v1/namespaces/xdp-l2resp/configmaps/xdp-l2respd")
    return made["data"]["agent.yaml"]


@pytest.mark.smoke
def test_a_pods_identity_and_configuration(agent, cluster, account, objects, tunnel, scratch, lan, told):
    """Nothing but the ConfigMap and what every pod is given."""
    files = scratch / "account"
    files.mkdir()
    (files / "token").write_text(account)
    (files / "namespace").write_text("xdp-l2resp")
    (files / "ca.crt").write_bytes(Path(cluster.tls["ca"] + ".crt").read_bytes())
    agent.config.write_text(told_config(cluster) + f"bpffs: {lan.bpffs}\n")
    objects.apply(POLICY, pool(), balanced("web"))
    agent.start("env", "NODE_NAME=node-7", "KUBERNETES_SERVICE_HOST=127.0.0.1",
                f"KUBERNETES_SERVICE_PORT={tunnel.rpartition(':')[2]}",
                "unshare", "-m", "sh", "-c", IN_A_POD.format(files=files), "sh")
    agent.wait_entries((FIRST, "eth1"), seconds=20)
    assert agent.ready(), agent.log()
    assert "node-7" in cluster.kubectl("get", "lease", "-n", "xdp-l2resp").stdout


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
