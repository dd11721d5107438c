#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who asks: the Linux kernel, arping, ndisc6 and scapy. What they get."""
import json
import re
import socket

import pytest

from lan import CLIENT_IP, CLIENT_MAC, SERVER_MAC, VIP, VIP6, VIP_MAC, need
from wait import HUNG, wait_until
from wire import BROADCAST, ZERO_MAC, Wire, arp, arp_reply

FOLLOWS = f"add {VIP} dev eth1"
FIXED = f"{FOLLOWS} mac {VIP_MAC}"

MACS = {"the device's MAC": (FOLLOWS, SERVER_MAC), "a fixed MAC": (FIXED, VIP_MAC)}
each_mac = pytest.mark.parametrize("add, mac", MACS.values(), ids=MACS)


@each_mac
def test_linux_kernel(lan, add, mac):
    """It asks since it has a datagram to send; its neighbour table ends with the right MAC."""
    lan.done("attach eth1", add)
    lan.client.ip(f"route add {VIP}/32 dev eth0")
    with lan.client.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"", (VIP, 9))
    assert wait_until(lambda: lan.client.neighbour(VIP) == (mac, ["REACHABLE"])), \
        lan.client.neighbour(VIP)
    assert lan.counters() == {"arp_answered": 1}


MACS6 = {"the device's MAC": (f"add {VIP6} dev eth1", SERVER_MAC),
         "a fixed MAC": (f"add {VIP6} dev eth1 mac {VIP_MAC}", VIP_MAC),
         "override off": (f"add {VIP6} dev eth1 override off", SERVER_MAC)}
each_mac6 = pytest.mark.parametrize("add, mac", MACS6.values(), ids=MACS6)


@each_mac6
def test_linux_kernel_ipv6(lan, add, mac):
    lan.enable_ipv6()
    lan.done("attach eth1", add)
    with lan.client.entered(), socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"", (VIP6, 9))
    assert wait_until(lambda: lan.client.neighbour(VIP6) == (mac, ["REACHABLE"])), \
        lan.client.neighbour(VIP6)
    assert lan.counters()["nd_answered"] == lan.responses_sent(VIP6) == 1


def test_linux_kernel_gives_up_the_address(lan):
    """Duplicate address detection (RFC 4862 5.4): it is ours already."""
    lan.enable_ipv6()
    lan.done("attach eth1", f"add {VIP6} dev eth1")
    lan.client.sysctl("net.ipv6.conf.eth0.accept_dad=1")
    lan.client.ip(f"address add {VIP6}/64 dev eth0", "address add 2001:db8::b:1/64 dev eth0")

    def flags(address):
        shown = json.loads(lan.client.run("ip", "-j", "address", "show", "dev", "eth0").stdout)
        row, = (row for row in shown[0]["addr_info"] if row["local"] == address)
        return {name for name in ("tentative", "dadfailed") if row.get(name)}
    assert wait_until(lambda: flags(VIP6) == {"tentative", "dadfailed"}), flags(VIP6)
    assert wait_until(lambda: not flags("2001:db8::b:1")), "not ours, and refused"


@each_mac6
def test_ndisc6(lan, add, mac):
    need("ndisc6")
    lan.enable_ipv6()
    lan.done("attach eth1", add)
    # -m: waits for as many answers as come
    said = lan.client.run("ndisc6", "-m", "-r", 1, "-w", 1000, VIP6, "eth0").stdout
    assert re.findall(r"Target link-layer address: ([0-9A-F:]+)\n from (\S+)", said) == [
        (mac.upper(), VIP6)], said
    assert lan.responses_sent(VIP6) == 1


def test_ndisc6_not_owned(lan):
    need("ndisc6")
    lan.enable_ipv6()
    lan.done("attach eth1", f"add {VIP6} dev eth1")
    asked = lan.client.run("ndisc6", "-r", 1, "-w", 200, "2001:db8::b:1", "eth0", check=False)
    assert asked.returncode == 2 and "No response" in asked.stdout, asked.stdout


