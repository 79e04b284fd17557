# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads and writes the configuration files of other programs, as little and as carefully as can be.

A file is read whole, edited as text and put in place in one step, so that a program which reads it meanwhile
sees the old one or the new one. Nothing is written that was not first returned as an :class:`Edit`, and not if
the file has changed since. What cannot be read is never written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from pathlib import Path

from conexus.adapters.agent_entries import EntryError, EntryState, Server, state_of, with_entry, without_entry
from conexus.errors import ConexusError, SourceError
from conexus.values import dataclass

BACKUP_SUFFIX = ".conexus-backup"

_MAX_FILE_BYTES = 16_000_000  # Claude Code keeps its history in the same file, which grows to megabytes
_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_BOM = b"\xef\xbb\xbf"
_OWN_MODE, _SHARED_MODE = 0o600, 0o644
_OWN_FOLDER_MODE, _SHARED_FOLDER_MODE = 0o700, 0o755
_MODE_BITS = 0o777


@dataclass(frozen=True, slots=True)
class Target:
    """A configuration file and the server that is to be in it, or not."""

    path: Path
    """As the program names it."""
    server: Server
    home: Path
    root: Path | None = None
    """The project that the file belongs to; ``None`` for a user's own file."""


@dataclass(frozen=True, slots=True)
class Edit:
    """A change to a file that is not made yet."""

    target: Target
    real_path: Path
    """The file itself, where links led."""
    state: EntryState
    """Before the change."""
    before: bytes | None
    """``None`` where there is no file."""
    after: bytes | None
    """``None`` where the file goes."""

    @property
    def changes(self) -> bool:
        """Whether anything is to be done."""
        return self.before != self.after


def entry_state(target: Target) -> EntryState:
    """Return what a configuration says of the server; a file that is not there says nothing.

    Raises:
        SourceError: The file cannot be read.
    """
    before = _read(target.path)
    return EntryState.ABSENT if before is None else _translated(target, before)[0]


def edit_to_install(target: Target) -> Edit:
    """Return the change that puts the server's entry into a file.

    Raises:
        SourceError: The file cannot be read or edited, or lies where it must not be written.
    """
    real_path = _real_path(target)
    before = _read(target.path)
    state, text = _translated(target, b"" if before is None else before)
    try:
        after = with_entry(text, target.server)
    except EntryError as exc:
        raise _unusable(target, exc) from exc
    return Edit(target, real_path, state, before, before if after == text else _bytes(after, before))


def edit_to_remove(target: Target) -> Edit:
    """Return the change that takes the server's entry out of a file.

    Raises:
        SourceError: The file cannot be read or edited, or lies where it must not be written.
    """
    real_path = _real_path(target)
    before = _read(target.path)
    if before is None:
        return Edit(target, real_path, EntryState.ABSENT, None, None)
    state, text = _translated(target, before)
    try:
        after = without_entry(text, target.server)
    except EntryError as exc:
        raise _unusable(target, exc) from exc
    if after is None:
        return Edit(target, real_path, state, before, None)
    return Edit(target, real_path, state, before, before if after == text else _bytes(after, before))


def make(edit: Edit, *, backup: bool = False) -> Path | None:
    """Make a change. The file keeps its mode and, where that may be set, its owner.

    Args:
        edit: The change.
        backup: Whether to keep the file as it was beside it.

    Returns:
        The backup, or ``None`` if there is none.

    Raises:
        SourceError: The file has changed since the edit was made, or cannot be written. It is as it was.
    """
    target = edit.target
    if _real_path(target) != edit.real_path or _read(target.path) != edit.before:
        raise SourceError(f"{target.path} has changed meanwhile; nothing was written", hint="run the command again")
    kept: Path | None = None
    try:
        if backup and edit.before is not None:
            kept = edit.real_path.with_name(edit.real_path.name + BACKUP_SUFFIX)
            _put(kept, edit.before, edit.real_path, _OWN_MODE)
        if edit.before is not None and not os.access(edit.real_path, os.W_OK):
            raise SourceError(f"{edit.real_path} is read-only; nothing was written")
        if edit.after is None:
            edit.real_path.unlink()
            return kept
        folder_mode = _OWN_FOLDER_MODE if target.root is None else _SHARED_FOLDER_MODE
        _make_folder(edit.real_path.parent, folder_mode)
        _put(edit.real_path, edit.after, edit.real_path, _OWN_MODE if target.root is None else _SHARED_MODE)
    except OSError as exc:
        raise SourceError(f"{edit.real_path} cannot be written: {exc.strerror or exc}") from exc
    return kept


