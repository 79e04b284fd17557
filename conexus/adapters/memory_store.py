# SPDX-License-Identifier: FSL-1.1-MIT
"""Vectors in memory, searched by brute force; gone with the process.

Serves ``store.path = ":memory:"`` and tests. It scores as the engine does, to float16's precision, and
is the plain statement of what the other stores must answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from conexus.errors import IndexIncompatible, StoreDamaged, StoreError
from conexus.lexical import vector_checksum
from conexus.points import in_columns
from conexus.types import (
    ChunkId,
    DenseMatrix,
    DenseVector,
    FileId,
    IndexId,
    PointFilter,
    ScoredPoint,
    ScoredPoints,
    SparseVector,
    StoredPoint,
    VectorPoint,
    VectorQuery,
)
from conexus.values import dataclass

_Rows: TypeAlias = npt.NDArray[np.intp]


@dataclass(slots=True, eq=False)
class _Content:
    """The points of one index; outlives the shards that were opened on it."""

    dim: int
    points: dict[ChunkId, VectorPoint] = field(default_factory=dict)
    table: _Table | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class MemoryStore:
    """Keeps shards for as long as it lives."""

    def __init__(self) -> None:
        self._contents: dict[IndexId, _Content] = {}

    def create(self, index: IndexId, dim: int) -> MemoryVectorShard:
        """Make an empty shard; see :meth:`conexus.ports.VectorStore.create`."""
        content = self._contents[index] = _Content(dim)
        return MemoryVectorShard(content)

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> MemoryVectorShard:
        """Open a shard; see :meth:`conexus.ports.VectorStore.open`."""
        content = self._contents.get(index)
        if content is None:
            raise StoreDamaged(f"there is no index {index} in memory", hint="Index the repository again.")
        if content.dim != dim:
            raise IndexIncompatible(
                f"index {index} holds vectors of {content.dim} numbers; the model makes {dim}",
                hint="Index the repository again.",
            )
        return MemoryVectorShard(content)

    def open_beside(self, index: IndexId, dim: int) -> MemoryVectorShard:
        """Open a shard to search it; see :meth:`conexus.ports.VectorStore.open_beside`."""
        return self.open(index, dim)

    def exists(self, index: IndexId) -> bool:
        """Whether there is a shard."""
        return index in self._contents

    def indexes(self) -> list[IndexId]:
        """Return the ids of all shards."""
        return list(self._contents)

    def drop(self, index: IndexId) -> None:
        """Delete a shard; see :meth:`conexus.ports.VectorStore.drop`."""
        self._contents.pop(index, None)

    def size_bytes(self, index: IndexId) -> int:
        """Memory of the vectors of a shard."""
        content = self._contents.get(index)
        if content is None:
            return 0
        with content.lock:
            points = list(content.points.values())
        return sum(point.dense.nbytes + point.sparse.indices.nbytes + point.sparse.values.nbytes for point in points)

    def free_bytes(self) -> int | None:
        """Return ``None``: there is no disk to fill."""
        return None

    def memory_bytes(self) -> int:
        """Nothing: it has no process of its own."""
        return 0

    def close(self) -> None:
        """Nothing is left open by it."""


class MemoryVectorShard:
    """One open shard in memory. Threads may search while another one writes."""

    def __init__(self, content: _Content) -> None:
        self._content = content
        self._closed = False

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points; see :meth:`conexus.ports.VectorShard.upsert`.

        Raises:
            IndexIncompatible: A vector has another length than the shard's.
        """
        content = self._use()
        if any(point.dense.shape != (content.dim,) for point in points):
            raise IndexIncompatible(f"a vector is not of {content.dim} numbers as the index is")
        with content.lock:
            content.points.update((point.id, point) for point in points)
            content.table = None

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files; see :meth:`conexus.ports.VectorShard.delete_files`."""
        content, gone = self._use(), frozenset(files)
        with content.lock:
            content.points = {key: point for key, point in content.points.items() if point.file not in gone}
            content.table = None

    def flush(self) -> None:
        """Do nothing: there is no disk."""
        self._use()

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points; see :meth:`conexus.ports.VectorShard.search`.

        Raises:
            IndexIncompatible: The query vector has another length than the shard's.
        """
        content = self._use()
        if dense is not None and dense.shape != (content.dim,):
            raise IndexIncompatible(f"the query is not of {content.dim} numbers as the index is")
        if limit < 1:
            return [], []
        with content.lock:
            if content.table is None:
                content.table = _Table.of(content.points, content.dim)
            table = content.table
        allowed = table.allowed(where)
        return (
            table.nearest(dense, allowed, limit) if dense is not None else [],
            table.matching(sparse, allowed, limit, table.counted(where)) if sparse is not None else [],
        )

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries; see :meth:`conexus.ports.VectorShard.search_all`.

        Raises:
            IndexIncompatible: A query vector has another length than the shard's.
        """
        meanwhile()
        return [
            in_columns(
                self.search(None, query.vector, query.limit, query.where)[1]
                if isinstance(query.vector, SparseVector)
                else self.search(query.vector, None, query.limit, query.where)[0]
            )
            for query in queries
        ]

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point, with the checksum of its vectors."""
        content = self._use()
        with content.lock:
            points = list(content.points.values())
        for point in points:
            yield StoredPoint(point.id, point.file, vector_checksum(point.dense, point.sparse))

    def count(self) -> int:
        """Return the number of points."""
        return len(self._use().points)

    def optimize(self) -> None:
        """Do nothing: every search is a scan."""
        self._use()

    def is_wasteful(self) -> bool:
        """False: nothing is kept of points that are gone."""
        return False

    def close(self) -> None:
        """Release the shard. Idempotent."""
        self._closed = True

    def _use(self) -> _Content:
        if self._closed:
            raise StoreError("the index in memory is closed")
        return self._content


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Points as arrays, in the order of their ids, so that equal scores come out in that order."""

    points: tuple[VectorPoint, ...]
    dense: DenseMatrix
    term: npt.NDArray[np.uint32]
    value: npt.NDArray[np.float32]
    row: _Rows
    """Row that each entry of ``term`` and ``value`` belongs to."""

    @classmethod
    def of(cls, points: dict[ChunkId, VectorPoint], dim: int) -> _Table:
        ordered = tuple(points[key] for key in sorted(points))
        lengths = np.array([len(point.sparse.indices) for point in ordered], dtype=np.intp)
        dense = np.zeros((len(ordered), dim), dtype=np.float32)
        for row, point in enumerate(ordered):
            dense[row] = point.dense
        return cls(
            points=ordered,
            dense=dense,
            term=np.concatenate([np.empty(0, np.uint32), *(point.sparse.indices for point in ordered)]),
            value=np.concatenate([np.empty(0, np.float32), *(point.sparse.values for point in ordered)]),
            row=np.repeat(np.arange(len(ordered), dtype=np.intp), lengths),
        )

    def allowed(self, where: PointFilter) -> npt.NDArray[np.bool_]:
        """Mark the points that a filter lets through; shape ``(n,)``."""
        return np.array([_lets_in(where, point) for point in self.points], dtype=np.bool_)

    def counted(self, where: PointFilter) -> npt.NDArray[np.bool_]:
        """Mark the points whose words count; shape ``(n,)``."""
        return np.array([point.file not in where.hidden for point in self.points], dtype=np.bool_)

    def nearest(self, query: DenseVector, allowed: npt.NDArray[np.bool_], limit: int) -> list[ScoredPoint]:
        """Rank the allowed points by dot product."""
        scores = np.clip(self.dense @ query, -1.0, 1.0)
        return self._best(np.flatnonzero(allowed), scores, limit)

    def matching(
        self, query: SparseVector, allowed: npt.NDArray[np.bool_], limit: int, counted: npt.NDArray[np.bool_]
    ) -> list[ScoredPoint]:
        """Rank the allowed points that share a term with the query.

        The weight of a term is ``ln((N - n + 0.5) / (n + 0.5) + 1)`` with ``n`` of the ``N`` points that hold
        any term, as in Qdrant's ``Modifier.Idf``; of filters only what is hidden changes it.
        """
        scores = np.zeros(len(self.points), dtype=np.float64)
        shared = np.zeros(len(self.points), dtype=np.bool_)
        with_terms = int(np.count_nonzero(counted[np.unique(self.row)]))
        for term, weight in zip(query.indices, query.values, strict=True):
            entries = np.flatnonzero(self.term == term)
            rows = self.row[entries]
            having = int(np.count_nonzero(counted[rows]))
            idf = np.log((with_terms - having + 0.5) / (having + 0.5) + 1.0)
            scores[rows] += float(weight) * idf * self.value[entries]
            shared[rows] = True
        return self._best(np.flatnonzero(allowed & shared), scores, limit)

    def _best(self, rows: _Rows, scores: npt.NDArray[np.floating], limit: int) -> list[ScoredPoint]:
        order = rows[np.argsort(-scores[rows], kind="stable")[:limit]]
        return [ScoredPoint(self.points[row].id, float(scores[row])) for row in order]


def _lets_in(where: PointFilter, point: VectorPoint) -> bool:
    return (
        (where.files is None or point.file in where.files)
        and (where.languages is None or point.language in where.languages)
        and (where.kinds is None or not where.kinds.isdisjoint(point.kinds))
        and where.without_tags.isdisjoint(point.tags)
        and point.file not in where.hidden
    )
