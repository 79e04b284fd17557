# SPDX-License-Identifier: FSL-1.1-MIT
"""What each gRPC method does: who calls, what is asked, the answer or the error, and the streams.

Requests come as bytes and are read only once it is known who calls. An error has the status that
:data:`~conexus.daemon.failures.GRPC_STATUS` says, its message as the status's, and all of it as JSON, in the form of
:class:`conexus.daemon.schema.Failure`, in the trailing metadata ``conexus-error-bin``. The name of the request is in
the trailing metadata ``x-request-id``; of a stream, whose end may be far, in the initial metadata as well.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import unquote

import grpc

from conexus.daemon import schema
from conexus.daemon.api import Api
from conexus.daemon.call import Call, Surface
from conexus.daemon.failures import GRPC_STATUS, failure_of, internal
from conexus.daemon.gatekeeper import metadata_of
from conexus.daemon.operations import BY_NAME, OPERATIONS, Operation
from conexus.daemon.wire import MESSAGES, message_of, read
from conexus.errors import ConexusError, DaemonUnavailable
from conexus.types import Principal
from conexus.values import dataclass

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    Context = ServicerContext[bytes, bytes]

PACKAGE = "conexus.v1"
ERROR_KEY = "conexus-error-bin"
REQUEST_ID_KEY = "x-request-id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
# Clients take 8 KB of metadata. On the wire a byte of the message may take three, and four for three of the other.
_MAX_STATUS_BYTES = 600
_MAX_FAILURE_BYTES = 3000
_LAST_WORDS_S = 3.0
_log = logging.getLogger("conexus.daemon.grpc")
_M = TypeVar("_M", bound=schema.Message)


class Exchange:
    """One RPC: its context, and who calls.

    Args:
        api: What all surfaces share.
        context: gRPC's own.
    """

    def __init__(self, api: Api, context: Context) -> None:
        self._api = api
        self._context = context
        self._texts = [(name, value) for name, value in context.invocation_metadata() or () if isinstance(value, str)]
        self._metadata = metadata_of(self._texts)
        given = self._metadata.get(REQUEST_ID_KEY, "")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        self._who: Principal | None = None

    @property
    def who(self) -> Principal:
        """The caller, once :meth:`admit` knows."""
        if self._who is None:
            raise RuntimeError("the caller is not known yet")
        return self._who

    async def admit(self) -> None:
        """Find out who calls.

        Raises:
            AccessDenied: A web page calls that may not.
            Unauthenticated: There are no valid credentials.
            RateLimited: Too many wrong ones came from there.
        """
        origins, sites = ([value for key, value in self._texts if key == name] for name in ("origin", "sec-fetch-site"))
        refusal = self._api.doors.page_refusal(origins, sites)
        if refusal is not None:
            self._api.metrics.refused("origin")
            raise refusal
        gatekeeper = self._api.gatekeeper
        try:
            # Only other credentials than the daemon's own have to be looked up.
            self._who = gatekeeper.local(self._metadata) or await asyncio.to_thread(
                gatekeeper.admit, self._metadata, _address(self._context.peer()), Surface.GRPC.value
            )
        except ConexusError:
            self._api.metrics.refused("credentials")
            raise

    def call(self, operation: Operation) -> Call:
        """Return a call that is over when the caller's time is."""
        left_s = cast("float | None", self._context.time_remaining())
        return self._api.new_call(operation, self.who, Surface.GRPC, self.request_id, left_s)

    async def send(self, answer: schema.Message) -> None:
        """Send one message of a stream."""
        await self._context.write(message_of(answer).SerializeToString())

    async def answered(self, work: Callable[[], Awaitable[bytes]], *, streams: bool = False) -> bytes:
        """Do the work of the RPC; end the RPC with what goes wrong, as the module says.

        Args:
            work: Returns the answer.
            streams: Whether it sends messages before.
        """
        if streams:
            await self._context.send_initial_metadata(self._about())
        try:
            await self.admit()
            answer = await work()
        except ConexusError as error:
            return await self._fail(error)
        except Exception:  # noqa: BLE001 -- a fault of ours ends the call, with a name for it in the log
            _log.exception("a call failed by a fault of Conexus", extra={"request": self.request_id})
            return await self._fail(internal(self.request_id))
        # With the answer, and not ahead of it: what is sent by itself takes time, here and where it wakes the client.
        self._context.set_trailing_metadata(self._about())
        return answer

    def _about(self) -> tuple[tuple[str, str | bytes], ...]:
        """Return what is said of each answer."""
        licence = ((name.decode(), value.decode()) for name, value in self._api.licence_headers())
        return ((REQUEST_ID_KEY, self.request_id), *licence)

    async def _fail(self, error: ConexusError) -> bytes:
        failure = failure_of(error, self._who)
        status = grpc.StatusCode[GRPC_STATUS[error.code]]
        trailing = (*self._about(), (ERROR_KEY, _packed(failure)))
        return await self._context.abort(status, _cut(failure.message, _MAX_STATUS_BYTES), trailing)


