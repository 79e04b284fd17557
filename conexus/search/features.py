# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how well each candidate fits a question: one row of numbers a candidate. Pure.

Most features lie in [0, 1]. What they are worth is learnt (``weights.py``); here is only what they are. The
sign that a feature's weight must have is part of its definition: learning on a few hundred questions would
otherwise find that a test's file or a missing word speaks for a result, now and then.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.lexical import words
from conexus.search.candidates import Candidates
from conexus.search.columns import ROLES, ChunkColumns, declares
from conexus.search.names import AskedWords, Row
from conexus.search.query import Query, same_path
from conexus.types import FileTag, Retriever, SymbolKind, SymbolMatch
from conexus.values import dataclass

Matrix = npt.NDArray[np.float64]

_BEST_OF_FILE = 3
_DENSE_SHARE = 0.8  # of meaning in what speaks for a folder
_RANK_OFFSET = 3.0  # keeps the first ranks from outweighing all others


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

_AT_RETRIEVAL: Final = slice(0, len(_RETRIEVAL))
_AT_FILE: Final = slice(_AT_RETRIEVAL.stop, _AT_RETRIEVAL.stop + len(_OF_FILE))
_AT_CHUNK: Final = slice(_AT_FILE.stop, _AT_FILE.stop + len(_OF_CHUNK))
_DOCS: Final = ROLES.index(FileTag.DOCS)
# Places of columns in those of files and of chunks.
_PATH_ASKED: Final = 6
_NAME: Final = slice(0, 3)
_DEFINED: Final = slice(3, 7)
_LINE_ASKED: Final = 7
_BLOCK: Final = 8
# A question that says one of these words wants such files.
_TAG_WORDS: Final = {
    FileTag.TEST: frozenset({"test", "spec", "fixtur", "mock"}),
    FileTag.EXAMPLE: frozenset({"exampl", "sampl", "demo", "tutori"}),
    FileTag.DOCS: frozenset({"doc", "document", "readm", "guid"}),
    FileTag.CONFIG: frozenset({"config", "configur", "set", "ci", "workflow"}),
}
_DOCS_ASKED: Final = frozenset("doc docs documentation guide manual readme tutorial changelog".split())
_PLATFORM_ASKED: Final = frozenset(
    "aix cygwin haiku ibmi mingw msvc os390 qnx solaris sunos vms win win32 win64 wince windows zos".split()
)
_VERSION = re.compile(r"(?:^|/)v(\d{1,4})(?=/)")
_VERSION_ASKED = re.compile(r"\bv(?:ersion )?\d", re.IGNORECASE)
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


def kind_of(query: Query) -> QuestionKind:
    """Return the kind of a question."""
    if query.is_symbol:
        return QuestionKind.NAME
    return QuestionKind.EXPLANATION if query.text.lower().startswith(("how ", "why ")) else QuestionKind.OTHER


def measure(query: Query, candidates: Candidates, dense_floor: float) -> Matrix:
    """Measure candidates.

    Args:
        query: What is asked.
        candidates: At least one.
        dense_floor: Similarity of the last chunk that the dense search returned: below it nothing is known.

    Returns:
        Shape ``(len(candidates), len(FEATURES))``.
    """
    asked = _Asked(query)
    files, paths = candidates.file, candidates.paths
    older = np.zeros(len(paths)) if asked.names_version else _older_versions(paths)
    found = np.empty((len(candidates), len(FEATURES)))
    found[:, _AT_RETRIEVAL] = _retrieval(candidates, dense_floor)
    found[:, _AT_FILE] = asked.files(candidates)[files]
    found[:, _AT_CHUNK] = asked.chunks(candidates)
    found[:, -2] = older[files]
    found[:, -1] = _only_declared(query, candidates)
    return found


# ------------------------------------------------------------------------------- retrieval


def _retrieval(candidates: Candidates, dense_floor: float) -> Matrix:
    files = candidates.file
    bm25 = candidates.bm25 / (candidates.bm25.max() or 1.0)
    dense = np.where(candidates.found(Retriever.DENSE), candidates.dense, dense_floor)
    dense = np.maximum(0.0, dense - dense_floor)
    dense = dense / max(dense.max(), 1e-6)
    file_bm25, file_dense = _of_files(bm25, files), _of_files(dense, files)
    folders = _numbered(path.rpartition("/")[0] for path in candidates.paths)
    in_folder = _sums(folders, file_bm25 + _DENSE_SHARE * file_dense)
    folder = (in_folder / (in_folder.max() or 1.0))[folders]
    of_file = np.stack((file_bm25, file_dense, _nearness(file_bm25), _nearness(file_dense), folder))
    return np.vstack((bm25, dense, _nearness(bm25), _nearness(dense), of_file[:, files])).T


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


def _version_of(path: str) -> tuple[str, int] | None:
    """Return the folder that holds versions, and which of them a file is in."""
    found = _VERSION.search(path) if "/v" in path or path.startswith("v") else None
    return None if found is None else (path[: found.start()], int(found[1]))


def _only_declared(query: Query, candidates: Candidates) -> Row:
    """Whether a candidate declares a name that is written in the question, and another defines it: header and source.

    Only names written as names of code count: many a word of a sentence is the name of something.
    """
    only = np.zeros(len(candidates))
    if not query.identifiers:
        return only
    names = {
        place: {_last(match.symbol) for match in matches if match.exact}.intersection(query.identifiers)
        for place, matches in candidates.matches.items()
    }
    declaring = [place for place, own in names.items() if own and declares(candidates.paths[candidates.file[place]])]
    if declaring:
        defined = frozenset[str]().union(*(own for place, own in names.items() if place not in declaring))
        only[[place for place in declaring if names[place] <= defined]] = 1.0
    return only


