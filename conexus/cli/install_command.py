# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus install``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from conexus.cli.examples import CommandWithExamples


class InstallCommand(CommandWithExamples):
    """The command with ``--project``, whose path may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 -- click's, or Typer's copy of it
        """Put the current checkout where ``--project`` is followed by no path."""
        from conexus.adapters.coding_agents import agent_named  # noqa: PLC0415 - see install()
        from conexus.cli.agent_install import THIS_CHECKOUT  # noqa: PLC0415

        for place, word in enumerate(args):
            if word == "--":
                break
            following = args[place + 1] if place + 1 < len(args) else "-"
            if word == "--project" and (following.startswith("-") or agent_named(following) is not None):
                args = [*args[:place], f"--project={THIS_CHECKOUT}", *args[place + 1 :]]
                break
        return super().parse_args(ctx, args)


def _agent_names() -> list[str]:
    from conexus.adapters.coding_agents import AGENTS  # noqa: PLC0415 - see install()

    return [agent.id for agent in AGENTS]


def install(
    agent: Annotated[
        str | None,
        typer.Argument(
            help="The program, as claude-code or cursor; all of them are listed if not given.",
            autocompletion=_agent_names,
        ),
    ] = None,
    project: Annotated[
        str | None,
        typer.Option("--project", metavar="[PATH]", help="The project's own configuration instead of yours."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the entry out again.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    backup: Annotated[bool, typer.Option("--backup", help="Keep the file as it was beside it.")] = False,
    name: Annotated[str, typer.Option("--name", help="Name of the entry.")] = "conexus",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Let a coding agent use Conexus: write it into the agent's list of MCP servers, or take it out.

    Without the name of an agent: list them, with those found on this machine first. The change is shown
    before it is made, and everything else in the file stays as it is. Without a terminal to ask on,
    nothing is written unless --yes is given.

    Examples:
        conexus install
        conexus install claude-code
        conexus install cursor --project
        conexus install zed --dry-run
        conexus install codex --remove --yes
    """
    from conexus.cli import agent_install  # noqa: PLC0415 - every command would pay for what one needs: 15 ms

    wish = agent_install.Wish(name, remove=remove, dry_run=dry_run, yes=yes, backup=backup, as_json=as_json)
    agent_install.run(agent, project, wish)
