# SPDX-License-Identifier: FSL-1.1-MIT
"""The gRPC surface: the services of ``conexus.v1``, health and reflection, in clear or over TLS.

Python's gRPC does not show a server the name by which it is called (``:authority``), so unlike on the HTTP ports that
name is not checked. What the check is for cannot happen here: no page in a browser can make such a call without
a token, and none can read the file it is in.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health_pb2

from conexus.config import DaemonOptions
from conexus.daemon.api import Api
from conexus.daemon.grpc_methods import PACKAGE, Exchange, Methods
from conexus.daemon.operations import OPERATIONS
from conexus.errors import ConfigError, DaemonUnavailable, InvalidRequest

if TYPE_CHECKING:
    from grpc.aio import Server, ServicerContext

    Context = ServicerContext[Any, Any]

SERVICES = tuple(dict.fromkeys(f"{PACKAGE}.{operation.grpc[0]}" for operation in OPERATIONS))
"""Full names of the services of the table."""
HEALTH = "grpc.health.v1.Health"
REFLECTION = "grpc.reflection.v1alpha.ServerReflection"
_MAX_ANSWER_BYTES = 64 * 1024 * 1024
_MAX_STREAMS = 128  # of one connection
_MAX_RPCS = 1024  # streams included, which wait and take no thread
_IDENTITY_ONLY = 1
_PING_EVERY_MS = 60_000
_PING_TIMEOUT_MS = 20_000
_PINGED_AT_MOST_EVERY_MS = 10_000


class GrpcServer:
    """Serves gRPC.

    Args:
        api: What all surfaces share.
        options: Where to listen, and the limits.
    """

    def __init__(self, api: Api, options: DaemonOptions) -> None:
        self._api = api
        self._options = options
        self._methods = Methods(api)
        self._health = _Health()
        self._server: Server | None = None

    async def start(self) -> int:
        """Begin to listen.

        Returns:
            The port.

        Raises:
            ConfigError: A file of TLS cannot be used.
            DaemonUnavailable: The address is taken.
        """
        server = grpc.aio.server(
            handlers=(_Table(self._table()),), options=_limits(self._options), maximum_concurrent_rpcs=_MAX_RPCS
        )
        host, options = self._options.host, self._options
        address = f"{f'[{host}]' if ':' in host else host}:{options.grpc_port}"
        try:
            if options.tls_cert:
                port = server.add_secure_port(address, _credentials(options))
            else:
                port = server.add_insecure_port(address)
        except RuntimeError as exc:
            raise DaemonUnavailable(
                f"cannot listen on {address}: another program uses it, or it is no address of this machine",
                hint="choose another: conexus config set daemon.grpc_port 0",
            ) from exc
        await server.start()
        self._server = server
        return port

    async def stop(self, grace_s: float) -> None:
        """Take no more calls, and wait for those that run; what is left after ``grace_s`` is cancelled."""
        self._health.end()
        if self._server is not None:
            await self._server.stop(grace_s)
            await self._methods.ended()  # gRPC cancels calls, but does not wait until they have noticed

    def _table(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        table: dict[str, grpc.RpcMethodHandler[Any, Any]] = {**self._methods.table(), **self._health.table()}
        if self._options.grpc_reflection:
            table[f"/{REFLECTION}/ServerReflectionInfo"] = _reflection(self._api)
        return table


class _Table(grpc.GenericRpcHandler):
    """Finds handlers by path; gRPC answers for a path without one that it is not implemented."""

    def __init__(self, table: dict[str, grpc.RpcMethodHandler[Any, Any]]) -> None:
        self._handlers = table

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the handler of a path."""
        return self._handlers.get(handler_call_details.method)


