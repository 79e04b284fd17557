# SPDX-License-Identifier: FSL-1.1-MIT
"""The searches that are compared: each indexes a tree and says which places answer a question."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from question_sets import Case

from conexus import bootstrap
from conexus.config import Config, IndexOptions, StoreOptions
from conexus.errors import QueryError
from conexus.evaluation.questions import Place, Question
from conexus.lexical import split_identifier, words
from conexus.service import LocalService
from conexus.types import LOCAL_USER, Checkout, Chunk, RepoId, SearchRequest

_HERE: Final = Path(__file__).resolve().parent
sys.path.append(str(_HERE.parent / "speed"))  # which runs the same semble

from bench import SEMBLE, Bench  # noqa: E402 -- it is found only now
from processes import timed  # noqa: E402

DEPTH: Final = 40
"""Places asked for: enough to count ten files and 4,000 tokens."""
_WHO: Final = LOCAL_USER
_WINDOW_LINES: Final = 50
_K1, _B = 1.5, 0.75
_MAX_FILE_BYTES: Final = 1_000_000
_BINARY_PROBE_BYTES: Final = 8_000


class NotInstalled(Exception):
    """A system cannot run here; the text says what would have to be installed."""


class Answer(NamedTuple):
    """What one question brought."""

    places: list[Place]
    """Up to :data:`DEPTH`, best first; paths are relative to the tree."""
    elapsed_ms: float
    """How long the search took, the index being open."""


class System(Protocol):
    """A search over a tree."""

    def answers(self, tree: Path, questions: Sequence[str]) -> list[Answer]:
        """Index a tree and answer each question."""
        ...


def _timed(search: Callable[[str], list[Place]], questions: Sequence[str]) -> list[Answer]:
    """Ask one question after the other, after the first has been asked once for nothing."""
    found = []
    for question in [*questions[:1], *questions]:
        started = time.perf_counter()
        places = search(question)
        found.append(Answer(places, (time.perf_counter() - started) * 1000))
    return found[1:]


@dataclass(frozen=True, slots=True)
class Conexus:
    """Conexus as a program would call it in its own process, with indexes on disk."""

    scratch: Path
    model: str = bootstrap.DEFAULT_MODEL

    def answers(self, tree: Path, questions: Sequence[str]) -> list[Answer]:
        """Index the tree, or bring its index up to date where this run indexed it before, and ask."""
        root = tree.resolve()
        key = hashlib.sha256(str(root).encode()).hexdigest()[:12]
        store = StoreOptions(path=str(self.scratch / f"conexus-{key}"))
        config = Config(store=store, index=IndexOptions(model=self.model))
        service = bootstrap.build(config, keep_open=True).service
        try:
            service.index(Checkout(root, RepoId(f"local/{root.name}-{key[:6]}"), root.name), _WHO)
            return _timed(partial(self._places, service), questions)
        finally:
            service.close()

    @staticmethod
    def _places(service: LocalService, question: str) -> list[Place]:
        try:
            hits = service.search(SearchRequest(question, limit=DEPTH), _WHO).hits
        except QueryError:  # it has no word: no answer, as it would be for a user
            return []
        return [_place(hit.chunk) for hit in hits]


def _place(chunk: Chunk) -> Place:
    span = chunk.span
    return Place(chunk.path, span.start_line, span.end_line, len(chunk.text.encode("utf-8", "surrogateescape")))


@dataclass(frozen=True, slots=True)
class Semble:
    """semble from PyPI with our model's vectors, in an environment of its own."""

    bench: Bench

    def answers(self, tree: Path, questions: Sequence[str]) -> list[Answer]:
        """Index the tree in memory and ask."""
        cache = self.bench.fresh("semble-cache")
        asked = self.bench.scratch / "semble-questions.json"
        asked.write_text(json.dumps(list(questions)), encoding="utf-8")
        python = self.bench.build / "semble" / "bin" / "python"
        done = timed([python, _HERE / "semble_places.py", tree, asked, str(DEPTH)], self.bench.semble_env(cache))
        return [Answer([Place(*place) for place in places], elapsed_ms) for places, elapsed_ms in done.answer]


