# SPDX-License-Identifier: FSL-1.1-MIT
"""Chunk ids as the 16 bytes that rows and frames hold. :class:`uuid.UUID` does the same in four times the time."""

from __future__ import annotations

from conexus.types import ChunkId


def chunk_key(chunk: ChunkId) -> bytes:
    """Return the 16 bytes of an id."""
    return bytes.fromhex(chunk.replace("-", ""))


def chunk_id_of(key: bytes) -> ChunkId:
    """Return the id that 16 bytes stand for."""
    return written(key.hex())


def written(digits: str) -> ChunkId:
    """Return the id of 32 hexadecimal digits."""
    return ChunkId(f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}")
