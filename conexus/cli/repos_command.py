# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus repos``."""

from __future__ import annotations

import dataclasses
import json
import sys
from datetime import datetime
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.session import USER, named, open_session
from conexus.errors import ConfigError
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
        console.out(
            f"{console.one_line(status.name):<{width}}  {console.count(status.files, 'file'):>13}  "
            f"{console.count(status.chunks, 'chunk'):>15}  "
            f"{console.size(status.size_bytes):>9}  {indexed_at(status)}  {console.one_line(status.root)}{unfinished}"
        )


@app.command("show", cls=CommandWithExamples)
def show(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all about one repository.

    Examples:
        conexus repos show flask
    """
    with open_session() as session:
        roots = {str(view.root) for view in named(session.service, name)}
        found = [status for status in session.service.status(USER) if status.root in roots]
    if as_json:
        console.out(
            json.dumps({"schema": "conexus.repos/1", "repositories": [status_json(s) for s in found]}, indent=2)
        )
        return
    for status in found:
        for line in described(status):
            console.out(line)


@app.command("remove", cls=CommandWithExamples)
def remove(
    name: Annotated[str, typer.Argument(help="Name, id or folder of the repository.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a repository's index, with those of all its clones. Its files are not touched.

    Every indexed clone that has the name goes; `conexus repos show NAME` lists them. Without a
    terminal to ask on, nothing is deleted unless --yes is given.

    Examples:
        conexus repos remove flask
        conexus repos remove flask --yes
    """
    with open_session() as session:
        views = named(session.service, name)
        if not yes:
            _confirm(views)
        for view in views:
            session.service.remove(view, USER)
            console.out(f"removed the index of {console.one_line(view.name)} ({console.one_line(str(view.root))})")


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
        views = named(session.service, name)
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


def indexed_at(status: ViewStatus) -> str:
    """Return when a view was indexed, in local time."""
    if status.indexed_at is None:
        return "never finished  "
    return datetime.fromtimestamp(status.indexed_at).astimezone().strftime("%Y-%m-%d %H:%M")


def described(status: ViewStatus) -> list[str]:
    """Return all about a view, line by line."""
    languages = ", ".join(f"{language} {count:,}" for language, count in status.languages)
    commit = f"{status.branch or 'detached'} at {status.head[:12]}" if status.head else "no commit"
    return [
        console.one_line(status.name),
        f"  repository  {console.one_line(status.repo)}",
        f"  folder      {console.one_line(status.root)}",
        f"  commit      {console.one_line(commit)}",
        f"  indexed     {indexed_at(status)}" + _unfinished(status),
        f"  model       {console.one_line(status.model)}",
        f"  content     {console.count(status.files, 'file')} ({console.size(status.source_bytes)}), "
        f"{console.count(status.chunks, 'chunk')}, {console.count(status.symbols, 'symbol')}; "
        f"{console.count(status.skipped, 'file')} read and left out",
        f"  vectors     {console.size(status.size_bytes)} on disk",
        f"  languages   {languages or 'none'}",
        *(
            [f"  followed    {console.one_line(_followed(status))}"]
            if status.watch_reason or _is_followed(status)
            else []
        ),
        *(
            [f"  before      an index by {console.one_line(status.previous_model)}: conexus repos rollback"]
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
