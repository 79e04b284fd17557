# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The graph of six real repositories, asked over the terminal, REST, gRPC, MCP and Python: everywhere the same."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import httpx
import pytest
from acme import ORGANISATION, make
from daemon_conftest import Served, serving
from google.protobuf.json_format import MessageToDict
from licences import licence
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import Program, git, write

from conexus import connect
from conexus.daemon.operations import BY_NAME
from conexus.daemon.wire import MESSAGES, message_of, model_of

SITE, SHOP, MONEY = (f"{ORGANISATION}/{name}" for name in ("site", "shop", "money"))


@dataclass
class Acme:
    """A daemon that has the repositories."""

    served: Served
    roots: dict[str, Path] = field(default_factory=dict)

    def rest(self, name: str, request: dict[str, Any]) -> Any:
        """Ask over REST."""
        with self.served.client() as client:
            answer = client.post(f"/v1/graph/{name}", json=request)
        return answer.json()

    def grpc(self, name: str, request: dict[str, Any]) -> Any:
        """Ask over gRPC."""
        operation = BY_NAME[f"graph_{name}"]
        service, method = operation.grpc
        with grpc.insecure_channel(self.served.grpc) as channel:
            call = channel.unary_unary(
                f"/conexus.v1.{service}/{method}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=MESSAGES[operation.response.__name__].FromString,
            )
            credentials = (("authorization", f"Bearer {self.served.token}"),)
            answer = call(message_of(operation.request.model_validate(request)), metadata=credentials, timeout=60)
        assert MessageToDict(answer) is not None
        return model_of(operation.response, answer).model_dump(mode="json")

    def terminal(self, *words: str, code: int = 0, cwd: Path | None = None) -> Any:
        """Ask in the terminal; the schema's name is taken off."""
        ended = self.served.program.run("graph", *words, "--json", cwd=cwd)
        assert ended.code == code, ended.text
        found = ended.json
        assert found.pop("schema") == f"conexus.graph.{words[0]}/1"
        return found

    def tools(self, calls: list[tuple[str, dict[str, Any]]]) -> list[Any]:
        """Call tools of MCP."""

        async def ask() -> list[Any]:
            headers = {"authorization": f"Bearer {self.served.token}"}
            async with (
                httpx.AsyncClient(headers=headers, timeout=60) as http,
                Client(streamable_http_client(f"{self.served.url}/mcp", http_client=cast("Any", http))) as session,
            ):
                return [await session.call_tool(name, arguments) for name, arguments in calls]

        return asyncio.run(ask())


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Acme]:
    """Six repositories, indexed for real, and a daemon."""
    folder = tmp_path_factory.mktemp("acme")
    program = Program(folder)
    program.settings |= {"CONEXUS_LICENSE_MODE": "test", "CONEXUS_LICENSE_KEY": licence(max_repos=50)}
    roots = make(folder)
    for root in roots.values():
        program.ok("index", root)
    with serving(program, roots["shop"]) as served:
        yield Acme(served, roots)


ASKED: list[tuple[str, dict[str, Any], list[str]]] = [
    ("repos", {}, []),
    ("repos", {"external": True, "ecosystems": ["npm"]}, ["--external", "-e", "npm"]),
    ("repos", {"repositories": ["shop"], "files": True}, ["shop", "--files"]),
    ("impact", {"targets": ["round_cents"]}, ["round_cents"]),
    ("impact", {"targets": ["paint"], "elsewhere": True, "depth": 5}, ["paint", "--elsewhere", "--depth", "5"]),
    ("impact", {"targets": ["npm:react", "pypi:acme-money"], "limit": 3}, ["npm:react", "pypi:acme-money", "-n", "3"]),
    ("impact", {"targets": ["money:src/acme_money/amounts.py"]}, ["money:src/acme_money/amounts.py"]),
    ("path", {"source": "site", "target": "buttons"}, ["site", "buttons"]),
    ("path", {"source": "Amount", "target": "shop/api.py"}, ["Amount", "shop/api.py"]),
    ("drift", {}, []),
    ("drift", {"package": "npm:react"}, ["npm:react"]),
    ("owners", {"targets": ["round_cents"]}, ["round_cents"]),
    ("orphans", {}, []),
    ("cycles", {}, []),
]


