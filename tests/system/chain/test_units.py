#!/usr/bin/python3 -m pytest
# SPDX-License-Identifier: GPL-2.0-or-later
"""The unit tests, on this kernel: its verifier and its BPF_PROG_RUN."""
import os
import subprocess

import pytest

from chain import statement
from lan import ROOT

UNITS = os.environ.get("CHAIN_UNITS", str(ROOT / "build/tests"))


@statement("unit tests: {}")
@pytest.mark.parametrize("name", ["addr", "arp", "nd", "vlan", "entry", "reuse"])
def test_unit(name):
    done = subprocess.run([f"{UNITS}/test_{name}"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
