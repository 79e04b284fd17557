"""Cuts a Jupyter notebook by cell. Pure."""

from __future__ import annotations

import json

from tree_sitter import Node

from conexus.parsing.positions import LineTable
from conexus.types import TextChunk


def chunk_notebook(source: bytes, root: Node, lines: LineTable, max_bytes: int) -> tuple[TextChunk, ...]:
    """Return a chunk a cell: its span is the cell's place in the file, its text the cell's source alone.

    Outputs are left out of the text: they are data, often images. A cell's text is cut at
    ``max_bytes`` characters.

    Args:
        source: The notebook in UTF-8.
        root: Its syntax tree as JSON.
        lines: Its line table.
        max_bytes: Longest text of a chunk.

    Returns:
        Chunks that cover the file, or none where it is no notebook.
    """
    cells = _cells(source, root)
    chunks: list[TextChunk] = []
    position = 0
    for number, (node, kind, text) in enumerate(cells, start=1):
        end = node.end_byte if number < len(cells) else len(source)
        chunks.append(
            TextChunk(
                span=lines.span(position, end),
                text=text[:max_bytes],
                kind="section",
                symbol=f"{kind} cell {number}",
                kinds=("section",),
            )
        )
        position = end
    return tuple(chunks)


def _cells(source: bytes, root: Node) -> list[tuple[Node, str, str]]:
    top = root.named_child(0) if root.named_child_count else None
    array = _value(source, top, b"cells") if top is not None else None
    if array is None or array.type != "array":
        return []
    found: list[tuple[Node, str, str]] = []
    for node in array.named_children:
        try:
            cell = json.loads(source[node.start_byte : node.end_byte])
        except ValueError:
            continue
        if not isinstance(cell, dict):
            continue
        text = cell.get("source", "")
        if isinstance(text, list):
            text = "".join(part for part in text if isinstance(part, str))
        found.append((node, str(cell.get("cell_type", "raw"))[:20], text if isinstance(text, str) else ""))
    return found


def _value(source: bytes, node: Node, key: bytes) -> Node | None:
    for pair in node.named_children:
        name = pair.child_by_field_name("key")
        if name is not None and source[name.start_byte : name.end_byte].strip(b'"') == key:
            return pair.child_by_field_name("value")
    return None
