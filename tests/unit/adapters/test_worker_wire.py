# SPDX-License-Identifier: FSL-1.1-MIT
"""What goes over the pipes comes out as it went in."""

from __future__ import annotations

import io
import uuid

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.adapters.worker_wire import (
    Batch,
    WorkerSetup,
    pack_batch,
    pack_result,
    pack_setup,
    read_frame,
    unpack_batch,
    unpack_result,
    unpack_setup,
    write_frame,
)
from conexus.types import (
    ChunkId,
    ContentHash,
    DependencyScope,
    Ecosystem,
    EncodedChunk,
    Endpoint,
    EndpointKind,
    EndpointSide,
    FileResult,
    FileStat,
    FileTag,
    Import,
    PackageProvided,
    PackageRequired,
    ParsedFile,
    ParseJob,
    ParseMode,
    ReadOutcome,
    Reference,
    SkipReason,
    Span,
    SparseVector,
    Symbol,
    SymbolKind,
    TextChunk,
)

texts = st.text(max_size=20)
names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
numbers = st.integers(0, 2**40)
lines = st.integers(0, 2**31)
hashes = st.binary(min_size=20, max_size=20).map(lambda raw: ContentHash(raw.hex()))
spans = st.builds(Span, numbers, numbers, lines, lines)
stats = st.builds(
    FileStat, names, numbers, st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62), st.integers(0, 2**64 - 1)
)
jobs = st.builds(ParseJob, stats, st.none() | hashes, st.booleans())
chunks = st.builds(
    TextChunk,
    spans,
    texts,
    st.sampled_from(["block", *SymbolKind]).map(str),
    texts,
    texts,
    st.lists(texts, max_size=3).map(tuple),
    st.lists(texts, max_size=3).map(tuple),
)
symbols = st.builds(Symbol, texts, st.sampled_from(SymbolKind), spans, lines, texts, texts, texts)
parsed_files = st.builds(
    ParsedFile,
    language=st.none() | texts,
    encoding=texts,
    mode=st.sampled_from(ParseMode),
    chunks=st.lists(chunks, max_size=3).map(tuple),
    symbols=st.lists(symbols, max_size=3).map(tuple),
    references=st.lists(st.builds(Reference, texts, st.lists(lines, max_size=3).map(tuple)), max_size=3).map(tuple),
    imports=st.lists(st.builds(Import, texts, lines), max_size=3).map(tuple),
    tags=st.frozensets(st.sampled_from(FileTag)),
    redactions=st.integers(0, 99),
    note=texts,
    packages_provided=st.lists(
        st.builds(PackageProvided, st.sampled_from(Ecosystem), texts, texts, lines), max_size=3
    ).map(tuple),
    packages_required=st.lists(
        st.builds(PackageRequired, st.sampled_from(Ecosystem), texts, texts, st.sampled_from(DependencyScope), lines),
        max_size=3,
    ).map(tuple),
    endpoints=st.lists(
        st.builds(Endpoint, st.sampled_from(EndpointKind), st.sampled_from(EndpointSide), texts, texts, lines),
        max_size=3,
    ).map(tuple),
)


@st.composite
def encoded_chunks(draw: st.DrawFn) -> EncodedChunk:
    terms = draw(st.lists(st.integers(0, 2**32 - 1), unique=True, max_size=5))
    weights = draw(st.lists(st.floats(width=32), min_size=len(terms), max_size=len(terms)))
    dense = draw(st.none() | st.lists(st.floats(-1, 1, width=16), max_size=6))
    return EncodedChunk(
        ChunkId(str(uuid.UUID(bytes=draw(st.binary(min_size=16, max_size=16))))),
        SparseVector(np.array(terms, dtype=np.uint32), np.array(weights, dtype=np.float32)),
        None if dense is None else np.array(dense, dtype=np.float16),
    )


results = st.builds(
    FileResult,
    stat=stats,
    checked_ns=numbers,
    outcome=st.sampled_from(ReadOutcome),
    content_hash=hashes,
    skipped=st.none() | st.sampled_from(SkipReason),
    detail=texts,
    parsed=st.none() | parsed_files,
    encoded=st.lists(encoded_chunks(), max_size=3).map(tuple),
)


