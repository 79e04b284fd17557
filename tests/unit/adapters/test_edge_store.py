# SPDX-License-Identifier: FSL-1.1-MIT
"""The embedded store against crashes, damage and a second process."""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import cache
from itertools import count, islice
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from conexus.adapters.edge_store import EdgeStore
from conexus.errors import IndexIncompatible, StoreBusy, StoreDamaged, StoreError
from conexus.lexical import vector_checksum
from conexus.types import ChunkId, FileId, IndexId, PointFilter, SparseVector, VectorPoint

DIM = 32
INDEX = IndexId(1)
BATCH = 64
KILLS = 20


def point(file: int, number: int, version: int = 0) -> VectorPoint:
    """A point that its file, number and version alone decide."""
    rng = np.random.default_rng([file, number, version])
    indices = np.unique(rng.integers(0, 5000, 40, dtype=np.uint32))
    return VectorPoint(
        id=ChunkId(str(uuid.UUID(int=(file << 64) + number + 1))),
        file=FileId(file),
        dense=rng.standard_normal(DIM).astype(np.float16),
        sparse=SparseVector(indices, rng.random(len(indices), dtype=np.float32)),
        language="python",
        kinds=("function",),
        tags=("test",) if number % 3 == 0 else (),
    )


def batch(file: int, version: int = 0) -> list[VectorPoint]:
    return [point(file, number, version) for number in range(BATCH)]


def checksums(points: list[VectorPoint]) -> dict[ChunkId, int]:
    return {each.id: vector_checksum(each.dense, each.sparse) for each in points}


@cache
def state(file: int, version: int | None) -> dict[ChunkId, int]:
    """What the shard must hold of a file; the version is ``None`` where it was deleted."""
    return {} if version is None else checksums(batch(file, version))


def steps(first: int) -> Iterator[tuple[int, int | None]]:
    """What the writer does, as files and the version each is brought to."""
    for file in count(first):
        yield file, 0
        if file % 3 == 0 and file > first:
            yield file - 1, None
        if file % 5 == 0:
            yield file, 1


def write_until_killed(folder: Path, first: int) -> None:
    """Take one step after the other and count, after each flush, those that are done."""
    shard = EdgeStore(folder).open(INDEX, DIM)
    for done, (file, version) in enumerate(steps(first), start=1):
        if version is None:
            shard.delete_files([FileId(file)])
        else:
            shard.upsert(batch(file, version))
        shard.flush()
        print(done, flush=True)  # noqa: T201 - the test reads it
        if done % 7 == 0:
            shard.optimize()


