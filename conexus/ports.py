# SPDX-License-Identifier: FSL-1.1-MIT
"""What Conexus needs from the outside, as protocols.

Use cases (:mod:`conexus.indexing`, :mod:`conexus.search`) see only these.
Every implementation, the fakes of the tests included, passes ``tests/contract``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from conexus.types import (
    ApiKey,
    ChangeEvent,
    Checkout,
    ChunkHead,
    ChunkId,
    ContentHash,
    DenseMatrix,
    DenseVector,
    DirectoryChange,
    DirectoryState,
    Endpoint,
    FileCommit,
    FileId,
    FileOutline,
    FileProblem,
    FileRecord,
    FileResult,
    FileStat,
    Fingerprint,
    Import,
    IndexedTree,
    IndexedView,
    IndexId,
    IndexInfo,
    IndexJob,
    KeyedSymbol,
    ListedFile,
    Neighbour,
    PackageKey,
    PackageProvided,
    PackageRequired,
    ParseJob,
    PointFilter,
    PolicyVersion,
    RepoId,
    RepositoryUse,
    ScoredPoint,
    ScoredPoints,
    SearchRequest,
    SearchResponse,
    SkippedFile,
    Snapshot,
    Span,
    SparseVector,
    StoredChunk,
    StoredPoint,
    Symbol,
    SymbolKind,
    SymbolMatch,
    SymbolRow,
    UsageEntry,
    UsageStats,
    VectorPoint,
    VectorQuery,
    Verdict,
    ViewStatus,
    WatchMode,
    Webhook,
)
from conexus.values import dataclass


class SourceTree(Protocol):
    """Finds and reads the files of one working tree."""

    @property
    def checkout(self) -> Checkout:
        """The tree and the repository it belongs to."""
        ...

    def checkout_now(self) -> Checkout:
        """Return the same with the head and the branch as they are now.

        Waits, within limits, for a switch that is under way: until its end files are of one branch, and the tree says
        that it is of the other.
        """
        ...

    def scan(self) -> Iterator[FileStat | SkippedFile]:
        """Yield every file that the rules let in, and what they leave out, in path order.

        What an ignore rule leaves out is not yielded file by file: an ignored folder
        comes once, with a trailing slash.
        """
        ...

    def look(self, paths: Collection[str]) -> list[FileStat | SkippedFile] | None:
        """Return what :meth:`scan` would yield of some files, in path order; nothing of those that are gone.

        Returns:
            ``None`` where a path is a folder or holds rules for others, so that only a scan can tell.
        """
        ...

    def stats(self, paths: Collection[str]) -> dict[str, FileStat]:
        """Return some files as they are now, by path; without those that are gone or no regular files."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` + 1 bytes of one file.

        Raises:
            OSError: The file went away, cannot be read, or is no regular file inside the root.
        """
        ...

    def content_hash(self, stat: FileStat) -> ContentHash | None:
        """Return git's blob id of a file that was found; nothing where it cannot be read any more."""
        ...

    def is_forced(self, path: str) -> bool:
        """Whether a rule of the user's lets ``path`` in whatever its content (as `!` in ``.conexusignore``)."""
        ...

    def explain(self, path: str) -> Verdict:
        """Say which rule lets ``path`` in or leaves it out, by name and place alone."""
        ...

    @property
    def files_root(self) -> Path:
        """The folder that parsing processes read the files from."""
        ...

    def provide(self, paths: Collection[str]) -> None:
        """Make sure that files are where parsing processes read them.

        Raises:
            SourceError: They cannot be read or written.
        """
        ...

    def close(self) -> None:
        """Let go of what was made for reading. Idempotent; the tree can be used again."""
        ...


