# SPDX-License-Identifier: FSL-1.1-MIT
"""What the daemon does for each operation, whatever the surface: check, call the service, note, answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

from conexus import __version__
from conexus.context_service import ContextService, named
from conexus.daemon import cursors, dependency_messages, edition_messages, messages, schema
from conexus.daemon.call import Call, Surface
from conexus.daemon.failures import failure_of
from conexus.edition import Edition
from conexus.errors import (
    AccessDenied,
    ConexusError,
    FeatureNotAvailable,
    InvalidRequest,
    NotFound,
    RepositoryNotIndexed,
    StoreError,
)
from conexus.parsing.languages import BY_NAME, canonical
from conexus.parsing.secrets import redact
from conexus.plans import refused
from conexus.types import (
    ALL_REPOSITORIES,
    ROLE_PERMISSIONS,
    AccessQuestion,
    ApiKey,
    AuditQuery,
    Checkout,
    ContextRequest,
    ContextResponse,
    CustomRole,
    DependenciesRequest,
    DependencyScope,
    DirectoryEntry,
    DirectoryKind,
    Ecosystem,
    Feature,
    Grant,
    GraphRequest,
    Group,
    ImpactRequest,
    IndexedView,
    IndexJob,
    JobState,
    NewKey,
    Permission,
    Place,
    Plan,
    Principal,
    Project,
    RepoId,
    RequestFacts,
    SearchFilter,
    SearchRequest,
    Team,
    UsageEntry,
    UsageStats,
    User,
    ViewStatus,
    WatchMode,
    WatchState,
    Webhook,
)
from conexus.values import dataclass

_T = TypeVar("_T")
_LOOKED_AT_JOBS = 200


class Jobs(Protocol):
    """Runs index jobs."""

    def submit(self, checkout: Checkout, who: Principal, *, model: str, name: str) -> IndexJob:
        """Queue a job of the caller's own."""
        ...

    def cancel(self, job: str) -> IndexJob:
        """Ask a job to stop; one that is over stays as it is."""
        ...

    def get(self, job: str) -> IndexJob | None:
        """Return a job as it is now."""
        ...

    def page(self, limit: int, before: str) -> list[IndexJob]:
        """Return jobs, newest first."""
        ...

    def counts(self) -> tuple[int, int]:
        """Return how many jobs run, and how many wait."""
        ...


class Keys(Protocol):
    """Makes, lists and revokes API keys."""

    def create(self, asked: NewKey, who: Principal) -> tuple[ApiKey, str]:
        """Return a new key and its secret."""
        ...

    def all(self) -> list[ApiKey]:
        """Return all keys, oldest first."""
        ...

    def why_refused(self, key: ApiKey) -> str:
        """Return why a key lets nobody in that is neither revoked nor expired; empty where it does."""
        ...

    def revoke(self, key: str, who: Principal) -> ApiKey:
        """Make a key invalid at once."""
        ...

    def remove_entry(self, kind: DirectoryKind, name: str, who: Principal) -> None:
        """Remove an entry of the directory, with the keys of a user."""
        ...


class Webhooks(Protocol):
    """Keeps the addresses that are told of jobs."""

    def add(self, url: str, secret: str) -> Webhook:
        """Keep an address."""
        ...

    def all(self) -> list[Webhook]:
        """Return all, oldest first."""
        ...

    def remove(self, hook: str) -> None:
        """Forget one."""
        ...


class Usage(Protocol):
    """The query log, as handlers use it."""

    def note(self, entry: UsageEntry) -> None:
        """Keep an entry; returns at once."""
        ...

    def entries(self, limit: int, *, since: float, only_empty: bool) -> list[UsageEntry]:
        """Return the newest entries, newest first."""
        ...

    def stats(self, since: float, top: int) -> UsageStats:
        """Return figures of all entries since a time."""
        ...


class Folders(Protocol):
    """Finds working trees on disk."""

    def __call__(self, path: Path, *, force: bool) -> Checkout:
        """Return the working tree that holds a folder.

        Raises:
            SourceError: There is no such folder, or it should not be indexed.
        """
        ...


@dataclass(frozen=True, slots=True)
class Facts:
    """What does not change while a daemon runs."""

    edition: str
    pid: int
    started_at: float
    data_dir: str
    rest: str = ""
    grpc: str = ""
    mcp: str = ""


