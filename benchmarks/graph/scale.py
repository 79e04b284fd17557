# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures the graph across repositories at 150 repositories and a million definitions.

    python benchmarks/graph/scale.py [--repositories 150] [--symbols 1000000] [--keep FOLDER]

The catalog is made by script, through the catalog's own writer: repositories in Python and TypeScript that require a
few earlier ones each, whose files import some of their own and some of theirs, whose functions call what is imported,
and that serve and call routes. Then questions are asked as a daemon asks them, files are changed as an index run does,
and the time and the memory of this process are written to benchmarks/results/graph-scale.md.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

import numpy as np

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "benchmarks" / "speed"))

from report import machine  # noqa: E402 -- from the folder above

from conexus.adapters.memory_use import own_private_bytes  # noqa: E402
from conexus.adapters.sqlite_catalog import SqliteCatalog  # noqa: E402
from conexus.adapters.sqlite_codebase import SqliteCodebase  # noqa: E402
from conexus.edition import CommunityEntitlements, Sight  # noqa: E402
from conexus.search.dependency_facts import CatalogFacts  # noqa: E402
from conexus.search.reading import CodeReader  # noqa: E402
from conexus.types import (  # noqa: E402
    Checkout,
    ChunkId,
    ContentHash,
    DependenciesRequest,
    DependencyScope,
    Ecosystem,
    EncodedChunk,
    Endpoint,
    EndpointKind,
    EndpointSide,
    Feature,
    FileCommit,
    FileId,
    FileResult,
    FileStat,
    Fingerprint,
    ImpactRequest,
    Import,
    IndexId,
    PackageProvided,
    PackageRequired,
    ParsedFile,
    ParseMode,
    ReadOutcome,
    Reference,
    RepoId,
    Span,
    SparseVector,
    Symbol,
    SymbolKind,
    TextChunk,
)
from conexus_ee.graph import LicensedGraph  # noqa: E402

_RESULT = _ROOT / "benchmarks" / "results" / "graph-scale.md"
_OF_A_FILE = 10  # definitions
_REQUIRED = 6
_COMMON = ("run", "get", "close", "parse", "load", "save", "update", "name")
_BUDGETS_MS = {"impact": 50.0, "update": 200.0}
_MB = 1024**2


class _Everything(CommunityEntitlements):
    """A licence with the graph in it."""

    def has(self, feature: Feature) -> bool:
        return True


