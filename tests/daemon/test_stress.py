# SPDX-License-Identifier: FSL-1.1-MIT
"""Fifty mixed clients, with random ``kill -9`` of clients and of the daemon; a smaller form in CI."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from program import Program
from stress import Stress, processes_of

_MEMORY_MB = 400.0


def record(line: str) -> None:
    """Say what was measured; `pytest -rP` shows it."""
    sys.stdout.write(f"{line}\n")


@pytest.mark.parametrize(
    ("clients", "seconds", "daemon_every_s"),
    [
        pytest.param({"rest": 3, "grpc": 3, "mcp": 2, "cli": 2}, 6.0, 2.5, id="short"),
        pytest.param({"rest": 18, "grpc": 14, "mcp": 10, "cli": 8}, 300.0, 15.0, id="long", marks=pytest.mark.slow),
    ],
)
def test_clients_and_the_daemon_are_killed(
    alone: tuple[Program, Path], clients: dict[str, int], seconds: float, daemon_every_s: float
) -> None:
    """No lock error, no wrong answer, no process left behind, memory within the budget."""
    program, tree = alone
    program.ok("index", tree)
    tally = Stress(program, tree, seed=11).run(clients, seconds, daemon_every_s=daemon_every_s, client_every_s=0.7)
    record(f"answers {dict(tally.answers)}, gone {dict(tally.gone)}, kills {dict(tally.kills)}")
    record(f"largest memory of the daemon: {tally.largest_rss_mb:.0f} MB")
    assert not tally.wrong, tally.wrong[:10]
    assert all(tally.answers[kind] for kind in clients), tally.answers
    assert tally.kills["daemon"] >= 1
    assert tally.largest_rss_mb <= _MEMORY_MB
    program.ok("daemon", "stop")
    until = time.monotonic() + 60
    while (left := processes_of(program)) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left
