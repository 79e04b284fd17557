# SPDX-License-Identifier: FSL-1.1-MIT
"""Bits that flip in the data folder: no answer is wrong without a word, ``verify`` finds what searches do not."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attacks import SEED, dice, not_run, rounds
from disks import copy_sparse
from forked import ForkedProgram, Forks
from program import ERROR, FOUND, INTERRUPTED, NOTHING, Ended, Program, commit, functions, write
from surfaces import licensed

from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.types import ChunkId, FileId, IndexId, SparseVector, VectorPoint

SETTINGS = {"CONEXUS_INDEX_MAX_CHUNK_CHARS": "400"}
BITS = 8
# Each asks another part: meaning and words, a name, uses of a name, filters of the engine.
QUESTIONS = (
    ("search", "how is the elephant weighed"),
    ("search", "module_3_2", "--explain"),
    ("search", "feed the animals of the zoo", "--lang", "python"),
    ("search", "visitors with a ticket", "--kind", "function"),
    ("symbols", "weigh_elephant"),
    ("graph", "."),
)
TREE = {
    "scales.py": "def weigh_elephant(scales):\n    '''Weigh the elephant.'''\n    return scales.read() * 1000\n",
    "zoo/keeper.py": "from scales import weigh_elephant\n\n\nclass Keeper:\n    '''Feeds animals.'''\n\n"
    "    def feed(self, animal):\n        return weigh_elephant(animal.scales) / 50\n",
    "zoo/gate.js": "export function openGate(visitors) {\n  return visitors.filter((one) => one.ticket);\n}\n",
    "package.json": '{"name": "zoo", "version": "1.2.3", "dependencies": {"left-pad": "^1.0.0"}}\n',
    "zoo/server.py": "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/animals')\n"
    "def animals():\n    return []\n",
    "README.md": "# Zoo\n\nThe gate opens at nine. Elephants are weighed on Mondays.\n",
    **{f"src/module_{n}.py": functions(f"module_{n}", 4) for n in range(8)},
}


@dataclass(frozen=True)
class Case:
    """A tree, whole data of it, and what they answer."""

    root: Path
    whole: Path
    answers: tuple[Any, ...]
    content: frozenset[tuple[bytes, str, int]]


def asked(program: Program, root: Path, question: tuple[str, ...]) -> Ended:
    """The answer to one question; the tree is not looked at for what changed."""
    name, *arguments = question
    if name == "graph":
        return program.run("graph", "--json", cwd=root)
    if name == "symbols":
        return program.run("symbols", *arguments, "--json", cwd=root)
    return program.run("search", *arguments, "--json", cwd=root)


def plain(ended: Ended) -> Any:
    """An answer without what differs each time."""
    try:
        found = json.loads(ended.out)
    except ValueError:
        return ended.code, ended.out
    return ended.code, _without_times(found)


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        left = {"elapsed_ms", "timings", "took_ms", "query_id", "indexed_at", "finished_at", "id", "age_s"}
        return {key: _without_times(one) for key, one in value.items() if key not in left}
    return [_without_times(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """Data of a small tree, as a daemon that was killed left them: with the catalog's log beside it."""
    folder = tmp_path_factory.mktemp("rot")
    root = folder / "tree"
    write(root, TREE)
    commit(root, "https://example.org/team/rot.git")
    program = Program(folder / "program", settings=SETTINGS)
    program.ok("index", root)
    program.ok("keys", "create", "--name", "ci")
    program.ok("webhooks", "add", "https://ci.example.org/hooks/conexus")
    daemon = program.start("serve", "--port", "0", "--grpc-port", "0")
    until = time.monotonic() + 60
    while not (program.data / "daemon.json").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    write(root, {"zoo/keeper.py": TREE["zoo/keeper.py"].replace("Feeds", "Gives food to")})
    program.ok("index", root)
    daemon.send_signal(signal.SIGKILL)
    daemon.communicate()
    whole = folder / "whole"
    copy_sparse(program.data, whole)
    assert (whole / "catalog.sqlite-wal").stat().st_size > 0
    answers = tuple(plain(asked(program, root, question)) for question in QUESTIONS)
    content = frozenset(program.content())
    return Case(root, whole, answers, content)


def kind_of(path: Path, data: Path) -> str:
    """What kind of file one is: parts of the engine have names with ids in them."""
    parts = path.relative_to(data).parts
    if parts[0] != "vectors":
        return "lock" if parts[0] == "locks" else parts[0]
    return "/".join(part for part in (parts[0], *parts[4:]) if not part[:1].isdigit() or "-" not in part) or parts[-1]


