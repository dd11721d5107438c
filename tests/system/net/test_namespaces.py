#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pins belong to one network namespace; another may have them once it is gone, and its program. An interface takes its program along."""
import os
import re
import socket
import subprocess

import pytest

from fault import killed, requests, write_requests
from lan import CLI, VIP, VIP6, Lan, Namespace, Result, changes, lease, like, run
from wait import wait_until
from wire import Wire, arp

FORMER_VIP, NEW_VIP = VIP, "198.18.10.2"


@pytest.fixture
def other(lan):
    """A namespace whose eth1 has another number than the LAN's server gives its own."""
    namespace = Namespace("other")
    try:
        namespace.ip("link add eth7 type veth peer name eth8",
                     "link add eth1 type veth peer name eth9")
        yield namespace
    finally:
        namespace.close()


def cli_in(namespace, bpffs, command):
    done = subprocess.run(namespace.argv(CLI, "--bpffs", bpffs, *command.split()),
                          capture_output=True, text=True)
    return Result(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("command", ["attach eth1", f"add {NEW_VIP} dev eth1", "flush --all",
                                     f"del {VIP} dev eth1", "list", "status", "stats", "save"])
def test_refused_while_the_program_runs(lan, other, command):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    assert lan.rows("list")[0]["ifindex"] == 2
    before = lan.state()
    result = cli_in(other, lan.bpffs, command)
    assert result.status == 1
    assert re.fullmatch(r"xdp-l2resp: .* serves another network namespace.*--bpffs.*\n", result.err)
    assert result.out == "" and changes(before, lan.state()) == []


BOTH = {FORMER_VIP: "eth1", VIP6: "eth1"}

# name: what the new namespace does first; addresses by device afterwards, as list tells
ADOPTED = {
    "attach": (["attach eth1"], BOTH),
    "list": (["list", "attach eth1"], BOTH),
    "add": ([f"add {NEW_VIP} dev eth1"], BOTH | {NEW_VIP: "eth1"}),
    "add, then attach": ([f"add {NEW_VIP} dev eth1", "attach eth1"],
                         BOTH | {NEW_VIP: "eth1"}),
    "attach of another": (["attach eth7"], BOTH),
    "flush": (["flush --all"], {}),
}


def inherited(other, second=None):
    """Pins of a LAN that is gone, with an address of each family on its eth1, in the hands of another namespace;
    also one on its eth2, of that number."""
    lan = Lan()
    lan.done("attach eth1", f"add {FORMER_VIP} dev eth1", f"add {VIP6} dev eth1")
    if second:
        lan.server.ip(f"link add eth2 index {second} type veth peer name eth3 index {second + 1}")
        lan.done(f"add {NEW_VIP} dev eth2")
    lan.client.close()
    lan.server.close()
    lan.server = other
    assert wait_until(lambda: lan.cli("list").status == 0), lan.cli("list").err
    return lan


@pytest.mark.parametrize("command", [f"del {VIP} dev eth1", "flush dev eth1"])
def test_not_adopted_to_delete(other, command):
    """Whose addresses these are isn't known: what takes away leaves them alone."""
    lan = inherited(other)
    result = lan.cli(command)
    assert result.status == 1 and "served another network namespace" in result.err
    lan.done("detach --all")
    assert [row["ip"] for row in lan.rows("list")] == list(BOTH)
    lan.done("flush --all")


@pytest.mark.parametrize("commands, expected", ADOPTED.values(), ids=ADOPTED)
def test_adopted_once_it_is_gone(other, commands, expected):
    """Interface numbers mean others now: addresses go by their interface's name."""
    lan = inherited(other)
    lan.done(*commands)
    assert {row["ip"]: row["dev"] for row in lan.rows("list")} == expected
    lan.done("detach --all", "flush --all")


def test_leased_ones_are_not_adopted(other):
    """Their agent may be about to delete them; it adds them here itself if it holds the lease."""
    lan = inherited(other)
    lease(lan, 60000)
    lan.done("attach eth1")
    assert [row["ip"] for row in lan.rows("list")] == [VIP6]
    lan.done("detach --all", "flush --all")


@pytest.mark.full
def test_killed_while_they_adopt(other, scratch):
    """At any change: the next attach gives each address to the interface of its name, though another one had that one's number."""
    with other.entered():
        index = socket.if_nametoindex("eth1")
    lan = inherited(other, index)
    numbers = write_requests(requests(lan, "attach eth1", scratch))
    for number in numbers if os.environ.get("XDP_L2RESP_FULL") else numbers[::4]:
        lan.done("detach --all", "flush --all")
        lan = inherited(other, index)
        killed(lan, "attach eth1", number)
        lan.done("attach eth1")
        rows = [row for row in lan.rows("list") if row["dev"] != "eth2"]
        assert {row["ip"]: row["ifindex"] for row in rows} == dict.fromkeys(BOTH, index), number
    lan.done("detach --all", "flush --all")


@pytest.fixture(params=[False, True], ids=["with its index", "with another index"])
def moved(lan, request):
    """A namespace to which eth1 went, with its program and an address; there it is eth0."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    pod = Namespace("pod")
    try:
        if request.param:
            pod.ip("link add eth7 type veth peer name eth8")
        lan.server.ip(f"link set eth1 netns {pod.name}")
        pod.ip("link set eth1 name eth0", "link set eth0 up")
        # RUNNING comes once the kernel's linkwatch work has run
        assert wait_until(lambda: "state UP" in pod.run("ip", "link", "show", "eth0").stdout)
        yield pod
    finally:
        pod.close()


def answers(lan):
    with Wire(lan.client, "eth0") as wire:
        return len(wire.ask(arp(VIP), count=1)) == 1


def silent(lan):
    with Wire(lan.client, "eth0") as wire:
        return not wire.ask(arp(VIP))


FLUSH = "`xdp-l2resp flush dev eth1`"


def findings(namespace, bpffs):
    return {one["check"]: one for one in cli_in(namespace, bpffs, "doctor --json").json["findings"]}


def test_moved_is_said(lan, moved):
    """That it answers on, and where."""
    assert answers(lan)
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "eth1", "answering": True, "responses_sent": 1}])
    assert " answering-elsewhere " in lan.done("list").out
    program = lan.rows("status")[0]["moved"]["prog_id"]
    there = {"dev": "eth0", "ifindex": int, "nsid": int, "prog_id": program, "answering": True}
    for command in "status", "status eth1":
        assert like(lan.rows(command), [{"dev": "eth1", "mode": "none", "prog_id": None, "entries": 1, "moved": there}])
    assert re.fullmatch(r"eth1: was moved to another network namespace, where it is eth0 \(nsid \d+ in .*\), and its program runs on, "
                        rf"prog id {program}, 1 address\n", lan.done("status").out)
    finding = findings(lan.server, lan.bpffs)["interface_gone"]
    assert "where it is eth0" in finding["detail"] and FLUSH in finding["remedy"]
    moved.ip("link set eth0 down")
    assert like(lan.rows("list"), [{"ip": VIP, "answering": False}]) and " link-down " in lan.done("list").out


def test_moved_is_silenced_where_it_was(lan, moved):
    """What detach there can't do, the remedy that it names does."""
    refused = lan.cli("detach eth1")
    assert refused.status == 1 and "where it is eth0" in refused.err and FLUSH in refused.err
    assert FLUSH in lan.done("detach --all").err and answers(lan)
    lan.done(*re.findall("`xdp-l2resp (flush.*?)`", refused.err))
    assert silent(lan)


@pytest.mark.parametrize("own", [True, False], ids=["own pins", "the former ones"])
def test_moved_is_detached_where_it_is(lan, moved, scratch, own):
    bpffs = scratch if own else lan.bpffs
    if own:
        run("mount", "-t", "bpf", "bpf", scratch)
    try:
        if own:
            assert like(cli_in(moved, bpffs, "status --json").json, [{"dev": "eth0", "orphan": True, "entries": 0}])
            assert "eth0 came from another network namespace" in findings(moved, bpffs)["program_stale"]["detail"]
        else:
            assert "`xdp-l2resp detach`" in cli_in(moved, bpffs, "list").err
        assert answers(lan)
        done = cli_in(moved, bpffs, "detach eth0")
        assert (done.status, done.err) == (0, "") and silent(lan)
        assert cli_in(moved, bpffs, "detach eth0").status == 1
    finally:
        if own:
            run("umount", scratch)
    assert like(lan.rows("list"), [{"ip": VIP, "answering": False}])
    assert lan.done("status").out == "eth1: the interface is gone, 1 address\n"


def test_moved_is_taken_over_where_it_is(lan, moved, scratch):
    run("mount", "-t", "bpf", "bpf", scratch)
    try:
        done = cli_in(moved, scratch, "attach eth0")
        assert done.status == 0 and silent(lan), done.err
        assert cli_in(moved, scratch, f"add {VIP} dev eth0").status == 0 and answers(lan)
        assert cli_in(moved, scratch, "detach eth0").status == 0
    finally:
        run("umount", scratch)


def test_moved_and_its_number_is_another_interfaces(lan):
    """It is still told where it answers; and nothing is added to the other one, for which its program would answer."""
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lan.server.ip("link add eth2 type veth peer name eth3")
    with lan.moved_and_its_number_taken() as pod:
        lan.done(f"add {NEW_VIP} dev eth2")
        assert like(lan.rows(f"list {VIP}"), [{"dev": "eth1", "answering": True}]) and answers(lan)
        for command in "list dev pod1", f"del {VIP} dev pod1", "flush dev pod1":
            said = lan.cli(command)
            assert said.status == 1 and "has the number" in said.err
        assert {row["dev"]: row["entries"] for row in lan.rows("status")} == {"eth1": 1, "eth2": 1}
        assert lan.rows("status pod1")[0]["entries"] == 0
        assert "pod1" not in lan.cli("doctor").out
        for command in "attach pod1", f"add {NEW_VIP} dev pod1":
            said = lan.cli(command)
            assert said.status == 1 and "of the former eth1, which was moved to another network namespace, where it is eth1" in said.err
        assert cli_in(pod, lan.bpffs, "detach eth1").status == 0
        lan.done(f"add {NEW_VIP} dev pod1")
        assert {(row["ip"], row["dev"]) for row in lan.rows("list")} == {(VIP, "eth1"), (NEW_VIP, "eth2"), (NEW_VIP, "pod1")}


def test_of_two_numbers_that_others_have(lan):
    """One whose interface has moved with the program keeps no other one from being parked."""
    lan.server.ip("link add lan2 index 77 type veth peer name lan3")
    lan.done("attach eth1", f"add {VIP} dev eth1", f"add {NEW_VIP} dev lan2")
    with lan.moved_and_its_number_taken():
        lan.server.ip("link del lan2", "link add pod2 index 77 type veth peer name peer2")
        lan.done("flush dev pod2")
        assert {(row["ip"], row["dev"]) for row in lan.rows("list")} == {(VIP, "eth1"), (NEW_VIP, "lan2")}


def test_moved_before_the_maps_grew(lan, moved):
    """Its program goes on reading the former ones, which nobody can change: it answers for nothing then."""
    assert answers(lan)
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("add 198.19.0.0/24 dev eth2")
    assert silent(lan)
    assert like(lan.rows(f"list {VIP}"), [{"answering": False}])


def test_moved_before_the_maps_grew_and_its_number_is_another_interfaces(lan):
    lan.done("attach eth1", f"add {VIP} dev eth1")
    lan.server.ip("link add eth2 type veth peer name eth3")
    with lan.moved_and_its_number_taken():
        assert answers(lan)
        lan.done("add 198.19.0.0/24 dev eth2")
        assert silent(lan)
        assert like(lan.rows(f"list {VIP}"), [{"dev": "eth1", "answering": False}])


def test_moved_before_the_maps_could_not_grow(lan, moved):
    """Where a program can't be exchanged, everything stays as it was, with this one, too."""
    lan.server.ip("link add eth2 type veth peer name eth3", "link add br0 type bridge", "link set eth2 master br0")
    lan.done("attach eth2", "attach br0")
    done = lan.cli("add 198.19.0.0/24 dev eth2")
    assert done.status == 1 and "Cannot attach when an upper device already has a program" in done.err, done
    assert answers(lan)
    assert like(lan.rows(f"list {VIP}"), [{"answering": True}])


def test_moved_and_deleted(lan, moved):
    moved.ip("link del eth0")
    assert like(lan.rows("list"), [{"ip": VIP, "answering": False}])
    assert lan.done("status").out == "eth1: the interface is gone, 1 address\n"
