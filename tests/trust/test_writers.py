# SPDX-License-Identifier: FSL-1.1-MIT
"""Many processes that want to write to one index, whose holder is killed again and again.

One writes at any moment, the next begins within seconds of a death, no lock is ever removed, and the last one ends with
the index of a run that had nobody beside it. When a process may write and when it does, it says itself, see
``tests/writer_marks``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from acknowledged import Files, seen
from attacks import SEED, dice, rounds
from program import FOUND, Program, finish
from trees import MANY, SETTINGS, fill

_PROCESSES = 8
_TAKEOVER_S = 5.0
_PATIENCE_S = 120.0
_POLL_S = 0.002
_MARKS = str(Path(__file__).parents[1] / "writer_marks")
_LONGEST_S = 0.6
"""A holder is killed so soon after it began, or sooner."""


@dataclass(frozen=True)
class Mark:
    """What a process said."""

    at_ns: int
    pid: int
    what: str


@dataclass
class Contest:
    """Processes that index one tree at once."""

    program: Program
    tree: Path
    killed: dict[int, int] = field(default_factory=dict)
    """When the processes that were killed were, by the monotonic clock in ns."""
    processes: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, count: int) -> None:
        """Start processes at once."""
        for _ in range(count):
            process = self.program.start("index", self.tree)
            self.processes[process.pid] = process

    def marks(self) -> list[Mark]:
        """What the processes said so far."""
        file = Path(self.program.settings["TEST_MARKS"])
        lines = [line.split() for line in file.read_text("ascii").splitlines()] if file.exists() else []
        return sorted((Mark(int(at), int(pid), what) for at, pid, what in lines), key=lambda mark: mark.at_ns)

    def holder(self) -> int | None:
        """The process that may write now."""
        inside: int | None = None
        for mark in self.marks():
            if mark.what == "enter":
                inside = mark.pid
            elif mark.what == "leave" and inside == mark.pid:
                inside = None
        return None if inside in self.killed else inside

    def wait_for_holder(self) -> int | None:
        """Wait for a process that may write; nothing once all have ended."""
        until = time.monotonic() + _PATIENCE_S
        while (found := self.holder()) is None:
            if all(process.poll() is not None for process in self.processes.values()):
                return None
            assert time.monotonic() < until, "nobody takes the lock"
            time.sleep(_POLL_S)
        return found

    def wait_for_all(self, holder: int) -> None:
        """Halt the holder until all others have asked for the lock."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, signal.SIGSTOP)
        until = time.monotonic() + _PATIENCE_S
        while len({mark.pid for mark in self.marks() if mark.what == "ask"}) < len(self.processes):
            assert time.monotonic() < until, "not all processes ask for the lock"
            time.sleep(_POLL_S)
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder, signal.SIGCONT)

    def kill(self, holder: int, after_s: float) -> None:
        """Kill a holder, and nothing but it, some time after; one that is done by then is let go."""
        process = self.processes[holder]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after_s)
        at_ns = time.monotonic_ns()
        process.kill()
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            self.killed[holder] = at_ns

    def left(self) -> list[subprocess.Popen[bytes]]:
        """The processes that run still."""
        return [process for process in self.processes.values() if process.poll() is None]

    def overlaps(self) -> list[str]:
        """Return where a process was a writer, or wrote, while another one was the writer."""
        found = []
        writer: int | None = None
        for mark in self.marks():
            gone = writer is None or self.killed.get(writer, mark.at_ns + 1) <= mark.at_ns
            if mark.what == "enter":
                if not gone:
                    found.append(f"process {mark.pid} began while {writer} was the writer")
                writer = mark.pid
            elif mark.what in {"write", "leave"} and mark.pid != writer:
                found.append(f"process {mark.pid} said {mark.what!r} while {writer} was the writer")
            elif mark.what == "leave":
                writer = None
        return found

    def takeovers_s(self) -> list[float]:
        """Return how long after each kill the next process became the writer."""
        entered = [mark.at_ns for mark in self.marks() if mark.what == "enter"]
        later = [(min((at for at in entered if at > died), default=None), died) for died in self.killed.values()]
        return [(at - died) / 1e9 for at, died in later if at is not None]


