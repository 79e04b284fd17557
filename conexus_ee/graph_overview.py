# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Answers about the graph as a whole: what depends on what, versions that drift, orphans, cycles."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias

import numpy as np

from conexus.types import (
    CyclesAnswer,
    DependenciesRequest,
    DependencyEdge,
    DependencyGraph,
    DependencyNode,
    DependencyScope,
    DriftAnswer,
    DriftKind,
    EndpointSide,
    OrphansAnswer,
    PackageDrift,
    PackageUse,
    RepoId,
    Thing,
    ThingKind,
    Tie,
    TieKind,
)
from conexus_ee.graph_impact import Node, Step
from conexus_ee.graph_parts import NOWHERE, ties_of
from conexus_ee.graph_things import Names
from conexus_ee.graph_world import PackageId, Served, World
from conexus_ee.versions import allows, newest, same

_MOST_CYCLES: Final = 10_000
"""Edges of which the cycle is looked for."""


# ------------------------------------------------------------------------------ what depends on what


_Found: TypeAlias = tuple[tuple[Node, Node, TieKind, str], Step]


class _Edges:
    """Edges of an answer, alike ones as one."""

    def __init__(self) -> None:
        self.found: dict[tuple[Node, Node, TieKind, str], Step] = {}

    def add(self, step: Step, scope: str = "") -> None:
        """Add a tie; of alike ones the first place is shown."""
        key = (step.source, step.target, step.kind, scope)
        known = self.found.get(key)
        self.found[key] = step if known is None else known._replace(places=known.places + step.places)


def dependencies(world: World, request: DependenciesRequest) -> DependencyGraph:
    """Return which repository provides and requires which package, and which imports and calls which."""
    edges = _Edges()
    for number in range(len(world.parts)):
        _add_packages(world, number, request, edges)
        _add_imports(world, number, request, edges)
    if request.ecosystems is None and request.scopes is None:
        _add_calls(world, edges)
    wanted = None if request.repos is None else {world.number[repo] for repo in request.repos if repo in world.number}
    found = [(key, step) for key, step in edges.found.items() if wanted is None or _touches(world, step, wanted)]
    found.sort(key=lambda one: (one[1].kind is not TieKind.PROVIDES, -one[1].places))
    shown = _weightiest(found, request.limit)
    repositories = [
        Node(ThingKind.REPOSITORY, number, 0)
        for number in range(len(world.parts))
        if wanted is None or number in wanted
    ]
    nodes = dict.fromkeys([*repositories, *(node for _, step in shown for node in (step.source, step.target))])
    place = {node: number for number, node in enumerate(nodes)}
    every = set(repositories) | {node for _, step in found for node in (step.source, step.target)}
    incoming: Counter[Node] = Counter(step.target for _, step in found)
    outgoing: Counter[Node] = Counter(step.source for _, step in found)
    names = Names(world)
    return DependencyGraph(
        tuple(_node(world, names, node, incoming[node], outgoing[node]) for node in nodes),
        tuple(_edge(world, place, key[3], step) for key, step in shown),
        len(every),
        len(found),
    )


def _weightiest(found: Sequence[_Found], limit: int) -> list[_Found]:
    """Return what is shown of too many edges, in their order.

    Repositories take turns, and so do the kinds of edges within each, those of most places first. Who provides a
    package comes with the edges that require it; what else is provided comes last.
    """
    provided: defaultdict[Node, list[int]] = defaultdict(list)
    ties: list[tuple[int, int, int]] = []
    of_kind: Counter[tuple[int, TieKind]] = Counter()
    for place, (_, step) in enumerate(found):
        if step.kind is TieKind.PROVIDES:
            provided[step.source].append(place)
            continue
        ties.append((of_kind[step.part, step.kind], -step.places, place))
        of_kind[step.part, step.kind] += 1
    turns: list[tuple[int, int, int]] = []
    of_part: Counter[int] = Counter()
    for _, weight, place in sorted(ties):
        part = found[place][1].part
        turns.append((of_part[part], weight, place))
        of_part[part] += 1
    order: dict[int, None] = {}
    for _, _, place in sorted(turns):
        order |= dict.fromkeys([place, *provided.get(found[place][1].target, ())])
    order |= dict.fromkeys(place for places in provided.values() for place in places)
    return [found[place] for place in sorted(islice(order, limit))]


