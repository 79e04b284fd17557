# SPDX-License-Identifier: FSL-1.1-MIT
"""Vectors in Qdrant Edge, the Qdrant engine inside this process.

One shard an index, in ``<folder>/<index id>/``. Three choices need their reasons:

- The distance is the dot product, not cosine: vectors come normalised, and cosine would let the engine
  scale them again, so that a read need not give back the bits that were written.
- There is no write-ahead log: it makes writing a fifth slower, a flush after each batch is as durable, and
  the catalog's journal already names what a crash may have left in part.
- Without that log the engine has no lock either, and even a reader writes (it folds in what the last
  writer left), which breaks a writer's next flush. So whoever opens a shard holds a lock on its mark.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import threading
import uuid
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Final, cast

import numpy as np
import qdrant_edge as engine

from conexus.adapters.edge_check import PointsRead
from conexus.adapters.engine_door import DOOR
from conexus.adapters.free_space import FREE_SPACE_HINT, FULL, NO_WRITES_HINT, UNREADABLE_HINT
from conexus.adapters.memory_use import give_back_memory, let_go_of
from conexus.adapters.scratch import scratch_folder
from conexus.errors import DiskFailing, DiskFull, IndexIncompatible, StoreBusy, StoreDamaged, StoreError
from conexus.lexical import vector_checksum
from conexus.points import KEY, NOTHING, listed
from conexus.types import (
    ChunkId,
    DenseVector,
    FileId,
    IndexId,
    PointFilter,
    ScoredPoint,
    ScoredPoints,
    SparseVector,
    StoredPoint,
    VectorPoint,
    VectorQuery,
)

_DENSE: Final = "dense"
_SPARSE: Final = "bm25"
_MARK: Final = "conexus.json"  # written last, so that its presence says the shard was made whole
_MARK_BYTES: Final = 1_000
_FORMAT: Final = 1
_PACKED: Final = f"segments/*/vector_storage-{_DENSE}/quantized.data"
_SUMS: Final = "packed.json"  # checksums of those
_WHOLE: Final = "whole"  # there until the first point is deleted or overwritten
_TRASH: Final = ".trash-"

GRAPH_POINTS: Final = 2_000_000
"""From so many points on, :meth:`EdgeVectorShard.optimize` builds graphs (HNSW), and searches are no longer exact.

Below, a scan on two cores takes 2 ms for each 100,000 points of 256 numbers; graphs take minutes to build and miss
some neighbours.
"""

EXACT_WORDS_POINTS: Final = 300_000
"""From so many points on, words are weighed by the engine's own statistics.

Those go on counting deleted points until they are packed away; where none ever was, they are right. To count anew
takes a millisecond for each 100,000 points.
"""

_QUANTILE: Final = 0.99
_EXACT: Final = engine.SearchParams(exact=True, quantization=engine.QuantizationSearchParams(ignore=True))
_RESCORED: Final = engine.QuantizationSearchParams(rescore=True, oversampling=2.0)
"""Packed parts are scanned by vectors of one byte a number; of twice as many as are asked for, the best by the vectors
themselves are returned. That takes half the time of a scan of the vectors, and finds the same.
"""
_GRAPH_EDGES: Final = 16
_GRAPH_BUILD_EF: Final = 100
_GRAPH_SEARCH_EF: Final = 256  # candidates kept while searching; more is slower and misses less
_SCAN_KB: Final = 10_000  # within a graph, what is left by a filter is scanned below this size
_OPTIMIZE_KB: Final = 1_000  # about 2,000 points: a smaller shard opens in no time as it is
_WASTED_POINTS: Final = 1_000  # deleted ones; the engine packs no segment with fewer
_SEGMENTS: Final = 2  # small ones; more make each search slower, fewer make each optimisation rewrite all
_SEGMENT_KB: Final = 25_000
"""About 50,000 points of 256 numbers, beyond which parts are no longer merged.

