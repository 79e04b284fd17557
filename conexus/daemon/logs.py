"""The daemon's own log: one line an event, as text or JSON, without source text, queries or secrets."""

from __future__ import annotations

import json
import logging
import sys
import time
from typing import TextIO

from conexus.search.neutral import one_line

_FIELDS = ("request", "surface", "operation", "subject", "outcome", "elapsed_ms", "job", "state", "reason", "address")
"""What a record may carry beside its message."""


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Return ``time level message name=value …``."""
        extra = " ".join(f"{name}={one_line(str(value))}" for name, value in _extra(record).items())
        at = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(record.created))
        line = f"{at} {record.levelname.lower():7} {one_line(record.getMessage())}" + (f" {extra}" if extra else "")
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


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


def set_up(form: str, level: str, stream: TextIO | None = None) -> None:
    """Send what the daemon and its libraries log to a stream; a second call replaces the first.

    Args:
        form: ``text`` or ``json``.
        level: Name of the least level that is written.
        stream: Standard error where ``None``.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("conexus").setLevel(level.upper())
