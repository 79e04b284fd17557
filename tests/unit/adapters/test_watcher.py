# SPDX-License-Identifier: FSL-1.1-MIT
"""Changes below a folder are noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue

import pytest
from watchfiles import Change

from conexus.adapters.memory_locks import NoLocks
from conexus.adapters.watcher import _paths, changes

_PATIENCE_S = 10.0
_QUIET_S = 1.0
Changed = frozenset[str] | None


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A working tree with git's folder and one file."""
    (tmp_path / ".git" / "objects").mkdir(parents=True)
    (tmp_path / ".git" / "refs").mkdir()
    (tmp_path / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "a.py").write_text("x = 1\n")
    return tmp_path


@pytest.fixture
def seen(tree: Path) -> Iterator[Queue[Changed]]:
    """What the watcher of the tree reports, from when it has begun."""
    found: Queue[Changed] = Queue()
    stop = threading.Event()
    watcher = threading.Thread(target=lambda: [found.put(paths) for paths in changes(tree, stop.is_set)])
    watcher.start()
    deadline = time.monotonic() + _PATIENCE_S
    number = 0
    while found.empty() and time.monotonic() < deadline:  # until the watcher is up, changes go unseen
        number += 1
        (tree / "probe").write_text(str(number))
        time.sleep(0.1)
    _drain(found)
    yield found
    stop.set()
    watcher.join(_PATIENCE_S)
    assert not watcher.is_alive()


def _drain(found: Queue[Changed]) -> None:
    try:
        while True:
            found.get(timeout=_QUIET_S)
    except Empty:
        pass


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda tree: (tree / "a.py").write_text("x = 2\n"), "a.py"),
        (lambda tree: (tree / "a.py").unlink(), "a.py"),
        (lambda tree: (tree / "a.py").rename(tree / "b.py"), "b.py"),
        (lambda tree: (tree / "new" / "deep").mkdir(parents=True), "new"),
        (lambda tree: (tree / "node_modules" / "x.js").write_text("1"), "node_modules/x.js"),
        (lambda tree: (tree / ".gitignore").write_text("*.log\n"), ".gitignore"),
        (lambda tree: (tree / ".git" / "HEAD").write_text("ref: refs/heads/x\n"), None),
        (lambda tree: (tree / "a.py~").write_text(""), "a.py~"),
    ],
    ids=["write", "delete", "rename", "folder", "ignored folder", "rules", "head", "odd name"],
)
def test_a_change_is_reported(
    tree: Path, seen: Queue[Changed], change: Callable[[Path], object], path: str | None
) -> None:
    """Soon, whatever it is: the ignore rules are the scan's business. What git does may change any file."""
    change(tree)
    found = seen.get(timeout=_PATIENCE_S)
    assert found is None if path is None else found is not None and path in found


def test_what_git_does_inside_its_folder_is_not_reported(tree: Path, seen: Queue[Changed]) -> None:
    """A commit writes dozens of objects that nobody searches."""
    for number in range(20):
        (tree / ".git" / "objects" / str(number)).write_text("x")
    (tree / ".git" / "index.lock").write_text("x")
    with pytest.raises(Empty):
        seen.get(timeout=_QUIET_S)


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/t/a.py", "/t/d/b.py"], {"a.py", "d/b.py"}),
        ([], set()),
        (["/t"], None),
        (["/t/a.py", "/t/.git/index"], {"a.py"}),
        (["/t/a.py", "/t/d/.git"], None),
        ([f"/t/{number}.py" for number in range(1000)], {f"{number}.py" for number in range(1000)}),
        ([f"/t/{number}.py" for number in range(1001)], None),
    ],
    ids=["files", "none", "root", "git", "nested repository", "many", "very many"],
)
def test_changes_that_may_touch_any_file(paths: list[str], expected: set[str] | None) -> None:
    """Where the root or very many paths change, or a repository appears, all is to be looked at."""
    assert _paths({(Change.modified, path) for path in paths}, len("/t/")) == expected


def test_no_locks_hold_nothing(tmp_path: Path) -> None:
    """The store in memory has no other process to fear: the same lock can be taken twice."""
    locks = NoLocks()
    with locks.view(tmp_path, "indexing", 0.0), locks.view(tmp_path, "searching", 0.0):
        assert list(tmp_path.iterdir()) == []
