# SPDX-License-Identifier: FSL-1.1-MIT
"""Puts Conexus into the configuration of a coding agent, or takes it out: asks, shows and says what was done."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import typer

from conexus.adapters import agent_configs, config_files
from conexus.adapters.agent_configs import Edit, Target
from conexus.adapters.agent_entries import EntryError, EntryState, Server
from conexus.adapters.coding_agents import AGENTS, Agent, Machine, agent_named, is_found, project_file, user_file
from conexus.adapters.git_metadata import find_checkout
from conexus.cli import console
from conexus.cli.file_diff import coloured, shown_diff
from conexus.errors import ConexusError, ConfigError, SourceError
from conexus.values import dataclass

THIS_CHECKOUT = "\0"
"""Stands for a path that was left out; cannot be typed."""

_PROGRAM = "conexus"
_ARGUMENTS = ("mcp",)
_SCHEMA = "conexus.install/1"
_UNREADABLE = "unreadable"
_SHOWN_STATES = {
    str(EntryState.ABSENT): "-",
    str(EntryState.INSTALLED): "installed",
    str(EntryState.OUTDATED): "outdated",
    str(EntryState.FOREIGN): "not ours",
    _UNREADABLE: _UNREADABLE,
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed."""

    name: str
    """Of the entry."""
    remove: bool = False
    dry_run: bool = False
    yes: bool = False
    backup: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class _Places:
    """Where to look: on this machine, or in a project."""

    machine: Machine
    root: Path | None
    """Of the project whose own configuration is meant; ``None`` for the user's."""


def run(agent: str | None, project: str | None, wish: Wish) -> None:
    """Do what was typed; without an agent, list all of them.

    Args:
        agent: The agent as typed.
        project: A project's folder, :data:`THIS_CHECKOUT`, or ``None`` for the user's own configuration.
        wish: The rest.

    Raises:
        ConfigError: The agent is unknown or has no such file, the name of the entry cannot be one, or there is
            no terminal to ask on.
        SourceError: The folder or the file cannot be used.
    """
    machine = Machine(Path.home(), sys.platform, config_files.current_environ())
    places = _Places(machine, _project_root(project, machine))
    if agent is None:
        if wish.remove:
            raise ConfigError("--remove needs the name of an agent", hint="as in: conexus install cursor --remove")
        _list(wish, places)
        return
    target = _target(_known(agent), wish, places)
    edit = agent_configs.edit_to_remove(target) if wish.remove else agent_configs.edit_to_install(target)
    if not edit.changes:
        _say_unchanged(edit, wish)
        return
    if not wish.as_json:
        _show(edit, wish, places)
    if not wish.dry_run and not wish.yes:
        _confirm(edit, wish)
    kept = None if wish.dry_run else agent_configs.make(edit, backup=wish.backup)
    _say_done(edit, wish, written=not wish.dry_run, kept=kept)


# --------------------------------------------------------------------- choices


