# SPDX-License-Identifier: FSL-1.1-MIT
"""Brings an index in line with a tree: scan, plan, parse, write, commit."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import field, replace

from conexus.config import Config
from conexus.context_service import ProgressListener
from conexus.errors import StoreDamaged, StoreError
from conexus.indexing.memory import MemoryWatch, Pressure
from conexus.indexing.places import Places
from conexus.indexing.plan import plan_index, rules_of
from conexus.indexing.writer import IndexWriter, require_space
from conexus.ports import Catalog, Embedder, ParsePool, SourceTree, VectorShard, VectorStore
from conexus.types import (
    Checkout,
    FileRecord,
    FileResult,
    FileStat,
    Fingerprint,
    IndexedView,
    IndexEstimate,
    IndexId,
    IndexInfo,
    IndexPlan,
    IndexProgress,
    IndexReport,
    IndexStage,
    ParseJob,
    ReadOutcome,
    RepoId,
    SkippedFile,
)
from conexus.values import dataclass

_BATCH_CHUNKS = 1024
_SLOW_BATCH_CHUNKS = 128  # a large model takes seconds for these, and a run that is to stop waits for them
_LEAST_BATCH_CHUNKS = 64  # where memory is short
_BATCH_S = 3.0  # so that a crash costs little and searches soon see what is done
_KEPT_TEXT = " no path"  # another text for what slow models are given builds a generation anew
_OPTIMIZE_CHUNKS = 20_000  # below, packing a shard makes searches no faster
_FILES_A_LOOK = 10_000  # of a scan, between two looks at the memory that it takes
_PACK_CHUNKS = 50_000  # what is not packed is in memory, some 2 KB each
_SHARED_SHARE = 0.5  # of a tree's files that another view has; with fewer, hiding the others would cost searches more
_LARGE_SHARE = 0.1  # a run that wrote less leaves the shard, and who uses what, nearly as they were
# For estimates before the first file is read; measured by benchmarks/speed on two cores.
_BYTES_A_SECOND = 3_000_000.0
_INDEX_BYTES_A_SOURCE_BYTE = 3.0

PoolFactory = Callable[[SourceTree], ParsePool]
"""Makes a pool for a tree."""


@dataclass(frozen=True, slots=True)
class Resources:
    """What a run takes of the machine."""

    pools: PoolFactory
    memory: Callable[[], MemoryWatch]
    """Gives what watches the memory of one run."""


@dataclass(frozen=True, slots=True)
class _Caller:
    """How whoever started a run follows and stops it."""

    listener: ProgressListener
    is_cancelled: Callable[[], bool]
    started: float


@dataclass(frozen=True, slots=True)
class _Behind:
    """What a generation is behind on."""

    known: dict[str, FileRecord]
    """What it knows of the files that were looked at."""
    plan: IndexPlan
    skipped: list[SkippedFile]
    stats: list[FileStat]
    """The files that were found."""
    is_whole: bool = True
    """Whether all files were looked at."""


@dataclass(slots=True)
class _Branches:
    """Notices that another branch is checked out in the midst of a run."""

    catalog: Catalog
    tree: SourceTree
    branch: str | None
    were_switched: bool = False

    def note(self) -> None:
        """Note in the catalog what is checked out now: from then on files may be of it as well as of the one before."""
        now = self.tree.checkout_now()
        if now.branch != self.branch:
            self.catalog.ensure_view(now)
            self.branch, self.were_switched = now.branch, True


@dataclass(slots=True)
class _Run:
    """The state of one run."""

    index: IndexInfo
    plan: IndexPlan
    skipped: list[SkippedFile]
    caller: _Caller
    rebuilt: str
    branches: _Branches
    files_done: int = 0
    bytes_done: int = 0
    indexed: int = 0
    gone: int = 0
    skipped_now: int = 0
    unpacked: int = 0
    """Chunks written since the shard was last packed."""
    cancelled: bool = False
    bytes_total: int = field(init=False)

    def __post_init__(self) -> None:
        self.bytes_total = sum(job.stat.size_bytes for job in self.plan.to_read)

    def report_progress(self, stage: IndexStage, chunks: int) -> None:
        self.caller.listener(
            IndexProgress(
                stage=stage,
                files_done=self.files_done,
                files_total=len(self.plan.to_read),
                bytes_done=self.bytes_done,
                bytes_total=self.bytes_total,
                chunks=chunks,
                skipped=len(self.skipped) + self.skipped_now,
                elapsed_s=time.monotonic() - self.caller.started,
            )
        )


class Indexer:
    """Indexes working trees. One run at a time for each tree: the caller holds its lock."""

    def __init__(
        self,
        catalog: Catalog,
        store: VectorStore,
        embedder: Callable[[], Embedder],
        resources: Resources,
        config: Config,
        places: Places,
    ) -> None:
        self._catalog = catalog
        self._store = store
        self._load_embedder = embedder
        self._resources = resources
        self._options = config.index
        self._store_options = config.store
        self._places = places

    @property
    def _embedder(self) -> Embedder:
        """The model, loaded when it is first needed."""
        return self._load_embedder()

    def estimate(self, tree: SourceTree) -> IndexEstimate:
        """Say what :meth:`run` would do. Changes nothing."""
        checkout = tree.checkout
        view = next((view for view in self._catalog.views() if view.root == checkout.root), None)
        usable = view.live if view is not None and view.live and self._fits(view.live) else None
        behind = self._behind(tree, usable)
        plan = behind.plan
        pool = usable.pool if usable is not None else self._pool_for(view, checkout.repo)
        if pool is not None and (there := self._elsewhere(pool, tree, plan.to_read)):
            left = {record.stat.path for record in there}
            plan = replace(
                plan,
                to_read=tuple(job for job in plan.to_read if job.stat.path not in left),
                unchanged=plan.unchanged + len(left),
            )
        size = sum(job.stat.size_bytes for job in plan.to_read)
        return IndexEstimate(
            repo=checkout.repo,
            name=view.name if view else checkout.name,
            root=str(checkout.root),
            files_to_read=len(plan.to_read),
            bytes_to_read=size,
            files_unchanged=plan.unchanged,
            files_to_delete=len(plan.to_delete),
            skipped=tuple(behind.skipped),
            estimated_s=size / _BYTES_A_SECOND,
            estimated_bytes=int(size * _INDEX_BYTES_A_SOURCE_BYTE),
            rebuild="" if view is None or view.live is None or usable else self._why_rebuild(view.live),
        )

    def run(
        self,
        tree: SourceTree,
        listener: ProgressListener,
        is_cancelled: Callable[[], bool] = lambda: False,
        changed: Collection[str] | None = None,
    ) -> IndexReport:
        """Bring the index of a tree in line with it.

        Args:
            tree: The working tree.
            listener: Called often with how far the run is.
            is_cancelled: Asked often; once true the run ends soon, with all it has done kept.
            changed: Paths that alone may have changed since the last run, so that the others need not be looked at
                and are not counted; all are where this is ``None``.

        Raises:
            FeatureNotAvailable: The edition has no place for one more repository. Nothing was done.
            DiskFull: There is too little space; what was done is kept.
            MemoryFull: It takes more memory than it may; what was done is kept.
            StoreError: The store failed; the next run mends what this one left.
            EmbeddingError: The model failed.
            SourceError: The tree cannot be read, or was deleted meanwhile; what was done before is kept.
        """
        started = time.monotonic()
        listener(IndexProgress(IndexStage.SCAN, 0, 0, 0, 0, 0, 0, 0.0))
        require_space(self._store, self._store_options.min_free_mb)
        checkout = tree.checkout_now()  # the run may have waited
        self._part_from_others(checkout)
        is_new = not any(known.repo == checkout.repo for known in self._catalog.views())
        view = self._catalog.ensure_view(checkout, self._places.admit)
        with self._forgetting_empty(view):
            branches = _Branches(self._catalog, tree, checkout.branch)
            if view.pinned:
                self._catalog.unpin(view.id)
            live = self._sound(view)
            behind = self._behind(tree, live, changed) if live is not None else None
            if live is not None and behind is not None and not (behind.plan.to_read or behind.plan.to_delete):
                tree.close()
                self._catalog.finish_index(live.id, complete=True)
                self._settle(view, behind, branches)
                run = _Run(live, behind.plan, behind.skipped, _Caller(listener, is_cancelled, started), "", branches)
                return self._report(run, view)  # without opening the vectors
            with closing(tree), closing(self._resources.pools(tree)) as pool:
                if self._pool_for(view, view.repo) is None if behind is None else behind.plan.to_read:
                    pool.start()  # it takes as long to start as all that goes before the first file
                caller = _Caller(listener, is_cancelled, started)
                report = self._run(view, tree, pool, caller, behind, branches)
        return replace(report, notice=self._places.notice()) if is_new else report

    @contextmanager
    def _forgetting_empty(self, view: IndexedView) -> Iterator[None]:
        """Forget a view where a run fails before anything of it was indexed: else it would hold a place."""
        try:
            yield
        except BaseException:
            with suppress(StoreError):
                now = next((one for one in self._catalog.views() if one.id == view.id), None)
                if now and not any(index.complete or self._catalog.files(index.id) for index in now.generations):
                    forget(self._catalog, self._store, now)
            raise

    def _run(
        self,
        view: IndexedView,
        tree: SourceTree,
        pool: ParsePool,
        caller: _Caller,
        behind: _Behind | None,
        branches: _Branches,
    ) -> IndexReport:
        index, shard, rebuilt = self._generation(view, tree)
        try:
            if behind is None or view.live is None or index.id != view.live.id:
                behind = self._behind(tree, index)
            plan = behind.plan
            writer = IndexWriter(index, self._catalog, shard, self._embedder, behind.known, self._options.rules)
            if index.pool is not None and (there := self._elsewhere(index.pool, tree, plan.to_read)):
                branches.note()
                writer.adopt(there)
                behind = self._compared(behind, index, tree)
                plan = behind.plan
                writer = IndexWriter(index, self._catalog, shard, self._embedder, behind.known, self._options.rules)
            if behind.is_whole:
                self._catalog.note_plan(index.id, plan.unchanged + len(plan.to_read), len(plan.to_read))
            run = _Run(index, plan, behind.skipped, caller, rebuilt, branches)
            if plan.to_delete:
                writer.delete([record.id for record in plan.to_delete])
            if plan.to_read:
                self._index(run, tree, pool, writer, shard)
            self._finish(run, writer, shard)
            if not run.cancelled:
                self._settle(view, behind, branches)
            return self._report(run, view, writer)
        finally:
            shard.close()

    def _settle(self, view: IndexedView, behind: _Behind, branches: _Branches) -> None:
        """Note that all text is of the branch that is checked out, where a run looked at all files meanwhile."""
        branches.note()
        if view.former and behind.is_whole and not branches.were_switched:
            self._catalog.settle_branch(view.id)

    def _part_from_others(self, checkout: Checkout) -> None:
        """Drop what a tree shares with a repository that it is of no more: its remote changed."""
        for view in self._catalog.views():
            if view.root == checkout.root and view.repo != checkout.repo:
                for index in (view.live, view.building):
                    if index is not None and index.pool is not None:
                        self.drop(index)

    def _sound(self, view: IndexedView) -> IndexInfo | None:
        """Return the live generation where nothing but files that changed may be wrong with it."""
        live = view.live
        if (
            live is None
            or not live.complete
            or view.building is not None
            or not self._fits(live)
            or not self._store.exists(live.vectors)
            or self._catalog.unfinished(live.id)
        ):
            return None
        return live

    # ------------------------------------------------------------------ generations

    def _fits(self, index: IndexInfo) -> bool:
        return index.fingerprint == self._fingerprint()

    def _fingerprint(self) -> Fingerprint:
        embedder = self._embedder
        form = "" if embedder.is_fast else _KEPT_TEXT
        return self._options.fingerprint(embedder.fingerprint + form)

    def _why_rebuild(self, live: IndexInfo) -> str:
        if live.model != self._embedder.name:
            return f"the model changed from {live.model} to {self._embedder.name}"
        return "the options or the format of the index changed"

    def _generation(self, view: IndexedView, tree: SourceTree) -> tuple[IndexInfo, VectorShard, str]:
        """Return the generation to write, open and mended, and why it is a new one beside the live one."""
        live, building = view.live, view.building
        if building is None and view.previous is not None and self._fits(view.previous):
            building = view.previous  # the settings are again as they were
        if live is not None and self._fits(live):
            if building is not None and building is not view.previous:
                self.drop(building)
            shard, why = self._open(live)
            if shard is not None:
                return live, shard, ""
            self._drop_damaged(live)
            return *self._create(view, tree), why
        rebuilt = self._why_rebuild(live) if live is not None else ""
        if building is not None and self._fits(building):
            shard, _ = self._open(building)
            if shard is not None:
                return building, shard, rebuilt
        if building is not None:
            self.drop(building)
        return *self._create(view, tree), rebuilt

    def _create(self, view: IndexedView, tree: SourceTree) -> tuple[IndexInfo, VectorShard]:
        """Make a generation: one that shares the files of another view of the repository where it has most of them."""
        embedder = self._embedder
        fingerprint = self._fingerprint()
        pool = self._pool_for(view, view.repo)
        if pool is not None:
            plan = self._behind(tree, None).plan
            there = self._elsewhere(pool, tree, plan.to_read)
            if len(there) >= len(plan.to_read) * _SHARED_SHARE:
                shard = self._store.open(pool, embedder.dim, to_write=True)
                index = self._catalog.begin_index(view.id, fingerprint, embedder, pool)
                self._catalog.adopt(index.id, there, ())
                return index, shard
        index = self._catalog.begin_index(view.id, fingerprint, embedder)
        return index, self._store.create(index.id, embedder.dim)

    def _pool_for(self, view: IndexedView | None, repo: RepoId) -> IndexId | None:
        """Return the shard of another view of a repository, whose files a new generation can share."""
        for other in self._catalog.views():
            live = other.live
            if other.repo != repo or (view is not None and other.id == view.id) or live is None:
                continue
            sound = live.complete and self._fits(live) and not self._catalog.unfinished(live.id)
            if sound and self._store.exists(live.vectors):
                return live.vectors
        return None

    def _elsewhere(self, pool: IndexId, tree: SourceTree, jobs: Sequence[ParseJob]) -> list[FileRecord]:
        """Return the files among those to be read that other views have just so, with their state in this tree."""
        versions = self._catalog.versions(pool, [job.stat.path for job in jobs])
        found = []
        for job in jobs:
            rules = rules_of(self._options.rules, job.forced)
            fitting = [
                version
                for version in versions.get(job.stat.path, ())
                if version.stat.size_bytes == job.stat.size_bytes and version.rules == rules
            ]
            checked_ns = time.time_ns()
            content = tree.content_hash(job.stat) if fitting else None
            same = next((version for version in fitting if version.content_hash == content), None)
            if same is not None:
                found.append(replace(same, stat=job.stat, checked_ns=checked_ns))
        return found

    def _open(self, index: IndexInfo) -> tuple[VectorShard | None, str]:
        """Open a generation and drop what a crash left in flight; nothing where it cannot be read."""
        try:
            shard = self._store.open(index.vectors, index.dim, to_write=True)
        except StoreDamaged as exc:
            return None, f"the index was damaged: {exc.message}"
        repair_unfinished(self._catalog, shard, index)
        if not index.complete and index.pool is None and shard.count() and not self._catalog.files(index.id):
            shard.close()  # a run was stopped before it had made its vectors, and an older catalog's were there
            return None, "its vectors were of another catalog"
        return shard, ""

    def drop(self, index: IndexInfo) -> None:
        """Delete a generation, and nothing that other views need."""
        release(self._catalog, self._store, index)

    def _drop_damaged(self, index: IndexInfo) -> None:
        """Delete a generation whose vectors cannot be read, with those of all views that share them."""
        self._store.drop(index.vectors)
        self._catalog.drop_pool(index.vectors)

    # ------------------------------------------------------------------------- work

    def _behind(self, tree: SourceTree, index: IndexInfo | None, changed: Collection[str] | None = None) -> _Behind:
        """Compare a tree with a generation of its index: the paths that changed where these are enough, else all."""
        found: Iterable[FileStat | SkippedFile] | None = None if changed is None else tree.look(changed)
        if changed is None or found is None:
            found, changed = tree.scan(), None
        stats: list[FileStat] = []
        skipped: list[SkippedFile] = []
        memory = self._resources.memory()
        for number, entry in enumerate(found, 1):
            if isinstance(entry, FileStat):
                stats.append(entry)
            else:
                skipped.append(entry)
            if not number % _FILES_A_LOOK:
                memory.require_room(number)
        known: dict[str, FileRecord] = {}
        if index is not None:
            known = self._catalog.files(index.id) if changed is None else self._catalog.files_at(index.id, changed)
        plan = plan_index(stats, known, self._options.rules, tree.is_forced)
        return _Behind(known, plan, skipped, stats, is_whole=changed is None)

    def _compared(self, behind: _Behind, index: IndexInfo, tree: SourceTree) -> _Behind:
        """Compare the same files once more, after a generation got some of them; what it lacked it may still drop."""
        paths = behind.known.keys() | {stat.path for stat in behind.stats}
        known = {path: record for path, record in self._catalog.files(index.id).items() if path in paths}
        return replace(behind, known=known, plan=plan_index(behind.stats, known, self._options.rules, tree.is_forced))

    def _index(self, run: _Run, tree: SourceTree, pool: ParsePool, writer: IndexWriter, shard: VectorShard) -> None:
        asked = {job.stat.path: job.stat for job in run.plan.to_read}
        elsewhere = tree.files_root != tree.checkout.root
        tree.provide(asked.keys())
        most = usual = _BATCH_CHUNKS if self._embedder.is_fast else _SLOW_BATCH_CHUNKS
        memory = self._resources.memory()
        batch: list[FileResult] = []
        chunks, since = 0, time.monotonic()
        for read in pool.run(run.plan.to_read):
            result = replace(read, stat=asked[read.stat.path]) if elsewhere else read  # the copy's state says nothing
            batch.append(result)
            chunks += len(result.encoded)
            _count(run, result)
            run.report_progress(IndexStage.INDEX, writer.chunks_written + chunks)
            run.cancelled = run.caller.is_cancelled()
            pressure = memory.look(pool.memory_bytes, writer.chunks_written)
            is_short = pressure is Pressure.SHORT
            if chunks >= most or time.monotonic() - since > _BATCH_S or run.cancelled or is_short:
                self._write(run, writer, batch, tree)
                self._pack(run, shard, chunks, at_once=is_short)
                batch, chunks, since = [], 0, time.monotonic()
            if is_short:
                pool.shrink()
                most = max(_LEAST_BATCH_CHUNKS, most // 2)
            elif pressure is Pressure.EASED:
                pool.grow()
                most = usual
            if run.cancelled:
                return
        self._write(run, writer, batch, tree)

    def _write(self, run: _Run, writer: IndexWriter, batch: Sequence[FileResult], tree: SourceTree) -> None:
        if not batch:
            return
        if any(result.outcome is ReadOutcome.GONE for result in batch):
            next(iter(tree.scan()), None)  # raises where not some files are gone, but all of the tree
        require_space(self._store, self._store_options.min_free_mb)
        run.branches.note()  # before anybody can see what was read
        writer.write(batch, tree)

    def _pack(self, run: _Run, shard: VectorShard, written: int, *, at_once: bool) -> None:
        """Pack the shard now and then, so that the memory of a run does not grow with the tree."""
        run.unpacked += written
        if (run.unpacked >= _PACK_CHUNKS or at_once) and not run.cancelled:
            shard.optimize()
            run.unpacked = 0

    def _finish(self, run: _Run, writer: IndexWriter, shard: VectorShard) -> None:
        index = run.index
        if run.cancelled:
            if not index.complete:
                self._catalog.finish_index(index.id, complete=False)
            return
        total = shard.count()
        if writer.chunks_written >= total * _LARGE_SHARE:
            self._catalog.count_uses(index.id)
            if total >= _OPTIMIZE_CHUNKS:
                run.report_progress(IndexStage.OPTIMIZE, total)
                shard.optimize()
        elif shard.is_wasteful():  # a day of edits leaves more of points that are gone than of all others
            shard.optimize()
        self._catalog.finish_index(index.id, complete=True)
        if not index.live:
            for old in self._catalog.activate(index.id):  # the one that answered until now is kept
                self.drop(old)
        run.report_progress(IndexStage.DONE, total)

    def _report(self, run: _Run, view: IndexedView, writer: IndexWriter | None = None) -> IndexReport:
        status = next(iter(self._catalog.status(view.id)), None)  # of all views it takes as long as a small run
        counts = Counter(dict(status.languages)) if status else Counter[str]()
        return IndexReport(
            repo=view.repo,
            name=view.name,
            root=str(view.root),
            files_total=status.files if status else 0,
            files_indexed=run.indexed,
            files_unchanged=run.plan.unchanged + run.files_done - run.indexed - run.skipped_now - run.gone,
            files_deleted=len(run.plan.to_delete) + run.gone,
            chunks_written=writer.chunks_written if writer else 0,
            chunks_total=status.chunks if status else 0,
            symbols_total=status.symbols if status else 0,
            redactions=writer.redactions if writer else 0,
            languages=tuple(counts.most_common()),
            skipped=(*run.skipped, *self._catalog.skipped(run.index.id)),
            problems=tuple(self._catalog.problems(run.index.id)),
            elapsed_ms=(time.monotonic() - run.caller.started) * 1000,
            bytes_read=run.bytes_done,
            cancelled=run.cancelled,
            rebuilt=run.rebuilt,
        )


def _count(run: _Run, result: FileResult) -> None:
    run.files_done += 1
    run.bytes_done += result.stat.size_bytes
    run.indexed += result.outcome is ReadOutcome.PARSED
    run.gone += result.outcome is ReadOutcome.GONE
    run.skipped_now += result.outcome is ReadOutcome.SKIPPED


def release(catalog: Catalog, store: VectorStore, index: IndexInfo) -> None:
    """Delete a generation, and nothing that other views need."""
    if index.pool is None:
        store.drop(index.id)
    elif files := catalog.exclusive(index.id):
        with closing(store.open(index.vectors, index.dim, to_write=True)) as shard:
            catalog.open_batch(index.id, files, 0)
            shard.delete_files(files)
            shard.flush()
    catalog.drop_index(index.id)


def forget(catalog: Catalog, store: VectorStore, view: IndexedView) -> None:
    """Delete the generations of a view, and the view, with its repository where no other view has that."""
    for index in view.generations:
        release(catalog, store, index)
    catalog.remove_view(view.id)


def repair_unfinished(catalog: Catalog, shard: VectorShard, index: IndexInfo) -> int:
    """Take out the files that a crash left in flight, so that the next run reads them again.

    Returns:
        How many there were.
    """
    files = catalog.unfinished(index.id)
    if files:
        shard.delete_files(files)
        shard.flush()
        catalog.forget_unfinished(index.id)
    return len(files)


__all__ = ["Indexer", "PoolFactory", "Resources", "forget", "release", "repair_unfinished"]
