#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a node has as its own: no other node claims it, and no pool gives it."""
import signal

import pytest

from daemon import POLICY, service
from lan import VIP
from test_etcd import answering, between, etcd, make_agent, pytestmark  # noqa: F401  pylint: disable=unused-import
from test_pools import balanced, pool
from test_reasons_etcd import reason_of
from wait import wait_until

OTHER = "198.18.10.2"
ANY = POLICY.replace("[eth1]", '["^eth"]')
OWN = "another node has it as its own address: node-2"
NODE = """
apiVersion: v1
kind: Node
metadata: {{name: node-2}}
status: {{addresses: [{{type: Hostname, address: node-2}}, {{type: ExternalIP, address: "{ip}"}}]}}
"""


@pytest.fixture
def nodes(between, etcd, scratch):
    """Not started yet."""
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-1", between.server), ("node-2", between.client))]
    yield agents
    for agent in agents:
        agent.close()


def start(nodes, *documents):
    for agent in nodes:
        agent.write("all.yaml", ANY, *documents)
        agent.start()


def holder_of(agent, ip):
    """None also where that isn't known."""
    asked = agent.command("who-holds", ip, "--json")
    return asked.json["holder"] if asked.status == 0 else None


def goes_to(agent, other, ip):
    """As soon as the agent may have it, which the other holds, or is about to."""
    def asked():
        other.command("move", ip, "node-1")
        return answering(agent) == {ip}
    return wait_until(asked)


def test_another_ones_address_is_not_claimed(nodes):
    first, second = nodes
    second.lan.server.ip(f"address add {VIP}/15 dev eth0")
    second.write("all.yaml", ANY, service("web", VIP, OTHER))
    second.start()
    assert wait_until(lambda: answering(second) == {OTHER}), second.log()
    first.write("all.yaml", ANY, service("web", VIP, OTHER))
    first.start()
    assert wait_until(lambda: reason_of(first, VIP) == ("node_address", OWN)), first.log()
    first.says(f"{VIP} isn't claimed: node-2 has it as its own address\n")
    first.shows(f"{VIP}: nobody; not here: node_address: {OWN}\n", f"who-holds {VIP}")
    first.answers("/readyz", 200, "ok\n")
    first.counts('l2resp_addresses_blocked{reason="node_address"}', 1)
    assert reason_of(second, VIP)[0] == "kernel_answers"
    assert VIP not in answering(first) and f"{VIP}: held" not in first.log()
    # it isn't any more
    second.lan.server.ip(f"address del {VIP}/15 dev eth0")
    assert wait_until(lambda: holder_of(first, VIP)), first.log()
    # once more, though one of them answers for it
    second.lan.server.ip(f"address add {VIP}/15 dev eth0")
    assert wait_until(lambda: not holder_of(first, VIP) and reason_of(first, VIP)[0] == "node_address"), first.log()
    assert VIP not in answering(first) | answering(second)
    # a node that is gone has nothing
    second.end(signal.SIGTERM)
    assert wait_until(lambda: answering(first) == {VIP, OTHER}), first.log()


def test_what_becomes_another_ones_is_given_up(nodes):
    first, second = nodes
    start(nodes, service("web", VIP))
    assert goes_to(first, second, VIP), first.log()
    # as its Node object says, which this node alone reads
    second.write("node.yaml", NODE.format(ip=VIP))
    first.says(f"{VIP}: given up: node_address: another node has it as its own address\n")
    assert wait_until(lambda: answering(second) == {VIP}), "itself it may have it"
    (second.manifests / "node.yaml").unlink()
    assert goes_to(first, second, VIP), first.log()


def test_a_node_without_an_agent(nodes):
    """As its Node object says, which is among both nodes' manifests."""
    first, second = nodes
    start(nodes, service("web", VIP), pool(), balanced("pooled"), NODE.format(ip=VIP).replace("node-2", "node-3"),
          NODE.format(ip="198.18.20.1").replace("node-2", "node-4"))
    assert wait_until(lambda: answering(first) | answering(second) == {"198.18.20.2"}), first.log()
    assert reason_of(first, VIP) == ("node_address", OWN.replace("node-2", "node-3"))
    for agent in nodes:
        agent.write("all.yaml", ANY, service("web", VIP))
    assert wait_until(lambda: answering(first) | answering(second) == {VIP}), first.log()


