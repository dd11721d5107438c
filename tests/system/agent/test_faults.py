#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What stops, breaks or is changed behind the agent's back."""
import errno
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from daemon import AGENT, POLICY, PORT, service
from fault import faulty
from lan import CLI, PASS, RUN, VIP, need, writers_lock
from wait import HUNG, let_pass, stays, wait_until
from wire import Wire, arp, arp_reply

OTHER = "198.18.10.2"
NEW_MAC = "02:00:00:00:00:41"


@pytest.fixture
def steady(agent):
    """As `running`, with a lease that outlasts a restart on a busy machine."""
    agent.outlast_a_restart()
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    return agent


def socket_of(lan):
    return Path(RUN, f"net-{os.stat(lan.server.path).st_ino}.sock")


class Asking(threading.Thread):
    """Asks for VIP every 2 ms; the times of the questions, and of the answers."""

    def __init__(self, lan):
        super().__init__()
        self.wire = Wire(lan.client, "eth0")
        self.asked, self.answered = [], []
        self.over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()
        # the last ones may be late
        wait_until(lambda: self.take(0.1) or len(self.answered) >= len(self.asked), 0.2)
        self.wire.socket.close()

    def take(self, seconds):
        reply = arp_reply(VIP)
        self.answered += [at for at, frame in self.wire.received(quiet=seconds) if frame == reply]

    def run(self):
        while not self.over.is_set():
            self.asked.append(time.monotonic())
            self.wire.send(arp(VIP))
            self.take(0.002)


def answers(lan, address=VIP):
    with Wire(lan.client, "eth0") as wire:
        return arp_reply(address) in wire.ask(arp(address), count=1)


def answers_again(lan):
    """In the end: a question that came too early gets no answer."""
    with Wire(lan.client, "eth0") as wire:
        return wire.answered(arp(VIP), arp_reply(VIP))


def silent(lan, address=VIP):
    """Whatever is announced meanwhile."""
    with Wire(lan.client, "eth0") as wire:
        return arp_reply(address) not in wire.ask(arp(address))


def test_stopped_it_goes_silent_within_the_lease(running, lan):
    with Asking(lan) as asking:
        assert wait_until(lambda: asking.answered)
        running.signal(signal.SIGSTOP)
        stopped = time.monotonic()
        remaining = running.entries()[VIP, "eth1"]["lease"]["remaining_ms"] / 1000
        listed = time.monotonic()
        let_pass(2.5, "more than the lease")
    # 2 s less a margin of 100 ms since the last renewal
    assert remaining < 1.95
    # what was asked before its end has an answer, but for one that was held up; what was asked later has none
    before, until = (sum(at < end + remaining for at in asking.asked) for end in (stopped - 0.2, listed + 0.2))
    assert before - 1 <= len(asking.answered) <= until, (before, len(asking.answered), until)
    assert set(running.entries()) == {(VIP, "eth1")}, "the entry is there, its stamp isn't ahead"
    running.signal(signal.SIGCONT)
    assert answers_again(lan)


@pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGKILL], ids=["SIGUSR1", "SIGKILL"])
def test_restart_within_the_lease_leaves_nothing_unanswered(steady, lan, how):
    running = steady
    with Asking(lan) as asking:
        assert wait_until(lambda: asking.answered)
        status = running.end(how)
        running.start()
        let_pass(1, "nothing goes unanswered later on")
    assert status == (0 if how == signal.SIGUSR1 else -signal.SIGKILL)
    assert len(asking.asked) > 100
    assert len(asking.answered) == len(asking.asked)
    assert running.metrics()["l2resp_announcements_total"] == 0, "nothing was taken over"
    assert "repaired" not in running.log()


def test_policy_changed_while_it_was_away(running, lan):
    running.end(signal.SIGUSR1)
    running.write("all.yaml", POLICY, service("web", OTHER))
    running.start()
    running.wait_entries((OTHER, "eth1"))


BROKEN = "kind: Service\n  indented: wrongly\n"


