#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Three nodes, real etcd, and what the client sees when a node or the store fails: never two answers to
one request, and how long nobody answers."""
import os
import signal
import time

import pytest
from cluster import DURATION, RETRY, SLACK
from daemon import POLICY, service
from lan import wait_until

VIP, VIPS = "198.18.10.1", [f"198.18.10.{host}" for host in range(1, 5)]
MANIFESTS = [("all.yaml", POLICY, service("web", *VIPS))]


def nodes(cluster, etcd, count=2, manifests=MANIFESTS):
    lease = f"engine: etcd, endpoints: [{', '.join(etcd.urls)}]"
    for _ in range(count):
        cluster.node(lease, manifests=manifests)
    return cluster.nodes


@pytest.fixture
def pair(cluster, etcd):
    """node-1 answers for the only address, node-2 would."""
    manifests = [("all.yaml", POLICY, service("web", VIP))]
    lease = f"engine: etcd, endpoints: [{', '.join(etcd.urls)}]"
    cluster.first = cluster.node(lease, manifests=manifests)
    cluster.settled([VIP])
    cluster.second = cluster.node(lease, manifests=manifests)
    # what it found fresh in the store it doesn't rely on for as long
    time.sleep(DURATION)
    cluster.asker = cluster.ask(VIP)
    assert wait_until(lambda: cluster.asker.answerers(VIP) == [cluster.first.mac])
    return cluster


def gap(cluster, seconds):
    """Waits until the second node answers, which the first no longer does: how long nobody did."""
    assert wait_until(lambda: len(cluster.asker.turns(VIP)) > 1, seconds), cluster.logs()
    (former, _, last), (latter, first, _) = cluster.asker.turns(VIP)
    assert (former, latter) == (cluster.first.mac, cluster.second.mac)
    return first - last


def test_killed(pair):
    killed = time.monotonic()
    pair.first.agent.end(signal.SIGKILL)
    assert gap(pair, DURATION * 3 * SLACK) < (DURATION + RETRY + 0.3) * SLACK
    assert pair.asker.turns(VIP)[1][1] - killed < (DURATION + RETRY + 0.3) * SLACK


def test_stopped_and_gone_on(pair):
    pair.first.agent.signal(signal.SIGSTOP)
    assert gap(pair, DURATION * 3 * SLACK) > 0
    pair.first.agent.signal(signal.SIGCONT)
    time.sleep(DURATION)
    assert pair.asker.answerers(VIP) == [pair.first.mac, pair.second.mac]


def test_ended_in_order(pair):
    assert pair.first.agent.end(signal.SIGTERM) == 0
    assert gap(pair, 3) < 0.3 * SLACK


def test_drained(pair):
    assert pair.first.agent.command("drain").status == 0
    assert gap(pair, 3) < 0.3 * SLACK


def test_carrier_lost(pair):
    pair.first.unplug("lan")
    assert gap(pair, 3) < 0.3 * SLACK


def test_cut_off_from_the_store(pair):
    pair.first.cut("control")
    assert gap(pair, DURATION * 3 * SLACK) > 0
    pair.first.mend("control")
    time.sleep(DURATION)
    assert pair.asker.answerers(VIP) == [pair.first.mac, pair.second.mac]


def test_announced_on_takeover(pair):
    pair.first.agent.end(signal.SIGTERM)
    gap(pair, 3)
    assert wait_until(lambda: len([frame for frame in pair.asker.frames("announce")
                                   if frame.mac == pair.second.mac]) >= 6, 4)
    frames = [frame for frame in pair.asker.frames("announce") if frame.mac == pair.second.mac]
    assert {frame.number for frame in frames} == {1, 2}, "both forms"
    assert frames[-1].at - frames[0].at > 2.1, "three times, 1.1 s apart"


def test_restarted_within_the_lease(pair):
    pair.first.agent.end(signal.SIGUSR1)
    pair.first.agent.start()
    time.sleep(DURATION)
    pair.asker.close()
    numbers = [frame.number for frame in pair.asker.frames()]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)), "not one unanswered"
    assert pair.asker.answerers(VIP) == [pair.first.mac]


def test_a_frozen_store_silences_and_heals(pair, etcd):
    etcd.signal(0, signal.SIGSTOP)
    time.sleep(DURATION * 1.5)
    frozen = time.monotonic()
    assert not any(node.held() for node in pair.nodes)
    etcd.signal(0, signal.SIGCONT)
    assert wait_until(lambda: pair.asker.frames()[-1].at > frozen, DURATION * 3 * SLACK)


def test_spread_over_the_nodes(cluster, etcd):
    many = [f"198.18.10.{host}" for host in range(1, 31)]
    nodes(cluster, etcd, 3, [("all.yaml", POLICY, service("web", *many))])
    cluster.settled(many)
    asker = cluster.ask(*many)
    assert wait_until(lambda: len({frame.ip for frame in asker.frames()}) == len(many))
    assert all(len(node.held()) >= 3 for node in cluster.nodes)
