#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""add, del, list, flush, import, save: which addresses there are afterwards."""
import ipaddress
import json
import os
import stat
import subprocess

import pytest

from lan import PASS, SERVER_MAC, VIP, VIP6, VIP_MAC, in_v6, lease, waits_for_a_lock, writers_lock
from wait import HUNG, wait_until

FAMILIES = {"IPv4": str, "IPv6": in_v6}
each_family = pytest.mark.parametrize("words", FAMILIES.values(), ids=FAMILIES)

SECOND = "link add eth2 address 02:00:00:00:00:07 type veth peer name eth3"
THREE = "198.18.10.1-198.18.10.3"


def ips(*last_bytes):
    return [f"198.18.10.{byte} eth1" for byte in last_bytes]


# name: commands before; the command, its exit status, what it prints with --json; addresses then
CONTRACT = {
    "list of nothing": ([], "list", 0, [], ips()),
    "add one": ([], "add 198.18.10.1 dev eth1", 0, {"added": 1, "present": 0}, ips(1)),
    "add a range": ([], f"add {THREE} dev eth1", 0, {"added": 3, "present": 0}, ips(1, 2, 3)),
    "add a range of one": ([], "add 198.18.10.1-198.18.10.1 dev eth1", 0,
                           {"added": 1, "present": 0}, ips(1)),
    "add a prefix: every address in it": ([], "add 198.18.10.0/24 dev eth1", 0,
                                          {"added": 256, "present": 0}, ips(*range(256))),
    "add /32": ([], "add 198.18.10.1/32 dev eth1", 0, {"added": 1, "present": 0}, ips(1)),
    "add the same again": (["add 198.18.10.1 dev eth1"], "add 198.18.10.1 dev eth1", 0,
                           {"added": 0, "present": 1}, ips(1)),
    "add the same, its MAC spelt out": (
        ["add 198.18.10.1 dev eth1"], f"add 198.18.10.1 dev eth1 mac {SERVER_MAC}", 0,
        {"added": 0, "present": 1}, ips(1)),
    "add what is partly there": (["add 198.18.10.2 dev eth1"], f"add {THREE} dev eth1", 0,
                                 {"added": 2, "present": 1}, ips(1, 2, 3)),
    "add with another MAC": (["add 198.18.10.1 dev eth1"],
                             f"add 198.18.10.1 dev eth1 mac {VIP_MAC}", 1, None, ips(1)),
    "add a range, one with another MAC": (
        [f"add 198.18.10.2 dev eth1 mac {VIP_MAC}"], f"add {THREE} dev eth1", 1, None, ips(2)),
    "add on a second interface": (
        ["add 198.18.10.1 dev eth1"], f"add 198.18.10.1 dev eth2 mac {VIP_MAC}", 0,
        {"added": 1, "present": 0}, ips(1) + ["198.18.10.1 eth2"]),
    "del one": ([f"add {THREE} dev eth1"], "del 198.18.10.2 dev eth1", 0, {"deleted": 1},
                ips(1, 3)),
    "del a range, what is there": ([f"add {THREE} dev eth1"], "del 198.18.10.0/31 dev eth1", 0,
                                   {"deleted": 1}, ips(2, 3)),
    "del of an absent one": (["add 198.18.10.1 dev eth1"], "del 198.18.10.2 dev eth1", 1, None,
                             ips(1)),
    "del of an absent range": (["add 198.18.10.1 dev eth1"], "del 198.18.10.2/31 dev eth1", 1,
                               None, ips(1)),
    "del of one on another interface": (["add 198.18.10.1 dev eth1"], "del 198.18.10.1 dev eth2",
                                        1, None, ips(1)),
    "del with nothing pinned": ([], "del 198.18.10.1 dev eth1", 1, None, ips()),
    "flush one interface": (["add 198.18.10.1 dev eth1", "add 198.18.10.2 dev eth2"],
                            "flush dev eth1", 0, {"deleted": 1}, ["198.18.10.2 eth2"]),
    "flush an interface without any": (["add 198.18.10.1 dev eth1"], "flush dev eth2", 0,
                                       {"deleted": 0}, ips(1)),
    "flush --all": ([f"add {THREE} dev eth1", "add 198.18.10.2 dev eth2"], "flush --all", 0,
                    {"deleted": 4}, ips()),
    "flush with nothing pinned": ([], "flush dev eth1", 0, {"deleted": 0}, ips()),
    "flush --all with nothing pinned": ([], "flush --all", 0, {"deleted": 0}, ips()),
    "save of nothing": ([], "save", 1, None, ips()),
}


