# SPDX-License-Identifier: FSL-1.1-MIT
"""Files that are made to take all time or memory: each ends within its limits, and nothing dies of it but a parser."""

from __future__ import annotations

import itertools
import os
import random
import re
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from attacks import SEED, dice, not_run, rounds
from bombs import Bomb, brackets, crowds, documents, encodings, mutated, real_samples, repeated, soups
from program import ERROR, Program, serving, write

from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.worker_pool import WorkerPool
from conexus.adapters.worker_wire import WorkerSetup
from conexus.config import IndexOptions
from conexus.types import FileResult, FileStat, ParseJob, ParseMode, ReadOutcome, SkippedFile

_OPTIONS = IndexOptions()
_SPARE_S = 0.5  # to load a grammar, and what the clock of the system is coarse by
_SPARE_MB = 60
_LOOK_S = 0.02
_FUZZ = Path(__file__).parents[2] / "tools" / "fuzz.py"
_GUIDED = 1_000_000
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Parsers:
    """The real parsing processes, and what they took."""

    root: Path
    size: int = 1
    pool: WorkerPool = field(init=False)
    started: int = 0
    """Processes so far: one more than those that died, for each that works at once."""
    most_mb: float = 0.0
    """Most memory that one of them had, looked at often."""
    closed: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.root.mkdir()
        setup = WorkerSetup(
            root=str(self.root),
            repo="example.org/bombs",
            embed=True,
            max_chunk_chars=_OPTIONS.max_chunk_chars,
            max_file_bytes=_OPTIONS.max_file_bytes,
            max_data_bytes=_OPTIONS.max_data_bytes,
            skip_generated=True,
            parse_timeout_s=_OPTIONS.parse_timeout_s,
            parse_memory_mb=_OPTIONS.parse_memory_mb,
        )
        self.pool = WorkerPool((sys.executable, "-P", "-m", "conexus.worker"), setup, self.size)
        start = self.pool._start

        def counted() -> object:
            self.started += 1
            return start()

        self.pool._start = counted  # type: ignore[assignment,method-assign]
        threading.Thread(target=self.watch, daemon=True).start()

    def results(self, bombs: Sequence[Bomb], *, forced: bool = False) -> list[FileResult]:
        """Write files, and have them parsed; ``forced`` as a tree's own rules let them in, minified or not."""
        jobs = []
        for number, (path, data) in enumerate(bombs):
            place = self.root / f"{number}" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            jobs.append(ParseJob(FileStat(f"{number}/{path}", len(data), 0, 0, 0), None, forced))
        try:
            return list(self.pool.run(jobs))
        finally:
            for job in jobs:
                (self.root / job.stat.path).unlink()

    def cpu_s(self) -> float:
        """CPU time of all processes that there are or were."""
        dead = resource.getrusage(resource.RUSAGE_CHILDREN)
        return dead.ru_utime + dead.ru_stime + sum(_cpu_s(child.process.pid) for child in self.pool._children)

    def watch(self) -> None:
        """Look at their memory until they are closed: what the system tells of the dead counts the tests' own too."""
        while not self.closed.wait(_LOOK_S):
            self.most_mb = max([self.most_mb, *(_most_mb(child.process.pid) for child in list(self.pool._children))])


