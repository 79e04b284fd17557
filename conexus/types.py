# SPDX-License-Identifier: FSL-1.1-MIT
"""Values that pass between the layers of Conexus.

All are frozen and hold no client, handle or configuration. Paths are POSIX and
relative to the repository root. Lines count from 1 and ranges hold both ends;
byte offsets count from 0, exclude the end, and refer to the file's text in UTF-8
(which is the file itself unless its encoding is another one).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NewType, TypeAlias

from conexus.values import dataclass

if TYPE_CHECKING:  # a command that asks a daemon needs no numpy, which takes 50 ms to import
    import numpy as np
    import numpy.typing as npt

RepoId = NewType("RepoId", str)
"""Normalised remote (``github.com/pallets/flask``) or ``local/<folder>-<6 hex>``."""

IndexId = NewType("IndexId", int)
"""One generation of the index of one view. Never used again once dropped."""

FileId = NewType("FileId", int)
"""A file of one index. Never used again once dropped."""

ChunkId = NewType("ChunkId", str)
"""Stable id of a chunk: UUIDv5 of repository, path, byte span and text hash."""

ContentHash = NewType("ContentHash", str)
"""Git's blob id of a file: SHA-1 of ``blob <size>\\0<bytes>``, in hex."""

Fingerprint = NewType("Fingerprint", str)
"""Hash of every option that changes what an index holds."""

ChunkKeys: TypeAlias = "npt.NDArray[np.bytes_]"
"""Ids of chunks as 16 bytes each, shape ``(n,)``."""
DenseVector: TypeAlias = "npt.NDArray[np.float32]"
"""Shape ``(dim,)``, L2 norm 1, or all zeros for a text without a known word."""

DenseMatrix: TypeAlias = "npt.NDArray[np.float32]"
"""Shape ``(n, dim)``, rows as :data:`DenseVector`."""


# ---------------------------------------------------------------- scanning


class SkipReason(StrEnum):
    """Why a file is not in the index."""

    IGNORED = "ignored"  # .gitignore, .git/info/exclude, global excludes, .conexusignore
    BINARY = "binary"
    MINIFIED = "minified"
    GENERATED = "generated"
    VENDORED = "vendored"
    TOO_LARGE = "too_large"
    SYMLINK = "symlink"  # points out of the root, is broken, or leads to a file that is indexed under its own name
    NOT_REGULAR = "not_regular"  # device, FIFO, socket
    UNREADABLE = "unreadable"  # no permission, or an I/O error
    NESTED_REPOSITORY = "nested_repository"  # a submodule or a clone inside the tree: index it by itself
    EMPTY = "empty"


class FileTag(StrEnum):
    """A role of a file that search can filter and ranking can weigh."""

    TEST = "test"
    DOCS = "docs"
    EXAMPLE = "example"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class FileStat:
    """One file found by a scan, not yet read."""

    path: str
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class SkippedFile:
    """A file, or a whole folder (path ends in ``/``), that is left out, and why."""

    path: str
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a path would be indexed, and the rule that decides."""

    path: str
    included: bool
    reason: SkipReason | None
    rule: str
    """For people, as ``.gitignore:3: *.log``."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A working tree on disk and the repository that it belongs to."""

    root: Path
    repo: RepoId
    name: str
    """Short name for people, the last part of the id."""
    head: str | None = None
    """Commit that is checked out, where git knows one."""
    branch: str | None = None
    ref: str = ""
    """Full name of a branch or tag, or ``commits/`` and a commit's id, whose files are read from git's objects; the
    root is then that below git's folder. Empty for a working tree."""

    @property
    def project(self) -> Path:
        """Folder whose settings count."""
        if not self.ref:
            return self.root
        git = self.root.parents[self.ref.count("/")]
        return git.parent if git.name == ".git" else git


# ----------------------------------------------------------------- parsing


@dataclass(frozen=True, slots=True)
class Span:
    """A range of one file, in bytes and in lines."""

    start_byte: int
    end_byte: int
    start_line: int
    end_line: int


class SymbolKind(StrEnum):
    """What a definition is."""

    FUNCTION = "function"
    METHOD = "method"
    CLASS = "class"
    STRUCT = "struct"
    INTERFACE = "interface"  # also trait, protocol, type class
    ENUM = "enum"
    TYPE = "type"
    MODULE = "module"  # also namespace, package
    CONSTANT = "constant"
    VARIABLE = "variable"
    FIELD = "field"
    MACRO = "macro"
    SECTION = "section"  # a heading of a document
    KEY = "key"  # a top-level key of a data file
    RULE = "rule"  # CSS rule, build stage
    TABLE = "table"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A definition found in a syntax tree."""

    name: str
    kind: SymbolKind
    span: Span
    name_line: int
    parent: str = ""
    """Qualified name of the enclosing symbol, parts joined by ``.``; empty at top level."""
    signature: str = ""
    """Head of the definition on one line, at most 200 characters."""
    doc: str = ""
    """First sentence of its documentation, at most 300 characters."""

    @property
    def qualified_name(self) -> str:
        """Name with its enclosing symbols, as ``Session.send``."""
        return f"{self.parent}.{self.name}" if self.parent else self.name


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that a file uses, and the lines it does so on."""

    name: str
    lines: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """A module, header or package that a file imports, as written there."""

    target: str
    line: int


class Ecosystem(StrEnum):
    """Whose names a package's is one of."""

    PYPI = "pypi"
    NPM = "npm"
    GO = "go"
    CARGO = "cargo"
    MAVEN = "maven"
    RUBYGEMS = "rubygems"
    COMPOSER = "composer"
    NUGET = "nuget"
    SWIFT = "swift"
    HEX = "hex"
    DOCKER = "docker"
    GITHUB_ACTIONS = "github_actions"
    TERRAFORM = "terraform"
    GIT = "git"  # a submodule, named as repositories are


class DependencyScope(StrEnum):
    """What a package is required for."""

    RUNTIME = "runtime"
    DEVELOPMENT = "development"
    BUILD = "build"
    OPTIONAL = "optional"
    LOCKED = "locked"  # only a lock file names it


class PackageKey(NamedTuple):
    """What a package is known by."""

    ecosystem: Ecosystem
    name: str
    """As the ecosystem compares names: of PyPI in lower case with ``-``, of Maven ``group:artifact``."""


@dataclass(frozen=True, slots=True)
class PackageProvided:
    """A package that a manifest describes: others may require it."""

    ecosystem: Ecosystem
    name: str
    """As in :class:`PackageKey`."""
    version: str
    """Empty where the file does not say."""
    line: int

    @property
    def key(self) -> PackageKey:
        """What the package is known by."""
        return PackageKey(self.ecosystem, self.name)


@dataclass(frozen=True, slots=True)
class PackageRequired:
    """A package that a manifest or a lock file asks for."""

    ecosystem: Ecosystem
    name: str
    """As in :class:`PackageKey`."""
    constraint: str
    """As written, empty for any version; of a lock file the exact version."""
    scope: DependencyScope
    line: int

    @property
    def key(self) -> PackageKey:
        """What the package is known by."""
        return PackageKey(self.ecosystem, self.name)


class EndpointKind(StrEnum):
    """How programs call one another."""

    HTTP = "http"
    GRPC = "grpc"


