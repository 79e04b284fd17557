# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements VectorStore with the vector engine in a process of its own.

The engine writes into files that it maps: on a full or failing disk the system ends its process, whatever is checked
before. So it has one of its own, which is started anew when it is next needed. What was flushed is there then; what was
not is told by the next write or flush, as a failure, and the catalog's journal has it read again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from conexus.adapters.child_process import Calls, Child, Ended
from conexus.adapters.edge_store import REBUILD_HINT, EdgeStore
from conexus.adapters.engine_calls import EngineCalls
from conexus.adapters.engine_door import Guest
from conexus.adapters.engine_orphans import ENGINE_MODULE, end_orphans
from conexus.adapters.engine_wire import found_in, pack, point_out, query_out, stored_in, unpack, value_of
from conexus.adapters.free_space import FREE_SPACE_HINT, is_full
from conexus.adapters.memory_use import limit_memory, private_bytes
from conexus.errors import DiskFailing, DiskFull, StoreBusy, StoreDamaged, StoreError
from conexus.points import listed
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

# -P: without it Python would import from the folder it is started in, which may be the tree that is indexed.
_COMMAND: Final = (sys.executable, "-P", "-m", ENGINE_MODULE)
_BESIDE_S: Final = 5.0
"""How long to wait for those who search a shard without a lock; each is done in a moment."""
_POLL_S: Final = 0.01
_CALLS: Final = Calls(
    "vector engine",
    pack,
    unpack,
    short=frozenset({"search_all", "count", "is_wasteful", "first_points", "more_points"}),
    in_lanes=frozenset({"search_all"}),
)
_DAMAGED: Final = frozenset({signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE})


