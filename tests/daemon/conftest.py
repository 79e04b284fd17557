# SPDX-License-Identifier: FSL-1.1-MIT
"""A real daemon in a process of its own, over an index of a small repository."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import httpx
import pytest

# The helpers of the end-to-end tests, which are no package.
sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))
from program import CONEXUS, Program

_lending = importlib.util.spec_from_file_location("e2e_conftest", Path(__file__).parents[1] / "e2e" / "conftest.py")
assert _lending is not None
assert _lending.loader is not None
_module = importlib.util.module_from_spec(_lending)
_lending.loader.exec_module(_module)
make_lending = _module.make_lending

REPO = "example.org/tools/lending"
_START_S = 120.0


@dataclass
class Served:
    """A daemon that runs, and how to talk to it."""

    program: Program
    tree: Path
    process: Popen[bytes]
    state: dict[str, Any]
    token: str

    @property
    def url(self) -> str:
        """Where REST is."""
        return str(self.state["http"])

    @property
    def grpc(self) -> str:
        """Where gRPC is."""
        return str(self.state["grpc"])

    def client(self, token: str | None = None, **options: Any) -> httpx.Client:
        """A client with the daemon's token, or another one; ``""`` for none."""
        given = self.token if token is None else token
        headers = {"authorization": f"Bearer {given}"} if given else {}
        return httpx.Client(base_url=self.url, headers={**headers, **options.pop("headers", {})}, timeout=60, **options)

    def key(self, role: str = "reader", *arguments: str) -> str:
        """The secret of a new API key."""
        made = self.program.ok("keys", "create", "--name", f"test {role}", "--role", role, *arguments)
        return made.out.strip().splitlines()[-1]


@contextlib.contextmanager
def serving(program: Program, tree: Path, *arguments: str, before: Sequence[str] = ()) -> Iterator[Served]:
    """Run a daemon on free ports until the end of the block; ``before`` is a program that runs it."""
    log = program.folder / "serve.log"
    with log.open("wb") as stream:
        process = Popen(
            [*before, CONEXUS, "serve", "--port", "0", "--grpc-port", "0", *arguments],
            env=program.environ(),
            stdin=DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        state = wait_for_state(program, process)
        token = (program.data / "daemon.token").read_text(encoding="ascii")
        yield Served(program, tree, process, state, token)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=120)
        except Exception:
            process.kill()
            raise
        errors = log.read_text(encoding="utf-8", errors="replace")
        assert "Traceback" not in errors, errors[-3000:]


def wait_for_state(program: Program, process: Popen[bytes]) -> dict[str, Any]:
    """What a daemon published of itself, once it has."""
    path = program.data / "daemon.json"
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise AssertionError("the daemon ended")
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            if found["pid"] == process.pid:
                return found
        time.sleep(0.02)
    raise AssertionError("the daemon did not say where it listens")


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A daemon that the tests of a process share; they leave its index as it is."""
    folder = tmp_path_factory.mktemp("daemon")
    program = Program(folder)
    tree = folder / "lending"
    make_lending(tree)
    (tree / "desk" / "report.py").write_text(
        "from desk.lending import statement\n\n\ndef report(desk, member):\n    return statement(desk, member, None)\n",
        encoding="utf-8",
    )
    program.ok("index", tree)
    with serving(program, tree) as found:
        yield found


@pytest.fixture
def attacked(tmp_path: Path) -> Iterator[Served]:
    """A daemon of its own: who sends wrong credentials is slowed down, and on one machine all have one address."""
    program = Program(tmp_path)
    tree = tmp_path / "lending"
    make_lending(tree)
    program.ok("index", tree)
    with serving(program, tree) as found:
        yield found


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[tuple[Program, Path]]:
    """A program of its own, and a repository that is not indexed yet."""
    program = Program(tmp_path)
    tree = tmp_path / "lending"
    make_lending(tree)
    yield program, tree
    program.run("daemon", "stop")