@pytest.mark.parametrize(("name", "request_", "words"), ASKED, ids=lambda one: str(one)[:40])
def test_all_surfaces_agree(acme: Acme, name: str, request_: dict[str, Any], words: list[str]) -> None:
    """REST, gRPC and the terminal give the same, with the same names of fields."""
    by_rest = acme.rest(name, request_)
    assert "code" not in by_rest, by_rest
    assert acme.grpc(name, request_) == by_rest
    by_terminal = acme.terminal(name, *words, cwd=acme.served.program.folder)
    if name == "cycles":  # in a message a list of lists has a name in between
        by_rest = {**by_rest, "cycles": [cycle["ties"] for cycle in by_rest["cycles"]]}
    assert by_terminal == by_rest


def test_impact_across_languages(acme: Acme) -> None:
    """From a function of one repository over the code of another; the path shows each place, and who owns it."""
    found = acme.rest("impact", {"targets": ["round_cents"]})
    by_name = {(hit["thing"]["repository"], hit["thing"]["name"]): hit for hit in found["hits"]}
    assert by_name[MONEY, "add_amounts"]["depth"] == 1
    total = by_name[SHOP, "Cart.total"]
    assert (total["depth"], total["owners"], total["thing"]["path"]) == (2, ["@acme/shop"], "shop/cart.py")
    assert [(tie["kind"], tie["repository"], tie["path"], tie["line"]) for tie in total["ties"]] == [
        ("references", MONEY, "src/acme_money/amounts.py", 13),
        ("references", SHOP, "shop/cart.py", 8),
    ]
    assert by_name[SHOP, "read_total"]["owners"] == ["@acme/api"]
    assert by_name[SHOP, "read_total"]["depth"] == 3
    assert all(0 < hit["confidence"] <= 1 for hit in found["hits"])
    assert [one["repository"] for one in found["repositories"]][:2] == sorted([MONEY, SHOP])
    direct = acme.rest("impact", {"targets": ["round_cents"], "depth": 1})
    assert {hit["depth"] for hit in direct["hits"]} == {1}
    assert (direct["complete"], direct["notices"]) == (False, ["there is more behind these: raise the depth"])
    elsewhere = acme.rest("impact", {"targets": ["round_cents"], "elsewhere": True})
    assert MONEY not in {hit["thing"]["repository"] for hit in elsewhere["hits"]}


def test_a_route_ties_two_languages(acme: Acme) -> None:
    """What serves a route is tied to who calls it, whatever they are written in."""
    found = acme.rest("impact", {"targets": ["GET /carts/{}/total"]})
    assert [(hit["thing"]["repository"], hit["thing"]["name"]) for hit in found["hits"]] == [(SITE, "showTotal")]
    assert [tie["kind"] for tie in found["hits"][0]["ties"]] == ["calls"]
    whole = acme.rest("impact", {"targets": ["round_cents"], "depth": 6, "min_confidence": 0.1})
    site = next(hit for hit in whole["hits"] if hit["thing"]["repository"] == SITE)
    assert [tie["kind"] for tie in site["ties"]][-2:] == ["contains", "calls"]
    orphans = acme.rest("orphans", {})
    assert [thing["name"] for thing in orphans["served"]] == ["GET /carts/{}/unused"]
    assert [thing["name"] for thing in orphans["called"]] == ["GET /nowhere/to/be/found"]


def test_who_provides_and_who_uses(acme: Acme) -> None:
    """Packages with their versions; where the version that is provided is not allowed, a use is behind."""
    found = {(one["ecosystem"], one["name"]): one for one in acme.rest("drift", {})["packages"]}
    money = found["pypi", "acme-money"]
    assert (money["version"], money["kinds"]) == ("2.1.0", ["behind"])
    assert [(use["repository"], use["constraint"], use["allows_provided"]) for use in money["uses"]] == [
        (SHOP, ">=1,<2", False)
    ]
    assert found["npm", "react"]["kinds"] == ["constraints"]
    assert ("npm", "@acme/buttons") not in found
    graph = acme.rest("repos", {})
    ties = {
        (graph["nodes"][edge["source"]]["thing"]["name"], edge["kind"], graph["nodes"][edge["target"]]["thing"]["name"])
        for edge in graph["edges"]
    }
    assert {
        (SHOP, "requires", "acme-money"),
        ("acme-money", "provides", MONEY),
        (SHOP, "imports", MONEY),
        (SITE, "requires", "@acme/buttons"),
        (SITE, "calls", SHOP),
        (f"{ORGANISATION}/ledger", "imports", f"{ORGANISATION}/book"),
    } <= ties


