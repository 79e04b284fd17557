# SPDX-License-Identifier: FSL-1.1-MIT
"""Vectors on a Qdrant server, shared by many machines, over gRPC.

All indexes of one vector length share the collection ``conexus-<dim>``; each is a tenant of it. Since
every machine counts its indexes from 1, a tenant is named by the store's namespace and the index. A point
that carries no vector marks that an index exists, so that an empty one can be told from none.

The id of a point is the chunk's, mixed (exclusive or) with a hash of the tenant: two generations of an
index hold the same chunks, and a server has one id space a collection. The mixing is its own inverse.

``qdrant_client`` takes a second to import, so it is imported where it is first needed.
"""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urlsplit

import numpy as np

from conexus.errors import ConfigError, IndexIncompatible, StoreDamaged, StoreError
from conexus.lanes import aside
from conexus.lexical import vector_checksum
from conexus.points import NOTHING, in_columns, listed
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

if TYPE_CHECKING:
    from qdrant_client import QdrantClient, models

_DENSE: Final = "dense"
_SPARSE: Final = "bm25"
_MARKS = 1_000  # points of a page
_PREFIX: Final = "conexus-"
_HTTP_PORT: Final = 6333

# Term statistics of one tenant came with 1.19: an older server would weigh words by all that others keep
# there. Before 1.16 it could also be made to write files of its own (CVE-2026-25628).
_OLDEST_SERVER: Final = (1, 19)

_UPSERT_POINTS: Final = 1_000  # about 2 MB; a server takes 32 MB in one message
_PAGE_POINTS: Final = 500
_SEARCH_EF: Final = 256
_REBUILD_HINT: Final = "Run `conexus verify --repair`, or index the repository again."


