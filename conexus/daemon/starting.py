# SPDX-License-Identifier: FSL-1.1-MIT
"""Starts a daemon in the background, for `conexus daemon start` and for clients that need one.

Light on purpose, like :mod:`conexus.daemon.discovery`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from conexus.daemon import discovery
from conexus.daemon.discovery import Address
from conexus.errors import DaemonUnavailable

# -P: without it Python would import from the folder it is started in.
PROGRAM: Sequence[str] = (sys.executable, "-P", "-m", "conexus")
_WAIT_S = 60.0  # a second or two where nothing else runs
_POLL_S = 0.02
_MAX_LOG_BYTES = 10_000_000
_LAST_LINES = 5
_LAST_BYTES = 4_000


def ensure_running(data_dir: Path, *, automatic: bool, arguments: Sequence[str] = ()) -> tuple[Address, bool]:
    """Return where the daemon of a data folder listens, started if there is none, and whether it was started now.

    Args:
        data_dir: The folder, which is there.
        automatic: Whether it is to end by itself when nobody asks any more.
        arguments: Further ones for ``conexus serve``.

    Raises:
        DaemonUnavailable: It did not start; the message has the end of its log.
    """
    found = discovery.find(data_dir)
    if found is not None:
        return found, False
    log = data_dir / discovery.LOG
    _set_aside(log)
    command = [*PROGRAM, "serve", *(["--auto"] if automatic else []), *arguments]
    with log.open("ab") as stream:
        said_before = stream.tell()
        log.chmod(0o600)
        child = subprocess.Popen(  # noqa: S603 -- our own program
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            cwd="/",
        )
    return _awaited(data_dir, log, said_before, lambda: child.poll() is None), True


def _awaited(data_dir: Path, log: Path, said_before: int, lives: Callable[[], bool]) -> Address:
    until = time.monotonic() + _WAIT_S
    while time.monotonic() < until:
        lived = lives()
        found = discovery.find(data_dir)
        if found is not None:
            return found
        if not lived and not discovery.is_running(data_dir):
            raise DaemonUnavailable(
                f"the daemon did not start{_last_words(log, said_before)}", hint=f"its log is {log}"
            )
        time.sleep(_POLL_S)
    raise DaemonUnavailable(f"the daemon does not answer after {_WAIT_S:.0f} s", hint=f"its log is {log}")


def stop(data_dir: Path, address: Address, wait_s: float) -> bool:
    """End a daemon and wait for it; returns whether it has ended.

    Args:
        data_dir: Its data folder.
        address: Where it listens.
        wait_s: How long to wait before it is killed.
    """
    for number, seconds in ((signal.SIGTERM, wait_s), (signal.SIGKILL, 5.0)):
        try:
            os.kill(address.pid, number)
        except ProcessLookupError:
            return True
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if not discovery.is_running(data_dir):
                return True
            time.sleep(_POLL_S)
    return False


def _set_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > _MAX_LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))


def _last_words(log: Path, since: int) -> str:
    """Return what was written to a log from a place on."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(since, log.stat().st_size - _LAST_BYTES))
            lines = [line for line in stream.read().decode("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return ""
    if not lines:
        return " and wrote nothing into its log: `conexus doctor` looks at the disk"
    # What the command says of an error, else the last line.
    said = [line.removeprefix("error: ") for line in lines[-_LAST_LINES:] if line.startswith("error: ")]
    return f": {(said or lines)[-1]}"
