#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Why an address isn't announced here, of two nodes that share an etcd; and what isn't known."""
import json
import signal
import subprocess

import pytest

from daemon import POLICY, service
from lan import VIP
from readers import STORE, Told, of_service, reasons, says
from test_etcd import ADDRESSES, URL, answering, between, etcd, make_agent, nodes, pytestmark  # noqa: F401  pylint: disable=unused-import
from wait import just_after, wait_until

OTHER = "198.18.11.1"
ANY = POLICY.replace("[eth1]", '["^eth"]')
# the log has these alone
GIVEN_UP = {"moved", "session_ended", "claim_changed", "left_over"}

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


# ---- all readers of one node ----

@pytest.fixture
def pair(between, etcd, scratch):
    """Not started yet; with one address."""
    agents = [make_agent(between, namespace, name, scratch / name)
              for name, namespace in (("node-1", between.server), ("node-2", between.client))]
    for agent in agents:
        agent.write("all.yaml", ANY, service("web", VIP))
    yield agents
    for agent in agents:
        agent.close()


def edit(agent, before, after):
    text = agent.config.read_text()
    assert before in text
    agent.config.write_text(text.replace(before, after))


def other_node(first, second):
    second.start()
    assert wait_until(lambda: answering(second) == {VIP}), second.log()
    first.start()


def preferred(first, second):
    for agent in second, first:
        agent.write("all.yaml", ANY, PREFERRED)
        agent.start()
    assert wait_until(lambda: answering(second) == {VIP}), second.log()


def of_the_other_node(first, second):
    second.lan.server.ip(f"address add {VIP}/15 dev eth0")
    # one that wants nothing doesn't say what it has
    second.write("all.yaml", ANY, service("web", VIP, OTHER))
    second.start()
    assert wait_until(lambda: answering(second) == {OTHER}), second.log()
    first.start()


def same_name(first, second):
    edit(second, "node: node-2", "node: node-1")
    second.start()
    assert wait_until(lambda: answering(second) == {VIP}), second.log()
    first.launch()


def newer(first, _):
    first.start()
    first.until(first.renewals)
    first.end()
    for key in etcdctl(first.lan, "get", "--prefix", "--keys-only", "/xdp-l2resp/").split():
        if key.endswith("/node-1"):
            etcdctl(first.lan, "put", key, '{"version": 2}')
    first.launch()


def newer_claim(first, _):
    """Agents are upgraded one after the other: those that aren't yet stay ready."""
    etcdctl(first.lan, "put", f"/xdp-l2resp/claim/{VIP}", '{"version": 2}')
    first.start()


def waiting(first, _):
    """It claims nothing before it has followed the store for the duration."""
    edit(first, "duration: 2s, renewDeadline: 1200ms", "duration: 600s, renewDeadline: 500s")
    first.start()


def long_leases(first, _):
    """The heartbeat of a node that isn't silent for long enough: an hour."""
    beat = {"version": 1, "state": "alive", "id": "9" * 32, "session": "9" * 16, "sequence": 1, "slot": 1, "durationMs": 3600000,
            "weight": 0, "unsettled": False, "groups": [], "own": []}
    etcdctl(first.lan, "put", "/xdp-l2resp/node/node-9", json.dumps(beat))
    first.start()


def no_store(first, _):
    edit(first, URL, "http://127.0.0.1:1")
    edit(first, "bpffs:", "probe: true\nbpffs:")
    first.launch()


