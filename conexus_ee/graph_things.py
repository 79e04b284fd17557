# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""From what people call things to nodes of the graph, and back."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from conexus.errors import InvalidRequest, NotFound
from conexus.types import (
    Ecosystem,
    EndpointKind,
    EndpointSide,
    FileId,
    RepoId,
    SymbolRow,
    Thing,
    ThingKind,
    Tie,
    TieKind,
)
from conexus_ee.diffs import changes_of, lines_changed
from conexus_ee.graph_impact import Node, Step, import_of
from conexus_ee.graph_parts import NOWHERE, Part, code_of
from conexus_ee.graph_routes import segments
from conexus_ee.graph_world import World

_ENDPOINT: Final = re.compile(r"(GET|PUT|POST|DELETE|PATCH|HEAD|OPTIONS|ANY|\*)\s+(/\S*)$", re.IGNORECASE)
_PARAMETER: Final = re.compile(r"(?<=/)(?::\w+|<[^<>/]*>|\{[^{}/]*\})", re.ASCII)
"""A part of a path that frameworks write as ``:id``, ``<int:id>`` or ``{id}``."""
_SIDES: Final = frozenset({"i/", "w/", "c/", "o/"})
_MOST_MEANT: Final = 20
_NEAR: Final = 3
_CUTOFF: Final = 0.5
_MAX_SHOWN: Final = 200
_MOST_ALIKE: Final = 200


