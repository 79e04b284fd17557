# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes results into an index, a batch at a time, so that a crash never leaves a file half indexed.

A batch: note in the catalog which files are in flight -> delete their old points, write the new ones
-> flush the vectors -> put files, chunks and symbols into the catalog and clear the note, in one
transaction. Whatever is in flight when the process dies is dropped and read again by the next run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from conexus.chunk_ids import salted_id
from conexus.errors import DiskFull, EmbeddingError
from conexus.indexing.plan import rules_of
from conexus.indexing.priors import prior_of
from conexus.lexical import vector_checksums
from conexus.ports import Catalog, Embedder, SourceTree, VectorShard, VectorStore
from conexus.types import (
    EncodedChunk,
    FileCommit,
    FileId,
    FileRecord,
    FileResult,
    IndexInfo,
    ParsedFile,
    ReadOutcome,
    SkipReason,
    TextChunk,
    VectorPoint,
)

_MEGABYTE = 1_000_000
_HARMLESS = "def name(): pass"
_EMBED_TEXTS = 128  # a slow model's work of seconds, kept even if the batch never ends
_LEAST_FREE_MB = 48  # a batch of 4096 chunks takes up to half of it, twice while SQLite has it in its log too


def embedding_head(path: str, chunk: TextChunk) -> str:
    """Return what is embedded of a chunk before its text: the lines of its path and of its scope."""
    printable = path.encode("utf-8", "replace").decode()
    return f"{printable}\n{chunk.symbol}\n" if chunk.symbol else f"{printable}\n"


def embedding_text(path: str, chunk: TextChunk) -> str:
    """Return what is embedded of a chunk: its path and scope, then its text."""
    return embedding_head(path, chunk) + chunk.text


def kept_text(chunk: TextChunk) -> str:
    """Return what a slow model is given of a chunk: its scope, then its text.

    Without the path, so that what is moved, renamed or copied is known already. BM25 and the ranking know the path:
    ``benchmarks/quality/names.py`` finds no difference in the answers.
    """
    return f"{chunk.symbol}\n{chunk.text}" if chunk.symbol else chunk.text


