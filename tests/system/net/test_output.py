#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is printed: JSON as the contract has it, help, and agreement with bpftool."""
import ipaddress
import os
import random
import re
import subprocess

import pytest

from lan import CLI, PASS, ROOT, SERVER_MAC, VIP, VIP6, VIP_MAC, Lan, like
from wait import wait_until
from wire import Wire, arp, mac_text

COUNTERS = dict.fromkeys(
    ["arp_answered", "arp_sha_mismatch", "arp_not_owned", "arp_lease_over", "arp_conflict",
     "arp_own_mac", "arp_not_request", "arp_other_destination", "arp_bad_sender_mac",
     "arp_bad_sender_ip", "arp_bad_format", "arp_truncated"], int)
STATUS_ROW = {"dev": "eth1", "ifindex": int, "mode": "native", "prog_id": int, "chain": bool,
              "chain_reason": str, "entries": int}
LIST_ROW = {"ip": str, "dev": "eth1", "ifindex": int, "mac": str, "mac_fixed": bool, "mac_stale": False, "vlan": None,
            "lease": None, "answering": bool, "responses_sent": int, "conflicts": int}

# name: commands before; the command; the form of what it prints, options aside
JSON = {
    "status of nothing": ([], "status", []),
    "list of nothing": ([], "list", []),
    "list of nothing on an interface": ([], "list dev eth1", []),
    "stats of nothing": ([], "stats", {"counters": COUNTERS, "devices": {}}),
    "attach": ([], "attach eth1", [STATUS_ROW]),
    "status": (["attach eth1"], "status", [STATUS_ROW | {"entries": 0}]),
    "status of one": (["attach eth1"], "status eth1", [STATUS_ROW]),
    "detach": (["attach eth1"], "detach eth1", [STATUS_ROW | {"mode": "none", "prog_id": None}]),
    "add": ([], f"add {VIP} dev eth1", {"added": 1, "present": 0}),
    "add several": ([], f"add {VIP} {VIP6} 198.18.11.0/30 dev eth1", {"added": 6, "present": 0}),
    "add several, one twice": ([], f"add {VIP} {VIP6} {VIP} dev eth1", {"added": 2, "present": 0}),
    "add several, one there": ([f"add {VIP} dev eth1"], f"add {VIP} {VIP6} dev eth1",
                               {"added": 1, "present": 1}),
    "del": ([f"add {VIP} dev eth1"], f"del {VIP} dev eth1", {"deleted": 1}),
    "del several": ([f"add {VIP} {VIP6} dev eth1"], f"del {VIP} {VIP6} dev eth1", {"deleted": 2}),
    "del several, one twice": (["add 198.18.10.0/30 dev eth1"],
                               f"del {VIP} 198.18.10.0/24 {VIP} dev eth1", {"deleted": 4}),
    "list": (["attach eth1", f"add {VIP} dev eth1"], "list",
             [LIST_ROW | {"ip": VIP, "mac": SERVER_MAC, "mac_fixed": False, "answering": True}]),
    "list, fixed MAC, not attached": (
        [f"add {VIP} dev eth1 mac {VIP_MAC}"], "list",
        [LIST_ROW | {"ip": VIP, "mac": VIP_MAC, "mac_fixed": True, "answering": False}]),
    "list, MAC with dashes": (
        [f"add {VIP} dev eth1 mac 02-00-00-00-00-99"], "list", [LIST_ROW | {"mac": VIP_MAC}]),
    "list, MAC with dots": (
        [f"add {VIP} {VIP6} dev eth1 mac 0200.0000.0099"], "list", [LIST_ROW | {"mac": VIP_MAC}] * 2),
    "list, IPv6": (["attach eth1", f"add {VIP6} dev eth1"], "list",
                   [LIST_ROW | {"ip": VIP6, "override": True, "answering": True}]),
    "stats": (["attach eth1"], "stats", {"counters": COUNTERS, "devices": {"eth1": COUNTERS}}),
    "stats of one": (["attach eth1"], "stats eth1",
                     {"counters": COUNTERS, "devices": {"eth1": COUNTERS}}),
    "announce": (["attach eth1", f"add {VIP} dev eth1"], f"announce {VIP} dev eth1 --count 1",
                 {"ip": VIP, "dev": "eth1", "announced": 1}),
    "announce, IPv6": (["attach eth1", f"add {VIP6} dev eth1"],
                       f"announce {VIP6} dev eth1 --count 1",
                       {"ip": VIP6, "dev": "eth1", "announced": 1}),
    "explain": (["attach eth1", f"add {VIP} dev eth1"], f"explain {VIP} dev eth1",
                {"ip": VIP, "dev": "eth1", "verdict": "answer", "reason": "arp_answered",
                 "checks": [{"name": str, "ok": True, "detail": str}] * 7, "reply": dict}),
    "explain, unattached": ([], f"explain {VIP} dev eth1",
                            {"ip": VIP, "dev": "eth1", "verdict": "silent",
                             "reason": "not_attached", "reply": None}),
    "flush": ([f"add {VIP} dev eth1"], "flush --all", {"deleted": 1}),
}


