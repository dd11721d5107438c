#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""A server for Services and nodes that is broken or hostile, and whom the agent trusts to be Kubernetes'."""
import json
import queue
import re
import ssl
import time
from itertools import count, groupby

import pytest

from harness import openssl_files
from played import Api, Played, QuietHandler, empty, event, listed
from test_store import MIB, peak
from wait import HUNG, let_pass, wait_until

LONG = b" " * (31 * MIB)


def service(number):
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}", "namespace": "default",
                                                               "resourceVersion": str(10 + number)},
            "spec": {"type": "ClusterIP", "externalIPs": ["198.18.0.9"]}}


def of_services(lists=None, watch=None):
    """Of Services these lists, or this watch; there is nothing else."""
    def answer(kind, query):
        play = watch if "watch" in query else lists
        return play(query) if kind == "services" and play else empty(kind, query)
    return answer


@pytest.fixture
def played(agent, lan):
    servers = []

    def begin(answer, options="", made=Api):
        server = made(lan.server, answer).__enter__()
        servers.append(server)
        text = re.sub("source: .*", f"source: {{kubernetes: {{server: '{server.url}'{options}}}}}", agent.config.read_text())
        agent.config.write_text(text)
        agent.launch()
        assert wait_until(lambda: agent.command("alive").status == 0), agent.log()
        return server

    yield begin
    for server in servers:
        server.__exit__()


def said(agent, text, seconds=60):
    agent.says(text, seconds=seconds)
    assert agent.process.poll() is None


def test_all_answers_are_as_long_as_they_may_be(agent, played):
    """None is longer than is taken of one; and none ends."""
    played(lambda kind, query: [LONG, None])
    said(agent, "its answers take more than 96 MiB together")
    assert peak(agent) < 200 * MIB


def test_services_without_an_end(agent, played):
    """Always others, in a watch: what is over the bound is left out."""
    def watch(_):
        for first in count(0, 100):
            yield b"".join(event("ADDED", service(first + number)) for number in range(100))

    played(of_services(watch=watch))
    said(agent, "Service: there are more than 50000 objects; the others are ignored\n", 120)
    assert agent.log().count("objects; the others are ignored") == 1
    status, body = agent.http("/readyz")
    assert status == 503 and "there are more than 50000 objects" in body, body
    assert peak(agent) < 256 * MIB


@pytest.mark.full
def test_room_for_what_was_left_out(agent, played):
    """Of a list that shares no object with the one before, which counts until the new one is complete."""
    begun = []

    def lists(_):
        begun.append("list")
        items = [service(n) for n in (range(50_000) if len(begun) == 1 else range(50_000, 70_000))]
        return listed(items)

    def watch(_):
        begun.append("watch")
        yield from gone(_) if begun.count("watch") == 1 else ()
        yield None

    played(of_services(lists, watch))
    said(agent, "Service: there are more than 50000 objects; the others are ignored\n", 120)
    # counted as soon as it is shown: a watch that is silent for too long lists again, too
    assert wait_until(lambda: "198.18.0.9" in agent.command("show", "default/s69999").out and begun.count("list"), 30) == 3, agent.log()
    assert wait_until(agent.ready), agent.http("/readyz")


MANY = 10_000  # addresses of a Service, as many as it may have
ROOM = 13  # such Services, for which there is room


def wide(number, addresses=MANY, version=None):
    made = service(number)
    made["metadata"] |= {"resourceVersion": str(version or 10 + number)}
    made["spec"]["externalIPs"] = [f"2001:db8:{number:x}::{n:x}" for n in range(addresses)]
    return made