def test_cycles_and_paths(acme: Acme) -> None:
    """Repositories that depend on each other, and the shortest way from one thing to another."""
    [cycle] = acme.rest("cycles", {})["cycles"]
    assert [tie["source"]["name"] for tie in cycle["ties"]] == [f"{ORGANISATION}/book", f"{ORGANISATION}/ledger"]
    found = acme.rest("path", {"source": "site", "target": "money"})
    assert [(tie["source"]["name"], tie["kind"], tie["target"]["name"]) for tie in found["ties"]] == [
        (SITE, "calls", SHOP),
        (SHOP, "requires", MONEY),
    ]
    other_way = acme.rest("path", {"source": "money", "target": "site"})
    assert (other_way["swapped"], other_way["ties"]) == (True, found["ties"])
    assert acme.rest("path", {"source": "buttons", "target": "money"})["ties"] == []
    code = acme.rest("path", {"source": "shop/api.py", "target": "Amount"})
    assert code["ties"][0]["source"]["path"] == "shop/api.py"
    assert code["ties"][-1]["target"]["name"] == "Amount"


def test_what_is_not_there_is_told_with_what_is_near(acme: Acme) -> None:
    """On each surface the same error; a hint names what the caller may have meant."""
    told = acme.rest("impact", {"targets": ["npm:@acme/button"]})
    assert told["code"] == "not_found"
    assert "npm:@acme/buttons" in told["hint"]
    ended = acme.served.program.run("graph", "impact", "npm:@acme/button")
    assert ended.code == 2
    assert "npm:@acme/buttons" in ended.err
    assert acme.rest("path", {"source": "shopp", "target": "site"})["hint"].startswith("did you mean shop")
    assert acme.rest("repos", {"ecosystems": ["nmp"]})["code"] == "invalid_request"
    assert acme.rest("impact", {})["code"] == "invalid_request"
    assert acme.rest("impact", {"diff": "nothing", "repository": "shop"})["code"] == "invalid_request"
    [answer] = acme.tools([("impact_of_change", {"targets": ["npm:@acme/button"]})])
    assert answer.is_error
    assert "npm:@acme/buttons" in str(answer)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("round_cent", "round_cents"),
        ("RoundCents", "round_cents"),
        ("Crat.total", "Cart.total"),
        ("shop:Cart.totl", "shop:Cart.total"),
        ("Cart::totals", "Cart.total"),
        ("GET /carts/{}/totl", "GET /carts/{}/total"),
        ("GET /cart/:id/total", "GET /carts/{}/total"),
        ("/carts/{}/totals", "GET /carts/{}/total"),
        ("POST /carts/{}/total", "GET /carts/{}/total"),
    ],
)
def test_definitions_and_routes_are_suggested(acme: Acme, written: str, meant: str) -> None:
    """As what is nearest; what is suggested is found."""
    hint = acme.rest("impact", {"targets": [written]})["hint"]
    assert hint.startswith((f"did you mean {meant}?", f"did you mean {meant},")), hint
    assert acme.rest("path", {"source": written, "target": "site"})["hint"] == hint
    assert acme.rest("impact", {"targets": [meant]})["changed"]


