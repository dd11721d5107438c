#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Many CLIs at once lose nothing; one that is killed, between any two of its requests to the kernel, leaves maps that the next can use."""
import errno
import itertools
import json
import os
import random
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from fault import GETLINK, GROWTH, LOOKUP, SETLINK, UPDATE, UPDATE_BATCH, environment, fill, faulty, interrupted, killed, killed_growth, requests, spread, write_requests
from lan import PASS, SERVER_MAC, VIP, VIP_MAC, lease, like, run, waits_for_a_lock, writers_lock
from wait import HUNG, wait_until
from wire import Wire, arp, arp_reply

# requests that a command is killed at, evenly spread; the full run takes all
STOPS = None if os.environ.get("XDP_L2RESP_FULL") else 15
# of a growth: the map is pinned, and renamed
FOLLOWING_DEVICE = 0
LEASE_FOREVER = 0

ADD = f"add {VIP} dev eth1"


@pytest.fixture
def at_once(lan, background):
    """Runs commands in parallel; (command, exit status, stderr) of each."""
    def run(commands):
        processes = [(command, background(lan.argv(command), stdout=subprocess.DEVNULL,
                                          stderr=subprocess.PIPE, text=True))
                     for command in commands]
        done = [(command, process.communicate()[1], process) for command, process in processes]
        return [(command, process.returncode, said) for command, said, process in done]
    return run


def failures(done):
    return [row for row in done if row[1]]


def ips(lan):
    return [row["ip"] for row in lan.rows("list")]


def block(number, size=64):
    return [f"198.18.{number}.{host}" for host in range(size)]


def sorted_ips(addresses):
    return sorted(set(addresses), key=lambda ip: tuple(map(int, ip.split("."))))


@pytest.mark.parametrize("repetition", range(3))
def test_nothing_is_lost(lan, at_once, scratch, repetition):
    """From nothing pinned: eight that add, two that import, and attaches, all at once."""
    expected = [ip for number in range(10, 18) for ip in block(number)]
    commands = [f"add 198.18.{number}.0/26 dev eth1" for number in range(10, 18)]
    for number in 20, 21:
        addresses = [f"198.18.{number + part}.{host}" for part in (0, 10, 20)
                     for host in range(256)]
        expected += addresses
        (scratch / f"{number}").write_text("".join(f"{ip} dev eth1\n" for ip in addresses))
        commands.append(f"import {scratch}/{number}")
    commands += ["attach eth1"] * 3 + ["list", "status"]
    random.Random(repetition).shuffle(commands)
    done = at_once(commands)
    assert failures(done) == []
    assert ips(lan) == sorted_ips(expected)
    assert all(row["answering"] for row in lan.rows("list"))
    assert [row["entries"] for row in lan.rows("status")] == [len(set(expected))]


def test_one_by_one(lan, at_once):
    """Single additions and deletions, which look at one element each."""
    lan.done("add 198.18.11.0/24 dev eth1")
    commands = [f"add {ip} dev eth1" for ip in block(10, 32)]
    commands += [f"del {ip} dev eth1" for ip in block(11, 32)]
    assert failures(at_once(commands)) == []
    assert ips(lan) == block(10, 32) + block(11, 256)[32:]


def test_the_same_address(lan, at_once):
    """With the same MAC all succeed, and it is there once."""
    assert failures(at_once([f"add {VIP} dev eth1"] * 12)) == []
    assert ips(lan) == [VIP]


def test_the_same_address_with_two_macs(lan, at_once):
    """The first wins; whoever has the other MAC is told."""
    macs = [SERVER_MAC, VIP_MAC]
    done = at_once([f"add {VIP} dev eth1 mac {mac}" for mac in macs * 6])
    row, = lan.rows("list")
    lost = [command for command, status, _ in done if status]
    assert lost == [command for command, *_ in done if not command.endswith(row["mac"])]
    assert len(lost) == 6 and all("another MAC" in said for *_, said in failures(done))


def test_more_than_fits(lan, at_once):
    """Each range is added whole or not at all, and as many as there is room for."""
    lan.done("attach eth1 --max-entries 256")
    done = at_once([f"add 198.18.{number}.0/26 dev eth1" for number in range(10, 18)])
    assert len(failures(done)) == 4
    added = [int(command.split(".")[2]) for command, status, _ in done if not status]
    assert ips(lan) == sorted_ips(ip for number in added for ip in block(number))


