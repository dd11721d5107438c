#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Live frames as fast as one CPU makes them, for one address: every request is answered, and no
conflict is missed, whatever else comes in."""
import json
import os
import subprocess

import pytest

from lan import CLIENT_IP, CLIENT_MAC, FLOOD, SERVER_MAC, VIP, Lan
from test_queues import asked_and_answered
from wait import HUNG, wait_until
from wire import Wire, arp, arp_reply

SECONDS = 10 if os.environ.get("XDP_L2RESP_FULL") else 3
NOT_OWNED = "198.18.10.99"
# that are remembered, and those that an LRU map keeps free on each CPU
MOST_CONFLICTS = 4096 + 128 * os.sysconf("SC_NPROCESSORS_CONF")
ROUNDS = 9


def test_flood_is_answered_to_the_last_request():
    with Lan(client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        cpu = min(os.sched_getaffinity(0))
        flood = json.loads(lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, SECONDS,
                                          cpu).stdout)
        assert flood["seconds"] >= SECONDS and flood["sent"] >= 1 << 17
        # sent, met the program, was answered, came back right: one number
        asked, answered = asked_and_answered(lan, flood)
        assert flood["wrong"] == 0
        assert answered == asked
        assert lan.counters() == {"arp_answered": asked}
        assert lan.responses_sent() == asked


def conflicts_shown(lan):
    """The MACs in the map, and the bytes that it takes."""
    pin = lan.pin("conflicts")
    show, dump = (json.loads(lan.server.run("bpftool", "-j", "map", what, "pinned", pin).stdout)
                  for what in ("show", "dump"))
    macs = [":".join(f"{byte:02x}" for byte in row["formatted"]["key"]["mac"]) for row in dump]
    return macs, int(show["bytes_memlock"])


def test_conflict_flood_fills_no_memory(background):
    """A hundred thousand hosts and more that announce our address: each frame is counted, the latest
    hosts are remembered, and a request is answered afterwards."""
    with Lan() as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        _, bytes_before = conflicts_shown(lan)
        process = background(lan.client.argv(FLOOD, "eth0", VIP, VIP, "-", HUNG, min(os.sched_getaffinity(0))),
                             stdout=subprocess.PIPE)
        assert wait_until(lambda: lan.counters().get("arp_conflict", 0) > 1e5)
        process.terminate()
        flood = json.loads(process.communicate()[0])
        with Wire(lan.client, "eth0") as wire:
            wire.send(arp(VIP, spa=VIP))
            assert wait_until(lambda: lan.counters() == {"arp_conflict": asked_and_answered(lan, flood)[0] + 1})
            macs, bytes_after = conflicts_shown(lan)
            assert len(macs) <= MOST_CONFLICTS and CLIENT_MAC in macs
            assert bytes_after == bytes_before
            wire.send(arp(VIP))
            assert arp_reply(VIP) in [frame for _, frame in wire.received(1)]


@pytest.mark.full  # it takes two CPUs for itself
def test_conflict_flood_slows_no_answer(background):
    """One CPU is asked for the address while another has a flood of conflicts over it, or, in turns,
    one of requests that concern nobody. The best rounds are compared: other work only ever slows."""
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        pytest.skip("it takes two CPUs")
    others = {"arp_conflict": (VIP, VIP), "arp_not_owned": (CLIENT_IP, NOT_OWNED)}
    rates = {outcome: [] for outcome in others}
    with Lan(queues=2, client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        for outcome, addresses in [*others.items()] * ROUNDS:
            before = lan.counters().get(outcome, 0)
            other = background(lan.client.argv(FLOOD, "eth0", *addresses, "-", 60, cpus[1]))
            assert wait_until(lambda: lan.counters().get(outcome, 0) > before), "no flood"
            flood = json.loads(lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, 1,
                                              cpus[0]).stdout)
            other.terminate()
            other.wait()
            assert flood["right"] == flood["sent"]
            rates[outcome].append(flood["right"] / flood["seconds"])
    assert max(rates["arp_conflict"]) >= 0.95 * max(rates["arp_not_owned"]), rates
