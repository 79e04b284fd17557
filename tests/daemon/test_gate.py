# SPDX-License-Identifier: FSL-1.1-MIT
"""One repository too many is refused on every surface alike, before any work; what is indexed goes on being served.

The tables below name every route, method, tool and command there is. A new one that is not listed fails the test:
whoever adds it has to say whether it can make a repository, and if it can, that it is refused.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import grpc
import httpx
import pytest
from conftest import Served, serving
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import Program, commit, write

import conexus
from conexus import bootstrap
from conexus.adapters.roots import checkout_of
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.cli.app import _COMMANDS
from conexus.client import Code
from conexus.config import Config, StoreOptions
from conexus.daemon.grpc_methods import ERROR_KEY, Methods
from conexus.daemon.mcp_tools import TOOL
from conexus.daemon.operations import BY_NAME
from conexus.daemon.rest import rest_app
from conexus.errors import FeatureNotAvailable
from conexus.types import DAEMON_ITSELF, LOCAL_USER, Checkout, RepoId, SearchRequest
from conexus.v1 import index_pb2, index_pb2_grpc

MAKES = "makes"
"""Can make a repository: has to be refused."""
READS = "reads"
"""Never makes one."""

OPERATIONS = {
    **dict.fromkeys(["index", "estimate"], MAKES),
    **dict.fromkeys(
        (
            "search batch_search context similar symbols related file map graph repositories repository rename remove "
            "why verify jobs job cancel status reload stop create_key keys revoke_key log stats add_webhook webhooks "
            "remove_webhook roll_back collect features directory put_user put_group put_team put_project put_role "
            "remove_entry changes policies put_policies policy_history test_policies explain_access "
            "audit verify_audit graph_repos graph_impact graph_path graph_drift graph_owners graph_orphans graph_cycles"
        ).split(),
        READS,
    ),
}
OTHER_ROUTES = dict.fromkeys(
    ["/v1/jobs/{id}/events", "/v1/events", "/integrations/continue", "/healthz", "/metrics", "/docs", "/openapi.json"],
    READS,
)
STREAMS = {
    "/conexus.v1.IndexService/RunIndex": MAKES,
    "/conexus.v1.IndexService/WatchJob": READS,
    "/conexus.v1.SearchService/SearchStream": READS,
    "/conexus.v1.DaemonService/Events": READS,
}
TOOLS = {
    # Without a name, a tool works in the folder of its client, and indexes that first.
    **dict.fromkeys(
        "search_code get_context find_similar find_symbol related_files read_file repository_map explain_skip".split(),
        MAKES,
    ),
    **dict.fromkeys(["index_status", "impact_of_change", "dependency_graph"], READS),
}
COMMANDS = {
    **dict.fromkeys("index search context extract similar symbols map graph".split(), MAKES),
    **dict.fromkeys(
        (
            "repos status why jobs gc eval model doctor verify config log stats keys admin policy audit features "
            "license webhooks serve daemon mcp install"
        ).split(),
        READS,
    ),
}
PYTHON = {
    **dict.fromkeys(["open", "open_async", "Code.index"], MAKES),
    **dict.fromkeys(["connect", "connect_async"], READS),
    **{f"Code.{name}": READS for name in "search context similar symbols related read map graph close root".split()},
    **{f"Code.graph_{name}": READS for name in "repos impact path drift owners orphans cycles".split()},
}
ARGUMENTS: dict[str, dict[str, Any]] = {
    "search_code": {"query": "x"},
    "get_context": {"query": "x"},
    "find_similar": {"path": "a.py"},
    "find_symbol": {"name": "f"},
    "related_files": {"path": "a.py"},
    "read_file": {"path": "a.py"},
    "repository_map": {},
    "explain_skip": {"path": "a.py"},
}
WORDS: dict[str, list[str]] = {
    "index": ["index"],
    "search": ["search", "x"],
    "context": ["context", "x"],
    "extract": ["extract", "x"],
    "similar": ["similar", "a.py:1"],
    "symbols": ["symbols", "f"],
    "map": ["map"],
    "graph": ["graph"],
}
PLACES = 5


def test_nothing_is_left_out_of_the_tables() -> None:
    """Operations, routes, streams, tools, commands and the Python API are what the tables name, no more and no less."""
    assert set(OPERATIONS) == set(BY_NAME)
    of_operations = {operation.http[1] for operation in BY_NAME.values()}
    routes = {route.path for route in rest_app(cast("Any", None)).routes}  # type: ignore[attr-defined]
    assert routes - of_operations == set(OTHER_ROUTES)
    methods = Methods(cast("Any", None)).table()
    unary = {f"/conexus.v1.{'/'.join(operation.grpc)}" for operation in BY_NAME.values()}
    assert set(methods) - unary == set(STREAMS)
    assert set(TOOL) == set(TOOLS)
    assert set(_COMMANDS) == set(COMMANDS)
    found = {name for name in conexus.__all__ if inspect.isfunction(getattr(conexus, name))}
    found |= {f"Code.{name}" for name in vars(Code) if not name.startswith("_")}
    assert found == set(PYTHON)
    for table, made in ((OPERATIONS, {"index", "estimate"}), (TOOLS, set(ARGUMENTS)), (COMMANDS, set(WORDS))):
        assert {name for name, kind in table.items() if kind is MAKES} == made


# ------------------------------------------------------------------------------ five are there


@dataclass
class Full:
    """A daemon whose places are all taken, and a sixth repository."""

    served: Served
    sixth: Path
    trees: list[Path]

    def told(self, failure: dict[str, Any]) -> None:
        """Check what is said of the sixth one, to the user of this machine."""
        assert failure["code"] == "feature_not_available"
        details = failure["details"]
        assert (details["feature"], details["limit"], details["used"]) == ("repositories", "5", "5")
        assert details["required_plan"] == "pro"
        assert details["upgrade_url"].startswith("https://")
        self.named(failure["message"], failure["hint"])

    def named(self, message: str, hint: str) -> None:
        """Check that the text says what is indexed, when it was used, and what to do."""
        assert "the community edition indexes 5 repositories, and 5 are indexed" in message
        for number in range(PLACES):
            assert f"r{number} (last used 2" in hint
        assert "conexus repos remove r" in hint

    def untouched(self) -> None:
        """Check that nothing was done for the sixth one: no repository, no index, no vectors, no lock, no job."""
        with self.served.client() as client:
            assert client.get("/v1/features").json()["repositories"] == PLACES
            assert not [job for job in client.get("/v1/jobs").json()["jobs"] if job["root"] == str(self.sixth)]
        assert len(self.served.program.shards()) == PLACES


def make(folder: Path, count: int) -> list[Path]:
    """Small repositories, each with an identity of its own."""
    trees = [folder / f"r{number}" for number in range(count)]
    for number, tree in enumerate(trees):
        write(tree, {"a.py": f'def f{number}():\n    """Number {number} of all."""\n    return {number}\n'})
    return trees


def indexed(folder: Path, trees: list[Path]) -> None:
    """Index trees, in this process."""
    service = bootstrap.build(Config(store=StoreOptions(path=str(folder)))).service
    for tree in trees:
        service.index(checkout_of(tree, tree.parent), LOCAL_USER)
    service.close()


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with six repositories, and the indexes of the first five of them in ``data``."""
    folder = tmp_path_factory.mktemp("gate")
    *trees, sixth = make(folder, PLACES + 1)
    commit(sixth, "https://example.org/team/sixth.git")
    indexed(folder / "data", trees)
    return folder


