"""Runs index jobs, a few at a time, and keeps them in the catalog so that a restart goes on with them."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue

from conexus.context_service import ContextService
from conexus.errors import ConexusError, DaemonUnavailable, ErrorCode, NotFound
from conexus.ports import JobStore
from conexus.types import LOCAL_USER, Checkout, IndexJob, IndexProgress, JobState, Principal, RepoId

_SAVED_EVERY_S = 1.0  # progress is told as it comes, but written down only so often
_MAX_JOBS = 500
_KEPT_S = 30 * 86_400.0
_log = logging.getLogger("conexus.daemon.jobs")


@dataclass(eq=False)
class _Running:
    """A job in the hands of a thread."""

    stop: threading.Event = field(default_factory=threading.Event)
    cancelled: bool = False
    """Whether its caller stopped it; else the daemon is about to end, and the next one goes on with it."""


class JobRunner:
    """A queue of index jobs and the threads that do them.

    Args:
        service: Does the work.
        store: Keeps the jobs.
        changed: Told of every change of a job; must return at once.
        find: Finds a tree again for a job that an earlier daemon left.
    """

    def __init__(
        self,
        service: ContextService,
        store: JobStore,
        changed: Callable[[IndexJob], None],
        find: Callable[[Path], Checkout],
    ) -> None:
        self._service = service
        self._store = store
        self._changed = changed
        self._find = find
        self._mutex = threading.Lock()
        self._live: dict[str, IndexJob] = {}
        self._trees: dict[str, Checkout] = {}
        self._running: dict[str, _Running] = {}
        self._queue: SimpleQueue[str | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._stopping = False

    def start(self, threads: int) -> None:
        """Start working, first on what an earlier daemon left."""
        self._store.forget_jobs(time.time() - _KEPT_S)
        for job in self._store.unfinished_jobs():
            self._resume(job)
        for number in range(threads):
            thread = threading.Thread(target=self._work, name=f"index-job-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def _resume(self, job: IndexJob) -> None:
        try:
            checkout = self._find(Path(job.root))
        except ConexusError as error:
            self._over(replace(_failed(job, error), finished_at=time.time()))
            return
        with self._mutex:
            self._trees[job.id] = checkout
        self._note(replace(job, state=JobState.QUEUED, started_at=None, progress=None))
        self._queue.put(job.id)

    def submit(self, checkout: Checkout, who: Principal, *, model: str, name: str) -> IndexJob:
        """Queue a job. Each caller has one of its own, which it can cancel; a tree that is up to date takes no time.

        Raises:
            DaemonUnavailable: Too many wait.
        """
        root = str(checkout.root)
        with self._mutex:
            if len(self._live) >= _MAX_JOBS:
                raise DaemonUnavailable("too many index jobs wait", hint="try again when some are done")
            job = IndexJob(
                id=f"{time.time_ns():x}-{secrets.token_hex(4)}",
                root=root,
                repo=checkout.repo,
                name=name or checkout.name,
                state=JobState.QUEUED,
                subject=who.subject,
                created_at=time.time(),
                model=model,
            )
            self._live[job.id] = job
            self._trees[job.id] = checkout
        self._store.save_job(job)
        self._changed(job)
        self._queue.put(job.id)
        return job

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
            waiting = self._live.get(job) if running is None else None
        if waiting is not None and waiting.state is JobState.QUEUED:
            self._over(replace(waiting, state=JobState.CANCELLED, finished_at=time.time()))
        found = self.get(job)
        if found is None:
            raise NotFound(f"there is no job {job}", details={"field": "id"})
        return found

    def get(self, job: str) -> IndexJob | None:
        """Return a job as it is now."""
        with self._mutex:
            live = self._live.get(job)
        return live or self._store.job(job)

    def page(self, limit: int, before: str) -> list[IndexJob]:
        """Return jobs, newest first."""
        found = self._store.jobs(limit, before)
        with self._mutex:
            return [self._live.get(job.id, job) for job in found]

    def counts(self) -> tuple[int, int]:
        """Return how many jobs run, and how many wait."""
        with self._mutex:
            running = len(self._running)
            return running, len(self._live) - running

    def stop(self, wait_s: float) -> None:
        """Stop working. What runs is stopped at its next file and stays in the catalog for the next daemon."""
        with self._mutex:
            self._stopping = True
            for running in self._running.values():
                running.stop.set()
        for _ in self._threads:
            self._queue.put(None)
        until = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    # ------------------------------------------------------------------------ in the threads

    def _work(self) -> None:
        while not self._stopping:
            try:
                job = self._queue.get(timeout=60.0)
            except Empty:
                continue
            if job is None:
                return
            self._run(job)

    def _run(self, job_id: str) -> None:
        with self._mutex:
            job = self._live.get(job_id)
            if job is None or job.state is not JobState.QUEUED or self._stopping:
                return
            running = self._running[job_id] = _Running()
            checkout = self._trees[job_id]
        job = replace(job, state=JobState.RUNNING, started_at=time.time())
        self._note(job)
        try:
            done = self._indexed(job, checkout, running)
        except ConexusError as error:
            done = _failed(job, error)
        except Exception:  # noqa: BLE001 -- a fault of ours ends the job, not the thread
            _log.exception("index job failed by a fault of Conexus", extra={"job": job.id})
            code = ErrorCode.INTERNAL.value
            done = replace(job, state=JobState.FAILED, error_code=code, error="the job failed by a fault of Conexus")
        finally:
            with self._mutex:
                self._running.pop(job_id, None)
        if done.state is JobState.QUEUED:
            self._note(done)
        else:
            self._over(replace(done, finished_at=time.time(), progress=self._progress_of(job_id)))

    def _indexed(self, job: IndexJob, checkout: Checkout, running: _Running) -> IndexJob:
        saved_at = time.monotonic()

        def listen(progress: IndexProgress) -> None:
            nonlocal saved_at
            now = time.monotonic()
            saved = now - saved_at >= _SAVED_EVERY_S
            saved_at = now if saved else saved_at
            self._note(replace(job, progress=progress), saved=saved)

        who = replace(LOCAL_USER, subject=job.subject)  # what it may do was asked when the job was made
        report = self._service.index(checkout, who, listen, running.stop.is_set, job.model)
        if report.cancelled and not running.cancelled:
            return replace(job, state=JobState.QUEUED, started_at=None)
        state = JobState.CANCELLED if report.cancelled else JobState.DONE
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
            self._store.save_job(job)
        self._changed(job)

    def _over(self, job: IndexJob) -> None:
        self._store.save_job(job)
        with self._mutex:
            self._live.pop(job.id, None)
            self._trees.pop(job.id, None)
        self._changed(job)


def _failed(job: IndexJob, error: ConexusError) -> IndexJob:
    return replace(job, state=JobState.FAILED, error_code=error.code.value, error=error.message, hint=error.hint or "")
