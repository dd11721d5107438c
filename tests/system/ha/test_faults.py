#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store fails, or somebody writes in it: nobody answers twice, and all is well again afterwards."""
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cluster import BOTH, DURATION, STEADY, STORE_IP, VIP
from daemon import POLICY, service
from harness import free_port
from lan import ROOT, run
from wait import just_after, let_pass, stays, wait_until

MANIFESTS = [POLICY, service("web", VIP)]
HEALED = 4 * DURATION


def silent(cluster):
    """Until no entry answers; nor does one for the next second."""
    assert wait_until(lambda: not any(node.held() for node in cluster.nodes), cluster.duration)
    silent_from = time.monotonic()
    let_pass(1, "nobody answers meanwhile")
    late = [frame for frame in cluster.asker.frames() if frame.at > silent_from + 0.05]
    assert not late


def heals(cluster):
    began = time.monotonic()
    assert wait_until(lambda: cluster.asker.frames()[-1].at > began + 0.1, HEALED), cluster.logs()


def answers_all_the_while(cluster, since=0):
    """The first node does; not a request is left unanswered until now."""
    cluster.asker.close()
    assert not cluster.asker.missed(since), cluster.logs()
    assert cluster.asker.answerers(VIP) == [cluster.first.mac]


@BOTH
def test_frozen(pair, store):
    store.signal(0, signal.SIGSTOP)
    silent(pair)
    store.signal(0, signal.SIGCONT)
    heals(pair)


def test_restarted(pair, etcd):
    etcd.signal(0, signal.SIGKILL)
    etcd.start(0)
    let_pass(DURATION, "stamps of before are over then")
    heals(pair)


@pytest.mark.full
@pytest.mark.parametrize("etcd", [3], indirect=True, ids=["three members"])
def test_leader_lost(pair, etcd):
    etcd.signal(etcd.leader(), signal.SIGKILL)
    let_pass(2 * DURATION, "stamps of before are over then")
    heals(pair)


@pytest.mark.full
@pytest.mark.parametrize("etcd", [3], indirect=True, ids=["three members"])
def test_quorum_lost_and_back(pair, etcd):
    for number in 1, 2:
        etcd.signal(number, signal.SIGKILL)
    silent(pair)
    for number in 1, 2:
        etcd.start(number)
    heals(pair)


@pytest.mark.full
def test_slow_and_lossy(cluster, etcd):
    port = free_port()
    server = etcd.urls[0].rsplit(":", 1)[1]
    proxy = subprocess.Popen(cluster.store.argv(sys.executable, ROOT / "tests/support/slow.py",
                                                STORE_IP, port, STORE_IP, server, 500, 5))
    try:
        timing = "duration: 5s, renewDeadline: 4s, retryPeriod: 1s"
        lease = f"engine: etcd, endpoints: [http://{STORE_IP}:{port}]"
        first, second = (cluster.node(lease, MANIFESTS, timing=timing) for _ in range(2))
        cluster.settled([VIP])
        cluster.asker = cluster.ask(VIP)
        let_pass(10, "twice the lease, over a network like this")
        held, waits = (first, second) if VIP in first.held() else (second, first)
        assert cluster.asker.answerers(VIP)[-1] == held.mac
        held.agent.end(signal.SIGKILL)
        assert wait_until(lambda: cluster.asker.answerers(VIP)[-1] == waits.mac), cluster.logs()
    finally:
        proxy.kill()
        proxy.wait()


@pytest.mark.full("claim/198.18.10.1", "node/{first}", "pulse/")
@pytest.mark.parametrize("key", ["claim/" + VIP, "node/{first}", "pulse/", ""])
def test_records_deleted_by_hand(steady, etcd, key):
    def holder():
        return (etcd.get("/xdp-l2resp/claim/" + VIP) or {}).get("holder")

    def delete():
        """When; None: not all was answered since."""
        assert wait_until(lambda: steady.first.held() == {VIP}), steady.logs()
        at = time.monotonic()
        etcd.ctl("del", "--prefix", "/xdp-l2resp/" + key.format(first=steady.first.name))
        assert wait_until(lambda: holder() == steady.first.name), steady.logs()
        let_pass(1.5 * steady.duration, "nothing goes unanswered later on")
        return None if steady.asker.missed(at) else at

    since = just_after(steady.first.agent.renewals, delete)
    assert holder() == steady.first.name
    answers_all_the_while(steady, since)


