# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds literals that are given to the name of a secret, such as ``api_key``, and that look random. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from conexus.parsing.secret_values import MAX_VALUE_CHARS, Range, is_words, looks_random, looks_secret

# The literal is looked ahead at only: it may hold an assignment itself, as a connection string does.
_ASSIGNMENT = re.compile(
    r"""[=:][=>]?[ \t]*+
    (?: (?:[A-Za-z@]{0,2})\\{0,7}(?P<quote>["'`]) (?=(?P<quoted>[^\s"'`\\]{6,}+))
      | (?=[A-Za-z+/_!@\#%^*~.?-]{0,64}+\d) (?P<bare>(?:\d{8,10}:)?[A-Za-z0-9+/_!@\#%^*~.?-]{8,}+) )""",
    re.VERBOSE,
)
# The same literal in brackets, in a call, on the next line, or in three quotes.
_WRAPPED = r"""[=:][=>]?\s{0,99}+(?:\\\r?\n\s{0,99}+)?
    (?:(?:new\s)?[\w.:!&]{0,40}+(?<!get)(?<!getenv)\(\s{0,99}+|[(\[{]\s{0,99}+){0,3}+
    (?:[A-Za-z@$]{0,2}\#{0,3})(?P<quote>["'`]{3}|["'`])[ \t]*+(?:\r?\n[ \t]*+)?
    (?P<quoted>[^\s"'`\\]{4,256}+)\s{0,99}+(?P=quote)"""
_NEXT_PART = re.compile(  # of a literal in parts, or of a list
    r"""\s{0,99}+(?:(?P<comma>,)|[+&]|\.\.?|\\\r?\n)?\s{0,99}+(?P<quote>["'`])(?P<part>[^\s"'`\\]{1,256}+)(?P=quote)(?!\s?:)"""
)
_MAX_PARTS = 8
_PAIR = re.compile(  # auth=("user", "…"), and "auth": "…" as docker writes it
    r"""(?:\s?=\s?)?\(\s?["'][^"'\n]{1,64}["'],\s?["']([^\s"']{6,128}+)["']|":\s?"([^\s"\\]{12,256}+)\""""
)
_TYPE_OF_KEY = re.compile(r"[pP]rivate_?[kK]ey")  # no value, where it stands without quotes
_DIGIT = re.compile(r"\d")
# One of these is in each such name, in small letters: they are looked for before anything else is.
_NAME_PARTS = ("key", "token", "pwd", "pass", "secret", "credential", "auth")
_REST_OF_PASS = re.compile("word|wd|phrase|code")
_REST_OF_AUTH = "orization"
_SEPARATOR = re.compile("[=:]")
# What else stands between a name and its literal, behind the end of the name.
_BESIDE = r"""[sS]?(?:\d|_?(?:value|VALUE|id|ID))?(?P<end>)
    (?: (?: \\{0,7}(?P<first>["'])[ \t]*,[ \t]*  # set("NAME", "…")
          | \\{0,7}["'\])]{0,3}[ \t]*(?:<-|\?\?=?|\|\|=?|or\b)[ \t]*  # a default, or R
          | [ \t]*(?:\{|(?P<call>\())[ \t]*  # C++, a setter
          | [ \t]+  # #define NAME "…", --name '…'
        ) @?\\{0,7}(?P<quote>["'`]) (?P<quoted>[^\s"'`\\]{6,256}+) \\{0,7}(?P=quote)
      | (?:["']?>|</\w{1,20}>\s{0,99}<value>) (?P<element>[^\s<>]{6,256}+) </  # XML
      | \\{0,7}["'] (?: \s{1,99}+(?:value|content|default)\s?=\s?
               | \s{0,99}+,\s{0,99}+\\{0,7}["']value\\{0,7}["']\s?:\s?
               | \s?\{[^{}"]{0,200}?default\s{0,20}=\s?  # Terraform
             ) \\{0,7}["'] (?P<beside>[^\s"'\\]{6,256}+) \\{0,7}["']
      | ["']?[ \t]{0,99}+\r?\n[ \t]{0,99}+value:[ \t]{1,9}["']?(?P<below>[^\s"'\\]{6,256}+)  # Kubernetes
      | [ \t]{1,9} (?P<argument>(?=[A-Za-z+/_!@\#%^*~.?-]{0,64}+\d)[A-Za-z0-9+/_!@\#%^*~.?=-]{8,256}+)
        (?![^\s"'`;&|)\\])
    )"""


