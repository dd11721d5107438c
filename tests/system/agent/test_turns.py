#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""10,000 addresses: no handler of the agent's event loops takes long."""
import ipaddress
import json
import os
import queue
import re
import shutil
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from signal import SIGHUP

import pytest

from daemon import POLICY, service
from played import Api, empty, event, listed
from wait import wait_until

FIRST = ipaddress.ip_address("198.18.16.0")
COUNT = 10_000
PER_SERVICE = 100
PER_FILE = 1_000
# What a handler may take, as a bucket of the histogram: 20 ms on a quiet machine. Beside busy neighbours CPU time grows, too.
MOST = "0.1"
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
    write(agent, COUNT)
    agent.start()
    for count in COUNT, COUNT + COUNT // 2, COUNT // 2:
        write(agent, count)
        look(agent, count)
        agent.signal(SIGHUP)
        look(agent, count)
    metrics = agent.metrics()
    assert [over(metrics, loop) for loop in ("main", "lease")] == [0, 0], agent.http("/metrics")[1]


def asked_slowly(agent, meanwhile):
    """The end of `status`, read after @meanwhile; the agent waits 5 s for that."""
    with agent.lan.server.entered():
        path = f"/run/xdp-l2respd/net-{os.stat('/proc/thread-self/ns/net').st_ino}.sock"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.send(b"GET /status HTTP/1.0\r\n\r\n")
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
        told = asked_slowly(agent, lambda: services(COUNT // 2))
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


L2_POLICY = {"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
             "metadata": {"name": "policy1", "resourceVersion": "3"}, "spec": {"interfaces": ["eth1"], "externalIPs": True}}
NAMESPACES = 50
CHANGES = 32
# What evaluates all, or is a scrape, takes a tenth of this on a quiet machine, and a fifth beside busy neighbours. `status` of
# 10,000 Services takes several times as long, in parts.
LONG = "0.05"
ASKED, ASKING = 12, 3


def of_api_server(number, ip, version):
    name = f"web-{number}"
    return {"apiVersion": "v1", "kind": "Service",
            "metadata": {"name": name, "namespace": f"team-{number % NAMESPACES}", "labels": {"app": name},
                         "resourceVersion": str(version)},
            "spec": {"type": "ClusterIP", "ports": [{"port": 80}], "selector": {"app": name}, "externalIPs": [ip]}}


@pytest.mark.parametrize("probe", ["false", "true"])
def test_handlers_are_short_with_an_api_server(agent, probe):
    """10,000 Services: one of them changes, all are scraped, and the entries are compared, time and again."""
    changes = queue.SimpleQueue()

    def watch():
        for version in range(2 * COUNT, 3 * COUNT):
            yield event("MODIFIED", of_api_server(*changes.get(), version))

    def page(query):
        first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        end = min(first + limit, COUNT)
        return listed((of_api_server(number, str(FIRST + number), 10 + number) for number in range(first, end)),
                      str(end) if end < COUNT else "", str(COUNT + 10))

    def answer(kind, query):
        if kind == "services":
            return watch() if "watch" in query else page(query)
        return listed([L2_POLICY]) if kind == "ciliuml2announcementpolicies" and "watch" not in query else empty(kind, query)

    with Api(agent.lan.server, answer) as server:
        agent.outlast_a_restart()
        text = re.sub("source: .*", f"source: {{kubernetes: {{server: '{server.url}'}}}}", agent.config.read_text())
        agent.config.write_text(text + f"announce: {{count: 0}}\nprobe: {probe}\n")
        agent.start()
        agent.counts("l2resp_entries", COUNT, 60)
        before, scraped = agent.metrics(), 0

        def answered(ip):
            nonlocal scraped
            scraped += 1
            return f'address="{ip}"' in agent.http("/metrics")[1]

        for number in range(CHANGES):
            # it is among the first 1,000, which have a series
            changes.put((0, ip := f"198.18.15.{number}"))
            agent.until(lambda: answered(ip))
        compared = before["l2resp_reconciles_total"] + 2
        metrics = agent.until(lambda: (got := agent.metrics())["l2resp_reconciles_total"] >= compared and got, 20)
    long = over(metrics, "main", LONG) - over(before, "main", LONG)
    print(f"# {scraped} scrapes and {CHANGES} changes: {long:.0f} handlers took over {LONG} s")
    assert long < scraped / 4
    with ThreadPoolExecutor(ASKING) as pool:
        asked = [pool.submit(agent.command, "status", "--json") for _ in range(ASKED)]
        while not all(one.done() for one in asked):
            agent.http("/metrics")
            agent.http("/status.json")
    before, metrics = metrics, agent.metrics()
    for told in (one.result().json for one in asked):
        assert list(told) == STATUS and told["announced"] == COUNT
        names = [(row["namespace"], row["service"]) for row in told["services"]]
        assert names == sorted(names) and len(set(names)) == COUNT
        assert all([row["known"] for row in one["addresses"]] == [True] for one in told["services"])
    long = over(metrics, "main", LONG) - over(before, "main", LONG)
    print(f"# status, asked {ASKED} times: {long:.0f} handlers took over {LONG} s")
    assert long < ASKED / 2
    assert [over(metrics, loop) for loop in ("main", "lease")] == [0, 0], agent.http("/metrics")[1]
