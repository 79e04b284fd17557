# SPDX-License-Identifier: FSL-1.1-MIT
"""What a tree's configuration says of where modules are: aliases, workspaces, crates, namespaces. Pure.

Files are read that are indexed anyway (``tsconfig.json``, ``package.json``, ``Cargo.toml``, ``composer.json``,
``go.mod``). What they do not say in the form that is expected counts as not said.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from conexus.types import Ecosystem, PackageProvided, PackageRequired
from conexus.values import dataclass

_COMMENTED = re.compile(r"\"(?:\\.|[^\"\\])*\"|//[^\n]*|/\*.*?\*/", re.DOTALL)
_TRAILING = re.compile(r"\"(?:\\.|[^\"\\])*\"|,(?=\s*[}\]])", re.DOTALL)
_CONFIGS = re.compile(r"(?:^|/)[tj]sconfig[\w.-]*\.json$")
_CONDITIONS: Final = ("source", "import", "module", "require", "default", "node", "browser", "types")
_ENTRIES: Final = ("source", "module", "main", "types", "typings")
_MAX_CHARS = 1_000_000
_MAX_EXTENDS = 5
_MAX_ENTRIES = 2_000
_MAX_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Alias:
    """Names that begin and end in a way mean paths that do."""

    folder: str
    """Files below it have the alias."""
    prefix: str
    suffix: str
    is_pattern: bool
    targets: tuple[str, ...]
    """Paths from the root of the tree, with ``*`` for what stands between prefix and suffix."""

    def meant(self, name: str) -> list[str]:
        """Return the paths that a name means; none where it is not of the alias."""
        if not self.is_pattern:
            return list(self.targets) if name == self.prefix else []
        middle = name[len(self.prefix) : len(name) - len(self.suffix)]
        fits = name.startswith(self.prefix) and name.endswith(self.suffix)
        if not fits or len(name) < len(self.prefix) + len(self.suffix):
            return []
        return [posixpath.normpath(target.replace("*", middle, 1)) for target in self.targets]


@dataclass(frozen=True, slots=True)
class Modules:
    """Where modules of a tree are, by its configuration."""

    aliases: tuple[Alias, ...] = ()
    """The most specific first: of the innermost folder, with the longest prefix."""
    packages: Mapping[str, tuple[str, tuple[str, ...]]] | None = None
    """Of npm packages of the tree by name: their folder, and the paths of what they export."""
    exports: tuple[Alias, ...] = ()
    """What npm packages of the tree export below their names; of all files."""
    crates: Mapping[str, str] | None = None
    """Folders of crates by the names that code uses."""
    required_crates: frozenset[str] = frozenset()
    """Crates of others by the names that code uses."""
    namespaces: tuple[tuple[str, str], ...] = ()
    """Of PHP (PSR-4): a namespace with its final ``\\`` and its folder, the longest first."""
    go_modules: Mapping[str, str] | None = None
    """Paths of Go modules by their folders."""
    placed: Mapping[str, str] | None = None
    """Files of Rust that an attribute makes modules of, with the files that say so."""


def is_setting(path: str) -> bool:
    """Whether a file may say where modules are, beside what packages are provided."""
    return path.rpartition("/")[2] in {"package.json", "composer.json"} or _CONFIGS.search(path) is not None


def modules_of(
    texts: Mapping[str, str],
    provided: Collection[tuple[str, PackageProvided]],
    required: Collection[PackageRequired] = (),
) -> Modules:
    """Return where modules are.

    Args:
        texts: Of the files that :func:`is_setting` tells, by path.
        provided: The packages of the tree with the paths of their manifests.
        required: What the tree asks for.
    """
    documents = {path: found for path, text in texts.items() if (found := _json(text)) is not None}
    aliases = [*_paths_of_configs(documents), *_imports_of_packages(documents)]
    aliases.sort(key=lambda alias: (-len(alias.folder), not alias.is_pattern and -1, -len(alias.prefix)))
    packages: dict[str, tuple[str, tuple[str, ...]]] = {}
    exports: list[Alias] = []
    crates: dict[str, str] = {}
    go_modules: dict[str, str] = {}
    for path, package in sorted(provided, key=lambda one: one[0].count("/"), reverse=True):  # the outermost counts
        folder, _, name = path.rpartition("/")
        if package.ecosystem is Ecosystem.NPM and name == "package.json":
            document = documents.get(path, {})
            packages[package.name] = folder, tuple(_entries(folder, document))
            exports += _exports(package.name, folder, document)
        elif package.ecosystem is Ecosystem.CARGO and name == "Cargo.toml":
            crates[package.name.replace("-", "_")] = folder
        elif package.ecosystem is Ecosystem.GO:
            go_modules[folder] = package.name
    exports.sort(key=lambda alias: -len(alias.prefix))
    return Modules(
        aliases=tuple(aliases[:_MAX_ENTRIES]),
        packages=packages,
        exports=tuple(exports[:_MAX_ENTRIES]),
        crates=crates,
        required_crates=frozenset(
            name
            for one in required
            if one.ecosystem is Ecosystem.CARGO and (name := one.name.replace("-", "_")) not in crates
        ),
        namespaces=tuple(sorted(_namespaces(documents), key=lambda pair: -len(pair[0]))[:_MAX_ENTRIES]),
        go_modules=go_modules,
    )


def _json(text: str) -> dict[str, Any] | None:
    """Read JSON that may have comments and commas at the ends of lists."""
    if len(text) > _MAX_CHARS:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        bare = _COMMENTED.sub(lambda part: part[0] if part[0].startswith('"') else " ", text)
        bare = _TRAILING.sub(lambda part: part[0] if part[0].startswith('"') else "", bare)
        try:
            found = json.loads(bare)
        except (ValueError, RecursionError):
            return None
    return found if isinstance(found, dict) else None


def _table(value: object, *path: str) -> dict[str, Any]:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def _joined(folder: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(folder, path))


# ----------------------------------------------------------------- TypeScript


def _paths_of_configs(documents: Mapping[str, dict[str, Any]]) -> Iterator[Alias]:
    for path in documents:
        if _CONFIGS.search(path):
            folder = path.rpartition("/")[0]
            base, paths = _compiler_paths(path, documents, _MAX_EXTENDS)
            for name, targets in paths.items():
                yield _alias(folder, name, targets)
            if base is not None:
                yield Alias(folder, "", "", is_pattern=True, targets=(_joined(base, "*"),))


def _compiler_paths(
    path: str, documents: Mapping[str, dict[str, Any]], hops: int
) -> tuple[str | None, dict[str, list[str]]]:
    """Return the base folder and the paths of a configuration, its own or those of what it extends."""
    document = documents.get(path)
    if document is None or hops == 0:
        return None, {}
    folder = path.rpartition("/")[0]
    base: str | None = None
    paths: dict[str, list[str]] = {}
    extended = document.get("extends")
    for name in extended if isinstance(extended, list) else [extended]:
        if isinstance(name, str) and name.startswith("."):
            other = _joined(folder, name)
            other = other if other in documents else f"{other}.json"
            outer_base, outer = _compiler_paths(other, documents, hops - 1)
            base, paths = (outer_base if outer_base is not None else base), outer or paths
    options = _table(document, "compilerOptions")
    if isinstance(options.get("baseUrl"), str):
        base = _joined(folder, options["baseUrl"])
    own = _table(options, "paths")
    if own:
        start = base if base is not None else folder
        paths = {
            name: [_joined(start, target) for target in targets if isinstance(target, str)]
            for name, targets in own.items()
            if isinstance(targets, list)
        }
    return base, paths


def _alias(folder: str, name: str, targets: Collection[str]) -> Alias:
    prefix, star, suffix = name.partition("*")
    return Alias(folder, prefix, suffix, is_pattern=bool(star), targets=tuple(targets))


# ------------------------------------------------------------------------ npm


def _imports_of_packages(documents: Mapping[str, dict[str, Any]]) -> Iterator[Alias]:
    for path, document in documents.items():
        if path.rpartition("/")[2] == "package.json":
            folder = path.rpartition("/")[0]
            for name, written in _table(document, "imports").items():
                targets = [_joined(folder, target) for target in _conditioned(written) if target.startswith(".")]
                yield _alias(folder, name, targets)


def _conditioned(written: object, depth: int = 0) -> list[str]:
    """Return the paths of an export, whatever the condition, in the order that source code would choose them."""
    if isinstance(written, str):
        return [written]
    if depth > _MAX_DEPTH:
        return []
    if isinstance(written, list):
        return [path for one in written for path in _conditioned(one, depth + 1)]
    if not isinstance(written, dict):
        return []
    known = [written[name] for name in _CONDITIONS if name in written]
    others = [value for name, value in written.items() if name not in _CONDITIONS]
    return [path for one in (*known, *others) for path in _conditioned(one, depth + 1)]


def _entries(folder: str, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of what a package is by its name alone; built files come before what they are built of."""
    exported = document.get("exports")
    if isinstance(exported, dict) and any(name.startswith(".") for name in exported):
        exported = exported.get(".")
    for path in (*_conditioned(exported), *(document.get(name) for name in _ENTRIES)):
        if isinstance(path, str):
            yield _joined(folder, path)
    yield _joined(folder, "src/index")
    yield _joined(folder, "index")
    yield _joined(folder, "lib/index")


def _exports(name: str, folder: str, document: Mapping[str, Any]) -> Iterator[Alias]:
    for place, written in _table(document, "exports").items():
        if place.startswith("./"):
            targets = [_joined(folder, target) for target in _conditioned(written) if target.startswith(".")]
            yield _alias("", f"{name}/{place[2:]}", targets)
    yield Alias("", f"{name}/", "", is_pattern=True, targets=(_joined(folder, "*"), _joined(folder, "src/*")))


# ------------------------------------------------------------------------ PHP


def _namespaces(documents: Mapping[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for path, document in documents.items():
        if path.rpartition("/")[2] == "composer.json":
            folder = path.rpartition("/")[0]
            for section in ("autoload", "autoload-dev"):
                for prefix, targets in _table(document, section, "psr-4").items():
                    for target in targets if isinstance(targets, list) else [targets]:
                        if isinstance(target, str):
                            yield prefix, _joined(folder, target)


__all__ = ["Alias", "Modules", "is_setting", "modules_of"]
