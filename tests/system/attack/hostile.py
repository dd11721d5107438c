# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames of a hostile neighbour, made by scapy: ARP and neighbour discovery with any field wrong."""
from scapy.config import conf
from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN)
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Raw

from lan import CLIENT_IP, CLIENT_IP6, CLIENT_MAC, SERVER_MAC
from wire import BROADCAST

conf.ipv6_enabled = False  # else scapy asks for this machine's addresses

ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
GROUP_MAC = "03:00:00:00:00:01"  # no IPv4 or IPv6 multicast
OURS = SERVER_MAC

HOP_BY_HOP = IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))])
DESTINATION = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
ROUTING = IPv6ExtHdrRouting(type=0, segleft=0, addresses=[])
FRAGMENT = IPv6ExtHdrFragment(offset=0, m=0)


def target_of(mac):
    return ICMPv6NDOptDstLLAddr(lladdr=mac)


def source_of(mac):
    return ICMPv6NDOptSrcLLAddr(lladdr=mac)


TARGET, SOURCE, NONCE = target_of(CLIENT_MAC), source_of(CLIENT_MAC), Raw(b"\x0e\1" + bytes(6))


def arp(src=CLIENT_MAC, dst=BROADCAST, tags=(), trailer=b"", spa=CLIENT_IP, sha=CLIENT_MAC, tpa="198.18.0.1",
        hardware=None, **fields):
    """A frame; a request of the client's by default."""
    packet = Ether(src=src, dst=dst)
    for vid in tags:
        packet /= Dot1Q(vlan=vid)
    packet /= ARP(hwsrc=sha, psrc=spa, pdst=tpa, **{"hwdst": "00:00:00:00:00:00", "op": 1} | fields)
    frame = bytearray(bytes(packet))
    if hardware:  # scapy knows no MACs of any other
        frame[-27] = hardware
    return bytes(frame) + trailer


def unknown(size):
    """An option of this many bytes that hosts skip."""
    return Raw(bytes([200, size // 8]) + bytes(size - 2))


def nd(message, *parts, src=CLIENT_MAC, dst=ALL_NODES_MAC, ip_src=CLIENT_IP6, ip_dst=ALL_NODES, headers=(),
       hop_limit=255, trailer=b"", **ip):
    """A frame: message, and behind it its options."""
    packet = IPv6(src=ip_src, dst=ip_dst, hlim=hop_limit, **ip)
    for header in headers:
        packet /= header.copy()
    packet /= message
    for part in parts:
        packet /= part
    return bytes(Ether(src=src, dst=dst) / packet) + trailer


def advertisement(target, *options, override=1, solicited=0, bad_checksum=False, code=0, **fields):
    message = ICMPv6ND_NA(tgt=target, R=0, S=solicited, O=override, code=code, **{"cksum": 1} if bad_checksum else {})
    return nd(message, *options, **fields)


def solicitation(target, *options, code=0, **fields):
    return nd(ICMPv6ND_NS(tgt=target, code=code), *options, **fields)
