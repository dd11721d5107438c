# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: a LAN, etcd, and an eye on the wire that no test ends without."""
import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path += [str(TESTS / "net"), str(TESTS / "agent"), str(TESTS / "lease")]
SPEC = importlib.util.spec_from_file_location("net_conftest", TESTS / "net/conftest.py")
net_conftest = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(net_conftest)

from cluster import STORE_IP, Cluster  # noqa: E402
from harness import Etcd  # noqa: E402

pytest_configure = net_conftest.pytest_configure
pytest_collection_modifyitems = net_conftest.pytest_collection_modifyitems
scratch = net_conftest.scratch


@pytest.fixture
def cluster(scratch):
    made = Cluster(scratch)
    try:
        yield made
        made.check()
    finally:
        made.close()


@pytest.fixture
def etcd(cluster, request):
    """Members in the store's namespace: one, or as many as the test's parameter says."""
    if not shutil.which("etcd"):
        pytest.skip("etcd isn't installed")
    made = Etcd(cluster.directory, getattr(request, "param", 1), address=STORE_IP, enter=cluster.store.argv())
    yield made
    made.close()
