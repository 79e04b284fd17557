# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus graph`` and its commands: within a repository without a further word, across all of them with one."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer.core import TyperGroup

from conexus.cli import console
from conexus.cli.dependency_lines import (
    cycle_lines,
    drift_lines,
    drift_markdown,
    impact_lines,
    orphan_lines,
    orphan_markdown,
    owner_lines,
    owner_markdown,
    path_lines,
    repo_lines,
)
from conexus.cli.dependency_render import ListFormat, PictureFormat, as_json, dot, graph_of, graphml, mermaid, svg
from conexus.cli.examples import CommandWithExamples
from conexus.cli.graph_command import graph
from conexus.cli.scope import EXIT_NOTHING, require_between
from conexus.cli.session import USER, Session, given_path, named, open_session, steadily
from conexus.errors import ConfigError, SourceError
from conexus.types import (
    DependenciesRequest,
    DependencyGraph,
    DependencyScope,
    Ecosystem,
    ImpactAnswer,
    ImpactRequest,
    IndexedView,
    OwnersAnswer,
    PathAnswer,
    RepoId,
)

_T = TypeVar("_T")
_DEFAULT = "show"
_MAX_EDGES, _MAX_HITS, _MAX_DEPTH = 100_000, 1_000, 10
_MAX_DIFF_BYTES = 3_000_000
_SCHEMA = "conexus.graph.{}/1"


