# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that Go serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from conexus.parsing.endpoints.calls import Call, Code
from conexus.parsing.endpoints.paths import route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    METHODS,
    Route,
    method_of,
    path_around,
    routes,
)

_GO_GROUPS: Final = frozenset({"Group", "Route"})


def go_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of net/http, Gorilla, chi, gin and echo."""
    groups: dict[str, str] = {}
    for call in calls:
        if call.name in {"Group", "Party", "PathPrefix"} and call.arguments:
            name = code.assigned(call)
            path = code.template(call.arguments[0])
            if name and path is not None:
                groups[name] = f"{groups.get(call.root, '').rstrip('/')}/{path.strip('/')}"
        elif call.name == "Subrouter" and code.assigned(call) and call.receiver_node is not None:
            inner = code.call(call.receiver_node)
            if inner is not None and inner.name == "PathPrefix" and inner.arguments:
                groups[code.assigned(call)] = groups.get(inner.root, "") + (code.template(inner.arguments[0]) or "")
    for call in calls:
        of_client = call.root in {"http", "client", "resty"} and call.name not in {"Handle", "HandleFunc"}
        if len(call.arguments) > 1 and not of_client:
            yield from _go_route(code, call, groups)


def _go_route(code: Code, call: Call, groups: Mapping[str, str]) -> Iterator[Route]:
    first = code.template(call.arguments[0])
    if first is None:
        return
    prefix = path_around(code, call, "Route") + groups.get(call.root, "")
    lowered = call.name.lower()
    if call.name in {"Handle", "HandleFunc"}:
        method, space, rest = first.partition(" ")
        if method.lower() in METHODS and (space or len(call.arguments) > 2):  # noqa: PLR2004
            path = rest or code.template(call.arguments[1]) or ""
            yield from routes([method], route_path(path[path.find("/") :] if "/" in path else path, prefix), call.line)
        elif "/" in first:
            yield from routes(_gorilla_methods(code, call), route_path(first[first.find("/") :], prefix), call.line)
    elif lowered in METHODS | {"any", "all"} and first.startswith("/") and call.receiver:
        yield from routes([ANY if lowered in {"any", "all"} else lowered], route_path(first, prefix), call.line)
    elif call.name in {"Method", "MethodFunc", "Add"} and len(call.arguments) > 2:  # noqa: PLR2004
        second = code.template(call.arguments[1])
        yield from routes([method_of(code, call.arguments[0])], route_path(second) if second else None, call.line)


def _gorilla_methods(code: Code, call: Call) -> list[str]:
    """Return the methods that a route is limited to by what follows it."""
    selector = call.node.parent
    outer = selector.parent if selector is not None else None
    chained = code.call(outer) if outer is not None and outer.type == "call_expression" else None
    return [method_of(code, one) for one in chained.arguments] if chained and chained.name == "Methods" else []


__all__ = ["go_routes"]
