# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Who owns which files, by CODEOWNERS: of the patterns that fit a path, the last one counts; with sections, of each.

Code hosts read these files in two ways. GitLab's is taken for a file in ``.gitlab`` and for one with sections, GitHub's
for all others. The files are anybody's: a pattern becomes a regular expression that goes back over no part of a path
more than once, so that none can be made to take long.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from conexus.types import OwnersFile
from conexus.values import dataclass

_BLANKS: Final = " \t\r\f\v"
"""As code hosts have them. Others, and other ends of lines, would let a line hide in a comment."""
_BLANK: Final = re.compile(r"(?<!\\)\s+", re.ASCII)
_HEADING: Final = re.compile(r"\^?\[\s*(?P<name>[^\[\]\s][^\[\]]*)\](?:\[\d{1,4}\])?(?P<owners>\s.*)?", re.ASCII)
_OWNER: Final = re.compile(r"@{1,2}[^\s@]+|[^\s@]+@[^\s@]+", re.ASCII)
_GITLAB_FOLDER: Final = ".gitlab/"
_GLOBSTAR: Final = "**"
_MAX_PATTERN: Final = 4_096
"""Characters of a pattern: no path has more."""
_NEVER: Final = re.compile(r"(?!)")


class Unreadable(ValueError):
    """It cannot be told who owns what."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line with a pattern."""

    pattern: re.Pattern[str]
    owners: frozenset[str]
    is_exclusion: bool = False
    """Whether files that fit have no owner by this section, whatever else it says."""


_Section = tuple[_Entry, ...]


