#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What an interface lets in for as long as addresses need it: MACs that aren't its own, in its
unicast filter, and the solicited-node groups of IPv6 addresses (RFC 4291 2.7.1), joined."""
import socket

import pytest

from lan import SERVER_MAC, VIP, VIP6
from nd import GROUP6, group_of, maddr, own_groups
from wait import HUNG, wait_until
from wire import Wire, arp, arp_reply

VMAC = "00:00:5e:00:01:33"  # VRRP's for router 51 (RFC 5798 7.3)
OTHER = "198.18.10.2"
ETH_P_IPV6 = 0x86dd
ADD = f"add {VIP} dev eth1 mac {VMAC}"


def filtered(lan, mac=VMAC, dev="eth1"):
    """Is the MAC in the device's own filter, as bridge(8) reports it?"""
    said = lan.server.run("bridge", "fdb", "show", "dev", dev).stdout
    return f"{mac} self permanent" in said


def promiscuity(lan):
    return lan.server.run("ip", "-d", "-o", "link", "show", "eth1").stdout.split("promiscuity ")[1][0]


def foreign(lan, verb, mac=VMAC):
    lan.server.run("bridge", "fdb", verb, mac, "dev", "eth1", "self",
                   *["permanent"] * (verb == "add"))


# name: commands in order, whether the MAC is in the filter after them
COURSES = {
    "added": ([ADD], True),
    "deleted": ([ADD, f"del {VIP} dev eth1"], False),
    "one of two deleted": ([ADD, f"add {OTHER} dev eth1 mac {VMAC}", f"del {VIP} dev eth1"], True),
    "both deleted": ([f"add {VIP}-{OTHER} dev eth1 mac {VMAC}", f"del {VIP}-{OTHER} dev eth1"], False),
    "a range": ([f"add 198.18.10.0/24 dev eth1 mac {VMAC}"], True),
    "the same again": ([ADD, ADD], True),
    "flushed": ([ADD, "flush dev eth1"], False),
    "flushed with --all, pins and all": ([ADD, "flush --all"], False),
    "attached and detached": ([ADD, "attach eth1", "detach eth1"], True),
    "the device's own MAC": ([f"add {VIP} dev eth1 mac {SERVER_MAC}"], False),
    "no MAC given": ([f"add {VIP} dev eth1"], False),
}


@pytest.mark.parametrize("commands, expected", COURSES.values(), ids=COURSES)
def test_course(lan, commands, expected):
    lan.done(*commands)
    assert filtered(lan) == expected
    assert promiscuity(lan) == ("1" if expected else "0"), "veth has no unicast filter"
    assert not filtered(lan, SERVER_MAC)


def test_import(lan):
    assert lan.cli("import -", input=f"{VIP} dev eth1 mac {VMAC}\n").status == 0
    assert filtered(lan)


def test_refused_add_leaves_the_filter(lan):
    lan.done(f"add {VIP} dev eth1")
    assert lan.cli(ADD).status == 1
    assert not filtered(lan)


def test_anothers_entry_is_left(lan):
    foreign(lan, "add")
    lan.done(ADD, f"del {VIP} dev eth1")
    assert filtered(lan)


@pytest.mark.parametrize("first", ["macvlan", "address"])
def test_macvlan_with_the_mac_keeps_it(lan, first):
    """keepalived's use_vmac: the kernel takes the traffic on a macvlan, we answer for it."""
    macvlan = (f"link add vrrp link eth1 address {VMAC} type macvlan mode private",
               "link set vrrp up")
    if first == "address":
        lan.done(ADD)
    lan.server.ip(*macvlan)
    if first == "macvlan":
        lan.done(ADD)
    lan.done(f"del {VIP} dev eth1")
    assert filtered(lan)
    lan.server.ip("link del vrrp")
    assert not filtered(lan)


