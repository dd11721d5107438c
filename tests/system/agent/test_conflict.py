#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Another host uses an address: seen before it is claimed, or afterwards."""
import signal
import threading
import time

import pytest

from daemon import POLICY, service
from lan import CLIENT_MAC, SERVER_MAC, VIP, VIP6
from nd import advertisement
from test_faults import Asking
from vlan import ETH_P_8021Q, ETH_P_ALL, tagged
from wait import let_pass, slack, stays, wait_until
from wire import ETH_P_IPV6, REPLY, Wire, announcement, arp, arp_reply

OTHER = "198.18.10.2"
PAUSE = 60
POLICY_YIELDS = POLICY.replace("  name: policy1", "  name: policy1\n  annotations: {xdp-l2resp.io/conflict: yield}")
POLICY_DEFENDS = POLICY_YIELDS.replace("yield", "defend")


def conflict(address):
    """The client says that it has it."""
    if ":" in address:
        return advertisement(CLIENT_MAC)[0]
    return arp(address, spa=address, sha=CLIENT_MAC)


def start(agent, *documents, keys=""):
    agent.config.write_text(agent.config.read_text() + "announce: {count: 0}\n" + keys)
    agent.write("all.yaml", *documents)
    agent.start()


def wire_for(lan, address):
    return Wire(lan.client, "eth0", *[ETH_P_IPV6] * (":" in address))


