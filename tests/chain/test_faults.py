#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong around the attach leaves what was there before."""
import errno
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from chain import ADD, statement
from lan import BPFFS, ROOT, VIP, changes, run
from results import GUEST

FAULT = os.environ.get("CHAIN_FAULT", str(ROOT / "build/tests/chain/libfault.so"))
FULL = bool(os.environ.get("XDP_L2RESP_FULL"))
# an emulated machine takes a sample of the steps, unless all are asked for
SAMPLE = 12 if GUEST.exists() and not FULL else None


def below(directory):
    """What is pinned, ids of programs in names left out."""
    found = (str(path) for path in Path(directory).rglob("*"))
    return sorted(re.sub(r"(dispatch-\d+)-\d+", r"\1", path) for path in found)


def held(lan):
    """All that must survive a failure. Not a program's id: one of ours may have been exchanged for
    its equal before a later step failed."""
    rows = lan.rows("status")
    for row in rows:
        del row["prog_id"]
        row["programs"] = [(one["priority"], one["name"]) for one in row["programs"]]
    pin = lan.pin("responder_v4")
    size = run("bpftool", "-j", "map", "show", "pinned", pin).stdout if os.path.exists(pin) else ""
    return {"status": rows, "list": lan.rows("list"), "stats": lan.rows("stats"),
            "pins": below(BPFFS), "room": size and json.loads(size)["max_entries"],
            "interfaces": re.findall(r"(\S+): .*(xdp\S*)", lan.server.run("ip", "-o", "link").stdout)}


def faulty(lan, command, kind, number, error, log="/dev/null"):
    """The CLI, one of whose requests the kernel refuses."""
    return lan.cli(command, env=os.environ | {
        "LD_PRELOAD": FAULT, "FAULT": f"{kind}:{number}:{error}", "FAULT_LOG": str(log)})


# name: what is there before, the attach, whether the LAN must be able to chain
ATTACHES = {
    "first": ([], "attach eth1"),
    "again": (["attach eth1", ADD], "attach eth1 --priority 30"),
    "growth": (["attach eth1 --max-entries 64", ADD], "attach eth1 --max-entries 128"),
}


def fail_each_step(lan, before, command, kind, error, scratch):
    """The steps are counted in a run without a fault, which is taken back."""
    log = scratch / "requests"

    def prepare():
        lan.cli("detach --all"), lan.cli("flush --all")
        lan.done(*before)

    prepare()
    assert faulty(lan, command, kind, 0, error, log).status == 0
    total = len(log.read_text().splitlines())
    assert total > 5
    prepare()
    expected = held(lan)
    refused = 0
    for number in range(1, total + 1, max(1, total // SAMPLE) if SAMPLE else 1):
        result = faulty(lan, command, kind, number, error)
        if result.status == 0:  # only asked what the kernel can do; or tried another way
            prepare()
            continue
        refused += 1
        where = f"{kind} request {number} of {total}: {result.err}"
        assert result.status == 1, where
        assert re.fullmatch(r"xdp-l2resp: [^\n]+\n", result.err), where
        after = held(lan)
        assert after == expected, f"{where}changed: {changes(expected, after)}"
    assert refused


@statement("ENOSPC and EPERM from the kernel at each step of an attach change nothing, {}")
@pytest.mark.parametrize("variant", ATTACHES)
def test_kernel_refuses(lan, scratch, variant):
    before, command = ATTACHES[variant]
    for kind in "bpf", "netlink":
        for error in errno.ENOSPC, errno.EPERM:
            fail_each_step(lan, before, command, kind, error, scratch)
