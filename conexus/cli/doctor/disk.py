# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks of the data folder's file system, of the folder for temporary files, and of the clock."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import shlex
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from conexus import data_folder
from conexus.adapters import config_files
from conexus.adapters.mounts import remote_mount
from conexus.adapters.sqlite_connection import journal_of
from conexus.cli import console
from conexus.cli.doctor.findings import Doubtful
from conexus.config import Config
from conexus.errors import ConexusError, StoreError

NOTHING_KEPT = "nothing is kept on disk (store.path is :memory:)"
MOST_FILES = 10_000
_LOW_BYTES = 1_000_000_000
_LOW_TEMPORARY_BYTES = 100_000_000
_SKEW_S = 5.0  # file times may have steps of 2 s
_FUTURE_S = 60.0
_ODD_NS = 123_456_789
_STEPS_NS = (1, 100, 1_000, 1_000_000, 10_000_000, 1_000_000_000, 2_000_000_000)
_ELSEWHERE = "set CONEXUS_HOME to a folder on a disk of this machine (ext4, xfs, btrfs or APFS)"


def data_files(folder: Path) -> Iterator[Path]:
    """Yield what is in the data folder, to a depth of two and a number."""
    yield from islice((path for pattern in ("*", "*/*") for path in sorted(folder.glob(pattern))), MOST_FILES)


def check_data_folder(config: Config) -> str:
    """Whether the data folder can be written, has room, and lies where locks and databases work."""
    folder = data_folder.kept_in(config)
    if folder is None:
        return NOTHING_KEPT
    data_folder.make_private(folder)
    with _told(folder):
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        usage = shutil.disk_usage(folder)
        if usage.free == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _require_local(folder)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".doctor-") as place:
            _try_files(Path(place))
            _try_database(Path(place))
    free, least = usage.free, config.store.min_free_mb * 1_000_000
    if free < least:
        raise StoreError(
            f"{folder} has {console.size(free)} free; indexing stops below {console.size(least)} (store.min_free_mb)",
            hint="free some space, for instance with: conexus gc",
        )
    if free < _LOW_BYTES:
        raise Doubtful(
            f"{folder} has {console.size(free)} free, which is little",
            hint="free some space, for instance with: conexus gc",
        )
    return f"{folder}, {console.size(free)} free; files, renames, memory maps and databases work there"


def _require_local(folder: Path) -> None:
    remote = remote_mount(folder)
    if remote is not None:
        raise StoreError(
            f"{folder} lies on a remote file system ({remote.kind} at {remote.point}), where the databases of several "
            "processes get damaged",
            hint=_ELSEWHERE,
        )


