# SPDX-License-Identifier: FSL-1.1-MIT
"""The use cases of Conexus behind one object: access, work, audit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import field, replace
from pathlib import Path
from typing import TypeVar

from conexus.config import StoreOptions
from conexus.context_service import Check, ProgressListener, check_name
from conexus.edition import Edition, Sight
from conexus.errors import (
    AccessDenied,
    ConexusError,
    InvalidRequest,
    NotFound,
    RepositoryNotIndexed,
    StoreBusy,
    StoreDamaged,
    StoreError,
)
from conexus.indexing.pipeline import Indexer, forget, release, repair_unfinished
from conexus.indexing.places import Places
from conexus.indexing.verify import check_view
from conexus.lexical import name_key
from conexus.ports import (
    Catalog,
    DependencyFacts,
    Locks,
    SearchableView,
    SourceTree,
    VectorShard,
    VectorStore,
)
from conexus.search.dependency_places import places_of
from conexus.search.engine import SearchEngine
from conexus.search.globs import matcher
from conexus.search.packing import pack
from conexus.search.query import Wanted, analyse, wanted_beside
from conexus.search.reading import CodeReader
from conexus.search.trims import Trims
from conexus.types import (
    ALL_REPOSITORIES,
    DAEMON_ITSELF,
    AccessAction,
    AuditEvent,
    ChangeEvent,
    Checkout,
    Chunk,
    ChunkId,
    Collected,
    ContextRequest,
    ContextResponse,
    CyclesAnswer,
    DependenciesRequest,
    DependencyGraph,
    DriftAnswer,
    FileTag,
    FileText,
    GraphRequest,
    Hit,
    ImpactAnswer,
    ImpactRequest,
    ImportGraph,
    IndexedView,
    IndexEstimate,
    IndexId,
    IndexInfo,
    IndexReport,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Permission,
    Place,
    Principal,
    RelatedFile,
    RepoId,
    RepositoryMap,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    Snapshot,
    Surroundings,
    SymbolAnswer,
    Verdict,
    VerifyFinding,
    VerifyReport,
    ViewStatus,
)
from conexus.values import dataclass

IndexerFactory = Callable[[Checkout, str], Indexer]
"""Gives the indexer for a tree and a model, see :meth:`LocalService.index`."""

TreeFactory = Callable[[Checkout], SourceTree]
_Answer = TypeVar("_Answer")
_Run = Callable[[SearchRequest, Sequence[SearchableView]], SearchResponse]

_FIRST_VECTORS_S = 5.0  # a run makes its vectors right after its entry in the catalog
_POLL_S = 0.01
_BRIEFLY_S = 0.2  # others that search are done then
_TRIES = 3
_LARGE_SHARE = 0.1
_KEPT_GENERATION_S = 7 * 86_400.0
_COMMITS, _REFS = "commits/", ("refs/", "refs/heads/", "refs/tags/", "refs/remotes/")
_LEAST_DIGITS = 7  # of a commit
_USERS = 2  # callers or tests that a packed answer has for certain where they are asked for
_EXPLAINED = 12  # of the hits of a packed answer, those that get what stands around them


def _go_on() -> None:
    """Never stop."""


@dataclass(eq=False)
class _Caller:
    """Who asks, and what for; in one request."""

    who: Principal
    action: AccessAction
    known: list[IndexedView] = field(default_factory=list)
    """The views that there were, when it was last found out what the caller may see of them."""
    seen: list[IndexedView] = field(default_factory=list)
    """What the caller may see of these."""


@dataclass(eq=False)
class _Held:
    """The indexes of a repository as this process holds them: its views share files."""

    stack: ExitStack = field(default_factory=ExitStack)
    gate: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one thread that takes the lock or opens the vectors."""
    writing: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one thread that changes the index."""
    writes: int = 0
    """Changes that threads of this process have made."""
    users: int = 0
    locked: bool = False
    beside: str = ""
    """Who changes the index meanwhile, where this is searched without the lock."""
    shards: dict[IndexId, VectorShard] = field(default_factory=dict)
    """Generations that are open for searches: live ones, and others that were it until just now."""

    def close_others(self, live: Collection[IndexId]) -> None:
        """Let go of all generations but some."""
        for index in self.shards.keys() - set(live):
            self.shards.pop(index).close()

    def close(self) -> None:
        """Let go of everything."""
        for shard in self.shards.values():
            self.stack.callback(shard.close)
        self.shards = {}
        self.stack.close()


@dataclass(eq=False)
class LocalService:
    """Runs the use cases in this process. Threads may share it."""

    catalog: Catalog
    store: VectorStore
    locks: Locks
    trees: TreeFactory
    indexers: IndexerFactory
    engine: SearchEngine
    reader: CodeReader
    facts: DependencyFacts
    edition: Edition
    options: StoreOptions
    places: Places
    is_gone: Callable[[Path, str], bool] = lambda _root, _ref: False
    """Says of a view, by its root and ref, whether its files are not there any more."""
    keep_open: bool = False
    """Whether indexes stay open between calls: faster, but keeps other processes out until :meth:`close`."""
    ended: Callable[[], None] = lambda: None
    """Called at :meth:`close`: to let go of what is kept between calls."""
    _trims: Trims = field(init=False)
    _held: dict[RepoId, _Held] = field(default_factory=dict)
    _mutex: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._trims = Trims(self.catalog, self._text_of, _is_on_disk)

    def _text_of(self, view: IndexedView, path: str) -> str:
        if view.live is None:
            return ""
        try:
            return self.reader.text(view, view.live, path, (1, None)).text
        except (NotFound, InvalidRequest):  # it was left out, or is empty
            return ""

    # ------------------------------------------------------------------- indexing

    def index(
        self,
        checkout: Checkout,
        who: Principal,
        listener: ProgressListener = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        model: str = "",
        changed: Collection[str] | None = None,
    ) -> IndexReport:
        """Bring the index of a working tree in line with it.

        Args:
            checkout: The tree.
            who: Who asks.
            listener: Told of the progress.
            is_cancelled: Asked between files.
            model: Embedding model, as the setting ``index.model``; empty for what the settings say.
            changed: Paths that alone may have changed since the last run; all may where this is ``None``.

        Raises:
            FeatureNotAvailable: The edition has no place for one more repository. Nothing was done.
            RepositoryNotIndexed: It was removed while this waited for its lock.
            StoreBusy: Another process, or another thread of this one, works on it.
            DiskFull: There is too little space; what was done is kept.
            AccessDenied: The caller may not write to the repository.
        """
        with self._attempt(who, "index", repos=(checkout.repo,)):
            return self._index(checkout, who, listener, is_cancelled, model, changed)

    def _index(
        self,
        checkout: Checkout,
        who: Principal,
        listener: ProgressListener,
        is_cancelled: Callable[[], bool],
        model: str,
        changed: Collection[str] | None,
    ) -> IndexReport:
        self.edition.access.require_write(who, checkout.repo)
        self.edition.audit.require()
        self.catalog.require_in_place()
        self.places.require(checkout.repo, checkout.root)  # before a lock is waited for; what counts comes later
        is_new = not any(view.root == checkout.root for view in self.catalog.views())
        if not self.keep_open:
            self._release_idle(checkout.repo)
        with self._holding(checkout, "indexing") as held, self._writing(held, checkout.root):
            if not is_new and all(view.root != checkout.root for view in self.catalog.views()):
                raise RepositoryNotIndexed("the index was removed meanwhile", hint="index it again: conexus index PATH")
            if changed is not None and self.keep_open:
                self._keep_open(held, checkout.root)
            report = self.indexers(checkout, model).run(self.trees(checkout), listener, is_cancelled, changed)
            self._drop_gone(checkout.repo, checkout.root)
        if who != DAEMON_ITSELF:
            self._note_use({checkout.repo})
        if report.chunks_written > report.chunks_total * _LARGE_SHARE:
            self._release_idle(checkout.repo)  # after many changes the vectors are opened in another form
        self._record(who, "index", repos=(checkout.repo,), outcome="cancelled" if report.cancelled else "ok")
        if is_new:
            self._publish(who, "repository.added", checkout.repo)
        return report

    def _record(
        self,
        who: Principal,
        action: str,
        text: str = "",
        *,
        repos: tuple[str, ...] = (),
        shown: tuple[str, ...] = (),
        outcome: str = "ok",
    ) -> None:
        """Have a use on record before its answer leaves. In a daemon each request is recorded where it comes in."""
        if not self.edition.audit.is_on:
            return
        from conexus.parsing.secrets import redact  # noqa: PLC0415 -- brings many patterns

        if not repos:
            repos = tuple(dict.fromkeys(one.partition(":")[0] for one in shown))
        told = redact(text)[0]
        event = AuditEvent(
            who, action, time.time(), outcome=outcome, text=told, repos=repos, shown=shown, results=len(shown)
        )
        self.edition.audit.record(event)

    @contextmanager
    def _attempt(self, who: Principal, action: str, text: str = "", repos: tuple[str, ...] = ()) -> Iterator[None]:
        """Have on record what ends with an error; what is answered or done :meth:`_record` is told of."""
        try:
            yield
        except ConexusError as error:
            self._record(who, action, text, repos=repos, outcome=error.code.value)
            raise

    def _publish(self, who: Principal, change: str, repo: RepoId, detail: str = "") -> None:
        self.edition.events.publish(ChangeEvent(change, time.time(), who.subject, repo, detail))

    def require_place(self, checkout: Checkout) -> None:
        """Return if a working tree may be indexed as far as the edition's places go.

        Raises:
            FeatureNotAvailable: It is of one repository more than there are places.
        """
        self.places.require(checkout.repo, checkout.root)

    def drop_gone(self, repo: RepoId, who: Principal) -> int:
        """Drop the views of a repository whose tree or ref is gone, where other views have most of their files.

        Returns:
            How many there were.

        Raises:
            StoreBusy: Another process works on the repository.
            AccessDenied: The caller may not write to it.
        """
        gone = self._gone(repo)
        if not gone:
            return 0
        self.edition.access.require_write(who, repo)
        with self._holding(gone[0], "collecting") as held, self._writing(held, gone[0].root):
            return self._drop_gone(repo)

    def _gone(self, repo: RepoId, but: Path | None = None) -> list[IndexedView]:
        """Return the views of a repository that can be dropped.

        A tree that nothing is shared with is kept, or with refs of its own clone only: its disk may come back, and to
        index it anew takes long. One that a killed process left without any index is not.
        """
        all_views = [view for view in self.catalog.views() if view.repo == repo]
        views = [view for view in all_views if view.live is not None]
        gone = [
            view
            for view in views
            if view.root != but
            and view.live is not None
            and view.live.pool is not None
            and self.is_gone(view.root, view.ref)
        ]
        empty = [
            view
            for view in all_views
            if view.live is None and view.building is None and self.is_gone(view.root, view.ref) and view.root != but
        ]
        return empty + [
            view
            for view in gone
            if view.ref or any(one not in gone and not one.root.is_relative_to(view.root) for one in views)
        ]

    def _drop_gone(self, repo: RepoId, but: Path | None = None) -> int:
        gone = self._gone(repo, but)
        for view in gone:
            forget(self.catalog, self.store, view)
        return len(gone)

    def estimate(self, checkout: Checkout, model: str = "") -> IndexEstimate:
        """Say what :meth:`index` would do. Changes nothing.

        Raises:
            FeatureNotAvailable: It would be refused.
        """
        self.places.require(checkout.repo, checkout.root)
        return self.indexers(checkout, model).estimate(self.trees(checkout))

    # ------------------------------------------------------------------- searching

    def search(self, request: SearchRequest, who: Principal, check: Check = _go_on) -> SearchResponse:
        """Return the chunks that fit the request and that ``who`` may read.

        Raises:
            RepositoryNotIndexed: None of what the request is limited to is indexed.
            QueryError: The query cannot be understood.
            StoreDamaged: An index cannot be read.
            StoreBusy: Another process works on the index; where several are searched, it is left out with a notice.
        """
        with self._attempt(who, "search", request.text):
            response = self._search(request, _Caller(who, AccessAction.SEARCH), check)
        self._record(who, "search", request.text, shown=_shown(response.hits))
        return response

    def _search(self, request: SearchRequest, caller: _Caller, check: Check) -> SearchResponse:
        response = self._searched(request, caller, lambda narrowed, views: self.engine.run(narrowed, views, check))
        self._note_use({hit.chunk.repo for hit in response.hits})
        return response

    def similar(self, place: Place, request: SearchRequest, who: Principal, check: Check = _go_on) -> SearchResponse:
        """Return the chunks most like the one at a place; the text of the request plays no part.

        Raises:
            RepositoryNotIndexed: The place's tree is not indexed, or none of what the request is limited to is.
            NotFound: The index has nothing at the place.
        """
        with self._attempt(who, "similar", f"{place.path}:{place.line}"):
            caller = _Caller(who, AccessAction.SEARCH)
            view, index = self._readable(place.root, caller)
            ids = self.reader.chunks_at(index, place.path, place.line)
            origin = self.catalog.chunks_by_id(index.id, ids).get(ids[0]) if ids else None
            if origin is None:
                raise NotFound(
                    f"the index of {view.name} has nothing at {place.path}:{place.line}",
                    hint="`conexus why FILE` says whether a file is indexed",
                )
            response = self._searched(
                request, caller, lambda narrowed, views: self.engine.similar(origin, narrowed, views, check)
            )
            self._note_use({hit.chunk.repo for hit in response.hits})
        self._record(who, "similar", f"{place.path}:{place.line}", shown=_shown(response.hits))
        return response

    def context(self, request: ContextRequest, who: Principal, check: Check = _go_on) -> ContextResponse:
        """Return the best chunks for a question as one text, within a budget.

        Raises:
            RepositoryNotIndexed: As :meth:`search`.
            QueryError: As :meth:`search`.
        """
        with self._attempt(who, "context", request.search.text):
            caller = _Caller(who, AccessAction.CONTEXT)
            found = self._search(request.search, caller, check)
            check()
            considered, order = self._with_users(found.hits, request.search, caller)
            positions = order if request.only is None else request.only
            chosen = [position for position in positions if position < len(considered)]
            hits = [considered[position] for position in chosen]
            around = self._surroundings(hits[:_EXPLAINED], request.search.text, caller, check)
            packed = pack(hits, request.max_tokens, request.max_bytes, around, request.style)
            left_out = tuple(chosen[position] for position in packed.left_out)
        self._record(who, "context", request.search.text, shown=_shown(hits))
        return ContextResponse(
            packed.text, packed.blocks, packed.tokens, left_out, found.complete, found.notices, found.snapshots
        )

    def _with_users(
        self, hits: Sequence[Hit], request: SearchRequest, caller: _Caller
    ) -> tuple[Sequence[Hit], list[int]]:
        """Add what calls or tests a definition to the hits where the question asks for that.

        Returns:
            The hits, new ones last; and the order in which they count: the definition, what uses it, the others.
        """
        order = list(range(len(hits)))
        query = analyse(request.text)
        beside = wanted_beside(query)
        if beside is None:
            return hits, order
        names = set(map(name_key, query.identifiers or query.names))  # in "who calls send_it" no `calls` is meant
        defining = [place for place in order if hits[place].chunk.symbol and hits[place].chunk.kind != "block"]
        named = [place for place in defining if name_key(hits[place].chunk.symbol.rpartition(".")[2]) in names]
        first = next(iter(named if query.identifiers else named or defining), None)
        readable = self._views(caller) if first is not None else []
        view = next((one for one in readable if first is not None and str(one.root) == hits[first].root), None)
        if first is None or view is None or view.live is None:
            return hits, order
        users = self.reader.users(view.live, hits[first].chunk, tests=beside is Wanted.TESTS)
        chunks = self.catalog.chunks_by_id(view.live.id, [chunk for chunk, _ in users])
        place_of = {(hit.root, hit.chunk.id): place for place, hit in enumerate(hits)}
        added: list[Hit] = []
        places: list[int] = []
        for chunk, line in users:
            if len(places) == _USERS:
                break
            own = (str(view.root), chunks[chunk].chunk.id if chunk in chunks else chunk)
            if own in place_of:
                places.append(place_of[own])
            elif chunk in chunks and _fits(chunks[chunk].chunk, request.where):
                places.append(len(hits) + len(added))
                added.append(self.engine.hit_at(view, chunks[chunk], line))
        leading = [first, *places]
        return (*hits, *added), [*leading, *(place for place in order if place not in leading)]

    def _surroundings(
        self, hits: Sequence[Hit], question: str, caller: _Caller, check: Check
    ) -> dict[ChunkId, Surroundings]:
        """Return what a reader needs beside hits, of trees that are there still."""
        live = {str(view.root): view.live for view in self._views(caller) if view.live is not None}
        stems = frozenset(analyse(question).stems)
        found = {}
        for hit in hits:
            check()
            if (index := live.get(hit.root)) is not None:
                found[hit.chunk.id] = self.reader.surroundings(index, hit.chunk, stems)
        return found

    def _note_use(self, repos: Set[RepoId]) -> None:
        with suppress(StoreError):  # an answer is worth more than a note of it
            self.catalog.note_use(repos, time.time())

    def _searched(self, request: SearchRequest, caller: _Caller, run: _Run) -> SearchResponse:
        where = self._within_graph(caller.who, request.where)
        narrowed = replace(request, where=self.edition.access.narrow(caller.who, where))
        views = self._views_for(narrowed, caller)
        with ExitStack() as stack:
            held: dict[int, _Held] = {}
            busy: list[str] = []
            for view in views:
                try:
                    held[view.id] = self._hold_to_search(stack, view)
                except StoreBusy as exc:
                    if not held and view is views[-1]:
                        raise  # it was the only one, or they all are busy
                    busy.append(f"{view.name} is left out: {exc.message}")
            response = self._answer(narrowed, held, run, caller)
            searched = [(view, view.live) for view in self._views(caller) if view.id in held and view.live is not None]
            beside = {view.repo: held[view.id].beside for view, _ in searched if held[view.id].beside}
            response = _with_snapshots(response, self._snapshots(searched, beside), beside.values())
        # Decided before the search and looked at again after it: nothing leaves that may not be read.
        seen = self._may_see(caller, [(hit.root, hit.chunk.path) for hit in response.hits])
        hits = tuple(hit for hit in response.hits if (hit.root, hit.chunk.path) in seen)
        if busy or len(hits) != len(response.hits):
            response = replace(
                response, hits=hits, complete=response.complete and not busy, notices=(*response.notices, *busy)
            )
        return response

    def _snapshots(
        self, views: Sequence[tuple[IndexedView, IndexInfo]], beside: Collection[RepoId] = ()
    ) -> tuple[Snapshot, ...]:
        """Return the states in which the indexes are that were just asked.

        Args:
            views: The views, and what was asked of each.
            beside: The repositories that another process works on.
        """
        found = self.catalog.snapshots([live.id for _, live in views])
        return tuple(
            replace(found[live.id], indexing=not view.trimmed and (view.repo in beside or self._is_written(view.repo)))
            for view, live in views
            if live.id in found
        )

    def _answer(self, request: SearchRequest, held: Mapping[int, _Held], run: _Run, caller: _Caller) -> SearchResponse:
        """Search what is live now, and once more where a generation was swapped meanwhile."""
        until = time.monotonic() + _FIRST_VECTORS_S
        while True:
            writes = sum(one.writes for one in held.values())
            asked = self._live_now(held, caller)
            try:
                changes = self.catalog.changes
                shards = [self._shard(held[view.id], view, live) for view, live in asked]
                if self.catalog.changes != changes:  # what a crash left in flight was taken out, and is to be told
                    asked = [(view, self.catalog.generation(live.id) or live) for view, live in asked]
                found = [
                    SearchableView(
                        view,
                        live,
                        shard,
                        is_written=bool(held[view.id].beside) or held[view.id].writing.locked(),
                        is_gone=not view.ref and not view.trimmed and self.is_gone(view.root, ""),
                        is_beside=bool(held[view.id].beside),
                    )
                    for (view, live), shard in zip(asked, shards, strict=True)
                ]
                response = run(request, found)
            except StoreError:
                # A thread that removes the index takes its vectors first, and another process may close its shard.
                changing = any(one.writing.locked() or one.beside for one in held.values())
                changing = changing and time.monotonic() < until
                if self._still_live(asked, held, caller) and not changing:
                    raise
                time.sleep(_POLL_S)
                continue
            # Where other processes are kept out, and without a writer here, there is no need to look.
            quiet = writes == sum(one.writes for one in held.values()) and not any(
                one.writing.locked() or one.beside for one in held.values()
            )
            if quiet or self._still_live(asked, held, caller):
                return response

    def _still_live(
        self, asked: Sequence[tuple[IndexedView, IndexInfo]], held: Mapping[int, _Held], caller: _Caller
    ) -> bool:
        return [live.id for _, live in asked] == [live.id for _, live in self._live_now(held, caller)]

    def _live_now(self, held: Mapping[int, _Held], caller: _Caller) -> list[tuple[IndexedView, IndexInfo]]:
        found = [(view, view.live) for view in self._views(caller) if view.id in held and view.live is not None]
        if not found:
            raise RepositoryNotIndexed("the index was removed", hint="index it again: conexus index PATH")
        return found

    def _views_for(self, request: SearchRequest, caller: _Caller) -> list[IndexedView]:
        where = request.where
        known = [view for view in self._views(caller) if view.live is not None]
        of_roots = {view.repo for view in known if where.roots is not None and str(view.root) in where.roots}
        views = [
            view
            for view in known
            if (where.repos is None or view.repo in where.repos) and _is_meant(view, where, of_roots)
        ]
        if where.ref:
            views = _each_commit_once(views, where.roots or ())
        if not views:
            if where.ref:
                raise RepositoryNotIndexed(
                    f"{where.ref!r} is not indexed", hint=f"index it first: conexus index --ref {where.ref}"
                )
            # Others are told no names: what they may read was put into the filter for them.
            asked = ", ".join(sorted(where.roots or where.repos or ())) if caller.who.local else ""
            if not asked:
                raise RepositoryNotIndexed("nothing is indexed yet", hint="start with: conexus index PATH")
            raise RepositoryNotIndexed(f"{asked} is not indexed", hint="index it first: conexus index PATH")
        return views

    # ------------------------------------------------------------------- repositories

    def views(self, who: Principal) -> list[IndexedView]:
        """Return the working trees that a caller may read, by name; of an index, the part that they may see."""
        found: dict[Path, IndexedView] = {}
        for action in AccessAction:  # the part that they may read, or else that of which they may anything
            for view in self._views(_Caller(who, action)):
                if view.root not in found or action is AccessAction.READ:
                    found[view.root] = view
            if who.local:
                break
        return sorted(found.values(), key=lambda view: (view.name, view.root))

    def _views(self, caller: _Caller) -> list[IndexedView]:
        views = self.catalog.views()
        if views != caller.known or not views:
            readable = [view for view in views if self.edition.access.may_read(caller.who, view.repo)]
            caller.seen = [seen for view in readable if (seen := self._seen(view, caller)) is not None]
            caller.known = views
        return caller.seen

    def _seen(self, view: IndexedView, caller: _Caller) -> IndexedView | None:
        classes = self.edition.access.classes(caller.who, view)
        if classes is None:
            return view
        part = None if view.live is None else self._trims.part_of(view, view.live, classes, caller.who, caller.action)
        if part is None:  # nothing of it: it is as if there were no such tree
            return None
        return replace(view, live=part, building=None, previous=None, head=None, trimmed=True)

    def _may_see(self, caller: _Caller, places: Collection[tuple[str, str]]) -> Collection[tuple[str, str]]:
        """Return those of some files, each by its tree and path, that a caller may see; asks nothing but the rules."""
        seen: set[tuple[str, str]] = set()
        roots = {root for root, _ in places}
        for view in self.catalog.views():
            root = str(view.root)
            if root not in roots or not self.edition.access.may_read(caller.who, view.repo):
                continue
            mine = {path for its_root, path in places if its_root == root}
            classes = self.edition.access.classes(caller.who, view)
            if classes is not None and view.live is not None:
                mine = self._trims.seen(view, view.live, classes, caller.who, caller.action, mine)
            elif classes is not None:
                continue
            seen.update((root, path) for path in mine)
        return seen

    def status(self, who: Principal) -> list[ViewStatus]:
        """Return figures of every indexed working tree that a caller may read."""
        seen = self._views(_Caller(who, AccessAction.READ))
        whole = {str(view.root) for view in seen if not view.trimmed}
        found = [
            replace(
                status,
                size_bytes=int(self.store.size_bytes(status.index) * status.own_share),
                indexing=self._is_written(status.repo),
                gone=self.is_gone(Path(status.root), status.ref),
            )
            for status in self.catalog.status()
            if status.root in whole
        ]
        # Of a part no size is told: on disk it is nowhere by itself.
        found += [status for view in seen if view.trimmed for status in self.catalog.status_of(view)]
        return sorted(found, key=lambda status: (status.name, status.root))

    # ------------------------------------------------------------------- reading

    def symbols(
        self,
        name: str,
        where: SearchFilter,
        limit: int,
        who: Principal,
        *,
        uses: bool = False,
        callees: bool = False,
    ) -> SymbolAnswer:
        """Find where a name is defined and used; see :meth:`conexus.search.reading.CodeReader.symbols`.

        Raises:
            RepositoryNotIndexed: None of what the filter names is indexed.
            InvalidRequest: The name holds no letter or digit.
        """
        with self._attempt(who, "symbols", name):
            narrowed = SearchRequest(name, where=self.edition.access.narrow(who, self._within_graph(who, where)))
            caller = _Caller(who, AccessAction.GRAPH)
            views = [(view, view.live) for view in self._views_for(narrowed, caller) if view.live is not None]
            answer = self.reader.symbols(name, views, limit, uses=uses, callees=callees)
            answer = self._checked(answer, caller)
            self._note_use({one.repo for one in answer.definitions})
            shown = [f"{one.repo}:{one.path}" for one in (*answer.definitions, *answer.callees)]
            shown += [f"{one.repo}:{one.path}" for one in answer.uses]
        self._record(who, "symbols", name, shown=tuple(dict.fromkeys(shown)))
        return replace(answer, snapshots=self._snapshots(views))

    def _checked(self, answer: SymbolAnswer, caller: _Caller) -> SymbolAnswer:
        places = {(one.root, one.path) for one in (*answer.definitions, *answer.callees)}
        seen = self._may_see(caller, places | {(one.root, one.path) for one in answer.uses})
        return replace(
            answer,
            definitions=tuple(one for one in answer.definitions if (one.root, one.path) in seen),
            uses=tuple(one for one in answer.uses if (one.root, one.path) in seen),
            callees=tuple(one for one in answer.callees if (one.root, one.path) in seen),
        )

    def _is_written(self, repo: RepoId) -> bool:
        held = self._held.get(repo)
        return held is not None and held.writing.locked()

    def related(self, root: str, path: str, limit: int, who: Principal) -> tuple[RelatedFile, ...]:
        """Return the files most tied to one by what they define and use.

        Raises:
            RepositoryNotIndexed: The tree is not indexed.
            NotFound: The file is not in the index.
        """
        with self._attempt(who, "related", path):
            caller = _Caller(who, AccessAction.GRAPH)
            found = self.reader.related(*self._readable(root, caller), path, limit)
            seen = self._may_see(caller, [(root, path), *((root, one.path) for one in found)])
            if (root, path) not in seen:
                raise NotFound(f"{path} is not in the index", hint="`conexus why FILE` says why")
            related = tuple(one for one in found if (root, one.path) in seen)
            repo = self._readable(root, caller)[0].repo
        self._record(who, "related", path, repos=(repo,), shown=tuple(f"{repo}:{one.path}" for one in related))
        return related

    def read(self, root: str, path: str, lines: tuple[int, int | None], who: Principal) -> FileText:
        """Return lines of an indexed file, as indexed: with secrets redacted.

        Raises:
            RepositoryNotIndexed: The tree is not indexed.
            NotFound: The file is not in the index.
            InvalidRequest: There are no such lines.
        """
        with self._attempt(who, "read", path):
            caller = _Caller(who, AccessAction.READ)
            text = self.reader.text(*self._readable(root, caller), path, lines)
            if not self._may_see(caller, [(root, path)]):
                raise NotFound(f"{path} is not in the index", hint="`conexus why FILE` says why")
        self._record(who, "read", repos=(text.repo,), shown=(f"{text.repo}:{path}",))
        return text

    def map(self, root: str, limit: int, who: Principal) -> RepositoryMap:
        """Return the most used files of a tree and what they define.

        Raises:
            RepositoryNotIndexed: The tree is not indexed.
        """
        with self._attempt(who, "map"):
            found = self.reader.map(*self._readable(root, _Caller(who, AccessAction.GRAPH)), limit)
        self._record(who, "map", repos=(found.repo,))
        return found

    def graph(self, request: GraphRequest, who: Principal) -> ImportGraph:
        """Return what imports what within a tree.

        Raises:
            RepositoryNotIndexed: The tree is not indexed.
            NotFound: The index has no file below the folder that was asked for.
            FeatureNotAvailable: All repositories are asked for, and the edition cannot tie them.
        """
        if request.root == ALL_REPOSITORIES:
            return self._tied(who, "graph", "", lambda sight: self.edition.graph.across(sight, request))
        with self._attempt(who, "graph"):
            found = self.reader.graph(*self._readable(request.root, _Caller(who, AccessAction.GRAPH)), request)
        self._record(who, "graph", repos=(found.repo,))
        return found

    # ------------------------------------------------------------------- across repositories

    def graph_repos(self, request: DependenciesRequest, who: Principal, check: Check = _go_on) -> DependencyGraph:
        """Return which repository provides and requires which package, and which imports and calls which.

        Raises:
            FeatureNotAvailable: The edition has no graph across repositories; the same for those below.
        """
        return self._tied(who, "graph_repos", "", lambda sight: self.edition.graph.dependencies(sight, request), check)

    def graph_impact(self, request: ImpactRequest, who: Principal, check: Check = _go_on) -> ImpactAnswer:
        """Return what a change may break across repositories, with the path that shows it.

        Raises:
            NotFound: There is nothing of a name; the hint says what is near. The same for those below.
            InvalidRequest: It is not said what changes, or the diff is none.
        """
        text = ", ".join(request.targets)
        return self._tied(who, "graph_impact", text, lambda sight: self.edition.graph.impact(sight, request), check)

    def graph_owners(self, request: ImpactRequest, who: Principal, check: Check = _go_on) -> OwnersAnswer:
        """Return the owners of what a change may break."""
        text = ", ".join(request.targets)
        return self._tied(who, "graph_owners", text, lambda sight: self.edition.graph.owners(sight, request), check)

    def graph_path(self, source: str, target: str, who: Principal, check: Check = _go_on) -> PathAnswer:
        """Return how one thing depends on another by the fewest steps; where it does not, the other way round."""
        text = f"{source} -> {target}"
        return self._tied(who, "graph_path", text, lambda sight: self.edition.graph.path(sight, source, target), check)

    def graph_drift(self, package: str, limit: int, who: Principal) -> DriftAnswer:
        """Return packages of which repositories ask for different versions; of one package, all uses."""
        return self._tied(who, "graph_drift", package, lambda sight: self.edition.graph.drift(sight, package, limit))

    def graph_orphans(self, limit: int, who: Principal) -> OrphansAnswer:
        """Return what nobody uses, and what is called and nobody serves."""
        return self._tied(who, "graph_orphans", "", lambda sight: self.edition.graph.orphans(sight, limit))

    def graph_cycles(self, limit: int, who: Principal) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        return self._tied(who, "graph_cycles", "", lambda sight: self.edition.graph.cycles(sight, limit))

    def _tied(
        self, who: Principal, action: str, text: str, ask: Callable[[Sight], _Answer], check: Check = _go_on
    ) -> _Answer:
        """Answer from all that a caller sees, and have it on record.

        What may be seen is looked at again once the answer is there. Where it has changed meanwhile, the answer is made
        anew: to leave something out of it would not do, since counts and paths tell of what they were made of.
        """
        with self._attempt(who, action, text):
            for _ in range(_TRIES):
                caller = _Caller(who, AccessAction.GRAPH)
                answer = ask(Sight(tuple(self._views(caller)), self.facts, check))
                shown = list(dict.fromkeys(places_of(answer)))
                files = {(place.root, place.path) for place in shown if place.path}
                if set(self._may_see(caller, files)) >= files:
                    break
            else:
                raise StoreBusy("what may be seen changes all the time", hint="try again in a moment")
        places = [f"{one.repo}:{one.path}{f':{one.line}' if one.line else ''}" for one in shown if one.path]
        repos = tuple(dict.fromkeys(one.repo for one in shown))
        self._record(who, action, text, repos=repos, shown=tuple(places))
        return answer

    def _within_graph(self, who: Principal, where: SearchFilter) -> SearchFilter:
        """Return a filter with the repositories that the graph limits it to.

        Raises:
            NotFound: It has none.
        """
        for name, dependents in ((where.dependents_of, True), (where.dependencies_of, False)):
            if not name:
                continue
            sight = Sight(tuple(self._views(_Caller(who, AccessAction.GRAPH))), self.facts)
            found = self.edition.graph.related(sight, name, dependents=dependents)
            repos = found if where.repos is None else found & where.repos
            if not repos:
                what = f"no indexed repository depends on {name!r}"
                raise NotFound(what if dependents else f"{name!r} depends on no indexed repository")
            where = replace(where, repos=repos)
        return replace(where, dependents_of="", dependencies_of="")

    def _readable(self, root: str, caller: _Caller) -> tuple[IndexedView, IndexInfo]:
        for view in self._views(caller):
            if str(view.root) == root and view.live is not None:
                allowed = self.edition.access.narrow(caller.who, SearchFilter(repos=frozenset({view.repo}))).repos
                if allowed is None or view.repo in allowed:
                    self._note_use({view.repo})
                    return view, view.live
        raise RepositoryNotIndexed(f"{root} is not indexed", hint="index it first: conexus index PATH")

    # ------------------------------------------------------------------- changing

    def remove(self, view: IndexedView, who: Principal) -> None:
        """Delete the index of a working tree; the tree itself is not touched."""
        with self._attempt(who, "remove", repos=(view.repo,)):
            self.edition.access.require_write(who, view.repo, Permission.REMOVE)
            self.edition.audit.require()
            self._release_idle(view.repo)
            with self._holding(view, "removing") as held, self._writing(held, view.root):
                now = self._now(view)
                if now is not None:  # else another process was first
                    forget(self.catalog, self.store, now)
        self._record(who, "remove", repos=(view.repo,))
        self._publish(who, "repository.removed", view.repo, view.name)

    def rename(self, repo: RepoId, name: str, who: Principal) -> None:
        """Give a repository another short name.

        Raises:
            SourceError: It cannot be a name, see :func:`check_name`.
            StoreError: Another repository has the name, or has it as its id.
        """
        self.edition.access.require_write(who, repo)
        whole = {view.root for view in self.views(who) if not view.trimmed}
        if not who.local and any(view.root not in whole for view in self.catalog.views()):
            raise AccessDenied("who may not see all of everything renames nothing: which names are taken would tell")
        check_name(name)
        if any(view.repo == name != repo for view in self.catalog.views()):
            raise StoreError(f"another repository has the id {name!r}", hint="choose another name")
        self.catalog.rename_repository(repo, name)
        self._publish(who, "repository.renamed", repo, name)

    def explain(self, checkout: Checkout, path: str, who: Principal) -> Verdict:
        """Say whether a path of a working tree is indexed, and the rule that decides.

        Raises:
            NotFound: The caller may see part of the tree only, and no such file is in it.
        """
        trimmed = self._trimmed(checkout.root, who)
        if trimmed is not None:  # the tree on disk, and its rules, tell of files that are not seen
            if path not in self.catalog.files_at(trimmed.id, [path]):
                raise NotFound(f"{path} is not in the index")
            return Verdict(path, included=True, reason=None, rule="")
        verdict = self.trees(checkout).explain(path)
        live = self._live(checkout.root)
        if not verdict.included or live is None:
            return verdict
        for skipped in self.catalog.skipped(live.id):
            if skipped.path == path:
                return Verdict(path, included=False, reason=skipped.reason, rule=skipped.detail)
        for problem in self.catalog.problems(live.id):
            if problem.path == path:
                return replace(verdict, rule=problem.reason)
        return verdict

    def _trimmed(self, root: Path, who: Principal) -> IndexInfo | None:
        return next((view.live for view in self.views(who) if view.root == root and view.trimmed), None)

    def has_read(self, checkout: Checkout, path: str, who: Principal) -> bool:
        """Whether the index of a working tree knows a file, be it as one that is left out."""
        live = self._trimmed(checkout.root, who) or self._live(checkout.root)
        return live is not None and path in self.catalog.files(live.id)

    def _live(self, root: Path) -> IndexInfo | None:
        return next((view.live for view in self.catalog.views() if view.root == root), None)

    # ------------------------------------------------------------------- upkeep

    def verify(self, who: Principal, *, repair: bool, views: Sequence[IndexedView] | None = None) -> VerifyReport:
        """Prove that catalog and vectors agree and are as they were written.

        Args:
            who: Who asks.
            repair: Whether to take out what is damaged, so that the next run reads it again.
            views: The views to look at; all where ``None``.
        """
        findings = [VerifyFinding(RepoId(""), "", line) for line in self.catalog.integrity()]
        looked_at = [view for view in (views if views is not None else self.catalog.views()) if view.live is not None]
        files = chunks = repaired = 0
        for view in looked_at:
            if repair:
                self.edition.access.require_write(who, view.repo)
            self._release_idle(view.repo)
            with self._holding(view, "verifying") as held, self._writing(held, view.root):
                now = self._now(view)
                if now is None:
                    continue  # removed meanwhile
                report = check_view(self.catalog, self.store, now, repair=repair)
            findings += report.findings
            files, chunks, repaired = files + report.files, chunks + report.chunks, repaired + report.repaired
        return VerifyReport(len(looked_at), files, chunks, tuple(findings), repaired)

    def roll_back(self, view: IndexedView, who: Principal) -> None:
        """Make the generation before the present one of a tree answer again, at once.

        It stays so until the tree is indexed again on demand.

        Raises:
            NotFound: No generation before is kept.
        """
        with self._attempt(who, "roll_back", repos=(view.repo,)):
            self.edition.access.require_write(who, view.repo)
            with self._holding(view, "going back") as held, self._writing(held, view.root):
                if not self.catalog.roll_back(view.id):
                    raise NotFound(
                        f"no earlier index of {view.name} is kept",
                        hint="one is kept for a week after a change of the model or of the format",
                    )
        self._record(who, "roll_back", repos=(view.repo,))

    def collect(self, who: Principal, *, dry_run: bool = False, everything: bool = False) -> Collected:
        """Remove what is not needed any more.

        Views of trees and refs that are gone, generations that were replaced long ago, vectors that belong to nothing,
        and unused embeddings.

        What another process works on is left for the next time.

        Args:
            who: Who asks.
            dry_run: Whether to say only what would be removed.
            everything: Whether to remove them whatever their age: generations to go back to, all cached embeddings, and
                generations that were begun and not finished.
        """
        self.catalog.require_in_place()
        gone = self._collect_gone(who, dry_run=dry_run)
        views = {view.id: view for view in self.catalog.views()}
        before = time.time() + 1.0 if everything else time.time() - _KEPT_GENERATION_S
        doomed = [(views[view], index) for view, index in self.catalog.retired(before) if view in views]
        if everything:
            doomed += [(view, view.building.id) for view in views.values() if view.building is not None]
        freed = generations = 0
        for view, index in doomed:
            size = self.store.size_bytes(index)
            if dry_run or self._discard(view, index, who):
                generations, freed = generations + 1, freed + size
        orphans, size = self._collect_orphans(dry_run=dry_run)
        cached = self.catalog.unused_vectors(drop=not dry_run, everything=everything)
        if not dry_run:
            size += self.catalog.compact()
            self._record(who, "collect")
        return Collected(gone, generations, orphans, cached, freed + size)

    def _collect_gone(self, who: Principal, *, dry_run: bool) -> int:
        found = 0
        for repo in {view.repo for view in self.catalog.views()}:
            with suppress(StoreBusy):
                found += len(self._gone(repo)) if dry_run else self.drop_gone(repo, who)
        return found

    def _discard(self, view: IndexedView, index: IndexId, who: Principal) -> bool:
        """Delete a generation of a view that is not the live one."""
        self.edition.access.require_write(who, view.repo)
        try:
            with self._holding(view, "collecting") as held, self._writing(held, view.root):
                live = self._live(view.root)
                if live is not None and live.id == index:
                    return False  # somebody went back to it just now
                info = self.catalog.generation(index)
                shard = held.shards.pop(index, None) if info is not None and info.pool is None else None
                if shard is not None:
                    shard.close()
                if info is not None:
                    release(self.catalog, self.store, info)
        except StoreBusy:
            return False
        return True

    def _collect_orphans(self, *, dry_run: bool) -> tuple[int, int]:
        """Delete vectors of generations that the catalog does not know; return their number and their size.

        Those that came meanwhile are not touched: a run notes its generation before it makes its vectors.
        """
        there = self.store.indexes()
        known = set(self.catalog.indexes())
        orphans = [index for index in there if index not in known]
        size = sum(self.store.size_bytes(index) for index in orphans)
        if not dry_run:
            for index in orphans:
                self.store.drop(index)
        return len(orphans), size

    def close(self) -> None:
        """Close every index and the catalog. Idempotent."""
        self.engine.close()
        with self._mutex:
            for held in self._held.values():
                held.close()
            self._held.clear()
        self.ended()
        self.catalog.close()

    # ------------------------------------------------------------------- open indexes

    def _now(self, view: IndexedView) -> IndexedView | None:
        """Return a view as it is now that its lock is held, or ``None`` where it is gone."""
        return next((found for found in self.catalog.views() if found.id == view.id), None)

    def _shard(self, held: _Held, view: IndexedView, live: IndexInfo) -> VectorShard:
        with held.gate:
            if live.vectors not in held.shards:
                held.shards[live.vectors] = (
                    self.store.open_beside(live.vectors, live.dim) if held.beside else self._open(held, view, live)
                )
            return held.shards[live.vectors]

    def _keep_open(self, held: _Held, root: Path) -> None:
        """Open what is live, so that neither the next search nor the next edit has to."""
        live = self._live(root)
        if live is not None:
            with held.gate, suppress(StoreError):  # the run finds out what is wrong
                if live.vectors not in held.shards:
                    held.shards[live.vectors] = self.store.open(live.vectors, live.dim)

    def _open(self, held: _Held, view: IndexedView, live: IndexInfo) -> VectorShard:
        """Open a generation, without what a crash left in flight.

        What a run of this process has in flight is not touched: that run mended the rest itself.
        """
        until = time.monotonic() + _FIRST_VECTORS_S
        while True:
            idle = held.writing.acquire(blocking=False)
            try:
                return self._open_now(live, idle=idle)
            except StoreDamaged as exc:
                if idle or live.complete or time.monotonic() > until:
                    raise StoreDamaged(
                        f"the index of {view.name} is damaged: {exc.message}",
                        hint=f"run `conexus verify --repair`, then `conexus index {view.root}`",
                    ) from exc
            finally:
                if idle:
                    held.writing.release()
            time.sleep(_POLL_S)  # a run of this process is about to make its vectors

    def _open_now(self, live: IndexInfo, *, idle: bool) -> VectorShard:
        try:
            shard = self.store.open(live.vectors, live.dim)
        except StoreDamaged:
            if idle and live.pool is None and not live.complete and not self.catalog.files(live.id):
                return self.store.create(live.id, live.dim)  # a run was stopped before it had made its vectors
            raise
        if idle:
            try:
                repair_unfinished(self.catalog, shard, live)
            except StoreError as exc:
                if isinstance(exc, StoreDamaged):
                    raise
                # The disk takes no writes: what is there answers until a run can mend the rest.
        return shard

    def _hold_to_search(self, stack: ExitStack, view: IndexedView) -> _Held:
        """Hold a repository until a stack is closed, or search beside the process that works on it.

        Raises:
            StoreBusy: Another process works on it, and lets nobody search.
        """
        try:
            wait_s = min(_BRIEFLY_S, self.options.lock_wait_s)
            return stack.enter_context(self._holding(view, "searching", wait_s))
        except StoreBusy as busy:
            held = _Held(beside=busy.message)
        live = view.live
        if live is not None:
            try:
                held.shards[live.vectors] = self.store.open_beside(live.vectors, live.dim)
            except StoreError:
                return stack.enter_context(self._holding(view, "searching"))
        stack.callback(held.close)
        return held

    @contextmanager
    def _holding(self, tree: Checkout | IndexedView, purpose: str, wait_s: float | None = None) -> Iterator[_Held]:
        """Hold the lock of a tree's repository; calls of one process share it."""
        repo = tree.repo
        wait_s = self.options.lock_wait_s if wait_s is None else wait_s
        with self._mutex:
            held = self._held.setdefault(repo, _Held())
            held.users += 1
        try:
            with held.gate:  # not the mutex: other repositories need not wait for this one's lock
                if not held.locked:
                    held.stack.enter_context(self.locks.view(tree.root, purpose, wait_s, repo))
                    held.locked = True
            yield held
        finally:
            with self._mutex:
                held.users -= 1
                if not held.users:
                    if self.keep_open and held.shards:
                        self._close_superseded(held)
                    else:
                        self._drop(repo)

    def _close_superseded(self, held: _Held) -> None:
        if len(held.shards) > 1:
            held.close_others({view.live.vectors for view in self.catalog.views() if view.live is not None})

    @contextmanager
    def _writing(self, held: _Held, root: Path) -> Iterator[None]:
        """Be the one thread that changes an index.

        Raises:
            StoreBusy: Another thread was that for too long.
        """
        if not held.writing.acquire(timeout=self.options.lock_wait_s):
            raise StoreBusy(
                f"another thread of this process works on the index of {root}",
                hint="wait for it to end, or set store.lock_wait_s higher",
            )
        try:
            yield
        finally:
            held.writes += 1
            held.writing.release()

    def _release_idle(self, repo: RepoId) -> None:
        with self._mutex:
            held = self._held.get(repo)
            if held is not None and not held.users:
                self._drop(repo)

    def _drop(self, repo: RepoId) -> None:
        held = self._held.pop(repo, None)
        if held is not None:
            held.close()


