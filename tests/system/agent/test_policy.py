#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""CiliumL2AnnouncementPolicy, as manifests have it: what --dry-run and --check print, and what a running agent says. What policies
select is tests/system/promises' to ask; here it is of real interfaces."""
import json

import pytest

from wait import wait_until

# Addresses tell where they are from: .1x are external, .2x the load balancer's.
WEB_EXTERNAL, WEB_BALANCER = "198.18.10.11", "198.18.10.21"
API_EXTERNAL, API_BALANCER = "198.18.10.12", "198.18.10.22"
V6_EXTERNAL, V6_BALANCER = "2001:db8::13", "2001:db8::23"
CLASS_OURS, CLASS_OTHERS = "198.18.10.14", "198.18.10.15"

SERVICES = [
    {"metadata": {"name": "web", "namespace": "default", "labels": {"color": "blue", "tier": "front"}},
     "spec": {"externalIPs": [WEB_EXTERNAL]},
     "status": {"loadBalancer": {"ingress": [{"ip": WEB_BALANCER}]}}},
    {"metadata": {"name": "api", "namespace": "prod", "labels": {"color": "red"}},
     "spec": {"externalIPs": [API_EXTERNAL], "loadBalancerClass": None},
     "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}, {"ip": API_BALANCER}]}}},
    {"metadata": {"name": "v6", "labels": {"family": "6"}},
     "spec": {"externalIPs": [V6_EXTERNAL]},
     "status": {"loadBalancer": {"ingress": [{"ip": V6_BALANCER}]}}},
    {"metadata": {"name": "ours", "labels": {"class": "given"}},
     "spec": {"externalIPs": [CLASS_OURS], "loadBalancerClass": "io.cilium/l2-announcer"}},
    {"metadata": {"name": "others", "labels": {"class": "given"}},
     "spec": {"externalIPs": [CLASS_OTHERS], "loadBalancerClass": "example.com/other"}},
    {"metadata": {"name": "bare"}, "spec": {"clusterIP": "198.18.10.99"}},
]

NODE = {"apiVersion": "v1", "kind": "Node",
        "metadata": {"name": "node-1", "labels": {"kubernetes.io/hostname": "node-1", "rack": "a",
                                                  "node-role.kubernetes.io/worker": ""}}}

SUITABLE = {"eth1", "eth2", "wan0", "br0"}  # br0 is a bridge; its port veth9 is none
EXTERNAL = {WEB_EXTERNAL, API_EXTERNAL, V6_EXTERNAL, CLASS_OURS}
BALANCER = {WEB_BALANCER, API_BALANCER, V6_BALANCER}

EXT = {"externalIPs": True}
ON_ETH1 = {"interfaces": ["^eth1$"]}


def on(addresses, devices=("eth1",)):
    return {(address, dev) for address in addresses for dev in devices}


def services(**selector):
    return {"serviceSelector": selector} | EXT | ON_ETH1


def expression(key, operator, *values):
    return {"matchExpressions": [{"key": key, "operator": operator} | ({"values": list(values)} if values else {})]}


def nodes(**selector):
    return {"nodeSelector": selector} | EXT | ON_ETH1


WEB, API = on({WEB_EXTERNAL}), on({API_EXTERNAL})

# name: spec of the policy, what it selects
SELECTED = {
    "no interfaces: all suitable devices": (EXT, on(EXTERNAL, SUITABLE)),
    "a regular expression": ({"interfaces": ["^eth[0-9]+"]} | EXT, on(EXTERNAL, {"eth1", "eth2"})),
    "loopback isn't selected by name": ({"interfaces": ["^lo$"]} | EXT, set()),
    "a bridge's port isn't selected by name": ({"interfaces": ["^veth9$"]} | EXT, set()),
}

# what is wrong: spec, the line's text
REFUSED = {
    "In without values": (services(**expression("color", "In")), "In needs values"),
    "a misspelt field": ({"serviceSelecter": {}}, "no key 'serviceSelecter'"),
    "a named backreference": ({"interfaces": [r"(?P<a>e)(?P=a)"]}, "has a backreference"),
}


@pytest.fixture
def links(lan):
    lan.server.ip(*(f"link add {dev} type veth peer name {dev}p netns {lan.client.name}"
                    for dev in ("eth2", "wan0", "veth9")),
                  "link add br0 type bridge", "link set veth9 master br0")


def objects(*given):
    return "---\n".join(json.dumps({"apiVersion": "v1", "kind": "Service"} | one) + "\n" for one in given)


def policy(spec, name="policy1"):
    return objects({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
                    "metadata": {"name": name}, "spec": spec})


def selected(agent):
    done = agent.command("--config", agent.config, "--dry-run", "--json")
    assert done.status == 0, done.err
    return [(row["ip"], row["dev"]) for row in done.json]


@pytest.mark.parametrize("spec, expected", SELECTED.values(), ids=SELECTED)
def test_selected(agent, links, spec, expected):
    agent.write("objects.yaml", objects(NODE, *SERVICES), policy(spec))
    rows = selected(agent)
    assert set(rows) == expected
    assert len(rows) == len(expected)


@pytest.mark.parametrize("spec, text", REFUSED.values(), ids=REFUSED)
def test_refused(agent, spec, text):
    agent.write("policy.yaml", policy(EXT, "good"), policy(spec))
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 1
    assert "policy.yaml:3: " in done.err and text in done.err, done.err
    assert len(done.err.splitlines()) == 1


def test_policies_add_up(agent, links):
    agent.write("objects.yaml", objects(NODE, *SERVICES),
                policy(services(matchLabels={"color": "blue"}), "one"),
                policy({"loadBalancerIPs": True, "interfaces": ["wan0"]}, "two"))
    assert set(selected(agent)) == WEB | on(BALANCER, {"wan0"})


def test_the_later_of_two_with_one_name_counts(agent, links):
    agent.write("1.yaml", objects(NODE, *SERVICES), policy(EXT))
    agent.write("2.yaml", policy(services(matchLabels={"color": "red"})))
    assert set(selected(agent)) == API


def test_two_services_with_one_address(agent, links):
    second = SERVICES[0] | {"metadata": {"name": "second"}}
    agent.write("objects.yaml", objects(NODE, SERVICES[0], second), policy(EXT | ON_ETH1))
    assert selected(agent) == [(WEB_EXTERNAL, "eth1")]


def test_without_a_node_manifest_the_host_name_is_the_only_label(agent, links):
    agent.write("objects.yaml", objects(SERVICES[0]),
                policy(nodes(matchLabels={"kubernetes.io/hostname": "node-1"}), "one"))
    assert set(selected(agent)) == WEB
    agent.write("objects.yaml", objects(SERVICES[0]), policy(nodes(matchLabels={"rack": "a"})))
    assert selected(agent) == []


def test_another_class_can_be_ours(agent, links):
    with agent.config.open("a") as config:
        config.write("loadBalancerClass: example.com/other\n")
    agent.write("objects.yaml", objects(NODE, *SERVICES),
                policy(services(matchLabels={"class": "given"})))
    assert set(selected(agent)) == on({CLASS_OTHERS})


def test_addresses_that_nobody_can_announce_are_left_out(agent, links):
    given = {"metadata": {"name": "odd"},
             "spec": {"externalIPs": ["224.0.0.1", "127.0.0.1", "::1", "ff02::1", "nonsense", WEB_EXTERNAL]}}
    agent.write("objects.yaml", objects(given), policy(EXT | ON_ETH1))
    done = agent.command("--config", agent.config, "--dry-run", "--json")
    assert [row["ip"] for row in done.json] == [WEB_EXTERNAL]
    assert len(done.err.splitlines()) == 5


def test_unknown_kinds_are_skipped_with_a_line(agent, links):
    agent.write("objects.yaml", objects({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}},
                                        {"apiVersion": "serving.knative.dev/v1", "metadata": {"name": "y"}},
                                        *SERVICES[:1]), policy(EXT | ON_ETH1))
    done = agent.command("--config", agent.config, "--dry-run", "--json")
    assert {row["ip"] for row in done.json} == {WEB_EXTERNAL}
    assert "objects.yaml:1: skipped apps/v1 Deployment" in done.err
    assert "objects.yaml:3: skipped serving.knative.dev/v1 Service" in done.err


