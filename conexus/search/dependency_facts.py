# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads what an edition needs that ties repositories together. Implements ``conexus.ports.DependencyFacts``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from conexus.errors import InvalidRequest, NotFound
from conexus.lexical import name_key
from conexus.parsing.manifests.javascript import aliases_of
from conexus.ports import Catalog, Codebase
from conexus.search.import_packages import PackageResolver
from conexus.search.reading import CodeReader
from conexus.search.spelling import variants
from conexus.types import (
    Endpoint,
    FileId,
    Import,
    IndexedView,
    IndexId,
    IndexInfo,
    ListedFile,
    PackageKey,
    PackageProvided,
    PackageRequired,
    Symbol,
    SymbolRow,
)


class CatalogFacts:
    """What the catalog of one data folder says of dependencies.

    Args:
        catalog: Where files are.
        codebase: Where definitions, uses, imports and manifests are.
        reader: Resolves imports within a tree.
    """

    def __init__(self, catalog: Catalog, codebase: Codebase, reader: CodeReader) -> None:
        self._catalog = catalog
        self._code = codebase
        self._reader = reader

    def states(self, indexes: Collection[IndexId]) -> dict[IndexId, str]:
        """Return a text for each index that is another one once the index holds something else."""
        return {index: snapshot.id for index, snapshot in self._catalog.snapshots(indexes).items()}

    def files(self, index: IndexId) -> list[tuple[ListedFile, bool]]:
        """Return every file, those included whose text was left out, and whether it is a test."""
        tests = {file.id for file, is_test in self._code.graph_files(index) if is_test}
        return [(file, file.id in tests) for file in self._catalog.listed(index)]

    def importing(self, view: IndexedView, index: IndexInfo) -> list[tuple[FileId, str, FileId]]:
        """Return which file imports which of its own tree, with what is written there."""
        return self._reader.importing(view, index)

    def imports(self, index: IndexId) -> list[tuple[FileId, Import]]:
        """Return what every file imports, as written there."""
        return self._code.import_places(index)

    def packages_provided(self, index: IndexId) -> list[tuple[FileId, PackageProvided]]:
        """Return the packages that manifests describe."""
        return self._code.packages_provided(index)

    def packages_required(self, index: IndexId) -> list[tuple[FileId, PackageRequired]]:
        """Return the packages that manifests and lock files ask for."""
        return self._code.packages_required(index)

    def endpoints(self, index: IndexId) -> list[tuple[FileId, Endpoint]]:
        """Return the routes and remote methods that files serve and call."""
        return self._code.endpoints(index)

    def packages_of(self, required: Collection[PackageKey]) -> Callable[[str, str], PackageKey | None]:
        """Return what tells the package that an import means."""
        return PackageResolver(required).resolve

    def aliases(self, view: IndexedView, paths: Iterable[str]) -> dict[str, str]:
        """Return the names under which some manifests have packages that are called otherwise, with those packages."""
        found: dict[str, str] = {}
        for path in paths:
            if path.rpartition("/")[2] == "package.json":
                found = aliases_of(self.text(view, path)) | found
        return found

    def symbols(self, files: Sequence[FileId]) -> list[SymbolRow]:
        """Return what files define."""
        return self._code.symbol_rows(files)

    def references(self, files: Sequence[FileId]) -> list[tuple[FileId, str, str]]:
        """Return the names that files use, each with its lines."""
        return self._code.reference_rows(files)

    def named(self, index: IndexId, name: str, limit: int) -> list[tuple[FileId, Symbol]]:
        """Return the definitions of a name, whatever its case and underscores."""
        key = name_key(name)
        return self._code.definitions(index, [key], limit) if key else []

    def similar(self, index: IndexId, name: str, limit: int) -> list[tuple[FileId, Symbol]]:
        """Return the definitions of a name, and of names that one letter parts from it, whatever their case."""
        key = name_key(name)
        return self._code.definitions(index, variants(key), limit) if key else []

    def text(self, view: IndexedView, path: str) -> str:
        """Return the text of a file as it is indexed; an empty one where there is none."""
        if view.live is None:
            return ""
        try:
            return self._reader.text(view, view.live, path, (1, None)).text
        except (NotFound, InvalidRequest):
            return ""


__all__ = ["CatalogFacts"]
