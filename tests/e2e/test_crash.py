# SPDX-License-Identifier: FSL-1.1-MIT
"""Indexing whose children are killed, or that fills the disk: nothing is lost, and the next run ends the same.

What happens to a run that is killed itself, ``tests/trust/test_crashes.py`` tries.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from program import (
    ERROR,
    FOUND,
    INCOMPLETE,
    NOTHING,
    Program,
    finish,
    wait_for_workers,
    wait_until_gone,
)
from trees import FEW, FILES, MANY, QUESTION, SETTINGS, change, fill


@dataclass(frozen=True)
class Case:
    """A tree, and what an uninterrupted run makes of it."""

    root: Path
    expected: frozenset[tuple[bytes, str, int]]


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """One tree for all tests."""
    folder = tmp_path_factory.mktemp("crash")
    root = folder / "tree"
    fill(root, FEW)
    change(root)
    program = Program(folder / "reference", settings=SETTINGS)
    program.ok("index", root)
    return Case(root, frozenset(program.content()))


def check_after(program: Program, case: Case) -> None:
    """What must hold after a run that ended in any way: it opens, it is completed, it is as if nothing happened."""
    found = program.run("search", QUESTION, case.root)
    assert found.code in {FOUND, NOTHING, INCOMPLETE}, found.text
    assert "error:" not in found.text
    program.ok("index", case.root)
    verified = program.ok("verify")
    assert "all as written" in verified.out
    assert program.content() == case.expected
    found = program.ok("search", QUESTION, case.root, "--json")
    assert found.json["complete"]


def test_children_do_not_survive_their_parent(program: Program, case: Case) -> None:
    """Parsing processes end when the program that started them is killed."""
    program.settings.update(SETTINGS)
    running = program.start("index", case.root)
    workers = wait_for_workers(running)
    running.kill()
    running.communicate()
    assert not wait_until_gone(workers)


def test_a_killed_child_costs_no_file(program: Program, case: Case) -> None:
    """Parsing processes that the system kills are replaced, and their files are read again."""
    program.settings.update(SETTINGS)
    running = program.start("index", case.root)
    for worker in wait_for_workers(running):
        os.kill(worker, signal.SIGKILL)
    ended = finish(running)
    assert ended.code == FOUND, ended.text
    assert program.content() == case.expected


# ------------------------------------------------------------------------------- a full disk


@dataclass
class SmallDisk:
    """A file system in memory that only commands started through it see."""

    holder: subprocess.Popen[bytes]
    folder: Path

    def before(self) -> tuple[str, ...]:
        """What starts a command inside."""
        user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        return ("nsenter", f"--target={self.holder.pid}", "--mount", *user, f"--wdns={self.folder}")

    def resize(self, megabytes: float) -> None:
        """Make the disk larger or smaller."""
        size = f"remount,size={int(megabytes * 1024)}k"
        subprocess.run([*self.before(), "mount", "-o", size, str(self.folder)], check=True)

    @property
    def seen_from_here(self) -> Path:
        """The same folder for processes outside."""
        return Path(f"/proc/{self.holder.pid}/root{self.folder}")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    script = 'mount -t tmpfs -o size=16m conexus-test "$0" && echo ready && exec sleep 3600'
    holder = subprocess.Popen(["unshare", "--mount", *user, "sh", "-c", script, folder], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"ready\n", "this machine lets nobody mount a small disk"
    yield SmallDisk(holder, folder)
    holder.kill()
    holder.communicate()


class ProgramOnSmallDisk(Program):
    """The program with its data on a small disk."""

    def __init__(self, disk: SmallDisk, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder, settings=settings, before=disk.before())
        self.settings = {**settings, "CONEXUS_HOME": str(disk.folder / "data")}
        self._disk = disk

    def taken_out(self) -> Program:
        """The program with a copy of the data: SQLite does not find the way into another's file systems."""
        copy = Program(self.folder / "copy")
        shutil.rmtree(copy.data, ignore_errors=True)
        shutil.copytree(self._disk.seen_from_here / "data", copy.data)
        return copy

    def content(self) -> set[tuple[bytes, str, int]]:
        """See :meth:`Program.content`."""
        return self.taken_out().content()