def _touches(world: World, step: Step, wanted: Collection[int]) -> bool:
    if step.source.part in wanted or step.target.part in wanted:
        return True
    packages = [node.place for node in (step.source, step.target) if isinstance(node.place, tuple)]
    return any(number in wanted for package in packages for number, _, _ in world.providers.get(package, ()))


def _node(world: World, names: Names, node: Node, incoming: int, outgoing: int) -> DependencyNode:
    version = ""
    if isinstance(node.place, tuple):
        version = next((one.version for _, _, one in world.providers.get(node.place, ()) if one.version), "")
    elif node.kind is ThingKind.REPOSITORY:
        incoming, outgoing = world.graph().in_degree(node.part), world.graph().out_degree(node.part)
    return DependencyNode(names.thing(node), version, incoming, outgoing)


def _edge(world: World, place: dict[Node, int], scope: str, step: Step) -> DependencyEdge:
    path = world.parts[step.part].paths[step.file] if step.part != NOWHERE else ""
    return DependencyEdge(
        place[step.source],
        place[step.target],
        step.kind,
        step.places,
        round(step.confidence, 3),
        scope,
        step.detail,
        path,
        step.line,
    )


def _add_packages(world: World, number: int, request: DependenciesRequest, edges: _Edges) -> None:
    part = world.parts[number]
    home = Node(ThingKind.REPOSITORY, number, 0)
    for file, one in part.provided:
        if request.ecosystems is None or one.ecosystem in request.ecosystems:
            package = Node(ThingKind.PACKAGE, NOWHERE, (one.ecosystem, one.name))
            edges.add(Step(TieKind.PROVIDES, package, home, number, file, one.line, 1.0, one.version))
    for file, wanted in part.required:
        key = (wanted.ecosystem, wanted.name)
        providers = {provider for provider, _, _ in world.providers.get(key, ())}
        if (
            (request.external or providers - {number})
            and number not in providers
            and (request.ecosystems is None or wanted.ecosystem in request.ecosystems)
            and (request.scopes is None or wanted.scope in request.scopes)
        ):
            package = Node(ThingKind.PACKAGE, NOWHERE, key)
            step = Step(TieKind.REQUIRES, home, package, number, file, wanted.line, 1.0, wanted.constraint)
            edges.add(step, wanted.scope)


def _add_imports(world: World, number: int, request: DependenciesRequest, edges: _Edges) -> None:
    if request.ecosystems is not None or request.scopes is not None:
        return
    part, link = world.parts[number], world.links[number]
    home = Node(ThingKind.REPOSITORY, number, 0)
    seen: set[tuple[int, int, int]] = set()
    for row, target, meant, certain in zip(
        link.row.tolist(), link.part.tolist(), link.file.tolist(), link.confidence.tolist(), strict=True
    ):
        file, line = int(part.import_file[row]), int(part.import_line[row])
        if (file, target, meant) in seen:
            continue
        seen.add((file, target, meant))
        detail = part.targets[part.import_target[row]]
        other = Node(ThingKind.REPOSITORY, target, 0)
        if request.files:
            source = Node(ThingKind.FILE, number, file)
            other = other if meant == NOWHERE else Node(ThingKind.FILE, target, meant)
            edges.add(Step(TieKind.IMPORTS, source, other, number, file, line, certain, detail))
        else:
            edges.add(Step(TieKind.IMPORTS, home, other, number, file, line, certain, detail))
    if request.files:
        ties = ties_of(part, world.facts)
        for file, meant in zip(ties.file.tolist(), ties.meant.tolist(), strict=True):
            source, target_node = Node(ThingKind.FILE, number, file), Node(ThingKind.FILE, number, meant)
            edges.add(Step(TieKind.IMPORTS, source, target_node, number, file, 0, 0.9))


