# SPDX-License-Identifier: FSL-1.1-MIT
"""Tests of WorkerPool with real child processes: results, limits, crashes, hangs, and what is left at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from conexus.adapters.worker_pool import WorkerPool
from conexus.adapters.worker_wire import WorkerSetup
from conexus.errors import StoreError
from conexus.types import FileResult, FileStat, ParseJob, ParseMode, ReadOutcome, SkipReason
from conexus.worker import blob_id

WORKER = (sys.executable, "-P", "-m", "conexus.worker")
PATIENCE_S = 60.0  # the machine may be busy; nothing waits so long unless it is broken

# A worker whose "grammar" does what a file's first line says, since real ones that crash get mended.
ODD_WORKER = """
import os, signal, sys, time
from conexus import worker
parse = worker.parse_text
def odd(text, language, most, *, use_tree=True):
    order = text.split("\\n", 1)[0].removeprefix("# ")
    if order == "always dies" or (use_tree and order == "segfault"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if order == "always spins" or (use_tree and order == "spin"):
        while True: pass
    if use_tree and order == "devour":
        hoard = [bytes(range(256)) * 4_000 for _ in range(10_000)]
    if use_tree and order == "sleep":
        time.sleep(3_600)
    if use_tree and order == "bug":
        raise AttributeError("a bug")
    if order == "prints":
        os.write(1, b"what a grammar has to say")
    return parse(text, language, most, use_tree=use_tree)
worker.parse_text = odd
worker.main()
"""


def setup_for(root: Path, **changes: object) -> WorkerSetup:
    """What the children are told."""
    values: dict[str, object] = {
        "root": str(root),
        "repo": "example.org/team/app",
        "embed": False,
        "max_chunk_chars": 1_500,
        "max_file_bytes": 10_000_000,
        "max_data_bytes": 1_000_000,
        "skip_generated": True,
        "parse_timeout_s": 20.0,
        "parse_memory_mb": 512,
    }
    return WorkerSetup(**{**values, **changes})  # type: ignore[arg-type]


def write(root: Path, path: str, text: str) -> ParseJob:
    """Make a file and the job that reads it."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return job_of(root, path)


def job_of(root: Path, path: str) -> ParseJob:
    """The job that reads a file."""
    state = (root / path).stat()
    return ParseJob(FileStat(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino))


def small_tree(root: Path, count: int) -> list[ParseJob]:
    """Files of one function each."""
    return [
        write(root, f"pkg_{n % 9}/module_{n}.py", f"def work_{n}(value):\n    return value + {n}\n")
        for n in range(count)
    ]


PoolMaker = Callable[..., WorkerPool]


@pytest.fixture
def make_pool(tmp_path: Path) -> Iterator[PoolMaker]:
    """Makes pools that are closed at the end."""
    made: list[WorkerPool] = []

    def make(
        size: int = 2, command: Sequence[str] = WORKER, stall_s: float = PATIENCE_S, **changes: object
    ) -> WorkerPool:
        made.append(WorkerPool(command, setup_for(tmp_path, **changes), size, stall_s, bytes_a_child=1))
        return made[-1]

    yield make
    for pool in made:
        pool.close()


def test_a_pool_that_is_to_shrink_goes_on_with_one_new_process(make_pool: PoolMaker, tmp_path: Path) -> None:
    """Nothing is lost, and no file is blamed for a process that had to end."""
    jobs = small_tree(tmp_path, 300)
    pool = make_pool(3)
    seen, before = [], set()
    for result in pool.run(jobs):
        seen.append(result)
        if len(seen) == 20:
            before = {child.process.pid for child in pool._children}
            assert len(before) == 3
            assert pool.memory_bytes() > 5_000_000
            pool.shrink()
    assert sorted(result.stat.path for result in seen) == sorted(job.stat.path for job in jobs)
    assert {result.detail for result in seen} == {""}
    [last] = pool._children
    assert last.process.pid not in before


def test_a_pool_that_shrank_can_grow_again(make_pool: PoolMaker, tmp_path: Path) -> None:
    """To as many processes as there is work for."""
    pool = make_pool(3)
    shrank, grew, most = False, False, 0
    for number, _ in enumerate(pool.run(small_tree(tmp_path, 900))):
        if number == 20:
            pool.shrink()
            shrank = True
        elif shrank and not grew and len(pool._children) == 1:
            pool.grow()
            grew = True
        elif grew:
            most = max(most, len(pool._children))
    assert (grew, most) == (True, 3)


@pytest.fixture
def odd_worker(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Command of the worker that misbehaves where a file asks for it."""
    program = tmp_path_factory.mktemp("program") / "odd_worker.py"
    program.write_text(ODD_WORKER)
    return sys.executable, str(program)


def by_path(results: list[FileResult]) -> dict[str, FileResult]:
    """Results by path, each path once."""
    found = {result.stat.path: result for result in results}
    assert len(found) == len(results)
    return found


def children() -> set[int]:
    """Processes that this one started and that still run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.add(int(stat.parent.name))
    return found


def wait_until(holds: Callable[[], bool]) -> bool:
    """Whether something comes to hold in good time."""
    until = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def assert_parsed_by_tree(result: FileResult) -> None:
    assert result.outcome is ReadOutcome.PARSED
    assert result.parsed is not None
    assert result.parsed.mode is ParseMode.TREE
    assert result.parsed.note == ""


def assert_cut_by_lines(result: FileResult, text: str, reason: str) -> None:
    """The file came back whole, without its grammar, and says why."""
    assert result.outcome is ReadOutcome.PARSED
    assert result.parsed is not None
    assert result.parsed.mode is ParseMode.FALLBACK
    assert reason in result.parsed.note
    assert "".join(chunk.text for chunk in result.parsed.chunks) == text


# ------------------------------------------------------------------ results


def test_every_file_comes_back_once(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A tree of 300 files gives 300 results, each with what its file holds."""
    jobs = small_tree(tmp_path, 300)
    results = by_path(list(make_pool().run(jobs)))
    assert set(results) == {job.stat.path for job in jobs}
    for path, result in results.items():
        assert_parsed_by_tree(result)
        assert result.content_hash == blob_id((tmp_path / path).read_bytes())
        assert result.parsed is not None
        assert [symbol.name for symbol in result.parsed.symbols] == [f"work_{path.rpartition('_')[2][:-3]}"]
        assert len(result.encoded) == len(result.parsed.chunks)


def test_nothing_to_do_starts_nothing(make_pool: PoolMaker) -> None:
    """No job, no process."""
    before = children()
    assert list(make_pool().run([])) == []
    assert children() == before


def test_a_pool_runs_again(tmp_path: Path, make_pool: PoolMaker) -> None:
    """The children of one run serve the next."""
    jobs = small_tree(tmp_path, 6)
    pool = make_pool(size=1)
    first = by_path(list(pool.run(jobs)))
    second = by_path(list(pool.run(jobs)))
    assert set(first) == set(second)
    assert {result.content_hash for result in first.values()} == {result.content_hash for result in second.values()}


def test_files_that_changed_since_the_plan(tmp_path: Path, make_pool: PoolMaker) -> None:
    """Deleted files are gone, others come as they are now, and what became a link or a folder is not followed."""
    names = ("kept.py", "deleted.py", "grown.py", "linked.py", "folder.py", "fifo.py")
    jobs = [write(tmp_path, name, "def before():\n    return 1\n") for name in names]
    outside = tmp_path.parent / "outside.py"
    outside.write_text("def secret():\n    return 2\n")
    for name in names[1:]:
        (tmp_path / name).unlink()
    (tmp_path / "grown.py").write_text("def after():\n    return 'longer'\n")
    (tmp_path / "linked.py").symlink_to(outside)
    (tmp_path / "folder.py").mkdir()
    os.mkfifo(tmp_path / "fifo.py")
    results = by_path(list(make_pool(size=1).run(jobs)))
    assert results["deleted.py"].outcome is ReadOutcome.GONE
    grown = results["grown.py"]
    assert grown.stat.size_bytes == (tmp_path / "grown.py").stat().st_size
    assert grown.content_hash == blob_id((tmp_path / "grown.py").read_bytes())
    for name in ("linked.py", "folder.py", "fifo.py"):
        assert results[name].outcome is ReadOutcome.SKIPPED
        assert results[name].skipped is SkipReason.UNREADABLE
    assert_parsed_by_tree(results["kept.py"])


def test_a_known_hash_is_not_parsed_again(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A file that still has the content of the index comes back unchanged."""
    job = write(tmp_path, "same.py", "value = 1\n")
    known = ParseJob(job.stat, blob_id(b"value = 1\n"))
    [result] = make_pool(size=1).run([known])
    assert result.outcome is ReadOutcome.UNCHANGED


@pytest.mark.parametrize("letter", ["a", "\N{EXTRATERRESTRIAL ALIEN}"])
def test_long_paths_do_not_fill_the_pipes(tmp_path: Path, make_pool: PoolMaker, letter: str) -> None:
    """Hundreds of paths of almost 4,000 bytes each go through without the two ends waiting for each other."""
    part = letter * (240 // len(letter.encode()))
    folder = "/".join([part] * 16)
    jobs = [ParseJob(FileStat(f"{folder}/{n:04}.py", 10, 0, 0, 0)) for n in range(300)]
    assert len(os.fsencode(jobs[0].stat.path)) > 3_800
    results = by_path(list(make_pool().run(jobs)))
    assert {result.outcome for result in results.values()} == {ReadOutcome.GONE}
    assert len(results) == 300


def test_a_path_that_is_not_utf8(tmp_path: Path, make_pool: PoolMaker) -> None:
    """Names come back as the same bytes."""
    name = os.fsdecode(b"caf\xe9.py")
    [result] = make_pool(size=1).run([write(tmp_path, name, "x = 1\n")])
    assert result.stat.path == name
    assert_parsed_by_tree(result)


# ------------------------------------------------------------------ limits and crashes


def test_a_file_over_the_time_limit_is_cut_by_lines(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A file whose parse takes more CPU time than allowed loses its grammar, and nothing else."""
    text = "[[[(((\n" * 30_000 + ")))]]]\n" * 30_000  # 0.4 MB: a second and 150 MB
    jobs = [write(tmp_path, "big.py", text), *small_tree(tmp_path, 10)]
    results = by_path(list(make_pool(parse_timeout_s=0.5).run(jobs)))
    assert_cut_by_lines(results.pop("big.py"), text, "parsing took more than 0.375 s")
    assert len(results) == 10
    for result in results.values():
        assert result.outcome is ReadOutcome.PARSED


def test_a_file_over_the_memory_limit_is_cut_by_lines(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A file whose tree takes more memory than allowed loses its grammar, and nothing else."""
    text = "[[[(((\n" * 30_000 + ")))]]]\n" * 30_000  # 0.4 MB: a second and 150 MB
    jobs = [write(tmp_path, "big.py", text), *small_tree(tmp_path, 10)]
    results = by_path(list(make_pool(parse_memory_mb=60).run(jobs)))
    assert_cut_by_lines(results.pop("big.py"), text, "more than 60 MB of memory")
    assert len(results) == 10
    for result in results.values():
        assert_parsed_by_tree(result)


@pytest.mark.parametrize(
    ("order", "reason", "limits"),
    [
        ("segfault", "the parser crashed, or wanted more than 512 MB", {}),
        ("spin", "parsing took more than 0.75 s", {"parse_timeout_s": 2.0}),
        ("devour", "parsing took more than 100 MB of memory", {"parse_memory_mb": 100}),
        ("bug", "the parser crashed (code 1)", {}),
    ],
)
def test_what_a_grammar_does_costs_only_its_own_file(
    tmp_path: Path,
    make_pool: PoolMaker,
    odd_worker: tuple[str, ...],
    order: str,
    reason: str,
    limits: dict[str, object],
) -> None:
    """Neighbours in the batch of a file that kills its process are parsed as if nothing was."""
    jobs = small_tree(tmp_path, 20)
    text = f"# {order}\ndef odd():\n    return 1\n"
    jobs[7:7] = [write(tmp_path, "odd.py", text)]
    results = by_path(list(make_pool(command=odd_worker, **limits).run(jobs)))
    assert_cut_by_lines(results.pop("odd.py"), text, reason)
    assert len(results) == 20
    for result in results.values():
        assert_parsed_by_tree(result)


def test_deep_nesting_never_loses_a_file(tmp_path: Path, make_pool: PoolMaker) -> None:
    """Texts that are known to overturn grammars come back whole, whatever the grammar does."""
    texts = {
        "quotes.md": "> " * 20_000 + "a\n",
        "lists.md": "- " * 20_000 + "a\n",
        "brackets.js": "[" * 50_000,
        "deep.json": '{"a":' * 20_000,
    }
    jobs = [write(tmp_path, path, text) for path, text in texts.items()]
    results = by_path(list(make_pool(skip_generated=False).run([ParseJob(job.stat, forced=True) for job in jobs])))
    assert set(results) == set(texts)
    for path, result in results.items():
        assert result.outcome is ReadOutcome.PARSED, path
        assert result.parsed is not None
        assert "".join(chunk.text for chunk in result.parsed.chunks) == texts[path]


@pytest.mark.parametrize(
    ("order", "cause"), [("always dies", "the parser crashed"), ("always spins", "parsing took more than 0.5 s")]
)
def test_a_file_that_kills_without_its_grammar_too(
    tmp_path: Path, make_pool: PoolMaker, odd_worker: tuple[str, ...], order: str, cause: str
) -> None:
    """Such a file is left out with the reason, and in no time that has no end; the next run reads it again."""
    jobs = [*small_tree(tmp_path, 5), write(tmp_path, "odd.py", f"# {order}\n")]
    results = by_path(list(make_pool(command=odd_worker, parse_timeout_s=2.0).run(jobs)))
    odd = results.pop("odd.py")
    assert odd.outcome is ReadOutcome.SKIPPED
    assert odd.skipped is SkipReason.UNREADABLE
    assert cause in odd.detail
    assert odd.checked_ns == 0
    assert len(results) == 5
    for result in results.values():
        assert_parsed_by_tree(result)


def test_a_grammar_that_prints_does_not_spoil_the_answers(
    tmp_path: Path, make_pool: PoolMaker, odd_worker: tuple[str, ...]
) -> None:
    """What a grammar writes to standard output is not taken for a result."""
    jobs = [*small_tree(tmp_path, 3), write(tmp_path, "odd.py", "# prints\nx = 1\n")]
    results = by_path(list(make_pool(size=1, command=odd_worker).run(jobs)))
    assert len(results) == 4
    for result in results.values():
        assert_parsed_by_tree(result)


def test_a_worker_killed_from_outside_costs_no_file(tmp_path: Path, make_pool: PoolMaker) -> None:
    """Files that a killed child had are parsed by another one."""
    jobs = small_tree(tmp_path, 200)
    pool = make_pool()
    results: list[FileResult] = []
    for result in pool.run(jobs):
        results.append(result)
        if len(results) in {5, 60}:
            os.kill(pool._children[0].process.pid, signal.SIGKILL)
    found = by_path(results)
    assert set(found) == {job.stat.path for job in jobs}
    for result in found.values():
        assert result.outcome is ReadOutcome.PARSED


# ------------------------------------------------------------------ programs that do not work


def test_a_worker_that_hangs_is_killed(tmp_path: Path, make_pool: PoolMaker, odd_worker: tuple[str, ...]) -> None:
    """A child that gives no sign of life costs its file the grammar, not the run."""
    text = "# sleep\nx = 1\n"
    jobs = [write(tmp_path, "odd.py", text), *small_tree(tmp_path, 5)]
    results = by_path(list(make_pool(command=odd_worker, stall_s=5.0).run(jobs)))
    assert_cut_by_lines(results.pop("odd.py"), text, "parsing gave no sign of life for 5 s")
    assert len(results) == 5
    for result in results.values():
        assert_parsed_by_tree(result)


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import sys; sys.stdin.buffer.read()", "no sign of life"),
        ("import sys; sys.exit(3)", "they end at once with code 3"),
        ("pass", "they end at once with code 0"),
        ("import os; os.close(1); os.close(0); import time; time.sleep(3600)", "they end at once"),
        ("print('usage: program', flush=True); input(); input()", "end at once"),
        ("import sys; sys.stdout.buffer.write(b'\\x03\\0\\0\\0xyz')", "makes no sense|they end at once"),
    ],
    ids=["reads and never answers", "fails", "ends", "closes its pipes", "prints", "answers nonsense"],
)
def test_a_program_that_is_no_worker(tmp_path: Path, make_pool: PoolMaker, program: str, message: str) -> None:
    """After a few attempts there is an error that says what is wrong."""
    jobs = small_tree(tmp_path, 100)
    with pytest.raises(StoreError, match=message):
        list(make_pool(command=(sys.executable, "-c", program), stall_s=0.5).run(jobs))


def test_a_model_that_was_changed_meanwhile(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A process that finds another model than its caller has is an error that says what to do."""
    jobs = small_tree(tmp_path, 3)
    with pytest.raises(StoreError, match="the embedding model was changed") as told:
        list(make_pool(embed=True, fingerprint="of the release before").run(jobs))
    assert "conexus daemon restart" in str(told.value.hint)


def test_a_program_that_is_not_there(tmp_path: Path, make_pool: PoolMaker) -> None:
    """A command that cannot be started is an error at once."""
    with pytest.raises(StoreError, match="cannot be started"):
        list(make_pool(command=(str(tmp_path / "no-such-program"),)).run(small_tree(tmp_path, 3)))


def test_a_worker_that_fails_on_every_file(tmp_path: Path, make_pool: PoolMaker, odd_worker: tuple[str, ...]) -> None:
    """A program that starts and then never does a file ends in an error, not in two processes a file."""
    jobs = [write(tmp_path, f"odd_{n}.py", "# always dies\n") for n in range(200)]
    seen = 0
    with pytest.raises(StoreError, match="fail on every file: the parser crashed"):
        for _ in make_pool(size=1, command=odd_worker).run(jobs):
            seen += 1
    assert seen < 10


# ------------------------------------------------------------------ the end


@pytest.mark.parametrize("taken", [0, 1, 40])
def test_closing_in_the_middle_leaves_nothing(tmp_path: Path, make_pool: PoolMaker, taken: int) -> None:
    """No process and no thread outlives a pool that is closed while results are out."""
    processes, threads = children(), set(threading.enumerate())
    jobs = small_tree(tmp_path, 300)
    pool = make_pool()
    running = pool.run(jobs)
    for _ in range(taken):
        next(running)
    pool.close()
    pool.close()
    running.close()  # type: ignore[attr-defined]
    assert children() == processes
    assert wait_until(lambda: set(threading.enumerate()) <= threads)


def test_closing_while_a_child_is_busy(tmp_path: Path, make_pool: PoolMaker, odd_worker: tuple[str, ...]) -> None:
    """A child in the middle of a file is ended, not waited for."""
    processes = children()
    jobs = [*small_tree(tmp_path, 5), write(tmp_path, "odd.py", "# sleep\n")]
    pool = make_pool(size=1, command=odd_worker)
    assert next(pool.run(jobs)).outcome is ReadOutcome.PARSED
    pool.close()
    assert children() == processes


ORPHANS = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_worker_pool import WORKER, setup_for, small_tree
from conexus.adapters.worker_pool import WorkerPool
pool = WorkerPool(WORKER, setup_for(Path(sys.argv[1])), 2, bytes_a_child=1)
for number, _ in enumerate(pool.run(small_tree(Path(sys.argv[1]), 300))):
    if number == 250:
        print(*(child.process.pid for child in pool._children), flush=True)
        sys.stdin.read()
"""


def test_children_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Children see the end of their input when the parent dies without a word."""
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHANS, str(tmp_path), str(Path(__file__).parent)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdout is not None
    assert parent.stdin is not None
    workers = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(workers) == 2
    parent.kill()
    parent.wait()
    parent.stdin.close()
    parent.stdout.close()
    assert wait_until(lambda: not any(is_running(pid) for pid in workers))


def is_running(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
