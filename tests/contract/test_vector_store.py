# SPDX-License-Identifier: FSL-1.1-MIT
"""What every vector store must do, run on each of them.

With ``CONEXUS_QDRANT_URL`` (and ``CONEXUS_QDRANT_API_KEY``) set, a real Qdrant server is one of them.
"""

from __future__ import annotations

import math
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from qdrant_double import QdrantDouble

from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.engine_process import EngineStore
from conexus.adapters.memory_store import MemoryStore
from conexus.adapters.qdrant_store import QdrantStore
from conexus.errors import ConfigError, IndexIncompatible, StoreDamaged, StoreError
from conexus.lexical import vector_checksum
from conexus.points import listed
from conexus.ports import VectorShard, VectorStore
from conexus.types import ChunkId, FileId, IndexId, PointFilter, ScoredPoint, SparseVector, VectorPoint, VectorQuery

DIM = 32
ONE, TWO = IndexId(1), IndexId(2)
ANYWHERE = PointFilter()
REAL_SERVER = os.environ.get("CONEXUS_QDRANT_URL", "")
KINDS = [
    "edge",
    "engine-process",
    "engine-to-write",
    "memory",
    "qdrant-double",
    *(["qdrant-server"] if REAL_SERVER else []),
]
LASTING = [kind for kind in KINDS if kind != "memory"]


@dataclass(frozen=True)
class Place:
    """A store, and a way to come back to what it keeps as a new process would."""

    store: VectorStore
    again: Callable[[], VectorStore]


def _place(kind: str, folder: Path) -> Iterator[Place]:
    if kind == "memory":
        memory = MemoryStore()
        yield Place(memory, lambda: memory)
    elif kind == "edge":
        yield Place(EdgeStore(folder / "vectors"), lambda: EdgeStore(folder / "vectors"))
    elif kind.startswith("engine"):
        stores = [EngineStore(folder / "vectors", read_here=kind == "engine-to-write") for _ in range(2)]
        yield Place(stores[0], lambda: stores[1])
        for store in stores:
            store.close()
    elif kind == "qdrant-double":
        double = QdrantDouble(folder)
        clients = [QdrantStore(double.url, "", 20.0, "here") for _ in range(2)]
        yield Place(clients[0], lambda: clients[1])
        for client in clients:
            client.close()
        double.close()
    else:
        key = os.environ.get("CONEXUS_QDRANT_API_KEY", "")
        server = QdrantStore(REAL_SERVER, key, 60.0, f"test-{uuid.uuid4()}")
        yield Place(server, lambda: server)
        for index in (ONE, TWO):
            server.drop(index)
        server.close()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from _place(request.param, tmp_path)


@pytest.fixture(params=LASTING)
def lasting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from _place(request.param, tmp_path)


@pytest.fixture
def shard(place: Place) -> Iterator[VectorShard]:
    shard = place.store.create(ONE, DIM)
    yield shard
    shard.close()


def unit(seed: int) -> npt.NDArray[np.float32]:
    """A vector of norm 1 that depends on the seed alone."""
    vector = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return vector / np.linalg.norm(vector)


def axis(at: int) -> npt.NDArray[np.float32]:
    """The unit vector along one axis, which float16 holds without loss."""
    vector = np.zeros(DIM, dtype=np.float32)
    vector[at] = 1.0
    return vector


def terms(**weights: float) -> SparseVector:
    """A sparse vector of the terms ``t<number>``."""
    numbers = [int(name[1:]) for name in weights]
    return SparseVector(np.array(numbers, dtype=np.uint32), np.array(list(weights.values()), dtype=np.float32))


def chunk(number: int) -> ChunkId:
    return ChunkId(str(uuid.UUID(int=(number + 1) << 64)))


def point(number: int, file: int = 0, **parts: object) -> VectorPoint:
    """A point with vectors of its own number, unless others are given."""
    made = VectorPoint(
        id=chunk(number),
        file=FileId(file),
        dense=unit(number).astype(np.float16),
        sparse=terms(t1=1.0),
        language="python",
        kinds=("function",),
        tags=(),
    )
    return replace(made, **parts)  # type: ignore[arg-type]


def near(shard: VectorShard, query: npt.NDArray[np.float32], where: PointFilter = ANYWHERE) -> list[ChunkId]:
    return [hit.id for hit in shard.search(query, None, 100, where)[0]]


