# SPDX-License-Identifier: FSL-1.1-MIT
"""gRPC over a real channel to a real server over the index of a small tree."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf.message import Message
from grpc.aio import AioRpcError, Channel
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from hypothesis import given, settings
from hypothesis import strategies as st
from message_strategies import values_of

from conexus import bootstrap, data_folder
from conexus.adapters.git_refs import ref_checkout
from conexus.adapters.roots import checkout_of
from conexus.adapters.sqlite_registry import SqliteRegistry
from conexus.config import Config, DaemonOptions, IndexOptions, StoreOptions
from conexus.daemon import grpc_server, schema
from conexus.daemon.administration import KeyDesk, UsageRecorder, WebhookDesk
from conexus.daemon.api import Api
from conexus.daemon.call import Call
from conexus.daemon.dispatch import Dispatcher, Limits
from conexus.daemon.events import Broker
from conexus.daemon.gatekeeper import Gatekeeper
from conexus.daemon.grpc_methods import ERROR_KEY, _address, _packed
from conexus.daemon.grpc_server import GrpcServer
from conexus.daemon.guard import Doors
from conexus.daemon.handlers import Controls, Facts, Handlers, Parts
from conexus.daemon.jobs import JobRunner
from conexus.daemon.metrics import Metrics
from conexus.daemon.operations import BY_NAME, OPERATIONS, Operation
from conexus.daemon.wire import MESSAGES, message_of
from conexus.edition import NoAudit
from conexus.errors import ConexusError, ConfigError, DaemonUnavailable, ErrorCode, error_of
from conexus.types import LOCAL_USER, Checkout, IndexJob, NewKey, WatchMode, WatchState
from conexus.v1 import (
    admin_pb2,
    audit_pb2,
    common_pb2,
    daemon_pb2_grpc,
    directory_pb2,
    graph_pb2,
    index_pb2,
    index_pb2_grpc,
    policies_pb2,
    repositories_pb2,
    search_pb2,
    search_pb2_grpc,
)

TOKEN = "t" * 43
ORIGIN = "https://tools.example.org"
FILES = {
    "bank/accounts.py": 'def open_account(owner):\n    """Open one for its owner."""\n    return owner\n',
    "bank/interest.py": "from bank.accounts import open_account\n\n\n"
    'def yearly_interest(sum):\n    """Interest of a year."""\n    return open_account(sum * 0.02)\n',
    "README.md": "# Bank\n\nHow to transfer money between accounts.\n",
}
PATIENCE_S = 60.0
Status = grpc.StatusCode


class SlowHandlers(Handlers):
    """Handlers of which one takes its time, and one fails."""

    slow: bool = False
    broken: bool = False
    stopped_by: str = ""

    def search(self, request: schema.SearchRequest, call: Call) -> schema.SearchResponse:
        """Search until nobody waits any more."""
        if self.broken:
            raise ZeroDivisionError("secret of the house")
        if not self.slow:
            return super().search(request, call)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            try:
                call.check()
            except ConexusError as error:
                self.stopped_by = error.code.value
                raise
            time.sleep(0.005)
        raise AssertionError("nobody stopped the search")


@dataclass
class Bench:
    """A server that runs, and the parts behind it."""

    api: Api
    handlers: SlowHandlers
    keys: KeyDesk
    runner: JobRunner
    broker: Broker
    server: GrpcServer
    port: int
    tree: Path
    asked: list[str] = field(default_factory=list)
    """What an operator asked of the daemon."""

    def channel(self, *options: tuple[str, Any]) -> Channel:
        """A connection in clear."""
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", options=options)

    def search(self, channel: Channel, *metadata: tuple[str, str], **asked: Any) -> Any:
        """Ask a question with the daemon's token."""
        return search_pb2_grpc.SearchServiceStub(channel).Search(
            search_pb2.SearchRequest(query="interest of a year", **asked),
            metadata=(*bearer(TOKEN), *metadata),
            timeout=PATIENCE_S,
        )


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Metadata with a token."""
    return (("authorization", f"Bearer {token}"),)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a working tree and its index."""
    folder = tmp_path_factory.mktemp("grpc")
    for path, text in FILES.items():
        file = folder / "bank" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    app = bootstrap.build(settings_of(folder))
    app.service.index(checkout_of(folder / "bank", folder), LOCAL_USER)
    app.service.close()
    return folder


def settings_of(folder: Path, **daemon: Any) -> Config:
    """Settings with a free port."""
    return Config(
        index=IndexOptions(workers=1),
        store=StoreOptions(path=str(folder / "data")),
        daemon=replace(DaemonOptions(grpc_port=0, threads=2, requests_per_s=0.0), **daemon),
    )


