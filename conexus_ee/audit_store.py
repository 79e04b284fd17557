# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The file of an audit log: records that can be added and never changed unnoticed.

A record has two parts. ``public`` says when, what and with which outcome; ``private`` who and in which words. The leaf
of the tree is the hash of the public part, which holds a salted hash of the private one and the leaf before it. So the
private part can be erased, and a whole record be reduced to its leaf, and what is left can be checked as before.

Everybody who writes takes SQLite's lock, so that a daemon and a terminal may write to one log; those that wait
together are written together, with one wait for the disk.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from conexus.errors import DaemonUnavailable, InvalidRequest, StoreDamaged, StoreError
from conexus.types import AuditHead, AuditHold
from conexus.values import dataclass
from conexus_ee.merkle import Frontier, leaf_hash
from conexus_ee.signing import Signer, is_signed

Json = Mapping[str, object]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    one INTEGER PRIMARY KEY CHECK (one = 1), name TEXT NOT NULL, size INTEGER NOT NULL, frontier BLOB NOT NULL,
    last BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS records (
    seq INTEGER PRIMARY KEY, leaf BLOB NOT NULL, public TEXT, private TEXT, salt BLOB
) STRICT;
CREATE TABLE IF NOT EXISTS heads (
    size INTEGER PRIMARY KEY, at REAL NOT NULL, root BLOB NOT NULL, signature BLOB NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS holds (name TEXT PRIMARY KEY, hold TEXT NOT NULL) STRICT;
PRAGMA user_version = 1;
"""
_VERSION = 1
_BUSY_MS = 5_000
_HEAD_EVERY_S = 60.0  # heads in between are replaced by the next
_KEEP = "keep it for whoever looks into it"
_HINT = "free some space or make the folder writable; nothing is answered without a record"


_T = TypeVar("_T")


def _typed(value: object, otherwise: _T) -> _T:
    """Return a value of a damaged file where it has the type of another one, else that."""
    return value if isinstance(value, type(otherwise)) else otherwise


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as the file has it."""

    seq: int
    leaf: bytes
    public: str | None
    private: str | None
    salt: bytes | None

    @classmethod
    def read(cls, seq: int, leaf: object, public: object, private: object, salt: object) -> Stored:
        """Return what a row says; what is of another type than was written is nothing that could have been."""
        return cls(
            seq,
            _typed(leaf, b""),
            None if public is None else _typed(public, ""),
            None if private is None else _typed(private, ""),
            None if salt is None else _typed(salt, b""),
        )


@dataclass(frozen=True, slots=True)
class HoldRow:
    """A hold as the file has it. The record of it has the id and a salted hash."""

    name: str
    id: str = ""
    salt: str = ""
    hold: AuditHold | None = None
    """``None`` where it cannot be read."""

    @classmethod
    def of(cls, hold: AuditHold) -> HoldRow:
        """Return a new one."""
        return cls(hold.name, secrets.token_hex(8), secrets.token_hex(16), hold)

    @classmethod
    def read(cls, name: str, text: str) -> HoldRow:
        """Return what a row says, whatever that is."""
        try:
            found = json.loads(text)
            hold = AuditHold(**found["hold"])
            texts = (hold.name, hold.reason, hold.by, hold.user, found["id"], found["salt"])
            times = (hold.created_at, *(one for one in (hold.since, hold.until) if one is not None))
            if not all(type(one) is str for one in texts) or not all(type(one) in {int, float} for one in times):
                return cls(name)
            return cls(name, found["id"], found["salt"], hold)
        except (ValueError, TypeError, KeyError, RecursionError):
            return cls(name)

    @property
    def text(self) -> str:
        """What the file keeps."""
        return json.dumps({"id": self.id, "salt": self.salt, "hold": self._facts()})

    @property
    def seal(self) -> str:
        """What the record has: without the salt nobody can guess who is meant."""
        return sealed(self.salt.encode(), canonical(self._facts()))

    def _facts(self) -> dict[str, object]:
        return {} if self.hold is None else asdict(self.hold)


@dataclass(eq=False)
class _Waiting:
    """A record that is to be written, and what became of it."""

    public: dict[str, object]
    private: Json
    done: bool = False
    error: Exception | None = None
    salt: bytes = field(default_factory=lambda: secrets.token_bytes(16))


class AuditStore:
    """One audit log. Threads may share it.

    Args:
        path: Its file, in a folder that is there; ``:memory:`` for none.
        journal: The journal mode of SQLite that its disk needs.

    Raises:
        DaemonUnavailable: It cannot be opened.
        StoreDamaged: The file is none, or one of a later version.
    """

    def __init__(self, path: str, journal: str = "WAL") -> None:
        self._journal = journal
        self._signer: Signer | None = None
        self._signed: tuple[int, bytes] | None = None
        self._path = path
        self._gate = threading.Lock()
        self._pending: list[_Waiting] = []
        self._writing = threading.Lock()
        try:
            if path != ":memory:":
                if Path(path).is_symlink():
                    raise StoreDamaged(f"{path} is a link", hint="move the log itself there")
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, 0o600))
                Path(path).chmod(0o600)
            self._db = sqlite3.connect(path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
            self._db.text_factory = lambda data: data.decode("utf-8", "replace")
            self._prepare()
            self._inode = None if path == ":memory:" else Path(path).stat().st_ino
        except (sqlite3.OperationalError, OSError) as exc:
            raise DaemonUnavailable(f"the audit log {path} cannot be opened: {exc}", hint=_HINT) from exc
        except (
            sqlite3.DatabaseError,
            UnicodeDecodeError,
        ) as exc:  # the latter of a name in the schema
            raise StoreDamaged(f"{path} is no audit log: {exc}", hint=_KEEP) from exc

    def _prepare(self) -> None:
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > _VERSION:
            raise StoreDamaged("a later version of Conexus wrote the audit log", hint="use that version")
        self._db.execute(f"PRAGMA journal_mode = {self._journal}")
        self._db.execute("PRAGMA synchronous = FULL")
        if version == _VERSION:
            return
        self._db.executescript(_SCHEMA)
        row = (1, secrets.token_hex(8), 0, b"", b"")
        self._db.execute("INSERT OR IGNORE INTO log VALUES (?, ?, ?, ?, ?)", row)

    def sign_with(self, signer: Signer) -> None:
        """Say who signs heads, before anything is written."""
        self._signer = signer

    def is_begun(self) -> bool:
        """Whether there is anything in it."""
        return bool(self._rows("SELECT 1 FROM records LIMIT 1") or self._rows("SELECT 1 FROM heads LIMIT 1"))

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # ------------------------------------------------------------------------ writing

    def add(self, public: Json, private: Json) -> None:
        """Write one record; durable when it returns.

        Raises:
            DaemonUnavailable: It cannot be written.
        """
        waiting = _Waiting(dict(public), private)
        with self._gate:
            self._pending.append(waiting)
        with self._writing:
            if not waiting.done:  # else whoever was before us took it along
                with self._gate:
                    batch, self._pending = self._pending, []
                self._write(batch)
        if waiting.error is not None:
            raise DaemonUnavailable(f"the audit log cannot be written: {waiting.error}", hint=_HINT) from waiting.error

    def add_hold(self, public: Json, private: Json, row: HoldRow) -> None:
        """Write a record and the hold that it is of: both or neither.

        Raises:
            InvalidRequest: There is one of that name.
            DaemonUnavailable: It cannot be written.
        """

        def change() -> None:
            if self._db.execute("SELECT 1 FROM holds WHERE name = ?", (row.name,)).fetchone():
                raise InvalidRequest(f"there is a hold {row.name!r} already", hint="conexus audit hold list")
            self._db.execute("INSERT INTO holds VALUES (?, ?)", (row.name, row.text))

        self._add_with(public, private, change)

    def drop_hold(self, public: Json, private: Json, name: str) -> None:
        """Write a record and forget the hold of a name, if there is one: both or neither.

        Raises:
            DaemonUnavailable: It cannot be written.
        """
        self._add_with(public, private, lambda: self._db.execute("DELETE FROM holds WHERE name = ?", (name,)))

    def _add_with(self, public: Json, private: Json, change: Callable[[], object]) -> None:
        try:
            with self._writing:
                self._require_there()
                with self._transaction():
                    self._append([_Waiting(dict(public), private)])
                    change()
        except (sqlite3.Error, OSError, ValueError, UnicodeError) as exc:
            raise DaemonUnavailable(f"the audit log cannot be written: {exc}", hint=_HINT) from exc

    def require(self) -> None:
        """Return if a record could be written now.

        Raises:
            DaemonUnavailable: It could not.
        """
        try:
            with self._writing:
                self._require_there()
                with self._transaction():
                    self._db.execute("UPDATE log SET name = name")
        except (sqlite3.Error, OSError, ValueError) as exc:
            raise DaemonUnavailable(f"the audit log cannot be written: {exc}", hint=_HINT) from exc

    def _require_there(self) -> None:
        """Return if the file that is open is the one that lies in its place."""
        if self._inode is not None and Path(self._path).stat().st_ino != self._inode:
            raise ValueError("another file is in its place")

    def _write(self, batch: Sequence[_Waiting]) -> None:
        error: Exception | None = None
        try:
            self._require_there()
            with self._transaction():
                self._append(batch)
        except (sqlite3.Error, OSError, ValueError, UnicodeError) as exc:
            error = exc
        for one in batch:
            one.done, one.error = True, error

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def _append(self, batch: Sequence[_Waiting]) -> None:
        state = self._db.execute("SELECT name, size, frontier, last FROM log").fetchone()
        if state is None:
            raise ValueError("its state is gone")
        name, size, frontier, last = state
        tree = Frontier.of(size, frontier)
        rows: list[tuple[object, ...]] = []
        broken = {} if self._is_as_signed(name, tree) else {"broken": True}
        for one in batch:
            private = canonical(one.private)
            linked = {
                **one.public,
                **(broken if not rows else {}),
                "seq": tree.size + 1,
                "previous": last.hex(),
                "private": sealed(one.salt, private),
            }
            public = canonical(linked)
            last = leaf_hash(public.encode())
            tree.add(last)
            rows.append((tree.size, last, public, private, one.salt))
        self._db.executemany("INSERT INTO records (seq, leaf, public, private, salt) VALUES (?, ?, ?, ?, ?)", rows)
        if self._db.execute("SELECT leaf FROM records WHERE seq = ?", (tree.size,)).fetchone() != (last,):
            raise ValueError("records do not stay in it")
        self._db.execute("UPDATE log SET size = ?, frontier = ?, last = ?", (tree.size, bytes(tree), last))
        self._sign(name, tree)

    def _is_as_signed(self, name: str, tree: Frontier) -> bool:
        """Whether the log is as its newest head says: else it is said in the next record, for ever."""
        rows = self._db.execute("SELECT size, at, root, signature FROM heads ORDER BY size DESC LIMIT 1").fetchall()
        if not rows:
            return tree.size == 0
        size, at, root, signature = rows[0]
        if (size, root) != (tree.size, tree.root()):
            return False
        if self._signed == (size, signature):
            return True  # by this process
        head = AuditHead(name, size, at, root.hex(), "")
        return self._signer is not None and is_signed(self._signer.public, signature.hex(), head_bytes(head))

    def _sign(self, name: str, tree: Frontier) -> None:
        if self._signer is None:
            raise ValueError("there is nobody to sign it")
        kept = self._db.execute("SELECT size, at FROM heads ORDER BY size DESC LIMIT 2").fetchall()
        now = time.time()
        if len(kept) > 1 and 0 <= kept[0][1] - kept[1][1] < _HEAD_EVERY_S:
            self._db.execute("DELETE FROM heads WHERE size = ?", (kept[0][0],))
        head = AuditHead(name, tree.size, now, tree.root().hex(), "")
        signature = self._signer.sign(head_bytes(head))
        self._db.execute("INSERT INTO heads VALUES (?, ?, ?, ?)", (tree.size, now, tree.root(), signature))
        self._signed = tree.size, signature

    def reduce(self, seqs: Sequence[int], *, whole: bool) -> None:
        """Take the private part out of records, or all but the leaf; overwritten in the file.

        Raises:
            DaemonUnavailable: It cannot be written.
        """
        columns = "public = NULL, private = NULL, salt = NULL" if whole else "private = NULL, salt = NULL"
        try:
            with self._writing:
                self._db.execute("PRAGMA secure_delete = ON")
                with self._transaction():
                    self._db.executemany(f"UPDATE records SET {columns} WHERE seq = ?", [(seq,) for seq in seqs])  # noqa: S608 -- from above
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # the log of SQLite has the old pages
        except sqlite3.Error as exc:
            raise DaemonUnavailable(f"the audit log cannot be written: {exc}", hint=_HINT) from exc

    # ------------------------------------------------------------------------ reading

    def records(self, *, newest_first: bool = False) -> Iterator[Stored]:
        """Yield all records; those that are added meanwhile may be left out."""
        order = "DESC" if newest_first else "ASC"
        compare, edge = ("<", 1 << 62) if newest_first else (">", -(1 << 62))
        while True:
            rows = self._rows(
                f"SELECT seq, leaf, public, private, salt FROM records WHERE seq {compare} ? ORDER BY seq {order} "  # noqa: S608 -- from above
                "LIMIT 1000",
                (edge,),
            )
            yield from (Stored.read(*row) for row in rows)
            if not rows:
                return
            edge = rows[-1][0]

    def heads(self) -> list[AuditHead]:
        """Return the signed heads, oldest first."""
        return self._heads("ORDER BY size")

    def newest_head(self) -> AuditHead | None:
        """Return the newest signed head; nothing where nothing is recorded yet."""
        return next(iter(self._heads("ORDER BY size DESC LIMIT 1")), None)

    def _heads(self, which: str) -> list[AuditHead]:
        name = self.name()
        rows = self._rows(f"SELECT size, at, root, signature FROM heads {which}")  # noqa: S608 -- from above
        return [
            AuditHead(name, size, _typed(at, 0.0), _typed(root, b"").hex(), _typed(signature, b"").hex())
            for size, at, root, signature in rows
        ]

    def name(self) -> str:
        """Return the name that the log gave itself."""
        return self._state("name", "")

    def size(self) -> int:
        """Return how many records were ever written, as the log itself says."""
        return self._state("size", 0)

    def frontier(self) -> bytes:
        """Return the tree as the log goes on with it."""
        return self._state("frontier", b"")

    def _state(self, column: str, otherwise: _T) -> _T:
        rows = self._rows(f"SELECT {column} FROM log")  # noqa: S608 -- names from above
        return _typed(rows[0][0], otherwise) if rows else otherwise

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        try:
            with self._writing:
                return self._db.execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as exc:
            raise StoreError(f"the audit log cannot be read: {exc}", hint=_KEEP) from exc

    # ------------------------------------------------------------------------ holds

    def hold_rows(self) -> list[HoldRow]:
        """Return the holds, by name, also where they are not what was written."""
        return [HoldRow.read(str(name), str(text)) for name, text in self._rows("SELECT * FROM holds ORDER BY name")]


def canonical(value: Json) -> str:
    """Return JSON that is the same for the same values."""
    return json.dumps(value, ensure_ascii=True, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sealed(salt: bytes, private: str) -> str:
    """Return what a public part says of the private one: without the salt nobody can guess it."""
    return sha256(salt + private.encode()).hexdigest()


def head_bytes(head: AuditHead) -> bytes:
    """Return what is signed of a head."""
    return f"conexus-audit-head/1\n{head.log}\n{head.size}\n{head.at!r}\n{head.root}\n".encode()


__all__ = ["AuditStore", "HoldRow", "Stored", "canonical", "head_bytes", "sealed"]
