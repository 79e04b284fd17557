# SPDX-License-Identifier: FSL-1.1-MIT
"""The files of a working tree on disk.

Nothing outside the root is read: links are reported and never followed, and a file is opened
folder by folder from the root. Names need not be UTF-8; they are kept with surrogateescape.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from conexus.adapters.git_attributes import ATTRIBUTES, NO_MARKS, LinguistMarks
from conexus.adapters.git_metadata import head_now, is_nested_checkout
from conexus.adapters.ignore_rules import GIT_RULES, OWN_RULES, Judgement, UserGit
from conexus.adapters.regular_files import OpenFolders, read_inside, stat_inside, states_inside, target_inside
from conexus.adapters.tree_rules import Folder, Skip, TreeRules
from conexus.config import IndexOptions
from conexus.errors import SourceError
from conexus.types import Checkout, ContentHash, FileStat, SkippedFile, SkipReason, Verdict
from conexus.values import dataclass

_GIT = ".git"
_RULES = frozenset({GIT_RULES, OWN_RULES, ATTRIBUTES})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


@dataclass(frozen=True, slots=True)
class _Subfolder:
    """A folder that is to be entered."""

    parent: Folder
    name: str
    judgement: Judgement | None


_Item: TypeAlias = FileStat | SkippedFile | _Subfolder
_Entries: TypeAlias = dict[str, "os.DirEntry[str]"]


class FilesystemTree:
    """A working tree on disk; implements :class:`conexus.ports.SourceTree`.

    Args:
        checkout: The tree.
        options: Limits, and which kinds of files to skip.
        classify_path: Says of a path (a folder's ends in ``/``) whether its name means vendored or generated.
        home: The home folder whose git excludes count; ``None`` for none.
        xdg: ``$XDG_CONFIG_HOME``; ``None`` means ``~/.config``.
    """

    def __init__(
        self,
        checkout: Checkout,
        options: IndexOptions,
        classify_path: Callable[[str], Skip | None],
        *,
        home: Path | None = None,
        xdg: Path | None = None,
    ) -> None:
        self._checkout = checkout
        self._root = os.path.realpath(checkout.root)
        self._options = options
        self._classify_path = classify_path
        self._user = UserGit(home, xdg) if home is not None else None
        self._rules = self._load_rules()
        self._folders: dict[str, Folder] = {}

    @property
    def checkout(self) -> Checkout:
        """The tree and the repository it belongs to."""
        return self._checkout

    def checkout_now(self) -> Checkout:
        """Return the tree with its head and branch as they are now, once no switch is under way any more."""
        head, branch, is_git = head_now(Path(self._root))
        return replace(self._checkout, head=head, branch=branch) if is_git else self._checkout

    @property
    def files_root(self) -> Path:
        """The folder that parsing processes read the files from: the tree itself."""
        return self._checkout.root

    def provide(self, paths: Collection[str]) -> None:
        """Do nothing: the files are there."""

    def close(self) -> None:
        """Do nothing."""

    def scan(self) -> Iterator[FileStat | SkippedFile]:
        """Yield every file that the rules let in, and what they leave out, in path order.

        Rules are read anew. What vanishes meanwhile is not yielded.

        Raises:
            SourceError: The root is gone or cannot be read.
        """
        self._rules = self._load_rules()
        self._folders = {}
        with OpenFolders(self._root) as folders:
            pending = [iter(self._list_root(folders))]
            while pending:
                for item in pending[-1]:
                    if isinstance(item, _Subfolder):
                        pending.append(iter(self._list_folder(folders, item)))
                        break
                    yield item
                else:
                    pending.pop()

    def look(self, paths: Collection[str]) -> list[FileStat | SkippedFile] | None:
        """Return what :meth:`scan` would yield of some files, in path order; nothing of those that are gone.

        Rules are read anew.

        Returns:
            ``None`` where a path is a folder or holds rules for others, so that only a scan can tell.
        """
        self._rules = self._load_rules()
        self._folders = {}
        found: list[FileStat | SkippedFile] = []
        for path in sorted(paths):
            *above, name = path.split("/")
            mode = self._mode(path)
            if name in _RULES or _GIT in (*above, name) or stat.S_ISDIR(mode):
                return None
            item = self._look_at(above, name) if mode else None
            if item is not None:
                found.append(item)
        return found

    def _look_at(self, above: Sequence[str], name: str) -> FileStat | SkippedFile | None:
        folder = self._rules.top()
        for part in above:
            skip, judgement = self._explain_folder(self._rules, folder, part)
            if skip is not None:
                return SkippedFile(f"{folder.path}{part}/", *skip)
            folder = self._rules.enter(folder, part, judgement)
        judgement = self._rules.judge(folder, [name], folders=False).get(name)
        marks = folder.attributes.marks([name]).get(name, NO_MARKS)
        return self._file(folder, name, lambda: stat_inside(self._root, folder.path + name), judgement, marks)

    def stats(self, paths: Collection[str]) -> dict[str, FileStat]:
        """Return some files as they are now, by path; without those that are gone or no regular files."""
        found = states_inside(self._root, paths)
        return {path: _file_stat(path, state) for path, state in found.items() if stat.S_ISREG(state.st_mode)}

    def read(self, path: str, limit: int) -> bytes:
        """Return at most ``limit`` + 1 bytes of one file.

        Raises:
            OSError: The file went away, cannot be read, or is no regular file inside the root.
        """
        return read_inside(self._root, path, limit + 1)

    def explain(self, path: str) -> Verdict:
        """Say which rule lets ``path`` in or leaves it out; rules are read anew.

        Args:
            path: From the root; it need not exist. One that ends in ``/`` is a folder's.
        """
        rules = self._load_rules()
        *above, name = path.rstrip("/").split("/")
        if "\0" in path or any(part in ("", ".", "..") for part in (*above, name)):
            return Verdict(path, False, None, "no path inside the working tree")
        folder = rules.top()
        for part in above:
            skip, judgement = self._explain_folder(rules, folder, part)
            if skip is not None:
                return Verdict(path, False, skip[0], _with_place(skip, folder.path + part + "/"))
            folder = rules.enter(folder, part, judgement)
        if path.endswith("/") or stat.S_ISDIR(self._mode(folder.path + name)):
            skip, judgement = self._explain_folder(rules, folder, name)
        else:
            skip, judgement = self._explain_file(rules, folder, name)
        if skip is not None:
            return Verdict(path, False, skip[0], skip[1] or skip[0].value)
        return Verdict(path, True, None, _reason_to_include(folder, judgement))

    def content_hash(self, stat: FileStat) -> ContentHash | None:
        """Return git's blob id of a file that was found; nothing where it cannot be read any more."""
        try:
            data = read_inside(self._root, stat.path, stat.size_bytes + 1)
        except OSError:
            return None
        digest = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
        return ContentHash(digest.hexdigest())

    def is_forced(self, path: str) -> bool:
        """Whether a file must not be skipped for what it holds: generated, minified, or too much data.

        ``.conexusignore`` or ``linguist-generated=false`` says so. Rules are those of the last scan.
        """
        above, _, name = path.rpartition("/")
        folder = self._folder(above)
        if not folder.unskips:
            return False
        judgement = self._rules.judge(folder, [name], folders=False).get(name)
        return folder.forces(judgement) or self.marks(path).generated is False

    def marks(self, path: str) -> LinguistMarks:
        """Return what ``.gitattributes`` says of a file. Rules are those of the last scan."""
        above, _, name = path.rpartition("/")
        return self._folder(above).attributes.marks([name]).get(name, NO_MARKS)

    def _load_rules(self) -> TreeRules:
        return TreeRules(Path(self._root), self._options, self._classify_path, self._user)

    def _folder(self, path: str) -> Folder:
        """Return a folder with its rules, from memory where it can; ``path`` has no final slash."""
        folder = self._folders.get(path)
        if folder is None:
            names = path.split("/") if path else []
            folder = self._folders.setdefault("", self._folders.get("") or self._rules.top())
            for depth, name in enumerate(names, start=1):
                key = "/".join(names[:depth])
                if key not in self._folders:
                    judgement = self._rules.judge(folder, [name], folders=True).get(name)
                    self._folders[key] = self._rules.enter(folder, name, judgement)
                folder = self._folders[key]
        return folder

    # ------------------------------------------------------------- scanning

    def _list_root(self, folders: OpenFolders) -> list[_Item]:
        try:
            entries = _entries(folders.descriptor(""))
        except OSError as exc:
            raise SourceError(f"{self._root} cannot be read: {exc.strerror}", hint="Was it moved?") from exc
        return self._items(self._rules.top(entries), entries)

    def _list_folder(self, folders: OpenFolders, subfolder: _Subfolder) -> list[_Item]:
        path = f"{subfolder.parent.path}{subfolder.name}/"
        try:
            entries = _entries(folders.descriptor(path))
        except OSError as exc:
            if exc.errno in _GONE:
                return []
            return [SkippedFile(path, SkipReason.UNREADABLE, exc.strerror or "")]
        if _GIT in entries and is_nested_checkout(f"{self._root}/{path}"):
            return [SkippedFile(path, SkipReason.NESTED_REPOSITORY, "a git repository of its own; index it by itself")]
        return self._items(self._rules.enter(subfolder.parent, subfolder.name, subfolder.judgement, entries), entries)

    def _items(self, folder: Folder, entries: _Entries) -> list[_Item]:
        """Return what a folder holds, in path order."""
        self._folders[folder.path[:-1]] = folder
        entries.pop(_GIT, None)
        subfolders = [name for name, entry in entries.items() if _is_folder(entry)]
        judged = self._rules.judge(folder, subfolders, folders=True)
        # A folder sorts as its path does: "a.py" comes before "a/b.py".
        keyed: list[tuple[str, _Item]] = [
            (f"{name}/", self._subfolder(folder, name, judged.get(name))) for name in subfolders
        ]
        for name in subfolders:
            del entries[name]
        judged = self._rules.judge(folder, list(entries), folders=False)
        marks = folder.attributes.marks(list(entries))
        for name, entry in entries.items():
            state = partial(entry.stat, follow_symlinks=False)
            item = self._file(folder, name, state, judged.get(name), marks.get(name, NO_MARKS))
            if item is not None:
                keyed.append((name, item))
        keyed.sort(key=_first)
        return [item for _, item in keyed]

    def _subfolder(self, folder: Folder, name: str, judgement: Judgement | None) -> _Item:
        skip = self._rules.skip_folder(folder, name, judgement)
        if skip is not None:
            return SkippedFile(f"{folder.path}{name}/", *skip)
        return _Subfolder(folder, name, judgement)

    def _file(
        self,
        folder: Folder,
        name: str,
        look: Callable[[], os.stat_result],
        judgement: Judgement | None,
        marks: LinguistMarks,
    ) -> FileStat | SkippedFile | None:
        path = folder.path + name
        if judgement is not None and judgement.excluded:
            return SkippedFile(path, SkipReason.IGNORED, str(judgement.rule))
        try:
            state = look()
        except OSError as exc:
            return None if exc.errno in _GONE else SkippedFile(path, SkipReason.UNREADABLE, exc.strerror or "")
        if not stat.S_ISREG(state.st_mode):
            return SkippedFile(path, *self._skip_irregular(path, state.st_mode))
        skip = self._rules.skip_file(folder, name, judgement, marks) or self._rules.skip_size(
            state.st_size, forced=folder.forces(judgement)
        )
        return SkippedFile(path, *skip) if skip else _file_stat(path, state)

    def _skip_irregular(self, path: str, mode: int) -> Skip:
        if stat.S_ISLNK(mode):
            return SkipReason.SYMLINK, self._describe_link(path)
        if stat.S_ISFIFO(mode):
            return SkipReason.NOT_REGULAR, "a FIFO"
        return SkipReason.NOT_REGULAR, "a socket" if stat.S_ISSOCK(mode) else "a device"

    def _describe_link(self, link: str) -> str:
        try:
            target = target_inside(self._root, link)
        except OSError as exc:
            return "a loop of links" if exc.errno == errno.ELOOP else "a broken link"
        if target is None:
            return "points out of the tree"
        return f"points to {target}, indexed under its own name" if target else "points to the root of the tree"

    # ----------------------------------------------------------- explaining

    def _mode(self, path: str) -> int:
        """Return the mode of what lies at ``path``, or 0 where nothing does."""
        try:
            return stat_inside(self._root, path).st_mode
        except OSError:
            return 0

    def _explain_folder(self, rules: TreeRules, parent: Folder, name: str) -> tuple[Skip | None, Judgement | None]:
        path = parent.path + name
        if name == _GIT:
            return (SkipReason.IGNORED, "git's own files are never indexed"), None
        mode = self._mode(path)
        judgement = rules.judge(parent, [name], folders=not stat.S_ISLNK(mode)).get(name)
        skip = rules.skip_folder(parent, name, judgement)
        if skip is None and stat.S_ISLNK(mode):
            skip = self._skip_irregular(path, mode)
        if skip is None and is_nested_checkout(f"{self._root}/{path}"):
            skip = SkipReason.NESTED_REPOSITORY, "a git repository of its own; index it by itself"
        return skip, judgement

    def _explain_file(self, rules: TreeRules, parent: Folder, name: str) -> tuple[Skip | None, Judgement | None]:
        path = parent.path + name
        if name == _GIT:
            return (SkipReason.IGNORED, "git's own files are never indexed"), None
        judgement = rules.judge(parent, [name], folders=False).get(name)
        marks = parent.attributes.marks([name]).get(name, NO_MARKS)
        skip = rules.skip_file(parent, name, judgement, marks)
        try:
            state = stat_inside(self._root, path)
        except OSError:
            return skip, judgement
        if (skip is None or skip[0] is not SkipReason.IGNORED) and not stat.S_ISREG(state.st_mode):
            return self._skip_irregular(path, state.st_mode), judgement
        return skip or rules.skip_size(state.st_size, forced=parent.forces(judgement)), judgement


def _with_place(skip: Skip, folder: str) -> str:
    """Say by which rule a folder above leaves a path out, and which folder that is."""
    return f"{skip[1] or skip[0].value} (leaves out {folder})"


def _reason_to_include(folder: Folder, judgement: Judgement | None) -> str:
    if judgement is not None and judgement.rule.brings_back:
        return str(judgement.rule)
    if judgement is not None:
        return f"tracked by git, in spite of {judgement.rule}"
    if folder.ignore.forced_by is not None:
        return str(folder.ignore.forced_by)
    return "no rule leaves it out"


def _entries(folder: int) -> _Entries:
    """Return what is in a folder; it must be open for as long as the state of an entry is looked at."""
    with os.scandir(folder) as found:
        return {entry.name: entry for entry in found}


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _first(pair: tuple[str, _Item]) -> str:
    return pair[0]


def _file_stat(path: str, state: os.stat_result) -> FileStat:
    return FileStat(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
