"""Writes to the terminal: plain where it is a pipe, coloured where it is one, never a control character of others."""

from __future__ import annotations

import codecs
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from conexus.errors import ConexusError

if TYPE_CHECKING:
    from rich.console import Console

_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_INVISIBLE = frozenset("\u200b\u2060\u2061\u2062\u2063\u2064\u2028\u2029\ufeff")
_STREAM_ERRORS = "conexus.stream"
_FIRST_PRINTABLE, _DELETE, _LAST_C1 = 0x20, 0x7F, 0x9F
_NAME_BYTES = (0xDCA0, 0xDCFF)
_CLEAN = {
    **{code: f"\\x{code:02x}" for code in range(_FIRST_PRINTABLE) if chr(code) not in "\t\n"},
    **{code: f"\\x{code:02x}" for code in range(_DELETE, _LAST_C1 + 1)},
    **{ord(char): f"\\u{ord(char):04x}" for char in _BIDI | _INVISIBLE},
    **{code: f"\\U{code:08x}" for code in range(0xE0000, 0xE0080)},  # tags: invisible letters
    # Half a character. One that stands for a byte of a name which is no UTF-8 is let through, so that the name can be
    # used, but not where the byte is a control character.
    **{code: f"\\u{code:04x}" for code in range(0xD800, 0xE000) if not _NAME_BYTES[0] <= code <= _NAME_BYTES[1]},
    **{0xDC00 + code: f"\\x{code:02x}" for code in range(_DELETE + 1, _LAST_C1 + 1)},
}


def clean(text: str) -> str:
    """Return text of others with what controls a terminal or hides made visible; tabs and line ends stay."""
    return text.translate(_CLEAN)


def one_line(text: str) -> str:
    """Return text of others, cleaned, on one line."""
    return clean(text).replace("\n", "\\n").replace("\t", " ")


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


def fail(error: ConexusError) -> None:
    """Print an error with its hint to stderr."""
    bold, dim, end = ("\x1b[1;31m", "\x1b[2m", "\x1b[0m") if is_terminal(sys.stderr) else ("", "", "")
    err(f"{bold}error:{end} {one_line(error.message)}")
    if error.hint:
        err(f"{dim}hint:{end} {one_line(error.hint)}")


def rich_console(*, stderr: bool = False) -> Console:
    """Return Rich's console; imported here, since it takes a while."""
    from rich.console import Console  # noqa: PLC0415 -- only on a terminal

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


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
