# SPDX-License-Identifier: FSL-1.1-MIT
"""Works out what a query asks for. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from enum import Enum

from conexus.errors import QueryError
from conexus.lexical import query_words, split_identifier, stem, words
from conexus.values import dataclass

MAX_QUERY_CHARS = 8_000
_MAX_JOINED_WORDS = 4  # `HTTP adapter pool manager` is still a name; longer runs are sentences
_MAX_NAMES = 40
_MIN_NAME_CHARS = 3
_CODE_LIKE = re.compile(r"[a-z0-9][A-Z]|_|^[A-Z][a-z0-9]+[A-Z]|^[A-Z]{2,}|\$")
# Possessive, and starting only where a word does: a query is hostile, and these must stay linear in its length.
_CALLED = re.compile(r"(?<![\w$])([^\W\d][\w$]*+)\s*+\(")
_DOTTED = re.compile(r"(?<![\w$])[^\W\d][\w$]*+(?:(?:\.|::|->|#)[^\W\d][\w$]*+)++")
_QUOTED = re.compile(r"[`'\"]([^\W\d][\w$]*)[`'\"]")
_PATH = re.compile(r"(?<![\w.@+-])[\w.@+-]++(?:/[\w.@+-]++)++|(?<![\w.-])\.?[\w-]++(?:\.[\w-]++)++")
_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{0,4}$", re.IGNORECASE)
# As compilers, Python, .NET, PHP, Perl and other programs write it.
_LINE = re.compile(r':(\d{1,7})\b|", line (\d{1,7})\b|:line (\d{1,7})\b| (?:on )?line (\d{1,7})\b|\((\d{1,7})\b')


# The words alone do not do: "kept from calling the daemon" asks for no caller.
_ASKS_FOR_USERS = re.compile(
    r"\b(?:who|what|which \w+) (?:calls?|uses?|invokes?)\b|\b(?:callers?|usages?|uses|users) of\b"
    r"|\bwhere (?:is|are) .{1,200}\b(?:used|called)\b",
    re.IGNORECASE,
)
_ASKS_FOR_TESTS = re.compile(r"\btests? (?:of|for|that cover)\b|\bhow (?:is|are) .{1,200}\btested\b", re.IGNORECASE)


class Wanted(Enum):
    """What a question asks for beside a definition."""

    USERS = "users"
    TESTS = "tests"


@dataclass(frozen=True, slots=True)
class Query:
    """A query, taken apart."""

    text: str
    """Without control characters, spaces folded."""
    stems: tuple[str, ...]
    """Stemmed words that carry meaning, each once, in order."""
    identifiers: tuple[str, ...]
    """Words written as names of code: ``HTTPAdapter``, ``send_request``, ``foo()``, or the query if it is one word."""
    names: tuple[str, ...]
    """Names that a definition could have: the identifiers, each word, and neighbouring words joined."""
    paths: tuple[str, ...]
    """Words that look like a file's path or name."""
    places: tuple[tuple[str, int], ...]
    """Those of the paths that a line is given with, as in a stack trace."""
    qualified: tuple[str, ...]
    """Names with what they belong to, lower-case: ``session.send``, whichever way it is written."""
    is_symbol: bool
    """Whether the whole query is one name."""
    notice: str = ""


def analyse(text: str) -> Query:
    """Take a query apart.

    Raises:
        QueryError: It holds no letter or digit.
    """
    notice = ""
    if len(text) > MAX_QUERY_CHARS:
        notice = f"only the first {MAX_QUERY_CHARS:,} characters of the query were used"
        text = text[:MAX_QUERY_CHARS]
    clean = " ".join("".join(c if unicodedata.category(c)[0] != "C" else " " for c in text).split())
    if not any(map(str.isalnum, clean)):
        raise QueryError(
            "the query is empty" if not clean else f"the query {clean[:40]!r} has no word to look for",
            hint='ask for what the code does, or for a name: conexus search "retry with backoff"',
        )
    found = query_words(clean)
    identifiers = _identifiers(clean, found)
    plain = [word for word in found if len(word) >= _MIN_NAME_CHARS]
    joined = [
        "".join(found[start : start + length])
        for length in range(2, _MAX_JOINED_WORDS + 1)
        for start in range(len(found) - length + 1)
    ]
    names = [*identifiers, *plain, *joined]
    places = list(places_in(clean))
    stems = (stem(part) for word in found for part in split_identifier(word))
    return Query(
        text=clean,
        stems=tuple(dict.fromkeys(s for s in stems if len(s) > 1)) or tuple(dict.fromkeys(map(str.lower, found))),
        identifiers=identifiers,
        names=tuple(dict.fromkeys(names))[:_MAX_NAMES],
        paths=tuple(dict.fromkeys(path for path, _ in places)),
        places=tuple(dict.fromkeys((path, line) for path, line in places if line)),
        qualified=tuple(dict.fromkeys(re.sub(r"::|->|#", ".", name).lower() for name in _DOTTED.findall(clean))),
        is_symbol=len(words(clean)) == 1 or bool(_DOTTED.fullmatch(clean.removesuffix("()"))),
        notice=notice,
    )


def wanted_beside(query: Query) -> Wanted | None:
    """Return whether a question asks for what uses or tests something."""
    if _ASKS_FOR_TESTS.search(query.text):
        return Wanted.TESTS
    return Wanted.USERS if _ASKS_FOR_USERS.search(query.text) else None


def same_path(path: str, asked: str) -> bool:
    """Whether a path is the one asked for, the one with more of its folders than the other."""
    return path == asked or path.endswith("/" + asked) or asked.endswith("/" + path)


def places_in(text: str) -> Iterator[tuple[str, int]]:
    """Yield what looks like a path, with the line that follows it, or 0."""
    for match in _PATH.finditer(text):
        path = match[0].rstrip(".").removeprefix("./")
        if "/" in path or _EXTENSION.search(path):
            line = _LINE.match(text, match.end())
            yield path, int(next(filter(None, line.groups()))) if line else 0


def _identifiers(text: str, found: list[str]) -> tuple[str, ...]:
    named = [re.split(r"\.|::|->|#", dotted)[-1] for dotted in _DOTTED.findall(text)]
    named += _CALLED.findall(text) + _QUOTED.findall(text)
    named += [word for word in found if _CODE_LIKE.search(word)]
    if len(found) == 1:
        named += found
    return tuple(dict.fromkeys(name for name in named if name in found or len(found) == 1))
