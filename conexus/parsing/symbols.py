"""Finds definitions, references and imports in a syntax tree. Pure.

Query files (``queries/<language>.scm``) say what is what:

- above the line ``;; references``, each pattern captures a whole definition under its kind
  (``@function``, ``@class``, any value of :class:`SymbolKind`) and its ``@name``. ``@container``
  in place of a kind gives a scope that is no symbol itself (Rust's ``impl``). ``@receiver`` names
  the scope where it stands in the definition (Go's methods, ``Foo::bar`` of C++);
- below it, ``@ref`` captures names that are used (called, extended, built) and ``@import``
  what is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tree_sitter import Node, QueryCursor

from conexus.parsing.grammars import Grammar
from conexus.parsing.positions import LineTable
from conexus.types import Import, Reference, Symbol, SymbolKind

_KINDS = frozenset(kind.value for kind in SymbolKind)
_TYPE_LIKE = frozenset(
    {SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE, "container"}
)
_ONE_LINERS = frozenset({SymbolKind.FIELD, SymbolKind.CONSTANT, SymbolKind.VARIABLE, SymbolKind.KEY})
_MAX_NAME_CHARS = 200
_MAX_SIGNATURE_CHARS = 200
_MAX_DOC_CHARS = 300
_MAX_LINES_A_NAME = 50  # where a name is used more often in one file, the first lines will do
_SPACE = re.compile(r"\s+")
_LINE_COMMENT = re.compile(r"(?:^|\s)(?:#|//)\s.*")
_RECEIVER_NOISE = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[*&()\s]|\b(?:mut|const|dyn|self)\b")
_QUOTES = "\"'`"
_COMMENT_MARK = re.compile(
    r"^\s*(?:/\*[*!]?|\*/|\*(?!\*)|///?!?|#+!?|--+\|?|;+|%+|\"{3}|'{3}|\(\*+|<!--)[ \t]?"
    r"|\s*(?:\*+/|\*\)|-->|\"{3}|'{3})\s*$"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`(\[])")
_WRAPPERS = frozenset(
    "export_statement decorated_definition template_declaration ambient_declaration expression_statement "
    "lexical_declaration variable_declaration declaration type_declaration const_declaration var_declaration "
    "visibility_modifier class_member value_definition type_definition".split()
)
_FIELDS_TO_BODY = ("", "value", "right", "type")  # "" is the definition itself
_BETWEEN_DOC_AND_NAME = frozenset({"attribute_item", "attribute", "annotation", "decorator", "modifiers", "signature"})


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one syntax tree defines and uses."""

    symbols: tuple[Symbol, ...]
    references: tuple[Reference, ...]
    imports: tuple[Import, ...]


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    name: str
    receiver: str
    node: Node
    name_node: Node


def extract(grammar: Grammar, source: bytes, root: Node, lines: LineTable) -> Extraction:
    """Return the symbols of a tree by position, and what it refers to."""
    symbols = _nest(_definitions(grammar, source, root), source, lines)
    references, imports = _uses(grammar, source, root)
    return Extraction(symbols, references, imports)


def _text(source: bytes, node: Node) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _definitions(grammar: Grammar, source: bytes, root: Node) -> list[_Found]:
    if grammar.definitions is None:
        return []
    found: dict[tuple[int, str], tuple[int, _Found]] = {}
    for pattern, captures in QueryCursor(grammar.definitions).matches(root):
        names = captures.get("name")
        kind = next((key for key in captures if key in _KINDS or key == "container"), None)
        if not names or kind is None:
            continue
        name = _SPACE.sub(" ", _text(source, names[0])).strip().strip(_QUOTES)[:_MAX_NAME_CHARS]
        if not name:
            continue
        receivers = captures.get("receiver")
        receiver = _RECEIVER_NOISE.sub("", _text(source, receivers[0])) if receivers else ""
        node = captures[kind][0]
        key = (names[0].start_byte, name)
        # The first pattern of a query file wins where two fit one name.
        if key not in found or pattern < found[key][0]:
            found[key] = (pattern, _Found(kind, name, receiver, node, names[0]))
    return sorted(
        (item for _, item in found.values()),
        key=lambda item: (item.node.start_byte, -item.node.end_byte, item.name_node.start_byte),
    )


def _nest(found: Iterable[_Found], source: bytes, lines: LineTable) -> tuple[Symbol, ...]:
    """Give each definition its enclosing ones; ``found`` is sorted by position, outer ones first."""
    symbols: list[Symbol] = []
    enclosing: list[tuple[Node, str, str]] = []  # (definition, qualified name, kind)
    for item in found:
        # Several names of one definition (`a, b = 1`) are siblings.
        while enclosing and (enclosing[-1][0].end_byte <= item.node.start_byte or enclosing[-1][0] == item.node):
            enclosing.pop()
        parent, parent_kind = (enclosing[-1][1], enclosing[-1][2]) if enclosing else ("", "")
        if item.receiver:
            last = item.receiver.replace("::", ".").replace("->", ".").replace(":", ".").strip(".")
            parent, parent_kind = (f"{parent}.{last}" if parent and not parent.endswith(last) else last), "container"
        enclosing.append((item.node, _joined(parent, item.name), item.kind))
        if item.kind == "container":
            continue
        kind = SymbolKind(item.kind)
        if kind is SymbolKind.FUNCTION and parent_kind in _TYPE_LIKE:
            kind = SymbolKind.METHOD
        symbols.append(
            Symbol(
                name=item.name,
                kind=kind,
                span=lines.span(item.node.start_byte, item.node.end_byte),
                name_line=lines.line_of(item.name_node.start_byte),
                parent=parent,
                signature=_signature(source, item.node),
                doc=_documentation(source, item.node, kind),
            )
        )
    return tuple(symbols)


