# SPDX-License-Identifier: FSL-1.1-MIT
"""MCP as agents see it over HTTP: tools, resources, sessions, and what they are refused."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import jsonschema
import mcp_types as types
import pytest
from conftest import REPO, Served, serving
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from program import Program, commit, write

from conexus.daemon.mcp_pages import json_tokens
from conexus.daemon.mcp_tools import MAX_TOKENS, TOOLS
from conexus.tokens import count_tokens

_T = TypeVar("_T")
QUESTION = "fine of a late loan"
ERAS = ("legacy", "2026-07-28")
PLACE = re.compile(r"^desk/lending\.py:\d+ \(", re.MULTILINE)


def with_client(
    served: Served,
    work: Callable[[Client], Awaitable[_T]],
    *,
    mode: str = "legacy",
    token: str | None = None,
    roots: list[Path] | None = None,
    headers: dict[str, str] | None = None,
) -> _T:
    """Do something with the SDK's own client."""

    async def listed(_: Any) -> types.ListRootsResult:
        return types.ListRootsResult(roots=[types.Root(uri=path.as_uri()) for path in roots or []])

    async def run() -> _T:
        given = {"authorization": f"Bearer {served.token if token is None else token}", **(headers or {})}
        async with httpx2.AsyncClient(headers=given, timeout=60) as http:
            transport = streamable_http_client(f"{served.url}/mcp", http_client=http)
            callback = None if roots is None else listed
            async with Client(transport, mode=mode, list_roots_callback=callback) as client:
                return await work(client)

    return asyncio.run(run())


def call(served: Served, tool: str, arguments: dict[str, Any], **options: Any) -> types.CallToolResult:
    """Call one tool."""
    return with_client(served, lambda client: client.call_tool(tool, arguments), **options)


def text_of(result: types.CallToolResult) -> str:
    """The text of an answer."""
    [block] = result.content
    assert isinstance(block, types.TextContent)
    return block.text


def failed(result: types.CallToolResult, code: str) -> str:
    """The text of an answer that has to be an error of this code."""
    assert result.is_error, text_of(result)
    assert text_of(result).startswith(f"Error ({code}): ")
    assert result.meta is not None
    assert result.meta["conexus/error"]["code"] == code
    return text_of(result)


# ------------------------------------------------------------------------------ tools


@pytest.mark.parametrize("mode", ERAS)
def test_tools_are_listed_for_agents(served: Served, mode: str) -> None:
    """Schemas are plain and closed, descriptions give an example, and clients may call without asking a person."""
    listed = with_client(served, lambda client: client.list_tools(), mode=mode).tools
    assert [tool.name for tool in listed] == [tool.name for tool in TOOLS]
    for tool in listed:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        assert tool.input_schema["additionalProperties"] is False
        assert not {"$ref", "anyOf", "$defs", "title"} & set(json.dumps(tool.input_schema).replace('"', " ").split())
        assert all(one.get("description") for one in tool.input_schema["properties"].values())
        assert tool.annotations is not None
        assert tool.annotations.read_only_hint is True
        example = json.loads((tool.description or "").rpartition("Example: ")[2])
        jsonschema.validate(example, tool.input_schema)
    shown = [tool.model_dump(by_alias=True, exclude_none=True, exclude={"output_schema"}) for tool in listed]
    assert json_tokens(shown) < 6_000  # what a model reads before it has asked anything


