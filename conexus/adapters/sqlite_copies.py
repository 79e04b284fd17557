# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads a database whose last transaction was broken off by a full disk, from a copy.

SQLite takes such a transaction back before it reads, and on a disk where each page that is written needs a new place
that fails for want of space as the transaction did.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import suppress
from typing import Final

from conexus.adapters.scratch import scratch_folder

_TRIES: Final = 3

State = tuple[int, int, int]
"""Inode, size and time of a journal: another one after each change."""


def journal_state(path: str) -> State | None:
    """Return the state of the journal of a database; nothing where it keeps no transaction."""
    try:
        stat = os.stat(_journal(path))  # noqa: PTH116 -- a path is not needed else
    except OSError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) if stat.st_size else None


def readable_copy(path: str) -> sqlite3.Connection | None:
    """Return a connection to a copy of a database as it was before the transaction, to be read alone.

    Returns:
        Nothing where no transaction was broken off, where there is no room, or where somebody goes on writing.
    """
    for _ in range(_TRIES):
        before = journal_state(path)
        if before is None:
            return None
        folder = scratch_folder(2 * (os.stat(path).st_size + before[1]))  # noqa: PTH116 -- as above
        if folder is None:
            return None
        copy = str(folder / "copy.sqlite")
        try:
            # With the journal of that moment any mix of old and new pages becomes what was there before.
            with suppress(FileNotFoundError):  # the journal went just now
                shutil.copyfile(_journal(path), _journal(copy))
                shutil.copyfile(path, copy)
                if journal_state(path) == before:
                    return _taken_back(copy)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # it stays open
    return None


def _taken_back(copy: str) -> sqlite3.Connection:
    connection = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # which takes the transaction back
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _journal(path: str) -> str:
    return f"{path}-journal"


__all__ = ["State", "journal_state", "readable_copy"]