# --------------------------------------------------------------------- reading


def _read(path: Path) -> bytes | None:
    """Return a file's content, or ``None`` where there is none; never waits on a FIFO."""
    try:
        descriptor = os.open(path, _READ_FLAGS)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as exc:  # ValueError: a NUL in the path
        raise _unreadable(path, exc) from exc
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise SourceError(f"{path} is {what}, so it cannot be edited")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            found = file.read(_MAX_FILE_BYTES + 1)
    except OSError as exc:
        raise _unreadable(path, exc) from exc
    finally:
        os.close(descriptor)
    if len(found) > _MAX_FILE_BYTES:
        raise SourceError(f"{path} is larger than {_MAX_FILE_BYTES:,} bytes; that is no configuration")
    return found


def _unreadable(path: Path, error: Exception) -> ConexusError:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return SourceError(f"{path} cannot be read: {reason}")


def _translated(target: Target, content: bytes) -> tuple[EntryState, str]:
    """Return what a content says of the server, and its text."""
    try:
        text = content.removeprefix(_BOM).decode()
    except UnicodeDecodeError as exc:
        good = content.removeprefix(_BOM)[: exc.start]
        line, column = good.count(b"\n") + 1, len(good) - good.rfind(b"\n")
        raise _unusable(target, EntryError("not UTF-8", line, column)) from exc
    try:
        return state_of(text, target.server), text
    except EntryError as exc:
        raise _unusable(target, exc) from exc


def _unusable(target: Target, error: EntryError) -> ConexusError:
    place = f"{target.path}:{error.line}:{error.column}" if error.line else str(target.path)
    return SourceError(f"{place}: {error.reason}; nothing was written", hint="mend the file, then run this again")


def _bytes(text: str, before: bytes | None) -> bytes:
    return (_BOM if before is not None and before.startswith(_BOM) else b"") + text.encode()


# --------------------------------------------------------------------- writing


def _real_path(target: Target) -> Path:
    """Return where a file is, behind links, if it may be written there.

    A link of the user's own, as those who keep their configuration in a repository have, may lead anywhere in
    their home folder, or to a file that is there already. One in a project may be a stranger's: it may not lead
    out of the project.

    Raises:
        SourceError: It may not.
    """
    path = target.path.absolute()
    try:
        real = path.resolve()
        is_there = real.exists()
        within = real.is_relative_to((target.root or target.home).resolve())
        apart = not path.is_relative_to(target.home.absolute())
    except (OSError, RuntimeError, ValueError) as exc:
        if isinstance(exc, RuntimeError) or getattr(exc, "errno", 0) == errno.ELOOP:
            raise SourceError(f"{path} is a link that leads to itself") from exc
        raise _unreadable(path, exc) from exc
    if target.root is not None:
        if not within:
            raise SourceError(f"{path} is a link that leads out of the project, to {real}; nothing was written")
    elif not (within or is_there or apart):
        raise SourceError(f"{path} is a link that leads out of your home folder, to {real}, where nothing is")
    return real


def _make_folder(folder: Path, mode: int) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(mode)


def _put(path: Path, content: bytes, like: Path, mode: int) -> None:
    """Write a file in one step, with mode and owner of another, or with ``mode`` where that is not there."""
    try:
        known: os.stat_result | None = like.stat()
    except FileNotFoundError:
        known = None
    handle, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            if known is not None and (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):
                    os.fchown(file.fileno(), known.st_uid, known.st_gid)
            os.fchmod(file.fileno(), mode if known is None else stat.S_IMODE(known.st_mode) & _MODE_BITS)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
