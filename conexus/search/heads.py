# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds what the catalog has for a search: in it, or in memory where an index is asked again and again."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from conexus.errors import ConexusError
from conexus.points import ids_of
from conexus.ports import Catalog, VectorShard
from conexus.search.candidates import Part
from conexus.search.columns import ChunkColumns, columns_of
from conexus.search.definitions import Definitions, definitions_of
from conexus.search.file_words import FileWords, file_words_of
from conexus.search.names import Numbers
from conexus.types import ChunkKeys, FileId, IndexId, PointFilter, SymbolMatch
from conexus.values import dataclass

_MAX_PARTS = 32
_READ_EVERY_S = 300.0  # at most, where an index changes
_MAX_MISSED = 0.2  # of the files, new ones and those that are gone; beyond, all are read anew


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is in memory of an index."""

    columns: ChunkColumns
    definitions: Definitions
    file_words: FileWords
    changes: int
    """Of the catalog, when it was last looked at which files there are."""
    read_changes: int
    """The same when all this was read; definitions and words of names are of then."""
    read_at: float
    """When that was, as :func:`time.monotonic` has it."""
    shard: VectorShard
    """While this is open no other process changes the index."""


class ChunkHeads:
    """Finds the heads of chunks, definitions by name, and files by words of theirs.

    What is in memory is right whatever changes: a file that changes gets a new number, the chunks of numbers that are
    gone are passed over, and those that are not in memory are read from the catalog. Definitions and words come from
    there from the first change on, until all is read again.

    Args:
        catalog: Where the chunks are.
        keep: Whether to read an index into memory, in a thread of its own, once it is asked.
        after_reading: Called when an index was read into memory, which takes more of it for a moment.
    """

    def __init__(
        self, catalog: Catalog, *, keep: bool = False, after_reading: Callable[[], None] = lambda: None
    ) -> None:
        self._catalog = catalog
        self._keep = keep
        self._after_reading = after_reading
        self._kept: dict[IndexId, _Kept] = {}
        self._parts: OrderedDict[IndexId, tuple[ChunkColumns, _Kept]] = OrderedDict()
        """Of parts of an index that were asked last: columns made of those of the whole."""
        self._readers: dict[IndexId, threading.Thread] = {}
        self._mutex = threading.Lock()
        self._closed = False

    def find(self, view: int, index: IndexId, shard: VectorShard, keys: ChunkKeys) -> tuple[list[Part], Numbers]:
        """Find the heads of chunks.

        Args:
            view: The number of the view among those that are searched.
            index: Its generation.
            shard: The vectors of that generation.
            keys: The ids of the chunks, each once.

        Returns:
            The heads, and the places in ``keys`` of those that were found; parts count these alone.
        """
        kept = self._of_part(index, shard) if self._keep else None
        rows = kept.find(keys) if kept is not None else np.full(len(keys), -1, dtype=np.intp)
        there = rows >= 0
        parts = []
        if not there.all():
            missed = np.flatnonzero(~there)
            read = columns_of(self._catalog.chunk_heads(index, ids_of(keys[missed])).values())
            read_rows = read.find(keys[missed])
            there[missed[read_rows >= 0]] = True
            if len(read):
                parts.append((read, read_rows[read_rows >= 0], missed[read_rows >= 0]))
        if kept is not None:
            parts.append((kept, rows[rows >= 0], np.flatnonzero(rows >= 0)))
        at = np.cumsum(there) - 1
        return [Part(view, columns, rows, at[own]) for columns, rows, own in parts], np.flatnonzero(there)

    def named(self, index: IndexId, shard: VectorShard, names: Sequence[str], where: PointFilter) -> list[SymbolMatch]:
        """Find definitions by name; see :meth:`conexus.ports.Catalog.symbols_named`."""
        kept = None if where.kinds is not None else self._whole(index, shard, where)
        if kept is None:
            return self._catalog.symbols_named(index, names, where)
        return kept.definitions.named(names)

    def files_with_words(
        self, index: IndexId, shard: VectorShard, stems: Sequence[str], where: PointFilter
    ) -> dict[FileId, tuple[int, int]]:
        """Find files by their name; see :meth:`conexus.ports.Catalog.files_with_words`."""
        kept = self._whole(index, shard, where)
        return (
            self._catalog.files_with_words(index, stems, where) if kept is None else kept.file_words.files_with(stems)
        )

    def _whole(self, index: IndexId, shard: VectorShard, where: PointFilter) -> _Kept | None:
        """Return what is in memory of an index, if it is as it was read, and none of its files is left out."""
        kept = self._kept.get(index)
        if kept is None or kept.shard is not shard or kept.read_changes != self._catalog.changes:
            return None
        return None if where.files is not None or where.languages is not None or where.without_tags else kept

    def wait(self) -> None:
        """Return when no index is being read into memory."""
        while readers := list(self._readers.values()):
            for reader in readers:
                reader.join()

    def close(self) -> None:
        """Forget all, and read nothing more. Idempotent."""
        self._closed = True
        self.wait()
        self._kept.clear()
        self._parts.clear()

    def _of_part(self, index: IndexId, shard: VectorShard) -> ChunkColumns | None:
        """Return the columns of an index, or of a part of one, as far as they are in memory."""
        whole = self._catalog.whole_of(index)
        columns = self._current(whole, shard)
        if columns is None or whole == index:
            return columns
        with self._mutex:
            kept = self._kept.get(whole)
            known, source = self._parts.get(index, (None, None))
            if kept is None or kept.columns is not columns:
                return None  # it changes at this moment
            if known is None or source is not kept:
                known = columns.updated(self._catalog.file_uses(index))
                self._parts[index] = (known, kept)
                while len(self._parts) > _MAX_PARTS:
                    self._parts.popitem(last=False)
            self._parts.move_to_end(index)
            return known

    def _current(self, index: IndexId, shard: VectorShard) -> ChunkColumns | None:
        """Return the columns of an index as far as they are in memory."""
        kept = self._kept.get(index)
        if kept is not None and kept.changes == self._catalog.changes and kept.shard is shard:
            return kept.columns
        with self._mutex:
            kept = self._kept.get(index)
            changes = self._catalog.changes
            if kept is None:
                self._start_reading(index, shard)
                return None
            if kept.changes != changes or kept.shard is not shard:
                uses = self._catalog.file_uses(index)
                columns = kept.columns.updated(uses)
                missed = len(uses) + len(columns.there) - 2 * int(columns.there.sum())
                # Where none is missed the change was of another index, or of one that has the same files again.
                read_changes = kept.read_changes if missed else changes
                kept = replace(kept, columns=columns, changes=changes, read_changes=read_changes, shard=shard)
                self._kept[index] = kept
                if missed and (missed > _MAX_MISSED * len(uses) or time.monotonic() - kept.read_at > _READ_EVERY_S):
                    self._start_reading(index, shard)
                for other in self._kept.keys() - set(self._catalog.indexes()):
                    del self._kept[other]
            return kept.columns

    def _is_open(self, _: object) -> bool:
        return not self._closed

    def _start_reading(self, index: IndexId, shard: VectorShard) -> None:
        if index not in self._readers and not self._closed:
            reader = threading.Thread(target=self._read, args=(index, shard), name="conexus-heads", daemon=True)
            self._readers[index] = reader
            reader.start()

    def _read(self, index: IndexId, shard: VectorShard) -> None:
        try:
            changes, began = self._catalog.changes, time.monotonic()
            columns = columns_of(takewhile(self._is_open, self._catalog.all_heads(index)))
            definitions = definitions_of(takewhile(self._is_open, self._catalog.all_definitions(index)))
            file_words = file_words_of(self._catalog.all_file_words(index))
            with self._mutex:
                if not self._closed:
                    self._kept[index] = _Kept(columns, definitions, file_words, changes, changes, began, shard)
        except ConexusError:
            pass  # it was removed or is damaged, which a search that reads it tells
        finally:
            self._after_reading()
            del self._readers[index]


__all__ = ["ChunkHeads"]
