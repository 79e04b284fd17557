# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the files of Python's modules. Pure."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable
from typing import TypeAlias

_Parts: TypeAlias = tuple[str, ...]


class PythonModules:
    """Finds modules as Python does: absolute ones below folders that are no packages."""

    def __init__(self, paths: Iterable[str], packages: Iterable[str], name: str) -> None:
        self._packages = {tuple(folder.split("/")) if folder else () for folder in packages}
        self._name = name
        self._modules: dict[_Parts, str] = {}
        for path in sorted(paths):
            parts = tuple(path.split("/"))
            if parts[-1] == "__init__.py":
                self._packages.add(parts[:-1])
                self._modules[parts[:-1]] = path
            else:
                self._modules.setdefault((*parts[:-1], parts[-1].split(".", 1)[0]), path)
        roots: defaultdict[str, set[_Parts]] = defaultdict(set)
        for parts in self._modules:
            for place, part in enumerate(parts):
                if parts[:place] in self._packages:
                    break
                roots[part].add(parts[:place])
        self._roots = {part: sorted(found) for part, found in roots.items()}
        """Folders below which the first part of a name is found: none is in a package."""

    def resolve(self, importer: str, target: str) -> list[str]:
        """Return the file of a module, or of the module that has what is named last."""
        folder = tuple(importer.split("/")[:-1])
        names = tuple(part for part in target.split(".") if part)
        dots = len(target) - len(target.lstrip("."))
        if dots:
            if dots - 1 > len(folder):
                return []
            return self._below(folder[: len(folder) - dots + 1], names)
        if not names:
            return []
        if names[0] == self._name and () in self._packages and (found := self._below((), names[1:])):
            return found
        roots = self._roots.get(names[0], [])
        if names[0] in sys.stdlib_module_names:
            roots = [root for root in roots if root == folder]  # a script sees what is beside it first
        for root in sorted(roots, key=lambda root: (-shared_folders("/".join((*root, "")), importer), len(root), root)):
            if found := self._below(root, names):
                return found
        return []

    def _below(self, root: _Parts, names: _Parts) -> list[str]:
        for length in (len(names), len(names) - 1):
            if length >= 0 and (found := self._modules.get((*root, *names[:length]))) is not None:
                return [found]
        return []


def shared_folders(path: str, other: str) -> int:
    """Return how many folders two paths share."""
    count = 0
    for one, two in zip(path.split("/")[:-1], other.split("/")[:-1], strict=False):
        if one != two:
            break
        count += 1
    return count


__all__ = ["PythonModules", "shared_folders"]
