# SPDX-License-Identifier: FSL-1.1-MIT
"""Asks a daemon questions from a process of its own, and prints how long the answers took, as JSON.

python benchmarks/speed/daemon_clients.py rest|grpc STATE.json TOKEN_FILE QUESTIONS.json CLIENTS
"""

from __future__ import annotations

import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import grpc

from conexus.v1 import search_pb2, search_pb2_grpc

_WARM_UP = 10
_LIMIT = 10

Ask = Callable[[str], None]


def rest(state: dict[str, Any], token: str) -> Ask:
    """Return what asks over one kept connection."""
    place = urlsplit(state["http"])
    connection = http.client.HTTPConnection(place.hostname or "", place.port)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(question: str) -> None:
        connection.request("POST", "/v1/search", json.dumps({"query": question, "limit": _LIMIT}), headers)
        response = connection.getresponse()
        found = json.loads(response.read())
        if response.status != http.client.OK:
            raise RuntimeError(found)

    return ask


def rpc(state: dict[str, Any], token: str) -> Ask:
    """Return what asks over one channel."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    service = search_pb2_grpc.SearchServiceStub(grpc.insecure_channel(state["grpc"], options))
    metadata = (("authorization", f"Bearer {token}"),)

    def ask(question: str) -> None:
        service.Search(search_pb2.SearchRequest(query=question, limit=_LIMIT), metadata=metadata)

    return ask


def measure(ask: Ask, questions: Sequence[str], into: list[float]) -> None:
    """Ask each question once, after some others."""
    for question in questions[:_WARM_UP]:
        ask(question)
    for question in questions[_WARM_UP:]:
        started = time.perf_counter()
        ask(question)
        into.append((time.perf_counter() - started) * 1000)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    kind, state_file, token_file, question_file, clients = arguments
    state = json.loads(Path(state_file).read_text(encoding="utf-8"))
    token = Path(token_file).read_text(encoding="ascii").strip()
    questions: list[str] = json.loads(Path(question_file).read_text(encoding="utf-8"))
    times: list[float] = []
    threads = []
    for number in range(int(clients)):
        ask = (rest if kind == "rest" else rpc)(state, token)
        turned = questions[number * 7 :] + questions[: number * 7]  # not all the same question at once
        threads.append(threading.Thread(target=measure, args=(ask, turned, times)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"times_ms": times}))


if __name__ == "__main__":
    main(sys.argv[1:])
