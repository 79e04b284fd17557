# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the files that paths in JavaScript and TypeScript mean, as node, compilers and bundlers do. Pure."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

_OF_TYPESCRIPT: Final = (".ts", ".tsx", ".mts", ".cts")
_OF_JAVASCRIPT: Final = (".js", ".jsx", ".mjs", ".cjs")
_OTHERS: Final = (".vue", ".svelte", ".json", ".d.ts", ".d.mts", ".d.cts")
_BUILT: Final[Mapping[str, tuple[str, ...]]] = {
    ".js": (".ts", ".tsx", ".jsx", ".d.ts"),
    ".jsx": (".tsx", ".d.ts"),
    ".mjs": (".mts", ".d.mts"),
    ".cjs": (".cts", ".d.cts"),
}
"""What a file may be built of that an import names by its later name."""
_PLATFORMS: Final = frozenset("android client ios macos native server web windows".split())
_MAX_FOLDERS = 3


class ScriptPaths:
    """Finds files.

    Args:
        paths: All files of the tree.
        entries: Of folders with a ``package.json``: the paths of what the folder is, the first that exists counts.
    """

    def __init__(self, paths: Iterable[str], entries: Mapping[str, Sequence[str]]) -> None:
        self._files = frozenset(paths)
        self._entries = entries
        self._variants: defaultdict[str, list[str]] = defaultdict(list)
        """Files for a platform by their paths without all endings, as ``Button.ios.tsx``."""
        for path in sorted(self._files):
            folder, _, name = path.rpartition("/")
            stem, *endings = name.split(".")
            if len(endings) == 2 and endings[0] in _PLATFORMS:  # noqa: PLR2004 -- the platform's and the language's
                self._variants[posixpath.join(folder, stem)].append(path)

    def find(self, path: str, language: str, folders: int = _MAX_FOLDERS) -> str:
        """Return the file at a path that may lack its ending or be a folder; an empty text where there is none."""
        path = posixpath.normpath(path) if path else "."
        if path.startswith("../"):
            return ""
        if path in self._files:
            return path
        own = (_OF_JAVASCRIPT, _OF_TYPESCRIPT) if language == "javascript" else (_OF_TYPESCRIPT, _OF_JAVASCRIPT)
        endings = (*own[0], *own[1], *_OTHERS)
        stem, ending = posixpath.splitext(path)
        places = [*(path + one for one in endings), *(stem + one for one in _BUILT.get(ending, ()))]
        if found := next((place for place in places if place in self._files), ""):
            return found
        folder = "" if path == "." else path
        if folders:
            for entry in self._entries.get(folder, ()):
                if found := self.find(entry, language, folders - 1):
                    return found
        index = posixpath.join(folder, "index")
        return next((index + one for one in endings if index + one in self._files), "")

    def variant(self, path: str) -> str:
        """Return the file for a platform at a path, the first of several; an empty text where there is none."""
        return next(iter(self._variants.get(posixpath.normpath(path), ())), "")


__all__ = ["ScriptPaths"]
