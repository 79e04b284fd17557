# SPDX-License-Identifier: FSL-1.1-MIT
"""The programs that ``conexus install`` knows: where each keeps its MCP servers, and what an entry looks like.

Places are those of the programs' own documentation, as ``docs/agents.md`` lists them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from enum import Enum, StrEnum
from pathlib import Path

from conexus.values import dataclass

MACOS, WINDOWS = "darwin", "win32"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where programs look for their files."""

    home: Path
    platform: str
    """As ``sys.platform``: ``linux``, ``darwin`` or ``win32``."""
    environ: Mapping[str, str]


class Base(Enum):
    """A folder that others are named from."""

    HOME = "home"
    XDG = "xdg"
    """``$XDG_CONFIG_HOME``, or ``~/.config`` where that is not set."""
    XDG_ON_LINUX = "xdg on linux"
    """The same, but ``~/.config`` on macOS whatever is set."""
    APPLICATION = "application"
    """Where a desktop program keeps its data: ``~/Library/Application Support`` on macOS, elsewhere as ``XDG``."""


class Shape(StrEnum):
    """How a program writes its servers down."""

    JSON = "json"
    """An object of servers by name, in JSON that may have comments."""
    TOML = "toml"
    """A table of servers by name."""
    BLOCK = "block"
    """A YAML file for each server."""


@dataclass(frozen=True, slots=True)
class Place:
    """A file in a user's folders."""

    base: Base
    folder: str
    """Below the base; empty for the base itself."""
    files: tuple[str, ...]
    """Names it may have; the first that is there counts, or else the first. ``{name}`` is the server's."""
    folder_variable: str = ""
    """Environment variable that names the folder, if there is one."""
    file_variable: str = ""
    """Environment variable that names the file, if there is one."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A program that can use MCP servers."""

    id: str
    """As typed."""
    label: str
    user: Place
    project: tuple[str, ...] = ()
    """Files in a project's folder, the first that is there or else the first; none where it has no such file."""
    shape: Shape = Shape.JSON
    container: tuple[str, ...] = ("mcpServers",)
    """Names that lead to the object or table of servers."""
    extra: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    """Fields of an entry beside the command, in front of it."""
    joined_command: bool = False
    """Whether command and arguments are one list."""
    marks: tuple[str, ...] = ()
    """Paths below the base of which one is there where the program was used; the file's folder if not given."""
    programs: tuple[str, ...] = ()
    """Names of its executable."""


_STDIO = (("type", "stdio"),)
_CODE_STORAGE = "Code/User/globalStorage"

AGENTS: tuple[Agent, ...] = (
    Agent(
        "claude-code",
        "Claude Code",
        Place(Base.HOME, "", (".claude.json",), folder_variable="CLAUDE_CONFIG_DIR"),
        (".mcp.json",),
        extra=_STDIO,
        marks=(".claude", ".claude.json"),
        programs=("claude",),
    ),
    Agent("claude-desktop", "Claude Desktop", Place(Base.APPLICATION, "Claude", ("claude_desktop_config.json",))),
    Agent(
        "cursor",
        "Cursor",
        Place(Base.HOME, ".cursor", ("mcp.json",)),
        (".cursor/mcp.json",),
        extra=_STDIO,
        programs=("cursor", "cursor-agent"),
    ),
    Agent(
        "vscode",
        "VS Code",
        Place(Base.APPLICATION, "Code/User", ("mcp.json",)),
        (".vscode/mcp.json",),
        container=("servers",),
        extra=_STDIO,
        programs=("code",),
    ),
    Agent(
        "vscode-insiders",
        "VS Code Insiders",
        Place(Base.APPLICATION, "Code - Insiders/User", ("mcp.json",)),
        (".vscode/mcp.json",),
        container=("servers",),
        extra=_STDIO,
        programs=("code-insiders",),
    ),
    Agent(
        "continue",
        "Continue",
        Place(Base.HOME, ".continue", ("mcpServers/{name}.yaml",), folder_variable="CONTINUE_GLOBAL_DIR"),
        (".continue/mcpServers/{name}.yaml",),
        shape=Shape.BLOCK,
        programs=("cn",),
    ),
    Agent(
        "zed",
        "Zed",
        Place(Base.XDG_ON_LINUX, "zed", ("settings.json",)),
        (".zed/settings.json",),
        container=("context_servers",),
        programs=("zed", "zeditor"),
    ),
    Agent(
        "codex",
        "Codex CLI",
        Place(Base.HOME, ".codex", ("config.toml",), folder_variable="CODEX_HOME"),
        (".codex/config.toml",),
        shape=Shape.TOML,
        container=("mcp_servers",),
        programs=("codex",),
    ),
    Agent(
        "gemini",
        "Gemini CLI",
        Place(Base.HOME, ".gemini", ("settings.json",)),
        (".gemini/settings.json",),
        programs=("gemini",),
    ),
    Agent(
        "antigravity",
        "Antigravity",
        Place(Base.HOME, ".gemini/config", ("mcp_config.json",)),
        marks=(".gemini/config", ".gemini/antigravity", ".gemini/antigravity-cli"),
        programs=("agy", "antigravity"),
    ),
    Agent(
        "opencode",
        "OpenCode",
        Place(Base.XDG, "opencode", ("opencode.json", "opencode.jsonc")),
        ("opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"),
        container=("mcp",),
        extra=(("type", "local"),),
        joined_command=True,
        programs=("opencode",),
    ),
    Agent(
        "windsurf",
        "Windsurf",
        Place(Base.HOME, ".codeium/windsurf", ("mcp_config.json",)),
        programs=("windsurf",),
    ),
    Agent(
        "devin",
        "Devin Desktop and CLI",
        Place(Base.HOME, ".config/devin", ("mcp_config.json",)),
        (".devin/mcp_config.json",),
        programs=("devin",),
    ),
    Agent(
        "copilot-cli",
        "GitHub Copilot CLI",
        Place(Base.HOME, ".copilot", ("mcp-config.json",), folder_variable="COPILOT_HOME"),
        (".mcp.json", ".github/mcp.json"),
        extra=(("type", "stdio"), ("tools", ("*",))),
        programs=("copilot",),
    ),
    Agent(
        "cline",
        "Cline in VS Code",
        Place(Base.APPLICATION, f"{_CODE_STORAGE}/saoudrizwan.claude-dev/settings", ("cline_mcp_settings.json",)),
        marks=(f"{_CODE_STORAGE}/saoudrizwan.claude-dev",),
    ),
    Agent(
        "cline-cli",
        "Cline CLI",
        Place(
            Base.HOME,
            ".cline/data/settings",
            ("cline_mcp_settings.json",),
            file_variable="CLINE_MCP_SETTINGS_PATH",
        ),
        marks=(".cline",),
        programs=("cline",),
    ),
    Agent(
        "roo-code",
        "Roo Code in VS Code",
        Place(Base.APPLICATION, f"{_CODE_STORAGE}/rooveterinaryinc.roo-cline/settings", ("mcp_settings.json",)),
        (".roo/mcp.json",),
        marks=(f"{_CODE_STORAGE}/rooveterinaryinc.roo-cline",),
    ),
    Agent(
        "junie",
        "JetBrains Junie",
        Place(Base.HOME, ".junie/mcp", ("mcp.json",)),
        (".junie/mcp/mcp.json",),
        marks=(".junie",),
        programs=("junie",),
    ),
    Agent(
        "kiro",
        "Kiro",
        Place(Base.HOME, ".kiro/settings", ("mcp.json",)),
        (".kiro/settings/mcp.json",),
        marks=(".kiro",),
        programs=("kiro", "kiro-cli"),
    ),
    Agent(
        "amp",
        "Amp",
        Place(Base.HOME, ".config/amp", ("settings.json", "settings.jsonc")),
        (".amp/settings.json", ".amp/settings.jsonc"),
        container=("amp.mcpServers",),
        programs=("amp",),
    ),
    Agent(
        "qwen-code",
        "Qwen Code",
        Place(Base.HOME, ".qwen", ("settings.json",)),
        (".qwen/settings.json",),
        programs=("qwen",),
    ),
    Agent(
        "droid",
        "Factory Droid",
        Place(Base.HOME, ".factory", ("mcp.json",)),
        (".factory/mcp.json",),
        extra=_STDIO,
        programs=("droid",),
    ),
    Agent("lm-studio", "LM Studio", Place(Base.HOME, ".lmstudio", ("mcp.json",)), programs=("lms",)),
)
"""In the order in which they are listed."""


