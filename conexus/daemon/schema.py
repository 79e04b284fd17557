# SPDX-License-Identifier: FSL-1.1-MIT
"""The messages of every network surface, as ``proto/conexus/v1`` declares them.

REST and MCP carry them as JSON, gRPC as the generated messages; ``tests/unit/daemon/test_schema.py`` proves that
the fields of both agree. Unknown fields are refused. Lists that limit (``languages`` of a filter) mean no limit
where they are null or left out, and match nothing where they are empty. Times are seconds since the epoch.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from conexus.types import (
    AccessAction,
    ContextFormat,
    DirectoryKind,
    DriftKind,
    FileTag,
    Freshness,
    IndexStage,
    JobOrigin,
    JobState,
    LicenceState,
    Permission,
    Plan,
    Retriever,
    Role,
    SkipReason,
    SymbolKind,
    ThingKind,
    TieKind,
    WatchMode,
)

MAX_BATCH = 10_000
"""Of any edition; the one that runs may allow less."""
MAX_RESULTS = 1000
MAX_NODES = 2000
MAX_LIST = 500
MAX_EDGES = 100_000
_MAX_TARGETS = 20
_MAX_DIFF_CHARS = 3_000_000
_INT32 = 2**31 - 1
_MAX_NAMES = 200
MAX_TEXT_CHARS = 100_000  # of a question more than the first thousands are passed over, and that is said

Text: TypeAlias = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS, pattern=r"^[^\x00]*$")]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
Diff: TypeAlias = Annotated[str, StringConstraints(max_length=_MAX_DIFF_CHARS, pattern=r"^[^\x00]*$")]
GitRef: TypeAlias = Annotated[str, StringConstraints(max_length=400, pattern=r"^[^\x00]*$")]
Related: TypeAlias = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
FilePath: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=4096, pattern=r"^[^\x00]*$")]
Cursor: TypeAlias = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[A-Za-z0-9_-]*$")]
Names: TypeAlias = Annotated[list[Name], Field(max_length=_MAX_NAMES)]
Line: TypeAlias = Annotated[int, Field(ge=1, le=_INT32)]


class Message(BaseModel):
    """Base of all messages."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, use_attribute_docstrings=True, from_attributes=True, use_enum_values=False
    )


# ------------------------------------------------------------------------------ search


class Filter(Message):
    """What a search is limited to."""

    repositories: Names | None = None
    """Short names or ids, as ``flask`` or ``github.com/pallets/flask``."""
    roots: Annotated[list[FilePath], Field(max_length=_MAX_NAMES)] | None = None
    """Working trees by absolute path: tells the clones of one repository apart. For the local user alone."""
    languages: Names | None = None
    """As ``python`` or ``c++``."""
    paths: Annotated[list[FilePath], Field(max_length=_MAX_NAMES)] | None = None
    """Patterns as in a gitignore file, as ``src/**`` or ``*.py``; a path has to fit one."""
    kinds: Annotated[list[SymbolKind], Field(max_length=_MAX_NAMES)] | None = None
    """Only chunks that define something of one of these kinds."""
    tests: bool = True
    """Whether tests may be found."""
    ref: GitRef = ""
    """An indexed branch, tag or commit that is searched in the place of working trees, as ``main`` or ``v2.1``."""
    dependents_of: Related = ""
    """Only repositories that depend on this repository or package, as ``npm:react``, be it through others."""
    dependencies_of: Related = ""
    """Only repositories that this one depends on, be it through others."""


class SearchRequest(Message):
    """A question to the index."""

    query: Text
    """A question in words, a name, a path or a stack trace."""
    limit: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10
    """Most results."""
    filter: Filter = Filter()
    explain: bool = False
    """Whether results say what their score is made of."""
    cursor: Cursor = ""
    """``next_cursor`` of an earlier answer to the same question, for the results after it."""


class Factor(Message):
    """One share of a score."""

    name: str
    value: float
    detail: str = ""


class Result(Message):
    """A chunk that was found."""

    id: str
    repository: str
    root: str = ""
    """Absolute path of the working tree; empty for callers over the network."""
    path: str
    """Relative to the working tree."""
    line: int
    """The line to open."""
    start_line: int
    end_line: int
    language: str | None = None
    kind: str = "block"
    """What the chunk defines, or ``block``."""
    symbol: str | None = None
    """Qualified name of what the chunk defines or lies in."""
    signature: str | None = None
    tags: list[FileTag] = []
    score: float
    """Higher is better; scores of two answers do not compare."""
    freshness: Freshness = Freshness.FRESH
    """The chunk against the file on disk."""
    found_by: list[Retriever] = []
    text: str
    factors: list[Factor] = []


class Snapshot(Message):
    """The state of an index that an answer comes from."""

    repository: str
    root: str = ""
    id: str
    """Another one after each change of what is indexed."""
    head: str | None = None
    """Commit that was checked out when the index was last brought up to date."""
    branch: str | None = None
    indexed_at: float | None = None
    files_indexed: int
    """Files that are in as they were found."""
    files_seen: int
    """Files that were found, those that a run has still to read included."""
    indexing: bool = False
    """Whether a run writes to the index."""


