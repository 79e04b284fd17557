# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""All repositories that one kind of caller sees, tied together.

It is made of parts and of nothing else: what is not in a part is tied to nothing and counted nowhere. When a part
changes, its own imports are tied anew, and those of others that ask for a name that it offers now and did not before,
or the other way round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from conexus.edition import DependencyFacts
from conexus.types import Endpoint, EndpointSide, PackageKey, PackageProvided, PackageRequired, RepoId
from conexus.values import dataclass
from conexus_ee.graph_modules import Asked, Key, asked_of, files_meant, unaliased
from conexus_ee.graph_parts import NOWHERE, Hashes, Ints, Part
from conexus_ee.graph_routes import Routes

if TYPE_CHECKING:
    import rustworkx as rx

PackageId = tuple[str, str]
"""Ecosystem and name."""
_DECLARED, _NAMED, _ALONE = 0.95, 0.85, 0.7
"""How certain an import means what another repository offers: where a manifest requires it,
by the name of what is required alone, and where no manifest does."""
_SOURCES: Final = (".go", ".java", ".kt", ".scala", ".groovy", ".cs", ".swift")
"""Files that their folder stands for."""
_SURE: Final = frozenset({"go", "npm", "jvm", "cargo"})
"""Names that say whose they are."""


class Link(NamedTuple):
    """Imports of one repository that mean another one, as columns."""

    row: Ints
    """Of the imports of the part."""
    part: Ints
    """The other part."""
    file: Ints
    """The file there, or :data:`NOWHERE`."""
    confidence: npt.NDArray[np.float32]
    asked: Hashes
    """Hashes of all names that the imports ask for, in order."""


class Served(NamedTuple):
    """An endpoint of a part."""

    part: int
    place: int
    """In :attr:`Part.endpoints`."""


class Call(NamedTuple):
    """A call of an endpoint."""

    caller: Served
    confidence: float


@dataclass(eq=False)
class World:
    """Parts, and what ties them. Made by :func:`tied`."""

    parts: list[Part]
    facts: DependencyFacts
    offers: dict[Key, tuple[int, ...]]
    """Parts that offer a name."""
    links: list[Link]
    providers: dict[PackageId, list[tuple[int, int, PackageProvided]]]
    """Part, file of the manifest, and what it says."""
    requirers: dict[PackageId, list[tuple[int, int, PackageRequired]]]
    callers: dict[Served, list[Call]]
    unserved: list[Served]
    """Calls that nothing here serves."""
    number: dict[RepoId, int]
    _into: dict[int, list[int]] | None = None
    _graph: rx.PyDiGraph[int, float] | None = None
    _folders: dict[int, dict[str, list[int]]] = field(default_factory=dict)

    def into(self, part: int) -> list[int]:
        """Return the parts of which imports mean one."""
        if self._into is None:
            found: defaultdict[int, list[int]] = defaultdict(list)
            for source, link in enumerate(self.links):
                for target in np.unique(link.part).tolist():
                    found[target].append(source)
            self._into = dict(found)
        return self._into.get(part, [])

    def requires(self, part: int) -> Iterator[tuple[int, PackageRequired, int]]:
        """Yield what a part requires of others here: file, what it says, and the part that provides it."""
        for file, package in self.parts[part].required:
            for provider, _, _ in self.providers.get((package.ecosystem, package.name), ()):
                if provider != part:
                    yield file, package, provider

    def graph(self) -> rx.PyDiGraph[int, float]:
        """Return which repository depends on which; nodes are the numbers of parts."""
        if self._graph is None:
            import rustworkx as rx  # noqa: PLC0415 -- an extra

            graph: rx.PyDiGraph[int, float] = rx.PyDiGraph(multigraph=False)
            graph.add_nodes_from(list(range(len(self.parts))))
            graph.add_edges_from([(source, target, 1.0) for source, target in sorted(self._pairs())])
            self._graph = graph
        return self._graph

    def _pairs(self) -> set[tuple[int, int]]:
        found = {(source, target) for source in range(len(self.parts)) for _, _, target in self.requires(source)}
        for source, link in enumerate(self.links):
            found.update((source, target) for target in np.unique(link.part).tolist())
        for served, calls in self.callers.items():
            found.update((call.caller.part, served.part) for call in calls)
        return {pair for pair in found if pair[0] != pair[1]}

    def dependents(self, part: int) -> set[int]:
        """Return the parts that depend on one, be it through others."""
        import rustworkx as rx  # noqa: PLC0415 -- an extra

        return set(rx.ancestors(self.graph(), part))

    def dependencies(self, part: int) -> set[int]:
        """Return the parts that one depends on, be it through others."""
        import rustworkx as rx  # noqa: PLC0415 -- an extra

        return set(rx.descendants(self.graph(), part))

    def endpoint(self, served: Served) -> tuple[int, Endpoint]:
        """Return the file and the endpoint."""
        return self.parts[served.part].endpoints[served.place]

    def folders(self, part: int) -> dict[str, list[int]]:
        """Return the files of a part by folder."""
        if part not in self._folders:
            self._folders[part] = _by_folder(self.parts[part])
        return self._folders[part]


