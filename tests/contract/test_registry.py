# SPDX-License-Identifier: FSL-1.1-MIT
"""What every store of API keys, index jobs and webhooks must do: on a real file and in memory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from builders import REPO, checkout_of

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_connection import Schema, migrate
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.errors import NotFound, StoreBusy, StoreDamaged, StoreError
from conexus.ports import JobStore, KeyStore, WebhookStore
from conexus.types import (
    ApiKey,
    FileProblem,
    IndexJob,
    IndexProgress,
    IndexReport,
    IndexStage,
    JobState,
    RepoId,
    Role,
    SkippedFile,
    SkipReason,
    Webhook,
)

NOON = 1_700_000_000.25
PROGRESS = IndexProgress(IndexStage.INDEX, 3, 9, 300, 900, 12, 1, 0.5)
REPORT = IndexReport(
    repo=REPO,
    name="app",
    root="/home/a/app",
    files_total=2,
    files_indexed=1,
    files_unchanged=1,
    files_deleted=0,
    chunks_written=3,
    chunks_total=4,
    symbols_total=5,
    redactions=1,
    languages=(("python", 2), ("go", 1)),
    skipped=(SkippedFile("logo.png", SkipReason.BINARY, "a NUL byte"), SkippedFile("caf\udce9/", SkipReason.IGNORED)),
    problems=(FileProblem("big.js", "took too long"),),
    elapsed_ms=12.5,
    bytes_read=4_321,
    rebuilt="another model",
)


@pytest.fixture(params=["memory", "file"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteRegistry]:
    """An empty store of each kind."""
    found = SqliteRegistry(":memory:" if request.param == "memory" else str(tmp_path / "catalog.sqlite"))
    yield found
    found.close()


def key_of(name: str, **fields: object) -> ApiKey:
    key = ApiKey(id=f"id-{name}", name=name, role=Role.READER, repos=None, created_at=NOON)
    return replace(key, **fields)  # type: ignore[arg-type]


def job_of(number: int, state: JobState = JobState.QUEUED, **fields: object) -> IndexJob:
    job = IndexJob(
        id=f"job-{number}",
        root=f"/home/a/{number}",
        repo=RepoId(f"example.org/team/{number}"),
        name=str(number),
        state=state,
        subject="local",
        created_at=NOON + number,
    )
    return replace(job, **fields)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------- keys


def test_nothing_is_there_at_first(registry: SqliteRegistry) -> None:
    """Asking for what is not there is no error."""
    assert registry.keys() == []
    assert registry.key_by_hash("") is None
    assert registry.job("nothing") is None
    assert registry.jobs(10) == []
    assert registry.jobs(10, before="nothing") == []
    assert registry.unfinished_jobs() == []
    assert registry.forget_jobs(NOON) == 0
    assert registry.webhooks() == []
    registry.note_key_use({})
    registry.note_key_use({"nothing": NOON})


def test_keys_come_back_as_added(registry: KeyStore) -> None:
    """Oldest first, every field; patterns that are none, and no patterns at all, are different things."""
    keys = [
        key_of("zoe"),
        key_of("build", role=Role.WRITER, repos=("github.com/acme/*", "local/büro *"), expires_at=NOON + 60),
        key_of("nobody", role=Role.ADMIN, repos=(), last_used_at=NOON, revoked_at=NOON + 1),
    ]
    for number, key in enumerate(keys):
        registry.add_key(key, f"hash-{number}")
    assert registry.keys() == keys
    assert [registry.key_by_hash(f"hash-{number}") for number in range(4)] == [*keys, None]


def test_a_secret_belongs_to_one_key(registry: KeyStore) -> None:
    """A second key of the same id or secret is refused, and the first stays."""
    registry.add_key(key_of("a"), "hash")
    with pytest.raises(StoreError):
        registry.add_key(key_of("b"), "hash")
    with pytest.raises(StoreError):
        registry.add_key(key_of("a"), "other")
    assert registry.keys() == [key_of("a")]


def test_a_revoked_key_stays_revoked(registry: KeyStore) -> None:
    """The first time counts; other keys are left alone."""
    registry.add_key(key_of("a"), "hash-a")
    registry.add_key(key_of("b"), "hash-b")
    assert registry.revoke_key("id-a", NOON + 5) == key_of("a", revoked_at=NOON + 5)
    assert registry.revoke_key("id-a", NOON + 9) == key_of("a", revoked_at=NOON + 5)
    found = registry.key_by_hash("hash-a")
    assert found is not None
    assert not found.is_valid(NOON)
    assert registry.key_by_hash("hash-b") == key_of("b")
    with pytest.raises(NotFound, match="'nothing'"):
        registry.revoke_key("nothing", NOON)


def test_use_of_keys_is_noted(registry: KeyStore) -> None:
    """The latest time counts, in whatever order the notes come; a key that is gone is no error."""
    registry.add_key(key_of("a"), "hash-a")
    registry.add_key(key_of("b"), "hash-b")
    registry.note_key_use({"id-a": NOON + 7, "gone": NOON})
    registry.note_key_use({"id-a": NOON + 3})
    assert registry.keys() == [key_of("a", last_used_at=NOON + 7), key_of("b")]


@pytest.mark.parametrize("stored", ['"github.com/*"', "{}", "[1]", "not json", "", "[[]]", "null"])
def test_damaged_patterns_are_no_key_for_everything(registry: SqliteRegistry, stored: str) -> None:
    """What cannot be read lets nobody in."""
    registry.add_key(key_of("a", repos=("local/x",)), "hash")
    registry._connection.raw.execute("UPDATE api_keys SET repos = ?", (stored,))
    with pytest.raises(StoreDamaged, match="id-a"):
        registry.key_by_hash("hash")


def test_a_role_that_is_not_known_lets_nobody_in(registry: SqliteRegistry) -> None:
    """As one of a later version would be."""
    registry.add_key(key_of("a"), "hash")
    registry._connection.raw.execute("UPDATE api_keys SET role = 'owner'")
    with pytest.raises(StoreDamaged, match="owner"):
        registry.key_by_hash("hash")


# ------------------------------------------------------------------------------------- jobs


def test_a_job_comes_back_at_every_stage(registry: JobStore) -> None:
    """With its progress and its report, paths that are no UTF-8 included."""
    job = job_of(1, root="/home/caf\udce9", model="default")
    stages = [
        job,
        job := replace(job, state=JobState.RUNNING, started_at=NOON + 2),
        job := replace(job, progress=PROGRESS),
        job := replace(job, progress=replace(PROGRESS, files_done=4)),
        job := replace(job, progress=None),
        replace(job, state=JobState.DONE, finished_at=NOON + 9, report=REPORT),
        replace(
            job, state=JobState.FAILED, finished_at=NOON + 9, error_code="disk_full", error="no \ud800", hint="free it"
        ),
        job,
    ]
    for stage in stages:
        registry.save_job(stage)
        assert registry.job("job-1") == stage
    assert registry.jobs(10) == [job]


def test_progress_goes_over_nothing_else(registry: JobStore) -> None:
    """What is new beside the progress is kept too."""
    job = job_of(1, JobState.RUNNING, started_at=NOON, progress=PROGRESS)
    registry.save_job(job)
    for field, value in {"started_at": NOON + 1, "model": "other", "created_at": NOON - 5, "report": REPORT}.items():
        job = replace(job, **{field: value})  # type: ignore[arg-type]
        registry.save_job(job)
        assert registry.job(job.id) == job


def test_jobs_are_listed_newest_first_in_pages(registry: JobStore) -> None:
    """By their time and, where it is the same, in the order of their making; a change keeps their place."""
    jobs = [job_of(number, created_at=NOON + number // 3) for number in range(10)]
    for job in reversed(jobs[5:]):
        registry.save_job(job)
    for job in jobs[:5]:
        registry.save_job(job)
    everything = registry.jobs(100)
    assert [job.created_at for job in everything] == sorted((job.created_at for job in jobs), reverse=True)
    registry.save_job(replace(jobs[7], state=JobState.CANCELLED, finished_at=NOON))
    assert [job.id for job in registry.jobs(100)] == [job.id for job in everything]
    pages, before = [], ""
    while page := registry.jobs(3, before):
        pages += page
        before = page[-1].id
    assert [job.id for job in pages] == [job.id for job in everything]
    assert registry.jobs(0) == []


def test_unfinished_jobs_are_found_oldest_first(registry: JobStore) -> None:
    """Queued and running ones, for a daemon that starts."""
    for number, state in enumerate(JobState):
        registry.save_job(job_of(9 - number, state))
    assert [job.state for job in registry.unfinished_jobs()] == [JobState.RUNNING, JobState.QUEUED]


def test_old_jobs_are_forgotten(registry: JobStore) -> None:
    """Only those that were over before the time, never one that waits or runs."""
    registry.save_job(job_of(1, JobState.DONE, finished_at=NOON + 100))
    registry.save_job(job_of(2, JobState.DONE, finished_at=NOON + 300))
    registry.save_job(job_of(3, JobState.CANCELLED))
    registry.save_job(job_of(4, JobState.QUEUED))
    registry.save_job(job_of(5, JobState.RUNNING, started_at=NOON))
    assert registry.forget_jobs(NOON + 200) == 2
    assert [job.id for job in registry.jobs(10)] == ["job-5", "job-4", "job-2"]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("progress", "{}"),
        ("progress", "[1, 2]"),
        ("progress", "nonsense"),
        ("progress", '{"stage":"asleep"}'),
        ("report", "[" * 100_000),
        ("report", "7"),
        ("detail", '{"root": 1}'),
        ("state", "asleep"),
    ],
)
def test_a_damaged_job_is_an_error_of_ours(registry: SqliteRegistry, column: str, text: str) -> None:
    """It is told which one it is."""
    registry.save_job(job_of(1, JobState.RUNNING, progress=PROGRESS, report=REPORT))
    registry._connection.raw.execute(f"UPDATE jobs SET {column} = ?", (text,))  # noqa: S608 -- a name from above
    with pytest.raises(StoreDamaged, match="job-1"):
        registry.jobs(10)


# --------------------------------------------------------------------------------- webhooks


def test_webhooks_come_back_as_added(registry: WebhookStore) -> None:
    """Oldest first; a removed one is gone, and its number with it."""
    hooks = [
        Webhook("b", "https://example.org/hook", NOON, "whsec_bm90IGEgc2VjcmV0"),
        Webhook("a", "http://example.org:8080/", NOON - 9),
    ]
    for hook in hooks:
        registry.add_webhook(hook)
    assert registry.webhooks() == hooks
    with pytest.raises(StoreError):
        registry.add_webhook(hooks[0])
    registry.remove_webhook("b")
    with pytest.raises(NotFound, match="'b'"):
        registry.remove_webhook("b")
    assert registry.webhooks() == hooks[1:]


# ----------------------------------------------------------------------- the file and its time


def test_everything_is_there_when_opened_again(tmp_path: Path) -> None:
    """Beside a catalog in the same file, which is left as it was."""
    path = str(tmp_path / "catalog.sqlite")
    with closing(SqliteCatalog(path)) as catalog, closing(SqliteRegistry(path)) as registry:
        view = catalog.ensure_view(checkout_of("/home/a/app"))
        registry.add_key(key_of("a"), "hash")
        registry.save_job(job_of(1, JobState.RUNNING, started_at=NOON, progress=PROGRESS))
        registry.add_webhook(Webhook("w", "https://example.org/", NOON))
    with closing(SqliteCatalog(path)) as catalog, closing(SqliteRegistry(path)) as registry:
        assert catalog.views() == [view]
        assert registry.key_by_hash("hash") == key_of("a")
        assert registry.unfinished_jobs() == [job_of(1, JobState.RUNNING, started_at=NOON, progress=PROGRESS)]
        assert [hook.id for hook in registry.webhooks()] == ["w"]
        assert catalog.integrity() == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever it was made with, and its logs as well: webhooks have secrets."""
    path = tmp_path / "catalog.sqlite"
    before = os.umask(0)
    try:
        with closing(SqliteRegistry(str(path))) as registry:
            registry.add_key(key_of("a"), "hash")
            assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
        path.chmod(0o664)
        with closing(SqliteRegistry(str(path))) as registry:
            registry.add_key(key_of("b"), "other")
            assert len(list(tmp_path.iterdir())) == 3
            assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    finally:
        os.umask(before)