@pytest.mark.parametrize("how", [signal.SIGUSR1, signal.SIGTERM], ids=["SIGUSR1", "SIGTERM"])
def test_a_file_broken_while_it_was_away(steady, lan, how):
    """What it said when it was last right stays, until it is right again or gone."""
    running = steady
    running.write("all.yaml", POLICY, service("web", VIP, OTHER))
    running.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    with Asking(lan) as asking:
        running.end(how)
        running.write("all.yaml", POLICY, BROKEN)
        running.start()
        running.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
        let_pass(0.5, "nothing goes unanswered later on")
    if how == signal.SIGUSR1:
        assert len(asking.asked) > 20 and len(asking.answered) == len(asking.asked)
    running.says("all.yaml:12: ", "what the file said before stays in force")
    running.answers("/readyz", 503)
    running.write("all.yaml", POLICY, service("web", OTHER))
    running.wait_entries((OTHER, "eth1"))
    running.wait_ready()
    (running.manifests / "all.yaml").unlink()
    running.wait_entries()
    running.end(how)
    running.write("all.yaml", POLICY, BROKEN)
    running.start()
    running.says("the file is left out")
    running.wait_entries()


@pytest.mark.parametrize("fault, said", [
    # two files, so two looks at the start; then the one that is written makes it look at both again
    (f"stat:3:{errno.ESTALE}", "Stale file handle"),
    # at the start, when nothing is known yet
    (f"readdir:1:{errno.EIO}", "Input/output error"),
], ids=["stat", "readdir"])
def test_a_failing_file_system_withdraws_nothing(agent, fault, said):
    """As a network file system does it: only a file that isn't there is gone."""
    agent.outlast_a_restart()
    agent.write("policy.yaml", POLICY)
    agent.write("web.yaml", service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    agent.end(signal.SIGUSR1)
    with faulty(fault):
        agent.start()
    if fault.startswith("stat"):
        agent.write("web.yaml", service("web", VIP, OTHER))
    agent.says(f"{said}; trying again every 10 s")
    assert (VIP, "eth1") in agent.entries()
    assert len(list(agent.manifests.with_name("last-good").iterdir())) == 2
    # the next look finds all
    agent.write("web.yaml", service("web", VIP, OTHER))
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    assert agent.log().count(said) == 1


@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda text: text.replace(VIP, OTHER), lambda text: "",
                                    lambda text: text.replace("/manifests/", "/elsewhere/")],
                         ids=["cut off", "changed", "empty", "another directory's"])
def test_a_copy_that_is_not_to_be_believed(running, damage):
    [copy] = running.manifests.with_name("last-good").iterdir()
    running.end()
    copy.write_text(damage(copy.read_text()))
    running.write("all.yaml", POLICY, BROKEN)
    running.start()
    running.says("the file is left out")
    running.wait_entries()


