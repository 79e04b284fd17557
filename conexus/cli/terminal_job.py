# SPDX-License-Identifier: FSL-1.1-MIT
"""A run of ``conexus index`` without a daemon, kept as a job like those that the daemon does."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from conexus import data_folder
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.cli.session import USER, Session
from conexus.daemon.jobs import failed_job, new_job
from conexus.errors import ConexusError, StoreError
from conexus.types import Checkout, IndexJob, IndexProgress, IndexReport, JobOrigin, JobState

_SAVED_EVERY_S = 1.0


class TerminalJob:
    """A run that others can list, follow and cancel. One that is over in a second and did nothing leaves no trace.

    That it cannot be kept, as on a full disk, stops no run.
    """

    def __init__(self, session: Session, checkout: Checkout) -> None:
        self._session = session
        self._closing = ExitStack()
        self._registry: SqliteRegistry | None = None
        self._saved_at = time.monotonic()
        made = new_job(checkout, USER.subject, JobOrigin.TERMINAL)
        self._job = replace(
            made,
            state=JobState.RUNNING,
            model=session.model,
            started_at=made.created_at,
            attempts=1,
            pid=os.getpid(),
        )
        self.report: IndexReport | None = None
        """What the run did, once it is over."""
        self.cancelled = False
        """Whether somebody asked for its end by ``conexus jobs cancel``."""

    def note(self, progress: IndexProgress) -> None:
        """Note how far it is, once a second, and see whether it is still wanted."""
        now = time.monotonic()
        if now - self._saved_at < _SAVED_EVERY_S:
            return
        self._saved_at = now
        self._job = replace(self._job, progress=progress)
        with contextlib.suppress(StoreError):
            kept = self._registry.job(self._job.id) if self._registry is not None else None
            self.cancelled = kept is not None and kept.state is JobState.CANCELLED
            if not self.cancelled:
                self._save(self._job)

    def end(self, error: ConexusError | None) -> None:
        """Note what became of it."""
        job, report = replace(self._job, finished_at=time.time()), self.report
        if error is not None:
            job = failed_job(job, error)
        elif report is None or report.cancelled:
            job = replace(job, state=JobState.CANCELLED, report=report)
        else:
            job = replace(job, state=JobState.DONE, name=report.name, report=report)
        did_something = report is None or report.files_indexed or report.files_deleted
        with self._closing, contextlib.suppress(StoreError):
            if self._registry is not None or did_something:
                self._save(job)

    def _save(self, job: IndexJob) -> None:
        if self._session.data_dir is None:
            return  # nothing is kept on disk
        if self._registry is None:
            self._registry = data_folder.registry(self._session.loaded.config)
            self._closing.callback(self._registry.close)
        self._registry.save_job(job)


@contextmanager
def kept_as_job(session: Session, checkout: Checkout) -> Iterator[TerminalJob]:
    """Keep what happens in the block as a job."""
    job, failure = TerminalJob(session, checkout), None
    try:
        yield job
    except ConexusError as error:
        failure = error
        raise
    finally:
        job.end(failure)


__all__ = ["TerminalJob", "kept_as_job"]
