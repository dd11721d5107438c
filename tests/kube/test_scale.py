# SPDX-License-Identifier: GPL-2.0-or-later
"""5,000 Services and 200 Nodes: the start, one change, and what it costs at rest. Figures are printed as comments."""
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon import POLICY
from wait import SLACK, let_pass, wait_until
from wire import Wire, arp, arp_reply

SERVICES, NODES = 5000, 200
PATH = "/api/v1/namespaces/default/services"


def ip(number):
    return f"198.18.{100 + number // 250}.{1 + number % 250}"


LEASE = 15


def every(call, count):
    """For each number, eight at a time."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(count)))


@pytest.mark.parametrize("engine", ("none", "kubernetes"))
def test_five_thousand_services(agent, lan, objects, gate, scratch, request, engine):
    """Leases of the default timing are in the same API server."""
    cluster = objects.cluster
    cluster.api("DELETE", "/apis/coordination.k8s.io/v1/namespaces/xdp-l2resp/leases")
    if engine == "kubernetes":
        lines = agent.config.read_text().splitlines()
        agent.config.write_text("\n".join(
            f"lease: {{engine: kubernetes, server: '{gate.url}', token: {scratch}/token}}"
            if line.startswith("lease:") else line for line in lines))

    def make(number):
        cluster.api("POST", PATH, {"metadata": {"name": f"web{number}"}, "spec": {
            "clusterIP": "None", "ports": [{"port": 80}], "externalIPs": [ip(number)]}})

    # with kubectl it would take ten minutes
    request.addfinalizer(lambda: every(lambda number: cluster.api("DELETE", f"{PATH}/web{number}"), SERVICES))
    every(make, SERVICES)
    every(lambda number: cluster.api("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{number}"}}), NODES)
    objects.apply(POLICY)
    begun = time.monotonic()
    agent.start()
    assert wait_until(lambda: agent.metrics()["l2resp_entries"] == SERVICES, 120), agent.log()
    programmed = time.monotonic() - begun
    took = []
    with Wire(lan.client, "eth0") as wire:
        for number in range(16):
            fresh = f"198.18.99.{1 + number}"
            begun = time.monotonic()
            cluster.api("PATCH", f"{PATH}/web{number}", {"spec": {"externalIPs": [fresh]}},
                        kind="application/merge-patch+json")
            while arp_reply(fresh) not in [frame for _, frame in wire.received(1, 0.005, 0.01)]:
                assert time.monotonic() - begun < 60
                wire.send(arp(fresh))
            took.append(time.monotonic() - begun)
    # the first waits for the gate, which still has to pass on what was said of 5,000 leases
    took = took[1:]
    before = len(gate.requests)
    cpu = agent.cpu_seconds()
    let_pass(30, "what it costs at rest")
    lines = [line for _, line in gate.requests[before:]]
    events = sum("/events" in line for line in lines)
    print(f"# engine {engine}: programmed after {programmed:.1f} s; one change on the wire after "
          f"{statistics.median(took) * 1000:.0f} ms (at most {max(took) * 1000:.0f}); at rest "
          f"{(len(lines) - events) / 30:.2f} requests/s and {events / 30:.2f} for Events of the start, "
          f"{(agent.cpu_seconds() - cpu) / 30 * 100:.1f} % of a CPU, "
          f"{agent.metrics()['process_resident_memory_bytes'] / 2**20:.0f} MiB")
    assert statistics.median(took) < 0.5 * SLACK
    # the first claims of an empty store wait for a lease that nobody has
    assert programmed < (LEASE + 120 if engine == "kubernetes" else 30 * SLACK)
    # a heartbeat every 2 s, the leader's every 3 s, and watches that begin again
    assert (len(lines) - events) / 30 < 1.5 and events / 30 < 6
