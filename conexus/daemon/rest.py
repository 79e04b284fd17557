# SPDX-License-Identifier: FSL-1.1-MIT
"""The REST surface: FastAPI, made from the table of operations."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import logging
import operator
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Body, FastAPI, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError, create_model
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from conexus import __version__
from conexus.daemon import schema
from conexus.daemon.api import Api
from conexus.daemon.call import Call, Surface
from conexus.daemon.continue_provider import ContinueItem, ContinueQuestion, items_for
from conexus.daemon.failures import HTTP_STATUS, failure_of, internal
from conexus.daemon.gatekeeper import metadata_of
from conexus.daemon.guard import Guard, send_failure
from conexus.daemon.metrics import CONTENT_TYPE
from conexus.daemon.openapi_page import page_of
from conexus.daemon.operations import BY_NAME, OPERATIONS, Operation
from conexus.daemon.validation import invalid, invalid_fields
from conexus.edition import ExtraRoute
from conexus.errors import AccessDenied, Cancelled, ConexusError, InvalidRequest, NotFound, Unauthenticated
from conexus.types import ROLE_PERMISSIONS, Permission, Principal, Role

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OPEN_PATHS = frozenset({"/healthz", "/openapi.json", "/docs"})
"""What needs no credentials: whether the daemon lives, and what it can be asked."""
_IN_PATH = re.compile(r"\{(\w+)(?::path)?\}")
_KEEP_ALIVE_S = 15.0
_WATCHED_AFTER_S = 0.1  # most answers are there before, and it would cost each of them a task
_MOST_READ_BYTES = 100_000
"""What is wrong with a larger body takes long to find out, and is to be found out once."""
_SCHEMAS = "#/components/schemas/"
_SURFACE_HEADER = b"x-conexus-client"
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": schema.Failure, "description": "An error"} for status in sorted(set(HTTP_STATUS.values()))
}
_FROM_BODY = frozenset({"POST", "PATCH", "PUT"})

_log = logging.getLogger("conexus.daemon.rest")

Endpoint = Callable[..., Awaitable[Response]]
_T = TypeVar("_T")


class _App(FastAPI):
    """Answers an operation itself whose parameters are all in the body, where that is as it should be.

    FastAPI takes longer to find the function for a request, and what it is to be given, than all else that is done for
    it. It still does so for all other requests, and says what is wrong.
    """

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 -- FastAPI's own
        super().__init__(**options)
        self.by_body: dict[str, tuple[type[schema.Message], Endpoint]] = {}
        """By path: what the body holds, and the function for it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        known = self.by_body.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if known is None:
            await super().__call__(scope, receive, send)
            return
        kind, endpoint = known
        read: list[Message] = []

        async def noted() -> Message:
            read.append(await receive())
            return read[-1]

        request = Request(scope, noted)
        asked = await _valid_body(request, kind)
        if asked is None:
            await super().__call__(scope, _again(read, receive), send)
            return
        try:
            response = await endpoint(request=request, rest=asked)
        except ConexusError as error:
            response = failure_response(error, _known(request))
        except Exception:  # noqa: BLE001 -- a fault of ours ends the request, with a name for it in the log
            _log.exception("a request failed by a fault of Conexus", extra={"request": request.state.request_id})
            response = failure_response(internal(request.state.request_id), _known(request))
        await response(scope, receive, send)


def rest_app(api: Api, title: str = "Conexus") -> FastAPI:
    """Return the application, without the checks of :func:`guarded`."""
    app = _App(
        title=title,
        version=__version__,
        description="Semantic code search. Errors have one form everywhere: `code`, `message`, `hint`, `details`.",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        redirect_slashes=False,
    )
    for operation in OPERATIONS:
        method, path = operation.http
        endpoint = _endpoint(api, operation)
        if method == "POST" and not _IN_PATH.search(path):
            app.by_body[path] = operation.request, endpoint
        app.add_api_route(
            path,
            endpoint,
            methods=[method],
            response_model=operation.response,
            responses=_ERRORS,
            name=operation.name,
            operation_id=operation.name,
            summary=operation.summary,
            tags=[operation.grpc[0].removesuffix("Service").lower()],
        )
    _add_streams(app, api)
    _add_integrations(app, api)
    _add_pages(app, api)
    _add_error_handlers(app)
    _describe_security(app)
    return app


