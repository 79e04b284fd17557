# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs one search: analyse, retrieve, rank, check against the disk."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from conexus.errors import IndexIncompatible
from conexus.lanes import aside
from conexus.lexical import encode_query
from conexus.points import KEY, NOTHING, keys_of
from conexus.ports import Catalog, Embedder, OtherSearcher, SearchableView
from conexus.search import spelling
from conexus.search.candidates import BIT_OF, Candidates, Part, joined
from conexus.search.focus import focus_of
from conexus.search.globs import matcher
from conexus.search.heads import ChunkHeads
from conexus.search.names import Numbers
from conexus.search.query import Query, analyse
from conexus.search.ranking import LEARNT, Ranked, Ranking, Weighting, rank
from conexus.types import (
    Chunk,
    ChunkId,
    ChunkKeys,
    DenseVector,
    FileId,
    Freshness,
    Hit,
    IndexedView,
    IndexInfo,
    PointFilter,
    Retriever,
    ScoredPoints,
    SearchFilter,
    SearchRequest,
    SearchResponse,
    StoredChunk,
    SymbolMatch,
    VectorQuery,
)
from conexus.values import dataclass

_Text = TypeVar("_Text")
_Vector = TypeVar("_Vector")

_CANDIDATES = 120  # of each retriever; more costs time and brings next to nothing in the first ten
_READ_FOR_WORDS = 60  # results whose words may stand for misspelt ones; all of the names of the index bring no more
_FILES_BY_NAME = 40
_CHUNKS_BY_NAME = 30
_GONE = -1
_FIRST_WORDS = 6
_PLACES = 20  # of a question: a stack trace has more, the innermost frames of which are anywhere in it


class FreshnessCheck(Protocol):
    """Compares what is indexed of a file with the file on disk."""

    def __call__(self, view: IndexedView, chunks: Sequence[StoredChunk]) -> Sequence[Freshness]:
        """Return of each chunk whether it is still what is on disk."""
        ...


