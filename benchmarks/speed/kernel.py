# SPDX-License-Identifier: FSL-1.1-MIT
"""Indexes the Linux kernel as one repository, beside semble and ripgrep, and writes ``benchmarks/results/kernel.md``.

    python benchmarks/speed/kernel.py                            half an hour on two cores, 8 GB of disk space
    python benchmarks/speed/kernel.py --only conexus --results -

semble runs under a limit of memory, ``--limit-gb``: without one it would take the whole machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import processes
from bench import SEMBLE, Bench
from daemon_runs import asked_by_clients, daemon
from processes import Memory, memory_of, timed
from report import Row, Section, grid, machine, page

_ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(_ROOT / "benchmarks" / "real"))
from trees import KERNEL, Corpus, fetch  # noqa: E402 -- from a folder beside this one

_RESULT = _ROOT / "benchmarks" / "results" / "kernel.md"
_PARTS = ("conexus", "semble", "ripgrep")
_SAMPLE_S = 0.5
_TIMEOUT_S = 3_600
_REPEATS = 5
_HITS = 10
_EDITED = "kernel/fork.c"

_QUESTIONS = (
    ("how is a new process forked", "kernel/fork.c"),
    ("how does the out of memory killer choose its victim", "mm/oom_kill.c"),
    ("pick the next task in the fair scheduler", "kernel/sched/fair.c"),
    ("congestion window of TCP cubic", "net/ipv4/tcp_cubic.c"),
    ("load an ELF binary into memory", "fs/binfmt_elf.c"),
    ("wait for events with epoll", "fs/eventpoll.c"),
    ("split an extent tree node in ext4", "fs/ext4/extents.c"),
    ("take a snapshot of a block device with device mapper", "drivers/md/dm-snap.c"),
    ("handle a page fault of a user address", "mm/memory.c"),
    ("verify that a BPF program is safe", "kernel/bpf/verifier.c"),
    ("journal commit of a transaction", "fs/jbd2/commit.c"),
    ("allocate an object of a slab cache", "mm/slub.c"),
)
"""What a person would ask, and the file that answers; written before the first search."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a long run of a program went."""

    code: int
    wall_s: float
    cpu_s: float
    peak: Memory
    out: str
    err: str


def watched(command: Sequence[str | Path], env: Mapping[str, str], limit_gb: float = 0) -> Ran:
    """Run a program to its end while its memory is watched; one that takes more than a limit is killed."""
    limited = ["prlimit", f"--as={int(limit_gb * 1e9)}"] if limit_gb else []
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = subprocess.Popen([*limited, *map(str, command)], env=dict(env), stdout=out, stderr=err)
        peak = Memory(0, 0)
        while True:
            try:
                code = process.wait(_SAMPLE_S)
                break
            except subprocess.TimeoutExpired:
                now = memory_of(processes.tree_of(process.pid))
                peak = Memory(max(peak.total_bytes, now.total_bytes), max(peak.private_bytes, now.private_bytes))
                if time.perf_counter() - started > _TIMEOUT_S or (limit_gb and now.private_bytes > limit_gb * 1e9):
                    for pid in processes.tree_of(process.pid):
                        os.kill(pid, signal.SIGKILL)
        wall_s = time.perf_counter() - started
        texts = [stream.seek(0) or stream.read() for stream in (out, err)]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Ran(code, wall_s, cpu_s, peak, *texts)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--cache", type=Path, default=_ROOT / "build" / "real", help="folder to keep the tree in")
    parser.add_argument("--scratch", type=Path, help="folder for the indexes; deleted at the end")
    parser.add_argument("--limit-gb", type=float, default=12.0, help="memory that semble may take")
    parser.add_argument("--results", default=str(_RESULT), help="Markdown file to write, - for none")
    options = parser.parse_args()
    opening = machine()
    tree = fetch(KERNEL, options.cache.resolve())
    if options.scratch is not None:
        options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="conexus-kernel-", dir=options.scratch))
    try:
        bench = Bench(_ROOT / "build" / "bench", scratch, 1)
        sections = list(_sections(bench, tree, options.only, options.limit_gb))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    text = page(sections, [*_introduction(tree), *opening]).replace("# Speed", "# One repository as large as Linux", 1)
    if options.results != "-" and set(options.only) == set(_PARTS):
        Path(options.results).write_text(text, encoding="utf-8")
    print(text)