@each_mac
def test_arping(lan, add, mac):
    need("arping")
    if "-W sec" not in lan.client.run("arping", "--help", check=False).stdout:
        pytest.skip("this arping is another than Debian's package of that name")
    lan.done("attach eth1", add)
    # -d: status 1 if two hosts answer
    said = lan.client.run("arping", "-d", "-c", 3, "-W", 1, "-i", "eth0", VIP).stdout
    assert re.findall(r"bytes from ([0-9a-f:]+) ", said) == [mac] * 3
    assert lan.responses_sent() == 3


def test_arping_not_owned(lan):
    need("arping")
    lan.done("attach eth1", FOLLOWS)
    asked = lan.client.run("arping", "-c", 1, "-W", 0.2, "-i", "eth0", "198.18.10.2", check=False)
    assert asked.returncode == 1, asked.stdout
    assert lan.counters() == {"arp_not_owned": 1}


PADDING = bytes(range(100, 118))  # 42 + 18 = 60 bytes

REPLIED = {"op": 2, "hwtype": 1, "ptype": 0x0800, "hwlen": 6, "plen": 4, "hwsrc": VIP_MAC,
           "psrc": VIP, "hwdst": CLIENT_MAC, "pdst": CLIENT_IP}

# name: Ethernet, ARP and padding of the request; ARP of the reply, or None
SCAPY = {
    "broadcast": ({}, {}, b"", REPLIED),
    "padded to 60 bytes": ({}, {}, PADDING, REPLIED),
    "probe, spa 0.0.0.0": ({}, {"psrc": "0.0.0.0"}, b"", REPLIED | {"pdst": "0.0.0.0"}),
    "unicast to the answering MAC": ({"dst": VIP_MAC}, {}, b"", REPLIED),
    "tha not zero": ({}, {"hwdst": VIP_MAC}, b"", REPLIED),
    "unicast to another MAC": ({"dst": "02:00:00:00:00:77"}, {}, b"", None),
    "not owned": ({}, {"pdst": "198.18.10.2"}, b"", None),
}


@pytest.mark.parametrize("ether, fields, padding, expected", SCAPY.values(), ids=SCAPY)
def test_scapy(lan, ether, fields, padding, expected):
    l2 = pytest.importorskip("scapy.layers.l2", reason="scapy isn't installed")
    from scapy.config import conf
    from scapy.packet import Padding
    from scapy.sendrecv import srp

    lan.done("attach eth1", FIXED)
    request = l2.Ether(**({"src": CLIENT_MAC, "dst": BROADCAST} | ether)) / l2.ARP(
        **({"hwsrc": CLIENT_MAC, "psrc": CLIENT_IP, "hwdst": ZERO_MAC, "pdst": VIP} | fields))
    if padding:
        request /= Padding(padding)
    with lan.client.entered():
        conf.ifaces.reload()
        answered, _ = srp(request, iface="eth0", timeout=HUNG if expected else 0.2, verbose=0)
    if not expected:
        assert not answered
        return
    (_, reply), = answered
    assert (reply.src, reply.dst, reply.type) == (VIP_MAC, CLIENT_MAC, 0x0806)
    assert {name: reply[l2.ARP].getfieldval(name) for name in expected} == expected
    assert len(reply) == 42 + len(padding)
    assert bytes(reply)[42:] == padding


def test_exactly_one_reply(lan):
    """As many answers as requests, nothing else on the wire, from either form of attaching."""
    lan.done(FOLLOWS)
    for mode in "native", "skb":
        lan.done(f"attach eth1 --mode {mode}")
        with Wire(lan.client, "eth0") as wire:
            assert wire.ask(*[arp(VIP)] * 20, count=20) == [arp_reply(VIP)] * 20
        lan.done("detach eth1")
