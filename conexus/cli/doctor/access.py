# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks of who may read what Conexus keeps, and of the locks between its processes."""

from __future__ import annotations

import fcntl
import os
import shlex
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from conexus import data_folder
from conexus.adapters import config_files
from conexus.adapters.config_files import DEFAULTS, SECRET_SETTINGS
from conexus.adapters.engine_orphans import EngineSeen, engines_of
from conexus.adapters.process_locks import FileLocks, Holder
from conexus.cli import console
from conexus.cli.doctor.disk import NOTHING_KEPT, data_files
from conexus.config import Config
from conexus.daemon import discovery
from conexus.errors import ConexusError, StoreError

_OTHERS = 0o077
_OTHERS_WRITE = 0o022
_FREED_S = 10.0
_HOLD = (
    "import fcntl, sys\n"
    "stream = open(sys.argv[1], 'rb')\n"
    "fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)\n"
    "print('held', flush=True)\n"
    "sys.stdin.read()\n"
)


# -------------------------------------------------------------------------- permissions


def check_permissions(config: Config) -> str:
    """Whether data folder, token, settings and keys are this user's and nobody else can read them."""
    folder = data_folder.kept_in(config)
    looked_at = 0
    if folder is not None:
        data_folder.make_private(folder)
        for path in (folder, *data_files(folder)):
            _require_own(path)
            looked_at += 1
        require_usable(folder)
        _require_private(folder, "the data folder")
        _require_private(discovery.token_file(folder), "the daemon's token")
        _require_safe_parent(folder)
    settings = config_files.user_config_path(config_files.current_environ())
    for path, what, forbidden in _own_files(config, settings):
        _require_private(path, what, forbidden)
        looked_at += path.exists()
    return f"{console.count(looked_at, 'file')} are yours; nobody else can read tokens, keys and indexes"


def _own_files(config: Config, settings: Path) -> Iterator[tuple[Path, str, int]]:
    """Yield files of settings: the path, what it is, and what others must not be able to do with it."""
    loaded = config_files.load(config_files.current_environ(), None, {})
    holds_secret = any(loaded.origins[name].startswith("user file") for name in SECRET_SETTINGS if name in DEFAULTS)
    yield (
        settings,
        "the settings file" + (", which holds a secret", "")[not holds_secret],
        (_OTHERS if holds_secret else _OTHERS_WRITE),
    )
    if config.daemon.tls_key:
        yield Path(config.daemon.tls_key), "the key of the daemon's certificate", _OTHERS


def _require_own(path: Path) -> None:
    """Make sure that a file is this user's: what root once made is nobody else's to write."""
    try:
        owner = path.lstat().st_uid
    except OSError:  # it was for a moment
        return
    user = os.geteuid()
    if owner != user:
        take = f"sudo chown -R {user} {shlex.quote(str(path))}"
        raise StoreError(
            f"{path} belongs to user {owner}, and you are user {user}",
            hint=take if user else f"run Conexus as user {owner}, not as root; or: {take}",
        )


def require_usable(path: Path) -> None:
    """Make sure that this user can read and write what is kept at a path; it need not be there."""
    for found in data_folder.unusable(path):
        mode = stat.S_IMODE(found.lstat().st_mode)
        raise StoreError(
            f"{found} has mode {mode:04o}: you cannot read and write it",
            hint=f"chmod -R u+rwX {shlex.quote(str(path))}; or: conexus verify --repair",
        )


def _require_private(path: Path, what: str, forbidden: int = _OTHERS) -> None:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as exc:
        raise StoreError(
            f"{what} cannot be looked at: {path}: {exc.strerror}", hint=f"chmod u+x {shlex.quote(str(path.parent))}"
        ) from exc
    if mode & forbidden:
        can = "change" if mode & forbidden & _OTHERS_WRITE else "read"
        raise StoreError(
            f"others can {can} {what}: {path} has mode {mode:04o}", hint=f"chmod go-rwx {shlex.quote(str(path))}"
        )


def _require_safe_parent(folder: Path) -> None:
    mode = folder.parent.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise StoreError(
            f"everybody can put another folder in the place of {folder}",
            hint=f"chmod o-w {shlex.quote(str(folder.parent))}",
        )


# -------------------------------------------------------------------------------- locks


def check_locks(config: Config) -> str:
    """Whether a lock keeps another process out, ends with its holder, and none is held by who stands still."""
    folder = data_folder.kept_in(config)
    if folder is None:
        return NOTHING_KEPT
    data_folder.make_private(folder)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
        _try_lock(Path(probe.name), folder)
    require_usable(folder / "locks")
    holders = FileLocks(folder / "locks").holders()
    daemon = discovery.find(folder)
    if daemon is not None:
        holders.append(Holder(daemon.pid, "serving as the daemon", time.time() - daemon.started_at))
        if daemon.catalog not in {0, discovery.file_number(folder / data_folder.CATALOG_FILE)}:
            raise StoreError(
                f"the catalog in {folder} was deleted or replaced while the daemon, process {daemon.pid}, has it open",
                hint="put it back if you have it, then run `conexus daemon restart`; else index again after that",
            )
    for holder in holders:
        if holder.is_stopped:
            raise StoreError(
                f"process {holder.pid} ({holder.purpose}) stands still and holds a lock that others wait for",
                hint=f"let it go on: kill -CONT {holder.pid}; or end it: kill -9 {holder.pid}",
            )
    for engine in engines_of(folder / "vectors"):
        if engine.is_orphan or engine.is_stopped:
            raise StoreError(_of_engine(engine), hint=f"kill -9 {engine.pid}; another one is started when it is needed")
    held = "; ".join(f"process {one.pid} is {one.purpose} for {one.held_s:.0f} s" for one in holders)
    gone = "; their folder is gone, and is made anew when one is needed"
    is_lost = (folder / data_folder.CATALOG_FILE).exists() and not (folder / "locks").exists()
    return f"they exclude other processes and end with them; {held or 'none is held'}{gone if is_lost else ''}"


def _of_engine(engine: EngineSeen) -> str:
    """Say what is wrong with a process of the vector engine that holds indexes."""
    if engine.is_orphan:
        program = f"process {engine.program}, which is gone"
        return f"the vector engine of {program}, is left: process {engine.pid} holds indexes"
    return f"process {engine.pid} (the vector engine of process {engine.program}) stands still and holds indexes"


def _try_lock(path: Path, folder: Path) -> None:
    """Have another process take a lock, which this one must not get until that one is killed."""
    command = [sys.executable, "-I", "-S", "-c", _HOLD, str(path)]
    with path.open("rb") as ours:
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            if child.stdout is None or child.stdout.readline() != b"held\n":
                raise StoreError(f"a lock cannot be taken in {folder}", hint=_elsewhere(folder))
            if _is_free(ours.fileno()):
                raise StoreError(f"locks in {folder} do not keep other processes out", hint=_elsewhere(folder))
        finally:
            child.kill()
            child.communicate()
        until = time.monotonic() + _FREED_S
        while not _is_free(ours.fileno()):
            if time.monotonic() > until:
                raise StoreError(f"a lock in {folder} outlives its process", hint=_elsewhere(folder))
            time.sleep(0.01)


def _is_free(handle: int) -> bool:
    """Whether a lock could be had; it is given back at once."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as exc:
        raise ConexusError(f"locks do not work: {exc.strerror}", hint="set CONEXUS_HOME to a local disk") from exc
    fcntl.flock(handle, fcntl.LOCK_UN)
    return True


def _elsewhere(folder: Path) -> str:
    return f"set CONEXUS_HOME to a folder on a disk of this machine; {folder} is on one without safe locks"