@dataclass(frozen=True, slots=True)
class Controls:
    """What an operator can make the daemon do."""

    reload: Callable[[], None]
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers need."""

    service: ContextService
    jobs: Jobs
    keys: Keys
    webhooks: Webhooks
    usage: Usage
    folders: Folders
    watched: Callable[[Path], WatchState]
    """Says how a tree is followed."""
    refs: Callable[[Path, str], Checkout]
    """Finds a branch, tag or commit of the repository that holds a folder."""
    may_write: Callable[[Principal, RepoId], None]
    """Raises AccessDenied where the caller may not index a repository."""
    require_place: Callable[[Checkout], None]
    """Raises FeatureNotAvailable where the edition has no place for one more repository."""
    edition: Edition
    facts: Callable[[], Facts]
    controls: Controls


@dataclass(frozen=True, slots=True)
class _Noted:
    """What the query log is told of an answer."""

    results: int
    repos: tuple[str, ...]


class Handlers:
    """One method an operation: takes its request and the call, returns its response, raises errors of Conexus."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._service = parts.service

    def trees(self, who: Principal) -> list[IndexedView]:
        """Return the working trees that a caller may read, for surfaces that have to tell which one is meant."""
        return self._service.views(who)

    # --------------------------------------------------------------------------- search

    def search(self, request: schema.SearchRequest, call: Call) -> schema.SearchResponse:
        """Search."""
        return self._noted(
            call,
            "search",
            request.query,
            lambda: self._search(request, call),
            lambda answer: _Noted(len(answer.results), _repositories([one.repository for one in answer.results])),
        )

    def _search(self, request: schema.SearchRequest, call: Call) -> schema.SearchResponse:
        [start] = cursors.numbers_of(request.cursor, 1, schema.MAX_RESULTS) if request.cursor else [0]
        end = min(schema.MAX_RESULTS, start + request.limit)
        wanted = SearchRequest(request.query, end, self._filter(request.filter, call.who), request.explain)
        answer = self._service.search(wanted, call.who, call.check)
        more = cursors.cursor_of([end]) if answer.has_more and end < schema.MAX_RESULTS else ""
        return messages.search_response(request.query, answer, answer.hits[start:end], more, call.who)

    def batch_search(self, request: schema.BatchSearchRequest, call: Call) -> schema.BatchSearchResponse:
        """Search for several things; an error of one is its answer and does not touch the others."""
        self._require_batch(len(request.searches))
        items: list[schema.BatchSearchItem] = []
        for search in request.searches:
            call.check()
            try:
                items.append(schema.BatchSearchItem(response=self.search(search, call)))
            except ConexusError as error:
                call.check()
                items.append(schema.BatchSearchItem(error=failure_of(error, call.who)))
        return schema.BatchSearchResponse(items=items)

    def _require_batch(self, asked: int) -> None:
        entitlements = self._parts.edition.entitlements
        most = entitlements.limits().batch_searches
        if asked > most:
            why = entitlements.why_not(Feature.BATCH_SEARCH) or f"this is the {entitlements.plan()} edition"
            raise refused(
                Feature.BATCH_SEARCH,
                f"{why}: a batch takes {most:,} searches, and this one has {asked:,}",
                "send them in several batches",
                Plan.ENTERPRISE,
                limit=str(most),
                used=str(asked),
            )

    def context(self, request: schema.ContextRequest, call: Call) -> schema.ContextResponse:
        """Pack the best chunks for a question."""
        answer = self.packed(request, call)
        return messages.context_response(answer, cursors.cursor_after(answer), call.who)

    def packed(self, request: schema.ContextRequest, call: Call) -> ContextResponse:
        """Pack the best chunks for a question, for surfaces that write the answer in a way of their own."""
        return self._noted(
            call,
            "context",
            request.query,
            lambda: self._packed(request, call),
            lambda answer: _Noted(
                len(answer.blocks), _repositories([messages.text(block.repo) for block in answer.blocks])
            ),
        )

    def _packed(self, request: schema.ContextRequest, call: Call) -> ContextResponse:
        only = cursors.positions_of(request.cursor)
        search = SearchRequest(request.query, request.limit, self._filter(request.filter, call.who))
        wanted = ContextRequest(search, request.max_tokens, request.max_bytes, request.format, only)
        return self._service.context(wanted, call.who, call.check)

    def similar(self, request: schema.SimilarRequest, call: Call) -> schema.SearchResponse:
        """Find look-alikes of a place."""
        return self._noted(
            call,
            "similar",
            f"{request.repository}:{request.path}:{request.line}",
            lambda: self._similar(request, call),
            lambda answer: _Noted(len(answer.results), _repositories([one.repository for one in answer.results])),
        )

    def _similar(self, request: schema.SimilarRequest, call: Call) -> schema.SearchResponse:
        view = self._view(request.repository, call.who)
        place = Place(str(view.root), _relative(request.path, view.root, call.who), request.line)
        wanted = SearchRequest("", request.limit, self._filter(request.filter, call.who))
        answer = self._service.similar(place, wanted, call.who, call.check)
        query = f"like {place.path}:{place.line}"
        return messages.search_response(query, answer, answer.hits, "", call.who)

    # --------------------------------------------------------------------------- reading

    def symbols(self, request: schema.SymbolsRequest, call: Call) -> schema.SymbolsResponse:
        """Find definitions and uses of a name."""
        return self._noted(
            call,
            "symbols",
            request.name,
            lambda: messages.symbols_response(
                self._service.symbols(
                    request.name,
                    self._filter(request.filter, call.who),
                    request.limit,
                    call.who,
                    uses=request.uses,
                    callees=request.callees,
                ),
                call.who,
            ),
            lambda answer: _Noted(
                len(answer.definitions), _repositories([one.repository for one in answer.definitions])
            ),
        )

    def related(self, request: schema.RelatedRequest, call: Call) -> schema.RelatedResponse:
        """Find files tied to one."""
        view = self._view(request.repository, call.who)
        path = _relative(request.path, view.root, call.who)
        found = self._service.related(str(view.root), path, request.limit, call.who)
        return messages.related_response(found, call.who)

    def file(self, request: schema.FileRequest, call: Call) -> schema.FileResponse:
        """Return lines of a file as indexed."""
        view = self._view(request.repository, call.who)
        lines = (request.start_line, request.end_line)
        path = _relative(request.path, view.root, call.who)
        return messages.file_response(self._service.read(str(view.root), path, lines, call.who), call.who)

    def map(self, request: schema.MapRequest, call: Call) -> schema.MapResponse:
        """Return an overview of a repository."""
        view = self._view(request.repository, call.who)
        return messages.map_response(self._service.map(str(view.root), request.limit, call.who), call.who)

    def graph(self, request: schema.GraphRequest, call: Call) -> schema.GraphResponse:
        """Return what imports what within a repository, or across all of them where the edition can."""
        if request.repository == ALL_REPOSITORIES:
            return messages.graph_response(
                self._service.graph(_graph_request(ALL_REPOSITORIES, request.path, request), call.who), call.who
            )
        view = self._view(request.repository, call.who)
        below = _relative(request.path, view.root, call.who) if request.path else ""
        wanted = _graph_request(str(view.root), below, request)
        return messages.graph_response(self._service.graph(wanted, call.who), call.who)

    # --------------------------------------------------------------------------- across repositories

    def graph_repos(self, request: schema.GraphReposRequest, call: Call) -> schema.DependencyGraph:
        """Return what depends on what across repositories."""
        repos = None
        if request.repositories is not None:
            repos = frozenset(view.repo for name in request.repositories for view in self._views(name, call.who))
        wanted = DependenciesRequest(
            repos,
            _known(request.ecosystems, Ecosystem, "ecosystems"),
            _known(request.scopes, DependencyScope, "scopes"),
            external=request.external,
            files=request.files,
            limit=request.limit,
        )
        return dependency_messages.graph(self._service.graph_repos(wanted, call.who, call.check), call.who)

    def graph_impact(self, request: schema.GraphImpactRequest, call: Call) -> schema.ImpactAnswer:
        """Find what a change may break."""
        wanted = self._impact(request, call.who)
        return self._noted(
            call,
            "graph_impact",
            ", ".join(request.targets),
            lambda: dependency_messages.impact(self._service.graph_impact(wanted, call.who, call.check), call.who),
            lambda answer: _Noted(answer.total, _repositories([one.repository for one in answer.repositories])),
        )

    def graph_owners(self, request: schema.GraphImpactRequest, call: Call) -> schema.OwnersAnswer:
        """Find the owners of what a change may break."""
        wanted = self._impact(request, call.who)
        return dependency_messages.owners(self._service.graph_owners(wanted, call.who, call.check), call.who)

    def _impact(self, request: schema.GraphImpactRequest, who: Principal) -> ImpactRequest:
        repo = self._view(request.repository, who).repo if request.repository else None
        return ImpactRequest(
            tuple(request.targets),
            request.diff,
            repo,
            request.depth,
            request.limit,
            request.min_confidence,
            elsewhere=request.elsewhere,
        )

    def graph_path(self, request: schema.GraphPathRequest, call: Call) -> schema.PathAnswer:
        """Find how one thing depends on another."""
        found = self._service.graph_path(request.source, request.target, call.who, call.check)
        return dependency_messages.path(found, call.who)

    def graph_drift(self, request: schema.GraphDriftRequest, call: Call) -> schema.DriftAnswer:
        """Find packages whose versions differ."""
        return dependency_messages.drift(self._service.graph_drift(request.package, request.limit, call.who), call.who)

    def graph_orphans(self, request: schema.GraphListRequest, call: Call) -> schema.OrphansAnswer:
        """Find what nobody uses."""
        return dependency_messages.orphans(self._service.graph_orphans(request.limit, call.who), call.who)

    def graph_cycles(self, request: schema.GraphListRequest, call: Call) -> schema.CyclesAnswer:
        """Find repositories that depend on each other."""
        return dependency_messages.cycles(self._service.graph_cycles(request.limit, call.who), call.who)

    # --------------------------------------------------------------------------- repositories

    def repositories(self, request: schema.Empty, call: Call) -> schema.RepositoriesResponse:
        """List indexed working trees."""
        found = self._service.status(call.who)
        return schema.RepositoriesResponse(repositories=[self._repository(one, call.who) for one in found])

    def _repository(self, status: ViewStatus, who: Principal) -> schema.Repository:
        state = self._parts.watched(Path(status.root))
        changed_at = None if status.trimmed else state.changed_at
        known = replace(status, watch=state.mode, watch_reason=state.reason, changed_at=changed_at)
        return messages.repository(known, who)

    def repository(self, request: schema.RepositoryRequest, call: Call) -> schema.RepositoriesResponse:
        """Return the working trees of one repository."""
        roots = {str(view.root) for view in self._views(request.repository, call.who)}
        found = [one for one in self._service.status(call.who) if one.root in roots]
        return schema.RepositoriesResponse(repositories=[self._repository(one, call.who) for one in found])

    def rename(self, request: schema.RenameRequest, call: Call) -> schema.RepositoriesResponse:
        """Give a repository another short name."""
        _require_all_repositories(call.who)
        view = self._view(request.repository, call.who)
        try:
            self._service.rename(view.repo, request.name, call.who)
        except StoreError as error:
            if type(error) is not StoreError:
                raise
            raise InvalidRequest(error.message, hint=error.hint, details={"field": "name"}) from error
        return self.repository(schema.RepositoryRequest(repository=view.repo), call)

    def remove(self, request: schema.RepositoryRequest, call: Call) -> schema.RemoveResponse:
        """Delete the indexes of a repository."""
        removed = []
        for view in self._views(request.repository, call.who):
            self._service.remove(view, call.who)
            removed.append(messages.text(view.repo))
        return schema.RemoveResponse(removed=removed)

    def roll_back(self, request: schema.RepositoryRequest, call: Call) -> schema.RepositoriesResponse:
        """Go back to the generation before."""
        for view in self._views(request.repository, call.who):
            self._service.roll_back(view, call.who)
        return self.repository(request, call)

    def collect(self, request: schema.GcRequest, call: Call) -> schema.GcResponse:
        """Remove what is not needed any more."""
        found = self._service.collect(call.who, dry_run=request.dry_run, everything=request.everything)
        return messages.collected(found)

    def why(self, request: schema.WhyRequest, call: Call) -> schema.WhyResponse:
        """Say whether a path is indexed, and why."""
        checkout, path = self._asked_path(request, call.who)
        verdict = self._service.explain(checkout, path, call.who)
        return schema.WhyResponse(
            path=messages.text(verdict.path),
            included=verdict.included,
            reason=verdict.reason,
            rule=messages.notices([verdict.rule], call.who)[0],
            known=self._service.has_read(checkout, path, call.who),
        )

    def _asked_path(self, request: schema.WhyRequest, who: Principal) -> tuple[Checkout, str]:
        if bool(request.root) == bool(request.repository):
            raise InvalidRequest("give either a repository or a root", details={"field": "repository"})
        if request.repository:
            view = self._view(request.repository, who)
            return _checkout_of(view), _relative(request.path, view.root, who)
        _require_local(who, "root")
        root = _absolute(request.root, "root")
        indexed = next((view for view in self._service.views(who) if view.root == root), None)
        if indexed is not None:
            return _checkout_of(indexed), _relative(request.path, root, who)
        checkout = self._parts.folders(root, force=True)
        return checkout, _relative(request.path, checkout.root, who)

    def verify(self, request: schema.VerifyRequest, call: Call) -> schema.VerifyResponse:
        """Check what is stored."""
        asked = self._views(request.repository, call.who) if request.repository else self._service.views(call.who)
        views = [view for view in asked if not view.trimmed]  # what is wrong may be with files that are not seen
        found = self._service.verify(call.who, repair=request.repair, views=views)
        return schema.VerifyResponse(
            views=found.views,
            files=found.files,
            chunks=found.chunks,
            findings=[
                schema.Finding(
                    repository=messages.text(one.repo), path=messages.text(one.path), what=messages.text(one.what)
                )
                for one in found.findings
            ],
            repaired=found.repaired,
        )

    # --------------------------------------------------------------------------- index jobs

    def index(self, request: schema.IndexRequest, call: Call) -> schema.Job:
        """Queue an index job."""
        if request.name:
            _require_all_repositories(call.who)
        checkout = self._checkout(request, call.who)
        self._parts.may_write(call.who, checkout.repo)
        self._parts.require_place(checkout)  # and again when the job runs
        job = self._parts.jobs.submit(checkout, call.who, model=request.model, name=request.name)
        return messages.job(job, call.who)

    def estimate(self, request: schema.IndexRequest, call: Call) -> schema.EstimateResponse:
        """Say what indexing would do."""
        found = self._service.estimate(self._checkout(request, call.who), request.model)
        return messages.estimate(found, call.who)

    def _checkout(self, request: schema.IndexRequest, who: Principal) -> Checkout:
        for field in ("path", "model", "force"):
            if getattr(request, field):
                _require_local(who, field)
        if bool(request.path) == bool(request.repository):
            raise InvalidRequest("give either a path or a repository", details={"field": "path"})
        if request.repository:
            view = self._view(request.repository, who)
            if view.trimmed:
                raise AccessDenied(f"{who.subject} may not see all of {view.name}, which indexing it would tell of")
            if request.ref:
                return self._parts.refs(view.root, request.ref)
            return self._parts.folders(view.root, force=True)
        folder = _absolute(request.path, "path")
        if request.ref:
            return self._parts.refs(folder, request.ref)
        known = any(view.root == folder for view in self._service.views(who))
        return self._parts.folders(folder, force=request.force or known)

    def job(self, request: schema.JobRequest, call: Call) -> schema.Job:
        """Return a job as it is now."""
        return messages.job(self._job(request.id, call.who), call.who)

    def jobs(self, request: schema.JobsRequest, call: Call) -> schema.JobsResponse:
        """List jobs, newest first."""
        before = _job_of(request.cursor)
        found = self._parts.jobs.page(request.limit + 1, before)
        shown = found[: request.limit]
        more = cursors.cursor_of(list(shown[-1].id.encode())) if len(found) > request.limit else ""
        visible = self._whole(call.who)
        return schema.JobsResponse(
            jobs=[messages.job(job, call.who) for job in shown if call.who.local or job.repo in visible],
            next_cursor=more,
        )

    def cancel(self, request: schema.JobRequest, call: Call) -> schema.Job:
        """Ask a job to stop."""
        job = self._job(request.id, call.who)
        if not call.who.local and not call.who.may(Permission.DAEMON) and job.subject != call.who.subject:
            raise AccessDenied("the job is another caller's")
        return messages.job(self._parts.jobs.cancel(job.id), call.who)

    def may_see(self, job: IndexJob, who: Principal) -> bool:
        """Whether a caller may know of a job."""
        return who.local or job.repo in self._whole(who)

    def _whole(self, who: Principal) -> set[RepoId]:
        """Return the repositories of which a caller may see everything: jobs of others would tell of the rest."""
        views = self._service.views(who)
        return {view.repo for view in views} - {view.repo for view in views if view.trimmed}

    def _job(self, job: str, who: Principal) -> IndexJob:
        found = self._parts.jobs.get(job)
        if found is None or not self.may_see(found, who):
            raise NotFound(f"there is no job {job}", details={"field": "id"})
        return found

    # --------------------------------------------------------------------------- the daemon

    def status(self, request: schema.Empty, call: Call) -> schema.StatusResponse:
        """Say what runs and what it serves."""
        facts = self._parts.facts()
        views = [view for view in self._service.views(call.who) if view.live is not None]
        running, queued = self._parts.jobs.counts()
        if not call.who.local:
            seen = [job.state for job in self._parts.jobs.page(_LOOKED_AT_JOBS, "") if self.may_see(job, call.who)]
            running, queued = seen.count(JobState.RUNNING), seen.count(JobState.QUEUED)
        modes = [(view.name, self._parts.watched(view.root).mode) for view in views]
        return schema.StatusResponse(
            version=__version__,
            edition=facts.edition,
            pid=facts.pid,
            started_at=facts.started_at,
            data_dir=messages.root_for(facts.data_dir, call.who),
            rest=facts.rest,
            grpc=facts.grpc,
            mcp=facts.mcp,
            repositories=len(views),
            jobs_running=running,
            jobs_queued=queued,
            incomplete=[messages.text(view.name) for view in views if view.live is not None and not view.live.complete],
            followed=sum(mode is not WatchMode.OFF for _, mode in modes),
            polled=[messages.text(name) for name, mode in modes if mode is WatchMode.POLLING],
        )

    def reload(self, request: schema.Empty, call: Call) -> schema.Empty:
        """Read the settings again."""
        self._parts.controls.reload()
        return schema.Empty()

    def stop(self, request: schema.Empty, call: Call) -> schema.Empty:
        """End the daemon once what runs is done or journalled."""
        self._parts.controls.stop()
        return schema.Empty()

    # --------------------------------------------------------------------------- administration

    def create_key(self, request: schema.KeyRequest, call: Call) -> schema.CreatedKey:
        """Make an API key."""
        if request.expires_at is not None and request.expires_at <= time.time():
            raise InvalidRequest("the key would be expired from the start", details={"field": "expires_at"})
        asked = NewKey(
            name=request.name,
            role=request.role,
            repos=None if request.repositories is None else tuple(request.repositories),
            expires_at=request.expires_at,
            user=request.user,
            requests_per_s=request.requests_per_s,
        )
        _require_no_more(call.who, asked)
        if asked.user != call.who.user and not call.who.local and self._has_policies():
            # Rules say what users and clients see: another one than oneself may see what oneself does not.
            _require_everything(call.who)
        key, secret = self._parts.keys.create(asked, call.who)
        return schema.CreatedKey(key=messages.key(key), secret=secret)

    def _has_policies(self) -> bool:
        try:
            return bool(self._parts.edition.policies.current().policies.policies)
        except FeatureNotAvailable:
            return False

    def keys(self, request: schema.Empty, call: Call) -> schema.KeysResponse:
        """List API keys."""
        return schema.KeysResponse(
            keys=[messages.key(key, self._parts.keys.why_refused(key)) for key in self._parts.keys.all()]
        )

    def revoke_key(self, request: schema.KeyId, call: Call) -> schema.Key:
        """Make an API key invalid."""
        return messages.key(self._parts.keys.revoke(request.id, call.who))

    def log(self, request: schema.LogRequest, call: Call) -> schema.LogResponse:
        """Look into the query log."""
        found = self._parts.usage.entries(request.limit, since=request.since, only_empty=request.only_empty)
        return schema.LogResponse(entries=[schema.LogEntry.model_validate(_loggable(entry)) for entry in found])

    def stats(self, request: schema.StatsRequest, call: Call) -> schema.StatsResponse:
        """Return figures of the query log."""
        return messages.stats(self._parts.usage.stats(request.since, request.top))

    def add_webhook(self, request: schema.WebhookRequest, call: Call) -> schema.Webhook:
        """Keep an address that is told of jobs."""
        return messages.webhook(self._parts.webhooks.add(request.url, request.secret))

    def webhooks(self, request: schema.Empty, call: Call) -> schema.WebhooksResponse:
        """List addresses."""
        return schema.WebhooksResponse(webhooks=[messages.webhook(hook) for hook in self._parts.webhooks.all()])

    def remove_webhook(self, request: schema.WebhookId, call: Call) -> schema.Empty:
        """Forget an address."""
        self._parts.webhooks.remove(request.id)
        return schema.Empty()

    # --------------------------------------------------------------------------- editions

    def features(self, request: schema.Empty, call: Call) -> schema.FeaturesResponse:
        """Say what the edition has and has not."""
        visible = {view.repo for view in self._service.views(call.who)}
        return edition_messages.features(self._parts.edition, len(visible))

    def directory(self, request: schema.Empty, call: Call) -> schema.DirectoryResponse:
        """Return all entries of the directory."""
        return edition_messages.directory(self._parts.edition.directory.state())

    def put_user(self, request: schema.User, call: Call) -> schema.User:
        """Add or replace a user; what is not given stays, so that nobody is let in again by the way."""
        given, known = request.model_fields_set, self._parts.edition.directory.state().users.get(request.name)
        email = request.email if known is None or "email" in given else known.email
        active = request.active if known is None or "active" in given else known.active
        self._put(User(request.name, email, active), call)
        return schema.User(name=request.name, email=email, active=active)

    def put_group(self, request: schema.Group, call: Call) -> schema.Group:
        """Add or replace a group."""
        self._put(Group(request.name, tuple(request.members)), call)
        return request

    def put_team(self, request: schema.Team, call: Call) -> schema.Team:
        """Add or replace a team."""
        self._put(Team(request.name, tuple(request.members), tuple(request.groups)), call)
        return request

    def put_project(self, request: schema.Project, call: Call) -> schema.Project:
        """Add or replace a project."""
        grants = tuple(Grant(one.role, one.subject) for one in request.grants)
        self._put(Project(request.name, tuple(request.repositories), grants), call)
        return request

    def put_role(self, request: schema.CustomRole, call: Call) -> schema.CustomRole:
        """Add or replace a role."""
        self._put(CustomRole(request.name, tuple(request.permissions)), call)
        return request

    def _put(self, entry: DirectoryEntry, call: Call) -> None:
        _require_everything(call.who)
        self._parts.edition.directory.put(entry, call.who)

    def remove_entry(self, request: schema.DirectoryName, call: Call) -> schema.Empty:
        """Remove an entry of the directory."""
        _require_everything(call.who)
        self._parts.keys.remove_entry(request.kind, request.name, call.who)
        return schema.Empty()

    def changes(self, request: schema.ChangesRequest, call: Call) -> schema.ChangesResponse:
        """List changes."""
        found = self._parts.edition.events.newest(request.limit)
        return schema.ChangesResponse(changes=[edition_messages.change(event) for event in found])

    # --------------------------------------------------------------------------- access policies

    def policies(self, request: schema.PoliciesRequest, call: Call) -> schema.PolicyVersion:
        """Return the policies in force, or an earlier version."""
        desk = self._parts.edition.policies
        found = desk.current() if request.number is None else desk.version(request.number)
        return edition_messages.policy_version(found)

    def put_policies(self, request: schema.PutPoliciesRequest, call: Call) -> schema.PolicyReport:
        """Put policies in force, or say what that would change."""
        _require_everything(call.who)
        if request.simulated is not None and not request.dry_run:
            raise InvalidRequest("requests are simulated in a dry run alone", details={"field": "simulated"})
        desk, policies = self._parts.edition.policies, edition_messages.policy_set(request.policies)
        if request.dry_run:
            found = desk.simulate(policies, edition_messages.simulation(request.simulated))
        else:
            found = desk.put(policies, call.who, request.note, expected=request.expected)
        return edition_messages.policy_report(found)

    def policy_history(self, request: schema.PolicyHistoryRequest, call: Call) -> schema.PolicyHistoryResponse:
        """List versions."""
        found = self._parts.edition.policies.history(request.limit)
        return schema.PolicyHistoryResponse(versions=[edition_messages.policy_version(one) for one in found])

    def test_policies(self, request: schema.TestPoliciesRequest, call: Call) -> schema.TestPoliciesResponse:
        """Run the tests of policies."""
        asked = None if request.policies is None else edition_messages.policy_set(request.policies)
        found = self._parts.edition.policies.test(asked)
        return schema.TestPoliciesResponse(results=[edition_messages.case_result(one) for one in found])

    def explain_access(self, request: schema.ExplainAccessRequest, call: Call) -> schema.ExplainAccessResponse:
        """Say whether a user may do something with a file, and why."""
        _require_everything(call.who)
        desk = self._parts.edition.policies
        desk.current()  # where there are no policies, that comes before whether the repository is there
        view = self._view(request.repository, call.who)
        question = AccessQuestion(
            request.user,
            _relative(request.path, view.root, call.who),
            view.repo,
            request.action,
            str(view.root),
            RequestFacts(
                request.hour,
                request.weekday,
                request.address,
                request.client,
                edition_messages.claims(request.claims),
            ),
        )
        return edition_messages.explanation(desk.explain(question))

    # --------------------------------------------------------------------------- the audit log

    def audit(self, request: schema.AuditRequest, call: Call) -> schema.AuditResponse:
        """List records of the audit log, newest first."""
        _require_everything(call.who)
        text = redact(request.text)[0]  # as it is kept of what was asked; and this question is on record as well
        query = AuditQuery(
            request.user, request.action, request.repository, text, request.since, request.until, request.denied
        )
        found = self._parts.edition.audit_desk.search(query, request.limit, call.who)
        return schema.AuditResponse(records=[edition_messages.audit_record(one) for one in found])

    def verify_audit(self, request: schema.VerifyAuditRequest, call: Call) -> schema.AuditVerdict:
        """Check the audit log."""
        _require_everything(call.who)
        return edition_messages.audit_verdict(self._parts.edition.audit_desk.verify(call.who))

    # --------------------------------------------------------------------------- names and notes

    def _filter(self, asked: schema.Filter, who: Principal) -> SearchFilter:
        if asked.roots is not None:
            _require_local(who, "filter.roots")
        repos = None
        if asked.repositories is not None:
            repos = frozenset(view.repo for name in asked.repositories for view in self._views(name, who))
        return SearchFilter(
            repos=repos,
            roots=None if asked.roots is None else frozenset(asked.roots),
            languages=_languages(asked.languages),
            path_globs=None if asked.paths is None else tuple(asked.paths),
            kinds=None if asked.kinds is None else frozenset(kind.value for kind in asked.kinds),
            tests=asked.tests,
            ref=asked.ref,
            dependents_of=asked.dependents_of,
            dependencies_of=asked.dependencies_of,
        )

    def _views(self, name: str, who: Principal) -> list[IndexedView]:
        views = self._service.views(who)
        if not who.local and "/" in name and Path(name).is_absolute():
            raise RepositoryNotIndexed(f"no indexed repository is called {name!r}")
        return named(views, name)

    def _view(self, name: str, who: Principal) -> IndexedView:
        """Return the working tree that is meant; of several of one repository, the first by path."""
        found = [view for view in self._views(name, who) if view.live is not None]
        if not found:
            raise RepositoryNotIndexed(f"{name!r} is not indexed yet", hint="wait for its index job to begin")
        return min(found, key=lambda view: (bool(view.ref), view.root))

    def _noted(self, call: Call, operation: str, text: str, work: Callable[[], _T], told: Callable[[_T], _Noted]) -> _T:
        """Do the work of a question and note it in the query log, be it answered or not."""
        call.check()
        started = time.perf_counter()
        noted, error = _Noted(0, ()), ""
        try:
            answer = work()
            noted = told(answer)
        except ConexusError as exc:
            error = exc.code.value
            raise
        except Exception:
            error = "internal"
            raise
        else:
            return answer
        finally:
            entry = UsageEntry(
                at=time.time(),
                surface=call.surface.value,
                operation=operation,
                subject=call.who.subject,
                text=redact(text)[0],
                repos=noted.repos,
                results=noted.results,
                elapsed_ms=(time.perf_counter() - started) * 1000,
                error=error,
            )
            self._parts.usage.note(entry)
            self._parts.edition.analytics.observe(entry)


