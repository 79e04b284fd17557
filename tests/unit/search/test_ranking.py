# SPDX-License-Identifier: FSL-1.1-MIT
"""The order of candidates, and how it is explained."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from builders import head_of
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.chunk_ids import chunk_key
from conexus.errors import ConfigError
from conexus.search.candidates import Candidate, listed
from conexus.search.features import FEATURES, QuestionKind
from conexus.search.query import analyse
from conexus.search.ranking import LEARNT, Ranking, changed, rank
from conexus.search.weights import SAME_FILE
from conexus.types import FileTag, Retriever, SymbolKind, SymbolMatch


def found(path: str, *, bm25: float = 0.0, dense: float | None = None, view: int = 0, **fields: object) -> Candidate:
    """A candidate; it was found by what it has a score of."""
    file = sum(map(ord, path))
    candidate = Candidate(head_of(path, file=file, **fields), view, dense=dense or 0.0, bm25=bm25)
    candidate.found_by |= {Retriever.BM25} if bm25 else set()
    candidate.found_by |= {Retriever.DENSE} if dense is not None else set()
    return candidate


def defining(candidate: Candidate, symbol: str, kind: SymbolKind, *, exact: bool = True) -> Candidate:
    """The same candidate, found by what it defines as well."""
    head = candidate.head
    candidate.head = head._replace(symbol=symbol, kind=kind.value)
    candidate.matches.append(SymbolMatch(symbol, kind, 1, chunk_key(head.id), head.file, exact))
    candidate.found_by.add(Retriever.SYMBOL)
    return candidate


def ranking(query: str, candidates: Sequence[Candidate], floor: float = 0.0) -> Ranking:
    return rank(analyse(query), listed(candidates), floor)


def order(query: str, *candidates: Candidate, floor: float = 0.0) -> list[str]:
    return [item.candidate.head.path for item in ranking(query, candidates, floor)]


def test_nothing_ranks_as_nothing() -> None:
    """No candidates, no hits."""
    assert list(ranking("x", [])) == []


@pytest.mark.parametrize("query", ["send_request", "where is send_request defined", "`send_request`", "send_request()"])
def test_a_definition_beats_a_mention(query: str) -> None:
    """Also where the mention has the better text and meaning."""
    mention = found("src/caller.py", bm25=9.0, dense=0.9)
    definition = defining(found("src/client.py", bm25=6.0, dense=0.6), "send_request", SymbolKind.FUNCTION)
    assert order(query, mention, definition) == ["src/client.py", "src/caller.py"]


@pytest.mark.parametrize("best", [{"bm25": 9.0}, {"dense": 0.9}], ids=["by words", "by meaning"])
def test_a_name_alone_weighs_its_definition_more(best: dict[str, float]) -> None:
    """A question that is nothing but a name wants the definition, even found by nothing else."""
    definition = defining(found("a.py"), "Session", SymbolKind.CLASS)
    assert order("Session", found("b.py", **best), definition)[0] == "a.py"


def test_a_definition_that_is_found_by_its_words_comes_before_all_else() -> None:
    definition = defining(found("a.py", bm25=2.0), "Session", SymbolKind.CLASS)
    assert order("Session", found("b.py", bm25=9.0, dense=0.9), definition)[0] == "a.py"


def test_a_qualified_name_prefers_its_own_parent() -> None:
    """`Session.send` is that of Session, however it is written."""
    for query in ("Session.send", "session.send", "Session::send", "Session#send"):
        mine = defining(found("b.py", bm25=5.0), "Session.send", SymbolKind.METHOD)
        other = defining(found("a.py", bm25=5.0), "Socket.send", SymbolKind.METHOD)
        assert order(query, other, mine)[0] == "b.py"


def test_a_name_written_exactly_beats_one_in_another_style() -> None:
    """`send_request` is not `sendRequest`, though both are found."""
    exact = defining(found("b.py"), "send_request", SymbolKind.FUNCTION)
    other = defining(found("a.ts"), "sendRequest", SymbolKind.FUNCTION, exact=False)
    assert order("send_request", other, exact)[0] == "b.py"


def test_kinds_of_definitions_differ() -> None:
    """A class beats a field and a key of that name."""
    names = {SymbolKind.KEY: "a.toml", SymbolKind.FIELD: "b.py", SymbolKind.CLASS: "c.py"}
    candidates = [defining(found(path), "Config", kind) for kind, path in names.items()]
    assert order("Config", *candidates) == ["c.py", "b.py", "a.toml"]


def test_every_kind_of_definition_has_a_weight() -> None:
    """A kind that is added cannot be forgotten in ranking."""
    for kind in SymbolKind:
        [ranked] = ranking("Config", [defining(found("a.py"), "Config", kind)])
        assert any(factor.name == "definition" and factor.value > 0 for factor in ranked.factors)


@pytest.mark.parametrize("tag", list(FileTag))
def test_tests_examples_documents_and_settings_are_penalised(tag: FileTag) -> None:
    """Of two that are alike the one without a role comes first."""
    tagged = found("src/a.py", bm25=5.0, dense=0.5, tags=frozenset({tag}))
    plain = found("src/b.py", bm25=5.0, dense=0.5)
    ranked = ranking("anything else", [tagged, plain])
    assert [c.candidate.head.path for c in ranked] == ["src/b.py", "src/a.py"]
    assert any(factor.name == tag.value and factor.value < 0 for factor in ranked[1].factors)


@pytest.mark.parametrize("path", ["src/a/__init__.py", "src/a/index.ts", "src/a.d.ts", "src/a.pyi", "src/a_pb2.py"])
def test_files_that_say_nothing_new_are_penalised(path: str) -> None:
    """Declarations and re-exports stand behind what they speak of."""
    assert order("anything else", found(path, bm25=5.0), found("src/z.py", bm25=5.0))[0] == "src/z.py"


def test_a_file_name_that_is_asked_for_counts() -> None:
    """Its words as words, and the whole name more than anything."""
    assert order("session adapter", found("src/a.py", bm25=5), found("src/session_adapter.py", bm25=5))[0] == (
        "src/session_adapter.py"
    )
    assert order("what is in util/net.py", found("lib/x.py", bm25=9, dense=0.9), found("src/util/net.py", bm25=2))[
        0
    ] == ("src/util/net.py")


def test_a_second_chunk_of_a_file_stands_back() -> None:
    """So that other files are heard; the best of the file is untouched."""
    step = SAME_FILE[QuestionKind.OTHER]
    first, second = found("a.py", bm25=5.0, line=1), found("a.py", bm25=4.9, line=50)
    other = found("b.py", bm25=4.8)
    ranked = ranking("anything else", [second, other, first])
    lost = {(c.candidate.head.path, c.candidate.head.start_byte): c.same_file for c in ranked}
    assert lost == {("a.py", 0): 0.0, ("a.py", second.head.start_byte): -step, ("b.py", 0): 0.0}
    third = found("a.py", bm25=4.0, line=90)
    ranked = ranking("anything else", [found("a.py", bm25=5.0), found("a.py", bm25=4.9, line=50), third])
    assert [c.same_file for c in ranked] == [0.0, -step, -2 * step]
    assert ranked[0].candidate.head.start_byte == 0
    assert [f.value for f in ranked[1].factors if f.name == "same file"] == [-step]


def test_a_large_file_may_be_found_more_often() -> None:
    """It has more subjects than one, so its further chunks lose less."""
    ranked = ranking(
        "x", [found("a.py", bm25=5.0, file_chunks=1024), found("a.py", bm25=4.0, line=50, file_chunks=1024)]
    )
    assert ranked[1].same_file == pytest.approx(-SAME_FILE[QuestionKind.NAME] / 6)


def test_files_of_two_views_are_apart() -> None:
    """Equal numbers of files in two views do not make one file."""
    ranked = ranking("x", [found("a.py", bm25=5.0, view=0), found("a.py", bm25=5.0, view=1)])
    assert not any(f.name == "same file" for c in ranked for f in c.factors)


def test_several_chunks_speak_for_their_file() -> None:
    """A file with three chunks that fit comes before a file with one as good."""
    many = [found("b.py", bm25=5.0, line=line) for line in (1, 40, 80)]
    assert order("anything else", found("a.py", bm25=5.0), *many)[0] == "b.py"


def test_ties_are_broken_by_place() -> None:
    """Equal input gives equal output, whatever the order it comes in."""
    candidates = [("b.py", 1), ("a.py", 60), ("a.py", 1), ("c.py", 9)]
    expected = None
    for seed in range(6):
        mixed = [found(path, bm25=3.0, line=line) for path, line in candidates]
        random.Random(seed).shuffle(mixed)  # noqa: S311 -- no secret
        places = [(c.candidate.head.path, c.candidate.head.start_byte) for c in ranking("x", mixed)]
        expected = expected or places
        assert places == expected
    assert order("x", found("b.py", bm25=1.0), found("a.py", bm25=1.0)) == ["a.py", "b.py"]


def test_meaning_counts_above_the_floor() -> None:
    """What the dense search did not return has no meaning, even below zero."""
    low, high = found("a.py", dense=0.30), found("b.py", dense=0.50)
    silent = found("c.py", bm25=0.1)
    ranked = ranking("anything else", [low, high, silent], 0.30)
    values = {c.candidate.head.path: {f.name: f.value for f in c.factors} for c in ranked}
    assert values["b.py"]["meaning"] > 0
    assert "meaning" not in values["a.py"]
    assert "meaning" not in values["c.py"]


names = st.sampled_from(["send", "Session", "send_request", "HTTPAdapter", ""])
candidates_of_all_kinds = st.lists(
    st.builds(
        lambda path, bm25, dense, line, tag, symbol, kind, match: (
            defining(found(path, bm25=bm25, dense=dense, line=line, tags=tag), symbol, kind)
            if match and symbol
            else found(path, bm25=bm25, dense=dense, line=line, tags=tag, symbol=symbol)
        ),
        st.sampled_from(["src/session.py", "tests/test_session.py", "a/__init__.py", "x.d.ts", "send"]),
        st.floats(0, 40),
        st.none() | st.floats(-1, 1),
        st.integers(1, 400),
        st.sampled_from([frozenset(), frozenset({FileTag.TEST}), frozenset({FileTag.TEST, FileTag.EXAMPLE})]),
        names,
        st.sampled_from(list(SymbolKind)),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda candidate: candidate.head.id,
)


@settings(deadline=None)
@given(candidates_of_all_kinds, st.sampled_from(["send", "Session.send", "how is a session sent", "src/session.py"]))
def test_the_factors_are_the_score(candidates: list[Candidate], query: str) -> None:
    """They sum up to it, none is empty, every candidate comes out once, best first."""
    floor = min((c.dense for c in candidates if Retriever.DENSE in c.found_by), default=0.0)
    ranked = ranking(query, candidates, floor)
    assert {c.candidate.head.id for c in ranked} == {c.head.id for c in candidates}
    assert len(ranked) == len(candidates)
    assert [c.score for c in ranked] == sorted((c.score for c in ranked), reverse=True)
    for candidate in ranked:
        assert candidate.score == pytest.approx(sum(f.value for f in candidate.factors), abs=1e-6)
        assert all(f.value and f.name for f in candidate.factors)


def test_weights_can_be_changed_by_name() -> None:
    """One number for all kinds of question or one for each; all others stay."""
    other = changed({"same_file": 0.5, "bm25": 7, "name_f1": [1.0, 2.0, 3.0]})
    assert set(other.same_file.values()) == {0.5}
    columns = [feature.name for feature in FEATURES]
    for number, kind in enumerate(QuestionKind):
        assert other.by_kind[kind][columns.index("bm25")] == 7.0
        assert other.by_kind[kind][columns.index("name_f1")] == 1.0 + number
        assert other.by_kind[kind][columns.index("dense")] == LEARNT.by_kind[kind][columns.index("dense")]
    assert changed({}).same_file == SAME_FILE


@pytest.mark.parametrize(
    "changes",
    [
        {"nothing": 1.0},
        {"bm25": "much"},
        {"bm25": True},
        {"bm25": [1.0, 2.0]},
        {"bm25": float("nan")},
        {"same_file": [1.0, 2.0]},
        {"bm25": None},
    ],
)
def test_weights_of_no_feature_or_that_are_no_numbers_are_refused(changes: dict[str, object]) -> None:
    """With an error that says which."""
    with pytest.raises(ConfigError, match=next(iter(changes))):
        changed(changes)


def test_a_declaration_stands_behind_its_definition() -> None:
    """Though a header that many include is used more."""
    header = defining(found("include/job.h", bm25=9.0, file_uses=30), "job_start", SymbolKind.FUNCTION)
    source = defining(found("src/job.c", bm25=8.0), "job_start", SymbolKind.FUNCTION)
    assert order("job_start explained", header, source) == ["src/job.c", "include/job.h"]
