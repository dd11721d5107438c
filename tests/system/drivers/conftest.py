# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a NIC's LAN, once a NIC. Results are left as by tests/system/chain."""
import os

import pytest

from chain import fresh_bpffs
from lan import run
from nic_lan import NicLan
from nics import NICS
from results import Results

HAVE = os.environ.get("HAVE_NICS", "").split(";")  # tests/system/drivers/suite's


def pytest_configure(config):
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
