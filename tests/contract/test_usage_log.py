# SPDX-License-Identifier: FSL-1.1-MIT
"""What every query log must do: in a real file and in memory."""

from __future__ import annotations

import math
import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_connection import Schema, migrate
from conexus.adapters.sqlite_usage_log import USAGE, SqliteUsageLog
from conexus.config import LogOptions
from conexus.errors import IndexIncompatible, StoreBusy, StoreDamaged, StoreError
from conexus.ports import UsageLog
from conexus.types import UsageEntry, UsageStats

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
DAY_S = 86_400.0


@pytest.fixture(params=["memory", "file"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteUsageLog]:
    """An empty log of each kind, at noon."""
    path = ":memory:" if request.param == "memory" else str(tmp_path / "usage.sqlite")
    found = SqliteUsageLog(path, clock=lambda: NOON)
    yield found
    assert found._connection.rows("PRAGMA integrity_check") == [("ok",)]
    found.close()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine in Auckland, 13 hours before UTC in January."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def entry_of(text: str = "where are sessions stored", **fields: object) -> UsageEntry:
    entry = UsageEntry(
        at=NOON,
        surface="cli",
        operation="search",
        subject="local",
        text=text,
        repos=("app",),
        results=3,
        elapsed_ms=12.5,
    )
    return replace(entry, **fields)  # type: ignore[arg-type]


def test_an_empty_log_has_figures_too(log: UsageLog) -> None:
    """All of them are nothing."""
    log.add([])
    assert log.entries(10) == []
    assert log.stats(5.0, 10) == UsageStats(5.0, 0, 0, 0, 0.0, 0.0, 0.0, (), (), (), (), (), ())
    assert log.forget(NOON) == 0


def test_entries_come_back_newest_first(log: UsageLog) -> None:
    """Every field, whatever the order of their writing."""
    entries = [
        entry_of("b", at=NOON - 5, surface="rest", operation="context", subject="key ci", repos=("app", "caf\u00e9")),
        entry_of("a", at=NOON - 9, repos=(), results=0),
        entry_of("c", at=NOON - 1, results=0, repos=(), error="invalid_query"),
    ]
    log.add(entries[:2])
    log.add(entries[2:])
    assert log.entries(10) == [entries[2], entries[0], entries[1]]
    assert log.entries(1) == [entries[2]]
    assert log.entries(10, since=NOON - 5) == [entries[2], entries[0]]
    assert log.entries(10, only_empty=True) == [entries[1]]
    assert log.entries(10, since=NOON - 5, only_empty=True) == []
    assert log.entries(0) == []


def test_figures_of_a_small_log(log: UsageLog) -> None:
    """Counted by hand: what failed is an error and no empty answer, and lists begin with the most frequent."""
    log.add(
        [
            *(entry_of("sessions", elapsed_ms=ms, repos=("app", "lib")) for ms in (1.0, 2.0, 3.0)),
            entry_of("retry", surface="mcp", operation="context", elapsed_ms=100.0, repos=("lib",)),
            entry_of("flux capacitor", surface="mcp", results=0, repos=(), elapsed_ms=4.0),
            entry_of("flux capacitor", surface="mcp", results=0, repos=(), elapsed_ms=5.0),
            entry_of("", surface="rest", results=0, repos=(), elapsed_ms=6.0),
            entry_of("((", results=0, repos=(), elapsed_ms=0.5, error="invalid_query"),
            entry_of("old", at=NOON - 40, elapsed_ms=9_999.0),
        ]
    )
    stats = log.stats(NOON - 30, 2)
    assert (stats.requests, stats.errors, stats.empty) == (8, 1, 3)
    assert (stats.p50_ms, stats.p95_ms, stats.p99_ms) == (3.0, 100.0, 100.0)
    assert stats.by_surface == (("cli", 4), ("mcp", 3), ("rest", 1))
    assert stats.by_operation == (("search", 7), ("context", 1))
    assert stats.top_repositories == (("lib", 4), ("app", 3))
    assert stats.top_queries == (("sessions", 3), ("flux capacitor", 2))
    assert stats.empty_queries == (("flux capacitor", 2),)


@pytest.mark.usefixtures("zone")
def test_days_are_those_of_this_machine(log: UsageLog) -> None:
    """Noon in Greenwich is tomorrow in Auckland."""
    log.add([entry_of(at=NOON), entry_of(at=NOON - 3_600), entry_of(at=NOON - 2 * DAY_S)])
    assert log.stats(0.0, 1).by_day == (("2026-01-30", 1), ("2026-02-01", 2))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1e6), st.sampled_from("abc"), st.integers(0, 2)), max_size=40))
