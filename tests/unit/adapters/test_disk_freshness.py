# SPDX-License-Identifier: FSL-1.1-MIT
"""Hits against the files on disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import REPO, blob_id, stored_of

from conexus.adapters.disk_freshness import DiskFreshness
from conexus.types import FileId, FileStat, Freshness, IndexedView, StoredChunk

LATER_NS = 3_600_000_000_000


class Folder:
    """Reads one folder; the part of a source tree that matters here."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reads = 0

    def stats(self, paths: Iterable[str]) -> dict[str, FileStat]:
        """The files as they are now."""
        states = {path: (self.root / path).stat() for path in paths if (self.root / path).exists()}
        return {
            path: FileStat(path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
            for path, found in states.items()
        }

    def read(self, path: str, limit: int) -> bytes:
        """Its bytes."""
        self.reads += 1
        return (self.root / path).read_bytes()[: limit + 1]


def view_of(root: Path, number: int = 1) -> IndexedView:
    return IndexedView(number, REPO, "app", root, None, None)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with one file."""
    (tmp_path / "a.py").write_text("def send(): 1\n")
    return Folder(tmp_path)


@pytest.fixture
def stored(folder: Folder) -> StoredChunk:
    """The file as it was indexed, an hour after it was written."""
    stat = folder.stats(["a.py"])["a.py"]
    text = (folder.root / "a.py").read_text()
    return replace(stored_of("a.py", text), stat=stat, checked_ns=stat.ctime_ns + LATER_NS)


def freshness(folder: Folder, stored: StoredChunk) -> Freshness:
    [found] = DiskFreshness(lambda view: folder)(view_of(folder.root), [stored])  # type: ignore[arg-type,return-value]
    return found


def test_an_untouched_file_is_fresh_without_reading_it(folder: Folder, stored: StoredChunk) -> None:
    """Its times suffice."""
    assert freshness(folder, stored) is Freshness.FRESH
    assert folder.reads == 0


def test_a_file_that_is_gone_is_missing(folder: Folder, stored: StoredChunk) -> None:
    """Also where a folder stands in its place and cannot be read."""
    (folder.root / "a.py").unlink()
    assert freshness(folder, stored) is Freshness.MISSING


def test_a_file_that_cannot_be_read_is_missing(
    folder: Folder, stored: StoredChunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It went away between two looks."""
    os.utime(folder.root / "a.py", ns=(1, 1))

    def fail(path: str, limit: int) -> bytes:
        raise FileNotFoundError(path)

    monkeypatch.setattr(folder, "read", fail)
    assert freshness(folder, stored) is Freshness.MISSING


def test_a_file_of_another_size_is_stale_without_reading_it(folder: Folder, stored: StoredChunk) -> None:
    """No content of another size can be equal."""
    (folder.root / "a.py").write_text("def send(): 1_000\n")
    assert freshness(folder, stored) is Freshness.STALE
    assert folder.reads == 0


def test_a_touched_file_is_fresh_by_its_content(folder: Folder, stored: StoredChunk) -> None:
    """As after a checkout to another branch and back."""
    os.utime(folder.root / "a.py", ns=(1, 1))
    assert freshness(folder, stored) is Freshness.FRESH
    assert folder.reads == 1
    (folder.root / "a.py").write_text("def send(): 2\n")
    assert freshness(folder, stored) is Freshness.STALE


def test_a_file_read_just_after_it_was_written_is_judged_by_its_content(folder: Folder, stored: StoredChunk) -> None:
    """A second write within a tick of the clock leaves no trace in its times."""
    racy = replace(stored, checked_ns=stored.stat.ctime_ns + 1_000_000, content_hash=blob_id(b"def send(): 0\n"))
    assert freshness(folder, racy) is Freshness.STALE
    assert freshness(folder, replace(racy, content_hash=stored.content_hash)) is Freshness.FRESH


def test_each_chunk_is_told_of_and_each_file_looked_at_once(folder: Folder, stored: StoredChunk) -> None:
    """In the order in which they are asked for."""
    (folder.root / "b.py").write_text("def fetch(): 1\n")
    stat = folder.stats(["b.py"])["b.py"]
    changed = replace(
        stored_of("b.py", "def fetch(): 2\n"), stat=replace(stat, mtime_ns=1), file=FileId(2), content_hash=blob_id(b"")
    )
    gone = replace(stored_of("c.py", ""), stat=stat, file=FileId(3))
    chunks = [changed, stored, gone, changed]
    found = DiskFreshness(lambda view: folder)(view_of(folder.root), chunks)  # type: ignore[arg-type,return-value]
    assert found == [Freshness.STALE, Freshness.FRESH, Freshness.MISSING, Freshness.STALE]
    assert folder.reads == 1


def test_views_are_told_apart_by_their_folder(folder: Folder, stored: StoredChunk, tmp_path: Path) -> None:
    """A number that a removed view leaves may come again for another folder."""
    other = Folder(tmp_path / "other")
    folders = {folder.root: folder, other.root: other}
    check = DiskFreshness(lambda view: folders[view.root])  # type: ignore[arg-type,return-value]
    assert check(view_of(folder.root, 1), [stored]) == [Freshness.FRESH]
    assert check(view_of(other.root, 1), [stored]) == [Freshness.MISSING]


def test_trees_that_were_not_asked_for_long_are_closed(folder: Folder, stored: StoredChunk, tmp_path: Path) -> None:
    """A ref's keeps files of git open; one that is asked again and again is kept."""
    opened: list[Path] = []
    closed: list[Path] = []

    class Ref(Folder):
        def close(self) -> None:
            closed.append(self.root)

    def tree_of(view: IndexedView) -> Ref:
        opened.append(view.root)
        return Ref(view.root)

    check = DiskFreshness(tree_of)  # type: ignore[arg-type]
    refs = [tmp_path / f"ref{number}" for number in range(100)]
    for ref in refs:
        assert check(view_of(folder.root), [stored]) == [Freshness.FRESH]
        assert check(view_of(ref), [stored]) == [Freshness.MISSING]
    assert opened == [folder.root, *refs]
    assert len(opened) - len(closed) <= 40
    assert closed == refs[: len(closed)]
