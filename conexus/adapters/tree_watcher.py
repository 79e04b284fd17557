# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements TreeWatcher: as the system reports changes, and by looking again and again where it does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from conexus.adapters.ignore_rules import UserGit
from conexus.adapters.mounts import Mount, remote_mount
from conexus.adapters.polling import polled
from conexus.adapters.rule_files import RuleFiles
from conexus.adapters.watcher import WatchUnavailable, changes
from conexus.errors import SourceError
from conexus.ports import SourceTree
from conexus.types import WatchMode
from conexus.values import dataclass

_AGAIN_S = 600.0  # other programs may have let go of their watches by then

Native = Callable[[Path, Callable[[], bool], Path | None, RuleFiles], Iterator[frozenset[str] | None]]


@dataclass(eq=False)
class AdaptiveWatcher:
    """Follows one tree."""

    root: Path
    tree: Callable[[], SourceTree]
    """Gives the tree, with the settings as they are now."""
    own: Path | None
    """Folder whose changes do not count: where indexes are kept."""
    user: UserGit | None = None
    """Whose git settings count; ``None`` for nobody's."""
    settings: tuple[Path, ...] = ()
    """Files of our own settings."""
    native: Native = changes
    """How the system reports changes."""
    mount: Callable[[Path], Mount | None] = remote_mount
    """Says on what remote file system a folder lies."""
    again_s: float = _AGAIN_S
    """After how long the system is asked once more."""
    mode: WatchMode = WatchMode.OFF
    reason: str = ""

    def changes(self, is_stopped: Callable[[], bool]) -> Iterator[frozenset[str] | None]:
        """Yield the changed paths each time something changed, until stopped; ``None`` where any may have.

        The first answer after each change of :attr:`mode` comes once the tree is followed that way; whoever looks at
        the whole tree after it misses nothing. So ``None`` is the first answer.

        Raises:
            SourceError: The tree is gone or cannot be read.
        """
        while not is_stopped():
            rules = RuleFiles(self.root, self.user, self.settings)
            remote = self.mount(self.root)
            if remote is not None:
                self.reason = f"{remote.point} is a remote file system ({remote.kind})"
            else:
                try:
                    yield from self._natively(is_stopped, rules)
                except WatchUnavailable as exc:
                    self.reason = str(exc)
                else:
                    return
            if not self.root.is_dir():
                self.mode = WatchMode.OFF
                raise SourceError(f"{self.root} is gone")
            until = time.monotonic() + self.again_s
            yield from self._by_looking(partial(_is_over, is_stopped, until), rules)

    def _natively(self, is_stopped: Callable[[], bool], rules: RuleFiles) -> Iterator[frozenset[str] | None]:
        first = True
        for paths in self.native(self.root, is_stopped, self.own, rules):
            if first:
                self.mode, self.reason = WatchMode.NATIVE, ""
            yield None if first else paths
            first = False

    def _by_looking(self, is_stopped: Callable[[], bool], rules: RuleFiles) -> Iterator[frozenset[str] | None]:
        first = True
        for paths in polled(self.tree, is_stopped, rules):
            self.mode = WatchMode.POLLING
            yield None if first else paths
            first = False


def _is_over(is_stopped: Callable[[], bool], until: float) -> bool:
    return is_stopped() or time.monotonic() > until
