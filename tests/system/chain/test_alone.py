#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Where no dispatcher can be had: attached alone all the same, and the reason is said."""
from contextlib import ExitStack
from pathlib import Path

import pytest

from chain import ADD, MS_RDONLY, MS_REMOUNT, mount, mounted, statement
from fault import faulty
from lan import BPFFS

DISPATCHER = "xdp-dispatcher.o"


def refuses_ext(stack, alone_reason, left):
    if "BPF_PROG_TYPE_EXT" not in alone_reason:
        pytest.skip("the kernel permits BPF_PROG_TYPE_EXT")


def no_btf(stack, alone_reason, left):
    """Really so in user-mode Linux; elsewhere the kernel's answers are made to be those of one that has none."""
    if Path("/sys/kernel/btf/vmlinux").exists():
        left("left", "the kernel has BTF, and its answers are changed")
        stack.enter_context(faulty("no-btf"))


def no_bpffs(stack, alone_reason, left):
    stack.enter_context(mounted("none", BPFFS, "tmpfs"))


def read_only_bpffs(stack, alone_reason, left):
    stack.enter_context(mounted("bpf", BPFFS, "bpf"))
    mount("bpf", BPFFS, "bpf", MS_REMOUNT | MS_RDONLY)


def no_dispatcher(stack, alone_reason, left):
    if alone_reason:
        pytest.skip(alone_reason)
    for found in Path("/usr/lib").glob(f"*/bpf/{DISPATCHER}"):
        stack.enter_context(mounted("none", found.parent, "tmpfs"))


# name: how it comes about, what is said
REASONS = {
    "the kernel refuses BPF_PROG_TYPE_EXT": (
        refuses_ext, "the kernel refuses BPF_PROG_TYPE_EXT: Operation not permitted"),
    "the kernel has no BTF": (no_btf, "the kernel has no BTF, which a dispatcher needs"),
    f"no BPF file system at {BPFFS}": (
        no_bpffs, f"no BPF file system at {BPFFS}, where libxdp keeps dispatchers"),
    f"{BPFFS} is read-only": (
        read_only_bpffs, f"{BPFFS}, where libxdp keeps dispatchers, is read-only"),
    "libxdp's dispatcher isn't installed": (
        no_dispatcher, f"libxdp can't open its {DISPATCHER}: No such file or directory"),
}


@pytest.fixture
def elsewhere(lan, scratch):
    """The LAN, its own pins not below /sys/fs/bpf."""
    with mounted("bpf", scratch, "bpf"):
        inside, lan.bpffs = lan.bpffs, str(scratch)
        yield lan
        lan.bpffs = inside


@statement("runs alone, and attach, status and JSON say so, where {}")
@pytest.mark.parametrize("reason", REASONS)
def test_reason(elsewhere, alone_reason, record_property, reason):
    lan = elsewhere
    come_about, said = REASONS[reason]
    with ExitStack() as stack:
        come_about(stack, alone_reason, record_property)
        alone = f"alone (no dispatcher: {said})"
        assert alone in lan.done("attach eth1").out
        lan.done(ADD)
        assert lan.answered() == 3
        assert alone in lan.done("attach eth1").out
        assert alone in lan.done("status").out
        row = lan.row()
        assert (row["chain"], row["chain_reason"]) == (False, said)
        assert row["priority"] is row["position"] is None
        assert lan.answered() == 3
        lan.done("detach eth1")
        assert lan.silent()


@statement("a dispatcher that becomes possible later: status says how to get it")
def test_later(elsewhere, alone_reason):
    lan = elsewhere
    if alone_reason:
        pytest.skip(alone_reason)
    with mounted("none", BPFFS, "tmpfs"):
        lan.done("attach eth1", ADD)
    assert "detach and attach again for one" in lan.row()["chain_reason"]
    lan.done("detach eth1", "attach eth1")
    assert lan.row()["chain"] and lan.answered() == 3