def test_attach_puts_back_what_is_lost(lan):
    lan.done(ADD)
    foreign(lan, "del")
    lan.done("attach eth1")
    assert filtered(lan)
    lan.done(f"del {VIP} dev eth1")
    assert not filtered(lan)


def test_interface_made_anew(lan):
    lan.done(ADD)
    lan.server.ip("link del eth1")
    lan.make_link()
    assert not filtered(lan)
    lan.done("attach eth1")
    assert filtered(lan)
    lan.done(f"del {VIP} dev eth1")
    assert not filtered(lan)


def test_number_that_another_interface_has(lan):
    """That one's filters are left alone: eth1 took its own along."""
    lan.enable_ipv6()
    lan.done("attach eth1", ADD, ADD6)
    with lan.moved_and_its_number_taken():
        lan.server.run("bridge", "fdb", "add", VMAC, "dev", "pod1", "self", "permanent")
        lan.done("flush dev eth1")
        assert lan.rows("list") == [] and filtered(lan, dev="pod1")


def test_device_takes_the_mac_for_its_own(lan):
    """Then it needs no entry; the next attach takes it away."""
    lan.done(ADD)
    lan.server.ip("link set eth1 down", f"link set eth1 address {VMAC}", "link set eth1 up")
    lan.done("attach eth1")
    assert not filtered(lan)


def test_requests_to_the_mac_are_answered(lan):
    """A neighbour asks again by unicast before it forgets (RFC 1122 2.3.2.1)."""
    lan.done("attach eth1", ADD)
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP, dst=VMAC), count=1) == [arp_reply(VIP, sha=VMAC)]


@pytest.mark.parametrize("ip, vmac", [(VIP, VMAC), (VIP6, "00:00:5e:00:02:33")])
def test_neighbour_asks_again(lan, ip, vmac):
    """The kernel, whose entry has become old: by unicast to the virtual MAC. After a time in which
    the link was down, too."""
    lan.enable_ipv6()
    lan.done("attach eth1", f"add {ip} dev eth1 mac {vmac}")
    lan.server.ip("link set eth1 down", "link set eth1 up")
    family, bits = (socket.AF_INET, 4) if ip == VIP else (socket.AF_INET6, 6)
    lan.client.sysctl(f"net.ipv{bits}.neigh.eth0.delay_first_probe_time=0")
    lan.client.run("ip", "route", "replace", ip, "dev", "eth0")
    lan.client.ip(f"neigh replace {ip} lladdr {vmac} nud stale dev eth0")
    with lan.client.entered(), socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"", (ip, 9))
    assert wait_until(lambda: lan.client.neighbour(ip) == (vmac, ["REACHABLE"])), \
        lan.client.neighbour(ip)
    assert filtered(lan, vmac) and lan.responses_sent(ip) == 1
    lan.done(f"del {ip} dev eth1")
    assert not filtered(lan, vmac)


TWIN6 = "2001:db8:1::a:1"  # VIP6's group too
NEXT6 = "2001:db8::a:2"
USERS = 2  # an address that joins a group has that group for its solicited-node group too
ADD6 = f"add {VIP6} dev eth1"


def joins(lan, wanted):
    """Until these groups are joined and no others, which the same work does."""
    return wait_until(lambda: maddr(lan, "inet6") == wanted)


# name: commands in order, groups of these addresses joined after them
GROUP_COURSES = {
    "added": ([ADD6], {VIP6}),
    "deleted": ([ADD6, f"del {VIP6} dev eth1"], set()),
    "a range": ([f"add {VIP6}-{NEXT6} dev eth1"], {VIP6, NEXT6}),
    "one of two groups deleted": ([f"add {VIP6}-{NEXT6} dev eth1", f"del {NEXT6} dev eth1"], {VIP6}),
    "two of one group": ([ADD6, f"add {TWIN6} dev eth1"], {VIP6}),
    "two of one group, one deleted": ([ADD6, f"add {TWIN6} dev eth1", f"del {VIP6} dev eth1"], {VIP6}),
    "two of one group, both deleted": (
        [ADD6, f"add {TWIN6} dev eth1", f"del {VIP6} dev eth1", f"del {TWIN6} dev eth1"], set()),
    "flushed": ([ADD6, "flush dev eth1"], set()),
    "flushed with --all, pins and all": ([ADD6, "flush --all"], set()),
    "attached and detached": ([ADD6, "attach eth1", "detach eth1"], {VIP6}),
    "IPv4": ([f"add {VIP} dev eth1"], set()),
}


