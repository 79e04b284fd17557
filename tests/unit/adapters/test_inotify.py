# SPDX-License-Identifier: FSL-1.1-MIT
"""Changes as Linux reports them, through the real interface."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conexus.adapters.inotify import FolderWatch

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is Linux's")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with a folder in a folder."""
    (tmp_path / "tree" / "a" / "b").mkdir(parents=True)
    return tmp_path / "tree"


@pytest.fixture
def watch(root: Path) -> Iterator[FolderWatch]:
    """Watches the tree, all but a folder that is left out."""
    made = FolderWatch(str(root), lambda path: path == "own/")
    yield made
    made.close()


def _told(watch: FolderWatch) -> set[str]:
    return watch.changes(2_000, 50, 2_000)


def test_files_that_came_with_a_folder_are_told(root: Path, watch: FolderWatch) -> None:
    """Those that were there before it could be watched, those that come later, and of folders moved in, too."""
    (root / "a" / "new" / "deep").mkdir(parents=True)
    (root / "a" / "new" / "deep" / "x.py").write_text("x")
    assert "a/new/deep/x.py" in _told(watch)
    (root / "a" / "new" / "deep" / "y.py").write_text("y")
    assert _told(watch) == {"a/new/deep/y.py"}
    (root.parent / "elsewhere" / "inner").mkdir(parents=True)
    (root.parent / "elsewhere" / "inner" / "z.py").write_text("z")
    (root.parent / "elsewhere").rename(root / "moved")
    assert {"moved", "moved/inner/z.py"} <= _told(watch)


def test_a_folder_that_was_moved_is_told_by_its_new_name_alone(root: Path, watch: FolderWatch) -> None:
    """One that was moved out of the tree is not watched any more."""
    (root / "a").rename(root / "c")
    assert {"a", "c"} <= _told(watch)
    (root / "c" / "b" / "x.py").write_text("x")
    assert _told(watch) == {"c/b/x.py"}
    (root / "c").rename(root.parent / "gone")
    assert "c" in _told(watch)
    (root.parent / "gone" / "b" / "x.py").write_text("y")
    assert not watch.changes(200, 50, 1_000)


def test_links_and_what_is_left_out_are_not_watched(root: Path, watch: FolderWatch) -> None:
    """A link is told as the file that it is, and what happens where it leads is not."""
    outside = root.parent / "outside"
    outside.mkdir()
    (root / "link").symlink_to(outside)
    (root / "own").mkdir()
    assert _told(watch) == {"link", "own"}
    (outside / "x.py").write_text("x")
    (root / "own" / "x.py").write_text("x")
    assert not watch.changes(200, 50, 1_000)


def test_of_gits_files_few_are_watched(root: Path) -> None:
    """Its objects are thousands of files that nobody searches."""
    for name in ("info", "objects/ab", "refs/heads"):
        (root / ".git" / name).mkdir(parents=True)
    watch = FolderWatch(str(root), lambda _: False)
    for name in ("HEAD", "info/exclude", "objects/ab/x", "refs/heads/main"):
        (root / ".git" / name).write_text("x")
    assert _told(watch) == {".git/HEAD", ".git/info/exclude"}
    watch.close()


def test_more_changes_than_the_system_keeps_may_be_any(root: Path, watch: FolderWatch) -> None:
    """Where it drops some, all is to be looked at, and what came meanwhile is watched."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text(encoding="ascii"))
    if most > 100_000:
        pytest.skip("this system keeps very many changes")
    place = os.fspath(root / "a" / "file")
    for _ in range(most // 2 + 10):
        os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o600))
        Path(place).unlink()
    (root / "late").mkdir()
    assert "" in watch.changes(2_000, 50, 20_000)
    (root / "late" / "x.py").write_text("x")
    assert _told(watch) == {"late/x.py"}
