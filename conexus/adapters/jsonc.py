# SPDX-License-Identifier: FSL-1.1-MIT
"""Edits JSON with comments and trailing commas so that every byte but those of the edit stays.

There is no syntax tree: one pass over the tokens checks the whole text and notes where the objects on
the way to one member stand. An edit then inserts, replaces or cuts a piece of the text. What
:func:`with_member` adds to an object, :func:`without_member` takes out again to the byte.

Accepted is what VS Code and Zed accept: RFC 8259 with ``//`` and ``/* */`` comments and a comma after the
last member. An object on the way that has the member twice is an error, since programs differ on which counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from enum import Enum

from conexus.values import dataclass

Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
Path = tuple[str, ...]

_DEFAULT_UNIT = "  "
_COMMENTS = ("line", "block")
_SCALARS = ("string", "number", "word")
# Runs are possessive: a hostile text cannot make them backtrack.
_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]++)
      | (?P<mark>[{}\[\],:])
      | (?P<string>"[^"\\\x00-\x1f]*+(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\x00-\x1f]*+)*+")
      | (?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?(?![\w.+-]))
      | (?P<word>(?:true|false|null)(?!\w))
      | (?P<line>//[^\r\n]*+)
      | (?P<block>/\*(?s:.*?)\*/)""",
    re.VERBOSE,
)
_COMMENT_HERE = re.compile(r"[ \t]*+(?:(//[^\r\n]*+)|/\*[^\r\n]*?\*/)")
_SPACE_TO_LINE_END = re.compile(r"[ \t]*+(?=[\r\n])")
_SHOWN_NAME_CHARS = 40


