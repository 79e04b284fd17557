# SPDX-License-Identifier: FSL-1.1-MIT
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

from conexus.search.features import FEATURES, Feature, QuestionKind

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

GIVEN: Final = {
    "path_asked": 8.0,
    "line_asked": 6.0,
    "qualified_definition": 4.0,
    "docs_asked": 2.0,
    "other_platform": -2.5,
    "older_version": -2.0,
    "only_declared": -2.0,
}
"""Set by hand. No question of the sets names the file, the line, the member or the kind of document that it wants; and
twins are in so few of the repositories that nothing can be learnt of them by folds."""

Weights = dict[QuestionKind, npt.NDArray[np.float64]]
_KINDS: Final = tuple(QuestionKind)


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
    asked: str = ""
    """Kind of the question as its set has it."""


def folds(repositories: Sequence[str]) -> list[frozenset[str]]:
    """Split whole repositories into :data:`FOLDS` parts, the same each time."""
    shuffled = sorted(repositories)
    np.random.default_rng(0).shuffle(shuffled)
    return [frozenset(shuffled[start::FOLDS]) for start in range(FOLDS)]


def learn(
    examples: Sequence[Example],
    *,
    without: frozenset[str] = frozenset(),
    runs: int = RUNS,
    features: Sequence[Feature] = FEATURES,
) -> Weights:
    """Learn weights, as the mean of several runs, leaving out features by label or name.

    Args:
        examples: What is learnt from.
        without: Labels and names of features.
        runs: How many.
        features: What the examples' columns are.

    Raises:
        ValueError: No example has both a right and a wrong file.
    """
    usable = [example for example in examples if example.right.any() and not example.right.all()]
    if not usable:
        raise ValueError("nothing to learn from")
    deviations = np.concatenate([example.features for example in usable]).std(axis=0)
    scale = np.maximum(deviations, _LEAST_DEVIATION)
    left_out = without | GIVEN.keys()
    kept = np.array([left_out.isdisjoint((feature.label, feature.name)) for feature in features])
    signs = np.array([feature.sign for feature in features], dtype=np.float64)
    learnt = [_run([_Prepared.of(one, scale, kept) for one in usable], signs, seed) for seed in range(runs)]
    mean = np.mean(learnt, axis=0) * kept / scale
    given = np.array([0.0 if feature.name in without else GIVEN.get(feature.name, 0.0) for feature in features])
    return {kind: mean[0] + mean[1 + column] + given for column, kind in enumerate(_KINDS)}


def _run(examples: Sequence[_Prepared], signs: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """Return the base and, after it, what each kind adds; in units of the features' deviations."""
    generator = np.random.default_rng(seed)
    weights = np.zeros((1 + len(_KINDS), len(signs)))
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    total, summed, step = np.zeros_like(weights), 0, 0
    for turn in range(_ROUNDS):
        for number in generator.permutation(len(examples)):
            row = examples[number].row
            slope = _slope(examples[number], weights[0] + weights[row])
            if slope is None:
                continue
            gradient = np.zeros_like(weights)
            gradient[[0, row]] = slope + _DECAY * weights[[0, row]]
            step += 1
            first = _ADAM[0] * first + (1 - _ADAM[0]) * gradient
            second = _ADAM[1] * second + (1 - _ADAM[1]) * gradient**2
            mean, spread = first / (1 - _ADAM[0] ** step), second / (1 - _ADAM[1] ** step)
            weights = _signed(weights - _STEP * mean / (np.sqrt(spread) + _ADAM[2]), signs)
        if turn >= _ROUNDS * (1 - _AVERAGED):
            total, summed = total + weights, summed + 1
    return total / summed


@dataclass(frozen=True, slots=True, eq=False)
class _Prepared:
    """An example with its candidates file by file."""

    features: npt.NDArray[np.float64]
    """In units of their deviations."""
    files: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    """Where each file's candidates begin."""
    right_files: npt.NDArray[np.bool_]
    """Of each file, whether it holds an answer."""
    beside: npt.NDArray[np.bool_]
    """Of each candidate, whether it is wrong in a right file."""
    has_lines: bool
    row: int
    """Of the weights: what the kind of the question adds."""

    @classmethod
    def of(cls, example: Example, scale: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_]) -> _Prepared:
        order = np.argsort(example.files, kind="stable")
        files, right = example.files[order], example.right[order]
        starts = np.flatnonzero(np.concatenate(([True], files[1:] != files[:-1])))
        right_files = np.logical_or.reduceat(right, starts)
        beside = np.repeat(right_files, np.diff(starts, append=len(files))) & ~right
        features = np.ascontiguousarray((example.features / scale * kept)[order])
        row = 1 + _KINDS.index(example.kind)
        return cls(features, files, starts, right_files, beside, example.has_lines, row)


def _signed(weights: npt.NDArray[np.float64], signs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Take back what gives a feature the sign that it must not have."""
    base = np.where(signs * weights[0] < 0, 0.0, weights[0])
    added = [np.where(signs * (base + row) < 0, -base, row) for row in weights[1:]]
    return np.vstack((base, *added))


def _slope(example: _Prepared, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64] | None:
    """Return the gradient of the pairwise logistic loss, or nothing where there is no pair."""
    scores = np.einsum("ij,j->i", example.features, weights)
    counted = np.where(example.beside, -np.inf, scores)
    best = np.lexsort((-counted, example.files))[example.starts]
    right, wrong = best[example.right_files], best[~example.right_files]
    wrong = wrong[np.argsort(-scores[wrong], kind="stable")[:_WRONG_FILES]]
    if example.has_lines:
        beside = np.flatnonzero(example.beside)
        nearest = beside[np.argsort(-scores[beside], kind="stable")[:_WRONG_CHUNKS]]
        wrong = np.concatenate((wrong, nearest))
    if not len(wrong):
        return None
    good, bad = example.features[right], example.features[wrong]
    gaps = scores[wrong][None, :] - scores[right][:, None]
    push = 1.0 / (1.0 + np.exp(-gaps))
    slope: npt.NDArray[np.float64] = (
        np.einsum("i,ij->j", push.sum(axis=0), bad) - np.einsum("i,ij->j", push.sum(axis=1), good)
    ) / push.size
    return slope


def order_of(example: Example, weights: Mapping[QuestionKind, npt.NDArray[np.float64]]) -> npt.NDArray[np.intp]:
    """Return the candidates, best first, without the step back of a file's further chunks."""
    return np.argsort(-np.einsum("ij,j->i", example.features, weights[example.kind]), kind="stable")
