# SPDX-License-Identifier: FSL-1.1-MIT
"""What all attacks share: how often, with which seed, and how a figure or a NOT RUN is told."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

PROPERTY = "conexus_trust"
"""Under this name a test's report carries its figures to the process that prints them."""
SEED = int(os.environ.get("CONEXUS_SEED", "1"))
"""The same in every run, so that a change is judged by itself; ``make test-slow`` takes another each time."""


@dataclass(frozen=True)
class Figure:
    """What an attack came to."""

    attack: str
    seed: int
    numbers: dict[str, float | str]

    def text(self) -> str:
        """As a test's report carries it."""
        return json.dumps({"attack": self.attack, "seed": self.seed, **self.numbers})


def rounds(quick: int, full: int) -> Callable[[Any], Any]:
    """Run a test as often as its quick form needs, and slow, as often as its full form: its argument ``rounds``."""
    return pytest.mark.parametrize(
        "rounds", [pytest.param(quick, id="quick"), pytest.param(full, id="full", marks=pytest.mark.slow)]
    )


def dice(test: str, number: int = 0) -> random.Random:
    """The chance of one round of a test: the same for the same ``CONEXUS_SEED``, whatever ran before."""
    return random.Random(f"{SEED} {test} {number}")  # noqa: S311 -- moments and mutations, no secrets


def not_run(attack: str, why: str, record_property: Callable[[str, object], None]) -> NoReturn:
    """This machine cannot run an attack, which is told at the end of the run; never for what failed."""
    record_property(PROPERTY, json.dumps({"attack": attack, "not_run": why}))
    pytest.skip(f"NOT RUN: {attack}: {why}")
