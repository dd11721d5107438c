#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""10,000 addresses: no handler of the agent's event loops takes long."""
import ipaddress
import json
import shutil
import subprocess
from signal import SIGHUP

import pytest

from daemon import POLICY, service
from wait import wait_until

FIRST = ipaddress.ip_address("198.18.16.0")
COUNT = 10_000
PER_SERVICE = 100
PER_FILE = 1_000
# What a handler may take, as a bucket of the histogram: 20 ms on a quiet machine. Beside busy neighbours CPU time grows, too.
MOST = "0.1"


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
    """Waits until @count are answered for, and asks for all that people and programs ask for."""
    assert wait_until(lambda: agent.metrics().get("l2resp_entries") == count, 30), agent.log()
    page = json.loads(agent.http("/status.json")[1])
    assert page["entries"] == count
    assert len(page["services"]) + page["services_left_out"] == count // PER_SERVICE
    shown = agent.command("show", "default/s0", "--json")
    assert len(json.loads(shown.out)["addresses"]) == PER_SERVICE, shown.err


def over(metrics, loop):
    """How many handlers of @loop took longer, in CPU time."""
    name = f'l2resp_loop_cpu_seconds_bucket{{loop="{loop}",le="%s"}}'
    return metrics[name % "+Inf"] - metrics[name % MOST]


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
