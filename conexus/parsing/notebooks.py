# SPDX-License-Identifier: FSL-1.1-MIT
"""Cuts a Jupyter notebook by cell. Pure."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tree_sitter import Node

from conexus.parsing.chunks import chunk_lines, chunk_tree
from conexus.parsing.grammars import grammar_of, is_too_deep, parsed
from conexus.parsing.languages import BY_NAME, canonical
from conexus.parsing.outline import outlined
from conexus.parsing.positions import LineTable
from conexus.parsing.symbols import Extraction, extract, joined
from conexus.types import Import, Reference, Symbol, TextChunk
from conexus.values import dataclass

_ESCAPE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.")
_MAGIC = re.compile(rb"^([ \t]*)[%!]", re.MULTILINE)
_PYTHON_MAGICS = (b"%%time", b"%%capture", b"%%prun", b"%%writefile")  # cells whose rest is still Python


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell's text, and where each part of it stands in the file."""

    kind: str
    end: int
    """End of the cell in the file."""
    text: bytes
    lines: LineTable
    """Of the text."""
    text_at: Sequence[int]
    """Offsets in the text where a run of plain bytes begins, from 0."""
    file_at: Sequence[int]
    """Where those runs begin in the file."""

    def in_file(self, offset: int) -> int:
        """Return where the byte at ``offset`` of the text stands in the file."""
        run = bisect_right(self.text_at, offset) - 1
        return min(self.file_at[run] + offset - self.text_at[run], self.end)


@dataclass(frozen=True, slots=True)
class Notebook:
    """What a notebook holds; empty where the file is none."""

    chunks: tuple[TextChunk, ...]
    found: Extraction


def read_notebook(source: bytes, root: Node, lines: LineTable, max_bytes: int) -> Notebook:
    """Return a notebook's chunks, a cell or a part of a long one each, and what its cells define.

    The span of a chunk is its place in the file; its text is the cell's source alone. Outputs are
    left out of the text: they are data, often images. Cells without text belong to the next chunk.

    Args:
        source: The notebook in UTF-8.
        root: Its syntax tree as JSON.
        lines: Its line table.
        max_bytes: Longest text of a chunk.
    """
    top = root.named_child(0) if root.named_child_count else None
    language = _language(source, top) if top is not None else ""
    chunks: list[TextChunk] = []
    parts: list[Extraction] = []
    for number, cell in enumerate(_cells(source, top), start=1):
        if not cell.text.strip():
            continue
        pieces, found = _read_cell(cell, language if cell.kind == "code" else "markdown", max_bytes)
        parts.append(_moved(found, cell, lines))
        for piece in pieces:
            start = chunks[-1].span.end_byte if chunks else 0
            end = cell.end if piece is pieces[-1] else max(cell.in_file(piece.span.end_byte), start)
            chunks.append(
                replace(
                    piece,
                    span=lines.span(start, end),
                    kind="section" if piece.kind == "block" else piece.kind,
                    symbol=piece.symbol or f"{cell.kind} cell {number}",
                    kinds=tuple(dict.fromkeys(("section", *piece.kinds))),
                )
            )
    if chunks:
        chunks[-1] = replace(chunks[-1], span=lines.span(chunks[-1].span.start_byte, len(source)))
    return Notebook(tuple(chunks), joined(parts))


def _read_cell(cell: _Cell, language: str, max_bytes: int) -> tuple[tuple[TextChunk, ...], Extraction]:
    """Cut one cell; positions are those of its text."""
    code, lines = cell.text, cell.lines
    if cell.kind == "code" and code.startswith(b"%%") and not code.startswith(_PYTHON_MAGICS):
        language = ""
    if not language or cell.kind == "raw" or is_too_deep(language, code):
        return chunk_lines(code, lines, max_bytes), Extraction((), (), ())
    if language == "python":
        code = _MAGIC.sub(rb"\1#", code)  # of the same length, so that positions hold
    grammar = grammar_of(language)
    root = parsed(language, grammar.parser, code).root_node
    found = extract(grammar, code, root, lines)
    found = replace(found, symbols=outlined(language, found.symbols, code, lines))
    return chunk_tree(cell.text, root, found.symbols, lines, max_bytes), found


def _moved(found: Extraction, cell: _Cell, lines: LineTable) -> Extraction:
    """What a cell defines and uses, at its place in the file."""

    def moved(symbol: Symbol) -> Symbol:
        span = lines.span(cell.in_file(symbol.span.start_byte), cell.in_file(symbol.span.end_byte))
        return replace(symbol, span=span, name_line=_line(cell, symbol.name_line, lines))

    return Extraction(
        tuple(moved(symbol) for symbol in found.symbols),
        tuple(
            Reference(item.name, tuple(sorted({_line(cell, line, lines) for line in item.lines})))
            for item in found.references
        ),
        tuple(Import(item.target, _line(cell, item.line, lines)) for item in found.imports),
    )


def _line(cell: _Cell, line: int, lines: LineTable) -> int:
    """The line of the file where a line of a cell begins."""
    return lines.line_of(cell.in_file(cell.lines.starts[line - 1]))


def _cells(source: bytes, top: Node | None) -> Iterator[_Cell]:
    array = _value(source, top, b"cells") if top is not None else None
    if array is None or array.type != "array":
        return
    for node in array.named_children:
        text = _value(source, node, b"source")
        kind = _value(source, node, b"cell_type")
        if text is None:
            continue
        name = source[kind.start_byte : kind.end_byte].strip(b'"').decode("utf-8", "replace")[:20] if kind else "raw"
        yield _decoded(source, name, node.end_byte, text)


def _decoded(source: bytes, kind: str, end: int, value: Node) -> _Cell:
    """Undo JSON's escapes, and note where each run of plain bytes comes from."""
    text = bytearray()
    text_at, file_at = [0], [value.start_byte]

    def add(run: bytes, position: int) -> None:
        text_at.append(len(text))
        file_at.append(position)
        text.extend(run)

    for node in [value] if value.type == "string" else value.named_children:
        if node.type != "string":
            continue
        position, stop = node.start_byte + 1, node.end_byte - 1
        for match in _ESCAPE.finditer(source, position, stop):
            add(source[position : match.start()], position)
            add(_unescaped(match[0]), match.start())
            position = match.end()
        add(source[position:stop], position)
    text_at.append(len(text))
    file_at.append(value.end_byte)
    return _Cell(kind, end, bytes(text), LineTable(bytes(text)), text_at, file_at)


def _unescaped(escape: bytes) -> bytes:
    try:
        return str(json.loads(b'"' + escape + b'"')).encode("utf-8", "replace")
    except ValueError:
        return escape


def _language(source: bytes, top: Node) -> str:
    """The grammar to read code cells with, by the notebook's metadata; empty for one we do not know."""
    metadata = _value(source, top, b"metadata")
    for outer, inner in ((b"language_info", b"name"), (b"kernelspec", b"language")):
        holder = _value(source, metadata, outer) if metadata is not None else None
        name = _value(source, holder, inner) if holder is not None else None
        if name is not None:
            typed = source[name.start_byte : name.end_byte].strip(b'"').decode("utf-8", "replace")
            found = "python" if "python" in typed.lower() else canonical(typed)
            return found if found and BY_NAME[found].grammar else ""
    return "python"


def _value(source: bytes, node: Node, key: bytes) -> Node | None:
    for pair in node.named_children:
        name = pair.child_by_field_name("key")
        if name is not None and source[name.start_byte : name.end_byte].strip(b'"') == key:
            return pair.child_by_field_name("value")
    return None
