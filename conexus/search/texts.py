# SPDX-License-Identifier: FSL-1.1-MIT
"""Many short texts that are kept for long, without an object each. Pure."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

_HALVES: Final = "surrogatepass"  # names of files have halves of characters for bytes that are no UTF-8


class Texts:
    """Texts one after the other, read by their places.

    An object each would take twice the memory, and more than that keep what was freed around it from the system.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._ends = array("q", [0])
        found = bytearray()
        for text in texts:
            found += text.encode("utf-8", _HALVES)
            self._ends.append(len(found))
        self._bytes = bytes(found)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._ends) - 1

    def __getitem__(self, place: int) -> str:
        """Return one; the first has place 0."""
        if not 0 <= place < len(self):
            raise IndexError(place)
        return self._bytes[self._ends[place] : self._ends[place + 1]].decode("utf-8", _HALVES)

    def __iter__(self) -> Iterator[str]:
        """Yield all."""
        return map(self.__getitem__, range(len(self)))


__all__ = ["Texts"]
