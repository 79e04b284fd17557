# SPDX-License-Identifier: FSL-1.1-MIT
"""Many texts in a few bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.search.texts import Texts


@given(st.lists(st.text(st.characters(), max_size=12), max_size=20))
def test_texts_are_read_as_they_were_given(texts: list[str]) -> None:
    """Empty ones, and halves of characters as names of files have them, too."""
    found = Texts(iter(texts))
    assert list(found) == texts
    assert [found[place] for place in range(len(found))] == texts


def test_there_is_none_beyond_them() -> None:
    """Nor before the first: a place is no distance from the end."""
    found = Texts(["a", "b"])
    for place in (-1, 2):
        with pytest.raises(IndexError):
            found[place]
