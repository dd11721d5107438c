# SPDX-License-Identifier: GPL-2.0-or-later
"""What a real API server has of each reason for which nobody announces an address: an Event, and the condition, in the words of
`show`."""
import json
import os
import signal
from functools import partial

import pytest
from conftest import local, service
from daemon import POLICY
from endpoints import LABEL, node, on
from lan import CLIENT_MAC, PASS
from readers import LOG, of_service, reasons
from test_conditions import announced  # noqa: F401 pylint: disable=unused-import
from test_events import by_lease, events  # noqa: F401 pylint: disable=unused-import
from test_pools import FIRST, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import stays, wait_until

NAME = "io.kubernetes.service.name"
SOON = 30  # seconds: two looks, the grace, and a lease's duration
FIELD = "the policies that select the Service don't announce addresses of this field: policy {name}, without loadBalancerIPs: true"
# Service, its policy and address's last byte: the policy's spec besides; how the message goes on
CASES = {
    "service-selector": ({"serviceSelector": {"matchLabels": {"a": "b"}}}, "no policy's serviceSelector matches the Service's labels"),
    "address-kind": ({"loadBalancerIPs": False}, FIELD),
    "node-selector": ({"nodeSelector": {"matchLabels": {"kubernetes.io/hostname": "node-9"}}},
                      "no node claims it; node-1: the policies that select the Service don't select this node: policy {name}"),
    "no-interface": ({"interfaces": ["^enp.*"]}, "no node claims it; node-1: the policies' interfaces match no device of this node: "
                                                 "policy {name} has ^enp.*; suitable devices here: "),
    "no-local-endpoint": ({}, "no node claims it; node-1: externalTrafficPolicy is Local, and this node has no ready endpoint of the "
                              "Service: other nodes have one"),
    "kernel-answers": ({}, "no node claims it; node-1: the kernel would answer for it as well: on eth1, since it is a local address"),
    "other-host": ({}, f"no node claims it; node-1: another host on the LAN has it: {CLIENT_MAC}"),
    "link-down": ({"interfaces": ["eth2"]}, "no node claims it; node-1: the link is down, or has no carrier: eth2"),
    "attach-refused": ({"interfaces": ["eth3"]}, "no node claims it; node-1: the program can't be attached: eth3: another XDP program"),
    "map-full": ({}, "no node claims it; node-1: the map is full: there are more addresses than there may be of a family: 1; "),
    "not-attached": ({"interfaces": ["eth4"]}, "no node claims it; node-1: the program isn't attached yet: eth4"),
}


HELD = {
    "by-hand": "somebody added it by hand, which the agent leaves alone",
}
# without an address
POOLS = {
    "no-pool": "no pool in use serves the Service",
    "pool-exhausted": "the pools that serve the Service have no free address: All enabled ",
    "request-refused": "the pools don't give the address that the Service asks for: The IP ",
}
DELETED = "it is deleted"
# of the whole node: the Node, and how the message goes on
NODE = {
    "drained": (None, "this node is drained"),
    "excluded_node": (node({LABEL: ""}), f"this node is excluded by its label: node-1 carries the label {LABEL}"),
    "network_unavailable": (node(NetworkUnavailable="True"), "this node's condition NetworkUnavailable is true"),
    "out_of_service": (node(taints=["node.kubernetes.io/out-of-service"]), "this node is tainted as out of service"),
    "node_deleted": (DELETED, "this node is excluded until it has a Node object again: the Node node-1 was deleted"),
}
ELSEWHERE = {"no_policy", "not_claimed", "node_address", "newer_claim", "long_leases", "endpoints_unknown"}


def reason_of(name):
    return name.replace("-", "_")


def test_all_have_a_case():
    assert reasons(condition="False", event=True) - reasons(by=LOG) == ELSEWHERE | set(NODE) | {
        *map(reason_of, (*CASES, *HELD, *POOLS))}
    assert reasons(condition="Unknown", event=False) == {"store_unreachable", "not_probed"}
    assert reasons(condition="True", event=False) == {"other_node", "not_preferred"}
    assert reasons(condition=None, event=False) == {"other_class", "name_taken", "newer_version", "pools_wait"}


def ip_of(name):
    return f"198.18.30.{1 + [*CASES, *HELD, 'web', 'first'].index(name)}"


def policy(name):
    """It selects the Service of its name, and announces what a load balancer gave it."""
    spec = {"serviceSelector": {"matchLabels": {NAME: name}}, "interfaces": ["eth1"], "loadBalancerIPs": True}
    return json.dumps({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": name},
                       "spec": spec | CASES.get(name, ({},))[0]}) + "\n"


def add(objects, *names):
    """Services with an address, and their policies."""
    objects.apply(*(local(name) if name == "no-local-endpoint" else service(name, kind="LoadBalancer") for name in names),
                  *(policy(name) for name in names))
    for name in names:
        objects.status(name, ip_of(name))


def word(reason):
    """As a condition has it."""
    return "".join(part.title() for part in reason.split("_"))


