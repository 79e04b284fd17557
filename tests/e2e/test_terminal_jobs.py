# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs of ``conexus index`` without a daemon are jobs: listed, followed, cancelled, and honest when they are killed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen
from typing import Any

import pytest
from program import CONEXUS, ERROR, INTERRUPTED, NOTHING, Program

_PATIENCE_S = 60.0
FILES = 5_000


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program whose daemon listens where there is room."""
    return Program(
        tmp_path, settings={"CONEXUS_DAEMON_PORT": "0", "CONEXUS_DAEMON_GRPC_PORT": "0", "CONEXUS_INDEX_WORKERS": "1"}
    )


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A tree that takes some seconds to index."""
    root = tmp_path / "large"
    for number in range(FILES):
        path = root / f"pkg{number % 50}" / f"part_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"def step_{number}_{n}(value):\n    return value * {n}\n\n\n" for n in range(12)))
    return root


@contextmanager
def indexing(program: Program, root: Path) -> Iterator[tuple[Popen[bytes], dict[str, Any]]]:
    """Run the command until the end of the block, which begins once it is listed."""
    process = Popen([CONEXUS, "index", root], env=program.environ(), stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
    try:
        until, found = time.monotonic() + _PATIENCE_S, []
        while not found:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            found = jobs(program, "--running")
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def jobs(program: Program, *arguments: str) -> list[dict[str, Any]]:
    """The jobs that are listed."""
    found: list[dict[str, Any]] = program.ok("jobs", "list", "--json", *arguments).json["jobs"]
    return found


def test_a_run_is_followed_and_cancelled(program: Program, large: Path) -> None:
    """What it has done is kept, and the next run goes on from there and is a job too."""
    with indexing(program, large) as (process, job):
        assert (job["origin"], job["state"], job["root"]) == ("terminal", "running", str(large))
        assert 0 < job["progress"]["files_done"] <= FILES
        assert program.ok("jobs", "cancel", job["id"], "--json").json["state"] == "cancelled"
        out, err = process.communicate(timeout=_PATIENCE_S)
        assert process.returncode == INTERRUPTED, (out, err)
        assert b"stopped" in out
    (kept,) = jobs(program)
    assert kept["state"] == "cancelled"
    assert kept["report"]["files_indexed"] < FILES
    program.ok("index", large)
    assert jobs(program)[0]["report"]["files_indexed"] == FILES - kept["report"]["files_indexed"]
    program.ok("index", large)
    assert len(jobs(program)) == 2, "a run that did nothing is none"
    followed = program.ok("jobs", "follow", jobs(program)[0]["id"])
    assert "done" in followed.out


def test_a_killed_run_is_not_called_running(program: Program, large: Path) -> None:
    """It says what happened, and the daemon goes on with it."""
    with indexing(program, large) as (process, job):
        process.kill()
        process.wait()
        (found,) = jobs(program)
        assert found["state"] == "failed"
        assert "its process ended" in found["error"]
        assert program.run("jobs", "follow", job["id"]).code == ERROR
    program.ok("daemon", "start")
    try:
        assert program.run("jobs", "follow", job["id"]).code in {0, NOTHING}
        until = time.monotonic() + _PATIENCE_S
        while jobs(program, "--running"):
            assert time.monotonic() < until
            time.sleep(0.1)
        assert {one["id"]: one["state"] for one in jobs(program)}[job["id"]] == "done"
        assert program.ok("search", "step_4999_3", large, "--json").paths()[0].endswith("part_4999.py")
    finally:
        program.run("daemon", "stop")


def test_a_run_goes_on_beside_a_daemon_that_starts(program: Program, large: Path) -> None:
    """The daemon neither takes it for one of its own nor calls it failed; it can cancel it."""
    with indexing(program, large) as (process, job):
        program.ok("daemon", "start")
        try:
            listed = {one["id"]: one["state"] for one in jobs(program)}
            assert listed[job["id"]] in {"running", "done"}
            program.ok("jobs", "cancel", job["id"])
            process.communicate(timeout=_PATIENCE_S)
            assert process.returncode in {0, INTERRUPTED}
        finally:
            program.run("daemon", "stop")
    assert {one["id"]: one["state"] for one in jobs(program)}[job["id"]] in {"cancelled", "done"}
