# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus status``, ``why``, ``verify`` and ``gc``."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from conexus import bootstrap, data_folder
from conexus.adapters import config_files
from conexus.cli import console
from conexus.cli.index_command import indexed_root, prepared
from conexus.cli.repos_command import described, status_json
from conexus.cli.session import USER, checkout_at, given_path, named, open_session, view_for
from conexus.config import Config
from conexus.daemon import discovery
from conexus.errors import SourceError, StoreBusy, StoreDamaged
from conexus.types import RepoId, Verdict, VerifyFinding, VerifyReport

EXIT_FOUND = 1


def status(
    path: Annotated[Path, typer.Argument(parser=given_path, metavar="PATH", help="Folder of the repository.")] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the index of a repository, and what changed since it was built.

    Examples:
        conexus status
    """
    checkout = checkout_at(path, force=True)
    with prepared(checkout) as session:
        view = view_for(session.service, checkout)
        found = next((s for s in session.service.status(USER) if view is not None and s.root == str(view.root)), None)
        if view is None or found is None:
            _not_indexed(checkout.root, as_json=as_json)
            return
        estimate = session.service.estimate(checkout_at(view.root, force=True))
        session.note("repository", (found.repo,))
        edition = session.edition_name()
    behind = estimate.files_to_read + estimate.files_to_delete
    if as_json:
        changed_now = {"files_changed": estimate.files_to_read, "files_gone": estimate.files_to_delete}
        extra: dict[str, object] = {**changed_now, "edition": edition}
        console.out(
            json.dumps({"schema": "conexus.status/1", "indexed": True, **status_json(found), **extra}, indent=2)
        )
        return
    for line in described(found):
        console.out(line)
    console.out(f"  edition     {edition}")
    if behind:
        changed = f"{console.count(estimate.files_to_read, 'file')} to read, {estimate.files_to_delete:,} gone"
        console.out(f"  freshness   {changed}; run `conexus index`")
    else:
        console.out("  freshness   up to date")


def _not_indexed(root: Path, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"schema": "conexus.status/1", "indexed": False, "root": str(root)}, indent=2))
    else:
        console.out(f"{console.one_line(str(root))} is not indexed; run `conexus index {console.one_line(str(root))}`")


def why(
    file: Annotated[Path, typer.Argument(parser=given_path, metavar="FILE", help="A file, or where one would be.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether a file is indexed, and which rule decides.

    Examples:
        conexus why build/output.js
    """
    absolute = Path.cwd() / file.expanduser()
    inside_git = next((parent for parent in absolute.parents if parent.name == ".git"), None)
    folder = next((parent for parent in (inside_git or absolute).parents if parent.is_dir()), None)
    if folder is None:
        raise SourceError(f"there is no folder for {str(file)!r}")
    checkout = checkout_at(folder, force=True)
    with prepared(checkout) as session:
        root = indexed_root(session, checkout)
        resolved = absolute.parent.resolve() / absolute.name
        if not resolved.is_relative_to(root.root) or resolved == root.root:
            raise SourceError(f"{str(file)!r} is no file inside of {root.root}")
        is_folder = resolved.is_dir() and not resolved.is_symlink()
        path = resolved.relative_to(root.root).as_posix() + ("/" if is_folder else "")
        verdict = session.service.explain(root, path, USER)
        is_read = session.service.has_read(root, path, USER)
        view = view_for(session.service, root)
        session.note("why", (root.repo,), json.dumps({"path": path}))
    exists = os.path.lexists(resolved)
    if as_json:
        state = {"exists": exists, "indexed": verdict.included and is_read}
        found = {"root": str(root.root), **dataclasses.asdict(verdict), **state}
        console.out(json.dumps({"schema": "conexus.why/1", **found}, indent=2))
        return
    what = _standing(verdict, exists=exists, is_read=is_read, new_root="" if view else str(root.root))
    console.out(f"{console.one_line(verdict.path)} {what}: {console.one_line(verdict.rule)}")
    console.out(f"  repository  {console.one_line(str(root.root))}" + ("" if view else "  (not indexed)"))


def _standing(verdict: Verdict, *, exists: bool, is_read: bool, new_root: str) -> str:
    """Say what becomes of a path, the rule aside; ``new_root`` is its repository where that was never indexed."""
    if not exists:
        return "does not exist; it would be indexed" if verdict.included else f"does not exist ({verdict.reason})"
    if not verdict.included:
        return f"is not indexed ({verdict.reason})"
    if verdict.path.endswith("/"):
        return "is a folder that is looked into"
    if new_root:
        return f"would be indexed by `conexus index {console.one_line(shlex.quote(new_root))}`"
    return "is indexed" if is_read else "would be indexed by the next run of `conexus index`"


def verify(
    repo: Annotated[list[str] | None, typer.Option("--repo", "-r", help="Only this repository; repeatable.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Take out what is damaged; then run `conexus index`.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove that the indexes hold what was written into them. Exit code 1 if they do not.

    Examples:
        conexus verify
        conexus verify --repair
    """
    report = _verified(repo or [], repair=repair)
    if as_json:
        console.out(json.dumps({"schema": "conexus.verify/1", **dataclasses.asdict(report)}, indent=2))
    else:
        for finding in report.findings:
            place = " ".join(part for part in (finding.repo, finding.path) if part) or "catalog"
            console.out(f"{console.one_line(place)}: {console.one_line(finding.what)}")
        console.out(
            f"{console.count(report.views, 'repository')}, {console.count(report.files, 'file')}, "
            f"{console.count(report.chunks, 'chunk')}: "
            + (console.count(len(report.findings), "problem") if report.findings else "all as written")
            + (
                f", {report.repaired:,} mended; run `conexus index` to read those files again"
                if report.repaired
                else ""
            )
        )
    if report.findings and not repair:
        raise typer.Exit(EXIT_FOUND)


def collect(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also what could be of use: indexes to roll back to, all cached embeddings.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove what is not needed any more.

    Views of worktrees and refs that are gone, indexes that were replaced more than a week ago, vectors that belong to
    no index, and cached embeddings of models that no index has. The daemon does so by itself once a day.

    Examples:
        conexus gc --dry-run
        conexus gc
    """
    with open_session() as session:
        found = session.service.collect(USER, dry_run=dry_run, everything=everything)
    if as_json:
        console.out(json.dumps({"schema": "conexus.gc/1", "dry_run": dry_run, **dataclasses.asdict(found)}, indent=2))
        return
    parts = [
        console.count(found.views, "view"),
        console.count(found.generations, "replaced generation"),
        console.count(found.orphans, "orphan"),
        console.count(found.cached_vectors, "cached embedding"),
    ]
    console.out(f"{'would remove' if dry_run else 'removed'} {', '.join(parts)}: {console.size(found.freed_bytes)}")


def _verified(repos: list[str], *, repair: bool) -> VerifyReport:
    """Verify, and where the catalog itself is damaged and is to be mended, start with a new one."""
    config = config_files.load(config_files.current_environ(), None, {}).config
    if repair and (changed := data_folder.make_usable(config)):
        console.err(f"{console.count(changed, 'file')} of the data folder can be read and written again")
    report = _verified_indexes(config, repos, repair=repair)
    damage = data_folder.damage_of_usage_log(config)
    if not damage:
        return report
    findings = (*report.findings, VerifyFinding(RepoId(""), "usage.sqlite", damage))
    if repair:
        _require_no_daemon(config, "the query log")
        data_folder.discard_usage_log(config)
        console.err("the query log was deleted; a new one is made")
    return dataclasses.replace(report, findings=findings)


def _verified_indexes(config: Config, repos: list[str], *, repair: bool) -> VerifyReport:
    try:
        with open_session() as session:
            views = [view for name in repos for view in named(session.service, name)] if repos else None
            report = session.service.verify(USER, repair=repair, views=views)
            session.note("verify", (view.repo for view in views or ()), json.dumps({"repair": repair}))
    except StoreDamaged as error:
        report = VerifyReport(0, 0, 0, (VerifyFinding(RepoId(""), "", error.message),))
    if repair and any(not finding.repo for finding in report.findings):
        _require_no_daemon(config, "the catalog")
        kept = bootstrap.discard_catalog(config)
        console.err(f"the catalog was set aside as {console.one_line(str(kept))}; index every repository again")
        console.err("API keys and webhooks were in it as well; where you had any, make them again")
        report = dataclasses.replace(report, repaired=len(report.findings))
    return report


def _require_no_daemon(config: Config, what: str) -> None:
    if discovery.is_running(config_files.data_dir(config)):
        raise StoreBusy(
            f"{what} is damaged, and a daemon has it open",
            hint="stop it first: conexus daemon stop && conexus verify --repair",
        )
