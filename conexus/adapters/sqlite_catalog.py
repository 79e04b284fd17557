# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements Catalog with SQLite.

One database for all repositories of a data folder, with ``synchronous=FULL``: what a method has written survives a
power cut once it returns.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from conexus.adapters import catalog_pools as pools
from conexus.adapters import catalog_trims as trims
from conexus.adapters.catalog_rows import (
    COLUMNS,
    DIGESTED,
    FILE_COLUMNS,
    FileFacts,
    chunk_heads,
    digest_of,
    digest_row,
    file_facts,
    file_record,
    file_row,
    inode_out,
    known,
    of_tied_files,
    rows_of,
    stored_chunk,
    text_rows,
)
from conexus.adapters.catalog_schema import CATALOG
from conexus.adapters.catalog_scope import Scope
from conexus.adapters.sqlite_connection import BUSY_S, SqliteConnection
from conexus.chunk_ids import chunk_id_of, chunk_key
from conexus.errors import StoreDamaged, StoreError
from conexus.lexical import name_key
from conexus.ports import Admission, Embedder
from conexus.types import (
    Checkout,
    ChunkHead,
    ChunkId,
    DenseVector,
    FileCommit,
    FileId,
    FileProblem,
    FileRecord,
    Fingerprint,
    IndexedView,
    IndexId,
    IndexInfo,
    KeyedSymbol,
    ListedFile,
    PointFilter,
    RepoId,
    RepositoryUse,
    SkippedFile,
    SkipReason,
    Snapshot,
    StoredChunk,
    SymbolKind,
    SymbolMatch,
    ViewStatus,
)

_T = TypeVar("_T")
_BUSY_S = BUSY_S
_DEFINING_FILES = 2  # a name that more files define says little of any of them
_SIZES = ("page_count", "freelist_count", "page_size")
_RETIRING = (
    "live = (id = ?), retired = CASE WHEN id = ? THEN NULL WHEN live THEN ? ELSE retired END, "
    "branches = CASE WHEN live THEN (SELECT former || char(10) || coalesce(branch, '') FROM views "
    "WHERE views.id = view) ELSE branches END"
)
"""One generation becomes live, and the one that was is kept, with the branches that its text may be of."""
_SEEN = (
    "CASE WHEN pool IS NULL THEN (SELECT count(*) FROM files WHERE index_id = indexes.id) "
    "ELSE (SELECT count(*) FROM members WHERE index_id = indexes.id) END"
)
_SHARING = "(SELECT ?1 UNION SELECT id FROM indexes WHERE pool = ?1)"
_IN_FLIGHT = f"SELECT DISTINCT file FROM journal WHERE index_id IN {_SHARING}"  # noqa: S608 -- a constant
_LARGE_SHARE = 0.1
_MAX_PARAMETERS = 500  # of one statement; SQLite's own limit is far above
_MAX_CACHED_VECTORS = 500_000
_USE_KEPT_S = 3600.0
_MAX_FOLDERS = 50
_MAX_PLACES = 8
_KEYS_AT_ONCE = 2_000
_LARGEST = (
    "WITH largest AS (SELECT s.rowid AS number, row_number() OVER (PARTITION BY s.key "
    "ORDER BY s.end_byte - s.start_byte DESC, s.file, s.start_byte) AS place FROM symbols s "
)
_MAX_DEFINITIONS = 60  # of one name: `__init__` has thousands, none of which is better than the others