def owners_of(file: OwnersFile, paths: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the owners of files, as they are written (``@ann``, ``@acme/web``, ``ann@example.org``).

    Args:
        file: CODEOWNERS; one that cannot be read owns nothing.
        paths: The files, relative to the tree.
    """
    try:
        sections = _sections(file)
    except Unreadable:
        return {}
    found: dict[str, frozenset[str]] = {}
    for path in paths if sections else ():
        said = [owners for section in sections if (owners := _said(section, path)) is not None]
        if said:
            found[path] = frozenset().union(*said)
    return found


def is_readable(file: OwnersFile) -> bool:
    """Whether it can be told who owns what: there is no such file, or nothing in it is doubtful."""
    try:
        _sections(file)
    except Unreadable:
        return False
    return True


def _said(section: _Section, path: str) -> frozenset[str] | None:
    """Return whom a section, whose last line comes first, names for a path; nothing where no line fits."""
    found = None
    for entry in section:
        if (found is None or entry.is_exclusion) and entry.pattern.match(path):
            if entry.is_exclusion:
                return frozenset()
            found = entry.owners
    return found


@lru_cache(maxsize=32)
def _sections(file: OwnersFile) -> tuple[_Section, ...]:
    """Return the sections of a file, each with its last line first.

    Raises:
        Unreadable: It is not there, or has a line of which it cannot be told what it means.
    """
    if file.text is None:
        raise Unreadable("it has no text")
    lines = [found for line in file.text.split("\n") if (found := line.strip(_BLANKS)) and found[0] != "#"]
    if file.path.startswith(_GITLAB_FOLDER) or any(_HEADING.fullmatch(line) for line in lines):
        return _of_gitlab(lines)
    return (tuple(_of_github(lines)),)


# ------------------------------------------------------------------------------ two ways to read it


def _of_github(lines: Sequence[str]) -> Iterable[_Entry]:
    for line in reversed(lines):
        words = [word for word in _BLANK.split(line) if word]
        end = next((place for place, word in enumerate(words) if word.startswith("#")), len(words))
        # The first three no host takes for the beginning of a pattern.
        if line.startswith(("!", "[", "^")) or len(words[0]) > _MAX_PATTERN:
            raise Unreadable(line)
        yield _Entry(_regex(_github_parts(words[0])), frozenset(words[1:end]))


def _of_gitlab(lines: Sequence[str]) -> tuple[_Section, ...]:
    """Return the sections; lines of those with one name, in any case, are together, and so are those before any.

    Who is named after a number sign is an owner too: there are no comments within lines.
    """
    found: dict[str, list[_Entry]] = {"": []}
    section, by_default = found[""], frozenset[str]()
    for line in lines:
        heading = _HEADING.fullmatch(line)
        if heading is not None:
            section = found.setdefault(heading["name"].strip(_BLANKS).lower(), [])
            by_default = _named(heading["owners"] or "")
            continue
        if line.startswith(("[", "^")):  # a heading that is none: whose lines follow cannot be told
            raise Unreadable(line)
        is_exclusion = line.startswith("!")
        pattern, *rest = _BLANK.split(line.removeprefix("!"), maxsplit=1)
        owners = _named(rest[0]) if rest and rest[0] else by_default
        if len(pattern) > _MAX_PATTERN:
            raise Unreadable(line)
        section.append(_Entry(_regex(_gitlab_parts(pattern)), owners, is_exclusion))
    return tuple(tuple(reversed(entries)) for entries in found.values())


def _named(text: str) -> frozenset[str]:
    return frozenset(word for word in _BLANK.split(text) if _OWNER.fullmatch(word))


# ------------------------------------------------------------------------------ patterns


def _github_parts(pattern: str) -> list[str]:
    """Return the parts of a path that a pattern asks for, as .gitignore does; ``docs/*`` is no deeper file."""
    *parts, last = pattern.removeprefix("/").split("/")
    is_anchored = "/" in pattern[:-1]
    if last:
        parts.append(last)
        ends_here = is_anchored and last == "*"
        below = [] if ends_here else ["*", _GLOBSTAR] if last == _GLOBSTAR else [_GLOBSTAR]
    else:  # a folder
        below = ["*", _GLOBSTAR]
    return [*([] if is_anchored else [_GLOBSTAR]), *parts, *below]


def _gitlab_parts(pattern: str) -> list[str]:
    """Return the parts of a path that a pattern asks for, as Ruby's fnmatch does; only ``docs/`` is a folder."""
    if pattern == "*":
        return [_GLOBSTAR, "*"]
    *parts, last = pattern.removeprefix("/").split("/")
    is_anchored = pattern.startswith("/")
    return [*([] if is_anchored else [_GLOBSTAR]), *parts, *([last.replace("**", "*")] if last else [_GLOBSTAR, "*"])]


def _regex(parts: Sequence[str]) -> re.Pattern[str]:
    """Return a regular expression for a path; ``**`` as a part stands for any number of folders.

    What stands before another ``*`` or ``**`` is taken where it fits first, and never looked for again: if it fits at
    all, it fits so. That is what keeps the time in bounds.
    """
    runs: list[list[str]] = [[]]
    for part in parts:
        if part == _GLOBSTAR:
            runs.append([])
        else:
            runs[-1].append(_part(part))
    first, *others = runs
    if not others:
        return re.compile("/".join(first) + r"\Z")
    found = "/".join(first)
    *middle, last = others
    found += "/" if first and any([*middle, last]) else ""
    found += "".join(f"(?>(?:[^/]+/)*?{'/'.join(run)}(?:/|\\Z))" for run in middle if run)
    if last:
        return re.compile(rf"{found}(?:[^/]+/)*{'/'.join(last)}\Z")
    return re.compile(found if any(middle) else rf"{found}(?:/|\Z)" if first else "")


def _part(pattern: str) -> str:
    """Return a regular expression for one part of a path, between slashes."""
    chunks: list[str] = [""]
    place = 0
    while place < len(pattern):
        letter, place = pattern[place], place + 1
        if letter == "*":
            chunks.append("")
        elif letter == "?":
            chunks[-1] += "[^/]"
        elif letter == "[":
            end = pattern.find("]", place + 1 + (pattern[place : place + 1] in {"!", "^"}))
            if end < 0:
                return _NEVER.pattern
            chunks[-1] += _letters(pattern[place:end])
            place = end + 1
        elif letter == "\\" and place < len(pattern):
            chunks[-1] += re.escape(pattern[place])
            place += 1
        else:
            chunks[-1] += re.escape(letter)
    first, *others = chunks
    if not others:
        return first
    *middle, last = others
    if not first and not last and not any(middle):
        return "[^/]+"
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in middle if chunk) + f"[^/]*{last}(?=/|\\Z)"


def _letters(text: str) -> str:
    """Return a regular expression for what stands in brackets."""
    is_not = text[:1] in {"!", "^"}
    letters, found, place = text[is_not:], "", 0
    while place < len(letters):
        first = letters[place]
        if letters[place + 1 : place + 2] == "-" and place + 2 < len(letters):
            last = letters[place + 2]
            if first > last:
                return _NEVER.pattern
            found += f"{re.escape(first)}-{re.escape(last)}"
            place += 3
        else:
            found += re.escape(first)
            place += 1
    return f"(?!/)[{'^' if is_not else ''}{found}]"


__all__ = ["is_readable", "owners_of"]
