# SPDX-License-Identifier: FSL-1.1-MIT
"""Messages of the wire from and to the values of the core. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conexus.daemon import schema
from conexus.daemon.failures import failure_of, without_paths
from conexus.errors import error_of
from conexus.types import (
    ApiKey,
    Collected,
    ContextResponse,
    Definition,
    FileText,
    Hit,
    ImportGraph,
    IndexEstimate,
    IndexJob,
    IndexProgress,
    IndexReport,
    Principal,
    RelatedFile,
    RepositoryMap,
    SearchResponse,
    SkippedFile,
    Snapshot,
    SymbolAnswer,
    UsageStats,
    ViewStatus,
    Webhook,
)


def text(value: str) -> str:
    r"""Return text that UTF-8 can hold: the name of a file may be no text, its bytes are then written as ``\udc..``."""
    if value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode("utf-8")


def root_for(root: str, who: Principal) -> str:
    """Return the absolute path of a tree for those who may see it."""
    return text(root) if who.local else ""


def result(hit: Hit, who: Principal) -> schema.Result:
    """Return a hit."""
    chunk = hit.chunk
    return schema.Result(
        id=chunk.id,
        repository=text(chunk.repo),
        root=root_for(hit.root, who),
        path=text(chunk.path),
        line=hit.focus_line,
        start_line=chunk.span.start_line,
        end_line=chunk.span.end_line,
        language=chunk.language,
        kind=chunk.kind,
        symbol=text(chunk.symbol) or None,
        signature=text(chunk.signature) or None,
        tags=sorted(chunk.tags),
        score=round(hit.score, 4),
        freshness=hit.freshness,
        found_by=sorted(hit.found_by),
        text=text(chunk.text),
        factors=[
            schema.Factor(name=factor.name, value=round(factor.value, 4), detail=text(factor.detail))
            for factor in hit.factors
        ],
    )


def search_response(
    query: str, answer: SearchResponse, hits: Sequence[Hit], next_cursor: str, who: Principal
) -> schema.SearchResponse:
    """Return an answer with some of its hits."""
    return schema.SearchResponse(
        query=query,
        complete=answer.complete,
        elapsed_ms=round(answer.elapsed_ms, 2),
        notices=notices(answer.notices, who),
        results=[result(hit, who) for hit in hits],
        next_cursor=next_cursor,
        snapshots=snapshots(answer.snapshots, who),
    )


def notices(found: Sequence[str], who: Principal) -> list[str]:
    """Return notices, without paths for those who may not see them."""
    return [text(notice) if who.local else without_paths(notice) for notice in found]


def snapshots(found: Sequence[Snapshot], who: Principal) -> list[schema.Snapshot]:
    """Return which states of indexes an answer comes from."""
    return [
        schema.Snapshot(
            repository=text(one.repo),
            root=root_for(one.root, who),
            id=one.id,
            head=one.head,
            branch=None if one.branch is None else text(one.branch),
            indexed_at=one.indexed_at,
            files_indexed=one.files_indexed,
            files_seen=one.files_seen,
            indexing=one.indexing,
        )
        for one in found
    ]


def context_response(answer: ContextResponse, next_cursor: str, who: Principal) -> schema.ContextResponse:
    """Return a packed answer."""
    return schema.ContextResponse(
        text=text(answer.text),
        blocks=[
            schema.ContextBlock(
                repository=text(block.repo),
                root=root_for(block.root, who),
                path=text(block.path),
                start_line=block.start_line,
                end_line=block.end_line,
                text=text(block.text),
                chunks=list(block.chunks),
                neutralised=block.neutralised,
                before=list(map(text, block.before)),
                after=list(map(text, block.after)),
                outline=block.outline,
            )
            for block in answer.blocks
        ],
        tokens=answer.tokens,
        left_out=len(answer.left_out),
        complete=answer.complete,
        notices=notices(answer.notices, who),
        next_cursor=next_cursor,
        snapshots=snapshots(answer.snapshots, who),
    )


def definition(found: Definition, who: Principal) -> schema.Definition:
    """Return a definition."""
    return schema.Definition(
        repository=text(found.repo),
        root=root_for(found.root, who),
        path=text(found.path),
        symbol=text(found.symbol),
        kind=found.kind,
        line=found.line,
        end_line=found.end_line,
        signature=text(found.signature),
        doc=text(found.doc),
        language=found.language,
    )


def symbols_response(answer: SymbolAnswer, who: Principal) -> schema.SymbolsResponse:
    """Return definitions, uses and what the definitions use."""
    return schema.SymbolsResponse(
        definitions=[definition(found, who) for found in answer.definitions],
        uses=[
            schema.Use(
                repository=text(use.repo),
                root=root_for(use.root, who),
                path=text(use.path),
                line=use.line,
                symbol=text(use.symbol),
                symbol_line=use.symbol_line,
            )
            for use in answer.uses
        ],
        callees=[definition(found, who) for found in answer.callees],
        complete=answer.complete,
        snapshots=snapshots(answer.snapshots, who),
    )


def related_response(files: Sequence[RelatedFile], who: Principal) -> schema.RelatedResponse:
    """Return related files."""
    return schema.RelatedResponse(
        files=[
            schema.RelatedFile(
                repository=text(file.repo),
                root=root_for(file.root, who),
                path=text(file.path),
                score=file.score,
                reasons=[text(reason) for reason in file.reasons],
            )
            for file in files
        ]
    )


def file_response(found: FileText, who: Principal) -> schema.FileResponse:
    """Return a file's text."""
    return schema.FileResponse(
        repository=text(found.repo),
        root=root_for(found.root, who),
        path=text(found.path),
        language=found.language,
        start_line=found.start_line,
        end_line=found.end_line,
        lines_total=found.lines_total,
        text=text(found.text),
    )


