# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: tests/net's, a BPF file system a test, and who can chain.

A test says with @statement(...) what it proves. With CHAIN_RESULTS=DIR the verdicts are left there
for tests/chain/table.
"""
import sys
from pathlib import Path

import pytest

NET = Path(__file__).resolve().parents[1] / "net"
sys.path.append(str(NET))

import base  # noqa: E402
import chain as chain_module  # noqa: E402
from base import background, scratch  # noqa: E402, F401
from results import Results  # noqa: E402


def pytest_configure(config):
    base.pytest_configure(config)
    config.addinivalue_line("markers", "statement(text): what of the table in docs this proves")
    Results.register(config)


def pytest_collection_modifyitems(items):
    base.pytest_collection_modifyitems(items)
    for item in items:
        if item.path.parent == NET:
            name = item.path.stem.removeprefix("test_").replace("_", " ")
            item.add_marker(pytest.mark.statement(f"tests in network namespaces: {name}"))


@pytest.fixture
def bpffs():
    """An empty one at /sys/fs/bpf, for this test alone."""
    with chain_module.fresh_bpffs():
        yield


@pytest.fixture
def lan(bpffs):
    """A LAN with nothing attached."""
    with chain_module.ChainLan() as made:
        yield made


@pytest.fixture(scope="session")
def alone_reason():
    """Why no dispatcher can be had here; the empty string where one can."""
    with chain_module.fresh_bpffs(), chain_module.ChainLan() as lan:
        row, = lan.rows("attach eth1")
        return "" if row["chain"] else row["chain_reason"]


@pytest.fixture
def chained(lan, alone_reason):
    """A LAN whose server can have a dispatcher."""
    if alone_reason:
        pytest.skip(alone_reason)
    return lan
