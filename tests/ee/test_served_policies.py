# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""Policies on every surface of a daemon: what may not be seen is in no answer, and changes hold at once."""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from daemon_conftest import Served, serving
from licences import licence
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import Program, commit, write

from conexus import bootstrap
from conexus.adapters.roots import checkout_of
from conexus.config import Config, StoreOptions
from conexus.daemon.operations import BY_NAME
from conexus.daemon.wire import MESSAGES
from conexus.types import LOCAL_USER

REPO = "example.org/acme/web"
CANARY, LOCKED = "zanzibar_quorum", "src/vault/master.py"
OPEN = {
    "src/pay.py": "from vault.master import pay_with_master\n\n\ndef pay(owner):\n"
    '    """Pay an owner."""\n    return owner\n',
    "src/ledger.py": "from pay import pay\n\n\nclass Ledger:\n    def post(self, sum):\n        return pay(sum)\n",
    "tests/test_pay.py": "from pay import pay\n\n\ndef test_pay():\n    assert pay(1) == 1\n",
}
SHUT = {
    LOCKED: f'def {CANARY}(owner):\n    """Pay with the master key {CANARY}."""\n'
    f'    return pay(owner), "{CANARY}"\n\n\n'
    "def pay(owner):\n    return owner\n",
    "docs/vault.md": f"# {CANARY}\n\nHow to pay with {CANARY}.\n",
}
RULES = {
    "base": "permit(principal, action, resource);",
    "vault": 'forbid(principal, action, resource is File) when { resource.labels.contains("shut") } '
    'unless { principal in Group::"core" };',
}
LABELS = [{"name": "shut", "paths": ["*vault*"]}]


@dataclass
class World:
    """A daemon with a repository of which ann may see a part, and bob all."""

    served: Served
    keys: dict[str, str] = field(default_factory=dict)

    def client(self, user: str = "") -> httpx.Client:
        """A client of a user, or of the administrator."""
        return self.served.client(self.keys[user] if user else None)

    def put(self, **rules: str) -> httpx.Response:
        """Put rules in force."""
        policies = [{"name": name, "text": text} for name, text in rules.items()]
        with self.client() as admin:
            return admin.put("/v1/policies", json={"policies": {"policies": policies, "labels": LABELS}})

    @property
    def paths(self) -> set[str]:
        """What ann finds."""
        return found_by(self.keys["ann"], self.served)


