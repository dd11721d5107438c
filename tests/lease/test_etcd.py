# SPDX-License-Identifier: GPL-2.0-or-later
"""The lease protocol over real etcd: nodes without a data path (node.c), whose tables are watched a
thousand times a second. Two that answer for one address at a time fail every test."""
import base64
import ctypes
import json
import mmap
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest

NODE = os.environ.get("LEASE_NODE", str(Path(__file__).resolve().parents[2] / "build/tests/lease/lease-node"))
DURATION, RETRY = 2.0, 0.3
SLACK = 3  # a machine that is busy with other work
PARENT_DIES = 1  # PR_SET_PDEATHSIG

libc = ctypes.CDLL(None)
pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


def start(*argv, **options):
    """A process that ends with this one."""
    return subprocess.Popen(list(map(str, argv)), preexec_fn=lambda: libc.prctl(PARENT_DIES, signal.SIGKILL),
                            **options)


def until(condition, seconds=3 * (DURATION + RETRY) * SLACK):
    deadline = time.monotonic() + seconds
    while not (value := condition()) and time.monotonic() < deadline:
        time.sleep(0.005)
    return value


def free_port():
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Etcd:
    """A cluster of etcd; tls: names of certificate files, as openssl_files() makes them."""

    def __init__(self, directory, members=1, tls=None):
        self.directory, self.tls = directory, tls
        scheme = "https" if tls else "http"
        self.urls = [f"{scheme}://127.0.0.1:{free_port()}" for _ in range(members)]
        self.peers = [f"http://127.0.0.1:{free_port()}" for _ in range(members)]
        self.processes = [None] * members
        for number in range(members):
            self.start(number)
        assert until(lambda: self.ctl("endpoint", "health", check=False).returncode == 0, 20)

    def start(self, number):
        cluster = ",".join(f"m{i}={url}" for i, url in enumerate(self.peers))
        secure = ["--cert-file", self.tls["server"] + ".crt", "--key-file", self.tls["server"] + ".key",
                  "--client-cert-auth", "--trusted-ca-file", self.tls["ca"] + ".crt"] if self.tls else []
        with open(self.directory / f"etcd{number}.log", "a", encoding="utf-8") as log:
            self.processes[number] = start(
                "etcd", "--name", f"m{number}", "--data-dir", self.directory / f"etcd{number}",
                "--listen-client-urls", self.urls[number], "--advertise-client-urls", self.urls[number],
                "--listen-peer-urls", self.peers[number], "--initial-advertise-peer-urls", self.peers[number],
                "--initial-cluster", cluster, "--unsafe-no-fsync", *secure, stdout=log, stderr=log)

    def ctl(self, *words, check=True, **options):
        secure = ["--cert", self.tls["client"] + ".crt", "--key", self.tls["client"] + ".key",
                  "--cacert", self.tls["ca"] + ".crt"] if self.tls else []
        return subprocess.run(["etcdctl", "--endpoints", ",".join(self.urls), *secure, *words], check=check,
                              capture_output=True, text=True, env=os.environ | {"ETCDCTL_API": "3"}, **options)

    def get(self, key):
        found = json.loads(self.ctl("get", key, "-w", "json").stdout).get("kvs")
        return json.loads(base64.b64decode(found[0]["value"])) if found else None

    def claim(self, host):
        return self.get(f"/xdp-l2resp/claim/198.18.0.{host}")

    def leader(self):
        said = json.loads(self.ctl("endpoint", "status", "-w", "json").stdout)
        return next(self.urls.index(one["Endpoint"]) for one in said
                    if one["Status"]["leader"] == one["Status"]["header"]["member_id"])

    def signal(self, number, what):
        self.processes[number].send_signal(what)
        if what == signal.SIGKILL:
            self.processes[number].wait()

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


