#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Somebody with root's rights removes, replaces or changes what is pinned while the agent runs: said once, repaired
where it can be, and silence where it can't."""
import fcntl
import json
import os
import shutil
import struct
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP

import pytest

from instead import INSTEAD, remove
from lan import VIP, run
from wait import let_pass, stays, wait_until
from wire import Wire, arp, arp_reply

BY_HAND = "198.18.10.7"
LATE = 20  # seconds: it looks every 5, and the machine may be busy


@pytest.fixture
def lan(lan, scratch):  # pylint: disable=redefined-outer-name
    """With a BPF file system of the test's own that can be unmounted."""
    former, lan.bpffs = lan.bpffs, str(scratch / "bpf")
    os.mkdir(lan.bpffs)
    run("mount", "-t", "bpf", "bpf", lan.bpffs)
    yield lan
    while os.path.ismount(lan.bpffs):
        run("umount", "-l", lan.bpffs)
    lan.bpffs = former


def answers(lan, address=VIP):
    """Several times, since one answer may come late."""
    with Wire(lan.client, "eth0") as wire:
        return any(arp_reply(address) in wire.ask(arp(address)) for _ in range(3))


def answers_again(lan, address=VIP):
    assert wait_until(lambda: answers(lan, address), LATE)


def goes_silent(lan):
    assert wait_until(lambda: not answers(lan), LATE)


def lines(agent):
    return agent.log().splitlines()


def said(agent, text):
    return [line for line in lines(agent) if text in line]


@contextmanager
def few_lines(agent, most):
    """What lasts isn't said again and again."""
    before = len(lines(agent))
    yield
    new = lines(agent)[before:]
    assert len(new) <= most, new


def unready(agent, text):
    assert wait_until(lambda: agent.http("/readyz")[0] == 503 and text in agent.http("/readyz")[1], LATE), \
        agent.http("/readyz")
    assert len(said(agent, text)) <= 3, "by the attachment, by what needs the maps, and by the lease thread"


def ready(agent):
    assert wait_until(agent.ready, LATE), agent.http("/readyz")


def replace(lan, name, *layout):
    """Another map, empty, takes the place of the pinned one."""
    os.unlink(lan.pin(name))
    run("bpftool", "map", "create", lan.pin(name), *layout, "name", "foreign")


def listed(lan):
    """Empty too where a pin is missing just now."""
    said = lan.cli("list --json")
    return {row["ip"] for row in said.json} if said.status == 0 else set()


def map_id(lan, name):
    return json.loads(run("bpftool", "-j", "map", "show", "pinned", lan.pin(name)).stdout)["id"]


def test_removed_pins_come_back(running, lan):
    """The same maps, so that no answer, no count and no address that was added by hand is lost."""
    lan.done(f"add {BY_HAND} dev eth1")
    answers_again(lan)
    names = {path.name: map_id(lan, path.name) for path in Path(lan.pin("leases")).parent.iterdir()}
    prog, sent = lan.rows("status")[0]["prog_id"], lan.responses_sent()

    def back(removed):
        assert wait_until(lambda: all(os.path.exists(lan.pin(name)) for name in names), LATE), running.log()
        assert {name: map_id(lan, name) for name in names if name != "meta"} == \
            {name: number for name, number in names.items() if name != "meta"}
        running.says(f"{lan.bpffs}/xdp-l2resp/v1; pinned again: {removed}\n")

    os.unlink(lan.pin("leases"))
    os.unlink(lan.pin("events"))
    back("leases, events")
    for name in "meta", "devices", "responder_v4":
        os.unlink(lan.pin(name))
    os.unlink(f"{lan.bpffs}/xdp-l2respd")
    back("devices, responder_v4")
    assert wait_until(lambda: os.path.exists(f"{lan.bpffs}/xdp-l2respd"), LATE)
    shutil.rmtree(f"{lan.bpffs}/xdp-l2resp")
    back("devices, leases, counters, conflicts, vlans, events, trace, trace_control, filters, "
         "responder_v4, responder_v6")
    ready(running)
    assert lan.rows("status")[0]["prog_id"] == prog and lan.responses_sent() >= sent
    assert answers(lan) and answers(lan, BY_HAND)
    running.wait_entries((VIP, "eth1"), (BY_HAND, "eth1"))
    running.until(lambda: len(said(running, "repaired")) == 4)