def matching(shard: VectorShard, query: SparseVector, where: PointFilter = ANYWHERE) -> list[ChunkId]:
    return [hit.id for hit in shard.search(None, query, 100, where)[1]]


def idf(points: int, having: int) -> float:
    """Weight of a term, as Qdrant documents ``Modifier.IDF``."""
    return math.log((points - having + 0.5) / (having + 0.5) + 1)


def test_a_new_shard_is_empty(shard: VectorShard) -> None:
    """Right after creation there is nothing to count, list or find."""
    assert shard.count() == 0
    assert list(shard.points()) == []
    assert shard.search(unit(1), terms(t1=1.0), 10, ANYWHERE) == ([], [])


def test_a_point_is_found_at_once(shard: VectorShard) -> None:
    """What is written is visible to the next search, before any flush."""
    shard.upsert([point(number) for number in range(20)])
    dense, sparse = shard.search(unit(7), terms(t1=1.0), 5, ANYWHERE)
    assert dense[0].id == chunk(7)
    assert dense[0].score == pytest.approx(1.0, abs=2e-3)
    assert len(dense) == len(sparse) == 5


def test_the_same_id_overwrites(shard: VectorShard) -> None:
    """A point written again counts once and is found by its new parts alone."""
    shard.upsert([point(0, file=1, dense=axis(0).astype(np.float16), sparse=terms(t1=1.0), language="go")])
    shard.upsert([point(0, file=2, dense=axis(1).astype(np.float16), sparse=terms(t2=1.0), language="rust")])
    assert shard.count() == 1
    assert [stored.file for stored in shard.points()] == [2]
    assert shard.search(axis(1), None, 5, ANYWHERE)[0] == [ScoredPoint(chunk(0), pytest.approx(1.0))]
    assert matching(shard, terms(t1=1.0)) == []
    assert matching(shard, terms(t2=1.0)) == [chunk(0)]
    assert near(shard, axis(1), PointFilter(languages=frozenset({"go"}))) == []


def test_the_last_of_equal_ids_in_a_batch_wins(shard: VectorShard) -> None:
    """A batch that names one id twice keeps what it says last."""
    shard.upsert([point(0, file=1, sparse=terms(t1=1.0)), point(0, file=2, sparse=terms(t2=1.0))])
    assert shard.count() == 1
    assert [stored.file for stored in shard.points()] == [2]
    assert matching(shard, terms(t1=1.0)) == []


def test_writing_nothing_is_allowed(shard: VectorShard) -> None:
    """Empty batches change nothing."""
    shard.upsert([])
    shard.delete_files([])
    shard.flush()
    assert shard.count() == 0