@settings(deadline=None)
@given(st.lists(jobs, max_size=5).map(tuple), st.booleans(), texts)
def test_jobs_come_out_as_they_went_in(some: tuple[ParseJob, ...], use_tree: bool, note: str) -> None:
    """Paths of any bytes, hashes and flags."""
    batch = Batch(some, use_tree, note)
    assert unpack_batch(pack_batch(batch)) == batch


@settings(deadline=None)
@given(results)
def test_results_come_out_as_they_went_in(result: FileResult) -> None:
    """All fields, of the same types; vectors bit for bit."""
    found = unpack_result(pack_result(result))
    for name in ("stat", "checked_ns", "outcome", "content_hash", "skipped", "detail", "parsed"):
        assert getattr(found, name) == getattr(result, name), name
        assert type(getattr(found, name)) is type(getattr(result, name)), name
    assert [(e.id, e.dense is None) for e in found.encoded] == [(e.id, e.dense is None) for e in result.encoded]
    for mine, theirs in zip(found.encoded, result.encoded, strict=True):
        assert mine.sparse.indices.dtype == np.uint32
        assert mine.sparse.values.tobytes() == theirs.sparse.values.tobytes()
        assert mine.sparse.indices.tobytes() == theirs.sparse.indices.tobytes()
        if mine.dense is not None and theirs.dense is not None:
            assert mine.dense.dtype == np.float16
            assert mine.dense.tobytes() == theirs.dense.tobytes()


def test_kinds_come_out_as_kinds() -> None:
    """Not as plain text: what is compared by identity later must be the same object."""
    parsed = ParsedFile(
        "python",
        "utf-8",
        ParseMode.FALLBACK,
        (),
        (Symbol("a", SymbolKind.CLASS, Span(0, 1, 1, 1), 1),),
        tags=frozenset({FileTag.TEST}),
    )
    result = FileResult(FileStat("a.py", 1, 2, 3, 4), 5, ReadOutcome.SKIPPED, ContentHash("0"), SkipReason.EMPTY, "")
    found = unpack_result(pack_result(FileResult(result.stat, 5, result.outcome, result.content_hash, parsed=parsed)))
    assert found.parsed is not None
    assert found.parsed.mode is ParseMode.FALLBACK
    assert found.parsed.symbols[0].kind is SymbolKind.CLASS
    assert found.parsed.tags == {FileTag.TEST}
    assert {type(tag) for tag in found.parsed.tags} == {FileTag}
    assert unpack_result(pack_result(result)).skipped is SkipReason.EMPTY


@settings(deadline=None)
@given(names, names, texts, st.booleans(), st.integers(1, 2**40))
def test_the_setup_comes_out_as_it_went_in(root: str, model: str, repo: str, flag: bool, limit: int) -> None:
    """A root and a model's folder of any bytes."""
    setup = WorkerSetup(root, repo, flag, 1500, limit, limit, not flag, 0.5, 512, model)
    assert unpack_setup(pack_setup(setup)) == setup


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=6))
def test_frames_come_out_as_they_went_in(payloads: list[bytes]) -> None:
    """In order; after the last there is none."""
    pipe = io.BytesIO()
    for payload in payloads:
        write_frame(pipe, payload)
    pipe.seek(0)
    assert [read_frame(pipe) for _ in payloads] == payloads
    assert read_frame(pipe) is None


@pytest.mark.parametrize("cut", [1, 3, 4, 5, 12])
def test_a_frame_that_is_cut_short_is_none(cut: int) -> None:
    """As when the process died in the middle of it."""
    pipe = io.BytesIO()
    write_frame(pipe, b"0123456789")
    assert read_frame(io.BytesIO(pipe.getvalue()[:cut])) is None


def test_a_length_that_cannot_be_is_none() -> None:
    """Nothing is allocated for what is no frame of ours."""
    assert read_frame(io.BytesIO(b"\xff\xff\xff\xff" + b"x" * 100)) is None
