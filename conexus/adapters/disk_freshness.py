# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares hits with the files on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from conexus.ports import SourceTree
from conexus.types import FileStat, Freshness, IndexedView, StoredChunk

_MAX_BYTES = 50_000_000
_MOST_TREES = 32
_RACY_NS = (
    2_000_000_000  # a file may change once more without another time: the coarsest clock, FAT's, has steps of 2 s
)


class DiskFreshness:
    """Tells whether a chunk is still what is on disk: by the file's times, and by its content where those changed."""

    def __init__(self, tree_of: Callable[[IndexedView], SourceTree]) -> None:
        self._tree_of = tree_of
        self._trees: dict[Path, SourceTree] = {}
        """Those asked last, the last one at the end; not by the view's number, which another view may get later."""

    def __call__(self, view: IndexedView, chunks: Sequence[StoredChunk]) -> list[Freshness]:
        """Return of each chunk whether it is still what is on disk."""
        tree = self._trees.pop(view.root, None) or self._tree_of(view)
        self._trees[view.root] = tree
        if len(self._trees) > _MOST_TREES:  # a tree of a ref keeps files of git's objects open
            self._trees.pop(next(iter(list(self._trees)))).close()
        files = {stored.file: stored for stored in chunks}  # several chunks of a file are the rule
        stats = tree.stats({stored.chunk.path for stored in files.values()})
        found = {file: _freshness(tree, stored, stats.get(stored.chunk.path)) for file, stored in files.items()}
        return [found[stored.file] for stored in chunks]


def _freshness(tree: SourceTree, stored: StoredChunk, now: FileStat | None) -> Freshness:
    if now is None:
        return Freshness.MISSING
    then = stored.stat
    same = (now.size_bytes, now.mtime_ns, now.ctime_ns, now.inode) == (
        then.size_bytes,
        then.mtime_ns,
        then.ctime_ns,
        then.inode,
    )
    if same and max(now.mtime_ns, now.ctime_ns) + _RACY_NS < stored.checked_ns:
        return Freshness.FRESH
    if now.size_bytes != then.size_bytes:
        return Freshness.STALE
    try:
        data = tree.read(stored.chunk.path, _MAX_BYTES)
    except OSError:
        return Freshness.MISSING
    digest = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
    return Freshness.FRESH if digest == stored.content_hash else Freshness.STALE
