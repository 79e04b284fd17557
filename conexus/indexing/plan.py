# SPDX-License-Identifier: FSL-1.1-MIT
"""Works out which files an index is behind on. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from conexus.types import FileRecord, FileStat, IndexPlan, ParseJob

_TICK_NS = 20_000_000  # file times come from a clock that moves in steps of up to 10 ms
_COARSE_NS = 2_000_000_000  # FAT has steps of 2 s; a time of whole seconds may come from such a file system
_SECOND_NS = 1_000_000_000
FORCED = "forced"


def plan_index(
    found: Iterable[FileStat],
    known: Mapping[str, FileRecord],
    rules: str,
    is_forced: Callable[[str], bool],
) -> IndexPlan:
    """Compare the tree with what the index knows of it.

    A file whose size, times and inode are as they were when it was read is unchanged, unless it was
    written so shortly before it was read that a later write could have left the same times (git calls
    such an entry racy). Every other file is read again; its content hash then decides.

    Args:
        found: Files of the tree, each path once.
        known: What the index knows, by path.
        rules: Skip rules in force. A file that was read under others is parsed again.
        is_forced: Whether a user's rule lets a path in whatever its content.

    Returns:
        The plan; what it reads and what it deletes never overlap.
    """
    to_read: list[ParseJob] = []
    unchanged = 0
    paths: set[str] = set()
    for stat in found:
        paths.add(stat.path)
        record = known.get(stat.path)
        forced = is_forced(stat.path)
        if record is None or record.rules != rules_of(rules, forced):
            to_read.append(ParseJob(stat, None, forced))
        elif is_unchanged(record, stat):
            unchanged += 1
        else:
            to_read.append(ParseJob(stat, record.content_hash, forced))
    to_delete = tuple(record for path, record in known.items() if path not in paths)
    return IndexPlan(tuple(to_read), to_delete, unchanged)


def rules_of(rules: str, forced: bool) -> str:
    """Return the rules that hold for one file."""
    return FORCED if forced else rules


def is_unchanged(record: FileRecord, stat: FileStat) -> bool:
    """Whether a file's stat alone proves that its content is what the index holds."""
    old = record.stat
    if (old.size_bytes, old.mtime_ns, old.ctime_ns, old.inode) != (
        stat.size_bytes,
        stat.mtime_ns,
        stat.ctime_ns,
        stat.inode,
    ):
        return False
    coarse = stat.mtime_ns % _SECOND_NS == 0 and stat.ctime_ns % _SECOND_NS == 0
    return max(stat.mtime_ns, stat.ctime_ns) + (_COARSE_NS if coarse else _TICK_NS) < record.checked_ns
