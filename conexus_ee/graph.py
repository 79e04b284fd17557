# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The dependency graph of all repositories. Implements ``conexus.edition.CrossGraph``.

Each kind of caller has a graph of their own, made of what they see; callers who see the same share one. Graphs are kept
between questions and changed where an index changed since the last one.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from conexus.edition import OWNERS_FILES, Entitlements, Sight, not_available
from conexus.errors import InvalidRequest
from conexus.types import (
    CyclesAnswer,
    DependenciesRequest,
    DependencyGraph,
    DriftAnswer,
    Feature,
    GraphEdge,
    GraphNode,
    GraphRequest,
    ImpactAnswer,
    ImpactHit,
    ImpactRequest,
    ImportGraph,
    IndexedView,
    IndexId,
    OrphansAnswer,
    OwnerImpact,
    OwnersAnswer,
    OwnersFile,
    PathAnswer,
    RepoId,
    RepositoryImpact,
    Thing,
    ThingKind,
)
from conexus_ee.graph_impact import Node, Walk, walk
from conexus_ee.graph_overview import cycles, dependencies, drift, evidence, orphans
from conexus_ee.graph_parts import NOWHERE, Part, code_of, read_part
from conexus_ee.graph_things import Names, packages_of
from conexus_ee.graph_world import World, tied
from conexus_ee.owners import is_readable, owners_of

_MAX_WORLDS: Final = 16
_MAX_BYTES: Final = 600 * 1024**2
"""Of parts; those of callers who asked longest ago are read anew when they ask again."""
_PATH_DEPTH: Final = 12
_PATH_FLOOR: Final = 0.02
_OWNED: Final = 5_000
_SHOWN_FILES: Final = 20


