# SPDX-License-Identifier: FSL-1.1-MIT
"""One connection to a SQLite database: shared by threads, next to other processes, with errors of ours."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from conexus.adapters.free_space import FAILING_DISK_HINT, FREE_SPACE_HINT, is_full
from conexus.adapters.mounts import moves_pages
from conexus.adapters.sqlite_copies import State, database_state, readable_copy
from conexus.errors import DiskFailing, DiskFull, IndexIncompatible, StoreBusy, StoreDamaged, StoreError
from conexus.values import dataclass

_SCHEMA = "SELECT name, type, tbl_name, CAST(sql AS BLOB) FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
MEMORY = ":memory:"
BUSY_S = 10.0
_POLL_S = 0.005
_PRIVATE = 0o600
_IS_DAMAGE = re.compile(r"^no such (?:table|column)|decode to UTF-8")
"""What SQLite says of a text that is none, and of a schema that is not the one it was made with."""
_LOCKED = ("SQLITE_BUSY", "SQLITE_LOCKED")
_OF_THE_DISK = ("SQLITE_IOERR", "SQLITE_CANTOPEN")


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database is for, and the steps that made its tables."""

    name: str
    """For messages, as ``catalog``."""
    mend: str
    """What to do where the database is damaged."""
    migrations: tuple[str, ...]
    """Scripts in their order. A released one is never edited: a change of the schema is a new entry at the end."""


