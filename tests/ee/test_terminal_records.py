# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""What the owner of the machine does without a daemon is on record, or nothing is shown and changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
from licences import licence
from program import Program, commit, write

from conexus.cli.app import _COMMANDS

REPO = "example.org/acme/web"
FILES = {
    f"src/{name}.py": f'def {name}_owner(owner, total):\n    """Say how to {name} what an owner {what} in a year."""\n'
    f"    {name} = total + {len(what)}\n    return {name}, owner\n"
    for name, what in {"pay": "owes to others", "post": "has lent", "close": "leaves behind", "open": "brings"}.items()
}
RULES = "permit(principal, action, resource);"
UNRECORDED = {
    "features": "what the edition has",
    "doctor": "whether this machine is fit; it may not need anything to work",
    "config show": "settings of this machine, secrets hidden",
    "config path": "where they are",
    "license show": "the licence alone",
    "license verify": "a file that is named",
    "model list": "models of this machine",
    "model show": "a model",
    "model bench": "figures",
    "policy templates": "what comes with the package",
    "policy schema": "what comes with the package",
    "jobs list": "how far jobs are, as in a daemon",
    "jobs follow": "the same",
    "jobs cancel": "without a daemon there is seldom one; a job at rest is in the table of tests of jobs",
    "extract": "text of a file that is named, without an index",
    "serve": "the daemon records",
    "daemon start": "the daemon records",
    "daemon stop": "the daemon records",
    "daemon reload": "the daemon records",
    "daemon restart": "the daemon records",
    "daemon status": "how far the daemon is",
    "daemon install": "a service of the system",
    "mcp": "the daemon records",
    "install": "files of coding agents",
}
"""Why commands leave no record: nothing of anybody's code, questions or rights is shown, and none is changed."""


def commands(found: Any, name: str) -> Iterator[str]:
    """The commands below a name."""
    if not isinstance(found, typer.Typer):
        yield name
        return
    for one in found.registered_commands:
        assert one.callback is not None
        yield f"{name} {one.name or one.callback.__name__.replace('_', '-')}"
    for group in found.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{name} {group.name}")


def all_commands() -> set[str]:
    """All that the core has, but for the log's own, which has tests of its own."""
    found: set[str] = set()
    for name, place in _COMMANDS.items():
        module, attribute, *_ = place.split(":")
        found |= set(commands(getattr(import_module(f"conexus.cli.{module}"), attribute), name))
    return {one for one in found if not one.startswith("audit ")}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A program with a licence and an indexed repository, and no daemon."""
    folder = tmp_path_factory.mktemp("terminal")
    made = Program(folder)
    (folder / "settings.toml").write_text("")
    made.settings |= {
        "CONEXUS_LICENSE_MODE": "test",
        "CONEXUS_LICENSE_KEY": licence(max_repos=50),
        "CONEXUS_CONFIG": str(folder / "settings.toml"),
    }
    write(folder / "web", FILES)
    commit(folder / "web", f"https://{REPO}.git")
    (folder / "rules.cedar").write_text(RULES)
    (folder / "set.json").write_text(json.dumps({"policies": [{"name": "base", "text": RULES}]}))
    (folder / "licence.jwt").write_text(licence(max_repos=50))
    made.ok("index", folder / "web")
    return made


def records(program: Program) -> list[dict[str, Any]]:
    """The records of the log's file."""
    path = program.data / "audit.sqlite"
    if not path.exists():
        return []
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT public, private FROM records ORDER BY seq").fetchall()
    return [{**json.loads(private or "{}"), **json.loads(public)} for public, private in rows]


STORY: list[tuple[str, list[str], str]] = [
    ("index", ["web"], "index"),
    ("search", ["pay the owner", "web"], "search"),
    ("context", ["who pays", "--repo", REPO], "context"),
    ("similar", ["web/src/pay.py:1"], "similar"),
    ("symbols", ["pay_owner", "--repo", REPO], "symbols"),
    ("map", ["web"], "map"),
    ("graph show", ["web"], "graph"),
    ("graph repos", [], "graph_repos"),
    ("graph impact", ["pay_owner"], "graph_impact"),
    ("graph owners", ["pay_owner"], "graph_owners"),
    ("graph path", ["pay_owner", "post_owner"], "graph_path"),
    ("graph drift", [], "graph_drift"),
    ("graph orphans", [], "graph_orphans"),
    ("graph cycles", [], "graph_cycles"),
    ("repos list", [], "repositories"),
    ("repos show", [REPO], "repository"),
    ("repos rename", [REPO, "shop"], "change:repository.renamed"),
    ("status", ["web"], "repository"),
    ("why", ["web/src/pay.py"], "why"),
    ("eval", ["web", "--seed", "1", "--json"], "eval"),
    ("verify", [], "verify"),
    ("gc", [], "collect"),
    ("config set", ["search.limit", "7"], "set_setting"),
    ("model use", ["default"], "set_setting"),
    ("daemon logs", [], "daemon_log"),
    ("log", [], "log"),
    ("stats", [], "stats"),
    ("keys create", ["--name", "x"], "create_key"),
    ("keys list", [], "keys"),
    ("keys revoke", ["KEY"], "revoke_key"),
    ("admin users add", ["ann"], "put_user"),
    ("admin users list", [], "directory"),
    ("admin users disable", ["ann"], "put_user"),
    ("admin users enable", ["ann"], "put_user"),
    ("admin groups set", ["core", "--member", "ann"], "put_group"),
    ("admin groups list", [], "directory"),
    ("admin teams set", ["web", "--group", "core"], "put_team"),
    ("admin teams list", [], "directory"),
    ("admin roles set", ["curator", "--permission", "read"], "put_role"),
    ("admin roles list", [], "directory"),
    ("admin projects set", ["web", "--repo", "*", "--grant", "curator=team:web"], "put_project"),
    ("admin projects list", [], "directory"),
    ("admin changes", [], "changes"),
    ("policy add", ["base", "rules.cedar"], "put_policies"),
    ("policy list", [], "policies"),
    ("policy show", [], "policies"),
    ("policy label", ["shut", "--path", "*vault*"], "put_policies"),
    ("policy test", [], "test_policies"),
    ("policy simulate", ["rules.cedar"], "put_policies"),
    ("policy explain", ["ann", "web/src/pay.py"], "explain_access"),
    ("policy export", [], "policies"),
    ("policy apply", ["set.json"], "put_policies"),
    ("policy history", [], "policy_history"),
    ("policy rollback", ["1"], "put_policies"),
    ("policy remove", ["base"], "put_policies"),
    ("admin projects remove", ["web"], "remove_entry"),
    ("admin roles remove", ["curator"], "remove_entry"),
    ("admin teams remove", ["web"], "remove_entry"),
    ("admin groups remove", ["core"], "remove_entry"),
    ("admin users remove", ["ann"], "remove_entry"),
    ("webhooks add", ["https://hooks.example.org/x"], "add_webhook"),
    ("webhooks list", [], "webhooks"),
    ("webhooks test", ["HOOK"], "test_webhook"),
    ("webhooks remove", ["HOOK"], "remove_webhook"),
    ("license install", ["licence.jwt"], "install_licence"),
    ("license remove", [], "remove_licence"),
    ("repos rollback", ["shop"], "roll_back"),
    ("repos remove", ["shop", "--yes"], "remove"),
]
"""Commands in an order in which each finds what it needs; what is last fails, and is on record with that."""