class SearchEngine:
    """Answers queries from open indexes."""

    def __init__(
        self,
        catalog: Catalog,
        embedder_of: Callable[[IndexInfo], Embedder],
        freshness: FreshnessCheck,
        weighting: Weighting = LEARNT,
        heads: ChunkHeads | None = None,
    ) -> None:
        """Make an engine.

        Args:
            catalog: Where chunks and symbols are.
            embedder_of: Gives the model that an index was built with.
            freshness: Checks the hits that are returned.
            weighting: What the ranking gives its features.
            heads: Finds the heads of chunks; in the catalog where ``None``.
        """
        self._catalog = catalog
        self._embedder_of = embedder_of
        self._freshness = freshness
        self._weighting = weighting
        self._heads = heads or ChunkHeads(catalog)
        self._other: OtherSearcher | None = None
        self._spare: SearchEngine | None = None
        """Answers in the place of the other one, and keeps nothing in memory for that."""

    def weighted(self, weighting: Weighting) -> SearchEngine:
        """Return an engine on the same indexes that ranks otherwise."""
        return SearchEngine(self._catalog, self._embedder_of, self._freshness, weighting, self._heads)

    def search_aside(self, other: OtherSearcher) -> None:
        """Have another searcher answer what it can, which ranks with the learnt weights; it is closed with this one."""
        self._other = other
        self._spare = SearchEngine(self._catalog, self._embedder_of, self._freshness)

    def memory_bytes(self) -> int:
        """Memory of the processes of its own."""
        return 0 if self._other is None else self._other.memory_bytes()

    def wait(self) -> None:
        """Return when nothing is being read into memory; for measurements."""
        self._heads.wait()

    def close(self) -> None:
        """Forget what is in memory. Idempotent."""
        if self._other is not None:
            self._other.close()
        self._heads.close()

    def run(
        self, request: SearchRequest, views: Sequence[SearchableView], check: Callable[[], None] = lambda: None
    ) -> SearchResponse:
        """Search views together.

        Args:
            request: The question.
            views: Where to look.
            check: Called between steps; raises where the work is to stop.

        Raises:
            QueryError: The query has no word, or a path pattern is malformed.
        """
        if self._other is not None and self._spare is not None and all(map(self._is_for_other, views)):
            check()
            found = self._other.search(request, views, self._catalog.changes, check)
            return self._spare.run(request, views, check) if found is None else found
        started = time.perf_counter()
        query = analyse(request.text)
        ranked = self._ranked(query, request, views, check)
        if (respelt := self._respelt(query, ranked, request, views)) is not None:
            query = respelt
            ranked = self._ranked(query, request, views, check)
        check()
        chosen, copies, has_more = self._distinct(ranked, max(0, request.limit), views)
        states = self._states([(number, stored) for _, number, stored in chosen], views)
        roots = [str(view.view.root) for view in views]
        hits = tuple(
            Hit(
                chunk=stored.chunk,
                score=item.score,
                found_by=item.found_by,
                freshness=state,
                root=roots[number],
                focus_line=_focus_line(item.matches, stored.chunk, query),
                factors=item.factors if request.explain else (),
            )
            for (item, number, stored), state in zip(chosen, states, strict=True)
        )
        return SearchResponse(
            hits=hits,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            complete=all(view.index.complete for view in views),
            notices=(*_notices(query, hits, copies, views), *self._of_words_alone(views)),
            has_more=has_more,
        )

    def hit_at(self, view: IndexedView, stored: StoredChunk, line: int) -> Hit:
        """Return a chunk that no search was for as a hit on a line of it."""
        return Hit(
            chunk=stored.chunk,
            score=0.0,
            found_by=frozenset({Retriever.SYMBOL}),
            freshness=self._freshness(view, [stored])[0],
            root=str(view.root),
            focus_line=line,
        )

    def similar(
        self,
        origin: StoredChunk,
        request: SearchRequest,
        views: Sequence[SearchableView],
        check: Callable[[], None] = lambda: None,
    ) -> SearchResponse:
        """Find the chunks most like one, without itself and its copies.

        A hit's score is the mean of the cosine similarity and of the share of the BM25 score that the chunk has with
        itself: 1 is the same text.

        Args:
            origin: The chunk.
            request: Limits; its text plays no part.
            views: Where to look.
            check: Called between steps; raises where the work is to stop.

        Raises:
            QueryError: A path pattern is malformed.
        """
        started = time.perf_counter()
        sparse = encode_query(origin.chunk.text)
        found: dict[tuple[int, ChunkId], tuple[float, float]] = {}
        best_bm25 = 0.0
        for number, view in enumerate(views):
            check()
            where = self._point_filter(view, request.where)
            model = self._model(view)
            vector = None if model is None else _known(_aside(model, model.embed_documents, [origin.chunk.text])[0])
            dense, bm25 = view.shard.search(vector, sparse, _CANDIDATES, where)
            best_bm25 = max([best_bm25, *(point.score for point in bm25)])
            cosine = {point.id: point.score for point in dense}
            words = {point.id: point.score for point in bm25}
            for chunk in cosine | words:
                found[number, chunk] = (cosine.get(chunk, 0.0), words.get(chunk, 0.0))
        scores = {key: (max(0.0, cosine) + words / (best_bm25 or 1.0)) / 2 for key, (cosine, words) in found.items()}
        hits = self._most_alike(origin, scores, request.limit, views)
        return SearchResponse(
            hits=hits,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            complete=all(view.index.complete for view in views),
            notices=(*_notices(None, hits, (), views), *self._of_words_alone(views)),
        )

    def _most_alike(
        self,
        origin: StoredChunk,
        scores: Mapping[tuple[int, ChunkId], float],
        limit: int,
        views: Sequence[SearchableView],
    ) -> tuple[Hit, ...]:
        chosen: list[tuple[int, StoredChunk]] = []
        found: list[float] = []
        seen = {tuple(origin.chunk.text.split())}
        for number, chunk in sorted(scores, key=lambda key: (-scores[key], key)):
            if len(chosen) >= limit:
                break
            stored = self._catalog.chunks_by_id(views[number].index.id, [chunk]).get(chunk)
            if stored is None or (text := tuple(stored.chunk.text.split())) in seen:
                continue
            seen.add(text)
            chosen.append((number, stored))
            found.append(scores[number, chunk])
        return tuple(
            Hit(
                chunk=stored.chunk,
                score=score,
                found_by=frozenset({Retriever.DENSE, Retriever.BM25}),
                freshness=state,
                root=str(views[number].view.root),
                focus_line=stored.chunk.span.start_line,
            )
            for (number, stored), score, state in zip(chosen, found, self._states(chosen, views), strict=True)
        )

    def _states(self, chosen: Sequence[tuple[int, StoredChunk]], views: Sequence[SearchableView]) -> list[Freshness]:
        """Return whether chunks, each of the view with a number, are what is on disk; each view is looked at once."""
        found: dict[int, Freshness] = {}
        for view in {number for number, _ in chosen}:
            places = [place for place, (number, _) in enumerate(chosen) if number == view]
            states = self._freshness(views[view].view, [chosen[place][1] for place in places])
            found.update(zip(places, states, strict=True))
        return [found[place] for place in range(len(chosen))]

    def _ranked(
        self, query: Query, request: SearchRequest, views: Sequence[SearchableView], check: Callable[[], None]
    ) -> Ranking:
        candidates, floor = self.candidates(query, request, views, check)
        check()
        return rank(query, candidates, floor, self._weighting)

    def candidates(
        self,
        query: Query,
        request: SearchRequest,
        views: Sequence[SearchableView],
        check: Callable[[], None] = lambda: None,
    ) -> tuple[Candidates, float]:
        """Return what is to be ranked, and the similarity below which the dense search says nothing."""
        candidates: list[Candidates] = []
        floor = 1.0
        for number, view in enumerate(views):
            check()
            where = self._point_filter(view, request.where)
            found, lowest = self._retrieve(query, view, number, where, max(_CANDIDATES, request.limit))
            candidates.append(found)
            floor = min(floor, lowest)
        return joined(candidates), floor

    def _respelt(
        self, query: Query, ranked: Ranking, request: SearchRequest, views: Sequence[SearchableView]
    ) -> Query | None:
        """Return the question with words that the index has in the place of words that no chunk has, if there are.

        Those of the best results come first, then names of definitions. A word that the model knows is not misspelt,
        so that most questions cost nothing here.
        """
        models = [self._model(view) for view in views]
        wrong = [
            word
            for word in spelling.suspects(query.text)
            if not any(model is None or model.knows(word) for model in models)
        ]
        for view in views if wrong else ():
            where = self._point_filter(view, request.where)
            answers = view.shard.search_all([VectorQuery(encode_query(word), 1, where) for word in wrong])
            wrong = [word for word, found in zip(wrong, answers, strict=True) if not len(found)]
        if not wrong:
            return None
        read = self._stored(ranked[:_READ_FOR_WORDS], views)
        vocabulary = spelling.vocabulary(stored.chunk.text for _, _, stored in read)
        right = {
            word: meant
            for word in wrong
            if (meant := spelling.correction(word, vocabulary) or self._name_like(word, request, views)) is not None
        }
        if not right:
            return None
        respelt = analyse(spelling.replaced(query.text, right))
        told = [f"nothing has {word!r}: {meant!r} was searched for" for word, meant in right.items()]
        return replace(respelt, notice="; ".join(filter(None, [query.notice, *told])))

    def _name_like(self, word: str, request: SearchRequest, views: Sequence[SearchableView]) -> str | None:
        """Return the name of a definition that was meant by a word, if there is one."""
        names: Counter[str] = Counter()
        for view in views:
            where = self._point_filter(view, request.where)
            names.update(self._catalog.names_like(view.index.id, word, spelling.most_edits(word), where))
        return spelling.correction(word, names)

    def _model(self, view: SearchableView) -> Embedder | None:
        """Return the model that an index was built with; nothing where it is gone, as after an upgrade."""
        try:
            return self._embedder_of(view.index)
        except IndexIncompatible:
            return None

    def _is_for_other(self, view: SearchableView) -> bool:
        """Whether another searcher can ask the index, and has no slow model to load for it."""
        model = self._model(view)
        return not view.is_beside and (model is None or model.is_fast)

    def _of_words_alone(self, views: Sequence[SearchableView]) -> Iterator[str]:
        for view in views:
            if self._model(view) is None:
                name, root = view.view.name, view.view.root
                yield (
                    f"the model that the index of {name} was built with is gone, and it was searched by words alone; "
                    f"run `conexus index {root}`"
                )

    def _point_filter(self, view: SearchableView, where: SearchFilter) -> PointFilter:
        index = view.index
        files: frozenset[FileId] | None = None
        if where.path_globs is not None:
            matches = matcher(where.path_globs)
            files = frozenset(file for file, path in self._catalog.paths(index.id) if matches(path))
        return PointFilter(
            files=files,
            languages=where.languages,
            kinds=where.kinds,
            without_tags=frozenset() if where.tests else frozenset({"test"}),
            hidden=frozenset() if index.pool is None else self._catalog.hidden(index.id),
            is_secret=view.view.trimmed,
        )

    def _retrieve(
        self, query: Query, view: SearchableView, number: int, where: PointFilter, depth: int
    ) -> tuple[Candidates, float]:
        """Return the candidates of one view, and the similarity below which the dense search says nothing."""
        known = self._embedded(query, view)
        terms = encode_query(query.text)
        asked = [VectorQuery(terms, depth, where)]
        if (narrowed := self._files_by_name(query, view, where)) is not None:
            asked.append(VectorQuery(terms, _CHUNKS_BY_NAME, narrowed))
        if known is not None:
            asked.append(VectorQuery(known, depth, where))
        named: list[SymbolMatch] = []
        placed: list[ChunkId] = []

        def look_up() -> None:
            named.extend(self._heads.named(view.index.id, view.shard, query.names, where))
            for path, line in query.places[:_PLACES]:
                placed.extend(self._catalog.chunks_at(view.index.id, path, line, where))

        answers = view.shard.search_all(asked, look_up)
        bm25 = answers[0]
        by_name = answers[1] if narrowed is not None else NOTHING
        dense = answers[-1] if known is not None else NOTHING
        found = _Found(dense, bm25, by_name, named, placed)
        keys, numbers = found.numbered()
        parts, there = self._heads.find(number, view.index.id, view.shard, keys)
        if len(there) < len(keys):
            place_of = np.full(len(keys), _GONE)
            place_of[there] = np.arange(len(there))
            numbers = place_of[numbers]
        return found.candidates(numbers, len(there), parts), float(dense.scores[-1]) if len(dense) else 1.0

    def _embedded(self, query: Query, view: SearchableView) -> DenseVector | None:
        """Return the vector of a question; nothing where the model is gone, or knows no word of it."""
        model = self._model(view)
        if model is None:
            return None
        return _known(_aside(model, model.embed_query, query.text))

    def _files_by_name(self, query: Query, view: SearchableView, where: PointFilter) -> PointFilter | None:
        """Narrow a filter to the files whose names have words of the question, within which is searched once more."""
        named = self._heads.files_with_words(view.index.id, view.shard, query.stems, where)
        if not named:
            return None
        asked = len(query.stems)
        # By how far both agree, as an F1 score is.
        best = sorted((-2.0 * matched / (asked + total), file) for file, (matched, total) in named.items())
        return replace(where, files=frozenset(file for _, file in best[:_FILES_BY_NAME]))

    def _distinct(
        self, ranked: Ranking, limit: int, views: Sequence[SearchableView]
    ) -> tuple[list[tuple[Ranked, int, StoredChunk]], list[str], bool]:
        """Return the best with their texts, each text of a view once.

        Returns:
            The best, where the copies of them are that were left out, and whether there are further ones.
        """
        chosen: list[tuple[Ranked, int, StoredChunk]] = []
        copies: list[str] = []
        seen = _Texts()
        position = 0
        while block := ranked[position : position + limit + 1 - len(chosen)]:
            position += len(block)
            for item, number, stored in self._stored(block, views):
                is_new = seen.is_new(number, stored.chunk.text)
                if is_new and len(chosen) == limit:
                    return chosen, copies, True
                if is_new:
                    chosen.append((item, number, stored))
                elif len(chosen) < limit:
                    copies.append(stored.chunk.location)
        return chosen, copies, False

    def _stored(
        self, ranked: Sequence[Ranked], views: Sequence[SearchableView]
    ) -> Iterator[tuple[Ranked, int, StoredChunk]]:
        """Yield what is ranked with the number of its view and its text, but for what has gone just now."""
        chunks = [item.chunk for item in ranked]
        of_view: defaultdict[int, list[ChunkId]] = defaultdict(list)
        for number, chunk in chunks:
            of_view[number].append(chunk)
        stored = {number: self._catalog.chunks_by_id(views[number].index.id, ids) for number, ids in of_view.items()}
        for item, (number, chunk) in zip(ranked, chunks, strict=True):
            if (one := stored[number].get(chunk)) is not None:
                yield item, number, one


