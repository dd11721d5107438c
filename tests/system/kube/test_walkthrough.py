# SPDX-License-Identifier: GPL-2.0-or-later
"""docs/walkthrough.md is what happens. `tests/system/kube/walkthrough.py --write` makes it so."""
import pytest
from kube import REASON
from lan import need
from walkthrough import PAGE, TOOLS, World, tell


def test_the_page_is_what_happens(scratch):
    if REASON:
        pytest.skip(REASON)
    need(*TOOLS)
    with World(scratch) as world:
        tell(world, PAGE.read_text())
