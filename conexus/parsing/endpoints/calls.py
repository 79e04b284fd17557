# SPDX-License-Identifier: FSL-1.1-MIT
"""Calls, decorators and annotations of a syntax tree in one form for all languages, and the texts they are given."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Final, cast

from tree_sitter import Node, Query, QueryCursor
from tree_sitter_language_pack import get_language

from conexus.parsing.endpoints.paths import PARAMETER, with_parameters
from conexus.parsing.languages import BY_NAME
from conexus.values import dataclass

if TYPE_CHECKING:
    from tree_sitter_language_pack import SupportedLanguage

_CALLS: Final = {
    "python": "(call) @call",
    "javascript": "(call_expression) @call (new_expression) @call",
    "typescript": "(call_expression) @call (new_expression) @call",
    "tsx": "(call_expression) @call (new_expression) @call",
    "go": "(call_expression) @call",
    "java": (
        "(method_invocation) @call (object_creation_expression) @call (annotation) @call (marker_annotation) @call"
    ),
    "csharp": "(invocation_expression) @call (object_creation_expression) @call (attribute) @call",
    "ruby": "(call) @call",
    "php": (
        "(function_call_expression) @call (member_call_expression) @call (scoped_call_expression) @call "
        "(attribute) @call"
    ),
    "rust": "(call_expression) @call (attribute_item (attribute) @call)",
}
_CALL_TYPES: Final = frozenset(re.findall(r"\((\w+)\) @call", " ".join(_CALLS.values())))
_PLAIN_CALLS: Final = frozenset({"call", "call_expression", "new_expression"})
_BEFORE_CALLS: Final = frozenset({"await_expression", "unary_expression", "non_null_expression"})
"""What TypeScript's grammar puts between a call with type arguments and its name: ``await f<T>(x)``."""
_MEMBERS: Final = frozenset({"attribute", "member_expression", "selector_expression"})
_TEXTS: Final = {
    "python": "(assignment left: (identifier) @name right: (string) @value)",
    "javascript": "(variable_declarator name: (identifier) @name value: [(string) (template_string)] @value)",
    "typescript": "(variable_declarator name: (identifier) @name value: [(string) (template_string)] @value)",
    "tsx": "(variable_declarator name: (identifier) @name value: [(string) (template_string)] @value)",
    "go": (
        "(const_spec name: (identifier) @name value: (expression_list . (interpreted_string_literal) @value)) "
        "(var_spec name: (identifier) @name value: (expression_list . (interpreted_string_literal) @value))"
    ),
    "java": "(variable_declarator name: (identifier) @name value: (string_literal) @value)",
    "csharp": "(variable_declarator name: (identifier) @name (string_literal) @value)",
    "ruby": "(assignment left: (constant) @name right: (string) @value)",
    "rust": "(const_item name: (identifier) @name value: (string_literal) @value)",
}
_STRINGS: Final = frozenset(
    "string template_string interpreted_string_literal raw_string_literal string_literal encapsed_string "
    "interpolated_string_expression verbatim_string_literal".split()
)
_CONTENT: Final = frozenset(
    "string_content string_fragment interpreted_string_literal_content raw_string_literal_content "
    "string_literal_content".split()
)
_SILENT: Final = frozenset({"string_start", "string_end", "interpolation_start", "heredoc_beginning"})
_BINARY: Final = frozenset({"binary_expression", "binary_operator", "binary"})
_WRAPPERS: Final = frozenset(
    "argument attribute_argument parenthesized_expression await_expression reference_expression "
    "unary_expression".split()
)
_CHAINS: Final = frozenset({"concatenated_string", "chained_string"})
_NAMES: Final = frozenset({"identifier", "constant", "field_access", "attribute", "member_expression"})
_NAMED: Final = frozenset({"keyword_argument", "element_value_pair", "pair"})
_FORMATS: Final = frozenset({"Sprintf", "format", "sprintf", "formatted"})
_ADDRESSES: Final = frozenset({"URI", "URL", "create", "parse", "Uri", "url", "uri"})
_MAX_DEPTH = 30
_MAX_CALLS = 20_000
_MAX_RECEIVER = 200
_BLANKS = re.compile(r"\s+")
_PARTS = re.compile(r"[.:\\]")
_GENERIC = re.compile(r"<.*$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """A call, decorator, annotation or attribute."""

    node: Node
    receiver: str
    """What it is called on, as it is written without blanks: ``self.client``; empty where there is nothing."""
    name: str
    arguments: tuple[Node, ...]
    """Those without a name."""
    named: Mapping[str, Node]
    is_annotation: bool
    receiver_node: Node | None = None

    @property
    def line(self) -> int:
        """The line that it begins on; of a chain, that of its name."""
        arguments = self.node.child_by_field_name("arguments")
        return (arguments or self.node).start_point.row + 1

    @property
    def root(self) -> str:
        """The last name of the receiver: ``client`` of ``self.client``."""
        return re.split(r"[.:>]", self.receiver)[-1].lstrip("$@_")


class Code:
    """A syntax tree with what texts its names stand for.

    Args:
        language: One that there are queries for.
        source: The text.
        root: The tree.
    """

    def __init__(self, language: str, source: bytes, root: Node) -> None:
        self.language = language
        self._source = source
        self._root = root
        self._known: dict[str, str] | None = None

    def text(self, node: Node | None) -> str:
        """Return what is written at a node."""
        return self._source[node.start_byte : node.end_byte].decode("utf-8", "replace") if node is not None else ""

    def calls(self, names: Container[str] | None = None) -> list[Call]:
        """Return the calls of the file by position; a limit keeps files that programs write from taking long.

        Args:
            names: What is called; whatever it is where ``None``.
        """
        found = QueryCursor(_query(self.language, _CALLS[self.language])).captures(self._root).get("call", [])
        return self._sorted(found if names is None else [node for node in found if self._name(node) in names])

    def calls_of(self, names: Iterable[Node]) -> list[Call]:
        """Return the calls, by position, that some of these nodes are the names in: they are found sooner by these."""
        return self._sorted([call for name in names if (call := _call_of(name)) is not None])

    def _sorted(self, found: list[Node]) -> list[Call]:
        found.sort(key=_by_place)
        return [call for node in found[:_MAX_CALLS] if (call := self.call(node)) is not None]

    def _name(self, node: Node) -> str:
        target, _ = _target(node)
        name = _GENERIC.sub("", self.text(target)) if target is not None else ""
        return _PARTS.split(name)[-1]

    def call(self, node: Node) -> Call | None:
        """Return a node as a call, if it is one."""
        target, receiver = _target(node)
        if target is None:
            return None
        name = _GENERIC.sub("", self.text(target))[:_MAX_RECEIVER]
        if "::" in name or "\\" in name or (node.type in {"annotation", "marker_annotation"} and "." in name):
            scope, _, name = name.replace("\\", "::").replace(".", "::").rpartition("::")
        else:
            scope = self.text(receiver)[-_MAX_RECEIVER:] if receiver is not None else ""
        positional: list[Node] = []
        named: dict[str, Node] = {}
        for argument in _arguments(node):
            key, value = self._argument(argument)
            if key:
                named[key] = value
            else:
                positional.append(value)
        is_annotation = node.type in {"annotation", "marker_annotation", "attribute"} or (
            node.parent is not None and node.parent.type == "decorator"
        )
        return Call(node, _BLANKS.sub("", scope), name, tuple(positional), named, is_annotation, receiver)

    def _argument(self, node: Node) -> tuple[str, Node]:
        if node.type in _NAMED and len(node.named_children) > 1:
            return self.text(node.named_children[0]).strip(":\"'"), node.named_children[-1]
        if node.type in {"argument", "attribute_argument"} and node.named_children:
            name = node.child_by_field_name("name")
            if name is None and len(node.named_children) > 1 and node.named_children[0].type in {"name", "identifier"}:
                name = node.named_children[0]
            return self.text(name), node.named_children[-1]
        return "", node

    def template(self, node: Node | None, depth: int = 0) -> str | None:
        """Return the text of an expression with ``{}`` for what is computed; ``None`` where all of it is."""
        if node is None or depth > _MAX_DEPTH:
            return None
        kind = node.type
        if kind in _STRINGS:
            found: str | None = self._string(node)
        elif kind in _WRAPPERS and node.named_children:
            found = self.template(node.named_children[-1], depth + 1)
        elif kind in _BINARY:
            found = self._joined(node, depth)
        elif kind in _CHAINS:
            found = "".join(self.template(child, depth + 1) or PARAMETER for child in node.named_children)
        elif kind in _NAMES:
            found = self._texts.get(self.text(node).rpartition(".")[2])
        else:
            found = self._made(node, depth)
        return found

    def texts(self, node: Node | None) -> list[str]:
        """Return the texts of a list, or of one expression; what is computed is left out."""
        if node is None:
            return []
        single = self.template(node)
        if single is not None:
            return [single]
        return [text for child in node.named_children if (text := self.template(child)) is not None]

    def _string(self, node: Node) -> str:
        written = self.text(node)
        if not node.named_children:
            return written.strip("`\"'@$")
        parts: list[str] = []
        for child in node.named_children:
            if child.type in _CONTENT:
                parts.append(self.text(child))
            elif child.type == "escape_sequence":
                parts.append(self.text(child)[1:])
            elif child.type not in _SILENT:
                inner = child.named_children[-1] if len(child.named_children) == 1 else None
                known = self._texts.get(self.text(inner)) if inner is not None and inner.type in _NAMES else None
                parts.append(PARAMETER if known is None else known)
        return "".join(parts)

    def _joined(self, node: Node, depth: int) -> str | None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.text(node.child_by_field_name("operator"))
        first = self.template(left, depth + 1)
        if operator == "%" and first is not None:
            return with_parameters(first)
        if operator not in {"+", "."}:
            return None
        second = self.template(right, depth + 1)
        if first is None and second is None:
            return None
        return (PARAMETER if first is None else first) + (PARAMETER if second is None else second)

    def _made(self, node: Node, depth: int) -> str | None:
        """Return the text that a call makes of a format or an address."""
        if node.type == "macro_invocation" and self.text(node.child_by_field_name("macro")) == "format":
            inner = next((child for tree in node.named_children[1:] for child in tree.named_children), None)
            return self.template(inner, depth + 1)
        call = self.call(node) if node.type in _CALL_TYPES else None
        if call is None:
            return None
        if call.name in _FORMATS:
            given = call.arguments[0] if call.receiver in {"fmt", "String", "string", ""} and call.arguments else None
            text = self.template(given or call.receiver_node, depth + 1)
            return with_parameters(text) if text is not None else None
        if call.name in _ADDRESSES and call.arguments:
            return self.template(call.arguments[0], depth + 1)
        if call.name == "join" and call.receiver in {"path", "url", "urllib.parse"} and len(call.arguments) > 1:
            return "/".join((self.template(one, depth + 1) or PARAMETER).strip("/") for one in call.arguments)
        return None

    @property
    def _texts(self) -> Mapping[str, str]:
        """What names of the file stand for that are given one text."""
        if self._known is None:
            self._known = {}  # what such a text is made of itself counts as computed
            known: dict[str, str | None] = {}
            query = _TEXTS.get(self.language)
            for _, captures in QueryCursor(_query(self.language, query)).matches(self._root) if query else ():
                name, value = self.text(captures["name"][0]), self._string(captures["value"][0])
                known[name] = value if known.get(name, value) == value else None
            self._known = {name: value for name, value in known.items() if value is not None}
        return self._known

    def assigned(self, call: Call) -> str:
        """Return the name that the result of a call is given, or nothing."""
        node: Node | None = call.node.parent
        for _ in range(3):
            if node is None:
                return ""
            if node.type in {"assignment", "assignment_expression", "short_var_declaration", "assignment_statement"}:
                return self.text(node.child_by_field_name("left")).partition(",")[0].strip().rpartition(".")[2]
            if node.type in {"variable_declarator", "let_declaration", "var_spec"}:
                name = node.child_by_field_name("name") or node.child_by_field_name("pattern")
                return self.text(name).removeprefix("mut ")
            node = node.parent if node.type in {"expression_list", "await_expression", "equals_value_clause"} else None
        return ""


def ancestors(node: Node) -> Iterator[Node]:
    """Yield what a node is in, inner ones first."""
    around = node.parent
    while around is not None:
        yield around
        around = around.parent


def _call_of(name: Node) -> Node | None:
    """Return the call that has a node as its name, in a language whose calls have a function or a constructor."""
    function, call = name, name.parent
    if call is not None and call.type in _MEMBERS:
        function, call = call, call.parent
    if call is not None and call.type in _BEFORE_CALLS:
        function, call = call, call.parent
    if call is None or call.type not in _PLAIN_CALLS:
        return None
    called = call.child_by_field_name("function") or call.child_by_field_name("constructor")
    return call if called == function else None


def _by_place(node: Node) -> tuple[int, int]:
    return node.start_byte, -node.end_byte


def _target(node: Node) -> tuple[Node | None, Node | None]:
    """Return the nodes of a call's name and of what it is called on."""
    if node.type == "attribute" and node.child_by_field_name("name") is None:  # of Rust and PHP
        return (node.named_children[0] if node.named_children else None), None
    function = (
        node.child_by_field_name("function")
        or node.child_by_field_name("constructor")
        or node.child_by_field_name("name")
        or node.child_by_field_name("method")
        or node.child_by_field_name("type")
    )
    if function is None:
        return None, None
    if function.type in _BEFORE_CALLS and function.named_children:
        function = function.named_children[-1]
    for name, receiver in (
        ("attribute", "object"),  # Python
        ("property", "object"),  # JavaScript
        ("field", "operand"),  # Go
        ("field", "value"),  # Rust
        ("name", "expression"),  # C#
    ):
        if (last := function.child_by_field_name(name)) is not None:
            before = function.child_by_field_name(receiver)
            if before is not None:
                return last, before
    before = node.child_by_field_name("object") or node.child_by_field_name("receiver")
    return function, before or node.child_by_field_name("scope")


def _arguments(node: Node) -> list[Node]:
    given = node.child_by_field_name("arguments") or node.child_by_field_name("parameters")
    if given is None:
        given = next((child for child in node.named_children if child.type.endswith("argument_list")), None)
    return [child for child in given.named_children if "comment" not in child.type] if given is not None else []


@cache
def _query(language: str, text: str) -> Query:
    return Query(get_language(cast("SupportedLanguage", BY_NAME[language].grammar)), text)


__all__ = ["Call", "Code", "ancestors"]
