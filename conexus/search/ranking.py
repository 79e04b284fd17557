"""Orders candidates: one weighted sum of features, then penalties. Pure.

Every share of a score has a name, so that ``--explain`` can show it. The features are those that
carry most on public questions about code: BM25 of the chunk and of its file, closeness of meaning,
how much of the question the file's name and the defined name cover, and exact definitions.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import itemgetter
from typing import TypeAlias

from conexus.lexical import split_identifier, stem
from conexus.search.query import Query
from conexus.types import ChunkHead, ChunkId, Factor, FileId, FileTag, Retriever, SymbolKind, SymbolMatch

_BM25 = 1.0
_DENSE = 0.8
_FILE_BM25 = 0.5  # several chunks of one file that fit say more than one that fits
_FILE_DENSE = 0.3
_NAME = 0.7  # the words of the question are those of the name that the chunk defines
_STEM = 0.7  # … or of its file's name
_FOLDER = 0.15
_DEFINITION = 1.0  # the chunk defines a name that the question spells out
_SYMBOL_DEFINITION = 3.0  # … and the question is nothing but that name
_QUALIFIED, _HALF_QUALIFIED = 1.3, 0.4
_PATH_ASKED = 2.0  # the question names the file
_BLOCK = -0.05  # a chunk of leftovers says less than a definition

_TAG_FACTORS = {FileTag.TEST: 0.6, FileTag.EXAMPLE: 0.75, FileTag.DOCS: 0.85, FileTag.CONFIG: 0.8}
# A question that says one of these words wants such files.
_TAG_WORDS = {
    FileTag.TEST: frozenset({"test", "spec", "fixtur", "mock"}),
    FileTag.EXAMPLE: frozenset({"exampl", "sampl", "demo", "tutori"}),
    FileTag.DOCS: frozenset({"doc", "document", "readm", "guid"}),
    FileTag.CONFIG: frozenset({"config", "configur", "set", "ci", "workflow"}),
}
_DECLARATIONS = re.compile(r"(?:\.d\.ts|\.pyi|\.mli|_pb2\.py|\.min\.js)$")
_DECLARATION_FACTOR = 0.8  # says that a thing is there, not what it does
_REEXPORT = re.compile(r"(?:^|/)(?:__init__\.pyi?|index\.[jt]sx?|mod\.rs)$")
_REEXPORT_FACTOR = 0.85
_SAME_FILE_FACTOR = 0.8  # a second chunk of a file, for each before it
_CHUNKS_A_SUBJECT = 16
_TOP_OF_FILE = 3
_MIN_PREFIX = 4

_DEFINING = {
    SymbolKind.CLASS: 1.0,
    SymbolKind.STRUCT: 1.0,
    SymbolKind.INTERFACE: 1.0,
    SymbolKind.ENUM: 0.95,
    SymbolKind.TYPE: 0.95,
    SymbolKind.FUNCTION: 1.0,
    SymbolKind.METHOD: 0.85,
    SymbolKind.MACRO: 0.9,
    SymbolKind.TABLE: 0.9,
    SymbolKind.RESOURCE: 0.9,
    SymbolKind.MODULE: 0.75,
    SymbolKind.CONSTANT: 0.8,
    SymbolKind.VARIABLE: 0.7,
    SymbolKind.RULE: 0.6,
    SymbolKind.FIELD: 0.5,
    SymbolKind.SECTION: 0.5,
    SymbolKind.KEY: 0.3,
}

_Share: TypeAlias = tuple[str, float, str]  # name, value and detail of a factor
_VALUE = itemgetter(1)


@dataclass(frozen=True, slots=True)
class _FileShares:
    """What a candidate gets for its file's path and roles."""

    shares: tuple[_Share, ...]
    total: float
    penalties: tuple[tuple[str, float], ...]
    factor: float
    """All penalties together."""


