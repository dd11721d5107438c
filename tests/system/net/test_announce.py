#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Gratuitous ARP and unsolicited neighbour advertisements by hand, as the client sees them."""
import subprocess

import pytest

from fault import GROWTH, fill
from lan import SERVER_MAC, VIP, VIP6, VIP_MAC
from nd import advertisement
from vlan import ETH_P_ALL
from wait import HUNG, let_pass, slack, stays, wait_until
from wire import ETH_P_ARP, ETH_P_IPV6, Wire, announcement

# name: how it was added, the MAC that is announced
MACS = {
    "the device's MAC": (f"add {VIP} dev eth1", SERVER_MAC),
    "a fixed MAC": (f"add {VIP} dev eth1 mac {VIP_MAC}", VIP_MAC),
}


# name: how it was added, what is announced
ADVERTISED = {
    "the device's MAC": (f"add {VIP6} dev eth1", advertisement(SERVER_MAC)),
    "a fixed MAC": (f"add {VIP6} dev eth1 mac {VIP_MAC}", advertisement(VIP_MAC)),
    "override off": (f"add {VIP6} dev eth1 override off", advertisement(SERVER_MAC, flags=0)),
    "both": (f"add {VIP6} dev eth1 mac {VIP_MAC} override off", advertisement(VIP_MAC, flags=0)),
}


@pytest.mark.parametrize("add, expected", ADVERTISED.values(), ids=ADVERTISED)
def test_advertisement(lan, add, expected):
    lan.done(add)
    with Wire(lan.client, "eth0", ETH_P_IPV6) as wire:
        lan.done(f"announce {VIP6} dev eth1 --count 1")
        assert [frame for _, frame in wire.received(1)] == expected


@pytest.mark.parametrize("attached", [True, False], ids=["attached", "not attached"])
@pytest.mark.parametrize("add, mac", MACS.values(), ids=MACS)
def test_both_forms(lan, add, mac, attached):
    lan.done(add)
    if attached:
        lan.done("attach eth1")
    with Wire(lan.client, "eth0") as wire:
        lan.done(f"announce {VIP} dev eth1 --count 1")
        assert [frame for _, frame in wire.received(2)] == announcement(VIP, mac)


# name: options, times, seconds in between
TIMES = {
    "--count 1": ("--count 1", 1, None),
    "--count 4 --interval 50": ("--count 4 --interval 50", 4, 0.05),
    "--count 2 --interval 0": ("--count 2 --interval 0", 2, 0),
    "--count 2, 1.1 s by default": ("--count 2", 2, 1.1),
    "--interval 20, 3 times by default": ("--interval 20", 3, 0.02),
}


# name: the address, whose frames to look for, what is sent each time
ANNOUNCED = {"IPv4": (VIP, ETH_P_ARP, announcement(VIP, SERVER_MAC)),
             "IPv6": (VIP6, ETH_P_IPV6, advertisement(SERVER_MAC))}


@pytest.mark.parametrize("vip, protocol, once", ANNOUNCED.values(), ids=ANNOUNCED)
@pytest.mark.parametrize("options, times, interval", TIMES.values(), ids=TIMES)
def test_count_and_interval(lan, background, options, times, interval, vip, protocol, once):
    lan.done("attach eth1", f"add {vip} dev eth1")
    # the times are those of sending: a busy machine may deliver some together
    with Wire(lan.client, "eth0", protocol) as wire, Wire(lan.server, "eth1", ETH_P_ALL) as sent:
        command = background(lan.argv(f"announce {vip} dev eth1 {options} --json"))
        seen = sent.received(len(once) * times)
        came = wire.received(len(once) * times)
    assert command.wait(HUNG) == 0
    assert [frame for _, frame in seen] == [frame for _, frame in came] == once * times
    starts = [at for at, _ in seen[::len(once)]]
    gaps = [later - earlier for earlier, later in zip(starts, starts[1:])]
    # a busy machine may be late, never early
    assert all(interval - 0.01 <= gap < interval + slack() for gap in gaps), gaps