def test_flush_all_beside_adds(lan, at_once):
    """The pins, and the lock with them, come and go; each command has them whole."""
    for round_ in range(5):
        commands = [f"add 198.18.10.{n} dev eth1" for n in range(6)] + ["flush --all"] * 6
        random.Random(round_).shuffle(commands)
        assert failures(at_once(commands)) == []
        left = ips(lan)
        assert set(left) <= set(block(10, 6))
    lan.done("flush --all")
    assert lan.pins() == {}


def test_attach_and_detach(lan, at_once):
    """Whatever the order, each sees what is there; in the end one attach is enough."""
    lan.done(f"add {VIP} dev eth1")
    for _ in range(3):
        done = at_once(["attach eth1", "detach --all", "attach eth1", "detach --all"])
        assert failures(done) == []
    lan.done("attach eth1")
    assert [row["answering"] for row in lan.rows("list")] == [True]


@pytest.mark.full
def test_killed_imports(lan, scratch):
    """At any request to the kernel: the next command works, and what is there is whole."""
    addresses = [f"198.19.{n // 256}.{n % 256}" for n in range(30000)]
    (scratch / "file").write_text("".join(f"{ip} dev eth1\n" for ip in addresses))
    command = f"import {scratch}/file"
    asked = requests(lan, command, scratch)
    lan.done("flush --all")
    writes = [number for number, request in enumerate(asked, 1) if request == ("bpf", UPDATE_BATCH)]
    assert len(writes) > 1
    owned = set(addresses) | {VIP}
    for number in sorted({*spread(len(asked), STOPS and 6), *writes}):
        killed(lan, command, number)
        lan.done(f"add {VIP} dev eth1")
        rows = lan.rows("list")
        assert {row["ip"] for row in rows} <= owned and VIP in {row["ip"] for row in rows}
        assert all((row["mac"], row["mac_fixed"], row["lease"]) == (SERVER_MAC, False, None)
                   for row in rows)
        if number in writes[1:]:
            assert 1 < len(rows) < len(owned)
        lan.done("flush --all")
    lan.done(command, f"add {VIP} dev eth1")
    dump = lan.map_dump("responder_v4")
    assert len(dump) == len(owned)
    for row in dump:
        head = row["value"]["head"]
        assert row["value"]["key"] == row["key"]
        assert bytes(head["mac"]).hex(":") == SERVER_MAC
        assert (head["flags"], head["lease"]) == (FOLLOWING_DEVICE, LEASE_FOREVER)


# name: commands before, and one whose change must be whole
INTERRUPTED = {
    "import": ([], "import {scratch}/file"),
    "add": (["attach eth1"], "add 198.19.0.0/17 dev eth1"),
    "del": (["add 198.19.0.0/18 dev eth1"], "del 198.19.0.0/19 dev eth1"),
    "flush": (["add 198.19.0.0/18 dev eth1"], "flush dev eth1"),
    "flush --all": (["add 198.19.0.0/18 dev eth1"], "flush --all"),
}


