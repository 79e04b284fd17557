# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures what the audit log costs: a search with and without it, many writers, its size, and checking it.

Run it as ``python benchmarks/access/audit.py``; see benchmarks/README.md. Searches run in this process, by turns with
the log on and off. Every record waits for the disk, so that the disk of the data folder counts: ``--folder`` names it.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sysconfig
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from run import QUESTIONS, fill, licensed, machine, seconds

from conexus import bootstrap
from conexus.adapters.git_metadata import find_checkout
from conexus.edition import AuditSink, NoAudit
from conexus.service import LocalService
from conexus.types import LOCAL_USER, AuditEvent, Principal, SearchRequest

_RESULT = Path(__file__).resolve().parents[1] / "results" / "audit.md"
_BUDGET_MS = 2.0
_ROUNDS = 8
_WRITERS, _EACH = (1, 8, 50), 2_000


def main() -> None:
    """Run and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", type=Path, default=Path(sysconfig.get_paths()["stdlib"]))
    parser.add_argument("--megabytes", type=float, default=10.0)
    parser.add_argument("--folder", type=Path, help="where the data folder is made")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print only")
    arguments = parser.parse_args()
    opening = machine()
    scratch = Path(tempfile.mkdtemp(prefix="conexus-audit-", dir=arguments.folder))
    try:
        text = _measured(scratch, arguments.source, int(arguments.megabytes * 1e6), opening)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.write:
        _RESULT.write_text(text, encoding="utf-8")
    print(text)


def _measured(scratch: Path, source: Path, most_bytes: int, opening: Sequence[str]) -> str:
    root = scratch / "tree"
    fill(root, source, most_bytes)
    service = bootstrap.build(licensed(scratch), keep_open=True).service
    log = scratch / "data" / "audit.sqlite"
    try:
        report = service.index(find_checkout(root), LOCAL_USER)
        off, on = _searches(service)
        before = _size(log)
        rates = [(writers, *_written(service.edition.audit, writers)) for writers in _WRITERS]
        written = sum(_EACH for _ in _WRITERS)
        each = (_size(log) - before) / written
        verdict_s = seconds(lambda: service.edition.audit_desk.verify(LOCAL_USER))
        verdict = service.edition.audit_desk.verify(LOCAL_USER)
        if verdict.findings:
            raise SystemExit(f"the log is not as it was written: {verdict.findings}")
    finally:
        service.close()
    plain, kept = statistics.median(off), statistics.median(on)
    met = "met" if kept - plain <= _BUDGET_MS else "missed"
    lines = [
        "# What the audit log costs",
        "",
        f"Written by `benchmarks/access/audit.py`: searches in {report.chunks_total:,} chunks, ten results each.",
        "",
        *opening,
        "",
        f"A search takes {plain:.2f} ms (p50) without and {kept:.2f} ms with the log: {kept - plain:.2f} ms more (the "
        f"budget of {_BUDGET_MS:.0f} ms is {met}). Each record is on the disk before the answer leaves.",
        "",
        "| writers at once | records a second | p50 of a record | p99 |",
        "|---:|---:|---:|---:|",
    ]
    lines += [f"| {writers} | {rate:,.0f} | {p50:.2f} ms | {p99:.2f} ms |" for writers, rate, p50, p99 in rates]
    lines += [
        "",
        f"A record of a search with ten results takes {each:,.0f} bytes. Checking {verdict.records:,} records took "
        f"{verdict_s:.1f} s ({verdict.records / verdict_s:,.0f} a second).",
        "",
    ]
    return "\n".join(lines)


def _searches(service: LocalService) -> tuple[list[float], list[float]]:
    """Milliseconds of searches without and with the log, by turns."""
    editions = (replace(service.edition, audit=NoAudit()), service.edition)
    times: tuple[list[float], list[float]] = ([], [])
    for turn in range(_ROUNDS + 1):
        for question in QUESTIONS:
            for place, edition in enumerate(editions):
                service.edition = edition
                taken = seconds(lambda asked=question: service.search(SearchRequest(asked, 10), LOCAL_USER)) * 1e3
                if turn:  # the first turn fills caches
                    times[place].append(taken)
        service.engine.wait()
    return times


def _written(sink: AuditSink, writers: int) -> tuple[float, float, float]:
    """Records a second, and p50 and p99 of one in milliseconds."""
    who = Principal("user:ada", user="ada", key="k1", address="10.0.0.7", client="rest")
    shown = tuple(f"github.com/acme/web:src/some/package/module_{number}.py:10-59" for number in range(10))
    times: list[float] = []

    def write() -> None:
        for _ in range(_EACH // writers):
            event = AuditEvent(
                who, "search", time.time(), "rest", "0123456789abcdef", "ok", "how are sockets closed", "{}",
                ("github.com/acme/web",), shown, 10,
            )  # fmt: skip
            times.append(seconds(lambda told=event: sink.record(told)) * 1e3)

    threads = [threading.Thread(target=write) for _ in range(writers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = time.perf_counter() - begun
    return len(times) / taken, statistics.median(times), statistics.quantiles(times, n=100)[98]


def _size(log: Path) -> int:
    return sum(path.stat().st_size for path in log.parent.glob("audit.sqlite*") if not path.name.endswith("-shm"))


if __name__ == "__main__":
    main()
