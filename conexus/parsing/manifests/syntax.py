# SPDX-License-Identifier: FSL-1.1-MIT
"""Syntax trees of manifests that are programs, of which literals are read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from tree_sitter import Node, Parser
from tree_sitter_language_pack import get_language

from conexus.parsing.manifests.findings import Unreadable
from conexus.values import dataclass

if TYPE_CHECKING:
    from tree_sitter_language_pack import SupportedLanguage

_MAX_CHARS = 1_000_000
_MAX_NODES = 500_000
_CONTENT = frozenset({"string_content", "line_str_text", "quoted_content", "template_literal", "escape_sequence"})
_COMPUTED = frozenset({"interpolation", "interpolated_expression", "template_interpolation"})


@dataclass(frozen=True, slots=True)
class Syntax:
    """A tree and its text."""

    source: bytes
    root: Node

    def text(self, node: Node | None) -> str:
        """Return what is written at a node."""
        return self.source[node.start_byte : node.end_byte].decode("utf-8", "replace") if node is not None else ""

    def string(self, node: Node | None) -> str | None:
        """Return what a string literal holds; ``None`` for another node, and for one with something computed in it."""
        if node is None or "string" not in node.type:
            return None
        if any(child.type in _COMPUTED for child in node.named_children):
            return None
        return "".join(self.text(child) for child in node.named_children if child.type in _CONTENT)

    def nodes(self, *types: str) -> Iterator[Node]:
        """Yield the nodes of some types in the order of the text."""
        yield from nodes(self.root, *types)


def nodes(root: Node, *types: str) -> Iterator[Node]:
    """Yield the nodes of some types below one, itself included, in the order of the text."""
    stack, count = [root], 0
    while stack:
        node = stack.pop()
        count += 1
        if count > _MAX_NODES:
            raise Unreadable("it has too many parts")
        if node.type in types:
            yield node
        stack.extend(reversed(node.named_children))


def line_of(node: Node) -> int:
    """Return the line that a node begins on."""
    return node.start_point.row + 1


def read_syntax(grammar: str, text: str) -> Syntax:
    """Parse a manifest in a programming language.

    Raises:
        Unreadable: It is larger than any manifest.
    """
    if len(text) > _MAX_CHARS:
        raise Unreadable("it is too large")
    source = text.encode("utf-8", "replace")
    return Syntax(source, Parser(get_language(cast("SupportedLanguage", grammar))).parse(source).root_node)


__all__ = ["Syntax", "line_of", "nodes", "read_syntax"]
