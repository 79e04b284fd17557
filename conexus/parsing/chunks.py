# SPDX-License-Identifier: FSL-1.1-MIT
"""Cuts a file into chunks along its syntax tree. Pure.

A function or a small class is a chunk of its own. What is too large is cut at its child nodes,
small neighbours are merged, comments stay with what they describe. Every byte of the file is in
exactly one chunk, and chunks begin at line starts unless a single line is longer than a chunk.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from tree_sitter import Node

from conexus.parsing.embedded import EMBEDDED_TEXT
from conexus.parsing.positions import LineTable
from conexus.types import Symbol, SymbolKind, TextChunk
from conexus.values import dataclass

_OWN_CHUNK_BYTES = 300  # a smaller definition is merged with its neighbours: by itself it says too little
_TAIL_BYTES = 40  # closing brackets and blank lines go with what they close
_UTF8_MASK, _UTF8_INSIDE = 0xC0, 0x80  # bytes of a character after its first
_BLANK_LINES = re.compile(rb"(?:[ \t\r]*\n)*")
_NEWLINE = ord("\n")
_NOT_A_CHUNK = frozenset({SymbolKind.VARIABLE, SymbolKind.FIELD, SymbolKind.KEY})
_FUNCTIONS = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})
_GLUED = ("comment", "marginalia", "decorator", "attribute_item", "annotation", "haddock", "pod")
_JULIA_DEFINITIONS = frozenset(
    "function_definition struct_definition assignment module_definition abstract_definition macro_definition "
    "const_statement macrocall_expression".split()
)
_GLUED_ATTRIBUTES = (b"@doc", b"@spec", b"@impl", b"@typedoc", b"@deprecated", b"@tag")  # of Elixir


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole lines that belong together."""

    start: int
    end: int
    glued: bool = False
    """Whether it describes what follows."""


_NO_TREES: Mapping[tuple[int, int], Node] = MappingProxyType({})


def chunk_tree(
    source: bytes,
    root: Node,
    symbols: Sequence[Symbol],
    lines: LineTable,
    max_bytes: int,
    embedded: Mapping[tuple[int, int], Node] = _NO_TREES,
) -> tuple[TextChunk, ...]:
    """Cut a parsed file.

    Args:
        source: The file in UTF-8.
        root: Its syntax tree.
        symbols: Its definitions by position, as :func:`conexus.parsing.symbols.extract` gives them.
        lines: Its line table.
        max_bytes: No chunk is longer, but for one that ends with a short tail.
        embedded: Syntax trees of parts in another language, by their first and end byte.

    Returns:
        Chunks in order that cover ``source`` without gap or overlap; none for an empty file.
    """
    starts = [symbol.span.start_byte for symbol in symbols]
    found = _pieces(source, root, max_bytes, embedded)
    if any(child.type == "section" for child in root.children):  # Markdown
        found = _cut_at_sections(found, symbols)
    pieces = _gathered(_whole_lines(found, lines, max_bytes), symbols, starts, max_bytes)
    return _described(source, _merged(source, pieces, symbols, starts, max_bytes), symbols, starts, lines)


def chunk_lines(
    source: bytes, lines: LineTable, max_bytes: int, symbols: Sequence[Symbol] = ()
) -> tuple[TextChunk, ...]:
    """Cut a file without a syntax tree into windows of whole lines, at blank lines where there are any."""
    pieces = [_Piece(start, end) for start, end in _windows(source, 0, len(source), max_bytes)]
    return _described(source, pieces, symbols, [symbol.span.start_byte for symbol in symbols], lines)


def _pieces(source: bytes, root: Node, max_bytes: int, embedded: Mapping[tuple[int, int], Node]) -> Iterator[_Piece]:
    """Cut where nodes end, going into those that are too large. Iterative: trees can be very deep."""
    position = 0
    stack: list[Node] = [root]
    while stack:
        node = stack.pop()
        end = min(node.end_byte, len(source)) if node is not root else len(source)
        if end - position <= max_bytes:
            if end > position:
                yield _Piece(position, end, _describes_next(source, node))
                position = end
        elif node.child_count:
            # What follows the last child still belongs to the node: it comes with the next piece.
            stack.extend(reversed(node.children))
        elif node.type == EMBEDDED_TEXT and (node.start_byte, end) in embedded:
            stack.append(embedded[node.start_byte, end])
        else:
            for start, stop in _windows(source, position, end, max_bytes):
                yield _Piece(start, stop)
            position = end
    for start, stop in _windows(source, position, len(source), max_bytes):
        yield _Piece(start, stop)


