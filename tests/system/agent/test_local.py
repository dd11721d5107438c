#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Which nodes may announce a Service with externalTrafficPolicy Local, and which may announce nothing; each row is
what objects say, and why --dry-run leaves the address to others, or nothing."""
import json
import time

import pytest

from daemon import POLICY, service
from endpoints import LABEL, endpoint, node, slices
from lan import VIP, VIP6
from wait import slack, wait_until

AT_ONCE = 0.3  # seconds from a slice's change to the address given up, by design


def web(**spec):
    return json.dumps({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "default"},
                       "spec": {"externalIPs": [VIP], "externalTrafficPolicy": "Local", "selector": {"app": "web"}}
                       | spec}) + "\n"


HERE, ELSEWHERE = endpoint("node-1", ready=True), endpoint("node-2", ready=True)
NOT_HERE = "externalTrafficPolicy is Local, and this node has no ready endpoint of the Service"
OTHERS = f"{NOT_HERE}: other nodes have one"
NOBODY = f"{NOT_HERE}: no node has one"
CLUSTER = {"externalTrafficPolicy": "Cluster"}

# what: (the Service's spec, its slices, why it isn't announced here)
LOCAL = {
    "an endpoint here": ({}, [slices(HERE)], None),
    "one of several": ({}, [slices(ELSEWHERE, HERE)], None),
    "elsewhere": ({}, [slices(ELSEWHERE)], OTHERS),
    "none": ({}, [slices()], NOBODY),
    "in the second slice": ({}, [slices(ELSEWHERE), slices(HERE, name="web-2")], None),
    "the later of two slices with one name counts": ({}, [slices(HERE), slices(ELSEWHERE)], OTHERS),
    "another Service's": ({}, [slices(ELSEWHERE), slices(HERE, of="api")], OTHERS),
    "another namespace's": ({}, [slices(ELSEWHERE), slices(HERE, namespace="other")], OTHERS),
    # conditions; what is absent is as the API says
    "no conditions": ({}, [slices(endpoint("node-1"))], None),
    "not ready": ({}, [slices(endpoint("node-1", ready=False))], NOBODY),
    "ready is null": ({}, [slices(endpoint("node-1", ready=None, serving=True))], None),
    "not ready, but serving: it terminates": (
        {}, [slices(endpoint("node-1", ready=False, serving=True, terminating=True), ELSEWHERE)], OTHERS),
    "ready, and terminating": ({}, [slices(endpoint("node-1", ready=True, serving=True, terminating=True))], NOBODY),
    "ready, and not serving": ({}, [slices(endpoint("node-1", ready=True, serving=False))], NOBODY),
    "terminating is null": ({}, [slices(endpoint("node-1", ready=True, serving=True, terminating=None))], None),
    "publishNotReadyAddresses counts all": (
        {"publishNotReadyAddresses": True}, [slices(endpoint("node-1", ready=False, terminating=True))], None),
    "publishNotReadyAddresses, elsewhere": (
        {"publishNotReadyAddresses": True}, [slices(endpoint("node-2", ready=False))], OTHERS),
    # what says nothing about nodes is treated as Cluster
    "endpoints without a node: a Gateway's": ({}, [slices(endpoint(None))], None),
    "that isn't ready": ({}, [slices(endpoint(None, ready=False))], None),
    "one without a node beside one elsewhere": ({}, [slices(endpoint(None), ELSEWHERE)], OTHERS),
    "no slice": ({}, [], None),
    "no selector": ({"selector": None}, [slices(ELSEWHERE)], None),
    # other policies
    "Cluster": (CLUSTER, [slices(ELSEWHERE)], None),
    "unset": ({"externalTrafficPolicy": None}, [slices(ELSEWHERE)], None),
    "internalTrafficPolicy is another matter": (CLUSTER | {"internalTrafficPolicy": "Local"}, [slices(ELSEWHERE)], None),
}


def why(agent):
    """Why VIP isn't announced by this node."""
    done = agent.command("--config", agent.config, "--dry-run", "--json")
    assert done.status == 0, done.err
    [row] = done.json
    assert (row["ip"], row["action"]) == (VIP, "none" if row["blocked"] else "add")
    return row["blocked"]