_NOTHING_OF_FILE = _FileShares((), 0.0, (), 1.0)


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found."""

    head: ChunkHead
    view: int
    """Which of the searched views it is from."""
    dense: float = 0.0
    bm25: float = 0.0
    found_by: set[Retriever] = field(default_factory=set)
    matches: list[SymbolMatch] = field(default_factory=list)
    score: float = 0.0
    # What the score is made of, kept apart since few of the candidates are explained.
    found: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    of_file: _FileShares = _NOTHING_OF_FILE
    name: float = 0.0
    definition: _Share | None = None
    same_file: float = 1.0

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The shares that sum up to the score."""
        bm25, dense, file_bm25, file_dense = self.found
        shares: list[_Share] = [
            ("bm25", bm25, f"{self.bm25:.2f}"),
            ("meaning", dense, f"cosine {self.dense:.2f}"),
            ("file bm25", file_bm25, ""),
            ("file meaning", file_dense, ""),
            *self.of_file.shares,
            ("name", self.name, self.head.symbol),
            ("no definition", _BLOCK if self.head.kind == "block" else 0.0, ""),
            *([self.definition] if self.definition else []),
        ]
        total = sum(map(_VALUE, shares))
        for name, share in self.of_file.penalties:
            shares.append((name, total * (share - 1.0), f"x{share:g}"))
            total *= share
        if self.same_file < 1.0:
            shares.append(("same file", total * (self.same_file - 1.0), f"x{self.same_file:.2f}"))
        return tuple(Factor(*share) for share in shares if share[1])


class _Asked:
    """A question, compared with each name and path once."""

    def __init__(self, query: Query) -> None:
        self.query = query
        self.stems = frozenset(query.stems)
        self._by_prefix: dict[str, list[str]] = {}
        for word in self.stems:
            self._by_prefix.setdefault(word[:_MIN_PREFIX], []).append(word)
        self._overlaps: dict[frozenset[str], float] = {}
        self._names: dict[str, float] = {}
        self._files: dict[tuple[str, frozenset[FileTag]], _FileShares] = {}

    def name_share(self, symbol: str) -> float:
        """What the name that a chunk defines is worth: by itself, or with what encloses it."""
        known = self._names.get(symbol)
        if known is None:
            scope, _, name = symbol.rpartition(".")
            own = stems_of(name)
            known = _NAME * max(self.overlap(own), self.overlap(own | stems_of(scope)) if scope else 0.0)
            self._names[symbol] = known
        return known

    def file_shares(self, path: str, tags: frozenset[FileTag]) -> _FileShares:
        """What a file's path and roles are worth."""
        known = self._files.get((path, tags))
        if known is None:
            known = self._files[path, tags] = self._judge_file(path, tags)
        return known

    def _judge_file(self, path: str, tags: frozenset[FileTag]) -> _FileShares:
        name, folders = _path_stems(path)
        shares: list[_Share] = [("file name", _STEM * self.overlap(name), path.rpartition("/")[2])]
        if folders:
            shares.append(("folders", _FOLDER * len(self.stems & folders) / max(1, len(self.stems)), ""))
        if any(path == asked or path.endswith("/" + asked) for asked in self.query.paths):
            shares.append(("path asked for", _PATH_ASKED, path))
        penalties = [(tag.value, _TAG_FACTORS[tag]) for tag in sorted(tags) if not _TAG_WORDS[tag] & self.stems]
        if _DECLARATIONS.search(path):
            penalties.append(("declarations only", _DECLARATION_FACTOR))
        elif _REEXPORT.search(path):
            penalties.append(("re-exports", _REEXPORT_FACTOR))
        factor = math.prod(map(_VALUE, penalties))
        return _FileShares(tuple(shares), sum(map(_VALUE, shares)), tuple(penalties), factor)

    def overlap(self, found: frozenset[str]) -> float:
        """Harmonic mean of how much of the one is in the other, in [0, 1].

        A word counts where it begins with the other (``hasher``, ``hash``), if at least four letters agree.
        """
        known = self._overlaps.get(found)
        if known is None:
            known = self._overlaps[found] = self._measure(found)
        return known

    def _measure(self, found: frozenset[str]) -> float:
        covered: set[str] = set()
        fitting = 0
        for word in found:
            if (near := self._by_prefix.get(word[:_MIN_PREFIX])) is None:
                continue
            alike = [
                other
                for other in near
                if word == other or (len(other) >= _MIN_PREFIX and (word.startswith(other) or other.startswith(word)))
            ]
            fitting += bool(alike)
            covered.update(alike)
        if not covered:
            return 0.0
        recall, precision = len(covered) / len(self.stems), fitting / len(found)
        return 2.0 * recall * precision / (recall + precision)


