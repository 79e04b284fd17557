# SPDX-License-Identifier: FSL-1.1-MIT
"""How far names have the words of a question."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.lexical import split_identifier, stem
from conexus.search.names import AskedWords, Names, Vocabulary

NAMES = st.lists(
    st.lists(st.sampled_from("send sender sent request req hash hasher hashes io a b2 http httpx".split()), max_size=5),
    max_size=8,
)


def agree(one: str, other: str) -> bool:
    """The rule as it is told."""
    return one == other or (min(len(one), len(other)) >= 4 and (one.startswith(other) or other.startswith(one)))


def expected(asked: set[str], name: list[str]) -> tuple[float, float, float]:
    """Recall, precision and F1, each word looked at by itself."""
    own = {stem(part) for word in name for part in split_identifier(word)}
    covered = sum(any(agree(word, other) for other in own) for word in asked)
    fitting = sum(any(agree(word, other) for other in asked) for word in own)
    if not covered:
        return 0.0, 0.0, 0.0
    recall, precision = covered / len(asked), fitting / len(own)
    return recall, precision, 2 * recall * precision / (recall + precision)


@settings(deadline=None)
@given(NAMES, st.sets(st.sampled_from("send request hash http io b2 nothing".split()), min_size=1), st.integers(0, 200))
def test_many_names_are_compared_as_one_is(names: list[list[str]], asked: set[str], more: int) -> None:
    """Whatever the number of the question's words, and where several names are asked for together."""
    question = {stem(word) for word in asked} | {f"word{number}x" for number in range(more)}
    vocabulary = Vocabulary()
    table = Names([vocabulary.of("_".join(name)) for name in names])
    asker = AskedWords(question)
    which = np.arange(len(names))[::-1].copy()
    found = asker.overlaps(asker.among(vocabulary.words()), table, which)
    for place, number in enumerate(which.tolist()):
        right = expected(question, names[number])
        assert (found.recall[place], found.precision[place], found.f1[place]) == pytest.approx(right)
        assert asker.f1("_".join(names[number])) == found.f1[place]


def test_stems_of_several_names_count_once() -> None:
    """What a name and what encloses it have in common is one stem."""
    vocabulary = Vocabulary()
    assert vocabulary.of("HttpSession", "session") == vocabulary.of("HttpSession")
    assert len(vocabulary.of("send", "Session")) == 2
    assert vocabulary.of("") == ()