def test_a_diff(acme: Acme, tmp_path: Path) -> None:
    """From a file, from stdin and of a range of commits: the definitions around changed lines, and no others."""
    root = acme.roots["money"]
    path = "src/acme_money/amounts.py"
    text = (root / path).read_text()
    (root / path).write_text(text.replace("one.cents + other.cents", "one.cents - other.cents"))
    made = subprocess.run(["git", "diff"], cwd=root, capture_output=True, check=True).stdout.decode()
    (root / path).write_text(text)
    file = tmp_path / "change.diff"
    file.write_text(made)
    by_file = acme.terminal("impact", "--diff", str(file), cwd=root)
    assert [thing["name"] for thing in by_file["changed"]] == ["add_amounts"]
    assert "Cart.total" in {hit["thing"]["name"] for hit in by_file["hits"]}
    assert acme.rest("impact", {"diff": made, "repository": "money"}) == by_file
    owners = acme.rest("owners", {"diff": made, "repository": "money"})["owners"]
    assert {one["owner"] for one in owners} == {"@acme/money", "@acme/shop", "@acme/api"}
    git(root, "checkout", "--quiet", "-b", "topic")
    (root / path).write_text(text.replace("return Amount(cents)", "return Amount(cents + 1)"))
    git(root, "commit", "--all", "--quiet", "--message", "more")
    first = subprocess.run(["git", "rev-parse", "HEAD~1"], cwd=root, capture_output=True, text=True, check=True)
    by_range = acme.terminal("impact", "--range", f"{first.stdout.strip()}..topic", cwd=root)
    assert [thing["name"] for thing in by_range["changed"]] == ["round_cents"]
    git(root, "checkout", "--quiet", "-")


def test_a_limit_leaves_something_of_each_repository(acme: Acme) -> None:
    """And of what is required, who provides it; how many are left out is told."""
    whole = acme.rest("repos", {})
    total = whole["edges_total"]
    assert len(whole["edges"]) == total

    def shown(limit: int) -> tuple[list[tuple[str, str, str]], str]:
        ended = acme.served.program.run("graph", "repos", "-n", str(limit), "--json")
        nodes = [node["thing"]["name"].rpartition("/")[2] for node in ended.json["nodes"]]
        return [(nodes[e["source"]], e["kind"], nodes[e["target"]]) for e in ended.json["edges"]], ended.err

    edges, said = shown(7)
    assert {source for source, kind, _ in edges if kind != "provides"} == {"book", "ledger", "shop", "site"}
    required = {target for _, kind, target in edges if kind == "requires"}
    assert required
    assert {source for source, kind, _ in edges if kind == "provides"} == required - {"buttons"}
    assert f"{total - 7:,} of {total} are left out" in said
    edges, _ = shown(13)
    assert {kind for _, kind, _ in edges} == {"provides", "requires", "imports", "calls"}
    assert "left out" not in shown(total)[1]


def test_nothing_that_changes_is_no_error(acme: Acme) -> None:
    """It is said, the answer is an empty one, and the command ends as where nothing is found."""
    program, root = acme.served.program, acme.roots["money"]
    for words in (["--range", "HEAD..HEAD"], ["--diff", "/dev/null"]):
        for question in ("impact", "owners"):
            ended = program.run("graph", question, *words, cwd=root)
            assert (ended.code, ended.out) == (1, ""), ended.text
            assert "nothing change" in ended.err
            assert acme.terminal(question, *words, code=1, cwd=root)["changed"] == []


def test_names_as_people_write_them(acme: Acme) -> None:
    """A manifest stands for its package; parameters of routes; sides of a diff by git's other letters."""
    package = acme.terminal("impact", "pypi:acme-money")
    manifest = acme.terminal("impact", "pyproject.toml", cwd=acme.roots["money"])
    assert {hit["thing"]["name"] for hit in manifest["hits"]} >= {hit["thing"]["name"] for hit in package["hits"]}
    assert any(hit["thing"]["repository"] == SHOP for hit in manifest["hits"])
    routes = [acme.terminal("impact", f"GET /carts/{one}/total") for one in ("{}", ":id", "<int:id>", "{cart}")]
    assert routes[0]["hits"]
    assert all(one == routes[0] for one in routes)
    diff = "--- i/src/acme_money/amounts.py\n+++ w/src/acme_money/amounts.py\n@@ -13 +13 @@\n-a\n+b\n"
    told = acme.rest("impact", {"diff": diff, "repository": MONEY})
    assert told["changed"]
    assert not any("not indexed" in note for note in told["notices"])