@contextlib.asynccontextmanager
async def serving(folder: Path, *, jobs: int = 0, **daemon: Any) -> AsyncIterator[Bench]:
    """Run a server until the end of the block.

    Args:
        folder: Of :func:`indexed`.
        jobs: Index jobs that run at a time; without any, jobs wait.
        daemon: Settings.
    """
    config = settings_of(folder, **daemon)
    options = config.daemon
    with contextlib.ExitStack() as stack:
        app = bootstrap.build(config, keep_open=True)
        stack.callback(app.service.close)
        registry: SqliteRegistry = data_folder.registry(config)
        stack.callback(registry.close)
        usage_log = data_folder.usage_log(config)
        stack.callback(usage_log.close)
        usage = UsageRecorder(usage_log, lambda: config.log.keep_s)
        usage.start()
        stack.callback(usage.stop)
        metrics, broker = Metrics(), Broker(asyncio.get_running_loop())
        asked: list[str] = []

        def changed(job: IndexJob) -> None:
            broker.publish("job", job)

        def folders(path: Path, *, force: bool) -> Checkout:
            return checkout_of(path, folder, force=force)

        runner = JobRunner(app.service, registry, changed, lambda root: folders(root, force=True))
        runner.start(jobs)
        stack.callback(runner.stop, PATIENCE_S)
        handlers = SlowHandlers(
            Parts(
                service=app.service,
                jobs=runner,
                keys=KeyDesk(registry),
                webhooks=WebhookDesk(registry, lambda _url, _secret: None),
                usage=usage,
                folders=folders,
                refs=ref_checkout,
                watched=lambda _: WatchState(WatchMode.POLLING, "a test"),
                may_write=app.service.edition.access.require_write,
                require_place=app.service.require_place,
                edition=app.service.edition,
                facts=lambda: Facts("community", 1, time.time(), str(folder)),
                controls=Controls(lambda: asked.append("reload"), lambda: asked.append("stop")),
            )
        )
        limits = Limits(options.threads, options.max_waiting, options.requests_per_s, options.timeout_s, 600.0)
        dispatcher = Dispatcher(limits, metrics, lambda *_: contextlib.nullcontext(), NoAudit())
        stack.callback(dispatcher.close)
        doors = Doors.of(options.host, "", ORIGIN, options.max_request_kb * 1024)
        gatekeeper = Gatekeeper(TOKEN, registry, app.service.edition.authenticator, NoAudit())
        api = Api(handlers, dispatcher, gatekeeper, broker, metrics, doors)
        server = GrpcServer(api, options)
        port = await server.start()
        try:
            yield Bench(api, handlers, KeyDesk(registry), runner, broker, server, port, folder / "bank", asked)
        finally:
            await server.stop(0.5)


def in_loop(test: Callable[..., Any]) -> Callable[..., None]:
    """Run a test in an event loop of its own."""

    def run(indexed: Path, tmp_path: Path) -> None:
        asyncio.run(asyncio.wait_for(test(indexed, tmp_path), PATIENCE_S * 2))

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


async def failure(call: Any) -> tuple[Status, dict[str, Any]]:
    """The status of a call that has to fail, and what the daemon says of it."""
    with pytest.raises(AioRpcError) as caught:
        await call
    return caught.value.code(), said(caught.value)


def said(error: AioRpcError) -> dict[str, Any]:
    """What the daemon says of an error in the trailing metadata."""
    trailing = dict(error.trailing_metadata() or ())
    found: dict[str, Any] = json.loads(trailing[ERROR_KEY])
    assert set(found) == {"code", "message", "hint", "details"}
    assert found["message"].startswith((error.details() or "").rstrip("…"))
    return found


async def eventually(happens: Callable[[], bool]) -> None:
    """Wait for something that has to happen."""
    until = time.monotonic() + PATIENCE_S
    while not happens():
        assert time.monotonic() < until
        await asyncio.sleep(0.01)


# ------------------------------------------------------------------------------ operations