def shown(words, address):
    """As list shows an address of CONTRACT that words() turns into its family's."""
    ip, dev = address.split()
    return f"{ipaddress.ip_address(words(ip))} {dev}"


def addresses(lan):
    return [f"{row['ip']} {row['dev']}" for row in lan.rows("list")]


@each_family
@pytest.mark.parametrize("given, command, status, printed, expected", CONTRACT.values(),
                         ids=CONTRACT)
def test_contract(lan, given, command, status, printed, expected, words):
    lan.server.ip(SECOND)
    lan.done(*map(words, given))
    result = lan.cli(f"{words(command)} --json")
    assert result.status == status, result.err
    if printed is not None:
        assert result.json == printed
    assert addresses(lan) == [shown(words, address) for address in expected]


# name: commands before; the command, its exit status, what it prints; "ip override" then
OVERRIDE = {
    "on unless said": ([], f"add {VIP6} dev eth1", 0, {"added": 1, "present": 0},
                       {VIP6: True}),
    "off": ([], f"add {VIP6} dev eth1 override off", 0, {"added": 1, "present": 0},
            {VIP6: False}),
    "off, a MAC of its own": ([], f"add {VIP6} dev eth1 mac {VIP_MAC} override off", 0,
                              {"added": 1, "present": 0}, {VIP6: False}),
    "off again": ([f"add {VIP6} dev eth1 override off"], f"add {VIP6} dev eth1 override off", 0,
                  {"added": 0, "present": 1}, {VIP6: False}),
    "on where it is off": ([f"add {VIP6} dev eth1 override off"], f"add {VIP6} dev eth1", 1, None,
                           {VIP6: False}),
    "off where it is on": ([f"add {VIP6} dev eth1"], f"add {VIP6} dev eth1 override off", 1, None,
                           {VIP6: True}),
    "not of IPv4": ([], "add 198.18.10.1 dev eth1 override off", 2, None, {}),
    "none in a row of IPv4": ([], "add 198.18.10.1 dev eth1", 0, {"added": 1, "present": 0},
                              {"198.18.10.1": None}),
}


@pytest.mark.parametrize("given, command, status, printed, expected", OVERRIDE.values(),
                         ids=OVERRIDE)
def test_override(lan, given, command, status, printed, expected):
    lan.done(*given)
    result = lan.cli(f"{command} --json")
    assert (result.status, result.out and result.json) == (status, printed or ""), result.err
    assert {row["ip"]: row.get("override") for row in lan.rows("list")} == expected
    listed = lan.done("list").out
    assert ("override off" in listed) == (False in expected.values()), listed


def test_both_families_together(lan):
    """Sorted by interface, IPv4 first; deleted each by its own range; counted together."""
    lan.server.ip(SECOND)
    lan.done("add 2001:db8::2 dev eth2", "add fe80::1 dev eth1", "add 2001:db8::/126 dev eth1",
             "add 198.18.10.2 dev eth2", "add 198.18.10.0/31 dev eth1", "attach eth1")
    assert addresses(lan) == [
        "198.18.10.0 eth1", "198.18.10.1 eth1", "2001:db8:: eth1", "2001:db8::1 eth1",
        "2001:db8::2 eth1", "2001:db8::3 eth1", "fe80::1 eth1", "198.18.10.2 eth2",
        "2001:db8::2 eth2"]
    assert lan.rows("status eth1")[0]["entries"] == 7
    assert lan.rows("del 2000::-3000:: dev eth1") == {"deleted": 4}
    assert lan.rows("status eth1")[0]["entries"] == 3
    assert lan.rows("flush dev eth2") == {"deleted": 2}
    assert addresses(lan) == ["198.18.10.0 eth1", "198.18.10.1 eth1", "fe80::1 eth1"]


