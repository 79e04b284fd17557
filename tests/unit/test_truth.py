# SPDX-License-Identifier: FSL-1.1-MIT
"""What an answer says of itself: which files are still as they were indexed, and of which state it is."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from conexus import bootstrap
from conexus.adapters.git_metadata import find_checkout
from conexus.config import Config, StoreOptions
from conexus.errors import EmbeddingError
from conexus.service import LocalService
from conexus.types import (
    LOCAL_USER,
    DenseMatrix,
    DenseVector,
    Freshness,
    IndexProgress,
    IndexReport,
    IndexStage,
    SearchRequest,
    SkipReason,
)

SOURCE = "def monthly_interest(balance):\n    return balance * 3\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with one file of interest and others."""
    root = tmp_path / "tree"
    root.mkdir()
    (root / "interest.py").write_text(SOURCE)
    for number in range(5):
        (root / f"other_{number}.py").write_text(f"def other_{number}():\n    return {number}\n")
    return root


@pytest.fixture
def service(root: Path) -> Iterator[LocalService]:
    """A service that has indexed it."""
    found = bootstrap.build(Config(store=StoreOptions(path=str(root.parent / "data"))), keep_open=True).service
    index(found, root)
    yield found
    found.close()


def index(service: LocalService, root: Path) -> IndexReport:
    """Bring the index up to date."""
    return service.index(find_checkout(root), LOCAL_USER)


def freshness(service: LocalService) -> Freshness | None:
    """What is said of the file of interest; nothing where it is not found."""
    found = service.search(SearchRequest("monthly_interest"), LOCAL_USER)
    return next((hit.freshness for hit in found.hits if hit.chunk.path == "interest.py"), None)


def edit_keeping_size_and_time(path: Path) -> None:
    """Change a file so that its size and the time of its last change stay."""
    state = path.stat()
    path.write_text(SOURCE.replace("* 3", "* 4"))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def edit_in_the_future(path: Path) -> None:
    """Change a file as under a clock that is a year ahead."""
    path.write_text(SOURCE.replace("* 3", "* 5"))
    os.utime(path, (time.time() + 3e7, time.time() + 3e7))


def edit_in_the_past(path: Path) -> None:
    """Change a file as under a clock that was set back."""
    path.write_text(SOURCE.replace("* 3", "* 6"))
    os.utime(path, (1.0, 1.0))


def edit_by_another(path: Path) -> None:
    """Put another file in its place that has the same size and time."""
    state = path.stat()
    other = path.with_name("copy")
    other.write_text(SOURCE.replace("* 3", "* 7"))
    os.utime(other, ns=(state.st_atime_ns, state.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("settled", [True, False], ids=["long after", "right after"])
@pytest.mark.parametrize(
    "edit",
    [edit_keeping_size_and_time, edit_in_the_future, edit_in_the_past, edit_by_another],
    ids=lambda it: it.__name__,
)
def test_no_edit_goes_unnoticed(service: LocalService, root: Path, settled: bool, edit: object) -> None:
    """Neither by a search, which calls the hit stale, nor by the next run, which reads the file."""
    if settled:
        time.sleep(0.05)
        index(service, root)
    assert freshness(service) is Freshness.FRESH
    assert callable(edit)
    edit(root / "interest.py")
    assert freshness(service) is Freshness.STALE
    assert index(service, root).files_indexed == 1
    assert freshness(service) is Freshness.FRESH
    os.utime(root / "interest.py", (5.0, 5.0))
    assert freshness(service) is Freshness.FRESH, "it is the same still"


def test_a_file_that_is_gone_is_missing_until_the_next_run(service: LocalService, root: Path) -> None:
    """As one that was deleted while nothing looked; a folder in its place is no file."""
    (root / "interest.py").unlink()
    assert freshness(service) is Freshness.MISSING
    (root / "interest.py").mkdir()
    assert freshness(service) is Freshness.MISSING
    assert index(service, root).files_deleted == 1
    assert freshness(service) is None


def test_an_edit_during_a_run_is_stale_until_the_next(service: LocalService, root: Path) -> None:
    """Whether it comes before or after the run reads the file."""
    (root / "interest.py").write_text(SOURCE.replace("* 3", "* 8"))

    def listen(progress: IndexProgress) -> None:
        if progress.stage is IndexStage.INDEX:
            (root / "interest.py").write_text(SOURCE.replace("* 3", "* 9"))

    service.index(find_checkout(root), LOCAL_USER, listen)
    assert freshness(service) is Freshness.STALE
    index(service, root)
    assert freshness(service) is Freshness.FRESH


def test_an_answer_says_which_state_it_is_of(service: LocalService, root: Path) -> None:
    """Another number after each change and the same without one; while a run is at it, how far it is."""

    def state() -> tuple[str, int, int, bool]:
        (found,) = service.search(SearchRequest("monthly_interest"), LOCAL_USER).snapshots
        return found.id, found.files_indexed, found.files_seen, found.indexing

    before = state()
    assert before[1:] == (6, 6, False)
    assert index(service, root).files_indexed == 0
    assert state() == before
    for number in range(3):
        (root / f"new_{number}.py").write_text(f"def new_{number}():\n    return 1\n")
    during = []

    def listen(progress: IndexProgress) -> None:
        if progress.stage is IndexStage.INDEX and not during:
            during.append(state())
            notices = service.search(SearchRequest("monthly_interest"), LOCAL_USER).notices
            assert any("is being indexed: 6 of 9 files are in" in notice for notice in notices)

    service.index(find_checkout(root), LOCAL_USER, listen)
    assert during == [(before[0], 6, 9, True)]
    after = state()
    assert after[0] != before[0]
    assert after[1:] == (9, 9, False)


class Picky:
    """A model that cannot stand some texts."""

    name, dim, is_fast, fingerprint = "picky", 4, False, "picky-1"

    def __init__(self) -> None:
        self.hates = "poison"

    def knows(self, word: str) -> bool:
        """Every word."""
        return True

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """The same row for all."""
        if any(self.hates in text for text in texts):
            raise EmbeddingError("it is too bitter")
        return np.full((len(texts), self.dim), 0.5, np.float32)

    def embed_query(self, text: str) -> DenseVector:
        """The same row."""
        return np.full(self.dim, 0.5, np.float32)


def test_a_file_that_the_model_fails_on_is_set_aside_and_named(root: Path) -> None:
    """The others go in, and it is not tried again until it changes. A model that fails on all is an error."""
    (root / "bad.py").write_text("def poison():\n    return 0\n")
    picky = Picky()
    config = Config(store=StoreOptions(path=str(root.parent / "data")))
    service = bootstrap.build(config, models=lambda _: picky).service
    try:
        report = index(service, root)
        assert report.files_indexed == 7
        assert [(file.path, file.reason) for file in report.skipped] == [("bad.py", SkipReason.UNREADABLE)]
        assert "it is too bitter" in report.skipped[0].detail
        time.sleep(0.05)
        index(service, root)
        assert index(service, root).files_unchanged == 7
        (root / "bad.py").write_text("def honey():\n    return 0\n")
        assert index(service, root).skipped == ()
        picky.hates = ""
        (root / "bad.py").write_text("def any():\n    return 0\n")
        with pytest.raises(EmbeddingError):
            index(service, root)
    finally:
        service.close()
