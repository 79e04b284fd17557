# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus jobs``."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from conexus.adapters.process_locks import is_alive
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import local_time, open_registry, settings, table
from conexus.cli.progress import ProgressDisplay, progress_line
from conexus.cli.records import on_record
from conexus.daemon.client import DaemonClient
from conexus.daemon.jobs import as_it_is
from conexus.errors import DaemonUnavailable, NotFound, error_of
from conexus.types import IndexJob, JobOrigin, JobState

app = typer.Typer(help="Index jobs: list, follow and cancel them.", no_args_is_help=True)

EXIT_FAILED = 1
_MAX_JOBS = 500
_SHORT = 13
_LOOKED_AT_EVERY_S = 0.5

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="Its id, or the beginning of it that is its alone.")]


@app.command("list", cls=CommandWithExamples)
def list_jobs(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=_MAX_JOBS, help="Most jobs.")] = 20,
    running: Annotated[bool, typer.Option("--running", help="Only those that run or wait.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List index jobs, newest first: those of the daemon, and runs of `conexus index` without one.

    Of those that the daemon makes when a tree changes, the last one of each tree is kept; of runs without a
    daemon those that changed something or took a second.

    Examples:
        conexus jobs list
        conexus jobs list --running --json
    """
    found = [job for job in _jobs(limit) if not running or not job.state.is_over]
    if as_json:
        console.out(json.dumps({"schema": "conexus.jobs/1", "jobs": list(map(job_json, found))}, indent=2))
        return
    if not found:
        console.err("no index job runs" if running else "there are no index jobs")
    rows: list[tuple[str, ...]] = [
        (job.id[:_SHORT], console.one_line(job.name), job.state.value, local_time(job.created_at), _told(job))
        for job in found
    ]
    for line in table(rows):
        console.out(line)


@app.command("follow", cls=CommandWithExamples)
def follow(job: JobArgument, as_json: JsonOption = False) -> None:
    """Follow an index job until it is over. Exit code 1 where it failed or was cancelled.

    Ctrl-C ends the following, not the job. With --json each change is one line.

    Examples:
        conexus jobs follow 18b2f0c4a1d3e
    """
    client = _daemon()
    changes = _changes_without_daemon(job) if client is None else client.follow(_named(job, client))
    display, last = ProgressDisplay(quiet=as_json), None
    try:
        for last in changes:
            if as_json:
                console.out(json.dumps(job_json(last)))
            elif last.progress is not None:
                display(last.progress)
    finally:
        display.close()
    if last is None or not last.state.is_over:
        raise DaemonUnavailable("the daemon ended before the job did", hint="the next one goes on with it")
    if not as_json:
        console.out(f"{console.one_line(last.name)}: {last.state.value}, {_told(last)}")
    if last.error_code:
        raise error_of(last.error_code, last.error, hint=last.hint or None)
    if last.state is not JobState.DONE:
        raise typer.Exit(EXIT_FAILED)


@app.command("cancel", cls=CommandWithExamples)
def cancel(job: JobArgument, as_json: JsonOption = False) -> None:
    """Stop an index job. What it has done is kept, and the next run goes on from there.

    Examples:
        conexus jobs cancel 18b2f0c4a1d3e
    """
    client = _daemon()
    found = _cancelled_at_rest(job) if client is None else _settled(client, _named(job, client))
    if as_json:
        console.out(json.dumps({"schema": "conexus.job/1", **job_json(found)}, indent=2))
    else:
        console.out(", ".join(filter(None, (f"{console.one_line(found.name)}: {found.state.value}", _told(found)))))


def job_json(job: IndexJob) -> dict[str, object]:
    """Return a job as JSON can hold it."""
    progress = job.progress
    found = dataclasses.asdict(job)
    if progress is not None:
        found["progress"] |= {"eta_s": progress.eta_s, "bytes_per_s": round(progress.bytes_per_s, 1)}
    if job.report is not None:
        found["report"]["languages"] = dict(job.report.languages)
    return found


def _told(job: IndexJob) -> str:
    """Say how far a job is, or what became of it."""
    again = f"; begun {job.attempts} times" if job.attempts > 1 else ""
    if job.error:
        return console.one_line(job.error) + again
    if job.state is JobState.RUNNING and job.progress is not None:
        return progress_line(job.progress) + again
    if job.report is not None:
        report = job.report
        changed = f"{console.count(report.files_indexed, 'file')} read, {report.files_deleted:,} dropped"
        why = "the tree changed: " if job.origin is JobOrigin.WATCH else ""
        return f"{why}{changed} in {console.duration(report.elapsed_ms / 1000)}{again}"
    return ("waits" if job.state is JobState.QUEUED else "") + again


def _daemon() -> DaemonClient | None:
    from conexus.cli.session import daemon_of  # noqa: PLC0415 -- the ledgers alone do not need it

    address = daemon_of(settings())
    return None if address is None else DaemonClient(address)


def _jobs(limit: int) -> list[IndexJob]:
    client = _daemon()
    if client is not None:
        return client.jobs(limit)
    with open_registry() as registry:
        return [_at_rest(job) for job in registry.jobs(limit)]


def _at_rest(job: IndexJob) -> IndexJob:
    """Return a job as it is while no daemon runs: what one had begun waits for the next."""
    if job.state is JobState.RUNNING and not job.pid:
        return dataclasses.replace(job, state=JobState.QUEUED)
    return as_it_is(job, is_alive)


def _changes_without_daemon(text: str) -> Iterator[IndexJob]:
    """Yield a run of the terminal as it goes on.

    Raises:
        NotFound: There is no such job.
        DaemonUnavailable: It waits for the daemon.
    """
    with open_registry() as registry:
        name = _only(text, [job.id for job in registry.jobs(_MAX_JOBS)])
        last = None
        while last is None or not last.state.is_over:
            job = registry.job(name)
            if job is None:
                raise NotFound(f"there is no job {text!r} any more", hint="see `conexus jobs list`")
            job = _at_rest(job)
            if job.state is JobState.QUEUED:
                raise DaemonUnavailable("the job waits for the daemon", hint="start it: conexus daemon start")
            if job != last:
                yield job
            last = job
            time.sleep(0.0 if job.state.is_over else _LOOKED_AT_EVERY_S)


def _named(text: str, client: DaemonClient) -> str:
    """Return the id that begins with a text.

    Raises:
        NotFound: There is none, or there are several.
    """
    return _only(text, [job.id for job in client.jobs(_MAX_JOBS)])


def _only(text: str, ids: list[str]) -> str:
    fits = [found for found in ids if found == text] or [found for found in ids if found.startswith(text)]
    if len(fits) != 1:
        what = "several jobs begin" if fits else "there is no job that begins"
        raise NotFound(f"{what} with {text!r}", hint="see `conexus jobs list`")
    return fits[0]


def _settled(client: DaemonClient, job: str) -> IndexJob:
    """Cancel a job and wait until it is over: a run ends at its next file."""
    found = client.cancel(job)
    changes = client.follow(job) if not found.state.is_over else iter(())
    for change in changes:
        found = change
    return found


def _cancelled_at_rest(text: str) -> IndexJob:
    """Cancel a job that an ended daemon left, so that the next one does not go on with it."""
    with on_record("cancel", {"id": text}), open_registry() as registry:
        job = registry.job(_only(text, [job.id for job in registry.jobs(_MAX_JOBS)]))
        if job is None:
            raise NotFound(f"there is no job {text!r}", hint="see `conexus jobs list`")
        job = _at_rest(job)
        if not job.state.is_over:
            job = dataclasses.replace(job, state=JobState.CANCELLED, finished_at=time.time())
            registry.save_job(job)
    return job


__all__ = ["app", "job_json"]