def test_linux_updates_its_neighbour(lan):
    """What it is for: a neighbour that had another MAC has ours."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lan.client.ip(f"neigh replace {VIP} lladdr 02:00:00:00:00:77 dev eth0 nud stale")
    let_pass(1.1, "Linux holds on to what is younger than locktime, 1 s")
    lan.done(f"announce {VIP} dev eth1 --count 1")
    assert wait_until(lambda: lan.client.neighbour(VIP)[0] == SERVER_MAC), lan.client.neighbour(VIP)


ANOTHER_MAC = "02:00:00:00:00:77"

# name: how it was added, the neighbour's MAC then
NEIGHBOURS = {
    "with override": (f"add {VIP6} dev eth1", SERVER_MAC),
    "without: it keeps what it knows": (f"add {VIP6} dev eth1 override off", ANOTHER_MAC),
}


@pytest.mark.parametrize("add, expected", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_linux_updates_its_ipv6_neighbour(lan, add, expected):
    lan.client.sysctl("net.ipv6.conf.eth0.disable_ipv6=0")
    lan.done("attach eth1", add)
    lan.client.ip(f"neigh replace {VIP6} lladdr {ANOTHER_MAC} dev eth0 nud stale")
    lan.done(f"announce {VIP6} dev eth1 --count 1")
    assert wait_until(lambda: lan.client.neighbour(VIP6)[0] == expected), lan.client.neighbour(VIP6)
    assert stays(lambda: lan.client.neighbour(VIP6)[0] == expected, 0.2)


# name: commands before, the command's words
REFUSED = {
    "never added": (["attach eth1", "add 198.18.10.2 dev eth1"], f"announce {VIP} dev eth1"),
    "nothing pinned": ([], f"announce {VIP} dev eth1"),
    "deleted": ([f"add {VIP} dev eth1", f"del {VIP} dev eth1"], f"announce {VIP} dev eth1"),
    "never added, IPv6": (["attach eth1", "add 2001:db8::2 dev eth1"],
                          f"announce {VIP6} dev eth1"),
    "on another interface": ([f"add {VIP} dev eth1"], f"announce {VIP} dev eth2"),
}


@pytest.mark.parametrize("given, command", REFUSED.values(), ids=REFUSED)
def test_not_in_the_map(lan, given, command):
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done(*given)
    with Wire(lan.client, "eth0") as wire:
        result = lan.cli(command)
        assert result.status == 1
        assert f"{command.split()[1]} dev {command[-4:]} is not in the map; add it first" in result.err
        assert wire.received() == []


def test_damaged(lan):
    """Which the program doesn't answer: its MAC is zeros."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lan.damage(VIP)
    with Wire(lan.client, "eth0") as wire:
        result = lan.cli(f"announce {VIP} dev eth1")
        assert result.status == 1 and "isn't an entry; add it again" in result.err
        assert wire.received() == []


@pytest.mark.parametrize("grown", [False, True], ids=["", "from maps that grew"])
def test_stops_when_deleted_meanwhile(lan, background, grown):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        command = background(lan.argv(f"announce {VIP} dev eth1 --count 50 --interval 300"),
                             stderr=subprocess.DEVNULL)
        wire.received(2, quiet=0)
        if grown:
            fill(lan, 0)
            lan.done(GROWTH)
        lan.done(f"del {VIP} dev eth1")
        assert command.wait(HUNG) == 1
        wire.received(quiet=0.05)
        assert wire.received(quiet=0.4) == []


def test_own_announcement_is_no_conflict(lan):
    """Another host's frame with our address and MAC, as a loop brings it back."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(*announcement(VIP, SERVER_MAC)) == []
    assert lan.counters() == {"arp_own_mac": 2}
    assert lan.rows("list")[0]["conflicts"] == 0