@pytest.mark.parametrize("name, kept", [("devices", True), ("leases", True), ("responder_v4", False)])
def test_a_pin_removed_while_the_agent_is_down(running, lan, name, kept):
    """The program goes on with the map, which only it knows by now. Another one takes its place."""
    lan.done(f"add {BY_HAND} dev eth1")
    running.end(SIGKILL)
    os.unlink(lan.pin(name))
    assert lan.cli("list").err.startswith(f"xdp-l2resp: {lan.bpffs}/xdp-l2resp/v1 lacks the pin of {name}, while the program runs")
    running.start()
    answers_again(lan)
    running.until(lambda: said(running, "repaired") ==
                  [f"xdp-l2respd: repaired: somebody removed pins below {lan.bpffs}/xdp-l2resp/v1; made anew, empty: {name}"])
    ready(running)
    assert answers(lan, BY_HAND) is kept and listed(lan) == ({VIP, BY_HAND} if kept else {VIP})
    assert lan.cli("doctor").status == 0


def test_unmounted_and_mounted_again(running, lan):
    run("umount", "-l", lan.bpffs)
    unready(running, f"{VIP}: the program can't be attached: no BPF file system at {lan.bpffs}; mount one with")
    goes_silent(lan)
    with few_lines(running, 2):
        let_pass(6, "what lasts would be said again")
    run("mount", "-t", "bpf", "bpf", lan.bpffs)
    answers_again(lan)
    ready(running)
    running.wait_entries((VIP, "eth1"))


@pytest.mark.full
def test_mounted_over(running, lan):
    """What it has is pinned there as well."""
    lan.done(f"add {BY_HAND} dev eth1")
    for command in ("mount", "-t", "bpf", "bpf", lan.bpffs), ("umount", lan.bpffs):
        run(*command)
        assert wait_until(lambda: listed(lan) == {VIP, BY_HAND}, LATE), running.log()
        assert stays(lambda: answers(lan) and answers(lan, BY_HAND) and running.ready(), 6)
    assert len(said(running, "repaired: somebody removed pins")) == 1


def test_what_cannot_be_given_up_is_held_and_not_wanted(running, lan):
    """Its entry can't be deleted from maps that nobody can open."""
    run("mount", "-o", "remount,ro", lan.bpffs)
    unready(running, f"{VIP}: the program can't be attached")
    running.shows("sessions  1 begun or resumed; addresses: 0 wanted, 1 held\n", "status", LATE)
    run("mount", "-o", "remount,rw", lan.bpffs)
    running.shows("sessions  1 begun or resumed; addresses: 1 wanted, 1 held\n", "status", LATE)


@pytest.mark.full("leases", "events")
@pytest.mark.parametrize("name", ["leases", "responder_v4", "events", "meta"])
def test_a_foreign_map_under_our_name(running, lan, name):
    """It may be somebody's: it is left alone, and until it is gone nobody knows what the program reads."""
    replace(lan, name, "type", "hash", "key", "4", "value", "4", "entries", "1")
    foreign = map_id(lan, name)
    unready(running, f"{lan.pin(name)} has another layout than this version's")
    goes_silent(lan)
    with few_lines(running, 3):
        let_pass(6, "what lasts would be said again")
    assert not answers(lan) and map_id(lan, name) == foreign
    os.unlink(lan.pin(name))
    answers_again(lan)
    ready(running)


@pytest.mark.full("responder_v4-a directory", "leases-a pinned program")
@pytest.mark.parametrize("name, what", [("leases", "a directory"), ("responder_v4", "a directory"), ("events", "a symbolic link"),
                                        ("leases", "a pinned program"), ("responder_v6", "a pinned link")])
def test_no_map_in_place_of_one(running, lan, name, what):
    os.unlink(lan.pin(name))
    with lan.server.entered():
        INSTEAD[what](lan.pin(name))
    text = f"{lan.pin(name)} is {what}, not a map; remove it\n"
    assert lan.cli("list").err == f"xdp-l2resp: {text}"
    unready(running, text)
    goes_silent(lan)
    remove(lan.pin(name))
    answers_again(lan)
    ready(running)


@pytest.mark.parametrize("what", INSTEAD)
def test_no_map_in_place_of_the_agents_own(agent, lan, what):
    """It isn't started on a pin that isn't its."""
    own = f"{lan.bpffs}/xdp-l2respd"
    with lan.server.entered():
        INSTEAD[what](own)
    started = agent.command("--config", agent.config)
    assert started.status and f"{own} is {what}, not a map; remove it\n" in started.err
    remove(own)
    run("bpftool", "map", "create", own, "type", "hash", "key", "4", "value", "4", "entries", "1", "name", "foreign")
    started = agent.command("--config", agent.config)
    assert started.status and f"{own} is another map than the agent's; remove it\n" in started.err


def test_read_only(running, lan):
    """What it has open it could still write, but it can't see whether it is still what is pinned."""
    run("mount", "-o", "remount,ro", lan.bpffs)
    text = f"the BPF file system at {lan.bpffs} is mounted read-only; run `mount -o remount,rw {lan.bpffs}`\n"
    assert lan.cli("list").err == f"xdp-l2resp: {text}"
    unready(running, f"{VIP}: the program can't be attached: {text}")
    with few_lines(running, 2):
        let_pass(6, "what lasts would be said again")
    run("mount", "-o", "remount,rw", lan.bpffs)
    answers_again(lan)
    ready(running)
    running.end(SIGKILL)
    run("mount", "-o", "remount,ro", lan.bpffs)
    started = running.command("--config", running.config)
    assert started.status and started.err.endswith(text)


