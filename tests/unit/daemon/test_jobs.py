# SPDX-License-Identifier: FSL-1.1-MIT
"""The queue of index jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import ANY

import pytest
from builders import checkout_of

from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.daemon.jobs import JobRunner
from conexus.errors import SourceError, StoreBusy
from conexus.types import (
    DAEMON_ITSELF,
    LOCAL_USER,
    Checkout,
    IndexJob,
    IndexReport,
    JobOrigin,
    JobState,
    Principal,
    RepoId,
)

_PATIENCE_S = 20.0
NOTHING = IndexReport(RepoId("r"), "app", "/app", *[0] * 8, (), (), (), 0.0, 0)  # type: ignore[arg-type]


class Work:
    """A service whose runs last until they are let go."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, Collection[str] | None]] = []
        self.callers: list[Principal] = []
        self.at_once: list[set[str]] = []
        self.trees: list[object] = [ANY]
        self.gate = threading.Event()
        self.gate.set()
        self.fails: list[Exception] = []
        self._now: set[str] = set()
        self._mutex = threading.Lock()

    def views(self, _who: Principal) -> list[SimpleNamespace]:
        """Every tree is indexed, if it is not told otherwise."""
        return [SimpleNamespace(root=root) for root in self.trees]

    def index(
        self,
        checkout: Checkout,
        who: Principal,
        _listener: object,
        is_cancelled: Callable[[], bool],
        _model: str,
        changed: Collection[str] | None,
    ) -> IndexReport:
        """Note the run and wait."""
        with self._mutex:
            self.callers.append(who)
            self._now.add(str(checkout.root))
            self.at_once.append(set(self._now))
            self.ran.append((str(checkout.root), changed))
        cancelled = False
        while not self.gate.is_set() and not cancelled:
            time.sleep(0.005)
            cancelled = is_cancelled()
        cancelled = is_cancelled()
        with self._mutex:
            self._now.discard(str(checkout.root))
        if self.fails:
            raise self.fails.pop()
        return replace(NOTHING, root=str(checkout.root), files_indexed=1, cancelled=cancelled)


