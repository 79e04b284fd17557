# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes answers about the graph of all repositories as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from conexus.cli import console
from conexus.cli.dependency_render import label, short
from conexus.search.packing import code_span
from conexus.types import (
    CyclesAnswer,
    DependencyGraph,
    DriftAnswer,
    ImpactAnswer,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Thing,
    ThingKind,
    Tie,
)


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()


def _place(repo: str, file: str, line: int) -> str:
    return console.one_line(f"{short(repo)}:{file}{f':{line}' if line else ''}") if file else ""


def _markdown(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield a table of Markdown; cells are code, so that nothing of others' text is markup."""
    yield f"| {' | '.join(titles)} |"
    yield f"|{'---|' * len(titles)}"
    for row in rows:
        yield f"| {' | '.join(map(_cell, row))} |"


def _cell(text: str) -> str:
    """Return a cell; a backslash of its own would take back what escapes the bar behind it."""
    return code_span(console.one_line(text).replace("\\|", "\\ |")).replace("|", "\\|") if text else ""


def repo_lines(found: DependencyGraph) -> Iterator[str]:
    """Yield what depends on what."""
    rows = []
    for edge in found.edges:
        source, target = found.nodes[edge.source], found.nodes[edge.target]
        of = source.thing if source.thing.root and source.thing.kind is not ThingKind.PACKAGE else target.thing
        detail = " ".join(filter(None, (edge.detail, f"({edge.scope})" if edge.scope else "")))
        count = f"{edge.count:,}×" if edge.count > 1 else ""  # noqa: RUF001 -- times
        rows.append(
            (
                label(source.thing),
                edge.kind.value,
                label(target.thing),
                console.one_line(detail),
                count,
                _place(of.repo, edge.path, edge.line),
            )
        )
    yield from _columns(rows)


def _tie_line(tie: Tie) -> str:
    place = _place(tie.repo, tie.path, tie.line)
    detail = f" {console.one_line(tie.detail)}" if tie.detail else ""
    return f"{label(tie.source)} {tie.kind.value} {label(tie.target)}{detail}" + (f"  [{place}]" if place else "")


def impact_lines(found: ImpactAnswer) -> Iterator[str]:
    """Yield what a change may break, by repository."""
    for thing in found.changed:
        yield f"changed: {label(thing, whole=True)}"
    for one in found.repositories:
        owners = f", owned by {' '.join(map(console.one_line, one.owners))}" if one.owners else ""
        yield ""
        yield f"{console.one_line(one.repo)}: {console.count(one.hits, 'hit')}, {one.direct:,} direct{owners}"
        for hit in found.hits:
            if hit.thing.repo == one.repo:
                yield f"  {hit.depth}  {hit.confidence:4.2f}  {_hit(hit.thing)}"
                for tie in hit.ties:
                    yield f"             {_tie_line(tie)}"


def _hit(thing: Thing) -> str:
    place = console.one_line(f"{thing.path}:{thing.line}" if thing.line else thing.path)
    if thing.kind is ThingKind.REPOSITORY:
        return "the repository"
    return place if thing.kind is ThingKind.FILE else f"{console.one_line(thing.name)}  {place}"


def path_lines(found: PathAnswer) -> Iterator[str]:
    """Yield a path."""
    yield from (_tie_line(tie) for tie in found.ties)


def drift_lines(found: DriftAnswer) -> Iterator[str]:
    """Yield packages with their uses."""
    for one in found.packages:
        provided = (
            f"  {one.version} of {', '.join(label(thing) for thing in one.provided_by)}" if one.provided_by else ""
        )
        kinds = f"  ({', '.join(kind.value for kind in one.kinds)})" if one.kinds else ""
        yield f"{console.one_line(f'{one.ecosystem}:{one.name}')}{console.one_line(provided)}{kinds}"
        rows = [
            (
                "  " + console.one_line(use.constraint or "any version"),
                use.scope,
                _place(use.repo, use.path, use.line),
                {True: "", False: "behind", None: ""}[use.allows_provided],
            )
            for use in one.uses
        ]
        yield from _columns(rows)


def drift_markdown(found: DriftAnswer) -> Iterator[str]:
    """Yield a row for each use of a package."""
    rows = [
        (
            f"{one.ecosystem}:{one.name}",
            ", ".join(kind.value for kind in one.kinds),
            one.version,
            use.constraint or "any version",
            use.scope,
            f"{use.repo}:{use.path}:{use.line}",
            "behind" if use.allows_provided is False else "",
        )
        for one in found.packages
        for use in one.uses
    ]
    if rows:
        yield from _markdown(("package", "differ", "provided", "asked for", "scope", "where", ""), rows)


def owner_markdown(found: OwnersAnswer) -> Iterator[str]:
    """Yield a row for each owner."""
    rows = [(one.owner or "(nobody)", f"{one.hits:,}", ", ".join(one.repositories)) for one in found.owners]
    if rows:
        yield from _markdown(("owner", "hits", "repositories"), rows)


def orphan_markdown(found: OrphansAnswer) -> Iterator[str]:
    """Yield a row for each thing that nobody uses."""
    rows = [(title, label(thing, whole=True)) for title, things in _orphans(found) for thing in things]
    if rows:
        yield from _markdown(("what", "which"), rows)


def owner_lines(found: OwnersAnswer) -> Iterator[str]:
    """Yield owners."""
    rows = [
        (
            console.one_line(one.owner) or "(nobody)",
            console.count(one.hits, "hit"),
            ", ".join(console.one_line(short(repo)) for repo in one.repositories),
        )
        for one in found.owners
    ]
    yield from _columns(rows)


def orphan_lines(found: OrphansAnswer) -> Iterator[str]:
    """Yield what nobody uses."""
    for title, things in _orphans(found):
        if things:
            yield f"{title}:"
            yield from (f"  {label(thing, whole=True)}" for thing in things)


def _orphans(found: OrphansAnswer) -> tuple[tuple[str, tuple[Thing, ...]], ...]:
    return (
        ("repositories that nothing ties to others", found.repositories),
        ("packages that no other repository uses", found.packages),
        ("endpoints that nobody calls", found.served),
        ("calls that nobody serves", found.called),
    )


def cycle_lines(found: CyclesAnswer) -> Iterator[str]:
    """Yield cycles, each with what shows it."""
    for number, cycle in enumerate(found.cycles):
        if number:
            yield ""
        yield " -> ".join([*(label(tie.source) for tie in cycle), label(cycle[0].source)])
        yield from (f"  {_tie_line(tie)}" for tie in cycle)