def kinds(data: Path) -> dict[str, list[Path]]:
    """The files of a data folder that hold something, by kind."""
    found: dict[str, list[Path]] = {}
    for path in sorted(data.rglob("*")):
        if path.is_file() and path.stat().st_blocks and path.stat().st_size:
            found.setdefault(kind_of(path, data), []).append(path)
    return found


def written_parts(path: Path) -> list[tuple[int, int]]:
    """Where a sparse file has data, as begin and end."""
    found, at = [], 0
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        while at < size:
            try:
                at = os.lseek(stream.fileno(), at, os.SEEK_DATA)
            except OSError:
                break
            end = os.lseek(stream.fileno(), at, os.SEEK_HOLE)
            found.append((at, end))
            at = end
    return found


def flip(path: Path, chance: random.Random) -> list[int]:
    """Flip bits of a file, of bytes that are not nothing where there are such; return where."""
    with path.open("r+b") as stream:
        offsets: list[int] = []
        for begin, end in written_parts(path):
            stream.seek(begin)
            offsets += [begin + at for at, byte in enumerate(stream.read(end - begin)) if byte]
        chosen = sorted(chance.sample(offsets, min(BITS, len(offsets)))) if offsets else []
        for offset in chosen:
            stream.seek(offset)
            byte = stream.read(1)[0] ^ (1 << chance.randrange(8))
            stream.seek(offset)
            stream.write(bytes([byte]))
    return chosen


@dataclass
class Found:
    """What became of one damaged copy."""

    told: bool
    """Whether a command or ``verify`` said that something is wrong."""
    wrong: list[str]
    """Questions that were answered otherwise."""


def examined(program: Program, case: Case) -> Found:
    """Ask a damaged copy, then have it verified."""
    told, wrong = False, []
    for question, expected in zip(QUESTIONS, case.answers, strict=True):
        found = asked(program, case.root, question)
        assert found.code in {FOUND, NOTHING, ERROR, 3}, found
        if found.code == ERROR or "damaged" in found.err:
            told = True
        elif plain(found) != expected:
            wrong.append(" ".join(question))
    verified = program.run("verify")
    assert verified.code != INTERRUPTED
    return Found(told or verified.code != FOUND, wrong)


def mend(program: Program, case: Case) -> None:
    """Do what the hints say; then all must be as it was."""
    program.run("verify", "--repair")
    program.ok("index", case.root)
    verified = program.ok("verify")
    assert "all as written" in verified.out
    assert program.content() == case.content


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """A process for all commands."""
    made = Forks()
    yield made
    made.close()


@rounds(3, 200)
def test_no_answer_is_silently_wrong(
    rounds: int, case: Case, forks: Forks, tmp_path: Path, figure: Callable[..., None]
) -> None:
    """Eight bits flip in one file: each answer is as before, or the damage is told; then it is mended as told.

    SQLite takes a damaged write-ahead log as if it ended there: an earlier state answers, and the next run goes on.
    """
    name = "rot"
    harmless = told = taken_back = 0
    silent: list[str] = []
    unmended: list[str] = []
    hit: Counter[str] = Counter()
    for number in range(rounds):
        chance = dice(name, number)
        program = ForkedProgram(forks, tmp_path / str(number), SETTINGS)
        copy_sparse(case.whole, program.data)
        by_kind = kinds(program.data)
        # Half of them hit the catalog, which has most of what answers are made of.
        kind = "catalog.sqlite" if number % 2 else sorted(by_kind)[chance.randrange(len(by_kind))]
        path = chance.choice(by_kind[kind])
        offsets = flip(path, chance)
        hit[kind] += 1
        place = f"round {number}, CONEXUS_SEED={SEED}: {path.relative_to(program.data)} at {offsets}"
        found = examined(program, case)
        told += found.told
        harmless += not found.told and not found.wrong
        is_taken_back = path.name.endswith("-wal") and bool(found.wrong) and not found.told
        taken_back += is_taken_back
        if found.wrong and not found.told and not is_taken_back:
            silent.append(f"{place}: {found.wrong}")
        if found.told or is_taken_back:
            try:
                mend(program, case)
            except AssertionError as exc:
                unmended.append(f"{place}: {str(exc)[:500]}")
        shutil.rmtree(program.folder)
    figure(
        name,
        copies=rounds,
        kinds=len(hit),
        told=told,
        harmless=harmless,
        taken_back=taken_back,
        silent=len(silent),
        unmended=len(unmended),
    )
    assert not silent, "\n".join(silent)
    assert not unmended, "\n".join(unmended)


# Of a file's rows, what no answer and no other check depends on: what the next run finds out anyway.
_TIMES = {"id", "index_id", "size", "mtime_ns", "ctime_ns", "inode", "checked_ns", "uses"}
_OF_FILES = (
    "files", "chunks", "symbols", "refs", "imports", "packages_provided", "packages_required", "endpoints", "name_words"
)  # fmt: skip


