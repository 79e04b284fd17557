# SPDX-License-Identifier: FSL-1.1-MIT
"""A ContextService that asks a daemon over REST.

Light on purpose: the terminal's commands use it, and start with it, so it needs the standard library alone.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from conexus.context_service import Check, ProgressListener
from conexus.daemon import dependency_values
from conexus.daemon.cursors import cursor_of, positions_of
from conexus.daemon.discovery import Address
from conexus.errors import ConexusError, DaemonUnavailable, InternalError, error_of
from conexus.types import (
    Checkout,
    Chunk,
    ChunkId,
    Collected,
    ContextBlock,
    ContextRequest,
    ContextResponse,
    CyclesAnswer,
    Definition,
    DependenciesRequest,
    DependencyGraph,
    DriftAnswer,
    Factor,
    FileProblem,
    FileTag,
    FileText,
    Fingerprint,
    Freshness,
    GraphEdge,
    GraphNode,
    GraphRequest,
    Hit,
    ImpactAnswer,
    ImpactRequest,
    ImportCycle,
    ImportGraph,
    IndexedView,
    IndexEstimate,
    IndexId,
    IndexInfo,
    IndexJob,
    IndexProgress,
    IndexReport,
    IndexStage,
    JobOrigin,
    JobState,
    MapFile,
    OrphansAnswer,
    OwnersAnswer,
    PathAnswer,
    Place,
    Principal,
    RelatedFile,
    RepoId,
    RepositoryMap,
    Retriever,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    SkippedFile,
    SkipReason,
    Snapshot,
    Span,
    SymbolAnswer,
    SymbolKind,
    Use,
    Verdict,
    VerifyFinding,
    VerifyReport,
    ViewStatus,
    WatchMode,
)

Json = dict[str, Any]
_CONNECT_S = 5.0
_TIMEOUT_S = 660.0  # the daemon's own limits come first
_FIRST_POLL_S, _LAST_POLL_S = 0.01, 0.15
_LOST = (ConnectionError, http.client.HTTPException, socket.timeout, OSError)
_OVER = {"done", "failed", "cancelled"}
_OK = 200


class DaemonClient:
    """Asks the daemon at an address. Threads may share it.

    Args:
        address: Where it listens, and its token.
        surface: What the query log calls this client.
    """

    def __init__(self, address: Address, surface: str = "cli") -> None:
        self.address = address
        self._surface = surface
        self._mutex = threading.Lock()
        self._idle: list[http.client.HTTPConnection] = []

    # --------------------------------------------------------------------------- index

    def index(
        self,
        checkout: Checkout,
        who: Principal,
        listener: ProgressListener = lambda _: None,
        is_cancelled: Callable[[], bool] = lambda: False,
        model: str = "",
        changed: Collection[str] | None = None,
    ) -> IndexReport:
        """Have a working tree indexed and follow the job."""
        job = self._ask("POST", "/v1/index", {"path": str(checkout.root), "model": model, "force": True})
        wait_s, asked_to_stop = _FIRST_POLL_S, False
        place = f"/v1/jobs/{quote(job['id'], safe='')}"
        while job["state"] not in _OVER:
            if is_cancelled() and not asked_to_stop:
                self._ask("POST", f"{place}/cancel", None)
                asked_to_stop = True
            time.sleep(wait_s)
            wait_s = min(_LAST_POLL_S, wait_s * 1.5)
            job = self._ask("GET", place)
            if job["progress"] is not None:
                listener(_progress(job["progress"]))
        if job["error"] is not None:
            raise _error(job["error"])
        if job["report"] is None:  # cancelled before it began
            return _nothing_done(checkout)
        return _report(job["report"])

    def estimate(self, checkout: Checkout, model: str = "") -> IndexEstimate:
        """Say what :meth:`index` would do."""
        found = self._ask("POST", "/v1/index/estimate", {"path": str(checkout.root), "model": model, "force": True})
        return IndexEstimate(
            repo=RepoId(found["repository"]),
            name=found["name"],
            root=found["root"],
            files_to_read=found["files_to_read"],
            bytes_to_read=found["bytes_to_read"],
            files_unchanged=found["files_unchanged"],
            files_to_delete=found["files_to_delete"],
            skipped=_skipped(found["skipped"]),
            estimated_s=found["estimated_s"],
            estimated_bytes=found["estimated_bytes"],
            rebuild=found["rebuild"],
        )

    # --------------------------------------------------------------------------- search

    def search(self, request: SearchRequest, who: Principal, check: Check = lambda: None) -> SearchResponse:
        """Search."""
        check()
        asked = {
            "query": request.text,
            "limit": request.limit,
            "filter": _filter(request.where),
            "explain": request.explain,
        }
        return _search_response(self._ask("POST", "/v1/search", asked))

    def similar(
        self, place: Place, request: SearchRequest, who: Principal, check: Check = lambda: None
    ) -> SearchResponse:
        """Find look-alikes of a place."""
        check()
        asked = {
            "repository": place.root,
            "path": place.path,
            "line": place.line,
            "limit": request.limit,
            "filter": _filter(request.where),
        }
        return _search_response(self._ask("POST", "/v1/similar", asked))

    def context(self, request: ContextRequest, who: Principal, check: Check = lambda: None) -> ContextResponse:
        """Pack the best chunks for a question."""
        check()
        found = self._ask(
            "POST",
            "/v1/context",
            {
                "query": request.search.text,
                "limit": request.search.limit,
                "filter": _filter(request.search.where),
                "max_tokens": request.max_tokens,
                "max_bytes": request.max_bytes,
                "format": request.style.value,
                "cursor": "" if request.only is None else cursor_of(request.only),
            },
        )
        return ContextResponse(
            text=found["text"],
            blocks=tuple(
                ContextBlock(
                    repo=RepoId(block["repository"]),
                    root=block["root"],
                    path=block["path"],
                    start_line=block["start_line"],
                    end_line=block["end_line"],
                    text=block["text"],
                    chunks=tuple(ChunkId(chunk) for chunk in block["chunks"]),
                    neutralised=block["neutralised"],
                    before=tuple(block["before"]),
                    after=tuple(block["after"]),
                    outline=block["outline"],
                )
                for block in found["blocks"]
            ),
            tokens=found["tokens"],
            # Without a block there is no cursor: asking on would bring the same.
            left_out=positions_of(found["next_cursor"]) or tuple(range(found["left_out"])),
            complete=found["complete"],
            notices=tuple(found["notices"]),
            snapshots=_snapshots(found["snapshots"]),
        )

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
        """Find definitions and uses of a name, and what the definitions use."""
        asked = {"name": name, "filter": _filter(where), "limit": limit, "uses": uses, "callees": callees}
        found = self._ask("POST", "/v1/symbols", asked)
        return SymbolAnswer(
            tuple(_definition(one) for one in found["definitions"]),
            tuple(
                Use(RepoId(one["repository"]), one["root"], one["path"], one["line"], one["symbol"], one["symbol_line"])
                for one in found["uses"]
            ),
            tuple(_definition(one) for one in found["callees"]),
            found["complete"],
            _snapshots(found["snapshots"]),
        )

    def related(self, root: str, path: str, limit: int, who: Principal) -> tuple[RelatedFile, ...]:
        """Find files tied to one."""
        found = self._ask("POST", "/v1/related", {"repository": root, "path": path, "limit": limit})
        return tuple(
            RelatedFile(RepoId(one["repository"]), one["root"], one["path"], one["score"], tuple(one["reasons"]))
            for one in found["files"]
        )

    def read(self, root: str, path: str, lines: tuple[int, int | None], who: Principal) -> FileText:
        """Return lines of an indexed file."""
        asked = {"repository": root, "path": path, "start_line": lines[0], "end_line": lines[1]}
        found = self._ask("POST", "/v1/file", asked)
        return FileText(
            repo=RepoId(found["repository"]),
            root=found["root"],
            path=found["path"],
            language=found["language"],
            start_line=found["start_line"],
            end_line=found["end_line"],
            lines_total=found["lines_total"],
            text=found["text"],
        )

    def map(self, root: str, limit: int, who: Principal) -> RepositoryMap:
        """Return an overview of a repository."""
        found = self._ask("POST", "/v1/map", {"repository": root, "limit": limit})
        return RepositoryMap(
            RepoId(found["repository"]),
            found["root"],
            tuple(
                MapFile(file["path"], file["uses"], tuple(_definition(one) for one in file["symbols"]))
                for file in found["files"]
            ),
            found["files_total"],
        )

    def graph(self, request: GraphRequest, who: Principal) -> ImportGraph:
        """Return what imports what within a tree."""
        asked = {
            "repository": request.root,
            "path": request.path,
            "limit": request.limit,
            "folders": request.folders,
            "tests": request.tests,
            "central": request.central,
            "cycles": request.cycles,
        }
        found = self._ask("POST", "/v1/graph", asked)
        return ImportGraph(
            RepoId(found["repository"]),
            found["root"],
            tuple(GraphNode(node["path"], node["files"], node["language"], node["rank"]) for node in found["nodes"]),
            tuple(GraphEdge(edge["source"], edge["target"], edge["files"]) for edge in found["edges"]),
            found["nodes_total"],
            found["edges_total"],
            tuple(ImportCycle(tuple(one["members"]), tuple(one["shortest"])) for one in found["cycles"]),
        )

    # --------------------------------------------------------------------------- across repositories

    def graph_repos(self, request: DependenciesRequest, who: Principal, check: Check = lambda: None) -> DependencyGraph:
        """Return what depends on what across repositories."""
        check()
        asked = {
            "repositories": None if request.repos is None else sorted(request.repos),
            "ecosystems": None if request.ecosystems is None else sorted(request.ecosystems),
            "scopes": None if request.scopes is None else sorted(request.scopes),
            "external": request.external,
            "files": request.files,
            "limit": request.limit,
        }
        return dependency_values.graph(self._ask("POST", "/v1/graph/repos", asked))

    def graph_impact(self, request: ImpactRequest, who: Principal, check: Check = lambda: None) -> ImpactAnswer:
        """Return what a change may break."""
        check()
        return dependency_values.impact(self._ask("POST", "/v1/graph/impact", _impact(request)))

    def graph_owners(self, request: ImpactRequest, who: Principal, check: Check = lambda: None) -> OwnersAnswer:
        """Return the owners of what a change may break."""
        check()
        return dependency_values.owners(self._ask("POST", "/v1/graph/owners", _impact(request)))

    def graph_path(self, source: str, target: str, who: Principal, check: Check = lambda: None) -> PathAnswer:
        """Return how one thing depends on another."""
        check()
        return dependency_values.path(self._ask("POST", "/v1/graph/path", {"source": source, "target": target}))

    def graph_drift(self, package: str, limit: int, who: Principal) -> DriftAnswer:
        """Return packages whose versions differ."""
        return dependency_values.drift(self._ask("POST", "/v1/graph/drift", {"package": package, "limit": limit}))

    def graph_orphans(self, limit: int, who: Principal) -> OrphansAnswer:
        """Return what nobody uses."""
        return dependency_values.orphans(self._ask("POST", "/v1/graph/orphans", {"limit": limit}))

    def graph_cycles(self, limit: int, who: Principal) -> CyclesAnswer:
        """Return repositories that depend on each other."""
        return dependency_values.cycles(self._ask("POST", "/v1/graph/cycles", {"limit": limit}))

    # --------------------------------------------------------------------------- repositories

    def views(self, who: Principal) -> list[IndexedView]:
        """Return the indexed working trees, by name."""
        return [_view(number, status) for number, status in enumerate(self.status(who))]

    def status(self, who: Principal) -> list[ViewStatus]:
        """Return figures of every indexed working tree."""
        return [_status(one) for one in self._ask("GET", "/v1/repositories")["repositories"]]

    def remove(self, view: IndexedView, who: Principal) -> None:
        """Delete the index of a working tree."""
        self._ask("DELETE", f"/v1/repositories/{quote(str(view.root), safe='')}")

    def rename(self, repo: RepoId, name: str, who: Principal) -> None:
        """Give a repository another short name."""
        self._ask("PATCH", f"/v1/repositories/{quote(repo, safe='')}", {"name": name})

    def roll_back(self, view: IndexedView, who: Principal) -> None:
        """Make the generation before the present one of a tree answer again."""
        self._ask("POST", "/v1/rollback", {"repository": str(view.root)})

    def collect(self, who: Principal, *, dry_run: bool = False, everything: bool = False) -> Collected:
        """Remove what is not needed any more."""
        return Collected(**self._ask("POST", "/v1/gc", {"dry_run": dry_run, "everything": everything}))

    # --------------------------------------------------------------------------- jobs

    def jobs(self, limit: int) -> list[IndexJob]:
        """Return index jobs, newest first."""
        return [_job(one) for one in self._ask("GET", f"/v1/jobs?limit={limit}")["jobs"]]

    def cancel(self, job: str) -> IndexJob:
        """Stop an index job."""
        return _job(self._ask("POST", f"/v1/jobs/{quote(job, safe='')}/cancel", None))

    def follow(self, job: str) -> Iterator[IndexJob]:
        """Yield an index job as it is and whenever it changes, until it is over or the daemon ends.

        Raises:
            NotFound: There is no such job.
        """
        for name, data in self._events(f"/v1/jobs/{quote(job, safe='')}/events"):
            if name == "job":
                yield _job(data)

    def happenings(self) -> Iterator[IndexJob]:
        """Yield index jobs whenever they change, until the daemon ends."""
        for name, data in self._events("/v1/events"):
            if name == "job" and data["job"] is not None:
                yield _job(data["job"])

    def _events(self, path: str) -> Iterator[tuple[str, Json]]:
        """Yield the server-sent events of a stream, on a connection of its own."""
        place = urlsplit(self.address.http)
        connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", path, headers=self._headers())
            response = connection.getresponse()
            if response.status != _OK:
                _answer(response.status, response.read())
            name = ""
            for line in response:
                key, _, value = line.decode().rstrip("\r\n").partition(": ")
                if key == "event":
                    name = value
                elif key == "data":
                    found = json.loads(value)
                    if name == "error":
                        raise _error(found)
                    yield name, found
        except _LOST as exc:
            raise _lost() from exc
        finally:
            connection.close()

    def explain(self, checkout: Checkout, path: str, who: Principal) -> Verdict:
        """Say whether a path is indexed, and the rule that decides."""
        found = self._why(checkout, path)
        reason = None if found["reason"] is None else SkipReason(found["reason"])
        return Verdict(found["path"], included=found["included"], reason=reason, rule=found["rule"])

    def has_read(self, checkout: Checkout, path: str, who: Principal) -> bool:
        """Whether the index knows a file."""
        return bool(self._why(checkout, path)["known"])

    def _why(self, checkout: Checkout, path: str) -> Json:
        return self._ask("POST", "/v1/why", {"root": str(checkout.root), "path": path})

    def verify(self, who: Principal, *, repair: bool, views: Sequence[IndexedView] | None = None) -> VerifyReport:
        """Check what is stored."""
        names = [""] if views is None else [str(view.root) for view in views]
        total = VerifyReport(0, 0, 0, ())
        for name in names:
            found = self._ask("POST", "/v1/verify", {"repository": name, "repair": repair})
            findings = tuple(
                VerifyFinding(RepoId(one["repository"]), one["path"], one["what"]) for one in found["findings"]
            )
            total = VerifyReport(
                total.views + found["views"],
                total.files + found["files"],
                total.chunks + found["chunks"],
                (*total.findings, *(one for one in findings if one not in total.findings)),
                total.repaired + found["repaired"],
            )
        return total

    def daemon_status(self) -> Json:
        """Return what the daemon says of itself."""
        return self._ask("GET", "/v1/status")

    def stop_daemon(self) -> None:
        """Ask the daemon to end."""
        self._ask("POST", "/v1/stop")

    def reload_daemon(self) -> None:
        """Ask the daemon to read its settings again."""
        self._ask("POST", "/v1/reload")

    def close(self) -> None:
        """Close the connections. Idempotent."""
        with self._mutex:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    # --------------------------------------------------------------------------- the wire

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Json:
        """Send a request and return its answer.

        Raises:
            ConexusError: What the daemon answered.
            DaemonUnavailable: It does not answer.
        """
        headers = self._headers()
        content = None if body is None else json.dumps(body).encode()
        connection = self._connection()
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            text = response.read()
        except _LOST as exc:
            connection.close()
            raise _lost() from exc
        with self._mutex:
            self._idle.append(connection)
        return _answer(response.status, text)

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self.address.token}",
            "Content-Type": "application/json",
            "X-Conexus-Client": self._surface,
        }

    def _connection(self) -> http.client.HTTPConnection:
        with self._mutex:
            if self._idle:
                return self._idle.pop()
        place = urlsplit(self.address.http)
        connection = http.client.HTTPConnection(place.hostname or "127.0.0.1", place.port, timeout=_CONNECT_S)
        try:
            connection.connect()
        except OSError as exc:
            raise DaemonUnavailable(
                "the daemon cannot be reached", hint="see `conexus daemon status` and `conexus daemon logs`"
            ) from exc
        connection.sock.settimeout(_TIMEOUT_S)
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


def _answer(status: int, text: bytes) -> Json:
    try:
        found = json.loads(text)
    except ValueError as exc:
        if status == http.client.SERVICE_UNAVAILABLE:
            raise DaemonUnavailable(
                "the daemon has too many connections", hint="try again in a moment, or run `conexus daemon restart`"
            ) from exc
        raise InternalError(f"the daemon gave no JSON (status {status})") from exc
    if not isinstance(found, dict):
        raise InternalError(f"the daemon gave no answer that can be read (status {status})")
    if status >= http.client.BAD_REQUEST:
        raise _error(found)
    return found


def _error(found: Json) -> ConexusError:
    return error_of(
        str(found.get("code")),
        str(found.get("message")),
        hint=found.get("hint"),
        details=found.get("details") or {},
    )


# ------------------------------------------------------------------------------ values


def _filter(where: SearchFilter) -> Json:
    def listed(values: frozenset[Any] | None) -> list[Any] | None:
        return None if values is None else sorted(values)

    return {
        "repositories": listed(where.repos),
        "roots": listed(where.roots),
        "languages": listed(where.languages),
        "paths": None if where.path_globs is None else list(where.path_globs),
        "kinds": listed(where.kinds),
        "tests": where.tests,
        "ref": where.ref,
        "dependents_of": where.dependents_of,
        "dependencies_of": where.dependencies_of,
    }


def _impact(request: ImpactRequest) -> Json:
    return {
        "targets": list(request.targets),
        "diff": request.diff,
        "repository": request.repo or "",
        "depth": request.depth,
        "limit": request.limit,
        "min_confidence": request.min_confidence,
        "elsewhere": request.elsewhere,
    }


def _lost() -> DaemonUnavailable:
    return DaemonUnavailable(
        "the daemon went away while it worked",
        hint="run the command again: what was done is kept; `conexus daemon logs` may say why",
    )


def _snapshots(found: Sequence[Json]) -> tuple[Snapshot, ...]:
    return tuple(
        Snapshot(RepoId(one["repository"]), **{key: value for key, value in one.items() if key != "repository"})
        for one in found
    )


def _job(found: Json) -> IndexJob:
    error = found["error"] or {}
    return IndexJob(
        id=found["id"],
        root=found["root"],
        repo=RepoId(found["repository"]),
        name=found["name"],
        state=JobState(found["state"]),
        subject="",
        created_at=found["created_at"],
        started_at=found["started_at"],
        finished_at=found["finished_at"],
        progress=None if found["progress"] is None else _progress(found["progress"]),
        report=None if found["report"] is None else _report(found["report"]),
        error_code=error.get("code", ""),
        error=error.get("message", ""),
        hint=error.get("hint") or "",
        origin=JobOrigin(found["origin"]),
        attempts=found["attempts"],
    )


def _search_response(found: Json) -> SearchResponse:
    return SearchResponse(
        hits=tuple(_hit(one) for one in found["results"]),
        elapsed_ms=found["elapsed_ms"],
        complete=found["complete"],
        notices=tuple(found["notices"]),
        snapshots=_snapshots(found["snapshots"]),
        has_more=bool(found["next_cursor"]),
    )


def _hit(found: Json) -> Hit:
    # Bytes are not told; what matters is whether the chunk begins its file, where a mark of the byte order may stand.
    start_byte = 0 if found["start_line"] == 1 else 1
    chunk = Chunk(
        id=ChunkId(found["id"]),
        repo=RepoId(found["repository"]),
        path=found["path"],
        language=found["language"],
        span=Span(start_byte, start_byte + len(found["text"]), found["start_line"], found["end_line"]),
        text=found["text"],
        kind=found["kind"],
        symbol=found["symbol"] or "",
        signature=found["signature"] or "",
        tags=frozenset(FileTag(tag) for tag in found["tags"]),
    )
    return Hit(
        chunk=chunk,
        score=found["score"],
        found_by=frozenset(Retriever(one) for one in found["found_by"]),
        freshness=Freshness(found["freshness"]),
        root=found["root"],
        focus_line=found["line"],
        factors=tuple(Factor(one["name"], one["value"], one["detail"]) for one in found["factors"]),
    )


def _definition(found: Json) -> Definition:
    return Definition(
        repo=RepoId(found["repository"]),
        root=found["root"],
        path=found["path"],
        symbol=found["symbol"],
        kind=SymbolKind(found["kind"]),
        line=found["line"],
        end_line=found["end_line"],
        signature=found["signature"],
        doc=found["doc"],
        language=found["language"],
    )


def _progress(found: Json) -> IndexProgress:
    return IndexProgress(
        stage=IndexStage(found["stage"]),
        **{name: value for name, value in found.items() if name not in {"stage", "eta_s", "bytes_per_s"}},
    )


def _skipped(found: list[Json]) -> tuple[SkippedFile, ...]:
    return tuple(SkippedFile(one["path"], SkipReason(one["reason"]), one["detail"]) for one in found)


def _languages(found: list[Json]) -> tuple[tuple[str, int], ...]:
    return tuple((one["language"], one["files"]) for one in found)


_REPORT_AS_IT_IS = (
    "name root files_total files_indexed files_unchanged files_deleted chunks_written chunks_total symbols_total "
    "redactions elapsed_ms bytes_read cancelled rebuilt notice"
).split()


def _report(found: Json) -> IndexReport:
    return IndexReport(
        repo=RepoId(found["repository"]),
        languages=_languages(found["languages"]),
        skipped=_skipped(found["skipped"]),
        problems=tuple(FileProblem(one["path"], one["reason"]) for one in found["problems"]),
        **{name: found[name] for name in _REPORT_AS_IT_IS},
    )


def _nothing_done(checkout: Checkout) -> IndexReport:
    nothing = dict.fromkeys(_REPORT_AS_IT_IS, 0)
    return replace(
        IndexReport(repo=checkout.repo, languages=(), skipped=(), problems=(), **nothing),  # type: ignore[arg-type]
        name=checkout.name,
        root=str(checkout.root),
        cancelled=True,
        rebuilt="",
        notice="",
    )


_STATUS_AS_IT_IS = (
    "name root model files skipped chunks symbols size_bytes source_bytes indexed_at complete head branch snapshot "
    "files_seen files_pending indexing watch_reason changed_at previous_model ref shared gone"
).split()


def _status(found: Json) -> ViewStatus:
    return ViewStatus(
        repo=RepoId(found["repository"]),
        index=IndexId(0),
        languages=_languages(found["languages"]),
        watch=WatchMode(found["watch"]),
        **{name: found[name] for name in _STATUS_AS_IT_IS},
    )


def _view(number: int, status: ViewStatus) -> IndexedView:
    live = IndexInfo(IndexId(0), Fingerprint(""), status.model, "", 0, complete=status.complete, live=True)
    place = Path(status.root)
    return IndexedView(number, status.repo, status.name, place, live, None, ref=status.ref, head=status.head)
