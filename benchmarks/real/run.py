# SPDX-License-Identifier: FSL-1.1-MIT
"""Indexes large public source trees with the installed program and asks it questions.

    python benchmarks/real/run.py                      all trees, written to benchmarks/results/real.md
    python benchmarks/real/run.py --tree git --explain --results -

Ends with 1 when a run failed, a file could not be parsed, or `conexus verify` found something.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from questions import Hit, Question, misplaced, questions, rank
from report import markdown
from trees import KERNEL, SOURCES, Corpus, fetch

_CONEXUS: Final = Path(sys.executable).with_name("conexus")
_TREES: Final = [name for name in SOURCES if name != KERNEL]
_ROOT: Final = Path(__file__).parents[2]
_RESULTS: Final = _ROOT / "benchmarks" / "results" / "real.md"
_CACHE: Final = _ROOT / "build" / "real"
_SAMPLE_S: Final = 0.1
_TIMEOUT_S: Final = 1800
_HITS: Final = 10


@dataclass(frozen=True, slots=True)
class Indexed:
    """What indexing one tree took and gave."""

    name: str
    version: str
    files: int
    skipped: int
    megabytes: float
    """Source that was read, in units of 10**6 bytes."""
    chunks: int
    symbols: int
    seconds: float
    peak_mb: float
    """Memory of all its processes, shared pages counted once; 0 where the system does not tell."""
    index_mb: float
    """On the disk, vectors and catalog."""
    problems: tuple[str, ...]
    """Files that could not be parsed as what they are."""
    verify: str
    """What is wrong with the index, or empty."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the first right hit of a question is."""

    tree: str
    ask: str
    kind: str
    rank: int | None
    """From 1, or ``None`` if it is not among the first ten."""
    file_rank: int | None
    """The same, with any place in a right file counted."""
    found: str
    """The first hit, as ``path:line symbol``."""
    shell_ms: float
    """From the shell, with the start of the program."""


class Run:
    """The program with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CONEXUS_")}
        self._env = {**kept, "CONEXUS_HOME": str(home / "data"), "CONEXUS_CONFIG": str(home / "config.toml")}

    def index(self, corpus: Corpus) -> Indexed:
        """Index a tree and check what was written.

        Raises:
            RuntimeError: The program ended with an error.
        """
        started = time.perf_counter()
        process = subprocess.Popen(
            [_CONEXUS, "index", str(corpus.root), "--json"],
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with _peak_of(process.pid) as peak:
            out, err = process.communicate(timeout=_TIMEOUT_S)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise RuntimeError(f"indexing {corpus.name} ended with {process.returncode}:\n{err[-4000:]}")
        report = json.loads(out)
        verified = self._ended("verify")
        return Indexed(
            name=corpus.name,
            version=corpus.version,
            files=report["files_total"],
            skipped=len(report["skipped"]),
            megabytes=report["bytes_read"] / 1e6,
            chunks=report["chunks_total"],
            symbols=report["symbols_total"],
            seconds=seconds,
            peak_mb=peak.bytes / 1e6,
            index_mb=sum(path.stat().st_size for path in self.home.rglob("*") if path.is_file()) / 1e6,
            problems=tuple(f"{problem['path']}: {problem['reason']}" for problem in report["problems"]),
            verify="" if verified.returncode == 0 else (verified.stdout + verified.stderr)[-4000:],
        )

    def ask(self, corpus: Corpus, question: Question, *, explain: bool) -> Answer:
        """Ask a question and find the first right hit.

        Raises:
            RuntimeError: The program ended with an error.
        """
        options = ["--json", "-n", str(_HITS), *(["--explain"] if explain else [])]
        started = time.perf_counter()
        done = self._ended("search", question.ask, str(corpus.root), *options)
        shell_ms = (time.perf_counter() - started) * 1000
        if done.returncode not in {0, 1}:
            raise RuntimeError(f"{question.ask!r} ended with {done.returncode}:\n{done.stderr[-4000:]}")
        results = json.loads(done.stdout)["results"]
        hits = [_hit(result) for result in results]
        place = rank(question, hits, corpus.root)
        if explain:
            _explain(question, results, place)
        first = f"{hits[0].path}:{hits[0].line} {hits[0].symbol}".rstrip() if hits else ""
        return Answer(
            corpus.name,
            question.ask,
            question.kind,
            place,
            rank(question, hits, corpus.root, whole_file=True),
            first,
            shell_ms,
        )

    def _ended(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [_CONEXUS, *arguments], env=self._env, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )


def _hit(result: Mapping[str, Any]) -> Hit:
    return Hit(result["path"], result["start_line"], result["end_line"], result["line"], result["symbol"] or "")


def _explain(question: Question, results: Sequence[Mapping[str, Any]], place: int | None) -> None:
    print(f"\n{question.tree}: {question.ask}  ->  {place or 'miss'}")
    for number, result in enumerate(results, start=1):
        shares = " ".join(f"{factor['name']}={factor['value']:+.2f}" for factor in result["factors"])
        mark = "*" if number == place else " "
        where = f"{result['path']}:{result['start_line']}-{result['end_line']}"
        print(f" {mark}{number:>2} {result['score']:.2f} {where} {result['symbol'] or ''}\n        {shares}")


class _peak_of:  # noqa: N801 -- reads as the verb it is in a with statement
    """Watches the memory of a process and of all its children until the block ends."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._pid = pid
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch)

    def __enter__(self) -> _peak_of:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._ended.wait(_SAMPLE_S):
            self.bytes = max(self.bytes, sum(map(_proportional_bytes, [self._pid, *_children(self._pid)])))


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # it has just ended
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = [int(child) for child in task.read_text(encoding="ascii").split()]
        except OSError:
            continue
        for child in found:
            yield child
            yield from _children(child)


