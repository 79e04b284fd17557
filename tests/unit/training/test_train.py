# SPDX-License-Identifier: FSL-1.1-MIT
"""The way back through the loss, and how texts become bags."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402 -- only where torch is

from training.bag import Pieces  # noqa: E402
from training.train import Table, bag_of, contrast, recipe_of  # noqa: E402


def test_gradients_are_those_of_autograd() -> None:
    torch.manual_seed(0)
    left, right = (torch.randn(8, 5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    scores = functional.normalize(left, dim=1) @ functional.normalize(right, dim=1).T / 0.05
    target = torch.arange(8)
    expected = (functional.cross_entropy(scores, target) + 0.5 * functional.cross_entropy(scores.T, target)) / 1.5
    expected.backward()
    loss, one, other = contrast(left.detach(), right.detach(), 0.05)
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
