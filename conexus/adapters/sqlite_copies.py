# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads a database that cannot be read where it lies, from a copy.

On a full disk SQLite has no room for the map of its log. With old pages as its journal it takes a transaction that was
broken off back before it reads, and where each page that is written needs a new place on the disk that fails for want
of space, as the transaction did; one whose process was stopped has the database locked.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from contextlib import suppress
from typing import Final

from conexus.adapters.scratch import scratch_folder

BESIDE: Final = ("-wal", "-shm", "-journal")
"""What the names of the files end with that SQLite keeps beside a database."""
_PARTS: Final = ("", "-journal", "-wal")  # the map is made anew
_TRIES: Final = 3
_STEP_NS: Final = 50_000_000  # times of files have steps: what was written just now may be written again unseen

State = tuple[tuple[int, int, int] | None, ...]
"""Inode, size and time of a database, its journal and its log: others after each change."""


def database_state(path: str) -> State:
    """Return in which state the files of a database are."""
    return tuple(_state(f"{path}{part}") for part in _PARTS)


def readable_copy(path: str) -> sqlite3.Connection | None:
    """Return a connection to a copy of a database without a transaction that is not done, to be read alone.

    Returns:
        Nothing where there is no room, or where somebody goes on writing.
    """
    for _ in range(_TRIES):
        before = database_state(path)
        if (age_ns := time.time_ns() - max(part[2] for part in before if part)) < _STEP_NS:
            time.sleep((_STEP_NS - max(0, age_ns)) / 1e9)
            continue
        folder = scratch_folder(2 * sum(part[1] for part in before if part))
        if folder is None:
            return None
        copy = str(folder / "copy.sqlite")
        try:
            with suppress(FileNotFoundError):  # one went just now
                for part, found in zip(_PARTS, before, strict=True):
                    if found:
                        shutil.copyfile(f"{path}{part}", f"{copy}{part}")
                if database_state(path) == before:
                    return _opened(copy)
        finally:
            shutil.rmtree(folder, ignore_errors=True)  # it stays open
    return None


def _opened(copy: str) -> sqlite3.Connection:
    connection = sqlite3.connect(copy, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # which takes what is not done back
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _state(path: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(path)  # noqa: PTH116 -- a path is not needed else
    except OSError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


__all__ = ["BESIDE", "State", "database_state", "readable_copy"]
