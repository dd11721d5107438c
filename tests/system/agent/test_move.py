#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""`move` says what became of it, whatever the nodes do meanwhile: the agent is played."""
import http.server
import json
import os
import socketserver
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lan import VIP

DIRECTORY = Path("/run/xdp-l2respd")


class Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@pytest.fixture
def plays(lan):
    """An agent to which those that ask who holds the address hear one claim after the other, the last for ever."""
    with lan.server.entered():
        path = DIRECTORY / f"net-{os.stat('/proc/thread-self/ns/net').st_ino}.sock"
    DIRECTORY.mkdir(mode=0o700, exist_ok=True)
    path.unlink(missing_ok=True)  # of an agent that was killed in a former namespace of this number
    servers = []

    def begin(moves, claims):
        moves, claims, asked = list(moves), list(claims), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, text):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def do_POST(self):
                asked.append(urlsplit(self.path).path)
                status = moves.pop(0) if len(moves) > 1 else moves[0]
                self.answer(status, json.dumps({"ip": VIP, "node": "node-2"}) if status == 200 else "busy\n")

            def do_GET(self):
                self.answer(200, json.dumps(claims.pop(0) if len(claims) > 1 else claims[0]))

        servers.append(Server(str(path), Handler))
        threading.Thread(target=servers[0].serve_forever).start()
        return asked

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()
        path.unlink()


def claim(holder, wish=None, alive=True):
    return {"ip": VIP, "holder": holder, "alive": alive, "wish": wish}


WISHED, RELEASED, DONE = claim("node-1", "node-2"), claim(None, "node-2", False), claim("node-2", "node-2")
HELD = f"{VIP} is held by node-2\n"
LATE = f"xdp-l2respd: {VIP} didn't go to node-2 within 10 s: "

# what the agent answers to `move`, the claims that it shows, how often it is asked; what is said
CASES = {
    "at once": ([200], [WISHED, RELEASED, DONE], 1, (0, HELD, "")),
    "the other node was busy, and this one took it back": ([200], [RELEASED, claim("node-1"), WISHED, RELEASED, DONE], 2, (0, HELD, "")),
    "another was on its way": ([503, 503, 200], [claim("node-1"), claim("node-1"), WISHED, DONE], 3, (0, HELD, "")),
    "a former session of the node has it": ([200], [claim("node-2", "node-2", False), DONE], 1, (0, HELD, "")),
    "it may not have it": ([200], [WISHED], 1, (1, "", LATE + "node-1 holds it; the request stands\n")),
    "it never takes it": ([200], [RELEASED], 1, (1, "", LATE + "nobody holds it; the request stands\n")),
}


@pytest.mark.parametrize("moves, claims, times, said", CASES.values(), ids=CASES)
def test_moved(agent, plays, moves, claims, times, said):
    asked = plays(moves, claims)
    done = agent.command("move", VIP, "node-2")
    assert (done.status, done.out, done.err) == said
    assert asked == times * ["/move"]


def test_refused(agent, plays):
    asked = plays([409], [claim("node-1")])
    done = agent.command("move", VIP, "node-2")
    assert (done.status, done.err, asked) == (1, "xdp-l2respd: busy\n", ["/move"])
