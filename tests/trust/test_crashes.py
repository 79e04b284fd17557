# SPDX-License-Identifier: FSL-1.1-MIT
"""``kill -9`` at random moments of all that writes to an index.

After each kill the next search opens the index, no file is lost that was acknowledged (:mod:`acknowledged` says which
are), and once the work is done again the index is, chunk for chunk, that of a run that nobody killed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from acknowledged import Files, Seen, lost, seen
from attacks import SEED, dice, rounds
from program import FOUND, INCOMPLETE, NOTHING, Program, finish
from trees import FEW, MANY, QUESTION, SETTINGS, change, fill

from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.engine_door import DOOR
from conexus.adapters.model_files import MODEL_FOLDER, read_model
from conexus.adapters.sqlite_connection import Schema, migrate
from conexus.errors import ConexusError
from training.export import write_model

_FUNCTIONS = 40  # in each file, which makes two batches or three
_START_S = 60.0
_PATIENCE_S = 300.0
_AMID_BATCHES = 0.5  # of the kills, so many wait until a batch is written, which is over at once
_BATCH_S = 0.3
_OTHER_SIZE = {"CONEXUS_INDEX_MAX_CHUNK_CHARS": "300"}
_DAMAGED = 20  # files
_FORM = 5  # steps of the catalog's schema that the earlier version knew
# A run of another repository that was never ended, with so many files that the migration takes as long as a run.
_OTHER_REPOSITORY = (
    "INSERT INTO main.repositories VALUES (1000, 'example.org/team/other', 'other', NULL)",
    "INSERT INTO main.views (id, repository, root) VALUES (1000, 1000, x'2f')",
    "INSERT INTO main.indexes (id, view, fingerprint, model, model_fingerprint, dim, live) "
    "VALUES (1000, 1000, '', '', '', 1, 0)",
    "WITH RECURSIVE n(i) AS (SELECT 1000000 UNION ALL SELECT i + 1 FROM n WHERE i < 1060000) "
    "INSERT INTO main.files SELECT i, 1000, CAST('file ' || i AS BLOB), 1, 1, 1, i, '', 1, 'binary', '', '', "
    "NULL, '', '', '', 0, 0, 0 FROM n",
)
_TABLES = ("repositories", "views", "indexes", "files", "chunks", "texts", "symbols", "refs", "imports", "name_words")


@dataclass(frozen=True)
class Work:
    """What is killed."""

    root: Path
    data: Path | None
    """The data folder as it is before; ``None`` for none."""
    expected: Files
    """What an undisturbed run makes of it."""
    command: tuple[str | Path, ...]
    again: tuple[tuple[str | Path, ...], ...]
    """What is run after a kill, to the end."""
    codes: frozenset[int] = frozenset({FOUND, NOTHING, INCOMPLETE})
    """How a search after the kill may end."""
    damaged: frozenset[str] = frozenset()
    """Files that were damaged before: they may go."""
    from_start: bool = False
    """Whether to kill also before the process holds the repository's lock."""
    views: int = 1
    """How many trees the catalog knows in the end."""
    shared: bool = False
    """Whether clones share the vectors, which ``verify`` then compares with the catalog."""
    served: bool = False
    """Whether a daemon does the work, and is what is killed."""


@dataclass
class Bench:
    """A tree in two states, and data folders made of it."""

    folder: Path
    root: Path = field(init=False)
    old: Path = field(init=False)
    new: Path = field(init=False)
    expected: Files = field(init=False)
    took_s: float = field(init=False)
    """How long a run takes that reads all."""

    def __post_init__(self) -> None:
        self.root = self.folder / "tree"
        self.old, self.new = self.folder / "old", self.folder / "new"
        program = self.program("reference")
        fill(self.root, _FUNCTIONS)
        started = time.monotonic()
        program.ok("index", self.root)
        self.took_s = time.monotonic() - started
        copied(program.data, self.old)
        change(self.root)
        program.ok("index", self.root)
        self.expected = content(program)
        copied(program.data, self.new)

    def program(self, name: str, settings: dict[str, str] | None = None, data: Path | None = None) -> Program:
        """A program with the data it is to begin with."""
        made = Program(self.folder / name, settings={**SETTINGS, **(settings or {})})
        if data is not None:
            copied(data, made.data)
        return made

    def indexing(self, data: Path | None, *options: str) -> Work:
        """The work that indexes the tree."""
        command = ("index", self.root, *options)
        return Work(self.root, data, self.expected, command, (command,))


def first_index(bench: Bench) -> Work:
    return bench.indexing(None)


def re_index(bench: Bench) -> Work:
    return bench.indexing(bench.old)


def new_chunk_size(bench: Bench) -> Work:
    """The whole index is there, in chunks of another size; it answers until the new generation takes its place."""
    program = bench.program("sized", _OTHER_SIZE)
    program.ok("index", bench.root)
    return _answering(bench.indexing(program.data))


