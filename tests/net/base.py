# SPDX-License-Identifier: GPL-2.0-or-later
"""What every test in namespaces starts from: private mounts, a LAN, and results as TAP. The
conftest.py of each directory takes from here what its tests want.

The whole run has a mount namespace of its own. Network namespaces are named, and BPF file systems
mounted, only in there, so that all of it is gone when the process is, however it ends.
"""
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

import lan as lan_module
import tap


def pytest_configure(config):
    tap.register(config)
    if os.geteuid() == 0:
        lan_module.leave_mounts()


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="network namespaces and BPF need root"))


@pytest.fixture
def lan():
    """A LAN with nothing attached."""
    with lan_module.Lan() as made:
        yield made


@pytest.fixture
def scratch():
    """A directory for files, which anybody may read."""
    with tempfile.TemporaryDirectory(prefix="l2resp-net-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def background():
    """Starts processes that are ended, by their id, when the test is."""
    started = []

    def start(*args, **options):
        started.append(subprocess.Popen(*args, **options))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
