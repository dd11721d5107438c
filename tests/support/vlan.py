# SPDX-License-Identifier: GPL-2.0-or-later
"""VLAN devices, and frames with tags as bytes."""
import json
import socket
import struct

import pytest

from lan import VIP, run
from wait import HUNG, wait_until
from wire import Wire

ETH_P_ALL, ETH_P_8021Q, ETH_P_8021AD = 0x0003, 0x8100, 0x88A8
SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, VLAN_VALID = 263, 8, 4, 1 << 4
AUXDATA = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata: ... vlan_tci, vlan_tpid
# names that say nothing, or something wrong
UPSTAIRS = "link add link {} name upstairs type vlan id 100"
LOFT = ("link add link {} name eth1.7 type vlan protocol 802.1ad id 300",
        "link add link eth1.7 name eth1.9 type vlan id 200")
ROW = {("eth1", ETH_P_8021Q, 100): "upstairs"}
LOFT_ROWS = {("eth1", ETH_P_8021AD, 300): "eth1.7", ("eth1.7", ETH_P_8021Q, 200): "eth1.9"}


def tagged(frame, *tags):
    """The frame with (protocol, VID or TCI) tags, outer first."""
    return frame[:12] + b"".join(struct.pack("!HH", *tag) for tag in tags) + frame[12:]


class TaggedWire(Wire):
    """What came in on a device, tags in the frame, which a packet socket hands over beside it."""

    def __init__(self, namespace, dev):
        super().__init__(namespace, dev, ETH_P_ALL)
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def arps(self, count):
        """The ARP frames, as many as expected and those that come right after."""
        found = []
        self.socket.settimeout(HUNG)
        while True:
            try:
                frame, ancillary, _, sender = self.socket.recvmsg(2048, 256)
            except (TimeoutError, BlockingIOError):
                return found
            [auxdata] = [data for level, kind, data in ancillary if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)]
            status, *_, tci, tpid = AUXDATA.unpack(auxdata)
            if status & VLAN_VALID:
                frame = tagged(frame, (tpid, tci))
            if sender[2] != PACKET_OUTGOING and b"\x08\x06\0\1\x08\0\6\4" in frame[:34]:
                found.append(frame)
            if len(found) == count:
                self.socket.settimeout(0.2)


@pytest.fixture
def site(lan):
    """A LAN with VLAN devices on both sides: upstairs is VLAN 100, eth1.9 200 in 802.1ad's 300."""
    made = run("ip", "-n", lan.server.name, *UPSTAIRS.format("eth1").split(), check=False)
    if made.returncode:
        pytest.skip(f"this kernel has no VLAN devices: {made.stderr.strip()}")
    # else a veth hands tags over beside the frame
    lan.client.run("ethtool", "-K", "eth0", "txvlan", "off", "tx-vlan-stag-hw-insert", "off")
    lan.server.ip(*(command.format("eth1") for command in LOFT), "link set upstairs up",
                  "link set eth1.7 up", "link set eth1.9 up")
    lan.client.ip(UPSTAIRS.format("eth0"), *(command.format("eth0") for command in LOFT),
                  "link set upstairs up", "link set eth1.7 up", "link set eth1.9 up")
    return lan


# kinds of device whose frames have lost their tags, and the commands that make one on eth1, called roof
MASTERS = {
    "bond": ("link add roof type bond mode active-backup", "link set eth1 down", "link set eth1 master roof"),
    "bridge": ("link add roof type bridge", "link set eth1 master roof"),
    "macvlan": ("link add link eth1 name roof type macvlan",),
    "team": ("link add roof type team", "link set eth1 down", "link set eth1 master roof", "link set eth1 up"),
}


def make_above(lan, kind):
    """Makes roof of eth1, which gives up its VLAN devices; above it, floor for VLAN 100, and den for 200 in 802.1ad's 300."""
    lan.server.ip("link del upstairs", "link del eth1.7")
    for command in MASTERS[kind]:
        made = run("ip", "-n", lan.server.name, *command.split(), check=False)
        if made.returncode:
            pytest.skip(f"this kernel has no {kind}: {made.stderr.strip()}")
    lan.server.ip("link set roof up", "link add link roof name floor type vlan id 100", "link set floor up",
                  "link add link roof name attic type vlan protocol 802.1ad id 300", "link set attic up",
                  "link add link attic name den type vlan id 200", "link set den up")


def ask(lan, dev, ip=VIP):
    """The MAC that the client's kernel learns for the address on its VLAN device, or None."""
    lan.client.run("ip", "neigh", "flush", "dev", dev)
    lan.client.run("ip", "route", "replace", ip, "dev", dev)
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    with lan.client.entered(), socket.socket(family, socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"", (ip, 9))

    def settled():
        """The kernel's entry, once it has a MAC or is given up."""
        shown = json.loads(lan.client.run("ip", "-j", "neigh", "show", "to", ip, "dev", dev).stdout or "[]")
        return next((row for row in shown if "lladdr" in row or "FAILED" in row["state"]), None)
    entry = wait_until(settled)
    assert entry, entry
    return entry.get("lladdr")


def vlans(lan):
    """Rows of the map: (parent, protocol, VID) -> device, by name."""
    names = {row["ifindex"]: row["ifname"]
             for row in json.loads(lan.server.run("ip", "-j", "link").stdout)}
    return {(names[row["key"]["parent"]], socket.ntohs(row["key"]["protocol"]), row["key"]["vid"]):
            names.get(row["value"], "?") for row in lan.map_dump("vlans")}
