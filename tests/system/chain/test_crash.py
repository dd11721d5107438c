#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What a crash, or a cleaner of BPF file systems, leaves: status shows it, two commands recover."""
import os
import shutil
import signal

import pytest

from chain import ADD, LIBXDP_PINS, statement
from lan import ROOT
from test_faults import faulty, setlinks

DISPATCHER = os.environ.get("CHAIN_DISPATCHER", str(ROOT / "build/tests/system/chain/dispatcher.bpf.o"))


def program_gone(lan):
    lan.server.run("xdp-loader", "unload", "eth1", "--all")


def pins_gone(lan):
    shutil.rmtree(f"{lan.bpffs}/xdp-l2resp")


def libxdp_pins_gone(lan):
    shutil.rmtree(LIBXDP_PINS)


def other_version(lan):
    """Attached by a libxdp that isn't ours, and its programs gone."""
    lan.cli("detach eth1")
    lan.server.ip(f"link set eth1 xdpdrv object {DISPATCHER} section xdp")


# name: what happens; what status says, its JSON; must there be a dispatcher
LEFT = {
    "pins without a program": (program_gone, "eth1: not attached, 1 address",
                               {"mode": "none", "orphan": False, "entries": 1}, False),
    "a program without pins": (pins_gone, "its pins are gone: attach again",
                               {"mode": "native", "orphan": True, "entries": 0}, False),
    "a dispatcher without libxdp's pins": (
        libxdp_pins_gone, "a dispatcher whose pins are gone is, which calls nothing",
        {"mode": "none", "orphan": True, "entries": 1}, True),
    "a dispatcher of another libxdp version": (
        other_version, "a dispatcher of another libxdp version is, which calls nothing",
        {"mode": "none", "orphan": True, "entries": 1}, False),
}


@statement("after a crash, {}: status shows it, attach and detach --all recover")
@pytest.mark.parametrize("left", LEFT)
def test_recovery(lan, alone_reason, left):
    happen, said, row, chain = LEFT[left]
    if chain and alone_reason:
        pytest.skip(alone_reason)
    lan.done("attach eth1", ADD)
    for recover in "attach eth1", "detach --all":
        happen(lan)
        assert said in lan.done("status").out
        assert row.items() <= lan.row().items()
        lan.done(recover)
        assert lan.row()["orphan"] is False
        if recover == "attach eth1":
            lan.done(ADD)
            assert lan.answered() == 3
    assert lan.silent()
    assert not any("dispatch" in path for path in lan.libxdp_pins())
    assert " xdp" not in lan.server.run("ip", "link", "show", "eth1").stdout


def leave_two(lan, scratch):
    """Kills an attach when the new program is in the dispatcher, and the old one still is: at the last exchange of the
    interface's program, by which the old one goes."""
    log = scratch / "requests"
    assert faulty(lan, "attach eth1", "netlink", 0, 0, log).status == 0
    *_, last = setlinks(log)
    assert faulty(lan, "attach eth1", "netlink", last, -signal.SIGKILL).status == -signal.SIGKILL
    assert len(lan.ids("xdp_l2resp")) == 2


def findings(lan):
    return [one["check"] for one in lan.cli("doctor --json").json["findings"]]


@statement("killed between attaching the new program and detaching the old one: status and doctor report both, attach leaves one, detach none")
@pytest.mark.parametrize("recover", ["attach eth1", "detach eth1", "detach --all"])
def test_two_of_ours(chained, scratch, recover):
    chained.done("attach eth1 --priority 30", ADD)
    leave_two(chained, scratch)
    assert chained.programs() == chained.loader_programs() == [(30, "xdp_l2resp")] * 2
    assert [one["ours"] for one in chained.row()["programs"]] == [True, True]
    assert ", and 1 more of ours: attach again\n" in chained.done("status eth1").out
    assert "programs_left" in findings(chained)
    assert chained.answered() == 3
    chained.done(recover)
    left = [(30, "xdp_l2resp")] if recover == "attach eth1" else []
    assert chained.loader_programs() == left
    assert chained.answered() == 3 if left else chained.silent()
    assert "programs_left" not in findings(chained)
