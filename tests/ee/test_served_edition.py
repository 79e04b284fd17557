# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""A daemon with a licence: users, keys of theirs, rights, limits and events, over REST, gRPC, MCP and the terminal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from daemon_conftest import Served, serving
from licences import DAY, licence
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import Program, commit, write

from conexus import bootstrap
from conexus.adapters.roots import checkout_of
from conexus.config import Config, LicenseOptions, StoreOptions
from conexus.errors import FeatureNotAvailable
from conexus.types import LOCAL_USER, Principal, SearchRequest
from conexus.v1 import common_pb2, directory_pb2, directory_pb2_grpc

WEB, CORE = "example.org/acme/web", "example.org/acme/core"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon with an enterprise licence and two indexed repositories."""
    folder = tmp_path_factory.mktemp("enterprise")
    program = Program(folder)
    program.settings |= {"CONEXUS_LICENSE_MODE": "test", "CONEXUS_LICENSE_KEY": licence(max_repos=50)}
    service = bootstrap.build(Config(store=StoreOptions(path=str(program.data)))).service
    for name in ("web", "core"):
        write(folder / name, {"a.py": f'def {name}():\n    """The {name} of it all."""\n    return 1\n'})
        commit(folder / name, f"https://example.org/acme/{name}.git")
        service.index(checkout_of(folder / name, folder), LOCAL_USER)
    service.close()
    with serving(program, folder / "web") as found:
        yield found


def found_by(client: httpx.Client) -> set[str]:
    """The repositories that a caller finds something in."""
    answer = client.post("/v1/search", json={"query": "of it all", "limit": 50})
    if answer.status_code == 404:
        return set()
    assert answer.status_code == 200, answer.text
    return {hit["repository"] for hit in answer.json()["results"]}


def put(client: httpx.Client, kind: str, name: str, **body: object) -> httpx.Response:
    """Put an entry of the directory."""
    return client.put(f"/v1/directory/{kind}s/{name}", json=body)


def key_of(served: Served, user: str, **asked: object) -> str:
    """The secret of a new key of a user."""
    with served.client() as admin:
        made = admin.post("/v1/keys", json={"name": f"of {user}", "user": user, **asked})
        assert made.status_code == 200, made.text
        return str(made.json()["secret"])


def test_a_user_sees_what_was_granted_and_no_more(served: Served) -> None:
    """By a group, a team, a role of one's own and a project; at once, and gone at once."""
    with served.client() as admin:
        assert put(admin, "user", "ann", email="ann@example.org").json() == {
            "name": "ann",
            "email": "ann@example.org",
            "active": True,
        }
        secret = key_of(served, "ann", role="writer")
        with served.client(secret) as ann:
            assert ann.get("/v1/status").status_code == 403  # no permission at all yet
            assert put(admin, "group", "dev", members=["ann"]).status_code == 200
            assert put(admin, "team", "search", groups=["dev"]).status_code == 200
            assert put(admin, "role", "curator", permissions=["read"]).status_code == 200
            grants = [{"role": "curator", "subject": "team:search"}]
            assert put(admin, "project", "web", repositories=[WEB], grants=grants).status_code == 200
            assert found_by(ann) == {WEB}
            assert [one["repository"] for one in ann.get("/v1/repositories").json()["repositories"]] == [WEB]
            assert ann.post("/v1/index", json={"repository": WEB}).status_code == 403
            assert ann.get(f"/v1/repositories/{CORE}").status_code == 404
            put(admin, "role", "curator", permissions=["read", "index"])
            assert ann.post("/v1/index", json={"repository": WEB}).status_code == 200
            assert ann.delete(f"/v1/repositories/{WEB}").status_code == 403
            assert ann.get("/v1/keys").status_code == 403
            assert put(ann, "user", "eve").status_code == 403
            served.program.ok("admin", "users", "disable", "ann")
            assert ann.get("/v1/status").status_code == 401
            [listed] = [key for key in admin.get("/v1/keys").json()["keys"] if key["user"] == "ann"]
            assert "may do nothing here any more" in listed["refused"]
            assert "refused: the API key belongs to ann" in served.program.ok("keys", "list").out
            told = admin.post("/v1/keys", json={"name": "more", "user": "ann"}).json()
            assert (told["code"], "conexus admin users enable ann" in told["hint"]) == ("invalid_request", True)
            [listed] = [key for key in served.program.ok("keys", "list", "--json").json["keys"] if key["user"] == "ann"]
            assert (listed["valid"], listed["refused"] != "") == (False, True)
            assert put(admin, "user", "ann", email="ann@example.net").json()["active"] is False
            assert ann.get("/v1/status").status_code == 401  # another address lets nobody in again
            assert put(admin, "user", "ann", active=True).json()["email"] == "ann@example.net"
            assert found_by(ann) == {WEB}
            assert admin.delete("/v1/directory/users/ann").status_code == 200
            assert ann.get("/v1/status").status_code == 401
            put(admin, "user", "ann")
            assert ann.get("/v1/status").status_code == 401  # the name alone brings no key back
        assert admin.get("/v1/directory").json()["groups"] == [{"name": "dev", "members": []}]


