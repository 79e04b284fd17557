# SPDX-License-Identifier: FSL-1.1-MIT
"""Byte offsets to line numbers."""

from __future__ import annotations

import re
from bisect import bisect_right

from conexus.types import Span

_NEWLINE = re.compile(rb"\n")


class LineTable:
    """Where the lines of one text begin."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self.starts = [0, *(match.end() for match in _NEWLINE.finditer(source))]
        self.size = len(source)

    def line_of(self, offset: int) -> int:
        """Return the line, from 1, that holds the byte at ``offset``."""
        return bisect_right(self.starts, offset)

    def span(self, start: int, end: int) -> Span:
        """Return the span of the bytes from ``start`` to before ``end``."""
        return Span(start, end, self.line_of(start), self.line_of(max(start, end - 1)))
