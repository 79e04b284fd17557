# SPDX-License-Identifier: FSL-1.1-MIT
"""Scores a table of vectors on the development set: NDCG@10 of its cosine similarity alone. Pure.

As the benchmark averages: over the questions of a repository, then over repositories. Both with the chunks as they
come and with one result a file (the best chunk of each), which scores higher; compare like with like.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse  # type: ignore[import-untyped]

from conexus.evaluation.metrics import DEPTH, ndcg
from training.bag import Pieces, packed
from training.devset import Repository

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Result:
    """How well one question was answered."""

    repository: str
    language: str
    kind: str
    text: str
    chunks: float
    """NDCG@10 of chunks as they come."""
    files: float
    """NDCG@10 of one result a file."""


def bags(pieces: Pieces, texts: Sequence[str], width: int) -> sparse.csr_matrix:
    """Return a row a text: the share of each piece."""
    rows, ends = packed(pieces.of(text) for text in texts)
    lengths = np.diff(ends)
    shares = np.repeat(1.0 / np.maximum(lengths, 1), lengths).astype(np.float32)
    return sparse.csr_matrix((shares, rows, ends), shape=(len(texts), width))


def unit(vectors: Matrix) -> Matrix:
    """Return rows of length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    found: Matrix = vectors / np.maximum(lengths, 1e-9)
    return found


@dataclass(frozen=True, slots=True)
class _Asked:
    repository: Repository
    chunks: sparse.csr_matrix
    questions: sparse.csr_matrix


class Development:
    """The development set, cut into the pieces of one vocabulary."""

    def __init__(self, repositories: Sequence[Repository], pieces: Pieces, width: int) -> None:
        self._asked = [
            _Asked(one, bags(pieces, one.texts, width), bags(pieces, [q["text"] for q in one.questions], width))
            for one in repositories
        ]

    def results(self, table: Matrix) -> list[Result]:
        """Answer every question with a table of vectors, one a piece."""
        found = []
        for asked in self._asked:
            chunks = unit(np.asarray(asked.chunks @ table))
            questions = unit(np.asarray(asked.questions @ table))
            found += judged(asked.repository, questions @ chunks.T)
        return found


def judged(repository: Repository, scores: Matrix) -> list[Result]:
    """Judge the score of every chunk for every question of a repository."""
    return [
        Result(
            repository.name,
            repository.language,
            question["kind"],
            question["text"],
            *_ndcg(repository, question["targets"], row),
        )
        for question, row in zip(repository.questions, scores, strict=True)
    ]


def _ndcg(
    repository: Repository, targets: Sequence[tuple[str, int | None, int | None]], row: Matrix
) -> tuple[float, float]:
    order = np.argsort(-row, kind="stable")
    ranks = []
    for path, first, last in targets:
        for rank, at in enumerate(order[:DEPTH].tolist(), start=1):
            start, end = repository.lines[at]
            if repository.paths[at] == path and (first is None or (start <= (last or first) and first <= end)):
                ranks.append(rank)
                break
    files = list(dict.fromkeys(repository.paths[at] for at in order.tolist()))[:DEPTH]
    wanted = dict.fromkeys(path for path, _, _ in targets)
    found = [files.index(path) + 1 for path in wanted if path in files]
    return ndcg(ranks, len(targets)), ndcg(found, len(wanted))


def mean(results: Sequence[Result], value: Callable[[Result], float]) -> float:
    """Return the mean over repositories of the mean of their questions."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for result in results:
        groups[result.repository].append(value(result))
    return statistics.fmean(statistics.fmean(group) for group in groups.values())


def summary(results: Sequence[Result]) -> tuple[float, float]:
    """Return the mean for chunks as they come, and for one result a file."""
    return mean(results, lambda one: one.chunks), mean(results, lambda one: one.files)
