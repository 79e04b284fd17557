# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Follows dependencies backwards: what uses a thing, what uses that, and so on, with the path that shows it.

A name alone does not say what is meant. Each step has a confidence: a use in a file that imports the file of the
definition is nearly certain, one of a name that a single file of the repository defines is likely, and one of a name
that many define says nothing. The confidence of a path is the product of those of its steps.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import field
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from conexus.types import EndpointSide, ThingKind, TieKind
from conexus.values import dataclass
from conexus_ee.graph_parts import NOWHERE, Code, Ints, Part, code_of, ties_of
from conexus_ee.graph_world import PackageId, Served, World, importing_package

_SAME_FILE, _IMPORTED, _BY_FOLDER = 0.95, 0.9, 0.85
_ALONE = 0.6
"""Of a use whose name a single file of the repository defines, without an import that shows it."""
_MOST_DEFINING: Final = 4
_ELSEWHERE: Final = 0.8
"""Of a use in a file that imports the repository and not the very file of the definition."""
_PASSED_ON: Final = 0.8
"""How likely a repository passes on what a package that it requires breaks."""
_HANDLED: Final = 0.95
_OF_FOLDER: Final = frozenset({"go", "java", "kotlin", "scala", "csharp", "swift"})
"""Languages in which the files of a folder see each other."""
_STANDS_FOR_FOLDER: Final = frozenset({"__init__", "index", "mod", "lib"})
_DECORATED: Final = 4
"""Lines between a route and the definition that serves it."""
_MOST_VISITED: Final = 20_000
_MOST_USES: Final = 20_000
"""Of one name in one repository; beyond it is a word and no name."""


class Node(NamedTuple):
    """A thing, by numbers."""

    kind: ThingKind
    part: int
    """:data:`NOWHERE` for a package."""
    place: int | PackageId
    """Number of the file or definition, place of the endpoint, 0 for a repository; of a package its name."""


class Step(NamedTuple):
    """One thing depends on another."""

    kind: TieKind
    source: Node
    """What depends."""
    target: Node
    part: int
    """Where the place is that shows it; :data:`NOWHERE` where none does."""
    file: int
    line: int
    confidence: float
    detail: str = ""
    places: int = 1


class Reached(NamedTuple):
    """How a node was reached."""

    depth: int
    confidence: float
    steps: tuple[Step, ...]
    """The last ones: more than one where what lies between counts for no step of its own."""


@dataclass(eq=False)
class Walk:
    """What was reached from where a change is."""

    starts: dict[Node, None]
    reached: dict[Node, Reached] = field(default_factory=dict)
    complete: bool = True

    def path(self, node: Node) -> list[Step]:
        """Return the steps from what is changed to a node."""
        steps: list[Step] = []
        while node in self.reached:
            last = self.reached[node].steps
            steps = [*last, *steps]
            node = last[0].target
        return steps


def walk(
    world: World,
    starts: Collection[Node],
    depth: int,
    floor: float,
    goal: Callable[[Node], bool] = lambda _: False,
    check: Callable[[], None] = lambda: None,
) -> Walk:
    """Return everything that depends on some things.

    Args:
        world: The graph.
        starts: What is changed.
        depth: Most steps.
        floor: Paths of less confidence are not followed.
        goal: Where to stop, if a node is met.
        check: Raises where nobody waits for the answer any more.
    """
    found = Walk(dict.fromkeys(starts))
    layer = dict.fromkeys(starts, 1.0)
    for distance in range(1, depth + 1):
        following: dict[Node, Reached] = {}
        for node, certain in layer.items():
            check()
            for steps in users(world, node, floor / certain):
                other, confidence = steps[-1].source, certain
                for step in steps:
                    confidence *= step.confidence
                if confidence < floor or other in found.starts or other in found.reached:
                    continue
                known = following.get(other)
                if known is None or known.confidence < confidence:
                    following[other] = Reached(distance, confidence, steps)
        found.reached |= following
        if any(goal(node) for node in following):
            return found
        if len(found.reached) > _MOST_VISITED:
            found.complete = False
            return found
        layer = {
            node: one.confidence for node, one in following.items() if not _only_imports(world, node, one.steps[-1])
        }
        if not layer:
            return found
    found.complete = not any(next(users(world, node, floor / certain), None) for node, certain in layer.items())
    return found


