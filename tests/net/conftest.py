# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tests here start from."""
from base import background, lan, pytest_collection_modifyitems, pytest_configure, scratch  # noqa: F401
