#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What monitor shows of frames that no capture on the server sees, and what it leaves behind."""
import datetime
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time

import pytest

from lan import CLIENT_IP, CLIENT_IP6, CLIENT_MAC, FLOOD, SERVER_MAC, VIP, VIP6, Lan, like, need, run
from nd import ADVERTISEMENT, GROUP6, GROUP6_MAC, ip6, nd, solicitation
from test_queues import asked_and_answered
from wait import HUNG, let_pass, wait_until
from wire import REPLY, Wire, arp, mac_bytes

OTHER, NOT_OWNED = "02:00:00:00:00:77", "198.18.10.200"
LEASE = 3  # seconds for which the data path records without hearing of a reader


def tagged(frame, *tags):
    """The frame with tags (protocol, priority, VID) put in, the outer one first."""
    return frame[:12] + b"".join(struct.pack("!HH", protocol, priority << 13 | vid)
                                 for protocol, priority, vid in tags) + frame[12:]


def own_ip6(lan):
    """An entry for VIP6, past the CLI."""
    key = ip6(VIP6) + struct.pack("<I", socket_ifindex(lan))
    value = (key + bytes(4) + mac_bytes(SERVER_MAC)).ljust(lan.map_sizes("responder_v6")[1], b"\0")
    run("bpftool", "map", "update", "pinned", lan.pin("responder_v6"), "key", *map(str, key),
        "value", *map(str, value))


def socket_ifindex(lan):
    with lan.server.entered():
        return socket.if_nametoindex("eth1")


def recording(lan):
    """Is the data path told to record?"""
    dump = json.loads(run("bpftool", "-j", "map", "dump", "pinned", lan.pin("trace_control")).stdout)
    return dump[0]["formatted"]["value"][".data.trace"][0]["trace_control"]["on"]


class Monitor:
    """The command running in the background; asks the server, and stops."""

    def __init__(self, lan, background, words="", within=(), **options):
        options = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) | options
        self.lan = lan
        self.process = background(lan.server.argv(*within, *lan.words(f"monitor {words}")), **options)

    def started(self):
        assert wait_until(lambda: os.path.exists(self.lan.pin("meta")) and recording(self.lan))
        return self

    def send(self, *frames):
        """Returns once the program has seen them."""
        before = sum(self.lan.counters().values())
        with Wire(self.lan.client, "eth0") as wire:
            wire.send(*frames)
        assert wait_until(lambda: sum(self.lan.counters().values()) >= before + len(frames))

    def ended(self, number=signal.SIGINT):
        """Lines of its output and its errors; it must be content."""
        if number:
            self.process.send_signal(number)
        out, err = self.process.communicate(timeout=HUNG)
        assert self.process.returncode == 0, err
        return out.splitlines(), err


@pytest.fixture
def attached(lan):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    own_ip6(lan)
    return lan


ASKED = f"In  ARP, Request who-has {VIP} tell {CLIENT_IP}, length 28"
ANSWERED = f"Out ARP, Reply {VIP} is-at {SERVER_MAC}, length 28"

