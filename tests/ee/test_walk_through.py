# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The walk-through of the package's README does what it says: every command is run, every shown line comes."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\(exit code (\d+)\)")


def steps() -> list[tuple[str, list[str], int]]:
    """Commands with the lines that they are to print, and their exit codes."""
    found: list[tuple[str, list[str], int]] = []
    for block in BLOCK.findall((ROOT / "conexus_ee" / "README.md").read_text(encoding="utf-8")):
        for line in block.splitlines():
            code = EXIT.fullmatch(line)
            if line.startswith("$ "):
                found.append((line[2:], [], 0))
            elif code:
                found[-1] = (*found[-1][:2], int(code[1]))
            else:
                found[-1][1].append(line)
    return found


def pattern(lines: list[str]) -> str:
    """What the lines stand for: ``…`` is anything, on a line of its own any number of lines."""
    parts = [".*" if line.strip() == "…" else re.escape(line).replace("…", "[^\n]*") + " *" for line in lines]
    return "\n".join(parts) + "\n?" if lines else ""


def test_the_walk_through_works_as_it_is_written(tmp_path: Path) -> None:
    """In a folder of its own, with the program that is installed beside this Python."""
    programs = Path(sys.executable).parent
    environ = {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "CONEXUS_HOME": str(tmp_path / "data"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # lines in the order of a terminal
    }
    commands = steps()
    assert len(commands) >= 15
    for command, lines, code in commands:
        words = shlex.split(command)
        if words[0] == "export":
            name, _, value = words[1].partition("=")
            environ[name] = value
            continue
        words[0] = {"python": sys.executable, "conexus": str(programs / "conexus")}[words[0]]
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{command}\n{done.stdout}"
        told = re.sub(r"^licence: TEST LICENCE.*\n", "", done.stdout, flags=re.MULTILINE)
        assert re.fullmatch(pattern(lines), told, re.DOTALL), f"{command}\n{told}\n{pattern(lines)}"
