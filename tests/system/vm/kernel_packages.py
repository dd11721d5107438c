# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's packages for a guest: found and downloaded by apt, unpacked, kept outside the tree.

For another architecture than this host's, apt has a configuration of its own, over the same mirror.
"""
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

TREE = Path(__file__).resolve().parents[3]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "xdp-l2resp"
BROKEN, SKIPPED = 125, 77


class Architecture(NamedTuple):
    """How qemu emulates it."""
    qemu: str
    package: str
    machine: tuple
    console: str


ARCHITECTURES = {
    # qemu 7.2's cmpxchg16b leaves another register's bits in the flags: an interrupt just then, and the kernel panics
    "amd64": Architecture("qemu-system-x86_64", "qemu-system-x86", ("-cpu", "qemu64,+rdrand,-cx16"),
                          "ttyS0"),
    # without pauth-impdef each call costs an emulated cipher
    "arm64": Architecture("qemu-system-aarch64", "qemu-system-arm",
                          ("-M", "virt,gic-version=3", "-cpu", "max,pauth-impdef=on"), "ttyAMA0"),
}
NATIVE = "arm64" if os.uname().machine == "aarch64" else "amd64"

# Either may point at a series: which one linux-image-amd64 is depends on the Debian release.
META_PACKAGES = ("linux-image-{series}-{arch}", "linux-image-{arch}")

# A root for another architecture: what the tests run, and what the cross-compiler links with, which
# is the -dev packages of scripts/setup's group build.
BUILD_PACKAGES = re.search(r'\[build\]="([^"]*)"', (TREE / "scripts/setup").read_text())[1]
ROOT_PACKAGES = [*"""
    base-files base-passwd busybox-static dash coreutils util-linux mount kmod procps mawk grep sed
    iproute2 iputils-ping ethtool arping ndisc6 bpftool xdp-tools
    python3 python3-pytest python3-scapy""".split(), *re.findall(r"(?<![\w|])\S*-dev\b", BUILD_PACKAGES)]
USR_LINKS = ("bin", "sbin", "lib")


class Failure(Exception):
    """Ends the run: an exit status, and a sentence for the user."""

    def __init__(self, status, sentence):
        super().__init__(sentence)
        self.status = status


def say(sentence):
    print(f"tests/system/vm/run: {sentence}", file=sys.stderr, flush=True)


def output_of(*command, **options):
    """A command's standard output; None when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={**os.environ, "LC_ALL": "C"}, **options)
    return done.stdout if done.returncode == 0 else None


class Apt:
    """apt-get and apt-cache for an architecture."""

    def __init__(self, arch):
        self.arch = arch
        self.options = []
        if arch == NATIVE:
            return
        state = CACHE / f"apt-{arch}"
        for name in ("lists/partial", "archives/partial"):
            (state / name).mkdir(parents=True, exist_ok=True)
        self.archives = state / "archives"
        for option in (f"APT::Architecture={arch}", f"APT::Architectures={arch}",
                       f"Dir::State={state}", "Dir::State::status=/dev/null", f"Dir::Cache={state}",
                       "APT::Sandbox::User=root", "Acquire::Languages=none"):
            self.options += ["-o", option]
        if not list((state / "lists").glob("*_Packages*")):
            self.update()

    def update(self):
        if self.options:
            self.get("update")

    def get(self, *words, **options):
        return output_of("apt-get", "-qq", *self.options, *words, **options)

    def cache(self, *words):
        return output_of("apt-cache", *self.options, *words)


def unpacked(where, unpack):
    """Have unpack fill a directory; where appears complete or not at all. True when it is there."""
    where.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=where.parent, prefix=".fetch-") as scratch:
        tree = Path(scratch) / "tree"
        if not unpack(Path(scratch), tree):
            return False
        try:
            tree.rename(where)
        except OSError:  # another run was first
            if not where.is_dir():
                raise
    return True


