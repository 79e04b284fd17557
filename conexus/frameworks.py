# SPDX-License-Identifier: FSL-1.1-MIT
"""What the parts for LangChain, LlamaIndex and Haystack share: the text and metadata of a result, and budgets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from conexus.client import Filter, require
from conexus.errors import InvalidRequest
from conexus.search.neutral import disarmed, one_line
from conexus.tokens import count_tokens
from conexus.types import Hit, Snapshot

MAX_BUDGET: Final = 10_000_000
"""Most tokens that a budget may have."""


def require_budget(max_tokens: int | None) -> None:
    """Refuse a budget that is none.

    Raises:
        InvalidRequest: It is out of range.
    """
    if max_tokens is not None:
        require("max_tokens", max_tokens, 1, MAX_BUDGET)


def required_filter(where: object) -> Filter:
    """Return the filter, one that lets everything through where ``None``.

    Raises:
        InvalidRequest: It is none.
    """
    wanted = Filter() if where is None else where
    if not isinstance(wanted, Filter):
        raise InvalidRequest(f"where is {where!r}", hint="give a conexus.Filter")
    wanted.within(None)
    return wanted


def text_of(hit: Hit) -> str:
    """Return the code of a result, with what hides in it made visible, and harmless for models."""
    return disarmed(hit.chunk.text.replace("\r\n", "\n"))


def metadata_of(hit: Hit, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Return where a result is from, how well it fits and which state of the index it was found in.

    ``source`` and ``symbol`` are for reading: one line each, with what hides in it made visible. ``path`` and ``root``
    open the file, and are as they are. ``snapshot``, ``commit``, ``files_indexed``, ``files_seen`` and ``indexing`` are
    there where the answer said from which index the result is.
    """
    chunk, span = hit.chunk, hit.chunk.span
    path = one_line(chunk.path).encode("utf-8", "backslashreplace").decode("utf-8")  # a name may be no UTF-8
    return {
        "source": f"{path}:{span.start_line}-{span.end_line}",
        "path": chunk.path,
        "start_line": span.start_line,
        "end_line": span.end_line,
        "line": hit.focus_line,
        "symbol": one_line(chunk.symbol),
        "kind": chunk.kind,
        "language": chunk.language,
        "score": hit.score,
        "freshness": hit.freshness.value,
        "repository": chunk.repo,
        "root": hit.root,
        "tags": sorted(chunk.tags),
        **_state_of(hit, snapshots),
    }


def _state_of(hit: Hit, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    for one in snapshots:
        if (one.repo, one.root) == (hit.chunk.repo, hit.root):
            return {
                "snapshot": one.id,
                "commit": one.head or "",
                "files_indexed": one.files_indexed,
                "files_seen": one.files_seen,
                "indexing": one.indexing,
            }
    return {}


def fitting(texts: Iterable[str], max_tokens: int) -> tuple[int, int]:
    """Return how many of the first texts fit together, each whole, and how many tokens are left."""
    count = 0
    for text in texts:
        taken = count_tokens(text)
        if taken > max_tokens:
            break
        max_tokens -= taken
        count += 1
    return count, max_tokens


def first_lines(text: str, max_tokens: int, shown: Callable[[str], str] = str) -> str:
    """Return the first lines of a text that fit.

    Args:
        text: The text.
        max_tokens: The budget.
        shown: What a model is shown of lines.
    """
    lines = text.splitlines(keepends=True)
    count, _ = fitting(lines, max_tokens)
    while count and count_tokens(shown("".join(lines[:count]))) > max_tokens:
        count -= 1
    return "".join(lines[:count])


__all__ = ["MAX_BUDGET", "first_lines", "fitting", "metadata_of", "require_budget", "required_filter", "text_of"]
