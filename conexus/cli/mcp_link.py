# SPDX-License-Identifier: FSL-1.1-MIT
"""The MCP shim's side of the wire: posts messages to the daemon, and finds it again where it was restarted.

Light on purpose, as the shim: the standard library alone.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes, urlsplit

from conexus.daemon.discovery import Address
from conexus.errors import ConexusError, DaemonUnavailable
from conexus.values import dataclass

Json = dict[str, Any]

_PATH = "/mcp"
_CONNECT_S = 5.0
_SILENCE_S = 60.0  # the daemon sends a sign of life every 15 s
_LAST_WORDS_S = 1.0
_GONE_S = 5.0  # a process that was killed holds its lock until the system has cleared it away
_POLL_S = 0.05
_RETRIES = 1  # of what may have reached the daemon: all tools only read, but one may be what brings it down
_FAILURE_KEPT_S = 1.0  # so that requests that waited together do not each start a daemon in turn
_MAX_ERROR_BYTES = 100_000
_LOST = (OSError, http.client.HTTPException)
_VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
_NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_ENCODED = re.compile(r"=\?base64\?.*\?=")
_OK, _ACCEPTED, _UNAUTHORIZED, _NOT_FOUND = 200, 202, 401, 404


class SessionLost(Exception):
    """The daemon does not know the session or the token any more, or is gone: find it and begin anew."""


@dataclass(eq=False)
class Pending:
    """A request on its way."""

    modern: bool
    """Whether it carries all it needs (2026-07-28), rather than being part of a session."""
    cancelled: bool = False
    connection: http.client.HTTPConnection | None = None

    def abort(self) -> None:
        """Give up waiting, which tells the daemon to stop."""
        self.cancelled = True
        sock = self.connection.sock if self.connection is not None else None
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class _Patience:
    """How often a message is sent again."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _GONE_S
        self._left = _RETRIES

    def lasts(self, error: Exception) -> bool:
        """Whether to try again after an error; waits a little where the daemon is not quite gone or there."""
        if isinstance(error, ConnectionRefusedError) and time.monotonic() < self._until:
            time.sleep(_POLL_S)
            return True
        self._left -= 1
        return self._left >= 0


@dataclass(frozen=True, slots=True)
class _Session:
    """What a daemon knows this client by."""

    address: Address
    number: int
    id: str = ""
    version: str = ""


class Link:
    """A connection to the daemon that outlives it. Threads may share it.

    Args:
        find: Returns where the daemon listens; starts it if there is none.
        folder: The folder that the client works in.
    """

    def __init__(self, find: Callable[[], Address], folder: str) -> None:
        self._find = find
        self._folder = quote_from_bytes(folder.encode("utf-8", "surrogateescape")) if folder else ""
        self._mutex = threading.Lock()
        self._session: _Session | None = None
        self._count = 0
        self._opening: Json | None = None
        self._failure: tuple[float, ConexusError] | None = None

    def send(self, message: Json, pending: Pending | None = None) -> Iterator[bytes]:
        """Post a message and yield what comes back, each a JSON-RPC message; a lost daemon is found again.

        Yields:
            For a request: what the daemon sends about it, its answer last. Nothing for all other messages.

        Raises:
            ConexusError: The daemon does not answer, or not as it should.
        """
        if message.get("method") == "initialize":
            self._opening = message
            with self._mutex:
                self._session = None
        patience = _Patience()
        while True:
            session = None
            try:
                session = self._current(message)
                yield from self._post(session, message, pending)
            except (SessionLost, *_LOST) as exc:
                if pending is not None and pending.cancelled:
                    return
                if not patience.lasts(exc):
                    raise DaemonUnavailable(
                        f"the daemon does not answer: {exc}", hint="see: conexus daemon status"
                    ) from exc
                if session is not None:
                    self._forget(session)
            else:
                return

    def close(self) -> None:
        """Tell the daemon that the session is over, if it can be told quickly."""
        session = self._session
        if session is None or not session.id:
            return
        with contextlib.suppress(*_LOST), contextlib.closing(_connection(session.address, _LAST_WORDS_S)) as connection:
            connection.request("DELETE", _PATH, headers=self._headers(session, {}))
            connection.getresponse().read()

    # --------------------------------------------------------------------------- sessions

    def _current(self, message: Json) -> _Session:
        """Return the session, a new one where there is none (any more).

        Raises:
            ConexusError: The daemon cannot be found or started.
            SessionLost: It does not take the client in again.
            OSError: It has gone again, or is not quite gone.
        """
        with self._mutex:
            if self._session is not None:
                return self._session
            if self._failure is not None and time.monotonic() - self._failure[0] < _FAILURE_KEPT_S:
                raise self._failure[1]
            try:
                self._session = self._begun(message)
            except ConexusError as error:
                self._failure = (time.monotonic(), error)
                raise
            self._failure = None
            return self._session

    def _begun(self, message: Json) -> _Session:
        self._count += 1
        session = _Session(self._find(), self._count)
        opening = self._opening
        if opening is None or message is opening or _modern_version(message):
            return session
        # The client has opened a session with a daemon that is gone: do it for the client with the new one.
        opened: list[_Session] = []
        for _ in self._post(session, {**opening, "id": f"conexus-{self._count}"}, None, opened):
            pass
        session = opened[-1] if opened else session
        for _ in self._post(session, {"jsonrpc": "2.0", "method": "notifications/initialized"}, None):
            pass
        return session

    def _forget(self, session: _Session) -> None:
        with self._mutex:
            if self._session is not None and self._session.number == session.number:
                self._session = None

    def _opened(self, session: _Session, answer: bytes, session_id: str) -> _Session:
        """Return a session with what the answer to ``initialize`` says of it."""
        result = _object(answer).get("result")
        version = result.get("protocolVersion") if isinstance(result, dict) else None
        return _Session(session.address, session.number, session_id, str(version) if _is_plain(version) else "")

    # --------------------------------------------------------------------------- the wire

    def _post(
        self, session: _Session, message: Json, pending: Pending | None, opened: list[_Session] | None = None
    ) -> Iterator[bytes]:
        body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        with contextlib.closing(_connection(session.address, _SILENCE_S)) as connection:
            if pending is not None:
                pending.connection = connection
            connection.request("POST", _PATH, body, self._headers(session, message))
            response = connection.getresponse()
            if response.status == _ACCEPTED:
                response.read()
                return
            if response.status in {_UNAUTHORIZED, _NOT_FOUND} and not _is_answer(response, message):
                raise SessionLost(f"status {response.status}")
            for found in _messages(response, message):
                if message.get("method") == "initialize" and _answers(found, message.get("id")):
                    begun = self._opened(session, found, response.headers.get("Mcp-Session-Id", ""))
                    self._keep(begun, opened)
                yield found

    def _keep(self, session: _Session, opened: list[_Session] | None) -> None:
        if opened is not None:
            opened.append(session)
            return
        with self._mutex:
            if self._session is not None and self._session.number == session.number:
                self._session = session

    def _headers(self, session: _Session, message: Json) -> dict[str, str]:
        headers = {
            "Authorization": f"Bearer {session.address.token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if self._folder:
            headers["Conexus-Folder"] = self._folder
        version = _modern_version(message)
        if version:
            method = str(message.get("method", ""))
            headers["MCP-Protocol-Version"] = version
            headers["Mcp-Method"] = _encoded(method)
            name = (message.get("params") or {}).get(_NAMED_BY.get(method, ""))
            if isinstance(name, str):
                headers["Mcp-Name"] = _encoded(name)
        elif message.get("method") != "initialize":
            headers.update({"Mcp-Session-Id": session.id} if session.id else {})
            headers.update({"MCP-Protocol-Version": session.version} if session.version else {})
        return headers


def is_modern(message: Json) -> bool:
    """Whether a message carries all it needs, as of 2026-07-28."""
    return bool(_modern_version(message))


def _modern_version(message: Json) -> str:
    params = message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    version = meta.get(_VERSION_KEY) if isinstance(meta, dict) else None
    return str(version) if message.get("method") != "initialize" and _is_plain(version) else ""


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and len(value) < 100 and _PLAIN.fullmatch(value) is not None  # noqa: PLR2004


def _encoded(value: str) -> str:
    """Return a text as the value of a header: what would not survive goes as base64."""
    if _PLAIN.fullmatch(value) and not _ENCODED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode('utf-8', 'replace')).decode('ascii')}?="


