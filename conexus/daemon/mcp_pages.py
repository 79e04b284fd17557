# SPDX-License-Identifier: FSL-1.1-MIT
"""Fits an answer under a cap of tokens, entry by entry, in each of its two forms. Pure.

An answer is a frame (what is said before, after and beside the entries) and entries. As many entries are taken as
fit; the first is cut where it is too long by itself, so that each page has something and who follows the cursors
comes to an end. Tokens are counted entry by entry, with a little more for what stands between two of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from conexus.search.neutral import disarmed, inline
from conexus.tokens import count_tokens
from conexus.values import dataclass

_SHARE_FOR_NOTES = 5
_BETWEEN = 2  # the line end or comma between entries, and what both sides of it become by it
_MAX_NOTES = 6
_ELLIPSIS = " …"

ALL_LINES = 1 << 30
"""As many lines as an entry has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of the things that an answer lists."""

    text: str
    data: Any = None
    """The same as JSON; ``None`` where the answer has no such form, or the entry has no place in it."""


Render = Callable[[int, int], Entry]
"""Returns the entry at a position with at most so many lines of its own; zero leaves only what names it."""


class Budget:
    """What is left for entries.

    Args:
        max_tokens: Cap of each form of the answer.
        text: All of the text but the entries.
        data: The JSON form without entries; ``None`` where there is none.
    """

    def __init__(self, max_tokens: int, text: str, data: Any = None) -> None:  # noqa: ANN401 -- JSON
        self._text = max_tokens - count_tokens(text)
        self._data = max_tokens - (0 if data is None else json_tokens(data))

    def take(self, entry: Entry) -> bool:
        """Take an entry in if both its forms fit."""
        text, data = self._cost(entry)
        if text > self._text or data > self._data:
            return False
        self._text -= text
        self._data -= data
        return True

    def has_room(self, entry: Entry) -> bool:
        """Whether :meth:`take` would take an entry in."""
        text, data = self._cost(entry)
        return text <= self._text and data <= self._data

    @staticmethod
    def _cost(entry: Entry) -> tuple[int, int]:
        return count_tokens(entry.text) + _BETWEEN, 0 if entry.data is None else json_tokens(entry.data) + _BETWEEN


def fill(count: int, render: Render, budget: Budget) -> list[Entry]:
    """Return the first of ``count`` entries, as many as fit; at least one where there is one."""
    shown: list[Entry] = []
    for position in range(count):
        entry = render(position, ALL_LINES)
        if budget.take(entry):
            shown.append(entry)
            continue
        if not shown:
            shown.append(_cut(lambda lines, at=position: render(at, lines), entry, budget))  # type: ignore[misc]
        break
    return shown


def _cut(render: Callable[[int], Entry], whole: Entry, budget: Budget) -> Entry:
    """Return an entry with as many of its lines as fit, or what stands for one of which not even the name does."""
    low, high = -1, whole.text.count("\n") + 1
    while low < high:
        middle = (low + high + 1) // 2
        if budget.has_room(render(middle)):
            low = middle
        else:
            high = middle - 1
    return render(low) if low >= 0 else Entry("(one entry is too long for max_tokens, even without its lines)")


def json_tokens(data: Any) -> int:  # noqa: ANN401 -- JSON
    """Return how many tokens a value has as JSON."""
    return count_tokens(json.dumps(data, ensure_ascii=False, separators=(",", ":")))


def notes_within(notes: Sequence[str], max_tokens: int, share: int = _SHARE_FOR_NOTES) -> list[str]:
    """Return notes, made harmless and cut so that they take no more than a share of an answer in either form.

    Args:
        notes: Most important first.
        max_tokens: Cap of the answer.
        share: The part of it: 5 for a fifth.
    """
    left = max_tokens // share
    kept: list[str] = []
    for note in list(dict.fromkeys(notes))[:_MAX_NOTES]:
        # As JSON a note is longer than as text, by quotes and escapes.
        short = shortened(inline(note), left - 5, lambda text: json_tokens(text) + 3)
        if not short:
            break
        kept.append(short)
        left -= json_tokens(short) + 3
    return kept


def shortened(text: str, max_tokens: int, cost: Callable[[str], int] = count_tokens) -> str:
    """Return a text, or as much of its beginning as fits; empty where nothing does."""
    if cost(text) <= max_tokens:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if cost(text[:middle] + _ELLIPSIS) <= max_tokens:
            low = middle
        else:
            high = middle - 1
    return text[:low] + _ELLIPSIS if low else ""


def fenced(text: str, language: str = "") -> str:
    """Return text of others between marks that it does not hold itself, made harmless."""
    shown = disarmed(text.replace("\r\n", "\n"))
    fence = "```"
    while fence in shown:
        fence += "`"
    end = "" if shown.endswith("\n") or not shown else "\n"
    return f"{fence}{language if language.isalnum() else ''}\n{shown}{end}{fence}"


def first_lines(text: str, lines: int) -> str:
    """Return the first lines of a text, as it is where it has no more."""
    return text if lines >= ALL_LINES else "\n".join(text.split("\n")[:lines])


def cleaned(data: Any) -> Any:  # noqa: ANN401 -- JSON
    """Return JSON whose texts are made harmless."""
    if isinstance(data, str):
        return disarmed(data)
    if isinstance(data, list):
        return [cleaned(one) for one in data]
    if isinstance(data, dict):
        return {key: cleaned(value) for key, value in data.items()}
    return data
