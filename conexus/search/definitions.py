# SPDX-License-Identifier: FSL-1.1-MIT
"""The definitions of an index by name, in a few arrays. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.lexical import name_key
from conexus.points import KEY
from conexus.types import ChunkKeys, FileId, KeyedSymbol, SymbolKind, SymbolMatch
from conexus.values import dataclass

_KINDS: Final = tuple(SymbolKind)
_NUMBER_OF: Final = {kind: number for number, kind in enumerate(_KINDS)}


@dataclass(frozen=True, slots=True)
class Definitions:
    """Definitions, those of one name together.

    Arrays of names have the shape ``(names,)``, those of definitions ``(definitions,)``.
    """

    hashes: npt.NDArray[np.int64]
    """Python's hash of each :func:`~conexus.lexical.name_key`, ascending."""
    starts: npt.NDArray[np.int64]
    """Place of the first definition of each name."""
    ends: npt.NDArray[np.int64]
    """Place behind the last one."""
    symbols: bytes
    """All qualified names in UTF-8, one after the other."""
    symbol_ends: npt.NDArray[np.int64]
    """Where each of them ends, and a zero before the first."""
    name_chars: npt.NDArray[np.int32]
    """How long each name is without what encloses it."""
    kinds: npt.NDArray[np.uint8]
    lines: npt.NDArray[np.int32]
    files: npt.NDArray[np.int64]
    chunks: ChunkKeys

    def __len__(self) -> int:
        """Return the number of definitions."""
        return len(self.kinds)

    def named(self, names: Sequence[str]) -> list[SymbolMatch]:
        """Return the definitions whose name agrees with one of ``names`` but for case and underscores."""
        written = set(names)
        keys = [key for key in dict.fromkeys(map(name_key, names)) if key]
        hashes = np.array([hash(key) for key in keys], dtype=np.int64)
        firsts, lasts = self.hashes.searchsorted(hashes), self.hashes.searchsorted(hashes, "right")
        found: list[SymbolMatch] = []
        for key, first, last in zip(keys, firsts.tolist(), lasts.tolist(), strict=True):
            for start, end in zip(self.starts[first:last].tolist(), self.ends[first:last].tolist(), strict=True):
                found += self._between(start, end, key, written)
        return found

    def _between(self, start: int, end: int, key: str, written: set[str]) -> list[SymbolMatch]:
        """Return some definitions; nothing where another name than ``key`` has the same hash."""
        ends = self.symbol_ends[start : end + 1].tolist()
        chunks = self.chunks[start:end].tobytes()
        found: list[SymbolMatch] = []
        for at, until, chars, kind, line, file, chunk in zip(
            ends[:-1],
            ends[1:],
            self.name_chars[start:end].tolist(),
            self.kinds[start:end].tolist(),
            self.lines[start:end].tolist(),
            self.files[start:end].tolist(),
            [chunks[at : at + KEY.itemsize] for at in range(0, len(chunks), KEY.itemsize)],
            strict=True,
        ):
            symbol = self.symbols[at:until].decode()
            name = symbol[-chars:]
            if not found and name_key(name) != key:
                break
            found.append(SymbolMatch(symbol, _KINDS[kind], line, chunk, FileId(file), name in written))
        return found


def definitions_of(definitions: Iterable[KeyedSymbol]) -> Definitions:
    """Put definitions into arrays; those of one key have to come one after the other."""
    hashes, starts, ends = array("q"), array("q"), array("q", [0])
    name_chars, kinds, lines, files = array("i"), array("B"), array("i"), array("q")
    symbols, chunks = bytearray(), bytearray()
    last = None
    for key, name, parent, kind, line, file, chunk in definitions:
        if key != last:
            last = key
            hashes.append(hash(last))
            starts.append(len(kinds))
        symbols += (f"{parent}.{name}" if parent else name).encode()
        ends.append(len(symbols))
        name_chars.append(len(name))
        kinds.append(_NUMBER_OF[kind])
        lines.append(line)
        files.append(file)
        chunks += chunk
    order = np.argsort(np.frombuffer(hashes, np.int64))
    of_names = np.append(np.frombuffer(starts, np.int64), len(kinds))
    return Definitions(
        hashes=np.frombuffer(hashes, np.int64)[order],
        starts=of_names[:-1][order],
        ends=of_names[1:][order],
        symbols=bytes(symbols),
        symbol_ends=np.frombuffer(ends, np.int64),
        name_chars=np.frombuffer(name_chars, np.int32),
        kinds=np.frombuffer(kinds, np.uint8),
        lines=np.frombuffer(lines, np.int32),
        files=np.frombuffer(files, np.int64),
        chunks=np.frombuffer(bytes(chunks), KEY),
    )


__all__ = ["Definitions", "definitions_of"]
