#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A host that isn't one of the nodes has an address: what they do about it together."""
import signal
import time

import pytest

from cluster import DURATION, RETRY, STEADY, STEADY_DURATION, VIP
from daemon import POLICY, service
from lan import CLIENT_MAC
from wait import let_pass, stays, wait_until
from wire import Wire, arp

MANIFESTS = [POLICY, service("web", VIP)]
TOOK_OVER = DURATION + RETRY + 0.3
# One of the two may start to ask when the other has the address already, and be told of that by the store
# only afterwards: it looks again with its next comparison.
NOTICED = 6


def probes(node):
    return node.agent.metrics()["l2resp_probes_total"]


def test_asked_once_in_the_life_of_the_group(cluster, etcd):
    """By the first node; neither a restart nor a takeover asks or waits."""
    first = cluster.node(etcd.lease, MANIFESTS, timing=STEADY, keys="probe: true")
    cluster.settled([VIP])
    assert probes(first) == 3
    second = cluster.node(etcd.lease, MANIFESTS, timing=STEADY, keys="probe: true")
    let_pass(STEADY_DURATION, "what it found fresh in the store it doesn't rely on for as long")
    asker = cluster.ask(VIP)
    first.agent.end(signal.SIGUSR1)
    first.agent.start()
    assert stays(lambda: not asker.missed(), 1), cluster.logs()
    first.agent.end(signal.SIGKILL)
    assert wait_until(lambda: asker.answerers(VIP) == [first.mac, second.mac], STEADY_DURATION), cluster.logs()
    assert probes(second) == 0


@pytest.mark.full
def test_nodes_that_ask_at_the_same_time(cluster, etcd):
    """One has it, and the other is there for it: neither takes the other for a stranger for long."""
    for _ in range(2):
        cluster.node(etcd.lease, MANIFESTS, keys="probe: true", start=False).agent.launch()
    cluster.settled([VIP])
    asker = cluster.ask(VIP)
    holder, other = sorted(cluster.nodes, key=lambda node: not node.held())
    assert wait_until(lambda: other.agent.metrics()["l2resp_leases_wanted"] == 1, NOTICED), cluster.logs()
    let_pass(DURATION, "what it found fresh in the store it doesn't rely on for as long")
    holder.agent.end(signal.SIGTERM)
    assert wait_until(lambda: asker.answerers(VIP)[-1] == other.mac, TOOK_OVER), cluster.logs()


@pytest.mark.full
def test_yielded_by_one_node_after_the_other(cluster, etcd):
    """As long as the other host says that it has the address, nobody else does."""
    first, second = (cluster.node(etcd.lease, MANIFESTS, keys="conflict: yield") for _ in range(2))
    cluster.settled([VIP])
    let_pass(DURATION, "what it found fresh in the store it doesn't rely on for as long")
    asker = cluster.ask(VIP)
    assert wait_until(asker.frames)
    with Wire(cluster.client, "eth0") as wire:
        def nobody_has_it():
            wire.send(arp(VIP, spa=VIP, sha=CLIENT_MAC))
            let_pass(0.1, "the nodes see it before it is said again")
            return all(node.agent.metrics()['l2resp_addresses_blocked{reason="other_host"}'] == 1 for node in cluster.nodes)
        assert wait_until(nobody_has_it, TOOK_OVER), cluster.logs()
    assert wait_until(lambda: not first.held() and not second.held()), cluster.logs()
    let_pass(DURATION, "nobody takes it up again meanwhile")
    assert asker.frames()[-1].at < time.monotonic() - DURATION * 0.9
    for node in cluster.nodes:
        node.agent.answers("/readyz", 503)
