# SPDX-License-Identifier: FSL-1.1-MIT
"""The process that searches for a daemon: :mod:`conexus.adapters.search_process` asks it on stdin.

It reads the catalog, and asks the process of the vector engine through the doors of the shards that the daemon has
open. One thread does it all: while some searches wait for the vector engine, it goes on with others, the oldest first.
It ends with stdin, or with the thread that started it. Its arguments are the file of the catalog, the folder of the
shards, the name of the model that the settings name, and the number of the catalog's file, which it makes sure of:
where the file was taken away it would make one.
"""

from __future__ import annotations

import gc
import heapq
import os
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from greenlet import getcurrent, greenlet

from conexus.adapters import engine_wire, search_wire
from conexus.adapters.child_side import STOP, belong_to_parent, file_number
from conexus.adapters.disk_freshness import DiskFreshness
from conexus.adapters.embedders import embedder, embedder_of
from conexus.adapters.engine_door import Guest
from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.memory_use import give_back_memory
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_connection import limit_caches
from conexus.adapters.worker_wire import Frames, framed, write_frame
from conexus.config import IndexOptions
from conexus.errors import Cancelled, StoreError
from conexus.parsing.classify import skip_by_name
from conexus.ports import SearchableView, SourceTree
from conexus.search.engine import SearchEngine
from conexus.search.heads import ChunkHeads
from conexus.types import Checkout, IndexedView, IndexId, ScoredPoints, VectorQuery

if TYPE_CHECKING:
    import socket

    from conexus.ports import VectorShard

_MOST_BEGUN: Final = 3
_LEAST_ASKED: Final = 2
"""So many searches are to wait for the vector engine before one goes on that it has answered: both then compute."""
_LOOK_S: Final = 0.01
"""So long a search computes before it looks whether it is still waited for."""
_PATIENCE_S: Final = 2.0
"""So long a search waits for the vector engine; the daemon, which can end an engine that is hung, asks it then."""
_GC_OBJECTS: Final = 50_000
_SWITCH_S: Final = 0.0005  # searches wait so long for the thread that reads an index into memory
_CACHE_BYTES: Final = 8_000_000


def main() -> None:
    """Search until stdin ends."""
    belong_to_parent()
    gc.set_threshold(_GC_OBJECTS)
    sys.setswitchinterval(_SWITCH_S)
    limit_caches(_CACHE_BYTES)
    catalog, vectors, model, number = sys.argv[1:]
    if file_number(Path(catalog)) != number:
        sys.exit(1)
    _Searcher(SqliteCatalog(catalog), Path(vectors), model).run()
    os._exit(0)  # whatever is under way: nobody waits for it


class _Work:
    """One search that has begun."""

    def __init__(self, number: int, run: Callable[[], None], hub: greenlet) -> None:
        self.number = number
        self.greenlet = greenlet(run, hub)
        self.answer: bytes | None = None
        """What it waited for; nothing where that will not come, or not soon enough."""
        self.until: float | None = None
        """Until when it waits."""

    def __lt__(self, other: _Work) -> bool:
        """Whether it is to go on before another one."""
        return self.number < other.number


