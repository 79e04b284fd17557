# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What one repository brings to the graph, as one kind of caller sees it, in arrays.

Files, definitions and uses have numbers of their own within a part, so that a part is read, changed and dropped
without a look at any other. A file keeps its number as long as its path is there, whatever becomes of its text. Names
are kept as 64-bit hashes of this process. When an index changes, only the definitions and uses of files with new ids
are read anew: a file that is read anew has another id in the catalog.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from conexus.edition import DependencyFacts
from conexus.types import (
    Ecosystem,
    Endpoint,
    FileId,
    IndexedView,
    IndexInfo,
    PackageProvided,
    PackageRequired,
    SymbolKind,
    SymbolRow,
)
from conexus.values import dataclass
from conexus_ee.graph_modules import Offers, offers_of

Ints: TypeAlias = npt.NDArray[np.int32]
Hashes: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

NOWHERE: Final = -1
_HOLDS_NOTHING: Final = frozenset({SymbolKind.FIELD, SymbolKind.KEY, SymbolKind.SECTION, SymbolKind.VARIABLE})
"""Kinds of definitions that a line is not said to be in."""


def _ints(values: Collection[int]) -> Ints:
    return np.fromiter(values, np.int32, len(values))


@dataclass(eq=False)
class Code:
    """Definitions and uses of a part."""

    file: Ints
    """Of each definition; definitions are in the order of files and places."""
    start: Ints
    end: Ints
    line: Ints
    """Of its name."""
    name: Hashes
    around: Ints
    """The definition around each, or :data:`NOWHERE`."""
    holds: Bools
    """Whether a line can be said to be in it."""
    use_name: Hashes
    """Of each use; uses are in the order of their names' hashes."""
    use_file: Ints
    use_in: Ints
    """The definition that a use is in, or :data:`NOWHERE`."""
    use_line: Ints
    by_name: Ints = field(default_factory=lambda: np.empty(0, np.int32))
    """Definitions in the order of their names' hashes."""

    def __post_init__(self) -> None:
        self.by_name = np.argsort(self.name, kind="stable").astype(np.int32)

    @property
    def size_bytes(self) -> int:
        """Memory of the arrays."""
        return sum(getattr(self, name).nbytes for name in (*_ARRAYS, "by_name"))

    def defined(self, name: int) -> Ints:
        """Return the definitions of a name."""
        first, last = (np.searchsorted(self.name, name, side, sorter=self.by_name) for side in ("left", "right"))
        return self.by_name[first:last]

    def uses(self, name: int) -> slice:
        """Return which uses are of a name."""
        first, last = (int(np.searchsorted(self.use_name, name, side)) for side in ("left", "right"))
        return slice(first, last)

    def of_file(self, file: int) -> range:
        """Return the definitions of a file."""
        first, last = np.searchsorted(self.file, [file, file + 1])
        return range(int(first), int(last))

    def around_lines(self, file: int, lines: Sequence[int]) -> set[int]:
        """Return the smallest definitions that lines of a file are in."""
        asked = np.array(lines, dtype=np.int64)
        return set(_innermost(self, np.full(len(asked), file), asked).tolist()) - {NOWHERE}

    def innermost(self, file: int, line: int) -> int:
        """Return the smallest definition that a line is in, or :data:`NOWHERE`."""
        return int(_innermost(self, np.array([file]), np.array([line]))[0])


_ARRAYS: Final = (
    "file",
    "start",
    "end",
    "line",
    "name",
    "around",
    "holds",
    "use_name",
    "use_file",
    "use_in",
    "use_line",
)


@dataclass(eq=False)
class Ties:
    """Which files of a part import which of it."""

    file: Ints
    meant: Ints
    """What is imported; ties are in the order of it."""
    starts: Ints
    """Of each file, where the ties begin of which it is meant."""

    def importers(self, file: int) -> Ints:
        """Return the files that import one."""
        return self.file[self.starts[file] : self.starts[file + 1]]


@dataclass(eq=False)
class Part:
    """A repository as a caller sees it; the last two are read on demand."""

    view: IndexedView
    index: IndexInfo
    state: str
    files: npt.NDArray[np.int64]
    """Ids in the catalog; :data:`NOWHERE` where a file is gone."""
    paths: list[str]
    """Empty where a file is gone."""
    languages: list[str]
    tests: Bools
    at: dict[str, int]
    """Numbers of files by path."""
    provided: list[tuple[int, PackageProvided]]
    required: list[tuple[int, PackageRequired]]
    endpoints: list[tuple[int, Endpoint]]
    import_file: Ints
    import_target: Ints
    """Place in :attr:`targets`."""
    import_line: Ints
    targets: list[str]
    """What imports say, each once."""
    offers: Offers
    aliases: Mapping[str, str]
    """Names under which its manifests have packages of npm that are called otherwise, with those packages."""
    code: Code | None = None
    ties: Ties | None = None

    @property
    def repo(self) -> str:
        """Id of the repository."""
        return self.view.repo

    @property
    def size_bytes(self) -> int:
        """Memory, about."""
        code = 0 if self.code is None else self.code.size_bytes
        return code + 300 * len(self.paths) + 12 * len(self.import_file) + 80 * len(self.targets)