def found_by(key: str, served: Served) -> set[str]:
    """The paths that a key finds."""
    with served.client(key) as client:
        answer = client.post("/v1/search", json={"query": f"pay with {CANARY}", "limit": 50})
    return {hit["path"] for hit in answer.json()["results"]} if answer.status_code == 200 else set()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A daemon with users, groups and rules."""
    with world_in(tmp_path_factory.mktemp("policies")) as found:
        yield found


@contextmanager
def world_in(folder: Path, settings: str = "") -> Iterator[World]:
    """A daemon with users, groups and rules, and further settings, in TOML."""
    program = Program(folder)
    (folder / "settings.toml").write_text(settings)
    program.settings |= {
        "CONEXUS_CONFIG": str(folder / "settings.toml"),
        "CONEXUS_LICENSE_MODE": "test",
        "CONEXUS_LICENSE_KEY": licence(max_repos=50),
        "CONEXUS_DAEMON_REQUESTS_PER_S": "10000",
    }
    write(folder / "web", OPEN | SHUT)
    commit(folder / "web", f"https://{REPO}.git")
    service = bootstrap.build(Config(store=StoreOptions(path=str(program.data)))).service
    service.index(checkout_of(folder / "web", folder), LOCAL_USER)
    service.close()
    with serving(program, folder / "web") as served, served.client() as admin:
        found = World(served)
        for user in ("ann", "bob", "eve"):
            admin.put(f"/v1/directory/users/{user}", json={}).raise_for_status()
        admin.put("/v1/directory/groups/core", json={"members": ["bob"]}).raise_for_status()
        grants = [{"role": "writer", "subject": f"user:{user}"} for user in ("ann", "bob")]
        admin.put("/v1/directory/projects/web", json={"repositories": [REPO], "grants": grants}).raise_for_status()
        for user in ("ann", "bob"):
            made = admin.post("/v1/keys", json={"name": user, "user": user, "role": "writer"})
            found.keys[user] = made.json()["secret"]
        yield found


@pytest.fixture(autouse=True)
def rules(world: World) -> None:
    """Each test begins with the same rules."""
    world.put(**RULES).raise_for_status()


NAMED = {"repository": REPO}
REQUESTS: dict[str, dict[str, Any]] = {
    "search": {"query": f"pay with {CANARY}", "limit": 50, "explain": True},
    "batch_search": {"searches": [{"query": CANARY}, {"query": "master vault"}, {"query": "zanzibar_qurum"}]},
    "context": {"query": f"who calls pay with {CANARY}", "max_tokens": 4000},
    "similar": {**NAMED, "path": "src/pay.py", "line": 4},
    "symbols": {"name": CANARY, "uses": True, "callees": True},
    "related": {**NAMED, "path": "src/pay.py"},
    "file": {**NAMED, "path": "src/pay.py"},
    "map": {**NAMED},
    "graph": {**NAMED},
    "graph_repos": {"external": True, "files": True},
    "graph_impact": {"targets": ["pay"], "min_confidence": 0.05},
    "graph_path": {"source": "src/ledger.py", "target": "pay"},
    "graph_drift": {"package": CANARY},
    "graph_owners": {"targets": [CANARY]},
    "graph_orphans": {},
    "graph_cycles": {},
    "repositories": {},
    "repository": {**NAMED},
    "rename": {**NAMED, "name": "other"},
    "remove": {"repository": "example.org/acme/none"},
    "roll_back": {**NAMED},
    "collect": {},
    "why": {**NAMED, "path": "src/pay.py"},
    "verify": {**NAMED},
    "index": {**NAMED},
    "estimate": {**NAMED},
    "jobs": {},
    "job": {"id": "nothing"},
    "cancel": {"id": "nothing"},
    "status": {},
    "reload": {},
    "stop": {},
    "create_key": {"name": "x"},
    "keys": {},
    "revoke_key": {"id": "x"},
    "log": {},
    "stats": {},
    "add_webhook": {"url": "https://hooks.example.org/x", "secret": "s"},
    "webhooks": {},
    "remove_webhook": {"id": "x"},
    "features": {},
    "directory": {},
    "put_user": {"name": "eve"},
    "put_group": {"name": "core"},
    "put_team": {"name": "x"},
    "put_project": {"name": "web"},
    "put_role": {"name": "x"},
    "remove_entry": {"kind": "user", "name": "eve"},
    "changes": {},
    "policies": {},
    "put_policies": {"policies": {}},
    "policy_history": {},
    "test_policies": {},
    "explain_access": {**NAMED, "user": "ann", "path": LOCKED},
    "audit": {"text": LOCKED},
    "verify_audit": {},
}
"""A request of each operation, as somebody would make it who looks for what they may not see."""
ASKED_OF_HIDDEN = ("similar", "related", "file", "why")


def asked_by_rest(client: httpx.Client, operation: str, request: dict[str, Any]) -> httpx.Response:
    """Make a request of the table."""
    method, path = BY_NAME[operation].http
    body = dict(request)
    for name in list(body):
        for place in (f"{{{name}}}", f"{{{name}:path}}"):
            if place in path:
                path = path.replace(place, str(body.pop(name)))
    assert "{" not in path
    if method in {"GET", "DELETE"}:
        return client.request(method, path, params=body)
    return client.request(method, path, json=body)


def test_every_operation_is_in_the_table() -> None:
    """A new one has to be looked at here."""
    assert set(REQUESTS) == set(BY_NAME)


def require_nothing_told(told: str, what: str) -> None:
    """An answer must not have the canary, but for the question itself, nor name a file that is shut."""
    for shut in (LOCKED, "docs/vault.md", "How to pay with", "Pay with the master key"):
        assert shut not in told, (what, shut)


@pytest.mark.parametrize("operation", list(REQUESTS))
def test_rest_tells_nothing(world: World, operation: str) -> None:
    """Whatever is asked, over REST; the same questions tell bob something, where they are about code."""
    with world.client("ann") as ann:
        answer = asked_by_rest(ann, operation, REQUESTS[operation])
        require_nothing_told(answer.text, operation)
        if operation in ASKED_OF_HIDDEN:
            hidden = asked_by_rest(ann, operation, {**REQUESTS[operation], "path": LOCKED})
            missing = asked_by_rest(ann, operation, {**REQUESTS[operation], "path": "src/vault/nothin.py"})
            assert hidden.status_code == missing.status_code == 404
            assert hidden.text.replace(LOCKED, "X") == missing.text.replace("src/vault/nothin.py", "X")
    if operation in {"search", "batch_search", "context", "symbols", "map", "graph", "graph_repos", "graph_impact"}:
        assert answer.status_code == 200, answer.text
        with world.client("bob") as bob:
            assert "vault" in asked_by_rest(bob, operation, REQUESTS[operation]).text


def test_grpc_tells_nothing(world: World) -> None:
    """Whatever is asked, over gRPC, streams included."""
    credentials = (("authorization", f"Bearer {world.keys['ann']}"),)
    with grpc.insecure_channel(world.served.grpc) as channel:
        for name, request in REQUESTS.items():
            operation = BY_NAME[name]
            service, method = operation.grpc
            model = operation.request.model_validate(request)
            told = _called(channel, f"/conexus.v1.{service}/{method}", model, operation.response.__name__, credentials)
            require_nothing_told(told, name)
        search = BY_NAME["search"].request.model_validate(REQUESTS["search"])
        stream = channel.unary_stream(
            "/conexus.v1.SearchService/SearchStream",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=lambda data: data,
        )
        from conexus.daemon.wire import message_of  # noqa: PLC0415 -- of this part alone

        told = b"".join(stream(message_of(search), metadata=credentials, timeout=30)).decode("utf-8", "replace")
        assert "src/pay.py" in told
        require_nothing_told(told, "stream")


def _called(channel: Any, address: str, model: Any, response: str, credentials: Any) -> str:
    from conexus.daemon.wire import message_of  # noqa: PLC0415 -- as above

    call = channel.unary_unary(
        address,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=MESSAGES[response].FromString,
    )
    try:
        return str(call(message_of(model), metadata=credentials, timeout=30))
    except grpc.RpcError as error:
        return f"{error}{cast('Any', error).trailing_metadata()}"


TOOLS: dict[str, dict[str, Any]] = {
    "search_code": {"query": f"pay with {CANARY}"},
    "get_context": {"query": f"pay with {CANARY}"},
    "find_similar": {"path": "src/pay.py", "line": 4},
    "find_symbol": {"name": CANARY},
    "related_files": {"path": "src/pay.py"},
    "read_file": {"path": LOCKED},
    "repository_map": {},
    "explain_skip": {"path": LOCKED},
    "index_status": {},
    "impact_of_change": {"targets": ["pay"]},
    "dependency_graph": {"question": "orphans"},
    "my_access": {},
    "list_repositories": {},
}


def test_agents_are_told_nothing(world: World) -> None:
    """Every tool and every resource of MCP, for an agent with ann's key."""

    async def ask() -> dict[str, str]:
        headers = {"authorization": f"Bearer {world.keys['ann']}"}
        found = {}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            tools = {tool.name for tool in (await session.list_tools()).tools}
            for name in sorted(tools):
                arguments = dict(TOOLS[name])
                if name not in {"my_access", "list_repositories", "index_status"}:
                    arguments["repository"] = REPO
                found[name] = str(await session.call_tool(name, arguments))
            found["resources"] = str(await session.list_resources())
        return found

    found = asyncio.run(ask())
    assert set(found) - {"resources"} <= set(TOOLS)
    for name, told in found.items():
        for text in ("docs/vault.md", "How to pay with", "Pay with the master key"):
            assert text not in told, (name, text)
        if name not in {"read_file", "explain_skip"}:
            assert LOCKED not in told, name
    assert "src/pay.py" in found["search_code"]


