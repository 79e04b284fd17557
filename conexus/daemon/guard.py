# SPDX-License-Identifier: FSL-1.1-MIT
"""The first thing an HTTP request meets: names it may call by, pages it may come from, its address and its size.

A page in a browser can reach this machine's ports, and by DNS rebinding under a name of its own. So a request is
let in only under a name that is ours, and from a web page only if that page is named in the settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from conexus.daemon.failures import HTTP_STATUS, failure_of
from conexus.errors import AccessDenied, ConexusError, ErrorCode, InvalidRequest, RequestTooLarge
from conexus.values import dataclass

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(\d{1,5}))?", re.ASCII)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}", re.ASCII)
_MAX_TARGET_BYTES = 16_384
_ASTRAY = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)|[\x00\ufffd]")
"""In no address of ours: ways up in the manner of any system, the end of a C string, and what is no UTF-8."""
_MAX_DISCARDED_BYTES = 64 * 1024 * 1024
_DISCARD_S = 10.0
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


@dataclass(frozen=True, slots=True)
class Doors:
    """Who may call over HTTP."""

    hosts: frozenset[str]
    """Names without a port, lower-case."""
    origins: frozenset[str]
    max_bytes: int
    """Most bytes of a request's body."""

    @classmethod
    def of(cls, own: str, hosts: str, origins: str, max_bytes: int) -> Doors:
        """Return who may call a daemon that listens on ``own``; lists are separated by commas."""
        named = {*_LOOPBACK, *(name.strip().lower() for name in hosts.split(",") if name.strip())}
        if own not in {"", "0.0.0.0", "::"}:  # noqa: S104 -- is compared, not listened on
            named.add(f"[{own}]" if ":" in own else own.lower())
        pages = frozenset(page.strip().rstrip("/").lower() for page in origins.split(",") if page.strip())
        return cls(frozenset(named), pages, max_bytes)

    def refusal(self, headers: Iterable[tuple[bytes, bytes]], target_bytes: int) -> tuple[str, ConexusError] | None:
        """Return why a request is not let in, as a word for the metrics and an error, or ``None``."""
        found: dict[bytes, list[str]] = {}
        for name, value in headers:
            found.setdefault(name.lower(), []).append(value.decode("latin-1"))
        hosts = found.get(b"host", [])
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "host", AccessDenied(
                "the request calls this daemon by a name that is not its own",
                hint="use 127.0.0.1 or localhost, or add the name to daemon.hosts",
            )
        refusal = self.page_refusal(found.get(b"origin", []), found.get(b"sec-fetch-site", []))
        if refusal is not None:
            return "origin", refusal
        if target_bytes > _MAX_TARGET_BYTES:
            return "size", InvalidRequest("the address is too long")
        return self._size_refusal(found)

    def page_refusal(self, origins: Iterable[str], sites: Iterable[str]) -> AccessDenied | None:
        """Return why the web page that a request comes from may not call, by the headers with which browsers say so."""
        origins = list(origins)
        if any(origin.lower() not in self.origins for origin in origins):
            return AccessDenied(
                "the request comes from a web page that may not call", hint="add its origin to daemon.origins"
            )
        if not origins and "cross-site" in sites:
            return AccessDenied("the request comes from another site's page")
        return None

    def _size_refusal(self, found: dict[bytes, list[str]]) -> tuple[str, ConexusError] | None:
        lengths = found.get(b"content-length", [])
        if lengths and b"transfer-encoding" in found:
            return "size", InvalidRequest("the request has two lengths")
        if len(set(lengths)) > 1 or not all(length.isascii() and length.isdecimal() for length in lengths):
            return "size", InvalidRequest("Content-Length is no number")
        if lengths and (len(lengths[0]) > 18 or int(lengths[0]) > self.max_bytes):  # noqa: PLR2004 -- digits of an exabyte
            return "size", too_large(self.max_bytes)
        if found.get(b"content-encoding", ["identity"]) != ["identity"]:
            return "size", InvalidRequest("compressed requests are not taken", hint="send the body as it is")
        return None

    def _is_ours(self, host: str) -> bool:
        found = _HOST.fullmatch(host.lower())
        return found is not None and found[1].rstrip(".") in self.hosts


