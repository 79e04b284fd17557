# SPDX-License-Identifier: FSL-1.1-MIT
"""Many clients of all kinds at one daemon, while clients and the daemon are killed at random."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from program import CONEXUS, Program

from conexus.daemon import discovery
from conexus.v1 import search_pb2, search_pb2_grpc

QUESTIONS = (
    "fine of a late loan", "retry with backoff", "statement of a member", "route that is not found", "class Desk",
    "stock take", "LimitReached", "state machine", "events of the store", "deploy a container",
)  # fmt: skip
_TIMEOUT_S = 30.0
_GONE = {"unavailable", "cancelled"}


@dataclass
class Tally:
    """What happened."""

    answers: Counter[str] = field(default_factory=Counter)
    """Right answers, by kind of client."""
    gone: Counter[str] = field(default_factory=Counter)
    """Requests that met no daemon, or one that was killed meanwhile."""
    wrong: list[str] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    largest_rss_mb: float = 0.0
    _mutex: threading.Lock = field(default_factory=threading.Lock)

    def right(self, kind: str) -> None:
        """Count an answer."""
        with self._mutex:
            self.answers[kind] += 1

    def missed(self, kind: str) -> None:
        """Count a request without an answer."""
        with self._mutex:
            self.gone[kind] += 1

    def fault(self, what: str) -> None:
        """Note what must not be."""
        with self._mutex:
            self.wrong.append(what)


class Stress:
    """A run.

    Args:
        program: With a data folder where ``tree`` is indexed and no daemon runs.
        tree: The repository.
        seed: Of all that is random.
    """

    def __init__(self, program: Program, tree: Path, seed: int) -> None:
        self.program = program
        self.tree = tree
        self.tally = Tally()
        self._random = random.Random(seed)  # noqa: S311 -- a seed gives the same run again
        self._over = threading.Event()
        self._expected = {question: self._by_terminal(question) for question in QUESTIONS}
        self._clients: dict[int, subprocess.Popen[bytes]] = {}
        self._mutex = threading.Lock()

    def run(self, clients: dict[str, int], seconds: float, *, daemon_every_s: float, client_every_s: float) -> Tally:
        """Let clients ask for a while.

        Args:
            clients: How many of each kind: ``rest``, ``grpc``, ``mcp``, ``cli``.
            seconds: How long.
            daemon_every_s: Mean time between kills of the daemon.
            client_every_s: Mean time between kills of a client in a process of its own.
        """
        kinds: dict[str, Callable[[random.Random], None]] = {
            "rest": self._rest,
            "grpc": self._grpc,
            "mcp": self._mcp,
            "cli": self._cli,
        }
        self._start_daemon()
        threads = [
            threading.Thread(target=self._loop, args=(kind, kinds[kind], self._random.random()), daemon=True)
            for kind, number in clients.items()
            for _ in range(number)
        ]
        threads.append(threading.Thread(target=self._killing_clients, args=(client_every_s,), daemon=True))
        for thread in threads:
            thread.start()
        self._killing_the_daemon(seconds, daemon_every_s)
        self._over.set()
        for thread in threads:
            thread.join(5 * _TIMEOUT_S)
            assert not thread.is_alive(), "a client hangs"
        return self.tally

    # ------------------------------------------------------------------------- clients

    def _loop(self, kind: str, ask: Callable[[random.Random], None], seed: float) -> None:
        own = random.Random(seed)  # noqa: S311 -- see above
        while not self._over.is_set():
            try:
                ask(own)
            except Exception as exc:  # noqa: BLE001 -- whatever it is, it is told
                self.tally.fault(f"{kind}: {type(exc).__name__}: {exc}")

    def _check(self, kind: str, question: str, ids: list[str]) -> None:
        if ids == self._expected[question]:
            self.tally.right(kind)
        else:
            self.tally.fault(f"{kind}: another answer to {question!r}: {ids[:2]} for {self._expected[question][:2]}")

    def _missed(self, kind: str) -> None:
        self.tally.missed(kind)
        self._over.wait(0.05)

    def _failed(self, kind: str, failure: dict[str, Any]) -> None:
        if failure.get("code") in _GONE:
            self._missed(kind)
        else:
            self.tally.fault(f"{kind}: {failure}")

    def _rest(self, own: random.Random) -> None:
        address = discovery.find(self.program.data)
        if address is None:
            self._missed("rest")
            return
        headers = {"authorization": f"Bearer {address.token}"}
        with httpx.Client(base_url=address.http, headers=headers, timeout=_TIMEOUT_S) as client:
            while not self._over.is_set():
                question = own.choice(QUESTIONS)
                try:
                    answer = client.post("/v1/search", json={"query": question, "limit": 5})
                except httpx.TransportError:
                    self._missed("rest")
                    return
                if answer.status_code == httpx.codes.OK:
                    self._check("rest", question, [one["id"] for one in answer.json()["results"]])
                else:
                    self._failed("rest", answer.json())

    def _grpc(self, own: random.Random) -> None:
        address = discovery.find(self.program.data)
        if address is None:
            self._missed("grpc")
            return
        metadata = (("authorization", f"Bearer {address.token}"),)
        with grpc.insecure_channel(address.grpc) as channel:
            service = search_pb2_grpc.SearchServiceStub(channel)
            while not self._over.is_set():
                question = own.choice(QUESTIONS)
                try:
                    asked = search_pb2.SearchRequest(query=question, limit=5)
                    answer = service.Search(asked, metadata=metadata, timeout=_TIMEOUT_S)
                except grpc.RpcError as exc:
                    if exc.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}:
                        self.tally.fault(f"grpc: {exc.code()}: {exc.details()}")
                    self._missed("grpc")
                    return
                self._check("grpc", question, [one.id for one in answer.results])

    def _mcp(self, own: random.Random) -> None:
        address = discovery.find(self.program.data)
        if address is None:
            self._missed("mcp")
            return
        try:
            asyncio.run(self._mcp_session(address, own))
        except Exception as exc:  # noqa: BLE001 -- the SDK raises groups of whatever its transport met
            if not _is_lost(exc):
                self.tally.fault(f"mcp: {exc!r}")
            self._missed("mcp")

    async def _mcp_session(self, address: discovery.Address, own: random.Random) -> None:
        headers = {"authorization": f"Bearer {address.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=_TIMEOUT_S) as http:
            transport = streamable_http_client(f"{address.http}/mcp", http_client=http)
            async with Client(transport) as session:
                while not self._over.is_set():
                    question = own.choice(QUESTIONS)
                    arguments = {"query": question, "limit": 5, "repository": "lending", "max_tokens": 8000}
                    answer = await asyncio.wait_for(session.call_tool("search_code", arguments), _TIMEOUT_S)
                    if answer.is_error:
                        self._failed("mcp", answer.structured_content or {"message": str(answer.content)})
                    else:
                        self._check("mcp", question, list((answer.meta or {})["conexus/ids"]))

    def _cli(self, own: random.Random) -> None:
        question = own.choice(QUESTIONS)
        client = self.program.start("search", question, str(self.tree), "--json", "-n", "5")
        with self._mutex:
            self._clients[client.pid] = client
        try:
            out, errors = client.communicate(timeout=4 * _TIMEOUT_S)
        finally:
            with self._mutex:
                self._clients.pop(client.pid, None)
        if client.returncode == -signal.SIGKILL:
            self.tally.missed("cli")
        elif client.returncode == 0:
            self._check("cli", question, [one["id"] for one in json.loads(out)["results"]])
        elif self._over.is_set() or b"the daemon" in errors:
            self.tally.missed("cli")
        else:
            self.tally.fault(f"cli: {client.returncode}: {errors.decode()[-300:]}")

    def _by_terminal(self, question: str) -> list[str]:
        found = self.program.ok("search", question, self.tree, "--json", "-n", "5")
        return [one["id"] for one in found.json["results"]]

    # ------------------------------------------------------------------------- killing

    def _start_daemon(self) -> None:
        command = [CONEXUS, "daemon", "start", "--port", "0", "--grpc-port", "0"]
        for _ in range(3):
            done = subprocess.run(command, env=self.program.environ(), check=False, capture_output=True)
            if done.returncode == 0:
                return
            if b"does not answer" not in done.stderr:  # as it may where fifty clients have the machine to themselves
                break
        raise AssertionError(done.stderr.decode())

    def _killing_the_daemon(self, seconds: float, every_s: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(min(self._random.expovariate(1 / every_s) + 1.0, max(0.0, until - time.monotonic())))
            address = discovery.find(self.program.data)
            if address is not None:
                self._note_memory(address.pid)
                if time.monotonic() < until:
                    os.kill(address.pid, signal.SIGKILL)
                    self.tally.kills["daemon"] += 1
            self._start_daemon()

    def _note_memory(self, pid: int) -> None:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            return
        peak = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
        self.tally.largest_rss_mb = max(self.tally.largest_rss_mb, int(peak) / 1024)

    def _killing_clients(self, every_s: float) -> None:
        own = random.Random(self._random.random())  # noqa: S311 -- see above
        while not self._over.wait(own.expovariate(1 / every_s)):
            with self._mutex:
                chosen = own.choice(list(self._clients.values())) if self._clients else None
            if chosen is not None and chosen.poll() is None:
                chosen.kill()
                self.tally.kills["client"] += 1


def _is_lost(exc: BaseException) -> bool:
    """Whether an error, or all of a group, says that the other side has gone."""
    if isinstance(exc, BaseExceptionGroup):
        return all(_is_lost(one) for one in exc.exceptions)
    text = f"{type(exc).__name__} {exc}".lower()
    return any(
        word in text
        for word in ("connect", "closed", "disconnected", "timeout", "404", "protocolerror", "terminated", "readerror")
    )


def processes_of(program: Program) -> list[tuple[int, str]]:
    """Processes that have a program's data folder in their environment, but for zombies."""
    mark = f"CONEXUS_HOME={program.data}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
            if command and mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append((int(folder.name), command))
        except OSError:
            continue
    return found