def new_model(bench: Bench) -> Work:
    """The same with another model."""
    shipped = read_model(MODEL_FOLDER)
    model = bench.folder / "model"
    write_model(model, "small-64", list(shipped.vocabulary), shipped.vectors[:, :64], {"licence": "Apache-2.0"})
    program = bench.program("modelled")
    program.ok("index", bench.root, "--model", model)
    return _answering(bench.indexing(program.data, "--model", "default"))


def _answering(work: Work) -> Work:
    return Work(work.root, work.data, work.expected, work.command, work.again, frozenset({FOUND}))


def optimise(bench: Bench) -> Work:
    """Most files go, so that the run packs the shard: what is deleted leaves the disk."""
    root = bench.folder / "shrinking"
    fill(root, MANY)
    before = bench.program("before")
    before.ok("index", root)
    for path in sorted(root.rglob("module_*.py"))[FEW // 4 :]:
        path.unlink()
    after = bench.program("after", data=before.data)
    after.ok("index", root)
    assert size_of(after.data / "vectors") < size_of(before.data / "vectors") / 2, "nothing was packed"
    return Work(root, before.data, content(after), ("index", root), (("index", root),))


def repair(bench: Bench) -> Work:
    """Some texts of the catalog are damaged, and ``verify --repair`` takes their files out."""
    program = bench.program("damaged", data=bench.new)
    files = sorted(bench.expected)[:_DAMAGED]
    with closing(program.catalog()) as db:
        for path in files:
            relative = os.fsencode(Path(path).relative_to(bench.root))
            (file,) = db.execute("SELECT id FROM files WHERE path = ?", (relative,)).fetchone()
            db.execute("UPDATE texts SET text = text || '!' WHERE key = ?", (file << 20,))
        db.commit()
    command = ("verify", "--repair")
    again = (command, ("index", bench.root))
    return Work(bench.root, program.data, bench.expected, command, again, damaged=frozenset(files))


def daemon_job(bench: Bench) -> Work:
    """A job of the daemon; the next daemon goes on with it by itself."""
    command = ("index", bench.root)
    return Work(bench.root, bench.old, bench.expected, command, (), served=True)


def migration(bench: Bench) -> Work:
    """A catalog that an earlier version wrote is brought to the newest schema, and then to the tree."""
    program = bench.program("earlier", data=bench.old)
    write_earlier_form(program.data / "catalog.sqlite")
    command = ("index", bench.root)
    return Work(bench.root, program.data, bench.expected, command, (command,), views=2, from_start=True)


def second_clone(bench: Bench) -> Work:
    """Another clone of an indexed repository is indexed: it takes over what both have."""
    one, two = clones(bench.folder, "one", "two")
    program = bench.program("clone")
    program.ok("index", one)
    data = copied(program.data, bench.folder / "data of one")
    command = ("index", two)
    program.ok(*command)
    expected = content(program, is_shared=True)
    require_sharing(program)
    return Work(one, data, expected, command, (command,), frozenset({FOUND}), views=2, shared=True)


def gone_clone(bench: Bench) -> Work:
    """A clone is gone that made the vectors which another one shares with it."""
    gone, left = clones(bench.folder, "gone", "left")
    program = bench.program("clones")
    program.ok("index", gone)
    program.ok("index", left)
    require_sharing(program)
    shutil.rmtree(gone)
    data = copied(program.data, bench.folder / "data of both")
    program.ok("gc")
    expected = content(program)
    assert all(path.startswith(f"{left}/") for path in expected), "the clone that is gone is indexed still"
    return Work(left, data, expected, ("gc",), (("gc",),), frozenset({FOUND}), shared=True)


def clones(folder: Path, *names: str) -> list[Path]:
    """Clones of one repository; the last one has edits."""
    found = [folder / name for name in names]
    for clone in found:
        fill(clone, _FUNCTIONS)
    for path in sorted(found[-1].rglob("module_*.py"))[::5]:
        path.write_text(path.read_text().replace("Step", "Changed step", FEW))
    return found


def require_sharing(program: Program) -> None:
    """Make sure that clones share vectors."""
    with closing(program.catalog()) as db:
        assert db.execute("SELECT count(DISTINCT pool), count(pool) FROM indexes").fetchone() == (1, 2)


WORKS: tuple[Callable[[Bench], Work], ...] = (
    first_index,
    re_index,
    new_chunk_size,
    new_model,
    optimise,
    repair,
    daemon_job,
    migration,
    second_clone,
    gone_clone,
)


def content(program: Program, *, is_shared: bool = False) -> Files:
    """What an index holds, the same in the catalog and, where it is not shared, in the vectors."""
    if not is_shared:
        program.content()
    return seen(program.data / "catalog.sqlite").files


def write_earlier_form(catalog: Path) -> None:
    """Put a catalog of the schema of an earlier version in a catalog's place, with the same content and much more."""
    written = catalog.with_name("earlier.sqlite")
    with closing(sqlite3.connect(written, isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode = WAL")
        migrate(db, Schema(CATALOG.name, CATALOG.mend, CATALOG.migrations[:_FORM]))
        db.execute("ATTACH ? AS now", (str(catalog),))
        db.execute("BEGIN")
        for table in _TABLES:
            columns = ", ".join(name for _, name, *_ in db.execute(f"PRAGMA main.table_info({table})"))
            db.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM now.{table}")  # noqa: S608 -- ours
        db.execute("UPDATE main.meta SET value = (SELECT value FROM now.meta n WHERE n.key = meta.key)")
        for statement in _OTHER_REPOSITORY:
            db.execute(statement)
        db.execute("COMMIT")
    for end in ("-wal", "-shm"):
        catalog.with_name(catalog.name + end).unlink(missing_ok=True)
    written.replace(catalog)


def hash_of(files: Files, folder: Path) -> str:
    """A short hash of the index of trees in a folder, wherever that is."""
    named = sorted((path.removeprefix(str(folder)), sorted(those)) for path, those in files.items())
    return hashlib.sha256(repr(named).encode()).hexdigest()[:12]


def copied(source: Path, target: Path) -> Path:
    """Copy a data folder: its files have holes, which are most of them."""
    if sys.platform != "linux":
        return shutil.copytree(source, target, ignore=shutil.ignore_patterns(DOOR))
    subprocess.run(["cp", "--recursive", "--preserve=all", "--sparse=always", source, target], check=True)
    return target


def size_of(folder: Path) -> int:
    """Disk space of a folder."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


# ------------------------------------------------------------------------------------------ the kill


@dataclass
class Kill:
    """A kill, and what was acknowledged right before it."""

    program: Program
    work: Work
    chance: random.Random
    before: Seen = field(init=False)
    after: Seen = field(init=False)
    moment_s: float = field(init=False)
    unreadable: str = ""

    def strike(self, took_s: float) -> float:
        """Start the work and kill it at a moment before its end; return how long it may take at most.

        A work that ends sooner is the measure from then on, and begun anew.
        """
        while True:
            self.start_over()
            is_amid_batch = not self.work.from_start and self.chance.random() < _AMID_BATCHES
            self.moment_s = self.chance.uniform(0, min(took_s, _BATCH_S) if is_amid_batch else took_s)
            daemon = self.served() if self.work.served else None
            running = self.program.start(*self.work.command)
            killed = daemon or running
            if not self.work.from_start:
                wait_for_writer(self.program, killed.pid, running)
            if is_amid_batch:
                wait_for_batch(self.program, running)
            started = time.monotonic()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(self.moment_s)
            elapsed_s = time.monotonic() - started
            self.before = seen(self.program.data / "catalog.sqlite")
            is_over = running.poll() is not None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(killed.pid, signal.SIGKILL)
            killed.communicate()
            if daemon is not None:
                finish(running)
            if not is_over and killed.returncode == -signal.SIGKILL:
                self.after = self.state()
                return took_s
            if not is_amid_batch:
                took_s = min(took_s, elapsed_s)

    def start_over(self) -> None:
        """Put the data folder into the state before the work."""
        shutil.rmtree(self.program.data, ignore_errors=True)
        if self.work.data is not None:
            copied(self.work.data, self.program.data)

    def served(self) -> subprocess.Popen[bytes]:
        """Start a daemon."""
        process = self.program.start("serve", "--port", "0", "--grpc-port", "0")
        until = time.monotonic() + _START_S
        while self.said_by_daemon() != process.pid:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < until
            time.sleep(0.01)
        return process

    def said_by_daemon(self) -> int | None:
        """The process that the file of a daemon tells; a new daemon takes away that of one that was killed."""
        with contextlib.suppress(OSError, ValueError):
            told: int = json.loads((self.program.data / "daemon.json").read_text())["pid"]
            return told
        return None

    def state(self) -> Seen:
        """What the catalog holds, read from a copy: to read it in place would do some of the next run's work."""
        copy = self.program.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for path in self.program.data.glob("catalog.sqlite*"):
            if not path.name.endswith("-shm"):
                shutil.copy(path, copy)
        try:
            return seen(copy / "catalog.sqlite")
        except sqlite3.DatabaseError as exc:
            self.unreadable = f"the catalog cannot be read: {exc}"
            return Seen({}, frozenset())

    def opened(self) -> tuple[list[str], list[str]]:
        """Open the index; return what is wrong with it, and the acknowledged files that it lost."""
        if self.unreadable:
            return [self.unreadable], []
        ended = self.program.run("search", QUESTION, self.work.root)
        if ended.code not in self.work.codes or "error:" in ended.text:
            return [f"the search ended with {ended.code}: {ended.text}"], []
        try:
            found = content(self.program, is_shared=self.work.shared)
        except (AssertionError, ConexusError) as exc:
            return [f"catalog and vectors disagree: {exc}"], []
        known = {path: chunks for path, chunks in self.before.files.items() if path not in self.work.damaged}
        return [], lost(known, self.after.in_flight, found, self.work.expected)

    def done_again(self) -> list[str]:
        """Do the work again, to its end; return how the index differs from that of an undisturbed run."""
        if self.work.served:
            daemon = self.served()
            self.wait_for_jobs(daemon)
            daemon.send_signal(signal.SIGTERM)
            finish(daemon)
        for command in self.work.again:
            ended = self.program.run(*command)
            if ended.code != FOUND and "--repair" not in command:
                return [ended.text]
        verified = self.program.run("verify")
        if "all as written" not in verified.out:
            return [verified.text]
        with closing(self.program.catalog()) as db:
            (views,) = db.execute("SELECT count(*) FROM views").fetchone()
        if views != self.work.views:
            return [f"{views} trees are known, not {self.work.views}"]
        found = content(self.program, is_shared=self.work.shared)
        return [] if found == self.work.expected else [f"other files: {sorted(found.keys() ^ self.work.expected)}"]

    def wait_for_jobs(self, daemon: subprocess.Popen[bytes]) -> None:
        """Wait until a daemon has ended all jobs, and with them its index."""
        until = time.monotonic() + _PATIENCE_S
        while True:
            with closing(self.program.catalog()) as db:
                left = db.execute("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')").fetchone()[0]
                whole = db.execute("SELECT count(*) FROM indexes WHERE live AND complete AND NOT pending").fetchone()[0]
            if whole and not left and seen(self.program.data / "catalog.sqlite").files == self.work.expected:
                return
            assert daemon.poll() is None, daemon.communicate()
            assert time.monotonic() < until, f"{left} jobs are left, {whole} indexes are whole"
            time.sleep(0.05)


def wait_for_writer(program: Program, pid: int, running: subprocess.Popen[bytes]) -> None:
    """Wait until a process has the lock of the repository, or the command is over."""
    until = time.monotonic() + _START_S
    while running.poll() is None:
        for lock in (program.data / "locks").glob("*.lock"):
            if f'"pid": {pid},'.encode() in lock.read_bytes():
                return
        assert time.monotonic() < until
        time.sleep(0.002)


def wait_for_batch(program: Program, running: subprocess.Popen[bytes]) -> None:
    """Wait until files are in flight, or the command is over."""
    until = time.monotonic() + _START_S
    while running.poll() is None and time.monotonic() < until:
        if (program.data / "catalog.sqlite").exists():
            with closing(program.catalog()) as db, contextlib.suppress(sqlite3.OperationalError):  # no tables yet
                if db.execute("SELECT 1 FROM journal").fetchone():
                    return
        time.sleep(0.002)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A tree for all works."""
    return Bench(tmp_path_factory.mktemp("crash"))


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
@rounds(1, 30)
def test_killed_at_any_moment(
    bench: Bench, tmp_path: Path, figure: Callable[..., None], work: Callable[[Bench], Work], rounds: int
) -> None:
    """See the module: 0 corrupt opens, 0 acknowledged files lost, the same index in the end."""
    killed = work(bench)
    took_s = bench.took_s
    corrupt: list[str] = []
    gone: list[str] = []
    other: list[str] = []
    amid = acknowledged = 0
    for number in range(rounds):
        program = Program(tmp_path / str(number), settings=SETTINGS)
        kill = Kill(program, killed, dice(work.__name__, number))
        took_s = kill.strike(took_s)
        where = f"round {number} of seed {SEED}, killed after {kill.moment_s:.3f} s, data in {program.data}"
        damages, losses = kill.opened()
        differences = kill.done_again()
        corrupt += [f"{where}: {text}" for text in damages]
        gone += [f"{where}: {path}" for path in losses]
        other += [f"{where}: {text}" for text in differences]
        amid += bool(kill.after.in_flight) or kill.after.generations > 1 or kill.after.files != killed.expected
        acknowledged += len(kill.before.files)
        if not (damages or losses or differences):
            shutil.rmtree(program.folder)
    figure(
        "crash",
        work=work.__name__,
        kills=rounds,
        amid_the_work=amid,
        acknowledged=acknowledged,
        corrupt_opens=len(corrupt),
        files_lost=len(gone),
        other_indexes=len(other),
        index_hash=hash_of(killed.expected, bench.folder),
    )
    assert not corrupt, corrupt[:3]
    assert not gone, gone[:10]
    assert not other, other[:3]