def measure(name: str, cache: Path, *, explain: bool) -> tuple[Indexed, list[Answer]]:
    """Fetch and index one tree and ask its questions.

    Raises:
        FetchError: A registry did not give the tree.
        RuntimeError: The program failed, or an answer is not where the questions say.
    """
    corpus = fetch(name, cache)
    asked = [question for question in questions() if question.tree == name]
    if gone := misplaced(asked, corpus.root):
        raise RuntimeError(f"{corpus.version}: answers that are not in the tree: {', '.join(gone)}")
    home = Path(tempfile.mkdtemp(prefix="conexus-real-"))
    try:
        run = Run(home)
        indexed = run.index(corpus)
        print(
            f"{corpus.version}: {indexed.files} files, {indexed.megabytes:.1f} MB, {indexed.chunks} chunks, "
            f"{indexed.seconds:.1f} s",
            file=sys.stderr,
        )
        return indexed, [run.ask(corpus, question, explain=explain) for question in asked]
    finally:
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Index public source trees and ask questions of them.")
    parser.add_argument("--tree", action="append", choices=sorted(_TREES), help="only this tree; repeatable")
    parser.add_argument("--cache", type=Path, default=_CACHE, help="folder to keep the trees in")
    parser.add_argument("--results", default=str(_RESULTS), help="Markdown file to write, - for none")
    parser.add_argument("--json", type=Path, help="write all figures as JSON to this file")
    parser.add_argument("--explain", action="store_true", help="print what the score of every hit is made of")
    options = parser.parse_args()
    trees: list[Indexed] = []
    answers: list[Answer] = []
    for name in options.tree or _TREES:
        indexed, answered = measure(name, options.cache.resolve(), explain=options.explain)
        trees.append(indexed)
        answers += answered
    figures = {"trees": [asdict(tree) for tree in trees], "answers": [asdict(answer) for answer in answers]}
    text = markdown(figures)
    if options.results == "-" or options.tree:
        print(text)
    else:
        Path(options.results).write_text(text, encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return int(any(tree.problems or tree.verify for tree in trees))


if __name__ == "__main__":
    sys.exit(main())
