# SPDX-License-Identifier: GPL-2.0-or-later
"""5,000 Services and 200 Nodes: the start, one change, and what it costs at rest. Figures are printed as comments."""
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon import POLICY
from wait import let_pass, slack, wait_until
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
    agent.counts("l2resp_entries", SERVICES, 120)
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
    # 50 a second at most
    assert wait_until(lambda: sum("fieldManager=xdp-l2respd-announced" in line for _, line in gate.requests) >= SERVICES,
                      300), len(gate.requests)
    before = len(gate.requests)
    cpu = agent.cpu_seconds()
    begun = time.monotonic()
    let_pass(30, "what it costs at rest")
    rest = time.monotonic() - begun
    lines = [line for _, line in gate.requests[before:]]
    events = sum("/events" in line for line in lines)
    print(f"# engine {engine}: programmed after {programmed:.1f} s; one change on the wire after "
          f"{statistics.median(took) * 1000:.0f} ms (at most {max(took) * 1000:.0f}); at rest "
          f"{(len(lines) - events) / rest:.2f} requests/s and {events / rest:.2f} for Events of the start, "
          f"{(agent.cpu_seconds() - cpu) / rest * 100:.1f} % of a CPU, "
          f"{agent.metrics()['process_resident_memory_bytes'] / 2**20:.0f} MiB")
    assert statistics.median(took) < 0.5 * slack()
    # the first claims of an empty store wait for a lease that nobody has
    assert programmed < (LEASE + 120 if engine == "kubernetes" else 30 * slack())
    # a heartbeat every 2 s, the leader's every 3 s, and watches that begin again
    assert (len(lines) - events) / rest < 1.5 and events / rest < 6


ENDPOINTS = 10  # a Service
SLICES = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"


