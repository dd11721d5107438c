#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A node fails, stops or gives up, and another takes over: what the client sees. Never two answers to one
request (the cluster's check), and how long nobody answers."""
import os
import signal
import statistics
import time

import pytest

from cluster import BOTH, RETRY, SHORT, SHORT_DURATION, VIP
from daemon import POLICY, service
from takeover import kills
from wait import HUNG, let_pass, slack, stays, wait_until

FULL_RUN = os.environ.get("XDP_L2RESP_FULL")


def took_over(pair):
    """Seconds from the first node's end to the second one's answer."""
    return pair.duration + RETRY + 0.3


def gap(pair):
    """Waits until the second node answers and the first no longer does: how long nobody did."""
    assert wait_until(lambda: len(pair.asker.turns(VIP)) > 1, took_over(pair)), pair.logs()
    (former, _, last), (latter, first, _) = pair.asker.turns(VIP)[:2]
    assert (former, latter) == (pair.first.mac, pair.second.mac)
    return first - last


def at_once(steady):
    """The second node doesn't wait until the first one's lease has run out."""
    assert gap(steady) < steady.duration / 2


def goes_on(pair):
    """The second node goes on answering, and nobody else."""
    assert stays(lambda: pair.asker.answerers(VIP) == [pair.first.mac, pair.second.mac], pair.duration)


@BOTH
def test_killed(pair):
    killed = time.monotonic()
    pair.first.agent.end(signal.SIGKILL)
    gap(pair)
    assert pair.asker.turns(VIP)[1][1] - killed < took_over(pair) * slack()


@BOTH
def test_stopped_and_gone_on(pair):
    pair.first.agent.signal(signal.SIGSTOP)
    assert 0 < gap(pair)
    pair.first.agent.signal(signal.SIGCONT)
    goes_on(pair)


@BOTH
def test_cut_off_from_the_store(pair):
    pair.first.cut("control")
    assert 0 < gap(pair)
    pair.first.mend("control")
    goes_on(pair)


@BOTH
def test_ended_in_order(steady):
    assert steady.first.agent.end(signal.SIGTERM) == 0
    at_once(steady)


def test_drained_and_resumed(steady):
    assert steady.first.agent.command("drain").status == 0
    at_once(steady)
    assert steady.first.agent.command("resume").status == 0
    goes_on(steady)


@BOTH
def test_moved(steady):
    steady.second.agent.move(VIP, steady.second.name, lambda: VIP in steady.second.held())
    at_once(steady)
    steady.first.agent.shows(f"{VIP}: {steady.second.name}", f"who-holds {VIP}")


def test_carrier_lost_and_back(steady):
    steady.first.unplug("lan")
    at_once(steady)
    steady.first.plug("lan")
    goes_on(steady)


def test_announced_by_the_next(steady):
    steady.first.agent.end(signal.SIGTERM)
    at_once(steady)

    def announced():
        return [frame for frame in steady.asker.frames("announce") if frame.mac == steady.second.mac]

    assert wait_until(lambda: len(announced()) >= 6, 6), announced()
    let_pass(1.2, "a fourth time doesn't come")
    frames = announced()
    assert [frame.number for frame in frames] == [1, 2] * 3, "request and reply form, three times"
    assert frames[0].at < steady.asker.turns(VIP)[1][2]
    assert 1.5 < frames[-1].at - frames[0].at < 2.4 * slack()


@pytest.mark.full
@BOTH
@pytest.mark.parametrize("how", [signal.SIGUSR1, pytest.param(signal.SIGKILL, marks=pytest.mark.full)], ids=["SIGUSR1", "SIGKILL"])
def test_restarted_within_the_lease(steady, how):
    steady.first.agent.end(how)
    steady.first.agent.start()
    let_pass(steady.duration, "nothing goes unanswered later on")
    steady.asker.close()
    assert not steady.asker.missed(), steady.logs()
    assert steady.asker.answerers(VIP) == [steady.first.mac]


@pytest.mark.full
def test_addresses_are_spread_over_nodes_that_come_together(cluster, etcd):
    many = [f"198.18.10.{host}" for host in range(1, 31)]

    def spread(_):
        """All end and start together. Where a busy machine starts one too late, the others have all."""
        running = [node.agent for node in cluster.nodes if node.agent.process]
        for agent in running:
            agent.signal(signal.SIGTERM)
        for agent in running:
            agent.process.wait(HUNG)
        for node in cluster.nodes:
            node.agent.launch()
        cluster.settled(many)
        return min(len(node.held()) for node in cluster.nodes) >= 3

    for _ in range(3):
        cluster.node(etcd.lease, [POLICY, service("web", *many)], start=False,
                     timing="duration: 5s, renewDeadline: 4s, retryPeriod: 1s")
    assert any(map(spread, range(5))), cluster.logs()
    asker = cluster.ask(*many)
    assert wait_until(lambda: len({frame.ip for frame in asker.frames()}) == len(many))
    # also when all is free at once: within a retryPeriod they have seen each other
    assert any(map(spread, range(5))), cluster.logs()


def test_a_late_node_gets_its_share_where_it_may_preempt(cluster, etcd):
    many = [f"198.18.10.{host}" for host in range(1, 31)]
    for _ in range(2):
        cluster.node(etcd.lease + ", preempt: true", [POLICY, service("web", *many)])
        cluster.settled(many)
    asker = cluster.ask(*many)
    assert wait_until(lambda: min(len(node.held()) for node in cluster.nodes) >= 6), cluster.logs()
    assert wait_until(lambda: {frame.mac for frame in asker.frames()} == {node.mac for node in cluster.nodes})
    asker.close()
    assert {frame.mac for frame in asker.frames()} == {node.mac for node in cluster.nodes}


def test_killed_again_and_again(cluster, etcd):
    found = kills(cluster, etcd.lease, 20 if FULL_RUN else 5)
    assert statistics.median(kill.first for kill in found) < 3 * slack()
    assert all(kill.last < kill.first for kill in found)


@pytest.mark.full
def test_killed_with_leases_of_half_a_second(cluster, etcd):
    """0.48 s on an idle machine."""
    found = kills(cluster, etcd.lease, 20 if FULL_RUN else 5, SHORT, SHORT_DURATION)
    median = statistics.median(kill.first for kill in found)
    print(f"# median of {len(found)} kills: {median:.3f} s")
    assert median < 0.6 * slack()
    assert all(kill.last < kill.first for kill in found)