def _sections(bench: Bench, tree: Corpus, only: Sequence[str], limit_gb: float) -> Iterator[Section]:
    if "conexus" in only:
        data = bench.scratch / "linux"
        yield _indexed(bench, tree, data)
        yield _searched(bench, tree, data)
        yield _answered(bench, tree, data)
    if "semble" in only:
        bench.set_up_semble()
        yield _semble(bench, tree, limit_gb)
    if "ripgrep" in only:
        yield _ripgrep(tree)


def _introduction(tree: Corpus) -> list[str]:
    files = lines = size = 0
    for path in tree.root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            files, lines, size = files + 1, lines + content.count(b"\n"), size + len(content)
    return [
        "Written by `python benchmarks/speed/kernel.py`. Every figure is of one run but where the row says otherwise.",
        "",
        f"{tree.version}, as Debian ships it: {files:,} files, {lines:,} lines, {size / 1e6:,.0f} MB. The last "
        "lines of its `.gitignore`, with which Debian leaves out every file of the tree, are taken away.",
        "",
    ]


def _indexed(bench: Bench, tree: Corpus, data: Path) -> Section:
    env = bench.conexus_env(data)
    bench.note("indexing Linux")
    first = _right(watched([bench.program, "index", tree.root, "--json"], env))
    report = json.loads(first.out)
    bench.note(f"{report['chunks_total']:,} chunks in {first.wall_s:,.0f} s")
    again = _right(watched([bench.program, "index", tree.root], env))
    edited = tree.root / _EDITED
    kept = edited.read_bytes()
    edited.write_bytes(kept + b"\n/* one more line */\n")
    try:
        edit = _right(watched([bench.program, "index", tree.root], env))
    finally:
        edited.write_bytes(kept)
    _right(watched([bench.program, "index", tree.root], env))
    rows = [
        Row("first index, whole process", "s", [first.wall_s], (), 1_200),
        Row("- processor time", "s", [first.cpu_s]),
        Row("- peak, all processes", "MB", [first.peak.total_mb], (), 2_000),
        Row("- not backed by files", "MB", [first.peak.private_mb]),
        Row("index again, nothing changed", "s", [again.wall_s]),
        Row("index again, one file edited", "s", [edit.wall_s]),
        Row("on disk", "MB", [processes.disk_bytes(data) / 1e6]),
    ]
    reasons = ", ".join(sorted({item["reason"].split(":")[0] for item in report["problems"]}))
    text = (
        f"{report['files_total']:,} files, {report['chunks_total']:,} chunks, "
        f"{report['symbols_total']:,} symbols; "
        f"{len(report['skipped']):,} files were left out, {len(report['problems']):,} could be cut by lines only"
        f"{f' ({reasons})' if reasons else ''}."
    )
    return Section("Indexing", text, rows)


