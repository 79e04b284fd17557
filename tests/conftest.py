# SPDX-License-Identifier: FSL-1.1-MIT
"""Options and fixtures of the whole suite."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import settings

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "False"  # read when haystack is imported

# How long an example takes says more of the machine than of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell starts what runs in its background with Ctrl-C ignored, and so would all programs be that the tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the golden files anew instead of comparing")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-golden"))
