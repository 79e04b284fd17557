# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds values near the name of a secret that are so random that nothing else has to tell what they are. Pure.

There are too many forms in which a value is given to a name for a rule of each: defaults, calls, lists, tables, prose.
Here the form does not matter. What counts is that a name for a secret stands on the same line, on the next one or on
one of the two before, and that the value belongs to nothing else, as a checksum or an identifier does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from conexus.parsing.secret_values import Range, looks_random

_LINES_BELOW = 2
_MAX_CHARS_BELOW = 400
_MAX_CHARS_ABOVE = 160
_KINDS_OF_KEY = (
    *("api", "access", "auth", "private", "secret", "encryption", "signing", "account", "master", "shared"),
    *("storage", "client", "session", "service", "app", "license"),
)
_MAX_KIND_CHARS = 12
_NAME = re.compile(r"passw|pwd|secret|token|credential|api_?key", re.IGNORECASE)

_NO_DIGIT = "A-Za-z+/_!@#$%^&*~.?-"
_VALUE = re.compile(
    rf"(?<![0-9{_NO_DIGIT}])(?=[{_NO_DIGIT}]{{0,64}}+\d)[0-9{_NO_DIGIT}]{{10,512}}+={{0,2}}(?![0-9{_NO_DIGIT}])"
)
_MAX_CHARS_BEFORE = 200  # looked at of what stands before a value on its line
_OF_ELSE = re.compile(  # what a value belongs to that is no secret
    r"(?:\b|_)(?:sha-?\d*|hash|checksum|digest|integrity|commit|revision|rev|reference|resolved|etag|md5|oid|[ug]uid|\w*id"
    r"|nonce|salt|fingerprint|thumbprint|h1|version|signature|sig|public_?(?:key\w*)?)[\"'`]?[\])]?\s?[:=(,\s]\s?[\"'`]?$",
    re.IGNORECASE,
)
_MAX_OWNER_CHARS = 64
_OWNER = re.compile(r"([\w.%-]+)=$")  # as in a query or a cookie
_NO_SECRET = re.compile(
    r"0x[0-9a-f]+[UuLl]*$|[a-z]+-[0-9a-f]{8}(?:[0-9a-f]{9})?$|[\d.]+[eE][+-]?\d+$|sha\d+[-/]|GHSA-|.*[@/][0-9a-f]{40}$|//|(?=.*0-9).*(?:a-z|A-Z)"
)
_PERCENT = re.compile("%[0-9A-Fa-f]{2}")
_MAX_PERCENTS = 2  # more of them are in an address
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OF_A_COMMIT = re.compile(r"(?:\b(?:in|by|at|of|to|see|from|since|fix\w*|commit)|@\S{1,40})\s[(\[]?$", re.IGNORECASE)
_AFTER_A_WORD = re.compile(r"\w\s$")
_MIN_BLOCK_CHARS = 48
_QUOTES = ("'", '"', "`")


def nearby(text: str, names: Iterable[int]) -> Iterator[Range]:
    """Yield the random values near names for secrets, in order.

    Args:
        text: Any text.
        names: Where names may end, in order.
    """
    done = 0
    for name_end in names:
        if not _is_name(text, name_end):
            continue
        at, end = max(done, _start_above(text, name_end)), _end_below(text, name_end)
        while at < end and (match := _VALUE.search(text, at, end)):
            at = match.end()
            if given := _given(text, match):
                yield given
                end = max(end, _end_below(text, at))  # a list goes on
        done = max(done, end)


def _is_name(text: str, end: int) -> bool:
    """Whether the word ends here, and if it is ``key``, says of what."""
    word_end = end + 1 if text[end : end + 1] in ("s", "S") else end
    after = text[word_end : word_end + 1]
    if after.isalpha() and (after.islower() or text[word_end - 1].isupper()):
        return False
    if text[end - 3 : end].lower() != "key":
        return True
    return text[max(0, end - 3 - _MAX_KIND_CHARS) : end - 3].lower().rstrip("_.- ").endswith(_KINDS_OF_KEY)


def _start_above(text: str, at: int) -> int:
    least = max(0, at - _MAX_CHARS_ABOVE)
    line = text.rfind("\n", least, at)
    return max(least, text.rfind("\n", least, line) + 1) if line > least else least


def _end_below(text: str, at: int) -> int:
    limit = min(len(text), at + _MAX_CHARS_BELOW)
    for _ in range(_LINES_BELOW + 1):
        at = text.find("\n", at, limit) + 1
        if not at:
            return limit
    return at


def _given(text: str, match: re.Match[str]) -> Range | None:
    """The range of the value itself, if it is a secret."""
    start, end = match.span()
    if text[start] == "-":  # of ``${NAME:-value}`` or of ``mysql -pvalue``
        start += 2 if text[start + 1] == "p" else 1
    end = start + len(text[start:end].rstrip(".?!"))
    value = text[start:end]
    is_quoted = text[start - 1 : start] in _QUOTES or text[end : end + 1] in _QUOTES
    if not looks_random(value, is_quoted=is_quoted) or _NO_SECRET.match(value) or _NAME.search(value):
        return None
    if len(_PERCENT.findall(value)) > _MAX_PERCENTS:
        return None
    return None if _belongs_elsewhere(text, start, end, value) else (start, end)


def _belongs_elsewhere(text: str, start: int, end: int, value: str) -> bool:
    """Whether a value is code, a part of an address, or that of something else."""
    least = max(0, start - _MAX_CHARS_BEFORE)
    before = text[max(least, text.rfind("\n", least, start) + 1) : start]
    name = before[-_MAX_OWNER_CHARS:]
    is_quoted = before.endswith(_QUOTES)
    owner = _OWNER.search(name)
    return (
        before.endswith((".", "->", "::", "\\"))
        or text.startswith(("](", "`]("), end)  # a link
        or (
            not is_quoted
            and (
                text.startswith(("(", "["), end)
                or (before.endswith("-> ") and text.startswith((":", " {", ";"), end))
                or _is_commit(value, before)
            )
        )
        or (not before.strip() and _is_of_block(text, start, end))
        or "://" in before[max(before.rfind(" "), before.rfind('"'), before.rfind("'")) + 1 :]
        or (owner is not None and _NAME.search(owner[1]) is None and owner[1].lower() != "parametervalue")
        or _OF_ELSE.search(name) is not None
    )


def _is_commit(value: str, before: str) -> bool:
    """Whether a text tells of a commit: what has its length may be a key too."""
    if not _COMMIT.fullmatch(value):
        return False
    has_name = _NAME.search(before) is not None or "key" in before.lower()
    return _OF_A_COMMIT.search(before) is not None or (not has_name and _AFTER_A_WORD.search(before) is not None)


def _is_of_block(text: str, start: int, end: int) -> bool:
    """Whether a long value is alone on its line, and a line beside has the same length: a certificate, an image."""
    size = end - start
    if size < _MIN_BLOCK_CHARS or text[end : end + 1] not in ("", "\n", "\r"):
        return False
    above = text[max(0, start - 2 * size) : start].split("\n")[-2:-1]
    below = text[end : end + 2 * size].split("\n")[1:2]
    return any(len(line.strip()) == size and " " not in line.strip() for line in above + below)
