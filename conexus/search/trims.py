# SPDX-License-Identifier: FSL-1.1-MIT
"""Security trimming: the parts of indexes that callers may see who may not see all of them.

A part is made the first time it is asked for and kept in the catalog; searches read it as they read an index. So
nothing of what is not in it can be learnt from ranks, scores, counts or the statistics of words, and no answer has to
be cut down afterwards.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Final

from conexus.edition import Trim
from conexus.ports import Catalog
from conexus.types import FileId, IndexedView, IndexId, IndexInfo, ListedFile
from conexus.values import dataclass

_MAX_PARTS: Final = 200
"""Of the parts that were asked for longest ago, those beyond are forgotten."""
_OWNERS: Final = (".github/CODEOWNERS", ".gitlab/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""Where a list of owners is looked for, the first that is there counts: as code hosts do."""


@dataclass(eq=False)
class _Kept:
    """A part, and what it was made of."""

    part: IndexInfo
    state: str = ""
    """Of the generation, when the part was last compared with it."""
    owners: str = ""
    files: dict[FileId, ListedFile] = field(default_factory=dict)
    """All files of the generation that were decided on, whether they are in the part or not."""
    seen: set[FileId] = field(default_factory=set)
    """Those that are in the part."""
    uses: dict[str, int] = field(default_factory=dict)
    """How often others use what a file of the part defines, by path."""


class Trims:
    """Keeps parts in line with the generations that they are of. Threads may share it.

    Args:
        catalog: Where generations and parts are.
        text_of: Gives the text of a file of a view; an empty one where it has none.
    """

    def __init__(self, catalog: Catalog, text_of: Callable[[IndexedView, str], str]) -> None:
        self._catalog = catalog
        self._text_of = text_of
        self._mutex = threading.RLock()
        self._kept: OrderedDict[tuple[IndexId, str], _Kept] = OrderedDict()

    def part_of(self, view: IndexedView, live: IndexInfo, trim: Trim) -> IndexInfo | None:
        """Return what is left of a generation for a caller, or nothing where that is no file at all.

        Args:
            view: The view that the generation is of.
            live: The generation.
            trim: What the caller may see of it.
        """
        with self._mutex:
            kept = self._current(view, live, trim)
            return kept.part if kept.seen else None

    def allowed(self, view: IndexedView, live: IndexInfo, trim: Trim, paths: Sequence[str]) -> list[bool]:
        """Decide for files once more, by nothing but the rules: what a search found is not believed."""
        with self._mutex:
            kept = self._current(view, live, trim)
            by_path = {kept.files[file].path: kept.files[file] for file in kept.seen}
            owners = kept.owners
        asked = [by_path.get(path) for path in paths]
        decided = iter(trim.visible([file for file in asked if file is not None], owners))
        return [file is not None and next(decided) for file in asked]

    def _current(self, view: IndexedView, live: IndexInfo, trim: Trim) -> _Kept:
        snapshot = self._catalog.snapshots([live.id]).get(live.id)
        state = "" if snapshot is None else snapshot.id
        kept = self._kept.get((live.id, trim.key))
        if kept is None:
            kept = _Kept(self._catalog.part(live, trim.key))
            self._kept[live.id, trim.key] = kept
            kept.seen = {file.id for file in self._catalog.listed(kept.part.id)}
            self._forget_some()
        self._kept.move_to_end((live.id, trim.key))
        if not state or state != kept.state:
            self._bring_up_to_date(kept, view, live, trim)
            kept.state = state
        return kept

    def _bring_up_to_date(self, kept: _Kept, view: IndexedView, live: IndexInfo, trim: Trim) -> None:
        files = {file.id: file for file in self._catalog.listed(live.id)}
        owners = self._owners(view, list(files.values())) if trim.by_owner else ""
        new = (
            list(files.values())
            if owners != kept.owners or not kept.files
            else [file for number, file in files.items() if number not in kept.files]
        )
        decided = dict(zip((file.id for file in new), trim.visible(new, owners), strict=True))
        added = {file.id for file in new if decided[file.id]} - kept.seen
        removed = {file.id for file in new if not decided[file.id]} & kept.seen
        gone = kept.seen - files.keys()
        if added or removed:
            uses = self._catalog.file_uses(kept.part.id)
            kept.uses |= {files[file].path: count for file, count in uses.items() if file in files}
            self._catalog.change_part(
                kept.part.id, {file: kept.uses.get(files[file].path, 0) for file in added}, removed
            )
        elif gone:
            self._catalog.change_part(kept.part.id, {}, gone)
        kept.seen = (kept.seen | added) - removed - gone
        kept.files, kept.owners = files, owners
        if added or removed or gone or not kept.uses:
            counted = self._catalog.file_uses(kept.part.id)
            kept.uses = {files[file].path: count for file, count in counted.items() if file in files}

    def _owners(self, view: IndexedView, files: Sequence[ListedFile]) -> str:
        paths = {file.path for file in files}
        for path in _OWNERS:
            if path in paths:
                return self._text_of(view, path)
        return ""

    def _forget_some(self) -> None:
        """Drop what has not been asked for long, and what an earlier process left."""
        while len(self._kept) > _MAX_PARTS:
            self._kept.popitem(last=False)
        self._catalog.drop_parts({kept.part.id for kept in self._kept.values()})


def key_of(*parts: str) -> str:
    """Return a key of parts that say all that a decision depends on."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


__all__ = ["Trims", "key_of"]
