# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads regular files and nothing else: no link where none is wanted, no device, no FIFO that blocks."""

from __future__ import annotations

import errno
import os
import stat

_READ_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# Folders on the way are only passed through, which Linux does in half the time.
_FOLDER_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
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


def _open_folder(root: str, path: str) -> int:
    """Open the folder that holds ``path``."""
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise OSError(errno.EINVAL, "Not a path inside the root", path)
    descriptor = os.open(root, _FOLDER_FLAGS)
    for part in parts[:-1]:
        try:
            below = os.open(part, _FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


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