@pytest.mark.full("del", "flush", "flush --all", "import")
@pytest.mark.parametrize("change", INTERRUPTED)
def test_signals_amid_a_change(lan, scratch, change):
    """At any request to the kernel: all or nothing, which is what was said; and the status is the signal's."""
    before, command = INTERRUPTED[change]
    command = command.format(scratch=scratch)
    (scratch / "file").write_text("".join(f"198.19.{n // 256}.{n % 256} dev eth1\n" for n in range(40000)))

    def start():
        lan.done("detach --all", "flush --all", *before)
        return ips(lan)

    nothing = start()
    asked = requests(lan, command, scratch)
    whole = ips(lan)
    writes = [number for number, request in enumerate(asked, 1) if request == ("bpf", UPDATE_BATCH)]
    signals = itertools.cycle([signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    done = set()
    for number, which in zip(sorted({*spread(len(asked), STOPS and 6), *writes}), signals):
        assert start() == nothing
        ended = lan.cli(command, env=environment(f"any:{number}:-{int(which)}"))
        assert ended.status == -which, (number, ended.err)
        assert ips(lan) == (whole if ended.out else nothing), number
        done.add(bool(ended.out))
    assert True in done


def test_signal_amid_a_save(lan, scratch):
    """What was to take the file's place isn't left beside it."""
    lan.done(f"add {VIP} dev eth1")
    ended = lan.cli(f"save {scratch}/saved", env=environment(f"fsync:1:-{int(signal.SIGTERM)}"))
    assert ended.status == -signal.SIGTERM
    assert os.listdir(scratch) == ["saved"]


def test_signal_while_another_writes(lan, background):
    """A command that waits for its turn is ended at once."""
    lan.done(f"add {VIP} dev eth1")
    with writers_lock(lan):
        waiting = background(lan.argv("add 198.18.10.2 dev eth1"))
        assert wait_until(lambda: waits_for_a_lock(waiting))
        waiting.terminate()
        assert waiting.wait(HUNG) == -signal.SIGTERM
    assert ips(lan) == [VIP]


def has_open(process, path):
    """Until it ends it may open and close files at any time."""
    try:
        return path in [os.readlink(fd) for fd in Path(f"/proc/{process.pid}/fd").iterdir()]
    except OSError:
        return False


@pytest.mark.parametrize("command", ["list", "status", "stats"])
def test_reader_while_a_pin_is_made(lan, background, scratch, command):
    """What a writer is about to make isn't missing."""
    directory, pin = f"{lan.bpffs}/xdp-l2resp", lan.pin("conflicts")
    lan.done("attach eth1", f"add {VIP} dev eth1")
    with writers_lock(lan):
        os.rename(pin, f"{directory}/aside")
        with open(scratch / "out", "w", encoding="utf-8") as out:
            reader = background(lan.argv(command), stdout=out, stderr=out)
        assert wait_until(lambda: has_open(reader, directory) or reader.poll() is not None)
        assert reader.poll() is None, (scratch / "out").read_text()
        os.rename(f"{directory}/aside", pin)
    assert reader.wait(HUNG) == 0, (scratch / "out").read_text()
    assert "pin" not in (scratch / "out").read_text()


def test_killed_attaches(lan, scratch):
    """With nothing pinned before: the next attach makes what is missing, and answers."""
    total = len(requests(lan, "attach eth1", scratch))
    lan.done("detach --all", "flush --all")
    for number in spread(total, STOPS):
        killed(lan, "attach eth1", number)
        lan.done("list", "status", "attach eth1", f"add {VIP} dev eth1")
        assert [row["answering"] for row in lan.rows("list")] == [True], number
        lan.done("detach --all", "flush --all")
        assert lan.pins() == {}, number


@pytest.mark.full
def test_killed_while_they_take_over(lan, scratch):
    """The addresses of a former interface: whatever the one after it has got, the next has all."""
    def made_anew():
        lan.server.ip("link del eth1")
        lan.make_link()

    lan.done("attach eth1", f"add {VIP} dev eth1", "add 198.18.10.2 dev eth1")
    made_anew()
    for number in write_requests(requests(lan, "attach eth1", scratch)):
        made_anew()
        killed(lan, "attach eth1", number)
        made_anew()
        lan.done("attach eth1")
        assert like(lan.rows("list"), [{"ip": ip, "ifindex": lan.index("eth1")} for ip in (VIP, "198.18.10.2")]), number
        assert [row["key"] for row in lan.map_dump("devices")] == [lan.index("eth1")], number


def test_reader_beside_writer(lan, background, scratch):
    """list shows whole rows while an import runs."""
    addresses = [f"198.19.{n // 256}.{n % 256}" for n in range(30000)]
    (scratch / "file").write_text("".join(f"{ip} dev eth1\n" for ip in addresses))
    writer = background(lan.argv(f"import {scratch}/file"), stdout=subprocess.DEVNULL)
    owned, looks = set(addresses), 0
    while writer.poll() is None:
        looks += 1
        result = lan.cli("list --json")
        assert result.status == 0, result.err
        rows = json.loads(result.out)
        assert all(row["ip"] in owned and row["mac"] == SERVER_MAC for row in rows)
    assert writer.returncode == 0 and looks
    assert ips(lan) == addresses


@pytest.mark.full
def test_killed_growths(lan, scratch):
    """After the next writer all are answered for, from whichever map is in force."""
    def full():
        lan.cli("detach --all"), lan.cli("flush --all")
        lan.done("attach eth1", f"add {VIP} dev eth1")
        fill(lan, 0)
        return set(ips(lan))

    full()
    total = len(requests(lan, GROWTH, scratch))
    for number in spread(total, STOPS):
        before = full()
        killed(lan, GROWTH, number)
        lan.done("add 198.18.11.2 dev eth1")
        assert set(ips(lan)) - {"198.18.11.1"} == before | {"198.18.11.2"}, number
        with Wire(lan.client, "eth0") as wire:
            assert wire.ask(arp(VIP), arp("198.18.11.2"), count=2) == [arp_reply(VIP), arp_reply("198.18.11.2")], number


def test_growth_that_was_killed_before_the_program_was_swapped(lan, scratch):
    """The map is the larger one already: it's noted in the pins that the program may not know it."""
    later = "198.18.10.77"
    lan.done("attach eth1", f"add {VIP} dev eth1")
    killed_growth(lan, scratch)
    lan.done(f"add {later} dev eth1")
    assert "isn't pinned" not in lan.done("status").out
    assert not lan.map_dump("meta")[0]["value"]["unsettled"]
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP), arp(later), count=2) == [arp_reply(VIP), arp_reply(later)]


