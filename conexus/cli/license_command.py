# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus license``."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from conexus import data_folder
from conexus.adapters import config_files
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import settings
from conexus.cli.records import on_record_if_it_can
from conexus.daemon import discovery
from conexus.errors import EditionError, SourceError
from conexus.types import LicenceFacts, LicenceState

app = typer.Typer(help="Show, install, verify and remove the licence.", no_args_is_help=True)
_MAX_BYTES = 10_000
_EXIT_NONE = 1
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
File = Annotated[str, typer.Argument(metavar="FILE", help="File of the licence, or - for stdin.")]


@app.command("show", cls=CommandWithExamples)
def show(as_json: Json = False) -> None:
    """Show the licence that counts, and how it stands. Exit code 1 where there is none.

    Examples:
        conexus license show
    """
    with data_folder.open_licences(settings()) as licences:
        found = licences.installed()
    if found is None:
        if as_json:
            console.out(json.dumps({"schema": "conexus.license/1", "licence": None}, indent=2))
        else:
            console.out("there is no licence: this is the community edition (conexus features)")
        raise typer.Exit(_EXIT_NONE)
    _show(found, as_json=as_json)


@app.command("verify", cls=CommandWithExamples)
def verify(file: File, as_json: Json = False) -> None:
    """Say whether a licence is valid here, without installing it. Exit code 2 where it is not.

    Examples:
        conexus license verify conexus.jwt
    """
    with data_folder.open_licences(settings()) as licences:
        found = licences.verify(_token(file))
    _show(found, as_json=as_json)
    if found.state is LicenceState.EXPIRED:
        raise EditionError(
            "the licence is not valid (expired): its days of grace are over", details={"reason": "expired"}
        )


@app.command("install", cls=CommandWithExamples)
def install(file: File, as_json: Json = False) -> None:
    """Verify a licence and keep it in the data folder. Nothing is sent anywhere.

    Examples:
        conexus license install conexus.jwt
    """
    token = _token(file)
    with data_folder.open_licences(settings()) as licences:
        found = licences.install(token)
    with on_record_if_it_can("install_licence", {"id": found.id}):
        pass
    _show(found, as_json=as_json)
    _say_what_counts()
    _say_restart()


@app.command("remove", cls=CommandWithExamples)
def remove() -> None:
    """Delete the licence that was installed. What is indexed stays, and goes on being served.

    A licence of the settings (license.key, license.file) or the environment is not touched.

    Examples:
        conexus license remove
    """
    with on_record_if_it_can("remove_licence"), data_folder.open_licences(settings()) as licences:
        path = licences.remove()
    if not path:
        console.out("no licence was installed here")
        _say_what_counts()
        return
    console.out(f"removed {console.one_line(path)}")
    _say_what_counts()
    _say_restart()


def _say_what_counts() -> None:
    """Say that the settings name a licence, which comes before one that is installed."""
    options = settings().license
    if options.key or options.file:
        name = "license.key (CONEXUS_LICENSE_KEY)" if options.key else "license.file (CONEXUS_LICENSE_FILE)"
        console.err(
            f"note: the licence of {name} comes first and stays in force; unset it to use one that is installed"
        )


def _say_restart() -> None:
    if discovery.is_running(config_files.data_dir(settings())):
        console.err("the daemon goes on as it started; to take this up: conexus daemon restart")


def _token(file: str) -> str:
    try:
        if file == "-":
            return sys.stdin.read(_MAX_BYTES)
        with Path(file).expanduser().open("rb") as stream:
            return stream.read(_MAX_BYTES).decode("utf-8-sig", "replace")
    except OSError as exc:
        raise SourceError(f"{file} cannot be read: {exc.strerror}") from exc


def _show(found: LicenceFacts, *, as_json: bool) -> None:
    if as_json:
        console.out(json.dumps({"schema": "conexus.license/1", "licence": dataclasses.asdict(found)}, indent=2))
        return
    for line in _described(found):
        console.out(console.one_line(line))


def _described(found: LicenceFacts) -> list[str]:
    from conexus.cli.ledgers import local_time  # noqa: PLC0415

    is_over = found.state in {LicenceState.GRACE, LicenceState.EXPIRED}
    left = f"over for {-found.days_left} days" if is_over else f"{found.days_left} days left"
    return [
        *(["TEST LICENCE: for trying out, not for serving"] if found.is_test else []),
        f"{found.plan} for {found.customer}",
        f"  state         {found.state} ({left})",
        f"  valid         {local_time(found.not_before)} to {local_time(found.expires_at)}",
        f"  repositories  {found.max_repositories:,}",
        f"  features      {'all of the plan' if '*' in found.features else ', '.join(found.features) or 'none'}",
        f"  id            {found.id}, signed with the key {found.key_id}",
        *([f"  from          {found.source}"] if found.source else []),
    ]
