# SPDX-License-Identifier: FSL-1.1-MIT
"""What a version history says, as values. Pure."""

from __future__ import annotations

from enum import StrEnum

from conexus.values import dataclass


class ChangeKind(StrEnum):
    """What a commit does to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """A regular file that a commit changes. A file that is renamed is one deleted and one added."""

    path: str
    kind: ChangeKind


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    id: str
    parents: tuple[str, ...]
    subject: str
    """First line of its message."""
    changes: tuple[Change, ...] = ()
    """Against its only parent, by path; none for a commit with another number of parents."""


__all__ = ["Change", "ChangeKind", "Commit"]
