#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong around the attach leaves what was there before."""
import errno
import itertools
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from chain import ADD, COUNTER, MS_RDONLY, MS_REMOUNT, mount, mounted, statement
from fault import GROWTH, environment, fill, requests, spread
from lan import BPFFS, MNT_DETACH, MS_BIND, PASS, VIP, Namespace, changes, checked, libc, like, run
from results import BY_A_FULL_RUN, GUEST
from wait import wait_until

FULL = bool(os.environ.get("XDP_L2RESP_FULL"))
# of each kind, at most as many steps as this, evenly spread; the full run takes all
SAMPLE = None if FULL else 2 if GUEST.exists() else 20
RACES = 100 if FULL else 10
RTM_SETLINK = "19"
# each step gets one of them; in the full run on the host, both
BOTH = [(errno.ENOSPC,), (errno.EPERM,)]
ERRORS = BOTH if FULL and not GUEST.exists() else [(errno.ENOSPC, errno.EPERM)]


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
    return {"status": rows, "list": lan.rows("list"), "stats": lan.rows("stats"),
            "pins": below(BPFFS),
            "interfaces": re.findall(r"(\S+): .*(xdp\S*)", lan.server.run("ip", "-o", "link").stdout)}


def room(lan):
    """Addresses that fit into the map that is pinned. A command that fails may have left it larger."""
    return json.loads(run("bpftool", "-j", "map", "show", "pinned", lan.pin("responder_v4")).stdout)["max_entries"]


def fingerprint(lan):
    """All that held() is told from, in a fraction of its time: where this is the same, so is that."""
    return lan.state(), {path: path.stat().st_ino for path in Path(BPFFS).rglob("*")}


def faulty(lan, command, kind, number, error, log="/dev/null"):
    """The CLI, one of whose requests the kernel refuses."""
    return lan.cli(command, env=environment(f"{kind}:{number}:{error}", log))


def setlinks(log):
    """The numbers of the netlink requests, of those in a log, by which a program is attached or exchanged."""
    return [int(number) for _, number, kind in map(str.split, log.read_text().splitlines()) if kind == RTM_SETLINK]


def untyped(lan):
    """Runs a program whose BTF the kernel refused? Of such a one libxdp doesn't know the priority."""
    ids = [str(row["prog_id"]) for row in lan.rows("status")]
    return not all("btf_id" in json.loads(run("bpftool", "-j", "prog", "show", "id", one).stdout) for one in ids)


# 256 addresses, for which a map has room when it is made; and one more
FILLED = ["attach eth1", ADD, "add 198.19.0.1-198.19.0.255 dev eth1"]
GROW = "add 198.18.11.1 dev eth1"

AGAIN = ["attach eth1 --priority 30", "attach eth1 --priority 20"]
# name: what is there before; attaches, each from what the one before left; one whose requests these
# begin with, and which is a row itself
ATTACHES = {
    "first": ([], lambda: iter(["attach eth1"]), None),
    "again": (["attach eth1", ADD], lambda: itertools.cycle(AGAIN), None),
    "growth": (FILLED, lambda: iter([GROW]), None),
}


def fail_each_step(lan, variant, kind, errors, scratch):
    """The steps are counted in a run without a fault. Errors take turns."""
    before, attaches, shown = ATTACHES[variant]
    log = scratch / "requests"

    def start():
        lan.cli("detach --all"), lan.cli("flush --all")
        lan.done(*before)
        return attaches()

    def attempt(command, number=0, error=0):
        """What came of it, and its requests."""
        log.unlink(missing_ok=True)
        result = faulty(lan, command, kind, number, error, log)
        return result, [line.split()[2] for line in log.read_text().splitlines()]

    result, requests = attempt(next(start()))
    assert result.status == 0
    whole, listed = below(BPFFS), lan.rows("list")
    total, first = len(requests), 0
    if shown:
        start()
        first = len(os.path.commonprefix([requests, attempt(shown)[1]]))
    assert total - first > 2
    expected = {}  # command: what held before
    commands, command, refused = iter(()), None, 0
    for number in (first + step for step in spread(total - first, SAMPLE)):
        if not command:
            command = next(commands, None) or next(commands := start())
            if command not in expected:
                expected[command] = held(lan)
            seen = fingerprint(lan)
        result, requests = attempt(command, number, errors[number % len(errors)])
        where = f"{kind} request {number} of {total}: {result.err}"
        assert len(requests) >= number, where
        if result.status == 0:  # only asked what the kernel can do; or tried another way
            assert lan.rows("list") == listed, where
            if below(BPFFS) != whole or untyped(lan):
                commands = iter(())
            command = None
            continue
        refused += 1
        assert result.status == 1, where
        assert re.fullmatch(r"xdp-l2resp: [^\n]+\n", result.err), where
        former, seen = seen, fingerprint(lan)
        if seen != former or refused % 10 == 1:  # the latter lest the fingerprint be blind
            after = held(lan)
            assert after == expected[command], f"{where}changed: {changes(expected[command], after)}"
        if seen != former:  # a map that has grown, as it may: it would spare the next attempt these requests
            commands, command = iter(()), None
    assert refused


