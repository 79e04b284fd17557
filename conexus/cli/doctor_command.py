# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus doctor``: runs where hardly anything else does, so that it imports nothing that is installed beside it."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.doctor.checks import run_checks
from conexus.cli.doctor.findings import Level

EXIT_ERROR = 2
_MARKS = {Level.OK: "ok  ", Level.WARNING: "warn", Level.ERROR: "FAIL"}


def doctor(
    checks: Annotated[
        list[str] | None, typer.Argument(metavar="[CHECK]...", help="Only these, as permissions, clock or data-folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this machine and the installation: disk, locks, permissions, limits, model, indexes.

    Ends with 2 where something is wrong; a warning is no error.

    Examples:
        conexus doctor
        conexus doctor permissions clock
    """
    found = run_checks(checks or ())
    if as_json:
        rows = [dataclasses.asdict(check) for check in found]
        console.out(json.dumps({"schema": "conexus.doctor/1", "checks": rows}, indent=2))
    else:
        for check in found:
            console.out(f"{_MARKS[check.level]}  {check.name}: {console.one_line(check.detail)}")
            if check.hint:
                console.out(f"      hint: {console.one_line(check.hint)}")
    if not all(check.ok for check in found):
        raise typer.Exit(EXIT_ERROR)
