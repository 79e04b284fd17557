# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the files of Rust's modules, by the compiler's rules of where they are. Pure."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set

_STANDARD = frozenset({"std", "core", "alloc", "proc_macro", "test"})
_ROOTS = ("lib.rs", "main.rs")
_MAX_HOPS = 20
_OWN_CRATES = re.compile(r"(?P<package>(?:^|.*/))(?:(?:tests|benches|examples)/[^/]+\.rs|src/bin/[^/]+\.rs|build\.rs)$")
"""Files that cargo makes a crate each of, where they are in a package's folder."""


class RustModules:
    """Finds modules of a tree.

    Args:
        paths: The files that are in Rust.
        crates: Folders of crates by the names that code uses.
        required: Crates of others by the names that code uses.
        placed: Files that an attribute makes modules of (``#[path]``), with the files that say so. The modules of such
            a file are in its own folder.
    """

    def __init__(
        self, paths: Iterable[str], crates: Mapping[str, str], required: Set[str], placed: Mapping[str, str]
    ) -> None:
        self._files = frozenset(paths)
        self._placed = {path: outer for path, outer in placed.items() if path in self._files and path != outer}
        self._placed_in = dict(self._folders_of_placed())
        """The one such file of a folder that is no other module's."""
        self._required = required | _STANDARD
        self._roots = {posixpath.dirname(path) for path in self._files if path.rpartition("/")[2] in _ROOTS}
        """Folders that crates begin in."""
        self._libraries = dict(self._libraries_of(crates))

    def _libraries_of(self, crates: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield names of crates with the folders that their modules are in."""
        for folder in sorted(self._roots, key=len, reverse=True) if not crates else ():
            if folder.endswith("/src"):
                yield folder.split("/")[-2].replace("-", "_"), folder
        for name, folder in crates.items():
            below = f"{folder}/" if folder else ""
            around = (root for root in self._roots if f"{root}/".startswith(below) or not folder)
            own = f"{below}src"
            best = min(around, key=lambda root: (root != own, root.count("/"), root), default=None)
            if best is not None:
                yield name, best

    def _folders_of_placed(self) -> Iterator[tuple[str, str]]:
        counts = Counter(posixpath.dirname(path) for path in self._placed)
        for path in self._placed:
            folder = posixpath.dirname(path)
            if counts[folder] == 1 and not self._files.intersection(_places(folder)):
                yield folder, path

    def resolve(self, importer: str, target: str) -> list[str]:
        """Return the file of a module, or of the module that has what is named last.

        Args:
            importer: The file that imports.
            target: A path as at the top of the file, or ``./path.rs``.
        """
        if target.startswith("./"):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))
            return [path] if path in self._files else []
        parts = [part for part in target.replace("r#", "").split("::") if part]
        if not parts:
            return []
        home = self._home(importer)
        if parts[0] in {"self", "super"}:
            file = importer
            while parts and parts[0] in {"self", "super"}:
                if parts.pop(0) == "super":
                    home, file = self._around(home, file)
            return self._below(file, home, parts)
        if not target.startswith("::") and self._file(home, parts[0]):
            return self._below(importer, home, parts)
        return self._of_crate(importer, parts[0], parts[1:])

    def _of_crate(self, importer: str, head: str, rest: list[str]) -> list[str]:
        root = self._root(importer)
        if head in {"crate", "$crate"}:
            return self._below(importer, root, rest)
        if head in self._libraries and head not in self._required:
            return self._below("", self._libraries[head], rest)
        # As paths began until the edition of 2018.
        of_root = head not in self._required and self._file(root, head)
        return self._below(importer, root, [head, *rest]) if of_root else []

    def _around(self, home: str, file: str) -> tuple[str, str]:
        """Return the folder of the module around one, and its file where an attribute tells it."""
        if file in self._placed:
            outer = self._placed[file]
            return self._home(outer), outer
        home = posixpath.dirname(home)
        return home, self._placed_in.get(home, "")

    def _home(self, path: str) -> str:
        """Return the folder in which modules of a file are."""
        folder, _, name = path.rpartition("/")
        if name in {*_ROOTS, "mod.rs"} or path in self._placed or self._is_own_crate(path):
            return folder
        return posixpath.join(folder, name.removesuffix(".rs"))

    def _is_own_crate(self, path: str) -> bool:
        found = _OWN_CRATES.match(path)
        if found is None:
            return False
        folder = found["package"].rstrip("/")
        while folder and posixpath.basename(folder) != "src":
            folder = posixpath.dirname(folder)
        return folder not in self._roots or not folder  # else a module that is called so

    def _root(self, importer: str, hops: int = _MAX_HOPS) -> str:
        """Return the folder that the crate of a file begins in."""
        folder = posixpath.dirname(importer)
        if importer in self._placed and hops:
            return self._root(self._placed[importer], hops - 1)
        if self._is_own_crate(importer):
            return folder
        while folder and folder not in self._roots:
            if folder in self._placed_in and hops:
                return self._root(self._placed_in[folder], hops - 1)
            folder = posixpath.dirname(folder)
        return folder

    def _file(self, home: str, *names: str) -> str:
        """Return the file of a module that has one; an empty text where there is none."""
        path = posixpath.join(home, *names)
        return next((one for one in (f"{path}.rs", f"{path}/mod.rs") if one in self._files), "")

    def _below(self, importer: str, home: str, names: list[str]) -> list[str]:
        for length in range(len(names), 0, -1):
            if found := self._file(home, *names[:length]):
                return [found]
        if self._home(importer) == home and importer:
            return [importer]
        return next(([place] for place in _places(home) if place in self._files), [])


def placed_modules(imports: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the files that an attribute makes modules of, with the first that says so.

    Args:
        imports: Paths of files, and what these import.
    """
    found: dict[str, str] = {}
    for path, target in imports:
        if path.endswith(".rs") and target.startswith("./"):
            found.setdefault(posixpath.normpath(posixpath.join(posixpath.dirname(path), target)), path)
    return found


def _places(home: str) -> tuple[str, ...]:
    """Return where the file may be of the module whose own ones are in a folder."""
    return (f"{home}/mod.rs", f"{home}.rs", *(posixpath.join(home, root) for root in _ROOTS))


__all__ = ["RustModules", "placed_modules"]
