#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/reliability does often, once each: docs/reliability.md has the figures."""
import pytest

from cluster import FULL, SHORT, SHORT_DURATION, STEADY
from takeover import DELETED, FAKETIME, FILLED, HOUR, pair, pair_with_clocks, set_clock, settled, trial, trials


def nothing_lost(found):
    return (found.first, found.unanswered, found.twice) == (None, 0, 0)


def test_the_namespace_is_deleted(cluster, etcd):
    """The other takes over; in a new namespace the node takes part again, and takes over in its turn."""
    pair(cluster, etcd.lease, SHORT)
    found = list(trials(cluster, DELETED, 2, SHORT_DURATION))
    assert all(one.last < one.first and not one.twice for one in found)


@pytest.mark.skipif(not FAKETIME, reason="faketime isn't installed")
def test_the_clock_is_set(cluster, etcd):
    """An hour ahead, then two hours back."""
    pair_with_clocks(cluster, etcd.lease, STEADY)
    found = trial(cluster, *settled(cluster, 10), (lambda node: set_clock(node, HOUR), lambda node: set_clock(node, -HOUR)), 1)
    assert nothing_lost(found), cluster.logs()


@FULL
def test_the_map_is_full(cluster, etcd):
    pair(cluster, etcd.lease, STEADY)
    assert nothing_lost(trial(cluster, *settled(cluster, 10), FILLED, 1)), cluster.logs()
