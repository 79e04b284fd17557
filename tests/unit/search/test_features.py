# SPDX-License-Identifier: FSL-1.1-MIT
"""What is measured of a candidate."""

from __future__ import annotations

import numpy as np
import pytest
from builders import head_of

from conexus.chunk_ids import chunk_key
from conexus.search.candidates import Candidate, listed
from conexus.search.features import FEATURES, QuestionKind, kind_of, measure
from conexus.search.query import analyse
from conexus.search.weights import WEIGHTS
from conexus.types import FileTag, Retriever, SymbolKind, SymbolMatch

COLUMNS = {feature.name: column for column, feature in enumerate(FEATURES)}


def found(path: str, *, bm25: float = 0.0, dense: float | None = None, **fields: object) -> Candidate:
    """A candidate; it was found by what it has a score of."""
    candidate = Candidate(head_of(path, file=sum(map(ord, path)), **fields), 0, dense=dense or 0.0, bm25=bm25)
    candidate.found_by |= {Retriever.DENSE} if dense is not None else set()
    return candidate


def measured(query: str, *candidates: Candidate, floor: float = 0.0) -> list[dict[str, float]]:
    """Features by name, of each candidate."""
    rows = measure(analyse(query), listed(candidates), floor).tolist()
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("Session", QuestionKind.NAME),
        ("Session.send()", QuestionKind.NAME),
        ("http::Client", QuestionKind.NAME),
        ("how are sessions kept", QuestionKind.EXPLANATION),
        ("Why does it retry", QuestionKind.EXPLANATION),
        ("however many sessions", QuestionKind.OTHER),
        ("session storage", QuestionKind.OTHER),
    ],
)
def test_kinds_of_questions(query: str, kind: QuestionKind) -> None:
    """A name, an explanation, all else."""
    assert kind_of(analyse(query)) is kind


def test_there_is_a_weight_for_every_feature_and_kind() -> None:
    """And none has a sign that its feature must not have."""
    assert set(WEIGHTS) == set(QuestionKind)
    for weights in WEIGHTS.values():
        assert weights.shape == (len(FEATURES),)
        assert np.all(np.isfinite(weights))
        for feature, weight in zip(FEATURES, weights.tolist(), strict=True):
            assert feature.sign * weight >= 0.0, feature.name


def test_what_is_found_is_measured_against_the_best() -> None:
    """BM25 and meaning lie in [0, 1]; below the floor, and where nothing was found, they are 0."""
    best, half, silent = measured(
        "x", found("a.py", bm25=8.0, dense=0.9), found("b.py", bm25=4.0, dense=0.6), found("c.py"), floor=0.3
    )
    assert (best["bm25"], half["bm25"], silent["bm25"]) == (1.0, 0.5, 0.0)
    assert (best["dense"], half["dense"], silent["dense"]) == pytest.approx((1.0, 0.5, 0.0))
    assert best["bm25_rank"] > half["bm25_rank"] > silent["bm25_rank"] == silent["dense_rank"] == 0.0


def test_equal_scores_rank_alike_in_any_order() -> None:
    """What is measured does not depend on the order of the candidates."""
    candidates = [found(f"{name}.py", bm25=3.0, dense=0.5) for name in "abc"] + [found("d.py", bm25=1.0)]
    forward = measured("x", *candidates)
    backward = measured("x", *candidates[::-1])[::-1]
    assert forward == backward
    assert forward[0]["bm25_rank"] == forward[1]["bm25_rank"] == forward[2]["bm25_rank"]


def test_a_file_is_as_good_as_its_three_best_chunks() -> None:
    """A fourth adds nothing, and the best file has 1."""
    many = [found("a.py", bm25=4.0, line=line) for line in (1, 20, 40, 60)]
    one = found("b.py", bm25=4.0)
    rows = measured("x", *many, one)
    assert rows[0]["file_bm25"] == 1.0
    assert rows[-1]["file_bm25"] == pytest.approx(1 / 3)


def test_names_are_compared_by_their_words() -> None:
    """Stems agree, longer words that begin alike do too, and every share is one of words."""
    [row] = measured("hashing of passwords", found("src/auth/password_hasher.py", symbol="Auth.check_password"))
    assert (row["stem_recall"], row["stem_precision"], row["stem_f1"]) == (1.0, 1.0, 1.0)
    assert row["name_precision"] == 0.5
    assert row["name_f1"] == pytest.approx(0.5)
    [row] = measured("auth tokens", found("src/auth/password.py"))
    assert (row["stem_f1"], row["folders_recall"], row["path_recall"]) == (0.0, 0.5, 0.5)
    assert row["last_folder_f1"] == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("src/index.ts", "reexports"),
        ("src/types.d.ts", "declarations"),
        ("src/a.h", "header"),
        ("src/utils.py", "generic_name"),
    ],
)
def test_kinds_of_files(path: str, name: str) -> None:
    """Told by the path alone."""
    [row, other] = measured("x", found(path), found("src/session.py"))
    assert (row[name], other[name]) == (1.0, 0.0)


@pytest.mark.parametrize(("tag", "query"), [(FileTag.TEST, "test of sessions"), (FileTag.DOCS, "guide to sessions")])
def test_a_role_that_is_asked_for_is_no_fault(tag: FileTag, query: str) -> None:
    """A question about tests wants tests."""
    candidate = found("src/a.py", tags=frozenset({tag}))
    assert measured("sessions", candidate)[0][tag.value] == 1.0
    assert measured(query, candidate)[0][tag.value] == 0.0


