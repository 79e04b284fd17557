# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Reads unified diffs, as git and diff write them: which lines of which files change. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from conexus.errors import InvalidRequest
from conexus.values import dataclass

_HUNK: Final = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@", re.ASCII)
_HEAD: Final = "diff --git "
_BINARY: Final = "Binary files "
_DIFFER: Final = " differ"
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SIDE: Final = re.compile(r"^[a-z]/")
_NONE: Final = "/dev/null"
_ESCAPED: Final = re.compile(r"\\([0-7]{3}|.)")
_PLAIN: Final = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "r": "\r"}
_MAX_FILES: Final = 2_000


@dataclass(frozen=True, slots=True)
class FileChange:
    """What a diff changes of a file."""

    old: str
    """Its path before; empty where it is new."""
    new: str
    """Its path after; empty where it is deleted."""
    old_lines: tuple[int, ...] = ()
    """Lines that are taken out or stand beside what is put in, numbered as before."""
    new_lines: tuple[int, ...] = ()
    """Lines that are put in or stand beside what is taken out, numbered as after."""
    old_texts: tuple[tuple[int, str], ...] = ()
    """A few lines as they were, to tell which side an index has."""
    new_texts: tuple[tuple[int, str], ...] = ()


def changes_of(diff: str) -> list[FileChange]:
    """Return what a diff changes.

    Raises:
        InvalidRequest: It is no unified diff, or changes too many files.
    """
    found = list(_changes(diff.replace("\r\n", "\n").split("\n")))
    if not found:
        raise InvalidRequest(
            "this is no unified diff", hint="give what `git diff` or `diff -u` writes", details={"field": "diff"}
        )
    if len(found) > _MAX_FILES:
        raise InvalidRequest(f"the diff changes {len(found):,} files, more than {_MAX_FILES:,}", hint="ask for a part")
    return found


def _changes(lines: list[str]) -> Iterator[FileChange]:
    place = 0
    section = _Section("")
    while place < len(lines):
        line = lines[place]
        if line.startswith(_HEAD):
            yield from section.rest()
            section = _Section(line)
        elif line.startswith("--- ") and place + 1 < len(lines) and lines[place + 1].startswith("+++ "):
            old, new = _path(line[4:], "a/"), _path(lines[place + 1][4:], "b/")
            section.is_told = True
            change, place = _hunks(lines, place + 2, old, new)
            yield change
            continue
        else:
            yield from section.read(line)
        place += 1
    yield from section.rest()


class _Section:
    """What git writes of one file before its lines, and in place of them where it writes none.

    Args:
        head: Its first line; empty of a diff that another program wrote.
    """

    def __init__(self, head: str) -> None:
        self._old, self._new = _both(head.removeprefix(_HEAD))
        self._is_of_one = bool(head)
        self._renamed = ""
        self.is_told = False

    def read(self, line: str) -> Iterator[FileChange]:
        """Yield the change that a line tells of by itself."""
        if line.startswith("rename from "):
            self._renamed = _unquoted(line.removeprefix("rename from "))
        elif line.startswith("rename to ") and self._renamed:
            self.is_told = True
            yield FileChange(self._renamed, _unquoted(line.removeprefix("rename to ")))
            self._renamed = ""
        elif line.startswith("copy to "):
            self._old, self._new = "", _unquoted(line.removeprefix("copy to "))
        elif line.startswith("new file mode "):
            self._old = ""
        elif line.startswith("deleted file mode "):
            self._new = ""
        elif line.startswith(_BINARY) and line.endswith(_DIFFER) and " and " in line:
            if self._is_of_one and self.is_told:
                return
            self.is_told = True
            yield FileChange(*_two_paths(line.removeprefix(_BINARY).removesuffix(_DIFFER)))

    def rest(self) -> Iterator[FileChange]:
        """Yield a change without lines, as of what is no text, is empty, or has another mode."""
        if not self.is_told and (self._old or self._new):
            yield FileChange(self._old, self._new)


