# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures searching: from the shell, in process, its memory, and where the time goes."""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from bench import QUESTION, Bench
from corpora import Tree
from growth import grow
from processes import timed
from report import Row, Section, grid

from conexus import bootstrap
from conexus.config import Config, StoreOptions

_MORE_RUNS = 4  # a search is short, so that more of them cost little
_SHOWN_MS = 3.0  # of a package whose import has a line of its own


def from_the_shell(bench: Bench, trees: Sequence[tuple[str, Tree]]) -> Section:
    """Search ready indexes with a new process each time."""
    rows = []
    for name, tree in trees:
        ours, theirs, cpu = [], [], []
        data, cache = bench.scratch / name, bench.scratch / f"semble-{name}"
        bench.note(f"search from the shell, {tree.megabytes:.0f} MB")
        for _ in range(bench.repeats + _MORE_RUNS):
            done = bench.conexus(data, "search", QUESTION, tree.root)
            ours.append(done.wall_s)
            cpu.append(done.cpu_s)
            theirs.append(bench.semble(cache, "search", QUESTION, tree.root, "-k", "10").wall_s)
        size = f"index of {tree.megabytes:.0f} MB"
        rows.append(Row(f"`search`, {size}", "s", ours, theirs, 0.6))
        rows.append(Row(f"- processor time, {size}", "s", cpu))
    text = "A new process for every search, no daemon, index ready. semble loads its cached index each time."
    section = Section("Search from the shell", text, rows)
    section.notes += [_start_up(bench, *trees[0])]
    return section


def _start_up(bench: Bench, name: str, tree: Tree) -> str:
    """Where the time of a process goes before it searches."""
    data = bench.scratch / name
    env = bench.conexus_env(data)
    runs = bench.repeats + _MORE_RUNS
    commands: list[tuple[str, list[str | Path]]] = [
        ("`python -c pass`", [sys.executable, "-c", "pass"]),
        ("`python -c 'import numpy'`", [sys.executable, "-c", "import numpy"]),
        ("`python -c 'import conexus.cli.app'`", [sys.executable, "-c", "import conexus.cli.app"]),
        ("`conexus --version`", [bench.program, "--version"]),
        ("`conexus search`", [bench.program, "search", QUESTION, tree.root]),
    ]
    taken = {title: [timed(command, env).wall_s * 1000 for _ in range(runs)] for title, command in commands}
    rows = [(title, f"{min(ms):.0f}", f"{statistics.median(ms):.0f}") for title, ms in taken.items()]
    imports = _imports([sys.executable, "-X", "importtime", "-m", "conexus", "search", QUESTION, str(tree.root)], env)
    rows += [(f"- importing {package}", f"{ms:.0f}", "") for package, ms in imports]
    return grid(("start-up", "best, ms", "median, ms"), rows)


def _imports(command: list[str], env: dict[str, str]) -> list[tuple[str, float]]:
    """Return how long the modules of each package took by themselves, in ms, the dearest packages first."""
    # The interpreter writes these lines to standard error.
    shell = [sys.executable, "-c", "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:], stderr=1))"]
    spent: defaultdict[str, float] = defaultdict(float)
    for line in timed([*shell, *command], env).output.splitlines():
        parts = line.removeprefix("import time:").split("|")
        if line.startswith("import time:") and parts[0].strip().isdigit():
            spent[parts[2].strip().split(".")[0].lstrip("_")] += int(parts[0]) / 1000
    shown = sorted(((name, ms) for name, ms in spent.items() if ms >= _SHOWN_MS), key=lambda item: -item[1])
    return [*shown, ("all else", sum(ms for ms in spent.values() if ms < _SHOWN_MS))]


def in_process(bench: Bench, names: Sequence[tuple[str, float | None]], large: bool) -> list[Section]:
    """Search with the index open, and tell where the time goes."""
    rows: list[Row] = []
    memory: list[Row] = []
    notes: list[str] = []
    for name, limit in names:
        data, cache = bench.scratch / name, bench.scratch / f"semble-{name}"
        _measure_warm(bench, data, cache, limit, (rows, memory, notes))
    if large:
        _million(bench, (rows, memory, notes))
    text = (
        "200 different questions, each asked once, after ten others and with what ranking needs of chunks in memory: "
        "hand-written ones, names that the index defines, "
        "and sentences of its documentation. Ten results each. p50 and p95 over the questions; best and median are "
        "over processes."
    )
    warm = Section("Search in process", text, rows, notes)
    serving = Section(
        "Memory of a process that serves",
        "After those 200 questions: proportional set size, and how much of it no file stands behind.",
        memory,
    )
    return [warm, serving] if memory else [warm]


