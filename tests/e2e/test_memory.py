# SPDX-License-Identifier: FSL-1.1-MIT
"""A run keeps within its memory: where a setting says how much, and where a real control group would kill it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from program import CONEXUS, Program, write

from conexus.adapters.memory_use import private_bytes

MB = 1_000_000
SETTING_MB, GROUP_MB = 260, 360
BASE_MB = 60  # what a process holds before it begins
OVERSHOOT = 1.15  # between two looks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not say what processes hold")


def large_tree(tree: Path, files: int = 900) -> int:
    """Some 35 MB of functions that all differ, or more; returns the number of files."""
    for number in range(files):
        parts = [
            f"def step_{number}_{part}(value_{part}, rest):\n"
            f'    """Take the part {part * number} of what {number} brings."""\n'
            f"    found = [value_{part} + {part}, rest.get('{number}-{part}')]\n"
            f"    return sorted(found)[:{part % 7}] or another_{number % 31}(rest, {part})\n\n\n"
            for part in range(160)
        ]
        write(tree, {f"pkg{number % 20}/module_{number}.py": "".join(parts)})
    return files


def children(pid: int) -> list[int]:
    """The processes that one started."""
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def peak_of(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program; return the most bytes that it and its children held at once."""
    peak = 0
    while process.poll() is None:
        peak = max(peak, private_bytes([process.pid, *children(process.pid)]))
        time.sleep(0.02)
    return peak


@contextmanager
def control_group(most: int) -> Iterator[Path]:
    """Make a group of its own with a limit; its file of processes."""
    v1, v2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    base, limit = (v1, "memory.limit_in_bytes") if v1.is_dir() else (v2, "memory.max")
    group = base / f"conexus-test-{os.getpid()}"
    try:
        group.mkdir()
        (group / limit).write_text(str(most))
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        yield group / "cgroup.procs"
    finally:
        for _ in range(100):
            for pid in (group / "cgroup.procs").read_text().split():  # those that outlived the one that was killed
                os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):
                group.rmdir()
                break
            time.sleep(0.05)


@pytest.mark.slow
def test_a_setting_is_kept(program: Program, tree: Path) -> None:
    """Also with more parsing processes asked for than fit; nothing is left out."""
    files = large_tree(tree)
    settings = {"CONEXUS_INDEX_MEMORY_MB": str(SETTING_MB), "CONEXUS_INDEX_WORKERS": "8"}
    process = program.start("index", tree, "--json", env=settings)
    peak = peak_of(process)
    assert process.returncode == 0
    assert peak < (BASE_MB + SETTING_MB * OVERSHOOT) * MB
    assert program.ok("index", tree, "--json").json["files_total"] == files
    assert "all as written" in program.ok("verify").out


@pytest.mark.slow
def test_a_control_group_is_kept_within(program: Program, tree: Path) -> None:
    """The kernel kills what goes beyond; without a budget a run with eight parsing processes does."""
    files = large_tree(tree)
    with control_group(GROUP_MB * MB) as entry:
        command = f'echo $$ > "{entry}" && exec "$@"'
        done = subprocess.run(
            ["sh", "-c", command, "sh", CONEXUS, "index", tree, "--json"],
            env=program.environ({"CONEXUS_INDEX_WORKERS": "8"}),
            capture_output=True,
            timeout=600,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert program.ok("index", tree, "--json").json["files_total"] == files
    assert "all as written" in program.ok("verify").out


@pytest.mark.slow
def test_a_run_that_cannot_do_with_it_stops_and_goes_on_with_more(program: Program, tree: Path) -> None:
    """With an error that names the setting; what was done is not done again."""
    files = large_tree(tree, 3600)
    stopped = program.run("index", tree, "--json", env={"CONEXUS_INDEX_MEMORY_MB": "100"})
    assert stopped.code == 2
    assert "memory_full" in stopped.err
    assert "index.memory_mb" in stopped.err
    done = program.ok("index", tree, "--json").json
    assert done["files_total"] == files
    assert 0 < done["files_indexed"] < files
    assert "all as written" in program.ok("verify").out