def _shown(hits: Iterable[Hit]) -> tuple[str, ...]:
    """Return where hits are, as an audit log has it."""
    spans = [(hit.chunk, hit.chunk.span) for hit in hits]
    return tuple(f"{chunk.repo}:{chunk.path}:{span.start_line}-{span.end_line}" for chunk, span in spans)


def _with_snapshots(
    response: SearchResponse, snapshots: tuple[Snapshot, ...], beside: Iterable[str] = ()
) -> SearchResponse:
    """Say in which state the indexes are, and in words where a run is not done with one.

    Args:
        response: The answer.
        snapshots: The states.
        beside: Who works on them in other processes.
    """
    told = tuple(f"{who}; until it is done, what is in the index so far answers" for who in beside)
    told += tuple(
        f"{one.repo} is being indexed: {one.files_indexed:,} of {one.files_seen:,} files are in"
        for one in snapshots
        if one.indexing and one.files_indexed < one.files_seen
    )
    return replace(response, snapshots=snapshots, notices=(*response.notices, *told))


def _is_meant(view: IndexedView, where: SearchFilter, of_roots: Collection[RepoId]) -> bool:
    """Whether a view is one that is to be searched: refs only where they are asked for."""
    if where.ref:
        return _is_called(view, where.ref) and (where.roots is None or view.repo in of_roots)
    return not view.ref if where.roots is None else str(view.root) in where.roots