def rank(query: Query, candidates: Sequence[Candidate], dense_floor: float) -> list[Candidate]:
    """Score candidates and order them, best first; ties by place, so that equal input gives equal output.

    Args:
        query: What is asked.
        candidates: Each chunk once. Their scores and factors are set.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.
    """
    if not candidates:
        return []
    best_bm25 = max(candidate.bm25 for candidate in candidates) or 1.0
    best_dense = max(candidate.dense for candidate in candidates)
    spread = max(best_dense - dense_floor, 1e-6)
    all_bm25 = [candidate.bm25 / best_bm25 for candidate in candidates]
    all_dense = [
        max(0.0, (candidate.dense - dense_floor) / spread) if Retriever.DENSE in candidate.found_by else 0.0
        for candidate in candidates
    ]
    asked = _Asked(query)
    files_bm25 = _of_files(candidates, all_bm25)
    files_dense = _of_files(candidates, all_dense)
    for candidate, bm25, dense in zip(candidates, all_bm25, all_dense, strict=True):
        head = candidate.head
        key = (candidate.view, head.file)
        found = (_BM25 * bm25, _DENSE * dense, _FILE_BM25 * files_bm25[key], _FILE_DENSE * files_dense[key])
        of_file = asked.file_shares(head.path, head.tags)
        total = sum(found) + of_file.total
        if head.symbol:
            candidate.name = asked.name_share(head.symbol)
            total += candidate.name
        if head.kind == "block":
            total += _BLOCK
        if candidate.matches:
            candidate.definition = max((_definition(asked, match) for match in candidate.matches), key=_VALUE)
            total += candidate.definition[1]
        candidate.found, candidate.of_file, candidate.score = found, of_file, total * of_file.factor
    return _spread_over_files(candidates)


def _of_files(candidates: Sequence[Candidate], scores: Sequence[float]) -> Mapping[tuple[int, FileId], float]:
    """Sum of the three best chunks of each file, relative to the best file."""
    by_file: defaultdict[tuple[int, FileId], list[float]] = defaultdict(list)
    for candidate, score in zip(candidates, scores, strict=True):
        by_file[candidate.view, candidate.head.file].append(score)
    sums = {key: sum(sorted(values, reverse=True)[:_TOP_OF_FILE]) for key, values in by_file.items()}
    best = max(sums.values()) or 1.0
    return {key: value / best for key, value in sums.items()}


def _definition(asked: _Asked, match: SymbolMatch) -> _Share:
    """What it is worth that the chunk defines a name of the question."""
    query = asked.query
    name = match.symbol.rsplit(".", 1)[-1]
    weight = _DEFINING[match.kind] * (1.0 if match.exact else 0.9)
    if query.is_symbol:
        written = query.text.removesuffix("()").replace("::", ".").replace("->", ".").replace("#", ".")
        share = 1.0
        if "." in written:  # `Session.send` asks for that method, not for the class and not for another `send`
            share = _QUALIFIED if match.symbol.lower().endswith(written.lower()) else _HALF_QUALIFIED
        return "definition", _SYMBOL_DEFINITION * weight * share, match.symbol
    if name in query.identifiers:
        return "definition", _DEFINITION * weight * 1.5, match.symbol
    covered = asked.overlap(stems_of(name))
    return "definition", _DEFINITION * weight * covered, match.symbol


def _spread_over_files(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Put further chunks of a file behind what other files have to say."""
    ordered = sorted(candidates, key=_place)
    seen: defaultdict[tuple[int, FileId], int] = defaultdict(int)
    for candidate in ordered:
        key = (candidate.view, candidate.head.file)
        before = seen[key]
        seen[key] += 1
        if before:
            candidate.same_file = _SAME_FILE_FACTOR ** (before / _breadth(candidate.head.file_chunks))
            candidate.score *= candidate.same_file
    return sorted(ordered, key=_place)


def _breadth(chunks: int) -> float:
    """How many subjects a file has, as far as its size tells: a compiler in one file is not one subject."""
    return max(1.0, math.log2(max(1, chunks) / _CHUNKS_A_SUBJECT))


def _place(candidate: Candidate) -> tuple[float, str, int, ChunkId]:
    head = candidate.head
    return -candidate.score, head.path, head.start_byte, head.id


@lru_cache(maxsize=50_000)
def stems_of(name: str) -> frozenset[str]:
    """Return the stems of a name's words."""
    return frozenset(map(stem, split_identifier(name)))


@lru_cache(maxsize=50_000)
def _path_stems(path: str) -> tuple[frozenset[str], frozenset[str]]:
    folders, _, name = path.rpartition("/")
    return stems_of(name.split(".", 1)[0]), stems_of(folders)
