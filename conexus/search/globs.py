"""Path patterns of a search, read as in a gitignore file. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from conexus.errors import QueryError


def matches_any(patterns: Sequence[str], path: str) -> bool:
    """Whether a path fits one of the patterns.

    ``*.py`` fits in every folder, ``src/`` or ``src`` fits all below a folder of that name, ``/src/**/test_*``
    and any other pattern with an inner slash starts at the root.

    Raises:
        QueryError: A pattern is empty or malformed.
    """
    return any(_compiled(pattern).search(path) is not None for pattern in patterns)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    body = pattern.strip().removeprefix("./").rstrip("/")
    if not body:
        raise QueryError("a path pattern is empty", hint="use a pattern such as 'src/**' or '*.py'")
    anchored = "/" in body
    source = "".join(_parts(body.lstrip("/")))
    start = r"\A" if anchored else r"(?:\A|/)"
    try:
        return re.compile(f"{start}{source}(?:/|\\Z)", re.DOTALL)
    except re.error as exc:
        raise QueryError(f"the path pattern {pattern!r} is malformed: {exc}") from exc


def _parts(body: str) -> list[str]:
    parts: list[str] = []
    position = 0
    while position < len(body):
        rest = body[position:]
        if rest.startswith("**/"):
            parts.append("(?:.*/)?")
            position += 3
        elif rest.startswith("**"):
            parts.append(".*")
            position += 2
        elif rest[0] == "*":
            parts.append("[^/]*")
            position += 1
        elif rest[0] == "?":
            parts.append("[^/]")
            position += 1
        elif match := re.match(r"\[(!?)(\]?[^\]]*)\]", rest):
            inner = match[2].replace("\\", r"\\").replace("^", r"\^").replace("[", r"\[")
            parts.append(f"[{'^' if match[1] else ''}{inner}]")
            position += match.end()
        else:
            parts.append(re.escape(rest[0]))
            position += 1
    return parts
