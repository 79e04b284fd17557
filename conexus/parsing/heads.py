# SPDX-License-Identifier: FSL-1.1-MIT
"""What a definition says of itself: its signature, and the first sentence of its documentation. Pure."""

from __future__ import annotations

import re

from tree_sitter import Node

from conexus.types import SymbolKind
from conexus.values import dataclass

_ONE_LINERS = frozenset({SymbolKind.FIELD, SymbolKind.CONSTANT, SymbolKind.VARIABLE, SymbolKind.KEY})
_MAX_SIGNATURE_CHARS = 200
_MAX_DOC_CHARS = 300
_LINE_COMMENT = re.compile(r"(?:^|\s)(?:#|//)\s.*")
QUOTES = "\"'`"
"""What names and texts are taken out of."""
_COMMENT_MARK = re.compile(
    r"^\s*(?:/\*[*!]?|\*/|\*(?!\*)|///?!?|#+[!']?|\{-\s*\|?|--+(?:\s*[|^](?=\s))?|;+|%+|\"{3}|'{3}|\(\*+|<!--)[ \t]?"
    r"|\s*(?:\*+/|\*\)|-->|-\}|\"{3}|'{3})\s*$"
)
_DOCUMENTED = (b"@type", b"@opaque", b"@callback", b"@macrocallback")  # attributes of Elixir
_DOCUMENTED_BELOW = frozenset(
    {"value_specification", "external", "exception_definition", "module_type_definition", "type_binding"}
)
_DOC_LEAD = re.compile(r"^[@\\](?:brief|title|description|summary|short)\s+")
_SIGNATURE_IN_DOC = re.compile(r"^\s*\n(?:(?: {4}|\t).*\n)+")  # Julia's doc strings begin with one
_POD_COMMAND = re.compile(r"^=.*$", re.MULTILINE)
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
_IMPORT_LEVELS = 3  # list of imports, import, comment
_BODIES = frozenset(
    {"do_block", "Block", "class_body", "enum_class_body", "function_body", "compound_statement", "implementation_body"}
)
_ANNOTATION_LINES = re.compile(r"^(?:@\w+(?:\([^()\n]*\))?[ \t]*\n\s*)+")
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
class Documentation:
    """What a definition is documented with, as it is written."""

    text: str = ""
    """With its marks; the rest of what is very long is left out."""
    ranges: tuple[tuple[int, int], ...] = ()
    """First byte and end of each comment or string, in the order of the file."""


_NONE = Documentation()


def text_of(source: bytes, node: Node) -> str:
    """The text of a node; what is no UTF-8 is replaced."""
    return source[node.start_byte : node.end_byte].decode("utf-8", "replace")


def signature(source: bytes, node: Node) -> str:
    """The definition up to its body, on one line of at most 200 characters."""
    body = _body(node)
    end = body.start_byte if body is not None and body.start_byte > node.start_byte else node.end_byte
    start, keyword = node.start_byte, node.prev_sibling
    while keyword is not None and keyword.type in _KEYWORDS:
        start, keyword = keyword.start_byte, keyword.prev_sibling
    head = source[start : min(end, start + 4 * _MAX_SIGNATURE_CHARS)].decode("utf-8", "replace")
    if body is None:
        head = _first_line(head)
    if "#" in head or "//" in head:
        head = _LINE_COMMENT.sub("", head)
    return " ".join(head.split()).removesuffix("=>").rstrip("{:=;\\ ")[:_MAX_SIGNATURE_CHARS]


def _body(node: Node) -> Node | None:
    """The body of a definition, or of the function or type that a name stands for."""
    for field in _FIELDS_TO_BODY:
        inner = node.child_by_field_name(field) if field else node
        body = inner.child_by_field_name("body") if inner is not None else None
        if body is not None:
            return body
    return next((child for child in reversed(node.children) if child.type in _BODIES), None)


def _first_line(head: str) -> str:
    """The first line, or more where a parenthesis is left open at its end: parameters on lines of their own."""
    head = _ANNOTATION_LINES.sub("", head)
    end = head.find("\n")
    if end > 0 and head[:end].rstrip().endswith("(") and (close := head.find(")", end)) > 0:
        end = head.find("\n", close)
    return head if end < 0 else head[:end]


def documentation(source: bytes, node: Node, kind: SymbolKind) -> str:
    """The first sentence of what a definition is documented with, without marks; at most 300 characters."""
    text = written_documentation(source, node, kind).text
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
            if _SENTENCE_END.search(" ".join(plain)):
                break
    return _SENTENCE_END.split(" ".join(plain), maxsplit=1)[0][:_MAX_DOC_CHARS]


def written_documentation(source: bytes, node: Node, kind: SymbolKind) -> Documentation:
    """What a definition is documented with, and where that stands; empty where it is not documented."""
    found = _docstring(source, node)
    if not found.text:
        found = _comment_before(source, node)
    if not found.text and kind in _ONE_LINERS:
        found = _comment_after(source, node)
    if not found.text and node.type in _DOCUMENTED_BELOW:
        found = _comment_below(source, node)
    return found if found.text else _NONE


def _written(text: str, *nodes: Node) -> Documentation:
    return Documentation(text, tuple((node.start_byte, node.end_byte) for node in nodes))