def test_copies_that_cannot_be_kept(agent):
    """Said once, and nothing else comes of it."""
    agent.manifests.with_name("last-good").write_text("in the way")
    agent.write("policy.yaml", POLICY)
    agent.write("web.yaml", service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    said = "last-good: Not a directory; a manifest that is wrong at the next start is left out"
    agent.says(said)
    agent.wait_ready()
    assert agent.log().count(said) == 1


@pytest.mark.full
def test_what_a_dead_agent_left_can_be_deleted(steady, lan):
    """Once its lease is over: not before, and whatever way is taken."""
    running = steady
    running.write("all.yaml", POLICY, service("web", VIP, OTHER))
    running.wait_entries((VIP, "eth1"), (OTHER, "eth1"))
    running.end(signal.SIGKILL)
    flushed = lan.cli("flush --all --json")
    assert flushed.json == {"deleted": 0}
    assert flushed.err == "xdp-l2resp: note: 2 addresses of the agent left, since it holds the lease\n"
    assert lan.cli(f"del {VIP} dev eth1").status == 1
    assert wait_until(lambda: not any(row["answering"] for row in running.entries().values()))
    assert "xdp-l2resp flush dev eth1" in lan.cli("doctor").out
    assert lan.rows(f"del {VIP} dev eth1") == {"deleted": 1}
    lan.done("detach --all")
    assert lan.rows("flush --all") == {"deleted": 1}
    assert not os.path.exists(lan.pin("responder_v4"))


def test_flush_waits_for_a_dead_agents_lease_and_not_for_a_living_one(running, lan):
    refused = lan.cli("flush --all --wait 0.2")
    assert refused.status == 1 and "1 address of the agent left after 0.2 s" in refused.err
    assert running.entries()[VIP, "eth1"]["answering"]
    running.end(signal.SIGKILL)
    lan.done("detach --all")
    assert lan.rows("flush --all --wait 60") == {"deleted": 1}
    assert not os.path.exists(lan.pin("responder_v4"))


def test_what_a_hung_agent_left_comes_back_with_it(running, lan):
    running.signal(signal.SIGSTOP)
    assert wait_until(lambda: not running.entries()[VIP, "eth1"]["answering"])
    assert lan.rows("flush dev eth1") == {"deleted": 1}
    running.signal(signal.SIGCONT)
    running.wait_entries((VIP, "eth1"), seconds=7)
    assert answers_again(lan)


def key_and_value(lan, address):
    """Of an address in the map, as bpftool takes them."""
    for row in lan.map_dump("responder_v4"):
        octets = row["key"]["ip4"].to_bytes(4, "little")
        if ".".join(map(str, octets)) == address:
            return list(octets + row["key"]["ifindex"].to_bytes(4, "little"))
    return None


def test_a_deleted_entry_comes_back(running, lan):
    key = key_and_value(lan, VIP)
    assert subprocess.run(["bpftool", "map", "delete", "pinned", lan.pin("responder_v4"), "key",
                           *map(str, key)]).returncode == 0
    running.wait_entries((VIP, "eth1"), seconds=7)
    running.says(f"repaired: {VIP}")
    running.counts("l2resp_drift_total", 1)


def octets(address):
    """As bpftool shows and takes them."""
    return [f"0x{octet:02x}" for octet in socket.inet_aton(address)]


def test_an_entry_that_somebody_put_into_the_agents_slot_goes(steady, lan):
    """Of an address that no policy selects; it answers until then, since the lease is ahead."""
    steady.signal(signal.SIGSTOP)
    [row] = json.loads(subprocess.run(["bpftool", "-j", "map", "dump", "pinned", lan.pin("responder_v4")],
                                      capture_output=True, check=True).stdout)

    def of_other(name):
        return " ".join(row[name]).replace(" ".join(octets(VIP)), " ".join(octets(OTHER))).split()

    subprocess.run(["bpftool", "map", "update", "pinned", lan.pin("responder_v4"), "key", *of_other("key"),
                    "value", *of_other("value")], check=True)
    assert answers(lan, OTHER)
    steady.signal(signal.SIGCONT)
    steady.wait_entries((VIP, "eth1"), seconds=7)
    steady.says(f"repaired: {OTHER} on interface ", " was not as it was left; deleted\n")
    assert silent(lan, OTHER) and answers_again(lan)


def test_a_program_that_was_taken_off_comes_back(running, lan):
    lan.server.ip("link set eth1 xdpdrv off")
    assert answers_again(lan)


ON_LO, ON_ETH1 = f"address add {VIP}/32 dev lo", f"address add {VIP}/32 dev eth1"
# name: what ip(8) sets, the sysctls below net.ipv4; ready. test_vip.py in net/ shows who answers then.
KERNEL = {
    "on lo, arp_ignore 0": (ON_LO, "", False),
    "on lo, arp_ignore 1": (ON_LO, "conf.all.arp_ignore=1", True),
    "on lo, arp_ignore 4": (ON_LO, "conf.all.arp_ignore=4", False),
    "on eth1, arp_ignore 1": (ON_ETH1, "conf.all.arp_ignore=1", False),
    "on eth1, arp_ignore 8": (ON_ETH1, "conf.all.arp_ignore=8", True),
    "in a local route": ("route add local 198.18.10.0/24 dev lo", "", False),
    "in a local route, arp_ignore 1": ("route add local 198.18.10.0/24 dev lo", "conf.all.arp_ignore=1", True),
    "not local": ("", "", True),
    "not local, proxy_arp without a route": ("", "ip_forward=1 conf.eth1.proxy_arp=1", True),
    "not local, proxy_arp_pvlan": ("route add 198.18.10.0/24 dev eth1", "ip_forward=1 conf.eth1.proxy_arp_pvlan=1", False),
}


@pytest.mark.parametrize("command, settings, ready", KERNEL.values(), ids=KERNEL)
def test_the_kernel_would_answer(agent, lan, command, settings, ready):
    lan.server.sysctl(*(f"net.ipv4.{setting}" for setting in settings.split()))
    lan.server.ip(command)
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.answers("/readyz", 200 if ready else 503)
    assert (VIP in agent.http("/readyz")[1]) != ready
    agent.wait_entries(*[(VIP, "eth1")] if ready else [])


def test_the_kernel_begins_to_answer(running, lan):
    running.wait_ready()
    lan.server.ip(f"address add {VIP}/32 dev lo")
    running.wait_entries()
    running.answers("/readyz", 503)
    lan.server.ip(f"address del {VIP}/32 dev lo")
    running.wait_entries((VIP, "eth1"))
    running.wait_ready()


@pytest.mark.full
def test_a_local_route_is_added(running, lan):
    """Nothing tells of it: seen within a period of 5 s."""
    running.wait_ready()
    lan.server.ip("route add local 198.18.10.0/24 dev lo")
    running.wait_entries(seconds=12)
    running.answers("/readyz", 503)
    lan.server.ip("route del local 198.18.10.0/24 dev lo")
    running.wait_entries((VIP, "eth1"), seconds=12)


def test_another_mac(running, lan):
    lan.server.ip(f"link set eth1 address {NEW_MAC}")
    assert wait_until(lambda: running.entries()[VIP, "eth1"]["mac"] == NEW_MAC)
    assert lan.responses_sent() == 0
    with Wire(lan.client, "eth0") as wire:
        # among its announcements
        assert arp_reply(VIP, sha=NEW_MAC) in wire.ask(arp(VIP), count=1)


def test_carrier_lost_and_back(running, lan):
    let_pass(5, "our own attach's flap is not to be mistaken for this one")
    lan.client.ip("link set eth0 down")
    running.wait_entries()
    lan.client.ip("link set eth0 up")
    running.wait_entries((VIP, "eth1"))
    assert answers_again(lan)


def test_interface_deleted_and_made_again(running, lan):
    lan.server.ip("link del eth1")
    lan.make_link(mac=NEW_MAC)
    assert wait_until(lambda: running.entries().get((VIP, "eth1"), {}).get("mac") == NEW_MAC)
    assert lan.rows("status eth1")[0]["mode"] == "native"


def test_renamed_out_of_the_policy_and_back(running, lan):
    lan.server.ip("link set eth1 name wan0")
    running.wait_entries()
    lan.server.ip("link set wan0 name eth1")
    running.wait_entries((VIP, "eth1"))


def test_a_new_interface_that_matches(agent, lan):
    agent.write("all.yaml", POLICY.replace("[eth1]", '["^eth"]'), service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    lan.server.ip(f"link add eth2 type veth peer name eth9 netns {lan.client.name}", "link set eth2 up")
    lan.client.ip("link set eth9 up")
    agent.wait_entries((VIP, "eth1"), (VIP, "eth2"))


def test_drain_and_resume(running, lan):
    assert running.command("drain").out == \
        "giving up all addresses, until 'xdp-l2respd resume' or a restart\n"
    running.wait_entries()
    assert running.command("resume").status == 0
    running.wait_entries((VIP, "eth1"))


@pytest.mark.parametrize("stay", [False, True])
def test_drain_and_a_restart(running, stay):
    assert running.command("drain", *["--stay"] * stay).status == 0
    running.wait_entries()
    running.end()
    running.start()
    if stay:
        assert stays(lambda: not running.entries(), 0.5)
        running.command("resume")
    running.wait_entries((VIP, "eth1"))


def test_why_nobody_holds_it(running, lan):
    """The same reason wherever somebody may look for it."""
    def unready():
        found = lan.cli("doctor --json").json["findings"]
        return [one["detail"] for one in found if one["check"] == "agent_unready"]

    def says(reason, why):
        # it is unready when it gives the address up, and that a moment later
        running.until(lambda: running.command("who-holds", VIP).status == 1)
        asked, shown = running.command("who-holds", VIP), running.command("show", "default/web")
        assert (asked.status, asked.err) == (1, f"xdp-l2respd: {VIP}: {why}\n")
        assert f"  not announced by node-1: {reason}: {why}\n" in shown.out
        [address] = running.command("show", "default/web", "--json").json["addresses"]
        assert (address["reason"], address["why"], address["claim"]) == (reason, why, None)
        running.answers("/readyz", 503, f"{VIP}: {why}\n")
        asked = running.command("ready")
        assert (asked.status, asked.err) == (1, f"xdp-l2respd: {VIP}: {why}\n")
        assert [f"xdp-l2respd isn't ready: {VIP}: {why}"] == unready()
        running.counts(f'l2resp_addresses_blocked{{reason="{reason}"}}', 1)

    [address] = running.command("show", "default/web", "--json").json["addresses"]
    assert address["reason"] is None and address["claim"]["held"] and unready() == []
    lan.server.ip(f"address add {VIP}/32 dev lo")
    running.answers("/readyz", 503)
    says("kernel_answers", "the kernel would answer for it as well: on eth1, since it is a local address and arp_ignore is 0; put it on lo and "
         "set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2")
    lan.server.ip(f"address del {VIP}/32 dev lo")
    running.wait_ready()
    lan.client.ip("link set eth0 down")
    # not if that is our own attach's flap
    running.answers("/readyz", 503, seconds=7)
    says("link_down", "the link is down, or has no carrier: eth1")
    lan.client.ip("link set eth0 up")
    running.wait_ready()
    running.signal(signal.SIGSTOP)
    [found] = [one for one in lan.cli("doctor --json").json["findings"] if one["check"] == "agent_unready"]
    assert found["detail"] == "xdp-l2respd isn't ready: it doesn't answer"
    assert found["remedy"].startswith("it hangs, and so would `xdp-l2respd show`: run `systemctl restart xdp-l2respd`")


def test_hangs_while_others_wait(running, lan):
    """Where the socket's backlog is full, a connection is waited for no longer than an answer."""
    running.signal(signal.SIGSTOP)
    path = socket_of(lan)
    with ExitStack() as waiting:
        with pytest.raises(BlockingIOError):
            while True:
                one = waiting.enter_context(socket.socket(socket.AF_UNIX))
                one.setblocking(False)
                one.connect(str(path))
        found = lan.cli("doctor --json", timeout=HUNG).json["findings"]
        assert "xdp-l2respd isn't ready: it doesn't answer" in [one["detail"] for one in found]
        asked = running.command("alive")
        assert (asked.status, asked.err) == (1, "xdp-l2respd: asking the agent: it doesn't answer\n")


def test_who_holds(running):
    row = running.command("--json", "who-holds", VIP).json
    assert row.keys() == {"ip", "holder", "held", "alive", "wish", "remaining_ms", "transitions",
                          "reason", "why"}
    assert row["holder"] == "node-1" and row["held"] and 0 < row["remaining_ms"] <= 1900
    assert running.command("who-holds", VIP).out.startswith(f"{VIP}: node-1, this node, for another ")


# words: exit status, what is said
COMMANDS = {
    "who-holds 198.18.99.1": (1, "198.18.99.1: no Service that is known here has it"),
    "who-holds nonsense": (2, "is not an IP address"),
    "who-holds": (2, "'who-holds ADDR' is what it takes"),
    "move 198.18.10.1 node-2": (1, "with the engine none this node is alone"),
    "fly": (2, "no command 'fly'"),
    "--stay who-holds 198.18.10.1": (2, "'who-holds ADDR' is what it takes"),
    "--fly": (2, "no option '--fly'"),
}


@pytest.mark.parametrize("words", COMMANDS)
def test_commands_that_fail(running, words):
    status, text = COMMANDS[words]
    done = running.command(*words.split())
    assert done.status == status and text in done.err, done.err
    assert len(done.err.splitlines()) == 1


def test_a_command_without_an_agent(agent):
    done = agent.command("who-holds", VIP)
    assert (done.status, done.err) == (1, "xdp-l2respd: no agent runs in this network namespace\n")


def test_a_probe_tells_a_stopped_agent_from_one_that_runs(running):
    done = running.command("alive")
    assert (done.status, done.out) == (0, "alive\n")
    running.signal(signal.SIGSTOP)
    done = running.command("alive")
    running.signal(signal.SIGCONT)
    assert done.status == 1 and "asking the agent" in done.err


def test_ready(running):
    running.wait_ready()
    assert (running.command("ready").out, running.command("ready", "--json").json) == ("ready\n", {"ready": True, "why": None})


def test_commands_are_not_for_the_port(running):
    running.answers(f"/who-holds?ip={VIP}", 404)
    running.answers("/drain", 404)
    running.answers("/healthz", 200, "ok\n")


@pytest.mark.parametrize("words", [["who-holds", VIP], ["move", VIP, "node-2"], ["drain"], ["resume"]], ids=lambda w: w[0])
def test_commands_are_roots_alone(running, words):
    need("setpriv")
    # where anybody may run it
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        program = shutil.copy(AGENT, folder)
        done = running.lan.server.run("setpriv", "--reuid", 65534, "--clear-groups", program, *words, check=False)
    assert (done.returncode, done.stderr) == (1, "xdp-l2respd: only root may ask\n")
    running.wait_entries((VIP, "eth1"))


def test_a_second_agent_is_refused(running):
    running.config.write_text(running.config.read_text().replace("node-1", "node-2"))
    done = running.command("--config", running.config)
    assert done.status == 1
    assert "another agent runs in this network namespace" in done.err
    running.wait_entries((VIP, "eth1"))
    assert running.entries()[VIP, "eth1"]["lease"]["holder"] == "node-1"


def link_to_nothing(path):
    path.symlink_to("nothing")


def abandoned(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


@pytest.mark.parametrize("make", [link_to_nothing, abandoned, Path.touch])
def test_what_has_the_name_of_the_socket_goes(agent, make):
    agent.write("all.yaml", POLICY, service("web", VIP))
    path = socket_of(agent.lan)
    # of the agent before, which was killed
    path.unlink(missing_ok=True)
    make(path)
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    assert agent.command("who-holds", VIP).status == 0


def test_a_directory_that_has_the_name_of_the_socket(agent):
    path = socket_of(agent.lan)
    path.unlink(missing_ok=True)
    path.mkdir()
    try:
        done = agent.command("--config", agent.config)
        assert (done.status, done.err) == (1, f"xdp-l2respd: {path}: Is a directory\n")
    finally:
        path.rmdir()


def test_names_that_somebody_else_has(agent, lan):
    """A port that anybody can bind, and the abstract name of former versions."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    with lan.server.entered():
        port, name = socket.create_server(("127.0.0.1", PORT)), socket.socket(socket.AF_UNIX)
        name.bind("\0xdp-l2respd")
    with port, name:
        agent.start()
        agent.wait_entries((VIP, "eth1"))
        assert agent.command("who-holds", VIP).status == 0
        agent.says(f"listening on 127.0.0.1:{PORT}: Address already in use")
    agent.says("the HTTP port is there now", seconds=7)
    agent.answers("/healthz", 200, "ok\n")


def test_idle_connections_end(running, lan):
    """As many as there may be are in nobody's way for long."""
    with lan.server.entered():
        idle = [socket.create_connection(("127.0.0.1", PORT)) for _ in range(32)]
    assert running.command("who-holds", VIP).status == 0
    # once they are gone
    running.answers("/healthz", 200, "ok\n")
    for connection in idle:
        connection.close()


def test_a_program_in_our_place_is_no_drift(running, lan):
    """Entries go since the comparison found that, not since somebody deleted them."""
    lan.server.run("ip", "-force", "link", "set", "eth1", "xdpdrv", "object", PASS, "section", "xdp")
    running.wait_entries(seconds=7)
    running.answers("/readyz", 503)
    assert "repaired" not in running.log() and running.metrics()["l2resp_drift_total"] == 0


def test_more_changes_than_are_told_of(running, lan):
    """rtnetlink's messages overrun: everything is read anew."""
    lan.server.ip("link add busy0 type veth peer name busy1", "link set busy0 up")
    running.signal(signal.SIGSTOP)
    lan.server.ip(*(f"link set busy0 alias a{i}" for i in range(4000)), f"link set eth1 address {NEW_MAC}")
    rows = Path(f"/proc/{running.process.pid}/net/netlink").read_text().splitlines()[1:]
    assert any(int(row.split()[8]) for row in rows), "dropped"
    running.signal(signal.SIGCONT)
    # the lease may be over by then, and the entry made anew
    assert wait_until(lambda: running.entries().get((VIP, "eth1"), {}).get("mac") == NEW_MAC), running.log()


def test_reload(running):
    running.config.write_text(running.config.read_text() + "announce: {count: 1}\n")
    running.signal(signal.SIGHUP)
    running.wait_notified("READY=1")
    running.wait_entries((VIP, "eth1"))
    running.config.write_text(running.config.read_text() + "anounce: {}\n")
    running.signal(signal.SIGHUP)
    running.says("agent.yaml:7: no key 'anounce'; what was in force stays")
    running.wait_entries((VIP, "eth1"))
    running.config.write_text(running.config.read_text().replace("anounce: {}\n", "").replace("node-1", "node-2"))
    running.signal(signal.SIGHUP)
    running.says("read at the start only; restart instead; what was in force stays")
    running.wait_entries((VIP, "eth1"))


def test_stamps_follow_pins_that_were_made_anew(agent, lan):
    """By another writer, of whom the agent sees the end."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    other = f"{lan.bpffs}/other"
    os.mkdir(other)
    lan.server.run(CLI, "--bpffs", other, "add", OTHER, "dev", "eth1")
    with writers_lock(lan):
        os.rename(f"{lan.bpffs}/xdp-l2resp/v1", f"{other}/former")
        os.rename(f"{other}/xdp-l2resp/v1", f"{lan.bpffs}/xdp-l2resp/v1")
    agent.wait_entries((VIP, "eth1"), (OTHER, "eth1"), seconds=12)
    agent.until(lambda: agent.entries()[VIP, "eth1"]["answering"], 3)
    assert answers_again(lan) and "repaired" not in agent.log()


def test_a_reload_does_not_end_a_drain(running):
    assert running.command("drain").status == 0
    running.wait_entries()
    running.signal(signal.SIGHUP)
    running.says("configuration read again")
    assert stays(lambda: not running.entries(), 1.5)
    running.counts("l2resp_draining", 1)


def test_in_a_time_namespace_it_does_not_run(agent):
    """Its boot clock is another than the data path's, so that its leases would end too late, or never."""
    agent.write("all.yaml", POLICY, service("web", VIP))
    agent.launch("unshare", "--time", "--boottime", "1000", "--fork")
    assert agent.process.wait(HUNG) == 1
    agent.process = None
    away = re.search(r"the boot clock of this process is (\S+) s away", agent.log())
    # what passed between asking both clocks is in the figure
    assert float(away[1]) == pytest.approx(-1000, abs=HUNG)
    assert not agent.entries()