@pytest.mark.parametrize("spec, given, expected", LOCAL.values(), ids=LOCAL)
def test_local(agent, spec, given, expected):
    agent.write("all.yaml", POLICY, web(**spec), *given)
    assert why(agent) == expected


# what: (the slices, the reasons for VIP and for VIP6)
FAMILIES = {
    "each its own": ([slices(HERE), slices(ELSEWHERE, name="web-2", family="IPv6")], None, OTHERS),
    "IPv6 alone is here": ([slices(ELSEWHERE), slices(HERE, name="web-2", family="IPv6")], OTHERS, None),
    "the slice of a family is empty": ([slices(HERE), slices(name="web-2", family="IPv6")], None, NOBODY),
    "one without nodes": ([slices(ELSEWHERE), slices(endpoint(None), name="web-2", family="IPv6")], OTHERS, None),
    "no slice of a family": ([slices(ELSEWHERE)], OTHERS, OTHERS),
    "neither family's": ([slices(ELSEWHERE, family="FQDN")], OTHERS, OTHERS),
    "for both": ([slices(ELSEWHERE), slices(HERE, name="web-2", family="FQDN")], None, None),
}


@pytest.mark.parametrize("given, ipv4, ipv6", FAMILIES.values(), ids=FAMILIES)
def test_families(agent, given, ipv4, ipv6):
    """kube-proxy forwards an IPv6 address to IPv6 endpoints alone."""
    agent.write("all.yaml", POLICY, web(externalIPs=[VIP, VIP6]), *given)
    done = agent.command("--config", agent.config, "--dry-run", "--json")
    assert done.status == 0, done.err
    assert {row["ip"]: row["blocked"] for row in done.json} == {VIP: ipv4, VIP6: ipv6}


def shared(name, selector, **spec):
    return web(**spec, selector={"app": selector}).replace('"name": "web"', f'"name": "{name}"')


def test_services_that_share_an_address(agent):
    """One that has an endpoint here is enough; one with Cluster says nothing."""
    agent.write("all.yaml", POLICY, shared("web", "web"), shared("api", "api"), slices(ELSEWHERE),
                slices(HERE, of="api"))
    assert why(agent) is None
    agent.write("all.yaml", POLICY, shared("web", "web"), shared("api", "api", **CLUSTER), slices(ELSEWHERE))
    assert why(agent) == OTHERS


WRONG = {
    "conditions": ({"conditions": {"ready": "yes"}}, "ready must be true or false"),
    "nodeName": ({"nodeName": 7}, "nodeName must be a string"),
}


@pytest.mark.parametrize("wrong, text", WRONG.values(), ids=WRONG)
def test_a_slice_that_is_wrong_keeps_the_last_good_state(agent, wrong, text):
    agent.write("slices.yaml", slices(ELSEWHERE | wrong))
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 1 and "slices.yaml:1: " in done.err and text in done.err


LABELLED = f"this node is excluded by its label: node-1 carries the label {LABEL}"
# what: (the Node, the configuration, why nothing is announced here)
NODES = {
    "a Node": (node(Ready="True", NetworkUnavailable="False"), "", None),
    "the exclusion label": (node({LABEL: ""}), "", LABELLED),
    "whatever its value": (node({LABEL: "false"}), "", LABELLED),
    "the label is ignored": (node({LABEL: ""}), "announce: {ignoreExclusion: true}\n", None),
    "the label isn't ignored": (node({LABEL: ""}), "announce: {ignoreExclusion: false}\n", LABELLED),
    "no network": (node(NetworkUnavailable="True"), "", "this node's condition NetworkUnavailable is true"),
    "the network isn't known": (node(NetworkUnavailable="Unknown"), "", None),
    "out of service": (node(taints=["node.kubernetes.io/out-of-service"]), "announce: {ignoreExclusion: true}\n",
                       "this node is tainted as out of service: node-1 has the taint node.kubernetes.io/out-of-service"),
    # peers tried these, and took them back
    "NotReady": (node(taints=["node.kubernetes.io/not-ready"], Ready="False"), "", None),
    "not heard of": (node(taints=["node.kubernetes.io/unreachable"], Ready="Unknown"), "", None),
    "cordoned": (node(taints=["node.kubernetes.io/unschedulable"], unschedulable=True), "", None),
}


