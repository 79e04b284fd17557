# SPDX-License-Identifier: FSL-1.1-MIT
"""Does the work of many requests in one thread, as long as none of it stands still.

Python computes in one thread at a time in any case. Threads that compute at once pass its lock to and fro a hundred
times in a search, each time to another processor, and some come last again and again. So one thread does what there is
to do, the oldest first. Where work waits for another process, it says so (:func:`reply`, :func:`aside`), and the thread
goes on with other work meanwhile. Where work does not go on for a moment, as on a disk that does not answer, another
thread takes what comes.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import count
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

    from greenlet import greenlet

_T = TypeVar("_T")

STUCK_S: Final = 0.05
"""A thread whose work has not gone on for so long gets no more of it."""
MOST_BEGUN: Final = 6
"""What one thread has begun and not done; all of it waits where one of them stands still.

With fewer, a process that is asked has nothing to do while its last answer is taken and the next question is made.
"""
_MOST_ASIDE: Final = 16

_own = threading.local()


class Reply(Protocol[_T]):
    """What one thread waits for, and another one has."""

    def put(self, value: _T, /) -> None:
        """Give it. Once."""
        ...

    def get(self) -> _T:
        """Wait for it."""
        ...


def reply() -> Reply[Any]:
    """Return what this thread can wait with; in a lane it does other work meanwhile.

    Who waits must hold no lock that other work of its kind may ask for: it would be asked for by the same thread.
    """
    lane: _Lane | None = getattr(_own, "lane", None)
    return SimpleQueue() if lane is None else lane.reply()


def aside(work: Callable[[], _T]) -> _T:
    """Do what waits for something else, as an answer over the network; in a lane, in a thread of its own."""
    lane: _Lane | None = getattr(_own, "lane", None)
    if lane is None:
        return work()
    done = lane.reply()
    lane.lanes.helpers.submit(work).add_done_callback(done.put)
    future: Future[_T] = done.get()
    return future.result()


class Lanes:
    """Does work in as few threads as it takes.

    Args:
        threads: Most threads that work stands still in.
        name: Of the threads.
    """

    def __init__(self, threads: int, name: str) -> None:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 -- not for a command

        self.mutex = threading.Lock()
        self.waiting: deque[tuple[Callable[[], Any], Future[Any]]] = deque()
        """What has not begun."""
        self.helpers = ThreadPoolExecutor(_MOST_ASIDE, thread_name_prefix=f"{name}-aside")
        self.is_closed = False
        self._name = name
        self._most = threads
        self._numbers = count()
        self._lanes: list[_Lane] = []
        self._taker: _Lane | None = None
        self._is_waited_for = threading.Event()

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Have work done.

        Raises:
            RuntimeError: :meth:`close` was called.
        """
        from concurrent.futures import Future  # noqa: PLC0415 -- not for a command

        future: Future[_T] = Future()
        with self.mutex:
            if self.is_closed:
                raise RuntimeError("no work is taken any more")
            self.waiting.append((work, future))
            if self._taker is None:
                self._taker = self._new_lane()
                threading.Thread(target=self._look, daemon=True, name=f"{self._name}-watch").start()
            self._taker.wake()
        if not self._is_waited_for.is_set():
            self._is_waited_for.set()
        return future

    def next_for(self, lane: _Lane) -> Callable[[], None] | None:
        """Take what has not begun for a lane, if it is its turn. The mutex is held."""
        while lane is self._taker and self.waiting and lane.begun < MOST_BEGUN:
            work, future = self.waiting.popleft()
            if future.set_running_or_notify_cancel():
                lane.begun += 1
                return partial(lane.begin, next(self._numbers), work, future)
        return None

    def _new_lane(self) -> _Lane:
        lane = _Lane(self, f"{self._name}-{len(self._lanes)}")
        self._lanes.append(lane)
        return lane

    def _look(self) -> None:
        """Hand what waits to another thread where one stands still."""
        while self._is_waited_for.wait() and not self.is_closed:
            time.sleep(STUCK_S)
            with self.mutex:
                if not self.waiting:
                    self._is_waited_for.clear()
                elif self._taker is not None and self._taker.is_stuck():
                    free = next((lane for lane in self._lanes if not lane.is_stuck()), None)
                    if free is None and len(self._lanes) < self._most:
                        free = self._new_lane()
                    if free is not None:
                        self._taker = free
                        free.wake()

    def close(self) -> None:
        """Wait for what has begun; the rest is dropped. Idempotent."""
        with self.mutex:
            self.is_closed = True
            dropped, self.waiting = list(self.waiting), deque()
            lanes = list(self._lanes)
            for lane in lanes:
                lane.wake()
        self._is_waited_for.set()
        for _, future in dropped:
            future.cancel()
        for lane in lanes:
            lane.thread.join()
        self.helpers.shutdown()


