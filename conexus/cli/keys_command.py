# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus keys``."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import local_time, open_desk, open_registry, table
from conexus.cli.records import on_record
from conexus.errors import EditionError
from conexus.types import ApiKey, NewKey, Role

app = typer.Typer(help="Make, list and revoke API keys of the daemon.", no_args_is_help=True)


@app.command("create", cls=CommandWithExamples)
def create(
    name: Annotated[str, typer.Option("--name", "-n", help="For people: who or what will use the key.")],
    role: Annotated[Role, typer.Option("--role", help="What it allows; each includes the ones before.")] = Role.READER,
    repos: Annotated[
        list[str] | None,
        typer.Option(
            "--repos", "-r", metavar="GLOB", help="Only repositories whose id fits; repeatable. Default: all."
        ),
    ] = None,
    expires: Annotated[
        str, typer.Option("--expires", help="30d, 12h, a day as 2027-01-31 (the last one), or never.")
    ] = "never",
    user: Annotated[
        str, typer.Option("--user", "-u", help="Whose it is: it may do no more than they may (enterprise).")
    ] = "",
    rate: Annotated[
        float | None, typer.Option("--rate", help="Most requests a second, on average over ten (enterprise).")
    ] = None,
) -> None:
    """Make a key and print its secret, once.

    The secret goes to stdout, all else to stderr. It is kept nowhere: only a hash of it is, by which the
    daemon knows it again.

    Examples:
        conexus keys create --name laptop
        conexus keys create --name ci --role writer --repos 'github.com/acme/*' --expires 30d
        conexus keys create --name ann-laptop --user ann --role writer --rate 20
    """
    from conexus.daemon.keys import parse_expiry  # noqa: PLC0415 -- not for the usual command

    expires_at = parse_expiry(expires, time.time())
    asked = NewKey(name, role, tuple(repos) if repos else None, expires_at, user, rate)
    told = {"name": name, "role": role.value, "repositories": repos, "user": user}
    with on_record("create_key", told), open_desk() as desk:
        key, secret = desk.create(asked)
    console.out(secret)
    console.err(f"made the API key {key.id} ({console.one_line(key.name)}): {described(key)}")
    console.err("this is the only time that its secret is shown; send it as  Authorization: Bearer …")


@app.command("list", cls=CommandWithExamples)
def list_keys(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all keys, revoked and expired ones too. Secrets are not kept and cannot be shown.

    Examples:
        conexus keys list
        conexus keys list --json
    """
    with on_record("keys"), open_registry() as registry:
        keys = registry.keys()
    refused = _refusals(keys)
    now = time.time()
    if as_json:
        shown = [key_json(key, now, refused.get(key.id, "")) for key in keys]
        console.out(json.dumps({"schema": "conexus.keys/1", "keys": shown}, indent=2))
        return
    if not keys:
        console.err("there are no API keys; make one with: conexus keys create --name NAME")
        return
    heading = ("ID", "NAME", "ROLE", "REPOSITORIES", "EXPIRES", "LAST USED", "STATE")
    rows = [
        (
            key.id,
            console.one_line(f"{key.name} ({key.user})" if key.user else key.name),
            key.role.value,
            _patterns(key),
            local_time(key.expires_at),
            local_time(key.last_used_at),
            _state(key, now, refused.get(key.id, "")),
        )
        for key in keys
    ]
    for line in table([heading, *rows]):
        console.out(line)


@app.command("revoke", cls=CommandWithExamples)
def revoke(
    key: Annotated[str, typer.Argument(metavar="ID", help="Id of the key, as `conexus keys list` has it.")],
) -> None:
    """Make a key invalid at once, for a daemon that runs as well. It stays in the list.

    Examples:
        conexus keys revoke 3f9c2a51d07b
    """
    with on_record("revoke_key", {"id": key}), open_desk() as desk:
        found = desk.revoke(key)
    console.out(f"revoked the API key {console.one_line(found.id)} ({console.one_line(found.name)})")


def described(key: ApiKey) -> str:
    """Return what a key allows, in a line."""
    what = "all repositories" if key.repos is None else _patterns(key)
    owner = f", of the user {console.one_line(key.user)}" if key.user else ""
    rate = f", {key.requests_per_s:g} requests a second" if key.requests_per_s is not None else ""
    return f"{key.role.value} of {what}{owner}{rate}, expires {local_time(key.expires_at)}"


def _refusals(keys: Sequence[ApiKey]) -> dict[str, str]:
    """Return why keys of users let nobody in, by id."""
    if not any(key.user for key in keys):
        return {}
    try:
        with open_desk() as desk:
            return {key.id: why for key in keys if (why := desk.why_refused(key))}
    except EditionError as error:  # without it no daemon starts either, and the list is there to look what to do
        return {key.id: error.message for key in keys if key.user and key.revoked_at is None}


def key_json(key: ApiKey, now: float, refused: str = "") -> dict[str, object]:
    """Return a key as JSON can hold it, as the daemon does."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "repositories": None if key.repos is None else list(key.repos),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "revoked_at": key.revoked_at,
        "valid": key.is_valid(now) and not refused,
        "refused": refused,
        "user": key.user,
        "requests_per_s": key.requests_per_s,
    }


def _patterns(key: ApiKey) -> str:
    return "all" if key.repos is None else console.one_line(", ".join(key.repos))


def _state(key: ApiKey, now: float, refused: str) -> str:
    if key.revoked_at is not None:
        return f"revoked {local_time(key.revoked_at)}"
    if refused:
        return console.one_line(f"refused: {refused}")
    return "valid" if key.is_valid(now) else "expired"
