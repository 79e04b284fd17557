# SPDX-License-Identifier: FSL-1.1-MIT
"""Chooses which lines of a chunk to show. Pure."""

from __future__ import annotations

from conexus.types import Chunk
from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class Snippet:
    """Some lines of a chunk."""

    first_line: int
    lines: tuple[str, ...]


def snippet(chunk: Chunk, focus_line: int, count: int) -> Snippet:
    """Return at most ``count`` lines of a chunk that hold the focus line, from it on where there are enough."""
    lines = lines_of(chunk)
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


def lines_of(chunk: Chunk) -> list[str]:
    """Return the lines of a chunk without their ends, the byte order mark of the file left out."""
    text = chunk.text if chunk.span.start_byte else chunk.text.removeprefix("\ufeff")
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines] if "\r" in text else lines