@pytest.mark.parametrize("given, command, expected", JSON.values(), ids=JSON)
@pytest.mark.parametrize("place", ["--json after", "--json before"])
def test_json(lan, given, command, expected, place):
    lan.done(*given)
    command = f"{command} --json" if place == "--json after" else f"--json {command}"
    printed = lan.done(command).json
    assert like(printed, expected), printed


COMMANDS = ["attach", "detach", "status", "add", "del", "list", "flush", "import", "save", "stats",
            "announce", "explain", "monitor", "doctor"]


def test_help_names_every_command(lan):
    said = lan.done("--help").out
    assert lan.done("help").out == lan.done("-h").out == said
    assert [name for name in COMMANDS if not re.search(rf"^  {name} ", said, re.M)] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(lan, command):
    said = lan.done(f"{command} --help").out
    assert lan.done(f"help {command}").out == said
    assert said.startswith(f"Usage: xdp-l2resp {command} ") and "Example" in said


@pytest.mark.parametrize("alias, command", {"show": "list", "ls": "list", "rm": "del"}.items())
def test_other_names_of_commands(lan, alias, command):
    assert lan.done(f"help {alias}").out == lan.done(f"help {command}").out
    assert re.search(rf"^  {command} .*\(or .*\b{alias}\b.*\)$", lan.done("help").out, re.M)
    lan.done(f"add {VIP} dev eth1")
    words = f"{VIP} dev eth1"
    assert lan.done(f"{alias} {words}").out == {
        "list": f"{VIP} dev eth1 mac {SERVER_MAC} not-attached responses_sent 0\n",
        "del": "eth1: 1 address deleted\n"}[command]


SEVERAL = ["198.18.10.1", "198.18.10.2", "198.18.11.1", "2001:db8::a:1", "2001:db8::b:1"]

# words of list: those of SEVERAL that are shown
SHOWN = {
    "": SEVERAL,
    "198.18.10.2": SEVERAL[1:2],
    "198.18.10.0/24": SEVERAL[:2],
    "198.18.10.2-198.18.11.255": SEVERAL[1:3],
    "198.18.11.1 2001:db8::a:0/112": SEVERAL[2:4],
    "198.18.10.9": [],
    "-4": SEVERAL[:3],
    "--ipv4": SEVERAL[:3],
    "-6": SEVERAL[3:],
    "--ipv6": SEVERAL[3:],
    "-46": SEVERAL,
    "198.18.10.1 2001:db8::b:1 -6": SEVERAL[4:],
    "--answered": [VIP],
    "--answered -6": [],
    "198.18.10.2 --answered": [],
    "198.18.10.1 dev eth1": [VIP],
    "198.18.10.1 eth1": [VIP],
    "dev eth2": ["198.18.10.1"],
    "198.18.10.2 dev eth2": [],
}


@pytest.fixture(scope="module")
def several():
    """Addresses on eth1, one of which answered; one of them on eth2 too."""
    with Lan() as lan:
        lan.server.ip("link add eth2 type veth peer name eth3")
        lan.done("attach eth1", f"add {' '.join(SEVERAL)} dev eth1")
        with Wire(lan.client, "eth0") as wire:
            assert len(wire.ask(arp(VIP), count=1)) == 1
        lan.done("add 198.18.10.1 dev eth2")
        yield lan


@pytest.mark.parametrize("words, shown", SHOWN.items(), ids=SHOWN)
def test_list_of_some(several, words, shown):
    rows = several.rows(f"list {words}")
    on = {"eth2"} if "eth2" in words else {"eth1"}
    assert [row["ip"] for row in rows if row["dev"] in on] == shown
    lines = several.done(f"list {words}").out.splitlines()
    assert [line.split()[:3] for line in lines] == [[row["ip"], "dev", row["dev"]] for row in rows]