Asked = Callable[[dict[str, Any]], Message]
EMPTY: Asked = lambda _: common_pb2.Empty()  # noqa: E731
REQUESTS: dict[str, Asked] = {
    "search": lambda _: search_pb2.SearchRequest(query="interest"),
    "batch_search": lambda _: search_pb2.BatchSearchRequest(searches=[search_pb2.SearchRequest(query="account")]),
    "context": lambda _: search_pb2.ContextRequest(query="interest"),
    "similar": lambda _: search_pb2.SimilarRequest(repository="bank", path="bank/accounts.py"),
    "symbols": lambda _: search_pb2.SymbolsRequest(name="open_account", uses=True),
    "related": lambda _: search_pb2.RelatedRequest(repository="bank", path="bank/accounts.py"),
    "file": lambda _: search_pb2.FileRequest(repository="bank", path="bank/accounts.py", end_line=1),
    "map": lambda _: search_pb2.MapRequest(repository="bank"),
    "graph": lambda _: search_pb2.GraphRequest(repository="bank", limit=10),
    "graph_repos": lambda _: graph_pb2.GraphReposRequest(),
    "graph_impact": lambda _: graph_pb2.GraphImpactRequest(targets=["open_account"]),
    "graph_path": lambda _: graph_pb2.GraphPathRequest(source="bank", target="open_account"),
    "graph_drift": lambda _: graph_pb2.GraphDriftRequest(),
    "graph_owners": lambda _: graph_pb2.GraphImpactRequest(targets=["open_account"]),
    "graph_orphans": lambda _: graph_pb2.GraphListRequest(),
    "graph_cycles": lambda _: graph_pb2.GraphListRequest(),
    "repositories": EMPTY,
    "repository": lambda _: repositories_pb2.RepositoryRequest(repository="bank"),
    "rename": lambda _: repositories_pb2.RenameRequest(repository="bank", name="bank"),
    "why": lambda _: repositories_pb2.WhyRequest(repository="bank", path="README.md"),
    "verify": lambda _: repositories_pb2.VerifyRequest(),
    "roll_back": lambda _: repositories_pb2.RepositoryRequest(repository="bank"),
    "collect": lambda _: repositories_pb2.GcRequest(dry_run=True),
    "estimate": lambda _: index_pb2.IndexRequest(repository="bank"),
    "index": lambda _: index_pb2.IndexRequest(repository="bank"),
    "jobs": lambda _: index_pb2.JobsRequest(),
    "job": lambda found: index_pb2.JobRequest(id=found["index"].id),
    "cancel": lambda found: index_pb2.JobRequest(id=found["index"].id),
    "status": EMPTY,
    "reload": EMPTY,
    "stop": EMPTY,
    "create_key": lambda _: admin_pb2.KeyRequest(name="of a test"),
    "keys": EMPTY,
    "revoke_key": lambda found: admin_pb2.KeyId(id=found["create_key"].key.id),
    "log": lambda _: admin_pb2.LogRequest(),
    "stats": lambda _: admin_pb2.StatsRequest(),
    "add_webhook": lambda _: admin_pb2.WebhookRequest(url="https://hooks.example.org/x", secret="s"),  # noqa: S106
    "webhooks": EMPTY,
    "remove_webhook": lambda found: admin_pb2.WebhookId(id=found["add_webhook"].id),
    "remove": lambda _: repositories_pb2.RepositoryRequest(repository="gone"),
    "features": EMPTY,
    "directory": EMPTY,
    "put_user": lambda _: directory_pb2.User(name="ann"),
    "put_group": lambda _: directory_pb2.Group(name="developers"),
    "put_team": lambda _: directory_pb2.Team(name="search"),
    "put_project": lambda _: directory_pb2.Project(name="web"),
    "put_role": lambda _: directory_pb2.CustomRole(name="curator"),
    "remove_entry": lambda _: directory_pb2.DirectoryName(kind=directory_pb2.DIRECTORY_KIND_USER, name="ann"),
    "changes": lambda _: directory_pb2.ChangesRequest(),
    "policies": lambda _: policies_pb2.PoliciesRequest(),
    "put_policies": lambda _: policies_pb2.PutPoliciesRequest(policies=policies_pb2.PolicySet()),
    "policy_history": lambda _: policies_pb2.PolicyHistoryRequest(),
    "test_policies": lambda _: policies_pb2.TestPoliciesRequest(),
    "explain_access": lambda _: policies_pb2.ExplainAccessRequest(user="ann", repository="bank", path="a.py"),
    "audit": lambda _: audit_pb2.AuditRequest(),
    "verify_audit": lambda _: audit_pb2.VerifyAuditRequest(),
}
"""A request for each operation, in an order in which they can be made."""
OF_ENTERPRISE = {name for name in REQUESTS if name.startswith("put_")} | {
    *("directory", "remove_entry", "changes"),
    *(f"graph_{name}" for name in "repos impact path drift owners orphans cycles".split()),
    *("policies", "policy_history", "test_policies", "explain_access", "audit", "verify_audit"),
}
"""What the community edition refuses; ``tests/ee`` has them answered."""


def method_of(channel: Channel, operation: Operation) -> Any:
    """The method of an operation, by its name alone."""
    service, method = operation.grpc
    return channel.unary_unary(
        f"/conexus.v1.{service}/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=MESSAGES[operation.response.__name__].FromString,
    )


def require_snapshots(found: dict[str, Any]) -> None:
    """Every answer says which state of the index it comes from, and the repository how it is followed."""
    assert [one.name for one in found["repositories"].repositories] == ["bank"]
    assert found["repository"] == found["repositories"]
    repository = found["repository"].repositories[0]
    assert (repository.watch, repository.watch_reason) == (repositories_pb2.WATCH_MODE_POLLING, "a test")
    snapshot = found["search"].snapshots[0]
    assert snapshot.id == repository.snapshot
    assert (snapshot.files_indexed, snapshot.files_seen, snapshot.indexing) == (len(FILES), len(FILES), False)
    assert list(found["context"].snapshots) == list(found["symbols"].snapshots) == [snapshot]
    assert found["collect"].generations == 0


