#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is announced, in which order, and how fast."""
import json
import socket
import struct
import subprocess
import time

import pytest

from daemon import POLICY, service
from lan import VIP
from stamped import receive
from test_faults import key_and_value
from test_links import NLM_F_REQUEST, RTM_NEWLINK, RTMGRP_LINK, Changer, attribute, index, link_message, told
from vlan import ETH_P_ALL
from wait import HUNG, let_pass, slack, wait_until
from wire import LAYOUT, Wire

BURST = 0.01  # seconds that may be made up for
RTM_GETLINK, IFLA_EVENT = 18, 44
IFLA_EVENT_FEATURES, IFLA_EVENT_BONDING_FAILOVER, IFLA_EVENT_NOTIFY_PEERS = 2, 3, 4
MANY = [f"198.18.20.{i}" for i in range(1, 251)]


def start(agent, announce, *addresses, policy=POLICY):
    agent.config.write_text(agent.config.read_text() + f"announce: {json.dumps(announce)}\n")
    agent.write("all.yaml", policy, service("many", *addresses))
    agent.launch()


def announced(frames):
    """(time, address) of the announcements among them."""
    for at, frame in frames:
        _, _, _, _, _, _, _, _, _, spa, _, tpa = LAYOUT.unpack_from(frame)
        if spa == tpa:
            yield at, socket.inet_ntoa(spa)


def comes(wire, address, most, since=0):
    """Is @address announced, after @most announcements of others from then on?"""
    wire.socket.settimeout(HUNG)
    while most > 0:
        for at, ip in announced([receive(wire.socket)]):
            if ip == address:
                return True
            most -= at > since
    return False


def test_no_faster_than_the_rate(agent, lan):
    rate = 200
    # when they are sent: a busy machine may deliver some together
    with Wire(lan.server, "eth1", ETH_P_ALL) as wire:
        start(agent, {"count": 1, "refresh": "0s", "rate": rate}, *MANY)
        seen = list(announced(wire.received(2 * len(MANY))))
    assert {address for _, address in seen} == set(MANY)
    assert len(seen) == 2 * len(MANY), "each once, in both forms"
    for window in 0.1, 0.5, 1:
        for first, (at, _) in enumerate(seen):
            within = sum(1 for later, _ in seen[first:] if later - at < window)
            # a frame more at either end, both forms of an address together
            assert within <= rate * (window + BURST) + 4, (window, within)
    assert seen[-1][0] - seen[0][0] < len(seen) / rate * slack()


def test_each_interface_has_its_own_rate(agent, lan):
    lan.server.ip(f"link add eth2 type veth peer name eth2 netns {lan.client.name}", "link set eth2 up")
    lan.client.ip("link set eth2 up")
    rate = 200
    with Wire(lan.client, "eth0") as first, Wire(lan.client, "eth2") as second:
        start(agent, {"count": 1, "refresh": "0s", "rate": rate}, *MANY, policy=POLICY.replace("[eth1]", '["^eth"]'))
        times = []
        for wire in first, second:
            seen = list(announced(wire.received(2 * len(MANY))))
            assert {address for _, address in seen} == set(MANY)
            times += [at for at, _ in seen]
    assert max(sum(begin <= at < begin + 0.5 for at in times) for begin in times) > 1.3 * rate * 0.5, "both at once"


@pytest.mark.full
def test_takeovers_go_before_refreshes(agent, lan):
    """There are more of these than the rate lets through."""
    start(agent, {"count": 1, "refresh": "1s", "rate": 100}, *MANY)
    assert wait_until(lambda: len(agent.entries()) == len(MANY)), agent.log()
    for number in range(3):
        address = f"198.18.10.{100 + number}"
        with Wire(lan.client, "eth0") as wire:
            assert comes(wire, MANY[0], 4 * len(MANY)), "refreshes are on their way"
            agent.write(f"{number}.yaml", service(f"web{number}", address))
            assert wait_until(lambda: (address, "eth1") in agent.entries()), agent.log()
            # of others, from then on: half a second of them
            assert comes(wire, address, 50, time.monotonic())