def test_list_of_one_interface(lan):
    lan.server.ip(SECOND)
    lan.done("add 198.18.10.1 dev eth1", "add 198.18.10.2 dev eth2")
    assert [row["ip"] for row in lan.rows("list dev eth2")] == ["198.18.10.2"]


def test_flush_all_removes_the_pins(lan):
    """Once the program runs nowhere, not before."""
    lan.done("attach eth1", "add 198.18.10.1 dev eth1", "flush --all")
    assert addresses(lan) == [] and lan.pins()
    lan.done("detach --all", "flush --all")
    assert lan.pins() == {}


def test_pins_are_root_s_alone(lan):
    lan.done("add 198.18.10.1 dev eth1")
    modes = lan.server.run("stat", "-c", "%a %F", f"{lan.bpffs}/xdp-l2resp",
                           f"{lan.bpffs}/xdp-l2resp/v1").stdout
    assert modes == "700 directory\n" * 2


# name: attaches one after the other, the addresses of a family that there may be then
BOUNDS = {
    "as said": (["attach eth1 --max-entries 16"], 16),
    "said once": (["attach eth1 --max-entries 16", "attach eth1"], 16),
    "raised": (["attach eth1 --max-entries 16", "attach eth1 --max-entries 700"], 700),
    "lowered": (["attach eth1", "attach eth1 --max-entries 300"], 300),
    "raised, only rehearsed": (["attach eth1 --max-entries 16",
                               "attach eth1 --max-entries 400 --dry-run"], 16),
}


@pytest.mark.parametrize("attaches, expected", BOUNDS.values(), ids=BOUNDS)
def test_max_entries(lan, attaches, expected):
    lan.done(attaches[0], f"add {THREE} dev eth1 mac {VIP_MAC}", *attaches[1:])
    assert addresses(lan) == ips(1, 2, 3)
    rest = expected - 3 - 1
    lan.done(f"add 198.19.0.0-198.19.{rest // 256}.{rest % 256} dev eth1")
    assert "full" in lan.cli("add 198.18.11.1 dev eth1").err
    lan.done(f"add 2001:db8::-2001:db8::{expected - 1:x} dev eth1")
    assert "full" in lan.cli("add 2001:db8:1:: dev eth1").err


def bpftool_shows(lan, kind, *which):
    return json.loads(lan.server.run("bpftool", "-j", kind, "show", *which).stdout)


def test_memory_is_as_used(lan):
    """Ten addresses take less than a megabyte in all; room is made for what is added, a family at a time."""
    def room(name):
        return bpftool_shows(lan, "map", "pinned", lan.pin(name))["max_entries"]

    lan.done("attach eth1", "add 198.18.10.1-198.18.10.5 dev eth1", "add 2001:db8::1-2001:db8::5 dev eth1")
    [status] = lan.rows("status")
    maps = [bpftool_shows(lan, "map", "pinned", path) for path in lan.pins() if not os.path.isdir(path)]
    taken = bpftool_shows(lan, "prog", "id", str(status["prog_id"]))["bytes_memlock"] + sum(
        # per-CPU, as of two CPUs
        one["bytes_memlock"] * 2 // os.cpu_count() if one["type"] == "percpu_array" else one["bytes_memlock"]
        for one in maps)
    print(f"{taken / 1024:.0f} KB, of which", {one["name"]: f"{one['bytes_memlock'] / 1024:.0f}" for one in maps})
    assert taken < 1 << 20
    first = room("responder_v4")
    assert lan.map_dump("meta")[0]["value"]["max_entries"] == 1 << 20
    for count, expected in (first, first), (first + 1, 2 * first), (5 * first, 8 * first):
        lan.done(f"add 198.19.0.0-198.19.{(count - 6) // 256}.{(count - 6) % 256} dev eth1")
        assert (len(lan.map_dump("responder_v4")), room("responder_v4")) == (count, expected)
    assert room("responder_v6") == first

