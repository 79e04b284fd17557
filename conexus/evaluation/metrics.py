# SPDX-License-Identifier: FSL-1.1-MIT
"""Metrics of ranked answers. Pure.

NDCG follows Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with gains of
0 and 1, as semble's public benchmark computes it: each target counts once, at the first place that answers it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from conexus.evaluation.questions import Place, Question, Target
from conexus.values import dataclass

DEPTH = 10
TOKEN_BUDGETS = (500, 1_000, 2_000, 4_000)
_ROUNDS = 10_000
_CONFIDENCE = 95.0


@dataclass(frozen=True, slots=True)
class Score:
    """How well one question was answered; every figure in [0, 1]."""

    ndcg: float
    """NDCG of the first ten places."""
    mrr: float
    """One over the rank of the first right place among the first ten, else 0."""
    recall: float
    """Share of the targets among the first ten places."""
    within: tuple[float, ...]
    """Share of the targets that a reader meets within each of :data:`TOKEN_BUDGETS`."""


def score(question: Question, answer: Sequence[Place]) -> Score:
    """Judge an answer, best place first.

    Raises:
        ValueError: The question has no target.
    """
    if not question.targets:
        raise ValueError(f"no target: {question.text!r}")
    ranks = [rank for target in question.targets if (rank := rank_of(target, answer)) is not None]
    first = min(ranks, default=DEPTH + 1)
    return Score(
        ndcg=ndcg(ranks, len(question.targets)),
        mrr=1.0 / first if first <= DEPTH else 0.0,
        recall=sum(rank <= DEPTH for rank in ranks) / len(question.targets),
        within=tuple(recall_within(question.targets, answer, budget) for budget in TOKEN_BUDGETS),
    )


def rank_of(target: Target, answer: Sequence[Place]) -> int | None:
    """Return the rank, from 1, of the first place that answers a target."""
    return next((rank for rank, place in enumerate(answer, start=1) if place.answers(target)), None)


def ndcg(ranks: Sequence[int], targets: int, depth: int = DEPTH) -> float:
    """Return the normalised discounted cumulative gain of right answers at these ranks, from 1."""
    found = {rank for rank in ranks if 1 <= rank <= depth}  # one place gains once, whatever it answers
    ideal = sum(_discount(rank) for rank in range(1, min(depth, targets) + 1))
    return sum(_discount(rank) for rank in found) / ideal


def recall_within(targets: Sequence[Target], answer: Sequence[Place], tokens: int) -> float:
    """Return the share of the targets met by who reads the places in order, up to so many tokens."""
    read: list[Place] = []
    left = tokens
    for place in answer:
        left -= place.tokens
        if left < 0:
            break
        read.append(place)
    return sum(rank_of(target, read) is not None for target in targets) / len(targets)


def _discount(rank: int) -> float:
    return 1.0 / math.log2(rank + 1)


@dataclass(frozen=True, slots=True)
class Difference:
    """Mean difference of two runs, and the interval that holds it with 95 % confidence."""

    mean: float
    low: float
    high: float

    @property
    def is_certain(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low > 0.0 or self.high < 0.0


def paired_difference(
    first: Sequence[Sequence[float]], second: Sequence[Sequence[float]], *, seed: int = 0
) -> Difference:
    """Return how much higher ``second`` is than ``first``, by paired bootstrap.

    Args:
        first: A value a question, in one group a repository; the mean is that of the groups' means.
        second: The same questions in the same order.
        seed: Of the resampling.

    Raises:
        ValueError: The two do not have the same questions, or there is none.
    """
    gaps = [np.subtract(b, a) for a, b in zip(first, second, strict=True) if len(a)]
    if not gaps:
        raise ValueError("nothing to compare")
    generator = np.random.default_rng(seed)
    drawn = np.zeros(_ROUNDS)
    for gap in gaps:
        drawn += gap[generator.integers(0, len(gap), (_ROUNDS, len(gap)))].mean(axis=1)
    drawn /= len(gaps)
    low, high = np.percentile(drawn, [(100 - _CONFIDENCE) / 2, (100 + _CONFIDENCE) / 2])
    return Difference(float(np.mean([gap.mean() for gap in gaps])), float(low), float(high))


__all__ = ["DEPTH", "TOKEN_BUDGETS", "Difference", "Score", "ndcg", "paired_difference", "rank_of", "score"]
