# SPDX-License-Identifier: FSL-1.1-MIT
"""However a tree is changed, its index soon is that of a tree that is indexed anew, chunk for chunk.

A failure names its seed: ``CONEXUS_SEED=123 pytest tests/e2e/test_random_edits.py`` makes the same operations.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from random_edits import RandomTree, contents, fresh_contents, live_of, require_truth

from conexus import bootstrap
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.config import Config, StoreOptions
from conexus.daemon.jobs import JobRunner
from conexus.daemon.watching import Followers, Ways
from conexus.errors import StoreError
from conexus.service import LocalService
from conexus.types import LOCAL_USER, IndexJob, IndexProgress, IndexStage, JobState

_PATIENCE_S = 60.0
_SEED = int(os.environ.get("CONEXUS_SEED", "0"))


class Killed(BaseException):
    """What a killed daemon does: it is gone from one moment to the next."""


class Followed:
    """What a daemon does for a tree, in this process, where it can be stopped and begun again."""

    def __init__(self, tree: RandomTree, data: Path) -> None:
        self.tree = tree
        self.config = Config(store=StoreOptions(path=str(data)))
        self.failed: list[str] = []
        self._stack = ExitStack()
        self.begin()

    def begin(self) -> None:
        """Begin, as a daemon does at its start."""
        app = bootstrap.build(self.config, keep_open=True)
        self.service: LocalService = app.service
        registry = SqliteRegistry(":memory:")
        self.runner = JobRunner(self.service, registry, self._told, find_checkout)
        followers = Followers(
            Ways(
                lambda: self.service.views(LOCAL_USER),
                find_checkout,
                app.watcher,
                self.runner.follow_up,
                lambda repo: self.service.drop_gone(repo, LOCAL_USER),
                self.runner.wants_again,
            ),
            again_s=0.1,
        )
        self.runner.start(1)
        followers.start()
        for end in (self.service.close, registry.close, lambda: self.runner.stop(10.0), followers.stop):
            self._stack.callback(end)

    def end(self) -> None:
        """End in order."""
        self._stack.close()

    def kill(self) -> None:
        """Stop in the midst of a run, between a file and the next, with nothing tidied up."""
        self.end()
        app = bootstrap.build(self.config)
        at = self.tree.random.randrange(1, 4)

        def listen(progress: IndexProgress) -> None:
            if progress.stage is IndexStage.INDEX and progress.files_done >= at:
                raise Killed

        with suppress(Killed):
            app.service.index(find_checkout(self.tree.root), LOCAL_USER, listen)
        app.service.close()

    def _told(self, job: IndexJob) -> None:
        if job.state is JobState.FAILED:
            self.failed.append(f"{job.error_code}: {job.error}")

    def settle(self, number: int) -> None:
        """Wait until all that happened before is in the index: a last change is, and nothing runs."""
        marker = self.tree.root / f"settled_{number}.go"
        marker.write_text(f"package settled{number}\n")
        until = time.monotonic() + _PATIENCE_S
        quiet = 0
        while quiet < 3:
            assert time.monotonic() < until, f"it does not settle: {self.failed}"
            time.sleep(0.05)
            quiet = quiet + 1 if self.runner.counts() == (0, 0) and self._knows(marker) else 0

    def _knows(self, marker: Path) -> bool:
        try:
            return self.service.has_read(find_checkout(self.tree.root), marker.name, LOCAL_USER)
        except (StoreError, AssertionError):
            return False


@contextmanager
def followed(tree: RandomTree, data: Path) -> Iterator[Followed]:
    """Follow a tree that is indexed already."""
    app = bootstrap.build(Config(store=StoreOptions(path=str(data))))
    app.service.index(find_checkout(tree.root), LOCAL_USER)
    app.service.close()
    found = Followed(tree, data)
    try:
        yield found
    finally:
        found.end()


def require_model(folder: Path, seed: int, rounds: int, steps: int) -> None:
    """Change a tree at random; after each round its index must be that of a new one."""
    tree = RandomTree(folder / "tree", seed)
    reference = bootstrap.build(Config(store=StoreOptions(path=str(folder / "reference"))), keep_open=True).service
    told = 0
    try:
        with followed(tree, folder / "data") as subject:
            for number in range(rounds):
                before = len(tree.done)
                is_killed = number % 4 == 3
                if is_killed:
                    subject.kill()
                for step in range(steps):
                    tree.step()
                    if step % 5 == 0 and not is_killed:
                        time.sleep(tree.random.random() * 0.12)
                        told += require_truth(subject.service, tree)
                if is_killed:
                    subject.begin()
                subject.settle(number)
                where = f"seed {seed}, round {number}, after {tree.done[before:]}"
                found = contents(subject.service, live_of(subject.service, tree.root))
                expected = fresh_contents(reference, find_checkout(tree.root))
                for mine, new in zip(found, expected, strict=True):
                    assert mine == new, f"{where}: {sorted(map(str, mine ^ new))[:6]}"
                told += require_truth(subject.service, tree)
            assert subject.service.verify(LOCAL_USER, repair=False).findings == ()
            assert subject.failed == []
    finally:
        reference.close()
    assert told, "nothing was found that was fresh"


def test_an_index_follows_whatever_happens_to_its_tree(tmp_path: Path) -> None:
    """A short form of the long one below."""
    require_model(tmp_path, _SEED or 7, rounds=5, steps=14)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [_SEED] if _SEED else range(100, 112))
def test_an_index_follows_thousands_of_changes(tmp_path: Path, seed: int) -> None:
    """Twelve trees with four hundred operations each, the following killed now and then."""
    require_model(tmp_path, seed, rounds=20, steps=20)
