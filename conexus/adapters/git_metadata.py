# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds the working tree around a path and names its repository, by reading git's files.

Git itself is never run: a repository's configuration can make it start programs.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from pathlib import Path

from conexus.adapters.git_config import GitConfig, read_config
from conexus.adapters.regular_files import read_below, read_regular
from conexus.errors import SourceError
from conexus.remotes import normalize_remote
from conexus.types import Checkout, RepoId
from conexus.values import dataclass

_POINTER_BYTES = 8192  # HEAD, commondir, a loose ref
_PACKED_REFS_BYTES = 1 << 26
_MAX_REF_HOPS = 5  # git's own limit on symbolic refs
_MAX_SWITCH_S = 30.0  # a larger switch is noticed when it is over
_LOOK_EVERY_S = 0.02
_AFTER_LOCK_S = 0.05
_PATH_HASH_CHARS = 6
_OID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/(?!.*(?:\.\.|//|/\.))[^\x00-\x20\x7f~^:?*\[\\]+")
_BRANCH = "refs/heads/"
_REFTABLE_HEAD = "refs/heads/.invalid"  # what HEAD says where the refs are kept in a table
_UNSAFE_IN_NAME = re.compile(r"[^\w.+-]+")


@dataclass(frozen=True, slots=True)
class GitFolders:
    """Where git keeps its files for one working tree."""

    private: Path
    """HEAD and index of this working tree."""
    common: Path
    """Configuration, refs and ``info/exclude``, which all worktrees share."""

    @property
    def config(self) -> GitConfig:
        """The repository's own settings."""
        return read_config(self.common / "config", follow=False)


def find_checkout(path: Path, *, home: Path | None = None) -> Checkout:
    """Describe the working tree that holds ``path``: the nearest folder with ``.git``, or else ``path`` itself.

    Args:
        path: An existing folder.
        home: Where the search upwards ends, so that dotfiles under git do not claim every folder of a
            home directory. ``home`` itself is looked at only where it is ``path``.

    Raises:
        SourceError: ``path`` lies in a repository without working tree.
    """
    path = Path(os.path.realpath(path))
    root = _find_root(path, None if home is None else Path(os.path.realpath(home)))
    folders = git_folders(root)
    if folders is None:
        return Checkout(root, _local_id(root), root.name or "root")
    config = folders.config
    if config.is_true("core", "bare") and folders.private == folders.common:
        raise SourceError(
            f"{root} holds a bare git repository, which has no files",
            hint="Name one of its worktrees, or clone it and index the clone.",
        )
    remote = _remote(config)
    # Worktrees of a repository without remote are one repository, known by the first of them.
    linked = folders.private != folders.common and folders.common.name == ".git"
    repo = RepoId(remote) if remote else _local_id(folders.common.parent if linked else root)
    head, branch = _head(folders)
    return Checkout(root, repo, repo.rpartition("/")[2] if remote else root.name or "root", head, branch)


def git_folders(root: Path) -> GitFolders | None:
    """Return where git keeps its files for ``root``, or ``None`` where ``root`` is no working tree.

    A tree may have been made to do harm: folders outside of it are git's only where they name the tree in turn, as
    those of worktrees and submodules do.
    """
    marker = root / ".git"
    if marker.is_symlink():
        private = Path(os.path.realpath(marker))
    elif is_git_folder(marker):
        return GitFolders(marker, marker)
    else:
        target = _pointer(marker, "gitdir:")
        if target is None:
            return None
        private = Path(os.path.normpath(root / target))
    if read_regular(private / "HEAD", _POINTER_BYTES, follow=False) is None or not _belongs_to(private, root):
        return None
    pointer = _pointer(private / "commondir", "")
    common = private if pointer is None else Path(os.path.normpath(private / pointer))
    if common != private and common / "worktrees" != private.parent:
        return None
    return GitFolders(private, common)


def _belongs_to(private: Path, root: Path) -> bool:
    """Whether a folder of git's lies in a tree, or names it as its own."""
    back = _pointer(private / "gitdir", "")
    worktree = read_config(private / "config", follow=False).get("core", "worktree")
    try:
        if Path(os.path.realpath(private)).is_relative_to(os.path.realpath(root)):
            return True
        if back is not None:
            return (private / back).samefile(root / ".git")
        return worktree is not None and (private / worktree).samefile(root)
    except (OSError, ValueError):
        return False


def git_target(root: Path) -> Path:
    """Return the folder that ``.git`` is or leads to."""
    target = _pointer(root / ".git", "gitdir:", follow=True)
    return root / ".git" if target is None else root / target


def is_foreign(root: Path) -> bool:
    """Whether ``.git`` leads to a folder outside of the tree that does not name the tree, so that it is not read."""
    return git_folders(root) is None and is_nested_checkout(str(root))


def top_of(folder: Path) -> Path | None:
    """Return the working tree that holds a folder, or ``None`` where none does."""
    return next((place for place in (folder, *folder.parents) if git_folders(place) is not None), None)


def is_nested_checkout(folder: str) -> bool:
    """Whether the ``.git`` in a folder makes it a working tree of its own."""
    marker = Path(folder) / ".git"
    return is_git_folder(marker) or _pointer(marker, "gitdir:", follow=True) is not None


def _remote(config: GitConfig) -> str | None:
    """Return the normalised address of ``origin``, or else of the first remote that is not a local path."""
    for name in sorted(config.subsections("remote"), key=lambda name: name != "origin"):
        urls = config.all("remote", "url", name)
        remote = normalize_remote(urls[0]) if urls else None
        if remote:
            return remote
    return None


def _local_id(path: Path) -> RepoId:
    digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:_PATH_HASH_CHARS]
    name = _UNSAFE_IN_NAME.sub("-", path.name).strip("-") or "folder"
    return RepoId(f"local/{name}-{digest}")


def _find_root(path: Path, home: Path | None) -> Path:
    for folder in (path, *path.parents):
        if folder == home and folder != path:
            break
        if git_folders(folder) is not None or is_nested_checkout(str(folder)):
            return folder
        if is_git_folder(folder):
            inside = folder.name == ".git"
            what = "the inside of a git repository" if inside else "a bare git repository"
            raise SourceError(
                f"{folder} is {what}, not source code",
                hint=f"Index {folder.parent} instead." if inside else "Clone it, and index the clone.",
            )
    return path


def is_git_folder(folder: Path) -> bool:
    """Whether a folder is where git keeps its files: a ``.git``, or a bare repository."""
    try:
        linked = (folder / "commondir").is_file()
        return (folder / "HEAD").is_file() and (
            linked or ((folder / "objects").is_dir() and (folder / "refs").is_dir())
        )
    except OSError:
        return False


def _pointer(path: Path, prefix: str, *, follow: bool = False) -> str | None:
    """Return the path that a file like ``.git`` or ``commondir`` holds."""
    data = read_regular(path, _POINTER_BYTES, follow=follow)
    if data is None or not data.startswith(prefix.encode()):
        return None
    target = os.fsdecode(data[len(prefix) :]).strip()
    return target if target and "\0" not in target and "\n" not in target else None


def _head(folders: GitFolders) -> tuple[str | None, str | None]:
    """Return commit and branch; ``None`` for what is unborn, detached or kept in a reftable."""
    text = _read_line(folders.private, "HEAD")
    ref = text.removeprefix("ref:").strip()
    if not text.startswith("ref:"):
        return (text if _OID.fullmatch(text) else None), None
    if ref == _REFTABLE_HEAD or not _REF.fullmatch(ref):
        return None, None
    branch = ref.removeprefix(_BRANCH)
    return resolve_ref(ref, folders.common), branch


def head_now(root: Path) -> tuple[str | None, str | None, bool]:
    """Return commit and branch of a working tree as they are now, and whether git knows it.

    Git changes files first, under a lock, and says last what is checked out. So this waits as long as there is a lock,
    and a moment longer; not for one that is so old that whoever made it is gone, nor for ever.
    """
    folders = git_folders(root)
    if folders is None:
        return None, None, False
    until = time.monotonic() + _MAX_SWITCH_S
    was_locked = False
    while time.monotonic() < until and _is_young(folders.private / "index.lock"):
        was_locked = True
        time.sleep(_LOOK_EVERY_S)
    if was_locked:
        time.sleep(_AFTER_LOCK_S)
    return *_head(folders), True


def _is_young(lock: Path) -> bool:
    try:
        return abs(time.time() - lock.lstat().st_mtime) < _MAX_SWITCH_S
    except OSError:
        return False


def repository_of(common: Path) -> tuple[RepoId, str]:
    """Return id and short name of the repository whose files git keeps in a folder; a bare one has both, too."""
    remote = _remote(GitFolders(common, common).config)
    place = common.parent if common.name == ".git" else common
    repo = RepoId(remote) if remote else _local_id(place)
    return repo, repo.rpartition("/")[2] if remote else place.name.removesuffix(".git") or "root"


def head_of(common: Path) -> str | None:
    """Return the commit that is checked out in the first working tree, or that a bare repository points to."""
    return _head(GitFolders(common, common))[0]


def resolve_ref(ref: str, common: Path) -> str | None:
    """Return the object that a ref names, as a commit or the tag of one; nothing where there is none."""
    if not _REF.fullmatch(ref):
        return None
    for _ in range(_MAX_REF_HOPS):
        text = _read_line(common, ref)
        if _OID.fullmatch(text):
            return text
        if not text.startswith("ref:"):
            return _packed(ref, common)
        ref = text.removeprefix("ref:").strip()
        if not _REF.fullmatch(ref):
            return None
    return None


def _packed(ref: str, common: Path) -> str | None:
    data = read_below(common, "packed-refs", _PACKED_REFS_BYTES) or b""
    match = re.search(rb"^([0-9a-f]+) " + re.escape(os.fsencode(ref)) + rb"\r?$", data, re.MULTILINE)
    commit = match[1].decode() if match else ""
    return commit if _OID.fullmatch(commit) else None


def _read_line(folder: Path, path: str) -> str:
    return os.fsdecode(read_below(folder, path, _POINTER_BYTES) or b"").strip()
