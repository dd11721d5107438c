#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""No answer is larger than its request or reaches more: every combination of fields that decide about that."""
import itertools
import socket

import pytest

import lan as lan_module
from lan import CLIENT_IP, CLIENT_IP6, CLIENT_MAC, VIP, VIP6
from nd import GROUP6, GROUP6_MAC, ip6
from wire import BROADCAST, ETH_P_ARP, ETH_P_IPV6, ZERO_MAC, Wire, mac_bytes
from wire import arp as request

pytest.importorskip("scapy.packet", reason="scapy isn't installed")

from hostile import (ALL_NODES, ALL_NODES_MAC, GROUP_MAC, NONCE, OURS, SOURCE, arp, solicitation,  # noqa: E402
                     source_of)

FENCE_IP, FENCE_IP6 = "198.18.0.77", "2001:db8::77"
TRAILERS = [bytes(size) for size in (0, 64, 65, 1400)]


def combinations(**fields):
    return [dict(zip(fields, values)) for values in itertools.product(*fields.values())]


ARPS = combinations(dst=[OURS, BROADCAST, GROUP_MAC, "01:00:5e:00:00:01"],
                    sha=[CLIENT_MAC, GROUP_MAC, BROADCAST, ZERO_MAC], src=[CLIENT_MAC, GROUP_MAC, BROADCAST],
                    spa=[CLIENT_IP, "0.0.0.0", "224.0.0.1", "255.255.255.255"], trailer=TRAILERS)
OPTIONS = {"none": [], "nonce": [NONCE]} | {
    mac: [source_of(mac)] for mac in (CLIENT_MAC, GROUP_MAC, ALL_NODES_MAC)}
NDS = combinations(dst=[OURS, GROUP6_MAC, ALL_NODES_MAC, BROADCAST], ip_dst=[VIP6, GROUP6, ALL_NODES],
                   ip_src=[CLIENT_IP6, "::", ALL_NODES, "::1"], options=OPTIONS, trailer=TRAILERS)


def is_group(frame):
    return frame[0] & 1


@pytest.fixture(scope="module")
def lan():
    with lan_module.Lan() as made:
        made.done("attach eth1", f"add {VIP} dev eth1", f"add {VIP6} dev eth1")
        yield made


def answers(wire, frame, fence, is_fence):
    """What comes back for the frame: all that comes before the fence's answer."""
    wire.send(frame, fence)
    came = []
    while True:
        came += [one for _, one in wire.received(1, quiet=0)]
        if is_fence(came[-1]):
            return came[:-1]


def check(frame, came):
    assert len(came) <= 1
    assert sum(map(len, came)) <= len(frame)
    assert is_group(frame) or not any(map(is_group, came))
    if any(map(is_group, came)):
        assert len(frame) <= 14 + 40 + 32 + 64, "a large one to all"


def test_arp(lan):
    fence = request(VIP, spa=FENCE_IP)
    answered = 0
    with Wire(lan.client, "eth0", ETH_P_ARP) as wire:
        for fields in ARPS:
            frame = arp(tpa=VIP, **fields)
            came = answers(wire, frame, fence, lambda one: one[38:42] == socket.inet_aton(FENCE_IP))
            check(frame, came)
            assert not any(map(is_group, came)), "an answer goes to one host"
            answered += len(came)
    assert answered, "some of it is answered"


def test_neighbour_discovery(lan):
    fence = solicitation(VIP6, SOURCE, ip_src=FENCE_IP6, ip_dst=VIP6, dst=OURS)
    fence_ip = ip6(FENCE_IP6)
    answered = to_all = 0
    with Wire(lan.client, "eth0", ETH_P_IPV6) as wire:
        for fields in NDS:
            fields = dict(fields)
            frame = solicitation(VIP6, *OPTIONS[fields.pop("options")], **fields)
            came = answers(wire, frame, fence, lambda one: one[38:54] == fence_ip)
            check(frame, came)
            for one in came:
                answered += 1
                if is_group(one):
                    to_all += 1
                    assert frame[:6] == mac_bytes(GROUP6_MAC), "asked of the group"
    assert answered and to_all, "some of it is answered"
