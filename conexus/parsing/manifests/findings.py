# SPDX-License-Identifier: FSL-1.1-MIT
"""Collects what one manifest provides and requires. What is no plain name or version does not get in."""

from __future__ import annotations

import re

from conexus.types import DependencyScope, Ecosystem, PackageProvided, PackageRequired
from conexus.values import dataclass

MAX_PACKAGES = 50_000
"""Packages of one file; the largest real lock files have some 5,000."""
_MAX_NAME_CHARS = 214  # npm's limit, the largest of those that are written down, but for Go's paths
_MAX_PATH_CHARS = 500
_MAX_VERSION_CHARS = 200
_MAX_NOTES = 5
_MAX_NOTE_CHARS = 200
_LONG_NAMES = frozenset({Ecosystem.GO, Ecosystem.GIT, Ecosystem.DOCKER, Ecosystem.TERRAFORM, Ecosystem.MAVEN})
_NAME = re.compile(r"[\w@./:+~-]+")
_BLANKS = re.compile(r"\s+")
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@")
_SEPARATORS = re.compile(r"[-_.]+")


class Unreadable(ValueError):
    """A manifest is not in the form that its name promises; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one manifest or lock file says."""

    provided: tuple[PackageProvided, ...] = ()
    required: tuple[PackageRequired, ...] = ()
    notes: tuple[str, ...] = ()
    """What of it could not be read."""


class Findings:
    """Collects packages; each is kept once a scope, at the first line that names it with that version."""

    def __init__(self) -> None:
        self._provided: dict[tuple[str, str], PackageProvided] = {}
        self._required: dict[tuple[str, str, str, str], PackageRequired] = {}
        self._notes: dict[str, None] = {}

    def provide(self, ecosystem: Ecosystem, name: object, version: object = "", line: int = 1) -> None:
        """Note a package that the manifest describes."""
        plain = self._name(ecosystem, name, line)
        if plain:
            found = PackageProvided(ecosystem, plain, _version(version), line)
            self._provided.setdefault((ecosystem, plain), found)

    def require(
        self,
        ecosystem: Ecosystem,
        name: object,
        constraint: object = "",
        scope: DependencyScope = DependencyScope.RUNTIME,
        line: int = 1,
    ) -> None:
        """Note a package that the manifest asks for; what is no text counts as no constraint."""
        if len(self._required) >= MAX_PACKAGES:
            self.note(f"only the first {MAX_PACKAGES:,} packages were read")
            return
        plain = self._name(ecosystem, name, line)
        if plain:
            found = PackageRequired(ecosystem, plain, _version(constraint), scope, line)
            self._required.setdefault((ecosystem, plain, found.constraint, scope), found)

    def note(self, text: str) -> None:
        """Say what could not be read; a few such notes are kept."""
        if len(self._notes) < _MAX_NOTES:
            self._notes[_shown(text)] = None

    def result(self) -> Manifest:
        """Return what was found."""
        return Manifest(tuple(self._provided.values()), tuple(self._required.values()), tuple(self._notes))

    def _name(self, ecosystem: Ecosystem, name: object, line: int) -> str:
        """Return a name as the ecosystem compares it, or nothing for what is none."""
        if not isinstance(name, str) or not name.strip():
            return ""
        plain = name.strip()
        limit = _MAX_PATH_CHARS if ecosystem in _LONG_NAMES else _MAX_NAME_CHARS
        if len(plain) > limit or not _NAME.fullmatch(plain):
            self.note(f"line {line} names no package: {plain}")
            return ""
        return normalized(ecosystem, plain)


def normalized(ecosystem: Ecosystem, name: str) -> str:
    """Return a package's name as its ecosystem compares names.

    PyPI: PEP 503. NuGet, Composer, Swift and actions ignore case. Others compare what is written.
    """
    if ecosystem is Ecosystem.PYPI:
        return _SEPARATORS.sub("-", name).lower()
    if ecosystem in {Ecosystem.NUGET, Ecosystem.COMPOSER, Ecosystem.SWIFT, Ecosystem.GITHUB_ACTIONS}:
        return name.lower()
    return name


def _version(written: object) -> str:
    """Return a version or a constraint on one line, without what may be secret in an address."""
    if not isinstance(written, str):
        return ""
    return _printable(_CREDENTIALS.sub("", _BLANKS.sub(" ", written).strip()))[:_MAX_VERSION_CHARS]


def _shown(text: str) -> str:
    return _printable(_BLANKS.sub(" ", text))[:_MAX_NOTE_CHARS]


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(char for char in text if char.isprintable())


__all__ = ["MAX_PACKAGES", "Findings", "Manifest", "Unreadable", "normalized"]
