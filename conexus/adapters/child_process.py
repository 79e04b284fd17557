# SPDX-License-Identifier: FSL-1.1-MIT
"""A process of ours that is asked for things over a pipe, by several threads at once, and watched meanwhile.

A process that stands still while somebody waits for it is killed, and so is one that does not end when it should.
However long a call takes, a process that works is left alone.
"""

from __future__ import annotations

import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from queue import SimpleQueue
from typing import Any, BinaryIO, Final, cast

from conexus.adapters.child_side import STOP
from conexus.adapters.config_files import current_environ
from conexus.adapters.process_state import ProcessState, process_state
from conexus.adapters.worker_wire import read_frame, write_frame
from conexus.errors import ConexusError, StoreError
from conexus.lanes import Reply, reply
from conexus.values import dataclass

_OF_THE_PARENT: Final = frozenset({signal.SIGINT, signal.SIGTERM})
_EXIT_S: Final = 5.0
_EXIT_LOOK_S: Final = 0.5
_LOOK_S: Final = 1.0
_STILL_LOOKS_OF_LONG_CALLS: Final = 60
"""Such calls may wait for what no look at the process shows, as for a disk behind another process (FUSE)."""
_CHECKS_A_LOOK: Final = 10


class Ended(Exception):
    """The process ended before it answered."""

    def __init__(self, code: int, stood_still_s: float) -> None:
        super().__init__(code)
        self.code = code
        self.stood_still_s = stood_still_s
        """How long it had stood still before it was killed for that; 0 where it was not."""

    @property
    def in_words(self) -> str:
        """How it ended."""
        if self.stood_still_s:
            return f"was killed, since it stood still for {self.stood_still_s:.0f} s,"
        try:
            return f"ended ({signal.Signals(-self.code).name if self.code < 0 else f'exit code {self.code}'})"
        except ValueError:
            return f"ended (signal {-self.code})"


@dataclass(frozen=True, slots=True)
class Calls:
    """What a process can be asked for, as frames of ``(number, name, *arguments)`` that it answers with its number.

    Args:
        what: The process, for people: ``vector engine``.
        pack: Encodes plain values.
        unpack: Decodes them.
        short: Names of calls that are done in a moment, so that a process that stands still amid one is hung.
        in_lanes: Names of calls during which nobody holds a lock that another one asks for, so that a lane does other
            work meanwhile.
        most_looks: At so many looks, a second apart, it may have stood still amid a short call before it is killed.
    """

    what: str
    pack: Callable[[object], bytes]
    unpack: Callable[[bytes], Any]
    short: frozenset[str]
    in_lanes: frozenset[str]
    most_looks: int = 5


@dataclass(eq=False)
class _Waiting:
    """A call without an answer."""

    name: str
    reply: Reply[Sequence[Any] | ConexusError | None]
    check: Callable[[], None] | None


