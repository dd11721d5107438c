#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses that were added by hand on the agent's interfaces are answered as after the CLI's own attach."""
from daemon import POLICY, service
from lan import PASS, SERVER_MAC, VIP, VIP6, VIP_MAC, Namespace, run
from nd import maddr
from wait import wait_until
from wire import Wire, arp, arp_reply

OTHER, FIXED = "198.18.10.2", "198.18.10.3"
GROUP_MAC = "33:33:ff:0a:00:01"  # VIP6's
NEW_MAC = "02:00:00:00:00:41"
BY_HAND = [f"add {OTHER} dev eth1", f"add {FIXED} dev eth1 mac {VIP_MAC}", f"add {VIP6} dev eth1"]
ALL = [(ip, "eth1") for ip in (VIP, OTHER, FIXED, VIP6)]


def start(agent):
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()


def answered(lan, mac):
    """By eth1, whose MAC it is, and which lets in what was asked for."""
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(OTHER), count=1) == [arp_reply(OTHER, sha=mac)]
        assert wire.ask(arp(FIXED), count=1) == [arp_reply(FIXED, sha=VIP_MAC)]
    rows = {row["ip"]: row["mac"] for row in lan.rows("list")}
    assert rows == {VIP: mac, OTHER: mac, VIP6: mac, FIXED: VIP_MAC}
    # the agent does these after the entries
    assert wait_until(lambda: GROUP_MAC in maddr(lan, "link"))
    assert wait_until(lambda: VIP_MAC in lan.server.run("bridge", "fdb", "show", "dev", "eth1").stdout)
    assert wait_until(lambda: "mac_stale" not in [one["check"] for one in lan.cli("doctor --json").json["findings"]])


def make_again(lan):
    lan.make_link(mac=NEW_MAC)
    lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")


def test_interface_made_again(agent, lan):
    start(agent)
    lan.done(*BY_HAND)
    agent.wait_entries(*ALL)
    answered(lan, SERVER_MAC)
    lan.server.ip("link del eth1")
    make_again(lan)
    agent.says("eth1: took over 3 addresses of the former eth1")
    agent.wait_entries(*ALL)
    agent.until(lambda: all(row["answering"] for row in agent.entries().values()))
    answered(lan, NEW_MAC)


def test_another_mac_while_detached(agent, lan):
    lan.done(*BY_HAND)
    lan.server.ip(f"link set eth1 address {NEW_MAC}")
    start(agent)
    agent.wait_entries(*ALL)
    answered(lan, NEW_MAC)


def test_namespace_made_again(agent, lan):
    """Interface numbers mean others there, those of the rows of VLAN devices too."""
    lan.done(*BY_HAND)
    # VID 100 on interface 3, which eth1 becomes, leads to interface 9
    run("bpftool", "map", "update", "pinned", lan.pin("vlans"), "key", "hex", *"03 00 00 00 81 00 64 00".split(),
        "value", "hex", *"09 00 00 00".split())
    for former in lan.server, lan.client:
        former.close()
    lan.server, lan.client = Namespace(lan.server.name), Namespace(lan.client.name)
    lan.server.ip("link add eth7 type veth peer name eth8")
    make_again(lan)
    start(agent)
    agent.says("took over the pins of a network namespace in which nothing is attached; 0 addresses of interfaces that")
    agent.wait_entries(*ALL)
    answered(lan, NEW_MAC)
    assert lan.map_dump("vlans") == []


def test_of_a_former_interface_whose_number_the_agents_has(agent, lan):
    """It has moved with its program, which would answer for what the agent adds: as with the CLI, nothing is added, and it
    goes on answering."""
    lan.done("attach eth1", f"add {OTHER} dev eth1")
    with lan.moved_and_its_number_taken():
        lan.server.ip("link set pod1 up", "link set peer up")
        agent.write("all.yaml", POLICY.replace("eth1", "pod1"), service("web", VIP))
        agent.launch()
        agent.says("of the former eth1, which was moved to another network namespace, where it is eth1")
        assert [(row["ip"], row["dev"]) for row in lan.rows("list")] == [(OTHER, "eth1")]
        with Wire(lan.client, "eth0") as wire:
            assert wire.ask(arp(OTHER), count=1) == [arp_reply(OTHER)]
