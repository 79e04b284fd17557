# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""The tree of RFC 6962 over the records of an audit log, grown at its right end. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

HASH_BYTES = 32
_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a record."""
    return sha256(_LEAF + data).digest()


class Frontier:
    """The roots of the whole subtrees that a tree is made of, largest first: all that is needed to go on with it.

    Args:
        size: How many leaves there are.
        hashes: The roots; one for each bit of the size that is set.

    Raises:
        ValueError: There are more or fewer.
    """

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count() or any(len(one) != HASH_BYTES for one in self._hashes):
            raise ValueError("the tree is not whole")

    @classmethod
    def of(cls, size: int, data: bytes) -> Frontier:
        """Read what :meth:`__bytes__` made."""
        return cls(size, [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)])

    def __bytes__(self) -> bytes:
        return b"".join(self._hashes)

    def add(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        whole, rest = leaf, self.size
        while rest & 1:
            whole = sha256(_NODE + self._hashes.pop() + whole).digest()
            rest >>= 1
        self._hashes.append(whole)
        self.size += 1

    def root(self) -> bytes:
        """Return the hash of the tree."""
        if not self._hashes:
            return sha256().digest()
        found = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            found = sha256(_NODE + left + found).digest()
        return found


__all__ = ["HASH_BYTES", "Frontier", "leaf_hash"]
