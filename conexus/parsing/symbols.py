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
  what is imported; ``@skip`` what looks like a use and is none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tree_sitter import Node, QueryCursor

from conexus.parsing.grammars import Grammar
from conexus.parsing.positions import LineTable
from conexus.types import Import, Reference, Symbol, SymbolKind

_KINDS = frozenset(kind.value for kind in SymbolKind)
_VALUES = frozenset({SymbolKind.VARIABLE, SymbolKind.CONSTANT})
_CALLABLE = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD})
_NO_SYMBOL = frozenset({"container", "skip"})
_TYPE_LIKE = frozenset(
    {SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE, "container"}
)
_ONE_LINERS = frozenset({SymbolKind.FIELD, SymbolKind.CONSTANT, SymbolKind.VARIABLE, SymbolKind.KEY})
_MAX_NAME_CHARS = 200
_MAX_SCOPE_CHARS = 1_000  # definitions can nest as deep as the file is long
_MAX_SIGNATURE_CHARS = 200
_MAX_DOC_CHARS = 300
_MAX_LINES_A_NAME = 50  # where a name is used more often in one file, the first lines will do
_MAX_CHILDREN_OF_ERROR = 10_000  # a tenth of a second
_SPACE = re.compile(r"\s+")
_LINE_COMMENT = re.compile(r"(?:^|\s)(?:#|//)\s.*")
_RECEIVER_NOISE = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|[*&()\s]|\b(?:mut|const|dyn|self)\b")
_QUOTES = "\"'`"
_COMMENT_MARK = re.compile(
    r"^\s*(?:/\*[*!]?|\*/|\*(?!\*)|///?!?|#+[!']?|\{-\s*\|?|--+(?:\s*[|^](?=\s))?|;+|%+|\"{3}|'{3}|\(\*+|<!--)[ \t]?"
    r"|\s*(?:\*+/|\*\)|-->|-\}|\"{3}|'{3})\s*$"
)
_IMPORT_WORD = re.compile(r"^import\s+")  # of Scala, where a path is no node
_PATH_NODES = frozenset({"alias", "module", "package", "namespace_name", "bareword", "function"})
_DOCUMENTED = (b"@type", b"@opaque", b"@callback", b"@macrocallback")  # attributes of Elixir
_DOCUMENTED_BELOW = frozenset(
    {"value_specification", "external", "exception_definition", "module_type_definition", "type_binding"}
)
_DOC_LEAD = re.compile(r"^[@\\](?:brief|title|description|summary|short)\s+")
_SIGNATURE_IN_DOC = re.compile(r"^\s*\n(?:(?: {4}|\t).*\n)+")  # Julia's doc strings begin with one
_POD_COMMAND = re.compile(r"^=.*$", re.MULTILINE)
_SYMBOL_LITERALS = frozenset({"simple_symbol", "atom", "quoted_atom", "keyword", "hash_key_symbol"})
_ATTRIBUTE_STRING = re.compile(r"@\w+\s*\(?\s*(?:~[a-zA-Z])?(?:\"{3}|\"|'{3}|')(.*)", re.DOTALL)
_XML_REFERENCE = re.compile(r"<(?:see|paramref|typeparamref)\s+\w+=\"(?:\w:)?([^\"]*)\"\s*/>")
_XML_TAG = re.compile(r"</?(?:summary|para|c|p|br|code|inheritdoc)\s*/?>|<(?=(?:param|returns|remarks)\b)")
_DOC_TAGS = (
    "@param",
    "@return",
    "@throws",
    "@see",
    "@since",
    "\\param",
    "\\return",
    "- Parameter",
    "param name=",
    "returns>",
    "@tparam",
    "@treturn",
    "@var",
    "@module",
    "@field",
    "@raise",
    "@usage",
    "@export",
    "@inheritParams",
    "@examples",
    "@seealso",
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`(\[])")
_WRAPPERS = frozenset(
    "export_statement decorated_definition template_declaration ambient_declaration expression_statement "
    "lexical_declaration variable_declaration declaration type_declaration const_declaration "
    "var_declaration visibility_modifier class_member value_definition type_definition module_definition "
    "class_type_definition class_definition macro_argument_list macrocall_expression".split()
)
_KEYWORDS = frozenset(
    {"const", "let", "type", "var", "module", "class", "rec", "nonrec", "and"}
)  # of a definition that is the first of its declaration
_FIELDS_TO_BODY = ("", "value", "right", "type", "rhs")  # "" is the definition itself
_BETWEEN_DOC_AND_NAME = frozenset(
    {
        "attribute_item",
        "attribute",
        "annotation",
        "decorator",
        "modifiers",
        "signature",
        "pub",
        "const_builtin",
        "final_builtin",
        "inferred_type",
    }
)


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
    end: int
    is_clause: bool
    is_open: bool
    has_end: bool


def extract(grammar: Grammar, source: bytes, root: Node, lines: LineTable) -> Extraction:
    """Return the symbols of a tree by position, and what it refers to; nothing for a tree that is one large error."""
    if _is_hopeless(root):
        return Extraction((), (), ())
    symbols = _nest(_definitions(grammar, source, root), source, lines)
    references, imports = _uses(grammar, source, root)
    return Extraction(symbols, references, imports)


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


def _text(source: bytes, node: Node) -> str:
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _definitions(grammar: Grammar, source: bytes, root: Node) -> list[_Found]:
    if grammar.definitions is None:
        return []
    found: dict[tuple[int, str], tuple[int, _Found]] = {}
    for pattern, captures in QueryCursor(grammar.definitions).matches(root):
        names = captures.get("name")
        kind = next((key for key in captures if key in _KINDS or key in _NO_SYMBOL), None)
        if not names or kind is None:
            continue
        receivers = captures.get("receiver")
        receiver = _RECEIVER_NOISE.sub("", _text(source, receivers[0])) if receivers else ""
        name = _SPACE.sub(" ", _text(source, names[0])).strip().strip(_QUOTES)[:_MAX_NAME_CHARS]
        if names[0].type in _SYMBOL_LITERALS:
            name = name.strip(": ").strip(_QUOTES)
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
        enclosing.append((item, _joined(parent, item.name), item.kind))
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
            signature=_signature(source, item.node),
            doc=_documentation(source, item.node, kind),
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


def _signature(source: bytes, node: Node) -> str:
    """The definition up to its body, on one line."""
    body = _body(node)
    end = body.start_byte if body is not None and body.start_byte > node.start_byte else node.end_byte
    start, keyword = node.start_byte, node.prev_sibling
    while keyword is not None and keyword.type in _KEYWORDS:
        start, keyword = keyword.start_byte, keyword.prev_sibling
    head = source[start : min(end, start + 4 * _MAX_SIGNATURE_CHARS)].decode("utf-8", "replace")
    if body is None:
        head = _first_line(head)
    head = _LINE_COMMENT.sub("", head)
    return _SPACE.sub(" ", head).strip().removesuffix("=>").rstrip("{:=; ")[:_MAX_SIGNATURE_CHARS]


def _body(node: Node) -> Node | None:
    """The body of a definition, or of the function or type that a name stands for."""
    for field in _FIELDS_TO_BODY:
        inner = node.child_by_field_name(field) if field else node
        body = inner.child_by_field_name("body") if inner is not None else None
        if body is not None:
            return body
    return next((child for child in node.children if child.type in {"do_block", "Block"}), None)


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
    if not text and node.type in _DOCUMENTED_BELOW:
        text = _comment_below(source, node)
    if not text:
        return ""
    plain: list[str] = []
    for line in text.splitlines():
        stripped = _COMMENT_MARK.sub("", _COMMENT_MARK.sub("", line)).strip()
        if "<" in stripped:
            stripped = _XML_TAG.sub("", _XML_REFERENCE.sub(r"\1", stripped)).strip()
        told = _DOC_LEAD.sub("", stripped)
        if stripped.startswith(_DOC_TAGS) or (plain and (told != stripped or not stripped)):
            break
        stripped = told
        if stripped:
            plain.append(stripped)
    return _SENTENCE_END.split(" ".join(plain), maxsplit=1)[0][:_MAX_DOC_CHARS]


def _docstring(source: bytes, node: Node) -> str:
    """Python's way: a string that is the first statement of the body; Elixir's: an attribute that is."""
    body = _body(node) if node.type == "call" else node.child_by_field_name("body")
    if body is not None and body.type == "do_block" and body.named_child_count:
        return _attribute_text(source, body.named_children[0], b"@moduledoc")
    first = body.named_child(0) if body is not None and body.type == "block" and body.named_child_count else None
    if first is not None and first.type == "expression_statement" and first.named_child_count:
        first = first.named_child(0)
    if first is None or first.type != "string":
        return ""
    return _text(source, first).lstrip("rRuUbBfF").strip("\"'")


def _comment_before(source: bytes, node: Node) -> str:
    """Every other language's way: comments right above the definition, or above what it is the first part of."""
    while not (text := _comment_above(source, node)):
        parent = node.parent
        if parent is None or parent.parent is None or _is_one_of_several(node):
            break
        if parent.type not in _WRAPPERS and parent.start_byte != node.start_byte:
            break
        node = parent
    return text


def _is_one_of_several(node: Node) -> bool:
    """Whether a definition of the same form stands before it, as in a group of Go's constants."""
    before = node.prev_named_sibling
    while before is not None and is_comment(before):
        before = before.prev_named_sibling
    return before is not None and before.type == node.type


def _comment_above(source: bytes, node: Node) -> str:
    comments: list[str] = []
    below = node
    before = _node_before(node)
    if before is not None and before.type == "string_literal" and _last_row(before) + 1 == node.start_point.row:
        return _SIGNATURE_IN_DOC.sub("", _text(source, before)[: 8 * _MAX_DOC_CHARS].strip(_QUOTES))
    while before is not None and (is_comment(before) or before.type in _BETWEEN_DOC_AND_NAME or _is_attribute(before)):
        if _last_row(before) + 1 + (before.type == "pod") < below.start_point.row:  # a blank line between
            break
        if is_comment(before):
            if _is_trailing(before) or source.startswith(b"#!", before.start_byte):
                break
            text = _text(source, before)[: 8 * _MAX_DOC_CHARS]
            comments.append(_POD_COMMAND.sub("", text) if before.type == "pod" else text)
        elif text := _attribute_text(source, before, b"@doc", b"@typedoc"):
            return text if not _is_attribute(node) or source.startswith(_DOCUMENTED, node.start_byte) else ""
        elif _is_attribute(node):
            break
        below, before = before, before.prev_sibling
    return "\n".join(reversed(comments))


def _comment_below(source: bytes, node: Node) -> str:
    """The way of OCaml's interfaces: a comment right below, where a blank line or the end follows it."""
    after = node.next_sibling or (node.parent.next_sibling if node.parent is not None else None)
    if after is None or not is_comment(after) or after.start_point.row > node.end_point.row + 1:
        return ""
    following = after.next_named_sibling
    if following is not None and following.start_point.row <= after.end_point.row + 1:
        return ""
    return _text(source, after)


def is_comment(node: Node) -> bool:
    """Whether a node is a comment of any kind, as Haskell's ``haddock`` and Perl's ``pod`` are too."""
    return "comment" in node.type or node.type in {"haddock", "pod"}


def _node_before(node: Node) -> Node | None:
    """The sibling before a node, or the comment at its end: Haskell's imports take in what follows them."""
    before = node.prev_sibling
    if before is not None and before.child_count and not is_comment(before) and is_comment(before.children[-1]):
        return before.children[-1]
    return before


def _last_row(node: Node) -> int:
    """The last row that a node has text on; some comments take in the end of their line."""
    return node.end_point.row - (not node.end_point.column)


def _is_attribute(node: Node) -> bool:
    """Whether a node is an attribute of Elixir: ``@spec``, ``@doc``."""
    return node.type == "unary_operator" and node.child_count > 0 and node.children[0].type == "@"


def _attribute_text(source: bytes, node: Node, *names: bytes) -> str:
    """The string that an attribute of Elixir holds, if it has one of these names."""
    if not _is_attribute(node) or not source.startswith(names, node.start_byte):
        return ""
    match = _ATTRIBUTE_STRING.match(_text(source, node)[: 8 * _MAX_DOC_CHARS])
    return match[1].rstrip(_QUOTES) if match else ""


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


def _start_of(node: Node) -> int:
    return node.start_byte


def _uses(grammar: Grammar, source: bytes, root: Node) -> tuple[tuple[Reference, ...], tuple[Import, ...]]:
    if grammar.references is None:
        return (), ()
    captures = QueryCursor(grammar.references).captures(root)
    used: dict[str, dict[int, None]] = {}
    skipped = {node.start_byte for node in captures.get("skip", ())}
    # The captures of one name come in no order that can be relied on.
    for node in sorted(captures.get("ref", ()), key=_start_of):
        if node.start_byte in skipped:
            continue
        name = _text(source, node)
        if node.type in _PATH_NODES or "::" in name:
            name = _split_path(name)[1]
        if node.type in _SYMBOL_LITERALS:
            name = name.strip(": ").strip(_QUOTES)
        if len(name) <= _MAX_NAME_CHARS:
            lines = used.setdefault(name, {})
            if len(lines) < _MAX_LINES_A_NAME:
                lines[node.start_point.row + 1] = None
    imports = {
        (_imported(_text(source, node)), node.start_point.row + 1): None
        for node in sorted(captures.get("import", ()), key=_start_of)
    }
    return (
        tuple(Reference(name, tuple(sorted(lines))) for name, lines in used.items()),
        tuple(Import(target, line) for target, line in sorted(imports, key=lambda item: item[1]) if target),
    )


def _imported(text: str) -> str:
    return _IMPORT_WORD.sub("", text.strip()).strip(_QUOTES + "<>")[:_MAX_NAME_CHARS]
