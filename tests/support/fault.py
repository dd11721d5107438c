# SPDX-License-Identifier: GPL-2.0-or-later
"""The CLI where the kernel refuses one of its requests, or where it is killed at one: moments made, not guessed. By
tests/support/fault.c."""
import json
import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

from lan import ROOT, Result
from wait import wait_until

FAULT = os.environ.get("NET_FAULT", str(ROOT / "build/tests/support/libfault.so"))
LOOKUP, UPDATE, DELETE, PROG_LOAD, OBJ_PIN, PROG_RUN, UPDATE_BATCH = 1, 2, 3, 5, 6, 10, 26  # of enum bpf_cmd
WRITES = [("bpf", what) for what in (UPDATE, DELETE, OBJ_PIN, PROG_RUN, UPDATE_BATCH)] + [("rename", 0)]
GETLINK, SETLINK = 18, 19  # RTM_ of rtnetlink(7)
GROWTH = "add 198.18.11.1 dev eth1"
IN_PLACE = [("bpf", OBJ_PIN), ("rename", 0)]


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


def write_requests(asked):
    """The numbers of those that change maps or pins."""
    return [number for number, request in enumerate(asked, 1) if request in WRITES]


def interrupted(lan, command, number, meanwhile):
    """Runs a command that stops just before its request of that number, from 1, and goes on after meanwhile()."""
    process = subprocess.Popen(lan.argv(command), env=environment(f"any:{number}:-{signal.SIGSTOP.value}"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_until(lambda: "State:\tT" in Path(f"/proc/{process.pid}/status").read_text()), process.poll()
        meanwhile()
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate()
    finally:
        process.kill()
        process.wait()
    return Result(process.returncode, out, err)


def spread(total, most):
    """Numbers from 1 to @total, evenly; as many as @most, or all where it is None."""
    return range(1, total + 1, max(1, -(-total // most)) if most else 1)


def fill(lan, first):
    """Adds addresses from 198.19.@first.0 on until the map has room for no more."""
    said = lan.server.run("bpftool", "-j", "map", "show", "pinned", lan.pin("responder_v4")).stdout
    rest = json.loads(said)["max_entries"] - len(lan.map_dump("responder_v4")) - 1
    lan.done(f"add 198.19.{first}.0-198.19.{first + rest // 256}.{rest % 256} dev eth1")


def killed_growth(lan, scratch):
    """One that was killed between its map and the program that reads it: once it is renamed into place."""
    fill(lan, 0)
    asked = requests(lan, GROWTH, scratch)
    [in_place] = (number for number in range(len(asked)) if asked[number:number + 2] == IN_PLACE)
    fill(lan, 16)
    killed(lan, "add 198.18.11.2 dev eth1", in_place + len(IN_PLACE) + 1)
    assert "reads a map that isn't pinned" in lan.done("status").out
