#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What bench/reliability does often, once each: docs/reliability.md has the figures."""
import pytest

from cluster import FULL, STEADY, STEADY_DURATION
from takeover import (DELETED, FAKETIME, FILLED, HOUR, SIGKILL, clock_set, fill, pair, pair_with_clocks, settled, trial,
                      trials)
from wait import let_pass


def nothing_lost(found):
    return (found.first, found.unanswered, found.twice) == (None, 0, 0)


def test_the_namespace_is_deleted(cluster, etcd):
    """The other takes over; in a new namespace the node takes part again, and takes over in its turn."""
    pair(cluster, etcd.lease)
    found = list(trials(cluster, DELETED, 2, 2))
    assert all(one.last < one.first and not one.twice for one in found)


@pytest.mark.skipif(not FAKETIME, reason="faketime isn't installed")
def test_the_clock_is_set(cluster, etcd):
    pair_with_clocks(cluster, etcd.lease, STEADY)
    for hours in 1, -1:
        [found] = trials(cluster, clock_set(hours * HOUR), 1, STEADY_DURATION, 1)
        assert nothing_lost(found), cluster.logs()


@FULL
def test_the_map_is_full(cluster, etcd):
    pair(cluster, etcd.lease, STEADY)
    [found] = trials(cluster, FILLED, 1, STEADY_DURATION, 1)
    assert nothing_lost(found), cluster.logs()
