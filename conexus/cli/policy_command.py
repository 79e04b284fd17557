# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus policy``: rules that say who may see which files."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, time
from pathlib import Path
from typing import Annotated

import typer

from conexus import data_folder
from conexus.adapters.json_values import from_json
from conexus.adapters.regular_files import read_regular
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import local_time, settings, table
from conexus.cli.records import on_record
from conexus.errors import InvalidRequest, NotFound, SourceError, StoreDamaged
from conexus.search.neutral import one_line
from conexus.types import (
    LOCAL_USER,
    AccessAction,
    AccessPolicyText,
    AccessQuestion,
    CaseResult,
    Claims,
    FileLabel,
    PolicyReport,
    PolicySet,
    PolicyVersion,
    RepoId,
    RequestFacts,
    Simulation,
)

EXIT_FAILED = 1
_MAX_BYTES = 2_000_000
_AGENT = "mcp"
_TRUTH = {"": True, "yes": True, "true": True, "no": False, "false": False}
_DEVICE_HINT = "managed, compliant or encrypted, with =no where it is not, or platform=NAME"

app = typer.Typer(help="Say who may see which files, by rules in Cedar (enterprise).", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Note = Annotated[str, typer.Option("--note", "-m", metavar="TEXT", help="Why, for the history.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change for whom, and change nothing.")]
HourOption = Annotated[int | None, typer.Option("--hour", min=0, max=23, help="Of the request; now without.")]
WeekdayOption = Annotated[
    int | None, typer.Option("--weekday", min=1, max=7, help="Of the request, 1 is Monday; now without.")
]
AtOption = Annotated[
    str, typer.Option("--at", metavar="TIME", help="Hour and weekday at once, as 22:00 or 2026-01-31T22:00.")
]
AddressOption = Annotated[str, typer.Option("--address", metavar="IP", help="Where the request comes from.")]
ClientOption = Annotated[str, typer.Option("--client", help="What it comes by: rest, grpc or mcp.")]
AgentOption = Annotated[bool, typer.Option("--as-agent", help="An AI agent asks for the user: as --client mcp.")]
MfaOption = Annotated[
    bool | None, typer.Option("--mfa/--no-mfa", help="Whether a token says that there was a second factor.")
]
DeviceOption = Annotated[
    list[str] | None,
    typer.Option("--device", metavar="WHAT", help="And of the device, as managed, compliant=no, platform=ios."),
]
Rules = Annotated[Path, typer.Argument(metavar="FILE", help="Rules in Cedar; - for the standard input.")]


@app.command("list", cls=CommandWithExamples)
def list_policies(as_json: Json = False) -> None:
    """List the policies, labels and tests that are in force.

    Examples:
        conexus policy list
    """
    found = _current()
    if as_json:
        _print_json(found)
        return
    console.out(_heading(found))
    rows = [("policy", one.name, one_line(one.text.strip().partition("\n")[0])) for one in found.policies.policies]
    rows += [
        ("label", one.name, f"{' '.join(one.paths)} in {' '.join(one.repositories)}") for one in found.policies.labels
    ]
    rows += [("test", one.name, _expected(allowed=one.allowed)) for one in found.policies.cases]
    _print(("KIND", "NAME", "WHAT"), rows)


@app.command("show", cls=CommandWithExamples)
def show(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One of them; all where none is named.")] = "",
    number: Annotated[int | None, typer.Option("--version", metavar="N", help="An earlier version.")] = None,
    as_json: Json = False,
) -> None:
    """Print policies as they are in force, or were.

    Examples:
        conexus policy show
        conexus policy show secrets --version 3
    """
    found = _current(number)
    chosen = [one for one in found.policies.policies if name in ("", one.name)]
    if name and not chosen:
        raise NotFound(f"there is no policy {name!r}", hint="see `conexus policy list`")
    if as_json:
        policies = dataclasses.replace(found.policies, policies=tuple(chosen)) if name else found.policies
        _print_json(dataclasses.replace(found, policies=policies))
        return
    for one in chosen:
        console.out(f"// {one.name}")
        console.out(one.text.rstrip())


@app.command("add", cls=CommandWithExamples)
def add(
    name: Name,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Rules in Cedar; - for the standard input.")
    ] = None,
    template: Annotated[str, typer.Option("--template", metavar="NAME", help="A template, in place of a file.")] = "",
    note: Note = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put a policy in force, or replace the one of that name. All tests have to pass.

    Examples:
        conexus policy add base --template everybody
        conexus policy add secrets secrets.cedar -m "agents see no secrets"
        conexus policy add secrets secrets.cedar --dry-run
    """
    if (file is None) == (not template):
        raise InvalidRequest("give either a file or a template", hint="conexus policy templates")
    text = _template(template) if file is None else _text_of(file)

    def change(found: PolicySet) -> PolicySet:
        return dataclasses.replace(found, policies=(*_others(found, name), AccessPolicyText(name, text)))

    _change(change, note or f"policy {name}", Simulation() if dry_run else None, as_json=as_json)


@app.command("remove", cls=CommandWithExamples)
def remove(name: Name, note: Note = "", dry_run: DryRun = False, as_json: Json = False) -> None:
    """Take a policy away.

    Examples:
        conexus policy remove secrets --dry-run
    """

    def change(found: PolicySet) -> PolicySet:
        others = _others(found, name)
        if len(others) == len(found.policies):
            raise NotFound(f"there is no policy {name!r}", hint="see `conexus policy list`")
        return dataclasses.replace(found, policies=others)

    _change(change, note or f"policy {name} removed", Simulation() if dry_run else None, as_json=as_json)


@app.command("label", cls=CommandWithExamples)
def label(
    name: Name,
    path: Annotated[list[str] | None, typer.Option("--path", metavar="PATTERN", help="* is anything.")] = None,
    repo: Annotated[
        list[str] | None, typer.Option("--repo", metavar="PATTERN", help="All where none is given.")
    ] = None,
    note: Note = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Give files a label that rules can speak of; without a path, take the label away.

    Examples:
        conexus policy label confidential --path "*secrets*" --path "vault/*"
        conexus policy label confidential
    """
    made = (FileLabel(name, tuple(path), tuple(repo or ("*",))),) if path else ()

    def change(found: PolicySet) -> PolicySet:
        others = tuple(one for one in found.labels if one.name != name)
        if not made and len(others) == len(found.labels):
            raise NotFound(f"there is no label {name!r}", hint="see `conexus policy list`")
        return dataclasses.replace(found, labels=(*others, *made))

    _change(change, note or f"label {name}", Simulation() if dry_run else None, as_json=as_json)


@app.command("apply", cls=CommandWithExamples)
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `conexus policy export` writes it; - for stdin.")],
    note: Note = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put all policies, labels and tests of a file in force, in the place of those that are.

    Examples:
        conexus policy apply policies.json --dry-run
    """
    text = _text_of(file)
    try:
        wanted = from_json(PolicySet, text)
    except StoreDamaged as error:
        raise SourceError(f"{file} is no set of policies: {error.message}") from error
    _change(lambda _: wanted, note or "all of them", Simulation() if dry_run else None, as_json=as_json)


@app.command("export", cls=CommandWithExamples)
def export() -> None:
    """Print all policies, labels and tests as JSON, to be kept in a repository and applied.

    Examples:
        conexus policy export > policies.json
    """
    console.out(json.dumps(dataclasses.asdict(_current().policies), indent=2))


@app.command("test", cls=CommandWithExamples)
def test(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A set as `export` writes it; that in force without.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the tests of policies. Ends with 1 where one fails.

    Examples:
        conexus policy test
        conexus policy test policies.json
    """
    asked = None if file is None else _set_in(file)
    with on_record("test_policies"), data_folder.open_edition(settings()) as edition:
        results = edition.policies.test(asked)
    if as_json:
        console.out(json.dumps({"schema": "conexus.policy-tests/1", "results": _results(results)}, indent=2))
    else:
        _print_results(results)
    if any(not one.passed for one in results):
        raise typer.Exit(EXIT_FAILED)


@app.command("simulate", cls=CommandWithExamples)
def simulate(
    file: Rules,
    name: Annotated[str, typer.Option("--name", help="The policy that it would be; the file's name without.")] = "",
    agent: AgentOption = False,
    client: ClientOption = "",
    address: AddressOption = "",
    at: AtOption = "",
    hour: HourOption = None,
    weekday: WeekdayOption = None,
    mfa: MfaOption = None,
    device: DeviceOption = None,
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="NAME", help="An API key that is nobody's, beside all users.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what a policy would change for whom, and change nothing.

    Without further options for requests over REST, from this machine, as of now.

    Examples:
        conexus policy simulate secrets.cedar
        conexus policy simulate secrets.cedar --as-agent --at 22:00 --address 203.0.113.7
        conexus policy simulate secrets.cedar --mfa --device managed --key ci
    """
    around = _around(at, hour, weekday, address, client, agent=agent, claims=_claims(mfa, device))
    text = _text_of(file)
    made = AccessPolicyText(name or file.stem, text)
    _change(
        lambda found: dataclasses.replace(found, policies=(*_others(found, made.name), made)),
        "",
        Simulation(around, tuple(key or ())),
        as_json=as_json,
    )


@app.command("explain", cls=CommandWithExamples)
def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="A name in the directory.")],
    path: Annotated[str, typer.Argument(metavar="PATH", help="A file on disk; with --repo, a path in it.")],
    repo: Annotated[str, typer.Option("--repo", metavar="ID", help="As github.com/acme/web.")] = "",
    action: Annotated[AccessAction, typer.Option("--action", help="What they want to do.")] = AccessAction.READ,
    agent: AgentOption = False,
    client: ClientOption = "",
    address: AddressOption = "",
    at: AtOption = "",
    hour: HourOption = None,
    weekday: WeekdayOption = None,
    mfa: MfaOption = None,
    device: DeviceOption = None,
    as_json: Json = False,
) -> None:
    """Say whether a user may see a file: which rules decide, and what they were told. Ends with 1 where they may not.

    Examples:
        conexus policy explain ann src/secrets/key.py
        conexus policy explain ann src/a.py --repo github.com/acme/web --as-agent --at 22:00 --mfa
    """
    where = path if repo else str(Path(path).absolute())
    around = _around(at, hour, weekday, address, client, agent=agent, claims=_claims(mfa, device))
    question = AccessQuestion(user, where, RepoId(repo), action, "", around)
    told = {"user": user, "repository": repo, "path": path, "action": action.value}
    with on_record("explain_access", told), data_folder.open_edition(settings()) as edition:
        found = edition.policies.explain(question)
    if as_json:
        console.out(json.dumps({"schema": "conexus.access/1", **dataclasses.asdict(found)}, indent=2))
    else:
        console.out(f"{user} may {'' if found.allowed else 'not '}{action.value} it")
        rows = [
            ("directory", f"{'lets' if found.granted else 'does not let'} them read the repository"),
            ("rules", ", ".join(found.reasons) or "none permits it"),
            *[("problem", error) for error in found.errors],
            ("groups", ", ".join(found.groups) or "-"),
            ("teams", ", ".join(found.teams) or "-"),
            ("language", found.language or "-"),
            ("branch", found.branch or "-"),
            ("labels", ", ".join(found.labels) or "-"),
            ("owners", ", ".join(found.owners) or "-"),
            (
                "request",
                f"by {found.client or 'none'}, hour {found.hour}, day {found.weekday}, {found.address or 'local'}",
            ),
            ("claims", ", ".join(found.claims.told()) or "-"),
            ("version", str(found.version)),
        ]
        for line in table([(f"  {what}", one_line(value)) for what, value in rows]):
            console.out(line)
    if not found.allowed:
        raise typer.Exit(EXIT_FAILED)


@app.command("history", cls=CommandWithExamples)
def history(
    limit: Annotated[int, typer.Option("-n", min=1, max=500, help="How many.")] = 20, as_json: Json = False
) -> None:
    """List versions of the policies, newest first.

    Examples:
        conexus policy history
    """
    with on_record("policy_history"), data_folder.open_edition(settings()) as edition:
        found = edition.policies.history(limit)
    if as_json:
        versions = [dataclasses.asdict(one) for one in found]
        console.out(json.dumps({"schema": "conexus.policy-history/1", "versions": versions}, indent=2))
        return
    rows = [(str(one.number), local_time(one.at, seconds=True), one_line(one.by), one_line(one.note)) for one in found]
    _print(("VERSION", "AT", "BY", "NOTE"), rows)


@app.command("rollback", cls=CommandWithExamples)
def rollback(
    number: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="As in the history; 0 is without any rule.")],
    note: Note = "",
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Put an earlier version in force again, as a new one.

    Examples:
        conexus policy rollback 3 --dry-run
    """
    earlier = _current(number).policies
    _change(lambda _: earlier, note or f"back to version {number}", Simulation() if dry_run else None, as_json=as_json)


@app.command("templates", cls=CommandWithExamples)
def templates(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One of them.")] = "",
    as_json: Json = False,
) -> None:
    """List policies to start from, or print one.

    Examples:
        conexus policy templates
        conexus policy templates contractor > contractor.cedar
    """
    if name and not as_json:
        console.out(_template(name).rstrip())
        return
    with data_folder.open_edition(settings()) as edition:
        found = edition.policies.templates()
    if as_json:
        chosen = {name: _template(name)} if name else dict(found)
        console.out(json.dumps({"schema": "conexus.policy-templates/1", "templates": chosen}, indent=2))
        return
    _print(("NAME", "WHAT"), [(one, text.splitlines()[0].removeprefix("// ")) for one, text in found.items()])


@app.command("schema", cls=CommandWithExamples)
def schema(as_json: Json = False) -> None:
    """Print what rules can speak of, as Cedar's schema.

    Examples:
        conexus policy schema
    """
    with data_folder.open_edition(settings()) as edition:
        found = edition.policies.schema().strip()
    console.out(json.dumps({"schema": "conexus.policy-schema/1", "cedar": found}, indent=2) if as_json else found)


# ------------------------------------------------------------------------------ parts


def _others(found: PolicySet, name: str) -> tuple[AccessPolicyText, ...]:
    return tuple(one for one in found.policies if one.name != name)


def _around(
    at: str, hour: int | None, weekday: int | None, address: str, client: str, *, agent: bool, claims: Claims
) -> RequestFacts:
    if agent and client not in {"", _AGENT}:
        raise InvalidRequest(f"agents do not come by {client}", hint="leave --client out")
    if at:
        if hour is not None or weekday is not None:
            raise InvalidRequest("--at says both the hour and the weekday", hint="leave --hour and --weekday out")
        hour, weekday = _hour_and_weekday(at)
    return RequestFacts(hour, weekday, address, _AGENT if agent else client, claims)


def _hour_and_weekday(at: str) -> tuple[int, int | None]:
    """Return the hour and, where a day is named, the weekday, both by the clock of this machine."""
    try:
        if "-" not in at:
            return time.fromisoformat(at).hour, None
        moment = datetime.fromisoformat(at)
        moment = moment.astimezone() if moment.tzinfo is not None else moment
    except (ValueError, OverflowError) as exc:
        raise InvalidRequest(f"{at!r} is no time", hint="as 22:00 or 2026-01-31T22:00") from exc
    return moment.hour, moment.isoweekday()


def _claims(mfa: bool | None, device: Sequence[str] | None) -> Claims:
    found: dict[str, bool | str] = {}
    for one in device or ():
        name, _, value = one.partition("=")
        if name in {"managed", "compliant", "encrypted"} and value in _TRUTH:
            found[name] = _TRUTH[value]
        elif name == "platform" and value:
            found[name] = value
        else:
            raise InvalidRequest(f"{one!r} says nothing of a device", hint=_DEVICE_HINT)
    made: Callable[..., Claims] = Claims
    return made(mfa, **found)


def _template(name: str) -> str:
    with data_folder.open_edition(settings()) as edition:
        found = edition.policies.templates()
    if name not in found:
        raise NotFound(f"there is no template {name!r}", hint=f"there are {', '.join(found)}")
    return found[name]


def _current(number: int | None = None) -> PolicyVersion:
    with on_record("policies", {"number": number}), data_folder.open_edition(settings()) as edition:
        return edition.policies.current() if number is None else edition.policies.version(number)


def _change(
    change: Callable[[PolicySet], PolicySet], note: str, simulation: Simulation | None, *, as_json: bool
) -> None:
    told = {"note": note, "dry_run": simulation is not None}
    with on_record("put_policies", told), data_folder.open_edition(settings()) as edition:
        present = edition.policies.current()
        wanted = change(present.policies)
        if simulation is not None:
            report = edition.policies.simulate(wanted, simulation)
        else:
            report = edition.policies.put(wanted, LOCAL_USER, note, expected=present.number)
    if as_json:
        found = dataclasses.asdict(report)
        found["results"] = _results(report.results)
        console.out(json.dumps({"schema": "conexus.policy-report/1", **found}, indent=2))
    else:
        _print_report(report)
    if any(not one.passed for one in report.results):
        raise typer.Exit(EXIT_FAILED)


def _print_report(report: PolicyReport) -> None:
    if report.applied:
        console.out(f"version {report.version.number} is in force")
        return
    if report.results:
        _print_results(report.results)
    rows = [
        (
            one.user,
            one_line(one.repository),
            one.action.value,
            f"+{one.gained}",
            f"-{one.lost}",
            one_line(" ".join(one.examples)),
        )
        for one in report.differences
    ]
    if rows:
        _print(("USER", "REPOSITORY", "ACTION", "GAINS", "LOSES", "SUCH AS"), rows)
    else:
        console.out("no user of the directory would see more or less of what is indexed")
    console.out("nothing was changed")


def _print_results(results: Sequence[CaseResult]) -> None:
    rows = [
        (
            "pass" if one.passed else "FAIL",
            one_line(one.case.name),
            f"{_expected(allowed=one.allowed)}, expected {_expected(allowed=one.case.allowed)}",
            one_line(", ".join(one.reasons)) or "-",
        )
        for one in results
    ]
    _print(("", "TEST", "SAID", "BY"), rows)


def _results(results: Sequence[CaseResult]) -> list[dict[str, object]]:
    return [{**dataclasses.asdict(one), "passed": one.passed} for one in results]


def _expected(*, allowed: bool) -> str:
    return "allowed" if allowed else "denied"


def _heading(found: PolicyVersion) -> str:
    if not found.number:
        return "there are no policies: who may read a repository sees all of it"
    return f"version {found.number} of {local_time(found.at, seconds=True)} by {one_line(found.by)}"


def _print_json(found: PolicyVersion) -> None:
    console.out(json.dumps({"schema": "conexus.policies/1", **dataclasses.asdict(found)}, indent=2))


def _print(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    if not rows:
        console.err("there are none")
        return
    for line in table([heading, *rows]):
        console.out(line)


def _set_in(file: Path) -> PolicySet:
    text = _text_of(file)
    try:
        return from_json(PolicySet, text)
    except StoreDamaged as error:
        raise SourceError(
            f"{file} is no set of policies: {error.message.partition(': ')[2] or error.message}",
            hint="`conexus policy export` writes one",
        ) from error


def _text_of(file: Path) -> str:
    data = sys.stdin.buffer.read(_MAX_BYTES + 1) if str(file) == "-" else read_regular(file, _MAX_BYTES + 1)
    if data is None:
        raise SourceError(f"{file} cannot be read", hint="give a file, or - for the standard input")
    if len(data) > _MAX_BYTES:
        raise InvalidRequest(f"{file} has more than {_MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{file} is no text in UTF-8") from error
