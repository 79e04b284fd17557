# SPDX-License-Identifier: FSL-1.1-MIT
"""The public question set: what is held out, how it is read, and how file names are taken out of questions."""

from __future__ import annotations

import pytest
from repositories import (
    DEVELOPMENT,
    RepositoryHeldOut,
    RepositoryUnknown,
    chosen,
    identity,
    kind_of,
    misspelt,
    questions,
    specification,
    without_file_names,
)

from conexus.evaluation.questions import Question, Target

KNOWN = [*DEVELOPMENT, "secret", "hidden"]


def test_development_set_is_meant_where_nothing_is_named() -> None:
    """Without names the development set is used, and no other repository."""
    assert set(chosen([], KNOWN, held_out=False)) == set(DEVELOPMENT)
    assert len(DEVELOPMENT) == len(set(DEVELOPMENT)) == 25


def test_held_out_repository_is_refused() -> None:
    """A repository outside the development set is refused by name."""
    with pytest.raises(RepositoryHeldOut, match="secret"):
        chosen(["flask", "secret"], KNOWN, held_out=False)


def test_held_out_repositories_on_demand() -> None:
    """With --held-out and no names the others are meant."""
    assert chosen([], KNOWN, held_out=True) == ["secret", "hidden"]


def test_unknown_repository_is_an_error() -> None:
    """A name that the set does not have is an error, held out or not."""
    with pytest.raises(RepositoryUnknown, match="nobody"):
        chosen(["nobody"], KNOWN, held_out=True)


def test_specification_without_root() -> None:
    """A repository without a folder of its own is indexed whole."""
    entry = {"name": "gin", "language": "go", "url": "https://example.org/gin-gonic/gin.git", "revision": "abc"}
    found = specification(entry)
    assert (found.root, found.owner_and_name) == ("", "gin-gonic/gin")


def test_both_sorts_of_answers_count() -> None:
    """Primary and secondary answers are targets, with lines where they have both ends."""
    entry = {
        "query": "how it works",
        "relevant": ["a.py", {"path": "b.py", "start_line": "3", "end_line": 9}],
        "secondary": [{"path": "c.py", "start_line": 1}],
    }
    assert questions([entry]) == [
        Question("how it works", "architecture", (Target("a.py"), Target("b.py", 3, 9), Target("c.py")))
    ]


@pytest.mark.parametrize(
    ("query", "kind"), [("Router", "symbol"), ("How are routes found", "architecture"), ("route lookup", "semantic")]
)
def test_kind_by_form(query: str, kind: str) -> None:
    """A question without a kind gets one by its form."""
    assert kind_of(query) == kind


def test_words_of_file_names_are_taken_out() -> None:
    """Words with the stem of a part of an answer's file name go; a question left with one word is dropped."""
    asked = [
        Question("session cookie signing", "semantic", (Target("src/sessions.py"),)),
        Question("how are request contexts pushed", "architecture", (Target("requestContext.js"),)),
        Question("config loading", "semantic", (Target("config.py"),)),
        Question("SessionInterface", "symbol", (Target("src/sessions.py"),)),
    ]
    assert [question.text for question in without_file_names(asked)] == ["cookie signing", "how are pushed"]


def test_identity_tells_questions_apart_and_not_their_text() -> None:
    """The same text with other answers is another question, and the name holds no word of it."""
    first = Question("session cookie", "semantic", (Target("a.py"),))
    second = Question("session cookie", "semantic", (Target("b.py"),))
    assert identity(first) != identity(second)
    assert identity(first) == identity(Question("session cookie", "other", (Target("a.py"),)))
    assert "session" not in identity(first)


def test_typos_are_the_same_each_time() -> None:
    """One letter of the longest word is wrong, its ends are right; short questions are dropped."""
    asked = [
        Question(text, "semantic", (Target("a.py"),)) for text in ("how are sessions kept", "HTTPAdapter", "a job")
    ]
    wrong = misspelt(asked)
    assert wrong == misspelt(asked)
    assert len(wrong) == 2
    for before, after in zip(asked, wrong, strict=False):
        assert before.text != after.text
        assert abs(len(before.text) - len(after.text)) <= 1
        assert after.targets == before.targets
    assert wrong[1].text.startswith("HTTPA")