# ----------------------------------------------------------------------------------- words


class _Asked:
    """A question, compared with names and paths."""

    def __init__(self, query: Query) -> None:
        self._query = query
        self._words = AskedWords(query.stems)
        stems = self._words.stems
        self._unasked_roles = np.array([float(not _TAG_WORDS[tag] & stems) for tag in ROLES])
        said = frozenset(map(str.lower, words(query.text)))
        self._wants_docs = float(not said.isdisjoint(_DOCS_ASKED))
        self._any_platform = float(said.isdisjoint(_PLATFORM_ASKED))
        self._said: dict[tuple[str, SymbolKind, bool], tuple[float, float, float]] = {}
        self._known: dict[int, npt.NDArray[np.uint64]] = {}
        self.names_version = bool(_VERSION_ASKED.search(query.text))

    def files(self, candidates: Candidates) -> Matrix:
        """Return :data:`_OF_FILE` of the candidates' files."""
        found = np.zeros((len(candidates.first_of_file), len(_OF_FILE)))
        for part, files, rows in candidates.files_by_part():
            columns = part.columns
            which = columns.file[rows].astype(np.intp)
            among = self._among(columns)
            names = self._words.overlaps(among, columns.file_names, 4 * which[:, np.newaxis] + np.arange(4))
            roles = columns.roles[which]
            found[files] = np.column_stack(
                (
                    names.recall[:, 0],
                    names.precision[:, 0],
                    names.f1[:, 0],
                    names.recall[:, 1],
                    names.f1[:, 2],
                    names.recall[:, 3],
                    np.zeros(len(which)),
                    columns.facts[which],
                    roles * self._unasked_roles,
                    self._wants_docs * roles[:, _DOCS],
                    self._any_platform * columns.other_platform[which],
                )
            )
        if self._query.paths:
            found[:, _PATH_ASKED] = [
                float(any(same_path(path, asked) for asked in self._query.paths)) for path in candidates.paths
            ]
        return found

    def chunks(self, candidates: Candidates) -> Matrix:
        """Return :data:`_OF_CHUNK` of candidates."""
        found = np.zeros((len(candidates), len(_OF_CHUNK)))
        for part in candidates.parts:
            columns, rows = part.columns, part.rows
            among = self._among(columns)
            symbols, places = np.unique(columns.symbol[rows], return_inverse=True)
            names = self._words.overlaps(among, columns.symbol_names, 2 * symbols[:, np.newaxis] + np.arange(2))
            of_symbols = np.column_stack((names.f1[:, 0], names.precision[:, 0], names.f1[:, 1]))
            found[part.at, _NAME] = of_symbols[places]
            if "block" in columns.kinds:
                found[part.at, _BLOCK] = columns.kind[rows] == columns.kinds.index("block")
            for path, line in self._query.places:
                held = (columns.start_line[rows] <= line) & (columns.end_line[rows] >= line)
                for place, row in zip(part.at[held].tolist(), rows[held].tolist(), strict=True):
                    if same_path(columns.paths[columns.file[row]], path):
                        found[place, _LINE_ASKED] = 1.0
        if candidates.matches:
            found[list(candidates.matches), _DEFINED] = self._definitions(candidates)
        return found

    def _definitions(self, candidates: Candidates) -> list[tuple[float, float, float, float]]:
        """Return the columns of :data:`_DEFINED` of the chunks that hold definitions."""
        if not self._query.qualified:
            return [(*self._said_of_all(matches), 0.0) for matches in candidates.matches.values()]
        return [
            (*self._said_of_all(matches), self._most_qualified(candidates.paths[candidates.file[place]], matches))
            for place, matches in candidates.matches.items()
        ]

    def _among(self, columns: ChunkColumns) -> npt.NDArray[np.uint64]:
        found = self._known.get(id(columns))
        if found is None:
            found = self._known[id(columns)] = self._words.among(columns.words)
        return found

    def _most_qualified(self, path: str, matches: Sequence[SymbolMatch]) -> float:
        fitting = (match for match in matches if not self._is_of_another(match))
        return max((self._qualified(path, match) for match in fitting), default=0.0)

    def _said_of_all(self, matches: Sequence[SymbolMatch]) -> tuple[float, float, float]:
        first = self._said_of(matches[0])
        if len(matches) == 1:  # as is the rule
            return first
        defined, spelled, typed = zip(first, *map(self._said_of, matches[1:]), strict=True)
        return max(defined), max(spelled), max(typed)

    def _said_of(self, match: SymbolMatch) -> tuple[float, float, float]:
        """Return the columns of :data:`_DEFINED` that one definition makes, but for the last."""
        # What a name is part of counts where nothing but a name is asked for.
        symbol = match.symbol if self._query.is_symbol else _last(match.symbol)
        key = (symbol, match.kind, match.exact)
        found = self._said.get(key)
        if found is None:
            fits = not self._is_of_another(match)  # `Session.send` names the method, not the class or another's `send`
            found = self._said[key] = (
                self._definition(match),
                float(fits and match.exact and _last(match.symbol) in self._query.identifiers),
                float(fits and match.kind in _TYPES),
            )
        return found

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
        return weight * self._words.f1(name)


def _agree(symbol: str, asked: str) -> bool:
    """Whether two qualified names are one, the one with more of what encloses it than the other."""
    return "." in symbol and (symbol == asked or symbol.endswith("." + asked) or asked.endswith("." + symbol))


def _last(symbol: str) -> str:
    return symbol.rpartition(".")[2]


__all__ = ["FEATURES", "Feature", "Matrix", "QuestionKind", "Row", "kind_of", "measure"]
