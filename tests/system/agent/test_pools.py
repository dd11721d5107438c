# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of pools, with a directory of manifests as the source: given, answered for, and kept over restarts."""
import json
import subprocess
from signal import SIGTERM, SIGUSR1

import pytest

from daemon import POLICY, service
from wait import wait_until
from wire import Wire, arp, arp_reply

POOL = """
apiVersion: cilium.io/v2alpha1
kind: CiliumLoadBalancerIPPool
metadata: {{name: {name}}}
spec: {{blocks: [{{start: {first}, stop: {last}}}]}}
"""
FIRST, SECOND, MANY = "198.18.20.1", "198.18.20.2", "198.18.20.9"
BALANCED = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec: {{type: LoadBalancer, ports: [{{port: 80}}]}}
"""


def pool(first=FIRST, last=MANY, name="lan"):
    return POOL.format(first=first, last=last, name=name)


def balanced(name):
    return BALANCED.format(name=name)


def assigned(agent):
    path = agent.manifests.parent / "assignments.json"
    return path.read_text() if path.exists() else ""


def test_given_and_answered_for(agent, lan):
    agent.write("policy.yaml", POLICY)
    agent.write("web.yaml", balanced("web"))
    agent.start()
    agent.wait_entries()
    agent.write("pool.yaml", pool())
    agent.wait_entries((FIRST, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(FIRST), arp_reply(FIRST))
    assert FIRST in assigned(agent)
    agent.says(f"default/web: pools give it {FIRST}")
    figures = agent.metrics()
    assert [figures[f'l2resp_pool_addresses{{pool="lan",state="{state}"}}']
            for state in ("total", "used", "available")] == [9, 1, 8]
    # a Service that goes gives its address back
    (agent.manifests / "web.yaml").unlink()
    agent.wait_entries()
    agent.until(lambda: FIRST not in assigned(agent))


def test_a_restart_keeps_it(agent):
    """Whatever would be given today."""
    agent.write("all.yaml", POLICY, pool(), balanced("older"), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"), (SECOND, "eth1"))
    agent.write("all.yaml", POLICY, pool(), balanced("web"))
    agent.wait_entries((SECOND, "eth1"))
    agent.end(SIGUSR1)
    agent.start()
    agent.wait_entries((SECOND, "eth1"))
    agent.end(SIGTERM)
    agent.start()
    agent.wait_entries((SECOND, "eth1"))


def test_a_broken_file_gives_nothing_and_says_so(agent):
    path = agent.manifests.parent / "assignments.json"
    path.write_text('{"version": 1, "services": [')
    agent.write("all.yaml", POLICY, pool(), balanced("web"), service("other", "198.18.20.77"))
    agent.start()
    agent.wait_entries(("198.18.20.77", "eth1"))
    assert wait_until(lambda: "assignments.json" in agent.http("/readyz")[1])
    assert agent.command("--config", agent.config, "--check").status == 1
    path.unlink()
    agent.write("more.yaml", balanced("more"))
    agent.wait_entries(("198.18.20.77", "eth1"), (FIRST, "eth1"), (SECOND, "eth1"))
    agent.wait_ready()


@pytest.fixture
def disk(scratch):
    """A small one."""
    made = scratch / "disk"
    made.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", made], check=True)
    yield made
    subprocess.run(["umount", "-l", made], check=True)


def test_a_full_disk(agent, lan, disk):
    """What is answered for stays so; nothing new is given, which is said, until there is room."""
    text = agent.config.read_text()
    agent.config.write_text(text.replace(f"{agent.manifests}/../assignments.json", f"{disk}/assignments.json"))
    assert agent.config.read_text() != text
    agent.write("all.yaml", POLICY, pool(), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"))
    with open(disk / "more", "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(bytes(4096))
    agent.write("more.yaml", balanced("more"))
    assert wait_until(lambda: "assignments.json: No space left on device" in agent.http("/readyz")[1])
    agent.says(f"{disk}/last-good: No space left on device; a manifest that is wrong at the next start")
    agent.wait_entries((FIRST, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(FIRST), arp_reply(FIRST))
    (disk / "more").unlink()
    agent.write("again.yaml", service("again", MANY))
    agent.wait_entries((FIRST, "eth1"), (SECOND, "eth1"), (MANY, "eth1"))
    agent.wait_ready()


def test_rehearsals_write_nothing(agent):
    agent.write("all.yaml", POLICY, pool(), balanced("web"), pool("198.18.21.1", "198.18.21.1", "small"))
    done = agent.command("--config", agent.config, "--dry-run")
    assert done.status == 0, done.err
    assert f"{FIRST} dev eth1, for default/web" in done.out
    rows = json.loads(agent.command("--config", agent.config, "--dry-run", "--json").out)
    assert [row["ip"] for row in rows] == [FIRST]
    done = agent.command("--config", agent.config, "--check")
    assert done.status == 0 and "pools: 2" in done.out
    assert f"default/web: pools give it {FIRST}" in done.err
    assert assigned(agent) == ""


def test_one_that_gets_nothing_is_named(agent):
    agent.write("all.yaml", POLICY, pool(FIRST, FIRST), balanced("older"), balanced("web"))
    agent.start()
    agent.wait_entries((FIRST, "eth1"))
    agent.says("default/web: pools give it nothing: ")


def test_a_pool_in_conflict_is_said(agent):
    """Once by the log, by --check, by show of whom it would serve, and none of its addresses is to be had."""
    younger = pool(SECOND, "198.18.21.9", "other").replace("spec: {", "spec: {serviceSelector: {matchLabels: {a: b}}, ")
    older = pool().replace("spec: {", "spec: {serviceSelector: {matchLabels: {c: d}}, ")
    agent.write("all.yaml", POLICY, older, younger, balanced("web").replace("namespace: default", "labels: {a: b}"))
    agent.start()
    said = (f"pool other gives nothing new: Pool conflicts since range '{SECOND} - 198.18.21.9' overlaps range "
            f"'{FIRST} - {MANY}' from IP Pool 'lan'")
    why = ("There are no enabled CiliumLoadBalancerIPPools that match this service (pool 'other' would, but is in "
           "conflict with another)")
    agent.says(said, f"default/web: pools give it nothing: {why}")
    agent.shows(f"pools give it nothing: no_pool: no pool in use serves the Service: {why}\n")
    assert said in agent.command("--config", agent.config, "--check").err
    agent.answers("/readyz", 200, f"ok; {said}\n")
    figures = agent.metrics()
    assert [figures[f'l2resp_pool_addresses{{pool="{name}",state="available"}}'] for name in ("lan", "other")] == [9, 0]
    agent.write("more.yaml", balanced("more").replace("namespace: default", "labels: {c: d}"))
    agent.wait_entries((FIRST, "eth1"))
    assert agent.log().count(said) == 1
    # and one that is disabled
    agent.write("all.yaml", POLICY, older, younger.replace("spec: {", "spec: {disabled: true, ").replace(SECOND, "198.18.21.1"),
                balanced("web").replace("namespace: default", "labels: {a: b}"))
    agent.shows("(pool 'other' would, but is disabled)\n")
    agent.counts('l2resp_pool_addresses{pool="other",state="available"}', 0)
