#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A device with several queues, served by as many CPUs at once: every request is answered and counted."""
import json
import os
import re
import shutil

import pytest

from lan import CLIENT_IP, FLOOD, SERVER_MAC, VIP, Lan, need
from wire import Wire, arp, arp_reply

REQUESTS = 500


def several_cpus():
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("it takes two CPUs")
    return cpus


def queue_counts(host, dev, name):
    """A statistic of a device, by queue."""
    said = host.run("ethtool", "-S", dev).stdout
    return [int(count) for count in re.findall(rf"[rt]x_queue_\d+_{name}: (\d+)", said)]


def asked_and_answered(lan, flood):
    """Of a flood, the requests that met the program, and its answers. Where softirqs have to wait, veth's rings refuse frames,
    and say how many."""
    if not shutil.which("ethtool"):
        return flood["sent"], flood["right"]
    return (flood["sent"] - sum(queue_counts(lan.client, "eth0", "xdp_xmit_errors")),
            flood["right"] + sum(queue_counts(lan.server, "eth1", "xdp_tx_errors")))


def send_from(cpu, wire, frames):
    """In a process of its own, on that CPU; its id."""
    child = os.fork()
    if not child:
        status = 1
        try:
            os.sched_setaffinity(0, [cpu])
            wire.send(*frames)
            status = 0
        finally:
            os._exit(status)
    return child


def test_packet_sockets():
    """A requester on each CPU; veth has the frames of one on either queue."""
    cpus = several_cpus()[:2]
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


def test_live_frames_on_all_queues():
    """One address asked for by every CPU at once, on a queue each: all count in one entry."""
    need("ethtool")
    cpus = several_cpus()
    with Lan(queues=len(cpus), client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        flood = lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, 0.5, *cpus).stdout
        flood = json.loads(flood)
        asked, answered = asked_and_answered(lan, flood)
        assert answered == asked > 0 and flood["wrong"] == 0
        assert lan.counters() == {"arp_answered": asked}
        assert lan.responses_sent() == asked
        by_queue = queue_counts(lan.server, "eth1", "xdp_packets")
        assert len(by_queue) == len(cpus) and all(by_queue) and sum(by_queue) == asked
