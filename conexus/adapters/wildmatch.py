# SPDX-License-Identifier: FSL-1.1-MIT
"""Git's path patterns, compiled to regular expressions that cannot run away.

Git matches bytes: ``?`` is one byte of a name, not one character. Names and patterns
are therefore held as *byte text*: a ``str`` whose characters are the bytes of the name
(Latin-1). For ASCII names, nearly all of them, that is the name itself.

Patterns come from the repository and are hostile. Backtracking over several stars is
exponential, so that every star but the last of a path segment, and every ``**/`` but
the last of a pattern, takes its first match for good (an atomic group). That loses
nothing: the star after it can take up whatever an earlier match leaves over.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from conexus.values import dataclass

_BRANCHES = 200  # patterns in one alternation; more slow the compiler down without speeding up the match
_SPECIAL = re.compile(r"[*?\[\\]")
_IN_CLASS = frozenset("\\]^-[&~|")

# Source: git's own ctype table, which differs from C's: vertical tab and form feed are not space.
_PUNCTUATION = frozenset(range(0x21, 0x7F)) - frozenset(
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
_UPPER = frozenset(range(0x41, 0x5B))
_LOWER = frozenset(range(0x61, 0x7B))
_DIGIT = frozenset(range(0x30, 0x3A))
_SPACE = frozenset(b" \t\n\r")
_CLASSES = {
    "alnum": _UPPER | _LOWER | _DIGIT,
    "alpha": _UPPER | _LOWER,
    "blank": frozenset(b" \t"),
    "cntrl": frozenset(range(0x20)) | {0x7F},
    "digit": _DIGIT,
    "graph": frozenset(range(0x21, 0x7F)),
    "lower": _LOWER,
    "print": frozenset(range(0x20, 0x7F)),
    "punct": _PUNCTUATION,
    "space": _SPACE,
    "upper": _UPPER,
    "xdigit": _DIGIT | frozenset(b"abcdefABCDEF"),
}


class _NeverMatches(Exception):
    """The pattern is malformed; git lets it match nothing."""


def byte_text(name: str) -> str:
    """Return a file name (surrogateescape) as byte text."""
    return name if name.isascii() else os.fsencode(name).decode("latin-1")


def from_byte_text(text: str) -> str:
    """Return byte text as a file name (surrogateescape)."""
    return text if text.isascii() else os.fsdecode(text.encode("latin-1"))


def fold(text: str) -> str:
    """Lower the ASCII letters of byte text, as git does where ``core.ignorecase`` is set."""
    return text.encode("latin-1").lower().decode("latin-1")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, without its ``!`` and its final ``/``."""

    text: str
    """Byte text; a leading slash is kept."""
    directory_only: bool = False

    @property
    def any_level(self) -> bool:
        """Whether the pattern has no slash, and so matches the last part of a path at any depth."""
        return "/" not in self.text


def literal_text(pattern: Pattern) -> str | None:
    """Return the one name or path that the pattern matches, or ``None`` where it has a wildcard."""
    return None if _SPECIAL.search(pattern.text) else pattern.text.removeprefix("/")


def literal_suffix(pattern: Pattern) -> str | None:
    """Return ``.log`` for ``*.log`` and alike, ``None`` for any other pattern."""
    text = pattern.text
    if text[:1] == "*" and pattern.any_level and not _SPECIAL.search(text, 1):
        return text[1:]
    return None


def translate(pattern: Pattern, *, ignore_case: bool) -> str | None:
    """Return a regular expression for :meth:`re.Pattern.fullmatch`, to be compiled with DOTALL.

    It matches the last part of a path where :attr:`Pattern.any_level` holds, else the path below
    the folder of the rule; both as byte text, folded where ``ignore_case`` is set.

    Returns:
        ``None`` where the pattern is malformed and matches nothing.
    """
    text = pattern.text.removeprefix("/") if not pattern.any_level else pattern.text
    special = _SPECIAL.search(text)
    # Git compares the text before the first wildcard by itself, so that what follows counts as the
    # start of a pattern: in "a**/b", "**/" may match nothing, and "ab" is matched.
    start = special.start() if special and not pattern.any_level else 0
    head = re.escape(fold(text[:start]) if ignore_case else text[:start])
    try:
        return head + _join(_tokens(text[start:], by_path=not pattern.any_level, ignore_case=ignore_case))
    except _NeverMatches:
        return None


# Tokens are pieces of a regular expression that match one byte, or one of these.
_STAR = "*"
_FOLDERS = "**/"  # any number of folders, none too
_SOME_FOLDERS = "**\\/"  # at least one
_REST = "**"