# kinds that are probably meant to be one of ours: refused, with the one that is meant
MISSPELT = {
    ("cilium.io/v2alpha1", "CiliumL2AnouncementPolicy"): "CiliumL2AnnouncementPolicy, see xdp-l2respd(8)",
    ("cilium.io/v2alpha1", "CiliumL2AnnoucementPolciy"): "CiliumL2AnnouncementPolicy, see xdp-l2respd(8)",
    ("cilium.io/v2", "CiliumL2AnnouncementPolicy"): "cilium.io/v2alpha1 CiliumL2AnnouncementPolicy, see",
    ("cilium.io/v2", "CiliumLoadBalancerIpPools"): "cilium.io/v2 CiliumLoadBalancerIPPool, see docs/pools.md",
    ("cilium.io/v1", "CiliumLoadBalancerIPPool"): "cilium.io/v2 CiliumLoadBalancerIPPool, see docs/pools.md",
    ("v1", "Sevrice"): "v1 Service, see xdp-l2respd(8)",
    ("V1", "Service"): "v1 Service, see xdp-l2respd(8)",
    ("v1", "node"): "v1 Node, see xdp-l2respd(8)",
}
# and those that aren't
UNUSED = {
    ("v1", "Pod"): "which isn't used here", ("v1", "Secret"): "which isn't used here",
    ("rbac.authorization.k8s.io/v1", "Role"): "which isn't used here",
    ("serving.knative.dev/v1", "Service"): "which isn't used here",
    ("cilium.io/v2alpha1", "CiliumPodIPPool"): "which isn't used here",
    ("cilium.io/v2", "CiliumLocalRedirectPolicy"): "which isn't used here",
    ("metallb.io/v1beta1", "IPAddressPool"): "here it is a CiliumLoadBalancerIPPool, see docs/migration.md",
    ("metallb.io/v1beta1", "L2Advertisement"): "here it is a CiliumL2AnnouncementPolicy, see docs/migration.md",
    ("metallb.io/v1beta2", "BGPPeer"): "which is MetalLB's, see docs/migration.md",
}