class QdrantStore:
    """Keeps shards on a server. Nothing is sent before the first of them is asked for.

    Args:
        url: ``http(s)://host[:6333]``, the server's usual address, whose gRPC port is the next one; or
            ``grpc(s)://host:port``, the gRPC port itself.
        api_key: Key of the server; empty for none.
        timeout_s: How long to wait for one answer.
        namespace: Names this data folder among all that share the server.

    Raises:
        ConfigError: The address is not one of these.
    """

    def __init__(self, url: str, api_key: str, timeout_s: float, namespace: str) -> None:
        self._address = _parsed(url)
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._namespace = namespace
        self._client: QdrantClient | None = None
        self._connecting = threading.Lock()

    def create(self, index: IndexId, dim: int) -> QdrantVectorShard:
        """Make an empty shard; see :meth:`conexus.ports.VectorStore.create`."""
        from qdrant_client import models  # noqa: PLC0415

        self.drop(index)
        tenant = _Tenant(self._namespace, index)
        client, name = self._connected(), _collection(dim)
        with _translated(self.address):
            if not client.collection_exists(name):
                _create_collection(client, name, dim)
            _create_payload_indexes(client, name)
            mark = models.PointStruct(id=tenant.mark_id, vector={}, payload={"mark": tenant.key})
            client.upsert(name, [mark], wait=True)
        return QdrantVectorShard(client, tenant, dim, self.address)

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> QdrantVectorShard:
        """Open a shard; see :meth:`conexus.ports.VectorStore.open`."""
        tenant, wanted = _Tenant(self._namespace, index), _collection(dim)
        client = self._connected()
        with _translated(self.address):
            found = [
                name
                for name in self._collections(client)
                if client.retrieve(name, [tenant.mark_id], with_payload=False)
            ]
        if wanted in found:
            return QdrantVectorShard(client, tenant, dim, self.address)
        if found:
            raise IndexIncompatible(
                f"index {index} on {self.address} is in {found[0]}; the model makes vectors of {dim} numbers",
                hint="Index the repository again.",
            )
        raise StoreDamaged(f"there is no index {index} of this machine on {self.address}", hint=_REBUILD_HINT)

    def open_beside(self, index: IndexId, dim: int) -> QdrantVectorShard:
        """Open a shard to search it; see :meth:`conexus.ports.VectorStore.open_beside`."""
        return self.open(index, dim)

    def exists(self, index: IndexId) -> bool:
        """Whether the server has a shard of this machine under this id."""
        tenant = _Tenant(self._namespace, index)
        client = self._connected()
        with _translated(self.address):
            return any(
                client.retrieve(name, [tenant.mark_id], with_payload=False) for name in self._collections(client)
            )

    def indexes(self) -> list[IndexId]:
        """Return the ids of all shards of this machine."""
        from qdrant_client import models  # noqa: PLC0415

        client = self._connected()
        found: set[IndexId] = set()
        marks = models.Filter(must_not=[models.IsEmptyCondition(is_empty=models.PayloadField(key="mark"))])
        with _translated(self.address):
            for name in self._collections(client):
                offset = None
                while True:
                    points, offset = client.scroll(name, marks, limit=_MARKS, offset=offset, with_payload=["mark"])
                    for point in points:
                        namespace, _, number = str((point.payload or {}).get("mark", "")).rpartition("/")
                        if namespace == self._namespace and number.isdigit():
                            found.add(IndexId(int(number)))
                    if offset is None:
                        break
        return sorted(found)

    def drop(self, index: IndexId) -> None:
        """Delete a shard; see :meth:`conexus.ports.VectorStore.drop`."""
        from qdrant_client import models  # noqa: PLC0415

        tenant = _Tenant(self._namespace, index)
        client = self._connected()
        with _translated(self.address):
            for name in self._collections(client):
                # The mark goes last: what a failure leaves in between is still known to exist.
                client.delete(name, models.FilterSelector(filter=models.Filter(must=[tenant.own()])), wait=True)
                client.delete(name, models.PointIdsList(points=[tenant.mark_id]), wait=True)

    def size_bytes(self, index: IndexId) -> int:
        """Return 0: a server does not tell."""
        return 0

    def free_bytes(self) -> int | None:
        """Return ``None``: a server does not tell."""
        return None

    def memory_bytes(self) -> int:
        """Nothing: it has no process of its own."""
        return 0

    def close(self) -> None:
        """Leave the server. Idempotent; the next use connects again."""
        with self._connecting:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def address(self) -> str:
        """The server's address for people, without what may be a password."""
        return f"{self._address.scheme}://{self._address.hostname}:{self._address.port or _HTTP_PORT}"

    def _connected(self) -> QdrantClient:
        """Return the client, made and checked on first use."""
        with self._connecting:
            if self._client is None:
                client = self._connect()
                with _translated(self.address):
                    version = client.info().version
                _check_version(version, self.address)
                self._client = client
            return self._client

    def _connect(self) -> QdrantClient:
        from qdrant_client import QdrantClient  # noqa: PLC0415

        at = self._address
        http_port = at.port or _HTTP_PORT
        return QdrantClient(
            host=at.hostname,
            port=http_port,
            grpc_port=http_port if at.scheme.startswith("grpc") else http_port + 1,
            https=at.scheme.endswith("s"),
            prefer_grpc=True,
            api_key=self._api_key or None,
            timeout=max(1, round(self._timeout_s)),
            check_compatibility=False,  # it asks over HTTP, in a thread of its own, and only warns
        )

    def _collections(self, client: QdrantClient) -> list[str]:
        every = client.get_collections().collections
        return [each.name for each in every if re.fullmatch(rf"{_PREFIX}\d+", each.name)]


