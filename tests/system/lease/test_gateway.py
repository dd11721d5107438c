# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between a node and etcd shows again what a stream showed before, or shows nothing any more."""
import base64
import http.client
import json
import shutil
import threading
import time

import pytest
from harness import Etcd, World
from played import QuietHandler, QuietServer
from wait import let_pass, wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


CLAIM = base64.b64encode(b"/xdp-l2resp/claim/")  # of 18 bytes: so any such key begins in base64
VIEW_END = base64.b64encode(b"/xdp-l2resp/pulse/").join([b'"', b'"'])
ENDED = b'{"result": {"canceled": true}}\n'


def behind(line):
    """The line, if a watch begins with it at a server that has come to no more than the first revision."""
    said = json.loads(line)
    if not said["result"].get("created"):
        return line
    said["result"]["header"]["revision"] = "1"
    return json.dumps(said).encode() + b"\n"


class Stream:
    """A watch: its lines that have events, handed on to the node unless it is mute."""

    def __init__(self, node, asked):
        self.node, self.lock, self.lines = node, threading.Lock(), []
        self.pulses, self.began, self.mute = VIEW_END not in asked, time.monotonic(), False

    def hand_on(self, line):
        if self.mute:
            return
        if "events" in json.loads(line)["result"]:
            self.lines.append(line)
        self.write([line])

    def write(self, lines):
        with self.lock:
            self.node.write(b"".join(lines))


class Gateway:
    def __init__(self, store):
        outer, self.streams, self.lists, self.refused, self.late, self.behind = self, [], 0, [], 0, False
        etcd = store.urls[0].removeprefix("http://")

        class Handler(QuietHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                connection = http.client.HTTPConnection(etcd)
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                connection.request("POST", self.path, asked)
                answer = connection.getresponse()
                outer.lists += self.path == "/v3/kv/range" and VIEW_END in asked
                self.send_response(answer.status)
                self.end_headers()
                if self.path != "/v3/watch":
                    said = answer.read()
                    if self.path == "/v3/kv/txn" and not json.loads(said).get("succeeded"):
                        outer.refused.append(time.monotonic())
                    self.wfile.write(said)
                    return
                stream = Stream(self.wfile, asked)
                outer.streams.append(stream)
                while line := answer.readline():
                    let_pass(max(0, stream.began + outer.late - time.monotonic()), "a server that first reads all since then")
                    stream.hand_on(behind(line) if outer.behind else line)

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def make_mute(self):
        """The streams that there are; returns how many."""
        for stream in self.streams:
            stream.mute = True
        return len(self.streams)

    def node_options(self):
        return ["-e", f"http://127.0.0.1:{self.server.server_port}"]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def world():
    with World(Etcd) as made:
        made.gateway = Gateway(made.store)
        yield made
        made.gateway.close()


@pytest.mark.full
def test_a_claim_shown_again_is_not_had_again(world):
    first = world.node("node-1", via=world.gateway.node_options())
    assert wait_until(lambda: first.answered() == {1, 2, 3}), first.said
    [stream] = [stream for stream in world.gateway.streams if any(CLAIM in line for line in stream.lines)]
    former = [*stream.lines]
    second = world.node("node-2", wants=0)
    second.tell("want 1")

    def moved():
        second.tell("move 1 node-2")
        return wait_until(lambda: second.answers(1), 1)

    assert wait_until(moved), second.said
    assert wait_until(lambda: first.answered() == {2, 3}), first.said
    before = world.gateway.lists
    stream.write(former)
    assert wait_until(lambda: first.answers(1) or world.gateway.lists > before)
    assert not first.answers(1), first.said
    assert wait_until(lambda: first.answered() == {2, 3} and second.answered() == {1}), first.said


def test_both_streams_begin_again_when_both_are_mute(world):
    node = world.node("node-1", via=world.gateway.node_options())
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    count = world.gateway.make_mute()
    assert wait_until(lambda: {stream.pulses for stream in world.gateway.streams[count:]} == {False, True}), node.said


def test_a_refused_renewal_has_the_view_begin_again_at_once(world):
    """As after a pause of the machine, in which the node was declared dead."""
    # else the view begins again a retryPeriod later, of 4.5 s
    node = world.node("node-1", "-D", 30000, via=world.gateway.node_options())
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    count = world.gateway.make_mute()
    world.gateway.refused.clear()
    world.store.delete_heartbeat("node-1")

    def begun():
        return [stream.began for stream in world.gateway.streams[count:] if not stream.pulses]

    assert wait_until(begun), node.said
    assert world.gateway.refused and begun()[0] - world.gateway.refused[0] < 2, node.said


def test_a_view_that_begins_slowly_is_left_to_begin(world):
    """Each renewal is refused meanwhile."""
    node = world.node("node-1", "-D", 6000, via=world.gateway.node_options())
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    world.gateway.make_mute()
    world.gateway.late = 1.5 * 0.9  # retryPeriods
    world.store.delete_heartbeat("node-1")
    assert wait_until(lambda: world.store.get("/xdp-l2resp/node/node-1"), 6), node.said


def test_a_watch_that_begins_behind_what_was_shown_is_preceded_by_a_list(world):
    """Once: right after the list the server is only behind others. A store that lost its last writes is behind, too, and what
    has their revisions by then would never be shown."""
    node = world.node("node-1", via=world.gateway.node_options())
    assert wait_until(lambda: node.answered() == {1, 2, 3}), node.said
    world.gateway.behind, before = True, world.gateway.lists
    [view] = [stream for stream in world.gateway.streams if not stream.pulses]
    view.write([ENDED])
    assert wait_until(lambda: world.gateway.lists > before), node.said
    node.tell("want 4")
    assert wait_until(lambda: node.answered() == {1, 2, 3, 4}), node.said
    assert world.gateway.lists == before + 1
