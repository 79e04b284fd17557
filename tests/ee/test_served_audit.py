# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The audit log of a daemon: whatever is asked on whatever surface is on record before it is answered."""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from test_served_policies import REPO, REQUESTS, RULES, World, _called, asked_by_rest, world

from conexus.daemon.audit_events import UNRECORDED
from conexus.daemon.operations import BY_NAME

__all__ = ["world"]  # the fixture

_ENDS = {"stop", "reload"}


def newest(world: World) -> int:
    """The number of the newest record."""
    with sqlite3.connect(database(world)) as db:
        return int(db.execute("SELECT coalesce(max(seq), 0) FROM records").fetchone()[0])


def database(world: World) -> Path:
    """The file of the log."""
    return world.served.program.data / "audit.sqlite"


def since(world: World, seq: int) -> list[dict[str, Any]]:
    """The records after one, read from the file."""
    with sqlite3.connect(database(world)) as db:
        rows = db.execute("SELECT public, private FROM records WHERE seq > ? ORDER BY seq", (seq,)).fetchall()
    return [{**json.loads(private or "{}"), **json.loads(public)} for public, private in rows]


def test_every_operation_of_rest_is_on_record(world: World) -> None:
    """Once, by its name, with its outcome, for ann; what she may not do as well."""
    world.put(**RULES).raise_for_status()
    with world.client("ann") as ann:
        for name, request in REQUESTS.items():
            before = newest(world)
            answer = asked_by_rest(ann, name, request)
            told = [one for one in since(world, before) if not one["action"].startswith("change:")]
            if name in UNRECORDED and answer.status_code == 200:
                assert told == []
                continue
            [record] = [one for one in told if one["user"] == "ann"]
            assert record["action"] == name
            assert record["surface"] == "rest"
            assert record["address"] == "127.0.0.1"
            assert (record["outcome"] == "ok") == (answer.status_code < 300), (name, record, answer.text)
            assert record["allowed"] == (answer.status_code != 403)
            assert record["request"] == answer.headers["x-request-id"]
    with world.client() as admin:
        secret = "whsec_abcdefghijklmnopqrstuvwx"  # noqa: S105 -- of no use
        admin.post("/v1/webhooks", json={"url": "https://hooks.example.org/x", "secret": secret})
    assert secret not in json.dumps(since(world, 0))
    assert all(key not in json.dumps(since(world, 0)) for key in world.keys.values())


def test_every_operation_of_grpc_is_on_record(world: World) -> None:
    """As over REST."""
    credentials = (("authorization", f"Bearer {world.keys['ann']}"),)
    with grpc.insecure_channel(world.served.grpc) as channel:
        for name, request in REQUESTS.items():
            if name in UNRECORDED:
                continue
            before = newest(world)
            operation = BY_NAME[name]
            service, method = operation.grpc
            model = operation.request.model_validate(request)
            _called(channel, f"/conexus.v1.{service}/{method}", model, operation.response.__name__, credentials)
            [record] = [one for one in since(world, before) if one["user"] == "ann"]
            assert (record["action"], record["surface"], record["client"]) == (name, "grpc", "grpc")
            assert record["address"] == "127.0.0.1"


def test_what_was_shown_is_on_record(world: World) -> None:
    """The question, the places of the answer and the version of the rules."""
    before = newest(world)
    with world.client("ann") as ann:
        found = ann.post("/v1/search", json={"query": "pay the owner", "limit": 5}).json()["results"]
        ann.post("/v1/context", json={"query": "post a sum"}).raise_for_status()
        ann.get("/v1/repositories").raise_for_status()
        symbols = ann.post("/v1/symbols", json={"name": "pay", "uses": True}).json()
        told = ann.post("/integrations/continue", json={"query": "", "fullInput": "@conexus who pays"}).json()
        version = world.put(**RULES).json()["version"]["number"]
        ann.post("/v1/search", json={"query": "pay"}).raise_for_status()
    search, context, listed, named, asked, *_, last = [one for one in since(world, before) if one["user"] == "ann"]
    assert search["text"] == "pay the owner"
    assert search["shown"] == [f"{REPO}:{hit['path']}:{hit['start_line']}-{hit['end_line']}" for hit in found]
    assert (search["results"], search["repos"]) == (len(found), [REPO])
    assert json.loads(search["asked"]) == {"limit": 5}
    assert context["text"] == "post a sum"
    assert any("src/ledger.py" in place for place in context["shown"])
    assert listed["action"] == "repositories"
    assert (named["text"], named["asked"]) == ("pay", '{"uses": true}')
    assert len(named["shown"]) == len(symbols["definitions"]) + len(symbols["uses"])
    assert (asked["text"], asked["shown"]) == ("who pays", [item["description"] for item in told])
    assert last["policy"] == version