class _Words:
    name = fingerprint = "words"
    dim = 3
    is_fast = True

    def knows(self, word: str) -> bool:
        return True

    def embed_documents(self, texts: Sequence[str]) -> np.ndarray:  # type: ignore[type-arg]
        return np.zeros((len(texts), self.dim), np.float32)

    def embed_query(self, text: str) -> np.ndarray:  # type: ignore[type-arg]
        return self.embed_documents([text])[0]


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is."""

    repositories: int
    symbols: int

    @property
    def files(self) -> int:
        """Of one repository, its manifest not counted."""
        return self.symbols // self.repositories // _OF_A_FILE


def repo_of(number: int) -> RepoId:
    """The id of a repository."""
    return RepoId(f"example.org/scale/service-{number}")


def required_by(number: int) -> list[int]:
    """The repositories that one requires: early ones are required by many, as libraries are."""
    chance = random.Random(number)  # noqa: S311 -- no secret
    same = [one for one in range(number) if one % 2 == number % 2]
    return sorted({same[int(len(same) * chance.random() ** 3)] for _ in range(min(_REQUIRED, len(same)))})


def is_python(number: int) -> bool:
    """Whether a repository is in Python; every other one is in TypeScript."""
    return number % 2 == 0


def path_of(number: int, file: int) -> str:
    """The path of a file."""
    return f"src/service_{number}/part_{file}.py" if is_python(number) else f"src/part_{file}.ts"


def name_of(number: int, file: int, symbol: int) -> str:
    """The name of a function: one in ten is called as many are."""
    return _COMMON[(file + symbol) % len(_COMMON)] if symbol == 0 else f"fn_{number}_{file}_{symbol}"


def parsed_of(shape: Shape, number: int, file: int, version: int = 0) -> ParsedFile:
    """One file as a parsing process gives it."""
    chance = random.Random(number * 1_000_003 + file * 17 + version)  # noqa: S311 -- as above
    own = sorted({chance.randrange(shape.files) for _ in range(4)} - {file})
    others = [(one, chance.randrange(shape.files)) for one in required_by(number) if chance.random() < 0.3]
    imports, uses, line = [], [], 1
    for target_repo, target in [*((number, one) for one in own), *others]:
        imports.append(Import(_written(number, target_repo, target), line))
        uses += [(name_of(target_repo, target, chance.randrange(1, _OF_A_FILE)), line) for _ in range(2)]
        line += 1
    symbols, references = [], {}
    for symbol in range(_OF_A_FILE):
        start = line + symbol * 6
        span = Span(start * 40, start * 40 + 200, start, start + 4)
        symbols.append(Symbol(name_of(number, file, symbol), SymbolKind.FUNCTION, span, start))
        for name, _ in chance.sample(uses, min(3, len(uses))):
            references.setdefault(name, []).append(start + 1 + chance.randrange(3))
        references.setdefault(chance.choice(_COMMON), []).append(start + 2)
    serves = file < _OF_A_FILE
    endpoints = [
        Endpoint(EndpointKind.HTTP, EndpointSide.SERVES, "GET", f"/v1/service-{number}/things-{file}/{{}}", line + 5)
    ] * serves
    if serves and (called := required_by(number)):
        path = f"/v1/service-{called[file % len(called)]}/things-{file}/{{}}"
        endpoints.append(Endpoint(EndpointKind.HTTP, EndpointSide.CALLS, "GET", path, line + 8))
    text = f"file {number} {file} {version}\n" * (line + _OF_A_FILE * 6)
    chunk = TextChunk(Span(0, len(text), 1, line + _OF_A_FILE * 6), text[:200])
    language = "python" if is_python(number) else "typescript"
    return ParsedFile(
        language,
        "utf-8",
        ParseMode.TREE,
        (chunk,),
        tuple(symbols),
        tuple(Reference(name, tuple(sorted(set(lines)))) for name, lines in references.items()),
        tuple(imports),
        endpoints=tuple(endpoints),
    )


def _written(number: int, target_repo: int, target: int) -> str:
    """What an import says."""
    if is_python(number):
        return f"service_{target_repo}.part_{target}"
    return f"./part_{target}" if target_repo == number else f"service-{target_repo}/src/part_{target}"


def manifest_of(number: int) -> tuple[str, ParsedFile]:
    """The manifest of a repository."""
    ecosystem = Ecosystem.PYPI if is_python(number) else Ecosystem.NPM
    text = f"service-{number}\n"
    required = tuple(
        PackageRequired(ecosystem, f"service-{one}", f">={one % 3}", DependencyScope.RUNTIME, 4 + place)
        for place, one in enumerate(required_by(number))
    )
    return "pyproject.toml" if is_python(number) else "package.json", ParsedFile(
        "toml" if is_python(number) else "json",
        "utf-8",
        ParseMode.TREE,
        (TextChunk(Span(0, len(text), 1, 1), text),),
        packages_provided=(PackageProvided(ecosystem, f"service-{number}", "1.0.0", 2),),
        packages_required=required,
    )


def commit_of(file: FileId, repo: RepoId, path: str, parsed: ParsedFile) -> FileCommit:
    """A file on its way into the catalog."""
    encoded = tuple(
        EncodedChunk(
            ChunkId(str(uuid5(NAMESPACE_URL, f"{repo}/{path}/{chunk.text[:40]}"))),
            SparseVector(np.zeros(0, np.uint32), np.zeros(0, np.float32)),
            None,
        )
        for chunk in parsed.chunks
    )
    result = FileResult(
        FileStat(path, 100, 1, 1, 1), 1, ReadOutcome.PARSED, ContentHash(f"{file:040x}"), parsed=parsed, encoded=encoded
    )
    return FileCommit(file, result, "rules", (0,) * len(encoded))


def write(catalog: SqliteCatalog, shape: Shape, told: Callable[[str], None]) -> list[IndexId]:
    """Write all repositories."""
    found = []
    for number in range(shape.repositories):
        repo = repo_of(number)
        root = Path(f"/srv/scale/service-{number}")
        view = catalog.ensure_view(Checkout(root, repo, f"service-{number}", None))
        index = catalog.begin_index(view.id, Fingerprint("f"), _Words()).id
        files = [
            manifest_of(number),
            *((path_of(number, one), parsed_of(shape, number, one)) for one in range(shape.files)),
        ]
        if is_python(number):
            files.append((f"src/service_{number}/__init__.py", _empty()))
        ids = catalog.open_batch(index, [], len(files))
        commits = [commit_of(file, repo, path, parsed) for file, (path, parsed) in zip(ids, files, strict=True)]
        catalog.commit_batch(index, commits, [])
        catalog.finish_index(index, complete=True)
        found.append(index)
        if number % 25 == 0:
            told(f"written: {number} of {shape.repositories} repositories")
    return found


def _empty() -> ParsedFile:
    return ParsedFile("python", "utf-8", ParseMode.TREE, (TextChunk(Span(0, 1, 1, 1), "\n"),))


def change(catalog: SqliteCatalog, shape: Shape, index: IndexId, place: tuple[int, int], version: int) -> None:
    """Replace one file by another version of it, as an index run does."""
    number, file = place
    path = path_of(number, file)
    old = catalog.files_at(index, [path])[path].id
    [new] = catalog.open_batch(index, [old], 1)
    catalog.commit_batch(index, [commit_of(new, repo_of(number), path, parsed_of(shape, number, file, version))], [old])


def timed(work: Callable[[], object]) -> float:
    """Return how many milliseconds something takes."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def p(values: Sequence[float], share: float) -> float:
    """Return a percentile."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def main() -> None:
    """Make the catalog, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repositories", type=int, default=150)
    parser.add_argument("--symbols", type=int, default=1_000_000)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--keep", type=Path, help="folder of the catalog, which is used again where it is there")
    parser.add_argument("--output", type=Path, default=_RESULT)
    asked = parser.parse_args()
    folder = asked.keep or Path(tempfile.mkdtemp(prefix="graph-scale-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        text = measured(Shape(asked.repositories, asked.symbols), folder, asked.questions)
    finally:
        if asked.keep is None:
            shutil.rmtree(folder)
    asked.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def measured(shape: Shape, folder: Path, questions: int) -> str:  # noqa: PLR0915 -- one measurement after another
    """Return the page with all figures."""

    def told(line: str) -> None:
        sys.stderr.write(f"{line}\n")

    file = folder / "catalog.sqlite"
    is_new = not file.exists()
    catalog = SqliteCatalog(str(file))
    if is_new:
        write(catalog, shape, told)
    codebase = SqliteCodebase(catalog.rows, catalog.scope)
    facts = CatalogFacts(catalog, codebase, CodeReader(catalog, codebase))
    graph = LicensedGraph(_Everything())
    views = sorted(catalog.views(), key=lambda view: int(view.repo.rpartition("-")[2]))
    indexes = [view.live.id for view in views if view.live is not None]
    sight = lambda: Sight(tuple(catalog.views()), facts)  # noqa: E731 -- as each request looks anew
    gc.collect()
    before = own_private_bytes() or 0
    rows: list[tuple[str, str, str]] = []

    def row(what: str, value: str, budget: str = "") -> None:
        rows.append((what, value, budget))
        told(f"{what}: {value}")

    row(
        "first question (repositories, packages, imports, routes)",
        f"{timed(lambda: graph.cycles(sight(), 10)) / 1000:.1f} s",
    )
    overview = (own_private_bytes() or 0) - before
    row("memory after it", f"{overview / _MB:.0f} MB")

    def impact(name: str, number: int, depth: int = 3) -> Callable[[], object]:
        request = ImpactRequest((name,), repo=repo_of(number), depth=depth)
        return lambda: graph.impact(sight(), request)

    row(
        "first impact question of a library (reads the code of those that use it)",
        f"{timed(impact(name_of(0, 1, 1), 0)) / 1000:.1f} s",
    )
    begun = time.perf_counter()
    for number in range(shape.repositories):
        impact(name_of(number, 1, 1), number)()
    row("an impact question of each repository, all code read", f"{time.perf_counter() - begun:.1f} s")
    gc.collect()
    everything = (own_private_bytes() or 0) - before
    row("memory with the code of all repositories", f"{everything / _MB:.0f} MB", "600 MB")
    chance = random.Random(11)  # noqa: S311 -- no secret
    places = [
        (chance.randrange(shape.repositories), chance.randrange(shape.files), chance.randrange(1, _OF_A_FILE))
        for _ in range(questions)
    ]
    of_symbols = [timed(impact(name_of(*place), place[0])) for place in places]
    hits = [
        graph.impact(sight(), ImpactRequest((name_of(*place),), repo=repo_of(place[0]))).total for place in places[:50]
    ]
    row(f"impact of a definition, {questions} of them, p50", f"{p(of_symbols, 0.5):.1f} ms", "50 ms")
    row("the same, p99", f"{p(of_symbols, 0.99):.1f} ms")
    row("hits of one, median and most", f"{statistics.median(hits):.0f}, {max(hits)}")
    of_files = [timed(impact(f"{repo_of(number)}:{path_of(number, one)}", number)) for number, one, _ in places[:100]]
    row("impact of a file, 100 of them, p50 / p99", f"{p(of_files, 0.5):.1f} / {p(of_files, 0.99):.1f} ms")
    libraries = [f"{'pypi' if is_python(one) else 'npm'}:service-{one}" for one in range(20)]
    of_packages = [timed(impact(name, 0)) for name in libraries]
    row("impact of a package, 20 libraries, p50 / most", f"{p(of_packages, 0.5):.1f} / {max(of_packages):.1f} ms")
    deep = [timed(impact(name_of(*place), place[0], 8)) for place in places[:50]]
    row("impact of a definition to depth 8, 50 of them, p50 / most", f"{p(deep, 0.5):.1f} / {max(deep):.1f} ms")
    last = shape.repositories - 1
    row(
        "path between two repositories",
        f"{timed(lambda: graph.path(sight(), repo_of(last), repo_of(last % 2))):.1f} ms",
    )
    row("drift of all packages", f"{timed(lambda: graph.drift(sight(), '', 100)):.0f} ms")
    row("orphans", f"{timed(lambda: graph.orphans(sight(), 100)):.0f} ms")
    row(
        "graph of repositories and packages",
        f"{timed(lambda: graph.dependencies(sight(), DependenciesRequest())):.0f} ms",
    )
    updates, after = [], []
    for version, (number, one, symbol) in enumerate(places[:40], start=1):
        change(catalog, shape, indexes[number], (number, one), version)
        ask = impact(name_of(number, one, symbol), number)
        whole = timed(ask)
        again = timed(ask)
        updates.append(whole - again)
        after.append(whole)
    row("one changed file: what the next question takes more, 40 of them, p50", f"{p(updates, 0.5):.0f} ms", "200 ms")
    row("the same, most", f"{max(updates):.0f} ms")
    row("the whole of the next question, p50 / most", f"{p(after, 0.5):.0f} / {max(after):.0f} ms")
    catalog.close()
    symbols = shape.repositories * shape.files * _OF_A_FILE
    lines = [
        "# The graph across repositories at scale",
        "",
        f"{shape.repositories} repositories, {shape.repositories * shape.files:,} files, {symbols:,} definitions; "
        "`python benchmarks/graph/scale.py`.",
        "",
        *machine(),
        "",
        "| what | measured | budget |",
        "|---|---|---|",
        *(f"| {what} | {value} | {budget} |" for what, value, budget in rows),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    main()
