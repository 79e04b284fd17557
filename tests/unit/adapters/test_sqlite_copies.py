# SPDX-License-Identifier: FSL-1.1-MIT
"""Databases on disks where a page that is written gets a new place."""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from conexus.adapters import sqlite_connection, sqlite_copies
from conexus.adapters.sqlite_connection import Journal, Schema, SqliteConnection
from conexus.adapters.sqlite_copies import database_state, readable_copy
from conexus.errors import StoreBusy

SCHEMA = Schema("list", "delete it", ("CREATE TABLE list (number INTEGER PRIMARY KEY, text TEXT);",))
OLD = [(number, "old" * 500) for number in range(200)]
_ALL = "SELECT number, text FROM list ORDER BY number"


@pytest.fixture
def on_such_a_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all folders be on one."""
    monkeypatch.setattr(sqlite_connection, "moves_pages", lambda _: True)


@pytest.fixture
def broken_off(on_such_a_disk: None, tmp_path: Path) -> str:
    """A database, half of whose pages a transaction has overwritten that nobody goes on with."""
    whole = tmp_path / "whole.sqlite"
    connection = SqliteConnection(str(whole), SCHEMA)
    with connection.transaction() as db:
        db.executemany("INSERT INTO list VALUES (?, ?)", OLD)
    left = tmp_path / "left.sqlite"
    with closing(sqlite3.connect(whole, isolation_level=None)) as other:
        other.execute("PRAGMA cache_size = 5")
        other.execute("BEGIN")
        other.execute("UPDATE list SET text = 'new' WHERE number % 2 = 0")
        other.execute("DELETE FROM list WHERE number > 150")
        shutil.copy(whole, left)
        shutil.copy(f"{whole}-journal", f"{left}-journal")
    connection.close()
    with (
        closing(sqlite3.connect(f"file:{left}?immutable=1", uri=True)) as torn,  # as it lies there
        pytest.raises(sqlite3.DatabaseError, match="malformed"),
    ):
        torn.execute(_ALL).fetchall()
    return str(left)


def test_no_file_is_mapped_there(on_such_a_disk: None, tmp_path: Path) -> None:
    """And those who read see the last state while another writes."""
    path = str(tmp_path / "list.sqlite")
    one, other = SqliteConnection(path, SCHEMA, synchronous="NORMAL"), SqliteConnection(path, SCHEMA)
    with one.transaction(quick=True) as db:
        db.execute("INSERT INTO list VALUES (1, 'a')")
        assert other.rows(_ALL) == []
    assert other.rows(_ALL) == [(1, "a")]
    assert one.rows("PRAGMA synchronous") == [(2,)]  # FULL: with less a power cut damages such a database
    assert one.journal is Journal.OLD_PAGES
    assert {file.name for file in tmp_path.iterdir()} == {"list.sqlite", "list.sqlite-journal"}
    one.close()
    other.close()


def test_a_database_is_taken_along_from_one_disk_to_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its journal becomes what the disk needs, both ways, and nothing is lost."""
    path = str(tmp_path / "list.sqlite")
    modes = []
    for number, moves in enumerate((False, True, False)):
        monkeypatch.setattr(sqlite_connection, "moves_pages", lambda _, moves=moves: moves)
        connection = SqliteConnection(path, SCHEMA)
        with connection.transaction() as db:
            db.execute("INSERT INTO list VALUES (?, 'a')", (number,))
        modes += connection.rows("PRAGMA journal_mode")
        assert connection.rows("SELECT count(*) FROM list") == [(number + 1,)]
        connection.close()
    assert modes == [("wal",), ("truncate",), ("wal",)]


