# SPDX-License-Identifier: FSL-1.1-MIT
"""Gives headings the text below them, which no syntax tree does alike. Pure.

Query files capture a heading by itself (``# Usage``, ``<h2>Usage</h2>``, ``FROM alpine AS run``).
Here its section grows up to the next heading of the same or a higher level, or to the end of
the named element around it, and takes the names of the headings above as its scope.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from conexus.parsing.positions import LineTable
from conexus.types import Symbol, SymbolKind
from conexus.values import dataclass

_TAG = re.compile(r"<[^<>]*>")
_SPACE = re.compile(r"\s+")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()]*\)|\[[^\[\]]*\])")
_EMPHASIS = re.compile(r"(?<!\w)[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}(?!\w)")
_ANCHOR = re.compile(r"\s*\{[#.:][^{}]*\}\s*$|(?:^|\s)#+\s*$")
_HTML_HEADING = re.compile(rb"<[hH]([1-6])\b")
_MAX_NAME_CHARS = 200
_MAX_SCOPE_CHARS = 1_000  # elements can nest as deep as the file is long
_MAX_HEADING_BYTES = 4_000


@dataclass(slots=True)
class _Open:
    """A section or an element that has begun."""

    level: int | None
    """Of a heading; ``None`` for an element, which ends where it says itself."""
    end: int
    index: int
    name: str


def outlined(language: str, symbols: Sequence[Symbol], source: bytes, lines: LineTable) -> tuple[Symbol, ...]:
    """Return the symbols of a document with the spans and scopes of its sections.

    Args:
        language: One of :data:`OUTLINED`; the symbols of any other are returned as they are.
        symbols: Definitions by position, headings with the span of the heading alone.
        source: The document in UTF-8.
        lines: Its line table.
    """
    shape = OUTLINED.get(language)
    if shape is None:
        return tuple(symbols)
    ends = [symbol.span.end_byte for symbol in symbols]
    result: list[Symbol] = []
    stack: list[_Open] = []
    for symbol in symbols:
        start, heading = symbol.span.start_byte, source[symbol.span.start_byte : symbol.span.end_byte]
        level = shape.level_of(symbol, heading[:_MAX_HEADING_BYTES])
        name = symbol.name if level is None else shape.name_of(symbol, heading[:_MAX_HEADING_BYTES])
        if not name:
            continue
        index = len(result)
        _close(stack, ends, start, level)
        parent = stack[-1].name if stack else ""
        ends[index] = symbol.span.end_byte
        signature = symbol.signature or heading[:_MAX_NAME_CHARS].decode("utf-8", "replace").strip()
        result.append(replace(symbol, name=name, parent=parent, signature=signature))
        scope = parent if len(parent) > _MAX_SCOPE_CHARS else f"{parent}.{name}" if parent else name
        stack.append(_Open(level, symbol.span.end_byte, index, scope))
    _close(stack, ends, len(source), 0)
    return tuple(
        replace(symbol, span=lines.span(symbol.span.start_byte, min(end, len(source))))
        for symbol, end in zip(result, ends, strict=False)
    )


def _close(stack: list[_Open], ends: list[int], position: int, level: int | None) -> None:
    """End what does not go on at ``position``, where something of ``level`` begins."""
    while True:
        depth = len(stack) - 1
        while depth >= 0 and stack[depth].level is not None:  # at most six headings, one a level
            depth -= 1
        if depth < 0 or stack[depth].end > position:
            break
        for inner in stack[depth + 1 :]:
            ends[inner.index] = stack[depth].end
        del stack[depth:]
    while level is not None and stack:
        last = stack[-1].level
        if last is None or last < level:
            break
        ends[stack.pop().index] = position


def _markdown_level(symbol: Symbol, heading: bytes) -> int | None:
    del symbol
    if heading.startswith(b"#"):
        return len(heading) - len(heading.lstrip(b"#"))
    return 1 if heading.rstrip().endswith(b"=") else 2


def _markdown_name(symbol: Symbol, heading: bytes) -> str:
    del symbol
    written = heading.decode("utf-8", "replace").strip()
    written = written.lstrip("#") if written.startswith("#") else written.rpartition("\n")[0]
    plain = _TAG.sub("", _LINK.sub(r"\1", _LINK.sub(r"\1", _ANCHOR.sub("", written))))
    return _SPACE.sub(" ", _EMPHASIS.sub("", plain).replace("`", "")).strip()[:_MAX_NAME_CHARS]


def _html_level(symbol: Symbol, heading: bytes) -> int | None:
    del symbol
    match = _HTML_HEADING.match(heading)
    return int(match[1]) if match else None


def _html_name(symbol: Symbol, heading: bytes) -> str:
    del symbol
    text = _TAG.sub("", heading.decode("utf-8", "replace"))
    return _SPACE.sub(" ", html.unescape(text)).strip().rstrip("¶").strip()[:_MAX_NAME_CHARS]


def _stage_level(symbol: Symbol, heading: bytes) -> int | None:
    del heading
    return 1 if symbol.kind is SymbolKind.RULE else None


def _stage_name(symbol: Symbol, heading: bytes) -> str:
    del heading
    return symbol.name


@dataclass(frozen=True, slots=True)
class _Shape:
    level_of: Callable[[Symbol, bytes], int | None]
    name_of: Callable[[Symbol, bytes], str]


OUTLINED = {
    "markdown": _Shape(_markdown_level, _markdown_name),
    "html": _Shape(_html_level, _html_name),
    "dockerfile": _Shape(_stage_level, _stage_name),
}
"""How the headings of a language are told; the public part is its keys."""