def limit_caches(size_bytes: int) -> None:
    """Have all databases of this process keep no more than so many bytes of their pages, as far as that can be had.

    Each connection has a cache of its own, and a daemon has one for each request that it answers at a time. What is
    not kept is in the system's cache still.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute(f"PRAGMA soft_heap_limit = {size_bytes:d}")


class Journal(StrEnum):
    """How SQLite keeps a transaction whole."""

    LOG = "WAL"
    """A log of what is new: those who read and the one who writes do not wait for each other. Processes share a map
    of it, a file that each has in its memory."""
    OLD_PAGES = "TRUNCATE"
    """The pages as they were before, without a map. Those who read wait while a transaction is written down."""


def journal_of(path: str) -> Journal:
    """Return which a database is to have.

    Even who only reads marks in the map what it reads, and the system would end it where that needs space.
    """
    is_kept = path != MEMORY
    return Journal.OLD_PAGES if is_kept and moves_pages(os.path.dirname(path)) else Journal.LOG  # noqa: PTH120 -- a path is not needed else


class SqliteConnection:
    """A database in one file, or in memory for ``:memory:``, with a :class:`Journal`."""

    def __init__(self, path: str, schema: Schema, *, synchronous: str = "FULL", busy_s: float = BUSY_S) -> None:
        """Open or make the database, and bring it to the newest schema.

        Args:
            path: File, in a folder that is there, or ``:memory:``. A new one is its owner's alone.
            schema: What it is to hold.
            synchronous: ``FULL`` where a commit must survive a power cut, ``NORMAL`` where the last ones may go.
            busy_s: How long to wait for another process that writes, in seconds.

        Raises:
            StoreDamaged: The file is no database.
            IndexIncompatible: A later version of Conexus wrote it.
            StoreError: The file cannot be opened or written.
        """
        self._path = path
        self._schema = schema
        self.journal = journal_of(path)
        """How it keeps a transaction whole."""
        self._synchronous = synchronous if self.journal is Journal.LOG else "FULL"  # less is not safe with the other
        self.lock = threading.RLock()
        """Held while the connection is used."""
        self._readers: deque[sqlite3.Connection] = deque()
        self._closed = False
        self._file = 0
        self._copied: tuple[State | None, sqlite3.Connection | None] = (None, None)
        """What is read where the database cannot be, and the state of the files that it was made of."""
        with self._translated():
            _make_private(path)
            self.raw = sqlite3.connect(path, timeout=busy_s, isolation_level=None, check_same_thread=False)
            """The connection itself; whoever uses it holds the lock."""
            try:
                self._prepare(busy_s)
                self._file = self._number()
            except BaseException:
                self.raw.close()
                raise

    def _prepare(self, busy_s: float) -> None:
        try:
            keep_journal(self.raw, self.journal, busy_s)
            self.raw.execute(f"PRAGMA synchronous = {self._synchronous}")
            self.raw.execute("PRAGMA foreign_keys = OFF")  # so that a migration can put a table in another's place
            migrate(self.raw, self._schema)
        except sqlite3.OperationalError as exc:
            copy = self._copy(anew=True) if self._is_held_up(exc) else None
            if copy is None or _version(copy, self._schema) != len(self._schema.migrations):
                raise
        self.raw.execute("PRAGMA foreign_keys = ON")

    def _number(self) -> int:
        """Return the number (inode) of the file under the name of the database; 0 where there is none."""
        try:
            return 0 if self._path == MEMORY else os.stat(self._path).st_ino  # noqa: PTH116 -- a path is not needed else
        except OSError:
            return 0

    def require_in_place(self) -> None:
        """Return if the file is still the one that was opened: what is written into another one is lost.

        Raises:
            StoreError: It was deleted or replaced.
        """
        if self._number() != self._file:
            raise StoreError(
                f"the {self._schema.name} {self._path} was deleted or replaced while process {os.getpid()} has it open",
                hint="put it back if you have it, then restart that process: conexus daemon restart",
            )

    @contextmanager
    def transaction(self, *, quick: bool = False) -> Iterator[sqlite3.Connection]:
        """Hold the right to write; all is rolled back where the block raises.

        Args:
            quick: Do not wait for the disk. A power cut may undo the transaction, and only that.
        """
        quick = quick and self.journal is Journal.LOG
        with self.lock, self._translated(), self._durability("NORMAL" if quick else self._synchronous):
            self.raw.execute("BEGIN IMMEDIATE")
            try:
                yield self.raw
                self.raw.execute("COMMIT")
            except BaseException:
                if self.raw.in_transaction:
                    self.raw.execute("ROLLBACK")
                raise

    @contextmanager
    def _durability(self, synchronous: str) -> Iterator[None]:
        if synchronous == self._synchronous:
            yield
            return
        self.raw.execute(f"PRAGMA synchronous = {synchronous}")
        try:
            yield
        finally:
            self.raw.execute(f"PRAGMA synchronous = {self._synchronous}")

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        """Return what a statement finds. Where another thread uses the connection, a further one reads."""
        if (found := self._rows_of_copy(sql, parameters, anew=False)) is not None:
            return found
        try:
            return self._rows(sql, parameters)
        except (DiskFull, StoreBusy) as exc:
            is_held_up = self._is_held_up(exc.__cause__)
            if not is_held_up or (found := self._rows_of_copy(sql, parameters, anew=True)) is None:
                raise
            return found

    def _rows_of_copy(self, sql: str, parameters: Sequence[object], *, anew: bool) -> list[tuple[object, ...]] | None:
        """Return what a statement finds in the copy that is there, or is made for it; nothing without one."""
        if not anew and self._copied[1] is None:
            return None
        with self.lock, self._translated():
            copy = None if self.raw.in_transaction else self._copy(anew=anew)
            return None if copy is None else copy.execute(sql, parameters).fetchall()

    def _rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[object, ...]]:
        if self._path == MEMORY:
            with self.lock, self._translated():
                return self.raw.execute(sql, parameters).fetchall()
        if self.lock.acquire(blocking=False):
            try:
                with self._translated():
                    return self.raw.execute(sql, parameters).fetchall()
            finally:
                self.lock.release()
        with self._translated(), self._reader() as reader:
            return reader.execute(sql, parameters).fetchall()

    def altered(self) -> list[str]:
        """Return the tables, indexes and triggers that are not as the migrations made them."""
        with contextlib.closing(sqlite3.connect(MEMORY, isolation_level=None)) as fresh:
            migrate(fresh, self._schema)
            made = set(fresh.execute(_SCHEMA))
        return sorted({str(row[0]) for row in made.symmetric_difference(self.rows(_SCHEMA))})

    def state(self) -> tuple[int, int] | None:
        """Return numbers that differ after each change of the database, whoever made it.

        Nothing where that cannot be told: within a transaction, while another thread uses the connection, or where a
        copy is read.
        """
        if not self.lock.acquire(blocking=False):
            return None
        try:
            with self._translated():
                if self.raw.in_transaction or self._copy(anew=False) is not None:
                    return None
                (version,) = self.raw.execute("PRAGMA data_version").fetchone()
                return int(version), self.raw.total_changes
        except (DiskFull, StoreBusy):
            return None
        finally:
            self.lock.release()

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that only reads: threads need not wait for each other, or for one that writes."""
        try:
            reader = self._readers.pop()
        except IndexError:
            reader = sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            reader.execute("PRAGMA query_only = ON")
            reader.execute("PRAGMA cache_size = -4000")
        try:
            yield reader
        except BaseException:
            reader.close()
            raise
        if self._closed:
            reader.close()
        else:
            self._readers.append(reader)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Hold one state of the database, whatever others write meanwhile."""
        with self.lock, self._translated():
            self.raw.execute("BEGIN")
            try:
                yield self._readable()
            finally:
                if self.raw.in_transaction:
                    self.raw.execute("ROLLBACK")

    def _readable(self) -> sqlite3.Connection:
        """Return the connection, or one to a copy where it cannot be read."""
        if (copy := self._copy(anew=False)) is not None:
            return copy
        try:
            self.raw.execute("SELECT 1 FROM sqlite_schema LIMIT 1")
        except sqlite3.OperationalError as exc:
            copy = self._copy(anew=True) if self._is_held_up(exc) else None
            if copy is None:
                raise
            return copy
        return self.raw

    def _is_held_up(self, failure: BaseException | None) -> bool:
        """Whether the disk is full, or a process that writes keeps all others from reading."""
        code = getattr(failure, "sqlite_errorname", "")
        if code.startswith(_LOCKED):
            return self.journal is not Journal.LOG  # with a log nobody who only reads is kept out
        return code.startswith("SQLITE_FULL") or (code.startswith(_OF_THE_DISK) and self._is_full())

    def _copy(self, *, anew: bool) -> sqlite3.Connection | None:
        """Return a connection to a copy of the database as long as the database is as it was; else nothing.

        Whoever calls holds the lock.

        Args:
            anew: Whether to make one of what the database is now.
        """
        known, copy = self._copied
        if self._path == MEMORY or (copy is None and not anew):
            return None
        state = database_state(self._path)
        if copy is None or known != state:
            self._drop_copy()
            copy = readable_copy(self._path) if anew else None
            self._copied = (state, copy)
        return copy

    def _drop_copy(self) -> None:
        _, copy = self._copied
        self._copied = (None, None)
        if copy is not None:
            copy.close()

    def close(self) -> None:
        """Release the database. Idempotent."""
        self._closed = True
        while self._readers:
            self._readers.pop().close()
        with self.lock:
            self._drop_copy()
            self.raw.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what SQLite raises into errors of ours."""
        what = f"the {self._schema.name}"
        try:
            yield
        except sqlite3.DatabaseError as exc:
            text = str(exc)
            code = getattr(exc, "sqlite_errorname", "")
            if code.startswith("SQLITE_FULL") or (code.startswith(_OF_THE_DISK) and self._is_full()):
                raise DiskFull(f"the disk is full: {self._path}", hint=FREE_SPACE_HINT) from exc
            if code.startswith(_LOCKED):
                raise StoreBusy(f"another process holds {what} {self._path}", hint="try again in a moment") from exc
            if code.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or _IS_DAMAGE.search(text):
                raise StoreDamaged(f"{what} {self._path} is damaged: {text}", hint=self._schema.mend) from exc
            checks = "see what its disk refuses: conexus doctor data-folder permissions"
            if code.startswith("SQLITE_IOERR"):
                raise DiskFailing(f"{what} {self._path} failed: {text}", hint=FAILING_DISK_HINT) from exc
            raise StoreError(f"{what} {self._path} failed: {text}", hint=checks) from exc
        except UnicodeDecodeError as exc:  # of a name in the schema, which SQLite puts into its message
            raise StoreDamaged(f"{what} {self._path} is damaged: {exc}", hint=self._schema.mend) from exc
        except UnicodeEncodeError as exc:
            raise StoreError(f"{what} cannot hold {exc.object!r}: it is not valid Unicode") from exc

    def _is_full(self) -> bool:
        """Whether a failure of the disk is one of space: of a quota SQLite speaks as of a disk that fails."""
        return self._path != MEMORY and is_full(Path(self._path).parent)


def migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Bring a database to the newest schema in one transaction. Idempotent; two processes may do it at once.

    Raises:
        IndexIncompatible: A later version of Conexus wrote it.
    """
    newest = len(schema.migrations)
    if _version(connection, schema) == newest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for number in range(_version(connection, schema), newest):  # asked again: another process may have been first
            for statement in _statements(schema.migrations[number]):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number + 1}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _version(connection: sqlite3.Connection, schema: Schema) -> int:
    version, newest = int(connection.execute("PRAGMA user_version").fetchone()[0]), len(schema.migrations)
    if version > newest:
        raise IndexIncompatible(
            f"the {schema.name} has schema {version}, but this Conexus knows only up to {newest}",
            hint="update Conexus: pip install --upgrade conexus",
        )
    return version


def _statements(script: str) -> Iterator[str]:
    """Cut a script into statements, since ``executescript`` would end the transaction."""
    start = 0
    for end, char in enumerate(script, start=1):
        if char == ";" and sqlite3.complete_statement(script[start:end]):
            yield script[start:end]
            start = end


def _make_private(path: str) -> None:
    """Make the file before SQLite does, which would let others read it; its log gets the same mode.

    What goes wrong here goes wrong again when SQLite opens the file, and is told then.
    """
    if path != MEMORY:
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, _PRIVATE))


def keep_journal(connection: sqlite3.Connection, journal: Journal, busy_s: float) -> None:
    """Have a database keep a journal of this kind.

    Where several processes do it at once SQLite fails without waiting, since they could wait for each other.

    Raises:
        sqlite3.OperationalError: Another process has the database open, with a journal of another kind.
    """
    if journal is Journal.OLD_PAGES and connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
        # It came from another disk, or an earlier version made it. Who has it open with its log is not waited for: the
        # next one who opens it changes it.
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            connection.execute(f"PRAGMA journal_mode = {journal}")
        except sqlite3.OperationalError as exc:
            if not exc.sqlite_errorname.startswith(_LOCKED):
                raise
        finally:
            connection.execute(f"PRAGMA busy_timeout = {round(busy_s * 1000)}")
        return
    until = time.monotonic() + busy_s
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode = {journal}")
        except sqlite3.OperationalError as exc:
            if not exc.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > until:
                raise
            time.sleep(_POLL_S)
        else:
            return