@in_loop
async def test_every_operation_answers(indexed: Path, _tmp: Path) -> None:  # noqa: PLR0915 -- one a line
    """Each operation of the table has a method that does it."""
    assert set(REQUESTS) == set(BY_NAME)
    found: dict[str, Any] = {}
    async with serving(indexed) as bench, bench.channel() as channel:
        for name, request in REQUESTS.items():
            call = method_of(channel, BY_NAME[name])(request(found), metadata=bearer(TOKEN), timeout=PATIENCE_S)
            if name in {"remove", "roll_back"}:
                status, told = await failure(call)
                code = {"remove": "not_indexed", "roll_back": "not_found"}[name]
                assert (status, told["code"]) == (Status.NOT_FOUND, code)
                continue
            if name in OF_ENTERPRISE:
                status, told = await failure(call)
                assert (status, told["code"]) == (Status.PERMISSION_DENIED, "feature_not_available")
                assert told["details"]["required_plan"] == "enterprise"
                continue
            found[name] = await call
    assert found["search"].results[0].path == "bank/interest.py"
    assert found["search"].results[0].root == str(indexed / "bank")
    assert found["search"].complete
    assert found["batch_search"].items[0].response.results[0].path == "bank/accounts.py"
    assert "yearly_interest" in found["context"].text
    assert found["similar"].query == "like bank/accounts.py:1"
    assert [one.path for one in found["symbols"].definitions] == ["bank/accounts.py"]
    assert found["symbols"].definitions[0].kind == search_pb2.SYMBOL_KIND_FUNCTION
    assert "bank/interest.py" in {use.path for use in found["symbols"].uses}
    assert [one.path for one in found["related"].files] == ["bank/interest.py"]
    assert found["file"].text == "def open_account(owner):"
    assert found["map"].files_total == len(FILES)
    assert [(found["graph"].nodes[edge.source].path, edge.target) for edge in found["graph"].edges] == [
        ("bank/interest.py", 0)
    ]
    require_snapshots(found)
    assert (found["features"].repositories, found["features"].max_repositories) == (1, 5)
    assert found["why"].included
    assert not found["why"].HasField("reason")
    assert found["verify"].files == len(FILES)
    assert found["estimate"].files_unchanged == len(FILES)
    assert found["job"].state == index_pb2.JOB_STATE_QUEUED
    assert found["cancel"].state == index_pb2.JOB_STATE_CANCELLED
    assert found["jobs"].jobs[0].id == found["index"].id
    assert found["status"].repositories == 1
    assert bench.asked == ["reload", "stop"]
    assert found["create_key"].key.role == admin_pb2.ROLE_READER
    assert not found["keys"].keys[0].HasField("repositories")
    assert found["revoke_key"].revoked_at > 0
    assert {(entry.surface, entry.operation) for entry in found["log"].entries} >= {("grpc", "search")}
    assert found["stats"].requests > 0
    assert found["webhooks"].webhooks[0].signed


@in_loop
async def test_a_request_keeps_its_name(indexed: Path, _tmp: Path) -> None:
    """The caller's own name for a request comes back where it is harmless; else there is a new one."""
    async with serving(indexed) as bench, bench.channel() as channel:
        named = bench.search(channel, ("x-request-id", "mine-1"))
        assert dict(await named.trailing_metadata())["x-request-id"] == "mine-1"
        odd = bench.search(channel, ("x-request-id", "not a name"))
        assert len(dict(await odd.trailing_metadata())["x-request-id"]) == 16
        refused = search_pb2_grpc.SearchServiceStub(channel).Search(search_pb2.SearchRequest())
        assert dict(await refused.trailing_metadata())["x-request-id"]
        stream = search_pb2_grpc.SearchServiceStub(channel).SearchStream(
            search_pb2.SearchRequest(query="interest"), metadata=(*bearer(TOKEN), ("x-request-id", "mine-2"))
        )
        assert dict(await stream.initial_metadata())["x-request-id"] == "mine-2"
        assert [one async for one in stream]
        assert dict(await stream.trailing_metadata())["x-request-id"] == "mine-2"


# ------------------------------------------------------------------------------ who may call


@in_loop
async def test_without_valid_credentials_nobody_is_let_in(indexed: Path, _tmp: Path) -> None:
    """No token, a wrong one, and a key that was revoked are refused before the request is read."""
    async with serving(indexed) as bench, bench.channel() as channel:
        key, secret = bench.keys.create(NewKey("test"))
        stub = search_pb2_grpc.SearchServiceStub(channel)
        assert (await stub.Search(search_pb2.SearchRequest(query="x"), metadata=bearer(secret))).results
        bench.keys.revoke(key.id)
        for metadata in ((), bearer("wrong"), bearer(secret), bearer(""), (("authorization", TOKEN),)):
            call = stub.Search(search_pb2.SearchRequest(), metadata=metadata)
            status, told = await failure(call)
            assert (status, told["code"]) == (Status.UNAUTHENTICATED, "unauthenticated")
            assert TOKEN not in str(told)
        assert 'reason="credentials"} 5.0' in bench.api.metrics.text().decode()


@in_loop
async def test_who_guesses_is_slowed_down(indexed: Path, _tmp: Path) -> None:
    """After many wrong tokens from an address further ones get another answer; the right one still works."""
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        for _ in range(25):
            status, told = await failure(stub.Search(search_pb2.SearchRequest(), metadata=bearer("guess")))
        assert (status, told["code"]) == (Status.RESOURCE_EXHAUSTED, "rate_limited")
        assert int(told["details"]["retry_after_s"]) > 0
        assert (await bench.search(channel)).results


@in_loop
async def test_a_key_may_do_what_its_role_may(indexed: Path, _tmp: Path) -> None:
    """A reader cannot end the daemon, and sees no absolute path."""
    async with serving(indexed) as bench, bench.channel() as channel:
        _, secret = bench.keys.create(NewKey("reader"))
        stub = search_pb2_grpc.SearchServiceStub(channel)
        found = await stub.Search(search_pb2.SearchRequest(query="interest"), metadata=bearer(secret))
        assert found.results[0].root == ""
        stop = daemon_pb2_grpc.DaemonServiceStub(channel).Stop(common_pb2.Empty(), metadata=bearer(secret))
        status, told = await failure(stop)
        needed = {"required_role": "admin", "required_permission": "daemon"}
        assert (status, told["details"]) == (Status.PERMISSION_DENIED, needed)
        assert bench.asked == []


