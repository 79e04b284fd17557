# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus audit``: who asked what and was shown what, and the proof that nobody changed the record of it."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated

import typer

from conexus import data_folder
from conexus.cli import console
from conexus.cli.audit_formats import WRITERS
from conexus.cli.examples import CommandWithExamples
from conexus.cli.keys_command import key_json
from conexus.cli.ledgers import local_time, open_registry, settings, table
from conexus.edition import AuditDesk, Edition
from conexus.errors import ConfigError, FeatureNotAvailable, InvalidRequest, NotFound, SourceError
from conexus.types import LOCAL_USER, AuditHold, AuditQuery, AuditRecord, AuditReport, AuditVerdict

EXIT_FOUND = 1
_MAX_ROWS = 10_000
_TEXT_CHARS = 60
_SHOWN = 10

app = typer.Typer(help="Search, check and export the audit log (enterprise).", no_args_is_help=True)
hold_app = typer.Typer(help="Keep records from being deleted or erased.", no_args_is_help=True)
app.add_typer(hold_app, name="hold")


class Format(StrEnum):
    """What an export is written as."""

    JSONL = "jsonl"
    CSV = "csv"
    OCSF = "ocsf"


Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
UserOption = Annotated[str, typer.Option("--user", metavar="NAME", help="Only of this user or caller.")]
ActionOption = Annotated[str, typer.Option("--action", metavar="NAME", help="Only this action, as search or read.")]
RepoOption = Annotated[str, typer.Option("--repo", metavar="ID", help="Only about this repository.")]
TextOption = Annotated[
    str, typer.Option("--text", metavar="TEXT", help="Only where this is in what was asked or shown.")
]
SinceOption = Annotated[str, typer.Option("--since", metavar="TIME", help="As 2026-01-31 or 2026-01-31T12:00.")]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Before this time.")]
DeniedOption = Annotated[bool, typer.Option("--denied", help="Only what was not allowed.")]


@app.command("search", cls=CommandWithExamples)
def search(
    user: UserOption = "",
    action: ActionOption = "",
    repo: RepoOption = "",
    text: TextOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    denied: DeniedOption = False,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=_MAX_ROWS, help="Most records.")] = 20,
    as_json: Json = False,
) -> None:
    """List the newest records that fit. That you looked is recorded too.

    Examples:
        conexus audit search --user ada --since 2026-01-31
        conexus audit search --denied
        conexus audit search --repo github.com/acme/shop --action read --json
    """
    query = _query(user, action, repo, text, since, until, denied=denied)
    with _desk() as desk:
        found = desk.search(query, limit, LOCAL_USER)
    if as_json:
        records = [dataclasses.asdict(record) for record in found]
        console.out(json.dumps({"schema": "conexus.audit/1", "records": records}, indent=2))
        return
    if not found:
        console.err("no record fits")
    for line in table([_row(record) for record in found]):
        console.out(line)


@app.command("export", cls=CommandWithExamples)
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A new file; the standard output where none is named.")
    ] = None,
    form: Annotated[Format, typer.Option("-f", "--format", help="As JSON Lines, CSV or OCSF.")] = Format.JSONL,
    user: UserOption = "",
    action: ActionOption = "",
    repo: RepoOption = "",
    text: TextOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    denied: DeniedOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say as JSON how many were written; takes a file.")] = False,
) -> None:
    """Write records, oldest first: JSON Lines, CSV, or events of OCSF (API activity, class 6003) one a line.

    Examples:
        conexus audit export january.jsonl --since 2026-01-01 --until 2026-02-01
        conexus audit export -f ocsf | siem-forwarder
    """
    if as_json and file is None:
        raise InvalidRequest("--json takes a file to write to", hint="records themselves are JSON by -f jsonl")
    query = _query(user, action, repo, text, since, until, denied=denied)
    with _desk() as desk:
        records = desk.export(query, LOCAL_USER)
        if file is None:
            WRITERS[form.value](records, sys.stdout)
            return
        with _new_file(file) as stream:
            count = WRITERS[form.value](records, stream)
    if as_json:
        _print_json("export", {"file": str(file), "format": form.value, "records": count})
        return
    console.out(f"wrote {console.count(count, 'record')} to {console.one_line(str(file))}")


