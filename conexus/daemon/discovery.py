# SPDX-License-Identifier: FSL-1.1-MIT
"""How clients find the daemon of a data folder: a lock that dies with it, its token, and where it listens.

Light on purpose: the terminal's commands and the MCP shim import it at their start.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from conexus import __version__
from conexus.errors import DaemonUnavailable, StoreError
from conexus.values import dataclass

_LOCK = "daemon.lock"
_STATE = "daemon.json"
_TOKEN = "daemon.token"  # noqa: S105 -- the name of a file
LOG = "daemon.log"
"""Where a daemon in the background logs."""
_TOKEN_BYTES = 32
_TOKEN_FORM = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_MAX_STATE_BYTES = 10_000
_PRIVATE = 0o077


@dataclass(frozen=True, slots=True)
class Address:
    """Where a daemon listens."""

    pid: int
    version: str
    http: str
    """For clients on this machine, as ``http://127.0.0.1:7520``: without TLS, by loopback."""
    grpc: str
    """As ``127.0.0.1:7521``; empty where there is none."""
    started_at: float
    catalog: int = 0
    """Number (inode) of the catalog that it has open."""
    token: str = ""
    """Kept in a file of its own, not with the rest."""


@contextlib.contextmanager
def claimed(data_dir: Path) -> Iterator[Callable[[], bool]]:
    """Be the daemon of a data folder.

    Yields:
        Whether the lock is there still: without it no client finds the daemon, and another one may start.

    Raises:
        DaemonUnavailable: Another one is.
        StoreError: The lock cannot be made.
    """
    try:
        handle = os.open(data_dir / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        raise StoreError(f"cannot make the lock {data_dir / _LOCK}: {exc.strerror}") from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            found = _state(data_dir)
            who = f"process {found.pid}" if found else "another process"
            raise DaemonUnavailable(
                f"a daemon runs already for {data_dir}: {who}", hint="stop it with: conexus daemon stop"
            ) from exc
        (data_dir / _STATE).unlink(missing_ok=True)  # an earlier daemon's
        yield lambda: os.fstat(handle).st_ino == file_number(data_dir / _LOCK)
    finally:
        os.close(handle)


def file_number(path: Path) -> int:
    """Return the number (inode) of a file; 0 where there is none."""
    try:
        return path.stat().st_ino
    except OSError:
        return 0


def publish(data_dir: Path, address: Address) -> None:
    """Write down where the daemon listens. The caller holds :func:`claimed`."""
    entry = asdict(address)
    del entry["token"]
    _write_private(data_dir / _STATE, json.dumps(entry).encode())


def keep_published(data_dir: Path, address: Address) -> None:
    """Write down again where the daemon listens, should the file be gone or damaged."""
    if _state(data_dir) != replace(address, token=""):
        with contextlib.suppress(StoreError):
            publish(data_dir, address)


def withdraw(data_dir: Path) -> None:
    """Take back what :func:`publish` wrote."""
    (data_dir / _STATE).unlink(missing_ok=True)


def token_of(data_dir: Path) -> str:
    """Return the daemon's token, made if there is none.

    Raises:
        StoreError: The file cannot be read or made, or others may read it.
    """
    path = data_dir / _TOKEN
    found = _token(path)
    if found is None:
        _write_private(path, secrets.token_urlsafe(_TOKEN_BYTES).encode())
        found = _token(path)
    if found is None:
        raise StoreError(f"{path} holds no token", hint=f"delete it and try again: {path}")
    return found


def token_file(data_dir: Path) -> Path:
    """Return where the token is."""
    return data_dir / _TOKEN


def find(data_dir: Path) -> Address | None:
    """Return where the daemon of a data folder listens, or ``None`` where none runs (or not yet)."""
    if not is_running(data_dir):
        return None
    address = _state(data_dir)
    token = _token(data_dir / _TOKEN)
    if address is None or token is None:
        return None
    return replace(address, token=token)


def is_running(data_dir: Path) -> bool:
    """Whether a process holds the lock: unlike a number in a file, a lock ends with its process."""
    try:
        handle = os.open(data_dir / _LOCK, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _state(data_dir: Path) -> Address | None:
    try:
        with (data_dir / _STATE).open("rb") as stream:
            found = json.loads(stream.read(_MAX_STATE_BYTES))
        return Address(
            int(found["pid"]),
            str(found["version"]),
            str(found["http"]),
            str(found["grpc"]),
            float(found["started_at"]),
            int(found.get("catalog", 0)),
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _token(path: Path) -> str | None:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise StoreError(f"cannot read {path}: {exc.strerror}") from exc
    with os.fdopen(handle, "rb") as stream:
        state = os.fstat(stream.fileno())
        if state.st_mode & _PRIVATE or state.st_uid != os.geteuid():
            raise StoreError(f"others can read {path}", hint=f"delete it, then start the daemon again: rm {path}")
        text = stream.read(200).decode("ascii", "replace").strip()
    return text if _TOKEN_FORM.fullmatch(text) else None


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # made with mode 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise StoreError(f"cannot write {path}: {exc.strerror}") from exc


def is_same_version(address: Address) -> bool:
    """Whether a daemon is of this version of Conexus."""
    return address.version == __version__
