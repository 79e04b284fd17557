# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""A cache in memory, for one process."""

from __future__ import annotations

import threading
from collections import OrderedDict

_MAX_ENTRIES = 2_000
_MAX_BYTES = 16_384  # of one entry: the vector of a question has 1 to 4 KB


class MemoryCache:
    """Implements ``conexus.edition.Cache``; the entries that were not asked for longest go first."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    def get(self, key: str) -> bytes | None:
        """Return what was kept, or ``None``."""
        with self._mutex:
            found = self._entries.get(key)
            if found is not None:
                self._entries.move_to_end(key)
            return found

    def put(self, key: str, value: bytes) -> None:
        """Keep something for a while."""
        if len(value) > _MAX_BYTES:
            return
        with self._mutex:
            self._entries[key] = value
            self._entries.move_to_end(key)
            while len(self._entries) > _MAX_ENTRIES:
                self._entries.popitem(last=False)
