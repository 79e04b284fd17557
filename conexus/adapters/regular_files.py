# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads regular files and nothing else: no link where none is wanted, no device, no FIFO that blocks."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType

_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# Folders on the way are only passed through, which Linux does in half the time.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_LIST_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_MOST_OPEN = 32  # folders; a process may have some 1,000 files open
_MOST_LINKS = 40  # as the system itself follows
_MAX_PATH_BYTES = 4_096  # as the system itself takes
_BLOCK_BYTES = 1 << 20
_LEAST_BYTES = 1 << 12  # a file of the kernel has no size, and is more than that seldom


def read_regular(path: str | os.PathLike[str], limit: int, *, follow: bool = True) -> bytes | None:
    """Return the first ``limit`` bytes of a file, or ``None`` where it is missing, unreadable or not regular.

    Args:
        path: The file.
        limit: Most bytes to return.
        follow: Whether the last part of the path may be a symlink.
    """
    try:
        descriptor = os.open(path, _READ_FLAGS | (0 if follow else os.O_NOFOLLOW))
        try:
            return _read(descriptor, limit, os.fstat(descriptor))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None


def read_inside(root: str, path: str, limit: int) -> bytes:
    """Return the first ``limit`` bytes of a file below ``root``, following no symlink on the way.

    Every folder is opened from the one above it, so that a path swapped for a link meanwhile
    leads nowhere.

    Raises:
        OSError: It is missing or unreadable, no regular file, or reached through a link or ``..``.
    """
    return read_inside_with_state(root, path, limit)[1]


def read_below(root: str | os.PathLike[str], path: str, limit: int) -> bytes | None:
    """Read as :func:`read_inside` does; return ``None`` where that raises."""
    try:
        return read_inside(os.fspath(root), path, limit)
    except OSError:
        return None


def read_inside_with_state(root: str, path: str, limit: int) -> tuple[os.stat_result, bytes]:
    """Read as :func:`read_inside` does; also return the state of the file as it was right before.

    Raises:
        OSError: As for :func:`read_inside`.
    """
    folder = _open_folder(root, path)
    try:
        descriptor = os.open(path.rpartition("/")[2], _READ_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    finally:
        os.close(folder)
    try:
        state = os.fstat(descriptor)
        return state, _read(descriptor, limit, state)
    finally:
        os.close(descriptor)


def stat_inside(root: str, path: str) -> os.stat_result:
    """Return the state of what lies at ``path`` below ``root``; a symlink is not followed, wherever it stands.

    Raises:
        OSError: It is missing, or reached through a link or ``..``.
    """
    folder = _open_folder(root, path)
    try:
        return os.stat(path.rpartition("/")[2], dir_fd=folder, follow_symlinks=False)
    finally:
        os.close(folder)


def states_inside(root: str, paths: Iterable[str]) -> dict[str, os.stat_result]:
    """Return by path what :func:`stat_inside` returns of each, without those of which it raises."""
    found = {}
    with OpenFolders(root, _FOLDER_FLAGS) as folders:
        for path in sorted(paths):  # so that folders are opened once
            with suppress(OSError):
                folder, name = _split(path)
                found[path] = os.stat(name, dir_fd=folders.descriptor(folder), follow_symlinks=False)
    return found


class OpenFolders:
    """The folders of a tree, each opened from the one above it: one swapped for a link meanwhile leads nowhere.

    Those above the last one stay open, as far as there are not too many.

    Args:
        root: Path of the tree.
        flags: How folders are opened; to be listed unless something else is said.
    """

    def __init__(self, root: str, flags: int = _LIST_FLAGS) -> None:
        self._root = root
        self._flags = flags
        self._open: list[tuple[str, int]] = []

    def __enter__(self) -> OpenFolders:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close all of them."""
        while self._open:
            os.close(self._open.pop()[1])

    def descriptor(self, folder: str) -> int:
        """Return a folder, open until the next one is asked for.

        Args:
            folder: Path from the root; empty, or ending in ``/``.

        Raises:
            OSError: It is missing or unreadable, no folder, reached through a link, or its path is too long.
        """
        if len(os.fsencode(f"{self._root}/{folder}")) >= _MAX_PATH_BYTES:
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), folder)
        while self._open and not folder.startswith(self._open[-1][0]):
            os.close(self._open.pop()[1])
        if not self._open:
            self._open.append(("", os.open(self._root, self._flags)))
        above, descriptor = self._open[-1]
        for part in folder[len(above) :].split("/")[:-1]:
            descriptor = os.open(part, self._flags | os.O_NOFOLLOW, dir_fd=descriptor)
            above = f"{above}{part}/"
            self._open.append((above, descriptor))
            if len(self._open) > _MOST_OPEN:
                os.close(self._open.pop(1)[1])
        return descriptor


def target_inside(root: str, path: str) -> str | None:
    """Return where a link below ``root`` leads, as a path from there; ``None`` where that is outside.

    Of what lies outside nothing is looked at, so that nobody learns what is there.

    Raises:
        OSError: There is nothing, or (``ELOOP``) it leads in a circle.
    """
    found: list[str] = []
    left = path.split("/")[::-1]
    links = 0
    while left:
        part = left.pop()
        if part == ".." and not found:
            return None
        if part == "..":
            found.pop()
        elif part not in {"", "."}:
            target = _link_at(root, "/".join((*found, part)))
            if target is None:
                found.append(part)
                continue
            links += 1
            if links > _MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            if target.startswith("/"):
                if not f"{target}/".startswith(f"{root.rstrip('/')}/"):
                    return None
                found, target = [], target[len(root) :]
            left += target.split("/")[::-1]
    return "/".join(found)


def _link_at(root: str, path: str) -> str | None:
    """Return the text of a link, or ``None`` of anything else.

    Raises:
        OSError: There is nothing.
    """
    folder = _open_folder(root, path)
    name = path.rpartition("/")[2]
    try:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return os.readlink(name, dir_fd=folder)
        return None
    finally:
        os.close(folder)


def _open_folder(root: str, path: str) -> int:
    """Open the folder that holds ``path``."""
    folder, _ = _split(path)
    descriptor = os.open(root, _FOLDER_FLAGS)
    for part in folder.split("/")[:-1]:
        try:
            below = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _split(path: str) -> tuple[str, str]:
    """Return the folder of a path, empty or ending in ``/``, and the name in it.

    Raises:
        OSError: It is no path inside a root.
    """
    if "\0" in path or not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise OSError(errno.EINVAL, "Not a path inside the root", path)
    folder, slash, name = path.rpartition("/")
    return folder + slash, name


def _read(descriptor: int, limit: int, state: os.stat_result) -> bytes:
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    blocks: list[bytes] = []
    left = limit
    # One byte more than the size is asked for, so that one more call sees the end.
    size = max(state.st_size + 1, _LEAST_BYTES)
    while left > 0 and (block := os.read(descriptor, min(left, size))):
        blocks.append(block)
        left -= len(block)
        size = _LEAST_BYTES if size == state.st_size + 1 else _BLOCK_BYTES
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)