def test_refreshed(agent, lan):
    start(agent, {"count": 1, "refresh": "1s"}, VIP)
    with Wire(lan.client, "eth0") as wire:
        seen = list(announced(wire.received(6)))
    # who reads late has the next one as well
    assert len(seen) >= 6 and {ip for _, ip in seen} == {VIP}
    assert seen[5][0] - seen[0][0] < 2 * slack()


def test_not_without_its_entry(agent, lan):
    """It was announced once when somebody deletes it; the agent finds that out seconds later."""
    with Wire(lan.client, "eth0") as wire:
        start(agent, {"count": 3, "refresh": "0s"}, VIP)
        assert len(wire.received(2, quiet=0)) >= 2
        subprocess.run(["bpftool", "map", "delete", "pinned", lan.pin("responder_v4"), "key",
                        *map(str, key_and_value(lan, VIP))], check=True)
        deleted = time.monotonic()
        let_pass(1.5, "the second is due after 1.1 s")
        seen = wire.received(quiet=0.1)
        if (VIP, "eth1") not in agent.entries():
            assert not [at for at, _ in seen if at > deleted]
        assert wait_until(lambda: (VIP, "eth1") in agent.entries())
        assert wait_until(lambda: any(at > deleted for at, _ in seen) or seen.extend(wire.received(quiet=0))), \
            "it came back, and is announced anew"


def test_not_what_was_added_by_hand(agent, lan):
    lan.done(f"add {VIP} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        start(agent, {"count": 3, "interval": "50ms", "refresh": "1s"}, VIP, MANY[0])
        seen = list(announced(wire.received(10)))
    assert {ip for _, ip in seen} == {MANY[0]} and len(seen) >= 10


def test_waits_for_the_carrier(agent, lan):
    """Lost right after our own attach it doesn't count as lost: nothing is entered anew when it is back."""
    client = Changer(lan.client)
    with Wire(lan.server, "eth1", ETH_P_ALL) as wire:
        start(agent, {"count": 1, "refresh": "0s"}, MANY[0])
        assert comes(wire, MANY[0], 1)
        told(lan.server, lambda: client.set_up("eth0", False))
        agent.write("web.yaml", service("web", VIP))
        assert wait_until(lambda: (VIP, "eth1") in agent.entries()), agent.log()
        assert VIP not in [ip for _, ip in announced(wire.received(quiet=0.3))], "nothing leaves without carrier"
        client.set_up("eth0", True)
        seen = list(announced(wire.received(2, seconds=5 * slack())))
    assert [ip for _, ip in seen if ip == VIP], (seen, agent.log())


def notify(lan, dev, event):
    """What the kernel says of an event: test_links_vlan.py's bond shows that it does."""
    with lan.server.entered(), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as route:
        body = link_message(index(lan.server, dev))
        route.send(struct.pack("IHHII", 16 + len(body), RTM_GETLINK, NLM_F_REQUEST, 0, 0) + body)
        said = route.recv(1 << 16)[16:] + attribute(IFLA_EVENT, struct.pack("I", event))
        route.sendto(struct.pack("IHHII", 16 + len(said), RTM_NEWLINK, 0, 0, 0) + said, (0, RTMGRP_LINK))


@pytest.mark.parametrize("event", [IFLA_EVENT_BONDING_FAILOVER, IFLA_EVENT_NOTIFY_PEERS])
def test_again_after_a_failover(agent, lan, event):
    """On that interface, and not after other events."""
    lan.server.ip(f"link add eth2 type veth peer name eth2 netns {lan.client.name}", "link set eth2 up")
    lan.client.ip("link set eth2 up")
    with Wire(lan.client, "eth0") as first, Wire(lan.client, "eth2") as second:
        start(agent, {"count": 1, "refresh": "0s"}, VIP, MANY[0])
        agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), service("many", VIP, MANY[0]))
        assert len(first.received(4)) == len(second.received(4)) == 4
        notify(lan, "eth2", IFLA_EVENT_FEATURES)
        notify(lan, "eth1", event)
        seen = list(announced(first.received(4, seconds=5 * slack())))
        assert sorted(ip for _, ip in seen) == sorted([VIP, MANY[0]] * 2), agent.log()
        assert not second.received()
