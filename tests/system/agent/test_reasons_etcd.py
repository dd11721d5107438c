#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Why an address isn't announced here, of two nodes that share an etcd; and what isn't known."""
import json
import signal
import subprocess

from daemon import POLICY, service
from lan import VIP
from test_etcd import ADDRESSES, URL, answering, between, etcd, make_agent, nodes, pytestmark  # noqa: F401  pylint: disable=unused-import
from wait import wait_until

OTHER = "198.18.11.1"

PREFERRED = service("web", VIP).replace(
    "namespace: default", 'namespace: default, annotations: {xdp-l2resp.io/preferred-nodes: "kubernetes.io/hostname=node-2"}')
UNKNOWN = "no session with the lease store, so it isn't known here who holds it: "


def reason_of(agent, ip):
    [found] = [one for one in agent.command("show", "default/web", "--json").json["addresses"] if one["ip"] == ip]
    return found["reason"], found["why"]


def row_of(agent, ip):
    [service_row] = agent.command("status", "--json").json["services"]
    [found] = [one for one in service_row["addresses"] if one["ip"] == ip]
    return found["holder"], found["known"], found["reason"]


def test_another_node_holds_it(nodes):
    first, second = nodes
    ip = min(answering(second))
    said = "other_node", "another node holds it: node-2"
    assert reason_of(first, ip) == said and reason_of(second, ip) == (None, None)
    assert row_of(first, ip) == ("node-2", True, "other_node") and row_of(second, ip) == ("node-2", True, None)
    assert first.command("who-holds", ip).out == f"{ip}: node-2\n"
    count = len(answering(second))
    assert first.metrics()['l2resp_addresses_blocked{reason="other_node"}'] == count
    assert f"  {count}  other_node, e.g. " in first.command("status").out and first.http("/readyz") == (200, "ok\n")


def test_another_node_is_preferred(nodes):
    first, second = nodes
    for agent in nodes:
        agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), PREFERRED)
    assert wait_until(lambda: answering(second) == {VIP}, 5)
    assert wait_until(lambda: reason_of(first, VIP) == ("not_preferred", "another node is preferred, and holds it: node-2"))
    assert "; not here: not_preferred: another node is preferred" in first.command("who-holds", VIP).out


def test_what_is_given_up_names_the_reason(nodes, etcd):
    first, second = nodes
    ip = min(answering(first))
    assert first.command("move", ip, "node-2").status == 0
    assert wait_until(lambda: f"{ip}: given up: moved: it goes to another node, as that one or somebody asked\n" in first.log())
    etcd.send_signal(signal.SIGSTOP)
    try:
        assert wait_until(lambda: "given up: session_ended: the session wasn't renewed in time\n" in second.log(), 3)
        assert wait_until(lambda: first.http("/readyz")[1].startswith(UNKNOWN))
        # who had it is no news of who has it
        asked = first.command("who-holds", ip)
        assert asked.status == 1 and asked.err.startswith(f"xdp-l2respd: {ip}: {UNKNOWN}")
        assert row_of(first, ip) == (None, False, "store_unreachable")
        for command in "status", "show", "show default/web":
            assert "nobody" not in first.command(*command.split()).out
    finally:
        etcd.send_signal(signal.SIGCONT)


def test_a_node_that_takes_no_part_does_not_say_nobody(nodes):
    """It doesn't know, and begins to follow; then it does."""
    first, second = nodes
    first.write("all.yaml", service("web", *ADDRESSES))
    assert wait_until(lambda: answering(second) == set(ADDRESSES), 5)
    first.end()
    first.start()
    assert row_of(first, VIP) in ((None, False, "no_policy"), ("node-2", True, "no_policy"))
    assert wait_until(lambda: row_of(first, VIP) == ("node-2", True, "no_policy"))
    assert wait_until(lambda: first.command("who-holds", VIP).out ==
                      f"{VIP}: node-2; not here: no_policy: there is no CiliumL2AnnouncementPolicy\n")