def stop_without_the_lock(agent, lan):
    """Stopped while it holds the writers' lock, it would keep all others out."""
    directory = os.open(f"{lan.bpffs}/xdp-l2resp", os.O_RDONLY | os.O_DIRECTORY)
    try:
        while True:
            agent.signal(SIGSTOP)
            assert wait_until(lambda: Path(f"/proc/{agent.process.pid}/stat").read_text().rpartition(")")[2][1] == "T")
            try:
                fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                agent.signal(SIGCONT)
    finally:
        os.close(directory)


def test_a_foreign_map_in_place_of_one_that_the_agent_never_saw(running, lan):
    """The program reads that one, with our entry in it, which nobody can remove: it isn't stamped any more."""
    stop_without_the_lock(running, lan)
    lan.done("add 198.18.64.0/20 dev eth1")  # its map grows, and the program is swapped
    replace(lan, "responder_v4", "type", "hash", "key", "4", "value", "4", "entries", "1")
    running.signal(SIGCONT)
    unready(running, f"{lan.pin('responder_v4')} has another layout than this version's")
    goes_silent(lan)
    assert stays(lambda: not answers(lan), 4)
    os.unlink(lan.pin("responder_v4"))
    answers_again(lan)
    ready(running)


def test_a_map_of_our_layout_under_our_name(running, lan):
    """As another one of ours would pin it: the program is swapped for one that reads it."""
    lan.done(f"add {BY_HAND} dev eth1")
    size = lan.map_sizes("leases")[1]
    replace(lan, "leases", "type", "array", "key", "4", "value", str(size), "entries", "256")
    goes_silent(lan)  # stamps are written into the new one
    answers_again(lan)
    answers_again(lan, BY_HAND)
    ready(running)
    assert len(said(running, "eth1: attached")) == 2


def test_stamps_changed(running, lan):
    for octet in "0", "127":
        run("bpftool", "map", "update", "pinned", lan.pin("leases"), "key", "1", "0", "0", "0", "value", *[octet] * 8)
        answers_again(lan)
        assert wait_until(lambda: running.entries()[VIP, "eth1"]["lease"]["remaining_ms"] <= 2000)
    assert len(said(running, "repaired: the stamp of lease slot 1 was changed by somebody")) == 2
    assert stays(running.ready, 0.5)


def write_device(lan, name, slot):
    """The record of eth1, as bpftool can write it."""
    value = name.ljust(16, b"\0") + struct.pack("<II", slot, 0)
    run("bpftool", "map", "update", "pinned", lan.pin("devices"), "key", "hex",
        *struct.pack("<I", lan.index("eth1")).hex(" ").split(), "value", "hex", *value.hex(" ").split())


@pytest.mark.parametrize("slot", [256, 0x7fffffff, 0xffffffff])
def test_a_slot_for_counts_that_there_is_not(lan, slot):
    """No memory is written that isn't ours: the interface is recorded anew."""
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("attach eth1", f"add {VIP} dev eth1")
    write_device(lan, b"eth1\0", slot)
    lan.done("attach eth2", "list", "status", "stats", "attach eth1")
    assert set(lan.rows("stats")["devices"]) == {"eth1", "eth2"}
    assert {row["counters_slot"] for row in (one["value"] for one in lan.map_dump("devices"))} == {0, 1}
    assert answers(lan)


def test_a_name_without_an_end(lan):
    """It is cut, and not read on; a command that writes corrects it."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    write_device(lan, b"x" * 16, 0x40404040 % 256)
    lan.server.ip("link del eth1")
    assert [row["dev"] for row in lan.rows("list")] == ["x" * 15]


def test_the_agents_own_of_another_user(agent, lan):
    """Where everybody may pin, its owner could have written any name, id or drain."""
    own = f"{lan.bpffs}/xdp-l2respd"
    agent.start()
    agent.end(SIGKILL)
    os.chown(own, 12345, 0)
    os.chmod(own, 0o666)
    started = agent.command("--config", agent.config)
    assert started.status and f"{own} belongs to user 12345; remove it\n" in started.err


@pytest.mark.full
def test_meta_cleared(running, lan):
    run("bpftool", "map", "update", "pinned", lan.pin("meta"), "key", "0", "0", "0", "0",
        "value", *["0"] * lan.map_sizes("meta")[1])
    unready(running, f"{lan.pin('meta')} is of schema version 0, this program's is 1; remove it")
    goes_silent(lan)
    os.unlink(lan.pin("meta"))
    answers_again(lan)
    ready(running)
