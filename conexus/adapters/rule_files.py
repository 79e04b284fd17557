# SPDX-License-Identifier: FSL-1.1-MIT
"""Notices when what decides which files of a tree are indexed changes beside the files themselves.

These are git's own files of the tree (of a linked worktree they lie outside of it) and the user's global excludes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from conexus.adapters.git_index import TrackedPaths, read_index
from conexus.adapters.git_metadata import git_folders
from conexus.adapters.ignore_rules import UserGit

_State = tuple[int, int, int, int] | None


class RuleFiles:
    """The files beside a tree's own that have a say in it.

    Args:
        root: The tree.
        user: Whose git settings count; ``None`` for nobody's.
        settings: Further files, as those of our own settings.
    """

    def __init__(self, root: Path, user: UserGit | None, settings: tuple[Path, ...] = ()) -> None:
        self._root = root
        self._user = user
        self._settings = settings
        self._index: Path | None = None
        self._tracked = TrackedPaths()
        self._states = self._look()
        if self._index is not None:
            self._tracked = read_index(self._index)

    def changed(self) -> frozenset[str] | None:
        """Return the paths that are to be looked at for what changed since the last call.

        Returns:
            ``None`` where any file may be concerned. Where git's index changed, those that it tracks now and did not
            before, and the other way round: an ignore rule does not hold for what is tracked.
        """
        before, self._states = self._states, self._look()
        if before == self._states:
            return frozenset()
        different = {path for path in before.keys() | self._states.keys() if before.get(path) != self._states.get(path)}
        if self._index is None or different != {self._index}:
            if self._index is not None:
                self._tracked = read_index(self._index)
            return None
        then, self._tracked = self._tracked, read_index(self._index)
        if then.submodules != self._tracked.submodules:
            return None
        return then.files ^ self._tracked.files

    def has_changed(self) -> bool:
        """Whether :meth:`changed` would have something to say."""
        return self._look() != self._states

    def _look(self) -> dict[Path, _State]:
        folders = git_folders(self._root)
        self._index = None if folders is None else folders.private / "index"
        found = [self._root / ".git", *self._settings]
        if folders is not None:
            found += [folders.private / "HEAD", folders.private / "index", folders.common / "config"]
            found += [folders.common / "info" / name for name in ("exclude", "attributes", "sparse-checkout")]
        if self._user is not None:
            found += [self._user.folder / "config", self._user.home / ".gitconfig"]
            excludes = self._user.excludes_file()
            found += [] if excludes is None else [excludes]
        # The folder of a repository changes with each of git's locks; only what it is counts.
        return {path: _kind(path) if path.name == ".git" else _state(path) for path in found}


def _state(path: Path) -> _State:
    return _stated(path, lambda state: (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino))


def _kind(path: Path) -> _State:
    return _stated(path, lambda state: (state.st_mode, state.st_ino, 0, 0))


def _stated(path: Path, of: Callable[[os.stat_result], tuple[int, int, int, int]]) -> _State:
    try:
        return of(path.stat())
    except OSError:
        return None