class _Engine(Child):
    """The engine in a process of its own."""

    def ask(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 -- of the shape that `name` gives
        """Have something done.

        Raises:
            Ended: The process ended meanwhile.
            ConexusError: What the store raised there.
        """
        return value_of(self.call(name, *arguments))


def _open_elsewhere() -> StoreBusy:
    return StoreBusy("another process has the index open", hint="try again when it is done")


class _Here:
    """The engine in this process, for those that only read and are soon over."""

    is_over = False

    def __init__(self, store: EdgeStore) -> None:
        self._calls = EngineCalls(store)

    def ask(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 -- of the shape that `name` gives
        """Have something done."""
        if name == "open":
            limit_memory()
        return self._calls.answer(name, arguments)


class _Beside:
    """The engine of another process, which lets this one search one of its shards.

    Raises:
        OSError: It does not.
    """

    def __init__(self, folder: Path) -> None:
        self._guest = Guest(folder)
        self.is_over = False

    def ask(self, name: str, _number: int, *arguments: object) -> Any:  # noqa: ANN401 -- of the shape that `name` gives
        """Search, or let go of the shard.

        Raises:
            Ended: The other process closed the shard meanwhile.
            ConexusError: What the store raised there.
        """
        if name == "close":
            self._guest.close()
            return None
        if name != "search_all":
            raise _open_elsewhere()
        reply = self._guest.ask(pack(arguments[0]))
        if reply is None:
            self.is_over = True
            self._guest.close()
            raise Ended(0, 0.0)
        return value_of(unpack(reply))


@dataclass(eq=False)
class _Place:
    """Where a shard is open."""

    engine: _Engine | _Here | _Beside
    number: int
    to_read: bool
    """Whether it must be opened anew to be written."""


class EngineStore:
    """Keeps the shards of one data folder, with the engine in a process that is started when it is needed.

    Args:
        folder: Where the shards are; made when the first one is.
        read_here: Whether what is only read is opened in this process: a command that searches is over sooner so.
        command: Starts the process; the folder and the number of this process are put behind it.
    """

    def __init__(self, folder: Path, *, read_here: bool = False, command: Sequence[str] = _COMMAND) -> None:
        self._folder = folder.absolute()
        self._files = EdgeStore(self._folder)
        self._command = (*command, str(self._folder), str(os.getpid()))
        self._mutex = threading.Lock()
        self._running: _Engine | None = None
        self._here = _Here(self._files) if read_here else None

    def create(self, index: IndexId, dim: int) -> EngineShard:
        """Make an empty shard; see :meth:`conexus.ports.VectorStore.create`."""
        engine = self._engine()
        try:
            return EngineShard(self, index, dim, _Place(engine, engine.ask("create", int(index), dim), to_read=False))
        except Ended as exc:
            raise self.failure(exc, "made", index) from exc

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> EngineShard:
        """Open a shard; see :meth:`conexus.ports.VectorStore.open`."""
        return EngineShard(self, index, dim, self.place(index, dim, to_write=to_write))

    def open_beside(self, index: IndexId, dim: int) -> EngineShard:
        """Open a shard to search it; see :meth:`conexus.ports.VectorStore.open_beside`."""
        try:
            place = self._place(index, dim, to_write=False)
        except StoreBusy:
            try:
                place = _Place(_Beside(self._files.folder_of(index)), 0, to_read=True)
            except OSError:
                raise _open_elsewhere() from None
        return EngineShard(self, index, dim, place)

    def place(self, index: IndexId, dim: int, *, to_write: bool) -> _Place:
        """Open a shard in the process, and where the disk takes no writes, a copy of it that can be read.

        Raises:
            StoreError: It cannot be opened.
        """
        until = time.monotonic() + _BESIDE_S
        while True:
            try:
                return self._place(index, dim, to_write=to_write)
            except StoreBusy:
                if time.monotonic() > until:
                    raise
            time.sleep(_POLL_S)

    def _place(self, index: IndexId, dim: int, *, to_write: bool) -> _Place:
        failure: StoreError
        is_hung = False
        to_read = self._here is not None and not to_write
        for _ in range(2):  # another shard may have ended the process meanwhile
            try:
                engine = self._for_use(to_write=to_write)
                return _Place(engine, engine.ask("open", int(index), dim), to_read)
            except Ended as exc:
                failure, is_hung = self.failure(exc, "opened", index), bool(exc.stood_still_s)
                if type(failure) is DiskFull:
                    break
            except StoreBusy as exc:
                failure = exc
                if not end_orphans(self._folder):
                    break
            except StoreError as exc:
                failure = exc
                break
        if to_write or is_hung or type(failure) not in {DiskFull, DiskFailing, StoreError}:
            raise failure
        try:
            engine = self._for_use(to_write=False)
            return _Place(engine, engine.ask("open_copy", int(index), dim), to_read=True)
        except (Ended, StoreError):
            raise failure from None

    def _for_use(self, *, to_write: bool) -> _Engine | _Here:
        return self._engine() if to_write or self._here is None else self._here

    def failure(self, ended: Ended, what: str, index: IndexId) -> StoreError:
        """Return what the end of the process means for those who wait for it."""
        place = f"the index in {self._folder / str(int(index))}"
        if is_full(self._folder):
            return DiskFull(f"the disk is full: {place} could not be {what}", hint=FREE_SPACE_HINT)
        message = f"the vector engine {ended.in_words} while {place} was {what}"
        if what in {"opened", "read"} and -ended.code in _DAMAGED:
            return StoreDamaged(message, hint=REBUILD_HINT)
        return StoreError(message, hint="run it again; what was done before is kept")

    def drop(self, index: IndexId) -> None:
        """Delete a shard; see :meth:`conexus.ports.VectorStore.drop`."""
        self._files.drop(index)

    def indexes(self) -> list[IndexId]:
        """Return the ids of all shards, as far as a look without opening them tells."""
        return self._files.indexes()

    def exists(self, index: IndexId) -> bool:
        """Whether there is a shard, as far as a look without opening it tells."""
        return self._files.exists(index)

    def size_bytes(self, index: IndexId) -> int:
        """Disk space of a shard."""
        return self._files.size_bytes(index)

    def free_bytes(self) -> int | None:
        """Free space on the disk of the data folder."""
        return self._files.free_bytes()

    def memory_bytes(self) -> int:
        """Return how many bytes the process holds for itself."""
        engine = self._running
        return 0 if engine is None or engine.is_over else private_bytes([engine.process.pid])

    def close(self) -> None:
        """End the process. Idempotent; it is started again where a shard is opened."""
        with self._mutex:
            engine, self._running = self._running, None
        if engine is not None:
            engine.close()

    def _engine(self) -> _Engine:
        with self._mutex:
            if self._running is None or self._running.is_over:
                self._running = _Engine(self._command, _CALLS)
            return self._running


class EngineShard:
    """One open shard. Threads may search while another one writes. After the end of the process it is opened anew."""

    def __init__(self, store: EngineStore, index: IndexId, dim: int, place: _Place) -> None:
        self._store = store
        self._index = index
        self._dim = dim
        self._gate = threading.Lock()
        self._place: _Place | None = place
        self._is_closed = False
        self._unflushed = False
        self._lost = False
        """Whether something that was written and not flushed went with a process, and nobody was told."""

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points; see :meth:`conexus.ports.VectorShard.upsert`."""
        if points:
            self._write("upsert", [point_out(point) for point in points])

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files; see :meth:`conexus.ports.VectorShard.delete_files`."""
        self._write("delete_files", sorted({int(file) for file in files}))

    def flush(self) -> None:
        """Make all that was written survive a power cut."""
        self._write("flush")
        self._unflushed = False

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points; see :meth:`conexus.ports.VectorShard.search`."""
        queries = [VectorQuery(vector, limit, where) for vector in (dense, sparse) if vector is not None]
        answers = map(listed, self.search_all(queries))
        return [] if dense is None else next(answers), [] if sparse is None else next(answers)

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries; see :meth:`conexus.ports.VectorShard.search_all`."""
        meanwhile()
        found = self._read("search_all", [query_out(query) for query in queries])
        return [found_in(one) for one in found]

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point; see :meth:`conexus.ports.VectorShard.points`."""
        place = self._opened(to_write=False)
        page = self._tried(place, "read", "first_points", compare)
        while page:
            yield from map(stored_in, page)
            page = self._tried(place, "read", "more_points")

    def count(self) -> int:
        """Return the number of points."""
        return int(self._read("count"))

    def optimize(self) -> None:
        """Pack what was written since the last time."""
        self._write("optimize")

    def is_wasteful(self) -> bool:
        """Whether more is kept of points that are gone than of those that are there."""
        return bool(self._read("is_wasteful"))

    def close(self) -> None:
        """Release the shard. Idempotent; what was not flushed is."""
        with self._gate:
            self._is_closed = True
            place, self._place = self._place, None
        if place is not None:
            with suppress(Ended):
                place.engine.ask("close", place.number)

    def _read(self, name: str, *arguments: object) -> Any:  # noqa: ANN401 -- of the shape that `name` gives
        place = self._opened(to_write=False)
        try:
            return place.engine.ask(name, place.number, *arguments)
        except Ended:  # what ended it need not be this
            return self._tried(self._opened(to_write=False), "read", name, *arguments)

    def _write(self, name: str, *arguments: object) -> None:
        place = self._opened(to_write=True)
        with self._gate:
            lost, self._lost = self._lost, False
            self._unflushed = not lost
        if lost:
            raise StoreError(
                f"the vector engine ended while the index in {self._index} was written",
                hint="run it again; what was done before is kept",
            )
        try:
            self._tried(place, "written", name, *arguments)
        except StoreError:
            self._unflushed = False  # the caller knows
            raise

    def _tried(self, place: _Place, what: str, name: str, *arguments: object) -> Any:  # noqa: ANN401 -- as `name` gives
        try:
            return place.engine.ask(name, place.number, *arguments)
        except Ended as exc:
            raise self._store.failure(exc, what, self._index) from exc

    def _opened(self, *, to_write: bool) -> _Place:
        """Return where the shard is open, opened anew where its process is gone or it was only to be read."""
        with self._gate:
            if self._is_closed:
                raise StoreError(f"index {self._index} is closed")
            place = self._place
            if place is not None and place.engine.is_over:
                self._lost, self._unflushed, place = self._lost or self._unflushed, False, None
            elif place is not None and place.to_read and to_write:
                with suppress(Ended):
                    place.engine.ask("close", place.number)
                place = None
            self._place = None
            self._place = place or self._store.place(self._index, self._dim, to_write=to_write)
            return self._place


__all__ = ["EngineShard", "EngineStore"]