def _only_imports(world: World, node: Node, step: Step) -> bool:
    """Whether a file was reached by what it imports of a thing alone: then those that import the file are not hit."""
    if node.kind is not ThingKind.FILE or step.kind is not TieKind.REFERENCES:
        return False
    part = world.parts[node.part]
    return bool(np.any((part.import_file == step.file) & (part.import_line == step.line)))


def users(world: World, node: Node, floor: float) -> Iterator[tuple[Step, ...]]:
    """Yield what depends on a thing directly: the step, or steps that count as one."""
    match node.kind:
        case ThingKind.SYMBOL:
            yield from _of_symbol(world, node, floor)
        case ThingKind.FILE:
            yield from _of_file(world, node)
        case ThingKind.ENDPOINT:
            yield from _of_endpoint(world, node)
        case ThingKind.PACKAGE:
            yield from _of_package(world, node)
        case ThingKind.REPOSITORY:
            yield from _of_repository(world, node)


# ------------------------------------------------------------------------------ definitions


def _of_symbol(world: World, node: Node, floor: float) -> Iterator[tuple[Step, ...]]:
    number, symbol = node.part, _int(node.place)
    part = world.parts[number]
    code = code_of(part, world.facts)
    file = int(code.file[symbol])
    for place in served_by(world, number, symbol):
        served = Node(ThingKind.ENDPOINT, number, place)
        yield (Step(TieKind.CONTAINS, served, node, number, file, part.endpoints[place][1].line, _HANDLED),)
    yield from _users_within(world, node, floor)
    name = int(code.name[symbol])
    others = len(np.unique(code.file[code.defined(name)]))
    for source in world.into(number):
        yield from _users_elsewhere(world, node, source, (name, file, others), floor)


def _users_within(world: World, node: Node, floor: float) -> Iterator[tuple[Step, ...]]:
    """Yield the uses in the repository that the definition is of."""
    number, symbol = node.part, _int(node.place)
    part = world.parts[number]
    code = code_of(part, world.facts)
    name, file = int(code.name[symbol]), int(code.file[symbol])
    rows = code.uses(name)
    if rows.stop == rows.start or rows.stop - rows.start > _MOST_USES:
        return
    files, lines = code.use_file[rows], code.use_line[rows]
    defined = code.defined(name)
    defining = np.unique(code.file[defined])
    likely = _ALONE / len(defining) if len(defining) <= _MOST_DEFINING else 0.0
    confidence = np.full(len(files), likely)
    near = seen_by(world, number, file)
    other = np.unique(
        np.concatenate(
            [np.empty(0, np.int32), *(_with_importers(world, number, int(one)) for one in defining if one != file)]
        )
    )
    confidence[np.isin(files, other)] = 0.0  # another definition is nearer
    if part.languages[file] in _OF_FOLDER:
        folder = part.paths[file].rpartition("/")[0]
        beside = np.array(world.folders(number).get(folder, ()), np.int32)
        confidence[np.isin(files, beside)] = _BY_FOLDER / max(1, int(np.isin(defining, beside).sum()))
    shared = np.isin(files, other)
    imported = np.isin(files, near)
    confidence[imported] = np.where(shared[imported], _IMPORTED / 2, _IMPORTED)
    alike = int((code.file[defined] == file).sum())
    confidence[files == file] = _SAME_FILE / alike
    # A definition is no use of itself: neither where it calls itself nor on the line of its name.
    own = (files == file) & ((lines == code.line[symbol]) | (code.use_in[rows] == symbol))
    confidence[own] = 0.0
    yield from _steps(world, number, node, code, rows, confidence, floor)


def _users_elsewhere(
    world: World, node: Node, source: int, what: tuple[int, int, int], floor: float
) -> Iterator[tuple[Step, ...]]:
    """Yield the uses in another repository that imports the one of the definition."""
    name, file, defining = what
    part = world.parts[source]
    link = world.links[source]
    mine = link.part == node.part
    code = code_of(part, world.facts)
    rows = code.uses(name)
    if rows.stop == rows.start or rows.stop - rows.start > _MOST_USES:
        return
    files = code.use_file[rows]
    importing, certain = part.import_file[link.row[mine]], link.confidence[mine]
    exact = np.isin(link.file[mine], _stand_ins(world, node.part, file))
    confidence = np.zeros(len(files))
    for wanted, share in ((np.ones(len(exact), bool), _ELSEWHERE / max(1, defining)), (exact, _IMPORTED)):
        if wanted.any():
            best = np.zeros(len(part.files))
            np.maximum.at(best, importing[wanted], certain[wanted] * share)
            confidence = np.maximum(confidence, best[files])
    own = np.unique(code.file[code.defined(name)])
    if len(own):
        inside = np.unique(np.concatenate([_with_importers(world, source, int(one)) for one in own[:_MOST_DEFINING]]))
        confidence[np.isin(files, inside)] *= 0.2  # its own of that name is nearer
    yield from _steps(world, source, node, code, rows, confidence, floor)


