# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus admin``: users, groups, teams, projects and roles."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from conexus import data_folder
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.ledgers import local_time, open_desk, settings, table
from conexus.cli.records import on_record
from conexus.errors import InvalidRequest, NotFound
from conexus.types import (
    KIND_OF_ENTRY,
    LOCAL_USER,
    ROLE_PERMISSIONS,
    CustomRole,
    DirectoryEntry,
    DirectoryKind,
    DirectoryState,
    Grant,
    Group,
    Permission,
    Project,
    Role,
    Team,
    User,
)

app = typer.Typer(help="Look after users, groups, teams, projects and roles (enterprise).", no_args_is_help=True)
users = typer.Typer(help="Users.", no_args_is_help=True)
groups = typer.Typer(help="Groups of users.", no_args_is_help=True)
teams = typer.Typer(help="Teams of users and groups.", no_args_is_help=True)
projects = typer.Typer(help="Projects: repositories, and who has which role in them.", no_args_is_help=True)
roles = typer.Typer(help="Roles, each a set of permissions.", no_args_is_help=True)
for _group, _name in ((users, "users"), (groups, "groups"), (teams, "teams"), (projects, "projects"), (roles, "roles")):
    app.add_typer(_group, name=_name)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Members = Annotated[list[str] | None, typer.Option("--member", "-m", metavar="USER", help="A user; repeatable.")]


# ------------------------------------------------------------------------------ users


@users.command("list", cls=CommandWithExamples)
def list_users(as_json: Json = False) -> None:
    """List users.

    Examples:
        conexus admin users list
    """
    found = _state().users.values()
    rows = [(one.name, one.email or "-", "active" if one.active else "locked out") for one in found]
    _show(("NAME", "EMAIL", "STATE"), rows, found, as_json=as_json)


@users.command("add", cls=CommandWithExamples)
def add_user(name: Name, email: Annotated[str, typer.Option("--email", help="For people.")] = "") -> None:
    """Add a user, or change the address of one.

    Examples:
        conexus admin users add ann --email ann@example.org
    """
    known = _state().users.get(name)
    _put(User(name, email, active=known.active if known else True))


@users.command("disable", cls=CommandWithExamples)
def disable_user(name: Name) -> None:
    """Lock a user out at once, API keys included. Their roles are kept.

    Examples:
        conexus admin users disable ann
    """
    _put(dataclasses.replace(_known_user(name), active=False))


@users.command("enable", cls=CommandWithExamples)
def enable_user(name: Name) -> None:
    """Let a user in again.

    Examples:
        conexus admin users enable ann
    """
    _put(dataclasses.replace(_known_user(name), active=True))


@users.command("remove", cls=CommandWithExamples)
def remove_user(name: Name) -> None:
    """Remove a user from everywhere, and revoke their API keys.

    Examples:
        conexus admin users remove ann
    """
    _remove(DirectoryKind.USER, name)


def _known_user(name: str) -> User:
    found = _state().users.get(name)
    if found is None:
        raise NotFound(f"there is no user {name!r}", hint="see `conexus admin users list`")
    return found


# ------------------------------------------------------------------------------ groups and teams


@groups.command("list", cls=CommandWithExamples)
def list_groups(as_json: Json = False) -> None:
    """List groups.

    Examples:
        conexus admin groups list
    """
    found = _state().groups.values()
    _show(("NAME", "MEMBERS"), [(one.name, _joined(one.members)) for one in found], found, as_json=as_json)


@groups.command("set", cls=CommandWithExamples)
def set_group(name: Name, members: Members = None) -> None:
    """Add a group, or say anew who is in it.

    Examples:
        conexus admin groups set developers --member ann --member bob
    """
    _put(Group(name, tuple(members or ())))


@groups.command("remove", cls=CommandWithExamples)
def remove_group(name: Name) -> None:
    """Remove a group, and what was granted to it.

    Examples:
        conexus admin groups remove developers
    """
    _remove(DirectoryKind.GROUP, name)


@teams.command("list", cls=CommandWithExamples)
def list_teams(as_json: Json = False) -> None:
    """List teams.

    Examples:
        conexus admin teams list
    """
    found = _state().teams.values()
    rows = [(one.name, _joined(one.members), _joined(one.groups)) for one in found]
    _show(("NAME", "MEMBERS", "GROUPS"), rows, found, as_json=as_json)


@teams.command("set", cls=CommandWithExamples)
def set_team(
    name: Name,
    members: Members = None,
    of_groups: Annotated[list[str] | None, typer.Option("--group", "-g", help="A group; repeatable.")] = None,
) -> None:
    """Add a team, or say anew who is in it.

    Examples:
        conexus admin teams set search --member ann --group developers
    """
    _put(Team(name, tuple(members or ()), tuple(of_groups or ())))


@teams.command("remove", cls=CommandWithExamples)
def remove_team(name: Name) -> None:
    """Remove a team, and what was granted to it.

    Examples:
        conexus admin teams remove search
    """
    _remove(DirectoryKind.TEAM, name)


