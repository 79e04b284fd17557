# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the places of code that a stack trace, a compiler's output or a diff names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from conexus.search.query import places_in

_BACKSLASH = re.compile(r"(?<=[\w.:])\\(?=[\w.])")  # of Windows' paths
_ESCAPE = re.compile(r"\x1b\[[0-9;:]*[A-Za-z]")
_NEW_FILE = re.compile(r"\+\+\+ (?:b/)?([^\t\n]+)")
_HUNK = re.compile(r"@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@")
_LAST_IS_INNERMOST = "Traceback (most recent call last)"
_MAX_LINE = 9_999_999


def mentioned(text: str) -> list[tuple[str, int]]:
    """Return paths and lines that a text names, each once, those that matter most first.

    Of a diff, the first changed line of each hunk, in the new file; of Python's stack traces, the innermost frames
    first; of everything else, in the order of the text.
    """
    clean = _BACKSLASH.sub("/", _ESCAPE.sub("", text))
    found = list(_of_diff(clean)) if _HUNK.search(clean) else []
    if not found:
        found = [(path, line) for path, line in places_in(clean) if line]
        if _LAST_IS_INNERMOST in clean:
            found.reverse()
    return list(dict.fromkeys(found))


def _of_diff(text: str) -> Iterator[tuple[str, int]]:
    path, line, open_hunk = "", 0, False
    for row in text.splitlines():
        if (file := _NEW_FILE.match(row)) and not open_hunk:
            path = file[1].strip().strip('"')
        elif hunk := _HUNK.match(row):
            line, open_hunk = int(hunk[1]), path != "/dev/null" and bool(path)
        elif row.startswith(("diff ", "--- ")):
            open_hunk = False
        elif open_hunk and row.startswith(("+", "-")):
            yield path, min(max(1, line), _MAX_LINE)
            open_hunk = False
        elif open_hunk:
            line += 1


__all__ = ["mentioned"]