def changed(value: object) -> object:
    """Another value of the same type."""
    if isinstance(value, int):
        return value ^ 1
    if isinstance(value, bytes):
        return value[:-1] + bytes([value[-1] ^ 1])
    return f"{value}x" if value is None or value == "" else f"{chr(ord(str(value)[0]) ^ 1)}{str(value)[1:]}"


def catalog_of(case: Case, folder: Path) -> Path:
    """A folder with a copy of the whole catalog."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name in ("catalog.sqlite", "catalog.sqlite-wal"):
        shutil.copyfile(case.whole / name, folder / name)
    return folder


def finds(data: Path, spoil: Callable[[sqlite3.Connection], object]) -> bool:
    """Whether a check of the catalog finds what was done to it."""
    with closing(sqlite3.connect(data / "catalog.sqlite")) as db:
        spoil(db)
        db.commit()
    with closing(SqliteCatalog(str(data / "catalog.sqlite"))) as catalog:
        live = [view.live for view in catalog.views() if view.live is not None]
        return bool(catalog.integrity()) or not live or any(catalog.damaged_files(index.id) for index in live)


def test_every_column_of_what_is_kept_of_a_file_is_checked(
    case: Case, tmp_path: Path, figure: Callable[..., None]
) -> None:
    """One value of one row changes: ``verify`` finds it; without the checksums it finds hardly any."""
    with closing(sqlite3.connect(catalog_of(case, tmp_path / "data") / "catalog.sqlite")) as db:
        columns = [
            (table, row[1])
            for table in _OF_FILES
            for row in db.execute(f"PRAGMA table_info({table})").fetchall()
            if row[1] not in _TIMES or (table != "files" and row[1] == "id")
        ]
    missed: list[str] = []
    missed_without = 0
    for table, column in columns:
        if table != "name_words" and column == "file":
            continue  # a row of a file that is another's, or nobody's, is found by the two of them

        def spoil(db: sqlite3.Connection, table: str = table, column: str = column) -> None:
            key = "rowid" if table != "name_words" else "word"
            [found] = db.execute(f"SELECT {key}, {column} FROM {table} LIMIT 1").fetchall() or [(None, None)]  # noqa: S608
            assert found[0] is not None, f"the tree has nothing for {table}"
            db.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (changed(found[1]), found[0]))  # noqa: S608

        def unprotected(db: sqlite3.Connection, spoil: Callable[[sqlite3.Connection], None] = spoil) -> None:
            db.execute("DELETE FROM digests")
            spoil(db)

        for number, damage in enumerate((spoil, unprotected)):
            data = catalog_of(case, tmp_path / "data")
            if not finds(data, damage):
                missed_without += number
                missed += [f"{table}.{column}"] * (not number)
    figure("rot: columns", columns=len(columns), missed=len(missed), missed_without_checksums=missed_without)
    assert not missed
    assert missed_without > len(columns) // 2


# In a process of its own: the engine may be ended by what it reads.
_PROBE = """
import json, sys
from pathlib import Path
import numpy as np
from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.memory_use import limit_memory
from conexus.errors import StoreError
from conexus.types import FileId, IndexId, PointFilter, SparseVector
answers, points, told = [], [], False
limit_memory()  # as the engine's process does
try:
    shard = EdgeStore(Path(sys.argv[1])).open(IndexId(1), 32)
    for number in range(30):
        chance = np.random.default_rng(number)
        where = PointFilter(
            languages=frozenset({"go"}) if number % 3 == 1 else None,
            files=frozenset(map(FileId, range(number))) if number % 3 == 2 else None,
            without_tags=frozenset({"test"}) if number % 2 else frozenset(),
        )
        words = np.unique(chance.integers(0, 900, 9, dtype=np.uint32))
        terms = SparseVector(words, np.ones(len(words), dtype=np.float32))
        dense, words = shard.search(chance.standard_normal(32).astype(np.float16), terms, 20, where)
        answers.append([[point.id for point in found] for found in (dense, words)])
    for point in shard.points(compare=True):
        points.append((point.id, point.file, point.checksum))
except StoreError:
    told = True
