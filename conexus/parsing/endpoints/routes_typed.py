# SPDX-License-Identifier: FSL-1.1-MIT
"""Routes that Java and C# serve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code, ancestors
from conexus.parsing.endpoints.paths import route_path
from conexus.parsing.endpoints.routes import (
    ANY,
    METHODS,
    Route,
    method_of,
    routes,
)

_SPRING: Final = {f"{method.title()}Mapping": method.upper() for method in METHODS}
_JAX: Final = frozenset(method.upper() for method in METHODS)


def java_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of Spring and JAX-RS."""
    for call in calls:
        if not call.is_annotation or _is_client(code, call):
            continue
        holder = _annotated(call.node)
        if holder is None or holder.type != "method_declaration":
            continue
        prefix = _class_path(code, holder)
        if call.name in _SPRING or call.name == "RequestMapping":
            methods = [_SPRING[call.name]] if call.name in _SPRING else _request_methods(code, call)
            for path in _values(code, call) or [""]:
                yield from routes(methods, route_path(path, prefix), call.line)
        elif call.name in _JAX and not call.arguments:
            own = next((one for one in _annotations(code, holder) if one.name == "Path"), None)
            path = next(iter(_values(code, own)), "") if own is not None else ""
            yield from routes([call.name], route_path(path, prefix), call.line)


def _is_client(code: Code, call: Call) -> bool:
    """Whether an annotation is of an interface that calls what it describes."""
    return any(
        one.name in {"FeignClient", "RegisterRestClient", "HttpExchange"}
        for node in ancestors(call.node)
        if node.type == "interface_declaration"
        for one in _annotations(code, node)
    )


def _annotated(node: Node) -> Node | None:
    modifiers = node.parent
    return modifiers.parent if modifiers is not None and modifiers.type == "modifiers" else None


def _annotations(code: Code, holder: Node) -> list[Call]:
    modifiers = next((child for child in holder.named_children if child.type == "modifiers"), None)
    return [call for child in (modifiers.named_children if modifiers else ()) if (call := code.call(child)) is not None]


def _class_path(code: Code, holder: Node) -> str:
    for node in ancestors(holder):
        if node.type in {"class_declaration", "interface_declaration"}:
            for one in _annotations(code, node):
                if one.name in {"RequestMapping", "Path", "FeignClient"}:
                    return next(iter(_values(code, one, "path")), "")
            return ""
    return ""


def _values(code: Code, call: Call, *names: str) -> list[str]:
    for node in (*call.arguments[:1], *(call.named.get(name) for name in names or ("value", "path"))):
        if node is not None and (found := code.texts(node)):
            return found
    return code.texts(call.named.get("value")) if names else []


def _request_methods(code: Code, call: Call) -> list[str]:
    given = call.named.get("method")
    if given is None:
        return [ANY]
    nodes = given.named_children if given.type == "element_value_array_initializer" else [given]
    return [method_of(code, node) for node in nodes]


_ASP: Final = {f"Http{method.title()}": method.upper() for method in METHODS}
_MAPPED: Final = {f"Map{method.title()}": method.upper() for method in METHODS}


def csharp_routes(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the routes of ASP.NET."""
    groups: dict[str, str] = {}
    for call in calls:
        first = code.template(call.arguments[0]) if call.arguments else None
        if call.name == "MapGroup" and first is not None:
            name = code.assigned(call)
            groups[name] = f"{groups.get(call.root, '').rstrip('/')}/{first.strip('/')}"
        elif call.name in _MAPPED and first is not None:
            yield from routes([_MAPPED[call.name]], route_path(first, groups.get(call.root, "")), call.line)
        elif call.is_annotation and call.name in _ASP:
            yield from _asp(code, call, first or "")


def _asp(code: Code, call: Call, path: str) -> Iterator[Route]:
    method = next((node for node in ancestors(call.node) if node.type == "method_declaration"), None)
    holder = next((node for node in ancestors(call.node) if node.type == "class_declaration"), None)
    if method is None or holder is None:
        return
    prefix = _attribute_path(code, holder)
    path = path or _attribute_path(code, method)
    name = code.text(holder.child_by_field_name("name")).removesuffix("Controller").lower()
    action = code.text(method.child_by_field_name("name")).lower()
    if path.startswith(("/", "~/")):
        prefix, path = "", path.lstrip("~")
    whole = f"{prefix}/{path}".replace("[controller]", name).replace("[action]", action)
    yield from routes([_ASP[call.name]], route_path(whole), call.line)


def _attribute_path(code: Code, holder: Node) -> str:
    for group in holder.named_children:
        for child in group.named_children if group.type == "attribute_list" else ():
            found = code.call(child)
            if found is not None and found.name == "Route" and found.arguments:
                return code.template(found.arguments[0]) or ""
    return ""


__all__ = ["csharp_routes", "java_routes"]
