# SPDX-License-Identifier: FSL-1.1-MIT
"""The daemon's own log: one line an event, as text or JSON, without source text, queries or secrets."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import time
from collections.abc import Callable
from functools import lru_cache
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue
from typing import TextIO

from conexus.search.neutral import clean, one_line

_FIELDS = (
    *("request", "surface", "operation", "subject", "outcome", "elapsed_ms", "job", "state", "reason", "address"),
    *("edition", "customer", "days_left", "features"),
)
"""What a record may carry beside its message."""
_MAX_WAITING, _MOST_AT_ONCE = 10_000, 1_000
_LAST_LINES_S = 1.0
_MOMENT_S = 0.02


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return ``time level message name=value …``."""
        extra = " ".join(f"{name}={one_line(str(value))}" for name, value in _extra(record).items())
        at = _second(int(record.created))
        line = f"{at} {record.levelname.lower():7} {one_line(record.getMessage())}" + (f" {extra}" if extra else "")
        return f"{line}\n{clean(self.formatException(record.exc_info))}" if record.exc_info else line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return one JSON object."""
        entry: dict[str, object] = {
            "at": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_extra(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {name: getattr(record, name) for name in _FIELDS if getattr(record, name, None) is not None}


@lru_cache(maxsize=1)
def _second(at: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))


class _Queue(QueueHandler):
    """Hands lines to a thread, so that no request waits where nobody reads what is written."""

    def enqueue(self, record: logging.LogRecord) -> None:
        """Hand a line on; where too many wait it is lost."""
        with contextlib.suppress(Full):
            self.queue.put_nowait(record)

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Keep the record as it is: it goes to a thread of this process."""
        return record


class _Writer(QueueListener):
    """Writes the lines of a moment together, so that not each of them wakes the thread and goes to the system."""

    def __init__(self, waiting: Queue[logging.LogRecord], formatter: logging.Formatter, stream: TextIO) -> None:
        super().__init__(waiting)
        self._waiting = waiting
        self._formatter = formatter
        self._stream = stream
        self._lines: list[str] = []

    def dequeue(self, block: bool) -> logging.LogRecord:
        """Wait for a line."""
        if not self._waiting.qsize():
            self._write()
            time.sleep(_MOMENT_S)
        record = super().dequeue(block)
        if record is self._sentinel or len(self._lines) >= _MOST_AT_ONCE:  # type: ignore[attr-defined]
            self._write()
        return record

    def handle(self, record: logging.LogRecord) -> None:
        """Take a line; one that cannot be made is left out, as one that cannot be written."""
        with contextlib.suppress(Exception):
            self._lines.append(self._formatter.format(record))

    def _write(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            with contextlib.suppress(OSError, ValueError):
                self._stream.write("\n".join([*lines, ""]))
                self._stream.flush()

    def stop(self) -> None:
        """End, once what waits is written, but do not wait long for who does not read."""
        thread = self._thread
        with contextlib.suppress(Full):
            self.queue.put_nowait(self._sentinel)  # type: ignore[attr-defined]
        if thread is not None:
            thread.join(_LAST_LINES_S)
            self._thread = None


def set_up(form: str, level: str, stream: TextIO | None = None) -> Callable[[], None]:
    """Send what the daemon and its libraries log to a stream.

    Args:
        form: ``text`` or ``json``.
        level: Name of the least level that is written.
        stream: Standard error where ``None``.

    Returns:
        What writes the last lines and ends it.
    """
    logging.raiseExceptions = False  # a log that takes no lines, as on a full disk, is not told of in the log
    # No line has these, and to find them out takes longer than the rest.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 -- as Python's documentation says
    waiting: Queue[logging.LogRecord] = Queue(_MAX_WAITING)
    writer = _Writer(waiting, _Json() if form == "json" else _Text(), stream or sys.stderr)
    root = logging.getLogger()
    root.handlers = [_Queue(waiting)]
    root.setLevel(logging.WARNING)
    logging.getLogger("conexus").setLevel(level.upper())
    writer.start()
    return writer.stop
