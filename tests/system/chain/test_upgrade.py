#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The program is exchanged while live frames ask: no request is lost to it, none answered twice."""
import json
import os
import re
import select
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from chain import ADD, ChainLan, statement
from lan import CLI, CLIENT_IP, FLOOD, ROOT, SERVER_MAC, VIP, run
from results import BY_A_FULL_RUN, GUEST
from lan import lease
from wait import HUNG, wait_until

REQUESTS = 50_000 if GUEST.exists() else 1_000_000  # at least; a guest is emulated
LIMIT = 120  # seconds, for steps and requests; no measure, the flood ends when both are done
WARM_UP = 0.2
FULL = bool(os.environ.get("XDP_L2RESP_FULL"))
OBJECT = os.environ.get("CHAIN_OBJECT", str(ROOT / "build/xdp/l2resp.bpf.o"))
EXIT = bytes([0x95, 0, 0, 0, 0, 0, 0, 0])  # at once: no verdict in r0


def flood(lan, seconds):
    cpu = min(os.sched_getaffinity(0))
    return subprocess.Popen(lan.client.argv(FLOOD, "eth0", CLIENT_IP, VIP, SERVER_MAC, seconds, cpu),
                            stdout=subprocess.PIPE, text=True)


def flooded(process):
    """What came of a flood; it must not outlive the test."""
    try:
        return json.loads(process.communicate()[0])
    finally:
        process.kill()
        process.wait()


def totals(lan):
    return lan.counters().get("arp_answered", 0), lan.responses_sent()


@pytest.fixture(params=["alone", "in a chain"])
def attached(request, bpffs, alone_reason, monkeypatch, tmp_path):
    """A LAN with the program attached and asked already; its client's end is the flood's."""
    if request.param == "in a chain" and alone_reason:
        pytest.skip(alone_reason)
    if request.param == "alone" and GUEST.exists() and not FULL:
        pytest.skip(f"shown on the host; {BY_A_FULL_RUN}")
    if request.param == "alone" and not alone_reason:
        monkeypatch.setenv("LIBXDP_OBJECT_PATH", str(tmp_path))  # no dispatcher in there
    with ChainLan(client_program=None) as lan:
        lan.done("attach eth1 --mode native --max-entries 4096", ADD)
        if request.param == "in a chain":
            lan.count("before", 10), lan.count("after", 60)
        assert lan.row()["chain"] == (request.param == "in a chain")
        yield lan


def at_hook(lan):
    """Frames that the driver took from its ring, with or without a program to run on them."""
    said = lan.server.run("ethtool", "-S", "eth1").stdout
    return sum(map(int, re.findall(r"rx_queue_\d+_xdp_packets: (\d+)", said)))


@contextmanager
def never_without_program(lan):
    """The kernel tells each change of eth1; none may leave it without a program."""
    monitor = subprocess.Popen(lan.server.argv("ip", "-o", "monitor", "link"),
                               stdout=subprocess.PIPE)
    try:
        yield
        lan.server.ip("link set eth1 mtu 1400", "link set eth1 mtu 1500")
        told = []
        while "mtu 1400" not in "".join(told):  # what came before is told by then
            assert select.select([monitor.stdout], [], [], HUNG)[0], told
            told.append(os.read(monitor.stdout.fileno(), 1 << 16).decode())
    finally:
        monitor.kill()
        monitor.wait()
    assert all(" xdp" in line for line in "".join(told).splitlines() if "eth1" in line), told


def exchange(lan, *steps):
    """Takes steps under a flood, which goes on for as long as they take, and checks what must hold
    throughout.

    Each request that reaches the driver's hook is answered. Others overran its ring before, while
    the processor was elsewhere: they are no matter of the program, as long as there is one.
    """
    flooded(flood(lan, WARM_UP))
    before, hook = totals(lan), at_hook(lan)
    seen = lan.seen("before") if lan.row()["chain"] else 0
    assert before[0] == before[1] > 0
    with never_without_program(lan):
        process = flood(lan, LIMIT)
        try:
            assert wait_until(lambda: totals(lan) > before), "no flood"
            for step in steps:
                step()
            assert wait_until(lambda: totals(lan)[0] - before[0] >= REQUESTS, LIMIT), "no flood"
            assert process.poll() is None, f"the steps took longer than {LIMIT} s"
            process.terminate()
        finally:
            counts = flooded(process)
    answered = at_hook(lan) - hook
    assert [now - then for now, then in zip(totals(lan), before)] == [answered, answered]
    assert counts["wrong"] == 0 and 0 < counts["right"] <= answered <= counts["sent"]
    if lan.row()["chain"]:
        assert lan.seen("before") - seen == answered and lan.seen("after") == 0


def done(lan, *commands):
    return [lambda command=command: lan.done(command) for command in commands]


@statement("upgrade under a flood, {}: no request unanswered, none answered twice, counts go on")
def test_upgrade(attached):
    former = attached.row()["prog_id"]
    exchange(attached, *done(attached, *["attach eth1"] * 3))
    assert attached.row()["prog_id"] != former


@statement("a change of priority under a flood, {}: likewise")
def test_priority(attached):
    exchange(attached, *done(attached, "attach eth1 --priority 30", "attach eth1 --priority 25"))
    assert attached.row()["priority"] in (25, None)  # none alone


def carried_over(lan):
    return [(row["ip"], row["mac"], bool(row["lease"])) for row in lan.rows("list")]


@statement("growth of the map under a flood, {}: likewise, addresses and leases carried over")
def test_growth(attached):
    attached.done("add 198.19.0.0/24 dev eth1")
    lease(attached, 10 * 1000 * LIMIT)
    before = carried_over(attached)
    assert before[0] == (VIP, SERVER_MAC, True) and len(before) == 257
    exchange(attached, *done(attached, "add 198.18.64.0/24 dev eth1", "add 198.18.64.0/21 dev eth1"))
    assert [row for row in carried_over(attached) if row in before] == before


def refused_build(scratch):
    """The CLI, with a program inside that the verifier refuses."""
    code, broken = scratch / "code", scratch / "xdp-l2resp"
    run("llvm-objcopy", "--dump-section", f"xdp.frags={code}", OBJECT, "/dev/null")
    good, image = code.read_bytes(), Path(CLI).read_bytes()
    assert image.count(good) == 1
    broken.write_bytes(image.replace(good, EXIT + good[len(EXIT):]))
    broken.chmod(0o755)
    return broken


@statement("a program that the verifier refuses leaves the old one answering, {}")
def test_refused(attached, scratch):
    broken = refused_build(scratch)
    before = attached.row()

    def fail(*options):
        argv = attached.server.argv(broken, "--bpffs", attached.bpffs, "attach", "eth1", *options)
        failed = subprocess.run(argv, capture_output=True, text=True)
        assert failed.returncode == 1
        assert failed.stderr.startswith("xdp-l2resp: eth1: the kernel refuses the program: ")
        assert len(failed.stderr.splitlines()) == 1

    exchange(attached, fail, lambda: fail("--max-entries", "10000"))
    assert attached.row() == before
