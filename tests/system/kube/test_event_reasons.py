# SPDX-License-Identifier: GPL-2.0-or-later
"""Events of a real API server: each reason for which nobody announces an address is told in the words of `show`."""
import json
import os
import signal
from functools import partial

import pytest
from conftest import local, service
from daemon import POLICY
from endpoints import LABEL, node, on
from lan import CLIENT_MAC, PASS
from test_events import by_lease, events  # noqa: F401 pylint: disable=unused-import
from test_pools import told  # noqa: F401 pylint: disable=unused-import
from wait import wait_until

SOON = 30  # seconds: two looks, the grace, and a lease's duration
FIELD = "the policies that select the Service don't announce addresses of this field: policy {name}, without loadBalancerIPs: true"
# Service, its policy and address's last byte: the policy's spec besides; how the message goes on
CASES = {
    "service-selector": ({"serviceSelector": {"matchLabels": {"a": "b"}}}, "no policy's serviceSelector matches the Service's labels"),
    "address-kind": ({"loadBalancerIPs": False}, FIELD),
    "node-selector": ({"nodeSelector": {"matchLabels": {"kubernetes.io/hostname": "node-9"}}},
                      "no node takes it; node-1: the policies that select the Service don't select this node: policy {name}"),
    "no-interface": ({"interfaces": ["^enp.*"]}, "no node takes it; node-1: the policies' interfaces match no device of this node: "
                                                 "policy {name} has ^enp.*; suitable devices here: "),
    "no-local-endpoint": ({}, "no node takes it; node-1: externalTrafficPolicy is Local, and this node has no ready endpoint of the "
                              "Service: other nodes have one"),
    "kernel-answers": ({}, "no node takes it; node-1: the kernel would answer for it as well: on eth1, since it is a local address"),
    "other-host": ({}, f"no node takes it; node-1: another host on the LAN has it: {CLIENT_MAC}"),
    "link-down": ({"interfaces": ["eth2"]}, "no node takes it; node-1: the link is down, or has no carrier: eth2"),
    "attach-refused": ({"interfaces": ["eth3"]}, "no node takes it; node-1: the program can't be attached: eth3: another XDP program"),
    "not-attached": ({"interfaces": ["eth4"]}, "no node takes it; node-1: the program isn't attached yet: eth4"),
}


def ip_of(name):
    return f"198.18.30.{1 + [*CASES, 'web', 'first'].index(name)}"


def policy(name):
    """It selects the Service of its name, and announces what a load balancer gave it."""
    spec = {"serviceSelector": {"matchLabels": {"io.kubernetes.service.name": name}}, "interfaces": ["eth1"], "loadBalancerIPs": True}
    return json.dumps({"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": name},
                       "spec": spec | CASES.get(name, ({},))[0]}) + "\n"


def add(objects, *names):
    """Services with an address, and their policies."""
    objects.apply(*(local(name) if name == "no-local-endpoint" else service(name, kind="LoadBalancer") for name in names),
                  *(policy(name) for name in names))
    for name in names:
        objects.status(name, ip_of(name))


def said(events, name, how):
    """Is there an Event that begins so? Returns whether nothing is missing."""
    begin = f"nobody may announce {ip_of(name)}: {how.format(name=name)}"
    return any(reason == "NotAnnounced" and message.startswith(begin) for reason, message in events())


def wait_said(agent, events, name, how):
    assert wait_until(partial(said, events, name, how), SOON), (name, how, list(events()), agent.log())


def prepare(lan):
    """What makes this node unfit for some of them."""
    for number in 2, 3, 4:
        lan.server.ip(f"link add eth{number} type veth peer name peer{number}", f"link set eth{number} up")
    lan.server.ip("link set peer3 up", "link set peer4 up", f"address add {ip_of('kernel-answers')}/32 dev lo")
    lan.server.run("ip", "link", "set", "eth3", "xdpdrv", "obj", PASS, "sec", "xdp")
    lan.client.ip(f"address add {ip_of('other-host')}/32 dev eth0")


@pytest.mark.smoke
def test_each_reason(by_lease, lan, objects, events, told):
    agent = by_lease
    agent.config.write_text(agent.config.read_text() + "\nprobe: true\n")
    prepare(lan)
    add(objects, *(name for name in CASES if name != "not-attached"))
    objects.apply(on("node-9", of="no-local-endpoint"))
    agent.start()
    assert wait_until(lambda: "attach_refused" in agent.command("show", "default/attach-refused").out), agent.log()
    os.kill(agent.helper(), signal.SIGSTOP)
    try:
        add(objects, "not-attached")
        for name, (_, how) in CASES.items():
            wait_said(agent, events, name, how)
    finally:
        os.kill(agent.helper(), signal.SIGCONT)
    # each once
    told_of = {event["involvedObject"]["name"]: event["count"] for event in events().values()}
    assert told_of == dict.fromkeys(CASES, 1), events()


def test_what_is_of_the_whole_node(by_lease, objects, events, told):
    """One after the other, of one Service; then there is no policy."""
    agent = by_lease
    agent.start()
    assert agent.command("drain").status == 0
    add(objects, "web")
    alone = "no node takes it; node-1: {}"
    wait_said(agent, events, "web", alone.format("this node is drained"))
    for made, how in ((node({LABEL: ""}), f"this node is excluded by its label: node-1 carries the label {LABEL}"),
                      (node(NetworkUnavailable="True"), "this node's condition NetworkUnavailable is true"),
                      (node(taints=["node.kubernetes.io/out-of-service"]), "this node is tainted as out of service")):
        objects.apply(made)
        apply_status(objects, made)
        wait_said(agent, events, "web", alone.format(how))
    objects.cluster.kubectl("delete", "ciliuml2announcementpolicies", "--all")
    wait_said(agent, events, "web", "there is no CiliumL2AnnouncementPolicy")


def apply_status(objects, made):
    """A Node's conditions are of a subresource."""
    objects.cluster.api("PATCH", "/api/v1/nodes/node-1/status", {"status": json.loads(made)["status"]},
                        kind="application/merge-patch+json")


def test_a_claim_that_is_not_confirmed(by_lease, objects, events, gate, told):
    """The session goes on; what would make a record is never answered."""
    agent = by_lease
    agent.start()
    add(objects, "first")
    agent.wait_entries((ip_of("first"), "eth1"), seconds=20)
    objects.delete("service", "first")
    agent.wait_entries()
    gate.withhold = lambda line: line.startswith("POST") and "/leases" in line
    add(objects, "web")
    wait_said(agent, events, "web", "no node takes it; node-1: this node's claim isn't confirmed yet")
