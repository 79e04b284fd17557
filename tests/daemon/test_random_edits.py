# SPDX-License-Identifier: FSL-1.1-MIT
"""The long form of ``tests/e2e/test_random_edits.py`` on a real daemon, which is killed for real."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from conftest import wait_for_state
from program import CONEXUS, Program
from random_edits import RandomTree, contents, fresh_contents, live_of

from conexus import bootstrap
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.config import Config, StoreOptions
from conexus.service import LocalService

_PATIENCE_S = 120.0
_SET_CLOCK = Path(__file__).parents[1] / "set_clock"
_SEED = int(os.environ.get("CONEXUS_SEED", "0"))


def settable_clock(folder: Path, program: Program) -> Path:
    """Let a program have a clock of its own, which a file sets.

    The monotonic clock and the times of files stay those of the system, so that only what is taken for the time moves.
    """
    clock = folder / "clock"
    clock.write_text("0")
    path = os.pathsep.join([str(_SET_CLOCK), *filter(None, [os.environ.get("PYTHONPATH")])])
    program.settings |= {"PYTHONPATH": path, "TEST_CLOCK": str(clock)}
    return clock


@contextlib.contextmanager
def daemon(program: Program) -> Iterator[tuple[Popen[bytes], httpx.Client]]:
    """Run a daemon until the end of the block, or until it is killed in it."""
    log = (program.folder / "serve.log").open("ab")
    command = [CONEXUS, "serve", "--port", "0", "--grpc-port", "-1"]
    process = Popen(command, env=program.environ(), stdin=DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        state = wait_for_state(program, process)
        token = (program.data / "daemon.token").read_text(encoding="ascii")
        with httpx.Client(base_url=state["http"], headers={"authorization": f"Bearer {token}"}, timeout=60) as client:
            yield process, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE_S)
        log.close()


def settle(client: httpx.Client, tree: RandomTree, number: int) -> None:
    """Wait until a last change is in the index and nothing runs."""
    (tree.root / f"settled_{number}.go").write_text(f"package settled{number}\n")
    asked = {"root": str(tree.root), "path": f"settled_{number}.go"}
    until, quiet = time.monotonic() + _PATIENCE_S, 0
    while quiet < 3:
        assert time.monotonic() < until, client.get("/v1/jobs").text
        time.sleep(0.1)
        status = client.get("/v1/status").json()
        idle = status["jobs_running"] + status["jobs_queued"] == 0
        quiet = quiet + 1 if idle and client.post("/v1/why", json=asked).json()["known"] else 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", [_SEED] if _SEED else [1, 2, 3])
def test_a_daemon_that_is_killed_now_and_then_keeps_up(tmp_path: Path, seed: int) -> None:
    """Six hundred operations a tree; every third round the daemon dies in the midst of them."""
    program = Program(tmp_path)
    tree = RandomTree(tmp_path / "tree", seed, settable_clock(tmp_path, program))
    program.ok("index", tree.root)
    reference = bootstrap.build(Config(store=StoreOptions(path=str(tmp_path / "reference"))), keep_open=True).service
    number = 0
    try:
        for _ in range(6):
            with daemon(program) as (process, client):
                for _ in range(2):
                    for _ in range(30):
                        tree.step()
                    settle(client, tree, number)
                    number += 1
                    require_same(program, reference, tree, f"seed {seed}, round {number}")
                for step in range(40):
                    tree.step()
                    if step == 25:
                        time.sleep(tree.random.random())
                        process.kill()
        program.ok("index", tree.root)  # what the last one had in flight when it was killed
        require_same(program, reference, tree, f"seed {seed}, at the end")
        assert program.ok("verify").out.endswith("all as written\n")
    finally:
        reference.close()


def test_a_daemon_keeps_up_while_its_clock_is_set(tmp_path: Path) -> None:
    """A short form of the long one above, with the clock set by years, hours and seconds, forth and back."""
    program = Program(tmp_path)
    clock = settable_clock(tmp_path, program)
    tree = RandomTree(tmp_path / "tree", _SEED or 11, clock)
    program.ok("index", tree.root)
    reference = bootstrap.build(Config(store=StoreOptions(path=str(tmp_path / "reference"))), keep_open=True).service
    years = 0.0
    try:
        with daemon(program) as (_, client):
            for number in range(5):
                if number == 1:
                    clock.write_text(str(86_400 * 400))
                else:
                    tree.set_clock()
                for step in range(15):
                    tree.step()
                    if step % 5 == 0:
                        time.sleep(tree.random.random() * 0.3)
                settle(client, tree, number)
                require_same(program, reference, tree, f"seed {tree.seed}, round {number}")
                started = client.get("/v1/jobs", params={"limit": 1}).json()["jobs"][0]["started_at"]
                years = max(years, abs(started - time.time()) / (365 * 86_400))
    finally:
        reference.close()
    assert years > 1, "the clock was never set"


def require_same(program: Program, reference: LocalService, tree: RandomTree, where: str) -> None:
    """The daemon's index must be that of a new one."""
    catalog = SqliteCatalog(str(program.data / "catalog.sqlite"))
    try:
        served = cast("LocalService", SimpleNamespace(catalog=catalog))
        found = contents(served, live_of(served, tree.root))
    finally:
        catalog.close()
    expected: list[set[tuple[Any, ...]]] = fresh_contents(reference, find_checkout(tree.root))
    for mine, new in zip(found, expected, strict=True):
        assert mine == new, f"{where}: {sorted(map(str, mine ^ new))[:6]}"
