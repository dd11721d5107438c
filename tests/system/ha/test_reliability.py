#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/reliability does often, once each: docs/reliability.md has the figures."""
import pytest

from cluster import DURATION, SHORT, SHORT_DURATION, STEADY
from daemon import POLICY, service
from takeover import DELETED, FILLED, HOUR, pair, pair_with_clocks, set_clock, settled, trial, trials
from wait import wait_until

MORE = "198.18.10.2"


def nothing_lost(found):
    return (found.first, found.unanswered, found.twice) == (None, 0, 0)


def blocked(node):
    return node.agent.metrics()['l2resp_addresses_blocked{reason="map_full"}']


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


@pytest.mark.full
def test_the_map_is_full(cluster, etcd):
    pair(cluster, etcd.lease, STEADY)
    settled(cluster, 10)
    assert nothing_lost(trial(cluster, FILLED, 1)), cluster.logs()


def test_the_map_of_one_node_is_full(cluster, etcd):
    """It gives up what it has no entry for, and the other node answers. Where no other node can, the reason is told."""
    addresses = [f"198.18.10.{host}" for host in range(1, 5)]
    manifests = [POLICY, service("web", *addresses)]
    full = cluster.node(etcd.lease, manifests, STEADY, start=False)
    full.done("attach eth1 --max-entries 1")
    full.agent.start()
    assert wait_until(lambda: blocked(full) == 3 and len(full.held()) == 1, 4 * DURATION), cluster.logs()
    [kept] = full.held()
    asker = cluster.ask(kept)
    other = cluster.node(etcd.lease, manifests, STEADY)
    assert wait_until(lambda: other.held() == set(addresses) - {kept}), cluster.logs()
    assert full.held() == {kept}
    assert full.agent.http("/readyz")[1].partition(": ")[2].startswith("the map is full: ")
    other.agent.end()
    assert blocked(full) == 3 and full.held() == {kept}
    full.done("attach eth1 --max-entries 4")
    assert wait_until(lambda: full.held() == set(addresses) and full.agent.ready(), 20), cluster.logs()
    asker.close()
    assert asker.answerers(kept) == [full.mac]
