# SPDX-License-Identifier: FSL-1.1-MIT
"""``conexus context`` and ``conexus extract``."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from conexus.cli import console
from conexus.cli.render import snapshot_json
from conexus.cli.scope import (
    EXIT_INCOMPLETE,
    EXIT_NOTHING,
    AllOption,
    FolderArgument,
    FreshOption,
    GlobOption,
    KindOption,
    LanguageOption,
    RefOption,
    RepoOption,
    Scope,
    TestsOption,
    kinds,
    languages,
    require_between,
    require_words,
)
from conexus.cli.session import USER, steadily
from conexus.daemon.cursors import cursor_after, positions_of
from conexus.errors import ConfigError
from conexus.search.mentions import mentioned
from conexus.search.packing import pack
from conexus.search.query import same_path
from conexus.types import ChunkId, ContextBlock, ContextFormat, ContextRequest, ContextResponse, Hit, SearchRequest

SCHEMA = "conexus.context/1"
_RAISE = "raise --max-tokens or --max-bytes"
_MIN_TOKENS, _MAX_TOKENS = 100, 200_000
_MIN_BYTES, _MAX_BYTES = 400, 2_000_000
_MAX_CONSIDERED = 100
_MAX_READ = 1_000_000
_MAX_LOOKED_AT, _MAX_FOUND = 300, 60  # places
_AT_A_PLACE = 8  # results that are looked through for the one at a line


class ContextOutput(StrEnum):
    """How a packed answer is written."""

    MARKDOWN = "markdown"
    XML = "xml"
    JSON = "json"


_STYLES = {
    ContextOutput.MARKDOWN: ContextFormat.MARKDOWN,
    ContextOutput.XML: ContextFormat.XML,
    ContextOutput.JSON: ContextFormat.MARKDOWN,
}
MaxTokens = Annotated[
    int, typer.Option("--max-tokens", "-t", help="Never more tokens than this, as cl100k_base counts.")
]
MaxBytes = Annotated[int, typer.Option("--max-bytes", help="Never more bytes than this.")]
Style = Annotated[ContextOutput, typer.Option("--format", "-f", help="xml for models that are used to tags.")]
Json = Annotated[bool, typer.Option("--json", help="The same as --format json.")]


def context(
    question: Annotated[str, typer.Argument(help="What the model is to answer or to work on.")],
    path: FolderArgument = None,
    max_tokens: MaxTokens = 4000,
    max_bytes: MaxBytes = 200_000,
    consider: Annotated[int, typer.Option("--limit", "-n", help="Most results of the search that are packed.")] = 30,
    repo: RepoOption = None,
    all_repos: AllOption = False,
    lang: LanguageOption = None,
    glob: GlobOption = None,
    kind: KindOption = None,
    tests: TestsOption = None,
    output: Style = ContextOutput.MARKDOWN,
    as_json: Json = False,
    fresh: FreshOption = False,
    ref: RefOption = "",
    cursor: Annotated[
        str, typer.Option("--cursor", help="Go on after an earlier answer to the same question, which told this.")
    ] = "",
) -> None:
    """Pack the code that answers a question into a text for a language model, within a budget.

    The best results come whole, with the imports they use, what encloses them, and where what they call is
    defined; others as one line each. A folder that is not indexed yet is indexed first. Exit code: 0 found, 1
    nothing found, 2 an error, 3 answered from an index that is not finished.

    Examples:
        conexus context "how are sessions refreshed" --max-tokens 2000
        conexus context "add a retry to the http client" src/ --no-tests | llm
        conexus context "who calls parse_config" --format xml
        conexus context "where are tokens checked" --json | jq '.blocks[].path'
    """
    require_between("--max-tokens", max_tokens, _MIN_TOKENS, _MAX_TOKENS)
    require_between("--max-bytes", max_bytes, _MIN_BYTES, _MAX_BYTES)
    require_between("-n", consider, 1, _MAX_CONSIDERED)
    require_words(question)
    chosen = ContextOutput.JSON if as_json else output
    only = positions_of(cursor)
    limits = (languages(lang or ()), glob or (), kinds(kind or ()), tests)
    scope = Scope(path, repo or (), all_repos, *limits, fresh=fresh, ref=ref)

    def ask() -> ContextResponse:
        session, where = scope.open()
        with session:
            search = SearchRequest(question, consider, where)
            request = ContextRequest(search, max_tokens, max_bytes, _STYLES[chosen], only)
            return session.service.context(request, USER)

    response = steadily(ask)
    _show(question, response, chosen, more=cursor_after(response))


def extract(
    path: FolderArgument = None,
    max_tokens: MaxTokens = 4000,
    max_bytes: MaxBytes = 200_000,
    output: Style = ContextOutput.MARKDOWN,
    as_json: Json = False,
) -> None:
    """Return the code that a stack trace, a compiler's output or a diff on stdin names.

    Of Python's stack traces the innermost frames come first. A folder that is not indexed yet is indexed first.
    Exit code: 0 found, 1 nothing found, 2 an error.

    Examples:
        pytest 2>&1 | conexus extract
        git diff | conexus extract --max-tokens 2000
        make 2>&1 | conexus extract src/ --format xml | llm "why does it not compile?"
    """
    require_between("--max-tokens", max_tokens, _MIN_TOKENS, _MAX_TOKENS)
    require_between("--max-bytes", max_bytes, _MIN_BYTES, _MAX_BYTES)
    if console.is_terminal(sys.stdin):
        raise ConfigError("there is nothing on stdin", hint="pipe something into it: pytest 2>&1 | conexus extract")
    text, is_whole = _read_end()
    places = mentioned(text)
    notices = [] if is_whole else [f"only the last {_MAX_READ:,} bytes were read"]
    chosen = ContextOutput.JSON if as_json else output
    scope = Scope(path)

    def ask() -> list[Hit]:
        session, where = scope.open()
        with session:
            found: dict[ChunkId, Hit] = {}
            elsewhere: set[str] = set()
            looked_at = 0
            for file, line in places:
                if file in elsewhere:
                    continue
                if looked_at == _MAX_LOOKED_AT or len(found) == _MAX_FOUND:
                    notices.append(f"of {len(places):,} places that are named the first were looked at")
                    break
                looked_at += 1
                request = SearchRequest(f"{file}:{line}", _AT_A_PLACE, where)
                named = [hit for hit in session.service.search(request, USER).hits if same_path(hit.chunk.path, file)]
                if not named:
                    elsewhere.add(file)
                for hit in named:
                    if hit.chunk.span.start_line <= line <= hit.chunk.span.end_line:
                        found.setdefault(hit.chunk.id, replace(hit, focus_line=line))
                        break
            return list(found.values())

    hits = steadily(ask) if places else []
    packed = pack(hits, max_tokens, max_bytes, style=_STYLES[chosen])
    asked = ", ".join(f"{file}:{line}" for file, line in places)
    _show(
        asked,
        ContextResponse(packed.text, packed.blocks, packed.tokens, packed.left_out, notices=tuple(notices)),
        chosen,
    )


def _read_end() -> tuple[str, bool]:
    """Return the end of what is on stdin, where errors stand, and whether it is all of it."""
    kept = b""
    is_whole = True
    while block := sys.stdin.buffer.read(_MAX_READ):
        is_whole = is_whole and len(kept) + len(block) <= _MAX_READ
        kept = (kept + block)[-_MAX_READ:]
    return kept.decode("utf-8", "replace"), is_whole


def _show(asked: str, response: ContextResponse, output: ContextOutput, *, more: str = "") -> None:
    """Write an answer; ``more`` is the cursor for what was left out."""
    if output is ContextOutput.JSON:
        console.out(json.dumps(_as_json(asked, response, more), indent=2))
    elif response.text:
        console.out(response.text.removesuffix("\n"))
    if output is not ContextOutput.JSON:
        for notice in response.notices:
            console.err(f"note: {console.one_line(notice)}")
        console.err(_told(response, more))
    if not response.complete:
        raise typer.Exit(EXIT_INCOMPLETE)
    if not response.blocks:
        raise typer.Exit(EXIT_NOTHING)


def _told(response: ContextResponse, more: str) -> str:
    """Return one line about an answer."""
    if not response.blocks:
        return f"nothing fits: {_RAISE}" if response.left_out else "nothing found"
    whole = sum(not block.outline for block in response.blocks)
    lines = len(response.blocks) - whole
    parts = [f"{response.tokens:,} tokens", console.count(whole, "piece") + " of code"]
    if lines:
        parts.append(f"{lines} more as {'one line' if lines == 1 else 'a line each'}")
    if missing := len(response.left_out) - lines:
        parts.append(f"{missing} left out: {_RAISE}")
    return ", ".join(parts) + (f"; for what was left out: --cursor {more}" if more else "")


def _as_json(question: str, response: ContextResponse, more: str) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "query": question,
        "complete": response.complete,
        "tokens": response.tokens,
        "left_out": len(response.left_out),
        "next_cursor": more,
        "notices": list(response.notices),
        "snapshots": [snapshot_json(snapshot) for snapshot in response.snapshots],
        "text": response.text,
        "blocks": [_block_json(block) for block in response.blocks],
    }


def _block_json(block: ContextBlock) -> dict[str, object]:
    return {
        "path": block.path,
        "start_line": block.start_line,
        "end_line": block.end_line,
        "root": block.root,
        "repository": block.repo,
        "outline": block.outline,
        "neutralised": block.neutralised,
        "before": list(block.before),
        "text": block.text,
        "after": list(block.after),
    }
