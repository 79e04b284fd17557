# SPDX-License-Identifier: FSL-1.1-MIT
"""Puts a daemon together and runs it: the store, the surfaces, and what happens at the start and the end."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from conexus import __version__, bootstrap, data_folder
from conexus.adapters import config_files
from conexus.adapters.git_refs import ref_checkout
from conexus.adapters.priority import lower_thread
from conexus.adapters.process_locks import is_alive
from conexus.adapters.roots import checkout_of
from conexus.adapters.sqlite_connection import limit_caches
from conexus.adapters.webhook_address import check_url
from conexus.adapters.webhook_sender import SenderOptions, WebhookSender, check_secret
from conexus.config import Config, DaemonOptions, is_loopback
from conexus.daemon import discovery, logs, schema
from conexus.daemon.administration import KeyDesk, UsageRecorder, WebhookDesk
from conexus.daemon.api import Api
from conexus.daemon.call import Surface
from conexus.daemon.discovery import Address
from conexus.daemon.dispatch import Dispatcher, Limits
from conexus.daemon.events import Broker
from conexus.daemon.gatekeeper import Gatekeeper
from conexus.daemon.guard import Doors
from conexus.daemon.handlers import Controls, Facts, Handlers, Parts
from conexus.daemon.jobs import JobRunner
from conexus.daemon.metrics import Metrics
from conexus.daemon.operations import BY_NAME
from conexus.daemon.tracing import tracer_to
from conexus.daemon.watching import Followers, Ways
from conexus.edition import Edition, NoAudit
from conexus.errors import ConexusError, ConfigError, DaemonUnavailable, FeatureNotAvailable, StoreError
from conexus.ports import KeyStore
from conexus.types import DAEMON_ITSELF, LOCAL_USER, Checkout, Feature, IndexJob, JobOrigin, JobState, WatchState
from conexus.values import dataclass

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

    from conexus.adapters.sqlite_registry import SqliteRegistry
    from conexus.daemon.grpc_server import GrpcServer

_log = logging.getLogger("conexus.daemon")
_SWITCH_S = 0.0005  # the event loop waits so long for a thread that computes; Python's own 5 ms would be felt
_CACHE_BYTES = 8_000_000  # of all databases together; there are up to three and a connection for each request at a time
_LAST_WORDS_S = 10.0  # for requests and the file that is indexed, once the daemon is told to stop
_LOOKED_EVERY_S = 1.0
_FIRST_COLLECTED_S, _COLLECTED_EVERY_S = 600.0, 86_400.0
_MIN_IDLE_S = 5.0
_BACKLOG = 512
_KEEP_ALIVE_S = 30


@dataclass(frozen=True, slots=True)
class Start:
    """How a daemon was started."""

    automatic: bool = False
    """Whether a client started it; then it ends by itself when nobody asks."""
    ready: Callable[[Address], None] = lambda _: None
    """Told once it listens."""


def run(settings: Callable[[], config_files.Loaded], start: Start) -> None:
    """Serve until a signal, an operator or, where it was started by a client, idleness ends it.

    Args:
        settings: Reads the settings; again on SIGHUP.
        start: How it was started.

    Raises:
        ConfigError: The settings do not allow it to listen.
        DaemonUnavailable: Another daemon has the data folder, or a port is taken.
        StoreError: The data folder cannot be used.
    """
    loaded = settings()
    data_dir = data_folder.private_data_dir(loaded.config)
    sys.setswitchinterval(_SWITCH_S)
    limit_caches(_CACHE_BYTES)
    with discovery.claimed(data_dir) as is_ours:
        daemon = _Daemon(settings, loaded.config, data_dir, start)
        daemon.is_ours = is_ours
        try:
            daemon.run()
        finally:
            daemon.end_log()


class _Daemon:
    """One run of the daemon."""

    def __init__(
        self, settings: Callable[[], config_files.Loaded], config: Config, data_dir: Path, start: Start
    ) -> None:
        self._settings = settings
        self._config = config
        self._data_dir = data_dir
        self._start = start
        self._started_at = time.time()
        self._addresses = Address(os.getpid(), __version__, "", "", self._started_at)
        self._public = ""
        self._reloaded: list[Callable[[Config], None]] = []
        self.is_ours: Callable[[], bool] = lambda: True
        """Whether this is the daemon of its data folder still."""
        self.end_log = logs.set_up(config.daemon.log_format, config.daemon.log_level)
        """Writes the last lines of the log."""

    def run(self) -> None:
        """Build everything, serve, and take it down in the opposite order."""
        with contextlib.ExitStack() as stack:
            try:
                asyncio.run(self._serve(stack))
            except BaseExceptionGroup as group:
                # What fails while the MCP sessions run comes out of their task group.
                first = _first_of(group)
                if first is None:
                    raise
                raise first from group

    async def _serve(self, stack: contextlib.ExitStack) -> None:
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        options = self._config.daemon
        registry = data_folder.registry(self._config)
        stack.callback(registry.close)
        _require_safe(options, _has_keys(registry))
        listeners = stack.enter_context(_listeners(options, spare=self._start.automatic))
        controls = Controls(reload=_soon(loop, self._reload), stop=_soon(loop, stopping.set))
        api, runner, followers = self._api(stack, registry, Broker(loop), controls)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with self._surfaces(api, listeners, options):
            runner.start(options.index_jobs)
            if options.watch:
                followers.start()
            catalog = discovery.file_number(self._data_dir / data_folder.CATALOG_FILE)
            self._addresses = replace(self._addresses, catalog=catalog)
            discovery.publish(self._data_dir, self._addresses)
            _log.info("listening", extra={"address": self._public})
            self._start.ready(self._addresses)
            await self._until(stopping, api, runner)
            if self.is_ours():
                discovery.withdraw(self._data_dir)
            _log.info("stopping")
            api.broker.publish("stopping")
            api.dispatcher.refuse_new()
            await asyncio.to_thread(followers.stop)
            await asyncio.to_thread(runner.stop, _LAST_WORDS_S)

    def _api(
        self, stack: contextlib.ExitStack, registry: SqliteRegistry, broker: Broker, controls: Controls
    ) -> tuple[Api, JobRunner, Followers]:
        """Build what the surfaces share; ``stack`` takes it down."""
        options, metrics = self._config.daemon, Metrics()
        app = bootstrap.build(self._config, keep_open=True, xdg=_xdg(), project=self._project)
        service = app.service
        stack.callback(service.close)
        bootstrap.search_aside(app, lambda what: _log.warning("searches are done here", extra={"reason": what}))
        edition = service.edition
        service.edition = replace(edition, audit=NoAudit())  # each request is recorded where it comes in
        _say_edition(edition)
        trace, end_trace = tracer_to(options.otlp_endpoint)
        stack.callback(end_trace)
        sender = self._sender(stack)
        hooks = WebhookDesk(registry, self._check_webhook)
        runner = JobRunner(
            service, registry, _job_listener(broker, metrics, hooks, sender), _found_again, lower_thread, is_alive
        )
        followers = Followers(
            Ways(
                lambda: service.views(LOCAL_USER),
                _found_again,
                app.watcher,
                runner.follow_up,
                lambda repo: service.drop_gone(repo, DAEMON_ITSELF),
                runner.wants_again,
            )
        )
        token = discovery.token_of(self._data_dir)
        gatekeeper = Gatekeeper(token, registry, edition.authenticator, edition.audit)
        stack.callback(gatekeeper.flush)
        parts = Parts(
            service=service,
            jobs=runner,
            watched=followers.state if options.watch else _not_watched,
            keys=KeyDesk(registry, edition),
            webhooks=hooks,
            usage=self._usage(stack),
            folders=_folder,
            refs=ref_checkout,
            may_write=edition.access.require_write,
            require_place=service.require_place,
            edition=edition,
            facts=lambda: self._facts(edition.label),
            controls=controls,
        )
        dispatcher = Dispatcher(_limits(options, edition), metrics, trace, edition.audit)
        stack.callback(dispatcher.close)
        doors = Doors.of(options.host, options.hosts, options.origins, options.max_request_kb * 1024)
        return Api(Handlers(parts), dispatcher, gatekeeper, broker, metrics, doors, edition), runner, followers

    def _usage(self, stack: contextlib.ExitStack) -> UsageRecorder:
        log = data_folder.usage_log(self._config)
        stack.callback(log.close)
        usage = UsageRecorder(log, lambda: self._config.log.keep_s)

        def take_up(config: Config) -> None:
            usage.flush()  # what was asked until now goes by the old settings
            log.set_options(config.log)

        self._reloaded.append(take_up)
        usage.start()
        stack.callback(usage.stop)
        return usage

    def _sender(self, stack: contextlib.ExitStack) -> WebhookSender:
        sender = WebhookSender(_sender_options(self._config))
        self._reloaded.append(lambda config: sender.set_options(_sender_options(config)))
        stack.callback(sender.close)
        return sender

    @contextlib.asynccontextmanager
    async def _surfaces(self, api: Api, listeners: _Listeners, options: DaemonOptions) -> AsyncIterator[None]:
        """Serve REST, MCP and gRPC."""
        from starlette.routing import Route  # noqa: PLC0415 -- only here

        from conexus.daemon.grpc_server import GrpcServer as Server  # noqa: PLC0415 -- only here
        from conexus.daemon.mcp_door import McpDoor  # noqa: PLC0415 -- only here
        from conexus.daemon.rest import extra_routes, guarded, rest_app  # noqa: PLC0415 -- only here

        rest = rest_app(api)
        mcp = McpDoor(api)
        rest.router.routes.extend(extra_routes(api))
        rest.router.routes.append(Route("/mcp", mcp, include_in_schema=False))  # a mount asks for a slash at the end
        app = guarded(rest, api)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(mcp.running())
            grpc_address = ""
            if options.grpc_port >= 0:
                grpc, grpc_port = await self._grpc(Server, api, options)
                stack.push_async_callback(grpc.stop, _LAST_WORDS_S)
                grpc_address = f"{_shown_host(options.host)}:{grpc_port}"
            await stack.enter_async_context(_http(app, listeners, options))
            scheme = "https" if options.tls_cert else "http"
            self._public = f"{scheme}://{_shown_host(options.host)}:{listeners.public.getsockname()[1]}"
            self._addresses = replace(
                self._addresses, http=f"http://127.0.0.1:{listeners.local.getsockname()[1]}", grpc=grpc_address
            )
            yield

    async def _grpc(
        self, server: Callable[[Api, DaemonOptions], GrpcServer], api: Api, options: DaemonOptions
    ) -> tuple[GrpcServer, int]:
        grpc = server(api, options)
        try:
            return grpc, await grpc.start()
        except DaemonUnavailable:
            if not self._start.automatic:
                raise
            grpc = server(api, replace(options, grpc_port=0))
            return grpc, await grpc.start()

    async def _until(self, stopping: asyncio.Event, api: Api, runner: JobRunner) -> None:
        """Return when the daemon is to end."""
        collect_at = time.monotonic() + _FIRST_COLLECTED_S
        idle_s = max(self._config.daemon.idle_exit_s, _MIN_IDLE_S)
        while not stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), _LOOKED_EVERY_S)
            if not self.is_ours():
                _log.error("the data folder was removed, or its lock: ending", extra={"folder": str(self._data_dir)})
                return
            discovery.keep_published(self._data_dir, self._addresses)
            if time.monotonic() > collect_at and runner.counts() == (0, 0):
                collect_at = time.monotonic() + _COLLECTED_EVERY_S
                await asyncio.to_thread(self._collect, api)
            quiet = time.monotonic() - api.dispatcher.last_request_at > idle_s
            if self._start.automatic and self._config.daemon.idle_exit_s and quiet and runner.counts() == (0, 0):
                _log.info("nobody asks: ending")
                return

    def _collect(self, api: Api) -> None:
        try:
            found = api.handlers.collect(schema.GcRequest(), api.new_call(BY_NAME["collect"], LOCAL_USER, Surface.REST))
            _log.info(
                "collected", extra={"views": found.views, "generations": found.generations, "orphans": found.orphans}
            )
        except ConexusError as error:
            _log.warning("what is not needed cannot be collected", extra={"reason": error.message})
        with contextlib.suppress(FeatureNotAvailable):
            try:
                api.edition.audit_desk.expire(DAEMON_ITSELF)
            except (DaemonUnavailable, StoreError) as error:
                _log.warning("old audit records cannot be deleted", extra={"reason": error.message})

    def _reload(self) -> None:
        """Take up changed settings: those of indexing and search at once, the log's too; ports need a restart."""
        try:
            config = self._settings().config
        except ConfigError as error:
            _log.warning("the settings cannot be read, the old ones stay", extra={"reason": error.message})
            return
        self._config = replace(self._config, log=config.log, webhooks=config.webhooks, daemon=self._config.daemon)
        self.end_log()
        self.end_log = logs.set_up(config.daemon.log_format, config.daemon.log_level)
        for take_up in self._reloaded:
            take_up(self._config)
        _log.info("the settings were read again")

    def _check_webhook(self, url: str, secret: str) -> None:
        check_url(url, allow_private=self._config.webhooks.allow_private)
        if secret:
            check_secret(secret)

    def _project(self, root: Path) -> config_files.Loaded:
        return config_files.load(config_files.current_environ(), root, {})

    def _facts(self, edition: str) -> Facts:
        return Facts(
            edition=edition,
            pid=os.getpid(),
            started_at=self._started_at,
            data_dir=str(self._data_dir),
            rest=self._public,
            grpc=self._addresses.grpc,
            mcp=f"{self._public}/mcp",
        )