@pytest.mark.parametrize("version", [1, 2])
def test_a_catalog_of_an_earlier_version_gets_the_tables(tmp_path: Path, version: int) -> None:
    """What it holds stays."""
    path = str(tmp_path / "catalog.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, Schema("catalog", "", CATALOG.migrations[:version]))
        assert db.execute("PRAGMA user_version").fetchone() == (version,)
        db.execute("INSERT INTO repositories (repo, name) VALUES (?, 'app')", (REPO,))
        db.execute("INSERT INTO views (repository, root) VALUES (1, ?)", (b"/home/a/app",))
    with closing(SqliteRegistry(path)) as registry:
        registry.add_key(key_of("a"), "hash")
        registry.save_job(job_of(1))
        assert registry.keys() == [key_of("a")]
    with closing(SqliteCatalog(path)) as catalog:
        assert [(view.repo, str(view.root)) for view in catalog.views()] == [(REPO, "/home/a/app")]
        assert catalog.integrity() == []


def test_threads_may_share_a_registry(registry: SqliteRegistry) -> None:
    """Keys, jobs and notes at once: nothing fails, and nothing is lost."""

    def work(worker: int) -> None:
        for turn in range(20):
            name = f"{worker}-{turn}"
            registry.add_key(key_of(name), name)
            registry.save_job(job_of(100 * worker + turn, JobState.RUNNING, progress=PROGRESS))
            registry.note_key_use({f"id-{name}": NOON})
            assert registry.key_by_hash(name) == key_of(name, last_used_at=NOON)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work, worker) for worker in range(4)]:
            done.result(60)
    assert len(registry.keys()) == len(registry.unfinished_jobs()) == 80