# name: frame; what is shown behind time and interface
SHOWN = {
    "request, answered": (arp(VIP), [ASKED, ANSWERED]),
    "with a trailer": (arp(VIP, trailer=bytes(18)), [
        ASKED.replace("28", "46"), ANSWERED.replace("28", "46")]),
    "not owned": (arp(NOT_OWNED), [
        f"In  ARP, Request who-has {NOT_OWNED} tell {CLIENT_IP}, length 28 -- arp_not_owned"]),
    "unicast poll": (arp(VIP, tha=SERVER_MAC, dst=SERVER_MAC), [
        f"In  ARP, Request who-has {VIP} ({SERVER_MAC}) tell {CLIENT_IP}, length 28", ANSWERED]),
    "conflict": (arp(VIP, spa=VIP, sha=OTHER), [
        f"In  ARP, Request who-has {VIP} tell {VIP}, length 28 -- arp_conflict: {OTHER} uses {VIP}"]),
    "conflict by a reply": (arp(CLIENT_IP, spa=VIP, sha=OTHER, op=REPLY), [
        f"In  ARP, Reply {VIP} is-at {OTHER}, length 28 -- arp_conflict: {OTHER} uses {VIP}"]),
    "another operation": (arp(VIP, op=8), [
        f"In  ARP, operation 8, {CLIENT_IP} to {VIP}, length 28 -- arp_not_request"]),
    "another hardware type": (arp(VIP, hrd=6), [
        "In  ARP, hardware type 6 (len 6), protocol 0x0800 (len 4), operation 1, length 28"
        " -- arp_bad_format"]),
    "truncated": (arp(VIP)[:41], ["In  ARP, truncated, length 27 -- arp_truncated"]),
    "priority tag": (tagged(arp(VIP), (0x8100, 5, 0)), [
        ASKED.replace("ARP", "vlan 0, p 5, ARP"), ANSWERED.replace("ARP", "vlan 0, p 5, ARP")]),
    "two tags of nobody": (tagged(arp(VIP), (0x88A8, 0, 7), (0x8100, 3, 42)), [
        ASKED.replace("ARP", "802.1ad vlan 7, p 0, vlan 42, p 3, ARP") + " -- arp_other_vlan"]),
    "solicitation, answered": (solicitation(VIP6), [
        f"In  IP6 {CLIENT_IP6} > {GROUP6}: ICMP6, neighbor solicitation, who has {VIP6}, length 32",
        f"Out IP6 {VIP6} > {CLIENT_IP6}: ICMP6, neighbor advertisement, tgt is {VIP6}, length 32"]),
    "foreign advertisement": (
        nd(ADVERTISEMENT, VIP6, "ff02::1", "33:33:00:00:00:01", VIP6,
           b"\2\1" + mac_bytes(CLIENT_MAC), 0x20000000), [
            f"In  IP6 {VIP6} > ff02::1: ICMP6, neighbor advertisement, tgt is {VIP6}, length 32"
            f" -- nd_conflict: {CLIENT_MAC} uses {VIP6}"]),
}


@pytest.mark.parametrize("frame, expected", SHOWN.values(), ids=SHOWN)
def test_text(attached, background, frame, expected):
    monitor = Monitor(attached, background).started()
    monitor.send(frame)
    lines, err = monitor.ended()
    assert [re.sub(r"^\d\d:\d\d:\d\d\.\d{6} eth1  ", "", line) for line in lines] == expected
    assert err == "xdp-l2resp: note: 1 shown, 0 lost\n"


ALL = [arp(VIP), arp(NOT_OWNED), arp(VIP, spa=VIP, sha=OTHER), solicitation(VIP6)]

# words: outcomes of ALL that are shown
FILTERS = {
    "": ["arp_answered", "arp_not_owned", "arp_conflict", "nd_answered"],
    "dev eth1": ["arp_answered", "arp_not_owned", "arp_conflict", "nd_answered"],
    "dev lo": [],
    f"addr {VIP}": ["arp_answered", "arp_conflict"],
    f"addr {CLIENT_IP}": ["arp_answered", "arp_not_owned"],
    f"addr {VIP6}": ["nd_answered"],
    "outcome arp_conflict": ["arp_conflict"],
    f"outcome arp_answered addr {VIP} dev eth1": ["arp_answered"],
    f"outcome arp_answered addr {NOT_OWNED}": [],
    "--count 2": ["arp_answered", "arp_not_owned"],
    "--count 1 outcome nd_answered": ["nd_answered"],
}


@pytest.mark.parametrize("words, expected", FILTERS.items(), ids=FILTERS)
def test_filters(attached, background, words, expected):
    monitor = Monitor(attached, background, f"--json {words}").started()
    monitor.send(*ALL)
    lines, _ = monitor.ended(None if "--count" in words else signal.SIGTERM)
    rows = [json.loads(line) for line in lines]
    assert [row["outcome"] for row in rows[:-1]] == expected
    assert rows[-1] == {"lost": 0}
    assert not recording(attached)


ARP_FRAME = {"protocol": "arp", "eth_src": CLIENT_MAC, "eth_dst": "ff:ff:ff:ff:ff:ff",
             "vlan": None, "truncated": False, "op": "request", "sha": CLIENT_MAC,
             "spa": CLIENT_IP, "tha": "00:00:00:00:00:00", "tpa": VIP}
