# SPDX-License-Identifier: GPL-2.0-or-later
"""What test_service.py starts from: a LAN with a virtual machine on it, booted once, and who answers there."""
import importlib.util
import os
import sys
import tempfile
from pathlib import Path

import pytest

HA = Path(__file__).resolve().parents[1] / "ha"
sys.path.append(str(HA))
SPEC = importlib.util.spec_from_file_location("ha_conftest", HA / "conftest.py")
ha_conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ha_conftest)

from cluster import VIP, Cluster  # noqa: E402
from machine import Machine  # noqa: E402

pytest_configure = ha_conftest.pytest_configure
pytest_collection_modifyitems = ha_conftest.pytest_collection_modifyitems


@pytest.fixture(scope="module")
def machine():
    with tempfile.TemporaryDirectory(prefix="l2resp-vm-") as directory:
        os.chmod(directory, 0o755)
        cluster = Cluster(Path(directory))
        try:
            made = Machine(cluster, 9, os.environ.get("VM_KERNEL", "6.12"))
            try:
                yield made
            finally:
                made.close()
        finally:
            cluster.close()


@pytest.fixture
def asker(machine):
    """The client asks for VIP, at a rate that the emulated processor has time for."""
    made = machine.cluster.ask(VIP, period=0.01)
    yield made
    made.close()
    assert not made.twice()


@pytest.fixture(scope="module")
def etcd(machine):
    made = ha_conftest.Store(machine.cluster)
    yield made
    made.close()