LINES = f"""# comments, blank lines, white space

198.18.10.1 dev eth1
\t198.18.10.2-198.18.10.3   dev eth1 # and what follows
198.18.10.4/31 dev eth2 mac {VIP_MAC}
198.18.10.1 dev eth1
2001:DB8:0::/127 dev eth1
fe80::1 dev eth2 override off
2001:db8::5 dev eth2 mac {VIP_MAC} override off
"""
ON, OFF, NONE = True, False, None
IMPORTED = [("198.18.10.1", "eth1", SERVER_MAC, False, NONE),
            ("198.18.10.2", "eth1", SERVER_MAC, False, NONE),
            ("198.18.10.3", "eth1", SERVER_MAC, False, NONE),
            ("2001:db8::", "eth1", SERVER_MAC, False, ON),
            ("2001:db8::1", "eth1", SERVER_MAC, False, ON),
            ("198.18.10.4", "eth2", VIP_MAC, True, NONE),
            ("198.18.10.5", "eth2", VIP_MAC, True, NONE),
            ("2001:db8::5", "eth2", VIP_MAC, True, OFF),
            ("fe80::1", "eth2", "02:00:00:00:00:07", False, OFF)]


def listed(lan):
    return [(row["ip"], row["dev"], row["mac"], row["mac_fixed"], row.get("override"))
            for row in lan.rows("list")]


@pytest.mark.parametrize("source", ["file", "standard input"])
def test_import(lan, scratch, source):
    lan.server.ip(SECOND)
    lan.enable_ipv6()
    lan.server.sysctl("net.ipv6.conf.eth2.disable_ipv6=0")
    file = scratch / "addresses"
    file.write_text(LINES)
    if source == "file":
        result = lan.done(f"import {file} --json")
    else:
        result = lan.cli("import - --json", input=LINES)
    assert result.status == 0 and result.err == ""
    assert result.json["added"] == len(IMPORTED)
    assert listed(lan) == IMPORTED
    assert lan.done(f"import {file} --json").json["added"] == 0


@each_family
@pytest.mark.parametrize("times", [2, 9])
def test_import_of_repetitions(lan, words, times):
    """Room is for what is added: not for what is given twice, nor for what is there."""
    lan.done("attach eth1 --max-entries 16")
    lines = words("198.18.10.0/29 dev eth1\n" * times + "198.18.10.4-198.18.10.15 dev eth1\n")
    for added in 16, 0:
        result = lan.cli("import - --json", input=lines)
        assert result.status == 0, result.err
        assert result.json == {"added": added, "present": 16 - added}
    result = lan.cli("import -", input=lines + words("198.18.10.16 dev eth1\n"))
    assert result.status == 1 and "1 IPv" in result.err


@pytest.mark.parametrize("source", ["file", "standard output"])
def test_save_flush_import(lan, scratch, source):
    """The list is the same afterwards, MACs that follow and fixed ones, with override and without."""
    lan.server.ip(SECOND)
    assert lan.cli("import -", input=LINES).status == 0
    file = scratch / "saved"
    if source == "file":
        lan.done(f"save {file}")
        assert [path.name for path in scratch.iterdir()] == ["saved"]
    else:
        file.write_text(lan.done("save").out)
    lan.done("flush --all")
    assert listed(lan) == []
    lan.done(f"import {file}")
    assert listed(lan) == IMPORTED


