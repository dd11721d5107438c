# SPDX-License-Identifier: GPL-2.0-or-later
"""xdp-l2respd show: what becomes of one Service, for a person and as JSON."""
import json

from daemon import POLICY, service
from lan import VIP, VIP6
from test_pools import FIRST, balanced, pool

OTHER = POLICY.replace("policy1", "policy2").replace("spec:", "spec:\n  serviceSelector: {matchLabels: {none: such}}")


def test_a_service_that_is_announced(agent, lan):
    agent.write("all.yaml", POLICY, OTHER, service("web", VIP, VIP6))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (VIP6, "eth1"))
    shown = agent.command("show", "default/web")
    assert shown.status == 0, shown.err
    lines = shown.out.splitlines()
    assert lines[:3] == ["default/web", "policies on this node: policy1", f"{VIP} (externalIPs)"]
    assert lines[3].startswith("  lease l2resp-c6120a01, holder: node-1, this node, for another ")
    assert lines[4:6] == ["  interfaces: eth1", f"  next, on node-1: xdp-l2resp explain {VIP} dev eth1"]
    # which is a command that works there
    assert lan.cli(lines[5].partition("xdp-l2resp ")[2]).status == 0
    told = json.loads(agent.command("show", "default/web", "--json").out)
    assert told.keys() == {"namespace", "service", "node", "policies", "addresses"}
    assert told["addresses"][0].keys() == {"ip", "field", "lease", "blocked", "reason", "interfaces", "claim"}
    assert told["policies"] == ["policy1"] and told["node"] == "node-1"
    assert [(one["ip"], one["claim"]["holder"], one["interfaces"]) for one in told["addresses"]] == [
        (VIP, "node-1", ["eth1"]), (VIP6, "node-1", ["eth1"])]


def test_one_that_is_not(agent):
    agent.write("all.yaml", OTHER, pool(), balanced("web"), balanced("none").replace("LoadBalancer", "ClusterIP"))
    agent.start()
    shown = agent.command("show", "default/web").out
    assert "policies on this node: none" in shown and f"{FIRST} (loadBalancer)" in shown
    assert "holder: not known here\n" in shown
    assert f"  not to be had by node-1: {FIRST}: no policy of this node selects it" in shown
    assert "  interfaces: none" in shown and "explain" not in shown
    assert "no address" in agent.command("show", "default/none").out


def test_one_that_is_unknown(agent):
    agent.start()
    for name in "default/web", "web", "default/", "":
        shown = agent.command("show", name)
        assert shown.status == 1 and f"no Service '{name}' is known; it takes NAMESPACE/NAME" in shown.err
    assert agent.command("show").status == 2
