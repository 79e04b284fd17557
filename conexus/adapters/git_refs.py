# SPDX-License-Identifier: FSL-1.1-MIT
"""Finds what a branch, tag or commit is called and names, from git's files alone.

The files of a ref are a view of their repository whose root is a place that can be no working tree: the ref's path
below git's folder, as ``/src/flask/.git/refs/heads/main``, or ``/src/flask/.git/commits/<id>`` for a commit. So whoever
names trees by their roots can name refs.
"""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path

from conexus.adapters import git_metadata
from conexus.adapters.git_history import GitHistory
from conexus.errors import SourceError
from conexus.types import Checkout

_COMMITS = "commits/"
_PREFIXES = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/")  # in git's order
_FULL_ID = re.compile(r"[0-9a-f]{40}")
_SHORT_ID = re.compile(r"[0-9a-f]{7,40}")
_BRANCHES = "refs/heads/"


def ref_checkout(folder: Path, name: str) -> Checkout:
    """Return the files of a ref as a checkout.

    Args:
        folder: A folder of the repository, or a bare repository.
        name: A branch, tag or commit: its name, its full name, or at least seven digits of a commit.

    Raises:
        SourceError: The folder is in no repository, or that has no such ref, or keeps its refs or objects in a form
            that is not read.
    """
    common = _common_folder(folder.resolve())
    full = next((found for prefix in _PREFIXES if _commit_of(common, found := prefix + name) is not None), None)
    if full is None and _SHORT_ID.fullmatch(name.lower()):
        full = f"{_COMMITS}{_whole_id(common, name.lower())}"
    if full is None or not full.startswith(("refs/", _COMMITS)):
        if name == "HEAD" and full is not None:
            return ref_checkout(folder, _commit_of(common, name) or name)
        raise SourceError(f"{_shown(common)} has no branch, tag or commit {name!r}", hint=_hint(common))
    return _checkout(common, full)


def ref_at(root: Path) -> Checkout | None:
    """Return the checkout whose root a path is, as :func:`ref_checkout` made it; nothing where it is no ref's.

    Raises:
        SourceError: It was a ref's, which is gone.
    """
    for folder in root.parents:
        below = root.relative_to(folder).as_posix()
        if below.startswith(("refs/", _COMMITS)) and git_metadata.is_git_folder(folder) and not folder.is_symlink():
            if below.count("/") < (1 if below.startswith(_COMMITS) else 2):
                return None
            return _checkout(folder, below)
    return None


def commit_at(root: Path) -> str | None:
    """Return the commit that a ref names now, by its root; nothing where it is gone."""
    try:
        found = ref_at(root)
    except SourceError:
        return None
    return None if found is None else found.head


def git_folder_of(checkout: Checkout) -> Path:
    """Return git's folder of a ref's checkout."""
    return checkout.root.parents[checkout.ref.count("/")]


def _checkout(common: Path, full: str) -> Checkout:
    commit = full.removeprefix(_COMMITS) if full.startswith(_COMMITS) else _commit_of(common, full)
    if commit is None:
        raise SourceError(f"{_shown(common)} has no {full!r} any more", hint="`git branch --all` lists what there is")
    with closing(GitHistory(common / "objects", commit)) as history:
        commit = history.peeled(commit)
    repo, name = git_metadata.repository_of(common)
    branch = full.removeprefix(_BRANCHES) if full.startswith(_BRANCHES) else None
    return Checkout(common / full, repo, name, commit, branch, full)


def _common_folder(folder: Path) -> Path:
    for place in (folder, *folder.parents):
        found = git_metadata.git_folders(place)
        if found is not None:
            return found.common
        if git_metadata.is_git_folder(place):
            return place
        if git_metadata.is_nested_checkout(str(place)):
            break  # it points to a repository that does not know it
    raise SourceError(f"{folder} is in no git repository", hint="only repositories have refs")


def _commit_of(common: Path, name: str) -> str | None:
    """Return the object that a ref names, by its full name."""
    if name == "HEAD":
        return git_metadata.head_of(common)
    return git_metadata.resolve_ref(name, common) if name.startswith("refs/") else None


def _whole_id(common: Path, digits: str) -> str:
    with closing(GitHistory(common / "objects", "0" * 40)) as history:
        found = [digits] if _FULL_ID.fullmatch(digits) else history.commits_like(digits)
    if len(found) != 1:
        what = "no commit" if not found else "several objects"
        raise SourceError(f"{_shown(common)} has {what} {digits}", hint="give the whole id")
    return found[0]


def _hint(common: Path) -> str:
    config = git_metadata.GitFolders(common, common).config
    if (config.get("extensions", "refstorage") or "files").lower() != "files":
        return "its refs are kept in a reftable, which is not read: name a commit by its id"
    return "`git branch --all` and `git tag` list what there is; `git fetch` brings what is not here yet"


def _shown(common: Path) -> str:
    return str(common.parent if common.name == ".git" else common)


def is_gone(root: Path, ref: str) -> bool:
    """Whether a view's tree, or the ref that it is of, is not there any more.

    What merely cannot be looked at is not gone.
    """
    if ref:
        return commit_at(root) is None and root.parents[ref.count("/")].parent.is_dir()
    try:
        os.lstat(root)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
