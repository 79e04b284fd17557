# SPDX-License-Identifier: FSL-1.1-MIT
"""Where each agent keeps its servers, on each system."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from conexus.adapters.coding_agents import AGENTS, Agent, Machine, agent_named, is_found, project_file, user_file

USER_FILES = {
    "claude-code": (".claude.json", ".claude.json"),
    "claude-desktop": (
        ".config/Claude/claude_desktop_config.json",
        "Library/Application Support/Claude/claude_desktop_config.json",
    ),
    "cursor": (".cursor/mcp.json", ".cursor/mcp.json"),
    "vscode": (".config/Code/User/mcp.json", "Library/Application Support/Code/User/mcp.json"),
    "vscode-insiders": (
        ".config/Code - Insiders/User/mcp.json",
        "Library/Application Support/Code - Insiders/User/mcp.json",
    ),
    "continue": (".continue/mcpServers/conexus.yaml", ".continue/mcpServers/conexus.yaml"),
    "zed": (".config/zed/settings.json", ".config/zed/settings.json"),
    "codex": (".codex/config.toml", ".codex/config.toml"),
    "gemini": (".gemini/settings.json", ".gemini/settings.json"),
    "antigravity": (".gemini/config/mcp_config.json", ".gemini/config/mcp_config.json"),
    "opencode": (".config/opencode/opencode.json", ".config/opencode/opencode.json"),
    "windsurf": (".codeium/windsurf/mcp_config.json", ".codeium/windsurf/mcp_config.json"),
    "devin": (".config/devin/mcp_config.json", ".config/devin/mcp_config.json"),
    "copilot-cli": (".copilot/mcp-config.json", ".copilot/mcp-config.json"),
    "cline": (
        ".config/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
        "Library/Application Support/Code/User/globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json",
    ),
    "cline-cli": (".cline/data/settings/cline_mcp_settings.json", ".cline/data/settings/cline_mcp_settings.json"),
    "roo-code": (
        ".config/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
        "Library/Application Support/Code/User/globalStorage/rooveterinaryinc.roo-cline/settings/mcp_settings.json",
    ),
    "junie": (".junie/mcp/mcp.json", ".junie/mcp/mcp.json"),
    "kiro": (".kiro/settings/mcp.json", ".kiro/settings/mcp.json"),
    "amp": (".config/amp/settings.json", ".config/amp/settings.json"),
    "qwen-code": (".qwen/settings.json", ".qwen/settings.json"),
    "droid": (".factory/mcp.json", ".factory/mcp.json"),
    "lm-studio": (".lmstudio/mcp.json", ".lmstudio/mcp.json"),
}
"""On Linux and on macOS, below the home folder."""


def agent(name: str) -> Agent:
    found = agent_named(name)
    assert found is not None
    return found


def machine(home: Path, platform: str = "linux", **environ: str) -> Machine:
    return Machine(home, platform, environ)


def test_each_agent_has_its_file_on_each_system(tmp_path: Path) -> None:
    """Every agent of the table, so that none is added without a place that was looked up."""
    found = {
        known.id: tuple(
            str(user_file(known, machine(tmp_path, platform), "conexus").relative_to(tmp_path))
            for platform in ("linux", "darwin")
        )
        for known in AGENTS
    }
    assert found == USER_FILES


@pytest.mark.parametrize(
    ("name", "environ", "expected"),
    [
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/srv/claude"}, "/srv/claude/.claude.json"),
        ("codex", {"CODEX_HOME": "/srv/codex"}, "/srv/codex/config.toml"),
        ("copilot-cli", {"COPILOT_HOME": "/srv/copilot"}, "/srv/copilot/mcp-config.json"),
        ("continue", {"CONTINUE_GLOBAL_DIR": "/srv/continue"}, "/srv/continue/mcpServers/conexus.yaml"),
        ("cline-cli", {"CLINE_MCP_SETTINGS_PATH": "/srv/cline.json"}, "/srv/cline.json"),
        ("vscode", {"XDG_CONFIG_HOME": "/srv/xdg"}, "/srv/xdg/Code/User/mcp.json"),
        ("zed", {"XDG_CONFIG_HOME": "/srv/xdg"}, "/srv/xdg/zed/settings.json"),
        ("opencode", {"XDG_CONFIG_HOME": "/srv/xdg"}, "/srv/xdg/opencode/opencode.json"),
        ("amp", {"XDG_CONFIG_HOME": "/srv/xdg"}, "HOME/.config/amp/settings.json"),
        ("zed", {"XDG_CONFIG_HOME": "relative"}, "HOME/.config/zed/settings.json"),
        ("codex", {"CODEX_HOME": ""}, "HOME/.codex/config.toml"),
        ("codex", {"CODEX_HOME": "~/c"}, "HOME/c/config.toml"),
    ],
)
def test_variables_move_files(tmp_path: Path, name: str, environ: dict[str, str], expected: str) -> None:
    """Each agent's own variables and those of the system; an empty one counts as not set."""
    assert str(user_file(agent(name), machine(tmp_path, **environ), "conexus")) == expected.replace(
        "HOME", str(tmp_path)
    )


