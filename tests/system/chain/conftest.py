# SPDX-License-Identifier: GPL-2.0-or-later
"""A BPF file system a test, and who can chain.

A test says with @statement(...) what it proves. With CHAIN_RESULTS=DIR the verdicts are left there
for tests/system/chain/table.
"""
from pathlib import Path

import pytest

import chain as chain_module
from results import Results

NET = Path(__file__).resolve().parents[1] / "net"


def pytest_configure(config):
    Results.register(config)


def pytest_collection_modifyitems(items):
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
