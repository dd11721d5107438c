#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/reliability does often, once each: docs/reliability.md has the figures."""
from cluster import FULL, SHORT, SHORT_DURATION, STEADY
from daemon import service
from takeover import DELETED, FILLED, HOUR, pair, pair_with_clocks, set_clock, settled, trial, trials
from wait import wait_until

MORE = "198.18.10.2"


def nothing_lost(found):
    return (found.first, found.unanswered, found.twice) == (None, 0, 0)


def test_the_namespace_is_deleted(cluster, etcd):
    """The other takes over; in a new namespace, with the pins of the former, the node takes part again."""
    pair(cluster, etcd.lease, SHORT)
    [found] = trials(cluster, DELETED, 1, SHORT_DURATION)
    assert found.last < found.first and not found.twice
    assert wait_until(lambda: all(node.agent.ready() for node in cluster.nodes)), cluster.logs()


def test_the_clock_is_set(cluster, etcd):
    """An hour ahead, then two hours back; timers of the agent go on."""
    pair_with_clocks(cluster, etcd.lease, STEADY)
    settled(cluster, 10)
    found = trial(cluster, (lambda node: set_clock(node, HOUR), lambda node: set_clock(node, -HOUR)), 1)
    assert nothing_lost(found), cluster.logs()
    for node in cluster.nodes:
        node.agent.write("more.yaml", service("more", MORE))
    cluster.settled([MORE])


@FULL
def test_the_map_is_full(cluster, etcd):
    pair(cluster, etcd.lease, STEADY)
    settled(cluster, 10)
    assert nothing_lost(trial(cluster, FILLED, 1)), cluster.logs()
