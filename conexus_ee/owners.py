# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Who owns which files, by CODEOWNERS: of the patterns that fit a path, the last one counts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import PathSpec


def owners_of(text: str, paths: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the owners of files, as they are written (``@ann``, ``@acme/web``, ``ann@example.org``).

    Args:
        text: What CODEOWNERS says. A line that is no pattern owns nothing.
        paths: The files, relative to the tree.
    """
    rules = _rules(text)
    found: dict[str, frozenset[str]] = {}
    for path in paths if rules else ():
        for spec, owners in rules:
            if spec.match_file(path):
                found[path] = owners
                break
    return found


@lru_cache(maxsize=32)
def _rules(text: str) -> tuple[tuple[PathSpec[Any], frozenset[str]], ...]:
    """Return patterns with their owners, the last one first."""
    from pathspec import PathSpec  # noqa: PLC0415 -- an extra

    found = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if not words or words[0].startswith(("!", "[", "^")):  # sections and exceptions: those are GitLab's own
            continue
        try:
            spec = PathSpec.from_lines("gitignore", [words[0]])
        except ValueError:
            continue
        found.append((spec, frozenset(words[1:])))
    return tuple(reversed(found))


__all__ = ["owners_of"]
