# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements ParsePool with child processes.

A child runs :mod:`conexus.worker`: it reads a file, parses and encodes it, and sends back one
frame. It has a limit of CPU time and of memory, and a parser that runs away takes only the child
with it. The files whose results are still out then go to a new child one at a time, so that the
culprit shows itself; it is tried once more without its grammar, and reported.

A child says when it is ready. One that ends before costs no file its grammar, and after a few of
those in a row it is the program that is at fault.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import field
from typing import IO, BinaryIO, cast

from msgpack import UnpackException

from conexus.adapters.config_files import current_environ
from conexus.adapters.memory_use import private_bytes
from conexus.adapters.worker_wire import (
    BATCH_BYTES,
    OTHER_MODEL,
    READY,
    Batch,
    WorkerSetup,
    cpu_limit_s,
    pack_batch,
    pack_setup,
    read_frame,
    unpack_result,
    write_frame,
)
from conexus.errors import StoreError
from conexus.types import ContentHash, FileResult, ParseJob, ReadOutcome, SkipReason
from conexus.values import dataclass

_BATCH_FILES = 64
_BYTES_A_CHILD = 400_000  # a further one costs 0.15 s to start, in which the first parses about as much
_BATCH_PATH_BYTES = 6_000  # a frame must fit into a pipe's buffer, or both ends could wait for each other
_BATCHES_AHEAD = 2  # queued for each child, so that it never waits for us
_FRAMES_AHEAD = 64  # results that wait for us; a child blocks beyond, which bounds memory
_STALL_S = 120.0  # children that have been silent so long are stuck on the file system
_EXIT_S = 0.5  # a child that ends closes its pipes last, so that there is nothing left to wait for
_CLOSE_S = 2.0
_FAILED_STARTS = 3  # in a row; fewer may be chance, as when another program took all memory
_FAILURES = (10, 3)  # in a row, with no file done, and so many more a child: a file costs each of them three


