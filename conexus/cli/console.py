# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes to the terminal: plain where it is a pipe, coloured where it is one, never a control character of others."""

from __future__ import annotations

import codecs
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from conexus.adapters.config_files import current_environ
from conexus.errors import ConexusError
from conexus.search.neutral import clean, one_line

if TYPE_CHECKING:
    from rich.console import Console

_STREAM_ERRORS = "conexus.stream"
_NAME_BYTES = (0xDCA0, 0xDCFF)


def prepare_streams() -> None:
    """Let names that are not valid text pass through as the bytes they are, and all text in any encoding."""
    codecs.register_error(_STREAM_ERRORS, _encode_anyway)
    # A closed stream is given somewhere to go, so that its number is not taken by a file of ours.
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=_STREAM_ERRORS)


def _encode_anyway(error: UnicodeError) -> tuple[str | bytes, int]:
    """Write a byte of a name as it is, and of a character that the encoding lacks its number."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    code = ord(error.object[error.start])
    if _NAME_BYTES[0] <= code <= _NAME_BYTES[1]:
        return bytes([code - 0xDC00]), error.start + 1
    return error.object[error.start].encode("ascii", "backslashreplace").decode("ascii"), error.start + 1


def give_up_output() -> None:
    """Throw away what stdout still holds: nobody reads it, or there is no room for it."""
    with Path(os.devnull).open("wb") as nothing:
        os.dup2(nothing.fileno(), sys.stdout.fileno())


def is_terminal(stream: TextIO | None = None) -> bool:
    """Whether a stream, stdout if none is given, is a terminal."""
    return (stream or sys.stdout).isatty()


def out(text: str) -> None:
    """Print a line to stdout."""
    sys.stdout.write(text + "\n")


def err(text: str) -> None:
    """Print a line to stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fail(error: ConexusError, *, as_json: bool = False) -> None:
    """Print an error with its hint to stderr, for people or as one line of JSON."""
    if as_json:
        facts = {"code": error.code.value, "message": error.message, "hint": error.hint, "details": {**error.details}}
        err(json.dumps({"schema": "conexus.error/1", **facts}))
        return
    bold, dim, end = ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") if _has_colours() else ("", "", "")
    err(f"{bold}error:{end} {one_line(error.message)}")
    if error.hint:
        err(f"{dim}hint:{end} {one_line(error.hint)}")


def _has_colours() -> bool:
    """Whether stderr is a terminal that knows colours, and its user wants them."""
    environ = current_environ()
    return is_terminal(sys.stderr) and not environ.get("NO_COLOR") and environ.get("TERM") not in {"dumb", "unknown"}


def rich_console(*, stderr: bool = False) -> Console:
    """Return Rich's console; imported here, since it takes a while."""
    from rich.console import Console  # noqa: PLC0415 -- only on a terminal

    environ = dict(current_environ())
    if environ.get("COLUMNS") == "0":  # of a terminal that does not know its size; nothing fits into that
        del environ["COLUMNS"]
    return Console(stderr=stderr, highlight=False, soft_wrap=True, _environ=environ)


def count(number: int, noun: str) -> str:
    """Return a number of things for people, as ``1 file`` or ``1,200 repositories``."""
    if number != 1:
        noun = noun[:-1] + "ies" if noun.endswith("y") else noun + "s"
    return f"{number:,} {noun}"


def size(size_bytes: float) -> str:
    """Return a number of bytes for people, as ``12.3 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if size_bytes < 1000:  # noqa: PLR2004 -- units are thousands
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.1f} TB"


def duration(seconds: float) -> str:
    """Return a time for people, as ``0.4 s`` or ``3 min 20 s``."""
    if seconds < 60:  # noqa: PLR2004 -- seconds of a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


__all__ = [
    "clean",
    "count",
    "duration",
    "err",
    "fail",
    "give_up_output",
    "is_terminal",
    "one_line",
    "out",
    "prepare_streams",
    "rich_console",
    "size",
]
