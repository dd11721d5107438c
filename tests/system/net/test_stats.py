#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Counters move by what was sent, and by nothing else."""
import json
import subprocess
import time

import pytest

from lan import CLIENT_MAC, SERVER_MAC, VIP, need
from wait import wait_until
from wire import REPLY, Wire, arp

OTHER, NOT_OWNED = "02:00:00:00:00:77", "198.18.10.200"

# a frame, how often it is sent, the counters that it moves
MIX = [
    (arp(VIP), 11, ["arp_answered"]),
    (arp(VIP, trailer=bytes(18)), 2, ["arp_answered"]),
    (arp(VIP, spa="0.0.0.0"), 3, ["arp_answered"]),
    (arp(VIP, src=OTHER), 4, ["arp_answered", "arp_sha_mismatch"]),
    (arp(NOT_OWNED), 5, ["arp_not_owned"]),
    (arp(VIP, spa=VIP), 6, ["arp_conflict"]),
    (arp(NOT_OWNED, spa=VIP), 1, ["arp_conflict"]),
    (arp(VIP, spa=VIP, op=REPLY), 2, ["arp_conflict"]),
    (arp(VIP, sha=SERVER_MAC), 7, ["arp_own_mac"]),
    (arp(VIP, op=REPLY), 8, ["arp_not_request"]),
    (arp(VIP, op=8), 1, ["arp_not_request"]),
    (arp(VIP, dst=OTHER), 9, ["arp_other_destination"]),
    (arp(VIP, sha="01:00:5e:00:00:01", src=CLIENT_MAC), 2, ["arp_bad_sender_mac"]),
    (arp(VIP, spa="224.0.0.1"), 3, ["arp_bad_sender_ip"]),
    (arp(VIP, hrd=6), 4, ["arp_bad_format"]),
    (arp(VIP)[:41], 5, ["arp_truncated"]),
]


@pytest.mark.parametrize("mode", ["native", "skb"])
def test_known_mix(lan, mode):
    # skb mode runs behind the device's own filters: all that veth takes gets there
    lan.done(f"attach eth1 --mode {mode}", f"add {VIP} dev eth1")
    expected = {}
    for _, times, names in MIX:
        for name in names:
            expected[name] = expected.get(name, 0) + times
    with Wire(lan.client, "eth0") as wire:
        replies = wire.ask(*[frame for frame, times, _ in MIX for _ in range(times)],
                           count=expected["arp_answered"])
    assert len(replies) == expected["arp_answered"] == lan.responses_sent()
    assert lan.counters() == expected
    assert lan.rows("list")[0]["conflicts"] == expected["arp_conflict"]


def test_other_frames_move_nothing(lan):
    """IPv4, as ping makes it once addresses are resolved, and a foreign EtherType."""
    need("ping")
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lan.client.ip(f"neigh replace 198.18.0.1 lladdr {SERVER_MAC} dev eth0")
    lan.server.ip(f"neigh replace 198.18.0.2 lladdr {CLIENT_MAC} dev eth1")
    lan.client.run("ping", "-c", 2, "-i", 0.05, "198.18.0.1")
    with Wire(lan.client, "eth0") as wire:
        wire.send(arp(VIP)[:12] + b"\x88\xb5" + bytes(46))
    assert lan.counters() == {}


