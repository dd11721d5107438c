#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""One MAC an address, whoever has it: a takeover moves no neighbour entry."""
import json
import signal

from cluster import RETRY, STEADY, STEADY_DURATION, VIP
from daemon import POLICY, service
from lan import CLI, VIP6
from wait import let_pass, wait_until

VIRTUAL = POLICY.replace("  name: policy1", "  name: policy1\n  annotations: {xdp-l2resp.io/mac: virtual}")
MAC = "f2:4c:c6:12:0a:01"  # of 198.18.10.1
TAKEN = 2 * STEADY_DURATION + RETRY + 0.3


def serves(node):
    """The node's kernel takes what is sent to the address, and leaves its ARP alone."""
    node.server.run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
    node.server.ip(f"address add 198.18.1.{node.number}/15 dev eth1", "link set lo up", f"address add {VIP}/32 dev lo")
    return node


def reaches(client, count=3):
    """Are all of some echo requests answered?"""
    done = client.client.run("ping", "-q", "-c", str(count), "-i", "0.1", "-W", "2", VIP, check=False)
    return f" {count} received" in done.stdout


def port_of(cluster, mac=MAC):
    """Where the switch sends frames for the MAC, by its table."""
    rows = json.loads(cluster.switch.run("bridge", "-j", "fdb", "show", "br", "lan").stdout)
    return {row["ifname"] for row in rows if row["mac"] == mac}


def accepts(node):
    """What of the virtual MAC is set on the node's interface: in its filter, and the program behind it."""
    return MAC in node.server.run("bridge", "fdb", "show", "dev", "eth1").stdout, \
        "l2resp_deliver" in node.server.run("tc", "filter", "show", "dev", "eth1", "ingress").stdout


def test_a_takeover_moves_no_neighbour_entry(cluster, etcd):
    """The client's is fixed: it hears no gratuitous ARP. The first holder is killed, and cleans nothing up."""
    manifests = [VIRTUAL, service("web", VIP)]
    first, second = (serves(cluster.node(etcd.lease, manifests, STEADY, start=False)) for _ in range(2))
    first.agent.start()
    cluster.settled([VIP])
    second.agent.start()
    let_pass(STEADY_DURATION, "what it found fresh in the store it doesn't rely on for as long")
    asker = cluster.ask(VIP)
    assert reaches(cluster), cluster.logs()
    [entry] = json.loads(cluster.client.run("ip", "-j", "neigh", "show", VIP).stdout)
    assert entry["lladdr"] == MAC and port_of(cluster) == {"lan-1"}
    cluster.client.ip(f"neigh replace {VIP} lladdr {MAC} nud permanent dev eth0")
    first.agent.end(signal.SIGKILL)
    assert wait_until(lambda: second.held() == {VIP} and port_of(cluster) == {"lan-2"}, TAKEN), cluster.logs()
    assert reaches(cluster), cluster.logs()
    assert asker.answerers(VIP) == [MAC] and {frame.mac for frame in asker.frames("announce")} == {MAC}
    assert wait_until(lambda: accepts(second) == (True, True))
    # the group's own, whichever node says it, is nobody else's
    assert not second.agent.metrics()["l2resp_conflicts_total"]

    first.agent.start()
    assert wait_until(lambda: accepts(first) == (False, False)), cluster.logs()
    second.agent.end(signal.SIGTERM)
    assert wait_until(lambda: first.held() == {VIP} and port_of(cluster) == {"lan-1"}, TAKEN), cluster.logs()
    assert reaches(cluster) and accepts(second) == (False, False), cluster.logs()


def test_which_addresses_have_one(cluster, etcd):
    """The Service's word goes before the policy's; what is there follows a change of it."""
    plain = service("plain", "198.18.10.2").replace(
        "default}", "default, annotations: {xdp-l2resp.io/mac: interface}}")
    node = cluster.node(etcd.lease, [VIRTUAL, service("web", VIP, VIP6), plain])

    def macs():
        rows = json.loads(node.done("list --json").out)
        return {row["ip"]: (row["mac"], row["mac_virtual"]) for row in rows}

    assert wait_until(lambda: macs() == {
        VIP: (MAC, True), VIP6: ("f2:6c:e3:5e:05:e2", True), "198.18.10.2": (node.mac, False)}), macs()
    node.agent.shows(f"virtual MAC: {MAC}")
    assert f"{MAC}, virtual" in node.done(f"explain {VIP} dev eth1").out
    node.agent.write("all.yaml", POLICY, service("web", VIP))
    assert wait_until(lambda: macs() == {VIP: (node.mac, False)} and accepts(node) == (False, False)), macs()


def test_two_holders_are_noticed(cluster, etcd):
    """By `doctor`: of two groups that don't know of each other, both answer with the same MAC."""
    manifests = [VIRTUAL, service("web", VIP)]
    first, second = (cluster.node("engine: none", manifests) for _ in range(2))
    assert wait_until(lambda: first.held() == second.held() == {VIP}), cluster.logs()
    said = first.server.run(CLI, "--bpffs", first.bpffs, "doctor", "eth1", check=False).stdout
    assert f"another host answers for {VIP} on eth1 with the same virtual MAC, {MAC}" in said
