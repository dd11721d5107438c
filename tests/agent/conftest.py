# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: tests/net's, and an agent on the server of a LAN."""
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "net"))

import daemon as daemon_module  # noqa: E402
from base import background, lan, pytest_collection_modifyitems, pytest_configure, scratch  # noqa: E402, F401
from lan import VIP  # noqa: E402


@pytest.fixture
def agent(lan, scratch):
    """An agent that isn't started yet; engine none, 2 s."""
    made = daemon_module.Agent(lan, scratch)
    yield made
    made.close()


@pytest.fixture
def running(agent):
    """One that answers for VIP."""
    agent.write("all.yaml", daemon_module.POLICY, daemon_module.service("web", VIP))
    agent.start()
    agent.wait_entries((VIP, "eth1"))
    return agent