# ------------------------------------------------------------------------------ listening


@dataclass(frozen=True, slots=True)
class _Listeners:
    """Sockets of the HTTP surfaces."""

    public: socket.socket
    local: socket.socket
    """For clients on this machine: the same, but one of its own where the public one asks for TLS."""


@contextlib.contextmanager
def _listeners(options: DaemonOptions, *, spare: bool) -> Iterator[_Listeners]:
    """Open the sockets.

    Args:
        options: Where to listen.
        spare: Whether any free port will do where the one that is set is taken, as for a daemon that a client
            started: the client finds it.
    """
    with contextlib.ExitStack() as stack:
        try:
            public = stack.enter_context(_bound(options.host, options.port, "daemon.port"))
        except DaemonUnavailable:
            if not spare:
                raise
            public = stack.enter_context(_bound(options.host, 0, "daemon.port"))
        needs_other = bool(options.tls_cert) or not is_loopback(options.host)
        local = stack.enter_context(_bound("127.0.0.1", 0, "daemon.port")) if needs_other else public
        yield _Listeners(public, local)


def _bound(host: str, port: int, setting: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) only where the protocol is named; else answers wait 40 ms for an ACK.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(_BACKLOG)
    except OSError as exc:
        found.close()
        reason = "another program uses it" if exc.errno == errno.EADDRINUSE else exc.strerror or str(exc)
        raise DaemonUnavailable(
            f"cannot listen on {host}:{port}: {reason}", hint=f"choose another: conexus config set {setting} 0"
        ) from exc
    return found


