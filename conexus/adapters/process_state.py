# SPDX-License-Identifier: FSL-1.1-MIT
"""What the system says of a process: whether it is there, stands still, or works. Read from Linux's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from conexus.values import dataclass

_PROC: Final = Path("/proc")
_STATE, _PARENT, _USER_TICKS, _SYSTEM_TICKS = 0, 1, 11, 12  # as they come after the name, see proc(5)
_STOPPED: Final = frozenset({b"T", b"t"})
_OVER: Final = frozenset({b"Z", b"X"})
_AT_WORK: Final = frozenset({b"R", b"D"})
"""It runs, or waits for the disk."""


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One look at a process."""

    pid: int
    parent: int
    cpu_ticks: int
    """CPU time of all its threads, those that are over too."""
    is_stopped: bool
    """Whether it stands still until it is told to go on."""
    is_over: bool
    """Whether it has ended, and only waits for its parent to take note."""

    def has_worked(self, before: ProcessState | None) -> bool:
        """Whether it has used the CPU since an earlier look, or a thread of it runs or waits for the disk."""
        if before is None or before.cpu_ticks != self.cpu_ticks:
            return True
        states = (_fields(path)[:1] for path in (_PROC / str(self.pid) / "task").glob("*/stat"))
        return any(state[0] in _AT_WORK for state in states if state)


def process_state(pid: int) -> ProcessState | None:
    """Look at a process; ``None`` where there is none, or the system does not say."""
    found = _fields(_PROC / str(pid) / "stat")
    try:
        ticks = int(found[_USER_TICKS]) + int(found[_SYSTEM_TICKS])
        return ProcessState(pid, int(found[_PARENT]), ticks, found[_STATE] in _STOPPED, found[_STATE] in _OVER)
    except (IndexError, ValueError):
        return None


def _fields(path: Path) -> list[bytes]:
    """Return what is told of a process or thread after its name; nothing where it is gone."""
    try:
        return path.read_bytes().rpartition(b")")[2].split()
    except OSError:
        return []


__all__ = ["ProcessState", "process_state"]
