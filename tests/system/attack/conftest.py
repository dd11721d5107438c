# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: tests/net's, and tests/agent's."""
import sys
from pathlib import Path

import pytest

sys.path += [str(Path(__file__).resolve().parents[2] / room) for room in ("net", "agent")]

import daemon as daemon_module  # noqa: E402
from base import lan, pytest_collection_modifyitems, pytest_configure, scratch  # noqa: E402, F401


@pytest.fixture
def agent(lan, scratch):
    """An agent that isn't started yet; engine none, 2 s."""
    made = daemon_module.Agent(lan, scratch)
    yield made
    made.close()