class IndexWriter:
    """Puts files into one index."""

    def __init__(
        self,
        index: IndexInfo,
        catalog: Catalog,
        shard: VectorShard,
        embedder: Embedder,
        known: Mapping[str, FileRecord],
        rules: str,
    ) -> None:
        self._index = index.id
        self._shared = index.pool is not None
        self._catalog = catalog
        self._shard = shard
        self._embedder = embedder
        self._known = known
        self._rules = rules
        self.chunks_written = 0
        self.redactions = 0

    def write(self, results: Sequence[FileResult], tree: SourceTree) -> None:
        """Make the index hold what the results say of their files. Durable when it returns.

        A file that the model fails on is set aside, and named in the report; it is not tried again until it changes.

        Raises:
            EmbeddingError: The model fails on everything.
        """
        changed = [result for result in results if result.outcome in {ReadOutcome.PARSED, ReadOutcome.SKIPPED}]
        replaced = [self._known[r.stat.path].id for r in changed if r.stat.path in self._known]
        replaced += [
            self._known[r.stat.path].id for r in results if r.outcome is ReadOutcome.GONE and r.stat.path in self._known
        ]
        touched = [
            FileRecord(record.id, result.stat, record.content_hash, result.checked_ns)
            for result in results
            if result.outcome is ReadOutcome.UNCHANGED and (record := self._known.get(result.stat.path)) is not None
        ]
        changed, dense = self._embedded(changed)
        gone = self._catalog.exclusive(self._index, replaced)
        ids = self._catalog.open_batch(self._index, gone, len(changed)) if changed or replaced else []
        commits: list[FileCommit] = []
        points: list[VectorPoint] = []
        for file, found in zip(ids, changed, strict=True):
            result = _salted(found, file) if self._shared else found
            made = self._points(file, result, dense)
            points += made
            checksums = vector_checksums([point.dense for point in made], [point.sparse for point in made])
            rules = rules_of(self._rules, tree.is_forced(result.stat.path))
            commits.append(FileCommit(file, result, rules, tuple(checksums), self._shared))
        if gone:
            self._shard.delete_files(gone)
        if points:
            self._shard.upsert(points)
        if gone or points:
            self._shard.flush()
        self._catalog.commit_batch(self._index, commits, replaced, touched)
        self.chunks_written += len(points)
        self.redactions += sum(result.parsed.redactions for result in changed if result.parsed)

    def adopt(self, files: Sequence[FileRecord]) -> None:
        """Take over versions of files that the shard has already, for other views. Durable when it returns."""
        known = {file.id: self._known.get(file.stat.path) for file in files}
        replaced = [old.id for new, old in known.items() if old is not None and old.id != new]
        gone = self._catalog.exclusive(self._index, replaced)
        if gone:
            self.delete(gone)
        self._catalog.adopt(self._index, files, [file for file in replaced if file not in set(gone)])

    def delete(self, files: Sequence[FileId]) -> None:
        """Take files out; other views keep those that they have too. Durable when it returns."""
        gone = self._catalog.exclusive(self._index, files)
        self._catalog.open_batch(self._index, gone, 0)
        if gone:
            self._shard.delete_files(gone)
            self._shard.flush()
        self._catalog.commit_batch(self._index, (), files)

    def _points(
        self, file: FileId, result: FileResult, dense: Mapping[str, npt.NDArray[np.float16]]
    ) -> list[VectorPoint]:
        parsed = result.parsed
        if parsed is None:
            return []
        tags = tuple(sorted(parsed.tags))
        prior = np.float32(prior_of(parsed.language, parsed.tags))
        return [
            VectorPoint(
                id=encoded.id,
                file=file,
                dense=encoded.dense
                if encoded.dense is not None
                else (dense[kept_text(chunk)] * prior).astype(np.float16),
                sparse=encoded.sparse,
                language=parsed.language or "",
                kinds=chunk.kinds,
                tags=tags,
            )
            for chunk, encoded in _chunks(parsed, result.encoded)
        ]

    def _embedded(self, results: Sequence[FileResult]) -> tuple[list[FileResult], dict[str, npt.NDArray[np.float16]]]:
        """Embed what the parsing processes did not; a file that the model fails on becomes one that is left out."""
        try:
            return list(results), self._dense(results)
        except EmbeddingError as exc:
            try:
                self._embedder.embed_documents([_HARMLESS])
            except EmbeddingError:
                raise exc from None  # it is not the files' fault
        kept: list[FileResult] = []
        dense: dict[str, npt.NDArray[np.float16]] = {}
        for result in results:
            try:
                dense |= self._dense([result])
                kept.append(result)
            except EmbeddingError as exc:
                detail = f"the embedding model failed on it: {exc.message}"
                kept.append(
                    FileResult(
                        result.stat,
                        result.checked_ns,
                        ReadOutcome.SKIPPED,
                        result.content_hash,
                        SkipReason.UNREADABLE,
                        detail,
                    )
                )
        return kept, dense

    def _dense(self, results: Sequence[FileResult]) -> dict[str, npt.NDArray[np.float16]]:
        """Embed what the parsing processes did not, from the cache where the text is known."""
        texts = list(
            dict.fromkeys(
                kept_text(chunk)
                for result in results
                if result.parsed is not None
                for chunk, encoded in _chunks(result.parsed, result.encoded)
                if encoded.dense is None
            )
        )
        if not texts:
            return {}
        model = self._embedder.fingerprint
        vectors = dict(self._catalog.cached_vectors(model, texts))
        missing = [text for text in texts if text not in vectors]
        for start in range(0, len(missing), _EMBED_TEXTS):
            part = missing[start : start + _EMBED_TEXTS]
            made = dict(zip(part, self._embedder.embed_documents(part), strict=True))
            self._catalog.cache_vectors(model, made)
            vectors.update(made)
        return {text: vector.astype(np.float16) for text, vector in vectors.items()}


def _salted(result: FileResult, file: FileId) -> FileResult:
    """Give the chunks of a file ids that no other version of it has: views that share a shard need both."""
    encoded = tuple(replace(chunk, id=salted_id(chunk.id, file)) for chunk in result.encoded)
    return replace(result, encoded=encoded)


def _chunks(parsed: ParsedFile, encoded: Sequence[EncodedChunk]) -> list[tuple[TextChunk, EncodedChunk]]:
    return list(zip(parsed.chunks, encoded, strict=True))


def require_space(store: VectorStore, min_free_mb: int) -> None:
    """Stop before the disk is full: the vector engine does not survive that.

    Raises:
        DiskFull: Less is free than the setting asks for, or than a batch may take.
    """
    free = store.free_bytes()
    wanted = max(min_free_mb, _LEAST_FREE_MB)
    if free is not None and free < wanted * _MEGABYTE:
        raise DiskFull(
            f"only {free // _MEGABYTE} MB of disk space are left; indexing keeps {wanted} MB free",
            hint="free some space and run the command again: what is indexed so far is kept "
            "(the limit is the setting store.min_free_mb)",
        )