class QdrantVectorShard:
    """One tenant of a collection. Threads may search while another one writes."""

    def __init__(self, client: QdrantClient, tenant: _Tenant, dim: int, address: str) -> None:
        self._client = client
        self._tenant = tenant
        self._dim = dim
        self._collection = _collection(dim)
        self._address = address
        self._closed = False

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points and wait until the server has applied them.

        Raises:
            IndexIncompatible: A vector has another length than the shard's.
            StoreError: The server failed or cannot be reached.
        """
        self._check_open()
        if any(point.dense.shape != (self._dim,) for point in points):
            raise IndexIncompatible(f"a vector is not of {self._dim} numbers as {self._collection} is")
        last = iter({point.id: point for point in points}.values())
        while batch := list(islice(last, _UPSERT_POINTS)):
            with _translated(self._address):
                self._client.upsert(self._collection, [_server_point(self._tenant, p) for p in batch], wait=True)

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files; see :meth:`conexus.ports.VectorShard.delete_files`."""
        from qdrant_client import models  # noqa: PLC0415

        self._check_open()
        if ids := sorted({int(file) for file in files}):
            which = models.FieldCondition(key="f", match=models.MatchAny(any=ids))
            selector = models.FilterSelector(filter=models.Filter(must=[self._tenant.own(), which]))
            with _translated(self._address):
                self._client.delete(self._collection, selector, wait=True)

    def flush(self) -> None:
        """Do nothing: every write waits until the server has it in its log."""
        self._check_open()

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points; see :meth:`conexus.ports.VectorShard.search`.

        Raises:
            IndexIncompatible: The query vector has another length than the shard's.
            StoreError: The server failed or cannot be reached.
        """
        queries = [VectorQuery(vector, limit, where) for vector in (dense, sparse) if vector is not None]
        answers = map(listed, self.search_all(queries))
        return [] if dense is None else next(answers), [] if sparse is None else next(answers)

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries in one request; see :meth:`conexus.ports.VectorShard.search_all`.

        Raises:
            IndexIncompatible: A query vector has another length than the shard's.
            StoreError: The server failed or cannot be reached.
        """
        self._check_open()
        meanwhile()
        requests = [self._request(query) for query in queries]
        asked = [request for request in requests if request is not None]
        if not asked:
            return [NOTHING for _ in queries]
        with _translated(self._address):
            answers = iter(aside(partial(self._client.query_batch_points, self._collection, asked)))
        return [
            NOTHING
            if request is None
            else self._scored(next(answers), float("inf") if isinstance(query.vector, SparseVector) else 1.0)
            for query, request in zip(queries, requests, strict=True)
        ]

    def _request(self, query: VectorQuery) -> models.QueryRequest | None:
        """Return a query as the server takes it; nothing where it can have no answer."""
        from qdrant_client import models  # noqa: PLC0415

        vector, where = query.vector, query.where
        if not isinstance(vector, SparseVector) and vector.shape != (self._dim,):
            raise IndexIncompatible(f"the query is not of {self._dim} numbers as {self._collection} is")
        if query.limit < 1 or any(
            part is not None and not part for part in (where.files, where.languages, where.kinds)
        ):
            return None
        only = _server_filter(self._tenant, where)
        if not isinstance(vector, SparseVector):
            params = models.SearchParams(hnsw_ef=max(_SEARCH_EF, 2 * query.limit), exact=where.is_secret)
            return models.QueryRequest(
                query=vector.tolist(), using=_DENSE, filter=only, limit=query.limit, params=params
            )
        if not len(vector.indices):
            return None
        corpus = models.IdfCorpusParams(corpus=_server_filter(self._tenant, PointFilter(hidden=where.hidden)))
        terms = models.SparseVector(indices=vector.indices.tolist(), values=vector.values.tolist())
        params = models.SearchParams(idf=corpus)
        return models.QueryRequest(query=terms, using=_SPARSE, filter=only, limit=query.limit, params=params)

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point, with a checksum of what is read back.

        Raises:
            StoreDamaged: A point lacks a part.
        """
        from qdrant_client import models  # noqa: PLC0415

        only = models.Filter(must=[self._tenant.own()])
        offset: Any = None  # what the client gave, to be given back
        while True:
            self._check_open()
            with _translated(self._address):
                records, offset = self._client.scroll(
                    self._collection,
                    scroll_filter=only,
                    limit=_PAGE_POINTS,
                    offset=offset,
                    with_payload=["f"],
                    with_vectors=[_DENSE, _SPARSE],
                )
            for record in records:
                yield self._stored(record)
            if offset is None:
                return

    def count(self) -> int:
        """Return the number of points."""
        from qdrant_client import models  # noqa: PLC0415

        self._check_open()
        with _translated(self._address):
            only = models.Filter(must=[self._tenant.own()])
            return self._client.count(self._collection, count_filter=only, exact=True).count

    def optimize(self) -> None:
        """Do nothing: a server builds its indexes by itself."""
        self._check_open()

    def is_wasteful(self) -> bool:
        """False: a server frees by itself what it does not need."""
        return False

    def close(self) -> None:
        """Release the shard. Idempotent."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"the index on {self._address} is closed")

    def _scored(self, answer: models.QueryResponse, most: float) -> ScoredPoints:
        hits = [ScoredPoint(self._tenant.chunk_id(hit.id), min(hit.score, most)) for hit in answer.points]
        return in_columns(sorted(hits, key=lambda hit: (-hit.score, hit.id)))

    def _stored(self, record: models.Record) -> StoredPoint:
        from qdrant_client import models  # noqa: PLC0415

        chunk = self._tenant.chunk_id(record.id)
        file = (record.payload or {}).get("f")
        vectors = record.vector if isinstance(record.vector, dict) else {}
        dense, sparse = vectors.get(_DENSE), vectors.get(_SPARSE)
        if not isinstance(file, int) or not isinstance(dense, list) or not isinstance(sparse, models.SparseVector):
            raise StoreDamaged(f"chunk {chunk} on {self._address} lacks a part", hint=_REBUILD_HINT)
        terms = SparseVector(np.array(sparse.indices, dtype=np.uint32), np.array(sparse.values, dtype=np.float32))
        return StoredPoint(chunk, FileId(file), vector_checksum(np.array(dense, dtype=np.float16), terms))