def test_agents_are_on_record(world: World) -> None:
    """Tools and resources of MCP, with the key and the user that they act for."""

    async def ask() -> None:
        headers = {"authorization": f"Bearer {world.keys['ann']}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            await session.call_tool("search_code", {"query": "agent asks to pay", "repository": REPO})
            await session.call_tool("read_file", {"path": "src/pay.py", "repository": REPO})
            await session.call_tool("my_access", {})
            listed = await session.list_resources()
            await session.read_resource(str(listed.resources[0].uri))

    before = newest(world)
    asyncio.run(ask())
    told = [one for one in since(world, before) if one["user"] == "ann"]
    assert {one["surface"] for one in told} == {"mcp"}
    assert {one["client"] for one in told} == {"mcp"}
    assert {"search", "file", "extra my_access", "repositories"} <= {one["action"] for one in told}
    assert "agent asks to pay" in {one["text"] for one in told}
    assert any(place.startswith(f"{REPO}:src/pay.py") for one in told for place in one["shown"])
    assert {one["key"] for one in told} != {""}


def test_wrong_credentials_are_on_record(world: World) -> None:
    """From where, and nothing of the credentials."""
    before = newest(world)
    for address in (world.served.url, f"{world.served.url}/mcp"):
        with world.served.client("cnx_" + "wrong" * 8) as stranger:
            assert stranger.post(f"{address.removesuffix('/mcp')}/v1/search", json={"query": "x"}).status_code == 401
    told = since(world, before)
    assert [(one["action"], one["outcome"], one["allowed"]) for one in told] == [
        ("authenticate", "unauthenticated", False)
    ] * 2
    assert {one["address"] for one in told} == {"127.0.0.1"}
    assert "wrong" not in json.dumps(told)


def test_a_change_is_on_record(world: World) -> None:
    """Of users, keys and rules: the request, and what it changed."""
    before = newest(world)
    with world.client() as admin:
        admin.put("/v1/directory/users/joe", json={"email": "joe@example.org"}).raise_for_status()
        admin.post("/v1/keys", json={"name": "joe", "user": "joe"}).raise_for_status()
        admin.delete("/v1/directory/user/joe")
    world.put(**RULES)
    actions = [one["action"] for one in since(world, before)]
    assert {"put_user", "change:user.put", "create_key", "change:key.created"} <= set(actions)
    assert {"put_policies", "change:policies.put"} <= set(actions)


# ------------------------------------------------------------------------------ no record, no answer


@contextmanager
def nothing_grows(world: World) -> Iterator[None]:
    """Have no file of the daemon grow, as on a full disk."""
    pid = world.served.process.pid
    size = sum(path.stat().st_size for path in world.served.program.data.glob("audit.sqlite-wal"))
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (min(size, 1), hard))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))


def test_without_a_record_there_is_no_answer(world: World) -> None:
    """Where the disk is full nothing is answered on any surface; once there is room it is again."""
    world.put(**RULES).raise_for_status()
    question = {"query": "pay the owner"}
    with world.client("ann") as ann:
        assert ann.post("/v1/search", json=question).status_code == 200
        before = newest(world)
        with nothing_grows(world):
            for name in ("search", "context", "symbols", "file", "map", "graph", "repositories", "create_key"):
                answer = asked_by_rest(ann, name, REQUESTS[name])
                assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
                assert "src/" not in answer.text
            assert ann.post("/integrations/continue", json={"query": "pay", "fullInput": ""}).status_code == 503
            with grpc.insecure_channel(world.served.grpc) as channel:
                model = BY_NAME["search"].request.model_validate(question)
                credentials = (("authorization", f"Bearer {world.keys['ann']}"),)
                told = _called(channel, "/conexus.v1.SearchService/Search", model, "SearchResponse", credentials)
            assert "UNAVAILABLE" in told
            assert "src/" not in told
            with world.served.client("cnx_wrong") as stranger:
                assert stranger.post("/v1/search", json=question).status_code == 503
        assert newest(world) == before
        assert ann.post("/v1/search", json=question).status_code == 200
    assert newest(world) == before + 1