def test_what_is_on_lo_is_a_services(nodes):
    """As on every node behind a load balancer: the one that has it there must not keep others from it."""
    first, second = nodes
    for agent in nodes:
        agent.lan.server.run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1")
        agent.lan.server.ip(f"address add {VIP}/32 dev lo")
    start(nodes, service("web", VIP))
    assert wait_until(lambda: answering(first) | answering(second) == {VIP}), first.log()


def given(agent, name):
    shown = agent.command("show", f"default/{name}", "--json")
    return [one["ip"] for one in shown.json["addresses"]] if shown.status == 0 else []


def counted(agent):
    figures = agent.metrics()
    return [figures[f'l2resp_pool_addresses{{pool="lan",state="{state}"}}'] for state in ("total", "used", "available")]


def test_pools_give_no_nodes_address(nodes):
    """Nor their own node's; and nothing before they know."""
    first, second = nodes
    firsts, seconds, free = (f"198.18.20.{i}" for i in (1, 2, 3))
    first.lan.server.ip(f"address add {firsts}/15 dev eth1")
    second.lan.server.ip(f"address add {seconds}/15 dev eth0")
    second.write("all.yaml", ANY, service("other", OTHER))
    second.start()
    assert wait_until(lambda: answering(second) == {OTHER}), second.log()
    first.write("all.yaml", ANY, pool(), balanced("web"))
    first.start()
    assert wait_until(lambda: answering(first) == {free}), first.log()
    assert given(first, "web") == [free]
    assert counted(first) == [7, 1, 6]
    second.write("all.yaml", ANY, pool(), balanced("web"))
    assert wait_until(lambda: given(second, "web") == [free]), "both know the same"
    # what was given stays where it is
    second.lan.server.ip(f"address add {free}/15 dev eth0")
    assert wait_until(lambda: reason_of(first, free) == ("node_address", OWN)), first.log()
    assert given(first, "web") == [free]
    # more Services get others' addresses only when their node is gone
    first.write("all.yaml", ANY, pool(), balanced("web"), balanced("x"))
    assert wait_until(lambda: given(first, "x") == ["198.18.20.4"])
    assert counted(first) == [7, 2, 5], "what is used is one of a node's"
    second.end(signal.SIGTERM)
    assert wait_until(lambda: counted(first) == [8, 2, 6])
    first.write("all.yaml", ANY, pool(), balanced("web"), balanced("x"), balanced("y"))
    assert wait_until(lambda: given(first, "y") == [seconds])


def test_a_pool_alone_is_no_reason_not_to_know(nodes, etcd):
    """A node that wants nothing takes part as long as it gives what a pool has."""
    first, second = nodes
    seconds, free = "198.18.20.1", "198.18.20.2"
    second.lan.server.ip(f"address add {seconds}/15 dev eth0")
    second.write("all.yaml", ANY, service("other", OTHER))
    second.start()
    assert wait_until(lambda: answering(second) == {OTHER}), second.log()
    etcd.send_signal(signal.SIGSTOP)
    try:
        first.write("all.yaml", pool(), balanced("web"))
        first.launch()
        assert wait_until(lambda: first.command("alive").status == 0)
        assert given(first, "web") == []
    finally:
        etcd.send_signal(signal.SIGCONT)
    assert wait_until(lambda: given(first, "web") == [free]), first.log()


def test_a_node_by_itself(agent, lan):
    """With the engine none, too, it knows what it has."""
    lan.server.ip("address add 198.18.20.1/15 dev eth1")
    agent.write("all.yaml", POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries(("198.18.20.2", "eth1"))


def test_more_addresses_than_a_heartbeat_has(nodes):
    first, second = nodes
    second.write("node.yaml", NODE.format(ip=VIP))
    second.lan.server.ip(*(f"address add 198.18.9.{i}/15 dev eth0" for i in range(1, 41)))
    start(nodes, service("web", VIP, OTHER))
    # with eth0's, and its Node's
    second.says("than other nodes are told of; they might claim 10 of them\n")
    assert wait_until(lambda: holder_of(first, VIP) == "node-2"), "its Node's go first"
    assert wait_until(lambda: answering(first) | answering(second) == {VIP, OTHER}), first.log()