class SqliteCatalog:
    """A catalog in one file, or in memory for ``:memory:``. Threads may share it."""

    def __init__(self, path: str) -> None:
        """Open or make the database.

        Args:
            path: File, in a folder that is there, or ``:memory:``.

        Raises:
            StoreDamaged: The file is no database.
            IndexIncompatible: A later version of Conexus wrote it.
            StoreError: The file cannot be opened or written.
        """
        self._connection = SqliteConnection(path, CATALOG, busy_s=_BUSY_S)
        self._db = self._connection.raw
        self._connection.rows("PRAGMA cache_size = -32000")
        with self._connection.reading() as db:
            self._scopes = pools.scopes(db)
            self._parts = trims.scopes(db)
        """Of each part of a generation: the generation, and the part's scope."""
        self._scoping = threading.RLock()
        self._hidden: dict[IndexId, tuple[object, frozenset[FileId]]] = {}
        self._numbers = count(1)
        self._views: tuple[object, tuple[IndexedView, ...]] = (None, ())
        self._snapshots: tuple[object, dict[IndexId, Snapshot]] = (None, {})
        """What :meth:`views` said last, with the state of the database right before."""
        self._repo_of: dict[IndexId, RepoId] = {}  # numbers of generations do not come twice
        self._used: dict[RepoId, float] = {}
        self.changes = 0
        """Another number after each change of what is indexed that this object made."""

    @property
    def connection(self) -> SqliteConnection:
        """The connection, for adapters on tables of the same database."""
        return self._connection

    def _transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._connection.transaction()

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """Change what is indexed, in one transaction."""
        with self._transaction() as db:
            yield db
        self.changes = next(self._numbers)  # not before: who looks at the files after it must find the new ones

    @contextmanager
    def _pooling(self) -> Iterator[sqlite3.Connection]:
        """Change which generations there are or share files, in one transaction."""
        with self._scoping:
            with self._change() as db:
                yield db
                scopes, parts = pools.scopes(db), trims.scopes(db)
            self._scopes, self._parts = scopes, parts

    def scope(self, index: IndexId) -> Scope:
        """Return which rows an index has, for adapters on the same tables."""
        if (part := self._parts.get(index)) is not None:
            return part[1]
        return self._scopes.get(index) or Scope(index)

    def _rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[object, ...]]:
        return self._connection.rows(sql, parameters)

    def rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[object, ...]]:
        """Run a statement that reads, for adapters on the same tables."""
        return self._rows(sql, parameters)

    # ------------------------------------------------------------ views and generations

    def views(self) -> list[IndexedView]:
        """Return all working trees, by name."""
        state = self._connection.state()
        known, views = self._views
        if state is None or state != known:
            views = tuple(self._read_views())
            self._views = (state, views)
        return list(views)

    def _read_views(self) -> list[IndexedView]:
        infos: dict[int, dict[str, IndexInfo]] = {}
        scopes: dict[int, Scope] = {}
        changes = self.changes
        for view, retired, *row in self._rows(
            "SELECT view, retired, id, fingerprint, model, model_fingerprint, dim, complete, live, pool FROM indexes "
            "ORDER BY id"
        ):
            info = _index_info(row)
            what = "live" if info.live else "building" if retired is None else "previous"
            infos.setdefault(_int(view), {})[what] = info
            if info.pool is not None:
                scopes[info.id] = Scope(info.pool, info.id)
        parts = {
            _int(part): (_int(index), trims.scope_of(_int(part), _int(pool), _int(index), shared=bool(shared)))
            for part, pool, shared, index in self._rows(trims.TRIMS)
        }
        with self._scoping:
            if changes == self.changes:  # else a thread of this process knows better
                self._scopes, self._parts = scopes, parts  # another process may have changed them
        found = []
        for view, repo, name, root, pinned, ref, head, branch, former in self._rows(
            "SELECT v.id, r.repo, r.name, v.root, v.pinned, v.ref, v.head, v.branch, v.former FROM views v "
            "JOIN repositories r ON r.id = v.repository"
        ):
            mine = infos.get(_int(view), {})
            generations = (mine.get("live"), mine.get("building"), mine.get("previous"))
            found.append(
                IndexedView(
                    _int(view),
                    RepoId(str(repo)),
                    str(name),
                    _path(root),
                    *generations,
                    pinned=str(pinned),
                    ref=str(ref),
                    head=str(head) if head else None,
                    branch=str(branch or ref or "").removeprefix("refs/heads/"),
                    former=tuple(dict.fromkeys(str(former).split("\n")[1:])),
                )
            )
        return sorted(found, key=lambda view: (view.name, view.root))

    def ensure_view(self, checkout: Checkout, admit: Admission | None = None) -> IndexedView:
        """Return the view of a working tree, made if there is none; head and branch are noted."""
        root = os.fsencode(checkout.root)
        with self._transaction() as db:
            row = db.execute("SELECT id FROM repositories WHERE repo = ?", (checkout.repo,)).fetchone()
            is_new = row is None
            if row is None:
                name = _free_name(db, checkout)
                row = db.execute(
                    "INSERT INTO repositories (repo, name, used_at) VALUES (?, ?, ?) RETURNING id",
                    (checkout.repo, name, time.time()),
                ).fetchone()
            db.execute(
                "INSERT INTO views (repository, root, head, branch, ref) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (root) DO UPDATE SET repository = excluded.repository, head = excluded.head, former = "
                "CASE WHEN branch IS excluded.branch THEN former ELSE former || char(10) || coalesce(branch, '') END, "
                "branch = excluded.branch, ref = excluded.ref",
                (row[0], root, checkout.head, checkout.branch, checkout.ref),
            )
            db.execute("DELETE FROM repositories WHERE id NOT IN (SELECT repository FROM views)")
            if is_new and admit is not None:  # nobody else can write before this transaction is over
                admit(checkout.repo, int(db.execute("SELECT count(*) FROM repositories").fetchone()[0]) - 1)
        return next(view for view in self.views() if view.root == checkout.root)

    def repositories(self) -> list[RepositoryUse]:
        """Return all repositories, by name, and when each was last used."""
        rows = self._rows(
            "SELECT r.repo, r.name, coalesce(r.used_at, max(i.finished)) FROM repositories r "
            "LEFT JOIN views v ON v.repository = r.id LEFT JOIN indexes i ON i.view = v.id "
            "GROUP BY r.id ORDER BY r.name"
        )
        return [RepositoryUse(RepoId(str(repo)), str(name), cast("float | None", at)) for repo, name, at in rows]

    def note_use(self, repos: Collection[RepoId], at: float) -> None:
        """Note that repositories were used; to the hour."""
        new = [repo for repo in repos if at - self._used.get(repo, 0.0) > _USE_KEPT_S]
        if not new:
            return
        with self._connection.transaction(quick=True) as db:
            db.executemany(
                "UPDATE repositories SET used_at = ? WHERE repo = ? AND coalesce(used_at, 0) < ?",
                [(at, repo, at - _USE_KEPT_S) for repo in new],
            )
        self._used.update(dict.fromkeys(new, at))

    def remove_view(self, view: int) -> list[IndexId]:
        """Forget a view, and its repository with its last view. Returns the indexes that were its."""
        with self._pooling() as db:
            indexes = [IndexId(row[0]) for row in db.execute("SELECT id FROM indexes WHERE view = ?", (view,))]
            for index in indexes:
                pools.leave(db, index)
            db.execute("DELETE FROM views WHERE id = ?", (view,))
            db.execute("DELETE FROM repositories WHERE id NOT IN (SELECT repository FROM views)")
        return indexes

    def rename_repository(self, repo: RepoId, name: str) -> None:
        """Give a repository another short name.

        Raises:
            StoreError: Another repository has the name.
        """
        with self._transaction() as db:
            if db.execute("SELECT 1 FROM repositories WHERE name = ? AND repo <> ?", (name, repo)).fetchone():
                raise StoreError(f"another repository is called {name!r}", hint="see `conexus repos list`")
            db.execute("UPDATE repositories SET name = ? WHERE repo = ?", (name, repo))

    def begin_index(
        self, view: int, fingerprint: Fingerprint, embedder: Embedder, pool: IndexId | None = None
    ) -> IndexInfo:
        """Make a generation; the first one of a view is live at once, a later one after :meth:`activate`."""
        model = (embedder.name, embedder.fingerprint, embedder.dim)
        with self._pooling() as db:
            index = _allocate(db, "next_index", 1)
            live = db.execute("SELECT 1 FROM indexes WHERE view = ? AND live", (view,)).fetchone() is None
            db.execute(
                "INSERT INTO indexes (id, view, fingerprint, model, model_fingerprint, dim, live) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (index, view, fingerprint, *model, live),
            )
            if pool is not None:
                pools.join(db, index, pool)
        return IndexInfo(IndexId(index), fingerprint, *model, complete=False, live=live, pool=pool)

    def finish_index(self, index: IndexId, *, complete: bool) -> None:
        """Note that a run ended, and whether the index holds all of the tree."""
        with self._transaction() as db:
            db.execute("UPDATE indexes SET complete = ? WHERE id = ?", (complete, index))
            if complete:
                db.execute(
                    f"UPDATE indexes SET finished = ?, pending = 0, seen = {_SEEN} WHERE id = ?",  # noqa: S608 -- a constant
                    (time.time(), index),
                )

    def settle_branch(self, view: int) -> None:
        """Note that no text of a view is of another branch any more: a run has looked at all files."""
        with self._transaction() as db:
            db.execute("UPDATE views SET former = '' WHERE id = ?", (view,))

    def note_plan(self, index: IndexId, seen: int, pending: int) -> None:
        """Note how many files a tree has, and how many of them a run is about to read."""
        with self._transaction() as db:
            db.execute("UPDATE indexes SET seen = ?, pending = ? WHERE id = ?", (seen, pending, index))

    def activate(self, index: IndexId) -> list[IndexInfo]:
        """Make a generation the live one of its view. Returns those of its others that are of no more use."""
        with self._transaction() as db:
            others = db.execute(
                "SELECT live AND complete, id, fingerprint, model, model_fingerprint, dim, complete, live, pool "
                "FROM indexes WHERE view = (SELECT view FROM indexes WHERE id = ?) AND id <> ?",
                (index, index),
            ).fetchall()
            db.execute(
                f"UPDATE indexes SET {_RETIRING} WHERE view = (SELECT view FROM indexes WHERE id = ?)",  # noqa: S608 -- a constant
                (index, index, time.time(), index),
            )
        return [_index_info(row) for kept, *row in others if not kept]

    def roll_back(self, view: int) -> bool:
        """Make the generation before the live one of a view, and pin it; false where there is none."""
        with self._transaction() as db:
            found = db.execute(
                "SELECT id FROM indexes WHERE view = ? AND retired IS NOT NULL AND complete ORDER BY retired DESC",
                (view,),
            ).fetchone()
            if found is None:
                return False
            db.execute(
                f"UPDATE indexes SET {_RETIRING} WHERE view = ?",  # noqa: S608 -- a constant
                (found[0], found[0], time.time(), view),
            )
            db.execute(
                "UPDATE views SET pinned = (SELECT fingerprint FROM indexes WHERE id = ?1), "
                "former = former || (SELECT branches FROM indexes WHERE id = ?1) WHERE id = ?2",
                (found[0], view),
            )
        return True

    def unpin(self, view: int) -> None:
        """Let the settings decide again which generation a view has."""
        with self._transaction() as db:
            db.execute("UPDATE views SET pinned = '' WHERE id = ?", (view,))

    def retired(self, before: float) -> list[tuple[int, IndexId]]:
        """Return the generations that were replaced before a time, each with its view."""
        rows = self._rows("SELECT view, id FROM indexes WHERE retired < ? AND NOT live", (before,))
        return [(_int(view), IndexId(_int(index))) for view, index in rows]

    def snapshots(self, indexes: Collection[IndexId]) -> dict[IndexId, Snapshot]:
        """Return in which state generations are."""
        state = self._connection.state()
        known, found = self._snapshots
        if state is None or state != known:
            found = {}
            self._snapshots = (state, found)
        wanted = [index for index in indexes if index not in found]
        found |= self._read_snapshots([index for index in wanted if index not in self._parts])
        found |= self._read_part_snapshots([index for index in wanted if index in self._parts])
        return {index: found[index] for index in indexes if index in found}

    def _read_snapshots(self, indexes: Sequence[IndexId]) -> dict[IndexId, Snapshot]:
        found = {}
        for part in _parts(indexes):
            for index, *row in cast(
                "list[tuple[Any, ...]]",
                self._rows(
                    "SELECT i.id, r.repo, v.root, i.revision, v.head, v.branch, i.finished, i.seen, i.pending "  # noqa: S608 -- question marks only
                    "FROM indexes i JOIN views v ON v.id = i.view JOIN repositories r ON r.id = v.repository "
                    f"WHERE i.id IN ({_marks(part)})",
                    part,
                ),
            ):
                repo, root, revision, head, branch, finished, seen, pending = row
                found[IndexId(index)] = Snapshot(
                    repo=RepoId(repo),
                    root=str(_path(root)),
                    id=f"{index}.{revision}",
                    head=head,
                    branch=branch,
                    indexed_at=finished,
                    files_indexed=max(0, seen - pending),
                    files_seen=seen,
                )
        return found

    def _read_part_snapshots(self, parts: Sequence[IndexId]) -> dict[IndexId, Snapshot]:
        """What tells of files that are not in the part is left out: the commit, and when a run last ended."""
        found = {}
        for part in parts:
            for repo, root, revision, changed, files in cast(
                "list[tuple[Any, ...]]",
                self._rows(
                    "SELECT r.repo, v.root, t.revision, t.changed, "
                    "(SELECT count(*) FROM trim_files f WHERE f.trim = t.id) FROM trims t "
                    "JOIN indexes i ON i.id = t.index_id JOIN views v ON v.id = i.view "
                    "JOIN repositories r ON r.id = v.repository WHERE t.id = ?",
                    (part,),
                ),
            ):
                found[part] = Snapshot(
                    repo=RepoId(repo),
                    root=str(_path(root)),
                    id=f"{part}.{revision}",
                    head=None,
                    branch=None,
                    indexed_at=changed,
                    files_indexed=files,
                    files_seen=files,
                )
        return found

    def drop_index(self, index: IndexId) -> None:
        """Forget a generation with all its files."""
        with self._pooling() as db:
            pools.leave(db, index)

    def drop_pool(self, pool: IndexId) -> None:
        """Forget a pool with the generations of all views that share it."""
        with self._pooling() as db:
            db.execute("DELETE FROM indexes WHERE id = ?1 OR pool = ?1", (pool,))

    def indexes(self) -> list[IndexId]:
        """Return every generation there is, of all views, and every part of one."""
        return [IndexId(_int(row[0])) for row in self._rows("SELECT id FROM indexes UNION ALL SELECT id FROM trims")]

    # ---------------------------------------------------------------------------- files

    def files(self, index: IndexId) -> dict[str, FileRecord]:
        """Return what is known of every file, by path; skipped ones included."""
        scope = self.scope(index)
        rows = self._rows(f"{_records(scope)} WHERE f.index_id = ?", (scope.pool,))
        return {record.stat.path: record for record in map(file_record, rows)}

    def files_at(self, index: IndexId, paths: Collection[str]) -> dict[str, FileRecord]:
        """Return what is known of the files at some paths and below them, by path; skipped ones included."""
        found: dict[str, FileRecord] = {}
        scope = self.scope(index)
        for path in map(os.fsencode, paths):
            rows = self._rows(
                f"{_records(scope)} WHERE f.index_id = ? AND f.path = ? UNION ALL "
                f"{_records(scope)} WHERE f.index_id = ? AND f.path > ? AND f.path < ?",
                (scope.pool, path, scope.pool, path + b"/", path + b"0"),  # what comes after a slash is a zero
            )
            found.update((record.stat.path, record) for record in map(file_record, rows))
        return found

    def versions(self, pool: IndexId, paths: Collection[str]) -> dict[str, list[FileRecord]]:
        """Return what the views that share a pool have at some paths; each version once, with nobody's state."""
        found: dict[str, list[FileRecord]] = {}
        for part in _parts([os.fsencode(path) for path in paths]):
            rows = self._rows(
                f"{_records(Scope(pool))} WHERE f.index_id = ? AND f.path IN ({_marks(part)})", (pool, *part)
            )
            for record in map(file_record, rows):
                found.setdefault(record.stat.path, []).append(record)
        return found

    def content_sizes(self, repo: RepoId) -> dict[str, int]:
        """Return the size of each content that any view of a repository has, by git's id."""
        rows = self._rows(
            "SELECT DISTINCT f.hash, f.size FROM files f JOIN indexes i ON i.id = f.index_id "
            "JOIN views v ON v.id = i.view JOIN repositories r ON r.id = v.repository WHERE r.repo = ?",
            (repo,),
        )
        return {str(content): _int(size) for content, size in rows}

    def adopt(self, index: IndexId, files: Sequence[FileRecord], removed: Sequence[FileId]) -> None:
        """Give a generation files of its pool, and take others from it, without new vectors."""
        with self._change() as db:
            pools.add(db, index, files)
            pools.take_out(db, index, removed)
            db.execute("UPDATE indexes SET revision = revision + 1 WHERE id = ?", (index,))

    def generation(self, index: IndexId) -> IndexInfo | None:
        """Return a generation, live or not."""
        rows = self._rows(
            "SELECT id, fingerprint, model, model_fingerprint, dim, complete, live, pool FROM indexes WHERE id = ?",
            (index,),
        )
        return _index_info(rows[0]) if rows else None

    def exclusive(self, index: IndexId, files: Collection[FileId] | None = None) -> list[FileId]:
        """Return those of some files, or of all, that no other generation has."""
        if self.scope(index).member is None:
            return list(files) if files is not None else [record.id for record in self.files(index).values()]
        found = [FileId(_int(row[0])) for row in self._rows(pools.EXCLUSIVE, (index,))]
        return found if files is None else sorted(set(found) & set(files))

    def hidden(self, index: IndexId) -> frozenset[FileId]:
        """Return the files of the pool that the generation does not have; nothing where it has its own alone."""
        scope = self.scope(index)
        if scope.trim is not None:
            now: object = self._connection.state()
            which = "SELECT file FROM trim_files WHERE trim = ?"
        elif scope.member is not None:
            now = self._rows("SELECT value FROM meta WHERE key = 'members'")
            which = "SELECT file FROM members WHERE index_id = ?"
        else:
            return frozenset()
        known, files = self._hidden.get(index, (None, frozenset[FileId]()))
        if known is None or known != now:
            rows = self._rows(
                f"SELECT id FROM files WHERE index_id = ? AND chunks > 0 EXCEPT {which}",  # noqa: S608 -- constants
                (scope.pool, index),
            )
            files = frozenset(FileId(_int(row[0])) for row in rows)
            self._hidden[index] = (now, files)
        return files

    def listed(self, index: IndexId) -> list[ListedFile]:
        """Return every file, those included that were left out."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT f.id, f.path, f.language FROM files f{scope.join} WHERE f.index_id = ? ORDER BY f.id",  # noqa: S608 -- constants
            (scope.pool,),
        )
        return [
            ListedFile(FileId(_int(file)), os.fsdecode(_bytes(path)), str(language or ""))
            for file, path, language in rows
        ]

    def part(self, index: IndexInfo, key: str) -> IndexInfo:
        """Return a part of a generation; an empty one where there is none yet."""
        rows = self._rows("SELECT id FROM trims WHERE index_id = ? AND key = ?", (index.id, key))
        if rows:
            part = _int(rows[0][0])
        else:
            with self._pooling() as db:
                part = _allocate(db, "next_index", 1)
                db.execute(
                    "INSERT INTO trims (id, index_id, key) SELECT ?, id, ? FROM indexes WHERE id = ?",
                    (part, key, index.id),
                )
        return replace(index, id=IndexId(part), pool=index.vectors)

    def whole_of(self, index: IndexId) -> IndexId:
        """Return the generation that a part is of, and any other generation itself."""
        part = self._parts.get(index)
        return index if part is None else IndexId(part[0])

    def change_part(self, part: IndexId, added: Mapping[FileId, int], removed: Collection[FileId]) -> None:
        """Add files to a part, and take others out."""
        with self._change() as db:
            trims.take_out(db, part, removed)
            trims.put(db, part, added)
            (total,) = db.execute("SELECT count(*) FROM trim_files WHERE trim = ?", (part,)).fetchone()
            if len(added) > total * _LARGE_SHARE:
                _count_uses(db, self.scope(part), "trim_files", "file", "trim", part)
            trims.note_change(db, part, time.time())

    def drop_parts(self, kept: Collection[IndexId]) -> None:
        """Forget all parts but some."""
        gone = [part for part in self._parts if part not in kept]
        if gone:
            with self._pooling() as db:
                db.executemany("DELETE FROM trims WHERE id = ?", [(part,) for part in gone])

    def open_batch(self, index: IndexId, replaced: Sequence[FileId], count: int) -> list[FileId]:
        """Write down which files are in flight, before the vectors change."""
        with self._transaction() as db:
            first = _allocate(db, "next_file", count)
            ids = [FileId(number) for number in range(first, first + count)]
            db.executemany("INSERT OR IGNORE INTO journal VALUES (?, ?)", [(index, file) for file in (*replaced, *ids)])
        return ids

    def commit_batch(
        self, index: IndexId, files: Sequence[FileCommit], removed: Sequence[FileId], touched: Sequence[FileRecord] = ()
    ) -> None:
        """Replace files and end the batch."""
        scope = self.scope(index)
        pool = IndexId(scope.pool)
        with self._change() as db:
            before = f"SELECT f.path, {scope.uses} FROM files f{scope.join} WHERE f.id IN"  # noqa: S608 -- constants
            uses = dict(_each(db, before, removed))
            if scope.member is None:
                db.executemany("DELETE FROM files WHERE id = ?", [(file,) for file in removed])
            else:
                pools.take_out(db, index, removed)
            written = [file_row(pool, one, uses.get(os.fsencode(one.result.stat.path), 0)) for one in files]
            rows = [rows_of(pool, commit) for commit in files]
            _insert(db, "files", FILE_COLUMNS, written)
            for table, columns in COLUMNS.items():
                _insert(db, table, columns, (row for one in rows for row in one[table]))
            _insert(db, "texts", 3, (row for commit in files for row in text_rows(commit)))
            _insert(db, "digests", 2, map(digest_row, written, rows))
            if scope.member is not None:
                added = [FileRecord(c.id, c.result.stat, c.result.content_hash, c.result.checked_ns) for c in files]
                pools.add(db, index, added)
                pools.touch(db, index, touched)
                touched = ()
            db.executemany(
                "UPDATE files SET size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?, checked_ns = ? WHERE id = ?",
                [
                    (r.stat.size_bytes, r.stat.mtime_ns, r.stat.ctime_ns, inode_out(r.stat.inode), r.checked_ns, r.id)
                    for r in touched
                ],
            )
            db.execute("DELETE FROM journal WHERE index_id = ?", (index,))
            db.execute(
                "UPDATE indexes SET revision = revision + 1, pending = max(0, pending - ?) WHERE id = ?",
                (len(files) + len(touched), index),
            )

    def count_uses(self, index: IndexId) -> None:
        """Count for every file how often other files use what it defines, where at most two files define the name."""
        scope = self.scope(index)
        table, number = ("files", "id") if scope.member is None else ("members", "file")
        with self._change() as db:
            _count_uses(db, scope, table, number, "index_id", index)

    def unfinished(self, index: IndexId) -> list[FileId]:
        """Return the files that a crash left in flight, in the index or in others of its pool."""
        rows = self._rows(_IN_FLIGHT, (self.scope(index).pool,))
        return [FileId(_int(row[0])) for row in rows]

    def forget_unfinished(self, index: IndexId) -> None:
        """Drop the files in flight, so that the next run of each view that had them reads them again."""
        pool = self.scope(index).pool
        with self._change() as db:
            db.execute(
                f"WITH lost AS ({_IN_FLIGHT}) UPDATE indexes SET complete = 0 WHERE id IN "  # noqa: S608 -- constants
                "(SELECT index_id FROM members WHERE file IN (SELECT file FROM lost) "
                f"UNION SELECT index_id FROM journal WHERE index_id IN {_SHARING})",
                (pool,),
            )
            db.execute(f"DELETE FROM files WHERE id IN ({_IN_FLIGHT})", (pool,))  # noqa: S608 -- constants
            db.execute(f"DELETE FROM journal WHERE index_id IN {_SHARING}", (pool,))  # noqa: S608 -- constants

    def paths(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return every file that is indexed, with its path."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT f.id, f.path FROM files f{scope.join} WHERE f.index_id = ? AND f.skipped IS NULL",  # noqa: S608 -- constants
            (scope.pool,),
        )
        return [(FileId(_int(file)), os.fsdecode(_bytes(path))) for file, path in rows]

    def path_of(self, file: FileId) -> str:
        """Return the path of a file, or an empty text for one that is not known."""
        rows = self._rows("SELECT path FROM files WHERE id = ?", (file,))
        return os.fsdecode(_bytes(rows[0][0])) if rows else ""

    def skipped(self, index: IndexId) -> list[SkippedFile]:
        """Return the files that were read and left out, and why."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT f.path, f.skipped, f.detail FROM files f{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? AND f.skipped IS NOT NULL ORDER BY f.path",
            (scope.pool,),
        )
        return [
            SkippedFile(os.fsdecode(_bytes(path)), known(SkipReason, why), str(detail)) for path, why, detail in rows
        ]

    def problems(self, index: IndexId) -> list[FileProblem]:
        """Return the files that are in the index in a lesser form, and why."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT f.path, f.detail FROM files f{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? AND f.skipped IS NULL AND f.detail <> '' ORDER BY f.path",
            (scope.pool,),
        )
        return [FileProblem(os.fsdecode(_bytes(path)), str(detail)) for path, detail in rows]

    # -------------------------------------------------------------------------- lookups

    def chunk_heads(self, index: IndexId, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkHead]:
        """Return what ranking needs of those of the chunks that the index has."""
        # The plus keeps SQLite from going through all files of the index to find those of the chunks.
        found: dict[ChunkId, ChunkHead] = {}
        scope = self.scope(index)
        heads = _heads(scope)
        for part in _parts(list(map(chunk_key, ids))):
            rows = self._rows(f"{heads} WHERE c.id IN ({_marks(part)}) AND +f.index_id = ?", (*part, scope.pool))
            found.update((head.id, head) for head in chunk_heads(rows))
        return found

    def all_heads(self, index: IndexId) -> Iterator[ChunkHead]:
        """Yield what ranking needs of every chunk, file by file."""
        scope = self.scope(index)
        files = self._rows(
            f"SELECT f.id FROM files f{scope.join} WHERE f.index_id = ? AND f.skipped IS NULL ORDER BY f.id",  # noqa: S608 -- constants
            (scope.pool,),
        )
        heads = _heads(scope)
        for part in _parts([row[0] for row in files]):  # never all of the rows at once
            yield from chunk_heads(self._rows(f"{heads} WHERE c.file IN ({_marks(part)})", part))

    def file_uses(self, index: IndexId) -> dict[FileId, int]:
        """Return every file that is indexed, and how often others use what it defines."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT f.id, {scope.uses} FROM files f{scope.join} WHERE f.index_id = ? AND f.skipped IS NULL",  # noqa: S608 -- constants
            (scope.pool,),
        )
        return dict(cast("list[tuple[FileId, int]]", rows))

    def chunks_by_id(self, index: IndexId, ids: Sequence[ChunkId]) -> dict[ChunkId, StoredChunk]:
        """Return those of the chunks that the index has, with their texts."""
        found: dict[ChunkId, StoredChunk] = {}
        repo = self._repository(index)
        if repo is None:
            return found
        asked = {chunk_key(chunk): chunk for chunk in ids}
        rows: list[tuple[object, ...]] = []
        for part in _parts(list(asked)):
            rows += self._rows(
                "SELECT c.id, t.text, c.file, c.ordinal, c.start_byte, c.end_byte, c.start_line, c.end_line, c.kind, "  # noqa: S608 -- question marks only
                "c.symbol, c.signature FROM chunks c JOIN texts t ON t.key = c.file << 20 | c.ordinal "
                f"WHERE c.id IN ({_marks(part)})",
                part,
            )
        scope = self.scope(index)
        files = self._file_facts({_int(row[2]) for row in rows}, scope)
        for key, text, *row in rows:
            facts = files.get(_int(row[0]))
            if facts is not None and facts.index == scope.pool:
                chunk = asked[_bytes(key)]
                found[chunk] = stored_chunk(chunk, repo, row, str(text), facts)
        return found

    def _repository(self, index: IndexId) -> RepoId | None:
        if index not in self._repo_of:
            generation = self._parts[index][0] if index in self._parts else index
            rows = self._rows(
                "SELECT r.repo FROM indexes i JOIN views v ON v.id = i.view JOIN repositories r ON r.id = v.repository "
                "WHERE i.id = ?",
                (generation,),
            )
            if not rows:
                return None
            self._repo_of[index] = RepoId(str(rows[0][0]))
        return self._repo_of[index]

    def _file_facts(self, files: set[int], scope: Scope) -> dict[int, FileFacts]:
        found: dict[int, FileFacts] = {}
        for part in _parts(sorted(files)):
            rows = self._rows(
                f"SELECT f.id, f.index_id, f.path, f.language, f.tags, f.hash, f.size, f.salted, {_states(scope)} "  # noqa: S608 -- question marks only
                f"FROM files f{scope.join} WHERE f.id IN ({_marks(part)})",
                part,
            )
            found.update((_int(row[0]), file_facts(row[1:])) for row in rows)
        return found

    def chunks_at(self, index: IndexId, path: str, line: int, where: PointFilter) -> list[ChunkId]:
        """Return the chunks with a line of the files that have this path, or more or fewer of its folders."""
        if where.kinds is not None:
            return []
        limit, values = _conditions(where)
        scope = self.scope(index)
        parts = path.split("/")
        endings = ["/".join(parts[start:]).encode() for start in range(min(len(parts), _MAX_FOLDERS))]
        inside = f"/{path}".encode()
        rows = self._rows(
            f"SELECT c.id FROM files f{scope.join} JOIN chunks c ON c.file = f.id WHERE f.index_id = ? AND "  # noqa: S608 -- question marks only
            f"(f.path IN ({_marks(endings)}) OR substr(f.path, -?) = ?) "
            f"AND c.start_line <= ? AND c.end_line >= ?{limit} ORDER BY length(f.path) DESC, f.id LIMIT ?",
            (scope.pool, *endings, len(inside), inside, line, line, *values, _MAX_PLACES),
        )
        return [chunk_id_of(_bytes(row[0])) for row in rows]

    def chunk_checksums(self, index: IndexId) -> dict[ChunkId, tuple[FileId, int]]:
        """Return the file and the vector checksum of every chunk of the pool."""
        rows = self._rows(
            "SELECT c.id, c.file, c.checksum FROM chunks c JOIN files f ON f.id = c.file WHERE f.index_id = ?",
            (self.scope(index).pool,),
        )
        return {chunk_id_of(_bytes(chunk)): (FileId(_int(file)), _int(checksum)) for chunk, file, checksum in rows}

    def damaged_files(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return files whose chunks do not have the text they were written with, and what is wrong."""
        found: list[tuple[FileId, str]] = []
        pool = self.scope(index).pool
        for file, expected, digest in self._rows(
            # A file that an earlier version wrote has no checksum until it is read again.
            "SELECT f.id, f.chunks, coalesce(d.digest, -1) FROM files f LEFT JOIN digests d ON d.file = f.id "
            "WHERE f.index_id = ? ORDER BY f.id",
            (pool,),
        ):
            # As bytes: a damaged text may be no UTF-8. File by file, so that never all of the texts are in memory.
            texts = self._rows(
                "SELECT CAST(t.text AS BLOB), t.crc FROM chunks c JOIN texts t ON t.key = c.file << 20 | c.ordinal "
                "WHERE c.file = ?",
                (file,),
            )
            if len(texts) != expected:
                found.append((FileId(_int(file)), f"has {len(texts)} of {expected} chunks"))
            elif any(zlib.crc32(_bytes(text)) != crc for text, crc in texts):
                found.append((FileId(_int(file)), "a chunk's text does not have its checksum"))
            elif digest != -1 and self._digest(_int(file)) != digest:
                found.append((FileId(_int(file)), "what is kept of it is not as it was written"))
        return found

    def _digest(self, file: int) -> int | None:
        """Return the checksum of a file's rows as they are now."""
        try:
            return digest_of(row for statement in DIGESTED for row in self._rows(statement, (file,)))
        except StoreDamaged:  # a text that is none
            return None

    def symbols_named(self, index: IndexId, names: Sequence[str], where: PointFilter) -> list[SymbolMatch]:
        """Return definitions whose name agrees with one of ``names`` but for case and underscores."""
        written = set(names)
        keys = [key for key in dict.fromkeys(map(name_key, names)) if key]
        limit, values = _conditions(where)
        scope = self.scope(index)
        joined = "JOIN files f ON f.id = s.file " if limit else ""
        limit += scope.within("s.file")
        if where.kinds is not None:
            limit += f" AND s.kind IN ({_marks(sorted(where.kinds))})"
            values += sorted(where.kinds)
        found: list[SymbolMatch] = []
        for part in _parts(keys):
            rows = self._rows(
                f"{_LARGEST}{joined}WHERE s.index_id = ? AND s.key IN ({_marks(part)}){limit}) "  # noqa: S608 -- question marks only
                "SELECT s.name, s.parent, s.kind, s.name_line, s.file, s.chunk FROM largest l "
                "JOIN symbols s ON s.rowid = l.number WHERE l.place <= ? "
                "ORDER BY s.end_byte - s.start_byte DESC, s.file, s.start_byte",
                (scope.pool, *part, *values, _MAX_DEFINITIONS),
            )
            found += [
                SymbolMatch(
                    f"{parent}.{name}" if parent else name,
                    known(SymbolKind, kind),
                    line,
                    chunk,
                    file,
                    name in written,
                )
                for name, parent, kind, line, file, chunk in cast("list[tuple[Any, ...]]", rows)
            ]
        return found

    def all_definitions(self, index: IndexId) -> Iterator[KeyedSymbol]:
        """Yield every definition that :meth:`symbols_named` gives without a filter, those of one key together."""
        scope = self.scope(index)
        mine = scope.within("s.file")
        kinds: dict[str, SymbolKind] = {}
        after = ""
        while True:  # never all of the rows at once
            [(until,)] = self._rows(
                "SELECT max(key) FROM "
                "(SELECT DISTINCT key FROM symbols WHERE index_id = ? AND key > ? ORDER BY key LIMIT ?)",
                (scope.pool, after, _KEYS_AT_ONCE),
            )
            if until is None:
                return
            rows = self._rows(
                f"{_LARGEST}WHERE s.index_id = ? AND s.key > ? AND s.key <= ?{mine}) "  # noqa: S608 -- constants
                "SELECT s.key, s.name, s.parent, s.kind, s.name_line, s.file, s.chunk FROM largest l "
                "JOIN symbols s ON s.rowid = l.number WHERE l.place <= ? ORDER BY s.key, l.place",
                (scope.pool, after, until, _MAX_DEFINITIONS),
            )
            for key, name, parent, kind, line, file, chunk in cast("list[tuple[Any, ...]]", rows):
                if kind not in kinds:
                    kinds[kind] = known(SymbolKind, kind)
                yield KeyedSymbol(key, name, parent, kinds[kind], line, file, chunk)
            after = str(until)

    def names_like(self, index: IndexId, word: str, more: int, where: PointFilter) -> dict[str, int]:
        """Return names of definitions that a word could have been meant as."""
        limit, values = _conditions(where)
        scope = self.scope(index)
        joined = "JOIN files f ON f.id = s.file " if limit else ""
        limit += scope.within("s.file")
        found: dict[str, int] = {}
        for start in {word[0], word[1::-1]}:
            rows = self._rows(
                f"SELECT s.key, count(*) FROM symbols s {joined}WHERE s.index_id = ? AND s.key >= ? AND s.key < ? "  # noqa: S608 -- question marks only
                f"AND length(s.key) BETWEEN ? AND ?{limit} GROUP BY s.key",
                (scope.pool, start, start[:-1] + chr(ord(start[-1]) + 1), len(word) - more, len(word) + more, *values),
            )
            found.update(cast("list[tuple[str, int]]", rows))
        return found

    def files_with_words(
        self, index: IndexId, stems: Sequence[str], where: PointFilter
    ) -> dict[FileId, tuple[int, int]]:
        """Find files by their name."""
        limit, values = _conditions(where)
        scope = self.scope(index)
        found: dict[FileId, tuple[int, int]] = {}
        for part in _parts(list(dict.fromkeys(stems))):
            rows = self._rows(
                f"SELECT w.file, count(*), max(w.words) FROM name_words w JOIN files f ON f.id = w.file{scope.join} "  # noqa: S608 -- question marks only
                f"WHERE w.word IN ({_marks(part)}) AND +f.index_id = ?{limit} GROUP BY w.file",  # +: by word first
                (*part, scope.pool, *values),
            )
            of_part = {file: (matched, total) for file, matched, total in cast("list[tuple[FileId, int, int]]", rows)}
            for file in found.keys() & of_part.keys():
                of_part[file] = (found[file][0] + of_part[file][0], of_part[file][1])
            found |= of_part
        return found

    def all_file_words(self, index: IndexId) -> Iterator[tuple[FileId, str, int]]:
        """Yield what :meth:`files_with_words` knows: a file, a word of its name, how many it has; file by file."""
        scope = self.scope(index)
        rows = self._rows(
            f"SELECT w.file, w.word, w.words FROM files f{scope.join} JOIN name_words w ON w.file = f.id "  # noqa: S608 -- constants
            "WHERE f.index_id = ? ORDER BY w.file",
            (scope.pool,),
        )
        yield from cast("list[tuple[FileId, str, int]]", rows)

    def status_of(self, view: IndexedView) -> list[ViewStatus]:
        """Return figures of a part of a view, which tell nothing of the rest; none if it went."""
        if view.live is None or not (snapshots := self.snapshots([view.live.id])):
            return []
        status = self._view_status(view, view.live, snapshots[view.live.id].indexed_at, (None, None))
        return [replace(status, own_share=1.0, shared=False, trimmed=True)]

    def status(self, only: int | None = None) -> list[ViewStatus]:
        """Return figures of every view, or of one, vectors' sizes left at 0."""
        result = []
        for view in self.views():
            if view.live is None or only not in {None, view.id}:
                continue
            details = self._rows(
                "SELECT i.finished, v.head, v.branch FROM indexes i JOIN views v ON v.id = i.view WHERE i.id = ?",
                (view.live.id,),
            )
            if details:  # else another process dropped it just now
                finished, head, branch = details[0]
                result.append(self._view_status(view, view.live, finished, (head, branch)))
        return result

    def _view_status(
        self, view: IndexedView, live: IndexInfo, finished: object, commit: tuple[object, object]
    ) -> ViewStatus:
        scope = self.scope(live.id)
        files, skipped, chunks, size = self._rows(
            "SELECT count(*) FILTER (WHERE skipped IS NULL), count(*) FILTER (WHERE skipped IS NOT NULL), "  # noqa: S608 -- constants
            "coalesce(sum(chunks), 0), coalesce(sum(size) FILTER (WHERE skipped IS NULL), 0) "
            f"FROM files f{scope.join} WHERE f.index_id = ?",
            (scope.pool,),
        )[0]
        symbols = self._rows(
            f"SELECT count(*) FROM symbols WHERE index_id = ?{scope.within('symbols.file')}",  # noqa: S608 -- constants
            (scope.pool,),
        )[0][0]
        languages = self._rows(
            f"SELECT coalesce(language, 'other'), count(*) FROM files f{scope.join} "  # noqa: S608 -- constants
            "WHERE f.index_id = ? AND skipped IS NULL GROUP BY 1 ORDER BY 2 DESC, 1",
            (scope.pool,),
        )
        snapshot = self.snapshots([live.id]).get(live.id)
        own, of_all = chunks, chunks
        if scope.member is not None:
            alone = json.dumps(self.exclusive(live.id))
            own, of_all = self._rows(
                "SELECT coalesce(sum(chunks) FILTER (WHERE id IN (SELECT value FROM json_each(?))), 0), "
                "coalesce(sum(chunks), 0) FROM files WHERE index_id = ?",
                (alone, scope.pool),
            )[0]
        return ViewStatus(
            repo=view.repo,
            name=view.name,
            root=str(view.root),
            index=live.vectors,
            model=live.model,
            files=_int(files),
            skipped=_int(skipped),
            chunks=_int(chunks),
            symbols=_int(symbols),
            languages=tuple((str(name), _int(count)) for name, count in languages),
            size_bytes=0,
            source_bytes=_int(size),
            indexed_at=finished if isinstance(finished, float) else None,
            complete=live.complete,
            head=str(commit[0]) if commit[0] else None,
            branch=str(commit[1]) if commit[1] else None,
            snapshot="" if snapshot is None else snapshot.id,
            files_seen=0 if snapshot is None else snapshot.files_seen,
            files_pending=0 if snapshot is None else snapshot.files_seen - snapshot.files_indexed,
            previous_model=None if view.previous is None else view.previous.model,
            ref=view.ref,
            own_share=_int(own) / _int(of_all) if of_all else 1.0,
            shared=scope.member is not None,
        )

    # ---------------------------------------------------------------------------- cache

    def cached_vectors(self, model: str, texts: Sequence[str]) -> dict[str, DenseVector]:
        """Return the embeddings that are known of these texts, by text."""
        by_hash = {_text_hash(text): text for text in texts}
        found: dict[str, DenseVector] = {}
        for part in _parts(list(by_hash)):
            rows = self._rows(
                f"SELECT text_hash, vector FROM vector_cache WHERE model = ? AND text_hash IN ({_marks(part)})",  # noqa: S608 -- question marks only
                (model, *part),
            )
            for key, vector in rows:
                found[by_hash[_bytes(key)]] = np.frombuffer(_bytes(vector), dtype="<f2").astype(np.float32)
        return found

    def cache_vectors(self, model: str, vectors: Mapping[str, DenseVector]) -> None:
        """Remember embeddings by text; the oldest go when the cache is full."""
        with self._transaction() as db:
            db.executemany(
                "INSERT OR REPLACE INTO vector_cache VALUES (?, ?, ?)",
                [(model, _text_hash(text), vector.astype("<f2").tobytes()) for text, vector in vectors.items()],
            )
            db.execute(
                "DELETE FROM vector_cache WHERE rowid <= (SELECT max(rowid) FROM vector_cache) - ?",
                (_MAX_CACHED_VECTORS,),
            )

    # ---------------------------------------------------------------------------- upkeep

    def unused_vectors(self, *, drop: bool, everything: bool = False) -> int:
        """Count, or drop, the embeddings of models that no generation uses; all where ``everything``."""
        rule = "" if everything else " WHERE model NOT IN (SELECT model_fingerprint FROM indexes)"
        if not drop:
            return _int(self._rows(f"SELECT count(*) FROM vector_cache{rule}")[0][0])  # noqa: S608 -- a constant
        with self._transaction() as db:
            return db.execute(f"DELETE FROM vector_cache{rule}").rowcount  # noqa: S608 -- a constant

    def compact(self) -> int:
        """Give the system back what the database does not need; returns how many bytes. It takes its time."""
        pages, free, size = (_int(self._rows(f"PRAGMA {name}")[0][0]) for name in _SIZES)
        if free * 4 < pages:
            return 0
        with self._connection.lock:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return free * size

    def require_in_place(self) -> None:
        """Return if the file is still the one that was opened; see :meth:`conexus.ports.Catalog.require_in_place`."""
        self._connection.require_in_place()

    def integrity(self) -> list[str]:
        """Return what the database itself finds wrong; empty where all is well."""
        try:
            found = [str(row[0]) for row in self._rows("PRAGMA integrity_check")]
            broken = self._rows("PRAGMA foreign_key_check")
            altered = self._connection.altered()
            self.require_in_place()
        except StoreError as exc:
            return [exc.in_words]
        problems = [line for line in found if line != "ok"]
        problems += [f"{name} is not as it was made" for name in altered]
        return problems + [f"a row of {row[0]} belongs to nothing" for row in broken[:10]]

    def close(self) -> None:
        """Release the catalog. Idempotent."""
        self._connection.close()


def _count_uses(db: sqlite3.Connection, scope: Scope, table: str, number: str, owner: str, index: IndexId) -> None:
    """Count for every file of a generation or of a part how often others of it use what the file defines."""
    statement = of_tied_files(scope, "count(*), d.file", "GROUP BY d.file")
    rows = db.execute(statement, (scope.pool, _DEFINING_FILES)).fetchall()
    db.execute(f"UPDATE {table} SET uses = 0 WHERE {owner} = ? AND uses > 0", (index,))  # noqa: S608 -- constants
    db.executemany(
        f"UPDATE {table} SET uses = ? WHERE {number} = ? AND {owner} = ?",  # noqa: S608 -- constants
        [(uses, file, index) for uses, file in rows],
    )


def _states(scope: Scope) -> str:
    """The columns of a file's state in a view's tree."""
    return ", ".join(f"{scope.of_view}.{column}" for column in ("mtime_ns", "ctime_ns", "inode", "checked_ns"))


def _records(scope: Scope) -> str:
    """The statement for what is known of files."""
    view = scope.of_view
    return (
        f"SELECT f.id, f.path, f.size, {view}.mtime_ns, {view}.ctime_ns, {view}.inode, f.hash, {view}.checked_ns, "  # noqa: S608 -- constants
        f"f.skipped, f.rules FROM files f{scope.join}"
    )


def _heads(scope: Scope) -> str:
    """The statement for what ranking needs of chunks."""
    return (
        f"SELECT c.id, c.file, c.start_byte, c.start_line, c.end_line, c.kind, c.symbol, f.path, f.tags, f.chunks, "  # noqa: S608 -- constants
        f"{scope.uses} FROM chunks c JOIN files f ON f.id = c.file{scope.join}"
    )


def _insert(db: sqlite3.Connection, table: str, columns: int, rows: Iterable[tuple[object, ...]]) -> None:
    db.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})", rows)  # noqa: S608 -- names from this module