@pytest.mark.full
def test_services_with_all_the_addresses_that_they_may_have(agent, played):
    """What is over the bound of all is left out, and parsed when there is room."""
    smaller = queue.SimpleQueue()

    def watch(_):
        yield from (event("ADDED", wide(number)) for number in range(ROOM + 10))
        for version in count(1000):
            yield event("MODIFIED", wide(smaller.get(), 1, version))

    def lists(_):
        if lists.items:
            yield from (listed([wide(9), wide(ROOM + 9)], version="2000"))
        else:
            lists.items = True
            yield from listed()

    lists.items = False
    played(of_services(lists, watch))
    said(agent, f"Service: default/s{ROOM + 9}: all Services together would take more than 256 MiB of memory; it is left out\n", 120)
    assert "2001:db8:9::1 " in agent.command("show", "default/s9").out
    status, body = agent.http("/readyz")
    assert status == 503 and "all Services together would take more than 256 MiB" in body, body
    assert peak(agent) < 128 * MIB
    for number in range(9):
        smaller.put(number)
    assert wait_until(lambda: f"2001:db8:{ROOM + 9:x}::1 " in agent.command("show", f"default/s{ROOM + 9}").out, 60), agent.log()
    assert wait_until(agent.ready), agent.http("/readyz")


def test_memory_that_stays_full_while_services_go(agent, played):
    """After each list one is gone, but the same one doesn't fit: the stream after the second list for that stays open."""
    shown, lists = queue.SimpleQueue(), count(1)

    def watch(query):
        number = len(server.lists("services"))
        if number == 1:
            yield from gone(query)
        while number == 3:
            yield event("ADDED", wide(*shown.get()))
        yield None

    server = played(of_services(lambda _: listed([*(wide(number) for number in range(ROOM + 1)), service(100 + next(lists))]), watch))
    for number in 200, 201:
        shown.put((number, 1, 1000 + number))
        agent.shows(f"2001:db8:{number:x}:: ", f"show default/s{number}")
    agent.says(f"default/s{ROOM}: all Services together would take more than 256 MiB")
    assert len(server.lists("services")) == 3


def moved(namespace, made, version=None):
    made["metadata"] |= {"namespace": namespace, "resourceVersion": version or made["metadata"]["resourceVersion"]}
    return made


def selecting(namespace):
    return {"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy", "metadata": {"name": "p", "resourceVersion": "3"},
            "spec": {"externalIPs": True, "serviceSelector": {"matchLabels": {"io.kubernetes.service.namespace": namespace}}}}


def held(agent):
    return {ip for ip, _ in agent.entries()}


def test_a_namespace_with_all_the_memory(agent, played):
    """Another one's Service is listed behind it, as after a restart: the last one of the larger namespace makes room."""
    def answer(kind, query):
        if kind == "services" and "watch" not in query:
            return listed([*(moved("aa", wide(number)) for number in range(ROOM)), moved("aa", wide(ROOM, 1065)),
                           *(moved("aa", service(100 + number)) for number in range(8)), moved("zz", service(1))])
        if kind == "ciliuml2announcementpolicies" and "watch" not in query:
            return listed([selecting("zz")])
        return empty(kind, query)

    played(answer)
    agent.until(lambda: held(agent) == {"198.18.0.9"}, 120)
    agent.says("Service: aa/s107: all Services together would take more than 256 MiB of memory; it is left out\n")
    assert "zz/" not in agent.log()
    assert "2001:db8:1::1 " in agent.command("show", "aa/s1").out


@pytest.mark.full
def test_a_namespace_with_all_the_services(agent, played):
    """Another one's are listed behind it, and Nodes have room of their own: their addresses stay theirs."""
    own = moved("zz", service(3))
    own["spec"]["externalIPs"] = ["198.18.0.7"]
    node = {"metadata": {"name": "node-2", "resourceVersion": "7"},
            "status": {"addresses": [{"type": "InternalIP", "address": "198.18.0.7"}]}}

    def answer(kind, query):
        if "watch" in query:
            return [None]
        if kind == "services":
            return listed([*(moved("aa", service(number)) for number in range(50_000)), moved("zz", service(2)), own])
        if kind == "nodes" and "fieldSelector" not in query:
            return listed([node])
        return listed([selecting("zz")] if kind == "ciliuml2announcementpolicies" else ())

    played(answer)
    agent.until(lambda: held(agent) == {"198.18.0.9"}, 120)
    agent.shows("node-2", "show zz/s3")
    assert agent.command("show", "aa/s9999").status, "the last one by name makes room"
    assert "there are more than 50000 objects" in agent.http("/readyz")[1]


TEXTS = 1200  # Services with as much text as annotations may have, which is more than all may take