class _Shard:
    """The vectors of an index that another process has open, as far as a search needs them.

    Raises:
        OSError: Nobody lets this process in.
    """

    def __init__(self, searcher: _Searcher, folder: Path) -> None:
        self._searcher = searcher
        self.socket: socket.socket = Guest.connection(folder)
        self.frames = Frames(self.socket.fileno())
        self.waiting: deque[_Work | None] = deque()
        """In the order in which they are answered; nothing in the place of one that waits no more."""

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries; see :meth:`conexus.ports.VectorShard.search_all`."""
        request = engine_wire.pack([engine_wire.query_out(query) for query in queries])
        try:
            self.socket.sendall(framed(request))
        except OSError as exc:
            raise StoreError("the vectors were closed") from exc
        answer = self._searcher.wait_in(self.waiting, meanwhile)
        if answer is None:
            raise StoreError("the vectors were closed, or take their time")
        return [engine_wire.found_in(one) for one in engine_wire.value_of(engine_wire.unpack(answer))]


class _Searcher:
    """Does what comes in on stdin, and writes answers on stdout."""

    def __init__(self, catalog: SqliteCatalog, vectors: Path, model: str) -> None:
        models = cache(embedder)
        heads = ChunkHeads(catalog, keep=True, after_reading=give_back_memory)
        self._catalog = catalog
        self._vectors = vectors
        self._engine = SearchEngine(
            catalog, lambda index: embedder_of(index, model, models), DiskFreshness(self._tree), heads=heads
        )
        self._hub = getcurrent()
        self._selector = selectors.DefaultSelector()
        self._shards: dict[IndexId, _Shard] = {}
        self._known: set[int] = set()
        """The searches that are not answered."""
        self._stopped: set[int] = set()
        """Those of them that nobody waits for any more."""
        self._waiting: deque[tuple[int, Sequence[Any]]] = deque()
        """What has not begun."""
        self._ready: list[_Work] = []
        """What can go on."""
        self._begun: set[_Work] = set()
        self._current: _Work | None = None
        self._looked_at = 0.0
        self._is_over = False

    def run(self) -> None:
        """Search until stdin ends."""
        stdin = Frames(sys.stdin.fileno())
        self._selector.register(sys.stdin.fileno(), selectors.EVENT_READ, lambda: self._take(stdin))
        while True:
            may_begin = bool(self._waiting) and len(self._begun) < _MOST_BEGUN
            self._look(0.0 if self._ready or may_begin else self._patience_s())
            self._give_up()
            if self._is_over:
                return
            if self._ready and not (may_begin and self._asked() < _LEAST_ASKED):
                self._go_on(heapq.heappop(self._ready))
            elif may_begin:
                number, arguments = self._waiting.popleft()
                work = _Work(number, partial(self._do, number, arguments), self._hub)
                self._begun.add(work)
                self._go_on(work)

    def wait_in(self, queue: deque[_Work | None], meanwhile: Callable[[], None]) -> bytes | None:
        """Do something, then have others go on until the present search has what it waits for, or waited too long."""
        work = cast("_Work", self._current)
        queue.append(None)
        meanwhile()
        queue[-1] = work  # nothing else has been asked meanwhile, or looked for
        work.until = time.monotonic() + _PATIENCE_S
        self._hub.switch()
        return work.answer

    def _go_on(self, work: _Work) -> None:
        self._current = work
        work.greenlet.switch()
        self._current = None
        if work.greenlet.dead:
            self._begun.discard(work)

    def _asked(self) -> int:
        """Return how many searches wait for the vector engine."""
        return sum(work.until is not None for work in self._begun)

    def _patience_s(self) -> float | None:
        """Return how long the first of those that wait does; nothing where none does."""
        ends = [work.until for work in self._begun if work.until is not None]
        return max(0.0, min(ends) - time.monotonic()) if ends else None

    def _give_up(self) -> None:
        """Have those go on that have waited for too long, without an answer."""
        now = time.monotonic()
        for shard in self._shards.values():
            for place, work in enumerate(shard.waiting):
                if work is not None and work.until is not None and work.until <= now:
                    shard.waiting[place] = None
                    self._answer(work, None)

    def _look(self, wait_s: float | None) -> None:
        """Take what has come in."""
        for key, _ in self._selector.select(wait_s):
            key.data()
        self._looked_at = time.monotonic()

    def _take(self, stdin: Frames) -> None:
        frames = stdin.come()
        if frames is None:
            self._is_over = True
            self._selector.unregister(sys.stdin.fileno())
        for frame in frames or ():
            number, name, *arguments = search_wire.unpack(frame)
            if name != STOP:
                self._known.add(number)
                self._waiting.append((number, arguments))
            elif number in self._known:
                self._stopped.add(number)

    def _take_from(self, index: IndexId) -> None:
        shard = self._shards[index]
        try:
            frames = shard.frames.come()
        except OSError:
            frames = None
        for frame in frames or ():
            self._answer(shard.waiting.popleft(), frame)
        if frames is None:
            del self._shards[index]
            self._selector.unregister(shard.socket)
            shard.socket.close()
            for work in shard.waiting:
                self._answer(work, None)

    def _answer(self, work: _Work | None, answer: bytes | None) -> None:
        if work is not None:
            work.answer, work.until = answer, None
            heapq.heappush(self._ready, work)

    def _do(self, number: int, arguments: Sequence[Any]) -> None:
        """Answer one search, and tell of its failure: who asked finds out more."""

        def check() -> None:
            if time.monotonic() - self._looked_at > _LOOK_S:
                self._look(0.0)
            if number in self._stopped:
                raise Cancelled("nobody waits for it")

        try:
            request, views, changes = arguments
            self._catalog.changes = max(self._catalog.changes, changes)
            self._catalog.views()  # which parts there are of what, as it is by now
            opened = [
                SearchableView(one.view, one.index, self._shard(one.index.vectors), one.is_written, one.is_gone)
                for one in search_wire.views_in(views)
            ]
            check()
            answer = search_wire.pack((number, True, self._engine.run(search_wire.request_in(request), opened, check)))
        except Exception as exc:  # noqa: BLE001 -- whatever it is, the other process answers
            answer = search_wire.pack((number, False, type(exc).__name__))
        self._known.discard(number)
        self._stopped.discard(number)
        write_frame(sys.stdout.buffer, answer)

    def _shard(self, index: IndexId) -> VectorShard:
        shard = self._shards.get(index)
        if shard is None:
            shard = self._shards[index] = _Shard(self, self._vectors / str(int(index)))
            self._selector.register(shard.socket, selectors.EVENT_READ, lambda: self._take_from(index))
        return cast("VectorShard", shard)

    def _tree(self, view: IndexedView) -> SourceTree:
        checkout = Checkout(view.root, view.repo, view.name, view.head, ref=view.ref)
        if not view.ref:
            return FilesystemTree(checkout, IndexOptions(), skip_by_name)
        from conexus.adapters.git_tree import RefTree  # noqa: PLC0415 -- not for the usual case

        return RefTree(checkout, IndexOptions(), skip_by_name, lambda: self._catalog.content_sizes(checkout.repo))


if __name__ == "__main__":
    main()
