#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""10,000 addresses: no handler of the agent's event loops takes long."""
import collections
import ipaddress
import itertools
import json
import os
import queue
import re
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from signal import SIGHUP

import pytest

from daemon import POLICY, service
from played import Api, empty, event, listed
from wait import Never, wait_until

FIRST = ipaddress.ip_address("198.18.16.0")
COUNT = 10_000
PER_SERVICE = 100
PER_FILE = 1_000
ROUNDS = 4
# What a handler may take, as a bucket of the histogram: 20 ms on a quiet machine. Beside busy neighbours CPU time grows, too.
MOST = "0.1"
# What takes all addresses in turns, or counts them, takes a tenth of this on a quiet machine, and a fifth beside busy neighbours.
LONG = "0.05"
BUCKETS = LONG, "0.1", "0.2", "0.5", "1", "5"
STATUS = ["node", "drained", "ready", "why", "store", "sessions", "wanted", "held", "announced", "reasons", "services"]


def write(agent, count):
    """@count addresses, in Services of 100 and files of 1,000."""
    ips = [str(FIRST + i) for i in range(count)]
    for begin in range(0, count, PER_FILE):
        agent.write(f"services-{begin}.yaml", *(service(f"s{i}", *ips[i:i + PER_SERVICE])
                                                for i in range(begin, begin + PER_FILE, PER_SERVICE)))
    for path in agent.manifests.glob("services-*.yaml"):
        if int(path.stem.split("-")[1]) >= count:
            path.unlink()


def look(agent, count):
    """Waits until @count are answered for, and asks for all that people and programs ask for. After a reload claims, and with
    them entries, are counted anew."""
    assert wait_until(lambda: agent.metrics().get("l2resp_entries") == count, 30), agent.log()
    page = wait_until(lambda: (told := json.loads(agent.http("/status.json")[1]))["entries"] == count and told, 30)
    assert page, agent.log()
    assert len(page["services"]) + page["services_left_out"] == count // PER_SERVICE
    shown = agent.command("show", "default/s0", "--json")
    assert len(json.loads(shown.out)["addresses"]) == PER_SERVICE, shown.err


def over(metrics, loop, most=MOST):
    """How many handlers of @loop took longer, in CPU time."""
    name = f'l2resp_loop_cpu_seconds_bucket{{loop="{loop}",le="%s"}}'
    return metrics[name % "+Inf"] - metrics[name % most]


def part(metrics, before):
    """The bucket of a twentieth of all that the main loop did in a round, on a machine of any speed; LONG at least."""
    name = 'l2resp_loop_cpu_seconds_sum{loop="main"}'
    least = max(float(LONG), (metrics[name] - before[name]) / 20)
    return next(bucket for bucket in BUCKETS if float(bucket) >= least)


def none_is_long(metrics, before, most=MOST):
    return not any(over(metrics, loop, most) - over(before, loop, most) for loop in ("main", "lease"))


def in_a_round(agent, work):
    """Does @work find short handlers once? Interrupts, others' packets and a machine that stands still count as a handler's, too:
    they spoil a round, while what takes long does so in each. @work gets the round's number."""
    return any(map(work, range(ROUNDS))) or Never(agent.http("/metrics")[1])