def test_misspelt_kinds_are_refused_and_unused_ones_named(agent):
    for number, (api, kind) in enumerate(MISSPELT | UNUSED):
        agent.write(f"{number}.yaml", objects({"apiVersion": api, "kind": kind, "metadata": {"name": "x"}}))
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 1
    for number, ((api, kind), text) in enumerate(MISSPELT.items()):
        line = next(line for line in done.err.splitlines() if f"/{number}.yaml:1: " in line)
        assert f"no kind {api} {kind}; there is " in line and text in line and line.endswith("; the file is left out")
    for number, ((api, kind), text) in enumerate(UNUSED.items(), len(MISSPELT)):
        line = next(line for line in done.err.splitlines() if f"/{number}.yaml:1: " in line)
        assert f"skipped {api} {kind}, " in line and text in line
    assert len(done.err.splitlines()) == len(MISSPELT) + len(UNUSED)


def test_a_kind_that_becomes_misspelt_withdraws_nothing(agent):
    agent.write("policy.yaml", policy(EXT | ON_ETH1))
    agent.write("service.yaml", objects(SERVICES[0]))
    agent.start()
    agent.wait_entries((WEB_EXTERNAL, "eth1"))
    agent.write("policy.yaml", policy(EXT | ON_ETH1).replace("Announcement", "Anouncement"))
    agent.says("no kind cilium.io/v2alpha1 CiliumL2AnouncementPolicy; there is", "what the file said before stays in force")
    agent.wait_entries((WEB_EXTERNAL, "eth1"))
    agent.until(lambda: agent.http("/readyz")[1].startswith(f"1 manifest is wrong: {agent.manifests}/policy.yaml:1: no kind "))
    agent.write("policy.yaml", policy(EXT | ON_ETH1))
    agent.wait_ready()


def test_what_is_for_others_is_named_by_readyz(agent):
    """As a note: the agent is ready. Gone, it isn't named any more."""
    agent.write("policy.yaml", policy(EXT | ON_ETH1))
    agent.write("pool.yaml", objects({"apiVersion": "metallb.io/v1beta1", "kind": "IPAddressPool", "metadata": {"name": "x"}}))
    agent.start()
    said = f"{agent.manifests}/pool.yaml:1: skipped metallb.io/v1beta1 IPAddressPool, which is MetalLB's; here it is a " \
           "CiliumLoadBalancerIPPool, see docs/migration.md\n"
    assert wait_until(lambda: agent.http("/readyz") == (200, f"ok; {said}")), agent.http("/readyz")
    agent.write("pool.yaml", objects({"apiVersion": "v1", "kind": "Service", "metadata": {
        "name": "web", "annotations": {"kube-vip.io/loadbalancerIPs": "198.18.0.9"}}}))
    assert wait_until(lambda: "kube-vip.io/loadbalancerIPs; see docs/migration.md" in agent.http("/readyz")[1])
    (agent.manifests / "pool.yaml").unlink()
    agent.answers("/readyz", 200, "ok\n")


def test_preferred_nodes_and_macs_that_make_no_sense(agent):
    """A selector is named and counts as absent, since it only changes who goes first; another MAC is an error."""
    agent.write("policy.yaml", policy(EXT | ON_ETH1))
    agent.write("service.yaml", objects({"apiVersion": "v1", "kind": "Service", "spec": {"externalIPs": [WEB_EXTERNAL]},
                                         "metadata": {"name": "web", "annotations": {
                                             "xdp-l2resp.io/preferred-nodes": "zone in (a"}}}))
    said = "xdp-l2resp.io/preferred-nodes: no label selector at 'zone in (a'"
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 0 and said in done.err
    agent.start()
    agent.wait_entries((WEB_EXTERNAL, "eth1"))
    agent.says(said)
    assert "preferred nodes" not in agent.command("show", "default/web").out
    agent.write("service.yaml", objects({"apiVersion": "v1", "kind": "Service", "metadata": {
        "name": "web", "annotations": {"xdp-l2resp.io/mac": "virtuell"}}}))
    agent.says("xdp-l2resp.io/mac takes one of interface, virtual")
    agent.wait_entries((WEB_EXTERNAL, "eth1"))


def test_a_list_of_objects(agent, links):
    items = [{"apiVersion": "v1", "kind": "Service"} | SERVICES[0]]
    agent.write("list.json", json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    agent.write("policy.yaml", policy(EXT | ON_ETH1))
    assert set(selected(agent)) == WEB
