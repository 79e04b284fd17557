# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the endpoints of a file. Only files with a word of a framework or a client in them are looked at closely."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from tree_sitter import Node

from conexus.parsing.endpoints.calls import Call, Code
from conexus.parsing.endpoints.remote import services_of, stubs_of
from conexus.parsing.endpoints.requests import NAMED_CALLS, WHOLE_CALLS, called
from conexus.parsing.endpoints.routes import METHODS, Route
from conexus.parsing.endpoints.routes_dynamic import php_routes, ruby_routes
from conexus.parsing.endpoints.routes_go import go_routes
from conexus.parsing.endpoints.routes_javascript import javascript_routes
from conexus.parsing.endpoints.routes_python import python_routes
from conexus.parsing.endpoints.routes_rust import rust_routes
from conexus.parsing.endpoints.routes_typed import csharp_routes, java_routes
from conexus.types import Endpoint, EndpointKind, EndpointSide

MAX_ENDPOINTS = 2_000
"""Of one file; what is beyond is left out."""
_SCRIPT_WORDS: Final = (
    *(b"express", b"fastify", b"koa", b"hono", b"outer", b"fetch(", b"axios", b"http", b"ajax(", b"app.", b"api."),
    *(b"@Controller", b"request(", b"ky.", b"got."),
)
_WORDS: Final[Mapping[str, tuple[bytes, ...]]] = {
    "python": (
        *(b"flask", b"fastapi", b"starlette", b"aiohttp", b"django", b"rest_framework", b"requests", b"httpx"),
        *(b"urlopen", b"client", b"session", b"APIRouter", b"Blueprint", b"bottle", b"sanic", b"falcon", b".route("),
        *(b"app.", b"router."),
    ),
    **dict.fromkeys(("javascript", "typescript", "tsx"), _SCRIPT_WORDS),
    "go": (b"http", b"gin", b"echo", b"chi", b"mux", b"fiber", b"resty", b"outer"),
    "java": (
        b"Mapping",
        b"@Path",
        b"@GET",
        b"@POST",
        b"@PUT",
        b"@DELETE",
        b"@PATCH",
        b"rest",
        b"Rest",
        b"WebClient",
        b"Http",
    ),
    "csharp": (b"[Http", b"Map", b"Http", b"Async("),
    "ruby": (
        b"routes",
        b"get ",
        b"post ",
        b"put ",
        b"delete ",
        b"Faraday",
        b"Net::HTTP",
        b"HTTParty",
        b"RestClient",
        b"conn",
    ),
    "php": (b"Route", b"$app", b"Http", b"client", b"router"),
    "rust": (b"oute(", b"#[get", b"#[post", b"#[put", b"#[delete", b"#[patch", b"reqwest", b"client", b"web::"),
}
"""Words of frameworks and clients: a file without one of them is not looked at closely."""
_QUOTED_PATHS = re.compile(rb"['\"`](?:(?:https?:/)?/|\$?\{|%s|\^|[a-z]+/)")
_PATH_WORDS = (
    *(b"root", b"resource", b"Mapping", b"Http", b"@GET", b"@POST", b"@PUT", b"@DELETE", b"@Controller"),
    *(b'path("', b"path('", b'register("', b"register('"),  # of Django, whose paths begin with no slash
    *(b'get "', b"get '", b'post "', b"post '"),  # of Rails
)
_REMOTE_WORDS = (b"pb", b"PB", b"rpc", b"RPC", b"Rpc", b"roto", b"ROTO")
"""One of these is in whatever ``_REMOTE`` finds, but for odd mixtures of case: they are looked for sooner."""
_REMOTE = re.compile(rb"grpc|_pb2|/pb\b|\bpb\.|proto", re.IGNORECASE)
_STUBS = (b"Stub", b"Client", b"Servicer_to_server", b"Server(")
_SERVED: Final[Mapping[str, Callable[[Code, Sequence[Call]], Iterator[Route]]]] = {
    "python": python_routes,
    "javascript": javascript_routes,
    "typescript": javascript_routes,
    "tsx": javascript_routes,
    "go": go_routes,
    "java": java_routes,
    "csharp": csharp_routes,
    "ruby": ruby_routes,
    "php": php_routes,
    "rust": rust_routes,
}
CALLED_NAMES: Final = frozenset(
    [
        *(name for method in METHODS for name in (method, method.title(), method.upper(), f"add_{method}")),
        *(f"{method.title()}Mapping" for method in METHODS),
        *(f"Map{method.title()}" for method in METHODS),
        *(f"Http{method.title()}" for method in METHODS),
        *(name for table in NAMED_CALLS.values() for name in table),
        *WHOLE_CALLS,
        *"route api_route add_url_rule add_api_route add_route Route path re_path url register".split(),
        *"Blueprint APIRouter include_router register_blueprint all All any Any ANY del use ajax".split(),
        *"request stream open Controller".split(),
        *"Group Party PathPrefix Subrouter Handle HandleFunc Method MethodFunc Add PostForm NewRequest".split(),
        *"NewRequestWithContext RequestMapping Path FeignClient HttpExchange uri exchange newBuilder".split(),
        *"MapGroup HttpRequestMessage draw match root resources resource apiResource resource get_response".split(),
        *"post_form prefix group nest scope service web configure".split(),
    ]
)
"""What is called where a route is served or asked for."""
_BY_NAME: Final = frozenset({"python", "javascript", "typescript", "tsx", "go"})
"""Languages whose references hold every call, so that no further walk through the tree is needed for those."""
_SCRIPTS = {"vue": "typescript", "svelte": "typescript"}


def endpoints_of(language: str, source: bytes, trees: Iterable[tuple[Node, Sequence[Node]]]) -> tuple[Endpoint, ...]:
    """Return what a file serves and calls, by line.

    Args:
        language: Of the file.
        source: Its text.
        trees: Its syntax tree; of a page, those of the scripts in it. Each with the nodes, by position, where one of
            :data:`CALLED_NAMES` is used.
    """
    if language == "protobuf":
        return tuple(found for root, _ in trees for found in services_of(source, root))[:MAX_ENDPOINTS]
    language = _SCRIPTS.get(language, language)
    if language not in _SERVED:
        return ()
    web = _has(source, _WORDS[language]) and (_QUOTED_PATHS.search(source) is not None or _has(source, _PATH_WORDS))
    remote = _has(source, _STUBS) and _has(source, _REMOTE_WORDS) and _REMOTE.search(source) is not None
    found: dict[Endpoint, None] = {}
    for root, names in trees if web or remote else ():
        code = Code(language, source, root)
        by_name = language in _BY_NAME and not remote
        calls = code.calls_of(names) if by_name else code.calls(None if remote else CALLED_NAMES)
        if web:
            for side, reader in ((EndpointSide.SERVES, _SERVED[language]), (EndpointSide.CALLS, called)):
                for method, path, line in reader(code, calls):
                    found[Endpoint(EndpointKind.HTTP, side, method, path, line)] = None
        if remote:
            found.update(dict.fromkeys(stubs_of(code, calls)))
    return tuple(sorted(found, key=_place))[:MAX_ENDPOINTS]


def _has(source: bytes, words: Iterable[bytes]) -> bool:
    return any(word in source for word in words)


def _place(endpoint: Endpoint) -> tuple[int, str, str, str]:
    return endpoint.line, endpoint.side, endpoint.path, endpoint.method


__all__ = ["CALLED_NAMES", "MAX_ENDPOINTS", "endpoints_of"]