class _Tenant:
    """One index of one namespace, as the server knows it."""

    def __init__(self, namespace: str, index: IndexId) -> None:
        self.key = f"{namespace}/{int(index)}"
        self._mask = int.from_bytes(hashlib.sha256(self.key.encode()).digest()[:16], "big")

    @property
    def mark_id(self) -> str:
        """Id of the point that says the index exists: that of no chunk, whose ids are never zero."""
        return str(uuid.UUID(int=self._mask))

    def point_id(self, chunk: ChunkId) -> str:
        return str(uuid.UUID(int=uuid.UUID(chunk).int ^ self._mask))

    def chunk_id(self, point: models.ExtendedPointId) -> ChunkId:
        return ChunkId(str(uuid.UUID(int=uuid.UUID(str(point)).int ^ self._mask)))

    def own(self) -> models.FieldCondition:
        from qdrant_client import models  # noqa: PLC0415

        return models.FieldCondition(key="index", match=models.MatchValue(value=self.key))


def _collection(dim: int) -> str:
    return f"{_PREFIX}{dim}"


def _parsed(url: str) -> SplitResult:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError as exc:
        raise ConfigError("store.url is not an address") from exc
    grpc = address.scheme in {"grpc", "grpcs"}
    if address.scheme not in {"http", "https", "grpc", "grpcs"} or not address.hostname or (grpc and port is None):
        raise ConfigError(
            "store.url is not the address of a Qdrant server",
            hint="It reads http://host:6333 or https://host:6333; grpc://host:port names the gRPC port itself.",
        )
    return address


def _check_version(version: str, address: str) -> None:
    oldest = ".".join(map(str, _OLDEST_SERVER))
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST_SERVER:
        raise StoreError(
            f"{address} runs Qdrant {version or 'of unknown version'}; {oldest} or newer is needed, which keeps the "
            "word statistics of indexes apart and has the fix of CVE-2026-25628",
            hint="Update the server, or unset store.url to keep vectors on this machine.",
        )