def _tokens(text: str, *, by_path: bool, ignore_case: bool) -> list[str]:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        if char == "*":
            at = _star(text, at, tokens, by_path=by_path)
        elif char == "?":
            tokens.append("[^/]")
            at += 1
        elif char == "[":
            token, at = _character_class(text, at, ignore_case=ignore_case)
            tokens.append(token)
        elif char == "\\":
            if at + 1 == len(text) or (ignore_case and ord(text[at + 1]) in _UPPER):
                raise _NeverMatches  # git folds the name, not the escaped letter
            tokens.append(re.escape(text[at + 1]))
            at += 2
        else:
            tokens.append(re.escape(fold(char) if ignore_case else char))
            at += 1
    return tokens


def _star(text: str, at: int, tokens: list[str], *, by_path: bool) -> int:
    """Append the token of the run of stars at ``at``; return where the pattern goes on."""
    end = at
    while end < len(text) and text[end] == "*":
        end += 1
    whole_part = by_path and end - at > 1 and (at == 0 or text[at - 1] == "/")
    if whole_part and end == len(text):
        tokens.append(_REST)
        return end
    if whole_part and text[end] == "/":
        tokens.append(_FOLDERS)
        return end + 1
    if whole_part and text.startswith("\\/", end):
        tokens.append(_SOME_FOLDERS)
        return end + 2
    tokens.append(_STAR)
    return end


def _character_class(text: str, at: int, *, ignore_case: bool) -> tuple[str, int]:
    """Translate the ``[...]`` at ``at``; return it and where the pattern goes on."""
    at += 1
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    members: set[int] = set()
    previous = 0  # first end of a range, or 0 where none can start
    first = True
    while first or text[at : at + 1] != "]":
        first = False
        added, previous, at = _class_item(text, at, previous, ignore_case=ignore_case)
        members |= added
    if negated:
        members = set(range(1, 256)) - members
    members -= {ord("/")}
    if not members:
        raise _NeverMatches
    return _class_source(members), at + 1


def _class_item(text: str, at: int, previous: int, *, ignore_case: bool) -> tuple[set[int], int, int]:
    """Read one item of a class: its members, the first end of a range that may follow, and the next place."""
    char = text[at : at + 1]
    if not char:
        raise _NeverMatches
    if char == "\\":
        escaped = text[at + 1 : at + 2]
        if not escaped:
            raise _NeverMatches
        return {ord(escaped)}, ord(escaped), at + 2
    if char == "-" and previous and text[at + 1 : at + 2] not in ("", "]"):
        at += 2 if text[at + 1] == "\\" else 1
        if at >= len(text):
            raise _NeverMatches
        members = set(range(previous, ord(text[at]) + 1))
        if ignore_case:
            members |= {byte + 32 for byte in members & _UPPER}
        return members, 0, at + 1
    if char == "[" and text[at + 1 : at + 2] == ":":
        return _named_class(text, at, ignore_case=ignore_case)
    return {ord(char)}, ord(char), at + 1


def _named_class(text: str, at: int, *, ignore_case: bool) -> tuple[set[int], int, int]:
    end = text.find("]", at + 2)
    if end < 0:
        raise _NeverMatches
    if end == at + 2 or text[end - 1] != ":":
        return {ord("[")}, ord("["), at + 1
    members = _CLASSES.get(text[at + 2 : end - 1])
    if members is None:
        raise _NeverMatches
    if ignore_case and members == _UPPER:
        members = _UPPER | _LOWER
    return set(members), 0, end + 1


def _class_source(members: set[int]) -> str:
    escaped = ["\\" + char if char in _IN_CLASS else re.escape(char) for char in map(chr, sorted(members))]
    return f"[{''.join(escaped)}]"


def _join(tokens: Sequence[str]) -> str:
    """Put the tokens together, so that matching is linear in the number of stars."""
    pieces: list[str] = []
    starts = [at for at, token in enumerate(tokens) if token in (_FOLDERS, _SOME_FOLDERS, _REST)]
    bounds = [*starts, len(tokens)]
    pieces.append(_segments(tokens[: bounds[0]]))
    for start, end in pairwise(bounds):
        if tokens[start] == _REST:
            pieces.append(".*")
            continue
        folders = "(?:[^/]*/)*?" if tokens[start] == _FOLDERS else "(?:[^/]*/)+?"
        source = folders + _segments(tokens[start + 1 : end])
        pieces.append(f"(?>{source})" if end < len(tokens) else source)
    return "".join(pieces)


