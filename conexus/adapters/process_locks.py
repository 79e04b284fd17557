# SPDX-License-Identifier: FSL-1.1-MIT
"""Locks between processes, as ``flock`` on one file a working tree.

The system lets go of such a lock when its process ends, however it ends, so that no lock file ever has to
be removed by hand: the files stay and mean nothing by themselves. What a holder writes into its file is
read only while the lock is held, by whoever waits, to say for whom.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from conexus.adapters.free_space import NO_WRITES_HINT
from conexus.adapters.process_state import process_state
from conexus.errors import StoreBusy, StoreError
from conexus.values import dataclass

_POLL_S: Final = 0.02
_NOTE_BYTES: Final = 4_096
_PURPOSE_CHARS: Final = 80


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock."""

    pid: int
    purpose: str
    """As ``indexing``; printable."""
    held_s: float

    @property
    def is_stopped(self) -> bool:
        """Whether it will not let go of it."""
        state = process_state(self.pid)
        return state is not None and state.is_stopped


class FileLocks:
    """Locks of all processes that name the same folder, and of their threads.

    Args:
        folder: Where the lock files are; made when the first is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextlib.contextmanager
    def view(self, root: Path, purpose: str, wait_s: float, of: str = "") -> Iterator[None]:
        """Hold the index of one working tree alone; see :meth:`conexus.ports.Locks.view`.

        Not re-entrant: a thread that holds the lock and asks again waits for itself.

        Raises:
            StoreBusy: Another process or thread held it all that time; the message names it.
            StoreError: The lock file cannot be made.
        """
        root = root.resolve()
        lock = self._acquired(root, of or root, time.monotonic() + wait_s)
        try:
            _write_note(lock, purpose)
            yield
        finally:
            # An explicit release counts for children too that inherited the handle; closing alone would not.
            fcntl.flock(lock, fcntl.LOCK_UN)
            lock.close()

    def holders(self) -> list[Holder]:
        """Return who holds locks of this folder now, as far as they say."""
        found = []
        for path in sorted(self._folder.glob("*.lock")):
            try:
                lock = os.fdopen(os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC), "r+b", buffering=0)
            except OSError:
                continue
            with lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except OSError:
                    found.append(_noted(lock))
        return [holder for holder in found if holder is not None]

    def _acquired(self, root: Path, of: str | Path, until: float) -> IO[bytes]:
        """Return the locked file, the one that is found under its name now."""
        path = self._folder / f"{hashlib.sha256(os.fsencode(of)).hexdigest()}.lock"
        while True:
            lock = self._opened(path)
            if lock.name == os.devnull:
                return lock  # and is not taken
            try:
                _acquire(lock, root, until)
                # Whoever cleared the data folder meanwhile has left us a lock that nobody else will meet.
                if path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
                    return lock
            except FileNotFoundError:
                pass
            except BaseException:
                lock.close()
                raise
            lock.close()

    def _opened(self, path: Path) -> IO[bytes]:
        """Open the lock, made if it is not there.

        On a disk that can only be read one that is not there is not needed, and not taken: nobody can write.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b", buffering=0)
        except OSError as exc:
            if exc.errno == errno.EROFS:
                with contextlib.suppress(OSError):
                    return Path(path if path.exists() else os.devnull).open("rb", buffering=0)
            raise StoreError(f"cannot make the lock {path}: {exc.strerror}", hint=NO_WRITES_HINT) from exc


def _acquire(lock: IO[bytes], root: Path, until: float) -> None:
    """Take the lock, asking again and again until a moment of the monotonic clock."""
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left_s = until - time.monotonic()
            if left_s <= 0:
                raise StoreBusy(
                    _holder(lock, root), hint="Wait for it to end, or set store.lock_wait_s higher."
                ) from None
            time.sleep(min(_POLL_S, left_s))
        except OSError as exc:
            raise StoreError(f"cannot lock {root}: {exc.strerror}") from exc
        else:
            return


def _write_note(lock: IO[bytes], purpose: str) -> None:
    """Say who holds the lock. A full disk costs the note, not the lock."""
    note = {"pid": os.getpid(), "purpose": purpose[:_PURPOSE_CHARS], "since": time.time()}
    with contextlib.suppress(OSError):
        lock.truncate(0)
        os.pwrite(lock.fileno(), json.dumps(note).encode("ascii"), 0)


def _holder(lock: IO[bytes], root: Path) -> str:
    """Return who holds the lock and what for, as ``process 1234 has been indexing /src/a for 12 s``."""
    holder = _noted(lock)
    if holder is None:
        return f"another process is using the index of {root}"
    who = "another thread of this process" if holder.pid == os.getpid() else f"process {holder.pid}"
    return f"{who} has been {holder.purpose} {root} for {holder.held_s:.0f} s"


def _noted(lock: IO[bytes]) -> Holder | None:
    """Return who wrote into a lock that is held.

    The note is an earlier holder's, or empty, for the moment between taking the lock and writing it: one
    whose process is gone is not repeated.
    """
    try:
        note = json.loads(os.pread(lock.fileno(), _NOTE_BYTES, 0))
        pid, purpose, since = int(note["pid"]), str(note["purpose"]), float(note["since"])
        held_s = float(round(max(0.0, time.time() - since)))
    except (OSError, ValueError, OverflowError, RecursionError, KeyError, TypeError):
        return None
    if not is_alive(pid):
        return None
    shown = "".join(char if char.isprintable() else "?" for char in purpose[:_PURPOSE_CHARS])
    return Holder(pid, shown or "using", held_s)


def is_alive(pid: int) -> bool:
    """Return whether there is a process of this number."""
    if pid < 1:
        return False  # such a number would ask about a group of processes
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True  # it is another user's
    except (OSError, OverflowError):
        return False
    return True