def guarded(app: FastAPI, api: Api) -> ASGIApp:
    """Put the checks in front of an application, with all its routes, that every request has to pass."""
    for route in app.routes:
        _match_whole_path(cast("Route", route))
    inner = _Admission(GZipMiddleware(app, minimum_size=2048, compresslevel=4), api)
    return Guard(inner, api.doors, api.metrics.refused, api.licence_headers)


def _match_whole_path(route: Route) -> None:
    """Have a route take its own addresses alone.

    As Starlette compiles it, a line break may follow each, and no other part of the path may hold one: a folder whose
    name ends in a line break would be taken for the one without.
    """
    route.path_regex = re.compile(rf"{route.path_regex.pattern.removesuffix('$')}\Z", re.DOTALL)


class _Admission:
    """Lets in who has credentials, and notes who it is in the request's state."""

    def __init__(self, app: ASGIApp, api: Api) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            headers = metadata_of(scope["headers"])
            address = scope["client"][0] if scope.get("client") else ""
            gatekeeper = self._api.gatekeeper
            try:
                # Only other credentials than the daemon's own have to be looked up.
                known = gatekeeper.local(headers)
                who = known or await asyncio.to_thread(gatekeeper.admit, headers, address, Surface.REST.value)
            except ConexusError as error:
                self._api.metrics.refused("credentials")
                await send_failure(send, error)
                return
            scope["state"]["who"] = who
        await self._app(scope, receive, send)


# ------------------------------------------------------------------------------ operations