@in_loop
async def test_web_pages_are_not_let_in(indexed: Path, _tmp: Path) -> None:
    """Whoever says to come from a page that is not named in the settings is refused, with a token too."""
    async with serving(indexed) as bench, bench.channel() as channel:
        for metadata in (("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")):
            status, told = await failure(bench.search(channel, metadata))
            assert (status, told["code"]) == (Status.PERMISSION_DENIED, "access_denied")
        assert (await bench.search(channel, ("origin", ORIGIN))).results
        assert 'reason="origin"} 3.0' in bench.api.metrics.text().decode()


# ------------------------------------------------------------------------------ what is asked


@in_loop
async def test_requests_that_are_not_valid_name_the_field(indexed: Path, _tmp: Path) -> None:
    """Unknown fields, wrong values and bytes that are no message are the caller's fault."""
    async with serving(indexed) as bench, bench.channel() as channel:
        search = channel.unary_unary("/conexus.v1.SearchService/Search")
        for data, details in (
            (b"\x0a\x01q\x1a\x03\x98\x06\x01", {"field": "filter.99"}),
            (b"\x0a\x01q\x10\x00", {"field": "limit"}),
            (b"\xff\xff", {}),
        ):
            status, told = await failure(search(data, metadata=bearer(TOKEN)))
            assert (status, told["code"]) == (Status.INVALID_ARGUMENT, "invalid_request")
            assert told["details"] == details
        with pytest.raises(AioRpcError) as caught:
            await channel.unary_unary("/conexus.v1.SearchService/Nothing")(b"", metadata=bearer(TOKEN))
        assert caught.value.code() is Status.UNIMPLEMENTED


@in_loop
async def test_requests_that_are_too_large_are_not_read(indexed: Path, _tmp: Path) -> None:
    """The limit of the settings holds, and a compressed request is not taken at all: it might hold far more."""
    async with serving(indexed, max_request_kb=16) as bench, bench.channel() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        large = search_pb2.SearchRequest(query="x" * 20_000)
        with pytest.raises(AioRpcError) as caught:
            await stub.Search(large, metadata=bearer(TOKEN))
        assert caught.value.code() is Status.RESOURCE_EXHAUSTED
        with pytest.raises(AioRpcError) as caught:
            await stub.Search(large, metadata=bearer(TOKEN), compression=grpc.Compression.Gzip)
        assert caught.value.code() is Status.UNIMPLEMENTED
        assert (await bench.search(channel)).results


@in_loop
async def test_errors_fit_into_metadata_however_long_their_texts(indexed: Path, _tmp: Path) -> None:
    """A path of four thousand letters that take three bytes each comes back as an error, not as a broken call."""
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        asked = search_pb2.FileRequest(repository="bank", path="\u4e2d" * 4000)
        status, told = await failure(stub.File(asked, metadata=bearer(TOKEN)))
        assert (status, told["code"]) == (Status.NOT_FOUND, "not_found")


@given(
    st.sampled_from(ErrorCode),
    st.text(max_size=3000),
    st.none() | st.text(max_size=3000),
    st.dictionaries(st.text(max_size=200), st.text(max_size=3000), max_size=8),
)
def test_packed_errors_are_short_and_whole(code: ErrorCode, message: str, hint: str | None, details: Any) -> None:
    """Whatever an error says, it is JSON of few bytes that still is an error."""
    texts = [message, hint or "", *details, *details.values()]
    if any("\ud800" <= letter <= "\udfff" for text in texts for letter in text):
        return
    packed = _packed(schema.Failure(code=code.value, message=message, hint=hint, details=details))
    assert len(packed) <= 3000
    assert json.loads(packed)["code"] == code.value
    assert error_of(code.value, json.loads(packed)["message"]).code is code


@in_loop
async def test_a_fault_of_ours_says_nothing_but_where_to_look(indexed: Path, _tmp: Path) -> None:
    """What went wrong inside is in the log under the name of the request."""
    async with serving(indexed) as bench, bench.channel() as channel:
        bench.handlers.broken = True
        status, told = await failure(bench.search(channel, ("x-request-id", "look-here")))
        assert (status, told["code"]) == (Status.INTERNAL, "internal")
        assert "secret of the house" not in str(told)
        assert "look-here" in told["hint"]


# ------------------------------------------------------------------------------ time


@in_loop
async def test_work_ends_when_the_caller_cancels(indexed: Path, _tmp: Path) -> None:
    """The handler is told, and its thread is free again."""
    async with serving(indexed) as bench, bench.channel() as channel:
        bench.handlers.slow = True
        call = bench.search(channel)
        await eventually(lambda: bench.api.dispatcher._busy == 1)
        call.cancel()
        await eventually(lambda: bench.handlers.stopped_by == "cancelled")
        await eventually(lambda: bench.api.dispatcher._busy == 0)


@in_loop
async def test_work_ends_when_the_callers_time_is_up(indexed: Path, _tmp: Path) -> None:
    """A deadline of the client is that of the handler too."""
    async with serving(indexed) as bench, bench.channel() as channel:
        await bench.search(channel)  # the channel is open by now
        bench.handlers.slow = True
        with pytest.raises(AioRpcError) as caught:
            await search_pb2_grpc.SearchServiceStub(channel).Search(
                search_pb2.SearchRequest(query="x"), metadata=bearer(TOKEN), timeout=2.0
            )
        assert caught.value.code() is Status.DEADLINE_EXCEEDED
        await eventually(lambda: bool(bench.handlers.stopped_by))


