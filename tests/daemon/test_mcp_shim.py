# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus mcp``: what agents start, over its pipes, with the SDK's client, the inspector, and by hand."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mcp_types as types
import pytest
from conftest import Served, serving
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from program import CONEXUS, Program

_T = TypeVar("_T")
QUESTION = "fine of a late loan"
INSPECTOR = "2.12.0"
BUILD = Path(__file__).parents[2] / "build" / "inspector" / INSPECTOR
OPENING = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
ENVELOPE = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}


def with_client(program: Program, cwd: Path, work: Callable[[Client], Awaitable[_T]], mode: str = "legacy") -> _T:
    """Do something with the SDK's own client, which starts the shim as agents do."""

    async def run() -> _T:
        server = StdioServerParameters(command=CONEXUS, args=["mcp"], env=program.environ(), cwd=cwd)
        async with Client(stdio_client(server), mode=mode) as client:
            return await work(client)

    return asyncio.run(run())


@dataclass
class Shim:
    """A shim at whose pipes a test sits."""

    process: subprocess.Popen[bytes]
    _ids: int = field(default=0)

    def send(self, message: Any) -> None:
        """Write one message, or bytes as they are."""
        raw = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(raw + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        """Read one message; anything else on stdout is an error."""
        assert self.process.stdout is not None
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert found["jsonrpc"] == "2.0"
        return found

    def open(self) -> dict[str, Any]:
        """Shake hands."""
        self.send(OPENING)
        found = self.receive()
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return found

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call a tool and return the whole answer."""
        self._ids += 1
        params = {"name": tool, "arguments": arguments}
        self.send({"jsonrpc": "2.0", "id": self._ids, "method": "tools/call", "params": params})
        found = self.receive()
        assert found["id"] == self._ids
        return found

    def search(self) -> str:
        """Search, and return the text of the answer."""
        found = self.call("search_code", {"query": QUESTION})
        assert "result" in found, found
        return str(found["result"]["content"][0]["text"])

    def close(self) -> int:
        """Close the pipe, as an agent that ends does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(timeout=60)


@pytest.fixture
def started() -> Iterator[Callable[..., Shim]]:
    """Starts shims, and sees to it that none is left."""
    made: list[subprocess.Popen[bytes]] = []

    def start(program: Program, cwd: Path) -> Shim:
        process = subprocess.Popen(
            [CONEXUS, "mcp"],
            cwd=cwd,
            env=program.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        made.append(process)
        return Shim(process)

    yield start
    for process in made:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


# ------------------------------------------------------------------------------ clients


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_the_folder_it_is_started_in_is_what_is_searched(served: Served, mode: str) -> None:
    """Without a word about repositories, in both eras of the protocol."""

    async def work(client: Client) -> tuple[str, list[str], str]:
        tools = [tool.name for tool in (await client.list_tools()).tools]
        found = await client.call_tool("search_code", {"query": QUESTION})
        assert isinstance(found.content[0], types.TextContent)
        return client.session.protocol_version, tools, found.content[0].text

    version, tools, text = with_client(served.program, served.tree / "desk", work, mode)
    assert version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert "search_code" in tools
    assert f"Paths are relative to {served.tree}." in text
    assert "desk/lending.py:" in text


@pytest.mark.parametrize("mode", ["legacy", "auto"])
def test_forty_calls_at_once(served: Served, mode: str) -> None:
    """Answers come as they are ready, each to its question."""

    async def work(client: Client) -> list[types.CallToolResult]:
        calls = (client.call_tool("find_symbol", {"name": f"name_{number}"}) for number in range(39))
        return list(await asyncio.gather(client.call_tool("search_code", {"query": QUESTION}), *calls))

    found = with_client(served.program, served.tree, work, mode)
    assert "desk/lending.py" in found[0].model_dump_json()
    assert [one.structured_content is None for one in found] == [True] + [False] * 39


@pytest.fixture(scope="session")
def inspector() -> list[str]:
    """The inspector's command, installed from npm; npm and node come with the development dependencies."""
    search = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    program = BUILD / "node_modules" / ".bin" / "mcp-inspector"
    if not program.exists():
        npm = shutil.which("npm", path=search)
        assert npm is not None, "npm is missing: pip install --group dev"
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        subprocess.run(
            [npm, "install", f"--prefix={BUILD}", *options, f"@modelcontextprotocol/inspector@{INSPECTOR}"],
            check=True,
            timeout=600,
            env={**os.environ, "PATH": search},
            stdout=subprocess.DEVNULL,
        )
    node = shutil.which("node", path=search)
    assert node is not None
    return [node, str(program), "--cli"]


def test_the_inspector_lists_and_calls_tools(served: Served, inspector: list[str]) -> None:
    """Another SDK than ours, over stdio and over HTTP."""
    environ = served.program.environ()
    variables = [part for name, value in environ.items() for part in ("-e", f"{name}={value}")]
    calling = ("--method", "tools/call", "--tool-name", "search_code", "--tool-arg", f"query={QUESTION}")

    def inspect(*arguments: str) -> Any:
        done = subprocess.run(
            [*inspector, *arguments],
            cwd=served.tree,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)

    over_http = (f"{served.url}/mcp", "--transport", "http", "--header", f"Authorization: Bearer {served.token}")
    for target in ((*variables, CONEXUS, "mcp"), over_http):
        tools = inspect(*target, "--method", "tools/list")["tools"]
        assert [tool["name"] for tool in tools][:2] == ["search_code", "get_context"]
        found = inspect(*target, *calling)
        assert "desk/lending.py:" in found["content"][0]["text"]


# ------------------------------------------------------------------------------ the daemon comes and goes


def test_a_daemon_is_started_where_none_runs(alone: tuple[Program, Path], started: Callable[..., Shim]) -> None:
    """And the repository is indexed when it is first asked about; the daemon outlives the shim, for others."""
    program, tree = alone
    shim = started(program, tree)
    assert shim.open()["result"]["serverInfo"]["name"] == "conexus"
    text = shim.search()
    # A busy machine takes longer than an answer waits.
    assert "lending was not indexed and is now" in text or "lending is not indexed yet: indexing began" in text
    until = time.monotonic() + 240
    while "desk/lending.py:" not in text:
        assert time.monotonic() < until, text
        time.sleep(0.5)
        text = shim.search()
    assert shim.close() == 0
    assert "process" in program.ok("daemon", "status").out


def test_a_restarted_daemon_is_found_again(alone: tuple[Program, Path], started: Callable[..., Shim]) -> None:
    """The client notices nothing: its session is opened anew for it."""
    program, tree = alone
    program.ok("index", tree)
    shim = started(program, tree)
    shim.open()
    assert "desk/lending.py:" in shim.search()
    program.ok("daemon", "restart", "--port", "0", "--grpc-port", "0")
    assert "desk/lending.py:" in shim.search()
    state = json.loads((program.data / "daemon.json").read_text(encoding="utf-8"))
    os.kill(state["pid"], signal.SIGKILL)
    assert "desk/lending.py:" in shim.search()
    assert shim.close() == 0


def test_without_a_daemon_there_are_errors_and_no_silence(
    alone: tuple[Program, Path], started: Callable[..., Shim]
) -> None:
    """A daemon that cannot start is told of in the answer; when it can again, the next call works."""
    program, tree = alone
    program.ok("index", tree)
    obstacle = program.data / "daemon.token"
    shutil.rmtree(obstacle, ignore_errors=True)
    obstacle.unlink(missing_ok=True)
    obstacle.mkdir()
    shim = started(program, tree)
    shim.send(OPENING)
    refused = shim.receive()
    assert refused["id"] == 0
    assert refused["error"]["data"]["code"] in {"unavailable", "store"}
    assert "daemon" in refused["error"]["message"]
    obstacle.rmdir()
    time.sleep(1.1)
    assert shim.open()["result"]["serverInfo"]["name"] == "conexus"
    assert "desk/lending.py:" in shim.search()


# ------------------------------------------------------------------------------ the pipes


def test_what_is_no_message_is_answered_and_what_follows_is_served(
    served: Served, started: Callable[..., Shim]
) -> None:
    """Broken JSON, other JSON, unknown methods: each gets an error, none stops the shim."""
    shim = started(served.program, served.tree)
    shim.open()
    for sent, code in (
        (b"{", -32700),
        (b"\xff\xfe", -32700),
        (b"[" * 100_000, -32700),
        (b"[]", -32600),
        (b'"x"', -32600),
        (b'{"id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "id": 5, "method": "no/such"}', -32601),
        (b'{"jsonrpc": "2.0", "id": 6, "method": 7}', None),
        (b'{"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": [1]}', None),
        (b'{"jsonrpc": "2.0", "id": 8, "method": "tools/call", "params": {"name": "\\ud800"}}', None),
    ):
        shim.send(sent)
        found = shim.receive()
        assert "error" in found, sent[:50]
        assert code is None or found["error"]["code"] == code, (sent[:50], found)
    for ignored in (
        b"",
        b"   ",
        b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 99}}',
    ):
        shim.send(ignored)
    assert "desk/lending.py:" in shim.search()