@pytest.mark.parametrize("given, keys, expected", NODES.values(), ids=NODES)
def test_node(agent, given, keys, expected):
    with agent.config.open("a") as config:
        config.write(keys)
    agent.write("all.yaml", POLICY, service("web", VIP), given)
    assert why(agent) == expected


# ---- an agent that runs ----

def gone_after(agent, *documents):
    """Seconds from a change of the slices to the entry gone."""
    agent.wait_entries((VIP, "eth1"))
    begun = time.monotonic()
    agent.write("slices.yaml", *documents)
    agent.wait_entries(seconds=5)
    return time.monotonic() - begun


def test_the_last_endpoint_goes_and_comes(agent):
    """Measured with what it takes to look, which is a process."""
    agent.write("all.yaml", POLICY, web())
    agent.write("slices.yaml", slices(HERE))
    agent.start()
    took = []
    for gone in (slices(ELSEWHERE), slices(), slices(endpoint("node-1", ready=False)), slices(of="api")):
        took.append(gone_after(agent, gone, slices(ELSEWHERE, name="web-2")))
        agent.write("slices.yaml", slices(HERE))
    print(f"# given up after {max(took) * 1000:.0f} ms at most")
    assert sorted(took)[-2] < AT_ONCE * slack(), took
    agent.wait_entries((VIP, "eth1"))


def test_show_says_how_local_is_meant(agent):
    agent.write("all.yaml", POLICY, web())
    agent.start()
    agent.wait_entries((VIP, "eth1"))

    def shown():
        return agent.command("show", "default/web").out.splitlines()

    def told():
        return json.loads(agent.command("show", "default/web", "--json").out)

    for given, text in {slices(endpoint(None)): "its endpoints name no node", "": "it has no EndpointSlice"}.items():
        agent.write("slices.yaml", given)
        line = f"external traffic policy: Local, treated as Cluster: {text}"
        assert wait_until(lambda line=line: shown()[2] == line), shown()
        assert (told()["external_traffic_policy"], told()["as_cluster"]) == ("Local", text)
        assert (VIP, "eth1") in agent.entries()
    agent.write("slices.yaml", slices(ELSEWHERE))
    agent.wait_entries()
    assert shown()[2] == "external traffic policy: Local"
    assert any(line.endswith(OTHERS) for line in shown()), shown()
    # it isn't a fault
    agent.answers("/readyz", 200, "ok\n")
    agent.write("all.yaml", POLICY, web(selector=None))
    agent.wait_entries((VIP, "eth1"))
    assert shown()[2].endswith("treated as Cluster: it has no selector")


def test_a_node_that_is_excluded(agent, lan):
    """Nothing is announced, nor is the program attached for it; label and node are named."""
    agent.write("all.yaml", POLICY, service("web", VIP, VIP6))
    agent.write("node.yaml", node({LABEL: ""}))
    agent.start()
    agent.answers("/readyz", 200, f"ok; {VIP}: {LABELLED}\n")
    agent.shows(LABELLED)
    assert lan.done("status --json").json == [] and agent.entries() == {}
    agent.write("node.yaml", node())
    agent.wait_entries((VIP, "eth1"), (VIP6, "eth1"))
    agent.answers("/readyz", 200, "ok\n")
    agent.write("node.yaml", node({LABEL: ""}))
    agent.wait_entries()
