# SPDX-License-Identifier: FSL-1.1-MIT
"""Answers what is no search: definitions and uses of a name, related files, a file's text, a map."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from conexus.errors import InvalidRequest, NotFound
from conexus.lexical import name_key, stem, words
from conexus.ports import Catalog, Codebase
from conexus.search.declared_modules import DECLARED_KINDS, DECLARING
from conexus.search.graph import import_graph
from conexus.search.imports import ImportResolver
from conexus.search.modules import Modules, is_setting, modules_of
from conexus.search.references import ReferenceResolver
from conexus.search.rust_modules import placed_modules
from conexus.search.snippets import lines_of
from conexus.types import (
    Chunk,
    ChunkId,
    Definition,
    FileId,
    FileOutline,
    FileTag,
    FileText,
    GraphRequest,
    ImportGraph,
    IndexedView,
    IndexInfo,
    MapFile,
    RelatedFile,
    RepositoryMap,
    Surroundings,
    Symbol,
    SymbolAnswer,
    SymbolKind,
    Use,
)

_SHOWN_NAMES = 4
_MAP_SYMBOLS = 12
_MAX_LINE = 2**31 - 1
_ALL = 1 << 30
_ASKED_DEFINITIONS = 10  # whose callees are looked up
_ENCLOSING = 3  # deeper nests say no more
_IMPORT_CHUNKS, _IMPORT_LINES = 4, 6
_USED_NAMES, _USED_DEFINITIONS, _SHOWN_DEFINITIONS, _SHOWN_USES = 60, 200, 6, 5
_LOOKED_AT_USES = 60
_LEAST_CONFIDENCE = 0.2  # two definitions of a name elsewhere, four in files that are imported
_LOOKED_AT_IMPORTS = 50
_SAME_NAMES = 2  # a name that more is called says little of what is meant
_SAY_LITTLE = frozenset({SymbolKind.FIELD, SymbolKind.KEY, SymbolKind.SECTION, SymbolKind.VARIABLE})
_SAID_EVERYWHERE = frozenset("super self this print len str int list dict set type new init main".split())
_USES_ASKED = frozenset(map(stem, "call callers used usage users tests".split()))
_IMPORT_WORDS = frozenset(
    "import from as use using require include package extern crate const let var type static export default self super "
    "alias pub mod open".split()
)
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
        self,
        name: str,
        views: Sequence[tuple[IndexedView, IndexInfo]],
        limit: int,
        *,
        uses: bool = False,
        callees: bool = False,
    ) -> SymbolAnswer:
        """Find where a name is defined, and if asked for, where it is used and what its definitions use.

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
        found_callees: list[Definition] = []
        for view, index in views:
            named = self._code.definitions(index.id, [key], limit + 1)
            outlines = self._code.outlines(list({file for file, _ in named}))
            named = [place for place in named if place[0] in outlines]  # others were read anew meanwhile
            for file, symbol in named:
                order = (not _belongs(symbol, parts[:-1]), symbol.name != last)
                definitions.append((order, _definition(view, outlines[file], symbol)))
            if callees:
                meant = [place for place in named if _belongs(place[1], parts[:-1]) and place[1].name == last]
                found_callees += self._callees(view, index, (meant or named)[:_ASKED_DEFINITIONS])
            if uses:
                alike = {symbol.name for _, symbol in named}
                names = [last] if last in alike or not alike else list(alike)
                found_uses += self._uses(view, index, names, limit + 1)
        definitions.sort(key=lambda entry: entry[0])
        return SymbolAnswer(
            tuple(definition for _, definition in definitions[:limit]),
            tuple(found_uses[:limit]),
            tuple(found_callees[:limit]),
            complete=max(len(definitions), len(found_uses), len(found_callees)) <= limit,
        )

    def _uses(self, view: IndexedView, index: IndexInfo, names: Sequence[str], limit: int) -> list[Use]:
        found = self._code.uses(index.id, names, limit)
        files = list({file for file, _ in found})
        outlines, defined = self._code.outlines(files), self._code.defined_in(files, _ALL)
        uses = []
        for file, line in found:
            if file not in outlines:
                continue  # it was read anew meanwhile
            around = _innermost(defined.get(file, ()), line)
            what = (around.qualified_name, around.name_line) if around is not None else ("", 0)
            uses.append(Use(view.repo, str(view.root), outlines[file].path, line, *what))
        return uses

    def _callees(
        self, view: IndexedView, index: IndexInfo, places: Sequence[tuple[FileId, Symbol]]
    ) -> list[Definition]:
        """Return what definitions use, each once."""
        found: dict[tuple[FileId, int], Symbol] = {}
        for file, symbol in places:
            for other, used in self._meant_in(view, index, file, (symbol.span.start_line, symbol.span.end_line)):
                found.setdefault((other, used.span.start_byte), used)
        outlines = self._code.outlines(list({file for file, _ in found}))
        there = [(file, symbol) for (file, _), symbol in found.items() if file in outlines]
        return [_definition(view, outlines[file], symbol) for file, symbol in there]

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
        there = [other for other in scores if other in outlines]  # others were read anew meanwhile
        best = sorted(there, key=lambda other: (-scores[other], outlines[other].path))[:limit]
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

    def surroundings(self, index: IndexInfo, chunk: Chunk, question: frozenset[str]) -> Surroundings:
        """Return what a reader needs to understand a chunk.

        Args:
            index: The generation.
            chunk: The chunk.
            question: Stems of what was asked: with words as "callers" or "used", uses of what it defines are added.
        """
        file = self._code.file_at(index.id, chunk.path)
        if file is None:
            return Surroundings()
        span = chunk.span
        around = [symbol for symbol in self._code.enclosing(file.id, span) if symbol.name_line < span.start_line]
        enclosing = [symbol.signature or f"{symbol.kind} {symbol.qualified_name}" for symbol in around]
        before = [*self._imports(index, file.id, chunk), *enclosing[-_ENCLOSING:]]
        after = self._used(index, file, chunk)
        if not question.isdisjoint(_USES_ASKED):
            after = [*self._users(index, file, chunk), *after]
        return Surroundings(tuple(before), tuple(after))

    def _imports(self, index: IndexInfo, file: FileId, chunk: Chunk) -> list[str]:
        """Return the lines that import what a chunk uses."""
        lines = [line for line in self._code.import_lines(file) if line < chunk.span.start_line]
        if not lines:
            return []
        ids = self._code.chunks_of(file, lines[0], lines[-1])[:_IMPORT_CHUNKS]
        texts = {
            stored.chunk.span.start_line + number: line
            for stored in self._catalog.chunks_by_id(index.id, ids).values()
            for number, line in enumerate(lines_of(stored.chunk))
        }
        used = set(words(chunk.text))
        found = [texts[line].strip() for line in lines if line in texts]
        return [line for line in found if not used.isdisjoint(_imported(line))][:_IMPORT_LINES]

    def _used(self, index: IndexInfo, file: FileOutline, chunk: Chunk) -> list[str]:
        """Return where names that a chunk uses are defined, of those that hardly anything else is called."""
        outside = self._used_in(index, file.id, chunk.span.start_line, chunk.span.end_line)[:_SHOWN_DEFINITIONS]
        outlines = self._code.outlines([other for other, _ in outside])
        return [
            f"{outlines[other].path}:{symbol.name_line} {symbol.signature or symbol.qualified_name}"
            for other, symbol in outside
            if other in outlines
        ]

    def _used_in(self, index: IndexInfo, file: FileId, first: int, last: int) -> list[tuple[FileId, Symbol]]:
        """Return the definitions outside of lines of a file that the lines use, those of common names left out."""
        used = self._code.used_between(file, first, last)
        names = [name for name in used if name.lower() not in _SAID_EVERYWHERE][:_USED_NAMES]
        defined: defaultdict[str, list[tuple[FileId, Symbol]]] = defaultdict(list)
        keys = list(map(name_key, names))
        for other, symbol in self._code.definitions(index.id, keys, _USED_DEFINITIONS, without=_SAY_LITTLE):
            defined[symbol.name].append((other, symbol))
        own = {name: [place for place in places if place[0] == file] for name, places in defined.items()}
        few = [found for name in names if 0 < len(found := own.get(name) or defined[name]) <= _SAME_NAMES]
        return [
            (other, symbol)
            for found in few
            for other, symbol in found
            if other != file or not first <= symbol.name_line <= last
        ]

    def _meant_in(
        self, view: IndexedView, index: IndexInfo, file: FileId, lines: tuple[int, int]
    ) -> list[tuple[FileId, Symbol]]:
        """Return the definitions outside of lines of a file that the lines mean, by what the file imports."""
        used = self._code.used_between(file, *lines)
        names = [name for name in used if name.lower() not in _SAID_EVERYWHERE][:_USED_NAMES]
        found = self._code.definitions(index.id, list(map(name_key, names)), _USED_DEFINITIONS, without=_SAY_LITTLE)
        outlines = self._code.outlines(list({file, *(other for other, _ in found)}))
        if file not in outlines:
            return []  # it was read anew meanwhile
        defined: defaultdict[str, list[Symbol]] = defaultdict(list)
        for other, symbol in found:
            if other in outlines:
                defined[outlines[other].path].append(symbol)
        counts = Counter(symbol.name for symbols in defined.values() for symbol in symbols)
        own = outlines[file].path
        imports = self._imports_near(index, view.root.name, own) if max(counts.values(), default=0) > 1 else {}
        resolver = ReferenceResolver(defined, imports)
        ids = {outline.path: number for number, outline in outlines.items()}
        return [
            (ids[one.path], one.symbol)
            for name in names
            for one in resolver.resolve(own, name, 0)
            if one.confidence >= _LEAST_CONFIDENCE
            and (one.path != own or not lines[0] <= one.symbol.name_line <= lines[1])
        ]

    def _imports_near(self, index: IndexInfo, name: str, path: str) -> dict[str, set[str]]:
        """Return which files a file imports, and which these do."""
        files = [file for file, _ in self._code.graph_files(index.id)]
        imports = self._code.imports(index.id)
        resolver = self._resolver(index, name, files, imports)
        targets: defaultdict[str, list[str]] = defaultdict(list)
        path_of = {file.id: file.path for file in files}
        for file, target in imports:
            targets[path_of.get(file, "")].append(target)
        own = {meant for target in targets.get(path, ()) for meant in resolver.resolve(path, target)}
        handed = {
            other: {meant for target in targets.get(other, ()) for meant in resolver.resolve(other, target)}
            for other in sorted(own)[:_LOOKED_AT_IMPORTS]
        }
        return {path: own, **handed}

    def _users(self, index: IndexInfo, file: FileOutline, chunk: Chunk) -> list[str]:
        """Return where others use what a chunk defines."""
        name = chunk.symbol.rpartition(".")[2]
        if not name or chunk.kind == "block":
            return []
        places = [place for place in self._code.uses(index.id, [name], _SHOWN_USES + 1) if place[0] != file.id]
        outlines = self._code.outlines(list({other for other, _ in places}))
        return [f"used at {outlines[other].path}:{line}" for other, line in places[:_SHOWN_USES] if other in outlines]

    def users(self, index: IndexInfo, chunk: Chunk, *, tests: bool) -> list[tuple[ChunkId, int]]:
        """Return chunks that use what a chunk defines, with the line: tests where these are asked for, else others."""
        name = chunk.symbol.rpartition(".")[2]
        if not name or chunk.kind == "block":
            return []
        found: dict[ChunkId, int] = {}
        span = chunk.span
        imports: dict[FileId, list[int]] = {}
        for file, line in self._code.uses(index.id, [name], _LOOKED_AT_USES):
            if line in imports.setdefault(file, self._code.import_lines(file)):
                continue
            for using in self._code.chunks_of(file, line, line)[:1]:
                found.setdefault(using, line)
        chunks = self._catalog.chunks_by_id(index.id, list(found))
        return [
            (using, line)
            for using, line in found.items()
            if using in chunks
            and (FileTag.TEST in chunks[using].chunk.tags) == tests
            and (chunks[using].chunk.path != chunk.path or not span.start_line <= line <= span.end_line)
        ]

    def graph(self, view: IndexedView, index: IndexInfo, request: GraphRequest) -> ImportGraph:
        """Return what imports what in a tree.

        Raises:
            NotFound: The index has no file below the folder that was asked for.
        """
        below = f"{request.path.strip('/')}/" if request.path.strip("/.") else ""
        everything = self._code.graph_files(index.id)
        wanted = {
            file.path: file
            for file, is_test in everything
            if file.path.startswith(below) and (request.tests or not is_test)
        }
        if not wanted:
            raise NotFound(
                f"the index of {view.name} has no file below {request.path or '.'}",
                hint="`conexus status` shows what is indexed",
            )
        pairs = self._importing(index, view.root.name, [file for file, _ in everything])
        return import_graph(
            view.repo,
            str(view.root),
            [(file.path, file.language) for file in wanted.values()],
            [pair for pair in pairs if pair[0] in wanted and pair[1] in wanted],
            request,
        )

    def _modules(self, index: IndexInfo, files: Sequence[FileOutline]) -> Modules:
        """Return what the tree's configuration says of where modules are."""
        path_of = {file.id: file.path for file in files}
        provided = [
            (path_of[file], package) for file, package in self._code.packages_provided(index.id) if file in path_of
        ]
        texts = {file.path: self._text_of(index, file.id) for file in files if is_setting(file.path)}
        required = [package for _, package in self._code.packages_required(index.id)]
        return modules_of(texts, provided, required)

    def _text_of(self, index: IndexInfo, file: FileId) -> str:
        ids = self._code.chunks_of(file, 1, _MAX_LINE)
        chunks = self._catalog.chunks_by_id(index.id, ids)
        return "".join(chunks[one].chunk.text for one in ids if one in chunks)

    def importing(self, view: IndexedView, index: IndexInfo) -> list[tuple[FileId, str, FileId]]:
        """Return which file imports which of its own tree, with what is written there."""
        files = [file for file, _ in self._code.graph_files(index.id)]
        id_of = {file.path: file.id for file in files}
        return [
            (id_of[source], target, id_of[meant])
            for source, target, meant in self._resolved(index, view.root.name, files)
        ]

    def _importing(self, index: IndexInfo, name: str, files: Sequence[FileOutline]) -> list[tuple[str, str]]:
        """Return the pairs of which the first imports the second; of a folder that is imported, the files used."""
        return list(dict.fromkeys((source, meant) for source, _, meant in self._resolved(index, name, files)))

    def _resolved(self, index: IndexInfo, name: str, files: Sequence[FileOutline]) -> Iterator[tuple[str, str, str]]:
        """Yield who imports, what is written there and the file that is meant."""
        path_of = {file.id: file.path for file in files}
        id_of = {file.path: file.id for file in files}
        imports = self._code.imports(index.id)
        resolver = self._resolver(index, name, files, imports)
        ties: set[tuple[FileId, FileId]] | None = None
        for file, target in imports:
            if file not in path_of:
                continue
            meant = resolver.resolve(path_of[file], target)
            if len(meant) > 1:
                ties = self._code.ties(index.id) if ties is None else ties
                meant = [path for path in meant if (file, id_of[path]) in ties] or [_stands_for_folder(meant)]
            for path in meant:
                yield path_of[file], target, path

    def _resolver(
        self, index: IndexInfo, name: str, files: Sequence[FileOutline], imports: Sequence[tuple[FileId, str]]
    ) -> ImportResolver:
        path_of = {file.id: file.path for file in files}
        placed = placed_modules((path_of[file], target) for file, target in imports if file in path_of)
        return ImportResolver(
            ((file.path, file.language) for file in files),
            # An empty __init__.py is not indexed; what imports relatively is in a package all the same.
            {
                path_of[file].rpartition("/")[0]
                for file, target in imports
                if target.startswith(".") and path_of.get(file, "").endswith(".py")
            },
            name,
            modules=replace(self._modules(index, files), placed=placed),
            declared=self._declared(files),
        )

    def _declared(self, files: Sequence[FileOutline]) -> Iterator[tuple[str, str]]:
        """Yield what files define whose language imports by it, with qualified names."""
        path_of = {file.id: file.path for file in files if file.language in DECLARING}
        for row in self._code.symbol_rows(list(path_of)):
            if row.kind in DECLARED_KINDS:
                yield path_of[row.file], f"{row.parent}.{row.name}" if row.parent else row.name

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


