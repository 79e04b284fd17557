# SPDX-License-Identifier: FSL-1.1-MIT
"""The command line: what is typed to calls of the service, answers and errors to text and exit codes.

Exit codes of ``search``: 0 found, 1 nothing found, 2 an error, 3 answered from an index that is not
finished. Of every other command: 0, or 2 on an error, or 1 where a check found something.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from conexus import __version__
from conexus.adapters import config_files
from conexus.adapters.config_files import current_environ
from conexus.cli import console, interrupts
from conexus.cli.examples import CommandWithExamples
from conexus.errors import Cancelled, ConexusError, SourceError

EXIT_ERROR = 2

app = typer.Typer(
    name="conexus",
    help="Semantic code search that runs on your own machine.",
    epilog='Start with:  conexus search "where are sessions stored"',
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        console.out(f"conexus {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Semantic code search that runs on your own machine."""


_COMMANDS = {
    "index": "index_command:index",
    "search": "search_command:search",
    "context": "context_command:context",
    "extract": "context_command:extract",
    "similar": "code_command:similar",
    "symbols": "code_command:symbols",
    "map": "code_command:show_map",
    "graph": "dependency_command:app",
    "repos": "repos_command:app",
    "status": "upkeep_command:status",
    "jobs": "jobs_command:app",
    "why": "upkeep_command:why",
    "eval": "eval_command:evaluate",
    "model": "model_command:app",
    "doctor": "doctor_command:doctor",
    "verify": "upkeep_command:verify",
    "gc": "upkeep_command:collect",
    "config": "settings_command:app",
    "log": "usage_command:show_log",
    "stats": "usage_command:show_stats",
    "keys": "keys_command:app",
    "admin": "admin_command:app",
    "policy": "policy_command:app",
    "audit": "audit_command:app",
    "features": "features_command:features",
    "license": "license_command:app",
    "webhooks": "webhooks_command:app",
    "serve": "serve_command:serve",
    "daemon": "serve_command:app",
    "mcp": "mcp_command:mcp",
    "install": "install_command:install:InstallCommand",
}
"""Commands in the order of the help, and where each is: module, function or group, and class where it has its own."""


def _add_commands(arguments: Sequence[str]) -> None:
    """Import the command that is asked for, or all where the help or completion needs them: imports take longest."""
    if list(arguments) == ["--version"]:
        return
    asked = next((argument for argument in arguments if not argument.startswith("-")), "")
    only = asked in _COMMANDS and not any(name.endswith("_COMPLETE") for name in current_environ())
    if not only:
        _add_extra_commands(asked)
    for name in [asked] if only else _COMMANDS:
        module_name, attribute, *own_class = _COMMANDS[name].split(":")
        module = import_module(f"conexus.cli.{module_name}")
        found = getattr(module, attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name, cls=getattr(module, own_class[0]) if own_class else CommandWithExamples)(found)


def _add_extra_commands(asked: str) -> None:
    """Add what the edition brings, for the help and where a command is asked for that the core does not have."""
    from conexus.cli.ledgers import settings  # noqa: PLC0415 -- brings the store

    try:
        config = settings()
        if not config_files.data_dir(config).is_dir():
            return  # a look at the help makes no data folder
        from conexus import data_folder  # noqa: PLC0415

        with data_folder.open_edition(config) as edition:
            names = [(command.name, command.help) for command in edition.commands if command.name not in _COMMANDS]
    except ConexusError as error:
        if asked:
            console.fail(error)
        return  # the help has to come even so
    for name, text in names:
        options = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command(name, help=text, context_settings=options)(_extra(name))


def _extra(name: str) -> Callable[[typer.Context], None]:
    def run_extra(context: typer.Context) -> None:
        from conexus import data_folder  # noqa: PLC0415 -- as above
        from conexus.cli.ledgers import settings  # noqa: PLC0415

        with data_folder.open_edition(settings()) as edition:
            command = next(one for one in edition.commands if one.name == name)
            command.run(context.args, lambda line: console.out(console.one_line(line)))

    return run_extra


def run() -> NoReturn:
    """Run the command line and exit."""
    console.prepare_streams()
    as_json = _wants_json(sys.argv[1:])
    try:
        try:
            _add_commands(sys.argv[1:])
            interrupts.end_in_order()
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # here, where it can still be told that there was no room
    except SystemExit:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # how Typer ends where the reader has gone
            sys.exit(0)
        raise
    except Cancelled as error:
        console.fail(error, as_json=as_json)
        sys.exit(interrupts.EXIT_INTERRUPTED)
    except ConexusError as error:
        console.fail(error, as_json=as_json)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        _end_interrupted()
    except BrokenPipeError:  # `conexus search … | head`
        console.give_up_output()
        sys.exit(0)
    except OSError as error:
        console.fail(_os_error(error), as_json=as_json)
        console.give_up_output()
        sys.exit(EXIT_ERROR)
    except RuntimeError as error:
        _end_with(error, as_json=as_json)
    sys.exit(0)


def _end_interrupted() -> NoReturn:
    console.err("interrupted")
    sys.exit(interrupts.EXIT_INTERRUPTED)


def _end_with(error: RuntimeError, *, as_json: bool) -> NoReturn:
    """Tell of what Python has no better name for."""
    if isinstance(error.__cause__, KeyboardInterrupt):  # in 3.11, while a class is made
        _end_interrupted()
    if "home directory" not in str(error):
        raise error
    homeless = SourceError("you have no home folder", hint="set HOME to a folder you can write")
    console.fail(homeless, as_json=as_json)
    sys.exit(EXIT_ERROR)


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether an answer is asked for as JSON, and so an error as well."""
    options = list(itertools.takewhile(lambda argument: argument != "--", arguments))
    forms = {f"{option}{tie}{form}" for option in ("-f", "--format") for tie in " =" for form in ("json", "jsonl")}
    return "--json" in options or not forms.isdisjoint([*options, *map(" ".join, itertools.pairwise(options))])


def _os_error(error: OSError) -> ConexusError:
    try:
        Path.cwd()
    except OSError:
        return SourceError("the folder you are in was deleted", hint="change to another one: cd")
    place = f": {error.filename}" if error.filename else ""
    return SourceError(f"{error.strerror or error}{place}")