def columns_of(table):
    """The cells of a table's rows; each column begins where its title does."""
    title, *rows = table.splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", title)] + [None]
    assert all(row[start - 1] == " " for row in rows for start in starts[1:-1]), table
    return [[line[start:end].strip() for start, end in zip(starts, starts[1:])]
            for line in [title, *rows]]


def test_list_is_a_table_on_a_terminal(several):
    shown = several.on_terminal("list")
    title, *rows = columns_of(shown.out)
    assert (shown.status, shown.err) == (0, "")
    assert title == ["ADDRESS", "INTERFACE", "MAC", "STATE", "ANSWERS", "CONFLICTS", "LEASE"]
    assert rows[0] == [VIP, "eth1", SERVER_MAC, "answering", "1", "0", "-"]
    assert [row[:2] for row in rows] == [[row["ip"], row["dev"]] for row in several.rows("list")]
    assert rows[-1][3] == "not-attached"
    assert several.on_terminal("list -6 --answered").out == ""
    assert several.on_terminal("list --json").out == several.done("list --json").out


def test_a_long_list_is_a_table_on_a_terminal(lan):
    """Wider cells that come later move their columns, and titles aren't repeated."""
    lan.done("add 198.19.0.0-198.19.3.255 2001:db8:ffff:ffff:ffff:ffff:ffff:0/118 dev eth1")
    lines = lan.on_terminal("list").out.splitlines()
    assert len(lines) == 1 + 2048 and [n for n, line in enumerate(lines) if "MAC" in line] == [0]
    ips = [line.split()[0] for line in lines[1:]]
    assert ips == [row["ip"] for row in lan.rows("list")]
    assert len({line.index("eth1") for line in lines[-500:]}) == 1


def test_status_is_a_table_on_a_terminal(lan):
    """Why the program runs alone is said once."""
    lan.server.ip("link add eth2 type veth peer name eth3",
                  f"link set eth3 xdpdrv object {PASS} section xdp")
    lan.done("attach eth1 eth2", f"add {VIP} dev eth1", f"add {VIP6} dev eth3")
    shown = lan.on_terminal("status")
    rows = lan.rows("status")
    table, *reasons = shown.out.split("\n\n")
    title, *cells = columns_of(table)
    assert (shown.status, shown.err) == (0, "")
    assert title == ["INTERFACE", "MODE", "PLACE", "PRIORITY", "PROGRAM", "ADDRESSES", "REMARKS"]
    places = {False: ["alone", "-"], True: ["1 of 1", "20"]}
    for row, cell in zip(rows, cells, strict=True):
        if row["dev"] == "eth3":
            assert cell[1:] == ["-", "-", "-", "-", "1", "not attached, another XDP program is: pass"]
        else:
            assert cell == [row["dev"], "native", *places[row["chain"]], str(row["prog_id"]),
                            str(row["entries"]), "-"]
    expected = {row["chain_reason"] for row in rows} - {""}
    assert reasons == [f"alone: no dispatcher: {reason}\n" for reason in expected]
    assert lan.done("status").out.count("no dispatcher") == sum(not row["chain"] for row in rows[:2])


def test_version(lan):
    """With the commit that it was built from, where that is known."""
    said = re.fullmatch(r"xdp-l2resp \d+\.\d+\.\d+ \((unknown commit|([0-9a-f]{12})\+?)\)\n", lan.done("--version").out)
    assert said
    assert not said[2] or subprocess.run(["git", "-C", ROOT, "cat-file", "-e", said[2]], check=False).returncode == 0


def test_completion_knows_addresses(lan):
    """What shells complete with: what is there, not what it might be."""
    lan.done("attach eth1", f"add {VIP} {VIP6} dev eth1")
    for words, offered in {("del", VIP[:7]): [VIP], ("del", ""): [VIP, VIP6], ("show", VIP, VIP6[:5]): [VIP6],
                           ("add", ""): [], ("del", VIP, "dev", "eth1"): ["eth1"]}.items():
        done = lan.server.run(CLI, "__complete", "--bpffs", lan.bpffs, *words)
        assert [row.partition("\t")[0] for row in done.stdout.splitlines()] == offered, words


