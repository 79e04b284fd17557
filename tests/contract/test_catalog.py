# SPDX-License-Identifier: FSL-1.1-MIT
"""What every catalog must do: on a real file and in memory."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest
from builders import (
    NOON_NS,
    READ_NS,
    REPO,
    Piece,
    SourceFile,
    checkout_of,
    commit_of,
    skipped_commit,
    source,
    stat_of,
)

from conexus.adapters import sqlite_catalog
from conexus.adapters.catalog_rows import name_stems
from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.adapters.sqlite_codebase import SqliteCodebase
from conexus.adapters.sqlite_connection import Schema, migrate
from conexus.chunk_ids import chunk_id_of
from conexus.errors import DiskFull, IndexIncompatible, StoreBusy, StoreDamaged, StoreError
from conexus.ports import Catalog
from conexus.types import (
    ChunkId,
    DependencyScope,
    Ecosystem,
    Endpoint,
    EndpointKind,
    EndpointSide,
    FileId,
    FileProblem,
    FileTag,
    Fingerprint,
    Import,
    IndexId,
    PackageProvided,
    PackageRequired,
    PointFilter,
    Reference,
    RepoId,
    SkippedFile,
    SkipReason,
    SymbolKind,
)

EVERYWHERE = PointFilter()


class Words:
    """An embedder of three numbers, for what the catalog notes of one."""

    name = "words"
    fingerprint = "words-1"
    dim = 3
    is_fast = True

    def knows(self, word):
        """Every word."""
        return True

    def embed_documents(self, texts):
        """All zeros."""
        return np.zeros((len(texts), self.dim), dtype=np.float32)

    def embed_query(self, text):
        """All zeros."""
        return self.embed_documents([text])[0]


@pytest.fixture(params=["memory", "file"])
def catalog(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteCatalog]:
    """A catalog of each kind, empty."""
    found = SqliteCatalog(":memory:" if request.param == "memory" else str(tmp_path / "catalog.db"))
    yield found
    assert found.integrity() == []
    found.close()


def started(catalog: Catalog, root: str = "/home/a/app", repo: str = REPO) -> IndexId:
    """The live generation of a new view."""
    view = catalog.ensure_view(checkout_of(root, repo))
    return catalog.begin_index(view.id, Fingerprint("f"), Words()).id


def filled(catalog: Catalog, files: dict[str, SourceFile], root: str = "/home/a/app", repo: str = REPO) -> IndexId:
    """A generation with files in it."""
    index = started(catalog, root, repo)
    ids = catalog.open_batch(index, [], len(files))
    catalog.commit_batch(
        index, [commit_of(n, path, file, repo=repo) for n, (path, file) in zip(ids, files.items(), strict=True)], []
    )
    return index


def id_of(catalog: Catalog, index: IndexId, path: str) -> FileId:
    return catalog.files(index)[path].id


APP = {
    "src/http/session.py": SourceFile(
        (
            Piece("import json\n\n"),
            Piece("class Session:\n    pass\n", "Session", "class"),
            Piece("    def send_request(self):\n        return 1\n", "send_request", "method", "Session"),
        )
    ),
    "src/retry.ts": source("function sendRequest() {}\n", "sendRequest", language="typescript"),
    "tests/test_session.py": source("def test_send_request():\n    assert True\n", "test_send_request"),
}


# --------------------------------------------------------------------------- views and generations


def test_files_are_found_at_paths_and_below(catalog: Catalog) -> None:
    """A folder stands for all in it, and for nothing whose name only begins like it."""
    names = ["src/a.py", "src/deep/b.py", "src.py", "src0", "src-x/c.py", "other/src/a.py", "s%c/a.py"]
    index = filled(catalog, {name: source("x = 1\n", "x") for name in names})
    other = filled(catalog, {"src/a.py": source("x = 1\n", "x")}, root="/home/a/other", repo="local/other")
    everything = catalog.files(index)
    for paths, expected in (
        ([], []),
        (["src"], ["src/a.py", "src/deep/b.py"]),
        (["src/a.py", "gone.py", "src.py"], ["src.py", "src/a.py"]),
        (["s%c", "src0", ""], ["s%c/a.py", "src0"]),
    ):
        found = catalog.files_at(index, paths)
        assert sorted(found) == expected
        assert all(everything[path] == record for path, record in found.items())
    assert [record.id for record in catalog.files_at(other, ["src"]).values()] == [id_of(catalog, other, "src/a.py")]


def test_a_new_catalog_is_empty(catalog: Catalog) -> None:
    """Nothing is known at first, and asking for what is not there is no error."""
    nowhere = IndexId(99)
    assert catalog.views() == []
    assert catalog.indexes() == []
    assert catalog.status() == []
    assert catalog.files(nowhere) == {}
    assert catalog.unfinished(nowhere) == []
    assert catalog.chunks_by_id(nowhere, [ChunkId("00000000-0000-0000-0000-000000000000")]) == {}
    assert catalog.chunk_checksums(nowhere) == {}
    assert catalog.damaged_files(nowhere) == []
    assert catalog.path_of(FileId(99)) == ""
    assert catalog.symbols_named(nowhere, ["send"], EVERYWHERE) == []
    assert catalog.files_with_words(nowhere, ["send"], EVERYWHERE) == {}
    assert catalog.skipped(nowhere) == []
    assert catalog.problems(nowhere) == []
    assert catalog.remove_view(99) == []
    assert catalog.activate(nowhere) == []
    catalog.drop_index(nowhere)
    catalog.forget_unfinished(nowhere)


def test_views_are_those_of_now(tmp_path: Path) -> None:
    """Whoever changes them: the same object, another connection, or a transaction that is undone."""
    path = str(tmp_path / "catalog.db")
    catalog, other = SqliteCatalog(path), SqliteCatalog(path)
    assert catalog.views() == []
    theirs = other.ensure_view(checkout_of("/home/a/app"))
    assert [view.root for view in catalog.views()] == [Path("/home/a/app")]
    index = catalog.begin_index(theirs.id, Fingerprint("f"), Words())
    assert catalog.views()[0].live == other.views()[0].live == index
    other.rename_repository(theirs.repo, "renamed")
    assert catalog.views()[0].name == "renamed"
    catalog.views().clear()
    assert len(catalog.views()) == 1
    with pytest.raises(KeyError), catalog._transaction() as db:
        db.execute("DELETE FROM views")
        assert catalog.views() == []
        raise KeyError
    assert len(catalog.views()) == 1
    other.remove_view(theirs.id)
    assert catalog.views() == []
    catalog.close()
    other.close()


def test_a_view_is_made_once(catalog: Catalog) -> None:
    """The same folder is the same view; its commit and branch are those of the last time."""
    first = catalog.ensure_view(checkout_of("/home/a/app"))
    again = catalog.ensure_view(checkout_of("/home/a/app", head="c0ffee"))
    assert again.id == first.id
    assert (first.repo, first.name, first.root, first.live, first.building) == (
        REPO,
        "app",
        Path("/home/a/app"),
        None,
        None,
    )
    catalog.begin_index(again.id, Fingerprint("f"), Words())
    status = catalog.status()[0]
    assert (status.head, status.branch) == ("c0ffee", "main")


def test_two_clones_are_one_repository_with_two_views(catalog: Catalog) -> None:
    """They share the name; the repository goes with its last view."""
    first = catalog.ensure_view(checkout_of("/home/a/app"))
    second = catalog.ensure_view(checkout_of("/home/b/app"))
    assert first.id != second.id
    assert [(v.name, v.root) for v in catalog.views()] == [("app", Path("/home/a/app")), ("app", Path("/home/b/app"))]
    catalog.rename_repository(REPO, "ours")
    catalog.remove_view(first.id)
    assert [(v.name, v.id) for v in catalog.views()] == [("ours", second.id)]
    catalog.remove_view(second.id)
    assert catalog.ensure_view(checkout_of("/home/a/app")).name == "app"


def test_names_of_repositories_are_unique(catalog: Catalog) -> None:
    """A second `app` gets a longer end of its id, and so on until the whole id."""
    names = [
        catalog.ensure_view(checkout_of(f"/{number}", repo)).name
        for number, repo in enumerate(["x.org/a/app", "y.org/a/app", "z.org/a/app", "y.org/b/app"])
    ]
    assert names == ["app", "a/app", "z.org/a/app", "b/app"]


def test_a_name_in_use_is_refused(catalog: Catalog) -> None:
    """Renaming to another repository's name changes nothing; to its own is fine."""
    catalog.ensure_view(checkout_of("/a", "x.org/a"))
    catalog.ensure_view(checkout_of("/b", "x.org/b"))
    with pytest.raises(StoreError, match="another repository is called 'a'"):
        catalog.rename_repository(RepoId("x.org/b"), "a")
    catalog.rename_repository(RepoId("x.org/a"), "a")
    assert [view.name for view in catalog.views()] == ["a", "b"]


