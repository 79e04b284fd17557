# SPDX-License-Identifier: FSL-1.1-MIT
"""Addresses that code calls, by the client libraries of each language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code, ancestors
from conexus.parsing.endpoints.paths import called_path, is_address, route_path
from conexus.parsing.endpoints.routes import ANY, METHODS, Route, method_of

_CLIENTS = re.compile(
    r"(?:requests|httpx|aiohttp|axios|http|client|session|api|conn|connection|rest|resty|reqwest|faraday|httparty"
    r"|restclient|superagent|ky|got|request|fetcher|agent|guzzle|nethttp|AsyncClient\(.*|Client\(.*)$",
    re.IGNORECASE,
)
_SURE: Final = frozenset("requests httpx axios reqwest Faraday HTTParty RestClient Http ky got $ jQuery".split())
_GLOBALS: Final = frozenset({"window", "globalThis", "self"})
NAMED_CALLS: Final[Mapping[str, Mapping[str, str]]] = {
    "java": {
        **dict.fromkeys(("getForObject", "getForEntity"), "GET"),
        **dict.fromkeys(("postForObject", "postForEntity", "postForLocation"), "POST"),
        "headForHeaders": "HEAD",
        "patchForObject": "PATCH",
        "optionsForAllow": "OPTIONS",
    },
    "csharp": {
        f"{method.title()}{ending}": method.upper()
        for method in METHODS
        for ending in ("Async", "StringAsync", "StreamAsync", "ByteArrayAsync", "FromJsonAsync", "AsJsonAsync")
    },
}
_NET_HTTP: Final = {"get": "GET", "get_response": "GET", "post": "POST", "post_form": "POST"}
_GO_CLIENT = re.compile(r"(?:client|resty|req|request|\.R\(\).*)$", re.IGNORECASE)
_FUNCTIONS: Final = frozenset({"arrow_function", "function_expression", "function", "func_literal", "lambda"})
_RETROFIT: Final = frozenset(method.upper() for method in METHODS)
WHOLE_CALLS: Final = frozenset({"fetch", "$fetch", "ofetch", "axios", "got", "ky", "request", "useFetch", "urlopen"})


def called(code: Code, calls: Sequence[Call]) -> Iterator[Route]:
    """Yield the addresses that calls of a file ask for, as far as they are written there."""
    for call in calls:
        if call.is_annotation:
            if code.language == "java":
                yield from _declared(code, call)
            continue
        found = _asked(code, call)
        if found is None:
            continue
        method, node = found
        written = code.template(node)
        path = called_path(written) if written is not None and is_address(written) else None
        if path is not None:
            yield method, path, call.line


_Asked: TypeAlias = tuple[str, "Node | None"]


def _asked(code: Code, call: Call) -> _Asked | None:
    """Return the method and the address of a call that asks for one."""
    first = call.arguments[0] if call.arguments else call.named.get("url")
    is_whole = not call.receiver or call.receiver in _GLOBALS or call.name == "urlopen"
    if call.name in WHOLE_CALLS and first is not None and is_whole:
        return _whole(code, call, first)
    named = NAMED_CALLS.get(code.language, {}).get(call.name)
    if named is not None:
        return named, first
    special = _SPECIAL.get(code.language)
    if special is not None:
        return special(code, call)
    if code.language == "ruby" and call.receiver == "Net::HTTP":
        return _NET_HTTP.get(call.name, ANY), first
    return _of_client(code, call, first) if _CLIENTS.search(call.root) or call.receiver in _SURE else None


def _of_client(code: Code, call: Call, first: Node | None) -> _Asked | None:
    """Return what a method of a client asks for, as libraries of most languages have it."""
    if call.name.lower() in METHODS and first is not None:
        if any(one.type in _FUNCTIONS for one in call.arguments[1:]):
            return None  # a route, with what handles it
        return call.name.upper(), first
    if call.name in {"request", "stream", "open"} and len(call.arguments) > 1:
        return method_of(code, call.arguments[0]), call.arguments[1]
    if call.name in {"ajax", "request"} and first is not None and first.type == "object":
        return _from_object(code, first)
    return None


def _csharp(code: Code, call: Call) -> _Asked | None:
    if call.name == "HttpRequestMessage" and len(call.arguments) > 1:
        return method_of(code, call.arguments[0]), call.arguments[1]
    return None


def _whole(code: Code, call: Call, first: Node) -> _Asked:
    """Return what a function that stands for a client asks for: ``fetch(url, {method})``, ``axios({url, method})``."""
    if first.type == "object":
        return _from_object(code, first)
    options = call.arguments[1] if len(call.arguments) > 1 else None
    method = "GET"
    if options is not None and options.type == "object":
        given = _properties(code, options).get("method")
        method = method_of(code, given) if given is not None else "GET"
    return method, first


def _from_object(code: Code, node: Node) -> _Asked:
    given = _properties(code, node)
    method = given.get("method") or given.get("type")
    return (method_of(code, method) if method is not None else "GET"), given.get("url")


def _properties(code: Code, node: Node) -> dict[str, Node]:
    return {
        code.text(pair.named_children[0]).strip("\"'"): pair.named_children[-1]
        for pair in node.named_children
        if pair.type == "pair" and len(pair.named_children) > 1
    }


def _go(code: Code, call: Call) -> _Asked | None:
    arguments = call.arguments
    if call.name == "NewRequest" and len(arguments) > 1:
        return method_of(code, arguments[0]), arguments[1]
    if call.name == "NewRequestWithContext" and len(arguments) > 2:  # noqa: PLR2004
        return method_of(code, arguments[1]), arguments[2]
    of_client = call.receiver == "http" or _GO_CLIENT.search(call.receiver)
    if not of_client or not arguments:
        return None
    if call.name == "PostForm":
        return "POST", arguments[0]
    if call.name in {"Get", "Head", "Post", "Put", "Patch", "Delete"}:
        return call.name.upper(), arguments[0]
    return None


def _java(code: Code, call: Call) -> _Asked | None:
    if call.name == "uri" and call.receiver_node is not None and call.arguments:
        before = code.call(call.receiver_node)
        if before is not None and before.name in METHODS:
            return before.name.upper(), call.arguments[0]
        return ANY, call.arguments[0]
    if call.name == "exchange" and len(call.arguments) > 1:
        return method_of(code, call.arguments[1]), call.arguments[0]
    if call.name == "newBuilder" and call.receiver.endswith("HttpRequest") and call.arguments:
        return ANY, call.arguments[0]
    if call.name in {"put", "delete"} and re.search(r"rest(?:template|client)?$", call.root, re.IGNORECASE):
        return call.name.upper(), call.arguments[0] if call.arguments else None
    return None


def _declared(code: Code, call: Call) -> Iterator[Route]:
    """Yield what interfaces declare that clients are made of: Retrofit's methods, and Feign's."""
    first = next(iter(code.texts(call.arguments[0])), None) if call.arguments else None
    if call.name in _RETROFIT and first is not None:
        path = called_path(first) if "://" in first else route_path(first)
        if path is not None:
            yield call.name, path, call.line
        return
    mapping = {f"{method.title()}Mapping": method.upper() for method in METHODS}
    if call.name in mapping and _of_feign(code, call):
        given = first or next(iter(code.texts(call.named.get("value") or call.named.get("path"))), "")
        path = route_path(given, _feign_path(code, call))
        if path is not None:
            yield mapping[call.name], path, call.line


def _feign(code: Code, call: Call) -> Call | None:
    for node in ancestors(call.node):
        if node.type == "interface_declaration":
            modifiers = next((child for child in node.named_children if child.type == "modifiers"), None)
            for child in modifiers.named_children if modifiers is not None else ():
                found = code.call(child)
                if found is not None and found.name in {"FeignClient", "HttpExchange"}:
                    return found
    return None


def _of_feign(code: Code, call: Call) -> bool:
    return _feign(code, call) is not None


def _feign_path(code: Code, call: Call) -> str:
    client = _feign(code, call)
    return (code.template(client.named.get("path")) or "") if client is not None else ""


_SPECIAL: Final = {"go": _go, "java": _java, "csharp": _csharp}

__all__ = ["NAMED_CALLS", "WHOLE_CALLS", "called"]