def test_on_macos_zed_does_not_look_at_xdg(tmp_path: Path) -> None:
    """Its documentation names the variable for Linux alone."""
    found = user_file(agent("zed"), machine(tmp_path, "darwin", XDG_CONFIG_HOME="/srv/xdg"), "conexus")
    assert found == tmp_path / ".config/zed/settings.json"


def test_the_file_that_is_there_counts(tmp_path: Path) -> None:
    """OpenCode and Amp read either ending."""
    there = tmp_path / ".config/opencode/opencode.jsonc"
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    assert user_file(agent("opencode"), machine(tmp_path), "conexus") == there
    assert project_file(agent("opencode"), tmp_path, "conexus") == tmp_path / "opencode.json"


def test_some_agents_have_no_file_for_a_project(tmp_path: Path) -> None:
    """A program for the desktop knows no project."""
    without = {known.id for known in AGENTS if project_file(known, tmp_path, "conexus") is None}
    assert without == {"claude-desktop", "antigravity", "windsurf", "cline", "cline-cli", "lm-studio"}
    assert project_file(agent("continue"), tmp_path, "x") == tmp_path / ".continue/mcpServers/x.yaml"


def test_names_are_found_however_they_are_written() -> None:
    """By id or label; each id once."""
    assert agent("Claude Code").id == agent("claude_code").id == agent("CLAUDECODE").id == "claude-code"
    assert agent("vs code").id == "vscode"
    assert agent_named("emacs") is None
    assert agent_named("") is None
    assert len({known.id for known in AGENTS}) == len(AGENTS)


def test_a_folder_or_a_program_is_a_trace(tmp_path: Path) -> None:
    """Nothing is run to find out."""
    assert not [known.id for known in AGENTS if is_found(known, machine(tmp_path))]
    (tmp_path / ".claude").mkdir()
    (tmp_path / ".config/zed").mkdir(parents=True)
    program = tmp_path / "bin" / "codex"
    program.parent.mkdir()
    program.write_text("#!/bin/false\n")
    program.chmod(0o755)
    here = machine(tmp_path, PATH=str(program.parent))
    assert {known.id for known in AGENTS if is_found(known, here)} == {"claude-code", "zed", "codex"}


def test_a_folder_that_may_not_be_looked_into_is_no_trace(tmp_path: Path) -> None:
    """It is not ours to say more."""
    (tmp_path / ".gemini" / "config").mkdir(parents=True)
    (tmp_path / ".gemini").chmod(0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65_534)  # root may look everywhere
        assert not is_found(agent("antigravity"), machine(tmp_path))
    finally:
        os.seteuid(user)
        (tmp_path / ".gemini").chmod(0o700)
