"""``conexus search``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.index_command import indexed_tree, prepared, run_index
from conexus.cli.progress import cancel_on_interrupt
from conexus.cli.render import OutputFormat, render
from conexus.cli.session import (
    Session,
    answered,
    checkout_at,
    given_path,
    named,
    open_session,
    steadily,
)
from conexus.errors import Cancelled, ConfigError
from conexus.parsing.languages import BY_NAME, canonical
from conexus.search.globs import literal
from conexus.types import RepoId, SearchFilter, SearchRequest, SearchResponse, SymbolKind

EXIT_NOTHING = 1
EXIT_INCOMPLETE = 3
_MAX_RESULTS = 1000
_MAX_LINES = 100_000
_RICH_LINES = 8
_PLAIN_LINES = 0


def search(
    query: Annotated[str, typer.Argument(help="What to look for: a question, or a name.")],
    path: Annotated[
        Path | None, typer.Argument(parser=given_path, metavar="PATH", help="Search only below this folder.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("-n", "--limit", help="Most results; the setting search.limit if not given.")
    ] = None,
    repo: Annotated[
        list[str] | None, typer.Option("--repo", "-r", metavar="NAME", help="Search this repository; repeatable.")
    ] = None,
    all_repos: Annotated[bool, typer.Option("--all", help="Search every indexed repository.")] = False,
    lang: Annotated[
        list[str] | None, typer.Option("--lang", "-l", metavar="LANGUAGE", help="Only this language; repeatable.")
    ] = None,
    glob: Annotated[
        list[str] | None,
        typer.Option("--path", "-p", metavar="GLOB", help="Only files that fit, as 'src/**' or '*.py'; repeatable."),
    ] = None,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind", "-k", metavar="KIND", help="Only where one is defined: function, class, section, …; repeatable."
        ),
    ] = None,
    tests: Annotated[bool | None, typer.Option("--tests/--no-tests", help="Whether tests may be found.")] = None,
    output: Annotated[
        OutputFormat | None, typer.Option("--format", "-f", help="Default: rich on a terminal, plain in a pipe.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each score is made of.")] = False,
    context: Annotated[
        int | None,
        typer.Option("-C", "--context", help="Lines of code for each result.", show_default="by the format"),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Bring the index up to date first.")] = False,
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
    """
    where_languages, kinds = _languages(lang or []), _kinds(kind or [])
    if context is not None and not 0 <= context <= _MAX_LINES:
        raise ConfigError(f"-C is {context}; it must be between 0 and {_MAX_LINES}")

    def ask() -> tuple[SearchRequest, SearchResponse]:
        session, roots, globs = _scope(path, repo or [], all_repos=all_repos, fresh=fresh)
        with session:
            options = session.loaded.config.search
            request = SearchRequest(
                text=query,
                limit=_limit(options.limit if limit is None else limit),
                where=SearchFilter(
                    repos=_repositories(session, repo) if repo else None,
                    roots=roots,
                    languages=where_languages,
                    path_globs=(*globs, *(glob or [])) or None if not (globs and glob) else _both(globs, glob),
                    kinds=kinds,
                    tests=options.tests if tests is None else tests,
                ),
                explain=explain,
            )
            if verbose:
                session.say_who_works()
            return request, answered(session, request)

    request, response = steadily(ask)
    chosen = OutputFormat.JSON if as_json else output or _default_format()
    _show(request, response, chosen, context)
    if not response.complete:
        raise typer.Exit(EXIT_INCOMPLETE)
    if not response.hits:
        raise typer.Exit(EXIT_NOTHING)


def _repositories(session: Session, names: list[str]) -> frozenset[RepoId]:
    return frozenset(view.repo for name in names for view in named(session.service, name))


def _scope(
    path: Path | None, repos: list[str], *, all_repos: bool, fresh: bool
) -> tuple[Session, frozenset[str] | None, tuple[str, ...]]:
    """Open the session; return the trees to search and the folder inside them, indexing first where needed."""
    if repos or all_repos:
        return open_session(), None, ()
    checkout = checkout_at(path or Path(), force=True)
    session = prepared(checkout)
    root, view = indexed_tree(session, checkout)
    if fresh or view is None or view.root != root.root:
        if view is None:
            checkout_at(path or Path())  # refuses a home folder, which --force alone may index
            console.err(f"{console.one_line(str(root.root))} is not indexed yet: indexing it first")
        with cancel_on_interrupt() as asked:
            report = run_index(session, root, asked, quiet=False)
        if report.cancelled:
            raise Cancelled("stopped before the index was finished", hint="run the command again to go on from here")
    below = (path.expanduser().resolve() if path else root.root).relative_to(root.root).as_posix()
    return session, frozenset({str(root.root)}), () if below == "." else (f"/{literal(below)}/",)


def _both(folder: tuple[str, ...], globs: list[str]) -> tuple[str, ...]:
    """Patterns that hold only below a folder."""
    base = folder[0].rstrip("/")
    return tuple(f"{base}/{'' if '/' in item.strip('/') else '**/'}{item.lstrip('/')}" for item in globs)


def _languages(names: list[str]) -> frozenset[str] | None:
    if not names:
        return None
    found = {name: canonical(name) for name in names}
    unknown = [name for name, language in found.items() if language is None]
    if unknown:
        raise ConfigError(
            f"{unknown[0]!r} is no language that Conexus knows", hint="known are: " + ", ".join(sorted(BY_NAME))
        )
    return frozenset(language for language in found.values() if language)


def _kinds(names: list[str]) -> frozenset[str] | None:
    known = {item.value for item in SymbolKind}
    for name in names:
        if name.lower() not in known:
            raise ConfigError(f"{name!r} is no kind of definition", hint="known are: " + ", ".join(sorted(known)))
    return frozenset(name.lower() for name in names) or None


def _limit(limit: int) -> int:
    if not 1 <= limit <= _MAX_RESULTS:
        raise ConfigError(f"-n is {limit}; it must be between 1 and {_MAX_RESULTS}")
    return limit


def _default_format() -> OutputFormat:
    return OutputFormat.RICH if console.is_terminal() else OutputFormat.PLAIN


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
