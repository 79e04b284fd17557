# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus repos``."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from conexus.adapters.roots import checkout_of
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.session import USER, Session, named, open_session
from conexus.errors import ConexusError, ConfigError, RepositoryNotIndexed
from conexus.types import IndexedView, ViewStatus, WatchMode

app = typer.Typer(help="List, show, rename and remove indexed repositories.", no_args_is_help=True)


@app.command("list", cls=CommandWithExamples)
def list_repos(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List what is indexed.

    Examples:
        conexus repos list
        conexus repos list --json
    """
    with open_session() as session:
        found = session.service.status(USER)
        session.note("repositories", (status.repo for status in found))
    if as_json:
        console.out(
            json.dumps({"schema": "conexus.repos/1", "repositories": [status_json(s) for s in found]}, indent=2)
        )
        return
    if not found:
        console.err("nothing is indexed yet; start with: conexus index PATH")
    width = max((len(status.name) for status in found), default=0)
    for status in found:
        unfinished = "" if status.complete else "  (not finished)"
        unfinished += "  (gone)" if status.gone else ""
        console.out(
            f"{console.one_line(status.name):<{width}}  {console.count(status.files, 'file'):>13}  "
            f"{console.count(status.chunks, 'chunk'):>15}  "
            f"{console.size(status.size_bytes):>9}  {indexed_at(status)}  "
            f"{console.one_line(_place(status))}{unfinished}"
        )


@app.command("show", cls=CommandWithExamples)
def show(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all about one repository and its views: working trees, and refs that are indexed.

    Of each view it is told what it takes of the disk by itself, beside what it shares with others, and
    how many files are not in it as they are now.

    Examples:
        conexus repos show flask
        conexus repos show flask --json | jq '.repositories[].files_behind'
    """
    with open_session() as session:
        roots = {str(view.root) for view in named(session.service, name)}
        found = [status for status in session.service.status(USER) if status.root in roots]
        behind = [_behind(session, status) for status in found]
        session.note("repository", (status.repo for status in found))
    if as_json:
        shown = [{**status_json(one), "files_behind": files} for one, files in zip(found, behind, strict=True)]
        console.out(json.dumps({"schema": "conexus.repos/1", "repositories": shown}, indent=2))
        return
    for status, files in zip(found, behind, strict=True):
        for line in described(status):
            console.out(line)
        console.out(f"  state       {_state(status, files)}")


@app.command("remove", cls=CommandWithExamples)
def remove(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    ref: Annotated[
        str | None, typer.Option("--ref", metavar="REF", help="Only the index of this branch, tag or commit.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a repository's index, with those of all its clones. Its files are not touched.

    Every indexed clone that has the name goes; `conexus repos show NAME` lists them. Without a
    terminal to ask on, nothing is deleted unless --yes is given.

    Examples:
        conexus repos remove flask
        conexus repos remove flask --yes
        conexus repos remove flask --ref v2.1
    """
    with open_session() as session:
        views = named(session.service, name)
        if ref is not None:
            views = _of_ref(views, ref)
        if not yes:
            _confirm(views)
        for view in views:
            session.service.remove(view, USER)
            console.out(f"removed the index of {console.one_line(view.name)} ({console.one_line(str(view.root))})")


def _of_ref(views: list[IndexedView], ref: str) -> list[IndexedView]:
    """Return the views of one ref; a commit may be named by its beginning.

    Raises:
        RepositoryNotIndexed: There is none.
    """
    if not ref:
        raise ConfigError("the ref is empty", hint="leave --ref out to remove all of the repository's indexes")
    refs = {view.root: _ref(view.ref) for view in views if view.ref}
    found = [view for view in views if ref in {view.ref, refs.get(view.root)}]
    found = found or [view for view in views if view.ref.startswith(f"commits/{ref}")]
    if not found:
        indexed = ", ".join(console.one_line(name) for name in sorted(set(refs.values()))) or "none"
        raise RepositoryNotIndexed(
            f"{ref!r} of {views[0].name} is not indexed by itself", hint=f"its refs with an index: {indexed}"
        )
    return found


def _confirm(views: list[IndexedView]) -> None:
    """Ask whether indexes may be deleted.

    Raises:
        ConfigError: There is no terminal to ask on.
    """
    called = console.one_line(views[0].name)
    if not console.is_terminal(sys.stdin):
        raise ConfigError(f"deleting the index of {called} must be confirmed", hint="add --yes to delete it unasked")
    what = f"the index of {called}" if len(views) == 1 else f"the indexes of all {len(views):,} clones of {called}"
    typer.confirm(f"Delete {what}?", abort=True, err=True)


@app.command("rename", cls=CommandWithExamples)
def rename(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    new_name: Annotated[str, typer.Argument(help="Its new short name.")],
) -> None:
    """Give a repository another short name.

    Examples:
        conexus repos rename flask flask-fork
    """
    with open_session() as session:
        repo = named(session.service, name)[0].repo
        session.service.rename(repo, new_name, USER)
    console.out(f"{repo} is now called {console.one_line(new_name)}")


@app.command("rollback", cls=CommandWithExamples)
def roll_back(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Have the index answer that was there before the last change of model or format.

    It does so at once, and is not brought up to date until `conexus index` is run: by the present settings
    that builds the newer one again. A second rollback undoes the first.

    Examples:
        conexus repos rollback flask
    """
    with open_session() as session:
        found_views = named(session.service, name)
        views = [view for view in found_views if view.previous is not None] or found_views[:1]
        for view in views:
            session.service.roll_back(view, USER)
        roots = {str(view.root) for view in views}
        found = [status for status in session.service.status(USER) if status.root in roots]
    if as_json:
        console.out(
            json.dumps({"schema": "conexus.repos/1", "repositories": [status_json(s) for s in found]}, indent=2)
        )
        return
    for status in found:
        console.out(
            f"{console.one_line(status.name)} answers from its earlier index again: model "
            f"{console.one_line(status.model)}, of {indexed_at(status)}"
        )


def _place(status: ViewStatus) -> str:
    """Return the tree of a view, or git's folder and the ref that it is of."""
    if not status.ref:
        return status.root
    return f"{status.root.removesuffix(f'/{status.ref}').removesuffix('/.git')} at {_ref(status.ref)}"


def _ref(ref: str) -> str:
    return ref.removeprefix("commits/").removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")


def _behind(session: Session, status: ViewStatus) -> int | None:
    """Return how many files of a view are perhaps not as they are now; nothing where they cannot be looked at."""
    if status.gone:
        return None
    try:
        now = session.service.estimate(checkout_of(Path(status.root), Path.home(), force=True))
    except ConexusError:
        return None
    return now.files_to_read + now.files_to_delete


def _state(status: ViewStatus, files_behind: int | None) -> str:
    if status.gone:
        after = "the next run of `conexus index` in the repository drops it" if status.shared else "its index is kept"
        return f"gone; {after}"
    if files_behind is None:
        return "cannot be looked at"
    return f"{console.count(files_behind, 'file')} to be looked at again" if files_behind else "up to date"


def indexed_at(status: ViewStatus) -> str:
    """Return when a view was indexed, in local time."""
    if status.indexed_at is None:
        return "never finished  "
    return datetime.fromtimestamp(status.indexed_at).astimezone().strftime("%Y-%m-%d %H:%M")


def described(status: ViewStatus) -> list[str]:
    """Return all about a view, line by line."""
    languages = ", ".join(f"{language} {count:,}" for language, count in status.languages)
    commit = f"{_ref(status.ref) if status.ref else status.branch or 'detached'} at {str(status.head)[:12]}"
    return [
        console.one_line(status.name),
        f"  repository  {console.one_line(status.repo)}",
        f"  folder      {console.one_line(_place(status))}",
        f"  commit      {console.one_line(commit) if status.head else 'no commit'}",
        f"  indexed     {indexed_at(status)}" + _unfinished(status),
        f"  model       {console.one_line(status.model)}",
        f"  content     {console.count(status.files, 'file')} ({console.size(status.source_bytes)}), "
        f"{console.count(status.chunks, 'chunk')}, {console.count(status.symbols, 'symbol')}; "
        f"{console.count(status.skipped, 'file')} read and left out",
        f"  vectors     {console.size(status.size_bytes)} on disk"
        + (", beside what it has in common with other views" if status.shared else ""),
        f"  languages   {languages or 'none'}",
        *(
            [f"  followed    {console.one_line(_followed(status))}"]
            if status.watch_reason or _is_followed(status)
            else []
        ),
        *(
            [
                f"  before      an index by {console.one_line(status.previous_model)}: "
                f"conexus repos rollback {console.one_line(status.name)}"
            ]
            if status.previous_model is not None
            else []
        ),
    ]


def _unfinished(status: ViewStatus) -> str:
    """Say how far an index is that is not finished, and whether a run is at it."""
    at_it = ", being indexed now" if status.indexing else ""
    if status.complete:
        return f"  (being brought up to date, {status.files_pending:,} files left)" if status.indexing else ""
    return f"  (not finished: {status.files_seen - status.files_pending:,} of {status.files_seen:,} files{at_it})"


def _is_followed(status: ViewStatus) -> bool:
    return status.watch is not WatchMode.OFF


def _followed(status: ViewStatus) -> str:
    """Say how a daemon learns of changes."""
    if status.watch is WatchMode.NATIVE:
        return "as the system reports changes"
    if status.watch is WatchMode.POLLING:
        return f"by polling, which takes longer to notice changes: {status.watch_reason}"
    return f"no: {status.watch_reason}"


def status_json(status: ViewStatus) -> dict[str, object]:
    """Return a view as JSON can hold it."""
    return {**dataclasses.asdict(status), "languages": dict(status.languages)}
