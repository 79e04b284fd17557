# SPDX-License-Identifier: FSL-1.1-MIT
"""What goes over the pipes to the process that searches and back: msgpack, as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

import msgpack

from conexus.ports import SearchableView
from conexus.types import (
    Chunk,
    Factor,
    FileTag,
    Freshness,
    Hit,
    IndexedView,
    IndexInfo,
    Retriever,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    Span,
)
from conexus.values import dataclass

# Text and file names are whatever was found: halves of characters as well, which UTF-8 has no bytes for.
_HALVES: Final = "surrogatepass"
_FIELDS: Final[dict[type, Callable[[Any], object]]] = {
    made: attrgetter(*made.__slots__)
    for made in (
        Chunk,
        Factor,
        Hit,
        IndexInfo,
        IndexedView,
        SearchFilter,
        SearchRequest,
        SearchResponse,
        Span,
    )
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One of the views that are searched, without its vectors."""

    view: IndexedView
    index: IndexInfo
    is_written: bool
    is_gone: bool


def pack(value: object) -> bytes:
    """Encode plain values, and values of the types that a search takes and gives by their fields."""
    return bytes(msgpack.packb(value, use_bin_type=True, unicode_errors=_HALVES, default=_plain))


def unpack(payload: bytes) -> Any:  # noqa: ANN401 -- of the shape that the other end sends
    """Decode plain values."""
    return msgpack.unpackb(payload, raw=False, strict_map_key=False, use_list=False, unicode_errors=_HALVES)


def _plain(value: object) -> object:
    fields = _FIELDS.get(type(value))
    if fields is not None:
        return fields(value)
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sent")


def views_out(views: Sequence[SearchableView]) -> list[tuple[object, ...]]:
    """Return views as :func:`pack` takes them."""
    return [(view.view, view.index, view.is_written, view.is_gone) for view in views]


def views_in(values: Sequence[Any]) -> list[Asked]:
    """Return views from plain values."""
    return [Asked(_view_in(view), _index_in(index), *flags) for view, index, *flags in values]


def request_in(values: Sequence[Any]) -> SearchRequest:
    """Return a request from plain values."""
    text, limit, where, explain = values
    repos, roots, languages, path_globs, kinds, *rest = where
    return SearchRequest(
        text,
        limit,
        SearchFilter(_set_in(repos), _set_in(roots), _set_in(languages), path_globs, _set_in(kinds), *rest),
        explain,
    )


def response_in(values: Sequence[Any]) -> SearchResponse:
    """Return an answer from plain values; it has no snapshots yet."""
    hits, elapsed_ms, complete, notices, _, has_more = values
    return SearchResponse(tuple(map(_hit_in, hits)), elapsed_ms, complete, notices, has_more=has_more)


def _hit_in(values: Sequence[Any]) -> Hit:
    chunk, score, found_by, freshness, root, focus_line, factors = values
    return Hit(
        _chunk_in(chunk),
        score,
        _retrievers_in(found_by),
        Freshness(freshness),
        root,
        focus_line,
        tuple(Factor(*factor) for factor in factors),
    )


def _chunk_in(values: Sequence[Any]) -> Chunk:
    number, repo, path, language, span, text, kind, symbol, signature, tags = values
    return Chunk(number, repo, path, language, Span(*span), text, kind, symbol, signature, _tags_in(tags))


@lru_cache(maxsize=64)
def _retrievers_in(values: tuple[str, ...]) -> frozenset[Retriever]:
    return frozenset(map(Retriever, values))


@lru_cache(maxsize=64)
def _tags_in(values: tuple[str, ...]) -> frozenset[FileTag]:
    return frozenset(map(FileTag, values))


def _set_in(values: Sequence[str] | None) -> frozenset[Any] | None:
    return None if values is None else frozenset(values)


def _view_in(values: Sequence[Any]) -> IndexedView:
    number, repo, name, root, live, building, previous, *rest = values
    return IndexedView(
        number, repo, name, Path(root), _generation_in(live), _generation_in(building), _generation_in(previous), *rest
    )


def _generation_in(values: Sequence[Any] | None) -> IndexInfo | None:
    return None if values is None else _index_in(values)


def _index_in(values: Sequence[Any]) -> IndexInfo:
    return IndexInfo(*values)


__all__ = ["Asked", "pack", "request_in", "response_in", "unpack", "views_in", "views_out"]
