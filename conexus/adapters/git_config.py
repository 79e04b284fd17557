# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads git's configuration files as text. Includes are not followed and nothing in them is run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import field
from pathlib import Path

from conexus.adapters.regular_files import read_regular
from conexus.values import dataclass

_MAX_BYTES = 1_000_000
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"'}
_TRUE = frozenset({"true", "yes", "on", "1"})


@dataclass(frozen=True, slots=True)
class GitConfig:
    """The entries of one or more files."""

    entries: tuple[tuple[str, str, str, str | None], ...] = field(default=())
    """Section and key in lower case, subsection as written: ``(section, subsection, key, value)``. A key
    without ``=`` has no value, and means true."""

    def get(self, section: str, key: str, subsection: str = "") -> str | None:
        """Return the last value; ``None`` where there is none."""
        values = self.all(section, key, subsection)
        return values[-1] if values else None

    def all(self, section: str, key: str, subsection: str = "") -> list[str]:
        """Return every value, in order."""
        wanted = (section, subsection, key)
        return [value if value is not None else "true" for *name, value in self.entries if tuple(name) == wanted]

    def subsections(self, section: str) -> list[str]:
        """Return the subsections of a section, in order, each once."""
        return list(dict.fromkeys(entry[1] for entry in self.entries if entry[0] == section and entry[1]))

    def is_true(self, section: str, key: str) -> bool:
        """Whether the last value is a true boolean."""
        value = self.get(section, key)
        return value is not None and value.lower() in _TRUE


def read_config(*paths: Path, follow: bool = True) -> GitConfig:
    """Read configuration files, later ones over earlier ones; a missing or unreadable file counts as empty.

    Args:
        paths: The files.
        follow: Whether one may be a symlink: a user's own, and none that came with a repository.
    """
    entries: list[tuple[str, str, str, str | None]] = []
    for path in paths:
        data = read_regular(path, _MAX_BYTES, follow=follow)
        if data is not None:
            entries.extend(parse_config(os.fsdecode(data)).entries)
    return GitConfig(tuple(entries))


def parse_config(text: str) -> GitConfig:
    """Parse a configuration file; what follows a mistake in it is left out."""
    return GitConfig(tuple(_Reader(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}").replace("\r\n", "\n")).entries()))


class _Malformed(Exception):
    """The text is no configuration from here on."""


class _Reader:
    """Goes through the text character by character, as git does."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def entries(self) -> Iterator[tuple[str, str, str, str | None]]:
        section = subsection = ""
        while self._at < len(self._text):
            char = self._text[self._at]
            try:
                if char.isspace():
                    self._at += 1
                elif char in "#;":
                    self._skip_line()
                elif char == "[":
                    section, subsection = self._header()
                else:
                    key = self._key()
                    yield section, subsection, key, self._value()
            except _Malformed:
                return

    def _take(self) -> str:
        """Return the next character, or an empty text at the end."""
        char = self._text[self._at : self._at + 1]
        self._at += 1
        return char

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _skip_blanks(self) -> None:
        while self._text[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1

    def _header(self) -> tuple[str, str]:
        self._at += 1
        name = self._word("-.")
        self._skip_blanks()
        char = self._take()
        if char == "]" and name:
            section, _, subsection = name.partition(".")
            return section, subsection
        if char != '"' or not name:
            raise _Malformed
        subsection = ""
        while (char := self._take()) != '"':
            if char == "\\":
                char = self._take()
            if char in ("", "\n"):
                raise _Malformed
            subsection += char
        if self._take() != "]":
            raise _Malformed
        return name, subsection

    def _word(self, extra: str) -> str:
        start = self._at
        while (char := self._text[self._at : self._at + 1]) and ((char.isascii() and char.isalnum()) or char in extra):
            self._at += 1
        return self._text[start : self._at].lower()

    def _key(self) -> str:
        key = self._word("-")
        if not key or not key[0].isalpha():
            raise _Malformed
        return key

    def _value(self) -> str | None:
        self._skip_blanks()
        char = self._take()
        if char in ("", "\n"):
            return None
        if char in "#;":
            self._skip_line()
            return None
        if char != "=":
            raise _Malformed
        self._skip_blanks()
        return self._rest_of_value()

    def _rest_of_value(self) -> str:
        value: list[str] = []
        blanks: list[str] = []  # kept only where something follows
        quoted = False
        while (char := self._take()) not in ("", "\n"):
            if char == '"':
                quoted = not quoted
                char = ""
            elif not quoted and char in "#;":
                self._skip_line()
                break
            elif not quoted and char.isspace():
                blanks.append(char)
                continue
            elif char == "\\":
                char = self._escaped()
            value.extend(blanks)
            value.append(char)
            blanks.clear()
        if quoted:
            raise _Malformed
        return "".join(value)

    def _escaped(self) -> str:
        char = self._take()
        if char == "\n":
            return ""
        if char not in _ESCAPES:
            raise _Malformed
        return _ESCAPES[char]