def _shown_host(host: str) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- is shown, not listened on
    return f"[{shown}]" if ":" in shown else shown


def _require_safe(options: DaemonOptions, has_keys: bool) -> None:
    """Refuse to serve other machines without TLS or without keys.

    Raises:
        ConfigError: It would.
    """
    if is_loopback(options.host):
        return
    if not options.tls_cert and not options.allow_insecure:
        raise ConfigError(
            f"daemon.host is {options.host}: other machines could read what is sent",
            hint="set daemon.tls_cert and daemon.tls_key, or daemon.allow_insecure behind a proxy that adds TLS",
        )
    if not has_keys:
        raise ConfigError(
            f"daemon.host is {options.host}, but there is no API key that other machines could use",
            hint="make one first: conexus keys create --name NAME",
        )


@contextlib.asynccontextmanager
async def _http(app: ASGIApp, listeners: _Listeners, options: DaemonOptions) -> AsyncIterator[None]:
    """Serve an application on the sockets until the end of the block."""
    servers = [(_uvicorn(app, options, tls=bool(options.tls_cert)), listeners.public)]
    if listeners.local is not listeners.public:
        servers.append((_uvicorn(app, options, tls=False), listeners.local))
    tasks = [asyncio.ensure_future(server.serve(sockets=[sock])) for server, sock in servers]
    try:
        while not all(server.started for server, _ in servers):
            for task in tasks:
                if task.done():
                    task.result()
                    raise DaemonUnavailable("the HTTP server ended before it began")
            await asyncio.sleep(0.005)
        yield
    finally:
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*tasks, return_exceptions=True)