def test_a_log_that_another_has_open_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for who opened it before its journal was to change; once that one is gone it does."""
    path = str(tmp_path / "list.sqlite")
    before = SqliteConnection(path, SCHEMA)
    monkeypatch.setattr(sqlite_connection, "moves_pages", lambda _: True)
    started = time.monotonic()
    beside = SqliteConnection(path, SCHEMA)
    with before.transaction() as db:
        db.execute("INSERT INTO list VALUES (1, 'a')")
    assert beside.rows(_ALL) == [(1, "a")]
    assert beside.rows("PRAGMA journal_mode") == [("wal",)]
    assert time.monotonic() - started < 5
    before.close()
    beside.close()
    after = SqliteConnection(path, SCHEMA)
    assert after.rows("PRAGMA journal_mode") == [("truncate",)]
    assert after.rows("PRAGMA busy_timeout") == [(10_000,)]
    assert after.rows(_ALL) == [(1, "a")]
    after.close()


def test_what_a_full_disk_broke_off_is_read_as_it_was_before(broken_off: str) -> None:
    """From a copy, which cannot be written; the database itself stays as it is."""
    files = {path: path.read_bytes() for path in Path(broken_off).parent.glob("left*")}
    copy = readable_copy(broken_off)
    assert copy is not None
    with closing(copy):
        assert copy.execute(_ALL).fetchall() == OLD
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            copy.execute("DELETE FROM list")
    assert {path: path.read_bytes() for path in files} == files
    assert Path(f"{broken_off}-journal").stat().st_size > 0


def test_who_stands_still_amid_writing_does_not_keep_others_from_reading(on_such_a_disk: None, tmp_path: Path) -> None:
    """Once they have waited they read what was there before; when it goes on they see what it wrote."""
    path = str(tmp_path / "list.sqlite")
    connection = SqliteConnection(path, SCHEMA, busy_s=0.1)
    with connection.transaction() as db:
        db.executemany("INSERT INTO list VALUES (?, ?)", OLD)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 5")
        writer.execute("BEGIN")
        writer.execute("UPDATE list SET text = 'new'")  # more than it keeps in memory: it has the file for itself
        assert connection.rows(_ALL) == OLD
        assert connection.state() is None
        with connection.reading() as db:
            assert db.execute(_ALL).fetchall() == OLD
        with pytest.raises(StoreBusy), connection.transaction():
            pass
        late = SqliteConnection(path, SCHEMA, busy_s=0.1)
        assert late.rows(_ALL) == OLD
        writer.execute("COMMIT")
    for one in (connection, late):
        assert one.rows("SELECT DISTINCT text FROM list") == [("new",)]
        assert one.state() is not None
        one.close()


def test_once_it_was_taken_back_the_database_is_read_itself(broken_off: str) -> None:
    """And its journal is gone."""
    connection = SqliteConnection(broken_off, SCHEMA)
    assert connection.rows(_ALL) == OLD
    assert not Path(f"{broken_off}-journal").exists()
    connection.close()


def test_a_database_with_a_log_is_copied_with_it(tmp_path: Path) -> None:
    """What was written last is in the log alone."""
    path = str(tmp_path / "list.sqlite")
    connection = SqliteConnection(path, SCHEMA)
    with connection.transaction() as db:
        db.executemany("INSERT INTO list VALUES (?, ?)", OLD)
    copy = readable_copy(path)
    assert copy is not None
    with closing(copy):
        assert copy.execute(_ALL).fetchall() == OLD
    connection.close()


def test_a_journal_that_changes_meanwhile_is_not_believed(broken_off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody took the transaction back while the copy was made: it would be a mix of two states."""
    copied = shutil.copyfile

    def taken_back_amid(source: str, target: str) -> None:
        copied(source, target)
        with closing(sqlite3.connect(broken_off)) as other:
            other.execute("CREATE TABLE IF NOT EXISTS more (number)")
            other.execute("INSERT INTO more VALUES (1)")
            other.commit()

    before = database_state(broken_off)
    monkeypatch.setattr(sqlite_copies.shutil, "copyfile", taken_back_amid)
    assert readable_copy(broken_off) is None
    assert database_state(broken_off) != before


def test_where_there_is_no_room_there_is_no_copy(broken_off: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of the disk stands."""
    monkeypatch.setattr(sqlite_copies, "scratch_folder", lambda _: None)
    assert readable_copy(broken_off) is None
