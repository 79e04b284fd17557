"""What Conexus needs from the outside, as protocols.

Use cases (:mod:`conexus.indexing`, :mod:`conexus.search`) see only these.
Every implementation, the fakes of the tests included, passes ``tests/contract``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from conexus.types import (
    Checkout,
    DenseMatrix,
    DenseVector,
    FileId,
    FileStat,
    IndexId,
    PointFilter,
    ScoredPoint,
    SkippedFile,
    SparseVector,
    StoredPoint,
    VectorPoint,
    Verdict,
)


class SourceTree(Protocol):
    """Finds and reads the files of one working tree."""

    @property
    def checkout(self) -> Checkout:
        """The tree and the repository it belongs to."""
        ...

    def scan(self) -> Iterator[FileStat | SkippedFile]:
        """Yield every file that the rules let in, and what they leave out, in path order.

        What an ignore rule leaves out is not yielded file by file: an ignored folder
        comes once, with a trailing slash.
        """
        ...

    def stat(self, path: str) -> FileStat | None:
        """Return the file as it is now, or ``None`` if it is gone or no regular file."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` + 1 bytes of one file.

        Raises:
            OSError: The file went away, cannot be read, or is no regular file inside the root.
        """
        ...

    def explain(self, path: str) -> Verdict:
        """Say which rule lets ``path`` in or leaves it out, by name and place alone."""
        ...


class Embedder(Protocol):
    """Turns text into dense vectors."""

    @property
    def name(self) -> str:
        """Short name for people."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text could give another vector."""
        ...

    @property
    def dim(self) -> int:
        """Length of every vector."""
        ...

    @property
    def is_fast(self) -> bool:
        """Whether embedding costs less than a cache look-up, so that every worker does its own."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Embed texts to be stored.

        Args:
            texts: Any number of texts; empty gives shape ``(0, dim)``.

        Returns:
            Shape ``(len(texts), dim)``, float32, every row of L2 norm 1 (or all zeros).

        Raises:
            EmbeddingError: The model failed. Nothing is returned in part.
        """
        ...

    def embed_query(self, text: str) -> DenseVector:
        """Embed one query; shape ``(dim,)``, L2 norm 1 (or all zeros).

        Raises:
            EmbeddingError: The model failed.
        """
        ...


class VectorShard(Protocol):
    """The vectors of one index, open for reading and writing by one process."""

    def upsert(self, points: Sequence[VectorPoint]) -> None:
        """Write points; the same id overwrites. Visible to the next search, durable after :meth:`flush`."""
        ...

    def delete_files(self, files: Iterable[FileId]) -> None:
        """Drop every point of these files; unknown ones are ignored."""
        ...

    def flush(self) -> None:
        """Make all that was written survive a power cut."""
        ...

    def search(
        self, dense: DenseVector | None, sparse: SparseVector | None, limit: int, where: PointFilter
    ) -> tuple[list[ScoredPoint], list[ScoredPoint]]:
        """Find the nearest points in both spaces.

        Args:
            dense: Query vector, or ``None`` to leave the dense search out.
            sparse: Query terms, weighed by their inverse document frequency in the shard; ``None`` to leave out.
            limit: Most points in each list.
            where: Applied inside the search, never after it.

        Returns:
            Dense hits by cosine similarity in [-1, 1] and sparse hits by dot product, each best first.
        """
        ...

    def points(self) -> Iterator[StoredPoint]:
        """Yield every point, with a checksum of its vectors as they are read back."""
        ...

    def count(self) -> int:
        """Return the number of points."""
        ...

    def optimize(self) -> None:
        """Build the indexes that make large shards fast. Slow; searches stay right without it."""
        ...

    def close(self) -> None:
        """Release the shard. Idempotent."""
        ...


class VectorStore(Protocol):
    """Keeps one shard for each index."""

    def create(self, index: IndexId, dim: int) -> VectorShard:
        """Make an empty shard, dropping what an earlier crash may have left under this id.

        Raises:
            StoreError: The store cannot be written or reached.
        """
        ...

    def open(self, index: IndexId, dim: int) -> VectorShard:
        """Open a shard.

        Raises:
            StoreDamaged: There is none, or it cannot be read.
            IndexIncompatible: It has another ``dim``.
            StoreError: The store cannot be reached.
        """
        ...

    def drop(self, index: IndexId) -> None:
        """Delete a shard; an unknown one is ignored."""
        ...

    def size_bytes(self, index: IndexId) -> int:
        """Disk space of a shard; 0 where the store cannot tell."""
        ...

    def free_bytes(self) -> int | None:
        """Free space on the store's disk, or ``None`` where the store cannot tell."""
        ...


class Locks(Protocol):
    """Locks between processes that end with the process that holds them."""

    def view(self, root: Path, purpose: str, wait_s: float) -> AbstractContextManager[None]:
        """Hold the index of one working tree alone.

        Args:
            root: The working tree.
            purpose: What for, shown to whoever waits, as ``indexing``.
            wait_s: How long to wait for another holder.

        Raises:
            StoreBusy: Another process held it all that time; the message names it.
        """
        ...