def test_continue_and_events_tell_nothing(world: World) -> None:
    """The context provider of Continue, and the stream of events while the tree is indexed."""
    with world.client("ann") as ann:
        told = ann.post("/integrations/continue", json={"query": f"pay with {CANARY}", "fullInput": "x"}).text
        require_nothing_told(told, "continue")
        with world.client() as admin:
            job = admin.post("/v1/index", json={"repository": REPO}).json()["id"]
            assert admin.get(f"/v1/jobs/{job}").status_code == 200
        assert ann.get(f"/v1/jobs/{job}").status_code == 404
        assert ann.get(f"/v1/jobs/{job}/events").status_code == 404
        assert ann.get("/v1/jobs").json()["jobs"] == []
        with ann.stream("GET", "/v1/events", timeout=3) as events, world.client() as admin:
            admin.post("/v1/index", json={"repository": REPO}).raise_for_status()
            told = ""
            try:
                for chunk in events.iter_text():
                    told += chunk
            except httpx.ReadTimeout:
                pass
        assert "job" not in told.replace("jobs_", "")


def test_what_is_put_in_force_holds_at_once(world: World) -> None:
    """The next request goes by it; a set that makes no sense or fails its tests changes nothing."""
    assert world.paths == {"src/pay.py", "src/ledger.py", "tests/test_pay.py"}
    world.put(base=RULES["base"]).raise_for_status()
    assert LOCKED in world.paths
    assert world.put(base="permit(principal, action, resource) when { resource.colour };").status_code == 400
    assert LOCKED in world.paths
    world.put(none='permit(principal == User::"eve", action, resource);').raise_for_status()
    assert world.paths == set()
    with world.client("ann") as ann:
        assert ann.get("/v1/repositories").json() == {"repositories": []}
    case = {"name": "ann sees no vault", "repository": REPO, "path": LOCKED, "user": "ann", "allowed": False}
    policies = {"policies": [{"name": "base", "text": RULES["base"]}], "labels": LABELS, "cases": [case]}
    with world.client() as admin:
        refused = admin.put("/v1/policies", json={"policies": policies})
        assert refused.status_code == 400
        assert "ann sees no vault" in refused.json()["message"]
        dry = admin.put("/v1/policies", json={"policies": policies, "dry_run": True}).json()
        assert [one["passed"] for one in dry["results"]] == [False]
        assert {(one["user"], one["gained"], one["lost"]) for one in dry["differences"]} == {
            ("ann", 5, 0),
            ("bob", 5, 0),
        }
    assert world.paths == set()


