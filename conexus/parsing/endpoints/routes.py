# SPDX-License-Identifier: FSL-1.1-MIT
"""What the routes of all frameworks are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code, ancestors

Route: TypeAlias = tuple[str, str, int]
"""Method, path and line."""

ANY: Final = "*"
METHODS: Final = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
ROUTERS = re.compile(
    r"(?:app|application|router|routers?|routes|server|api|fastify|blueprint|bp|group|v\d+|r|e|g|mux)\d?$", re.I
)
RESOURCES: Final = (
    ("index", "GET", ""),
    ("create", "POST", ""),
    ("new", "GET", "/new"),
    ("show", "GET", "/{}"),
    ("edit", "GET", "/{}/edit"),
    ("update", "PATCH", "/{}"),
    ("update", "PUT", "/{}"),
    ("destroy", "DELETE", "/{}"),
)
"""What a framework makes of a resource: action, method and what follows its name."""
FUNCTIONS: Final = frozenset(
    {"arrow_function", "function_expression", "identifier", "member_expression", "array", "call_expression", "function"}
)
_BARE_METHOD = re.compile(r"(GET|POST|PUT|PATCH|DELETE|HEAD)")
_HTTP_CONSTANT = re.compile(r"(?:http\.Method|HttpMethod\.|RequestMethod\.|HttpMethods\.|Method::)([A-Za-z]+)$")


def method_of(code: Code, node: Node | None) -> str:
    """Return the method that an expression names: ``"get"``, ``http.MethodGet``, ``RequestMethod.POST``; else any."""
    written = code.template(node)
    if written is None and node is not None:
        found = _HTTP_CONSTANT.search(code.text(node)) or _BARE_METHOD.fullmatch(code.text(node))
        written = found[1] if found else None
    return written.upper() if written is not None and written.lower() in METHODS else ANY


def routes(methods: Sequence[str], path: str | None, line: int) -> Iterator[Route]:
    """Yield a route for each method, for any where there is none."""
    if path is not None:
        yield from ((method.upper(), path, line) for method in methods or [ANY])


def path_around(code: Code, call: Call, *names: str) -> str:
    """Return the paths that calls of some names around this one begin with, the outermost first."""
    parts: list[str] = []
    for node in ancestors(call.node):
        if node.type in {"call_expression", "call"} and (outer := code.call(node)) and outer.name in names:
            path = code.template(outer.arguments[0]) if outer.arguments else None
            if path and outer.arguments[0].start_byte <= call.node.start_byte and len(outer.arguments) > 1:
                parts.append(f"/{path.strip('/')}")
    return "".join(reversed(parts))


__all__ = ["ANY", "FUNCTIONS", "METHODS", "RESOURCES", "ROUTERS", "Route", "method_of", "path_around", "routes"]
