# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs index jobs, a few at a time, and keeps them in the catalog so that a restart goes on with them.

One job at a time writes to a repository. Jobs that bring in a few files that changed have a thread of their own, so
that an edit need not wait for the first index of another repository.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import field, replace
from pathlib import Path

from conexus.context_service import ContextService
from conexus.errors import ConexusError, DaemonUnavailable, ErrorCode, InternalError, NotFound, StoreError
from conexus.ports import JobStore
from conexus.types import (
    DAEMON_ITSELF,
    LOCAL_USER,
    Checkout,
    IndexJob,
    IndexProgress,
    JobOrigin,
    JobState,
    Principal,
    RepoId,
)
from conexus.values import dataclass

_SAVED_EVERY_S = 1.0  # progress is told as it comes, but written down only so often
_MAX_JOBS = 500
_MAX_PATHS = 1_000  # of a job; where more changed a look at everything costs less
_KEPT_S = 30 * 86_400.0
_MAX_ATTEMPTS = 3  # a job that takes the daemon with it again and again must not keep it from serving
_WAIT_S = 60.0
_OF_THE_DISK = frozenset({ErrorCode.DISK_FULL, ErrorCode.DISK_FAILING})
_log = logging.getLogger("conexus.daemon.jobs")
Paths = frozenset[str] | None


@dataclass(eq=False)
class _Running:
    """A job in the hands of a thread."""

    repo: RepoId
    stop: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    """Whether its caller stopped it; else the daemon is about to end, and the next one goes on with it."""


@dataclass(eq=False)
class _Task:
    """What a job is to look at."""

    checkout: Checkout
    changed: Paths = None
    """Paths that alone may have changed; all may where this is ``None``."""
    follow_up: bool = False
    """Whether it is for changes that the daemon noticed."""

    @property
    def is_small(self) -> bool:
        """Whether it is over at once, so that nothing is gained by writing down that it waits."""
        return self.follow_up and self.changed is not None

    @property
    def rank(self) -> int:
        """Lower is sooner: edits, what somebody asked for, looks at everything."""
        return 0 if self.is_small else 2 if self.follow_up else 1