def _connection(address: Address, timeout_s: float) -> http.client.HTTPConnection:
    """Return an open connection.

    Raises:
        OSError: Nothing listens there.
    """
    found = urlsplit(address.http)
    connection = http.client.HTTPConnection(found.hostname or "127.0.0.1", found.port or 80, timeout=_CONNECT_S)
    connection.connect()
    connection.sock.settimeout(timeout_s)
    return connection


def _is_answer(response: http.client.HTTPResponse, message: Json) -> bool:
    """Whether a refusal is the daemon's answer to the very request: of 2026-07-28, which knows no sessions."""
    return response.status == _NOT_FOUND and is_modern(message)


def _messages(response: http.client.HTTPResponse, message: Json) -> Iterator[bytes]:
    """Yield the messages of a response, which is one JSON value or a stream of events.

    Raises:
        DaemonUnavailable: It holds no JSON-RPC message.
        OSError: The stream ended before the answer.
    """
    kind = response.headers.get_content_type()
    if kind == "text/event-stream":
        for found in _events(response):
            yield found
            if _answers(found, message.get("id")):
                return
        raise ConnectionResetError("the answer was cut off")
    body = response.read() if response.status == _OK else response.read(_MAX_ERROR_BYTES)
    answer = _object(body)
    if "jsonrpc" not in answer:
        said = answer.get("message") or "no JSON-RPC message"
        raise DaemonUnavailable(f"the daemon answered with status {response.status}: {said}", hint=answer.get("hint"))
    if answer.get("id") is None and message.get("id") is not None:  # an error that was found before the id was read
        yield json.dumps({**answer, "id": message["id"]}).encode()
    else:
        yield body.replace(b"\r", b"").replace(b"\n", b" ")


def _object(text: bytes) -> Json:
    """Return a JSON object, an empty one where the text is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _events(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """Yield the data of server-sent events."""
    data: list[bytes] = []
    for line in response:
        text = line.rstrip(b"\r\n")
        if text.startswith(b"data:"):
            data.append(text[5:].removeprefix(b" "))
        elif not text and data:
            whole = b" ".join(data)  # line ends in JSON are white space
            data.clear()
            if whole.strip():
                yield whole


def _answers(found: bytes, request_id: object) -> bool:
    """Whether a message is the answer to a request."""
    message = _object(found)
    return "id" in message and "method" not in message and message["id"] == request_id