def _endpoint(api: Api, operation: Operation) -> Endpoint:
    """Return the function that FastAPI calls for an operation."""
    method, path = operation.http
    in_path = _IN_PATH.findall(path)
    rest = {name: field for name, field in operation.request.model_fields.items() if name not in in_path}
    from_body = method in _FROM_BODY

    async def endpoint(request: Request, **given: Any) -> Response:  # noqa: ANN401 -- as the table says
        _refuse_unknown_query(request, set() if from_body else set(rest))
        if from_body and not rest:
            await _refuse_fields(request)
        asked = _request_of(operation, {name: given[name] for name in in_path}, given.get("rest"))
        answer = await _answered(api, operation, asked, request)
        body = answer.model_dump_json().encode()
        return _with_etag(request, body) if operation.name == "status" else _json(body)

    parameters = [inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)]
    for name in in_path:
        annotation = _annotated(operation.request.model_fields[name].annotation, Path())
        parameters.append(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
    if rest:
        model = operation.request if not in_path else _part(operation.request, in_path)
        annotation = _annotated(model, Body() if from_body else Query())
        parameters.append(inspect.Parameter("rest", inspect.Parameter.KEYWORD_ONLY, annotation=annotation))
    endpoint.__signature__ = inspect.Signature(parameters, return_annotation=Response)  # type: ignore[attr-defined]
    endpoint.__name__ = operation.name
    return cast("Endpoint", endpoint)


async def _valid_body(request: Request, kind: type[schema.Message]) -> schema.Message | None:
    """Return what the body of a request holds; nothing where something is wrong with it."""
    if request.headers.get("content-type") != "application/json":
        return None
    try:
        body = await request.body()
        return kind.model_validate(json.loads(body)) if len(body) <= _MOST_READ_BYTES else None
    except (ValueError, RecursionError, ClientDisconnect):
        return None


def _again(messages: Sequence[Message], receive: Receive) -> Receive:
    """Return what gives messages once more that were received, and then what comes after them."""
    left = iter(messages)

    async def again() -> Message:
        return next(left, None) or await receive()

    return again


def _annotated(kind: object, marker: object) -> object:
    """Return ``Annotated[kind, marker]`` for a type that is known only when the program runs."""
    annotated: object = operator.getitem(cast("Any", Annotated), (kind, marker))
    return annotated


def _part(model: type[schema.Message], without: list[str]) -> type[schema.Message]:
    """Return a model with those of the fields of another one that are not in the path."""
    fields: dict[str, Any] = {
        name: (field.annotation, field) for name, field in model.model_fields.items() if name not in without
    }
    return create_model(f"{model.__name__}Body", __base__=schema.Message, **fields)


def _request_of(operation: Operation, in_path: Mapping[str, str], rest: schema.Message | None) -> schema.Message:
    if not in_path and isinstance(rest, operation.request):
        return rest
    values = {} if rest is None else {name: getattr(rest, name) for name in rest.model_fields_set}
    try:
        return operation.request.model_validate({**values, **in_path})
    except ValidationError as exc:
        raise invalid(exc) from exc


async def _answered(api: Api, operation: Operation, asked: schema.Message, request: Request) -> schema.Message:
    """Do an operation; give it up where the client has gone."""
    call = api.new_call(operation, _who(request), _surface(request), request.state.request_id)
    return await _while_there(request, call, api.answer(operation, asked, call))


async def _while_there(request: Request, call: Call, work: Coroutine[Any, Any, _T]) -> _T:
    def give_up(gone: asyncio.Future[None]) -> None:
        if not gone.cancelled():
            call.cancel()

    gone: asyncio.Future[None] | None = None

    def watch() -> None:
        nonlocal gone
        gone = asyncio.ensure_future(_gone(request))
        gone.add_done_callback(give_up)

    watching = asyncio.get_running_loop().call_later(_WATCHED_AFTER_S, watch)
    try:
        return await work
    finally:
        watching.cancel()
        if gone is not None:
            gone.cancel()


async def _gone(request: Request) -> None:
    """Return when the client has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _refuse_unknown_query(request: Request, known: set[str]) -> None:
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        shown = unknown[0].encode("utf-8", "backslashreplace").decode()[:100]
        raise InvalidRequest(
            f"there is no parameter {shown!r}",
            hint="known are: " + ", ".join(sorted(known)) if known else "this takes no parameters",
            details={"field": shown},
        )


async def _refuse_fields(request: Request) -> None:
    """Return if the body of a request that takes none is empty, or an object without fields."""
    try:
        body = await request.body()
        given = json.loads(body) if body else {}
    except (ValueError, RecursionError) as exc:
        raise InvalidRequest("the body is no valid JSON") from exc
    except ClientDisconnect as exc:
        raise Cancelled("the caller has gone") from exc
    if given != {}:
        raise InvalidRequest("this takes no fields, and the body is not empty", hint="send {} or nothing")


def _who(request: Request) -> Principal:
    who: Principal = request.state.who
    return who


def _surface(request: Request) -> Surface:
    """Return where a request comes from: the terminal's commands come by REST too, and say so."""
    return Surface.CLI if request.headers.get(_SURFACE_HEADER.decode()) == "cli" else Surface.REST


def _json(body: bytes) -> Response:
    return Response(body, media_type="application/json")


def _with_etag(request: Request, body: bytes) -> Response:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers={"etag": etag})
    response = _json(body)
    response.headers["etag"] = etag
    response.headers["cache-control"] = "private, no-cache"
    return response


# ------------------------------------------------------------------------------ streams


def _add_streams(app: FastAPI, api: Api) -> None:
    def stream_of(name: str) -> dict[int | str, dict[str, Any]]:
        data = {"contentMediaType": "application/json", "contentSchema": {"$ref": f"{_SCHEMAS}{name}"}}
        content = {"text/event-stream": {"schema": {"type": "string", **data}}}
        return {**_ERRORS, 200: {"description": "Server-sent events, each with this as its data", "content": content}}

    async def job_events(request: Request, id: Annotated[str, Path()]) -> Response:  # noqa: A002 -- its name in the address
        """Follow an index job: an event `job` whenever it changes, until it is over."""
        _refuse_unknown_query(request, set())
        asked = _request_of(BY_NAME["job"], {"id": id}, None)
        call = api.new_call(BY_NAME["job"], _who(request), _surface(request), request.state.request_id)
        jobs = api.watch(cast("schema.JobRequest", asked).id, call)
        first = await anext(jobs)  # an error has to come before the answer begins
        return _sse(_job_lines(first, jobs))

    async def events(request: Request) -> Response:
        """Follow what happens: an event `job` for every change of an index job, `stopping` at the end."""
        _refuse_unknown_query(request, set())
        return _sse(_event_lines(api, _who(request)))

    for path, endpoint, name, data in (
        ("/v1/jobs/{id}/events", job_events, "job_events", "Job"),
        ("/v1/events", events, "events", "Event"),
    ):
        app.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            name=name,
            operation_id=name,
            responses=stream_of(data),
            response_class=StreamingResponse,
            tags=["index"],
        )


