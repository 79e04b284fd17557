# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus search``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.render import OutputFormat, render
from conexus.cli.scope import (
    EXIT_INCOMPLETE,
    EXIT_NOTHING,
    AllOption,
    DependenciesOption,
    DependentsOption,
    FolderArgument,
    FreshOption,
    GlobOption,
    KindOption,
    LanguageOption,
    RefOption,
    RepoOption,
    Scope,
    TestsOption,
    kinds,
    languages,
    option_name,
    require_between,
    require_words,
)
from conexus.cli.session import answered, steadily
from conexus.types import SearchRequest, SearchResponse

_MAX_RESULTS = 1000
_MAX_LINES = 100_000
_RICH_LINES = 8
_PLAIN_LINES = 0


def search(
    query: Annotated[str, typer.Argument(help="What to look for: a question, or a name.")],
    path: FolderArgument = None,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", help="Most results; the setting search.limit if not given.")
    ] = None,
    repo: RepoOption = None,
    all_repos: AllOption = False,
    lang: LanguageOption = None,
    glob: GlobOption = None,
    kind: KindOption = None,
    tests: TestsOption = None,
    output: Annotated[
        OutputFormat | None, typer.Option("--format", "-f", help="Default: rich on a terminal, plain in a pipe.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    context: Annotated[
        int | None,
        typer.Option("-C", "--context", help="Lines of code for each result.", show_default="by the format"),
    ] = None,
    fresh: FreshOption = False,
    ref: RefOption = "",
    dependents_of: DependentsOption = None,
    dependencies_of: DependenciesOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say whether a daemon answers.")] = False,
) -> None:
    """Search code by meaning and by name.

    A folder that is not indexed yet is indexed first. Exit code: 0 found, 1 nothing found, 2 an
    error, 3 answered from an index that is not finished.

    Examples:
        conexus search "where are passwords hashed"
        conexus search HTTPAdapter.send
        conexus search "retry with backoff" --lang python --no-tests
        conexus search "parse config" src/ --format vimgrep
        conexus search "open a connection" --json | jq '.results[0].path'
        conexus search "retry with backoff" --ref v2.1
        conexus search "how is it parsed" --in-dependents-of npm:@acme/buttons
    """
    limits = (languages(lang or ()), glob or (), kinds(kind or ()), tests)
    scope = Scope(
        path,
        repo or (),
        all_repos,
        *limits,
        fresh=fresh,
        ref=ref,
        dependents_of=option_name("--in-dependents-of", dependents_of),
        dependencies_of=option_name("--in-dependencies-of", dependencies_of),
    )
    _require_lines(context)
    require_words(query)

    def ask() -> tuple[SearchRequest, SearchResponse]:
        session, where = scope.open()
        with session:
            wanted = session.loaded.config.search.limit if limit is None else limit
            request = SearchRequest(query, limited(wanted), where, explain=explain)
            if verbose:
                session.say_who_works()
            return request, answered(session, request)

    request, response = steadily(ask)
    show_results(request, response, OutputFormat.JSON if as_json else output, context)


def limited(limit: int) -> int:
    """Return a number of results.

    Raises:
        ConfigError: It is none.
    """
    require_between("-n", limit, 1, _MAX_RESULTS)
    return limit


def _default_format() -> OutputFormat:
    return OutputFormat.RICH if console.is_terminal() else OutputFormat.PLAIN


def show_results(
    request: SearchRequest, response: SearchResponse, output: OutputFormat | None, context: int | None
) -> None:
    """Write an answer, and end with the exit code that tells what it is.

    Args:
        request: What was asked.
        response: The answer.
        output: The format; by where it is written to if ``None``.
        context: Lines of code for each result; by the format if ``None``.
    """
    _require_lines(context)
    _show(request, response, output or _default_format(), context)
    if not response.complete:
        raise typer.Exit(EXIT_INCOMPLETE)
    if not response.hits:
        raise typer.Exit(EXIT_NOTHING)


def _require_lines(context: int | None) -> None:
    if context is not None:
        require_between("-C", context, 0, _MAX_LINES)


def _show(request: SearchRequest, response: SearchResponse, output: OutputFormat, context: int | None) -> None:
    cwd = Path.cwd()
    if output is OutputFormat.RICH:
        from conexus.cli.rich_render import show  # noqa: PLC0415 -- only on a terminal

        show(response, cwd, _RICH_LINES if context is None else context)
    else:
        by_format = _RICH_LINES if output is OutputFormat.MARKDOWN else _PLAIN_LINES
        lines = by_format if context is None else context
        for line in render(request, response, output, cwd, lines):
            console.out(line)
    if output in {OutputFormat.RICH, OutputFormat.PLAIN, OutputFormat.VIMGREP, OutputFormat.MARKDOWN}:
        for notice in response.notices:
            console.err(f"note: {console.one_line(notice)}")
        if not response.hits:
            console.err("nothing found")
