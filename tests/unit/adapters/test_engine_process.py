# SPDX-License-Identifier: FSL-1.1-MIT
"""The process of the vector engine where it stands still, works for long, or its program is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from watched import is_there, until

from conexus.adapters.engine_orphans import ENGINE_MODULE, EngineSeen, engines_of
from conexus.adapters.engine_process import EngineStore
from conexus.adapters.process_state import process_state
from conexus.errors import StoreError
from conexus.types import ChunkId, FileId, IndexId, PointFilter, SparseVector, VectorPoint

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="what a process does is read from /proc")

ONE, DIM = IndexId(1), 32
HUNG_S = 15.0
"""In so many seconds a process that stands still is noticed, and another one started, on a busy machine too."""

# The engine with a method that takes long: `{method}` does `{does}` first.
SLOW = """
import sys, time
from conexus import vector_engine
from conexus.adapters.engine_calls import EngineCalls
def work(seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass
real = EngineCalls.{method}
def slow(*arguments):
    {does}
    return real(*arguments)
EngineCalls.{method} = slow
vector_engine.main()
"""

PROGRAM = """
import sys, threading
from pathlib import Path
from conexus.adapters.engine_process import EngineStore
from conexus.types import IndexId
EngineStore(Path(sys.argv[1])).create(IndexId(1), 32)
print("ready", flush=True)
threading.Event().wait()
"""

# Before it can ask the system to end with its program, an engine has the lock of a shard and is stopped.
STOPPED_AT_START = """
import fcntl, os, signal, sys
from pathlib import Path
if "conexus.vector_engine" in sys.orig_argv:
    held = os.open(Path(sys.orig_argv[-2]) / "1" / "conexus.json", os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.kill(os.getpid(), signal.SIGSTOP)
"""

STARTER = """
import os, subprocess, sys, time
command = [sys.executable, "-P", "-m", "conexus.vector_engine", sys.argv[1], str(os.getpid())]
process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


@pytest.fixture
def store(folder: Path) -> Iterator[EngineStore]:
    made = EngineStore(folder)
    yield made
    made.close()


def points(number: int) -> list[VectorPoint]:
    dense = np.zeros(DIM, np.float16)
    dense[0] = 1.0
    terms = SparseVector(np.array([1], np.uint32), np.array([1.0], np.float32))
    return [
        VectorPoint(ChunkId(f"{one:08x}-0000-0000-0000-000000000000"), FileId(1), dense, terms, "python", (), ())
        for one in range(1, number + 1)
    ]


def engine_of(folder: Path) -> int:
    [seen] = engines_of(folder)
    return seen.pid


def slow(method: str, does: str) -> list[str]:
    return [sys.executable, "-c", SLOW.format(method=method, does=does)]


def test_a_search_is_answered_where_the_process_is_stopped(store: EngineStore, folder: Path) -> None:
    """It is killed after a few seconds, and another one answers the same question; searches that come along too."""
    shard = store.create(ONE, DIM)
    shard.upsert(points(10))
    shard.flush()
    stopped = engine_of(folder)
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    counts: list[int] = []
    others = [threading.Thread(target=lambda: counts.append(shard.count())) for _ in range(3)]
    for other in others:
        other.start()
    dense, _ = shard.search(points(1)[0].dense.astype(np.float32), None, 5, PointFilter())
    for other in others:
        other.join()
    assert time.monotonic() - began < HUNG_S
    assert (len(dense), counts) == (5, [10, 10, 10])
    assert not is_there(stopped)


def test_what_was_not_flushed_is_told_where_the_process_is_stopped(store: EngineStore, folder: Path) -> None:
    """A write of more than a pipe holds does not wait for ever; what was flushed is there for the next one."""
    shard = store.create(ONE, DIM)
    shard.upsert(points(10))
    shard.flush()
    os.kill(engine_of(folder), signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"was killed, since it stood still for 5 s, while .* was written") as told:
        shard.upsert(points(5_000))
    assert time.monotonic() - began < HUNG_S
    assert "run it again" in str(told.value.hint)
    shard.upsert(points(20))
    shard.flush()
    assert shard.count() == 20


def test_a_process_that_always_stands_still_is_an_error(folder: Path) -> None:
    """The question is put to another process once, then what happened is said."""
    store = EngineStore(folder, command=slow("count", "time.sleep(600)"))
    shard = store.create(ONE, DIM)
    began = time.monotonic()
    with pytest.raises(StoreError, match=r"was killed, since it stood still for 5 s, while .* was read"):
        shard.count()
    assert time.monotonic() - began < 2 * HUNG_S
    store.close()


@pytest.mark.parametrize(("method", "does"), [("is_wasteful", "work(8)"), ("optimize", "time.sleep(8)")])
def test_a_process_that_works_is_left_alone(folder: Path, method: str, does: str) -> None:
    """However long it takes where it uses the CPU; a long call may wait for a while too."""
    store = EngineStore(folder, command=slow(method, does))
    shard = store.create(ONE, DIM)
    shard.upsert(points(10))
    getattr(shard, method)()
    assert shard.count() == 10  # what was not flushed would be gone with the process
    store.close()


def test_a_stopped_process_ends_with_its_store(store: EngineStore, folder: Path) -> None:
    """Closing kills it at once, and the locks are free."""
    shard = store.create(ONE, DIM)
    stopped = engine_of(folder)
    os.kill(stopped, signal.SIGSTOP)
    began = time.monotonic()
    store.close()
    assert time.monotonic() - began < 2.0
    assert not is_there(stopped)
    assert shard.count() == 0


def test_a_stopped_process_ends_with_its_program(folder: Path) -> None:
    """Where the program is killed, the system kills the engine."""
    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(folder)], stdout=subprocess.PIPE)
    assert program.stdout is not None
    assert program.stdout.readline() == b"ready\n"
    stopped = engine_of(folder)
    os.kill(stopped, signal.SIGSTOP)
    program.kill()
    program.communicate()
    assert until(lambda: not is_there(stopped))


