# SPDX-License-Identifier: FSL-1.1-MIT
"""Asks a daemon questions from a process of its own, and prints how long the answers took, as JSON.

python benchmarks/speed/daemon_clients.py rest|grpc STATE.json TOKEN_FILE QUESTIONS.json CLIENTS [RATE]

With a rate, in questions a second of all clients together, each client asks at moments of chance, and an answer's time
counts from the moment at which it was to be asked for; without one it asks again as soon as it has an answer.
"""

from __future__ import annotations

import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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


def measure(ask: Ask, questions: Sequence[str], waits_s: Iterator[float], into: list[float]) -> None:
    """Ask each question once, after some others."""
    for question in questions[:_WARM_UP]:
        ask(question)
    due = time.perf_counter()
    for question, wait_s in zip(questions[_WARM_UP:], waits_s, strict=False):
        due = due + wait_s if wait_s else time.perf_counter()
        time.sleep(max(0.0, due - time.perf_counter()))
        ask(question)
        into.append((time.perf_counter() - due) * 1000)


def waits(rate: float, seed: int) -> Iterator[float]:
    """Yield how long after one question the next one comes, in seconds, by chance; 0 where there is no rate."""
    dice = random.Random(seed)  # noqa: S311 -- no secret
    while True:
        yield dice.expovariate(rate) if rate else 0.0


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    kind, state_file, token_file, question_file, clients, *rate = arguments
    rate_of_one = float(rate[0]) / int(clients) if rate else 0.0
    state = json.loads(Path(state_file).read_text(encoding="utf-8"))
    token = Path(token_file).read_text(encoding="ascii").strip()
    questions: list[str] = json.loads(Path(question_file).read_text(encoding="utf-8"))
    times: list[float] = []
    threads = []
    for number in range(int(clients)):
        ask = (rest if kind == "rest" else rpc)(state, token)
        turned = questions[number * 7 :] + questions[: number * 7]  # not all the same question at once
        threads.append(threading.Thread(target=measure, args=(ask, turned, waits(rate_of_one, number), times)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"times_ms": times}))


if __name__ == "__main__":
    main(sys.argv[1:])
