# SPDX-License-Identifier: FSL-1.1-MIT
"""Options and fixtures of the whole suite."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

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
    parser.addoption("--figures", type=Path, metavar="FILE", help="add what the attacks of tests/trust came to here")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether golden files are to be written instead of compared."""
    return bool(request.config.getoption("--update-golden"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print what the attacks of ``tests/trust`` came to, and loudly which of them this machine could not run."""
    if hasattr(config, "workerinput"):
        return
    lines = []
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, told in getattr(report, "user_properties", []):
                if name == "conexus_trust" and report.when in {"call", "setup"}:
                    took_s = round(report.duration, 1)
                    lines.append({**json.loads(told), "test": report.nodeid, "outcome": outcome, "took_s": took_s})
    if not lines:
        return
    terminalreporter.section("attacks")
    for line in lines:
        told = ", ".join(f"{name} {value}" for name, value in line.items() if name not in {"attack", "test", "not_run"})
        missing = f"NOT RUN: {line['not_run']}, " if "not_run" in line else ""
        terminalreporter.write_line(f"{line['attack']}: {missing}{told}")
    file = config.getoption("--figures")
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.writelines(f"{json.dumps(line)}\n" for line in lines)
