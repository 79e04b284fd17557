"""Orders candidates: a weighted sum of features, the weights by the kind of question. Pure.

``features.py`` says what is measured, ``weights.py`` what it is worth. Every share of a score has a label, so
that ``--explain`` can show it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from conexus.errors import ConfigError
from conexus.search.candidates import Candidate
from conexus.search.features import FEATURES, Matrix, QuestionKind, Row, kind_of, measure
from conexus.search.query import Query
from conexus.search.weights import SAME_FILE, WEIGHTS
from conexus.types import ChunkId, Factor, FileId

_CHUNKS_A_SUBJECT = 16
_ROUNDING = 1e-12
_SAME_FILE = "same_file"


@dataclass(frozen=True, slots=True, eq=False)
class Weighting:
    """What the ranking gives its features."""

    by_kind: Mapping[QuestionKind, Row]
    same_file: Mapping[QuestionKind, float]
    """What a chunk loses for each better one of its file, in a file of one subject."""


LEARNT = Weighting(WEIGHTS, SAME_FILE)
"""As ``benchmarks/quality/fit.py`` learnt it."""


def changed(changes: Mapping[str, object]) -> Weighting:
    """Return the learnt weights with some of them changed.

    Args:
        changes: By name of a feature, or ``same_file``: one number, or one for each kind of question in the order of
            :class:`QuestionKind`.

    Raises:
        ConfigError: There is no such feature, or it is given something else.
    """
    columns = {feature.name: column for column, feature in enumerate(FEATURES)}
    by_kind = {kind: weights.copy() for kind, weights in WEIGHTS.items()}
    same_file = dict(SAME_FILE)
    for name, value in changes.items():
        numbers = _numbers(name, value)
        if name == _SAME_FILE:
            same_file = dict(zip(QuestionKind, numbers, strict=True))
        elif name in columns:
            for kind, number in zip(QuestionKind, numbers, strict=True):
                by_kind[kind][columns[name]] = number
        else:
            raise ConfigError(f"{name!r} is no feature", hint=f"features: {', '.join([_SAME_FILE, *columns])}")
    return Weighting(by_kind, same_file)


def _numbers(name: str, value: object) -> list[float]:
    given = value if isinstance(value, list) else [value] * len(QuestionKind)
    numbers = [float(one) for one in given if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) != len(given) or len(numbers) != len(QuestionKind) or not all(map(math.isfinite, numbers)):
        kinds = ", ".join(QuestionKind)
        raise ConfigError(f"the weight of {name!r} is {value!r}", hint=f"give one number, or a list for {kinds}")
    return numbers


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


def rank(
    query: Query, candidates: Sequence[Candidate], dense_floor: float, weighting: Weighting = LEARNT
) -> list[Ranked]:
    """Score candidates and order them, best first; ties by place, so that equal input gives equal output.

    Args:
        query: What is asked.
        candidates: Each chunk once.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.
        weighting: What features are worth.
    """
    if not candidates:
        return []
    features: Matrix = measure(query, candidates, dense_floor)
    kind = kind_of(query)
    weights = weighting.by_kind[kind]
    scores: list[float] = np.einsum("ij,j->i", features, weights).tolist()
    ordered = sorted(map(Ranked, candidates, scores, features * weights), key=_place)
    return _spread_over_files(ordered, weighting.same_file[kind])


def _spread_over_files(ordered: Sequence[Ranked], same_file: float) -> list[Ranked]:
    """Put further chunks of a file behind what other files have to say."""
    seen: defaultdict[tuple[int, FileId], int] = defaultdict(int)
    for item in ordered:
        head = item.candidate.head
        key = (item.candidate.view, head.file)
        before = seen[key]
        seen[key] += 1
        if before:
            item.same_file = -same_file * before / _breadth(head.file_chunks)
            item.score += item.same_file
    return sorted(ordered, key=attrgetter("score"), reverse=True)


def _breadth(chunks: int) -> float:
    """How many subjects a file has, as far as its size tells: a compiler in one file is not one subject."""
    return max(1.0, math.log2(max(1, chunks) / _CHUNKS_A_SUBJECT))


def _place(item: Ranked) -> tuple[float, str, int, ChunkId]:
    head = item.candidate.head
    return -item.score, head.path, head.start_byte, head.id


__all__ = ["LEARNT", "Candidate", "Ranked", "Weighting", "changed", "rank"]