def test_a_message_that_is_far_too_long_is_refused(served: Served, started: Callable[..., Shim]) -> None:
    """The shim does not take it in, and the daemon has a limit below that."""
    shim = started(served.program, served.tree)
    shim.open()
    shim.send(b"x" * (17 * 1024 * 1024))
    assert shim.receive()["error"]["code"] == -32600
    found = shim.call("search_code", {"query": "x" * (15 * 1024 * 1024)})
    assert found["error"]["data"]["code"] == "unavailable"
    assert "413" in found["error"]["message"]
    assert "desk/lending.py:" in shim.search()


def test_answers_that_are_due_come_before_the_end(served: Served) -> None:
    """What a script pipes in is answered, though its pipe closes at once."""
    params = {"name": "search_code", "arguments": {"query": QUESTION}, "_meta": ENVELOPE}
    asked = json.dumps({"jsonrpc": "2.0", "id": "a", "method": "tools/call", "params": params})
    done = subprocess.run(
        [CONEXUS, "mcp"],
        cwd=served.tree,
        env=served.program.environ(),
        input=asked.encode() + b"\n",
        capture_output=True,
        timeout=120,
        check=True,
    )
    [line] = done.stdout.splitlines()
    assert json.loads(line)["id"] == "a"
    assert b"desk/lending.py:" in line