def read_part(view: IndexedView, index: IndexInfo, state: str, facts: DependencyFacts, old: Part | None) -> Part:
    """Return a repository as its index is now.

    Args:
        view: The view; its repository and tree.
        index: What the caller sees of its live generation.
        state: Of the index.
        facts: Where it is read.
        old: The same as it was before, whose numbers, definitions and uses are taken over.
    """
    listed = facts.files(index.id)
    at = {} if old is None else {path: old.at[path] for path in (file.path for file, _ in listed) if path in old.at}
    count = 0 if old is None else len(old.paths)
    for file, _ in listed:
        if file.path not in at:
            at[file.path], count = count, count + 1
    files, tests = np.full(count, NOWHERE, np.int64), np.zeros(count, bool)
    paths, languages, place = [""] * count, [""] * count, {}
    for file, is_test in listed:
        number = at[file.path]
        files[number], tests[number], paths[number], languages[number] = file.id, is_test, file.path, file.language
        place[file.id] = number
    imports = [(place[file], one) for file, one in facts.imports(index.id) if file in place]
    targets: dict[str, int] = {}
    target_of = _ints([targets.setdefault(one.target, len(targets)) for _, one in imports])
    provided = [(place[file], one) for file, one in facts.packages_provided(index.id) if file in place]
    required = [(place[file], one) for file, one in facts.packages_required(index.id) if file in place]
    of_npm = [(paths[file], one.name) for file, one in required if one.ecosystem is Ecosystem.NPM]
    names = {name for _, name in of_npm}
    aliases = facts.aliases(view, sorted({path for path, _ in of_npm}))
    part = Part(
        view=view,
        index=index,
        state=state,
        files=files,
        paths=paths,
        languages=languages,
        tests=tests,
        at=at,
        provided=provided,
        required=required,
        endpoints=[(place[file], one) for file, one in facts.endpoints(index.id) if file in place],
        import_file=_ints([file for file, _ in imports]),
        import_target=target_of,
        import_line=_ints([one.line for _, one in imports]),
        targets=list(targets),
        offers=offers_of(at, [(paths[file], one) for file, one in provided]),
        aliases={alias: name for alias, name in aliases.items() if alias not in names},
    )
    if old is not None and old.code is not None:
        part.code = _changed_code(old, part, facts)
    return part


def code_of(part: Part, facts: DependencyFacts) -> Code:
    """Return the definitions and uses of a part, read where they are not there yet."""
    if part.code is None:
        there = np.flatnonzero(part.files >= 0)
        part.code = read_code({FileId(int(part.files[number])): int(number) for number in there}, facts)
    return part.code


def ties_of(part: Part, facts: DependencyFacts) -> Ties:
    """Return which files of a part import which of it."""
    if part.ties is None:
        place = {FileId(int(file)): number for number, file in enumerate(part.files.tolist()) if file >= 0}
        pairs = {
            (place[meant], place[file])
            for file, _, meant in facts.importing(part.view, part.index)
            if file in place and meant in place and file != meant
        }
        ends = np.array(sorted(pairs), np.int32).reshape(-1, 2)
        starts = np.searchsorted(ends[:, 0], np.arange(len(part.files) + 1)).astype(np.int32)
        part.ties = Ties(np.ascontiguousarray(ends[:, 1]), np.ascontiguousarray(ends[:, 0]), starts)
    return part.ties


def read_code(place: Mapping[FileId, int], facts: DependencyFacts) -> Code:
    """Return the definitions and uses of files, given by their numbers."""
    files = list(place)
    symbols = sorted(facts.symbols(files), key=lambda row: place[row.file])  # stable: places stay in their order
    count = len(symbols)
    found = Code(
        file=np.fromiter((place[row.file] for row in symbols), np.int32, count),
        start=np.fromiter((row.start_line for row in symbols), np.int32, count),
        end=np.fromiter((row.end_line for row in symbols), np.int32, count),
        line=np.fromiter((row.name_line for row in symbols), np.int32, count),
        name=np.fromiter((hash(row.name) for row in symbols), np.int64, count),
        around=_around(symbols),
        holds=np.fromiter((row.kind not in _HOLDS_NOTHING for row in symbols), bool, count),
        use_name=np.empty(0, np.int64),
        use_file=np.empty(0, np.int32),
        use_in=np.empty(0, np.int32),
        use_line=np.empty(0, np.int32),
    )
    names, files_of, lines = _uses(facts.references(files), place)
    order = np.argsort(names, kind="stable")
    found.use_name, found.use_file, found.use_line = names[order], files_of[order], lines[order]
    found.use_in = _innermost(found, found.use_file, found.use_line)
    return found


