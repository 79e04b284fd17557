# SPDX-License-Identifier: FSL-1.1-MIT
"""Threads share open shards, on the engine itself and in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from builders import chunk_id_of, sparse_of

from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.memory_store import MemoryStore
from conexus.adapters.shared_store import SharedStore
from conexus.errors import IndexIncompatible, StoreDamaged, StoreError
from conexus.ports import VectorShard, VectorStore
from conexus.types import FileId, IndexId, PointFilter, Span, VectorPoint

INDEX = IndexId(1)
DIM = 4
EVERYWHERE = PointFilter()


def point(number: int) -> VectorPoint:
    """A point of file ``number`` that holds the word `common` and one of its own."""
    dense = np.zeros(DIM, dtype=np.float16)
    dense[number % DIM] = 1.0
    key = chunk_id_of("r", f"{number}.py", Span(0, 1, 1, 1), "")
    return VectorPoint(key, FileId(number), dense, sparse_of("common", f"w{number}"), "python", (), ())


class Counting:
    """A store that counts how often each of its shards is open."""

    def __init__(self, inner: VectorStore) -> None:
        self._inner = inner
        self.opened = 0
        self.closed = 0
        self.fails_to_close = False

    def create(self, index: IndexId, dim: int) -> VectorShard:
        """Make and count."""
        return self._counted(self._inner.create(index, dim))

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> VectorShard:
        """Open and count."""
        return self._counted(self._inner.open(index, dim))

    def drop(self, index: IndexId) -> None:
        """Drop."""
        self._inner.drop(index)

    def size_bytes(self, index: IndexId) -> int:
        """Size."""
        return self._inner.size_bytes(index)

    def free_bytes(self) -> int | None:
        """Space."""
        return self._inner.free_bytes()

    def _counted(self, shard: VectorShard) -> VectorShard:
        self.opened += 1
        close: Callable[[], None] = shard.close

        def counted_close() -> None:
            self.closed += 1
            if self.fails_to_close:
                raise StoreError("the disk is gone")
            close()

        shard.close = counted_close  # type: ignore[method-assign]
        return shard


@pytest.fixture
def inner() -> Counting:
    """A store in memory that counts."""
    return Counting(MemoryStore())


@pytest.fixture(params=["memory", "edge"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SharedStore]:
    """A shared store over each engine."""
    yield SharedStore(MemoryStore() if request.param == "memory" else EdgeStore(tmp_path))


def found(shard: VectorShard) -> int:
    return len(shard.search(None, sparse_of("common"), 100, EVERYWHERE)[1])


def filled(store: SharedStore, files: Iterable[int] = range(5)) -> VectorShard:
    shard = store.create(INDEX, DIM)
    shard.upsert([point(number) for number in files])
    shard.flush()
    return shard


def test_an_open_shard_is_shared(inner: Counting) -> None:
    """However many ask, it is opened once, and closed when the last is done."""
    store = SharedStore(inner)
    handles = [filled(store), store.open(INDEX, DIM), store.open(INDEX, DIM)]
    assert inner.opened == 1
    for handle in handles[:2]:
        handle.close()
        handle.close()
    assert inner.closed == 0
    assert found(handles[2]) == 5
    handles[2].close()
    assert inner.closed == 1
    store.open(INDEX, DIM).close()
    assert (inner.opened, inner.closed) == (2, 2)


def test_writes_of_one_are_seen_by_all(store: SharedStore) -> None:
    """They hold the same shard."""
    writer = filled(store)
    reader = store.open(INDEX, DIM)
    writer.upsert([point(77)])
    assert found(reader) == reader.count() == 6
    writer.delete_files([FileId(77), FileId(0)])
    assert found(reader) == 4
    assert {p.file for p in reader.points()} == {1, 2, 3, 4}
    assert reader.search(np.eye(DIM, dtype=np.float32)[1], None, 1, EVERYWHERE)[0][0].id == point(1).id
    writer.optimize()
    writer.close()
    assert found(reader) == 4
    reader.close()


def test_what_was_written_is_there_when_opened_again(store: SharedStore) -> None:
    """After the last user closed it."""
    filled(store).close()
    shard = store.open(INDEX, DIM)
    assert shard.count() == 5
    assert store.size_bytes(INDEX) > 0
    shard.close()


def test_a_shard_that_cannot_be_opened_leaves_no_trace(store: SharedStore) -> None:
    """The error comes through, each time."""
    for _ in range(2):
        with pytest.raises(StoreDamaged):
            store.open(IndexId(9), DIM)
    filled(store).close()
    with pytest.raises(IndexIncompatible):
        store.open(INDEX, DIM + 1)
    shard = store.open(INDEX, DIM)
    assert shard.count() == 5
    shard.close()


def test_a_shard_that_is_dropped_is_gone(store: SharedStore) -> None:
    """Those who still hold it may end; the next one finds nothing."""
    held = filled(store)
    store.drop(INDEX)
    with pytest.raises(StoreDamaged):
        store.open(INDEX, DIM)
    held.close()
    held.close()
    store.drop(INDEX)
    fresh = store.create(INDEX, DIM)
    assert fresh.count() == 0
    fresh.close()


def test_closing_an_old_shard_leaves_the_new_one_open(inner: Counting) -> None:
    """A generation that is built anew under the same number does not close with the old one."""
    store = SharedStore(inner)
    old = filled(store)
    store.drop(INDEX)
    new = filled(store, [1])
    old.close()
    sharing = store.open(INDEX, DIM)
    assert (inner.opened, inner.closed) == (2, 1)
    assert found(sharing) == found(new) == 1


def test_a_shard_that_fails_to_close_is_not_given_out_again(inner: Counting) -> None:
    """The error comes through, and the next user opens it anew."""
    store = SharedStore(inner)
    shard = filled(store)
    inner.fails_to_close = True
    with pytest.raises(StoreError):
        shard.close()
    store.open(INDEX, DIM)
    assert inner.opened == 2


def test_threads_may_come_and_go(store: SharedStore) -> None:
    """Readers open and close while a writer adds files: none fails, and each sees whole files."""
    writer = filled(store, range(10))
    stop = threading.Event()

    def read() -> int:
        rounds = 0
        while not stop.is_set():
            shard = store.open(INDEX, DIM)
            assert 10 <= found(shard) <= 60
            shard.close()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            for number in range(10, 60):
                writer.upsert([point(number)])
        finally:
            stop.set()
        assert all(reader.result(30) > 0 for reader in readers)
    assert writer.count() == 60
    writer.close()
