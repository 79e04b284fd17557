# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads what ``.gitattributes`` files say of generated, vendored and documentation files.

The attributes are those of GitHub's linguist. Macros (``[attr]``) are not expanded.
"""

from __future__ import annotations

import re
from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path

from conexus.adapters.git_metadata import GitFolders
from conexus.adapters.regular_files import read_below
from conexus.adapters.wildmatch import Pattern, PatternSet, byte_text, from_byte_text
from conexus.values import dataclass

ATTRIBUTES = ".gitattributes"
_MAX_BYTES = 10_000_000
_MAX_LINE_BYTES = 2048  # git ignores longer ones
_BOM = b"\xef\xbb\xbf"
_BLANKS = " \t\r"
_PREFIX = "linguist-"
_FIELDS = ("generated", "vendored", "documentation")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\([0-7]{3}|.)")
_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class LinguistMarks:
    """What the attributes say of one file; ``None`` where they say nothing."""

    generated: bool | None = None
    vendored: bool | None = None
    documentation: bool | None = None


NO_MARKS = LinguistMarks()


class _AttributeList:
    """The lines of one file that set one attribute."""

    def __init__(self, lines: Sequence[tuple[Pattern, bool | None]], base: str, *, ignore_case: bool) -> None:
        self._values = [value for _, value in lines]
        self._base_chars = len(base)
        self._patterns = PatternSet([pattern for pattern, _ in lines], ignore_case=ignore_case)

    def decide(self, names: Sequence[str], folder: str) -> dict[str, bool | None]:
        found = self._patterns.decide(names, folder[self._base_chars :], folders=False)
        return {name: self._values[at] for name, at in found.items()}


@dataclass(frozen=True, slots=True)
class FolderAttributes:
    """The attributes that hold in one folder."""

    path: str
    """From the root, surrogateescape; empty or ending in ``/``."""
    lists: tuple[tuple[str, _AttributeList], ...] = ()
    """Field of :class:`LinguistMarks` and lines, lowest precedence first."""
    final: tuple[tuple[str, _AttributeList], ...] = ()
    """Those of ``.git/info/attributes``, above all others."""
    unskips: bool = False
    """Whether some line so far says that files are *not* vendored or generated."""

    def marks(self, names: Sequence[str]) -> dict[str, LinguistMarks]:
        """Return the marks of the files in this folder that have any."""
        if not self.lists and not self.final:
            return {}
        texts = [byte_text(name) for name in names]
        folder = byte_text(self.path)
        found: dict[str, LinguistMarks] = {}
        for field, lines in (*self.lists, *self.final):
            for text, value in lines.decide(texts, folder).items():
                found[text] = replace(found.get(text, NO_MARKS), **{field: value})
        return {from_byte_text(text): marks for text, marks in found.items() if marks != NO_MARKS}


@dataclass(frozen=True, slots=True)
class GitAttributes:
    """Loads the attributes of one working tree, folder by folder."""

    root: Path
    ignore_case: bool = False

    def top(self, git: GitFolders | None, present: Container[str] | None = None) -> FolderAttributes:
        """Return the attributes of the root; ``present`` as in :meth:`enter`."""
        final = self._lists(read_below(git.common, "info/attributes", _MAX_BYTES), "") if git else ((), False)
        return self._with_file(FolderAttributes("", (), *final), present)

    def enter(self, parent: FolderAttributes, name: str, present: Container[str] | None = None) -> FolderAttributes:
        """Return the attributes of a folder.

        Args:
            parent: Those of the folder above.
            name: The folder's name.
            present: Names in the folder where they are known, which saves looking for its file.
        """
        return self._with_file(replace(parent, path=f"{parent.path}{name}/"), present)

    def _with_file(self, folder: FolderAttributes, present: Container[str] | None) -> FolderAttributes:
        if present is not None and ATTRIBUTES not in present:
            return folder
        lists, unskips = self._lists(read_below(self.root, folder.path + ATTRIBUTES, _MAX_BYTES), folder.path)
        return replace(folder, lists=folder.lists + lists, unskips=folder.unskips or unskips) if lists else folder

    def _lists(self, data: bytes | None, base: str) -> tuple[tuple[tuple[str, _AttributeList], ...], bool]:
        lines = parse_attributes(data or b"")
        found = tuple(
            (field, _AttributeList(of_field, byte_text(base), ignore_case=self.ignore_case))
            for field in _FIELDS
            if (of_field := [(pattern, value) for pattern, name, value in lines if name == field])
        )
        return found, any(value is False and name != "documentation" for _, name, value in lines)


def parse_attributes(data: bytes) -> list[tuple[Pattern, str, bool | None]]:
    """Return pattern, field of :class:`LinguistMarks` and value of every line that sets one."""
    found = []
    for line in data.removeprefix(_BOM).split(b"\n"):
        text = line.partition(b"\0")[0].decode("latin-1").lstrip(_BLANKS)
        if _PREFIX not in text or text.startswith("#") or len(line) > _MAX_LINE_BYTES:
            continue
        pattern, rest = _split(text)
        if pattern.startswith(("!", "[attr]")) or pattern.endswith("/"):
            continue  # git allows no negation here, and attributes are those of files
        for word in re.split(r"[ \t\r]+", rest):
            setting = _setting(word)
            if setting is not None:
                found.append((Pattern(pattern), *setting))
    return found


def _split(line: str) -> tuple[str, str]:
    """Return the pattern of a line, unquoted, and its attributes."""
    quoted = _QUOTED.match(line)
    if quoted:
        return _ESCAPE.sub(_unescape, quoted[1]), line[quoted.end() :]
    end = next((at for at, char in enumerate(line) if char in _BLANKS), len(line))
    return line[:end], line[end:]


def _unescape(escape: re.Match[str]) -> str:
    code = escape[1]
    return chr(int(code, 8) & 0xFF) if len(code) > 1 else _ESCAPES.get(code, code)


def _setting(word: str) -> tuple[str, bool | None] | None:
    """Read one attribute: its field and value, or ``None`` where it is another one."""
    name, equals, value = word.partition("=")
    sign = name[:1] if name[:1] in ("-", "!") and not equals else ""
    field = name.removeprefix(sign).removeprefix(_PREFIX)
    if not name.removeprefix(sign).startswith(_PREFIX) or field not in _FIELDS:
        return None
    if equals:
        return field, {"true": True, "false": False}.get(value.lower())
    return field, {"": True, "-": False, "!": None}[sign]
