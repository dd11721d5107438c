#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The address is local to the server too: traffic to it works, and who else may answer for it."""
import fcntl
import socket
import struct

import pytest

from lan import SERVER_IP6, SERVER_MAC, VIP, VIP6, VIP_MAC, need
from nd import ADVERTISEMENT, solicitation
from wait import HUNG
from wire import ETH_P_IPV6, Wire, arp, mac_bytes, mac_text

SIOCDARP, SIOCSARP, ATF_PERM, ATF_PUBL = 0x8953, 0x8955, 4, 8
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


# a second interface of the server, with the route to the address
BEYOND = ("ip link add eth2 type veth peer name eth3", "ip link set eth2 up", "ip link set eth3 up",
          "ip route add 198.18.10.0/24 dev eth2")
ANY_IP, ON_LO = "ip route add local 198.18.10.0/24 dev lo", f"ip address add {VIP}/32 dev lo"
FORWARDING, PROXY_ARP, PVLAN = (f"sysctl -q net.ipv4.{name}=1" for name in (
    "ip_forward", "conf.eth1.proxy_arp", "conf.eth1.proxy_arp_pvlan"))
VRF_MEMBER = "ip link add red type vrf table 10", "ip link set red up", "ip link set eth1 master red"


def arp_ignore(value):
    return f"sysctl -q net.ipv4.conf.all.arp_ignore={value}"


def proxy_entry_of_all(lan, ioctl=SIOCSARP):
    """As arp(8)'s `arp -s ADDR MAC pub`: an entry without an interface."""
    def address(ip):
        return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(ip))
    request = address(VIP) + struct.pack("=H14x", 1) + struct.pack("=i", ATF_PERM | ATF_PUBL) + address("0.0.0.0") + bytes(16)
    with lan.server.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, ioctl, request)


def tell(lan, commands):
    """Commands for the server's kernel; skips the test where it has no such interfaces."""
    for command in commands:
        if callable(command):
            command(lan)
            continue
        done = lan.server.run(*command.split(), check=False)
        if done.returncode and "type vrf" in command:
            pytest.skip(f"this kernel has no VRFs: {done.stderr.strip()}")
        assert not done.returncode, done.stderr


# what the server's kernel is told: does it answer once the program is silent
KERNEL_SETTINGS = {
    "nothing": ([], False),
    "a local route": ([ANY_IP], True),
    "a local route of one address": ([f"ip route add local {VIP}/32 dev lo"], True),
    "a prefix on lo": (["ip address add 198.18.10.77/24 dev lo"], True),
    "a local route, arp_ignore 1": ([ANY_IP, arp_ignore(1)], False),
    "a local route, arp_ignore 3": ([ANY_IP, arp_ignore(3)], False),
    "a local route, arp_ignore 4": ([ANY_IP, arp_ignore(4)], True),
    "a local route of another table": ([ANY_IP + " table 100"], False),
    "a local route of other addresses": (["ip route add local 198.18.11.0/24 dev lo"], False),
    **{f"on lo, arp_ignore {value}": ([ON_LO, arp_ignore(value)], answers) for value, answers in (
        (2, False), (3, True), (4, True), (7, True), (8, False), (9, True))},
    "proxy_arp_pvlan": ([FORWARDING, PVLAN, "ip route add 198.18.10.0/24 dev eth1"], True),
    "proxy_arp_pvlan of all interfaces": (
        [FORWARDING, "sysctl -q net.ipv4.conf.all.proxy_arp_pvlan=1", "ip route add 198.18.10.0/24 dev eth1"], True),
    "proxy_arp_pvlan, without forwarding": ([PVLAN, "ip route add 198.18.10.0/24 dev eth1"], False),
    "proxy_arp": ([FORWARDING, PROXY_ARP, *BEYOND], True),
    "a proxy entry": ([FORWARDING, *BEYOND, f"ip neigh add proxy {VIP} dev eth1"], True),
    "a proxy entry of another interface": ([FORWARDING, *BEYOND, f"ip neigh add proxy {VIP} dev eth2"], False),
    "a proxy entry of all interfaces": ([FORWARDING, *BEYOND, proxy_entry_of_all], True),
}

VRF_SETTINGS = {
    "in the interface's VRF": ([*VRF_MEMBER, f"ip address add {VIP}/32 dev red"], True),
    "in the interface's VRF, arp_ignore 1": ([*VRF_MEMBER, f"ip address add {VIP}/32 dev red", arp_ignore(1)], False),
    "in another VRF": (["ip link add red type vrf table 10", "ip link set red up", f"ip address add {VIP}/32 dev red"], False),
    "on lo, the interface in a VRF": ([*VRF_MEMBER, ON_LO], True),
}


@pytest.mark.parametrize("told, answers", KERNEL_SETTINGS.values(), ids=KERNEL_SETTINGS)
def test_doctor_says_that_the_kernel_answers(lan, told, answers):
    try:
        compare_doctor(lan, told, answers)
    finally:
        if proxy_entry_of_all in told:  # it outlives its namespace, and would be another one's at the same place in memory
            proxy_entry_of_all(lan, SIOCDARP)


@pytest.mark.parametrize("told, answers", VRF_SETTINGS.values(), ids=VRF_SETTINGS)
def test_vrf(lan, told, answers):
    compare_doctor(lan, told, answers)


def compare_doctor(lan, told, answers):
    # else the kernel answers for others after up to 0.8 s
    lan.server.sysctl("net.ipv4.neigh.eth1.proxy_delay=0")
    tell(lan, told)
    lan.done("attach eth1", f"add {VIP} dev eth1")
    said = lan.cli("doctor --json").json["findings"]
    lan.done(f"del {VIP} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        assert len(wire.ask(arp(VIP), count=int(answers))) == answers
    assert any(one["severity"] == "warning" for one in said) == answers, said


@pytest.mark.parametrize("dev, answers", [("red", True), ("beside", False)])
def test_vrf_ipv6(lan, dev, answers):
    """Detached, as with a lease that has run out: the program is silent, the solicited-node group still joined."""
    lan.enable_ipv6()
    lan.server.sysctl("net.ipv6.conf.default.disable_ipv6=0")
    tell(lan, VRF_MEMBER)
    lan.server.ip(f"address replace {SERVER_IP6}/64 dev eth1 nodad", "link add beside type veth peer name rest", "link set beside master red", "link set beside up",
                  "link set rest up", f"address add {VIP6}/128 dev {dev} nodad")
    lan.done("attach eth1", f"add {VIP6} dev eth1")
    said = lan.cli("doctor --json").json["findings"]
    lan.done("detach eth1")
    with Wire(lan.client, "eth0", ETH_P_IPV6) as wire:
        replies = wire.ask(solicitation(VIP6))
    assert any(mac_bytes(SERVER_MAC) == reply[6:12] and reply[54] == ADVERTISEMENT for reply in replies) == answers, replies
    assert any(one["check"] == "kernel_answers" for one in said) == answers, said


def test_kernel_of_the_server_still_resolves_and_answers(lan):
    """What isn't ours passes: the server's own address, and its own questions."""
    need("ping")
    lan.done("attach eth1", f"add {VIP} dev eth1")
    for host, address in (lan.client, "198.18.0.1"), (lan.server, "198.18.0.2"):
        assert " 1 received" in host.run("ping", "-c", 1, "-W", HUNG, address).stdout
    assert lan.responses_sent() == 0