def _checkout_of(view: IndexedView) -> Checkout:
    return Checkout(view.root, view.repo, view.name, view.head, ref=view.ref)


def _repositories(found: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found))


def _known(names: Sequence[str] | None, kinds: type[StrEnum], field: str) -> frozenset[str] | None:
    """Return names of an enum's members.

    Raises:
        InvalidRequest: One is none.
    """
    known = {kind.value for kind in kinds}
    if unknown := [name for name in names or () if name not in known]:
        raise InvalidRequest(
            f"{unknown[0]!r} is none of the {field}",
            hint="known are: " + ", ".join(sorted(known)),
            details={"field": field},
        )
    return None if names is None else frozenset(names)


def _languages(names: Sequence[str] | None) -> frozenset[str] | None:
    if names is None:
        return None
    found = {name: canonical(name) for name in names}
    unknown = [name for name, language in found.items() if language is None]
    if unknown:
        raise InvalidRequest(
            f"{unknown[0]!r} is no language that Conexus knows",
            hint="known are: " + ", ".join(sorted(BY_NAME)),
            details={"field": "filter.languages"},
        )
    return frozenset(language for language in found.values() if language)


def _absolute(path: str, field: str) -> Path:
    found = Path(path)
    if not found.is_absolute():
        raise InvalidRequest(f"{field} must be an absolute path", details={"field": field})
    return found