def extract(archives, tree):
    """Unpack packages into a directory, whether they have /lib or, as from Debian 13 on, /usr/lib."""
    for name in USR_LINKS:
        (tree / "usr" / name).mkdir(parents=True)
        (tree / name).symlink_to(f"usr/{name}")
    for archive in archives:
        with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive],
                              stdout=subprocess.PIPE) as content:
            subprocess.run(["tar", "-C", tree, "-x", "--keep-directory-symlink"],
                           stdin=content.stdout, check=True)


# Kernels


def newest_image(apt, series):
    """(package, version) of the newest kernel image of a series that apt knows, or None."""
    for meta in META_PACKAGES:
        depends = apt.cache("depends", meta.format(series=series, arch=apt.arch)) or ""
        found = re.search(rf"Depends: (linux-image-{re.escape(series)}\.\S+)", depends)
        for package in (found[1], found[1] + "-unsigned") if found else ():
            shown = apt.cache("show", "--no-all-versions", package)
            version = re.search(r"^Version: (.+)$", shown or "", re.MULTILINE)
            if version:
                return package, version[1]
    return None


def fetch_kernel(apt, package, version, where):
    def unpack(scratch, tree):
        if apt.get("download", f"{package}={version}", cwd=scratch) is None:
            return False
        extract(scratch.glob("*.deb"), tree)
        [modules] = tree.glob("lib/modules/*")
        # The package leaves this to its postinst; without it modprobe finds nothing.
        subprocess.run(["depmod", "-b", tree, modules.name], check=True)
        return True

    say(f"fetching {package} {version}")
    return unpacked(where, unpack)


def kernel(series, arch):
    """The directory that holds a kernel of a series, fetched when it isn't there yet."""
    apt = Apt(arch)
    kernels = CACHE / ("kernels" if arch == NATIVE else f"kernels-{arch}")
    image = newest_image(apt, series)
    if image:
        where = kernels / image[1]
        if where.is_dir() or fetch_kernel(apt, *image, where):
            return where
    cached = sorted((path for path in kernels.glob(f"{series}.*") if path.is_dir()),
                    key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
    wanted = f"{image[0]} {image[1]}" if image else f"a linux-image-{series} package for {arch}"
    if not cached:
        raise Failure(SKIPPED, f"skipped: apt can't get {wanted}; try apt-get update first")
    say(f"apt can't get {wanted}; using {cached[-1].name} from {kernels}")
    return cached[-1]


# Roots


def root(arch):
    """A directory with the ROOT_PACKAGES of an architecture, fetched when it isn't there yet."""
    release = Path("/etc/os-release").read_text() + " ".join(ROOT_PACKAGES)
    where = CACHE / f"root-{arch}-{hashlib.sha256(release.encode()).hexdigest()[:8]}"
    if not where.is_dir() and not fetch_root(Apt(arch), where):
        raise Failure(SKIPPED, f"skipped: apt can't get Debian's packages for {arch}")
    return where


def download_root(apt):
    apt.get("clean")
    return apt.get("-d", "-y", "--no-install-recommends", "install", *ROOT_PACKAGES)


def fetch_root(apt, where):
    def unpack(scratch, tree):
        if download_root(apt) is None:
            apt.update()  # the lists are as old as their first use
            if download_root(apt) is None:
                return False
        extract(sorted(apt.archives.glob("*.deb")), tree)
        # what their postinst would do: users, and Python compiled, which takes long where emulated
        for name in ("passwd", "group"):
            master = tree / f"usr/share/base-passwd/{name}.master"
            (tree / f"etc/{name}").write_text(master.read_text())
        for directory in tree.glob("usr/lib/python3*"):
            subprocess.run([sys.executable, "-m", "compileall", "-q", "-s", tree, "-p", "/",
                            directory], stdout=subprocess.DEVNULL, check=False)
        apt.get("clean")
        return True

    say(f"fetching a root for {apt.arch}")
    return unpacked(where, unpack)