def test_why_is_told_to_administrators_alone(world: World) -> None:
    """With the rules that decide; a user is told nothing of them."""
    asked = {**NAMED, "user": "ann", "path": LOCKED}
    with world.client() as admin, world.client("ann") as ann:
        told = admin.post("/v1/policies/explain", json=asked).json()
        assert (told["allowed"], told["granted"], told["reasons"]) == (False, True, ["vault"])
        assert (told["labels"], told["groups"], told["language"]) == (["shut"], [], "python")
        assert admin.post("/v1/policies/explain", json={**asked, "user": "bob"}).json()["allowed"]
        assert not admin.post("/v1/policies/explain", json={**asked, "user": "eve"}).json()["granted"]
        assert admin.post("/v1/policies/explain", json={**asked, "user": "nobody"}).status_code == 404
        for method, path in (("GET", ""), ("GET", "/history"), ("POST", "/test"), ("POST", "/explain"), ("PUT", "")):
            answer = ann.request(method, f"/v1/policies{path}", json=None if method == "GET" else asked)
            assert answer.status_code in {400, 403}, answer.text
            assert "vault" not in answer.text.replace(LOCKED, "")


def test_terminal(world: World, tmp_path: Path) -> None:
    """The commands do what REST does, on the same policies, while the daemon runs."""
    program = world.served.program
    rules = tmp_path / "night.cedar"
    rules.write_text('forbid(principal == User::"ann", action, resource is File) when { resource.path like "src/l*" };')
    told = program.ok("policy", "simulate", rules).out
    assert "ann" in told
    assert "src/ledger.py" in told
    assert "nothing was changed" in told
    program.ok("policy", "add", "night", rules, "-m", "ledgers are closed")
    assert "src/ledger.py" not in world.paths
    assert "ledgers are closed" in program.ok("policy", "history", "-n", "1").out
    ended = program.run("policy", "explain", "ann", "src/ledger.py", "--repo", REPO)
    assert ended.code == 1
    assert "night" in ended.out
    exported = json.loads(program.ok("policy", "export").out)
    assert {one["name"] for one in exported["policies"]} == {"base", "vault", "night"}
    number = json.loads(program.ok("policy", "list", "--json").out)["number"]
    program.ok("policy", "rollback", str(number - 1))
    assert "src/ledger.py" in world.paths
    bad = tmp_path / "bad.cedar"
    bad.write_text("permit(principal")
    refused = program.run("policy", "add", "bad", bad)
    assert refused.code == 2
    assert "the policy bad is no Cedar" in refused.text


