# SPDX-License-Identifier: FSL-1.1-MIT
"""The files of a branch, tag or commit, from git's objects; implements SourceTree.

Nothing is checked out, and no filter, hook or configuration of the repository plays a part: files are what git keeps of
them. Which are left out is decided as in a working tree, where all of them would be tracked: by the tree's own
``.conexusignore`` and ``.gitattributes``.

Parsing processes read from a folder of ours, to which the files that they are to read are written first. The state of
a file is made of its id in place of times, so that it is the same as long as the content is.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from conexus.adapters import git_refs
from conexus.adapters.git_attributes import ATTRIBUTES, NO_MARKS
from conexus.adapters.git_history import GitHistory, safe_path
from conexus.adapters.ignore_rules import OWN_RULES
from conexus.adapters.tree_rules import Folder, Skip, TreeRules
from conexus.config import IndexOptions
from conexus.errors import SourceError
from conexus.types import Checkout, ContentHash, FileStat, SkippedFile, SkipReason, Verdict
from conexus.values import dataclass

if TYPE_CHECKING:
    from dulwich.objects import ObjectID

_MAX_ENTRIES = 1_000_000
_MAX_PATH_BYTES = 4_096
_RULE_FILES = frozenset({OWN_RULES, ATTRIBUTES})
_GITLINK = 0o160000


@dataclass(frozen=True, slots=True)
class _File:
    id: str
    mode: int


class RefTree:
    """The files of one commit.

    Args:
        checkout: Of a ref.
        options: Limits, and which kinds of files to skip.
        classify_path: Says of a path (a folder's ends in ``/``) whether its name means vendored or generated.
        sizes: Gives the sizes of contents that are known, so that these need not be read.
    """

    def __init__(
        self,
        checkout: Checkout,
        options: IndexOptions,
        classify_path: Callable[[str], Skip | None],
        sizes: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._checkout = checkout
        self._options = options
        self._classify_path = classify_path
        self._sizes_of = sizes
        self._common = git_refs.git_folder_of(checkout)
        self._history: GitHistory | None = None
        self._files: dict[str, _File] = {}
        self._skipped: list[SkippedFile] = []
        self._commit = ""
        self._spool: Path | None = None

    @property
    def checkout(self) -> Checkout:
        """The ref and the repository it belongs to."""
        return self._checkout

    def checkout_now(self) -> Checkout:
        """Return the same: what is read is the commit that was found at first."""
        return self._checkout

    @property
    def files_root(self) -> Path:
        """The folder that parsing processes read from."""
        return self._made_spool / "files"

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return dict(self._sizes_of())

    @property
    def _made_spool(self) -> Path:
        if self._spool is None:
            self._spool = Path(tempfile.mkdtemp(prefix="conexus-ref-"))  # for its owner alone
            for name in ("files", "rules"):
                (self._spool / name).mkdir()
        return self._spool

    def close(self) -> None:
        """Delete what was written for parsing processes. Idempotent."""
        spool, self._spool = self._spool, None
        if spool is not None:
            shutil.rmtree(spool, ignore_errors=True)
        if self._history is not None:
            self._history.close()

    def provide(self, paths: Collection[str]) -> None:
        """Write files to where parsing processes read them.

        Raises:
            SourceError: They cannot be written, or an object is missing or damaged.
        """
        for path in paths:
            self._write(self.files_root, path, self._content(path))

    def scan(self) -> Iterator[FileStat | SkippedFile]:
        """Yield every file that the rules let in, and what they leave out, in path order.

        Raises:
            SourceError: The commit or one of its trees is missing or damaged.
        """
        self._load(self._checkout.head or "")
        rules = self._rules
        pending = [self._items(rules.top(), rules)]
        while pending:
            for item in pending[-1]:
                if isinstance(item, Folder):
                    pending.append(self._items(item, rules))
                    break
                yield item
            else:
                pending.pop()

    def look(self, paths: Collection[str]) -> list[FileStat | SkippedFile] | None:
        """Return ``None``: a scan is as quick."""
        return None

    def stats(self, paths: Collection[str]) -> dict[str, FileStat]:
        """Return some files as the ref has them now, by path; none where it is gone."""
        try:
            commit = git_refs.commit_at(self._checkout.root)
            if commit is None:
                return {}
            self._load(commit)
            return {path: self._stat(path) for path in paths if path in self._files}
        except SourceError:
            return {}

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` + 1 bytes of one file.

        Raises:
            OSError: There is none, or its content is not here.
        """
        try:
            return self._content(path)[: limit + 1]
        except (SourceError, KeyError) as exc:
            raise FileNotFoundError(path) from exc

    def content_hash(self, stat: FileStat) -> ContentHash | None:
        """Return git's blob id of a file that was found."""
        found = self._files.get(stat.path)
        return None if found is None else ContentHash(found.id)

    def is_forced(self, path: str) -> bool:
        """Whether a rule of the tree's lets ``path`` in whatever its content."""
        above, _, name = path.rpartition("/")
        folder = self._folder(above)
        if not folder.unskips:
            return False
        judgement = self._rules.judge(folder, [name], folders=False).get(name)
        return folder.forces(judgement) or folder.attributes.marks([name]).get(name, NO_MARKS).generated is False

    def explain(self, path: str) -> Verdict:
        """Say which rule lets ``path`` in or leaves it out."""
        for found in self.scan():
            if isinstance(found, FileStat) and found.path == path:
                return Verdict(path, True, None, "no rule leaves it out")
            if isinstance(found, SkippedFile) and (
                found.path == path or (found.path.endswith("/") and path.startswith(found.path))
            ):
                return Verdict(path, False, found.reason, found.detail or found.reason.value)
        return Verdict(path, False, None, f"{self._checkout.ref} has no such file")

    # ---------------------------------------------------------------------- objects

    def _objects(self) -> GitHistory:
        if self._history is None:
            self._history = GitHistory(self._common / "objects", self._checkout.head or "0" * 40)
        return self._history

    def _load(self, commit: str) -> None:
        """Read which files a commit has, and the rules among them."""
        if commit == self._commit:
            return
        history = self._objects()
        files: dict[str, _File] = {}
        pending: list[tuple[bytes, ObjectID]] = [(b"", history.tree_of(commit))]
        while pending:
            above, tree = pending.pop()
            for name, mode, oid in history.entries(tree):
                path = above + name
                text = safe_path(path)
                if len(files) + len(pending) > _MAX_ENTRIES or len(path) > _MAX_PATH_BYTES:
                    raise SourceError(f"{self._common}: the tree of {commit} is too large to read")
                if text is None or b"/" in name:
                    continue  # what no working tree can hold
                if stat.S_ISDIR(mode):
                    pending.append((path + b"/", oid))
                else:
                    files[text] = _File(oid.decode("ascii"), mode)
        self._files, self._commit = files, commit
        self.__dict__.pop("_rules", None)
        self.__dict__.pop("_below", None)

    @cached_property
    def _below(self) -> dict[str, tuple[list[str], list[str]]]:
        """Names of the folders and of the files in each folder; its path is empty or ends in a slash."""
        folders = {""}
        for path in self._files:
            above = path.rpartition("/")[0]
            while above and f"{above}/" not in folders:
                folders.add(f"{above}/")
                above = above.rpartition("/")[0]
        found: dict[str, tuple[list[str], list[str]]] = {folder: ([], []) for folder in folders}
        for folder in folders - {""}:
            above, _, name = folder[:-1].rpartition("/")
            found[f"{above}/" if above else ""][0].append(name)
        for path in self._files:
            above, _, name = path.rpartition("/")
            found[f"{above}/" if above else ""][1].append(name)
        return found

    def _content(self, path: str) -> bytes:
        return self._objects().read(cast("ObjectID", self._files[path].id.encode("ascii")))

    def _stat(self, path: str) -> FileStat:
        """Return a file with what its id makes of times and inode: numbers that lie in the past, and fit.

        Raises:
            SourceError: Its size is not known, and its content is not here.
        """
        oid = self._files[path].id
        size = self._sizes.get(oid)
        if size is None:
            size = self._sizes[oid] = len(self._content(path))
        return FileStat(path, size, int(oid[:14], 16), int(oid[14:28], 16), int(oid[28:40], 16))

    # ---------------------------------------------------------------------- rules

    @cached_property
    def _rules(self) -> TreeRules:
        """The tree's rules, which are read from files of ours."""
        folder = self._made_spool / "rules"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for path, file in self._files.items():
            if path.rpartition("/")[2] in _RULE_FILES and stat.S_ISREG(file.mode):
                self._write(folder, path, self._content(path))
        return TreeRules(folder, self._options, self._classify_path, None)

    def _folder(self, path: str) -> Folder:
        folder = self._rules.top()
        for name in path.split("/") if path else ():
            judgement = self._rules.judge(folder, [name], folders=True).get(name)
            folder = self._rules.enter(folder, name, judgement)
        return folder

    def _items(self, folder: Folder, rules: TreeRules) -> Iterator[FileStat | SkippedFile | Folder]:
        """Yield what a folder holds, in path order; subfolders with their rules."""
        subfolders, files = self._below[folder.path]
        below = rules.judge(folder, subfolders, folders=True)
        judged = rules.judge(folder, files, folders=False)
        marks = folder.attributes.marks(files)
        for name in sorted([*files, *(f"{name}/" for name in subfolders)]):
            if not name.endswith("/"):
                path = folder.path + name
                skip = self._skip_irregular(path) or rules.skip_file(
                    folder, name, judged.get(name), marks.get(name, NO_MARKS)
                )
                forced = folder.forces(judged.get(name))
                yield SkippedFile(path, *skip) if skip else self._sized(rules, path, forced=forced)
                continue
            judgement = below.get(name[:-1])
            skip = rules.skip_folder(folder, name[:-1], judgement)
            yield SkippedFile(folder.path + name, *skip) if skip else rules.enter(folder, name[:-1], judgement)

    def _sized(self, rules: TreeRules, path: str, *, forced: bool) -> FileStat | SkippedFile:
        try:
            found = self._stat(path)
        except SourceError:
            return SkippedFile(path, SkipReason.UNREADABLE, "its content is not in this partial clone")
        skip = rules.skip_size(found.size_bytes, forced=forced)
        return SkippedFile(path, *skip) if skip else found

    def _skip_irregular(self, path: str) -> Skip | None:
        mode = self._files[path].mode
        if mode == _GITLINK:
            return SkipReason.NESTED_REPOSITORY, "a submodule; index it by itself"
        if stat.S_ISLNK(mode):
            return SkipReason.SYMLINK, "a link"
        return None if stat.S_ISREG(mode) else (SkipReason.NOT_REGULAR, "neither a file nor a link")

    def _write(self, folder: Path, path: str, data: bytes) -> None:
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        except OSError as exc:
            raise SourceError(f"{os.fspath(target)} cannot be written: {exc.strerror}") from exc
