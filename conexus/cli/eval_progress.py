# SPDX-License-Identifier: FSL-1.1-MIT
"""Shows how far an evaluation is: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from conexus.cli import console
from conexus.trials import TrialProgress
from conexus.types import IndexStage

if TYPE_CHECKING:
    from rich.progress import Progress

_QUIET_S = 0.7
_REDRAW_S = 0.1
_LINE_EVERY_S = 10.0


class EvalProgress:
    """Listens to the making and asking of question sets."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._terminal = console.is_terminal(sys.stderr)
        self._started = time.monotonic()
        self._drawn = 0.0 if self._terminal else self._started
        self._bar: Progress | None = None

    def __call__(self, progress: TrialProgress) -> None:
        """Take note of how far it is."""
        now = time.monotonic()
        every = _REDRAW_S if self._terminal else _LINE_EVERY_S
        if self._quiet or now - self._started < _QUIET_S or now - self._drawn < every:
            return
        self._drawn = now
        if self._terminal:
            self._draw(progress)
        else:
            console.err(described(progress))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, progress: TrialProgress) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 -- only on a terminal

            self._bar = Progress(
                BarColumn(bar_width=30),
                TextColumn("{task.description}"),
                console=console.rich_console(stderr=True),
                transient=True,
            )
            self._bar.add_task("", total=None)
            self._bar.start()
        self._bar.update(
            self._bar.task_ids[0],
            description=described(progress),
            total=progress.total or None,
            completed=progress.done,
        )


def described(progress: TrialProgress) -> str:
    """Return one line: what is being done, how much of it, and how long it will take."""
    indexing = progress.indexing
    if progress.total and (progress.done or indexing is None):
        parts = [f"{progress.done:,}/{console.count(progress.total, 'question')}"]
    elif indexing is not None and indexing.stage is IndexStage.INDEX:
        parts = [f"indexing {indexing.files_done:,}/{console.count(indexing.files_total, 'file')}"]
    else:
        parts = ["reading the tree"]
    if progress.eta_s is not None:
        parts.append(f"{console.duration(progress.eta_s)} left")
    return f"{progress.name}: {', '.join(parts)}"
