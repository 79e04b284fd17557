# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus webhooks``."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import local_time, open_registry, settings, table
from conexus.cli.records import on_record
from conexus.errors import NotFound

app = typer.Typer(help="Addresses that the daemon tells of finished and failed index jobs.", no_args_is_help=True)

EXIT_FAILED = 1
_MAX_SECRET_BYTES = 1_000


@app.command("add", cls=CommandWithExamples)
def add(
    url: Annotated[str, typer.Argument(help="Where to send to: https://… or http://…")],
    secret_stdin: Annotated[
        bool,
        typer.Option("--secret-stdin", help="Sign messages with the secret that stdin has (Base64, 24 to 64 bytes)."),
    ] = False,
) -> None:
    """Have the daemon send a message to an address when an index job ends.

    Messages have the form of https://www.standardwebhooks.com, whose libraries verify the signature. The
    address must be public, unless webhooks.allow_private is set.

    Examples:
        conexus webhooks add https://ci.example.org/hooks/conexus
        openssl rand -base64 32 | conexus webhooks add https://ci.example.org/hooks/conexus --secret-stdin
    """
    from conexus.adapters.webhook_address import check_url  # noqa: PLC0415 -- not for the usual command
    from conexus.adapters.webhook_sender import check_secret  # noqa: PLC0415
    from conexus.daemon.administration import WebhookDesk  # noqa: PLC0415

    def check(address: str, key: str) -> None:
        check_url(address, allow_private=settings().webhooks.allow_private)
        if secret_stdin:
            check_secret(key)

    secret = _secret_from_stdin() if secret_stdin else ""
    with on_record("add_webhook", {"url": url}), open_registry() as registry:
        hook = WebhookDesk(registry, check).add(url, secret)
    console.out(f"added the webhook {hook.id} to {console.one_line(url)}" + (", signed" if secret else ", not signed"))
    console.err(f"try it with: conexus webhooks test {hook.id}")


def _secret_from_stdin() -> str:
    """Return the first line of stdin; it is not shown where it is typed."""
    if console.is_terminal(sys.stdin):
        return str(typer.prompt("Secret", hide_input=True, err=True))
    return sys.stdin.buffer.readline(_MAX_SECRET_BYTES).decode("ascii", "replace").strip()


@app.command("list", cls=CommandWithExamples)
def list_webhooks(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List all webhooks. Their secrets are not shown.

    Examples:
        conexus webhooks list
    """
    with on_record("webhooks"), open_registry() as registry:
        hooks = registry.webhooks()
    if as_json:
        rows = [
            {"id": hook.id, "url": hook.url, "created_at": hook.created_at, "signed": bool(hook.secret)}
            for hook in hooks
        ]
        console.out(json.dumps({"schema": "conexus.webhooks/1", "webhooks": rows}, indent=2))
        return
    if not hooks:
        console.err("there are no webhooks; add one with: conexus webhooks add URL")
        return
    rows_shown = [
        (hook.id, local_time(hook.created_at), "signed" if hook.secret else "not signed", console.one_line(hook.url))
        for hook in hooks
    ]
    for line in table([("ID", "ADDED", "SIGNATURE", "ADDRESS"), *rows_shown]):
        console.out(line)


@app.command("remove", cls=CommandWithExamples)
def remove(hook: Annotated[str, typer.Argument(metavar="ID", help="Id, as `conexus webhooks list` has it.")]) -> None:
    """Send no more messages to an address.

    Examples:
        conexus webhooks remove 3f9c2a51d07b
    """
    with on_record("remove_webhook", {"id": hook}), open_registry() as registry:
        registry.remove_webhook(hook)
    console.out(f"removed the webhook {console.one_line(hook)}")


@app.command("test", cls=CommandWithExamples)
def test(hook: Annotated[str, typer.Argument(metavar="ID", help="Id, as `conexus webhooks list` has it.")]) -> None:
    """Send a message of the type "test" now and say what came back. Exit code 1 if it was not delivered.

    Examples:
        conexus webhooks test 3f9c2a51d07b
    """
    from conexus.adapters.webhook_sender import SenderOptions, WebhookSender  # noqa: PLC0415 -- not for the usual command

    with on_record("test_webhook", {"id": hook}), open_registry() as registry:
        found = next((one for one in registry.webhooks() if one.id == hook), None)
    if found is None:
        raise NotFound(f"there is no webhook {hook!r}", hint="see `conexus webhooks list`")
    sender = WebhookSender(SenderOptions(allow_private=settings().webhooks.allow_private))
    delivery = sender.deliver(found, "test", {"webhook": found.id})
    if delivery.delivered:
        console.out(f"delivered: the answer was {delivery.status}, after {delivery.elapsed_ms:,.0f} ms")
        return
    console.err(f"not delivered: {console.one_line(delivery.error)}")
    if delivery.hint:
        console.err(f"hint: {console.one_line(delivery.hint)}")
    raise typer.Exit(EXIT_FAILED)
