# SPDX-License-Identifier: FSL-1.1-MIT
"""Every surface gives the same: ids, order and errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import httpx2
import pytest
from conftest import Served
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from conexus.daemon import client as daemon_client
from conexus.daemon import discovery
from conexus.daemon.failures import GRPC_STATUS, HTTP_STATUS
from conexus.errors import ConexusError, ErrorCode, error_of
from conexus.types import LOCAL_USER, SearchFilter, SearchRequest
from conexus.v1 import search_pb2, search_pb2_grpc

QUESTIONS = (
    "fine of a late loan", "retry with backoff", "how are routes registered", "class Desk", "Desk.lend", "LimitReached",
    "state machine", "deploy a container", "desk/lending.py", "desk/lending.py:120", "what holds events", "überfällig",
    "TypeError: 'NoneType' object at line 30 in lending.py", "def overdue_days(self, today)", "SELECT loans", "x",
)  # fmt: skip
BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"query": "?!"}, "invalid_query"),
    ({"query": "loan", "filter": {"repositories": ["nowhere"]}}, "not_indexed"),
    ({"query": "loan", "filter": {"languages": ["klingon"]}}, "invalid_request"),
    ({"query": "loan", "filter": {"paths": ["!x"]}}, "invalid_query"),
    ({"query": "loan", "limit": 0}, "invalid_request"),
    ({"query": "loan", "limit": 5000}, "invalid_request"),
    ({"query": ""}, "invalid_query"),
)


def by_rest(served: Served, asked: dict[str, Any]) -> list[str] | str:
    """Ids, or the code of an error."""
    with served.client() as client:
        answer = client.post("/v1/search", json=asked)
    found = answer.json()
    if answer.status_code == 200:
        return [one["id"] for one in found["results"]]
    assert HTTP_STATUS[ErrorCode(found["code"])] == answer.status_code
    return str(found["code"])


def by_grpc(served: Served, asked: dict[str, Any]) -> list[str] | str:
    """Ids, or the code of an error."""
    where = asked.get("filter", {})
    request = search_pb2.SearchRequest(query=asked["query"])
    if "limit" in asked:
        request.limit = asked["limit"]
    for name, values in where.items():
        getattr(request.filter, name).values.extend(values)
    with grpc.insecure_channel(served.grpc) as channel:
        try:
            answer = search_pb2_grpc.SearchServiceStub(channel).Search(
                request, metadata=(("authorization", f"Bearer {served.token}"),), timeout=60
            )
        except grpc.RpcError as exc:
            trailing = dict(exc.trailing_metadata())
            code = str(json.loads(trailing["conexus-error-bin"])["code"])
            assert GRPC_STATUS[ErrorCode(code)] == exc.code().name
            return code
    return [one.id for one in answer.results]


def by_client(served: Served, asked: dict[str, Any]) -> list[str] | str:
    """Ids, or the code of an error, through the Python client that the terminal uses."""
    address = discovery.find(served.program.data)
    assert address is not None
    where = asked.get("filter", {})
    request = SearchRequest(
        asked["query"],
        asked.get("limit", 10),
        SearchFilter(
            repos=frozenset(where["repositories"]) if "repositories" in where else None,
            languages=frozenset(where["languages"]) if "languages" in where else None,
            path_globs=tuple(where["paths"]) if "paths" in where else None,
        ),
    )
    client = daemon_client.DaemonClient(address)
    try:
        return [hit.chunk.id for hit in client.search(request, LOCAL_USER).hits]
    except ConexusError as error:
        return error.code.value
    finally:
        client.close()


def by_mcp(served: Served, all_asked: list[dict[str, Any]]) -> list[list[str] | str]:
    """For each question its ids, or the code of its error."""

    async def ask() -> list[list[str] | str]:
        found: list[list[str] | str] = []
        headers = {"authorization": f"Bearer {served.token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{served.url}/mcp", http_client=http)) as session,
        ):
            for asked in all_asked:
                where = asked.get("filter", {})
                arguments = {
                    "query": asked["query"],
                    "limit": asked.get("limit", 10),
                    "max_tokens": 20_000,
                    "repository": where.get("repositories", ["lending"])[0],
                    **({"languages": where["languages"]} if "languages" in where else {}),
                    **({"paths": where["paths"]} if "paths" in where else {}),
                    **({"ref": where["ref"]} if "ref" in where else {}),
                }
                answer = await session.call_tool("search_code", arguments)
                if answer.is_error:
                    found.append(json.dumps([getattr(part, "text", "") for part in answer.content]))
                else:
                    beside = answer.meta or {}
                    found.append(list(beside.get("conexus/ids", [])))
                    [snapshot] = beside["conexus/snapshots"]
                    assert snapshot["files_indexed"] == snapshot["files_seen"] > 0
        return found

    return asyncio.run(ask())


def test_the_same_questions_give_the_same_ids_in_the_same_order(served: Served) -> None:
    """REST, gRPC, MCP, the Python client, and the terminal with and without a daemon."""
    through_mcp = by_mcp(served, [{"query": question} for question in QUESTIONS])
    for question, mcp in zip(QUESTIONS, through_mcp, strict=True):
        rest = by_rest(served, {"query": question, "filter": {"repositories": ["lending"]}})
        assert isinstance(rest, list)
        assert by_grpc(served, {"query": question, "filter": {"repositories": ["lending"]}}) == rest
        assert mcp == rest, question
        assert by_client(served, {"query": question}) == by_rest(served, {"query": question})
    for question in QUESTIONS[:4]:
        rest = by_rest(served, {"query": question, "filter": {"roots": [str(served.tree)]}})
        found = served.program.run("search", question, served.tree, "--json")
        assert [one["id"] for one in found.json["results"]] == rest


@pytest.mark.parametrize(("asked", "code"), BAD)
def test_the_same_mistakes_give_the_same_errors(served: Served, asked: dict[str, Any], code: str) -> None:
    """With the status that each surface's table has for the code."""
    assert by_rest(served, asked) == code
    assert by_client(served, asked) == code
    assert by_grpc(served, asked) == code
    [told] = by_mcp(served, [asked])
    assert code in told


def test_every_code_has_a_place_in_every_table() -> None:
    """And every error can be made from its code again."""
    assert set(HTTP_STATUS) == set(ErrorCode) == set(GRPC_STATUS)
    assert all(grpc.StatusCode[name] for name in GRPC_STATUS.values())
    for code in ErrorCode:
        assert error_of(code.value, "message").code is code
    assert error_of("of a later version", "message").code is ErrorCode.INTERNAL
