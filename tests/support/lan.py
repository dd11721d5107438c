# SPDX-License-Identifier: GPL-2.0-or-later
"""A LAN of two hosts: network namespaces, a veth pair between them, and the CLI on one."""
import ctypes
import fcntl
import functools
import ipaddress
import itertools
import json
import os
import pty
import re
import shlex
import shutil
import socket
import struct
import subprocess
import sys
import time
import tty
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from wait import HUNG, wait_until

ROOT = Path(__file__).resolve().parents[2]
CLI = os.environ.get("XDP_L2RESP", str(ROOT / "build/loader/xdp-l2resp"))
PASS = os.environ.get("NET_PASS", str(ROOT / "build/tests/support/pass.bpf.o"))
FLOOD = os.environ.get("NET_FLOOD", str(ROOT / "build/tests/support/flood"))

BPFFS = "/sys/fs/bpf"
NETNS = "/run/netns"
RUN = "/run/xdp-l2respd"  # the agents' sockets

SERVER_MAC = "02:00:00:00:00:01"
CLIENT_MAC = "02:00:00:00:00:02"
SERVER_IP = "198.18.0.1"
CLIENT_IP = "198.18.0.2"
VIP = "198.18.10.1"
VIP_MAC = "02:00:00:00:00:99"  # where an answer must be told from the server's kernel's

VIP6 = "2001:db8::a:1"
SERVER_IP6 = "2001:db8::1"
CLIENT_IP6 = "2001:db8::2"

RING_BUFFERS = "events", "trace"  # maps that have nothing to dump

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
OWN_NETNS = "/proc/thread-self/ns/net"
MS_BIND, MNT_DETACH = 4096, 2
SIOCSIFFLAGS, IFF_UP = 0x8914, 1

libc = ctypes.CDLL(None, use_errno=True)
numbers = itertools.count(1)


def checked(result):
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def in_v6(text):
    """The same words of IPv6: 198.18.10.1 becomes 2001:db8::a:1, a /24 a /120."""
    def address(match):
        return f"2001:db8::{int(match[1]):x}:{int(match[2]):x}{length(match[3])}"

    def length(digits):
        return f"/{int(digits) + 96}" if digits else ""
    return re.sub(r"198\.18\.(\d+)\.(\d+)(?:/(\d+))?", address, text)


def need(*tools):
    """Skips the test where a tool isn't installed."""
    for tool in tools:
        if not shutil.which(tool):
            pytest.skip(f"{tool} isn't installed")


def run(*argv, check=True, **options):
    """A tool that must succeed; its output in what is returned."""
    done = subprocess.run(argv, capture_output=True, text=True, **options)
    assert not check or done.returncode == 0, f"{shlex.join(map(str, argv))}: {done.stderr}{done.stdout}"
    return done


@functools.cache
def leave_mounts():
    """Moves this process to a mount namespace where names and pins are its own.

    /sys/fs/bpf is mounted because libxdp keeps its own there, whatever --bpffs says.
    """
    checked(libc.unshare(CLONE_NEWNS))
    run("mount", "--make-rprivate", "/")
    os.makedirs(NETNS, exist_ok=True)
    run("mount", "-t", "tmpfs", "netns", NETNS)
    run("mount", "-t", "bpf", "bpf", BPFFS)
    os.makedirs(RUN, mode=0o700, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "mode=0700", "run", RUN)


class Namespace:
    """A network namespace, its loopback up."""

    def __init__(self, name):
        self.path = f"{NETNS}/{name}"
        self.name = name
        # as ip-netns(8) does, which takes longer to start than all of this
        Path(self.path).touch(exist_ok=False)
        with open(OWN_NETNS) as home:
            checked(libc.unshare(CLONE_NEWNET))
            try:
                checked(libc.mount(OWN_NETNS.encode(), self.path.encode(), None,
                                   ctypes.c_ulong(MS_BIND), None))
            finally:
                checked(libc.setns(home.fileno(), CLONE_NEWNET))
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))
        for scope in "all", "default":
            self.sysctl(f"net.ipv6.conf.{scope}.disable_ipv6=1")

    def close(self):
        checked(libc.umount2(self.path.encode(), MNT_DETACH))
        os.unlink(self.path)

    def argv(self, *argv):
        """argv, run in here."""
        return ["nsenter", f"--net={self.path}", "--", *map(str, argv)]

    def run(self, *argv, **options):
        with self.entered():
            return run(*map(str, argv), **options)

    def ip(self, *commands):
        """Commands of ip(8), a line each."""
        run("ip", "-n", self.name, "-batch", "-", input="\n".join(commands))

    def own(self, address, dev):
        """An address with its prefix length, which the kernel uses and answers for: with IPv6 a worker makes that so after ip(8) has
        ended."""
        ip = address.split("/")[0]
        self.ip(f"address add {address} dev {dev}" + " nodad" * (":" in ip))
        assert wait_until(lambda: self.run("ip", "route", "get", ip, check=False).stdout.startswith("local"), HUNG), address

    def sysctl(self, *settings):
        with self.entered():
            for name, value in (setting.split("=") for setting in settings):
                Path("/proc/sys", *name.split(".")).write_text(value)

    def neighbour(self, address):
        """What the kernel's neighbour table says of an address: (MAC, states)."""
        found = json.loads(self.run("ip", "-j", "neigh", "show", "to", address).stdout)
        return (found[0].get("lladdr"), found[0]["state"]) if found else (None, [])

    @contextmanager
    def entered(self):
        """Sockets that are made meanwhile are this namespace's, and so are processes."""
        with open(OWN_NETNS) as home, open(self.path) as there:
            checked(libc.setns(there.fileno(), CLONE_NEWNET))
            try:
                yield
            finally:
                checked(libc.setns(home.fileno(), CLONE_NEWNET))


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


