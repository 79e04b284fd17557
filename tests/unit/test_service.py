# SPDX-License-Identifier: FSL-1.1-MIT
"""Tests of the whole application on small trees: index, search, upkeep, generations, threads, and what goes wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.git_metadata import find_checkout
from conexus.adapters.process_locks import FileLocks
from conexus.bootstrap import Application, build
from conexus.config import Config, IndexOptions, StoreOptions
from conexus.context_service import named
from conexus.errors import (
    DiskFull,
    MemoryFull,
    NotFound,
    RepositoryNotIndexed,
    SourceError,
    StoreBusy,
    StoreDamaged,
    StoreError,
)
from conexus.indexing.memory import Pressure
from conexus.indexing.pipeline import Indexer
from conexus.ports import Embedder, Locks, VectorShard, VectorStore
from conexus.search.query import analyse
from conexus.service import IndexerFactory, LocalService
from conexus.types import (
    LOCAL_USER,
    Checkout,
    DenseMatrix,
    DenseVector,
    FileId,
    Freshness,
    Hit,
    IndexedView,
    IndexId,
    IndexProgress,
    IndexReport,
    IndexStage,
    Retriever,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SparseVector,
    VectorPoint,
)

USER = LOCAL_USER
PATIENCE_S = 60.0


class WordModel:
    """An embedding model that counts what it is asked: hashed words, so slow that each vector is worth keeping."""

    name = "words"
    dim = 64
    is_fast = False

    def __init__(self, fingerprint: str = "words-1") -> None:
        self.fingerprint = fingerprint
        self.asked: list[str] = []

    def knows(self, word: str) -> bool:
        """Every word."""
        return True

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """One row a text."""
        self.asked += texts
        return np.stack([self.embed_query(text) for text in texts])

    def embed_query(self, text: str) -> DenseVector:
        """Counts of the text's words."""
        row = np.zeros(self.dim, dtype=np.float32)
        for word in analyse(text or "empty").stems or ("empty",):
            row[zlib.crc32(word.encode()) % self.dim] += 1
        return row / max(float(np.linalg.norm(row)), 1e-6)