@in_loop
async def test_the_daemons_own_limit_holds(indexed: Path, _tmp: Path) -> None:
    """Without a deadline of the client the one of the settings ends the work."""
    async with serving(indexed, timeout_s=2.0) as bench, bench.channel() as channel:
        bench.handlers.slow = True
        status, told = await failure(bench.search(channel))
        assert (status, told["code"]) == (Status.DEADLINE_EXCEEDED, "deadline_exceeded")
        assert bench.handlers.stopped_by == "deadline_exceeded"


# ------------------------------------------------------------------------------ streams


@in_loop
async def test_a_streamed_search_gives_the_same(indexed: Path, _tmp: Path) -> None:
    """Results one by one, then the rest of the answer."""
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        asked = search_pb2.SearchRequest(query="interest of a year")
        items = [item async for item in stub.SearchStream(asked, metadata=bearer(TOKEN))]
        whole = await bench.search(channel)
        assert [item.result for item in items[:-1]] == list(whole.results)
        assert items[-1].summary.query == whole.query
        assert not items[-1].summary.results
        failed = stub.SearchStream(search_pb2.SearchRequest(query="x", limit=0), metadata=bearer(TOKEN))
        status, told = await failure(failed.read())
        assert (status, told["details"]) == (Status.INVALID_ARGUMENT, {"field": "limit"})


@in_loop
async def test_an_index_job_is_followed_to_its_end(_indexed: Path, tmp_path: Path) -> None:
    """RunIndex tells each state of a job that really indexes, and its report at the end; so does WatchJob, later."""
    write_tree(tmp_path / "bank", 3)
    async with serving(tmp_path, jobs=1) as bench, bench.channel() as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        asked = index_pb2.IndexRequest(path=str(bench.tree))
        jobs = [job async for job in stub.RunIndex(asked, metadata=bearer(TOKEN))]
        assert jobs[-1].state == index_pb2.JOB_STATE_DONE
        assert jobs[-1].report.files_indexed == 3
        assert len({job.id for job in jobs}) == 1
        watched = stub.WatchJob(index_pb2.JobRequest(id=jobs[0].id), metadata=bearer(TOKEN))
        assert [job.report.files_indexed async for job in watched] == [3]
        status, told = await failure(stub.WatchJob(index_pb2.JobRequest(id="nothing"), metadata=bearer(TOKEN)).read())
        assert (status, told["code"]) == (Status.NOT_FOUND, "not_found")


def write_tree(root: Path, count: int) -> None:
    """Write so many modules."""
    for number in range(count):
        file = root / f"package_{number % 20}" / f"module_{number}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"def step_{step}_of_{number}(value):\n    return value + {step}\n" for step in range(40)]
        file.write_text("\n".join(lines))


@in_loop
async def test_a_caller_that_goes_cancels_the_job_it_runs(_indexed: Path, tmp_path: Path) -> None:
    """Cancelling RunIndex stops a job that is at work; what it has done is kept."""
    write_tree(tmp_path / "bank", 600)
    async with serving(tmp_path, jobs=1) as bench, bench.channel() as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        call = stub.RunIndex(index_pb2.IndexRequest(path=str(bench.tree)), metadata=bearer(TOKEN))
        async for job in call:
            if job.state == index_pb2.JOB_STATE_RUNNING and job.HasField("progress"):
                break
        call.cancel()
        await eventually(lambda: state_of(bench, job.id) == "cancelled")


def state_of(bench: Bench, job: str) -> str:
    """The state of a job as it is now."""
    found = bench.runner.get(job)
    assert found is not None
    return found.state.value


@in_loop
async def test_who_goes_cancels_a_job_of_its_own_and_no_other(indexed: Path, _tmp: Path) -> None:
    """Each caller has a job of its own, though they index one tree."""
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = index_pb2_grpc.IndexServiceStub(channel)
        asked = index_pb2.IndexRequest(repository="bank")
        detached = (await stub.StartIndex(asked, metadata=bearer(TOKEN))).id
        first, second = (stub.RunIndex(asked, metadata=bearer(TOKEN)) for _ in range(2))
        jobs = [(await call.read()).id for call in (first, second)]
        assert len({detached, *jobs}) == 3
        first.cancel()
        await eventually(lambda: state_of(bench, jobs[0]) == "cancelled")
        assert state_of(bench, jobs[1]) == "queued"
        assert state_of(bench, detached) == "queued"
        second.cancel()
        await eventually(lambda: state_of(bench, jobs[1]) == "cancelled")
        bench.runner.cancel(detached)


@in_loop
async def test_events_are_told_until_the_daemon_ends(indexed: Path, _tmp: Path) -> None:
    """Who listens hears of jobs and of the end; who follows a job is told that it goes on later."""
    async with serving(indexed) as bench, bench.channel() as channel:
        index = index_pb2_grpc.IndexServiceStub(channel)
        events = daemon_pb2_grpc.DaemonServiceStub(channel).Events(common_pb2.Empty(), metadata=bearer(TOKEN))
        await eventually(lambda: len(bench.broker._listeners) == 1)
        job = await index.StartIndex(index_pb2.IndexRequest(repository="bank"), metadata=bearer(TOKEN))
        event = await events.read()
        assert (event.type, event.job.id) == ("job", job.id)
        watching = index.WatchJob(index_pb2.JobRequest(id=job.id), metadata=bearer(TOKEN))
        await watching.read()
        bench.broker.publish("stopping")
        assert (await events.read()).type == "stopping"
        assert await events.read() is grpc.aio.EOF
        status, told = await failure(watching.read())
        assert (status, told["code"]) == (Status.UNAVAILABLE, "unavailable")
        assert state_of(bench, job.id) == "queued"
        await eventually(lambda: not bench.broker._listeners)
        bench.runner.cancel(job.id)