So packing takes as long for a part of a large index as of a small one, and a search goes through several at a time.
"""
_PAGE_POINTS: Final = 1_000
_CATCH_UPS: Final = 100
_CATCH_UP_OPERATIONS: Final = 64
_OPENING_BYTES: Final = 4_000_000  # to open a shard writes some of its files anew
_COPIED_BYTES: Final = 1 << 20

REBUILD_HINT: Final = "Run `conexus verify --repair`, or index the repository again."
_BUSY_HINT: Final = "Try again when the other is done; `conexus doctor locks` names one that stands still."
_OS_ERROR = re.compile(r"os error (\d+)")
_FAILING = frozenset({errno.EIO, errno.ENXIO, errno.ENODEV, errno.ESTALE, errno.ETIMEDOUT})
_PASSING = frozenset({errno.EACCES, errno.EPERM, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS, errno.EAGAIN})


class EdgeStore:
    """Keeps the shards of one data folder.

    Args:
        folder: Where the shards are; made when the first one is.
        graph_points: See :data:`GRAPH_POINTS`.
    """

    def __init__(self, folder: Path, graph_points: int = GRAPH_POINTS) -> None:
        self._folder = folder
        self._graph_points = graph_points

    def create(self, index: IndexId, dim: int) -> EdgeVectorShard:
        """Make an empty shard; see :meth:`conexus.ports.VectorStore.create`."""
        self.drop(index)
        path = self.folder_of(index)
        with _translated(path, "create"), ExitStack() as claim:
            path.mkdir(parents=True)
            shard = engine.EdgeShard.create(str(path), _config(dim, graph=False))
            # Before the first point: an index made later has to read them all.
            for name, schema in _PAYLOAD_INDEXES:
                shard.update(engine.UpdateOperation.create_field_index(name, schema))
            shard.flush()
            (path / _WHOLE).touch()
            mark = _new_mark(path, dim)
            claim.callback(_let_go, mark)
            _sync_folders(path)
            _sync(self._folder)
            claim.pop_all()
        return EdgeVectorShard(shard, path, dim, mark)

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> EdgeVectorShard:
        """Open a shard; see :meth:`conexus.ports.VectorStore.open`.

        Raises:
            StoreBusy: It is open already, in this process or another.
        """
        path = self.folder_of(index)
        mark, stored = _claim(path)
        with ExitStack() as claim:
            claim.callback(_let_go, mark)
            free = self.free_bytes()
            if free is not None and free < _OPENING_BYTES:
                raise DiskFull(f"the disk is too full to open the index in {path}", hint=FREE_SPACE_HINT)
            shard, exact = self._load(path, stored, dim)
            claim.pop_all()
        return EdgeVectorShard(shard, path, dim, mark, exact=exact)

    def open_beside(self, index: IndexId, dim: int) -> EdgeVectorShard:
        """Open a shard to search it; see :meth:`conexus.ports.VectorStore.open_beside`."""
        return self.open(index, dim)

    def open_copy(self, index: IndexId, dim: int) -> EdgeVectorShard:
        """Open a copy of a shard in memory, to be read alone: the engine opens none on a disk that takes no writes.

        Raises:
            StoreError: As :meth:`open`, or it is too large.
        """
        path = self.folder_of(index)
        mark, stored = _claim(path)
        with ExitStack() as claim:
            claim.callback(_let_go, mark)
            size = self.size_bytes(index)
            folder = scratch_folder(size)
            if folder is None:
                raise StoreError(f"there is no room for a copy of the index in {path}, of {size >> 20} MB")
            try:
                with _translated(path, "read"):
                    _copy_sparse(path, folder)
                shard, exact = self._load(folder, stored, dim)
            finally:
                shutil.rmtree(folder, ignore_errors=True)  # it stays mapped
            claim.pop_all()
        return EdgeVectorShard(shard, path, dim, mark, exact=exact, is_copy=True)

    def _load(self, path: Path, stored: int, dim: int) -> tuple[engine.EdgeShard, bool]:
        if stored != dim:
            raise IndexIncompatible(
                f"the index in {path} holds vectors of {stored} numbers; the model makes {dim}",
                hint="Index the repository again.",
            )
        with _translated(path, "open"):
            if not _has_segments(path):
                raise StoreDamaged(f"the vectors in {path} are gone", hint=REBUILD_HINT)
            shard = engine.EdgeShard.load(str(path))
            points = shard.info().points_count
            if (
                points >= self._graph_points
            ):  # here rather than in `optimize`, while no other thread can hold the shard yet
                shard.close()
                shard = engine.EdgeShard.load(str(path), _config(dim, graph=True))
        return shard, points < EXACT_WORDS_POINTS

    def drop(self, index: IndexId) -> None:
        """Delete a shard; see :meth:`conexus.ports.VectorStore.drop`.

        The folder is first renamed, so that a crash never leaves half a shard under its own name.
        """
        path = self.folder_of(index)
        try:
            if path.is_symlink() or path.is_file():
                path.unlink()
            elif path.is_dir():
                path.rename(self._folder / f"{_TRASH}{index}-{uuid.uuid4().hex}")
                _sync(self._folder)
        except OSError as exc:
            raise StoreError(f"cannot delete {path}: {exc.strerror}") from exc
        for trash in self._folder.glob(f"{_TRASH}*"):
            shutil.rmtree(trash, ignore_errors=True)

    def indexes(self) -> list[IndexId]:
        """Return the ids of all folders of shards, whatever is in them."""
        try:
            names = [entry.name for entry in os.scandir(self._folder)]
        except OSError:
            return []
        return sorted(IndexId(int(name)) for name in names if name.isascii() and name.isdigit())

    def exists(self, index: IndexId) -> bool:
        """Whether there is a shard that can be opened by all its folder shows; the vectors are not read."""
        path = self.folder_of(index)
        try:
            with (path / _MARK).open("rb") as mark:
                _read_mark(mark)
            return _has_segments(path)
        except (OSError, StoreDamaged, IndexIncompatible):
            return False

    def size_bytes(self, index: IndexId) -> int:
        """Disk space of a shard, as allocated; its files are sparse."""
        total = 0
        for folder, _, names in os.walk(self.folder_of(index)):
            for name in names:
                try:
                    total += (Path(folder) / name).lstat().st_blocks * 512
                except OSError:  # merged away by an optimisation under way
                    continue
        return total

    def free_bytes(self) -> int | None:
        """Free space on the disk of the data folder."""
        folder = self._folder
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            return None

    def memory_bytes(self) -> int:
        """Nothing: it has no process of its own."""
        return 0

    def close(self) -> None:
        """Nothing is left open by it."""

    def folder_of(self, index: IndexId) -> Path:
        """Return the folder of a shard."""
        return self._folder / str(int(index))


class EdgeVectorShard:
    """One open shard. Threads may search while another one writes."""

    def __init__(
        self,
        shard: engine.EdgeShard,
        path: Path,
        dim: int,
        mark: IO[bytes],
        *,
        exact: bool = True,
        is_copy: bool = False,
    ) -> None:
        self._open_shard: engine.EdgeShard | None = shard
        self._is_copy = is_copy
        self._mark = mark
        self._whole = (path / _WHOLE).exists()
        self._exact = exact
        self._path = path
        self._dim = dim
        self._closing = threading.Lock()

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points; see :meth:`conexus.ports.VectorShard.upsert`.

        Raises:
            IndexIncompatible: A vector has another length than the shard's.
            StoreError: The engine could not write.
        """
        if not points:
            return
        if any(point.dense.shape != (self._dim,) for point in points):
            raise IndexIncompatible(f"a vector is not of {self._dim} numbers as the index in {self._path} is")
        # One conversion a batch: float16 to Python floats is the dearest step of a point.
        rows = np.stack([point.dense for point in points]).astype(np.float32).tolist()
        batch = [_engine_point(point, row) for point, row in zip(points, rows, strict=True)]
        with _translated(self._path, "write"):
            ids = {point.id for point in points}
            # Not by counts before and after: counting all points takes ever longer.
            if self._whole and (len(ids) < len(batch) or self._shard().retrieve(list(ids), False, False)):
                self._note_deletion()
            there = _of_files({int(point.file) for point in points})
            self._apply(engine.UpdateOperation.upsert_points(batch), lambda: self._count(there) >= len(ids))

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files; see :meth:`conexus.ports.VectorShard.delete_files`."""
        ids = sorted({int(file) for file in files})
        if not ids:
            return
        where = _of_files(ids)
        with _translated(self._path, "write"):
            self._note_deletion()
            self._apply(engine.UpdateOperation.delete_points_by_filter(where), lambda: not self._count(where))

    def _apply(self, operation: engine.UpdateOperation, is_done: Callable[[], bool]) -> None:
        """Do an operation, and see that it was done.

        The engine numbers operations and leaves out what is older than a point's last one. Killed amid a flush it may
        come back with points whose numbers are ahead of its own count, and would pass over all that is done to them;
        operations without an effect bring the count past those numbers.

        Raises:
            StoreDamaged: It is not done all the same.
        """
        shard = self._shard()
        shard.update(operation)
        for _ in range(_CATCH_UPS):
            if is_done():
                return
            for _ in range(_CATCH_UP_OPERATIONS):
                shard.update(engine.UpdateOperation.delete_points([str(uuid.uuid4())]))
            shard.update(operation)
        if not is_done():
            raise StoreDamaged(f"the vectors in {self._path} take no change", hint=REBUILD_HINT)

    def _count(self, where: engine.Filter) -> int:
        return self._shard().count(engine.CountRequest(exact=True, filter=where))

    def flush(self) -> None:
        """Make all that was written survive a power cut."""
        with _translated(self._path, "write"):
            self._shard().flush()
            # The engine syncs all it writes but the names of these files, one for each 32 MB.
            for folder in self._path.glob(f"segments/*/vector_storage-{_DENSE}/vectors"):
                with suppress(FileNotFoundError):  # packed away by an optimisation in another thread
                    _sync(folder)

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points; see :meth:`conexus.ports.VectorShard.search`.

        Raises:
            IndexIncompatible: The query vector has another length than the shard's.
            StoreError: The engine could not answer.
        """
        queries = [VectorQuery(vector, limit, where) for vector in (dense, sparse) if vector is not None]
        answers = map(listed, self.search_all(queries))
        return [] if dense is None else next(answers), [] if sparse is None else next(answers)

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries; see :meth:`conexus.ports.VectorShard.search_all`.

        The engine counts the words of all at once, and goes through its parts on all cores.

        Raises:
            IndexIncompatible: A query vector has another length than the shard's.
            StoreError: The engine could not answer.
        """
        meanwhile()
        requests = [self._request(query) for query in queries]
        asked = [request for request in requests if request is not None]
        if not asked:
            return [NOTHING for _ in queries]
        with _translated(self._path, "read"):
            answers = iter(self._shard().query_batch(engine.QueryBatchRequest(asked)))
        return [
            NOTHING if request is None else _scored(next(answers), _most(query))
            for query, request in zip(queries, requests, strict=True)
        ]

    def _request(self, query: VectorQuery) -> engine.QueryRequest | None:
        """Return a query as the engine takes it; nothing where it can have no answer."""
        vector, where = query.vector, query.where
        if not isinstance(vector, SparseVector) and vector.shape != (self._dim,):
            raise IndexIncompatible(f"the query is not of {self._dim} numbers as the index in {self._path} is")
        if query.limit < 1 or _matches_nothing(where):
            return None
        if not isinstance(vector, SparseVector):
            nearest = engine.Query.Nearest(vector.tolist(), using=_DENSE)
            params = engine.SearchParams(hnsw_ef=max(_GRAPH_SEARCH_EF, 2 * query.limit), quantization=_RESCORED)
            if where.is_secret:  # neither a graph nor how vectors were packed may lead to other points
                params = _EXACT
            return engine.QueryRequest(query.limit, query=nearest, filter=_engine_filter(where), params=params)
        if not len(vector.indices):
            return None
        terms = engine.SparseVector(vector.indices.tolist(), vector.values.tolist())
        nearest = engine.Query.Nearest(terms, using=_SPARSE)
        counted = None
        if where.hidden and (self._exact or where.is_secret):
            counted = engine.SearchParams(idf=engine.IdfParams(_among_others(where)))
        elif (self._exact or where.is_secret) and not self._whole:
            counted = _EXACT_IDF
        return engine.QueryRequest(query.limit, query=nearest, filter=_engine_filter(where), params=counted)

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point in the order of ids, with a checksum of what is read back.

        Args:
            compare: Whether what searches read is compared at the end with the points, which must not be written
                meanwhile.

        Raises:
            StoreDamaged: A point lacks a part, or an index says something else of the points.
        """
        offset: engine.PointId | None = None
        read = PointsRead(_DENSE, _SPARSE, self._dim) if compare else None
        while True:
            request = engine.ScrollRequest(offset, _PAGE_POINTS, with_payload=True, with_vector=[_DENSE, _SPARSE])
            with _translated(self._path, "read"):
                records, offset = self._shard().scroll(request)
            for record in records:
                yield self._stored(record, read)
            if offset is None:
                break
        if read is None:
            return
        with _translated(self._path, "read"):
            points = self._points()
            wrong = read.disagreement(
                self._shard(), is_scanned=points < GRAPH_POINTS, is_twofold=self._is_twofold(points)
            )
            wrong = wrong or ("packed vectors" if self._is_packed_otherwise() else "")
        if wrong:
            raise StoreDamaged(f"the index of {wrong} in {self._path} is not of its points", hint=REBUILD_HINT)

    def count(self) -> int:
        """Return the number of points."""
        with _translated(self._path, "read"):
            return self._points()

    def _points(self) -> int:
        return self._shard().count(engine.CountRequest(exact=True))

    def _note_packed(self) -> None:
        """Remember what packed vectors are like: their files are written once, and tell less than the points hold."""
        known = _packed_sums(self._path)
        sums = {name: known[name] if name in known else _sum_of(path) for name, path in self._packed()}
        new = self._path / f"{_SUMS}.new"
        new.write_text(json.dumps(sums), encoding="utf-8")
        new.replace(self._path / _SUMS)

    def _is_packed_otherwise(self) -> bool:
        sums = _packed_sums(self._path)
        return any(name in sums and _sum_of(path) != sums[name] for name, path in self._packed())

    def _packed(self) -> Iterator[tuple[str, Path]]:
        return ((str(path.relative_to(self._path)), path) for path in self._path.glob(_PACKED))

    def _is_twofold(self, points: int) -> bool:
        """Whether points are in two segments, as after a kill amid packing, until they are packed again.

        Each is found once, but words are weighed as if there were as many points again.
        """
        return self._shard().info().points_count > points

    def _note_deletion(self) -> None:
        """Remember that the engine's statistics may count what is no longer there."""
        if self._whole:
            (self._path / _WHOLE).unlink(missing_ok=True)
            _sync(self._path)
            self._whole = False

    def optimize(self) -> None:
        """Pack what was written since the last time, so that searching and opening take half the time.

        Deleted points leave the disk once they are a fifth of a segment. Takes 0.4 s for 20,000 points, or
        minutes where a graph is built, which takes a shard that had :data:`GRAPH_POINTS` when it was opened.
        """
        with _translated(self._path, "optimize"):
            shard = self._shard()
            let_go_of(self._path)  # what is packed is read, and what is made of it written, through maps
            if shard.optimize():
                shard.flush()
                _sync_folders(self._path)
                self._note_packed()
                give_back_memory()
                let_go_of(self._path)

    def is_wasteful(self) -> bool:
        """Whether there are some thousands of deleted points, and as many of them as of others or three times as many.

        The engine counts each point once or, after it was packed, once for each of its two vectors, the deleted ones
        with the others.
        """
        with _translated(self._path, "count in"):
            info = self._shard().info()
            if info.indexed_vectors_count >= 2 * (2 * info.points_count + _WASTED_POINTS):
                return True
            return self._is_twofold(self._points())

    def close(self) -> None:
        """Release the shard. Idempotent; what was not flushed is."""
        with self._closing:
            shard, self._open_shard = self._open_shard, None
        if shard is not None:
            try:
                with _translated(self._path, "close"):
                    shard.close()
            except StoreError:
                if not self._is_copy:
                    raise
            finally:
                _let_go(self._mark)

    def _shard(self) -> engine.EdgeShard:
        if self._open_shard is None:
            raise StoreError(f"the index in {self._path} is closed")
        return self._open_shard

    def _stored(self, record: engine.Record, read: PointsRead | None) -> StoredPoint:
        file = (record.payload or {}).get("f")
        vectors = record.vector
        dense = vectors.get(_DENSE) if isinstance(vectors, dict) else None
        sparse = vectors.get(_SPARSE) if isinstance(vectors, dict) else None
        if not isinstance(file, int) or not isinstance(dense, list) or not isinstance(sparse, engine.SparseVector):
            raise StoreDamaged(f"point {record.id} of the index in {self._path} lacks a part", hint=REBUILD_HINT)
        terms = SparseVector(np.array(sparse.indices, dtype=np.uint32), np.array(sparse.values, dtype=np.float32))
        numbers = np.array(dense, dtype=np.float16)
        if read is not None:
            read.add(cast("uuid.UUID", record.id), record.payload or {}, numbers, terms)
        return StoredPoint(ChunkId(str(record.id)), FileId(file), vector_checksum(numbers, terms))