@dataclass
class Bench:
    """A working tree and a data folder, and applications that are closed at the end."""

    folder: Path
    root: Path
    data: Path
    opened: list[Application] = field(default_factory=list)

    def app(
        self,
        *,
        keep_open: bool = False,
        model: Embedder | None = None,
        store: StoreOptions | None = None,
        **index: object,
    ) -> LocalService:
        """A service on the data folder, as a process of its own would have it."""
        options = store or StoreOptions(lock_wait_s=PATIENCE_S)
        config = Config(
            index=IndexOptions(workers=1, **index),  # type: ignore[arg-type]
            store=options if options.path else replace(options, path=str(self.data)),
        )
        models = (lambda _: model) if model is not None else None
        self.opened.append(build(config, keep_open=keep_open, models=models))
        return self.opened[-1].service

    def write(self, files: dict[str, str], root: Path | None = None) -> None:
        """Make or change files of the tree."""
        for path, text in files.items():
            file = (root or self.root) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)

    def checkout(self, root: Path | None = None) -> Checkout:
        """The tree as the command line finds it."""
        return find_checkout(root or self.root, home=self.folder)

    def shards(self) -> set[str]:
        """Names of the generations that have vectors on disk."""
        return {path.name for path in (self.data / "vectors").iterdir()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A tree of three files."""
    bench = Bench(tmp_path, tmp_path / "tree", tmp_path / "data")
    bench.write(
        {
            "bank/accounts.py": 'def open_account(owner):\n    """Open one for its owner."""\n    return owner\n',
            "bank/interest.py": 'def yearly_interest(sum):\n    """Interest of a year."""\n    return sum * 0.02\n',
            "README.md": "# Bank\n\nHow to transfer money between accounts.\n",
        }
    )
    yield bench
    for app in bench.opened:
        app.service.close()


def functions(module: str, count: int = 40) -> str:
    """A module of small functions, cut into many chunks where chunks are small."""
    return "\n".join(
        f'def step_{n}_of_{module}(value):\n    """Step {n} of {module}: adds, checks, and hands on."""\n'
        f"    if value < {n}:\n        raise ValueError('too small for step {n}')\n    return value + {n}\n"
        for n in range(count)
    )


SMALL_CHUNKS = {"max_chunk_chars": 200}


def search(service: LocalService, text: str, **where: Any) -> SearchResponse:
    """Search everything."""
    return service.search(SearchRequest(text, 10, SearchFilter(**where)), USER)


def first(service: LocalService, text: str) -> Hit:
    """The best hit."""
    return search(service, text).hits[0]


def view_of(service: LocalService) -> IndexedView:
    """The only view."""
    [view] = service.catalog.views()
    return view


def check_sound(service: LocalService) -> None:
    """Catalog and vectors agree, and nothing is in flight."""
    report = service.verify(USER, repair=False)
    assert report.findings == ()
    assert report.chunks > 0


# ------------------------------------------------------------------ the usual


def test_index_and_search(bench: Bench) -> None:
    """What is indexed is found, with the place it has in the tree."""
    service = bench.app()
    report = service.index(bench.checkout(), USER)
    assert (report.files_total, report.files_indexed, report.files_unchanged, report.files_deleted) == (3, 3, 0, 0)
    assert report.chunks_written == report.chunks_total >= 3
    assert not report.cancelled
    hit = first(service, "open_account")
    assert (hit.chunk.path, hit.focus_line, hit.freshness) == ("bank/accounts.py", 1, Freshness.FRESH)
    assert "README.md" in {hit.chunk.path for hit in search(service, "transfer money between accounts").hits}
    check_sound(service)


def test_a_second_run_reads_nothing(bench: Bench) -> None:
    """With nothing changed no file is read and no generation made."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    before = view_of(service)
    report = service.index(bench.checkout(), USER)
    assert (report.files_indexed, report.files_unchanged, report.chunks_written) == (0, 3, 0)
    assert view_of(service) == before


def test_edits_are_followed(bench: Bench) -> None:
    """Edited, new, moved and deleted files are what the next search sees."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    bench.write(
        {"bank/accounts.py": "def close_account(owner):\n    return None\n", "bank/loans.py": "def lend(): ...\n"}
    )
    (bench.root / "bank/interest.py").rename(bench.root / "rates.py")
    (bench.root / "README.md").unlink()
    stale = first(service, "open_account")
    assert (stale.chunk.path, stale.freshness) == ("bank/accounts.py", Freshness.STALE)
    report = service.index(bench.checkout(), USER)
    assert (report.files_total, report.files_indexed, report.files_deleted) == (3, 3, 2)
    assert first(service, "close_account").chunk.path == "bank/accounts.py"
    assert first(service, "yearly_interest").chunk.path == "rates.py"
    assert {hit.chunk.path for hit in search(service, "account interest lend").hits} <= {
        "bank/accounts.py",
        "bank/loans.py",
        "rates.py",
    }
    check_sound(service)


def test_only_what_changed_is_looked_at(bench: Bench) -> None:
    """With the paths that changed, a run reads those, takes out what is gone, and leaves the rest alone."""
    app = bench.app()
    app.index(bench.checkout(), USER)
    bench.write(
        {"bank/loans.py": "def lend_money(amount):\n    return amount\n", "unseen.py": "def unseen():\n    pass\n"}
    )
    (bench.root / "bank/interest.py").unlink()
    (bench.root / "README.md").write_text("# Changed without a word\n")
    report = app.index(bench.checkout(), USER, changed={"bank/loans.py", "bank/interest.py", "bank/never.py"})
    assert (report.files_indexed, report.files_deleted, report.files_total) == (1, 1, 3)
    assert first(app, "lend money").chunk.path == "bank/loans.py"
    assert "unseen.py" not in {hit.chunk.path for hit in search(app, "unseen").hits}
    assert app.index(bench.checkout(), USER, changed={"bank/loans.py"}).files_indexed == 0
    assert app.index(bench.checkout(), USER).files_indexed == 2
    check_sound(app)


def test_a_folder_that_is_gone_goes_as_a_whole(bench: Bench) -> None:
    """Of a folder that is moved away, only its own name is told."""
    app = bench.app()
    app.index(bench.checkout(), USER)
    (bench.root / "bank").rename(bench.folder / "elsewhere")
    assert app.index(bench.checkout(), USER, changed={"bank"}).files_deleted == 2
    (bench.folder / "elsewhere").rename(bench.root / "shop")
    assert app.index(bench.checkout(), USER, changed={"shop"}).files_indexed == 2
    check_sound(app)


def test_paths_are_not_believed_where_more_may_be_wrong(bench: Bench) -> None:
    """An index that is not there, was cut short or has other options is brought in line as a whole."""
    app = bench.app()
    assert app.index(bench.checkout(), USER, changed={"README.md"}).files_total == 3
    bench.write({".conexusignore": "*.md\n"})
    assert app.index(bench.checkout(), USER, changed={".conexusignore"}).files_deleted == 1
    app.close()
    assert bench.app(max_chunk_chars=700).index(bench.checkout(), USER, changed=set()).files_indexed == 3


def test_a_file_that_is_touched_is_not_written_again(bench: Bench) -> None:
    """New times with the old content cost a look, no chunk."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    (bench.root / "README.md").touch()
    report = service.index(bench.checkout(), USER)
    assert (report.files_indexed, report.files_unchanged, report.chunks_written) == (0, 3, 0)


def test_other_rules_read_again_what_they_left_out(bench: Bench) -> None:
    """A higher limit lets a file in without a new generation."""
    bench.write({"long.py": functions("long")})
    before = bench.app(max_file_bytes=1_000).index(bench.checkout(), USER)
    assert [skipped.path for skipped in before.skipped] == ["long.py"]
    after = bench.app().index(bench.checkout(), USER)
    assert (after.skipped, after.files_total, after.rebuilt) == ((), 4, "")


def test_nothing_is_kept_in_memory(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``:memory:`` all works, and no file is made."""
    monkeypatch.chdir(bench.folder)
    service = bench.app(store=StoreOptions(path=":memory:"))
    service.index(bench.checkout(), USER)
    assert first(service, "open_account").chunk.path == "bank/accounts.py"
    bench.write({"bank/loans.py": "def lend_money():\n    return 1\n"})
    service.index(bench.checkout(), USER)
    assert first(service, "lend_money").chunk.path == "bank/loans.py"
    check_sound(service)
    service.remove(view_of(service), USER)
    with pytest.raises(RepositoryNotIndexed):
        search(service, "open_account")
    assert not bench.data.exists()
    assert {path.name for path in bench.folder.iterdir()} == {"tree"}


# ------------------------------------------------------------------ upkeep


@pytest.mark.parametrize("keep_open", [False, True])
def test_removing_leaves_nothing_but_the_tree(bench: Bench, keep_open: bool) -> None:
    """Vectors and catalog forget the tree; its files stay; it can be indexed anew."""
    service = bench.app(keep_open=keep_open)
    service.index(bench.checkout(), USER)
    first(service, "open_account")
    view = view_of(service)
    service.remove(view, USER)
    service.remove(view, USER)
    assert service.catalog.views() == []
    assert service.catalog.indexes() == []
    assert bench.shards() == set()
    assert (bench.root / "bank/accounts.py").is_file()
    with pytest.raises(RepositoryNotIndexed):
        search(service, "open_account")
    service.index(bench.checkout(), USER)
    assert first(service, "open_account").chunk.path == "bank/accounts.py"


def test_removing_takes_what_is_there_now(bench: Bench) -> None:
    """A view that was looked up before another process rebuilt the index is removed all the same."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    old = view_of(service)
    bench.app(max_chunk_chars=400).index(bench.checkout(), USER)
    service.remove(old, USER)
    assert bench.shards() == set()


def test_renaming(bench: Bench) -> None:
    """A repository answers to its new name, which must be one, and free."""
    other = bench.folder / "other"
    bench.write({"a.py": "x = 1\n"}, other)
    service = bench.app()
    service.index(bench.checkout(), USER)
    service.index(bench.checkout(other), USER)
    [view] = named(service.views(USER), "tree")
    service.rename(view.repo, "bank", USER)
    assert [found.root for found in named(service.views(USER), "bank")] == [bench.root]
    with pytest.raises(RepositoryNotIndexed) as caught:
        named(service.views(USER), "tree")
    assert caught.value.hint == "indexed are: bank, other"
    for name in ("", " bank", "a\nb", "a b", "/bank", "../bank", "./bank", "bank/", "b" * 101, str(bench.root)):
        with pytest.raises(SourceError):
            service.rename(view.repo, name, USER)
    with pytest.raises(StoreError, match="another repository"):
        service.rename(view.repo, "other", USER)
    [second] = named(service.views(USER), "other")
    with pytest.raises(StoreError, match="another repository"):
        service.rename(view.repo, second.repo, USER)


Damage = Callable[[LocalService, Bench], None]


def delete_the_shard(service: LocalService, bench: Bench) -> None:
    live = view_of(service).live
    assert live is not None
    shutil.rmtree(bench.data / "vectors" / str(live.id))


def empty_the_mark(service: LocalService, bench: Bench) -> None:
    live = view_of(service).live
    assert live is not None
    (bench.data / "vectors" / str(live.id) / "conexus.json").write_text("")


def flip_a_text(_: LocalService, bench: Bench) -> None:
    with closing(sqlite3.connect(bench.data / "catalog.sqlite")) as database, database:
        changed = database.execute("UPDATE texts SET text = replace(text, 'owner', 'own3r') WHERE text LIKE '%owner%'")
        assert changed.rowcount == 1


def break_a_text(_: LocalService, bench: Bench) -> None:
    with closing(sqlite3.connect(bench.data / "catalog.sqlite")) as database, database:
        database.execute("UPDATE texts SET text = CAST(x'66ff6f' AS TEXT) WHERE text LIKE '%owner%'")


def lose_a_chunk(_: LocalService, bench: Bench) -> None:
    with closing(sqlite3.connect(bench.data / "catalog.sqlite")) as database, database:
        assert (
            database.execute(
                "DELETE FROM chunks WHERE file << 20 | ordinal IN (SELECT key FROM texts WHERE text LIKE '%owner%')"
            ).rowcount
            == 1
        )


def on_the_shard(service: LocalService, bench: Bench, change: Callable[[VectorShard, IndexId], None]) -> None:
    live = view_of(service).live
    assert live is not None
    with closing(EdgeStore(bench.data / "vectors").open(live.id, live.dim)) as shard:
        change(shard, live.id)
        shard.flush()


def remove_points(service: LocalService, bench: Bench) -> None:
    def change(shard: VectorShard, index: IndexId) -> None:
        shard.delete_files([service.catalog.files(index)["bank/accounts.py"].id])

    on_the_shard(service, bench, change)


def overwrite_a_point(service: LocalService, bench: Bench) -> None:
    def change(shard: VectorShard, index: IndexId) -> None:
        file = service.catalog.files(index)["bank/accounts.py"].id
        point = next(point for point in shard.points() if point.file == file)
        live = view_of(service).live
        assert live is not None
        dense = np.full(live.dim, 0.0625, dtype=np.float16)
        terms = SparseVector(np.array([5], dtype=np.uint32), np.array([1.0], dtype=np.float32))
        shard.upsert([VectorPoint(point.id, file, dense, terms, "python", (), ())])

    on_the_shard(service, bench, change)


def give_a_point_to_another_file(service: LocalService, bench: Bench) -> None:
    def change(shard: VectorShard, index: IndexId) -> None:
        file = service.catalog.files(index)["bank/accounts.py"].id
        point = next(point for point in shard.points() if point.file == file)
        live = view_of(service).live
        assert live is not None
        terms = SparseVector(np.array([5], dtype=np.uint32), np.array([1.0], dtype=np.float32))
        shard.upsert([VectorPoint(point.id, FileId(999), np.zeros(live.dim, np.float16), terms, "python", (), ())])

    on_the_shard(service, bench, change)


def leave_files_in_flight(service: LocalService, _: Bench) -> None:
    live = view_of(service).live
    assert live is not None
    service.catalog.open_batch(live.id, [service.catalog.files(live.id)["bank/accounts.py"].id], 2)


@pytest.mark.parametrize(
    ("damage", "path", "what"),
    [
        (delete_the_shard, "", "cannot be read"),
        (empty_the_mark, "", "cannot be read"),
        (flip_a_text, "bank/accounts.py", "text"),
        (break_a_text, "bank/accounts.py", "text"),
        (lose_a_chunk, "bank/accounts.py", "chunk"),
        (remove_points, "bank/accounts.py", "vectors are missing"),
        (overwrite_a_point, "bank/accounts.py", "not as they were written"),
        (give_a_point_to_another_file, "bank/accounts.py", "another file"),
        (leave_files_in_flight, "", "in flight"),
    ],
)
def test_damage_is_found_and_mended(bench: Bench, damage: Damage, path: str, what: str) -> None:
    """Verifying names what is damaged; after a repair the next run reads it again and all is as it was."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    before = [hit.chunk for hit in search(service, "open account of an owner").hits]
    damage(service, bench)
    findings = service.verify(USER, repair=False).findings
    assert path in {finding.path for finding in findings}
    assert any(what in finding.what for finding in findings)
    assert service.verify(USER, repair=False).findings == findings
    assert service.verify(USER, repair=True).repaired == len(findings)
    assert service.verify(USER, repair=False).findings == ()
    service.index(bench.checkout(), USER)
    check_sound(service)
    assert [hit.chunk for hit in search(service, "open account of an owner").hits] == before


def test_an_index_that_cannot_be_opened_says_so(bench: Bench) -> None:
    """A search of it is an error with a way out, and indexing is that way."""
    service = bench.app()
    service.index(bench.checkout(), USER)
    delete_the_shard(service, bench)
    with pytest.raises(StoreDamaged, match="tree is damaged") as caught:
        search(service, "open_account")
    assert "conexus index" in str(caught.value.hint)
    service.index(bench.checkout(), USER)
    assert first(service, "open_account").chunk.path == "bank/accounts.py"
    check_sound(service)


# ------------------------------------------------------------------ generations


def test_other_options_build_a_generation_beside(bench: Bench) -> None:
    """While the new generation is built the old one answers; then the new one does, and the old one is gone."""
    bench.write({"long.py": functions("long")})
    bench.app().index(bench.checkout(), USER)
    service = bench.app(**SMALL_CHUNKS)
    old = view_of(service).live
    seen: list[Hit] = []

    def listener(progress: IndexProgress) -> None:
        if progress.stage is IndexStage.INDEX:
            seen.append(first(service, "step_7_of_long"))

    report = service.index(bench.checkout(), USER, listener)
    assert report.rebuilt
    assert seen
    assert {len(hit.chunk.text) > 200 for hit in seen} == {True}
    new = view_of(service)
    assert old is not None
    assert new.live is not None
    assert new.live.id != old.id
    assert new.building is None
    assert new.previous is not None
    assert new.previous.id == old.id, "to go back to"
    assert bench.shards() == {str(new.live.id), str(old.id)}
    hit = first(service, "step_7_of_long")
    assert len(hit.chunk.text) <= 250
    assert "step_7_of_long" in hit.chunk.text
    check_sound(service)


def test_a_rebuilt_index_can_be_rolled_back_and_forward_again(bench: Bench) -> None:
    """At once and without reading a file; going back to what there was not is an error, and removes nothing."""
    bench.write({"long.py": functions("long", 30)})
    service = bench.app(keep_open=True)
    service.index(bench.checkout(), USER)
    with pytest.raises(NotFound):
        service.roll_back(view_of(service), USER)
    assert first(service, "step_7_of_long")
    service.close()
    service = bench.app(keep_open=True, **SMALL_CHUNKS)
    service.index(bench.checkout(), USER)
    assert len(first(service, "step_7_of_long").chunk.text) <= 250
    snapshots = {search(service, "step_7_of_long").snapshots}
    for is_long in (True, False, True):
        service.roll_back(view_of(service), USER)
        assert (len(first(service, "step_7_of_long").chunk.text) > 250) is is_long
        assert view_of(service).pinned
        snapshots.add(search(service, "step_7_of_long").snapshots)
        check_sound(service)
    assert len(snapshots) == 2
    report = service.index(bench.checkout(), USER)
    assert report.files_indexed == 0, "the newer one was kept, and is as the settings say"
    assert len(first(service, "step_7_of_long").chunk.text) <= 250
    assert not view_of(service).pinned


def test_what_is_not_needed_is_collected_by_rule(bench: Bench) -> None:
    """A generation to go back to stays for a week, the live one always; vectors of nothing go at once."""
    bench.write({"long.py": functions("long", 30)})
    bench.app().index(bench.checkout(), USER)
    service = bench.app(**SMALL_CHUNKS)
    service.index(bench.checkout(), USER)
    service.store.create(IndexId(99), 8).close()
    live = view_of(service).live
    assert live is not None
    assert service.collect(USER, dry_run=True).orphans == 1
    assert len(bench.shards()) == 3
    found = service.collect(USER)
    assert (found.generations, found.orphans) == (0, 1)
    assert len(bench.shards()) == 2
    found = service.collect(USER, everything=True)
    assert (found.generations, found.orphans) == (1, 0)
    assert found.freed_bytes > 0
    assert bench.shards() == {str(live.id)}
    assert view_of(service).previous is None
    check_sound(service)


class Crash(Exception):
    """The process ends here."""


def crash_at(files_done: int) -> Callable[[IndexProgress], None]:
    """A listener that raises when so many files are done."""

    def listener(progress: IndexProgress) -> None:
        if progress.stage is IndexStage.INDEX and progress.files_done >= files_done:
            raise Crash

    return listener


def test_a_crash_while_building_leaves_the_old_one(bench: Bench) -> None:
    """The old generation answers on, and the next run takes up the new one where it was left."""
    model = WordModel()
    bench.write({f"part_{n}.py": functions(f"part_{n}") for n in range(6)})
    bench.app(model=model).index(bench.checkout(), USER)
    service = bench.app(model=model, **SMALL_CHUNKS)
    with pytest.raises(Crash):
        service.index(bench.checkout(), USER, crash_at(8))
    after = view_of(service)
    assert after.building is not None
    assert first(service, "step_7_of_part_3").chunk.path == "part_3.py"
    assert len(first(service, "step_7_of_part_3").chunk.text) > 250
    begun = len(service.catalog.files(after.building.id))
    assert 0 < begun < 9
    report = service.index(bench.checkout(), USER)
    assert report.rebuilt
    assert report.files_unchanged == begun
    assert view_of(service).live == replace(after.building, live=True, complete=True)
    assert len(bench.shards()) == 2, "the old one is kept to go back to"
    check_sound(service)


def test_going_back_drops_what_was_begun(bench: Bench) -> None:
    """With the old options again the half-built generation goes, and nothing is read."""
    bench.app().index(bench.checkout(), USER)
    with pytest.raises(Crash):
        bench.app(**SMALL_CHUNKS).index(bench.checkout(), USER, crash_at(1))
    service = bench.app()
    report = service.index(bench.checkout(), USER)
    assert (report.files_indexed, report.rebuilt) == (0, "")
    assert view_of(service).building is None
    assert len(bench.shards()) == 1
    check_sound(service)


@dataclass
class LateLocks:
    """Locks for which others are first: they do something before the lock is had."""

    inner: Locks
    before: Callable[[], object]

    def view(self, root: Path, purpose: str, wait_s: float, of: str = "") -> AbstractContextManager[None]:
        """Let the others work, then hold the lock."""
        before, self.before = self.before, lambda: None
        before()
        return self.inner.view(root, purpose, wait_s, of)


def test_another_process_swaps_the_generation(bench: Bench) -> None:
    """A call that waited for it works on the new generation, not on the one that it saw before and is gone."""
    bench.app().index(bench.checkout(), USER)
    service, other, third = bench.app(), bench.app(max_chunk_chars=400), bench.app(max_chunk_chars=500)
    service.locks = LateLocks(service.locks, lambda: other.index(bench.checkout(), USER))
    assert first(service, "open_account").chunk.path == "bank/accounts.py"
    service.locks = LateLocks(service.locks, lambda: third.index(bench.checkout(), USER))
    report = service.verify(USER, repair=True)
    assert (report.findings, report.files) == ((), 3)
    service.locks = LateLocks(service.locks, lambda: third.remove(view_of(third), USER))
    with pytest.raises(RepositoryNotIndexed):
        search(service, "open_account")


def test_another_model_is_another_generation(bench: Bench) -> None:
    """An index is searched with the model that it was built with, until it is built with the new one."""
    old, new = WordModel(), WordModel("words-2")
    bench.app(model=old).index(bench.checkout(), USER)
    service = bench.app(model=new)
    report = service.index(bench.checkout(), USER)
    assert report.rebuilt
    assert len(new.asked) == report.chunks_total
    assert first(service, "open_account").chunk.path == "bank/accounts.py"


# ------------------------------------------------------------------ stopping


def test_a_cancelled_run_keeps_what_it_did(bench: Bench) -> None:
    """The index is marked unfinished and answers from what it has; the next run goes on from there."""
    model = WordModel()
    bench.write({f"part_{n}.py": functions(f"part_{n}") for n in range(6)})
    service = bench.app(model=model, **SMALL_CHUNKS)
    done = 0

    def listener(progress: IndexProgress) -> None:
        nonlocal done
        done = progress.files_done

    report = service.index(bench.checkout(), USER, listener, lambda: done >= 4)
    assert report.cancelled
    assert report.files_total == report.files_indexed == 4
    response = search(service, "step_1_of_part_1 part_2 part_3")
    assert not response.complete
    assert any("is not finished" in notice for notice in response.notices)
    asked = len(model.asked)
    again = service.index(bench.checkout(), USER)
    assert (again.files_indexed, again.files_unchanged, again.files_total) == (5, 4, 9)
    assert len(model.asked) == asked + again.chunks_written
    assert search(service, "step_1_of_part_1").complete
    check_sound(service)


class WatchedStore:
    """A store that tells when something happens to it."""

    def __init__(self, inner: VectorStore) -> None:
        self._inner = inner
        self.before_create: Callable[[], None] = lambda: None
        self.before_flush: Callable[[], None] = lambda: None
        self.free: Callable[[], int | None] = inner.free_bytes

    def create(self, index: IndexId, dim: int) -> VectorShard:
        """Tell, then create."""
        self.before_create()
        return self._watched(self._inner.create(index, dim))

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> VectorShard:
        """Open a shard that tells."""
        return self._watched(self._inner.open(index, dim))

    def free_bytes(self) -> int | None:
        """Say what the test wants."""
        return self.free()

    def _watched(self, shard: VectorShard) -> VectorShard:
        flush = shard.flush

        def watched() -> None:
            self.before_flush()
            flush()

        shard.flush = watched  # type: ignore[method-assign]
        return shard

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def watched(service: LocalService) -> WatchedStore:
    """Put a watched store under the indexer."""
    store = WatchedStore(service.store)
    index_into(service, service.indexers, store)
    return store


def index_into(service: LocalService, made: IndexerFactory, store: Any) -> None:
    """Let a service index with what a factory makes, into a store and its own catalog."""

    def indexers(checkout: Checkout, model: str) -> Indexer:
        indexer = made(checkout, model)
        indexer._store, indexer._catalog = store, service.catalog
        return indexer

    service.indexers = indexers


def test_too_little_space_is_told_before_anything_is_done(bench: Bench) -> None:
    """What was indexed stays and answers."""
    bench.app().index(bench.checkout(), USER)
    bench.write({"bank/loans.py": "def lend_money():\n    return 1\n"})
    service = bench.app(store=StoreOptions(min_free_mb=10**9))
    with pytest.raises(DiskFull, match=r"only .* MB of disk space are left"):
        service.index(bench.checkout(), USER)
    assert first(service, "open_account").chunk.path == "bank/accounts.py"
    check_sound(service)


def test_space_that_runs_out_on_the_way(bench: Bench) -> None:
    """The batches before stay good, and the next run does the rest."""
    bench.write({f"part_{n}.py": functions(f"part_{n}") for n in range(6)})
    service = bench.app(model=WordModel(), **SMALL_CHUNKS)
    store = watched(service)
    frees = iter([10**12, 10**12])
    store.free = lambda: next(frees, 10)
    with pytest.raises(DiskFull):
        service.index(bench.checkout(), USER)
    kept = service.verify(USER, repair=False)
    assert kept.findings == ()
    assert 0 < kept.files < 9
    assert not search(service, "step").complete
    report = bench.app(model=WordModel(), **SMALL_CHUNKS).index(bench.checkout(), USER)
    assert (report.files_unchanged, report.files_total) == (kept.files, 9)


class _ShortOfMemory:
    """Says at which of its looks memory is short, and stops the run at the last one, if it is to."""

    def __init__(self, *, stops: bool) -> None:
        self.stops = stops
        self.looks = 0

    def look(self, _of_children: Callable[[], int], _chunks: int) -> Pressure:
        """Short at every look but the first, and the sixth, when all is well."""
        self.looks += 1
        if self.stops and self.looks == 4:
            raise MemoryFull("indexing takes too much")
        return {1: Pressure.NONE, 6: Pressure.EASED}.get(self.looks, Pressure.SHORT)


@pytest.mark.parametrize("stops", [False, True])
def test_a_run_that_is_short_of_memory_does_less_at_once(bench: Bench, stops: bool) -> None:
    """It writes what it has, packs it and goes on with a new process; where it stops, that is kept."""
    bench.write({f"part_{n}.py": functions(f"part_{n}") for n in range(6)})
    service = bench.app()
    memory: Any = _ShortOfMemory(stops=stops)
    made = service.indexers

    def indexers(checkout: Checkout, model: str) -> Indexer:
        indexer = made(checkout, model)
        indexer._resources = replace(indexer._resources, memory=lambda: memory)
        return indexer

    service.indexers = indexers
    if stops:
        with pytest.raises(MemoryFull):
            service.index(bench.checkout(), USER)
        kept = service.verify(USER, repair=False)
        assert (kept.findings, kept.files) == ((), 3)
        report = bench.app().index(bench.checkout(), USER)
        assert (report.files_unchanged, report.files_total) == (3, 9)
    else:
        assert service.index(bench.checkout(), USER).files_total == 9
        assert memory.looks == 9
    check_sound(bench.app())


# ------------------------------------------------------------------ the cache of vectors


def test_a_branch_counts_until_all_text_is_of_another(bench: Bench) -> None:
    """After a switch the branch before is remembered until a run has looked at all files, whatever comes between."""
    service = bench.app()
    on_main = replace(bench.checkout(), branch="main")
    on_topic = replace(on_main, branch="topic")
    service.index(on_main, USER)
    bench.write({"bank/accounts.py": "def other():\n    return 1\n", "bank/new.py": "def new():\n    return 2\n"})
    assert service.index(on_topic, USER, is_cancelled=lambda: True).cancelled
    assert (view_of(service).branch, view_of(service).former) == ("topic", ("main",))
    service.index(on_topic, USER, changed={"bank/new.py"})
    assert view_of(service).former == ("main",)
    service.index(replace(on_main, branch=""), USER, changed=set())
    assert view_of(service).former == ("main", "topic")
    service.index(on_topic, USER)
    assert (view_of(service).branch, view_of(service).former) == ("topic", ())
    service.index(on_main, USER)  # nothing is to be read
    assert view_of(service).former == ()


def git(root: Path, *arguments: str) -> None:
    """Run git, without anybody's settings."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(root.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    subprocess.run(["git", *who, *arguments], cwd=root, env=environ, check=True, capture_output=True)


def two_branches(bench: Bench, count: int = 60) -> None:
    """Make a repository whose branches differ in every file; main is checked out."""
    git(bench.root, "init", "-q", "-b", "main")
    for branch in ("main", "topic"):
        if branch == "topic":
            git(bench.root, "checkout", "-q", "-b", "topic")
        bench.write({f"src/f{n:03}.py": f"{functions(f'{branch}_{n}', 12)}\n# {branch}\n" for n in range(count)})
        git(bench.root, "add", "-A")
        git(bench.root, "commit", "-q", "-m", branch)
    git(bench.root, "checkout", "-q", "main")


def test_a_switch_in_the_midst_of_a_run(bench: Bench) -> None:
    """What is read after it counts for both branches before anybody sees it, until a later run has looked at all."""
    two_branches(bench)
    service = bench.app()
    seen: list[tuple[str, ...]] = []

    def switch(progress: IndexProgress) -> None:
        if progress.files_done == 1 and not seen:
            git(bench.root, "checkout", "-q", "topic")
            seen.append(view_of(service).former)

    service.index(bench.checkout(), USER, switch)
    assert seen == [()]
    of_topic = [hit for hit in search(service, "step of topic").hits if "of_topic" in hit.chunk.text]
    assert of_topic, "nothing was read after the switch"
    assert (view_of(service).branch, view_of(service).former) == ("topic", ("main",))
    service.index(bench.checkout(), USER, changed={"src/f000.py"})
    assert view_of(service).former == ("main",)
    service.index(bench.checkout(), USER)
    assert (view_of(service).branch, view_of(service).former) == ("topic", ())
    assert not [hit for hit in search(service, "step of main").hits if "of_main" in hit.chunk.text]


def test_going_back_brings_the_branches_of_then_back(bench: Bench) -> None:
    """The index before may have been made when another branch was checked out."""
    two_branches(bench, 3)
    bench.app(max_chunk_chars=400).index(bench.checkout(), USER)
    git(bench.root, "checkout", "-q", "topic")
    service = bench.app()
    service.index(bench.checkout(), USER)
    assert (view_of(service).branch, view_of(service).former) == ("topic", ())
    service.roll_back(view_of(service), USER)
    assert any("of_main" in hit.chunk.text for hit in search(service, "step of main").hits)
    assert (view_of(service).branch, set(view_of(service).former)) == ("topic", {"main", "topic"})
    service.index(bench.checkout(), USER)
    assert view_of(service).former == ()


def test_a_run_that_waited_is_of_the_branch_that_is_there(bench: Bench) -> None:
    """Whoever asked for it saw another one."""
    two_branches(bench, 3)
    service = bench.app()
    asked = bench.checkout()
    git(bench.root, "checkout", "-q", "topic")
    service.index(asked, USER)
    assert (view_of(service).branch, view_of(service).former) == ("topic", ())


def test_a_switch_that_is_under_way_is_waited_for(bench: Bench) -> None:
    """Git changes files under its lock and says at the end which branch they are of."""
    two_branches(bench, 6)
    service = bench.app()
    service.index(bench.checkout(), USER)
    lock, texts = bench.root / ".git" / "index.lock", {}
    for path in (bench.root / "src").iterdir():
        texts[path] = path.read_text().replace("main", "topic")
    looked_at: list[bool] = []

    def finish() -> None:
        time.sleep(0.6)
        looked_at.append("of_topic" in str([hit.chunk.text for hit in search(service, "step of topic").hits]))
        lock.unlink()
        time.sleep(0.02)
        (bench.root / ".git" / "HEAD").write_text("ref: refs/heads/topic\n")

    lock.touch()
    for path, text in texts.items():
        path.write_text(text)
    thread = threading.Thread(target=finish)
    thread.start()
    service.index(bench.checkout(), USER)
    thread.join()
    assert looked_at == [False]
    assert view_of(service).branch == "topic"
    os.utime(lock.parent / "HEAD")
    lock.touch()
    os.utime(lock, (1, 1))  # of a git that was killed long ago
    begun = time.monotonic()
    service.index(bench.checkout(), USER)
    assert time.monotonic() - begun < 10


def test_a_slow_model_embeds_a_text_once(bench: Bench) -> None:
    """Texts that were embedded before come from the cache: after a removal, in a clone, on a branch that is back."""
    model = WordModel()
    service = bench.app(model=model)
    report = service.index(bench.checkout(), USER)
    asked = len(model.asked)
    assert asked == report.chunks_written
    service.remove(view_of(service), USER)
    service.index(bench.checkout(), USER)
    clone = bench.folder / "clone"
    shutil.copytree(bench.root, clone)
    service.index(bench.checkout(clone), USER)
    kept = (bench.root / "bank/accounts.py").read_text()
    (bench.root / "bank/accounts.py").unlink()
    service.index(bench.checkout(), USER)
    bench.write({"bank/accounts.py": kept})
    assert service.index(bench.checkout(), USER).files_indexed == 1
    assert len(model.asked) == asked
    check_sound(service)


def test_a_move_embeds_nothing(bench: Bench) -> None:
    """Files and folders that get another place or name cost a slow model nothing, and are found where they are."""
    model = WordModel()
    service = bench.app(model=model)
    service.index(bench.checkout(), USER)
    model.asked.clear()
    (bench.root / "bank").rename(bench.root / "treasury")
    (bench.root / "deep/er").mkdir(parents=True)
    (bench.root / "treasury/interest.py").rename(bench.root / "deep/er/rates.py")
    report = service.index(bench.checkout(), USER)
    assert (report.files_indexed, report.files_deleted) == (2, 2)
    assert model.asked == []
    assert first(service, "yearly_interest").chunk.path == "deep/er/rates.py"
    assert first(service, "open_account").chunk.path == "treasury/accounts.py"
    check_sound(service)


def test_an_edit_embeds_only_what_changed(bench: Bench) -> None:
    """The chunks of an edited file that stay as they are are not embedded again."""
    model = WordModel()
    bench.write({"long.py": functions("long")})
    service = bench.app(model=model, **SMALL_CHUNKS)
    service.index(bench.checkout(), USER)
    model.asked.clear()
    bench.write({"long.py": functions("long").replace("Step 20 of", "Twentieth step of")})
    report = service.index(bench.checkout(), USER)
    assert report.chunks_written > 30
    assert 1 <= len(model.asked) <= 3
    assert all("Twentieth" in text for text in model.asked)


# ------------------------------------------------------------------ threads and processes


@dataclass
class Crew:
    """Threads whose errors count."""

    threads: list[threading.Thread] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    def start(self, work: Callable[[], object]) -> None:
        """Run something beside."""

        def guarded() -> None:
            try:
                work()
            except BaseException as exc:  # noqa: BLE001 -- told by `join`
                self.errors.append(exc)

        self.threads.append(threading.Thread(target=guarded, daemon=True))
        self.threads[-1].start()

    def join(self) -> None:
        """Wait for all, and raise what went wrong."""
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()
        for error in self.errors:
            raise error


@pytest.mark.parametrize("keep_open", [False, True])
def test_threads_search_while_another_one_indexes(bench: Bench, keep_open: bool) -> None:
    """Every search is answered, from the first run through edits to a swap of generations."""
    model = WordModel()
    service = bench.app(keep_open=keep_open, model=model)
    rebuilt = bench.app(model=model, **SMALL_CHUNKS)
    service.index(bench.checkout(), USER)
    bench.write({f"part_{n}.py": functions(f"part_{n}") for n in range(4)})
    crew, over, answers = Crew(), threading.Event(), [0, 0]

    def ask(who: int) -> None:
        while not over.is_set():
            assert first(service, "open_account").chunk.path == "bank/accounts.py"
            answers[who] += 1

    for who in range(2):
        crew.start(lambda who=who: ask(who))
    try:
        service.index(bench.checkout(), USER)
        for number in range(2):
            bench.write({"part_1.py": functions(f"other_{number}")})
            service.index(bench.checkout(), USER)
        index_into(service, rebuilt.indexers, service.store)  # as if the settings had changed
        assert service.index(bench.checkout(), USER).rebuilt
        assert first(service, "step_3_of_other_1").chunk.path == "part_1.py"
    finally:
        over.set()
    crew.join()
    assert min(answers) > 0
    hit = first(service, "step_3_of_other_1")
    assert len(hit.chunk.text) <= 250
    assert hit.found_by >= {Retriever.DENSE, Retriever.BM25}  # from the new vectors, not those that were open
    assert len(bench.shards()) == 2
    check_sound(service)


@pytest.mark.parametrize("keep_open", [False, True])
def test_a_search_in_the_middle_of_a_batch_takes_nothing_away(bench: Bench, keep_open: bool) -> None:
    """What a run has in flight is not mistaken for what a crash left."""
    service = bench.app(keep_open=keep_open)
    service.index(bench.checkout(), USER)
    bench.write({"bank/accounts.py": "def close_account(owner):\n    return None\n"})
    searches: list[SearchResponse] = []
    watched(service).before_flush = lambda: searches.append(search(service, "yearly_interest"))
    service.index(bench.checkout(), USER)
    assert searches
    assert searches[0].hits[0].chunk.path == "bank/interest.py"
    check_sound(service)
    assert first(service, "close_account").chunk.path == "bank/accounts.py"


@pytest.mark.parametrize("keep_open", [False, True])
def test_a_search_before_there_are_vectors(bench: Bench, keep_open: bool) -> None:
    """It waits for the first run to make them, answers, and does not stand in the run's way."""
    service = bench.app(keep_open=keep_open)
    crew, answers = Crew(), list[SearchResponse]()

    def before_create() -> None:
        crew.start(lambda: answers.append(search(service, "open_account")))
        crew.threads[0].join(0.2)

    watched(service).before_create = before_create
    service.index(bench.checkout(), USER)
    crew.join()
    assert len(answers) == 1
    hit = first(service, "open_account")
    assert hit.chunk.path == "bank/accounts.py"
    assert hit.found_by >= {Retriever.DENSE, Retriever.BM25}
    check_sound(service)


def test_two_threads_index_one_tree(bench: Bench) -> None:
    """One waits for the other, and finds nothing left to do."""
    service = bench.app()
    reports: list[IndexReport] = []
    crew = Crew()
    for _ in range(2):
        crew.start(lambda: reports.append(service.index(bench.checkout(), USER)))
    crew.join()
    assert sorted(report.files_indexed for report in reports) == [0, 3]
    check_sound(service)


def test_a_thread_waits_for_another_only_so_long(bench: Bench) -> None:
    """A second run that cannot begin in time is told so, and the first one goes on."""
    service = bench.app(store=StoreOptions(lock_wait_s=0.05))
    crew = Crew()
    caught: list[BaseException] = []

    def second() -> None:
        with suppress(StoreBusy):
            service.index(bench.checkout(), USER)
            return
        caught.append(StoreBusy("told"))

    def listener(progress: IndexProgress) -> None:
        if progress.stage is IndexStage.INDEX and not crew.threads:
            crew.start(second)
            crew.join()

    assert service.index(bench.checkout(), USER, listener).files_indexed == 3
    assert len(caught) == 1
    check_sound(service)


def test_an_open_index_is_written_by_its_holder_alone(bench: Bench) -> None:
    """With ``keep_open`` the tree is held until the service is closed; others search beside it."""
    service = bench.app(keep_open=True)
    service.index(bench.checkout(), USER)
    first(service, "open_account")
    other = bench.app(store=StoreOptions(lock_wait_s=0.0))
    with pytest.raises(StoreBusy, match="searching"):
        other.index(bench.checkout(), USER)
    beside = search(other, "open_account")
    assert beside.hits[0].chunk.path == "bank/accounts.py"
    assert beside.complete
    assert any("has been searching" in notice for notice in beside.notices)
    assert beside.snapshots[0].indexing
    service.close()
    alone = search(other, "open_account")
    assert (alone.hits[0].chunk, alone.notices) == (beside.hits[0].chunk, ())


def test_a_busy_tree_is_left_out_of_a_search_over_several(bench: Bench) -> None:
    """The others answer, and a notice says what is missing."""
    other = bench.folder / "other"
    bench.write({"vault.py": "def open_vault(key):\n    return key\n"}, other)
    holder = bench.app(keep_open=True)
    holder.index(bench.checkout(), USER)
    holder.index(bench.checkout(other), USER)
    live = {view.root: view.live for view in holder.views(USER)}
    holder.close()
    service = bench.app(store=StoreOptions(lock_wait_s=0.0))
    locks, vectors = FileLocks(bench.data / "locks"), EdgeStore(bench.data / "vectors")
    with ExitStack() as held:  # as a command does that only reads
        for root, is_first in ((bench.root, True), (other, False)):
            index = live[root]
            assert index is not None
            held.enter_context(locks.view(root, "verifying", 0.0, bench.checkout(root).repo))
            held.callback(vectors.open(index.vectors, index.dim).close)
            if is_first:
                response = search(service, "open")
                assert {hit.chunk.path for hit in response.hits} == {"vault.py"}
                assert not response.complete
                assert any(notice.startswith("tree is left out") for notice in response.notices)
                with pytest.raises(StoreBusy):
                    search(service, "open", roots=frozenset({str(bench.root)}))
        with pytest.raises(StoreBusy):
            search(service, "open")


def test_closing_twice(bench: Bench) -> None:
    """A service that is closed lets go of everything, once."""
    service = bench.app(keep_open=True)
    service.index(bench.checkout(), USER)
    first(service, "open_account")
    service.close()
    service.close()
    assert first(bench.app(), "open_account").chunk.path == "bank/accounts.py"


def test_a_file_that_is_read_anew_meanwhile_is_left_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at the catalog a file may get another number."""
    bench.write(
        {"bank/branch.py": "from bank.accounts import open_account\n\n\ndef branch():\n    return open_account(1)\n"}
    )
    service = bench.app()
    service.index(bench.checkout(), USER)
    found = service.symbols("open_account", SearchFilter(), 10, USER, uses=True, callees=True)
    assert [one.path for one in found.definitions] == ["bank/accounts.py"]
    code: Any = service.reader._code
    kind, outlines = type(code), type(code).outlines
    monkeypatch.setattr(
        kind,
        "outlines",
        lambda self, files: {k: v for k, v in outlines(self, files).items() if v.path != "bank/accounts.py"},
    )
    gone = service.symbols("open_account", SearchFilter(), 10, USER, uses=True, callees=True)
    assert gone.definitions == ()
    assert "bank/accounts.py" not in {one.path for one in gone.uses}
    root = str(bench.root)
    assert all(one.path != "bank/accounts.py" for one in service.related(root, "bank/branch.py", 10, USER))
