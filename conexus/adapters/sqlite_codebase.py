# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements Codebase on the tables of the SQLite catalog."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence, Set
from typing import Any, TypeVar, cast

from conexus.adapters.catalog_rows import known, of_tied_files
from conexus.adapters.catalog_scope import Scope
from conexus.chunk_ids import chunk_id_of
from conexus.lexical import name_key
from conexus.types import (
    ChunkId,
    DependencyScope,
    Ecosystem,
    Endpoint,
    EndpointKind,
    EndpointSide,
    FileId,
    FileOutline,
    Import,
    IndexId,
    Neighbour,
    PackageProvided,
    PackageRequired,
    Span,
    Symbol,
    SymbolKind,
    SymbolRow,
)

_T = TypeVar("_T")
_Rows = Callable[[str, Sequence[object]], list[tuple[object, ...]]]
_DEFINING_FILES = 4  # a name that more files define ties no two of them together
_MAX_PARAMETERS = 500
_SYMBOL = (
    "s.name, s.kind, s.start_byte, s.end_byte, s.start_line, s.end_line, s.name_line, s.parent, s.signature, s.doc"
)


class SqliteCodebase:
    """Reads definitions and uses.

    Args:
        rows: Runs a statement with its parameters and returns all rows.
        scope: Says which rows an index has.
    """

    def __init__(self, rows: _Rows, scope: Callable[[IndexId], Scope] = Scope) -> None:
        self._rows = rows
        self._scope = scope

    def definitions(
        self, index: IndexId, keys: Sequence[str], limit: int, without: Set[SymbolKind] = frozenset()
    ) -> list[tuple[FileId, Symbol]]:
        """Return definitions whose name has one of the keys, the largest first."""
        found: list[tuple[FileId, Symbol]] = []
        scope = self._scope(index)
        for part in _parts(keys):
            rows = self._rows(
                f"SELECT s.file, {_SYMBOL} FROM symbols s WHERE s.index_id = ? AND s.key IN ({_marks(part)}) "  # noqa: S608 -- question marks only
                f"AND s.kind NOT IN ({_marks(list(without))}){scope.within('s.file')} "
                "ORDER BY s.end_byte - s.start_byte DESC, s.file, s.start_byte LIMIT ?",
                (scope.pool, *part, *map(str, without), limit),
            )
            found += [(FileId(_int(row[0])), _symbol(row[1:])) for row in rows]
        return found

    def defined_in(self, files: Sequence[FileId], limit: int) -> dict[FileId, list[Symbol]]:
        """Return what files define, in their order, at most ``limit`` for each, outer ones before inner ones."""
        found: dict[FileId, list[Symbol]] = {file: [] for file in files}
        for part in _parts(files):
            rows = self._rows(
                f"WITH ranked AS (SELECT s.rowid AS number, row_number() OVER (PARTITION BY s.file "  # noqa: S608 -- question marks only
                "ORDER BY length(s.parent) - length(replace(s.parent, '.', '')) + (s.parent <> ''), s.start_byte"
                ") AS place "
                f"FROM symbols s WHERE s.file IN ({_marks(part)})) "
                f"SELECT s.file, {_SYMBOL} FROM ranked r JOIN symbols s ON s.rowid = r.number WHERE r.place <= ? "
                "ORDER BY s.file, s.start_byte",
                (*part, limit),
            )
            for row in rows:
                found[FileId(_int(row[0]))].append(_symbol(row[1:]))
        return found

    def uses(self, index: IndexId, names: Sequence[str], limit: int) -> list[tuple[FileId, int]]:
        """Return files and lines that use one of the names, by path and line."""
        found: list[tuple[FileId, int]] = []
        scope = self._scope(index)
        for part in _parts(names):
            rows = self._rows(
                f"SELECT r.file, r.lines FROM refs r JOIN files f ON f.id = r.file{scope.join} "  # noqa: S608 -- question marks only
                f"WHERE r.name IN ({_marks(part)}) AND f.index_id = ? ORDER BY f.path LIMIT ?",
                (*part, scope.pool, limit),
            )
            found += [(FileId(_int(file)), int(line)) for file, lines in rows for line in str(lines).split()]
        return found[:limit]

    def neighbours(self, index: IndexId, file: FileId) -> list[Neighbour]:
        """Return files that use what a file defines, and files that define what it uses, name by name."""
        own = {str(row[0]) for row in self._rows("SELECT DISTINCT name FROM symbols WHERE file = ?", (file,))}
        used = {str(row[0]) for row in self._rows("SELECT DISTINCT name FROM refs WHERE file = ?", (file,))}
        defined = self._defining_files(index, own | used)
        found = [
            Neighbour(other, name, uses=False)
            for name in sorted(used)
            for other in sorted(defined.get(name, ()))
            if other != file
        ]
        scope = self._scope(index)
        for part in _parts(sorted(name for name in own if name in defined)):
            rows = self._rows(
                f"SELECT r.file, r.name FROM refs r JOIN files f ON f.id = r.file{scope.join} "  # noqa: S608 -- question marks only
                f"WHERE r.name IN ({_marks(part)}) AND +f.index_id = ? AND r.file <> ?",
                (*part, scope.pool, file),
            )
            found += [Neighbour(FileId(_int(other)), str(name), uses=True) for other, name in rows]
        return found

    def _defining_files(self, index: IndexId, names: Set[str]) -> dict[str, set[FileId]]:
        """Return which files define a name, of the names that few define."""
        defined: dict[str, set[FileId]] = {}
        scope = self._scope(index)
        for part in _parts(sorted({name_key(name) for name in names})):
            rows = self._rows(
                f"SELECT name, file FROM symbols WHERE index_id = ? AND key IN ({_marks(part)})"  # noqa: S608 -- question marks only
                f"{scope.within('symbols.file')}",
                (scope.pool, *part),
            )
            for name, file in rows:
                if name in names:
                    defined.setdefault(str(name), set()).add(FileId(_int(file)))
        return {name: files for name, files in defined.items() if len(files) <= _DEFINING_FILES}

    def graph_files(self, index: IndexId) -> list[tuple[FileOutline, bool]]:
        """Return every indexed file, and whether it is a test."""
        scope = self._scope(index)
        rows = self._rows(
            f"SELECT f.id, f.path, f.language, {scope.uses}, instr(' ' || f.tags || ' ', ' test ') > 0 "  # noqa: S608 -- constants
            f"FROM files f{scope.join} WHERE f.index_id = ? AND f.skipped IS NULL",
            (scope.pool,),
        )
        return [(_outline(row[:4]), bool(row[4])) for row in rows]

    def imports(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return what every file imports, as written there, each once."""
        scope = self._scope(index)
        rows = self._rows(
            f"SELECT DISTINCT i.file, i.target FROM imports i JOIN files f ON f.id = i.file{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ?",
            (scope.pool,),
        )
        return [(FileId(_int(file)), str(target)) for file, target in rows]

    def import_places(self, index: IndexId) -> list[tuple[FileId, Import]]:
        """Return what every file imports, with the lines that it does so on."""
        rows = self._of_files(index, "imports", "x.target, x.line")
        return [(FileId(_int(file)), Import(str(target), _int(line))) for file, target, line in rows]

    def packages_provided(self, index: IndexId) -> list[tuple[FileId, PackageProvided]]:
        """Return the packages that manifests describe."""
        rows = self._of_files(index, "packages_provided", "x.ecosystem, x.name, x.version, x.line")
        return [
            (FileId(_int(file)), PackageProvided(known(Ecosystem, ecosystem), str(name), str(version), _int(line)))
            for file, ecosystem, name, version, line in rows
        ]

    def packages_required(self, index: IndexId) -> list[tuple[FileId, PackageRequired]]:
        """Return the packages that manifests and lock files ask for."""
        columns = "x.ecosystem, x.name, x.version_range, x.scope, x.line"
        found: list[tuple[FileId, PackageRequired]] = []
        for file, ecosystem, name, version, scope, line in self._of_files(index, "packages_required", columns):
            which = known(Ecosystem, ecosystem), str(name), str(version), known(DependencyScope, scope)
            found.append((FileId(_int(file)), PackageRequired(*which, _int(line))))
        return found

    def endpoints(self, index: IndexId) -> list[tuple[FileId, Endpoint]]:
        """Return the routes and remote methods that files serve and call."""
        found: list[tuple[FileId, Endpoint]] = []
        for file, kind, side, method, path, line in self._of_files(
            index, "endpoints", "x.kind, x.side, x.method, x.path, x.line"
        ):
            which = known(EndpointKind, kind), known(EndpointSide, side), str(method), str(path)
            found.append((FileId(_int(file)), Endpoint(*which, _int(line))))
        return found

    def _of_files(self, index: IndexId, table: str, columns: str) -> list[tuple[object, ...]]:
        """Return the files and further columns of a table ``x`` that holds facts of files, in the order of its rows."""
        scope = self._scope(index)
        return self._rows(
            f"SELECT x.file, {columns} FROM {table} x JOIN files f ON f.id = x.file{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? ORDER BY x.rowid",
            (scope.pool,),
        )

    def ties(self, index: IndexId) -> set[tuple[FileId, FileId]]:
        """Return the pairs of which the first uses a name that the second, and few others, define."""
        scope = self._scope(index)
        rows = self._rows(of_tied_files(scope, "DISTINCT r.file, d.file"), (scope.pool, _DEFINING_FILES))
        return {(FileId(_int(user)), FileId(_int(definer))) for user, definer in rows}

    def most_used(self, index: IndexId, limit: int) -> list[FileOutline]:
        """Return the files that others use most, the ones without a use last, tests and examples left out."""
        scope = self._scope(index)
        rows = self._rows(
            f"SELECT f.id, f.path, f.language, {scope.uses} FROM files f{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? AND f.skipped IS NULL "
            "AND instr(' ' || f.tags || ' ', ' test ') = 0 AND instr(' ' || f.tags || ' ', ' example ') = 0 "
            f"ORDER BY {scope.uses} DESC, length(f.path), f.path LIMIT ?",
            (scope.pool, limit),
        )
        return [_outline(row) for row in rows]

    def outlines(self, files: Sequence[FileId]) -> dict[FileId, FileOutline]:
        """Return path, language and number of uses of files."""
        found: dict[FileId, FileOutline] = {}
        for part in _parts(files):
            rows = self._rows(
                f"SELECT id, path, language, uses FROM files WHERE id IN ({_marks(part)})",  # noqa: S608 -- question marks only
                part,
            )
            found.update((FileId(_int(row[0])), _outline(row)) for row in rows)
        return found

    def file_at(self, index: IndexId, path: str) -> FileOutline | None:
        """Return an indexed file by its path."""
        scope = self._scope(index)
        rows = self._rows(
            f"SELECT f.id, f.path, f.language, {scope.uses} FROM files f{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? AND f.path = ? AND f.skipped IS NULL",
            (scope.pool, os.fsencode(path)),
        )
        return _outline(rows[0]) if rows else None

    def chunks_of(self, file: FileId, first_line: int, last_line: int) -> list[ChunkId]:
        """Return the chunks with a line of the range, in their order."""
        rows = self._rows(
            "SELECT id FROM chunks WHERE file = ? AND end_line >= ? AND start_line <= ? ORDER BY ordinal",
            (file, first_line, last_line),
        )
        return [chunk_id_of(row[0]) for row in rows if isinstance(row[0], bytes)]

    def enclosing(self, file: FileId, span: Span) -> list[Symbol]:
        """Return the definitions that reach from before a span to behind it, outer ones first."""
        rows = self._rows(
            f"SELECT {_SYMBOL} FROM symbols s WHERE s.file = ? AND s.start_byte < ? AND s.end_byte >= ? "  # noqa: S608 -- a constant
            "ORDER BY s.start_byte, s.end_byte DESC",
            (file, span.start_byte, span.end_byte),
        )
        return [_symbol(row) for row in rows]

    def used_between(self, file: FileId, first_line: int, last_line: int) -> list[str]:
        """Return the names that lines of a file use, in the order of their first places."""
        found: list[tuple[int, str]] = []
        for name, lines in self._rows("SELECT name, lines FROM refs WHERE file = ?", (file,)):
            inside = [line for line in map(int, str(lines).split()) if first_line <= line <= last_line]
            if inside:
                found.append((min(inside), str(name)))
        return [name for _, name in sorted(found)]

    def import_lines(self, file: FileId) -> list[int]:
        """Return the lines of a file that import something, in their order."""
        rows = self._rows("SELECT DISTINCT line FROM imports WHERE file = ? ORDER BY line", (file,))
        return [_int(row[0]) for row in rows]

    def line_count(self, file: FileId) -> int:
        """Return the number of the last line of a file."""
        rows = self._rows("SELECT coalesce(max(end_line), 0) FROM chunks WHERE file = ?", (file,))
        return _int(rows[0][0])

    def symbol_rows(self, files: Sequence[FileId]) -> list[SymbolRow]:
        """Return what files define, file by file in the order of their places, outer ones before inner ones."""
        found: list[SymbolRow] = []
        for part in _parts(sorted(files)):
            rows = self._rows(
                "SELECT file, name, kind, start_line, end_line, name_line, parent FROM symbols "  # noqa: S608 -- question marks only
                f"WHERE file IN ({_marks(part)}) ORDER BY file, start_byte, end_byte DESC",
                part,
            )
            found += [SymbolRow._make(row) for row in cast("list[Any]", rows)]
        return found

    def reference_rows(self, files: Sequence[FileId]) -> list[tuple[FileId, str, str]]:
        """Return the names that files use, each with its lines, parted by blanks."""
        found: list[tuple[FileId, str, str]] = []
        for part in _parts(sorted(files)):
            rows = self._rows(f"SELECT file, name, lines FROM refs WHERE file IN ({_marks(part)})", part)  # noqa: S608 -- as above
            found += cast("list[Any]", rows)
        return found


def _symbol(row: Sequence[object]) -> Symbol:
    name, kind, start_byte, end_byte, start_line, end_line, name_line, parent, signature, doc = row
    return Symbol(
        name=str(name),
        kind=known(SymbolKind, kind),
        span=Span(_int(start_byte), _int(end_byte), _int(start_line), _int(end_line)),
        name_line=_int(name_line),
        parent=str(parent),
        signature=str(signature),
        doc=str(doc),
    )


def _outline(row: Sequence[object]) -> FileOutline:
    file, path, language, uses = row
    text = os.fsdecode(path) if isinstance(path, bytes) else str(path)
    return FileOutline(FileId(_int(file)), text, None if language is None else str(language), _int(uses))


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (items[start : start + _MAX_PARAMETERS] for start in range(0, len(items), _MAX_PARAMETERS))


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" * len(items))


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is no whole number")
    return value
