# SPDX-License-Identifier: FSL-1.1-MIT
"""The program by forks of one process that has imported it: thousands of commands in the time of hundreds.

As a script this is that process: it reads a command a line from stdin, as JSON, and answers with how it ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, cast

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from program import Ended, Program


class Forks:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> tuple[int, str, str]:
        """Run a command to its end; return its exit code, minus a signal, and what it printed."""
        asked, told = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        asked.write(json.dumps([list(arguments), str(cwd), dict(env)]).encode() + b"\n")
        asked.flush()
        code, out, err = json.loads(told.readline())
        return code, out, err

    def close(self) -> None:
        """End it."""
        self._process.communicate()


class ForkedProgram(Program):
    """The program whose commands are forks."""

    def __init__(self, forks: Forks, folder: Path, settings: dict[str, str]) -> None:
        super().__init__(folder, settings=settings)
        self._forks = forks

    def _ended(
        self, arguments: Sequence[str | Path | bytes], fed: bytes, cwd: Path | None, env: Mapping[str, str] | None
    ) -> Ended:
        assert not fed
        ended = Ended(*self._forks.run([os.fsdecode(one) for one in arguments], cwd or self.folder, self.environ(env)))
        assert "Traceback (most recent call last)" not in ended.text, ended.text
        return ended


def _serve() -> None:
    import qdrant_edge  # noqa: F401, PLC0415 -- by the process that forks alone, as all here

    from conexus import bootstrap  # noqa: F401, PLC0415
    from conexus.cli import app, code_command, graph_command, index_command, search_command  # noqa: F401, PLC0415

    for line in sys.stdin.buffer:
        arguments, cwd, env = json.loads(line)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if not child:
                os.chdir(cwd)
                os.environ.clear()
                os.environ.update(env)
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                sys.argv = ["conexus", *arguments]
                app.run()
                os._exit(0)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
            texts = []
            for stream in (out, err):
                stream.seek(0)
                texts.append(stream.read().decode("utf-8", "replace"))
        sys.stdout.write(json.dumps([code, *texts]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