def test_a_name_that_another_agent_has(between, etcd, scratch):
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-1", between.server), ("node-2", between.client))]
    agents[1].config.write_text(agents[1].config.read_text().replace("node: node-2", "node: node-1"))
    try:
        agents[0].start()
        assert wait_until(lambda: answering(agents[0]) == set(ADDRESSES)), agents[0].log()
        agents[1].launch()
        why = "another agent runs under this node's name"
        assert wait_until(lambda: agents[1].command("alive").status == 0)
        assert wait_until(lambda: agents[1].http("/readyz") == (503, f"{why}\n")), agents[1].log()
        assert reason_of(agents[1], VIP) == ("name_taken", why) and row_of(agents[1], VIP)[2] == "name_taken"
        assert agents[1].metrics()['l2resp_addresses_blocked{reason="name_taken"}'] == len(ADDRESSES)
    finally:
        for agent in agents:
            agent.close()


def alone(between, scratch, duration, renew_deadline):
    """A node that has the store for itself. It claims nothing before it has followed the store for @duration."""
    agent = make_agent(between, between.server, "node-1", scratch / "node-1")
    agent.config.write_text(agent.config.read_text().replace(
        "duration: 2s, renewDeadline: 1200ms", f"duration: {duration}, renewDeadline: {renew_deadline}"))
    agent.write("all.yaml", POLICY, service("web", VIP))
    return agent


def etcdctl(lan, *words):
    return subprocess.run(lan.server.argv("env", "ETCDCTL_API=3", "etcdctl", f"--endpoints={URL}", *words), check=True,
                          capture_output=True, text=True).stdout


def test_a_claim_that_somebody_deletes_or_changes(between, etcd, scratch):
    """Deleted, it is written again. Another's now, the entry goes at once; this node claims it again when that one was silent
    for long enough."""
    agent = alone(between, scratch, "6s", "4500ms")
    try:
        agent.start()
        agent.wait_entries((VIP, "eth1"), seconds=20)
        [key] = [key for key in etcdctl(between, "get", "--prefix", "--keys-only", "/xdp-l2resp/").split() if VIP in key]
        etcdctl(between, "del", key)
        assert wait_until(lambda: etcdctl(between, "get", key))
        assert "given up" not in agent.log()
        record = json.loads(etcdctl(between, "get", "--print-value-only", key))
        etcdctl(between, "put", key, json.dumps(record | {"holder": "node-9", "session": "1" * 16}))
        assert wait_until(lambda: "given up" in agent.log()), agent.log()
        assert f"{VIP}: given up: claim_changed: somebody changed or deleted the claim\n" in agent.log()
        assert wait_until(lambda: agent.log().count(f"{VIP}: held\n") == 2, 20), agent.log()
        agent.wait_entries((VIP, "eth1"))
        assert agent.metrics()["l2resp_lease_lost_total"] == 1 and reason_of(agent, VIP) == (None, None)
    finally:
        agent.close()


def test_a_claim_that_is_not_confirmed(between, etcd, scratch):
    """All readers say that it waits, and nobody that something is wrong."""
    agent = alone(between, scratch, "600s", "500s")
    why = "this node's claim isn't confirmed yet"
    try:
        agent.start()
        assert wait_until(lambda: "lease: active: " in agent.log()), agent.log()
        assert wait_until(lambda: reason_of(agent, VIP) == ("not_claimed", why)), reason_of(agent, VIP)
        assert row_of(agent, VIP) == (None, True, "not_claimed")
        assert f"  not announced by node-1: not_claimed: {why}\n" in agent.command("show", "default/web").out
        assert f"     1  not_claimed, e.g. {VIP}: {why}\n" in agent.command("status").out
        assert agent.command("who-holds", VIP).out == f"{VIP}: nobody; not here: not_claimed: {why}\n"
        assert agent.metrics()['l2resp_addresses_blocked{reason="not_claimed"}'] == 1
        assert agent.http("/readyz") == (200, "ok\n")
    finally:
        agent.close()
