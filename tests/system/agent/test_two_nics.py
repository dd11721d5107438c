#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two interfaces of one host on one LAN: what it hears of itself is nobody else's."""
import pytest

from daemon import POLICY, service
from lan import CLIENT_MAC, PASS, SERVER_MAC, VIP
from wait import let_pass, wait_until
from wire import Wire, arp, arp_reply

SECOND_MAC = "02:00:00:00:00:03"
BOTH = POLICY.replace("[eth1]", "[eth1, eth2]")
QUIET = "announce: {count: 0}\n"


@pytest.fixture
def lan2(lan):
    """The client is a switch, and the server's eth2 is on it, too."""
    lan.client.ip("link add br0 type bridge", "link set br0 up", "link set eth0 master br0",
                  "link add port2 type veth peer name eth2", "link set port2 master br0", "link set port2 up",
                  f"link set port2 xdpdrv object {PASS} section xdp")
    lan.client.ip(f"link set eth2 address {SECOND_MAC} netns {lan.server.name}")
    lan.server.ip("link set eth2 up")
    return lan


def findings(lan):
    return {one["check"]: one for one in lan.cli("doctor --json").json["findings"]}


def start(agent, policy, keys):
    agent.config.write_text(agent.config.read_text() + keys)
    agent.write("all.yaml", policy, service("web", VIP))
    agent.start()


@pytest.mark.parametrize("conflict", ["yield", "defend"])
def test_what_comes_back_is_no_conflict(agent, lan2, conflict):
    start(agent, BOTH, f"{QUIET}conflict: {conflict}\n")
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"))
    said = f"{CLIENT_MAC} uses {VIP} too; " + ("defending it" if conflict == "defend" else "gave it up")

    def said_of_the_client():
        wire.send(arp(VIP, spa=VIP, sha=CLIENT_MAC))
        return said in agent.log()

    with Wire(lan2.client, "br0") as wire:
        # as each hears of the other, which announces
        for mac in SERVER_MAC, SECOND_MAC:
            wire.send(arp(VIP, spa=VIP, sha=mac))
        assert wait_until(lambda: lan2.counters("eth1").get("arp_conflict") and lan2.counters("eth2").get("arp_conflict"))
        let_pass(1.05, "the data path tells of one a second")
        # what is said later shows that nothing is to be said of them
        agent.until(said_of_the_client)
    assert SERVER_MAC not in agent.log() and SECOND_MAC not in agent.log()


def test_both_answer_and_doctor_notes_it(agent, lan2):
    start(agent, BOTH, QUIET)
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"))
    with Wire(lan2.client, "br0") as wire:
        assert sorted(wire.ask(arp(VIP), count=2)) == sorted([arp_reply(VIP), arp_reply(VIP, SECOND_MAC)])
    found = findings(lan2)
    assert [*found] == ["one_lan"]
    assert (found["one_lan"]["severity"], found["one_lan"]["dev"], found["one_lan"]["detail"]) == (
        "note", "eth1", "eth1 and eth2 are on one LAN, and both answer for 1 address")
    assert lan2.cli("doctor").status == 0
    [found] = lan2.cli("doctor eth1 --json").json["findings"]
    assert (found["check"], found["detail"]) == ("one_lan", "eth1 and eth2 are on one LAN")
    assert not any(row["conflicts"] for row in lan2.rows("list"))


def test_its_own_answer_keeps_it_from_nothing(agent, lan2):
    """The LAN is asked before a first claim, and the other interface answers."""
    lan2.done("attach eth2", f"add {VIP} dev eth2")
    start(agent, POLICY, QUIET + "probe: true\n")
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"))
    assert lan2.responses_sent() >= 1
    agent.counts("l2resp_probes_total", 3)
    assert "has it" not in agent.log()


def test_another_host_is_one(agent, lan2):
    lan2.client.ip(f"address add {VIP}/32 dev br0")
    start(agent, BOTH, QUIET)
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"))
    assert {"one_lan", "other_answers"} <= set(findings(lan2))


def test_a_map_with_room_for_one_of_both(agent, lan2):
    """As with one link down: an only node answers where it can, and says where it can't."""
    lan2.done("attach eth1 --max-entries 1")
    start(agent, BOTH, QUIET)
    row = 'l2resp_addresses_blocked{reason="map_full"}'
    agent.until(lambda: agent.metrics()[row] == 1 and len(agent.entries()) == 1)
    agent.shows("; not here: map_full: the map is full: there are more addresses", f"who-holds {VIP}")
    assert agent.http("/readyz")[1].startswith("there are more addresses than there may be of a family: 1")
    [(_, dev)] = agent.entries()
    lan2.server.ip(f"link set {dev} down")
    assert wait_until(lambda: agent.entries() and (VIP, dev) not in agent.entries(), 20), agent.log()
    lan2.server.ip(f"link set {dev} up")
    lan2.done("attach eth1 --max-entries 2")
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"), seconds=20)
    agent.wait_ready()