ND_FRAME = {"protocol": "nd", "eth_src": CLIENT_MAC, "eth_dst": GROUP6_MAC, "vlan": None,
            "truncated": False, "op": "solicitation", "src": CLIENT_IP6, "dst": GROUP6,
            "hop_limit": 255, "target": VIP6, "mac": CLIENT_MAC}
ROW = {"time": str, "dev": "eth1", "ifindex": int, "answered": True, "conflict": False}

# name: frame, its row
ROWS = {
    "answered": (arp(VIP), ROW | {
        "outcome": "arp_answered", "length": 42, "request": ARP_FRAME,
        "reply": ARP_FRAME | {"op": "reply", "eth_src": SERVER_MAC, "eth_dst": CLIENT_MAC,
                              "sha": SERVER_MAC, "spa": VIP, "tha": CLIENT_MAC, "tpa": CLIENT_IP}}),
    "conflict": (arp(VIP, spa=VIP, sha=OTHER), ROW | {
        "outcome": "arp_conflict", "answered": False, "conflict": True, "reply": None,
        "request": ARP_FRAME | {"eth_src": OTHER, "sha": OTHER, "spa": VIP}}),
    "tag": (tagged(arp(VIP), (0x8100, 0, 42)), ROW | {
        "outcome": "arp_other_vlan", "answered": False, "request": ARP_FRAME | {"vlan": 42}}),
    "two tags": (tagged(arp(VIP), (0x88A8, 0, 7), (0x8100, 0, 42)), ROW | {
        "outcome": "arp_other_vlan", "answered": False, "request": ARP_FRAME | {"vlan": [7, 42]}}),
    "truncated": (arp(VIP)[:41], ROW | {
        "outcome": "arp_truncated", "answered": False, "length": 41,
        "request": {"protocol": "arp", "truncated": True}}),
    "solicitation": (solicitation(VIP6), ROW | {
        "outcome": "nd_answered", "length": 86, "request": ND_FRAME,
        "reply": ND_FRAME | {"op": "advertisement", "eth_src": SERVER_MAC, "eth_dst": CLIENT_MAC,
                             "src": VIP6, "dst": CLIENT_IP6, "mac": SERVER_MAC,
                             "solicited": True, "override": True}}),
}


@pytest.mark.parametrize("frame, expected", ROWS.values(), ids=ROWS)
def test_json(attached, background, frame, expected):
    monitor = Monitor(attached, background, "--json --count 1").started()
    monitor.send(frame)
    row = json.loads(monitor.ended(None)[0][0])
    assert like(row, expected), row


@pytest.mark.parametrize("ahead", [100000, -100])
def test_in_a_time_namespace(attached, background, ahead):
    """Its boot clock isn't the one by which the data path records, and ends that."""
    monitor = Monitor(attached, background, "--json --count 1", ["unshare", "--fork", "--kill-child", "-T", "--boottime", ahead]).started()
    sent_at = time.time()
    monitor.send(arp(VIP))
    row = json.loads(monitor.ended(None)[0][0])
    assert sent_at - 0.01 < datetime.datetime.fromisoformat(row["time"].replace("Z", "+00:00")).timestamp() < time.time()


FIELDS = ["frame.time_epoch", "frame.len", "frame.cap_len", "arp.opcode", "arp.src.proto_ipv4"]


def tshark_reads(file, **options):
    """What tshark makes of a capture: FIELDS of each packet."""
    said = run("tshark", "-r", file, "-T", "fields", *(f"-e{name}" for name in FIELDS), **options)
    return [line.split("\t") for line in said.stdout.splitlines()]


