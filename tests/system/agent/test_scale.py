#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""100,000 addresses from manifests."""
import ipaddress
import time

from daemon import POLICY, service
from wait import let_pass

COUNT = 100_000
PER_SERVICE = 100
FIRST = ipaddress.ip_address("198.18.16.0")


def many(count):
    ips = [str(FIRST + i) for i in range(count)]
    return [service(f"s{i}", *ips[i:i + PER_SERVICE]) for i in range(0, count, PER_SERVICE)]


def test_a_hundred_thousand_addresses(agent):
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("all.yaml", POLICY, *many(COUNT))
    begun = time.monotonic()
    agent.start()
    agent.counts("l2resp_entries", COUNT, 20)
    start = time.monotonic() - begun
    figures = agent.metrics()
    first = figures["l2resp_reconcile_worst_seconds"]
    reconciles = figures["l2resp_reconciles_total"]
    started = spent = agent.cpu_seconds()
    let_pass(10.5, "two periods, and no scrapes, which cost more")
    spent = agent.cpu_seconds() - spent
    figures = agent.metrics()
    spent /= max(1, figures["l2resp_reconciles_total"] - reconciles)  # a busy machine may not have ended one
    print(f"start to entries {start:.2f} s, first reconcile {first:.3f} s, no-op "
          f"{figures['l2resp_reconcile_seconds'] * 1000:.0f} ms, {spent * 1000:.0f} ms of CPU of {started * 1000:.0f} until then, "
          f"{figures['process_resident_memory_bytes'] / 2**20:.0f} MiB")
    # CPU, with what the event loop does besides
    assert spent < started / 4
    assert figures["process_resident_memory_bytes"] < 256 * 2**20
    assert figures["l2resp_drift_total"] == 0
    agent.write("all.yaml", POLICY, *many(COUNT // 2))
    agent.counts("l2resp_entries", COUNT // 2, 10)
    assert agent.end() == 0
    agent.wait_entries()