def _docstring(source: bytes, node: Node) -> Documentation:
    """Python's way: a string that is the first statement of the body; Elixir's: an attribute that is."""
    body = _body(node) if node.type == "call" else node.child_by_field_name("body")
    if body is not None and body.type == "do_block" and body.named_child_count:
        attribute = body.named_children[0]
        return _written(_attribute_text(source, attribute, b"@moduledoc"), attribute)
    first = body.named_child(0) if body is not None and body.type == "block" and body.named_child_count else None
    if first is not None and first.type == "expression_statement" and first.named_child_count:
        first = first.named_child(0)
    if first is None or first.type != "string":
        return _NONE
    return _written(text_of(source, first).lstrip("rRuUbBfF").strip("\"'"), first)


def _comment_before(source: bytes, node: Node) -> Documentation:
    """Every other language's way: comments right above the definition, or above what it is the first part of."""
    while not (found := _comment_above(source, node)).text:
        parent = node.parent
        if parent is None or parent.parent is None or _is_one_of_several(node):
            break
        if parent.type not in _WRAPPERS and parent.start_byte != node.start_byte:
            break
        node = parent
    return found


def _is_one_of_several(node: Node) -> bool:
    """Whether a definition of the same form stands before it, as in a group of Go's constants."""
    before = node.prev_named_sibling
    while before is not None and _is_comment(before):
        before = before.prev_named_sibling
    return before is not None and before.type in {node.type, "ERROR"}  # an error before members of NS_ENUM


def _comment_above(source: bytes, node: Node) -> Documentation:
    texts: list[str] = []
    comments: list[Node] = []
    below = node
    before = _node_before(node)
    if before is None:
        return _NONE
    if before.type == "string_literal" and _last_row(before) + 1 == node.start_point.row:
        text = text_of(source, before)[: 8 * _MAX_DOC_CHARS].strip(QUOTES)
        return _written(_SIGNATURE_IN_DOC.sub("", text), before)
    while before is not None and (_is_comment(before) or before.type in _BETWEEN_DOC_AND_NAME or _is_attribute(before)):
        if _last_row(before) + 1 + (before.type == "pod") < below.start_point.row:  # a blank line between
            break
        if _is_comment(before):
            if _is_trailing(before) or source.startswith(b"#!", before.start_byte):
                break
            text = text_of(source, before)[: 8 * _MAX_DOC_CHARS]
            texts.append(_POD_COMMAND.sub("", text) if before.type == "pod" else text)
            comments.append(before)
        elif text := _attribute_text(source, before, b"@doc", b"@typedoc"):
            is_its_own = not _is_attribute(node) or source.startswith(_DOCUMENTED, node.start_byte)
            return _written(text, before) if is_its_own else _NONE
        elif _is_attribute(node):
            break
        below, before = before, before.prev_sibling
    return _written("\n".join(reversed(texts)), *reversed(comments)) if texts else _NONE


def _comment_below(source: bytes, node: Node) -> Documentation:
    """The way of OCaml's interfaces: a comment right below, where a blank line or the end follows it."""
    after = node.next_sibling or (node.parent.next_sibling if node.parent is not None else None)
    if after is None or not _is_comment(after) or after.start_point.row > node.end_point.row + 1:
        return _NONE
    following = after.next_named_sibling
    if following is not None and following.start_point.row <= after.end_point.row + 1:
        return _NONE
    return _written(text_of(source, after), after)


def _is_comment(node: Node) -> bool:
    """Whether a node is a comment of any kind, as Haskell's ``haddock`` and Perl's ``pod`` are too."""
    return "comment" in node.type or node.type in {"haddock", "pod"}


def _node_before(node: Node) -> Node | None:
    """The sibling before a node, or the comment at its end: Haskell's and Kotlin's imports take in what follows."""
    before = last = node.prev_sibling
    for _ in range(_IMPORT_LEVELS):
        if last is None or not last.child_count or _is_comment(last):
            break
        last = last.child(last.child_count - 1)
        if _is_comment(last):
            return last
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
    match = _ATTRIBUTE_STRING.match(text_of(source, node)[: 8 * _MAX_DOC_CHARS])
    return match[1].rstrip(QUOTES) if match else ""


def _is_trailing(comment: Node) -> bool:
    """Whether a comment stands on the line of what comes before it, and so belongs to that."""
    before = comment.prev_sibling
    if before is None or "comment" in before.type or not before.end_point.column:
        return False
    return before.end_point.row == comment.start_point.row


def _comment_after(source: bytes, node: Node) -> Documentation:
    """The way of fields and constants: a comment on the same line, or Python's string below."""
    row = node.end_point.row
    below = node.next_sibling if node.type == "assignment" else None
    if below is not None and below.type == "string" and below.start_point.row == row + 1:
        return _written(text_of(source, below).strip(QUOTES), below)
    while node.next_sibling is None and node.parent is not None and node.parent.type in _WRAPPERS:
        node = node.parent
    after = node.next_sibling
    while after is not None and after.start_point.row == row:
        if "comment" in after.type:
            return _written(text_of(source, after).lstrip("/*!<# ").removesuffix("*/").strip(), after)
        if after.type not in {",", ";"}:
            break
        after = after.next_sibling
    return _NONE