def test_a_name_that_is_no_text_is_an_error_of_ours(catalog: Catalog) -> None:
    """Half a character, as a terminal passes bytes that are no UTF-8, cannot be kept and is refused."""
    catalog.ensure_view(checkout_of("/a", "x.org/a"))
    with pytest.raises(StoreError, match="not valid Unicode"):
        catalog.rename_repository(RepoId("x.org/a"), "caf\udce9")
    assert catalog.views()[0].name == "a"


def test_a_folder_may_become_another_repository(catalog: Catalog) -> None:
    """When the remote of a folder changes, its view moves, and the old repository goes."""
    view = catalog.ensure_view(checkout_of("/home/a/app", "x.org/old"))
    moved = catalog.ensure_view(checkout_of("/home/a/app", "x.org/new"))
    assert (moved.id, moved.repo, moved.name) == (view.id, "x.org/new", "new")
    assert len(catalog.views()) == 1


def test_a_folder_that_is_no_utf8_comes_back_as_it_is(catalog: Catalog) -> None:
    """The root is kept as bytes."""
    root = os.fsdecode(b"/home/caf\xe9/app")
    assert catalog.ensure_view(checkout_of(root)).root == Path(root)
    assert os.fsencode(catalog.views()[0].root) == b"/home/caf\xe9/app"


def test_the_first_generation_is_live_at_once(catalog: Catalog) -> None:
    """What a run has indexed so far can be searched; later generations wait for activation."""
    view = catalog.ensure_view(checkout_of("/home/a/app"))
    first = catalog.begin_index(view.id, Fingerprint("one"), Words())
    assert (first.live, first.complete, first.model, first.model_fingerprint, first.dim) == (
        True,
        False,
        "words",
        "words-1",
        3,
    )
    second = catalog.begin_index(view.id, Fingerprint("two"), Words())
    assert not second.live
    found = catalog.views()[0]
    assert (found.live, found.building) == (first, second)
    catalog.finish_index(second.id, complete=True)
    assert [old.id for old in catalog.activate(second.id)] == [first.id]
    found = catalog.views()[0]
    assert found.live == replace(second, complete=True, live=True)
    assert found.building is None
    catalog.drop_index(first.id)
    assert catalog.indexes() == [second.id]


def test_a_complete_generation_that_is_replaced_is_kept_to_go_back_to(catalog: Catalog) -> None:
    """Going back swaps the two and pins the view; the settings decide again once it is let go."""
    first = started(catalog)
    catalog.finish_index(first, complete=True)
    view = catalog.views()[0]
    assert not catalog.roll_back(view.id), "there is nothing before the first"
    second = catalog.begin_index(view.id, Fingerprint("two"), Words())
    catalog.finish_index(second.id, complete=True)
    assert catalog.activate(second.id) == []
    found = catalog.views()[0]
    assert (found.live and found.live.id, found.building, found.previous and found.previous.id) == (
        second.id,
        None,
        first,
    )
    assert catalog.retired(time.time() + 1) == [(view.id, first)]
    assert catalog.retired(time.time() - 60) == []
    assert catalog.roll_back(view.id)
    found = catalog.views()[0]
    assert (found.live and found.live.id, found.previous and found.previous.id) == (first, second.id)
    assert found.live is not None
    assert found.pinned == found.live.fingerprint
    catalog.unpin(view.id)
    assert catalog.views()[0].pinned == ""
    third = catalog.begin_index(view.id, Fingerprint("three"), Words())
    assert [old.id for old in catalog.activate(third.id)] == [second.id], "one generation is kept, not all"


def test_a_snapshot_says_how_far_an_index_is(catalog: Catalog) -> None:
    """Files that are still to be read count as seen and not as indexed; each change of files gives another id."""
    index = started(catalog)
    catalog.note_plan(index, 5, 2)
    before = catalog.snapshots([index])[index]
    assert (before.files_indexed, before.files_seen, before.indexed_at, before.indexing) == (3, 5, None, False)
    (number,) = catalog.open_batch(index, [], 1)
    catalog.commit_batch(index, [commit_of(number, "a.py", source("x = 1"))], [])
    after = catalog.snapshots([index])[index]
    assert (after.files_indexed, after.files_seen) == (4, 5)
    assert after.id != before.id
    catalog.finish_index(index, complete=True)
    done = catalog.snapshots([index])[index]
    assert (done.files_indexed, done.files_seen, done.id) == (1, 1, after.id)
    assert done.indexed_at is not None
    assert catalog.snapshots([]) == {}


def test_embeddings_of_models_that_nothing_uses_can_be_dropped(catalog: Catalog) -> None:
    """Those of a model that an index has stay, unless all are to go."""
    started(catalog)
    catalog.cache_vectors("words-1", {"a": np.ones(3, np.float32)})
    catalog.cache_vectors("gone", {"a": np.ones(3, np.float32), "b": np.ones(3, np.float32)})
    assert catalog.unused_vectors(drop=False) == 2
    assert catalog.unused_vectors(drop=True) == 2
    assert catalog.unused_vectors(drop=True) == 0
    assert catalog.cached_vectors("words-1", ["a"])
    assert catalog.unused_vectors(drop=True, everything=True) == 1
    assert catalog.compact() >= 0
    assert catalog.integrity() == []


def test_activating_a_generation_leaves_other_views_alone(catalog: Catalog) -> None:
    """Each view has its own live generation."""
    other = started(catalog, "/other", "x.org/other")
    mine = started(catalog)
    assert catalog.activate(mine) == []
    assert {view.live.id for view in catalog.views() if view.live} == {other, mine}


def test_status_is_of_all_views_or_of_one(catalog: Catalog) -> None:
    """A run reports on its own: with many views all of them take long."""
    for root in ("/one", "/two", "/three"):
        catalog.activate(started(catalog, root, f"x.org{root}"))
    assert sorted(status.root for status in catalog.status()) == ["/one", "/three", "/two"]
    for view in catalog.views():
        assert [status.root for status in catalog.status(view.id)] == [str(view.root)]
    assert catalog.status(12_345) == []


