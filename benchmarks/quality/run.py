# SPDX-License-Identifier: FSL-1.1-MIT
"""Asks public questions of public repositories and scores the answers, beside other searches on the same files.

python benchmarks/quality/run.py                                   everything, written to benchmarks/results
python benchmarks/quality/run.py --set source --system conexus     a part; only its figures are replaced
python benchmarks/quality/run.py --repo flask --results -          one repository, printed and not written
python benchmarks/quality/run.py --check                           Conexus only; ends with 1 when a set got worse
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from git_trees import GitError
from latencies import Latency, latencies_replaced, latency, read_latencies, write_latencies
from prepare import OUT, Library, Prepared, prepare
from quality_page import comparison_lines, page
from question_sets import SETS
from repositories import DEVELOPMENT, RepositoryHeldOut, RepositoryUnknown, identity
from scores import Row, Rows, read, replaced, rows_of, verdicts, write
from systems import SYSTEMS, NotInstalled, System, make, pairs_of

from conexus.evaluation.questions import Place, Question

_ROOT: Final = Path(__file__).resolve().parents[2]
_RESULTS: Final = _ROOT / "benchmarks" / "results"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the benchmark."""

    library: Library
    scratch: Path
    """For indexes and trees that a set makes; emptied after each repository."""
    systems: dict[str, System]
    sets: Sequence[str]
    times: defaultdict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    """Milliseconds of each question, by set and system."""

    def ask(self, repository: Prepared) -> list[Row]:
        """Ask every question about one repository and keep the places that were found."""
        rows: list[Row] = []
        for set_name in self.sets:
            started = time.perf_counter()
            folder = self.scratch / "trees" / set_name / repository.name
            answered: defaultdict[str, list[tuple[Question, list[Place]]]] = defaultdict(list)
            for case in SETS[set_name](self.library, repository, folder):
                for name, system in self.systems.items():
                    found = system.answers(case.tree, [question.text for question in case.questions])
                    answered[name] += pairs_of(case, found)
                    self.times[set_name, name] += [answer.elapsed_ms for answer in found]
            for name, pairs in answered.items():
                asked = [question for question, _ in pairs]
                places = [found for _, found in pairs]
                rows += rows_of((set_name, repository.name, repository.language), name, asked, places)
                self._keep(set_name, repository, name, pairs)
            count = len(next(iter(answered.values()), []))
            print(
                f"  {repository.name}, {set_name}: {count} questions, {time.perf_counter() - started:.1f} s",
                file=sys.stderr,
            )
        for leftover in self.scratch.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        return rows

    def _keep(
        self, set_name: str, repository: Prepared, system: str, pairs: Sequence[tuple[Question, list[Place]]]
    ) -> None:
        """Write the places down, to be looked at."""
        folder = self.library.folder / "answers" / set_name
        folder.mkdir(parents=True, exist_ok=True)
        answers = [
            {"id": identity(question), **asdict(question), "places": [asdict(place) for place in places]}
            for question, places in pairs
        ]
        (folder / f"{repository.name}.{system}.json").write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


def _ready(options: argparse.Namespace) -> list[Prepared]:
    """Return the repositories that are asked about, after fetching those that are not there."""
    library = Library(options.out.resolve())
    names = options.repo or ([] if options.held_out else list(DEVELOPMENT))
    there = library.repositories()
    if not names or any(name not in there for name in names):
        return prepare(names, options.out, options.mirrors, held_out=options.held_out)
    if not options.held_out and (kept := [name for name in names if name not in DEVELOPMENT]):
        raise RepositoryHeldOut(f"held out: {', '.join(kept)}")
    return [there[name] for name in names]


def _systems(names: Sequence[str], scratch: Path, notes: list[str]) -> dict[str, System]:
    found = {}
    for name in names:
        try:
            found[name] = make(name, _ROOT / "build" / "bench", scratch)
        except NotInstalled as exc:
            notes.append(f"Not measured in the last run: {exc}.")
            print(f"notice: {exc}", file=sys.stderr)
    return found


def _measure(
    options: argparse.Namespace, repositories: Sequence[Prepared], names: Sequence[str]
) -> tuple[list[Row], list[Latency], list[str]]:
    """Return the scores, how long searches took, and what is to be said of the run."""
    notes: list[str] = []
    library = Library(options.out.resolve())
    if options.scratch is not None:
        options.scratch.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="conexus-quality-", dir=options.scratch))
    try:
        run = Run(library, scratch, _systems(names, scratch, notes), options.set or list(SETS))
        rows = [row for repository in repositories for row in run.ask(repository)]
        return rows, [latency(*key, times) for key, times in run.times.items() if times], notes
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _report(
    options: argparse.Namespace,
    repositories: Sequence[Prepared],
    rows: Rows,
    times: Sequence[Latency],
    notes: Sequence[str],
) -> None:
    library = Library(options.out.resolve())
    by_name = {repository.name: repository for repository in repositories}
    if options.results == "-" or options.repo:
        print(page(rows, by_name, library.published(), notes, times))
        return
    stem = "quality-held-out" if options.held_out else "quality"
    table = Path(options.results) / f"{stem}.tsv"
    table.parent.mkdir(parents=True, exist_ok=True)
    everything = replaced(read(table), rows)
    write(table, everything)
    times = latencies_replaced(read_latencies(_latency_table(table)), times)
    write_latencies(_latency_table(table), times)
    text = page(everything, by_name, library.published(), notes, times)
    table.with_suffix(".md").write_text(text, encoding="utf-8")
    print(f"written: {table}, {table.with_suffix('.md').name}")


def _latency_table(table: Path) -> Path:
    return table.with_name(f"{table.stem}-latency.tsv")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=list(SETS), help="only this set; repeatable")
    parser.add_argument("--system", action="append", choices=SYSTEMS, help="only this search; repeatable")
    parser.add_argument("--repo", action="append", metavar="NAME", help="only this repository, printed; repeatable")
    parser.add_argument("--check", action="store_true", help="compare with the committed figures and write nothing")
    parser.add_argument("--results", default=str(_RESULTS), metavar="DIR", help="folder to write to, - for none")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py filled, and places found")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories; no network")
    parser.add_argument("--scratch", type=Path, metavar="DIR", help="where indexes are made (1 GB)")
    parser.add_argument("--held-out", action="store_true", help="the repositories outside the development set")
    return parser.parse_args()


def main() -> int:
    options = _arguments()
    try:
        repositories = _ready(options)
    except (RepositoryHeldOut, RepositoryUnknown, GitError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    rows, times, notes = _measure(options, repositories, ["conexus"] if options.check else options.system or SYSTEMS)
    committed = read(_RESULTS / ("quality-held-out.tsv" if options.held_out else "quality.tsv"))
    found = verdicts(committed, rows)
    if found:
        print("NDCG@10 against the committed results, on the same questions:")
        print("\n".join(comparison_lines(found)))
    if options.check:
        return _checked(rows, committed, worse=any(verdict.is_worse for verdict in found))
    _report(options, repositories, rows, times, notes)
    return 0


def _checked(rows: Rows, committed: Rows, *, worse: bool) -> int:
    """Return the exit code of a check: 1 also where nothing is there to compare with."""
    missing = {row.set_name for row in rows} - {row.set_name for row in committed}
    if missing:
        print(f"no committed results of: {', '.join(sorted(missing))}")
    return int(worse or not committed)


if __name__ == "__main__":
    sys.exit(main())
