#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server that breaks HTTP itself, whatever it should serve."""
import re
from itertools import count
from urllib.parse import parse_qs, urlsplit

import pytest

from played import Played, QuietHandler, listed
from test_store import MIB, peak
from wait import wait_until

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PIECES = 3000


class Raw(Played):
    """Of Services it plays lists(server, query), or watch(server, query): the bytes that it writes. There is nothing else."""

    def __init__(self, namespace, lists, watch):
        outer, self.lists = self, 0

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                url = urlsplit(self.path)
                query, services = parse_qs(url.query), url.path.endswith("/services")
                outer.lists += services and "watch" not in query and "continue" not in query
                play = (watch if "watch" in query else lists) if services else quiet if "watch" in query else none
                self.close_connection = True
                outer.write(self, play(outer, query))

        super().__init__(namespace, Handler)


def whole(text):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


def none(_, __):
    yield whole(b"".join(listed()))


def quiet(server, _):
    yield CHUNKED
    server.over.wait()


@pytest.fixture
def played(agent, lan):
    servers = []

    def begin(lists=none, watch=quiet):
        servers.append(Raw(lan.server, lists, watch).__enter__())
        text = re.sub("source: .*", f"source: {{kubernetes: {{server: '{servers[0].url}'}}}}", agent.config.read_text())
        agent.config.write_text(text)
        agent.start()
        return servers[0]

    yield begin
    for server in servers:
        server.__exit__()


def trailers(_, __):
    yield CHUNKED + b"0\r\n"
    while True:
        yield (b"X: " + 1000 * b"y" + b"\r\n") * 64


@pytest.mark.parametrize("plays", ("lists", "watch"))
def test_trailers_without_an_end(agent, played, plays):
    """libcurl collects them all."""
    played(**{plays: trailers})
    agent.says("Service: its headers are longer than 64 KiB\n")
    assert peak(agent) < 64 * MIB


def test_a_line_that_grows_by_a_byte(agent, played):
    """It isn't searched for its end from the beginning each time."""
    begun, sent = [], []

    def watch(server, _):
        yield CHUNKED + b"%x\r\n" % (30 * MIB)
        yield b" " * (30 * MIB) + b"\r\n"
        begun.append(agent.cpu_seconds())
        for _ in range(PIECES):
            yield b"1\r\n \r\n"
            server.over.wait(0.001)
        sent.append(agent.cpu_seconds())
        server.over.wait()

    played(watch=watch)
    assert wait_until(lambda: sent, 60), agent.log()
    # minutes, if it were
    assert sent[0] - begun[0] < 5


def test_the_second_page_is_none(agent, played):
    """The list that begins again and again has a back-off, and is told of once."""
    pages = count()

    def lists(_, query):
        yield whole(b"<html>" if "continue" in query else b"".join(listed(more=f"page-{next(pages)}")))

    server = played(lists)
    assert wait_until(lambda: server.lists >= 5, 30)
    assert agent.log().count('its answer isn\'t JSON, and begins with "<html>"') == 1
    assert "followed again" not in agent.log()
