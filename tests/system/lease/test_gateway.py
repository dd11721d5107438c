# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between a node and etcd shows again what a stream showed before."""
import base64
import http.client
import json
import shutil
import threading

import pytest
from harness import Etcd, World
from played import QuietHandler, QuietServer
from wait import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd isn't installed")


CLAIM = base64.b64encode(b"/xdp-l2resp/claim/")  # of 18 bytes: so any such key begins in base64


class Stream:
    """A watch: its lines that have events, handed on to the node."""

    def __init__(self, node):
        self.node, self.lock, self.lines = node, threading.Lock(), []

    def hand_on(self, line):
        if "events" in json.loads(line)["result"]:
            self.lines.append(line)
        self.write([line])

    def write(self, lines):
        with self.lock:
            self.node.write(b"".join(lines))


class Gateway:
    def __init__(self, store):
        outer, self.streams, self.lists = self, [], 0
        etcd = store.urls[0].removeprefix("http://")

        class Handler(QuietHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                connection = http.client.HTTPConnection(etcd)
                connection.request("POST", self.path, self.rfile.read(int(self.headers["Content-Length"])))
                answer = connection.getresponse()
                outer.lists += self.path == "/v3/kv/range"
                self.send_response(answer.status)
                self.end_headers()
                if self.path != "/v3/watch":
                    self.wfile.write(answer.read())
                    return
                stream = Stream(self.wfile)
                outer.streams.append(stream)
                while line := answer.readline():
                    stream.hand_on(line)

        self.server = QuietServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

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
