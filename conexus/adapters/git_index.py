# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads which paths git tracks from ``.git/index`` (format: git's own ``gitformat-index``, versions 2 to 4)."""

from __future__ import annotations

import os
import struct
from bisect import bisect_left
from dataclasses import field
from functools import cached_property
from pathlib import Path

from conexus.adapters.regular_files import read_regular
from conexus.values import dataclass

_MAX_BYTES = 1 << 30
_SIGNATURE = b"DIRC"
_HEADER_BYTES = 12
_STAT_BYTES = 40
_MODE_AT = 24  # within an entry
_EXTENDED = 0x4000
_LONG_NAME = 0xFFF
_KIND = 0o170000
_GITLINK = 0o160000
_SPARSE_FOLDER = 0o040000
_VERSIONS = (2, 3, 4)
_COMPRESSED_VERSION = 4
_EXTENSION_HEADER_BYTES = 8
_SHA1_BYTES = 20
_SHA256_BYTES = 32


class _Damaged(ValueError):
    """The file is no index that can be understood."""


@dataclass(frozen=True)
class TrackedPaths:
    """What git tracks, as paths from the root with surrogateescape."""

    files: frozenset[str] = field(default=frozenset())
    submodules: frozenset[str] = field(default=frozenset())

    @cached_property
    def _in_order(self) -> list[str]:
        return sorted(self.files)

    def any_below(self, folder: str) -> bool:
        """Whether a tracked file lies below a folder (path ending in ``/``)."""
        at = bisect_left(self._in_order, folder)
        return at < len(self._in_order) and self._in_order[at].startswith(folder)


def read_index(path: Path) -> TrackedPaths:
    """Return the tracked paths; none where the index is missing, unreadable or damaged.

    Of a split index the shared part counts whole, with what was removed since.
    """
    data = read_regular(path, _MAX_BYTES, follow=False)
    if data is None:
        return TrackedPaths()
    for oid_bytes in (_SHA1_BYTES, _SHA256_BYTES):
        try:
            files, submodules = _tracked(data, path, oid_bytes)
        except (ValueError, IndexError, struct.error):
            continue
        return TrackedPaths(_decoded(files), _decoded(submodules))
    return TrackedPaths()


def _decoded(names: list[bytes]) -> frozenset[str]:
    # All at once: this is a third of the time that a large index takes.
    return frozenset(os.fsdecode(b"\0".join(names)).split("\0")) if names else frozenset()


def _tracked(data: bytes, path: Path, oid_bytes: int) -> tuple[list[bytes], list[bytes]]:
    entries, end = _entries(data, oid_bytes)
    shared = _shared_index(data, end, oid_bytes)
    if shared:
        base = read_regular(path.with_name(f"sharedindex.{shared}"), _MAX_BYTES, follow=False)
        entries += _entries(base or b"", oid_bytes)[0]
    files = [name for name, mode in entries if mode & _KIND not in (_GITLINK, _SPARSE_FOLDER)]
    return files, [name for name, mode in entries if mode & _KIND == _GITLINK]


def _entries(data: bytes, oid_bytes: int) -> tuple[list[tuple[bytes, int]], int]:
    """Return name and mode of every entry, and where the entries end.

    Raises:
        ValueError: The data is no index with object ids of this length.
        struct.error: It is cut short.
    """
    signature, version, count = struct.unpack_from(">4sII", data)
    if signature != _SIGNATURE or version not in _VERSIONS or count * (_STAT_BYTES + oid_bytes) > len(data):
        raise _Damaged
    read = _compressed_entries if version == _COMPRESSED_VERSION else _padded_entries
    entries, end = read(data, count, oid_bytes)
    if end > len(data) - oid_bytes:
        raise _Damaged
    return [(name, mode) for name, mode in entries if name], end  # a split index has entries without name


def _padded_entries(data: bytes, count: int, oid_bytes: int) -> tuple[list[tuple[bytes, int]], int]:
    entries: list[tuple[bytes, int]] = []
    unpack = struct.Struct(f">{_MODE_AT}xI{_STAT_BYTES - _MODE_AT - 4 + oid_bytes}xH").unpack_from
    fixed_bytes = _STAT_BYTES + oid_bytes + 2
    at = _HEADER_BYTES
    for _ in range(count):
        mode, flags = unpack(data, at)
        name_at = at + fixed_bytes + (2 if flags & _EXTENDED else 0)
        length = flags & _LONG_NAME
        end = data.index(0, name_at) if length == _LONG_NAME else name_at + length
        if data[end] != 0:
            raise _Damaged
        entries.append((data[name_at:end], mode))
        at += (end - at + 8) & ~7
    return entries, at


def _compressed_entries(data: bytes, count: int, oid_bytes: int) -> tuple[list[tuple[bytes, int]], int]:
    """Read version 4, where a name gives only how it differs from the one before."""
    entries: list[tuple[bytes, int]] = []
    unpack = struct.Struct(f">{_MODE_AT}xI{_STAT_BYTES - _MODE_AT - 4 + oid_bytes}xH").unpack_from
    fixed_bytes = _STAT_BYTES + oid_bytes + 2
    at = _HEADER_BYTES
    name = b""
    for _ in range(count):
        mode, flags = unpack(data, at)
        at += fixed_bytes + (2 if flags & _EXTENDED else 0)
        cut, at = _variable_length(data, at)
        if cut > len(name):
            raise _Damaged
        end = data.index(0, at)
        name = name[: len(name) - cut] + data[at:end]
        entries.append((name, mode))
        at = end + 1
    return entries, at


def _variable_length(data: bytes, at: int) -> tuple[int, int]:
    """Decode git's offset encoding; return the number and where it ends."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
        if value > len(data):
            raise _Damaged
    return value, at + 1


def _shared_index(data: bytes, at: int, oid_bytes: int) -> str:
    """Return the hex id of the index that this one builds on, or an empty text."""
    while at + _EXTENSION_HEADER_BYTES <= len(data) - oid_bytes:
        signature, size = struct.unpack_from(">4sI", data, at)
        at += _EXTENSION_HEADER_BYTES
        if signature == b"link":
            shared = data[at : at + oid_bytes]
            return shared.hex() if any(shared) else ""
        at += size
    return ""
