# SPDX-License-Identifier: FSL-1.1-MIT
"""Chunk ids as the 16 bytes that rows and frames hold. :class:`uuid.UUID` does the same in four times the time."""

from __future__ import annotations

from conexus.types import ChunkId, FileId

_SALTED_DIGITS = 14  # the last of a UUID, which hold nothing of its version or variant


def chunk_key(chunk: ChunkId) -> bytes:
    """Return the 16 bytes of an id."""
    return bytes.fromhex(chunk.replace("-", ""))


def chunk_id_of(key: bytes) -> ChunkId:
    """Return the id that 16 bytes stand for."""
    return written(key.hex())


def written(digits: str) -> ChunkId:
    """Return the id of 32 hexadecimal digits."""
    return ChunkId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")


def salted_id(chunk: ChunkId, file: FileId) -> ChunkId:
    """Return another id for a chunk in one version of its file, or from that id the chunk's own again.

    A chunk has the same id in all versions of its file that hold it in the same place; the points of two versions
    need two.
    """
    digits = chunk.replace("-", "")
    low = int(digits[-_SALTED_DIGITS:], 16) ^ file
    digits = f"{digits[:-_SALTED_DIGITS]}{low:0{_SALTED_DIGITS}x}"
    return written(digits)