class Node:
    """A node; its table outlives its process."""

    def __init__(self, world, name, *options, identity=None, wants=3, endpoints=None):
        self.name, self.said = name, []
        self.options = ["-n", name, "-i", identity or name.encode().hex().rjust(32, "0"),
                        "-t", world.directory / f"{name}.{identity}.table", "-w", wants, *options]
        for url in endpoints if endpoints is not None else world.etcd.urls:
            self.options += ["-e", url]
        world.nodes.append(self)
        self.start()
        self.wait_table()

    def start(self):
        self.process = start(NODE, *self.options, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, bufsize=1)
        threading.Thread(target=self.read, args=(self.process,), daemon=True).start()

    def read(self, process):
        for line in process.stdout:
            self.said.append(line.rstrip("\n"))

    def wait_table(self):
        path = self.options[self.options.index("-t") + 1]
        assert until(lambda: path.exists() and path.stat().st_size), self.said
        with open(path, "rb") as file:
            self.table = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def answers(self, host):
        slot = self.table[2048 + host]
        return bool(slot) and struct.unpack_from("=Q", self.table, 8 * slot)[0] > time.clock_gettime_ns(
            time.CLOCK_BOOTTIME)

    def answered(self):
        return {host for host in range(1, 256) if self.table[2048 + host] and self.answers(host)}

    def tell(self, line):
        self.process.stdin.write(line + "\n")

    def heard(self, text):
        return any(text in line for line in list(self.said))

    def signal(self, what):
        self.process.send_signal(what)
        if what == signal.SIGKILL:
            self.process.wait()


class World:
    """A store, nodes, and a watcher of the invariant."""

    def __init__(self, members=1, tls=None):
        self.temporary = tempfile.TemporaryDirectory(prefix="l2resp-lease-")
        self.directory = Path(self.temporary.name)
        self.nodes, self.double, self.silent_since, self.longest = [], [], {}, {}
        self.watching = True
        self.etcd = Etcd(self.directory, members, tls and openssl_files(self.directory))
        self.watcher = threading.Thread(target=self.watch, daemon=True)
        self.watcher.start()

    def node(self, name, *options, **named):
        return Node(self, name, *options, **named)

    def watch(self):
        while self.watching:
            for host in range(1, 4):
                who = [node.name for node in list(self.nodes) if hasattr(node, "table") and node.answers(host)]
                now = time.monotonic()
                if len(who) > 1:
                    # the two looks are a moment apart: ask once more, in the other order
                    again = [node.name for node in reversed(self.nodes) if node.answers(host)]
                    if len(again) > 1:
                        self.double.append((host, who))
                if who:
                    self.silent_since.pop(host, None)
                else:
                    since = self.silent_since.setdefault(host, now)
                    self.longest[host] = max(self.longest.get(host, 0), now - since)
            time.sleep(0.001)

    def forget_silence(self):
        self.silent_since.clear()
        self.longest.clear()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.watching = False
        self.watcher.join()
        for node in self.nodes:
            node.process.kill()
            node.process.wait()
        self.etcd.close()
        if kind:
            for node in self.nodes:
                print(node.name, *node.said, sep="\n  ")
        self.temporary.cleanup()
        assert kind or not self.double, f"two answered: {self.double[:3]}"


def openssl_files(directory):
    """A CA, certificates that it signed, and a stranger that it didn't."""
    def openssl(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "stranger.key", "-out", "stranger.crt",
            "-subj", "/CN=stranger")
    for name, days in ("server", 2), ("client", 2), ("expired", -1):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
                "-subj", f"/CN={name}")
        (directory / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
                "-days", days, "-out", f"{name}.crt", "-extfile", "ext")
    return {name: str(directory / name) for name in ("ca", "server", "client", "expired", "stranger")}


@pytest.fixture
def world():
    with World() as made:
        yield made


@pytest.fixture
def pair(world):
    """node-1 answers for all three addresses, node-2 wants them too."""
    first = world.node("node-1")
    assert until(lambda: first.answered() == {1, 2, 3}), first.said
    second = world.node("node-2")
    assert until(lambda: second.heard("STATE active")), second.said
    # what it found fresh in the store it doesn't rely on for as long
    time.sleep(DURATION)
    world.first, world.second = first, second
    world.forget_silence()
    return world