def test_an_address_is_defended_once_in_ten_seconds(agent, lan):
    start(agent, POLICY, service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        for _ in range(4):
            wire.send(conflict(VIP))
            let_pass(0.7, "the data path tells of one a second")
        frames = [frame for _, frame in wire.received()]
    assert frames == [arp(VIP, spa=VIP, sha=SERVER_MAC),
                      arp(VIP, spa=VIP, sha=SERVER_MAC, tha=SERVER_MAC, op=REPLY)]
    agent.says(f"{CLIENT_MAC} uses {VIP} too; defending it")
    agent.until(lambda: agent.metrics()["l2resp_conflicts_total"] >= 2)
    agent.counts("l2resp_conflicts_defended_total", 1)
    agent.wait_ready()


def test_another_interface_of_this_host_is_no_conflict(agent, lan):
    lan.server.ip("link add eth2 address 02:00:00:00:00:07 type veth peer name eth3")
    start(agent, POLICY, service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        wire.send(arp(VIP, spa=VIP, sha="02:00:00:00:00:07"))
        assert wait_until(lambda: lan.counters().get("arp_conflict"))
        let_pass(1.05, "the data path, which doesn't know that interface, tells of one a second")
        wire.send(conflict(VIP))
    agent.says(f"{CLIENT_MAC} uses {VIP} too; defending it")
    agent.counts("l2resp_conflicts_total", 1)
    assert "02:00:00:00:00:07" not in agent.log()


def test_an_ipv6_address_is_defended(agent, lan):
    lan.enable_ipv6()
    start(agent, POLICY, service("web", VIP6))
    agent.wait_entries((VIP6, "eth1"))
    with wire_for(lan, VIP6) as wire:
        wire.send(conflict(VIP6))
        assert wait_until(lambda: any([frame] == advertisement(SERVER_MAC) for _, frame in wire.received()))
    agent.says(f"{CLIENT_MAC} uses {VIP6} too; defending it")


def test_a_conflict_is_told_at_once(agent, lan):
    """By the data path's event, not by a look at the map once a second."""
    start(agent, POLICY, service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        def looks(count):
            """Until the agent, whose loop answers them, too, has counted this conflict."""
            let_pass(1.05, "the data path tells of one a second")
            wire.send(conflict(VIP))
            number = 1
            while agent.metrics()["l2resp_conflicts_total"] < count:
                number += 1
                assert number < 10_000
            return number
        took = [looks(count) for count in range(1, 6)]
    assert sorted(took)[2] <= 3, took


def test_events_follow_pins_that_were_made_anew(agent, lan):
    """A standby has no entries, so flush --all takes the pins away under it."""
    start(agent, POLICY)
    lan.done("detach --all")
    lan.done("flush --all")
    agent.write("web.yaml", service("web", VIP))
    agent.wait_entries((VIP, "eth1"), seconds=12)
    assert wait_until(lambda: agent.entries()[VIP, "eth1"]["answering"], 3), agent.log()
    with Wire(lan.client, "eth0") as wire:
        wire.send(conflict(VIP))
    agent.counts("l2resp_conflicts_defended_total", 1)


# name: policy, keys of agent.yaml
YIELDING = {
    "everywhere": (POLICY, "conflict: yield\n"),
    "a policy's": (POLICY_YIELDS, ""),
}


@pytest.mark.parametrize("address", [VIP, VIP6])
@pytest.mark.parametrize("policy, keys", YIELDING.values(), ids=YIELDING)
def test_yielded(agent, lan, address, policy, keys):
    lan.enable_ipv6()
    start(agent, policy, service("web", address, OTHER), keys=keys)
    agent.wait_entries((address, "eth1"), (OTHER, "eth1"))
    with wire_for(lan, address) as wire:
        wire.send(conflict(address))
        agent.wait_entries((OTHER, "eth1"))
        ours = announcement(VIP) if address == VIP else advertisement(SERVER_MAC)
        assert not [frame for _, frame in wire.received() if frame in ours], "no word of ours"
    agent.says(f"{CLIENT_MAC} uses {address} too; gave it up, next probe in 60 s")
    agent.answers("/readyz", 503, f"{address}: another host on the LAN has it: {CLIENT_MAC}\n")
    agent.counts("l2resp_conflicts_yielded_total", 1)
    agent.counts('l2resp_addresses_blocked{reason="other_host"}', 1)


def test_what_was_yielded_stays_so(agent, lan):
    """Neither a comparison with the map nor a reload takes it back."""
    start(agent, POLICY_YIELDS, service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        wire.send(conflict(VIP))
    agent.wait_entries()
    agent.signal(signal.SIGHUP)
    assert stays(lambda: agent.entries() == {}, 5.5), "over a comparison, each 5 s"


def test_a_policy_defends_where_others_yield(agent, lan):
    start(agent, POLICY_DEFENDS, service("web", VIP), keys="conflict: yield\n")
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        wire.send(conflict(VIP))
        assert [frame for _, frame in wire.received(2)] == announcement(VIP)
    assert stays(lambda: (VIP, "eth1") in agent.entries(), 0.5)


def test_policies_that_differ_yield(agent, lan):
    start(agent, POLICY_DEFENDS, POLICY_YIELDS.replace("policy1", "policy2"), service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    with Wire(lan.client, "eth0") as wire:
        wire.send(conflict(VIP))
    agent.wait_entries()


def probe(address):
    return arp(address, spa="0.0.0.0", sha=SERVER_MAC, trailer=bytes(18))


def test_asked_before_the_first_claim(agent, lan):
    """Three times; nobody answers, so it is claimed; and asked no more over a restart or a reload."""
    agent.outlast_a_restart()
    # where they are sent: a busy machine may deliver some together
    with Wire(lan.client, "eth0") as wire, Wire(lan.server, "eth1", ETH_P_ALL) as sent:
        start(agent, POLICY, service("web", VIP), keys="probe: true\n")
        frames = sent.received(3)
        agent.wait_entries((VIP, "eth1"))
        assert [frame for _, frame in frames] == [frame for _, frame in wire.received(3)] == [probe(VIP)] * 3
        assert all(later[0] - earlier[0] > 0.15 for earlier, later in zip(frames, frames[1:]))
        agent.signal(signal.SIGHUP)
        agent.wait_notified("RELOADING=1")
        agent.wait_notified("READY=1")
        assert wire.ask(arp(VIP), count=1) == [arp_reply(VIP)]
    with Asking(lan) as asking:
        agent.end(signal.SIGUSR1)
        agent.start()
        let_pass(0.3, "nothing goes unanswered later on")
    assert len(asking.answered) == len(asking.asked), "no probe, and no gap"
    agent.wait_ready()


@pytest.mark.parametrize("address", [VIP, VIP6])
def test_what_somebody_answers_for_is_not_claimed(agent, lan, address):
    """The client's own kernel does."""
    lan.enable_ipv6()
    lan.client.own(f"{address}/{128 if ':' in address else 32}", "eth0")
    start(agent, POLICY, service("web", address, OTHER), keys="probe: true\n")
    agent.wait_entries((OTHER, "eth1"))
    assert stays(lambda: set(agent.entries()) == {(OTHER, "eth1")}, 1)
    agent.says(f"{CLIENT_MAC} uses {address}; not claiming it, next probe in 60 s")
    agent.answers("/readyz", 503, f"{address}: another host on the LAN has it: {CLIENT_MAC}\n")
    done = agent.command("who-holds", address)
    assert (done.status, done.err) == (
        1, f"xdp-l2respd: {address}: another host on the LAN has it: {CLIENT_MAC}\n")
    figures = agent.metrics()
    assert figures['l2resp_addresses_blocked{reason="other_host"}'] == 1 and figures["l2resp_probes_total"] >= 4


def many(count):
    return [f"198.18.{16 + i // 250}.{1 + i % 250}" for i in range(count)]


def test_none_of_many_that_another_host_has_is_claimed(agent, lan):
    """As when another program has them still: its host answers at once."""
    lan.client.ip("route add local 198.18.16.0/22 dev lo")
    agent.config.write_text(agent.config.read_text() + "probe: true\nannounce: {count: 0, rate: 1000000}\n")
    agent.write("all.yaml", POLICY, service("many", OTHER, *many(1000)))
    agent.start()
    agent.counts('l2resp_addresses_blocked{reason="other_host"}', 1000)
    agent.wait_entries((OTHER, "eth1"))


def test_probes_keep_to_the_rate(agent, lan):
    """300 probes, 100 a second."""
    agent.config.write_text(agent.config.read_text() + "probe: true\nannounce: {count: 0, rate: 100}\n")
    agent.write("all.yaml", POLICY, service("many", *many(100)))
    with Wire(lan.client, "eth0") as wire:
        agent.start()
        times = [moment for moment, _ in wire.received(300)]
        assert len(times) == 300 and times[-1] - times[0] > 2.8
    agent.counts("l2resp_entries", 100)


def carrier(lan, up):
    """eth1's, set at its peer, until the kernel has told everybody."""
    lan.client.ip(f"link set eth0 {'up' if up else 'down'}")
    assert wait_until(lambda: ("state UP" in lan.server.run("ip", "link", "show", "eth1").stdout) == up)


def test_probes_wait_for_the_carrier(agent, lan):
    """Lost as NICs do when they get their first program: probes would be sent, and reach nobody."""
    lan.client.own(f"{VIP}/32", "eth0")
    start(agent, POLICY, service("web", OTHER), keys="probe: true\n")
    agent.wait_entries((OTHER, "eth1"))
    carrier(lan, False)
    agent.write("all.yaml", POLICY, service("web", OTHER, VIP))
    assert stays(lambda: (VIP, "eth1") not in agent.entries(), 1.5)
    carrier(lan, True)
    agent.says(f"{CLIENT_MAC} uses {VIP}; not claiming it, next probe in 60 s")
    agent.wait_entries((OTHER, "eth1"))


def test_what_somebody_only_asks_for_is_claimed(agent, lan):
    """Another node of the group may ask at the same time."""
    def asks():
        wire.send(arp(VIP, spa="0.0.0.0", sha=CLIENT_MAC))
        return agent.entries()

    with Wire(lan.client, "eth0") as wire:
        start(agent, POLICY, service("web", VIP), keys="probe: true\n")
        agent.until(asks, poll=0.05)
        assert probe(VIP) in [frame for _, frame in wire.received(quiet=0)]


def test_what_is_used_in_another_vlan_is_claimed(agent, lan):
    start(agent, POLICY, keys="probe: true\n")
    probes = 0

    def used_while_probed(address):
        nonlocal probes
        with Wire(lan.client, "eth0") as wire:
            agent.write("all.yaml", POLICY, service("web", address))
            seen = wire.received(1, quiet=0)
            wire.send(tagged(conflict(address), (ETH_P_8021Q, 100)))
            seen += wire.received(quiet=0)
        agent.wait_entries((address, "eth1"))
        probes += 3
        agent.counts("l2resp_probes_total", probes)
        return len(seen) < 3

    assert any(map(used_while_probed, (VIP, OTHER, "198.18.10.3"))), "late each time"


@pytest.mark.full  # two minutes
@pytest.mark.parametrize("keys", ["conflict: yield\n", "probe: true\n"])
def test_taken_back_when_the_other_is_gone(agent, lan, keys):
    start(agent, POLICY, service("web", OTHER), keys=keys)
    agent.wait_entries((OTHER, "eth1"))
    if "yield" in keys:
        agent.write("all.yaml", POLICY, service("web", VIP))
        agent.wait_entries((VIP, "eth1"))
        with Wire(lan.client, "eth0") as wire:
            wire.send(conflict(VIP))
    lan.client.ip(f"address add {VIP}/32 dev eth0")
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    agent.wait_entries((OTHER, "eth1"))
    assert stays(lambda: (VIP, "eth1") not in agent.entries(), PAUSE + 10), "it is there still, and answers"
    assert agent.metrics()["l2resp_probes_total"] >= 1 + ("probe" in keys)
    lan.client.ip(f"address del {VIP}/32 dev eth0")
    assert wait_until(lambda: (VIP, "eth1") in agent.entries(), PAUSE + 10), agent.log()
    agent.wait_ready()


class Flood(threading.Thread):
    """Frames that say that addresses are somebody else's, each with a MAC that nobody saw before, as fast as it goes."""

    def __init__(self, lan, addresses, number):
        super().__init__()
        self.lan, self.addresses, self.number = lan, addresses, number
        self.sent, self.over = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()

    def run(self):
        frames = [bytearray(arp(ip, spa=ip, sha="02:00:00:00:00:00")) for ip in self.addresses]
        with Wire(self.lan.client, "eth0") as wire:
            send = wire.socket.send
            while not self.over.is_set():
                for frame in frames:
                    self.sent += 1
                    # source of Ethernet, and of ARP
                    frame[6:12] = frame[22:28] = b"\x02" + self.number.to_bytes(1, "big") + self.sent.to_bytes(4, "big")
                    send(frame)


def test_a_flood_of_conflicts(agent, lan):
    """It takes no more than a share of the agent's time, and a few lines of its log; what was left out is said once."""
    addresses = many(1000)
    start(agent, POLICY, service("many", *addresses))
    agent.counts("l2resp_entries", len(addresses))
    answered = []
    with Flood(lan, addresses, 1) as first, Flood(lan, addresses, 2) as second:
        began = time.monotonic()
        while time.monotonic() < began + 4:
            asked = time.monotonic()
            agent.answers("/healthz", 200)
            answered.append(time.monotonic() - asked)
            let_pass(0.05, "an administrator looks again")
    sent = first.sent + second.sent
    figures = agent.metrics()
    print(f"{sent / 4:.0f} frames/s, {figures['l2resp_conflicts_total']:.0f} conflicts, answered within {max(answered):.2f} s")
    assert figures["l2resp_conflicts_defended_total"] > 20
    assert len(answered) > 1 and sorted(answered)[-2] < 0.5 * slack()
    # an address once a second
    assert figures["l2resp_conflicts_total"] <= len(addresses) * (time.monotonic() - began + 1)
    assert agent.log().count("defending it") <= 20
    agent.says(" more like these", seconds=12)
