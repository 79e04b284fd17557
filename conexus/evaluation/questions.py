# SPDX-License-Identifier: FSL-1.1-MIT
"""Questions whose answers are known, and what a search answered. Pure."""

from __future__ import annotations

from conexus.values import dataclass

_BYTES_A_TOKEN = 4
"""Of source code, about what the tokenizers of large language models make of it."""


@dataclass(frozen=True, slots=True)
class Target:
    """A right answer: a file, or lines of it."""

    path: str
    """Relative to what is indexed."""
    start_line: int | None = None
    end_line: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and every right answer."""

    text: str
    kind: str
    """Group that figures are given for: ``symbol``, ``architecture``, ``history``, …"""
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One result: where it is and how much a reader has to take in."""

    path: str
    start_line: int
    end_line: int
    size_bytes: int

    @property
    def tokens(self) -> int:
        """About how many tokens of a language model its text takes; at least 1."""
        return max(1, -(-self.size_bytes // _BYTES_A_TOKEN))

    def answers(self, target: Target) -> bool:
        """Whether it is in the target's file and, where the target has lines, shares one with them."""
        if self.path != target.path:
            return False
        if target.start_line is None:
            return True
        return self.start_line <= (target.end_line or target.start_line) and target.start_line <= self.end_line


__all__ = ["Place", "Question", "Target"]
