# SPDX-License-Identifier: FSL-1.1-MIT
"""Cursors: where an answer goes on, as a text that clients pass on unread."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from conexus.errors import InvalidRequest
from conexus.types import ContextResponse

_MAX_PACKED = 110  # results of packed context, and what was added to them


def cursor_of(numbers: Sequence[int]) -> str:
    """Return whole numbers as an opaque text."""
    return base64.urlsafe_b64encode(",".join(map(str, numbers)).encode()).decode().rstrip("=")


def numbers_of(cursor: str, most: int, below: int) -> list[int]:
    """Return the numbers of a cursor.

    Args:
        cursor: As :func:`cursor_of` made it.
        most: How many numbers it may hold.
        below: All numbers are smaller.

    Raises:
        InvalidRequest: It is no such cursor.
    """
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        numbers = [int(part) for part in plain.split(",") if part.isdecimal() and part == str(int(part))]
    except (binascii.Error, ValueError) as exc:
        raise _bad_cursor() from exc
    if not numbers or len(numbers) > most or max(numbers) >= below or cursor_of(numbers) != cursor:
        raise _bad_cursor()
    return numbers


def cursor_after(answer: ContextResponse) -> str:
    """Return the cursor for what an answer of packed context left out, empty where there is none.

    Without a block not one line of the first chunk fits: to ask on would bring the same.
    """
    return cursor_of(answer.left_out) if answer.left_out and answer.blocks else ""


def positions_of(cursor: str) -> tuple[int, ...] | None:
    """Return the positions that packed context goes on with, ``None`` without a cursor.

    Raises:
        InvalidRequest: It is no cursor of packed context.
    """
    return tuple(numbers_of(cursor, _MAX_PACKED, _MAX_PACKED)) if cursor else None


def _bad_cursor() -> InvalidRequest:
    return InvalidRequest(
        "the cursor is not valid",
        hint="send next_cursor of the last answer as it was, with the same question",
        details={"field": "cursor"},
    )
