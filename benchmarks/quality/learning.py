"""Learns what each feature of the ranking is worth.

A linear model a kind of question, learnt from pairs: of each right file the best chunk, against the best chunk of
each wrong file (Burges et al., "Learning to rank using gradient descent", 2005). All kinds share a base, so that
the few questions of one kind learn from the others. Signs are held as :data:`conexus.search.features.FEATURES`
has them; several runs with other orders of the questions are averaged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.search.features import FEATURES, QuestionKind

_ROUNDS: Final = 20
RUNS: Final = 3
_AVERAGED: Final = 0.25  # of the rounds, at the end
_DECAY: Final = 1e-2
_STEP: Final = 3e-3
_WRONG_FILES: Final = 40
_WRONG_CHUNKS: Final = 3  # of a right file, where the answer has lines
_ADAM: Final = (0.9, 0.999, 1e-8)
_LEAST_DEVIATION: Final = 0.1
"""Keeps a feature that few candidates have from a weight that outweighs all others."""
FOLDS: Final = 5

_GIVEN: Final = {"path_asked": 8.0, "line_asked": 6.0, "qualified_definition": 4.0}
"""Set by hand: no question of the sets names the file, the line or the member that it wants."""

Weights = dict[QuestionKind, npt.NDArray[np.float64]]
_KINDS: Final = tuple(QuestionKind)
_SIGNS: Final = np.array([feature.sign for feature in FEATURES], dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A question with its candidates, measured."""

    repository: str
    kind: QuestionKind
    features: npt.NDArray[np.float64]
    """Shape ``(candidates, len(FEATURES))``."""
    files: npt.NDArray[np.intp]
    """Number of each candidate's file."""
    right: npt.NDArray[np.bool_]
    """Whether each candidate answers."""
    targets: int
    """How many right answers there are, found or not."""
    has_lines: bool
    """Whether the answer is lines rather than a file."""


def folds(repositories: Sequence[str]) -> list[frozenset[str]]:
    """Split whole repositories into :data:`FOLDS` parts, the same each time."""
    shuffled = sorted(repositories)
    np.random.default_rng(0).shuffle(shuffled)
    return [frozenset(shuffled[start::FOLDS]) for start in range(FOLDS)]


def learn(examples: Sequence[Example], *, without: frozenset[str] = frozenset(), runs: int = RUNS) -> Weights:
    """Learn weights, as the mean of several runs, leaving out features by label.

    Raises:
        ValueError: No example has both a right and a wrong file.
    """
    usable = [example for example in examples if example.right.any() and not example.right.all()]
    if not usable:
        raise ValueError("nothing to learn from")
    deviations = np.concatenate([example.features for example in usable]).std(axis=0)
    scale = np.maximum(deviations, _LEAST_DEVIATION)
    kept = np.array([feature.label not in without for feature in FEATURES])
    learnt = [_run(usable, scale, kept, seed) for seed in range(runs)]
    mean = np.mean(learnt, axis=0) * kept / scale
    given = np.array([_GIVEN.get(feature.name, 0.0) for feature in FEATURES])
    return {kind: mean[0] + mean[1 + column] + given for column, kind in enumerate(_KINDS)}


def _run(
    examples: Sequence[Example], scale: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_], seed: int
) -> npt.NDArray[np.float64]:
    """Return the base and, after it, what each kind adds; in units of the features' deviations."""
    generator = np.random.default_rng(seed)
    scaled = [example.features / scale * kept for example in examples]
    weights = np.zeros((1 + len(_KINDS), len(FEATURES)))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    total, summed, step = np.zeros_like(weights), 0, 0
    for turn in range(_ROUNDS):
        for number in generator.permutation(len(examples)):
            row = 1 + _KINDS.index(examples[number].kind)
            slope = _slope(examples[number], scaled[number], weights[0] + weights[row])
            if slope is None:
                continue
            gradient = np.zeros_like(weights)
            gradient[[0, row]] = slope + _DECAY * weights[[0, row]]
            step += 1
            first = _ADAM[0] * first + (1 - _ADAM[0]) * gradient
            second = _ADAM[1] * second + (1 - _ADAM[1]) * gradient**2
            mean, spread = first / (1 - _ADAM[0] ** step), second / (1 - _ADAM[1] ** step)
            weights = _signed(weights - _STEP * mean / (np.sqrt(spread) + _ADAM[2]))
        if turn >= _ROUNDS * (1 - _AVERAGED):
            total, summed = total + weights, summed + 1
    return total / summed


def _signed(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take back what gives a feature the sign that it must not have."""
    base = np.where(_SIGNS * weights[0] < 0, 0.0, weights[0])
    added = [np.where(_SIGNS * (base + row) < 0, -base, row) for row in weights[1:]]
    return np.vstack((base, *added))


def _slope(
    example: Example, scaled: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64] | None:
    """Return the gradient of the pairwise logistic loss, or nothing where there is no pair."""
    order = np.argsort(-np.einsum("ij,j->i", scaled, weights), kind="stable")
    best_right: dict[int, int] = {}
    for index in order:
        if example.right[index]:
            best_right.setdefault(int(example.files[index]), int(index))
    best_wrong: dict[int, int] = {}
    beside: list[int] = []
    for index in order:
        file = int(example.files[index])
        if file not in best_right:
            best_wrong.setdefault(file, int(index))
        elif example.has_lines and not example.right[index] and len(beside) < _WRONG_CHUNKS:
            beside.append(int(index))
    wrong = [*list(best_wrong.values())[:_WRONG_FILES], *beside]
    if not wrong:
        return None
    good, bad = scaled[list(best_right.values())], scaled[wrong]
    gaps = np.einsum("ij,j->i", bad, weights)[None, :] - np.einsum("ij,j->i", good, weights)[:, None]
    push = 1.0 / (1.0 + np.exp(-gaps))
    slope: npt.NDArray[np.float64] = (
        np.einsum("i,ij->j", push.sum(axis=0), bad) - np.einsum("i,ij->j", push.sum(axis=1), good)
    ) / push.size
    return slope


def order_of(example: Example, weights: Mapping[QuestionKind, npt.NDArray[np.float64]]) -> npt.NDArray[np.intp]:
    """Return the candidates, best first, without the step back of a file's further chunks."""
    return np.argsort(-np.einsum("ij,j->i", example.features, weights[example.kind]), kind="stable")
