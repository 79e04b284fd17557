# SPDX-License-Identifier: FSL-1.1-MIT
"""Heads from memory and from the catalog."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest
from builders import SmallIndex, commit_of, points_of, source
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conexus.points import keys_of
from conexus.ports import SearchableView
from conexus.search.engine import SearchEngine
from conexus.search.heads import ChunkHeads
from conexus.types import (
    ChunkHead,
    ChunkId,
    FileId,
    Freshness,
    IndexedView,
    IndexId,
    SearchFilter,
    SearchRequest,
    StoredChunk,
)

QUESTIONS = ("how is a request sent", "send_3", "Session", "tests of the cache", "file4.py")


def fresh(view: IndexedView, chunks: Sequence[StoredChunk]) -> list[Freshness]:
    """Says of all that it is as it was indexed."""
    return [Freshness.FRESH] * len(chunks)


def text_of(number: int, version: int) -> str:
    """A definition; with the version the words change and with every second one the place."""
    lines = "\n" * (version % 2)
    return (
        f"{lines}def send_{number}(request, cache):\n    # of session number {number} v{version}\n    return {number}\n"
    )


def change(index: SmallIndex, view: SearchableView, path: str, text: str | None) -> None:
    """Write a file anew, or take it out."""
    known = index.catalog.files(view.index.id)
    old = [known[path].id] if path in known else []
    new = index.catalog.open_batch(view.index.id, old, 0 if text is None else 1)
    commits = [commit_of(number, path, source(text or "", "send"), embedder=index.embedder) for number in new]
    view.shard.delete_files(old)
    view.shard.upsert([point for commit in commits for point in points_of(commit)])
    index.catalog.commit_batch(view.index.id, commits, old)


def answers(engine: SearchEngine, view: SearchableView) -> list[list[tuple[object, ...]]]:
    """All that is said of all hits."""
    responses = [engine.run(SearchRequest(text, 50, explain=True), [view]) for text in QUESTIONS]
    return [[(hit.chunk, hit.score, hit.found_by, hit.factors) for hit in response.hits] for response in responses]


def told(method: Callable[..., object], asked: list[str], *given: object) -> object:
    """Call a method, and note that it was called."""
    asked.append(method.__name__)
    return method(*given)


@pytest.fixture(scope="module")
def index() -> SmallIndex:
    """A catalog for all of the tests."""
    return SmallIndex()


@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 3)), max_size=12))
def test_memory_answers_as_the_catalog_does(index: SmallIndex, changes: Sequence[tuple[int, int | None]]) -> None:
    """Before it is read, after it, and after files were added, changed and taken out."""
    view = index.add("/home/a/app", {f"src/file{n}.py": source(text_of(n, 0), f"send_{n}") for n in range(10)})
    heads = ChunkHeads(index.catalog, keep=True)
    kept = SearchEngine(index.catalog, lambda _: index.embedder, fresh, heads=heads)
    plain = SearchEngine(index.catalog, lambda _: index.embedder, fresh)
    assert answers(kept, view) == answers(plain, view)
    heads.wait()
    assert answers(kept, view) == answers(plain, view)
    for number, version in changes:
        change(index, view, f"src/file{number}.py", None if version is None else text_of(number, version))
        assert answers(kept, view) == answers(plain, view)
    index.catalog.count_uses(view.index.id)
    assert answers(kept, view) == answers(plain, view)
    kept.close()
    assert answers(kept, view) == answers(plain, view)
    index.catalog.drop_index(view.index.id)


def test_what_is_in_memory_is_not_read_again(index: SmallIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the catalog come only the chunks of files that are new since."""
    view = index.add("/home/b/app", {f"src/file{n}.py": source(text_of(n, 0), f"send_{n}") for n in range(10)})
    heads = ChunkHeads(index.catalog, keep=True)
    engine = SearchEngine(index.catalog, lambda _: index.embedder, fresh, heads=heads)
    read: list[str] = []
    of_catalog = index.catalog.chunk_heads

    def counted(number: IndexId, ids: Sequence[ChunkId]) -> dict[ChunkId, ChunkHead]:
        found = of_catalog(number, ids)
        read.extend(head.path for head in found.values())
        return found

    monkeypatch.setattr(index.catalog, "chunk_heads", counted)
    answers(engine, view)
    assert read
    heads.wait()
    read.clear()
    answers(engine, view)
    assert read == []
    change(index, view, "src/file3.py", text_of(3, 1))
    answers(engine, view)
    assert set(read) == {"src/file3.py"}
    for number in (4, 5, 6):
        change(index, view, f"src/file{number}.py", text_of(number, 1))
    answers(engine, view)  # more than a fifth of the files: they are read anew
    heads.wait()
    read.clear()
    answers(engine, view)
    assert read == []
    engine.close()


