# SPDX-License-Identifier: FSL-1.1-MIT
"""A day of edits in many repositories, in fast motion: what a daemon holds does not grow beyond what is live.

A day is 2,880 edits, one each half minute; here each follows the last as soon as it can be found.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from attacks import dice
from program import CONEXUS, Program, write

from conexus.adapters.memory_use import private_bytes

MB = 1_000_000
BUDGET = 400 * MB  # of a daemon, as DESIGN.md has it
GROWTH = 25 * MB  # more than the allocator's noise, less than what a leak of a kilobyte an answer would make
FILES = 30
WORDS = "order ledger stock parcel invoice customer price refund basket courier depot pallet".split()


@dataclass(frozen=True)
class Daemon:
    """A daemon that follows its repositories."""

    pid: int
    url: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask over REST."""
        answer = httpx.request(
            method, self.url + path, json=body, headers={"Authorization": f"Bearer {self.token}"}, timeout=120
        )
        answer.raise_for_status()
        return answer.json()

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        until = time.monotonic() + 120
        while not holds():
            assert time.monotonic() < until, what
            time.sleep(0.01)

    def is_idle(self) -> bool:
        """Whether no job runs or waits."""
        status = self.ask("GET", "/v1/status")
        return bool(status["jobs_running"] + status["jobs_queued"] == 0)

    def defines(self, name: str) -> bool:
        """Whether an index has a definition."""
        return bool(self.ask("POST", "/v1/symbols", {"name": name})["definitions"])

    def holds(self) -> dict[str, int]:
        """Memory of its own, in bytes, descriptors and threads."""
        proc = Path("/proc") / str(self.pid)
        return {
            "memory": private_bytes([self.pid]),
            "descriptors": len(list((proc / "fd").iterdir())),
            "threads": len(list((proc / "task").iterdir())),
        }


@contextmanager
def serving(program: Program) -> Iterator[Daemon]:
    """Run a daemon."""
    log = (program.folder / "serve.log").open("wb")
    command = [CONEXUS, "serve", "--port", "0", "--grpc-port", "0"]
    process = subprocess.Popen(command, env=program.environ(), stdout=log, stderr=log, start_new_session=True)
    state = program.data / "daemon.json"
    try:
        until = time.monotonic() + 120
        while not state.exists():
            assert process.poll() is None, (program.folder / "serve.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        token = (program.data / "daemon.token").read_text(encoding="ascii").strip()
        yield Daemon(process.pid, json.loads(state.read_text())["http"], token)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)
        log.close()


def fill(root: Path, number: int) -> None:
    """A small repository that is like no other."""
    chance = dice("growth", number)
    for file in range(FILES):
        words = chance.sample(WORDS, 5)
        text = "".join(f"def {word}_{number}_{file}(value):\n    return value + {file}\n\n\n" for word in words)
        write(root, {f"part_{file}.py": text})


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not say what processes hold")
@pytest.mark.parametrize(
    ("repositories", "edits"),
    [pytest.param(4, 50, id="quick"), pytest.param(100, 2_880, id="full", marks=pytest.mark.slow)],
)
def test_a_day_of_edits_lets_nothing_grow(
    program: Program, tmp_path: Path, figure: Callable[..., None], repositories: int, edits: int
) -> None:
    """Files are edited, moved, made and deleted, and questions asked; the trees stay as large as they were."""
    if repositories > 5:
        sys.path.append(str(Path(__file__).parents[1] / "ee"))
        from licences import licence  # noqa: PLC0415 -- the quick form runs where there is none

        program.settings |= {"CONEXUS_LICENSE_MODE": "test", "CONEXUS_LICENSE_KEY": licence(max_repos=200)}
    roots = [tmp_path / "trees" / f"repo_{number}" for number in range(repositories)]
    for number, root in enumerate(roots):
        fill(root, number)
        program.ok("index", root, "--quiet")
    chance = dice("growth")
    seen: list[dict[str, int]] = []
    with serving(program) as daemon:
        daemon.until(
            lambda: all(one["watch"] != "off" for one in daemon.ask("GET", "/v1/repositories")["repositories"]),
            "not every repository is followed",
        )
        for number in range(edits + 1):
            if number % (edits // 10) == 0:
                daemon.until(daemon.is_idle, "the daemon is never idle")
                seen.append(daemon.holds())
            change(chance.choice(roots), number, daemon)
            daemon.ask("POST", "/v1/search", {"query": f"where is the {chance.choice(WORDS)} counted", "limit": 10})
    early, last = seen[len(seen) // 3], seen[-1]
    figure(
        "growth",
        repositories=repositories,
        edits=edits,
        memory_mb=max(one["memory"] for one in seen) // MB,
        grown_mb=round((last["memory"] - early["memory"]) / MB, 1),
        descriptors=f"{early['descriptors']} → {last['descriptors']}",
        threads=f"{early['threads']} → {last['threads']}",
    )
    assert max(one["memory"] for one in seen) < BUDGET
    assert last["memory"] - early["memory"] < GROWTH
    assert last["descriptors"] <= early["descriptors"] + 8
    assert last["threads"] <= early["threads"] + 8


def change(root: Path, number: int, daemon: Daemon) -> None:
    """Edit a file, and now and then move one, or delete one and make another; return when the edit can be found."""
    files = sorted(root.rglob("part_*.py"))
    if number % 10 == 3:
        target = root / f"folder_{number % 7}" / f"part_{number}_moved.py"
        target.parent.mkdir(exist_ok=True)
        files[number % len(files)].rename(target)
    elif number % 10 == 7:
        files[number % len(files)].unlink()
        write(root, {f"part_{number}_new.py": f"def made_{number}():\n    return {number}\n"})
    name = f"edited_{number}"
    write(root, {"part_edited.py": f"def {name}():\n    return {number}\n"})
    daemon.until(lambda: daemon.defines(name), f"{name} is never found")