def tied(parts: Sequence[Part], facts: DependencyFacts, old: World | None = None) -> World:
    """Tie repositories together.

    Args:
        parts: One for each repository.
        facts: Where more of them is read on demand.
        old: What was tied before, of which is taken over what is still so.
    """
    offers: defaultdict[Key, list[int]] = defaultdict(list)
    providers: defaultdict[PackageId, list[tuple[int, int, PackageProvided]]] = defaultdict(list)
    requirers: defaultdict[PackageId, list[tuple[int, int, PackageRequired]]] = defaultdict(list)
    for number, part in enumerate(parts):
        for key in part.offers:
            offers[key].append(number)
        for file, one in part.provided:
            providers[one.ecosystem, one.name].append((number, file, one))
        for file, wanted in part.required:
            requirers[wanted.ecosystem, wanted.name].append((number, file, wanted))
    world = World(
        parts=list(parts),
        facts=facts,
        offers={key: tuple(found) for key, found in offers.items()},
        links=[],
        providers=dict(providers),
        requirers=dict(requirers),
        callers={},
        unserved=[],
        number={RepoId(part.repo): number for number, part in enumerate(parts)},
    )
    kept = {} if old is None else _kept_links(old, world)
    world.links = [kept[number] if number in kept else _linked(world, number) for number in range(len(parts))]
    _tie_calls(world)
    return world


def _tie_calls(world: World) -> None:
    served: list[tuple[Endpoint, Served]] = []
    calls: list[tuple[Endpoint, Served]] = []
    for number, part in enumerate(world.parts):
        for place, (_, endpoint) in enumerate(part.endpoints):
            one = (endpoint, Served(number, place))
            (served if endpoint.side is EndpointSide.SERVES else calls).append(one)
    routes = Routes(served)
    for endpoint, caller in calls:
        meant = routes.meant(endpoint)
        own = [one for one in meant if one[0].part == caller.part]
        whose = {one.part for one, _ in own or meant}  # a repository that serves it itself means its own
        for answering, confidence in own or meant:
            world.callers.setdefault(answering, []).append(Call(caller, confidence / len(whose)))
        if not meant:
            world.unserved.append(caller)


# ------------------------------------------------------------------------------ imports from elsewhere