class JobRunner:
    """A queue of index jobs and the threads that do them.

    Args:
        service: Does the work.
        store: Keeps the jobs.
        changed: Told of every change of a job; must return at once.
        find: Finds a tree again for a job that an earlier daemon left.
        begin: Called in each thread at its start: to lower its priority.
        is_alive: Whether there is a process of a number.
    """

    def __init__(
        self,
        service: ContextService,
        store: JobStore,
        changed: Callable[[IndexJob], None],
        find: Callable[[Path], Checkout],
        begin: Callable[[], None] = lambda: None,
        is_alive: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._service = service
        self._store = store
        self._changed = changed
        self._find = find
        self._begin = begin
        self._is_alive = is_alive
        self._mutex = threading.Lock()
        self._wake = threading.Condition(self._mutex)
        self._live: dict[str, IndexJob] = {}
        self._tasks: dict[str, _Task] = {}
        self._waiting: list[str] = []
        self._running: dict[str, _Running] = {}
        self._behind: set[Path] = set()
        self._starved: set[Path] = set()
        """Trees of which changes were missed, since a job for them did not come to its end."""
        self._unsaved: dict[str, IndexJob] = {}
        """Jobs that could not be written down as they are, since the disk took no writes."""
        self._followed: dict[Path, str] = {}
        """The last job for changes of a tree: one is kept for each."""
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def start(self, threads: int) -> None:
        """Start working, first on what an earlier daemon left."""
        self._store.forget_jobs(time.time() - _KEPT_S)
        for job in self._store.unfinished_jobs():
            self._resume(job)
        for number in range(threads + 1):
            thread = threading.Thread(
                target=self._work, args=(number == threads,), name=f"index-job-{number}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    def _resume(self, job: IndexJob) -> None:
        if job.pid and self._is_alive(job.pid):
            return  # the terminal is at it
        if job.attempts >= _MAX_ATTEMPTS and job.state is JobState.RUNNING:
            gone = InternalError(
                f"the daemon ended {job.attempts} times in the midst of it",
                hint="`conexus index` runs it without the daemon, once that is stopped, and shows how far it comes",
            )
            self._over(replace(failed_job(job, gone), finished_at=time.time()))
            return
        try:
            checkout = self._find(Path(job.root))
        except ConexusError as error:
            self._over(replace(failed_job(job, error), finished_at=time.time()))
            return
        self._queue(
            replace(job, state=JobState.QUEUED, started_at=None, progress=None, pid=0),
            _Task(checkout, follow_up=job.origin is JobOrigin.WATCH),
        )

    def submit(self, checkout: Checkout, who: Principal, *, model: str, name: str) -> IndexJob:
        """Queue a job. Each caller has one of its own, which it can cancel; a tree that is up to date takes no time.

        Raises:
            DaemonUnavailable: Too many wait.
        """
        with self._mutex:
            if len(self._live) >= _MAX_JOBS:
                raise DaemonUnavailable("too many index jobs wait", hint="try again when some are done")
        job = replace(new_job(checkout, who.subject, JobOrigin.ASKED), model=model, name=name or checkout.name)
        self._queue(job, _Task(checkout))
        return job

    def follow_up(self, checkout: Checkout, changed: Paths) -> None:
        """Queue a job for changes that were noticed; what waits for the same tree is joined with it.

        Args:
            checkout: The tree.
            changed: Paths that alone may have changed; all may where this is ``None``.
        """
        with self._mutex:
            if self._stopping:
                return
            for job_id in self._waiting:
                task = self._tasks[job_id]
                if task.checkout.root == checkout.root and not self._live[job_id].model:
                    task.checkout, task.changed = checkout, _joined(task.changed, changed)
                    return
            if len(self._live) >= _MAX_JOBS:
                self._behind.add(checkout.root)
                return
            if checkout.root in self._behind:
                changed = None
        self._queue(new_job(checkout, LOCAL_USER.subject, JobOrigin.WATCH), _Task(checkout, changed, follow_up=True))

    def wants_again(self, root: Path) -> bool:
        """Whether the last job of a tree failed for want of space, or for a disk that fails."""
        with self._mutex:
            return root in self._starved

    def _queue(self, job: IndexJob, task: _Task) -> None:
        with self._mutex:
            self._live[job.id] = job
            self._tasks[job.id] = task
        if not task.is_small:
            self._save(job)
        self._changed(job)
        with self._wake:
            self._waiting.append(job.id)
            self._wake.notify_all()

    def cancel(self, job: str) -> IndexJob:
        """Ask a job to stop; one that is over stays as it is.

        Raises:
            NotFound: There is no such job.
        """
        with self._mutex:
            running = self._running.get(job)
            if running is not None:
                running.cancelled = True
                running.stop.set()
            waiting = self._live.get(job) if running is None and job in self._waiting else None
            if waiting is not None:
                self._waiting.remove(job)
                self._behind.add(self._tasks[job].checkout.root)
        if waiting is not None:
            self._over(replace(waiting, state=JobState.CANCELLED, finished_at=time.time()))
        found = self.get(job)
        if found is None:
            raise NotFound(f"there is no job {job}", details={"field": "id"})
        if found.pid and not found.state.is_over:  # the terminal looks every second whether it is still wanted
            found = replace(found, state=JobState.CANCELLED, finished_at=time.time())
            self._over(found)
        return found

    def get(self, job: str) -> IndexJob | None:
        """Return a job as it is now."""
        with self._mutex:
            live = self._live.get(job) or self._unsaved.get(job)
        found = live or self._store.job(job)
        return None if found is None else as_it_is(found, self._is_alive)

    def page(self, limit: int, before: str) -> list[IndexJob]:
        """Return jobs, newest first."""
        found = self._store.jobs(limit, before)
        with self._mutex:
            known = {**self._unsaved, **self._live}
            return [known.get(job.id) or as_it_is(job, self._is_alive) for job in found]

    def counts(self) -> tuple[int, int]:
        """Return how many jobs run, and how many wait."""
        with self._mutex:
            running = len(self._running)
            return running, len(self._live) - running

    def stop(self, wait_s: float) -> None:
        """Stop working. What runs is stopped at its next file and stays in the catalog for the next daemon."""
        with self._wake:
            self._stopping = True
            for running in self._running.values():
                running.stop.set()
            self._wake.notify_all()
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # ------------------------------------------------------------------------ in the threads

    def _work(self, small_only: bool) -> None:
        self._begin()
        while True:
            with self._wake:
                job_id = self._next(small_only)
                while job_id is None and not self._stopping:
                    self._wake.wait(_WAIT_S)
                    job_id = self._next(small_only)
                if job_id is None or self._stopping:
                    return
                self._waiting.remove(job_id)
                job, task = self._live[job_id], self._tasks[job_id]
                running = self._running[job_id] = _Running(task.checkout.repo)
            try:
                self._run(job, task, running)
            finally:
                with self._wake:
                    self._running.pop(job_id, None)
                    self._wake.notify_all()

    def _next(self, small_only: bool) -> str | None:
        """Return the job to do now: of a repository that nobody writes to."""
        busy = {running.repo for running in self._running.values()}
        found = [
            job_id
            for job_id in self._waiting
            if self._tasks[job_id].checkout.repo not in busy and (self._tasks[job_id].is_small or not small_only)
        ]
        return min(found, key=lambda job_id: self._tasks[job_id].rank, default=None)

    def _run(self, job: IndexJob, task: _Task, running: _Running) -> None:
        job = replace(job, state=JobState.RUNNING, started_at=time.time(), attempts=job.attempts + 1)
        self._note(job, saved=not task.is_small)
        with self._mutex:
            self._behind.discard(task.checkout.root)
        done = job
        try:
            done = self._indexed(job, task, running)
            with self._mutex:
                self._starved.discard(task.checkout.root)
        except ConexusError as error:
            done = failed_job(job, error)
            if error.code in _OF_THE_DISK:
                with self._mutex:
                    self._starved.add(task.checkout.root)
        except Exception:  # noqa: BLE001 -- a fault of ours ends the job, not the thread
            _log.exception("index job failed by a fault of Conexus", extra={"job": job.id})
            code = ErrorCode.INTERNAL.value
            done = replace(job, state=JobState.FAILED, error_code=code, error="the job failed by a fault of Conexus")
        if done.state is not JobState.DONE:
            with self._mutex:
                self._behind.add(task.checkout.root)
        if done.state is JobState.QUEUED:
            self._note(done)
        else:
            self._over(replace(done, finished_at=time.time(), progress=self._progress_of(job.id)))

    def _indexed(self, job: IndexJob, task: _Task, running: _Running) -> IndexJob:
        checkout = task.checkout
        saved_at = time.monotonic()

        def listen(progress: IndexProgress) -> None:
            nonlocal saved_at
            now = time.monotonic()
            saved = now - saved_at >= _SAVED_EVERY_S and not task.is_small
            saved_at = now if saved else saved_at
            self._note(replace(job, progress=progress), saved=saved)

        # What a caller may do was asked when the job was made.
        who = DAEMON_ITSELF if task.follow_up else replace(LOCAL_USER, subject=job.subject)
        if task.follow_up and all(view.root != checkout.root for view in self._service.views(LOCAL_USER)):
            return replace(job, state=JobState.CANCELLED)  # removed while the job waited
        report = self._service.index(checkout, who, listen, running.stop.is_set, job.model, task.changed)
        if report.cancelled and not running.cancelled:
            return replace(job, state=JobState.QUEUED, started_at=None, attempts=job.attempts - 1)
        state = JobState.CANCELLED if report.cancelled else JobState.DONE
        if task.follow_up:
            return replace(job, state=state, name=report.name, report=replace(report, skipped=(), problems=()))
        if job.name not in {report.name, checkout.name}:
            self._service.rename(RepoId(report.repo), job.name, who)
            report = replace(report, name=job.name)
        return replace(job, state=state, report=report)

    def _progress_of(self, job: str) -> IndexProgress | None:
        with self._mutex:
            live = self._live.get(job)
        return None if live is None else live.progress

    def _note(self, job: IndexJob, *, saved: bool = True) -> None:
        with self._mutex:
            self._live[job.id] = job
        if saved:
            self._save(job)
        self._changed(job)

    def _save(self, job: IndexJob) -> None:
        """Write a job down, and those that could not be before; a disk that takes no writes ends no thread."""
        with self._mutex:
            self._unsaved[job.id] = job
            waiting = list(self._unsaved.values())
            for old in waiting[:-_MAX_JOBS]:
                del self._unsaved[old.id]
        for one in waiting[-_MAX_JOBS:]:
            try:
                self._store.save_job(one)
            except StoreError as error:
                _log.warning("an index job cannot be written down: %s", error.message, extra={"job": one.id})
                return
            with self._mutex:
                if self._unsaved.get(one.id) is one:
                    del self._unsaved[one.id]

    def _over(self, job: IndexJob) -> None:
        with self._mutex:
            task = self._tasks.get(job.id)
        is_kept = task is None or not task.is_small or job.state is not JobState.DONE or _did_something(job)
        if is_kept:
            self._save(job)
        with self._mutex:
            self._live.pop(job.id, None)
            self._tasks.pop(job.id, None)
            former = None
            if is_kept and task is not None and task.follow_up and job.state is JobState.DONE:
                former = self._followed.get(task.checkout.root)
                self._followed[task.checkout.root] = job.id
        if former is not None:
            with contextlib.suppress(StoreError):
                self._store.forget_job(former)
        self._changed(job)


def _did_something(job: IndexJob) -> bool:
    return job.report is not None and bool(job.report.files_indexed or job.report.files_deleted)


def _joined(one: Paths, other: Paths) -> Paths:
    if one is None or other is None or len(one) + len(other) > _MAX_PATHS:
        return None
    return one | other


def new_job(checkout: Checkout, subject: str, origin: JobOrigin) -> IndexJob:
    """Return a job that waits."""
    return IndexJob(
        id=f"{time.time_ns():x}-{secrets.token_hex(4)}",
        root=str(checkout.root),
        repo=checkout.repo,
        name=checkout.name,
        state=JobState.QUEUED,
        subject=subject,
        created_at=time.time(),
        origin=origin,
    )


def as_it_is(job: IndexJob, is_alive: Callable[[int], bool]) -> IndexJob:
    """Return a job as it is now: one of the terminal has failed once its process is gone.

    Args:
        job: As it is kept, in the hands of no daemon that runs.
        is_alive: Whether there is a process of a number.
    """
    if job.state is not JobState.RUNNING or not job.pid or is_alive(job.pid):
        return job
    gone = InternalError(
        "its process ended in the midst of it",
        hint="run `conexus index` again, or start the daemon: what is done is kept",
    )
    return failed_job(job, gone)


def failed_job(job: IndexJob, error: ConexusError) -> IndexJob:
    """Return a job as one that ended with an error."""
    return replace(
        job,
        state=JobState.FAILED,
        error_code=error.code.value,
        error=error.message,
        hint=error.hint or "",
        details=tuple(error.details.items()),
    )
