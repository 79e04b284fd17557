"""Turns the text of one file into chunks, symbols and references. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from conexus.parsing.chunks import chunk_lines, chunk_tree
from conexus.parsing.embedded import parse_embedded
from conexus.parsing.grammars import grammar_of
from conexus.parsing.languages import Language
from conexus.parsing.notebooks import chunk_notebook
from conexus.parsing.outline import outlined
from conexus.parsing.positions import LineTable
from conexus.parsing.symbols import Extraction, extract
from conexus.types import ParsedFile, ParseMode, Symbol


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
    grammar = grammar_of(language.name)
    root = grammar.parser.parse(source).root_node
    if language.name == "notebook" and (cells := chunk_notebook(source, root, lines, max_chunk)):
        return ParsedFile(name, "utf-8", ParseMode.TREE, cells)
    found = extract(grammar, source, root, lines)
    found = Extraction(outlined(language.name, found.symbols, source, lines), found.references, found.imports)
    parts = parse_embedded(source, root, lines, language)
    if parts:
        found = _joined((found, *(part.found for part in parts)))
    trees = {(part.start, part.end): part.root for part in parts}
    chunks = chunk_tree(source, root, found.symbols, lines, max_chunk, trees)
    return ParsedFile(name, "utf-8", ParseMode.TREE, chunks, found.symbols, found.references, found.imports)


def _joined(found: Sequence[Extraction]) -> Extraction:
    def position(symbol: Symbol) -> tuple[int, int]:
        return symbol.span.start_byte, -symbol.span.end_byte

    return Extraction(
        tuple(sorted((symbol for part in found for symbol in part.symbols), key=position)),
        tuple(reference for part in found for reference in part.references),
        tuple(imported for part in found for imported in part.imports),
    )