def kill_a_writer(folder: Path, first: int, after_s: float) -> tuple[dict[int, int | None], int]:
    """Return what a writer acknowledged before it was killed, and the file it was at."""
    writer = subprocess.Popen([sys.executable, __file__, str(folder), str(first)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    output = writer.stdout.readline()
    time.sleep(after_s)
    writer.kill()
    output += writer.stdout.read()
    writer.wait()
    done = int(output[: output.rindex("\n")].splitlines()[-1])
    plan = list(islice(steps(first), done + 1))
    return dict(plan[:done]), plan[done][0]


def test_what_was_flushed_survives_being_killed(tmp_path: Path) -> None:
    """After kill -9 at any moment every acknowledged batch is whole and the shard works on."""
    store, rng = EdgeStore(tmp_path), random.Random(7)  # noqa: S311
    store.create(INDEX, DIM).close()
    kept: dict[int, int | None] = {}
    for kill in range(KILLS):
        first = 1 + kill * 1_000_000
        acknowledged, at_work = kill_a_writer(tmp_path, first, rng.uniform(0.0, 0.25))
        kept |= acknowledged

        shard = store.open(INDEX, DIM)
        found: dict[int, dict[ChunkId, int]] = {}
        for stored in shard.points():
            found.setdefault(int(stored.file), {})[stored.id] = stored.checksum
        kept.pop(at_work, None)  # its points may be old, new or torn: the catalog's journal names it
        found.pop(at_work, None)
        assert found == {file: state(file, version) for file, version in kept.items() if version is not None}

        # The next one writes on; what is old goes, so that a long run stays quick.
        old = {file for file in kept if file < first - 2_000_000}
        shard.delete_files([FileId(file) for file in {at_work, *old}])
        shard.upsert(batch(at_work))
        shard.flush()
        assert (
            len(shard.search(None, point(at_work, 3).sparse, BATCH, PointFilter(frozenset({FileId(at_work)})))[1]) > 1
        )
        shard.close()
        kept = {file: version for file, version in kept.items() if file not in old} | {at_work: 0}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A folder with one index of 1,280 points."""
    shard = EdgeStore(tmp_path).create(INDEX, DIM)
    for file in range(20):
        shard.upsert(batch(file))
    shard.flush()
    shard.close()
    return tmp_path


def test_an_index_without_its_folder_is_damaged(whole: Path) -> None:
    """A folder that is gone or is a file cannot be opened, and can be made anew."""
    store = EdgeStore(whole)
    shutil.rmtree(whole / "1")
    with pytest.raises(StoreDamaged):
        store.open(INDEX, DIM)
    (whole / "1").write_text("not a folder")
    with pytest.raises(StoreDamaged):
        store.open(INDEX, DIM)
    store.create(INDEX, DIM).close()
    assert store.open(INDEX, DIM).count() == 0


def test_an_index_that_was_never_finished_is_damaged(whole: Path) -> None:
    """A shard whose creation was cut short, or that lost its segments, is not taken for an empty one."""
    store = EdgeStore(whole)
    for lost in ("conexus.json", "edge_config.json", "segments"):
        shutil.copytree(whole / "1", whole / "2")
        victim = whole / "2" / lost
        shutil.rmtree(victim) if victim.is_dir() else victim.unlink()
        with pytest.raises(StoreDamaged):
            store.open(IndexId(2), DIM)
        store.drop(IndexId(2))


def test_an_index_of_another_format_is_incompatible(whole: Path) -> None:
    """A later version's shard is refused by name, and garbage in the mark is damage."""
    mark = whole / "1" / "conexus.json"
    mark.write_text(json.dumps({"format": 99, "dim": DIM}))
    with pytest.raises(IndexIncompatible, match="format"):
        EdgeStore(whole).open(INDEX, DIM)
    for garbage in (b"", b"\xff\xfe", b"[]", b'{"format": 1}', b'{"format": 1, "dim": "x"}', b"[" * 100_000):
        mark.write_bytes(garbage)
        with pytest.raises(StoreDamaged):
            EdgeStore(whole).open(INDEX, DIM)


_PROBE = """
import sys
from pathlib import Path
import numpy as np
from conexus.adapters.edge_store import EdgeStore
from conexus.errors import StoreError
from conexus.types import FileId, IndexId, PointFilter, SparseVector
try:
    shard = EdgeStore(Path(sys.argv[1])).open(IndexId(2), 32)
    terms = SparseVector(np.arange(50, dtype=np.uint32), np.ones(50, dtype=np.float32))
    shard.search(np.ones(32, dtype=np.float32), terms, 50, PointFilter(languages=frozenset({"python"})))
    print(shard.count(), sum(1 for _ in shard.points()))
    shard.delete_files([FileId(3)])
    shard.flush()
    shard.close()
except StoreError as exc:
    print(type(exc).__name__)
"""


@pytest.mark.parametrize("harm", ["removed", "emptied", "halved", "overwritten"])
def test_damaged_files_never_crash_the_process(whole: Path, harm: str) -> None:
    """Whatever file of a shard is harmed, the answer is an error of the store or the shard still works."""
    files = sorted(path.relative_to(whole / "1") for path in (whole / "1").rglob("*") if path.is_file())
    rng = random.Random(harm)  # noqa: S311
    chosen = [path for path in files if path.name in {"segment.json", "mutable_id_tracker.mappings", "version.info"}]
    chosen += rng.sample([path for path in files if path not in chosen], 3)
    for path in chosen:
        shutil.copytree(whole / "1", whole / "2")
        victim = whole / "2" / path
        size = victim.stat().st_size
        if harm == "removed":
            victim.unlink()
        elif harm == "emptied":
            os.truncate(victim, 0)
        elif harm == "halved":
            os.truncate(victim, size // 2)
        else:
            with victim.open("r+b") as file:
                file.write(rng.randbytes(min(size, 65_536)))
        probe = subprocess.run(
            [sys.executable, "-c", _PROBE, str(whole)], capture_output=True, text=True, timeout=60, check=False
        )
        assert probe.returncode == 0, (path, probe.returncode, probe.stderr)
        EdgeStore(whole).drop(IndexId(2))


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path: Path) -> None:
    """A data folder that is a file is reported as such."""
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot create"):
        EdgeStore(tmp_path / "file").create(INDEX, DIM)


def test_dropping_clears_what_a_crash_left_behind(whole: Path) -> None:
    """A drop that was cut short after the rename is finished by the next one."""
    (whole / "1").rename(whole / ".trash-1-cut-short")
    EdgeStore(whole).drop(IndexId(5))
    assert list(whole.iterdir()) == []


def test_dropping_never_follows_a_link(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Where a link stands in an index's place, the link goes and its target stays."""
    other = tmp_path_factory.mktemp("other")
    (other / "precious").write_text("kept")
    (whole / "2").symlink_to(other)
    EdgeStore(whole).drop(IndexId(2))
    assert not (whole / "2").is_symlink()
    assert (other / "precious").read_text() == "kept"


def test_optimizing_frees_the_space_of_deleted_points(whole: Path) -> None:
    """What was deleted leaves the disk, and a packed shard is opened again as it was."""
    store = EdgeStore(whole)
    shard = store.open(INDEX, DIM)
    for file in range(20, 120):
        shard.upsert(batch(file))
    shard.flush()
    shard.delete_files([FileId(file) for file in range(100)])
    shard.flush()
    before = store.size_bytes(INDEX)
    shard.optimize()
    shard.close()
    assert store.size_bytes(INDEX) < before
    expected = checksums([each for file in range(100, 120) for each in batch(file)])
    assert {each.id: each.checksum for each in store.open(INDEX, DIM).points()} == expected


def test_waste_is_noticed_and_freed(whole: Path) -> None:
    """However often files change, a shard does not keep more of what is gone than of what is there, for long."""
    store = EdgeStore(whole)
    shard = store.open(INDEX, DIM)
    live, sizes = list(range(20)), []
    for first in range(20, 3_000, 20):
        if len(sizes) >= 4:
            break
        shard.delete_files([FileId(file) for file in live])
        live = list(range(first, first + 20))
        shard.upsert([each for file in live for each in batch(file)])
        if shard.is_wasteful():
            sizes.append(store.size_bytes(INDEX))
            shard.optimize()
            assert not shard.is_wasteful()
            sizes.append(store.size_bytes(INDEX))
    assert len(sizes) >= 4
    assert max(sizes) < sizes[0] * 1.5
    assert sizes[1] < sizes[0]
    expected = checksums([each for file in live for each in batch(file)])
    assert {each.id: each.checksum for each in shard.points()} == expected


def test_a_large_shard_gets_its_graph_when_optimized(tmp_path: Path) -> None:
    """From the given size on a graph is built, and finds nearly all true neighbours."""
    store = EdgeStore(tmp_path, graph_points=6_000)
    shard = store.create(INDEX, 256)
    rng = np.random.default_rng(5)
    centres = rng.standard_normal((60, 256))
    vectors = centres[rng.integers(0, 60, 12_000)] + 0.6 * rng.standard_normal((12_000, 256))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    template = point(0, 0)
    for start in range(0, 12_000, 2_000):
        shard.upsert(
            [
                VectorPoint(
                    ChunkId(str(uuid.UUID(int=number + 1))),
                    FileId(number),
                    vectors[number].astype(np.float16),
                    template.sparse,
                    "python",
                    (),
                    (),
                )
                for number in range(start, start + 2_000)
            ]
        )
    shard.flush()
    shard.close()
    shard = store.open(INDEX, 256)
    queries = (vectors[:20] + 0.02 * rng.standard_normal((20, 256))).astype(np.float32)
    exact = [{hit.id for hit in shard.search(query, None, 10, PointFilter())[0]} for query in queries]
    shard.optimize()
    found = [{hit.id for hit in shard.search(query, None, 10, PointFilter())[0]} for query in queries]
    shard.close()
    assert list((tmp_path / "1").rglob("vector_index-dense/links*"))
    assert np.mean([len(a & b) / 10 for a, b in zip(exact, found, strict=True)]) >= 0.9


_HOLDER = """
import sys, time
from pathlib import Path
from conexus.adapters.edge_store import EdgeStore
from conexus.types import IndexId
shard = EdgeStore(Path(sys.argv[1])).open(IndexId(1), 32)
print("open", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_kept_out_until_the_first_ends(whole: Path) -> None:
    """Two processes never have one shard open, and one that is killed leaves no lock behind."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLDER, str(whole)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(StoreBusy):
        EdgeStore(whole).open(INDEX, DIM)
    holder.kill()
    holder.wait()
    shard = EdgeStore(whole).open(INDEX, DIM)
    with pytest.raises(StoreBusy):
        EdgeStore(whole).open(INDEX, DIM)
    assert shard.count() == 20 * BATCH
    shard.close()
    EdgeStore(whole).open(INDEX, DIM).close()


if __name__ == "__main__":
    write_until_killed(Path(sys.argv[1]), int(sys.argv[2]))


def test_nobody_gets_into_a_new_shard_before_its_maker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever tries just as it is locked, as a search without a daemon that comes amid a first run."""
    lock = fcntl.flock
    tried: list[StoreError | None] = []

    def locked_late(file: IO[bytes], how: int) -> None:
        if how & fcntl.LOCK_EX and not tried:
            tried.append(None)
            try:
                EdgeStore(tmp_path).open(INDEX, DIM)
            except StoreError as exc:
                tried.append(exc)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", locked_late)
    shard = EdgeStore(tmp_path).create(INDEX, DIM)
    assert len(tried) == 2
    monkeypatch.undo()
    with pytest.raises(StoreBusy):
        EdgeStore(tmp_path).open(INDEX, DIM)
    shard.close()


def test_points_in_two_segments_are_packed_into_one(tmp_path: Path) -> None:
    """A kill amid packing can leave them so; it is no damage, and the next run mends it."""
    store = EdgeStore(tmp_path)
    shard = store.create(INDEX, DIM)
    for file in range(40):
        shard.upsert(batch(file))
    shard.optimize()
    shard.flush()
    shard.close()
    [packed] = (tmp_path / "1/segments").glob("*/vector_index-bm25/inverted_index.dat")
    segment = packed.parents[1]
    shutil.copytree(segment, segment.with_name(str(uuid.uuid4())))
    shard = store.open(INDEX, DIM)
    kept = {point.id: point.checksum for point in shard.points(compare=True)}
    assert shard.is_wasteful()
    shard.optimize()
    assert not shard.is_wasteful()
    assert {point.id: point.checksum for point in shard.points(compare=True)} == kept
    shard.close()