def _uvicorn(app: ASGIApp, options: DaemonOptions, *, tls: bool) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 -- only here

    from conexus.daemon.http_protocol import PatientProtocol  # noqa: PLC0415 -- only here

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            """Leave signals to the daemon."""
            yield

    class Protocol(PatientProtocol):
        request_s = options.timeout_s

    with _clear_tls_errors(options):
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            date_header=False,
            ws="none",
            http=Protocol,  # whatever else is installed: the limit below is this parser's
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(_LAST_WORDS_S),
            limit_concurrency=options.max_waiting * 4,
            h11_max_incomplete_event_size=65_536,
            ssl_certfile=options.tls_cert if tls else None,
            ssl_keyfile=options.tls_key if tls else None,
            ssl_ca_certs=options.tls_client_ca or None if tls else None,
            ssl_cert_reqs=_CERT_REQUIRED if tls and options.tls_client_ca else 0,
        )
        config.load()
    return Server(config)


_CERT_REQUIRED = 2  # ssl.CERT_REQUIRED, without the import


@contextlib.contextmanager
def _clear_tls_errors(options: DaemonOptions) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise ConfigError(
            f"the certificate or key cannot be used: {exc.strerror or exc}",
            hint=f"check daemon.tls_cert ({options.tls_cert}) and daemon.tls_key",
        ) from exc


