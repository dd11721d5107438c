#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Frames at line rate that say that each of 10,000 addresses is somebody else's, every one with another MAC."""
import json
import os
import time

import pytest

from daemon import POLICY, service
from lan import CLIENT_MAC, FLOOD, VIP
from wait import is_linear, wait_until
from wire import REPLY, ZERO_MAC, Wire, arp, arp_reply

COUNT = 10_000
ADDRESSES = [f"198.18.{128 + n // 256}.{n % 256}" for n in range(COUNT)]
SECONDS = 30 if os.environ.get("XDP_L2RESP_FULL") else 3


def flood(lan, agent, count):
    """Frames for @count of the addresses: the agent's CPU time. What is told of is bounded, an address once a second at most."""
    figures, before, began = agent.metrics(), agent.cpu_seconds(), time.monotonic()
    sent = json.loads(lan.client.run(FLOOD, "eth0", ADDRESSES[0], ADDRESSES[0], f"-{count}", SECONDS,
                                     max(os.sched_getaffinity(0))).stdout)["sent"]
    spent, took = agent.cpu_seconds() - before, time.monotonic() - began
    told = agent.metrics()["l2resp_conflicts_total"] - figures["l2resp_conflicts_total"]
    print(f"# {count} addresses, {sent / SECONDS:.0f} frames/s: {spent / took:.3f} of a CPU, {told:.0f} conflicts told")
    assert 0 < told <= count * (took + 1)
    assert sent > 2 * told or count == COUNT, "a flood"
    return spent


@pytest.mark.parametrize("answer", ["defend", "yield"])
def test_the_agents_share_is_bounded(agent, lan, answer):
    agent.config.write_text(agent.config.read_text() + f"announce: {{count: 0}}\nconflict: {answer}\n")
    agent.write("all.yaml", POLICY, service("web", VIP), service("many", *ADDRESSES))
    agent.start()
    assert wait_until(lambda: agent.metrics()["l2resp_entries"] == COUNT + 1, 20), agent.log()
    if answer == "defend":
        assert is_linear(lambda count: flood(lan, agent, count), COUNT)
    else:
        flood(lan, agent, COUNT)  # what was given up has no conflict any more
    figures = agent.metrics()
    assert len(agent.log()) < 20_000 and agent.log().count("gave it up") <= 40
    with Wire(lan.client, "eth0") as wire:
        # another address is answered for, and a real conflict is told of
        assert wire.answered(arp(VIP), arp_reply(VIP))
        wire.send(arp(VIP, spa=VIP, sha=CLIENT_MAC))
    told = {"defend": "l2resp_conflicts_defended_total", "yield": "l2resp_conflicts_yielded_total"}[answer]
    assert wait_until(lambda: agent.metrics()[told] > figures[told])


def test_many_macs_are_told_of_as_one_host_is(agent, lan):
    """An event an address and second, not one for each MAC; but each frame counts."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        began = time.monotonic()
        wire.send(*(arp(VIP, spa=VIP, sha=f"02:fe:00:00:{n // 256:02x}:{n % 256:02x}") for n in range(500)))
        assert wait_until(lambda: lan.counters().get("arp_conflict") == 500)
        assert wait_until(lambda: agent.metrics()["l2resp_conflicts_total"])
        assert agent.metrics()["l2resp_conflicts_total"] <= 1 + (time.monotonic() - began)
    assert agent.entries()[VIP, "eth1"]["conflicts"] == 500


def test_zero_is_nobodys_mac(running, lan):
    """Hosts believe it (test_poison.py); the loopback interface, which has it, makes it none of ours."""
    with Wire(lan.client, "eth0") as wire:
        wire.send(arp(VIP, spa=VIP, sha=ZERO_MAC, src=CLIENT_MAC, op=REPLY))
    assert wait_until(lambda: running.metrics()["l2resp_conflicts_defended_total"]), running.log()
    assert running.entries()[VIP, "eth1"]["conflicts"] == 1