class TreeWatcher(Protocol):
    """Notices changes of one working tree."""

    mode: WatchMode
    """How; of the last answer of :meth:`changes`."""
    reason: str
    """Why it is not as the system reports them; empty where it is."""

    def changes(self, is_stopped: Callable[[], bool]) -> Iterator[frozenset[str] | None]:
        """Yield the changed paths each time something changed, until stopped; ``None`` where any may have.

        The first answer is ``None`` and comes once the tree is followed: whoever looks at it then misses nothing.

        Raises:
            SourceError: The tree is gone or cannot be read.
        """
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

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is one of the model's own, and so is met often: it is not misspelt."""
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

    def search_all(
        self, queries: Sequence[VectorQuery], meanwhile: Callable[[], None] = lambda: None
    ) -> list[ScoredPoints]:
        """Answer several queries at once, which takes less time than one after another.

        Args:
            queries: What is asked.
            meanwhile: Called once, where it can be while another process looks for the answers.

        Returns:
            What :meth:`search` returns of each query, as columns.
        """
        ...

    def points(self, *, compare: bool = False) -> Iterator[StoredPoint]:
        """Yield every point, with a checksum of its vectors as they are read back.

        Args:
            compare: Whether what searches read is compared at the end with the points, where the store can.

        Raises:
            StoreDamaged: A point lacks a part, or what searches read is not of the points.
        """
        ...

    def count(self) -> int:
        """Return the number of points."""
        ...

    def optimize(self) -> None:
        """Build the indexes that make large shards fast. Slow; searches stay right without it."""
        ...

    def is_wasteful(self) -> bool:
        """Whether more is kept of points that are gone than of those that are there; :meth:`optimize` frees it."""
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

    def open(self, index: IndexId, dim: int, *, to_write: bool = False) -> VectorShard:
        """Open a shard.

        Args:
            index: Whose.
            dim: Length of its vectors.
            to_write: Whether it is to be written soon; it may be in any case.

        Raises:
            StoreDamaged: There is none, or it cannot be read.
            IndexIncompatible: It has another ``dim``.
            StoreError: The store cannot be reached.
        """
        ...

    def open_beside(self, index: IndexId, dim: int) -> VectorShard:
        """Open a shard to search it alone, also where another process writes it and lets others search.

        The caller needs no lock, and closes it soon: whoever opens it to write waits for that.

        Raises:
            StoreBusy: Another process has it open, and lets nobody search.
            StoreError: As :meth:`open`.
        """
        ...

    def exists(self, index: IndexId) -> bool:
        """Whether there is a shard, as far as a look without opening it tells."""
        ...

    def drop(self, index: IndexId) -> None:
        """Delete a shard; an unknown one is ignored."""
        ...

    def indexes(self) -> list[IndexId]:
        """Return the ids of all shards, as far as a look without opening them tells."""
        ...

    def size_bytes(self, index: IndexId) -> int:
        """Disk space of a shard; 0 where the store cannot tell."""
        ...

    def free_bytes(self) -> int | None:
        """Free space on the store's disk, or ``None`` where the store cannot tell."""
        ...

    def memory_bytes(self) -> int:
        """Memory that processes of the store's own hold for themselves."""
        ...

    def close(self) -> None:
        """End processes of the store's own. Idempotent; the caller has closed the shards."""
        ...


@dataclass(frozen=True, slots=True)
class SearchableView:
    """A view with its vectors open."""

    view: IndexedView
    index: IndexInfo
    shard: VectorShard
    is_written: bool = False
    """Whether a run is at work on it."""
    is_gone: bool = False
    """Whether its folder is not there any more."""
    is_beside: bool = False
    """Whether another program has the vectors open, and changes them."""


class OtherSearcher(Protocol):
    """Answers searches elsewhere, as a process of its own does beside this one."""

    def search(
        self, request: SearchRequest, views: Sequence[SearchableView], changes: int, check: Callable[[], None]
    ) -> SearchResponse | None:
        """Search views together, as :meth:`conexus.search.engine.SearchEngine.run` does.

        Args:
            request: The question.
            views: Where to look; their shards stay open meanwhile.
            changes: :attr:`Catalog.changes`.
            check: Called now and then; raises where the work is to stop.

        Returns:
            The answer, or nothing where it cannot tell: who asks finds out itself.
        """
        ...

    def memory_bytes(self) -> int:
        """Memory of the processes of its own."""
        ...

    def close(self) -> None:
        """Let go of everything. Idempotent."""
        ...