class LicensedGraph:
    """Answers questions about all repositories. Threads may share it.

    Args:
        entitlements: Says whether the graph may be used.
    """

    def __init__(self, entitlements: Entitlements) -> None:
        self._entitlements = entitlements
        self._mutex = threading.RLock()
        self._parts: OrderedDict[IndexId, Part] = OrderedDict()
        self._worlds: OrderedDict[tuple[IndexId, ...], World] = OrderedDict()

    # --------------------------------------------------------------------------- questions

    def across(self, sight: Sight, request: GraphRequest) -> ImportGraph:
        """Return which repository imports which; nodes are repositories."""
        world = self._world(sight)
        counts: Counter[tuple[int, int]] = Counter()
        for source, link in enumerate(world.links):
            files = world.parts[source].import_file[link.row]
            pairs = np.unique(np.column_stack((link.part, files, link.file)), axis=0)
            counts.update((source, int(target)) for target in pairs[:, 0])
        ties: Counter[int] = Counter()
        for (source, target), count in counts.items():
            ties[source] += count
            ties[target] += count
        shown = sorted(sorted(ties, key=lambda one: (-ties[one], world.parts[one].repo))[: request.limit])
        place = {number: at for at, number in enumerate(shown)}
        return ImportGraph(
            RepoId(request.root),
            "",
            tuple(GraphNode(world.parts[one].repo, len(world.parts[one].at)) for one in shown),
            tuple(
                GraphEdge(place[source], place[target], count)
                for (source, target), count in sorted(counts.items())
                if source in place and target in place
            ),
            len(world.parts),
            len(counts),
        )

    def dependencies(self, sight: Sight, request: DependenciesRequest) -> DependencyGraph:
        """Return which repository provides and requires which package, and which imports and calls which."""
        return dependencies(self._world(sight), request)

    def drift(self, sight: Sight, package: str, limit: int) -> DriftAnswer:
        """Return packages of which repositories ask for different versions."""
        world = self._world(sight)
        wanted = None
        if package:
            nodes = [node for node in Names(world).nodes(package) if isinstance(node.place, tuple)]
            if not nodes:
                raise InvalidRequest(f"{package!r} is no package", hint="name it as npm:react")
            wanted = {node.place for node in nodes if isinstance(node.place, tuple)}
        return drift(world, wanted, limit)

    def orphans(self, sight: Sight, limit: int) -> OrphansAnswer:
        """Return what nobody uses, and what is called and nobody serves."""
        return orphans(self._world(sight), limit)

    def cycles(self, sight: Sight, limit: int) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        return cycles(self._world(sight), limit)

    def related(self, sight: Sight, name: str, *, dependents: bool) -> frozenset[RepoId]:
        """Return the repositories that depend on one, or that it depends on, be it through others."""
        world = self._world(sight)
        names = Names(world)
        found: set[int] = set()
        for node in names.nodes(name):
            if isinstance(node.place, tuple):
                numbers = {number for number, _, _ in world.providers.get(node.place, ())}
                if dependents:
                    users = {number for number, _, _ in world.requirers.get(node.place, ())} - numbers
                    found |= users.union(*(world.dependents(one) for one in users))
            else:
                numbers = {node.part}
            for number in numbers:
                found |= world.dependents(number) if dependents else world.dependencies(number)
        return frozenset(RepoId(world.parts[number].repo) for number in found)

    def path(self, sight: Sight, source: str, target: str) -> PathAnswer:
        """Return how one thing depends on another by the fewest steps; where it does not, the other way round."""
        world = self._world(sight)
        names = Names(world)
        one, other = names.nodes(source), names.nodes(target)
        names.prepare([one[0], other[0]])
        for first, last, swapped in ((one, other, False), (other, one, True)):
            if found := _path(world, names, first, last, sight):
                return replace(found, swapped=swapped)
        return PathAnswer(names.thing(one[0]), names.thing(other[0]), ())

    def impact(self, sight: Sight, request: ImpactRequest) -> ImpactAnswer:
        """Return what a change may break."""
        world = self._world(sight)
        names = Names(world)
        changed, notices = self._changed(world, names, request)
        starts = [one for node in changed for one in _starts(world, node)]
        found = walk(world, starts, request.depth, request.min_confidence, check=sight.check)
        hits = _hits(world, found, changed, elsewhere=request.elsewhere)
        shown = hits[: request.limit]
        names.prepare(
            [*changed[:_SHOWN_FILES], *(node for one in shown for step in found.path(one) for node in step[1:3])]
        )
        owners = _Owners(world)
        answer = []
        for node in shown:
            reached, thing = found.reached[node], names.thing(node)
            ties = tuple(names.tie(step) for step in found.path(node))
            confidence = round(reached.confidence, 3)
            answer.append(ImpactHit(thing, reached.depth, confidence, ties, owners.of(node.part, thing.path)))
        if not found.complete:
            notices.append("there is more behind these: raise the depth")
        if len(hits) > len(shown):
            notices.append(f"{len(shown):,} of {len(hits):,} hits are shown: raise the limit")
        return ImpactAnswer(
            tuple(names.thing(node) for node in changed[:_SHOWN_FILES]),
            tuple(answer),
            tuple(_by_repository(world, found, hits, owners)),
            len(hits),
            found.complete and len(hits) == len(shown),
            tuple(notices),
        )

    def owners(self, sight: Sight, request: ImpactRequest) -> OwnersAnswer:
        """Return who has to hear of a change: the owners of what it may break, and of what is changed."""
        answer = self.impact(sight, replace(request, limit=_OWNED))
        by_owner: dict[str, dict[tuple[RepoId, str], Thing]] = {}
        counts: Counter[str] = Counter()
        for hit in answer.hits:
            place = Thing(ThingKind.FILE, hit.thing.path, hit.thing.repo, hit.thing.root, hit.thing.path)
            for owner in hit.owners or ("",):
                counts[owner] += 1
                files = by_owner.setdefault(owner, {})
                if hit.thing.path:
                    files.setdefault((hit.thing.repo, hit.thing.path), place)
        ordered = sorted(counts, key=lambda owner: (not owner, -counts[owner], owner))
        repos = {owner: {hit.thing.repo for hit in answer.hits if owner in (hit.owners or ("",))} for owner in ordered}
        found = [
            OwnerImpact(
                owner,
                counts[owner],
                tuple(sorted(repos[owner])),
                tuple(list(by_owner[owner].values())[:_SHOWN_FILES]),
            )
            for owner in ordered
        ]
        return OwnersAnswer(
            answer.changed, tuple(found[: request.limit]), answer.total, answer.complete, answer.notices
        )

    def _changed(self, world: World, names: Names, request: ImpactRequest) -> tuple[list[Node], list[str]]:
        if bool(request.targets) == bool(request.diff):
            raise InvalidRequest("give either what changes by name, or a diff", details={"field": "targets"})
        if request.targets:
            found = dict.fromkeys(node for name in request.targets for node in names.nodes(name, request.repo))
            return list(found), []
        number = None if request.repo is None else world.number.get(request.repo)
        if number is None:
            raise InvalidRequest("a diff needs the repository that it is of", details={"field": "repository"})
        nodes, notes = names.changed(request.diff, number)
        return nodes, notes

    # --------------------------------------------------------------------------- worlds

    def _world(self, sight: Sight) -> World:
        """Return the graph of what a caller sees, as it is now.

        Raises:
            FeatureNotAvailable: The licence is over, or does not include it.
        """
        if not self._entitlements.has(Feature.CROSS_REPOSITORY_GRAPH):
            raise not_available(self._entitlements, Feature.CROSS_REPOSITORY_GRAPH)
        views = _one_each(sight.views)
        with self._mutex:
            states = sight.facts.states([view.live.id for view in views if view.live is not None])
            parts = [part for view in views if (part := self._part(view, states, sight)) is not None]
            key = tuple(part.index.id for part in parts)
            old = self._worlds.pop(key, None)
            same = old is not None and len(old.parts) == len(parts)
            if old is not None and same and all(one is two for one, two in zip(old.parts, parts, strict=True)):
                world = old
            else:
                world = tied(parts, sight.facts, old)
            self._worlds[key] = world
            self._forget()
            return world

    def _part(self, view: IndexedView, states: dict[IndexId, str], sight: Sight) -> Part | None:
        index = view.live
        if index is None or index.id not in states:
            return None
        old = self._parts.pop(index.id, None)
        if old is None or old.state != states[index.id]:
            sight.check()
            old = read_part(view, index, states[index.id], sight.facts, old)
        elif old.view != view:
            old = replace(old, view=view)
        self._parts[index.id] = old
        return old

    def _forget(self) -> None:
        while len(self._worlds) > _MAX_WORLDS:
            self._worlds.popitem(last=False)
        total = sum(part.size_bytes for part in self._parts.values())
        used = {id(part) for world in list(self._worlds.values())[-1:] for part in world.parts}
        for index, part in list(self._parts.items()):
            if total <= _MAX_BYTES:
                break
            if id(part) not in used:
                total -= self._parts.pop(index).size_bytes
        kept = {id(part) for part in self._parts.values()}
        for key, world in list(self._worlds.items()):
            if not all(id(part) in kept for part in world.parts):
                del self._worlds[key]  # it would hold on to what was dropped


