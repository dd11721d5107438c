# SPDX-License-Identifier: GPL-2.0-or-later
"""The CLI where the kernel refuses one of its requests, or where it is killed at one: moments made, not guessed. By
tests/chain/fault.c."""
import os
import signal
from contextlib import contextmanager

from lan import ROOT

FAULT = os.environ.get("NET_FAULT", str(ROOT / "build/tests/net/libfault.so"))
OBJ_PIN, UPDATE_BATCH = 6, 26  # of enum bpf_cmd


def environment(fault, log="/dev/null"):
    """The variables that make a process fail so; the sanitizers' runtime would refuse to come second."""
    return os.environ | {"LD_PRELOAD": FAULT, "FAULT": fault, "FAULT_LOG": str(log),
                         "ASAN_OPTIONS": "verify_asan_link_order=0"}


@contextmanager
def faulty(fault):
    """Commands meanwhile are so."""
    before = dict(os.environ)
    os.environ.update(environment(fault))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def requests(lan, command, scratch):
    """What a command, which must succeed, asks of the kernel: [(kind, what)]."""
    log = scratch / "requests"
    log.unlink(missing_ok=True)
    done = lan.cli(command, env=environment("any:0:0", log))
    assert done.status == 0, done.err
    return [(kind, int(what)) for kind, _, what in map(str.split, log.read_text().splitlines())]


def killed(lan, command, number):
    """Runs a command that is killed just before its request of that number, from 1."""
    done = lan.cli(command, env=environment(f"any:{number}:kill"))
    assert done.status == -signal.SIGKILL, f"request {number} of {command} isn't made: {done.status} {done.err}"


def spread(total, most):
    """Numbers from 1 to @total, evenly; as many as @most, or all where it is None."""
    return range(1, total + 1, max(1, -(-total // most)) if most else 1)