@pytest.fixture(scope="module")
def full(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    """Five repositories are indexed, and a daemon serves them."""
    program = Program(tmp_path_factory.mktemp("served"))
    shutil.copytree(base / "data", program.data)
    trees = [base / f"r{number}" for number in range(PLACES + 1)]
    with serving(program, trees[0]) as served:
        yield Full(served, trees[-1], trees[:-1])


@pytest.fixture
def copied(base: Path, tmp_path: Path) -> tuple[Program, list[Path]]:
    """The same five, in a data folder of a test's own; and the six trees."""
    program = Program(tmp_path)
    shutil.copytree(base / "data", program.data)
    return program, [base / f"r{number}" for number in range(PLACES + 1)]


@pytest.mark.parametrize("name", [name for name, kind in OPERATIONS.items() if kind is MAKES])
def test_rest_refuses(full: Full, name: str) -> None:
    """With 403 and all the facts."""
    operation = BY_NAME[name]
    with full.served.client() as client:
        answer = client.request(operation.http[0], operation.http[1], json={"path": str(full.sixth)})
    assert answer.status_code == 403
    full.told(answer.json())
    full.untouched()


@pytest.mark.parametrize("method", ["StartIndex", "EstimateIndex", "RunIndex"])
def test_grpc_refuses(full: Full, method: str) -> None:
    """With PERMISSION_DENIED and all the facts, streams as well."""
    made = {f"/conexus.v1.{'/'.join(BY_NAME[name].grpc)}" for name, kind in OPERATIONS.items() if kind is MAKES}
    made |= {name for name, kind in STREAMS.items() if kind is MAKES}
    assert f"/conexus.v1.IndexService/{method}" in made
    assert len(made) == 3
    with grpc.insecure_channel(full.served.grpc) as channel:
        call: Any = getattr(index_pb2_grpc.IndexServiceStub(channel), method)
        asked = index_pb2.IndexRequest(path=str(full.sixth))
        with pytest.raises(grpc.RpcError) as caught:
            found = call(asked, metadata=(("authorization", f"Bearer {full.served.token}"),), timeout=60)
            list(found)
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.PERMISSION_DENIED
    full.told(json.loads(dict(error.trailing_metadata())[ERROR_KEY]))
    full.untouched()


def test_mcp_refuses(full: Full) -> None:
    """Each tool that would index the folder of its client first."""

    async def ask() -> list[Any]:
        headers = {"authorization": f"Bearer {full.served.token}", "conexus-folder": quote(str(full.sixth))}
        async with (
            httpx.AsyncClient(headers=headers, timeout=60) as http,
            Client(streamable_http_client(f"{full.served.url}/mcp", http_client=cast("Any", http))) as session,
        ):
            return [await session.call_tool(name, arguments) for name, arguments in ARGUMENTS.items()]

    for answer in asyncio.run(ask()):
        assert answer.is_error
        told = answer.meta["conexus/error"]
        assert told["code"] == "feature_not_available"
        assert told["details"]["required_plan"] == "pro"
        assert {one["name"] for one in json.loads(told["details"]["indexed"])} == {f"r{n}" for n in range(PLACES)}
        full.named(told["message"], told["hint"])
    full.untouched()


@pytest.mark.parametrize("name", ["index", "search", "graph"])
def test_the_terminal_refuses_through_the_daemon(full: Full, name: str) -> None:
    """With 2 and a message that fits on a screen."""
    ended = full.served.program.run(*WORDS[name], cwd=full.sixth)
    assert ended.code == 2
    full.named(ended.err, ended.err)
    full.untouched()


def test_python_refuses(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the daemon that runs; without one in the test below."""
    monkeypatch.setenv("CONEXUS_HOME", str(full.served.program.data))
    monkeypatch.setenv("HOME", str(full.served.program.home))
    with pytest.raises(FeatureNotAvailable) as caught:
        conexus.open(full.sixth)
    full.named(caught.value.message, caught.value.hint or "")
    with conexus.open(full.sixth, index=False) as code, pytest.raises(FeatureNotAvailable):
        code.index()
    full.untouched()


def test_what_is_indexed_goes_on_being_served(full: Full) -> None:
    """Found, read, brought up to date, renamed; a clone of one of them takes no place."""
    with full.served.client() as client:
        found = client.post("/v1/search", json={"query": "number of all", "limit": 50}).json()["results"]
        assert {hit["root"] for hit in found} == {str(tree) for tree in full.trees}
    for tree in full.trees[:2]:
        assert "up to date" in full.served.program.ok("index", tree).out


def test_others_are_not_told_what_is_indexed(full: Full) -> None:
    """Who may not see all of it is told that there is no place, not what takes it."""
    from conexus.daemon.failures import failure_of  # noqa: PLC0415 -- only here
    from conexus.types import Principal  # noqa: PLC0415

    with full.served.client() as client:
        told = client.post("/v1/index", json={"path": str(full.sixth)}).json()
    error = FeatureNotAvailable(told["message"], hint=told["hint"], details=told["details"])
    for who in (None, Principal("reader")):
        failure = failure_of(error, who)
        assert "r1" not in failure.model_dump_json()
        assert failure.details["required_plan"] == "pro"


# ------------------------------------------------------------------------------ places come and go


def test_a_removed_repository_frees_its_place_at_once(copied: tuple[Program, list[Path]]) -> None:
    """And not before: a clone that goes while another stays frees none. Without a daemon, in this process."""
    program, trees = copied
    service = bootstrap.build(Config(store=StoreOptions(path=str(program.data)))).service

    def of(tree: Path) -> Checkout:
        return checkout_of(tree, tree.parent)

    clone = program.folder / "clone"
    write(clone, {"b.py": "def g():\n    return 1\n"})
    assert service.index(replace(of(clone), repo=of(trees[0]).repo), LOCAL_USER).files_total == 1
    for refused in (lambda: service.index(of(trees[-1]), LOCAL_USER), lambda: service.estimate(of(trees[-1]))):
        with pytest.raises(FeatureNotAvailable) as caught:
            cast("Callable[[], object]", refused)()
    [oldest, *_] = json.loads(caught.value.details["indexed"])
    assert oldest["last_used_at"] > 0
    views = {view.root: view for view in service.views(LOCAL_USER)}
    service.remove(views[clone], LOCAL_USER)
    with pytest.raises(FeatureNotAvailable):
        service.index(of(trees[-1]), LOCAL_USER)
    service.remove(views[trees[0]], LOCAL_USER)
    assert service.index(of(trees[-1]), LOCAL_USER).notice.startswith("5 of the 5 repositories")
    assert service.search(SearchRequest("number 5"), LOCAL_USER).hits
    with pytest.raises(FeatureNotAvailable):
        service.index(of(trees[0]), LOCAL_USER)
    # A tree whose remote has changed gives up its old place, and takes the new one.
    moved = replace(of(trees[1]), repo=RepoId("example.org/new/name"))
    assert service.index(moved, LOCAL_USER).repo == moved.repo
    service.close()


def test_use_is_what_somebody_did(copied: tuple[Program, list[Path]]) -> None:
    """What the daemon brings up to date by itself is not used by that, and so is the first to be suggested."""
    program, trees = copied
    store = sqlite3.connect(program.data / "catalog.sqlite", isolation_level=None)
    store.execute("UPDATE repositories SET used_at = 1000 + id")
    store.close()
    service = bootstrap.build(Config(store=StoreOptions(path=str(program.data)))).service
    before = {one.name: one.used_at for one in service.catalog.repositories()}
    service.index(checkout_of(trees[0], trees[0].parent), DAEMON_ITSELF)
    service.index(checkout_of(trees[1], trees[1].parent), LOCAL_USER)
    after = {one.name: one.used_at for one in service.catalog.repositories()}
    assert {name for name in after if after[name] != before[name]} == {"r1"}
    assert (after["r1"] or 0.0) > time.time() - 600
    with pytest.raises(FeatureNotAvailable, match="no place") as caught:
        service.index(checkout_of(trees[-1], trees[-1].parent), LOCAL_USER)
    assert "conexus repos remove r0" in (caught.value.hint or "")


def test_of_many_that_want_the_last_place_one_gets_it(tmp_path: Path) -> None:
    """Sixteen connections to one catalog at once, as of as many processes; again and again."""
    admitted: list[int] = []

    def admit(repo: RepoId, used: int) -> None:
        if used >= PLACES:
            raise FeatureNotAvailable("full")
        admitted.append(used)

    def take(number: int) -> None:
        catalog = SqliteCatalog(str(tmp_path / "catalog.sqlite"))
        tree = Checkout(Path(f"/r{number}"), RepoId(f"example.org/team/r{number}"), f"r{number}")
        try:
            catalog.ensure_view(tree, admit)
        except FeatureNotAvailable:
            pass
        finally:
            catalog.close()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert admitted == list(range(PLACES))
    catalog = SqliteCatalog(str(tmp_path / "catalog.sqlite"))
    assert len(catalog.repositories()) == len(catalog.views()) == PLACES
    catalog.close()


def test_two_jobs_of_a_daemon_want_the_last_place(copied: tuple[Program, list[Path]]) -> None:
    """Both may be taken on; one is done, the other fails with the same error as everywhere."""
    program, trees = copied
    program.ok("repos", "remove", str(trees[PLACES - 1]), "--yes")
    with serving(program, trees[0]) as served, served.client() as client:
        answers = [client.post("/v1/index", json={"path": str(tree)}) for tree in trees[PLACES - 1 :]]
        accepted = [answer.json()["id"] for answer in answers if answer.status_code == 200]
        jobs = [last_event(client, job) for job in accepted]
        assert [job["state"] for job in jobs].count("done") == 1
        failures = [job["error"] for job in jobs if job["error"]] + [
            answer.json() for answer in answers if answer.status_code != 200
        ]
        assert [failure["code"] for failure in failures] == ["feature_not_available"]
        assert failures[0]["details"]["used"] == "5"
        assert client.get("/v1/features").json()["repositories"] == PLACES


def last_event(client: httpx.Client, job: str) -> dict[str, Any]:
    """How a job ended."""
    with client.stream("GET", f"/v1/jobs/{job}/events") as answer:
        lines = [line for line in answer.iter_lines() if line.startswith("data: ")]
    found: dict[str, Any] = json.loads(lines[-1].removeprefix("data: "))
    return found


def test_a_changed_catalog_gains_nothing(copied: tuple[Program, list[Path]]) -> None:
    """There is no number to set: what is there is counted, also when somebody has written into the database."""
    program, trees = copied
    with program.catalog() as db:
        db.execute("UPDATE meta SET value = 0")
        db.execute("UPDATE views SET repository = (SELECT min(id) FROM repositories)")  # five trees, one repository
    with pytest.raises(FeatureNotAvailable):
        indexed(program.data, trees)  # each tree is counted by what it is when it is next looked at


@pytest.mark.parametrize(("asked", "status"), [(50, 200), (51, 403)])
def test_a_batch_has_as_many_searches_as_the_plan(full: Full, asked: int, status: int) -> None:
    """One too many is refused with the same code, before any of them is searched for."""
    with full.served.client() as client:
        answer = client.post("/v1/search/batch", json={"searches": [{"query": "x", "limit": 1}] * asked})
    assert answer.status_code == status
    if status != 200:
        details = answer.json()["details"]
        assert (details["feature"], details["limit"], details["used"]) == ("batch_search", "50", "51")
        assert details["required_plan"] == "enterprise"


@pytest.mark.parametrize(
    ("method", "path", "body", "feature"),
    [
        ("POST", "/v1/graph", {"repository": "*"}, "cross_repository_graph"),
        ("POST", "/v1/graph/repos", {}, "cross_repository_graph"),
        ("POST", "/v1/graph/impact", {"targets": ["a"]}, "cross_repository_graph"),
        ("POST", "/v1/graph/path", {"source": "a", "target": "b"}, "cross_repository_graph"),
        ("POST", "/v1/graph/drift", {}, "cross_repository_graph"),
        ("POST", "/v1/graph/owners", {"targets": ["a"]}, "cross_repository_graph"),
        ("POST", "/v1/graph/orphans", {}, "cross_repository_graph"),
        ("POST", "/v1/graph/cycles", {}, "cross_repository_graph"),
        ("POST", "/v1/search", {"query": "a", "filter": {"dependents_of": "b"}}, "cross_repository_graph"),
        ("POST", "/v1/symbols", {"name": "a", "filter": {"dependencies_of": "b"}}, "cross_repository_graph"),
        ("GET", "/v1/directory", None, "directory"),
        ("PUT", "/v1/directory/users/ann", {}, "directory"),
        ("GET", "/v1/changes", None, "change_events"),
        ("GET", "/v1/policies", None, "context_based_access"),
        ("PUT", "/v1/policies", {"policies": {}}, "context_based_access"),
        ("GET", "/v1/policies/history", None, "context_based_access"),
        ("POST", "/v1/policies/test", {}, "context_based_access"),
        ("POST", "/v1/policies/explain", {"user": "a", "repository": "r", "path": "p"}, "context_based_access"),
        ("POST", "/v1/keys", {"name": "x", "user": "ann"}, "bound_keys"),
        ("POST", "/v1/keys", {"name": "x", "requests_per_s": 5}, "key_rate_limits"),
    ],
)
def test_paid_features_answer_alike(full: Full, method: str, path: str, body: Any, feature: str) -> None:
    """403, the code, the feature, the plan and where plans are."""
    with full.served.client() as client:
        answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "feature_not_available")
    details = answer.json()["details"]
    assert (details["feature"], details["required_plan"]) == (feature, "enterprise")
    assert details["upgrade_url"].startswith("https://")