def test_nodes_that_start_together_share_the_addresses(world):
    nodes = [world.node(f"node-{i}", wants=60) for i in (1, 2, 3)]
    assert until(lambda: sum(len(node.answered()) for node in nodes) == 60)
    assert min(len(node.answered()) for node in nodes) >= 8


def test_the_first_claims_wait_a_full_duration_in_an_empty_store(world):
    began = time.monotonic()
    node = world.node("node-1")
    assert until(lambda: node.answered() == {1, 2, 3})
    assert time.monotonic() - began > DURATION * 0.95


def test_an_address_wanted_later_is_answered_at_once(pair):
    pair.first.tell("want 77")
    assert until(lambda: pair.first.answers(77), 0.3 * SLACK)


def test_killed_the_other_takes_over_in_time(pair):
    pair.first.signal(signal.SIGKILL)
    assert until(lambda: pair.second.answered() == {1, 2, 3}, (DURATION + RETRY + 0.3) * SLACK)


def test_stopped_it_is_silent_before_the_other_answers_and_stays_so(pair):
    pair.first.signal(signal.SIGSTOP)
    assert until(lambda: pair.second.answered() == {1, 2, 3})
    pair.first.signal(signal.SIGCONT)
    assert until(lambda: pair.first.heard("LOST"))
    time.sleep(1)
    assert pair.second.answered() == {1, 2, 3}


def test_ended_in_order_the_other_answers_within_300_ms(pair):
    pair.first.tell("stop")
    assert until(lambda: pair.second.answered() == {1, 2, 3}, 0.3 * SLACK)
    assert pair.first.process.wait(5) == 0


def test_drained_the_other_answers_within_300_ms_and_nothing_comes_back(pair):
    pair.first.tell("drain")
    assert until(lambda: pair.second.answered() == {1, 2, 3}, 0.3 * SLACK)
    pair.second.tell("unwant 1")
    time.sleep(DURATION)
    assert not pair.first.answered()
    pair.first.tell("undrain")
    assert until(lambda: pair.first.answered() == {1})


def test_unwanted_is_released_with_an_empty_holder(pair):
    pair.second.tell("unwant 2")
    pair.first.tell("unwant 2")
    assert until(lambda: pair.etcd.claim(2)["holder"] == "")
    assert pair.etcd.claim(2)["state"] == "free"


def test_killed_and_started_again_within_the_lease_nothing_goes_unanswered(pair):
    pair.first.signal(signal.SIGKILL)
    pair.first.start()
    time.sleep(2 * DURATION)
    assert pair.first.answered() == {1, 2, 3}
    assert not pair.longest


def test_a_claim_deleted_by_hand_is_written_again_and_answered_all_the_while(pair):
    pair.etcd.ctl("del", "/xdp-l2resp/claim/198.18.0.1")
    assert until(lambda: pair.etcd.claim(1))
    time.sleep(1.5 * DURATION)
    assert pair.first.answered() == {1, 2, 3} and not pair.longest


def test_a_heartbeat_deleted_by_hand_is_written_again(pair):
    pair.etcd.ctl("del", "/xdp-l2resp/node/node-1")
    time.sleep(1.5 * DURATION)
    assert pair.first.answered() == {1, 2, 3} and not pair.longest


def test_all_records_deleted_by_hand(pair):
    pair.etcd.ctl("del", "--prefix", "/xdp-l2resp/")
    time.sleep(1.5 * DURATION)
    assert pair.first.answered() == {1, 2, 3} and not pair.longest


def test_all_records_deleted_while_the_holder_is_stopped(pair):
    pair.first.signal(signal.SIGSTOP)
    pair.etcd.ctl("del", "--prefix", "/xdp-l2resp/")
    assert until(lambda: pair.second.answered() == {1, 2, 3})
    pair.first.signal(signal.SIGCONT)
    time.sleep(DURATION)
    assert pair.second.answered() == {1, 2, 3}