def test_pcap(attached, background, scratch):
    """Request and answer are a packet each, with the wall clock's time; long ones are cut."""
    need("tshark")
    file = scratch / "seen.pcap"
    monitor = Monitor(attached, background, f"--write {file} --count 3").started()
    sent_at = time.time()
    monitor.send(arp(VIP), arp(NOT_OWNED), arp(VIP, trailer=bytes(200)))
    lines, err = monitor.ended(None)
    assert (lines, err) == ([], "xdp-l2resp: note: 3 shown, 0 lost\n")
    packets = tshark_reads(file)
    assert [packet[1:] for packet in packets] == [
        ["42", "42", "1", CLIENT_IP], ["42", "42", "2", VIP], ["42", "42", "1", CLIENT_IP],
        ["242", "128", "1", CLIENT_IP], ["242", "128", "2", VIP]]
    times = [float(packet[0]) for packet in packets]
    assert times == sorted(times) and times[0] == times[1]
    assert sent_at - 0.01 < times[0] and times[-1] < time.time()


def test_pcap_beside_json(attached, background, scratch):
    monitor = Monitor(attached, background, f"-w {scratch}/seen.pcap --json --count 1").started()
    monitor.send(arp(VIP))
    assert len(monitor.ended(None)[0]) == 2
    assert os.path.getsize(scratch / "seen.pcap") == 24 + 2 * (16 + 42)


def test_pcap_into_a_pipe(attached, background):
    """tshark reads from it, and a packet is there as soon as the frame was."""
    need("tshark")
    monitor = Monitor(attached, background, "-w -", text=False).started()
    seen = [monitor.process.stdout.read(24)]  # the file's header, before any packet
    assert seen[0][:4] == struct.pack("=I", 0xA1B23C4D)
    for _ in range(3):
        monitor.send(arp(VIP))
        seen.append(monitor.process.stdout.read(2 * (16 + 42)))
    monitor.process.send_signal(signal.SIGINT)
    assert monitor.process.wait(HUNG) == 0
    shark = subprocess.run(["tshark", "-r", "-", "-T", "fields", "-e", "arp.opcode"],
                           input=b"".join(seen), capture_output=True, check=True)
    assert shark.stdout.split() == [b"1", b"2"] * 3


