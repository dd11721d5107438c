# SPDX-License-Identifier: GPL-2.0-or-later
"""A LAN of two NICs in place of a veth pair."""
import json

from chain import ChainLan
from lan import CLIENT_IP, CLIENT_MAC, SERVER_MAC, VIP, run
from nics import macs
from wait import wait_until
from wire import Wire, arp, arp_reply

LINK_UP_WITHIN = 10  # seconds; a NIC may negotiate first
MINIMUM = 60  # bytes of a frame; a NIC pads by itself


def named(mac):
    """The NIC of that address, in the first process's namespace."""
    return next(link["ifname"] for link in json.loads(run("ip", "-j", "link").stdout) if link["address"] == mac)


class NicLan(ChainLan):
    def __init__(self, nic):
        self.nic = nic
        super().__init__(client_program=None)

    def make_link(self, queues=1):
        ends = (self.server, "eth1", SERVER_MAC), (self.client, "eth0", CLIENT_MAC)
        for (host, dev, mac), own in zip(ends, macs(self.nic)):
            run("ip", "link", "set", name := named(own), "netns", host.name)
            host.ip(f"link set {name} name {dev}", f"link set {dev} address {mac}", f"link set {dev} up")
        self.client.ip(f"address add {CLIENT_IP}/24 dev eth0")
        self.wait_for_link()

    def wait_for_link(self):
        for host, dev in (self.server, "eth1"), (self.client, "eth0"):
            assert wait_until(lambda: "LOWER_UP" in host.run("ip", "link", "show", dev).stdout, LINK_UP_WITHIN)

    def answers(self, frame=arp(VIP), reply=arp_reply(VIP)):
        """Three requests get their answers, once each."""
        with Wire(self.client, "eth0") as wire:
            replies = wire.ask(*[frame.ljust(MINIMUM, b"\0")] * 3, count=3)
        # the kernel leaves it to the NIC to pad
        return [one.ljust(MINIMUM, b"\0") for one in replies] == [reply.ljust(MINIMUM, b"\0")] * 3