class _Lane:
    """One thread, with what it has begun."""

    def __init__(self, lanes: Lanes, name: str) -> None:
        self.lanes = lanes
        self.begun = 0
        self._ready: list[tuple[int, greenlet, object]] = []
        """What can go on, by the order in which it began, and with what."""
        self._called: SimpleQueue[None] = SimpleQueue()  # in C, which a semaphore is not
        self._is_idle = False
        self._since: float | None = None
        """When the present step began."""
        self._main: greenlet
        self.thread = threading.Thread(target=self._run, daemon=True, name=name)
        self.thread.start()

    def is_stuck(self) -> bool:
        """Whether the present step takes long."""
        since = self._since
        return since is not None and time.monotonic() - since > STUCK_S

    def wake(self) -> None:
        """Have the thread look for work. The mutex is held."""
        if self._is_idle:
            self._is_idle = False
            self._called.put(None)

    def reply(self) -> _Reply:
        """Return what the present work can wait with."""
        return _Reply(self, _own.number)

    def wait(self) -> object:
        """Do other work until what the present one waits for is there, and return that."""
        number = _own.number
        found = self._main.switch()
        _own.number = number
        return found

    def go_on_with(self, number: int, work: greenlet, value: object) -> None:
        """Have work go on, once the thread comes to it."""
        with self.lanes.mutex:
            heapq.heappush(self._ready, (number, work, value))
            self.wake()

    def begin(self, number: int, work: Callable[[], Any], future: Future[Any]) -> None:
        """Do work until it waits or is done."""
        from greenlet import greenlet  # noqa: PLC0415 -- not for a command

        def whole() -> None:
            _own.number = number
            try:
                found = work()
            except BaseException as exc:  # noqa: BLE001 -- is told to who waits for the work
                future.set_exception(exc)
            else:
                future.set_result(found)
            self.begun -= 1

        greenlet(whole, self._main).switch()

    def _run(self) -> None:
        from greenlet import getcurrent  # noqa: PLC0415 -- not for a command

        self._main = getcurrent()
        _own.lane = self
        while (step := self._next()) is not None:
            self._since = time.monotonic()
            step()
            self._since = None

    def _next(self) -> Callable[[], object] | None:
        """Wait for something to do; nothing at the end."""
        while True:
            with self.lanes.mutex:
                if self._ready:
                    _, work, value = heapq.heappop(self._ready)
                    return partial(work.switch, value)
                if (new := self.lanes.next_for(self)) is not None:
                    return new
                if self.lanes.is_closed and not self.begun:
                    return None
                self._is_idle = True
            self._called.get()


class _Reply:
    """What work of a lane waits for. Of one piece of work there is one at a time."""

    def __init__(self, lane: _Lane, number: int) -> None:
        from greenlet import getcurrent  # noqa: PLC0415 -- not for a command

        self._lane = lane
        self._number = number
        self._work = getcurrent()

    def put(self, value: object) -> None:
        """Give it."""
        self._lane.go_on_with(self._number, self._work, value)

    def get(self) -> Any:  # noqa: ANN401 -- what was put
        """Wait for it."""
        return self._lane.wait()


__all__ = ["MOST_BEGUN", "STUCK_S", "Lanes", "Reply", "aside", "reply"]
