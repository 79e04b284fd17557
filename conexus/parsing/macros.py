# SPDX-License-Identifier: FSL-1.1-MIT
"""Blanks the macros that a parser of C, C++ or Objective-C stumbles over. Pure.

A parser knows no preprocessor: ``class API_EXPORT Shape : Base {`` reads to it as a function, and a
line that holds nothing but ``NS_ASSUME_NONNULL_BEGIN`` takes in the definition below. Such names are
replaced by as many spaces for parsing alone, so that positions in the tree are those of the file.
"""

from __future__ import annotations

import re

_LANGUAGES = frozenset({"c", "cpp", "objc"})
_MACRO = rb"[A-Z][A-Z0-9_]{2,}"
_PATTERNS = (
    # class FMT_API pipe {
    re.compile(rb"\b(?:class|struct|union)[ \t]+(" + _MACRO + rb"(?:\([^()\n]*\))?)(?=[ \t]+\w+\s*(?:final\s*)?[:{<])"),
    # UV_EXTERN int uv_run(; a single word before the name may be all there is of the type
    re.compile(
        rb"^[ \t]*([A-Z][A-Z0-9]*_[A-Z0-9_]*)"
        rb"(?=[ \t]+[\w:]+(?:<[^<>\n;]*>)?[ \t*&]+(?:\w+[ \t*&]+){0,3}\w+[ \t]*\()",
        re.MULTILINE,
    ),
    # typedef int (WINAPI *Callback)(
    re.compile(rb"\((" + _MACRO + rb")(?=[ \t]*\*[ \t]*\w+\)\s*\()"),
)
_ALONE = re.compile(rb"^[ \t]*(" + _MACRO + rb")[ \t]*\r?$", re.MULTILINE)
_HEAD_OF_FUNCTION = re.compile(rb"\*|\w+[ \t]*\(")
_CONTINUATIONS = b",=);:?|&."
_ENDS = b'};{>:"/'
"""What a statement, a label, a comment or an ``#include`` ends in."""


def without_macros(language: str, source: bytes) -> bytes:
    """Return ``source`` with such macros blanked, of the same length; as it is for other languages."""
    if language not in _LANGUAGES:
        return source
    found = [match.span(1) for pattern in _PATTERNS for match in pattern.finditer(source)]
    found += [match.span(1) for match in _ALONE.finditer(source) if _is_statement(source, *match.span(1))]
    if not found:
        return source
    masked = bytearray(source)
    for start, end in found:
        masked[start:end] = b" " * (end - start)
    return bytes(masked)


def _is_statement(source: bytes, start: int, end: int) -> bool:
    """Whether a name on a line of its own goes on neither what stands before it nor what comes after it."""
    following = end
    while following < len(source) and source[following] in b" \t\r\n":
        following += 1
    last = start - 1
    while last >= 0 and source[last] in b" \t\r\n":
        last -= 1
    line = source[source.rfind(b"\n", 0, last) + 1 : last + 1] if last >= 0 else b""
    if following < len(source):
        # A type above the name of its function stays, and so does the last member of an enumeration.
        if source[following] in _CONTINUATIONS or _HEAD_OF_FUNCTION.match(source, following):
            return False
        if source[following] in b"}" and not (line.endswith(b";") or (line.endswith(b"{") and b"struct" in line)):
            return False
    if not line or line[-1] in _ENDS:
        return True
    return line.lstrip().startswith((b"#", b"//", b"@end")) or _ALONE.match(line) is not None
