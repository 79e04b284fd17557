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

from conexus.lexical import split_identifier, stem, words
from conexus.search.query import Query
from conexus.types import ChunkId, Factor, FileId, FileTag, Retriever, StoredChunk, SymbolKind, SymbolMatch

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


@dataclass(slots=True)
class Candidate:
    """A chunk that some retriever found."""

    stored: StoredChunk
    view: int
    """Which of the searched views it is from."""
    dense: float = 0.0
    bm25: float = 0.0
    found_by: set[Retriever] = field(default_factory=set)
    matches: list[SymbolMatch] = field(default_factory=list)
    score: float = 0.0
    shares: list[_Share] = field(default_factory=list)
    """What :attr:`factors` are made of."""

    @property
    def factors(self) -> tuple[Factor, ...]:
        """The shares that sum up to the score; made when asked for, since few of the candidates are returned."""
        return tuple(Factor(*share) for share in self.shares)


class Asked:
    """The stems of a question, ready to be compared with many names."""

    def __init__(self, stems: Sequence[str]) -> None:
        self.stems = frozenset(stems)
        self.by_prefix: defaultdict[str, list[str]] = defaultdict(list)
        for word in self.stems:
            self.by_prefix[word[:_MIN_PREFIX]].append(word)
        self.overlaps: dict[frozenset[str], float] = {}


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
    relative = [
        (
            candidate.bm25 / best_bm25,
            max(0.0, (candidate.dense - dense_floor) / spread) if Retriever.DENSE in candidate.found_by else 0.0,
        )
        for candidate in candidates
    ]
    asked = Asked(query.stems)
    files_bm25 = _of_files(candidates, [bm25 for bm25, _ in relative])
    files_dense = _of_files(candidates, [dense for _, dense in relative])
    for candidate, (bm25, dense) in zip(candidates, relative, strict=True):
        key = (candidate.view, candidate.stored.file)
        shares = [
            ("bm25", _BM25 * bm25, f"{candidate.bm25:.2f}"),
            ("meaning", _DENSE * dense, f"cosine {candidate.dense:.2f}"),
            ("file bm25", _FILE_BM25 * files_bm25[key], ""),
            ("file meaning", _FILE_DENSE * files_dense[key], ""),
            *_name_factors(query, asked, candidate),
        ]
        total = sum(map(_VALUE, shares))
        for name, share in _penalties(candidate.stored, asked.stems):
            shares.append((name, total * (share - 1.0), f"x{share:g}"))
            total *= share
        candidate.score = total
        candidate.shares = [share for share in shares if share[1]]
    return _spread_over_files(candidates)


def _of_files(candidates: Sequence[Candidate], scores: Sequence[float]) -> Mapping[tuple[int, FileId], float]:
    """Sum of the three best chunks of each file, relative to the best file."""
    by_file: defaultdict[tuple[int, FileId], list[float]] = defaultdict(list)
    for candidate, score in zip(candidates, scores, strict=True):
        by_file[candidate.view, candidate.stored.file].append(score)
    sums = {key: sum(sorted(values, reverse=True)[:_TOP_OF_FILE]) for key, values in by_file.items()}
    best = max(sums.values()) or 1.0
    return {key: value / best for key, value in sums.items()}


def _name_factors(query: Query, asked: Asked, candidate: Candidate) -> list[_Share]:
    chunk = candidate.stored.chunk
    shares: list[_Share] = []
    if chunk.symbol:
        own = _stems(chunk.symbol.rpartition(".")[2])
        shares.append(("name", _NAME * max(_f1(asked, own), _f1(asked, _stems(chunk.symbol))), chunk.symbol))
    name, folders = _path_stems(chunk.path)
    shares.append(("file name", _STEM * _f1(asked, name), chunk.path.rpartition("/")[2]))
    if folders:
        shares.append(("folders", _FOLDER * len(asked.stems & folders) / max(1, len(asked.stems)), ""))
    if chunk.kind == "block":
        shares.append(("no definition", _BLOCK, ""))
    if any(chunk.path == path or chunk.path.endswith("/" + path) for path in query.paths):
        shares.append(("path asked for", _PATH_ASKED, chunk.path))
    if candidate.matches:
        shares.append(max((_definition(query, asked, match) for match in candidate.matches), key=_VALUE))
    return shares


def _definition(query: Query, asked: Asked, match: SymbolMatch) -> _Share:
    """What it is worth that the chunk defines a name of the question."""
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
    covered = _f1(asked, _stems(name))
    return "definition", _DEFINITION * weight * covered, match.symbol


def _penalties(stored: StoredChunk, asked: frozenset[str]) -> list[tuple[str, float]]:
    chunk = stored.chunk
    found = [(tag.value, _TAG_FACTORS[tag]) for tag in sorted(chunk.tags) if not _TAG_WORDS[tag] & asked]
    return [*found, *_path_penalties(chunk.path)]


@lru_cache(maxsize=50_000)
def _path_penalties(path: str) -> tuple[tuple[str, float], ...]:
    if _DECLARATIONS.search(path):
        return (("declarations only", _DECLARATION_FACTOR),)
    return (("re-exports", _REEXPORT_FACTOR),) if _REEXPORT.search(path) else ()


def _spread_over_files(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Put further chunks of a file behind what other files have to say."""
    ordered = sorted(candidates, key=_place)
    seen: defaultdict[tuple[int, FileId], int] = defaultdict(int)
    for candidate in ordered:
        key = (candidate.view, candidate.stored.file)
        share = _SAME_FILE_FACTOR ** (seen[key] / _breadth(candidate.stored.file_chunks))
        seen[key] += 1
        if share < 1.0:
            candidate.shares.append(("same file", candidate.score * (share - 1.0), f"x{share:.2f}"))
            candidate.score *= share
    return sorted(ordered, key=_place)


def _breadth(chunks: int) -> float:
    """How many subjects a file has, as far as its size tells: a compiler in one file is not one subject."""
    return max(1.0, math.log2(max(1, chunks) / _CHUNKS_A_SUBJECT))


def _place(candidate: Candidate) -> tuple[float, str, int, ChunkId]:
    chunk = candidate.stored.chunk
    return -candidate.score, chunk.path, chunk.span.start_byte, chunk.id


def _f1(asked: Asked, found: frozenset[str]) -> float:
    """Harmonic mean of how much of the one is in the other, in [0, 1].

    A word counts where it begins with the other (``hasher``, ``hash``), if at least four letters agree.
    """
    known = asked.overlaps.get(found)
    if known is None:
        known = asked.overlaps[found] = _overlap(asked, found)
    return known


def _overlap(asked: Asked, found: frozenset[str]) -> float:
    covered: set[str] = set()
    fitting = 0
    for word in found:
        alike = [
            other
            for other in asked.by_prefix.get(word[:_MIN_PREFIX], ())
            if word == other or (len(other) >= _MIN_PREFIX and (word.startswith(other) or other.startswith(word)))
        ]
        fitting += bool(alike)
        covered.update(alike)
    if not covered:
        return 0.0
    recall, precision = len(covered) / len(asked.stems), fitting / len(found)
    return 2.0 * recall * precision / (recall + precision)


@lru_cache(maxsize=50_000)
def _stems(name: str) -> frozenset[str]:
    return frozenset(stem(part) for word in words(name) for part in split_identifier(word))


@lru_cache(maxsize=50_000)
def _path_stems(path: str) -> tuple[frozenset[str], frozenset[str]]:
    folders, _, name = path.rpartition("/")
    return _stems(name.split(".", 1)[0]), _stems(folders)
