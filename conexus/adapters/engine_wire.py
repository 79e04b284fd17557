# SPDX-License-Identifier: FSL-1.1-MIT
"""What goes over the pipes to the process of the vector engine and back: msgpack, as plain values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgpack
import numpy as np

from conexus.errors import error_of
from conexus.points import KEY
from conexus.types import (
    ChunkId,
    FileId,
    PointFilter,
    ScoredPoints,
    SparseVector,
    StoredPoint,
    VectorPoint,
    VectorQuery,
)

_FILES = np.dtype("<i8")


def pack(value: object) -> bytes:
    """Encode plain values."""
    return bytes(msgpack.packb(value, use_bin_type=True))


def unpack(payload: bytes) -> Any:  # noqa: ANN401 -- of the shape that the other end sends
    """Decode plain values."""
    return msgpack.unpackb(payload, raw=False, strict_map_key=False, use_list=False)


def point_out(point: VectorPoint) -> tuple[object, ...]:
    """Return a point as plain values."""
    dense = np.ascontiguousarray(point.dense, np.float16).tobytes()
    return (point.id, int(point.file), dense, *_terms_out(point.sparse), point.language, point.kinds, point.tags)


def point_in(value: Sequence[Any]) -> VectorPoint:
    """Return the point that plain values stand for."""
    chunk, file, dense, indices, values, language, kinds, tags = value
    sparse = _terms_in(indices, values)
    return VectorPoint(ChunkId(chunk), FileId(file), np.frombuffer(dense, np.float16), sparse, language, kinds, tags)


def query_out(query: VectorQuery) -> tuple[object, ...]:
    """Return a query as plain values."""
    vector = query.vector
    if isinstance(vector, SparseVector):
        return (*_terms_out(vector), query.limit, _filter_out(query.where))
    return (None, np.ascontiguousarray(vector, np.float32).tobytes(), query.limit, _filter_out(query.where))


def query_in(value: Sequence[Any]) -> VectorQuery:
    """Return the query that plain values stand for."""
    indices, values, limit, where = value
    vector = np.frombuffer(values, np.float32) if indices is None else _terms_in(indices, values)
    return VectorQuery(vector, limit, _filter_in(where))


def found_out(found: ScoredPoints) -> tuple[bytes, bytes]:
    """Return what a search found as plain values."""
    return found.keys.tobytes(), np.ascontiguousarray(found.scores, np.float64).tobytes()


def found_in(value: Sequence[Any]) -> ScoredPoints:
    """Return what a search found from plain values."""
    keys, scores = value
    return ScoredPoints(np.frombuffer(keys, KEY), np.frombuffer(scores, np.float64))


def stored_in(value: Sequence[Any]) -> StoredPoint:
    """Return a stored point from plain values."""
    chunk, file, checksum = value
    return StoredPoint(ChunkId(chunk), FileId(file), checksum)


def value_of(reply: Sequence[Any]) -> Any:  # noqa: ANN401 -- of the shape that was asked for
    """Return what :meth:`conexus.adapters.engine_calls.EngineCalls.reply` gave in another process.

    Raises:
        ConexusError: What the store raised there.
        RuntimeError: Something else was raised there.
    """
    is_done, *values = reply
    if is_done:
        return values[0]
    code, message, hint = values
    if not code:
        raise RuntimeError(f"the process of the vector engine failed: {message}")
    raise error_of(code, message, hint=hint)


def _terms_out(terms: SparseVector) -> tuple[bytes, bytes]:
    indices = np.ascontiguousarray(terms.indices, np.uint32).tobytes()
    return indices, np.ascontiguousarray(terms.values, np.float32).tobytes()


def _terms_in(indices: bytes, values: bytes) -> SparseVector:
    return SparseVector(np.frombuffer(indices, np.uint32), np.frombuffer(values, np.float32))


def _filter_out(where: PointFilter) -> tuple[object, ...]:
    return (
        None if where.files is None else _files_out(where.files),
        None if where.languages is None else sorted(where.languages),
        None if where.kinds is None else sorted(where.kinds),
        sorted(where.without_tags),
        _files_out(where.hidden),
        where.is_secret,
    )


def _filter_in(value: Sequence[Any]) -> PointFilter:
    files, languages, kinds, without_tags, hidden, is_secret = value
    return PointFilter(
        None if files is None else _files_in(files),
        None if languages is None else frozenset(languages),
        None if kinds is None else frozenset(kinds),
        frozenset(without_tags),
        _files_in(hidden),
        is_secret,
    )


def _files_out(files: frozenset[FileId]) -> bytes:
    return np.fromiter(files, _FILES, len(files)).tobytes()


def _files_in(value: bytes) -> frozenset[FileId]:
    return frozenset(map(FileId, np.frombuffer(value, _FILES).tolist()))
