# SPDX-License-Identifier: FSL-1.1-MIT
"""Path patterns of a search, read as in a gitignore file. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import groupby

from conexus.errors import QueryError

_MAX_CHARS = 1_000
_TWO_STARS = "**"
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "blank": r" \t",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9A-Fa-f",
}
_SPECIAL = re.compile(r"([\\*?\[!])")
# A `]` that comes first is a member; a class in brackets of its own, as `[:digit:]`, is one too.
_BRACKET = re.compile(r"\[([!^]?)(\]?(?:\[:[a-z]*:\]|\\.|[^\]\\])*+)\]", re.DOTALL)
_MEMBER = re.compile(r"\[:([a-z]*):\]|\\?(.)", re.DOTALL)


def matcher(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a function that says whether a path fits one of the patterns.

    ``*.py`` fits in every folder, ``src`` fits a file of that name and all below a folder of that name, ``src/`` only
    the latter; ``/src/**/test_*`` and any other pattern with an inner slash starts at the root. Matching takes time in
    proportion to the lengths of path and pattern multiplied, whatever they are.

    Raises:
        QueryError: A pattern is empty, too long or malformed, or begins with ``!``.
    """
    compiled = [_compiled(pattern) for pattern in patterns]
    return lambda path: any(pattern.match(path) is not None for pattern in compiled)


def literal(path: str) -> str:
    """Return the pattern for a path whose characters all stand for themselves."""
    return _SPECIAL.sub(r"\\\1", path)


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    body = pattern.strip().removeprefix("./")
    if not body.strip("/"):
        raise QueryError("a path pattern is empty", hint="use a pattern such as 'src/**' or '*.py'")
    if len(body) > _MAX_CHARS:
        raise QueryError(f"a path pattern has {len(body):,} characters; at most {_MAX_CHARS:,} are allowed")
    if body.startswith("!"):
        raise QueryError(
            f"the path pattern {pattern!r} begins with '!', but patterns only let in",
            hint=r"write \! for a name that does",
        )
    only_folder = body.endswith("/")
    segments = body.strip("/").split("/")
    if len(segments) == 1 and not body.startswith("/"):
        segments.insert(0, _TWO_STARS)
    try:
        return re.compile(_source(segments, "/" if only_folder else r"(?:/|\Z)"), re.DOTALL)
    except re.error as exc:
        raise QueryError(f"the path pattern {pattern!r} is malformed: {exc}") from exc


def _source(segments: Sequence[str], end: str) -> str:
    """Translate a pattern, segment by segment.

    Between two ``**`` the first place that fits is taken for good (an atomic group): a later one could only leave
    less of the path for the rest. That is what keeps hostile patterns from blowing up; see also :func:`_segment`.
    """
    groups = [(stars, list(run)) for stars, run in groupby(segments, key=_TWO_STARS.__eq__)]
    parts: list[str] = []
    after_stars = False
    for number, (stars, run) in enumerate(groups):
        if stars:
            after_stars = True
            continue
        is_last = number == len(groups) - 1
        source = "/".join(map(_segment, run)) + (end if is_last else "/")
        if after_stars:
            source = f"(?:[^/]+/)*?{source}"
        parts.append(source if is_last else f"(?>{source})")
    if after_stars and groups[-1][0]:
        parts.append("[^/]+" + end)
    return "".join(parts)


def _segment(segment: str) -> str:
    """Translate what stands between two slashes.

    What is between two stars matches as early as it can, for good; the same reason holds as in :func:`_source`.
    """
    runs: list[list[str]] = [[]]
    position = 0
    while position < len(segment):
        char = segment[position]
        if char == "*":
            runs.append([])
            position += 1
        elif char == "[":
            source, position = _bracket(segment, position)
            runs[-1].append(source)
        elif char == "\\":
            if position + 1 == len(segment):
                raise QueryError(f"the path pattern {segment!r} ends in a backslash", hint=r"write \\ for a backslash")
            runs[-1].append(re.escape(segment[position + 1]))
            position += 2
        else:
            runs[-1].append("[^/]" if char == "?" else re.escape(char))
            position += 1
    first, *others = ["".join(run) for run in runs]
    if not others:
        return first
    *middle, last = others
    return first + "".join(f"(?>[^/]*?{run})" for run in middle if run) + f"[^/]*{last}(?![^/])"


def _bracket(segment: str, position: int) -> tuple[str, int]:
    """Translate one bracket expression; return it and where it ends. It never matches a slash."""
    match = _BRACKET.match(segment, position)
    if match is None or not match[2]:
        raise QueryError(f"the path pattern {segment!r} has a '[' without its ']'", hint=r"write \[ for the character")
    members = list(_MEMBER.finditer(match[2]))
    source = ""
    while members:
        member = members.pop(0)
        if (name := member[1]) is not None:
            if name not in _CLASSES:
                raise QueryError(f"the path pattern {segment!r} has an unknown class [:{name}:]")
            source += _CLASSES[name]
            continue
        source += re.escape(member[2])
        if len(members) > 1 and members[0][0] == "-" and members[1][2] is not None:
            source += "-" + re.escape(members[1][2])
            del members[:2]
    return f"(?!/)[{'^' if match[1] else ''}{source}]", match.end()
