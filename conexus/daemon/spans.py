# SPDX-License-Identifier: FSL-1.1-MIT
"""Lengths of time and days as people type them."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from conexus.errors import InvalidRequest

DAY_S = 86_400.0
_UNITS_S = {"m": 60.0, "h": 3_600.0, "d": DAY_S, "w": 7 * DAY_S, "y": 365 * DAY_S}
_LONGEST_S = 100 * _UNITS_S["y"]
_SPAN = re.compile(r"([0-9]{1,9})([mhdwy])", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MAX_SHOWN_CHARS = 40


def span_s(text: str, argument: str) -> float:
    """Return the seconds of a span, as ``30d``: a number of minutes (m), hours, days, weeks or years of 365 days.

    Args:
        text: As typed.
        argument: What it was given as, for the error.

    Raises:
        InvalidRequest: It is no span, is nothing, or is more than a hundred years.
    """
    match = _SPAN.fullmatch(text)
    seconds = int(match.group(1)) * _UNITS_S[match.group(2)] if match else 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise wrong_time(text, argument, "30d, 12h or 2w")
    return seconds


def day_of(text: str) -> date | None:
    """Return the day that a text names as ``2027-01-31``, or ``None`` where it names none."""
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:  # the 31st of February
        return None


def day_start(day: date) -> float:
    """Return when a day begins here, in seconds since the epoch.

    Raises:
        OverflowError: This machine's clock cannot tell, as of the year 1.
    """
    try:
        return datetime.combine(day, time()).timestamp()
    except ValueError as exc:
        raise OverflowError(str(exc)) from exc


def day_end(day: date) -> float:
    """Return when the next day begins here, in seconds since the epoch.

    Raises:
        OverflowError: As of :func:`day_start`, and for the last day of all.
    """
    return day_start(day + timedelta(days=1))


def since(text: str, now: float) -> float:
    """Return the beginning of a time up to now: a span back, or the start of a day here.

    Args:
        text: As ``30d`` or ``2026-01-31``.
        now: Seconds since the epoch, as the answer.

    Raises:
        InvalidRequest: It is neither.
    """
    day = day_of(text)
    if day is None:
        return now - span_s(text, "since")
    try:
        return day_start(day)
    except OverflowError as exc:
        raise wrong_time(text, "since", "30d or 2026-01-31") from exc


def wrong_time(text: str, argument: str, examples: str) -> InvalidRequest:
    """Return the error for a time that cannot be understood."""
    shown = repr(text[:_MAX_SHOWN_CHARS])
    return InvalidRequest(
        f"{argument} is {shown}, which is no time that can be used",
        hint=f"write it as {examples}",
        details={"argument": argument},
    )
