# SPDX-License-Identifier: GPL-2.0-or-later
"""A node of the LAN that is a virtual machine with systemd, driven by its serial port and by qemu's monitor."""
import json
import os
import re
import shlex
import socket
import subprocess
from pathlib import Path

import pytest
from lan import ROOT, run
from wait import wait_until

RUN = ROOT / "tests/system/vm/run"
BUILD = os.environ.get("VM_BUILD", str(ROOT / "build"))
BOOTS_WITHIN = 600  # seconds; an idle machine takes 30, and no command longer
SKIPPED = 77  # tests/system/vm/run's
END = re.compile(rb"\x1e(\d+)\n")
# Opened once: the port allows no more.
SHELL = "exec sh 0<>/dev/vport0p2 1>&0 2>&0"
UNIT = "xdp-l2respd"


def install(directory):
    run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", directory)


class Machine:
    """Cards: ctl0 in the network `control`, eth1 in `lan`. What @fill puts into a directory is there, by default what the
    build installs."""

    def __init__(self, cluster, number, kernel, fill=install):
        self.cluster = cluster
        self.mac = f"02:00:00:00:01:{number:02x}"
        self.directory = cluster.directory / f"machine{number}"
        self.directory.mkdir()
        self.installed = self.directory / "installed"
        fill(self.installed)
        taps = {}
        for network, mac in ("control", f"02:00:00:00:02:{number:02x}"), ("lan", self.mac):
            taps[f"{network}-{number}"] = mac
            cluster.switch.ip(f"tuntap add {network}-{number} mode tap",
                              f"link set {network}-{number} master {network}",
                              f"link set {network}-{number} up")
        words = [word for tap, mac in taps.items() for word in ("--tap", f"{tap}={mac}")]
        self.said = open(self.directory / "said", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [RUN, "--kernel", kernel, "--systemd", "--timeout", "36000", "--netns", cluster.switch.path,
             "--control", self.directory, *words, "--", "sh", "-c", SHELL],
            stdout=self.said, stderr=subprocess.STDOUT)
        try:
            self.port, self.monitor = self.connected("port"), self.connected("monitor")
            self.qmp("qmp_capabilities")
            self.prepare(f"198.19.0.{number}/24")
        except BaseException:
            self.close()
            raise

    def connected(self, name):
        """To a socket of qemu's, once it listens: its file is there a moment earlier."""
        made = socket.socket(socket.AF_UNIX)

        def connect():
            status, said = self.process.poll(), Path(self.said.name).read_text()
            if status == SKIPPED:
                pytest.skip(said.strip().rpartition("skipped: ")[2])
            assert status is None, said
            return not made.connect_ex(str(self.directory / name))

        assert wait_until(connect, BOOTS_WITHIN), "the machine didn't start"
        return made

    def prepare(self, address):
        self.done("modprobe virtio_net", seconds=BOOTS_WITHIN)
        self.done("sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1",
                  "ip link set eth0 name ctl0", f"ip address add {address} dev ctl0",
                  "ip link set ctl0 up", "ip link set eth1 up",
                  f"cp -a {self.installed}/. /", "systemctl daemon-reload")

    def command(self, text, seconds=BOOTS_WITHIN):
        """(exit status, output) of a shell's command."""
        self.port.settimeout(seconds)
        self.port.sendall(f"{{ {text}\n}} </dev/null 2>&1; printf '\\036%d\\n' $?\n".encode())
        said = b""
        while not (end := END.search(said)):
            more = self.port.recv(65536)
            assert more, Path(self.said.name).read_text()
            said += more
        return int(end[1]), said[:end.start()].decode()

    def done(self, *commands, seconds=BOOTS_WITHIN):
        """Commands that must succeed; the last one's output."""
        for text in commands:
            status, said = self.command(text, seconds)
            assert status == 0, f"{text}: {status}: {said}"
        return said

    def write(self, path, text):
        self.done(f"mkdir -p {Path(path).parent}; printf %s {shlex.quote(text)} >{path}")

    def systemctl(self, words):
        status, said = self.command(f"systemctl {words} {UNIT}")
        assert status == 0, f"{words}: {said}{self.log()}"
        return said

    def shown(self, *names):
        """Properties of the unit."""
        said = self.done(f"systemctl show {UNIT} -p {','.join(names)}")
        return dict(line.split("=", 1) for line in said.splitlines())

    def pid(self):
        return int(self.shown("MainPID")["MainPID"])

    def log(self):
        return self.done(f"journalctl --no-pager -o short-monotonic -u {UNIT}")

    def rows(self, words):
        return json.loads(self.done(f"xdp-l2resp {words} --json"))

    def qmp(self, word):
        """What qemu returns, when it has done it."""
        self.monitor.sendall(json.dumps({"execute": word}).encode() + b"\n")
        with self.monitor.makefile() as lines:
            return next(json.loads(line)["return"] for line in lines if '"return"' in line)

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.said.close()
