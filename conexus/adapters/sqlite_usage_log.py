# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements UsageLog with SQLite, in a file of its own: writing to it never waits for an index.

The file is bounded by size and by age. What it says of a query is decided here, once for all surfaces.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any, cast

from conexus.adapters.sqlite_connection import Schema, SqliteConnection
from conexus.config import LogOptions
from conexus.errors import StoreDamaged, StoreError
from conexus.types import UsageEntry, UsageStats

MAX_BYTES = 100_000_000
"""Size that the log does not grow beyond: the oldest entries go."""
_MAX_TEXT_CHARS = 1_000
_MAX_NAME_CHARS = 300
_MAX_REPOS = 50
_HASH_CHARS = 16
_BUSY_S = 2.0  # an entry is not worth a longer wait
_SHARE_TO_DROP = 10  # of a full log a tenth goes at once, so that not every entry has to make room

_V1 = """
CREATE TABLE salt (value BLOB NOT NULL);
CREATE TABLE requests (
    number INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    surface TEXT NOT NULL,
    operation TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    repos TEXT NOT NULL,
    results INTEGER NOT NULL,
    elapsed_ms REAL NOT NULL,
    error TEXT NOT NULL
);
CREATE INDEX requests_at ON requests (at);
"""

USAGE = Schema("query log", "delete the file, as conexus verify --repair does: nothing else is in it", (_V1,))
"""The log's own part of :mod:`conexus.adapters.sqlite_connection`."""

_ENTRY = "at, surface, operation, subject, text, repos, results, elapsed_ms, error"
_EMPTY = "results = 0 AND error = ''"


