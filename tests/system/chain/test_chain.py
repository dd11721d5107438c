#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Beside other XDP programs in libxdp's dispatcher."""
import re

import pytest

from chain import ADD, ROOM, statement
from lan import CLIENT_MAC, PASS

OURS = (20, "xdp_l2resp")
DENY = (10, "xdpfilt_dny_eth")  # xdp-filter's own priority
ALLOW = (10, "xdpfilt_alw_eth")
FILTER = ("load", "-m", "native", "-f", "ethernet")


def in_order(lan, *expected):
    assert lan.programs() == lan.loader_programs() == list(expected)


# name: what is done in which order
AROUND = {
    "xdp-filter first": ["filter", "attach"],
    "xdp-filter second": ["attach", "filter"],
}


@statement("xdp-filter and xdp-l2resp on one interface, attached in either order")
@pytest.mark.parametrize("steps", AROUND.values(), ids=AROUND)
def test_xdp_filter(chained, steps):
    for step in steps:
        if step == "filter":
            chained.filter(*FILTER, "-p", "allow", "eth1")
        else:
            chained.done("attach eth1", ADD)
    in_order(chained, ALLOW, OURS)
    row = chained.row()
    assert (row["chain"], row["chain_reason"], row["priority"], row["position"]) == (True, "", 20, 2)
    assert chained.answered() == 3
    assert chained.counters() == {"arp_answered": 3}


@statement("a firewall before us that denies ARP silences us; `status` and `doctor` name it")
def test_firewall_denies(chained):
    chained.done("attach eth1", ADD)
    chained.filter(*FILTER, "-p", "deny", "eth1")
    in_order(chained, DENY, OURS)
    assert chained.silent() and chained.counters() == {}
    assert f"program 2 of 2 in the dispatcher, priority 20, prog id {chained.row()['prog_id']}, " \
           f"after {DENY[1]}" in chained.done("status eth1").out
    found = {one["check"]: one["detail"] for one in chained.cli("doctor --json").json["findings"]}
    assert re.fullmatch(rf"{DENY[1]} \(id \d+, priority {DENY[0]}\) runs before ours on eth1",
                        found["program_before"])
    chained.filter("ether", "--mode", "src", CLIENT_MAC)
    assert chained.answered() == 3


@statement("a firewall after us doesn't silence us: XDP_TX ends the chain")
def test_firewall_after(chained):
    chained.filter(*FILTER, "-p", "deny", "eth1")
    chained.done("attach eth1 --priority 5", ADD)
    in_order(chained, (5, OURS[1]), DENY)
    assert chained.answered() == 3


# ours, before the counters' 10 and 60, between them and after them
PLACES = {5: 0, 20: 1, 70: 2}


@statement("order by priority, before, between and after others; in either order of attaching")
@pytest.mark.parametrize("first", ["ours first", "theirs first"])
def test_priority(chained, first):
    """And a change of priority moves it."""
    if first == "theirs first":
        chained.count("ten", 10), chained.count("sixty", 60)
    chained.done("attach eth1")
    if first == "ours first":
        chained.count("sixty", 60), chained.count("ten", 10)
    for priority, place in PLACES.items():
        chained.done(f"attach eth1 --priority {priority}")
        expected = [(10, "counter"), (60, "counter")]
        expected.insert(place, (priority, OURS[1]))
        in_order(chained, *expected)
        assert chained.row()["position"] == place + 1


@statement("attached again without a priority, as when a map grows, ours keeps its place")
def test_priority_kept(chained):
    chained.count("firewall", 25)
    chained.done("attach eth1 --priority 30 --max-entries 64", "attach eth1")
    in_order(chained, (25, "counter"), (30, OURS[1]))
    chained.done("attach eth1 --max-entries 128")
    in_order(chained, (25, "counter"), (30, OURS[1]))
    chained.done("detach eth1", "attach eth1")
    in_order(chained, OURS, (25, "counter"))


@statement("XDP_TX ends the chain, XDP_PASS goes on, by the others' counts")
def test_what_others_see(chained):
    chained.count("before", 10), chained.count("after", 60)
    chained.done("attach eth1", ADD)
    assert chained.answered(5) == 5
    assert (chained.seen("before"), chained.seen("after")) == (5, 0)
    chained.done("flush dev eth1")
    assert chained.silent()
    assert (chained.seen("before"), chained.seen("after")) == (6, 1)


@statement("ten programs run; an eleventh is refused with an error, ours or another")
def test_full(chained):
    chained.count("nine", 50, copies=ROOM - 1)
    chained.done("attach eth1", ADD)
    assert len(chained.programs()) == ROOM and chained.answered() == 3
    no_room = f"xdp-l2resp: eth1: the dispatcher has no room for another program ({ROOM} at most)"
    # a swap needs a place of its own: the old one stays
    before = chained.row()
    assert chained.cli("attach eth1").err.strip() == no_room
    assert chained.row() == before and chained.answered() == 3
    chained.done("detach eth1")
    chained.count("tenth", 50)
    refused = chained.cli("attach eth1")
    assert refused.status == 1 and refused.err.strip() == no_room
    assert chained.programs() == [(50, "counter")] * ROOM


@statement("detach of ours leaves the others running")
def test_detach_ours(chained):
    chained.count("before", 10), chained.count("after", 60)
    chained.done("attach eth1", ADD, "detach eth1")
    in_order(chained, (10, "counter"), (60, "counter"))
    assert chained.silent()
    assert (chained.seen("before"), chained.seen("after")) == (1, 1)


@statement("detach of theirs leaves ours running")
def test_detach_theirs(chained):
    chained.filter(*FILTER, "-p", "allow", "eth1")
    chained.done("attach eth1", ADD)
    chained.count("after", 60)
    chained.server.run("xdp-loader", "unload", "eth1", "--id", chained.ids("counter")[0])
    in_order(chained, ALLOW, OURS)
    assert chained.answered() == 3
    chained.filter("unload", "eth1")
    in_order(chained, OURS)
    assert chained.answered() == 3
    assert chained.counters() == {"arp_answered": 6}


# command, its exit status, what it says
FOREIGN_ALONE = [
    ("attach eth1", 1, "is attached without a dispatcher"),
    ("attach eth1 --mode skb", 1, "is attached without a dispatcher"),
    ("detach eth1", 1, "eth1: not attached"),
    ("detach --all", 0, ""),
]


@statement("a foreign program attached without a dispatcher is never displaced")
def test_foreign_alone(lan):
    lan.server.ip(f"link set eth1 xdpdrv object {PASS} section xdp")
    before = lan.state()
    for command, status, said in FOREIGN_ALONE:
        result = lan.cli(command)
        assert result.status == status and said in result.err
        assert lan.state() == before
