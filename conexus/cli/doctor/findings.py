# SPDX-License-Identifier: FSL-1.1-MIT
"""What a check comes to."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from conexus.errors import ConexusError
from conexus.values import dataclass


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, but not as well as it could."""
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    """Whether it is no error."""
    detail: str
    hint: str = ""
    level: Level = Level.OK


class Doubtful(Exception):
    """What works, but not as well as it could."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def look(name: str, check: Callable[[], str]) -> Check:
    """Make a check, which tells what it found or raises; one that fails does not stop the others."""
    try:
        return Check(name, ok=True, detail=check())
    except Doubtful as doubt:
        return Check(name, ok=True, detail=doubt.message, hint=doubt.hint, level=Level.WARNING)
    except ConexusError as error:
        return Check(name, ok=False, detail=error.message, hint=error.hint or "", level=Level.ERROR)
    except Exception as error:  # noqa: BLE001 -- whatever is wrong with an installation is what is looked for
        hint = "run the command again; where it stays so, install Conexus anew: pip install --force-reinstall conexus"
        return Check(name, ok=False, detail=f"{type(error).__name__}: {error}", hint=hint, level=Level.ERROR)
