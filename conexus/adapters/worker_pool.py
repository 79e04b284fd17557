"""Implements ParsePool with child processes.

A child runs :mod:`conexus.worker`: it reads a file, parses and encodes it, and sends back one
frame. It has a limit of CPU time and of memory, and a parser that runs away takes only the child
with it. The files whose results are still out then go to a new child one at a time, so that the
culprit shows itself; it is tried once more without its grammar, and reported.
"""

from __future__ import annotations

import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, BinaryIO, cast

from conexus.adapters.worker_wire import (
    Batch,
    WorkerSetup,
    pack_batch,
    pack_setup,
    read_frame,
    unpack_result,
    write_frame,
)
from conexus.errors import StoreError
from conexus.types import ContentHash, FileResult, ParseJob, ReadOutcome, SkipReason

_BATCH_BYTES = 128_000
_BATCH_FILES = 64
_BATCH_PATH_BYTES = 6_000  # a frame must fit into a pipe's buffer, or both ends could wait for each other
_BATCHES_AHEAD = 2  # queued for each child, so that it never waits for us
_FRAMES_AHEAD = 64  # results that wait for us; a child blocks beyond, which bounds memory
_STALL_S = 120.0  # a child that has been silent so long is stuck on the file system
_CLOSE_S = 2.0


@dataclass(eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    waiting: deque[Batch] = field(default_factory=deque)
    """Batches sent and not finished."""
    left: dict[str, ParseJob] = field(default_factory=dict)
    """Jobs sent whose results are out, in order, by path."""


@dataclass(eq=False)
class WorkerPool:
    """Keeps up to ``size`` children busy; starts each when there is work for it."""

    command: Sequence[str]
    """Program that runs :func:`conexus.worker.main`."""
    setup: WorkerSetup
    size: int
    _children: list[_Child] = field(default_factory=list)
    _results: queue.Queue[tuple[_Child, bytes | None]] = field(
        default_factory=lambda: queue.Queue(maxsize=_FRAMES_AHEAD)
    )
    _closed: bool = False

    def run(self, jobs: Sequence[ParseJob]) -> Iterator[FileResult]:
        """Yield one result a job, as they come.

        Raises:
            StoreError: No child process can be started.
        """
        todo = deque(_batches(jobs, self.size))
        left = len(jobs)
        while left:
            self._feed(todo)
            try:
                child, frame = self._results.get(timeout=_STALL_S)
            except queue.Empty:
                for stuck in [child for child in self._children if child.left]:
                    stuck.process.kill()
                continue
            if frame is None:
                outcome = self._bury(child, todo)
                if outcome is not None:
                    left -= 1
                    yield outcome
                continue
            result = unpack_result(frame)
            if child.left.pop(result.stat.path, None) is None:
                continue
            while child.waiting and not any(job.stat.path in child.left for job in child.waiting[0].jobs):
                child.waiting.popleft()
            left -= 1
            yield result

    def close(self) -> None:
        """End the processes. Idempotent."""
        self._closed = True
        children, self._children = self._children, []
        for child in children:
            with suppress(OSError):
                _pipe(child.process.stdin).close()
            child.process.kill()
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(_CLOSE_S)
        with suppress(queue.Empty):  # let reader threads that wait for room go
            while True:
                self._results.get_nowait()

    def _feed(self, todo: deque[Batch]) -> None:
        if todo and len(self._children) < self.size:
            self._children.append(self._start())
        for ahead in range(1, _BATCHES_AHEAD + 1):
            for child in self._children:
                if not todo:
                    return
                # A file that is tried alone must be alone, so that a crash is its own.
                if len(child.waiting) < ahead and not (child.waiting and (len(todo[0].jobs) == 1 or _alone(child))):
                    self._send(child, todo.popleft())

    def _send(self, child: _Child, batch: Batch) -> None:
        child.waiting.append(batch)
        child.left.update((job.stat.path, job) for job in batch.jobs)
        with suppress(OSError):  # a dead child's reader tells
            write_frame(_pipe(child.process.stdin), pack_batch(batch))

    def _start(self) -> _Child:
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                list(self.command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError as exc:
            raise StoreError(f"a parsing process cannot be started: {exc}") from exc
        child = _Child(process)
        with suppress(OSError):
            write_frame(_pipe(process.stdin), pack_setup(self.setup))
        reader = threading.Thread(target=_read, args=(child, self._results, lambda: self._closed), daemon=True)
        reader.start()
        return child

    def _bury(self, child: _Child, todo: deque[Batch]) -> FileResult | None:
        """Put a dead child's jobs back; return the result of one that can be tried no more."""
        self._children.remove(child)
        code = child.process.wait()
        cause = _cause(code, self.setup)
        batches = list(child.waiting)
        first = batches[0] if batches else None
        given_up: FileResult | None = None
        for batch in reversed(batches):
            for job in reversed(batch.jobs):
                if job.stat.path not in child.left:
                    continue
                if batch is not first or len(batch.jobs) > 1:
                    todo.appendleft(Batch((job,), batch.use_tree, batch.note))
                elif batch.use_tree:
                    todo.appendleft(Batch((job,), use_tree=False, note=cause))
                else:
                    given_up = FileResult(
                        job.stat, 0, ReadOutcome.SKIPPED, ContentHash(""), SkipReason.UNREADABLE, cause
                    )
        if not batches and code and todo:
            raise StoreError(
                f"the parsing process ended at once with code {code}", hint="run `conexus doctor` to find out why"
            )
        return given_up


def _alone(child: _Child) -> bool:
    return any(len(batch.jobs) == 1 for batch in child.waiting)


def _batches(jobs: Sequence[ParseJob], children: int) -> Iterator[Batch]:
    """Group jobs; large files come first, so that none is left for the end by itself."""
    ordered = sorted(jobs, key=lambda job: job.stat.size_bytes < _BATCH_BYTES)
    total = sum(job.stat.size_bytes for job in jobs)
    most = max(1_000, min(_BATCH_BYTES, total // (4 * max(1, children))))
    batch: list[ParseJob] = []
    size = path_bytes = 0
    for job in ordered:
        full = size + job.stat.size_bytes > most or path_bytes > _BATCH_PATH_BYTES or len(batch) >= _BATCH_FILES
        if batch and full:
            yield Batch(tuple(batch))
            batch, size, path_bytes = [], 0, 0
        batch.append(job)
        size += job.stat.size_bytes
        path_bytes += len(job.stat.path)
    if batch:
        yield Batch(tuple(batch))


def _read(child: _Child, results: queue.Queue[tuple[_Child, bytes | None]], is_closed: Callable[[], bool]) -> None:
    """Hand on a child's frames until it ends."""
    stream = _pipe(child.process.stdout)
    while not is_closed():
        try:
            frame = read_frame(stream)
        except (OSError, ValueError):
            frame = None
        while not is_closed():
            with suppress(queue.Full):
                results.put((child, frame), timeout=0.5)
                break
        if frame is None:
            return


def _cause(code: int, setup: WorkerSetup) -> str:
    if -code == signal.SIGPROF:
        return f"parsing took more than {setup.parse_timeout_s:g} s"
    if -code in {signal.SIGABRT, signal.SIGKILL}:
        return f"parsing took more than {setup.parse_memory_mb} MB of memory"
    return f"the parser crashed (code {code})"


def _pipe(stream: IO[bytes] | None) -> BinaryIO:
    if stream is None:  # pragma: no cover -- Popen was given PIPE
        raise StoreError("a parsing process has no pipe")
    return cast("BinaryIO", stream)
