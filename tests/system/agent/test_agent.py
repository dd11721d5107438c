#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""From a directory of manifests to answers on the wire, and back to silence."""
import contextlib
import ipaddress
import os
import re
import signal
import socket
import time

import pytest

from daemon import POLICY, service
from lan import SERVER_MAC, VIP, VIP6, need
from nd import GROUP6, advertisement, maddr, own_groups
from vlan import ETH_P_ALL
from wait import HUNG, let_pass, wait_until
from wire import ETH_P_IPV6, Wire, announcement, arp, arp_reply

OTHER = "198.18.10.2"


def test_policy_file_to_answers(agent, lan):
    need("arping")
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    assert "1 packets received" in lan.client.run("arping", "-c", 1, "-i", "eth0", VIP).stdout
    assert lan.responses_sent() == 1


def test_map_first_then_three_announcements(agent, lan):
    agent.write("all.yaml", POLICY, service("web", VIP))
    # where they are sent: a busy machine may deliver some together
    with Wire(lan.client, "eth0") as wire, Wire(lan.server, "eth1", ETH_P_ALL) as sent:
        agent.start()
        seen = sent.received(6)
        wire.received(6)
        answers = wire.ask(arp(VIP), count=1)
    assert [frame for _, frame in seen] == announcement(VIP) * 3
    gaps = [seen[i + 2][0] - seen[i][0] for i in (0, 2)]
    assert all(1 < gap for gap in gaps), gaps
    assert answers == [arp_reply(VIP)]
    # two forms each
    agent.counts("l2resp_announcements_total", 3)


def test_announced_on_each_device_with_its_own_mac(agent, lan):
    mac = "02:00:00:00:00:42"
    lan.server.ip(f"link add eth2 address {mac} type veth peer name eth9 netns {lan.client.name}", "link set eth2 up")
    lan.client.ip("link set eth9 up")
    agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), service("web", VIP))
    with Wire(lan.client, "eth0") as first, Wire(lan.client, "eth9") as second:
        agent.start()
        # with the repeats: how many came before all was ready isn't asked
        assert [frame for _, frame in first.received(6)] == announcement(VIP) * 3
        assert [frame for _, frame in second.received(6)] == announcement(VIP, mac) * 3


def test_ipv6_from_policy_to_silence(agent, lan):
    """Entry, group, advertisement and answer; and nothing of it once the service is gone."""
    need("ndisc6")
    lan.enable_ipv6()
    before = own_groups(lan)
    agent.write("policy.yaml", POLICY)
    agent.write("web.yaml", service("web", VIP6))
    with Wire(lan.client, "eth0", ETH_P_IPV6) as wire:
        agent.start()
        assert wait_until(lambda: any([frame] == advertisement(SERVER_MAC)
                                      for _, frame in wire.received()))
    agent.wait_entries((VIP6, "eth1"))
    assert wait_until(lambda: GROUP6 in maddr(lan, "inet6"))
    asked = lan.client.run("ndisc6", "-1", "-r", 3, VIP6, "eth0")
    assert SERVER_MAC.upper() in asked.stdout.upper()
    assert agent.entries()[VIP6, "eth1"]["responses_sent"] == 1
    (agent.manifests / "web.yaml").unlink()
    agent.wait_entries()
    assert wait_until(lambda: maddr(lan, "inet6") == before)
    assert lan.client.run("ndisc6", "-1", "-r", 1, VIP6, "eth0", check=False).returncode


@pytest.mark.full
def test_group_that_another_program_leaves(agent, lan):
    """It is joined again, each time."""
    lan.enable_ipv6()
    agent.write("all.yaml", POLICY, service("web", VIP6))
    agent.start()
    agent.wait_entries((VIP6, "eth1"))
    for _ in range(2):
        assert wait_until(lambda: GROUP6 in maddr(lan, "inet6"))
        lan.server.ip(f"address del {GROUP6}/128 dev eth1")
        assert wait_until(lambda: GROUP6 not in maddr(lan, "inet6"))
    assert wait_until(lambda: GROUP6 in maddr(lan, "inet6"))


def test_list_names_lease_and_holder(agent, lan):
    agent.write("all.yaml", POLICY, service("web", VIP, VIP6))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (VIP6, "eth1"))
    for (ip, _), row in agent.entries().items():
        name = ipaddress.ip_address(ip).packed.hex()
        assert 0 < row["lease"].pop("remaining_ms") < 1900
        assert row["lease"] == {"name": f"l2resp-{name}", "holder": "node-1"}
        assert row["answering"]
    assert re.search(rf"^{VIP} .* answering .* lease l2resp-c6120a01 holder node-1 remaining \d+ms$",
                     lan.done("list").out, re.M)
    assert lan.cli(f"del {VIP} dev eth1").status, "it is the agent's"
    # its process stopped, its stamp runs out, and doctor says so
    agent.signal(signal.SIGSTOP)
    assert wait_until(lambda: not agent.entries()[VIP, "eth1"]["answering"])
    assert "has run out" in lan.cli("doctor").out
    agent.signal(signal.SIGCONT)


def test_a_file_that_changes(agent, lan):
    agent.write("policy.yaml", POLICY)
    agent.start()
    agent.wait_entries()
    agent.write("web.yaml", service("web", VIP))
    agent.wait_entries((VIP, "eth1"))
    agent.write("web.yaml", service("web", OTHER))
    agent.wait_entries((OTHER, "eth1"))
    (agent.manifests / "web.yaml").unlink()
    agent.wait_entries()
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(OTHER)) == []


