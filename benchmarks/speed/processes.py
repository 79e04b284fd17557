# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs programs and measures them: time by the clock, processor time, memory of the whole tree of processes."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SAMPLE_S: Final = 0.03
_TIMEOUT_S: Final = 7_200
HAS_PROC: Final = Path("/proc/self/smaps_rollup").exists()
"""Whether the system tells how memory is shared; else memory is not measured."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a program ran."""

    wall_s: float
    cpu_s: float
    """Of the process and of every child that it waited for."""
    output: str

    @property
    def answer(self) -> Any:  # noqa: ANN401 -- as JSON is
        """Its output as JSON."""
        return json.loads(self.output)


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one or several processes; pages they share count once."""

    total_bytes: int
    private_bytes: int
    """What is not the content of a file, so that the system cannot drop it."""

    @property
    def total_mb(self) -> float:
        """All of it, in units of 10**6 bytes."""
        return self.total_bytes / 1e6

    @property
    def private_mb(self) -> float:
        """What cannot be dropped, in units of 10**6 bytes."""
        return self.private_bytes / 1e6


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with changes, without what would change how either program works."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CONEXUS_", "SEMBLE_"))}
    return {**kept, "HF_HUB_OFFLINE": "1", **changes}


def timed(command: Sequence[str | Path], env: Mapping[str, str], codes: frozenset[int] = frozenset({0})) -> Outcome:
    """Run a program to its end.

    Raises:
        RuntimeError: It ended with a code that is not among ``codes``.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        [str(part) for part in command], env=dict(env), capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Outcome(wall, cpu, done.stdout)


def peak_memory(command: Sequence[str | Path], env: Mapping[str, str]) -> Memory:
    """Run a program and return the most memory that it and its children took together.

    Sampled every 30 ms, which slows the program down: not for a run whose time is measured.

    Raises:
        CalledProcessError: It failed.
    """
    process = subprocess.Popen(
        [str(part) for part in command], env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    peak = Memory(0, 0)
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(_SAMPLE_S):
            now = memory_of(tree_of(process.pid))
            peak = max(peak, now, key=lambda memory: memory.total_bytes)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        code = process.wait(_TIMEOUT_S)
    finally:
        ended.set()
        watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, str(command[0]))
    return peak


def memory_of(pids: Sequence[int]) -> Memory:
    """Return the memory of processes; one that has just ended counts as nothing."""
    total = private = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        sizes = {line.split(":")[0]: line.split() for line in lines[1:]}
        total += int(sizes["Pss"][1]) * 1024
        private += int(sizes["Pss_Anon"][1]) * 1024
    return Memory(total, private)


def tree_of(pid: int) -> list[int]:
    """Return a process and all its children."""
    return [pid, *_children(pid)]


def _children(pid: int) -> Iterator[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return
    for task in tasks:
        try:
            found = [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue
        for child in found:
            yield child
            yield from _children(child)


def disk_bytes(path: Path) -> int:
    """Return the space that a file or folder takes on the disk, as allocated."""
    if path.is_file():
        return path.stat().st_blocks * 512
    return sum(entry.lstat().st_blocks * 512 for entry in path.rglob("*") if not entry.is_symlink())
