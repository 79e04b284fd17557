# SPDX-License-Identifier: FSL-1.1-MIT
"""Turns the text of one file into chunks, symbols and references. Pure."""

from __future__ import annotations

from dataclasses import replace

from conexus.parsing.chunks import chunk_lines, chunk_tree
from conexus.parsing.embedded import parse_embedded
from conexus.parsing.endpoints.extraction import CALLED_NAMES, endpoints_of
from conexus.parsing.grammars import grammar_of, is_too_deep, parsed
from conexus.parsing.languages import Language
from conexus.parsing.notebooks import read_notebook
from conexus.parsing.outline import outlined
from conexus.parsing.positions import LineTable
from conexus.parsing.sql import completed
from conexus.parsing.symbols import extract, joined
from conexus.types import ParsedFile, ParseMode


def parse_text(text: str, language: Language | None, max_chunk: int, *, use_tree: bool = True) -> ParsedFile:
    """Cut a file and find what it defines.

    Args:
        text: The whole file, secrets already redacted.
        language: As :func:`conexus.parsing.languages.detect` tells it.
        max_chunk: Longest chunk in bytes of UTF-8.
        use_tree: False cuts by lines even where there is a grammar: for files that a parser failed on.

    Returns:
        Encoding, tags and redactions are left at their defaults: the caller knows them.
    """
    source = text.encode("utf-8", "replace")
    lines = LineTable(source)
    name = language.name if language else None
    if language is None or not language.grammar or not use_tree:
        mode = ParseMode.LINES if use_tree else ParseMode.FALLBACK
        return ParsedFile(name, "utf-8", mode, chunk_lines(source, lines, max_chunk))
    if is_too_deep(language.name, source):
        chunks = chunk_lines(source, lines, max_chunk)
        return ParsedFile(name, "utf-8", ParseMode.FALLBACK, chunks, note="blocks nested too deep for the grammar")
    grammar = grammar_of(language.name)
    root = parsed(language.name, grammar.parser, source).root_node
    if language.name == "notebook" and (notebook := read_notebook(source, root, lines, max_chunk)).chunks:
        found = notebook.found
        return ParsedFile(
            name, "utf-8", ParseMode.TREE, notebook.chunks, found.symbols, found.references, found.imports
        )
    found = extract(grammar, source, root, lines, CALLED_NAMES)
    found = replace(found, symbols=outlined(language.name, found.symbols, source, lines))
    if language.name == "sql":
        found = replace(found, symbols=completed(found.symbols, source, lines))
    parts = parse_embedded(source, root, lines, language, CALLED_NAMES)
    if parts:
        found = joined((found, *(part.found for part in parts)))
    trees = {(part.start, part.end): part.root for part in parts}
    code = [(part.root, part.found.wanted) for part in parts] if language.embedded else [(root, found.wanted)]
    chunks = chunk_tree(source, root, found.symbols, lines, max_chunk, trees)
    return ParsedFile(
        language=name,
        encoding="utf-8",
        mode=ParseMode.TREE,
        chunks=chunks,
        symbols=found.symbols,
        references=found.references,
        imports=found.imports,
        endpoints=endpoints_of(language.name, source, code),
    )
