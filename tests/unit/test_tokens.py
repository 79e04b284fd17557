# SPDX-License-Identifier: FSL-1.1-MIT
"""The count of tokens."""

from __future__ import annotations

import pytest

from conexus.tokens import count_tokens


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # As the documentation of tiktoken and its cookbook give them for this vocabulary.
        ("", 0),
        ("tiktoken is great!", 6),
        ("antidisestablishmentarianism", 6),
        ("2 + 2 = 4", 7),
        ("お誕生日おめでとう", 9),
    ],
)
def test_known_counts(text: str, count: int) -> None:
    """They are those of the vocabulary's authors."""
    assert count_tokens(text) == count


def test_what_is_no_text_is_counted_too() -> None:
    """Half a character, as in names that are no UTF-8; special tokens are letters like any."""
    assert count_tokens("\udcff") > 0
    assert count_tokens("<|endoftext|>") > 1