def map_response(found: RepositoryMap, who: Principal) -> schema.MapResponse:
    """Return an overview of a repository."""
    return schema.MapResponse(
        repository=text(found.repo),
        root=root_for(found.root, who),
        files=[
            schema.MapFile(
                path=text(file.path), uses=file.uses, symbols=[definition(symbol, who) for symbol in file.symbols]
            )
            for file in found.files
        ],
        files_total=found.files_total,
    )


def graph_response(found: ImportGraph, who: Principal) -> schema.GraphResponse:
    """Return what imports what."""
    return schema.GraphResponse(
        repository=text(found.repo),
        root=root_for(found.root, who),
        nodes=[
            schema.GraphNode(path=text(node.path), files=node.files, language=node.language, rank=node.rank)
            for node in found.nodes
        ],
        edges=[schema.GraphEdge(source=edge.source, target=edge.target, files=edge.files) for edge in found.edges],
        nodes_total=found.nodes_total,
        edges_total=found.edges_total,
        cycles=[
            schema.GraphCycle(members=list(map(text, cycle.members)), shortest=list(map(text, cycle.shortest)))
            for cycle in found.cycles
        ],
    )


def languages(counts: Sequence[tuple[str, int]]) -> list[schema.LanguageCount]:
    """Return numbers of files by language."""
    return [schema.LanguageCount(language=language, files=files) for language, files in counts]


def repository(status: ViewStatus, who: Principal) -> schema.Repository:
    """Return one indexed working tree."""
    return schema.Repository(
        repository=text(status.repo),
        name=text(status.name),
        root=root_for(status.root, who),
        model=_model(status.model, who),
        files=status.files,
        skipped=status.skipped,
        chunks=status.chunks,
        symbols=status.symbols,
        languages=languages(status.languages),
        size_bytes=status.size_bytes,
        source_bytes=status.source_bytes,
        indexed_at=status.indexed_at,
        complete=status.complete,
        head=status.head,
        branch=None if status.branch is None else text(status.branch),
        snapshot=status.snapshot,
        files_seen=status.files_seen,
        files_pending=status.files_pending,
        indexing=status.indexing,
        watch=status.watch,
        watch_reason=notices([status.watch_reason], who)[0],
        changed_at=status.changed_at,
        previous_model=None if status.previous_model is None else _model(status.previous_model, who),
        ref=text(status.ref),
        shared=status.shared,
        gone=status.gone,
    )