def test_figures_are_those_of_the_entries(rows: list[tuple[float, str, int]]) -> None:
    """Against a plain computation: percentiles by nearest rank, counts by value."""
    with closing(SqliteUsageLog(":memory:", clock=lambda: NOON)) as log:
        log.add([entry_of(text, elapsed_ms=ms, results=results, repos=(text,)) for ms, text, results in rows])
        stats = log.stats(0.0, 100)
        times = sorted(ms for ms, _, _ in rows)
        for percent, found in ((50, stats.p50_ms), (95, stats.p95_ms), (99, stats.p99_ms)):
            assert found == (times[math.ceil(len(times) * percent / 100) - 1] if times else 0.0)
        assert dict(stats.top_queries) == dict(stats.top_repositories) == dict(Counter(text for _, text, _ in rows))
        assert stats.empty == sum(results == 0 for _, _, results in rows)
        assert sum(count for _, count in stats.by_day) == stats.requests == len(rows)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None, categories=None), max_size=40))  # type: ignore[arg-type]
def test_any_query_can_be_kept(text: str) -> None:
    """Also half a character and NUL, written as escapes; nothing that was logged breaks the figures."""
    kept = text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    with closing(SqliteUsageLog(":memory:", clock=lambda: NOON)) as log:
        log.add([entry_of(text, repos=(text,), subject=text)])
        [found] = log.entries(1)
        assert found.text == found.subject == found.repos[0] == kept
        assert [value for value, _ in log.stats(0.0, 1).top_repositories] == [found.text]


def test_long_texts_are_cut(log: UsageLog) -> None:
    """A pasted file is not kept whole, and not every repository of thousands."""
    log.add([entry_of("x" * 50_000, repos=tuple(str(number) for number in range(500)), subject="s" * 5_000)])
    [found] = log.entries(1)
    assert found.text == "x" * 999 + "…"
    assert len(found.subject) == 300
    assert found.repos == tuple(str(number) for number in range(50))


# ---------------------------------------------------------------------- what is kept, and how long


def test_a_hash_only_tells_whether_queries_are_the_same(tmp_path: Path) -> None:
    """It is the same after a restart, another in another log, and neither the query nor its plain hash."""
    found: list[list[str]] = []
    for path in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        with closing(SqliteUsageLog(str(path), LogOptions(queries="hash"), clock=lambda: NOON)) as log:
            log.add([entry_of("password reset"), entry_of("password reset"), entry_of("other \ud800"), entry_of("")])
            found.append([entry.text for entry in log.entries(4)])
    for none, other, second, first in found:
        assert none == ""
        assert first == second != other
        assert len(first) == len(other) == 16
    assert found[0] == found[1] != found[2]
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"password" not in everything


def test_nothing_of_a_query_is_kept_where_that_is_off(tmp_path: Path) -> None:
    """It is still counted."""
    with closing(SqliteUsageLog(str(tmp_path / "u"), LogOptions(queries="off"), clock=lambda: NOON)) as log:
        log.add([entry_of("password reset", results=0)])
        assert log.entries(1) == [entry_of("", results=0)]
        stats = log.stats(0.0, 5)
        assert (stats.requests, stats.empty, stats.top_queries, stats.empty_queries) == (1, 1, (), ())
    assert all(b"password" not in file.read_bytes() for file in tmp_path.iterdir())


