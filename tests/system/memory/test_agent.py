#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each allocation of an agent fails: it ends with a sentence, or works all the same. Nobody answers without a lease, and the
next agent takes over."""
import json
import re
import subprocess
from signal import SIGTERM

import pytest

import kube
from allocations import Allocations, chosen
from daemon import POLICY, service
from harness import Etcd
from lan import VIP
from wait import HUNG, wait_until

DEPTH = 8
MOST = {"none": 12, "etcd": 6}
LEASE = "duration: 300ms, renewDeadline: 200ms, retryPeriod: 50ms"
SECONDS = "duration: 2s, renewDeadline: 1500ms, retryPeriod: 300ms"


def answering(agent):
    return [row["ip"] for row in json.loads(agent.lan.done("list --json").out) if row["answering"]]


def ended(agent):
    return agent.process.poll() is not None


def life(agent, prefix):
    """Starts, answers, serves metrics, renews, stops: the exit status, and what didn't happen; None: all did."""
    agent.log_path.write_text("")
    agent.launch(*prefix)
    missing = None
    # once: a lease as short as this lapses where a busy machine keeps the agent waiting
    if not wait_until(lambda: ended(agent) or (agent.up() and VIP in answering(agent)), 10):
        missing = "no answer"
    elif not ended(agent):
        before = agent.renewed()
        if not wait_until(lambda: ended(agent) or (agent.renewed() or 0) >= (before or 0) + 2, 10):
            missing = "no renewals"
    if not ended(agent):
        agent.signal(SIGTERM)
    try:
        status = agent.process.wait(HUNG)
    except subprocess.TimeoutExpired:
        agent.process.kill()
        status, missing = agent.process.wait(), "it hangs"
    agent.process = None
    return status, missing


@pytest.fixture
def engine(request, lan, scratch):
    """Keys of lease and source."""
    if request.param == "none":
        yield "engine: none, " + LEASE, None
    elif request.param == "etcd":
        etcd = Etcd(scratch, enter=lan.server.argv())
        yield f"engine: etcd, endpoints: [{etcd.urls[0]}], " + LEASE, None
        etcd.close()
    elif kube.REASON:
        pytest.skip(kube.REASON)
    else:
        cluster = kube.Cluster(scratch, network=lan.server, options=("--advertise-address", "198.18.0.1"))
        store = kube.Kubernetes(cluster, scratch)
        (scratch / "admin").write_text(kube.ADMIN)
        to = f"server: {cluster.urls[0]}, token: {scratch}/admin, ca: {cluster.tls['ca']}.crt"
        cluster.apply_kinds()
        cluster.apply(POLICY, service("web", VIP).replace("spec: {", "spec: {ports: [{port: 80, protocol: TCP}], "))
        yield f"engine: kubernetes, namespace: {store.namespace}, {to}, " + SECONDS, f"kubernetes: {{{to}}}"
        cluster.close()


@pytest.mark.parametrize("engine", ["none", "etcd", pytest.param("kubernetes", marks=pytest.mark.full)], indirect=True)
def test_allocations_of_an_agent_fail(agent, scratch, engine, request):
    allocations = Allocations(scratch, DEPTH)
    lease, source = engine
    most = MOST.get(request.node.callspec.params["engine"])
    config = re.sub("lease: .*", f"lease: {{{lease}}}", agent.config.read_text())
    agent.config.write_text(re.sub("source: .*", f"source: {{{source}}}", config) if source else config)
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
    for site, *libraries in chosen(sites, most):
        status, missing = life(agent, allocations.prefix(site))
        met += allocations.failed()
        if status not in (0, 1) or missing or (status == 1 and "xdp-l2respd" not in agent.log()):
            faults.append(f"{site} {libraries}: status {status}, {missing}: {agent.log()}")
        if not wait_until(lambda: not answering(agent), 3):
            faults.append(f"{site}: answers without a lease")
        if status and life(agent, []) != (0, None):
            faults.append(f"{site}: status {status}; the next one: {agent.log()}")
    print(f"# {len(sites)} allocations, {met} failed")
    assert not faults, "\n".join(faults)
    assert met > len(chosen(sites, most)) / 2
