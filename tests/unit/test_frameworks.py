# SPDX-License-Identifier: FSL-1.1-MIT
"""Budgets, as the parts for LangChain, LlamaIndex and Haystack keep them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.frameworks import first_lines, fitting
from conexus.tokens import count_tokens

TEXTS = st.lists(st.text(alphabet="ab1 \t\n\r(){}é€", max_size=40), max_size=6)


@given(TEXTS, st.integers(0, 80))
@settings(max_examples=200, deadline=None)
def test_the_first_that_fit_are_kept(texts: list[str], budget: int) -> None:
    """As many as fit together, and no more."""
    count, left = fitting(texts, budget)
    assert left == budget - sum(map(count_tokens, texts[:count])) >= 0
    assert count == len(texts) or count_tokens(texts[count]) > left


@given(TEXTS, st.integers(0, 80), st.sampled_from(["", "source: a.py:1-2\n\n"]))
@settings(max_examples=200, deadline=None)
def test_the_lines_that_fit_are_kept(texts: list[str], budget: int, head: str) -> None:
    """Whole lines from the first one on, within the budget with what stands before them."""
    text = "".join(texts)
    kept = first_lines(text, budget, lambda lines: head + lines)
    assert text.startswith(kept)
    assert kept in ("", text) or kept.splitlines() == text.splitlines()[: len(kept.splitlines())]
    assert not kept or count_tokens(head + kept) <= budget


def test_no_line_is_left_out_that_fits() -> None:
    """A budget for four lines keeps four."""
    lines = [f"line {number}\n" for number in range(9)]
    assert first_lines("".join(lines), sum(map(count_tokens, lines[:4]))) == "".join(lines[:4])
    assert first_lines("".join(lines), 10_000) == "".join(lines)