def _stands_for_folder(paths: Sequence[str]) -> str:
    """Return the file of a folder that says most of it: where none is seen to be used, as of constants alone."""
    folder = paths[0].rpartition("/")[0].rpartition("/")[2]
    names = ("doc", folder)

    def order(path: str) -> tuple[int, int, str]:
        stem = path.rpartition("/")[2].partition(".")[0]
        return (names.index(stem) if stem in names else len(names), len(path), path)

    return min(paths, key=order)


def _imported(line: str) -> set[str]:
    """Return the words of an import that could be a name in the code: after the last ``import``, where there is one."""
    names = line.rpartition(" import ")[2] if line.startswith("from ") else line
    return {word for word in words(names) if word not in _IMPORT_WORDS}


def _belongs(symbol: Symbol, enclosing: Sequence[str]) -> bool:
    """Whether a symbol lies in what is named before it."""
    around = symbol.parent.lower().split(".") if symbol.parent else []
    wanted = [part.lower() for part in enclosing]
    return not wanted or around[-len(wanted) :] == wanted


def _innermost(symbols: Sequence[Symbol], line: int) -> Symbol | None:
    """Return the smallest definition that a line is in."""
    holding = [
        symbol
        for symbol in symbols
        if symbol.kind not in _SAY_LITTLE and symbol.span.start_line <= line <= symbol.span.end_line
    ]
    return min(holding, key=lambda symbol: symbol.span.end_byte - symbol.span.start_byte, default=None)


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
