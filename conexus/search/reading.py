"""Answers what is no search: definitions and uses of a name, related files, a file's text, a map."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from conexus.errors import InvalidRequest, NotFound
from conexus.lexical import name_key
from conexus.ports import Catalog, Codebase
from conexus.types import (
    ChunkId,
    Definition,
    FileId,
    FileOutline,
    FileText,
    IndexedView,
    IndexInfo,
    MapFile,
    RelatedFile,
    RepositoryMap,
    Symbol,
    SymbolAnswer,
    Use,
)

_SHOWN_NAMES = 4
_MAP_SYMBOLS = 12
_MAX_LINE = 2**31 - 1
_DEFINED_WEIGHT = 1.0  # a file that uses this one depends on it just as one that it uses


class CodeReader:
    """Reads the catalog of one data folder.

    Args:
        catalog: Where chunks are.
        codebase: Where definitions and uses are.
    """

    def __init__(self, catalog: Catalog, codebase: Codebase) -> None:
        self._catalog = catalog
        self._code = codebase

    def symbols(
        self, name: str, views: Sequence[tuple[IndexedView, IndexInfo]], limit: int, *, uses: bool
    ) -> SymbolAnswer:
        """Find where a name is defined, and where used if that is asked for.

        A qualified name (``Session.send``) is looked up by its last part; definitions in what is named before it
        come first. Names agree but for case and underscores; those that agree wholly come first.

        Raises:
            InvalidRequest: The name holds no letter or digit.
        """
        parts = [part for part in name.replace("::", ".").replace("->", ".").replace("#", ".").split(".") if part]
        last = parts[-1].removesuffix("()") if parts else ""
        key = name_key(last)
        if not key:
            raise InvalidRequest(f"{name!r} is no name", hint="give a name as Session.send", details={"field": "name"})
        definitions: list[tuple[tuple[bool, bool], Definition]] = []
        found_uses: list[Use] = []
        for view, index in views:
            named = self._code.definitions(index.id, [key], limit + 1)
            outlines = self._code.outlines(list({file for file, _ in named}))
            for file, symbol in named:
                order = (not _belongs(symbol, parts[:-1]), symbol.name != last)
                definitions.append((order, _definition(view, outlines[file], symbol)))
            if uses:
                names = list({symbol.name for _, symbol in named} | {last})
                found_uses += self._uses(view, index, names, limit + 1)
        definitions.sort(key=lambda entry: entry[0])
        return SymbolAnswer(
            tuple(definition for _, definition in definitions[:limit]),
            tuple(found_uses[:limit]),
            complete=len(definitions) <= limit and len(found_uses) <= limit,
        )

    def _uses(self, view: IndexedView, index: IndexInfo, names: Sequence[str], limit: int) -> list[Use]:
        found = self._code.uses(index.id, names, limit)
        outlines = self._code.outlines(list({file for file, _ in found}))
        return [Use(view.repo, str(view.root), outlines[file].path, line) for file, line in found]

    def related(self, view: IndexedView, index: IndexInfo, path: str, limit: int) -> tuple[RelatedFile, ...]:
        """Return the files that use what a file defines or define what it uses, the most tied first.

        Raises:
            NotFound: The file is not in the index.
        """
        file = self._file(index, path)
        uses: defaultdict[FileId, set[str]] = defaultdict(set)
        defines: defaultdict[FileId, set[str]] = defaultdict(set)
        for tie in self._code.neighbours(index.id, file.id):
            (uses if tie.uses else defines)[tie.file].add(tie.name)
        scores = {
            other: _DEFINED_WEIGHT * len(defines.get(other, ())) + len(uses.get(other, ())) for other in uses | defines
        }
        outlines = self._code.outlines(list(scores))
        best = sorted(scores, key=lambda other: (-scores[other], outlines[other].path))[:limit]
        return tuple(
            RelatedFile(
                view.repo,
                str(view.root),
                outlines[other].path,
                scores[other],
                tuple(
                    f"{what} {_listed(names)}"
                    for what, names in (("uses", uses.get(other)), ("defines", defines.get(other)))
                    if names
                ),
            )
            for other in best
        )

    def text(self, view: IndexedView, index: IndexInfo, path: str, lines: tuple[int, int | None]) -> FileText:
        """Return lines of a file as indexed: with secrets redacted.

        Args:
            view: The working tree.
            index: Its live generation.
            path: The file.
            lines: First and last line, from 1; ``None`` for the end.

        Raises:
            NotFound: The file is not in the index.
            InvalidRequest: The lines are in the wrong order, or the first is behind the end.
        """
        first, last = lines[0], _MAX_LINE if lines[1] is None else lines[1]
        file = self._file(index, path)
        total = self._code.line_count(file.id)
        if first < 1 or last < first or first > max(1, total):
            raise InvalidRequest(
                f"{path} has no lines {first} to {last}: it has {total}", details={"field": "start_line"}
            )
        ids = self._code.chunks_of(file.id, first, last)
        chunks = self._catalog.chunks_by_id(index.id, ids)
        text = "".join(chunks[chunk].chunk.text for chunk in ids if chunk in chunks)
        start = chunks[ids[0]].chunk.span.start_line if ids and ids[0] in chunks else 1
        kept = text.split("\n")[first - start : last - start + 1]
        shown = "\n".join(kept)
        return FileText(
            view.repo,
            str(view.root),
            path,
            file.language,
            first,
            min(last, first + max(0, len(kept) - 1)),
            total,
            shown,
        )

    def chunks_at(self, index: IndexInfo, path: str, line: int) -> list[ChunkId]:
        """Return the chunk with a line of a file, if there is one."""
        file = self._code.file_at(index.id, path)
        return self._code.chunks_of(file.id, line, line) if file is not None else []

    def map(self, view: IndexedView, index: IndexInfo, limit: int) -> RepositoryMap:
        """Return the files that others use most, with what they define."""
        files = self._code.most_used(index.id, limit)
        symbols = self._code.defined_in([file.id for file in files], _MAP_SYMBOLS)
        return RepositoryMap(
            view.repo,
            str(view.root),
            tuple(
                MapFile(file.path, file.uses, tuple(_definition(view, file, one) for one in symbols[file.id]))
                for file in files
            ),
            len(self._catalog.paths(index.id)),
        )

    def _file(self, index: IndexInfo, path: str) -> FileOutline:
        found = self._code.file_at(index.id, path)
        if found is None:
            raise NotFound(
                f"{path} is not in the index",
                hint="`conexus why FILE` says why a file is left out",
                details={"field": "path"},
            )
        return found


def _belongs(symbol: Symbol, enclosing: Sequence[str]) -> bool:
    """Whether a symbol lies in what is named before it."""
    around = symbol.parent.lower().split(".") if symbol.parent else []
    wanted = [part.lower() for part in enclosing]
    return not wanted or around[-len(wanted) :] == wanted


def _definition(view: IndexedView, file: FileOutline, symbol: Symbol) -> Definition:
    return Definition(
        repo=view.repo,
        root=str(view.root),
        path=file.path,
        symbol=symbol.qualified_name,
        kind=symbol.kind,
        line=symbol.name_line,
        end_line=symbol.span.end_line,
        signature=symbol.signature,
        doc=symbol.doc,
        language=file.language,
    )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:_SHOWN_NAMES]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
