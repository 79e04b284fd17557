# SPDX-License-Identifier: FSL-1.1-MIT
"""Proves that what an index holds is what was written into it, and mends what is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from conexus.errors import DiskFailing, StoreDamaged, StoreError
from conexus.indexing.pipeline import repair_unfinished
from conexus.ports import Catalog, VectorShard, VectorStore
from conexus.types import ChunkId, FileId, IndexedView, IndexInfo, StoredPoint, VerifyFinding
from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class ViewCheck:
    """What was found in one view."""

    files: int
    chunks: int
    findings: tuple[VerifyFinding, ...]
    repaired: int


def check_view(catalog: Catalog, store: VectorStore, view: IndexedView, *, repair: bool) -> ViewCheck:
    """Compare every chunk of a view's live index with its vectors.

    Args:
        catalog: The catalog.
        store: The vectors.
        view: The view; the caller holds its lock.
        repair: Whether to take damaged files out, so that the next run reads them again.
    """
    live = view.live
    if live is None:
        return ViewCheck(0, 0, (), 0)
    try:
        shard = store.open(live.vectors, live.dim, to_write=repair)
    except (StoreDamaged, DiskFailing) as exc:
        if not live.complete and not catalog.files(live.id):
            return ViewCheck(0, 0, (), 0)  # a run was stopped before it had made its vectors
        return _unreadable(catalog, store, view, live, exc, repair=repair)
    try:
        return _check_open(catalog, shard, view, live, repair=repair)
    except _VectorsDamaged as exc:
        shard.close()
        return _unreadable(catalog, store, view, live, exc.cause, repair=repair)
    finally:
        shard.close()


class _VectorsDamaged(Exception):
    """The vectors of an index cannot be read to their end."""

    def __init__(self, cause: StoreError) -> None:
        super().__init__(cause.message)
        self.cause = cause


def _unreadable(
    catalog: Catalog, store: VectorStore, view: IndexedView, live: IndexInfo, exc: StoreError, *, repair: bool
) -> ViewCheck:
    """Report vectors that cannot be read, and drop the whole index where it is to be mended."""
    finding = VerifyFinding(view.repo, "", f"the vectors cannot be read: {exc.message}")
    if repair:
        store.drop(live.vectors)
        catalog.drop_pool(live.vectors)
    return ViewCheck(0, 0, (finding,), int(repair))


def _points(shard: VectorShard, *, compare: bool) -> Iterator[StoredPoint]:
    try:
        yield from shard.points(compare=compare)
    except (StoreDamaged, DiskFailing) as exc:
        raise _VectorsDamaged(exc) from exc


def _check_open(catalog: Catalog, shard: VectorShard, view: IndexedView, live: IndexInfo, *, repair: bool) -> ViewCheck:
    findings: list[VerifyFinding] = []
    unfinished = catalog.unfinished(live.id)
    if unfinished:
        findings.append(VerifyFinding(view.repo, "", f"{len(unfinished)} files were in flight when a run was stopped"))
        if repair:
            repair_unfinished(catalog, shard, live)
    bad: dict[FileId, str] = dict(catalog.damaged_files(live.id))
    expected = catalog.chunk_checksums(live.id)
    for file, what in _disagreements(shard, expected, frozenset(unfinished)).items():
        bad.setdefault(file, what)
    findings += [VerifyFinding(view.repo, catalog.path_of(file), what) for file, what in sorted(bad.items())]
    if repair and bad:
        catalog.open_batch(live.id, sorted(bad), 0)
        repair_unfinished(catalog, shard, live)
    files = sum(record.skipped is None for record in catalog.files(live.id).values())
    return ViewCheck(files, len(expected), tuple(findings), len(findings) if repair else 0)


def _disagreements(
    shard: VectorShard, expected: Mapping[ChunkId, tuple[FileId, int]], unfinished: frozenset[FileId]
) -> dict[FileId, str]:
    """Compare the vectors with what the catalog says of them; return the files at fault, and why.

    Args:
        shard: The vectors.
        expected: File and checksum of each chunk.
        unfinished: Files in flight, which may differ.
    """
    bad: dict[FileId, str] = {}
    seen: set[ChunkId] = set()
    for point in _points(shard, compare=not unfinished):  # what was torn amid a batch need not agree
        seen.add(point.id)
        file, checksum = expected.get(point.id, (None, 0))
        if file != point.file:
            bad.setdefault(point.file, "the vector store has a chunk that the catalog does not")
            if file is not None:
                bad.setdefault(file, "a chunk's vectors belong to another file")
        elif checksum != point.checksum:
            bad[point.file] = "a chunk's vectors are not as they were written"
    for chunk, (file, _) in expected.items():
        if chunk not in seen:
            bad.setdefault(file, "a chunk's vectors are missing")
    return {file: what for file, what in bad.items() if file not in unfinished}
