# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus config``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from conexus.adapters import config_files
from conexus.adapters.git_metadata import find_checkout
from conexus.cli import console
from conexus.cli.examples import CommandWithExamples
from conexus.cli.records import on_record

app = typer.Typer(help="Show and change settings.", no_args_is_help=True)


@app.command("show", cls=CommandWithExamples)
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show every setting, and where its value comes from.

    Examples:
        conexus config show
    """
    root = find_checkout(Path.cwd(), home=Path.home()).root
    loaded = config_files.load(config_files.current_environ(), root, {})
    rows = [(key, config_files.shown_value(key, _value(loaded, key)), loaded.origins[key]) for key in loaded.origins]
    if as_json:
        found = {key: {"value": value, "origin": origin} for key, value, origin in rows}
        console.out(json.dumps({"schema": "conexus.config/1", "settings": found}, indent=2))
        return
    width = max(len(key) for key, _, _ in rows)
    values = max(len(value) for _, value, _ in rows)
    for key, value, origin in rows:
        console.out(f"{key:<{width}}  {console.one_line(value):<{values}}  {console.one_line(origin)}")


def _value(loaded: config_files.Loaded, key: str) -> object:
    found: object = loaded.config
    for part in key.split("."):
        found = getattr(found, part)
    return found


@app.command("path", cls=CommandWithExamples)
def path() -> None:
    """Print the path of your settings file.

    Examples:
        conexus config path
    """
    console.out(str(config_files.user_config_path(config_files.current_environ())))


@app.command("set", cls=CommandWithExamples)
def set_setting(
    key: Annotated[str, typer.Argument(help="Setting, as search.limit.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
) -> None:
    """Write a setting to your settings file.

    Examples:
        conexus config set search.limit 20
    """
    target = config_files.user_config_path(config_files.current_environ())
    with on_record("set_setting", {"setting": key, "value": config_files.shown_value(key, value)}):
        config_files.set_value(target, key, value)
    console.out(f"{key} = {config_files.shown_value(key, value)}  ({console.one_line(str(target))})")
