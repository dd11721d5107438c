#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Bad input: one sentence, the right exit status, and nothing changed."""
import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from lan import CLI, PASS, SERVER_MAC, VIP, VIP6, VIP_MAC, Lan, Result, changes, need, run
from wait import HUNG

REFUSED, USAGE = 1, 2

ADDED = ["attach eth1", f"add {VIP} dev eth1"]
FULL = ["attach eth1 --max-entries 16", "add 198.18.10.0/28 dev eth1"]
MORE_ROOM = "; `xdp-l2resp attach IFACE --max-entries N` makes room for more"
HALF = ["attach eth1 --max-entries 16", "add 198.18.10.0/29 dev eth1"]

# Words that make no sense, and addresses that nobody may answer for.
MALFORMED = ["nonsense", "198.18.10", "198.18.10.256", "198.18.10.1.1", "198.18.10.1/33",
             "198.18.10.1/", "198.18.10.0/x", "198.18.10.1-", "-198.18.10.1", "0xc6120a01",
             "198.18.10.1/24", "198.18.10.1-198.18.10.2-198.18.10.3", "''",
             "2001:db8", "2001:db8:::1", "2001:db8::g", "[2001:db8::1]", "fe80::1%eth1",
             "2001:db8::1/64", "2001:db8::/129", "2001:db8::1-", "2001:db8::1-198.18.10.1",
             "198.18.10.1-2001:db8::1"]
UNUSABLE = {
    "224.0.0.1": "multicast", "239.255.255.255": "multicast", "127.0.0.1": "loopback",
    "127.255.255.255/32": "loopback", "0.0.0.0": "0.0.0.0", "255.255.255.255": "broadcast",
    "223.255.255.255-224.0.0.0": "multicast", "0.0.0.0/0": "0.0.0.0", "126.0.0.0/7": "loopback",
    "240.0.0.0/4": "broadcast",
    "::": "unspecified address", "::1": "loopback", "ff02::1": "multicast",
    "fe00::/7": "multicast", "::ffff:198.18.10.1": "IPv4", "::/0": "unspecified address"}
MALFORMED_MACS = ["nonsense", "02:00:00:00:00", "02:00:00:00:00:01:02", "02:00:00:00:00:0g",
                  "2:0:0:0:0:1", "02-00-00:00-00-01", "0200:0000:0001",
                  "0200.0000.00", "0200.0000.0001.", "020000000001", "''", "02:00:00:00:00: 1"]
UNUSABLE_MACS = {"01:00:5e:00:00:01": "multicast", "ff:ff:ff:ff:ff:ff": "multicast",
                 "00:00:00:00:00:00": "zero", "01-00-5e-00-00-01": "multicast",
                 "0000.0000.0000": "zero"}


def address_rows():
    for word in MALFORMED:
        yield f"add {word} dev eth1", USAGE, ""
    for word, said in UNUSABLE.items():
        yield f"add {word} dev eth1", REFUSED, said
    for command in "add", "del", "announce":
        yield f"{command} 198.18.10.9-198.18.10.1 dev eth1", REFUSED, "backwards"
        yield f"{command} 2001:db8::9-2001:db8::1 dev eth1", REFUSED, "backwards"
    for command in "del", "announce":
        yield f"{command} nonsense dev eth1", USAGE, "nonsense"
        yield f"{command} 198.18.10.1/24 dev eth1", USAGE, "host bits"
        yield f"{command} 224.0.0.1 dev eth1", REFUSED, "multicast"
        yield f"{command} ff02::1 dev eth1", REFUSED, "multicast"
    for word in MALFORMED_MACS:
        yield f"add 198.18.10.2 dev eth1 mac '{word}'", USAGE, "MAC"
    for word, said in UNUSABLE_MACS.items():
        yield f"add 198.18.10.2 dev eth1 mac {word}", REFUSED, said


