# SPDX-License-Identifier: FSL-1.1-MIT
"""Disks that are full, limited, failing or read-only: nothing dies, searches answer, and it mends by itself."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from attacks import SEED, dice, not_run, rounds
from disks import Disk, NoSuchDisk, ProgramOnDisk, copy_sparse, small_disk
from program import ERROR, FOUND, INCOMPLETE, Ended, Program, command_of, commit, finish, functions, write

# Small chunks, so that a small tree makes several batches; the daemon does only what it is told to.
SETTINGS = {"CONEXUS_INDEX_MAX_CHUNK_CHARS": "200", "CONEXUS_STORE_MIN_FREE_MB": "0", "CONEXUS_DAEMON_WATCH": "false"}
FILES = 20
QUESTIONS = ("step 5 of module_7", "module_3_2", "how is the total of module_11 computed")
_READY_S = 120.0
Figure = Callable[..., None]
Record = Callable[[str, object], None]


@dataclass(frozen=True)
class Case:
    """A tree, a data folder that is behind it, and what a run without faults makes of it."""

    root: Path
    old: Path
    expected: frozenset[tuple[bytes, str, int]]
    answers: tuple[list[str], ...]
    """The first path of each question, from the old data."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One tree for all rounds: a fifth of it is indexed."""
    folder = tmp_path_factory.mktemp("disk")
    root = folder / "tree"
    program = Program(folder / "reference", settings=SETTINGS)
    write(root, {f"src/module_{n}.py": functions(f"module_{n}", 12) for n in range(FILES)})
    commit(root, "https://example.org/team/disk.git")
    program.ok("index", root)
    answers = tuple(best(program.run("search", question, root, "--json")) for question in QUESTIONS)
    assert all(answers)
    old = folder / "old"
    copy_sparse(program.data, old)
    write(root, {f"more/part_{n}.py": functions(f"part_{n}", 60) for n in range(3 * FILES)})
    program.ok("index", root)
    return Case(root, old, frozenset(program.content()), answers)


def best(found: Ended) -> list[str]:
    """The first path of an answer that must be one."""
    assert found.code in {FOUND, INCOMPLETE}, found.text
    return found.paths()[:1]


@contextmanager
def disk_of(kind: str, folder: Path, record_property: Record) -> Iterator[Disk]:
    """Mount a disk, or say that this machine cannot."""
    try:
        with small_disk(kind, folder) as disk:
            yield disk
    except NoSuchDisk as exc:
        not_run(f"disk: {kind}", str(exc), record_property)


def refused(ended: Ended) -> None:
    """An error that says what is wrong and what to do."""
    assert ended.code == ERROR, ended
    assert "error: " in ended.err, ended.err
    assert "hint: " in ended.err, ended.err


# ------------------------------------------------------------------------------- a daemon


@dataclass
class Daemon:
    """A daemon whose data are on a small disk."""

    program: ProgramOnDisk
    process: Popen[bytes]
    pid: int

    def is_the_same(self) -> bool:
        """Whether it is still the one that was started."""
        return b"serve" in command_of(self.pid) and self.process.poll() is None

    def answers(self, root: Path) -> tuple[list[str], ...]:
        """The first path of each question."""
        return tuple(best(self.program.run("search", question, root, "--json")) for question in QUESTIONS)

    def stop(self) -> int:
        """End it; return its exit code."""
        os.kill(self.pid, signal.SIGTERM)
        return finish(self.process).code


@contextmanager
def served(program: ProgramOnDisk) -> Iterator[Daemon]:
    """A daemon that runs."""
    process = program.start("serve", "--port", "0", "--grpc-port", "0")
    until = time.monotonic() + _READY_S
    while not program.state().exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    state: dict[str, Any] = json.loads(program.state().read_text(encoding="utf-8"))
    try:
        yield Daemon(program, process, int(state["pid"]))
    finally:
        process.kill()
        process.communicate()


def fault_amid_a_run(daemon: Daemon, case: Case, fault: Callable[[], None], moments: random.Random) -> Ended:
    """Have a daemon index, let something happen to its disk meanwhile, and return how the run ended."""
    running = daemon.program.start("index", case.root)
    time.sleep(moments.uniform(0.2, 4.0))
    fault()
    return finish(running)


@pytest.mark.parametrize("kind", ["ext4", "tmpfs", "btrfs"])
@rounds(1, 20)
def test_a_daemon_outlives_a_disk_that_fills_up(
    kind: str, rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """While it indexes another program takes all space, or all of the quota (btrfs), but for a few kilobytes.

    It stays, answers as before, tells the caller, and once there is space it ends with the index of a run without fault.
    """
    name = f"disk: a daemon's {kind} fills up"
    deaths = refusals = wrong = 0
    for number in range(rounds):
        moments = dice(name, number)
        with disk_of(kind, tmp_path / str(number), record_property) as disk:
            copy_sparse(case.old, disk.seen_from_here / "data")
            program = ProgramOnDisk(disk, tmp_path / str(number) / "program", SETTINGS)
            with served(program) as daemon:
                left_kb = moments.choice((0, 0, 64, 500, 4_000))
                ended = fault_amid_a_run(daemon, case, lambda: disk.fill(left_kb), moments)  # noqa: B023 -- used at once
                try:
                    if ended.code != FOUND:
                        refused(ended)
                        refusals += 1
                    deaths += not daemon.is_the_same()
                    wrong += daemon.answers(case.root) != case.answers
                    disk.free()
                    program.ok("index", case.root)
                    assert "all as written" in program.ok("verify").out
                    wrong += daemon.answers(case.root) != case.answers
                    assert program.content() == case.expected
                    deaths += not daemon.is_the_same()
                    assert daemon.stop() == 0
                except AssertionError as exc:
                    exc.add_note(f"{name}, round {number}, {left_kb} kB left, seed {SEED}")
                    raise
    figure(name, rounds=rounds, told=refusals, daemon_deaths=deaths, wrong_answers=wrong)
    assert (deaths, wrong) == (0, 0), f"seed {SEED}"
