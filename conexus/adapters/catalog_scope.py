# SPDX-License-Identifier: FSL-1.1-MIT
"""Which rows of the catalog an index has.

File versions lie in pools. A pool with one view is all its index's. Where several views share one, ``members`` says
which files each of them has, and what the file's stat is in its tree.
"""

from __future__ import annotations

from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits statements to the files of one index."""

    pool: int
    """What ``files.index_id`` and ``symbols.index_id`` hold."""
    member: int | None = None
    """The index whose members count; all files of the pool where ``None``."""

    @property
    def join(self) -> str:
        """What follows a table ``files f``."""
        return "" if self.member is None else f" JOIN members m ON m.index_id = {self.member:d} AND m.file = f.id"

    @property
    def of_view(self) -> str:
        """The table of what views have differently: ``f`` or, after :attr:`join`, ``m``."""
        return "f" if self.member is None else "m"

    def within(self, file: str) -> str:
        """Return a further condition, for a column that holds a file's number."""
        if self.member is None:
            return ""
        mine = f"SELECT 1 FROM members m WHERE m.index_id = {self.member:d} AND m.file = {file}"  # noqa: S608 -- a number and a column
        return f" AND EXISTS ({mine})"