def _add_calls(world: World, edges: _Edges) -> None:
    for served, calls in world.callers.items():
        for caller, confidence in calls:
            if caller.part != served.part:
                file, endpoint = world.endpoint(caller)
                step = Step(
                    TieKind.CALLS,
                    Node(ThingKind.REPOSITORY, caller.part, 0),
                    Node(ThingKind.REPOSITORY, served.part, 0),
                    caller.part,
                    file,
                    endpoint.line,
                    confidence,
                    f"{endpoint.method} {endpoint.path}",
                )
                edges.add(step)


def evidence(world: World, names: Names, source: int, target: int) -> Tie:
    """Return the best of what shows that a repository depends on another."""
    one, other = Node(ThingKind.REPOSITORY, source, 0), Node(ThingKind.REPOSITORY, target, 0)
    for file, wanted, provider in world.requires(source):
        if provider == target:
            detail = f"{wanted.ecosystem}:{wanted.name} {wanted.constraint or 'any version'} ({wanted.scope})"
            return names.tie(Step(TieKind.REQUIRES, one, other, source, file, wanted.line, 1.0, detail))
    part, link = world.parts[source], world.links[source]
    rows = np.flatnonzero(link.part == target)
    if len(rows):
        best = rows[np.argmax(link.confidence[rows])]
        row = int(link.row[best])
        file, line = int(part.import_file[row]), int(part.import_line[row])
        detail = part.targets[part.import_target[row]]
        count = len(np.unique(part.import_file[link.row[rows]]))
        return names.tie(
            Step(TieKind.IMPORTS, one, other, source, file, line, float(link.confidence[best]), detail, count)
        )
    for served, calls in world.callers.items():
        for caller, confidence in calls:
            if served.part == target and caller.part == source:
                file, endpoint = world.endpoint(caller)
                detail = f"{endpoint.method} {endpoint.path}"
                return names.tie(Step(TieKind.CALLS, one, other, source, file, endpoint.line, confidence, detail))
    raise RuntimeError(f"nothing shows that {source} depends on {target}")


# ------------------------------------------------------------------------------ versions


def drift(world: World, packages: Collection[PackageId] | None, limit: int) -> DriftAnswer:
    """Return packages of which repositories ask for different versions.

    Args:
        world: The graph.
        packages: Those that are asked for, which are told of also where all agree; all that differ where ``None``.
        limit: Most packages.
    """
    wanted = sorted(world.requirers.keys() | world.providers.keys() if packages is None else packages)
    found = [one for package in wanted if (one := _drift_of(world, package)) is not None]
    if packages is None:
        found = [one for one in found if one.kinds]
    found.sort(
        key=lambda one: (DriftKind.BEHIND not in one.kinds, -len(one.kinds), -len(one.uses), one.ecosystem, one.name)
    )
    return DriftAnswer(tuple(found[:limit]), len(found))


def _drift_of(world: World, package: PackageId) -> PackageDrift | None:
    ecosystem, name = package
    provided = world.providers.get(package, [])
    providers = {number for number, _, _ in provided}
    version = newest(ecosystem, [one.version for _, _, one in provided if one.version])
    uses: dict[tuple[int, str, str], PackageUse] = {}
    for number, file, wanted in world.requirers.get(package, ()):
        if number in providers:
            continue  # its own parts require each other
        part = world.parts[number]
        allowed = allows(ecosystem, wanted.constraint, version) if wanted.scope != DependencyScope.LOCKED else None
        uses.setdefault(
            (number, wanted.constraint, wanted.scope),
            PackageUse(
                RepoId(part.repo),
                str(part.view.root),
                part.paths[file],
                wanted.line,
                wanted.constraint,
                str(wanted.scope),
                allowed,
            ),
        )
    if not uses and not provided:
        return None
    names = Names(world)
    return PackageDrift(
        str(ecosystem),
        name,
        tuple(names.thing(Node(ThingKind.REPOSITORY, number, 0)) for number in sorted(providers)),
        version,
        tuple(_kinds(ecosystem, list(uses.values()))),
        tuple(sorted(uses.values(), key=lambda use: (use.repo, use.path, use.line))),
    )