CALLS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("search_code", {"query": QUESTION}, r"(?m)^desk/lending\.py:\d+ \("),
    ("get_context", {"query": QUESTION, "max_tokens": 1500}, r"## desk/lending\.py:\d+-\d+"),
    ("find_similar", {"path": "desk/lending.py", "line": 20, "limit": 3}, r"(?m)^\S+:\d+ \("),
    ("find_symbol", {"name": "MAX_LOANS", "uses": True}, r"(?m)^desk/lending\.py:\d+ \(constant MAX_LOANS"),
    ("related_files", {"path": "desk/lending.py"}, r"(?m)^web/index\.html$"),
    ("read_file", {"path": "desk/lending.py", "end_line": 5}, r"desk/lending\.py:1 \(lines 1-5 of \d+\)"),
    ("repository_map", {}, r"(?m)^desk/lending\.py \(used \d+ times\)"),
    ("index_status", {}, r"(?m)^lending \(example\.org/tools/lending\)"),
    ("explain_skip", {"path": "trace.log"}, r"trace\.log is left out \(ignored\)"),
)


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize(("tool", "arguments", "expected"), CALLS, ids=[name for name, _, _ in CALLS])
def test_a_tool_answers_with_places_and_in_its_form(
    served: Served, tool: str, arguments: dict[str, Any], expected: str, mode: str
) -> None:
    """Text that can be used at once; the structured form where there is one fits its schema; nothing need be named."""
    found = call(served, tool, arguments, mode=mode)
    assert not found.is_error, text_of(found)
    assert re.search(expected, text_of(found)), text_of(found)
    [schema] = [one.output_schema for one in TOOLS if one.name == tool]
    assert (found.structured_content is None) == (schema is None)
    if schema is not None:
        jsonschema.validate(found.structured_content, schema)


def test_search_agrees_with_rest(served: Served) -> None:
    """The same places in the same order, and the code between marks."""
    with served.client() as client:
        rest = client.post("/v1/search", json={"query": QUESTION, "limit": 5}).json()["results"]
    text = text_of(call(served, "search_code", {"query": QUESTION, "limit": 5, "max_tokens": MAX_TOKENS}))
    assert re.findall(r"(?m)^(\S+):(\d+) \(", text) == [(one["path"], str(one["line"])) for one in rest]
    assert rest[0]["text"].strip() in text
    assert f"Paths are relative to {served.tree}." in text


@pytest.mark.parametrize("cap", [500, 1200])
def test_cursors_lead_through_all_results_once_and_no_page_is_over_its_cap(served: Served, cap: int) -> None:
    """What many small pages hold is what the large one has."""
    with served.client() as client:
        rest = client.post("/v1/search", json={"query": "loan", "limit": 25}).json()["results"]
    expected = [(one["path"], one["start_line"], one["end_line"]) for one in rest]

    async def pages(client: Client) -> list[tuple[str, int, int]]:
        found: list[tuple[str, int, int]] = []
        cursor = ""
        while len(found) < len(expected):
            arguments = {"query": "loan", "max_tokens": cap, "cursor": cursor}
            page = text_of(await client.call_tool("search_code", arguments))
            assert count_tokens(page) <= cap
            places = re.findall(r"(?m)^(\S+):\d+ \(.*lines (\d+)-(\d+)\)$", page)
            assert places
            found += [(path, int(first), int(last)) for path, first, last in places]
            more = re.search(r"\nMore: the same call with cursor=(\S+)$", page)
            if more is None:
                break
            cursor = more[1]
        return found

    found = with_client(served, pages)
    assert len(found) == len(set(found))
    assert found[: len(expected)] == expected[: len(found)]
    assert len(found) >= min(len(expected), 20)


@pytest.mark.parametrize("mode", ERAS)
def test_no_answer_is_over_its_cap_in_either_form(served: Served, mode: str) -> None:
    """Whatever the tool, at its smallest."""
    capped = [(tool, {**arguments, "max_tokens": 500}) for tool, arguments, _ in CALLS if tool != "explain_skip"]

    async def calls(client: Client) -> list[types.CallToolResult]:
        return [await client.call_tool(tool, arguments) for tool, arguments in capped]

    for (tool, _), found in zip(capped, with_client(served, calls, mode=mode), strict=True):
        assert not found.is_error, (tool, text_of(found))
        assert count_tokens(text_of(found)) <= 500, tool
        assert json_tokens(found.structured_content) <= 500, tool


def test_files_are_read_page_by_page(served: Served) -> None:
    """The pages put together are the file."""
    path = served.tree / "desk" / "lending.py"

    async def pages(client: Client) -> str:
        lines, cursor = "", ""
        while True:
            arguments = {"path": str(path), "max_tokens": 500, "cursor": cursor}
            page = text_of(await client.call_tool("read_file", arguments))
            lines += page.partition("\n```python\n")[2].partition("\n```")[0] + "\n"
            more = re.search(r"cursor=(\S+)$", page)
            if more is None:
                return lines
            cursor = more[1]

    assert with_client(served, pages).rstrip("\n") == path.read_text(encoding="utf-8").rstrip("\n")


