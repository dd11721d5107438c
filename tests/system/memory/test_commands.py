#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""Each allocation of a command that asks an agent, or checks its files, fails: it says what it should, or ends with a sentence."""
import subprocess

import pytest

from allocations import Allocations, chosen
from lan import VIP
from wait import HUNG

# libcurl 7.88 leaves the query out that it has no memory for: a fault of its own
LIBCURL = ["libcurl.so.4", "xdp-l2respd"]
# OpenSSL 3.5 hangs where its start or end lacks memory: a fault of its own
LIBCRYPTO = ["libcrypto.so.3", "libc.so.6"]
DEPTH = 8
SENTENCES = "xdp-l2respd: ", '{"error": '
MOST = 6  # in CI
COMMANDS = {
    "status": ["status", "--json"],
    "status as text": ["status"],
    "show": ["show", "default/web"],
    "who-holds": ["who-holds", VIP],
    "check": ["--check", "--config", "{config}"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_allocations_of_a_command_fail(running, scratch, name):
    allocations = Allocations(scratch, DEPTH)
    words = [word.format(config=running.config) for word in COMMANDS[name]]

    def run(fail=None):
        return subprocess.run(running.lan.server.argv(*allocations.prefix(fail), *running.argv(*words)[-len(words) - 1:]),
                              capture_output=True, text=True, timeout=HUNG)

    wanted = run()
    assert wanted.returncode == 0, wanted.stderr
    sites, faults, met = [site for site in allocations.listed() if site[1:] != LIBCRYPTO], [], 0
    for site, *libraries in chosen(sites, MOST):
        try:
            done = run(site)
            met += allocations.failed()
        except subprocess.TimeoutExpired:
            faults.append(f"{site} {libraries}: hangs")
            continue
        lines = done.stderr.splitlines()
        if done.returncode == 0:
            # figures differ from one time to the next
            fault = len(done.stdout.splitlines()) != len(wanted.stdout.splitlines())
        else:
            # 78: --check can't say that all is well
            ends = (1, 2, 78) if libraries == LIBCURL else (1, 78)
            fault = done.returncode not in ends or not lines or not all(line.startswith(SENTENCES) for line in lines)
        if fault:
            faults.append(f"{site} {libraries}: status {done.returncode}: {done.stderr[:300]}{done.stdout[:300]}")
    print(f"# {name}: {len(sites)} allocations, {met} failed")
    running.wait_ready()
    assert not faults, "\n".join(faults)
    assert met > len(chosen(sites, MOST)) / 2
