# SPDX-License-Identifier: FSL-1.1-MIT
"""Which rows of the catalog an index has.

File versions lie in pools. A pool with one view is all its index's. Where several views share one, ``members`` says
which files each of them has, and what the file's stat is in its tree. Of what an index has, ``trim_files`` says which
files callers may see who may not see all of it.
"""

from __future__ import annotations

from conexus.values import dataclass


@dataclass(frozen=True, slots=True)
class Scope:
    """Limits statements to the files of one index, or of a part of it."""

    pool: int
    """What ``files.index_id`` and ``symbols.index_id`` hold."""
    member: int | None = None
    """The index whose members count; all files of the pool where ``None``."""
    trim: int | None = None
    """The part of the index that counts; all of it where ``None``."""

    @property
    def join(self) -> str:
        """What follows a table ``files f``."""
        joined = "" if self.member is None else f" JOIN members m ON m.index_id = {self.member:d} AND m.file = f.id"
        if self.trim is not None:
            # CROSS keeps SQLite from going through all files of the part to find those of a few words.
            joined += f" CROSS JOIN trim_files t ON t.trim = {self.trim:d} AND t.file = f.id"
        return joined

    @property
    def of_view(self) -> str:
        """The table of what views have differently: ``f`` or, after :attr:`join`, ``m``."""
        return "f" if self.member is None else "m"

    @property
    def uses(self) -> str:
        """The column that says how often others use what a file defines, after :attr:`join`."""
        return f"{self.of_view}.uses" if self.trim is None else "t.uses"

    def within(self, file: str) -> str:
        """Return a further condition, for a column that holds a file's number."""
        if self.trim is not None:  # of a part of the index, whose members they are
            mine = f"SELECT 1 FROM trim_files t WHERE t.trim = {self.trim:d} AND t.file = {file}"  # noqa: S608 -- a number and a column
            return f" AND EXISTS ({mine})"
        if self.member is None:
            return ""
        mine = f"SELECT 1 FROM members m WHERE m.index_id = {self.member:d} AND m.file = {file}"  # noqa: S608 -- as above
        return f" AND EXISTS ({mine})"