def _both(names: str) -> tuple[str, str]:
    """Return the paths after ``diff --git``; empty ones where they differ, which other lines tell then."""
    if names.startswith('"'):
        found = _QUOTED.match(names)
        old, new = (found[0], names[found.end() + 1 :]) if found else ("", "")
    else:
        half = len(names) // 2
        old, new = names[:half], names[half + 1 :]
    old, new = _path(old, "a/"), _path(new, "b/")
    same = old == new or _SIDE.sub("", old) == _SIDE.sub("", new)
    return (old, new) if same else ("", "")


def _two_paths(names: str) -> tuple[str, str]:
    """Return the paths of ``a/x and b/y``; where a path holds the word itself, the word in the middle parts them."""
    if names.startswith(f"{_NONE} and "):
        return "", _path(names.removeprefix(f"{_NONE} and "), "b/")
    if names.endswith(f" and {_NONE}"):
        return _path(names.removesuffix(f" and {_NONE}"), "a/"), ""
    parts = names.split(" and ")
    half = len(parts) // 2
    return _path(" and ".join(parts[:half]), "a/"), _path(" and ".join(parts[half:]), "b/")


def _hunks(lines: list[str], place: int, old: str, new: str) -> tuple[FileChange, int]:
    """Read the hunks of a file; return what they change, and the line after them."""
    befores: list[int] = []
    afters: list[int] = []
    texts: tuple[list[tuple[int, str]], list[tuple[int, str]]] = ([], [])
    while place < len(lines) and (head := _HUNK.match(lines[place])):
        before, after = int(head[1]), int(head[3])
        left, right = (1 if count is None else int(count) for count in (head[2], head[4]))
        place += 1
        while place < len(lines) and (left > 0 or right > 0):
            mark, text = lines[place][:1], lines[place][1:]
            if mark == "-":
                befores.append(before)
                afters.append(max(1, after))
                texts[0].append((before, text))
                before, left = before + 1, left - 1
            elif mark == "+":
                afters.append(after)
                befores.append(max(1, before))
                texts[1].append((after, text))
                after, right = after + 1, right - 1
            elif mark in {" ", ""}:
                before, after, left, right = before + 1, after + 1, left - 1, right - 1
            elif mark != "\\":
                break
            place += 1
        while place < len(lines) and lines[place].startswith("\\"):
            place += 1
    change = FileChange(
        old, new, tuple(dict.fromkeys(befores)), tuple(dict.fromkeys(afters)), tuple(texts[0]), tuple(texts[1])
    )
    return change, place


def _path(written: str, prefix: str) -> str:
    path = _unquoted(written.split("\t", 1)[0].rstrip())
    return "" if path == _NONE else path.removeprefix(prefix)


def _unquoted(text: str) -> str:
    """Return a path as git writes it: in quotes, with bytes as octal numbers, where it holds what is no plain text."""
    if not (text.startswith('"') and text.endswith('"') and len(text) > 1):
        return text
    plain = _ESCAPED.sub(lambda found: _PLAIN.get(found[1]) or _byte(found[1]), text[1:-1])
    try:
        return plain.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return plain


def _byte(text: str) -> str:
    return chr(int(text, 8) & 0xFF) if len(text) == 3 else text  # noqa: PLR2004 -- octal digits of a byte


def lines_changed(change: FileChange, text: str) -> tuple[str, tuple[int, ...]]:
    """Return the path and the lines that are changed of a file as an index has it, before the change or after.

    Lines beyond its end count as its last one.

    Args:
        change: What a diff says.
        text: The file as it is indexed.
    """
    lines = text.split("\n")
    last = len(lines)

    def within(numbers: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(dict.fromkeys(min(number, last) for number in numbers))

    def fits(texts: tuple[tuple[int, str], ...]) -> int:
        return sum(lines[line - 1] == text if line <= len(lines) else False for line, text in texts)

    before, after = fits(change.old_texts), fits(change.new_texts)
    is_old = before * max(1, len(change.new_texts)) > after * max(1, len(change.old_texts))
    if not change.new or (change.old and is_old):
        return change.old, within(change.old_lines)
    return change.new, within(change.new_lines)


__all__ = ["FileChange", "changes_of", "lines_changed"]
