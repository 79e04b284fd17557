# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the processes of the vector engine that have a folder's shards, and ends those whose program is gone.

An engine ends with its program. One that is left over was stopped when its program was killed, on a system that does
not end it then: it keeps the locks of the shards, and would do so for ever.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from conexus.adapters.process_locks import is_alive
from conexus.adapters.process_state import process_state
from conexus.values import dataclass

ENGINE_MODULE: Final = "conexus.vector_engine"
_PROC: Final = Path("/proc")
_END_S: Final = 5.0
_POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """A process of the vector engine."""

    pid: int
    program: int
    """The process that started it."""
    is_orphan: bool
    """Whether that one is gone."""
    is_stopped: bool


def engines_of(folder: Path) -> list[EngineSeen]:
    """Return this user's engines that have the shards of a folder, as far as the system says."""
    found = []
    for place in _PROC.glob("[0-9]*"):
        try:
            if place.stat().st_uid != os.geteuid():
                continue
            command = (place / "cmdline").read_bytes().split(b"\0")[:-1]
        except OSError:
            continue
        seen = _engine(int(place.name), command, folder)
        if seen is not None:
            found.append(seen)
    return found


def _engine(pid: int, command: Sequence[bytes], folder: Path) -> EngineSeen | None:
    *start, theirs, program = command if len(command) > 2 else (b"", b"", b"")  # noqa: PLR2004 -- module, folder, program
    if start[-1] != ENGINE_MODULE.encode() or not program.isdigit():
        return None
    state = process_state(pid)
    if state is None or state.is_over or os.path.realpath(os.fsdecode(theirs)) != os.path.realpath(folder):
        return None
    is_orphan = state.parent != int(program) and not is_alive(int(program))
    return EngineSeen(pid, int(program), is_orphan, state.is_stopped)


def end_orphans(folder: Path) -> bool:
    """End the engines of a folder whose program is gone, and wait for them; returns whether there was one."""
    orphans = [seen.pid for seen in engines_of(folder) if seen.is_orphan]
    for pid in orphans:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + _END_S
    while any(map(_is_there, orphans)) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return bool(orphans)


def _is_there(pid: int) -> bool:
    state = process_state(pid)
    return state is not None and not state.is_over


__all__ = ["ENGINE_MODULE", "EngineSeen", "end_orphans", "engines_of"]