def test_a_pin_that_was_removed(lan):
    """A new map takes its place, and the program reads that one."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    os.unlink(lan.pin("responder_v4"))
    later = "198.18.10.77"
    lan.done(f"add {later} dev eth1")
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP), arp(later), count=1) == [arp_reply(later)]


@pytest.fixture
def without_records(lan):
    """Two interfaces with the program and an address each; somebody removes the pin of the records."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link set eth2 up", "link set eth3 up",
                  f"link set eth3 xdpdrv object {PASS} section xdp")
    lan.done("attach eth1 eth2", "add 198.18.10.2 dev eth1", f"add {VIP} dev eth2")
    os.unlink(lan.pin("devices"))
    return lan


def test_maps_that_grow_after_the_records_were_removed(without_records):
    """The program is swapped wherever it runs, and it counts where it did."""
    lan = without_records
    lan.done("add 198.19.0.0/22 dev eth1")
    assert "isn't pinned" not in lan.done("status").out
    with Wire(lan.server, "eth3") as wire:
        assert len(wire.ask(arp(VIP), count=1)) == 1
        lan.done(f"del {VIP} dev eth2")
        assert wire.ask(arp(VIP)) == []
    assert lan.counters("eth2") == {"arp_answered": 1, "arp_not_owned": 1} and lan.counters("eth1") == {}


def test_all_flushed_after_the_records_were_removed(without_records):
    """While the program runs its maps are kept."""
    lan = without_records
    lan.done("flush --all")
    assert os.path.exists(lan.pin("responder_v4"))
    assert {row["dev"] for row in lan.rows("status")} == {"eth1", "eth2"}


PINS = ["meta", "devices", "leases", "counters", "conflicts", "vlans", "events", "trace",
        "trace_control", "filters", "responder_v4", "responder_v6"]


@pytest.mark.parametrize("name", PINS)
def test_a_missing_pin_is_named(lan, name):
    """By all that read the pins, while the program answers; status shows that too. Attach again repairs it."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    os.unlink(lan.pin(name))
    for command in ["status", "status eth1", "list", f"explain {VIP} dev eth1", "stats", "save",
                    f"announce {VIP} dev eth1", "monitor"]:
        result = lan.cli(command)
        assert result.status == 1
        assert result.err.count("\n") == 1 and f" {name}," in result.err, (command, result.err)
        assert result.out.startswith("eth1: native mode") == command.startswith("status")
    diagnosis = lan.cli("doctor")
    assert (diagnosis.status, diagnosis.err) == (1, "") and f" {name}," in diagnosis.out.splitlines()[0], diagnosis.out
    lan.done("attach eth1", f"add {VIP} dev eth1")
    assert [row["answering"] for row in lan.rows("list")] == [True]
    with Wire(lan.client, "eth0") as wire:
        assert wire.ask(arp(VIP), count=1) == [arp_reply(VIP)]


def test_room_taken_by_the_agent(lan, scratch):
    """Between the look at the room and the write of several: they get more room."""
    lan.done("attach eth1", ADD)
    fill(lan, 0)
    lan.done("del 198.19.0.0-198.19.0.1 dev eth1")
    several = "add 198.19.0.0-198.19.0.1 dev eth1"
    asked = requests(lan, several, scratch)
    size = json.loads(run("bpftool", "-j", "map", "show", "pinned", lan.pin("responder_v4")).stdout)["max_entries"]
    lan.done("del 198.19.0.0-198.19.0.1 dev eth1", f"del {VIP} dev eth1", "add 198.18.11.9 dev eth1")
    done = interrupted(lan, several, asked.index(("bpf", UPDATE_BATCH)) + 1, lambda: lease(lan, 60000))
    assert (done.status, done.err) == (0, "")
    rows = {row["ip"]: row["lease"] for row in lan.rows("list")}
    assert len(rows) == size + 1 and rows[VIP] and {"198.19.0.0", "198.19.0.1"} <= rows.keys()


def test_what_the_agent_added_is_not_undone(lan, scratch):
    """Meanwhile it took the room, and added one of the same addresses."""
    several = "198.18.10.0-198.18.10.1 dev eth1"
    lan.done("attach eth1", f"add {several}")
    fill(lan, 0)
    lan.done(f"del {several}")
    asked = requests(lan, f"add {several}", scratch)
    lan.done(f"del {several}")

    def meanwhile():
        lease(lan, 60000)
        lan.damage("198.18.11.77")
    done = interrupted(lan, f"add {several}", asked.index(("bpf", UPDATE_BATCH)) + 1, meanwhile)
    assert done.status == 1 and f"{VIP} is announced by the agent" in done.err, done
    rows = {row["ip"]: row["lease"] for row in lan.rows("list 198.18.0.0/16")}
    assert rows.keys() == {VIP, "198.18.11.77"} and rows[VIP]


def test_added_while_the_agent_deletes_it(lan, scratch):
    """Between the look that finds it there and the one that asks whose it is."""
    lan.done(ADD)
    asked = requests(lan, ADD, scratch)
    looks = [number for number in range(1, len(asked)) if asked[number - 1:number + 1] == [("bpf", UPDATE), ("bpf", LOOKUP)]]
    lease(lan, 60000)
    key = bytes(map(int, VIP.split("."))) + struct.pack("<I", lan.index("eth1"))
    done = interrupted(lan, ADD, looks[-1] + 1, lambda: run(
        "bpftool", "map", "delete", "pinned", lan.pin("responder_v4"), "key", "hex", *key.hex(" ").split()))
    assert (done.status, done.err) == (0, "xdp-l2resp: note: nothing answers on eth1 until `xdp-l2resp attach eth1` has run\n")
    assert like(lan.rows("list"), [{"ip": VIP, "lease": None}])


@pytest.mark.parametrize("command", ["status", "doctor", "flush --all"])
def test_interface_deleted_between_two_questions(lan, scratch, command):
    """What the kernel says then, at each question about links that a command asks; of libbpf's too, from 1.2 on."""
    lan.done("attach eth1")
    asked = requests(lan, command, scratch)
    links = [number for number, what in enumerate(asked, 1) if what == ("netlink", GETLINK)]
    assert links
    for number in links:
        lan.done("attach eth1")
        with faulty(f"any:{number}:{errno.ENODEV}"):
            done = lan.cli(command)
        assert done.err == "", (number, done)


