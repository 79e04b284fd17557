# SPDX-License-Identifier: FSL-1.1-MIT
"""A search without a daemon answers while another process indexes the repository."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from program import ERROR, FOUND, INCOMPLETE, NOTHING, Ended, Program, finish, functions, write

FILES = 1_500
WAIT_S = 60
SOON_S = 15.0
"""A search takes a fraction of a second; a machine that is busy with the run has it take longer."""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """A program that would wait long for a lock."""
    return Program(
        tmp_path / "program", settings={"CONEXUS_INDEX_WORKERS": "1", "CONEXUS_STORE_LOCK_WAIT_S": str(WAIT_S)}
    )


@pytest.fixture
def large(tree: Path) -> Path:
    """A tree that takes some seconds to index."""
    write(tree, {f"pkg{number % 50}/part_{number}.py": functions(f"step_{number}", 8) for number in range(FILES)})
    write(tree, {"aaa/sessions.py": 'def renew_session(token):\n    """Renew a session."""\n    return token\n'})
    return tree


@contextmanager
def standing(program: Program, *arguments: str | Path, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A run that is stopped amid its work, until the end of the block."""
    process = program.start("index", *arguments, env=env)
    try:
        until = time.monotonic() + WAIT_S
        while not program.ok("jobs", "list", "--running", "--json").json["jobs"]:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
        os.kill(process.pid, signal.SIGSTOP)
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCONT)


def soon(program: Program, *arguments: str | Path) -> Ended:
    """Search, without waiting for anybody."""
    started = time.monotonic()
    ended = program.run("search", *arguments)
    assert time.monotonic() - started < SOON_S
    return ended


def test_a_first_run_is_searched_as_far_as_it_is(program: Program, large: Path) -> None:
    """The exit code says that there may be more, and a note who is at work and how far; then all is found."""
    with standing(program, large) as run:
        ended = soon(program, "renew a session", large)
        assert ended.code == INCOMPLETE, ended.text
        assert f"process {run.pid} has been indexing {large}" in ended.err
        assert "is being indexed" in ended.err
        assert "run `conexus index" not in ended.err
        (snapshot,) = soon(program, "renew a session", large, "--json").json["snapshots"]
        assert snapshot["indexing"]
        refused = program.run("search", "renew a session", large, "--fresh", env={"CONEXUS_STORE_LOCK_WAIT_S": "0.1"})
        assert refused.code == ERROR
        assert "leave --fresh out" in refused.err
    assert finish(run).code == FOUND
    ended = soon(program, "renew a session", large)
    assert (ended.code, ended.err) == (FOUND, "")
    assert "aaa/sessions.py" in ended.out.splitlines()[0]


def test_the_old_index_answers_while_another_is_built(program: Program, large: Path) -> None:
    """Wholly, and without a change of what it finds; the run ends as if nobody had searched."""
    program.ok("index", large)
    before = program.ok("search", "step_7_3", large)
    with standing(program, large, CONEXUS_INDEX_MAX_CHUNK_CHARS="300") as run:
        beside = soon(program, "step_7_3", large)
        assert (beside.code, beside.out) == (FOUND, before.out)
        assert f"process {run.pid} has been indexing {large}" in beside.err
    while run.poll() is None:
        assert soon(program, "step_7_3", large).code == FOUND
    assert finish(run).code == FOUND
    program.ok("verify")


def test_a_search_that_comes_just_after_a_first_run_began(program: Program, large: Path) -> None:
    """It waits until there is something, and answers; it does not say that it failed."""
    run = program.start("index", large)
    codes = set()
    while run.poll() is None:
        codes.add(program.run("search", "renew a session", large, env={"CONEXUS_STORE_LOCK_WAIT_S": "60"}).code)
    assert codes <= {FOUND, NOTHING, INCOMPLETE}
    assert finish(run).code == FOUND