class EndpointSide(StrEnum):
    """Who a line of code is of: who answers, or who asks."""

    SERVES = "serves"
    CALLS = "calls"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route or a remote method that code serves or calls."""

    kind: EndpointKind
    side: EndpointSide
    method: str
    """Of HTTP in upper case, or ``*`` for any; of gRPC the method's name, or ``*`` for a whole service."""
    path: str
    """Of HTTP without host and query, parameters as ``{}``: ``/users/{}``. Of gRPC ``package.Service``, or what is
    known of it."""
    line: int


class ParseMode(StrEnum):
    """How a file was cut."""

    TREE = "tree"
    LINES = "lines"  # no grammar for the file
    FALLBACK = "fallback"  # its grammar failed, ran out of time or of memory


@dataclass(frozen=True, slots=True)
class TextChunk:
    """A piece of one file. The chunks of a file cover it without gap or overlap."""

    span: Span
    text: str
    kind: str = "block"
    """A :class:`SymbolKind` value where the chunk is a definition, else ``block``."""
    symbol: str = ""
    """Qualified name of the definition the chunk begins or lies in, or empty."""
    signature: str = ""
    names: tuple[str, ...] = ()
    """Names defined in the chunk."""
    kinds: tuple[str, ...] = ()
    """Distinct kinds of what is defined in the chunk."""


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """What parsing made of one file."""

    language: str | None
    encoding: str
    mode: ParseMode
    chunks: tuple[TextChunk, ...]
    symbols: tuple[Symbol, ...] = ()
    references: tuple[Reference, ...] = ()
    imports: tuple[Import, ...] = ()
    tags: frozenset[FileTag] = frozenset()
    redactions: int = 0
    note: str = ""
    """Why the mode is a fall-back, or what of a manifest could not be read, for the report."""
    packages_provided: tuple[PackageProvided, ...] = ()
    packages_required: tuple[PackageRequired, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """The unit that is stored and returned."""

    id: ChunkId
    repo: RepoId
    path: str
    language: str | None
    span: Span
    text: str
    kind: str = "block"
    symbol: str = ""
    signature: str = ""
    tags: frozenset[FileTag] = frozenset()

    @property
    def location(self) -> str:
        """Path and lines, as ``src/a.py:10-24``."""
        return f"{self.path}:{self.span.start_line}-{self.span.end_line}"


# ----------------------------------------------------------------- vectors


@dataclass(frozen=True, slots=True, eq=False)
class SparseVector:
    """Weighted terms; ``indices`` (distinct) and ``values`` both have shape ``(k,)``."""

    indices: npt.NDArray[np.uint32]
    values: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VectorPoint:
    """What the vector store keeps of a chunk: its vectors, and what filters need."""

    id: ChunkId
    file: FileId
    dense: npt.NDArray[np.float16]
    """Shape ``(dim,)``. float16 is what the stores keep, so that a read gives back the same bits."""
    sparse: SparseVector
    language: str
    kinds: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PointFilter:
    """Limits a vector search. ``None`` means no limit; an empty set matches nothing."""

    files: frozenset[FileId] | None = None
    languages: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    without_tags: frozenset[str] = frozenset()
    hidden: frozenset[FileId] = frozenset()
    """Files of other views in the same shard: nothing of them is found, and their words do not count."""
    is_secret: bool = False
    """Whether what is hidden must not be told by anything: then words are counted exactly, however long that takes."""


@dataclass(frozen=True, slots=True, eq=False)
class VectorQuery:
    """One list of points that is asked for."""

    vector: DenseVector | SparseVector
    """A query vector, or terms; these are weighed by their inverse document frequency in the shard."""
    limit: int
    """Most points."""
    where: PointFilter
    """Applied inside the search, never after it."""


class ScoredPoint(NamedTuple):
    """A point found by one retrieval."""

    id: ChunkId
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPoints:
    """Points found by one retrieval, best first, as columns of the shape ``(points,)``."""

    keys: ChunkKeys
    scores: npt.NDArray[np.float64]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.scores)


@dataclass(frozen=True, slots=True)
class StoredPoint:
    """What a store holds of a point, for verification."""

    id: ChunkId
    file: FileId
    checksum: int
    """:func:`conexus.lexical.vector_checksum` of the vectors as stored."""