class Bench:
    """A runner, its store and what it told."""

    def __init__(self, registry: SqliteRegistry) -> None:
        self.work = Work()
        self.registry = registry
        self.told: list[IndexJob] = []
        self.found: Callable[[Path], Checkout] = lambda root: checkout_of(str(root), "x.org/found")
        self.runner = self.new()

    def new(self) -> JobRunner:
        """A runner as of another daemon."""
        service: Any = self.work
        return JobRunner(service, self.registry, self.told.append, self._find)

    def _find(self, root: Path) -> Checkout:
        return self.found(root)

    def settle(self) -> None:
        """Wait until nothing runs or waits."""
        until = time.monotonic() + _PATIENCE_S
        while self.runner.counts() != (0, 0):
            assert time.monotonic() < until
            time.sleep(0.005)

    def running(self, number: int) -> None:
        """Wait until so many runs have begun."""
        until = time.monotonic() + _PATIENCE_S
        while len(self.work.ran) < number:
            assert time.monotonic() < until
            time.sleep(0.005)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A runner that is not started yet."""
    registry = SqliteRegistry(":memory:")
    found = Bench(registry)
    yield found
    found.work.gate.set()
    found.runner.stop(_PATIENCE_S)
    registry.close()


APP, LIB = checkout_of("/app", "x.org/app"), checkout_of("/lib", "x.org/lib")
OTHER_CLONE = checkout_of("/app2", "x.org/app")


def test_an_edit_need_not_wait_for_the_index_of_another_repository(bench: Bench) -> None:
    """It has a thread of its own; what asks for a look at everything has not."""
    bench.work.gate.clear()
    bench.runner.start(1)
    bench.runner.submit(APP, LOCAL_USER, model="", name="")
    bench.running(1)
    bench.runner.follow_up(LIB, None)
    bench.runner.follow_up(checkout_of("/web", "x.org/web"), frozenset({"a.py"}))
    bench.running(2)
    time.sleep(0.1)
    assert bench.work.ran == [("/app", None), ("/web", frozenset({"a.py"}))]
    bench.work.gate.set()
    bench.settle()
    assert bench.work.ran[2] == ("/lib", None)


def test_a_repository_has_one_writer(bench: Bench) -> None:
    """Clones of one are never written to at once; others are."""
    bench.work.gate.clear()
    bench.runner.start(3)
    for checkout in (APP, OTHER_CLONE, LIB):
        bench.runner.submit(checkout, LOCAL_USER, model="", name="")
    bench.running(2)
    time.sleep(0.1)
    assert {root for root, _ in bench.work.ran} == {"/app", "/lib"}
    bench.work.gate.set()
    bench.settle()
    assert len(bench.work.ran) == 3
    assert not any({"/app", "/app2"} <= now for now in bench.work.at_once)


def test_changes_that_wait_become_one_job(bench: Bench) -> None:
    """A burst is one run; with a look at everything among them, that is enough."""
    bench.work.gate.clear()
    bench.runner.start(1)
    bench.runner.follow_up(APP, frozenset({"a.py"}))
    bench.running(1)
    for number in range(50):
        bench.runner.follow_up(APP, frozenset({f"{number}.py"}))
    assert bench.runner.counts() == (1, 1)
    bench.work.gate.set()
    bench.settle()
    assert bench.work.ran[1] == ("/app", frozenset(f"{number}.py" for number in range(50)))
    bench.work.gate.clear()
    bench.runner.follow_up(APP, frozenset({"a.py"}))
    bench.running(3)
    for paths in (frozenset({"b.py"}), None, frozenset({"c.py"})):
        bench.runner.follow_up(APP, paths)
    bench.work.gate.set()
    bench.settle()
    assert bench.work.ran[3:] == [("/app", None)]


def test_a_tree_that_was_removed_meanwhile_is_not_indexed_again(bench: Bench) -> None:
    """A job for changes that waits ends as cancelled and does nothing; one that somebody asks for later runs."""
    bench.work.gate.clear()
    bench.runner.start(1)
    bench.runner.submit(LIB, LOCAL_USER, model="", name="")
    bench.running(1)
    bench.runner.follow_up(APP, None)
    bench.work.trees = []
    bench.work.gate.set()
    bench.settle()
    assert bench.work.ran == [("/lib", None)]
    assert bench.told[-1].state is JobState.CANCELLED
    bench.runner.submit(APP, LOCAL_USER, model="", name="")
    bench.settle()
    assert bench.work.ran[1:] == [("/app", None)]


def test_the_daemon_itself_is_told_from_who_asks(bench: Bench) -> None:
    """Its looks at changes are no use of a repository."""
    bench.runner.start(1)
    bench.runner.submit(APP, replace(LOCAL_USER, subject="key:ci"), model="", name="")
    bench.settle()
    bench.runner.follow_up(APP, None)
    bench.settle()
    assert [who.subject for who in bench.work.callers] == ["key:ci", "daemon"]
    assert bench.work.callers[1] == DAEMON_ITSELF


def test_of_the_jobs_for_changes_of_a_tree_one_is_kept(bench: Bench) -> None:
    """There are thousands a day. Those that somebody asked for stay for a month."""
    bench.runner.start(1)
    asked = bench.runner.submit(APP, LOCAL_USER, model="", name="")
    bench.settle()
    for number in range(5):
        bench.runner.follow_up(APP, frozenset({f"{number}.py"}))
        bench.settle()
    kept = bench.runner.page(50, "")
    assert [job.origin for job in kept] == [JobOrigin.WATCH, JobOrigin.ASKED]
    assert kept[1].id == asked.id
    assert kept[0].state is JobState.DONE


@pytest.mark.parametrize("ends", ["fails", "is cancelled while it runs", "is cancelled while it waits"])
def test_after_a_job_that_did_not_end_well_everything_is_looked_at(bench: Bench, ends: str) -> None:
    """What it was to bring in is still missing."""
    bench.work.gate.clear()
    bench.runner.start(1)
    if ends == "is cancelled while it waits":
        bench.runner.submit(APP, LOCAL_USER, model="", name="")
        bench.running(1)
    bench.runner.follow_up(APP, frozenset({"a.py"}))
    if ends == "fails":
        bench.work.fails.append(StoreBusy("busy"))
    else:
        bench.running(1)
        (job,) = [job for job in bench.told[::-1] if job.origin is JobOrigin.WATCH][:1]
        bench.runner.cancel(job.id)
    bench.work.gate.set()
    bench.settle()
    begun = len(bench.work.ran)
    bench.runner.follow_up(APP, frozenset({"b.py"}))
    bench.settle()
    bench.runner.follow_up(APP, frozenset({"c.py"}))
    bench.settle()
    assert [changed for _, changed in bench.work.ran[begun:]] == [None, frozenset({"c.py"})]


def test_a_job_that_takes_the_daemon_with_it_is_given_up(bench: Bench) -> None:
    """Thrice, and then it must not keep the daemon from serving; a daemon that is stopped costs no attempt."""
    job = bench.runner.submit(APP, LOCAL_USER, model="", name="")
    for attempt in (1, 2, 3):  # each daemon dies in the midst
        bench.registry.save_job(replace(job, state=JobState.RUNNING, attempts=attempt))
        if attempt == 3:
            break
        bench.work.gate.clear()
        bench.runner = bench.new()
        bench.runner.start(1)
        bench.running(attempt)
        assert bench.runner.get(job.id) is not None
        bench.runner.stop(_PATIENCE_S)
        left = bench.registry.job(job.id)
        assert left is not None
        assert (left.state, left.attempts) == (JobState.QUEUED, attempt)
    bench.runner = bench.new()
    bench.runner.start(1)
    bench.settle()
    found = bench.registry.job(job.id)
    assert found is not None
    assert (found.state, found.error) == (JobState.FAILED, "the daemon ended 3 times in the midst of it")
    assert len(bench.work.ran) == 2


def test_a_job_whose_tree_is_gone_fails_with_the_reason(bench: Bench) -> None:
    """And does not keep others from being taken up."""

    def gone(root: Path) -> Checkout:
        raise SourceError(f"{root} does not exist")

    bench.runner.submit(APP, LOCAL_USER, model="", name="")
    bench.found = gone
    bench.runner = bench.new()
    bench.runner.start(1)
    (job,) = bench.runner.page(5, "")
    assert (job.state, job.error) == (JobState.FAILED, "/app does not exist")
