# SPDX-License-Identifier: FSL-1.1-MIT
"""Keeps a parsing process ready between the runs of a daemon: to start one takes longer than to index an edit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

from conexus.adapters.worker_pool import WorkerPool
from conexus.adapters.worker_wire import WorkerSetup
from conexus.types import FileResult, ParseJob

_MOST = 2
_IDLE_S = 600.0


class PoolKeeper:
    """Hands out pools, and keeps those that come back for the next run of the same tree.

    Args:
        make: Makes a pool.
        most: How many are kept, each with one process.
        idle_s: How long one is kept that nobody asks for.
    """

    def __init__(self, make: Callable[[WorkerSetup], WorkerPool], most: int = _MOST, idle_s: float = _IDLE_S) -> None:
        self._make = make
        self._most = most
        self._idle_s = idle_s
        self._mutex = threading.Lock()
        self._kept: list[tuple[WorkerSetup, WorkerPool, float]] = []
        self._timer: threading.Timer | None = None
        self._closed = False

    def pool(self, setup: WorkerSetup) -> KeptPool:
        """Return a pool for a run; one that was kept where there is one."""
        with self._mutex:
            found = next((entry for entry in self._kept if entry[0] == setup), None)
            if found is not None:
                self._kept.remove(found)
        if found is not None and not found[1].is_ready:
            found[1].close()
            found = None
        return KeptPool(self, setup, found[1] if found else self._make(setup))

    def take_back(self, setup: WorkerSetup, pool: WorkerPool) -> None:
        """Keep a pool that a run is done with, where it is fit for another one."""
        pool.trim(1)
        gone = [pool]
        if pool.is_ready:
            with self._mutex:
                if not self._closed:
                    self._kept.append((setup, pool, time.monotonic() + self._idle_s))
                    gone = [entry[1] for entry in self._kept[: -self._most]]
                    self._kept = self._kept[-self._most :]
                    self._wait()
        for old in gone:
            old.close()

    def close(self) -> None:
        """End all processes that are kept, now and from now on. Idempotent."""
        with self._mutex:
            self._closed = True
            kept, self._kept = self._kept, []
            if self._timer is not None:
                self._timer.cancel()
        for _, pool, _ in kept:
            pool.close()

    def _wait(self) -> None:
        """Come back when the first one was idle for long enough. The caller holds the mutex."""
        if self._timer is None and self._kept:
            self._timer = threading.Timer(max(0.0, self._kept[0][2] - time.monotonic()), self._end_idle)
            self._timer.daemon = True
            self._timer.start()

    def _end_idle(self) -> None:
        with self._mutex:
            now = time.monotonic()
            idle = [entry for entry in self._kept if entry[2] <= now]
            self._kept = [entry for entry in self._kept if entry[2] > now]
            self._timer = None
            self._wait()
        for _, pool, _ in idle:
            pool.close()


class KeptPool:
    """A pool for one run; implements ParsePool."""

    def __init__(self, keeper: PoolKeeper, setup: WorkerSetup, pool: WorkerPool) -> None:
        self._keeper = keeper
        self._setup = setup
        self._pool: WorkerPool | None = pool

    def start(self) -> None:
        """Start the first process where there is none yet."""
        if self._pool is not None:
            self._pool.start()

    def run(self, jobs: Sequence[ParseJob]) -> Iterator[FileResult]:
        """Yield one result a job, as they come."""
        if self._pool is not None:
            yield from self._pool.run(jobs)

    def memory_bytes(self) -> int:
        """Return how many bytes the processes hold for themselves."""
        return 0 if self._pool is None else self._pool.memory_bytes()

    def shrink(self) -> None:
        """Go on with one process, a new one."""
        if self._pool is not None:
            self._pool.shrink()

    def grow(self) -> None:
        """Go on with as many as there is work for."""
        if self._pool is not None:
            self._pool.grow()

    def close(self) -> None:
        """Give the processes back. Idempotent."""
        pool, self._pool = self._pool, None
        if pool is not None:
            self._keeper.take_back(self._setup, pool)
