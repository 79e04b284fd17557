# SPDX-License-Identifier: FSL-1.1-MIT
"""Disks that are full, limited, failing or read-only: nothing dies, searches answer, and it mends by itself."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
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


def rounds_of(argument: str, first: str, *others: str, also: tuple[str, ...] = ()) -> Callable[[Any], Any]:
    """Run a test with each of some values twenty times, slow, and once with the first, and those that are named."""
    full = [pytest.param(one, 20, id=f"{one}-full", marks=pytest.mark.slow) for one in (first, *others)]
    quick = [pytest.param(one, 1, id=f"{one}-quick") for one in (first, *also)]
    return pytest.mark.parametrize((argument, "rounds"), [*quick, *full])


@dataclass(frozen=True)
class Case:
    """A tree, a data folder that is behind it, and what a run without faults makes of it."""

    root: Path
    old: Path
    expected: frozenset[tuple[bytes, str, int]]
    answers: tuple[list[str], ...]
    """The first path of each question, from the old data."""
    took_s: float
    """How long that run took."""


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
    write(root, {f"more/part_{n}.py": functions(f"part_{n}", 60) for n in range(2 * FILES)})
    started = time.monotonic()
    program.ok("index", root)
    return Case(root, old, frozenset(program.content()), answers, time.monotonic() - started)


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
    """An error that says what is wrong and what to do, in words or as JSON."""
    assert ended.code == ERROR, ended
    if ended.err.startswith("{"):
        assert json.loads(ended.err)["hint"], ended.err
        return
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


def run_amid_a_fault(program: Program, case: Case, fault: Callable[[], None], moments: random.Random) -> Ended:
    """Index, let something happen to the disk meanwhile, and return how the run ended."""
    running = program.start("index", case.root)
    time.sleep(moments.uniform(0.1, case.took_s))
    fault()
    return finish(running)


@contextmanager
def told(name: str, number: int) -> Iterator[random.Random]:
    """The chance of one round, which says how to repeat a failure."""
    try:
        yield dice(name, number)
    except AssertionError as exc:
        exc.add_note(f"{name}, round {number}, CONEXUS_SEED={SEED}")
        raise


@rounds_of("kind", "tmpfs", "ext4", "btrfs", also=("btrfs",))
def test_a_daemon_outlives_a_disk_that_fills_up(
    kind: str, rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """While it indexes another program takes all space, or all of the quota (btrfs), but for a few kilobytes.

    It stays, answers as before and tells the caller; with space it ends with the index of a run without a fault.
    """
    name = f"disk: {kind} fills up while a daemon indexes"
    deaths = refusals = wrong = 0
    for number in range(rounds):
        with told(name, number) as moments, disk_of(kind, tmp_path / str(number), record_property) as disk:
            copy_sparse(case.old, disk.seen_from_here / "data")
            program = ProgramOnDisk(disk, tmp_path / str(number) / "program", SETTINGS)
            left_kb = moments.choice((0, 0, 64, 500, 4_000))
            with served(program) as daemon:
                ended = run_amid_a_fault(program, case, partial(disk.fill, left_kb), moments)
                if ended.code != FOUND:
                    refused(ended)
                    refusals += 1
                deaths += not daemon.is_the_same()
                wrong += daemon.answers(case.root) != case.answers
                disk.free()
                program.ok("index", case.root)
                assert "all as written" in program.ok("verify").out
                wrong += daemon.answers(case.root) != case.answers
                deaths += not daemon.is_the_same()
                assert daemon.stop() == 0
            assert program.content() == case.expected
    figure(name, rounds=rounds, told=refusals, daemon_deaths=deaths, wrong_answers=wrong)
    assert (deaths, wrong) == (0, 0), f"CONEXUS_SEED={SEED}"


@rounds(1, 10)
def test_what_is_saved_while_the_disk_is_full_is_found_once_there_is_space(
    rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """A daemon that follows the tree tries again by itself: nothing else is saved, and nobody tells it to."""
    name = "disk: full while a file is saved, in a tree that is followed"
    slowest_s = 0.0
    for number in range(rounds):
        with told(name, number) as moments, disk_of("tmpfs", tmp_path / str(number), record_property) as disk:
            root = tmp_path / f"tree-{number}"
            shutil.copytree(case.root / "src", root / "src")
            program = ProgramOnDisk(
                disk, tmp_path / str(number) / "program", {**SETTINGS, "CONEXUS_DAEMON_WATCH": "true"}
            )
            with served(program) as daemon:
                program.ok("index", root)
                disk.fill(0)
                write(root, {"late.py": functions("late", 8)})
                time.sleep(moments.uniform(1, 4))
                disk.free()
                free_at = time.monotonic()
                while best(program.run("search", "late_3", root, "--json")) != ["late.py"]:
                    assert time.monotonic() - free_at < 60
                    time.sleep(0.5)
                slowest_s = max(slowest_s, time.monotonic() - free_at)
                assert daemon.stop() == 0
    figure(name, rounds=rounds, slowest_s=round(slowest_s, 1))


@rounds(1, 20)
def test_a_daemon_outlives_a_disk_that_turns_read_only(
    rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """While it indexes the system finds the file system damaged, and takes no more writes; it is mounted anew later."""
    name = "disk: turns read-only while a daemon indexes"
    deaths = refusals = wrong = 0
    for number in range(rounds):
        with told(name, number) as moments, disk_of("ext4", tmp_path / str(number), record_property) as disk:
            copy_sparse(case.old, disk.seen_from_here / "data")
            program = ProgramOnDisk(disk, tmp_path / str(number) / "program", SETTINGS)
            disk.inside("sync", "-f", str(disk.folder))
            with served(program) as daemon:
                ended = run_amid_a_fault(program, case, disk.break_down, moments)
                if ended.code != FOUND:
                    refused(ended)
                    refusals += 1
                deaths += not daemon.is_the_same()
                wrong += daemon.answers(case.root) != case.answers
                refused(program.run("index", case.root, "--force"))
                deaths += not daemon.is_the_same()
            disk.mount_anew()
            if program.state().exists():
                program.state().unlink()
            program.ok("index", case.root)
            assert "all as written" in program.ok("verify").out
            assert program.content() == case.expected
    figure(name, rounds=rounds, told=refusals, daemon_deaths=deaths, wrong_answers=wrong)
    assert (deaths, wrong) == (0, 0), f"CONEXUS_SEED={SEED}"


# ---------------------------------------------------------------------------- the terminal


@rounds_of("kind", "ext4", "tmpfs", "btrfs", also=("btrfs",))
def test_a_command_ends_with_a_clear_error_where_the_disk_fills_up(
    kind: str, rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """All space is taken amid a run, or all of the quota (btrfs); a search still answers, and the next run mends."""
    name = f"disk: {kind} fills up while a command indexes"
    refusals = unanswered = wrong = 0
    for number in range(rounds):
        with told(name, number) as moments, disk_of(kind, tmp_path / str(number), record_property) as disk:
            copy_sparse(case.old, disk.seen_from_here / "data")
            program = ProgramOnDisk(disk, tmp_path / str(number) / "program", SETTINGS)
            left_kb = moments.choice((0, 0, 64, 500, 4_000))
            ended = run_amid_a_fault(program, case, partial(disk.fill, left_kb), moments)
            if ended.code != FOUND:
                refused(ended)
                refusals += 1
            found = program.run("search", QUESTIONS[0], case.root, "--json")
            if found.code == ERROR:
                refused(found)
                unanswered += 1
            else:
                wrong += best(found) != case.answers[0]
            disk.free()
            program.ok("index", case.root)
            assert "all as written" in program.ok("verify").out
            assert program.content() == case.expected
    figure(name, rounds=rounds, told=refusals, unanswered=unanswered, wrong_answers=wrong)
    assert (unanswered, wrong) == (0, 0), f"CONEXUS_SEED={SEED}"


FAULTS = {
    "sync": "fsync,fdatasync,msync",
    "rename": "rename,renameat,renameat2",
    "write": "pwrite64,ftruncate,fallocate",
}


@rounds_of("calls", *FAULTS)
def test_a_disk_that_fails_loses_nothing_that_was_told_as_done(
    calls: str, rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """A system call fails once, or each from then on; the run says so, and the next one ends as without a fault."""
    name = f"disk: {calls} fails"
    if shutil.which("strace") is None:
        not_run(name, "needs strace", record_property)
    refusals = harmless = 0
    for number in range(rounds):
        with told(name, number) as moments:
            program = Program(tmp_path / str(number), settings=SETTINGS)
            copy_sparse(case.old, program.data)
            error = moments.choice(("EIO", "EIO", "EDQUOT", "ENOSPC", "EROFS"))
            when = f"{moments.randrange(1, 40)}{moments.choice(('', '+'))}"
            log = str(tmp_path / f"{number}.strace")
            fault = f"inject={FAULTS[calls]}:error={error}:when={when}"
            program.before = ("strace", "-f", "--seccomp-bpf", "-o", log, "-e", f"trace={FAULTS[calls]}", "-e", fault)
            ended = program.run("index", case.root)
            program.before = ()
            if ended.code == FOUND:
                harmless += 1
            else:
                refused(ended)
                refusals += 1
            found = program.run("search", QUESTIONS[0], case.root, "--json")
            assert best(found) == case.answers[0], fault
            program.ok("index", case.root)
            assert "all as written" in program.ok("verify").out, fault
            assert program.content() == case.expected, fault
            shutil.rmtree(program.folder)
    figure(name, rounds=rounds, told=refusals, harmless=harmless, lost=0)


READS = "openat,read,pread64,mmap,msync,fsync,fdatasync,ftruncate"


@rounds(1, 60)
def test_an_index_that_cannot_be_read_for_a_moment_is_not_given_up(
    rounds: int, case: Case, tmp_path: Path, figure: Figure, record_property: Record
) -> None:
    """A system call on one file of the vectors fails, of a run or a search: what was indexed stays, and nothing lies.

    Each answer is right or an error, and the next run reads no file again that was in the index.
    """
    name = "disk: a file of the vectors cannot be read for a moment"
    if shutil.which("strace") is None:
        not_run(name, "needs strace", record_property)
    refusals = unharmed = wrong = rebuilt = 0
    for number in range(rounds):
        with told(name, number) as moments:
            program = Program(tmp_path / str(number), settings=SETTINGS)
            copy_sparse(case.old, program.data)
            files = sorted(path for path in (program.data / "vectors").rglob("*") if path.is_file())
            path, first = moments.choice(files), moments.randrange(1, 4)
            when = moments.choice((f"{first}", f"{first}..{first + 3}", f"{first}+"))
            fault = f"inject={READS}:error=EIO:when={when}"
            log = str(tmp_path / f"{number}.strace")
            program.before = ("strace", "-f", "-o", log, "-P", str(path), "-e", f"trace={READS}", "-e", fault)
            arguments = moments.choice((("search", QUESTIONS[0], case.root, "--json"), ("index", case.root)))
            ended = program.run(*arguments)
            program.before = ()
            where = f"{path.relative_to(program.data)} {fault} {arguments[0]}: {ended}"
            if ended.code == ERROR:
                refused(ended)
                refusals += 1
            else:
                unharmed += 1
                assert ended.code == FOUND, where
                wrong += arguments[0] == "search" and ended.paths()[:1] != case.answers[0]
            found = program.run("search", QUESTIONS[0], case.root, "--json")
            wrong += best(found) != case.answers[0]
            report = program.ok("index", case.root)
            rebuilt += "built anew" in report.out + ended.out
            assert "all as written" in program.ok("verify").out, where
            assert program.content() == case.expected, where
            assert (wrong, rebuilt) == (0, 0), where
            shutil.rmtree(program.folder)
    figure(name, rounds=rounds, told=refusals, unharmed=unharmed, wrong_answers=wrong, built_anew=rebuilt)
