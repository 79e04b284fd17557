"""Measures how well each candidate fits a question: one row of numbers a candidate. Pure.

Most features lie in [0, 1]. What they are worth is learnt (``weights.py``); here is only what they are. The
sign that a feature's weight must have is part of its definition: learning on a few hundred questions would
otherwise find that a test's file or a missing word speaks for a result, now and then.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from operator import mul
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.lexical import split_identifier, stem, words
from conexus.search.candidates import Candidate
from conexus.search.query import Query
from conexus.types import ChunkHead, FileTag, Retriever, SymbolKind, SymbolMatch

Row = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_BEST_OF_FILE = 3
_DENSE_SHARE = 0.8  # of meaning in what speaks for a folder
_RANK_OFFSET = 3.0  # keeps the first ranks from outweighing all others
_MIN_PREFIX = 4


class QuestionKind(StrEnum):
    """What kind of question is asked; each has weights of its own."""

    NAME = "name"
    """Nothing but the name of a thing."""
    EXPLANATION = "explanation"
    """How or why something works."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Feature:
    """One column."""

    name: str
    label: str
    """What people read; features of one label are shown as one share."""
    sign: int
    """1 where more of it can only speak for a candidate, -1 where it can only speak against, 0 where either."""


_RETRIEVAL: Final = (
    Feature("bm25", "bm25", 1),
    Feature("dense", "meaning", 1),
    Feature("bm25_rank", "bm25", 1),
    Feature("dense_rank", "meaning", 1),
    Feature("file_bm25", "file bm25", 1),
    Feature("file_dense", "file meaning", 1),
    Feature("file_bm25_rank", "file bm25", 1),
    Feature("file_dense_rank", "file meaning", 1),
    Feature("folder_sum", "folder", 1),
)
_OF_FILE: Final = (
    Feature("stem_recall", "file name", 1),
    Feature("stem_precision", "file name", 1),
    Feature("stem_f1", "file name", 1),
    Feature("folders_recall", "folders", 1),
    Feature("last_folder_f1", "folders", 1),
    Feature("path_recall", "folders", 1),
    Feature("path_asked", "path asked for", 1),
    Feature("uses", "used elsewhere", 1),
    Feature("size", "size of the file", 0),
    Feature("depth", "depth", -1),
    Feature("generic_name", "says little by its name", 0),
    Feature("declarations", "declarations only", -1),
    Feature("reexports", "re-exports", -1),
    Feature("header", "header", 0),
    Feature("test", "test", -1),
    Feature("example", "example", -1),
    Feature("docs", "docs", -1),
    Feature("config", "config", -1),
    Feature("docs_asked", "documents asked for", 1),
    Feature("other_platform", "other platform", -1),
)
_OF_CHUNK: Final = (
    Feature("name_f1", "name", 1),
    Feature("name_precision", "name", 1),
    Feature("whole_name_f1", "name", 1),
    Feature("definition", "definition", 1),
    Feature("exact_definition", "definition", 1),
    Feature("type_definition", "definition", 1),
    Feature("qualified_definition", "definition", 1),
    Feature("line_asked", "line asked for", 1),
    Feature("block", "no definition", -1),
)
_OF_NEIGHBOURS: Final = (
    Feature("older_version", "older version", -1),
    Feature("only_declared", "declared here, defined elsewhere", -1),
)
FEATURES: Final = (*_RETRIEVAL, *_OF_FILE, *_OF_CHUNK, *_OF_NEIGHBOURS)

