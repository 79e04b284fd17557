# SPDX-License-Identifier: FSL-1.1-MIT
"""Scores of the quality benchmark: both ways of counting, the table that is committed, averages, and the gate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quality_page import comparison_lines, page
from scores import Row, compare, mean, one_a_file, read, replaced, rows_of, selected, verdicts, write

from conexus.evaluation.questions import Place, Question, Target

WHERE = ("source", "flask", "python")


def place(path: str, line: int = 1) -> Place:
    """A place of ten lines and a hundred tokens."""
    return Place(path, line, line + 9, 400)


def row(number: int, ndcg: float, *, repository: str = "flask", system: str = "conexus", kind: str = "symbol") -> Row:
    """A row of the set ``source``."""
    return Row("source", repository, "python", kind, f"q{number}", system, ndcg, 0, 0, 0, 0, 0, 0)


@given(st.lists(st.sampled_from("abcd")))
def test_one_a_file_keeps_the_first_of_each(paths: list[str]) -> None:
    """The best place of each file stays, in the order that they came."""
    places = [place(path, line) for line, path in enumerate(paths, start=1)]
    kept = one_a_file(places)
    assert [one.path for one in kept] == list(dict.fromkeys(paths))
    assert all(one.start_line == paths.index(one.path) + 1 for one in kept)


def test_both_ways_of_counting() -> None:
    """A second result of a file costs a rank only where results count as they come."""
    question = Question("routes", "semantic", (Target("b.py"),))
    found = rows_of(WHERE, "conexus", [question], [[place("a.py"), place("a.py", 50), place("b.py")]])
    assert [(one.system, one.mrr) for one in found] == [("conexus", 0.3333), ("conexus/files", 0.5)]


def test_files_stand_for_their_lines() -> None:
    """Where a file is a result, it answers for lines outside of its best place, and once for all of its targets."""
    question = Question("routes", "semantic", (Target("a.py", 60, 65), Target("a.py", 90, 95)))
    found = rows_of(WHERE, "conexus", [question], [[place("a.py"), place("a.py", 58)]])
    assert [one.recall for one in found] == [0.5, 1.0]


def test_other_systems_are_counted_once() -> None:
    """A search that returns whole files has no second way of counting."""
    question = Question("routes", "semantic", (Target("b.py"),))
    assert [one.system for one in rows_of(WHERE, "ripgrep", [question], [[]])] == ["ripgrep"]


def test_rows_survive_the_file(tmp_path: Path) -> None:
    """What is written is read again, in a fixed order, and holds no text of a question."""
    rows = [row(2, 0.5), row(1, 0.3333), row(1, 1.0, repository="chi")]
    path = tmp_path / "quality.tsv"
    write(path, rows)
    assert read(path) == sorted(rows)
    first = path.read_bytes()
    write(path, rows[::-1])
    assert path.read_bytes() == first
    assert len(first.splitlines()) == 4


def test_missing_file_has_no_rows(tmp_path: Path) -> None:
    """Without committed results there is nothing to compare with."""
    assert read(tmp_path / "none.tsv") == []


def test_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    """A table of another form is an error and not misread."""
    path = tmp_path / "quality.tsv"
    path.write_text("a\tb\n1\t2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="columns"):
        read(path)


def test_only_what_was_measured_is_replaced() -> None:
    """Rows of a set and system that ran again make room; all others stay."""
    before = [row(1, 0.1), row(1, 0.2, system="semble"), replace(row(1, 0.3), set_name="whole")]
    now = [row(2, 0.9)]
    assert replaced(before, now) == [before[1], before[2], now[0]]


def test_every_repository_weighs_the_same() -> None:
    """The mean is that of the repositories' means, however many questions each has."""
    rows = [row(1, 1.0), row(2, 1.0), row(3, 1.0), row(1, 0.0, repository="chi")]
    assert mean(rows, lambda one: one.ndcg) == 0.5
    assert mean([], lambda one: one.ndcg) is None


def test_comparison_is_of_shared_questions() -> None:
    """Questions that only one side has are counted and not compared; one that is asked twice counts twice."""
    first = [row(1, 0.2), row(1, 0.4), row(2, 0.5), row(3, 0.0)]
    second = [row(1, 0.3), row(1, 0.5), row(2, 0.6), row(4, 1.0)]
    found = compare(first, second, lambda one: one.ndcg)
    assert found is not None
    assert (found.questions, found.unmatched) == (3, 2)
    assert found.difference.mean == pytest.approx(0.1)
    assert compare(first, [row(9, 1.0)], lambda one: one.ndcg) is None


def test_gate_falls_only_on_what_is_certain() -> None:
    """A fall of most questions is worse; a fall of one of thirty is noise, and so is nothing at all."""
    before = [row(number, 0.8) for number in range(30)]
    fallen = [row(number, 0.6) for number in range(30)]
    unlucky = [row(number, 0.0 if number == 3 else 0.8) for number in range(30)]
    assert [verdict.is_worse for verdict in verdicts(before, fallen)] == [True]
    assert [verdict.is_worse for verdict in verdicts(before, unlucky)] == [False]
    assert [verdict.is_worse for verdict in verdicts(before, before)] == [False]


def test_gate_compares_the_same_repositories() -> None:
    """Where only one repository ran, the committed mean is that of this repository."""
    before = [row(1, 0.8), row(1, 0.2, repository="chi")]
    (verdict,) = verdicts(before, [row(1, 0.8)])
    assert (verdict.before, verdict.now) == (0.8, 0.8)
    assert "0.8000 -> 0.8000" in comparison_lines([verdict])[0]


def test_page_shows_published_figures_of_the_same_repositories_only() -> None:
    """A published figure is shown where it covers every repository of the table."""
    rows = [row(1, 1.0), row(1, 0.5, repository="chi"), row(1, 0.5, system="semble"), row(2, 0.5, system="semble")]
    text = page(rows, {}, {"full": {"flask": 0.9, "chi": 0.7, "gin": 0.1}, "partial": {"flask": 0.99}}, ["A note."])
    assert "| full | 0.800 |" in text
    assert "partial" not in text
    assert "A note." in text
    assert "2 questions, 2 repositories" in text
    assert "| conexus | 0.750 |" in text
    assert "results as they come: +0.500" in text


def test_selected_rows() -> None:
    """Rows are chosen by set and system."""
    rows = [row(1, 1.0), row(1, 1.0, system="semble")]
    assert selected(rows, "source", "semble") == [rows[1]]
