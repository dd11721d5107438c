# SPDX-License-Identifier: GPL-2.0-or-later
"""5,000 Services and 200 Nodes: the start, one change, and what it costs at rest. Figures are printed as comments."""
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from daemon import POLICY
from lan import wait_until
from wire import Wire, arp, arp_reply

SERVICES, NODES = 5000, 200
PATH = "/api/v1/namespaces/default/services"


def ip(number):
    return f"198.18.{100 + number // 250}.{1 + number % 250}"


def test_five_thousand_services(agent, lan, objects, gate):
    cluster = objects.cluster

    def make(number):
        cluster.api("POST", PATH, {"metadata": {"name": f"web{number}"}, "spec": {
            "clusterIP": "None", "ports": [{"port": 80}], "externalIPs": [ip(number)]}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(SERVICES)))
        list(pool.map(lambda number: cluster.api("POST", "/api/v1/nodes", {"metadata": {"name": f"node-{number}"}}),
                      range(NODES)))
    objects.apply(POLICY)
    begun = time.monotonic()
    agent.start()
    assert wait_until(lambda: agent.metrics()["l2resp_entries"] == SERVICES, 60), agent.log()
    programmed = time.monotonic() - begun
    took = []
    with Wire(lan.client, "eth0") as wire:
        for number in range(15):
            fresh = f"198.18.99.{1 + number}"
            begun = time.monotonic()
            cluster.api("PATCH", f"{PATH}/web{number}", {"spec": {"externalIPs": [fresh]}},
                        kind="application/merge-patch+json")
            while arp_reply(fresh) not in [frame for _, frame in wire.received(1, 0.005, 0.01)]:
                assert time.monotonic() - begun < 10
                wire.send(arp(fresh))
            took.append(time.monotonic() - begun)
    before = len(gate.requests)
    cpu = agent.cpu_seconds()
    time.sleep(20)
    print(f"# programmed after {programmed:.1f} s; one change on the wire after {statistics.median(took) * 1000:.0f} ms "
          f"(at most {max(took) * 1000:.0f}); at rest {(len(gate.requests) - before) / 20:.2f} requests/s, "
          f"{(agent.cpu_seconds() - cpu) / 20 * 100:.1f} % of a CPU, "
          f"{agent.metrics()['process_resident_memory_bytes'] / 2**20:.0f} MiB", agent.log()[:2000])
    assert statistics.median(took) < 0.5
    assert programmed < 30
