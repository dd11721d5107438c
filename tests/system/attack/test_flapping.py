#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What changes many times a second: objects that tenants write, links, and many interfaces at once. The log is bounded, tells how much was
left out, and one namespace's lines don't keep another one's out."""
import json
import time

import pytest

pytest.importorskip("scapy.packet", reason="scapy isn't installed")

from daemon import POLICY, service as manifest  # noqa: E402
from lan import VIP  # noqa: E402
from test_apiserver import POLICY as POLICY_OBJECT  # noqa: E402
from test_apiserver import empty, event, listed, played, service  # noqa: E402,F401
from wait import wait_until  # noqa: E402
from wire import Wire, arp, arp_reply  # noqa: E402

CHANGES = 400
LINES, SECONDS = 10, 10  # the log's bound for one kind of lines


def most(began):
    """How many lines there may be, with the count of those that were left out."""
    return (LINES + 1) * (2 + (time.monotonic() - began) / SECONDS)


def changed(item, version, **spec):
    made = json.loads(json.dumps(item))
    made["metadata"]["resourceVersion"] = str(version)
    made["spec"] = made.get("spec", {}) | spec
    return event("MODIFIED", made)


def following(changes, lists=None):
    """An answer() of these kinds' lists, and of a watch for each kind that changes has one for."""
    def answer(kind, query):
        if "watch" not in query:
            return listed((lists or {}).get(kind, ()))
        return [*changes.get(kind, ()), None]
    return answer


def test_a_service_that_is_wrong_each_time_in_another_way(agent, played):  # noqa: F811
    other = service(2)
    other["metadata"]["namespace"] = "other"
    watch = [changed(service(1), 1000 + n, externalIPs=[f"bad{n}"]) for n in range(CHANGES)]
    watch += [changed(other, 5000, externalIPs=["wrong"]), changed(other, 5001, externalIPs=["198.18.0.7"])]
    began = time.monotonic()
    played(following({"services": watch}))
    agent.says("Service: other/s2: 'wrong' is not an IP address\n")
    agent.shows("198.18.0.7 ", "show other/s2")
    agent.says("'bad0' is not an IP address")
    assert agent.log().count("is not an IP address") <= most(began)
    agent.says(" more like these\n", seconds=25)


def test_a_service_that_is_right_and_wrong_by_turns(agent, played):  # noqa: F811
    watch = [changed(service(1), 1000 + n, externalIPs=5 if n % 2 else ["198.18.0.8"]) for n in range(CHANGES)]
    watch.append(changed(service(1), 5000, externalIPs=["198.18.0.7"]))
    began = time.monotonic()
    played(following({"services": watch}, {"ciliuml2announcementpolicies": [POLICY_OBJECT]}))
    agent.says("198.18.0.7: held\n", seconds=25)
    assert agent.log().count("\n") <= 10 + 3 * most(began)


def test_a_service_with_many_addresses_and_many_others(agent, played):  # noqa: F811
    """Each is held, and given up, in one evaluation."""
    many = [f"198.18.9.{n}" for n in range(250)]

    def watch():
        yield changed(service(1), 1000, externalIPs=many)
        assert wait_until(lambda: "198.18.9.249 " in agent.command("show", "default/s1").out and len(agent.entries()) == 250, 60)
        yield changed(service(1), 1001, externalIPs=["198.18.0.7"])
        yield None

    def answer(kind, query):
        return watch() if kind == "services" and "watch" in query else lists(kind, query)

    lists = following({}, {"ciliuml2announcementpolicies": [POLICY_OBJECT]})
    began = time.monotonic()
    played(answer)
    agent.shows("198.18.0.7 ", "show default/s1", seconds=60)
    agent.wait_entries(("198.18.0.7", "eth1"))
    for text in ": held", ": given up: ":
        assert 1 <= agent.log().count(text) <= most(began), agent.log()


def test_a_link_that_goes_up_and_down(running, lan):
    began = time.monotonic()
    for _ in range(CHANGES // 20):
        lan.server.ip(*["link set eth1 down", "link set eth1 up"] * 20)
    with Wire(lan.client, "eth0") as wire:
        assert wait_until(lambda: arp_reply(VIP) in wire.ask(arp(VIP)), 20), running.log()
    running.says("the link is down")
    assert running.log().count("the link is down, or has no carrier") <= 2 * most(began), running.log()


@pytest.mark.full
def test_more_interfaces_than_there_may_be(agent, lan):
    """A policy without `interfaces` selects all of them: those that have the program answer."""
    agent.write("all.yaml", POLICY.replace("  interfaces: [eth1]\n", ""), manifest("web", VIP))
    began = time.monotonic()
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    pairs = range(130)
    lan.server.ip(*(f"link add left{n} up type veth peer name right{n}" for n in pairs),
                  *(f"link set right{n} up" for n in pairs))
    agent.until(lambda: len(agent.entries()) > 5, 30)
    agent.says("256 other interfaces have had the program or addresses, the most there can be; a deleted", seconds=60)
    agent.says("and ", " more like these\n", seconds=25)
    for text in ": attached", ": 256 other interfaces":
        assert agent.log().count(text) <= most(began), agent.log()
    assert (VIP, "eth1") in agent.entries()
    with Wire(lan.client, "eth0") as wire:
        assert wire.answered(arp(VIP), arp_reply(VIP))
