# SPDX-License-Identifier: FSL-1.1-MIT
"""What a process does that belongs to another one of ours: it ends with that one, and not before."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path
from typing import Final

STOP: Final = "stop"
"""The call without an answer that tells the process that nobody waits any more for another one."""
_SET_DEATH_SIGNAL: Final = 1  # PR_SET_PDEATHSIG of prctl(2)


def belong_to_parent() -> None:
    """Leave signals to the parent, and have the system kill this process when the thread ends that started it.

    A process that is stopped does not see that its stdin has ended.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    library = ctypes.CDLL(None)
    if hasattr(library, "prctl"):  # of Linux alone
        library.prctl(_SET_DEATH_SIGNAL, ctypes.c_ulong(signal.SIGKILL))


def file_number(path: Path) -> str:
    """Return what no other file has while this one is there; nothing where it is gone."""
    try:
        state = path.stat()
    except OSError:
        return ""
    return f"{state.st_dev}:{state.st_ino}"


__all__ = ["STOP", "belong_to_parent", "file_number"]
