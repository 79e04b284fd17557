# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The graph shows no more than what the caller sees, and tells of the rest in no way.

There are two worlds: one with files that a caller may not see, and one in which there never were any. Whatever is
asked, by whatever way, the caller is told the same in both.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from acme import ORGANISATION, make
from daemon_conftest import Served, serving
from licences import licence
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import Program, commit, write

from conexus.daemon.operations import BY_NAME
from conexus.daemon.wire import MESSAGES, message_of

SHUT = (
    "shop/shop/cart.py",  # in the midst of paths from the route to the money
    "money/CODEOWNERS",
    "site/package.json",  # requires and provides
    "ledger/ledger.go",  # one of the two sides of a cycle
    "ledger/go.mod",
    "buttons/src/paint.ts",
    "site/package-lock.json",
)
VAULT = {
    "vault/pyproject.toml": (
        '[project]\nname = "vault-zanzibar"\nversion = "9.9.9"\ndependencies = ["acme-money==0.1"]\n'
    ),
    "vault/zanzibar.py": (
        "from acme_money import add_amounts\n\n\ndef zanzibar():\n    return add_amounts(1, 2)\n\n\n"
        'def ask():\n    import requests\n\n    return requests.get("/carts/1/unused")\n\n\n'
        "def serve():\n    from fastapi import FastAPI\n\n    app = FastAPI()\n\n"
        '    @app.get("/zanzibar/{key}/gold")\n    def dig(key):\n        return key\n'
    ),
}
"""A repository that nobody but the administrator sees anything of."""
VAULT["vault/uv.lock"] = "version = 1\n" + "".join(
    f'[[package]]\nname = "{name}"\nversion = "{version}"\nsource = {{ registry = "https://pypi.org/simple" }}\n'
    for name, version in (("attrs", "99.1"), ("zanzibar-locked", "1.0"))
)


def npm_lock(**versions: str) -> str:
    """A lock file of npm."""
    packages = {f"node_modules/{name}": {"version": version} for name, version in versions.items()}
    return json.dumps({"lockfileVersion": 3, "packages": packages})


LOCKED = {
    "site/package-lock.json": npm_lock(react="18.3.1", zanzibar_locked="1.0.0", shared="2.0.0"),
    "buttons/package-lock.json": npm_lock(react="17.0.2", shared="1.0.0"),
    "money/requirements.txt": "attrs==23.1.0\n",
}
"""More files of the repositories, by path; one of the locks is shut."""
ASKED: list[tuple[str, dict[str, Any]]] = [
    ("repos", {}),
    ("repos", {"external": True, "files": True}),
    ("repos", {"repositories": ["money"], "external": True}),
    ("repos", {"repositories": ["vault"]}),
    *(("impact", {"targets": [name], "depth": 6, "min_confidence": 0.05}) for name in (
        "round_cents", "add_amounts", "Cart.total", "read_total", "paint", "Write", "Post", "Audit", "zanzibar",
        "money", "shop", "site", "ledger", "book", "vault", "buttons", "npm:react", "npm:@acme/buttons",
        "npm:@acme/site", "pypi:acme-money", "pypi:attrs", "pypi:vault-zanzibar", "go:example.org/acme/ledger",
        "GET /carts/{}/total", "GET /carts/{}/unused", "money:src/acme_money/amounts.py", "shop:shop/cart.py",
        "shop:shop/api.py", "buttons:src/paint.ts", "buttons:src/index.ts", "ledger:ledger.go",
    )),
    *(("owners", {"targets": [name], "min_confidence": 0.05}) for name in ("round_cents", "money", "pypi:attrs")),
    *(("path", {"source": source, "target": target}) for source, target in (
        ("site", "money"), ("site", "shop"), ("shop", "money"), ("book", "ledger"), ("ledger", "book"),
        ("vault", "money"), ("shop/api.py", "Amount"), ("read_total", "round_cents"), ("showTotal", "paint"),
        ("site", "npm:react"), ("shop:shop/cart.py", "money"),
    )),
    ("drift", {}),
    *(("drift", {"package": name}) for name in ("npm:react", "pypi:acme-money", "pypi:attrs", "npm:@acme/buttons")),
    ("orphans", {}),
    ("cycles", {}),
    ("impact", {
        "repository": "shop",
        "diff": "--- a/shop/cart.py\n+++ b/shop/cart.py\n@@ -4,2 +4,2 @@\n class Cart:\n-    def total(self, items):\n"
        "+    def total(self, things):\n",
    }),
    ("impact", {"targets": ["npm:@acme/sites"]}),
    ("impact", {"targets": ["shop/carts.py"]}),
    ("impact", {"targets": ["pypi:vault-zanziba"]}),
    *(("drift", {"package": name}) for name in ("npm:zanzibar_locked", "pypi:zanzibar-locked", "npm:shared")),
    *(("impact", {"targets": [name]}) for name in (
        "npm:zanzibar_locked", "npm:zanziba_locked", "pypi:zanzibar-locked", "pypi:zanziba-locked", "npm:shared",
        "npm:share", "zanziba", "Cart.totl", "Cart.totals", "shop:Cart.totl", "pain", "Pots", "round_cent",
        "GET /zanziba/{}/gold", "/zanziba/{}/gold", "GET /carts/{}/unusd", "GET /carts/{}/gold",
    )),
]  # fmt: skip