def _joined(parent: str, name: str) -> str:
    return f"{parent}.{name}" if parent else name


def _signature(source: bytes, node: Node) -> str:
    """The definition up to its body, on one line."""
    body = _body(node)
    end = body.start_byte if body is not None and body.start_byte > node.start_byte else node.end_byte
    head = source[node.start_byte : min(end, node.start_byte + 4 * _MAX_SIGNATURE_CHARS)].decode("utf-8", "replace")
    if body is None:
        head = _first_line(head)
    head = _LINE_COMMENT.sub("", head)
    return _SPACE.sub(" ", head).strip().rstrip("{:=").rstrip()[:_MAX_SIGNATURE_CHARS]


def _body(node: Node) -> Node | None:
    """The body of a definition, or of the function or type that a name stands for."""
    for field in _FIELDS_TO_BODY:
        inner = node.child_by_field_name(field) if field else node
        body = inner.child_by_field_name("body") if inner is not None else None
        if body is not None:
            return body
    return None


def _first_line(head: str) -> str:
    """The first line, or more where a parenthesis is left open at its end: parameters on lines of their own."""
    end = head.find("\n")
    if end > 0 and head[:end].rstrip().endswith("(") and (close := head.find(")", end)) > 0:
        end = head.find("\n", close)
    return head if end < 0 else head[:end]


def _documentation(source: bytes, node: Node, kind: SymbolKind) -> str:
    text = _docstring(source, node) or _comment_before(source, node)
    if not text and kind in _ONE_LINERS:
        text = _comment_after(source, node)
    if not text:
        return ""
    plain: list[str] = []
    for line in text.splitlines():
        stripped = _COMMENT_MARK.sub("", _COMMENT_MARK.sub("", line)).strip()
        if not stripped and plain:
            break
        if stripped:
            plain.append(stripped)
    return _SENTENCE_END.split(" ".join(plain), maxsplit=1)[0][:_MAX_DOC_CHARS]


def _docstring(source: bytes, node: Node) -> str:
    """Python's way: a string that is the first statement of the body."""
    body = node.child_by_field_name("body")
    first = body.named_child(0) if body is not None and body.type == "block" and body.named_child_count else None
    if first is not None and first.type == "expression_statement" and first.named_child_count:
        first = first.named_child(0)
    if first is None or first.type != "string":
        return ""
    return _text(source, first).lstrip("rRuUbBfF").strip("\"'")


def _comment_before(source: bytes, node: Node) -> str:
    """Every other language's way: comments right above the definition."""
    while (parent := node.parent) is not None and parent.parent is not None:
        if parent.type not in _WRAPPERS and parent.start_byte != node.start_byte:
            break
        node = parent
    comments: list[str] = []
    below = node
    before = node.prev_sibling
    while before is not None and (before.type in _BETWEEN_DOC_AND_NAME or "comment" in before.type):
        if before.end_point.row + 1 < below.start_point.row:  # a blank line between
            break
        if "comment" in before.type:
            if _is_trailing(before):
                break
            comments.append(_text(source, before)[: 8 * _MAX_DOC_CHARS])
        below, before = before, before.prev_sibling
    return "\n".join(reversed(comments))


def _is_trailing(comment: Node) -> bool:
    """Whether a comment stands on the line of what comes before it, and so belongs to that."""
    before = comment.prev_sibling
    if before is None or "comment" in before.type or not before.end_point.column:
        return False
    return before.end_point.row == comment.start_point.row


def _comment_after(source: bytes, node: Node) -> str:
    """The way of fields and constants: a comment on the same line, or Python's string below."""
    row = node.end_point.row
    below = node.next_sibling if node.type == "assignment" else None
    if below is not None and below.type == "string" and below.start_point.row == row + 1:
        return _text(source, below).strip(_QUOTES)
    while node.next_sibling is None and node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    after = node.next_sibling
    while after is not None and after.start_point.row == row:
        if "comment" in after.type:
            return _text(source, after).lstrip("/*!<# ").removesuffix("*/").strip()
        if after.type not in {",", ";"}:
            break
        after = after.next_sibling
    return ""


def _uses(grammar: Grammar, source: bytes, root: Node) -> tuple[tuple[Reference, ...], tuple[Import, ...]]:
    if grammar.references is None:
        return (), ()
    captures = QueryCursor(grammar.references).captures(root)
    used: dict[str, dict[int, None]] = {}
    for node in captures.get("ref", ()):
        name = _text(source, node)
        if len(name) <= _MAX_NAME_CHARS:
            lines = used.setdefault(name, {})
            if len(lines) < _MAX_LINES_A_NAME:
                lines[node.start_point.row + 1] = None
    imports = {
        (_text(source, node).strip().strip(_QUOTES + "<>")[:_MAX_NAME_CHARS], node.start_point.row + 1): None
        for node in captures.get("import", ())
    }
    return (
        tuple(Reference(name, tuple(sorted(lines))) for name, lines in used.items()),
        tuple(Import(target, line) for target, line in sorted(imports, key=lambda item: item[1]) if target),
    )