def test_every_command_is_in_the_table() -> None:
    """A new one has to be looked at here."""
    told = [name for name, _, _ in STORY]
    assert len(set(told)) == len(told)
    assert not set(told) & set(UNRECORDED)
    assert {*told, *UNRECORDED} == all_commands()


def test_every_command_is_on_record(program: Program) -> None:
    """Before what it shows, by the name that it has in a daemon; no secret is in it."""
    ids = {"KEY": "x", "HOOK": "x"}
    secret = ""
    for name, arguments, action in STORY:
        before = len(records(program))
        ended = program.run(*name.split(), *(ids.get(one, one) for one in arguments))
        new = records(program)[before:]
        assert action in {one["action"] for one in new}, (name, ended.text, [one["action"] for one in new])
        outcome = next(one["outcome"] for one in new if one["action"] == action)
        others = {"daemon logs", "webhooks test", "repos rollback", "policy explain"}
        fails = name.startswith("graph ") or name in others
        assert (ended.code == 0) or fails, (name, ended.text)
        assert (outcome == "ok") or name == "repos rollback", (name, outcome)
        if name == "keys create":
            secret = ended.out.strip().splitlines()[-1]
            ids["KEY"] = program.ok("keys", "list", "--json").json["keys"][0]["id"]
        elif name == "webhooks add":
            ids["HOOK"] = program.ok("webhooks", "list", "--json").json["webhooks"][0]["id"]
    assert secret
    assert secret not in json.dumps(records(program))
    assert program.ok("audit", "verify").out.splitlines()[-1] == "all as written"


def test_what_ends_with_an_error_is_on_record(program: Program) -> None:
    """With the code of the error, where it was asked of an index, the directory, keys, rules or settings."""
    program.ok("index", "web")
    for arguments, action, outcome in (
        (["similar", "web/src/pay.py:9999"], "similar", "not_found"),
        (["symbols", "!!!", "--repo", REPO], "symbols", "invalid_request"),
        (["keys", "revoke", "nothing"], "revoke_key", "not_found"),
        (["admin", "users", "remove", "nobody"], "remove_entry", "not_found"),
        (["policy", "rollback", "99"], "policies", "not_found"),
        (["webhooks", "remove", "nothing"], "remove_webhook", "not_found"),
        (["config", "set", "search.nothing", "3"], "set_setting", "config"),
    ):
        before = len(records(program))
        ended = program.run(*arguments)
        new = [(one["action"], one["outcome"]) for one in records(program)[before:]]
        assert ended.code != 0
        assert (action, outcome) in new, (arguments, new, ended.text)


def test_without_a_record_nothing_is_shown_or_changed(tmp_path: Path, program: Program) -> None:
    """The log's key is gone: what would have to be on record ends with an error."""
    program.ok("index", "web")
    key, kept = program.data / "audit.key", tmp_path / "audit.key"
    key.rename(kept)
    try:
        settings = (program.folder / "settings.toml").read_text()
        for arguments in (
            ["search", "pay", "web"], ["repos", "list"], ["log"], ["stats"], ["keys", "list"], ["status", "web"],
            ["webhooks", "add", "https://hooks.example.org/y"], ["config", "set", "search.limit", "9"],
            ["policy", "list"], ["admin", "users", "add", "eve"], ["keys", "create", "--name", "y"],
        ):  # fmt: skip
            ended = program.run(*arguments)
            assert ended.code != 0, arguments
            assert "audit log" in ended.err, (arguments, ended.text)
            assert "src/pay.py" not in ended.text
        assert (program.folder / "settings.toml").read_text() == settings
    finally:
        kept.rename(key)
    assert program.ok("webhooks", "list", "--json").json["webhooks"] == []
    assert "eve" not in program.ok("admin", "users", "list").text
    assert "y" not in {one["name"] for one in program.ok("keys", "list", "--json").json["keys"]}