def _steps(  # noqa: PLR0913, PLR0917 -- columns of one table
    world: World, source: int, node: Node, code: Code, rows: slice, confidence: npt.NDArray[np.float64], floor: float
) -> Iterator[tuple[Step, ...]]:
    """Yield uses that are certain enough, one for each definition or file that they are in."""
    part = world.parts[source]
    served = {
        (file, one.line): place for place, (file, one) in enumerate(part.endpoints) if one.side is EndpointSide.SERVES
    }
    seen: dict[Node, Step] = {}
    for row in np.flatnonzero(confidence >= max(floor, 0.05)).tolist():
        place = rows.start + row
        file, line, inside = int(code.use_file[place]), int(code.use_line[place]), int(code.use_in[place])
        if (file, line) in served:
            user = Node(ThingKind.ENDPOINT, source, served[file, line])
        elif inside != NOWHERE:
            user = Node(ThingKind.SYMBOL, source, inside)
        else:
            user = Node(ThingKind.FILE, source, file)
        certain = float(confidence[row])
        known = seen.get(user)
        places = 1 if known is None else known.places + 1
        if known is not None and known.confidence >= certain:
            seen[user] = known._replace(places=places)
        else:
            seen[user] = Step(TieKind.REFERENCES, user, node, source, file, line, certain, places=places)
    for step in seen.values():
        if step.source != node:
            yield (step,)


def seen_by(world: World, number: int, file: int) -> Ints:
    """Return the files of a repository that import a file, be it by way of one that stands for its folder."""
    ties = ties_of(world.parts[number], world.facts)
    return np.unique(np.concatenate([ties.importers(one) for one in _stand_ins(world, number, file)]))


def _stand_ins(world: World, number: int, file: int) -> list[int]:
    """Return a file and those that import it and stand for their folder: what is imported from these may be of it."""
    part = world.parts[number]
    ties = ties_of(part, world.facts)
    found = [file]
    for one in found:
        found += [
            other for other in ties.importers(one).tolist() if other not in found and _is_index(part.paths[other])
        ]
    return found


def _is_index(path: str) -> bool:
    return path.rpartition("/")[2].split(".", 1)[0] in _STANDS_FOR_FOLDER


def _with_importers(world: World, number: int, file: int) -> Ints:
    return np.append(ties_of(world.parts[number], world.facts).importers(file), np.int32(file))


def served_by(world: World, number: int, symbol: int) -> list[int]:
    """Return the endpoints that a definition serves, as places."""
    part = world.parts[number]
    code = code_of(part, world.facts)
    file = int(code.file[symbol])
    return [
        place
        for place, (its, endpoint) in enumerate(part.endpoints)
        if its == file and endpoint.side is EndpointSide.SERVES and handler_of(code, file, endpoint.line) == symbol
    ]


def handler_of(code: Code, file: int, line: int) -> int:
    """Return the definition that a route belongs to: the one around it, or the one that follows it at once."""
    inside = code.innermost(file, line)
    for symbol in code.of_file(file):
        if line <= code.line[symbol] <= line + _DECORATED and code.holds[symbol] and code.around[symbol] == inside:
            return symbol  # a route stands before what it decorates, be it a method of the class around
    return inside


# ------------------------------------------------------------------------------ files, endpoints, packages


def _of_file(world: World, node: Node) -> Iterator[tuple[Step, ...]]:
    number, file = node.part, _int(node.place)
    part = world.parts[number]
    for other in ties_of(part, world.facts).importers(file).tolist():
        # The line is looked up for those that are shown, see import_of.
        yield (Step(TieKind.IMPORTS, Node(ThingKind.FILE, number, other), node, number, other, 0, _IMPORTED),)
    for source in world.into(number):
        link = world.links[source]
        rows = np.flatnonzero((link.part == number) & (link.file == file))
        yield from _imports(world, source, node, link.row[rows], link.confidence[rows])
    for place, (its, endpoint) in enumerate(part.endpoints):
        if its == file and endpoint.side is EndpointSide.SERVES:
            served = Node(ThingKind.ENDPOINT, number, place)
            yield (Step(TieKind.CONTAINS, served, node, number, file, endpoint.line, _HANDLED),)