def test_numbers_are_never_used_again(catalog: Catalog) -> None:
    """A dropped index or file leaves its number behind: what others still hold of it can never mean something new."""
    first = started(catalog)
    files = catalog.open_batch(first, [], 3)
    view = catalog.views()[0].id
    assert catalog.remove_view(view) == [first]
    assert catalog.views() == []
    second = started(catalog)
    assert second > first
    assert catalog.open_batch(second, [], 1)[0] > max(files)


def test_removing_a_view_removes_all_that_is_its(catalog: SqliteCatalog) -> None:
    """Files, chunks, symbols, words and journal go with it; the vector cache stays."""
    index = filled(catalog, APP)
    catalog.open_batch(index, [], 2)
    catalog.cache_vectors("m", {"text": np.ones(3, dtype=np.float32)})
    building = catalog.begin_index(catalog.views()[0].id, Fingerprint("g"), Words()).id
    assert sorted(catalog.remove_view(catalog.views()[0].id)) == [index, building]
    tables = ["repositories", "views", "indexes", "files", "chunks", "symbols", "refs", "imports", "name_words"]
    tables += ["packages_provided", "packages_required", "endpoints"]
    left = {t: catalog._rows(f"SELECT count(*) FROM {t}")[0][0] for t in [*tables, "journal"]}  # noqa: S608
    assert set(left.values()) == {0}, left
    assert list(catalog.cached_vectors("m", ["text"])) == ["text"]


def test_a_run_notes_its_end(catalog: Catalog) -> None:
    """Only a complete run moves the time; an interrupted one afterwards takes completeness away."""
    index = started(catalog)
    assert catalog.status()[0].indexed_at is None
    catalog.finish_index(index, complete=False)
    assert catalog.status()[0].indexed_at is None
    catalog.finish_index(index, complete=True)
    status = catalog.status()[0]
    assert status.complete
    assert status.indexed_at is not None
    catalog.finish_index(index, complete=False)
    assert not catalog.status()[0].complete
    assert catalog.status()[0].indexed_at == status.indexed_at


# -------------------------------------------------------------------------------- files and batches


def test_files_come_back_as_committed(catalog: Catalog) -> None:
    """Stat, hash, time of the check and rules are those of the commit."""
    index = started(catalog)
    [number] = catalog.open_batch(index, [], 1)
    stat = stat_of("src/a.py", 12, NOON_NS, inode=2**64 - 3)
    commit = commit_of(number, "src/a.py", source("def send(): 1\n", "send"), stat=stat)
    catalog.commit_batch(index, [commit], [])
    record = catalog.files(index)["src/a.py"]
    assert record.stat == stat
    assert (record.id, record.content_hash, record.checked_ns, record.skipped, record.rules) == (
        number,
        commit.result.content_hash,
        READ_NS,
        None,
        "rules",
    )
    [stored] = catalog.chunks_by_id(index, [commit.result.encoded[0].id]).values()
    assert stored.stat == stat


def test_a_path_that_is_no_utf8_comes_back_as_it_is(catalog: Catalog) -> None:
    """Paths are kept as bytes, so that the file can be opened again."""
    path = os.fsdecode(b"src/caf\xe9/\xff\xfe name.py")
    index = filled(catalog, {path: source("def send(): 1\n", "send")})
    assert list(catalog.files(index)) == [path]
    assert catalog.path_of(id_of(catalog, index, path)) == path
    [match] = catalog.symbols_named(index, ["send"], EVERYWHERE)
    [stored] = catalog.chunks_by_id(index, [chunk_id_of(match.chunk)]).values()
    assert stored.chunk.path == path


def test_a_file_is_replaced_as_a_whole(catalog: Catalog) -> None:
    """The chunks, symbols and words of the old one are gone with it."""
    index = filled(catalog, {"a.py": source("def old(): 1\n", "old")})
    old = catalog.files(index)["a.py"].id
    before = list(catalog.chunk_checksums(index))
    [new] = catalog.open_batch(index, [old], 1)
    assert catalog.unfinished(index) == [old, new]
    catalog.commit_batch(index, [commit_of(new, "a.py", source("def fresh(): 2\n", "fresh"))], [old])
    assert catalog.unfinished(index) == []
    assert catalog.files(index)["a.py"].id == new
    assert catalog.chunks_by_id(index, before) == {}
    assert catalog.symbols_named(index, ["old"], EVERYWHERE) == []
    assert [match.file for match in catalog.symbols_named(index, ["fresh"], EVERYWHERE)] == [new]
    assert catalog.path_of(old) == ""


def test_a_touched_file_keeps_its_content(catalog: Catalog) -> None:
    """Only the stat and the time of the check change."""
    index = filled(catalog, {"a.py": source("def send(): 1\n", "send")})
    record = catalog.files(index)["a.py"]
    touched = replace(record, stat=replace(record.stat, mtime_ns=5, ctime_ns=6, inode=2**63), checked_ns=7)
    catalog.commit_batch(index, [], [], [touched])
    assert catalog.files(index)["a.py"] == touched
    assert len(catalog.symbols_named(index, ["send"], EVERYWHERE)) == 1


def test_a_crash_in_a_batch_leaves_its_files_named(tmp_path: Path) -> None:
    """What was in flight is known after the crash; forgetting it makes the next run read those files again."""
    path = str(tmp_path / "catalog.db")
    before = SqliteCatalog(path)
    index = filled(before, {"a.py": source("def a(): 1\n", "a"), "b.py": source("def b(): 1\n", "b")})
    before.finish_index(index, complete=True)
    replaced = before.files(index)["a.py"].id
    [new] = before.open_batch(index, [replaced], 1)
    os.link(path, f"{path}.crash")  # what is on disk now, without a proper end
    shutil.copy(f"{path}-wal", f"{path}.crash-wal")

    with closing(SqliteCatalog(f"{path}.crash")) as after:
        assert after.unfinished(index) == [replaced, new]
        assert sorted(after.files(index)) == ["a.py", "b.py"]
        after.forget_unfinished(index)
        assert after.unfinished(index) == []
        assert sorted(after.files(index)) == ["b.py"]
        assert not after.views()[0].live.complete  # type: ignore[union-attr]
        assert after.symbols_named(index, ["a"], EVERYWHERE) == []
        assert after.open_batch(index, [], 1)[0] > new
    before.close()


def test_a_commit_that_fails_changes_nothing(catalog: Catalog) -> None:
    """A batch goes in whole or not at all, and stays in the journal."""
    index = filled(catalog, {"a.py": source("def a(): 1\n", "a")})
    old = catalog.files(index)["a.py"].id
    first, second = catalog.open_batch(index, [old], 2)
    good = commit_of(first, "a.py", source("def fresh(): 1\n", "fresh"))
    twice = commit_of(first, "b.py", source("def other(): 1\n", "other"))
    with pytest.raises(StoreError, match="UNIQUE"):
        catalog.commit_batch(index, [good, twice], [old])
    assert catalog.files(index)["a.py"].id == old
    assert len(catalog.symbols_named(index, ["a"], EVERYWHERE)) == 1
    assert catalog.unfinished(index) == [old, first, second]
    with pytest.raises(ValueError, match="zip"):
        catalog.commit_batch(index, [replace(good, checksums=())], [old])
    assert catalog.files(index)["a.py"].id == old