_PAYLOAD_INDEXES: Final = (
    ("f", engine.PayloadSchemaType.Integer),
    ("lang", engine.PayloadSchemaType.Keyword),
    ("kind", engine.PayloadSchemaType.Keyword),
    ("tag", engine.PayloadSchemaType.Keyword),
)


# Counts the points that are there, so that scores do not depend on how a shard came to hold them.
_EXACT_IDF: Final = engine.SearchParams(idf=engine.IdfParams(engine.Filter()))


def _config(dim: int, *, graph: bool) -> engine.EdgeConfig:
    """Settings of a shard. Without a graph, optimising keeps searches exact."""
    return engine.EdgeConfig(
        vectors={
            _DENSE: engine.EdgeVectorParams(
                dim,
                engine.Distance.Dot,
                datatype=engine.VectorStorageDatatype.Float16,
                memory=engine.Memory.Cold,  # few are read: those that are compared again
                quantization_config=engine.ScalarQuantizationConfig(
                    engine.ScalarType.Int8, quantile=_QUANTILE, memory=engine.Memory.Cached
                ),
            )
        },
        sparse_vectors={
            # Mapped, once packed: the system can drop what it is short of, and it is no slower.
            _SPARSE: engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf, memory=engine.Memory.Cached)
        },
        hnsw_config=engine.HnswIndexConfig(_GRAPH_EDGES if graph else 0, _GRAPH_BUILD_EF, _SCAN_KB),
        optimizers=engine.EdgeOptimizersConfig(
            default_segment_number=_SEGMENTS,
            max_segment_size=_SEGMENT_KB,
            indexing_threshold=_OPTIMIZE_KB,
            prevent_unoptimized=False,  # else points would stay unseen until the next optimisation
        ),
        wal_enabled=False,
    )


