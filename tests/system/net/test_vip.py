#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The address is local to the server too: traffic to it works, and who else may answer for it."""
import pytest

from lan import SERVER_MAC, VIP, VIP6, VIP_MAC, need
from wait import HUNG
from wire import Wire, arp, mac_text

OFF_LINK = "198.19.1.1"  # outside every subnet of the client

FOLLOWED, ROUTED = "in the client's subnet", "on-link by a route only"


def host_address(lan, address, dev, arp_ignore):
    lan.server.ip(f"address add {address}/32 dev {dev}")
    lan.server.sysctl(f"net.ipv4.conf.all.arp_ignore={arp_ignore}",
                      "net.ipv4.conf.all.arp_announce=2")


# name: device that the address is on, the address, what the client needs to find it on-link
PINGS = {
    f"address on lo, {FOLLOWED}": ("lo", "198.18.0.100", None),
    f"address on eth1, {FOLLOWED}": ("eth1", "198.18.0.100", None),
    f"address on lo, {ROUTED}": ("lo", OFF_LINK, f"route add {OFF_LINK}/32 dev eth0"),
    f"address on eth1, {ROUTED}": ("eth1", OFF_LINK, f"route add {OFF_LINK}/32 dev eth0"),
}


@pytest.mark.parametrize("dev, address, route", PINGS.values(), ids=PINGS)
def test_ping(lan, dev, address, route):
    need("ping")
    host_address(lan, address, dev, arp_ignore=1)
    lan.done("attach eth1", f"add {address} dev eth1")
    if route:
        lan.client.ip(route)
    said = lan.client.run("ping", "-c", 3, "-i", 0.05, "-W", HUNG, address).stdout
    assert " 3 received" in said
    assert lan.client.neighbour(address) == (SERVER_MAC, ["REACHABLE"])
    assert lan.responses_sent(address) == 1, "the kernel answered, not the program"


@pytest.mark.parametrize("dev", ["lo", "eth1"])
def test_ping_ipv6(lan, dev):
    need("ping")
    lan.enable_ipv6()
    lan.done("attach eth1", f"add {VIP6} dev eth1")
    lan.server.own(f"{VIP6}/128", dev)
    said = lan.client.run("ping", "-6", "-c", 3, "-i", 0.05, "-W", HUNG, VIP6).stdout
    assert " 3 received" in said
    assert lan.client.neighbour(VIP6) == (SERVER_MAC, ["REACHABLE"])
    assert lan.responses_sent(VIP6) == 1, "the kernel answered, not the program"


# The kernel answers with the device's MAC, the program with VIP_MAC.
PROGRAM, KERNEL, NOBODY = [VIP_MAC], [SERVER_MAC], []

# name: device that the address is on, arp_ignore there, whether it is in the map; who answers
ANSWERS = {
    "on lo, arp_ignore 1, added": ("lo", 1, True, PROGRAM),
    "on lo, arp_ignore 1, deleted": ("lo", 1, False, NOBODY),
    "on lo, arp_ignore 0, added: the kernel doesn't see the request": ("lo", 0, True, PROGRAM),
    "on lo, arp_ignore 0, deleted: the kernel answers in our place": ("lo", 0, False, KERNEL),
    "on eth1, arp_ignore 1, added": ("eth1", 1, True, PROGRAM),
    "on eth1, arp_ignore 1, deleted: the kernel answers": ("eth1", 1, False, KERNEL),
    "on eth1, arp_ignore 8, deleted": ("eth1", 8, False, NOBODY),
}


@pytest.mark.parametrize("dev, arp_ignore, added, expected", ANSWERS.values(), ids=ANSWERS)
def test_who_answers(lan, dev, arp_ignore, added, expected):
    host_address(lan, VIP, dev, arp_ignore)
    lan.done("attach eth1", f"add {VIP} dev eth1 mac {VIP_MAC}")
    if not added:
        lan.done(f"del {VIP} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        replies = wire.ask(arp(VIP), count=len(expected))
    assert [mac_text(reply[6:12]) for reply in replies] == expected


def test_kernel_of_the_server_still_resolves_and_answers(lan):
    """What isn't ours passes: the server's own address, and its own questions."""
    need("ping")
    lan.done("attach eth1", f"add {VIP} dev eth1")
    for host, address in (lan.client, "198.18.0.1"), (lan.server, "198.18.0.2"):
        assert " 1 received" in host.run("ping", "-c", 1, "-W", HUNG, address).stdout
    assert lan.responses_sent() == 0
