#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A MAC that isn't the interface's own is in its unicast filter for as long as an address has it."""
import pytest

from lan import SERVER_MAC, VIP
from wire import Wire, arp, arp_reply

VMAC = "00:00:5e:00:01:33"  # VRRP's for router 51 (RFC 5798 7.3)
OTHER = "198.18.10.2"
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
