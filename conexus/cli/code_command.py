# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus similar``, ``conexus symbols`` and ``conexus map``."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.render import OutputFormat, path_from, snapshot_json
from conexus.cli.scope import (
    EXIT_NOTHING,
    AllOption,
    FolderArgument,
    GlobOption,
    KindOption,
    LanguageOption,
    RefOption,
    RepoOption,
    Scope,
    TestsOption,
    kinds,
    languages,
    open_tree,
    require_between,
)
from conexus.cli.search_command import limited, show_results
from conexus.cli.session import USER, require_no_way_out, steadily
from conexus.errors import ConfigError, SourceError
from conexus.lexical import name_key
from conexus.tokens import count_tokens
from conexus.types import (
    Definition,
    Place,
    RepositoryMap,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SymbolAnswer,
    Use,
)

SYMBOLS_SCHEMA = "conexus.symbols/1"
MAP_SCHEMA = "conexus.map/1"
_PLACE = re.compile(r"(?P<path>.+?):(?P<line>\d{1,9})(?::\d+)?")
_MAX_MAP_FILES = 200
_MIN_MAP_TOKENS, _MAX_MAP_TOKENS = 100, 200_000


def similar(
    place: Annotated[str, typer.Argument(metavar="FILE:LINE", help="A line of the code that is to be compared.")],
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most results.")] = 10,
    everywhere: Annotated[bool, typer.Option("--all", help="Compare with every indexed repository.")] = False,
    lang: LanguageOption = None,
    glob: GlobOption = None,
    kind: KindOption = None,
    tests: TestsOption = None,
    output: Annotated[
        OutputFormat | None, typer.Option("--format", "-f", help="Default: rich on a terminal, plain in a pipe.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    context: Annotated[
        int | None,
        typer.Option("-C", "--context", help="Lines of code for each result.", show_default="by the format"),
    ] = None,
) -> None:
    """Find code like that at a line: duplicates, and what was written after the same pattern.

    A score of 1 is the same text. A folder that is not indexed yet is indexed first. Exit code: 0 found, 1
    nothing found, 2 an error, 3 answered from an index that is not finished.

    Examples:
        conexus similar src/http/session.py:42
        conexus similar src/http/session.py:42 --no-tests -n 5 -C 10
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ConfigError(f"{place!r} names no line", hint="give a file and a line, as src/app.py:42")
    file, line = Path(found["path"]).expanduser(), int(found["line"])
    if line < 1:
        raise ConfigError(f"{place!r} names line {line}", hint="lines count from 1")
    if not file.is_file():
        raise SourceError(
            f"{file} is not there" if not file.exists() else f"{file} is no file",
            hint="give a file and a line, as src/app.py:42",
        )
    wanted, where_languages, where_kinds = limited(limit), languages(lang or ()), kinds(kind or ())
    require_no_way_out(file.parent)
    full = file.parent.resolve() / file.name

    def ask() -> tuple[SearchRequest, SearchResponse]:
        session, root = open_tree(full.parent)
        with session:
            relative = full.relative_to(root).as_posix()
            where = SearchFilter(
                roots=None if everywhere else frozenset({str(root)}),
                languages=where_languages,
                path_globs=tuple(glob) if glob else None,
                kinds=where_kinds,
                tests=session.loaded.config.search.tests if tests is None else tests,
            )
            request = SearchRequest(f"like {relative}:{line}", wanted, where)
            return request, session.service.similar(Place(str(root), relative, line), request, USER)

    request, response = steadily(ask)
    show_results(request, response, OutputFormat.JSON if as_json else output, context)


def symbols(
    name: Annotated[str, typer.Argument(help="A name, as send_request or Session.send.")],
    path: FolderArgument = None,
    uses: Annotated[bool, typer.Option("--uses", "-u", help="Also list the lines that use the name.")] = False,
    callers: Annotated[
        bool, typer.Option("--callers", help="Also list the functions and classes that use it.")
    ] = False,
    callees: Annotated[bool, typer.Option("--callees", help="Also list what its definitions use.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most definitions, and most uses.")] = 50,
    repo: RepoOption = None,
    all_repos: AllOption = False,
    ref: RefOption = "",
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
) -> None:
    """Find where a name is defined, what uses it and what it uses.

    Names agree but for case and underscores; those that agree wholly come first. Uses are found by name
    alone: a line may mean another thing of that name. Of what the definitions use, names that more than two
    things are called are left out. Exit code: 0 found, 1 nothing found, 2 an error.

    Examples:
        conexus symbols Session.send
        conexus symbols parse_config --uses
        conexus symbols parse_config --callers --callees
        conexus symbols HTTPAdapter --json | jq '.definitions[].path'
    """
    wanted = limited(limit)
    scope = Scope(path, repo or (), all_repos, ref=ref)

    def ask() -> SymbolAnswer:
        session, where = scope.open()
        with session:
            return session.service.symbols(name, where, wanted, USER, uses=uses or callers, callees=callees)

    answer = steadily(ask)
    if as_json:
        console.out(json.dumps(_symbols_json(name, answer), indent=2))
    else:
        cwd = Path.cwd()
        parts = [
            [_definition_line(found, cwd) for found in answer.definitions],
            [_use_line(use, cwd) for use in answer.uses] if uses else [],
            _caller_lines(answer.uses, cwd) if callers else [],
            [_definition_line(found, cwd) for found in answer.callees],
        ]
        titles = ("", "used at", "used by", "uses")
        shown = [[title, *lines] for title, lines in zip(titles, parts, strict=True) if lines]
        for number, lines in enumerate(shown):
            for line in ["", *lines] if number else filter(None, lines):
                console.out(line)
        if answer.definitions and not any(_is_called(one.symbol, name) for one in answer.definitions):
            console.err(f"note: nothing is called {console.one_line(name)}; these have its last part")
        if not answer.complete:
            console.err(f"there are more than {wanted}: raise -n")
        if not answer.definitions and not answer.uses:
            console.err("nothing found")
    if not answer.definitions and not answer.uses:
        raise typer.Exit(EXIT_NOTHING)


def show_map(
    path: FolderArgument = None,
    files: Annotated[int, typer.Option("-n", "--limit", help="Most files.")] = 40,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", "-t", help="Never more tokens than this, as cl100k_base counts.")
    ] = 4000,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON; all of the files.")] = False,
) -> None:
    """Show the most used files of a repository and what they define: an overview for people and models.

    Exit code: 0, or 2 on an error.

    Examples:
        conexus map
        conexus map ~/src/django --max-tokens 1000
    """
    require_between("-n", files, 1, _MAX_MAP_FILES)
    require_between("--max-tokens", max_tokens, _MIN_MAP_TOKENS, _MAX_MAP_TOKENS)

    def ask() -> RepositoryMap:
        session, root = open_tree(path or Path())
        with session:
            return session.service.map(str(root), files, USER)

    found = steadily(ask)
    if as_json:
        console.out(json.dumps(_map_json(found), indent=2))
        return
    left = max_tokens
    for file in found.files:
        lines = [console.one_line(file.path), *(f"  {_signature(one)}" for one in file.symbols)]
        fitting = []
        for line in lines:
            left -= count_tokens(line + "\n")
            if left < 0:
                break
            fitting.append(line)
        for line in fitting:
            console.out(line)
        if left < 0:
            console.err("cut short: raise --max-tokens")
            break


def _is_called(symbol: str, name: str) -> bool:
    """Whether a symbol has the name, with all that the name says of what encloses it; case and style do not matter."""
    asked, own = ([name_key(part) for part in re.split(r"[.#]|::|->", text)] for text in (name, symbol))
    return own[-len(asked) :] == asked


def _definition_line(found: Definition, cwd: Path) -> str:
    parts = [f"{_shown(found, cwd)}:{found.line}", f"{found.kind} {console.one_line(found.symbol)}"]
    if found.signature:
        parts.append(console.one_line(found.signature))
    return "  ".join(parts)


def _use_line(use: Use, cwd: Path) -> str:
    inside = f"  in {console.one_line(use.symbol)}" if use.symbol else ""
    return f"{_shown(use, cwd)}:{use.line}{inside}"


def _caller_lines(uses: Sequence[Use], cwd: Path) -> list[str]:
    """Return a line for each definition that uses a name, and which of its lines do."""
    callers: dict[tuple[str, str, int], list[Use]] = {}
    for use in uses:
        if use.symbol:
            callers.setdefault((use.root, use.path, use.symbol_line), []).append(use)
    return [
        f"{_shown(found[0], cwd)}:{found[0].symbol_line}  {console.one_line(found[0].symbol)}"
        f"  {'line' if len(found) == 1 else 'lines'} {', '.join(str(use.line) for use in found)}"
        for found in callers.values()
    ]


def _shown(found: Definition | Use, cwd: Path) -> str:
    return console.one_line(path_from(cwd, found.root, found.path))


def _signature(found: Definition) -> str:
    return console.one_line(f"{found.line}: {found.signature or f'{found.kind} {found.symbol}'}")


def _symbols_json(name: str, answer: SymbolAnswer) -> dict[str, object]:
    return {
        "schema": SYMBOLS_SCHEMA,
        "name": name,
        "complete": answer.complete,
        "definitions": [_definition_json(one) for one in answer.definitions],
        "uses": [
            {
                "path": use.path,
                "line": use.line,
                "root": use.root,
                "repository": use.repo,
                "symbol": use.symbol,
                "symbol_line": use.symbol_line,
            }
            for use in answer.uses
        ],
        "callees": [_definition_json(one) for one in answer.callees],
        "snapshots": [snapshot_json(one) for one in answer.snapshots],
    }


def _definition_json(found: Definition) -> dict[str, object]:
    return {
        "path": found.path,
        "line": found.line,
        "end_line": found.end_line,
        "root": found.root,
        "repository": found.repo,
        "language": found.language,
        "symbol": found.symbol,
        "kind": found.kind.value,
        "signature": found.signature,
        "doc": found.doc,
    }


def _map_json(found: RepositoryMap) -> dict[str, object]:
    return {
        "schema": MAP_SCHEMA,
        "repository": found.repo,
        "root": found.root,
        "files_total": found.files_total,
        "files": [
            {"path": file.path, "uses": file.uses, "symbols": [_definition_json(one) for one in file.symbols]}
            for file in found.files
        ],
    }
