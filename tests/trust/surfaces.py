# SPDX-License-Identifier: FSL-1.1-MIT
"""Everything through which Conexus shows what it has indexed: commands, REST, gRPC, MCP, webhooks and traces."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any
from urllib.parse import quote

import grpc
import httpx
import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from program import CONEXUS, Program

from conexus.v1 import search_pb2, search_pb2_grpc

_START_S = 120.0


def licensed(program: Program) -> bool:
    """Give a program a licence of the enterprise edition, where that is installed; say whether it is."""
    if find_spec("conexus_ee") is None:
        return False
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 -- only here

    from conexus_ee.keys import TEST_SEED  # noqa: PLC0415 -- not in the core alone
    from conexus_ee.licensing import signed  # noqa: PLC0415 -- as above

    now = int(time.time())
    claims = {"iss": "conexus", "jti": "0123456789abcdef", "customer": "Acme", "tier": "enterprise", "features": ["*"]}
    times = {"iat": now - 86_400, "nbf": now - 86_400, "exp": now + 86_400 * 365}
    key = signed(Ed25519PrivateKey.from_private_bytes(TEST_SEED), {**claims, "max_repos": 100, **times})
    program.settings |= {"CONEXUS_LICENSE_MODE": "test", "CONEXUS_LICENSE_KEY": key}
    return True


@contextmanager
def receiver() -> Iterator[tuple[str, list[bytes]]]:
    """An address that keeps what is sent to it: webhooks, traces."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            got.append(f"{self.path}\n{self.headers}".encode() + body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", got
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Daemon:
    """A daemon that runs."""

    http: str
    grpc: str
    token: str
    client: httpx.Client

    def rest(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> str:
        """What REST answers, with status and headers."""
        options: dict[str, Any] = {"params": body} if method == "GET" else {"json": body or {}}
        found = self.client.request(method, path, **options)
        return f"{found.status_code} {dict(found.headers)}\n{found.text}"

    def over_grpc(self, query: str) -> str:
        """What gRPC answers to a search, with the code of each result."""
        with grpc.insecure_channel(self.grpc.removeprefix("http://")) as channel:
            stub = search_pb2_grpc.SearchServiceStub(channel)
            metadata = (("authorization", f"Bearer {self.token}"),)
            found = stub.Search(search_pb2.SearchRequest(query=query, limit=100), metadata=metadata, timeout=120)
        return "\n".join(f"{one.path}\n{one.symbol}\n{one.text}" for one in found.results)

    def over_mcp(self, calls: Sequence[tuple[str, Mapping[str, Any]]], uris: Sequence[str] = ()) -> dict[str, str]:
        """What tools and resources answer: texts as a model reads them, and the same as JSON."""

        async def run() -> dict[str, str]:
            headers = {"authorization": f"Bearer {self.token}"}
            found: dict[str, str] = {}
            async with httpx2.AsyncClient(headers=headers, timeout=120) as http:
                transport = streamable_http_client(f"{self.http}/mcp", http_client=http)
                async with Client(transport, mode="legacy") as client:
                    for number, (tool, arguments) in enumerate(calls):
                        answer = await client.call_tool(tool, dict(arguments))
                        name = f"mcp {number} {tool}"
                        found[name] = "\n".join(getattr(block, "text", "") for block in answer.content)
                        beside = [answer.structured_content, answer.meta]
                        found[f"{name}, as JSON"] = json.dumps(beside, ensure_ascii=False, default=str)
                    listed = await client.list_resources()
                    found["mcp resources"] = listed.model_dump_json()
                    for uri in uris:
                        try:
                            read = await client.read_resource(uri)
                            found[f"mcp {uri}"] = "\n".join(getattr(one, "text", "") for one in read.contents)
                        except MCPError as error:
                            found[f"mcp {uri}"] = str(error)
            return found

        return asyncio.run(run())


@contextmanager
def serving(program: Program, **settings: str) -> Iterator[Daemon]:
    """A daemon of a program on free ports, until the end of the block; its log is below the program's folder."""
    with (program.folder / "serve.log").open("wb") as stream:
        process = Popen(
            [CONEXUS, "serve", "--port", "0", "--grpc-port", "0"],
            env=program.environ(settings),
            stdin=DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    state = program.data / "daemon.json"
    until = time.monotonic() + _START_S
    try:
        while not state.exists():
            assert process.poll() is None, (program.folder / "serve.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        told = json.loads(state.read_text())
        token = (program.data / "daemon.token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        with httpx.Client(base_url=told["http"], headers=headers, timeout=120) as client:
            yield Daemon(told["http"], told["grpc"], token, client)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def file_uri(repository: str, path: str) -> str:
    """The address of a file as a resource of MCP."""
    return f"conexus://{quote(repository, safe='')}/file/{quote(path)}"


def all_files(folder: Path) -> Iterator[Path]:
    """Every file below a folder."""
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