def test_journals_of_generations_are_apart(catalog: Catalog) -> None:
    """Ending a batch of one leaves that of another open."""
    one, two = started(catalog, "/1", "x.org/1"), started(catalog, "/2", "x.org/2")
    catalog.open_batch(one, [], 1)
    [file] = catalog.open_batch(two, [], 1)
    catalog.commit_batch(one, [], [])
    assert catalog.unfinished(one) == []
    assert catalog.unfinished(two) == [file]


def test_skipped_files_and_problems_are_listed(catalog: Catalog) -> None:
    """Each with its reason, by path."""
    index = started(catalog)
    ids = catalog.open_batch(index, [], 3)
    parsed = commit_of(ids[0], "slow.py", source("x = 1\n"))
    assert parsed.result.parsed is not None
    by_lines = replace(parsed, result=replace(parsed.result, parsed=replace(parsed.result.parsed, note="took 2 s")))
    catalog.commit_batch(
        index,
        [
            by_lines,
            skipped_commit(ids[1], "logo.png", SkipReason.BINARY),
            skipped_commit(ids[2], "big.json", SkipReason.TOO_LARGE, "12 MB"),
        ],
        [],
    )
    assert catalog.skipped(index) == [
        SkippedFile("big.json", SkipReason.TOO_LARGE, "12 MB"),
        SkippedFile("logo.png", SkipReason.BINARY),
    ]
    assert catalog.problems(index) == [FileProblem("slow.py", "took 2 s")]
    assert catalog.files(index)["logo.png"].skipped is SkipReason.BINARY
    status = catalog.status()[0]
    assert (status.files, status.skipped) == (1, 2)


# ----------------------------------------------------------------------------------------- look-ups


def test_chunks_come_back_as_committed(catalog: Catalog) -> None:
    """Text, place, kind, symbol and what is known of the file are as they were."""
    index = filled(catalog, APP)
    commit = commit_of(id_of(catalog, index, "src/http/session.py"), "src/http/session.py", APP["src/http/session.py"])
    assert commit.result.parsed is not None
    ids = [encoded.id for encoded in commit.result.encoded]
    found = catalog.chunks_by_id(index, [*ids, ChunkId("00000000-0000-0000-0000-000000000000")])
    assert set(found) == set(ids)
    for ordinal, (key, text_chunk) in enumerate(zip(ids, commit.result.parsed.chunks, strict=True)):
        stored = found[key]
        assert (stored.ordinal, stored.file) == (ordinal, commit.id)
        assert stored.content_hash == commit.result.content_hash
        assert stored.stat == commit.result.stat
        chunk = stored.chunk
        assert (chunk.id, chunk.repo, chunk.path, chunk.language) == (key, REPO, "src/http/session.py", "python")
        assert (chunk.span, chunk.text) == (text_chunk.span, text_chunk.text)
        assert (chunk.kind, chunk.symbol, chunk.signature) == (
            text_chunk.kind,
            text_chunk.symbol,
            text_chunk.signature,
        )
    assert catalog.chunk_checksums(index) | dict.fromkeys(ids) == catalog.chunk_checksums(index) | dict.fromkeys(ids)
    assert [catalog.chunk_checksums(index)[key] for key in ids] == [(commit.id, c) for c in commit.checksums]


def test_what_ranking_needs_is_what_the_chunks_say(catalog: Catalog) -> None:
    """The short form of a chunk agrees with the whole one, in each view with that view's file."""
    index, other = filled(catalog, APP), filled(catalog, APP, "/home/b/app")
    ids = [*catalog.chunk_checksums(index), ChunkId("00000000-0000-0000-0000-000000000000")]
    for view in (index, other):
        heads, chunks = catalog.chunk_heads(view, ids), catalog.chunks_by_id(view, ids)
        assert set(heads) == set(chunks) == set(ids[:-1])
        for key, head in heads.items():
            stored, chunk = chunks[key], chunks[key].chunk
            assert (head.id, head.file) == (key, stored.file)
            assert head[2:6] == (chunk.path, chunk.span.start_byte, chunk.span.start_line, chunk.span.end_line)
            assert head[6:9] == (chunk.kind, chunk.symbol, chunk.tags)
            assert head.file_chunks == sum(one.file == stored.file for one in chunks.values())


@pytest.mark.parametrize(
    "path", ["src/http/session.py", "session.py", "/usr/lib/app/src/http/session.py", "http/session.py"]
)
def test_chunks_are_found_by_a_line(catalog: Catalog, path: str) -> None:
    """Of the file with that path, with more folders or fewer, and of no other."""
    index = filled(catalog, {**APP, "src/other/websession.py": APP["src/http/session.py"]})
    found = catalog.chunks_by_id(index, catalog.chunks_at(index, path, 5, EVERYWHERE))
    assert [(stored.chunk.path, stored.chunk.symbol) for stored in found.values()] == [
        ("src/http/session.py", "Session.send_request")
    ]
    assert catalog.chunks_at(index, path, 999, EVERYWHERE) == []
    assert catalog.chunks_at(index, "nowhere.py", 5, EVERYWHERE) == []
    assert catalog.chunks_at(index, path, 5, replace(EVERYWHERE, languages=frozenset({"go"}))) == []


def test_it_is_counted_who_uses_what_a_file_defines(catalog: Catalog) -> None:
    """Other files of the index count once a name; names of many files and one's own uses say nothing."""

    def defining(name: str, *uses: str) -> SourceFile:
        return replace(source(f"def {name}(): pass\n", name), uses=uses)

    files = {
        "a.py": defining("alpha", "alpha"),
        "b.py": defining("beta", "alpha", "common"),
        "c.py": defining("common", "alpha", "beta"),
        "d.py": defining("common"),
        "e.py": defining("common"),
    }
    index, other = filled(catalog, files), filled(catalog, {"a.py": defining("alpha")}, "/home/b/app")

    def uses(index: IndexId) -> dict[str, int]:
        heads = catalog.chunk_heads(index, list(catalog.chunk_checksums(index)))
        return {head.path: head.file_uses for head in heads.values()}

    assert uses(index) == dict.fromkeys(files, 0)
    for each in (index, other):
        catalog.count_uses(each)
    assert uses(index) == {"a.py": 2, "b.py": 1, "c.py": 0, "d.py": 0, "e.py": 0}
    assert uses(other) == {"a.py": 0}
    [number] = catalog.open_batch(index, [id_of(catalog, index, "a.py")], 1)
    catalog.commit_batch(index, [commit_of(number, "a.py", defining("alpha"))], [id_of(catalog, index, "a.py")])
    assert uses(index)["a.py"] == 2  # a file that changes keeps its count until the next one


def test_tags_come_back(catalog: Catalog) -> None:
    """A file's roles are those of its chunks."""
    index = filled(catalog, APP)
    [match] = catalog.symbols_named(index, ["test_send_request"], EVERYWHERE)
    [stored] = catalog.chunks_by_id(index, [chunk_id_of(match.chunk)]).values()
    assert stored.chunk.tags == {FileTag.TEST}


