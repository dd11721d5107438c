#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Pins belong to one network namespace; another may have them once it is gone, and its program."""
import re
import subprocess

import pytest

from lan import CLI, VIP, VIP6, Lan, Namespace, Result, changes
from wait import wait_until

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


def inherited(other):
    """Pins of a LAN that is gone, with an address of each family on its eth1, in the hands of another namespace."""
    lan = Lan()
    lan.done("attach eth1", f"add {FORMER_VIP} dev eth1", f"add {VIP6} dev eth1")
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
