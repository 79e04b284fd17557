"""The command line: what is typed to calls of the service, answers and errors to text and exit codes.

Exit codes of ``search``: 0 found, 1 nothing found, 2 an error, 3 answered from an index that is not
finished. Of every other command: 0, or 2 on an error, or 1 where a check found something.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from conexus import __version__
from conexus.cli import (
    console,
    eval_command,
    index_command,
    install_command,
    repos_command,
    search_command,
    serve_command,
    settings_command,
    upkeep_command,
)
from conexus.cli.examples import CommandWithExamples
from conexus.errors import Cancelled, ConexusError, SourceError

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

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


app.command("index", cls=CommandWithExamples)(index_command.index)
app.command("search", cls=CommandWithExamples)(search_command.search)
app.add_typer(repos_command.app, name="repos")
app.command("status", cls=CommandWithExamples)(upkeep_command.status)
app.command("why", cls=CommandWithExamples)(upkeep_command.why)
app.command("eval", cls=CommandWithExamples)(eval_command.evaluate)
app.command("doctor", cls=CommandWithExamples)(upkeep_command.doctor)
app.command("verify", cls=CommandWithExamples)(upkeep_command.verify)
app.add_typer(settings_command.app, name="config")
app.command("serve", cls=CommandWithExamples)(serve_command.serve)
app.add_typer(serve_command.app, name="daemon")
app.command("install", cls=install_command.InstallCommand)(install_command.install)


def run() -> NoReturn:
    """Run the command line and exit."""
    console.prepare_streams()
    try:
        try:
            app(standalone_mode=True)
        finally:
            sys.stdout.flush()  # here, where it can still be told that there was no room
    except SystemExit:
        if type(sys.stdout).__name__ == "PacifyFlushWrapper":  # how Typer ends where the reader has gone
            sys.exit(0)
        raise
    except Cancelled as error:
        console.fail(error)
        sys.exit(EXIT_INTERRUPTED)
    except ConexusError as error:
        console.fail(error)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        console.err("interrupted")
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `conexus search … | head`
        console.give_up_output()
        sys.exit(0)
    except OSError as error:
        console.fail(_os_error(error))
        console.give_up_output()
        sys.exit(EXIT_ERROR)
    except RuntimeError as error:
        if "home directory" not in str(error):
            raise
        console.fail(SourceError("you have no home folder", hint="set HOME to a folder you can write"))
        sys.exit(EXIT_ERROR)
    sys.exit(0)


def _os_error(error: OSError) -> ConexusError:
    try:
        Path.cwd()
    except OSError:
        return SourceError("the folder you are in was deleted", hint="change to another one: cd")
    place = f": {error.filename}" if error.filename else ""
    return SourceError(f"{error.strerror or error}{place}")