@in_loop
async def test_listeners_that_go_are_forgotten(indexed: Path, _tmp: Path) -> None:
    """A stream whose caller cancels holds nothing any more."""
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = daemon_pb2_grpc.DaemonServiceStub(channel)
        calls = [stub.Events(common_pb2.Empty(), metadata=bearer(TOKEN)) for _ in range(5)]
        await eventually(lambda: len(bench.broker._listeners) == 5)
        for call in calls:
            call.cancel()
        await eventually(lambda: not bench.broker._listeners)


# ------------------------------------------------------------------------------ health and reflection


@in_loop
async def test_health_is_told_without_credentials(indexed: Path, _tmp: Path) -> None:
    """Serving while the daemon takes calls; watchers hear of the end, and keep nothing from ending."""
    response = health_pb2.HealthCheckResponse
    async with serving(indexed) as bench, bench.channel() as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", *grpc_server.SERVICES):
            asked = health_pb2.HealthCheckRequest(service=service)
            assert (await stub.Check(asked)).status == response.SERVING
        listed = await stub.List(health_pb2.HealthListRequest())
        assert {name: one.status for name, one in listed.statuses.items()} == dict.fromkeys(
            ("", *grpc_server.SERVICES), response.SERVING
        )
        with pytest.raises(AioRpcError) as caught:
            await stub.Check(health_pb2.HealthCheckRequest(service="other"))
        assert caught.value.code() is Status.NOT_FOUND
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="other"))
        assert (await unknown.read()).status == response.SERVICE_UNKNOWN
        watching = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watching.read()).status == response.SERVING
        started = time.monotonic()
        await bench.server.stop(PATIENCE_S)
        assert time.monotonic() - started < PATIENCE_S
        assert (await watching.read()).status == response.NOT_SERVING


@in_loop
async def test_a_stop_waits_for_calls_and_then_ends_them(indexed: Path, _tmp: Path) -> None:
    """Within the time that is given calls go on; after it their work is told to stop before the stop returns."""
    async with serving(indexed) as bench, bench.channel() as channel:
        bench.handlers.slow = True
        call = bench.search(channel)
        await eventually(lambda: bench.api.dispatcher._busy == 1)
        started = time.monotonic()
        await bench.server.stop(0.5)
        assert 0.4 < time.monotonic() - started < PATIENCE_S
        assert bench.api.dispatcher._busy == 0
        await eventually(lambda: bench.handlers.stopped_by == "cancelled")
        with pytest.raises((AioRpcError, asyncio.CancelledError)):
            await call


async def listed(channel: Channel, *metadata: tuple[str, str]) -> list[str]:
    """The services that reflection names."""
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    call = stub.ServerReflectionInfo(iter([request]), metadata=metadata)
    return [service.name async for answer in call for service in answer.list_services_response.service]


@in_loop
async def test_reflection_is_off_unless_asked_for_and_needs_credentials(indexed: Path, _tmp: Path) -> None:
    """Tools can ask for the schema where the settings allow it."""
    async with serving(indexed) as bench, bench.channel() as channel:
        with pytest.raises(AioRpcError) as caught:
            await listed(channel, *bearer(TOKEN))
        assert caught.value.code() is Status.UNIMPLEMENTED
    async with serving(indexed, grpc_reflection=True) as bench, bench.channel() as channel:
        assert set(await listed(channel, *bearer(TOKEN))) >= set(grpc_server.SERVICES)
        assert (await failure(listed(channel)))[0] is Status.UNAUTHENTICATED
        raw = channel.stream_stream(f"/{grpc_server.REFLECTION}/ServerReflectionInfo")
        status, _ = await failure(raw(iter([b"\xff\xff"]), metadata=bearer(TOKEN)).read())
        assert status is Status.INVALID_ARGUMENT


# ------------------------------------------------------------------------------ listening


@in_loop
async def test_a_port_that_is_taken_is_an_error(indexed: Path, _tmp: Path) -> None:
    """A second server neither starts nor gets calls of the first."""
    async with serving(indexed) as bench:
        second = GrpcServer(bench.api, replace(DaemonOptions(), grpc_port=bench.port))
        with pytest.raises(DaemonUnavailable, match=f"cannot listen on 127.0.0.1:{bench.port}"):
            await second.start()
        async with bench.channel() as channel:
            assert (await bench.search(channel)).results


