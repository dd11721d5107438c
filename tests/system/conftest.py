# SPDX-License-Identifier: GPL-2.0-or-later
"""What every test in namespaces starts from: private mounts, a LAN, and results as TAP. Each folder's own
conftest.py adds what its tests start from.

The whole run has a mount namespace of its own. Network namespaces are named, and BPF file systems
mounted, only in there, so that all of it is gone when the process is, however it ends.
"""
import os
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import daemon
import lan as lan_module
import tap
from stalls import Stalls


def hurry():
    """Who waits for moments goes first, and the machines, compilers and fuzzers beside it take what it leaves. Where the
    kernel groups processes by session (sched(7), autogroup), a process's own nice value counts only within its group."""
    try:
        os.nice(-5)
        Path("/proc/self/autogroup").write_text("-5")
    except OSError:  # no CAP_SYS_NICE; a kernel without groups
        pass


def pytest_configure(config):
    tap.register(config)
    if not config.pluginmanager.hasplugin("stalls"):
        config.pluginmanager.register(Stalls(), "stalls")
    for number in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM:
        if signal.getsignal(number) == signal.SIG_IGN:  # nohup's, or a shell's "&": programs would inherit it
            signal.signal(number, signal.SIG_DFL)
    if os.geteuid() == 0:
        hurry()
        lan_module.leave_mounts()


def pytest_collection_modifyitems(items):
    for item in items:
        if os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="network namespaces and BPF need root"))
        elif not os.environ.get("XDP_L2RESP_FULL") and any(not mark.args or item.callspec.id in mark.args for mark in item.iter_markers("full")):
            item.add_marker(pytest.mark.skip(reason="--full runs it"))


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
def agent(lan, scratch):
    """An agent on the server of the LAN that isn't started yet; engine none, 2 s."""
    made = daemon.Agent(lan, scratch)
    yield made
    made.close()


@pytest.fixture
def running(agent):
    """One that answers for VIP."""
    agent.write("all.yaml", daemon.POLICY, daemon.service("web", lan_module.VIP))
    agent.start()
    agent.wait_entries((lan_module.VIP, "eth1"))
    return agent


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
