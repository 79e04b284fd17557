# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus log`` and ``conexus stats``."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.ledgers import local_time, open_usage_log, table
from conexus.cli.records import on_record
from conexus.types import UsageEntry, UsageStats

_MAX_ENTRIES = 10_000
_TOP = 10
_BAR_CHARS = 24
_MAX_DAYS = 31
_LISTS = ("by_surface", "by_operation", "by_day", "top_repositories", "top_queries", "empty_queries")


def show_log(
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=_MAX_ENTRIES, help="Most entries.", show_default=True)
    ] = 20,
    empty: Annotated[bool, typer.Option("--empty", help="Only searches that found nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the latest requests, newest first. The log is kept on this machine and sent nowhere.

    Examples:
        conexus log
        conexus log --empty -n 50
    """
    with on_record("log", {"limit": limit, "empty": empty}), open_usage_log(time.time()) as log:
        entries = log.entries(limit, only_empty=empty)
    if as_json:
        rows = [dataclasses.asdict(entry) for entry in entries]
        console.out(json.dumps({"schema": "conexus.log/1", "entries": rows}, indent=2))
        return
    if not entries:
        console.err("no search found nothing" if empty else "nothing is in the query log yet")
        return
    for line in table([_row(entry) for entry in entries]):
        console.out(line)


def _row(entry: UsageEntry) -> tuple[str, ...]:
    ended = f"error {entry.error}" if entry.error else console.count(entry.results, "result")
    return (
        local_time(entry.at, seconds=True),
        console.one_line(entry.surface),
        console.one_line(entry.operation),
        console.one_line(entry.subject),
        f"{entry.elapsed_ms:,.0f} ms",
        console.one_line(ended),
        console.one_line(entry.text),
    )


def show_stats(
    since: Annotated[str, typer.Option("--since", help="How far back: 30d, 12h, or a day as 2026-01-31.")] = "30d",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how much is searched, how fast, and what is not found.

    Examples:
        conexus stats
        conexus stats --since 7d --json
    """
    from conexus.daemon.spans import since as start_of  # noqa: PLC0415 -- not for the usual command

    now = time.time()
    start = start_of(since, now)
    with on_record("stats", {"since": since}), open_usage_log(now) as log:
        stats = log.stats(start, _TOP)
    if as_json:
        console.out(json.dumps({"schema": "conexus.stats/1", **stats_json(stats)}, indent=2))
        return
    for line in _described(stats, bars=console.is_terminal()):
        console.out(line)


def stats_json(stats: UsageStats) -> dict[str, object]:
    """Return figures as JSON can hold them, as the daemon does."""
    counts = {name: [{"name": key, "count": count} for key, count in getattr(stats, name)] for name in _LISTS}
    return {**dataclasses.asdict(stats), **counts}


def _described(stats: UsageStats, *, bars: bool) -> Iterator[str]:
    yield f"since {local_time(stats.since)}"
    yield f"  requests        {stats.requests:,}"
    yield f"  without result  {_share(stats.empty, stats.requests)}"
    yield f"  errors          {_share(stats.errors, stats.requests)}"
    if not stats.requests:
        return
    yield f"  latency         p50 {stats.p50_ms:,.1f} ms, p95 {stats.p95_ms:,.1f} ms, p99 {stats.p99_ms:,.1f} ms"
    for title, counts in (
        ("by surface", stats.by_surface),
        ("by operation", stats.by_operation),
        ("by day", stats.by_day[-_MAX_DAYS:]),
        ("repositories found most", stats.top_repositories),
        ("queries asked most", stats.top_queries),
        ("queries that found nothing", stats.empty_queries),
    ):
        yield from _block(title, counts, bars=bars)


def _block(title: str, counts: Sequence[tuple[str, int]], *, bars: bool) -> Iterator[str]:
    if not counts:
        return
    most = max(count for _, count in counts)
    width = max(len(f"{count:,}") for _, count in counts)
    yield ""
    yield title
    for name, count in counts:
        bar = f"  {_bar(count / most)}" if bars else ""
        yield f"  {count:>{width},}{bar}  {console.one_line(name)}"


def _bar(share: float) -> str:
    """Return a bar as wide as the longest one, of signs that the terminal has."""
    sign = "█" if (sys.stdout.encoding or "").lower().replace("-", "") == "utf8" else "#"
    return f"{sign * max(1, round(share * _BAR_CHARS)):<{_BAR_CHARS}}"


def _share(part: int, whole: int) -> str:
    return f"{part:,}" + (f"  ({100 * part / whole:.1f} %)" if whole else "")