class SearchResponse(Message):
    """Results, best first."""

    query: str
    complete: bool = True
    """False where an index that was asked is not finished."""
    elapsed_ms: float = 0.0
    notices: list[str] = []
    results: list[Result] = []
    next_cursor: str = ""
    """For the results after these; empty where there are none."""
    snapshots: list[Snapshot] = []
    """One for each working tree that was searched."""


class BatchSearchRequest(Message):
    """Several questions at once."""

    searches: Annotated[list[SearchRequest], Field(min_length=1, max_length=MAX_BATCH)]


class Failure(Message):
    """An error, the same on every surface."""

    code: str
    """Stable name, as ``not_indexed``."""
    message: str
    hint: str | None = None
    """What to do next."""
    details: dict[str, str] = {}
    """Facts for programs."""


class BatchSearchItem(Message):
    """The answer to one question of several: a response or an error."""

    response: SearchResponse | None = None
    error: Failure | None = None


class BatchSearchResponse(Message):
    """Answers in the order of the questions."""

    items: list[BatchSearchItem]


class ContextRequest(Message):
    """A question, and how much of a model's window the answer may take."""

    query: Text
    filter: Filter = Filter()
    max_tokens: Annotated[int, Field(ge=100, le=200_000)] = 4000
    """Hard cap, in tokens of the vocabulary cl100k_base."""
    max_bytes: Annotated[int, Field(ge=400, le=2_000_000)] = 200_000
    """Hard cap of the text in UTF-8."""
    limit: Annotated[int, Field(ge=1, le=100)] = 30
    """Most chunks that are considered."""
    cursor: Cursor = ""
    """``next_cursor`` of an earlier answer, for what it left out."""
    format: ContextFormat = ContextFormat.MARKDOWN
    """How ``text`` is written."""


class ContextBlock(Message):
    """Neighbouring chunks of one file, or a line that stands for a chunk."""

    repository: str
    root: str = ""
    path: str
    start_line: int
    end_line: int
    text: str
    chunks: list[str]
    neutralised: bool = False
    """Whether control, bidi or invisible characters were made visible."""
    before: list[str] = []
    """Signatures of what encloses the code, and imports that it uses."""
    after: list[str] = []
    """Where what it uses is defined; where it is used, if that was asked for."""
    outline: bool = False
    """Whether ``text`` is a line that stands for a chunk, whose code there was no room for."""


class ContextResponse(Message):
    """The best chunks for a question as one text."""

    text: str
    """What is to be given to a model: each block under its place."""
    blocks: list[ContextBlock]
    tokens: int
    """Estimate for ``text``."""
    left_out: int
    """Chunks whose code there was no room for."""
    complete: bool = True
    notices: list[str] = []
    next_cursor: str = ""
    snapshots: list[Snapshot] = []


class SimilarRequest(Message):
    """A place in the code, for which look-alikes are wanted."""

    repository: Name
    path: FilePath
    line: Line = 1
    limit: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 10
    filter: Filter = Filter()


# ------------------------------------------------------------------------------ reading


class SymbolsRequest(Message):
    """A name whose definitions are wanted."""

    name: Name
    """As ``send`` or ``Session.send``."""
    filter: Filter = Filter()
    """Of a filter only repositories and roots count."""
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 20
    uses: bool = False
    """Whether the lines that use the name are wanted too."""
    callees: bool = False
    """Whether what the definitions use is wanted too."""


class Definition(Message):
    """Where something is defined."""

    repository: str
    root: str = ""
    path: str
    symbol: str
    kind: SymbolKind
    line: int
    end_line: int
    signature: str = ""
    doc: str = ""
    language: str | None = None


class Use(Message):
    """A line that uses a name."""

    repository: str
    root: str = ""
    path: str
    line: int
    symbol: str = ""
    """Qualified name of the definition that the line is in; empty where it is in none."""
    symbol_line: int = 0
    """Where the name of that definition stands."""


class SymbolsResponse(Message):
    """Definitions and uses of a name."""

    definitions: list[Definition]
    uses: list[Use] = []
    complete: bool = True
    """False where there are more than were asked for."""
    callees: list[Definition] = []
    """What the definitions use, of names that hardly anything else is called."""
    snapshots: list[Snapshot] = []


class RelatedRequest(Message):
    """A file whose neighbours are wanted."""

    repository: Name
    path: FilePath
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 20


class RelatedFile(Message):
    """A file that uses the other one or is used by it."""

    repository: str
    root: str = ""
    path: str
    score: float
    reasons: list[str]


class RelatedResponse(Message):
    """Related files, the most tied first."""

    files: list[RelatedFile]


class FileRequest(Message):
    """Lines of an indexed file."""

    repository: Name
    path: FilePath
    start_line: Line = 1
    end_line: Line | None = None
    """The last line of the file where it is left out."""


class FileResponse(Message):
    """Text of a file as it is indexed: with secrets redacted."""

    repository: str
    root: str = ""
    path: str
    language: str | None = None
    start_line: int
    end_line: int
    lines_total: int
    text: str


