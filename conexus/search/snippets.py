"""Chooses which lines of a chunk to show. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from conexus.lexical import split_identifier, stem, words
from conexus.search.query import Query
from conexus.types import Chunk


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some lines of a chunk."""

    first_line: int
    lines: tuple[str, ...]


def snippet(chunk: Chunk, focus_line: int, count: int) -> Snippet:
    """Return at most ``count`` lines of a chunk that hold the focus line, from it on where there are enough."""
    lines = chunk.text.removesuffix("\n").split("\n")
    if count <= 0 or not lines:
        return Snippet(chunk.span.start_line, ())
    focus = min(max(0, focus_line - chunk.span.start_line), len(lines) - 1)
    start = max(0, min(focus - (1 if count > 2 else 0), len(lines) - count))  # noqa: PLR2004 -- a line above, if there is room
    chosen = lines[start : start + count]
    while len(chosen) > 1 and not chosen[-1].strip():
        chosen.pop()
    while len(chosen) > 1 and not chosen[0].strip():
        chosen.pop(0)
        start += 1
    return Snippet(chunk.span.start_line + start, tuple(chosen))


def focus_of(chunk: Chunk, query: Query) -> int:
    """Return the line a reader should land on: the name of its definition, else the line most like the query."""
    lines = chunk.text.removesuffix("\n").split("\n")
    name = chunk.symbol.rsplit(".", 1)[-1]
    if chunk.kind != "block" and name:
        for number, line in enumerate(lines):
            if name in line:
                return chunk.span.start_line + number
    asked = frozenset(query.stems)
    best, line_of_best = 0, 0
    for number, line in enumerate(lines):
        found = asked & {stem(part) for word in words(line) for part in split_identifier(word)}
        if len(found) > best:
            best, line_of_best = len(found), number
    if not best:
        line_of_best = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return chunk.span.start_line + line_of_best
