# SPDX-License-Identifier: FSL-1.1-MIT
"""What the retrievers found, before it is ranked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cache, cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.points import ids_of, keys_of
from conexus.search.columns import ChunkColumns, columns_of
from conexus.search.names import Numbers, Row
from conexus.types import ChunkHead, ChunkId, Retriever, SymbolMatch
from conexus.values import dataclass

BIT_OF: Final = {retriever: 1 << number for number, retriever in enumerate(Retriever)}
"""The bit of each retriever in :attr:`Candidates.found_by`."""
_VIEW_BITS: Final = 48  # file numbers stay far below


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found."""

    head: ChunkHead
    view: int
    """Which of the searched views it is from."""
    dense: float = 0.0
    bm25: float = 0.0
    found_by: set[Retriever] = field(default_factory=set)
    matches: list[SymbolMatch] = field(default_factory=list)
    """Definitions of names of the question that it holds."""


@dataclass(frozen=True, slots=True)
class Part:
    """Candidates whose heads are in the same columns."""

    view: int
    columns: ChunkColumns
    rows: Numbers
    """In the columns."""
    at: Numbers
    """Their places among all candidates."""

    def moved(self, by: int) -> Part:
        """Return the part where others come before all candidates."""
        return Part(self.view, self.columns, self.rows, self.at + by)


@dataclass(frozen=True)
class Candidates:
    """Chunks that the retrievers found, each once; all columns have the shape ``(candidates,)``."""

    parts: Sequence[Part]
    dense: Row
    bm25: Row
    found_by: npt.NDArray[np.uint8]
    """A bit a retriever."""
    matches: Mapping[int, list[SymbolMatch]]
    """Definitions of names of the question, by the place of the candidate that holds them."""

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.dense)

    def __iter__(self) -> Iterator[Candidate]:
        """Yield each as a value."""
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, place: int) -> Candidate:
        """Return one as a value."""
        part, row = self._part_of(place)
        return Candidate(
            head=part.columns.head(row),
            view=part.view,
            dense=float(self.dense[place]),
            bm25=float(self.bm25[place]),
            found_by=set(self.retrievers(place)),
            matches=list(self.matches.get(place, ())),
        )

    def chunk(self, place: int) -> tuple[int, ChunkId]:
        """Return the view and the id of one."""
        part, row = self._part_of(place)
        return part.view, ids_of(part.columns.keys[row : row + 1])[0]

    def retrievers(self, place: int) -> frozenset[Retriever]:
        """Return what found one."""
        return _with_bits(int(self.found_by[place]))

    def _part_of(self, place: int) -> tuple[Part, int]:
        for part in self.parts:
            where = int(np.searchsorted(part.at, place))
            if where < len(part.at) and part.at[where] == place:
                return part, int(part.rows[where])
        raise IndexError(place)

    def found(self, retriever: Retriever) -> npt.NDArray[np.bool_]:
        """Return which of them a retriever found."""
        return (self.found_by & BIT_OF[retriever]).astype(np.bool_)

    @cached_property
    def file(self) -> Numbers:
        """The file of each, numbered from 0 in the order of their first places."""
        return self._files[0]

    @cached_property
    def first_of_file(self) -> Numbers:
        """The first candidate of each file."""
        return self._files[1]

    @cached_property
    def _files(self) -> tuple[Numbers, Numbers]:
        keys = np.empty(len(self), dtype=np.int64)
        for part in self.parts:
            keys[part.at] = part.columns.file_ids[part.columns.file[part.rows]] + (part.view << _VIEW_BITS)
        _, first, numbers = np.unique(keys, return_index=True, return_inverse=True)
        order = np.argsort(first)
        by_place = np.empty_like(order)
        by_place[order] = np.arange(len(order))
        return by_place[numbers], first[order]

    @cached_property
    def paths(self) -> list[str]:
        """The path of each file."""
        found = [""] * len(self.first_of_file)
        for part, files, rows in self.files_by_part():
            for file, row in zip(files.tolist(), part.columns.file[rows].tolist(), strict=True):
                found[file] = part.columns.paths[row]
        return found

    def files_by_part(self) -> Iterator[tuple[Part, Numbers, Numbers]]:
        """Yield the parts with the numbers of files whose first candidates they hold, and those candidates' rows."""
        for part in self.parts:
            own = self.first_of_file[self.file[part.at]] == part.at
            yield part, self.file[part.at[own]], part.rows[own]


@cache
def _with_bits(bits: int) -> frozenset[Retriever]:
    return frozenset(retriever for retriever, bit in BIT_OF.items() if bits & bit)


def listed(candidates: Iterable[Candidate]) -> Candidates:
    """Put candidates into columns, in their order; ids differ within a view."""
    given = list(candidates)
    parts = []
    for view in dict.fromkeys(candidate.view for candidate in given):
        own = [place for place, candidate in enumerate(given) if candidate.view == view]
        columns = columns_of(given[place].head for place in own)
        rows = columns.find(keys_of(given[place].head.id for place in own))
        parts.append(Part(view, columns, rows, np.array(own, dtype=np.intp)))
    return Candidates(
        parts=parts,
        dense=np.array([candidate.dense for candidate in given], dtype=np.float64),
        bm25=np.array([candidate.bm25 for candidate in given], dtype=np.float64),
        found_by=np.array(
            [sum(BIT_OF[retriever] for retriever in candidate.found_by) for candidate in given], dtype=np.uint8
        ),
        matches={place: candidate.matches for place, candidate in enumerate(given) if candidate.matches},
    )


def joined(found: Sequence[Candidates]) -> Candidates:
    """Put candidates of several views one after the other."""
    if len(found) == 1:
        return found[0]
    starts = np.cumsum([0, *map(len, found)]).tolist()
    return Candidates(
        parts=[part.moved(start) for one, start in zip(found, starts, strict=False) for part in one.parts],
        dense=np.concatenate([np.empty(0), *(one.dense for one in found)]),
        bm25=np.concatenate([np.empty(0), *(one.bm25 for one in found)]),
        found_by=np.concatenate([np.empty(0, np.uint8), *(one.found_by for one in found)]),
        matches={
            place + start: matches
            for one, start in zip(found, starts, strict=False)
            for place, matches in one.matches.items()
        },
    )


__all__ = ["BIT_OF", "Candidate", "Candidates", "Part", "joined", "listed"]