# ------------------------------------------------------------------------------ projects


@projects.command("list", cls=CommandWithExamples)
def list_projects(as_json: Json = False) -> None:
    """List projects, their repositories, and who has which role.

    Examples:
        conexus admin projects list
    """
    found = _state().projects.values()
    rows = [
        (one.name, _joined(one.repositories), _joined(f"{g.role}={g.subject}" for g in one.grants)) for one in found
    ]
    _show(("NAME", "REPOSITORIES", "GRANTS"), rows, found, as_json=as_json)


@projects.command("set", cls=CommandWithExamples)
def set_project(
    name: Name,
    repos: Annotated[
        list[str] | None,
        typer.Option("--repo", "-r", metavar="GLOB", help="Repositories whose id fits; repeatable. '*' is everything."),
    ] = None,
    grants: Annotated[
        list[str] | None,
        typer.Option(
            "--grant", metavar="ROLE=WHO", help="As reader=user:ann, writer=group:devs or admin=team:core; repeatable."
        ),
    ] = None,
) -> None:
    """Add a project, or say anew what is in it and who may do what there.

    Examples:
        conexus admin projects set web --repo 'github.com/acme/web-*' --grant writer=team:search
        conexus admin projects set all --repo '*' --grant admin=user:ann
    """
    _put(Project(name, tuple(repos or ()), tuple(_grant(text) for text in grants or ())))


@projects.command("remove", cls=CommandWithExamples)
def remove_project(name: Name) -> None:
    """Remove a project: what was granted in it is gone.

    Examples:
        conexus admin projects remove web
    """
    _remove(DirectoryKind.PROJECT, name)


def _grant(text: str) -> Grant:
    role, separator, subject = text.partition("=")
    if not separator:
        raise InvalidRequest(f"{text!r} is no grant", hint="write ROLE=WHO, as reader=user:ann")
    return Grant(role, subject)


# ------------------------------------------------------------------------------ roles


@roles.command("list", cls=CommandWithExamples)
def list_roles(as_json: Json = False) -> None:
    """List roles, those that are always there first.

    Examples:
        conexus admin roles list
    """
    built_in = [CustomRole(role.value, tuple(sorted(ROLE_PERMISSIONS[role]))) for role in Role]
    found = [*built_in, *_state().roles.values()]
    _show(("NAME", "PERMISSIONS"), [(one.name, _joined(one.permissions)) for one in found], found, as_json=as_json)


@roles.command("set", cls=CommandWithExamples)
def set_role(
    name: Name,
    permissions: Annotated[
        list[Permission] | None, typer.Option("--permission", "-p", help="What it allows; repeatable.")
    ] = None,
) -> None:
    """Add a role, or say anew what it allows.

    Examples:
        conexus admin roles set curator -p read -p index
    """
    _put(CustomRole(name, tuple(permissions or ())))


@roles.command("remove", cls=CommandWithExamples)
def remove_role(name: Name) -> None:
    """Remove a role, and every grant of it.

    Examples:
        conexus admin roles remove curator
    """
    _remove(DirectoryKind.ROLE, name)


# ------------------------------------------------------------------------------ changes


@app.command("changes", cls=CommandWithExamples)
def changes(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=10_000, help="How many of the newest.")] = 50,
    as_json: Json = False,
) -> None:
    """Show who changed what: the directory, API keys, repositories; newest first.

    Examples:
        conexus admin changes -n 20
    """
    with on_record("changes"), data_folder.open_edition(settings()) as edition:
        found = edition.events.newest(limit)
    rows = [
        (local_time(one.at, seconds=True), *map(console.one_line, (one.actor, one.type, one.target, one.detail)))
        for one in found
    ]
    _show(("AT", "BY", "CHANGE", "OF", "DETAIL"), rows, found, as_json=as_json)


# ------------------------------------------------------------------------------ parts


def _state() -> DirectoryState:
    with on_record("directory"), data_folder.open_edition(settings()) as edition:
        return edition.directory.state()


def _put(entry: DirectoryEntry) -> None:
    operation = f"put_{KIND_OF_ENTRY[type(entry)]}"
    with on_record(operation, {"name": entry.name}), data_folder.open_edition(settings()) as edition:
        edition.directory.put(entry, LOCAL_USER)
    console.out(f"set {console.one_line(entry.name)}")


def _remove(kind: DirectoryKind, name: str) -> None:
    with on_record("remove_entry", {"kind": kind.value, "name": name}), open_desk() as desk:
        desk.remove_entry(kind, name)
    console.out(f"removed {console.one_line(name)}")


def _joined(names: Iterable[str]) -> str:
    return console.one_line(", ".join(names)) or "-"


def _show(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], entries: Iterable[Any], *, as_json: bool) -> None:
    if as_json:
        found = [dataclasses.asdict(entry) for entry in entries]
        console.out(json.dumps({"schema": "conexus.admin/1", "entries": found}, indent=2))
        return
    if not rows:
        console.err("there are none")
        return
    for line in table([heading, *rows]):
        console.out(line)