@dataclass
class World:
    """A daemon with the repositories, and two users."""

    served: Served
    keys: dict[str, str] = field(default_factory=dict)

    def ask(self, user: str, name: str, request: dict[str, Any]) -> tuple[int, Any]:
        """Ask over REST."""
        with self.served.client(self.keys[user]) as client:
            answer = client.post(f"/v1/{name}", json=request)
        return answer.status_code, answer.json()


def labels() -> list[dict[str, Any]]:
    """What is shut, by repository where a path alone would not do."""
    return [
        {"name": "shut", "paths": ["*cart.py", "*paint.ts", "*ledger.go", "*zanzibar*", "vault/*"]},
        {"name": "owners", "paths": ["CODEOWNERS"], "repositories": [f"{ORGANISATION}/money"]},
        {"name": "manifest", "paths": ["package.json", "package-lock.json"], "repositories": [f"{ORGANISATION}/site"]},
        {"name": "module", "paths": ["go.mod"], "repositories": [f"{ORGANISATION}/ledger"]},
    ]


def world_at(folder: Path, stack: ExitStack, without: tuple[str, ...]) -> World:
    """Make a world, with or without what is shut."""
    program = Program(folder)
    program.settings |= {
        "CONEXUS_LICENSE_MODE": "test",
        "CONEXUS_LICENSE_KEY": licence(max_repos=50),
        "CONEXUS_DAEMON_REQUESTS_PER_S": "10000",
    }
    roots = make(folder, without)
    for path, text in LOCKED.items():
        name, _, inside = path.partition("/")
        if path not in without:
            write(roots[name], {inside: text})
            commit(roots[name])
    if not without:
        roots["vault"] = folder / "vault"
        write(roots["vault"], VAULT)
        commit(roots["vault"], f"https://{ORGANISATION}/vault.git")
    for root in roots.values():
        program.ok("index", root)
    served = stack.enter_context(serving(program, roots["shop"]))
    found = World(served)
    with served.client() as admin:
        for user in ("ann", "bob"):
            admin.put(f"/v1/directory/users/{user}", json={}).raise_for_status()
        admin.put("/v1/directory/groups/core", json={"members": ["bob"]}).raise_for_status()
        repositories = [f"{ORGANISATION}/{name}" for name in (*roots, "vault")]
        grants = [{"role": "reader", "subject": f"user:{user}"} for user in ("ann", "bob")]
        project = {"repositories": list(dict.fromkeys(repositories)), "grants": grants}
        admin.put("/v1/directory/projects/acme", json=project).raise_for_status()
        for user in ("ann", "bob"):
            found.keys[user] = admin.post("/v1/keys", json={"name": user, "user": user}).json()["secret"]
        text = " || ".join(f'resource.labels.contains("{one["name"]}")' for one in labels())
        rules = [
            {"name": "base", "text": "permit(principal, action, resource);"},
            {
                "name": "shut",
                "text": f"forbid(principal, action, resource is File) when {{ {text} }} "
                'unless { principal in Group::"core" };',
            },
        ]
        put = admin.put("/v1/policies", json={"policies": {"policies": rules, "labels": labels()}})
        assert put.status_code == 200, put.text
    return found


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, World]]:
    """The world with what is shut, and the one without."""
    with ExitStack() as stack:
        whole = world_at(tmp_path_factory.mktemp("whole"), stack, ())
        yield whole, world_at(tmp_path_factory.mktemp("without"), stack, SHUT)


