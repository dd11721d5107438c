# SPDX-License-Identifier: GPL-2.0-or-later
"""How a Kubernetes API server is followed when the network fails, seen by a server that only lists and watches."""
import http.server
import json
import socket
import threading
import time

import pytest
from harness import World, free_port
from wait import wait_until

DURATION_MS = 6000
TIMEOUT = 2.55  # half of the renewDeadline of a node with that: so late the watch may be otherwise


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_POST(self):  # pylint: disable=invalid-name
        self.server.api.posted.append(time.monotonic())
        self.send_error(self.server.api.post_status)

    def do_GET(self):  # pylint: disable=invalid-name
        self.server.api.asked.append(self.path)
        self.server.api.asked_at.append(time.monotonic())
        self.send_response(200)
        self.end_headers()
        if "watch=1" not in self.path:
            self.wfile.write(json.dumps({"metadata": {"resourceVersion": "7"}, "items": []}).encode())
            return
        self.wfile.flush()
        self.server.closing.wait()


class Api:
    """The server on a port that it keeps."""

    def __init__(self, _directory):
        self.port, self.post_status = free_port(), 500
        self.asked, self.asked_at, self.posted = [], [], []
        self.serve()

    def serve(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.api, self.server.closing = self, threading.Event()
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self.server.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def node_options(self):
        return ["-K", f"http://127.0.0.1:{self.port}"]


@pytest.fixture
def world():
    with World(Api) as made:
        yield made


def test_a_connect_timeout_is_no_reason_to_list_everything_again(world):
    node, api = world.node("node-1"), world.store
    assert wait_until(lambda: any("watch=1" in path for path in api.asked)), node.said
    # a full backlog: who connects gets no answer
    api.close()
    with socket.socket() as mute, socket.socket() as first, socket.socket() as second:
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        mute.bind(("127.0.0.1", api.port))
        mute.listen(0)
        for filling in first, second:
            filling.setblocking(False)
            filling.connect_ex(("127.0.0.1", api.port))
        assert wait_until(lambda: node.heard("timed out") or node.heard("imeout")), node.said
    asked = len(api.asked)
    api.serve()
    assert wait_until(lambda: len(api.asked) > asked), node.said
    assert "watch=1" in api.asked[asked]


def test_a_refused_renewal_has_the_watch_begin_again_at_once(world):
    """As after a pause of the machine: what it is refused for isn't shown on the connection that was there before."""
    world.store.post_status = 409
    node, api = world.node("node-1", "-D", DURATION_MS, wants=1), world.store
    assert wait_until(lambda: sum("watch=1" in path and "part" in path for path in api.asked) > 1), node.said
    again = [at for path, at in zip(api.asked, api.asked_at) if "watch=1" in path and "part" in path][1]
    assert again - api.posted[0] < TIMEOUT / 2, node.said