def _model(name: str, who: Principal) -> str:
    """Return the name of a model, which may be the path of its folder."""
    return text(name) if who.local else text(name).rsplit("/", 1)[-1]


def collected(found: Collected) -> schema.GcResponse:
    """Return what was removed."""
    return schema.GcResponse.model_validate(found)


def skipped(files: Sequence[SkippedFile]) -> list[schema.SkippedFile]:
    """Return files that are left out."""
    return [schema.SkippedFile(path=text(one.path), reason=one.reason, detail=text(one.detail)) for one in files]


def estimate(found: IndexEstimate, who: Principal) -> schema.EstimateResponse:
    """Return what indexing would do."""
    return schema.EstimateResponse(
        repository=text(found.repo),
        name=text(found.name),
        root=root_for(found.root, who),
        files_to_read=found.files_to_read,
        bytes_to_read=found.bytes_to_read,
        files_unchanged=found.files_unchanged,
        files_to_delete=found.files_to_delete,
        skipped=skipped(found.skipped),
        estimated_s=found.estimated_s,
        estimated_bytes=found.estimated_bytes,
        rebuild=text(found.rebuild),
    )


def report(found: IndexReport, who: Principal) -> schema.Report:
    """Return what an index job did."""
    return schema.Report(
        repository=text(found.repo),
        name=text(found.name),
        root=root_for(found.root, who),
        files_total=found.files_total,
        files_indexed=found.files_indexed,
        files_unchanged=found.files_unchanged,
        files_deleted=found.files_deleted,
        chunks_written=found.chunks_written,
        chunks_total=found.chunks_total,
        symbols_total=found.symbols_total,
        redactions=found.redactions,
        languages=languages(found.languages),
        skipped=skipped(found.skipped),
        problems=[schema.FileProblem(path=text(one.path), reason=text(one.reason)) for one in found.problems],
        elapsed_ms=found.elapsed_ms,
        bytes_read=found.bytes_read,
        cancelled=found.cancelled,
        rebuilt=text(found.rebuilt),
        notice=text(found.notice),
    )


def progress(found: IndexProgress) -> schema.Progress:
    """Return how far an index job is."""
    return schema.Progress.model_validate(found)


def job(found: IndexJob, who: Principal) -> schema.Job:
    """Return an index job."""
    error = None
    if found.error_code:
        error = failure_of(
            error_of(found.error_code, found.error, hint=found.hint or None, details=dict(found.details)), who
        )
    return schema.Job(
        id=found.id,
        repository=text(found.repo),
        name=text(found.name),
        root=root_for(found.root, who),
        state=found.state,
        created_at=found.created_at,
        started_at=found.started_at,
        finished_at=found.finished_at,
        progress=None if found.progress is None else progress(found.progress),
        report=None if found.report is None else report(found.report, who),
        error=error,
        origin=found.origin,
        attempts=found.attempts,
    )


def key(found: ApiKey, refused: str = "") -> schema.Key:
    """Return an API key without its secret."""
    return schema.Key(
        id=found.id,
        name=found.name,
        role=found.role,
        repositories=None if found.repos is None else list(found.repos),
        created_at=found.created_at,
        expires_at=found.expires_at,
        last_used_at=found.last_used_at,
        revoked_at=found.revoked_at,
        user=text(found.user),
        requests_per_s=found.requests_per_s,
        refused=text(refused),
    )


def stats(found: UsageStats) -> schema.StatsResponse:
    """Return figures of the query log."""
    lists = ("by_surface", "by_operation", "by_day", "top_repositories", "top_queries", "empty_queries")
    counts: dict[str, Any] = {
        name: [schema.Count(name=text(key), count=count) for key, count in getattr(found, name)] for name in lists
    }
    return schema.StatsResponse(
        since=found.since,
        requests=found.requests,
        errors=found.errors,
        empty=found.empty,
        p50_ms=found.p50_ms,
        p95_ms=found.p95_ms,
        p99_ms=found.p99_ms,
        **counts,
    )


def webhook(found: Webhook) -> schema.Webhook:
    """Return an address that is told of jobs."""
    return schema.Webhook(id=found.id, url=found.url, created_at=found.created_at, signed=bool(found.secret))


# ------------------------------------------------------------------------------ cursors
