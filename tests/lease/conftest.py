# SPDX-License-Identifier: GPL-2.0-or-later
"""Results as TAP, as the suites of tests/net give them."""
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "net"))
from tap import Tap  # pylint: disable=wrong-import-position


def pytest_configure(config):
    config.addinivalue_line("markers", "smoke: runs without --full, too")
    if not config.pluginmanager.hasplugin("terminal"):
        # which the terminal plugin would have set
        config.option.verbose = 0
        config.option.tbstyle = "short"
        config.pluginmanager.register(Tap(), "tap")
