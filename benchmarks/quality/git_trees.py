# SPDX-License-Identifier: FSL-1.1-MIT
"""Reads commits out of git repositories as plain files.

Objects are read and written down as they are: no hook, filter, attribute, submodule or link of what is read takes part.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

_REGULAR = frozenset({"100644", "100755"})
_UNSAFE = frozenset({"", ".", "..", ".git"})


class GitError(Exception):
    """Git could not give what was asked for."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a tree."""

    files: int
    missing: tuple[str, ...]
    """Paths that the commit has and the copy of the repository does not: copies may leave out what is large."""


def locate(mirrors: Path, owner_and_name: str) -> Path:
    """Return the git directory of a repository among local copies.

    Each copy is a folder ``owner+name``, ``name`` or ``name.git``, bare or not, or with the repository in ``repo``.

    Raises:
        GitError: There is none.
    """
    owner, name = owner_and_name.lower().split("/")
    wanted = (f"{owner}+{name}", name, f"{name}.git")
    if not mirrors.is_dir():
        raise GitError(f"no folder {mirrors}")
    folders = {path.name.lower(): path for path in mirrors.iterdir()}
    for folder in (folders[key] for key in wanted if key in folders):
        for candidate in (folder / "repo", folder / "repo" / ".git", folder / ".git", folder):
            if (candidate / "HEAD").is_file() and (candidate / "objects").is_dir():
                return candidate
    raise GitError(f"no copy of {owner_and_name} in {mirrors}")


def clone(url: str, target: Path) -> Path:
    """Copy a repository from the network, bare and with its history, unless it is there.

    Raises:
        GitError: It cannot be had.
    """
    if not (target / "HEAD").is_file():
        partial = target.with_name(target.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        _checked(["git", "clone", "--quiet", "--bare", "--template=", url, str(partial)], os.environ | _quiet())
        partial.rename(target)
    return target


def commit_of(repository: Path, revision: str) -> str | None:
    """Return the full id of a commit, or ``None`` where the repository does not have it whole."""
    done = _run(repository, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    return done.stdout.decode().strip() if done.returncode == 0 else None


def fetch(repository: Path, revision: str) -> None:
    """Try to get a commit that a clone did not bring, such as one of a branch that is gone."""
    subprocess.run(
        ["git", "--git-dir", str(repository), "fetch", "--quiet", "--depth=1", "origin", revision],
        env=os.environ | _quiet(),
        capture_output=True,
        check=False,
    )


def read_json(repository: Path, commit: str, path: str) -> Any:  # noqa: ANN401 -- as JSON is
    """Read a JSON file of a commit.

    Raises:
        GitError: It is not there.
    """
    done = _run(repository, "cat-file", "blob", f"{commit}:{path}")
    if done.returncode:
        raise GitError(f"{path} is not in {commit} of {repository.name}")
    return json.loads(done.stdout)


def list_paths(repository: Path, commit: str, folder: str) -> list[str]:
    """Return the paths of the files right in a folder of a commit."""
    done = _run(repository, "ls-tree", "-z", "--name-only", commit, f"{folder}/")
    return [os.fsdecode(path) for path in done.stdout.split(b"\0") if path]


def write_tree(repository: Path, commit: str, target: Path, below: str = "") -> Written:
    """Write a commit's regular files into a folder, which is replaced.

    Args:
        repository: Git directory.
        commit: Full id.
        target: Folder to make; paths in it are relative to the repository's root.
        below: Only files of this folder; empty for all.

    Raises:
        GitError: The commit is not there, or a path leads out of the folder.
    """
    missing: list[str] = []
    entries = list(_entries(repository, commit, below))
    if not entries:
        raise GitError(f"{commit} of {repository} has no file below {below or 'its root'}")
    partial = target.with_name(target.name + ".part")
    shutil.rmtree(partial, ignore_errors=True)
    with tempfile.TemporaryFile() as wanted:
        wanted.write("".join(f"{blob}\n" for blob, _ in entries).encode())
        wanted.seek(0)
        with subprocess.Popen(
            ["git", "--git-dir", str(repository), "cat-file", "--batch"],
            stdin=wanted,
            stdout=subprocess.PIPE,
            env=_environment(),
        ) as process:
            assert process.stdout is not None  # noqa: S101 -- it was asked for
            for _, path in entries:
                data = _next_blob(process.stdout)
                if data is None:
                    missing.append(path)
                    continue
                place = partial / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(data)
    shutil.rmtree(target, ignore_errors=True)
    partial.rename(target)
    return Written(len(entries) - len(missing), tuple(missing))


def _entries(repository: Path, commit: str, below: str) -> Iterator[tuple[str, str]]:
    """Yield blob and path of a commit's regular files."""
    selected = [f"{below}/"] if below else []
    done = _run(repository, "ls-tree", "-r", "-z", "--full-tree", commit, *selected)
    if done.returncode:
        raise GitError(f"{commit} of {repository} cannot be listed: {done.stderr.decode(errors='replace').strip()}")
    for entry in done.stdout.split(b"\0"):
        if not entry:
            continue
        head, _, name = entry.partition(b"\t")
        mode, _, blob = head.decode("ascii").split(" ")
        path = os.fsdecode(name)
        if mode not in _REGULAR:
            continue
        if path.startswith("/") or _UNSAFE & {part.lower() for part in path.split("/")}:
            raise GitError(f"{commit} of {repository} holds the path {path!r}")
        yield blob, str(PurePosixPath(path))


def _next_blob(stream: IO[bytes]) -> bytes | None:
    """Return the next object that `git cat-file --batch` prints; ``None`` where it is not there."""
    head = stream.readline().decode("ascii").split()
    if len(head) != 3:
        return None
    data = stream.read(int(head[2]))
    stream.read(1)  # the newline after it
    return data


def _run(repository: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["git", "--git-dir", str(repository), *arguments], env=_environment(), capture_output=True, check=False
    )


def _checked(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GitError(f"`{' '.join(command[:2])}` failed: {done.stderr.strip()[-500:]}")


def _environment() -> dict[str, str]:
    """Return an environment in which nobody's settings take part and a missing object is not fetched one by one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_NO_LAZY_FETCH": "1"}
    return {**kept, **alone, **_quiet()}


def _quiet() -> dict[str, str]:
    return {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
