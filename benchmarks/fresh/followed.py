# SPDX-License-Identifier: FSL-1.1-MIT
"""A daemon that follows a tree, and how to see when what changed is in its index."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import Bench

_START_S = 120.0
_PATIENCE_S = 900.0
_POLL_S = 0.005


@dataclass(slots=True)
class Followed:
    """A daemon over one tree."""

    process: subprocess.Popen[bytes]
    address: str
    token: str

    def ask(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        """Ask over REST, on a connection of its own."""
        place = urlsplit(self.address)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=_PATIENCE_S)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            found: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return found

    def defines(self, name: str) -> bool:
        """Whether the index has a definition of a name."""
        return bool(self.ask("POST", "/v1/symbols", {"name": name})["definitions"])

    def until(self, holds: Callable[[], bool]) -> float:
        """Wait until something holds; return the seconds since the call."""
        begun = time.perf_counter()
        while not holds():
            if time.perf_counter() - begun > _PATIENCE_S:
                raise RuntimeError("it does not come to be")
            time.sleep(_POLL_S)
        return time.perf_counter() - begun

    def is_followed(self) -> bool:
        """Whether the tree is."""
        return any(one["watch"] != "off" for one in self.ask("GET", "/v1/repositories")["repositories"])

    def is_idle(self) -> bool:
        """Whether no job runs or waits."""
        status = self.ask("GET", "/v1/status")
        return status["jobs_running"] + status["jobs_queued"] == 0

    def stop(self) -> None:
        """End it in order."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@contextlib.contextmanager
def following(bench: Bench, data: Path) -> Iterator[Followed]:
    """Run a daemon over a data folder."""
    found = start(bench, data)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.stop()


def start(bench: Bench, data: Path) -> Followed:
    """Start a daemon and return once it listens."""
    with (data / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [str(bench.program), "serve", "--port", "0", "--grpc-port", "-1"],
            env={**os.environ, **bench.conexus_env(data)},
            stdout=log,
            stderr=log,
        )
    until = time.monotonic() + _START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            state = json.loads((data / "daemon.json").read_text(encoding="utf-8"))
            if state["pid"] == process.pid:
                return Followed(process, state["http"], (data / "daemon.token").read_text(encoding="ascii"))
        time.sleep(0.02)
    raise RuntimeError(f"the daemon does not start; see {data / 'serve.log'}")
