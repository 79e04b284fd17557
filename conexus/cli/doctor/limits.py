# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks of what the system lets a process have: watches, open files, memory; and of what it makes of a crash."""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from conexus.adapters.core_dumps import core_dump_bytes
from conexus.adapters.memory_use import available_bytes
from conexus.cli import console
from conexus.cli.doctor.findings import Doubtful
from conexus.config import Config
from conexus.errors import ConexusError, MemoryFull
from conexus.types import LOCAL_USER

_INOTIFY = Path("/proc/sys/fs/inotify")
_NAMESPACE = Path("/proc/sys/user")  # what this user may have, in a container for instance
_FILES, _FILES_A_TREE = 100, 4  # measured: a daemon has 32 open, and 3 more for each repository
_LEAST_BYTES = 200_000_000
_MEGABYTE = 1_000_000


def check_watching(config: Config) -> str:
    """Whether the system can watch all folders of the indexed trees."""
    from conexus.adapters.watcher import WatchUnavailable, require_room  # noqa: PLC0415 -- it may be broken

    roots = _roots(config)
    if not sys.platform.startswith("linux"):
        return f"{console.count(len(roots), 'repository')}; this system has no limit on watches"
    try:
        require_room(Path("/"))
    except WatchUnavailable as exc:
        what = "user_instances" if "instances" in str(exc) else "user_watches"
        raise ConexusError(f"{exc}; trees are looked at again and again", hint=_raise_limit(what, 0)) from exc
    most_watches = _limit("max_user_watches", "max_inotify_watches")
    most_trees = _limit("max_user_instances", "max_inotify_instances")
    folders = _count_folders(roots, most_watches)
    if folders > most_watches:
        raise ConexusError(
            f"the indexed trees have more than {most_watches:,} folders, and the system watches no more; "
            "some are looked at again and again",
            hint=_raise_limit("user_watches", most_watches),
        )
    if len(roots) > most_trees:
        raise ConexusError(
            f"{console.count(len(roots), 'tree')} are indexed, and the system has {most_trees:,} watchers; "
            "some are looked at again and again",
            hint=_raise_limit("user_instances", most_trees),
        )
    return f"{console.count(folders, 'folder')} of {console.count(len(roots), 'tree')}; {most_watches:,} can be watched"


def _roots(config: Config) -> list[Path]:
    from conexus import bootstrap  # noqa: PLC0415 -- it may be broken

    service = bootstrap.build(config).service
    try:
        return [Path(view.root) for view in service.status(LOCAL_USER) if not view.ref and not view.gone]
    finally:
        service.close()


def _limit(of_system: str, of_user: str) -> int:
    """Return the lower of two limits, of which either may be unknown."""
    return min(_number(_INOTIFY / of_system), _number(_NAMESPACE / of_user))


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return sys.maxsize


def _count_folders(roots: Sequence[Path], most: int) -> int:
    """Count folders until there are more than can be watched."""
    found = 0
    for _ in _folders(roots):
        found += 1
        if found > most:
            break
    return found


def _folders(roots: Sequence[Path]) -> Iterator[str]:
    for root in roots:
        for folder, _, _ in os.walk(root):
            yield folder


def _raise_limit(what: str, now: int) -> str:
    return f"sudo sysctl fs.inotify.max_{what}={max(2 * now, 524_288 if what == 'user_watches' else 1_024)}"


def check_open_files(config: Config) -> str:
    """Whether a daemon of all indexed trees could have its files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return "as many as are needed"
    needed = _FILES + _FILES_A_TREE * len(_roots(config))
    if soft < needed:
        allowed = "" if hard == resource.RLIM_INFINITY or hard >= needed else f" (the hard limit is {hard:,})"
        raise ConexusError(
            f"a process may have {soft:,} files open, and a daemon needs {needed:,}{allowed}",
            hint=f"ulimit -n {max(1_024, 2 * needed)}, where the daemon is started",
        )
    return f"a process may have {soft:,}"


def check_memory(config: Config) -> str:
    """Whether there is the memory that a run may take."""
    available = available_bytes()
    if available is None:
        return "how much there is, this system does not say"
    shown = f"{console.size(available)} can be had"
    if available < _LEAST_BYTES:
        raise MemoryFull(
            f"{shown}, and indexing needs {console.size(_LEAST_BYTES)}",
            hint="end other programs, or give the container more",
        )
    if available < config.index.memory_mb * _MEGABYTE:
        raise Doubtful(
            f"{shown}, less than index.memory_mb ({config.index.memory_mb:,} MB): runs do less at once",
            hint="end other programs, or give the container more",
        )
    return shown


def check_core_dumps() -> str:
    """Whether the system would write down the memory of a process that crashes."""
    size = core_dump_bytes()
    if size == 0:
        return "none is written where Conexus crashes"
    raise ConexusError(
        "where Conexus crashes its memory is written to a file, with sources and tokens", hint="ulimit -c 0"
    )