# name: commands before; the command, its exit status, what its sentence has
ROWS = {
    "no command": ([], "", USAGE, "command"),
    "no such command": ([], "nonsense", USAGE, "nonsense"),
    "no such command to explain": ([], "help nonsense", USAGE, "nonsense"),
    "help with a word too many": ([], "help attach extra", USAGE, "'extra' is one word too many"),
    "no such option": ([], "attach eth1 --nonsense", USAGE, "--nonsense"),
    "no such letter": ([], "attach eth1 -x", USAGE, "-x"),
    "another command's option": ([], "status --all", USAGE, "--all"),
    "an option without its argument": ([], "attach eth1 --mode", USAGE, "--mode"),
    "a flag with an argument": ([], "status --json=1", USAGE, "--json"),
    "no such mode": ([], "attach eth1 --mode fast", USAGE, "native|skb|auto"),
    "priority no number": ([], "attach eth1 --priority high", USAGE, "high"),
    "max-entries 0": ([], "attach eth1 --max-entries 0", USAGE, "--max-entries"),
    "max-entries negative": ([], "attach eth1 --max-entries -1", USAGE, "--max-entries"),
    "max-entries too many digits": ([], "attach eth1 --max-entries 99999999999", USAGE, ""),
    "watch 0": ([], "stats --watch 0", USAGE, "--watch"),
    "count 0": (ADDED, f"announce {VIP} dev eth1 --count 0", USAGE, "--count"),
    "attach nothing": ([], "attach", USAGE, "interface"),
    "detach nothing": ([], "detach", USAGE, "--all"),
    "detach --all and one": (ADDED, "detach --all eth1", USAGE, "--all"),
    "flush nothing": (ADDED, "flush", USAGE, "dev"),
    "flush --all and one": (ADDED, "flush --all dev eth1", USAGE, "--all"),
    "add nothing": ([], "add", USAGE, ""),
    "add without an interface": ([], f"add {VIP}", USAGE, "dev"),
    "add without its name": ([], f"add {VIP} dev", USAGE, ""),
    "add without dev": ([], f"add {VIP} eth1 eth1", USAGE, "dev"),
    "add with half a MAC": ([], f"add {VIP} dev eth1 mac", USAGE, "mac"),
    "add with a word too many": ([], f"add {VIP} dev eth1 mac {VIP_MAC} x", USAGE, "x"),
    "add with a foreign word": ([], f"add {VIP} dev eth1 vlan 7", USAGE,
                                "'vlan' is not understood; 'mac' or 'override' may stand there"),
    "add with a foreign word, after the MAC": ([], f"add {VIP6} dev eth1 mac {VIP_MAC} vlan 7", USAGE,
                                               "; 'override' may stand there"),
    "override of IPv4": ([], f"add {VIP} dev eth1 override off", USAGE, "IPv6"),
    "override without a word": ([], f"add {VIP6} dev eth1 override", USAGE, "off"),
    "override with another word": ([], f"add {VIP6} dev eth1 override no", USAGE, "no"),
    "override before the MAC": ([], f"add {VIP6} dev eth1 override off mac {VIP_MAC}", USAGE,
                                "mac"),
    "nearly a command": ([], "lits", USAGE, "no command 'lits' (did you mean 'list'?); see"),
    "nearly a command, two letters off": ([], "atach eth1 --jsn", USAGE, "(did you mean 'attach'?)"),
    "nearly another name of a command": ([], "shwo", USAGE, "(did you mean 'show'?)"),
    "nearly a command to explain": ([], "help explian", USAGE, "(did you mean 'explain'?)"),
    "near to no command": ([], "remove", USAGE, "no command 'remove'; see"),
    "two letters off in a word of three": ([], "get", USAGE, "no command 'get'; see"),
    "nearly an option": ([], "list --answred", USAGE,
                         "no option '--answred' (did you mean '--answered'?); see"),
    "nearly an option, with its argument": ([], "attach eth1 --moed=skb", USAGE,
                                            "no option '--moed=skb' (did you mean '--mode'?)"),
    "nearly a global option": ([], "--jsom list", USAGE, "(did you mean '--json'?)"),
    "near to another command's option": ([], "status --al", USAGE, "no option '--al'; see"),
    "a beginning of a command": (ADDED, "l", USAGE, "no command 'l'"),
    "del with a word too many": (ADDED, f"del {VIP} dev eth1 x", USAGE, "'x' is one word too many"),
    "add without any dev": ([], f"add {VIP} {VIP6}", USAGE, f"'dev IFACE' is missing after {VIP6}"),
    "add of no address": ([], "add dev eth1", USAGE, "an address is missing before 'dev'"),
    "add of several, one malformed": (ADDED, f"add 198.18.10.3 198.18.10 {VIP6} dev eth1", USAGE,
                                      "'198.18.10' is not an IP address"),
    "add of several, one multicast": (ADDED, "add 198.18.10.3 224.0.0.1 dev eth1", REFUSED, "224.0.0.1"),
    "add of several, one there with another MAC": (
        ADDED, f"add 198.18.10.3 {VIP} dev eth1 mac {VIP_MAC}", REFUSED, f"{VIP} exists already with another MAC"),
    "add of several, one too many": (HALF, "add 198.18.10.8/29 198.18.11.1 dev eth1", REFUSED, MORE_ROOM),
    "override of several, one IPv4": ([], f"add {VIP6} {VIP} dev eth1 override off", USAGE, "IPv6"),
    "del without dev": (ADDED, f"del {VIP} eth1", USAGE, "'eth1' is not an IP address"),
    "del of several, one absent": (ADDED, f"del {VIP} 198.18.10.3 dev eth1", REFUSED,
                                   "198.18.10.3 dev eth1: no such address"),
    "del of several, a range with none": (ADDED, f"del {VIP} 198.18.11.0/24 dev eth1", REFUSED,
                                          "198.18.11.0/24 dev eth1: no such address"),
    "del of several, one malformed": (ADDED, f"del {VIP} 198.18.10 dev eth1", USAGE,
                                      "'198.18.10' is not an IP address"),
    "list of a malformed address": (ADDED, "list 198.18.10.256", USAGE,
                                    "'198.18.10.256' is not an IP address"),
    "list of host bits": (ADDED, "list 198.18.10.1/24", USAGE, "198.18.10.1/24"),
    "list of an address and a word too many": (ADDED, f"list {VIP} dev eth1 x", USAGE,
                                               "'x' is one word too many"),
    "list of an address on no interface": (ADDED, f"list {VIP} dev", USAGE, "'dev' needs an interface"),
    "another command's letter": (ADDED, "status -4", USAGE, "no option '-4'"),
    "announce without dev": (ADDED, f"announce {VIP} eth1", USAGE, "'eth1' is not understood; 'dev'"),
    "announce without an interface": (ADDED, f"announce {VIP}", USAGE,
                                      f"'dev IFACE' is missing after {VIP}"),
    "announce with a word too many": (ADDED, f"announce {VIP} dev eth1 x", USAGE,
                                      "'x' is one word too many"),
    "explain without an address": (ADDED, "explain dev eth1", USAGE, "an address is missing"),
    "explain without an interface": (ADDED, f"explain {VIP} dev", USAGE, "'dev' needs an interface"),
    "import of two files": (ADDED, "import one two", USAGE, "'two' is one word too many"),
    "list with a foreign word": (ADDED, "list on eth1", USAGE, "eth1"),
    "status with a word too many": (ADDED, "status eth1 eth1", USAGE, "eth1"),
    "import nothing": ([], "import", USAGE, "file"),
    "announce a range": (ADDED, "announce 198.18.10.1-198.18.10.2 dev eth1", USAGE, "one"),

    "no interface: attach": ([], "attach nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: name too long": ([], "attach " + 16 * "x", REFUSED, "no interface"),
    "no interface: add": (ADDED, f"add {VIP} dev nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: del": (ADDED, f"del {VIP} dev nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: list": (ADDED, "list dev nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: list of nothing": ([], "list dev nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: flush": (ADDED, "flush dev nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: detach": (ADDED, "detach nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: detach of two": (ADDED, "detach eth1 nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: status": (ADDED, "status nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: doctor": (ADDED, "doctor nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: stats": (ADDED, "stats nosuch", REFUSED, "no interface 'nosuch'"),
    "no interface: announce": (ADDED, f"announce {VIP} dev nosuch", REFUSED, "'nosuch'"),
    "no Ethernet": ([], "attach lo", REFUSED, "lo is not an Ethernet interface"),
    "no Ethernet: add": ([], f"add {VIP} dev lo", REFUSED, "lo is not an Ethernet interface"),
    "a smaller map than pinned": (FULL, "attach eth1 --max-entries 15", REFUSED, "16"),
    "a larger map, for an interface that refuses": (
        FULL, "attach eth2 --max-entries 32", REFUSED, "another XDP program"),

    "a range larger than the map": (HALF, "add 198.18.11.0/27 dev eth1", REFUSED, "32"),
    "a range larger than the free room": (HALF, "add 198.18.11.0/28 dev eth1", REFUSED, MORE_ROOM),
    "a range larger than the map, IPv6": (HALF, "add 2001:db8::/123 dev eth1", REFUSED, "32"),
    "a range larger than the free room, IPv6": (
        FULL + ["add 2001:db8::/125 dev eth1"], "add 2001:db8:1::/124 dev eth1", REFUSED, "8"),
    "the map is full, IPv6": (
        FULL + ["add 2001:db8::/124 dev eth1"], "add 2001:db8:1::1 dev eth1", REFUSED,
        "16 IPv6 addresses"),
    "a /64": ([], "add 2001:db8::/64 dev eth1", REFUSED,
              "2^64 or more addresses are more than the map holds, 1048576"),
    "a /65": ([], "add 2001:db8::/65 dev eth1", REFUSED, "9223372036854775808 addresses"),
    "another MAC, IPv6": ([f"add {VIP6} dev eth1"], f"add {VIP6} dev eth1 mac {VIP_MAC}", REFUSED,
                          SERVER_MAC),
    "a range larger than the default map": ([], "add 198.0.0.0/8 dev eth1", REFUSED,
                                           f"1048576{MORE_ROOM}"),
    "the map is full": (FULL, "add 198.18.11.1 dev eth1", REFUSED, MORE_ROOM),
    "the map is full, a new interface": (FULL, "add 198.18.10.1 dev eth2", REFUSED, "full"),
    "another MAC": (ADDED, f"add {VIP} dev eth1 mac {VIP_MAC}", REFUSED, SERVER_MAC),
    "another MAC than a fixed one": ([f"add {VIP} dev eth1 mac {VIP_MAC}"],
                                     f"add {VIP} dev eth1", REFUSED, VIP_MAC),
    "another program there": (ADDED, "attach eth2", REFUSED, "another XDP program"),
    "one good, one bad": (ADDED, "attach eth1 eth2", REFUSED, "eth2: another XDP program"),

    "import of no file": (ADDED, "import /nonexistent/file", REFUSED, "/nonexistent/file"),
    "import of a directory": (ADDED, "import /", REFUSED, "directory"),
    "save to no directory": (ADDED, "save /nonexistent/file", REFUSED, "/nonexistent/file"),
}


def one_sentence(result):
    """A line on stderr that begins with the program's name, nothing on stdout."""
    assert re.fullmatch(r"xdp-l2resp: [^\n]+\n", result.err), result.err
    assert result.out == ""


def is_refused(lan, command, status, said):
    """Returns the sentence."""
    before = lan.state()
    result = lan.cli(command)
    assert result.status == status, (result.err, result.out)
    one_sentence(result)
    assert said in result.err
    assert changes(before, lan.state()) == []
    return result.err.removeprefix("xdp-l2resp: ").rstrip("\n")


@pytest.fixture(scope="module")
def lan_after():
    """A LAN on which commands have run: one for all rows, which mustn't change it anyway.

    eth2, where a row means an interface that we were never on, has somebody's program.
    """
    with ExitStack() as stack:
        @cache
        def made(*commands):
            lan = stack.enter_context(Lan())
            lan.server.ip("link add eth2 address 02:00:00:00:00:07 type veth peer name eth3",
                          f"link set eth2 xdpdrv object {PASS} section xdp")
            lan.done(*commands)
            return lan
        yield made


def is_refused_after(lan_after, given, command, status, said):
    try:
        return is_refused(lan_after(*given), command, status, said)
    except AssertionError:
        lan_after.cache_clear()  # it may have changed: not for the next row
        raise


@pytest.mark.parametrize("command, status, said", address_rows(),
                         ids=[command for command, *_ in address_rows()])
def test_bad_words(lan_after, command, status, said):
    is_refused_after(lan_after, ADDED, command, status, said)


@pytest.mark.parametrize("given, command, status, said", ROWS.values(), ids=ROWS)
def test_refused(lan_after, given, command, status, said):
    text = is_refused_after(lan_after, given, command, status, said)
    # one object, the same sentence and exit status
    result = lan_after(*given).cli(f"-j {command}")
    assert (result.status, result.out) == (status, ""), result.err
    assert result.err == json.dumps({"error": text}) + "\n"


@pytest.mark.parametrize("command", ["lits --json", "list --answred -j", "list dev nosuch --json",
                                     "list dev nosuch -vj", "status -j extra extra"])
def test_error_as_json_by_an_option_that_comes_late(lan_after, command):
    assert list(json.loads(lan_after(*ADDED).cli(command).err)) == ["error"]


def test_bad_lines_as_json(lan, scratch):
    """All that is wrong with a file is one object."""
    (scratch / "file").write_text(f"{VIP} dev eth1\n198.18.10 dev eth1\n{VIP} dev nosuch\n")
    result = lan.cli(f"import {scratch}/file --json")
    said = json.loads(result.err)
    assert (result.status, result.out, list(said)) == (REFUSED, "", ["error", "lines"])
    assert said["error"] == f"{scratch}/file: 2 lines in error; nothing imported"
    assert said["lines"] == [
        {"line": 2, "error": "'198.18.10' is not an IP address"},
        {"line": 3, "error": "no interface 'nosuch' in this network namespace"}]


def test_packets_are_not_for_a_terminal(lan):
    lan.done("attach eth1")
    before = lan.state()
    result = lan.on_terminal("monitor --write -")
    assert result.status == USAGE
    one_sentence(result)
    assert "tshark" in result.err
    assert changes(before, lan.state()) == []


def test_a_bundle_is_not_for_a_terminal(lan):
    result = lan.on_terminal("support -")
    assert result.status == USAGE
    one_sentence(result)
    assert "through a pipe" in result.err


BENCH = Path(CLI).parents[1] / "bench/xdp-l2resp-bench"


@pytest.mark.skipif(not BENCH.exists(), reason="the benchmark isn't built")
@pytest.mark.parametrize("option, value", [
    ("--scenario", "bogus"), ("--scenario", "contestants,"), ("--seconds", "-1"), ("--seconds", "nan"),
    ("--addresses", "0"), ("--rounds", "0"), ("--rounds", "1x"), ("--pktgen", "-1")])
def test_benchmark_refused(option, value):
    said = run(str(BENCH), option, value, check=False)
    assert (said.returncode, said.stdout) == (USAGE, "")
    assert re.fullmatch(f"xdp-l2resp-bench: {option} takes .*, not '{value}'\n", said.stderr)


EVERY = ["attach eth1", "detach eth1", "status", f"add {VIP} dev eth1", f"del {VIP} dev eth1",
         "list", "flush --all", "save", "stats", f"announce {VIP} dev eth1"]


@pytest.mark.parametrize("command", EVERY)
@pytest.mark.parametrize("root", ["another file system", "no directory"])
def test_no_bpffs(lan, scratch, command, root):
    """At the root given: nothing is made there."""
    directory = scratch if root == "another file system" else scratch / "none"
    said = f"no BPF file system at {scratch}" if directory == scratch else "No such file"
    result = lan.cli(f"{command} --bpffs {directory}")
    assert result.status == REFUSED
    one_sentence(result)
    assert said in result.err
    assert list(scratch.iterdir()) == [] and lan.rows("status") == []


@pytest.fixture
def anybodys_cli(scratch):
    """The program where anybody may run it."""
    return shutil.copy(CLI, scratch)


@pytest.fixture
def cli_as(lan, anybodys_cli):
    """Runs a command under setpriv."""
    def run_as(privileges, command):
        done = run(*lan.server.argv("setpriv", *privileges, anybodys_cli, "--bpffs", lan.bpffs,
                                    *command.split()), check=False)
        return Result(done.returncode, done.stdout, done.stderr)
    return run_as


NOBODY = ["--reuid=65534", "--regid=65534", "--clear-groups"]
NO_CAPABILITIES = ["--bounding-set=-all", "--inh-caps=-all"]  # root in a container, say


@pytest.mark.parametrize("given", [[], ADDED], ids=["nothing pinned", "attached"])
@pytest.mark.parametrize("command", [*EVERY, "doctor"])
def test_not_root(lan, cli_as, given, command):
    need("setpriv")
    lan.done(*given)
    before = lan.state()
    result = cli_as(NOBODY, command)
    assert changes(before, lan.state()) == []
    if not given and command in ("list", "stats", "status", "doctor"):
        return  # anybody can see that there is nothing
    assert result.status == REFUSED
    one_sentence(result)


@pytest.mark.parametrize("given", [[], ["attach eth1"]], ids=["nothing pinned", "attached"])
def test_root_without_capabilities(lan, cli_as, given):
    need("setpriv")
    lan.done(*given)
    before = lan.state()
    result = cli_as(NO_CAPABILITIES, "attach eth1")
    assert result.status == REFUSED
    one_sentence(result)
    assert changes(before, lan.state()) == []


def test_list_without_capabilities(lan, cli_as):
    """It may read the map, not what is attached: it doesn't claim what it can't know."""
    need("setpriv")
    lan.done(*ADDED)
    result = cli_as(NO_CAPABILITIES, "list --json")
    assert result.status == REFUSED or [row["answering"] for row in result.json] == [True]


def map_create(lan, name, kind, key, value, entries, flags=0):
    """Pins a map of our own making where the program's was."""
    os.unlink(lan.pin(name))
    run("bpftool", "map", "create", lan.pin(name), "type", kind, "key", str(key), "value",
        str(value), "entries", str(entries), "name", name[:15], "flags", str(flags))


# name: the pinned map, and what is there in its place
LAYOUTS = {
    "addresses, another value": ("responder_v4", "hash", 8, 64, 65536),
    "addresses, another key": ("responder_v4", "hash", 4, 24, 65536),
    "addresses, another type": ("responder_v4", "lru_hash", 8, 24, 65536),
    "addresses, not preallocated": ("responder_v4", "hash", 8, 24, 65536, 1),
    "IPv6 addresses, another value": ("responder_v6", "hash", 20, 80, 65536),
    "leases, another size": ("leases", "array", 4, 8, 16),
    "counters, fewer outcomes": ("counters", "percpu_array", 4, 8, 256),
    "meta, another layout": ("meta", "array", 4, 8, 1),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_pinned_map_of_another_layout(lan, layout):
    lan.done(f"add {VIP} dev eth1")
    map_create(lan, *layout)
    before = lan.state()
    for command in EVERY:
        result = lan.cli(command)
        assert result.status == REFUSED, command
        one_sentence(result)
        assert lan.pin(layout[0]) in result.err
    assert changes(before, lan.state()) == []


def test_pinned_maps_of_another_schema(lan):
    """The version that the pins carry is another than the program's."""
    lan.done(f"add {VIP} dev eth1")
    value = run("bpftool", "-j", "map", "lookup", "pinned", lan.pin("meta"), "key", "0", "0", "0",
                "0").stdout
    octets = re.findall(r"0x[0-9a-f]{2}", value[value.index('"value"'):])[:24]
    run("bpftool", "map", "update", "pinned", lan.pin("meta"), "key", "0", "0", "0", "0", "value",
        "0x02", *octets[1:])
    before = lan.state()
    for command in EVERY:
        result = lan.cli(command)
        assert result.status == REFUSED, command
        one_sentence(result)
        assert "schema" in result.err or "version" in result.err
    assert changes(before, lan.state()) == []


def complaints(result, name):
    """Lines of a file that stderr names, each with a sentence; then the summary, one more."""
    *lines, last = result.err.splitlines()
    found = [re.fullmatch(rf"xdp-l2resp: {name}:(\d+): .+", line) for line in lines]
    assert all(found), result.err
    assert re.match(r"xdp-l2resp: .*nothing imported", last), result.err
    return [int(match[1]) for match in found]


# name: a line of a file that is otherwise good
BAD_LINES = {
    "malformed address": "198.18.10 dev eth1",
    "multicast": "224.0.0.1 dev eth1",
    "backwards": "198.18.11.9-198.18.11.1 dev eth1",
    "no such interface": "198.18.11.1 dev nosuch",
    "no interface at all": "198.18.11.1",
    "malformed MAC": "198.18.11.1 dev eth1 mac 02:00",
    "multicast MAC": "198.18.11.1 dev eth1 mac 01:00:5e:00:00:01",
    "a word too many": f"198.18.11.1 dev eth1 mac {VIP_MAC} x",
    "a zero byte": "198.18.11.1 dev eth1 \0",
    "lines that end with CR alone": "# web\r198.18.11.1 dev eth1\r",
    "a line that doesn't end": 4095 * "x",
    "larger than the map": "198.0.0.0/8 dev eth1",
    "malformed IPv6 address": "2001:db8:::1 dev eth1",
    "IPv6 multicast": "ff02::1 dev eth1",
    "a /64": "2001:db8::/64 dev eth1",
    "override of IPv4": "198.18.11.1 dev eth1 override off",
}


@pytest.mark.parametrize("line", BAD_LINES.values(), ids=BAD_LINES)
def test_import_of_a_bad_line(lan, scratch, line):
    lan.done(*ADDED)
    before = lan.state()
    (scratch / "file").write_text(f"198.18.10.2 dev eth1\n{line}\n198.18.10.3 dev eth1\n")
    result = lan.cli(f"import {scratch}/file")
    assert result.status == REFUSED and result.out == ""
    assert complaints(result, f"{scratch}/file") == [2]
    assert changes(before, lan.state()) == []


def test_import_of_lines_that_end_with_crlf(lan, scratch):
    lan.done("attach eth1")
    (scratch / "file").write_bytes(b"# web\r\n198.18.11.1 dev eth1\r\n\r\n198.18.11.2 dev eth1\r\n")
    assert lan.done(f"import {scratch}/file").out == "2 addresses added\n"


def test_import_of_a_file_without_an_end(lan):
    result = lan.cli("import /dev/zero", timeout=HUNG)
    assert result.status == REFUSED and complaints(result, "/dev/zero") == [1]


# name: a file whose lines are good one by one; what its sentence has
BAD_FILES = {
    "one address, two MACs": (f"198.18.10.7 dev eth1\n198.18.10.7 dev eth1 mac {VIP_MAC}\n",
                              "line 2: 198.18.10.7"),
    "there with another MAC": (f"198.18.10.7 dev eth1\n{VIP} dev eth1 mac {VIP_MAC}\n",
                               f"line 2: {VIP}"),
    "more than the free room": ("198.18.10.0/28 dev eth2\n", MORE_ROOM),
}


@pytest.mark.parametrize("text, said", BAD_FILES.values(), ids=BAD_FILES)
def test_import_of_what_does_not_fit(lan, scratch, text, said):
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("attach eth1 --max-entries 16", f"add {VIP} dev eth1")
    before = lan.state()
    (scratch / "file").write_text(text)
    result = lan.cli(f"import {scratch}/file")
    assert result.status == REFUSED
    one_sentence(result)
    assert said in result.err
    assert changes(before, lan.state()) == []
    return result.err.removeprefix("xdp-l2resp: ").rstrip("\n")


def test_import_of_a_million_lines_one_bad(lan, scratch):
    """Line 999,999: it is named, and nothing is imported."""
    lan.done("attach eth1 --max-entries 1000000")
    before = lan.state()
    with open(scratch / "file", "w") as file:
        for number in range(1, 1000001):
            octets = number.to_bytes(3, "big")
            file.write("198.18.10.999 dev eth1\n" if number == 999999 else
                       f"30.{octets[0]}.{octets[1]}.{octets[2]} dev eth1\n")
    result = lan.cli(f"import {scratch}/file")
    assert result.status == REFUSED
    assert complaints(result, f"{scratch}/file") == [999999]
    assert changes(before, lan.state()) == []


@pytest.mark.parametrize("command", ["list", "list --json", "save", "stats --watch 0.1"])
def test_closed_pipe(lan, background, command):
    """Nothing is said, as where SIGPIPE ends a command, status 1, and no endless run."""
    lan.done("attach eth1", "add 198.19.0.0-198.19.39.15 dev eth1")
    writer = background(lan.argv(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                        text=True)
    writer.stdout.readline()
    writer.stdout.close()
    assert writer.stderr.read() == ""
    assert writer.wait(5) == REFUSED


@pytest.mark.parametrize("command", ["list", "status", "stats", "--help", "--version", "save", "support -", "support /dev/full"])
def test_full_disk(lan, background, command):
    lan.done(*ADDED)
    with open("/dev/full", "w") as full:
        writer = background(lan.argv(command), stdout=full, stderr=subprocess.PIPE, text=True)
        said = writer.stderr.read()
    assert writer.wait(5) == REFUSED
    assert re.fullmatch(r"xdp-l2resp: [^\n]*No space left on device\n", said), said
