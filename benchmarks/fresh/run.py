# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how soon what changes is in the index, beside semble, and writes ``benchmarks/results/fresh.md``.

python benchmarks/fresh/run.py [--files N] [--burst N] [--changes N] [--edits N] [--repeats N] [--no-write]

A daemon follows a tree of many small files under git: an edit, another branch that differs in thousands of files, a
thousand changes while no daemon runs, and a start with nothing changed. semble has neither a daemon nor an index that
is brought up to date in part: after any change it makes its index anew, which is what is timed.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "benchmarks" / "speed"))

import corpora  # noqa: E402 -- from the folder above
from bench import SEMBLE, Bench  # noqa: E402
from followed import Followed, following  # noqa: E402
from report import Row, Section, machine, page  # noqa: E402

_RESULT = _ROOT / "benchmarks" / "results" / "fresh.md"
_PAUSE_S = 0.7  # between edits, so that each is a change of its own
_QUESTIONS = ("where are passwords hashed", "parse a date", "render a template", "open a connection")


def main() -> None:
    """Measure and write."""
    arguments = _arguments()
    opening = machine()
    scratch = Path(tempfile.mkdtemp(prefix="conexus-fresh-", dir=arguments.scratch))
    try:
        bench = Bench(_ROOT / "build" / "bench", scratch, arguments.repeats)
        bench.set_up_semble()
        tree = bench.add_tree("many", corpora.many_files(corpora.django_files(bench.build), arguments.files))
        text = page([_measured(bench, tree, arguments)], [*_introduction(tree), *opening]).removeprefix("# Speed\n\n")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.write:
        _RESULT.write_text(text, encoding="utf-8")
    print(text)


def _measured(bench: Bench, tree: corpora.Tree, arguments: argparse.Namespace) -> Section:
    data = bench.fresh("data")
    _git(tree.root, "init", "-q", "-b", "main")
    _commit(tree.root)
    bench.note("first index")
    bench.conexus(data, "index", tree.root, "--quiet")
    semble = _semble_again(bench, tree)
    files = sorted(tree.root.rglob("*.py"))
    rows, notes = [], []
    with following(bench, data) as daemon:
        daemon.until(daemon.is_followed)
        bench.note("edits")
        edits = [_edit(daemon, files[0], number) for number in range(arguments.edits + 1)]
        rows.append(Row("edit → searchable", "s", edits[1:], semble, limit=0.5))
        rows.append(Row("- the first after the start", "s", edits[:1], semble))
        bench.note("burst")
        _branch(tree.root, files[: arguments.burst])
        times: list[float] = []
        burst = [_switch(daemon, tree.root, name, times) for name in ("other", "main") * bench.repeats]
        rows.append(Row(f"another branch, {arguments.burst:,} files differ", "s", burst, semble))
        ordered = sorted(times)
        notes.append(
            f"While those {arguments.burst:,} files were taken in, {len(ordered):,} searches one after another took "
            f"{statistics.median(ordered):.0f} ms at the median and {ordered[int(len(ordered) * 0.95)]:.0f} ms at the "
            "95th percentile."
        )
    bench.note("catching up")
    caught = []
    for number in range(bench.repeats):
        for file in files[: arguments.changes]:
            file.write_text(f"{file.read_text(encoding='utf-8')}\n# {number}\n", encoding="utf-8")
        (tree.root / "caught_up.py").write_text(f"def caught_up_{number}():\n    return 1\n", encoding="utf-8")
        begun = time.perf_counter()
        with following(bench, data) as daemon:
            daemon.until(lambda number=number, daemon=daemon: daemon.defines(f"caught_up_{number}"))
            daemon.until(daemon.is_idle)
            caught.append(time.perf_counter() - begun)
    rows.append(Row(f"start, {arguments.changes:,} changes to catch up with", "s", caught, semble))
    idle = []
    for _ in range(bench.repeats):
        begun = time.perf_counter()
        with following(bench, data) as daemon:
            daemon.until(daemon.is_followed)
            daemon.until(daemon.is_idle)
            idle.append(time.perf_counter() - begun)
    rows.append(Row("start, nothing changed", "s", idle))
    return Section("Following a tree", _TEXT, rows, notes)


_TEXT = (
    "The clock of an edit runs from the end of the write to the first answer over REST that has the new definition; "
    "the others until no job runs any more, the start of the daemon's process included. semble's figure is a new index "
    "of the same tree, without the start of Python and without saving."
)


def _edit(daemon: Followed, file: Path, number: int) -> float:
    name = f"edited_{number}_{time.time_ns()}"
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f"\n\ndef {name}():\n    return {number}\n")
    taken = daemon.until(lambda: daemon.defines(name))
    time.sleep(_PAUSE_S)
    return taken


def _branch(root: Path, files: Sequence[Path]) -> None:
    """Make a branch in which files differ, and go back."""
    _commit(root)
    _git(root, "checkout", "-q", "-b", "other")
    for file in files:
        file.write_text(f"# other\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    (root / "of_other.py").write_text("def of_other():\n    return 1\n", encoding="utf-8")
    _commit(root)
    _git(root, "checkout", "-q", "main")


def _switch(daemon: Followed, root: Path, branch: str, times_ms: list[float]) -> float:
    """Go to a branch and wait until the index is there; ask questions meanwhile."""
    daemon.until(daemon.is_idle)
    time.sleep(2.0)
    daemon.until(daemon.is_idle)
    done = threading.Event()

    def ask() -> None:
        number = 0
        while not done.is_set():
            begun = time.perf_counter()
            daemon.ask("POST", "/v1/search", {"query": _QUESTIONS[number % len(_QUESTIONS)]})
            times_ms.append((time.perf_counter() - begun) * 1000)
            number += 1
            time.sleep(0.05)

    _git(root, "checkout", "-q", branch)
    begun = time.perf_counter()
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        daemon.until(lambda: daemon.defines("of_other") is (branch == "other"))
        daemon.until(daemon.is_idle)
        return time.perf_counter() - begun
    finally:
        done.set()
        asking.join()


def _semble_again(bench: Bench, tree: corpora.Tree) -> list[float]:
    """Have semble take in a change: it makes its index anew."""
    found = []
    for number in range(bench.repeats):
        bench.note("semble")
        (tree.root / "changed.py").write_text(f"MARK = {number}\n", encoding="utf-8")
        found.append(float(bench.semble_side(bench.fresh("semble"), "build", tree.root).answer["build_s"]))
    return found


def _git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def _commit(root: Path) -> None:
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "--allow-empty", "-m", "x")


def _introduction(tree: corpora.Tree) -> list[str]:
    return [
        "# How soon what changes is in the index",
        "",
        f"Written by `benchmarks/fresh/run.py`: a daemon that follows {tree.files:,} files "
        f"({tree.megabytes:.1f} MB) under git, beside {SEMBLE}.",
        "",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--burst", type=int, default=5_000, help="files that differ in another branch")
    parser.add_argument("--changes", type=int, default=1_000, help="files that change while no daemon runs")
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scratch", type=Path, default=None, help="folder for trees and indexes")
    parser.add_argument("--no-write", dest="write", action="store_false", help="print only")
    return parser.parse_args()


if __name__ == "__main__":
    main()