def test_a_key_narrows_what_its_user_may_do(served: Served) -> None:
    """The role and the patterns of the key, and the rights of the user: what both allow."""
    with served.client() as admin:
        put(admin, "user", "root")
        put(admin, "project", "all", repositories=["*"], grants=[{"role": "admin", "subject": "user:root"}])
        with served.client(key_of(served, "root")) as reader:
            assert found_by(reader) == {WEB, CORE}
            assert reader.get("/v1/keys").status_code == 403
        with served.client(key_of(served, "root", repositories=["*/core"], role="writer")) as writer:
            assert found_by(writer) == {CORE}
            assert writer.get("/v1/log").status_code == 403
        with served.client(key_of(served, "root", role="admin")) as all_of_it:
            assert all_of_it.get("/v1/keys").status_code == 200
            assert put(all_of_it, "user", "eve").status_code == 200
            assert all_of_it.get("/v1/license").json()["licence"]["customer"] == "Acme"
        with served.client(key_of(served, "root", role="writer")) as writer:
            told = writer.get("/v1/license").json()
            assert told["message"] == "license needs the permission daemon, user:root has not"
            assert told["details"] == {"required_role": "admin", "required_permission": "daemon"}


def test_who_may_change_some_things_cannot_make_keys_for_more(served: Served) -> None:
    """A role with `keys` makes no admin key; one with `directory` alone gives nobody rights."""
    with served.client() as admin:
        put(admin, "user", "clerk")
        put(admin, "role", "clerk", permissions=["read", "keys", "directory"])
        put(admin, "project", "office", repositories=["*"], grants=[{"role": "clerk", "subject": "user:clerk"}])
        with served.client(key_of(served, "clerk", role="admin")) as clerk:
            made = clerk.post("/v1/keys", json={"name": "x", "role": "reader"})
            assert made.status_code == 200, made.text
            for role in ("writer", "admin"):
                assert clerk.post("/v1/keys", json={"name": "x", "role": role}).status_code == 403
            assert clerk.get("/v1/directory").status_code == 200
            # Who may index one repository makes no key that may index all.
            put(admin, "project", "one", repositories=[WEB], grants=[{"role": "writer", "subject": "user:clerk"}])
            for role in ("reader", "writer"):
                assert clerk.post("/v1/keys", json={"name": "x", "role": role}).status_code == 403
            grants = [{"role": "admin", "subject": "user:clerk"}]
            assert put(clerk, "project", "office", repositories=["*"], grants=grants).status_code == 403
            assert clerk.delete("/v1/directory/projects/office").status_code == 403


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("group", {"members": ["nobody"]}),
        ("team", {"groups": ["nobody"]}),
        ("project", {"grants": [{"role": "nobody", "subject": "user:root"}]}),
        ("project", {"grants": [{"role": "reader", "subject": "nobody"}]}),
        ("project", {"repositories": [" "]}),
        ("role", {"permissions": ["everything"]}),
        ("user", {"admin": True}),
    ],
)
def test_what_is_not_there_cannot_be_named(served: Served, kind: str, body: dict[str, object]) -> None:
    """It is an error that names the field, and changes nothing."""
    with served.client() as admin:
        before = admin.get("/v1/directory").json()
        answer = put(admin, kind, "wrong", **body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        assert put(admin, "role", "admin", permissions=[]).status_code == 400
        assert admin.delete("/v1/directory/groups/nobody").status_code == 404
        assert admin.get("/v1/directory").json() == before


def test_grpc_does_the_same(served: Served) -> None:
    """The same directory, the same errors, and the mark of a test licence."""
    metadata = (("authorization", f"Bearer {served.token}"),)
    with grpc.insecure_channel(served.grpc) as channel:
        stub = directory_pb2_grpc.DirectoryServiceStub(channel)
        stub.PutUser(directory_pb2.User(name="bob"), metadata=metadata)
        stub.PutGroup(directory_pb2.Group(name="ops", members=["bob"]), metadata=metadata)
        stub.PutTeam(directory_pb2.Team(name="night", members=["bob"]), metadata=metadata)
        stub.PutRole(
            directory_pb2.CustomRole(name="watcher", permissions=[directory_pb2.PERMISSION_LOG]), metadata=metadata
        )
        grants = [directory_pb2.Grant(role="watcher", subject="group:ops")]
        stub.PutProject(directory_pb2.Project(name="ops", repositories=["*"], grants=grants), metadata=metadata)
        state = stub.GetDirectory(common_pb2.Empty(), metadata=metadata)
        assert {user.name for user in state.users} >= {"bob"}
        name = directory_pb2.DirectoryName(kind=directory_pb2.DIRECTORY_KIND_USER, name="bob")
        stub.RemoveEntry(name, metadata=metadata)
        changes = stub.ListChanges(directory_pb2.ChangesRequest(limit=3), metadata=metadata).changes
        assert [(one.type, one.actor, one.target) for one in changes[:2]] == [
            ("user.removed", "local", "bob"),
            ("project.put", "local", "ops"),
        ]
        features, call = stub.Features.with_call(common_pb2.Empty(), metadata=metadata)
        assert features.licence.customer == "Acme"
        assert dict(call.trailing_metadata())["x-conexus-licence"] == "TEST LICENCE"
        with pytest.raises(grpc.RpcError) as caught:
            stub.RemoveEntry(name, metadata=metadata)
        assert cast("Any", caught.value).code() is grpc.StatusCode.NOT_FOUND


def test_agents_can_ask_what_they_may_do(served: Served) -> None:
    """A tool of the edition beside those of the core, which takes no arguments."""

    async def ask() -> tuple[set[str], Any, Any]:
        headers = {"authorization": f"Bearer {served.token}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            tools = {tool.name for tool in (await session.list_tools()).tools}
            return tools, await session.call_tool("my_access", {}), await session.call_tool("my_access", {"x": 1})

    tools, answer, wrong = asyncio.run(ask())
    assert {"my_access", "search_code"} <= tools
    assert f"{WEB}: read, index" in answer.content[0].text
    assert wrong.is_error


def test_every_answer_and_status_says_that_the_licence_is_for_tests(served: Served) -> None:
    """The header, the status of the daemon and of an index, and the log."""
    with served.client() as client, served.client("wrong") as stranger:
        for answer in (client.get("/v1/status"), client.get("/healthz"), stranger.get("/v1/status")):
            assert answer.headers["x-conexus-licence"] == "TEST LICENCE"
        assert client.get("/v1/status").json()["edition"] == "enterprise (TEST LICENCE)"
        assert client.get("/v1/features").json()["max_repositories"] == 50
    for words in (["daemon", "status"], ["status", str(served.tree)]):
        assert "TEST LICENCE" in served.program.run(*words).out, words
    log = (served.program.folder / "serve.log").read_text(encoding="utf-8")
    [line] = [line for line in log.splitlines() if " edition edition=" in line]
    assert "edition=enterprise (TEST LICENCE)" in line
    assert "days_left=" in line
    assert "features=" in line
    assert "TEST LICENCE of Acme" in log
    assert served.program.settings["CONEXUS_LICENSE_KEY"] not in log


def test_a_key_has_a_limit_of_its_own(served: Served) -> None:
    """Who goes beyond it is told to wait; another key of the same name is not touched."""
    with served.client() as admin:
        made = [
            str(admin.post("/v1/keys", json={"name": "twin", **more}).json()["secret"])
            for more in ({"requests_per_s": 0.2}, {})
        ]
    with served.client(made[0]) as slow, served.client(made[1]) as fast:
        began = time.monotonic()
        codes = [slow.get("/v1/status").status_code for _ in range(10)]
        most = 2 + 0.2 * (time.monotonic() - began)
        assert 2 <= codes.count(200) <= most
        assert set(codes) == {200, 429}
        assert fast.get("/v1/status").status_code == 200


def test_a_large_batch_takes_the_licence(served: Served) -> None:
    """More than the community's fifty, in one request."""
    with served.client() as client:
        answer = client.post("/v1/search/batch", json={"searches": [{"query": "web", "limit": 1}] * 120})
    assert answer.status_code == 200
    assert len(answer.json()["items"]) == 120


def test_the_terminal_knows_the_command_of_the_edition(served: Served) -> None:
    """In the help, and run; without a user it says what to do."""
    assert "access" in served.program.ok("--help").out
    with served.client() as admin:
        put(admin, "user", "zoe")
    assert "everything: nothing" in served.program.ok("access", "zoe").out
    assert served.program.run("access", "nobody").code == 2


def test_many_repositories_stay_when_the_licence_is_over(tmp_path: Path) -> None:
    """Six were indexed; afterwards all are found and brought up to date, and a seventh is refused."""
    options = StoreOptions(path=str(tmp_path / "data"))

    def settings(token: str) -> Config:
        return Config(store=options, license=LicenseOptions(key=token, mode="test"))

    for number in range(7):
        write(tmp_path / f"r{number}", {"a.py": f'def f{number}():\n    """Number of all."""\n    return {number}\n'})
    service = bootstrap.build(settings(licence())).service
    for number in range(6):
        service.index(checkout_of(tmp_path / f"r{number}", tmp_path), LOCAL_USER)
    service.close()
    now = int(time.time())
    over = licence(iat=now - 100 * DAY, nbf=now - 100 * DAY, exp=now - 8 * DAY)
    service = bootstrap.build(settings(over)).service
    try:
        hits = service.search(SearchRequest("number of all", limit=50), LOCAL_USER).hits
        assert len({hit.chunk.repo for hit in hits}) == 6
        assert service.index(checkout_of(tmp_path / "r0", tmp_path), LOCAL_USER).files_total == 1
        with pytest.raises(FeatureNotAvailable, match="the licence ended on"):
            service.index(checkout_of(tmp_path / "r6", tmp_path), LOCAL_USER)
        assert service.views(Principal("eve")) == []
    finally:
        service.close()


def test_what_is_no_licence_any_more_is_said_and_takes_no_daemon_away(tmp_path: Path) -> None:
    """A large batch is refused with the end of the licence; a restart with a foreign licence leaves the daemon."""
    program = Program(tmp_path / "program")
    now = int(time.time())
    over = licence(iat=now - 100 * DAY, nbf=now - 100 * DAY, exp=now - 8 * DAY)
    program.settings |= {"CONEXUS_LICENSE_MODE": "test", "CONEXUS_LICENSE_KEY": over}
    with serving(program, tmp_path) as served:
        with served.client() as client:
            told = client.post("/v1/search/batch", json={"searches": [{"query": "web"}] * 51}).json()
            assert told["code"] == "feature_not_available"
            assert "the licence ended on" in told["message"]
            assert "a batch takes 50 searches, and this one has 51" in told["message"]
            told = client.post("/v1/search/batch", json={"searches": [{"query": "web"}] * 10_001}).json()
            assert "searches: it takes 10,000, and there are 10,001" in told["message"]
        foreign = program.run("daemon", "restart", env={"CONEXUS_LICENSE_KEY": "a.b.c"})
        assert foreign.code == 2
        assert "licence" in foreign.err
        with served.client() as client:
            assert client.get("/v1/status").status_code == 200
        error = json.loads(program.run("keys", "list", "--json", env={"CONEXUS_LOG_KEEP_DAYS": "0"}).err)
        assert (error["schema"], error["code"]) == ("conexus.error/1", "config")