def _segments(tokens: Sequence[str]) -> str:
    """Put tokens without ``**`` together; a star is atomic where another follows in the same path segment."""
    pieces: list[str] = []
    at = 0
    while at < len(tokens):
        if tokens[at] != _STAR:
            pieces.append(tokens[at])
            at += 1
            continue
        end = at + 1
        while end < len(tokens) and tokens[end] not in (_STAR, "/"):
            end += 1
        fixed = "".join(tokens[at + 1 : end])
        another = end < len(tokens) and tokens[end] == _STAR
        pieces.append(f"(?>[^/]*?{fixed})" if another else f"[^/]*{fixed}")
        at = end
    return "".join(pieces)


class PatternSet:
    """An ordered list of patterns, of which the last that matches decides.

    Args:
        patterns: In the order of their file.
        ignore_case: Whether ASCII case counts for nothing.
    """

    def __init__(self, patterns: Sequence[Pattern], *, ignore_case: bool = False) -> None:
        self._ignore_case = ignore_case
        numbered = list(enumerate(patterns))
        self._for_files = _Matcher([(at, one) for at, one in numbered if not one.directory_only], ignore_case)
        self._for_folders = (
            self._for_files if all(not one.directory_only for one in patterns) else _Matcher(numbered, ignore_case)
        )

    def decide(self, names: Sequence[str], folder: str, *, folders: bool) -> dict[str, int]:
        """Find the deciding pattern of each name in one folder.

        Args:
            names: Byte text, without slash.
            folder: Path from the folder of the rules to that of the names, as byte text; empty or ending in ``/``.
            folders: Whether the names are folders.

        Returns:
            Place of the deciding pattern, for the names that one matches.
        """
        matcher = self._for_folders if folders else self._for_files
        if not self._ignore_case:
            return matcher.decide(names, folder)
        found = matcher.decide([fold(name) for name in names], fold(folder))
        return {name: found[key] for name in names if (key := fold(name)) in found}


class _Matcher:
    """The patterns that count for one kind of entry."""

    def __init__(self, patterns: Iterable[tuple[int, Pattern]], ignore_case: bool) -> None:
        self._names: dict[str, int] = {}
        self._paths: dict[str, dict[str, int]] = {}
        self._suffixes: dict[str, int] = {}
        name_sources: list[tuple[int, str]] = []
        path_sources: list[tuple[int, str]] = []
        for at, pattern in patterns:
            literal, suffix = literal_text(pattern), literal_suffix(pattern)
            if literal is not None:
                folder, slash, name = (fold(literal) if ignore_case else literal).rpartition("/")
                place = self._names if pattern.any_level else self._paths.setdefault(folder + slash, {})
                place[name] = at
            elif suffix is not None:
                self._suffixes[fold(suffix) if ignore_case else suffix] = at
            else:
                source = translate(pattern, ignore_case=ignore_case)
                if source is not None:
                    (name_sources if pattern.any_level else path_sources).append((at, source))
        self._endings = tuple(self._suffixes)
        self._name_groups = _compile(name_sources)
        self._path_groups = _compile(path_sources)

    def decide(self, names: Sequence[str], folder: str) -> dict[str, int]:
        """Return the place of the last pattern that matches, for the names that one does."""
        found = {name: self._names[name] for name in self._names.keys() & set(names)} if self._names else {}
        if self._endings:
            for name in [name for name in names if name.endswith(self._endings)]:
                _raise_to(found, name, max(at for end, at in self._suffixes.items() if name.endswith(end)))
        if here := self._paths.get(folder):
            for name in here.keys() & set(names):
                _raise_to(found, name, here[name])
        if self._name_groups:
            _search(self._name_groups, names, "", found)
        if self._path_groups:
            _search(self._path_groups, names, folder, found)
        return found


def _raise_to(found: dict[str, int], name: str, at: int) -> None:
    if found.get(name, -1) < at:
        found[name] = at


def _search(groups: list[_Group], names: Sequence[str], folder: str, found: dict[str, int]) -> None:
    for match, places in groups:
        for name in names:
            if hit := match(folder + name):
                _raise_to(found, name, places[(hit.lastindex or 1) - 1])


_Group = tuple[Callable[[str], "re.Match[str] | None"], list[int]]


def _compile(sources: Sequence[tuple[int, str]]) -> list[_Group]:
    """Compile alternations whose first branch that matches is the last of the patterns."""
    groups: list[_Group] = []
    latest_first = sources[::-1]
    for start in range(0, len(latest_first), _BRANCHES):
        part = latest_first[start : start + _BRANCHES]
        compiled = re.compile("|".join(f"({source})" for _, source in part), re.DOTALL)
        groups.append((compiled.fullmatch, [at for at, _ in part]))
    return groups
