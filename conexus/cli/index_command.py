# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus index``."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer

from conexus.adapters.git_metadata import git_target, is_foreign
from conexus.cli import console
from conexus.cli.progress import ProgressDisplay, cancel_on_interrupt
from conexus.cli.session import (
    USER,
    Session,
    checkout_at,
    given_path,
    keep_model,
    open_session,
    ref_at_folder,
    view_for,
)
from conexus.cli.terminal_job import kept_as_job
from conexus.context_service import check_name
from conexus.daemon.discovery import Address
from conexus.errors import Cancelled, ConexusError, ConfigError, DaemonUnavailable, StoreError, error_of
from conexus.types import (
    Checkout,
    IndexedView,
    IndexEstimate,
    IndexJob,
    IndexProgress,
    IndexReport,
    SkippedFile,
    SkipReason,
    WatchMode,
)

if TYPE_CHECKING:
    from conexus.daemon.client import DaemonClient

_SHOWN_FILES = 5
_ASKED_EVERY_S = 0.1
_FOLLOWING_S = 15.0
_REASONS = {
    SkipReason.IGNORED: "ignored by a rule",
    SkipReason.BINARY: "binary",
    SkipReason.MINIFIED: "minified",
    SkipReason.GENERATED: "generated",
    SkipReason.VENDORED: "vendored",
    SkipReason.TOO_LARGE: "too large",
    SkipReason.SYMLINK: "symbolic link",
    SkipReason.NOT_REGULAR: "not a regular file",
    SkipReason.UNREADABLE: "unreadable",
    SkipReason.NESTED_REPOSITORY: "nested repository",
    SkipReason.EMPTY: "empty",
}


