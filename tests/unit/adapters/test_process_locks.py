# SPDX-License-Identifier: FSL-1.1-MIT
"""File locks between real processes."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conexus.adapters.process_locks import FileLocks
from conexus.errors import StoreBusy, StoreError

_HOLDER = """
import sys, time
from pathlib import Path
from conexus.adapters.process_locks import FileLocks
with FileLocks(Path(sys.argv[1])).view(Path(sys.argv[2]), sys.argv[3], 60.0):
    print("held", flush=True)
    time.sleep(float(sys.argv[4]))
"""

_COUNTER = """
import sys
from pathlib import Path
from conexus.adapters.process_locks import FileLocks
counter = Path(sys.argv[3])
for _ in range(15):
    with FileLocks(Path(sys.argv[1])).view(Path(sys.argv[2]), "counting", 60.0):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def start(folder: Path, root: Path, purpose: str = "indexing", hold_s: float = 60.0) -> subprocess.Popen[str]:
    """Start a process that holds the lock, and wait until it does."""
    command = [sys.executable, "-c", _HOLDER, str(folder), str(root), purpose, str(hold_s)]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def refusal(folder: Path, root: Path) -> str:
    with pytest.raises(StoreBusy) as refused:
        FileLocks(folder).view(root, "searching", 0.0).__enter__()
    return refused.value.message


def test_the_holding_process_is_named(tmp_path: Path) -> None:
    """The message gives the holder's number, its purpose, the tree and how long it has been at it."""
    holder = start(tmp_path / "locks", tmp_path)
    time.sleep(1.1)
    message = refusal(tmp_path / "locks", tmp_path)
    holder.kill()
    holder.wait()
    assert message.startswith(f"process {holder.pid} has been indexing {tmp_path} for ")
    assert 1 <= int(message.split()[-2]) <= 30


def test_a_killed_holder_leaves_the_lock_free(tmp_path: Path) -> None:
    """After kill -9 the next one gets the lock at once, with nothing to remove by hand."""
    for _ in range(3):
        holder = start(tmp_path / "locks", tmp_path)
        holder.kill()
        holder.wait()
        with FileLocks(tmp_path / "locks").view(tmp_path, "indexing", 0.0):
            pass


def test_who_waits_gets_the_lock_of_a_holder_that_dies(tmp_path: Path) -> None:
    """A wait ends when the holder is killed, not when its patience does."""
    holder = start(tmp_path / "locks", tmp_path)
    waiter = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path / "locks"), str(tmp_path), "waiting", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(0.5)
    assert waiter.poll() is None
    holder.kill()
    holder.wait()
    out, _ = waiter.communicate(timeout=30)
    assert (out, waiter.returncode) == ("held\n", 0)


def test_processes_take_turns(tmp_path: Path) -> None:
    """Four processes that count in one file under the lock lose no step."""
    counter = tmp_path / "counter"
    counter.write_text("0")
    command = [sys.executable, "-c", _COUNTER, str(tmp_path / "locks"), str(tmp_path), str(counter)]
    workers = [subprocess.Popen(command) for _ in range(4)]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0, 0]
    assert counter.read_text() == "60"


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"garbage \xff",
        b"[" * 4_000,
        b"[1, 2]",
        b'{"pid": "x", "purpose": 1, "since": null}',
        b'{"pid": -1, "purpose": "lying", "since": 0}',
        b'{"pid": 99999999999999999999999, "purpose": "lying", "since": 0}',
        b'{"pid": 1, "purpose": "lying", "since": -Infinity}',
        b"x" * 1_000_000,
    ],
)
def test_what_the_file_says_is_not_trusted(tmp_path: Path, note: bytes) -> None:
    """A note that is broken or absurd neither fails the wait nor is repeated."""
    with FileLocks(tmp_path / "locks").view(tmp_path, "indexing", 0.0):
        (file,) = (tmp_path / "locks").iterdir()
        file.write_bytes(note)
        assert refusal(tmp_path / "locks", tmp_path) == f"another process is using the index of {tmp_path}"


def test_a_dead_process_is_not_named(tmp_path: Path) -> None:
    """What an earlier holder left in the file is not told of the one that holds it now."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    with FileLocks(tmp_path / "locks").view(tmp_path, "indexing", 0.0):
        (file,) = (tmp_path / "locks").iterdir()
        file.write_text(json.dumps({"pid": dead.pid, "purpose": "indexing", "since": time.time()}))
        assert str(dead.pid) not in refusal(tmp_path / "locks", tmp_path)


def test_control_characters_of_a_purpose_are_not_shown(tmp_path: Path) -> None:
    """A purpose cannot write to the terminal of who waits."""
    with FileLocks(tmp_path / "locks").view(tmp_path, "in\x1b[2Jdexing\n", 0.0):
        assert "has been in?[2Jdexing? " in refusal(tmp_path / "locks", tmp_path)


def test_a_removed_lock_folder_is_made_again(tmp_path: Path) -> None:
    """Removing the lock files by hand is not needed and does no harm to who comes after."""
    locks = FileLocks(tmp_path / "locks")
    with locks.view(tmp_path, "indexing", 0.0):
        pass
    for file in (tmp_path / "locks").iterdir():
        file.unlink()
    (tmp_path / "locks").rmdir()
    with locks.view(tmp_path, "indexing", 0.0), pytest.raises(StoreBusy):
        locks.view(tmp_path, "searching", 0.0).__enter__()


def test_a_folder_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    """Where no lock can be made nothing is done unlocked."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the lock"):
        FileLocks(tmp_path / "file").view(tmp_path, "indexing", 0.0).__enter__()