class MapRequest(Message):
    """A repository of which an overview is wanted."""

    repository: Name
    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 30
    """Most files."""


class MapFile(Message):
    """A file and what it defines."""

    path: str
    uses: int
    """How often other files use what it defines."""
    symbols: list[Definition]


class MapResponse(Message):
    """The files of a repository that others use most."""

    repository: str
    root: str = ""
    files: list[MapFile]
    files_total: int


class GraphRequest(Message):
    """A repository whose imports are wanted."""

    repository: Name
    path: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] = ""
    """Only below this folder, relative to the tree."""
    limit: Annotated[int, Field(ge=1, le=MAX_NODES)] = 200
    """Most files or folders: those with most imports, to or from them."""
    folders: bool = False
    """Whether folders are wanted in place of files."""
    tests: bool = True
    """Whether files of tests count."""
    central: bool = False
    """Whether the most central files are wanted, in place of those with most imports."""
    cycles: bool = False
    """Whether only files in cycles of imports are wanted, with the cycles."""


class GraphNode(Message):
    """A file, or a folder with all its files."""

    path: str
    files: int
    language: str | None = None
    rank: float = 0.0
    """Share of PageRank among all files, where the central ones were asked for."""


class GraphEdge(Message):
    """One file or folder imports another."""

    source: int
    """Place of the one that imports in the list of nodes, from 0."""
    target: int
    files: int
    """Pairs of files of which the first imports the second."""


class GraphCycle(Message):
    """Files, or folders, each of which imports all others of them in the end."""

    members: list[str]
    shortest: list[str]
    """A shortest way round: each imports the next, and the last the first."""


class GraphResponse(Message):
    """What imports what within a repository."""

    repository: str
    root: str = ""
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    nodes_total: int
    edges_total: int
    cycles: list[GraphCycle] = []
    """The largest first, where they were asked for."""


# ------------------------------------------------------------------------------ dependencies across repositories


class Thing(Message):
    """A node of the dependency graph of all repositories."""

    kind: ThingKind
    name: str
    """Id of a repository, name of a package, path of a file, qualified name of a definition, method and path of an
    endpoint."""
    repository: str = ""
    """Where it is; empty for a package that no indexed repository provides."""
    root: str = ""
    path: str = ""
    line: int = 0
    """0 where there is none."""
    ecosystem: str = ""
    """Of a package: ``pypi``, ``npm``, ``go``, …"""


class Tie(Message):
    """One thing depends on another, and the place that shows it."""

    kind: TieKind
    source: Thing
    """What depends."""
    target: Thing
    """On what."""
    repository: str = ""
    root: str = ""
    path: str = ""
    line: int = 0
    confidence: float = 1.0
    """0 to 1: how certain it is that the place means the target."""
    detail: str = ""
    """Of a requirement its constraint and scope; of an import what is written."""
    count: int = 1
    """How many places show it."""


class GraphReposRequest(Message):
    """Which part of the graph of all repositories is wanted."""

    repositories: Names | None = None
    """Only what these have to do with."""
    ecosystems: Names | None = None
    """Only packages of these: ``pypi``, ``npm``, ``go``, … Then no imports and calls are told of."""
    scopes: Names | None = None
    """Only requirements of these: ``runtime``, ``development``, ``build``, ``optional``, ``locked``."""
    external: bool = False
    """Whether packages are wanted that no indexed repository provides."""
    files: bool = False
    """Whether the imports between files are wanted too."""
    limit: Annotated[int, Field(ge=1, le=MAX_EDGES)] = 1000
    """Most edges."""


class DependencyNode(Message):
    """A node of a graph."""

    thing: Thing
    version: str = ""
    """Of a package that a repository provides."""
    dependents: int = 0
    dependencies: int = 0


class DependencyEdge(Message):
    """One node depends on another."""

    source: int
    """Place of what depends in the list of nodes, from 0."""
    target: int
    kind: TieKind
    count: int = 1
    """How many places show it."""
    confidence: float = 1.0
    scope: str = ""
    """Of a requirement."""
    detail: str = ""
    path: str = ""
    """The first place that shows it."""
    line: int = 0


class DependencyGraph(Message):
    """What depends on what across repositories."""

    nodes: list[DependencyNode]
    edges: list[DependencyEdge]
    nodes_total: int
    edges_total: int


class GraphImpactRequest(Message):
    """What is about to change: names, or a diff."""

    targets: Annotated[list[Name], Field(max_length=_MAX_TARGETS)] = []
    """Repositories, packages as ``npm:react``, files as ``shop:src/cart.py``, definitions as ``Cart.total`` or
    endpoints as ``GET /users/{}``."""
    diff: Diff = ""
    """A unified diff of the repository, in the place of names."""
    repository: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""
    """Where names are looked up first, and what the diff is of."""
    depth: Annotated[int, Field(ge=1, le=10)] = 3
    """Most steps from what changes."""
    limit: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 100
    """Most hits."""
    min_confidence: Annotated[float, Field(ge=0.05, le=1)] = 0.3
    """Hits whose path is less certain are left out."""
    elsewhere: bool = False
    """Whether only other repositories are of interest."""