def _cpu_s(process: int) -> float:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _most_mb(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


@pytest.fixture
def parsers(tmp_path: Path) -> Iterator[Parsers]:
    """Two parsing processes at most."""
    made = Parsers(tmp_path / "parsed")
    yield made
    made.closed.set()
    made.pool.close()


@dataclass
class Worst:
    """What the worst of many files took."""

    files: int = 0
    seconds: float = 0.0
    over: list[str] = field(default_factory=list)
    by_lines: int = 0
    left_out: int = 0

    def add(self, bomb: Bomb, result: FileResult, seconds: float) -> None:
        """Count a file; one that took more than it may is remembered."""
        path, data = bomb
        limit = _OPTIONS.parse_timeout_s * max(1, len(data) / 1e6)
        self.files += 1
        self.seconds = max(self.seconds, seconds)
        self.by_lines += result.parsed is not None and result.parsed.mode is ParseMode.FALLBACK
        self.left_out += result.outcome is ReadOutcome.SKIPPED
        if seconds > limit + _SPARE_S:
            self.over.append(f"{path} {data[:40]!r} of {len(data):,} bytes: {seconds:.1f} s")


def _known(size: int) -> Iterator[Bomb]:
    """Yield what grammars took minutes for, or all memory."""
    for path, unit in (("a.kt", b"s #"), ("a.kt", b"@a"), ("a.scala", b"def a():"), ("a.ex", b"=pod\n")):
        yield path, unit * (size // len(unit))


def _bombs(size: int, count: int, chance: random.Random) -> Iterator[Bomb]:
    """Yield bombs of every kind, some of each."""
    kinds = [
        list(documents(size)),
        list(encodings(size, chance)),
        list(crowds(size)),
        list(brackets(min(200_000, size // 2))),
        list(soups(count // 5, size, chance)),
        list(repeated(1_000, chance)),
    ]
    for kind in kinds:
        for path, data in chance.sample(kind, min(len(kind), count // len(kinds))):
            yield path, data if len(data) > 1_000 or not data else (data * (size // len(data) + 1))[:size]


@rounds(12, 3_000)
def test_no_file_takes_more_than_it_may(parsers: Parsers, rounds: int, figure: Callable[..., None]) -> None:
    """Whatever a file is made of, it ends within the limits of time and memory, with a result that says what became."""
    size = 100_000 if rounds < 1_000 else 1_000_000
    nobody_s = parsers.cpu_s()
    parsers.results([("a.py", b"def a():\n    return 1\n")])
    start_s = parsers.cpu_s() - nobody_s
    time.sleep(2 * _LOOK_S)
    first_mb = parsers.most_mb
    worst = Worst()
    for bomb in (*_known(size), *_bombs(size, rounds, dice("bombs"))):
        before, started = parsers.cpu_s(), parsers.started
        [result] = parsers.results([bomb], forced=True)
        worst.add(bomb, result, parsers.cpu_s() - before - start_s * (parsers.started - started))
    most_mb = parsers.most_mb - first_mb
    figure(
        "bombs",
        files=worst.files,
        bytes_each=size,
        worst_cpu_s=round(worst.seconds, 2),
        most_mb=round(most_mb),
        by_lines=worst.by_lines,
        left_out=worst.left_out,
        parsers_killed=parsers.started - 1,
        over=len(worst.over),
        seed=SEED,
    )
    assert not worst.over
    assert most_mb <= _OPTIONS.parse_memory_mb + _SPARE_MB


_CHAINS = {
    "a.js": b"a" + b"-a" * 20_000,
    "a.ts": b"a" + b"-a" * 20_000,
    "a.tsx": b"a" + b"-a" * 20_000,
    "a.php": b"<?php $a" + b"-$a" * 13_000,
    "a.ex": b"a" + b" |> a" * 8_000,
}


def test_long_chains_of_operators_keep_their_grammar(parsers: Parsers, figure: Callable[..., None]) -> None:
    """A chain, as programs write them, does not take a query the square of its length in time."""
    cut = [
        f"{bomb[0]}: {result.parsed.note}"
        for bomb in _CHAINS.items()
        for result in parsers.results([bomb], forced=True)
        if result.parsed is not None and result.parsed.mode is not ParseMode.TREE
    ]
    figure("chains of operators", files=len(_CHAINS), cut_by_lines=len(cut))
    assert not cut


@rounds(120, 100_000)
def test_damaged_files_kill_no_run(parsers: Parsers, rounds: int, figure: Callable[..., None]) -> None:
    """Real files of every language that are cut, flipped, spliced and nested: each gets a result, whatever dies."""
    samples, chance = real_samples(), dice("fuzz")
    files = by_lines = left_out = 0
    started = time.process_time() + parsers.cpu_s()
    while files < rounds:
        bombs = [mutated(samples, chance) for _ in range(min(2_000, rounds - files))]
        results = parsers.results(bombs)
        assert len(results) == len(bombs), f"seed {SEED}, after {files} files"
        files += len(results)
        by_lines += sum(one.parsed is not None and one.parsed.mode is ParseMode.FALLBACK for one in results)
        left_out += sum(one.outcome is ReadOutcome.SKIPPED and "parser" in one.detail for one in results)
    figure(
        "fuzz",
        files=files,
        parsers_died=parsers.started - 1,
        by_lines=by_lines,
        given_up=left_out,
        cpu_s=round(time.process_time() + parsers.cpu_s() - started),
        most_mb=round(parsers.most_mb),
        seed=SEED,
    )
    assert files == rounds
    assert not left_out


@pytest.mark.slow
def test_inputs_led_by_what_they_reach_break_no_reader(
    tmp_path: Path, figure: Callable[..., None], record_property: Callable[[str, object], None]
) -> None:
    """Our own code that reads foreign bytes, under atheris: text, secrets, manifests, and chunks without a grammar."""
    if find_spec("atheris") is None:
        not_run("fuzz, guided", "atheris has no wheel for this Python", record_property)
    corpus = tmp_path / "corpus"
    for number, (_, data) in enumerate(real_samples()):
        write(corpus, {str(number): bytes([number % 8]) + data[:2_000]})
    options = (f"-runs={_GUIDED}", f"-seed={SEED}", "-timeout=10", "-max_len=4096", "-print_final_stats=1")
    program = (sys.executable, str(_FUZZ), str(corpus), *options, f"-artifact_prefix={tmp_path}/")
    done = subprocess.run(program, capture_output=True, text=True, errors="replace", check=False)
    ran = re.search(r"Done (\d+) runs", done.stderr)
    slowest, memory = (re.search(rf"{name}: *(\d+)", done.stderr) for name in ("slowest_unit_time_sec", "peak_rss_mb"))
    found = [place.name for place in tmp_path.iterdir() if place.is_file()]
    figure(
        "fuzz, guided",
        runs=int(ran[1]) if ran else 0,
        inputs_kept=len(list(corpus.iterdir())),
        slowest_s=int(slowest[1]) if slowest else -1,
        most_mb=int(memory[1]) if memory else -1,
        broken=len(found),
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert not found


@rounds(30, 3_000)
def test_damaged_files_kill_no_daemon(tmp_path: Path, rounds: int, figure: Callable[..., None]) -> None:
    """A daemon indexes them, answers all the while, and is the same process afterwards."""
    chance, samples = dice("daemon"), real_samples()
    tree = tmp_path / "tree"
    bombs = [mutated(samples, chance) for _ in range(rounds)]
    write(tree, {f"{number}/{path}": data for number, (path, data) in enumerate(bombs)})
    write(tree, {"innocent.py": "def harmless_word():\n    return 1\n"})
    program = Program(tmp_path / "program")
    program.data.mkdir(parents=True)
    with serving(tmp_path / "program", program.data):
        report = program.ok("index", tree, "--json").json
        found = program.ok("search", "harmless_word", tree, "--json", "--verbose")
    figure("fuzz through a daemon", files=rounds, indexed=report["files_indexed"], problems=len(report["problems"]))
    assert "through the daemon" in found.err
    assert found.paths()[0] == "innocent.py"


def test_what_is_too_large_is_not_read(tmp_path: Path, figure: Callable[..., None]) -> None:
    """A sparse file of 1 GB and a line of 100 MB are left out by their size, and cost no time."""
    tree = tmp_path / "tree"
    write(tree, {"line.py": b"x" * 100_000_000, "innocent.py": "def harmless_word():\n    return 1\n"})
    with (tree / "sparse.py").open("wb") as stream:
        stream.truncate(1_000_000_000)
    program = Program(tmp_path / "program")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = program.ok("index", tree, "--json").json
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figure("too large", cpu_s=round(cpu_s, 1))
    assert {item["path"]: item["reason"] for item in report["skipped"]} == {
        "line.py": "too_large",
        "sparse.py": "too_large",
    }
    assert program.ok("search", "harmless_word", tree, "--json").paths() == ["innocent.py"]
    assert cpu_s < 30


@rounds(50_000, 10_000_000)
def test_a_tree_of_very_many_files_is_scanned_in_steady_memory(
    tmp_path: Path, rounds: int, figure: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scan holds one folder at a time: ten million files take no more memory than those of one folder.

    The files are simulated: each folder that is listed stands for a real one, of 1,000 files, that is listed again.
    """
    real = tmp_path / "tree"
    write(real, {f"folder/{number}.py": "a = 1\n" for number in range(1_000)})
    tree = FilesystemTree(find_checkout(real), _OPTIONS, lambda _: None)
    seen = 0
    most = first = 0
    for item in itertools.islice(_endless(tree), rounds):
        seen += not isinstance(item, SkippedFile)
        if not seen % 10_000:
            most = max(most, _resident_mb())
            first = first or most
    figure("very many files", files=seen, grown_mb=most - first)
    assert seen == rounds
    assert most - first < 50


_ENDLESS = """
import re
import sys
from pathlib import Path
from conexus.__main__ import main
from conexus.adapters.filesystem import FilesystemTree

def most_kb():
    return int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1])

def endless(tree):
    before = most_kb()
    try:
        while True:
            yield from scan(tree)
    finally:
        Path(taken).write_text(str(most_kb() - before))

_, taken, _, *sys.argv[1:] = sys.argv
scan, FilesystemTree.scan = FilesystemTree.scan, endless
main()
"""


@rounds(100, 1_000)
def test_a_tree_of_more_files_than_there_is_memory_for_is_refused(
    tmp_path: Path, rounds: int, figure: Callable[..., None]
) -> None:
    """A run on a tree without end, of so many megabytes, says what is wrong, and has not taken more than it may."""
    tree = tmp_path / "tree"
    write(tree, {f"folder/{number}.py": "a = 1\n" for number in range(1_000)})
    script = tmp_path / "endless.py"
    script.write_text(_ENDLESS, encoding="utf-8")
    program = Program(tmp_path / "program", settings={"CONEXUS_INDEX_MEMORY_MB": str(rounds)})
    taken = tmp_path / "taken"
    program.before = (sys.executable, "-P", str(script), str(taken))
    ended = program.run("index", tree)
    told, taken_mb = " ".join(ended.err.split()), int(taken.read_text()) / 1024
    found = re.search(r"the names of ([\d,]+) take", told)
    figure(
        "too many files",
        memory_mb=rounds,
        files=int(found[1].replace(",", "")) if found else 0,
        taken_mb=round(taken_mb),
    )
    assert ended.code == ERROR, told
    assert "the tree has too many files" in told
    assert "index.memory_mb" in told
    assert taken_mb < rounds


def _endless(tree: FilesystemTree) -> Iterator[object]:
    while True:
        yield from tree.scan()


def _resident_mb() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() // 1_000_000
