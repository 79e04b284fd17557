# SPDX-License-Identifier: FSL-1.1-MIT
"""Heads of chunks as columns, so that ranking goes through hundreds in a few steps. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.points import KEY, ids_of, keys_of
from conexus.search.names import Names, Numbers, Vocabulary, Words
from conexus.search.texts import Texts
from conexus.types import ChunkHead, ChunkKeys, FileId, FileTag
from conexus.values import dataclass

ROLES: Final = (FileTag.TEST, FileTag.EXAMPLE, FileTag.DOCS, FileTag.CONFIG)
FACTS: Final = ("uses", "size", "depth", "generic_name", "declarations", "reexports", "header")
"""What no question changes of a file, as :attr:`ChunkColumns.facts` has it."""

_USES: Final = FACTS.index("uses")
_PAGE: Final = 10_000
# Beyond these, in repositories far larger than those that the weights are learnt on, nothing more is said.
_MOST_USES, _MOST_CHUNKS, _MOST_FOLDERS = 30, 200, 6

# Conexus runs on Linux and macOS: of twins, one a platform, people mean the one that is built where they are.
_OTHER_PLATFORM = re.compile(
    r"(?:^|[/_.-])(?:aix|cygwin|haiku|ibmi|mingw|msvc|nt|os390|qnx|solaris|sunos|vms|win|win32|win64|wince|windows|zos)"
    r"(?=[/_.-])",
    re.IGNORECASE,
)
_DECLARATIONS = re.compile(r"(?:\.d\.ts|\.pyi|\.mli|_pb2\.py|\.min\.js)$")
_REEXPORT = re.compile(r"(?:^|/)(?:__init__\.pyi?|index\.[jt]sx?|mod\.rs)$")
_HEADER = re.compile(r"\.(?:h|hh|hpp|hxx)$")
_GENERIC_NAMES = frozenset(
    "__init__ base common core helpers index init internal lib main mod types util utils".split()
)

Places = npt.NDArray[np.int32]


def declares(path: str) -> bool:
    """Whether a file holds declarations of what others define, by its name."""
    return bool(_HEADER.search(path) or _DECLARATIONS.search(path))


@dataclass(frozen=True, slots=True)
class ChunkColumns:
    """Heads of chunks, a column each, in the order of their ids; and their files and names, each once.

    Columns of chunks have the shape ``(chunks,)``, those of files ``(files,)``.
    """

    keys: ChunkKeys
    halves: npt.NDArray[np.uint64] | None
    """The first half of each id as a number, which is found sooner than a text; nothing where two agree."""
    file: Places
    """Place of the chunk's file in the columns of files."""
    start_byte: npt.NDArray[np.int64]
    start_line: Places
    end_line: Places
    kind: Places
    symbol: Places
    """Place in ``symbols``."""

    kinds: Sequence[str]
    symbols: Texts
    """The first is empty: no name."""
    symbol_names: Names
    """Two of each symbol, one after the other: its last part, and that with what encloses it."""

    file_ids: npt.NDArray[np.int64]
    paths: Texts
    tags: Sequence[frozenset[FileTag]]
    chunks: npt.NDArray[np.int64]
    uses: npt.NDArray[np.int64]
    there: npt.NDArray[np.bool_]
    """Which files the index still has."""
    facts: npt.NDArray[np.float64]
    """Shape ``(files, len(FACTS))``."""
    roles: npt.NDArray[np.float64]
    """Shape ``(files, len(ROLES))``: 1 where the file has the role."""
    other_platform: npt.NDArray[np.float64]
    file_names: Names
    """Four of each file, one after the other: its own, all folders', its own folder's, all together."""

    words: Words
    """Of all names."""

    def __len__(self) -> int:
        """Return the number of chunks."""
        return len(self.keys)

    def find(self, keys: ChunkKeys) -> Numbers:
        """Return the row of each id, -1 where there is none or the index lacks its file by now."""
        if not len(self.keys):
            return np.full(len(keys), -1, dtype=np.intp)
        halves = self.halves
        rows = self.keys.searchsorted(keys) if halves is None else halves.searchsorted(_halves_of(keys))
        rows = np.minimum(rows, len(self.keys) - 1)
        return np.where((self.keys[rows] == keys) & self.there[self.file[rows]], rows, -1)

    def head(self, row: int) -> ChunkHead:
        """Return a row as a value."""
        file = int(self.file[row])
        return ChunkHead(
            id=ids_of(self.keys[row : row + 1])[0],
            file=FileId(int(self.file_ids[file])),
            path=self.paths[file],
            start_byte=int(self.start_byte[row]),
            start_line=int(self.start_line[row]),
            end_line=int(self.end_line[row]),
            kind=self.kinds[self.kind[row]],
            symbol=self.symbols[self.symbol[row]],
            tags=self.tags[file],
            file_chunks=int(self.chunks[file]),
            file_uses=int(self.uses[file]),
        )

    def updated(self, uses: Mapping[FileId, int]) -> ChunkColumns:
        """Return the columns for what the index has by now.

        Args:
            uses: :attr:`ChunkHead.file_uses` of every file that the index has.
        """
        ids = self.file_ids.tolist()
        there = np.fromiter((file in uses for file in ids), dtype=np.bool_, count=len(ids))
        counted = np.fromiter((uses.get(FileId(file), 0) for file in ids), dtype=np.int64, count=len(ids))
        facts = self.facts.copy()
        facts[:, _USES] = _logarithms(counted, _MOST_USES)
        return replace(self, there=there, uses=counted, facts=facts)


