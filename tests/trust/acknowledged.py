# SPDX-License-Identifier: FSL-1.1-MIT
"""Which files an index has acknowledged, and which of those it lost.

A file is acknowledged from the moment at which another process sees it in the catalog: from then on searches answer
with it, and progress, job events and reports count it. It may be missing later only while the catalog says that it is
in flight, that is, while a run replaces or deletes it; the next run reads it again.

``python acknowledged.py CATALOG`` prints it, for catalogs on a disk that this process does not see. With ``LOG`` as
well it prints it again after each change, until its stdin ends, each time after the size that this file then has.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.002

Files = dict[str, frozenset[tuple[int, int]]]
"""The number and the checksum of each chunk of each file, by the file's path with its tree's."""

_OF_POOL = (
    "CASE WHEN i.pool IS NULL THEN f.index_id = i.id ELSE f.id IN (SELECT file FROM members WHERE index_id = i.id) END"
)


@dataclass(frozen=True)
class Seen:
    """What a reader of a catalog sees."""

    files: Files
    in_flight: frozenset[str]
    generations: int = 0


def seen(catalog: Path) -> Seen:
    """Read a catalog, which need not be there."""
    if not catalog.exists():
        return Seen({}, frozenset())
    with closing(sqlite3.connect(catalog, timeout=10, isolation_level=None)) as db:
        db.execute("BEGIN")  # one state for all that is read
        columns = {name for _, name, *_ in db.execute("PRAGMA table_info(indexes)")}
        if not columns:
            return Seen({}, frozenset())
        mine = _OF_POOL if "pool" in columns else "f.index_id = i.id"
        of_views = f"FROM indexes i JOIN views v ON v.id = i.view JOIN files f ON {mine}"
        chunks = db.execute(
            f"SELECT v.root, f.path, c.ordinal, c.checksum {of_views} JOIN chunks c ON c.file = f.id WHERE i.live"
        ).fetchall()
        flying = db.execute(f"SELECT v.root, f.path {of_views} JOIN journal j ON j.file = f.id").fetchall()
        (generations,) = db.execute("SELECT count(*) FROM indexes").fetchone()
    files: dict[str, set[tuple[int, int]]] = {}
    for root, path, ordinal, checksum in chunks:
        files.setdefault(os.fsdecode(root + b"/" + path), set()).add((ordinal, checksum))
    in_flight = frozenset(os.fsdecode(root + b"/" + path) for root, path in flying)
    return Seen({path: frozenset(those) for path, those in files.items()}, in_flight, generations)


def read(line: str) -> tuple[int, Seen]:
    """Read a line that this program printed: the size of the log, and what was seen before."""
    size, found = json.loads(line)
    files = {path: frozenset((chunk, checksum) for chunk, checksum in those) for path, those in found["files"].items()}
    return size, Seen(files, frozenset(found["in_flight"]), found["generations"])


def lost(acknowledged: Files, in_flight: frozenset[str], found: Files, expected: Files) -> list[str]:
    """Return the acknowledged files that are neither as they were, nor as the tree now has them, nor in flight."""
    return [
        path
        for path, chunks in acknowledged.items()
        if path not in in_flight and found.get(path) not in (chunks, expected.get(path))
    ]


def _print(catalog: Path, log: Path | None) -> None:
    now = seen(catalog)
    told = {path: sorted(chunks) for path, chunks in now.files.items()}
    size = 0 if log is None else log.stat().st_size  # not before: what was seen is in what is cut off here
    line = json.dumps((size, {"files": told, "in_flight": sorted(now.in_flight), "generations": now.generations}))
    sys.stdout.write(f"{line}\n")


def _follow(catalog: Path, log: Path) -> None:
    while not catalog.exists():
        if select.select([sys.stdin], [], [], _POLL_S)[0]:
            return
    with closing(sqlite3.connect(catalog, timeout=10, isolation_level=None)) as db:
        known = None
        while not select.select([sys.stdin], [], [], _POLL_S)[0]:
            version = db.execute("PRAGMA data_version").fetchone()
            if version != known:
                known = version
                _print(catalog, log)


if __name__ == "__main__":
    named, *followed = map(Path, sys.argv[1:])
    if followed:
        _follow(named, followed[0])
    _print(named, followed[0] if followed else None)