class Names:
    """Names of one world, with the definitions that an answer needs read at once.

    Args:
        world: The graph.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._rows: dict[tuple[int, int], list[SymbolRow]] = {}

    # --------------------------------------------------------------------------- nodes to things

    def prepare(self, nodes: Iterable[Node]) -> None:
        """Read what the names of definitions need, one repository at a time."""
        wanted: dict[int, set[int]] = {}
        for node in nodes:
            if node.kind is ThingKind.SYMBOL and isinstance(node.place, int):
                code = code_of(self._world.parts[node.part], self._world.facts)
                file = int(code.file[node.place])
                if (node.part, file) not in self._rows:
                    wanted.setdefault(node.part, set()).add(file)
        for part, files in wanted.items():
            place = {FileId(int(self._world.parts[part].files[file])): file for file in files}
            for file in files:
                self._rows[part, file] = []
            for row in self._world.facts.symbols(list(place)):
                self._rows[part, place[row.file]].append(row)

    def thing(self, node: Node) -> Thing:
        """Return a node for people."""
        if isinstance(node.place, tuple):
            return self._package(node.place)
        part = self._world.parts[node.part]
        repo, root = RepoId(part.repo), str(part.view.root)
        match node.kind:
            case ThingKind.REPOSITORY:
                return Thing(ThingKind.REPOSITORY, part.repo, repo, root)
            case ThingKind.FILE:
                path = part.paths[node.place]
                return Thing(ThingKind.FILE, path, repo, root, path)
            case ThingKind.ENDPOINT:
                file, endpoint = part.endpoints[node.place]
                name = endpoint_name(endpoint.kind, endpoint.method, endpoint.path)
                return Thing(ThingKind.ENDPOINT, name, repo, root, part.paths[file], endpoint.line)
            case _:
                return self._symbol(node.part, node.place)

    def _package(self, package: tuple[str, str]) -> Thing:
        for number, file, _ in self._world.providers.get(package, ())[:1]:
            part = self._world.parts[number]
            return Thing(
                ThingKind.PACKAGE,
                package[1],
                RepoId(part.repo),
                str(part.view.root),
                part.paths[file],
                ecosystem=str(package[0]),
            )
        return Thing(ThingKind.PACKAGE, package[1], ecosystem=str(package[0]))

    def _symbol(self, number: int, symbol: int) -> Thing:
        part = self._world.parts[number]
        code = code_of(part, self._world.facts)
        file, line, name = int(code.file[symbol]), int(code.line[symbol]), int(code.name[symbol])
        self.prepare([Node(ThingKind.SYMBOL, number, symbol)])
        row = next((one for one in self._rows[number, file] if one.name_line == line and hash(one.name) == name), None)
        # It was read anew a moment ago, where there is none.
        shown = "?" if row is None else f"{row.parent}.{row.name}" if row.parent else row.name
        return Thing(ThingKind.SYMBOL, shown, RepoId(part.repo), str(part.view.root), part.paths[file], line)

    def tie(self, step: Step) -> Tie:
        """Return a step for people."""
        source, target = self.thing(step.source), self.thing(step.target)
        if step.part == NOWHERE:
            return Tie(step.kind, source, target, confidence=round(step.confidence, 3), detail=step.detail)
        part = self._world.parts[step.part]
        if step.kind is TieKind.IMPORTS and not step.line and target.kind is ThingKind.FILE:
            line, detail = import_of(part, step.file, target.path)
            step = step._replace(line=line, detail=detail)
        return Tie(
            step.kind,
            source,
            target,
            RepoId(part.repo),
            str(part.view.root),
            part.paths[step.file],
            step.line,
            round(step.confidence, 3),
            step.detail,
            step.places,
        )

    # --------------------------------------------------------------------------- names to nodes

    def nodes(self, name: str, repo: RepoId | None = None) -> list[Node]:
        """Return what somebody means.

        Args:
            name: As ``github.com/acme/shop``, ``shop``, ``npm:react``, ``shop:src/cart.py``, ``Cart.total``,
                ``GET /users/{}`` or ``acme.v1.Users/Get``.
            repo: Where files and definitions are looked for first.

        Raises:
            NotFound: There is nothing of that name; the hint names what is near.
        """
        name = name.strip()
        if not name:
            raise InvalidRequest("the name is empty", hint="name a repository, package, file or definition")
        home = None if repo is None else self._world.number.get(repo)
        for found in self._meant(name, home):
            if found:
                return found[:_MOST_MEANT]
        near = self._near(name)
        raise NotFound(
            f"nothing that is indexed is called {name[:_MAX_SHOWN]!r}",
            hint=f"did you mean {', '.join(near)}?"
            if near
            else "name a repository, a package as npm:react, a file as shop:src/cart.py, a definition as Cart.total",
            details={"field": "target"},
        )

    def _meant(self, name: str, home: int | None) -> Iterator[list[Node]]:
        first, _, rest = name.partition(":")
        if rest and first.lower() in set(Ecosystem):
            yield self._packages(first.lower(), rest)
        if rest and (within := self._repositories(first)):
            yield self._inside(within, rest)
            return
        yield self._endpoints(name)
        if home is not None:
            yield self._files([home], name)
        yield self._repository_nodes(name)
        if home is not None:
            yield self._symbols([home], name)
        yield self._named_packages(name)
        everywhere = range(len(self._world.parts))
        yield self._files(everywhere, name) if "/" in name or "." in name else []
        yield self._symbols(everywhere, name)

    def _inside(self, within: Sequence[int], name: str) -> list[Node]:
        return self._files(within, name) or self._endpoints(name, within) or self._symbols(within, name)

    def repositories(self, name: str) -> list[int]:
        """Return the repository of a name; several where they share what is asked for.

        Raises:
            NotFound: There is none.
        """
        found = self._repositories(name)
        if not found:
            near = difflib.get_close_matches(name[:_MAX_SHOWN], self._repository_names(), _NEAR, _CUTOFF)
            hint = f"did you mean {', '.join(near)}?" if near else "see `conexus repos list`"
            raise NotFound(f"no indexed repository is called {name[:_MAX_SHOWN]!r}", hint=hint)
        return found

    def _repositories(self, name: str) -> list[int]:
        parts = self._world.parts
        for fits in (
            [number for number, part in enumerate(parts) if name in {part.repo, part.view.name}],
            [number for number, part in enumerate(parts) if str(part.view.root) == name.rstrip("/")],
            [number for number, part in enumerate(parts) if part.repo.endswith(f"/{name}")],
        ):
            if fits:
                return fits
        return []

    def _repository_nodes(self, name: str) -> list[Node]:
        return [Node(ThingKind.REPOSITORY, number, 0) for number in self._repositories(name)]

    def _packages(self, ecosystem: str, name: str) -> list[Node]:
        found = [(ecosystem, name), (ecosystem, re.sub(r"[-_.]+", "-", name).lower()), (ecosystem, name.lower())]
        return [
            Node(ThingKind.PACKAGE, NOWHERE, one)
            for one in found
            if one in self._world.providers or one in self._world.requirers
        ][:1]

    def _named_packages(self, name: str) -> list[Node]:
        return [node for ecosystem in Ecosystem for node in self._packages(ecosystem.value, name)]

    def _files(self, within: Collection[int], path: str) -> list[Node]:
        path = path.removeprefix("./")
        exact = [
            Node(ThingKind.FILE, number, self._world.parts[number].at[path])
            for number in within
            if path in self._world.parts[number].at
        ]
        if exact or "/" not in path:
            return exact
        ending = f"/{path}"
        return [
            Node(ThingKind.FILE, number, file)
            for number in within
            for one, file in self._world.parts[number].at.items()
            if one.endswith(ending)
        ]

    def _endpoints(self, name: str, within: Collection[int] | None = None) -> list[Node]:
        http = _ENDPOINT.match(name)
        method, path = (http[1].upper(), http[2]) if http else ("*", name)
        if not http and not name.startswith("/"):
            service, _, method = name.replace("/", ".").rpartition(".")
            remote = [
                Node(ThingKind.ENDPOINT, number, place)
                for number, part in enumerate(self._world.parts)
                for place, (_, one) in enumerate(part.endpoints)
                if one.kind is EndpointKind.GRPC
                and (within is None or number in within)
                and ((one.path == service and one.method == method) or (one.path == name))
            ]
            return self._served(remote) or remote
        wanted = segments(_PARAMETER.sub("{}", path))
        found = [
            Node(ThingKind.ENDPOINT, number, place)
            for number, part in enumerate(self._world.parts)
            if within is None or number in within
            for place, (_, one) in enumerate(part.endpoints)
            if one.kind is EndpointKind.HTTP
            and segments(one.path) == wanted
            and (method in {"*", "ANY", one.method} or one.method == "*")
        ]
        return self._served(found) or found

    def _served(self, found: Sequence[Node]) -> list[Node]:
        """Return those of some endpoints that are served, and not called."""
        ends = {node: self._world.parts[node.part].endpoints[_place(node)][1] for node in found}
        return [node for node, endpoint in ends.items() if endpoint.side is EndpointSide.SERVES]

    def _symbols(self, within: Iterable[int], name: str) -> list[Node]:
        parts = _parts_of(name)
        if not parts:
            return []
        found: list[Node] = []
        for number in within:
            part = self._world.parts[number]
            named = [
                (file, one)
                for file, one in self._world.facts.named(part.index.id, parts[-1], 200)
                if one.name == parts[-1] and one.qualified_name.split(".")[-len(parts) :] == parts
            ]
            if named:
                found += _nodes_at(
                    self._world, number, part, [(file, one.name_line, hash(one.name)) for file, one in named]
                )
        return found

    def _repository_names(self) -> list[str]:
        return sorted({name for part in self._world.parts for name in (part.repo, part.view.name)})

    def _near(self, name: str) -> list[str]:
        """Return names like one, of what the caller sees, the most alike first."""
        name = name[:_MAX_SHOWN]
        found = [*self._near_names(name), *self._near_routes(name), *self._near_definitions(name)]
        last = _last(name)
        if "." in last:
            files = {path.rpartition("/")[2]: f"{part.repo}:{path}" for part in self._world.parts for path in part.at}
            found += _alike(last, files, 0.7)[:1]
        found.sort(key=lambda one: -one[0])
        return list(dict.fromkeys(text for _, text in found))[:_NEAR]

    def _near_names(self, name: str) -> list[tuple[float, str]]:
        """Return repositories and packages."""
        known = dict.fromkeys(self._repository_names())
        known |= dict.fromkeys(
            f"{ecosystem}:{one}" for ecosystem, one in [*self._world.providers, *self._world.requirers]
        )
        by_last = {_last(one): one for one in known}
        return _alike(name, {one: one for one in known}, _CUTOFF) + _alike(_last(name), by_last, 0.7)

    def _near_routes(self, name: str) -> list[tuple[float, str]]:
        """Return routes and remote methods."""
        if "/" not in name:
            return []
        has_method = _ENDPOINT.match(name) is not None
        known: dict[str, str] = {}
        for part in self._world.parts:
            for _, one in part.endpoints:
                shown = endpoint_name(one.kind, one.method, one.path)
                known[one.path if one.kind is EndpointKind.HTTP and not has_method else shown] = shown
        return _alike(_PARAMETER.sub("{}", name), known, 0.7)

    def _near_definitions(self, name: str) -> list[tuple[float, str]]:
        first, _, rest = name.partition(":")
        within = self._repositories(first) if rest else []
        wanted = _parts_of(rest if within else name)
        if not wanted or "/" in name:
            return []
        before = f"{first}:" if within else ""
        known: dict[str, str] = {}
        for number in within or range(len(self._world.parts)):
            for _, one in self._world.facts.similar(self._world.parts[number].index.id, wanted[-1], _MOST_ALIKE):
                qualified = ".".join(one.qualified_name.split(".")[-len(wanted) :])
                known[qualified] = before + qualified
        return _alike(".".join(wanted), known, _CUTOFF)

    # --------------------------------------------------------------------------- diffs to nodes

    def changed(self, diff: str, number: int) -> tuple[list[Node], list[str]]:
        """Return what a diff of a repository changes, and notes on what it changes that is not indexed.

        Of a file the definitions whose lines change, each the smallest around a line; the file itself where there are
        none; and the package that a manifest describes.
        """
        part = self._world.parts[number]
        code = code_of(part, self._world.facts)
        found: dict[Node, None] = {}
        unknown = []
        for change in changes_of(diff):
            given = (change.new, change.old)
            path = next((one for one in (*given, *map(_without_side, given)) if one in part.at), None)
            if path is None:
                unknown.append(change.new or change.old)
                continue
            file = part.at[path]
            _, lines = lines_changed(change, self._world.facts.text(part.view, path))
            symbols = code.around_lines(file, lines)
            at = set(lines)
            packages = packages_of(part, file)
            served = [
                Node(ThingKind.ENDPOINT, number, place)
                for place, (its, one) in enumerate(part.endpoints)
                if its == file and one.line in at
            ]
            found |= dict.fromkeys(
                [*packages, *served, *(Node(ThingKind.SYMBOL, number, one) for one in sorted(symbols))]
            )
            if not symbols and not packages:
                found[Node(ThingKind.FILE, number, file)] = None
        told = (
            "a changed file is not indexed:"
            if len(unknown) == 1
            else f"{len(unknown):,} changed files are not indexed, as"
        )
        notes = [f"{told} {unknown[0]}"] if unknown else []
        return list(found), notes


def _parts_of(name: str) -> list[str]:
    """Return the parts of a definition's name, as languages write it."""
    return [one for one in re.split(r"::|->|[.#]", name.removesuffix("()")) if one]