def path_refusal(path: str) -> tuple[str, ConexusError] | None:
    """Return why no request is let in at an address, which comes decoded, or ``None``."""
    if _ASTRAY.search(path) is None:
        return None
    return "path", InvalidRequest("the address leads elsewhere, or holds a character that cannot be there")


def too_large(max_bytes: int) -> RequestTooLarge:
    """Return the error for a body that is too large."""
    return RequestTooLarge(
        f"the request has more than {max_bytes:,} bytes", hint="ask for less at a time, or raise daemon.max_request_kb"
    )


class Guard:
    """ASGI middleware: lets in what :class:`Doors` allow, names each request, and adds security headers."""

    def __init__(
        self,
        app: ASGIApp,
        doors: Doors,
        refused: Callable[[str], None],
        own_headers: Callable[[], Sequence[tuple[bytes, bytes]]] = tuple,
    ) -> None:
        self._app = app
        self._own_headers = own_headers
        self._doors = doors
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there is no WebSocket here
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        target = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
        refusal = self._doors.refusal(scope["headers"], target) or path_refusal(scope["path"])
        answered = _with_headers(send, request_id, self._own_headers())
        if refusal is not None:
            reason, error = refusal
            self._refused(reason)
            if error.code is ErrorCode.TOO_LARGE:
                await _discard(scope, receive)
            await send_failure(answered, error)
            return
        if any(name == b"transfer-encoding" for name, _ in scope["headers"]):
            try:
                receive = await _read(receive, self._doors.max_bytes)
            except ConexusError as error:
                self._refused("size")
                await _discard(scope, receive)
                await send_failure(answered, error)
                return
        await self._app(scope, receive, answered)


def _request_id(scope: Scope) -> str:
    """Return the caller's own name for the request where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return bytes(value).decode("ascii")
    return secrets.token_hex(8)


def _with_headers(send: Send, request_id: str, own: Sequence[tuple[bytes, bytes]]) -> Send:
    async def answered(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in _SECURITY_HEADERS if name not in present]
            headers = [*message.get("headers", ()), *added, *own, (b"x-request-id", request_id.encode())]
            message = {**message, "headers": headers}
        await send(message)

    return answered


async def _read(receive: Receive, max_bytes: int) -> Receive:
    """Read a body whose length is not given, to know it before anything is done; return what gives it again.

    Raises:
        RequestTooLarge: It has more bytes than are allowed.
    """
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > max_bytes:
            raise too_large(max_bytes)
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": b"".join(parts), "more_body": False}

    return again


async def _discard(scope: Scope, receive: Receive) -> None:
    """Read away the body of a refused request, within limits.

    A client that is still sending when the connection is closed gets a reset in place of the answer. One that asks
    whether to send (``Expect``) is not: it has sent nothing yet.
    """
    if any(name == b"expect" for name, _ in scope["headers"]):
        return
    size, more = 0, True
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            while more and size < _MAX_DISCARDED_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                more = message["type"] == "http.request" and message.get("more_body", False)


async def send_failure(send: Send, error: ConexusError) -> None:
    """Answer with an error, without what is for the local user alone."""
    body = json.dumps(failure_of(error, None).model_dump(mode="json")).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if error.code in {ErrorCode.INVALID_REQUEST, ErrorCode.TOO_LARGE}:
        headers.append((b"connection", b"close"))  # what follows on the connection may be part of this request
    if error.code is ErrorCode.UNAUTHENTICATED:
        headers.append((b"www-authenticate", b"Bearer"))
    if "retry_after_s" in error.details:
        headers.append((b"retry-after", error.details["retry_after_s"].encode()))
    await send({"type": "http.response.start", "status": HTTP_STATUS[error.code], "headers": headers})
    await send({"type": "http.response.body", "body": body})