class JsoncError(ValueError):
    """A text is no JSON with comments, or has not the shape that an edit needs.

    Attributes:
        reason: What is wrong.
        line: Line of the place, from 1.
        column: Column of the place in characters, from 1.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        self.reason = reason
        self.line = text.count("\n", 0, position) + 1
        self.column = position - text.rfind("\n", 0, position)
        super().__init__(f"{reason} at line {self.line}, column {self.column}")


@dataclass(slots=True)
class _Member:
    name: str
    lead: int
    """Where the token before it ends, a comment or a mark."""
    start: int
    behind_line_comment: bool
    value_start: int = -1
    value_end: int = -1
    comma: int | None = None


@dataclass(slots=True)
class _Object:
    start: int
    """Of its opening brace."""
    members: list[_Member] = field(default_factory=list)
    body_end: int = -1
    """End of the last token before its closing brace."""
    end: int = -1
    """Of its closing brace."""

    def member(self, name: str) -> _Member | None:
        return next((member for member in self.members if member.name == name), None)


class _Expects(Enum):
    VALUE = "a value"
    VALUE_OR_END = "a value or ]"
    NAME_OR_END = "a name in double quotes or }"
    COLON = "a colon"
    COMMA_OR_END = "a comma or the closing bracket"
    NOTHING = "the end of the file"


@dataclass(slots=True)
class _Frame:
    """An object or list that is open."""

    noted: _Object | None
    """Where its members go; ``None`` for a list, and for an object that is not on the way."""
    is_object: bool


def value_at(text: str, path: Path) -> Json:
    """Return the value of a member; ``None`` where it, or an object on the way, is not there.

    Raises:
        JsoncError: The text cannot be read, or something on the way is no object.
    """
    objects = _objects_on(text, path)
    if len(objects) < len(path):
        return None
    member = objects[-1].member(path[-1])
    return None if member is None else _value(text, member)


def has_member(text: str, path: Path) -> bool:
    """Whether a member is there.

    Raises:
        JsoncError: The text cannot be read, or something on the way is no object.
    """
    objects = _objects_on(text, path)
    return len(objects) == len(path) and objects[-1].member(path[-1]) is not None


def with_member(text: str, path: Path, value: Json) -> str:
    """Return the text with a member set; it and the objects on the way are made where they are not there.

    A new member comes last in its object and is indented as the others are. A text of nothing but spaces and
    comments gets an object.

    Raises:
        JsoncError: The text cannot be read, or something on the way is no object.
    """
    objects = _objects_on(text, path)
    style = _style(text, objects)
    if not objects:
        gap = "" if not text or text.endswith("\n") else style.newline
        return f"{text}{gap}{_rendered(_nested(path, value), style, '')}{style.newline}"
    member = objects[-1].member(path[-1]) if len(objects) == len(path) else None
    if member is not None:
        # What was written on one line stays on one.
        indent = None if _is_inline(text, member) else _indent_of_line(text, member.start)
        return text[: member.value_start] + _rendered(value, style, indent) + text[member.value_end :]
    depth = len(objects)
    return _inserted(text, objects[-1], style, path[depth - 1], _nested(path[depth:], value))


def without_member(text: str, path: Path) -> str:
    """Return the text without a member; as it is where there is none. The object around it stays.

    Raises:
        JsoncError: The text cannot be read, or something on the way is no object.
    """
    objects = _objects_on(text, path)
    member = objects[-1].member(path[-1]) if len(objects) == len(path) else None
    if member is None:
        return text
    parent = objects[-1]
    end = member.value_end if member.comma is None else member.comma + 1
    start = _cut_start(text, member, end)
    if len(parent.members) == 1:
        closing = _newline(text) + _indent_of_line(text, parent.start)
        after = end + len(closing)
        may_follow = "\r\n" if member.behind_line_comment else "}\r\n"
        if "\n" in text[start : member.start] and text.startswith(closing, end) and text[after] in may_follow:
            end = after
        return text[:start] + text[end:]
    before = parent.members[parent.members.index(member) - 1]
    if member is parent.members[-1] and member.comma is None and before.comma is not None:
        return text[: before.comma] + text[before.comma + 1 : start] + text[end:]
    if start == member.start == member.lead:  # written close: the space after it goes instead
        end += len(text) - end - len(text[end:].lstrip(" \t"))
    return text[:start] + text[end:]


# --------------------------------------------------------------------- reading


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind, start and end of every token that is no space."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise JsoncError(_unreadable(text, position), text, position)
        position = match.end()
        kind = match.lastgroup or ""
        if kind != "space":
            yield (match.group() if kind == "mark" else kind), match.start(), position


def _unreadable(text: str, position: int) -> str:
    if text.startswith("/*", position):
        return "a comment that is not closed"
    if text[position] == '"':
        return "a string that is not closed, or has a character in it that must be escaped"
    if text[position] == "'":
        return "a string in single quotes"
    word = re.compile(r"\w{1,20}|(?s:.)").match(text, position)
    return f"unexpected {_short(word.group() if word else '')}"


def _objects_on(text: str, path: Path) -> list[_Object]:
    """Check the whole text; return the objects that hold each name of the path, as far as they are there.

    None is returned for a text of nothing but spaces and comments.
    """
    return _Reader(text, path).read()


class _Reader:
    """One pass over the tokens of a text. No recursion: a text may be nested as deep as it likes."""

    def __init__(self, text: str, path: Path) -> None:
        self._text = text
        self._path = path
        self._frames: list[_Frame] = []
        self._found: list[_Object] = []
        self._expects = _Expects.VALUE
        self._last_kind, self._last_end = "", 0  # of the token before

    def read(self) -> list[_Object]:
        for kind, start, end in _tokens(self._text):
            if kind not in _COMMENTS:
                self._take(kind, start, end)
            self._last_kind, self._last_end = kind, end
        if self._expects is not _Expects.NOTHING and (self._frames or self._expects is not _Expects.VALUE):
            raise JsoncError(f"the file ends where {self._expects.value} should be", self._text, len(self._text))
        return self._found

    def _take(self, kind: str, start: int, end: int) -> None:
        expects = self._expects
        if kind in _SCALARS and expects in (_Expects.VALUE, _Expects.VALUE_OR_END):
            self._require_object_if_on_the_way(start)
            self._start_value(start)
            self._end_value(end)
        elif kind == "string" and expects is _Expects.NAME_OR_END:
            self._name(start, end)
        elif kind == ":" and expects is _Expects.COLON:
            self._expects = _Expects.VALUE
        elif kind in "{[" and expects in (_Expects.VALUE, _Expects.VALUE_OR_END):
            self._open(kind, start)
        elif kind in "}]" and self._may_close(kind):
            self._close(start, end)
        elif kind == "," and expects is _Expects.COMMA_OR_END:
            self._comma(start)
        else:
            found = self._text[start:end]
            raise JsoncError(f"{_short(found)} where {expects.value} should be", self._text, start)

    def _may_close(self, mark: str) -> bool:
        if not self._frames or self._frames[-1].is_object != (mark == "}"):
            return False
        return self._expects in (_Expects.COMMA_OR_END, _Expects.NAME_OR_END, _Expects.VALUE_OR_END)

    def _name(self, start: int, end: int) -> None:
        noted = self._frames[-1].noted
        if noted is not None:
            name: str = json.loads(self._text[start:end])
            if name == self._path[len(self._frames) - 1] and noted.member(name) is not None:
                raise JsoncError(f"{_short(name)} is there twice", self._text, start)
            noted.members.append(_Member(name, self._last_end, start, self._last_kind == "line"))
        self._expects = _Expects.COLON

    def _on_the_way(self) -> bool:
        """Whether the value to come must be an object, since it holds the next name of the path."""
        if not self._frames:
            return True
        noted = self._frames[-1].noted
        if noted is None or not noted.members or len(self._frames) >= len(self._path):
            return False
        return noted.members[-1].name == self._path[len(self._frames) - 1]

    def _require_object_if_on_the_way(self, start: int) -> None:
        if self._on_the_way():
            what = _short(self._path[len(self._frames) - 1]) if self._frames else "the file"
            raise JsoncError(f"{what} must hold an object, {{…}}", self._text, start)

    def _open(self, mark: str, start: int) -> None:
        on_the_way = self._on_the_way()
        if mark == "[":
            self._require_object_if_on_the_way(start)
        self._start_value(start)
        noted = _Object(start) if mark == "{" and on_the_way else None
        if noted is not None:
            self._found.append(noted)
        self._frames.append(_Frame(noted, is_object=mark == "{"))
        self._expects = _Expects.NAME_OR_END if mark == "{" else _Expects.VALUE_OR_END

    def _close(self, start: int, end: int) -> None:
        noted = self._frames.pop().noted
        if noted is not None:
            noted.body_end, noted.end = self._last_end, start
        self._end_value(end)

    def _comma(self, start: int) -> None:
        frame = self._frames[-1]
        if frame.noted is not None:
            frame.noted.members[-1].comma = start
        self._expects = _Expects.NAME_OR_END if frame.is_object else _Expects.VALUE_OR_END

    def _start_value(self, start: int) -> None:
        if self._frames and (noted := self._frames[-1].noted) is not None:
            noted.members[-1].value_start = start

    def _end_value(self, end: int) -> None:
        if self._frames and (noted := self._frames[-1].noted) is not None:
            noted.members[-1].value_end = end
        self._expects = _Expects.COMMA_OR_END if self._frames else _Expects.NOTHING


def _value(text: str, member: _Member) -> Json:
    """Return the value of a member that was checked already."""
    parts: list[str] = []
    for kind, start, end in _tokens(text[member.value_start : member.value_end]):
        if kind in "}]" and parts and parts[-1] == ",":
            parts.pop()
        if kind not in _COMMENTS:
            parts.append(text[member.value_start + start : member.value_start + end])
    try:
        found: Json = json.loads("".join(parts))
    except (ValueError, RecursionError) as exc:  # nested deeper than a configuration is, or a number of 5,000 digits
        raise JsoncError("a value that is too deep or too long", text, member.value_start) from exc
    return found


# --------------------------------------------------------------------- writing


@dataclass(frozen=True, slots=True)
class _Style:
    newline: str
    unit: str
    """One step of indentation."""


def _style(text: str, objects: list[_Object]) -> _Style:
    unit = _DEFAULT_UNIT
    if objects and objects[0].members:
        first = objects[0].members[0]
        if not _is_inline(text, first):
            unit = _indent_of_line(text, first.start).removeprefix(_indent_of_line(text, objects[0].start)) or unit
    return _Style(_newline(text), unit)


def _newline(text: str) -> str:
    first = text.find("\n")
    return "\r\n" if first > 0 and text[first - 1] == "\r" else "\n"


def _inserted(text: str, parent: _Object, style: _Style, name: str, value: Json) -> str:
    if parent.members:
        return _inserted_after(text, parent.members[-1], style, name, value)
    place = parent.body_end
    space = text[place : parent.end]
    one_line = "\n" not in text.strip() and parent.start != len(text) - len(text.lstrip())
    if (space and "\n" not in space) or (one_line and place == parent.start + 1):
        return text[:place] + space + _pair(name, value, style, None) + text[place:]
    outer = _indent_of_line(text, parent.start)
    inner = outer + style.unit
    piece = f"{style.newline}{inner}{_pair(name, value, style, inner)}{style.newline}{outer}"
    return text[:place] + piece + text[place:]


def _inserted_after(text: str, last: _Member, style: _Style, name: str, value: Json) -> str:
    """Put a member after the last one, behind the comments on its line."""
    end = last.value_end if last.comma is None else last.comma + 1
    place = end
    behind_line_comment = False
    while match := _COMMENT_HERE.match(text, place):
        place = match.end()
        behind_line_comment = match.group(1) is not None
    if _is_inline(text, last) and not behind_line_comment:
        piece = " " + _pair(name, value, style, None)
    else:
        indent = _indent_of_line(text, last.start)
        piece = style.newline + indent + _pair(name, value, style, indent)
    if last.comma is None:
        return f"{text[: last.value_end]},{text[last.value_end : place]}{piece}{text[place:]}"
    return f"{text[:place]}{piece},{text[place:]}"


def _cut_start(text: str, member: _Member, end: int) -> int:
    """Return where a cut begins: with the space before, but never so that a comment swallows what follows."""
    would_swallow = member.behind_line_comment and _SPACE_TO_LINE_END.match(text, end) is None
    return member.start if would_swallow else member.lead


def _is_inline(text: str, member: _Member) -> bool:
    return "\n" not in text[member.lead : member.start]


def _indent_of_line(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    line = text[start:position]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _nested(path: Path, value: Json) -> Json:
    for name in reversed(path):
        value = {name: value}
    return value


def _pair(name: str, value: Json, style: _Style, indent: str | None) -> str:
    return f"{json.dumps(name, ensure_ascii=False)}: {_rendered(value, style, indent)}"


def _rendered(value: Json, style: _Style, indent: str | None) -> str:
    """Write a value: objects on lines of their own below ``indent``, lists on one; all on one where it is ``None``."""
    if indent is None or not isinstance(value, Mapping) or not value:
        return json.dumps(value, ensure_ascii=False)
    inner = indent + style.unit
    lines = f",{style.newline}".join(inner + _pair(name, held, style, inner) for name, held in value.items())
    return f"{{{style.newline}{lines}{style.newline}{indent}}}"


def _short(text: str) -> str:
    shown = text if len(text) <= _SHOWN_NAME_CHARS else text[: _SHOWN_NAME_CHARS - 1] + "…"
    return f"'{shown}'"