class ImpactHit(Message):
    """Something that a change may break."""

    thing: Thing
    depth: int
    """1 where it depends directly."""
    confidence: float
    """0 to 1: the product of those along the path."""
    ties: list[Tie]
    """The path, from what changes to the thing."""
    owners: list[str] = []
    """By CODEOWNERS."""


class RepositoryImpact(Message):
    """How a repository is hit."""

    repository: str
    hits: int
    direct: int
    owners: list[str] = []


class ImpactAnswer(Message):
    """What a change may break."""

    changed: list[Thing]
    hits: list[ImpactHit]
    """Direct ones first, then the most certain."""
    repositories: list[RepositoryImpact]
    """Of all hits, those beyond the limit too."""
    total: int
    complete: bool = True
    """Whether nothing was cut off by depth or limit."""
    notices: list[str] = []


class GraphPathRequest(Message):
    """Two things, named as for :class:`GraphImpactRequest`."""

    source: Name
    target: Name


class PathAnswer(Message):
    """How one thing depends on another by the fewest steps."""

    source: Thing
    target: Thing
    ties: list[Tie]
    """From the source to the target; none where neither depends on the other."""
    swapped: bool = False
    """Whether it is the other way round than asked for."""


class GraphDriftRequest(Message):
    """Which versions are compared."""

    package: Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")] = ""
    """All uses of this one, as ``npm:react``; empty for all packages whose versions differ."""
    limit: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 100


class PackageUse(Message):
    """A repository names a package in a manifest."""

    repository: str
    root: str = ""
    path: str
    line: int
    constraint: str
    scope: str
    allows_provided: bool | None = None
    """Whether the version that is provided here is allowed; nothing where that cannot be told."""


class PackageDrift(Message):
    """A package, who provides it and who uses it with which versions."""

    ecosystem: str
    name: str
    provided_by: list[Thing]
    version: str
    kinds: list[DriftKind]
    uses: list[PackageUse]


class DriftAnswer(Message):
    """Packages whose versions differ over repositories."""

    packages: list[PackageDrift]
    total: int


class GraphListRequest(Message):
    """How much is wanted."""

    limit: Annotated[int, Field(ge=1, le=MAX_RESULTS)] = 100
    """Most of each kind."""


class OrphansAnswer(Message):
    """What nobody uses, and what nobody here serves."""

    repositories: list[Thing]
    """Nothing depends on them and they on nothing here."""
    packages: list[Thing]
    """Provided here and required by no other repository."""
    served: list[Thing]
    """Endpoints that no indexed code calls."""
    called: list[Thing]
    """Endpoints that are called and that no indexed code serves."""


class DependencyCycle(Message):
    """From a repository back to it."""

    ties: list[Tie]


class CyclesAnswer(Message):
    """Repositories that depend on each other, the shortest cycles first."""

    cycles: list[DependencyCycle]
    total: int


class OwnerImpact(Message):
    """What of a change hits one owner."""

    owner: str
    """As CODEOWNERS has it; empty for what nobody owns."""
    hits: int
    repositories: list[str]
    files: list[Thing]
    """The first of them."""


class OwnersAnswer(Message):
    """Who has to hear of a change, most hits first."""

    changed: list[Thing]
    owners: list[OwnerImpact]
    total: int
    """Hits of the change."""
    complete: bool = True
    notices: list[str] = []


# ------------------------------------------------------------------------------ repositories


class Empty(Message):
    """No arguments, or nothing to say."""


class LanguageCount(Message):
    """Files of a language."""

    language: str
    files: int


class Repository(Message):
    """One indexed working tree."""

    repository: str
    """Id, as ``github.com/pallets/flask``."""
    name: str
    """Short name."""
    root: str = ""
    model: str
    files: int
    skipped: int
    chunks: int
    symbols: int
    languages: list[LanguageCount]
    size_bytes: int
    """Disk space of its vectors."""
    source_bytes: int
    indexed_at: float | None = None
    complete: bool
    head: str | None = None
    branch: str | None = None
    snapshot: str = ""
    """Another one after each change of what is indexed."""
    files_seen: int = 0
    """Files that were found, those that a run has still to read included."""
    files_pending: int = 0
    """Those that a run has still to read."""
    indexing: bool = False
    """Whether a run writes to the index."""
    watch: WatchMode = WatchMode.OFF
    """How changes are noticed."""
    watch_reason: str = ""
    """Why they are not noticed as the system reports them."""
    changed_at: float | None = None
    """When something last changed, as far as was noticed."""
    previous_model: str | None = None
    """Model of the generation before, where one is kept to go back to."""
    ref: str = ""
    """Branch, tag or commit whose files these are; empty for a working tree."""
    shared: bool = False
    """Whether other views of the repository have files in common with it, which are stored once."""
    gone: bool = False
    """Whether the tree or the ref is not there any more."""


class RepositoriesResponse(Message):
    """Indexed working trees, by name."""

    repositories: list[Repository]