def _one_each(views: Sequence[IndexedView]) -> list[IndexedView]:
    """Return one working tree of each repository: that of the first path."""
    found: dict[str, IndexedView] = {}
    for view in sorted(views, key=lambda view: str(view.root)):
        if not view.ref and view.live is not None:
            found.setdefault(view.repo, view)
    return [found[repo] for repo in sorted(found)]


def _starts(world: World, node: Node) -> list[Node]:
    """Return what changes with a thing: of a file what it defines, of a repository what others see of it."""
    if node.kind is ThingKind.FILE and isinstance(node.place, int):
        code = code_of(world.parts[node.part], world.facts)
        symbols = [symbol for symbol in code.of_file(node.place) if code.holds[symbol]]
        packages = packages_of(world.parts[node.part], node.place)  # which a manifest stands for
        return [node, *packages, *(Node(ThingKind.SYMBOL, node.part, symbol) for symbol in symbols)]
    if node.kind is ThingKind.REPOSITORY:
        part = world.parts[node.part]
        packages = [Node(ThingKind.PACKAGE, NOWHERE, (one.ecosystem, one.name)) for _, one in part.provided]
        served = [Node(ThingKind.ENDPOINT, one.part, one.place) for one in world.callers if one.part == node.part]
        files = {
            int(file)
            for source in world.into(node.part)
            for file in np.unique(world.links[source].file[world.links[source].part == node.part])
            if file != NOWHERE
        }
        return [node, *packages, *served, *(Node(ThingKind.FILE, node.part, file) for file in sorted(files))]
    return [node]


def _hits(world: World, found: Walk, changed: Sequence[Node], *, elsewhere: bool) -> list[Node]:
    """Return what was reached, direct ones first, without files of which a definition was reached as directly."""
    own_files = {(node.part, node.place) for node in changed if node.kind is ThingKind.FILE}
    own_parts = {node.part for node in found.starts if node.part != NOWHERE}
    nearest: dict[tuple[int, int], int] = {}
    place: dict[Node, tuple[int, int]] = {}
    for node, reached in found.reached.items():
        if node.kind is ThingKind.SYMBOL and isinstance(node.place, int):
            at = (node.part, int(code_of(world.parts[node.part], world.facts).file[node.place]))
            place[node] = at
            nearest[at] = min(nearest.get(at, reached.depth), reached.depth)
    kept = []
    for node, reached in found.reached.items():
        at = place.get(node, (node.part, node.place) if isinstance(node.place, int) else (NOWHERE, 0))
        if node.kind is ThingKind.FILE and nearest.get(at, reached.depth + 1) <= reached.depth:
            continue
        if (node.kind in {ThingKind.FILE, ThingKind.SYMBOL} and at in own_files) or (
            elsewhere and node.part in own_parts
        ):
            continue
        kept.append(node)

    def order(node: Node) -> tuple[int, float, str, str, int]:
        reached = found.reached[node]
        at = place.get(node, (node.part, node.place))
        part = world.parts[node.part] if node.part != NOWHERE else None
        path = (
            part.paths[at[1]]
            if part is not None
            and node.kind is not ThingKind.REPOSITORY
            and isinstance(at[1], int)
            and node.kind is not ThingKind.ENDPOINT
            else ""
        )
        number = node.place if isinstance(node.place, int) else 0
        return (reached.depth, -round(reached.confidence, 3), part.repo if part is not None else "", path, number)

    return sorted(kept, key=order)