def test_what_is_too_old_goes_by_itself(log: UsageLog) -> None:
    """With the next entry, after the days that the settings say."""
    log.add([entry_of("old", at=NOON - 30 * DAY_S - 1), entry_of("kept", at=NOON - 30 * DAY_S)])
    assert [entry.text for entry in log.entries(5)] == ["kept"]


def test_what_is_forgotten_is_gone_from_the_file(tmp_path: Path) -> None:
    """The text is overwritten, not only unlinked."""
    path = tmp_path / "usage.sqlite"
    with closing(SqliteUsageLog(str(path), clock=lambda: NOON)) as log:
        log.add([entry_of("where is the xylophone"), entry_of("b", at=NOON + 5)])
        assert log.forget(NOON + 1) == 1
        assert log.forget(NOON + 1) == 0
        assert [entry.text for entry in log.entries(5)] == ["b"]
    assert {file.name for file in tmp_path.iterdir()} == {"usage.sqlite"}
    assert b"xylophone" not in path.read_bytes()


def test_the_size_of_the_log_is_bounded(tmp_path: Path) -> None:
    """The oldest entries go, a tenth at a time; the newest is always there."""
    path = tmp_path / "usage.sqlite"
    limit = 300_000
    with closing(SqliteUsageLog(str(path), max_bytes=limit, clock=lambda: NOON)) as log:
        for turn in range(60):
            log.add([entry_of(f"{turn} {number} {'x' * 200}", at=NOON + turn) for number in range(100)])
            newest = log.entries(1)[0]
            assert newest.text.startswith(f"{turn} 99 ")
        kept = log.entries(10_000)
        assert 500 < len(kept) < 1_500
        assert [entry.at for entry in kept] == sorted((entry.at for entry in kept), reverse=True)
    assert path.stat().st_size < 1.3 * limit


# --------------------------------------------------------------------------- the file and others


def test_everything_is_there_when_opened_again(tmp_path: Path) -> None:
    """In a file that is its owner's alone."""
    path = tmp_path / "usage.sqlite"
    with closing(SqliteUsageLog(str(path), clock=lambda: NOON)) as log:
        log.add([entry_of()])
        assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    with closing(SqliteUsageLog(str(path))) as log:
        assert log.entries(5) == [entry_of()]