def index(
    path: Annotated[Path, typer.Argument(parser=given_path, metavar="PATH", help="Folder of the repository.")] = Path(),
    name: Annotated[str, typer.Option("--name", help="Short name for the repository.")] = "",
    model: Annotated[
        str, typer.Option("--model", help="Embedding model: 'default', or the folder of one of your own.")
    ] = "",
    ref: Annotated[
        str, typer.Option("--ref", metavar="REF", help="Index a branch, tag or commit, without checking it out.")
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Keep running and follow changes.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Index a home or root folder all the same.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Name every file that is skipped.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Index a repository, or bring its index up to date.

    Only what changed since the last run is read again. Ctrl-C stops cleanly: what is done is kept.

    Examples:
        conexus index
        conexus index ~/src/flask --name flask
        conexus index --dry-run
        conexus index --watch
        conexus index --ref v2.1
    """
    if name:
        check_name(name)  # before the work, not after it
    checkout = _asked(path, ref, force=force, watch=watch)
    with prepared(checkout, model) as session:
        if verbose:
            session.say_who_works()
        root = indexed_root(session, checkout)
        if dry_run:
            estimate = session.service.estimate(root, session.model)
            session.note("estimate", (root.repo,))
            _show_estimate(estimate, as_json=as_json, verbose=verbose)
            return
        with cancel_on_interrupt() as asked:
            report = run_index(session, root, asked, quiet=quiet or as_json)
            if name:
                session.service.rename(report.repo, name, USER)
                report = dataclasses.replace(report, name=name)
            if not quiet:
                _show_report(report, as_json=as_json, verbose=verbose)
                _show_foreign_git(root)
            if report.notice and not quiet:
                console.err(f"{console.one_line(report.notice)} (conexus features)")
            if report.cancelled:
                raise Cancelled("stopped before the end", hint="run the same command again to go on from here")
            if watch:
                if session.daemon is None:
                    _watch(session, root, asked, quiet=quiet)
                else:
                    _watch_daemon(session.daemon, report, asked, quiet=quiet)


def _show_foreign_git(checkout: Checkout) -> None:
    if checkout.ref or not is_foreign(checkout.root):
        return
    root = console.one_line(str(checkout.root))
    console.err(
        f"note: {root}/.git leads to a folder that does not name this tree in turn: branch, remote and git's rules "
        "are not read"
    )
    theirs = console.one_line(os.path.realpath(git_target(checkout.root)))
    console.err(
        f"hint: only where {theirs} is the repository of this tree, run "
        f"`git -C {shlex.quote(root)} config core.worktree {shlex.quote(root)}`"
    )


def _asked(path: Path, ref: str, *, force: bool, watch: bool) -> Checkout:
    if not ref:
        return checkout_at(path, force=force)
    if watch:
        raise ConfigError("--watch follows a working tree, and --ref names none", hint="leave one of them out")
    return ref_at_folder(path, ref)


def prepared(checkout: Checkout, model: str = "") -> Session:
    """Open a session for a tree, with the model that is asked for or that its index has."""
    session = open_session(checkout.project, {"index.model": _model(model)} if model else {})
    if session.daemon is not None:
        return session  # which keeps the model itself
    return keep_model(session, indexed_view(session, checkout))


def indexed_view(session: Session, checkout: Checkout) -> IndexedView | None:
    """Return what is indexed of a tree or a ref, or of a folder around the tree."""
    if not checkout.ref:
        return view_for(session.service, checkout)
    return next((view for view in session.service.views(USER) if view.root == checkout.root), None)


def _model(text: str) -> str:
    return text if text == "default" else str(Path(text).expanduser().absolute())


def indexed_root(session: Session, checkout: Checkout) -> Checkout:
    """Return the indexed tree around a folder that is no checkout of its own, else the checkout itself."""
    return indexed_tree(session, checkout)[0]


def indexed_tree(session: Session, checkout: Checkout) -> tuple[Checkout, IndexedView | None]:
    """Return what :func:`indexed_root` does, and what is indexed of it."""
    view = indexed_view(session, checkout)
    if view is None or view.root == checkout.root:
        return checkout, view
    around = checkout_at(view.root, force=True)
    return around, view if view.root == around.root else view_for(session.service, around)


def run_index(session: Session, checkout: Checkout, asked: Sequence[bool], *, quiet: bool) -> IndexReport:
    """Index with progress on stderr, until ``asked`` is not empty."""
    display = ProgressDisplay(quiet=quiet)
    try:
        if session.daemon is not None:
            return session.service.index(checkout, USER, display, lambda: bool(asked), session.model)
        with kept_as_job(session, checkout) as job:

            def listen(progress: IndexProgress) -> None:
                display(progress)
                job.note(progress)

            report = session.service.index(checkout, USER, listen, lambda: bool(asked) or job.cancelled, session.model)
            job.report = report
            return report
    finally:
        display.close()


def _watch(session: Session, checkout: Checkout, asked: Sequence[bool], *, quiet: bool) -> None:
    """Follow changes until ``asked`` is not empty.

    What passes by itself, as another process at the index, is told and outlived.
    """
    announced = quiet
    watcher = session.watcher(checkout)
    told, looked = WatchMode.NATIVE, False
    for changed in watcher.changes(lambda: bool(asked)):
        if not announced:
            console.err(f"watching {console.one_line(str(checkout.root))} (Ctrl-C to stop)")
            announced = True
        if watcher.mode is not told and watcher.mode is WatchMode.POLLING:
            console.err(f"note: by polling, which takes longer to notice changes: {console.one_line(watcher.reason)}")
        told = watcher.mode
        try:
            now = checkout_at(checkout.root, force=True)  # another branch may be checked out by now
            report = session.service.index(
                now, USER, lambda _: None, lambda: bool(asked), session.model, changed if looked else None
            )
            looked = True
        except StoreError as error:
            looked = False  # what was missed is found by looking at everything
            console.fail(error)
            continue
        if not quiet:
            _tell_update(report)


def _watch_daemon(daemon: Address, report: IndexReport, asked: Sequence[bool], *, quiet: bool) -> None:
    """Tell what the daemon, which follows the tree, brings up to date, until ``asked`` is not empty.

    Raises:
        DaemonUnavailable: It ended, or does not follow the tree.
    """
    from conexus.daemon.client import DaemonClient  # noqa: PLC0415 -- brings HTTP

    client = DaemonClient(daemon)
    happened: SimpleQueue[IndexJob | ConexusError] = SimpleQueue()

    def listen() -> None:
        try:
            for job in client.happenings():
                happened.put(job)
            happened.put(DaemonUnavailable("the daemon ended", hint="run the command again"))
        except ConexusError as error:
            happened.put(error)

    _await_following(client, report.root)
    threading.Thread(target=listen, daemon=True).start()
    if not quiet:
        console.err(f"watching {console.one_line(report.root)} through the daemon (Ctrl-C to stop)")
    while not asked:
        try:
            job = happened.get(timeout=_ASKED_EVERY_S)
        except Empty:
            continue
        if isinstance(job, ConexusError):
            raise job
        if job.root == report.root and job.state.is_over:
            _tell_job(job, quiet=quiet)


def _await_following(client: DaemonClient, root: str) -> None:
    """Return once the daemon follows a tree: it begins moments after the first index is there."""
    until = time.monotonic() + _FOLLOWING_S
    while True:
        status = next((status for status in client.status(USER) if status.root == root), None)
        if status is not None and status.watch is not WatchMode.OFF:
            return
        if time.monotonic() > until:
            reason = "" if status is None else status.watch_reason
            raise DaemonUnavailable(f"the daemon does not follow {root}: {reason}", hint="see `conexus daemon logs`")
        time.sleep(_ASKED_EVERY_S)


def _tell_job(job: IndexJob, *, quiet: bool) -> None:
    if job.error_code:
        console.fail(error_of(job.error_code, job.error, hint=job.hint or None))
    elif job.report is not None and not quiet:
        _tell_update(job.report)


def _tell_update(report: IndexReport) -> None:
    touched = report.files_indexed + report.files_deleted
    if touched:
        console.err(f"updated {console.count(touched, 'file')} in {console.duration(report.elapsed_ms / 1000)}")


def _show_estimate(estimate: IndexEstimate, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        console.out(json.dumps({"schema": "conexus.estimate/1", **_plain(estimate)}, indent=2))
        return
    console.out(f"{console.one_line(estimate.name)} ({estimate.repo}) in {console.one_line(estimate.root)}")
    if estimate.rebuild:
        console.out(f"the whole index would be built anew: {estimate.rebuild}")
    console.out(
        f"would read {console.count(estimate.files_to_read, 'file')} ({console.size(estimate.bytes_to_read)}), "
        f"{estimate.files_unchanged:,} unchanged, {estimate.files_to_delete:,} gone"
    )
    console.out(
        f"about {console.duration(estimate.estimated_s)} and {console.size(estimate.estimated_bytes)} of disk space"
    )
    _show_skipped(estimate.skipped, verbose=verbose)


def _show_report(report: IndexReport, *, as_json: bool, verbose: bool) -> None:
    if as_json:
        console.out(json.dumps({"schema": "conexus.index/1", **_plain(report)}, indent=2))
        return
    if report.rebuilt:
        console.out(f"built anew: {console.one_line(report.rebuilt)}")
    for line in _done(report):
        console.out(line)
    if report.redactions:
        console.out(
            f"  {report.redactions:,} {'secret was' if report.redactions == 1 else 'secrets were'} replaced "
            "before anything was stored"
        )
    _show_skipped(report.skipped, verbose=verbose)
    if not report.files_total:
        _show_widest_rule(report.skipped)
    for problem in report.problems[: None if verbose else _SHOWN_FILES]:
        console.out(f"  by lines only: {console.one_line(problem.path)} ({console.one_line(problem.reason)})")
    if len(report.problems) > _SHOWN_FILES and not verbose:
        more = console.count(len(report.problems) - _SHOWN_FILES, "other file")
        console.out(f"  … and {more} by lines only (--verbose)")


def _done(report: IndexReport) -> list[str]:
    """Say what a run did."""
    name, elapsed = console.one_line(report.name), console.duration(report.elapsed_ms / 1000)
    files, chunks = console.count(report.files_total, "file"), console.count(report.chunks_total, "chunk")
    if report.cancelled:
        return [f"stopped: {console.count(report.files_indexed, 'file')} indexed so far ({name}, {elapsed})"]
    if not (report.files_indexed or report.files_deleted):
        if not report.files_total:
            return [f"nothing to index in {name} ({elapsed})"]
        return [f"{name} is up to date: {files}, {chunks} ({elapsed})"]
    languages = ", ".join(f"{language} {number:,}" for language, number in report.languages[:8])
    return [
        f"indexed {console.count(report.files_indexed, 'file')} of {name} in {elapsed}"
        + (f", dropped {report.files_deleted:,}" if report.files_deleted else "")
        + (f", {report.files_unchanged:,} unchanged" if report.files_unchanged else ""),
        f"  {files}, {chunks}, {console.count(report.symbols_total, 'symbol')}: {languages or 'no language'}",
    ]


def _show_skipped(skipped: tuple[SkippedFile, ...], *, verbose: bool) -> None:
    if not skipped:
        return
    counts = Counter(item.reason for item in skipped)
    reasons = ", ".join(f"{count:,} {_REASONS[reason]}" for reason, count in counts.most_common())
    console.out(f"  skipped: {reasons}" + ("" if verbose else "  (--verbose names them, `conexus why FILE` explains)"))
    if verbose:
        for item in skipped:
            detail = f": {console.one_line(item.detail)}" if item.detail else ""
            console.out(f"    {console.one_line(item.path)}  {_REASONS[item.reason]}{detail}")


def _show_widest_rule(skipped: tuple[SkippedFile, ...]) -> None:
    """Where everything is left out, one rule is most often why."""
    rules = Counter(item.detail for item in skipped if item.reason is SkipReason.IGNORED and item.detail)
    for rule, count in rules.most_common(1):
        console.out(f"  {count:,} of them by {console.one_line(rule)}")


def _plain(value: IndexReport | IndexEstimate) -> dict[str, object]:
    """A report as JSON can hold it."""
    found = dataclasses.asdict(value)
    if "languages" in found:
        found["languages"] = dict(found["languages"])
    return found
