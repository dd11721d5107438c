#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A device with two queues, served by two CPUs at once: every request is answered and counted."""
import json
import os
import re

import pytest

from lan import CLIENT_IP, FLOOD, SERVER_MAC, VIP, Lan, need
from wire import Wire, arp, arp_reply

REQUESTS = 500


def two_cpus():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("it takes two CPUs")
    return cpus[:2]


def queue_counts(lan, name):
    """A statistic of the server's device, by receive queue."""
    said = lan.server.run("ethtool", "-S", "eth1").stdout
    return [int(count) for count in re.findall(rf"rx_queue_\d+_{name}: (\d+)", said)]


def send_from(cpu, wire, frames):
    """In a process of its own, on that CPU; its id."""
    child = os.fork()
    if not child:
        os.sched_setaffinity(0, [cpu])
        wire.send(*frames)
        os._exit(0)
    return child


def test_packet_sockets():
    """A requester on each CPU; veth has the frames of one on either queue."""
    cpus = two_cpus()
    with Lan(queues=2) as lan:
        lan.done("attach eth1", f"add {VIP}-198.18.10.2 dev eth1")
        asked = dict(zip(cpus, (VIP, "198.18.10.2")))
        with Wire(lan.client, "eth0") as wire:
            for child in [send_from(cpu, wire, [arp(asked[cpu])] * REQUESTS) for cpu in cpus]:
                assert os.waitpid(child, 0)[1] == 0
            replies = [frame for _, frame in wire.received(2 * REQUESTS)]
        assert sorted(replies) == sorted(arp_reply(asked[cpu]) for cpu in cpus * REQUESTS)
        assert [lan.responses_sent(asked[cpu]) for cpu in cpus] == [REQUESTS] * 2
        assert lan.counters() == {"arp_answered": 2 * REQUESTS}


def test_live_frames_on_both_queues():
    """One address asked for on both queues at once: both CPUs count in one entry."""
    need("ethtool")
    cpus = two_cpus()
    with Lan(queues=2, client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        flood = lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, 0.5, *cpus).stdout
        flood = json.loads(flood)
        assert flood["right"] == flood["sent"] > 0 and flood["wrong"] == 0
        assert lan.counters() == {"arp_answered": flood["sent"]}
        assert lan.responses_sent() == flood["sent"]
        by_queue = queue_counts(lan, "xdp_packets")
        assert len(by_queue) == 2 and all(by_queue) and sum(by_queue) == flood["sent"]