@dataclass(frozen=True)
class Ground:
    """A tree, and what an undisturbed run makes of it."""

    tree: Path
    expected: Files


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    """One tree for all contests."""
    folder = tmp_path_factory.mktemp("writers")
    fill(folder / "tree", MANY)
    program = Program(folder / "reference", settings=SETTINGS)
    program.ok("index", folder / "tree")
    return Ground(folder / "tree", content(program))


def content(program: Program) -> Files:
    """What an index holds, the same in the catalog and the vectors."""
    program.content()
    return seen(program.data / "catalog.sqlite").files


def contest(folder: Path, ground: Ground, **settings: str) -> Contest:
    """A contest over an index that is not there yet."""
    program = Program(folder)
    marks = {"PYTHONPATH": _MARKS, "TEST_MARKS": str(folder / "marks"), "CONEXUS_STORE_LOCK_WAIT_S": "300"}
    program.settings = {**SETTINGS, **marks, **settings}
    return Contest(program, ground.tree)


@rounds(1, 50)
def test_one_writes_at_any_moment_and_a_dead_one_is_followed_at_once(
    ground: Ground, tmp_path: Path, figure: Callable[..., None], rounds: int
) -> None:
    """Eight processes start at once, and each that becomes the writer is killed, all but the last."""
    kills = 0
    overlaps: list[str] = []
    wrong: list[str] = []
    takeovers_s: list[float] = []
    for number in range(rounds):
        chance = dice("writers", number)
        fight = contest(tmp_path / str(number), ground)
        fight.start(_PROCESSES)
        first = fight.wait_for_holder()
        assert first is not None
        fight.wait_for_all(first)
        locks = {path: path.stat().st_ino for path in (fight.program.data / "locks").iterdir()}
        while len(fight.left()) > 1 and (holder := fight.wait_for_holder()) is not None:
            fight.kill(holder, chance.uniform(0, _LONGEST_S))
        for process in fight.processes.values():
            if process.pid not in fight.killed:
                ended = finish(process) if process.stdout and not process.stdout.closed else None
                if process.returncode != FOUND:
                    wrong.append(f"round {number} of seed {SEED}: {ended}")
        where = f"round {number} of seed {SEED}"
        overlaps += [f"{where}: {text}" for text in fight.overlaps()]
        takeovers_s += fight.takeovers_s()
        kills += len(fight.killed)
        if content(fight.program) != ground.expected:
            wrong.append(f"{where}: the index differs")
        if locks != {path: path.stat().st_ino for path in (fight.program.data / "locks").iterdir()}:
            wrong.append(f"{where}: a lock was removed")
        shutil.rmtree(fight.program.folder)
    figure(
        "writers",
        starts=rounds * _PROCESSES,
        holders_killed=kills,
        writers_at_once=1 + bool(overlaps),
        takeovers=len(takeovers_s),
        slowest_takeover_s=round(max(takeovers_s, default=0.0), 3),
        failures=len(wrong),
    )
    assert not overlaps, overlaps[:5]
    assert not wrong, wrong[:5]
    assert kills
    assert max(takeovers_s) <= _TAKEOVER_S


def test_without_the_lock_two_write_at_once(ground: Ground, tmp_path: Path, figure: Callable[..., None]) -> None:
    """The same contest of processes that wait for no lock: it is noticed that several write."""
    fight = contest(tmp_path / "unlocked", ground, TEST_UNLOCKED="1")
    fight.start(3)
    for process in fight.processes.values():
        process.communicate(timeout=_PATIENCE_S)  # however it ends
    overlaps = fight.overlaps()
    figure("writers without the lock", starts=3, overlaps=len(overlaps))
    assert overlaps