def test_definitions_and_words_of_names_are_in_memory(index: SmallIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the index has the files it was read with, whatever else changes; filters go to the catalog."""
    view = index.add("/home/e/app", {f"src/file{n}.py": source(text_of(n, 0), f"send_{n}") for n in range(10)})
    other = index.add("/home/f/app", {"src/other.py": source(text_of(1, 0), "send_1")})
    heads = ChunkHeads(index.catalog, keep=True)
    engine = SearchEngine(index.catalog, lambda _: index.embedder, fresh, heads=heads)
    asked: list[str] = []
    for name in ("symbols_named", "files_with_words"):
        of_catalog: Callable[..., object] = getattr(index.catalog, name)
        monkeypatch.setattr(index.catalog, name, partial(told, of_catalog, asked))
    both = ["files_with_words", "symbols_named"]
    question = SearchRequest("send_3 in file3", 5)
    engine.run(question, [view])
    assert asked == both
    heads.wait()
    asked.clear()
    before = engine.run(question, [view]).hits
    assert asked == []
    engine.run(replace(question, where=SearchFilter(languages=frozenset({"python"}))), [view])
    engine.run(replace(question, where=SearchFilter(tests=False)), [view])
    engine.run(replace(question, where=SearchFilter(kinds=frozenset({"function"}))), [view])
    assert asked == [*both, *both, "symbols_named"]
    change(index, other, "src/other.py", text_of(1, 1))
    engine.run(question, [view])  # which looks whether files of this one changed
    asked.clear()
    assert engine.run(question, [view]).hits == before
    assert asked == []
    change(index, view, "src/file3.py", text_of(3, 1))
    assert engine.run(question, [view]).hits != before
    assert engine.run(question, [view]).hits != before
    assert asked == [*both, *both]
    monkeypatch.setattr("conexus.search.heads._READ_EVERY_S", 0.0)
    change(index, view, "src/file4.py", text_of(4, 1))
    engine.run(question, [view])
    heads.wait()
    asked.clear()
    engine.run(question, [view])
    assert asked == []
    engine.close()


def test_an_index_that_is_removed_is_forgotten(index: SmallIndex) -> None:
    """Reading one that is gone ends in silence, and leaves nothing."""
    view = index.add("/home/c/app", {"a.py": source(text_of(1, 0), "send_1")})
    heads = ChunkHeads(index.catalog, keep=True)
    parts, found = heads.find(0, view.index.id, view.shard, keys_of([]))
    assert (parts, len(found)) == ([], 0)
    heads.wait()
    index.catalog.drop_index(view.index.id)
    [chunk] = [head.id for head in index.catalog.all_heads(view.index.id)] or [ChunkId("0" * 32)]
    _, found = heads.find(0, view.index.id, view.shard, keys_of([chunk]))
    assert len(found) == 0
    heads.close()
    heads.close()


def test_the_catalog_tells_all_heads(index: SmallIndex) -> None:
    """Those of one index, as they are by id; and how often each file is used."""
    view = index.add("/home/d/app", {f"src/file{n}.py": source(text_of(n, 0), f"send_{n}") for n in range(3)})
    everything = {head.id: head for head in index.catalog.all_heads(view.index.id)}
    assert len(everything) == 3
    assert index.catalog.chunk_heads(view.index.id, list(everything)) == everything
    assert index.catalog.file_uses(view.index.id) == {FileId(head.file): 0 for head in everything.values()}