def test_a_definition_counts_by_its_kind_and_how_it_is_asked_for() -> None:
    """Types stand out; a name that is spelled out says more than words that are like it."""
    candidate = found("a.py", symbol="Session")
    candidate.matches.append(
        SymbolMatch("Session", SymbolKind.CLASS, 1, chunk_key(candidate.head.id), candidate.head.file, True)
    )
    [by_name] = measured("Session", candidate)
    assert (by_name["definition"], by_name["exact_definition"], by_name["type_definition"]) == (1.0, 1.0, 1.0)
    [in_words] = measured("where is the session kept", candidate)
    assert 0.0 < in_words["definition"] < 1.0
    assert in_words["exact_definition"] == 0.0


def test_a_member_is_asked_for_with_what_it_belongs_to() -> None:
    """`Session.send` is that method: neither the class, nor another's `send`, nor one whose class merely ends alike."""

    def defined(symbol: str, kind: SymbolKind, path: str = "src/a.py") -> Candidate:
        candidate = found(path, symbol=symbol)
        match = SymbolMatch(symbol, kind, 1, chunk_key(candidate.head.id), candidate.head.file, True)
        candidate.matches.append(match)
        return candidate

    method, owner, other, alike = measured(
        "Session.send",
        defined("http.Session.send", SymbolKind.METHOD),
        defined("Session", SymbolKind.CLASS),
        defined("Socket.send", SymbolKind.METHOD),
        defined("BaseSession.send", SymbolKind.METHOD),
    )
    assert (method["qualified_definition"], method["exact_definition"]) == (1.0, 1.0)
    for row in (other, alike):
        assert (row["qualified_definition"], row["exact_definition"], row["type_definition"]) == (0.0, 0.0, 0.0)
    assert (owner["qualified_definition"], owner["type_definition"]) == (0.0, 0.0)
    [free, elsewhere] = measured(
        "tokens::issue",
        defined("issue", SymbolKind.FUNCTION, "src/tokens/new.rs"),
        defined("issue", SymbolKind.FUNCTION, "src/bench.rs"),
    )
    assert free["qualified_definition"] > elsewhere["qualified_definition"] == 0.0


@pytest.mark.parametrize(
    "query",
    [
        'File "/usr/lib/python3/dist-packages/app/utils/text.py", line 12, in slugify',
        "./app/utils/text.py:12",
        "app/utils/text.py(12): error: no such name",
        "text.py:12:5",
    ],
)
def test_a_place_that_is_named_is_found(query: str) -> None:
    """With more folders than are indexed or fewer, and with the line as other programs write it."""
    at, above, other = (
        found("app/utils/text.py", line=10, end_line=20),
        found("app/utils/text.py", line=1, end_line=9),
        found("app/text_utils.py", line=10, end_line=20),
    )
    rows = measured(query, at, above, other)
    assert [row["path_asked"] for row in rows] == [1.0, 1.0, 0.0]
    assert [row["line_asked"] for row in rows] == [1.0, 0.0, 0.0]


def test_files_of_other_platforms_are_known_by_their_paths() -> None:
    """Unless the question names one."""
    paths = ("src/win/pipe.c", "src/unix/pipe.c", "src/pipe_windows.go", "src/window/pipe.c", "src/darwin.c")
    rows = measured("open a pipe", *map(found, paths))
    assert [row["other_platform"] for row in rows] == [1.0, 0.0, 1.0, 0.0, 0.0]
    rows = measured("open a pipe on Windows", *map(found, paths))
    assert not any(row["other_platform"] for row in rows)


def test_older_versions_are_known_beside_later_ones() -> None:
    """By folders v1, v2 in one place; not where the question names a version."""
    paths = ("api/v1/job.go", "api/v2/job.go", "api/v10/job.go", "other/v1/job.go", "v3.go")
    assert [row["older_version"] for row in measured("job", *map(found, paths))] == [1.0, 1.0, 0.0, 0.0, 0.0]
    for query in ("job in v1", "job of version 1"):
        assert not any(row["older_version"] for row in measured(query, *map(found, paths)))


def test_a_declaration_is_known_where_the_definition_is_found_too() -> None:
    """For names written as names: a header's, where a source file has the same."""

    def defines(path: str, symbol: str) -> Candidate:
        candidate = found(path, bm25=1.0)
        candidate.matches.append(
            SymbolMatch(symbol, SymbolKind.FUNCTION, 1, chunk_key(candidate.head.id), candidate.head.file, exact=True)
        )
        return candidate

    header, source = defines("include/job.h", "job_start"), defines("src/job.c", "job_start")
    for query in ("job_start", "what does job_start do"):
        assert [row["only_declared"] for row in measured(query, header, source)] == [1.0, 0.0]
        assert [row["only_declared"] for row in measured(query, header)] == [0.0]
    header, source = defines("include/job.h", "start"), defines("src/job.c", "start")
    assert [row["only_declared"] for row in measured("start a job", header, source)] == [0.0, 0.0]


def test_documents_are_wanted_where_they_are_named() -> None:
    """A question for the guide is for a document, one about documents need not be."""
    guide = found("docs/guide.md", tags=frozenset({FileTag.DOCS}))
    assert measured("upgrade guide", guide, found("a.py"))[0]["docs_asked"] == 1.0
    assert [row["docs_asked"] for row in measured("upgrade", guide, found("a.py"))] == [0.0, 0.0]