@pytest.mark.full
@pytest.mark.parametrize("annotation", ("xdp-l2resp.io/pool", "xdp-l2resp.io/preferred-nodes"))
def test_services_with_all_the_text_that_they_may_have(agent, played, annotation):
    """What is kept of it counts, too; what isn't, takes nothing."""
    long = service(0)
    long["metadata"]["annotations"] = {annotation: "zone in (" + 120_000 * "a," + "a)"}
    text = json.dumps(long)

    def lists(query):
        first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        more = str(first + limit) if first + limit < TEXTS else ""
        yield f'{{"metadata": {{"resourceVersion": "5", "continue": "{more}"}}, "items": ['.encode()
        yield ",".join(text.replace('"s0"', f'"s{n}"') for n in range(first, min(first + limit, TEXTS))).encode() + b"]}"

    played(of_services(lists))
    if "pool" in annotation:
        said(agent, "all Services together would take more than 256 MiB of memory; it is left out\n")
    else:
        said(agent, f"{annotation}: longer than 16384 bytes\n")
        assert wait_until(lambda: agent.command("show", f"default/s{TEXTS - 1}").status == 0, 60), agent.log()
    assert peak(agent) < 512 * MIB


def test_a_list_goes_on_for_ever(agent, played):
    """The same page, and always another one: it is given up, and asked for again later."""
    server = played(of_services(lists=lambda _: listed([service(1)], "again")))
    said(agent, "Service: its list doesn't end\n")
    assert wait_until(lambda: sum("continue" not in query for query in server.lists("services")) >= 2)
    assert peak(agent) < 64 * MIB


# as large as an API server takes them: many bytes, and many values
LARGE = {
    "labels": {"metadata": {"labels": {f"{n:0>250}/{n:0>63}": 63 * "v" for n in range(1000)}}, "spec": {}},
    "ports": {"metadata": {}, "spec": {"ports": [{"name": f"p{n}", "port": n, "protocol": "TCP", "targetPort": n}
                                                 for n in range(1, 20_000)]}},
}


@pytest.mark.full
@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE)
def test_services_as_large_as_may_be(agent, played, large):
    """More of a page than is read of one answer: smaller pages are asked for, also than would be read, since a page is handled at
    once, and nobody's Service is left out."""
    items = [service(n) for n in range(120)]
    for item in items[:-1]:
        item["metadata"].update(large["metadata"])
        item["spec"].update(large["spec"])
    texts = [json.dumps(item) for item in items]

    def lists(query):
        first, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        more = str(first + limit) if first + limit < len(texts) else ""
        yield f'{{"metadata": {{"resourceVersion": "5", "continue": "{more}"}}, "items": ['.encode()
        yield ",".join(texts[first:first + limit]).encode() + b"]}"

    server = played(of_services(lists))
    assert wait_until(lambda: "198.18.0.9" in agent.command("show", "default/s119").out, 60), agent.log()
    assert int(server.lists("services")[-1]["limit"][0]) * len(texts[0]) < 2_000_000
    assert wait_until(agent.ready)
    agent.says("Service: followed again")
    assert peak(agent) < 512 * MIB


def gone(_):
    yield event("ERROR", {"kind": "Status", "code": 410, "message": "too old"})


def broken(_):
    yield event("ERROR", {"kind": "Status", "code": 500, "message": "no"})


def unnumbered(_):
    yield event("ADDED", service(1) | {"metadata": {"name": "s1"}})


@pytest.mark.parametrize("watch", (gone, broken, unnumbered))
def test_a_watch_fails_as_soon_as_it_begins(agent, played, watch):
    """Each attempt is later than the one before: after twice the time, more or less by half, also where the next is a list."""
    server = played(of_services(watch=watch))

    def watches():
        return [when for when, path, query in [*server.asked] if path.endswith("services") and "watch" in query]

    assert wait_until(lambda: len(watches()) >= 7, 60)
    assert watches()[6] - watches()[0] >= sum(0.05 * 2 ** number for number in range(6))
    assert len(server.lists("services")) <= len(watches()) + 1
    assert agent.log().count("followed again") < 20 and agent.process.poll() is None