def revoke_under_load(world: World, revocations: int, clients: int) -> int:
    """Give and take a right again and again while clients search; returns how many answers were looked at."""
    secret, over, looked_at = world.keys["ann"], threading.Event(), 0
    leaks: list[str] = []
    shut_since = [time.monotonic()]
    mutex = threading.Lock()

    def ask() -> int:
        asked, chance = 0, random.Random(threading.get_ident())  # noqa: S311 -- no secret
        with world.served.client(secret) as client:
            while not over.is_set():
                begun = time.monotonic()
                answer = client.post("/v1/search", json={"query": f"pay {CANARY} {chance.randrange(99)}", "limit": 20})
                with mutex:
                    was_shut = shut_since[0] < begun
                asked += 1
                if was_shut and LOCKED in answer.text:
                    leaks.append(f"{time.monotonic() - begun:.3f}")
        return asked

    open_rules, shut_rules = {"base": RULES["base"]}, RULES
    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(ask) for _ in range(clients)]
        try:
            for _ in range(revocations):
                with mutex:
                    shut_since[0] = float("inf")
                world.put(**open_rules).raise_for_status()
                until = time.monotonic() + 10
                while LOCKED not in world.paths:
                    assert time.monotonic() < until
                world.put(**shut_rules).raise_for_status()
                with mutex:
                    shut_since[0] = time.monotonic()
                time.sleep(0.1)
        finally:
            over.set()
        looked_at = sum(one.result() for one in running)
    assert leaks == []
    return looked_at


def test_what_is_taken_away_is_gone_under_load(world: World) -> None:
    """No request that begins after the rules were changed is answered by the old ones."""
    assert revoke_under_load(world, revocations=4, clients=12) > 20


