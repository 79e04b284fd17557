# SPDX-License-Identifier: FSL-1.1-MIT
"""Corrects words of a question that the index does not know by words that it does. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from conexus.lexical import QUESTION_WORDS, count_words, split_identifier, words

MIN_CHARS = 5
"""Shorter words have too many neighbours that are words as well."""
_TWO_EDITS_CHARS = 8  # of a word in which two letters may be wrong
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_MIN_VARIED, _MAX_VARIED = 3, 60
_MAX_WORDS = 8  # looked at in one question; a pasted log has hundreds that no index knows


def suspects(text: str) -> tuple[str, ...]:
    """Return the parts of a question's words, lower-case, that could be misspelt, each once, in order."""
    parts = (part for word in words(text) if word.lower() not in QUESTION_WORDS for part in split_identifier(word))
    long = (part for part in parts if len(part) >= MIN_CHARS and part.isascii() and part.isalpha())
    return tuple(dict.fromkeys(long))[:_MAX_WORDS]


def correction(word: str, known: Mapping[str, int]) -> str | None:
    """Return the word that was meant, if there is one: the nearest, of those as near the most frequent.

    One letter may be left out, too many, another or changed with its neighbour; in long words that may have happened
    twice. The first letter is right, or has changed places with the second.

    Args:
        word: Lower-case, not among the known.
        known: Words, and how often they are met.
    """
    most = most_edits(word)
    found = [
        (distance, -count, other)
        for other, count in known.items()
        if abs(len(other) - len(word)) <= most
        and (other[0] == word[0] or other[:2] == word[1::-1])
        and (distance := edits(word, other, most)) <= most
    ]
    return min(found)[2] if found else None


def most_edits(word: str) -> int:
    """Return how many letters of a word may be wrong."""
    return 2 if len(word) >= _TWO_EDITS_CHARS else 1


def edits(one: str, other: str, most: int) -> int:
    """Return the number of edits between two words, or ``most + 1`` where there are more.

    Source: optimal string alignment, the restricted form of Damerau, "A technique for computer detection and
    correction of spelling errors", 1964.
    """
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        earlier, before, row = before, row, [i]
        for j, wanted in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != wanted))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == wanted:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def variants(word: str) -> list[str]:
    """Return a word, and what it may have been before one edit: a letter too many, left out, another or swapped.

    Of a very short or long word there is only itself.

    Args:
        word: In lower case.
    """
    if not _MIN_VARIED <= len(word) <= _MAX_VARIED:
        return [word]
    found = {word: None}
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        others = [before + letter + after[kept:] for letter in _LETTERS for kept in (0, 1)]
        found |= dict.fromkeys([*others, before + after[1:], before + after[1:2] + after[:1] + after[2:]])
    return list(found)


def replaced(text: str, corrections: Mapping[str, str]) -> str:
    """Return a question with its misspelt parts of words corrected, in the case they were written in."""
    wrong = re.compile("|".join(sorted(map(re.escape, corrections), key=len, reverse=True)), re.IGNORECASE)

    def correct(found: re.Match[str]) -> str:
        right = corrections[found[0].lower()]
        if found[0].isupper():
            return right.upper()
        return right.capitalize() if found[0][0].isupper() else right

    return wrong.sub(correct, text)


def vocabulary(texts: Iterable[str]) -> dict[str, int]:
    """Return the parts of words of texts, lower-case, that are long enough, and how often they stand there."""
    found: Counter[str] = Counter()
    for text in texts:
        for word, count in count_words(text).items():
            for part in split_identifier(word):
                if len(part) >= MIN_CHARS - 1 and part.isascii() and part.isalpha():
                    found[part] += count
    return dict(found)