def _searched(bench: Bench, tree: Corpus, data: Path) -> Section:
    env = bench.conexus_env(data)
    cold = [timed([bench.program, "search", ask, tree.root], env).wall_s for ask, _ in _QUESTIONS]
    with daemon(bench, data) as pid:
        began = time.perf_counter()
        early = asked_by_clients(bench, data, "rest", 1)
        _wait_for_jobs(bench, data)
        settled_s = time.perf_counter() - began
        times = {kind: asked_by_clients(bench, data, kind, 1) for kind in ("rest", "grpc")}
        memory = memory_of(processes.tree_of(pid))
        shell = [timed([bench.program, "search", ask, tree.root], env).wall_s for ask, _ in _QUESTIONS]
    rows = [
        Row("REST, p50", "ms", [statistics.median(times["rest"])], (), 50),
        Row("- p99", "ms", [statistics.quantiles(times["rest"], n=100)[98]]),
        Row("gRPC, p50", "ms", [statistics.median(times["grpc"])], (), 50),
        Row("- p99", "ms", [statistics.quantiles(times["grpc"], n=100)[98]]),
        Row("REST before that look is over, p50", "ms", [statistics.median(early)]),
        Row("- how long it takes beside 200 questions", "s", [settled_s]),
        Row("resident, after all that", "MB", [memory.total_mb]),
        Row("- not backed by files", "MB", [memory.private_mb]),
        Row("`conexus search` from the shell, through the daemon", "s", shell),
        Row("`conexus search` from the shell, no daemon", "s", cold),
    ]
    count = len(json.loads(bench.questions(data).read_text(encoding="utf-8")))
    text = (
        f"{count} questions drawn from the index by REST and "
        f"by gRPC, once the daemon has looked for what changed while it was down; {len(_QUESTIONS)} from the shell."
    )
    return Section("Search", text, rows)


def _wait_for_jobs(bench: Bench, data: Path) -> None:
    """Wait until no run is at work."""
    while timed([bench.program, "jobs", "list", "--running", "--json"], bench.conexus_env(data)).answer["jobs"]:
        time.sleep(1)


def _answered(bench: Bench, tree: Corpus, data: Path) -> Section:
    env = bench.conexus_env(data)
    rows = []
    for ask, right in _QUESTIONS:
        found = timed([bench.program, "search", ask, tree.root, "--json", "-n", str(_HITS)], env).answer["results"]
        paths = [hit["path"] for hit in found]
        rows.append((ask, f"`{right}`", str(paths.index(right) + 1) if right in paths else f"not in {_HITS}"))
    return Section("What is found", grid(("asked", "answer", "rank"), rows))


def _semble(bench: Bench, tree: Corpus, limit_gb: float) -> Section:
    cache = bench.fresh("semble-cache")
    bench.note("semble")
    command = [
        bench.build / "semble" / "bin" / "python",
        Path(__file__).with_name("semble_side.py"),
        "build",
        tree.root,
    ]
    ran = watched(command, bench.semble_env(cache), limit_gb)
    last = (ran.err.strip().splitlines() or [""])[-1]
    how = (
        f"It indexed all in {ran.wall_s:,.0f} s."
        if ran.code == 0
        else f"It was allowed {limit_gb:g} GB and did not get to its end ({_end(ran.code)}; it said: `{last[-200:]}`)."
    )
    rows = [
        Row("time", "s", [], [ran.wall_s]),
        Row("processor time", "s", [], [ran.cpu_s]),
        Row("peak, all processes", "MB", [], [ran.peak.total_mb]),
    ]
    if ran.code == 0:
        asked = [
            bench.semble(cache, "search", ask, tree.root, "-k", str(_HITS)).wall_s for ask, _ in _QUESTIONS[:_REPEATS]
        ]
        rows.append(Row("search from the shell", "s", [], asked))
    return Section("semble", f"{SEMBLE}, with the vectors of our model. {how}", rows)


def _ripgrep(tree: Corpus) -> Section:
    program = shutil.which("rg")
    if program is None:
        return Section("ripgrep", "NOT RUN: ripgrep is not installed.")
    env = processes.environment({})
    rows = []
    for pattern in ("copy_process", "fork", "out of memory"):
        command = [program, "--count", "--fixed-strings", pattern, tree.root]
        runs = [timed(command, env, frozenset({0, 1})) for _ in range(_REPEATS)]
        files = len(runs[0].output.splitlines())
        rows.append((f"`{pattern}`", f"{min(run.wall_s for run in runs):.2f} s", f"{files:,}"))
    text = "It has no index and reads every file each time; they are in the system's cache. The best of five runs."
    return Section("ripgrep", text, notes=[grid(("text", "time", "files that have it, in no order"), rows)])


def _right(ran: Ran) -> Ran:
    if ran.code:
        raise RuntimeError(f"ended with {ran.code}:\n{ran.err[-4000:]}")
    return ran


def _end(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    main()
