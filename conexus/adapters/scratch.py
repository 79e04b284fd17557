# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds room for copies of what cannot be read where it lies."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from conexus.adapters.memory_use import available_bytes

_SHARE: Final = 0.5  # of the memory there is
_IN_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- a folder of a random name is made there


def scratch_folder(size: int) -> Path | None:
    """Make a folder for so many bytes, in memory where there is enough of it; nothing where there is no room at all."""
    memory = available_bytes()
    for place in (_IN_MEMORY, Path(tempfile.gettempdir())):
        with suppress(OSError):
            if size > shutil.disk_usage(place).free * _SHARE:
                continue
            if place != _IN_MEMORY or memory is None or size < memory * _SHARE:
                return Path(tempfile.mkdtemp(prefix="conexus-", dir=place))
    return None
