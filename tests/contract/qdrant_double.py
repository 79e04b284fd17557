# SPDX-License-Identifier: FSL-1.1-MIT
"""A double of a Qdrant server: the client's own gRPC services, answered by Qdrant Edge.

It is not Qdrant. What it proves is what goes over the wire: that the client's messages say what the store
means, and that an engine which acts on them gives the answers the contract asks for. Clusters, the server's
write-ahead log, its optimiser and its access rules are out of its reach; set ``CONEXUS_QDRANT_URL`` to run
the contract on a real server. A message that the double does not know is refused, not passed over.
"""

# ruff: noqa: N802 - the names of the methods are the schema's

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import qdrant_edge as edge
from qdrant_client import grpc as wire
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc, qdrant_pb2_grpc

_SCHEMAS = {
    wire.FieldType.FieldTypeKeyword: edge.PayloadSchemaType.Keyword,
    wire.FieldType.FieldTypeInteger: edge.PayloadSchemaType.Integer,
}
_DISTANCES = {wire.Distance.Dot: edge.Distance.Dot, wire.Distance.Cosine: edge.Distance.Cosine}
_DATATYPES = {wire.Datatype.Float16: edge.VectorStorageDatatype.Float16}


class QdrantDouble:
    """A server on a free port of this machine.

    Args:
        folder: Where its shards are.
        version: What it says it is.
        api_key: What callers must send; empty for nothing.
    """

    def __init__(self, folder: Path, version: str = "1.20.0", api_key: str = "") -> None:
        self.folder = folder
        self.version = version
        self.api_key = api_key
        self.shards: dict[str, edge.EdgeShard] = {}
        self.calls: list[str] = []
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4), interceptors=[_Gate(self)])
        qdrant_pb2_grpc.add_QdrantServicer_to_server(_Root(self), self._server)
        collections_service_pb2_grpc.add_CollectionsServicer_to_server(_Collections(self), self._server)
        points_service_pb2_grpc.add_PointsServicer_to_server(_Points(self), self._server)
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()

    @property
    def url(self) -> str:
        """Address in the form that names the gRPC port itself."""
        return f"grpc://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Stop answering."""
        self._server.stop(grace=None).wait()
        for shard in self.shards.values():
            shard.close()

    def shard(self, name: str, context: grpc.ServicerContext) -> edge.EdgeShard:
        """Return a collection's shard, or end the call as the server does."""
        if name not in self.shards:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Not found: Collection `{name}` doesn't exist!")
        return self.shards[name]


class _Gate(grpc.ServerInterceptor):
    """Checks the key and keeps the names of the calls."""

    def __init__(self, double: QdrantDouble) -> None:
        self._double = double

    def intercept_service(self, continuation: Callable[..., Any], call: grpc.HandlerCallDetails) -> Any:
        self._double.calls.append(call.method.rsplit("/", 1)[-1])
        if self._double.api_key and ("api-key", self._double.api_key) not in tuple(call.invocation_metadata):
            return grpc.unary_unary_rpc_method_handler(_refuse)
        return continuation(call)


def _refuse(_request: object, context: grpc.ServicerContext) -> None:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "Must provide an API key or an Authorization bearer token")


@contextmanager
def _engine(context: grpc.ServicerContext) -> Iterator[None]:
    """Answer what the engine refuses as the server does."""
    try:
        yield
    except (KeyError, ValueError, NotImplementedError) as exc:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"the double does not know {exc}")
    except Exception as exc:
        if type(exc) is not Exception:
            raise
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(exc))


class _Root(qdrant_pb2_grpc.QdrantServicer):
    def __init__(self, double: QdrantDouble) -> None:
        self._double = double

    def HealthCheck(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        return wire.HealthCheckReply(title="qdrant - vector search engine", version=self._double.version)


class _Collections(collections_service_pb2_grpc.CollectionsServicer):
    def __init__(self, double: QdrantDouble) -> None:
        self._double = double

    def List(self, _request: Any, _context: grpc.ServicerContext) -> Any:
        names = [wire.CollectionDescription(name=name) for name in self._double.shards]
        return wire.ListCollectionsResponse(collections=names)

    def CollectionExists(self, request: Any, _context: grpc.ServicerContext) -> Any:
        exists = request.collection_name in self._double.shards
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=exists))

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        name = request.collection_name
        if name in self._double.shards:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"Wrong input: Collection `{name}` already exists!")
        if not re.fullmatch(r"[^/\\:*?\"<>|\0]{1,255}", name):
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Validation error: bad collection name")
        with _engine(context):
            vectors = {
                key: edge.EdgeVectorParams(
                    params.size, _DISTANCES[params.distance], datatype=_DATATYPES[params.datatype]
                )
                for key, params in request.vectors_config.params_map.map.items()
            }
            sparse = {
                key: edge.EdgeSparseVectorParams(
                    modifier=edge.Modifier.Idf if params.modifier == wire.Modifier.Idf else None
                )
                for key, params in request.sparse_vectors_config.map.items()
            }
            path = self._double.folder / name
            path.mkdir(parents=True)
            config = edge.EdgeConfig(vectors=vectors, sparse_vectors=sparse)
            self._double.shards[name] = edge.EdgeShard.create(str(path), config)
        return wire.CollectionOperationResponse(result=True)