_TAGS: Final = (FileTag.TEST, FileTag.EXAMPLE, FileTag.DOCS, FileTag.CONFIG)
_DOCS: Final = _TAGS.index(FileTag.DOCS)
# A question that says one of these words wants such files.
_TAG_WORDS: Final = {
    FileTag.TEST: frozenset({"test", "spec", "fixtur", "mock"}),
    FileTag.EXAMPLE: frozenset({"exampl", "sampl", "demo", "tutori"}),
    FileTag.DOCS: frozenset({"doc", "document", "readm", "guid"}),
    FileTag.CONFIG: frozenset({"config", "configur", "set", "ci", "workflow"}),
}
_DOCS_ASKED: Final = frozenset("doc docs documentation guide manual readme tutorial changelog".split())
# Conexus runs on Linux and macOS: of twins, one a platform, people mean the one that is built where they are.
_OTHER_PLATFORM = re.compile(
    r"(?:^|[/_.-])(?:aix|cygwin|haiku|ibmi|mingw|msvc|nt|os390|qnx|solaris|sunos|vms|win|win32|win64|wince|windows|zos)"
    r"(?=[/_.-])",
    re.IGNORECASE,
)
_PLATFORM_ASKED: Final = frozenset(
    "aix cygwin haiku ibmi mingw msvc os390 qnx solaris sunos vms win win32 win64 wince windows zos".split()
)
_VERSION = re.compile(r"(?:^|/)v(\d{1,4})(?=/)")
_VERSION_ASKED = re.compile(r"\bv(?:ersion )?\d", re.IGNORECASE)
_DECLARATIONS = re.compile(r"(?:\.d\.ts|\.pyi|\.mli|_pb2\.py|\.min\.js)$")
_REEXPORT = re.compile(r"(?:^|/)(?:__init__\.pyi?|index\.[jt]sx?|mod\.rs)$")
_HEADER = re.compile(r"\.(?:h|hh|hpp|hxx)$")
_GENERIC_NAMES = frozenset(
    "__init__ base common core helpers index init internal lib main mod types util utils".split()
)