class _Texts:
    """Texts that differ in more than white space."""

    def __init__(self) -> None:
        self._by_beginning: dict[tuple[object, ...], str | set[tuple[str, ...]]] = {}
        """The only one that begins so, or the words of all that do."""

    def is_new(self, view: int, text: str) -> bool:
        """Keep a text of a view, if there is none like it."""
        begins = (view, *text.split(None, _FIRST_WORDS)[:_FIRST_WORDS])
        alike = self._by_beginning.get(begins)
        if alike is None:  # as is the rule
            self._by_beginning[begins] = text
            return True
        if isinstance(alike, str):
            alike = self._by_beginning[begins] = {tuple(alike.split())}
        count = len(alike)
        alike.add(tuple(text.split()))
        return len(alike) > count


@dataclass(frozen=True, slots=True)
class _Found:
    """What the retrievers found in one view."""

    dense: ScoredPoints
    bm25: ScoredPoints
    by_name: ScoredPoints
    """By its words in files that the question names."""
    named: Sequence[SymbolMatch]
    placed: Sequence[ChunkId]

    def numbered(self) -> tuple[ChunkKeys, Numbers]:
        """Number the chunks from 0.

        Returns:
            The key of each, and the number of each point, match and place: dense, bm25, named, by name, placed.
        """
        named = np.frombuffer(b"".join([match.chunk for match in self.named]), dtype=KEY)
        found = (self.dense.keys, self.bm25.keys, named, self.by_name.keys, keys_of(self.placed))
        numbers: dict[bytes, int] = {}
        all_numbers = [numbers.setdefault(key, len(numbers)) for key in np.concatenate(found).tolist()]
        return np.array(list(numbers), dtype=KEY), np.array(all_numbers, dtype=np.intp)

    def candidates(self, places: Numbers, count: int, parts: Sequence[Part]) -> Candidates:
        """Put what was found into columns.

        Args:
            places: The place of each point, match and place among the candidates, in the order of :meth:`numbered`;
                :data:`_GONE` where the index lacks it by now.
            count: How many candidates there are.
            parts: Their heads.
        """
        ends = np.cumsum([len(self.dense), len(self.bm25), len(self.named), len(self.by_name)])
        dense_at, bm25_at, named_at, by_name_at, placed_at = np.split(places, ends)
        dense, bm25, by_name = np.zeros((3, count))
        found_by = np.zeros(count, dtype=np.uint8)
        for retriever, at, scores, into in (
            (Retriever.DENSE, dense_at, self.dense.scores, dense),
            (Retriever.BM25, bm25_at, self.bm25.scores, bm25),
            (Retriever.PATH, by_name_at, self.by_name.scores, by_name),
        ):
            there = at >= 0
            into[at[there]] = scores[there]
            found_by[at[there]] |= BIT_OF[retriever]
        found_by[placed_at[placed_at >= 0]] |= BIT_OF[Retriever.PATH]
        found_by[named_at[named_at >= 0]] |= BIT_OF[Retriever.SYMBOL]
        matches: dict[int, list[SymbolMatch]] = {}
        for place, match in zip(named_at.tolist(), self.named, strict=True):
            if place >= 0:
                matches.setdefault(place, []).append(match)
        return Candidates(parts, dense, np.maximum(bm25, by_name), found_by, matches)