def _kept_links(old: World, new: World) -> dict[int, Link]:
    """Return the links that are as they were, by the number of their part."""
    if [part.repo for part in old.parts] != [part.repo for part in new.parts]:
        return {}
    changed = {number for number, part in enumerate(new.parts) if part is not old.parts[number]}
    names: set[Key] = set()
    moved = set()
    for number in changed:
        before, now = old.parts[number], new.parts[number]
        if [one.key for _, one in before.provided] != [one.key for _, one in now.provided]:
            return {}  # what others require of it decides how certain their imports are
        if before.offers != now.offers or before.at.keys() != now.at.keys():
            names |= before.offers.keys() ^ now.offers.keys()
            moved.add(number)  # another file may be meant
    hashes = np.array(sorted(map(hash, names)), np.int64)
    return {
        number: link
        for number, link in enumerate(old.links)
        if number not in changed
        and not np.isin(hashes, link.asked).any()
        and not (moved and np.isin(link.part, list(moved)).any())
    }


def _linked(world: World, number: int) -> Link:
    """Tie the imports of a part to others."""
    part = world.parts[number]
    declared: dict[int, None] = {provider: None for _, _, provider in world.requires(number)}
    package_of = world.facts.packages_of({one.key for _, one in part.required})
    known: dict[tuple[str, int], list[tuple[int, int, float]]] = {}
    rows: list[tuple[int, int, int, float]] = []
    for row, (file, target) in enumerate(zip(part.import_file.tolist(), part.import_target.tolist(), strict=True)):
        asked = (part.languages[file], target)
        if asked not in known:
            written = unaliased(asked[0], part.targets[target], part.aliases)
            known[asked] = _meant(world, number, declared, asked[0], written) or _by_package(
                world, number, package_of(asked[0], written)
            )
        rows += [(row, *one) for one in known[asked]]
    keys = {
        hash(asked.key)
        for language, target in known
        for asked in asked_of(language, unaliased(language, part.targets[target], part.aliases))
    }
    columns = np.array(rows, np.float64).reshape(-1, 4)
    return Link(
        columns[:, 0].astype(np.int32),
        columns[:, 1].astype(np.int32),
        columns[:, 2].astype(np.int32),
        columns[:, 3].astype(np.float32),
        np.array(sorted(keys), np.int64),
    )


def _meant(
    world: World, number: int, declared: dict[int, None], language: str, target: str
) -> list[tuple[int, int, float]]:
    """Return what an import means elsewhere: part, file there, and how certain that is."""
    own = world.parts[number].offers
    for asked in asked_of(language, target):
        found = world.offers.get(asked.key, ())
        others = [one for one in found if one != number]
        mine = [one for one in others if one in declared]
        if not others or (asked.key in own and not mine):
            if asked.key in own:
                return []
            continue
        chosen = mine or others
        certain = _DECLARED if mine else 0.8 if asked.key[0] in _SURE else _ALONE
        return [(one, file, certain / len(chosen)) for one in chosen for file in _files(world, one, asked) or [NOWHERE]]
    return []


def _by_package(world: World, number: int, package: PackageKey | None) -> list[tuple[int, int, float]]:
    """Return the providers of a package that an import means by the rules of its ecosystem alone; no file is known."""
    if package is None:
        return []
    others = {one for one, _, _ in world.providers.get(package, ())} - {number}
    return [(one, NOWHERE, _NAMED / len(others)) for one in sorted(others)]


def _files(world: World, part: int, asked: Asked) -> list[int]:
    found = world.parts[part]
    return files_meant(asked, found.offers[asked.key], found.at, world.folders(part))


def _by_folder(part: Part) -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for number, path in enumerate(part.paths):
        if path.endswith(_SOURCES) and not part.tests[number]:
            found[path.rpartition("/")[0]].append(number)
    return dict(found)


def importing_package(world: World, part: Part, package: PackageId) -> list[int]:
    """Return the imports of a part, as rows, that mean a package which nobody here provides."""
    package_of = world.facts.packages_of({one.key for _, one in part.required})
    return [
        row
        for row, (file, target) in enumerate(zip(part.import_file.tolist(), part.import_target.tolist(), strict=True))
        for language in [part.languages[file]]
        if package_of(language, unaliased(language, part.targets[target], part.aliases)) == package
    ]


__all__ = ["Call", "Link", "PackageId", "Served", "World", "importing_package", "tied"]
