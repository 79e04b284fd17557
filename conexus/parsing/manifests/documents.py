# SPDX-License-Identifier: FSL-1.1-MIT
"""TOML, JSON, YAML and XML with the lines that things stand on, within limits of size and depth.

Nothing is expanded that a document may repeat: XML with entities of its own is refused, and a YAML alias leads to the
one node that it names.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias
from xml.parsers import expat

from tree_sitter import Node, Parser
from tree_sitter_language_pack import get_language

from conexus.parsing.grammars import is_too_deep
from conexus.parsing.manifests.findings import Unreadable
from conexus.values import dataclass

MAX_CHARS = 10_000_000
_MAX_YAML_CHARS = 4_000_000  # a second or two
_MAX_DEPTH = 200
_MAX_ELEMENTS = 200_000
_MAX_MERGED = 20
_MAX_TEXT_CHARS = 1_000  # of an element of XML; a name or a version is shorter
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){200}""")  # takes the square of its length to read
_BRACKET = re.compile(r"[\[\]{}]")
_MERGE: Final = "<<"
_KINDS: Final[Mapping[type, str]] = {
    dict: "a table",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}

_KINDS_OF_YAML: Final = {"mapping": "a table", "sequence": "a list", "scalar": "a text"}
_NO_YAML: Final[tuple[object, ...]] = ("", "~", "null", [])

Key: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Located:
    """A document of TOML or JSON, and where its parts begin."""

    data: dict[str, Any]
    """Hostile: any value may be of any type."""
    lines: Mapping[tuple[Key, ...], int]
    note: Callable[[str], None]
    """Is told what is of another type than it has to be."""

    def line(self, *path: Key) -> int:
        """Return the line of a key or an element; of the nearest part around it where it is not known."""
        for length in range(len(path), 0, -1):
            if (line := self.lines.get(path[:length])) is not None:
                return line
        return 1

    def table(self, *path: str) -> dict[str, Any]:
        """Return a table by its path; an empty one where there is none."""
        found: dict[str, Any] = self.data
        for count, part in enumerate(path, 1):
            inner: Any = found.get(part)
            if not self.expect(inner, dict, *path[:count]):
                return {}
            found = inner
        return found

    def list(self, *path: str) -> list[Any]:
        """Return a list by its path; an empty one where there is none."""
        found: Any = self.table(*path[:-1]).get(path[-1])
        return found if self.expect(found, list, *path) else []

    def text(self, *path: str) -> str:
        """Return a text by its path; an empty one where there is none."""
        found: Any = self.table(*path[:-1]).get(path[-1])
        return found if self.expect(found, str, *path) else ""

    def expect(self, value: object, kind: type | tuple[type, ...], *path: Key) -> bool:
        """Return whether a value is of a type; where it is of another one, that is told.

        What is not there, or an empty list in place of a table, as PHP writes it, says nothing.
        """
        if isinstance(value, kind):
            return True
        if value is not None and value != []:
            kinds = kind if isinstance(kind, tuple) else (kind,)
            wanted = " or ".join(_KINDS[one] for one in kinds)
            is_one = _KINDS.get(type(value), "a date")
            self.note(f"line {self.line(*path)}: {'.'.join(map(str, path))} is {is_one} where {wanted} is expected")
        return False


def read_toml(text: str, note: Callable[[str], None], depth: int = 4) -> Located:
    """Read TOML; lines are known of keys and elements at most ``depth`` deep.

    Raises:
        Unreadable: It is not TOML.
    """
    _check_size(text)
    if _LONG_KEY.search(text):
        raise Unreadable("it is TOML that nests too deep")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise Unreadable(f"it is not valid TOML: {exc}") from None
    except (RecursionError, ValueError):
        raise Unreadable("it is TOML that nests too deep or holds a number or date that is none") from None
    return Located(data, _toml_lines(text, depth), note)


def read_json(text: str, note: Callable[[str], None], depth: int = 3) -> Located:
    """Read a JSON object; lines are known of keys and elements at most ``depth`` deep.

    Raises:
        Unreadable: It is no JSON object.
    """
    _check_size(text)
    text = text.removeprefix("\ufeff")
    try:
        data = json.loads(text)
    except json.JSONDecodeError as exc:
        raise Unreadable(f"it is not valid JSON: {exc.msg} on line {exc.lineno}") from None
    except (RecursionError, ValueError):
        raise Unreadable("it is JSON that nests too deep or holds a number of too many digits") from None
    if not isinstance(data, dict):
        raise Unreadable("it is JSON, but no object")
    return Located(data, _json_lines(text, depth), note)


def _check_size(text: str, limit: int = MAX_CHARS) -> None:
    if len(text) > limit:
        raise Unreadable(f"it has more than {limit:,} characters")


# -------------------------------------------------------------- TOML and JSON