def test_a_log_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """And is left as it is."""
    path = str(tmp_path / "usage.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, Schema("query log", "", (*USAGE.migrations, "CREATE TABLE later (a TEXT);")))
    with pytest.raises(IndexIncompatible, match="query log"):
        SqliteUsageLog(path)


def test_migrating_is_done_once() -> None:
    """A second time changes nothing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, USAGE)
        schema = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        migrate(db, USAGE)
        assert db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == schema
        assert db.execute("PRAGMA user_version").fetchone() == (len(USAGE.migrations),)


def test_damage_is_an_error_of_ours(tmp_path: Path) -> None:
    """A file that is no database, and rows that make no sense; the hint says that it may go."""
    path = tmp_path / "usage.sqlite"
    path.write_bytes(b"not a database, whatever its name says. " * 100)
    with pytest.raises(StoreDamaged, match="query log") as caught:
        SqliteUsageLog(str(path))
    assert "delete the file" in str(caught.value.hint)
    with closing(SqliteUsageLog(":memory:", clock=lambda: NOON)) as log:
        for column, value in (("repos", "{"), ("repos", "7"), ("results", "many"), ("at", "noon")):
            log.forget(math.inf)
            log._connection.raw.execute("DELETE FROM requests")
            log.add([entry_of()])
            log._connection.raw.execute(f"UPDATE requests SET {column} = ?", (value,))  # noqa: S608 -- names from above
            with pytest.raises(StoreDamaged, match="cannot be read"):
                log.entries(5)


def test_threads_may_share_a_log(log: SqliteUsageLog) -> None:
    """Writers and a reader of figures at once, and every batch is counted whole."""

    def write(worker: int) -> None:
        for _ in range(20):
            log.add([entry_of(str(worker)), entry_of(str(worker))])

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write, worker) for worker in range(3)]
        while not all(writer.done() for writer in writers):
            stats = log.stats(0.0, 5)
            assert stats.requests % 2 == 0
            assert sum(count for _, count in stats.top_queries) == stats.requests
        for writer in writers:
            writer.result(60)
    assert log.stats(0.0, 5).top_queries == (("0", 40), ("1", 40), ("2", 40))


def _log_much(path: str, worker: int, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with closing(SqliteUsageLog(path, LogOptions(queries="hash"), clock=lambda: NOON)) as log:
        for _ in range(50):
            log.add([entry_of("the same", surface=str(worker))])


def test_processes_may_log_at_once(tmp_path: Path) -> None:
    """From the making of the file on, with one salt."""
    context = multiprocessing.get_context("fork")
    start, path = context.Event(), str(tmp_path / "usage.sqlite")
    workers = [context.Process(target=_log_much, args=(path, worker, start)) for worker in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with closing(SqliteUsageLog(path)) as log:
        stats = log.stats(0.0, 5)
        assert stats.by_surface == (("0", 50), ("1", 50), ("2", 50))
        assert len(stats.top_queries) == 1


def test_logging_does_not_wait_for_the_catalog(tmp_path: Path) -> None:
    """A batch that is being indexed holds the catalog, and not the log."""
    with (
        closing(SqliteCatalog(str(tmp_path / "catalog.sqlite"))) as catalog,
        closing(SqliteUsageLog(str(tmp_path / "usage.sqlite"), clock=lambda: NOON)) as log,
        catalog._transaction(),
    ):
        log.add([entry_of()])  # it would fail, were it to wait
        assert log.stats(0.0, 1).requests == 1
    assert Path(tmp_path / "usage.sqlite").exists()


def test_a_log_held_by_another_is_busy(tmp_path: Path) -> None:
    """Figures are read meanwhile."""
    path = str(tmp_path / "usage.sqlite")
    with (
        closing(SqliteUsageLog(path, clock=lambda: NOON)) as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        log._connection.raw.execute("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="another process"):
            log.add([entry_of()])
        assert log.stats(0.0, 5).requests == 0
        other.execute("ROLLBACK")
        log.add([entry_of()])
        assert log.stats(0.0, 5).requests == 1


WRITER = """
import sys
from conexus.adapters.sqlite_usage_log import SqliteUsageLog
from conexus.types import UsageEntry
log = SqliteUsageLog(sys.argv[1], clock=lambda: 1.0)
number = log.stats(0.0, 1).requests
while True:
    log.add([UsageEntry(float(number), "cli", "search", "local", str(number), ("a",), 1, 1.0)])
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_leaves_a_whole_log(tmp_path: Path) -> None:
    """Every entry that was reported is there, and the next writer goes on."""
    path = str(tmp_path / "usage.sqlite")
    for moment in (3, 30, 100):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            told = [int(writer.stdout.readline()) for _ in range(moment)][-1]
            writer.send_signal(signal.SIGKILL)
        with closing(SqliteUsageLog(path, clock=lambda: 1.0)) as log:
            kept = log.entries(1_000_000)
            assert [entry.text for entry in reversed(kept)] == [str(number) for number in range(len(kept))]
            assert len(kept) > told
            assert log._connection.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_closed_log_says_so(tmp_path: Path) -> None:
    """Closing twice is fine; use afterwards is an error of ours."""
    log = SqliteUsageLog(str(tmp_path / "usage.sqlite"))
    log.close()
    log.close()
    with pytest.raises(StoreError):
        log.add([entry_of()])
    with pytest.raises(StoreError):
        log.stats(0.0, 5)