# ------------------------------------------------------------------------------ its end

PARENT = """
import os, subprocess, sys, time
reading, writing = os.pipe()
child = subprocess.Popen(sys.argv[1:], stdin=reading, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
holder = subprocess.Popen(["sleep", "300"], pass_fds=[writing])
print(child.pid, holder.pid, flush=True)
time.sleep(300)
"""


def test_it_ends_with_a_parent_that_is_killed(served: Served) -> None:
    """Although somebody else holds the pipe open."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, CONEXUS, "mcp"],
        cwd=served.tree,
        env=served.program.environ(),
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    shim, holder = (int(part) for part in parent.stdout.readline().split())
    try:
        until = time.monotonic() + 60
        while len(list(Path(f"/proc/{shim}/task").iterdir())) < 2:  # it looks after its parent by now
            assert time.monotonic() < until
            time.sleep(0.02)
        assert runs(shim)
        parent.kill()
        parent.wait()
        until = time.monotonic() + 60
        while runs(shim) and time.monotonic() < until:
            time.sleep(0.02)
        assert not runs(shim)
    finally:
        os.kill(holder, signal.SIGKILL)
        parent.stdout.close()


def runs(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(served: Served, started: Callable[..., Shim], number: int) -> None:
    """At once, and it says nothing."""
    shim = started(served.program, served.tree)
    shim.open()
    shim.process.send_signal(number)
    shim.process.wait(timeout=60)
    assert shim.process.stdout is not None
    assert shim.process.stdout.read() == b""


def test_a_cancelled_request_is_given_up(tmp_path: Path, started: Callable[..., Shim]) -> None:
    """In a session the daemon answers so; without one, there is no answer, and the next request has its own."""
    program = Program(tmp_path / "program")
    tree = tmp_path / "tree"
    tree.mkdir()
    with serving(program, tree):
        for envelope in (None, ENVELOPE):
            shim = started(program, tree)
            if envelope is None:
                shim.open()
            params = {"name": "index_status", "arguments": {}, **({"_meta": envelope} if envelope else {})}
            shim.send({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
            shim.send({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
            shim.send({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": params})
            found = shim.receive()
            while found["id"] != 2:  # the first may have been answered before it could be cancelled
                assert found["id"] == 1
                found = shim.receive()
            assert "result" in found