def _json_lines(text: str, depth: int) -> dict[tuple[Key, ...], int]:
    source = text.encode("utf-8", "replace")
    root = Parser(get_language("json")).parse(source).root_node
    lines: dict[tuple[Key, ...], int] = {}
    pending: list[tuple[Node, tuple[Key, ...]]] = [(node, ()) for node in root.named_children[:1]]
    while pending:
        node, path = pending.pop()
        place = -1
        for child in node.named_children:
            key: Key
            value: Node | None = child
            if child.type == "pair":
                named = child.child_by_field_name("key")
                value = child.child_by_field_name("value")
                if named is None:
                    continue
                key = _json_key(source, named)
            elif node.type == "array" and child.type != "comment":
                key = place = place + 1
            else:
                continue
            lines[*path, key] = child.start_point.row + 1
            if value is not None and value.type in {"object", "array"} and len(path) + 1 < depth:
                pending.append((value, (*path, key)))
    return lines


def _json_key(source: bytes, node: Node) -> str:
    written = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if "\\" not in written:
        return written[1:-1]
    try:
        return str(json.loads(written))
    except ValueError:
        return written[1:-1]


def _toml_lines(text: str, depth: int) -> dict[tuple[Key, ...], int]:
    source = text.encode("utf-8", "replace")
    root = Parser(get_language("toml")).parse(source).root_node
    lines: dict[tuple[Key, ...], int] = {}
    counts: dict[tuple[Key, ...], int] = {}
    pending: list[tuple[Node, tuple[Key, ...]]] = []
    for node in root.named_children:
        if node.type == "pair":
            pending.append((node, ()))
        elif node.type in {"table", "table_array_element"} and node.named_children:
            path = _header_path(source, node, counts, depth)
            for length in range(1, len(path) + 1):
                lines.setdefault(path[:length], node.start_point.row + 1)
            if len(path) < depth:
                pending += [(child, path) for child in node.named_children[1:] if child.type == "pair"]
    while pending:
        node, path = pending.pop()
        if node.type == "pair":
            line = node.start_point.row + 1
            for part in _key_parts(source, node.named_children[0])[: depth - len(path)]:
                path = (*path, part)
                lines.setdefault(path, line)
            node = node.named_children[-1]
        else:
            lines.setdefault(path, node.start_point.row + 1)
        if len(path) < depth:
            pending += _toml_parts(node, path)
    return lines


def _toml_parts(value: Node, path: tuple[Key, ...]) -> list[tuple[Node, tuple[Key, ...]]]:
    """Return the elements of an array, or the pairs of a table, with the paths they are at or below."""
    if value.type == "array":
        items = [item for item in value.named_children if item.type != "comment"]
        return [(item, (*path, place)) for place, item in enumerate(items)]
    return [(item, path) for item in value.named_children if item.type == "pair" and value.type == "inline_table"]


def _header_path(source: bytes, node: Node, counts: dict[tuple[Key, ...], int], depth: int) -> tuple[Key, ...]:
    """Return the path of a table, with the place of the last element where a part of it is an array of tables.

    A path that is longer than ``depth`` is cut.
    """
    path: tuple[Key, ...] = ()
    parts = _key_parts(source, node.named_children[0])
    for place, part in enumerate(parts):
        if len(path) >= depth:
            break
        path = (*path, part)
        if node.type == "table_array_element" and place == len(parts) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _key_parts(source: bytes, node: Node) -> list[str]:
    parts: list[str] = []
    while node.type == "dotted_key" and node.named_children:
        parts.append(_toml_key(source, node.named_children[-1]))
        node = node.named_children[0]
    return [_toml_key(source, node), *reversed(parts)]


def _toml_key(source: bytes, node: Node) -> str:
    written = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if node.type != "quoted_key":
        return written
    if "\\" not in written:
        return written[1:-1]
    try:
        return next(iter(tomllib.loads(f"{written} = 0")))
    except tomllib.TOMLDecodeError:
        return written[1:-1]


# ----------------------------------------------------------------------- YAML


class Yaml:
    """A node of a YAML document, read when it is asked for; scalars are their text, whatever they look like."""

    def __init__(self, node: Any) -> None:  # noqa: ANN401 -- of PyYAML, whose nodes are known by an attribute
        self._node = node

    @property
    def line(self) -> int:
        """The line that it begins on."""
        return int(self._node.start_mark.line) + 1

    @property
    def text(self) -> str:
        """What a scalar holds; empty of others."""
        return self._node.value if self._node.id == "scalar" else ""

    def expect(self, kind: str, name: str, note: Callable[[str], None]) -> bool:
        """Return whether it is a mapping, a sequence or a scalar; where it is another one, that is told.

        What is empty says nothing.
        """
        found = self._node.id
        if found == kind:
            return True
        if self._node.value not in _NO_YAML:
            note(f"line {self.line}: {name} is {_KINDS_OF_YAML[found]} where {_KINDS_OF_YAML[kind]} is expected")
        return False

    def items(self) -> Iterator[tuple[str, Yaml, int]]:
        """Yield the keys of a mapping with their values and lines, those that ``<<`` brings in last."""
        nodes: list[Any] = [self._node]
        seen, keys = {id(self._node)}, set[str]()
        while nodes:
            node = nodes.pop(0)
            for key, value in node.value if node.id == "mapping" else ():
                if key.id != "scalar" or key.value in keys:
                    continue
                if key.value == _MERGE:
                    for merged in value.value if value.id == "sequence" else [value]:
                        if id(merged) not in seen and len(seen) < _MAX_MERGED:
                            seen.add(id(merged))
                            nodes.append(merged)
                    continue
                keys.add(key.value)
                yield key.value, Yaml(value), int(key.start_mark.line) + 1

    def get(self, key: str) -> Yaml | None:
        """Return the value of a key."""
        return next((value for name, value, _ in self.items() if name == key), None)

    def elements(self) -> Iterator[Yaml]:
        """Yield the elements of a sequence."""
        yield from map(Yaml, self._node.value if self._node.id == "sequence" else ())

    def at(self, *path: str) -> Iterator[tuple[str, Yaml, int]]:
        """Yield what a mapping holds that is reached by its path; nothing where there is none."""
        found: Yaml | None = self
        for part in path:
            found = found.get(part) if found is not None else None
        if found is not None:
            yield from found.items()