class RepositoryRequest(Message):
    """One repository, by short name, id or the absolute path of its tree."""

    repository: Name


class RenameRequest(Message):
    """A new short name."""

    repository: Name
    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]


class RemoveResponse(Message):
    """What was removed."""

    removed: list[str]
    """Ids of repositories, one for each working tree."""


class GcRequest(Message):
    """A collection of what is not needed any more."""

    dry_run: bool = False
    """Whether to say only what would be removed."""
    everything: bool = False
    """Whether what could still be of use goes too, whatever its age: generations to go back to, cached embeddings."""


class GcResponse(Message):
    """What was removed, or would be."""

    generations: int
    """Of indexes: those that were replaced, or begun and given up."""
    orphans: int
    """Vectors that belong to nothing."""
    cached_vectors: int
    """Embeddings of models that no index has any more."""
    freed_bytes: int
    views: int = 0
    """Of worktrees and refs that are gone, where other views have most of their files."""


class WhyRequest(Message):
    """A path whose place in the index is in question."""

    path: FilePath
    """Relative to the tree."""
    repository: str = ""
    """One that is indexed."""
    root: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] = ""
    """Absolute path of a working tree, indexed or not. For the local user alone."""


class WhyResponse(Message):
    """Whether a path is indexed, and the rule that decides."""

    path: str
    included: bool
    reason: SkipReason | None = None
    rule: str
    known: bool
    """Whether the index has read the file."""


class VerifyRequest(Message):
    """A check of what is stored."""

    repository: str = ""
    """All where it is empty."""
    repair: bool = False
    """Whether to take out what is damaged, so that the next run reads it again."""


class Finding(Message):
    """Something wrong with an index."""

    repository: str
    path: str
    what: str


class VerifyResponse(Message):
    """What a check found."""

    views: int
    files: int
    chunks: int
    findings: list[Finding]
    repaired: int = 0


# ------------------------------------------------------------------------------ index jobs


class IndexRequest(Message):
    """A working tree to be indexed, or brought up to date."""

    path: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] = ""
    """Absolute path of a folder. Callers over the network name a repository instead."""
    repository: str = ""
    """One that is indexed already."""
    name: Annotated[str, StringConstraints(max_length=100)] = ""
    """Short name to give it."""
    model: Annotated[str, StringConstraints(max_length=4096, pattern=r"^[^\x00]*$")] = ""
    """Embedding model; empty for what the settings say. For the local user alone."""
    force: bool = False
    """Whether to index a home or root folder all the same."""
    ref: GitRef = ""
    """A branch, tag or commit of the repository to index in the working tree's place, without a checkout."""


class Progress(Message):
    """How far an index job is."""

    stage: IndexStage
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    chunks: int
    skipped: int
    elapsed_s: float
    eta_s: float | None = None
    bytes_per_s: float = 0.0
    """Mean rate so far."""


class SkippedFile(Message):
    """A file or folder that is left out."""

    path: str
    reason: SkipReason
    detail: str = ""


class FileProblem(Message):
    """A file that is in the index in a lesser form."""

    path: str
    reason: str


class Report(Message):
    """What an index job did."""

    repository: str
    name: str
    root: str = ""
    files_total: int
    files_indexed: int
    files_unchanged: int
    files_deleted: int
    chunks_written: int
    chunks_total: int
    symbols_total: int
    redactions: int
    languages: list[LanguageCount]
    skipped: list[SkippedFile]
    problems: list[FileProblem]
    elapsed_ms: float
    bytes_read: int
    cancelled: bool = False
    rebuilt: str = ""
    notice: str = ""
    """That the edition's places for repositories are nearly all taken, where this job took one."""


class Job(Message):
    """A request to index a working tree."""

    id: str
    repository: str
    name: str
    root: str = ""
    state: JobState
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    progress: Progress | None = None
    report: Report | None = None
    error: Failure | None = None
    origin: JobOrigin = JobOrigin.ASKED
    """Whether somebody asked for it, or the tree changed."""
    attempts: int = 0
    """How often it was begun: more than once where the daemon ended in its midst."""


class JobRequest(Message):
    """One index job."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9-]+$")]


class JobsRequest(Message):
    """A page of a list of jobs."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIST)] = 50
    cursor: Cursor = ""


class JobsResponse(Message):
    """Jobs, newest first."""

    jobs: list[Job]
    next_cursor: str = ""


class EstimateResponse(Message):
    """What indexing a tree would do."""

    repository: str
    name: str
    root: str = ""
    files_to_read: int
    bytes_to_read: int
    files_unchanged: int
    files_to_delete: int
    skipped: list[SkippedFile]
    estimated_s: float
    estimated_bytes: int
    rebuild: str = ""


# ------------------------------------------------------------------------------ the daemon


class StatusResponse(Message):
    """The daemon and what it serves."""

    version: str
    api: str = "v1"
    edition: str
    pid: int
    started_at: float
    data_dir: str = ""
    """For the local user alone."""
    rest: str = ""
    """Address, as ``http://127.0.0.1:7520``."""
    grpc: str = ""
    mcp: str = ""
    repositories: int
    """Working trees that the caller may read."""
    jobs_running: int
    jobs_queued: int
    incomplete: list[str] = []
    """Names of those whose index is not finished."""
    followed: int = 0
    """Working trees whose changes are noticed."""
    polled: list[str] = []
    """Names of those of them that are looked at again and again, since the system does not report their changes."""