@app.command("verify", cls=CommandWithExamples)
def verify(
    checkpoints: Annotated[
        Path | None, typer.Option("--checkpoints", metavar="FILE", help="Signed heads that were kept elsewhere.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check that no record was changed, moved, taken out or put in. Exit code 1 where one was.

    Every record is hashed again and compared with the one after it, with the tree over all of them (RFC 6962), and
    with the signed heads of the log and of the second place. Whoever may write to the log's folder can cut off its
    end, heads included: only heads in a second place show that (edition.audit.checkpoints).

    Examples:
        conexus audit verify
        conexus audit verify --checkpoints /mnt/worm/conexus-heads.jsonl
    """
    with _desk() as desk:
        verdict = desk.verify(LOCAL_USER, checkpoints)
    if as_json:
        found = {"schema": "conexus.audit-verdict/1", "sound": not verdict.findings, **dataclasses.asdict(verdict)}
        console.out(json.dumps(found, indent=2))
    else:
        for line in _verdict(verdict):
            console.out(line)
    if verdict.findings:
        raise typer.Exit(EXIT_FOUND)


@app.command("report", cls=CommandWithExamples)
def report(
    days: Annotated[int, typer.Option("--days", min=1, max=3_650, help="How far back.")] = 30,
    minutes: Annotated[
        float, typer.Option("--minutes", min=0, max=600, help="Minutes that an answered question saves: your guess.")
    ] = 0.0,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a page with plots, too.")] = None,
    as_json: Json = False,
) -> None:
    """Say who uses what, what was asked in vain, what nobody uses, and how use goes on.

    The forecast is a straight line through the days there are, with a level for each day of the week where there
    are three weeks of them. Time saved is counted only with --minutes, and rests on that guess.

    Examples:
        conexus audit report --days 90 --html use.html
        conexus audit report --minutes 5 --json
    """
    until = time.time()
    with _desk() as desk:
        found = desk.report(until - days * 86_400, until, minutes, LOCAL_USER)
    if html is not None:
        from conexus.cli.audit_page import page  # noqa: PLC0415 -- seldom

        with _new_file(html) as stream:
            stream.write(page(found, f"The last {console.count(days, 'day')}", _saved(found, minutes)))
    if as_json:
        console.out(json.dumps({"schema": "conexus.audit-report/1", **dataclasses.asdict(found)}, indent=2))
        return
    for line in _report(found, days, minutes):
        console.out(line)
    if html is not None:
        console.out(f"wrote {console.one_line(str(html))}")


@app.command("head", cls=CommandWithExamples)
def head(
    key: Annotated[
        bool, typer.Option("--key", help="Print the key that heads are signed with, in place of it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the newest signed head, to be kept elsewhere, or the public key that it is signed with.

    Examples:
        conexus audit head >> /mnt/worm/conexus-heads.jsonl
        conexus audit head --key > conexus-audit.pem
    """
    with _desk() as desk:
        if key:
            pem = desk.public_key()
            if as_json:
                _print_json("key", {"public_key": pem})
            else:
                console.out(pem.rstrip())
            return
        found = desk.head()
    if found is None:
        raise NotFound("nothing is recorded yet")
    if as_json:
        _print_json("head", dataclasses.asdict(found))
        return
    console.out(json.dumps(dataclasses.asdict(found), sort_keys=True))


@app.command("expire", cls=CommandWithExamples)
def expire(as_json: Json = False) -> None:
    """Delete records that are older than edition.audit.keep_days; the daemon does so by itself once a day.

    Their hashes stay, so that the rest can be checked as before. What a hold keeps is not deleted.

    Examples:
        conexus audit expire
    """
    with _desk() as desk:
        count = desk.expire(LOCAL_USER)
    if as_json:
        _print_json("expired", {"deleted": count})
        return
    console.out(f"deleted {console.count(count, 'record')}")


@app.command("person", cls=CommandWithExamples)
def person(
    user: Annotated[str, typer.Argument(metavar="USER", help="A user of the directory, or the subject of a caller.")],
) -> None:
    """Print what is kept of a user, as JSON: directory entry, keys, what they did in the audit log and the query log.

    Examples:
        conexus audit person ada > ada.json
    """
    subject = f"user:{user}"
    with _edition() as edition:
        records = list(edition.audit_desk.export(AuditQuery(user=user), LOCAL_USER))
        entry = _entry(edition, user)
    now = time.time()
    with open_registry() as registry:
        keys = [key_json(key, now) for key in registry.keys() if key.user == user]  # noqa: SIM118 -- no mapping
    with closing(data_folder.usage_log(settings())) as log:
        asked = [dataclasses.asdict(one) for one in log.of_subject([user, subject])]
    found = {
        "schema": "conexus.person/1",
        "user": user,
        "directory": entry,
        "keys": keys,
        "audit": [dataclasses.asdict(record) for record in records],
        "queries": asked,
    }
    if not any((entry, keys, records, asked)):
        raise NotFound(f"nothing is kept of {console.one_line(user)}")
    console.out(json.dumps(found, indent=2, default=_plain))


@app.command("erase", cls=CommandWithExamples)
def erase(
    user: Annotated[str, typer.Argument(metavar="USER", help="As for `conexus audit person`.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take a user out of the audit log and the query log: who it was and what was asked. It cannot be undone.

    That something was asked, when, and what was shown stays, without a name. Records that a hold keeps stay whole.
    The entry of the directory and the keys are removed by `conexus admin users remove`.

    Examples:
        conexus audit erase ada --yes
    """
    if not yes:
        if not console.is_terminal(sys.stdin):
            raise ConfigError("erasing must be confirmed", hint="add --yes to erase unasked")
        typer.confirm(f"Erase {console.one_line(user)} from the logs for ever?", abort=True, err=True)
    with _desk() as desk:
        count, held = desk.erase(user, LOCAL_USER)
    asked = 0
    if not held:
        with closing(data_folder.usage_log(settings())) as log:
            asked = log.forget_subject([user, f"user:{user}"])
    if as_json:
        _print_json("erased", {"user": user, "records": count, "held": held, "queries": asked})
        return
    if held:
        console.out(
            f"erased {console.count(count, 'record')} of the audit log; a hold keeps {console.count(held, 'record')} "
            "and the query log"
        )
        return
    console.out(
        f"erased {console.count(count, 'record')} of the audit log and {console.count(asked, 'line')} of the query log"
    )


@hold_app.command("add", cls=CommandWithExamples)
def add_hold(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name for it.")],
    reason: Annotated[str, typer.Option("--reason", "-m", metavar="TEXT", help="Why.")] = "",
    user: UserOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    as_json: Json = False,
) -> None:
    """Keep records: all, or those of a user or of a span of time.

    Examples:
        conexus audit hold add case-17 --user ada --reason "court order"
    """
    hold = AuditHold(name, reason, 0.0, "", user, _time(since), _time(until))
    with _desk() as desk:
        desk.hold(hold, LOCAL_USER)
        made = next((one for one in desk.holds() if one.name == name), hold)
    if as_json:
        _print_json("hold", dataclasses.asdict(made))
        return
    console.out(f"the hold {name} is in force")


@hold_app.command("list", cls=CommandWithExamples)
def list_holds(as_json: Json = False) -> None:
    """List what keeps records.

    Examples:
        conexus audit hold list
    """
    with _desk() as desk:
        found = desk.holds()
    if as_json:
        holds = [dataclasses.asdict(hold) for hold in found]
        console.out(json.dumps({"schema": "conexus.audit-holds/1", "holds": holds}, indent=2))
        return
    if not found:
        console.err("there is no hold")
    rows = [
        (
            one.name,
            console.one_line(one.user or "everybody"),
            f"{local_time(one.since, 'the first')} to {local_time(one.until, 'the last')}",
            f"since {local_time(one.created_at)}",
            console.one_line(one.reason),
        )
        for one in found
    ]
    for line in table(rows):
        console.out(line)


@hold_app.command("release", cls=CommandWithExamples)
def release(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name.")], as_json: Json = False) -> None:
    """End a hold.

    Examples:
        conexus audit hold release case-17
    """
    with _desk() as desk:
        desk.release(name, LOCAL_USER)
    if as_json:
        _print_json("released", {"name": name})
        return
    console.out(f"the hold {name} is released")


# ------------------------------------------------------------------------------ helpers


def _print_json(what: str, found: dict[str, object]) -> None:
    console.out(json.dumps({"schema": f"conexus.audit-{what}/1", **found}, indent=2))


@contextmanager
def _edition() -> Iterator[Edition]:
    with data_folder.open_edition(settings()) as edition:
        yield edition


@contextmanager
def _desk() -> Iterator[AuditDesk]:
    with _edition() as edition:
        yield edition.audit_desk


def _entry(edition: Edition, user: str) -> object:
    try:
        return edition.directory.state().users.get(user)
    except FeatureNotAvailable:
        return None


def _query(user: str, action: str, repo: str, text: str, since: str, until: str, *, denied: bool) -> AuditQuery:
    from conexus.parsing.secrets import redact  # noqa: PLC0415 -- brings many patterns

    # As it is kept of what was asked; and this question is on record as well.
    return AuditQuery(user, action, repo, redact(text)[0], _time(since), _time(until), denied)


def _time(text: str) -> float | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()  # local time where no zone is named
    except (ValueError, OverflowError, OSError) as exc:
        raise InvalidRequest(f"{text!r} is no time", hint="as 2026-01-31 or 2026-01-31T12:00") from exc


def _row(record: AuditRecord) -> tuple[str, ...]:
    who = record.subject or record.state
    where = "/".join(filter(None, (record.surface or "terminal", record.address)))
    what = record.text or record.asked
    shown = what if len(what) <= _TEXT_CHARS else f"{what[: _TEXT_CHARS - 1]}…"
    return (
        str(record.seq),
        local_time(record.at, seconds=True) if record.state != "expired" else "",
        console.one_line(who),
        where if record.state != "expired" else "",
        record.action,
        record.outcome if record.outcome != "ok" else f"{record.results:,} shown" if record.results else "ok",
        console.one_line(shown),
    )


def _report(found: AuditReport, days: int, minutes: float) -> Iterable[str]:
    yield (
        f"{console.count(found.uses, 'use')} in {console.count(days, 'day')}, "
        f"{console.count(found.answered, 'question')} answered"
    )
    if minutes:
        yield _saved(found, minutes)
    if found.more_each_week is not None:
        expected = sum(day.uses for day in found.forecast)
        yield (
            f"{found.more_each_week:+.1f} uses a day each week; about {expected:,.0f} in the next "
            f"{console.count(len(found.forecast), 'day')} if it goes on so"
        )
    for title, rows in (
        ("who asks", found.users),
        ("how", found.actions),
        ("repositories", found.repositories),
        ("folders shown most", found.areas),
        ("questions without an answer", found.empty_questions),
        ("refused", found.denied),
        ("nobody uses", tuple((name, 0) for name in found.unused)),
    ):
        if rows:
            yield f"{title}:"
            shown = [(f"  {console.one_line(name)}", f"{number:,}" if number else "") for name, number in rows[:_SHOWN]]
            yield from table(shown)


def _saved(found: AuditReport, minutes: float) -> str:
    if not minutes:
        return "No time saved is counted: nobody said what an answer saves (--minutes)."
    hours = found.minutes_saved / 60
    return f"About {hours:,.1f} hours saved, if an answered question saves {minutes:g} minutes: a guess of who asked."


def _verdict(verdict: AuditVerdict) -> Iterable[str]:
    reduced = [
        f"{number:,} {what}" for number, what in ((verdict.erased, "erased"), (verdict.expired, "deleted")) if number
    ]
    yield (
        f"{console.count(verdict.records, 'record')}{', of which ' if reduced else ''}{' and '.join(reduced)}; "
        f"{console.count(verdict.heads, 'signed head')}, {console.count(verdict.checkpoints, 'checkpoint')}"
    )
    yield f"root {verdict.root}"
    for one in verdict.findings:
        where = f"record {one.seq:,}" if one.last <= one.seq else f"records {one.seq:,} to {one.last:,}"
        yield f"  {where}: {console.one_line(one.what)}"
    found = console.count(len(verdict.findings), "finding")
    yield f"{found}: the log is not as it was written" if verdict.findings else "all as written"


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    try:
        with path.open("x", encoding="utf-8", newline="") as stream:
            try:
                yield stream
            except BaseException:
                path.unlink(missing_ok=True)  # half of it would be taken for all
                raise
    except FileExistsError as exc:
        raise SourceError(f"{path} is there already", hint="name a new file") from exc
    except OSError as exc:
        raise SourceError(f"{path} cannot be written: {exc.strerror}") from exc


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return sorted(value) if isinstance(value, frozenset | set) else str(value)


__all__ = ["app"]