@dataclass(frozen=True)
class Certificates:
    """Files for TLS."""

    ca: trustme.CA
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the daemon."""
        return {"tls_cert": str(self.folder / "cert.pem"), "tls_key": str(self.folder / "key.pem")}

    def client(self, issuer: trustme.CA | None = None) -> grpc.ChannelCredentials:
        """What a client trusts and, where there is an issuer, shows."""
        root = self.ca.cert_pem.bytes()
        if issuer is None:
            return grpc.ssl_channel_credentials(root)
        shown = issuer.issue_cert("client@example.org")
        chain = b"".join(part.bytes() for part in shown.cert_chain_pems)
        return grpc.ssl_channel_credentials(root, shown.private_key_pem.bytes(), chain)


def certificates(folder: Path) -> Certificates:
    """Make a certificate for ``localhost``."""
    ca = trustme.CA()
    issued = ca.issue_cert("localhost", "127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    ca.cert_pem.write_to_path(folder / "ca.pem")
    return Certificates(ca, folder)


@in_loop
async def test_over_tls(indexed: Path, tmp_path: Path) -> None:
    """The certificate of the settings is shown; without TLS nobody gets through."""
    files = certificates(tmp_path)
    async with serving(indexed, **files.settings) as bench:
        async with grpc.aio.secure_channel(f"localhost:{bench.port}", files.client()) as channel:
            assert (await bench.search(channel)).results
        stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes())
        for refused in (grpc.aio.secure_channel(f"localhost:{bench.port}", stranger), bench.channel()):
            async with refused as channel:
                with pytest.raises(AioRpcError) as caught:
                    await bench.search(channel)
                assert caught.value.code() is Status.UNAVAILABLE


@in_loop
async def test_over_tls_with_certificates_of_clients(indexed: Path, tmp_path: Path) -> None:
    """Only who shows a certificate of the named issuer gets through, and needs a token all the same."""
    files = certificates(tmp_path)
    async with serving(indexed, **files.settings, tls_client_ca=str(tmp_path / "ca.pem")) as bench:
        address = f"localhost:{bench.port}"
        async with grpc.aio.secure_channel(address, files.client(files.ca)) as channel:
            assert (await bench.search(channel)).results
            stub = search_pb2_grpc.SearchServiceStub(channel)
            assert (await failure(stub.Search(search_pb2.SearchRequest())))[0] is Status.UNAUTHENTICATED
        for shown in (None, trustme.CA()):
            async with grpc.aio.secure_channel(address, files.client(shown)) as channel:
                with pytest.raises(AioRpcError) as caught:
                    await bench.search(channel)
                assert caught.value.code() is Status.UNAVAILABLE


@in_loop
async def test_files_of_tls_that_cannot_be_used_are_named(indexed: Path, tmp_path: Path) -> None:
    """A missing file, a key of another certificate and text that is no certificate keep the daemon from starting."""
    files = certificates(tmp_path)
    other = trustme.CA().issue_cert("localhost")
    other.private_key_pem.write_to_path(tmp_path / "other.pem")
    (tmp_path / "no.pem").write_text("nothing")
    for change in (
        {"tls_cert": str(tmp_path / "missing.pem")},
        {"tls_key": str(tmp_path / "other.pem")},
        {"tls_cert": str(tmp_path / "no.pem")},
        {"tls_client_ca": str(tmp_path / "no.pem")},
    ):
        with pytest.raises(ConfigError, match="TLS"):
            async with serving(indexed, **{**files.settings, **change}):
                pass
    assert ssl.HAS_TLSv1_3


# ------------------------------------------------------------------------------ whatever comes


OURS = {Status.UNKNOWN, Status.INTERNAL, Status.DATA_LOSS, Status.UNIMPLEMENTED}
"""What would be a fault of the daemon's."""
STREAMED = {
    "SearchService/SearchStream": schema.SearchRequest,
    "IndexService/RunIndex": schema.IndexRequest,
    "IndexService/WatchJob": schema.JobRequest,
}
UNARY = {"/".join(operation.grpc): operation.request for operation in OPERATIONS}


@pytest.fixture(scope="module")
def open_server(indexed: Path) -> Iterator[Callable[[str, bytes], Status]]:
    """Calls a method with bytes and returns the status."""
    with asyncio.Runner() as runner:
        stack = contextlib.AsyncExitStack()
        bench = runner.run(stack.enter_async_context(serving(indexed)))
        channel = bench.channel()

        async def call(method: str, data: bytes) -> Status:
            path = f"/conexus.v1.{method}" if method.count(".") == 0 else f"/{method}"
            try:
                if method in STREAMED:
                    async for _ in channel.unary_stream(path)(data, metadata=bearer(TOKEN), timeout=1.0):
                        return Status.OK
                else:
                    await channel.unary_unary(path)(data, metadata=bearer(TOKEN), timeout=PATIENCE_S)
            except AioRpcError as error:
                return error.code()
            return Status.OK

        yield lambda method, data: runner.run(call(method, data))
        runner.run(channel.close())
        runner.run(stack.aclose())


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted({*UNARY, *STREAMED, f"{grpc_server.HEALTH}/Check"})), st.binary(max_size=100))
def test_no_bytes_break_the_daemon(open_server: Callable[[str, bytes], Status], method: str, data: bytes) -> None:
    """Random bytes are answered or refused."""
    assert open_server(method, data) not in OURS


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_no_message_breaks_the_daemon(open_server: Callable[[str, bytes], Status], data: st.DataObject) -> None:
    """Random messages of the right kind are answered or refused."""
    method = data.draw(st.sampled_from(sorted({*UNARY, *STREAMED})))
    model = data.draw(values_of({**UNARY, **STREAMED}[method]))
    assert open_server(method, message_of(model).SerializeToString()) not in OURS


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[fe80::1%25eth0]:5000", "fe80::1"),
        ("ipv6:[2001:db8::7]:1", "2001:db8::7"),
        ("unix:/run/conexus.sock", ""),
    ],
)
def test_the_address_of_a_caller_is_one(peer: str, address: str) -> None:
    """Without kind and port, as access policies and the audit log take it."""
    assert _address(peer) == address
