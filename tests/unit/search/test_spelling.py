# SPDX-License-Identifier: FSL-1.1-MIT
"""Correcting misspelt words by the words of an index."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.search.spelling import correction, edits, replaced, suspects, variants, vocabulary

KNOWN = {"serializer": 3, "authentication": 5, "serialize": 9, "session": 4, "sessions": 9, "retry": 2}
WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("serialzier", "serializer"),  # neighbours that changed places
        ("autentication", "authentication"),  # a letter left out
        ("sesssion", "session"),  # one too many
        ("sezsion", "session"),  # another one
        ("auhtenticatoin", "authentication"),  # two of them in a long word
        ("esssion", "session"),  # the first two changed places
        ("fession", None),  # the first letter is wrong
        ("rterz", None),  # two in a short word
        ("kubernetes", None),
    ],
)
def test_the_nearest_word_is_meant(wrong: str, meant: str | None) -> None:
    """One letter may be wrong, in long words two; the first letters are nearly always right."""
    assert correction(wrong, KNOWN) == meant


def test_of_words_as_near_the_most_frequent_is_meant() -> None:
    """And of those as frequent the first by the alphabet, so that the same question has the same answer."""
    assert correction("routes", {"router": 2, "routed": 7}) == "routed"
    assert correction("routes", {"router": 7, "routed": 7}) == "routed"


@given(WORDS, WORDS)
def test_edits_are_a_distance(one: str, other: str) -> None:
    """The same both ways, 0 for the same word only, and cut off above the limit."""
    exact = edits(one, other, 20)
    assert exact == edits(other, one, 20)
    assert (exact == 0) == (one == other)
    assert edits(one, other, 1) == min(exact, 2)


@given(WORDS, st.integers(0, 7))
def test_neighbours_that_changed_places_are_one_edit(word: str, at: int) -> None:
    """As people type."""
    swapped = word[:at] + word[at : at + 2][::-1] + word[at + 2 :]
    assert edits(word, swapped, 3) <= 1


def test_only_long_words_of_letters_are_suspected() -> None:
    """Parts of names too; not words of questions, numbers or what is not ASCII."""
    assert suspects("how should JsonSerialzier v12345 größer json") == ("serialzier",)
    assert suspects(" ".join("abcde" + chr(97 + n) for n in range(26))).__len__() == 8


def test_a_correction_keeps_the_case() -> None:
    """So that a name stays a name."""
    assert replaced("JsonSerialzier serialzier SERIALZIER", {"serialzier": "serializer"}) == (
        "JsonSerializer serializer SERIALIZER"
    )


def test_words_of_texts_are_counted_by_their_parts() -> None:
    """Short ones cannot be meant and are left out."""
    assert vocabulary(["sendRequest send_request\nto x", "request2"]) == {"send": 2, "request": 3}


def test_variants_are_all_words_of_one_edit() -> None:
    """And no others; ``edits`` judges."""
    found = variants("cart")
    assert {"cart", "cat", "carts", "crat", "card", "xcart"} <= set(found)
    assert all(edits(one, "cart", 3) <= 1 for one in found)
    assert variants("ab") == ["ab"]
    assert variants("a" * 61) == ["a" * 61]
