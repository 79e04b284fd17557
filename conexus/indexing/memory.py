# SPDX-License-Identifier: FSL-1.1-MIT
"""Keeps a run within its memory: first by doing less at once, at last by stopping with what was done kept. Pure."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto

from conexus.errors import MemoryFull
from conexus.values import dataclass

MEGABYTE = 1_000_000
_LEAST = 256 * MEGABYTE  # with less a run comes nowhere, so no less is tried
_SHARE = 0.8  # of what there is: others need memory too
_SAVING = 0.75  # of the budget; from here on a run saves memory
_EASED = 0.55  # of the budget; from here down it need not save any more
_OF_A_GRAMMAR_MB = 200
_OF_A_FILE = 0.6
_OF_A_SCAN = 0.5  # what is planned with the files that a scan found takes as much again
_PARENT = 150 * MEGABYTE  # what a run takes beside its parsing processes
_CHILD = 100 * MEGABYTE  # what each of them takes
_OF_A_CHUNK = 600  # what the index holds of each in memory, however little is done at once
_LOOKED_EVERY_S = 0.1
_PATIENCE_S = 10.0  # for processes to end and memory to be given back


class Pressure(Enum):
    """What a run is to do about its memory; each is said once, when it begins."""

    NONE = auto()
    """Go on as before."""
    SHORT = auto()
    """Do less at once."""
    EASED = auto()
    """Do as much at once as in the beginning."""


@dataclass(frozen=True, slots=True)
class MemoryBudget:
    """How much memory a run may take beyond what its process had."""

    most_bytes: int
    there_bytes: int | None = None
    """How much there is for a run, whatever is set; ``None`` where that is not known."""

    @classmethod
    def of(cls, setting_mb: int, available_bytes: int | None) -> MemoryBudget:
        """Return the budget for a run: the setting, or less where there is less, but never too little to run at all."""
        if available_bytes is None:
            return cls(setting_mb * MEGABYTE)
        there = max(_LEAST, int(available_bytes * _SHARE))
        return cls(min(setting_mb * MEGABYTE, there), there)

    def most_after(self, chunks: int) -> int:
        """Return how many bytes the run may take once it has written so many chunks: the index itself holds some."""
        most = self.most_bytes + chunks * _OF_A_CHUNK
        return most if self.there_bytes is None else max(self.most_bytes, min(most, self.there_bytes))

    def processes(self, most: int) -> int:
        """Return how many parsing processes there is memory for, at least one and at most ``most``."""
        return max(1, min(most, (int(self.most_bytes * _SAVING) - _PARENT) // _CHILD))

    def of_a_file(self, setting_mb: int) -> int:
        """Return how many megabytes parsing one file may take: the setting, or a good half of all if that is less.

        It is never so little that a grammar cannot be loaded: its file would be cut by lines, and stay so.
        """
        return min(setting_mb, max(_OF_A_GRAMMAR_MB, int(self.most_bytes * _OF_A_FILE) // MEGABYTE))


class MemoryWatch:
    """Tells a run when it has to save memory, and stops it where that did not help.

    Args:
        budget: For this run.
        used: Returns how many bytes the process holds by itself, without parsing processes.
        clock: Seconds, of a clock that only goes forward.
    """

    def __init__(
        self, budget: MemoryBudget, used: Callable[[], int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget
        self._used = used
        self._clock = clock
        self._before = used()
        self._looked_at = clock() - _LOOKED_EVERY_S
        self._saving_since: float | None = None
        self._does_less = False

    def look(self, of_children: Callable[[], int], chunks: int = 0) -> Pressure:
        """Tell when the run comes near its budget, and when it is far from it again.

        Args:
            of_children: Returns how many bytes parsing processes hold.
            chunks: How many it has written.

        Raises:
            MemoryFull: The run is beyond its budget, and saving did not help.
        """
        now = self._clock()
        if now - self._looked_at < _LOOKED_EVERY_S:
            return Pressure.NONE
        self._looked_at = now
        taken = self._used() - self._before + of_children()
        most = self._budget.most_after(chunks)
        if taken < most * _SAVING:
            self._saving_since = None
            if self._does_less and taken < most * _EASED:
                self._does_less = False
                return Pressure.EASED
            return Pressure.NONE
        if self._saving_since is None:
            self._saving_since, self._does_less = now, True
            return Pressure.SHORT
        if taken > most and now - self._saving_since > _PATIENCE_S:
            raise MemoryFull(
                f"indexing takes {taken // MEGABYTE:,} MB of memory, and may take {most // MEGABYTE:,}",
                hint="what was done is kept; let it have more (index.memory_mb), or leave large files out "
                "(index.max_file_bytes)",
            )
        return Pressure.NONE

    def require_room(self, files: int) -> None:
        """Stop a scan of a tree that has more files than there is memory for.

        Args:
            files: How many it found until now.

        Raises:
            MemoryFull: They take more than a scan may.
        """
        taken, most = self._used() - self._before, self._budget.most_bytes
        if taken > most * _OF_A_SCAN:
            raise MemoryFull(
                f"the tree has too many files: the names of {files:,} take {taken // MEGABYTE:,} MB of memory, "
                f"and the whole run may take {most // MEGABYTE:,}",
                hint="index its parts by themselves, leave folders out (.conexusignore), "
                "or let it have more (index.memory_mb)",
            )


__all__ = ["MEGABYTE", "MemoryBudget", "MemoryWatch", "Pressure"]