@dataclass(slots=True)
class _Run:
    """A job that callers of RunIndex follow."""

    callers: int = 0
    is_theirs: bool = False
    """Whether one of them started it; else it goes on without them."""


@dataclass(eq=False)
class Methods:
    """The methods of all services."""

    api: Api
    _run: dict[str, _Run] = field(default_factory=dict)
    _ending: set[asyncio.Future[None]] = field(default_factory=set)
    _at_work: set[asyncio.Task[Any]] = field(default_factory=set)

    def table(self) -> dict[str, grpc.RpcMethodHandler[bytes, bytes]]:
        """Return the handlers by the path that clients call."""
        found = {_path(*operation.grpc): self._unary(operation) for operation in OPERATIONS}
        found[_path("SearchService", "SearchStream")] = self._stream(schema.SearchRequest, self._search)
        found[_path("IndexService", "RunIndex")] = self._stream(schema.IndexRequest, self._run_index)
        found[_path("IndexService", "WatchJob")] = self._stream(schema.JobRequest, self._watch)
        found[_path("DaemonService", "Events")] = self._stream(schema.Empty, self._events)
        return found

    def _unary(self, operation: Operation) -> grpc.RpcMethodHandler[bytes, bytes]:
        async def handle(data: bytes, context: Context) -> bytes:
            exchange = Exchange(self.api, context)

            async def work() -> bytes:
                request = read(operation.request, data)
                answer = await self.api.answer(operation, request, exchange.call(operation))
                return message_of(answer).SerializeToString()

            with self._noted():
                return await exchange.answered(work)

        return grpc.unary_unary_rpc_method_handler(handle)

    def _stream(
        self, kind: type[_M], follow: Callable[[_M, Exchange, Context], Awaitable[None]]
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        # A coroutine that writes, not a generator: where the caller goes, it ends at once and not when it is collected.
        async def handle(data: bytes, context: Context) -> None:
            exchange = Exchange(self.api, context)

            async def work() -> bytes:
                await follow(read(kind, data), exchange, context)
                return b""

            with self._noted():
                await exchange.answered(work, streams=True)

        return grpc.unary_stream_rpc_method_handler(handle)

    @contextmanager
    def _noted(self) -> Iterator[None]:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("methods run in tasks")
        self._at_work.add(task)
        try:
            yield
        finally:
            self._at_work.discard(task)

    async def ended(self) -> None:
        """Wait until calls that were cancelled have told their work to stop. They are given a few seconds."""
        waiting = self._at_work | self._ending
        if waiting:
            await asyncio.wait(waiting, timeout=_LAST_WORDS_S)

    # --------------------------------------------------------------------------- streams

    async def _search(self, request: schema.SearchRequest, exchange: Exchange, context: Context) -> None:
        operation = BY_NAME["search"]
        found = await self.api.answer(operation, request, exchange.call(operation))
        answer = cast("schema.SearchResponse", found)
        item = MESSAGES["SearchStreamItem"]
        for result in answer.results:
            await context.write(item(result=message_of(result)).SerializeToString())
        summary = answer.model_copy(update={"results": []})
        await context.write(item(summary=message_of(summary)).SerializeToString())

    async def _watch(self, request: schema.JobRequest, exchange: Exchange, context: Context) -> None:
        await self._follow(request.id, exchange)

    async def _follow(self, job: str, exchange: Exchange) -> None:
        """Send a job as it changes, until it is over.

        Raises:
            DaemonUnavailable: The daemon ends before the job does.
        """
        is_over = False
        async with aclosing(self.api.watch(job, exchange.call(BY_NAME["job"]))) as jobs:
            async for found in jobs:
                is_over = found.state.is_over
                await exchange.send(found)
        if not is_over:
            raise DaemonUnavailable(
                "the daemon is about to stop", hint="the job goes on when the daemon is started again"
            )

    async def _events(self, request: schema.Empty, exchange: Exchange, context: Context) -> None:
        async with aclosing(self.api.events(exchange.who)) as events:
            async for event in events:
                await exchange.send(event)

    async def _run_index(self, request: schema.IndexRequest, exchange: Exchange, context: Context) -> None:
        """Start a job and follow it. It is cancelled when the last caller that runs it goes; others' jobs are not."""
        asked_at = time.time()
        operation = BY_NAME["index"]
        submitting = asyncio.ensure_future(self.api.answer(operation, request, exchange.call(operation)))
        try:
            job = cast("schema.Job", await asyncio.shield(submitting))
        except asyncio.CancelledError:
            # The job may exist by now, and would be nobody's.
            with suppress(ConexusError, asyncio.CancelledError):
                job = cast("schema.Job", await submitting)
                self._join(job, asked_at)
                await self._leave(job.id, exchange)
            raise
        self._join(job, asked_at)
        try:
            await self._follow(job.id, exchange)
        except DaemonUnavailable:
            self._run.pop(job.id, None)  # the next daemon goes on with it
            raise
        finally:
            await self._leave(job.id, exchange)

    def _join(self, job: schema.Job, asked_at: float) -> None:
        run = self._run.setdefault(job.id, _Run())
        run.callers += 1
        run.is_theirs |= job.created_at >= asked_at

    async def _leave(self, job: str, exchange: Exchange) -> None:
        """Forget one caller that runs a job; the last one ends a job of theirs. One that is over stays as it is."""
        run = self._run.get(job)
        if run is None:
            return
        run.callers -= 1
        if not run.callers:
            del self._run[job]
            if run.is_theirs:
                await self._cancelled(job, exchange)

    async def _cancelled(self, job: str, exchange: Exchange) -> None:
        """Cancel a job, even where the RPC is cancelled once more meanwhile."""
        call = exchange.call(BY_NAME["cancel"])
        request = schema.JobRequest(id=job)

        def cancel() -> None:
            with suppress(ConexusError):
                self.api.handlers.cancel(request, call)

        ending = asyncio.ensure_future(asyncio.to_thread(cancel))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)