# ------------------------------------------------------------------------------ errors


def test_an_unknown_argument_is_named_with_those_that_are_known(served: Served) -> None:
    """And the one that was most likely meant."""
    text = failed(call(served, "search_code", {"quer": "x"}), "invalid_request")
    assert "no argument 'quer'; did you mean query?" in text
    assert "max_tokens" in text


def test_a_mistyped_repository_lists_the_known_ones(served: Served) -> None:
    """So that the agent's next call is right."""
    text = failed(call(served, "search_code", {"query": "x", "repository": "lendin"}), "not_indexed")
    assert "did you mean lending? indexed are: lending" in text


def test_an_unknown_tool_is_an_answer_too(served: Served) -> None:
    """Agents see errors of tools, and not always those of the protocol."""
    assert "search_code" in failed(call(served, "search", {}), "invalid_request")


HOSTILE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("search_code", {}),
    ("search_code", {"query": ""}),
    ("search_code", {"query": "a\x00b"}),
    ("search_code", {"query": "x" * 200_000}),
    ("search_code", {"query": ["x"]}),
    ("search_code", {"query": {"$ne": None}}),
    ("search_code", {"query": "x", "limit": 10**30}),
    ("search_code", {"query": "x", "limit": -1}),
    ("search_code", {"query": "x", "max_tokens": 10**9}),
    ("search_code", {"query": "x", "cursor": "../../x"}),
    ("search_code", {"query": "x", "cursor": "AAAA"}),
    ("search_code", {"query": "x", "kinds": ["nonsense"]}),
    ("search_code", {"query": "x", "languages": ["klingon"]}),
    ("search_code", {"query": "x", "__proto__": {"a": 1}}),
    ("search_code", {"query": "x", "\u202e\x1b[31m" * 50: 1}),
    ("search_code", {"query": "x", "repository": "../../../etc"}),
    ("search_code", {"query": "x", "repository": "/etc"}),
    ("read_file", {"path": "../../../etc/passwd"}),
    ("read_file", {"path": "/etc/passwd", "repository": "lending"}),
    ("read_file", {"path": "desk/../../x", "repository": "lending"}),
    ("read_file", {"path": "desk/lending.py", "start_line": 10**6}),
    ("read_file", {"path": "desk/lending.py", "start_line": 10**12}),
    ("read_file", {"path": "x" * 5_000}),
    ("find_similar", {"path": "desk/lending.py", "line": 0}),
    ("find_symbol", {"name": ""}),
    ("find_symbol", {"name": "\x00"}),
    ("related_files", {"path": "no/such/file.py"}),
    ("explain_skip", {"path": "\x00"}),
    ("index_status", {"repository": "nope"}),
)


@pytest.mark.parametrize("mode", ERAS)
def test_hostile_arguments_are_refused_with_a_reason(served: Served, mode: str) -> None:
    """None is a fault of ours, none brings a file of the machine, and what they hold is shown harmless."""

    async def calls(client: Client) -> list[types.CallToolResult]:
        return [await client.call_tool(tool, arguments) for tool, arguments in HOSTILE]

    for (tool, arguments), found in zip(HOSTILE, with_client(served, calls, mode=mode), strict=True):
        text = text_of(found)
        assert found.is_error, (tool, str(arguments)[:80], text)
        assert re.match(r"Error \((invalid_request|invalid_query|not_indexed|not_found|access_denied)\): ", text), text
        assert "root:" not in text
        assert not re.search("[\x00-\x08\x1b\u202e]", text)
        assert count_tokens(text) < 1_000


def test_forty_calls_at_once(served: Served) -> None:
    """Each gets its own answer."""
    names = ["MAX_LOANS", "leftpad", "lending", "Shelf"] * 10

    async def calls(client: Client) -> list[types.CallToolResult]:
        return list(
            await asyncio.gather(
                *(client.call_tool("search_code", {"query": f"{name} {at}"}) for at, name in enumerate(names))
            )
        )

    for mode in ERAS:
        found = with_client(served, calls, mode=mode)
        assert len(found) == len(names)
        assert not any(one.is_error for one in found)