def _graph_request(root: str, below: str, request: schema.GraphRequest) -> GraphRequest:
    return GraphRequest(
        root,
        below,
        request.limit,
        folders=request.folders,
        tests=request.tests,
        central=request.central,
        cycles=request.cycles,
    )


def _relative(path: str, root: Path, who: Principal) -> str:
    """Return a path as the index has it; the local user may give an absolute one below the tree.

    Raises:
        NotFound: The path leaves the tree.
    """
    full = Path(path)
    if full.is_absolute() and who.local and full.is_relative_to(root):
        return full.relative_to(root).as_posix()
    parts = path.split("/")
    if full.is_absolute() or ".." in parts:
        raise NotFound(f"{path} is not in the index", details={"field": "path"})
    inner = "/".join(part for part in parts if part not in {"", "."})
    return f"{inner}/" if path.endswith("/") and inner else inner


def _require_local(who: Principal, field: str) -> None:
    if not who.local:
        raise AccessDenied(
            f"{field} is for the local user alone", hint="name the repository instead", details={"field": field}
        )


def _require_all_repositories(who: Principal) -> None:
    """Refuse a caller that may not know which names are taken."""
    if who.repos is not None or not who.everywhere:
        raise AccessDenied("names are given by callers that may use all repositories", details={"field": "name"})


