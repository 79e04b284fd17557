# SPDX-License-Identifier: FSL-1.1-MIT
"""The vector engine by calls that go over a pipe as well as within a process."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count, islice
from typing import Any

from conexus.adapters.edge_store import EdgeStore, EdgeVectorShard
from conexus.adapters.engine_door import Door
from conexus.adapters.engine_wire import found_out, pack, point_in, query_in, unpack
from conexus.errors import ConexusError
from conexus.types import FileId, IndexId, StoredPoint
from conexus.values import dataclass

_PAGE_POINTS = 5_000


@dataclass(eq=False)
class _Opened:
    shard: EdgeVectorShard
    points: Iterator[StoredPoint]
    """Those that :meth:`EngineCalls.more_points` has not given yet."""
    door: Door | None = None


class EngineCalls:
    """Holds open shards by numbers. Its public methods are what can be asked for, in plain values.

    Args:
        store: The store.
        lets_in: Whether other processes may search what is open here.
    """

    def __init__(self, store: EdgeStore, *, lets_in: bool = False) -> None:
        self._store = store
        self._lets_in = lets_in
        self._numbers = count(1)
        self._opened: dict[int, _Opened] = {}

    def answer(self, name: str, arguments: Sequence[Any]) -> object:
        """Do what is asked for."""
        method: Callable[..., object] = getattr(self, name)
        return method(*arguments)

    def reply(self, name: str, arguments: Sequence[Any]) -> tuple[object, ...]:
        """Do what is asked for, and put what came of it as :func:`~conexus.adapters.engine_wire.value_of` reads it."""
        try:
            return (True, self.answer(name, arguments))
        except ConexusError as exc:
            return (False, exc.code.value, exc.message, exc.hint)
        except Exception:  # noqa: BLE001 -- a fault of ours, which who asked raises
            return (False, "", traceback.format_exc(), None)

    def create(self, index: int, dim: int) -> int:
        """Make an empty shard; return its number."""
        return self._let_in(self._keep(self._store.create(IndexId(index), dim)), index)

    def open(self, index: int, dim: int) -> int:
        """Open a shard; return its number."""
        return self._let_in(self._keep(self._store.open(IndexId(index), dim)), index)

    def open_copy(self, index: int, dim: int) -> int:
        """Open a shard's copy that is read alone; return its number."""
        return self._keep(self._store.open_copy(IndexId(index), dim))

    def upsert(self, number: int, points: Sequence[Sequence[Any]]) -> None:
        """Write points."""
        self._shard(number).upsert([point_in(point) for point in points])

    def delete_files(self, number: int, files: Sequence[int]) -> None:
        """Drop every point of these files."""
        self._shard(number).delete_files(map(FileId, files))

    def flush(self, number: int) -> None:
        """Make all that was written survive a power cut."""
        self._shard(number).flush()

    def search_all(self, number: int, queries: Sequence[Sequence[Any]]) -> list[tuple[bytes, bytes]]:
        """Answer several queries."""
        return [found_out(found) for found in self._shard(number).search_all([query_in(query) for query in queries])]

    def first_points(self, number: int, compare: bool) -> list[tuple[str, int, int]]:
        """Return the first points of all."""
        self._opened[number].points = self._shard(number).points(compare=compare)
        return self.more_points(number)

    def more_points(self, number: int) -> list[tuple[str, int, int]]:
        """Return the next ones; none at the end."""
        page = islice(self._opened[number].points, _PAGE_POINTS)
        return [(str(point.id), int(point.file), point.checksum) for point in page]

    def count(self, number: int) -> int:
        """Return the number of points."""
        return self._shard(number).count()

    def optimize(self, number: int) -> None:
        """Pack what was written."""
        self._shard(number).optimize()

    def is_wasteful(self, number: int) -> bool:
        """Whether more is kept of points that are gone than of others."""
        return self._shard(number).is_wasteful()

    def close(self, number: int) -> None:
        """Release a shard."""
        opened = self._opened.pop(number)
        if opened.door is not None:
            opened.door.close()
        opened.shard.close()

    def _keep(self, shard: EdgeVectorShard) -> int:
        number = next(self._numbers)
        self._opened[number] = _Opened(shard, iter(()))
        return number

    def take_doors_away(self) -> None:
        """Leave no socket behind, for a process that is about to end."""
        for opened in list(self._opened.values()):
            if opened.door is not None:
                opened.door.take_away()

    def _let_in(self, number: int, index: int) -> int:
        if self._lets_in:
            with suppress(OSError):  # then a search of another process has to wait
                self._opened[number].door = Door(
                    self._store.folder_of(IndexId(index)),
                    lambda request: pack(self.reply("search_all", (number, unpack(request)))),
                )
        return number

    def _shard(self, number: int) -> EdgeVectorShard:
        return self._opened[number].shard
