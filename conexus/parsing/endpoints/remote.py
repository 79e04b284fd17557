# SPDX-License-Identifier: FSL-1.1-MIT
"""gRPC: services that ``.proto`` files define, and stubs of them that code serves and calls."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache

from tree_sitter import Node, Query, QueryCursor
from tree_sitter_language_pack import get_language

from conexus.parsing.endpoints.calls import Call, Code
from conexus.types import Endpoint, EndpointKind, EndpointSide

ANY = "*"
_STUB = re.compile(
    r"(?:New(?P<go>[A-Z]\w*)Client|(?P<stub>[A-Z]\w*?)(?:Async|Blocking|Future)?Stub|(?P<client>[A-Z]\w*)Client)$"
)
_SERVER = re.compile(r"(?:Register(?P<go>[A-Z]\w*)Server|add_(?P<python>[A-Z]\w*)Servicer_to_server)$")
_JAVA_STUB = re.compile(r"new(?:Blocking|Future|Async|BlockingV2)?Stub$")
_WITH_CLIENTS = frozenset({"javascript", "typescript", "tsx", "csharp", "rust"})
"""Languages whose generated stubs are called so; elsewhere a client is any."""
_OPENERS = frozenset({"connect", "new", "with_interceptor", "with_origin"})
_NOT_REMOTE = frozenset({"close", "Close", "waitForReady", "withDeadlineAfter", "connect", "new"})


def services_of(source: bytes, root: Node) -> Iterator[Endpoint]:
    """Yield the methods of the services that a ``.proto`` file defines."""
    captures = QueryCursor(_proto_query()).captures(root)

    def text(node: Node) -> str:
        return source[node.start_byte : node.end_byte].decode("utf-8", "replace")

    package = next((text(node).strip() for node in captures.get("package", ())), "")
    for method in sorted(captures.get("method", ()), key=lambda node: node.start_byte):
        rpc = method.parent
        service = rpc.parent if rpc is not None else None
        parts = service.named_children if service is not None else []
        named = next((child for child in parts if child.type == "service_name"), None)
        if named is None:
            continue
        name = text(named).strip()
        whole = f"{package}.{name}" if package else name
        yield Endpoint(EndpointKind.GRPC, EndpointSide.SERVES, text(method), whole, method.start_point.row + 1)


def stubs_of(code: Code, calls: Sequence[Call]) -> Iterator[Endpoint]:
    """Yield services whose stubs are made, the methods called on them, and services that code answers for."""
    made: dict[str, str] = {}
    for call in calls:
        server = _SERVER.match(call.name)
        if server is not None:
            yield _endpoint(EndpointSide.SERVES, ANY, server["go"] or server["python"] or "", call.line)
            continue
        service = _service(code.language, call)
        if service:
            yield _endpoint(EndpointSide.CALLS, ANY, service, call.line)
            if name := code.assigned(call):
                made[name.lstrip("_")] = service
    for call in calls:
        service = made.get(call.root.split("(")[0], "") if call.receiver else ""
        if service and call.name not in _NOT_REMOTE and not _STUB.match(call.name):
            words = call.name.split("_") if code.language in {"rust", "ruby"} else [call.name]
            method = "".join(word[:1].upper() + word[1:] for word in words)
            yield _endpoint(EndpointSide.CALLS, method, service, call.line)


def _service(language: str, call: Call) -> str:
    """Return the service whose stub a call makes, or nothing."""
    if _JAVA_STUB.match(call.name) and call.receiver.endswith("Grpc"):
        return call.root.removesuffix("Grpc")
    if call.name in _OPENERS and call.receiver:
        last = call.receiver.replace("::", ".").split(".")
        if last[-1] == "Stub" and len(last) > 1:  # Ruby
            return last[-2]
        found = _STUB.match(last[-1])
    else:
        found = _STUB.match(call.name)
    if found is None or (found["client"] and language not in _WITH_CLIENTS):
        return ""
    return found["go"] or found["stub"] or found["client"] or ""


def _endpoint(side: EndpointSide, method: str, service: str, line: int) -> Endpoint:
    return Endpoint(EndpointKind.GRPC, side, method, service, line)


@cache
def _proto_query() -> Query:
    return Query(get_language("proto"), "(package (full_ident) @package) (rpc (rpc_name) @method)")


__all__ = ["services_of", "stubs_of"]