@pytest.mark.parametrize("commands, expected", GROUP_COURSES.values(), ids=GROUP_COURSES)
def test_groups(lan, commands, expected):
    lan.enable_ipv6()
    before = own_groups(lan)
    result = lan.done(*commands)
    wanted = before | {group_of(address): USERS for address in expected}
    assert joins(lan, wanted), maddr(lan, "inet6")
    assert "group" not in result.err


def test_a_group_of_the_hosts_own_is_left(lan):
    """The kernel counts: its own address of the same group keeps it."""
    lan.enable_ipv6()
    lan.server.own(f"{TWIN6}/64", "eth1")
    before = own_groups(lan)
    assert before[GROUP6] == 1
    lan.done(ADD6)
    assert joins(lan, before | {GROUP6: USERS + 1}), maddr(lan, "inet6")
    lan.done(f"del {VIP6} dev eth1")
    assert joins(lan, before), maddr(lan, "inet6")


def test_group_that_another_program_leaves(lan):
    """As systemd-networkd does, which deletes addresses that it hasn't set."""
    lan.enable_ipv6()
    lan.done("attach eth1")
    before = own_groups(lan)
    lan.done(ADD6, f"add {TWIN6} dev eth1", f"add {NEXT6} dev eth1")
    wanted = before | {GROUP6: USERS, group_of(NEXT6): USERS}
    assert joins(lan, wanted), maddr(lan, "inet6")
    assert "group_left" not in lan.cli("doctor").out
    lan.server.ip(f"address del {GROUP6}/128 dev eth1", f"address del {group_of(NEXT6)}/128 dev eth1")
    assert joins(lan, before), maddr(lan, "inet6")
    finding, = lan.cli("doctor --json").json["findings"]
    assert (finding["check"], finding["severity"], finding["detail"]) == (
        "group_left", "warning", "eth1 has left 2 solicited-node groups of its addresses")
    assert finding["remedy"].startswith("run `xdp-l2resp attach eth1`;")
    lan.done("attach eth1")
    assert joins(lan, wanted), maddr(lan, "inet6")
    assert "group_left" not in lan.cli("doctor").out


def test_group_without_ipv6(lan):
    """Where the kernel joins nothing, the MAC is in the multicast filter, and a note says so."""
    assert "1 solicited-node group is not joined: IPv6 is disabled there" in lan.done(ADD6).err
    assert "33:33:ff:0a:00:01" in maddr(lan, "link")
    assert "group_left" not in lan.cli("doctor").out
    lan.done(f"del {VIP6} dev eth1")
    assert "33:33:ff:0a:00:01" not in maddr(lan, "link")


def test_switches_hear_of_it(lan):
    """The peer sees an MLDv2 report (RFC 3810 5.2.12) of a change to EXCLUDE {}, which is a join."""
    lan.enable_ipv6()
    record = b"\4\0\0\0" + socket.inet_pton(socket.AF_INET6, GROUP6)
    with lan.client.entered():
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IPV6))
    with sniffer:
        sniffer.bind(("eth0", ETH_P_IPV6))
        sniffer.settimeout(HUNG)
        lan.done(ADD6)
        while True:
            frame = sniffer.recv(2048)
            if frame[20] == 0 and frame[62] == 143 and record in frame[70:]:
                break
    assert frame[6:12] == bytes.fromhex(SERVER_MAC.replace(":", ""))
    assert frame[38:54] == socket.inet_pton(socket.AF_INET6, "ff02::16")
