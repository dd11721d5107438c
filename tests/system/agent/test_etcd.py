#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two agents, one etcd: each end of the LAN is a node."""
import os
import shutil
import signal
import subprocess

import pytest

from daemon import POLICY, Agent, CommandLine, service
from lan import SERVER_IP, VIP, VIP6, Lan
from wait import wait_until

URL = f"http://{SERVER_IP}:2379"
ADDRESSES = [VIP, VIP6, *(f"198.18.10.{i}" for i in range(100, 110))]

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


def answering(agent):
    """Addresses that requests on its interface would be answered for now."""
    return {ip for (ip, _), row in agent.entries().items() if row["answering"]}


@pytest.fixture
def between():
    """The LAN, both ends of which are nodes."""
    with Lan(client_program=None) as lan:
        yield lan


@pytest.fixture
def etcd(between, scratch, background):
    return background(
        between.server.argv("etcd", "--data-dir", scratch / "etcd", "--unsafe-no-fsync",
                            "--listen-client-urls", URL, "--advertise-client-urls", URL,
                            "--listen-peer-urls", "http://127.0.0.1:2380"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_agent(lan, namespace, name, folder):
    bpffs = f"{lan.bpffs}/{name}"
    for made in folder, bpffs:
        os.mkdir(made)
    agent = Agent(CommandLine(namespace, bpffs), folder)
    agent.config.write_text(agent.config.read_text().replace("node-1", name).replace(
        "engine: none", f'engine: etcd, endpoints: ["{URL}"], preempt: true'))
    agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), service("web", *ADDRESSES))
    return agent


@pytest.fixture
def nodes(between, etcd, scratch):
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-1", between.server), ("node-2", between.client))]
    try:
        for agent in agents:
            agent.start()
        assert wait_until(lambda: shared(*agents) and all(map(answering, agents)), 10), agents[0].log()
        yield agents
    finally:
        for agent in agents:
            agent.close()


def shared(first, second):
    """All addresses are answered for; none by both. The second is asked twice, since the first may
    give up what the second takes in between."""
    once, here, twice = answering(second), answering(first), answering(second)
    assert not here & once & twice
    return here | twice == set(ADDRESSES)


def has_all(agent, other):
    """It has come to that; on the way there none is answered for by both."""
    shared(other, agent)
    return answering(agent) == set(ADDRESSES)


def holder_of(agent, address):
    done = agent.command("who-holds", address, "--json")
    return done.json["holder"] if done.status == 0 else f"refused: {done.err}"


def test_killed(nodes):
    """The other node has all within the duration and a retryPeriod."""
    first, second = nodes
    before = answering(first)
    first.signal(signal.SIGKILL)
    first.process.wait()
    assert wait_until(lambda: has_all(second, first), 2.3)
    assert before and not answering(first)
    assert {holder_of(second, ip) for ip in ADDRESSES} == {"node-2"}


def test_stopped_and_gone_on(nodes):
    first, second = nodes
    first.signal(signal.SIGSTOP)
    assert wait_until(lambda: has_all(second, first), 2.3)
    first.signal(signal.SIGCONT)
    for _ in range(10):
        shared(first, second)
    first.says("session ended", seconds=5)


def test_drained(nodes):
    first, second = nodes
    assert first.command("drain").status == 0
    assert wait_until(lambda: answering(second) == set(ADDRESSES), 0.3), second.log()
    assert not answering(first)


def test_terminated(nodes):
    first, second = nodes
    assert first.end(signal.SIGTERM) == 0
    assert wait_until(lambda: answering(second) == set(ADDRESSES), 0.3), second.log()


def test_moved(nodes):
    first, second = nodes
    ip = min(answering(first) - {VIP6})
    first.move(ip, "node-2", lambda: ip in answering(second))
    first.until(lambda: holder_of(first, ip) == "node-2" and shared(first, second))


def test_show_sends_one_to_the_holder(nodes):
    """If there is one: in the end the kernel would answer beside either."""
    def told(agent):
        """The lines about the first address."""
        return agent.command("show", "default/web").out.split(" (externalIPs)\n")[1]

    first, second = nodes
    first.lan.server.ip(f"address add {VIP}/32 dev lo")
    assert wait_until(lambda: holder_of(first, VIP) == "node-2")
    assert "  next, on node-2: xdp-l2respd show default/web\n" in told(first)
    second.until(lambda: f"  xdp-l2resp explain {VIP} dev eth0: answer (arp_answered)\n" in told(second))
    second.lan.server.ip(f"address add {VIP}/32 dev lo")
    assert wait_until(lambda: not holder_of(first, VIP))
    assert ", holder: nobody\n" in told(first) and "  no node announces it now\n" in told(first)
    assert "next, on" not in told(first)


def test_a_policy_that_only_one_follows(nodes):
    """It gives its own up, and the other takes them."""
    first, second = nodes
    (first.manifests / "all.yaml").unlink()
    assert wait_until(lambda: answering(second) == set(ADDRESSES), 3), second.log()
    first.wait_entries()


def test_engine_gone_and_back(nodes, etcd):
    """Without renewals both go silent; with them both go on."""
    etcd.send_signal(signal.SIGSTOP)
    try:
        assert wait_until(lambda: not answering(nodes[0]) and not answering(nodes[1]), 2)
        nodes[0].answers("/readyz", 503)
    finally:
        etcd.send_signal(signal.SIGCONT)
    assert wait_until(lambda: shared(*nodes), 10)


def test_a_node_that_no_policy_selects_is_ready_and_costs_the_store_nothing(between, etcd, scratch):
    agent = make_agent(between, between.server, "node-1", scratch / "node-1")
    try:
        agent.write("all.yaml", service("web", *ADDRESSES))
        agent.start()
        agent.wait_ready()
        agent.says("lease: idle: no address is wanted here")
        assert "the lease store answers" not in agent.log()
        agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), service("web", *ADDRESSES))
        assert wait_until(lambda: answering(agent) == set(ADDRESSES)), agent.log()
    finally:
        agent.close()
