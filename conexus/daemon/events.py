# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells those who listen what happens: index jobs that change, and the daemon that ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from conexus.types import IndexJob
from conexus.values import dataclass

_MAX_WAITING = 1000  # a listener that is so far behind is not listening; it loses the oldest


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened."""

    type: str
    """``job`` or ``stopping``."""
    at: float
    job: IndexJob | None = None


class Broker:
    """Hands what threads publish to listeners on the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._listeners: set[asyncio.Queue[Happening]] = set()

    def publish(self, type_: str, job: IndexJob | None = None) -> None:
        """Tell all listeners. Any thread may call; returns at once."""
        happening = Happening(type_, time.time(), job)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._hand_out, happening)

    def _hand_out(self, happening: Happening) -> None:
        for queue in self._listeners:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(happening)

    @contextmanager
    def listen(self) -> Iterator[AsyncIterator[Happening]]:
        """Yield what happens from now on, until ``stopping``."""
        queue: asyncio.Queue[Happening] = asyncio.Queue(_MAX_WAITING)
        self._listeners.add(queue)
        try:
            yield _from(queue)
        finally:
            self._listeners.discard(queue)


async def _from(queue: asyncio.Queue[Happening]) -> AsyncIterator[Happening]:
    while True:
        happening = await queue.get()
        yield happening
        if happening.type == "stopping":
            return
