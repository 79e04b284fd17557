# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares the words of a question with those of many names at once. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import cached_property
from itertools import chain

import numpy as np
import numpy.typing as npt

from conexus.lexical import split_identifier, stem, stem_once
from conexus.search.texts import Texts
from conexus.values import dataclass

Row = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.intp]

_MIN_PREFIX = 4
_MOST_KEPT = 10_000  # names that are split already; those of a file come one after the other, and again
_BITS = 64
_ALL_BITS = (1 << _BITS) - 1


class Vocabulary:
    """The stems of the names of one table, numbered from 0."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._of_part: dict[str, int] = {}
        self._of_name: dict[str, tuple[int, ...]] = {}

    def of(self, *names: str) -> tuple[int, ...]:
        """Return the distinct stems of some names together."""
        if len(names) == 1:
            return self._of_one(names[0])
        return tuple(dict.fromkeys(chain.from_iterable(map(self._of_one, names))))

    def _of_one(self, name: str) -> tuple[int, ...]:
        found = self._of_name.get(name)
        if found is None:
            if len(self._of_name) >= _MOST_KEPT:
                self._of_name.clear()
            found = self._of_name[name] = tuple(dict.fromkeys(map(self._number, split_identifier(name))))
        return found

    def _number(self, part: str) -> int:
        """Return the number of the stem of a part of a name."""
        found = self._of_part.get(part)
        if found is None:
            found = self._of_part[part] = self._numbers.setdefault(stem_once(part), len(self._numbers))
        return found

    def words(self) -> Words:
        """Return the stems that were met so far, ready to be compared."""
        return Words(self._numbers)


class Words:
    """The stems of a table.

    Args:
        stems: Each once, in the order of their numbers.
    """

    def __init__(self, stems: Iterable[str]) -> None:
        self._stems = Texts(stems)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._stems)

    @cached_property
    def by_prefix(self) -> dict[str, list[tuple[str, int]]]:
        """Each with its number, by their first letters.

        Made when it is first asked for: what is made while a table is read keeps what was freed around it from the
        system.
        """
        found: dict[str, list[tuple[str, int]]] = {}
        for number, word in enumerate(self._stems):
            found.setdefault(word[:_MIN_PREFIX], []).append((word, number))
        return found


class Names:
    """Names as the numbers of their stems, one after the other.

    Args:
        stems: The stems of each name, each once.
    """

    def __init__(self, stems: Iterable[tuple[int, ...]]) -> None:
        sizes, all_stems = array("i"), array("i")
        for of_name in stems:
            sizes.append(len(of_name))
            all_stems.extend(of_name)
        self._sizes = np.array(sizes, dtype=np.int32)
        self._ends = np.cumsum(self._sizes, dtype=np.int64)
        self._stems = np.array(all_stems, dtype=np.int32)

    def stems(self, which: Numbers) -> tuple[Numbers, Numbers, npt.NDArray[np.int32]]:
        """Return the stems of some names.

        Returns:
            Places in ``which`` of the names that have any, how many each has, and their stems one name after the other.
        """
        filled = np.flatnonzero(self._sizes[which])
        sizes: Numbers = self._sizes[which[filled]].astype(np.intp)
        ends = sizes.cumsum()
        skipped = self._ends[which[filled]] - ends
        return filled, sizes, self._stems[np.repeat(skipped, sizes) + np.arange(ends[-1] if len(ends) else 0)]


@dataclass(frozen=True, slots=True)
class Overlaps:
    """How far names have the words of a question, in [0, 1]."""

    recall: Row
    """Share of the question's words that a name has."""
    precision: Row
    """Share of the name's words that the question has."""
    f1: Row


class AskedWords:
    """The words of a question.

    A word counts where it begins with the other (``hasher``, ``hash``), if at least four letters agree.

    Args:
        stems: Stemmed words; at least one.
    """

    def __init__(self, stems: Iterable[str]) -> None:
        self.stems = frozenset(stems)
        self._by_prefix: dict[str, list[tuple[str, int]]] = {}
        for number, word in enumerate(sorted(self.stems)):
            self._by_prefix.setdefault(word[:_MIN_PREFIX], []).append((word, 1 << number))
        self._f1: dict[str, float] = {}

    def among(self, words: Words) -> npt.NDArray[np.uint64]:
        """Return with which words of the question each stem of a table agrees.

        Returns:
            One bit a word of the question; shape ``(-(-len(question) // 64), words.count)``.
        """
        found = np.zeros((-(-len(self.stems) // _BITS), words.count), dtype=np.uint64)
        for prefix in self._by_prefix:
            for word, number in words.by_prefix.get(prefix, ()):
                alike = self._alike(word)
                for block in range(len(found) if alike else 0):
                    found[block, number] = alike >> block * _BITS & _ALL_BITS
        return found

    def overlaps(self, among: npt.NDArray[np.uint64], names: Names, which: Numbers) -> Overlaps:
        """Compare some names of a table.

        Args:
            among: What :meth:`among` gave for the table.
            names: The names of the table.
            which: Their numbers, of any shape.

        Returns:
            Values of the shape of ``which``.
        """
        filled, sizes, stems = names.stems(which.ravel())
        recall, precision, f1 = np.zeros((3, which.size))
        bits = among[:, stems]
        if bits.any():
            starts = sizes.cumsum() - sizes
            covered = np.bitwise_count(np.bitwise_or.reduceat(bits, starts, axis=1)).sum(axis=0, dtype=np.intp)
            fitting = np.add.reduceat(bits.any(axis=0), starts, dtype=np.intp)
            recall[filled] = covered / len(self.stems)
            precision[filled] = fitting / sizes
            both = filled[covered > 0]
            f1[both] = 2.0 * recall[both] * precision[both] / (recall[both] + precision[both])
        return Overlaps(recall.reshape(which.shape), precision.reshape(which.shape), f1.reshape(which.shape))

    def f1(self, name: str) -> float:
        """Compare one name that is in no table."""
        found = self._f1.get(name)
        if found is None:
            stems = frozenset(map(stem, split_identifier(name)))
            alike = list(filter(None, map(self._alike, stems)))
            covered = 0
            for bits in alike:
                covered |= bits
            found = 0.0
            if covered:
                recall, precision = covered.bit_count() / len(self.stems), len(alike) / len(stems)
                found = 2.0 * recall * precision / (recall + precision)
            self._f1[name] = found
        return found

    def _alike(self, word: str) -> int:
        bits = 0
        for other, bit in self._by_prefix.get(word[:_MIN_PREFIX], ()):
            if word == other or (len(other) >= _MIN_PREFIX and (word.startswith(other) or other.startswith(word))):
                bits |= bit
        return bits


__all__ = ["AskedWords", "Names", "Numbers", "Overlaps", "Row", "Vocabulary", "Words"]
