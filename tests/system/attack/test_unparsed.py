#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""One object that can't be parsed, as a tenant may have an API server serve it: the others count, in a list and in a watch."""
import json
import queue

import pytest

from played import event, listed
from test_apiserver import played, service  # pylint: disable=unused-import
from test_apiserver import endpoint_slice, followed, needing, of_services, slice_of
from wait import wait_until


def bad(number, **metadata):
    made = service(number)
    made["metadata"] |= metadata
    made["spec"]["externalIPs"] = [f"198.18.1.{number}"]
    return made


def managed(fields):
    return {"managedFields": [{"manager": "x", "fieldsV1": fields}]}


def deep(levels):
    fields = {}
    for _ in range(levels):
        fields = {"f:a": fields}
    return fields


# seen of a real server, see tests/system/kube/test_source.py: jansson refuses each
ODD = {
    "a zero in an annotation": json.dumps(bad(1, annotations={"x": "\0"})),
    "a zero in a key": json.dumps(bad(1, **managed({"f:\0": {}}))),
    "no UTF-8 in a key": json.dumps(bad(1, **managed({"f:@": {}}))).replace("@", "\udcff"),
    "levels": json.dumps(bad(1, **managed(deep(300)))),
}
# of no server that is known: its last valid version stays
BROKEN = {
    "a number": json.dumps(bad(1)).replace('"spec": {', '"spec": {"ports": [{"port": 123456789012345678901234567890}], '),
    "memory": json.dumps(bad(1)).replace('"spec": {', '"spec": {"ports": [' + "{}," * 400_000 + "{}], "),
    "half a pair": json.dumps(bad(1)).replace('"spec": {', '"spec": {"ports": [{"name": "\\ud800"}], '),
}


def encoded(text):
    return text.encode("utf-8", "surrogateescape")


def list_of(*texts):
    begin = '{"metadata": {"resourceVersion": "5"}, "items": ['
    return [encoded(begin + ", ".join(texts) + "]}")]


def line_of(text, kind="MODIFIED", version="100"):
    return encoded(f'{{"type": "{kind}", "object": {text}}}'.replace('"resourceVersion": "11"', f'"resourceVersion": "{version}"')) + b"\n"


def shows(agent, name, text):
    assert wait_until(lambda: text in agent.command("show", f"default/{name}").out, 20), agent.log()


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_an_object_with_odd_parts(agent, played, text):
    """It counts itself, too."""
    def watch(_):
        yield line_of(text.replace("198.18.1.1", "198.18.1.3"))
        yield event("ADDED", service(200))
        yield None

    played(of_services(lambda _: list_of(text, json.dumps(service(2))), watch))
    shows(agent, "s2", "198.18.0.9")
    shows(agent, "s200", "198.18.0.9")
    shows(agent, "s1", "198.18.1.3")
    assert wait_until(agent.ready), agent.http("/readyz")


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_an_object_that_cannot_be_parsed(agent, played, text):
    """It stays as it was before, until it is mended, or deleted."""
    lines = queue.SimpleQueue()

    def watch(_):
        while line := lines.get():
            yield line

    server = played(of_services(lambda _: list_of(text, json.dumps(service(2))), watch))
    try:
        shows(agent, "s2", "198.18.0.9")
        agent.says("Service: default/s1: ")
        agent.says("; it is left out\n")
        status, body = agent.http("/readyz")
        assert status == 503 and "default/s1: " in body, body
        lines.put(line_of(json.dumps(bad(1))))
        shows(agent, "s1", "198.18.1.1")
        assert wait_until(agent.ready), agent.http("/readyz")
        lines.put(line_of(text, version="101"))
        lines.put(event("ADDED", service(200)))
        shows(agent, "s200", "198.18.0.9")
        agent.says("; it stays as it was before\n")
        shows(agent, "s1", "198.18.1.1")
        lines.put(line_of(text, "DELETED", "300"))
        assert wait_until(lambda: "198.18.1.1" not in agent.command("show", "default/s1").out, 20), agent.log()
        assert len(server.lists("services")) == 1
    finally:
        lines.put(None)


def test_the_next_page_of_a_list_may_have_any_name(agent, played):
    """It is one parameter of the request, whatever is in it."""
    name = "a+b/c=%41&limit=1 #"

    def lists(query):
        return listed([service(2)]) if "continue" in query else listed([service(1)], name)

    server = played(of_services(lists))
    shows(agent, "s2", "198.18.0.9")
    assert [query["continue"] for query in server.lists("services")[1:]] == [[name]]


def test_an_endpoint_slice_that_cannot_be_parsed(agent, played):
    """Where a Service's endpoints are isn't known then, unless it was."""
    broken, lines = [], queue.SimpleQueue()

    def watch(_):
        yield event("ADDED", needing(200))
        yield event("ADDED", needing(201))
        yield None

    def text_of(number):
        return json.dumps(slice_of(number, "node-1")).replace('"endpoints": [', '"endpoints": [{"addresses": [1e999]}, ')

    answer = followed(lambda: watch(None), lambda: list_of(text_of(200), json.dumps(slice_of(201, "node-1"))))
    played(answer)
    agent.says("198.18.1.201: held\n")
    agent.says(f"EndpointSlice: default/{endpoint_slice(200)['metadata']['name']}: isn't JSON")
    agent.shows("the Service's EndpointSlices aren't read yet", "show default/s200")