@dataclass
class Lane:
    """A user who is given a right and loses it again and again, in one way, and the client that searches as they."""

    world: World
    number: int
    way: str
    mutex: threading.Lock
    """Of all lanes: rules are put in force as a whole."""
    shut: set[str]
    """Users whom rules keep out."""
    key: str = "none yet"
    key_id: str = ""
    taken_at: float = float("inf")
    seen: int = 0
    after_a_second: int = 0
    leaks: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    last: str = ""
    """The last answer."""

    @property
    def user(self) -> str:
        """Their name."""
        return f"lane{self.number}"

    def give(self, admin: httpx.Client) -> None:
        """Let the user see what is shut."""
        self._set(admin, has=True)

    def take(self, admin: httpx.Client) -> None:
        """Take that away."""
        begun = time.monotonic()
        self._set(admin, has=False)
        self.taken_at = time.monotonic()
        self.slowest_ms = max(self.slowest_ms, (self.taken_at - begun) * 1000)

    def _set(self, admin: httpx.Client, *, has: bool) -> None:
        members = [self.user] if has else []
        if self.way in {"group", "team"}:
            answer = admin.put(f"/v1/directory/{self.way}s/{self.user}", json={"members": members})
        elif self.way == "project":
            grants = [{"role": "reader", "subject": f"user:{self.user}"}] if has else []
            answer = admin.put(f"/v1/directory/projects/{self.user}", json={"repositories": [REPO], "grants": grants})
        elif self.way == "user":
            answer = admin.put(f"/v1/directory/users/{self.user}", json={"active": has})
        elif self.way == "key" and has:
            answer = admin.post("/v1/keys", json={"name": self.user, "user": self.user})
            self.key, self.key_id = answer.json()["secret"], answer.json()["key"]["id"]
        elif self.way == "key":
            answer = admin.delete(f"/v1/keys/{self.key_id}")
        else:
            with self.mutex:
                self.shut ^= {self.user}
                answer = put_lanes(self.world, self.shut)
        answer.raise_for_status()

    def ask(self, over: threading.Event, chance: random.Random) -> int:
        """Search until it is over, and note what is seen after it was taken away; returns how often."""
        asked = 0
        with self.world.served.client("") as client:
            while not over.is_set():
                begun, query = time.monotonic(), f"pay {CANARY} {chance.randrange(999)}"
                headers = {"authorization": f"Bearer {self.key}"}
                text = client.post("/v1/search", json={"query": query, "limit": 20}, headers=headers).text
                ended, asked = time.monotonic(), asked + 1
                sees = LOCKED in text
                self.seen, self.last = self.seen + sees, text[:300]
                if sees and (begun > self.taken_at or ended > self.taken_at + 1):
                    self.leaks.append(f"{self.way}: {begun - self.taken_at:.3f} to {ended - self.taken_at:.3f} s after")
                self.after_a_second += begun > self.taken_at + 1
                time.sleep(0.02 if "results" in text else 0.5)  # wrong credentials are slowed down
        return asked


WAYS = ("group", "team", "project", "user", "key", "policy")


def put_lanes(world: World, shut: set[str]) -> httpx.Response:
    """Put rules in force that let those in groups and teams of lanes see the vault, but for some."""
    lanes = " || ".join(f'principal in {kind}::"lane{n}"' for n in range(50) for kind in ("Group", "Team"))
    out = [f'forbid(principal == User::"{user}", action, resource is File);' for user in sorted(shut)]
    vault = 'forbid(principal, action, resource is File) when { resource.labels.contains("shut") } '
    return world.put(
        base=RULES["base"], vault=f"{vault} unless {{ {lanes} }};", **({"out": "\n".join(out)} if out else {})
    )