def test_a_broken_file_keeps_what_it_said(agent):
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.write("all.yaml", POLICY, "kind: Service\n  indented: wrongly\n")
    agent.answers("/readyz", 503)
    agent.says("all.yaml:12: ", "what the file said before stays in force")
    agent.wait_entries((VIP, "eth1"))
    agent.write("all.yaml", POLICY, service("web", OTHER))
    agent.wait_entries((OTHER, "eth1"))
    agent.wait_ready()


def test_a_reload_that_changes_nothing(agent, lan):
    """Each request is answered meanwhile, and each entry counted."""
    agent.outlast_a_restart()
    addresses = [str(ip) for ip in ipaddress.ip_network("198.19.0.0/20")]
    agent.write("all.yaml", POLICY, *(service(f"web{i}", *addresses[i:i + 128]) for i in range(0, len(addresses), 128)))
    agent.start()
    agent.counts("l2resp_entries", len(addresses), 30)
    asked = addresses[::256]
    with Wire(lan.client, "eth0") as wire:
        for reloads in range(1, 6):
            agent.signal(signal.SIGHUP)

            def over():
                unanswered = set(map(arp_reply, asked))
                wire.send(*map(arp, asked))

                def answered():
                    unanswered.difference_update(frame for _, frame in wire.received(quiet=0))
                    return not unanswered
                assert wait_until(answered), unanswered
                again = agent.log().count("configuration read again") == reloads  # pylint: disable=cell-var-from-loop
                seen = agent.metrics()
                assert seen["l2resp_entries"] == len(addresses)
                return again and seen["l2resp_leases_held"] == len(addresses)
            agent.until(over, 30)


def test_the_service_manager_is_told(agent):
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start("env", "WATCHDOG_USEC=1000000")
    agent.wait_notified("STATUS=active, addresses: 1 wanted, 1 held, 1 entries")
    agent.wait_notified("WATCHDOG=1")
    agent.signal(signal.SIGHUP)
    agent.wait_notified("RELOADING=1")
    agent.wait_notified("READY=1")
    agent.signal(signal.SIGTERM)
    agent.wait_notified("STOPPING=1")


def test_a_watchdog_of_a_microsecond(agent):
    """It is fed ten times a second."""
    agent.start("env", "WATCHDOG_USEC=1")
    before, began = agent.notified.messages.qsize(), time.monotonic()
    let_pass(1, "its messages")
    assert agent.notified.messages.qsize() - before < 50 * (time.monotonic() - began)


def test_a_service_manager_that_does_not_read(agent, scratch):
    """It isn't waited for; READY=1 and the watchdog's messages come as soon as it does."""
    path = str(scratch / "unread")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(path)
    agent.write("all.yaml", POLICY, service("web", VIP))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filler:
        filler.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                filler.sendto(b"full", path)
    agent.launch("env", "WATCHDOG_USEC=400000", f"NOTIFY_SOCKET={path}")
    agent.wait_entries((VIP, "eth1"))
    for _ in range(5):
        agent.signal(signal.SIGHUP)
        let_pass(0.2, "a reload each")
    agent.answers("/healthz", 200, "ok\n")
    agent.until(lambda: agent.entries()[VIP, "eth1"]["answering"])
    manager.settimeout(HUNG)
    wanted = {"READY=1", "WATCHDOG=1"}
    while wanted:
        wanted -= {manager.recv(4096).decode()}
    manager.close()


def test_explain_finds_the_agents_program(agent, lan):
    """As soon as an address is answered for."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    assert "arp_answered" in lan.done(f"explain {VIP} dev eth1").out


def test_sigterm_gives_everything_up(agent, lan):
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    assert agent.end(signal.SIGTERM) == 0
    agent.wait_entries()
    assert lan.rows("status")[0]["mode"] == "native"


def test_entries_by_hand_are_left_alone(agent, lan):
    lan.done(f"add {VIP} dev eth1 mac 02:00:00:00:00:77")
    agent.write("all.yaml", POLICY, service("web", VIP, OTHER))
    agent.start()
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    assert agent.entries()[VIP, "eth1"]["mac"] == "02:00:00:00:00:77"
    agent.counts("l2resp_entries_by_hand", 1)
    agent.end()
    agent.wait_entries((VIP, "eth1"))


def test_entries_by_hand_are_told_of_while_there_are_some(agent, lan):
    lan.done(f"add {VIP} dev eth1")
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.says("1 address is added by hand as well, and left alone")
    lan.done(f"del {VIP} dev eth1")
    agent.signal(signal.SIGHUP)
    agent.wait_entries((VIP, "eth1"))
    agent.counts("l2resp_entries_by_hand", 0)
    assert agent.log().count("by hand") == 1


def test_a_log_that_nobody_reads(agent, scratch):
    """Nothing waits for it; and what was said meanwhile is there for whoever reads it later."""
    path = scratch / "fifo"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b"full\n" * 100)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(fd, b"\n")
        agent.write("all.yaml", POLICY, service("web", VIP))
        agent.start("sh", "-c", 'exec "$@" 2>"$0"', str(path))
        agent.wait_entries((VIP, "eth1"))
        for _ in range(3):
            agent.signal(signal.SIGHUP)
            agent.wait_notified("READY=1")
        assert wait_until(agent.ready)  # a machine with too much to do may have let a lease run out
        said = b""

        def read_again():
            """How often it said that it read its configuration again."""
            nonlocal said
            with contextlib.suppress(BlockingIOError):
                while True:
                    said += os.read(fd, 1 << 16)
            return said.count(b"xdp-l2respd: configuration read again\n")

        assert wait_until(lambda: read_again() == 3), said
    finally:
        os.close(fd)
