# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells when something in a tree changes by looking at all of it again and again.

For file systems whose changes the system does not report. The ignore rules hold as in a scan, so that a folder of
packages that is ignored costs nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from conexus.adapters.rule_files import RuleFiles
from conexus.errors import SourceError
from conexus.ports import SourceTree
from conexus.types import FileStat

_LEAST_S = 1.0
_SHARE = 10  # a look may take a tenth of the time, so that large trees are looked at less often
_ASKED_EVERY_S = 0.1
_Files = dict[str, FileStat]


def polled(
    tree: Callable[[], SourceTree], is_stopped: Callable[[], bool], rules: RuleFiles, least_s: float = _LEAST_S
) -> Iterator[frozenset[str] | None]:
    """Yield the changed paths each time something in a tree changed, until stopped.

    The first answer is empty and comes after the first look, as with :func:`conexus.adapters.watcher.changes`.

    Args:
        tree: Gives the tree, with the settings as they are now.
        is_stopped: Asked a few times a second.
        rules: What beside the files of the tree has a say.
        least_s: Least time between two looks.

    Yields:
        Paths from the root; ``None`` where any may have changed, or the tree could not be read.
    """
    files, left_out, took_s = _look(tree)
    yield frozenset()
    while True:
        until = time.monotonic() + max(least_s, _SHARE * took_s)
        while time.monotonic() < until:
            if is_stopped():
                return
            time.sleep(_ASKED_EVERY_S)
        try:
            now, out_now, took_s = _look(tree)
        except SourceError:
            yield None
            continue
        changed = frozenset(path for path in files.keys() | now.keys() if files.get(path) != now.get(path))
        beside = rules.changed()
        by_rules = out_now != left_out or beside is None
        files, left_out = now, out_now
        if by_rules:
            yield None
        elif changed or beside:
            yield changed | (beside or frozenset())


def _look(tree: Callable[[], SourceTree]) -> tuple[_Files, int, float]:
    """Return all files, a number for what is left out and by which rules, and how long that took."""
    started = time.monotonic()
    files: _Files = {}
    left_out = 0
    for entry in tree().scan():
        if isinstance(entry, FileStat):
            files[entry.path] = entry
        else:
            left_out ^= hash(entry)
    return files, left_out, time.monotonic() - started
