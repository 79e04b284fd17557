# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes search results: plain, vimgrep, JSON, JSON lines, Markdown. Pure.

The JSON forms follow ``docs/schemas/search.v1.json``: fields may be added within a version, never
changed or taken away.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path, PurePosixPath

from conexus.cli.console import clean, one_line
from conexus.search.packing import code_span
from conexus.search.snippets import Snippet, snippet
from conexus.types import Freshness, Hit, SearchRequest, SearchResponse, Snapshot

SCHEMA = "conexus.search/1"
_FENCE = "```"
_REF_ROOT = re.compile(r"\.git/(?:refs/(?:heads|tags|remotes)/(.+)|commits/([0-9a-f]{40}))\Z", re.DOTALL)


class OutputFormat(StrEnum):
    """How results are written."""

    RICH = "rich"
    PLAIN = "plain"
    VIMGREP = "vimgrep"
    JSON = "json"
    JSONL = "jsonl"
    MARKDOWN = "markdown"


def render(
    request: SearchRequest, response: SearchResponse, output: OutputFormat, cwd: Path, context: int
) -> Iterator[str]:
    """Yield the lines of an answer.

    Args:
        request: What was asked.
        response: The answer.
        output: Any format but ``rich``.
        cwd: Paths below it are written relative to it.
        context: Lines of code for each result.
    """
    match output:
        case OutputFormat.JSON:
            yield json.dumps(as_json(request, response), indent=2)
        case OutputFormat.JSONL:
            for hit in response.hits:
                yield json.dumps({"schema": SCHEMA, **hit_json(hit)})
        case OutputFormat.VIMGREP:
            for hit in response.hits:
                found = snippet(hit.chunk, hit.focus_line, 1)
                text = one_line(found.lines[0].strip()) if found.lines else ""
                yield f"{one_line(shown_path(hit, cwd))}:{hit.focus_line}:1:{text}"
        case OutputFormat.MARKDOWN:
            yield from _markdown(request, response, cwd, context)
        case OutputFormat.PLAIN | OutputFormat.RICH:
            for number, hit in enumerate(response.hits):
                if number and context:
                    yield ""
                yield from _plain(hit, cwd, context)


def shown_path(hit: Hit, cwd: Path) -> str:
    """Return a hit's path as a terminal in ``cwd`` can open it: relative below it, else absolute."""
    return path_from(cwd, hit.root, hit.chunk.path)


def path_from(cwd: Path, root: str, path: str) -> str:
    """Return a path of a working tree as a terminal in ``cwd`` can open it, and one of a ref as git has it.

    That is ``main:src/a.py``, which ``git show`` takes.
    """
    if (ref := ref_of(root)) is not None:
        return f"{ref}:{path}"
    full = Path(root) / path
    return str(full.relative_to(cwd)) if full.is_relative_to(cwd) else str(full)


def ref_of(root: str) -> str | None:
    """Return the branch, tag or commit that a root is of; nothing for a working tree's."""
    found = _REF_ROOT.search(root)
    return None if found is None else found[1] or found[2]


def heading(hit: Hit) -> str:
    """Return what a result is, as ``method Session.send``; empty for a block outside every definition."""
    chunk = hit.chunk
    if not chunk.symbol:
        return ""
    return one_line(f"{chunk.kind} {chunk.symbol}" if chunk.kind != "block" else f"in {chunk.symbol}")


def _plain(hit: Hit, cwd: Path, context: int) -> Iterator[str]:
    parts = [f"{one_line(shown_path(hit, cwd))}:{hit.focus_line}", heading(hit), f"[{hit.score:.2f}]"]
    if hit.freshness is not Freshness.FRESH:
        parts.append(f"({hit.freshness})")
    yield "  ".join(part for part in parts if part)
    found = snippet(hit.chunk, hit.focus_line, context)
    for number, line in enumerate(found.lines, start=found.first_line):
        yield f"  {number:>5}  {clean(line)}"
    yield from explanation(hit)


def explanation(hit: Hit) -> Iterator[str]:
    """Yield the shares of a hit's score, largest first."""
    for factor in sorted(hit.factors, key=lambda factor: -abs(factor.value)):
        detail = f"  {one_line(factor.detail)}" if factor.detail else ""
        yield f"        {factor.value:+.3f}  {factor.name}{detail}"


def _markdown(request: SearchRequest, response: SearchResponse, cwd: Path, context: int) -> Iterator[str]:
    yield f"# {one_line(request.text)}"
    for hit in response.hits:
        found: Snippet = snippet(hit.chunk, hit.focus_line, context)
        last = found.first_line + max(0, len(found.lines) - 1)
        title = heading(hit)
        yield ""
        place = code_span(f"{one_line(shown_path(hit, cwd))}:{found.first_line}-{last}")
        yield f"## {place} {code_span(title)}" if title else f"## {place}"
        yield ""
        body = [clean(line) for line in found.lines]
        fence = _FENCE
        while any(fence in line for line in body):
            fence += "`"
        yield fence + (hit.chunk.language or _suffix(hit.chunk.path))
        yield from body
        yield fence


def _suffix(path: str) -> str:
    """Return a file's suffix where it can follow a fence: a name is others' text."""
    suffix = PurePosixPath(path).suffix.lstrip(".")
    return suffix if suffix.isascii() and suffix.isalnum() else ""


def as_json(request: SearchRequest, response: SearchResponse) -> dict[str, object]:
    """Return an answer as the published schema has it."""
    return {
        "schema": SCHEMA,
        "query": request.text,
        "complete": response.complete,
        "elapsed_ms": round(response.elapsed_ms, 2),
        "notices": list(response.notices),
        "snapshots": [snapshot_json(snapshot) for snapshot in response.snapshots],
        "results": [hit_json(hit) for hit in response.hits],
    }


def snapshot_json(snapshot: Snapshot) -> dict[str, object]:
    """Return the state of an index as the published schema has it."""
    found = dataclasses.asdict(snapshot)
    return {"repository": found.pop("repo"), **found}


def hit_json(hit: Hit) -> dict[str, object]:
    """Return one hit as the published schema has it."""
    chunk = hit.chunk
    found: dict[str, object] = {
        "path": chunk.path,
        "line": hit.focus_line,
        "start_line": chunk.span.start_line,
        "end_line": chunk.span.end_line,
        "root": hit.root,
        "repository": chunk.repo,
        "language": chunk.language,
        "kind": chunk.kind,
        "symbol": chunk.symbol or None,
        "signature": chunk.signature or None,
        "tags": sorted(chunk.tags),
        "score": round(hit.score, 4),
        "freshness": hit.freshness.value,
        "found_by": sorted(hit.found_by),
        "id": chunk.id,
        "text": chunk.text,
    }
    if hit.factors:
        found["factors"] = [
            {"name": factor.name, "value": round(factor.value, 4), "detail": factor.detail} for factor in hit.factors
        ]
    return found
