# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells whether a disk is full for us: by its space, or by a quota, which no look at the space shows."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
FREE_SPACE_HINT: Final = "free some space on the disk and run it again; what was done before is kept"
FAILING_DISK_HINT: Final = (
    "the disk fails: see the system's log and `conexus doctor data-folder`; what was done before is kept"
)
UNREADABLE_HINT: Final = "the disk fails: see the system's log; if it stays so, run `conexus verify --repair`"
NO_WRITES_HINT: Final = "see to it that the data folder can be written; what was done before is kept"
_PROBE_BYTES: Final = 1 << 20


def is_full(folder: Path) -> bool:
    """Whether a folder takes no megabyte more."""
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(probe.fileno(), 0, _PROBE_BYTES)
            else:
                probe.write(bytes(_PROBE_BYTES))
                probe.flush()
    except OSError as exc:
        return exc.errno in FULL
    return False
