# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes an index of a million chunks out of one of a hundred thousand.

Parsing so much code would take most of an hour, and so much different code is not at hand. So every file of a real
index is written again, straight into catalog and vector store, as a file of another folder. What would make such
copies easier to search than real code is changed, always in the same way for the same seed:

- A dense vector gets noise of half its length, so that a copy is about as near to its original (cosine 0.89) as code
  that does the same elsewhere, and no two points are equal.
- A term of BM25 that is in fewer than one of a thousand chunks stands for a name of the project. In each copy three
  of four such terms become others, the same ones all over the copy. Common words stay, so that their lists of chunks
  grow with the index, as they would.
- A defined name likewise gets a number in three of four copies.

Texts, spans and imports stay as they are. The files of the copies are not on disk, so that hits in them are
reported as missing; looking for them costs what it costs for those that are there.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import qdrant_edge as engine

from conexus.adapters.edge_store import EdgeStore
from conexus.lexical import name_key, vector_checksum
from conexus.types import ChunkId, FileId, IndexId, SparseVector, VectorPoint

_NOISE = 0.5
_RARE_SHARE = 0.001
_KEPT_OF_FOUR = 1
_PAGE = 2_000
_SEED = 20_080_101


@dataclass(frozen=True, slots=True)
class _Points:
    """The points of the index as it was, row by row."""

    ids: list[UUID]
    payloads: list[dict[str, object]]
    dense: npt.NDArray[np.float16]
    sparse: list[SparseVector]


def grow(data: Path, chunks: int) -> int:
    """Add copies to the one index of a data folder until it has so many chunks.

    Args:
        data: A data folder that no process has open, with one index, which is complete.
        chunks: How many there should be.

    Returns:
        How many there are, which is at least ``chunks``.

    Raises:
        StoreError: The index cannot be read or written.
    """
    with closing(sqlite3.connect(data / "catalog.sqlite", isolation_level=None)) as catalog:
        index, dim = catalog.execute("SELECT id, dim FROM indexes WHERE live").fetchone()
        stride = int(catalog.execute("SELECT value FROM meta WHERE key = 'next_file'").fetchone()[0])
        points = _read(data / "vectors" / str(index))
        rare = _rare_terms(points.sparse)
        shard = EdgeStore(data / "vectors").open(IndexId(index), dim)
        copies = max(0, -(-chunks // len(points.ids)) - 1)
        try:
            for copy in range(1, copies + 1):
                checksums: dict[bytes, int] = {}
                for start in range(0, len(points.ids), _PAGE):
                    page = list(_copied(points, start, copy, stride, rare))
                    shard.upsert(page)
                    checksums.update((UUID(p.id).bytes, vector_checksum(p.dense, p.sparse)) for p in page)
                shard.flush()
                _copy_rows(catalog, index, copy, stride, checksums)
        finally:
            shard.close()
        catalog.execute("UPDATE meta SET value = ? WHERE key = 'next_file'", (stride * (copies + 1),))
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return len(points.ids) * (copies + 1)


def _read(folder: Path) -> _Points:
    shard = engine.EdgeShard.load(str(folder))
    ids: list[UUID] = []
    payloads: list[dict[str, object]] = []
    dense: list[npt.NDArray[np.float16]] = []
    sparse: list[SparseVector] = []
    try:
        offset: engine.PointId | None = None
        while True:
            request = engine.ScrollRequest(offset, _PAGE, with_payload=True, with_vector=["dense", "bm25"])
            records, offset = shard.scroll(request)
            for record in records:
                vectors = record.vector
                if not isinstance(vectors, dict):
                    raise TypeError(f"point {record.id} has no named vectors")
                terms = vectors["bm25"]
                if not isinstance(terms, engine.SparseVector):
                    raise TypeError(f"point {record.id} has no terms")
                ids.append(UUID(str(record.id)))
                payloads.append(dict(record.payload or {}))
                dense.append(np.array(vectors["dense"], dtype=np.float16))
                sparse.append(SparseVector(np.array(terms.indices, np.uint32), np.array(terms.values, np.float32)))
            if offset is None:
                break
    finally:
        shard.close()
    return _Points(ids, payloads, np.stack(dense), sparse)


def _rare_terms(sparse: list[SparseVector]) -> npt.NDArray[np.uint32]:
    """Return the terms of few chunks, sorted."""
    terms, counts = np.unique(np.concatenate([vector.indices for vector in sparse]), return_counts=True)
    found: npt.NDArray[np.uint32] = terms[counts < max(2, _RARE_SHARE * len(sparse))]
    return found


def _copied(points: _Points, start: int, copy: int, stride: int, rare: npt.NDArray[np.uint32]) -> Iterator[VectorPoint]:
    """Yield the copies of a page of points."""
    stop = min(start + _PAGE, len(points.ids))
    random = np.random.default_rng([_SEED, copy, start])
    dense = points.dense[start:stop].astype(np.float32)
    noise = random.standard_normal(dense.shape, dtype=np.float32)
    known = np.linalg.norm(dense, axis=1, keepdims=True) > 0  # what has no known word stays all zeros
    dense = dense + noise * (_NOISE / dense.shape[1] ** 0.5)
    dense = np.where(known, dense / np.linalg.norm(dense, axis=1, keepdims=True), 0).astype(np.float16)
    for row in range(start, stop):
        payload = points.payloads[row]
        yield VectorPoint(
            id=ChunkId(str(UUID(bytes=_copied_id(points.ids[row].bytes, copy)))),
            file=FileId(int(str(payload["f"])) + copy * stride),
            dense=dense[row - start],
            sparse=_renamed(points.sparse[row], copy, rare),
            language=str(payload["lang"]),
            kinds=_words(payload.get("kind")),
            tags=_words(payload.get("tag")),
        )


def _words(value: object) -> tuple[str, ...]:
    """Return a field of a payload, which holds one word bare."""
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),) if value else ()


