# SPDX-License-Identifier: FSL-1.1-MIT
"""Learning of the ranking's weights."""

from __future__ import annotations

import numpy as np
import pytest
from learning import FOLDS, GIVEN, Example, folds, learn, order_of

from conexus.search.features import FEATURES, QuestionKind

COLUMNS = {feature.name: column for column, feature in enumerate(FEATURES)}
SET_BY_HAND = [COLUMNS[name] for name in GIVEN]


def examples(seed: int, right_by: str, count: int = 60, *, chance: float = 0.0) -> list[Example]:
    """Questions whose right file is the one with the highest value of a feature, all else being noise."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        features = generator.random((12, len(FEATURES)))
        features[:, SET_BY_HAND] = 0.0  # their weights are given, not learnt
        best = int(features[:, COLUMNS[right_by]].argmax())
        if generator.random() < chance:
            best = int(generator.integers(12))
        right = np.arange(12) == best
        kind = tuple(QuestionKind)[number % len(QuestionKind)]
        made.append(Example(f"r{number % 7}", kind, features, np.arange(12), right, 1, False))
    return made


@pytest.mark.parametrize("name", ["bm25", "name_f1", "uses"])
def test_what_tells_right_from_wrong_gets_the_weight(name: str) -> None:
    """It outweighs every other feature, and orders questions that were not learnt from."""
    weights = learn(examples(1, name, 200))
    for kind in QuestionKind:
        assert int(np.abs(weights[kind]).argmax()) in {COLUMNS[name], *SET_BY_HAND}
    unseen = examples(2, name)
    first = [bool(example.right[order_of(example, weights)[0]]) for example in unseen]
    assert np.mean(first) > 0.6  # chance gives a twelfth


def test_a_weight_never_has_the_wrong_sign() -> None:
    """Even where the examples say that tests are what is wanted, and that a fitting name is not."""
    weights = learn(examples(3, "test"))
    for kind in QuestionKind:
        for feature, weight in zip(FEATURES, weights[kind], strict=True):
            assert feature.sign * weight >= 0.0, (kind, feature.name)


def test_a_feature_can_be_left_out() -> None:
    """Its weight is nothing, and so is that of the others of its label."""
    weights = learn(examples(4, "bm25"), without=frozenset({"bm25"}))
    for kind in QuestionKind:
        assert weights[kind][COLUMNS["bm25"]] == weights[kind][COLUMNS["bm25_rank"]] == 0.0


def test_learning_twice_gives_the_same() -> None:
    """The order of the questions is drawn from fixed seeds."""
    one, two = (learn(examples(5, "dense", chance=0.3)) for _ in range(2))
    for kind in QuestionKind:
        assert np.array_equal(one[kind], two[kind])


def test_nothing_to_learn_from_is_an_error() -> None:
    """A question without a right candidate teaches nothing."""
    [example, *_] = examples(6, "bm25", 1)
    nothing = Example("r", example.kind, example.features, example.files, np.zeros(12, dtype=bool), 1, False)
    with pytest.raises(ValueError, match="nothing to learn"):
        learn([nothing])


def test_folds_hold_every_repository_once() -> None:
    """Whole repositories, the same each time, in parts of about one size."""
    names = [f"r{number}" for number in range(25)]
    made = folds(names)
    assert made == folds(names[::-1])
    assert sorted(name for fold in made for name in fold) == sorted(names)
    assert [len(fold) for fold in made] == [5] * FOLDS