def test_search_is_limited_by_the_graph(acme: Acme) -> None:
    """To what depends on a repository or package, and to what one depends on, on all surfaces."""
    program = acme.served.program
    found = program.ok("search", "total of a cart", "--in-dependents-of", "money", "--json").json["results"]
    assert {hit["repository"] for hit in found} == {SHOP, SITE}
    found = program.ok("search", "paint a button", "--in-dependencies-of", "site", "--json").json["results"]
    assert SITE not in {hit["repository"] for hit in found}
    assert f"{ORGANISATION}/buttons" in {hit["repository"] for hit in found}
    asked = {"query": "total", "filter": {"dependents_of": "pypi:acme-money"}}
    with acme.served.client() as client:
        answer = client.post("/v1/search", json=asked).json()
        assert {hit["repository"] for hit in answer["results"]} == {SHOP, SITE}
        nothing = client.post("/v1/search", json={"query": "x", "filter": {"dependents_of": "npm:@acme/site"}}).json()
        assert nothing["code"] == "not_found"
    [told] = acme.tools([("search_code", {"query": "total", "dependents_of": "money"})])
    assert "shop/cart.py" in str(told)
    assert "amounts.py" not in str(told)


def test_an_empty_limit_is_none(acme: Acme) -> None:
    """A variable of a shell that is not set does not take the limit away."""
    for option in ("--in-dependents-of", "--in-dependencies-of"):
        ended = acme.served.program.run("search", "money", option, "", cwd=acme.roots["shop"])
        assert (ended.code, f"{option} is empty" in ended.err) == (2, True)
    both = acme.served.program.run("graph", "--cycles", "--central", cwd=acme.roots["shop"])
    assert (both.code, "two questions" in both.err) == (2, True)


def test_tools_for_agents(acme: Acme) -> None:
    """Impact in both forms, equal to REST's; the other questions as text."""
    calls = [
        ("impact_of_change", {"targets": ["round_cents"], "max_tokens": 8000}),
        ("dependency_graph", {}),
        ("dependency_graph", {"question": "path", "source": "site", "target": "money"}),
        ("dependency_graph", {"question": "drift"}),
        ("dependency_graph", {"question": "owners", "source": "round_cents"}),
        ("dependency_graph", {"question": "orphans"}),
        ("dependency_graph", {"question": "cycles"}),
        ("impact_of_change", {"targets": ["round_cents"], "max_tokens": 500}),
    ]
    impact, repos, path, drift, owners, orphans, cycles, short = acme.tools(calls)
    by_rest = acme.rest("impact", {"targets": ["round_cents"], "limit": 500})
    assert [hit["thing"]["name"] for hit in impact.structured_content["hits"]] == [
        hit["thing"]["name"] for hit in by_rest["hits"]
    ]
    assert impact.structured_content["total"] == by_rest["total"]
    told = impact.content[0].text
    assert f"Cart.total at {SHOP}:shop/cart.py:5 (2 steps away" in told
    assert "@acme/shop" in told
    assert f"{SHOP} requires pypi:acme-money >=1,<2 (runtime)" in repos.content[0].text
    assert f"{SITE} calls {SHOP}" in path.content[0].text
    assert "pypi:acme-money 2.1.0" in drift.content[0].text
    assert "@acme/shop: " in owners.content[0].text
    assert "GET /carts/{}/unused" in orphans.content[0].text
    assert "book -> " in cycles.content[0].text
    assert short.structured_content["next_cursor"]
    again = acme.tools([("impact_of_change", {**calls[-1][1], "cursor": short.structured_content["next_cursor"]})])[0]
    assert again.structured_content["hits"] != short.structured_content["hits"]


def test_python(acme: Acme) -> None:
    """The client for Python gives the values that the terminal writes."""
    with connect(acme.served.url, acme.served.token) as code:
        found = code.graph_impact("round_cents")
        assert found.total == acme.rest("impact", {"targets": ["round_cents"]})["total"]
        assert {hit.thing.name for hit in found.hits} >= {"add_amounts", "Cart.total"}
        assert code.graph_repos(limit=5).edges_total == acme.rest("repos", {})["edges_total"]
        assert code.graph_path("site", "money").ties[0].kind == "calls"
        assert code.graph_drift("npm:react").packages[0].name == "react"
        assert code.graph_owners("round_cents").owners
        assert code.graph_orphans().served
        assert code.graph_cycles().total == 1


