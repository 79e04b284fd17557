# SPDX-License-Identifier: FSL-1.1-MIT
"""Whether the engine's indexes of a shard say what its points do: searches read the one, and ``verify`` the other."""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Final, cast

import numpy as np
import numpy.typing as npt
import qdrant_edge as engine

from conexus.types import SparseVector

_PAGE_POINTS: Final = 10_000
_WORDS_TOLERANCE: Final = 1e-4  # of a score; the engine adds up in single precision
_PACKED_TOLERANCE: Final = 0.25
"""Of a vector's length. Packed to one byte a number it is off by less than a tenth; what is found is ordered by the
vector itself, so that only what is off by far more is lost.
"""
_COMMON: Final = 0.5  # a word that more of the points have has next to no weight, which cannot be divided by
_EXACT_IDF: Final = engine.SearchParams(idf=engine.IdfParams(engine.Filter()))
_PACKED: Final = engine.SearchParams(quantization=engine.QuantizationSearchParams(rescore=False))

Floats = npt.NDArray[np.float64]


class PointsRead:
    """Adds up what was read of all points, and compares it with the answers of the indexes.

    Each word has a weight here, and vectors a direction. So one query for all words, and one for what lies in the
    direction, score every point, and each score is known from the point alone.
    """

    def __init__(self, dense: str, sparse: str, dim: int) -> None:
        self._dense, self._sparse = dense, sparse
        direction = np.random.default_rng(dim).standard_normal(dim)
        self._direction = direction / np.linalg.norm(direction)
        self._places: dict[uuid.UUID, int] = {}
        self._by_value: defaultdict[tuple[str, str | int], int] = defaultdict(int)
        self._points_with: Counter[int] = Counter()
        self._words: list[SparseVector] = []
        self._nearness: list[float] = []
        self._lengths: list[float] = []

    def add(
        self, point: uuid.UUID, payload: Mapping[str, object], dense: npt.NDArray[np.float16], words: SparseVector
    ) -> None:
        """Note a point."""
        self._places[point] = len(self._places)
        for field, value in payload.items():
            for one in value if isinstance(value, list) else [value]:
                self._by_value[field, cast("str | int", one)] ^= point.int
        numbers = dense.astype(np.float64)
        self._nearness.append(float(numbers @ self._direction))
        self._lengths.append(float(np.linalg.norm(numbers)))
        self._points_with.update(words.indices.tolist())
        self._words.append(words)

    def disagreement(self, shard: engine.EdgeShard, *, is_scanned: bool, is_twofold: bool) -> str:
        """Return which index says something else, or nothing.

        Args:
            shard: The shard, to which nothing was written meanwhile.
            is_scanned: Whether a search compares all vectors, and follows no graph.
            is_twofold: Whether points are in two segments, so that words have other weights than they should.
        """
        for (field, value), expected in self._by_value.items():
            if _all_with(shard, field, value) != expected:
                return f"points with {field} {value!r}"
        if not is_twofold and not self._has_words(shard):
            return "words"
        if is_scanned and not self._has_vectors(shard):
            return "packed vectors"
        return ""

    def _has_words(self, shard: engine.EdgeShard) -> bool:
        points = len(self._places)
        rare = {word: number for word, number in self._points_with.items() if number <= _COMMON * points}
        if not rare:
            return True
        words = np.array(list(rare), dtype=np.uint32)
        having = np.array(list(rare.values()), dtype=np.float64)
        weights = _weights(words) / np.log(
            (points - having + 0.5) / (having + 0.5) + 1
        )  # what the engine multiplies by
        terms = engine.SparseVector(words.tolist(), weights.tolist())
        query = engine.QueryRequest(points, query=engine.Query.Nearest(terms, using=self._sparse), params=_EXACT_IDF)
        expected = np.array([self._score(one, rare) for one in self._words])
        return self._agree(shard, query, expected, _WORDS_TOLERANCE * expected)

    def _score(self, words: SparseVector, rare: Mapping[int, int]) -> float:
        chosen = np.array([word in rare for word in words.indices.tolist()], dtype=bool)
        return float(_weights(words.indices[chosen]) @ words.values[chosen].astype(np.float64))

    def _has_vectors(self, shard: engine.EdgeShard) -> bool:
        nearest = engine.Query.Nearest(self._direction.tolist(), using=self._dense)
        query = engine.QueryRequest(len(self._places), query=nearest, params=_PACKED)
        tolerance = _PACKED_TOLERANCE * (np.array(self._lengths) + 1.0)
        return self._agree(shard, query, np.array(self._nearness), tolerance)

    def _agree(self, shard: engine.EdgeShard, query: engine.QueryRequest, expected: Floats, tolerance: Floats) -> bool:
        """Whether a query scores all points as expected; what it leaves out counts as 0."""
        scores = np.zeros(len(expected))
        for hit in shard.query(query):
            place = self._places.get(cast("uuid.UUID", hit.id))
            if place is None:
                return False
            scores[place] = hit.score
        return bool((np.abs(scores - expected) <= tolerance).all())  # never of what is no number


def _weights(words: npt.NDArray[np.uint32]) -> Floats:
    """Return a weight of about 1 for each word, which differ so that no word can stand in for another."""
    return 0.5 + (words * np.uint32(2_654_435_761) >> np.uint32(16)) / 65_536


def _all_with(shard: engine.EdgeShard, field: str, value: str | int) -> int:
    """Return the ids of the points with a value, put together by exclusive or."""
    where = engine.Filter(must=[engine.FieldCondition(field, match=engine.MatchValue(value))])
    found, offset = 0, None
    while True:
        request = engine.ScrollRequest(offset, _PAGE_POINTS, filter=where, with_payload=False)
        records, offset = shard.scroll(request)
        for record in records:
            found ^= cast("uuid.UUID", record.id).int
        if offset is None:
            return found