class Readers:
    """Events and conditions of a Service."""

    def __init__(self, events, announced):
        self.events, self.announced = events, announced

    def say(self, reason, name, event, condition):
        """Do both begin so?"""
        found = self.announced(name)
        return found and found[:2] == ("False", word(reason)) and found[2].startswith(condition) and any(
            key == "NotAnnounced" and message.startswith(event) for key, message in self.events())

    def wait(self, agent, reason, name, event, condition):
        assert wait_until(partial(self.say, reason, name, event, condition), SOON), \
            (name, event, condition, self.announced(name), [*self.events()], agent.log())

    def wait_nobody(self, agent, reason, name, ip, how):
        self.wait(agent, reason, name, f"no node can announce {ip}: {how}", f"{ip}: {how}")


@pytest.fixture
def readers(events, announced):
    return Readers(events, announced)


def prepare(lan):
    """What makes this node unfit for some of them."""
    for number in 2, 3, 4:
        lan.server.ip(f"link add eth{number} type veth peer name peer{number}", f"link set eth{number} up")
    lan.server.ip("link set peer3 up", "link set peer4 up", f"address add {ip_of('kernel-answers')}/32 dev lo")
    lan.server.run("ip", "link", "set", "eth3", "xdpdrv", "obj", PASS, "sec", "xdp")
    lan.client.ip(f"address add {ip_of('other-host')}/32 dev eth0")
    # there is room for one
    lan.done("attach eth1 --max-entries 1")
    lan.done(f"add {ip_of('by-hand')} dev eth1")


def test_each_reason(by_lease, lan, objects, readers, told):
    agent = by_lease
    agent.config.write_text(agent.config.read_text() + "\nprobe: true\n")
    prepare(lan)
    add(objects, *(name for name in (*CASES, *HELD) if name != "not-attached"))
    objects.apply(on("node-9", of="no-local-endpoint"))
    agent.start()

    def nobody(name):
        readers.wait_nobody(agent, reason_of(name), name, ip_of(name), CASES[name][1].format(name=name))

    agent.shows("attach_refused", "show default/attach-refused")
    # the agent ends when its helper hasn't answered for 30 s
    os.kill(agent.helper(), signal.SIGSTOP)
    try:
        add(objects, "not-attached")
        nobody("not-attached")
    finally:
        os.kill(agent.helper(), signal.SIGCONT)
    for name in CASES:
        if name != "not-attached":
            nobody(name)
    for name, how in HELD.items():
        ip = ip_of(name)
        readers.wait(agent, reason_of(name), name, f"node-1 holds {ip} but doesn't announce it: {how}", f"{ip}: {how}")
    # each once
    found = readers.events()
    assert {event["involvedObject"]["name"]: event["count"] for event in found.values()} == dict.fromkeys((*CASES, *HELD), 1), found


def test_what_pools_do_not_give(agent, objects, readers, told):
    """There is one address, which "first" has, and one Service that no pool serves."""
    asks = (balanced(name).replace("spec: {", f"spec: {{loadBalancerIP: {FIRST}, ") for name in ("first", "request-refused"))
    served = pool(last=FIRST).replace("spec: {", f"spec: {{serviceSelector: {{matchExpressions: [{{key: {NAME}, operator: NotIn, "
                                      "values: [no-pool]}]}, ")
    objects.apply(POLICY, served, *asks, balanced("no-pool"))
    agent.start()
    assert wait_until(lambda: told.given()["first"] == [FIRST]), agent.log()
    objects.apply(balanced("pool-exhausted"))
    for name, how in POOLS.items():
        readers.wait(agent, reason_of(name), name, f"it has no address to announce: {how}", how)


def test_what_is_of_the_whole_node(by_lease, objects, readers, told):
    """One after the other, of one Service; then there is no policy."""
    agent = by_lease
    agent.start()
    assert agent.command("drain").status == 0
    add(objects, "web")
    for reason, (made, how) in NODE.items():
        if made is DELETED:
            objects.delete("node", "node-1")
        elif made:
            objects.apply(made)
            apply_status(objects, made)
        readers.wait_nobody(agent, reason, "web", ip_of("web"), f"no node claims it; node-1: {how}")
    objects.cluster.kubectl("delete", "ciliuml2announcementpolicies", "--all")
    readers.wait_nobody(agent, "no_policy", "web", ip_of("web"), "there is no CiliumL2AnnouncementPolicy")


def apply_status(objects, made):
    """A Node's conditions are of a subresource."""
    objects.cluster.api("PATCH", "/api/v1/nodes/node-1/status", {"status": json.loads(made)["status"]},
                        kind="application/merge-patch+json")


def test_a_claim_that_is_not_confirmed(by_lease, objects, readers, gate, told):
    """The session goes on; what would make a record is never answered."""
    agent = by_lease
    agent.start()
    add(objects, "first")
    agent.wait_entries((ip_of("first"), "eth1"), seconds=20)
    objects.delete("service", "first")
    agent.wait_entries()
    gate.withhold = lambda line: line.startswith("POST") and "/leases" in line
    add(objects, "web")
    readers.wait_nobody(agent, "not_claimed", "web", ip_of("web"), "no node claims it; node-1: this node's claim isn't confirmed yet")


def test_a_service_of_another_program(agent, objects, readers, announced, told):
    """It has no Event of ours, nor a condition."""
    agent.config.write_text(agent.config.read_text() + "\nloadBalancerClassRequired: true\n")
    add(objects, "web")
    agent.start()
    agent.until(lambda: of_service(agent)[0] == "other_class")
    assert stays(lambda: not readers.events() and not announced("web"), 12), (readers.events(), announced("web"))