def test_a_disk_that_runs_low_stops_the_run_cleanly(small_disk: SmallDisk, tmp_path: Path) -> None:
    """Below the reserve indexing stops with a clear error; what is done is kept, and goes on when there is space."""
    root = tmp_path / "tree"
    fill(root, MANY)
    program = ProgramOnSmallDisk(small_disk, tmp_path / "program", {**SETTINGS, "CONEXUS_STORE_MIN_FREE_MB": "60"})
    ended = program.run("index", root)
    assert ended.code == ERROR
    assert "disk space" in ended.err
    assert "hint: free some space" in ended.err
    small_disk.resize(68)
    ended = program.run("index", root)
    assert ended.code == ERROR, ended
    assert "disk space" in ended.err
    kept = len(program.taken_out().files())
    assert 0 < kept < FILES
    found = program.run("search", QUESTION, root)
    assert found.code == INCOMPLETE
    small_disk.resize(512)
    assert program.ok("index", root, "--json").json["files_indexed"] == FILES - kept
    assert "all as written" in program.ok("verify").out


def test_no_reserve_is_a_small_reserve(small_disk: SmallDisk, tmp_path: Path, case: Case) -> None:
    """The vector engine dies on a full disk, so that some space is kept whatever the setting says."""
    program = ProgramOnSmallDisk(small_disk, tmp_path / "program", SETTINGS)
    ended = program.run("index", case.root)
    assert ended.code == ERROR, ended
    assert "disk space" in ended.err
    small_disk.resize(512)
    check_after(program, case)


def take_space(ballast: Path, left_kb: int) -> None:
    """Take what space a small disk has but for some, while another program takes some of it too."""
    assert shutil.disk_usage(ballast.parent).total < 1e9, "this is not the small disk"
    with ballast.open("wb") as stream:
        while (free := shutil.disk_usage(ballast.parent).free - left_kb * 1024) > 0:
            with contextlib.suppress(OSError):  # the other one was faster
                os.posix_fallocate(stream.fileno(), ballast.stat().st_size, free)
                return


@pytest.mark.parametrize("left_kb", [0, 1_000, 8_000])
def test_a_disk_that_others_fill_loses_nothing(small_disk: SmallDisk, tmp_path: Path, case: Case, left_kb: int) -> None:
    """However a run ends that finds the disk full all of a sudden, with space it ends as on an empty disk."""
    small_disk.resize(100)
    program = ProgramOnSmallDisk(small_disk, tmp_path / "program", SETTINGS)
    running = program.start("index", case.root)
    wait_for_workers(running)
    ballast = small_disk.seen_from_here / "ballast"
    take_space(ballast, left_kb)
    ended = finish(running)
    assert ended.code == ERROR, ended
    assert "error:" in ended.err
    assert "hint:" in ended.err
    ballast.unlink()
    check_after(program, case)


def test_what_a_crash_left_in_flight_is_missing_in_words_at_once(tmp_path: Path) -> None:
    """The search that takes such files out of an index says that it is not finished, as every further one does."""
    root = tmp_path / "tree"
    fill(root, MANY)
    program = Program(tmp_path / "program", settings=SETTINGS)
    program.ok("index", root)
    with contextlib.closing(sqlite3.connect(program.data / "catalog.sqlite", isolation_level=None)) as db:
        db.execute("INSERT INTO journal SELECT index_id, id FROM files LIMIT 5")  # as a run that is killed leaves them
    for _ in range(2):
        found = program.run("search", QUESTION, root, "--json")
        assert found.code == INCOMPLETE, found
        assert found.json["complete"] is False
    program.ok("index", root)
    assert program.run("search", QUESTION, root, "--json").code == FOUND