# ------------------------------------------------------------------------------ resources


@pytest.mark.parametrize("mode", ERAS)
def test_maps_and_files_are_resources(served: Served, mode: str) -> None:
    """Maps are listed, files are found by their address, by id or short name."""

    async def read(client: Client) -> tuple[Any, ...]:
        listed = (await client.list_resources()).resources
        templates = (await client.list_resource_templates()).resource_templates
        one = await client.read_resource(listed[0].uri)
        two = await client.read_resource("conexus://lending/file/desk/lending.py?start_line=3")
        return listed, templates, one.contents[0], two.contents[0]

    listed, templates, overview, file = with_client(served, read, mode=mode)
    assert [one.uri for one in listed] == [f"conexus://{quote(REPO, safe='')}/map"]
    assert [one.uri_template for one in templates] == [
        "conexus://{repository}/file/{+path}",
        "conexus://{repository}/map",
    ]
    assert "desk/lending.py (used" in overview.text
    lines = (served.tree / "desk/lending.py").read_text(encoding="utf-8").splitlines()
    assert file.text.splitlines() == lines[2:]
    assert file.meta["conexus/lines_total"] == len(lines)


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd",
        "conexus://lending/file/../../../etc/passwd",
        "conexus://lending/file/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "conexus://lending/file//etc/passwd",
        "conexus://lending/file/a%00b",
        "conexus://nope/map",
        "conexus://lending/secrets",
        "conexus://lending/map?cursor=%00",
        "conexus://" + "a" * 30_000 + "/map",
    ],
)
def test_addresses_lead_nowhere_else(served: Served, address: str) -> None:
    """They are errors of the protocol, with the code of ours beside."""

    async def refused(client: Client) -> types.ErrorData:
        with pytest.raises(MCPError) as raised:  # in here: outside it comes in groups
            await client.read_resource(address)
        return raised.value.error

    error = with_client(served, refused)
    assert error.code == types.INVALID_PARAMS
    assert error.data["code"] in {"not_found", "not_indexed", "invalid_request"}


# ------------------------------------------------------------------------------ who calls


def post(served: Served, message: dict[str, Any], token: str | None = None, **headers: str) -> httpx2.Response:
    """Post one message as a client of the handshake era does."""
    with httpx2.Client(timeout=60) as client:
        given = {"accept": "application/json, text/event-stream", **headers}
        if token != "":
            given["authorization"] = f"Bearer {token or served.token}"
        return client.post(f"{served.url}/mcp", json=message, headers=given)


OPENING = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
LISTING = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_credentials_there_is_nothing(served: Served, token: str) -> None:
    """401, with what is asked for."""
    refused = post(served, OPENING, token)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.json()["code"] == "unauthenticated"


def test_a_page_of_another_site_is_refused(served: Served) -> None:
    """As for REST: the guard is before all surfaces."""
    assert post(served, OPENING, origin="https://evil.example").status_code == 403
    assert post(served, OPENING, host="evil.example").status_code == 403


def test_a_session_belongs_to_who_opened_it(served: Served) -> None:
    """For another caller it does not exist; for none at all there is no answer."""
    opened = post(served, OPENING)
    session = {"mcp-session-id": opened.headers["mcp-session-id"]}
    post(served, {"jsonrpc": "2.0", "method": "notifications/initialized"}, **session)
    assert post(served, LISTING, **session).status_code == 200
    assert post(served, LISTING, served.key(), **session).status_code == 404
    assert post(served, LISTING, "", **session).status_code == 401
    with httpx2.Client(headers={"authorization": f"Bearer {served.token}", **session}) as client:
        assert client.delete(f"{served.url}/mcp").status_code == 200
    assert post(served, LISTING, **session).status_code == 404


@pytest.mark.parametrize("mode", ERAS)
def test_who_is_elsewhere_sees_no_path_of_this_machine(served: Served, mode: str) -> None:
    """A key searches what it may read; the folders that its client names mean nothing here."""
    key = served.key()
    for tool, arguments, expected in CALLS:
        found = call(served, tool, arguments, mode=mode, token=key, roots=[served.tree])
        assert not found.is_error, text_of(found)
        assert re.search(expected, text_of(found))
        assert str(served.program.folder) not in found.model_dump_json()
    refused = call(served, "read_file", {"path": str(served.tree / "desk/lending.py")}, mode=mode, token=key)
    assert str(served.program.folder) not in failed(refused, "not_found")


