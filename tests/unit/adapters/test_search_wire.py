# SPDX-License-Identifier: FSL-1.1-MIT
"""Searches and their answers come out of the pipe as they went in."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.adapters.search_wire import pack, request_in, response_in, unpack, views_in, views_out
from conexus.ports import SearchableView, VectorShard
from conexus.types import (
    Chunk,
    Factor,
    FileTag,
    Fingerprint,
    Freshness,
    Hit,
    IndexedView,
    IndexInfo,
    RepoId,
    Retriever,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    Span,
)

# Of all characters, also halves of one, as file names that are no UTF-8 have them in Python.
TEXTS = st.text(st.characters(), max_size=20)
NUMBERS = st.integers(-(2**31), 2**62)
SETS = st.none() | st.frozensets(TEXTS, max_size=3)
PATHS = st.sampled_from([Path("/home/a/app"), Path("/srv/\udcff\udcfe"), Path("/x/\u00fc b")])


def indexes() -> st.SearchStrategy[IndexInfo]:
    """Any generation."""
    numbers = st.integers(1, 2**40)
    return st.builds(
        IndexInfo,
        id=numbers,
        fingerprint=TEXTS.map(Fingerprint),
        model=TEXTS,
        model_fingerprint=TEXTS,
        dim=numbers,
        complete=st.booleans(),
        live=st.booleans(),
        pool=st.none() | numbers,
    )


def views() -> st.SearchStrategy[IndexedView]:
    """Any view."""
    return st.builds(
        IndexedView,
        id=NUMBERS,
        repo=TEXTS.map(RepoId),
        name=TEXTS,
        root=PATHS,
        live=st.none() | indexes(),
        building=st.none() | indexes(),
        previous=st.none() | indexes(),
        pinned=TEXTS,
        ref=TEXTS,
        head=st.none() | TEXTS,
        branch=TEXTS,
        former=st.lists(TEXTS, max_size=2).map(tuple),
        trimmed=st.booleans(),
    )


def requests() -> st.SearchStrategy[SearchRequest]:
    """Any question."""
    where = st.builds(
        SearchFilter,
        repos=SETS,
        roots=SETS,
        languages=SETS,
        path_globs=st.none() | st.lists(TEXTS, max_size=3).map(tuple),
        kinds=SETS,
        tests=st.booleans(),
        ref=TEXTS,
        dependents_of=TEXTS,
        dependencies_of=TEXTS,
    )
    return st.builds(SearchRequest, text=TEXTS, limit=st.integers(0, 10_000), where=where, explain=st.booleans())


def hits() -> st.SearchStrategy[Hit]:
    """Any result."""
    numbers = st.integers(0, 2**40)
    chunk = st.builds(
        Chunk,
        id=TEXTS,
        repo=TEXTS,
        path=TEXTS,
        language=st.none() | TEXTS,
        span=st.builds(Span, numbers, numbers, numbers, numbers),
        text=TEXTS,
        kind=TEXTS,
        symbol=TEXTS,
        signature=TEXTS,
        tags=st.frozensets(st.sampled_from(FileTag)),
    )
    factors = st.lists(st.builds(Factor, TEXTS, st.floats(allow_nan=False), TEXTS), max_size=3).map(tuple)
    return st.builds(
        Hit,
        chunk=chunk,
        score=st.floats(allow_nan=False),
        found_by=st.frozensets(st.sampled_from(Retriever)),
        freshness=st.sampled_from(Freshness),
        root=TEXTS,
        focus_line=numbers,
        factors=factors,
    )


@given(requests())
def test_a_question_comes_out_as_it_went_in(request: SearchRequest) -> None:
    """With all that it is limited to: an empty set is not the same as no limit."""
    assert request_in(unpack(pack(request))) == request


@given(st.lists(st.tuples(views(), indexes(), st.booleans(), st.booleans()), max_size=3))
def test_views_come_out_as_they_went_in(given_views: list[tuple[IndexedView, IndexInfo, bool, bool]]) -> None:
    """Without their vectors, which the other process opens itself."""
    shard = cast("VectorShard", None)
    searched = [SearchableView(view, index, shard, *flags) for view, index, *flags in given_views]
    found = views_in(unpack(pack(views_out(searched))))
    assert [(one.view, one.index, one.is_written, one.is_gone) for one in found] == given_views


@given(st.lists(hits(), max_size=3), st.floats(0, 1e6), st.booleans(), st.lists(TEXTS, max_size=2), st.booleans())
def test_an_answer_comes_out_as_it_went_in(
    found: list[Hit], elapsed_ms: float, complete: bool, told: list[str], has_more: bool
) -> None:
    """To the last bit of the scores, and with the sets and kinds that it had."""
    response = SearchResponse(tuple(found), elapsed_ms, complete, tuple(told), has_more=has_more)
    back = response_in(unpack(pack(response)))
    assert back == response
    for hit, other in zip(found, back.hits, strict=True):
        assert type(other.freshness) is type(hit.freshness)
        assert list(map(type, sorted(other.found_by))) == list(map(type, sorted(hit.found_by)))


def test_what_is_not_of_a_search_is_refused() -> None:
    """Rather than sent as something else."""
    with pytest.raises(TypeError, match="object cannot be sent"):
        pack(object())
