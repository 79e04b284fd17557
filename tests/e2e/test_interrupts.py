# SPDX-License-Identifier: FSL-1.1-MIT
"""Ctrl-C at any moment of a command, its start and its end included, shows no traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from program import CONEXUS, ERROR, FOUND, INCOMPLETE, INTERRUPTED, NOTHING, Program, write

from conexus.cli import interrupts

MOMENTS_MS = (*range(0, 100, 8), *range(100, 401, 25))
KILLED = -signal.SIGINT
"""Where Python has not come to our first line, or is past our last one. A shell calls both 130."""


@pytest.mark.parametrize("command", ["--version", "search", "index"])
def test_ctrl_c_at_any_moment(program: Program, tree: Path, command: str) -> None:
    """It ends with 130 and a line at most, or was over before."""
    write(tree, {"parsing.py": "def parse_header(line):\n    return line.split(':')\n"})
    arguments = {"--version": (), "search": ("parse header", tree), "index": (tree,)}[command]
    codes = set()
    for moment_ms in MOMENTS_MS:
        process = subprocess.Popen(
            [CONEXUS, command, *arguments],
            env=program.environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        time.sleep(moment_ms / 1000)
        os.killpg(process.pid, signal.SIGINT)
        told = process.communicate(timeout=60)[1].decode()
        if is_of_the_interpreter(told):
            continue
        assert "Traceback" not in told, f"after {moment_ms} ms: {told}"
        assert "Exception ignored" not in told, f"after {moment_ms} ms: {told}"
        assert process.returncode in {FOUND, NOTHING, INCOMPLETE, INTERRUPTED, KILLED}, f"after {moment_ms} ms: {told}"
        codes.add(process.returncode)
    assert INTERRUPTED in codes
    assert program.run(command, *arguments).code != ERROR, "what was interrupted can be done again"


def is_of_the_interpreter(told: str) -> bool:
    """Whether a traceback is Python's own, from before it came to a line of ours."""
    return "Traceback" in told and str(Path(interrupts.__file__).parents[1]) not in told


def test_an_ignored_ctrl_c_stays_ignored(program: Program) -> None:
    """A shell starts what runs in its background so."""
    held = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process = program.start("--version")
    finally:
        signal.signal(signal.SIGINT, held)
    for _ in range(20):
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    assert process.communicate(timeout=60)[0].startswith(b"conexus ")
    assert process.returncode == FOUND