@statement("ENOSPC and EPERM from the kernel at each step of an attach change nothing, {}")
@pytest.mark.parametrize("variant", ATTACHES)
def test_kernel_refuses(lan, scratch, variant, record_property):
    if SAMPLE:
        record_property("left", f"{SAMPLE} steps of a kind; every one {BY_A_FULL_RUN}")
    for kind in "bpf", "netlink":
        for errors in ERRORS:
            fail_each_step(lan, variant, kind, errors, scratch)


@pytest.mark.parametrize("kind, error", [("bpf", errno.EPERM), ("netlink", errno.EPERM), ("netlink", errno.ENODEV)])
def test_listing_fails(lan, scratch, kind, error):
    """Whichever of its questions isn't answered, standard output has a whole array or nothing."""
    log = scratch / "requests"
    lan.done("attach eth1", ADD)
    assert faulty(lan, "list --json", kind, 0, 0, log).status == 0
    total, failed = len(log.read_text().splitlines()), 0
    for number in spread(total, SAMPLE and 2 * SAMPLE):
        result = faulty(lan, "list --json", kind, number, error)
        failed += result.status
        assert result.out == "" if result.status else json.loads(result.out), f"{kind} {number} of {total}: {result}"
    assert bool(failed) == (error != errno.ENODEV), "an interface that was deleted just now is listed, and no failure"


NO_REASON = "the driver refuses native XDP and gives no reason: Invalid argument; the kernel's log may have one"


def test_driver_gives_no_reason(lan, scratch):
    """The attach itself comes to EINVAL. The verifier isn't blamed, and auto does without the driver."""
    log = scratch / "requests"
    lan.server.ip("link set eth1 mtu 1600")
    lan.done("attach eth1", "detach eth1")  # from here on each attach asks the same
    assert faulty(lan, "attach eth1", "netlink", 0, 0, log).status == 0
    lan.done("detach eth1")
    number, = setlinks(log)
    refused = faulty(lan, "attach eth1 --mode native", "netlink", number, errno.EINVAL)
    assert refused.status == 1
    assert refused.err == f"xdp-l2resp: eth1: {NO_REASON}; lower the MTU, or use --mode skb, which is slower\n"
    assert lan.row()["mode"] == "none"
    done = faulty(lan, "attach eth1", "netlink", number, errno.EINVAL)
    assert done.status == 0
    assert done.err == f"xdp-l2resp: note: eth1: attached in skb mode, which is slower: {NO_REASON}\n"
    assert lan.row()["mode"] == "skb"


@statement("a growth whose map can't be renamed into place leaves the old one answering")
def test_rename_fails(lan):
    lan.done(*FILLED)
    before = held(lan)
    assert room(lan) == 256
    refused = faulty(lan, GROW, "rename", 1, errno.EIO)
    assert refused.status == 1
    assert re.fullmatch(r"xdp-l2resp: \S+: Input/output error\n", refused.err)
    assert held(lan) == before and room(lan) == 256 and lan.answered() == 3
    lan.done(GROW)
    assert room(lan) == 512
    assert lan.answered() == 3 and lan.responses_sent() == 6


