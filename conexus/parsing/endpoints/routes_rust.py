# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that Rust serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code, ancestors
from conexus.parsing.endpoints.paths import route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    METHODS,
    Route,
    path_around,
    routes,
)


def rust_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of axum, actix and Rocket."""
    for call in calls:
        first = code.template(call.arguments[0]) if call.arguments else None
        if call.is_annotation:
            if call.name in METHODS and first is not None and first.startswith("/"):
                yield from routes([call.name], route_path(first), call.line)
            continue
        if first is None:
            continue
        prefix = _rust_prefix(code, call)
        if call.name == "route" and len(call.arguments) > 1 and first.startswith("/"):
            yield from routes(_rust_methods(code, call.arguments[1]), route_path(first, prefix), call.line)
        elif call.name == "resource" and call.receiver in {"web", ""}:
            methods = [
                method
                for node in ancestors(call.node)
                if node.type == "call_expression" and (outer := code.call(node)) and outer.name == "route"
                for argument in outer.arguments[:1]
                for method in _rust_methods(code, argument)
                if method != ANY
            ]
            yield from routes(methods, route_path(first, prefix), call.line)


def _rust_methods(code: Code, node: Node) -> list[str]:
    found: list[str] = []
    call = code.call(node) if node.type == "call_expression" else None
    while call is not None:
        if call.name in METHODS:
            found.append(call.name)
        receiver = call.receiver_node
        call = code.call(receiver) if receiver is not None and receiver.type == "call_expression" else None
        if call is None and receiver is not None and receiver.type == "call_expression":
            break
    return list(reversed(found)) or [ANY]


def _rust_prefix(code: Code, call: Call) -> str:
    parts = [path_around(code, call, "nest")]
    for node in ancestors(call.node):
        outer = code.call(node) if node.type == "call_expression" else None
        if outer is not None and outer.name in {"service", "route", "configure"}:
            chain = code.call(outer.receiver_node) if outer.receiver_node is not None else None
            inside = any(one.start_byte <= call.node.start_byte < one.end_byte for one in outer.arguments)
            while inside and chain is not None:
                if chain.name == "scope" and chain.arguments:
                    parts.append(f"/{(code.template(chain.arguments[0]) or '').strip('/')}")
                chain = code.call(chain.receiver_node) if chain.receiver_node is not None else None
    return "".join(reversed(parts))


__all__ = ["rust_routes"]