def test_names_like_a_word_are_told(catalog: Catalog) -> None:
    """Those that begin as it does, or with its first two letters changed; of about its length; of allowed files."""
    names = ("send_all", "SendAll", "sendalot", "Esndall", "receive", "send")
    index = filled(catalog, {f"f{n}.py": source(f"def {name}(): pass\n", name) for n, name in enumerate(names)})
    assert catalog.names_like(index, "sendal", 1, EVERYWHERE) == {"sendall": 2, "esndall": 1}
    assert catalog.names_like(index, "sendall", 1, EVERYWHERE) == {"sendall": 2, "sendalot": 1, "esndall": 1}
    assert catalog.names_like(index, "sendall", 1, replace(EVERYWHERE, files=frozenset())) == {}


def test_many_chunks_can_be_asked_for(catalog: Catalog) -> None:
    """More than one statement can name."""
    index = filled(catalog, {"a.py": SourceFile(tuple(Piece(f"x{n} = {n}\n") for n in range(1300)))})
    ids = list(catalog.chunk_checksums(index))
    assert len(ids) == 1300
    assert set(catalog.chunks_by_id(index, ids)) == set(ids)


def test_two_views_may_hold_the_same_chunk(catalog: Catalog) -> None:
    """Two clones have equal chunk ids; each view finds its own file, and dropping one leaves the other."""
    one, two = filled(catalog, APP, "/home/a/app"), filled(catalog, APP, "/home/b/app")
    ids = list(catalog.chunk_checksums(one))
    assert sorted(ids) == sorted(catalog.chunk_checksums(two))
    files = {stored.file for stored in catalog.chunks_by_id(one, ids).values()}
    assert files == {record.id for record in catalog.files(one).values()}
    assert files.isdisjoint(stored.file for stored in catalog.chunks_by_id(two, ids).values())
    assert {m.file for m in catalog.symbols_named(one, ["Session"], EVERYWHERE)} <= files
    catalog.drop_index(one)
    assert catalog.chunks_by_id(one, ids) == {}
    assert len(catalog.chunks_by_id(two, ids)) == len(ids)


def test_symbols_are_found_whatever_their_style(catalog: Catalog) -> None:
    """Case and underscores do not count; whether the name is written just so is told."""
    index = filled(catalog, APP)
    found = catalog.symbols_named(index, ["send_request"], EVERYWHERE)
    assert [(m.symbol, m.kind, m.line, m.exact) for m in found] == [
        ("Session.send_request", SymbolKind.METHOD, 5, True),
        ("sendRequest", SymbolKind.FUNCTION, 1, False),
    ]
    chunks = catalog.chunks_by_id(index, [chunk_id_of(m.chunk) for m in found])
    assert [chunks[chunk_id_of(m.chunk)].chunk.symbol for m in found] == ["Session.send_request", "sendRequest"]
    assert [m.file for m in found] == [chunks[chunk_id_of(m.chunk)].file for m in found]
    assert catalog.symbols_named(index, ["request", "", "__"], EVERYWHERE) == []


def test_filters_limit_symbols(catalog: Catalog) -> None:
    """`None` means no limit, an empty set nothing; files, languages, kinds and tags are heeded."""
    index = filled(catalog, APP)
    session = id_of(catalog, index, "src/http/session.py")

    def names(where: PointFilter) -> list[str]:
        return [m.symbol for m in catalog.symbols_named(index, ["sendRequest", "test_send_request"], where)]

    assert names(EVERYWHERE) == ["Session.send_request", "test_send_request", "sendRequest"]
    assert names(PointFilter(files=frozenset({session}))) == ["Session.send_request"]
    assert names(PointFilter(files=frozenset())) == []
    assert names(PointFilter(languages=frozenset({"typescript"}))) == ["sendRequest"]
    assert names(PointFilter(languages=frozenset())) == []
    assert names(PointFilter(kinds=frozenset({"method", "class"}))) == ["Session.send_request"]
    assert names(PointFilter(kinds=frozenset())) == []
    assert names(PointFilter(without_tags=frozenset({"test"}))) == ["Session.send_request", "sendRequest"]
    assert names(PointFilter(without_tags=frozenset({"tes"}))) == names(EVERYWHERE)


def test_a_common_name_does_not_crowd_out_a_rare_one(catalog: Catalog) -> None:
    """Of one name the largest 60 definitions are returned, of every name some."""
    pieces = [Piece("def setup():\n" + "    x = 1\n" * (n % 7 + 2), "setup") for n in range(200)]
    index = filled(catalog, {"a.py": SourceFile((*pieces, Piece("def rare(): 1\n", "rare")))})
    found = [m.symbol for m in catalog.symbols_named(index, ["setup", "rare"], EVERYWHERE)]
    assert found.count("setup") == 60
    assert found.count("rare") == 1


