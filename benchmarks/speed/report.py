# SPDX-License-Identifier: FSL-1.1-MIT
"""Rows of the result table, and the page they are written to."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

_ENGINES = ("conexus", "qdrant-edge-py", "tree-sitter", "numpy")
_ADDITIONS = 1_000_000
_COPIED_BYTES = 64_000_000
_LOOP = """
import statistics, sys, time
took = []
for _ in range(31):
    started = time.perf_counter()
    sum(number for number in range(int(sys.argv[1])))
    took.append(time.perf_counter() - started)
print(statistics.median(took))
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was measured, in one unit throughout."""

    what: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    limit: float | None = None
    """Budget; ``None`` where there is none, or where it is to be no worse than semble."""
    against_semble: bool = False
    """Whether the budget is semble's own figure."""

    @property
    def budget(self) -> str:
        """The budget as the table shows it."""
        if self.against_semble:
            return "≤ semble"
        return "" if self.limit is None else f"≤ {_number(self.limit)} {self.unit}"

    @property
    def verdict(self) -> str:
        """Whether the median keeps the budget; a best run that does is no more than a hint of noise."""
        limit = statistics.median(self.theirs) if self.against_semble and self.theirs else self.limit
        if limit is None or not self.ours:
            return ""
        if statistics.median(self.ours) <= limit:
            return "met"
        return "**missed** (best run met)" if min(self.ours) <= limit else "**missed**"


@dataclass(slots=True)
class Section:
    """A heading with what was measured under it."""

    title: str
    text: str
    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Further paragraphs or tables, in Markdown."""


def page(sections: Iterable[Section], opening: Sequence[str]) -> str:
    """Return the whole page as Markdown."""
    lines = ["# Speed", "", *opening, ""]
    for section in sections:
        lines += [f"## {section.title}", "", section.text, ""]
        if section.rows:
            lines += [*_table(section.rows), ""]
        for note in section.notes:
            lines += [note, ""]
    return "\n".join(lines).rstrip() + "\n"


def with_sections(text: str, sections: Iterable[Section]) -> str:
    """Return a page with some sections in place of those of the same title; at the end where there are none."""
    opening, *old = re.split(r"^(?=## )", text.rstrip() + "\n\n", flags=re.MULTILINE)
    parts = {part.partition("\n")[0]: part for part in old}
    for section in sections:
        parts[f"## {section.title}"] = page([section], ()).partition("\n\n\n")[2] + "\n"
    return (opening + "".join(parts.values())).rstrip() + "\n"


def _table(rows: Sequence[Row]) -> list[str]:
    lines = ["| what | budget | Conexus | semble | |", "|---|---|---|---|---|"]
    for row in rows:
        cells = (row.what, row.budget, _figures(row.ours, row.unit), _figures(row.theirs, row.unit), row.verdict)
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def grid(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return any other table as Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def _figures(values: Sequence[float], unit: str) -> str:
    if not values:
        return ""
    best = _number(min(values))
    return f"{best} {unit}" if len(values) == 1 else f"{best} ({_number(statistics.median(values))}) {unit}"


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.{1 if value >= 10 else 2}f}".rstrip("0").rstrip(".")


def machine() -> list[str]:
    """Return paragraphs that say on what, and under what load, the figures were taken."""
    load = os.getloadavg()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    packages = ", ".join(f"{name} {version(name)}" for name in _ENGINES)
    busy = load[0] > cores / 4
    warning = " **Other work ran beside: take ratios, not absolute figures.**" if busy else ""
    return [
        f"{cores} cores ({_processor()}), {_memory_gb():.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}; {packages}.",
        "",
        f"Load of the machine before the first run: {load[0]:.2f} (1 minute), {load[1]:.2f} (5 minutes).{warning} "
        f"{_pace(cores)}",
    ]


def _pace(cores: int) -> str:
    """Say how fast the machine was, which on a shared host changes by the hour; the median of many.

    What a host calls cores may be the two threads of one: then a loop is slower while another runs beside.
    """
    copies = []
    block = bytearray(_COPIED_BYTES)
    for _ in range(5):
        started = time.perf_counter()
        bytes(block)
        copies.append(time.perf_counter() - started)
    return (
        f"Its pace: {_ADDITIONS:,} additions in Python {max(_loops(1)) * 1000:.0f} ms, on all {cores} cores at once "
        f"{max(_loops(cores)) * 1000:.0f} ms; a copy of {_COPIED_BYTES // 10**6} MB {min(copies) * 1000:.0f} ms."
    )


def _loops(processes: int) -> list[float]:
    """Return how many seconds the additions took in each of so many processes at once: the median of many turns."""
    command = [sys.executable, "-I", "-c", _LOOP, str(_ADDITIONS)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    return [float(one.communicate()[0]) for one in running]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
