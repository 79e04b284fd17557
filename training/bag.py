# SPDX-License-Identifier: FSL-1.1-MIT
"""Texts as bags of word pieces, and the table of vectors that is trained over them.

The pieces of a text are those that the adapter finds: ``conexus.lexical`` splits words and identifiers, numbers go,
WordPiece cuts what is left. A text's vector is the plain mean over its pieces, to unit length.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from conexus.adapters.word_pieces import word_parts, word_pieces
from conexus.lexical import words

Ids = npt.NDArray[np.int32]


class Pieces:
    """Cuts texts into rows of a vocabulary; keeps what it found for every word."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._rows = {piece: row for row, piece in enumerate(vocabulary)}
        self._words: dict[str, tuple[int, ...]] = {}
        self._parts: dict[str, tuple[int, ...]] = {}

    def of(self, text: str) -> list[int]:
        """Return the rows of a text, in order."""
        known = self._words
        found: list[int] = []
        for word in words(text):
            rows = known.get(word)
            if rows is None:
                rows = known[word] = tuple(row for part in word_parts(word) for row in self._of_part(part))
            found += rows
        return found

    def _of_part(self, part: str) -> tuple[int, ...]:
        rows = self._parts.get(part)
        if rows is None:
            rows = self._parts[part] = tuple(word_pieces(part, self._rows))
        return rows


def packed(texts: Iterable[Sequence[int]]) -> tuple[Ids, npt.NDArray[np.int64]]:
    """Return all rows after each other, and where each text begins, with the end of the last."""
    flat: list[npt.NDArray[np.int32]] = []
    ends = [0]
    for rows in texts:
        flat.append(np.asarray(rows, dtype=np.int32))
        ends.append(ends[-1] + len(rows))
    joined = np.concatenate(flat) if flat else np.empty(0, np.int32)
    return joined, np.asarray(ends, dtype=np.int64)