class Child:
    """One process. Threads may call at once.

    Raises:
        StoreError: It cannot be started.
    """

    def __init__(self, command: Sequence[str], calls: Calls) -> None:
        self._calls = calls
        self._numbers = count(1)
        self._waiting: dict[int, _Waiting] = {}
        self._registering = threading.Lock()
        self._writing = threading.Lock()
        self._asked = threading.Event()
        self._over = threading.Event()
        self._stood_still_s = 0.0
        self.stands_still = False
        """Whether it did nothing between the last two looks although somebody waited for it."""
        started: SimpleQueue[subprocess.Popen[bytes] | OSError] = SimpleQueue()
        name = calls.what.replace(" ", "-")
        threading.Thread(target=self._run, args=(command, started), daemon=True, name=name).start()
        process = started.get()
        if isinstance(process, OSError):
            raise StoreError(f"the process of the {calls.what} cannot be started: {process}") from process
        self.process = process
        threading.Thread(target=self._watch, daemon=True, name=f"{name}-watch").start()

    @property
    def is_over(self) -> bool:
        """Whether the process has ended."""
        return self._over.is_set()

    def call(self, name: str, *arguments: object, check: Callable[[], None] | None = None) -> Sequence[Any]:
        """Have something done, and return the answer as the process gave it.

        Args:
            name: What.
            arguments: Plain values.
            check: Asked now and then by another thread; raises where nobody waits for the answer any more.

        Raises:
            Ended: The process ended meanwhile.
            ConexusError: What ``check`` raised.
        """
        found: Reply[Sequence[Any] | ConexusError | None] = reply() if name in self._calls.in_lanes else SimpleQueue()
        number = next(self._numbers)
        payload = self._calls.pack((number, name, *arguments))
        with self._registering:
            if self.is_over:
                raise self._ended()
            self._waiting[number] = _Waiting(name, found, check)
        if not self._asked.is_set():
            self._asked.set()
        with self._writing, suppress(OSError, ValueError):  # where it is gone its reader tells
            write_frame(cast("BinaryIO", self.process.stdin), payload)
        answer = found.get()
        if answer is None:
            raise self._ended()
        if isinstance(answer, ConexusError):
            raise answer
        return answer

    def _ended(self) -> Ended:
        return Ended(self.process.wait(), self._stood_still_s)

    def _run(self, command: Sequence[str], started: SimpleQueue[subprocess.Popen[bytes] | OSError]) -> None:
        """Start the process and hand on its answers until it ends.

        In one thread, as the process is killed by the system when the thread ends that started it.
        """
        # Ctrl-C reaches all processes of a terminal, and must not end this one before it can ignore it.
        signal.pthread_sigmask(signal.SIG_BLOCK, _OF_THE_PARENT)
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"OPENBLAS_NUM_THREADS": "1", **current_environ()},
            )
        except OSError as exc:
            started.put(exc)
            return
        started.put(process)
        with suppress(OSError, ValueError):
            while (payload := read_frame(cast("BinaryIO", process.stdout))) is not None:
                number, *answer = self._calls.unpack(payload)
                self._answer(number, answer)
        process.kill()  # it closed its end or wrote what is no frame
        process.wait()
        with self._registering:
            self._over.set()
        self._asked.set()
        for number in list(self._waiting):
            self._answer(number, None)

    def _answer(self, number: int, answer: Sequence[Any] | ConexusError | None) -> None:
        """Give who waits an answer; the first one counts."""
        waiting = self._waiting.pop(number, None)
        if waiting is not None:
            waiting.reply.put(answer)

    def _watch(self) -> None:
        """Kill the process where it stands still while somebody waits for it."""
        while self._asked.wait() and not self.is_over:
            self._asked.clear()
            checks, looks, number, before = 0, 0, 0, None
            while self._waiting and not self._over.wait(_LOOK_S / _CHECKS_A_LOOK):
                self._look_who_waits()
                checks += 1
                if checks % _CHECKS_A_LOOK:
                    continue
                oldest = min(list(self._waiting), default=0)
                state = process_state(self.process.pid)
                # Looks are counted, not seconds: this process may have been stopped itself.
                looks = looks + 1 if oldest == number and _did_nothing(state, before) else 0
                number, before, self.stands_still = oldest, state, looks > 0
                if looks >= self._most_looks(oldest, state):
                    self._stood_still_s = looks * _LOOK_S
                    self.process.kill()
            self.stands_still = False

    def _look_who_waits(self) -> None:
        """Let those go whose callers have gone, and tell the process."""
        for number, waiting in list(self._waiting.items()):
            try:
                if waiting.check is not None:
                    waiting.check()
            except ConexusError as gone:
                self._answer(number, gone)
                self._tell(number)

    def _tell(self, number: int) -> None:
        """Have the process stop with a call, if it can be told without waiting for it."""
        if self._writing.acquire(blocking=False):
            try:
                stdin = cast("BinaryIO", self.process.stdin)
                with suppress(OSError, ValueError):
                    poll = select.poll()
                    poll.register(stdin, select.POLLOUT)
                    if any(event & select.POLLOUT for _, event in poll.poll(0)):
                        write_frame(stdin, self._calls.pack((number, STOP)))
            finally:
                self._writing.release()

    def _most_looks(self, number: int, state: ProcessState | None) -> int:
        """Return after how many looks at which the process stood still it is hung."""
        waiting = self._waiting.get(number)
        is_short = waiting is None or waiting.name in self._calls.short or (state is not None and state.is_stopped)
        return self._calls.most_looks if is_short else _STILL_LOOKS_OF_LONG_CALLS

    def close(self) -> None:
        """End the process, and kill it where it does not end. Idempotent."""
        # Who writes to one that does not read holds the lock.
        if not self._is_stopped() and self._writing.acquire(timeout=_EXIT_S):
            try:
                with suppress(OSError):
                    cast("BinaryIO", self.process.stdin).close()
            finally:
                self._writing.release()
            until = time.monotonic() + _EXIT_S
            while not self._over.wait(_EXIT_LOOK_S) and not self._is_stopped() and time.monotonic() < until:
                pass
        self.process.kill()
        self.process.wait()

    def _is_stopped(self) -> bool:
        state = process_state(self.process.pid)
        return state is not None and state.is_stopped


def _did_nothing(state: ProcessState | None, before: ProcessState | None) -> bool:
    return state is not None and not state.has_worked(before)


__all__ = ["Calls", "Child", "Ended"]
