# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as TAP, as the suites of tests/net give them."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "net"))
import tap  # pylint: disable=wrong-import-position


def pytest_configure(config):
    tap.register(config)
