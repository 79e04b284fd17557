# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements KeyStore, JobStore and WebhookStore in the catalog's database.

A connection of its own, so that asking for a key never waits for a batch that is being indexed. What a
method has written survives a power cut once it returns; the exceptions say so.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.json_values import from_json, to_json
from conexus.adapters.sqlite_connection import MEMORY, SqliteConnection
from conexus.adapters.sqlite_copies import BESIDE
from conexus.errors import NotFound, StoreDamaged
from conexus.types import ApiKey, IndexJob, IndexProgress, IndexReport, JobOrigin, JobState, RepoId, Role, Webhook
from conexus.values import dataclass

_KEY = "id, name, role, repos, created_at, expires_at, last_used_at, revoked_at, user, requests_per_s"
_JOB = "id, state, created_at, started_at, finished_at, detail, progress, report"
_UNFINISHED = "state IN ('queued', 'running')"
_OTHERS = 0o077  # permissions of everybody but the owner


@dataclass(frozen=True, slots=True)
class _JobDetail:
    """What of a job the database itself never looks at."""

    root: str
    repo: RepoId
    name: str
    subject: str
    model: str
    error_code: str
    error: str
    hint: str
    origin: JobOrigin = JobOrigin.ASKED
    attempts: int = 0
    details: tuple[tuple[str, str], ...] = ()
    pid: int = 0


