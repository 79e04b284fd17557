# SPDX-License-Identifier: FSL-1.1-MIT
"""The words of the names of an index's files, in a few arrays. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from conexus.types import FileId
from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class FileWords:
    """Which files have a word in their name; arrays of files have the shape ``(files,)``."""

    files: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]
    """How many words the name of each has."""
    places: Mapping[str, array[int]]
    """By word, the files that have it, as their places in the arrays."""

    def files_with(self, stems: Sequence[str]) -> dict[FileId, tuple[int, int]]:
        """Return the files whose names have some of these words: how many of them, and how many words in all."""
        having = [self.places[stem] for stem in dict.fromkeys(stems) if stem in self.places]
        if not having:
            return {}
        which, matched = np.unique(np.concatenate([np.frombuffer(one, np.int32) for one in having]), return_counts=True)
        found = zip(matched.tolist(), self.totals[which].tolist(), strict=True)
        return dict(zip(map(FileId, self.files[which].tolist()), found, strict=True))


def file_words_of(rows: Iterable[tuple[FileId, str, int]]) -> FileWords:
    """Put the words of names into arrays.

    Args:
        rows: A file, a word of its name, and how many it has; those of one file one after the other.
    """
    files, totals = array("q"), array("q")
    places: dict[str, array[int]] = {}
    for file, word, total in rows:
        if not files or files[-1] != file:
            files.append(file)
            totals.append(total)
        places.setdefault(word, array("i")).append(len(files) - 1)
    return FileWords(np.frombuffer(files, np.int64), np.frombuffer(totals, np.int64), places)


__all__ = ["FileWords", "file_words_of"]