@dataclass(frozen=True, slots=True)
class Ripgrep:
    """The whole question as a fixed string; the file with the most matches first."""

    program: str

    def answers(self, tree: Path, questions: Sequence[str]) -> list[Answer]:
        """Search the tree once a question."""
        return _timed(partial(self._places, tree), questions)

    def _places(self, tree: Path, question: str) -> list[Place]:
        options = ["--no-config", "--fixed-strings", "--ignore-case", "--count-matches", "--null"]
        done = subprocess.run([self.program, *options, "--", question, "."], cwd=tree, capture_output=True, check=False)
        found = [line.rpartition(b"\0") for line in done.stdout.splitlines()]
        counts = {os.fsdecode(path).removeprefix("./"): int(count) for path, _, count in found}
        best = sorted(counts, key=lambda path: (-counts[path], path))[:DEPTH]
        return [_whole_file(tree, path) for path in best]


def _whole_file(tree: Path, path: str) -> Place:
    data = (tree / path).read_bytes()
    return Place(path, 1, data.count(b"\n") + 1, len(data))


class Bm25Windows:
    """BM25 over windows of fifty lines, words split as identifiers are; nothing else is known of a file."""

    def answers(self, tree: Path, questions: Sequence[str]) -> list[Answer]:
        """Count the words of the tree and ask."""
        places: list[Place] = []
        postings: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        lengths: list[int] = []
        for place, text in _windows(tree):
            counts = Counter(_terms(text))
            for term, count in counts.items():
                postings[term].append((len(places), count))
            places.append(place)
            lengths.append(counts.total())
        if not places:
            return [Answer([], 0.0) for _ in questions]
        norms = _K1 * (1 - _B + _B * np.array(lengths, dtype=np.float64) / max(1.0, float(np.mean(lengths))))
        return _timed(lambda asked: _best(places, _bm25(dict.fromkeys(_terms(asked)), postings, norms)), questions)


def _bm25(
    terms: Mapping[str, None], postings: Mapping[str, Sequence[tuple[int, int]]], norms: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Score every window, with the weights of Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009."""
    scores = np.zeros(len(norms))
    for term in terms:
        if (found := postings.get(term)) is None:
            continue
        rows, counts = np.array(found).T
        idf = np.log1p((len(norms) - len(rows) + 0.5) / (len(rows) + 0.5))
        scores[rows] += idf * counts * (_K1 + 1) / (counts + norms[rows])
    return scores


def _best(places: Sequence[Place], scores: npt.NDArray[np.float64]) -> list[Place]:
    order = np.argsort(-scores, kind="stable")[:DEPTH]
    return [places[row] for row in order if scores[row] > 0]


def _windows(tree: Path) -> Iterator[tuple[Place, str]]:
    for path in sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()):
        data = path.read_bytes()
        if len(data) > _MAX_FILE_BYTES or b"\0" in data[:_BINARY_PROBE_BYTES]:
            continue
        lines = data.decode("utf-8", "replace").splitlines(keepends=True)
        for start in range(0, len(lines), _WINDOW_LINES):
            text = "".join(lines[start : start + _WINDOW_LINES])
            end = min(start + _WINDOW_LINES, len(lines))
            yield Place(path.relative_to(tree).as_posix(), start + 1, end, len(text.encode())), text


def _terms(text: str) -> Iterator[str]:
    return (part for word in words(text) for part in split_identifier(word))


SYSTEMS: Final = ("conexus", "semble", "bm25-windows", "ripgrep")


def pairs_of(case: Case, found: Sequence[Answer]) -> list[tuple[Question, list[Place]]]:
    """Return each question with its places, their paths as the repository has them."""
    prefixed = ([replace(place, path=case.prefix + place.path) for place in answer.places] for answer in found)
    return list(zip(case.questions, prefixed, strict=True))


def make(name: str, build: Path, scratch: Path) -> System:
    """Return a system by its name.

    Args:
        name: One of :data:`SYSTEMS`.
        build: Folder of downloads that are kept from run to run.
        scratch: Folder for indexes.

    Raises:
        NotInstalled: It cannot run here.
    """
    if name == "conexus":
        return Conexus(scratch)
    if name == "bm25-windows":
        return Bm25Windows()
    if name == "ripgrep":
        program = shutil.which("rg")
        if program is None:
            raise NotInstalled("ripgrep is not installed: Debian and its kin have it as `ripgrep`")
        return Ripgrep(program)
    bench = Bench(build, scratch, repeats=1)
    try:
        bench.set_up_semble()
    except (subprocess.CalledProcessError, RuntimeError) as exc:
        raise NotInstalled(f"{SEMBLE} cannot be installed from PyPI: {exc}") from exc
    return Semble(bench)