def _cut_at_sections(pieces: Iterator[_Piece], symbols: Sequence[Symbol]) -> Iterator[_Piece]:
    """Cut pieces where a section of some size begins: trees do not nest underlined headings."""
    starts = iter(
        symbol.span.start_byte
        for symbol in symbols
        if symbol.kind is SymbolKind.SECTION and symbol.span.end_byte - symbol.span.start_byte >= _OWN_CHUNK_BYTES
    )
    cut = next(starts, None)
    for piece in pieces:
        start = piece.start
        while cut is not None and cut < piece.end:
            if cut > start:
                yield _Piece(start, cut)
                start = cut
            cut = next(starts, None)
        yield _Piece(start, piece.end, piece.glued)


@cache
def _is_glued(node_type: str) -> bool:
    return any(mark in node_type for mark in _GLUED)


def _describes_next(source: bytes, node: Node) -> bool:
    if node.type == "unary_operator":
        return source.startswith(_GLUED_ATTRIBUTES, node.start_byte)
    if node.type == "string_literal" and node.next_sibling is not None:
        return node.next_sibling.type in _JULIA_DEFINITIONS
    return _is_glued(node.type)


def _whole_lines(pieces: Iterator[_Piece], lines: LineTable, max_bytes: int) -> list[_Piece]:
    """Move each boundary to the start of a line; what shares a line becomes one piece, where that is short enough."""
    result: list[_Piece] = []
    start, glued = 0, True
    for piece in pieces:
        if piece.end - start > max_bytes and piece.start > start:
            cut = _last_line_start(lines, start, piece, max_bytes)
            result.append(_Piece(start, cut))
            start, glued = cut, cut == piece.start
        index = bisect_left(lines.starts, piece.end)
        boundary = lines.starts[index] if index < len(lines.starts) else lines.size
        if piece.end > start:
            glued = glued and piece.glued
        too_long = boundary - start > max_bytes
        if too_long and boundary > piece.end and piece.end - start > max_bytes // 2:
            boundary, too_long = piece.end, False  # the rest of the line is too long to wait for
        if boundary > start and not too_long and (boundary == piece.end or _only_space(lines, piece.end, boundary)):
            boundary = _past_blank_lines(lines, boundary, start + max_bytes)
            result.append(_Piece(start, boundary, glued))
            start, glued = boundary, True
    if start < lines.size:
        result.append(_Piece(start, lines.size))
    return result


def _last_line_start(lines: LineTable, start: int, piece: _Piece, max_bytes: int) -> int:
    """Where to cut before ``piece``: at the last start of a line, unless that leaves too much."""
    cut = lines.starts[bisect_right(lines.starts, piece.start) - 1]
    return cut if cut > start and piece.end - cut <= max_bytes else piece.start


def _gathered(
    pieces: Sequence[_Piece], symbols: Sequence[Symbol], starts: Sequence[int], max_bytes: int
) -> list[_Piece]:
    """Join the pieces of a function that consists of several nodes: Haskell's equations, Dart's head and body."""
    result: list[_Piece] = []
    reach = 0
    for piece in pieces:
        if piece.start < reach and result:
            result[-1] = _Piece(result[-1].start, piece.end)
        else:
            result.append(piece)
        for symbol in symbols[bisect_left(starts, piece.start) : bisect_left(starts, piece.end)]:
            fits = symbol.span.end_byte - result[-1].start <= max_bytes
            if fits and symbol.kind in _FUNCTIONS:
                reach = max(reach, symbol.span.end_byte)
    return result


def _past_blank_lines(lines: LineTable, position: int, limit: int) -> int:
    """Where text goes on after ``position``, if that is a line start: blank lines go with what is above them."""
    blank = _BLANK_LINES.match(lines.source, position, limit)
    return blank.end() if blank and position and lines.source[position - 1] == _NEWLINE else position


def _only_space(lines: LineTable, start: int, end: int) -> bool:
    return end - start <= 1 or not lines.source[start:end].strip()