@statement("a growth succeeds even if the kernel refuses membarrier (nohz_full)")
def test_membarrier_refused(lan, scratch):
    log = scratch / "requests"
    lan.done(*FILLED)
    assert lan.answered() == 3
    assert faulty(lan, GROW, "membarrier", 1, errno.EINVAL, log).status == 0
    assert log.read_text().startswith("membarrier 1 ")
    assert room(lan) == 512
    assert lan.answered() == 3 and lan.responses_sent() == 6


def growths(lan, scratch):
    """The requests of a growth; after which the map is full again, for another one that makes the same."""
    fill(lan, 0)
    asked = requests(lan, GROWTH, scratch)
    fill(lan, 16)
    return asked


def test_late_answers_are_not_added(lan, scratch):
    """The programs read the new maps by then, and the agent may have deleted entries from them for good: no way back."""
    lan.done("attach eth1", ADD)
    asked = growths(lan, scratch)
    number = asked.index(("membarrier", 1)) + 2
    done = faulty(lan, "add 198.18.11.2 dev eth1", "any", number, errno.ENOMEM)
    assert done.status == 0
    assert re.fullmatch("xdp-l2resp: note: the answers sent while the maps grew are missing in the counts: [^\n]+\n", done.err)
    assert room(lan) == 1024 and "reads a map that isn't pinned" not in lan.done("status").out
    assert lan.answered() == 3 and lan.responses_sent() == 3


def test_interface_deleted_while_the_map_grows(lan, scratch):
    """The second of two, just before its program is exchanged."""
    lan.server.ip("link add eth2 type veth peer name eth3")
    lan.done("attach eth1 eth2", ADD)
    asked = growths(lan, scratch)
    number = len(asked) - asked[::-1].index(("netlink", int(RTM_SETLINK)))
    growing = subprocess.Popen(lan.argv("add 198.18.11.2 dev eth1"), stderr=subprocess.PIPE, text=True,
                               env=environment(f"any:{number}:{-signal.SIGSTOP}"))
    assert os.WIFSTOPPED(os.waitpid(growing.pid, os.WUNTRACED)[1])
    lan.server.ip("link del eth2")
    growing.send_signal(signal.SIGCONT)
    said = growing.communicate()[1]
    assert (growing.returncode, said) == (0, "")
    assert room(lan) == 1024 and lan.answered() == 3


@statement("`save` that can't write to the disk fails with an error and leaves the file unchanged")
@pytest.mark.parametrize("kind", ["fsync", "rename"])
def test_save_fails(lan, scratch, kind):
    file = scratch / "addresses"
    lan.done(ADD, f"save {file}", "add 198.18.10.2 dev eth1")
    before = file.read_text()
    refused = faulty(lan, f"save {file}", kind, 1, errno.EIO)
    assert refused.status == 1
    assert refused.err == f"xdp-l2resp: {file}: Input/output error\n"
    assert file.read_text() == before and os.listdir(scratch) == [file.name]


@statement("programs executed meanwhile inherit no socket")
def test_sockets_are_closed_on_exec(lan, scratch):
    log = scratch / "sockets"
    for command in ("attach eth1", ADD, "status", "list", f"announce {VIP} dev eth1 --count 1",
                    f"explain {VIP} dev eth1", "doctor", "save", f"del {VIP} dev eth1", "detach eth1"):
        result = faulty(lan, command, "inherited", 0, 0, log)
        assert result.status == 0 and not log.exists(), f"{command}: {result.err}"


def restored(lan):
    """Attached anew, it answers."""
    lan.done("attach eth1", ADD)
    assert lan.answered() == 3


@statement("the interface is deleted: addresses stay, and a new one of that name gets them")
def test_interface_deleted(lan):
    lan.done("attach eth1", ADD)
    lan.server.ip("link del eth1")
    assert lan.cli("status eth1").err == \
        "xdp-l2resp: no interface 'eth1' in this network namespace\n"
    assert like(lan.rows("list"), [{"ip": VIP, "dev": "eth1", "answering": False}])
    lan.done("detach --all")
    lan.make_link()
    lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    restored(lan)
    assert len(lan.rows("status")) == 1