print(json.dumps([answers, points, told]))
"""


def small_index(folder: Path) -> None:
    """Points of two languages, some of tests, most of them packed by the engine and some written after that."""
    shard = EdgeStore(folder).create(IndexId(1), 32)
    for file in range(50):
        chance = np.random.default_rng(file)
        shard.upsert(
            [
                VectorPoint(
                    id=ChunkId(str(uuid.UUID(int=(file << 64) + number + 1))),
                    file=FileId(file),
                    dense=(dense := chance.standard_normal(32) / 6).astype(np.float16),
                    sparse=SparseVector(
                        words := np.unique(chance.integers(0, 900, 30, dtype=np.uint32)),
                        chance.random(len(words), dtype=np.float32),
                    ),
                    language="python" if dense[0] > 0 else "go",
                    kinds=("function",),
                    tags=("test",) if number % 4 == 0 else (),
                )
                for number in range(64)
            ]
        )
        if file == 45:
            shard.optimize()
    shard.flush()
    shard.close()


def probed(folder: Path) -> tuple[Any, Any, bool]:
    """What an index answers, the points it has, and whether it said that it is damaged."""
    done = subprocess.run([sys.executable, "-c", _PROBE, folder], capture_output=True, text=True, check=False)
    if done.returncode < 0:
        return [], [], True  # the engine's process ended, which is told
    assert done.returncode == 0, done.stderr
    answers, points, told = json.loads(done.stdout)
    return answers, points, told


@rounds(3, 150)
def test_what_searches_read_is_compared_with_what_is_kept(
    rounds: int, tmp_path: Path, figure: Callable[..., None]
) -> None:
    """Bits flip in what the engine makes of the points: lists of words, of values, packed vectors."""
    small_index(tmp_path / "whole")
    answers, points, damaged = probed(tmp_path / "whole")
    assert answers
    assert not damaged
    made = ("payload_index", "vector_index", "quantized")
    told = changed = 0
    silent: list[str] = []
    by_kind: dict[str, list[Path]] = {}
    for path in sorted((tmp_path / "whole").rglob("*")):
        place = path.relative_to(tmp_path / "whole")
        if path.is_file() and path.stat().st_blocks and any(part in str(place) for part in made):
            by_kind.setdefault(path.name, []).append(place)
    for number in range(rounds):
        chance = dice("rot: indexes", number)
        # Half of them hit what most answers are read from.
        kind = sorted(by_kind)[chance.randrange(len(by_kind))]
        if number % 2:
            kind = chance.choice(
                ["inverted_index.dat", "values_to_points.bin", "point_to_values.bin", "quantized.data"]
            )
        place = chance.choice(by_kind[kind])
        copy_sparse(tmp_path / "whole", tmp_path / "copy")
        offsets = flip(tmp_path / "copy" / place, chance)
        found, kept, is_told = probed(tmp_path / "copy")
        told += is_told
        changed += found != answers and kept == points
        if found != answers and not is_told and kept == points:
            silent.append(f"round {number}, CONEXUS_SEED={SEED}: {place} at {offsets}")
        shutil.rmtree(tmp_path / "copy")
    figure("rot: indexes", copies=rounds, told=told, changed_with_whole_points=changed, silent=len(silent))
    assert not silent, "\n".join(silent)


def recorded(program: Program) -> tuple[int, Any]:
    """The records of an audit log without those of having looked at it."""
    found = program.run("audit", "search", "-n", "500", "--json")
    if found.code != FOUND:
        return found.code, []
    return FOUND, [one for one in found.json["records"] if one["action"] not in {"audit.verify", "audit.search"}]


@rounds(2, 100)
def test_a_damaged_audit_log_is_told(
    rounds: int,
    forks: Forks,
    tmp_path: Path,
    figure: Callable[..., None],
    record_property: Callable[[str, object], None],
) -> None:
    """Eight bits flip in its file: ``audit verify`` says so, or all records read as before."""
    name = "rot: audit log"
    program = ForkedProgram(forks, tmp_path / "whole", {})
    if not licensed(program):
        not_run(name, "needs the enterprise edition", record_property)
    write(tmp_path / "tree", {"scales.py": TREE["scales.py"]})
    program.ok("index", tmp_path / "tree")
    for number in range(5):
        program.ok("search", f"elephant {number}", tmp_path / "tree")
    assert program.ok("audit", "verify", "--json").json["sound"]
    code, records = recorded(program)
    assert code == FOUND
    assert len(records) > 5
    told = harmless = 0
    silent: list[str] = []
    for number in range(rounds + 1):
        copy = ForkedProgram(forks, tmp_path / str(number), program.settings)
        copy_sparse(program.data, copy.data)
        if number == rounds:  # a copy itself is no damage
            assert copy.ok("audit", "verify", "--json").json["sound"]
            break
        offsets = flip(copy.data / "audit.sqlite", dice(name, number))
        verified = copy.run("audit", "verify", "--json")
        assert verified.code in {FOUND, NOTHING, ERROR}, verified
        if verified.code != FOUND:
            told += 1
        elif recorded(copy) == (FOUND, records):
            harmless += 1
        else:
            silent.append(f"round {number}, CONEXUS_SEED={SEED}: {offsets}")
        shutil.rmtree(copy.folder)
    figure(name, copies=rounds, told=told, harmless=harmless, silent=len(silent))
    assert not silent, "\n".join(silent)
