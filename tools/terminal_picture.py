# SPDX-License-Identifier: FSL-1.1-MIT
"""Draws docs/images/session.svg from what real commands print to a real terminal.

    python tools/terminal_picture.py

The commands run in a pseudo-terminal on this repository, with a throw-away data folder; their output
is drawn as it is. Needs the package installed in the interpreter that runs this.
"""

from __future__ import annotations

import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
from fcntl import ioctl
from pathlib import Path
from termios import TIOCSWINSZ

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "session.svg"
WIDTH, HEIGHT = 108, 50
COMMANDS = (
    ["index", "."],
    ["search", "how are secrets kept out of the index", "-n", "3", "-C", "6", "--path", "conexus/"],
    ["search", "SearchEngine.run", "-n", "1", "-C", "5"],
)
_LINK = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")
_REDRAWN = re.compile(r"[^\n]*\r(?!\n)|\x1b\[\?25[lh]|\x1b\[[0-9]*[AKGJ]")
_BAR = re.compile("\u2501{5}")
# Rich's own frame, without the web fonts that it would load.
_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
 font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run_in_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """Run a command in a pseudo-terminal and return what it printed."""
    ours, theirs = pty.openpty()
    ioctl(theirs, TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
    command = [str(Path(sys.executable).with_name("conexus")), *arguments]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=ROOT, env=environment)
    os.close(theirs)
    printed = io.BytesIO()
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # the terminal is gone with its last user
            break
        if not block:
            break
        printed.write(block)
    process.wait()
    return printed.getvalue().decode()


def shown(text: str) -> str:
    """Return what stays on the screen: without links, and without a progress bar that was taken away."""
    lines = _REDRAWN.sub("", _LINK.sub("", text).replace("\r\n", "\n")).split("\n")
    return "\n".join(line for line in lines if not _BAR.search(line)).strip("\n")


def main() -> None:
    """Run the commands and write the picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "CONEXUS_HOME": home, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        for number, arguments in enumerate(COMMANDS):
            typed = " ".join(f'"{part}"' if " " in part else part for part in arguments)
            console.print(
                Text(("\n" if number else "") + "$ ", style="bold green") + Text(f"conexus {typed}", style="bold")
            )
            output = "\n".join(line.rstrip() for line in shown(run_in_terminal(arguments, environment)).split("\n"))
            console.print(Text.from_ansi(output.replace(str(ROOT), ".")))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="conexus", theme=MONOKAI, code_format=_FORMAT, unique_id="session")
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