def test_a_history_that_is_gone_after_an_outage(agent, played):
    """The list follows at once, however long the pauses were before the server was back."""
    begun = []

    def watch(_):
        begun.append("watch")
        yield from ([event("ADDED", service(1))] if len(begun) == 1 else broken(_) if len(begun) < 7 else gone(_))

    server = played(of_services(watch=watch))

    def asked():
        return [(when, "watch" in query) for when, path, query in [*server.asked] if path.endswith("services")]

    assert wait_until(lambda: len(asked()) >= 9, 60), asked()
    (gone_at, _), (listed_at, is_watch) = asked()[7:9]
    assert not is_watch and listed_at - gone_at < 3, asked()


# what no server gives: behind the largest nothing would ever come
VERSIONS = "9223372036854775808", "18446744073709551615", "99999999999999999999", "-1", "7x", ""


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_that_are_none(agent, played, version):
    """In a list, and in a watch: that goes on where it was, and shows what comes after it."""
    begun = []

    def lists(_):
        begun.append("list")
        return listed(version=version if len(begun) < 2 else "5")

    def watch(_):
        begun.append("watch")
        if begun.count("watch") == 1:
            yield event("ADDED", service(1) | {"metadata": {"name": "s1", "resourceVersion": version}})
        yield event("ADDED", service(2))
        yield None

    played(of_services(lists, watch))
    said(agent, "Service: its answer isn't Kubernetes'")
    said(agent, "Service: its watch sent what isn't Kubernetes'\n")
    assert wait_until(lambda: "198.18.0.9" in agent.command("show", "default/s2").out), agent.log()
    # each may be asked for again where an answer is late, or a watch silent for long
    assert [kind for kind, _ in groupby(begun)] == ["list", "watch"]


POLICY = {"apiVersion": "cilium.io/v2alpha1", "kind": "CiliumL2AnnouncementPolicy",
          "metadata": {"name": "p", "resourceVersion": "3"}, "spec": {"externalIPs": True}}


def local(number, changes, version=None):
    """Of many a tenant's, after so many changes; every other time with another policy."""
    made = service(number)
    made["metadata"] |= {"resourceVersion": version or made["metadata"]["resourceVersion"]}
    made["spec"] = {"type": "ClusterIP", "externalIPs": [f"198.18.1.{changes}"], "selector": {"a": "b"},
                    "externalTrafficPolicy": "Cluster" if changes % 2 else "Local"}
    return made


def changing(services, policies=()):
    """An answer() of so many Services, and what changes the first one."""
    changes, versions = queue.SimpleQueue(), count(100_000)

    def watch():
        while True:
            yield event("MODIFIED", local(0, changes.get(), str(next(versions))))

    def answer(kind, query):
        if kind == "services":
            return watch() if "watch" in query else listed(local(number, 0) for number in range(services))
        if kind == "ciliuml2announcementpolicies" and "watch" not in query:
            return listed(policies)
        return empty(kind, query)
    return answer, changes


def change(agent, changes, number):
    changes.put(number)
    assert wait_until(lambda: f"198.18.1.{number} " in agent.command("show", "default/s0").out), agent.log()


def test_services_that_would_need_endpoints(agent, played):
    """A change costs no time that grows with the square of their number."""
    answer, changes = changing(20_000)
    played(answer)
    change(agent, changes, 1)
    before = agent.cpu_seconds()
    for number in range(2, 12):
        change(agent, changes, number)
    spent = agent.cpu_seconds() - before
    print(f"# read and decided in {before:.3f} s of CPU, ten changes in {spent:.3f} s")
    assert spent < before


SLICES = 50_000
UNREAD = "the Service's EndpointSlices aren't read yet"


def endpoint_slice(number, name="s0"):
    """Each belongs before those with lesser numbers."""
    return {"metadata": {"name": f"e{10 ** 9 - number}", "namespace": "default", "resourceVersion": str(1000 + number),
                         "labels": {"kubernetes.io/service-name": name}}, "endpoints": [{"nodeName": "node-1"}]}


