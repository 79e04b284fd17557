# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the files of modules that say themselves what they are called, or that their folder names. Pure.

A namespace of C# is all files that declare it, wherever they are; so is a module of Elixir and a class of PHP. A module
of Swift is the folder of its target.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

DECLARING: Final = frozenset({"csharp", "elixir", "php"})
"""Languages whose files declare what others import."""
DECLARED_KINDS: Final = frozenset({"module", "class", "interface", "enum", "struct", "type", "function"})
_SOURCES: Final = frozenset({"Sources", "Source", "Tests", "Plugins"})


class DeclaredModules:
    """Finds files by names.

    Args:
        files: Paths and languages.
        declared: What files of the languages in :data:`DECLARING` define: path, and qualified name with dots.
    """

    def __init__(self, files: Iterable[tuple[str, str | None]], declared: Iterable[tuple[str, str]]) -> None:
        language_of = dict(files)
        self._files: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for path, name in declared:
            found = self._files[language_of.get(path) or "", name]
            if path not in found:
                found.append(path)
        self._known = {language for language, _ in self._files}
        for path, language in language_of.items():
            if language == "swift" and (target := _target(path)):
                self._files["swift", target].append(path)

    def resolve(self, language: str, target: str) -> list[str] | None:
        """Return the files of what is imported; ``None`` where the rules of the language leave it open."""
        if language == "swift":
            return sorted(self._files.get((language, target.partition(".")[0]), ()))
        if language not in self._known:
            return None
        name = target.strip("\\").replace("\\", ".").removeprefix("global::")
        found = self._files.get((language, name))
        if found is None and language == "php":
            return None  # a manifest may say where it is, of a file that holds nothing else
        return sorted(found or ())


def _target(path: str) -> str:
    """Return the target of a Swift package that a file is of."""
    parts = path.split("/")
    for place, part in enumerate(parts[:-2]):
        if part in _SOURCES:
            return parts[place + 1]
    return ""


__all__ = ["DECLARED_KINDS", "DECLARING", "DeclaredModules"]