def _conditions(where: PointFilter) -> tuple[str, list[object]]:
    """Return the SQL that limits files ``f`` as a point filter does, and its values."""
    sql, values = "", list[object]()
    if where.files is not None:
        sql += " AND f.id IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(sorted(where.files)))
    if where.languages is not None:
        sql += f" AND coalesce(f.language, '') IN ({_marks(sorted(where.languages))})"
        values += sorted(where.languages)
    for tag in sorted(where.without_tags):
        sql += " AND instr(' ' || f.tags || ' ', ?) = 0"
        values.append(f" {tag} ")
    return sql, values


def _allocate(db: sqlite3.Connection, counter: str, count: int) -> int:
    row = db.execute("UPDATE meta SET value = value + ? WHERE key = ? RETURNING value", (count, counter)).fetchone()
    return int(row[0]) - count


def _free_name(db: sqlite3.Connection, checkout: Checkout) -> str:
    """The short name, or a longer end of the id where another repository has that name already."""
    taken = {row[0] for row in db.execute("SELECT name FROM repositories")}
    parts = checkout.repo.split("/")
    candidates = [checkout.name, *("/".join(parts[-length:]) for length in range(2, len(parts) + 1))]
    return next((name for name in candidates if name not in taken), checkout.repo)


def _index_info(row: Sequence[object]) -> IndexInfo:
    index, fingerprint, model, model_fingerprint, dim, complete, live, pool = row
    return IndexInfo(
        id=IndexId(_int(index)),
        fingerprint=Fingerprint(str(fingerprint)),
        model=str(model),
        model_fingerprint=str(model_fingerprint),
        dim=_int(dim),
        complete=bool(complete),
        live=bool(live),
        pool=None if pool is None else IndexId(_int(pool)),
    )


def _text_hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _each(db: sqlite3.Connection, sql: str, keys: Sequence[_T]) -> Iterator[Any]:
    for part in _parts(keys):
        yield from db.execute(f"{sql} ({_marks(part)})", part)


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _MAX_PARAMETERS):
        yield items[start : start + _MAX_PARAMETERS]


def _marks(items: Sequence[object]) -> str:
    return ", ".join("?" * len(items))


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise StoreDamaged(f"the catalog holds {value!r} where a number belongs", hint="run `conexus verify --repair`")
    return value


def _bytes(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise StoreDamaged(f"the catalog holds {value!r} where bytes belong", hint="run `conexus verify --repair`")
    return value


def _path(value: object) -> Path:
    return Path(os.fsdecode(_bytes(value)))
