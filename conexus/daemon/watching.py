# SPDX-License-Identifier: FSL-1.1-MIT
"""Follows the indexed trees, and has index jobs made for what changes in them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from pathlib import Path

from conexus.errors import ConexusError
from conexus.ports import TreeWatcher
from conexus.types import Checkout, IndexedView, RepoId, WatchMode, WatchState
from conexus.values import dataclass

_LOOKED_EVERY_S = 1.0
_AGAIN_S = 3.0
_SWEEP_S = 600.0
_RETRY_S = 15.0
_STOP_S = 3.0
_log = logging.getLogger("conexus.daemon.watching")


@dataclass(frozen=True, slots=True)
class Ways:
    """How trees are followed, and what comes of it."""

    views: Callable[[], list[IndexedView]]
    """Gives all that is indexed."""
    find: Callable[[Path], Checkout]
    """Finds a tree again, with the commit that is checked out now."""
    watcher: Callable[[Checkout], TreeWatcher]
    """Gives what notices changes of a tree."""
    follow_up: Callable[[Checkout, frozenset[str] | None], None]
    """Has changes indexed; all of the tree is looked at where it is given ``None``."""
    drop_gone: Callable[[RepoId], int]
    """Drops the views of a repository whose tree or ref is gone."""
    wants_again: Callable[[Path], bool]
    """Whether what was asked last of a tree failed by the disk, which may have space again."""


class Followers:
    """Follows each indexed tree with a thread of its own.

    Args:
        ways: How.
        sweep_s: After how long a tree in which something changed is looked at as a whole once more: what the system
            failed to report is found then.
        again_s: After how long a tree that could not be followed is tried again.
    """

    def __init__(self, ways: Ways, sweep_s: float = _SWEEP_S, again_s: float = _AGAIN_S) -> None:
        self._ways = ways
        self._sweep_s = sweep_s
        self._again_s = again_s
        self._mutex = threading.Lock()
        self._followers: dict[Path, _Follower] = {}
        self._asked: dict[Path, str | None] = {}
        """The commits of refs for which an index was asked last."""
        self._retried: dict[Path, float] = {}
        """When a tree was last asked for again after its disk failed, by the monotonic clock."""
        self._gone: set[int] = set()
        """Views whose tree or ref is gone, and which were asked to be dropped."""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin: what changed while no daemon ran is caught up with first."""
        self._thread = threading.Thread(target=self._work, name="followers", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Follow nothing any more."""
        self._stop.set()
        with self._mutex:
            followers, self._followers = list(self._followers.values()), {}
        for follower in followers:
            follower.stop.set()
        until = time.monotonic() + _STOP_S
        for thread in (self._thread, *(follower.thread for follower in followers)):
            if thread is not None and thread.is_alive():
                thread.join(max(0.0, until - time.monotonic()))

    def state(self, root: Path) -> WatchState:
        """Return how a tree is followed."""
        with self._mutex:
            follower = self._followers.get(root)
        if follower is not None:
            return follower.state
        is_ref = any(view.root == root and view.ref for view in self._ways.views())
        why = "a ref: it is looked at every few seconds" if is_ref else "its index is not finished, or an earlier one"
        return WatchState(reason=why)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self._look()
            except ConexusError as error:
                _log.warning("what is indexed cannot be listed", extra={"reason": error.message})
            self._stop.wait(_LOOKED_EVERY_S)

    def _look(self) -> None:
        """Begin with trees that are new, let go of those that are gone, and sweep."""
        views = [view for view in self._ways.views() if view.live and not view.pinned]
        self._try_again([view for view in views if self._ways.wants_again(view.root)])
        sound = [view for view in views if view.live and view.live.complete]
        wanted = {view.root for view in sound if not view.ref}
        self._look_at_refs([view for view in sound if view.ref])
        self._look_for_gone([view for view in sound if not view.ref and not view.root.exists()])
        with self._mutex:
            if self._stop.is_set():
                return
            gone = [root for root in self._followers if root not in wanted]
            for root in gone:
                self._followers.pop(root).stop.set()
            for root in wanted - self._followers.keys():
                follower = self._followers[root] = _Follower(root, self._ways, self._again_s)
                follower.start()
            due = [follower for follower in self._followers.values() if follower.is_due(self._sweep_s)]
        for follower in due:
            follower.sweep()

    def _try_again(self, views: Sequence[IndexedView]) -> None:
        """Have trees looked at once more whose disk was full."""
        now = time.monotonic()
        for view in views:
            if now - self._retried.get(view.root, -_RETRY_S) < _RETRY_S:
                continue
            self._retried[view.root] = now
            try:
                self._ways.follow_up(self._ways.find(view.root), None)
            except ConexusError as error:
                _log.warning("a tree cannot be found again", extra={"reason": error.message})

    def _look_at_refs(self, views: Sequence[IndexedView]) -> None:
        """Have refs indexed again that name another commit by now."""
        for view in views:
            try:
                checkout = self._ways.find(view.root)
            except ConexusError:
                self._look_for_gone([view])
                continue
            if checkout.head not in {view.head, self._asked.get(view.root)}:
                self._asked[view.root] = checkout.head
                self._ways.follow_up(checkout, None)

    def _look_for_gone(self, views: Sequence[IndexedView]) -> None:
        """Have views dropped that nothing is left of; each is asked for once, since one that stands alone stays."""
        for view in views:
            if view.id not in self._gone:
                self._gone.add(view.id)
                try:
                    dropped = self._ways.drop_gone(view.repo)
                except ConexusError as error:
                    self._gone.discard(view.id)
                    _log.warning("views that are gone cannot be dropped", extra={"reason": error.message})
                else:
                    _log.info("views that are gone were looked for", extra={"dropped": dropped})


@dataclass(eq=False)
class _Follower:
    """Follows one tree."""

    root: Path
    ways: Ways
    again_s: float
    stop: threading.Event = field(default_factory=threading.Event)
    state: WatchState = field(default_factory=lambda: WatchState(reason="about to begin"))
    thread: threading.Thread | None = None
    _commit: tuple[str | None, str | None] = (None, None)
    _looked_at: float = 0.0
    """When all of the tree was last asked to be looked at, by the monotonic clock."""
    _changed_at: float = -1.0

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._work, name="follower", daemon=True)
        self.thread.start()

    def is_due(self, sweep_s: float) -> bool:
        """Whether all of the tree should be looked at."""
        return self._changed_at > self._looked_at and time.monotonic() - self._looked_at > sweep_s

    def sweep(self) -> None:
        """Have all of the tree looked at."""
        try:
            self._tell(None)
        except ConexusError as error:
            _log.warning("a tree cannot be found again", extra={"reason": error.message})

    def _work(self) -> None:
        while not self.stop.is_set():
            try:
                watcher = self.ways.watcher(self.ways.find(self.root))
                for paths in watcher.changes(self.stop.is_set):
                    self._note(watcher, paths)
            except ConexusError as error:
                self.state = replace(self.state, mode=WatchMode.OFF, reason=error.message)
            except Exception:  # noqa: BLE001 -- a fault of ours must not end the following for good
                _log.exception("a tree cannot be followed by a fault of Conexus")
                self.state = replace(self.state, mode=WatchMode.OFF, reason="a fault of Conexus; see its log")
            self.stop.wait(self.again_s)

    def _note(self, watcher: TreeWatcher, paths: frozenset[str] | None) -> None:
        if (watcher.mode, watcher.reason) != (self.state.mode, self.state.reason):
            if watcher.mode is WatchMode.POLLING:
                _log.warning("a tree is followed by polling", extra={"reason": watcher.reason})
            self.state = replace(self.state, mode=watcher.mode, reason=watcher.reason)
        self._tell(paths)

    def _tell(self, paths: frozenset[str] | None) -> None:
        checkout = self.ways.find(self.root)
        commit = (checkout.head, checkout.branch)
        if paths is not None and not paths and commit == self._commit:
            return  # git wrote its index anew, as it does when it is asked for the status
        self._commit = commit
        now = time.monotonic()
        if paths is None:
            self._looked_at = now
        else:
            self._changed_at = now
            self.state = replace(self.state, changed_at=time.time())
        self.ways.follow_up(checkout, paths)


__all__ = ["Followers", "Ways"]