class ParsePool(Protocol):
    """Reads and parses files in processes that can be killed."""

    def start(self) -> None:
        """Start the first process, for a caller who knows that there will be jobs, but not yet which."""
        ...

    def run(self, jobs: Sequence[ParseJob]) -> Iterator[FileResult]:
        """Yield one result a job, as they come. A file that kills its process is cut by lines instead."""
        ...

    def memory_bytes(self) -> int:
        """Return how many bytes its processes hold for themselves; 0 where that is not known."""
        ...

    def shrink(self) -> None:
        """Go on with one process, a new one that holds nothing yet."""
        ...

    def grow(self) -> None:
        """Go on with as many as before it shrank."""
        ...

    def close(self) -> None:
        """End the processes. Idempotent."""
        ...


Admission = Callable[[RepoId, int], None]
"""Raises where there is no place for a repository beside so many others."""


class Catalog(Protocol):
    """Remembers what is indexed: repositories, files, chunks, symbols. Every write is one transaction."""

    changes: int
    """Another number after each change of files that this object made. Other processes are kept out by locks."""

    def views(self) -> list[IndexedView]:
        """Return all working trees, by name."""
        ...

    def ensure_view(self, checkout: Checkout, admit: Admission | None = None) -> IndexedView:
        """Return the view of a working tree, made if there is none; head and branch are noted.

        Args:
            checkout: The tree.
            admit: Asked where this makes a repository that was not there, with its id and how many others there are
                then. Nobody else can make one meanwhile. Where it raises, all is as it was.
        """
        ...

    def repositories(self) -> list[RepositoryUse]:
        """Return all repositories, also those of which nothing is indexed yet, and when each was last used."""
        ...

    def note_use(self, repos: Collection[RepoId], at: float) -> None:
        """Note that repositories were used, in seconds since the epoch; to the hour, so that few searches write."""
        ...

    def remove_view(self, view: int) -> list[IndexId]:
        """Forget a view, and its repository with its last view. Returns the indexes that were its."""
        ...

    def rename_repository(self, repo: RepoId, name: str) -> None:
        """Give a repository another short name.

        Raises:
            StoreError: Another repository has the name.
        """
        ...

    def begin_index(
        self, view: int, fingerprint: Fingerprint, embedder: Embedder, pool: IndexId | None = None
    ) -> IndexInfo:
        """Make a generation; the first one of a view is live at once, a later one after :meth:`activate`.

        Args:
            view: The view.
            fingerprint: What it is built with.
            embedder: The model.
            pool: The shard of another view's generation that it shares files with; it has none of them yet.
        """
        ...

    def finish_index(self, index: IndexId, *, complete: bool) -> None:
        """Note that a run ended, and whether the index holds all of the tree."""
        ...

    def settle_branch(self, view: int) -> None:
        """Note that no text of a view is of another branch any more: a run has looked at all files."""
        ...

    def note_plan(self, index: IndexId, seen: int, pending: int) -> None:
        """Note how many files a tree has, and how many of them a run is about to read."""
        ...

    def activate(self, index: IndexId) -> list[IndexInfo]:
        """Make a generation the live one of its view; the one that it replaces is kept where it is complete.

        Returns:
            The others of the view's generations: they are of no more use.
        """
        ...

    def roll_back(self, view: int) -> bool:
        """Make the generation before the live one of a view, and pin it; false where there is none."""
        ...

    def unpin(self, view: int) -> None:
        """Let the settings decide again which generation a view has."""
        ...

    def retired(self, before: float) -> list[tuple[int, IndexId]]:
        """Return the generations that were replaced before a time, each with its view."""
        ...

    def snapshots(self, indexes: Collection[IndexId]) -> dict[IndexId, Snapshot]:
        """Return in which state generations are."""
        ...

    def drop_index(self, index: IndexId) -> None:
        """Forget a generation with all its files that no other has."""
        ...

    def drop_pool(self, pool: IndexId) -> None:
        """Forget a pool with the generations of all views that share it."""
        ...

    def indexes(self) -> list[IndexId]:
        """Return every generation there is, of all views, and every part of one."""
        ...

    def generation(self, index: IndexId) -> IndexInfo | None:
        """Return a generation, live or not."""
        ...

    def files(self, index: IndexId) -> dict[str, FileRecord]:
        """Return what is known of every file, by path; skipped ones included."""
        ...

    def files_at(self, index: IndexId, paths: Collection[str]) -> dict[str, FileRecord]:
        """Return what is known of the files at some paths and below them, by path; skipped ones included."""
        ...

    def versions(self, pool: IndexId, paths: Collection[str]) -> dict[str, list[FileRecord]]:
        """Return what the views that share a shard have at some paths; each version once, with nobody's state."""
        ...

    def adopt(self, index: IndexId, files: Sequence[FileRecord], removed: Sequence[FileId]) -> None:
        """Give a generation files that are in its shard already, and take others from it that other views need.

        Args:
            index: The generation.
            files: The files, with the state they have in its tree.
            removed: The others.
        """
        ...

    def exclusive(self, index: IndexId, files: Collection[FileId] | None = None) -> list[FileId]:
        """Return those of some files, or of all, that no other generation has."""
        ...

    def hidden(self, index: IndexId) -> frozenset[FileId]:
        """Return the files in its shard that a generation does not have; nothing where it has its own alone."""
        ...

    def listed(self, index: IndexId) -> list[ListedFile]:
        """Return every file, those included that were left out."""
        ...

    def part(self, index: IndexInfo, key: str) -> IndexInfo:
        """Return a part of a generation, which is read as a generation is; an empty one where there is none yet.

        Args:
            index: The generation.
            key: What tells its parts apart.
        """
        ...

    def whole_of(self, index: IndexId) -> IndexId:
        """Return the generation that a part is of, and any other generation itself."""
        ...

    def change_part(self, part: IndexId, added: Mapping[FileId, int], removed: Collection[FileId]) -> None:
        """Add files to a part, each with how often others use it, and take others out.

        How often is counted anew where this adds more than a tenth of what is in it then.
        """
        ...

    def drop_parts(self, kept: Collection[IndexId]) -> None:
        """Forget all parts but some."""
        ...

    def open_batch(self, index: IndexId, replaced: Sequence[FileId], count: int) -> list[FileId]:
        """Write down which files are in flight, before the vectors change.

        Args:
            index: The generation.
            replaced: Files whose points are about to be deleted.
            count: How many new file ids are needed.

        Returns:
            The new ids.
        """
        ...

    def commit_batch(
        self, index: IndexId, files: Sequence[FileCommit], removed: Sequence[FileId], touched: Sequence[FileRecord] = ()
    ) -> None:
        """Replace files and end the batch.

        Args:
            index: The generation.
            files: New files with their chunks and symbols.
            removed: Files to forget: those replaced and those deleted.
            touched: Files whose stat changed, but not their content.
        """
        ...

    def count_uses(self, index: IndexId) -> None:
        """Count for every file how often other files use what it defines, for :class:`ChunkHead`."""
        ...

    def unfinished(self, index: IndexId) -> list[FileId]:
        """Return the files that a crash left in flight."""
        ...

    def forget_unfinished(self, index: IndexId) -> None:
        """Drop the files in flight, so that the next run reads them again."""
        ...

    def chunk_heads(self, index: IndexId, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkHead]:
        """Return what ranking needs of those of the chunks that the index has."""
        ...

    def all_heads(self, index: IndexId) -> Iterator[ChunkHead]:
        """Yield what ranking needs of every chunk, file by file."""
        ...

    def file_uses(self, index: IndexId) -> dict[FileId, int]:
        """Return :attr:`ChunkHead.file_uses` of every file that is indexed."""
        ...

    def chunks_by_id(self, index: IndexId, ids: Sequence[ChunkId]) -> dict[ChunkId, StoredChunk]:
        """Return those of the chunks that the index has, with their texts."""
        ...

    def chunks_at(self, index: IndexId, path: str, line: int, where: PointFilter) -> list[ChunkId]:
        """Return the chunks with a line of the files that have this path, or more or fewer of its folders."""
        ...

    def chunk_checksums(self, index: IndexId) -> dict[ChunkId, tuple[FileId, int]]:
        """Return the file and the vector checksum of every chunk in the index's shard, also those of other views."""
        ...

    def damaged_files(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return files in the index's shard whose chunks do not have the text they were written with, and why."""
        ...

    def paths(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return every file that is indexed, with its path."""
        ...

    def path_of(self, file: FileId) -> str:
        """Return the path of a file, or an empty text for one that is not known."""
        ...

    def symbols_named(self, index: IndexId, names: Sequence[str], where: PointFilter) -> list[SymbolMatch]:
        """Return definitions whose name agrees with one of ``names`` but for case and underscores."""
        ...

    def all_definitions(self, index: IndexId) -> Iterator[KeyedSymbol]:
        """Yield every definition that :meth:`symbols_named` gives without a filter, those of one key together."""
        ...

    def names_like(self, index: IndexId, word: str, more: int, where: PointFilter) -> dict[str, int]:
        """Return names of definitions that a word could have been meant as.

        Args:
            index: The generation.
            word: Lower-case letters; at least two.
            more: How many letters longer or shorter a name may be.
            where: Applied to the definitions' files; the kinds in it do not matter here.

        Returns:
            Names without case and underscores that begin with the word's first letter, or with its second one and then
            the first; and how many definitions have each.
        """
        ...

    def files_with_words(
        self, index: IndexId, stems: Sequence[str], where: PointFilter
    ) -> dict[FileId, tuple[int, int]]:
        """Find files by their name.

        Args:
            index: The generation.
            stems: Stemmed words.
            where: Applied to files; the kinds in it do not matter here.

        Returns:
            By file: how many of the words its name has, and how many words its name has at all.
        """
        ...

    def all_file_words(self, index: IndexId) -> Iterator[tuple[FileId, str, int]]:
        """Yield what :meth:`files_with_words` knows: a file, a word of its name, how many it has; file by file."""
        ...

    def status_of(self, view: IndexedView) -> list[ViewStatus]:
        """Return figures of what a caller may see of a view, which tell nothing of the rest; none if it went.

        Args:
            view: The view, with the part as its live generation.
        """
        ...

    def status(self, only: int | None = None) -> list[ViewStatus]:
        """Return figures of every view, or of the one with an id, vectors' sizes left at 0."""
        ...

    def skipped(self, index: IndexId) -> list[SkippedFile]:
        """Return the files that were read and left out, and why."""
        ...

    def problems(self, index: IndexId) -> list[FileProblem]:
        """Return the files that are in the index in a lesser form, and why."""
        ...

    def cached_vectors(self, model: str, texts: Sequence[str]) -> dict[str, DenseVector]:
        """Return the embeddings that are known of these texts, by text."""
        ...

    def cache_vectors(self, model: str, vectors: Mapping[str, DenseVector]) -> None:
        """Remember embeddings by text; the oldest go when the cache is full."""
        ...

    def unused_vectors(self, *, drop: bool, everything: bool = False) -> int:
        """Count, or drop, the embeddings of models that no generation uses; all where ``everything``."""
        ...

    def compact(self) -> int:
        """Give the system back what the database does not need; returns how many bytes. It takes its time."""
        ...

    def require_in_place(self) -> None:
        """Return if what is written is kept.

        Raises:
            StoreError: The catalog was deleted or replaced while it is open.
        """
        ...

    def integrity(self) -> list[str]:
        """Return what the database itself finds wrong; empty where all is well."""
        ...

    def close(self) -> None:
        """Release the catalog. Idempotent."""
        ...


class Codebase(Protocol):
    """What an index knows of definitions and uses, for questions that are no search."""

    def definitions(
        self, index: IndexId, keys: Sequence[str], limit: int, without: Set[SymbolKind] = frozenset()
    ) -> list[tuple[FileId, Symbol]]:
        """Return definitions whose name has one of the keys (:func:`conexus.lexical.name_key`), the largest first.

        Args:
            index: The generation.
            keys: What is looked up.
            limit: Most definitions for every five hundred keys.
            without: Kinds that are left out.
        """
        ...

    def defined_in(self, files: Sequence[FileId], limit: int) -> dict[FileId, list[Symbol]]:
        """Return what files define, in their order, at most ``limit`` for each, outer ones before inner ones."""
        ...

    def uses(self, index: IndexId, names: Sequence[str], limit: int) -> list[tuple[FileId, int]]:
        """Return files and lines that use one of the names, by path and line."""
        ...

    def neighbours(self, index: IndexId, file: FileId) -> list[Neighbour]:
        """Return files that use what a file defines, and files that define what it uses, name by name."""
        ...

    def graph_files(self, index: IndexId) -> list[tuple[FileOutline, bool]]:
        """Return every indexed file, and whether it is a test."""
        ...

    def imports(self, index: IndexId) -> list[tuple[FileId, str]]:
        """Return what every file imports, as written there, each once."""
        ...

    def import_places(self, index: IndexId) -> list[tuple[FileId, Import]]:
        """Return what every file imports, with the lines that it does so on."""
        ...

    def packages_provided(self, index: IndexId) -> list[tuple[FileId, PackageProvided]]:
        """Return the packages that manifests describe."""
        ...

    def packages_required(self, index: IndexId) -> list[tuple[FileId, PackageRequired]]:
        """Return the packages that manifests and lock files ask for."""
        ...

    def endpoints(self, index: IndexId) -> list[tuple[FileId, Endpoint]]:
        """Return the routes and remote methods that files serve and call."""
        ...

    def ties(self, index: IndexId) -> set[tuple[FileId, FileId]]:
        """Return the pairs of which the first uses a name that the second, and few others, define."""
        ...

    def most_used(self, index: IndexId, limit: int) -> list[FileOutline]:
        """Return the files that others use most, the ones without a use last, tests and examples left out."""
        ...

    def outlines(self, files: Sequence[FileId]) -> dict[FileId, FileOutline]:
        """Return path, language and number of uses of files."""
        ...

    def file_at(self, index: IndexId, path: str) -> FileOutline | None:
        """Return an indexed file by its path."""
        ...

    def chunks_of(self, file: FileId, first_line: int, last_line: int) -> list[ChunkId]:
        """Return the chunks with a line of the range, in their order."""
        ...

    def enclosing(self, file: FileId, span: Span) -> list[Symbol]:
        """Return the definitions that reach from before a span to behind it, outer ones first."""
        ...

    def used_between(self, file: FileId, first_line: int, last_line: int) -> list[str]:
        """Return the names that lines of a file use, in the order of their first places."""
        ...

    def import_lines(self, file: FileId) -> list[int]:
        """Return the lines of a file that import something, in their order."""
        ...

    def line_count(self, file: FileId) -> int:
        """Return the number of the last line of a file."""
        ...

    def symbol_rows(self, files: Sequence[FileId]) -> list[SymbolRow]:
        """Return what files define, file by file in the order of their places, outer ones before inner ones."""
        ...

    def reference_rows(self, files: Sequence[FileId]) -> list[tuple[FileId, str, str]]:
        """Return the names that files use, each with its lines, parted by blanks."""
        ...


class Locks(Protocol):
    """Locks between processes that end with the process that holds them."""

    def view(self, root: Path, purpose: str, wait_s: float, of: str = "") -> AbstractContextManager[None]:
        """Hold the index of one working tree alone.

        Args:
            root: The working tree.
            purpose: What for, shown to whoever waits, as ``indexing``.
            wait_s: How long to wait for another holder.
            of: What is held in the tree's place, as the repository whose trees share files.

        Raises:
            StoreBusy: Another process held it all that time; the message names it.
        """
        ...


class KeyStore(Protocol):
    """Keeps API keys. Of a secret it sees only the hash."""

    def add_key(self, key: ApiKey, secret_hash: str) -> None:
        """Keep a new key; durable once it returns."""
        ...

    def key_by_hash(self, secret_hash: str) -> ApiKey | None:
        """Return the key, valid or not, whose secret has this hash."""
        ...

    def keys(self) -> list[ApiKey]:
        """Return all keys, also revoked ones, oldest first."""
        ...

    def revoke_key(self, key: str, at: float) -> ApiKey:
        """Make a key invalid from a time on; one that is already revoked stays as it is.

        Args:
            key: Its id.
            at: Seconds since the epoch.

        Raises:
            NotFound: There is no such key.
        """
        ...

    def note_key_use(self, used: Mapping[str, float]) -> None:
        """Note when keys were last used, by id."""
        ...


class JobStore(Protocol):
    """Keeps index jobs, so that they outlive the daemon."""

    def save_job(self, job: IndexJob) -> None:
        """Keep a job, over what was kept under its id; durable once it returns.

        Where only the progress is new a power cut may undo that, so that it can be kept often.
        """
        ...

    def job(self, job: str) -> IndexJob | None:
        """Return one job."""
        ...

    def jobs(self, limit: int, before: str = "") -> list[IndexJob]:
        """Return jobs, newest first, those older than the one with the id ``before`` where one is given."""
        ...

    def unfinished_jobs(self) -> list[IndexJob]:
        """Return the jobs that are queued or running, oldest first."""
        ...

    def forget_job(self, job: str) -> None:
        """Delete a job that is over; one that is not, or not there, is left alone. A power cut may undo that."""
        ...

    def forget_jobs(self, before: float) -> int:
        """Delete jobs that were over before a time; returns how many."""
        ...


class WebhookStore(Protocol):
    """Keeps the addresses that are told of index jobs."""

    def add_webhook(self, hook: Webhook) -> None:
        """Keep an address."""
        ...

    def webhooks(self) -> list[Webhook]:
        """Return all, oldest first."""
        ...

    def remove_webhook(self, hook: str) -> None:
        """Forget one.

        Raises:
            NotFound: There is none of this id.
        """
        ...


class Cache(Protocol):
    """Keeps what is dear to compute and the same for everybody, as the vectors of questions."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept, or ``None``."""
        ...

    def put(self, key: str, value: bytes) -> None:
        """Keep something for a while."""
        ...


class Directory(Protocol):
    """Keeps users, groups, teams, projects and roles, and the events that changes were."""

    def state(self) -> DirectoryState:
        """Return all entries at one moment. Cheap where nothing has changed."""
        ...

    def change(self, edit: Callable[[DirectoryState], DirectoryChange]) -> None:
        """Change entries, and keep the events of it, in one transaction; durable once it returns.

        Args:
            edit: Given all entries while nobody else can change them. Where it raises, all is as it was.
        """
        ...

    def add_event(self, event: ChangeEvent, forget_before: float = 0.0) -> None:
        """Keep an event, and forget those older than a time."""
        ...

    def events(self, limit: int) -> list[ChangeEvent]:
        """Return the newest events, newest first."""
        ...

    def repositories(self) -> frozenset[RepoId]:
        """Return the ids of all repositories that the catalog has."""
        ...


class IndexedFiles(Protocol):
    """Which files are indexed, for those who decide who may see them."""

    def trees(self) -> list[IndexedTree]:
        """Return every tree that has an index, by repository."""
        ...

    def files(self, root: str) -> list[ListedFile]:
        """Return the files of a tree, by path; none where it has no index."""
        ...

    def text(self, root: str, path: str) -> str:
        """Return the text of a file as it is indexed; an empty one where there is none."""
        ...


class DependencyFacts(Protocol):
    """What indexes say of dependencies, for those who tie repositories together; of a part what is in it alone."""

    def states(self, indexes: Collection[IndexId]) -> dict[IndexId, str]:
        """Return a text for each index that is another one once the index holds something else. Cheap."""
        ...

    def files(self, index: IndexId) -> list[tuple[ListedFile, bool]]:
        """Return every file, those included whose text was left out, and whether it is a test.

        A file that is read anew gets another number.
        """
        ...

    def importing(self, view: IndexedView, index: IndexInfo) -> list[tuple[FileId, str, FileId]]:
        """Return which file imports which of its own tree, with what is written there."""
        ...

    def imports(self, index: IndexId) -> list[tuple[FileId, Import]]:
        """Return what every file imports, as written there."""
        ...

    def packages_provided(self, index: IndexId) -> list[tuple[FileId, PackageProvided]]:
        """Return the packages that manifests describe."""
        ...

    def packages_required(self, index: IndexId) -> list[tuple[FileId, PackageRequired]]:
        """Return the packages that manifests and lock files ask for."""
        ...

    def endpoints(self, index: IndexId) -> list[tuple[FileId, Endpoint]]:
        """Return the routes and remote methods that files serve and call."""
        ...

    def packages_of(self, required: Collection[PackageKey]) -> Callable[[str, str], PackageKey | None]:
        """Return what tells the package that an import means, by the importing file's language and what it says.

        Args:
            required: What the repository requires: others are not told of.
        """
        ...

    def aliases(self, view: IndexedView, paths: Iterable[str]) -> dict[str, str]:
        """Return the names under which some manifests have packages that are called otherwise, with those packages."""
        ...

    def symbols(self, files: Sequence[FileId]) -> list[SymbolRow]:
        """Return what files define, file by file in the order of their places, outer ones before inner ones."""
        ...

    def references(self, files: Sequence[FileId]) -> list[tuple[FileId, str, str]]:
        """Return the names that files use, each with its lines, parted by blanks."""
        ...

    def named(self, index: IndexId, name: str, limit: int) -> list[tuple[FileId, Symbol]]:
        """Return the definitions of a name, whatever its case and underscores."""
        ...

    def similar(self, index: IndexId, name: str, limit: int) -> list[tuple[FileId, Symbol]]:
        """Return the definitions of a name, and of names that one letter parts from it, whatever their case."""
        ...

    def text(self, view: IndexedView, path: str) -> str:
        """Return the text of a file as it is indexed; an empty one where there is none."""
        ...


class PolicyStore(Protocol):
    """Keeps access policies, every version of them."""

    def current(self) -> PolicyVersion:
        """Return the version in force; number 0 where there never was one. Cheap where nothing has changed.

        Raises:
            StoreDamaged: It cannot be read.
        """
        ...

    def version(self, number: int) -> PolicyVersion | None:
        """Return a version, if there is one of the number."""
        ...

    def newest(self, limit: int) -> list[PolicyVersion]:
        """Return the newest versions, newest first."""
        ...

    def add(self, version: PolicyVersion) -> bool:
        """Put a version in force whose number is one above that of the present one; durable once it returns true.

        Returns:
            False where another one was put in force meanwhile; then nothing has changed.
        """
        ...


class LicenceMarks(Protocol):
    """Remembers the latest time that was seen, so that a clock that is set back does not make a licence younger."""

    def seen(self, now: float) -> float:
        """Return the later of ``now`` and the latest time that was seen, which ``now`` may become."""
        ...

    def begin(self, issued_at: float) -> None:
        """Begin anew with a licence that was issued later than all that were begun with; others change nothing."""
        ...


class UsageLog(Protocol):
    """The query log."""

    def add(self, entries: Sequence[UsageEntry]) -> None:
        """Keep entries. A power cut may cost the last seconds of them."""
        ...

    def entries(self, limit: int, *, since: float = 0.0, only_empty: bool = False) -> list[UsageEntry]:
        """Return the newest entries, newest first."""
        ...

    def stats(self, since: float, top: int) -> UsageStats:
        """Return figures of all entries since a time, lists cut to ``top``."""
        ...

    def forget(self, before: float) -> int:
        """Delete entries older than a time; returns how many."""
        ...

    def close(self) -> None:
        """Release the log. Idempotent."""
        ...
