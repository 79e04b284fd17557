# SPDX-License-Identifier: FSL-1.1-MIT
"""Keeps Perl's substitutions with brackets below what its grammar can stand. Pure."""

from __future__ import annotations

import re

_BRACKETED = re.compile(rb"\b(s|tr|y)(?=\s{0,80}(?:#[^\n]{0,200}\n\s{0,80}){0,4}[\[({<])")
_MATCHES = {b"s": b"m", b"tr": b"qr", b"y": b"m"}
MAX_BRACKETED = 60
"""The scanner of the grammar leaks a part of its state at each ``s{a}{b}`` and writes past a buffer at the 82nd."""


def with_few_substitutions(source: bytes) -> bytes:
    """Return Perl code in which later substitutions with brackets are read as matches.

    Nothing moves: the text keeps its length, so that positions in its tree are those of ``source``.
    What merely looks like one (``$s{key}``) is counted and replaced too, which does the tree no harm.
    """
    found = 0

    def replaced(match: re.Match[bytes]) -> bytes:
        nonlocal found
        found += 1
        return match[1] if found <= MAX_BRACKETED else _MATCHES[match[1]]

    return _BRACKETED.sub(replaced, source)
