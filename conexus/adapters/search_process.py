# SPDX-License-Identifier: FSL-1.1-MIT
"""Searches in a process of its own, so that a search computes while other requests are read and answered.

Python computes in one thread of a process at a time. What the process cannot answer for any reason, and whatever it is
asked while it stands still or is gone, is for who asks to find out: nothing depends on it but time.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from conexus.adapters.child_process import Calls, Child, Ended
from conexus.adapters.child_side import file_number
from conexus.adapters.memory_use import private_bytes
from conexus.adapters.search_wire import pack, response_in, unpack, views_out
from conexus.errors import StoreError
from conexus.ports import SearchableView
from conexus.types import IndexId, SearchRequest, SearchResponse

# -P: without it Python would import from the folder it is started in, which may be the tree that is indexed.
_COMMAND: Final = (sys.executable, "-P", "-m", "conexus.searcher")
_SEARCH: Final = "search"
_CALLS: Final = Calls("searcher", pack, unpack, short=frozenset({_SEARCH}), in_lanes=frozenset({_SEARCH}), most_looks=3)
_MOST_FAILURES: Final = 3
_REST_S: Final = 60.0


class SearchProcess:
    """A process that searches what this one has open; implements OtherSearcher.

    Args:
        catalog: The file of the catalog.
        vectors: The folder of the shards.
        model: Name of the embedding model that the settings name.
        told: Called with what became of the process, in words.
        command: Starts the process; the arguments above are put behind it, and the number of the catalog's file.
        rest_s: How long it is not asked again after it failed.
    """

    def __init__(
        self,
        catalog: Path,
        vectors: Path,
        model: str,
        *,
        told: Callable[[str], None] = lambda _: None,
        command: Sequence[str] = _COMMAND,
        rest_s: float = _REST_S,
    ) -> None:
        # This process has the file open: another one in its place would be another catalog.
        number = file_number(catalog)
        self._command = (*command, str(catalog.absolute()), str(vectors.absolute()), model, number)
        self._told = told
        self._mutex = threading.Lock()
        self._running: Child | None = None
        self._failures = 0
        """How many in a row ended or could not be started, and have not answered."""
        self._failed: Child | None = None
        """The last one that ended."""
        self._rest_s = rest_s
        self._rests_until = 0.0
        self._passed_until: dict[IndexId, float] = {}
        """Indexes it stood still with, as on a disk that does not answer, and until when it is not asked of them."""
        self._is_closed = False

    def start(self) -> None:
        """Start the process, so that the first search need not wait for it."""
        with suppress(StoreError):  # a search finds out
            self._child()

    def search(
        self, request: SearchRequest, views: Sequence[SearchableView], changes: int, check: Callable[[], None]
    ) -> SearchResponse | None:
        """Search views together; see :meth:`conexus.ports.OtherSearcher.search`."""
        now, indexes = time.monotonic(), [view.index.vectors for view in views]
        if now < max([self._rests_until, *(self._passed_until.get(index, 0.0) for index in indexes)]):
            return None
        child: Child | None = None
        try:
            child = self._child()
            if child is None or child.stands_still:
                return None
            is_done, *found = child.call(_SEARCH, request, views_out(views), changes, check=check)
        except StoreError as exc:
            self._note_failure(None, exc.message)
            return None
        except Ended as exc:
            self._note_failure(child, f"the process that searches {exc.in_words.rstrip(',')}")
            if exc.stood_still_s:
                self._passed_until |= dict.fromkeys(indexes, time.monotonic() + self._rest_s)
            return None
        self._failures = 0
        return response_in(found[0]) if is_done else None

    def memory_bytes(self) -> int:
        """Return how many bytes the process holds for itself."""
        child = self._running
        return 0 if child is None or child.is_over else private_bytes([child.process.pid])

    def close(self) -> None:
        """End the process. Idempotent; it is not started again."""
        with self._mutex:
            child, self._running, self._is_closed = self._running, None, True
        if child is not None:
            child.close()

    def _child(self) -> Child | None:
        with self._mutex:
            if self._is_closed:
                return None
            if self._running is None or self._running.is_over:
                self._running = Child(self._command, _CALLS)
            return self._running

    def _note_failure(self, child: Child | None, what: str) -> None:
        """Note that a process failed; once, however many waited for it."""
        with self._mutex:
            if self._is_closed or (child is not None and child is self._failed):
                return
            self._failed = child
            self._failures += 1
            if self._failures >= _MOST_FAILURES:
                self._failures, self._rests_until = 0, time.monotonic() + self._rest_s
                what = f"{what}, and is not started again for {self._rest_s:.0f} s"
        self._told(what)


__all__ = ["SearchProcess"]