def agent_named(name: str) -> Agent | None:
    """Return the agent that is typed as ``name``, in any case and with any separator; ``None`` if there is none."""
    plain = _plain(name)
    return next((agent for agent in AGENTS if plain in (_plain(agent.id), _plain(agent.label))), None)


def user_file(agent: Agent, machine: Machine, name: str) -> Path:
    """Return the file in which an agent keeps a user's servers, which need not exist.

    Args:
        agent: The agent.
        machine: Where to look.
        name: Name of the server, for agents that keep a file for each.
    """
    named = machine.environ.get(agent.user.file_variable, "") if agent.user.file_variable else ""
    if named:
        return _absolute(named, machine)
    return _first_that_is_there(_user_folder(agent, machine), agent.user.files, name)


def project_file(agent: Agent, root: Path, name: str) -> Path | None:
    """Return the file in which an agent keeps a project's servers, or ``None`` if it has none."""
    return _first_that_is_there(root, agent.project, name) if agent.project else None


def is_found(agent: Agent, machine: Machine) -> bool:
    """Whether there is a trace of an agent on the machine: a folder of its own, or its program on the path."""
    if agent.user.folder_variable and machine.environ.get(agent.user.folder_variable):
        return True
    base = _base_folder(agent.user.base, machine)
    marks = agent.marks or (agent.user.folder,)
    if any(_is_there(base / mark) for mark in marks):
        return True
    search_path = machine.environ.get("PATH", "")
    return any(shutil.which(program, path=search_path) is not None for program in agent.programs)


def _plain(name: str) -> str:
    return "".join(char for char in name.lower() if char.isalnum())


def _user_folder(agent: Agent, machine: Machine) -> Path:
    place = agent.user
    named = machine.environ.get(place.folder_variable, "") if place.folder_variable else ""
    return _absolute(named, machine) if named else _base_folder(place.base, machine) / place.folder


def _base_folder(base: Base, machine: Machine) -> Path:
    if base is Base.HOME:
        return machine.home
    if base is Base.APPLICATION and machine.platform == MACOS:
        return machine.home / "Library" / "Application Support"
    if base is Base.APPLICATION and machine.platform == WINDOWS:
        return Path(machine.environ.get("APPDATA") or machine.home / "AppData" / "Roaming")
    xdg = machine.environ.get("XDG_CONFIG_HOME", "")
    if base is Base.XDG_ON_LINUX and machine.platform == MACOS:
        xdg = ""
    return Path(xdg) if Path(xdg).is_absolute() else machine.home / ".config"


def _absolute(text: str, machine: Machine) -> Path:
    if text == "~" or text.startswith("~/"):
        return machine.home / text[2:]
    return Path(text).absolute()


def _first_that_is_there(folder: Path, files: tuple[str, ...], name: str) -> Path:
    paths = [folder / file.replace("{name}", name) for file in files]
    return next((path for path in paths if _is_there(path)), paths[0])


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # in a folder that may not be looked into
        return False