# --------------------------------------------------------------- searching


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Limits a search. ``None`` means no limit; an empty set matches nothing."""

    repos: frozenset[RepoId] | None = None
    roots: frozenset[str] | None = None
    """Working trees, by absolute path: tells the clones of one repository apart."""
    languages: frozenset[str] | None = None
    path_globs: tuple[str, ...] | None = None
    """Any of these, as gitignore patterns without negation: ``src/**``, ``*.py``."""
    kinds: frozenset[str] | None = None
    tests: bool = True
    """Whether files tagged as tests may be returned."""
    ref: str = ""
    """Branch, tag or commit that is searched in the place of working trees, of the repositories that are meant."""
    dependents_of: str = ""
    """Only repositories that depend on this one, or on this package, be it through others."""
    dependencies_of: str = ""
    """Only repositories that this one depends on, be it through others."""


class Retriever(StrEnum):
    """Which search found a hit."""

    DENSE = "dense"
    BM25 = "bm25"
    SYMBOL = "symbol"
    PATH = "path"


class Freshness(StrEnum):
    """A hit against the file on disk."""

    FRESH = "fresh"
    STALE = "stale"  # the file changed since it was indexed
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query and its limits."""

    text: str
    limit: int = 10
    where: SearchFilter = field(default_factory=SearchFilter)
    explain: bool = False


@dataclass(frozen=True, slots=True)
class Factor:
    """One share of a hit's score, for ``--explain``."""

    name: str
    value: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. A higher score is better; scores of two requests do not compare."""

    chunk: Chunk
    score: float
    found_by: frozenset[Retriever]
    freshness: Freshness = Freshness.FRESH
    root: str = ""
    """Absolute path of the working tree that the hit's path is relative to."""
    focus_line: int = 0
    """Line of the chunk a reader should land on: that of the name asked for, or the first."""
    factors: tuple[Factor, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an index that an answer comes from."""

    repo: RepoId
    root: str
    id: str
    """Another one after each change of what is indexed: generation and revision, as ``12.345``."""
    head: str | None
    """Commit that was checked out when the index was last brought up to date."""
    branch: str | None
    indexed_at: float | None
    """Seconds since the epoch when a run last finished, or ``None``."""
    files_indexed: int
    """Files that are in as they were found."""
    files_seen: int
    """Files that were found, those that a run has still to read included."""
    indexing: bool = False
    """Whether a run writes to the index."""


@dataclass(frozen=True, slots=True)
class SearchResponse:
    """Hits, best first."""

    hits: tuple[Hit, ...]
    elapsed_ms: float
    complete: bool = True
    """False where an index that was asked is not finished."""
    notices: tuple[str, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()
    """One for each working tree that was searched."""
    has_more: bool = False
    """Whether there are further hits, beyond the limit of the request."""


# ---------------------------------------------------------------- following trees


class WatchMode(StrEnum):
    """How the daemon learns of changes in a tree."""

    OFF = "off"  # it does not: nobody asked it to, or the tree is gone
    NATIVE = "native"  # the system reports them
    POLLING = "polling"  # by looking at all files again and again


@dataclass(frozen=True, slots=True)
class WatchState:
    """How a tree is followed."""

    mode: WatchMode = WatchMode.OFF
    reason: str = ""
    """Why it is not followed natively; empty where it is."""
    changed_at: float | None = None
    """Seconds since the epoch when something last changed, as far as it was noticed."""


# ---------------------------------------------------------------- indexing


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What an index knows of one file."""

    id: FileId
    stat: FileStat
    content_hash: ContentHash
    checked_ns: int
    """Time, in ns since the epoch, before the file was last read: the racy-mtime guard needs it."""
    skipped: SkipReason | None = None
    rules: str = ""
    """The skip rules that were in force, as :attr:`conexus.config.IndexOptions.rules`."""


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """What must be read and dropped so that the index matches the tree."""

    to_read: tuple[ParseJob, ...]
    to_delete: tuple[FileRecord, ...]
    unchanged: int


@dataclass(frozen=True, slots=True)
class ParseJob:
    """A file for a parsing process."""

    stat: FileStat
    previous: ContentHash | None = None
    """Hash in the index; a file that still has it is not parsed."""
    forced: bool = False
    """Whether rules about its content (generated, minified, data too large) are set aside."""


class ReadOutcome(StrEnum):
    """What became of a :class:`ParseJob`."""

    PARSED = "parsed"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"
    GONE = "gone"  # deleted since the scan


@dataclass(frozen=True, slots=True, eq=False)
class EncodedChunk:
    """Id and vectors of a chunk."""

    id: ChunkId
    sparse: SparseVector
    dense: npt.NDArray[np.float16] | None
    """``None`` where the caller embeds."""


@dataclass(frozen=True, slots=True, eq=False)
class FileResult:
    """What a parsing process made of one file."""

    stat: FileStat
    """As it was when the file was read."""
    checked_ns: int
    outcome: ReadOutcome
    content_hash: ContentHash
    skipped: SkipReason | None = None
    detail: str = ""
    parsed: ParsedFile | None = None
    encoded: tuple[EncodedChunk, ...] = ()
    """One for each chunk of ``parsed``, in order."""


@dataclass(frozen=True, slots=True, eq=False)
class FileCommit:
    """A file on its way into the catalog."""

    id: FileId
    result: FileResult
    rules: str
    checksums: tuple[int, ...] = ()
    """:func:`conexus.lexical.vector_checksum` of each chunk's vectors."""
    salted: bool = False
    """Whether the ids of its chunks are of this version of the file alone."""


@dataclass(frozen=True, slots=True)
class IndexInfo:
    """One generation of the index of one view."""

    id: IndexId
    fingerprint: Fingerprint
    model: str
    """Name of the embedding model; for one of the user's own, its folder."""
    model_fingerprint: str
    dim: int
    complete: bool
    live: bool
    pool: IndexId | None = None
    """The generation whose files and vectors it shares, which may be itself; nothing where it has its own alone."""

    @property
    def vectors(self) -> IndexId:
        """The shard that it is in."""
        return self.id if self.pool is None else self.pool


@dataclass(frozen=True, slots=True)
class IndexedView:
    """A working tree that the catalog knows."""

    id: int
    repo: RepoId
    name: str
    root: Path
    live: IndexInfo | None
    building: IndexInfo | None
    previous: IndexInfo | None = None
    """The generation that the live one replaced, where it is kept."""
    pinned: str = ""
    """Fingerprint of the live generation where somebody went back to it: changes of the settings alone do not
    replace it."""
    ref: str = ""
    """Branch, tag or commit whose files these are, read from git's objects; empty for a working tree."""
    head: str | None = None
    """Commit that was checked out, or that the ref named, when it was indexed."""
    branch: str = ""
    """What was checked out, or the ref; empty for a detached head."""
    former: tuple[str, ...] = ()
    """Other branches that some of the text may be of still: no run has looked at all files since the switch."""
    trimmed: bool = False
    """Whether :attr:`live` is the part of a generation that a caller may see, and not all of it."""

    @property
    def generations(self) -> tuple[IndexInfo, ...]:
        """All generations that there are."""
        return tuple(filter(None, (self.live, self.building, self.previous)))


class AccessAction(StrEnum):
    """What somebody wants to do with files."""

    SEARCH = "search"
    READ = "read"
    CONTEXT = "context"
    GRAPH = "graph"


class ListedFile(NamedTuple):
    """A file of an index, with what tells who may see it."""

    id: FileId
    path: str
    language: str


class OwnersFile(NamedTuple):
    """A repository's list of owners, CODEOWNERS."""

    path: str = ""
    """Where it is in the tree; empty where there is none."""
    text: str | None = ""
    """``None`` where it cannot be read."""


@dataclass(frozen=True, slots=True)
class RepositoryUse:
    """A repository, and when it was last of use."""

    repo: RepoId
    name: str
    used_at: float | None
    """Seconds since the epoch when somebody last searched, read or indexed it, to the hour; ``None`` if never.

    What the daemon does by itself, to keep an index fresh, is no use of it.
    """


class ChunkHead(NamedTuple):
    """What ranking needs of a chunk. A tuple, since a search makes hundreds and returns ten."""

    id: ChunkId
    file: FileId
    path: str
    start_byte: int
    start_line: int
    end_line: int
    kind: str
    symbol: str
    tags: frozenset[FileTag]
    file_chunks: int
    """Number of chunks of its file."""
    file_uses: int
    """How often other files use what its file alone defines; of the last large run."""


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as the catalog holds it, with what tells whether it is still so on disk."""

    chunk: Chunk
    file: FileId
    ordinal: int
    content_hash: ContentHash
    stat: FileStat
    checked_ns: int


class SymbolRow(NamedTuple):
    """A definition as those need it who look at all of them."""

    file: FileId
    name: str
    kind: str
    start_line: int
    end_line: int
    name_line: int
    parent: str


class SymbolMatch(NamedTuple):
    """A definition found by name, and the chunk that holds its name."""

    symbol: str
    kind: SymbolKind
    line: int
    chunk: bytes
    """The 16 bytes of its id."""
    file: FileId
    exact: bool
    """Whether the name is written exactly as in the query."""


class KeyedSymbol(NamedTuple):
    """A definition, and the chunk that holds its name."""

    key: str
    """The form under which its name is looked up."""
    name: str
    parent: str
    """What encloses it; empty for nothing."""
    kind: SymbolKind
    line: int
    file: FileId
    chunk: bytes
    """The 16 bytes of its id."""


@dataclass(frozen=True, slots=True)
class FileOutline:
    """What lists show of an indexed file."""

    id: FileId
    path: str
    language: str | None
    uses: int
    """How often other files use what it defines; of the last large run."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A name that ties a file to another one."""

    file: FileId
    name: str
    uses: bool
    """Whether that file uses the name; else it defines it."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A file that is in the index in a lesser form, or not at all because of a failure."""

    path: str
    reason: str


class IndexStage(StrEnum):
    """What an indexing run is doing."""

    SCAN = "scan"
    INDEX = "index"
    OPTIMIZE = "optimize"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """How far an indexing run is."""

    stage: IndexStage
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    chunks: int
    skipped: int
    elapsed_s: float

    @property
    def bytes_per_s(self) -> float:
        """Mean rate so far."""
        return self.bytes_done / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def eta_s(self) -> float | None:
        """Seconds left at the mean rate so far, or ``None`` before there is one."""
        if self.bytes_done <= 0 or self.stage is not IndexStage.INDEX:
            return None
        return self.elapsed_s * (self.bytes_total - self.bytes_done) / self.bytes_done


@dataclass(frozen=True, slots=True)
class IndexReport:
    """What one indexing run did."""

    repo: RepoId
    name: str
    root: str
    files_total: int
    files_indexed: int
    files_unchanged: int
    files_deleted: int
    chunks_written: int
    chunks_total: int
    symbols_total: int
    redactions: int
    languages: tuple[tuple[str, int], ...]
    """Files a language, most first."""
    skipped: tuple[SkippedFile, ...]
    problems: tuple[FileProblem, ...]
    elapsed_ms: float
    bytes_read: int
    cancelled: bool = False
    rebuilt: str = ""
    """Why a new generation was built, or empty."""
    notice: str = ""
    """That the edition's places are nearly all taken, where this run took one; else empty."""


@dataclass(frozen=True, slots=True)
class IndexEstimate:
    """What an indexing run would do (``--dry-run``)."""

    repo: RepoId
    name: str
    root: str
    files_to_read: int
    bytes_to_read: int
    files_unchanged: int
    files_to_delete: int
    skipped: tuple[SkippedFile, ...]
    estimated_s: float
    estimated_bytes: int
    """Disk space that the new part of the index will take."""
    rebuild: str = ""


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """One indexed working tree."""

    repo: RepoId
    name: str
    root: str
    index: IndexId
    model: str
    files: int
    skipped: int
    chunks: int
    symbols: int
    languages: tuple[tuple[str, int], ...]
    size_bytes: int
    """Disk space of its vectors."""
    source_bytes: int
    indexed_at: float | None
    """Seconds since the epoch when a run last finished, or ``None``."""
    complete: bool
    head: str | None
    branch: str | None
    snapshot: str = ""
    """As :attr:`Snapshot.id`."""
    files_seen: int = 0
    """As :attr:`Snapshot.files_seen`."""
    files_pending: int = 0
    """Those of them that a run has still to read."""
    indexing: bool = False
    """Whether a run writes to the index."""
    watch: WatchMode = WatchMode.OFF
    """How the daemon learns of changes."""
    watch_reason: str = ""
    """Why it does not as the system reports them; empty where it does, and without a daemon."""
    changed_at: float | None = None
    """When something last changed, as far as the daemon noticed."""
    previous_model: str | None = None
    """Model of the generation before, where one is kept to go back to."""
    ref: str = ""
    """As :attr:`IndexedView.ref`."""
    shared: bool = False
    """Whether other views of the repository have files in common with it, which are stored once."""
    gone: bool = False
    """Whether the tree, or the ref, is not there any more."""
    own_share: float = 1.0
    """Share of the vectors of all these views that is this one's alone."""
    trimmed: bool = False
    """Whether these are the figures of the part that a caller may see; then no size is told."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What ``conexus gc`` removed, or would."""

    views: int = 0
    """Of worktrees and refs that are gone, where other views have most of their files."""
    generations: int = 0
    """Of indexes: those that were replaced, or begun and given up."""
    orphans: int = 0
    """Vectors that belong to nothing."""
    cached_vectors: int = 0
    """Embeddings of models that no index has any more."""
    freed_bytes: int = 0


@dataclass(frozen=True, slots=True)
class VerifyFinding:
    """Something wrong with an index."""

    repo: RepoId
    path: str
    what: str


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Result of ``conexus verify``."""

    views: int
    files: int
    chunks: int
    findings: tuple[VerifyFinding, ...]
    repaired: int = 0


# ----------------------------------------------------- reading code around a hit


@dataclass(frozen=True, slots=True)
class Place:
    """A line of an indexed file."""

    root: str
    """Absolute path of the working tree."""
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Definition:
    """A symbol as the index knows it, for people and agents."""

    repo: RepoId
    root: str
    path: str
    symbol: str
    """Qualified name."""
    kind: SymbolKind
    line: int
    end_line: int
    signature: str
    doc: str
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """A line where a file uses a name. Found by name alone: it may mean another thing of that name."""

    repo: RepoId
    root: str
    path: str
    line: int
    symbol: str = ""
    """Qualified name of the definition that the line is in: what calls, where the name is a function's."""
    symbol_line: int = 0
    """Where the name of that definition stands; 0 where there is none."""


@dataclass(frozen=True, slots=True)
class SymbolAnswer:
    """Where a name is defined and used."""

    definitions: tuple[Definition, ...]
    uses: tuple[Use, ...] = ()
    callees: tuple[Definition, ...] = ()
    """What the definitions use, of names that hardly anything else is called."""
    complete: bool = True
    """False where there are more definitions or uses than were asked for."""
    snapshots: tuple[Snapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class RelatedFile:
    """A file that has to do with another one."""

    repo: RepoId
    root: str
    path: str
    score: float
    reasons: tuple[str, ...]
    """For people, as ``uses Session, get``."""


@dataclass(frozen=True, slots=True)
class FileText:
    """Lines of an indexed file, as indexed: with secrets redacted."""

    repo: RepoId
    root: str
    path: str
    language: str | None
    start_line: int
    end_line: int
    lines_total: int
    text: str


@dataclass(frozen=True, slots=True)
class MapFile:
    """A file of a repository map."""

    path: str
    uses: int
    """How often other files use what it defines."""
    symbols: tuple[Definition, ...]


@dataclass(frozen=True, slots=True)
class RepositoryMap:
    """The most used files of a working tree and what they define."""

    repo: RepoId
    root: str
    files: tuple[MapFile, ...]
    files_total: int


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A file of an import graph, or a folder with all its files."""

    path: str
    files: int
    """1 for a file."""
    language: str | None = None
    """Nothing for a folder."""
    rank: float = 0.0
    """Its share of PageRank among all, where it was asked for: more the more central files import it."""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """One node imports another."""

    source: int
    """Place of the one that imports in :attr:`ImportGraph.nodes`."""
    target: int
    files: int
    """How many files of the one import how many of the other: pairs."""


@dataclass(frozen=True, slots=True)
class ImportCycle:
    """Files, or folders, each of which imports all others of them in the end."""

    members: tuple[str, ...]
    """By path."""
    shortest: tuple[str, ...]
    """A shortest way round among them, from its first path on; each imports the next, and the last the first."""


@dataclass(frozen=True, slots=True)
class ImportGraph:
    """What imports what within a working tree."""

    repo: RepoId
    root: str
    nodes: tuple[GraphNode, ...]
    """Those with most imports, to or from them, where there are more than were asked for; by path."""
    edges: tuple[GraphEdge, ...]
    nodes_total: int
    edges_total: int
    cycles: tuple[ImportCycle, ...] = ()
    """The largest first, where they were asked for."""


ALL_REPOSITORIES = "*"
"""In place of a working tree: all that the caller may read."""


@dataclass(frozen=True, slots=True)
class GraphRequest:
    """What of a working tree's imports is wanted."""

    root: str
    path: str = ""
    """Only below this folder, relative to the root; all where empty."""
    limit: int = 200
    folders: bool = False
    """Whether folders are the nodes."""
    tests: bool = True
    """Whether files of tests count."""
    central: bool = False
    """Whether those are wanted that are most central, in place of those with most imports."""
    cycles: bool = False
    """Whether only what is in cycles is wanted, with the cycles."""


class ContextFormat(StrEnum):
    """How a packed answer is written."""

    MARKDOWN = "markdown"
    XML = "xml"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a reader needs beside the code of a chunk; lines of text each."""

    before: tuple[str, ...] = ()
    """Signatures of what encloses it, outer ones first, and the imports that it uses."""
    after: tuple[str, ...] = ()
    """Where what it uses is defined, with signatures; where it is used, if that is asked for."""


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """A question, and how much of a model's window its answer may take."""

    search: SearchRequest
    max_tokens: int = 4000
    max_bytes: int = 200_000
    style: ContextFormat = ContextFormat.MARKDOWN
    only: tuple[int, ...] | None = None
    """Positions of the hits to pack: what an earlier answer left out. ``None`` for all."""


@dataclass(frozen=True, slots=True)
class ContextBlock:
    """One piece of a packed answer: neighbouring chunks of one file, or one line of a chunk."""

    repo: RepoId
    root: str
    path: str
    start_line: int
    end_line: int
    text: str
    chunks: tuple[ChunkId, ...]
    neutralised: bool = False
    """Whether control, bidi or invisible characters of the text were made visible."""
    before: tuple[str, ...] = ()
    """As :attr:`Surroundings.before`."""
    after: tuple[str, ...] = ()
    """As :attr:`Surroundings.after`."""
    outline: bool = False
    """Whether the text is a line that stands for the chunk, whose code there was no room for."""


@dataclass(frozen=True, slots=True)
class ContextResponse:
    """The best chunks for a question, within a budget."""

    text: str
    """All blocks, each with its place as a heading; what is to be given to a model."""
    blocks: tuple[ContextBlock, ...]
    tokens: int
    """Of the text, as :func:`conexus.tokens.count_tokens` counts."""
    left_out: tuple[int, ...]
    """Positions, among all hits of the question, of those whose code there was no room for."""
    complete: bool = True
    notices: tuple[str, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()


# ------------------------------------------------------------- who, and what they did


class Role(StrEnum):
    """What a caller may do; each may do what those before it may."""

    READER = "reader"  # search and read
    WRITER = "writer"  # index and remove as well
    ADMIN = "admin"  # keys, logs and the daemon itself as well

    @property
    def rank(self) -> int:
        """Higher may do more."""
        return (Role.READER, Role.WRITER, Role.ADMIN).index(self)


class Permission(StrEnum):
    """Something that a role allows. The first three count for each repository, the others for all or for none."""

    READ = "read"  # search and read
    INDEX = "index"  # index, rename and verify
    REMOVE = "remove"  # delete an index
    KEYS = "keys"  # make, list and revoke API keys
    LOG = "log"  # the query log and its figures
    WEBHOOKS = "webhooks"
    DAEMON = "daemon"  # reload and stop it
    DIRECTORY = "directory"  # users, groups, teams, projects and roles


REPOSITORY_PERMISSIONS = frozenset({Permission.READ, Permission.INDEX, Permission.REMOVE})
"""Those that count for each repository."""

ROLE_PERMISSIONS = {
    Role.READER: frozenset({Permission.READ}),
    Role.WRITER: REPOSITORY_PERMISSIONS,
    Role.ADMIN: frozenset(Permission),
}
"""What the roles allow that every edition has."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a signed token says of a caller, and of the device that they use. What was not said is ``None``."""

    mfa: bool | None = None
    """Whether they signed in with more than one factor."""
    managed: bool | None = None
    """Whether the device is looked after by their organisation, as those below."""
    compliant: bool | None = None
    encrypted: bool | None = None
    platform: str = ""
    """As ``linux``."""

    def told(self) -> tuple[str, ...]:
        """Return what was said, as ``mfa=true`` and ``device.platform=linux``."""
        found = [f"mfa={str(self.mfa).lower()}"] if self.mfa is not None else []
        for name in ("managed", "compliant", "encrypted"):
            value = getattr(self, name)
            found += [] if value is None else [f"device.{name}={str(value).lower()}"]
        return (*found, *((f"device.platform={self.platform}",) if self.platform else ()))


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. What is not said is not allowed."""

    subject: str
    groups: frozenset[str] = frozenset()
    role: Role = Role.READER
    repos: tuple[str, ...] | None = None
    """Patterns of repository ids, as ``github.com/acme/*``; ``None`` means all."""
    local: bool = False
    """Whether it is the user of this machine, who sees absolute paths."""
    key: str = ""
    """Id of the API key that was shown, if one was."""
    user: str = ""
    """Name in the directory, of who is in it."""
    permissions: frozenset[Permission] | None = None
    """What roles of the directory allow, less what the key leaves out; ``None`` for what ``role`` does."""
    everywhere: bool = True
    """Whether all of the permissions hold for all repositories."""
    requests_per_s: float | None = None
    """Most requests a second, of who has a limit of their own."""
    address: str = ""
    """Where the request comes from; empty where that is this process."""
    client: str = ""
    """What the request came by: ``rest``, ``grpc`` or ``mcp``; empty in this process."""
    claims: Claims = Claims()
    """What a signed token says of them, until the time below."""
    claims_until: float = 0.0
    """Seconds since the epoch; of no meaning where no token was shown."""

    def may(self, permission: Permission) -> bool:
        """Whether the caller has a permission at all, be it for few repositories."""
        return permission in (ROLE_PERMISSIONS[self.role] if self.permissions is None else self.permissions)


# ---------------------------------------------------------------- the audit log


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One use of Conexus, or one attempt, as an audit log keeps it."""

    who: Principal
    action: str
    """What was asked for: the name of an operation as ``search``, or ``change:`` and what changed."""
    at: float
    surface: str = ""
    """``rest``, ``grpc`` or ``mcp``; empty in a process of the user's own."""
    request: str = ""
    """Id of the request in answers and logs."""
    outcome: str = "ok"
    """Or an :class:`~conexus.errors.ErrorCode`."""
    text: str = ""
    """The question."""
    asked: str = ""
    """The rest of what was asked, as JSON, without what is secret."""
    repos: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """What the answer showed, as ``repository:path:first-last``."""
    results: int = 0
    """How many things that were, also beyond those in ``shown``."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of an audit log. What was erased or is too old is empty."""

    seq: int
    """From 1, without gaps."""
    at: float
    action: str
    outcome: str
    allowed: bool
    """False where it was refused for want of a right, or for wrong credentials."""
    surface: str
    results: int
    policy: int
    """Version of the access policies that were in force; 0 for none."""
    repos: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    subject: str = ""
    user: str = ""
    key: str = ""
    address: str = ""
    client: str = ""
    request: str = ""
    text: str = ""
    """As the rule has it: the question, ``hmac:`` and a keyed hash of it, or nothing."""
    asked: str = ""
    claims: tuple[str, ...] = ()
    """What a signed token said of the caller, as ``mfa=true``."""
    state: str = "whole"
    """``whole``, ``erased`` (without who and what was asked) or ``expired`` (the hash alone)."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which records of an audit log are wanted. What is empty does not matter."""

    user: str = ""
    """A user, or the subject of a caller that is none."""
    action: str = ""
    repo: str = ""
    text: str = ""
    """Part of the question, of the rest that was asked or of what was shown."""
    since: float | None = None
    until: float | None = None
    denied: bool = False
    """Only what was not allowed."""


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """Something in an audit log that was not written so."""

    seq: int
    """The record, or the first of several that it can be."""
    last: int
    what: str


@dataclass(frozen=True, slots=True)
class AuditVerdict:
    """What a check of an audit log found."""

    records: int
    root: str
    """Hash of the whole log, as RFC 6962 has it, in hex."""
    heads: int
    """Signed heads that were checked."""
    checkpoints: int
    """Heads of a second place that were checked."""
    erased: int
    expired: int
    findings: tuple[AuditFinding, ...]


@dataclass(frozen=True, slots=True)
class DayCount:
    """Uses of one day, or a forecast of them."""

    day: str
    """As ``2026-01-31``, in local time."""
    uses: float
    low: float = 0.0
    """Of a forecast: 95 % of days are between this and ``high``."""
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit log says of a span of time. Lists are cut to twenty, most first."""

    since: float
    until: float
    uses: int
    """Questions and reads, answered or not."""
    users: tuple[tuple[str, int], ...]
    actions: tuple[tuple[str, int], ...]
    repositories: tuple[tuple[str, int], ...]
    unused: tuple[str, ...]
    """Indexed repositories of which nothing was shown."""
    areas: tuple[tuple[str, int], ...]
    """Folders of which most answers showed something, as ``repository:folder``."""
    empty_questions: tuple[tuple[str, int], ...]
    denied: tuple[tuple[str, int], ...]
    """Callers who were refused something."""
    days: tuple[DayCount, ...]
    more_each_week: float | None
    """How many uses a day more there are each week; ``None`` with less than seven days."""
    forecast: tuple[DayCount, ...]
    answered: int
    """Questions that were shown something."""
    minutes_saved: float
    """By the assumption of whoever asked."""


@dataclass(frozen=True, slots=True)
class AuditHold:
    """Keeps records from being deleted or erased until it is released."""

    name: str
    reason: str
    created_at: float
    by: str
    user: str = ""
    """Those of one user; of all where empty."""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class AuditHead:
    """A log as it was at one moment, signed."""

    log: str
    size: int
    at: float
    root: str
    signature: str
    """Ed25519, in hex."""


# ---------------------------------------------------------------- access policies


class IndexedTree(NamedTuple):
    """A tree that has an index."""

    repo: RepoId
    root: str
    branch: str
    """Or the ref that it is of; empty where no branch was checked out."""


@dataclass(frozen=True, slots=True)
class AccessPolicyText:
    """Rules under a name, in Cedar."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class FileLabel:
    """A name for files, as ``confidential``, which rules can speak of."""

    name: str
    paths: tuple[str, ...]
    """Patterns of paths relative to the tree; ``*`` stands for anything, slashes included."""
    repositories: tuple[str, ...] = ("*",)
    """Patterns of repository ids."""


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """A test of policies: what the rules have to say to a question."""

    name: str
    path: str
    repository: str
    allowed: bool
    action: AccessAction = AccessAction.READ
    user: str = ""
    """Name in the directory; empty for one who has the groups below alone."""
    groups: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    language: str = ""
    branch: str = ""
    owners: tuple[str, ...] = ()
    hour: int = 12
    weekday: int = 1
    """From 1, Monday, to 7."""
    address: str = ""
    client: str = ""
    claims: Claims = Claims()


@dataclass(frozen=True, slots=True)
class PolicySet:
    """Everything that decides who may see which files."""

    policies: tuple[AccessPolicyText, ...] = ()
    labels: tuple[FileLabel, ...] = ()
    cases: tuple[PolicyCase, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A set of policies as it was put in force. Number 0 is that before the first: without any rule."""

    number: int = 0
    at: float = 0.0
    """Seconds since the epoch."""
    by: str = ""
    note: str = ""
    policies: PolicySet = PolicySet()


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What the rules say to a test."""

    case: PolicyCase
    allowed: bool
    reasons: tuple[str, ...] = ()
    """Policies that decided, or why nothing could be decided."""

    @property
    def passed(self) -> bool:
        """Whether it is what the test wants."""
        return self.allowed == self.case.allowed


@dataclass(frozen=True, slots=True)
class AccessDifference:
    """What a change of the policies gives a user or takes from them, in one repository."""

    user: str
    repository: RepoId
    action: AccessAction
    gained: int
    """Files."""
    lost: int
    examples: tuple[str, ...] = ()
    """Some of the paths, with a plus or a minus before each."""


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """What a change of the policies is, or would be."""

    version: PolicyVersion
    results: tuple[CaseResult, ...] = ()
    differences: tuple[AccessDifference, ...] = ()
    applied: bool = True


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What rules are told of a request, beside who makes it. What is not given is as it is now and here."""

    hour: int | None = None
    """From 0 to 23."""
    weekday: int | None = None
    """From 1, Monday, to 7."""
    address: str = ""
    client: str = ""
    """``rest``, ``grpc`` or ``mcp``, an agent."""
    claims: Claims = Claims()


@dataclass(frozen=True, slots=True)
class Simulation:
    """Of whose requests, made how, the difference is wanted that other policies would make."""

    around: RequestFacts = RequestFacts()
    keys: tuple[str, ...] = ()
    """Names of API keys that are nobody's, beside all users."""


@dataclass(frozen=True, slots=True)
class AccessQuestion:
    """May a user do something with a file?"""

    user: str
    path: str
    repository: RepoId
    """Where it is empty, the path is an absolute one."""
    action: AccessAction = AccessAction.READ
    root: str = ""
    """The working tree that is meant; any of the repository where empty."""
    around: RequestFacts = RequestFacts()


@dataclass(frozen=True, slots=True)
class AccessExplanation:
    """The answer to a question, for administrators: it tells of rules that the user may not know."""

    allowed: bool
    granted: bool
    """Whether the directory lets the user read the repository at all."""
    reasons: tuple[str, ...]
    """Names of the policies that decided."""
    errors: tuple[str, ...]
    """What went wrong in deciding; then nothing is allowed."""
    version: int
    """Of the policies; what follows is what they were told."""
    groups: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    language: str = ""
    branch: str = ""
    labels: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    hour: int = 0
    weekday: int = 0
    address: str = ""
    client: str = ""
    claims: Claims = Claims()


LOCAL_USER = Principal("local", role=Role.ADMIN, local=True)
"""The user at the terminal, and who holds the daemon's own token."""

DAEMON_ITSELF = Principal("daemon", role=Role.ADMIN, local=True)
"""The daemon where nobody asked it: it brings in changes that it noticed."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed: without the secret, of which only a hash is kept."""

    id: str
    name: str
    role: Role
    repos: tuple[str, ...] | None
    created_at: float
    """Seconds since the epoch, as all times here."""
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    user: str = ""
    """Whose it is, by the name in the directory; it may do no more than they may."""
    requests_per_s: float | None = None
    """Most requests a second, on average over ten; ``None`` for the daemon's own limit."""

    def is_valid(self, now: float) -> bool:
        """Whether the key may be used at a time."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True, slots=True)
class NewKey:
    """An API key to be made."""

    name: str
    role: Role = Role.READER
    repos: tuple[str, ...] | None = None
    expires_at: float | None = None
    user: str = ""
    requests_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class UsageEntry:
    """One request as the query log keeps it."""

    at: float
    surface: str
    """``cli``, ``rest``, ``grpc`` or ``mcp``."""
    operation: str
    """``search``, ``context``, …"""
    subject: str
    text: str
    """The query, or empty where the settings say that it is not kept."""
    repos: tuple[str, ...]
    """Short names of the repositories of the results, best first, each once."""
    results: int
    elapsed_ms: float
    error: str = ""
    """An :class:`~conexus.errors.ErrorCode`, or empty."""


@dataclass(frozen=True, slots=True)
class UsageStats:
    """What the query log says of a span of time."""

    since: float
    requests: int
    errors: int
    empty: int
    """Requests without a result."""
    p50_ms: float
    p95_ms: float
    p99_ms: float
    by_surface: tuple[tuple[str, int], ...]
    by_operation: tuple[tuple[str, int], ...]
    by_day: tuple[tuple[str, int], ...]
    """Requests a day, as ``2026-01-31``, oldest first."""
    top_repositories: tuple[tuple[str, int], ...]
    top_queries: tuple[tuple[str, int], ...]
    empty_queries: tuple[tuple[str, int], ...]
    """The most frequent queries that found nothing."""


class JobState(StrEnum):
    """How far an index job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether it will not change any more."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class JobOrigin(StrEnum):
    """Why there is an index job."""

    ASKED = "asked"  # somebody asked for it
    WATCH = "watch"  # the tree changed, or may have while no daemon ran
    TERMINAL = "terminal"  # somebody ran `conexus index` without a daemon


@dataclass(frozen=True, slots=True)
class IndexJob:
    """A request to index a working tree, as the catalog keeps it."""

    id: str
    root: str
    repo: RepoId
    name: str
    state: JobState
    subject: str
    created_at: float
    model: str = ""
    started_at: float | None = None
    finished_at: float | None = None
    progress: IndexProgress | None = None
    report: IndexReport | None = None
    error_code: str = ""
    error: str = ""
    hint: str = ""
    origin: JobOrigin = JobOrigin.ASKED
    attempts: int = 0
    """How often it was begun: more than once where a daemon ended, or was killed, in its midst."""
    details: tuple[tuple[str, str], ...] = ()
    """Facts of the error, for programs."""
    pid: int = 0
    """The process of the terminal that does it; 0 for the daemon."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that is told of finished and failed index jobs."""

    id: str
    url: str
    created_at: float
    secret: str = field(default="", repr=False)
    """Key of the signature, or empty."""


# ------------------------------------------------------------- editions and licences


class Plan(StrEnum):
    """What one has: nothing paid, or a licence of a tier. Each has what those before it have."""

    COMMUNITY = "community"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Feature(StrEnum):
    """What can be asked of an edition. Which plan has it stands in ``conexus/editions``."""

    REPOSITORIES = "repositories"  # of which a plan has so many
    BATCH_SEARCH = "batch_search"  # and so many searches in one batch
    SEARCH = "search"
    GRAPH = "graph"
    API_KEYS = "api_keys"
    QUERY_LOG = "query_log"
    WEBHOOKS = "webhooks"
    DIRECTORY = "directory"  # users, groups, teams, projects and roles of one's own
    BOUND_KEYS = "bound_keys"  # API keys that belong to users
    KEY_RATE_LIMITS = "key_rate_limits"
    CHANGE_EVENTS = "change_events"
    CROSS_REPOSITORY_GRAPH = "cross_repository_graph"
    CONTEXT_BASED_ACCESS = "context_based_access"
    AUDIT_LOG = "audit_log"
    SINGLE_SIGN_ON = "single_sign_on"
    SCIM = "scim"
    INDEX_SYNC = "index_sync"
    HIGH_AVAILABILITY = "high_availability"
    DISTRIBUTED_CACHE = "distributed_cache"
    ENCRYPTION_AT_REST = "encryption_at_rest"
    RELIABLE_WEBHOOKS = "reliable_webhooks"
    RETENTION_RULES = "retention_rules"
    ADVANCED_ANALYTICS = "advanced_analytics"
    OWN_MODELS = "own_models"


@dataclass(frozen=True, slots=True)
class Limits:
    """Numbers of a plan. ``None`` means no limit."""

    repositories: int | None
    batch_searches: int
    event_keep_days: int
    """How long changes of the directory are kept; 0 where there are none."""
    requests_per_s: int
    """Most requests of one caller a second where the settings do not say."""


class LicenceState(StrEnum):
    """How a licence stands."""

    VALID = "valid"
    ENDING = "ending"  # valid, with 30 days or less to go
    GRACE = "grace"  # over, with all its features for seven days more
    EXPIRED = "expired"  # over: access control is enforced, what it managed stands still


@dataclass(frozen=True, slots=True)
class LicenceFacts:
    """A licence that was verified, for people."""

    id: str
    customer: str
    plan: Plan
    features: tuple[str, ...]
    """Names, or ``*`` for all of the plan."""
    max_repositories: int
    issued_at: float
    """Seconds since the epoch, as all times here."""
    not_before: float
    expires_at: float
    key_id: str
    """Of the public key that it was verified with."""
    state: LicenceState
    days_left: int
    """Whole days until it is over; negative after that."""
    is_test: bool = False
    source: str = ""
    """Where it was found, as ``file …`` or ``license.key``."""


# ------------------------------------------------------------- the directory


class DirectoryKind(StrEnum):
    """Kinds of entries of the directory."""

    USER = "user"
    GROUP = "group"
    TEAM = "team"
    PROJECT = "project"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who can have roles and API keys."""

    name: str
    email: str = ""
    active: bool = True
    """Whether they may do anything at all."""


@dataclass(frozen=True, slots=True)
class Group:
    """Users, as an organisation sorts them."""

    name: str
    members: tuple[str, ...] = ()
    """Names of users."""


@dataclass(frozen=True, slots=True)
class Team:
    """Users and groups that work together."""

    name: str
    members: tuple[str, ...] = ()
    """Names of users."""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in a project, for a user, a group or a team."""

    role: str
    """``reader``, ``writer``, ``admin`` or a role of one's own."""
    subject: str
    """As ``user:ann``, ``group:developers`` or ``team:search``."""


@dataclass(frozen=True, slots=True)
class Project:
    """Repositories, and who may do what with them."""

    name: str
    repositories: tuple[str, ...] = ()
    """Patterns of ids, as ``github.com/acme/*``; ``*`` is all of them and what is not of a repository."""
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class CustomRole:
    """A role of one's own."""

    name: str
    permissions: tuple[Permission, ...] = ()


DirectoryEntry: TypeAlias = User | Group | Team | Project | CustomRole
KIND_OF_ENTRY: dict[type[DirectoryEntry], DirectoryKind] = {
    User: DirectoryKind.USER,
    Group: DirectoryKind.GROUP,
    Team: DirectoryKind.TEAM,
    Project: DirectoryKind.PROJECT,
    CustomRole: DirectoryKind.ROLE,
}


@dataclass(frozen=True, slots=True)
class DirectoryState:
    """All entries of the directory at one moment, by name."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    teams: dict[str, Team] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    roles: dict[str, CustomRole] = field(default_factory=dict)

    def of(self, kind: DirectoryKind) -> Mapping[str, DirectoryEntry]:
        """Return the entries of a kind."""
        found: dict[DirectoryKind, Mapping[str, DirectoryEntry]] = {
            DirectoryKind.USER: self.users,
            DirectoryKind.GROUP: self.groups,
            DirectoryKind.TEAM: self.teams,
            DirectoryKind.PROJECT: self.projects,
            DirectoryKind.ROLE: self.roles,
        }
        return found[kind]


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """Something that was changed, and by whom."""

    type: str
    """As ``user.put``, ``role.removed``, ``key.created`` or ``repository.indexed``."""
    at: float
    actor: str
    """Subject of the caller."""
    target: str
    """Name of what was changed."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryChange:
    """What is to become of the directory, all of it or nothing."""

    put: tuple[DirectoryEntry, ...] = ()
    removed: tuple[tuple[DirectoryKind, str], ...] = ()
    events: tuple[ChangeEvent, ...] = ()


# ------------------------------------------------------------------------------ dependencies across repositories


class ThingKind(StrEnum):
    """What a node of the dependency graph is."""

    REPOSITORY = "repository"
    PACKAGE = "package"
    FILE = "file"
    SYMBOL = "symbol"
    ENDPOINT = "endpoint"


class TieKind(StrEnum):
    """How one thing depends on another."""

    PROVIDES = "provides"  # a package is made of a repository
    REQUIRES = "requires"  # a repository names a package in a manifest
    IMPORTS = "imports"
    REFERENCES = "references"  # code uses a definition
    CALLS = "calls"  # code calls an endpoint that another serves
    CONTAINS = "contains"  # what is changed within a thing changes the thing


@dataclass(frozen=True, slots=True)
class Thing:
    """A node of the dependency graph."""

    kind: ThingKind
    name: str
    """Id of a repository, name of a package, path of a file, qualified name of a definition, or of an endpoint its
    method and path."""
    repo: RepoId = RepoId("")
    """Where it is; empty for a package that no indexed repository provides."""
    root: str = ""
    path: str = ""
    line: int = 0
    """From 1; 0 where there is none."""
    ecosystem: str = ""
    """Of a package, see :class:`Ecosystem`."""


@dataclass(frozen=True, slots=True)
class Tie:
    """One thing depends on another, and the place that shows it."""

    kind: TieKind
    source: Thing
    """What depends."""
    target: Thing
    """On what."""
    repo: RepoId = RepoId("")
    root: str = ""
    path: str = ""
    line: int = 0
    confidence: float = 1.0
    """0 to 1: how certain it is that the place means the target."""
    detail: str = ""
    """Of a requirement its constraint and scope; of an import what is written."""
    count: int = 1
    """How many places show it."""


@dataclass(frozen=True, slots=True)
class DependenciesRequest:
    """What of the graph of all repositories is wanted."""

    repos: frozenset[RepoId] | None = None
    """Only what these have to do with; all where ``None``."""
    ecosystems: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    external: bool = False
    """Whether packages are wanted that no indexed repository provides."""
    files: bool = False
    """Whether the imports between files are wanted too."""
    limit: int = 1_000
    """Most edges: those with most places behind them."""


@dataclass(frozen=True, slots=True)
class DependencyNode:
    """A node of an answer's graph."""

    thing: Thing
    version: str = ""
    """Of a package that a repository provides."""
    dependents: int = 0
    """Repositories that depend on it directly; of a file, files."""
    dependencies: int = 0


@dataclass(frozen=True, slots=True)
class DependencyEdge:
    """An edge of an answer's graph."""

    source: int
    """Place of what depends in :attr:`DependencyGraph.nodes`."""
    target: int
    kind: TieKind
    count: int = 1
    confidence: float = 1.0
    scope: str = ""
    detail: str = ""
    path: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class DependencyGraph:
    """What depends on what across repositories."""

    nodes: tuple[DependencyNode, ...] = ()
    edges: tuple[DependencyEdge, ...] = ()
    nodes_total: int = 0
    edges_total: int = 0


@dataclass(frozen=True, slots=True)
class ImpactRequest:
    """What is about to change. One of the first three says what it is."""

    targets: tuple[str, ...] = ()
    """A repository, ``npm:react``, ``repo:path/of/file``, a definition or ``GET /users/{}``, as people write it."""
    diff: str = ""
    """A unified diff of :attr:`repo`."""
    repo: RepoId | None = None
    """Where targets are looked up first, and what the diff is of."""
    depth: int = 3
    """Most steps from what is changed."""
    limit: int = 100
    """Most hits."""
    min_confidence: float = 0.3
    """Hits whose path is less certain are left out."""
    elsewhere: bool = False
    """Whether only other repositories are of interest; paths may still lead through the changed one."""


@dataclass(frozen=True, slots=True)
class ImpactHit:
    """Something that a change may break."""

    thing: Thing
    depth: int
    """1 where it depends directly."""
    confidence: float
    """Product of those along the path."""
    ties: tuple[Tie, ...]
    """The path, from what is changed to the thing."""
    owners: tuple[str, ...] = ()
    """By CODEOWNERS."""


@dataclass(frozen=True, slots=True)
class RepositoryImpact:
    """How a repository is hit."""

    repo: RepoId
    hits: int
    direct: int
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImpactAnswer:
    """What a change may break."""

    changed: tuple[Thing, ...]
    hits: tuple[ImpactHit, ...]
    """Direct ones first, then the most certain."""
    repositories: tuple[RepositoryImpact, ...]
    """Of all hits, those beyond the limit too; most hits first."""
    total: int
    complete: bool = True
    """Whether nothing was cut off by depth or limit."""
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """How one thing depends on another by the fewest steps."""

    source: Thing
    target: Thing
    ties: tuple[Tie, ...]
    """None where neither depends on the other."""
    swapped: bool = False
    """Whether it is the other way round: what was asked for as the target depends on what was asked for as the source;
    then :attr:`source` and :attr:`target` are swapped, too."""


class DriftKind(StrEnum):
    """How uses of a package differ."""

    CONSTRAINTS = "constraints"  # what is asked for differs
    LOCKED = "locked"  # lock files name several versions
    BEHIND = "behind"  # the version that a repository here provides is not allowed


@dataclass(frozen=True, slots=True)
class PackageUse:
    """A repository names a package in a manifest."""

    repo: RepoId
    root: str
    path: str
    line: int
    constraint: str
    scope: str
    allows_provided: bool | None = None
    """Whether the version that is provided here is allowed; ``None`` where that cannot be told."""


@dataclass(frozen=True, slots=True)
class PackageDrift:
    """A package, who provides it and who uses it with which versions."""

    ecosystem: str
    name: str
    provided_by: tuple[Thing, ...]
    version: str
    kinds: tuple[DriftKind, ...]
    uses: tuple[PackageUse, ...]


@dataclass(frozen=True, slots=True)
class DriftAnswer:
    """Packages whose versions differ over repositories."""

    packages: tuple[PackageDrift, ...]
    total: int


@dataclass(frozen=True, slots=True)
class OrphansAnswer:
    """What nobody uses, and what nobody here serves."""

    repositories: tuple[Thing, ...]
    """Nothing depends on them and they on nothing here."""
    packages: tuple[Thing, ...]
    """Provided here and required by no other repository."""
    served: tuple[Thing, ...]
    """Endpoints that no indexed code calls."""
    called: tuple[Thing, ...]
    """Endpoints that are called and that no indexed code serves."""


@dataclass(frozen=True, slots=True)
class CyclesAnswer:
    """Repositories that depend on each other."""

    cycles: tuple[tuple[Tie, ...], ...]
    """Each from a repository back to it, shortest first."""
    total: int


@dataclass(frozen=True, slots=True)
class OwnerImpact:
    """What of a change hits one owner."""

    owner: str
    """As CODEOWNERS has it; empty for what nobody owns."""
    hits: int
    repositories: tuple[RepoId, ...]
    files: tuple[Thing, ...]


@dataclass(frozen=True, slots=True)
class OwnersAnswer:
    """Who has to hear of a change."""

    changed: tuple[Thing, ...]
    owners: tuple[OwnerImpact, ...]
    """Most hits first."""
    total: int
    complete: bool = True
    notices: tuple[str, ...] = ()