def test_the_process_outlives_the_thread_that_asked_first(store: EngineStore, folder: Path) -> None:
    """What ends it is the end of the program, not that of one of its threads."""
    made = threading.Thread(target=lambda: store.create(ONE, DIM).close())
    made.start()
    made.join()
    pid = engine_of(folder)
    time.sleep(0.5)
    assert is_there(pid)
    assert store.open(ONE, DIM).count() == 0
    assert engine_of(folder) == pid


@pytest.mark.parametrize("to_write", [False, True])
def test_an_engine_that_is_left_over_is_ended(folder: Path, tmp_path: Path, to_write: bool) -> None:
    """One that holds a shard for a program that is gone is in nobody's way; one of a program that lives stays."""
    store = EngineStore(folder, read_here=True)
    store.create(ONE, DIM).close()
    store.close()
    (tmp_path / "sitecustomize.py").write_text(STOPPED_AT_START)
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(folder)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert starter.stdout is not None
    engine = int(starter.stdout.readline())
    assert until(lambda: (state := process_state(engine)) is not None and state.is_stopped)
    with pytest.raises(StoreError, match="is open already"):
        store.open(ONE, DIM, to_write=to_write)
    assert EngineSeen(engine, starter.pid, is_orphan=False, is_stopped=True) in engines_of(folder)
    starter.kill()
    starter.communicate()
    assert EngineSeen(engine, starter.pid, is_orphan=True, is_stopped=True) in engines_of(folder)
    assert store.open(ONE, DIM, to_write=to_write).count() == 0
    assert not is_there(engine)
    store.close()


def test_engines_of_other_folders_are_not_ours(store: EngineStore, folder: Path, tmp_path: Path) -> None:
    """A folder has its own engines, under whatever name it is asked for."""
    store.create(ONE, DIM)
    (tmp_path / "link").symlink_to(folder)
    assert engines_of(tmp_path / "link") == engines_of(folder) != []
    assert engines_of(tmp_path) == []
    assert ENGINE_MODULE.encode() in Path(f"/proc/{engine_of(folder)}/cmdline").read_bytes()
