# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds definitions, references and imports in a syntax tree. Pure.

Query files (``queries/<language>.scm``) say what is what:

- above the line ``;; references``, each pattern captures a whole definition under its kind
  (``@function``, ``@class``, any value of :class:`SymbolKind`) and its ``@name``. ``@container``
  in place of a kind gives a scope that is no symbol itself (Rust's ``impl``), and ``@skip`` leaves
  out what later patterns would take (``const fs = require("fs")``). ``@receiver`` names
  the scope where it stands in the definition (Go's methods, ``Foo::bar`` of C++). Where two
  patterns fit one name, the first of the file wins. ``@end`` is the last part of a definition of several
  nodes (Dart's functions), ``@open`` marks one that goes on to the next such (Perl's ``package``) and
  ``@clause`` one whose neighbours of the same name belong to it (Haskell's equations). Variables
  and constants right inside a function are its locals and left out;
- below it, ``@ref`` captures names that are used (called, extended, built) and ``@import``
  what is imported; ``@skip`` what looks like a use and is none. Where there is a ``@beside``, the name
  counts only if that begins right at its end.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from tree_sitter import Node, QueryCursor

from conexus.parsing.grammars import Grammar
from conexus.parsing.heads import QUOTES, documentation, signature, text_of
from conexus.parsing.positions import LineTable
from conexus.parsing.rust_imports import rust_imports
from conexus.types import Import, Reference, Symbol, SymbolKind
from conexus.values import dataclass

_KINDS = frozenset(kind.value for kind in SymbolKind)
_VALUES = frozenset({SymbolKind.VARIABLE, SymbolKind.CONSTANT})
_CALLABLE = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})
_NO_SYMBOL = frozenset({"container", "skip"})
_TYPE_LIKE = frozenset(
    {SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE, "container"}
)
_MAX_NAME_CHARS = 200
_MAX_SCOPE_CHARS = 1_000  # definitions can nest as deep as the file is long
_MAX_LINES_A_NAME = 50  # where a name is used more often in one file, the first lines will do
_MAX_CHILDREN_OF_ERROR = 10_000  # a tenth of a second
_RECEIVER_NOISE = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[*&()\s]|\b(?:mut|const|dyn|self)\b")
_IMPORT_WORD = re.compile(r"^import\s+")  # of Scala, where a path is no node
_WITH_WILDCARDS = frozenset({"import_declaration", "import_header"})  # of Java and Kotlin
_WILDCARDS = frozenset({"asterisk", "wildcard_import"})
_PATH_NODES = frozenset({"alias", "module", "package", "namespace_name", "bareword", "function"})
_SYMBOL_LITERALS = frozenset({"simple_symbol", "atom", "quoted_atom", "keyword", "hash_key_symbol"})


@dataclass(frozen=True, slots=True)
class Extraction:
    """What one syntax tree defines and uses."""

    symbols: tuple[Symbol, ...]
    references: tuple[Reference, ...]
    imports: tuple[Import, ...]
    wanted: tuple[Node, ...] = ()
    """The names among the references that were asked for, by position."""


@dataclass(frozen=True, slots=True)
class _Found:
    kind: str
    name: str
    receiver: str
    node: Node
    name_node: Node
    end: int
    is_clause: bool
    is_open: bool
    has_end: bool


_Captures: TypeAlias = Mapping[str, Sequence[Node]]


def extract(
    grammar: Grammar, source: bytes, root: Node, lines: LineTable, wanted: Container[str] = frozenset()
) -> Extraction:
    """Return the symbols of a tree by position, and what it refers to; nothing for a tree that is one large error.

    Args:
        grammar: Of the language.
        source: The text.
        root: Its syntax tree.
        lines: Its line table.
        wanted: Names whose nodes are returned too, where they are used.
    """
    if _is_hopeless(root):
        return Extraction((), (), ())
    definitions, uses = _matches(grammar, root)
    symbols = _nest(_definitions(source, definitions), source, lines)
    return Extraction(symbols, *_used(source, uses, wanted))


def _matches(grammar: Grammar, root: Node) -> tuple[list[tuple[int, _Captures]], list[_Captures]]:
    """Return the matches of definitions, each with the place of its pattern in the query file, and those of uses."""
    definitions: list[tuple[int, _Captures]] = []
    uses: list[_Captures] = []
    if grammar.root is not None:
        cursor = QueryCursor(grammar.root)
        cursor.set_max_start_depth(0)
        definitions += ((grammar.root_places[pattern], captures) for pattern, captures in cursor.matches(root))
    if grammar.anywhere is not None:
        count = len(grammar.places)
        for pattern, captures in QueryCursor(grammar.anywhere).matches(root):
            if pattern < count:
                definitions.append((grammar.places[pattern], captures))
            else:
                uses.append(captures)
    return definitions, uses


def _is_hopeless(root: Node) -> bool:
    """Whether an error holds so many nodes that a query, which takes their square in time, would not end."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node.is_error and node.child_count > _MAX_CHILDREN_OF_ERROR:
            return True
        if node.has_error:
            stack.extend(child for child in node.children if child.has_error)
    return False


def joined(parts: Sequence[Extraction]) -> Extraction:
    """Put what several parts of one file define and use together: symbols by position, references by name."""
    used: dict[str, set[int]] = {}
    for part in parts:
        for reference in part.references:
            used.setdefault(reference.name, set()).update(reference.lines)
    return Extraction(
        tuple(
            sorted(
                (symbol for part in parts for symbol in part.symbols),
                key=lambda symbol: (symbol.span.start_byte, -symbol.span.end_byte),
            )
        ),
        tuple(Reference(name, tuple(sorted(lines)[:_MAX_LINES_A_NAME])) for name, lines in used.items()),
        tuple(imported for part in parts for imported in part.imports),
    )


def _definitions(source: bytes, matches: Iterable[tuple[int, _Captures]]) -> list[_Found]:
    found: dict[tuple[int, str], tuple[int, _Found]] = {}
    for pattern, captures in matches:
        names = captures.get("name")
        kind = next((key for key in captures if key in _KINDS or key in _NO_SYMBOL), None)
        if not names or kind is None:
            continue
        receivers = captures.get("receiver")
        receiver = _RECEIVER_NOISE.sub("", text_of(source, receivers[0])) if receivers else ""
        name = " ".join(text_of(source, names[0]).split()).strip(QUOTES)[:_MAX_NAME_CHARS]
        if names[0].type in _SYMBOL_LITERALS:
            name = name.strip(": ").strip(QUOTES)
        if not receiver and names[0].type in _PATH_NODES:
            receiver, name = _split_path(name)
        if not name:
            continue
        node = captures[kind][0]
        key = (names[0].start_byte, name)
        if key not in found or pattern < found[key][0]:
            end = captures.get("end", [node])[0].end_byte
            marks = ("clause" in captures, "open" in captures, "end" in captures)
            item = _Found(kind, name, receiver, node, names[0], end, *marks)
            found[key] = (pattern, item)
    items = [item for _, item in found.values() if item.kind != "skip"]
    return sorted(_opened(items), key=lambda item: (item.node.start_byte, -item.end, item.name_node.start_byte))


def _split_path(name: str) -> tuple[str, str]:
    """The scope and the last part of a dotted name of a module."""
    scope, separator, last = name.replace("::", ".").replace("\\", ".").rpartition(".")
    return (scope, last) if separator and last else ("", name)


def _opened(items: list[_Found]) -> list[_Found]:
    """Let definitions marked as open go on to the next such one, or to the end of what they stand in."""
    starts = sorted(item.node.start_byte for item in items if item.is_open)
    result: list[_Found] = []
    for item in items:
        end = item.end
        if item.is_open and not item.has_end and item.node.parent is not None:
            following = bisect_right(starts, item.node.start_byte)
            end = min([item.node.parent.end_byte, *starts[following : following + 1]])
        result.append(item if end == item.end else replace(item, end=end))
    return result


def _nest(found: Iterable[_Found], source: bytes, lines: LineTable) -> tuple[Symbol, ...]:
    """Give each definition its enclosing ones; ``found`` is sorted by position, outer ones first."""
    symbols: list[Symbol] = []
    enclosing: list[tuple[_Found, str, str]] = []  # (definition, qualified name, kind)
    for item in found:
        # Several names of one definition (`a, b = 1`) are siblings.
        while enclosing and (enclosing[-1][0].end <= item.node.start_byte or enclosing[-1][0].node == item.node):
            enclosing.pop()
        parent, parent_kind = (enclosing[-1][1], enclosing[-1][2]) if enclosing else ("", "")
        if item.kind in _VALUES and parent_kind in _CALLABLE:
            continue
        if item.receiver:
            last = item.receiver.replace("::", ".").replace("->", ".").replace(":", ".").strip(".")
            parent, parent_kind = (f"{parent}.{last}" if parent and not parent.endswith(last) else last), "container"
        enclosing.append((item, _joined(parent, item.name.replace("::", ".")), item.kind))
        if item.kind == "container":
            continue
        kind = SymbolKind(item.kind)
        if kind is SymbolKind.FUNCTION and parent_kind in _TYPE_LIKE:
            kind = SymbolKind.METHOD
        symbol = Symbol(
            name=item.name,
            kind=kind,
            span=lines.span(item.node.start_byte, item.end),
            name_line=lines.line_of(item.name_node.start_byte),
            parent=parent,
            signature=signature(source, item.node),
            doc=documentation(source, item.node, kind),
        )
        if item.is_clause and symbols and _continues(symbols[-1], symbol):
            symbols[-1] = replace(symbols[-1], span=lines.span(symbols[-1].span.start_byte, item.end))
        else:
            symbols.append(symbol)
    return tuple(symbols)


def _continues(before: Symbol, symbol: Symbol) -> bool:
    """Whether a clause belongs to the definition before it: same name, and no documentation of its own."""
    same = (before.name, before.parent, before.kind) == (symbol.name, symbol.parent, symbol.kind)
    return same and (not symbol.doc or symbol.doc == before.doc)


def _joined(parent: str, name: str) -> str:
    if len(parent) > _MAX_SCOPE_CHARS:
        return parent
    return f"{parent}.{name}" if parent else name


def _start_of(node: Node) -> int:
    return node.start_byte


def _used(
    source: bytes, matches: Iterable[_Captures], wanted: Container[str]
) -> tuple[tuple[Reference, ...], tuple[Import, ...], tuple[Node, ...]]:
    captured = _captured(matches)
    used: dict[str, dict[int, None]] = {}
    found: list[Node] = []
    skipped = {node.start_byte for node in captured["skip"]}
    for node in sorted(captured["ref"], key=_start_of):
        if node.start_byte in skipped:
            continue
        name, form = text_of(source, node), node.type
        if form in _PATH_NODES or "::" in name:
            name = _split_path(name)[1]
        if form in _SYMBOL_LITERALS:
            name = name.strip(": ").strip(QUOTES)
        if len(name) <= _MAX_NAME_CHARS:
            lines = used.setdefault(name, {})
            if len(lines) < _MAX_LINES_A_NAME:
                lines[node.start_point.row + 1] = None
        if name in wanted:
            found.append(node)
    imports = {
        imported: None for node in sorted(captured["import"], key=_start_of) for imported in _targets(source, node)
    }
    return (
        tuple(Reference(name, tuple(sorted(lines))) for name, lines in used.items()),
        tuple(Import(target[:_MAX_NAME_CHARS], line) for target, line in sorted(imports, key=_line_of) if target),
        tuple(found),
    )


def _captured(matches: Iterable[_Captures]) -> Mapping[str, list[Node]]:
    """Return the nodes of all matches by what they are captured as."""
    found: dict[str, list[Node]] = {"ref": [], "import": [], "skip": []}
    for captures in matches:
        if "beside" in captures and captures["beside"][0].start_byte != captures["ref"][0].end_byte:
            continue
        for key, nodes in captures.items():
            if key in found:
                found[key] += nodes
    return found


def _line_of(imported: tuple[str, int]) -> int:
    return imported[1]


def _targets(source: bytes, node: Node) -> list[tuple[str, int]]:
    """Return what an import is of, with its line: of Python's ``from a import b, c`` it is ``a.b`` and ``a.c``."""
    if (of_rust := rust_imports(source, node)) is not None:
        return of_rust
    line = node.start_point.row + 1
    target = _imported(text_of(source, node))
    around = node.parent
    if around is not None and around.type in _WITH_WILDCARDS and any(one.type in _WILDCARDS for one in around.children):
        return [(f"{target}.*", line)]
    if around is not None and around.type == "namespace_use_clause":  # PHP's ``use Shop\\{Cart, Item}``
        return [(f"{_group_of(source, around)}{target}", line)]
    if around is not None and around.type == "dot":  # Elixir's ``alias Shop.{Cart, Item}``
        right = around.child_by_field_name("right")
        inner = [text_of(source, child) for child in right.named_children] if right is not None else []
        return [(f"{target}.{name}", line) for name in inner] or [(target, line)]
    if around is None or around.type != "import_from_statement":
        return [(target, line)]
    names = [text_of(source, name).split(" ", 1)[0] for name in around.children_by_field_name("name")]
    joint = "" if target.endswith(".") else "."
    return [(f"{target}{joint}{name}", line) for name in names] or [(target, line)]


def _group_of(source: bytes, clause: Node) -> str:
    """Return what stands before the braces that a clause of PHP is in, with what parts it from their names."""
    group = clause.parent
    if group is None or group.type != "namespace_use_group" or group.parent is None:
        return ""
    names = [child for child in group.parent.children if child.type == "namespace_name"]
    return f"{text_of(source, names[0])}\\" if names else ""


def _imported(text: str) -> str:
    target = _IMPORT_WORD.sub("", text.strip()).strip(QUOTES)
    return (target[1:-1] if target.startswith("<") else target)[:_MAX_NAME_CHARS]
