# SPDX-License-Identifier: FSL-1.1-MIT
"""A shard that one process has open is searched by others, over a socket in its folder."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.engine_door import DOOR, Door, Guest
from conexus.adapters.engine_process import EngineStore
from conexus.errors import StoreBusy
from conexus.ports import VectorShard
from conexus.types import ChunkId, FileId, IndexId, PointFilter, SparseVector, VectorPoint

ONE = IndexId(1)
DIM = 4
WORD = SparseVector(np.array([7], dtype=np.uint32), np.array([1.0], dtype=np.float32))
ANYWHERE = PointFilter()
LONG = "a-folder-of-a-very-long-name" * 5


@pytest.fixture(params=["vectors", f"{LONG}/vectors"])
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[EngineStore, EngineStore]]:
    """The stores of a process that writes, and of one that searches."""
    with ExitStack() as closing:
        found = [EngineStore(tmp_path / request.param, read_here=here) for here in (False, True)]
        for store in found:
            closing.callback(store.close)
        yield found[0], found[1]


def point(number: int) -> VectorPoint:
    """A point that has the word."""
    dense = np.zeros(DIM, dtype=np.float16)
    dense[number % DIM] = 1
    return VectorPoint(
        ChunkId(f"00000000-0000-0000-0000-{number:012}"), FileId(number), dense, WORD, "python", ("function",), ()
    )


def found(shard: VectorShard) -> int:
    """How many points have the word."""
    return len(shard.search(None, WORD, 100, ANYWHERE)[1])


def test_what_is_written_is_found_by_others(stores: tuple[EngineStore, EngineStore]) -> None:
    """At once, and as long as it is open; they write nothing, and then open it themselves."""
    writer, reader = stores
    shard = writer.create(ONE, DIM)
    shard.upsert([point(1)])
    beside = reader.open_beside(ONE, DIM)
    assert found(beside) == 1
    shard.upsert([point(2), point(3)])
    assert found(beside) == 3
    with pytest.raises(StoreBusy):
        beside.count()
    shard.close()
    assert found(beside) == 3, "nobody has it open any more"
    beside.close()


def test_a_writer_that_is_killed_leaves_no_closed_door(stores: tuple[EngineStore, EngineStore]) -> None:
    """What it flushed is found, and the next writer lets others in again."""
    writer, reader = stores
    shard = writer.create(ONE, DIM)
    shard.upsert([point(1)])
    shard.flush()
    beside = reader.open_beside(ONE, DIM)
    assert found(beside) == 1
    assert writer._running is not None
    os.kill(writer._running.process.pid, signal.SIGKILL)
    writer._running.process.wait()
    assert found(beside) == 1
    beside.close()
    again = writer.open(ONE, DIM, to_write=True)
    beside = reader.open_beside(ONE, DIM)
    assert found(beside) == 1
    beside.close()
    again.close()


def test_a_run_that_is_killed_leaves_no_socket(stores: tuple[EngineStore, EngineStore]) -> None:
    """Its engine takes it away when its pipe ends: copies of the folder would stumble over it."""
    writer, _ = stores
    writer.create(ONE, DIM)
    door = writer._files.folder_of(ONE) / DOOR
    assert door.is_socket()
    assert writer._running is not None
    assert writer._running.process.stdin is not None
    writer._running.process.stdin.close()
    writer._running.process.wait(10)
    assert not door.exists()


def test_a_writer_waits_for_those_who_search(stores: tuple[EngineStore, EngineStore]) -> None:
    """They hold a shard for a moment only, and fail no run."""
    writer, reader = stores
    writer.create(ONE, DIM).close()
    beside = reader.open_beside(ONE, DIM)
    timer = threading.Timer(0.3, beside.close)
    timer.start()
    started = time.monotonic()
    shard = writer.open(ONE, DIM, to_write=True)
    assert 0.2 < time.monotonic() - started < 4.0
    shard.close()
    timer.join()


def test_nobody_is_let_in_where_there_is_no_door(tmp_path: Path) -> None:
    """As where a command has it open that only searches."""
    holder = EdgeStore(tmp_path / "vectors")
    shard = holder.create(ONE, DIM)
    with pytest.raises(StoreBusy):
        EngineStore(tmp_path / "vectors", read_here=True).open_beside(ONE, DIM)
    shard.close()


def test_a_copy_has_no_door(tmp_path: Path) -> None:
    """A shard is copied, as on a disk that takes no writes, also where a killed process left its door."""
    store = EdgeStore(tmp_path / "vectors")
    shard = store.create(ONE, DIM)
    shard.upsert([point(1)])
    shard.close()
    place = str(store.folder_of(ONE) / DOOR)
    folder = os.open(store.folder_of(ONE), os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place if len(place) < 100 else f"/proc/self/fd/{folder}/{DOOR}")
    os.close(folder)
    copy = store.open_copy(ONE, DIM)
    assert found(copy) == 1
    copy.close()


def test_a_door_that_is_closed_waits_for_its_last_answer(tmp_path: Path) -> None:
    """So that nobody searches a shard that is being closed; whoever asks then is told nothing."""
    asked, may_answer = threading.Event(), threading.Event()

    def answer(request: bytes) -> bytes:
        asked.set()
        may_answer.wait(10)
        return request.upper()

    door = Door(tmp_path, answer)
    assert (tmp_path / DOOR).stat().st_mode & 0o077 == 0
    guest = Guest(tmp_path)
    replies: list[bytes | None] = []
    asking = threading.Thread(target=lambda: replies.append(guest.ask(b"one")))
    asking.start()
    assert asked.wait(10)
    closing = threading.Thread(target=door.close)
    closing.start()
    closing.join(0.1)
    assert closing.is_alive()
    may_answer.set()
    closing.join(10)
    asking.join(10)
    assert replies == [b"ONE"]
    assert guest.ask(b"two") is None
    assert not (tmp_path / DOOR).exists()
    guest.close()
    with pytest.raises(OSError, match="No such file"):
        Guest(tmp_path)


def test_who_asks_nothing_is_sent_away_when_it_closes(tmp_path: Path) -> None:
    """At once, so that nobody takes what is closed for open; who has asked gets its answer first."""
    asked, may_answer = threading.Event(), threading.Event()

    def answer(request: bytes) -> bytes:
        asked.set()
        assert may_answer.wait(10)
        return request[::-1]

    door = Door(tmp_path, answer)
    idle = Guest.connection(tmp_path)
    idle.settimeout(10)
    busy, answers = Guest(tmp_path), list[bytes | None]()
    asking = threading.Thread(target=lambda: answers.append(busy.ask(b"abc")))
    asking.start()
    assert asked.wait(10)
    closing = threading.Thread(target=door.close)
    closing.start()
    may_answer.set()
    closing.join(10)
    asking.join(10)
    assert answers == [b"cba"]
    assert idle.recv(1) == b""
    assert busy.ask(b"abc") is None
    idle.close()
    busy.close()
