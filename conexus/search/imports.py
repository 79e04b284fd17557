# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells which files of a tree an import means. Pure.

What is written is compared with the ends of paths: ``a.b.c`` is ``…/a/b/c.py`` or a name in ``…/a/b.py``. Of several
files that fit, those nearest to the one that imports are meant. What lies outside the tree is no file of it.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias

from conexus.search.declared_modules import DeclaredModules
from conexus.search.modules import Modules
from conexus.search.python_modules import PythonModules, shared_folders
from conexus.search.rust_modules import RustModules
from conexus.search.script_paths import ScriptPaths

_Parts: TypeAlias = tuple[str, ...]

_FAMILIES: Final = (
    frozenset({"c", "cpp", "objc"}),
    frozenset({"javascript", "typescript", "tsx", "vue", "svelte", "json", "css"}),
    frozenset({"css", "html"}),
    frozenset({"java", "kotlin", "scala"}),
    frozenset({"ocaml", "ocaml-interface"}),
    frozenset({"python", "notebook"}),
)
_INDEX: Final = frozenset({"index"})
_STANDS_FOR_FOLDER: Final = {
    **dict.fromkeys(("javascript", "typescript", "tsx", "vue", "svelte", "json"), _INDEX),
    "lua": frozenset({"init"}),
}
_PYTHON: Final = frozenset({"python", "notebook"})
_PATHS: Final = frozenset(
    {"c", "cpp", "objc", "javascript", "typescript", "tsx", "vue", "svelte", "css", "html", "ruby", "protobuf", "bash"}
)
"""Languages whose imports are paths, in which a dot parts no folders."""
_FROM_ELSEWHERE: Final = frozenset({"javascript", "typescript", "tsx", "vue", "svelte", "go"})
"""Languages in which one name alone is a package of others."""
_HERE_FIRST: Final = frozenset({"c", "cpp", "objc", "ruby", "dart", "css", "html", "bash", "r", "zig", "julia", "hcl"})
"""Languages that look beside the file first."""
_PREFIXED: Final = {"go": 9, "php": 9, "dart": 1}
"""How many names may stand before those of folders: a module's, a namespace's."""
_OF_THINGS: Final = {"java": 2, "kotlin": 2, "scala": 2, "php": 1, "julia": 1}
"""How many names at the end may be of something in the file."""
_OF_FOLDERS: Final = frozenset({"go", "csharp"})
"""Languages that import all files of a folder."""
_ROOTS_OF_ELIXIR: Final = frozenset({"lib", "test", "support", "src"})
_OUTSIDE = re.compile(r"^(?:\w+:)?//|^(?:node|data|dart):")
_OF_C: Final = frozenset(
    "assert.h complex.h ctype.h errno.h fcntl.h fenv.h float.h inttypes.h iso646.h limits.h locale.h math.h pthread.h "
    "setjmp.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h "
    "string.h strings.h tgmath.h threads.h time.h uchar.h unistd.h wchar.h wctype.h".split()
)
_C_FAMILY: Final = _FAMILIES[0]
_GO_VERSION = re.compile(r"/v\d+$")
_BELOW_INCLUDE = re.compile(r"(?:^|/)include/.")
_ALIAS = re.compile(r"^[@~#]/")
_SEPARATOR = re.compile(r"::|[./\\]")


_SCRIPTS: Final = frozenset({"javascript", "typescript", "tsx", "vue", "svelte"})
NO_MODULES: Final = Modules()