def test_endpoint_slices_without_an_end(agent, played):
    """What is over the bound is left out; Services whose slices may be among that aren't announced. Then there is room."""
    fewer = queue.SimpleQueue()

    def watch():
        fewer.get()
        for number in range(SLICES):
            deleted = endpoint_slice(number, "other")
            deleted["metadata"]["resourceVersion"] = str(100_000 + number)
            yield event("DELETED", deleted)
        yield None

    slices = iter([lambda: listed(endpoint_slice(number, "other") for number in range(SLICES + 1)), watch,
                   lambda: listed([endpoint_slice(SLICES + 9)], version="200000"), lambda: [None]])

    def answer(kind, query):
        if kind == "endpointslices":
            return next(slices)()
        if "watch" not in query and kind == "services":
            return listed([local(0, 0)])
        if "watch" not in query and kind == "ciliuml2announcementpolicies":
            return listed([POLICY])
        return empty(kind, query)

    played(answer)
    said(agent, "EndpointSlice: there are more than 50000 objects; the others are ignored\n", 60)
    assert agent.log().count("the others are ignored") == 1
    status, body = agent.http("/readyz")
    assert status == 503 and "EndpointSlice: there are more than 50000 objects" in body, body
    assert "198.18.1.0" not in agent.log(), "it isn't known whether it has endpoints"
    assert peak(agent) < 192 * MIB  # 129 on Debian 13
    fewer.put(True)
    said(agent, "198.18.1.0: held\n", 60)
    assert wait_until(agent.ready), agent.http("/readyz")


@pytest.mark.full
def test_a_service_that_needs_endpoints_and_does_not(agent, played):
    """By turns, as fast as can be: the server isn't asked for a list each time."""
    answer, changes = changing(2, [POLICY])
    server = played(answer)
    begun = time.monotonic()
    for number in range(1, 61):
        change(agent, changes, number)
    asked = [query for query in server.lists("endpointslices")]
    assert 1 <= len(asked) <= 2 + time.monotonic() - begun, "once a second at most"
    assert wait_until(lambda: "it has no EndpointSlice" in agent.command("show", "default/s0").out), agent.log()


def followed(service_lines, slices):
    """An answer() of Services, all of them by a watch, that a policy selects, and of lists of EndpointSlices."""
    def answer(kind, query):
        if "watch" in query:
            return service_lines() if kind == "services" else [None]
        if kind == "endpointslices":
            return slices()
        return listed([POLICY] if kind == "ciliuml2announcementpolicies" else ())
    return answer


def needing(number):
    made = local(number, 0)
    made["spec"]["externalIPs"] = [f"198.18.1.{number}"]
    return made


def slice_of(number, node, name=None):
    made = endpoint_slice(number, f"s{number}")
    made["metadata"]["name"] = name or made["metadata"]["name"]
    made["endpoints"] = [{"nodeName": node}]
    return made


@pytest.mark.parametrize("known", (False, True))
def test_a_namespace_with_all_the_endpoint_slices(agent, played, known):
    """Another one's are listed behind it: before, and for the first time. What is known of the larger one's isn't all of it."""
    more = queue.SimpleQueue()
    others = [slice_of(1, "node-1"), slice_of(2, "node-2")]
    own = [moved("aa", made) for made in (slice_of(3, "node-1", "a"), slice_of(3, "node-2", "y"), slice_of(4, "node-2", "z"))]
    many = [moved("aa", endpoint_slice(number, "other")) for number in range(SLICES - 3)]

    def watch():
        more.get()
        yield from gone(None)

    slices = iter(([lambda: listed(own + others), watch] if known else []) +
                  [lambda: listed(own[:1] + many + own[1:] + others), lambda: [None]])

    def answer(kind, query):
        if kind == "endpointslices":
            return next(slices)()
        if "watch" not in query and kind == "services":
            return listed([*(moved("aa", needing(number)) for number in (3, 4)), *(needing(number) for number in (1, 2))])
        if "watch" not in query and kind == "ciliuml2announcementpolicies":
            return listed([POLICY])
        return empty(kind, query)

    played(answer)
    agent.until(lambda: held(agent) == {"198.18.1.1", "198.18.1.3"} or not known, 60)
    more.put(True)
    said(agent, "EndpointSlice: there are more than 50000 objects; the others are ignored\n", 60)
    agent.shows(UNREAD, "show aa/s4")
    agent.shows("this node has no ready endpoint of the Service", "show default/s2")
    agent.until(lambda: held(agent) == {"198.18.1.1", "198.18.1.3"})
    for number in 2, 4:
        assert f"198.18.1.{number}: held" not in agent.log()