class Event(Message):
    """Something that happened."""

    type: str
    """``job``: an index job changed; ``stopping``: the daemon is about to end."""
    at: float
    job: Job | None = None


class KeyRequest(Message):
    """An API key to be made."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    role: Role = Role.READER
    repositories: Names | None = None
    """Patterns of repository ids, as ``github.com/acme/*``."""
    expires_at: Annotated[float, Field(ge=0, le=1e11)] | None = None
    user: Annotated[str, StringConstraints(max_length=100)] = ""
    """Whose it is, by the name in the directory: it may do no more than they may."""
    requests_per_s: Annotated[float, Field(ge=0.001, le=1e6)] | None = None
    """Most requests a second, on average over ten."""


class Key(Message):
    """An API key without its secret."""

    id: str
    name: str
    role: Role
    repositories: list[str] | None = None
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None
    user: str = ""
    requests_per_s: float | None = None
    refused: str = ""
    """Why it lets nobody in though it is neither revoked nor expired, as when its user is locked out."""


class CreatedKey(Message):
    """A new API key, with its secret: it is shown this once."""

    key: Key
    secret: str


class KeysResponse(Message):
    """API keys, oldest first."""

    keys: list[Key]


class KeyId(Message):
    """One API key."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


class LogRequest(Message):
    """A look into the query log."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 100
    since: Annotated[float, Field(ge=0, le=1e11)] = 0.0
    only_empty: bool = False
    """Only requests without a result."""


class LogEntry(Message):
    """One request."""

    at: float
    surface: str
    operation: str
    subject: str
    text: str
    repos: list[str]
    results: int
    elapsed_ms: float
    error: str = ""


class LogResponse(Message):
    """Requests, newest first."""

    entries: list[LogEntry]


class StatsRequest(Message):
    """Which figures are wanted."""

    since: Annotated[float, Field(ge=0, le=1e11)] = 0.0
    top: Annotated[int, Field(ge=1, le=100)] = 10


class Count(Message):
    """How often something was."""

    name: str
    count: int


class StatsResponse(Message):
    """Figures of the query log."""

    since: float
    requests: int
    errors: int
    empty: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    by_surface: list[Count]
    by_operation: list[Count]
    by_day: list[Count]
    top_repositories: list[Count]
    top_queries: list[Count]
    empty_queries: list[Count]


class WebhookRequest(Message):
    """An address to be told of finished and failed index jobs."""

    url: Annotated[str, StringConstraints(min_length=8, max_length=2000, pattern=r"^https?://[^\x00-\x20]+$")]
    secret: Annotated[str, StringConstraints(max_length=500)] = ""
    """Key of the signature, as ``whsec_…``; empty for none."""


class Webhook(Message):
    """An address that is told."""

    id: str
    url: str
    created_at: float
    signed: bool


class WebhooksResponse(Message):
    """Addresses, oldest first."""

    webhooks: list[Webhook]


class WebhookId(Message):
    """One address."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9_-]+$")]


# ------------------------------------------------------------------------------ editions


class FeatureState(Message):
    """Whether a feature may be used."""

    name: str
    available: bool
    required_plan: Plan
    """The first that has it."""
    planned: bool
    """Whether it is of a later version."""


class Licence(Message):
    """A licence that was verified."""

    id: str
    customer: str
    plan: Plan
    features: list[str]
    """Names, or ``*`` for all of the plan."""
    max_repositories: int
    issued_at: float
    not_before: float
    expires_at: float
    key_id: str
    """Of the public key that it was verified with."""
    state: LicenceState
    days_left: int
    """Whole days until it is over; negative after that."""
    test: bool
    """Whether it is signed with the published test key."""


class FeaturesResponse(Message):
    """What the edition has, and how much of it."""

    edition: str
    plan: Plan
    max_repositories: int | None = None
    """``null`` for no limit."""
    repositories: int
    """How many are indexed, counted by identity."""
    batch_searches: int
    """Most searches of one batch."""
    features: list[FeatureState]
    notices: list[str]
    """What has to be said of the licence."""
    upgrade_url: str
    licence: Licence | None = None


EntryName: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
"""Of an entry of the directory, which takes only names that need no quotes."""
EntryNames: TypeAlias = Annotated[list[EntryName], Field(max_length=10_000)]


class User(Message):
    """Somebody who can have roles and API keys."""

    name: EntryName
    email: Annotated[str, StringConstraints(max_length=300)] = ""
    active: bool = True
    """Whether they may do anything at all."""


class Group(Message):
    """Users, as an organisation sorts them."""

    name: EntryName
    members: EntryNames = []
    """Names of users."""


class Team(Message):
    """Users and groups that work together."""

    name: EntryName
    members: EntryNames = []
    """Names of users."""
    groups: EntryNames = []


class Grant(Message):
    """A role in a project."""

    role: EntryName
    """``reader``, ``writer``, ``admin`` or one of your own."""
    subject: Name
    """As ``user:ann``, ``group:developers`` or ``team:search``."""


class Project(Message):
    """Repositories, and who may do what with them."""

    name: EntryName
    repositories: Annotated[list[Name], Field(max_length=1000)] = []
    """Patterns of ids, as ``github.com/acme/*``; ``*`` is all of them, and what is of no repository."""
    grants: Annotated[list[Grant], Field(max_length=1000)] = []


class CustomRole(Message):
    """A role of your own."""

    name: EntryName
    permissions: list[Permission] = []


class DirectoryResponse(Message):
    """All users, groups, teams, projects and roles, each by name."""

    users: list[User]
    groups: list[Group]
    teams: list[Team]
    projects: list[Project]
    roles: list[CustomRole]


class DirectoryName(Message):
    """One entry of the directory."""

    kind: DirectoryKind
    name: EntryName


class ChangesRequest(Message):
    """A look at the newest changes."""

    limit: Annotated[int, Field(ge=1, le=10_000)] = 100


class Change(Message):
    """Something that was changed, and by whom."""

    type: str
    """As ``user.put``, ``role.removed``, ``key.created`` or ``repository.added``."""
    at: float
    actor: str
    target: str
    detail: str = ""


class ChangesResponse(Message):
    """Changes, newest first."""

    changes: list[Change]


# ------------------------------------------------------------------------------ access policies


Words: TypeAlias = Annotated[list[Name], Field(max_length=1000)]
Hour: TypeAlias = Annotated[int, Field(ge=0, le=23)]
Weekday: TypeAlias = Annotated[int, Field(ge=1, le=7)]
ShortText: TypeAlias = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]


class AccessPolicy(Message):
    """Rules under a name."""

    name: EntryName
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS)]
    """In Cedar."""


class FileLabel(Message):
    """A name for files, which rules can speak of."""

    name: EntryName
    """As ``confidential``."""
    paths: Annotated[list[FilePath], Field(max_length=1000)] = []
    """Patterns of paths; ``*`` stands for anything, slashes included."""
    repositories: Words = []
    """Patterns of repository ids; all where there is none."""


class Claims(Message):
    """What a signed token says of a caller and of the device that they use. What was not said is not set."""

    mfa: bool | None = None
    """Whether they signed in with more than one factor."""
    managed: bool | None = None
    """Of the device, as those below."""
    compliant: bool | None = None
    encrypted: bool | None = None
    platform: ShortText = ""
    """As ``linux``."""


class RequestFacts(Message):
    """What rules are told of a request, beside who makes it. What is not set is as it is now and here."""

    hour: Hour | None = None
    weekday: Weekday | None = None
    """From 1, Monday, to 7."""
    address: ShortText = ""
    client: ShortText = ""
    """``rest``, ``grpc``, or ``mcp``: an agent."""
    claims: Claims | None = None
    keys: Words = []
    """Names of API keys that are nobody's, to be looked at beside all users."""


class PolicyCase(Message):
    """A test of policies: what the rules have to say to a question."""

    name: Name
    path: FilePath
    repository: Name
    """Its id."""
    allowed: bool
    action: AccessAction = AccessAction.READ
    user: ShortText = ""
    """Of the user; somebody else's where it is empty."""
    groups: Words = []
    teams: Words = []
    language: ShortText = ""
    branch: ShortText = ""
    owners: Words = []
    """As in CODEOWNERS."""
    hour: Hour = 12
    weekday: Weekday = 1
    """From 1, Monday, to 7."""
    address: ShortText = ""
    """That of the machine itself where it is empty."""
    client: ShortText = ""
    """``rest``, ``grpc`` or ``mcp``."""
    claims: Claims | None = None


class PolicySet(Message):
    """Everything that decides who may see which files."""

    policies: Annotated[list[AccessPolicy], Field(max_length=1000)] = []
    labels: Annotated[list[FileLabel], Field(max_length=1000)] = []
    cases: Annotated[list[PolicyCase], Field(max_length=1000)] = []


class PoliciesRequest(Message):
    """A look at a version."""

    number: Annotated[int, Field(ge=0, le=_INT32)] | None = None
    """That in force where it is not given."""


class PolicyVersion(Message):
    """A set of policies as it was put in force."""

    number: int
    """0 is that before the first: without any rule."""
    at: float
    by: str = ""
    note: str = ""
    policies: PolicySet


class PutPoliciesRequest(Message):
    """New policies, in the place of all that are in force."""

    policies: PolicySet
    note: ShortText = ""
    """Why, for the history."""
    expected: Annotated[int, Field(ge=0, le=_INT32)] | None = None
    """The number of the version that they replace; whatever it is where it is not given."""
    dry_run: bool = False
    """Whether nothing is to be changed."""
    simulated: RequestFacts | None = None
    """Of a dry run: the requests for which the difference is wanted."""


class CaseResult(Message):
    """What the rules say to a test."""

    case: PolicyCase
    allowed: bool
    passed: bool
    reasons: list[str] = []
    """Policies that decided, or why nothing could be decided."""


class AccessDifference(Message):
    """What a change of the policies gives a user or takes from them, in one repository."""

    user: str
    repository: str
    action: AccessAction
    gained: int
    """Files."""
    lost: int
    examples: list[str] = []
    """Some of the paths, with a plus or a minus before each."""


class PolicyReport(Message):
    """What a change of the policies is, or would be."""

    version: PolicyVersion
    results: list[CaseResult] = []
    differences: list[AccessDifference] = []
    """Of a dry run."""
    applied: bool = False


class PolicyHistoryRequest(Message):
    """A look at the history."""

    limit: Annotated[int, Field(ge=1, le=500)] = 20


class PolicyHistoryResponse(Message):
    """Versions, newest first."""

    versions: list[PolicyVersion]


class TestPoliciesRequest(Message):
    """Policies to test."""

    policies: PolicySet | None = None
    """Those in force where it is not given."""


class TestPoliciesResponse(Message):
    """What the rules say to their tests."""

    results: list[CaseResult]


class ExplainAccessRequest(Message):
    """May a user do something with a file?"""

    user: EntryName
    repository: Name
    """A short name or an id."""
    path: FilePath
    action: AccessAction = AccessAction.READ
    hour: Hour | None = None
    """The present one where it is not given."""
    weekday: Weekday | None = None
    """From 1, Monday, to 7; the present one where it is not given."""
    address: ShortText = ""
    client: ShortText = ""
    claims: Claims | None = None


class ExplainAccessResponse(Message):
    """Whether, and why."""

    allowed: bool
    granted: bool
    """Whether the directory lets the user read the repository at all."""
    reasons: list[str] = []
    """Policies that decided."""
    errors: list[str] = []
    """What went wrong in deciding; then nothing is allowed."""
    version: int
    """Of the policies."""
    groups: list[str] = []
    teams: list[str] = []
    language: str = ""
    branch: str = ""
    labels: list[str] = []
    owners: list[str] = []
    hour: int
    weekday: int
    address: str = ""
    client: str = ""
    claims: Claims | None = None
    """Those that rules were told of."""


# ------------------------------------------------------------------------------ the audit log


class AuditRequest(Message):
    """Which records are wanted. What is not set does not matter."""

    user: Annotated[str, StringConstraints(max_length=200)] = ""
    """A user, or the subject of a caller that is none."""
    action: Annotated[str, StringConstraints(max_length=100)] = ""
    """As ``search`` or ``put_policies``."""
    repository: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Its id."""
    text: Annotated[str, StringConstraints(max_length=1000)] = ""
    """Part of what was asked or shown."""
    since: Annotated[float, Field(ge=0, le=1e11)] | None = None
    """Seconds since the epoch."""
    until: Annotated[float, Field(ge=0, le=1e11)] | None = None
    denied: bool = False
    """Only what was not allowed."""
    limit: Annotated[int, Field(ge=1, le=1000)] = 20
    """Most records."""


class AuditRecord(Message):
    """One line of the log. What was erased or is too old is empty."""

    seq: int
    """From 1, without gaps."""
    at: float
    """Seconds since the epoch."""
    action: str
    outcome: str
    """``ok``, or the code of the error."""
    allowed: bool
    """False where it was refused for want of a right, or for wrong credentials."""
    surface: str
    """``rest``, ``grpc``, ``mcp`` or ``cli``; empty for a command without a daemon."""
    results: int
    """How much the answer showed, also beyond ``shown``."""
    policy: int
    """Version of the access policies in force; 0 for none."""
    repositories: list[str] = []
    """Their ids."""
    shown: list[str] = []
    """As ``repository:path:first-last``."""
    subject: str = ""
    user: str = ""
    key: str = ""
    """Id of the API key."""
    address: str = ""
    client: str = ""
    """``mcp`` for an agent."""
    request: str = ""
    """Id of the request."""
    text: str = ""
    """The question: as it was, ``hmac:`` and a keyed hash, or empty, by the settings."""
    asked: str = ""
    """The other arguments, as JSON."""
    state: str = "whole"
    """``whole``, ``erased`` (without who and what was asked) or ``expired`` (the hash alone)."""
    claims: list[str] = []
    """What a signed token said of the caller, as ``mfa=true``."""


class AuditResponse(Message):
    """Records, newest first."""

    records: list[AuditRecord]


class VerifyAuditRequest(Message):
    """A check of the whole log, with the heads of the second place that the settings name."""


class AuditFinding(Message):
    """Something in the log that was not written so."""

    seq: int
    """The record, or the first of several that it can be."""
    last: int
    what: str


class AuditVerdict(Message):
    """What a check found."""

    sound: bool
    """Whether nothing was found."""
    records: int
    root: str
    """Hash of the tree over all records (RFC 6962), in hex."""
    heads: int
    """Signed heads of the log that were checked."""
    checkpoints: int
    """Heads of the second place that were checked."""
    erased: int
    expired: int
    findings: list[AuditFinding] = []