def read_yaml(text: str) -> Yaml:
    """Read the first document of a YAML file; an alias is the node that it names.

    Raises:
        Unreadable: It is not YAML, or nests too deep.
    """
    import yaml  # noqa: PLC0415 -- where a file needs it

    _check_size(text, _MAX_YAML_CHARS)
    if is_too_deep("yaml", text.encode("utf-8", "replace")) or _is_flow_too_deep(text):
        raise Unreadable("it is YAML that nests too deep")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        node: Any = loader.get_node() if loader.check_node() else None
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = f" on line {mark.line + 1}" if mark is not None else ""
        raise Unreadable(f"it is not valid YAML: {exc.problem or exc.context or 'malformed'}{where}") from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise Unreadable("it is not valid YAML") from None
    finally:
        loader.dispose()
    if node is None or node.id != "mapping":
        raise Unreadable("it is YAML, but no mapping")
    return Yaml(node)


def _is_flow_too_deep(text: str) -> bool:
    """Whether brackets are open so many deep that a parser could run out of stack; text in quotes counts as well."""
    if text.count("[") + text.count("{") < _MAX_DEPTH:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(text):
        depth = depth + 1 if bracket[0] in "[{" else max(0, depth - 1)
        if depth > _MAX_DEPTH:
            return True
    return False


# ------------------------------------------------------------------------ XML


class Element:
    """An element of XML, its name without a namespace."""

    __slots__ = ("attributes", "children", "line", "tag", "text")

    def __init__(self, tag: str, attributes: Mapping[str, str], line: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.text = ""
        self.children: list[Element] = []

    def child(self, tag: str) -> Element | None:
        """Return the first child of a name."""
        return next((child for child in self.children if child.tag == tag), None)

    def value(self, tag: str) -> str:
        """Return the text of the first child of a name, or an attribute of that name; else nothing."""
        child = self.child(tag)
        return child.text.strip() if child is not None else self.attributes.get(tag, "").strip()

    def below(self, *path: str) -> list[Element]:
        """Return all elements at a path of names."""
        found: list[Element] = [self]
        for tag in path:
            found = [child for element in found for child in element.children if child.tag == tag]
        return found

    def all(self, tags: Sequence[str]) -> Iterator[Element]:
        """Yield the elements below it of some names, in the order of the file."""
        stack = list(reversed(self.children))
        while stack:
            element = stack.pop()
            if element.tag in tags:
                yield element
            stack.extend(reversed(element.children))


class _XmlBuilder:
    def __init__(self) -> None:
        # What a declaration says of the encoding no longer holds: the file is decoded.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.EntityDeclHandler = self._refuse
        self._parser.ExternalEntityRefHandler = self._refuse
        self._parser.buffer_text = True
        self._open: list[Element] = []
        self._count = 0
        self.root: Element | None = None

    def read(self, text: str) -> Element:
        data = text.removeprefix("\ufeff").encode("utf-8", "replace")
        try:
            self._parser.Parse(data, True)
        except expat.ExpatError as exc:
            what = expat.ErrorString(exc.code)
            raise Unreadable(f"it is not valid XML: {what} on line {exc.lineno}") from None
        if self.root is None:
            raise Unreadable("it is not valid XML")
        return self.root

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= _MAX_DEPTH or self._count > _MAX_ELEMENTS:
            raise Unreadable("it is XML that nests too deep or has too many elements")
        element = Element(tag.rpartition(":")[2], attributes, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(element)
        elif self.root is None:
            self.root = element
        self._open.append(element)

    def _end(self, _tag: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        if len(self._open[-1].text) < _MAX_TEXT_CHARS:
            self._open[-1].text += text[:_MAX_TEXT_CHARS]

    def _refuse(self, *_: object) -> int:
        raise Unreadable("it is XML that defines entities, which are not read")


def read_xml(text: str) -> Element:
    """Read XML; entities are never expanded.

    Raises:
        Unreadable: It is not XML, defines entities, or nests too deep.
    """
    _check_size(text)
    return _XmlBuilder().read(text)


__all__ = ["MAX_CHARS", "Element", "Located", "Yaml", "read_json", "read_toml", "read_xml", "read_yaml"]