def import_of(part: Part, file: int, path: str) -> tuple[int, str]:
    """Return the line on which a file imports another one of its repository, as far as what is written tells."""
    stem = path.rpartition("/")[2].split(".", 1)[0]
    name = path.split("/")[-2] if stem in _STANDS_FOR_FOLDER and "/" in path else stem
    rows = np.flatnonzero(part.import_file == file)
    for row in rows.tolist():
        if name in part.targets[part.import_target[row]]:
            return int(part.import_line[row]), part.targets[part.import_target[row]]
    return (int(part.import_line[rows[0]]), "") if len(rows) else (1, "")


def _imports(
    world: World, source: int, node: Node, rows: Ints, confidence: npt.NDArray[np.float32]
) -> Iterator[tuple[Step, ...]]:
    """Yield files whose imports mean something, each once."""
    part = world.parts[source]
    seen: set[int] = set()
    for row, certain in zip(rows.tolist(), confidence.tolist(), strict=True):
        file = int(part.import_file[row])
        if file not in seen:
            seen.add(file)
            detail = part.targets[part.import_target[row]]
            user = Node(ThingKind.FILE, source, file)
            yield (Step(TieKind.IMPORTS, user, node, source, file, int(part.import_line[row]), certain, detail),)


def _of_endpoint(world: World, node: Node) -> Iterator[tuple[Step, ...]]:
    for call in world.callers.get(Served(node.part, _int(node.place)), ()):
        source, place = call.caller
        file, endpoint = world.parts[source].endpoints[place]
        inside = code_of(world.parts[source], world.facts).innermost(file, endpoint.line)
        user = Node(ThingKind.FILE, source, file) if inside == NOWHERE else Node(ThingKind.SYMBOL, source, inside)
        detail = f"{endpoint.method} {endpoint.path}"
        yield (Step(TieKind.CALLS, user, node, source, file, endpoint.line, call.confidence, detail),)


def _of_package(world: World, node: Node) -> Iterator[tuple[Step, ...]]:
    package = node.place
    if isinstance(package, int):
        raise TypeError(f"{package} is no package")
    yield from _requirers(world, node, package)
    provided = {number for number, _, _ in world.providers.get(package, ())}
    for number in provided:
        for source in world.into(number):
            link = world.links[source]
            rows = np.flatnonzero(link.part == number)
            yield from _imports(world, source, node, link.row[rows], link.confidence[rows])
    if not provided:
        for source in {number for number, _, _ in world.requirers.get(package, ())}:
            found = np.array(importing_package(world, world.parts[source], package), np.int32)
            yield from _imports(world, source, node, found, np.full(len(found), _IMPORTED, np.float32))


def _requirers(world: World, node: Node, package: PackageId) -> Iterator[tuple[Step, ...]]:
    seen: set[int] = set()
    for source, file, wanted in world.requirers.get(package, ()):
        if source not in seen and source not in {number for number, _, _ in world.providers.get(package, ())}:
            seen.add(source)
            user = Node(ThingKind.REPOSITORY, source, 0)
            detail = f"{wanted.constraint or 'any version'} ({wanted.scope})"
            yield (Step(TieKind.REQUIRES, user, node, source, file, wanted.line, 1.0, detail),)


def _of_repository(world: World, node: Node) -> Iterator[tuple[Step, ...]]:
    """Yield who requires the packages of a repository: from what it requires itself they are two steps away."""
    part = world.parts[node.part]
    for file, one in part.provided:
        package = Node(ThingKind.PACKAGE, NOWHERE, (one.ecosystem, one.name))
        for [step] in _requirers(world, package, (one.ecosystem, one.name)):
            provides = Step(TieKind.PROVIDES, package, node, node.part, file, one.line, _PASSED_ON, one.version)
            yield provides, step


def _int(place: int | PackageId) -> int:
    if not isinstance(place, int):
        raise TypeError(f"{place} is no number")
    return place


__all__ = ["Node", "Reached", "Step", "Walk", "handler_of", "import_of", "seen_by", "served_by", "users", "walk"]