@pytest.mark.parametrize("text", [" ", "no JSON", "{}", '{"version": 1, "state": "held", "holder": ""}'])
def test_a_claim_of_foreign_shape_counts_as_held_for_a_duration(pair, text):
    pair.first.signal(signal.SIGSTOP)
    pair.etcd.ctl("put", "/xdp-l2resp/claim/198.18.0.1", text)
    assert until(lambda: pair.second.answers(1))
    pair.first.signal(signal.SIGCONT)
    time.sleep(0.5)


def test_a_holder_emptied_by_hand_is_no_release(pair):
    claim = pair.etcd.claim(1) | {"holder": ""}
    pair.etcd.ctl("put", "/xdp-l2resp/claim/198.18.0.1", json.dumps(claim))
    time.sleep(1.5 * DURATION)
    assert pair.first.answers(1) and not pair.longest


def test_a_record_of_a_newer_version_is_left_alone(world):
    world.etcd.ctl("put", "/xdp-l2resp/claim/198.18.0.1", '{"version": 2}')
    node = world.node("node-1")
    assert until(lambda: node.answered() == {2, 3})
    time.sleep(2 * DURATION)
    assert node.answered() == {2, 3} and world.etcd.claim(1) == {"version": 2}


def test_two_agents_of_one_name_the_second_is_refused_until_the_first_is_silent(pair):
    twin = pair.node("node-1", identity="f" * 32)
    assert until(lambda: twin.heard("STATE name taken"))
    time.sleep(1.5 * DURATION)
    assert not twin.answered() and pair.first.answered() == {1, 2, 3}
    pair.first.signal(signal.SIGKILL)
    assert until(lambda: twin.heard("STATE active"))


def test_moved_by_hand_and_back(pair):
    pair.second.tell("move 1 node-2")
    assert until(lambda: pair.second.answered() == {1}), pair.second.said
    pair.second.tell("move 1 node-1")
    assert until(lambda: pair.first.answered() == {1, 2, 3})
    pair.first.tell("move 1 node-9")
    assert until(lambda: pair.first.heard("ERROR node-9 isn't alive"))


def test_a_move_to_a_node_that_does_not_want_it_changes_nothing(pair):
    pair.second.tell("unwant 3")
    pair.first.tell("move 3 node-2")
    assert until(lambda: pair.etcd.claim(3)["wish"] == "node-2")
    time.sleep(DURATION)
    assert pair.first.answered() == {1, 2, 3} and not pair.longest


def test_a_last_resort_yields_to_others_and_takes_back_what_nobody_wants(pair):
    pair.first.tell("last 1")
    assert until(lambda: pair.second.answers(1))
    pair.second.tell("unwant 2")
    time.sleep(0.3)
    pair.first.tell("last 2")
    assert until(lambda: pair.first.heard("LOST 198.18.0.2"))
    assert until(lambda: pair.first.answers(2))


def test_preemption_brings_a_late_node_its_share(world):
    first = world.node("node-1", wants=40)
    assert until(lambda: len(first.answered()) == 40)
    second = world.node("node-2", "-p", wants=40)
    assert until(lambda: len(second.answered()) >= 10 and len(first.answered()) >= 10)
    assert until(lambda: not first.answered() & second.answered()
                 and len(first.answered() | second.answered()) == 40)


def test_a_frozen_store_silences_the_holder_and_it_heals(pair):
    pair.etcd.signal(0, signal.SIGSTOP)
    assert until(lambda: not pair.first.answered())
    time.sleep(DURATION)
    assert not pair.second.answered()
    pair.etcd.signal(0, signal.SIGCONT)
    assert until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3})


def test_a_store_that_restarts(pair):
    pair.etcd.signal(0, signal.SIGKILL)
    pair.etcd.start(0)
    # stamps of before are over then
    time.sleep(DURATION)
    assert until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 15)


def test_a_store_put_back_empty_is_followed_anew(pair):
    pair.etcd.signal(0, signal.SIGKILL)
    shutil.rmtree(pair.directory / "etcd0")
    pair.etcd.start(0)
    assert until(lambda: pair.first.answered() | pair.second.answered() == {1, 2, 3}, 30)
    assert until(lambda: pair.etcd.claim(1))


