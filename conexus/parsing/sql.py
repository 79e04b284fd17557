# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds what the SQL grammar does not read: procedures, and definitions in other dialects. Pure.

The grammar is PostgreSQL's for the most part. Where a ``CREATE`` at the beginning of a line left no
symbol, the definition is read by its words and taken to go on to the next statement of its kind.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from conexus.parsing.positions import LineTable
from conexus.types import Symbol, SymbolKind

_PART = rb"(?:\w[\w$#]*|\"[^\"\n]+\"|`[^`\n]+`|\[[^\]\n]+\])"
_CREATE = re.compile(
    rb"^[ \t]*(?:CREATE|ALTER(?=\s+PROC))(?:\s+OR\s+(?:REPLACE|ALTER))?(?:\s+DEFINER\s*=\s*\S+)?"
    rb"(?:\s+(?:GLOBAL|LOCAL|TEMP|TEMPORARY|UNLOGGED|EXTERNAL|VIRTUAL|EDITIONABLE|MATERIALIZED|UNIQUE|CLUSTERED|"
    rb"NONCLUSTERED|AGGREGATE|CONSTRAINT|RECURSIVE))*"
    rb"\s+(TABLE|VIEW|FUNCTION|PROCEDURE|PROC|TRIGGER|EVENT|PACKAGE(?:\s+BODY)?|TYPE|DOMAIN|INDEX|SEQUENCE)"
    rb"(?:\s+CONCURRENTLY)?(?:\s+IF\s+NOT\s+EXISTS)?\s+(" + _PART + rb"(?:\s*\.\s*" + _PART + rb"){0,3})",
    re.IGNORECASE | re.MULTILINE,
)
_NEXT = re.compile(rb"^(?:CREATE|ALTER|DROP|DELIMITER|GO|/)\b|^/[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
_DOLLAR = re.compile(rb"\$\w*\$")
_SPACE = re.compile(r"\s+")
_KINDS = {
    "TABLE": SymbolKind.TABLE,
    "VIEW": SymbolKind.TABLE,
    "TYPE": SymbolKind.TYPE,
    "DOMAIN": SymbolKind.TYPE,
    "PACKAGE": SymbolKind.MODULE,
    "INDEX": SymbolKind.VARIABLE,
    "SEQUENCE": SymbolKind.VARIABLE,
}  # all else is a function
_BODIES = frozenset({SymbolKind.FUNCTION, SymbolKind.MODULE})
_QUOTES = '"`[] \t\r\n'
_MAX_CHARS = 200
_MAX_COMMENT_LINES = 5


def completed(symbols: Sequence[Symbol], source: bytes, lines: LineTable) -> tuple[Symbol, ...]:
    """Return the symbols of an SQL file with those added that its tree lacks, schemas split from names."""
    symbols = _shortened(symbols, source, lines)
    known = {symbol.name_line for symbol in symbols if symbol.kind is not SymbolKind.FIELD}
    result = [_split(symbol) for symbol in symbols]
    bodies = deque(sorted((s.span.start_byte, s.span.end_byte) for s in symbols if s.kind in _BODIES))
    inside = 0  # end of the body that the search is in
    for match in _CREATE.finditer(source):
        start = match.start() + len(match[0]) - len(match[0].lstrip())
        while bodies and bodies[0][0] < start:
            inside = max(inside, bodies.popleft()[1])
        line = lines.line_of(match.start(2))
        if line in known or start < inside:
            continue
        kind = _KINDS.get(match[1].split()[0].decode().upper(), SymbolKind.FUNCTION)
        end = _end(source, match.end(), kind)
        if kind is SymbolKind.FUNCTION:
            inside = end
        head = source[start : min(end, start + 2 * _MAX_CHARS)].decode("utf-8", "replace")
        symbol = Symbol(
            name=match[2].decode("utf-8", "replace")[:_MAX_CHARS],
            kind=kind,
            span=lines.span(start, end),
            name_line=line,
            signature=_SPACE.sub(" ", head.split("\n", 1)[0]).strip()[:_MAX_CHARS],
            doc=_comment_above(source, start, lines),
        )
        result.append(_split(symbol))
    return tuple(sorted(result, key=lambda symbol: (symbol.span.start_byte, -symbol.span.end_byte)))


def _shortened(symbols: Sequence[Symbol], source: bytes, lines: LineTable) -> list[Symbol]:
    """End definitions before the next: where the grammar fails, its nodes run on over what follows."""
    result: list[Symbol] = []
    end = 0  # of the definition that fields belong to
    for symbol in symbols:
        span = symbol.span
        if symbol.kind is SymbolKind.FIELD:
            if span.end_byte <= end:
                result.append(symbol)
            continue
        end = span.end_byte
        if _NEXT.search(source, span.start_byte + 1, end):
            end = min(end, _end(source, span.start_byte + 1, symbol.kind))
        result.append(replace(symbol, span=lines.span(span.start_byte, end)))
    return result


def _split(symbol: Symbol) -> Symbol:
    """``sales.orders`` is ``orders`` of ``sales``."""
    schema, _, name = symbol.name.rpartition(".")
    if symbol.kind is SymbolKind.FIELD:
        return symbol
    outer = ".".join(part.strip(_QUOTES) for part in schema.split(".")) if schema else ""
    parent = f"{symbol.parent}.{outer}" if symbol.parent and outer else symbol.parent or outer
    return replace(symbol, name=name.strip(_QUOTES) or symbol.name, parent=parent)


def _end(source: bytes, position: int, kind: SymbolKind) -> int:
    """Where a definition that begins before ``position`` ends."""
    following = _NEXT.search(source, position)
    limit = following.start() if following else len(source)
    opening = _DOLLAR.search(source, position, limit)
    if opening is not None:
        closing = source.find(opening[0], opening.end())
        limit = closing + len(opening[0]) if closing >= 0 else limit
        semicolon = source.find(b";", limit, limit + _MAX_CHARS)
        return semicolon + 1 if semicolon >= 0 else limit
    semicolon = source.find(b";", position, limit)
    if kind not in _BODIES and semicolon >= 0:
        return semicolon + 1
    text = source[position:limit].rstrip()
    while (cut := text.rfind(b"\n")) >= 0 and text[cut + 1 :].lstrip().startswith(b"--"):
        text = text[:cut].rstrip()  # comments above the next statement are its own
    return position + len(text)


def _comment_above(source: bytes, start: int, lines: LineTable) -> str:
    """First sentence of the ``--`` lines right above."""
    line = lines.line_of(start) - 1
    found: list[str] = []
    while line > 0 and len(found) < _MAX_COMMENT_LINES:
        text = source[lines.starts[line - 1] : lines.starts[line]].strip()
        if not text.startswith(b"--"):
            break
        found.append(text.lstrip(b"- ").decode("utf-8", "replace"))
        line -= 1
    return re.split(r"(?<=[.!?])\s+(?=[A-Z])", " ".join(reversed(found)), maxsplit=1)[0][: _MAX_CHARS + 100]