_DEFINING: Final = {
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
_TYPES = frozenset({SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE, SymbolKind.ENUM, SymbolKind.TYPE})
_OTHER_STYLE = 0.9  # the name is found, but written in another style
_QUALIFIED, _HALF_QUALIFIED = 1.3, 0.4
_SPELLED_OUT = 1.5
_BY_FOLDER = 0.5  # `tokens::issue` is in a folder or file of that name, where it is no type
# Beyond these, in repositories far larger than those that the weights are learnt on, nothing more is said.
_MOST_USES, _MOST_CHUNKS, _MOST_FOLDERS = 30, 200, 6


def kind_of(query: Query) -> QuestionKind:
    """Return the kind of a question."""
    if query.is_symbol:
        return QuestionKind.NAME
    return QuestionKind.EXPLANATION if query.text.lower().startswith(("how ", "why ")) else QuestionKind.OTHER


def measure(query: Query, candidates: Sequence[Candidate], dense_floor: float) -> Matrix:
    """Measure candidates.

    Args:
        query: What is asked.
        candidates: Each chunk once; at least one.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.

    Returns:
        Shape ``(len(candidates), len(FEATURES))``.
    """
    asked = _Asked(query)
    files = _numbered((candidate.view, candidate.head.file) for candidate in candidates)
    first = np.unique(files, return_index=True)[1]
    of_file = np.array([asked.file_row(candidates[index]) for index in first])
    of_chunk = np.array([asked.chunk_row(candidate) for candidate in candidates])
    paths = [candidates[index].head.path for index in first]
    retrieval = _retrieval(candidates, dense_floor, files, paths)
    older = np.zeros(len(paths)) if asked.names_version else _older_versions(paths)
    neighbours = np.column_stack((older[files], _only_declared(query, candidates)))
    return np.hstack((retrieval, of_file[files], of_chunk, neighbours))


# ------------------------------------------------------------------------------- retrieval


def _retrieval(
    candidates: Sequence[Candidate], dense_floor: float, files: npt.NDArray[np.intp], paths: Sequence[str]
) -> Matrix:
    bm25 = np.array([candidate.bm25 for candidate in candidates])
    dense = np.array(
        [candidate.dense if Retriever.DENSE in candidate.found_by else dense_floor for candidate in candidates]
    )
    bm25 = bm25 / (bm25.max() or 1.0)
    dense = np.maximum(0.0, dense - dense_floor)
    dense = dense / max(dense.max(), 1e-6)
    file_bm25, file_dense = _of_files(bm25, files), _of_files(dense, files)
    folders = _numbered(path.rpartition("/")[0] for path in paths)
    in_folder = _sums(folders, file_bm25 + _DENSE_SHARE * file_dense)
    folder = (in_folder / (in_folder.max() or 1.0))[folders]
    of_file = np.column_stack((file_bm25, file_dense, _nearness(file_bm25), _nearness(file_dense), folder))
    return np.hstack((np.column_stack((bm25, dense, _nearness(bm25), _nearness(dense))), of_file[files]))


def _of_files(scores: Row, files: npt.NDArray[np.intp]) -> Row:
    """Sum of the three best chunks of each file, relative to the best file."""
    order = np.lexsort((-scores, files))
    grouped = files[order]
    starts = np.searchsorted(grouped, grouped)  # where each one's file begins
    best = np.arange(len(order)) - starts < _BEST_OF_FILE
    sums = _sums(grouped[best], scores[order][best])
    return sums / (sums.max() or 1.0)


def _sums(groups: npt.NDArray[np.intp], values: Row) -> Row:
    """Sum the values of each group, numbered from 0 without gap."""
    return np.bincount(groups, weights=values).astype(np.float64)


def _nearness(scores: Row) -> Row:
    """Fall with the rank from 1, so that the first stands out whatever the distances are; equal scores rank alike."""
    falling = np.sort(-scores)
    ranks = np.searchsorted(falling, -scores, side="left").astype(np.float64)
    return np.where(scores > 0.0, _RANK_OFFSET / (_RANK_OFFSET + ranks), 0.0)


def _numbered(keys: Iterable[Hashable]) -> npt.NDArray[np.intp]:
    """Number keys from 0 in the order of their first places."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


# ------------------------------------------------------------------------------ neighbours


def _older_versions(paths: Sequence[str]) -> Row:
    """Whether a file is of a version (``v1/``) of which a later one is found beside it."""
    versions = [_version_of(path) for path in paths]
    latest: dict[str, int] = {}
    for found in versions:
        if found is not None:
            latest[found[0]] = max(found[1], latest.get(found[0], 0))
    return np.array([float(found is not None and found[1] < latest[found[0]]) for found in versions])


@lru_cache(maxsize=50_000)
def _version_of(path: str) -> tuple[str, int] | None:
    """Return the folder that holds versions, and which of them a file is in."""
    found = _VERSION.search(path)
    return None if found is None else (path[: found.start()], int(found[1]))


def _only_declared(query: Query, candidates: Sequence[Candidate]) -> Row:
    """Whether a candidate declares a name that is written in the question, and another defines it: header and source.

    Only names written as names of code count: many a word of a sentence is the name of something.
    """
    only = np.zeros(len(candidates))
    if not query.identifiers:
        return only
    names = {
        number: {_last(match.symbol) for match in item.matches if match.exact}.intersection(query.identifiers)
        for number, item in enumerate(candidates)
        if item.matches
    }
    declaring = [number for number, own in names.items() if own and _declares(candidates[number].head.path)]
    if declaring:
        defined = frozenset[str]().union(*(own for number, own in names.items() if number not in declaring))
        only[[number for number in declaring if names[number] <= defined]] = 1.0
    return only


def _declares(path: str) -> bool:
    return bool(_HEADER.search(path) or _DECLARATIONS.search(path))


# ----------------------------------------------------------------------------------- words


@dataclass(frozen=True, slots=True)
class _Overlap:
    recall: float = 0.0
    """Share of the question's words that a name has."""
    precision: float = 0.0
    """Share of the name's words that the question has."""
    f1: float = 0.0


_NO_OVERLAP = _Overlap()
_NO_NAME = (0.0, 0.0, 0.0)
_NO_PATH = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class _Asked:
    """A question, compared with each name and path once."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._stems = frozenset(query.stems)
        self._by_prefix: dict[str, list[str]] = {}
        for word in self._stems:
            self._by_prefix.setdefault(word[:_MIN_PREFIX], []).append(word)
        self._unasked_roles = tuple(float(not _TAG_WORDS[tag] & self._stems) for tag in _TAGS)
        said = frozenset(map(str.lower, words(query.text)))
        self._wants_docs = float(not said.isdisjoint(_DOCS_ASKED))
        self._any_platform = float(said.isdisjoint(_PLATFORM_ASKED))
        self.names_version = bool(_VERSION_ASKED.search(query.text))
        self._overlaps: dict[frozenset[str], _Overlap] = {}

    def file_row(self, candidate: Candidate) -> tuple[float, ...]:
        """Return :data:`_OF_FILE` of a candidate's file."""
        head = candidate.head
        path = head.path
        wanted = bool(self._query.paths) and any(_same_path(path, asked) for asked in self._query.paths)
        facts, roles, other_platform = _file_facts(path, head.file_uses, head.file_chunks, head.tags)
        return (
            *self._path_row(path),
            float(wanted),
            *facts,
            *map(mul, roles, self._unasked_roles),
            self._wants_docs * roles[_DOCS],
            self._any_platform * other_platform,
        )

    def _path_row(self, path: str) -> tuple[float, float, float, float, float, float]:
        """How the names of a file and of its folders fit."""
        name, folders, last_folder, whole = path_stems(path)
        if _prefixes(whole).isdisjoint(self._by_prefix):  # as most are
            return _NO_PATH
        own = self._overlap(name)
        return (
            own.recall,
            own.precision,
            own.f1,
            self._overlap(folders).recall,
            self._overlap(last_folder).f1,
            self._overlap(whole).recall,
        )

    def chunk_row(self, candidate: Candidate) -> tuple[float, ...]:
        """Return :data:`_OF_CHUNK` of a candidate."""
        head = candidate.head
        named = self._name_row(head.symbol) if head.symbol else _NO_NAME
        places = self._query.places
        line = float(bool(places) and any(_holds(head, *place) for place in places))
        block = float(head.kind == "block")
        if not candidate.matches:
            return (*named, 0.0, 0.0, 0.0, 0.0, line, block)
        # `Session.send` names the method and not the class, nor another's `send`.
        fitting = [match for match in candidate.matches if not self._is_of_another(match)]
        return (
            *named,
            max(map(self._definition, candidate.matches)),
            float(any(match.exact and _last(match.symbol) in self._query.identifiers for match in fitting)),
            float(any(match.kind in _TYPES for match in fitting)),
            max((self._qualified(head.path, match) for match in fitting), default=0.0),
            line,
            block,
        )

    def _is_of_another(self, match: SymbolMatch) -> bool:
        """Whether the question names a member, and this is something else."""
        return (
            self._query.is_symbol
            and bool(self._query.qualified)
            and not any(
                _agree(match.symbol.lower(), asked) or asked.endswith("." + match.symbol.lower())
                for asked in self._query.qualified
            )
        )

    def _qualified(self, path: str, match: SymbolMatch) -> float:
        """How far a definition is the member that is asked for: of a type, or in a folder or file of that name."""
        symbol = match.symbol.lower()
        for asked in self._query.qualified:
            if _agree(symbol, asked):
                return 1.0
            scope, _, name = asked.rpartition(".")
            if symbol == name and _last(scope) in re.split(r"[/.]", path.lower()):
                return _BY_FOLDER
        return 0.0

    def _name_row(self, symbol: str) -> tuple[float, float, float]:
        """How the name that a chunk defines fits: by itself, and with what encloses it."""
        name, scoped = _symbol_stems(symbol)
        if _prefixes(scoped).isdisjoint(self._by_prefix):  # as nearly all are
            return _NO_NAME
        own = self._overlap(name)
        return (own.f1, own.precision, self._overlap(scoped).f1)

    def _definition(self, match: SymbolMatch) -> float:
        """How much a definition is what the question names."""
        query = self._query
        name = _last(match.symbol)
        weight = _DEFINING[match.kind] * (1.0 if match.exact else _OTHER_STYLE)
        if query.is_symbol:
            written = query.text.removesuffix("()").replace("::", ".").replace("->", ".").replace("#", ".")
            if "." not in written:
                return weight
            # `Session.send` asks for that method, not for the class and not for another `send`
            whole = match.symbol.lower().endswith(written.lower())
            return weight * (_QUALIFIED if whole else _HALF_QUALIFIED)
        if name in query.identifiers:
            return weight * _SPELLED_OUT
        return weight * self._overlap(stems_of(name)).f1

    def _overlap(self, found: frozenset[str]) -> _Overlap:
        """Compare the stems of a name with those of the question.

        A word counts where it begins with the other (``hasher``, ``hash``), if at least four letters agree.
        """
        known = self._overlaps.get(found)
        if known is None:
            known = self._overlaps[found] = self._compare(found)
        return known

    def _compare(self, found: frozenset[str]) -> _Overlap:
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
            return _NO_OVERLAP
        recall, precision = len(covered) / len(self._stems), fitting / len(found)
        return _Overlap(recall, precision, 2.0 * recall * precision / (recall + precision))


def _agree(symbol: str, asked: str) -> bool:
    """Whether two qualified names are one, the one with more of what encloses it than the other."""
    return "." in symbol and (symbol == asked or symbol.endswith("." + asked) or asked.endswith("." + symbol))


def _same_path(path: str, asked: str) -> bool:
    """Whether a path is the one asked for, the one with more of its folders than the other."""
    return path == asked or path.endswith("/" + asked) or asked.endswith("/" + path)


def _holds(head: ChunkHead, path: str, line: int) -> bool:
    return head.start_line <= line <= head.end_line and _same_path(head.path, path)


def _last(symbol: str) -> str:
    return symbol.rpartition(".")[2]


@lru_cache(maxsize=50_000)
def _prefixes(stems: frozenset[str]) -> frozenset[str]:
    return frozenset(word[:_MIN_PREFIX] for word in stems)


@lru_cache(maxsize=50_000)
def stems_of(name: str) -> frozenset[str]:
    """Return the stems of a name's words."""
    return frozenset(map(stem, split_identifier(name)))


@lru_cache(maxsize=50_000)
def _symbol_stems(symbol: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the stems of a name's last part, and of all of it."""
    scope, _, name = symbol.rpartition(".")
    return stems_of(name), stems_of(name) | stems_of(scope)


@lru_cache(maxsize=50_000)
def path_stems(path: str) -> tuple[frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    """Return the stems of a file's name, of all its folders' names, of its own folder's, and of all together."""
    folders, _, name = path.rpartition("/")
    stem_of_file, of_folders = stems_of(name.split(".", 1)[0]), stems_of(folders)
    return stem_of_file, of_folders, stems_of(folders.rpartition("/")[2]), stem_of_file | of_folders


@lru_cache(maxsize=50_000)
def _file_facts(
    path: str, uses: int, chunks: int, tags: frozenset[FileTag]
) -> tuple[tuple[float, ...], tuple[float, ...], float]:
    """Return what no question changes: ``uses`` to ``header``, the file's roles, whether it is of another platform."""
    facts = (
        math.log1p(min(uses, _MOST_USES)),
        math.log1p(min(chunks, _MOST_CHUNKS)),
        float(min(path.count("/"), _MOST_FOLDERS)),
        *_file_kind(path),
    )
    return facts, tuple(float(tag in tags) for tag in _TAGS), float(bool(_OTHER_PLATFORM.search(path)))


def _file_kind(path: str) -> tuple[float, float, float, float]:
    """Whether a path is generic, of declarations, of re-exports, a header."""
    name = path.rpartition("/")[2].split(".", 1)[0].lower()
    declares = bool(_DECLARATIONS.search(path))
    found: tuple[bool, ...] = (
        name in _GENERIC_NAMES,
        declares,
        not declares and bool(_REEXPORT.search(path)),
        bool(_HEADER.search(path)),
    )
    generic, declarations, reexports, header = map(float, found)
    return generic, declarations, reexports, header


__all__ = ["FEATURES", "Feature", "QuestionKind", "kind_of", "measure", "path_stems", "stems_of"]