class Lan:
    """Server: eth1, on which the program runs. Client: eth0. VIPs are for tests to add.

    The client's end has a program that passes everything (pass.bpf.c says why), unless the test
    brings its own.
    """

    def __init__(self, queues=1, client_program=PASS):
        number = next(numbers)
        self.server = Namespace(f"server{number}")
        self.client = Namespace(f"client{number}")
        self.bpffs = f"{BPFFS}/lan{number}"
        os.mkdir(self.bpffs)
        self.make_link(queues)
        self.server.ip(f"address add {SERVER_IP}/24 dev eth1")
        if client_program:
            self.client.ip(f"link set eth0 xdpdrv object {client_program} section xdp")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.close()
        shutil.rmtree(self.bpffs)

    def make_link(self, queues=1, mac=SERVER_MAC):
        channels = f"numtxqueues {queues} numrxqueues {queues}"
        self.server.ip(
            f"link add eth1 address {mac} {channels} type veth "
            f"peer name eth0 address {CLIENT_MAC} {channels} netns {self.client.name}",
            "link set eth1 up")
        self.client.ip("link set eth0 up", f"address add {CLIENT_IP}/24 dev eth0")

    def enable_ipv6(self):
        """On both hosts, with an address each. Namespaces begin without: its own traffic would be
        counted. The server's kernel may solicit at once, from its link-local address."""
        for host, dev, ip in ((self.server, "eth1", SERVER_IP6), (self.client, "eth0", CLIENT_IP6)):
            host.sysctl(f"net.ipv6.conf.{dev}.accept_dad=0", "net.ipv6.conf.lo.disable_ipv6=0", f"net.ipv6.conf.{dev}.disable_ipv6=0")
            host.own(f"{ip}/64", dev)
            # it comes a moment after the carrier; its frames would be counted
            assert wait_until(lambda host=host, dev=dev: "fe80::" in host.run("ip", "-6", "address", "show", "dev", dev, "scope", "link").stdout)

    @contextmanager
    def moved_and_its_number_taken(self):
        """eth1 is in another network namespace, which is yielded, with its program; here pod1 has its number."""
        index = self.index("eth1")
        pod = Namespace("pod")
        try:
            self.server.ip(f"link set eth1 netns {pod.name}", f"link add pod1 index {index} type veth peer name peer")
            pod.ip("link set eth1 up")
            assert wait_until(lambda: "state UP" in pod.run("ip", "link", "show", "eth1").stdout)
            yield pod
        finally:
            pod.close()

    def move_there_and_back(self):
        """eth1 was in another network namespace, where its index was taken; it comes back with another one, and its program."""
        before = self.index("eth1")
        self.server.ip(f"link set eth1 netns {self.client.name}")
        self.client.ip(f"link set eth1 netns {self.server.name}")
        self.server.ip(f"address add {SERVER_IP}/24 dev eth1", "link set eth1 up")
        assert self.index("eth1") != before

    def index(self, dev):
        with self.server.entered():
            return socket.if_nametoindex(dev)

    def words(self, command):
        """The CLI with the words of command."""
        words = shlex.split(command) if isinstance(command, str) else command
        return [CLI, "--bpffs", self.bpffs, *map(str, words)]

    def argv(self, command):
        """The same, as the server's administrator runs it."""
        return self.server.argv(*self.words(command))

    def cli(self, command, **options):
        done = self.server.run(*self.words(command), check=False, **options)
        return Result(done.returncode, done.stdout, done.stderr)

    def on_terminal(self, command):
        """The same with a terminal for standard output."""
        ours, theirs = pty.openpty()
        tty.setraw(theirs)  # no carriage returns
        # one that doesn't end, such as a monitor, ends by a signal
        argv = self.server.argv("timeout", 30, *self.words(command))
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs,
                                   stderr=subprocess.PIPE, text=True)
        os.close(theirs)
        out = b""
        with suppress(OSError), open(ours, "rb", buffering=0) as terminal:  # EIO: nobody has it open
            while some := terminal.read(4096):
                out += some
        err = process.communicate()[1]
        return Result(process.returncode, out.decode(), err)

    def done(self, *commands):
        """Commands that must succeed; the result of the last."""
        result = None
        for command in commands:
            result = self.cli(command)
            assert result.status == 0, f"{command}: {result.err}"
        return result

    def rows(self, command):
        """What a command that must succeed prints as JSON."""
        return self.done(f"{command} --json").json

    def pin(self, name):
        return f"{self.bpffs}/xdp-l2resp/v1/{name}"

    def map_dump(self, name):
        """Key and value of each element, as bpftool reads them with the map's BTF."""
        dump = run("bpftool", "-j", "map", "dump", "pinned", self.pin(name)).stdout
        return [row["formatted"] for row in json.loads(dump)]

    def map_sizes(self, name):
        """Bytes of a key and of a value."""
        shown = json.loads(run("bpftool", "-j", "map", "show", "pinned", self.pin(name)).stdout)
        return shown["bytes_key"], shown["bytes_value"]

    def damage(self, ip, dev="eth1"):
        """Writes an entry as bpftool does without knowing what it has: zeros, no copy of the key."""
        address = ipaddress.ip_address(ip)
        key = address.packed + self.rows(f"status {dev}")[0]["ifindex"].to_bytes(4, sys.byteorder)
        name = f"responder_v{address.version}"
        run("bpftool", "map", "update", "pinned", self.pin(name), "key", "hex", *key.hex(" ").split(),
            "value", *["0"] * self.map_sizes(name)[1])

    def pins(self):
        """All that is pinned, to the last byte; {} where nothing is."""
        found = sorted(str(path) for path in Path(self.bpffs).rglob("*"))
        maps = [path for path in found
                if not os.path.isdir(path) and Path(path).name not in RING_BUFFERS]
        said = run("bpftool", "-j", "batch", "file", "-", input="".join(
            f"map dump pinned {path}\n" for path in maps)).stdout
        dumps = [one["output"] for one in json.loads(said)] if maps else []
        return dict.fromkeys(found) | dict(zip(maps, dumps))

    def state(self):
        """All that a command could change: pins, and programs on interfaces."""
        return self.pins() | {"interfaces": self.server.run("ip", "-o", "link").stdout}

    def counters(self, dev="eth1"):
        """Outcomes that moved on a device."""
        counts = self.rows("stats")["devices"].get(dev, {})
        return {name: count for name, count in counts.items() if count}

    def responses_sent(self, address=VIP):
        return {row["ip"]: row["responses_sent"] for row in self.rows("list")}[address]