def columns_of(heads: Iterable[ChunkHead]) -> ChunkColumns:
    """Put heads into columns, each chunk once."""
    return _Builder().built(iter(heads))


class _Builder:
    def __init__(self) -> None:
        self._kinds: dict[str, int] = {}
        self._symbols: dict[str, int] = {"": 0}
        self._files: dict[FileId, int] = {}
        self._heads: list[ChunkHead] = []
        """The first of each file."""

    def built(self, heads: Iterator[ChunkHead]) -> ChunkColumns:
        pages = []
        while page := list(islice(heads, _PAGE)):
            pages.append(self._page(page))
        keys = np.concatenate([keys for keys, _ in pages]) if pages else np.empty(0, KEY)
        numbers = np.concatenate([numbers for _, numbers in pages], axis=1) if pages else np.empty((6, 0), np.int64)
        order = np.argsort(keys)
        start_byte = numbers[1, order]
        file, _, start_line, end_line, kind, symbol = numbers[:, order].astype(np.int32)
        vocabulary = Vocabulary()
        symbols, paths = list(self._symbols), [head.path for head in self._heads]
        chunks = np.array([head.file_chunks for head in self._heads], dtype=np.int64)
        uses = np.array([head.file_uses for head in self._heads], dtype=np.int64)
        keys = keys[order]
        halves = _halves_of(keys)
        tags: dict[frozenset[FileTag], frozenset[FileTag]] = {}
        return ChunkColumns(
            keys=keys,
            halves=halves if (halves[1:] != halves[:-1]).all() else None,
            file=file,
            start_byte=start_byte,
            start_line=start_line,
            end_line=end_line,
            kind=kind,
            symbol=symbol,
            kinds=list(self._kinds),
            symbols=Texts(symbols),
            symbol_names=Names(stems for symbol in symbols for stems in _of_symbol(vocabulary, symbol)),
            file_ids=np.fromiter(self._files, dtype=np.int64, count=len(self._files)),
            paths=Texts(paths),
            tags=[tags.setdefault(head.tags, head.tags) for head in self._heads],
            chunks=chunks,
            uses=uses,
            there=np.ones(len(paths), dtype=np.bool_),
            facts=_facts(paths, uses, chunks),
            roles=np.array([[float(tag in head.tags) for tag in ROLES] for head in self._heads]).reshape(
                -1, len(ROLES)
            ),
            other_platform=np.array([float(bool(_OTHER_PLATFORM.search(path))) for path in paths]),
            file_names=Names(stems for path in paths for stems in _of_path(vocabulary, path)),
            words=vocabulary.words(),
        )

    def _page(self, heads: Sequence[ChunkHead]) -> tuple[ChunkKeys, npt.NDArray[np.int64]]:
        kinds, symbols = self._kinds, self._symbols
        rows = [
            (
                self._file(head),
                head.start_byte,
                head.start_line,
                head.end_line,
                kinds.setdefault(head.kind, len(kinds)),
                symbols.setdefault(head.symbol, len(symbols)),
            )
            for head in heads
        ]
        return keys_of(head.id for head in heads), np.array(rows, dtype=np.int64).T

    def _file(self, head: ChunkHead) -> int:
        number = self._files.setdefault(head.file, len(self._files))
        if number == len(self._heads):
            self._heads.append(head)
        return number


def _of_symbol(vocabulary: Vocabulary, symbol: str) -> tuple[tuple[int, ...], ...]:
    scope, _, name = symbol.rpartition(".")
    return vocabulary.of(name), vocabulary.of(name, scope)


def _of_path(vocabulary: Vocabulary, path: str) -> tuple[tuple[int, ...], ...]:
    folder, _, name = path.rpartition("/")
    name = name.split(".", 1)[0]
    return (
        vocabulary.of(name),
        vocabulary.of(folder),
        vocabulary.of(folder.rpartition("/")[2]),
        vocabulary.of(name, folder),
    )


def _halves_of(keys: ChunkKeys) -> npt.NDArray[np.uint64]:
    return keys.view(">u8")[::2].astype(np.uint64)


def _facts(paths: Sequence[str], uses: npt.NDArray[np.int64], chunks: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    of_paths = np.array(
        [(float(min(path.count("/"), _MOST_FOLDERS)), *_file_kind(path)) for path in paths], dtype=np.float64
    ).reshape(-1, len(FACTS) - 2)
    return np.column_stack((_logarithms(uses, _MOST_USES), _logarithms(chunks, _MOST_CHUNKS), of_paths))


def _logarithms(counts: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.float64]:
    """Return log(1 + n) of numbers, those above ``most`` as that."""
    table = np.array([math.log1p(count) for count in range(most + 1)])
    return table[np.minimum(counts, most)]


def _file_kind(path: str) -> tuple[float, float, float, float]:
    """Whether a path is generic, of declarations, of re-exports, a header."""
    name = path.rpartition("/")[2].split(".", 1)[0].lower()
    declarations = bool(_DECLARATIONS.search(path))
    return (
        float(name in _GENERIC_NAMES),
        float(declarations),
        float(not declarations and bool(_REEXPORT.search(path))),
        float(bool(_HEADER.search(path))),
    )


__all__ = ["FACTS", "ROLES", "ChunkColumns", "columns_of", "declares"]