# Compiled when first needed: it takes a while, and the text of a question seldom needs it.
@functools.cache
def _wrapped() -> re.Pattern[str]:
    return re.compile(_WRAPPED, re.VERBOSE)


@functools.cache
def _beside() -> re.Pattern[str]:
    return re.compile(_BESIDE, re.VERBOSE)


_OPTION = re.compile(r"(?:--[\w-]*|(?:ENV|ARG|[sS][eE][tT][xX]?|\#define)[ \t]+\w*)$")
_FIRST = re.compile(r"\([ \t]*\\{0,7}[\"'][\w.-]*$")
_QUOTED_REST = re.compile(r"(?:[^\s\"'`\\]|\\[^\s])*+")
_BARE_REST = re.compile(r"[A-Za-z0-9+/=_!@#%^*~.?:$-]*+")
_BARE_END = "\n\r \t\"'`;,&<|)"

_MAX_NAME_CHARS = 96  # looked back from the separator, the type annotation included
_LOGIN_WORDS = r"passw(?:or)?d|passwort|passphrase|passcode|passwd|pwd|(?<![a-z0-9])pass"
_SECRET_NAME = re.compile(
    rf"(?P<password>{_LOGIN_WORDS})(?:\d|_?value|_?base)?$|(?:secret|token|credentials?"
    r"|(?:api|access|auth|private|secret|encryption|signing|account|master|shared|storage|client|session|service|app|license)"
    r"[_.-]?key(?:[_.-]?(?:id|base))?|authorization)s?(?:\d|_?value|_?base|_?base64)?$"
)
_AFTER_NAME = " \t\r\"'`])\\!?=>:"  # between the end of a name and the separator
_ANNOTATION = re.compile(r":\s*&?['\w.\[\]| ]{1,40}$")

_MAX_BARE_REST_CHARS = 256  # keeps a chain of such values linear


@dataclass(frozen=True)
class Names:
    """Where words end that may be names for secrets."""

    of_secrets: list[int]
    """To which a secret is given in any way; in order."""
    assigned_only: list[int]
    """To which ``=`` and ``:`` alone give one, as the word has other meanings."""
    logins: list[int]
    """To which a pair of user and password is given, or both as one text."""


def find_names(small: str) -> Names:
    """Find the names in a text of small letters."""
    found = Names([], [], [])
    for part in _NAME_PARTS:
        at = small.find(part)
        while at >= 0:
            at += len(part)
            if part == "pass":
                rest = _REST_OF_PASS.match(small, at)
                at = rest.end() if rest else at
                (found.of_secrets if rest else found.assigned_only).append(at)
            elif part != "auth":
                found.of_secrets.append(at)
            elif small.startswith(_REST_OF_AUTH, at):
                found.assigned_only.append(at + len(_REST_OF_AUTH))
            elif small[at : at + 1] in ("=", "(", " ", '"'):
                found.logins.append(at)
            at = small.find(part, at)
    found.of_secrets.sort()
    return found


def named(text: str, names: Names) -> Iterator[Range]:
    """Yield the literals that are given to names; they may overlap."""
    yield from _assigned(text, sorted(names.of_secrets + names.assigned_only))
    yield from _given(text, names.of_secrets)
    for end in names.logins:
        pair = _PAIR.match(text, end)
        if pair and looks_secret(pair[pair.lastindex or 0], is_password=pair[1] is not None, is_quoted=True):
            yield pair.span(pair.lastindex or 0)


def _assigned(text: str, names: Sequence[int]) -> Iterator[Range]:
    done = 0
    for name_end in names:
        limit = name_end + _MAX_NAME_CHARS
        line_end = text.find("\n", name_end, limit)
        start, done = max(name_end, done), max(done, limit if line_end < 0 else line_end)
        for separator in _SEPARATOR.finditer(text, start, done):
            match = _ASSIGNMENT.match(text, separator.start())
            if match and (given := _assigned_by(text, match)):
                yield given
            elif match := _wrapped().match(text, separator.start()):
                yield from _wrapped_by(text, match)


