#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Who takes an address when several could: preferred nodes, weights, preemption, and what people ask for."""
import signal

import pytest

from cluster import DURATION, RETRY, STEADY, VIP
from daemon import POLICY, service
from wait import stays, wait_until

MANY = [f"198.18.10.{host}" for host in range(1, 41)]
TAKEN = 2 * DURATION + RETRY + 0.3


def prefers(node, *ips):
    return service("web", *ips).replace(
        "namespace: default}", f"namespace: default, annotations: {{xdp-l2resp.io/preferred-nodes: kubernetes.io/hostname={node}}}}}")


def holds(node, *ips, seconds=TAKEN):
    assert wait_until(lambda: node.held() >= set(ips), seconds), node.cluster.logs()


@pytest.mark.full
def test_the_preferred_node_takes_it_from_a_living_one(cluster, etcd):
    """Where it may preempt; and again when it comes back."""
    manifests = [POLICY, prefers("node-2", VIP)]
    first = cluster.node(etcd.lease, manifests)
    holds(first, VIP)
    second = cluster.node(etcd.lease + ", preempt: true", manifests)
    asker = cluster.ask(VIP)
    holds(second, VIP)
    second.agent.end(signal.SIGTERM)
    holds(first, VIP)
    second.agent.start()
    holds(second, VIP)
    assert wait_until(lambda: asker.answerers(VIP)[-1] == second.mac)
    assert asker.answerers(VIP) in ([first.mac, second.mac] * 2, [second.mac, first.mac, second.mac])


def test_the_preferred_node_waits_and_goes_first(cluster, etcd):
    """Without preemption; the others leave the free address to it."""
    manifests = [POLICY, prefers("node-3", VIP)]
    first = cluster.node(etcd.lease, manifests, timing=STEADY)
    holds(first, VIP)
    second, third = (cluster.node(etcd.lease, manifests, timing=STEADY) for _ in range(2))
    asker = cluster.ask(VIP)
    assert stays(lambda: first.held() == {VIP}, 2 * DURATION)
    first.agent.end(signal.SIGTERM)
    holds(third, VIP)
    assert not second.held()
    assert wait_until(lambda: len(asker.turns(VIP)) == 2) and asker.answerers(VIP) == [first.mac, third.mac]


def test_a_group_of_nodes_goes_first(cluster, etcd):
    """By their labels; the Service's word goes before the policy's; among equals it is as without any."""
    policy = POLICY.replace("  name: policy1", "  name: policy1\n  annotations: {xdp-l2resp.io/preferred-nodes: none}")
    web = service("web", *MANY).replace(
        "default}", 'default, annotations: {xdp-l2resp.io/preferred-nodes: "zone in (b, c),!old"}}')
    labels = "{zone: a}", "{zone: b}", "{zone: c}", "{zone: c, old: 'yes'}"
    nodes = [cluster.node(etcd.lease + ", preempt: true",
                          [policy, web, f"apiVersion: v1\nkind: Node\nmetadata: {{name: node-{n}, labels: {of}}}\n"],
                          timing=STEADY, start=False) for n, of in enumerate(labels, 1)]
    for node in nodes:
        node.agent.launch()
    _, second, third, _ = nodes

    def shares():
        return [len(node.held()) for node in nodes]

    assert wait_until(lambda: second.held() | third.held() == set(MANY), 4 * DURATION), shares()
    assert stays(lambda: len(second.held() | third.held()) == len(MANY), DURATION), shares()
    assert second.held() and third.held()
    second.agent.shows("preferred nodes: node-2 is one of them")
    nodes[3].agent.shows("preferred nodes: node-4 isn't one of them")
    nodes[3].agent.shows("another node is preferred, and holds it")
    for node in second, third:
        node.agent.end(signal.SIGTERM)
    assert wait_until(lambda: nodes[0].held() | nodes[3].held() == set(MANY), TAKEN), shares()
    second.agent.start()
    holds(second, *MANY, seconds=4 * DURATION)


@pytest.mark.full
def test_weights(cluster, etcd):
    """Shares are in proportion to them; with 0, what nobody else takes."""
    heavy, light, last = (cluster.node(f"{etcd.lease}, weight: {weight}", [POLICY, service("web", *MANY)], STEADY, start=False)
                          for weight in (300, 100, 0))
    for node in cluster.nodes:
        node.agent.launch()
    cluster.settled(MANY)
    # 30 and 10, were it exact: the names decide, so it is the same each time
    assert 22 <= len(heavy.held()) <= 36 and len(heavy.held()) + len(light.held()) == len(MANY), cluster.logs()
    for node in heavy, light:
        node.agent.end(signal.SIGTERM)
    holds(last, *MANY)


@pytest.mark.full
def test_moved_it_stays_whatever_is_preferred(cluster, etcd):
    manifests = [POLICY, prefers("node-1", VIP)]
    first, second = (cluster.node(etcd.lease + ", preempt: true", manifests, STEADY) for _ in range(2))
    holds(first, VIP)
    cluster.ask(VIP)
    second.agent.move(VIP, "node-2", lambda: VIP in second.held())
    assert stays(lambda: second.held() == {VIP} and not first.held(), 2 * DURATION)
    first.agent.shows(f"{VIP}: node-2", f"who-holds {VIP}")


@pytest.mark.full
def test_drained_to_stay_it_is_so_over_a_restart(pair):
    """Even where nobody else is left; until `resume`."""
    assert pair.first.agent.command("drain", "--stay").status == 0
    holds(pair.second, VIP)
    pair.first.agent.end(signal.SIGTERM)
    pair.first.agent.start()
    pair.second.agent.end(signal.SIGTERM)
    assert stays(lambda: not pair.first.held(), 2 * DURATION)
    pair.first.agent.counts("l2resp_draining", 1)
    assert pair.first.agent.command("resume").status == 0
    holds(pair.first, VIP)
