# SPDX-License-Identifier: GPL-2.0-or-later
"""The condition xdp-l2resp.io/Announced on Services of a real API server."""
import os
from pathlib import Path
from signal import SIGKILL

import pytest
from conftest import EXCLUDED, service
from daemon import POLICY, Agent, CommandLine
from endpoints import LABEL
from gate import Gate
from lan import Lan
from test_events import EVENTS, SHARED, by_lease, events  # noqa: F401 pylint: disable=unused-import
from test_pools import FIRST, SECOND, SERVICES, balanced, pool, told  # noqa: F401 pylint: disable=unused-import
from wait import stays, wait_until

VIP = "198.18.10.1"
TYPE = "xdp-l2resp.io/Announced"
BY_HAND = {"type": "example.com/Mine", "status": "True", "reason": "Because", "message": "kept",
           "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.fixture
def lan():
    """Both ends of which are nodes."""
    with Lan(client_program=None) as made:
        yield made


@pytest.fixture
def announced(cluster):
    """(status, reason, message) of a Service, or None."""
    def read(name="web"):
        found = whole(cluster, name)
        return found and (found["status"], found["reason"], found["message"])
    return read


def whole(cluster, name="web", kind=TYPE):
    conditions = cluster.api("GET", f"{SERVICES}/{name}")["status"].get("conditions", [])
    [found] = [one for one in conditions if one["type"] == kind] or [None]
    return found


def writes(gate):
    return [line for _, line in gate.requests if "fieldManager=xdp-l2respd-announced" in line]


OTHERS = "  serviceSelector: {matchExpressions: [{key: io.kubernetes.service.name, operator: NotIn, values: [other]}]}\n"


def test_a_service_that_no_policy_selects(by_lease, cluster, objects, announced, events):
    """That another's address is held is none of its business, even if it names that address."""
    objects.apply(POLICY + OTHERS, service("web", VIP), service("other", VIP))
    by_lease.start()
    said = "True", "Announced", f"{VIP} announced by node-1 on eth1"
    assert wait_until(lambda: announced() == said, 30), (announced(), by_lease.log())
    assert wait_until(lambda: ("Announced", said[2]) in events(), 20), events()
    assert stays(lambda: not announced("other"), 6), announced("other")
    assert {one["involvedObject"]["name"] for one in cluster.api("GET", EVENTS)["items"]} == {"web"}
    objects.apply(POLICY + OTHERS.replace("NotIn", "In"))
    assert wait_until(lambda: announced("other") == said and not announced(), 30), (announced(), announced("other"))


def test_it_follows_what_becomes_of_a_service(by_lease, cluster, objects, announced, told, gate):
    """Also over the conditions of others, which stay."""
    agent = by_lease
    objects.apply(POLICY, pool(), balanced("web"), EXCLUDED)
    cluster.api("PATCH", f"{SERVICES}/web/status", {"status": {"conditions": [BY_HAND]}},
                kind="application/strategic-merge-patch+json")
    agent.start()
    # the only node may announce nothing
    why = f"this node is excluded by its label: node-1 carries the label {LABEL}"
    said = "False", "ExcludedNode", f"{FIRST}: no node claims it; node-1: {why}"
    assert wait_until(lambda: announced() == said, 30), (announced(), agent.log())
    agent.shows(f"excluded_node: {why}\n")
    since = whole(cluster)["lastTransitionTime"]
    cluster.kubectl("label", "node", "node-1", f"{LABEL}-")
    said = "True", "Announced", f"{FIRST} announced by node-1 on eth1"
    assert wait_until(lambda: announced() == said, 30), (announced(), agent.log())
    assert cluster.kubectl("wait", "--for=condition=xdp-l2resp.io/Announced", "service/web").returncode == 0
    now = whole(cluster)["lastTransitionTime"]
    assert now > since
    # another message: the state is as old as it was
    objects.apply(balanced("web").replace("externalIPs: []", f'externalIPs: ["{VIP}"]'))
    said = "True", "Announced", f"{FIRST} announced by node-1 on eth1; {VIP} announced by node-1 on eth1"
    assert wait_until(lambda: announced() == said), (announced(), agent.log())
    assert whole(cluster)["lastTransitionTime"] == now
    # and where nothing changes nothing is written
    count = len(writes(gate))
    assert stays(lambda: len(writes(gate)) == count, 6), writes(gate)
    # no Service of ours
    objects.apply(service("web"))
    assert wait_until(lambda: not announced(), 20), (announced(), agent.log())
    assert whole(cluster, kind=BY_HAND["type"]) == BY_HAND


def test_an_interface_whose_name_is_no_text(by_lease, objects, announced, told):
    """The condition is written all the same, as the Event is."""
    name = os.fsdecode(b"eth1\xff")
    for words in ("down",), ("name", name), ("up",):
        by_lease.lan.server.run("ip", "link", "set", name if words == ("up",) else "eth1", *words)
    objects.apply(POLICY.replace("[eth1]", '["^eth"]'), service("web", VIP))
    by_lease.start()
    said = "True", "Announced", f"{VIP} announced by node-1 on eth1\\xff"
    assert wait_until(lambda: announced() == said, 30), (announced(), by_lease.log())


@pytest.fixture
def second(by_lease, lan, cluster, scratch):
    """node-2, on the other end."""
    gate = Gate(lan.client, cluster.ports[0], cluster.context)
    folder, bpffs = scratch / "node-2", f"{lan.bpffs}/node-2"
    for made in folder, Path(bpffs):
        made.mkdir()
    agent = Agent(CommandLine(lan.client, bpffs), folder)
    agent.config.write_text(by_lease.config.read_text().replace("node-1", "node-2").replace(lan.bpffs, bpffs)
                            .replace(by_lease.gate.url, gate.url))
    yield agent
    agent.close()
    gate.close()


def test_a_takeover_changes_the_node(by_lease, second, objects, announced, told):
    """node-2 writes it, whoever leads; the leader says what is left."""
    first = by_lease
    objects.apply(POLICY.replace("[eth1]", '["^eth"]'), service("web", VIP))
    first.start()
    assert wait_until(lambda: announced() == ("True", "Announced", f"{VIP} announced by node-1 on eth1"), 20), first.log()
    second.start()
    first.signal(SIGKILL)
    first.process.wait()
    assert wait_until(lambda: announced() == ("True", "Announced", f"{VIP} announced by node-2 on eth0"), 30), \
        (announced(), second.log())
    assert second.command("drain").status == 0
    why = f"{VIP}: no node claims it; node-2: this node is drained; 'xdp-l2respd resume' ends that"
    assert wait_until(lambda: announced() == ("False", "Drained", why), 60), (announced(), second.log())


def test_what_is_missing_and_what_is_not_known(by_lease, cluster, objects, announced, told):
    """By the leader of those that give no addresses of pools."""
    agent = by_lease
    text = agent.config.read_text().replace("token:", "pools: false, token:", 1)
    agent.config.write_text(text)
    objects.apply(POLICY, service("web", VIP), balanced("unselected"))
    objects.apply(POLICY.replace("loadBalancerIPs: true", "loadBalancerIPs: false"))
    objects.status("web", SECOND)
    objects.status("unselected", FIRST)
    agent.start()
    field = ("the policies that select the Service don't announce addresses of this field: policy policy1, without "
             "loadBalancerIPs: true")
    assert wait_until(lambda: announced("unselected") == ("False", "AddressKind", f"{FIRST}: {field}"), 30), agent.log()
    said = "True", "PartlyAnnounced", f"{VIP} announced by node-1 on eth1; not announced: {SECOND}: {field}"
    assert wait_until(lambda: announced() == said, 20), (announced(), agent.log())
    agent.end()
    # a leader that can't reach the store doesn't know who announces what it had itself
    lines = (line for line in text.splitlines() if not line.startswith("lease:"))
    agent.config.write_text("\n".join((*lines, 'lease: {engine: etcd, endpoints: ["http://127.0.0.1:1"]}\n')))
    agent.launch()
    assert wait_until(lambda: (announced() or "")[:2] == ("Unknown", "StoreUnreachable"), 60), (announced(), agent.log())
    assert announced()[2].startswith(f"{SECOND}: {field}; {VIP}: node-1: no session with the lease store")
    assert announced("unselected") == ("False", "AddressKind", f"{FIRST}: {field}")
    agent.end()
    agent.config.write_text(agent.config.read_text() + "probe: true\n")
    agent.launch()
    said = "Unknown", "NotProbed", f"{SECOND}: {field}; {VIP}: node-1: it isn't known yet whether another host has it"
    assert wait_until(lambda: announced() == said, 60), (announced(), agent.log())
