# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Signed heads in a second place: who can change the log, but not that place, cannot take records away unnoticed."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from dataclasses import asdict
from pathlib import Path

from conexus.errors import SourceError
from conexus.types import AuditHead

_MAX_BYTES = 1_000_000_000
_log = logging.getLogger("conexus.audit")


class Checkpoints:
    """A file that heads are added to, one a line.

    That the second place is away for a while keeps nobody from working: it is said in the log of the daemon, and the
    next head that is added covers what was missed.

    Args:
        path: The file; empty for none.
        every_s: Seconds from one head to the next.
    """

    def __init__(self, path: str, every_s: float = 0.0) -> None:
        self._path = Path(path).expanduser() if path else None
        self._every_s = every_s
        self._added_at: float | None = None
        self._mutex = threading.Lock()

    def is_due(self) -> bool:
        """Whether a head is to be added now; says so to one caller only."""
        if self._path is None:
            return False
        with self._mutex:
            now = time.monotonic()
            if self._added_at is not None and now - self._added_at < self._every_s:
                return False
            self._added_at = now
            return True

    def add(self, head: AuditHead) -> None:
        """Add a head."""
        if self._path is None:
            return
        line = json.dumps(asdict(head), sort_keys=True) + "\n"
        try:
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
            try:
                os.write(handle, line.encode())
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as exc:
            _log.error("no checkpoint of the audit log could be written", extra={"reason": exc.strerror})

    def read(self) -> list[AuditHead]:
        """Return all heads.

        Raises:
            SourceError: The file cannot be read, or holds something else.
        """
        if self._path is None:
            return []
        try:
            if self._path.stat().st_size > _MAX_BYTES:
                raise SourceError(f"{self._path} is too large for a file of checkpoints")
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as exc:
            raise SourceError(
                f"the checkpoints in {self._path} cannot be read: {exc}", hint="name the file: --checkpoints FILE"
            ) from exc
        found = []
        for number, line in enumerate(lines, 1):
            try:
                values = json.loads(line)
                head = AuditHead(
                    str(values["log"]),
                    int(values["size"]),
                    float(values["at"]),
                    str(values["root"]),
                    str(values["signature"]),
                )
            except (ValueError, TypeError, KeyError, RecursionError) as exc:
                if number == len(lines):
                    break  # it was being written when the power went
                raise SourceError(f"{self._path}:{number} is no checkpoint") from exc
            found.append(head)
        return found


__all__ = ["Checkpoints"]