def test_a_key_sees_only_its_repositories(served: Served) -> None:
    """What it may not read is not there."""
    key = served.key("writer", "--repos", "github.com/acme/*")  # a reader of this kind is another test's
    failed(call(served, "search_code", {"query": QUESTION}, token=key), "not_indexed")
    failed(call(served, "search_code", {"query": QUESTION, "repository": "lending"}, token=key), "not_indexed")
    assert REPO not in text_of(call(served, "index_status", {}, token=key))


# ------------------------------------------------------------------------------ where the client works


def make_other(folder: Path) -> Path:
    """A git repository that nobody has indexed."""
    tree = folder / "orchard"
    write(
        tree, {"trees.py": "def graft(branch: str) -> str:\n    '''Join a branch to a trunk.'''\n    return branch\n"}
    )
    commit(tree, "https://example.org/farm/orchard.git")
    return tree


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("way", ["roots", "header"])
def test_a_repository_is_indexed_when_an_agent_first_asks(tmp_path: Path, mode: str, way: str) -> None:
    """The answer says so and comes from it; what the client works in is searched and nothing else."""
    program = Program(tmp_path / "program")
    tree = make_other(tmp_path)
    options: dict[str, Any] = (
        {"roots": [tree]} if way == "roots" else {"headers": {"conexus-folder": quote(str(tree / "sub"))}}
    )
    with serving(program, tree) as served:
        first = text_of(call(served, "search_code", {"query": "join a branch"}, mode=mode, **options))
        # A busy machine takes longer than an answer waits.
        assert "orchard was not indexed and is now" in first or "orchard is not indexed yet: indexing began" in first
        again, until = first, time.monotonic() + 240
        while "not indexed" in again:
            assert time.monotonic() < until, again
            time.sleep(0.2)
            again = text_of(call(served, "search_code", {"query": "join a branch"}, mode=mode, **options))
        assert "trees.py:1 (function graft" in again
        read = text_of(call(served, "read_file", {"path": "trees.py"}, mode=mode, **options))
        assert "def graft" in read


def test_a_folder_that_is_no_repository_is_not_indexed(served: Served, tmp_path: Path) -> None:
    """An agent may work in a home folder: what it asks is answered from the rest, and it is told."""
    plain = tmp_path / "plain"
    plain.mkdir()
    text = text_of(call(served, "search_code", {"query": QUESTION}, roots=[plain]))
    assert "is in no git repository and not indexed" in text
    assert PLACE.search(text)


def test_roots_that_are_nonsense_do_no_harm(served: Served) -> None:
    """Other machines, relative paths and control characters name no folder here."""
    for value in ("%00", "relative", "/" + "a" * 20_000, "%2e%2e", "\\\\host\\share"):
        found = call(served, "search_code", {"query": QUESTION}, headers={"conexus-folder": value})
        assert not found.is_error


# ------------------------------------------------------------------------------ the end


def test_open_streams_do_not_hold_a_daemon_up(tmp_path: Path) -> None:
    """A client that listens is told that it is over, and the daemon ends in a moment."""
    program = Program(tmp_path / "program")
    tree = make_other(tmp_path)
    with serving(program, tree) as served:
        opened = post(served, OPENING)
        headers = {
            "mcp-session-id": opened.headers["mcp-session-id"],
            "authorization": f"Bearer {served.token}",
            "accept": "text/event-stream",
        }
        with (
            httpx2.Client(timeout=60) as client,
            client.stream("GET", f"{served.url}/mcp", headers=headers) as stream,
        ):
            assert stream.status_code == 200
            served.process.send_signal(signal.SIGTERM)
            stream.read()
        served.process.wait(timeout=60)
        said = (program.folder / "serve.log").read_text(encoding="utf-8")
        assert "stopping" in said
        assert "timeout graceful shutdown exceeded" not in said  # uvicorn's word where it had to cut something off
