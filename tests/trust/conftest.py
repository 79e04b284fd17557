# SPDX-License-Identifier: FSL-1.1-MIT
"""Attacks on the whole of Conexus, each with a figure; ``docs/reliability.md`` and ``docs/security.md`` hold them.

Every attack has a quick form, which runs with all tests, and a full one, which is slow. ``CONEXUS_SEED`` repeats
one, or makes another: without it every run is the same.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The helpers of the end-to-end tests, which are no package.
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from attacks import PROPERTY, SEED, Figure
from program import Program


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """The program with a data folder of its own; no daemon of it outlives the test."""
    made = Program(tmp_path / "program")
    yield made
    if (made.data / "daemon.json").exists():
        made.run("daemon", "stop")


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Say what an attack came to: ``figure("crash", kills=300, files_lost=0)``. Say it before it is judged."""

    def say(attack: str, **numbers: float | str) -> None:
        record_property(PROPERTY, Figure(attack, SEED, dict(numbers)).text())

    return say