def test_names_that_are_not_utf8(lan):
    """The kernel permits any byte in an interface's name, JSON doesn't: nothing is left out for it."""
    name, shown = os.fsdecode(b"\xc3\xa9th\xff"), "\u00e9th\\xff"
    lan.server.run("ip", "link", "add", name, "type", "veth", "peer", "name", "other")
    for dev in name, "other":
        lan.server.run("ip", "link", "set", dev, "up")

    def said(command):
        return lan.cli(f"{command} --json", errors="surrogateescape").json

    assert [row["dev"] for row in said(f"attach {name}")] == [shown]
    assert said(f"add {VIP} dev {name}")["added"] == 1
    assert [row["dev"] for row in said("status")] == [shown]
    assert [row["dev"] for row in said("list")] == [shown]
    assert said("stats")["devices"].keys() == {shown}
    assert said(f"announce {VIP} dev {name} --count 1")["dev"] == shown
    explained = said(f"explain {VIP} dev {name}")
    assert explained["dev"] == shown and explained["checks"][0]["detail"] == f"{shown} is up"
    lan.server.run("ip", "link", "set", name, "down")
    found = said("doctor")["findings"]
    assert ("link_down", shown, f"{shown} is down") in [
        (one["check"], one["dev"], one["detail"]) for one in found]


def test_a_bundle_whose_name_is_not_utf8(lan, scratch):
    name = os.fsdecode(b"\xff.tar.gz")
    assert lan.cli(f"support {scratch}/{name} --json").json == {"file": f"{scratch}/\\xff.tar.gz"}
    assert (scratch / name).exists()


def test_list_agrees_with_bpftool(lan):
    """10,000 addresses, some asked for: the map's dump reads well and says the same."""
    first = ipaddress.ip_address("198.19.0.0")
    owned = [str(first + n) for n in range(10000)]
    # every third has a MAC of its own
    lines = [f"{ip} dev eth1" + (f" mac {VIP_MAC}" if n % 3 == 0 else "")
             for n, ip in enumerate(owned)]
    lan.done("attach eth1")
    assert lan.cli("import -", input="\n".join(lines)).status == 0
    cpus = os.sched_getaffinity(0)
    asked = []
    with Wire(lan.client, "eth0") as wire:
        for cpu in cpus:
            os.sched_setaffinity(0, [cpu])
            some = random.Random(cpu).choices(owned, k=1000)
            assert len(wire.ask(*[arp(ip) for ip in some], count=len(some))) == len(some)
            asked += some
    os.sched_setaffinity(0, cpus)

    dump = {}
    for row in lan.map_dump("responder_v4"):
        key, value = row["key"], row["value"]
        ip = str(ipaddress.ip_address(key["ip4"].to_bytes(4, "little")))
        assert key == value["key"]
        dump[ip] = (key["ifindex"], mac_text(bytes(value["head"]["mac"])),
                    bool(value["head"]["flags"] & 1), value["head"]["lease"],
                    value["responses_sent"])
    rows = lan.rows("list")
    assert [row["ip"] for row in rows] == owned == sorted(dump, key=ipaddress.ip_address)
    listed = {row["ip"]: (row["ifindex"], row["mac"], row["mac_fixed"], 0, row["responses_sent"])
              for row in rows}
    assert listed == dump
    assert {ip: sent for ip, (*_, sent) in dump.items() if sent} == {
        ip: asked.count(ip) for ip in set(asked)}


# pinned map: names that its dump has, with the map's BTF
NAMES = {
    "responder_v4": {"ip4", "ifindex", "head", "mac", "flags", "lease", "responses_sent"},
    "responder_v6": {"ip6", "ifindex", "head", "mac", "flags", "lease", "responses_sent"},
    "leases": {"deadline_ns"},
    "counters": {"count"},
    "devices": {"name", "counters_slot"},
    "meta": {"schema_version", "netns_cookie"},
    "conflicts": {"address", "ifindex", "mac", "count", "last_seen_ns"},
}


@pytest.mark.parametrize("name, expected", NAMES.items(), ids=NAMES)
def test_dump_reads_well(lan, name, expected):
    """What an administrator sees with nothing but bpftool."""
    lan.done("attach eth1", f"add {VIP} dev eth1", f"add {VIP6} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        wire.send(arp(VIP, spa=VIP))  # a conflict
        assert wait_until(lambda: lan.counters().get("arp_conflict"))
    text = lan.server.run("bpftool", "map", "dump", "pinned", lan.pin(name)).stdout
    assert expected <= set(re.findall(r'"(\w+)":', text)), text