def slice_of(number, *nodes):
    """As Kubernetes' controller writes it, but for what it says of ports."""
    return {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {"name": f"web{number}-x7k2p", "labels": {
                "kubernetes.io/service-name": f"web{number}",
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"}},
            "endpoints": [{"addresses": [f"198.19.{number % 250}.{place}"], "nodeName": node, "zone": "zone-a",
                           "conditions": {"ready": True, "serving": True, "terminating": False},
                           "targetRef": {"kind": "Pod", "namespace": "default", "name": f"web{number}-{place}",
                                         "uid": f"00000000-0000-0000-0000-{number:06}{place:06}"}}
                          for place, node in enumerate(nodes)]}


# each of these Services takes a cluster IP and two node ports
@pytest.mark.parametrize("cluster", [("--service-cluster-ip-range", "198.19.0.0/17",
                                      "--service-node-port-range", "20000-60000")], indirect=True, ids=["roomy"])
def test_fifty_thousand_endpoints(agent, objects, gate, request, cluster):
    """Of 5,000 Services with externalTrafficPolicy Local, every other one with an endpoint here; the same with Cluster."""
    elsewhere = [f"node-{number}" for number in range(2, 2 + ENDPOINTS)]

    def make(number):
        cluster.api("POST", PATH, {"metadata": {"name": f"web{number}"}, "spec": {
            "type": "LoadBalancer", "ports": [{"port": 80}], "externalIPs": [ip(number)], "selector": {"app": "web"},
            "externalTrafficPolicy": "Local"}})
        cluster.api("POST", SLICES, slice_of(number, *(["node-1"] + elsewhere[1:] if number % 2 else elsewhere)))

    def remove(number):
        cluster.api("DELETE", f"{PATH}/web{number}")
        cluster.api("DELETE", f"{SLICES}/web{number}-x7k2p")

    def change(number, spec):
        cluster.api("PATCH", f"{PATH}/web{number}", {"spec": spec}, kind="application/merge-patch+json")

    def churn(number):
        cluster.api("PATCH", f"{SLICES}/web{number}-x7k2p?fieldManager=t&force=true",
                    slice_of(number, *(elsewhere[1:] if number % 2 else elsewhere[1:] + ["node-1"])),
                    kind="application/apply-patch+yaml")

    def asked():
        return sum("/endpointslices" in line for _, line in gate.requests)

    def resident():
        return agent.metrics()["process_resident_memory_bytes"] / 2**20

    request.addfinalizer(lambda: every(remove, SERVICES))
    every(make, SERVICES)
    objects.apply(POLICY)
    begun = time.monotonic()
    agent.start()
    agent.counts("l2resp_entries", SERVICES / 2, 120)
    programmed, cpu, with_slices = time.monotonic() - begun, agent.cpu_seconds(), resident()
    requests = asked()
    let_pass(10, "what it costs at rest")
    rest, cpu_before = agent.cpu_seconds() - cpu, agent.cpu_seconds()
    begun = time.monotonic()
    every(churn, 1000)
    here = {(ip(number), "eth1") for number in range(SERVICES) if number % 2 == (number >= 1000)}
    assert wait_until(lambda: set(agent.entries()) == here, 10), agent.log()
    churned, churn_cpu = time.monotonic() - begun, agent.cpu_seconds() - cpu_before
    assert asked() == requests, "nothing is listed again"
    after = resident()
    agent.end()
    every(lambda number: change(number, {"externalTrafficPolicy": "Cluster"}), SERVICES)
    begun = time.monotonic()
    agent.start()
    agent.counts("l2resp_entries", SERVICES, 120)
    plain, plain_cpu = time.monotonic() - begun, agent.cpu_seconds()
    let_pass(10, "what it costs at rest")
    print(f"# programmed after {programmed:.1f} s with {cpu:.1f} s of CPU; {with_slices:.0f} MiB, {after:.0f} after 1,000 "
          f"slices changed in {churned:.1f} s, which took {churn_cpu:.1f} s of CPU; the first 10 s then {rest:.1f} s. With "
          f"Cluster: {plain:.1f} s, {plain_cpu:.1f} s of CPU, {resident():.0f} MiB; the first 10 s then "
          f"{agent.cpu_seconds() - plain_cpu:.1f} s")
    assert after < resident() + 24


CONDITIONS, PACED = 1000, (1000 - 100) / 50  # seconds: 50 a second, after 100


def test_a_thousand_conditions(agent, objects, gate, request):
    """Of one node that announces all; then nothing changes, and nothing is written."""
    cluster = objects.cluster

    def make(number):
        cluster.api("POST", PATH, {"metadata": {"name": f"web{number}"}, "spec": {
            "clusterIP": "None", "ports": [{"port": 80}], "externalIPs": [ip(number)]}})

    def writes():
        """When, and of which Service."""
        return [(when, line.split("?")[0]) for when, line in gate.requests if "fieldManager=xdp-l2respd-announced" in line]

    request.addfinalizer(lambda: every(lambda number: cluster.api("DELETE", f"{PATH}/web{number}"), CONDITIONS))
    every(make, CONDITIONS)
    objects.apply(POLICY)
    agent.start()
    agent.counts("l2resp_entries", CONDITIONS, 60)
    assert wait_until(lambda: len({of for _, of in writes()}) == CONDITIONS, 60), (len(writes()), agent.log())
    took = writes()[-1][0] - writes()[0][0]
    cpu = agent.cpu_seconds()
    let_pass(10, "what it costs at rest")
    print(f"# {CONDITIONS} conditions within {took:.1f} s; the first 10 s then {agent.cpu_seconds() - cpu:.1f} s of CPU")
    assert PACED * 0.9 < took < 2 * PACED * slack() / 3, "at the pace of the manual"
    # one that is written while its entry is on the way is written once more
    assert len(writes()) < 1.02 * CONDITIONS
    found = [one["type"] for item in cluster.api("GET", PATH)["items"] for one in item["status"].get("conditions", ())]
    assert found == ["xdp-l2resp.io/Announced"] * CONDITIONS
