# SPDX-License-Identifier: FSL-1.1-MIT
"""Everything by which a name decides whether a file of a working tree is indexed.

In this order: ``.conexusignore``, git's ignore rules, ``.gitattributes``, then what the name itself says.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from conexus.adapters.git_attributes import NO_MARKS, FolderAttributes, GitAttributes, LinguistMarks
from conexus.adapters.git_index import TrackedPaths, read_index
from conexus.adapters.git_metadata import GitFolders, git_folders
from conexus.adapters.ignore_rules import FolderRules, IgnoreRules, Judgement, UserGit
from conexus.config import IndexOptions
from conexus.types import SkipReason
from conexus.values import dataclass

Skip: TypeAlias = tuple[SkipReason, str]
"""Why something is left out, and a detail for people."""

MAX_FORCED_BYTES = 100_000_000
"""Not even a ``.conexusignore`` brings back a larger file: it comes with the repository and is not trusted."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that is entered, and the rules that hold in it."""

    ignore: FolderRules
    attributes: FolderAttributes

    @property
    def path(self) -> str:
        """From the root; empty or ending in ``/``."""
        return self.ignore.path

    @property
    def unskips(self) -> bool:
        """Whether some rule may let in here what a name or the content would leave out."""
        return self.ignore.may_bring_back or self.attributes.unskips

    def forces(self, judgement: Judgement | None) -> bool:
        """Whether a ``.conexusignore`` brings back an entry of this folder that is judged so."""
        if judgement is not None and judgement.rule.own:
            return not judgement.excluded
        return self.ignore.forced_by is not None


class TreeRules:
    """The rules of one working tree, each file of rules read when it is first needed.

    Args:
        root: The working tree.
        options: Limits, and which kinds of files to skip.
        classify_path: Says of a path (a folder's ends in ``/``) whether its name means vendored or generated.
        user: Whose global excludes count; ``None`` for nobody's.
    """

    def __init__(
        self, root: Path, options: IndexOptions, classify_path: Callable[[str], Skip | None], user: UserGit | None
    ) -> None:
        self._root = root
        self._options = options
        self._classify_path = classify_path
        self._user = user

    @cached_property
    def _git(self) -> GitFolders | None:
        return git_folders(self._root)

    @cached_property
    def tracked(self) -> TrackedPaths:
        """What git tracks."""
        return read_index(self._git.private / "index") if self._git else TrackedPaths()

    @cached_property
    def _ignore(self) -> IgnoreRules:
        return IgnoreRules.load(self._root, self._git, self._user, self.tracked)

    @cached_property
    def _attributes(self) -> GitAttributes:
        return GitAttributes(self._root, self._ignore.ignore_case)

    def top(self, present: Container[str] | None = None) -> Folder:
        """Return the root with its rules; ``present`` as in :meth:`IgnoreRules.enter`."""
        return Folder(self._ignore.top(present), self._attributes.top(self._git, present))

    def enter(
        self, parent: Folder, name: str, judgement: Judgement | None, present: Container[str] | None = None
    ) -> Folder:
        """Return a folder with its rules; arguments as in :meth:`IgnoreRules.enter`."""
        return Folder(
            self._ignore.enter(parent.ignore, name, judgement, present),
            self._attributes.enter(parent.attributes, name, present),
        )

    def judge(self, parent: Folder, names: Sequence[str], *, folders: bool) -> dict[str, Judgement]:
        """Return what the ignore rules say of entries of a folder, where they say anything."""
        return parent.ignore.judge(names, folders=folders)

    def skip_folder(self, parent: Folder, name: str, judgement: Judgement | None) -> Skip | None:
        """Say why a folder is not entered, or ``None`` where it is."""
        path = parent.path + name
        if judgement is not None and judgement.excluded and not judgement.holds_tracked:
            return SkipReason.IGNORED, str(judgement.rule)
        if path in self.tracked.submodules:
            return SkipReason.NESTED_REPOSITORY, "a submodule; index it by itself"
        if parent.unskips:
            return None  # files below may be brought back one by one
        return self._skip_by_name(path + "/", NO_MARKS)

    def skip_file(self, parent: Folder, name: str, judgement: Judgement | None, marks: LinguistMarks) -> Skip | None:
        """Say why a file is left out for its name, or ``None`` where it is let in."""
        if judgement is not None and judgement.excluded:
            return SkipReason.IGNORED, str(judgement.rule)
        return None if parent.forces(judgement) else self._skip_by_name(parent.path + name, marks)

    def skip_size(self, size_bytes: int, *, forced: bool) -> Skip | None:
        """Say why a file is left out for its size, or ``None`` where it is let in."""
        if size_bytes == 0:
            return SkipReason.EMPTY, ""
        limit = max(self._options.max_file_bytes, MAX_FORCED_BYTES) if forced else self._options.max_file_bytes
        if size_bytes > limit:
            return SkipReason.TOO_LARGE, f"{size_bytes:,} bytes; the limit is {limit:,}"
        return None

    def _skip_by_name(self, path: str, marks: LinguistMarks) -> Skip | None:
        options = self._options
        if marks.vendored and options.skip_vendored:
            return SkipReason.VENDORED, "linguist-vendored in .gitattributes"
        if marks.generated and options.skip_generated:
            return SkipReason.GENERATED, "linguist-generated in .gitattributes"
        found = self._classify_path(path)
        if found is None:
            return None
        if found[0] is SkipReason.VENDORED:
            return found if options.skip_vendored and marks.vendored is not False else None
        return found if options.skip_generated and marks.generated is not False else None