def test_pictures(acme: Acme, tmp_path: Path) -> None:
    """Every format, of every question that has a picture; what names hold means nothing to its reader."""
    program = acme.served.program
    for words in (["repos"], ["impact", "round_cents"], ["path", "site", "money"], ["cycles"]):
        for style, begins in (
            ("dot", "digraph"), ("mermaid", "flowchart LR"), ("graphml", "<?xml"), ("svg", "<svg"),
            ("html", "<!doctype"),
        ):  # fmt: skip
            file = tmp_path / f"{words[0]}.{style}"
            program.ok("graph", *words, "-f", style, "-o", file)
            assert file.read_text().startswith(begins)
    table = program.ok("graph", "impact", "round_cents").out
    assert "example.org/acme/shop: 2 hits, 0 direct, owned by @acme/api @acme/shop" in table
    assert "shop:Cart.total references money:add_amounts  [shop:shop/cart.py:8]" in table
    assert "repos" in program.ok("graph", "--help").out
    assert program.run("graph", "path", "buttons", "money").code == 1
    assert program.run("graph", "repos", "-n", "0").code == 2
    assert program.run("graph", "impact").code == 2
    assert json.loads(program.ok("graph", str(acme.roots["shop"]), "--json").out)["schema"] == "conexus.graph/1"


def test_lists(acme: Acme, tmp_path: Path) -> None:
    """What is no graph is a table for people, of Markdown or JSON, on the terminal or in a file; and no picture."""
    program = acme.served.program
    for words, row in (
        (["drift"], "| `npm:react` | `constraints` |  | `^17.0.0` | `runtime` |"),
        (["owners", "round_cents"], "| `@acme/money` | `2` |"),
        (["orphans"], "| `packages that no other repository uses` | `pypi:acme-shop` |"),
    ):
        told = program.run("graph", *words, "-f", "markdown")
        assert (told.code, row in told.out) == (0, True), told.text
        assert len({line.count("|") for line in told.out.splitlines()}) == 1
        file = tmp_path / "list"
        assert program.run("graph", *words, "-f", "markdown", "-o", str(file)).code == 0
        assert file.read_text().rstrip() == told.out.rstrip()
        assert program.run("graph", *words, "-f", "json").json == program.run("graph", *words, "--json").json
        refused = program.run("graph", *words, "-f", "svg")
        assert refused.code == 2
        assert "'table', 'json', 'markdown'" in refused.err


def test_a_change_is_seen_at_once(acme: Acme) -> None:
    """What is indexed anew is in the next answer: a use more, a use less."""
    root = acme.roots["book"]
    file = root / "pages/more.go"
    file.write_text("package pages\n\nfunc Twice(cents int) int {\n\treturn Write(Write(cents))\n}\n")
    acme.served.program.ok("index", root)
    names = {hit["thing"]["name"] for hit in acme.rest("impact", {"targets": ["book:Write"]})["hits"]}
    assert {"Post", "Twice"} <= names
    file.unlink()
    acme.served.program.ok("index", root)
    names = {hit["thing"]["name"] for hit in acme.rest("impact", {"targets": ["book:Write"]})["hits"]}
    assert "Post" in names
    assert "Twice" not in names


def test_an_alias_is_the_package_that_it_stands_for(acme: Acme) -> None:
    """What is imported by a name that only the manifest gives it is tied to who provides it, to the file."""
    root = acme.roots["money"]
    write(
        root,
        {
            "web/package.json": '{"name": "web", "dependencies": {"paint-kit": "npm:@acme/buttons@^1.0.0"}}\n',
            "web/show.ts": 'import { paint } from "paint-kit";\n\nexport const shown = paint("x");\n',
        },
    )
    acme.served.program.ok("index", root)
    hits = acme.rest("impact", {"targets": ["paint"], "elsewhere": True})["hits"]
    assert (MONEY, "web/show.ts") in {(hit["thing"]["repository"], hit["thing"]["path"]) for hit in hits}
