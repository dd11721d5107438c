#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The profile that container runtimes apply by default: why the DaemonSet's containers are unconfined."""
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from chain import ADD, mounted, statement

ENABLED = Path("/sys/module/apparmor/parameters/enabled")
SECURITYFS = Path("/sys/kernel/security")
PARSER = shutil.which("apparmor_parser", path="/usr/sbin:/sbin")
NAME = "xdp-l2resp-test"
# what the profiles of containerd, CRI-O, Docker and podman say about pins: their rule, word for word
PROFILE = f"""
profile {NAME} flags=(attach_disconnected,mediate_deleted) {{
  network,
  capability,
  file,
  deny /sys/fs/[^c]*/** wklx,
}}
"""
CONFINED = "sh", "-c", f'echo exec {NAME} >/proc/self/attr/exec && exec "$@"', "sh"


@pytest.fixture
def profile():
    if not ENABLED.exists() or ENABLED.read_text().strip() != "Y":
        pytest.skip("the kernel has no AppArmor")
    if not PARSER:
        pytest.skip("apparmor isn't installed")
    with ExitStack() as stack:
        if not (SECURITYFS / "apparmor").exists():
            stack.enter_context(mounted("securityfs", SECURITYFS, "securityfs"))
        for verb in "--replace", "--remove":
            done = subprocess.run([PARSER, verb, "--skip-cache"], input=PROFILE, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            if verb == "--replace":
                yield


@statement("AppArmor with the container runtimes' default profile: no pins, and the error says so; unconfined, all works")
def test_default_profile(profile, lan):
    def refused(words):
        done = lan.server.run(*CONFINED, *lan.words(words), check=False)
        assert done.returncode == 1
        assert f"{lan.bpffs}/xdp-l2resp: Permission denied; check its mode, and whether AppArmor or SELinux denies it" in done.stderr

    refused("attach eth1")
    lan.done("attach eth1", ADD)
    assert lan.answered() == 3
    # a directory that exists can't be locked either
    refused("detach --all")