class GraphGroup(TyperGroup):
    """A group whose first command is meant where none is named: ``conexus graph src/``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 -- of the library's own click
        """Put the first command before arguments that begin with none."""
        first = args[0] if args else ""
        if first not in self.commands and first not in {"-h", "--help"}:
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=GraphGroup,
    help="Draw what imports what within a repository, and find what depends on what across repositories.\n\n"
    "`conexus graph PATH` is the same as `conexus graph show PATH`. All other commands look at all indexed "
    "repositories, and come with the tier enterprise.",
    no_args_is_help=False,
)
app.command(_DEFAULT, cls=CommandWithExamples)(graph)

FormatOption = Annotated[
    PictureFormat, typer.Option("--format", "-f", help="html is a page with zoom, search and filters.")
]
PlainOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
ListOption = Annotated[ListFormat, typer.Option("--format", "-f", help="A list is drawn in no picture.")]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", parser=given_path, metavar="FILE", help="Write to this file, - for stdout."),
]
TargetsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WHAT",
        help="Repositories, packages (npm:react), files (shop:src/cart.py), definitions (Cart.total) or endpoints "
        "('GET /users/{}').",
    ),
]
HomeOption = Annotated[
    str,
    typer.Option(
        "--repo", "-r", metavar="NAME", help="Where names are looked up first; default: the one of this folder."
    ),
]
DiffOption = Annotated[
    str, typer.Option("--diff", metavar="FILE", help="A unified diff in place of names; - reads it from stdin.")
]
RangeOption = Annotated[
    str, typer.Option("--range", metavar="A..B", help="What changed between two commits of this folder's repository.")
]
DepthOption = Annotated[int, typer.Option("--depth", help="Most steps from what changes.")]
CertainOption = Annotated[float, typer.Option("--min-confidence", help="Leave out what is less certain, 0.05 to 1.")]
ElsewhereOption = Annotated[bool, typer.Option("--elsewhere", help="Only other repositories.")]


# ------------------------------------------------------------------------------ commands


@app.command("repos", cls=CommandWithExamples)
def repos(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME", help="Only what these repositories tie.")] = None,
    ecosystem: Annotated[
        list[str] | None, typer.Option("--ecosystem", "-e", help="Only packages of it: pypi, npm, go, …; repeatable.")
    ] = None,
    scope: Annotated[
        list[str] | None, typer.Option("--scope", "-s", help="Only requirements of it: runtime, …; repeatable.")
    ] = None,
    external: Annotated[bool, typer.Option("--external", help="Also packages that none of them provides.")] = False,
    files: Annotated[bool, typer.Option("--files", help="Also the imports between files.")] = False,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most ties, the strongest of each repository.")] = 1000,
    style: FormatOption = PictureFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """Show which repository provides and requires which package, and which imports and calls which.

    Exit code: 0 found, 1 nothing ties them, 2 an error.

    Examples:
        conexus graph repos
        conexus graph repos shop --external
        conexus graph repos --ecosystem npm -f mermaid
        conexus graph repos --files -n 50000 -f html -o graph.html
    """
    require_between("-n", limit, 1, _MAX_EDGES)
    _require_known("--ecosystem", ecosystem, [one.value for one in Ecosystem])
    _require_known("--scope", scope, [one.value for one in DependencyScope])

    def ask(session: Session) -> DependencyGraph:
        chosen = frozenset(view.repo for name in names or () for view in named(session.service, name)) or None
        request = DependenciesRequest(
            chosen,
            frozenset(ecosystem) if ecosystem else None,
            frozenset(scope) if scope else None,
            external=external,
            files=files,
            limit=limit,
        )
        return session.service.graph_repos(request, USER)

    found = _asked(ask, style, output)
    _show(found, "repos", _as_asked(style, plain=plain), output, repo_lines)
    nodes, ties = console.count(len(found.nodes), "node"), console.count(len(found.edges), "tie")
    left = found.edges_total - len(found.edges)
    _tell(f"{nodes}, {ties}" + (f"; {left:,} of {found.edges_total:,} are left out: raise -n for more" if left else ""))
    _end(found=bool(found.edges))


@app.command("impact", cls=CommandWithExamples)
def impact(
    what: TargetsArgument = None,
    diff: DiffOption = "",
    span: RangeOption = "",
    repo: HomeOption = "",
    depth: DepthOption = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most hits.")] = 100,
    certain: CertainOption = 0.3,
    elsewhere: ElsewhereOption = False,
    style: FormatOption = PictureFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """Find what a change may break, direct and through others, with the path that shows it.

    Exit code: 0 found, 1 nothing depends on it or nothing changes, 2 an error.

    Examples:
        conexus graph impact Cart.total
        conexus graph impact src/cart.py --elsewhere
        conexus graph impact npm:@acme/buttons --depth 5
        conexus graph impact 'GET /users/{}' --json
        git diff | conexus graph impact --diff -
        conexus graph impact --range main..HEAD -f html -o impact.html
    """
    request = _impact_request(what, diff, span, (depth, limit, certain), elsewhere=elsewhere)
    found = (
        ImpactAnswer((), (), (), 0)
        if request is None
        else _asked(lambda session: session.service.graph_impact(_at_home(session, request, repo), USER), style, output)
    )
    _show(found, "impact", _as_asked(style, plain=plain), output, impact_lines)
    for notice in found.notices:
        _tell(f"note: {console.one_line(notice)}")
    _tell(f"{console.count(found.total, 'hit')} in {_repositories(len(found.repositories))}")
    _end(found=bool(found.hits))


@app.command("path", cls=CommandWithExamples)
def path(
    source: Annotated[str, typer.Argument(help="What depends; named as for impact.")],
    target: Annotated[str, typer.Argument(help="On what.")],
    style: FormatOption = PictureFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """Find how one thing depends on another by the fewest steps, or the other way round.

    Exit code: 0 found, 1 neither depends on the other, 2 an error.

    Examples:
        conexus graph path site money
        conexus graph path site npm:react
        conexus graph path shop:shop/api.py Amount --json
    """

    def ask(session: Session) -> PathAnswer:
        ends = [_written(session, one) for one in (source, target)]
        return session.service.graph_path(ends[0], ends[1], USER)

    found = _asked(ask, style, output)
    _show(found, "path", _as_asked(style, plain=plain), output, path_lines)
    if found.swapped:
        _tell(f"it is {console.one_line(target)} that depends on {console.one_line(source)}")
    _end(found=bool(found.ties))


@app.command("drift", cls=CommandWithExamples)
def drift(
    package: Annotated[str, typer.Argument(help="All uses of this package, as npm:react.")] = "",
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most packages.")] = 100,
    style: ListOption = ListFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """List packages of which repositories ask for different versions, or all who use one package.

    A package is behind where a repository does not allow the version that is provided here.
    Exit code: 0 found, 1 all agree, 2 an error.

    Examples:
        conexus graph drift
        conexus graph drift npm:react
        conexus graph drift --json | jq '.packages[] | select(.kinds[] == "behind").name'
    """
    require_between("-n", limit, 1, _MAX_HITS)
    found = _asked(lambda session: session.service.graph_drift(package, limit, USER), output=output)
    _show_list(found, "drift", ListFormat.JSON if plain else style, output, (drift_lines, drift_markdown))
    if found.total > len(found.packages):
        _tell(f"{len(found.packages):,} of {console.count(found.total, 'package')}: raise -n for more")
    _end(found=bool(found.packages))


@app.command("owners", cls=CommandWithExamples)
def owners(
    what: TargetsArgument = None,
    diff: DiffOption = "",
    span: RangeOption = "",
    repo: HomeOption = "",
    depth: DepthOption = 3,
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most owners.")] = 100,
    certain: CertainOption = 0.3,
    elsewhere: ElsewhereOption = False,
    style: ListOption = ListFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """List the owners of what a change may break, by the CODEOWNERS of each repository.

    Exit code: 0 found, 1 nothing depends on it or nothing changes, 2 an error.

    Examples:
        conexus graph owners Cart.total
        git diff | conexus graph owners --diff -
        conexus graph owners --range main..HEAD --json | jq -r '.owners[].owner'
    """
    request = _impact_request(what, diff, span, (depth, limit, certain), elsewhere=elsewhere)
    found = (
        OwnersAnswer((), (), 0)
        if request is None
        else _asked(lambda session: session.service.graph_owners(_at_home(session, request, repo), USER), output=output)
    )
    _show_list(found, "owners", ListFormat.JSON if plain else style, output, (owner_lines, owner_markdown))
    for notice in found.notices:
        _tell(f"note: {console.one_line(notice)}")
    _end(found=bool(found.owners))


@app.command("orphans", cls=CommandWithExamples)
def orphans(
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most of each kind.")] = 100,
    style: ListOption = ListFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """List repositories and packages that nobody uses, endpoints that nobody calls, and calls that nobody serves.

    Only what is indexed is looked at. Exit code: 0 found, 1 there is none, 2 an error.

    Examples:
        conexus graph orphans
        conexus graph orphans --json | jq '.served[].name'
    """
    require_between("-n", limit, 1, _MAX_HITS)
    found = _asked(lambda session: session.service.graph_orphans(limit, USER), output=output)
    _show_list(found, "orphans", ListFormat.JSON if plain else style, output, (orphan_lines, orphan_markdown))
    _end(found=bool(found.repositories or found.packages or found.served or found.called))


@app.command("cycles", cls=CommandWithExamples)
def cycles(
    limit: Annotated[int, typer.Option("-n", "--limit", help="Most cycles.")] = 100,
    style: FormatOption = PictureFormat.TABLE,
    output: OutputOption = None,
    plain: PlainOption = False,
) -> None:
    """List repositories that depend on each other, the shortest cycles first.

    Exit code: 0 found, 1 there is none, 2 an error.

    Examples:
        conexus graph cycles
        conexus graph cycles -f dot | dot -Tsvg > cycles.svg
    """
    require_between("-n", limit, 1, _MAX_HITS)
    found = _asked(lambda session: session.service.graph_cycles(limit, USER), style, output)
    _show(found, "cycles", _as_asked(style, plain=plain), output, cycle_lines)
    if found.total > len(found.cycles):
        _tell(f"{len(found.cycles):,} of {console.count(found.total, 'cycle')}: raise -n for more")
    _end(found=bool(found.cycles))


# ------------------------------------------------------------------------------ what is asked


def _require_known(option: str, given: Sequence[str] | None, known: Sequence[str]) -> None:
    for name in given or ():
        if name not in known:
            raise ConfigError(f"{option} is {name!r}", hint="known are: " + ", ".join(sorted(known)))


def _impact_request(
    what: Sequence[str] | None, diff: str, span: str, numbers: tuple[int, int, float], *, elsewhere: bool
) -> ImpactRequest | None:
    """Return what is asked; ``None``, once that is said, where nothing changes."""
    if sum(map(bool, (what, diff, span))) != 1:
        raise ConfigError("give what changes by name, or --diff, or --range", hint="see conexus graph impact --help")
    depth, limit, certain = numbers
    require_between("--depth", depth, 1, _MAX_DEPTH)
    require_between("-n", limit, 1, _MAX_HITS)
    if not 0.05 <= certain <= 1:  # noqa: PLR2004 -- as the help says
        raise ConfigError(f"--min-confidence is {certain}; it must be between 0.05 and 1")
    text = _read_diff(diff) if diff else ""
    if span:
        from conexus.adapters.git_diff import diff_between  # noqa: PLC0415 -- brings dulwich

        text = diff_between(Path.cwd(), span)
    if (span or diff) and not text.strip():
        _tell(f"nothing changed in {console.one_line(span)}" if span else "the diff is empty: nothing changes")
        return None
    return ImpactRequest(tuple(what or ()), text, None, depth, limit, certain, elsewhere=elsewhere)


def _read_diff(name: str) -> str:
    try:
        with sys.stdin.buffer if name == "-" else Path(name).expanduser().open("rb") as stream:
            data = stream.read(_MAX_DIFF_BYTES + 1)
    except OSError as exc:
        raise SourceError(f"{name} cannot be read: {exc.strerror}") from exc
    if len(data) > _MAX_DIFF_BYTES:
        raise SourceError(f"the diff has more than {_MAX_DIFF_BYTES:,} bytes", hint="name the files instead")
    return data.decode("utf-8", "replace")


def _at_home(session: Session, request: ImpactRequest, repo: str) -> ImpactRequest:
    """Return a request with the repository where names are looked up first, and with paths as the graph knows them."""
    home: RepoId | None = None
    if repo:
        home = named(session.service, repo)[0].repo
    elif (around := _around(session, Path.cwd())) is not None:
        home = around.repo
    if request.diff and home is None:
        raise ConfigError("this folder is in no indexed repository", hint="say which one the diff is of: --repo NAME")
    targets = tuple(_written(session, one) for one in request.targets)
    return ImpactRequest(
        targets,
        request.diff,
        home,
        request.depth,
        request.limit,
        request.min_confidence,
        elsewhere=request.elsewhere,
    )


def _around(session: Session, place: Path) -> IndexedView | None:
    """Return the innermost indexed working tree that a path is in."""
    views = [view for view in session.service.views(USER) if not view.ref and place.is_relative_to(view.root)]
    return max(views, key=lambda view: len(view.root.parts), default=None)


def _written(session: Session, name: str) -> str:
    """Return a name as the graph knows it: a path on disk is one of its repository."""
    try:
        place = Path(name).expanduser()
        there = place.exists() and ("/" in name or place.is_file())
        place = place.resolve()
    except (OSError, RuntimeError, ValueError):
        return name
    view = _around(session, place) if there else None
    if view is None:
        return name
    below = place.relative_to(view.root).as_posix()
    return str(view.repo) if below == "." else f"{view.repo}:{below}"


def _asked(ask: Callable[[Session], _T], style: PictureFormat = PictureFormat.TABLE, output: Path | None = None) -> _T:
    if style is PictureFormat.HTML and output is None and console.is_terminal(sys.stdout):
        raise ConfigError("a page is not for a terminal", hint="write it to a file: -o graph.html")
    if output is not None and str(output) != "-":
        target = output.expanduser()
        if target.is_dir() or not target.parent.is_dir():
            wrong = f"{target} is a folder" if target.is_dir() else f"there is no folder {target.parent}"
            raise SourceError(wrong, hint="give the name of a file in a folder that is there: -o graph.html")

    def run() -> _T:
        with open_session() as session:
            return ask(session)

    return steadily(run)


# ------------------------------------------------------------------------------ what is written


def _as_asked(style: PictureFormat, *, plain: bool) -> PictureFormat:
    return PictureFormat.JSON if plain else style


def _show(
    answer: Any,  # noqa: ANN401 -- any answer of the graph
    name: str,
    style: PictureFormat,
    output: Path | None,
    lines: Callable[[Any], Iterator[str]],
) -> None:
    if style is PictureFormat.TABLE:
        text = "".join(f"{line}\n" for line in lines(answer))
    elif style is PictureFormat.JSON:
        text = _json(answer, name)
    else:
        text = _drawn(answer, style, name)
    _write(text, output)


def _show_list(
    answer: Any,  # noqa: ANN401 -- as above
    name: str,
    style: ListFormat,
    output: Path | None,
    lines: tuple[Callable[[Any], Iterator[str]], Callable[[Any], Iterator[str]]],
) -> None:
    """Write what is no graph, as a table for people or of Markdown, or as JSON."""
    chosen = lines[1] if style is ListFormat.MARKDOWN else lines[0]
    _write(_json(answer, name) if style is ListFormat.JSON else "".join(f"{line}\n" for line in chosen(answer)), output)


def _json(answer: Any, name: str) -> str:  # noqa: ANN401 -- as above
    return json.dumps(as_json(answer, _SCHEMA.format(name)), indent=2) + "\n"


def _write(text: str, output: Path | None) -> None:
    if output is not None and str(output) != "-":
        output.expanduser().write_text(text, encoding="utf-8")
        console.err(f"written: {console.one_line(str(output))}")
    elif text:
        console.out(text.removesuffix("\n"))


def _drawn(answer: Any, style: PictureFormat, name: str) -> str:  # noqa: ANN401 -- as above
    graph = graph_of(answer)
    title = {"repos": "Dependencies of repositories", "impact": "Impact of a change", "cycles": "Cycles"}.get(
        name, "Path of dependencies"
    )
    if style is PictureFormat.HTML:
        from conexus.cli.dependency_page import page  # noqa: PLC0415 -- only where a page is asked for

        return page(graph, title)
    if style is PictureFormat.SVG:
        return svg(graph, title)
    if style is PictureFormat.GRAPHML:
        return graphml(graph)
    return dot(graph) if style is PictureFormat.DOT else mermaid(graph)


def _tell(text: str) -> None:
    console.err(text)


def _end(*, found: bool) -> None:
    if not found:
        console.err("nothing found")
        raise typer.Exit(EXIT_NOTHING)


def _repositories(count: int) -> str:
    return f"{count:,} {'repository' if count == 1 else 'repositories'}"
