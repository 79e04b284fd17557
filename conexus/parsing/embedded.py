# SPDX-License-Identifier: FSL-1.1-MIT
"""Parses the scripts and styles inside a page, in place, so that positions stay those of the file. Pure."""

from __future__ import annotations

from collections.abc import Container

from tree_sitter import Node, Parser

from conexus.parsing.grammars import grammar_of
from conexus.parsing.languages import Language
from conexus.parsing.positions import LineTable
from conexus.parsing.symbols import Extraction, extract
from conexus.values import dataclass

EMBEDDED_TEXT = "raw_text"
"""The node type that holds another language in the grammars of HTML, Vue and Svelte."""

_MAX_PARTS = 200  # a page with more is made by a program; the rest is searched as text
_BY_LANG = {"ts": "typescript", "typescript": "typescript", "tsx": "tsx", "jsx": "tsx", "css": "css", "postcss": "css"}
_SCRIPT_TYPES = frozenset({"", "module", "text/javascript", "application/javascript", "text/babel", "text/jsx"})
_STYLE_TYPES = frozenset({"", "text/css"})


@dataclass(frozen=True, slots=True)
class EmbeddedPart:
    """One script or style."""

    start: int
    end: int
    root: Node
    """Its own syntax tree, in bytes of the whole file."""
    found: Extraction


def parse_embedded(
    source: bytes, root: Node, lines: LineTable, language: Language, wanted: Container[str] = frozenset()
) -> list[EmbeddedPart]:
    """Return the parts of a file in the languages that ``language.embedded`` names, by position.

    Parts of an unknown kind (templates, data, style dialects) are left out.
    """
    defaults = dict(language.embedded)
    parts: list[EmbeddedPart] = []
    for element in _elements(root, frozenset(defaults)) if defaults else ():
        inner = _inner_language(source, element, defaults[element.type])
        content = next((node for node in element.named_children if node.type == EMBEDDED_TEXT), None)
        if inner is None or content is None or content.end_byte == content.start_byte:
            continue
        grammar = grammar_of(inner)
        parser = Parser(grammar.parser.language, included_ranges=[content.range])
        tree = parser.parse(source)
        found = extract(grammar, source, tree.root_node, lines, wanted)
        parts.append(EmbeddedPart(content.start_byte, content.end_byte, tree.root_node, found))
        if len(parts) == _MAX_PARTS:
            break
    return parts


def _elements(root: Node, types: frozenset[str]) -> list[Node]:
    found: list[Node] = []
    stack = [root]
    while stack:
        node = stack.pop()
        if node.type in types:
            found.append(node)
        else:
            stack.extend(reversed(node.named_children))
    return found


def _inner_language(source: bytes, element: Node, default: str) -> str | None:
    """The language that the attributes of an element ask for; ``None`` for one we do not read."""
    attributes: dict[str, str] = {}
    for node in element.named_children[0].named_children if element.named_child_count else ():
        if node.type == "attribute":
            key, _, value = source[node.start_byte : node.end_byte].decode("utf-8", "replace").partition("=")
            attributes[key.strip().lower()] = value.strip().strip("\"'").lower()
    if lang := attributes.get("lang"):
        return default if lang in {"js", "javascript"} else _BY_LANG.get(lang)
    kind = attributes.get("type", "")
    if "typescript" in kind:
        return "typescript"
    return default if kind in (_STYLE_TYPES if default == "css" else _SCRIPT_TYPES) else None
