# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the settings say of questions holds on every surface of a daemon: kept, hashed, or left out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from typing import Any, cast

import grpc
import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from test_served_audit import newest, since
from test_served_policies import REPO, World, _called, world_in

from conexus.daemon.operations import BY_NAME

RULES = ("keep", "hash", "omit")


@pytest.fixture(scope="module", params=RULES)
def ruled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, World]]:
    """A daemon with one of the rules."""
    settings = f'[edition.audit]\ntext = "{request.param}"\n'
    with world_in(tmp_path_factory.mktemp(request.param), settings) as world:
        yield request.param, world


def ask_everywhere(world: World, word: str) -> int:
    """Ask for a word by everything that takes a text; returns how many questions there were."""
    asked = {
        "search": {"query": f"{word} search"},
        "context": {"query": f"{word} context"},
        "symbols": {"name": f"{word}_symbol"},
        "batch_search": {"searches": [{"query": f"{word} first"}, {"query": f"{word} second"}]},
    }
    credentials = (("authorization", f"Bearer {world.keys['ann']}"),)
    with world.client("ann") as ann, grpc.insecure_channel(world.served.grpc) as channel:
        for name, request in asked.items():
            operation = BY_NAME[name]
            ann.post(operation.http[1], json=request).raise_for_status()
            service, method = operation.grpc
            model = operation.request.model_validate(request)
            told = _called(channel, f"/conexus.v1.{service}/{method}", model, operation.response.__name__, credentials)
            assert "StatusCode" not in told, told
        ann.post("/integrations/continue", json={"query": "", "fullInput": f"@conexus {word} continue"})
        ann.post("/v1/search", json={"query": f"{word} wrong", "limit": 100_000})
        ann.post("/v1/search", json={"query": f"{word} search", "filter": {"repositories": ["none/of/them"]}})
    asyncio.run(_ask_by_mcp(world, word))
    return 2 * len(asked) + 2 + 3


async def _ask_by_mcp(world: World, word: str) -> None:
    headers = {"authorization": f"Bearer {world.keys['ann']}"}
    async with (
        httpx.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
    ):
        for tool, arguments in (
            ("search_code", {"query": f"{word} search"}),
            ("get_context", {"query": f"{word} context"}),
            ("find_symbol", {"name": f"{word}_symbol"}),
        ):
            await session.call_tool(tool, {**arguments, "repository": REPO})


def test_questions_are_kept_hashed_or_left_out(ruled: tuple[str, World]) -> None:
    """On REST, gRPC, MCP and for Continue: in what is read of the log, and in its file."""
    rule, world = ruled
    before = newest(world)
    count = ask_everywhere(world, "quokka")
    records = [one for one in since(world, before) if one["user"] == "ann"]
    assert {one["surface"] for one in records} == {"rest", "grpc", "mcp"}
    texts = [one["text"] for one in records]
    asked = [text for text, one in zip(texts, records, strict=True) if one["action"] != "repositories"]
    assert len(asked) >= count
    data = b"".join(path.read_bytes() for path in world.served.program.data.glob("audit.sqlite*"))
    shown = world.served.program.ok("audit", "search", "--user", "ann", "--json").out
    found = world.served.program.ok("audit", "search", "--user", "ann", "--text", "quokka", "--json").json["records"]
    after = b"".join(path.read_bytes() for path in world.served.program.data.glob("audit.sqlite*"))
    assert (b"quokka" in after) is (rule == "keep"), "what the log is searched for is under the rule as well"
    if rule == "keep":
        assert all("quokka" in text for text in asked), asked
        assert b"quokka" in data
        assert len(found) >= count
        return
    assert b"quokka" not in data
    assert "quokka" not in shown
    assert found == []
    if rule == "omit":
        assert set(texts) == {""}
        return
    assert all(re.fullmatch(r"hmac:[0-9a-f]{64}", text) for text in asked), asked
    same = {one["surface"]: one["text"] for one in reversed(records) if one["action"] == "context"}  # the first of each
    assert len(set(same.values())) == 1, "the same question has the same hash on every surface"
    assert len(same) == 3
    assert len(set(asked)) >= 4