class _Points(points_service_pb2_grpc.PointsServicer):
    def __init__(self, double: QdrantDouble) -> None:
        self._double = double

    def CreateFieldIndex(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            schema = _SCHEMAS[request.field_type]
            shard.update(edge.UpdateOperation.create_field_index(request.field_name, schema))
        return _done()

    def Upsert(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            shard.update(edge.UpdateOperation.upsert_points([_point(each) for each in request.points]))
        return _done(request)

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            if request.points.WhichOneof("points_selector_one_of") == "filter":
                shard.update(edge.UpdateOperation.delete_points_by_filter(_filter(request.points.filter)))
            else:
                ids = [uuid.UUID(each.uuid) for each in request.points.points.ids]
                shard.update(edge.UpdateOperation.delete_points(ids))
        return _done(request)

    def Get(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            records = shard.retrieve([uuid.UUID(each.uuid) for each in request.ids], False, False)
        return wire.GetResponse(result=[_record(each) for each in records])

    def Count(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            count = shard.count(edge.CountRequest(exact=request.exact, filter=_filter(request.filter)))
        return wire.CountResponse(result=wire.CountResult(count=count))

    def Scroll(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        offset = uuid.UUID(request.offset.uuid) if request.HasField("offset") else None
        with _engine(context):
            records, following = shard.scroll(
                edge.ScrollRequest(
                    offset,
                    request.limit,
                    filter=_filter(request.filter),
                    with_payload=list(request.with_payload.include.fields),
                    with_vector=list(request.with_vectors.include.names),
                )
            )
        page = wire.ScrollResponse(result=[_record(each) for each in records])
        if following is not None:
            page.next_page_offset.uuid = str(following)
        return page

    def QueryBatch(self, request: Any, context: grpc.ServicerContext) -> Any:
        shard = self._double.shard(request.collection_name, context)
        with _engine(context):
            answers = shard.query_batch(edge.QueryBatchRequest([_query(each) for each in request.query_points]))
        return wire.QueryBatchResponse(
            result=[
                wire.BatchResult(
                    result=[wire.ScoredPoint(id=wire.PointId(uuid=str(hit.id)), score=hit.score) for hit in hits]
                )
                for hits in answers
            ]
        )


def _done(request: Any = None) -> Any:
    if request is not None and not request.wait:
        raise NotImplementedError("writes that are not waited for")
    return wire.PointsOperationResponse(result=wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed))


def _point(point: Any) -> edge.Point:
    vectors: dict[str, Any] = {}
    for name, vector in point.vectors.vectors.vectors.items():
        kind = vector.WhichOneof("vector")
        if kind == "sparse":
            vectors[name] = edge.SparseVector(list(vector.sparse.indices), list(vector.sparse.values))
        elif kind == "dense":
            vectors[name] = list(vector.dense.data)
        else:
            raise NotImplementedError(f"vectors of kind {kind}")
    return edge.Point(uuid.UUID(point.id.uuid), vectors, {key: _plain(each) for key, each in point.payload.items()})


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return [_plain(each) for each in value.list_value.values]
    if kind in {"string_value", "integer_value"}:
        return getattr(value, kind)
    raise NotImplementedError(f"payload of kind {kind}")


def _filter(given: Any) -> edge.Filter:
    if given.should or given.HasField("min_should"):
        raise NotImplementedError("should")
    return edge.Filter(
        must=[_condition(each) for each in given.must], must_not=[_condition(each) for each in given.must_not]
    )


def _condition(condition: Any) -> edge.FieldCondition:
    match = condition.field.match
    kind = match.WhichOneof("match_value")
    if kind in {"keyword", "integer"}:
        return edge.FieldCondition(condition.field.key, match=edge.MatchValue(getattr(match, kind)))
    if kind == "keywords":
        return edge.FieldCondition(condition.field.key, match=edge.MatchAny(list(match.keywords.strings)))
    if kind == "integers":
        return edge.FieldCondition(condition.field.key, match=edge.MatchAny(list(match.integers.integers)))
    raise NotImplementedError(f"match of kind {kind}")


def _query(request: Any) -> edge.QueryRequest:
    nearest = request.query.nearest
    kind = nearest.WhichOneof("variant")
    if kind == "sparse":
        vector: Any = edge.SparseVector(list(nearest.sparse.indices), list(nearest.sparse.values))
    elif kind == "dense":
        vector = list(nearest.dense.data)
    else:
        raise NotImplementedError(f"query of kind {kind}")
    params = request.params
    idf = edge.IdfParams(_filter(params.idf.corpus)) if params.HasField("idf") else None
    return edge.QueryRequest(
        request.limit,
        query=edge.Query.Nearest(vector, using=request.using),
        filter=_filter(request.filter),
        params=edge.SearchParams(hnsw_ef=params.hnsw_ef or None, idf=idf),
    )


def _record(record: edge.Record) -> Any:
    payload = {key: wire.Value(integer_value=each) for key, each in (record.payload or {}).items() if key == "f"}
    vectors = {}
    for name, vector in (record.vector or {}).items():
        if isinstance(vector, edge.SparseVector):
            sparse = wire.SparseVector(indices=vector.indices, values=vector.values)
            vectors[name] = wire.VectorOutput(sparse=sparse)
        else:
            vectors[name] = wire.VectorOutput(dense=wire.DenseVector(data=vector))
    return wire.RetrievedPoint(
        id=wire.PointId(uuid=str(record.id)),
        payload=payload,
        vectors=wire.VectorsOutput(vectors=wire.NamedVectorsOutput(vectors=vectors)),
    )
