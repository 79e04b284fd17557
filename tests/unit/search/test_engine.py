# SPDX-License-Identifier: FSL-1.1-MIT
"""One search from question to hits, over vectors and a catalog in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import REPO, Piece, SmallIndex, SourceFile, source

from conexus.adapters.static_embedder import StaticEmbedder
from conexus.errors import Cancelled, IndexIncompatible, QueryError
from conexus.ports import Embedder, SearchableView
from conexus.search.engine import SearchEngine
from conexus.search.features import FEATURES
from conexus.search.ranking import changed
from conexus.types import (
    Freshness,
    Hit,
    IndexedView,
    IndexInfo,
    Retriever,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    StoredChunk,
)

FILES = {
    "src/http/session.py": SourceFile(
        (
            Piece("import json\n\nTIMEOUT = 3\n\n"),
            Piece('class Session:\n    """Keeps connections open between requests."""\n\n', "Session", "class"),
            Piece(
                "    def send_request(self, request):\n        connection = self.pool.take()\n"
                "        return connection.write(request)\n\n",
                "send_request",
                "method",
                "Session",
            ),
        )
    ),
    "src/http/retry.py": source(
        "def retry_with_backoff(call, attempts):\n    for attempt in range(attempts):\n        sleep(2 ** attempt)\n",
        "retry_with_backoff",
    ),
    "src/storage/cache.ts": source(
        "export function evictOldest(cache: Cache) {\n  cache.delete(cache.keys().next().value);\n}\n",
        "evictOldest",
        language="typescript",
    ),
    "docs/sessions.md": source("# Sessions\n\nA session sends a request.\n", "Sessions", "section", "markdown"),
    "tests/test_session.py": source(
        "def test_send_request():\n    session = Session()\n    assert session.send_request(None)\n",
        "test_send_request",
    ),
    "Makefile": source("build:\n\tcc main.c\n", language=None),
}


class Disk:
    """Says of each path what was set, else that it is fresh."""

    def __init__(self) -> None:
        self.states: dict[str, Freshness] = {}
        self.asked = 0

    def __call__(self, view: IndexedView, chunks: Sequence[StoredChunk]) -> list[Freshness]:
        """Count files, and answer."""
        self.asked += len({stored.file for stored in chunks})
        return [self.states.get(stored.chunk.path, Freshness.FRESH) for stored in chunks]


@pytest.fixture(scope="module")
def index() -> SmallIndex:
    """An empty index in memory, to which views are added."""
    return SmallIndex()


@pytest.fixture(scope="module")
def view(index: SmallIndex) -> SearchableView:
    """The files above, indexed."""
    return index.add("/home/a/app", FILES)


@pytest.fixture
def disk() -> Disk:
    """A disk where nothing has changed."""
    return Disk()


@pytest.fixture
def engine(index: SmallIndex, disk: Disk) -> SearchEngine:
    """The engine under test."""
    return SearchEngine(index.catalog, lambda info: index.embedder, disk)


def paths(response: SearchResponse) -> list[str]:
    return list(dict.fromkeys(hit.chunk.path for hit in response.hits))


def ask(engine: SearchEngine, view: SearchableView, text: str, limit: int = 10, **where: object) -> SearchResponse:
    return engine.run(SearchRequest(text, limit, SearchFilter(**where)), [view])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("Session", "src/http/session.py"),
        ("send_request", "src/http/session.py"),
        ("Session.send_request", "src/http/session.py"),
        ("retry with backoff", "src/http/retry.py"),
        ("how are failed calls tried again", "src/http/retry.py"),
        ("evict_oldest", "src/storage/cache.ts"),
        ("src/storage/cache.ts", "src/storage/cache.ts"),
    ],
)
def test_what_is_asked_for_comes_first(engine: SearchEngine, view: SearchableView, query: str, path: str) -> None:
    """By name in any style, by path, and by what it does."""
    assert paths(ask(engine, view, query))[0] == path


def test_a_hit_tells_all_about_itself(engine: SearchEngine, view: SearchableView) -> None:
    """Chunk, root, line of the name, who found it; factors where they are asked for."""
    hit = ask(engine, view, "send_request").hits[0]
    assert (hit.chunk.symbol, hit.chunk.kind, hit.chunk.repo) == ("Session.send_request", "method", REPO)
    assert (hit.root, hit.focus_line, hit.freshness) == ("/home/a/app", 8, Freshness.FRESH)
    assert hit.found_by >= {Retriever.SYMBOL, Retriever.BM25, Retriever.DENSE}
    assert hit.factors == ()
    explained = engine.run(SearchRequest("send_request", explain=True), [view]).hits[0]
    assert explained.score == pytest.approx(sum(factor.value for factor in explained.factors), abs=1e-6)
    assert {"bm25", "meaning", "definition"} <= {factor.name for factor in explained.factors}
    assert explained.chunk == hit.chunk


def test_hits_are_ordered_and_limited(engine: SearchEngine, view: SearchableView) -> None:
    """Best first, no chunk twice; a limit of nothing gives nothing; the same question the same answer."""
    every = ask(engine, view, "session request", 100)
    assert [hit.score for hit in every.hits] == sorted((hit.score for hit in every.hits), reverse=True)
    assert len({hit.chunk.id for hit in every.hits}) == len(every.hits) == 8
    assert ask(engine, view, "session request", 3).hits == every.hits[:3]
    assert ask(engine, view, "session request", 0).hits == ()
    assert ask(engine, view, "session request", -5).hits == ()
    assert ask(engine, view, "session request", 100).hits == every.hits


def test_copies_of_a_result_are_left_out(disk: Disk) -> None:
    """Each text comes once, the best of its places; the rest moves up, and what was left out is said."""
    index = SmallIndex()
    handler = "def handle_order(order):\n    return order.pay()\n"
    copy = "def handle_order(order):\n        return   order.pay()\n"
    other = "def handle_refund(order):\n    return order.refund()\n"
    files = {f"vendor/{name}/shop.py": source(copy, "handle_order") for name in "abcd"}
    files |= {"src/shop.py": source(handler, "handle_order"), "src/refund.py": source(other, "handle_refund")}
    view = index.add("/copies", files)
    response = ask(SearchEngine(index.catalog, lambda info: index.embedder, disk), view, "handle order", 2)
    assert paths(response) == ["src/shop.py", "src/refund.py"]
    [notice] = response.notices
    assert notice.startswith("4 results are copies of another and left out: vendor/")


def test_texts_that_only_begin_alike_are_no_copies(disk: Disk) -> None:
    """As under the licence of a project: what differs late differs."""
    index = SmallIndex()
    licence = "# This file is part of the shop and may be used by all who pay for it\n"
    files = {f"src/{name}.py": source(f"{licence}def handle_{name}(): pass\n", f"handle_{name}") for name in "abcd"}
    files |= {"copy/a.py": source(f"{licence}def  handle_a(): pass\n", "handle_a")}
    files |= {"copy/c.py": source(f"{licence}def  handle_c(): pass\n", "handle_c")}
    view = index.add("/licensed", files)
    response = ask(SearchEngine(index.catalog, lambda info: index.embedder, disk), view, "handle shop licence", 10)
    assert sorted(path.rpartition("/")[2] for path in paths(response)) == ["a.py", "b.py", "c.py", "d.py"]
    [notice] = response.notices
    assert notice.startswith("2 results are copies of another and left out: ")


def test_more_hits_than_usual_can_be_asked_for(disk: Disk) -> None:
    """The limit is not silently cut to what a search usually looks at."""
    index = SmallIndex()
    view = index.add(
        "/big", {f"m{n}.py": source(f"def handler_{n}(): return {n}\n", f"handler_{n}") for n in range(300)}
    )
    engine = SearchEngine(index.catalog, lambda info: index.embedder, disk)
    assert len(ask(engine, view, "handler", 250).hits) == 250
    assert len(ask(engine, view, "handler", 5).hits) == 5


# Every question here finds, without the filter, by meaning, by words, by symbol and by file name.
LIMITS = [
    ({"languages": frozenset({"typescript"})}, {"src/storage/cache.ts"}),
    ({"languages": frozenset({"markdown", "typescript"})}, {"src/storage/cache.ts", "docs/sessions.md"}),
    ({"languages": frozenset({"cobol"})}, set()),
    ({"languages": frozenset()}, set()),
    ({"kinds": frozenset({"class"})}, {"src/http/session.py"}),
    ({"kinds": frozenset({"section"})}, {"docs/sessions.md"}),
    ({"kinds": frozenset({"function"})}, {"src/http/retry.py", "src/storage/cache.ts", "tests/test_session.py"}),
    ({"kinds": frozenset()}, set()),
    ({"path_globs": ("docs/**", "*.ts")}, {"docs/sessions.md", "src/storage/cache.ts"}),
    ({"path_globs": ("/tests/",)}, {"tests/test_session.py"}),
    ({"path_globs": ("nowhere/",)}, set()),
    ({"path_globs": ()}, set()),
    ({"tests": False}, FILES.keys() - {"tests/test_session.py"}),
    ({"tests": False, "path_globs": ("*session*",)}, {"src/http/session.py", "docs/sessions.md"}),
    ({"tests": False, "languages": frozenset({"python"}), "kinds": frozenset({"method"})}, {"src/http/session.py"}),
]


@pytest.mark.parametrize("query", ["Session", "test_send_request", "sessions cache retry", "send_request evictOldest"])
@pytest.mark.parametrize(("where", "allowed"), LIMITS, ids=[f"limits{number}" for number in range(len(LIMITS))])
def test_filters_hold_for_every_retrieval(
    engine: SearchEngine, view: SearchableView, query: str, where: dict[str, object], allowed: set[str]
) -> None:
    """Nothing else comes out, however it is found, and all that is allowed does."""
    assert set(paths(ask(engine, view, query, 100, **where))) == set(allowed)


def test_a_kind_limits_to_chunks_that_define_one(engine: SearchEngine, view: SearchableView) -> None:
    """Another chunk of the same file is left out."""
    hits = ask(engine, view, "Session", 100, kinds=frozenset({"method"})).hits
    assert [hit.chunk.symbol for hit in hits] == ["Session.send_request"]


def test_filters_are_inside_the_retrieval(disk: Disk) -> None:
    """What is allowed is found though hundreds of better chunks are not allowed."""
    index = SmallIndex()
    files = {f"many/m{n}.py": source(f"def cache_{n}(): return cache\n", f"cache_{n}") for n in range(400)}
    files["few/x.py"] = source("def unrelated(): return cache\n", "unrelated")
    files["few/y.rb"] = source("def ruby_thing\n  cache\nend\n", "ruby_thing", language="ruby")
    view = index.add("/big", files)
    engine = SearchEngine(index.catalog, lambda info: index.embedder, disk)
    assert "few/x.py" not in paths(ask(engine, view, "cache", 100))
    assert paths(ask(engine, view, "cache", path_globs=("few/*.py",))) == ["few/x.py"]
    assert paths(ask(engine, view, "cache", languages=frozenset({"ruby"}))) == ["few/y.rb"]


@pytest.mark.parametrize("patterns", [("[",), ("",), ("*.py", "!x"), ("docs/**", "a[")])
def test_a_malformed_pattern_is_an_error(engine: SearchEngine, view: SearchableView, patterns: tuple[str, ...]) -> None:
    """Even where another pattern would do."""
    with pytest.raises(QueryError):
        ask(engine, view, "Session", path_globs=patterns)


def test_a_malformed_pattern_is_an_error_in_an_empty_index(disk: Disk) -> None:
    """There is no file that it could be tried on."""
    index = SmallIndex()
    engine = SearchEngine(index.catalog, lambda info: index.embedder, disk)
    with pytest.raises(QueryError):
        ask(engine, index.add("/empty", {}), "Session", path_globs=("[",))


@pytest.mark.parametrize("text", ["", "  ", "??", "\x1b"])
def test_a_query_without_a_word_is_an_error(engine: SearchEngine, view: SearchableView, text: str) -> None:
    """It is not taken for a question that nothing answers."""
    with pytest.raises(QueryError):
        ask(engine, view, text)


def test_an_enormous_query_is_answered_with_a_notice(engine: SearchEngine, view: SearchableView) -> None:
    """By its beginning."""
    response = ask(engine, view, "retry with backoff " + "and so on " * 20_000)
    assert "only the first 8,000 characters of the query were used" in response.notices
    assert response.hits


def test_a_question_of_unknown_words_is_answered_by_words_alone(engine: SearchEngine, view: SearchableView) -> None:
    """Without a vector nothing is near; what has no word in common is not returned."""
    runes = "\u16a0\u16a2\u16a6"  # of which the model's vocabulary has none
    assert not StaticEmbedder().embed_query(runes).any()
    assert ask(engine, view, runes).hits == ()


def test_an_index_whose_model_is_gone_is_searched_by_words_alone(index: SmallIndex, view: SearchableView) -> None:
    """As after an upgrade: the answer says so, and what to do; no word is taken for misspelt."""

    def gone(_: IndexInfo) -> Embedder:
        raise IndexIncompatible("the model is gone")

    engine = SearchEngine(index.catalog, gone, Disk())
    found = ask(engine, view, "retry with backoff for several attepmts")
    assert found.hits[0].chunk.path == "src/http/retry.py"
    assert all(Retriever.DENSE not in hit.found_by for hit in found.hits)
    [notice] = found.notices
    assert "by words alone" in notice
    assert "conexus index /home/a/app" in notice
    [stored] = index.catalog.chunks_by_id(view.index.id, [found.hits[0].chunk.id]).values()
    alike = engine.similar(stored, SearchRequest("", 5), [view])
    assert alike.notices == (notice,)


def test_changed_and_missing_files_are_told(engine: SearchEngine, view: SearchableView, disk: Disk) -> None:
    """Each hit by itself, and once in the notices; only what is returned is looked at."""
    disk.states = {"src/http/retry.py": Freshness.STALE, "docs/sessions.md": Freshness.MISSING}
    response = ask(engine, view, "session retry backoff", 100)
    states = {hit.chunk.path: hit.freshness for hit in response.hits}
    assert states["src/http/retry.py"] is Freshness.STALE
    assert states["docs/sessions.md"] is Freshness.MISSING
    assert states["src/http/session.py"] is Freshness.FRESH
    assert [notice for notice in response.notices if "changed on disk" in notice] == [
        f"2 of {len(response.hits)} results changed on disk since they were indexed; run `conexus index`"
    ]
    disk.asked = 0
    few = ask(engine, view, "session", 2)
    assert disk.asked == 2
    assert few.has_more
    assert not response.has_more


def test_an_unfinished_index_is_told(engine: SearchEngine, view: SearchableView) -> None:
    """The answer is marked incomplete, and says which index."""
    building = replace(view, index=replace(view.index, complete=False))
    response = ask(engine, building, "Session")
    assert not response.complete
    assert response.notices == ("the index of app is not finished; run `conexus index /home/a/app`",)
    assert response.hits
    assert ask(engine, view, "Session").complete


def test_views_are_searched_together(index: SmallIndex, engine: SearchEngine, view: SearchableView) -> None:
    """Each hit has the root of its own view; a clone with equal chunks does not take the place of the other."""
    other = index.add("/home/a/tool", {"run.py": source("def run_tool(): pass\n", "run_tool")}, "example.org/team/tool")
    clone = index.add("/home/b/app", FILES)
    response = engine.run(SearchRequest("run_tool", 100), [view, other])
    assert (response.hits[0].root, response.hits[0].chunk.path) == ("/home/a/tool", "run.py")
    both = engine.run(SearchRequest("Session", 100), [view, clone])
    tops = [hit for hit in both.hits if hit.chunk.symbol == "Session"]
    assert {hit.root for hit in tops} == {"/home/a/app", "/home/b/app"}
    assert len({hit.chunk.id for hit in tops}) == 1
    assert all(Path(hit.root) in {view.view.root, clone.view.root} for hit in both.hits)
    index.catalog.remove_view(clone.view.id)
    index.catalog.remove_view(other.view.id)


def test_an_empty_view_changes_nothing(index: SmallIndex, engine: SearchEngine, view: SearchableView) -> None:
    """Neither the order nor the scores of the others."""
    empty = index.add("/home/a/empty", {}, "example.org/team/empty")

    def shown(hits: tuple[Hit, ...]) -> list[tuple[str, float]]:
        return [(hit.chunk.id, hit.score) for hit in hits]

    alone = engine.run(SearchRequest("session request", 100), [view])
    together = engine.run(SearchRequest("session request", 100), [view, empty])
    assert shown(together.hits) == shown(alone.hits)
    assert engine.run(SearchRequest("session"), [empty]).hits == ()
    assert engine.run(SearchRequest("session"), []).hits == ()
    index.catalog.remove_view(empty.view.id)


def test_a_misspelt_word_is_corrected_by_the_words_of_the_best_results(view: SearchableView, index: SmallIndex) -> None:
    """And the answer says so; the same question without the error finds the same first."""
    engine = SearchEngine(index.catalog, lambda _: index.embedder, Disk())
    right = engine.run(SearchRequest("retry with backoff for several attempts"), [view])
    wrong = engine.run(SearchRequest("retry with backoff for several attepmts"), [view])
    assert [hit.chunk.id for hit in wrong.hits] == [hit.chunk.id for hit in right.hits]
    assert wrong.notices == ("nothing has 'attepmts': 'attempts' was searched for",)
    assert right.notices == ()


def test_a_misspelt_name_is_corrected_by_the_names_of_the_index(view: SearchableView, index: SmallIndex) -> None:
    """Where no result has words to offer: a question that is nothing but the name. Filters keep names out."""
    engine = SearchEngine(index.catalog, lambda _: index.embedder, Disk())
    found = engine.run(SearchRequest("evictodlest"), [view])
    assert found.hits[0].chunk.symbol == "evictOldest"
    assert found.notices == ("nothing has 'evictodlest': 'evictoldest' was searched for",)
    elsewhere = SearchRequest("evictodlest", where=SearchFilter(languages=frozenset({"python"})))
    assert engine.run(elsewhere, [view]).notices == ()


def test_what_a_filter_keeps_out_corrects_nothing(view: SearchableView, index: SmallIndex) -> None:
    """A word is unknown where no chunk that may be returned has it, and only such chunks have words to offer."""
    engine = SearchEngine(index.catalog, lambda _: index.embedder, Disk())
    request = SearchRequest("attepmts", where=SearchFilter(languages=frozenset({"typescript"})))
    assert engine.run(request, [view]).notices == ()


def test_an_engine_can_rank_otherwise(view: SearchableView, index: SmallIndex) -> None:
    """With weights that find nothing in anything, all scores are nothing; the engine it was made from ranks on."""
    engine = SearchEngine(index.catalog, lambda _: index.embedder, Disk())
    flat = engine.weighted(changed({"same_file": 0, **{feature.name: 0 for feature in FEATURES}}))
    request = SearchRequest("retry with backoff")
    assert {hit.score for hit in flat.run(request, [view]).hits} == {0.0}
    assert engine.run(request, [view]).hits[0].chunk.path == "src/http/retry.py"


class Elsewhere:
    """Another searcher, with one answer to all."""

    def __init__(self, answer: SearchResponse | None) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.is_closed = False

    def search(
        self, request: SearchRequest, views: Sequence[SearchableView], changes: int, check: Callable[[], None]
    ) -> SearchResponse | None:
        """Note the question."""
        self.asked.append(request.text)
        return self.answer

    def memory_bytes(self) -> int:
        """As many as can be told apart from none."""
        return 7

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


class Slow(StaticEmbedder):
    """The model, as if it took its time."""

    is_fast = False  # type: ignore[assignment]


def test_another_searcher_answers_what_it_can(index: SmallIndex, engine: SearchEngine, view: SearchableView) -> None:
    """What it does not, and what is not for it, is answered here."""
    here = replace(ask(engine, view, "Session"), elapsed_ms=0.0)
    other = Elsewhere(SearchResponse((), 1.0, notices=("from elsewhere",)))
    engine.search_aside(other)
    assert ask(engine, view, "Session").notices == ("from elsewhere",)
    beside = replace(view, is_beside=True)  # another program changes it, which only this one knows of
    assert replace(ask(engine, beside, "Session"), elapsed_ms=0.0) == here
    assert replace(engine.run(SearchRequest("Session"), [view, beside]), elapsed_ms=0.0).notices != ("from elsewhere",)
    assert other.asked == ["Session"]
    other.answer = None
    assert replace(ask(engine, view, "Session"), elapsed_ms=0.0) == here
    assert other.asked == ["Session"] * 2
    assert engine.memory_bytes() == 7
    engine.close()
    assert other.is_closed


def test_another_searcher_need_not_load_a_slow_model(index: SmallIndex, disk: Disk, view: SearchableView) -> None:
    """It is asked where the model is quick, and where there is none."""
    slow = Slow()
    other = Elsewhere(SearchResponse((), 1.0))
    engine = SearchEngine(index.catalog, lambda info: slow, disk)
    engine.search_aside(other)
    assert ask(engine, view, "Session").hits
    assert other.asked == []

    def gone(info: IndexInfo) -> Embedder:
        raise IndexIncompatible("the model is gone")

    engine = SearchEngine(index.catalog, gone, disk)
    engine.search_aside(other)
    assert not ask(engine, view, "Session").hits
    assert other.asked == ["Session"]


def test_who_has_gone_is_not_searched_for_elsewhere(engine: SearchEngine, view: SearchableView) -> None:
    """The other searcher is not asked."""
    other = Elsewhere(SearchResponse((), 1.0))
    engine.search_aside(other)

    def check() -> None:
        raise Cancelled("the caller has gone")

    with pytest.raises(Cancelled):
        engine.run(SearchRequest("Session"), [view], check)
    assert other.asked == []
