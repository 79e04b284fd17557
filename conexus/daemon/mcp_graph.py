# SPDX-License-Identifier: FSL-1.1-MIT
"""Puts answers about the graph of all repositories into words for agents. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from conexus.daemon import schema
from conexus.daemon.mcp_pages import Entry, cleaned
from conexus.search.neutral import inline
from conexus.types import ThingKind


def name_of(thing: schema.Thing) -> str:
    """Return a thing as agents are told of it, with its place."""
    if thing.kind is ThingKind.PACKAGE:
        return inline(f"{thing.ecosystem}:{thing.name}")
    if thing.kind is ThingKind.REPOSITORY:
        return inline(thing.repository)
    place = f"{thing.path}:{thing.line}" if thing.line else thing.path
    named = "" if thing.kind is ThingKind.FILE else f"{thing.name} at "
    return inline(f"{named}{thing.repository}:{place}")


def tie_line(tie: schema.Tie) -> str:
    """Return a step of a path."""
    place = f" [{tie.repository}:{tie.path}{f':{tie.line}' if tie.line else ''}]" if tie.path else ""
    detail = f" {tie.detail}" if tie.detail else ""
    return inline(f"{name_of(tie.source)} {tie.kind} {name_of(tie.target)}{detail}{place}")


def hit(found: schema.ImpactHit, lines: int) -> Entry:
    """Return a hit with the path that explains it."""
    owners = f", owned by {' '.join(found.owners)}" if found.owners else ""
    direct = "direct" if found.depth == 1 else f"{found.depth} steps away"
    head = f"{name_of(found.thing)} ({direct}, confidence {found.confidence:.2f}{inline(owners)})"
    ties = found.ties[:lines]
    shown = found if len(ties) == len(found.ties) else found.model_copy(update={"ties": ties})
    return Entry("\n    ".join([head, *map(tie_line, ties)]), as_json(shown))


def as_json(found: schema.Message) -> dict[str, Any]:
    """Return a message as JSON without what is as if left out, made harmless."""
    return cast("dict[str, Any]", cleaned(found.model_dump(mode="json", exclude_defaults=True)))


def repos(found: schema.DependencyGraph) -> Iterator[str]:
    """Yield what depends on what."""
    for edge in found.edges:
        source, target = (name_of(found.nodes[place].thing) for place in (edge.source, edge.target))
        detail = " ".join(filter(None, (edge.detail, f"({edge.scope})" if edge.scope else "")))
        times = f" ({edge.count} places)" if edge.count > 1 else ""
        yield inline(f"{source} {edge.kind} {target} {detail}{times}".rstrip())


def drift(found: schema.DriftAnswer) -> Iterator[str]:
    """Yield packages with their uses."""
    for one in found.packages:
        provided = f" {one.version} of {', '.join(map(name_of, one.provided_by))}" if one.provided_by else ""
        kinds = f" ({', '.join(one.kinds)})" if one.kinds else ""
        uses = [
            f"\n    {use.constraint or 'any version'} ({use.scope}) in {use.repository}:{use.path}:{use.line}"
            + (" does not allow it" if use.allows_provided is False else "")
            for use in one.uses
        ]
        yield inline(f"{one.ecosystem}:{one.name}{provided}{kinds}") + "".join(
            f"\n    {inline(use.strip())}" for use in uses
        )


def owners(found: schema.OwnersAnswer) -> Iterator[str]:
    """Yield owners."""
    for one in found.owners:
        yield inline(f"{one.owner or '(nobody)'}: {one.hits} hits in {', '.join(one.repositories)}")


def orphans(found: schema.OrphansAnswer) -> Iterator[str]:
    """Yield what nobody uses."""
    for title, things in (
        ("repository that nothing ties to others", found.repositories),
        ("package that no other repository uses", found.packages),
        ("endpoint that nobody calls", found.served),
        ("call that nobody serves", found.called),
    ):
        for thing in things:
            yield f"{title}: {name_of(thing)}"


def cycles(found: schema.CyclesAnswer) -> Iterator[str]:
    """Yield cycles with what shows them."""
    for cycle in found.cycles:
        names = [name_of(tie.source) for tie in cycle.ties]
        yield "\n    ".join([" -> ".join([*names, names[0]]), *map(tie_line, cycle.ties)])