@dataclass(eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    waiting: deque[Batch] = field(default_factory=deque)
    """Batches sent and not finished."""
    left: dict[str, ParseJob] = field(default_factory=dict)
    """Jobs sent whose results are out, in order, by path."""
    ready: bool = False
    fault: str = ""
    """Why we killed it."""
    last: bool = False
    """Whether it gets no more batches, and ends with those that it has."""

    def kill(self, fault: str) -> None:
        """End it; its reader tells when it is gone."""
        self.fault = fault
        self.process.kill()

    def bury(self) -> int:
        """Make sure that it is gone, and return its exit code."""
        with suppress(OSError):  # what it never read is lost
            _pipe(self.process.stdin).close()
        for wait_s in (_EXIT_S, _CLOSE_S):
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(wait_s)
            self.process.kill()  # it closed its end of the pipe, and lives
        return -signal.SIGKILL  # it hangs in the kernel, and goes when that lets it


@dataclass(eq=False)
class WorkerPool:
    """Keeps up to ``size`` children busy; starts each when there is work for it."""

    command: Sequence[str]
    """Program that runs :func:`conexus.worker.main`."""
    setup: WorkerSetup
    size: int
    """Most children; fewer where there is little to parse."""
    stall_s: float = _STALL_S
    """When no child has said anything for so long, those that should have are killed."""
    bytes_a_child: int = _BYTES_A_CHILD
    """How much there is to parse for each child but the first."""
    _useful: int = 1
    """For how many children there is work."""
    _wanted: int = 1
    _children: list[_Child] = field(default_factory=list)
    _results: queue.Queue[tuple[_Child, bytes | None]] = field(
        default_factory=lambda: queue.Queue(maxsize=_FRAMES_AHEAD)
    )
    _readers: list[threading.Thread] = field(default_factory=list)
    _failed_starts: int = 0
    _failures: int = 0
    _closed: bool = False

    def start(self) -> None:
        """Start the first child, so that it is ready when the jobs are known.

        Raises:
            StoreError: It cannot be started.
        """
        if not self._children:
            self._children.append(self._start())

    def run(self, jobs: Sequence[ParseJob]) -> Iterator[FileResult]:
        """Yield one result a job, as they come.

        Raises:
            StoreError: No child process can be started, or all of them fail.
        """
        self._useful = min(self.size, 1 + sum(job.stat.size_bytes for job in jobs) // self.bytes_a_child)
        self._wanted = self._useful
        todo = deque(_batches(jobs, self._wanted))
        left = len(jobs)
        while left:
            self._feed(todo)
            result = self._next(todo)
            if result is not None:
                left -= 1
                yield result

    @property
    def is_ready(self) -> bool:
        """Whether it has processes that live, all of which wait for jobs."""
        return bool(self._children) and all(
            child.ready and not child.left and not child.fault and child.process.poll() is None
            for child in self._children
        )

    def memory_bytes(self) -> int:
        """Return how many bytes the processes hold for themselves."""
        return private_bytes(child.process.pid for child in self._children)

    def shrink(self) -> None:
        """Go on with one process, a new one, once those that run are done with what they have."""
        self._wanted = 1
        for child in self._children:
            child.last = True

    def grow(self) -> None:
        """Go on with as many processes as there is work for, after :meth:`shrink`."""
        self._wanted = self._useful

    def trim(self, most: int) -> None:
        """End the processes beyond so many, where none of them has anything to do."""
        if not any(child.left for child in self._children):
            self._end(self._children[most:])

    def close(self) -> None:
        """End the processes. Idempotent."""
        self._closed = True
        self._end(self._children)
        readers, self._readers = self._readers, []
        until = time.monotonic() + _CLOSE_S
        while any(reader.is_alive() for reader in readers) and time.monotonic() < until:
            with suppress(queue.Empty):  # a reader may wait for room
                self._results.get(timeout=0.01)

    def _end(self, children: Sequence[_Child]) -> None:
        """End processes that are not needed any more."""
        self._children = [child for child in self._children if child not in children]
        for child in children:
            child.process.kill()
        for child in children:
            child.bury()

    def _next(self, todo: deque[Batch]) -> FileResult | None:
        """Wait for the next thing that a child has to say; return it where it is a result that is out."""
        try:
            child, frame = self._results.get(timeout=self.stall_s)
        except queue.Empty:
            return self._end_stuck(todo)
        if child not in self._children or (frame is not None and child.fault):
            return None  # given up already
        if frame is None:
            return self._bury(child, todo)
        if frame == READY:
            child.ready, self._failed_starts = True, 0
            return None
        return self._accept(child, frame)

    def _accept(self, child: _Child, frame: bytes) -> FileResult | None:
        """Cross a result off; nothing where it is none, or none that is out."""
        try:
            result = unpack_result(frame)
        except (ValueError, TypeError, LookupError, AttributeError, UnpackException):
            child.kill("the parser gave an answer that makes no sense")
            return None
        if child.left.pop(result.stat.path, None) is None:
            return None
        while child.waiting and not any(job.stat.path in child.left for job in child.waiting[0].jobs):
            child.waiting.popleft()
        child.ready, self._failures = True, 0
        return result

    def _end_stuck(self, todo: deque[Batch]) -> FileResult | None:
        """Kill the children that owe results. One that cannot be killed is given up."""
        for child in [child for child in self._children if child.left]:
            if child.fault:
                return self._bury(child, todo)
            child.kill(f"parsing gave no sign of life for {self.stall_s:g} s")
        return None

    def _feed(self, todo: deque[Batch]) -> None:
        self._end([child for child in self._children if child.last and not child.left])
        for _ in range(min(self._wanted - len(self._children), len(todo))):
            self._children.append(self._start())
        for ahead in range(1, _BATCHES_AHEAD + 1):
            for child in self._children:
                if not todo:
                    return
                if child.last:
                    continue
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
                list(self.command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env={"OPENBLAS_NUM_THREADS": "1", **current_environ()},  # see conexus/__main__.py
            )
        except OSError as exc:
            raise StoreError(f"a parsing process cannot be started: {exc}") from exc
        child = _Child(process)
        with suppress(OSError):
            write_frame(_pipe(process.stdin), pack_setup(self.setup))
        reader = threading.Thread(target=_read, args=(child, self._results, lambda: self._closed), daemon=True)
        self._readers = [old for old in self._readers if old.is_alive()] + [reader]
        reader.start()
        return child

    def _bury(self, child: _Child, todo: deque[Batch]) -> FileResult | None:
        """Put a dead child's jobs back; return the result of one that can be tried no more."""
        self._children.remove(child)
        code = child.bury()
        if code == OTHER_MODEL:
            raise StoreError(
                "the embedding model was changed while this process runs, so that it can index nothing more",
                hint="start it again: `conexus daemon restart`",
            )
        if not child.ready:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise StoreError(
                    f"parsing processes do not start: {child.fault or f'they end at once with code {code}'}",
                    hint="run `conexus doctor` to find out why",
                )
            todo.extendleft(reversed(child.waiting))
            return None
        cause = child.fault or _cause(child, code, self.setup)
        self._failures += 1
        if self._failures > _FAILURES[0] + _FAILURES[1] * self._wanted:
            raise StoreError(
                f"parsing processes fail on every file: {cause}", hint="run `conexus doctor` to find out why"
            )
        return _put_back(child, todo, cause, known=code == -signal.SIGPROF)


def _put_back(child: _Child, todo: deque[Batch], cause: str, *, known: bool) -> FileResult | None:
    """Have the files that a child left tried one by one; return the result of one that can be tried no more.

    Args:
        child: That is dead.
        todo: What is to be done.
        cause: Why it died.
        known: Whether it died of the first file that it left, which is the case where its time was over.
    """
    given_up: FileResult | None = None
    culprit = next(iter(child.left), None) if known else None
    batches = list(child.waiting)
    for batch in reversed(batches):
        for job in reversed(batch.jobs):
            if job.stat.path not in child.left:
                continue
            if job.stat.path == culprit and batch.use_tree:
                todo.appendleft(Batch((job,), use_tree=False, note=cause))
            elif batch is not batches[0] or len(batch.jobs) > 1:
                todo.appendleft(Batch((job,), batch.use_tree, batch.note))
            elif batch.use_tree:
                todo.appendleft(Batch((job,), use_tree=False, note=cause))
            else:
                given_up = FileResult(job.stat, 0, ReadOutcome.SKIPPED, ContentHash(""), SkipReason.UNREADABLE, cause)
    return given_up


def _alone(child: _Child) -> bool:
    return any(len(batch.jobs) == 1 for batch in child.waiting)


def _batches(jobs: Sequence[ParseJob], children: int) -> Iterator[Batch]:
    """Group jobs; large files come first, so that none is left for the end by itself."""
    ordered = sorted(jobs, key=lambda job: job.stat.size_bytes < BATCH_BYTES)
    total = sum(job.stat.size_bytes for job in jobs)
    most = max(1_000, min(BATCH_BYTES, total // (4 * max(1, children))))
    batch: list[ParseJob] = []
    size = path_bytes = 0
    for job in ordered:
        full = size + job.stat.size_bytes > most or path_bytes > _BATCH_PATH_BYTES or len(batch) >= _BATCH_FILES
        if batch and full:
            yield Batch(tuple(batch))
            batch, size, path_bytes = [], 0, 0
        batch.append(job)
        size += job.stat.size_bytes
        path_bytes += len(os.fsencode(job.stat.path))
    if batch:
        yield Batch(tuple(batch))


def _read(child: _Child, results: queue.Queue[tuple[_Child, bytes | None]], is_closed: Callable[[], bool]) -> None:
    """Hand on a child's frames until it ends."""
    with _pipe(child.process.stdout) as stream:
        frame: bytes | None = READY
        while frame is not None and not is_closed():
            try:
                frame = read_frame(stream)
            except (OSError, ValueError):
                frame = None
            while not is_closed():
                with suppress(queue.Full):
                    results.put((child, frame), timeout=0.5)
                    break


def _cause(child: _Child, code: int, setup: WorkerSetup) -> str:
    if -code == signal.SIGPROF:
        return f"parsing took more than {_limit_s(child, setup):g} s (see index.parse_timeout_s)"
    if -code == signal.SIGABRT:  # what a parser does that gets no more memory
        return f"parsing took more than {setup.parse_memory_mb} MB of memory"
    if -code == signal.SIGKILL:
        return "the parser was killed, perhaps because the system ran out of memory"
    if -code == signal.SIGSEGV:
        return f"the parser crashed, or wanted more than {setup.parse_memory_mb} MB of memory"
    return f"the parser crashed (code {code})"


def _limit_s(child: _Child, setup: WorkerSetup) -> float:
    """How long the file could take that a child was at."""
    job = next(iter(child.left.values()), None)
    if job is None:
        return setup.parse_timeout_s
    return round(cpu_limit_s(setup, job.stat.size_bytes, use_tree=child.waiting[0].use_tree), 3)


def _pipe(stream: IO[bytes] | None) -> BinaryIO:
    if stream is None:  # pragma: no cover -- Popen was given PIPE
        raise StoreError("a parsing process has no pipe")
    return cast("BinaryIO", stream)