def _path(service: str, method: str) -> str:
    return f"/{PACKAGE}.{service}/{method}"


def _address(peer: str) -> str:
    """Return the address of a caller, without kind and port: the middle of ``ipv4:127.0.0.1:5000``."""
    kind, _, rest = unquote(peer).partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return ""  # it is on this machine
    return rest.rpartition(":")[0].strip("[]").partition("%")[0]


def _packed(failure: schema.Failure) -> bytes:
    """Return an error as JSON that fits into metadata: of one that names much, the beginning of each text."""
    data = failure.model_dump_json().encode()
    for most in (800, 200, 50):
        if len(data) <= _MAX_FAILURE_BYTES:
            break
        cut = schema.Failure(
            code=failure.code,
            message=_cut(failure.message, most),
            hint=None if failure.hint is None else _cut(failure.hint, most),
            details={_cut(key, 50): _cut(value, most) for key, value in list(failure.details.items())[:5]},
        )
        data = cut.model_dump_json().encode()
    return data


def _cut(text: str, most_bytes: int) -> str:
    data = text.encode()
    return text if len(data) <= most_bytes else data[: most_bytes - 3].decode("utf-8", "ignore") + "…"


__all__ = ["ERROR_KEY", "PACKAGE", "REQUEST_ID_KEY", "Exchange", "Methods"]
