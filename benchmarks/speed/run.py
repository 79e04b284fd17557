# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures the speed budgets of Conexus, beside semble on the same files, and writes ``benchmarks/results/speed.md``.

python benchmarks/speed/run.py [--repeats N] [--large] [--only PART … [--write]] [--chunks N] [--packages DIR …]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import corpora
import daemon_runs
import indexing_runs
import search_runs
from bench import SEMBLE, Bench
from report import Section, machine, page, with_sections

_ROOT = Path(__file__).resolve().parents[2]
_RESULT = _ROOT / "benchmarks" / "results" / "speed.md"
_PARTS = ("first", "again", "memory", "shell", "process", "daemon")
_LARGE_CHUNKS = 100_000
_BYTES_A_CHUNK = 905  # of source code, as installed packages have it; measured on the large corpus


def main() -> None:
    """Measure and write."""
    arguments = _arguments()
    opening = machine()  # before anything runs: it tells the load
    scratch = Path(tempfile.mkdtemp(prefix="conexus-speed-", dir=arguments.scratch))
    try:
        bench = Bench(_ROOT / "build" / "bench", scratch, arguments.repeats)
        bench.set_up_semble()
        bench.packages = arguments.packages or [Path(sysconfig.get_path("purelib")), bench.semble_packages]
        found = list(_sections(bench, arguments.only, arguments.chunks, large=arguments.large))
        text = page(found, [*_introduction(bench), *opening])
    finally:
        if arguments.keep:
            print(f"kept: {scratch}", file=sys.stderr)
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    if arguments.chunks == _LARGE_CHUNKS:
        if set(arguments.only) == set(_PARTS):
            _RESULT.parent.mkdir(parents=True, exist_ok=True)
            _RESULT.write_text(text, encoding="utf-8")
        elif arguments.write:
            for section in found:
                section.text += f" Measured apart from the other parts. {opening[-1]}"
            _RESULT.write_text(with_sections(_RESULT.read_text(encoding="utf-8"), found), encoding="utf-8")
    print(text)


def _sections(bench: Bench, only: list[str], chunks: int, *, large: bool) -> Iterator[Section]:
    if set(only) == {"daemon"}:
        bench.add_tree("large", corpora.package_files(bench.packages, chunks * _BYTES_A_CHUNK))
        indexing_runs.ready_index(bench, "large")
        yield daemon_runs.through_the_daemon(bench, "large")
        return
    files = corpora.django_files(bench.build / "downloads")
    tree = bench.add_tree("django", files)
    if "first" in only:
        yield indexing_runs.first_index(bench, tree)
    if "again" in only:
        yield indexing_runs.index_again(bench, tree, bench.add_tree("many", corpora.many_files(files)))
    if not {"memory", "shell", "process", "daemon"} & set(only):
        return
    indexing_runs.ready_index(bench, "django")
    big = bench.add_tree("large", corpora.package_files(bench.packages, chunks * _BYTES_A_CHUNK))
    if "memory" in only:
        yield indexing_runs.memory_and_disk(bench, tree, big)
    indexing_runs.ready_index(bench, "large")
    if "shell" in only:
        yield search_runs.from_the_shell(bench, [("django", tree), ("large", big)])
    if "daemon" in only:
        yield daemon_runs.through_the_daemon(bench, "large")
    if "process" in only:
        part = [file for number, file in enumerate(files) if number % 3]  # 10,000 chunks, for which there is a budget
        bench.add_tree("two-thirds", part)
        indexing_runs.ready_index(bench, "two-thirds")
        yield from search_runs.in_process(bench, [("two-thirds", 5.0), ("django", None), ("large", 15.0)], large=large)


def _introduction(bench: Bench) -> list[str]:
    return [
        "Written by `make bench`; `benchmarks/README.md` says what is measured and how. Figures are the best of "
        f"{bench.repeats} or a few more runs, the median in brackets; a budget is met when the median keeps it. "
        f"Conexus and semble ({SEMBLE.partition('==')[2]}, with the vectors of our model) take turns, each run in a "
        "process of its own. The files are in the system's cache; no index is, unless the row says so.",
        "",
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, metavar="N", help="runs of each kind (default: 3)")
    parser.add_argument("--large", action="store_true", help="also search a million chunks (half an hour more)")
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=list(_PARTS), help="print these parts, write none")
    parser.add_argument("--write", action="store_true", help="with --only: put these parts into the results")
    parser.add_argument(
        "--chunks", type=int, default=_LARGE_CHUNKS, metavar="N", help="size of the large corpus, to try things"
    )
    parser.add_argument(
        "--packages", nargs="+", type=Path, default=[], metavar="DIR", help="source of the large corpus"
    )
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where trees and indexes are made (3 GB; 20 GB)")
    parser.add_argument("--keep", action="store_true", help="keep trees and indexes")
    return parser.parse_args()


if __name__ == "__main__":
    main()
