# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus graph``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.graph_render import GraphFormat, rendered
from conexus.cli.scope import EXIT_NOTHING, FolderArgument, open_tree, require_between
from conexus.cli.session import USER, given_path, steadily
from conexus.errors import ConfigError, SourceError
from conexus.types import GraphRequest, ImportGraph

_MAX_NODES = 2000


def graph(
    path: FolderArgument = None,
    style: Annotated[
        GraphFormat, typer.Option("--format", "-f", help="html is a page with zoom, search and filter.")
    ] = GraphFormat.TEXT,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", parser=given_path, metavar="FILE", help="Write to this file, - for stdout."),
    ] = None,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most files: those with most imports.")] = 200,
    folders: Annotated[bool, typer.Option("--folders", help="Folders in place of files.")] = False,
    tests: Annotated[bool, typer.Option("--tests/--no-tests", help="Whether files of tests count.")] = True,
    cycles: Annotated[bool, typer.Option("--cycles", help="Only what imports itself in the end, and how.")] = False,
    central: Annotated[bool, typer.Option("--central", help="The most central files, by PageRank.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
) -> None:
    """Draw what imports what within a repository, or below a folder of it.

    Imports of what lies outside of the repository are left out, and so are files without an import. A folder that is
    not indexed yet is indexed first. Exit code: 0 found, 1 no import found, 2 an error.

    Examples:
        conexus graph
        conexus graph src/ --no-tests -f html -o graph.html
        conexus graph --folders -f mermaid
        conexus graph --cycles
        conexus graph --central -n 20 -f table
        conexus graph -f svg -o graph.svg
    """
    require_between("-n", limit, 1, _MAX_NODES)
    if cycles and central:
        raise ConfigError("--cycles and --central are two questions", hint="ask one after the other")
    chosen = GraphFormat.JSON if as_json else style
    if chosen is GraphFormat.HTML and output is None and console.is_terminal(sys.stdout):
        raise ConfigError("a page is not for a terminal", hint="write it to a file: -o graph.html")
    target = None if output is None or str(output) == "-" else output.expanduser()
    if target is not None and (target.is_dir() or not target.parent.is_dir()):
        wrong = f"{target} is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise SourceError(wrong, hint="give the name of a file in a folder that is there: -o graph.html")
    asked = (path or Path()).expanduser()

    def ask() -> tuple[ImportGraph, str]:
        session, root = open_tree(asked)
        with session:
            below = asked.resolve().relative_to(root).as_posix()
            request = GraphRequest(
                str(root),
                "" if below == "." else below,
                limit,
                folders=folders,
                tests=tests,
                central=central,
                cycles=cycles,
            )
            found = session.service.graph(request, USER)
            return found, root.name if below == "." else f"{root.name}/{below}"

    found, title = steadily(ask)
    text = rendered(found, chosen, title, folders=folders, cycles=cycles, central=central)
    if target is not None:
        target.write_text(text, encoding="utf-8")
        console.err(f"written: {console.one_line(str(target))}")
    elif text:
        console.out(text.removesuffix("\n"))
    if chosen is not GraphFormat.JSON:
        console.err(_told(found, folders=folders, cycles=cycles))
    if not (found.nodes if central else found.edges):
        raise typer.Exit(EXIT_NOTHING)


def _told(graph: ImportGraph, *, folders: bool, cycles: bool) -> str:
    kind = "folder" if folders else "file"
    if not graph.nodes:
        return f"no {kind} here imports itself in the end" if cycles else "no file here imports another one"
    if cycles:
        largest = console.count(len(graph.cycles[0].members), kind)
        return f"{console.count(len(graph.cycles), 'cycle')}, the largest of {largest}"
    shown = f"{console.count(len(graph.nodes), kind)}, {console.count(len(graph.edges), 'import')}"
    if len(graph.edges) < graph.edges_total:
        shown += f" of {graph.edges_total:,}: raise -n for more"
    return shown
