# SPDX-License-Identifier: FSL-1.1-MIT
"""Shows what an edit does to a file: a unified diff for reading, with secrets blanked out and long lines cut."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path

from conexus.cli import console
from conexus.parsing.secrets import redact

_CONTEXT_LINES = 3
_LONGEST_LINE = 240
_KEPT_CHARS = 60
_MOST_COMPARED_LINES = 2_000  # beyond, a change is shown as all old lines and all new ones: comparing is quadratic
_NO_END = "\\ No newline at end of file"
_NOWHERE = "/dev/null"
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def shown_diff(before: bytes | None, after: bytes | None, path: Path) -> list[str]:
    """Return the lines of a diff, safe for a terminal. It is for people and cannot be applied.

    Args:
        before: The file's content, UTF-8; ``None`` where it is not there.
        after: Its content to be; ``None`` where it is to go.
        path: The file.
    """
    old, new = _lines(before), _lines(after)
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    start = max(0, head - _CONTEXT_LINES)
    stop = max(0, tail - _CONTEXT_LINES)
    old_part = _readable(old)[start : len(old) - stop]
    new_part = _readable(new)[start : len(new) - stop]
    lines = [
        f"--- {_NOWHERE if before is None else path}",
        f"+++ {_NOWHERE if after is None else path}",
        f"@@ -{_span(start, old_part)} +{_span(start, new_part)} @@",
    ]
    for mark, line in _marked(old_part, new_part):
        lines.append(mark + _cut(line.rstrip("\n")))
        if not line.endswith("\n"):
            lines.append(_NO_END)
    return [console.one_line(line) for line in lines]


def coloured(line: str) -> str:
    """Return a line of a diff in the colours that diffs have."""
    colour = {"+": "32", "-": "31", "@": "36"}.get(line[:1])
    if colour is None or line.startswith(("+++", "---")):
        return line
    return f"\x1b[{colour}m{line}\x1b[0m"


def _lines(content: bytes | None) -> list[str]:
    text = (content or b"").decode("utf-8-sig", "replace").replace("\r\n", "\n")
    return _LINE.findall(text)


def _common(first: list[str], second: list[str]) -> int:
    size = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        size += 1
    return size


def _span(start: int, part: list[str]) -> str:
    return f"{start + 1 if part else start},{len(part)}"


def _marked(old: list[str], new: list[str]) -> list[tuple[str, str]]:
    if max(len(old), len(new)) > _MOST_COMPARED_LINES:
        return [*(("-", line) for line in old), *(("+", line) for line in new)]
    if len(old) == len(new) == 1:
        old, new = _around_the_change(old[0], new[0])
    found: list[tuple[str, str]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [(" ", line) for line in old[i1:i2]]
        else:
            found += [("-", line) for line in old[i1:i2]] + [("+", line) for line in new[j1:j2]]
    return found


def _readable(lines: list[str]) -> list[str]:
    """Blank secrets out of a file as a whole: one may be of several lines, which stay as many."""
    return _LINE.findall(redact("".join(lines))[0])


def _around_the_change(old: str, new: str) -> tuple[list[str], list[str]]:
    """Cut the same from the start of two lines, so that what differs is in sight."""
    same = next((place for place, (one, other) in enumerate(zip(old, new, strict=False)) if one != other), 0)
    start = same - _KEPT_CHARS
    if max(len(old), len(new)) <= _LONGEST_LINE or start <= 0:
        return [old], [new]
    return [f"…{old[start:]}"], [f"…{new[start:]}"]


def _cut(line: str) -> str:
    left_out = len(line) - _LONGEST_LINE
    return line if left_out <= 0 else f"{line[:_LONGEST_LINE]}… ({left_out:,} more characters)"
