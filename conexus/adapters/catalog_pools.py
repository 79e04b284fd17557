# SPDX-License-Identifier: FSL-1.1-MIT
"""File versions that several views of a repository share; the statements, each within a transaction of the caller's.

A generation whose ``pool`` is nothing has its files alone. Else ``pool`` is the generation, its own or another view's,
that ``files.index_id`` names, and ``members`` has a row for each file of each generation that uses the pool.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from conexus.adapters.catalog_rows import inode_out
from conexus.adapters.catalog_scope import Scope
from conexus.types import FileId, FileRecord

EXCLUSIVE = (
    "SELECT file FROM members m WHERE index_id = ?1 "
    "AND NOT EXISTS (SELECT 1 FROM members o WHERE o.file = m.file AND o.index_id <> ?1)"
)
"""The statement for the files that no other generation has."""

_OF_VIEW = "view, live, complete, finished, seen, pending, revision, retired"
_STATES = "mtime_ns, ctime_ns, inode, checked_ns"


def scopes(db: sqlite3.Connection) -> dict[int, Scope]:
    """Return the scopes of the generations that use a shared pool."""
    rows = db.execute("SELECT id, pool FROM indexes WHERE pool IS NOT NULL")
    return {index: Scope(pool, index) for index, pool in rows}


def join(db: sqlite3.Connection, index: int, pool: int) -> None:
    """Let a new generation use the files of another one; it has none of them yet."""
    first = db.execute("UPDATE indexes SET pool = id WHERE id = ? AND pool IS NULL", (pool,))
    if first.rowcount:
        db.execute(
            f"INSERT INTO members SELECT index_id, id, {_STATES}, uses FROM files WHERE index_id = ?",  # noqa: S608 -- constants
            (pool,),
        )
    db.execute("UPDATE indexes SET pool = ? WHERE id = ?", (pool, index))
    _count_change(db)


def add(db: sqlite3.Connection, index: int, records: Sequence[FileRecord]) -> None:
    """Note that a generation has files of its pool, with the state they have in its tree."""
    db.executemany(
        "INSERT OR REPLACE INTO members SELECT ?, id, ?, ?, ?, ?, uses FROM files WHERE id = ?",
        [(index, *_state(record), record.id) for record in records],
    )
    _count_change(db)


def _count_change(db: sqlite3.Connection) -> None:
    """Let every process know that members changed."""
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'members'")


def touch(db: sqlite3.Connection, index: int, records: Sequence[FileRecord]) -> None:
    """Note new states of files."""
    db.executemany(
        "UPDATE members SET mtime_ns = ?, ctime_ns = ?, inode = ?, checked_ns = ? WHERE index_id = ? AND file = ?",
        [(*_state(record), index, record.id) for record in records],
    )


def _state(record: FileRecord) -> tuple[int, int, int, int]:
    stat = record.stat
    return stat.mtime_ns, stat.ctime_ns, inode_out(stat.inode), record.checked_ns


def take_out(db: sqlite3.Connection, index: int, files: Sequence[FileId]) -> None:
    """Take files from a generation; those that no other has go altogether."""
    db.executemany("DELETE FROM members WHERE index_id = ? AND file = ?", [(index, file) for file in files])
    db.executemany(
        "DELETE FROM files WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM members WHERE file = ?1)",
        [(file,) for file in files],
    )
    _count_change(db)


def leave(db: sqlite3.Connection, index: int) -> None:
    """Delete a generation, with those of its files that no other has; where it owns the pool, another one gets that."""
    row = db.execute("SELECT pool FROM indexes WHERE id = ?", (index,)).fetchone()
    pool = None if row is None else row[0]
    if pool is None:
        db.execute("DELETE FROM indexes WHERE id = ?", (index,))
        return
    db.execute("DELETE FROM journal WHERE index_id = ?", (index,))
    take_out(db, index, [row[0] for row in db.execute(EXCLUSIVE, (index,))])
    db.execute("DELETE FROM members WHERE index_id = ?", (index,))
    _count_change(db)
    if pool == index:
        _hand_over(db, pool)
    else:
        db.execute("DELETE FROM indexes WHERE id = ?", (index,))
    settle(db, pool)


def _hand_over(db: sqlite3.Connection, pool: int) -> None:
    """Give the pool to the view of another generation, which gets the pool's number."""
    heir = db.execute("SELECT min(id) FROM indexes WHERE pool = ?1 AND id <> ?1", (pool,)).fetchone()[0]
    if heir is None:  # it was shared with nobody any more
        db.execute("DELETE FROM indexes WHERE id = ?", (pool,))
        return
    db.execute("DELETE FROM trims WHERE index_id = ?", (pool,))  # those of the view that is gone
    db.execute("UPDATE members SET index_id = ? WHERE index_id = ?", (pool, heir))
    db.execute("UPDATE journal SET index_id = ? WHERE index_id = ?", (pool, heir))
    db.execute(
        f"UPDATE indexes SET ({_OF_VIEW}) = (SELECT {_OF_VIEW} FROM indexes WHERE id = ?) WHERE id = ?",  # noqa: S608 -- constants
        (heir, pool),
    )
    db.execute("DELETE FROM indexes WHERE id = ?", (heir,))


def settle(db: sqlite3.Connection, pool: int) -> None:
    """Make a pool that one view is left of that view's alone."""
    users = [row[0] for row in db.execute("SELECT id FROM indexes WHERE pool = ?", (pool,))]
    if users != [pool]:
        return
    db.execute(
        f"UPDATE files SET ({_STATES}, uses) = (SELECT {_STATES}, uses FROM members m "  # noqa: S608 -- constants
        "WHERE m.index_id = ?1 AND m.file = files.id) WHERE index_id = ?1",
        (pool,),
    )
    db.execute("DELETE FROM members WHERE index_id = ?", (pool,))
    db.execute("UPDATE indexes SET pool = NULL WHERE id = ?", (pool,))