@statement("the network namespace is deleted: another one takes over the pins, or gets an error with the remedy")
def test_namespace_deleted(lan, alone_reason):
    """libxdp's pins outlive the namespace, and hold the program."""
    lan.done("attach eth1", ADD)
    name = lan.server.name
    run("ip", "netns", "del", name)
    lan.server = Namespace(name)
    assert wait_until(lambda: "eth0" not in lan.client.run("ip", "link").stdout)
    lan.make_link()
    lan.client.ip(f"link set eth0 xdpdrv object {PASS} section xdp")
    if not alone_reason:
        refused = lan.cli("attach eth1")
        assert refused.status == 1 and "serves another network namespace" in refused.err
        assert "xdp-loader clean" in refused.err
        lan.server.run("xdp-loader", "clean")
    restored(lan)


@statement("bpffs is unmounted: each command fails with an error; a new bpffs is used")
def test_bpffs_unmounted(lan):
    lan.done("attach eth1", ADD)
    checked(libc.umount2(BPFFS.encode(), MNT_DETACH))
    with mounted("none", BPFFS, "tmpfs"):
        os.mkdir(lan.bpffs)
        for command in "status", "attach eth1", ADD, "detach eth1", "list":
            refused = lan.cli(command)
            assert refused.status == 1 and "no BPF file system at" in refused.err, command
    mount("bpf", BPFFS, "bpf")
    os.mkdir(lan.bpffs)
    assert wait_until(lambda: lan.row()["orphan"]), lan.row()
    restored(lan)


@statement("bpffs is read-only: an attach fails with an error, and the program goes on answering")
def test_bpffs_read_only(lan):
    lan.done("attach eth1", ADD)
    before = lan.state()
    mount("bpf", BPFFS, "bpf", MS_REMOUNT | MS_RDONLY)
    refused = lan.cli("attach eth1")
    assert refused.status == 1 and f"the BPF file system at {BPFFS} is mounted read-only; run" in refused.err
    assert len(refused.err.splitlines()) == 1
    assert lan.answered() == 3
    mount("bpf", BPFFS, "bpf", MS_REMOUNT)
    assert changes(before, lan.state()) == [lan.pin("counters"), lan.pin("responder_v4")]
    restored(lan)


@pytest.mark.parametrize("flags", [MS_RDONLY, MS_RDONLY | MS_BIND], ids=["file system", "mount"])
def test_libxdps_bpffs_read_only(chained, scratch, flags):
    """Our pins are elsewhere. libxdp would find no dispatcher, or detach the program and not its pins."""
    with mounted("bpf", scratch, "bpf"):
        inside, chained.bpffs = chained.bpffs, str(scratch)
        try:
            chained.done("attach eth1", ADD)
            mount("bpf", BPFFS, "bpf", MS_REMOUNT | flags)
            said = [chained.cli(command) for command in ("attach eth1", "detach eth1")]
            mount("bpf", BPFFS, "bpf", MS_REMOUNT | flags & MS_BIND)
            text = f"xdp-l2resp: the BPF file system at {BPFFS} is mounted read-only; run `mount -o remount,rw {BPFFS}`\n"
            assert [(one.status, one.err) for one in said] == 2 * [(1, text)]
            assert chained.answered() == 3
        finally:
            chained.bpffs = inside


@statement("attach and detach race with xdp-loader: no program is lost, no pin left over")
def test_race(lan, alone_reason, record_property):
    """Whoever comes second may be refused. What was said to be done, is."""
    if not FULL:
        record_property("left", f"{RACES} races; 100 {BY_A_FULL_RUN}")
    lan.done(ADD)
    for _ in range(RACES):
        loader = subprocess.Popen(lan.server.argv("xdp-loader", "load", "-m", "native", "eth1",
                                                  COUNTER),
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = lan.cli("attach eth1")
        loaded = loader.wait() == 0
        names = sorted(one["name"] for one in lan.row()["programs"])
        assert names == ["counter"] * loaded + ["xdp_l2resp"] * (ours.status == 0), ours.err
        assert loaded or ours.status == 0
        if ours.status == 0:
            assert lan.answered(1) == 1
        unloader = subprocess.Popen(lan.server.argv("xdp-loader", "unload", "eth1", "--all"),
                                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lan.cli("detach eth1")
        unloader.wait()
        lan.server.run("xdp-loader", "unload", "eth1", "--all", check=False)
        assert lan.row()["programs"] == []
        assert not any("dispatch" in path for path in lan.libxdp_pins())
