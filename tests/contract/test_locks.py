# SPDX-License-Identifier: FSL-1.1-MIT
"""What locks between processes must do. There is one implementation; the suite asks only for the port."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from conexus.adapters.process_locks import FileLocks
from conexus.errors import StoreBusy
from conexus.ports import Locks


@pytest.fixture(params=["files"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Locks]:
    """Makes objects that share their locks, as those of two processes do."""
    assert request.param == "files"
    return lambda: FileLocks(tmp_path / "locks")


def test_a_lock_keeps_others_out_while_it_is_held(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """A second holder is refused, and let in once the first is done."""
    with fresh().view(tmp_path, "indexing", 0.0), pytest.raises(StoreBusy), fresh().view(tmp_path, "searching", 0.0):
        pytest.fail("two held the lock")
    with fresh().view(tmp_path, "searching", 0.0):
        pass


def test_the_message_names_the_purpose_and_the_tree(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """Who waits in vain learns what for, on what, and since when."""
    with fresh().view(tmp_path, "indexing", 0.0), pytest.raises(StoreBusy) as refused:
        fresh().view(tmp_path, "searching", 0.0).__enter__()
    assert f"has been indexing {tmp_path} for 0 s" in refused.value.message
    assert refused.value.hint is not None


def test_other_trees_are_free(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """A lock is on one tree alone."""
    with fresh().view(tmp_path / "a", "indexing", 0.0), fresh().view(tmp_path / "b", "indexing", 0.0):
        pass


def test_two_names_of_one_tree_are_one_lock(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """A link to a tree, or a detour in its path, meets the tree's own lock."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "tree")
    with fresh().view(tmp_path / "tree", "indexing", 0.0):
        for other in (tmp_path / "link", tmp_path / "tree" / ".." / "tree"):
            with pytest.raises(StoreBusy):
                fresh().view(other, "indexing", 0.0).__enter__()


def test_a_lock_is_let_go_when_the_work_fails(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """An exception inside passes through, and the lock is free after it."""
    with pytest.raises(RuntimeError, match="the work"), fresh().view(tmp_path, "indexing", 0.0):
        raise RuntimeError("the work failed")
    with fresh().view(tmp_path, "indexing", 0.0):
        pass


def test_waiting_ends_as_soon_as_the_lock_is_free(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """Who waits gets the lock within moments of its release, long before its patience ends."""
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with fresh().view(tmp_path, "indexing", 0.0):
            held.set()
            release.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    threading.Timer(0.3, release.set).start()
    began = time.monotonic()
    with fresh().view(tmp_path, "searching", 30.0):
        waited = time.monotonic() - began
    holder.join()
    assert 0.2 <= waited < 10.0


def test_waiting_in_vain_takes_the_time_given(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """The error comes after the wait that was asked for, not before."""
    with fresh().view(tmp_path, "indexing", 0.0):
        began = time.monotonic()
        with pytest.raises(StoreBusy):
            fresh().view(tmp_path, "searching", 0.25).__enter__()
        assert 0.25 <= time.monotonic() - began < 5.0


def test_threads_of_one_process_exclude_each_other(fresh: Callable[[], Locks], tmp_path: Path) -> None:
    """Of many threads with one object exactly one is inside at any time, and all get their turn."""
    locks, inside, most, turns = fresh(), 0, 0, 0

    def work() -> None:
        nonlocal inside, most, turns
        for _ in range(5):
            with locks.view(tmp_path, "indexing", 60.0):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                turns += 1
                inside -= 1

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert (most, turns) == (1, 20)
