# SPDX-License-Identifier: FSL-1.1-MIT
"""Carries JSON-RPC messages between an agent's pipes and the daemon, and ends with the agent.

Every message goes on as it came. Requests have threads of their own, so that none waits for another; what cannot be
delivered is answered with an error, so that no agent waits for nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

from conexus.cli.mcp_link import Json, Link, Pending, is_modern
from conexus.errors import ConexusError

_MAX_LINE_BYTES = 16 * 1024 * 1024
_MAX_AT_ONCE = 64
_LAST_ANSWERS_S = 10.0
_LOOKED_EVERY_S = 0.4
_PARSE_ERROR, _INVALID, _INTERNAL = -32700, -32600, -32603


class Output(Protocol):
    """Where answers go."""

    def write(self, data: bytes, /) -> int | None:
        """Write some of the bytes; returns how many."""
        ...


class Shim:
    """The bridge.

    Args:
        link: To the daemon.
        requests: One message a line.
        answers: Unbuffered; the same form.
    """

    def __init__(self, link: Link, requests: BinaryIO, answers: Output) -> None:
        self._link = link
        self._requests = requests
        self._answers = answers
        self._writing = threading.Lock()
        self._mutex = threading.Lock()
        self._pending: dict[str, Pending] = {}
        self._slots = threading.BoundedSemaphore(_MAX_AT_ONCE)

    def run(self) -> None:
        """Carry messages until the agent closes the pipe or dies."""
        threading.Thread(target=_end_with, args=(os.getppid(),), name="parent", daemon=True).start()
        for line in _lines(self._requests):
            if line is None:
                self._fail(None, _INVALID, f"a message has more than {_MAX_LINE_BYTES:,} bytes")
            elif line.strip():
                self._take(line)
        self._end()

    def _end(self) -> None:
        """Wait a little for the answers to come, then leave, whatever threads still do."""
        until = time.monotonic() + _LAST_ANSWERS_S
        while self._pending and time.monotonic() < until:
            time.sleep(0.01)
        self._link.close()
        os._exit(0)

    # --------------------------------------------------------------------------- messages

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._fail(None, _PARSE_ERROR, "the message is no JSON")
            return
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            self._fail(None, _INVALID, "the message is no JSON-RPC 2.0 request, notification or answer")
        elif "method" not in message or "id" not in message:
            self._note(message)
        elif message["method"] == "initialize":
            self._answer(message)  # nothing that follows makes sense before it
        else:
            self._register(message)
            threading.Thread(target=self._answer_in_turn, args=(message,), name="request", daemon=True).start()

    def _note(self, message: Json) -> None:
        """Pass on what has no answer: a notification, or the agent's answer to a request of the daemon."""
        if message.get("method") == "notifications/cancelled" and self._cancelled(message):
            return
        with contextlib.suppress(Exception):  # nobody waits for it, and those who wait for others must not lose them
            for _ in self._link.send(message):
                pass

    def _cancelled(self, message: Json) -> bool:
        """Give up a request that is part of no session, which is cancelled by hanging up."""
        params = message.get("params")
        with self._mutex:
            pending = self._pending.get(_key(params.get("requestId"))) if isinstance(params, dict) else None
        if pending is None or not pending.modern:
            return False
        pending.abort()
        return True

    def _register(self, message: Json) -> Pending:
        with self._mutex:
            return self._pending.setdefault(_key(message["id"]), Pending(is_modern(message)))

    def _answer_in_turn(self, message: Json) -> None:
        with self._slots:
            self._answer(message)

    def _answer(self, message: Json) -> None:
        request_id = message["id"]
        pending = self._register(message)
        try:
            for found in self._link.send(message, pending):
                if not pending.cancelled:
                    self._write(found)
        except ConexusError as error:
            if not pending.cancelled:
                self._fail(request_id, _INTERNAL, error.in_words, {"code": error.code.value})
        except Exception as exc:  # noqa: BLE001 -- the agent must not wait for what a fault of ours has lost
            self._fail(request_id, _INTERNAL, f"the bridge to the daemon failed: {type(exc).__name__}: {exc}")
        finally:
            with self._mutex:
                self._pending.pop(_key(request_id), None)

    def _fail(self, request_id: object, code: int, message: str, data: dict[str, Any] | None = None) -> None:
        error: dict[str, Any] = {"code": code, "message": message}
        if data is not None:
            error["data"] = data
        self._write(json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode())

    def _write(self, message: bytes) -> None:
        rest = memoryview(message + b"\n")
        with self._writing:
            try:
                while rest:
                    rest = rest[self._answers.write(rest.tobytes()) or 0 :]
            except OSError:
                os._exit(0)  # the agent does not read any more


def _key(request_id: object) -> str:
    """Return an id as a key that tells 1 from "1"."""
    return json.dumps(request_id)


def _lines(stream: BinaryIO) -> Iterator[bytes | None]:
    """Yield lines; ``None`` for one that is too long."""
    while line := stream.readline(_MAX_LINE_BYTES):
        if line.endswith(b"\n") or len(line) < _MAX_LINE_BYTES:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = stream.readline(_MAX_LINE_BYTES)
        yield None


def _end_with(parent: int) -> None:
    """End this process when its parent has: a pipe stays open where somebody else holds it too.

    Looked at in intervals on every system. What Linux offers instead tells of the end of the thread that started a
    program, and agents start theirs in threads that end long before they do.
    """
    while os.getppid() == parent:
        time.sleep(_LOOKED_EVERY_S)
    os._exit(0)
