# SPDX-License-Identifier: FSL-1.1-MIT
"""Lets the threads of one process share open shards: a shard must not be opened twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from conexus.ports import VectorShard, VectorStore
from conexus.types import (
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


@dataclass(eq=False)
class _Open:
    shard: VectorShard
    dim: int
    users: int = 0


class SharedStore:
    """Wraps a store; implements VectorStore."""

    def __init__(self, inner: VectorStore) -> None:
        self._inner = inner
        self._mutex = threading.Lock()
        self._open: dict[IndexId, _Open] = {}

    def create(self, index: IndexId, dim: int) -> VectorShard:
        """Make an empty shard."""
        with self._mutex:
            return self._handle(index, _Open(self._inner.create(index, dim), dim))

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> VectorShard:
        """Open a shard, or share the one that is open."""
        with self._mutex:
            entry = self._open.get(index)
            if entry is None or entry.dim != dim:
                entry = _Open(self._inner.open(index, dim, to_write=to_write), dim)
            return self._handle(index, entry)

    def open_beside(self, index: IndexId, dim: int) -> VectorShard:
        """Open a shard to search it, or share the one that is open."""
        with self._mutex:
            entry = self._open.get(index)
            if entry is not None and entry.dim == dim:
                return self._handle(index, entry)
            return self._inner.open_beside(index, dim)

    def exists(self, index: IndexId) -> bool:
        """Whether there is a shard."""
        return self._inner.exists(index)

    def indexes(self) -> list[IndexId]:
        """Return the ids of all shards."""
        return self._inner.indexes()

    def drop(self, index: IndexId) -> None:
        """Delete a shard; threads that still read it may end."""
        with self._mutex:
            self._open.pop(index, None)
            self._inner.drop(index)

    def size_bytes(self, index: IndexId) -> int:
        """Disk space of a shard."""
        return self._inner.size_bytes(index)

    def free_bytes(self) -> int | None:
        """Free space on the store's disk."""
        return self._inner.free_bytes()

    def memory_bytes(self) -> int:
        """Memory of the store's own processes."""
        return self._inner.memory_bytes()

    def close(self) -> None:
        """End the store's own processes."""
        self._inner.close()

    def _handle(self, index: IndexId, entry: _Open) -> VectorShard:
        self._open[index] = entry
        entry.users += 1
        return _Handle(self, index, entry)

    def release(self, index: IndexId, entry: _Open) -> None:
        """Close a shard once its last user is done."""
        with self._mutex:
            entry.users -= 1
            if not entry.users:
                if self._open.get(index) is entry:
                    del self._open[index]
                entry.shard.close()


class _Handle:
    """One user's hold on a shared shard; implements VectorShard."""

    def __init__(self, store: SharedStore, index: IndexId, entry: _Open) -> None:
        self._store = store
        self._index = index
        self._entry: _Open | None = entry
        self._shard = entry.shard

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points."""
        self._shard.upsert(points)

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files."""
        self._shard.delete_files(files)

    def flush(self) -> None:
        """Make all that was written survive a power cut."""
        self._shard.flush()

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points in both spaces."""
        return self._shard.search(dense, sparse, limit, where)

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries at once."""
        return self._shard.search_all(queries, meanwhile)

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point."""
        return self._shard.points(compare=compare)

    def count(self) -> int:
        """Return the number of points."""
        return self._shard.count()

    def optimize(self) -> None:
        """Build the indexes that make large shards fast."""
        self._shard.optimize()

    def is_wasteful(self) -> bool:
        """Whether more is kept of points that are gone than of those that are there."""
        return self._shard.is_wasteful()

    def close(self) -> None:
        """Let go of the shard. Idempotent."""
        entry, self._entry = self._entry, None
        if entry is not None:
            self._store.release(self._index, entry)