def test_all_definitions_are_those_that_are_found_by_name(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many are read at a time, those of one key together, of the index alone."""
    monkeypatch.setattr("conexus.adapters.sqlite_catalog._KEYS_AT_ONCE", 2)
    common = SourceFile(tuple(Piece("def setup():\n" + "    x = 1\n" * (n % 7 + 2), "setup") for n in range(70)))
    index = filled(catalog, {**APP, "common.py": common})
    filled(catalog, APP, "/home/b/other")
    everything = list(catalog.all_definitions(index))
    keys = [one.key for one in everything]
    assert list(dict.fromkeys(keys)) == sorted(set(keys))
    assert len(keys) == sum(len(list(group)) for _, group in groupby(keys))
    assert keys.count("setup") == 60
    for key in set(keys):
        named = catalog.symbols_named(index, [key], EVERYWHERE)
        mine = [one for one in everything if one.key == key]
        assert [(m.symbol, m.kind, m.line, m.file, m.chunk) for m in named] == [
            (f"{one.parent}.{one.name}" if one.parent else one.name, one.kind, one.line, one.file, one.chunk)
            for one in mine
        ]
    assert list(catalog.all_definitions(IndexId(999))) == []


def test_all_words_of_names_are_those_that_files_are_found_by(catalog: Catalog) -> None:
    """File by file, of the index alone."""
    index = filled(catalog, APP)
    filled(catalog, APP, "/home/b/other")
    rows = list(catalog.all_file_words(index))
    assert [file for file, _, _ in rows] == sorted(file for file, _, _ in rows)
    for word in {word for _, word, _ in rows}:
        assert catalog.files_with_words(index, [word], EVERYWHERE) == {
            file: (1, total) for file, other, total in rows if other == word
        }
    assert {file for file, _, _ in rows} == {file for file, _ in catalog.paths(index)}


def test_a_definition_in_one_long_line_leads_to_its_own_chunk(catalog: Catalog) -> None:
    """Where several chunks share a line, the one that holds the definition is taken."""
    file = SourceFile((Piece("function a(){};", "a"), Piece("function b(){};", "b"), Piece("function c(){};", "c")))
    index = filled(catalog, {"a.js": file})
    for name in "abc":
        [match] = catalog.symbols_named(index, [name], EVERYWHERE)
        [stored] = catalog.chunks_by_id(index, [chunk_id_of(match.chunk)]).values()
        assert stored.chunk.symbol == name


def test_files_are_found_by_words_of_their_name(catalog: Catalog) -> None:
    """With how many of the words the name has, and how many it has at all; filters are heeded."""
    files = {
        "src/http_session.py": source("x = 1\n"),
        "src/sessions.ts": source("x = 1\n", language="typescript"),
        "src/session/__init__.py": source("x = 1\n"),
        "src/other.py": source("x = 1\n"),
    }
    index = filled(catalog, files)

    def found(where: PointFilter) -> dict[str, tuple[int, int]]:
        words = catalog.files_with_words(index, ["session", "http", "session", "nowhere"], where)
        return {catalog.path_of(file): counts for file, counts in words.items()}

    assert found(EVERYWHERE) == {
        "src/http_session.py": (2, 2),
        "src/sessions.ts": (1, 1),
        "src/session/__init__.py": (1, 2),
    }
    assert list(found(PointFilter(languages=frozenset({"typescript"})))) == ["src/sessions.ts"]
    assert found(PointFilter(files=frozenset())) == {}
    assert catalog.files_with_words(index, [], EVERYWHERE) == {}
    many = [*(f"word{n}" for n in range(1200)), "http", "session"]
    assert max(catalog.files_with_words(index, many, EVERYWHERE).values()) == (2, 2)


@pytest.mark.parametrize(
    ("path", "stems"),
    [
        ("src/HTTPSessions.py", ["http", "session"]),
        ("src/retry/__init__.py", ["retri", "init"]),
        ("web/cart/index.tsx", ["cart", "index"]),
        (".gitignore", ["gitignor"]),
        ("Makefile", ["makefil"]),
        ("caf\udce9.py", ["caf"]),
    ],
)
def test_words_of_a_file_name(path: str, stems: list[str]) -> None:
    """They are stemmed; a name that says nothing takes its folder's with it."""
    assert name_stems(path) == stems


def test_figures_of_a_view(catalog: Catalog) -> None:
    """Files, chunks, symbols, bytes and languages are counted; what is skipped apart."""
    index = filled(catalog, APP)
    status = catalog.status()[0]
    assert (status.index, status.model, status.files, status.chunks, status.symbols) == (index, "words", 3, 5, 4)
    assert status.languages == (("python", 2), ("typescript", 1))
    assert status.source_bytes == sum(len(file.data) for file in APP.values())
    assert status.size_bytes == 0
    assert (status.repo, status.name, status.root) == (REPO, "app", "/home/a/app")


def test_references_and_imports_are_kept(catalog: SqliteCatalog) -> None:
    """They are written for what is to come, and go with their file."""
    index = started(catalog)
    [number] = catalog.open_batch(index, [], 1)
    commit = commit_of(number, "a.py", source("import os\nos.getcwd()\n"))
    assert commit.result.parsed is not None
    parsed = replace(
        commit.result.parsed, references=(Reference("getcwd", (2, 9)),), imports=(Import("os", 1), Import("os", 1))
    )
    catalog.commit_batch(index, [replace(commit, result=replace(commit.result, parsed=parsed))], [])
    assert catalog._rows("SELECT name, lines FROM refs") == [("getcwd", "2 9")]
    assert catalog._rows("SELECT target, line FROM imports") == [("os", 1), ("os", 1)]
    catalog.commit_batch(index, [], [number])
    assert catalog._rows("SELECT * FROM refs") == []


def test_packages_and_endpoints_are_read_back(catalog: SqliteCatalog) -> None:
    """With their files, in their order, of the index that is asked for; they go with their file."""
    index = started(catalog)
    [number] = catalog.open_batch(index, [], 1)
    commit = commit_of(number, "pyproject.toml", source("[project]\nname = 'shop'\n"))
    assert commit.result.parsed is not None
    provided = (PackageProvided(Ecosystem.PYPI, "shop", "1.2", 2),)
    required = (
        PackageRequired(Ecosystem.PYPI, "httpx", ">=0.28", DependencyScope.RUNTIME, 5),
        PackageRequired(Ecosystem.NPM, "@a/b", "^1", DependencyScope.LOCKED, 3),
    )
    endpoints = (Endpoint(EndpointKind.HTTP, EndpointSide.SERVES, "GET", "/users/{}", 7),)
    parsed = replace(
        commit.result.parsed,
        imports=(Import("os", 1), Import("os", 4)),
        packages_provided=provided,
        packages_required=required,
        endpoints=endpoints,
    )
    catalog.commit_batch(index, [replace(commit, result=replace(commit.result, parsed=parsed))], [])
    code = SqliteCodebase(catalog.rows, catalog.scope)
    assert code.packages_provided(index) == [(number, one) for one in provided]
    assert code.packages_required(index) == [(number, one) for one in required]
    assert code.endpoints(index) == [(number, one) for one in endpoints]
    assert code.import_places(index) == [(number, Import("os", 1)), (number, Import("os", 4))]
    other = catalog.begin_index(catalog.views()[0].id, Fingerprint("other"), Words()).id
    assert code.packages_provided(other) == []
    catalog.commit_batch(index, [], [number])
    assert code.packages_provided(index) == code.packages_required(index) == code.endpoints(index) == []
    assert catalog._rows("SELECT * FROM endpoints") == []


# ------------------------------------------------------------------------------------ vector cache


def test_embeddings_are_remembered_by_model_and_text(catalog: Catalog) -> None:
    """To float16's precision; another model knows nothing of them; texts may be any."""
    vectors = {text: np.linspace(-1, 1, 5, dtype=np.float32) * n for n, text in enumerate(["", "a", "é\n", "\ud800"])}
    catalog.cache_vectors("m", vectors)
    found = catalog.cached_vectors("m", [*vectors, "unknown"])
    assert list(map(repr, sorted(found))) == list(map(repr, sorted(vectors)))
    for text, vector in found.items():
        assert vector.dtype == np.float32
        np.testing.assert_allclose(vector, vectors[text], atol=2e-3)
    assert catalog.cached_vectors("other", ["a"]) == {}
    catalog.cache_vectors("m", {"a": np.full(5, 0.5, dtype=np.float32)})
    assert catalog.cached_vectors("m", ["a"])["a"].tolist() == [0.5] * 5
    catalog.cache_vectors("m", {})


def test_the_oldest_embeddings_go(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache keeps its size; one that is written again counts as new."""
    monkeypatch.setattr(sqlite_catalog, "_MAX_CACHED_VECTORS", 10)
    for number in range(25):
        catalog.cache_vectors("m", {f"text {number}": np.ones(2, dtype=np.float32), "again": np.ones(2)})
    found = catalog.cached_vectors("m", [*(f"text {n}" for n in range(25)), "again"])
    assert 4 <= len(found) <= 10
    assert {"text 24", "again"} <= set(found)
    assert "text 0" not in found


# ------------------------------------------------------------------------------- damage and failure


def test_a_changed_text_is_noticed(catalog: SqliteCatalog) -> None:
    """A text that is not what was written, is no text any more, or is gone, is told by file."""
    index = filled(catalog, APP)
    assert catalog.damaged_files(index) == []
    number = id_of(catalog, index, "src/retry.ts")
    catalog._db.execute("UPDATE texts SET text = replace(text, 'send', 'sand') WHERE key >> 20 = ?", (number,))
    assert catalog.damaged_files(index) == [(number, "a chunk's text does not have its checksum")]
    catalog._db.execute("UPDATE texts SET text = CAST(x'66fffe' AS TEXT) WHERE key >> 20 = ?", (number,))
    assert catalog.damaged_files(index) == [(number, "a chunk's text does not have its checksum")]
    with pytest.raises(StoreDamaged):
        catalog.chunks_by_id(index, list(catalog.chunk_checksums(index)))
    session = id_of(catalog, index, "src/http/session.py")
    catalog._db.execute("DELETE FROM chunks WHERE file = ? AND ordinal = 1", (session,))
    assert (session, "has 2 of 3 chunks") in catalog.damaged_files(index)


def test_a_file_that_is_no_database_is_damaged(tmp_path: Path) -> None:
    """The message names the file, and it is left as it is."""
    path = tmp_path / "catalog.db"
    path.write_bytes(b"not a database, whatever its name says. " * 100)
    with pytest.raises(StoreDamaged, match="is damaged"):
        SqliteCatalog(str(path))
    assert path.read_bytes().startswith(b"not a database")


def test_overwritten_pages_are_reported(tmp_path: Path) -> None:
    """Integrity tells of damage instead of failing; reading says that the catalog is damaged."""
    path = tmp_path / "catalog.db"
    with closing(SqliteCatalog(str(path))) as catalog:
        index = filled(catalog, {f"f{n}.py": source(f"def f{n}(): {n}\n" * 40, f"f{n}") for n in range(60)})
        page = int(str(catalog._rows("SELECT rootpage FROM sqlite_master WHERE name = 'texts'")[0][0]))
    data = bytearray(path.read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    path.write_bytes(data)
    with closing(SqliteCatalog(str(path))) as catalog:
        assert catalog.integrity()
        with pytest.raises(StoreDamaged, match="is damaged"):
            catalog.damaged_files(index)


def test_a_row_of_nothing_is_reported(tmp_path: Path) -> None:
    """Integrity includes that rows belong to each other."""
    path = str(tmp_path / "catalog.db")
    with closing(SqliteCatalog(path)) as catalog:
        filled(catalog, APP)
        catalog._db.execute("PRAGMA foreign_keys = OFF")
        catalog._db.execute("DELETE FROM views")
        assert catalog.integrity() == ["a row of indexes belongs to nothing"]


def test_a_catalog_of_a_later_version_is_refused(tmp_path: Path) -> None:
    """It is not touched, and the hint says what to do."""
    path = str(tmp_path / "catalog.db")
    SqliteCatalog(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(CATALOG.migrations) + 1}")
    with pytest.raises(IndexIncompatible, match="knows only up to") as caught:
        SqliteCatalog(path)
    assert "pip install --upgrade" in str(caught.value.hint)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(CATALOG.migrations) + 1,)


def test_migrating_makes_every_table_once() -> None:
    """From an empty database; a second time changes nothing."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, CATALOG)
        schema = db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        db.execute("UPDATE meta SET value = 7")
        migrate(db, CATALOG)
        assert db.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall() == schema
        assert db.execute("SELECT DISTINCT value FROM meta").fetchall() == [(7,)]
        assert db.execute("PRAGMA user_version").fetchone() == (len(CATALOG.migrations),)
    assert {name for name, _ in schema} >= {"files", "chunks", "symbols", "journal", "vector_cache"}


def with_steps(*scripts: str) -> Schema:
    """The catalog's schema with further migrations."""
    return replace(CATALOG, migrations=(*CATALOG.migrations, *scripts))


def test_a_migration_goes_in_whole() -> None:
    """One that fails leaves the version, the tables and the rows as they were; the next steps go on from there."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        migrate(db, CATALOG)
        broken = "CREATE TABLE extra (a TEXT);\nUPDATE meta SET value = 9;\nINSERT INTO nowhere VALUES (1);\n"
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, with_steps(broken))
        assert db.execute("PRAGMA user_version").fetchone() == (len(CATALOG.migrations),)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
        assert db.execute("SELECT DISTINCT value FROM meta").fetchall() == [(1,)]
        trigger = (
            "CREATE TABLE extra (a TEXT DEFAULT ';');\n"
            "CREATE TRIGGER t AFTER INSERT ON extra BEGIN UPDATE meta SET value = 3; SELECT 1; END;\n"
        )
        migrate(db, with_steps(trigger, "INSERT INTO extra DEFAULT VALUES;"))
        assert db.execute("PRAGMA user_version").fetchone() == (len(CATALOG.migrations) + 2,)
        assert db.execute("SELECT DISTINCT a, value FROM extra, meta").fetchall() == [(";", 3)]


def _open_catalog(path: str, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    SqliteCatalog(path).close()


def test_processes_may_make_the_same_catalog_at_once(tmp_path: Path) -> None:
    """The first makes the tables; the others wait and find them."""
    context = multiprocessing.get_context("fork")
    for attempt in range(12):
        start = context.Event()
        path = str(tmp_path / f"{attempt}.db")
        workers = [context.Process(target=_open_catalog, args=(path, start)) for _ in range(4)]
        for worker in workers:
            worker.start()
        start.set()
        for worker in workers:
            worker.join(30)
        assert [worker.exitcode for worker in workers] == [0] * 4
        with closing(SqliteCatalog(path)) as catalog:
            assert catalog.integrity() == []


def test_a_folder_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    """So is a path that is a folder."""
    with pytest.raises(StoreError, match="unable to open"):
        SqliteCatalog(str(tmp_path / "nowhere" / "catalog.db"))
    with pytest.raises(StoreError, match="unable to open"):
        SqliteCatalog(str(tmp_path))


@contextmanager
def _without_privileges() -> Iterator[None]:
    """Be a user whom file permissions bind."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_catalog_that_may_not_be_written_is_an_error_of_ours() -> None:
    """An old one can be read at most; a new one cannot be made."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "catalog.db"
        with closing(SqliteCatalog(str(path))) as catalog:
            catalog.ensure_view(checkout_of("/home/a/app"))
        path.chmod(0o444)
        folder.chmod(0o555)
        with _without_privileges():
            with pytest.raises(StoreError), closing(SqliteCatalog(str(path))) as catalog:
                catalog.ensure_view(checkout_of("/home/b/app"))
            with pytest.raises(StoreError):
                SqliteCatalog(str(folder / "new.db"))
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The batch that did not fit is rolled back; what was there answers, and goes on once there is space."""
    with closing(SqliteCatalog(str(tmp_path / "catalog.db"))) as catalog:
        index = filled(catalog, APP)
        pages = catalog._rows("PRAGMA page_count")[0][0]
        catalog._db.execute(f"PRAGMA max_page_count = {pages + 4}")  # type: ignore[operator]
        ids = catalog.open_batch(index, [], 200)
        big = [commit_of(n, f"big{n}.py", source(f"x{n} = '{'y' * 2000}'\n")) for n in ids]
        with pytest.raises(DiskFull, match="disk is full") as caught:
            catalog.commit_batch(index, big, [])
        assert "free some space" in str(caught.value.hint)
        assert set(catalog.files(index)) == set(APP)
        assert catalog.unfinished(index) == ids
        catalog._db.execute("PRAGMA max_page_count = 1000000")
        catalog.commit_batch(index, big, [])
        assert len(catalog.files(index)) == 203
        assert catalog.integrity() == []


def test_a_catalog_held_by_another_is_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the wait the error says so; reading goes on meanwhile."""
    monkeypatch.setattr(sqlite_catalog, "_BUSY_S", 0.05)
    path = str(tmp_path / "catalog.db")
    with closing(SqliteCatalog(path)) as catalog, closing(sqlite3.connect(path, isolation_level=None)) as other:
        index = filled(catalog, APP)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy):
            catalog.open_batch(index, [], 1)
        assert len(catalog.files(index)) == 3
        other.execute("ROLLBACK")
        assert len(catalog.open_batch(index, [], 1)) == 1


def test_a_closed_catalog_says_so(tmp_path: Path) -> None:
    """Closing twice is fine; use afterwards is an error of ours."""
    catalog = SqliteCatalog(str(tmp_path / "catalog.db"))
    catalog.close()
    catalog.close()
    with pytest.raises(StoreError):
        catalog.views()
    with pytest.raises(StoreError):
        catalog.open_batch(IndexId(1), [], 1)


def test_what_is_written_is_there_when_opened_again(tmp_path: Path) -> None:
    """Everything a search needs survives the process."""
    path = str(tmp_path / "catalog.db")
    with closing(SqliteCatalog(path)) as catalog:
        index = filled(catalog, APP)
        views, files = catalog.views(), catalog.files(index)
        checksums, matches = catalog.chunk_checksums(index), catalog.symbols_named(index, ["Session"], EVERYWHERE)
    with closing(SqliteCatalog(path)) as catalog:
        assert catalog.views() == views
        assert catalog.files(index) == files
        assert catalog.chunk_checksums(index) == checksums
        assert catalog.symbols_named(index, ["Session"], EVERYWHERE) == matches


def test_threads_may_share_a_catalog(catalog: Catalog) -> None:
    """Readers and a writer at once: every number is given once, every batch is whole, and nothing fails."""
    index = started(catalog)
    given: list[FileId] = []
    stop = threading.Event()

    def write(worker: int) -> None:
        for turn in range(10):
            ids = catalog.open_batch(index, [], 2)
            given.extend(ids)
            catalog.commit_batch(
                index,
                [commit_of(n, f"{worker}/{turn}/{n}.py", source(f"def f{n}(): {n}\n", f"f{n}")) for n in ids],
                [],
            )

    def read() -> int:
        rounds = 0
        while not stop.is_set():
            files = catalog.files(index)
            assert len(files) % 2 == 0
            matches = catalog.symbols_named(index, [f"f{record.id}" for record in files.values()], EVERYWHERE)
            assert len(matches) >= len(files)
            assert len(catalog.chunks_by_id(index, [chunk_id_of(m.chunk) for m in matches])) == len(matches)
            catalog.status()
            rounds += 1
        return rounds

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        try:
            for writer in [pool.submit(write, worker) for worker in range(4)]:
                writer.result(60)
        finally:
            stop.set()
        assert all(reader.result(60) > 0 for reader in readers)
    assert len(set(given)) == len(given) == 80
    assert len(catalog.files(index)) == 80


def test_a_thread_reads_while_another_one_writes(tmp_path: Path) -> None:
    """A transaction that takes long keeps no search waiting, and what it has not committed is not seen."""
    catalog = SqliteCatalog(str(tmp_path / "catalog.sqlite"))
    catalog.ensure_view(checkout_of("/home/a/one"))
    found: list[int] = []
    with catalog._transaction() as db:
        db.execute("INSERT INTO repositories (repo, name) VALUES ('a/b', 'b')")
        db.execute(
            "INSERT INTO views (repository, root) SELECT id, CAST('/b' AS BLOB) FROM repositories WHERE name = 'b'"
        )
        assert len(catalog.views()) == 2, "who writes sees what it writes"
        reader = threading.Thread(target=lambda: found.append(len(catalog.views())))
        reader.start()
        reader.join(5)
        assert found == [1]
    assert len(catalog.views()) == 2
    catalog.close()


def test_views_of_a_pool_have_files_in_common_and_of_their_own(catalog: SqliteCatalog) -> None:
    """Each finds what it has, whoever wrote it; states are its own; what nobody has any more is gone."""
    first = filled(catalog, APP)
    view = catalog.ensure_view(checkout_of("/home/a/other"))
    info = catalog.begin_index(view.id, Fingerprint("f"), Words(), first)
    second = info.id
    assert (info.vectors, info.live, catalog.files(second), catalog.exclusive(second)) == (first, True, {}, [])
    theirs = catalog.files(first)
    states = [replace(record, stat=replace(record.stat, inode=99), checked_ns=5) for record in theirs.values()]
    catalog.adopt(second, states, [])
    assert {record.stat.inode for record in catalog.files(second).values()} == {99}
    assert catalog.files(first) == theirs
    assert catalog.hidden(first) == catalog.hidden(second) == frozenset()
    old = theirs["src/retry.ts"].id
    assert catalog.exclusive(second, [old]) == []
    [new] = catalog.open_batch(second, [], 1)
    changed = commit_of(new, "src/retry.ts", source("function again() {}\n", "again", language="typescript"))
    catalog.commit_batch(second, [replace(changed, salted=True)], [old])
    assert (catalog.hidden(first), catalog.hidden(second)) == (frozenset({new}), frozenset({old}))
    assert [match.symbol for match in catalog.symbols_named(second, ["again", "sendRequest"], EVERYWHERE)] == [
        "Session.send_request", "again"
    ]  # fmt: skip
    assert catalog.symbols_named(first, ["again"], EVERYWHERE) == []
    assert {len(found) for found in catalog.versions(first, list(APP)).values()} == {1, 2}
    assert {file for file, _ in catalog.paths(second)} == {*(r.id for r in theirs.values()), new} - {old}
    assert catalog.files_with_words(first, ["retri"], EVERYWHERE).keys() == {old}
    assert {head.file for head in catalog.all_heads(second)} == {file for file, _ in catalog.paths(second)}
    assert (catalog.exclusive(first), catalog.exclusive(second)) == ([old], [new])
    catalog.drop_index(first)
    [left] = [view.live for view in catalog.views() if view.live]
    assert (left.id, left.pool) == (first, None)
    assert catalog.files(left.id)["src/retry.ts"].id == new
    assert catalog.files(left.id)["tests/test_session.py"].stat.inode == 99
    assert catalog.path_of(old) == ""


def test_a_catalog_of_the_earlier_form_goes_on_working(tmp_path: Path) -> None:
    """Its files keep their chunks, and texts still go with them."""
    path = tmp_path / "catalog.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        migrate(db, replace(CATALOG, migrations=CATALOG.migrations[:3]))
    before = "id, index_id, path, size, mtime_ns, ctime_ns, inode, hash, checked_ns, skipped, rules, detail, language, "
    before += "encoding, mode, tags, redactions, chunks, uses"
    with closing(SqliteCatalog(":memory:")) as source_catalog:
        filled(source_catalog, APP)
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            for table, columns in (
                ("repositories", "id, repo, name"), ("views", "id, repository, root, head, branch"),
                ("indexes", "id, view, fingerprint, model, model_fingerprint, dim, live, complete, finished"),
                ("files", before), ("chunks", "*"), ("texts", "*"), ("symbols", "*"), ("name_words", "*"),
            ):  # fmt: skip
                rows = source_catalog.rows(f"SELECT {columns} FROM {table}", ())  # noqa: S608 -- constants
                db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 -- constants
    with closing(SqliteCatalog(str(path))) as catalog:
        assert catalog.integrity() == []
        [view] = catalog.views()
        assert view.live is not None
        assert view.live.pool is None
        index = view.live.id
        assert catalog.files(index).keys() == APP.keys()
        assert len(catalog.symbols_named(index, ["send_request"], EVERYWHERE)) == 2
        catalog.remove_view(view.id)
        assert (
            catalog.rows("SELECT count(*) FROM texts", ()) == catalog.rows("SELECT count(*) FROM chunks", ()) == [(0,)]
        )