@pytest.mark.parametrize(("name", "request_"), ASKED, ids=lambda one: str(one)[:60])
def test_rest_tells_the_same_in_both_worlds(worlds: tuple[World, World], name: str, request_: dict[str, Any]) -> None:
    """Answers and errors, byte for byte."""
    whole, without = worlds
    assert whole.ask("ann", f"graph/{name}", request_) == without.ask("ann", f"graph/{name}", request_)


def test_the_administrator_is_told_more(worlds: tuple[World, World]) -> None:
    """Else the test above would prove nothing: of most questions the answers differ for who sees all."""
    whole, without = worlds
    differ = [
        (name, request)
        for name, request in ASKED
        if whole.ask("bob", f"graph/{name}", request) != without.ask("bob", f"graph/{name}", request)
    ]
    assert len(differ) > len(ASKED) * 0.7
    assert {name for name, _ in differ} == {"repos", "impact", "owners", "path", "drift", "orphans", "cycles"}


def test_locked_packages_are_those_of_locks_that_are_seen(worlds: tuple[World, World]) -> None:
    """Who sees all is told of each; others of none that only a shut lock or a shut repository has."""
    whole, _ = worlds
    request = {"external": True}
    told = {user: str(whole.ask(user, "graph/repos", request)[1]) for user in ("ann", "bob")}
    for name in ("zanzibar_locked", "zanzibar-locked"):
        assert name in told["bob"]
        assert name not in told["ann"]
    drift = {user: whole.ask(user, "graph/drift", {"package": "npm:shared"})[1] for user in ("ann", "bob")}
    [seen], [known] = (drift[user]["packages"] for user in ("ann", "bob"))
    assert [use["constraint"] for use in seen["uses"]] == ["1.0.0"]
    assert [use["constraint"] for use in known["uses"]] == ["1.0.0", "2.0.0"]
    assert (seen["kinds"], known["kinds"]) == ([], ["locked"])
    for user, versions in (("ann", False), ("bob", True)):
        uses = whole.ask(user, "graph/drift", {"package": "pypi:attrs"})[1]["packages"][0]["uses"]
        assert ("99.1" in {use["constraint"] for use in uses}) is versions


def test_grpc_tells_the_same_in_both_worlds(worlds: tuple[World, World]) -> None:
    """Answers, statuses and details."""

    def ask(world: World, name: str, request: dict[str, Any]) -> str:
        operation = BY_NAME[f"graph_{name}"]
        service, method = operation.grpc
        with grpc.insecure_channel(world.served.grpc) as channel:
            call = channel.unary_unary(
                f"/conexus.v1.{service}/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=MESSAGES[operation.response.__name__].FromString,
            )
            metadata = (("authorization", f"Bearer {world.keys['ann']}"), ("x-request-id", "the-same"))
            try:
                return str(call(message_of(operation.request.model_validate(request)), metadata=metadata, timeout=60))
            except grpc.RpcError as error:
                told = cast("Any", error)
                return f"{told.code()} {told.details()} {dict(told.trailing_metadata())}"

    whole, without = worlds
    for name, request in ASKED:
        assert ask(whole, name, request) == ask(without, name, request), (name, request)


