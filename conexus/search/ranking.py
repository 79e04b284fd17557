# SPDX-License-Identifier: FSL-1.1-MIT
"""Orders candidates: a weighted sum of features, the weights by the kind of question. Pure.

``features.py`` says what is measured, ``weights.py`` what it is worth. Every share of a score has a label, so
that ``--explain`` can show it.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import overload

import numpy as np

from conexus.errors import ConfigError
from conexus.points import KEY
from conexus.search.candidates import Candidate, Candidates
from conexus.search.features import FEATURES, Matrix, QuestionKind, Row, kind_of, measure
from conexus.search.names import Numbers
from conexus.search.query import Query
from conexus.search.weights import SAME_FILE, WEIGHTS
from conexus.types import ChunkId, Factor, Retriever, SymbolMatch
from conexus.values import dataclass

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


@dataclass(slots=True, eq=False)
class Ranked:
    """A candidate with its score; all but that is made when it is asked for."""

    candidates: Candidates
    place: int
    """Its own among them."""
    score: float
    features: Row
    weights: Row
    same_file: float = 0.0
    """What better chunks of the file take from its score; not above 0."""

    @property
    def candidate(self) -> Candidate:
        """The candidate as a value."""
        return self.candidates[self.place]

    @property
    def chunk(self) -> tuple[int, ChunkId]:
        """The view and the id of its chunk."""
        return self.candidates.chunk(self.place)

    @property
    def found_by(self) -> frozenset[Retriever]:
        """What found it."""
        return self.candidates.retrievers(self.place)

    @property
    def matches(self) -> Sequence[SymbolMatch]:
        """Definitions of names of the question that it holds."""
        return self.candidates.matches.get(self.place, ())

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
        for feature, share in zip(FEATURES, (self.features * self.weights).tolist(), strict=True):
            sums[feature.label] += share
        sums["same file"] += self.same_file
        return tuple(
            Factor(label, share, details.get(label, "")) for label, share in sums.items() if abs(share) > _ROUNDING
        )


class Ranking(Sequence[Ranked]):
    """Candidates with their scores, best first; each is made when it is asked for."""

    def __init__(self, candidates: Candidates, features: Matrix, weights: Row, same_file: float) -> None:
        """Score candidates and order them; ties by place, so that equal input gives equal output.

        Args:
            candidates: What is ranked.
            features: Shape ``(len(candidates), len(FEATURES))``.
            weights: Shape ``(len(FEATURES),)``.
            same_file: What a chunk loses for each better one of its file, in a file of one subject.
        """
        self._candidates = candidates
        self._features = features
        self._weights = weights
        scores: Row = np.einsum("ij,j->i", features, weights)
        order = _by_place(candidates, scores)
        self._same_file = np.zeros(len(scores))
        self._same_file[order] = _further_of_file(candidates, order, same_file)
        self._scores = scores + self._same_file
        self._order = order[np.argsort(-self._scores[order], kind="stable")].tolist()

    def __len__(self) -> int:
        """Return the number of candidates."""
        return len(self._order)

    @overload
    def __getitem__(self, which: int) -> Ranked: ...
    @overload
    def __getitem__(self, which: slice) -> list[Ranked]: ...
    def __getitem__(self, which: int | slice) -> Ranked | list[Ranked]:
        """Return candidates by their ranks, from 0."""
        if isinstance(which, slice):
            return [self._at(place) for place in self._order[which]]
        return self._at(self._order[which])

    def _at(self, place: int) -> Ranked:
        return Ranked(
            candidates=self._candidates,
            place=place,
            score=float(self._scores[place]),
            features=self._features[place],
            weights=self._weights,
            same_file=float(self._same_file[place]),
        )


def rank(query: Query, candidates: Candidates, dense_floor: float, weighting: Weighting = LEARNT) -> Ranking:
    """Score candidates and order them, best first.

    Args:
        query: What is asked.
        candidates: What is to be ranked.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.
        weighting: What features are worth.
    """
    kind = kind_of(query)
    features = measure(query, candidates, dense_floor) if len(candidates) else np.empty((0, len(FEATURES)))
    return Ranking(candidates, features, weighting.by_kind[kind], weighting.same_file[kind])


def _by_place(candidates: Candidates, scores: Row) -> Numbers:
    """Return the order of scores, best first; those that are equal by path, place in the file, and id."""
    order = np.argsort(-scores)
    falling = scores[order]
    alike = np.zeros(len(order) + 1, dtype=np.bool_)
    alike[1:-1] = falling[1:] == falling[:-1]
    tied = np.flatnonzero(alike[1:] | alike[:-1])
    if not len(tied):
        return order
    places = order[tied]
    starts = np.empty(len(candidates), dtype=np.int64)
    keys = np.empty(len(candidates), dtype=KEY)
    for part in candidates.parts:
        starts[part.at] = part.columns.start_byte[part.rows]
        keys[part.at] = part.columns.keys[part.rows]
    paths = [candidates.paths[file] for file in candidates.file[places].tolist()]
    ranks = {path: number for number, path in enumerate(sorted(set(paths)))}
    of_path = np.array([ranks[path] for path in paths], dtype=np.intp)
    order[tied] = places[np.lexsort((keys[places], starts[places], of_path, -scores[places]))]
    return order


def _further_of_file(candidates: Candidates, order: Numbers, same_file: float) -> Row:
    """Return what each candidate, best first, loses for the better ones of its file.

    Further chunks of a file stand behind what other files have to say.
    """
    sizes = np.empty(len(candidates.paths), dtype=np.int64)
    for part, files, rows in candidates.files_by_part():
        sizes[files] = part.columns.chunks[part.columns.file[rows]]
    files = candidates.file[order]
    by_file = np.argsort(files, kind="stable")
    grouped = files[by_file]
    before = np.empty(len(order))
    before[by_file] = np.arange(len(order)) - np.searchsorted(grouped, grouped)  # less where its file begins
    breadth = np.array([_breadth(size) for size in sizes.tolist()])
    lost: Row = -same_file * before / breadth[files]
    return lost


@lru_cache(maxsize=10_000)
def _breadth(chunks: int) -> float:
    """How many subjects a file has, as far as its size tells: a compiler in one file is not one subject."""
    return max(1.0, math.log2(max(1, chunks) / _CHUNKS_A_SUBJECT))


__all__ = ["LEARNT", "Ranked", "Ranking", "Weighting", "changed", "rank"]
