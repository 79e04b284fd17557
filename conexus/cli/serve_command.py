# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus serve`` and ``conexus daemon``."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conexus.adapters import config_files
from conexus.adapters.engine_orphans import end_orphans
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.config import Config
from conexus.daemon import discovery, starting
from conexus.daemon.client import DaemonClient
from conexus.daemon.discovery import Address
from conexus.errors import DaemonUnavailable

if TYPE_CHECKING:
    from conexus.adapters.service_units import ServiceUnit

app = typer.Typer(name="daemon", help="Run Conexus in the background, for many clients at once.", no_args_is_help=True)
_STOP_S = 20.0
_POLL_S = 0.05
_FOLLOW_S = 0.3
_DEFAULT_LINES = 50

Port = Annotated[int | None, typer.Option(help="Port of REST and MCP; 0 for any free one.", show_default="7520")]
GrpcPort = Annotated[
    int | None, typer.Option("--grpc-port", help="Port of gRPC; 0 for any free one, -1 for none.", show_default="7521")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; others need TLS and API keys.", show_default="127.0.0.1")
    ] = None,
    port: Port = None,
    grpc_port: GrpcPort = None,
    tls_cert: Annotated[str | None, typer.Option("--tls-cert", metavar="FILE", help="Certificate chain, PEM.")] = None,
    tls_key: Annotated[str | None, typer.Option("--tls-key", metavar="FILE", help="Its key, PEM.")] = None,
    tls_client_ca: Annotated[
        str | None, typer.Option("--tls-client-ca", metavar="FILE", help="Ask clients for certificates of these, PEM.")
    ] = None,
    allow_insecure: Annotated[
        bool | None, typer.Option("--allow-insecure", help="Listen elsewhere without TLS: only behind a proxy.")
    ] = None,
    log_format: Annotated[str | None, typer.Option("--log-format", help="text or json.", show_default="text")] = None,
    auto: Annotated[bool, typer.Option("--auto", hidden=True)] = False,
) -> None:
    """Serve searches to many clients: REST, gRPC and MCP.

    Runs in the foreground until Ctrl-C; `conexus daemon start` runs it in the background. Clients need the token in
    the file that `conexus daemon status` names, or an API key.

    Examples:
        conexus serve
        conexus serve --port 8080 --grpc-port -1
        conexus serve --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem
    """
    flags: dict[str, object] = {
        "daemon.host": host,
        "daemon.port": port,
        "daemon.grpc_port": grpc_port,
        "daemon.tls_cert": tls_cert,
        "daemon.tls_key": tls_key,
        "daemon.tls_client_ca": tls_client_ca,
        "daemon.allow_insecure": allow_insecure,
        "daemon.log_format": log_format,
    }
    from conexus import serving  # noqa: PLC0415 -- brings servers

    def ready(address: Address) -> None:
        if not auto:
            grpc = f", gRPC on {address.grpc}" if address.grpc else ""
            console.err(f"serving on {address.http} (MCP at {address.http}/mcp{grpc}); Ctrl-C to stop")

    serving.run(
        lambda: config_files.load(config_files.current_environ(), None, flags),
        serving.Start(automatic=auto, ready=ready),
    )


@app.command("start", cls=CommandWithExamples)
def start(port: Port = None, grpc_port: GrpcPort = None) -> None:
    """Start the daemon in the background; one that runs already stays.

    Examples:
        conexus daemon start
        conexus daemon start --port 0
    """
    _start(_data_dir(), port, grpc_port)


def _start(data_dir: Path, port: int | None, grpc_port: int | None) -> None:
    arguments = [] if port is None else ["--port", str(port)]
    arguments += [] if grpc_port is None else ["--grpc-port", str(grpc_port)]
    address, started = starting.ensure_running(data_dir, automatic=False, arguments=arguments)
    console.out(f"{'started' if started else 'runs already'}: process {address.pid}, {address.http}")


@app.command("stop", cls=CommandWithExamples)
def stop() -> None:
    """Stop the daemon. Index jobs that run go on when it is started again.

    Examples:
        conexus daemon stop
    """
    if not _stop(_data_dir()):
        console.out("no daemon runs")


def _stop(data_dir: Path) -> bool:
    until = time.monotonic() + _STOP_S
    while (address := discovery.find(data_dir)) is None and discovery.is_running(data_dir):
        if time.monotonic() > until:
            raise DaemonUnavailable("the daemon is about to start or to stop", hint="try again in a moment")
        time.sleep(_POLL_S)  # it is just starting, or another command stops it
    if address is None:
        return False
    if not starting.stop(data_dir, address, _STOP_S):
        raise DaemonUnavailable(f"process {address.pid} does not end", hint=f"kill it yourself: kill -9 {address.pid}")
    end_orphans(data_dir / "vectors")
    console.out(f"stopped: process {address.pid}")
    return True


@app.command("restart", cls=CommandWithExamples)
def restart(port: Port = None, grpc_port: GrpcPort = None) -> None:
    """Stop the daemon, if one runs, and start it with the present settings.

    Where the settings or the licence would keep it from starting, the one that runs is left alone.

    Examples:
        conexus daemon restart
    """
    from conexus import data_folder  # noqa: PLC0415 -- brings the store

    data_dir = _data_dir()
    with data_folder.open_edition(_config()):
        pass
    _stop(data_dir)
    _start(data_dir, port, grpc_port)