def _create_collection(client: QdrantClient, name: str, dim: int) -> None:
    """Make a collection; the work of another machine that does the same just now is taken over."""
    from qdrant_client import models  # noqa: PLC0415

    try:
        client.create_collection(
            name,
            # Not cosine: it would scale the vectors again, and a read give back other bits.
            vectors_config={
                _DENSE: models.VectorParams(size=dim, distance=models.Distance.DOT, datatype=models.Datatype.FLOAT16)
            },
            sparse_vectors_config={_SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            # No graph over all tenants, one within each.
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        )
    except Exception:
        if not client.collection_exists(name):
            raise


def _create_payload_indexes(client: QdrantClient, name: str) -> None:
    """Index what filters ask for; what is there already stays."""
    from qdrant_client import models  # noqa: PLC0415

    tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    client.create_payload_index(name, "index", tenant)
    client.create_payload_index(name, "f", models.PayloadSchemaType.INTEGER)
    for field in ("lang", "kind", "tag"):
        client.create_payload_index(name, field, models.PayloadSchemaType.KEYWORD)


def _server_point(tenant: _Tenant, point: VectorPoint) -> models.PointStruct:
    from qdrant_client import models  # noqa: PLC0415

    return models.PointStruct(
        id=tenant.point_id(point.id),
        vector={
            _DENSE: point.dense.astype(np.float32).tolist(),
            _SPARSE: models.SparseVector(indices=point.sparse.indices.tolist(), values=point.sparse.values.tolist()),
        },
        payload={
            "index": tenant.key,
            "f": int(point.file),
            "lang": point.language,
            "kind": list(point.kinds),
            "tag": list(point.tags),
        },
    )


def _server_filter(tenant: _Tenant, where: PointFilter) -> models.Filter:
    from qdrant_client import models  # noqa: PLC0415

    def among(key: str, values: list[str] | list[int]) -> models.FieldCondition:
        return models.FieldCondition(key=key, match=models.MatchAny(any=values))

    must: list[models.Condition] = [tenant.own()]
    if where.files is not None:
        must.append(among("f", [int(file) for file in where.files]))
    if where.languages is not None:
        must.append(among("lang", list(where.languages)))
    if where.kinds is not None:
        must.append(among("kind", list(where.kinds)))
    must_not: list[models.Condition] = [among("tag", list(where.without_tags))] if where.without_tags else []
    if where.hidden:
        must_not.append(among("f", sorted(map(int, where.hidden))))
    return models.Filter(must=must, must_not=must_not)


@contextmanager
def _translated(address: str) -> Iterator[None]:
    """Turn what the client raises into the errors of Conexus."""
    import grpc  # noqa: PLC0415
    from qdrant_client.common.client_exceptions import QdrantException  # noqa: PLC0415

    try:
        yield
    except grpc.RpcError as exc:
        if not isinstance(exc, grpc.Call):
            raise StoreError(f"the Qdrant server {address} failed: {exc}") from exc
        raise _failure(address, exc.code().name, (exc.details() or "").splitlines()) from exc
    except QdrantException as exc:
        raise StoreError(f"the Qdrant server {address} is overloaded: {exc}", hint="Try again later.") from exc


def _failure(address: str, status: str, details: list[str]) -> StoreError:
    reason = details[0][:200] if details else status
    if status in {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"}:
        return StoreError(
            f"the Qdrant server {address} cannot be reached: {reason}",
            hint="Check store.url, and that the server's gRPC port is open.",
        )
    if status in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
        return StoreError(f"the Qdrant server {address} refused the key", hint="Check store.api_key.")
    if status == "NOT_FOUND":
        return StoreDamaged(f"an index on {address} is gone: {reason}", hint=_REBUILD_HINT)
    return StoreError(f"the Qdrant server {address} failed: {reason}")
