# SPDX-License-Identifier: FSL-1.1-MIT
"""Points that a search found as columns, and their ids as keys of 16 bytes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from conexus.chunk_ids import written
from conexus.types import ChunkId, ChunkKeys, ScoredPoint, ScoredPoints

KEY: Final = np.dtype("S16")
"""The 16 bytes of an id. As a value of Python numpy gives such a key without the zeros at its end."""


def keys_of(ids: Iterable[ChunkId]) -> ChunkKeys:
    """Return ids as 16 bytes each."""
    return np.frombuffer(bytes.fromhex("".join(ids).replace("-", "")), dtype=KEY)


def ids_of(keys: ChunkKeys) -> list[ChunkId]:
    """Return the ids that keys stand for."""
    digits = keys.tobytes().hex()
    return [written(digits[start : start + 32]) for start in range(0, len(digits), 32)]


def in_columns(points: Sequence[ScoredPoint]) -> ScoredPoints:
    """Put points into columns."""
    return ScoredPoints(keys_of(point.id for point in points), np.array([point.score for point in points], np.float64))


def listed(found: ScoredPoints) -> list[ScoredPoint]:
    """Return columns as points."""
    return list(map(ScoredPoint, ids_of(found.keys), found.scores.tolist()))


NOTHING: Final = in_columns(())
