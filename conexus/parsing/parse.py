"""Turns the text of one file into chunks, symbols and references. Pure."""

from __future__ import annotations

from tree_sitter import Node, Parser, Tree

from conexus.parsing.chunks import chunk_lines, chunk_tree
from conexus.parsing.grammars import Grammar, grammar_of
from conexus.parsing.languages import Language
from conexus.parsing.notebooks import chunk_notebook
from conexus.parsing.positions import LineTable
from conexus.parsing.symbols import Extraction, extract
from conexus.types import Import, ParsedFile, ParseMode, Reference, Symbol


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
    for node_type, inner in language.embedded:
        found = _joined(found, _embedded(source, root, lines, node_type, inner))
    chunks = chunk_tree(source, root, found.symbols, lines, max_chunk)
    return ParsedFile(name, "utf-8", ParseMode.TREE, chunks, found.symbols, found.references, found.imports)


def _embedded(source: bytes, root: Node, lines: LineTable, node_type: str, inner: str) -> Extraction:
    """Parse the parts of a file that are in another language, in place, so that positions stay those of the file."""
    ranges = [
        content.range
        for node in _nodes_of(root, node_type)
        for content in node.named_children
        if content.type == "raw_text"
    ]
    if not ranges:
        return Extraction((), (), ())
    grammar = grammar_of(inner)
    language = grammar.parser.language
    parser = Parser(language, included_ranges=ranges)
    tree: Tree = parser.parse(source)
    return extract(Grammar(parser, grammar.definitions, grammar.references), source, tree.root_node, lines)


def _nodes_of(root: Node, node_type: str) -> list[Node]:
    found: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type == node_type:
            found.append(node)
        else:
            stack.extend(reversed(node.named_children))
    return found


def _joined(outer: Extraction, inner: Extraction) -> Extraction:
    def position(symbol: Symbol) -> tuple[int, int]:
        return symbol.span.start_byte, -symbol.span.end_byte

    symbols = tuple(sorted((*outer.symbols, *inner.symbols), key=position))
    references: tuple[Reference, ...] = (*outer.references, *inner.references)
    imports: tuple[Import, ...] = (*outer.imports, *inner.imports)
    return Extraction(symbols, references, imports)