def _assigned_by(text: str, match: re.Match[str]) -> Range | None:
    name = _secret_name(text, match.start())
    if name is None:
        return None
    is_quoted = match["quoted"] is not None
    start, end = match.span("quoted" if is_quoted else "bare")
    end = _quoted_end(text, match) if is_quoted else _bare_end(text, end)
    if end and not is_quoted and _TYPE_OF_KEY.search(text[start:end]):
        return None
    if end and looks_secret(text[start:end], is_password=name["password"] is not None, is_quoted=is_quoted):
        return start, end
    return None


def _wrapped_by(text: str, match: re.Match[str]) -> Iterator[Range]:
    """Yield literals that do not stand right behind their name; parts that make one are judged as one."""
    name = _secret_name(text, match.start())
    if name is None:
        return
    parts = [match.span("quoted")]
    at = match.end()
    for _ in range(_MAX_PARTS):
        part = _NEXT_PART.match(text, at)
        if part is None or part["comma"]:
            yield from _whole(text, parts, is_password=name["password"] is not None)
            parts = []
        if part is None:
            return
        parts.append(part.span("part"))
        at = part.end()


def _whole(text: str, parts: list[Range], *, is_password: bool) -> Iterable[Range]:
    """The parts of a literal, if it looks like a secret."""
    whole = "".join(text[start:end] for start, end in parts)
    is_secret = _DIGIT.search(whole) is not None and not is_words(whole)
    if is_password:
        is_secret = is_secret and looks_secret(whole, is_password=True, is_quoted=True)
    else:
        is_secret = is_secret and looks_random(whole, is_quoted=True)
    return parts if is_secret else ()


def _given(text: str, names: Iterable[int]) -> Iterator[Range]:
    """Yield literals that are given to a name by other means than an assignment."""
    beside = _beside()
    for name_end in names:
        match = beside.match(text, name_end)
        if match and (given := _given_by(text, match)):
            yield given


def _given_by(text: str, match: re.Match[str]) -> Range | None:
    end = match.start("end")
    name = _secret_name(text, end)
    kind = match.lastgroup or ""
    is_argument = kind == "argument"
    before = _OPTION if is_argument else _FIRST if match["first"] else None
    if name is None or (before and not before.search(text[max(0, end - _MAX_NAME_CHARS) : end])):
        return None
    is_password = name["password"] is not None
    if match["call"] and (not is_password or is_words(match[kind])):
        return None
    if looks_secret(match[kind], is_password=is_password, is_quoted=not is_argument):
        return match.span(kind)
    return None


def _quoted_end(text: str, match: re.Match[str]) -> int:
    """End of the whole literal, or 0 where it does not close: then it is prose."""
    end = match.end("quoted")
    if text[end : end + 1] == "\\" and text[match.start("quote") - 1] != "\\":
        rest = _QUOTED_REST.match(text, end, end + MAX_VALUE_CHARS)
        end = rest.end() if rest else end
    return end if text[end : end + 1] in ("\\", match["quote"]) else 0


def _bare_end(text: str, end: int) -> int:
    """End of the whole value, or 0 where it goes over into code."""
    rest = _BARE_REST.match(text, end, end + _MAX_BARE_REST_CHARS)
    end = rest.end() if rest else end
    return end if end == len(text) or text[end] in _BARE_END else 0


def _secret_name(text: str, end: int) -> re.Match[str] | None:
    """Match the name that stands on the line before ``end``, if it is one for a secret."""
    head = text[max(0, end - _MAX_NAME_CHARS) : end].lower()
    head = head[head.rfind("\n") + 1 :].rstrip(_AFTER_NAME)
    return _SECRET_NAME.search(head) or (
        _SECRET_NAME.search(_ANNOTATION.sub("", head).rstrip(_AFTER_NAME)) if ":" in head else None
    )