# ------------------------------------------------------------------------------ parts


def _has_keys(keys: KeyStore) -> bool:
    now = time.time()
    return any(key.is_valid(now) for key in keys.keys())  # noqa: SIM118 -- it is no mapping


def _soon(loop: asyncio.AbstractEventLoop, action: Callable[[], None]) -> Callable[[], None]:
    """Return a function for any thread that has the loop do something."""

    def ask() -> None:
        loop.call_soon_threadsafe(action)

    return ask


def _say_edition(edition: Edition) -> None:
    """Write the line of the start: tier, features, days left; and what has to be said of the licence."""
    licence = edition.entitlements.licence()
    facts: dict[str, object] = {"edition": edition.label}
    if licence is not None:
        features = sorted(one.value for one in Feature if edition.entitlements.has(one))
        facts |= {"customer": licence.customer, "days_left": licence.days_left, "features": ",".join(features)}
    _log.info("edition", extra=facts)
    for notice in edition.entitlements.notices():
        _log.warning(notice)


def _first_of(group: BaseExceptionGroup[BaseException]) -> ConexusError | None:
    """Return the first error of Conexus in a group, however deep."""
    for one in group.exceptions:
        found = _first_of(one) if isinstance(one, BaseExceptionGroup) else one
        if isinstance(found, ConexusError):
            return found
    return None


def _sender_options(config: Config) -> SenderOptions:
    return SenderOptions(allow_private=config.webhooks.allow_private)


def _limits(options: DaemonOptions, edition: Edition) -> Limits:
    of_edition = edition.entitlements.limits()
    return Limits(
        threads=options.threads,
        max_waiting=options.max_waiting,
        requests_per_s=options.requests_per_s if options.requests_per_s >= 0 else of_edition.requests_per_s,
        timeout_s=options.timeout_s,
        long_timeout_s=options.long_timeout_s,
    )


def _job_listener(
    broker: Broker, metrics: Metrics, hooks: WebhookDesk, sender: WebhookSender
) -> Callable[[IndexJob], None]:
    def changed(job: IndexJob) -> None:
        broker.publish("job", job)
        if not job.state.is_over:
            return
        if job.origin is JobOrigin.WATCH and job.state is JobState.DONE:
            return  # there are thousands a day
        metrics.job_over(job.state, (job.finished_at or 0.0) - (job.started_at or job.finished_at or 0.0))
        payload = {
            "job": job.id,
            "repository": job.repo,
            "name": job.name,
            "state": job.state.value,
            "finished_at": job.finished_at,
            "error": job.error_code or None,
            "files": None if job.report is None else job.report.files_total,
            "chunks": None if job.report is None else job.report.chunks_total,
        }
        _log.info("index job is over", extra={"job": job.id, "state": job.state.value})
        try:
            for hook in hooks.all():
                sender.send(hook, f"index.{job.state.value}", payload)
        except ConexusError as error:
            _log.warning("webhooks cannot be read", extra={"reason": error.code.value})

    return changed


def _not_watched(_: Path) -> WatchState:
    return WatchState(reason="the setting daemon.watch is false")


def _folder(path: Path, *, force: bool) -> Checkout:
    return checkout_of(path, Path.home(), force=force)


def _found_again(root: Path) -> Checkout:
    return _folder(root, force=True)


def _xdg() -> Path | None:
    found = config_files.current_environ().get("XDG_CONFIG_HOME", "")
    return Path(found) if found else None


__all__ = ["Start", "run"]
