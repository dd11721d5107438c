#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A store that is broken or hostile, and whom the agent trusts to be one."""
import base64
import json
import re
import socket
import ssl
import subprocess
import threading
from itertools import chain
from pathlib import Path

import pytest

from daemon import POLICY, service
from lan import VIP
from played import Played, QuietHandler
from wait import HUNG, let_pass, stays, wait_until

HEADER = {"cluster_id": "1", "member_id": "1", "raft_term": "1", "revision": "7"}
MIB = 1 << 20
POD_LIMIT = 512 * MIB


class Server(Played):
    """etcd's JSON gateway, as far as answer(path, body) plays it: bytes, lines of a stream, or None for one that stays silent."""

    def __init__(self, namespace, answer, certificate=None):
        outer, self.requests = self, []

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.requests.append(self.path)
                text = answer(self.path, json.loads(body))
                self.send_response(200)
                if isinstance(text, bytes):
                    self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                outer.write(self, [text] if isinstance(text, bytes) else chain(text or (), [None]))

        super().__init__(namespace, Handler, certificate)


def key(number):
    return base64.b64encode(b"/xdp-l2resp/claim/%d.%d.%d.%d" % (198, 18, number // 256 % 256, number % 256)).decode()


def page(records, more, revision="7"):
    kvs = [{"key": name, "mod_revision": "5", "value": base64.b64encode(b"{}").decode()} for name in records]
    return json.dumps({"header": HEADER | {"revision": revision}, "kvs": kvs, "count": "5", "more": more}).encode()


def follow(agent, server, keys=""):
    text = agent.config.read_text()
    agent.config.write_text(re.sub("engine: none", f"engine: etcd, endpoints: ['{server.url}'] {keys}", text))
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.launch()


def peak(agent):
    """Bytes of memory that the agent had at most."""
    return 1024 * int(re.search(r"VmHWM:\s*(\d+)", Path(f"/proc/{agent.process.pid}/status").read_text())[1])


PAGE = 500  # records

# what a list of records is: the answer, and what is said of it
LISTS = {
    "HTML": (b"<html>\x1b[31m\xc2\x9bno</html>", r'''its answer isn't JSON, and begins with "<html>\x1b[31m\xc2\x9bno</html>"'''),
    "another's JSON": (b'{"kind": "Status"}', r'''its answer isn't etcd's, and begins with "{"kind": "Status"}"'''),
    "nothing": (b"", "its answer isn't JSON, but empty"),
    "many values": (b"[" + b"[]," * (10 * MIB) + b"[]]", "its answer would take more than 128 MiB of memory"),
    "many objects": (b"[" + b"{}," * (10 * MIB) + b"{}]", "its answer would take more than 128 MiB of memory"),
    "deep": (b"[" * (16 * MIB), 'its answer isn\'t JSON, and begins with "' + "[" * 40 + '"'),
    "long": (b" " * (40 * MIB), "its answer is longer than 32 MiB"),
    "of no revision": (page([], False, str(2**64 - 1)), "its answer isn't etcd's, and begins with "),
    "the same page for ever": (page([key(1), key(2)], True), "its list shows the same records again"),
    "too large a page": (page(map(key, range(PAGE + 1)), True), f"its list has more than {PAGE} records"),
}


@pytest.mark.parametrize("answer, said", LISTS.values(), ids=LISTS)
def test_a_list_that_is_none(agent, lan, answer, said):
    agent.outlast_a_restart()  # an answer of 40 MiB isn't late
    with Server(lan.server, lambda path, body: answer) as server:
        follow(agent, server)
        agent.says(f"etcd at {server.url}: {said}")
        agent.answers("/readyz", 503)
        assert stays(lambda: agent.process.poll() is None and peak(agent) < POD_LIMIT, 1), peak(agent)
        assert re.fullmatch(r"[ -~\n]*", agent.log()), "nothing that a terminal would act on"


def test_names_that_nobody_resolves(agent, lan, scratch):
    """The threads of look-ups whose calls are over end soon; else they and their sockets pile up."""
    (scratch / "resolv.conf").write_text("nameserver 127.0.0.53\noptions timeout:30\n")
    agent.config.write_text(re.sub("engine: none.*(?=})", "engine: etcd, endpoints: ['http://etcd.example:2379'], duration: 500ms, "
                                   "renewDeadline: 300ms, retryPeriod: 100ms", agent.config.read_text()))
    agent.write("all.yaml", POLICY, service("web", VIP))
    with lan.server.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.53", 53))
        agent.launch("unshare", "--mount", "sh", "-c", f'mount --bind {scratch}/resolv.conf /etc/resolv.conf; exec "$@"', "sh")
        silent.settimeout(HUNG)
        lookups = {silent.recvfrom(512)[1] for _ in range(300)}
    assert len(list(Path(f"/proc/{agent.process.pid}/task").iterdir())) < len(lookups) / 2, agent.log()


def test_another_cause(agent, lan):
    """What is wrong now is said, not what was wrong first alone; neither is said again."""
    causes = [LISTS[name] for name in ("HTML", "nothing")]
    now = iter(causes)
    answer, said = next(now)
    with Server(lan.server, lambda path, body: answer) as server:
        followed_slowly(agent, server)
        for _ in causes:
            assert wait_until(lambda: said in agent.log(), 15), agent.log()
            assert wait_until(lambda: said in agent.http("/readyz")[1])
            answer, said = next(now, (answer, said))
        assert [agent.log().count(text) for _, text in causes] == [1, 1]


# key: how it is made of a number, pages until it is given up
ENDLESS = {
    "nodes": (lambda n: b"/xdp-l2resp/node/n%012d" % n, 22),
    "neither": (lambda n: b"/xdp-l2resp/n%012d" % n, 1001),
}


@pytest.mark.full("neither")
@pytest.mark.parametrize("name, most", ENDLESS.values(), ids=ENDLESS)
def test_a_list_without_an_end(agent, lan, name, most):
    """Always another record: the agent gives it up, and its memory stays bounded."""
    pages, longest, begun = 0, 0, 0

    def answer(path, body):
        nonlocal pages, longest, begun
        if body["revision"] == "0":
            pages, begun = 0, begun + 1
        pages += 1
        longest = max(longest, pages)
        return page([base64.b64encode(name(PAGE * pages + n)).decode() for n in range(PAGE)], True)

    with Server(lan.server, answer) as server:
        follow(agent, server)
        assert wait_until(lambda: begun == 2 or longest > most, 120), (pages, agent.log())
        assert longest <= most
        assert peak(agent) < POD_LIMIT


BEAT = {"version": 1, "state": "alive", "id": "f" * 32, "session": "00000000000000ff", "sequence": 1, "slot": 1, "durationMs": 2000,
        "weight": 1, "unsettled": False, "groups": [], "own": []}
CLAIM = {"version": 1, "state": "held", "holder": "node-2", "session": "00000000000000ff", "wish": "", "wishSession": "0" * 16,
         "moved": False, "unsettled": False, "transitions": 1}
FULL = "it shows more than 10000 nodes, or 320000 addresses besides those wanted here"


def node_key(number):
    return b"/xdp-l2resp/node/n%012d" % number


def claim_key(number):
    return b"/xdp-l2resp/claim/2001:db8::%x:%x" % divmod(number + 0x10001, 1 << 16)


def message(revision, events):
    return json.dumps({"result": {"header": {**HEADER, "revision": str(revision)}, **events}}).encode() + b"\n"


CREATED = message(7, {"created": True})


def encoded(record):
    return base64.b64encode(json.dumps(record).encode()).decode()


def event(kind, key, revision, value):
    return {"type": kind, "kv": {"key": base64.b64encode(key).decode(), "mod_revision": str(revision), "value": value}}


def flood(kind, name, record):
    """Events of always other records, without an end; 200 in a message. The last number is in the list that is returned."""
    value, sent = encoded(record), [0]

    def lines():
        yield CREATED
        while True:
            first = sent[0]
            sent[0] += 200
            yield message(8 + first, {"events": [event(kind, name(first + n), 8 + first, value) for n in range(200)]})

    return sent, lines


def grown(agent):
    """MiB of memory that the agent had at most."""
    return peak(agent) // MIB


@pytest.mark.full
@pytest.mark.parametrize("name", (node_key, claim_key))
def test_a_watch_without_an_end_of_what_vanished(agent, lan, name):
    """Nothing is kept of a record that wasn't known."""
    sent, lines = flood("DELETE", name, BEAT)
    with Server(lan.server, lambda path, body: lines() if path == "/v3/watch" else page([], False)) as server:
        follow(agent, server)
        assert wait_until(lambda: sent[0] > 500_000, 120), agent.log()
        assert grown(agent) < 64


@pytest.mark.full("claim_key-record1", "claim_key-record2")
@pytest.mark.parametrize("name, record", ((node_key, BEAT), (claim_key, CLAIM), (claim_key, {})))
def test_a_watch_without_an_end(agent, lan, name, record):
    """What is over the bound ends the stream, which begins anew later; and the agent says so."""
    watches = []
    sent, lines = flood("PUT", name, record)

    def answer(path, body):
        if path != "/v3/watch":
            return page([], False)
        watches.append(sent[0])
        return lines()

    with Server(lan.server, answer) as server:
        follow(agent, server)
        assert wait_until(lambda: watches and agent.command("alive").status == 0, 20), agent.log()
        assert wait_until(lambda: f"etcd at {server.url}: {FULL}" in agent.log(), 120), agent.log()
        agent.answers("/readyz", 503)
        given_up = len(watches)
        assert wait_until(lambda: len(watches) > given_up, 120), agent.log()
        assert grown(agent) < 128


# how each watch ends at once, beside requests that are answered
ENDS = {"empty": b"", "canceled": CREATED + CREATED.replace(b"created", b"canceled"), "a list": page([], False) + b"\n"}


# a moment without a processor is no retryPeriod without an answer
SLOWLY = {"retryPeriod: 300ms": "retryPeriod: 2s", "renewDeadline: 1200ms": "renewDeadline: 5s", "duration: 2s": "duration: 10s"}


def changes():
    """A stream that shows a change five times a second."""
    yield CREATED
    for revision in range(8, 1 << 30):
        yield message(revision, {"events": [event("PUT", node_key(1), revision, encoded(BEAT))]})
        let_pass(0.2, "until the next change")


def followed_slowly(agent, server):
    for quick, slow in SLOWLY.items():
        agent.config.write_text(agent.config.read_text().replace(quick, slow))
    follow(agent, server)


@pytest.mark.parametrize("watch", ENDS.values(), ids=ENDS)
def test_a_watch_that_always_ends(agent, lan, watch):
    """As behind a gateway that takes no streams: nothing is announced, and it is told why, once, until there are streams."""
    streams = threading.Event()

    def answer(path, body):
        if path != "/v3/watch":
            return page([], False)
        return changes() if streams.is_set() else watch

    with Server(lan.server, answer) as server:
        followed_slowly(agent, server)
        told = f"etcd at {server.url}: its watch "
        agent.says(told, seconds=20)
        assert told in agent.http("/readyz")[1]
        # another cause may be told after ten seconds
        assert stays(lambda: agent.log().count(": its watch ") == 1 and agent.log().count("store answers") == 1, 12), agent.log()
        streams.set()
        agent.says("store answers", times=2, seconds=20)
        assert told not in agent.http("/readyz")[1]


def test_a_watch_of_renewals_that_always_ends(agent, lan):
    """The view is shown: nothing is told that wouldn't be of a single watch."""
    renewals = base64.b64encode(b"/xdp-l2resp/pulse/").decode()  # without padding

    def answer(path, body):
        if path != "/v3/watch":
            return page([], False)
        return b"" if body["create_request"]["key"].startswith(renewals) else changes()

    with Server(lan.server, answer) as server:
        followed_slowly(agent, server)
        agent.says("store answers")
        assert stays(lambda: ": its watch " not in agent.log(), 8), agent.log()


def openssl(directory, *words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, cwd=directory)


def make_ca(directory, name):
    openssl(directory, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.crt", "-subj", f"/CN={name}")


def sign(directory, ca, name):
    """A certificate of 127.0.0.1 with its key: the path without a suffix."""
    openssl(directory, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr",
            "-subj", f"/CN={name}")
    (directory / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(directory, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", 2, "-out", f"{name}.crt", "-extfile", "ext")
    return directory / name


# /etc/ssl is another one for the agent, where the system trusts a CA, in the file and in the directory
TRUST = """mount -t tmpfs none /etc/ssl && mkdir /etc/ssl/certs &&
cp "$1" /etc/ssl/certs/ca-certificates.crt && cp "$1" /etc/ssl/certs/system.pem && openssl rehash /etc/ssl/certs &&
shift && exec "$@\""""


def trusting(directory, ca):
    return "unshare", "--mount", "sh", "-c", TRUST, "sh", directory / f"{ca}.crt"


def healthy(path, body):
    return None if path == "/v3/watch" else page([], False)


@pytest.fixture
def authorities(scratch):
    for name in "system", "named":
        make_ca(scratch, name)
        sign(scratch, name, f"by-{name}")
    return scratch


def test_a_named_ca_replaces_the_systems(agent, lan, authorities):
    with Server(lan.server, healthy, authorities / "by-system") as server:
        prefix = trusting(authorities, "system")
        follow_by = agent.launch
        agent.launch = lambda: follow_by(*prefix)
        follow(agent, server, f", ca: {authorities}/named.crt")
        agent.says("certificate")
        assert stays(lambda: not server.requests, 1), "nothing is said to a server that another CA vouches for"
        # the named one is exchanged while the agent runs, for one that signed it
        (authorities / "new").write_bytes((authorities / "system.crt").read_bytes())
        (authorities / "new").rename(authorities / "named.crt")
        assert wait_until(lambda: server.requests), agent.log()
        # and again, for one that didn't
        make_ca(authorities, "other")
        (authorities / "other.crt").rename(authorities / "named.crt")
        told = agent.log().count("certificate")
        server.over.set()
        agent.says("certificate", seconds=20, times=told + 1)


def test_without_a_ca_the_systems_count(agent, lan, authorities):
    with Server(lan.server, healthy, authorities / "by-system") as server:
        prefix = trusting(authorities, "system")
        follow_by = agent.launch
        agent.launch = lambda: follow_by(*prefix)
        follow(agent, server)
        assert wait_until(lambda: server.requests), agent.log()


def test_old_tls_is_refused(agent, lan, authorities):
    with Server(lan.server, healthy, authorities / "by-named") as server:
        server.context.minimum_version = ssl.TLSVersion.TLSv1
        server.context.maximum_version = ssl.TLSVersion.TLSv1_1
        server.context.set_ciphers("DEFAULT@SECLEVEL=0")
        # the system's policy would allow it
        (authorities / "openssl.cnf").write_text(
            "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
            "[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n")
        follow_by = agent.launch
        agent.launch = lambda: follow_by("env", f"OPENSSL_CONF={authorities}/openssl.cnf")
        follow(agent, server, f", ca: {authorities}/named.crt")
        assert wait_until(lambda: re.search("alert protocol version|unsupported protocol|no protocols", agent.log())), agent.log()
        assert not server.requests