def _add_keys(path: str, worker: int, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with closing(SqliteRegistry(path)) as registry:
        for turn in range(30):
            registry.add_key(key_of(f"{worker}-{turn}"), f"{worker}-{turn}")
            registry.note_key_use({f"id-{worker}-{turn}": NOON})
            registry.save_job(job_of(worker, JobState.RUNNING, progress=replace(PROGRESS, files_done=turn)))


def test_processes_may_write_at_once(tmp_path: Path) -> None:
    """A daemon and a terminal, from the making of the file on."""
    context = multiprocessing.get_context("fork")
    start, path = context.Event(), str(tmp_path / "catalog.sqlite")
    workers = [context.Process(target=_add_keys, args=(path, worker, start)) for worker in range(3)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    with closing(SqliteRegistry(path)) as registry:
        keys = registry.keys()
        assert len(keys) == len({key.id for key in keys}) == 90
        assert all(key.last_used_at == NOON for key in keys)
        assert [job.progress and job.progress.files_done for job in registry.unfinished_jobs()] == [29, 29, 29]


WRITER = """
import sys
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.types import ApiKey, Role
registry = SqliteRegistry(sys.argv[1])
number = len(registry.keys())
while True:
    registry.add_key(ApiKey(str(number), "n", Role.READER, ("local/*",), 1.0), f"hash-{number}")
    print(number, flush=True)
    number += 1
"""


def test_a_killed_writer_loses_nothing_that_it_told(tmp_path: Path) -> None:
    """Every key that was reported is there, whole, and the next writer goes on."""
    path = str(tmp_path / "catalog.sqlite")
    told = 0
    for moment in (3, 20, 60):
        with subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(moment):
                told = int(writer.stdout.readline())
            writer.send_signal(signal.SIGKILL)
            told = max([told, *(int(line) for line in writer.stdout.read().splitlines(keepends=True) if "\n" in line)])
        with closing(SqliteRegistry(path)) as registry:
            keys = registry.keys()
            assert [key.id for key in keys] == [str(number) for number in range(len(keys))]
            assert len(keys) in {told + 1, told + 2}  # it may have been killed before it could tell
            assert registry._connection.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_key_is_found_while_another_process_writes(tmp_path: Path) -> None:
    """Reading never waits; writing says that it had to, for too long."""
    path = str(tmp_path / "catalog.sqlite")
    with closing(SqliteRegistry(path)) as registry, closing(sqlite3.connect(path, isolation_level=None)) as other:
        registry.add_key(key_of("a"), "hash")
        registry._connection.raw.execute("PRAGMA busy_timeout = 50")
        other.execute("BEGIN IMMEDIATE")
        assert registry.key_by_hash("hash") == key_of("a")
        with pytest.raises(StoreBusy, match="another process"):
            registry.revoke_key("id-a", NOON)
        other.execute("ROLLBACK")
        assert registry.revoke_key("id-a", NOON).revoked_at == NOON


def test_a_closed_registry_says_so(registry: SqliteRegistry) -> None:
    """Closing twice is fine; use afterwards is an error of ours."""
    registry.close()
    registry.close()
    with pytest.raises(StoreError):
        registry.keys()
    with pytest.raises(StoreError):
        registry.note_key_use({"a": NOON})


def test_commits_wait_for_the_disk_again_after_a_quick_one(registry: SqliteRegistry) -> None:
    """Progress and notes alone do not; what comes after them does."""
    registry.save_job(job_of(1, JobState.RUNNING))
    registry.save_job(job_of(1, JobState.RUNNING, progress=PROGRESS))
    registry.note_key_use({"a": NOON})
    assert registry._connection.rows("PRAGMA synchronous") == [(2,)]
    with pytest.raises(StoreError):
        registry.add_key(key_of("\ud800"), "hash")
    assert registry._connection.rows("PRAGMA synchronous") == [(2,)]
