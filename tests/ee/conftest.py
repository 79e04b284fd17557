# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Fixtures of the tests of the enterprise package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

# The helpers of the tests that run the whole program, which are no package.
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))


def _daemon_helpers() -> object:
    found = importlib.util.spec_from_file_location(
        "daemon_conftest", Path(__file__).parents[1] / "daemon" / "conftest.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["daemon_conftest"] = module
    found.loader.exec_module(module)
    return module


_daemon_helpers()
