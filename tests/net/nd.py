# SPDX-License-Identifier: GPL-2.0-or-later
"""Neighbour discovery frames of the client (RFC 4861), as bytes."""
import socket
import struct

from lan import CLIENT_IP6, CLIENT_MAC
from wire import mac_bytes

GROUP6, GROUP6_MAC = "ff02::1:ff0a:1", "33:33:ff:0a:00:01"  # VIP6's solicited-node group
SOLICITATION, ADVERTISEMENT = 135, 136


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def nd(kind, src, dst, dst_mac, target, option, flags=0):
    body = struct.pack("!BBHI", kind, 0, 0, flags) + ip6(target) + option
    pseudo = ip6(src) + ip6(dst) + struct.pack("!II", len(body), socket.IPPROTO_ICMPV6) + body
    total = sum(struct.unpack(f"!{len(pseudo) // 2}H", pseudo))
    total = (total & 0xFFFF) + (total >> 16)
    checksum = ~(total + (total >> 16)) & 0xFFFF
    return (mac_bytes(dst_mac) + mac_bytes(CLIENT_MAC) +
            struct.pack("!HIHBB", 0x86DD, 6 << 28, len(body), socket.IPPROTO_ICMPV6, 255) +
            ip6(src) + ip6(dst) + body[:2] + struct.pack("!H", checksum) + body[4:])


def solicitation(target):
    return nd(SOLICITATION, CLIENT_IP6, GROUP6, GROUP6_MAC, target, b"\1\1" + mac_bytes(CLIENT_MAC))
