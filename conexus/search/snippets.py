"""Chooses which lines of a chunk to show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
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
    lines = _lines(chunk)
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
    lines = _lines(chunk)
    if chunk.kind != "block" and chunk.symbol and (head := _line_of_definition(chunk, lines)) is not None:
        return chunk.span.start_line + head
    asked = frozenset(query.stems)
    best, line_of_best = 0, 0
    for number, line in enumerate(lines):
        found = asked & {stem(part) for word in words(line) for part in split_identifier(word)}
        if len(found) > best:
            best, line_of_best = len(found), number
    if not best:
        line_of_best = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return chunk.span.start_line + line_of_best


def _lines(chunk: Chunk) -> list[str]:
    """Return the lines of a chunk without their ends, the byte order mark of the file left out."""
    text = chunk.text if chunk.span.start_byte else chunk.text.removeprefix("\ufeff")
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]


def _line_of_definition(chunk: Chunk, lines: Sequence[str]) -> int | None:
    """Return which line holds the name: of those with it, the one that begins as the signature does, else the first."""
    name = chunk.symbol.rsplit(".", 1)[-1]
    holding = [number for number, line in enumerate(lines) if name in words(line)]
    holding = holding or [number for number, line in enumerate(lines) if name in line]
    for number in holding:
        line = " ".join(lines[number].split())
        if chunk.signature and (chunk.signature.startswith(line) or line.startswith(chunk.signature)):
            return number
    return holding[0] if holding else None