def test_save_keeps_what_the_file_is(lan, scratch):
    """Mode, owner and the link to it."""
    lan.done("add 198.18.10.1 dev eth1")
    file, link, nowhere = scratch / "file", scratch / "link", scratch / "nowhere"
    file.write_text("old")
    os.chown(file, 1, 2)
    file.chmod(0o640)
    link.symlink_to("file")
    nowhere.symlink_to("absent")
    assert lan.rows(f"save {link}") == {"saved": 1}
    assert link.is_symlink() and "198.18.10.1 dev eth1\n" in file.read_text()
    assert (file.stat().st_uid, file.stat().st_gid, file.stat().st_mode & 0o7777) == (1, 2, 0o640)
    assert lan.cli(f"save {nowhere}").status == 1 and nowhere.is_symlink()
    lan.done(f"save {scratch}/new")
    assert (scratch / "new").stat().st_mode & 0o7777 == 0o644


def test_save_says_which_interface_is_gone(lan, scratch):
    """Its addresses keep the others from being imported."""
    lan.server.ip("link add gone1 type veth peer name gone2")
    lan.done("add 198.18.10.1 dev eth1", "add 198.18.10.2-198.18.10.3 dev gone1")
    lan.server.ip("link del gone1")
    done = lan.done(f"save {scratch}/file")
    assert done.out == f"3 addresses saved to {scratch}/file\n"
    assert done.err == "xdp-l2resp: note: 2 addresses of gone1, which doesn't exist, were saved; import adds nothing until it exists\n"
    lan.done("flush --all")
    assert lan.cli(f"import {scratch}/file").status == 1 and listed(lan) == []


def test_save_to_what_is_no_file(lan, scratch, background):
    """Into a device and a pipe, which stay; nothing but the addresses comes out."""
    lan.done("add 198.18.10.1 dev eth1")
    device, fifo, stdout = scratch / "device", scratch / "fifo", scratch / "stdout"
    os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.mkfifo(fifo)
    assert lan.done(f"save {device}").out == "" and device.is_char_device()
    reader = background(["cat", fifo], stdout=subprocess.PIPE, text=True)
    assert lan.done(f"save {fifo}").out == "" and fifo.is_fifo()
    assert lan.done("save").out == reader.communicate(timeout=HUNG)[0]
    stdout.symlink_to("/proc/self/fd/1")  # as /dev/stdout is
    assert lan.done(f"save {stdout}").out == lan.done("save").out and stdout.is_symlink()


@pytest.mark.parametrize("ahead", [100000, -100])
def test_leases_in_a_time_namespace(lan, ahead):
    """Its boot clock isn't the one that leases end by."""
    def there(command):
        done = lan.server.run("unshare", "--fork", "-T", "--boottime", ahead, *lan.words(command), check=False)
        return done.returncode, done.stdout, done.stderr

    lan.done("attach eth1", f"add {VIP} dev eth1")
    lease(lan, 60000)
    assert 0 < json.loads(there("list --json")[1])[0]["lease"]["remaining_ms"] <= 60000
    assert there("flush --all")[:2] == (0, "0 addresses deleted\n") and lan.rows("list")
    lease(lan, -1)
    assert " lease-over " in there("list")[1]
    assert there(f"del {VIP} dev eth1")[0] == 0 and lan.rows("list") == []


@each_family
@pytest.mark.parametrize("repair", ["add 198.18.10.1 dev eth1", "add 198.18.10.0/31 dev eth1",
                                    "del 198.18.10.1 dev eth1", "flush dev eth1"])
def test_damaged_entry(lan, words, repair):
    """It is shown for what it is, is there for no add, and goes as others do."""
    lan.done("attach eth1")
    lan.damage(words("198.18.10.1"))
    assert addresses(lan) == [shown(words, "198.18.10.1 eth1")]
    assert [row["answering"] for row in lan.rows("list")] == [False]
    assert " damaged " in lan.done("list").out
    explained = lan.rows(words("explain 198.18.10.1 dev eth1"))
    assert explained["verdict"] == "silent" and "damaged" in explained["checks"][-1]["detail"]
    printed = lan.rows(words(repair))
    if repair.startswith("add"):
        assert printed == {"added": 2 if "/" in repair else 1, "present": 0}
        assert lan.rows(words("explain 198.18.10.1 dev eth1"))["verdict"] == "answer"
        assert all(row["answering"] for row in lan.rows("list"))
    else:
        assert printed == {"deleted": 1} and addresses(lan) == []