def _aside(model: Embedder, embed: Callable[[_Text], _Vector], text: _Text) -> _Vector:
    """Embed a text; with a slow model, so that others are not held up."""
    return embed(text) if model.is_fast else aside(partial(embed, text))


def _known(vector: DenseVector) -> DenseVector | None:
    """Return a vector, or nothing where no word of the text is known: it is equally far from everything."""
    return vector if vector.any() else None


def _focus_line(matches: Iterable[SymbolMatch], chunk: Chunk, query: Query) -> int:
    """Return the line a reader should land on: of a definition that was asked for by name, else what fits best."""
    span = chunk.span
    lines = [match.line for match in matches if span.start_line <= match.line <= span.end_line]
    return min(lines) if lines else focus_of(chunk, query)


def _notices(
    query: Query | None, hits: Sequence[Hit], copies: Sequence[str], views: Sequence[SearchableView]
) -> Iterable[str]:
    if query is not None and query.notice:
        yield query.notice
    if copies:
        what = "1 result is a copy" if len(copies) == 1 else f"{len(copies)} results are copies"
        yield f"{what} of another and left out: {copies[0]}{', …' if len(copies) > 1 else ''}"
    gone = {str(view.view.root): view.view.name for view in views if view.is_gone}
    stale = sum(hit.freshness is not Freshness.FRESH and hit.root not in gone for hit in hits)
    if stale:
        yield f"{stale} of {len(hits)} results changed on disk since they were indexed; run `conexus index`"
    for root, name in gone.items():
        yield (
            f"the folder {root} is gone, or a link is in its place, and the index of {name} answers as it was; "
            f"`conexus repos remove {name}` deletes it"
        )
    for view in views:
        if not view.index.complete and not view.is_written:
            yield f"the index of {view.view.name} is not finished; run `conexus index {view.view.root}`"
