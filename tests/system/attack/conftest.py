# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from: tests/net's."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "net"))

from base import pytest_collection_modifyitems, pytest_configure  # noqa: E402, F401