def test_interface_names_with_a_hash(lan, scratch):
    """Which the kernel permits: no comment begins there, and what save wrote import reads back."""
    # ip's batches have the flaw that import had
    lan.server.run(*"ip link add eth#2 type veth peer name #eth3".split())
    lines = "# name\n198.18.10.1 dev eth#2 # last\n198.18.10.2 dev #eth3 #last\n"
    assert lan.cli("import -", input=lines).status == 0
    rows = listed(lan)
    assert {row[:2] for row in rows} == {("198.18.10.1", "eth#2"), ("198.18.10.2", "#eth3")}
    lan.done(f"save {scratch}/saved", "flush --all", f"import {scratch}/saved")
    assert listed(lan) == rows


def test_add_says_that_nothing_answers_yet(lan):
    assert "note: nothing answers on eth1" in lan.done("add 198.18.10.1 dev eth1").err
    lan.done("attach eth1")
    assert lan.done("add 198.18.10.2 dev eth1").err == ""


@pytest.mark.parametrize("name", ["alt1", "longer-than-fifteen-bytes"])
def test_alternative_names(lan, scratch, name):
    """ip-link(8)'s altname stands for the interface in every command; beside its name it is one."""
    lan.server.ip(f"link property add dev eth1 altname {name}")
    (scratch / "file").write_text(f"198.18.10.2 dev {name}\n"
                                  "198.18.10.3 dev eth1\n198.18.10.2 dev eth1\n")
    assert len(lan.rows(f"attach {name} eth1")) == 1
    assert lan.rows(f"add 198.18.10.1 dev {name}") == {"added": 1, "present": 0}
    assert lan.rows(f"import {scratch}/file") == {"added": 2, "present": 0}
    for command in "status", "list dev", "stats", "doctor", "explain 198.18.10.1 dev":
        said = lan.cli(f"{command} {name} --json")
        assert said.err == "" and said.out == lan.cli(f"{command} eth1 --json").out
        assert command == "doctor" or '"eth1"' in said.out
    lan.done(f"announce 198.18.10.1 dev {name} --count 1", f"del 198.18.10.1 dev {name}", f"flush dev {name}")
    assert listed(lan) == []
    assert len(lan.rows(f"detach eth1 {name}")) == 1


@pytest.mark.parametrize("command", ["attach eth1", f"add {VIP} dev eth1", f"add {VIP}-198.18.10.2 dev eth1", "import"])
def test_made_anew_while_another_writes(lan, background, scratch, command):
    """The interface is the one that has the name when the lock is had."""
    lan.done("attach eth1", "detach eth1")
    (scratch / "file").write_text(f"{VIP} dev eth1\n198.18.10.2 dev eth1 mac {VIP_MAC}\n")
    if command == "import":
        command += f" {scratch}/file"
    with writers_lock(lan):
        writer = background(lan.argv(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert wait_until(lambda: waits_for_a_lock(writer))
        lan.server.ip("link del eth1")
        lan.make_link(mac="02:00:00:00:00:78")
        lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    assert writer.wait(20) == 0, writer.stderr.read()
    now, = lan.rows("status eth1")
    if command.startswith("attach"):
        assert now["mode"] == "native"
        lan.done(f"add {VIP} dev eth1")
    rows = lan.rows("list")
    assert rows and {row["ifindex"] for row in rows} == {now["ifindex"]}
    assert {row["mac"] for row in rows if not row["mac_fixed"]} == {"02:00:00:00:00:78"}