def test_an_answer_waits_for_its_record(world: World) -> None:
    """Where the log is slow, since another process holds it, an answer is not there before its record."""
    before = newest(world)
    other = sqlite3.connect(database(world), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers: list[float] = []

    def ask() -> None:
        with world.client("ann") as ann:
            ann.post("/v1/search", json={"query": "pay"}).raise_for_status()
            answers.append(time.monotonic())

    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(1.0)
    assert answers == []
    freed = time.monotonic()
    other.execute("ROLLBACK")
    other.close()
    thread.join(20)
    assert answers[0] > freed
    assert newest(world) == before + 1


def test_many_ask_at_once(world: World) -> None:
    """Two hundred requests of twenty clients: each on record once, and the log is whole."""
    before = newest(world)

    def ask(number: int) -> str:
        with world.client("ann") as ann:
            return str(ann.post("/v1/search", json={"query": f"pay {number}"}).headers["x-request-id"])

    with ThreadPoolExecutor(20) as pool:
        asked = list(pool.map(ask, range(200)))
    told = [one["request"] for one in since(world, before) if one["action"] == "search"]
    assert sorted(told) == sorted(asked)
    verdict = world.served.program.ok("audit", "verify", "--json").json
    assert (verdict["sound"], verdict["findings"]) == (True, [])


# ------------------------------------------------------------------------------ the terminal


def test_the_log_is_read_and_kept_in_the_terminal(  # noqa: PLR0915 -- one story
    world: World, tmp_path: Path
) -> None:
    """Searched, exported in three forms, held, a person shown and erased; all of it on record."""
    program = world.served.program
    question = "ludicrous question of joe"
    with world.client() as admin:
        admin.put("/v1/directory/users/joe", json={}).raise_for_status()
        grants = [{"role": "writer", "subject": f"user:{user}"} for user in ("ann", "bob", "joe")]
        admin.put("/v1/directory/projects/web", json={"repositories": [REPO], "grants": grants}).raise_for_status()
        key = admin.post("/v1/keys", json={"name": "joe", "user": "joe"}).json()["secret"]
    with world.served.client(key) as joe:
        joe.post("/v1/search", json={"query": question}).raise_for_status()
        assert joe.delete("/v1/keys/x").status_code == 403
    listed = program.ok("audit", "search", "--user", "joe").out
    assert question in listed
    assert "rest/127.0.0.1" in listed
    denied = program.ok("audit", "search", "--user", "joe", "--denied", "--json").json["records"]
    assert [one["action"] for one in denied] == ["revoke_key"]
    assert program.ok("audit", "search", "--since", "2999-01-01").err.strip().endswith("no record fits")
    for form in ("jsonl", "csv", "ocsf"):
        target = tmp_path / f"joe.{form}"
        program.ok("audit", "export", target, "-f", form, "--user", "joe")
        assert question in target.read_text()
        assert program.run("audit", "export", target, "-f", form).code == 2
    event = json.loads((tmp_path / "joe.ocsf").read_text().splitlines()[-1])
    assert (event["class_uid"], event["actor"]["user"]["name"]) == (6003, "joe")
    program.ok("audit", "hold", "add", "case", "--user", "joe", "-m", "a reason")
    assert "case" in program.ok("audit", "hold", "list").out
    held = program.run("audit", "erase", "joe", "--yes")
    assert (held.code, "hold" in held.err) == (2, True)
    program.ok("audit", "hold", "release", "case")
    time.sleep(1.5)  # the query log is written once a second
    told = program.ok("audit", "report", "--minutes", "5", "--html", tmp_path / "use.html").out
    assert "if an answered question saves 5 minutes" in told
    assert "joe" in told
    page = (tmp_path / "use.html").read_text()
    assert "<svg" in page
    assert "<script" not in page
    assert program.ok("audit", "report", "--json").json["minutes_saved"] == 0
    person = program.ok("audit", "person", "joe").json
    assert question in json.dumps(person["audit"])
    assert question in json.dumps(person["queries"])
    assert person["directory"]["name"] == "joe"
    assert person["keys"][-1]["name"] == "joe"
    assert program.run("audit", "erase", "joe").code == 2
    assert "erased" in program.ok("audit", "erase", "joe", "--yes").out
    left = b"".join(path.read_bytes() for path in program.data.glob("audit.sqlite*"))
    assert question.encode() not in left
    assert question not in json.dumps(program.ok("log", "--json").json)
    verdict = program.ok("audit", "verify", "--json").json
    assert verdict["sound"]
    assert verdict["erased"] >= 2
    assert program.ok("audit", "head", "--key").out.startswith("-----BEGIN PUBLIC KEY-----")
    assert json.loads(program.ok("audit", "head").out)["size"] == newest(world)
    actions = {one["action"] for one in program.ok("audit", "search", "-n", "40", "--json").json["records"]}
    assert {"audit.search", "audit.export", "audit.hold", "audit.release", "audit.erase", "audit.verify"} <= actions


def test_the_log_is_read_over_rest_and_grpc(world: World) -> None:
    """By who has all permissions, and by nobody else; reading is on record."""
    with world.client("ann") as ann:
        ann.post("/v1/search", json={"query": "a question to be looked for"}).raise_for_status()
        assert ann.get("/v1/audit").status_code == 403
        assert ann.post("/v1/audit/verify", json={}).status_code == 403
    with world.client() as admin:
        asked = {"user": "ann", "text": "to be LOOKED for", "limit": 5, "since": time.time() - 60}
        [record] = admin.get("/v1/audit", params=asked).json()["records"]
        assert (record["action"], record["user"], record["repositories"]) == ("search", "ann", [REPO])
        assert record["shown"]
        assert [
            one["action"] for one in admin.get("/v1/audit", params={"denied": True, "limit": 2}).json()["records"]
        ] == [
            "verify_audit",
            "audit",
        ]
        verdict = admin.post("/v1/audit/verify", json={}).json()
        assert (verdict["sound"], verdict["findings"], len(verdict["root"])) == (True, [], 64)
        assert verdict["records"] <= newest(world)
        credentials = (("authorization", f"Bearer {world.served.token}"),)
    with grpc.insecure_channel(world.served.grpc) as channel:
        model = BY_NAME["audit"].request.model_validate({"action": "search", "limit": 1})
        told = _called(channel, "/conexus.v1.AuditService/SearchAudit", model, "AuditResponse", credentials)
    assert "a question to be looked for" in told
    assert {"audit", "audit.search", "verify_audit", "audit.verify"} <= {one["action"] for one in since(world, 0)}


def test_every_command_of_the_log_speaks_json(world: World, tmp_path: Path) -> None:
    """With a schema that says what it is; ``person`` prints JSON in any case."""
    program = world.served.program
    with world.client() as admin:
        admin.put("/v1/directory/users/zoe", json={}).raise_for_status()
    written = tmp_path / "records.jsonl"
    commands: dict[tuple[str, ...], dict[str, object]] = {
        ("search", "-n", "1"): {"schema": "conexus.audit/1"},
        ("export", str(written)): {"schema": "conexus.audit-export/1", "file": str(written), "format": "jsonl"},
        ("verify",): {"schema": "conexus.audit-verdict/1", "sound": True},
        ("report",): {"schema": "conexus.audit-report/1"},
        ("head",): {"schema": "conexus.audit-head/1"},
        ("head", "--key"): {"schema": "conexus.audit-key/1"},
        ("expire",): {"schema": "conexus.audit-expired/1", "deleted": 0},
        ("hold", "add", "zoe-1", "--user", "zoe", "-m", "why"): {
            "schema": "conexus.audit-hold/1", "name": "zoe-1", "user": "zoe", "reason": "why", "by": "local",
        },
        ("hold", "list"): {"schema": "conexus.audit-holds/1"},
        ("hold", "release", "zoe-1"): {"schema": "conexus.audit-released/1", "name": "zoe-1"},
        ("erase", "zoe", "--yes"): {"schema": "conexus.audit-erased/1", "user": "zoe", "held": 0, "queries": 0},
    }  # fmt: skip
    for command, expected in commands.items():
        told = program.ok("audit", *command, "--json").json
        assert {name: told[name] for name in expected} == expected, (command, told)
    assert told["records"] >= 1
    assert program.ok("audit", "person", "ann").json["schema"] == "conexus.person/1"
    assert len(written.read_text().splitlines()) > 1
    assert program.run("audit", "export", "--json").code == 2
    listed = program.ok("audit", "--help").out + program.ok("audit", "hold", "--help").out
    names = {command[1] if command[0] == "hold" else command[0] for command in commands} | {"person", "hold"}
    assert set(re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)) == names