def _known(name: str) -> Agent:
    """Return an agent by its name.

    Raises:
        ConfigError: There is none.
    """
    found = agent_named(name)
    if found is not None:
        return found
    from difflib import get_close_matches  # noqa: PLC0415 - needed for an error only

    known = [agent.id for agent in AGENTS]
    close = get_close_matches(name[:80].lower(), known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    raise ConfigError(f"no agent is known as {name[:80]!r}", hint=hint)


def _project_root(text: str | None, machine: Machine) -> Path | None:
    """Return the folder whose configuration is meant, or ``None`` for the user's.

    Raises:
        SourceError: It is no folder, or is the home folder, whose configuration is the user's.
    """
    if text is None:
        return None
    if text == "":
        raise SourceError("the path is empty", hint="use '.' for the folder you are in")
    if text == THIS_CHECKOUT:
        root = find_checkout(Path.cwd(), home=machine.home).root
    else:
        root = Path(text).expanduser().resolve()
    if not root.is_dir():
        raise SourceError(f"{text} is no folder")
    if root == machine.home.resolve():
        raise SourceError("your home folder is no project", hint="leave out --project for your own configuration")
    return root


def _target(agent: Agent, wish: Wish, places: _Places) -> Target:
    """Return the file that is meant, and the entry for it.

    Raises:
        ConfigError: The agent has no such file, or the name cannot be one.
    """
    try:
        server = Server(agent, wish.name, _own_command(places.machine))
    except EntryError as exc:
        raise ConfigError(exc.reason) from exc
    machine = places.machine
    if places.root is None:
        return Target(user_file(agent, machine, wish.name), server, machine.home)
    path = project_file(agent, places.root, wish.name)
    if path is None:
        raise ConfigError(
            f"{agent.label} has no configuration of its own for a project", hint=f"use: conexus install {agent.id}"
        )
    return Target(path, server, machine.home, places.root)


def _own_command(machine: Machine) -> tuple[str, ...]:
    """Return what starts this program: its path as it was called, which an update keeps, or Python with the module."""
    called = Path(sys.argv[0])
    if called.name == _PROGRAM and called.parent == Path():
        called = Path(shutil.which(_PROGRAM, path=machine.environ.get("PATH", "")) or called)
    beside_python = Path(sys.executable).with_name(_PROGRAM)
    for path in (called, beside_python):
        if path.name == _PROGRAM and path.is_file() and os.access(path, os.X_OK):
            return (str(path.absolute()), *_ARGUMENTS)
    return (sys.executable, "-m", _PROGRAM, *_ARGUMENTS)


# ----------------------------------------------------------------------- list


def _list(wish: Wish, places: _Places) -> None:
    rows = [_row(agent, wish, places) for agent in AGENTS if places.root is None or agent.project]
    if wish.as_json:
        console.out(json.dumps({"schema": _SCHEMA, "name": wish.name, "agents": rows}, indent=2))
        return
    width = max(len(agent.id) for agent in AGENTS)
    for row in sorted(rows, key=lambda row: not row["found"]):
        found = "found" if row["found"] else "-"
        place = _short_path(Path(row["config"]), places.machine)
        entry = _SHOWN_STATES[row["entry"]]
        console.out(f"{row['agent']:<{width}}  {found:<5}  {entry:<10}  {console.one_line(place)}")
    for row in rows:
        if row["problem"]:
            console.err(f"{row['agent']}: {console.one_line(row['problem'])}")
    console.err("add Conexus to one of them with: conexus install AGENT")


def _row(agent: Agent, wish: Wish, places: _Places) -> dict[str, Any]:
    target = _target(agent, wish, places)
    try:
        state, problem = str(agent_configs.entry_state(target)), None
    except ConexusError as error:
        state, problem = _UNREADABLE, error.message
    return {
        "agent": agent.id,
        "label": agent.label,
        "found": is_found(agent, places.machine),
        "entry": state,
        "config": str(target.path),
        "has_project_config": bool(agent.project),
        "problem": problem,
    }


def _short_path(path: Path, machine: Machine) -> str:
    return f"~/{path.relative_to(machine.home)}" if path.is_relative_to(machine.home) else str(path)


# ---------------------------------------------------------------------- change


def _show(edit: Edit, wish: Wish, places: _Places) -> None:
    for line in shown_diff(edit.before, edit.after, edit.real_path):
        console.out(coloured(line) if console.is_terminal() else line)
    agent = edit.target.server.agent
    if edit.state is EntryState.FOREIGN:
        what = "taken out" if wish.remove else "replaced"
        console.err(f"note: the entry '{wish.name}' that is there does not start Conexus; it would be {what}")
    if not wish.remove and places.root is None and not is_found(agent, places.machine):
        console.err(f"note: {agent.label} was not found on this machine")
    if not wish.remove and places.root is not None:
        console.err("note: the entry names a path of this machine; who shares the project may have another")


def _confirm(edit: Edit, wish: Wish) -> None:
    """Ask whether the file may be written.

    Raises:
        ConfigError: There is no terminal to ask on.
    """
    if wish.as_json or not console.is_terminal(sys.stdin):
        if wish.as_json:
            _say_done(edit, wish, written=False, kept=None)
        raise ConfigError(
            f"writing {edit.real_path} must be confirmed",
            hint="add --yes to write it unasked, or --dry-run to only look",
        )
    what = "Delete" if edit.after is None else "Write"
    typer.confirm(f"{what} {console.one_line(str(edit.real_path))}?", abort=True, err=True)


def _say_unchanged(edit: Edit, wish: Wish) -> None:
    if wish.as_json:
        _print_json(edit, wish, "none", written=False, kept=None)
        return
    label, path = edit.target.server.agent.label, console.one_line(str(edit.target.path))
    if wish.remove:
        console.out(f"{label} has no entry '{wish.name}' ({path})")
    else:
        console.out(f"already installed in {label} ({path})")


def _say_done(edit: Edit, wish: Wish, *, written: bool, kept: Path | None) -> None:
    replaced = edit.state is not EntryState.ABSENT
    if wish.as_json:
        action = "remove" if wish.remove else "replace" if replaced else "add"
        _print_json(edit, wish, action, written=written, kept=kept)
        return
    if not written:
        console.err("nothing was written (--dry-run)")
        return
    label, path = edit.target.server.agent.label, console.one_line(str(edit.real_path))
    done = f"removed '{wish.name}' from" if wish.remove else f"{'replaced' if replaced else 'added'} '{wish.name}' in"
    console.out(f"{done} {label} ({path}); restart it if it is running")
    if kept is not None:
        console.out(f"the file as it was: {console.one_line(str(kept))}")


def _print_json(edit: Edit, wish: Wish, action: str, *, written: bool, kept: Path | None) -> None:
    server = edit.target.server
    found = {
        "schema": _SCHEMA,
        "agent": server.agent.id,
        "name": server.name,
        "command": list(server.command),
        "config": str(edit.target.path),
        "real_path": str(edit.real_path),
        "before": str(edit.state),
        "action": action,
        "written": written,
        "backup": None if kept is None else str(kept),
        "diff": shown_diff(edit.before, edit.after, edit.real_path) if edit.changes else [],
    }
    console.out(json.dumps(found, indent=2))
