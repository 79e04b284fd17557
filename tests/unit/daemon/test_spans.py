# SPDX-License-Identifier: FSL-1.1-MIT
"""Times as people type them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.daemon.spans import day_end, day_start, since, span_s
from conexus.errors import InvalidRequest

NOW = 1_700_000_000.5


@given(st.integers(1, 36_500))
def test_spans_of_a_day_and_of_hours_agree(days: int) -> None:
    """A day has 24 hours."""
    assert span_s(f"{days}d", "since") == span_s(f"{24 * days}h", "since") == 86_400 * days


@given(st.dates(date(1980, 1, 1), date(2200, 1, 1)))
def test_a_day_has_about_24_hours(day: date) -> None:
    """23 or 25 where the clocks change."""
    assert 23 * 3_600 <= day_end(day) - day_start(day) <= 25 * 3_600
    assert since(day.isoformat(), NOW) == day_start(day)


def test_a_time_up_to_now() -> None:
    """A span back."""
    assert since("30d", NOW) == NOW - 2_592_000


@pytest.mark.parametrize("text", ["", "yesterday", "0d", "2026-02-30", "0001-01-01", "1d 2h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """With the argument and an example."""
    with pytest.raises(InvalidRequest) as caught:
        since(text, NOW)
    assert caught.value.details == {"argument": "since"}
