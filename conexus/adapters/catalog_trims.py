# SPDX-License-Identifier: FSL-1.1-MIT
"""Parts of generations, for callers who may not see all of one; the statements, each within a transaction of theirs.

A part has its own number among the generations, so that everything that reads an index reads a part just so. What is
not in ``trim_files`` is not in the part: a file that was added to the generation a moment ago is not seen before
somebody decided that it may be.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

from conexus.adapters.catalog_scope import Scope
from conexus.types import FileId

TRIMS = "SELECT t.id, coalesce(i.pool, i.id), i.pool IS NOT NULL, i.id FROM trims t JOIN indexes i ON i.id = t.index_id"
"""The statement for all parts: number, pool, whether the pool is shared, and the generation."""


def scopes(db: sqlite3.Connection) -> dict[int, tuple[int, Scope]]:
    """Return the generation and the scope of every part."""
    return {
        part: (index, scope_of(part, pool, index, shared=shared)) for part, pool, shared, index in db.execute(TRIMS)
    }


def scope_of(part: int, pool: int, index: int, *, shared: bool) -> Scope:
    """Return the scope of a part."""
    return Scope(pool, index if shared else None, part)


def put(db: sqlite3.Connection, part: int, files: Mapping[FileId, int]) -> None:
    """Add files, each with how often others use it; those that went meanwhile are passed over."""
    db.executemany(
        "INSERT OR REPLACE INTO trim_files SELECT ?, id, ? FROM files WHERE id = ?",
        [(part, uses, file) for file, uses in files.items()],
    )


def take_out(db: sqlite3.Connection, part: int, files: Collection[FileId]) -> None:
    """Take files out."""
    db.executemany("DELETE FROM trim_files WHERE trim = ? AND file = ?", [(part, file) for file in files])


def note_change(db: sqlite3.Connection, part: int, at: float) -> None:
    """Note that a part holds something else than before."""
    db.execute("UPDATE trims SET revision = revision + 1, changed = ? WHERE id = ?", (at, part))
