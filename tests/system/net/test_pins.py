#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Something else where our maps are pinned, and a BPF file system that can't be written: every command says what it is
and what to do, and changes nothing."""
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from instead import INSTEAD, pin_program
from lan import VIP, run

COMMANDS = ["attach eth1", "attach eth1 --dry-run", "detach eth1", "detach --all", "status", f"add {VIP} dev eth1",
            f"del {VIP} dev eth1", "list", "flush dev eth1", "flush --all", "import -", "save", "stats", "monitor",
            f"announce {VIP} dev eth1", f"explain {VIP} dev eth1"]


@pytest.fixture
def lan(lan, scratch):  # pylint: disable=redefined-outer-name
    """With an address, and a BPF file system of the test's own."""
    former, lan.bpffs = lan.bpffs, str(scratch / "bpf")
    os.mkdir(lan.bpffs)
    run("mount", "-t", "bpf", "bpf", lan.bpffs)
    lan.done("attach eth1", f"add {VIP} dev eth1")
    yield lan
    run("umount", "-l", lan.bpffs)
    lan.bpffs = former


def state(lan):
    """What is where, and the programs on interfaces."""
    found = [(str(path), path.lstat().st_ino, path.lstat().st_mode) for path in sorted(Path(lan.bpffs).rglob("*"))]
    return found, lan.server.run("ip", "-o", "link").stdout


def all_say(lan, text):
    before = state(lan)
    for command in COMMANDS:
        result = lan.cli(command, input="", timeout=10)
        assert (result.status, result.out, result.err) == (1, "", f"xdp-l2resp: {text}\n"), command
    assert state(lan) == before


@pytest.mark.parametrize("what", INSTEAD)
@pytest.mark.parametrize("name", ["meta", "events", "responder_v4"])
def test_no_map(lan, name, what):
    os.unlink(lan.pin(name))
    with lan.server.entered():
        INSTEAD[what](lan.pin(name))
    all_say(lan, f"{lan.pin(name)} is {what}, not a map; remove it")


def test_a_file(lan, scratch):
    (scratch / "file").touch()
    run("mount", "--bind", scratch / "file", lan.pin("events"))
    all_say(lan, f"{lan.pin('events')} is a file, not a map; remove it")


def test_a_link_to_a_program(lan):
    os.unlink(lan.pin("events"))
    pin_program(f"{lan.bpffs}/other")
    os.symlink("../../other", lan.pin("events"))
    all_say(lan, f"{lan.pin('events')} is a symbolic link, not a map; remove it")


@pytest.mark.parametrize("what", [what for what in INSTEAD if what != "a directory"])
@pytest.mark.parametrize("name", ["xdp-l2resp", "xdp-l2resp/v1"])
def test_no_directory(lan, name, what):
    path = f"{lan.bpffs}/{name}"
    shutil.rmtree(path)
    with lan.server.entered():
        INSTEAD[what](path)
    all_say(lan, f"{path} is {what}, not a directory; remove it")


def test_a_pinned_map_for_a_directory(lan):
    path = f"{lan.bpffs}/xdp-l2resp"
    shutil.rmtree(path)
    run("bpftool", "map", "create", path, "type", "hash", "key", "4", "value", "4", "entries", "1", "name", "foreign")
    all_say(lan, f"{path} is a pinned map, not a directory; remove it")


def test_in_the_way_of_a_larger_map(lan):
    os.mkdir(lan.pin("responder_v4_growing"))
    before = state(lan)
    said = lan.cli("add 198.18.64.0/20 dev eth1")
    assert (said.status, said.err) == (1, f"xdp-l2resp: {lan.pin('responder_v4_growing')}: File exists; remove it\n")
    assert state(lan) == before and [row["ip"] for row in lan.rows("list")] == [VIP]


@contextmanager
def read_only(lan, *options):
    run("mount", "-o", ",".join(["remount", "ro", *options]), lan.bpffs)
    yield f"the BPF file system at {lan.bpffs} is mounted read-only; run `mount -o remount,rw {lan.bpffs}`"
    run("mount", "-o", "remount,rw", lan.bpffs)


def test_read_only(lan):
    with read_only(lan) as text:
        all_say(lan, text)
    assert [row["ip"] for row in lan.rows("list")] == [VIP]


def test_read_only_below_the_mount_point(lan):
    """--bpffs may name a directory in it."""
    mounted, lan.bpffs = lan.bpffs, f"{lan.bpffs}/below"
    os.mkdir(lan.bpffs)
    run("mount", "-o", "remount,ro", mounted)
    said = lan.cli("attach eth1")
    lan.bpffs = mounted
    assert said.err == f"xdp-l2resp: the BPF file system at {mounted} is mounted read-only; run `mount -o remount,rw {mounted}`\n"


def test_read_only_by_its_mount_alone(lan):
    """What is pinned can be opened then, but nothing pinned or removed."""
    with read_only(lan, "bind") as text:
        assert [row["ip"] for row in lan.rows("list")] == [VIP]
        for command in "add 198.18.64.0/20 dev eth1", "flush --all":
            lan.done("detach --all")
            before = state(lan)
            said = lan.cli(command)
            assert (said.status, said.err) == (1, f"xdp-l2resp: {text}\n")
            assert state(lan) == before


def test_a_program_whose_pins_are_read_only_is_not_replaced(lan, scratch):
    """By a command with another --bpffs: they can't be opened, but they are there."""
    other = scratch / "other"
    other.mkdir()
    run("mount", "-t", "bpf", "bpf", other)
    with read_only(lan):
        said = lan.cli(f"--bpffs {other} attach eth1")
    run("umount", other)
    assert said.status == 1 and f"runs there with the pins in {lan.bpffs}/xdp-l2resp/v1" in said.err
