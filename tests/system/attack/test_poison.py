#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each frame goes to a Linux host that knows where the address is, and to our data path. Where the host believes it,
ours must count a conflict, record it and tell the agent."""
import pytest

import lan as lan_module
from lan import SERVER_IP6, VIP, VIP6
from wait import let_pass, wait_until
from wire import Wire
from wire import arp as request
from wire import arp_reply

pytest.importorskip("scapy.packet", reason="scapy isn't installed")

from hostile import (DESTINATION, FRAGMENT, GROUP_MAC, HOP_BY_HOP, OURS, ROUTING, SOURCE, TARGET,  # noqa: E402
                     advertisement, arp, solicitation, source_of, target_of, unknown)

BROADCAST, ZERO = "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00"
OTHER, OTHER6 = "198.18.10.2", "2001:db8::a:2"  # ours as well
FENCE = "198.18.0.200"  # the host learns its MAC after each frame, and so has seen the frame
HOST_MAC = "02:00:00:00:00:03"

# Whether the host believes it
BELIEVED, NOT_BELIEVED = True, False
CONFLICT, CONFLICT6 = "arp_conflict", "nd_conflict"

# name: (frame, believed by Linux, our outcome; None: not one of ours)
ARP = {
    "announcement": (arp(spa=VIP, tpa=VIP), BELIEVED, CONFLICT),
    "reply": (arp(spa=VIP, op=2), BELIEVED, CONFLICT),
    "request": (arp(spa=VIP), BELIEVED, CONFLICT),
    "announcement with our source": (arp(src=OURS, spa=VIP, tpa=VIP), BELIEVED, CONFLICT),
    "announcement in reply form with our source": (arp(src=OURS, spa=VIP, tpa=VIP, op=2), BELIEVED, CONFLICT),
    "reply with our source": (arp(src=OURS, spa=VIP, op=2), BELIEVED, CONFLICT),
    "request with our source": (arp(src=OURS, spa=VIP), BELIEVED, CONFLICT),
    "sha multicast": (arp(spa=VIP, op=2, sha=GROUP_MAC), BELIEVED, CONFLICT),
    "sha broadcast": (arp(spa=VIP, op=2, sha=BROADCAST), BELIEVED, CONFLICT),
    "sha zero": (arp(spa=VIP, op=2, sha=ZERO), BELIEVED, CONFLICT),
    "request, sha multicast": (arp(spa=VIP, sha=GROUP_MAC), BELIEVED, CONFLICT),
    "source multicast": (arp(src=GROUP_MAC, spa=VIP, op=2), BELIEVED, CONFLICT),
    "source zero": (arp(src=ZERO, spa=VIP, tpa=VIP), BELIEVED, CONFLICT),
    "hardware type of IEEE 802": (arp(spa=VIP, op=2, hardware=6), BELIEVED, CONFLICT),
    "request with that hardware type": (arp(spa=VIP, hardware=6), BELIEVED, CONFLICT),
    "1400 bytes behind it": (arp(spa=VIP, op=2, trailer=bytes(1400)), BELIEVED, CONFLICT),
    "to a group": (arp(dst="01:00:5e:00:00:01", spa=VIP, op=2), BELIEVED, CONFLICT),
    "priority tag": (arp(spa=VIP, op=2, tags=[0]), BELIEVED, CONFLICT),
    "two priority tags": (arp(spa=VIP, op=2, tags=[0, 0]), BELIEVED, CONFLICT),
    "sha of ours": (arp(spa=VIP, op=2, sha=OURS), NOT_BELIEVED, "arp_own_mac"),
    "inverse reply": (arp(spa=VIP, op=9), NOT_BELIEVED, "arp_not_request"),
    "another hardware type": (arp(spa=VIP, op=2, hardware=7), NOT_BELIEVED, "arp_bad_format"),
    "another protocol": (arp(spa=VIP, op=2, ptype=0x0801), NOT_BELIEVED, "arp_bad_format"),
    "cut off": (arp(spa=VIP, op=2)[:41], NOT_BELIEVED, "arp_truncated"),
    # not seen: two tags are stepped over, and Linux steps over any number of them with VID 0
    "three priority tags": (arp(spa=VIP, op=2, tags=[0, 0, 0]), BELIEVED, None),
    # nor this, for one look-up an answer: whoever asks for an address of ours isn't looked up
    "request for another address of ours": (arp(spa=VIP, tpa=OTHER), BELIEVED, "arp_answered"),
}


TO_HOST = {"dst": HOST_MAC, "ip_dst": SERVER_IP6}


def na(*options, **fields):
    return advertisement(VIP6, *options, **fields)


def ns(*options, target=SERVER_IP6, **fields):
    return solicitation(target, *options, **{"ip_src": VIP6, "ip_dst": target, "dst": BROADCAST} | fields)


ND = {
    "advertisement": (na(TARGET), BELIEVED, CONFLICT6),
    "advertisement with our source": (na(TARGET, src=OURS), BELIEVED, CONFLICT6),
    "solicited": (na(TARGET, solicited=1, ip_dst=SERVER_IP6), BELIEVED, CONFLICT6),
    "option multicast": (na(target_of(GROUP_MAC)), BELIEVED, CONFLICT6),
    "option zero": (na(target_of(ZERO)), BELIEVED, CONFLICT6),
    "source multicast": (na(TARGET, src=GROUP_MAC), BELIEVED, CONFLICT6),
    "another option first": (na(unknown(8), TARGET, src=OURS), BELIEVED, CONFLICT6),
    "our option second": (na(TARGET, target_of(OURS), src=OURS), BELIEVED, CONFLICT6),
    "source option of ours": (na(source_of(OURS), TARGET), BELIEVED, CONFLICT6),
    "264 bytes": (na(TARGET, unknown(232), src=OURS), BELIEVED, CONFLICT6),
    "1400 bytes, the option last": (na(unknown(1368), TARGET, src=OURS), BELIEVED, CONFLICT6),
    "1400 bytes behind it": (na(TARGET, trailer=bytes(1400)), BELIEVED, CONFLICT6),
    "hop-by-hop options": (na(TARGET, headers=[HOP_BY_HOP], src=OURS), BELIEVED, CONFLICT6),
    "destination options": (na(TARGET, headers=[DESTINATION], src=OURS), BELIEVED, CONFLICT6),
    "routing header": (na(TARGET, headers=[ROUTING], src=OURS, **TO_HOST), BELIEVED, CONFLICT6),
    "three headers": (na(TARGET, headers=[HOP_BY_HOP, DESTINATION, ROUTING], **TO_HOST), BELIEVED, CONFLICT6),
    "sixteen headers": (na(TARGET, headers=[DESTINATION] * 16), BELIEVED, CONFLICT6),
    "more headers than the program steps over": (na(TARGET, headers=[DESTINATION] * 17), BELIEVED, None),
    "headers, and over 256 bytes": (na(unknown(232), TARGET, headers=[DESTINATION]), BELIEVED, CONFLICT6),
    "no length, behind hop-by-hop options": (na(TARGET, headers=[HOP_BY_HOP], plen=0), BELIEVED, CONFLICT6),
    "solicitation": (ns(SOURCE), BELIEVED, CONFLICT6),
    "solicitation with our source": (ns(SOURCE, src=OURS), BELIEVED, CONFLICT6),
    "solicitation, 1400 bytes behind it": (ns(SOURCE, trailer=bytes(1400)), BELIEVED, CONFLICT6),
    "solicitation of 264 bytes": (ns(SOURCE, unknown(232), src=OURS), BELIEVED, CONFLICT6),
    "solicitation behind destination options": (ns(SOURCE, headers=[DESTINATION], src=OURS), BELIEVED, CONFLICT6),
    "solicitation with a multicast option": (ns(source_of(GROUP_MAC)), BELIEVED, CONFLICT6),
    "not to override": (na(TARGET, override=0), NOT_BELIEVED, CONFLICT6),
    "without an option": (na(), NOT_BELIEVED, CONFLICT6),
    "option of ours": (na(target_of(OURS)), NOT_BELIEVED, "nd_own_mac"),
    "solicited, to a group": (na(TARGET, solicited=1), NOT_BELIEVED, "nd_bad_format"),
    "through a router": (na(TARGET, hop_limit=254), NOT_BELIEVED, "nd_bad_hop_limit"),
    "headers, and through a router": (na(TARGET, headers=[DESTINATION], hop_limit=254), NOT_BELIEVED,
                                      "nd_bad_hop_limit"),
    "wrong checksum": (na(TARGET, bad_checksum=True), NOT_BELIEVED, "nd_bad_checksum"),
    "code 1": (na(TARGET, code=1), NOT_BELIEVED, "nd_bad_format"),
    "fragment": (na(TARGET, headers=[FRAGMENT]), NOT_BELIEVED, None),
    "fragment behind hop-by-hop options": (na(TARGET, headers=[HOP_BY_HOP, FRAGMENT]), NOT_BELIEVED, None),
}


class Stage:
    """A Linux host, and our data path on another LAN, with the same neighbour on both."""

    def __init__(self, ours, linux):
        self.ours, self.linux = ours, linux
        ours.done("attach eth1", *(f"add {ip} dev eth1" for ip in (VIP, OTHER, VIP6, OTHER6)))
        linux.enable_ipv6()
        # each frame is believed or not for what it is, not for when it comes
        linux.server.sysctl("net.ipv4.neigh.eth1.locktime=0")
        linux.server.ip(f"link set eth1 address {HOST_MAC}")
        self.fences = 0

    def knows(self, address):
        self.linux.server.ip(f"neighbour replace {address} lladdr {OURS} dev eth1 nud stale")

    def host_believes(self, frame, address):
        self.knows(address)
        let_pass(0.02, "before the next jiffy the host takes no other MAC, even without a locktime")
        self.linux.server.ip(f"neighbour replace {FENCE} lladdr {OURS} dev eth1 nud stale")
        self.fences += 1
        mac = f"02:fe:00:00:00:{self.fences:02x}"
        with Wire(self.linux.client, "eth0") as wire:
            wire.send(frame, request(FENCE, spa=FENCE, sha=mac))
        assert wait_until(lambda: self.linux.server.neighbour(FENCE)[0] == mac)
        return self.linux.server.neighbour(address)[0] != OURS

    def outcomes(self, frame):
        before = self.ours.counters()
        with Wire(self.ours.client, "eth0") as wire:
            wire.send(frame)
            assert wire.answered(request(OTHER), arp_reply(OTHER))
        moved = {name: count - before.get(name, 0) for name, count in self.ours.counters().items()}
        moved["arp_answered"] -= 1  # that request
        return [name for name, count in moved.items() if count]

    def told(self):
        """Frames in conflicts, where the agent was told of any."""
        entries = self.ours.map_dump("responder_v4") + self.ours.map_dump("responder_v6")
        count = sum(row["value"]["count"] for row in self.ours.map_dump("conflicts"))
        assert not count or any(row["value"]["told_ns"] for row in entries)
        return count


@pytest.fixture(scope="module")
def stage():
    with lan_module.Lan() as ours, lan_module.Lan() as linux:
        yield Stage(ours, linux)


def check(stage, row, address):
    frame, believed, outcome = row
    assert stage.host_believes(frame, address) == believed
    before = stage.told()
    assert stage.outcomes(frame) == ([outcome] if outcome else [])
    told = stage.told() - before
    assert told == (outcome in (CONFLICT, CONFLICT6))


@pytest.mark.parametrize("row", ARP.values(), ids=ARP)
def test_arp(stage, row):
    check(stage, row, VIP)


@pytest.mark.parametrize("row", ND.values(), ids=ND)
def test_neighbour_discovery(stage, row):
    check(stage, row, VIP6)