# what is done, and what the first node says then
CASES = {
    "other_node": (other_node, Told("another node holds it: node-2", holder="node-2")),
    "not_preferred": (preferred, Told("another node is preferred, and holds it: node-2", holder="node-2")),
    "node_address": (of_the_other_node, Told("another node has it as its own address: node-2")),
    "name_taken": (same_name, Told("another agent runs under this node's name", holder="node-1", whole=True)),
    "newer_claim": (newer_claim, Told("its record in the lease store is of a newer version; upgrade this agent")),
    "newer_version": (newer, Told("this node's record in the lease store is of a newer version; upgrade this agent", whole=True)),
    "long_leases": (long_leases, Told(
        "a node whose leases last longer than this one's may still answer for it: leases of node-9 last 3600000 ms")),
    "not_claimed": (waiting, Told("this node's claim isn't confirmed yet")),
    "not_probed": (no_store, Told("it isn't known yet whether another host has it", known=False, unready=UNKNOWN)),
}


@pytest.mark.parametrize("reason", CASES)
def test_everybody_says_the_same(pair, reason):
    provoke, told = CASES[reason]
    first = pair[0]
    provoke(*pair)
    assert wait_until(lambda: first.command("alive").status == 0)
    assert wait_until(lambda: of_service(first)[0] == reason), (of_service(first), first.log())
    says(first, reason, told)


def test_all_have_a_case():
    assert set(CASES) == reasons(by=STORE)


# ---- two nodes ----

def test_what_is_given_up_names_the_reason(nodes, etcd):
    first, second = nodes
    ip = min(answering(first))
    first.move(ip, "node-2", lambda: ip in answering(second))
    first.says(f"{ip}: given up: moved: it goes to another node, as that one or somebody asked\n")
    etcd.send_signal(signal.SIGSTOP)
    try:
        second.says("given up: session_ended: the session wasn't renewed in time\n", seconds=3)
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


def alone(between, scratch, duration, renew_deadline):
    """A node that has the store for itself. It claims nothing before it has followed the store for @duration."""
    agent = make_agent(between, between.server, "node-1", scratch / "node-1")
    agent.config.write_text(agent.config.read_text().replace(
        "duration: 2s, renewDeadline: 1200ms", f"duration: {duration}, renewDeadline: {renew_deadline}"))
    agent.write("all.yaml", POLICY, service("web", VIP))
    return agent


def test_left_over_from_a_former_process(between, etcd, scratch):
    """Its claim is resumed, and given up, since the manifests have changed meanwhile."""
    agent = alone(between, scratch, "8s", "6s")
    agent.write("all.yaml", ANY, service("web", VIP, OTHER))
    try:
        agent.start()
        assert wait_until(lambda: answering(agent) == {VIP, OTHER}, 20), agent.log()
        agent.end(signal.SIGUSR1)
        agent.write("all.yaml", ANY, service("web", OTHER))
        agent.start()
        why = "a former process held it, and it isn't wanted any more"
        agent.says(f"{VIP}: given up: left_over: {why}\n")
        agent.until(lambda: answering(agent) == {OTHER})
    finally:
        agent.close()


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

        def delete():
            agent.wait_entries((VIP, "eth1"))
            before = agent.log()
            etcdctl(between, "del", key)
            assert wait_until(lambda: etcdctl(between, "get", key))
            agent.renewals()  # the main loop has told of what was lost before
            return "given up" not in agent.log()[len(before):]

        just_after(agent.renewals, delete)
        lost = agent.metrics()["l2resp_lease_lost_total"]
        held = agent.log().count(f"{VIP}: held\n")
        record = json.loads(etcdctl(between, "get", "--print-value-only", key))
        etcdctl(between, "put", key, json.dumps(record | {"holder": "node-9", "session": "1" * 16}))
        agent.says(f"{VIP}: given up: claim_changed: somebody changed or deleted the claim\n")
        agent.says(f"{VIP}: held\n", seconds=20, times=held + 1)
        agent.wait_entries((VIP, "eth1"))
        agent.counts("l2resp_lease_lost_total", lost + 1)
        agent.until(lambda: reason_of(agent, VIP) == (None, None))
        etcdctl(between, "put", key, '{"version": 2}')
        agent.until(lambda: reason_of(agent, VIP)[0] == "newer_claim")
    finally:
        agent.close()
