# SPDX-License-Identifier: FSL-1.1-MIT
"""Cuts words of code into the pieces that have vectors in a static model.

A text is split into words as BM25 splits it, a word into its identifier parts, a part into the longest
pieces that the vocabulary knows. The vector of a part never depends on its neighbours, so that words can be
counted first and cut once each.

``NORMALIZER``, ``PRE_TOKENIZER`` and ``MODEL`` say the same in the words of the ``tokenizers`` package, whose
``tokenizer.json`` every static model has: so the libraries that load such a file cut texts as we do, and a test
compares. Their regular expressions know the classes of Unicode by the names of its categories, to which those of
Python's ``re`` come down: words are made of letters, numbers and underscores, digits are decimal ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from conexus.lexical import split_identifier

UNKNOWN: Final = "[UNK]"
"""Stands in a vocabulary for a part that cannot be covered; its vector is zero, so that it adds nothing."""

CONTINUED: Final = "##"
"""Comes before pieces that continue a part."""

LONGEST_PIECE: Final = 24
"""Characters of a piece, without ``##``. Bounds the work on a run of letters without sense."""

MAX_WORD_CHARS: Final = 64
"""Characters of a word that is cut; longer runs are data: hashes, base64."""

_MOST_PART_CHARS = 1_000  # above what the longest word can decompose into: a Hangul syllable gives three letters
_LETTERS = re.compile(r"[^\W\d_]+")
_STAND_ALONE = (("\u3400", "\u9fff"), ("\uf900", "\ufaff"), ("\U00020000", "\U0003ffff"))
_CHANGE_OF_CASE = r"(?<=\p{Ll})(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})"

NORMALIZER: Final[Mapping[str, Any]] = {
    "type": "Sequence",
    "normalizers": [
        # Before accents go: an accent that stands by itself ends a word.
        {"type": "Replace", "pattern": {"Regex": r"[^\p{L}\p{N}_$]+"}, "content": " "},
        {"type": "Replace", "pattern": {"Regex": rf"[^\p{{Nd}}$ ][^ ]{{{MAX_WORD_CHARS},}}"}, "content": " "},
        {"type": "NFD"},
        {"type": "Replace", "pattern": {"Regex": r"\p{Mn}+"}, "content": ""},
        {"type": "Replace", "pattern": {"Regex": _CHANGE_OF_CASE}, "content": " "},
        {"type": "Lowercase"},
    ],
}

PRE_TOKENIZER: Final[Mapping[str, Any]] = {
    "type": "Sequence",
    "pretokenizers": [
        {
            "type": "Split",
            "pattern": {"Regex": r"[^\p{L}\p{Nl}\p{No}]+"},
            "behavior": "Removed",
            "invert": False,
        },
        {
            "type": "Split",
            "pattern": {"Regex": f"[{''.join(f'{first}-{last}' for first, last in _STAND_ALONE)}]"},
            "behavior": "Isolated",
            "invert": False,
        },
    ],
}

MODEL: Final[Mapping[str, Any]] = {
    "type": "WordPiece",
    "unk_token": UNKNOWN,
    "continuing_subword_prefix": CONTINUED,
    "max_input_chars_per_word": _MOST_PART_CHARS,
}
"""All but the vocabulary."""


def word_parts(word: str) -> list[str]:
    """Return the parts of a word that can have a vector: lower-case, without accents, numbers dropped.

    Characters of the scripts that are written without spaces stand alone.
    """
    if len(word) > MAX_WORD_CHARS:
        return []
    if not word.isascii():
        word = "".join(char for char in unicodedata.normalize("NFD", word) if unicodedata.category(char) != "Mn")
        if not word.isascii():
            return _parts_of_any_script(word)
    return [part for part in split_identifier(word) if not part.isdigit()]


def word_pieces(part: str, vocabulary: Mapping[str, int]) -> list[int]:
    """Cut a part of a word into the longest pieces known, from the left (WordPiece).

    Args:
        part: Lower-case letters, without accents.
        vocabulary: Row of every piece; those that continue a part start with ``##``.

    Returns:
        Rows in order; empty where the part cannot be covered as a whole.
    """
    rows = []
    start = 0
    while start < len(part):
        end = min(len(part), start + LONGEST_PIECE)
        prefix = CONTINUED if start else ""
        while (row := vocabulary.get(prefix + part[start:end])) is None:
            end -= 1
            if end == start:
                return []
        rows.append(row)
        start = end
    return rows


def _parts_of_any_script(word: str) -> list[str]:
    """Split where ASCII would be split: at marks, numbers and changes of case; lower case a letter at a time."""
    kinds = [unicodedata.category(char) for char in word]
    found = []
    for place, (char, kind) in enumerate(zip(word, kinds, strict=True)):
        before, after = kinds[place - 1] if place else "", kinds[place + 1] if place + 1 < len(kinds) else ""
        if kind == "Lu" and (before == "Ll" or (before == "Lu" and after == "Ll")):
            found.append(" ")
        found.append(f" {char} " if _stands_alone(char) else char.lower())
    return _LETTERS.findall("".join(found))


def _stands_alone(char: str) -> bool:
    return any(first <= char <= last for first, last in _STAND_ALONE)
