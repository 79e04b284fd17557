# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Who owns which files, by CODEOWNERS: of the patterns that fit a path, the last one counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathspec import PathSpec

_BLANK = re.compile(r"(?<!\\)\s+")


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


def is_readable(text: str) -> bool:
    """Whether it can be told who owns what: not where there are sections or exceptions, which are GitLab's own."""
    if any(words[0].startswith(("!", "[", "^")) for line in text.splitlines() if (words := _words(line))):
        return False
    try:
        _rules(text)
    except ValueError:
        return False
    return True


def _words(line: str) -> list[str]:
    """Return what stands between blanks, of which a backslash makes a part of the word; no comment."""
    found = [word for word in _BLANK.split(line.strip()) if word]
    end = next((place for place, word in enumerate(found) if word.startswith("#")), len(found))
    return found[:end]


@lru_cache(maxsize=32)
def _rules(text: str) -> tuple[tuple[PathSpec[Any], frozenset[str]], ...]:
    """Return patterns with their owners, the last one first."""
    from pathspec import PathSpec  # noqa: PLC0415 -- an extra

    found = []
    for line in text.splitlines():
        words = _words(line)
        if words:
            found.append((PathSpec.from_lines("gitignore", [words[0]]), frozenset(words[1:])))
    return tuple(reversed(found))


__all__ = ["owners_of"]
