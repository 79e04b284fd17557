# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that Ruby and PHP serve."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code, ancestors
from conexus.parsing.endpoints.paths import route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    METHODS,
    RESOURCES,
    ROUTERS,
    Route,
    routes,
)


def ruby_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of Rails and Sinatra."""
    rails = any(call.name == "draw" and call.root == "routes" for call in calls)
    for call in calls:
        if call.receiver:
            continue
        first = code.template(call.arguments[0]) if call.arguments else None
        has_block = call.node.child_by_field_name("block") is not None
        if rails and call.name in METHODS | {"match", "root", "resources", "resource"}:
            yield from _rails(code, call, first)
        elif not rails and call.name in METHODS and has_block and first is not None and first.startswith("/"):
            yield from routes([call.name], route_path(first, _rails_prefix(code, call)), call.line)


def _rails(code: Code, call: Call, first: str | None) -> Iterator[Route]:
    prefix = _rails_prefix(code, call)
    if call.name == "root":
        yield from routes(["GET"], route_path("", prefix), call.line)
    elif call.name in {"resources", "resource"}:
        only, without = _symbols(code, call.named.get("only")), _symbols(code, call.named.get("except"))
        for argument in call.arguments:
            name = code.text(argument).strip(":\"'")
            for action, method, ending in RESOURCES:
                missing = (only and action not in only) or action in without
                if missing or (call.name == "resource" and action == "index"):
                    continue
                tail = ending if call.name == "resources" else ending.replace("/{}", "")
                yield from routes([method], route_path(f"{name}{tail}", prefix), call.line)
    elif call.arguments or call.named:
        path = first if first is not None else "".join(code.text(one) for one in call.arguments[:1]).strip(":\"'")
        methods = sorted(one.upper() for one in _symbols(code, call.named.get("via")))
        methods = methods if call.name == "match" else [call.name]
        yield from routes(methods, route_path(path, prefix) if path else None, call.line)


def _symbols(code: Code, node: Node | None) -> set[str]:
    return set(re.findall(r"\w+", code.text(node))) if node is not None else set()


def _rails_prefix(code: Code, call: Call) -> str:
    parts: list[str] = []
    for node in ancestors(call.node):
        outer = code.call(node) if node.type == "call" else None
        if outer is None or outer.receiver:
            continue
        name = code.text(outer.arguments[0]).strip(":\"'/") if outer.arguments else ""
        path = code.template(outer.named.get("path"))
        if outer.name in {"namespace", "scope"}:
            parts.append((path or "").strip("/") if path is not None else name)
        elif outer.name == "resources" and outer.node.child_by_field_name("block") is not None:
            collection = (
                any(code.text(one.child_by_field_name("method")) == "collection" for one in _between(call.node, node))
                or code.text(call.named.get("on")) == ":collection"
            )
            member = any(code.text(one.child_by_field_name("method")) == "member" for one in _between(call.node, node))
            nested = not collection and (member or call.name in METHODS | {"resources", "resource"})
            parts.append(f"{name}/{{}}" if nested else name)
    return "/".join(filter(None, reversed(parts)))


def _between(node: Node, outer: Node) -> Iterator[Node]:
    for around in ancestors(node):
        if around == outer:
            return
        if around.type == "call":
            yield around


def php_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of Laravel, Slim and Symfony."""
    for call in calls:
        first = code.template(call.arguments[0]) if call.arguments else None
        if call.is_annotation and call.name == "Route":
            path = first if first is not None else code.template(call.named.get("path"))
            methods = re.findall(r"[A-Z]{3,}", code.text(call.named.get("methods")))
            yield from routes(methods, route_path(path) if path else None, call.line)
        elif first is None or len(call.arguments) < 2:  # noqa: PLR2004
            continue
        elif call.name in METHODS | {"any"} and (_is_laravel(call) or first.startswith("/")) and _serves_php(call):
            method = ANY if call.name == "any" else call.name
            yield from routes([method], route_path(first, _laravel_prefix(code, call)), call.line)
        elif call.name in {"resource", "apiResource"} and _is_laravel(call):
            for action, method, ending in RESOURCES:
                if call.name == "resource" or action not in {"new", "edit"}:
                    tail = ending.replace("new", "create")
                    yield from routes([method], route_path(first + tail, _laravel_prefix(code, call)), call.line)


def _is_laravel(call: Call) -> bool:
    return call.receiver == "Route" or call.receiver.startswith(("Route::", "\\Route"))


def _serves_php(call: Call) -> bool:
    return _is_laravel(call) or bool(ROUTERS.search(call.root))


def _laravel_prefix(code: Code, call: Call) -> str:
    parts: list[str] = []
    chains = [call.receiver_node, *(node for node in ancestors(call.node) if node.type.endswith("call_expression"))]
    for place, node in enumerate(chains):
        outer = code.call(node) if node is not None and node.type.endswith("call_expression") else None
        if place and (outer is None or outer.name != "group"):
            continue
        while outer is not None:
            if outer.name == "prefix" and outer.arguments:
                parts.append((code.template(outer.arguments[0]) or "").strip("/"))
            receiver = outer.receiver_node
            outer = code.call(receiver) if receiver is not None and receiver.type.endswith("call_expression") else None
    return "/".join(filter(None, reversed(parts)))


__all__ = ["php_routes", "ruby_routes"]
