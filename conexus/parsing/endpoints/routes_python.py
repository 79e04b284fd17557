# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that Python serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from conexus.parsing.endpoints.calls import Call, Code
from conexus.parsing.endpoints.paths import pattern_path, route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    METHODS,
    Route,
    routes,
)


def python_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of Flask, FastAPI, Starlette, aiohttp and Django."""
    prefixes = _python_prefixes(code, calls)
    django = any(
        (call.name in {"path", "re_path", "url"} and not call.receiver)
        or (call.name, call.root) == ("register", "router")
        for call in calls
    )
    for call in calls:
        first = code.template(call.arguments[0]) if call.arguments else code.template(call.named.get("path"))
        if first is None:
            continue
        prefix = prefixes.get(call.root, "")
        if call.is_annotation and call.receiver:
            yield from _decorated(code, call, first, prefix)
        elif call.name.startswith("add_") or (call.name == "Route" and first.startswith("/")):
            yield from _added(code, call, first, prefix)
        elif call.receiver == "web" and call.name in METHODS and len(call.arguments) > 1 and first.startswith("/"):
            yield from routes([call.name], route_path(first), call.line)  # of aiohttp's add_routes
        elif django:
            yield from _django(code, call, first)


def _decorated(code: Code, call: Call, first: str, prefix: str) -> Iterator[Route]:
    if call.name in METHODS and (not first or first.startswith("/")):
        yield from routes([call.name], route_path(first, prefix), call.line)
    elif call.name in {"route", "api_route"}:
        methods = code.texts(call.named.get("methods"))
        yield from routes(methods or ["GET"], route_path(first, prefix), call.line)


def _added(code: Code, call: Call, first: str, prefix: str) -> Iterator[Route]:
    if call.name in {"add_url_rule", "add_api_route", "Route"}:
        methods = code.texts(call.named.get("methods"))
        yield from routes(methods or ["GET"], route_path(first, prefix), call.line)
    elif call.name[4:] in METHODS and call.root == "router":
        yield from routes([call.name[4:]], route_path(first), call.line)
    elif call.name == "add_route" and len(call.arguments) > 1:
        if first.lower() in METHODS or first == ANY:  # aiohttp
            yield from routes([first], route_path(code.template(call.arguments[1]) or ""), call.line)
        else:  # Starlette, Falcon
            yield from routes([ANY], route_path(first, prefix), call.line)


def _python_prefixes(code: Code, calls: Sequence[Call]) -> dict[str, str]:
    found: dict[str, str] = {}
    for call in calls:
        prefix = code.template(call.named.get("url_prefix")) or code.template(call.named.get("prefix"))
        if prefix is None:
            continue
        if call.name in {"Blueprint", "APIRouter"}:
            name = code.assigned(call)
            found[name] = prefix + found.get(name, "")
        elif call.name in {"include_router", "register_blueprint"} and call.arguments:
            name = code.text(call.arguments[0])
            found[name] = prefix.rstrip("/") + found.get(name, "")
    return found


def _django(code: Code, call: Call, first: str) -> Iterator[Route]:
    if call.name in {"path", "re_path", "url"} and not call.receiver and len(call.arguments) > 1:
        if code.text(call.arguments[1]).startswith("include"):
            return  # what it includes is served, below a path that the file included does not know
        path = route_path(first) if call.name == "path" else pattern_path(first)
        yield from routes([ANY], path, call.line)
    elif call.name == "register" and call.root == "router" and len(call.arguments) > 1:
        base = route_path(first.removeprefix("r"))
        yield from routes([ANY], base, call.line)
        yield from routes([ANY], route_path("{}", base or ""), call.line)


__all__ = ["python_routes"]