def test_a_claim_of_foreign_shape(pair, etcd):
    pair.first.agent.signal(signal.SIGSTOP)
    etcd.ctl("put", "/xdp-l2resp/claim/" + VIP, "held by hand")
    assert wait_until(lambda: pair.asker.answerers(VIP)[-1] == pair.second.mac, HEALED)
    pair.first.agent.signal(signal.SIGCONT)
    assert stays(lambda: pair.asker.answerers(VIP) == [pair.first.mac, pair.second.mac], DURATION)


@pytest.mark.full
def test_two_agents_of_one_name(steady, etcd):
    twin = steady.node(etcd.lease, MANIFESTS, timing=STEADY, name=steady.first.name, start=False)
    twin.agent.launch()
    twin.agent.says("another agent", seconds=5)
    assert stays(lambda: twin.agent.http("/readyz")[0] == 503, 1.5 * steady.duration), steady.logs()
    answers_all_the_while(steady)


def test_the_store_is_full(pair, etcd):
    """Until somebody does what docs/troubleshooting.md says."""
    etcd.signal(0, signal.SIGKILL)
    etcd.start(0, "--quota-backend-bytes", str(1 << 20))
    assert wait_until(lambda: "exceeded" in etcd.ctl("put", "more", "x" * 100000, check=False).stderr, 10)
    silent(pair)
    pair.first.agent.says("etcdserver: mvcc: database space exceeded")
    page = (ROOT / "docs/troubleshooting.md").read_text()
    for command in re.findall("^    # (etcdctl .*)", page, re.MULTILINE):
        run(*etcd.enter, "sh", "-c", command, env=os.environ | {"ETCDCTL_ENDPOINTS": ",".join(etcd.urls), "ETCDCTL_API": "3"})
    heals(pair)


@pytest.mark.full
def test_out_of_file_descriptors(pair, etcd):
    pid = pair.first.agent.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = max(int(number.name) for number in Path(f"/proc/{pid}/fd").iterdir())
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 1, limits[1]))
    let_pass(DURATION, "it goes on with what it has open")
    etcd.signal(0, signal.SIGKILL)
    etcd.start(0)
    let_pass(2 * DURATION, "it needs new descriptors all the while")
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    heals(pair)
    pair.first.agent.wait_ready(HEALED)


@pytest.mark.full("expired-ca", "client-stranger")
@pytest.mark.parametrize("who, authority", [("stranger", "ca"), ("expired", "ca"), ("client", "stranger")])
def test_wrong_certificates(cluster, secure_etcd, who, authority):
    """The node that has them takes no part; the one with the right ones goes on."""
    def lease(who, authority):
        files = secure_etcd.tls
        return (f"{secure_etcd.lease}, ca: {files[authority]}.crt, cert: {files[who]}.crt, "
                f"key: {files[who]}.key")

    cluster.first = cluster.node(lease("client", "ca"), MANIFESTS, timing=STEADY)
    cluster.settled([VIP])
    cluster.asker = cluster.ask(VIP)
    node = cluster.node(lease(who, authority), MANIFESTS, timing=STEADY, start=False)
    node.agent.launch()
    node.agent.says("etcd at https://")
    status, why = node.agent.http("/readyz")
    assert status == 503 and "lease store" in why
    assert stays(lambda: not node.held(), DURATION)
    answers_all_the_while(cluster)


@pytest.mark.full
def test_the_processor_is_busy(pair):
    """Whoever answers then, nobody else does. It is one processor, on which both nodes are: other tests have the rest."""
    processor = max(os.sched_getaffinity(0))
    for node in pair.nodes:
        for thread in os.listdir(f"/proc/{node.agent.process.pid}/task"):
            os.sched_setaffinity(int(thread), {processor})
    spinning = [subprocess.Popen(["taskset", "-c", str(processor), sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        let_pass(2 * DURATION, "it is busy for as long")
    finally:
        for process in spinning:
            process.kill()
            process.wait()
    heals(pair)
    frames = pair.asker.frames()
    print("nobody answered for at most",
          f"{max(after.at - before.at for before, after in zip(frames, frames[1:])):.3f} s")


@pytest.mark.full
def test_list_shows_lease_and_holder(steady):
    [row] = json.loads(steady.first.done("list --json").out)
    assert row["lease"]["holder"] == steady.first.name and 0 < row["lease"]["remaining_ms"] < 1000 * steady.duration
    assert row["answering"] is True
