# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: tests/net's, and an agent on the server of a LAN."""
import importlib.util
import sys
from pathlib import Path

import pytest

NET = Path(__file__).resolve().parents[1] / "net"
sys.path.insert(0, str(NET))
SPEC = importlib.util.spec_from_file_location("net_conftest", NET / "conftest.py")
net_conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(net_conftest)

import daemon as daemon_module  # noqa: E402
import lan as lan_module  # noqa: E402

pytest_configure = net_conftest.pytest_configure
pytest_collection_modifyitems = net_conftest.pytest_collection_modifyitems
background = net_conftest.background
scratch = net_conftest.scratch


@pytest.fixture
def lan():
    with lan_module.Lan() as made:
        yield made


@pytest.fixture
def agent(lan, scratch):
    """An agent that isn't started yet; engine none, 2 s."""
    made = daemon_module.Agent(lan, scratch)
    yield made
    made.close()