@pytest.mark.parametrize("command, shown", [
    ("status", "eth1: "), ("detach --all", "eth1: detached"), ("doctor", "link_down: eth1 is down")])
def test_kernel_out_of_memory_between_two_questions(lan, scratch, command, shown):
    """No interface is left out silently."""
    def prepare():
        lan.server.ip("link set eth1 up")
        lan.done("attach eth1", ADD)
        lan.server.ip("link set eth1 down")
    prepare()
    asked = lan.server.run(*lan.words(command), check=False, env=environment("any:0:0", scratch / "log"))
    assert shown in asked.stdout
    links = [number for number, line in enumerate((scratch / "log").read_text().splitlines(), 1)
             if line.split()[::2] == ["netlink", str(GETLINK)]]
    assert links
    for number in links:
        prepare()
        with faulty(f"any:{number}:{errno.ENOMEM}"):
            done = lan.cli(command)
        assert shown in done.out or (done.status == 1 and done.err), (number, done)


@pytest.mark.parametrize("flag", ["", " --json"])
def test_detached_before_another_fails(lan, scratch, flag):
    """It is said, though the command fails."""
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("attach eth1 eth2")
    asked = requests(lan, "detach eth1 eth2", scratch)
    *_, second = (number for number, what in enumerate(asked, 1) if what == ("netlink", SETLINK))
    lan.done("attach eth1 eth2")
    with faulty(f"any:{second}:{errno.ENOMEM}"):
        done = lan.cli(f"detach eth1 eth2{flag}")
    assert done.status == 1 and "eth2" in done.err, done
    assert like(done.json, [{"dev": "eth1", "mode": "none"}]) if flag else done.out == "eth1: detached; now not attached, 0 addresses\n"
    assert [row["dev"] for row in lan.rows("status")] == ["eth2"]


def test_interface_deleted_while_detached(lan, scratch):
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("attach eth1 eth2")
    asked = requests(lan, "detach --all", scratch)
    lan.done("attach eth1 eth2")
    first = lan.rows("status")[0]["dev"]
    done = interrupted(lan, "detach --all", asked.index(("netlink", SETLINK)) + 1, lambda: lan.server.ip(f"link del {first}"))
    assert (done.status, done.err) == (0, "")
    assert f"{first}: detached; now the interface is gone" in done.out
    assert lan.rows("status") == []
