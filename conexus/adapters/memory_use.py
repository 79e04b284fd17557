# SPDX-License-Identifier: FSL-1.1-MIT
"""How much memory processes hold, and how much more there is: of the machine, and of the container that we are in.

Read from Linux's own files. Elsewhere nothing is known: every answer is then ``None`` or 0.
"""

from __future__ import annotations

import ctypes
import os
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_LEAST_LIMIT = 1 << 30
_MADV_DONTNEED = 4  # of Linux's own, which Python tells for maps of its own only
_UNLIMITED = 1 << 60  # version 1 says so with a number beyond all memory


def private_bytes(pids: Iterable[int], proc: Path = _PROC) -> int:
    """Return what processes hold for themselves: not what is backed by files, which the system can drop at any time.

    A process that has ended holds nothing.
    """
    return sum(_private(proc / str(pid) / "statm") for pid in pids)


def _private(path: Path) -> int:
    try:
        _, resident, of_files, *_ = path.read_text(encoding="ascii").split()
        return max(0, int(resident) - int(of_files)) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def own_private_bytes() -> int:
    """Return the same for this process."""
    return private_bytes([os.getpid()])


def available_bytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int | None:
    """Return how much more memory can be had before the system kills or swaps; ``None`` if that is not known."""
    rooms = [room for room in (_of_machine(proc), *_of_cgroups(proc, cgroups)) if room is not None]
    return min(rooms, default=None)


def _of_machine(proc: Path) -> int | None:
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _of_cgroups(proc: Path, cgroups: Path) -> Iterator[int | None]:
    """Yield the room in each group that we are in, and those around it: a limit of any of them counts."""
    try:
        entries = (proc / "self" / "cgroup").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return
    for entry in entries:
        _, kinds, place = entry.split(":", 2) if entry.count(":") > 1 else ("", "-", "")
        names = ("memory.max", "memory.current", "inactive_file")
        if "memory" in kinds.split(","):
            names, base = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), cgroups / "memory"
        elif not kinds:
            base = cgroups
        else:
            continue
        # Inside a container the path is that of the host, and the group's own files are at the top.
        inside = base / place.strip("/")
        folder = inside if inside.is_relative_to(base) and ".." not in inside.parts and inside.is_dir() else base
        for group in (folder, *folder.parents):
            yield _room(group, *names)
            if group == base:
                break


def _room(group: Path, limit_name: str, used_name: str, droppable: str) -> int | None:
    try:
        limit = (group / limit_name).read_text(encoding="ascii").strip()
        if limit == "max" or int(limit) >= _UNLIMITED:
            return None
        used = int((group / used_name).read_text(encoding="ascii"))
        facts = dict(line.split(" ", 1) for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        return max(0, int(limit) - used + int(facts.get(droppable, 0)))
    except (OSError, ValueError):
        return None


def give_back_memory() -> None:
    """Have the C library return what it keeps of freed memory: two thirds of all after an index was packed."""
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):  # of GNU's library alone
        library.malloc_trim(0)


def limit_memory() -> None:
    """Have the system refuse this process more than half of the memory there is, but not less than 1 GB.

    A number in a damaged file can make the engine ask for any amount, which would end other programs in its place.
    """
    available = available_bytes()
    if available is None:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = max(_LEAST_LIMIT, available // 2)
    limits = [limit for limit in (soft, hard, most) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min(limits), hard))


def let_go_of(folder: Path, proc: Path = _PROC) -> None:
    """Let go of what this process has in memory of the files below a folder that it maps and shares.

    The system keeps it, as long as there is room, and gives it back where it is read again.
    """
    below = f"{folder.resolve()}/"
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    try:
        maps = (proc / "self" / "maps").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    for line in maps:
        span, rights, _, _, _, *path = line.split(maxsplit=5)
        if rights.endswith("s") and path and path[0].startswith(below):  # what is not shared would lose its changes
            start, end = (int(part, 16) for part in span.split("-"))
            advise(start, end - start, _MADV_DONTNEED)


__all__ = ["available_bytes", "give_back_memory", "let_go_of", "limit_memory", "own_private_bytes", "private_bytes"]