@pytest.mark.full("etcd")
@pytest.mark.parametrize("engine", ["none", "etcd"])
def test_handlers_are_short(agent, scratch, background, engine):
    if engine == "etcd":
        if not shutil.which("etcd"):
            pytest.skip("etcd isn't installed")
        background(agent.lan.server.argv("etcd", "--data-dir", scratch / "etcd", "--unsafe-no-fsync"),
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        agent.config.write_text(agent.config.read_text().replace(
            "engine: none", 'engine: etcd, endpoints: ["http://127.0.0.1:2379"]'))
    agent.outlast_a_restart()
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("policy.yaml", POLICY)

    def work(number):
        if number:
            agent.end()
        write(agent, COUNT)
        agent.start()
        for count in COUNT, COUNT + COUNT // 2, COUNT // 2:
            write(agent, count)
            look(agent, count)
            agent.signal(SIGHUP)
            look(agent, count)
        return none_is_long(agent.metrics(), collections.Counter())

    assert in_a_round(agent, work)


def asked(agent, path, meanwhile=lambda: None):
    """What the agent answers, read after @meanwhile; it waits 5 s for that."""
    with agent.lan.server.entered():
        where = f"/run/xdp-l2respd/net-{os.stat('/proc/thread-self/ns/net').st_ino}.sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(where)
        client.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        # the socket holds less than the answer
        answer = client.recv(4096)
        meanwhile()
        while more := client.recv(65536):
            answer += more
    return answer.partition(b"\r\n\r\n")[2].decode()


def test_services_go_while_status_is_written(agent):
    def services(count):
        write(agent, count)
        agent.counts("l2resp_entries", count, 30)

    def ask():
        services(COUNT)
        told = asked(agent, "/status", lambda: services(COUNT // 2))
        return told.endswith("]}]}") and json.loads(told)

    agent.outlast_a_restart()
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("policy.yaml", POLICY)
    agent.start()
    told = agent.until(ask, 120)
    assert list(told) == STATUS and told["announced"] == COUNT
    assert [row["service"] for row in told["services"]] == sorted(f"s{i}" for i in range(0, COUNT, PER_SERVICE))
    for row in told["services"]:
        first = FIRST + int(row["service"][1:])
        assert [address["ip"] for address in row["addresses"]] == [str(first + i) for i in range(PER_SERVICE)]
    reasons = [{address["reason"] for address in row["addresses"]} for row in told["services"]]
    assert (reasons[0], reasons[-1]) == ({None}, {"no_service"})


def test_a_service_with_all_the_addresses(agent):
    """None of the handlers that show it takes long."""
    agent.outlast_a_restart()
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    ips = [str(FIRST + i) for i in range(COUNT)]
    agent.write("all.yaml", POLICY, service("big", *ips), service("small", "198.19.0.1"))
    agent.start()
    agent.counts("l2resp_entries", COUNT + 1, 60)
    shown = None

    def work(_):
        nonlocal shown
        before = agent.metrics()
        shown = json.loads(asked(agent, "/show?service=default/big"))
        return none_is_long(agent.metrics(), before, LONG)

    assert in_a_round(agent, work)
    assert [(one["ip"], one["claim"]["holder"]) for one in shown["addresses"]] == [(ip, "node-1") for ip in ips]
    assert list(shown) == list(json.loads(asked(agent, "/show?service=default/small")))


POOL = """
---
apiVersion: cilium.io/v2alpha1
kind: CiliumLoadBalancerIPPool
metadata: {name: a}
spec: {blocks: [{start: 198.18.0.0, stop: 198.19.255.255}]}
"""


def balanced(name):
    return f"{{apiVersion: v1, kind: Service, metadata: {{name: {name}}}, spec: {{type: LoadBalancer}}}}\n"


def separate(*names):
    return "".join("---\n" + balanced(name) for name in names)


def as_list(*names):
    """As kubectl writes it."""
    return "apiVersion: v1\nitems:\n" + "".join("- " + balanced(name) for name in names) + "kind: List\n"


def test_pools_of_a_directory_decide_in_turns(agent):
    """A file of 10,000 Services is read, and its addresses are given and written, without a handler that takes long."""
    agent.outlast_a_restart()
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("policy.yaml", POLICY, POOL)
    agent.start()
    names = [f"s{i}" for i in range(COUNT)]

    def work(more):
        before = agent.metrics()
        agent.write("all.yaml", separate(*names))
        agent.counts("l2resp_entries", COUNT + more, 60)
        agent.write(f"{more}.yaml", separate(f"more-{more}"))
        agent.counts("l2resp_entries", COUNT + more + 1, 60)
        agent.write("all.yaml", as_list(*names[1:]))
        agent.counts("l2resp_entries", COUNT + more, 60)
        agent.write("all.yaml", as_list(*names[:COUNT // 2]))
        agent.counts("l2resp_entries", COUNT // 2 + more + 1, 60)
        # where turns have no end, one is a quarter of all
        metrics = agent.metrics()
        return none_is_long(metrics, before, part(metrics, before))

    assert in_a_round(agent, work)


def test_another_directory_is_read_in_turns(agent):
    """A reload names it; what the former one wanted is answered for meanwhile."""
    agent.outlast_a_restart()
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n")
    agent.write("policy.yaml", POLICY, POOL)
    agent.write("all.yaml", separate(*(f"s{i}" for i in range(COUNT))))
    agent.start()
    agent.counts("l2resp_entries", COUNT, 60)
    seen = set()
    other = agent.manifests

    def work(number):
        nonlocal other
        before = agent.metrics()
        former, other = other, agent.manifests.with_name(f"other{number}")
        shutil.copytree(former, other)
        agent.config.write_text(agent.config.read_text().replace(f"directory: {former}", f"directory: {other}"))
        agent.signal(SIGHUP)
        agent.says("configuration read again", times=number + 1)
        assert wait_until(lambda: seen.add((metrics := agent.metrics())["l2resp_entries"]) or metrics["l2resp_leases_held"] == COUNT, 60)
        return none_is_long(agent.metrics(), before)

    assert in_a_round(agent, work)
    (other / "all.yaml").write_text(separate(*(f"s{i}" for i in range(COUNT - 1))))
    agent.counts("l2resp_entries", COUNT - 1, 60)
    assert seen == {COUNT}


L2_POLICY = {"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
             "metadata": {"name": "policy1", "resourceVersion": "3"}, "spec": {"interfaces": ["eth1"], "externalIPs": True}}
NAMESPACES = 50
CHANGES = 8
ASKED, ASKING = 6, 3


def of_api_server(number, ip, version):
    name = f"web-{number}"
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": f"team-{number % NAMESPACES}", "labels": {"app": name},
                         "resourceVersion": str(version)},
            "spec": {"type": "ClusterIP", "ports": [{"port": 80}], "selector": {"app": name}, "externalIPs": [ip]}}


def page(query):
    """Of the list of Services."""
    first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
    end = min(first + limit, COUNT)
    return listed((of_api_server(number, str(FIRST + number), 10 + number) for number in range(first, end)),
                  str(end) if end < COUNT else "", str(COUNT + 10))


def answer_with(watch):
    """Answers of an API server whose watch of the Services sends what @watch yields."""
    def answer(kind, query):
        if kind == "services":
            return watch() if "watch" in query else page(query)
        return listed([L2_POLICY]) if kind == "ciliuml2announcementpolicies" and "watch" not in query else empty(kind, query)

    return answer


def configure(agent, server, more=""):
    agent.outlast_a_restart()
    text = re.sub("source: .*", f"source: {{kubernetes: {{server: '{server.url}'}}}}", agent.config.read_text())
    agent.config.write_text(text + "announce: {count: 0, rate: 10000}\n" + more)


@pytest.mark.full
def test_services_that_change_without_a_pause(agent):
    """As many changes as the network brings: 2,000 of the Services get other addresses time and again. The agent takes them
    in turns of its loop, and lets the server wait."""
    begin, changes, changing = threading.Semaphore(0), 100_000, 2_000

    def watch():
        versions = itertools.count(2 * COUNT)
        for last in range(1, ROUNDS + 1):
            begin.acquire()
            for number in range(changes):
                ip = str(FIRST + COUNT + number % (changing + 1))
                yield event("MODIFIED", of_api_server(number % changing, ip, next(versions)))
            yield event("MODIFIED", of_api_server(0, f"198.18.15.{last}", next(versions)))

    def work(number):
        before = agent.metrics()
        begin.release()
        agent.until(lambda: f'address="198.18.15.{number + 1}"' in agent.http("/metrics")[1], 120)
        return none_is_long(agent.metrics(), before, LONG)

    with Api(agent.lan.server, answer_with(watch)) as server:
        configure(agent, server)
        agent.start()
        agent.counts("l2resp_entries", COUNT, 60)
        assert in_a_round(agent, work)


@pytest.mark.full
def test_a_reload_withdraws_nothing_before_the_server_has_listed_all(agent):
    lists = threading.Event()
    lists.set()

    def answer(kind, query):
        return lists.wait() and answer_with(lambda: [None])(kind, query)

    def compared():
        metrics = agent.metrics()
        return metrics["l2resp_reconciles_total"] >= before["l2resp_reconciles_total"] + 2 and metrics

    with Api(agent.lan.server, answer) as server:
        configure(agent, server)
        agent.start()
        agent.counts("l2resp_entries", COUNT, 60)
        before = agent.metrics()
        lists.clear()
        agent.config.write_text(agent.config.read_text().replace("kubernetes: {", "kubernetes: {pools: false, "))
        agent.signal(SIGHUP)
        agent.says("configuration read again")
        metrics = agent.until(compared, 30)
        lists.set()
        assert (metrics["l2resp_source_known"], metrics["l2resp_entries"]) == (0, COUNT)
        agent.counts("l2resp_leases_held", COUNT, 30)


def test_ready_waits_for_the_list_of_services(agent):
    """All else is there, and a reload doesn't end the start. READY=1 is sent 5 s after the start in any case."""
    lists = threading.Event()
    with Api(agent.lan.server, lambda kind, query: (kind != "services" or lists.wait()) and empty(kind, query)) as server:
        configure(agent, server)
        late = time.monotonic() + 5
        agent.launch()
        assert wait_until(lambda: agent.command("alive").status == 0)
        agent.until(lambda: 'l2resp_lease_state{state="active"} 1' in agent.http("/metrics")[1])
        agent.signal(SIGHUP)
        agent.says("configuration read again")
        early = agent.notified.wait("READY=1", 1) and time.monotonic() < late
        lists.set()
        assert not early
        agent.wait_notified("READY=1")


@pytest.mark.full("true")
@pytest.mark.parametrize("probe", ["false", "true"])
def test_handlers_are_short_with_an_api_server(agent, probe):
    """10,000 Services: one of them changes, all are scraped and asked for, and the entries are compared, time and again."""
    changes = queue.SimpleQueue()

    def watch():
        for version in range(2 * COUNT, 3 * COUNT):
            yield event("MODIFIED", of_api_server(*changes.get(), version))

    def scrape(number):
        for change in range(number * CHANGES, (number + 1) * CHANGES):
            # it is among the first 1,000, which have a series
            changes.put((0, ip := f"198.18.15.{change}"))
            agent.until(lambda ip=ip: f'address="{ip}"' in agent.http("/metrics")[1])
        compared = agent.metrics()["l2resp_reconciles_total"] + 2
        agent.until(lambda: agent.metrics()["l2resp_reconciles_total"] >= compared, 20)

    def ask():
        with ThreadPoolExecutor(ASKING) as pool:
            answers = [pool.submit(agent.command, "status", "--json") for _ in range(ASKED)]
            while not all(one.done() for one in answers):
                agent.http("/metrics")
                agent.http("/status.json")
        for told in (one.result().json for one in answers):
            assert list(told) == STATUS and told["announced"] == COUNT
            names = [(row["namespace"], row["service"]) for row in told["services"]]
            assert names == sorted(names) and len(set(names)) == COUNT
            assert all([row["known"] for row in one["addresses"]] == [True] for one in told["services"])

    def work(number):
        before = agent.metrics()
        scrape(number)
        ask()
        return none_is_long(agent.metrics(), before, LONG)

    with Api(agent.lan.server, answer_with(watch)) as server:
        configure(agent, server, f"probe: {probe}\n")
        agent.start()
        agent.counts("l2resp_entries", COUNT, 60)
        assert in_a_round(agent, work)