def revoke_in_lanes(world: World, revocations: int, clients: int, seed: int) -> tuple[int, float]:
    """Give and take rights of many users at a time, each a client of its own that searches all the while.

    Returns:
        How many answers were looked at, and how long the slowest revocation took, in milliseconds.
    """
    chance, mutex, shut, over = random.Random(seed), threading.Lock(), set[str](), threading.Event()  # noqa: S311 -- no secret
    lanes = [Lane(world, n, WAYS[n % len(WAYS)], mutex, shut) for n in range(clients)]
    with world.client() as admin:
        for lane in lanes:
            admin.put(f"/v1/directory/users/{lane.user}", json={}).raise_for_status()
            for kind, has in (("group", lane.way != "team"), ("team", lane.way == "team")):
                members = [lane.user] if has and lane.way != kind else []
                admin.put(f"/v1/directory/{kind}s/{lane.user}", json={"members": members}).raise_for_status()
            if lane.way != "key":
                made = admin.post("/v1/keys", json={"name": lane.user, "user": lane.user}).json()
                lane.key = made["secret"]
        grants = [{"role": "reader", "subject": f"user:{lane.user}"} for lane in lanes if lane.way != "project"]
        admin.put("/v1/directory/projects/lanes", json={"repositories": [REPO], "grants": grants}).raise_for_status()
    shut.update(lane.user for lane in lanes if lane.way == "policy")
    put_lanes(world, shut).raise_for_status()

    def turns(lane: Lane, count: int) -> None:
        with world.client() as admin:
            for _ in range(count):
                lane.taken_at, before = float("inf"), lane.seen
                lane.give(admin)
                wait_for(lane, "seen", before)
                lane.take(admin)
                wait_for(lane, "after_a_second", lane.after_a_second)

    with ThreadPoolExecutor(2 * clients) as pool:
        asking = [pool.submit(lane.ask, over, random.Random(chance.random())) for lane in lanes]  # noqa: S311 -- as above
        try:
            count = -(-revocations // clients)
            for one in [pool.submit(turns, lane, count) for lane in lanes]:
                one.result()
        finally:
            over.set()
        answers = sum(one.result() for one in asking)
    leaks = [leak for lane in lanes for leak in lane.leaks]
    assert leaks == [], (len(leaks), leaks[:20])
    return answers, max(lane.slowest_ms for lane in lanes)


def wait_for(lane: Lane, counted: str, before: int) -> None:
    """Wait for what has to come, under load."""
    until = time.monotonic() + 120
    while getattr(lane, counted) <= before:
        assert time.monotonic() < until, (lane.way, counted, lane.last)
        time.sleep(0.02)


def test_what_users_lose_is_gone_under_load(world: World) -> None:
    """Membership, grants, keys, being let in at all, and rules: of several users at once, in every way."""
    answers, _ = revoke_in_lanes(world, revocations=12, clients=6, seed=1)
    assert answers > 12


@pytest.mark.slow
def test_a_thousand_revocations_under_load(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The long form of the test above, with 50 clients: of no answer after a revocation, nor a second later."""
    seed = int(os.environ.get("CONEXUS_SEED", "1"))
    begun = time.monotonic()
    answers, slowest_ms = revoke_in_lanes(world, revocations=1000, clients=50, seed=seed)
    with capsys.disabled():
        print(  # noqa: T201 -- what was measured
            f"\nseed {seed}: 1,000 revocations, 50 clients, {answers:,} answers, 0 hits after; "
            f"slowest change {slowest_ms:,.0f} ms; {time.monotonic() - begun:,.0f} s"
        )
    assert answers > 1000


def test_an_agent_is_told_from_its_user(world: World) -> None:
    """What rules say of agents holds for MCP, and for nothing else that comes with the same key."""
    world.put(base=RULES["base"], agents="forbid(principal, action, resource is File) when { context.agent };")

    async def ask() -> str:
        headers = {"authorization": f"Bearer {world.keys['bob']}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            return str(await session.call_tool("search_code", {"query": "pay", "repository": REPO}))

    assert "src/pay.py" not in asyncio.run(ask())
    assert "src/pay.py" in found_by(world.keys["bob"], world.served)
    world.put(**RULES)
    assert "src/pay.py" in asyncio.run(ask())


def test_grpc_is_no_stranger(world: World) -> None:
    """Rules that ask for an address hold for gRPC as for REST."""
    near = "permit(principal, action, resource) when { context.address.isLoopback() };"
    far = 'permit(principal, action, resource) when { context.address.isInRange(ip("10.0.0.0/8")) };'
    credentials = (("authorization", f"Bearer {world.keys['bob']}"),)
    model = BY_NAME["search"].request.model_validate({"query": "pay"})
    with grpc.insecure_channel(world.served.grpc) as channel:
        for rule, sees in ((near, True), (far, False)):
            world.put(only=rule).raise_for_status()
            told = _called(channel, "/conexus.v1.SearchService/Search", model, "SearchResponse", credentials)
            assert ("src/pay.py" in told) == sees, told
            assert ("src/pay.py" in found_by(world.keys["bob"], world.served)) == sees


def test_simulation_of_agents_keys_addresses_and_hours(world: World, tmp_path: Path) -> None:
    """In the terminal, over REST and over gRPC: each shows what a rule says of such requests, and nothing else does."""
    rules = {
        "agents": ("context.agent", ["--as-agent"], {"client": "mcp"}),
        "clients": ('context.client == "grpc"', ["--client", "grpc"], {"client": "grpc"}),
        "addresses": (
            'context.address.isInRange(ip("203.0.113.0/24"))', ["--address", "203.0.113.7"], {"address": "203.0.113.7"},
        ),
        "hours": ("context.hour == 3 && context.weekday == 7", ["--at", "2026-02-01T03:30"], {"hour": 3, "weekday": 7}),
    }  # fmt: skip
    program = world.served.program
    usual = ["--at", "2026-02-02T12:00"]
    credentials = (("authorization", f"Bearer {world.served.token}"),)
    for name, (condition, options, simulated) in rules.items():
        text = f'forbid(principal, action, resource is File) when {{ {condition} && resource.path like "src/l*" }};'
        file = tmp_path / f"{name}.cedar"
        file.write_text(text)
        shown = program.ok("policy", "simulate", file, *options, *(() if name == "hours" else usual)).out
        assert "-src/ledger.py" in shown, name
        assert "no user" in program.ok("policy", "simulate", file, *usual).out, name
        policies = [{"name": one, "text": its} for one, its in {**RULES, name: text}.items()]
        asked = {"policies": {"policies": policies, "labels": LABELS}, "dry_run": True}
        with world.client() as admin, grpc.insecure_channel(world.served.grpc) as channel:
            for facts, is_lost in ((simulated, True), ({"hour": 12, "weekday": 1}, False)):
                request = {**asked, "simulated": facts}
                report = admin.put("/v1/policies", json=request).json()
                assert bool(report["differences"]) is is_lost, (name, report)
                model = BY_NAME["put_policies"].request.model_validate(request)
                told = _called(channel, "/conexus.v1.PolicyService/PutPolicies", model, "PolicyReport", credentials)
                assert ("src/ledger.py" in told) is is_lost
            wrong = {**asked, "dry_run": False, "simulated": simulated}
            assert admin.put("/v1/policies", json=wrong).json()["details"] == {"field": "simulated"}
    file.write_text('forbid(principal == Client::"ci", action, resource is File);')
    assert "key:ci" in program.ok("policy", "simulate", file, "--key", "ci").out
    assert "no user" in program.ok("policy", "simulate", file, "--key", "other").out
    for options in (["--as-agent", "--client", "rest"], ["--at", "25:00"], ["--at", "3:00", "--hour", "3"],
                    ["--client", "fax"], ["--address", "here"], ["--at", "tomorrow"]):  # fmt: skip
        assert program.run("policy", "simulate", file, *options).code == 2, options
    assert world.paths == {"src/pay.py", "src/ledger.py", "tests/test_pay.py"}
    open_at_night = program.run("policy", "explain", "ann", LOCKED, "--repo", REPO, "--as-agent", "--at", "22:00")
    assert "by mcp, hour 22" in open_at_night.out
