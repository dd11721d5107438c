# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a NIC's LAN, once a NIC, and tests/net's. Results are left as by tests/chain."""
import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / name) for name in ("net", "chain")]

import base  # noqa: E402
from chain import fresh_bpffs  # noqa: E402
from lan import run  # noqa: E402
from nic_lan import NicLan  # noqa: E402
from nics import NICS  # noqa: E402
from results import Results  # noqa: E402

HAVE = os.environ.get("HAVE_NICS", "").split(";")  # tests/drivers/suite's


def pytest_configure(config):
    base.pytest_configure(config)
    config.addinivalue_line("markers", "statement(text): what of the table in docs this proves")
    Results.register(config)


def pytest_collection_modifyitems(items):
    """A NIC that qemu doesn't have leaves no verdict."""
    for item in items:
        name = item.callspec.params["nic"]
        if name not in HAVE:
            item.add_marker(pytest.mark.skip(reason=f"this qemu has no {NICS[name].module}"))


@pytest.fixture(scope="module")
def nic(request):
    """The name of one of NICS, which comes from the test's parameters."""
    run("modprobe", "--all", "virtio_net", NICS[request.param].module)
    return request.param


@pytest.fixture(scope="module")
def lan(nic):
    """Nothing is attached when the first test of a NIC begins."""
    with fresh_bpffs(), NicLan(nic) as made:
        yield made
