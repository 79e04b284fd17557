# SPDX-License-Identifier: FSL-1.1-MIT
"""A disk that notes every write and every flush, so that a power cut can be had at any moment of them.

``python logged_disk.py MOUNTPOINT IMAGE LOG`` mounts a file system (FUSE) of one file, ``disk``, which has the content
of the image, and writes ``ready``. A loop device on that file is the disk: its writes and its flushes come here, and
are answered once they are in the log. Where this program ends, the disk is gone.
"""

from __future__ import annotations

import ctypes
import errno
import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

_ENTRY = struct.Struct("<cQI")  # a write or a flush, where, how many bytes follow
_WRITE, _FLUSH = b"W", b"F"
_SECTORS = 4_096  # what a disk writes as a whole

# Of the kernel's fuse.h.
_IN, _OUT = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITING, _STATFS = 1, 2, 3, 4, 14, 15, 16, 17
_RELEASE, _FSYNC, _FLUSHING, _INIT, _OPENDIR, _RELEASEDIR, _FORGETS = 18, 20, 25, 26, 27, 29, 42
_DISK = 2  # the root is 1
_MAX_BYTES = 1 << 20
_ASYNC_READ, _BIG_WRITES, _MAX_PAGES = 1 << 0, 1 << 5, 1 << 22
_FOREVER_S = 1 << 30
_MINOR = 31  # the version of the protocol that this speaks
_WRITE_HEAD = 40
_EMPTY = {_OPEN: bytes(16), _OPENDIR: bytes(16), _RELEASE: b"", _RELEASEDIR: b"", _FLUSHING: b"", _STATFS: bytes(80)}
"""What is answered to what needs no thought."""


class LoggedDisk:
    """Serves one file and notes what is done to it."""

    def __init__(self, mountpoint: Path, image: Path, log: Path) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._size = os.fstat(self._image).st_size
        self._kernel = os.open("/dev/fuse", os.O_RDWR)
        options = f"fd={self._kernel},rootmode=40000,user_id=0,group_id=0"
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mount(b"logged", bytes(mountpoint), b"fuse.logged", 0, options.encode()):
            raise OSError(ctypes.get_errno(), f"cannot mount {mountpoint}")

    def serve(self) -> None:
        """Answer until the file system is unmounted."""
        while True:
            try:
                request = os.read(self._kernel, _MAX_BYTES + 8_192)
            except OSError as exc:
                if exc.errno == errno.ENODEV:
                    return
                if exc.errno in {errno.EINTR, errno.ENOENT}:
                    continue
                raise
            _, opcode, unique, node, *_ = _IN.unpack_from(request)
            if opcode in {_FORGET, _FORGETS}:
                continue
            answer = self._answer(opcode, node, request[_IN.size :])
            code, content = (-answer, b"") if isinstance(answer, int) else (0, answer)
            os.write(self._kernel, _OUT.pack(_OUT.size + len(content), code, unique) + content)

    def _answer(self, opcode: int, node: int, body: bytes) -> bytes | int:
        """Return what a request gets: content, or the number of an error."""
        if opcode == _LOOKUP:
            return self._entry() if body == b"disk\0" else errno.ENOENT
        if opcode in {_GETATTR, _SETATTR}:
            return struct.pack("<QII", _FOREVER_S, 0, 0) + self._attributes(node)
        answers = {_INIT: self._begin, _WRITING: self._write, _READ: self._read, _FSYNC: self._flush}
        return answers[opcode](body) if opcode in answers else _EMPTY.get(opcode, errno.ENOSYS)

    def _begin(self, body: bytes) -> bytes:
        major, _, readahead, _ = struct.unpack_from("<IIII", body)
        flags = _ASYNC_READ | _BIG_WRITES | _MAX_PAGES
        head = (major, _MINOR, readahead, flags, 16, 12, _MAX_BYTES, 1, _MAX_BYTES // 4_096, 0)
        return struct.pack("<IIIIHHIIHH", *head) + bytes(32)

    def _write(self, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        content = body[_WRITE_HEAD : _WRITE_HEAD + size]
        self._note(_WRITE, offset, content)
        os.pwrite(self._image, content, offset)
        return struct.pack("<II", size, 0)

    def _read(self, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(self._image, size, offset)

    def _flush(self, _body: bytes) -> bytes:
        self._note(_FLUSH, 0, b"")
        return b""

    def _entry(self) -> bytes:
        return struct.pack("<QQQQII", _DISK, 0, _FOREVER_S, _FOREVER_S, 0, 0) + self._attributes(_DISK)

    def _attributes(self, node: int) -> bytes:
        mode, size = (0o100600, self._size) if node == _DISK else (0o040700, 0)
        return _ATTR.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4_096, 0)

    def _note(self, kind: bytes, offset: int, content: bytes) -> None:
        os.write(self._log, _ENTRY.pack(kind, offset, len(content)) + content)


def _entries(log: Path, end: int) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield what a log has up to a position; an entry that is not all there was never answered."""
    with log.open("rb") as stream:
        while stream.tell() + _ENTRY.size <= end:
            kind, offset, size = _ENTRY.unpack(stream.read(_ENTRY.size))
            if stream.tell() + size > end:
                return
            yield kind, offset, stream.read(size)


def ends(log: Path) -> list[int]:
    """Return the size of a log after each of its entries."""
    sizes = [_ENTRY.size + len(content) for _, _, content in _entries(log, log.stat().st_size)]
    return list(accumulate(sizes))


def cut(base: Path, log: Path, end: int, chance: random.Random, image: Path) -> dict[str, int]:
    """Make the image of a disk whose power was cut.

    It has all that was written before its last flush. What was written later was in its cache: of that any part may be
    on it, in blocks of 4 KB, and the rest is lost.

    Args:
        base: The disk as it was at the beginning.
        log: What happened to it.
        end: Size of the log at the cut.
        chance: Chooses what of the cache is lost.
        image: Where the disk is to be made.

    Returns:
        How many flushes there were, and how many blocks were kept and lost after the last.
    """
    flushes = sum(kind == _FLUSH for kind, _, _ in _entries(log, end))
    share = chance.choice((0.0, chance.random(), 1.0))
    passed = kept = lost = 0
    subprocess.run(["cp", "--sparse=always", base, image], check=True)
    with image.open("r+b", buffering=0) as disk:
        for kind, offset, content in _entries(log, end):
            passed += kind == _FLUSH
            for start in range(0, len(content), _SECTORS):
                if passed < flushes or chance.random() < share:
                    os.pwrite(disk.fileno(), content[start : start + _SECTORS], offset + start)
                    kept += passed == flushes
                else:
                    lost += 1
    return {"flushes": flushes, "kept": kept, "lost": lost}


if __name__ == "__main__":
    served = LoggedDisk(*map(Path, sys.argv[1:4]))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    served.serve()