def _measure_warm(
    bench: Bench, data: Path, cache: Path | None, limit: float | None, into: tuple[list[Row], list[Row], list[str]]
) -> None:
    rows, memory, notes = into
    questions = bench.questions(data)
    ours: list[dict[str, float]] = []
    theirs: list[dict[str, float]] = []
    filtered: dict[str, list[float]] = {}
    for turn in range(bench.repeats):
        bench.note(f"search in process, {data.name}, run {turn + 1} of {bench.repeats}")
        answer = bench.conexus_side(data, questions).answer
        ours.append({**_summary(answer["times_ms"]), **_numbers(answer)})
        for kind, times in answer["filtered_ms"].items():
            filtered.setdefault(kind, []).append(statistics.median(times))
        if cache is not None and cache.exists():
            root = bench.trees[data.name].root
            found = bench.semble_side(cache, "search", root, questions).answer
            theirs.append({**_summary(found["times_ms"]), **_numbers(found)})
    size = f"{ours[0]['chunks']:,.0f} chunks"
    rows.append(Row(f"p50, {size}", "ms", _all(ours, "p50"), _all(theirs, "p50"), limit))
    rows.append(Row(f"- p95, {size}", "ms", _all(ours, "p95"), _all(theirs, "p95")))
    rows.append(Row(f"- processor time of a search, {size}", "ms", _all(ours, "cpu_ms")))
    rows += [Row(f"- p50, only {kind}, {size}", "ms", values) for kind, values in filtered.items()]
    rows.append(Row(f"- open and first search, {size}", "s", _all(ours, "open_s"), _all(theirs, "load_s")))
    rows.append(Row(f"- then read into memory, in the background, {size}", "s", _all(ours, "heads_s")))
    if ours[0]["memory_bytes"]:
        budget = 400.0 if 50_000 <= ours[0]["chunks"] < 500_000 else None
        for title, key, most in (
            ("resident", "memory_bytes", budget),
            ("- not backed by files", "private_bytes", None),
        ):
            figures = [[run[key] / 1e6 for run in runs] for runs in (ours, theirs)]
            memory.append(Row(f"{title}, {size}", "MB", figures[0], figures[1], most))
    notes.append(_parts_table(bench, data, questions, size))


def _numbers(answer: dict[str, object]) -> dict[str, float]:
    return {key: value for key, value in answer.items() if isinstance(value, (int, float))}


def _all(runs: Sequence[dict[str, float]], key: str) -> list[float]:
    return [run[key] for run in runs]


def _summary(times: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=20, method="inclusive")
    return {"p50": cuts[9], "p95": cuts[18]}


def _parts_table(bench: Bench, data: Path, questions: Path, size: str) -> str:
    parts: dict[str, list[float]] = bench.conexus_side(data, questions, "--parts").answer
    whole = parts.pop("whole")
    known = [sum(times) for times in zip(*parts.values(), strict=True)]
    parts["all else"] = [total - part for total, part in zip(whole, known, strict=True)]
    ordered = sorted(parts.items(), key=lambda item: -statistics.mean(item[1]))
    rows = [(name, f"{statistics.mean(times):.2f}", f"{_summary(times)['p95']:.2f}") for name, times in ordered]
    return grid((f"where the time goes, {size}", "mean, ms", "p95, ms"), rows)


# ------------------------------------------------------------------- a million chunks


def _million(bench: Bench, into: tuple[list[Row], list[Row], list[str]]) -> None:
    """Search a million chunks that are made of the large index: as written, then packed."""
    source, data = bench.scratch / "large", bench.scratch / "million"
    bench.note("making a million chunks")
    if data.exists():
        shutil.rmtree(data)
    shutil.copytree(source, data)
    started = time.perf_counter()
    chunks = grow(data, 1_000_000)
    grown = time.perf_counter() - started
    bench.note("packing them")
    started = time.perf_counter()
    _optimize(data)
    packed = time.perf_counter() - started
    into[2].append(
        f"The {chunks:,} chunks are made, not parsed: `growth.py` says how. Writing them took {grown:.0f} s and "
        f"packing them, as indexing does at its end, {packed:.0f} s."
    )
    _measure_warm(bench, data, None, 50.0, into)


def _optimize(data: Path) -> None:
    """Pack the vectors as the end of indexing does."""
    service = bootstrap.build(Config(store=StoreOptions(path=str(data)))).service
    live = service.catalog.views()[0].live
    if live is None:
        raise ValueError("the index is not there")
    shard = service.store.open(live.id, live.dim)
    shard.optimize()
    shard.close()
    service.close()