def _require_no_more(who: Principal, asked: NewKey) -> None:
    """Refuse a caller that would make a key which may do more than the caller.

    Raises:
        AccessDenied: It would.
    """
    own = ROLE_PERMISSIONS[who.role] if who.permissions is None else who.permissions
    if not ROLE_PERMISSIONS[asked.role] <= own:
        raise AccessDenied(f"{who.subject} may not make keys with the role {asked.role}", details={"field": "role"})
    if who.permissions is not None and not who.everywhere:
        raise AccessDenied("keys are made by callers that may use all repositories", details={"field": "repositories"})


def _require_everything(who: Principal) -> None:
    """Refuse a caller that could give itself more than it has: who changes rights has to have them all.

    Raises:
        AccessDenied: It has not.
    """
    if not all(who.may(permission) for permission in Permission):
        raise AccessDenied(
            f"{who.subject} has not all permissions, and so may not give any", hint="ask an administrator"
        )


def _job_of(cursor: str) -> str:
    if not cursor:
        return ""
    return bytes(cursors.numbers_of(cursor, 100, 128)).decode("ascii")


def _loggable(entry: UsageEntry) -> dict[str, object]:
    return {
        "at": entry.at,
        "surface": entry.surface,
        "operation": entry.operation,
        "subject": messages.text(entry.subject),
        "text": messages.text(entry.text),
        "repos": [messages.text(repo) for repo in entry.repos],
        "results": entry.results,
        "elapsed_ms": entry.elapsed_ms,
        "error": entry.error,
    }


__all__ = ["Controls", "Facts", "Folders", "Handlers", "Jobs", "Keys", "Parts", "Surface", "Usage", "Webhooks"]