def _is_on_disk(view: IndexedView, path: str) -> bool:
    return not view.ref and (view.root / path).is_file()


def _each_commit_once(views: Sequence[IndexedView], roots: Collection[str]) -> list[IndexedView]:
    """Leave out what other clones have of a commit too; those of the trees that are asked for come first."""
    near = sorted(views, key=lambda view: not any(view.root.is_relative_to(root) for root in roots))
    chosen = {(view.repo, view.head or str(view.root)): view for view in reversed(near)}
    return [view for view in views if view in chosen.values()]


def _is_called(view: IndexedView, name: str) -> bool:
    """Whether a view is of a ref: by its name, its full name, or digits of its commit."""
    if not view.ref:
        return False
    if view.ref.startswith(_COMMITS):
        return len(name) >= _LEAST_DIGITS and view.ref.removeprefix(_COMMITS).startswith(name.lower())
    return name in {view.ref, *(view.ref.removeprefix(prefix) for prefix in _REFS if view.ref.startswith(prefix))}


def _fits(chunk: Chunk, where: SearchFilter) -> bool:
    """Whether a chunk of a tree that is searched passes the rest of the filter."""
    return (
        (where.languages is None or chunk.language in where.languages)
        and (where.kinds is None or chunk.kind in where.kinds)
        and (where.tests or FileTag.TEST not in chunk.tags)
        and (where.path_globs is None or matcher(where.path_globs)(chunk.path))
    )