@pytest.mark.full
def test_a_list_of_endpoint_slices_that_takes_longer_than_a_tenant_leaves_it(agent, played):
    """It ends all the same, though it takes more than a second, and shows where another tenant's endpoints are; and so does the next."""
    changes, node = [], ["node-1"]

    def lines():
        yield event("ADDED", needing(200))
        for number in count():
            yield event("MODIFIED", local(0, number % 2, str(1000 + number)))
            changes.append(number)
            let_pass(0.03, "the load")

    def slices():
        text, begun = listed([slice_of(200, node[0])])[0], len(changes)
        yield text[:10]
        wait_until(lambda: len(changes) > begun + 50 or server.over.is_set(), HUNG)
        yield text[10:]

    def is_held():
        return "198.18.1.200" in held(agent)

    server = played(followed(lines, slices))
    agent.until(is_held)
    node[0] = "node-2"
    agent.until(lambda: not is_held())


def test_a_service_that_needs_endpoints_after_the_list_began(agent, played):
    """It waits for the next list: what this one shows isn't about it."""
    services, permits = queue.SimpleQueue(), queue.SimpleQueue()

    def lines():
        while number := services.get():
            yield event("ADDED", needing(number))

    def slices():
        permits.get()
        yield from listed([slice_of(1, "node-1"), slice_of(2, "node-1"), slice_of(3, "node-2")])

    server = played(followed(lines, slices))
    try:
        services.put(1)
        permits.put(True)
        agent.says("198.18.1.1: held\n")
        services.put(2)
        assert wait_until(lambda: "in (s1,s2)" in server.lists("endpointslices")[-1]["labelSelector"][0]), agent.log()
        services.put(3)
        agent.shows(UNREAD, "show default/s3")
        permits.put(True)
        agent.says("198.18.1.2: held\n")
        assert wait_until(lambda: "in (s1,s2,s3)" in server.lists("endpointslices")[-1]["labelSelector"][0]), agent.log()
        assert UNREAD in agent.command("show", "default/s3").out
        permits.put(True)
        agent.shows("this node has no ready endpoint of the Service", "show default/s3")
        assert "198.18.1.3: held" not in agent.log()
    finally:
        services.put(0)
        permits.put(True)


class Checked(Played):
    """An API server that checks the client certificate with each request, as Kubernetes' does, and leaves the connection open
    after a 401. Its watches end at once."""

    def __init__(self, namespace, files):
        outer, self.asked, self.expired = self, [], set()

        class Handler(QuietHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                serial = self.connection.getpeercert()["serialNumber"]
                status = 401 if serial in outer.expired else 200
                body = listed()[0] if status == 200 and "watch=" not in self.path else b""
                outer.asked.append((serial, status, self.client_address[1]))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        super().__init__(namespace, Handler, files["server"])
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(files["ca"] + ".crt")


def test_a_client_certificate_that_expires_after_it_was_renewed(agent, played, scratch):
    """A connection that the server accepts no more isn't used again; a new one has the new certificate."""
    files = openssl_files(scratch)

    def renew(name):
        for suffix in "crt", "key":
            (scratch / "new").write_bytes((scratch / f"{name}.{suffix}").read_bytes())
            (scratch / "new").rename(scratch / f"node.{suffix}")

    renew("client")
    server = played(files, f", ca: {files['ca']}.crt, cert: {scratch}/node.crt, key: {scratch}/node.key", Checked)
    assert wait_until(agent.ready), agent.http("/readyz")
    [former] = {serial for serial, _, _ in [*server.asked]}
    renew("server")
    server.expired.add(former)
    assert wait_until(lambda: any(serial != former for serial, _, _ in [*server.asked]), 30), agent.log()
    refused = [port for _, status, port in [*server.asked] if status == 401]
    assert len(refused) == len(set(refused)) > 0


def test_names_that_are_none_stay_out_of_the_log(agent, played):
    """Nothing that a terminal would act on."""
    hostile = service(1)
    hostile["metadata"]["name"] = "a\x1b[31m\n\u009bb"
    played(of_services(lists=lambda _: listed([hostile])))
    said(agent, "\\x1b[31m")
    assert re.fullmatch(r"[ -~\n]*", agent.log())