def test_agents_are_told_the_same_in_both_worlds(worlds: tuple[World, World]) -> None:
    """Both tools, with every question."""
    calls: list[tuple[str, dict[str, Any]]] = [
        *(
            ("impact_of_change", {"targets": request["targets"]})
            for name, request in ASKED
            if name == "impact" and "targets" in request
        ),
        *(("dependency_graph", {"question": question}) for question in ("repos", "drift", "orphans", "cycles")),
        *(
            ("dependency_graph", {"question": "path", "source": one, "target": two})
            for one, two in (("site", "money"), ("shop", "money"), ("book", "ledger"))
        ),
        ("dependency_graph", {"question": "owners", "source": "round_cents"}),
        ("search_code", {"query": "total", "dependents_of": "money"}),
        ("search_code", {"query": "total", "dependencies_of": "site"}),
    ]

    async def ask(world: World) -> list[str]:
        headers = {"authorization": f"Bearer {world.keys['ann']}"}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{world.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            found = [await session.call_tool(name, arguments) for name, arguments in calls]
        return [str((answer.content, answer.structured_content)) for answer in found]

    whole, without = (asyncio.run(ask(world)) for world in worlds)
    for call, one, two in zip(calls, whole, without, strict=True):
        assert one == two, call


def test_a_search_that_the_graph_limits_tells_the_same(worlds: tuple[World, World]) -> None:
    """The repositories that it is limited to are those that the caller's own graph ties."""
    whole, without = worlds
    for where in (
        {"dependents_of": "money"}, {"dependencies_of": "site"}, {"dependents_of": "npm:react"},
        {"dependencies_of": "vault"}, {"dependents_of": "ledger"}, {"dependents_of": "pypi:vault-zanzibar"},
    ):  # fmt: skip
        request = {"query": "total of a cart", "filter": where}
        answers = [world.ask("ann", "search", request) for world in worlds]
        for _, answer in answers:
            for name in ("elapsed_ms", "snapshots"):
                answer.pop(name, None)
            for hit in answer.get("results", []):
                del hit["score"]
        assert answers[0] == answers[1], where
    assert whole.served is not without.served


def test_nothing_shut_is_named(worlds: tuple[World, World]) -> None:
    """In no answer to anybody who may not see it; a right that is given shows it at once, and one taken hides it."""
    whole, _ = worlds
    for name, request in ASKED:
        told = str(whole.ask("ann", f"graph/{name}", request)[1])
        said = str(request)
        for shut in ("zanzibar", "shop/cart.py", "ledger.go", "paint.ts", "@acme/money'"):
            assert shut not in told or shut in said, (name, request, shut)
    assert "Cart.total" in str(whole.ask("bob", "graph/impact", {"targets": ["round_cents"]}))
    with whole.served.client() as admin:
        admin.put("/v1/directory/groups/core", json={"members": ["ann", "bob"]}).raise_for_status()
        assert "Cart.total" in str(whole.ask("ann", "graph/impact", {"targets": ["round_cents"]}))
        admin.put("/v1/directory/groups/core", json={"members": ["bob"]}).raise_for_status()
    assert "Cart.total" not in str(whole.ask("ann", "graph/impact", {"targets": ["round_cents"]}))


def test_uses_are_on_record(worlds: tuple[World, World]) -> None:
    """Each question with what it showed, under the name of who asked."""
    whole, _ = worlds
    whole.ask("ann", "graph/impact", {"targets": ["round_cents"]})
    whole.ask("ann", "graph/drift", {})
    with whole.served.client() as admin:
        records = admin.get("/v1/audit", params={"user": "ann", "limit": 2}).json()["records"]
    drift, impact = records
    assert (drift["action"], impact["action"], impact["text"]) == ("graph_drift", "graph_impact", "round_cents")
    assert any("amounts.py" in place for place in impact["shown"])
    assert not any("cart.py" in place for place in impact["shown"])
