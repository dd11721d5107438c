#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each allocation of a command fails: it ends with one sentence, or does what it would have done, and may be run again."""
import signal
import subprocess
from dataclasses import dataclass, field

import pytest

from allocations import Allocations, chosen
from wait import HUNG

DEPTH = 8


@dataclass
class Case:
    command: str
    before: list = field(default_factory=list)
    after: list = field(default_factory=list)
    most: int = 6  # allocations that fail in CI


CASES = {
    "attach": Case("attach eth1", after=["detach --all", "flush --all"], most=12),
    "add": Case("add 198.18.10.0/30 dev eth1", after=["flush --all"]),
    "import": Case("import {scratch}/import", after=["flush --all"]),
    "del": Case("del 198.18.10.0/30 dev eth1", before=["add 198.18.10.0/30 dev eth1"], after=["flush --all"]),
    "detach": Case("detach eth1", before=["attach eth1"], after=["flush --all"]),
    "list": Case("list --json"),
    "status": Case("status --json"),
    "stats": Case("stats --json"),
    "save": Case("save -"),
    "explain": Case("explain 198.18.20.1 dev eth1 --json"),
}
READS = "list", "status", "stats", "save", "explain"
# libxdp 1.3.1 follows the NULL that libbpf returns: a fault of its own
LIBXDP = ["libbpf.so.1", "libxdp.so.1"]
REMOVES = "del", "detach"
SENTENCES = "xdp-l2resp: ", '{"error": '


@pytest.mark.parametrize("name", CASES)
def test_allocations_of_a_command_fail(lan, scratch, name):
    case = CASES[name]
    allocations = Allocations(scratch, DEPTH)
    (scratch / "import").write_text("198.18.10.0/30 dev eth1\n198.18.11.1 dev eth1 mac 02:00:00:00:00:05\n")
    words = lan.words(case.command.format(scratch=scratch))
    if name in READS:
        lan.done("attach eth1", "add 198.18.20.0/30 dev eth1")

    def run(fail=None):
        lan.done(*case.before)
        return lan.server.run(*allocations.prefix(fail), *words, check=False, timeout=HUNG)

    def state():
        """What is to be so after the command, however it was run."""
        modes = [row["mode"] for row in lan.rows("status")]
        return modes, [(row["ip"], row["mac"]) for row in lan.rows("list")]

    def fault_of(done, libraries):
        lines = done.stderr.splitlines()
        if done.returncode == 0:
            return "" if name not in READS or done.stdout == wanted.stdout else f"prints {done.stdout[:200]}"
        if done.returncode == -signal.SIGSEGV and libraries == LIBXDP:
            return lan.cli(case.command).err
        if done.returncode != 1 or not lines or not all(line.startswith(SENTENCES) for line in lines):
            return f"status {done.returncode}: {done.stderr}"
        again = lan.cli(case.command.format(scratch=scratch))
        # it may have been done in spite of the failure: then there is nothing left to remove
        if again.status and not (name in REMOVES and again.status == 1):
            return f"{done.stderr}; then: {again.err}"
        return ""

    wanted = run()
    assert wanted.returncode == 0, wanted.stderr
    wanted_state = state()
    lan.done(*case.after)
    sites = allocations.listed()
    faults, met = [], 0
    for site, *libraries in chosen(sites, case.most):
        try:
            fault = fault_of(run(site), libraries)
            met += allocations.failed()
        except subprocess.TimeoutExpired:
            fault = "hangs"
        if not fault and state() != wanted_state:
            fault = f"leaves {state()}, not {wanted_state}"
        if fault:
            faults.append(f"{site} {libraries}: {fault}")
        lan.done(*case.after)
    print(f"# {name}: {len(sites)} allocations, {met} failed")
    assert not faults, "\n".join(faults)
    assert met > len(chosen(sites, case.most)) / 2
