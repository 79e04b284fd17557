# SPDX-License-Identifier: FSL-1.1-MIT
"""Metrics of ranked answers: bounds, order, and figures worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from conexus.evaluation.metrics import (
    DEPTH,
    TOKEN_BUDGETS,
    Score,
    ndcg,
    paired_difference,
    rank_of,
    recall_within,
    score,
)
from conexus.evaluation.questions import Place, Question, Target

PATHS = st.sampled_from("abcdef")
LINES = st.integers(1, 40)


@st.composite
def places(draw: st.DrawFn) -> Place:
    start = draw(LINES)
    return Place(draw(PATHS), start, start + draw(st.integers(0, 20)), draw(st.integers(0, 4_000)))


@st.composite
def targets(draw: st.DrawFn) -> Target:
    start = draw(st.none() | LINES)
    return Target(draw(PATHS), start, None if start is None else start + draw(st.integers(0, 20)))


ANSWERS = st.lists(places(), max_size=30)
QUESTIONS = st.lists(targets(), min_size=1, max_size=5, unique=True).map(lambda found: Question("q", "k", tuple(found)))


def figures(found: Score) -> tuple[float, ...]:
    return (found.ndcg, found.mrr, found.recall, *found.within)


@given(QUESTIONS, ANSWERS)
def test_every_figure_is_a_share(question: Question, answer: list[Place]) -> None:
    """Whatever is asked and answered, all figures lie between 0 and 1."""
    found = score(question, answer)
    assert len(found.within) == len(TOKEN_BUDGETS)
    assert all(0.0 <= figure <= 1.0 + 1e-9 for figure in figures(found))


@given(QUESTIONS, ANSWERS)
def test_a_larger_budget_never_finds_less(question: Question, answer: list[Place]) -> None:
    """Recall within tokens grows with the tokens, and never passes what the whole answer holds."""
    found = score(question, answer).within
    whole = sum(rank_of(target, answer) is not None for target in question.targets) / len(question.targets)
    assert list(found) == sorted(found)
    assert found[-1] <= whole


@given(QUESTIONS, st.lists(places(), min_size=DEPTH, max_size=30), st.lists(places(), max_size=5))
def test_what_follows_the_tenth_place_does_not_count(
    question: Question, answer: list[Place], more: list[Place]
) -> None:
    """NDCG, MRR and recall look at ten places."""
    before, after = score(question, answer), score(question, [*answer, *more])
    assert (before.ndcg, before.mrr, before.recall) == (after.ndcg, after.mrr, after.recall)


@given(QUESTIONS, ANSWERS)
def test_a_right_place_in_front_never_hurts(question: Question, answer: list[Place]) -> None:
    """Putting a right place first makes MRR 1 and lowers no NDCG of a question with one target."""
    target = question.targets[0]
    right = Place(target.path, target.start_line or 1, target.end_line or 1, 0)
    found = score(question, [right, *answer])
    assert found.mrr == 1.0
    if len(question.targets) == 1:
        assert found.ndcg == pytest.approx(1.0)


@given(QUESTIONS)
def test_the_ideal_answer_is_perfect(question: Question) -> None:
    """An answer that gives a place of its own to each target's file has full marks."""
    assume(len({target.path for target in question.targets}) == len(question.targets))
    answer = [Place(item.path, item.start_line or 1, item.end_line or 1, 0) for item in question.targets]
    assert figures(score(question, answer)) == pytest.approx((1.0,) * (3 + len(TOKEN_BUDGETS)))


@given(st.lists(st.integers(1, DEPTH), unique=True, max_size=DEPTH), st.data())
def test_moving_an_answer_up_raises_ndcg(ranks: list[int], data: st.DataObject) -> None:
    """NDCG is the higher, the nearer to the front a right answer stands."""
    assume(ranks)
    moved = data.draw(st.sampled_from(ranks))
    free = [rank for rank in range(1, moved) if rank not in ranks]
    assume(free)
    better = [data.draw(st.sampled_from(free)) if rank == moved else rank for rank in ranks]
    assert ndcg(better, len(ranks)) > ndcg(ranks, len(ranks))


def test_figures_by_hand() -> None:
    """Two targets, found at places 1 and 3: the figures are those of the formula."""
    question = Question("q", "k", (Target("a"), Target("b", 10, 20)))
    answer = [Place("a", 1, 5, 1_600), Place("b", 1, 9, 800), Place("b", 20, 30, 1_200), Place("c", 1, 1, 0)]
    found = score(question, answer)
    assert found.ndcg == pytest.approx((1 + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))
    assert found.mrr == 1.0
    assert found.recall == 1.0
    # 400, 200 and 300 tokens: the first fits into 500, all three into 1,000.
    assert found.within == (0.5, 1.0, 1.0, 1.0)


def test_one_place_gains_once() -> None:
    """A place that answers two targets counts as one right answer, and as both of them for recall."""
    question = Question("q", "k", (Target("a", 1, 2), Target("a", 3, 4)))
    found = score(question, [Place("a", 1, 4, 10)])
    assert found.ndcg == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert found.recall == 1.0


def test_a_place_that_does_not_fit_ends_the_reading() -> None:
    """A reader does not skip a long result for a short one behind it."""
    assert recall_within([Target("b")], [Place("a", 1, 9, 4_000), Place("b", 1, 1, 4)], 500) == 0.0


def test_a_question_without_target_is_refused() -> None:
    """There is no figure for a question that has no right answer."""
    with pytest.raises(ValueError, match="no target"):
        score(Question("q", "k", ()), [])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.integers(0, 3))
def test_a_run_does_not_differ_from_itself(values: list[float], seed: int) -> None:
    """The difference of equal runs is 0 with certainty."""
    found = paired_difference([values], [values], seed=seed)
    assert (found.mean, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.is_certain


def test_a_constant_gain_is_certain() -> None:
    """A gain on every question leaves no doubt, and a loss is its mirror image."""
    first, second = [[0.1, 0.5, 0.3]], [[0.2, 0.6, 0.4]]
    gain, loss = paired_difference(first, second), paired_difference(second, first)
    assert gain.mean == pytest.approx(0.1)
    assert gain.is_certain
    assert (loss.low, loss.high) == pytest.approx((-gain.high, -gain.low))


def test_groups_count_alike_whatever_their_size() -> None:
    """The mean is that of the groups' means, as the public benchmark averages over repositories."""
    found = paired_difference([[0.0], [0.0] * 9], [[1.0], [0.0] * 9])
    assert found.mean == pytest.approx(0.5)


def test_different_questions_are_not_compared() -> None:
    """Runs over different numbers of questions are an error, as is nothing at all."""
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        paired_difference([[0.1, 0.2]], [[0.1, 0.2, 0.3]])
    with pytest.raises(ValueError, match="nothing to compare"):
        paired_difference([[]], [[]])
