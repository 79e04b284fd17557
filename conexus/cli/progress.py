# SPDX-License-Identifier: FSL-1.1-MIT
"""Shows how far an indexing run is: a bar on a terminal, a line now and then in a pipe."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from conexus.cli import console
from conexus.types import IndexProgress, IndexStage

if TYPE_CHECKING:
    from rich.progress import Progress

_QUIET_S = 0.7  # a run that is over sooner shows nothing
_REDRAW_S = 0.1
_LINE_EVERY_S = 10.0
_KEPT = "stopping after this batch; what is indexed is kept"


class ProgressDisplay:
    """Listens to a run and draws; made for one run."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._started = time.monotonic()
        self._drawn = 0.0 if console.is_terminal(sys.stderr) else self._started
        self._bar: Progress | None = None
        self._terminal = console.is_terminal(sys.stderr)

    def __call__(self, progress: IndexProgress) -> None:
        """Take note of how far the run is."""
        now = time.monotonic()
        if self._quiet or now - self._started < _QUIET_S:
            return
        if self._terminal:
            if now - self._drawn >= _REDRAW_S or progress.stage is not IndexStage.INDEX:
                self._drawn = now
                self._draw(progress)
        elif now - self._drawn >= _LINE_EVERY_S and progress.stage is IndexStage.INDEX:
            self._drawn = now
            console.err(_described(progress))

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _draw(self, progress: IndexProgress) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415 -- only on a terminal

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=30),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[detail]}"),
                console=console.rich_console(stderr=True),
                transient=True,
            )
            self._bar.add_task("scanning", total=None, detail="")
            self._bar.start()
        names = {IndexStage.SCAN: "scanning", IndexStage.INDEX: "indexing", IndexStage.OPTIMIZE: "optimizing"}
        self._bar.update(
            self._bar.task_ids[0],
            description=names.get(progress.stage, "done"),
            total=progress.bytes_total or None,
            completed=progress.bytes_done,
            detail=_detail(progress),
        )


def _detail(progress: IndexProgress) -> str:
    parts = [f"{progress.files_done:,}/{console.count(progress.files_total, 'file')}"]
    if progress.elapsed_s > 0:
        parts.append(f"{console.size(progress.bytes_per_s)}/s")
    if progress.eta_s is not None:
        parts.append(f"{console.duration(progress.eta_s)} left")
    if progress.skipped:
        parts.append(f"{progress.skipped:,} skipped")
    return ", ".join(parts)


def progress_line(progress: IndexProgress) -> str:
    """Say how far a run is: the phase, the share, the rate and the time that is left."""
    if progress.stage is not IndexStage.INDEX:
        return {IndexStage.SCAN: "scanning", IndexStage.OPTIMIZE: "optimizing"}.get(progress.stage, "done")
    return _described(progress)


def _described(progress: IndexProgress) -> str:
    percent = 100 * progress.bytes_done // max(1, progress.bytes_total)
    return f"indexing: {percent}%, {_detail(progress)}"


@contextmanager
def cancel_on_interrupt(answer: str = _KEPT) -> Iterator[list[bool]]:
    """Turn the first Ctrl-C (or a polite kill) into a request to stop; the second one ends at once.

    Args:
        answer: What the user is told then.

    Yields:
        A list that is empty until a stop is asked for.
    """
    asked: list[bool] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(True)
        try:
            console.err(f"\n{answer} (Ctrl-C again to stop at once)")
        except RuntimeError:  # the signal came in the midst of a line, whose stream takes no other then
            os.write(sys.stderr.fileno(), f"\n{answer} (Ctrl-C again to stop at once)\n".encode())

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
