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
from collections.abc import Callable, Collection, Sequence, Set
from dataclasses import field
from typing import Final

from conexus.edition import OWNERS_FILES, AccessClasses
from conexus.ports import Catalog
from conexus.types import AccessAction, FileId, IndexedView, IndexId, IndexInfo, ListedFile, OwnersFile, Principal
from conexus.values import dataclass

_MAX_PARTS: Final = 200
"""Of the parts that were asked for longest ago, those beyond are forgotten."""
_MAX_SORTED: Final = 100


@dataclass(eq=False)
class _Sorted:
    """The files of a generation by their classes."""

    state: str = ""
    """Of the generation, when its files were last looked at."""
    source: object = None
    """What knows the classes."""
    owners: OwnersFile = OwnersFile()
    files: dict[FileId, ListedFile] = field(default_factory=dict)
    class_of: dict[FileId, str] = field(default_factory=dict)
    classes: frozenset[str] = frozenset()


@dataclass(eq=False)
class _Kept:
    """A part, and what it was made of."""

    part: IndexInfo
    made_of: object = None
    """The state of the files' classes that it was last compared with."""
    seen: set[FileId] = field(default_factory=set)
    """Those that are in the part."""
    uses: dict[str, int] = field(default_factory=dict)
    """How often others use what a file of the part defines, by path."""


class Trims:
    """Keeps parts in line with the generations that they are of. Threads may share it.

    Args:
        catalog: Where generations and parts are.
        text_of: Gives the text of a file of a view; an empty one where it has none.
        is_there: Whether a tree has a file, be it one that the rules leave out.
    """

    def __init__(
        self,
        catalog: Catalog,
        text_of: Callable[[IndexedView, str], str],
        is_there: Callable[[IndexedView, str], bool] = lambda _view, _path: False,
    ) -> None:
        self._catalog = catalog
        self._is_there = is_there
        self._text_of = text_of
        self._mutex = threading.RLock()
        self._sorted: OrderedDict[tuple[IndexId, str], _Sorted] = OrderedDict()
        self._kept: OrderedDict[tuple[IndexId, str], _Kept] = OrderedDict()
        self._keys: dict[tuple[str, frozenset[str]], str] = {}

    def part_of(
        self, view: IndexedView, live: IndexInfo, classes: AccessClasses, who: Principal, action: AccessAction
    ) -> IndexInfo | None:
        """Return what is left of a generation for a caller, or nothing.

        It is a part also where all files are seen: whether there are others must not be told.

        Args:
            view: The view that the generation is of.
            live: The generation.
            classes: What decides.
            who: The caller.
            action: What the caller wants to do.
        """
        with self._mutex:
            found = self._current(view, live, classes)
            allowed = frozenset(classes.allowed(who, action, found.classes)) & found.classes
            if not allowed:
                return None
            # Who may see the same shares a part.
            return self._part(live, self._key(classes, allowed), found, allowed)

    def seen(
        self,
        view: IndexedView,
        live: IndexInfo,
        classes: AccessClasses,
        who: Principal,
        action: AccessAction,
        paths: Collection[str],
    ) -> set[str]:
        """Return those of some files that a caller may see, by the rules alone: what was found is not believed."""
        with self._mutex:
            found = self._current(view, live, classes)
            wanted = set(paths)
            files = [file for file in found.files.values() if file.path in wanted]
            owners = found.owners
        of_files = classes.classify(files, owners)
        allowed = set(classes.allowed(who, action, set(of_files)))
        return {file.path for file, its in zip(files, of_files, strict=True) if its in allowed}

    def _current(self, view: IndexedView, live: IndexInfo, classes: AccessClasses) -> _Sorted:
        """Return the files of a generation by their classes, as they are now."""
        snapshot = self._catalog.snapshots([live.id]).get(live.id)
        state = "" if snapshot is None else snapshot.id
        found = self._sorted.setdefault((live.id, classes.key), _Sorted())
        self._sorted.move_to_end((live.id, classes.key))
        while len(self._sorted) > _MAX_SORTED:
            self._sorted.popitem(last=False)
        if not state or state != found.state or found.source is not classes.source:
            files = {file.id: file for file in self._catalog.listed(live.id)}
            owners = self._owners(view, list(files.values())) if classes.by_owner else OwnersFile()
            known = found.class_of if owners == found.owners and found.source is classes.source else {}
            new = [file for number, file in files.items() if number not in known]
            class_of = {number: its for number, its in known.items() if number in files}
            class_of |= zip((file.id for file in new), classes.classify(new, owners), strict=True)
            found = self._sorted[live.id, classes.key] = _Sorted(
                state, classes.source, owners, files, class_of, frozenset(class_of.values())
            )
        return found

    def _part(self, live: IndexInfo, key: str, found: _Sorted, allowed: Set[str]) -> IndexInfo:
        kept = self._kept.get((live.id, key))
        if kept is None:
            kept = self._kept[live.id, key] = _Kept(self._catalog.part(live, key))
            kept.seen = {file.id for file in self._catalog.listed(kept.part.id)}
            kept.uses = self._uses(kept, found)
            self._forget_some()
        self._kept.move_to_end((live.id, key))
        if kept.made_of is not found:
            wanted = {file for file, its in found.class_of.items() if its in allowed}
            added, removed = wanted - kept.seen, kept.seen - wanted
            if added or removed:
                uses = {file: kept.uses.get(found.files[file].path, 0) for file in added}
                self._catalog.change_part(kept.part.id, uses, removed)
                kept.seen = wanted
                kept.uses = self._uses(kept, found)
            kept.made_of = found
        return kept.part

    def _key(self, classes: AccessClasses, allowed: frozenset[str]) -> str:
        """Return the name of a part: who may see the same shares it."""
        key = self._keys.get((classes.key, allowed))
        if key is None:
            text = "\0".join([classes.key, *sorted(allowed)])
            key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
            if len(self._keys) > _MAX_PARTS:
                self._keys.clear()
            self._keys[classes.key, allowed] = key
        return key

    def _uses(self, kept: _Kept, found: _Sorted) -> dict[str, int]:
        counted = self._catalog.file_uses(kept.part.id)
        return {found.files[file].path: count for file, count in counted.items() if file in found.files}

    def _owners(self, view: IndexedView, files: Sequence[ListedFile]) -> OwnersFile:
        """Return the list of owners, without a text where it is there and the index has none of it."""
        paths = {file.path for file in files}
        for path in OWNERS_FILES:
            if path in paths or self._is_there(view, path):
                return OwnersFile(path, self._text_of(view, path) or None)
        return OwnersFile()

    def _forget_some(self) -> None:
        """Drop what has not been asked for long, and what an earlier process left."""
        while len(self._kept) > _MAX_PARTS:
            self._kept.popitem(last=False)
        self._catalog.drop_parts({kept.part.id for kept in self._kept.values()})


__all__ = ["Trims"]