class ImportResolver:
    """Finds the files that imports mean.

    Args:
        files: Paths of the tree, with their languages.
        packages: Folders that are known to be packages of Python, beside those with an ``__init__.py``. So are folders
            below a package.
        name: Of the tree's own folder, which may be a package.
        go_modules: Paths of Go modules, as ``example.org/team/app``, by the folder of their ``go.mod``. Where none is
            known, a module's path is what stands before the folders of the tree.
        modules: What the tree's configuration says of where modules are.
        declared: What files of C#, Elixir and PHP define: path, and qualified name with dots.
    """

    def __init__(
        self,
        files: Iterable[tuple[str, str | None]],
        packages: Iterable[str] = (),
        name: str = "",
        go_modules: Mapping[str, str] | None = None,
        modules: Modules = NO_MODULES,
        declared: Iterable[tuple[str, str]] = (),
    ) -> None:
        known = go_modules or modules.go_modules or {}
        self._go_modules = sorted(known.items(), key=lambda entry: -len(entry[1]))
        self._modules = modules
        self._language = dict(files)
        self._rust = RustModules(
            (path for path, language in self._language.items() if language == "rust"),
            modules.crates or {},
            modules.required_crates,
            modules.placed or {},
        )
        self._declared = DeclaredModules(self._language.items(), declared)
        self._scripts = ScriptPaths(self._language, dict((modules.packages or {}).values()))
        self._go_files: defaultdict[str, list[str]] = defaultdict(list)
        """Of each folder, those that can be imported."""
        for path in sorted(path for path, language in self._language.items() if language == "go"):
            if not path.endswith("_test.go"):
                self._go_files[path.rpartition("/")[0]].append(path)
        self._python = PythonModules(
            (path for path, language in self._language.items() if language in _PYTHON), packages, name
        )
        self._by_end: defaultdict[str, list[tuple[_Parts, str]]] = defaultdict(list)
        self._folders: defaultdict[str, list[tuple[_Parts, str]]] = defaultdict(list)
        for path in self._language:
            folder, _, name = path.rpartition("/")
            if name.endswith(".gemspec"):
                continue
            around, own = _parts(folder), _folded(_bare(name))
            self._by_end[own].append(((*around, own), path))
            if own in _STANDS_FOR_FOLDER.get(self._language[path] or "", ()):
                self._by_end[around[-1] if around else ""].append((around or ("",), path))
            if around:
                self._folders[around[-1]].append((around, path))

    def resolve(self, importer: str, target: str) -> list[str]:
        """Return the files that an import means: none outside the tree, several where it is of a folder.

        Args:
            importer: Path of the file that imports.
            target: What it imports, as written there.
        """
        language = self._language.get(importer) or ""
        if not target or _OUTSIDE.search(target):
            return []
        if language in _PYTHON:
            found = self._python.resolve(importer, target)
        else:
            configured = self._configured(importer, language, target)
            found = configured if configured is not None else self._by_ends(importer, language, target)
        return [path for path in found if path != importer]

    def _by_ends(self, importer: str, language: str, target: str) -> list[str]:
        """Return the files whose paths end as an import is written: the best one, but of a folder all."""
        package = target.removesuffix(".*")
        if package != target and (found := self._of_package(language, package)):
            return sorted(found)
        relative = self._relative(importer, package)
        found = self._at(relative, language) if relative is not None else self._anywhere(importer, language, package)
        found = [path for path in found if path != importer]
        if language in _OF_FOLDERS or not found:
            return sorted(found)
        if language in _C_FAMILY and len(found) != 1:
            return []
        name = package.rpartition("/")[2]
        return [min(found, key=lambda path: (*_likeness(path.rpartition("/")[2], name), path.count("/"), path))]

    def _of_include_folder(self, importer: str, target: str) -> list[str] | None:
        """Return the header that compilers find by custom: below a folder around the file, or its ``include``."""
        folder = importer
        while folder:
            folder = folder.rpartition("/")[0]
            for place in (folder, f"{folder}/include" if folder else "include"):
                path = posixpath.normpath(posixpath.join(place, target))
                if path in self._language:
                    return [path]
        return None

    def _configured(self, importer: str, language: str, target: str) -> list[str] | None:
        """Return the file that the tree's configuration says is meant; ``None`` where it says nothing."""
        if language == "go" and self._go_modules:
            return self._of_go_module(target)
        if language in _SCRIPTS:
            return self._of_script(importer, language, target.partition("?")[0])
        if language == "rust":
            return self._rust.resolve(importer, target)
        if language in _C_FAMILY and target not in _OF_C:
            return self._of_include_folder(importer, target)
        if (declared := self._declared.resolve(language, target)) is not None:
            return declared
        return self._of_namespace(target) if language == "php" else None

    def _of_script(self, importer: str, language: str, target: str) -> list[str] | None:
        relative = self._relative(importer, target)
        if relative is None:
            return self._of_alias(importer, language, target) or self._of_workspace(language, target)
        found = self._scripts.find(relative, language) or self._scripts.variant(relative)
        return [found] if found else []

    def _first_at(self, paths: Iterable[str], language: str) -> list[str] | None:
        """Return the first of some paths at which there is a file, with or without its ending."""
        found = next((found for path in paths if (found := self._scripts.find(path, language))), "")
        return [found] if found else None

    def _of_alias(self, importer: str, language: str, target: str) -> list[str] | None:
        for alias in self._modules.aliases:
            if not alias.folder or importer.startswith(f"{alias.folder}/"):
                found = self._first_at(alias.meant(target), language)
                if found:
                    return found
        return None

    def _of_workspace(self, language: str, target: str) -> list[str] | None:
        """Return the file of a package of the tree itself."""
        for name, (_, entries) in (self._modules.packages or {}).items():
            if target == name:
                return self._first_at(entries, language)
        for alias in self._modules.exports:
            found = self._first_at(alias.meant(target), language)
            if found:
                return found
        return None

    def _of_namespace(self, target: str) -> list[str] | None:
        name = target.strip("\\")
        for prefix, folder in self._modules.namespaces:
            if name.startswith(prefix):
                path = posixpath.normpath(posixpath.join(folder, f"{name[len(prefix) :]}.php".replace("\\", "/")))
                if path in self._language:
                    return [path]
        return None

    @staticmethod
    def _relative(importer: str, target: str) -> str | None:
        """Return the path that a relative import means, without its ending; nothing where it is not relative."""
        folder = posixpath.dirname(importer)
        if target.startswith(("./", "../")) or target in {".", ".."}:
            return posixpath.normpath(posixpath.join(folder, target))
        return None

    def _of_go_module(self, target: str) -> list[str]:
        """Return the files of a package of one of the tree's modules, the innermost that it may be of."""
        for folder, module in self._go_modules:
            if target == module or target.startswith(f"{module}/"):
                inside = posixpath.normpath(posixpath.join(folder, target.removeprefix(module).lstrip("/")))
                return self._go_files.get("" if inside == "." else inside, [])
        return []

    def _at(self, path: str, language: str) -> list[str]:
        """Return the files at a path, which may lack its ending or name something in the file."""
        if path.startswith("../"):
            return []
        folder, _, name = path.rpartition("/")
        parts = (*_parts(folder), _folded(_bare(name))) if path != "." else ("",)
        for length in range(len(parts), max(0, len(parts) - 1 - _OF_THINGS.get(language, 0)), -1):
            wanted = parts[:length]
            found = [path for own, path in self._by_end.get(wanted[-1], ()) if own == wanted]
            if kept := self._of_language(found, language):
                return kept
        return []

    def _anywhere(self, importer: str, language: str, target: str) -> list[str]:
        if found := self._beside(importer, language, target):
            return found
        if language in _C_FAMILY and target in _OF_C:
            return []
        target = _ALIAS.sub("./", target.removeprefix("package:"))
        if language == "go":
            target = _GO_VERSION.sub("", target)
        if language in _PATHS or "/" in target:
            folder, _, name = target.rpartition("/")
            wanted = (*_parts(folder), _folded(_bare(name)))
        else:
            wanted = tuple(_folded(part) for part in _SEPARATOR.split(target) if part)
        if not wanted or (len(wanted) == 1 and language in _FROM_ELSEWHERE and not target.startswith("./")):
            return []
        for first in range(min(len(wanted), 1 + _PREFIXED.get(language, 0))):
            for end in range(len(wanted), max(first, len(wanted) - 1 - _OF_THINGS.get(language, 0)), -1):
                if found := self._ending(wanted[first:end], importer, language, target):
                    return found
        return []

    def _beside(self, importer: str, language: str, target: str) -> list[str]:
        if language not in _HERE_FIRST:
            return []
        path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))
        found = self._at(path, language)
        return [one for one in found if one == path] if language in _C_FAMILY else found  # a header is named in full

    def _of_package(self, language: str, name: str) -> list[str]:
        """Return the files of a package, of which all is imported."""
        wanted = tuple(_folded(part) for part in name.split(".") if part)
        places = self._folders.get(wanted[-1], ()) if wanted else ()
        return self._of_language((path for parts, path in places if parts[-len(wanted) :] == wanted), language)

    def _ending(self, wanted: _Parts, importer: str, language: str, target: str) -> list[str]:
        """Return the files, or the files of the folders, whose paths end so, those nearest to the importer."""
        # A folder before a file: the package at the root of a Go module is in no folder.
        for places in (self._folders, self._by_end) if language in _OF_FOLDERS else (self._by_end,):
            found = self._of_language(
                (
                    path
                    for parts, path in places.get(wanted[-1], ())
                    if parts[-len(wanted) :] == wanted
                    and self._is_root(parts[: -len(wanted)], language)
                    and (language not in _C_FAMILY or _may_be_included(path, target))
                ),
                language,
            )
            if found:
                near = {path: shared_folders(path, importer) for path in found}
                most = max(near.values())
                return [path for path, shared in near.items() if shared == most]
        return []

    @staticmethod
    def _is_root(before: _Parts, language: str) -> bool:
        """Whether a module's name may begin below a folder: in Elixir below few."""
        return language != "elixir" or not before or before[-1] in _ROOTS_OF_ELIXIR

    def _of_language(self, paths: Iterable[str], language: str) -> list[str]:
        return [path for path in paths if _goes_with(self._language.get(path) or "", language)]


def _may_be_included(path: str, target: str) -> bool:
    """Whether a header is named so: in full, and one below ``include`` by its path from there."""
    target = re.sub(r"^(?:\.\.?/)+", "", target)
    before = path.removesuffix(target)
    return before != path and before[-1:] in {"", "/"} and not _BELOW_INCLUDE.search(before)


def _goes_with(one: str, other: str) -> bool:
    return one == other or any(one in family and other in family for family in _FAMILIES)


def _likeness(name: str, wanted: str) -> tuple[bool, bool, int]:
    """Return what orders files by how well their names fit: the same, the same but for an ending, the shortest."""
    return (name != wanted, not name.startswith(f"{wanted}."), len(name))


def _parts(folder: str) -> _Parts:
    """Return the folders of a path; a dot parts them too, as in ``My.Project/``."""
    return tuple(_folded(part) for part in re.split(r"[/.]", folder) if part)


def _folded(name: str) -> str:
    """Return a name as it is compared: Elixir's ``MyApp`` is in ``my_app``."""
    return name if name == "__init__" else name.replace("_", "").replace("-", "").lower()


def _bare(name: str) -> str:
    """Return a file's name without its ending."""
    return name.split(".", 1)[0]


__all__ = ["ImportResolver"]
