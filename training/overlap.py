# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells whether a text was taken from a tree of files: by its lines, and by runs of its words. Pure."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from conexus.lexical import words

_LINE_CHARS: Final = 30
"""A shorter line is written by many."""
_LINES: Final = 3
_LINES_SHARE: Final = 0.3
RUN: Final = 16
"""Words of a run."""
_SAMPLED: Final = 8
"""One run of so many is kept, chosen by its hash, so that the same ones are kept everywhere."""
_RUNS: Final = 4
_RUNS_SHARE: Final = 0.25
_LICENCE: Final = re.compile(
    r"copyright|licen[cs]|warrant|liabilit|redistribut|merchantab|noninfring|disclaim|permission|damages|spdx|herein"
    r"|foundation|apache|unless|hereby|software|furnish",
    re.IGNORECASE,
)
"""What the head of a file has in common with that of any other."""
_MAX_BYTES: Final = 1_000_000


def _texts(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _MAX_BYTES:
            data = path.read_bytes()
            if b"\0" not in data[:8_000]:
                yield data.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Lines:
    """Long lines of a tree, by hash."""

    known: frozenset[int]

    @classmethod
    def of(cls, folder: Path) -> Lines:
        """Read a tree."""
        return cls(frozenset(mark for text in _texts(folder) for mark in _lines(text)))

    def is_copy(self, text: str) -> bool:
        """Whether a good part of a text's long lines stand in the tree."""
        marks = set(_lines(text))
        found = len(marks & self.known)
        return found >= _LINES and found >= _LINES_SHARE * len(marks)


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of words of a tree, by hash."""

    known: frozenset[int]

    @classmethod
    def of(cls, folder: Path) -> Runs:
        """Read a tree."""
        return cls(frozenset(mark for text in _texts(folder) for mark in _runs(text)))

    def is_copy(self, text: str) -> bool:
        """Whether a good part of a text's runs of words stand in the tree."""
        marks = set(_runs(text))
        found = len(marks & self.known)
        return found >= _RUNS and found >= _RUNS_SHARE * len(marks)


def _lines(text: str) -> Iterator[int]:
    for line in text.splitlines():
        plain = "".join(line.split())
        if len(plain) >= _LINE_CHARS:
            yield hash_of(plain)


def _runs(text: str) -> Iterator[int]:
    found = words(text)
    last = -1  # word of a licence
    for at, word in enumerate(found):
        if _LICENCE.search(word):
            last = at
        start = at - RUN + 1
        if start > last and start >= 0:
            mark = hash_of(" ".join(found[start : at + 1]))
            if mark % _SAMPLED == 0:
                yield mark


def hash_of(text: str) -> int:
    """Return a hash of 64 bits that is the same in every process."""
    data = text.encode("utf-8", "replace")
    return zlib.crc32(data) << 32 | zlib.adler32(data)
