# SPDX-License-Identifier: FSL-1.1-MIT
"""Git's objects of one repository: nothing that lies elsewhere, and nothing that unpacks to more than it may.

A repository that was made to do harm could name a commit of another one, and with ``info/alternates`` or a link
have its files read from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from dulwich.object_store import BaseObjectStore, DiskObjectStore
from dulwich.objects import ObjectID, RawObjectID, ShaFile
from dulwich.pack import Pack, PackData, UnpackedObject

from conexus.errors import SourceError

_MAX_OBJECT_BYTES = 64_000_000
_DELTAS = (6, 7)  # types of packed objects that say how another one is to be changed


class OwnObjects(DiskObjectStore):
    """The objects below a folder.

    Args:
        folder: Git's folder of objects.

    Raises:
        SourceError: Part of it is a link.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, loose_object_size_limit=_MAX_OBJECT_BYTES)
        link = next(_links(folder), None)
        if link is not None:
            raise SourceError(
                f"{link} is a link, and objects that lie elsewhere are not read",
                hint="clone the repository, and name the clone",
            )

    @property
    def alternates(self) -> list[BaseObjectStore]:
        """None: what is borrowed from another repository is not read."""
        return []

    def _update_pack_cache(self) -> list[Pack]:
        packs = super()._update_pack_cache()
        for pack in packs:
            pack._data_load = partial(_BoundedData, f"{pack._basename}.pack", self.object_format)  # noqa: SLF001 -- no other way
        return packs

    def _get_loose_object(self, sha: ObjectID | RawObjectID) -> ShaFile | None:
        name = ObjectID(sha.hex().encode()) if len(sha) == self.object_format.oid_length else ObjectID(sha)
        return None if Path(self._get_shafile_path(name)).is_symlink() else super()._get_loose_object(name)


class _BoundedData(PackData):
    """A pack whose objects, and what their deltas make of them, are no larger than they may be."""

    def get_unpacked_object_at(self, offset: int, *, include_comp: bool = False) -> UnpackedObject:
        """Return an object.

        Raises:
            ValueError: It is too large.
        """
        _require_small(_size(self._buffer()[offset : offset + 16], first_bits=4))
        unpacked = super().get_unpacked_object_at(offset, include_comp=include_comp)
        if unpacked.pack_type_num in _DELTAS:
            head = b"".join(unpacked.decomp_chunks)[:40]
            _require_small(_size(_after_number(head)))
        return unpacked


def _size(data: bytes, first_bits: int = 7) -> int:
    """Read a number that is kept in some bits of the first byte and seven of each further one, the lowest first."""
    size = data[0] & ((1 << first_bits) - 1)
    shift = first_bits
    at = 0
    while data[at] & 0x80:
        at += 1
        size |= (data[at] & 0x7F) << shift
        shift += 7
    return size


def _after_number(data: bytes) -> bytes:
    end = next(at for at, byte in enumerate(data) if not byte & 0x80)
    return data[end + 1 :]


def _require_small(size_bytes: int) -> None:
    if size_bytes > _MAX_OBJECT_BYTES:
        raise ValueError(f"an object of {size_bytes:,} bytes; the limit is {_MAX_OBJECT_BYTES:,}")


def _links(folder: Path) -> Iterator[Path]:
    """Yield what is a link among the folder, its subfolders, and what is in those of packs."""
    if folder.is_symlink():
        yield folder
    for place in (folder, folder / "pack", folder / "info"):
        try:
            with os.scandir(place) as found:
                yield from (Path(entry.path) for entry in found if entry.is_symlink())
        except OSError:
            continue


__all__ = ["OwnObjects"]
