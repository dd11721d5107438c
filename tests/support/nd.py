# SPDX-License-Identifier: GPL-2.0-or-later
"""Neighbour discovery (RFC 4861): frames as bytes, and the groups that the server has joined."""
import ipaddress
import json
import re
import socket
import struct

from lan import CLIENT_IP6, CLIENT_MAC, VIP6
from wait import wait_until
from wire import mac_bytes

GROUP6, GROUP6_MAC = "ff02::1:ff0a:1", "33:33:ff:0a:00:01"  # VIP6's solicited-node group
SOLICITATION, ADVERTISEMENT = 135, 136
OVERRIDE = 0x20000000


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def nd(kind, src, dst, dst_mac, target, option, flags=0, eth_src=CLIENT_MAC):
    body = struct.pack("!BBHI", kind, 0, 0, flags) + ip6(target) + option
    pseudo = ip6(src) + ip6(dst) + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6) + body
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return (mac_bytes(dst_mac) + mac_bytes(eth_src) +
            struct.pack("!HIHBB", 0x86DD, 6 << 28, len(body), socket.IPPROTO_ICMPV6, 255) +
            ip6(src) + ip6(dst) + body[:2] + struct.pack("!H", checksum) + body[4:])


def solicitation(target):
    return nd(SOLICITATION, CLIENT_IP6, GROUP6, GROUP6_MAC, target, b"\1\1" + mac_bytes(CLIENT_MAC))


def advertisement(mac, flags=OVERRIDE):
    """What announces VIP6 (7.2.6): to all nodes, from the address itself, not solicited, from no router."""
    return [nd(ADVERTISEMENT, VIP6, "ff02::1", "33:33:00:00:00:01", VIP6, b"\2\1" + mac_bytes(mac), flags, mac)]


def group_of(address):
    """Its solicited-node group."""
    low = int(ipaddress.ip_address(address)) & 0xFFFFFF
    return str(ipaddress.ip_address(int(ipaddress.ip_address("ff02::1:ff00:0")) | low))


def maddr(lan, family):
    """What `ip maddr` has on the server's interface, address: users."""
    said = lan.server.run("ip", "maddr", "show", "dev", "eth1").stdout
    return {match[1]: int(match[2] or 1)
            for match in re.finditer(rf"^\s+{family}\s+(\S+)(?: users (\d+))?", said, re.M)}


def own_groups(lan):
    """What the server's interface has joined for itself, once it has: the kernel joins an address's group in a work of its
    own, as it does duplicate address detection."""
    [eth1] = json.loads(lan.server.run("ip", "-j", "-6", "address", "show", "dev", "eth1").stdout)
    groups = {group_of(one["local"]) for one in eth1["addr_info"]}
    assert wait_until(lambda: groups <= maddr(lan, "inet6").keys()), maddr(lan, "inet6")
    return maddr(lan, "inet6")