def test_by_interface(lan):
    """Each interface has counts of its own; `counters` is their sum."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link set eth2 up", "link set eth3 up")
    lan.done("attach eth1 eth2", f"add {VIP} dev eth1", f"add {VIP} dev eth2")
    with Wire(lan.client, "eth0") as wire, Wire(lan.server, "eth3") as second:
        wire.send(*[arp(VIP)] * 3)
        second.send(*[arp(VIP)] * 2 + [arp(NOT_OWNED)])
        assert wait_until(lambda: sum(lan.rows("stats")["counters"].values()) == 6), lan.rows("stats")
    stats = lan.rows("stats")
    assert stats["devices"]["eth1"]["arp_answered"] == 3
    assert stats["devices"]["eth2"]["arp_answered"] == 2
    assert (stats["counters"]["arp_answered"], stats["counters"]["arp_not_owned"]) == (5, 1)
    assert list(lan.rows("stats eth2")["devices"]) == ["eth2"]
    assert lan.rows("stats eth2")["counters"]["arp_answered"] == 2


def test_watch_json(lan, background):
    """An object a line, with rates: what was counted since the line before, by the time since then."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    began = time.monotonic()
    watch = background(lan.argv("stats --watch 0.2 --json"), stdout=subprocess.PIPE, text=True)
    lines = [json.loads(watch.stdout.readline())]
    with Wire(lan.client, "eth0") as wire:
        assert len(wire.ask(*[arp(VIP)] * 50, count=50)) == 50
    while lines[-1]["counters"]["arp_answered"] < 50 and len(lines) < 20:
        lines.append(json.loads(watch.stdout.readline()))
    lines.append(json.loads(watch.stdout.readline()))
    rates = [line["per_second"]["arp_answered"] for line in lines]
    assert lines[-1]["counters"]["arp_answered"] == 50
    assert rates[0] == rates[-1] == 0
    totals = [line["counters"]["arp_answered"] for line in lines]
    took = [(new - old) / rate for old, new, rate in zip(totals, totals[1:], rates[1:]) if new > old]
    assert min(took) > 0.19 and sum(took) < time.monotonic() - began


def test_watch_text(lan, background):
    lan.done("attach eth1")
    watch = background(lan.argv("stats eth1 --watch 0.2"), stdout=subprocess.PIPE, text=True)
    assert watch.stdout.readline().split() == ["outcome", "total", "per", "second"]
    assert watch.stdout.readline().split() == ["arp_answered", "0", "0.0"]


def test_watch_by_interface(lan, background):
    """Text and JSON: each interface has rates of its own."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link set eth2 up", "link set eth3 up")
    lan.done("attach eth1 eth2", f"add {VIP} dev eth1", f"add {VIP} dev eth2")
    with Wire(lan.client, "eth0") as wire:
        assert len(wire.ask(*[arp(VIP)] * 20, count=20)) == 20
    text, watch = (background(lan.argv(f"stats --watch 0.2{form}"), stdout=subprocess.PIPE, text=True)
                   for form in ("", " --json"))
    first = [text.stdout.readline().split() for _ in range(6)]
    assert [first[1], first[3], first[5]] == [["eth1:"], ["eth2:"], []]
    assert [first[2], first[4]] == [["arp_answered", "20", "0.0"], ["arp_answered", "0", "0.0"]]
    lines = [json.loads(watch.stdout.readline())]
    with Wire(lan.server, "eth3") as second:
        second.send(*[arp(VIP)] * 30)
        while lines[-1]["devices"]["eth2"]["arp_answered"] < 30 and len(lines) < 50:
            lines.append(json.loads(watch.stdout.readline()))
    rates = {dev: sum(line["devices_per_second"][dev]["arp_answered"] for line in lines)
             for dev in ("eth1", "eth2")}
    assert rates["eth1"] == 0 < rates["eth2"] == pytest.approx(
        sum(line["per_second"]["arp_answered"] for line in lines))
    while "eth2:" != text.stdout.readline().strip():
        pass
    shown = []
    while shown[1:2] != ["30"] and len(shown) < 100:
        shown = text.stdout.readline().split()
    assert shown[:2] == ["arp_answered", "30"]


def test_watch_begins_before_the_first_attach(lan, background):
    """And goes on over a flush of everything."""
    watch = background(lan.argv("stats eth1 --watch 0.1 --json"), stdout=subprocess.PIPE, text=True)
    assert json.loads(watch.stdout.readline())["devices"] == {}
    for _ in range(2):
        lan.done("attach eth1", f"add {VIP} dev eth1")
        with Wire(lan.client, "eth0") as wire:
            assert len(wire.ask(arp(VIP), count=1)) == 1
        assert any(json.loads(watch.stdout.readline())["counters"]["arp_answered"] == 1
                   for _ in range(100))
        lan.done("detach eth1", "flush --all")
        assert any(json.loads(watch.stdout.readline())["devices"] == {} for _ in range(100))