def test_deleting_files_drops_all_their_points(shard: VectorShard) -> None:
    """Points of the files named are gone at once, others stay, unknown files are ignored."""
    shard.upsert([point(number, file=number // 3) for number in range(12)])
    shard.delete_files([FileId(1), FileId(3), FileId(999)])
    assert sorted(stored.file for stored in shard.points()) == [0, 0, 0, 2, 2, 2]
    assert shard.count() == 6
    assert sorted(near(shard, unit(4))) == sorted(chunk(number) for number in (0, 1, 2, 6, 7, 8))
    assert chunk(4) not in matching(shard, terms(t1=1.0))
    shard.upsert([point(4, file=1)])
    assert near(shard, unit(4))[0] == chunk(4)


FILTERS = {
    "none": (ANYWHERE, {0, 1, 2, 3, 4}),
    "one file": (PointFilter(files=frozenset({FileId(2)})), {2}),
    "files": (PointFilter(files=frozenset({FileId(0), FileId(3), FileId(77)})), {0, 3}),
    "one language": (PointFilter(languages=frozenset({"go"})), {1, 2}),
    "languages": (PointFilter(languages=frozenset({"go", "c", "cobol"})), {1, 2, 3}),
    "no language": (PointFilter(languages=frozenset({""})), {4}),
    "one kind": (PointFilter(kinds=frozenset({"method"})), {1, 3}),
    "kinds": (PointFilter(kinds=frozenset({"function", "class"})), {0, 1, 2}),
    "without a tag": (PointFilter(without_tags=frozenset({"test"})), {0, 2, 4}),
    "without tags": (PointFilter(without_tags=frozenset({"test", "docs"})), {0, 4}),
    "all at once": (
        PointFilter(
            files=frozenset({FileId(0), FileId(1), FileId(2)}),
            languages=frozenset({"go", "python"}),
            kinds=frozenset({"function", "class"}),
            without_tags=frozenset({"test"}),
        ),
        {0, 2},
    ),
    "what no point has": (PointFilter(languages=frozenset({"go"}), files=frozenset({FileId(0)})), set()),
    "empty files": (PointFilter(files=frozenset()), set()),
    "empty languages": (PointFilter(languages=frozenset()), set()),
    "empty kinds": (PointFilter(kinds=frozenset()), set()),
    "empty among full": (PointFilter(files=frozenset({FileId(1)}), kinds=frozenset()), set()),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters_apply_to_both_searches(shard: VectorShard, name: str) -> None:
    """Each filter lets the same points through in both spaces; an empty set none."""
    shard.upsert(
        [
            point(0, file=0, language="python", kinds=("function",)),
            point(1, file=1, language="go", kinds=("method", "function"), tags=("test",)),
            point(2, file=2, language="go", kinds=("class",), tags=("docs",)),
            point(3, file=3, language="c", kinds=("method",), tags=("test", "example")),
            point(4, file=4, language="", kinds=()),
        ]
    )
    where, expected = FILTERS[name]
    dense, sparse = shard.search(unit(0), terms(t1=1.0), 10, where)
    assert {hit.id for hit in dense} == {chunk(number) for number in expected}
    assert {hit.id for hit in sparse} == {chunk(number) for number in expected}


def test_filters_apply_before_the_limit(shard: VectorShard) -> None:
    """A point that passes is found, however many better ones do not."""
    shard.upsert([point(number, language="go", dense=axis(0).astype(np.float16)) for number in range(300)])
    shard.upsert([point(1000, language="python", dense=axis(1).astype(np.float16), sparse=terms(t1=0.01))])
    dense, sparse = shard.search(axis(0), terms(t1=1.0), 1, PointFilter(languages=frozenset({"python"})))
    assert [hit.id for hit in dense] == [hit.id for hit in sparse] == [chunk(1000)]


@pytest.mark.parametrize("limit", [0, 1, 3, 50])
def test_the_limit_holds_for_each_list(shard: VectorShard, limit: int) -> None:
    """Each list holds at most so many hits, and all where there are fewer."""
    shard.upsert([point(number) for number in range(10)])
    dense, sparse = shard.search(unit(1), terms(t1=1.0), limit, ANYWHERE)
    assert len(dense) == len(sparse) == min(limit, 10)


def test_hits_come_best_first(shard: VectorShard) -> None:
    """Dense hits are ordered by cosine similarity, as computed here, and the scores are those."""
    shard.upsert([point(number) for number in range(200)])
    query = unit(12_345)
    dense, _ = shard.search(query, None, 200, ANYWHERE)
    expected = {chunk(number): float(unit(number) @ query) for number in range(200)}
    assert [hit.score for hit in dense] == sorted((hit.score for hit in dense), reverse=True)
    assert {hit.id: hit.score for hit in dense} == pytest.approx(expected, abs=2e-3)
    assert all(-1.0 <= hit.score <= 1.0 for hit in dense)


def test_equal_scores_come_in_the_order_of_ids(shard: VectorShard) -> None:
    """Ties are broken by id, so that the same query gives the same list every time."""
    numbers = [5, 3, 9, 1, 7]
    shard.upsert([point(number, dense=axis(0).astype(np.float16)) for number in numbers])
    dense, sparse = shard.search(axis(0), terms(t1=1.0), 10, ANYWHERE)
    assert [hit.id for hit in dense] == sorted(chunk(number) for number in numbers)
    assert [hit.id for hit in sparse] == sorted(chunk(number) for number in numbers)


def test_a_part_of_the_query_may_be_left_out(shard: VectorShard) -> None:
    """Without a dense or a sparse query its list is empty; without both, both are."""
    shard.upsert([point(0)])
    nothing = SparseVector(np.array([], dtype=np.uint32), np.array([], dtype=np.float32))
    assert len(shard.search(unit(0), None, 5, ANYWHERE)[0]) == 1
    assert shard.search(unit(0), None, 5, ANYWHERE)[1] == []
    assert shard.search(None, terms(t1=1.0), 5, ANYWHERE)[0] == []
    assert len(shard.search(None, terms(t1=1.0), 5, ANYWHERE)[1]) == 1
    assert shard.search(None, None, 5, ANYWHERE) == ([], [])
    assert shard.search(None, nothing, 5, ANYWHERE) == ([], [])
    queries = [(unit(0), 5, ANYWHERE), (nothing, 5, ANYWHERE), (terms(t1=1.0), 3, ANYWHERE), (unit(0), 0, ANYWHERE)]
    answers = shard.search_all([VectorQuery(*query) for query in queries])
    dense, sparse = shard.search(unit(0), None, 5, ANYWHERE)[0], shard.search(None, terms(t1=1.0), 3, ANYWHERE)[1]
    assert list(map(listed, answers)) == [dense, [], sparse, []]
    assert shard.search_all([]) == []


def test_something_is_done_while_answers_are_looked_for(shard: VectorShard) -> None:
    """Once, be there a query or not; what it raises is raised, and the next answers are right."""
    shard.upsert([point(0)])
    done: list[str] = []
    query = VectorQuery(unit(0), 5, ANYWHERE)
    [expected] = shard.search_all([query])
    [found] = shard.search_all([query], lambda: done.append("one"))
    assert listed(found) == listed(expected)
    assert shard.search_all([], lambda: done.append("none")) == []
    assert done == ["one", "none"]

    def fail() -> None:
        raise ValueError("meanwhile")

    with pytest.raises(ValueError, match="meanwhile"):
        shard.search_all([query, query], fail)
    assert list(map(listed, shard.search_all([query]))) == [listed(expected)]


def test_a_rare_term_weighs_more_than_a_common_one(shard: VectorShard) -> None:
    """Sparse scores are dot products weighed by the inverse document frequency of each term."""
    shard.upsert([point(number, sparse=terms(t1=1.0)) for number in range(9)])
    shard.upsert([point(9, sparse=terms(t2=0.5)), point(10, sparse=terms(t1=2.0, t2=0.5))])
    _, hits = shard.search(None, terms(t1=1.0, t2=1.0), 20, ANYWHERE)
    common, rare = idf(11, 10), idf(11, 2)
    assert [hit.id for hit in hits][:2] == [chunk(10), chunk(9)]
    assert hits[0].score == pytest.approx(2.0 * common + 0.5 * rare, rel=1e-4)
    assert hits[1].score == pytest.approx(0.5 * rare, rel=1e-4)
    assert hits[2].score == pytest.approx(common, rel=1e-4)


def test_word_statistics_are_of_the_points_that_are_there(shard: VectorShard) -> None:
    """What was deleted or overwritten counts no more, so that scores do not depend on a shard's history."""
    shard.upsert([point(number, file=number, sparse=terms(t1=1.0, t2=1.0)) for number in range(3000)])
    shard.flush()
    shard.optimize()
    shard.delete_files([FileId(number) for number in range(100, 400)])
    shard.upsert([point(number, file=number, sparse=terms(t1=1.0)) for number in range(10, 100)])
    _, hits = shard.search(None, terms(t2=1.0), 3000, ANYWHERE)
    assert len(hits) == 2610
    assert hits[0].score == pytest.approx(idf(2700, 2610), rel=1e-4)


def test_what_is_hidden_is_as_if_it_were_not_there(shard: VectorShard) -> None:
    """Files of other views take no place, and their words do not count."""
    shard.upsert([point(number, number, sparse=terms(t1=1.0)) for number in range(4)])
    shard.upsert([point(number, number, sparse=terms(t2=1.0)) for number in range(4, 8)])
    shard.flush()
    where = PointFilter(hidden=frozenset({FileId(1), FileId(2), FileId(3), FileId(99)}))
    dense, words = shard.search(unit(1), terms(t1=1.0, t2=1.0), 5, where)
    assert {hit.id for hit in dense} == {chunk(number) for number in (0, 4, 5, 6, 7)}
    assert [hit.id for hit in words] == [chunk(number) for number in (0, 4, 5, 6, 7)]
    assert words[0].score == pytest.approx(idf(5, 1), rel=1e-5)
    assert words[1].score == pytest.approx(idf(5, 4), rel=1e-5)
    together = replace(where, files=frozenset({FileId(0), FileId(1)}))
    assert matching(shard, terms(t1=1.0), together) == [chunk(0)]


def test_weights_of_the_query_count(shard: VectorShard) -> None:
    """A term asked for twice as strongly scores twice as much."""
    shard.upsert([point(0, sparse=terms(t1=1.0)), point(1, sparse=terms(t2=1.0))])
    _, hits = shard.search(None, terms(t1=1.0, t2=2.0), 5, ANYWHERE)
    assert [hit.id for hit in hits] == [chunk(1), chunk(0)]
    assert hits[0].score == pytest.approx(2 * hits[1].score, rel=1e-4)


def test_a_term_nobody_has_finds_nothing(shard: VectorShard) -> None:
    """Only points that share a term with the query are sparse hits."""
    shard.upsert([point(0, sparse=terms(t1=1.0)), point(1, sparse=terms())])
    assert matching(shard, terms(t4000000000=1.0)) == []
    assert matching(shard, terms(t1=1.0, t5=1.0)) == [chunk(0)]


def test_zero_vectors_are_kept_and_score_zero(shard: VectorShard) -> None:
    """A text without a known word has a vector of zeros: it is stored, read back and never NaN."""
    zero = np.zeros(DIM, dtype=np.float16)
    shard.upsert([point(0, dense=zero, sparse=terms()), point(1)])
    dense, _ = shard.search(unit(1), None, 5, ANYWHERE)
    assert dense == [ScoredPoint(chunk(1), pytest.approx(1.0, abs=2e-3)), ScoredPoint(chunk(0), 0.0)]
    of_zero, _ = shard.search(np.zeros(DIM, dtype=np.float32), None, 5, ANYWHERE)
    assert of_zero == [ScoredPoint(chunk(0), 0.0), ScoredPoint(chunk(1), 0.0)]
    assert {stored.id: stored.checksum for stored in shard.points()}[chunk(0)] == vector_checksum(zero, terms())


def test_what_is_read_back_has_the_same_bits(shard: VectorShard) -> None:
    """The checksum of a stored point is that of the vectors given, norms off by rounding included."""
    rng = np.random.default_rng(3)
    written = []
    for number in range(600):
        indices = np.unique(rng.integers(0, 2**32, 60, dtype=np.uint32))
        rng.shuffle(indices)
        values = rng.random(len(indices), dtype=np.float32) * 3 + np.float32(1e-6)
        scale = np.float32(rng.choice([1.0, 0.999, 1.001, 1e-4]))
        written.append(
            point(
                number,
                file=number % 7,
                dense=(unit(number) * scale).astype(np.float16),
                sparse=SparseVector(indices, values),
            )
        )
    shard.upsert(written)
    shard.flush()
    stored = {each.id: (each.file, each.checksum) for each in shard.points()}
    assert stored == {each.id: (each.file, vector_checksum(each.dense, each.sparse)) for each in written}


def test_names_are_text_of_any_script(shard: VectorShard) -> None:
    """Languages, kinds and tags are compared as they are, with quotes, spaces and any script."""
    shard.upsert([point(0, language='日本語 "q" \'\\', kinds=("функция",), tags=("🧪",)), point(1)])
    assert near(shard, unit(0), PointFilter(languages=frozenset({'日本語 "q" \'\\'}))) == [chunk(0)]
    assert near(shard, unit(0), PointFilter(kinds=frozenset({"функция"}))) == [chunk(0)]
    assert near(shard, unit(0), PointFilter(without_tags=frozenset({"🧪"}))) == [chunk(1)]


def test_a_large_batch_is_written_whole(shard: VectorShard) -> None:
    """Five thousand points in one call are all there."""
    dense = np.random.default_rng(1).standard_normal((5000, DIM)).astype(np.float16)
    shard.upsert([point(n, file=n // 10, dense=dense[n], sparse=terms(t1=1.0, t2=float(n))) for n in range(5000)])
    shard.flush()
    assert shard.count() == 5000
    assert sum(1 for _ in shard.points()) == 5000
    assert matching(shard, terms(t2=1.0))[0] == chunk(4999)
    shard.delete_files([FileId(number) for number in range(250)])
    assert shard.count() == 2500


def test_searches_are_right_after_optimizing(shard: VectorShard) -> None:
    """Optimising a shard that lost and gained points changes no answer and no stored bit."""
    dense = np.stack([unit(number) for number in range(4000)])
    shard.upsert([point(n, file=n // 8, dense=dense[n].astype(np.float16)) for n in range(4000)])
    shard.delete_files([FileId(number) for number in range(200)])
    before_dense, before_sparse = shard.search(unit(99_999), terms(t1=1.0), 2400, ANYWHERE)
    before_points = {(each.id, each.file, each.checksum) for each in shard.points()}
    shard.optimize()
    after_dense, after_sparse = shard.search(unit(99_999), terms(t1=1.0), 2400, ANYWHERE)
    assert [hit.id for hit in after_dense] == [hit.id for hit in before_dense]
    assert {hit.id for hit in after_sparse} == {hit.id for hit in before_sparse}
    assert {(each.id, each.file, each.checksum) for each in shard.points()} == before_points
    shard.upsert([point(1, file=0)])
    assert near(shard, unit(1))[0] == chunk(1)
    assert shard.count() == 2401


def test_shards_do_not_see_each_other(place: Place) -> None:
    """Two indexes that hold the same chunks share neither points nor word statistics."""
    one, two = place.store.create(ONE, DIM), place.store.create(TWO, DIM)
    one.upsert([point(number, file=1, sparse=terms(t1=1.0)) for number in range(10)])
    two.upsert([point(0, file=1, sparse=terms(t1=1.0)), point(50, sparse=terms(t2=1.0))])
    assert (one.count(), two.count()) == (10, 2)
    _, hits = two.search(None, terms(t1=1.0), 20, ANYWHERE)
    assert hits == [ScoredPoint(chunk(0), pytest.approx(idf(2, 1), rel=1e-4))]
    one.delete_files([FileId(1)])
    assert (one.count(), two.count()) == (0, 2)
    place.store.drop(ONE)
    assert two.count() == 2
    assert {stored.id for stored in two.points()} == {chunk(0), chunk(50)}
    one.close()
    two.close()


def test_a_closed_shard_refuses_and_closing_twice_is_allowed(shard: VectorShard) -> None:
    """After close every use is a store error, never a crash."""
    shard.upsert([point(0)])
    shard.close()
    shard.close()
    uses: list[Callable[[], object]] = [
        shard.count,
        shard.flush,
        shard.optimize,
        lambda: shard.upsert([point(1)]),
        lambda: shard.delete_files([FileId(0)]),
        lambda: shard.search(unit(0), None, 5, ANYWHERE),
        lambda: list(shard.points()),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="closed"):
            use()


def test_opening_what_is_not_there_is_damage(place: Place) -> None:
    """An index nobody made, or that was dropped, cannot be opened."""
    with pytest.raises(StoreDamaged):
        place.store.open(ONE, DIM)
    place.store.create(ONE, DIM).close()
    place.store.create(TWO, DIM).close()
    assert (place.store.exists(ONE), place.store.exists(TWO)) == (True, True)
    place.store.drop(ONE)
    assert (place.store.exists(ONE), place.store.exists(TWO)) == (False, True)
    with pytest.raises(StoreDamaged):
        place.store.open(ONE, DIM)
    place.store.open(TWO, DIM).close()


def test_dropping_what_is_not_there_is_allowed(place: Place) -> None:
    """Drop is idempotent."""
    place.store.drop(ONE)
    place.store.create(ONE, DIM).close()
    place.store.drop(ONE)
    place.store.drop(ONE)


def test_another_length_of_vectors_is_incompatible(place: Place) -> None:
    """A shard opens with its own length alone, and takes no other vectors or queries."""
    shard = place.store.create(ONE, DIM)
    with pytest.raises(IndexIncompatible):
        shard.upsert([point(0, dense=np.ones(DIM + 1, dtype=np.float16))])
    with pytest.raises(IndexIncompatible):
        shard.search(np.ones(DIM - 1, dtype=np.float32), None, 5, ANYWHERE)
    assert shard.count() == 0
    shard.close()
    with pytest.raises(IndexIncompatible):
        place.again().open(ONE, DIM * 2)
    place.again().open(ONE, DIM).close()


def test_creating_again_starts_empty(place: Place) -> None:
    """What an earlier crash left under an id is gone, whatever its length of vectors."""
    first = place.store.create(ONE, DIM)
    first.upsert([point(0)])
    first.flush()
    first.close()
    again = place.again().create(ONE, DIM)
    assert again.count() == 0
    again.close()
    other = place.again().create(ONE, DIM * 2)
    assert other.count() == 0
    other.close()
    with pytest.raises(IndexIncompatible):
        place.again().open(ONE, DIM)


def test_points_outlive_their_shard(lasting: Place) -> None:
    """Reopened by another store, a shard holds the same points and gives the same answers."""
    shard = lasting.store.create(ONE, DIM)
    written = [point(n, file=n // 4, sparse=terms(t1=1.0, t2=n / 7), tags=("test",) * (n % 2)) for n in range(300)]
    shard.upsert(written)
    shard.delete_files([FileId(0)])
    shard.flush()
    where = PointFilter(without_tags=frozenset({"test"}))
    before = shard.search(unit(7), terms(t2=1.0), 20, where)
    shard.close()
    reopened = lasting.again().open(ONE, DIM)
    assert reopened.count() == 296
    after = reopened.search(unit(7), terms(t2=1.0), 20, where)
    assert [hit.id for hit in after[0]] == [hit.id for hit in before[0]]
    assert [hit.id for hit in after[1]] == [hit.id for hit in before[1]]
    expected = {each.id: vector_checksum(each.dense, each.sparse) for each in written[4:]}
    assert {each.id: each.checksum for each in reopened.points()} == expected
    reopened.upsert([point(0)])
    assert reopened.count() == 297
    reopened.close()


def test_threads_may_search_while_another_writes(shard: VectorShard) -> None:
    """Searches beside a writer see whole points and raise nothing."""
    shard.upsert([point(0, dense=axis(0).astype(np.float16))])
    failures: list[BaseException] = []
    done = threading.Event()

    def search() -> None:
        try:
            while not done.is_set():
                assert near(shard, axis(0))[0] == chunk(0)
        except BaseException as exc:  # noqa: BLE001 - handed to the test's own thread
            failures.append(exc)

    searchers = [threading.Thread(target=search) for _ in range(2)]
    for searcher in searchers:
        searcher.start()
    for batch in range(1, 15):
        shard.upsert([point(batch * 50 + number, file=batch) for number in range(50)])
        shard.delete_files([FileId(batch - 2)] if batch > 2 else [])
        shard.flush()
    done.set()
    for searcher in searchers:
        searcher.join()
    assert failures == []
    assert shard.count() == 101


def test_space_is_told_where_it_is_known(place: Place) -> None:
    """Sizes are bytes, 0 for an unknown index; free space is bytes or unknown."""
    shard = place.store.create(ONE, DIM)
    shard.upsert([point(number) for number in range(500)])
    shard.flush()
    shard.close()
    size, free = place.store.size_bytes(ONE), place.store.free_bytes()
    assert size == 0 or 500 * DIM * 2 <= size < 50_000_000
    assert place.store.size_bytes(IndexId(77)) == 0
    assert free is None or free > 0


# ------------------------------------------------------------- what only a server can do wrong


@pytest.fixture
def double(tmp_path: Path) -> Iterator[QdrantDouble]:
    double = QdrantDouble(tmp_path)
    yield double
    double.close()


def test_machines_that_share_a_server_keep_apart(double: QdrantDouble) -> None:
    """The same index number of two namespaces are two indexes."""
    mine, theirs = (QdrantStore(double.url, "", 20.0, namespace) for namespace in ("mine", "theirs"))
    mine.create(ONE, DIM).upsert([point(0)])
    with pytest.raises(StoreDamaged):
        theirs.open(ONE, DIM)
    other = theirs.create(ONE, DIM)
    assert other.count() == 0
    other.upsert([point(0), point(1)])
    mine.drop(ONE)
    assert other.count() == 2
    mine.close()
    theirs.close()


def test_the_usual_address_leads_to_the_grpc_port(double: QdrantDouble) -> None:
    """An http address names the port before that of gRPC, as servers have it by default."""
    store = QdrantStore(f"http://127.0.0.1:{double.port - 1}", "", 20.0, "here")
    assert store.create(ONE, DIM).count() == 0
    assert store.address == f"http://127.0.0.1:{double.port - 1}"
    assert QdrantStore("https://example.org", "", 1.0, "here").address == "https://example.org:6333"
    store.close()


@pytest.mark.parametrize("version", ["1.15.9", "1.18.3", "0.11.0", "", "nightly"])
def test_an_old_server_is_refused(tmp_path: Path, version: str) -> None:
    """A server too old to be safe gets nothing but the question for its version."""
    double = QdrantDouble(tmp_path, version=version)
    store = QdrantStore(double.url, "", 20.0, "here")
    with pytest.raises(StoreError, match=r"1\.19 or newer.*CVE-2026-25628") as refused:
        store.create(ONE, DIM)
    assert refused.value.hint is not None
    assert double.calls == ["HealthCheck"]
    double.close()


@pytest.mark.parametrize("version", ["1.19.0", "1.20.1-dev", "2.0.0"])
def test_a_recent_server_is_taken(tmp_path: Path, version: str) -> None:
    """From the oldest good version on the store works."""
    double = QdrantDouble(tmp_path, version=version)
    store = QdrantStore(double.url, "", 20.0, "here")
    assert store.create(ONE, DIM).count() == 0
    store.close()
    double.close()


@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
def test_a_wrong_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    """A refused key is a store error that names the setting and not the key."""
    double = QdrantDouble(tmp_path, api_key="right-key")
    for key in ("wrong-key", ""):
        store = QdrantStore(double.url, key, 20.0, "here")
        with pytest.raises(StoreError, match="refused the key") as refused:
            store.open(ONE, DIM)
        assert "store.api_key" in str(refused.value.hint)
        assert "-key" not in refused.value.message
        store.close()
    store = QdrantStore(double.url, "right-key", 20.0, "here")
    assert store.create(ONE, DIM).count() == 0
    store.close()
    double.close()


def test_an_unreachable_server_is_named_without_its_password(double: QdrantDouble) -> None:
    """A server that is down is a store error with its address, less what may be secret in it."""
    url = double.url.replace("127", "user:secret@127") + "/?token=secret"
    store = QdrantStore(url, "", 5.0, "here")
    shard = store.create(ONE, DIM)
    shard.upsert([point(0)])
    double.close()
    uses: list[Callable[[], object]] = [
        shard.count,
        lambda: shard.upsert([point(1)]),
        lambda: shard.delete_files([FileId(0)]),
        lambda: shard.search(unit(0), None, 5, ANYWHERE),
        lambda: list(shard.points()),
        lambda: store.open(TWO, DIM),
        lambda: store.create(TWO, DIM),
        lambda: store.drop(ONE),
        lambda: QdrantStore(url, "", 5.0, "here").open(ONE, DIM),
    ]
    for use in uses:
        with pytest.raises(StoreError, match=f"grpc://127.0.0.1:{double.port} cannot be reached") as refused:
            use()
        assert "secret" not in refused.value.message + str(refused.value.hint)
    store.close()


def test_a_server_that_never_answers_is_given_up() -> None:
    """Waiting ends after the time set."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = QdrantStore(f"grpc://127.0.0.1:{silent.getsockname()[1]}", "", 1.0, "here")
        began = time.monotonic()
        with pytest.raises(StoreError, match="cannot be reached"):
            store.open(ONE, DIM)
        assert time.monotonic() - began < 30.0
        store.close()


def test_a_collection_that_is_gone_is_damage(double: QdrantDouble) -> None:
    """An index whose collection somebody removed cannot be trusted."""
    store = QdrantStore(double.url, "", 20.0, "here")
    shard = store.create(ONE, DIM)
    double.shards.clear()
    with pytest.raises(StoreDamaged, match="gone"):
        shard.search(unit(0), None, 5, ANYWHERE)
    store.close()


@pytest.mark.parametrize(
    "url", ["", "host:6333", "ftp://host", "http://", "grpc://host", "http://host:port", "http://[::1", "file:///etc"]
)
def test_what_is_no_address_is_a_setting_at_fault(url: str) -> None:
    """The address is checked before anything is sent, and never repeated: it may hold a password."""
    with pytest.raises(ConfigError, match=r"store\.url"):
        QdrantStore(url, "", 1.0, "here")