def _kinds(ecosystem: str, uses: list[PackageUse]) -> Iterator[DriftKind]:
    locked = [use for use in uses if use.scope == DependencyScope.LOCKED]
    asked = [use for use in uses if use.scope != DependencyScope.LOCKED]
    for kind, some in ((DriftKind.CONSTRAINTS, asked), (DriftKind.LOCKED, locked)):
        by_repo = {use.repo for use in some}
        if len(by_repo) > 1 and any(not same(ecosystem, some[0].constraint, one.constraint) for one in some[1:]):
            yield kind
    if any(use.allows_provided is False for use in asked):
        yield DriftKind.BEHIND


# ------------------------------------------------------------------------------ orphans and cycles


def orphans(world: World, limit: int) -> OrphansAnswer:
    """Return what nobody uses, and what is called and nobody serves."""
    names, graph = Names(world), world.graph()
    alone = [number for number in range(len(world.parts)) if not graph.in_degree(number) + graph.out_degree(number)]
    packages = [
        package
        for package, provided in sorted(world.providers.items())
        if not {number for number, _, _ in world.requirers.get(package, ())} - {number for number, _, _ in provided}
        and not any(world.into(number) for number, _, _ in provided)
    ]
    served = [
        Served(number, place)
        for number, part in enumerate(world.parts)
        for place, (file, endpoint) in enumerate(part.endpoints)
        if endpoint.side is EndpointSide.SERVES and not part.tests[file] and Served(number, place) not in world.callers
    ]
    called = [one for one in world.unserved if not world.parts[one.part].tests[world.endpoint(one)[0]]]

    def endpoints(found: list[Served]) -> tuple[Thing, ...]:
        return tuple(names.thing(Node(ThingKind.ENDPOINT, one.part, one.place)) for one in found[:limit])

    return OrphansAnswer(
        tuple(names.thing(Node(ThingKind.REPOSITORY, number, 0)) for number in alone[:limit]),
        tuple(names.thing(Node(ThingKind.PACKAGE, NOWHERE, package)) for package in packages[:limit]),
        endpoints(served),
        endpoints(called),
    )


def cycles(world: World, limit: int) -> CyclesAnswer:
    """Return repositories that depend on each other: of each dependency within a cycle the shortest one."""
    import rustworkx as rx  # noqa: PLC0415 -- an extra

    graph, names = world.graph(), Names(world)
    found: dict[tuple[int, ...], None] = {}
    looked_at = 0
    for group in rx.strongly_connected_components(graph):
        if len(group) < 2:  # noqa: PLR2004 -- one alone is no cycle
            continue
        inside = graph.subgraph(sorted(group))
        for source, target in sorted(inside.edge_list()):
            looked_at += 1
            if looked_at > _MOST_CYCLES:
                break
            back = rx.digraph_dijkstra_shortest_paths(inside, target, source, weight_fn=float)[source]
            cycle = [inside[node] for node in back]
            first = cycle.index(min(cycle))
            found[tuple(cycle[first:] + cycle[:first])] = None
    ordered = sorted(found, key=lambda cycle: (len(cycle), [world.parts[one].repo for one in cycle]))
    return CyclesAnswer(
        tuple(
            tuple(evidence(world, names, *pair) for pair in zip(cycle, (*cycle[1:], cycle[0]), strict=True))
            for cycle in ordered[:limit]
        ),
        len(ordered),
    )


__all__ = ["cycles", "dependencies", "drift", "evidence", "orphans"]
