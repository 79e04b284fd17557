# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads a repository's history from its object files.

Nothing but objects is read: no configuration, hook, filter or ref of the repository is looked at, no program is
run, nothing is fetched and nothing is written to it. What the objects hold is not trusted either: of a tree, only
regular files are written, at paths that stay below the folder, up to limits of size and number.
"""

from __future__ import annotations

import heapq
import os
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from conexus.adapters.git_metadata import find_checkout, git_folders
from conexus.errors import SourceError
from conexus.evaluation.commits import Change, ChangeKind, Commit
from conexus.values import dataclass

if TYPE_CHECKING:
    from dulwich.object_store import DiskObjectStore
    from dulwich.objects import Commit as RawCommit
    from dulwich.objects import ObjectID

_SHA1_CHARS = 40
_MAX_TAGS = 10  # of tags
_MAX_CHANGES = 1_000  # of a commit that tells anything
_MAX_ENTRIES = 1_000_000  # of a tree: one that holds itself many times over unfolds without end
_MAX_PATH_BYTES = 4_096
_MAX_SUBJECT_CHARS = 1_000
_INVISIBLE = frozenset(
    "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u206a\u206b\u206c\u206d\u206e\u206f\ufeff"
)
_DAMAGED = (
    *(zlib.error, struct.error, OSError, EOFError),
    # What the library stumbles over where numbers in a damaged file point nowhere.
    *(ValueError, LookupError, ArithmeticError, TypeError, AssertionError, RecursionError, MemoryError),
)
_LACKS = "a shallow or partial clone has only part of it: git fetch --unshallow, or clone it whole"
_BORROWS = "objects of another repository are not read: git repack -a -d, then delete .git/objects/info/alternates"
_TOO_LARGE = "a tree in the history is too large to be written out"
_GIT_ALIAS = re.compile(r"git~\d+")


@dataclass(frozen=True, slots=True)
class WriteLimits:
    """How much of a tree is written; what is larger is left out."""

    file_bytes: int = 10_000_000
    total_bytes: int = 4_000_000_000
    files: int = 500_000


@dataclass(frozen=True, slots=True)
class _Entry:
    path: bytes
    mode: int
    id: ObjectID


def history_at(root: Path) -> GitHistory:
    """Return the commits that lead to what is checked out at ``root``.

    Raises:
        SourceError: ``root`` is no git checkout, has no commit, or keeps its objects in a form that is not read.
    """
    folders = git_folders(root)
    if folders is None:
        raise SourceError(f"{root} is not the root of a git checkout")
    head = find_checkout(root).head
    if head is None:
        raise SourceError(f"{root} has no commit that can be read", hint="refs in a reftable are not read")
    return GitHistory(folders.common / "objects", head)


class GitHistory:
    """The commits that lead to one of them.

    Args:
        objects: Git's folder of objects.
        head: Id of the newest commit.

    Raises:
        SourceError: Objects are named by SHA-256 or lie elsewhere, which is not read.
    """

    def __init__(self, objects: Path, head: str) -> None:
        if len(head) != _SHA1_CHARS:
            raise SourceError(f"{objects} names its objects by SHA-256, which is not read")
        from conexus.adapters.git_objects import OwnObjects  # noqa: PLC0415 -- only where history is asked for

        self._root = objects
        self._head = head
        self._store: DiskObjectStore = OwnObjects(objects)

    def close(self) -> None:
        """Close the object files; what is read after that opens them again. Idempotent."""
        self._store.close()

    @property
    def _lacks(self) -> str:
        """Why an object may be missing, and what to do."""
        return _BORROWS if (self._root / "info" / "alternates").is_file() else _LACKS

    def commits(self, limit: int) -> Iterator[Commit]:
        """Yield at most ``limit`` commits, newest first.

        Where the history is cut off, as in a shallow clone, the commits whose parent or trees are
        missing are left out.

        Raises:
            SourceError: An object is damaged, or the commit that is checked out is missing.
        """
        with self._translated():
            pending = [self._pending(self._head)]
            if pending[0] is None:
                raise SourceError(f"{self._root}: the commit that is checked out is missing", hint=self._lacks)
            queue = [item for item in pending if item is not None]
            seen = {self._head}
            while queue and limit > 0:
                _, name, raw = heapq.heappop(queue)
                limit -= 1
                parents = [parent.decode("ascii") for parent in raw.parents]
                known = [self._pending(parent) for parent in parents]
                for parent, item in zip(parents, known, strict=True):
                    if item is not None and parent not in seen:
                        seen.add(parent)
                        heapq.heappush(queue, item)
                if None in known:
                    continue
                changes = self._changes(parents[0], raw) if len(parents) == 1 else ()
                if changes is not None:
                    yield Commit(name, tuple(parents), _subject(raw), changes)

    def _pending(self, name: str) -> tuple[int, str, RawCommit] | None:
        """Return a commit as the queue orders it, or ``None`` where it is missing."""
        raw = self._commit(name)
        return None if raw is None else (-raw.commit_time, name, raw)

    def _commit(self, name: str) -> RawCommit | None:
        from dulwich.objects import Commit as RawCommit  # noqa: PLC0415 -- only where history is asked for
        from dulwich.objects import ObjectID  # noqa: PLC0415

        try:
            found = self._store[ObjectID(name.encode("ascii"))]
        except KeyError:
            return None
        return found if isinstance(found, RawCommit) else None

    def _changes(self, parent: str, raw: RawCommit) -> tuple[Change, ...] | None:
        """Return what a commit changes, nothing where that is too much to tell, or ``None`` where trees are missing."""
        before = self._commit(parent)
        if before is None:
            return None
        changes: list[Change] = []
        try:
            for old, new in self._difference(before.tree, raw.tree):
                entry = new or old
                if entry is not None and (path := safe_path(entry.path)) is not None:
                    changes.append(Change(path, _kind(old, new)))
                if len(changes) > _MAX_CHANGES:
                    return ()
        except KeyError:
            return None
        return tuple(sorted(changes, key=lambda change: change.path))

    def _difference(
        self, before: ObjectID | None, after: ObjectID | None
    ) -> Iterator[tuple[_Entry | None, _Entry | None]]:
        """Yield the regular files that two trees have differently, as (before, after)."""
        from dulwich.diff_tree import walk_trees  # noqa: PLC0415 -- only where history is asked for

        walk = walk_trees(self._store, before, after, prune_identical=True)
        for number, (old, new) in enumerate(walk):
            here = new or old
            if number >= _MAX_ENTRIES or (here is not None and len(here.path or b"") > _MAX_PATH_BYTES):
                raise SourceError(f"{self._root}: a tree in the history is too large to read")
            if old == new:
                continue
            sides = [
                _Entry(side.path, side.mode, side.sha)
                if side is not None and side.path and side.mode and side.sha and stat.S_ISREG(side.mode)
                else None
                for side in (old, new)
            ]
            if sides[0] is not None or sides[1] is not None:
                yield sides[0], sides[1]

    def peeled(self, name: str) -> str:
        """Return the commit that a tag, or a tag of a tag, is of; a commit itself.

        Raises:
            SourceError: It is missing, damaged, or no tag of a commit.
        """
        from dulwich.objects import Commit as RawCommit  # noqa: PLC0415 -- only where history is asked for
        from dulwich.objects import ObjectID, Tag  # noqa: PLC0415

        with self._translated():
            for _ in range(_MAX_TAGS):
                found = self._store[ObjectID(name.encode("ascii"))]
                if isinstance(found, RawCommit):
                    return name
                if not isinstance(found, Tag):
                    break
                name = found.object[1].decode("ascii")
        raise SourceError(f"{self._root}: {name} is no commit", hint="name a branch, a tag or a commit")

    def commits_like(self, digits: str) -> list[str]:
        """Return the commits whose id begins with some digits."""
        from dulwich.objects import Commit as RawCommit  # noqa: PLC0415 -- only where history is asked for
        from dulwich.objects import ObjectID  # noqa: PLC0415

        with self._translated():
            even = digits[: len(digits) // 2 * 2]
            ids = {ObjectID(found) for found in self._store.iter_prefix(even.encode("ascii"))}
            fitting = [found for found in ids if found.startswith(digits.encode("ascii"))]
            return [found.decode("ascii") for found in fitting if isinstance(self._store[found], RawCommit)]

    def entries(self, tree: ObjectID) -> list[tuple[bytes, int, ObjectID]]:
        """Return what is in a folder: name, mode and object.

        Raises:
            SourceError: It is missing or damaged.
        """
        from dulwich.objects import Tree  # noqa: PLC0415 -- only where history is asked for

        with self._translated():
            found = self._store[tree]
            if not isinstance(found, Tree):
                raise SourceError(f"{self._root}: {tree.decode('ascii', 'replace')} is no tree")
            return [(entry.path, entry.mode, entry.sha) for entry in found.iteritems()]

    def holds(self, blob: ObjectID) -> bool:
        """Whether a file's content is here: a partial clone lacks some."""
        with self._translated():
            return blob in self._store

    def tree_of(self, commit: str) -> ObjectID:
        """Return the id of a commit's tree.

        Raises:
            SourceError: The commit is missing or damaged.
        """
        from dulwich.objects import ObjectID  # noqa: PLC0415 -- only where history is asked for

        with self._translated():
            raw = self._commit(commit)
            if raw is None:
                raise SourceError(f"{self._root}: commit {commit} is missing", hint=self._lacks)
            return ObjectID(raw.tree)

    def read(self, blob: ObjectID) -> bytes:
        """Return the content of a file.

        Raises:
            SourceError: The object is missing, as in a partial clone, or damaged.
        """
        with self._translated():
            return self._store.get_raw(blob)[1]

    def difference(self, before: ObjectID | None, after: ObjectID) -> Iterator[tuple[_Entry | None, _Entry | None]]:
        """Yield the regular files that two trees have differently, as (before, after).

        Raises:
            SourceError: A tree is missing, damaged or too large.
        """
        with self._translated():
            yield from self._difference(before, after)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn what the library raises into one error of ours."""
        from dulwich.errors import (  # noqa: PLC0415 -- only where history is asked for
            ApplyDeltaError,
            ChecksumMismatch,
            FileFormatException,
            WrongObjectException,
        )

        damaged = (ApplyDeltaError, ChecksumMismatch, FileFormatException, WrongObjectException)
        try:
            yield
        except KeyError as exc:
            raise SourceError(
                f"{self._root}: objects of the history are missing",
                hint=self._lacks,
            ) from exc
        except (*damaged, *_DAMAGED) as exc:
            raise SourceError(
                f"{self._root}: the history cannot be read: {str(exc) or type(exc).__name__}",
                hint="run `git fsck` in the repository to see what is damaged",
            ) from exc


class WrittenTree:
    """A folder that holds the files of one commit after another; each time only what differs is written."""

    def __init__(self, history: GitHistory, folder: Path, limits: WriteLimits | None = None) -> None:
        """Start with an empty folder that nobody else writes to."""
        self._history = history
        self._folder = folder
        self._limits = limits or WriteLimits()
        self._tree: ObjectID | None = None
        self._sizes: dict[bytes, int] = {}
        self._total = 0
        self.left_out = 0
        """Files of the present tree that were too large, or whose path cannot be written safely."""
        self._left_out: set[bytes] = set()

    def write(self, commit: str) -> None:
        """Make the folder hold the files of a commit.

        Raises:
            SourceError: Objects are missing or damaged, or the tree is too large. The folder then holds part of it.
        """
        tree = self._history.tree_of(commit)
        most = 2 * self._limits.files  # all of one tree gone, and all of another come
        changes = list(islice(self._history.difference(self._tree, tree), most + 1))
        if len(changes) > most:
            raise SourceError(_TOO_LARGE)
        if self._tree is None:  # at first, or after a failure
            for path in list(self._sizes):
                self._remove(path)
        self._tree = None  # until all of it is written
        for old, _ in changes:
            if old is not None:
                self._remove(old.path)
        for _, new in changes:
            if new is not None:
                self._add(new)
        self._tree = tree
        self.left_out = len(self._left_out)

    def _remove(self, path: bytes) -> None:
        self._left_out.discard(path)
        if path not in self._sizes:
            return
        self._total -= self._sizes.pop(path)
        target = self._folder / os.fsdecode(path)
        target.unlink(missing_ok=True)
        for above in target.parents:
            if above == self._folder or any(above.iterdir()):
                break
            above.rmdir()

    def _add(self, entry: _Entry) -> None:
        path = safe_path(entry.path)
        data = None if path is None else self._history.read(entry.id)
        if path is None or data is None or len(data) > self._limits.file_bytes:
            self._left_out.add(entry.path)
            return
        if len(self._sizes) >= self._limits.files or self._total + len(data) > self._limits.total_bytes:
            raise SourceError(_TOO_LARGE)
        target = self._folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as stream:
                stream.write(data)
        except (FileExistsError, NotADirectoryError):  # two entries of one name, which git itself never writes
            self._left_out.add(entry.path)
            return
        except OSError as exc:
            raise SourceError(f"{target} cannot be written: {exc.strerror}") from exc
        self._sizes[entry.path] = len(data)
        self._total += len(data)


def safe_path(path: bytes) -> str | None:
    """Return a path of a tree as text, or ``None`` where it could lead out of a folder or to git's own files."""
    text = os.fsdecode(path)
    if "\0" in text or "\\" in text:
        return None
    for part in text.split("/"):
        plain = "".join(char for char in unicodedata.normalize("NFKC", part) if char not in _INVISIBLE)
        plain = plain.casefold().rstrip(". ")
        if part in {"", ".", ".."} or plain == ".git" or plain.startswith(".git:") or _GIT_ALIAS.fullmatch(plain):
            return None
    return text


def _kind(old: _Entry | None, new: _Entry | None) -> ChangeKind:
    if old is None:
        return ChangeKind.ADDED
    return ChangeKind.DELETED if new is None else ChangeKind.MODIFIED


def _subject(raw: RawCommit) -> str:
    encoding = (raw.encoding or b"utf-8").decode("ascii", "replace")
    try:
        message = raw.message.decode(encoding, "replace")
    except LookupError:
        message = raw.message.decode("utf-8", "replace")
    lines = message.strip().splitlines()
    return lines[0].strip()[:_MAX_SUBJECT_CHARS] if lines else ""


__all__ = ["GitHistory", "WriteLimits", "WrittenTree", "history_at", "safe_path"]