@contextlib.contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Turn what the system says into what to do."""
    try:
        yield
    except OSError as exc:
        reason = exc.strerror or str(exc)
        said = {
            errno.EROFS: (f"{folder} lies on a read-only file system", "mount it writable, or " + _elsewhere()),
            errno.ENOSPC: (f"the disk of {folder} is full", "free some space, for instance with: conexus gc"),
            errno.EDQUOT: (f"the quota for {folder} is used up", "free some space, for instance with: conexus gc"),
            errno.EACCES: (f"{folder} cannot be written: {reason}", f"chmod u+rwx {shlex.quote(str(folder))}"),
        }
        message, hint = said.get(exc.errno or 0, (f"the file system of {folder} fails: {reason}", _ELSEWHERE))
        raise StoreError(message, hint=hint) from exc


def _elsewhere() -> str:
    return "set CONEXUS_HOME to a folder you can write"


def _try_files(place: Path) -> None:
    """Write, bring to disk, put a file in the place of another, and read a shared map."""
    new, old = place / "new", place / "old"
    old.write_bytes(b"old")
    with new.open("w+b") as stream:
        stream.write(b"new" + bytes(mmap.PAGESIZE))
        stream.flush()
        os.fsync(stream.fileno())
        with mmap.mmap(stream.fileno(), mmap.PAGESIZE) as shared:
            shared[:3] = b"map"
            shared.flush()
    new.replace(old)
    handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    if old.read_bytes()[:3] != b"map" or new.exists():
        raise StoreError("what was written to the data folder is not what is read from it", hint=_ELSEWHERE)


def _try_database(place: Path) -> None:
    """Have two connections share a database as the catalog is shared."""
    path = place / "try.sqlite"
    journal = journal_of(str(path))
    try:
        with contextlib.closing(sqlite3.connect(path)) as one, contextlib.closing(sqlite3.connect(path)) as other:
            (mode,) = one.execute(f"PRAGMA journal_mode = {journal}").fetchone()
            with one:
                one.execute("CREATE TABLE t (v)")
                one.execute("INSERT INTO t VALUES (1)")
            found = other.execute("SELECT v FROM t").fetchall()
    except sqlite3.Error as exc:
        raise StoreError(f"a database cannot be kept in {place.parent}: {exc}", hint=_ELSEWHERE) from exc
    if mode != journal.lower() or found != [(1,)]:
        raise StoreError(f"a database in {place.parent} cannot be shared (journal mode {mode})", hint=_ELSEWHERE)


def check_temporary_folder() -> str:
    """Whether the folder for temporary files is the one that is asked for, can be written, and is safe."""
    asked = config_files.current_environ().get("TMPDIR", "")
    try:
        folder = Path(tempfile.gettempdir())
    except FileNotFoundError as exc:
        raise ConexusError(
            "no folder for temporary files can be written", hint="set TMPDIR to a folder you can write"
        ) from exc
    if asked and Path(asked).absolute() != folder.absolute():
        raise ConexusError(
            f"TMPDIR is {asked}, which cannot be written; {folder} is taken",
            hint="set TMPDIR to a folder you can write",
        )
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise ConexusError(
            f"in {folder} everybody can replace the files of others", hint=f"chmod +t {shlex.quote(str(folder))}"
        )
    with tempfile.TemporaryFile(dir=folder) as stream:
        stream.write(bytes(mmap.PAGESIZE))
    free = shutil.disk_usage(folder).free
    if free < _LOW_TEMPORARY_BYTES:
        raise Doubtful(f"{folder} has {console.size(free)} free", hint="free some space there, or set TMPDIR")
    return f"{folder}, {console.size(free)} free"


def check_clock(config: Config) -> str:
    """Whether the clock agrees with that of the file system, and nothing in the data folder is from the future."""
    folder = data_folder.kept_in(config)
    if folder is None:
        return NOTHING_KEPT
    data_folder.make_private(folder)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as probe:
        before = time.time()
        probe.write(b"x")
        probe.flush()
        ahead_s = before - os.fstat(probe.fileno()).st_mtime
        step_ns = _step_ns(Path(probe.name))
    if abs(ahead_s) > _SKEW_S:
        how = "ahead of" if ahead_s > 0 else "behind"
        raise ConexusError(
            f"the clock is {abs(ahead_s):,.0f} s {how} that of the file system of {folder}",
            hint="set the clocks of this machine and of the one that keeps the files by NTP",
        )
    now = time.time()
    late = [path for path in data_files(folder) if _mtime(path) > now + _FUTURE_S]
    if late:
        raise ConexusError(
            f"the clock is behind, or was ahead: {late[0]} was written in the future ({len(late):,} files)",
            hint=f"set the clock; if it is right now: find {shlex.quote(str(folder))} -exec touch {{}} +",
        )
    return f"as the file system's, which keeps times in steps of {_shown_step(step_ns)}"


def _mtime(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:  # it was for a moment
        return 0.0


def _step_ns(path: Path) -> int:
    """Return in what steps a file system keeps times: what it makes of an odd one."""
    odd = 1_600_000_001 * 1_000_000_000 + _ODD_NS
    os.utime(path, ns=(odd, odd))
    kept = path.stat().st_mtime_ns
    return next((step for step in _STEPS_NS if odd - odd % step == kept), _STEPS_NS[-1])


def _shown_step(step_ns: int) -> str:
    return f"{step_ns / 1e9:.0f} s" if step_ns >= 1e9 else f"{step_ns:,} ns"  # noqa: PLR2004 -- a second