def _by_repository(world: World, found: Walk, hits: Sequence[Node], owners: _Owners) -> Iterator[RepositoryImpact]:
    counts = Counter(node.part for node in hits if node.part != NOWHERE)
    direct = Counter(node.part for node in hits if found.reached[node].depth == 1)
    for number, count in sorted(counts.items(), key=lambda one: (-one[1], world.parts[one[0]].repo)):
        paths = {path for node in hits if node.part == number and (path := _path_of(world, node))}
        whose = sorted({owner for path in paths for owner in owners.of(number, path)})
        yield RepositoryImpact(RepoId(world.parts[number].repo), count, direct[number], tuple(whose))


def _path_of(world: World, node: Node) -> str:
    part = world.parts[node.part]
    match node.kind:
        case ThingKind.FILE if isinstance(node.place, int):
            return part.paths[node.place]
        case ThingKind.SYMBOL if isinstance(node.place, int):
            return part.paths[int(code_of(part, world.facts).file[node.place])]
        case ThingKind.ENDPOINT if isinstance(node.place, int):
            return part.paths[part.endpoints[node.place][0]]
        case _:
            return ""


def _path(
    world: World, names: Names, sources: Sequence[Node], targets: Sequence[Node], sight: Sight
) -> PathAnswer | None:
    """Return how one thing depends on another, if it does."""
    first, last = sources[0], targets[0]
    if first.kind is last.kind is ThingKind.REPOSITORY:
        import rustworkx as rx  # noqa: PLC0415 -- an extra

        found = rx.digraph_dijkstra_shortest_paths(world.graph(), first.part, last.part, weight_fn=float)
        if last.part not in found:
            return None
        route = list(found[last.part])
        ties = tuple(evidence(world, names, *pair) for pair in pairwise(route))
        return PathAnswer(names.thing(first), names.thing(last), ties)
    wanted = set(sources)
    whole = {node.part for node in sources if node.kind is ThingKind.REPOSITORY}
    files = {(node.part, node.place) for node in sources if node.kind is ThingKind.FILE}

    def is_goal(node: Node) -> bool:
        return (
            node in wanted
            or node.part in whole
            or (bool(files) and node.kind is ThingKind.SYMBOL and _file(world, node) in files)
        )

    starts = [one for node in targets for one in _starts(world, node)]
    reached = walk(world, starts, _PATH_DEPTH, _PATH_FLOOR, is_goal, sight.check)
    goals = [node for node in reached.reached if is_goal(node)]
    if not goals:
        return None
    best = min(goals, key=lambda node: (reached.reached[node].depth, -reached.reached[node].confidence))
    steps = reached.path(best)
    names.prepare([node for step in steps for node in step[1:3]])
    return PathAnswer(names.thing(first), names.thing(last), tuple(names.tie(step) for step in reversed(steps)))


def _file(world: World, node: Node) -> tuple[int, int]:
    code = code_of(world.parts[node.part], world.facts)
    return (node.part, int(code.file[node.place])) if isinstance(node.place, int) else (NOWHERE, NOWHERE)


class _Owners:
    """Who owns files, by the CODEOWNERS that the caller sees."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._files: dict[int, OwnersFile] = {}
        self._known: dict[tuple[int, str], tuple[str, ...]] = {}

    def of(self, number: int, path: str) -> tuple[str, ...]:
        """Return the owners of a file."""
        if number == NOWHERE or not path:
            return ()
        if (number, path) not in self._known:
            found = owners_of(self._file(number), [path]).get(path, frozenset())
            self._known[number, path] = tuple(sorted(found))
        return self._known[number, path]

    def _file(self, number: int) -> OwnersFile:
        if number not in self._files:
            part = self._world.parts[number]
            name = next((one for one in OWNERS_FILES if one in part.at), None)
            found = OwnersFile() if name is None else OwnersFile(name, self._world.facts.text(part.view, name))
            self._files[number] = found if is_readable(found) else OwnersFile()
        return self._files[number]


__all__ = ["LicensedGraph"]
