# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures what further views of a repository cost: worktrees as they are made, worktrees with edits, and a ref.

Run it as ``python benchmarks/views/run.py``; see benchmarks/README.md. Each step is a process of the command line with
a data folder of its own, and the times are its report's, beside the wall time with the start of Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULT = Path(__file__).resolve().parents[1] / "results" / "views.md"
_EDITED = 10
_QUESTION = "parse a header of a mail message"


@dataclass(frozen=True, slots=True)
class Cost:
    """What one view took."""

    report_s: float
    wall_s: float
    disk_bytes: int
    files_indexed: int


class Bench:
    """A git repository, its views and the data folder."""

    def __init__(self, folder: Path, source: Path, most_bytes: int) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.root = folder / "repository"
        self._fill(source, most_bytes)

    def _fill(self, source: Path, most_bytes: int) -> None:
        total = 0
        for file in sorted(source.rglob("*.py")):
            size = file.stat().st_size
            if not size or "site-packages" in file.parts or total + size > most_bytes:
                continue
            target = self.root / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            total += size
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "all")

    def git(self, *arguments: str, at: Path | None = None) -> None:
        """Run git with nothing of the user's settings."""
        names = {
            f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        settings = {"HOME": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        env = {"PATH": os.environ["PATH"], **settings, **names}
        subprocess.run(["git", *arguments], cwd=at or self.root, env=env, check=True, capture_output=True)

    def conexus(self, *arguments: str, at: Path | None = None) -> tuple[dict[str, Any], float]:
        """Run a command and return what it wrote as JSON, and its wall time."""
        env = {**os.environ, "CONEXUS_HOME": str(self.data), "HOME": str(self.folder), "CONEXUS_DAEMON_USE": "false"}
        started = time.monotonic()
        command = [sys.executable, "-m", "conexus", *arguments, "--json"]
        done = subprocess.run(command, cwd=at or self.root, env=env, check=True, capture_output=True)
        return json.loads(done.stdout), time.monotonic() - started

    def index(self, *arguments: str, at: Path | None = None) -> Cost:
        """Index and say what it took."""
        before = self.disk_bytes()
        report, wall_s = self.conexus("index", *arguments, at=at)
        return Cost(report["elapsed_ms"] / 1000, wall_s, self.disk_bytes() - before, report["files_indexed"])

    def disk_bytes(self) -> int:
        """Space that the data folder takes, the database's log folded in."""
        catalog = self.data / "catalog.sqlite"
        if catalog.exists():
            import sqlite3  # noqa: PLC0415 -- only here

            with sqlite3.connect(catalog) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            database.close()
        return sum(file.lstat().st_blocks * 512 for file in self.data.rglob("*") if file.is_file())

    def edited(self, root: Path, number: int) -> None:
        """Change ten files of a tree, other ones for each number."""
        files = sorted(root.rglob("*.py"))
        step = max(1, len(files) // _EDITED)
        for file in files[number % step :: step][:_EDITED]:
            with file.open("a", encoding="utf-8", errors="surrogateescape") as stream:
                stream.write(f"\n\ndef added_by_view_{number}(value):\n    return value + {number}\n")


def search_ms(bench: Bench, at: Path, *arguments: str) -> float:
    """Return the median of what searches say that they took."""
    found = [bench.conexus("search", _QUESTION, *arguments, at=at)[0]["elapsed_ms"] for _ in range(5)]
    return statistics.median(found)


def measured(bench: Bench, views: int) -> list[str]:
    """Measure and return the page."""
    first = bench.index()
    first_disk = bench.disk_bytes()
    alone_ms = search_ms(bench, bench.root)
    same: list[Cost] = []
    roots = [bench.folder / f"view{number}" for number in range(views)]
    for root in roots:
        bench.git("worktree", "add", "--quiet", "--detach", str(root))
        same.append(bench.index(at=root))
    again = [bench.index(at=root) for root in roots[:5]]
    edits: list[Cost] = []
    for number, root in enumerate(roots):
        bench.edited(root, number)
        edits.append(bench.index(at=root))
    shared_ms = search_ms(bench, bench.root)
    edited_ms = search_ms(bench, roots[0])
    bench.git("checkout", "--quiet", "-b", "topic")
    bench.edited(bench.root, views)
    bench.git("commit", "--quiet", "--all", "--message", "ten files")
    bench.git("checkout", "--quiet", "main")
    bench.index()  # what was checked out meanwhile
    ref = bench.index("--ref", "topic")
    ref_again = bench.index("--ref", "topic")
    for root in roots[1:]:
        bench.git("worktree", "remove", "--force", str(root))
    bench.git("branch", "--delete", "--force", "topic")
    pruned = bench.index()
    files = sum(1 for _ in bench.root.rglob("*.py"))
    size = sum(file.stat().st_size for file in bench.root.rglob("*.py"))
    rows = [
        ("first index", [first], first_disk),
        (f"each of {views} worktrees as made", same, 0),
        ("a worktree again, nothing changed", again, 0),
        (f"each worktree after {_EDITED} edits of its own", edits, 0),
        (f"a ref that differs in {_EDITED} files", [ref], 0),
        ("the ref again", [ref_again], 0),
        (f"the run that drops {views - 1} worktrees and the ref", [pruned], 0),
    ]
    lines = [
        "| what | files indexed | time of the run | share | wall time | disk space | share |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, costs, disk in rows:
        run_s, wall_s = (statistics.median(getattr(cost, name) for cost in costs) for name in ("report_s", "wall_s"))
        space = disk or statistics.mean(cost.disk_bytes for cost in costs)
        lines.append(
            f"| {what} | {max(cost.files_indexed for cost in costs):,} | {run_s:.2f} s | {run_s / first.report_s:.1%} "
            f"| {wall_s:.2f} s | {space / 1e6:,.2f} MB | {space / first_disk:.2%} |"
        )
    together = sum(cost.disk_bytes for cost in same)
    with_edits = together + sum(cost.disk_bytes for cost in edits)
    return [
        f"{files:,} files, {size / 1e6:.1f} MB. Times are medians, disk space means; shares are of the first index.",
        "",
        *lines,
        "",
        f"All {views} worktrees as made take {together / first_disk:.1%} more disk space together, with {_EDITED} "
        f"edits each {with_edits / first_disk:.1%}.",
        "",
        f"A search in the first tree took {alone_ms:.1f} ms while it was the only view, {shared_ms:.1f} ms beside "
        f"{views} edited worktrees, and {edited_ms:.1f} ms in one of these (medians of five, each a process of its "
        "own; the search alone).",
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line; without options the result is written down."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=Path(sysconfig.get_path("stdlib")), help="Python files to use.")
    parser.add_argument("--megabytes", type=float, default=20.0, help="Most of them.")
    parser.add_argument("--views", type=int, default=20, help="Number of worktrees.")
    options = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="conexus-views-"))
    try:
        bench = Bench(folder, options.source, int(options.megabytes * 1e6))
        load = f"Load of the machine when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores."
        page = ["# Views", "", load, "", *measured(bench, options.views), ""]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write("\n".join(page))
    if vars(options) == vars(parser.parse_args([])):  # a smaller run is a try
        RESULT.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
