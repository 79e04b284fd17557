# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures indexing: the first time, again, after an edit; its memory and its disk space."""

from __future__ import annotations

import shutil
import subprocess
import time

from bench import QUESTION, Bench
from corpora import Tree
from processes import HAS_PROC, disk_bytes
from report import Row, Section, grid

_WATCH_S = 30.0
_EDITS = 5


def first_index(bench: Bench, tree: Tree) -> Section:
    """Index from nothing, in turns; then search from nothing as a person at a shell would."""
    wall: list[float] = []
    inside: list[float] = []
    cpu: list[float] = []
    cold: list[float] = []
    semble_wall: list[float] = []
    semble_inside: list[float] = []
    semble_cpu: list[float] = []
    semble_saved: list[float] = []
    semble_cold: list[float] = []
    chunks = {"conexus": 0, "semble": 0}
    for turn in range(bench.repeats):
        bench.note(f"first index of {tree.megabytes:.0f} MB, run {turn + 1} of {bench.repeats}")
        ours = bench.conexus(bench.fresh("django"), "index", tree.root, "--json")
        theirs = bench.semble_side(bench.fresh("semble-django"), "build", tree.root)
        wall.append(ours.wall_s)
        inside.append(ours.answer["elapsed_ms"] / 1000)
        cpu.append(ours.cpu_s)
        semble_wall.append(theirs.wall_s - theirs.answer["save_s"])
        semble_inside.append(theirs.answer["build_s"])
        semble_saved.append(theirs.wall_s)
        semble_cpu.append(theirs.answer["build_cpu_s"])
        chunks = {"conexus": ours.answer["chunks_total"], "semble": int(theirs.answer["chunks"])}
        cold.append(bench.conexus(bench.fresh("cold"), "search", QUESTION, tree.root).wall_s)
        semble_cold.append(bench.semble(bench.fresh("semble-cold"), "search", QUESTION, tree.root, "-k", "10").wall_s)
    rows = [
        Row("index, whole process", "s", wall, semble_wall, against_semble=True),
        Row("index, without start and imports", "s", inside, semble_inside, against_semble=True),
        Row("index, whole process, kept on disk by both", "s", wall, semble_saved),
        Row("index, processor time", "s", cpu, semble_cpu),
        Row("first result from the shell, nothing indexed", "s", cold, semble_cold, against_semble=True),
    ]
    text = (
        f"{tree.files:,} Python files of Django, {tree.megabytes:.1f} MB; Conexus makes {chunks['conexus']:,} chunks "
        f"of them, semble {chunks['semble']:,}. What Conexus makes is on disk, flushed, when it ends; semble's first "
        "two figures are for an index in memory. semble runs with its four parsing processes, as its command line does."
    )
    return Section("First index", text, rows)


def index_again(bench: Bench, tree: Tree, many: Tree) -> Section:
    """Index once more with nothing changed, then after edits while watching."""
    rows = []
    for name, what, limit in (("django", tree, None), ("many", many, 0.5)):
        data, cache = bench.scratch / name, bench.scratch / f"semble-{name}"
        ready_index(bench, name)
        ours, theirs = [], []
        for _ in range(bench.repeats + 2):
            ours.append(bench.conexus(data, "index", what.root, "--quiet").wall_s)
            done = bench.semble_side(cache, "build", what.root)
            theirs.append(done.wall_s - done.answer["save_s"])
        rows.append(Row(f"index again, nothing changed, {what.files:,} files", "s", ours, theirs, limit))
    rows.append(Row("edit → searchable while watching", "s", _edits(bench, many), limit=0.5))
    text = (
        "The whole process, imports included. semble's figure is for loading its cached index, which it checks against "
        "the files first. The edit is one line of one file in the tree of many files; the clock runs from the end of "
        "writing it to the watcher's word that the index holds it."
    )
    return Section("Indexing again", text, rows)


def _edits(bench: Bench, tree: Tree) -> list[float]:
    """Change a file again and again while ``conexus index --watch`` runs."""
    edited = next(tree.root.rglob("*.py"))
    before = edited.read_text(encoding="utf-8")
    process = subprocess.Popen(
        [str(bench.program), "index", str(tree.root), "--watch"],
        env=bench.conexus_env(bench.scratch / "many"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    taken: list[float] = []
    try:
        if process.stderr is None:
            raise RuntimeError("the watcher has no output")
        _await(process, "watching")
        time.sleep(2.0)  # until it watches: it says that it is about to
        for number in range(_EDITS):
            edited.write_text(f"{before}\nMARK = {number}\n", encoding="utf-8")
            written = time.perf_counter()
            _await(process, "updated")
            taken.append(time.perf_counter() - written)
            time.sleep(0.5)
    finally:
        process.terminate()
        process.wait(_WATCH_S)
        edited.write_text(before, encoding="utf-8")
    return taken


def _await(process: subprocess.Popen[str], word: str) -> None:
    """Wait for a line of standard error that begins with a word."""
    for line in process.stderr or ():
        if line.startswith(word):
            return
    raise RuntimeError(f"the watcher ended before it said {word!r}")


def memory_and_disk(bench: Bench, tree: Tree, large: Tree) -> Section:
    """Measure the peak of memory while indexing, and what the indexes take on disk."""
    rows = []
    if HAS_PROC:
        for what, name in ((tree, "memory-django"), (large, "memory-large")):
            bench.note(f"memory of indexing {what.megabytes:.0f} MB")
            data, cache = bench.fresh(name), bench.fresh(f"semble-{name}")
            ours = bench.conexus_memory(data, "index", what.root, "--quiet")
            theirs = bench.semble_memory(cache, "build", what.root)
            size = f"{what.megabytes:.0f} MB of source"
            rows.append(Row(f"peak, all processes, {size}", "MB", [ours.total_mb], [theirs.total_mb], 1_000))
            rows.append(Row(f"- not backed by files, {size}", "MB", [ours.private_mb], [theirs.private_mb]))
            shutil.rmtree(data)
            shutil.rmtree(cache)
    text = (
        "Proportional set size of the process and its children together, sampled every 30 ms: pages that processes "
        "share count once. It holds the pages of mapped files, which the system takes back when it needs them."
    )
    section = Section("Memory of indexing, and disk space", text, rows)
    section.notes.append(_disk_table(bench, tree))
    return section


def _disk_table(bench: Bench, tree: Tree) -> str:
    data = bench.scratch / "django"
    ours = [disk_bytes(path) for path in (data / "catalog.sqlite", data / "vectors")]
    theirs = disk_bytes(bench.scratch / "semble-django")
    source = tree.size_bytes
    parts = (("catalog (texts, symbols, references)", ours[0]), ("vectors", ours[1]), ("together", sum(ours)))
    rows = [(name, f"{size / 1e6:.1f} MB", f"{size / source:.1f}") for name, size in (*parts, ("semble", theirs))]
    return grid((f"index of {tree.megabytes:.1f} MB of source", "on disk", "bytes a byte of source"), rows)


def ready_index(bench: Bench, name: str) -> None:
    """Index a tree with both programs, if no part before has."""
    data, tree = bench.scratch / name, bench.trees[name]
    if data.exists():
        return
    bench.note(f"index of {tree.megabytes:.0f} MB")
    report = bench.conexus(bench.fresh(name), "index", tree.root, "--json").answer
    bench.note(f"{report['chunks_total']:,} chunks in {report['elapsed_ms'] / 1000:.0f} s")
    bench.semble_side(bench.fresh(f"semble-{name}"), "build", tree.root)