@app.command("reload", cls=CommandWithExamples)
def reload() -> None:
    """Have the daemon read its settings again: all but where it listens and its limits.

    Examples:
        conexus config set log.queries off && conexus daemon reload
    """
    with_daemon(lambda client: client.reload_daemon())
    console.out("the settings were read again")


@app.command("status", cls=CommandWithExamples)
def status(as_json: Json = False) -> None:
    """Show whether a daemon runs, and what it serves. Exit code 1 where none does.

    Examples:
        conexus daemon status
        conexus daemon status --json | jq .rest
    """
    data_dir = _data_dir()
    address = discovery.find(data_dir)
    if address is None:
        if as_json:
            console.out(json.dumps({"schema": "conexus.daemon/1", "running": False}))
        else:
            console.out("no daemon runs; start one with: conexus daemon start")
        raise typer.Exit(1)
    client = DaemonClient(address)
    found = client.daemon_status()
    client.close()
    if as_json:
        entry = {
            "schema": "conexus.daemon/1",
            "running": True,
            **found,
            "token_file": str(discovery.token_file(data_dir)),
        }
        console.out(json.dumps(entry, indent=2))
        return
    for line in _described(found, data_dir):
        console.out(line)


def _described(found: dict[str, Any], data_dir: Path) -> list[str]:
    since = console.duration(max(0.0, time.time() - found["started_at"]))
    jobs = f"{found['jobs_running']} running, {found['jobs_queued']} waiting"
    return [
        f"running for {since}: process {found['pid']}, version {found['version']}, {found['edition']} edition",
        f"  REST   {found['rest']}   (docs at {found['rest']}/docs)",
        f"  MCP    {found['mcp']}",
        f"  gRPC   {found['grpc'] or 'off'}",
        f"  token  {discovery.token_file(data_dir)}",
        f"  log    {log if (log := data_dir / discovery.LOG).exists() else 'where it was started, in no file'}",
        f"  serves {console.count(found['repositories'], 'repository')}; index jobs: {jobs}",
    ]


@app.command("logs", cls=CommandWithExamples)
def logs(
    lines: Annotated[int, typer.Option("-n", "--lines", help="How many of the last lines.")] = _DEFAULT_LINES,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what comes.")] = False,
) -> None:
    """Show the log of the daemon in the background.

    Examples:
        conexus daemon logs
        conexus daemon logs -f
    """
    from conexus.cli.records import on_record  # noqa: PLC0415 -- not for the daemon

    path = _data_dir() / discovery.LOG
    with on_record("daemon_log"):
        pass  # who asked what is in it
    if not path.exists():
        raise DaemonUnavailable("there is no log yet", hint="start a daemon: conexus daemon start")
    with path.open(encoding="utf-8", errors="replace") as stream:
        for line in stream.readlines()[-max(0, lines) :]:
            console.out(console.clean(line.rstrip("\n")))
        while follow:
            line = stream.readline()
            if line:
                console.out(console.clean(line.rstrip("\n")))
            else:
                time.sleep(_FOLLOW_S)


@app.command("install", cls=CommandWithExamples)
def install(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the file, and write nothing.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take the file away again.")] = False,
) -> None:
    """Have the system start the daemon when you log in: a systemd user unit, on macOS a launchd agent.

    The file is written; the command that starts it is yours to type, and is printed.

    Examples:
        conexus daemon install --dry-run
        conexus daemon install
        conexus daemon install --remove
    """
    unit = _unit()
    if dry_run:
        console.err(f"# {unit.path}")
        console.out(unit.content.decode("utf-8").rstrip())
        return
    if remove:
        if not unit.path.exists():
            console.out(f"there is no {unit.path}")
            return
        unit.path.unlink()
        console.out(f"removed {unit.path}; to stop what it started: {unit.disable}")
        return
    unit.path.parent.mkdir(parents=True, exist_ok=True)
    unit.path.write_bytes(unit.content)
    unit.path.chmod(0o644)
    console.out(f"wrote {unit.path}")
    console.out(f"start it, now and at every log-in, with: {unit.enable}")


def _unit() -> ServiceUnit:
    from conexus.adapters.service_units import service_unit  # noqa: PLC0415 -- only here

    environ = config_files.current_environ()
    config_home = environ.get("XDG_CONFIG_HOME", "")
    settings = {name: environ[name] for name in ("CONEXUS_HOME", "CONEXUS_CONFIG") if environ.get(name)}
    return service_unit(
        sys.platform,
        Path.home(),
        [*starting.PROGRAM, "serve"],
        settings,
        Path(config_home) if config_home else None,
    )


def with_daemon(action: Callable[[DaemonClient], None]) -> None:
    """Do something with the daemon that runs.

    Raises:
        DaemonUnavailable: None does.
    """
    address = discovery.find(_data_dir())
    if address is None:
        raise DaemonUnavailable("no daemon runs", hint="start one with: conexus daemon start")
    client = DaemonClient(address)
    try:
        action(client)
    finally:
        client.close()


def _data_dir() -> Path:
    from conexus import data_folder  # noqa: PLC0415 -- brings the store

    return data_folder.private_data_dir(_config())


def _config() -> Config:
    return config_files.load(config_files.current_environ(), None, {}).config


__all__ = ["app", "serve", "with_daemon"]