class _Health:
    """The usual health service. It needs no credentials, and tells nothing but whether the daemon takes calls.

    The one of grpcio-health-checking is not used: its watchers stay after the end, and one that does not read keeps
    all others from being told.
    """

    def __init__(self) -> None:
        self._over = asyncio.Event()

    def end(self) -> None:
        """Say from now on that nothing is served."""
        self._over.set()

    def table(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        """Return the handlers by path."""
        return {
            f"/{HEALTH}/Check": grpc.unary_unary_rpc_method_handler(self._check),
            f"/{HEALTH}/List": grpc.unary_unary_rpc_method_handler(self._list),
            f"/{HEALTH}/Watch": grpc.unary_stream_rpc_method_handler(self._watch),
        }

    async def _check(self, data: bytes, context: Context) -> bytes:
        service = await _asked_service(data, context)
        if service not in {"", *SERVICES}:
            await context.abort(grpc.StatusCode.NOT_FOUND, "there is no such service")
        return self._answer(service).SerializeToString()

    async def _list(self, data: bytes, context: Context) -> bytes:
        statuses = {service: self._answer(service) for service in ("", *SERVICES)}
        answer: Message = health_pb2.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined]  # it is newer
        return answer.SerializeToString()

    async def _watch(self, data: bytes, context: Context) -> None:
        service = await _asked_service(data, context)
        if not self._over.is_set():
            await context.write(self._answer(service).SerializeToString())
            await self._over.wait()
        await context.write(self._answer(service).SerializeToString())

    def _answer(self, service: str) -> health_pb2.HealthCheckResponse:
        answer = health_pb2.HealthCheckResponse
        if service not in {"", *SERVICES}:
            return answer(status=answer.SERVICE_UNKNOWN)
        return answer(status=answer.NOT_SERVING if self._over.is_set() else answer.SERVING)


async def _asked_service(data: bytes, context: Context) -> str:
    try:
        return health_pb2.HealthCheckRequest.FromString(data).service
    except DecodeError:
        return await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "the request is no HealthCheckRequest")


def _reflection(api: Api) -> grpc.RpcMethodHandler[Any, Any]:
    """Return the handler that tells clients like grpcurl of the schema. It needs credentials as the others do."""
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415 -- off unless it is asked for
    from grpc_reflection.v1alpha.reflection import aio  # noqa: PLC0415

    servicer = aio.ReflectionServicer((*SERVICES, HEALTH, REFLECTION))

    async def read(requests: AsyncIterator[bytes]) -> AsyncIterator[reflection_pb2.ServerReflectionRequest]:
        async for data in requests:
            try:
                yield reflection_pb2.ServerReflectionRequest.FromString(data)
            except DecodeError as exc:
                raise InvalidRequest("the request is no ServerReflectionRequest") from exc

    async def handle(requests: AsyncIterator[bytes], context: Context) -> None:
        async def work() -> bytes:
            async for answer in servicer.ServerReflectionInfo(read(requests), context):  # type: ignore[attr-defined]
                await context.write(answer.SerializeToString())
            return b""

        await Exchange(api, context).answered(work, streams=True)

    return grpc.stream_stream_rpc_method_handler(handle)


def _limits(options: DaemonOptions) -> tuple[tuple[str, int], ...]:
    return (
        ("grpc.so_reuseport", 0),  # else a second daemon would share the port, and get every other call
        ("grpc.max_receive_message_length", options.max_request_kb * 1024),
        ("grpc.max_send_message_length", _MAX_ANSWER_BYTES),
        ("grpc.max_concurrent_streams", _MAX_STREAMS),
        # As on REST: a small compressed request may be a large one.
        ("grpc.compression_enabled_algorithms_bitset", _IDENTITY_ONLY),
        ("grpc.keepalive_time_ms", _PING_EVERY_MS),
        ("grpc.keepalive_timeout_ms", _PING_TIMEOUT_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _PINGED_AT_MOST_EVERY_MS),
    )


def _credentials(options: DaemonOptions) -> grpc.ServerCredentials:
    """Return the certificate to show and, with mTLS, whose clients are let in.

    Raises:
        ConfigError: A file cannot be read, or holds not what it should.
    """
    try:
        checked = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        checked.load_cert_chain(options.tls_cert, options.tls_key, password=lambda: "")
        if options.tls_client_ca:
            checked.load_verify_locations(options.tls_client_ca)
    except (OSError, ValueError) as exc:  # of which ssl.SSLError is one
        raise ConfigError(
            f"the files of TLS cannot be used: {exc.strerror if isinstance(exc, OSError) else exc}",
            hint="daemon.tls_cert and tls_key name PEM files of one certificate; the key has no password",
        ) from exc
    ca = Path(options.tls_client_ca).read_bytes() if options.tls_client_ca else None
    pair = (Path(options.tls_key).read_bytes(), Path(options.tls_cert).read_bytes())
    return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=ca is not None)