def test_tshark_at_the_pipes_end(attached, background):
    need("tshark")
    read, write = os.pipe()
    shark = background(["tshark", "-l", "-r", "-", "-T", "fields", "-e", "arp.opcode"],
                       stdin=read, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    monitor = Monitor(attached, background, "-w - --count 2", stdout=write).started()
    os.close(read)
    os.close(write)
    monitor.send(arp(VIP), arp(NOT_OWNED))
    assert monitor.process.wait(HUNG) == 0
    assert shark.communicate(timeout=HUNG)[0].split() == ["1", "2", "1"]


def test_second_is_refused(attached, background, scratch):
    file = scratch / "seen.pcap"
    first = Monitor(attached, background, f"-w {file}").started()
    first.send(arp(VIP))
    for words in "", f"-w {file}", "--json":
        second = attached.cli(f"monitor {words}", timeout=HUNG)
        assert (second.status, second.out) == (1, "")
        said = "another monitor is running; there can be one at a time"
        expected = json.dumps({"error": said}) if words == "--json" else f"xdp-l2resp: {said}"
        assert second.err == f"{expected}\n"
    first.send(arp(VIP))
    assert "2 shown, 0 lost" in first.ended()[1]
    assert os.path.getsize(file) == 24 + 4 * (16 + 42)
    # its place is free again
    Monitor(attached, background).started().ended()


def test_killed(attached, background):
    """The data path stops by itself; what it recorded until then is nobody's."""
    dead = Monitor(attached, background).started()
    dead.process.kill()
    dead.process.wait()
    assert recording(attached), "until a frame comes after the lease"
    let_pass(LEASE + 0.1, "nobody renews the data path's lease")
    dead.send(arp(VIP))
    assert not recording(attached)
    heir = Monitor(attached, background, "--json --count 1").started()
    heir.send(arp(NOT_OWNED))
    lines, _ = heir.ended(None)
    assert [json.loads(line).get("outcome") for line in lines] == ["arp_not_owned", None]


def test_held_up(attached, background):
    """Stopped for longer than the data path waits, it says that it missed frames, and goes on."""
    monitor = Monitor(attached, background).started()
    monitor.process.send_signal(signal.SIGSTOP)
    let_pass(LEASE + 0.1, "it doesn't renew the data path's lease")
    monitor.send(arp(VIP))
    monitor.process.send_signal(signal.SIGCONT)
    assert "held up" in monitor.process.stderr.readline()
    assert wait_until(lambda: recording(attached))
    monitor.send(arp(NOT_OWNED))
    lines, err = monitor.ended()
    assert len(lines) == 1 and "1 shown, 0 lost" in err


def test_reader_gone(attached, background):
    read, write = os.pipe()
    monitor = Monitor(attached, background, stdout=write).started()
    os.close(write)
    os.close(read)
    assert monitor.process.wait(HUNG) == 0
    assert not recording(attached)


def test_started_before_anything_is_attached(lan, background):
    monitor = Monitor(lan, background, "--count 1")
    assert "nothing is attached yet; waiting" in monitor.process.stderr.readline()
    lan.done(f"add {VIP} dev eth1", "attach eth1")
    monitor.started().send(arp(VIP))
    assert len(monitor.ended(None)[0]) == 2


def test_addresses_but_no_program(lan, background):
    lan.done(f"add {VIP} dev eth1")
    monitor = Monitor(lan, background).started()
    assert "nothing is attached yet; waiting" in monitor.process.stderr.readline()
    monitor.ended()


def test_pins_removed_meanwhile(attached, background):
    monitor = Monitor(attached, background).started()
    attached.done("detach --all", "flush --all")
    _, err = monitor.process.communicate(timeout=HUNG)
    assert monitor.process.returncode == 1 and "was removed; run monitor again" in err


def test_attached_again_meanwhile(attached, background):
    """A program that takes the first one's place is watched as well."""
    monitor = Monitor(attached, background).started()
    attached.done("attach eth1")
    monitor.send(arp(VIP))
    assert len(monitor.ended()[0]) == 2


def test_flood(background):
    """Faster than anybody reads: what isn't shown is counted, to the last frame; and answered."""
    with Lan(client_program=None) as lan:
        lan.done("attach eth1 --mode native", f"add {VIP} dev eth1")
        lines = background(["wc", "-l"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        monitor = Monitor(lan, background, stdout=lines.stdin).started()
        lines.stdin.close()
        cpu = min(os.sched_getaffinity(0))
        flood = json.loads(lan.client.run(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, 1, cpu).stdout)
        monitor.process.send_signal(signal.SIGINT)
        err = monitor.process.communicate(timeout=HUNG)[1]
        shown, lost = map(int, re.search(r"(\d+) shown, (\d+) lost", err).groups())
        asked, answered = asked_and_answered(lan, flood)
        assert shown + lost == asked == answered
        assert shown > 0 and lost > 0, "the flood is no flood"
        assert int(lines.stdout.read()) == 2 * shown


# words: exit status, a part of the sentence
REFUSED = {
    "eth1": (2, "'eth1' is not understood"),
    "dev": (2, "something is missing after 'dev'"),
    "dev eth1 dev eth1": (2, "'dev' is there twice"),
    "addr 10.0.0.256": (2, "'10.0.0.256' is not an address"),
    "outcome answered": (2, "no outcome 'answered'"),
    "--count 0": (2, "--count takes a number from 1"),
    "dev eth1 addr": (2, "something is missing after 'addr'"),
    "--json -w -": (2, "both want standard output"),
    "dev eth9": (1, "eth9"),
    "-w /nonexistent/seen.pcap": (1, "/nonexistent/seen.pcap: No such file or directory"),
    "-w /dev/full": (1, "writing /dev/full: No space left on device"),
}


@pytest.mark.parametrize("words, expected", REFUSED.items(), ids=REFUSED)
def test_refused(attached, words, expected):
    status, sentence = expected
    done = attached.cli(f"monitor {words}", timeout=HUNG)
    assert done.status == status and sentence in done.err and done.out == ""
    assert done.err.count("\n") == 1
    assert not recording(attached)


@pytest.mark.parametrize("name", ["alt1", "longer-than-fifteen-bytes"])
def test_alternative_name(attached, background, name):
    attached.server.ip(f"link property add dev eth1 altname {name}")
    monitor = Monitor(attached, background, f"dev {name}").started()
    monitor.send(arp(VIP))
    assert len(monitor.ended()[0]) == 2