def _packed_sums(path: Path) -> dict[str, int]:
    """Return the checksums of packed vectors by file; none where they were not noted or the note is damaged."""
    try:
        found = json.loads((path / _SUMS).read_text(encoding="utf-8"))
        return {str(name): int(sum_) for name, sum_ in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def _sum_of(path: Path) -> int:
    sum_ = 0
    with path.open("rb") as file:
        while part := file.read(_COPIED_BYTES):
            sum_ = zlib.crc32(part, sum_)
    return sum_


def _of_files(files: Iterable[int]) -> engine.Filter:
    return engine.Filter(must=[engine.FieldCondition("f", match=engine.MatchAny(sorted(files)))])


def _engine_point(point: VectorPoint, dense: list[float]) -> engine.Point:
    # One word is passed bare and none is left out: a list of one costs the binding three times as much.
    payload: dict[str, object] = {"f": int(point.file), "lang": point.language}
    if point.kinds:
        payload["kind"] = point.kinds[0] if len(point.kinds) == 1 else list(point.kinds)
    if point.tags:
        payload["tag"] = point.tags[0] if len(point.tags) == 1 else list(point.tags)
    terms = engine.SparseVector(point.sparse.indices.tolist(), point.sparse.values.tolist())
    return engine.Point(point.id, {_DENSE: dense, _SPARSE: terms}, payload)


def _matches_nothing(where: PointFilter) -> bool:
    return any(part is not None and not part for part in (where.files, where.languages, where.kinds))


def _engine_filter(where: PointFilter) -> engine.Filter | None:
    must: list[engine.ConditionType] = []
    if where.files is not None:
        must.append(_among("f", [int(file) for file in where.files]))
    if where.languages is not None:
        must.append(_among("lang", list(where.languages)))
    if where.kinds is not None:
        must.append(_among("kind", list(where.kinds)))
    must_not: list[engine.ConditionType] = []
    if where.without_tags:
        must_not.append(_among("tag", list(where.without_tags)))
    if where.hidden:
        must_not.append(_among("f", sorted(map(int, where.hidden))))
    return engine.Filter(must=must, must_not=must_not) if must or must_not else None


def _among_others(where: PointFilter) -> engine.Filter:
    """Match what is not hidden."""
    return engine.Filter(must_not=[_among("f", sorted(map(int, where.hidden)))])


def _among(field: str, values: list[str] | list[int]) -> engine.FieldCondition:
    # Measured over 20,000 points: a filter of one value costs a third of a list of one.
    match = engine.MatchValue(values[0]) if len(values) == 1 else engine.MatchAny(values)
    return engine.FieldCondition(field, match=match)


def _most(query: VectorQuery) -> float:
    return float("inf") if isinstance(query.vector, SparseVector) else 1.0


def _scored(found: Sequence[engine.ScoredPoint], most: float) -> ScoredPoints:
    """Convert hits, which come best first, and put equal scores in the order of ids.

    Args:
        found: Hits of one request.
        most: Largest score; the product of a float16 vector of norm 1 with itself may lie just above 1.
    """
    scores = np.minimum([hit.score for hit in found], most)
    ids = cast("list[uuid.UUID]", [hit.id for hit in found])  # none else is ever written
    keys = np.frombuffer(b"".join([point.int.to_bytes(KEY.itemsize) for point in ids]), dtype=KEY)
    if (scores[1:] == scores[:-1]).any():
        order = np.lexsort((keys, -scores))
        return ScoredPoints(keys[order], scores[order])
    return ScoredPoints(keys, scores)


@contextmanager
def _translated(path: Path, action: str) -> Iterator[None]:
    """Turn what the engine raises into the errors of Conexus.

    It raises bare ``Exception`` for all it foresees and a ``BaseException`` for its own panics; its subclasses
    of ``Exception`` tell of wrong arguments, which are bugs here and pass.
    """
    try:
        yield
    except OSError as exc:
        raise _os_failure(exc.errno, f"cannot {action} the index in {path}: {exc.strerror}") from exc
    except BaseException as exc:
        if type(exc) is not Exception and type(exc).__name__ != "PanicException":
            raise
        reason = str(exc).splitlines()[0] if str(exc) else "no reason given"
        message = f"cannot {action} the index in {path}: {reason}"
        found = _OS_ERROR.search(str(exc))
        code = int(found[1]) if found else None
        if code in FULL | _FAILING | _PASSING:
            raise _os_failure(code, message) from exc
        raise StoreDamaged(message, hint=REBUILD_HINT) from exc


def _os_failure(code: int | None, message: str) -> StoreError:
    if code in FULL:
        return DiskFull(message, hint=FREE_SPACE_HINT)
    if code in _FAILING:
        return DiskFailing(message, hint=UNREADABLE_HINT)
    return StoreError(message, hint=NO_WRITES_HINT)


def _new_mark(path: Path, dim: int) -> IO[bytes]:
    """Mark a new shard and return the open mark, which holds the lock: nobody else sees it before."""
    beside = path / f"{_MARK}.new"
    with ExitStack() as claim:
        mark = beside.open("wb")
        claim.callback(_let_go, mark)
        mark.write(json.dumps({"format": _FORMAT, "dim": dim}).encode("ascii"))
        mark.flush()
        os.fsync(mark.fileno())
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        beside.rename(path / _MARK)
        claim.pop_all()
    return mark


def _let_go(mark: IO[bytes]) -> None:
    """Unlock a shard; a process that another thread is about to start has the handle too for a moment."""
    with suppress(OSError, ValueError):
        fcntl.flock(mark, fcntl.LOCK_UN)
    mark.close()


def _claim(path: Path) -> tuple[IO[bytes], int]:
    """Lock a shard and return the open mark, which holds the lock, and the length of its vectors.

    Raises:
        StoreBusy: It is open already.
        StoreDamaged: There is no shard, or it was never finished.
        IndexIncompatible: It has a form this version does not know.
    """
    try:
        mark = (path / _MARK).open("rb")
    except OSError as exc:
        if exc.errno in FULL | _FAILING | _PASSING:
            raise _os_failure(exc.errno, f"cannot open the index in {path}: {exc.strerror}") from exc
        raise StoreDamaged(f"there is no index in {path}", hint=REBUILD_HINT) from exc
    with ExitStack() as claim, _translated(path, "open"):
        claim.callback(_let_go, mark)
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise StoreBusy(f"the index in {path} is open already", hint=_BUSY_HINT) from exc
        dim = _read_mark(mark)
        claim.pop_all()
    return mark, dim


def _has_segments(path: Path) -> bool:
    """Whether a shard has its parts. Without any whole segment the engine starts an empty one and says nothing."""
    return (path / "edge_config.json").is_file() and any(path.glob("segments/*/version.info"))


def _read_mark(mark: IO[bytes]) -> int:
    try:
        content = json.loads(mark.read(_MARK_BYTES))
    except (ValueError, RecursionError) as exc:
        raise StoreDamaged(f"{mark.name} is not readable", hint=REBUILD_HINT) from exc
    if not isinstance(content, dict) or not isinstance(content.get("dim"), int):
        raise StoreDamaged(f"{mark.name} is not readable", hint=REBUILD_HINT)
    if content.get("format") != _FORMAT:
        raise IndexIncompatible(f"{mark.name} names another format", hint="Index the repository again.")
    return int(content["dim"])


def _copy_sparse(source: Path, target: Path) -> None:
    """Copy the files of a shard without what was never written in them."""
    for folder, _, names in os.walk(source):
        place = target / Path(folder).relative_to(source)
        place.mkdir(exist_ok=True)
        for name in names:
            if name == DOOR:
                continue
            with (Path(folder) / name).open("rb") as old, (place / name).open("wb") as new:
                size = os.fstat(old.fileno()).st_size
                new.truncate(size)
                _copy_data(old.fileno(), new.fileno(), size)


def _copy_data(old: int, new: int, size: int) -> None:
    at = 0
    while at < size:
        try:
            at = os.lseek(old, at, os.SEEK_DATA)
        except OSError as exc:
            if exc.errno == errno.ENXIO:  # no data beyond
                return
            raise
        end = os.lseek(old, at, os.SEEK_HOLE)
        while at < end:
            at += os.pwrite(new, os.pread(old, min(end - at, _COPIED_BYTES), at), at)


def _sync(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sync_folders(path: Path) -> None:
    for folder, _, _ in os.walk(path):
        _sync(Path(folder))