def _uses(rows: Sequence[tuple[FileId, str, str]], place: Mapping[FileId, int]) -> tuple[Hashes, Ints, Ints]:
    """Return name, file and line of each use."""
    counts = np.fromiter((lines.count(" ") + 1 for _, _, lines in rows), np.int64, len(rows))
    names = np.fromiter((hash(name) for _, name, _ in rows), np.int64, len(rows))
    files = np.fromiter((place[file] for file, _, _ in rows), np.int32, len(rows))
    lines = np.fromiter(map(int, " ".join(text for _, _, text in rows).split()), np.int32, int(counts.sum()))
    return np.repeat(names, counts), np.repeat(files, counts), lines


def _around(symbols: Sequence[SymbolRow]) -> Ints:
    """Return the definition that is around each: those of a file are in order, outer ones first."""
    found = np.full(len(symbols), NOWHERE, np.int32)
    stack: list[int] = []
    last: FileId | None = None
    for number, row in enumerate(symbols):
        if row.file != last:
            stack, last = [], row.file
        while stack and symbols[stack[-1]].end_line < row.end_line:
            stack.pop()
        if stack:
            found[number] = stack[-1]
        stack.append(number)
    return found


def _innermost(code: Code, files: npt.NDArray[np.integer], lines: npt.NDArray[np.integer]) -> Ints:
    """Return the smallest definition that each of some lines is in."""
    if not len(code.file):
        return np.full(len(files), NOWHERE, np.int32)
    keys = code.file.astype(np.int64) << 32 | code.start
    asked = files.astype(np.int64) << 32 | lines
    found = (np.searchsorted(keys, asked, "right") - 1).astype(np.int32)
    found[(found >= 0) & (code.file[found] != files)] = NOWHERE
    while True:  # as often as definitions are nested
        outside = (found >= 0) & ((code.end[found] < lines) | ~code.holds[found])
        if not outside.any():
            return found
        found[outside] = code.around[found[outside]]


def _changed_code(old: Part, new: Part, facts: DependencyFacts) -> Code:
    """Return the definitions and uses of a part that was changed, of which those of files as before are kept."""
    before = old.code
    if before is None:
        raise RuntimeError("there is nothing to change")
    same = np.zeros(len(new.files), bool)
    same[: len(old.files)] = (new.files[: len(old.files)] == old.files) & (old.files >= 0)
    changed = np.flatnonzero(~same & (new.files >= 0))
    added = read_code({FileId(int(new.files[number])): int(number) for number in changed}, facts)
    mine, used = same[before.file], same[before.use_file]
    file = np.concatenate((before.file[mine], added.file))
    order = np.argsort(file, kind="stable")
    place = np.empty(len(order) + 1, np.int32)  # where each definition comes to be
    place[order], place[-1] = np.arange(len(order), dtype=np.int32), NOWHERE
    first = int(mine.sum())
    number = np.full(len(mine) + 1, NOWHERE, np.int32)
    number[:-1][mine] = place[:first]

    def moved(kept: Ints, new: Ints) -> Ints:
        return np.concatenate((number[kept], place[np.where(new >= 0, new + first, NOWHERE)]))

    def both(name: str) -> npt.NDArray[Any]:
        joined: npt.NDArray[Any] = np.concatenate((getattr(before, name)[mine], getattr(added, name)))[order]
        return joined

    names = np.concatenate((before.use_name[used], added.use_name))
    uses = np.argsort(names, kind="stable")
    return Code(
        file=file[order],
        start=both("start"),
        end=both("end"),
        line=both("line"),
        name=both("name"),
        around=moved(before.around[mine], added.around)[order],
        holds=both("holds"),
        use_name=names[uses],
        use_file=np.concatenate((before.use_file[used], added.use_file))[uses],
        use_in=moved(before.use_in[used], added.use_in)[uses],
        use_line=np.concatenate((before.use_line[used], added.use_line))[uses],
    )


__all__ = ["NOWHERE", "Code", "Hashes", "Ints", "Part", "Ties", "code_of", "read_code", "read_part", "ties_of"]
