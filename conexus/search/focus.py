# SPDX-License-Identifier: FSL-1.1-MIT
"""Chooses the line of a chunk that a reader should land on. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from conexus.lexical import split_identifier, stem, words
from conexus.search.query import Query
from conexus.search.snippets import lines_of
from conexus.types import Chunk


def focus_of(chunk: Chunk, query: Query) -> int:
    """Return the line a reader should land on: the name of its definition, else the line most like the query."""
    lines = lines_of(chunk)
    if chunk.kind != "block" and chunk.symbol and (head := _line_of_definition(chunk, lines)) is not None:
        return chunk.span.start_line + head
    line = _line_most_like(lines, frozenset(query.stems))
    if line is None:
        line = next((number for number, text in enumerate(lines) if text.strip()), 0)
    return chunk.span.start_line + line


def _line_most_like(lines: Sequence[str], asked: frozenset[str]) -> int | None:
    """Return the first line with most of these stems, if there is one with any."""
    words_of = list(map(words, lines))
    written = set().union(*words_of)
    stems = zip(written, map(_stems_in, written), strict=True)
    stems_of = {word: asked & found for word, found in stems if not asked.isdisjoint(found)}
    best, line_of_best = 0, None
    for number, own in enumerate(words_of if stems_of else ()):
        if stems_of.keys().isdisjoint(own):
            continue
        found = len(frozenset().union(*(stems_of[word] for word in own if word in stems_of)))
        if found > best:
            best, line_of_best = found, number
    return line_of_best


@lru_cache(maxsize=20_000)  # the words of code are few, and come again in the next line
def _stems_in(word: str) -> frozenset[str]:
    return frozenset(stem(part) for part in split_identifier(word))


def _line_of_definition(chunk: Chunk, lines: Sequence[str]) -> int | None:
    """Return which line holds the name: of those with it, the one that begins as the signature does, else the first."""
    name = chunk.symbol.rsplit(".", 1)[-1]
    written = [number for number, line in enumerate(lines) if name in line]
    holding = [number for number in written if name in words(lines[number])] or written
    for number in holding:
        line = " ".join(lines[number].split())
        if chunk.signature and (chunk.signature.startswith(line) or line.startswith(chunk.signature)):
            return number
    return holding[0] if holding else None