def _renamed(vector: SparseVector, copy: int, rare: npt.NDArray[np.uint32]) -> SparseVector:
    terms = vector.indices
    at = np.minimum(np.searchsorted(rare, terms), len(rare) - 1)
    shift = np.uint64(copy * 0x9E3779B97F4A7C15 % (1 << 64))
    mixed = (terms.astype(np.uint64) + shift) * np.uint64(0xBF58476D1CE4E5B9)
    changes = (rare[at] == terms) & ((mixed >> np.uint64(60)) % np.uint64(4) >= _KEPT_OF_FOUR)
    renamed = np.where(changes, (mixed >> np.uint64(24)).astype(np.uint32), terms)
    _, first = np.unique(renamed, return_index=True)  # two may fall together
    return SparseVector(renamed[first], vector.values[first])


def _copied_id(chunk: bytes, copy: int) -> bytes:
    """Return the id of a chunk's copy: any other 16 bytes would do as well."""
    mixed = (int.from_bytes(chunk, "big") * 0x9E3779B97F4A7C15F39CC0605CEDC835 + copy) % (1 << 128)
    return mixed.to_bytes(16, "big")


def _copied_name(name: str, copy: int) -> str:
    return name if zlib.crc32(f"{name} {copy}".encode()) % 4 < _KEPT_OF_FOUR else f"{name}{copy}"


def _copy_rows(catalog: sqlite3.Connection, index: int, copy: int, stride: int, checksums: dict[bytes, int]) -> None:
    """Write the catalog's rows of one copy."""
    catalog.create_function("copied_id", 1, lambda chunk: _copied_id(chunk, copy), deterministic=True)
    catalog.create_function("copied_name", 1, lambda name: _copied_name(name, copy), deterministic=True)
    catalog.create_function("copied_key", 1, lambda name: name_key(_copied_name(name, copy)), deterministic=True)
    catalog.create_function("checksum_of", 1, checksums.__getitem__, deterministic=True)
    offset = copy * stride
    prefix = f"more{copy:02d}/".encode()
    catalog.execute("BEGIN IMMEDIATE")
    for sql in _ROWS:
        catalog.execute(sql, {"offset": offset, "prefix": prefix, "index": index, "stride": stride})
    catalog.execute("COMMIT")


_ROWS = (
    "INSERT INTO files SELECT id + :offset, index_id, CAST(:prefix || path AS BLOB), size, mtime_ns, ctime_ns, inode, "
    "hash, checked_ns, skipped, rules, detail, language, encoding, mode, tags, redactions, chunks, uses, salted "
    "FROM files WHERE index_id = :index AND id < :stride",
    "INSERT INTO chunks SELECT file + :offset, ordinal, copied_id(id), start_byte, end_byte, start_line, end_line, "
    "kind, symbol, signature, checksum_of(copied_id(id)) FROM chunks WHERE file < :stride",
    "INSERT INTO texts SELECT key + (:offset << 20), text, crc FROM texts WHERE key < :stride << 20",
    "INSERT INTO symbols SELECT index_id, file + :offset, copied_name(name), copied_key(name), kind, start_byte, "
    "end_byte, start_line, end_line, name_line, copied_id(chunk), parent, signature, doc FROM symbols "
    "WHERE file < :stride",
    "INSERT INTO refs SELECT file + :offset, name, lines FROM refs WHERE file < :stride",
    "INSERT INTO imports SELECT file + :offset, target, line FROM imports WHERE file < :stride",
    "INSERT INTO name_words SELECT word, file + :offset, words FROM name_words WHERE file < :stride",
)
