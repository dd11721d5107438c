# SPDX-License-Identifier: GPL-2.0-or-later
"""What test_boot.py and test_service.py start from: a LAN with a virtual machine on it, booted once, and who answers there."""
import os
import tempfile
from pathlib import Path

import pytest

from cluster import VIP, Cluster
from machine import Machine
from stores import Store


@pytest.fixture(scope="session")
def cluster():
    with tempfile.TemporaryDirectory(prefix="l2resp-vm-") as directory:
        os.chmod(directory, 0o755)
        made = Cluster(Path(directory))
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="session")
def machine(cluster):
    made = Machine(cluster, 9, os.environ.get("VM_KERNEL", "6.12"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def asker(machine):
    """The client asks for VIP, at a rate that the emulated processor has time for."""
    made = machine.cluster.ask(VIP, period=0.01)
    yield made
    made.close()
    assert not made.twice()


@pytest.fixture(scope="module")
def etcd(machine):
    made = Store(machine.cluster)
    yield made
    made.close()