def test_a_compacted_history_is_listed_again(pair):
    pair.second.signal(signal.SIGSTOP)
    revision = json.loads(pair.etcd.ctl("get", "x", "-w", "json").stdout)["header"]["revision"]
    pair.etcd.ctl("compact", str(revision))
    pair.second.signal(signal.SIGCONT)
    pair.first.signal(signal.SIGKILL)
    assert until(lambda: pair.second.answered() == {1, 2, 3})


def test_an_endpoint_that_refuses_is_passed_over(world):
    node = world.node("node-1", endpoints=[f"http://127.0.0.1:{free_port()}", *world.etcd.urls])
    assert until(lambda: node.answered() == {1, 2, 3}), node.said


@pytest.fixture
def trio():
    """Three members, two nodes; the first node asks the members in order, the other backwards."""
    with World(members=3) as made:
        made.first = made.node("node-1")
        assert until(lambda: made.first.answered() == {1, 2, 3})
        made.second = made.node("node-2", endpoints=made.etcd.urls[::-1])
        assert until(lambda: made.second.heard("STATE active"))
        yield made


def heals(world):
    return until(lambda: world.first.answered() | world.second.answered() == {1, 2, 3}, 30)


def test_leader_lost(trio):
    leader = trio.etcd.leader()
    trio.etcd.signal(leader, signal.SIGKILL)
    time.sleep(2 * DURATION)
    assert heals(trio)
    trio.etcd.start(leader)


def test_quorum_lost_and_back(trio):
    for number in 1, 2:
        trio.etcd.signal(number, signal.SIGKILL)
    assert until(lambda: not trio.first.answered() and not trio.second.answered())
    for number in 1, 2:
        trio.etcd.start(number)
    assert heals(trio)


def test_the_member_that_a_node_talks_to_is_cut_off(trio):
    follower = next(number for number in (0, 1, 2) if number != trio.etcd.leader())
    trio.etcd.signal(follower, signal.SIGSTOP)
    time.sleep(3 * DURATION)
    assert heals(trio)
    trio.etcd.signal(follower, signal.SIGCONT)


@pytest.fixture
def secure():
    with World(tls=True) as made:
        yield made


def tls_options(world, who, authority="ca"):
    files = world.etcd.tls
    return ["-a", files[authority] + ".crt", "-c", files[who] + ".crt", "-k", files[who] + ".key"]


def test_tls_with_the_right_certificates(secure):
    node = secure.node("node-1", *tls_options(secure, "client"))
    assert until(lambda: node.answered() == {1, 2, 3}), node.said


@pytest.mark.parametrize("who, authority", [("stranger", "ca"), ("expired", "ca"), ("client", "stranger")])
def test_tls_with_wrong_certificates_is_said_and_nothing_is_held(secure, who, authority):
    node = secure.node("node-1", *tls_options(secure, who, authority))
    assert until(lambda: node.heard("LOG etcd at https://")), node.said
    time.sleep(1)
    assert not node.answered() and not node.heard("STATE active")


def test_a_certificate_file_that_is_absent_is_an_error(secure):
    node = subprocess.run([NODE, "-n", "x", "-i", "0" * 32, "-t", secure.directory / "x", "-e", "https://127.0.0.1:1",
                           "-c", "/nonexistent"], capture_output=True, text=True, check=False)
    assert node.returncode == 1 and "/nonexistent: No such file" in node.stderr


def test_without_a_store_all_is_held_and_silent_when_stopped(world):
    node = world.node("node-1", "-N")
    assert until(lambda: node.answered() == {1, 2, 3}, 0.3 * SLACK)
    node.signal(signal.SIGSTOP)
    assert until(lambda: not node.answered(), DURATION * SLACK)
    node.signal(signal.SIGCONT)
    assert until(lambda: node.answered() == {1, 2, 3})
    node.tell("unwant 2")
    assert until(lambda: node.answered() == {1, 3})
    node.signal(signal.SIGKILL)
    world.forget_silence()
    node.start()
    time.sleep(0.5)
    assert node.answered() == {1, 2, 3}
