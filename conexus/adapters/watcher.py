# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells when something below a folder changes, as the system reports it."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from watchfiles import Change, DefaultFilter, watch

from conexus.adapters.inotify import FolderWatch
from conexus.adapters.rule_files import RuleFiles

_DEBOUNCE_MS = 400  # no burst is waited for longer
_MANY = 1_000  # so many changes come of a checkout or a formatter; then a look at everything costs less
_POLL_MS = 30  # as soon as nothing happened for so long, it is told
_WAKE_MS = 250  # how often it is asked whether to stop
_RULES_EVERY = 4  # wakes
_NO_WATCH = "the system watches as many folders as it can (fs.inotify.max_user_watches)"
_NO_WATCHER = "the system has no more watchers to give (fs.inotify.max_user_instances)"
_IN_CLOEXEC, _IN_ONLYDIR_MODIFY = 0o2000000, 0x01000002


class WatchUnavailable(Exception):
    """The system does not report the changes of a tree, or not all of them; the message says why."""


class _Sources(DefaultFilter):
    """Lets all through but our own files and git's, of which the ignore rules, the index and HEAD still count."""

    ignore_dirs = ()
    ignore_entity_patterns = ()

    def __init__(self, own: Path | None) -> None:
        super().__init__()
        self._own = None if own is None else str(own)

    def __call__(self, change: Change, path: str) -> bool:
        """Whether a change counts."""
        if self._own is not None and (path == self._own or path.startswith(self._own + "/")):
            return False
        return "/.git/" not in path or path.endswith(_OF_GIT)


_OF_GIT = ("/.git/HEAD", "/.git/index", "/.git/config", "/.git/info/exclude", "/.git/info/attributes")


def changes(
    root: Path, is_stopped: Callable[[], bool], own: Path | None = None, rules: RuleFiles | None = None
) -> Iterator[frozenset[str] | None]:
    """Yield the changed paths each time something below a folder changed, until stopped.

    The first answer, which may be empty, comes as soon as the folder is watched: whoever looks at the whole folder
    after it misses nothing.

    Args:
        root: The folder.
        is_stopped: Asked a few times a second.
        own: Folder whose changes do not count: where indexes are kept, each of which changes it.
        rules: What beside the files of the folder has a say; git's own files alone where ``None``.

    Yields:
        Paths from the root; ``None`` where any may have changed: rules or the branch did, or very many files.

    Raises:
        WatchUnavailable: The system has no room for more watches, or the folder is gone.
    """
    try:
        yield from _reported(root, is_stopped, own, rules or RuleFiles(root, None))
    except OSError as exc:
        raise WatchUnavailable(_why(exc)) from exc
    except RuntimeError as exc:  # what watchfiles raises for all that has no number
        raise WatchUnavailable(_why(exc)) from exc


def _reported(
    root: Path, is_stopped: Callable[[], bool], own: Path | None, rules: RuleFiles
) -> Iterator[frozenset[str] | None]:
    above = len(os.fspath(root).rstrip("/")) + 1
    is_watching, wakes, place = False, 0, _place(root)
    batches = _by_linux(root, own) if sys.platform.startswith("linux") else _by_library(root, own)
    for batch in batches:
        if is_stopped():
            return
        wakes += 1
        if not batch and is_watching and wakes % _RULES_EVERY:
            continue
        if _place(root) != place:
            raise WatchUnavailable("the folder is gone or another one")
        paths = _paths(batch, above)
        paths = _joined(paths, rules.changed() if rules.has_changed() else frozenset())
        if paths is None or paths or not is_watching or _holds_git(batch):
            is_watching = True
            yield paths


def _by_library(root: Path, own: Path | None) -> Iterator[set[tuple[Change, str]]]:
    return watch(
        root,
        watch_filter=_Sources(own),
        debounce=_DEBOUNCE_MS,
        step=_POLL_MS,
        rust_timeout=_WAKE_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
        ignore_permission_denied=True,
    )


def _by_linux(root: Path, own: Path | None) -> Iterator[set[tuple[Change, str]]]:
    """Yield what the library would, which on Linux follows links wherever they lead."""
    top = os.path.realpath(root)
    ours = None if own is None else f"{os.path.realpath(own)}/"
    counts = _Sources(own)
    folders = FolderWatch(top, lambda path: f"{top}/{path}" == ours)
    try:
        yield set()
        while True:
            paths = folders.changes(_WAKE_MS, _POLL_MS, _DEBOUNCE_MS)
            whole = {f"{root}/{path}" if path else str(root) for path in paths}
            yield {(Change.modified, path) for path in whole if counts(Change.modified, path)}
    finally:
        folders.close()


def _joined(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    return None if one is None or other is None else one | other


def _holds_git(batch: set[tuple[Change, str]]) -> bool:
    """Whether git did something: a commit changes no file, and yet the commit that is checked out."""
    return any(path.endswith(_OF_GIT) for _, path in batch)


def _paths(batch: set[tuple[Change, str]], above: int) -> frozenset[str] | None:
    """Return the paths of a batch from the root, git's own ones left out: those are for the rules to judge."""
    paths = frozenset(path[above:] for _, path in batch if not path.endswith(_OF_GIT))
    if len(paths) > _MANY or any(not path or ".git" in path.split("/") for path in paths):
        return None
    return paths


def _place(root: Path) -> tuple[int, int] | None:
    try:
        state = root.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def require_room(root: Path) -> None:
    """Make sure that one more watcher could watch one more folder.

    Raises:
        WatchUnavailable: None could.
    """
    if not sys.platform.startswith("linux"):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    handle = libc.inotify_init1(_IN_CLOEXEC)
    if handle < 0:
        raise WatchUnavailable(_NO_WATCHER)
    try:
        if libc.inotify_add_watch(handle, os.fsencode(root), _IN_ONLYDIR_MODIFY) < 0 and (
            ctypes.get_errno() == errno.ENOSPC
        ):
            raise WatchUnavailable(_NO_WATCH)
    finally:
        os.close(handle)


def _why(exc: Exception) -> str:
    text = str(exc).split(" about [", 1)[0]
    if "limit reached" in text or (isinstance(exc, OSError) and exc.errno == errno.ENOSPC):
        return _NO_WATCH
    if "os error 24" in text or "Too many open files" in text:
        return _NO_WATCHER
    return text or type(exc).__name__
