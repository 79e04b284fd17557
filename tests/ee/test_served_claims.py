# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Claims of tokens on every surface of a daemon: rules that ask for them, and what is on record."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from test_served_audit import newest, since
from test_served_policies import CANARY, LABELS, LOCKED, REPO, RULES, World, _called, world_in
from tokens import AUDIENCE, ISSUER, payload, token, write_keys

from conexus.daemon.operations import BY_NAME

HEADER = "x-conexus-claims"
MFA = (
    'forbid(principal, action, resource is File) when { resource.labels.contains("shut") } '
    "unless { context has mfa && context.mfa };"
)
DEVICE = (
    'forbid(principal, action, resource is File) when { resource.labels.contains("shut") } '
    "unless { context has device.managed && context.device.managed };"
)
QUESTION = {"query": f"pay with {CANARY}", "limit": 50}
NO_MFA = {"amr": ["pwd"]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A daemon that takes tokens."""
    folder = tmp_path_factory.mktemp("claims")
    jwks = write_keys(folder / "jwks.json")
    settings = f'[edition.claims]\njwks = "{jwks}"\nissuer = "{ISSUER}"\naudience = "{AUDIENCE}"\n'
    with world_in(folder, settings) as found:
        yield found


def by_rest(world: World, headers: dict[str, str] | list[tuple[str, str]], user: str = "ann") -> tuple[int, str]:
    """Status and answer of a search over REST."""
    with world.client(user) as client:
        answer = client.post("/v1/search", json=QUESTION, headers=headers)
    return answer.status_code, answer.text


def by_grpc(world: World, *metadata: tuple[str, str]) -> str:
    """The answer of a search over gRPC, or the error."""
    credentials = (("authorization", f"Bearer {world.keys['ann']}"), *metadata)
    model = BY_NAME["search"].request.model_validate(QUESTION)
    with grpc.insecure_channel(world.served.grpc) as channel:
        return _called(channel, "/conexus.v1.SearchService/Search", model, "SearchResponse", credentials)


def by_mcp(world: World, *texts: str) -> list[str]:
    """The answers of an agent's search, each with a token of its own in one session; without one where it is empty."""

    async def ask() -> list[str]:
        headers = {"authorization": f"Bearer {world.keys['ann']}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            found = []
            for text in texts:
                http.headers.pop(HEADER, None)
                if text:
                    http.headers[HEADER] = text
                found.append(str(await session.call_tool("search_code", {"query": CANARY, "repository": REPO})))
            return found

    return asyncio.run(ask())


@pytest.mark.parametrize("rule", [MFA, DEVICE])
def test_rules_ask_for_claims_on_every_surface(world: World, rule: str) -> None:
    """With the claim the file is there, without it, or where it says no, it is not; before and after one another."""
    world.put(base=RULES["base"], claims=rule).raise_for_status()
    bad = token(**NO_MFA, device={"managed": False})
    for text, sees in (("", False), (token(), True), ("", False), (bad, False), (token(kid="ed"), True), ("", False)):
        status, told = by_rest(world, {HEADER: text} if text else {})
        assert (status, LOCKED in told) == (200, sees)
        assert "src/pay.py" in told
        assert (LOCKED in by_grpc(world, *([(HEADER, text)] if text else []))) is sees
    assert [LOCKED in told for told in by_mcp(world, "", token(), "", bad, token())] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_what_may_not_be_seen_without_a_claim_is_not_there(world: World) -> None:
    """The answers are those for a file that is not there; with the claim it is read."""
    world.put(base=RULES["base"], claims=MFA).raise_for_status()
    with world.client("ann") as ann:
        hidden = ann.get(f"/v1/repositories/{REPO}/files/{LOCKED}")
        shown = ann.post("/v1/symbols", json={"name": CANARY}, headers={HEADER: token()})
        without = ann.post("/v1/symbols", json={"name": CANARY})
        counts = [
            ann.get("/v1/repositories", headers=headers).json()["repositories"][0]["files"]
            for headers in ({}, {HEADER: token()}, {})
        ]
    assert hidden.status_code == 404
    assert LOCKED in shown.text
    assert LOCKED not in without.text
    assert counts[0] == counts[2] < counts[1]


def test_what_is_not_sound_is_refused_everywhere(world: World) -> None:
    """With 401, on record without the token, and nothing of it in any file of the daemon."""
    world.put(**RULES).raise_for_status()
    before = newest(world)
    wrong = {
        "of somebody else": token("bob"),
        "over": token(iat=1, exp=2),
        "by nobody": f"{token().rpartition('.')[0]}.{'A' * 86}",
        "unknown key": token(headers={"kid": "x"}),
        "twice": f"{token()}, {token()}",
    }
    with world.client() as admin:  # many mistakes are slowed down: the owner of the machine goes on as before
        assert admin.post("/v1/search", json=QUESTION, headers={HEADER: token("bob")}).status_code == 200
    for what, text in wrong.items():
        status, told = by_rest(world, {HEADER: text})
        assert (status, json.loads(told)["code"]) == (401, "unauthenticated"), what
        assert text[:40] not in told
    status, _ = by_rest(world, [(HEADER, token()), (HEADER, token())])
    assert status == 401
    assert "UNAUTHENTICATED" in by_grpc(world, (HEADER, wrong["over"]))
    assert "UNAUTHENTICATED" in by_grpc(world, (HEADER, token()), (HEADER, token()))
    with world.served.client(world.keys["ann"]) as ann:
        answer = ann.post("/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, headers={HEADER: "x"})
    assert answer.status_code == 401
    told_of = [one for one in since(world, before) if one["action"] == "authenticate"]
    assert {(one["outcome"], one["allowed"], one["user"]) for one in told_of} == {("unauthenticated", False, "ann")}
    assert len(told_of) == len(wrong) + 4
    parts = {part.encode() for text in [*wrong.values(), token()] for part in text.split(".") if len(part) > 20}
    files = [path for path in world.served.program.folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        data = path.read_bytes()
        assert not any(part in data for part in parts), path


def test_a_key_that_is_nobodys_has_no_claims(world: World) -> None:
    """A token that comes with it is refused."""
    with world.client() as admin:
        secret = admin.post("/v1/keys", json={"name": "ci"}).json()["secret"]
    with world.served.client(secret) as client:
        assert client.post("/v1/search", json=QUESTION).status_code == 200
        assert client.post("/v1/search", json=QUESTION, headers={HEADER: token("ci")}).status_code == 401


def test_what_counted_is_on_record(world: World) -> None:
    """The values, and not the token; over REST they are told as well, and gone once they are erased."""
    world.put(**RULES).raise_for_status()
    before = newest(world)
    for text in ("", token(**NO_MFA, device={"encrypted": True, "platform": "ios"})):
        by_rest(world, {HEADER: text} if text else {}, "ann")
    by_grpc(world, (HEADER, token()))
    records = [one for one in since(world, before) if one["user"] == "ann"]
    assert [one.get("claims", []) for one in records] == [
        [],
        ["mfa=false", "device.encrypted=true", "device.platform=ios"],
        ["mfa=true", "device.managed=true", "device.compliant=false", "device.platform=linux"],
    ]
    with world.client() as admin:
        told = admin.get("/v1/audit", params={"user": "ann", "limit": 2}).json()["records"]
    assert told[0]["claims"][0] == "mfa=true"
    exported = world.served.program.ok("audit", "export", "-f", "csv", "--user", "ann").out
    assert "device.platform=ios" in exported
    assert payload()["iss"] not in exported


def test_administrators_set_claims(world: World, tmp_path: Path) -> None:
    """In explanations, tests and simulations: over REST, over gRPC and in the terminal."""
    world.put(base=RULES["base"], claims=MFA).raise_for_status()
    asked = {"repository": REPO, "user": "ann", "path": LOCKED}
    program = world.served.program
    with world.client() as admin:
        for claims, sees in ((None, False), ({}, False), ({"mfa": False}, False), ({"mfa": True}, True)):
            told = admin.post("/v1/policies/explain", json={**asked, **({"claims": claims} if claims else {})}).json()
            assert told["allowed"] is sees
            case = {"name": "one", "repository": REPO, "path": LOCKED, "allowed": sees, "claims": claims}
            rules = [{"name": "base", "text": RULES["base"]}, {"name": "claims", "text": MFA}]
            policies = {"policies": rules, "labels": LABELS, "cases": [case]}
            results = admin.post("/v1/policies/test", json={"policies": policies}).json()["results"]
            # Labels are of paths, so that a test needs no index.
            assert [one["passed"] for one in results] == [True], (claims, results)
            changed = {**policies, "policies": [*rules[:1], {"name": "claims", "text": DEVICE}], "cases": []}
            simulated = {"claims": {**(claims or {}), "managed": True}}
            dry = {"policies": changed, "dry_run": True, "simulated": simulated}
            report = admin.put("/v1/policies", json=dry).json()
            gained = {(one["user"], one["gained"]) for one in report["differences"] if one["action"] == "read"}
            assert gained == (set() if sees else {("ann", 2), ("bob", 2)})
            model = BY_NAME["put_policies"].request.model_validate(dry)
            credentials = (("authorization", f"Bearer {world.served.token}"),)
            with grpc.insecure_channel(world.served.grpc) as channel:
                said = _called(channel, "/conexus.v1.PolicyService/PutPolicies", model, "PolicyReport", credentials)
            assert ("gained: 2" in said) is not sees
    assert program.run("policy", "explain", "ann", LOCKED, "--repo", REPO).code == 1
    ended = program.ok("policy", "explain", "ann", LOCKED, "--repo", REPO, "--mfa", "--device", "compliant=no")
    assert "mfa=true, device.compliant=false" in ended.out
    file = tmp_path / "claims.cedar"
    file.write_text(DEVICE)
    told = program.ok("policy", "simulate", file, "--device", "managed", "--device", "platform=ios").out
    assert "+src/vault/master.py" in told
    assert "no user" in program.ok("policy", "simulate", file, "--device", "managed=no").out
    for wrong in ("shiny", "managed=perhaps", "platform"):
        assert program.run("policy", "simulate", file, "--device", wrong).code == 2
