# SPDX-License-Identifier: FSL-1.1-MIT
"""A parsing process is kept between runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conexus.adapters.kept_pools import PoolKeeper
from conexus.adapters.worker_pool import WorkerPool
from conexus.adapters.worker_wire import WorkerSetup
from conexus.types import FileStat, ParseJob, ReadOutcome

_WORKER = (sys.executable, "-P", "-m", "conexus.worker")


class Bench:
    """A keeper, and the pools it had made."""

    def __init__(self, root: Path, idle_s: float = 60.0) -> None:
        self.root = root
        self.made: list[WorkerPool] = []
        self.keeper = PoolKeeper(self._made, idle_s=idle_s)

    def _made(self, setup: WorkerSetup) -> WorkerPool:
        self.made.append(WorkerPool(_WORKER, setup, 2, bytes_a_child=1))
        return self.made[-1]

    def run(self, name: str = "tree") -> None:
        """Parse two files of a tree."""
        folder = self.root / name
        folder.mkdir(exist_ok=True)
        jobs = []
        for path in ("a.py", "b.py"):
            (folder / path).write_text("x = 1\n")
            jobs.append(ParseJob(FileStat(path, 6, 1, 1, 1)))
        setup = WorkerSetup(
            root=str(folder),
            repo="r",
            embed=False,
            model="",
            max_chunk_chars=1500,
            max_file_bytes=10_000,
            max_data_bytes=10_000,
            skip_generated=True,
            parse_timeout_s=5.0,
            parse_memory_mb=512,
        )
        pool = self.keeper.pool(setup)
        assert {result.outcome for result in pool.run(jobs)} == {ReadOutcome.PARSED}
        pool.close()
        pool.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench whose processes are ended."""
    found = Bench(tmp_path)
    yield found
    found.keeper.close()
    assert not any(pool.is_ready for pool in found.made)


def test_the_next_run_of_a_tree_finds_its_process(bench: Bench) -> None:
    """One of those it had; another tree gets one of its own, and of more than two trees the first one's is ended."""
    bench.run()
    assert bench.made[0].is_ready
    bench.run()
    assert len(bench.made) == 1
    bench.run("other")
    bench.run("third")
    assert [pool.is_ready for pool in bench.made] == [False, True, True]
    bench.run()
    assert len(bench.made) == 4


def test_a_process_that_died_meanwhile_is_replaced(bench: Bench) -> None:
    """No file pays for it with its grammar."""
    bench.run()
    (child,) = bench.made[0]._children
    child.process.kill()
    child.process.wait()
    bench.run()
    assert len(bench.made) == 2


def test_a_process_that_nobody_asks_for_ends(tmp_path: Path) -> None:
    """After a while; and what comes back when the keeper is closed ends at once."""
    bench = Bench(tmp_path, idle_s=0.2)
    bench.run()
    until = time.monotonic() + 10
    while bench.made[0].is_ready:
        assert time.monotonic() < until
        time.sleep(0.02)
    bench.keeper.close()
    bench.run()
    assert not bench.made[1].is_ready
