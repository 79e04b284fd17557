# SPDX-License-Identifier: FSL-1.1-MIT
"""The way back through the loss, and how texts become bags."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 -- only where torch is

from training.bag import Pieces  # noqa: E402
from training.sentences import fitted  # noqa: E402
from training.train import Pairs, Recipe, Table, bag_of, contrast, recipe_of, train  # noqa: E402


@pytest.mark.parametrize("of", [[0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2, 3, 4, 5]], ids=["one each", "several"])
def test_gradients_are_those_of_autograd(of: list[int]) -> None:
    torch.manual_seed(0)
    left, right = (torch.randn(count, 5, dtype=torch.float64, requires_grad=True) for count in (len(of), 6))
    scores = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T / 0.05
    target = torch.tensor(of)
    # The other way, no right answer of a document is a wrong one for another.
    others = (target[None, :] == target[:, None]) & ~torch.eye(len(of), dtype=torch.bool)
    backwards = scores.T[target].masked_fill(others, -torch.inf)
    expected = functional.cross_entropy(scores, target)
    expected = (expected + 0.5 * functional.cross_entropy(backwards, torch.arange(len(of)))) / 1.5
    expected.backward()
    loss, one, other = contrast(left.detach(), right.detach(), 0.05, target)
    assert loss == pytest.approx(expected.item())
    assert torch.allclose(one, left.grad)
    assert torch.allclose(other, right.grad)


def test_a_bag_holds_shares() -> None:
    bag = bag_of([np.array([2, 0, 2], dtype=np.int32), np.array([1], dtype=np.int32)], 4).toarray()
    assert np.allclose(bag, [[1 / 3, 0, 2 / 3, 0], [0, 1, 0, 0]])


def test_a_step_against_the_gradient_lowers_the_product() -> None:
    table = Table(np.ones((3, 2), np.float32), np.ones(3, np.float32), 0.1)
    before = table.folded()
    table.learn(before, np.ones((3, 2), np.float32))
    assert (table.folded() < before).all()


def test_every_piece_of_every_word_counts() -> None:
    pieces = Pieces(["[UNK]", "get", "http", "##s", "2"])
    assert pieces.of("getHTTP_https 22") == [1, 2, 2, 3]


def test_a_setting_of_the_recipe_keeps_its_kind() -> None:
    recipe = recipe_of(["batch=512", "rate=0.1", "start=random"])
    assert (recipe.batch, recipe.rate, recipe.start) == (512, 0.1, "random")


def _row(at: int, asked: str, text: str) -> dict[str, Any]:
    path = f"{at}.py"
    return {
        "package": "p",
        "path": path,
        "head": path,
        "text": text,
        "docs": [asked],
        "comments": [],
        "calls": [],
        "names": [],
    }


def test_documents_that_words_mix_up_stand_together() -> None:
    subjects = ["open socket read bytes", "parse json object value", "draw green circle shape", "sort long number list"]
    found = [
        _row(8 * turn + at, subjects[at % 4], f"{subjects[at % 4]} code of part {'abcd'[turn % 4]} x y z")
        for turn in range(2)
        for at in range(8)
    ]
    words = sorted({word for row in found for word in f"{row['text']} py".split()})
    recipe = recipe_of(["near=1", "group=4"])
    pairs = Pairs(found, Pieces(["[UNK]", *words]), recipe)
    order = pairs.order(np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(16))
    subject_of = [found[at]["docs"][0] for at in order]
    assert all(len(set(subject_of[at : at + 4])) == 1 for at in range(0, 16, 4))


def test_a_document_comes_with_several_of_its_questions() -> None:
    row = _row(0, "open socket", "def open socket code that may read more bytes of it")
    row["comments"] = ["read bytes of it"]
    pairs = Pairs(
        [row],
        Pieces(["[UNK]", *row["text"].split()]),
        recipe_of(["questions=3", "asking=0"]),
    )
    seen = {len(pairs.pair(0, np.random.default_rng(turn))[0]) for turn in range(40)}
    assert seen == {1, 2}  # with its documentation in it, that is not asked for


def test_vectors_come_near_those_of_the_teacher() -> None:
    random = np.random.default_rng(0)
    table, wanted = random.normal(size=(40, 8)).astype(np.float32), random.normal(size=(40, 16)).astype(np.float32)
    bags = bag_of([random.integers(0, 40, 5).astype(np.int32) for _ in range(400)], 40)
    sentences = bags @ wanted
    moved = fitted(table, np.ones(40, np.float32), bags, sentences)

    def alike(vectors: np.ndarray) -> float:
        """How far the similarities of sentences agree with the teacher's."""
        found, asked = (bags @ vectors, sentences)
        found, asked = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (found, asked))
        return float(np.corrcoef((found @ found.T).ravel(), (asked @ asked.T).ravel())[0, 1])

    assert alike(moved) > alike(table)


def test_the_mean_of_several_runs_is_kept_and_its_end_counts_less() -> None:
    found = [_row(at, f"word{'abcdefgh'[at]} asked", f"word{'abcdefgh'[at]} x y z u v w k") for at in range(8)]
    words = sorted({word for row in found for word in f"{row['text']} {row['docs'][0]} py".split()})
    recipe = recipe_of(["batch=4", "dims=2,4", "dim=4", "rounds=1", "runs=1", "later=1"])
    pairs = Pairs(found, Pieces(["[UNK]", *words]), recipe)
    start = np.random.default_rng(0).normal(size=(len(words) + 1, 4)).astype(np.float32)

    def trained(recipe: Recipe) -> np.ndarray:
        return train(pairs, start, recipe, lambda _: (0.0, 0.0), every=1)[0]

    seeds = [trained(replace(recipe, seed=seed)) for seed in (7, 8)]
    kept = trained(replace(recipe, runs=2, later=0.5))
    assert np.allclose(kept[:, :2], np.mean(seeds, axis=0)[:, :2])
    assert np.allclose(kept[:, 2:], 0.5 * np.mean(seeds, axis=0)[:, 2:])
