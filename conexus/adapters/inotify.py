# SPDX-License-Identifier: FSL-1.1-MIT
"""Tells what changes below a folder as Linux reports it, without following a link.

A link in a tree may lead anywhere: whoever follows it watches folders that are not of the tree, up to the whole disk.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import stat
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from conexus.adapters.regular_files import OpenFolders

_CLOEXEC, _NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_ATTRIB, _MODIFY, _WRITTEN, _MOVED_FROM, _MOVED_TO, _CREATED, _DELETED = 0x4, 0x2, 0x8, 0x40, 0x80, 0x100, 0x200
_OF_INTEREST = _ATTRIB | _MODIFY | _WRITTEN | _MOVED_FROM | _MOVED_TO | _CREATED | _DELETED | 0x400 | 0x800  # of itself
_ONLY_FOLDERS, _UNLINKED_NO_MORE = 0x01000000, 0x04000000
_OVERFLOW, _IGNORED, _IS_FOLDER = 0x4000, 0x8000, 0x40000000
_EVENT = struct.Struct("iIII")
_READ_BYTES = 1 << 18
_GIT, _IN_GIT = ".git", frozenset({"info"})  # of git's own files a few count, and none of thousands of objects


class FolderWatch:
    """Watches a folder and all folders below it.

    Args:
        root: The folder, without links in its path.
        is_left_out: Says of a path from the root, which ends in ``/``, whether a folder is not to be watched.

    Raises:
        OSError: There is no room for a further watch (``ENOSPC``) or watcher (``EMFILE``), or the folder is gone.
    """

    def __init__(self, root: str, is_left_out: Callable[[str], bool]) -> None:
        self._root = root
        self._is_left_out = is_left_out
        self._folders: dict[int, str] = {}
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._handle = self._checked(self._libc.inotify_init1(_CLOEXEC | _NONBLOCK))
        self._poll = select.poll()
        self._poll.register(self._handle, select.POLLIN)
        try:
            for _ in self._added(""):
                pass
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it. Idempotent."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def changes(self, wait_ms: int, quiet_ms: int, most_ms: int) -> set[str]:
        """Return the paths of what changed, from the root; the empty one where any may have.

        Args:
            wait_ms: How long to wait for something; then nothing is returned.
            quiet_ms: A burst is over when nothing happened for so long.
            most_ms: No burst is waited for longer.
        """
        found: set[str] = set()
        until = time.monotonic() + most_ms / 1000
        while self._poll.poll(quiet_ms if found else wait_ms):
            found.update(self._read())
            if time.monotonic() > until:
                break
        return found

    def _read(self) -> Iterator[str]:
        with suppress(BlockingIOError):
            data = os.read(self._handle, _READ_BYTES)
            at = 0
            while at < len(data):
                watch, mask, _, size = _EVENT.unpack_from(data, at)
                at += _EVENT.size + size
                name = os.fsdecode(data[at - size : at].rstrip(b"\0"))
                yield from self._told(watch, mask, name)

    def _told(self, watch: int, mask: int, name: str) -> Iterator[str]:
        """Yield the paths that one event is about."""
        if mask & _OVERFLOW:
            yield from self._added("")
            yield ""
            return
        folder = self._folders.get(watch)
        if mask & _IGNORED:
            self._folders.pop(watch, None)
        if folder is None or mask & _IGNORED:
            return
        yield folder + name if name else folder.rstrip("/")
        if mask & _IS_FOLDER and name:
            if mask & (_MOVED_FROM | _DELETED):
                self._forget(f"{folder}{name}/")
            if mask & (_MOVED_TO | _CREATED):
                yield from self._added(f"{folder}{name}/")

    def _forget(self, folder: str) -> None:
        """Watch a folder that was moved away no longer, nor what is in it."""
        for watch in [watch for watch, path in self._folders.items() if path.startswith(folder)]:
            self._libc.inotify_rm_watch(self._handle, watch)
            del self._folders[watch]

    def _added(self, folder: str) -> Iterator[str]:
        """Watch a folder and those below it; yield the files in them, which may have come before the watch.

        Raises:
            OSError: There is no room for a further watch.
        """
        with OpenFolders(self._root) as folders:
            pending = [folder]
            while pending:
                path = pending.pop()
                if self._is_left_out(path):
                    continue
                try:
                    descriptor = folders.descriptor(path)
                    self._watch(descriptor, path)
                    names = os.listdir(descriptor)  # noqa: PTH208 -- of a descriptor
                except OSError as exc:
                    if exc.errno == errno.ENOSPC or not path:
                        raise
                    continue  # gone, a link by now, not to be read, or with too long a path
                for name in names:
                    if not _is_folder(descriptor, name):
                        yield path + name
                    elif not _is_inside_git(path) or name in _IN_GIT:
                        pending.append(f"{path}{name}/")

    def _watch(self, descriptor: int, path: str) -> None:
        place = b"/proc/self/fd/%d" % descriptor  # the folder that was opened, whatever is in its place by now
        mask = _OF_INTEREST | _ONLY_FOLDERS | _UNLINKED_NO_MORE
        self._folders[self._checked(self._libc.inotify_add_watch(self._handle, place, mask))] = path

    def _checked(self, result: int) -> int:
        if result < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), self._root)
        return result


def _is_folder(parent: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except OSError:
        return False


def _is_inside_git(path: str) -> bool:
    return path == f"{_GIT}/" or path.endswith(f"/{_GIT}/") or f"/{_GIT}/" in path or path.startswith(f"{_GIT}/")