def _last(name: str) -> str:
    return name.rpartition("/")[2].rpartition(":")[2]


def _alike(name: str, known: Mapping[str, str], cutoff: float) -> list[tuple[float, str]]:
    """Return what stands for texts that are like a name, each with how alike it is."""
    return [
        (difflib.SequenceMatcher(None, one, name).ratio(), known[one])
        for one in difflib.get_close_matches(name, sorted(known), _NEAR, cutoff)
    ]


def _nodes_at(world: World, number: int, part: Part, places: Sequence[tuple[FileId, int, int]]) -> list[Node]:
    """Return definitions by the ids of their files, the lines and the hashes of their names."""
    code = code_of(part, world.facts)
    wanted = set(places)
    by_name = {name for _, _, name in places}
    return [
        Node(ThingKind.SYMBOL, number, int(symbol))
        for name in by_name
        for symbol in code.defined(name)
        if (FileId(int(part.files[code.file[symbol]])), int(code.line[symbol]), name) in wanted
    ]


def packages_of(part: Part, file: int) -> list[Node]:
    """Return the packages that a file describes, if it is a manifest."""
    return [Node(ThingKind.PACKAGE, NOWHERE, (one.ecosystem, one.name)) for its, one in part.provided if its == file]


def _without_side(path: str) -> str:
    """Return a path without the letter that git puts before it where it is set to say what is compared."""
    return path[2:] if path[:2] in _SIDES else path


def _place(node: Node) -> int:
    if not isinstance(node.place, int):
        raise TypeError(f"{node} has no number")
    return node.place


def endpoint_name(kind: EndpointKind, method: str, path: str) -> str:
    """Return an endpoint as people write it."""
    if kind is EndpointKind.GRPC:
        return f"{path}/{method}"
    return f"{method} {path}"


__all__ = ["Names", "endpoint_name", "packages_of"]
