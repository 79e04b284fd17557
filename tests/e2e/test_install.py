# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus install`` as people and scripts run it: what is shown, asked, written and said."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from program import CONEXUS, ERROR, Ended, Program, commit, write

CLAUDE = '{\n  "numStartups": 3,\n  "mcpServers": {\n    "other": {\n      "command": "x"\n    }\n  }\n}\n'


@pytest.fixture
def program(tmp_path: Path) -> Program:
    found = Program(tmp_path)
    (found.home / ".claude.json").write_text(CLAUDE)
    return found


def answered(program: Program, answer: str, *arguments: str) -> Ended:
    """Run on a terminal, and answer the question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [CONEXUS, *arguments],
        cwd=program.folder,
        env=program.environ({"TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    found = b""
    while True:
        try:
            found += os.read(ours, 65_536)
        except OSError:
            break
    os.close(ours)
    return Ended(process.wait(), found.decode("utf-8", "replace"), "")


def claude(program: Program) -> str:
    return (program.home / ".claude.json").read_text()


def test_the_list_says_what_is_here_and_has_the_entry(program: Program) -> None:
    """Those that were found come first."""
    (program.home / ".cursor").mkdir()
    (program.home / ".cursor/mcp.json").write_text("{")
    program.ok("install", "claude-code", "--yes")
    ended = program.ok("install")
    lines = ended.out.splitlines()
    assert lines[0].split() == ["claude-code", "found", "installed", "~/.claude.json"]
    assert lines[1].split() == ["cursor", "found", "unreadable", "~/.cursor/mcp.json"]
    assert "cursor: " in ended.err
    assert "mcp.json:1:2: the file ends" in ended.err
    found = program.ok("install", "--json").json
    assert found["schema"] == "conexus.install/1"
    by_agent = {row["agent"]: row for row in found["agents"]}
    assert by_agent["claude-code"] == {
        "agent": "claude-code",
        "label": "Claude Code",
        "found": True,
        "entry": "installed",
        "config": str(program.home / ".claude.json"),
        "has_project_config": True,
        "problem": None,
    }
    assert by_agent["zed"]["entry"] == "absent"
    assert by_agent["cursor"]["entry"] == "unreadable"


def test_in_a_pipe_nothing_is_written_unasked(program: Program) -> None:
    """The diff is printed, and the hint says how to go on."""
    ended = program.run("install", "claude-code")
    assert ended.code == ERROR
    assert '+    "conexus": {' in ended.out
    assert f"--- {program.home}/.claude.json" in ended.out
    assert "must be confirmed" in ended.err
    assert "--yes" in ended.err
    assert claude(program) == CLAUDE


def test_an_entry_starts_this_program(program: Program) -> None:
    """The command of the entry runs, and a second install changes nothing."""
    assert "added 'conexus' in Claude Code" in program.ok("install", "claude-code", "--yes").out
    entry = json.loads(claude(program))["mcpServers"]["conexus"]
    assert entry == {"type": "stdio", "command": CONEXUS, "args": ["mcp"]}
    done = subprocess.run(
        [entry["command"], "--version"], env=program.environ(), capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("conexus ")
    written = claude(program)
    again = program.ok("install", "claude-code")
    assert again.out.startswith("already installed in Claude Code")
    assert claude(program) == written
    program.ok("install", "claude-code", "--remove", "--yes")
    assert claude(program) == CLAUDE
    assert "has no entry 'conexus'" in program.ok("install", "claude-code", "--remove").out
    assert sorted(path.name for path in program.home.iterdir()) == [".claude.json"]


def test_the_entry_is_the_same_through_python(program: Program) -> None:
    """``python -m conexus`` writes the path of the program beside it."""
    done = subprocess.run(
        [sys.executable, "-m", "conexus", "install", "cursor", "--json", "--dry-run"],
        env=program.environ(),
        cwd=program.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["command"] == [CONEXUS, "mcp"]


@pytest.mark.parametrize(("answer", "code", "is_written"), [("y", 0, True), ("n", 1, False), ("", 1, False)])
def test_a_terminal_is_asked(program: Program, answer: str, code: int, is_written: bool) -> None:
    """No is the default."""
    ended = answered(program, answer, "install", "claude-code")
    assert ended.code == code, ended.out
    assert "[y/N]" in ended.out
    assert '\x1b[32m+    "conexus": {\x1b[0m' in ended.out
    assert (claude(program) != CLAUDE) == is_written


def test_a_dry_run_writes_nothing(program: Program) -> None:
    """Even with --yes."""
    ended = program.ok("install", "claude-code", "--dry-run", "--yes")
    assert '+      "args": ["mcp"]' in ended.out
    assert claude(program) == CLAUDE


def test_an_entry_of_somebody_else_is_shown_before_it_goes(program: Program) -> None:
    """With a note, since a name is all they share."""
    program.ok("install", "claude-code", "--name", "other", "--dry-run")
    ended = program.run("install", "claude-code", "--name", "other")
    assert ended.code == ERROR
    assert '-      "command": "x"' in ended.out
    assert "does not start Conexus; it would be replaced" in ended.err
    assert claude(program) == CLAUDE


def test_a_project_has_its_own_file(program: Program, tmp_path: Path) -> None:
    """At the root of the checkout one stands in, or in the folder that is named."""
    project = tmp_path / "project"
    write(project, {"src/a.py": "a = 1\n"})
    commit(project)
    program.ok("install", "claude-code", "--project", "--yes", cwd=project / "src")
    assert "conexus" in json.loads((project / ".mcp.json").read_text())["mcpServers"]
    ended = program.ok("install", "--project", "codex", "--yes", cwd=project / "src")
    assert "a path of this machine" in ended.err
    assert "conexus" in tomllib.loads((project / ".codex/config.toml").read_text())["mcp_servers"]
    program.ok("install", "cursor", "--project", str(project / "src"), "--yes")
    assert (project / "src/.cursor/mcp.json").is_file()
    rows = program.ok("install", "--project", "--json", cwd=project).json["agents"]
    by_agent = {row["agent"]: row for row in rows}
    assert by_agent["claude-code"]["entry"] == "installed"
    assert "windsurf" not in by_agent
    assert claude(program) == CLAUDE


def test_a_backup_is_kept_if_wanted(program: Program) -> None:
    """And named."""
    ended = program.ok("install", "claude-code", "--yes", "--backup")
    kept = program.home / ".claude.json.conexus-backup"
    assert str(kept) in ended.out
    assert kept.read_text() == CLAUDE


def test_json_says_what_was_done(program: Program) -> None:
    """Without --yes it is what would be done, with the exit code of an error."""
    asked = program.run("install", "claude-code", "--json")
    assert asked.code == ERROR
    assert asked.json["written"] is False
    done = program.ok("install", "claude-code", "--json", "--yes").json
    assert done == {
        "schema": "conexus.install/1",
        "agent": "claude-code",
        "name": "conexus",
        "command": [CONEXUS, "mcp"],
        "config": str(program.home / ".claude.json"),
        "real_path": str(program.home / ".claude.json"),
        "before": "absent",
        "action": "add",
        "written": True,
        "backup": None,
        "diff": asked.json["diff"],
    }
    assert program.ok("install", "claude-code", "--json").json["action"] == "none"
    removed = program.ok("install", "claude-code", "--json", "--yes", "--remove").json
    assert (removed["before"], removed["action"]) == ("installed", "remove")


def test_variables_are_followed(program: Program) -> None:
    """An agent that keeps its files elsewhere is found there."""
    elsewhere = program.folder / "codex"
    program.ok("install", "codex", "--yes", env={"CODEX_HOME": str(elsewhere)})
    assert "[mcp_servers.conexus]" in (elsewhere / "config.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["install", "emacs"], "no agent is known as 'emacs'"),
        (["install", "cluade-code"], "did you mean claude-code?"),
        (["install", "claude-desktop", "--project", "."], "has no configuration of its own for a project"),
        (["install", "cursor", "--project", "nowhere"], "nowhere is no folder"),
        (["install", "cursor", "--project", ""], "the path is empty"),
        (["install", "cursor", "--project", "home"], "your home folder is no project"),
        (["install", "cursor", "--name", "../x"], "is no name for a server"),
        (["install", "--remove"], "--remove needs the name of an agent"),
        (["install", "claude-code", "--project", "home/.claude.json"], "is no folder"),
    ],
)
def test_what_is_wrong_is_said(program: Program, arguments: list[str], message: str) -> None:
    """With the exit code of an error, and nothing written."""
    ended = program.run(*arguments)
    assert ended.code == ERROR
    assert message in ended.err
    assert claude(program) == CLAUDE


def test_a_broken_file_is_named_with_its_place(program: Program) -> None:
    """And is not touched, whatever was confirmed."""
    broken = CLAUDE.replace('"x"', "'x'")
    (program.home / ".claude.json").write_text(broken)
    ended = program.run("install", "claude-code", "--yes")
    assert ended.code == ERROR
    assert ".claude.json:5:18: a string in single quotes; nothing was written" in ended.err
    assert claude(program) == broken
