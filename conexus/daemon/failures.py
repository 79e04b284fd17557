# SPDX-License-Identifier: FSL-1.1-MIT
"""How errors look on the wire: one form, and one table for each surface."""

from __future__ import annotations

import re
from collections.abc import Mapping

from conexus.daemon.schema import Failure
from conexus.errors import ConexusError, ErrorCode, InternalError
from conexus.types import Principal

HTTP_STATUS: Mapping[ErrorCode, int] = {
    ErrorCode.CONFIG: 500,
    ErrorCode.INVALID_QUERY: 400,
    ErrorCode.NOT_INDEXED: 404,
    ErrorCode.INDEX_STALE: 409,
    ErrorCode.EMBEDDING: 500,
    ErrorCode.SOURCE: 400,
    ErrorCode.STORE: 503,
    ErrorCode.STORE_BUSY: 409,
    ErrorCode.STORE_DAMAGED: 503,
    ErrorCode.DISK_FULL: 507,
    ErrorCode.DISK_FAILING: 503,
    ErrorCode.MEMORY_FULL: 507,
    ErrorCode.CANCELLED: 499,
    ErrorCode.ACCESS_DENIED: 403,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.INVALID_REQUEST: 400,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.TOO_LARGE: 413,
    ErrorCode.RATE_LIMITED: 429,
    ErrorCode.DEADLINE: 504,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.INTERNAL: 500,
    ErrorCode.EDITION: 500,
    ErrorCode.FEATURE: 403,
}
"""499 is what servers commonly log for a client that has gone; nobody receives it."""

GRPC_STATUS: Mapping[ErrorCode, str] = {
    ErrorCode.CONFIG: "FAILED_PRECONDITION",
    ErrorCode.INVALID_QUERY: "INVALID_ARGUMENT",
    ErrorCode.NOT_INDEXED: "NOT_FOUND",
    ErrorCode.INDEX_STALE: "FAILED_PRECONDITION",
    ErrorCode.EMBEDDING: "INTERNAL",
    ErrorCode.SOURCE: "INVALID_ARGUMENT",
    ErrorCode.STORE: "UNAVAILABLE",
    ErrorCode.STORE_BUSY: "ABORTED",
    ErrorCode.STORE_DAMAGED: "DATA_LOSS",
    ErrorCode.DISK_FULL: "RESOURCE_EXHAUSTED",
    ErrorCode.DISK_FAILING: "UNAVAILABLE",
    ErrorCode.MEMORY_FULL: "RESOURCE_EXHAUSTED",
    ErrorCode.CANCELLED: "CANCELLED",
    ErrorCode.ACCESS_DENIED: "PERMISSION_DENIED",
    ErrorCode.UNAUTHENTICATED: "UNAUTHENTICATED",
    ErrorCode.INVALID_REQUEST: "INVALID_ARGUMENT",
    ErrorCode.NOT_FOUND: "NOT_FOUND",
    ErrorCode.TOO_LARGE: "RESOURCE_EXHAUSTED",
    ErrorCode.RATE_LIMITED: "RESOURCE_EXHAUSTED",
    ErrorCode.DEADLINE: "DEADLINE_EXCEEDED",
    ErrorCode.UNAVAILABLE: "UNAVAILABLE",
    ErrorCode.INTERNAL: "INTERNAL",
    ErrorCode.EDITION: "FAILED_PRECONDITION",
    ErrorCode.FEATURE: "PERMISSION_DENIED",
}
"""Names of gRPC status codes."""

# A path from the root of a file system, as it stands in a message: from a slash that follows no word.
_ABSOLUTE = re.compile(r"(?<![\w.:/~}\]^\\-])(?:~|[A-Za-z]:)?[/\\][^\s'\",;:)]+")


def failure_of(error: ConexusError, who: Principal | None) -> Failure:
    """Return an error as callers see it; absolute paths are for the local user alone."""
    if who is not None and who.local:
        return Failure(
            code=error.code.value, message=_wire(error.message), hint=_opt(error.hint), details=dict(error.details)
        )
    details = {key: without_paths(value) for key, value in error.details.items() if key != "indexed"}
    hint = None if error.hint is None else without_paths(error.hint)
    if "indexed" in error.details:  # which others there are is not for everybody
        hint = "ask whoever runs this daemon to free a place or to upgrade"
    return Failure(code=error.code.value, message=without_paths(error.message), hint=hint, details=details)


def internal(request_id: str) -> InternalError:
    """Return what is said of a fault of our own: nothing but where to look."""
    return InternalError("the daemon failed at this request", hint=f"its log says more under {request_id}")


def without_paths(text: str) -> str:
    """Return a message with absolute paths cut to their last part."""
    return _ABSOLUTE.sub(lambda found: "…/" + re.split(r"[/\\]", found.group().rstrip("/\\"))[-1], _wire(text))


def _opt(text: str | None) -> str | None:
    return None if text is None else _wire(text)


def _wire(text: str) -> str:
    """Return text that UTF-8 can hold: names of files may be no text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
