"""Orders candidates: a weighted sum of features, the weights by the kind of question. Pure.

``features.py`` says what is measured, ``weights.py`` what it is worth. Every share of a score has a label, so
that ``--explain`` can show it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from conexus.search.candidates import Candidate
from conexus.search.features import FEATURES, Matrix, Row, kind_of, measure
from conexus.search.query import Query
from conexus.search.weights import SAME_FILE, WEIGHTS
from conexus.types import ChunkId, Factor, FileId

_CHUNKS_A_SUBJECT = 16
_ROUNDING = 1e-12


@dataclass(slots=True)
class Ranked:
    """A candidate with its score."""

    candidate: Candidate
    score: float
    shares: Row
    """What each feature adds to the score."""
    same_file: float = 0.0
    """What better chunks of the file take from it; not above 0."""

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The shares that sum up to the score, by label."""
        candidate = self.candidate
        details = {
            "bm25": f"{candidate.bm25:.2f}",
            "meaning": f"cosine {candidate.dense:.2f}",
            "name": candidate.head.symbol,
            "definition": ", ".join(sorted({match.symbol for match in candidate.matches})[:3]),
            "file name": candidate.head.path.rpartition("/")[2],
        }
        sums: defaultdict[str, float] = defaultdict(float)
        for feature, share in zip(FEATURES, self.shares.tolist(), strict=True):
            sums[feature.label] += share
        sums["same file"] += self.same_file
        return tuple(
            Factor(label, share, details.get(label, "")) for label, share in sums.items() if abs(share) > _ROUNDING
        )


def rank(query: Query, candidates: Sequence[Candidate], dense_floor: float) -> list[Ranked]:
    """Score candidates and order them, best first; ties by place, so that equal input gives equal output.

    Args:
        query: What is asked.
        candidates: Each chunk once.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.
    """
    if not candidates:
        return []
    features: Matrix = measure(query, candidates, dense_floor)
    weights = WEIGHTS[kind_of(query)]
    scores: list[float] = np.einsum("ij,j->i", features, weights).tolist()
    ordered = sorted(map(Ranked, candidates, scores, features * weights), key=_place)
    return _spread_over_files(ordered)


def _spread_over_files(ordered: Sequence[Ranked]) -> list[Ranked]:
    """Put further chunks of a file behind what other files have to say."""
    seen: defaultdict[tuple[int, FileId], int] = defaultdict(int)
    for item in ordered:
        head = item.candidate.head
        key = (item.candidate.view, head.file)
        before = seen[key]
        seen[key] += 1
        if before:
            item.same_file = -SAME_FILE * before / _breadth(head.file_chunks)
            item.score += item.same_file
    return sorted(ordered, key=_place)


def _breadth(chunks: int) -> float:
    """How many subjects a file has, as far as its size tells: a compiler in one file is not one subject."""
    return max(1.0, math.log2(max(1, chunks) / _CHUNKS_A_SUBJECT))


def _place(item: Ranked) -> tuple[float, str, int, ChunkId]:
    head = item.candidate.head
    return -item.score, head.path, head.start_byte, head.id


__all__ = ["Candidate", "Ranked", "rank"]
