# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs of which one allocation fails: fail.c says how they are told apart."""
import os
from pathlib import Path

SHIM = os.environ.get("ALLOC_FAIL_SO", str(Path(__file__).resolve().parents[3] / "build/tests/system/memory/libfail.so"))
FULL = bool(os.environ.get("XDP_L2RESP_FULL"))


class Allocations:
    def __init__(self, scratch, depth):
        self.list = scratch / "allocations"
        self.depth = depth

    def prefix(self, fail=None):
        """Words before a command, of which allocation @fail fails; None: its allocations are listed."""
        self.list.write_text("")
        variables = {"LD_PRELOAD": SHIM, "ALLOC_LIST": self.list, "ALLOC_DEPTH": self.depth}
        if fail:
            variables["ALLOC_FAIL"] = fail
        return ["setarch", "-R", "env", *(f"{name}={value}" for name, value in variables.items())]

    def listed(self):
        """(hash, who allocates, for whom) of each."""
        return [line.split() for line in self.list.read_text().splitlines()]

    def failed(self):
        return self.listed() == [["failed"]]


def chosen(sites, most):
    """All of them with --full, else @most that are spread over the run."""
    return sites if FULL or len(sites) <= most else [sites[i * len(sites) // most] for i in range(most)]