@contextmanager
def writers_lock(lan):
    """Held as by another writer."""
    directory = os.open(f"{lan.bpffs}/xdp-l2resp", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(directory, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(directory)


def waits_for_a_lock(process):
    return any("-> FLOCK" in line and str(process.pid) in line.split()
               for line in Path("/proc/locks").read_text().splitlines())


def like(actual, expected):
    """Does a JSON value have the form of expected: types stand for any value of theirs, an object
    may have more fields, an array is as long?"""
    if isinstance(expected, type):
        return type(actual) is expected
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(
            name in actual and like(actual[name], form) for name, form in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(actual) == len(expected) and all(
            map(like, actual, expected))
    return actual == expected and isinstance(actual, bool) == isinstance(expected, bool)


def changes(before, after):
    """What differs between two states of a LAN, by name."""
    return [name for name in sorted(before.keys() | after.keys())
            if name not in before or name not in after or before[name] != after[name]]


def lease(lan, milliseconds):
    """Gives VIP lease slot 1, as the agent would, and that what remains. In the value, the key
    comes first, then MAC, flags and slot."""
    slot = 1
    ifindex = lan.rows("list")[0]["ifindex"]
    key = bytes(map(int, VIP.split("."))) + struct.pack("<I", ifindex)
    mac = bytes.fromhex(SERVER_MAC.replace(":", ""))
    value = (key + mac + bytes([0, slot])).ljust(lan.map_sizes("responder_v4")[1], b"\0")
    deadline = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(milliseconds * 1e6)
    stamp = struct.pack("<Q", deadline)
    for name, key, value in (("responder_v4", key, value),
                             ("leases", struct.pack("<I", slot), stamp)):
        run("bpftool", "map", "update", "pinned", lan.pin(name), "key", "hex",
            *key.hex(" ").split(), "value", "hex", *value.hex(" ").split())
