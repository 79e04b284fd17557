# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures the daemon: REST, gRPC, many clients at once, the terminal through it, and its memory."""

from __future__ import annotations

import json
import signal
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench import QUESTION, Bench
from processes import memory_of, timed, tree_of
from report import Row, Section

_HERE = Path(__file__).resolve().parent
_MORE_RUNS = 4
_CLIENTS = 8
_KINDS = {"rest": ("REST", 8.0), "grpc": ("gRPC", 6.0)}
"""What people call each, and the most milliseconds that half of the answers may take."""
_RATES = (50, 100)
"""Questions a second of all clients together."""
_START_S = 60.0


def through_the_daemon(bench: Bench, name: str) -> Section:
    """Ask a daemon over an index that is ready."""
    data, tree = bench.scratch / name, bench.trees[name]
    questions = bench.questions(data)
    with daemon(bench, data) as pid:
        first = asked_by_clients(bench, data, "rest", 1)
        rows = _rows_of_questions(bench, data)
        rows.append(Row("REST, the first questions after the start, p50", "ms", _cuts([first], 50)))
        memory = memory_of(tree_of(pid))
        ours = []
        theirs = []
        cache = bench.scratch / f"semble-{name}"
        for _ in range(bench.repeats + _MORE_RUNS):
            ours.append(bench.conexus(data, "search", QUESTION, tree.root).wall_s)
            if cache.exists():
                theirs.append(bench.semble(cache, "search", QUESTION, tree.root, "-k", "10").wall_s)
        rows.append(Row("`conexus search` from the shell, through the daemon", "s", ours, theirs, 0.25))
    if memory.total_bytes:
        rows.append(Row("resident, after all that", "MB", [memory.total_mb], (), 400.0))
        rows.append(Row("- not backed by files", "MB", [memory.private_mb]))
    count = len(json.loads(questions.read_text(encoding="utf-8")))
    text = (
        f"One `conexus serve` over the index of {tree.megabytes:.0f} MB. {count} questions, ten results each, "
        "asked from a process of its own over a kept connection, the first ten not counted. The index is read into "
        "memory while the first questions are asked; all others come after them. Eight clients at once ask all "
        "questions each, from the same two cores, the next one as soon as there is an answer; in the rows with a rate "
        "at moments of chance, so many a second together. REST and gRPC, one client and eight take turns. semble is "
        "started anew for each search from the shell."
    )
    return Section("Through the daemon", text, rows)


def _rows_of_questions(bench: Bench, data: Path) -> list[Row]:
    """Ask in turns: the pace of a machine changes within minutes, and would be taken for that of one kind."""
    found: defaultdict[tuple[str, int, int], list[list[float]]] = defaultdict(list)
    turns = bench.repeats + _MORE_RUNS
    for turn in range(turns):
        bench.note(f"questions, turn {turn + 1} of {turns}")
        for kind in _KINDS:
            for clients in (1, _CLIENTS):
                found[kind, clients, 0].append(asked_by_clients(bench, data, kind, clients))
            for rate in _RATES if turn < bench.repeats else ():
                found[kind, _CLIENTS, rate].append(asked_by_clients(bench, data, kind, _CLIENTS, rate))
    rows: list[Row] = []
    for kind, (name, limit) in _KINDS.items():
        rows.append(Row(f"{name}, p50", "ms", _cuts(found[kind, 1, 0], 50), (), limit))
        rows += [Row(f"- p{percent}", "ms", _cuts(found[kind, 1, 0], percent)) for percent in (95, 99)]
        many = found[kind, _CLIENTS, 0]
        rows.append(Row(f"{name}, {_CLIENTS} clients at once, p99", "ms", _cuts(many, 99), (), 40.0))
        rows.append(Row("- p50", "ms", _cuts(many, 50)))
        for rate in _RATES:
            paced = found[kind, _CLIENTS, rate]
            rows += [
                Row(f"- {rate} questions a second, p{percent}", "ms", _cuts(paced, percent)) for percent in (99, 50)
            ]
    return rows


@contextmanager
def daemon(bench: Bench, data: Path) -> Iterator[int]:
    """Run a daemon over a data folder; its process id."""
    command = [bench.program, "serve", "--port", "0", "--grpc-port", "0"]
    log = bench.scratch / "daemon.log"
    with log.open("wb") as stream:
        env = {**bench.conexus_env(data), "CONEXUS_DAEMON_REQUESTS_PER_S": "0"}
        process = subprocess.Popen([str(part) for part in command], env=env, stdout=stream, stderr=stream)
    try:
        until = time.monotonic() + _START_S
        while not (data / "daemon.json").exists():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8"))
            time.sleep(0.05)
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def asked_by_clients(bench: Bench, data: Path, kind: str, clients: int, rate: int = 0) -> list[float]:
    """Times of all answers, in milliseconds; with a rate the clients ask so many questions a second together."""
    command = [
        sys.executable, _HERE / "daemon_clients.py", kind, data / "daemon.json", data / "daemon.token",
        bench.questions(data), str(clients), *([str(rate)] if rate else []),
    ]  # fmt: skip
    times: list[float] = timed(command, bench.conexus_env(data)).answer["times_ms"]
    return times


def _cuts(runs: list[list[float]], percent: int) -> list[float]:
    return [statistics.quantiles(run, n=100, method="inclusive")[percent - 1] for run in runs]