def _merged(
    source: bytes, pieces: Sequence[_Piece], symbols: Sequence[Symbol], starts: Sequence[int], max_bytes: int
) -> list[_Piece]:
    """Join small neighbours; a definition of some size stays by itself, with the comments above it."""
    result: list[_Piece] = []
    current: list[_Piece] = []

    def close(keep_glued: bool) -> None:
        """End the chunk; comments at its end go to what follows."""
        last = len(current)
        while keep_glued and last > 1 and current[last - 1].glued:
            last -= 1
        if last:
            result.append(_Piece(current[0].start, current[last - 1].end))
        del current[:last]

    alone = False
    for piece in pieces:
        size = piece.end - piece.start
        begins = _is_definition(piece, symbols, starts)
        length = piece.end - current[0].start if current else size
        tail = size <= _TAIL_BYTES and not begins and not source[piece.start : piece.end].strip().isalnum()
        if current and (length > max_bytes or begins or alone) and not (tail and length <= max_bytes + _TAIL_BYTES):
            if not all(part.glued for part in current) or length > max_bytes:
                close(keep_glued=length <= max_bytes or begins)
            if current and piece.end - current[0].start > max_bytes:
                close(keep_glued=False)
            alone = False
        current.append(piece)
        alone = alone or (begins and size >= _OWN_CHUNK_BYTES)
    close(keep_glued=False)
    return result


def _is_definition(piece: _Piece, symbols: Sequence[Symbol], starts: Sequence[int]) -> bool:
    """Whether the piece is a definition large enough to be a chunk, or begins one too large for a chunk."""
    size = piece.end - piece.start
    for index in range(bisect_left(starts, piece.start), bisect_left(starts, piece.end)):
        symbol = symbols[index]
        if symbol.kind in _NOT_A_CHUNK:
            continue
        length = symbol.span.end_byte - symbol.span.start_byte
        goes_on = symbol.span.end_byte > piece.end and length >= _OWN_CHUNK_BYTES
        goes_on = goes_on and symbol.kind is not SymbolKind.MODULE
        fills = size >= _OWN_CHUNK_BYTES and 2 * length > size
        if goes_on or fills:
            return True
    return False


def _windows(source: bytes, start: int, end: int, max_bytes: int) -> Iterator[tuple[int, int]]:
    """Cut bytes into windows of at most ``max_bytes``: at a blank line, else a line, else a character."""
    while end - start > max_bytes:
        cut = source.rfind(b"\n\n", start + max_bytes // 2, start + max_bytes) + 2
        if cut < start + 2:
            cut = source.rfind(b"\n", start, start + max_bytes) + 1
        if cut <= start:
            cut = start + max_bytes
            while cut > start + 1 and source[cut] & _UTF8_MASK == _UTF8_INSIDE:
                cut -= 1
        yield start, cut
        start = cut
    if end > start:
        yield start, end


def _described(
    source: bytes, pieces: Sequence[_Piece], symbols: Sequence[Symbol], starts: Sequence[int], lines: LineTable
) -> tuple[TextChunk, ...]:
    """Turn pieces into chunks that know what they define and what encloses them."""
    chunks: list[TextChunk] = []
    open_symbols: list[Symbol] = []
    for piece in pieces:
        first, last = bisect_left(starts, piece.start), bisect_left(starts, piece.end)
        inside = symbols[first:last]
        while open_symbols and open_symbols[-1].span.end_byte <= piece.start:
            open_symbols.pop()
        enclosing = open_symbols[-1] if open_symbols else None
        main = _main_symbol(piece, inside) or enclosing
        kinds = tuple(dict.fromkeys(symbol.kind.value for symbol in inside))
        chunks.append(
            TextChunk(
                span=lines.span(piece.start, piece.end),
                text=source[piece.start : piece.end].decode("utf-8", "replace"),
                kind=main.kind.value if main is not None and main is not enclosing else "block",
                symbol=main.qualified_name if main is not None else "",
                signature=main.signature if main is not None else "",
                names=tuple(dict.fromkeys(symbol.name for symbol in inside)),
                kinds=kinds,
            )
        )
        for symbol in inside:
            if symbol.span.end_byte > piece.end:
                while open_symbols and open_symbols[-1].span.end_byte < symbol.span.end_byte:
                    open_symbols.pop()
                open_symbols.append(symbol)
    return tuple(chunks)


def _main_symbol(piece: _Piece, inside: Sequence[Symbol]) -> Symbol | None:
    """The definition a chunk stands for: the first that takes up most of it, or that goes on beyond it."""
    for symbol in inside:
        within = min(symbol.span.end_byte, piece.end) - symbol.span.start_byte
        if 2 * within > piece.end - piece.start:
            return symbol
    return None
