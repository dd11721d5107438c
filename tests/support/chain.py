# SPDX-License-Identifier: GPL-2.0-or-later
"""A LAN whose server has other XDP programs too."""
import ctypes
import json
import os
import re
from contextlib import contextmanager
from pathlib import Path

import pytest

from lan import BPFFS, MNT_DETACH, ROOT, SERVER_MAC, VIP, Lan, checked, libc, run
from wire import Wire, arp, arp_reply

COUNTER = os.environ.get("CHAIN_COUNTER", str(ROOT / "build/tests/system/chain/counter.bpf.o"))
LIBXDP_PINS = f"{BPFFS}/xdp"
ROOM = 10  # programs in libxdp's dispatcher
ADD = f"add {VIP} dev eth1"

MS_RDONLY, MS_REMOUNT = 1, 32

statement = pytest.mark.statement


def mount(source, target, kind, flags=0):
    checked(libc.mount(source.encode(), str(target).encode(), kind.encode() if kind else None,
                       ctypes.c_ulong(flags), None))


@contextmanager
def mounted(source, target, kind, flags=0):
    mount(source, target, kind, flags)
    try:
        yield
    finally:
        checked(libc.umount2(str(target).encode(), MNT_DETACH))


def fresh_bpffs():
    return mounted("bpf", BPFFS, "bpf")


class ChainLan(Lan):
    """Foreign programs are on eth1. Counters are named by where their map is pinned."""

    def count(self, name, priority, copies=1):
        """Puts counters in the dispatcher."""
        self.server.run("xdp-loader", "load", "-m", "native", "-P", priority, "-p",
                        f"{BPFFS}/{name}", "eth1", *[COUNTER] * copies)

    def seen(self, name):
        """ARP frames that came to a counter."""
        dump = run("bpftool", "-j", "map", "dump", "pinned", f"{BPFFS}/{name}/seen").stdout
        return json.loads(dump)[0]["formatted"]["value"]

    def filter(self, *words):
        return self.server.run("xdp-filter", *words)

    def row(self, dev="eth1"):
        row, = self.rows(f"status {dev}")
        return row

    def programs(self, dev="eth1"):
        """(priority, name) of each in the dispatcher, as we report them."""
        return [(one["priority"], one["name"]) for one in self.row(dev)["programs"]]

    def loader_programs(self):
        """The same, as xdp-loader reports them: the witness that isn't ours."""
        said = self.server.run("xdp-loader", "status", "eth1").stdout
        return [(int(priority), name)
                for priority, name in re.findall(r"=>\s+(\d+)\s+(\S+)", said)]

    def ids(self, name):
        return [one["id"] for one in self.row()["programs"] if one["name"] == name]

    def answered(self, times=3):
        """Of requests sent, those answered as they must be, once each."""
        with Wire(self.client, "eth0") as wire:
            replies = wire.ask(*[arp(VIP)] * times, count=times)
        assert all(reply == arp_reply(VIP, sha=SERVER_MAC) for reply in replies)
        return len(replies)

    def silent(self):
        with Wire(self.client, "eth0") as wire:
            return wire.ask(arp(VIP)) == []

    def libxdp_pins(self):
        return sorted(str(path) for path in Path(LIBXDP_PINS).rglob("*"))