class SqliteRegistry:
    """Keys, jobs and webhooks in one file, or in memory for ``:memory:``. Threads may share it."""

    def __init__(self, path: str) -> None:
        """Open or make the database.

        Args:
            path: The catalog's file, in a folder that is there, or ``:memory:``. The file is made its owner's alone,
                since webhooks have secrets.

        Raises:
            StoreDamaged: The file is no database.
            IndexIncompatible: A later version of Conexus wrote it.
            StoreError: The file cannot be opened or written.
        """
        self._connection = SqliteConnection(path, CATALOG)
        if path != MEMORY:
            _keep_private(Path(path))

    def close(self) -> None:
        """Release the database. Idempotent."""
        self._connection.close()

    # ----------------------------------------------------------------------------- keys

    def add_key(self, key: ApiKey, secret_hash: str) -> None:
        """Keep a new key.

        Raises:
            StoreError: There is one of that id or secret.
        """
        repos = None if key.repos is None else json.dumps(key.repos)
        times = (key.created_at, key.expires_at, key.last_used_at, key.revoked_at)
        row = (key.id, key.name, key.role, repos, *times, key.user, key.requests_per_s)
        with self._connection.transaction() as db:
            db.execute(f"INSERT INTO api_keys ({_KEY}, secret_hash) VALUES ({_marks(11)})", (*row, secret_hash))  # noqa: S608 -- names from this module

    def key_by_hash(self, secret_hash: str) -> ApiKey | None:
        """Return the key, valid or not, whose secret has this hash."""
        rows = self._connection.rows(f"SELECT {_KEY} FROM api_keys WHERE secret_hash = ?", (secret_hash,))  # noqa: S608 -- names from this module
        return _api_key(rows[0]) if rows else None

    def keys(self) -> list[ApiKey]:
        """Return all keys, also revoked ones, oldest first."""
        return [_api_key(row) for row in self._connection.rows(f"SELECT {_KEY} FROM api_keys ORDER BY number")]  # noqa: S608 -- names from this module

    def revoke_key(self, key: str, at: float) -> ApiKey:
        """Make a key invalid from a time on; one that is already revoked stays as it is.

        Raises:
            NotFound: There is no such key.
        """
        with self._connection.transaction() as db:
            db.execute("UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (at, key))
            row = db.execute(f"SELECT {_KEY} FROM api_keys WHERE id = ?", (key,)).fetchone()  # noqa: S608 -- names from this module
        if row is None:
            raise NotFound(f"there is no API key {key!r}", hint="see `conexus keys list`")
        return _api_key(row)

    def note_key_use(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used, by id. Times only go forward; a power cut may take the last of them."""
        if not used:
            return
        with self._connection.transaction(quick=True) as db:
            db.executemany(
                "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE id = ?",
                [(at, key) for key, at in used.items()],
            )

    # ----------------------------------------------------------------------------- jobs

    def save_job(self, job: IndexJob) -> None:
        """Keep a job, over what was kept under its id.

        Durable once it returns. Where nothing but the progress is new, which is often, it does not wait for the disk:
        a power cut ends the run as well.
        """
        detail = to_json(
            _JobDetail(
                root=job.root,
                repo=job.repo,
                name=job.name,
                subject=job.subject,
                model=job.model,
                error_code=job.error_code,
                error=job.error,
                hint=job.hint,
                origin=job.origin,
                attempts=job.attempts,
                details=job.details,
                pid=job.pid,
            )
        )
        progress = to_json(job.progress) if job.progress else None
        fixed = (job.state, job.created_at, job.started_at, job.finished_at, detail)
        if job.state is JobState.RUNNING and job.report is None:
            with self._connection.transaction(quick=True) as db:
                done = db.execute(
                    "UPDATE jobs SET progress = ? WHERE id = ? AND report IS NULL "
                    "AND (state, created_at, started_at, finished_at, detail) IS (?, ?, ?, ?, ?)",
                    (progress, job.id, *fixed),
                )
                if done.rowcount:
                    return
        report = to_json(job.report) if job.report else None
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO jobs (id, state, created_at, started_at, finished_at, detail, progress, report) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET state = excluded.state, "
                "created_at = excluded.created_at, started_at = excluded.started_at, "
                "finished_at = excluded.finished_at, detail = excluded.detail, progress = excluded.progress, "
                "report = excluded.report",
                (job.id, *fixed, progress, report),
            )

    def job(self, job: str) -> IndexJob | None:
        """Return one job.

        Raises:
            StoreDamaged: What is stored of it cannot be read; the same for those below.
        """
        found = self._jobs("WHERE id = ?", (job,))
        return found[0] if found else None

    def jobs(self, limit: int, before: str = "") -> list[IndexJob]:
        """Return jobs, newest first, those older than the one with the id ``before`` where one is given.

        Where that one is not there any more the list is empty: older ones have gone as well.
        """
        if not before:
            return self._jobs("ORDER BY created_at DESC, number DESC LIMIT ?", (limit,))
        return self._jobs(
            "WHERE (created_at, number) < (SELECT created_at, number FROM jobs WHERE id = ?) "
            "ORDER BY created_at DESC, number DESC LIMIT ?",
            (before, limit),
        )

    def unfinished_jobs(self) -> list[IndexJob]:
        """Return the jobs that are queued or running, oldest first."""
        return self._jobs(f"WHERE {_UNFINISHED} ORDER BY created_at, number")

    def forget_job(self, job: str) -> None:
        """Delete a job that is over; one that is not, or not there, is left alone."""
        with self._connection.transaction(quick=True) as db:
            db.execute(f"DELETE FROM jobs WHERE id = ? AND NOT {_UNFINISHED}", (job,))  # noqa: S608 -- from this module

    def forget_jobs(self, before: float) -> int:
        """Delete jobs that were over before a time; returns how many."""
        with self._connection.transaction() as db:
            done = db.execute(
                f"DELETE FROM jobs WHERE NOT {_UNFINISHED} AND coalesce(finished_at, created_at) < ?",  # noqa: S608 -- from this module
                (before,),
            )
        return done.rowcount

    def _jobs(self, which: str, parameters: Sequence[object] = ()) -> list[IndexJob]:
        return [_index_job(row) for row in self._connection.rows(f"SELECT {_JOB} FROM jobs {which}", parameters)]  # noqa: S608 -- from this module

    # ------------------------------------------------------------------------- webhooks

    def add_webhook(self, hook: Webhook) -> None:
        """Keep an address.

        Raises:
            StoreError: There is one of that id.
        """
        with self._connection.transaction() as db:
            db.execute(
                "INSERT INTO webhooks (id, url, created_at, secret) VALUES (?, ?, ?, ?)",
                (hook.id, hook.url, hook.created_at, hook.secret),
            )

    def webhooks(self) -> list[Webhook]:
        """Return all, oldest first."""
        rows = self._connection.rows("SELECT id, url, created_at, secret FROM webhooks ORDER BY number")
        return [Webhook(str(number), str(url), _time(at) or 0.0, str(secret)) for number, url, at, secret in rows]

    def remove_webhook(self, hook: str) -> None:
        """Forget one.

        Raises:
            NotFound: There is none of this id.
        """
        with self._connection.transaction() as db:
            if not db.execute("DELETE FROM webhooks WHERE id = ?", (hook,)).rowcount:
                raise NotFound(f"there is no webhook {hook!r}", hint="see `conexus webhooks list`")


def _api_key(row: Sequence[object]) -> ApiKey:
    key, name, role, repos, created_at, expires_at, last_used_at, revoked_at, user, rate = row
    try:
        return ApiKey(
            id=str(key),
            name=str(name),
            role=Role(str(role)),
            repos=_patterns(repos),
            created_at=_time(created_at) or 0.0,
            expires_at=_time(expires_at),
            last_used_at=_time(last_used_at),
            revoked_at=_time(revoked_at),
            user=str(user),
            requests_per_s=_time(rate),
        )
    except ValueError as exc:
        raise StoreDamaged(f"the API key {key!r} cannot be read: {exc}", hint=CATALOG.mend) from exc


def _patterns(stored: object) -> tuple[str, ...] | None:
    """Read the repositories of a key. What is not a list of texts is an error, never a key for all of them."""
    if stored is None:
        return None
    found = json.loads(str(stored))
    if not isinstance(found, list) or not all(isinstance(pattern, str) for pattern in found):
        raise ValueError("its repositories are no list of texts")
    return tuple(found)


def _index_job(row: Sequence[object]) -> IndexJob:
    job, state, created_at, started_at, finished_at, detail, progress, report = cast("Sequence[Any]", row)
    try:
        found = from_json(_JobDetail, str(detail))
        return IndexJob(
            id=str(job),
            root=found.root,
            repo=found.repo,
            name=found.name,
            state=JobState(state),
            subject=found.subject,
            created_at=_time(created_at) or 0.0,
            model=found.model,
            started_at=_time(started_at),
            finished_at=_time(finished_at),
            progress=from_json(IndexProgress, str(progress)) if progress is not None else None,
            report=from_json(IndexReport, str(report)) if report is not None else None,
            error_code=found.error_code,
            error=found.error,
            hint=found.hint,
            origin=found.origin,
            attempts=found.attempts,
            details=found.details,
            pid=found.pid,
        )
    except (ValueError, StoreDamaged) as exc:
        raise StoreDamaged(f"the index job {job!r} cannot be read: {exc}", hint=CATALOG.mend) from exc


def _time(value: object) -> float | None:
    if value is None or isinstance(value, float):
        return value
    raise StoreDamaged(f"the catalog holds {value!r} where a time belongs", hint=CATALOG.mend)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _keep_private(path: Path) -> None:
    """Take from others what they may do with the database and its logs."""
    for name in (path, *(Path(f"{path}{end}") for end in BESIDE)):
        with contextlib.suppress(OSError):  # it is somebody else's, or not there
            mode = name.stat().st_mode
            if mode & _OTHERS:
                name.chmod(mode & 0o7777 & ~_OTHERS)
