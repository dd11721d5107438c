#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each allocation of an agent fails: it ends with a sentence, or works all the same. Nobody answers without a lease, and the
next agent takes over."""
import json
import subprocess
from signal import SIGTERM

from allocations import Allocations, chosen
from daemon import POLICY, service
from lan import VIP
from wait import HUNG, wait_until

DEPTH = 8
MOST = 24
LEASE = "duration: 300ms, renewDeadline: 200ms, retryPeriod: 50ms"


def answering(agent):
    return [row["ip"] for row in json.loads(agent.lan.done("list --json").out) if row["answering"]]


def ended(agent):
    return agent.process.poll() is not None


def life(agent, prefix):
    """Starts, answers, serves metrics, renews, stops: the exit status, and what didn't happen; None: all did."""
    agent.log_path.write_text("")
    agent.launch(*prefix)
    missing = None
    wait_until(lambda: ended(agent) or (agent.up() and VIP in answering(agent)), 5)
    if not ended(agent):
        missing = None if VIP in answering(agent) else "no answer"
    if not ended(agent) and not missing:
        before = agent.renewed()
        wait_until(lambda: ended(agent) or (agent.renewed() or 0) >= (before or 0) + 2, 5)
        missing = None if ended(agent) or agent.renewed() else "no renewals"
    if not ended(agent):
        agent.signal(SIGTERM)
    try:
        status = agent.process.wait(HUNG)
    except subprocess.TimeoutExpired:
        agent.process.kill()
        status, missing = agent.process.wait(), "it hangs"
    agent.process = None
    return status, missing


def test_allocations_of_an_agent_fail(agent, scratch):
    allocations = Allocations(scratch, DEPTH)
    agent.config.write_text(agent.config.read_text().replace("duration: 2s, renewDeadline: 1200ms, retryPeriod: 300ms", LEASE))
    agent.write("all.yaml", POLICY, service("web", VIP))

    def renewed():
        try:
            return agent.metrics()["l2resp_lease_renewals_total"]
        except (OSError, KeyError):
            return None

    agent.renewed = renewed
    agent.up = lambda: renewed() is not None
    assert life(agent, allocations.prefix()) == (0, None), agent.log()
    sites, faults, met = allocations.listed(), [], 0
    for site, *libraries in chosen(sites, MOST):
        status, missing = life(agent, allocations.prefix(site))
        met += allocations.failed()
        if status not in (0, 1) or missing or (status == 1 and "xdp-l2respd" not in agent.log()):
            faults.append(f"{site} {libraries}: status {status}, {missing}: {agent.log()}")
        if not wait_until(lambda: not answering(agent), 1):
            faults.append(f"{site}: answers without a lease")
        if status and life(agent, []) != (0, None):
            faults.append(f"{site}: status {status}; the next one: {agent.log()}")
    print(f"# {len(sites)} allocations, {met} failed")
    assert not faults, "\n".join(faults)
    assert met > len(chosen(sites, MOST)) / 2