class SqliteUsageLog:
    """A query log in one file, or in memory for ``:memory:``. Threads may share it."""

    def __init__(
        self,
        path: str,
        options: LogOptions | None = None,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open or make the log.

        Args:
            path: File, in a folder that is there, or ``:memory:``. A new one is its owner's alone.
            options: What is kept of a query, and how long; the defaults where ``None``.
            max_bytes: Size of the file that is not exceeded by much.
            clock: Gives the time in seconds since the epoch.

        Raises:
            StoreDamaged: The file is no database.
            IndexIncompatible: A later version of Conexus wrote it.
            StoreError: The file cannot be opened or written.
        """
        self._options = options or LogOptions()
        self._max_bytes = max_bytes
        self._clock = clock
        self._connection = SqliteConnection(path, USAGE, synchronous="NORMAL", busy_s=_BUSY_S)
        try:
            with self._connection.lock:
                self._connection.raw.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            self._salt = self._kept_salt()
        except BaseException:
            self._connection.close()
            raise

    def _kept_salt(self) -> bytes:
        """Return the key of the hashes: without it a list of likely queries would tell which of them were asked."""
        rows = self._connection.rows("SELECT value FROM salt")
        if not rows:
            with self._connection.transaction() as db:
                db.execute(
                    "INSERT INTO salt SELECT ? WHERE NOT EXISTS (SELECT 1 FROM salt)", (secrets.token_bytes(32),)
                )
            rows = self._connection.rows("SELECT value FROM salt")
        value = rows[0][0]
        if not isinstance(value, bytes):
            raise StoreDamaged(f"the query log holds {value!r} where bytes belong", hint=USAGE.mend)
        return value

    def set_options(self, options: LogOptions) -> None:
        """Go by other settings from now on."""
        self._options = options

    def add(self, entries: Sequence[UsageEntry]) -> None:
        """Keep entries, and let go of those that are too old. A power cut may cost the last seconds of them.

        Texts are cut to a bounded length. What SQLite cannot hold is written as an escape.
        """
        if not entries:
            return
        rows = [self._row(entry) for entry in entries]
        with self._connection.transaction() as db:
            db.executemany(f"INSERT INTO requests ({_ENTRY}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)  # noqa: S608 -- names from this module
            db.execute("DELETE FROM requests WHERE at < ?", (self._clock() - self._options.keep_s,))
            self._make_room(db)

    def _row(self, entry: UsageEntry) -> tuple[object, ...]:
        return (
            entry.at,
            _stored(entry.surface, _MAX_NAME_CHARS),
            _stored(entry.operation, _MAX_NAME_CHARS),
            _stored(entry.subject, _MAX_NAME_CHARS),
            self._kept_text(entry.text),
            json.dumps([_stored(repo, _MAX_NAME_CHARS) for repo in entry.repos[:_MAX_REPOS]]),
            entry.results,
            entry.elapsed_ms,
            _stored(entry.error, _MAX_NAME_CHARS),
        )

    def _kept_text(self, text: str) -> str:
        if self._options.queries == "off" or not text:
            return ""
        if self._options.queries == "hash":
            return hmac.new(self._salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_HASH_CHARS]
        return _stored(text, _MAX_TEXT_CHARS)

    def _make_room(self, db: sqlite3.Connection) -> None:
        """Drop the oldest entries where the log is full. Their pages are used again, so that the file stays."""
        used, free, size_bytes = (
            int(db.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("page_count", "freelist_count", "page_size")
        )
        if (used - free) * size_bytes > self._max_bytes:
            db.execute(
                "DELETE FROM requests WHERE number IN (SELECT number FROM requests ORDER BY at, number "
                "LIMIT (SELECT count(*) / ? + 1 FROM requests))",
                (_SHARE_TO_DROP,),
            )

    def entries(self, limit: int, *, since: float = 0.0, only_empty: bool = False) -> list[UsageEntry]:
        """Return the newest entries, newest first.

        Args:
            limit: Most entries.
            since: Only those from this time on, in seconds since the epoch.
            only_empty: Only requests that ended well and found nothing.

        Raises:
            StoreDamaged: One of them cannot be read.
        """
        which = f"at >= ? AND {_EMPTY}" if only_empty else "at >= ?"
        rows = self._connection.rows(
            f"SELECT {_ENTRY} FROM requests WHERE {which} ORDER BY at DESC, number DESC LIMIT ?",  # noqa: S608 -- from this module
            (since, limit),
        )
        return [_entry(row) for row in rows]

    def stats(self, since: float, top: int) -> UsageStats:
        """Return figures of all entries since a time; lists of repositories and queries are cut to ``top``.

        Percentiles are times that were measured (nearest rank), 0 where there are none. Days are those of this
        machine's time zone, and those without a request are left out. Requests that failed count among the errors and
        not among the empty ones.
        """
        with self._connection.reading() as db:
            requests, errors, empty = db.execute(
                "SELECT count(*), count(*) FILTER (WHERE error <> ''), "  # noqa: S608 -- from this module
                f"count(*) FILTER (WHERE {_EMPTY}) FROM requests WHERE at >= ?",
                (since,),
            ).fetchone()
            p50_ms, p95_ms, p99_ms = _percentiles(db, since, requests)
            return UsageStats(
                since=since,
                requests=requests,
                errors=errors,
                empty=empty,
                p50_ms=p50_ms,
                p95_ms=p95_ms,
                p99_ms=p99_ms,
                by_surface=_counts(db, "surface", "at >= ?", since),
                by_operation=_counts(db, "operation", "at >= ?", since),
                by_day=tuple(sorted(_counts(db, "date(at, 'unixepoch', 'localtime')", "at >= ?", since))),
                top_repositories=_repositories(db, since, top),
                top_queries=_counts(db, "text", "at >= ? AND text <> ''", since, top),
                empty_queries=_counts(db, "text", f"at >= ? AND text <> '' AND {_EMPTY}", since, top),
            )

    def forget(self, before: float) -> int:
        """Delete entries older than a time, in seconds since the epoch; returns how many."""
        with self._connection.transaction() as db:
            return db.execute("DELETE FROM requests WHERE at < ?", (before,)).rowcount

    def of_subject(self, subjects: Sequence[str]) -> list[UsageEntry]:
        """Return all entries of callers, oldest first."""
        marks = ", ".join("?" * len(subjects))
        rows = self._connection.rows(
            f"SELECT {_ENTRY} FROM requests WHERE subject IN ({marks}) ORDER BY at, number",  # noqa: S608 -- from this module
            tuple(subjects),
        )
        return [_entry(row) for row in rows]

    def forget_subject(self, subjects: Sequence[str]) -> int:
        """Delete all entries of callers; returns how many."""
        marks = ", ".join("?" * len(subjects))
        with self._connection.transaction() as db:
            db.execute("PRAGMA secure_delete = ON")
            count = db.execute(f"DELETE FROM requests WHERE subject IN ({marks})", tuple(subjects)).rowcount  # noqa: S608 -- as above
        self._connection.rows("PRAGMA wal_checkpoint(TRUNCATE)")  # the log of SQLite has the old pages
        return count

    def integrity(self) -> list[str]:
        """Return what the database itself finds wrong; empty where all is well."""
        try:
            found = [str(row[0]) for row in self._connection.rows("PRAGMA integrity_check")]
            altered = self._connection.altered()
        except StoreError as exc:
            return [exc.message]
        return [f"the query log: {line}" for line in found if line != "ok"] + [
            f"{name} of the query log is not as it was made" for name in altered
        ]

    def close(self) -> None:
        """Release the log. Idempotent."""
        self._connection.close()


def _percentiles(db: sqlite3.Connection, since: float, requests: int) -> tuple[float, float, float]:
    """Return the times that half, 95 % and 99 % of the requests did not exceed."""
    places = [-(-requests * percent // 100) for percent in (50, 95, 99)]  # rounded up
    found = dict(
        db.execute(
            "SELECT place, elapsed_ms FROM (SELECT row_number() OVER (ORDER BY elapsed_ms) AS place, elapsed_ms "
            "FROM requests WHERE at >= ?) WHERE place IN (?, ?, ?)",
            (since, *places),
        ).fetchall()
    )
    p50_ms, p95_ms, p99_ms = (float(found.get(place, 0.0)) for place in places)
    return p50_ms, p95_ms, p99_ms


def _counts(db: sqlite3.Connection, what: str, which: str, since: float, top: int = -1) -> tuple[tuple[str, int], ...]:
    """Return how often each value occurs, most first; all of them where ``top`` is negative."""
    rows = db.execute(
        f"SELECT {what}, count(*) FROM requests WHERE {which} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",  # noqa: S608 -- from this module
        (since, top),
    )
    return tuple((str(value), int(count)) for value, count in rows)


def _repositories(db: sqlite3.Connection, since: float, top: int) -> tuple[tuple[str, int], ...]:
    """Return in how many requests each repository was among the results, most first."""
    rows = db.execute(
        "SELECT e.value, count(*) FROM requests r, json_each(r.repos) e WHERE r.at >= ? "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
        (since, top),
    )
    return tuple((str(value), int(count)) for value, count in rows)


def _stored(text: str, most: int) -> str:
    """Return a text as SQLite can keep it, cut where it is too long."""
    short = text if len(text) <= most else f"{text[: most - 1]}…"
    return short.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\x00")  # SQLite's JSON ends at NUL


def _entry(row: Sequence[object]) -> UsageEntry:
    at, surface, operation, subject, text, repos, results, elapsed_ms, error = cast("Sequence[Any]", row)
    try:
        names: object = json.loads(str(repos))
    except (ValueError, RecursionError) as exc:
        raise StoreDamaged(f"an entry of the query log cannot be read: {exc}", hint=USAGE.mend) from exc
    numbers = isinstance(at, float) and isinstance(results, int) and isinstance(elapsed_ms, float)
    if not numbers or not isinstance(names, list):
        raise StoreDamaged(f"an entry of the query log cannot be read: {row!r}", hint=USAGE.mend)
    return UsageEntry(
        at=at,
        surface=str(surface),
        operation=str(operation),
        subject=str(subject),
        text=str(text),
        repos=tuple(map(str, names)),
        results=results,
        elapsed_ms=elapsed_ms,
        error=str(error),
    )
