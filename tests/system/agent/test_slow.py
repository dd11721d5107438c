#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each part of the agent is made to hang in turn: no session is lost, no heartbeat and no stamp is late, and the data
path goes on answering. With --full there are ten times as many addresses, and each part hangs longer."""
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest
from daemon import POLICY, PORT, service
from lan import SERVER_IP, VIP
from renewals import Renewals
from test_faults import Asking
from test_pools import balanced, pool
from wait import let_pass, slack, wait_until
from wire import Wire, arp

FULL = bool(os.environ.get("XDP_L2RESP_FULL"))
HANG = os.environ.get("AGENT_HANG", str(Path(__file__).resolve().parents[3] / "build/tests/system/agent/libhang.so"))
URL = f"http://{SERVER_IP}:2379"
DURATION, RETRY = 2.0, 0.3
SECONDS = 10 if FULL else 3  # longer than the lease
COUNT = 1000 if FULL else 100
LATE = 0.05  # a heartbeat, a stamp
ADDRESSES = [VIP, *(f"198.18.{16 + i // 250}.{1 + i % 250}" for i in range(COUNT - 1))]
EVERYWHERE = POLICY.replace("[eth1]", '["^eth"]')
CONFIG = """announce: {count: 3, refresh: 1s, rate: 100000}
"""

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


class Slow:
    """A node with two interfaces, whose operations can be made to hang."""

    def __init__(self, lan, agent, scratch, background):
        self.lan, self.agent, self.hang = lan, agent, scratch / "hang"
        self.hang.mkdir()
        lan.server.ip(f"link add eth2 type veth peer name eth2 netns {lan.client.name}", "link set eth2 up")
        lan.client.ip("link set eth2 up")
        self.etcd = background(
            lan.server.argv("etcd", "--data-dir", scratch / "etcd", "--unsafe-no-fsync",
                            "--listen-client-urls", URL, "--advertise-client-urls", URL,
                            "--listen-peer-urls", "http://127.0.0.1:2380"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        agent.config.write_text(agent.config.read_text().replace(
            "engine: none", f'engine: etcd, endpoints: ["{URL}"], liveness: 20s') + CONFIG)
        self.write(ADDRESSES)
        agent.launch("env", f"LD_PRELOAD={HANG}", f"HANG={self.hang}")
        agent.wait_notified("READY=1")
        assert wait_until(lambda: self.held() == len(ADDRESSES), 10), agent.log()

    def held(self):
        return self.agent.metrics().get("l2resp_entries", 0) / 2

    def write(self, addresses):
        """Manifests, and with that all that follows from them."""
        self.agent.write("all.yaml", EVERYWHERE, service("web", *addresses))

    def begin(self, name):
        (self.hang / name).touch()

    def hangs(self, name):
        """Until the agent does."""
        assert wait_until((self.hang / f"{name}.hangs").exists, 10), f"nothing waits for {name}: {self.agent.log()}"

    def go_on(self, name):
        (self.hang / name).unlink()


class Store(threading.Thread):
    """Writes to the store as the agent does; how long the slowest took."""

    def __init__(self, lan):
        super().__init__()
        self.lan, self.slowest, self.over = lan, 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        with self.lan.server.entered():
            connection = HTTPConnection(SERVER_IP, 2379)
            connection.connect()
        while not self.over.wait(0.05):
            began = time.monotonic()
            connection.request("POST", "/v3/kv/put", '{"key": "eA==", "value": "eA=="}')
            connection.getresponse().read()
            self.slowest = max(self.slowest, time.monotonic() - began)
        connection.close()


@pytest.fixture
def slow(lan, agent, scratch, background):
    made = Slow(lan, agent, scratch, background)
    yield made
    for path in made.hang.iterdir():
        path.unlink()


@contextmanager
def hanging(slow, name, begin=lambda: None):
    """The operation is made to hang, and begun."""
    slow.begin(name)
    begin()
    slow.hangs(name)
    yield
    slow.go_on(name)


def announcing(slow):
    return hanging(slow, "packet")  # there is one to be sent each second


def evaluating(slow):
    return hanging(slow, "match", lambda: slow.write(ADDRESSES[:-1]))


def reading(slow):
    return hanging(slow, "read", lambda: slow.write(ADDRESSES[:-1]))


def keeping(slow):
    """What a pool gave."""
    return hanging(slow, "fsync", lambda: slow.agent.write("pool.yaml", pool(), balanced("balanced")))


def logging(slow):
    return hanging(slow, "log", lambda: slow.agent.signal(signal.SIGHUP))


@contextmanager
def helper(slow):
    pid = slow.agent.helper()
    os.kill(pid, signal.SIGSTOP)
    slow.lan.server.ip(f"link add eth3 type veth peer name eth3 netns {slow.lan.client.name}", "link set eth3 up")
    yield
    os.kill(pid, signal.SIGCONT)


@contextmanager
def locked(slow):
    """Another writer is at work. What is lost meanwhile is silent at once all the same."""
    lost = ADDRESSES[-1]
    with open_directory(f"{slow.lan.bpffs}/xdp-l2resp") as fd:
        fcntl.flock(fd, fcntl.LOCK_EX)
        slow.write(ADDRESSES[:-1])
        with ExitStack() as until:
            until.callback(fcntl.flock, fd, fcntl.LOCK_UN)
            assert wait_until(lambda: (lost, "eth1") not in slow.agent.entries(), 1), "deleted under the lock"
            yield


@contextmanager
def open_directory(path):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def scraped(slow):
    """By clients that take their time."""
    def trickle():
        with slow.lan.server.entered():
            clients = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(60)]
        text = b"GET /metrics HTTP/1.1\r\nHost: x\r\nA: "
        for at in range(1000):
            for client in clients:
                try:
                    client.send(text[at:at + 1] or b"x")
                except OSError:
                    pass  # the agent has had enough of it
            if over.wait(0.02):
                break
        for client in clients:
            client.close()

    over, thread = threading.Event(), threading.Thread(target=trickle)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def conflicts(slow):
    """Other hosts say that they have the addresses, each with a MAC that nobody saw before."""
    def flood():
        number = 0
        with Wire(slow.lan.client, "eth0") as wire:
            while not over.is_set():
                for _ in range(200):
                    number += 1
                    address = ADDRESSES[number % len(ADDRESSES)]
                    wire.send(arp(address, spa=address, sha=f"02:77:{number >> 24:02x}:{number >> 16 & 255:02x}:"
                                                            f"{number >> 8 & 255:02x}:{number & 255:02x}"))
                over.wait(0.01)

    over, thread = threading.Event(), threading.Thread(target=flood)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


PARTS = [announcing, evaluating, reading, keeping, logging, helper, locked, scraped, conflicts]


@pytest.mark.full("reading", "logging", "keeping", "announcing")
@pytest.mark.parametrize("part", PARTS, ids=[part.__name__ for part in PARTS])
def test_renewals_go_on(slow, lan, part):
    sessions = slow.agent.metrics()["l2resp_lease_sessions_total"]
    with part(slow), Store(lan) as store, Renewals(lan.pin("leases"), DURATION) as renewals, Asking(lan) as asking:
        let_pass(SECONDS, "longer than the lease")
    print(f"{part.__name__}: {len(renewals.moves)} renewals, {renewals.gap() * 1000:.0f} ms from one to the next at most, "
          f"stamped after {renewals.latency() * 1000:.0f} ms, machine busy for {renewals.busy * 1000:.0f} ms, "
          f"store for {store.slowest * 1000:.0f} ms")
    assert len(renewals.moves) > SECONDS / RETRY / slack()
    # beside what the machine and the store themselves keep waiting: a renewal goes there, and comes back by the watch
    late = LATE * slack() + 2 * (renewals.busy + store.slowest)
    assert renewals.gap() < RETRY + late
    assert renewals.latency() < late
    if renewals.busy < DURATION / 4:  # a session that ends while the machine stands still is no fault
        assert len(asking.asked) > 100 and len(asking.answered) == len(asking.asked)
        slow.agent.counts("l2resp_lease_sessions_total", sessions)
    # and the part itself goes on
    slow.write(ADDRESSES[:-2])
    assert wait_until(lambda: (ADDRESSES[-2], "eth1") not in slow.agent.entries(), 10), slow.agent.log()


def test_an_agent_that_hangs_gives_up(slow, lan):
    """After `liveness`; and it takes part again when it goes on."""
    slow.agent.config.write_text(slow.agent.config.read_text().replace("liveness: 20s", "liveness: 2s"))
    slow.agent.signal(signal.SIGHUP)
    slow.agent.says("configuration read again")
    assert wait_until(lambda: slow.held() == len(ADDRESSES))
    with hanging(slow, "packet"):
        began = time.monotonic()
        slow.agent.wait_entries(seconds=3)
        took = time.monotonic() - began
    assert took > 1.5, took
    assert wait_until(lambda: slow.held() == len(ADDRESSES), 10), slow.agent.log()
    slow.agent.says("the agent has hung for 2 s: giving up all addresses")
