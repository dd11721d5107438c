# SPDX-License-Identifier: GPL-2.0-or-later
"""What the suites run, built for arm64."""
import os
import shutil
import subprocess

from kernel_packages import BROKEN, NATIVE, SKIPPED, Failure, root

HERE = os.path.dirname(os.path.realpath(__file__))
COMPILER = "aarch64-linux-gnu-gcc"
UNITS = "addr", "arp", "nd", "vlan", "entry", "reuse"
TARGETS = ("loader/xdp-l2resp", "xdp/l2resp.bpf.o", "tests/support/flood", "tests/support/pass.bpf.o",
           "tests/support/libfault.so", "tests/system/chain/counter.bpf.o", "tests/system/chain/dispatcher.bpf.o",
           *(f"tests/test_{name}" for name in UNITS))


def quietly(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Failure(BROKEN, f"{command[0]}: {done.stdout[-2000:]}")


def built(build):
    """A build directory for arm64 below that of this host, up to date with the sources."""
    if NATIVE == "arm64":
        raise Failure(SKIPPED, "skipped: this host is arm64 itself")
    if not shutil.which(COMPILER):
        raise Failure(SKIPPED, "skipped: install gcc-aarch64-linux-gnu first")
    sysroot = root("arm64")
    where = build / sysroot.name  # another one for another root
    if not (where / "build.ninja").exists():
        constants = build / f"{sysroot.name}.ini"
        constants.write_text(f"[constants]\nsysroot = '{sysroot}'\n")
        quietly("meson", "setup", "--cross-file", constants, "--cross-file", f"{HERE}/arm64.ini",
                where, f"{HERE}/../../..")
    quietly("ninja", "-C", where, *TARGETS)
    return where
