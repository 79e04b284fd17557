# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that JavaScript and TypeScript serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from conexus.parsing.endpoints.calls import Call, Code, ancestors
from conexus.parsing.endpoints.paths import route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    FUNCTIONS,
    METHODS,
    ROUTERS,
    Route,
    routes,
)


def javascript_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of Express and its kin, Fastify and Nest."""
    mounts: dict[str, str] = {}
    for call in calls:
        if call.name in {"use", "register"} and len(call.arguments) > 1 and ROUTERS.search(call.root):
            path = code.template(call.arguments[0])
            if path is not None and path.startswith("/"):
                mounts[code.text(call.arguments[-1])] = path
    for call in calls:
        if call.is_annotation:
            yield from _nest(code, call)
        elif call.name == "route" and ROUTERS.search(call.root) and call.arguments:
            yield from _fastify_route(code, call, mounts)
        elif (call.name in METHODS or call.name in {"all", "del"}) and call.arguments:
            yield from _express(code, call, mounts)


def _express(code: Code, call: Call, mounts: Mapping[str, str]) -> Iterator[Route]:
    method = {"all": ANY, "del": "DELETE"}.get(call.name, call.name)
    chain = code.call(call.receiver_node) if call.receiver_node is not None else None
    while chain is not None and chain.name in METHODS | {"all"}:
        chain = code.call(chain.receiver_node) if chain.receiver_node is not None else None
    if chain is not None and chain.name == "route" and chain.arguments:
        path = code.template(chain.arguments[0])
        yield from routes([method], route_path(path, mounts.get(chain.root, "")) if path else None, call.line)
        return
    first = code.template(call.arguments[0])
    if first is None or not first.startswith(("/", "*")) or len(call.arguments) < 2 or not ROUTERS.search(call.root):  # noqa: PLR2004
        return
    if call.arguments[-1].type in FUNCTIONS:
        yield from routes([method], route_path(first, mounts.get(call.root, "")), call.line)


def _fastify_route(code: Code, call: Call, mounts: Mapping[str, str]) -> Iterator[Route]:
    if call.arguments[0].type != "object":
        return
    given = {
        code.text(pair.named_children[0]).strip("\"'"): pair.named_children[-1]
        for pair in call.arguments[0].named_children
        if pair.type == "pair"
    }
    path = code.template(given.get("url") or given.get("path"))
    if path:
        methods = code.texts(given.get("method"))
        yield from routes(methods, route_path(path, mounts.get(call.root, "")), call.line)


_NEST: Final = {**{method.title(): method.upper() for method in METHODS}, "All": ANY}


def _nest(code: Code, call: Call) -> Iterator[Route]:
    if call.name not in _NEST or call.receiver:
        return
    inside = next((node for node in ancestors(call.node) if node.type == "class_declaration"), None)
    controller = None
    around = [inside, inside.parent] if inside is not None else []
    for holder in around:
        for child in holder.named_children if holder is not None else ():
            if child.type == "decorator" and child.named_children and (found := code.call(child.named_children[0])):
                controller = found if found.name == "Controller" else controller
    if controller is None:
        return
    prefix = _nest_path(code, controller)
    yield from routes([_NEST[call.name]], route_path(_nest_path(code, call), prefix), call.line)


def _nest_path(code: Code, call: Call) -> str:
    if not call.arguments:
        return ""
    found = code.template(call.arguments[0])
    if found is None and call.arguments[0].type == "object":
        for pair in call.arguments[0].named_children:
            if pair.type == "pair" and code.text(pair.named_children[0]) == "path":
                return code.template(pair.named_children[-1]) or ""
    return found or ""


__all__ = ["javascript_routes"]