def _sse(lines: AsyncIterator[bytes]) -> Response:
    return StreamingResponse(_kept_alive(lines), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def _job_lines(first: schema.Job, jobs: AsyncIterator[schema.Job]) -> AsyncIterator[bytes]:
    yield _event("job", first)
    async for job in jobs:
        yield _event("job", job)


async def _event_lines(api: Api, who: Principal) -> AsyncIterator[bytes]:
    async for event in api.events(who):
        yield _event(event.type, event)


def _event(name: str, data: schema.Message) -> bytes:
    return f"event: {name}\ndata: {data.model_dump_json()}\n\n".encode()


async def _kept_alive(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Pass lines on, with a comment where there was none for a while, so that proxies keep the connection."""
    following = asyncio.ensure_future(anext(lines, None))
    try:
        while True:
            done, _ = await asyncio.wait({following}, timeout=_KEEP_ALIVE_S)
            if not done:
                yield b": keep-alive\n\n"
                continue
            try:
                line = following.result()
            except ConexusError as error:  # the answer has begun, so that it can only be said in it
                yield f"event: error\ndata: {failure_of(error, None).model_dump_json()}\n\n".encode()
                return
            if line is None:
                return
            yield line
            following = asyncio.ensure_future(anext(lines, None))
    finally:
        following.cancel()


# ------------------------------------------------------------------------------ integrations


def _add_integrations(app: FastAPI, api: Api) -> None:
    """Add what speaks the language of another program; each is an operation of the table, with its checks."""
    operation = BY_NAME["context"]

    async def continue_context(request: Request, question: Annotated[ContinueQuestion, Body()]) -> Response:
        """Answer the context provider `http` of Continue: the best code for a question, one item a file."""
        _refuse_unknown_query(request, set())
        call = api.new_call(operation, _who(request), _surface(request), request.state.request_id)
        work = api.dispatcher.run(operation, partial(items_for, api.handlers), question, call)
        items = await _while_there(request, call, work)
        return JSONResponse([item.model_dump() for item in items])

    app.add_api_route(
        "/integrations/continue",
        continue_context,
        methods=["POST"],
        response_model=list[ContinueItem],
        responses=_ERRORS,
        name="continue_context",
        operation_id="continue_context",
        summary="Answer the context provider of Continue",
        tags=["integrations"],
    )


# ------------------------------------------------------------------------------ of the edition


def extra_routes(api: Api) -> list[Route]:
    """Return what the edition answers beside the operations of the core, behind the same checks."""

    async def endpoint(request: Request, extra: ExtraRoute, operation: Operation) -> Response:
        _refuse_unknown_query(request, set())
        call = api.new_call(operation, _who(request), _surface(request), request.state.request_id)
        work = api.dispatcher.run(operation, lambda _, asked: extra.answer(asked.who), None, call)
        return JSONResponse(dict(await _while_there(request, call, work)))

    found = []
    for extra in api.edition.routes:
        # Limits of an operation, with the rights and the name of the route.
        name = extra.path.removeprefix("/v1/")
        role = next(role for role in Role if extra.permission in ROLE_PERMISSIONS[role])
        operation = replace(BY_NAME["status"], name=name, role=role, permission=extra.permission)
        found.append(Route(extra.path, partial(endpoint, extra=extra, operation=operation), include_in_schema=False))
    return found


# ------------------------------------------------------------------------------ pages


def _add_pages(app: FastAPI, api: Api) -> None:
    async def health() -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(request: Request) -> Response:
        if not _who(request).may(Permission.DAEMON):
            raise AccessDenied("metrics need the role admin", details={"required_role": Role.ADMIN.value})
        return Response(api.metrics.text(), media_type=CONTENT_TYPE)

    async def docs() -> Response:
        page, policy = page_of(app.openapi())
        return HTMLResponse(page, headers={"content-security-policy": policy})

    app.add_api_route("/healthz", health, methods=["GET"], include_in_schema=False)
    app.add_api_route("/metrics", metrics, methods=["GET"], include_in_schema=False)
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)


def _describe_security(app: FastAPI) -> None:
    """Say in the OpenAPI document that every operation asks for a token."""
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = make()
            found.setdefault("components", {})["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{"bearer": []}]
            for path in found["paths"].values():
                for operation in path.values():
                    operation["responses"].pop("422", None)  # what FastAPI would say of a request that is not valid
            schemas = found["components"].setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            event = schema.Event.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}")
            schemas.update({**event.pop("$defs", {}), **schemas, "Event": event})
            _require_what_answers_have(found)
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _require_what_answers_have(found: dict[str, Any]) -> None:
    """Mark the fields of answers as required: all are always there, those with a default as well."""
    schemas = found["components"]["schemas"]
    operations = [operation for path in found["paths"].values() for operation in path.values()]
    taken = _named(schemas, [operation.get("requestBody") for operation in operations])
    given = _named(schemas, [operation["responses"] for operation in operations])
    for name in given - taken:
        if "properties" in schemas[name]:
            schemas[name]["required"] = list(schemas[name]["properties"])


def _named(schemas: Mapping[str, Any], part: object) -> set[str]:
    """Return the names of the schemas that a part of a document uses, and of those that they use."""
    names: set[str] = set()
    left = [part]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            name = str(one.get("$ref", "")).removeprefix(_SCHEMAS)
            if name and name not in names:
                names.add(name)
                left.append(schemas[name])
            left += one.values()
        elif isinstance(one, list):
            left += one
    return names


def document() -> dict[str, Any]:
    """Return the OpenAPI document; no daemon has to run for it."""
    return rest_app(cast("Api", None)).openapi()


# ------------------------------------------------------------------------------ errors


def failure_response(error: ConexusError, who: Principal | None) -> Response:
    """Return an error as a response."""
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["www-authenticate"] = "Bearer"
    if "retry_after_s" in error.details:
        headers["retry-after"] = error.details["retry_after_s"]
    body = failure_of(error, who).model_dump(mode="json")
    return JSONResponse(body, status_code=HTTP_STATUS[error.code], headers=headers)


def _known(request: Request) -> Principal | None:
    return getattr(request.state, "who", None)


def _add_error_handlers(app: FastAPI) -> None:
    async def conexus(request: Request, exc: Exception) -> Response:
        return failure_response(cast("ConexusError", exc), _known(request))

    async def not_valid(request: Request, exc: Exception) -> Response:
        errors = cast("RequestValidationError", exc).errors()
        if any(error["type"] == "json_invalid" for error in errors):
            return failure_response(InvalidRequest("the body is no valid JSON"), _known(request))
        return failure_response(invalid_fields(list(errors)), _known(request))

    async def http(request: Request, exc: Exception) -> Response:
        status = cast("HTTPException", exc).status_code
        headers = cast("HTTPException", exc).headers or {}
        if status == 405:  # noqa: PLR2004 -- Method Not Allowed
            body = failure_of(InvalidRequest("this address does not take that method"), None).model_dump(mode="json")
            return JSONResponse(body, status_code=status, headers=dict(headers))
        if status == 404:  # noqa: PLR2004 -- Not Found
            error: ConexusError = NotFound("there is nothing at this address", hint="the list is at /docs")
        else:
            error = InvalidRequest("the body cannot be read as JSON")
        return failure_response(error, _known(request))

    async def fault(request: Request, exc: Exception) -> Response:
        return failure_response(internal(request.state.request_id), _known(request))

    app.add_exception_handler(ConexusError, conexus)
    app.add_exception_handler(RequestValidationError, not_valid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, fault)


__all__ = ["document", "extra_routes", "failure_response", "guarded", "rest_app"]
