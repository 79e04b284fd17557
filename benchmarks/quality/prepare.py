# SPDX-License-Identifier: FSL-1.1-MIT
"""Puts what the quality benchmark needs into a folder: the questions, and each repository at its pinned commit.

python benchmarks/quality/prepare.py --out DIR                  from the network, with git
python benchmarks/quality/prepare.py --out DIR --mirrors DIR    from local copies, named owner+name
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import git_trees
from git_trees import GitError
from repositories import (
    SET_INDEX,
    SET_REVISION,
    SET_URL,
    RepositoryHeldOut,
    RepositoryUnknown,
    Specification,
    annotations_path,
    chosen,
    specification,
)

OUT: Final = Path(__file__).resolve().parents[2] / "build" / "quality"
_MANIFEST: Final = "manifest.json"
_PUBLISHED: Final = "published.json"
_RESULTS: Final = "benchmarks/results"
_TOOLS: Final = {"semble-hybrid": "semble", "coderankembed": "CodeRankEmbed, hybrid", "ripgrep-fixed": "ripgrep"}
"""Committed results of semble's benchmark: how the file's name starts, and what they are of."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A repository that is ready to be indexed."""

    name: str
    language: str
    url: str
    root: str
    """Folder that the set ``source`` indexes, relative to the repository; empty for all."""
    pinned: str
    """Commit that the questions were written for."""
    commit: str
    """Commit that is used: the pinned one where it can be had."""
    git_dir: str
    """Where its history is."""

    @property
    def is_nearest(self) -> bool:
        """Whether another commit than the pinned one is used."""
        return self.commit != self.pinned


@dataclass(frozen=True, slots=True)
class Library:
    """The folder that :func:`prepare` fills."""

    folder: Path

    def repositories(self) -> dict[str, Prepared]:
        """Return what is ready, by name."""
        path = self.folder / _MANIFEST
        if not path.exists():
            return {}
        return {entry["name"]: Prepared(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))}

    def published(self) -> dict[str, dict[str, float]]:
        """Return published NDCG@10 by system and repository."""
        path = self.folder / _PUBLISHED
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def annotations(self, name: str) -> list[dict[str, Any]]:
        """Return the questions about a repository as the set has them."""
        entries: list[dict[str, Any]] = json.loads(self._questions(name).read_text(encoding="utf-8"))
        return entries

    def tree(self, form: str, name: str) -> Path:
        """Return a repository's files; ``form`` is ``source`` or ``whole``."""
        return self.folder / form / name

    def keep(self, prepared: Prepared, annotations: Sequence[Mapping[str, Any]]) -> None:
        """Note that a repository is ready."""
        self._questions(prepared.name).parent.mkdir(parents=True, exist_ok=True)
        _write_json(self._questions(prepared.name), annotations)
        ready = {**self.repositories(), prepared.name: prepared}
        _write_json(self.folder / _MANIFEST, [asdict(entry) for entry in ready.values()])

    def keep_published(self, figures: Mapping[str, Mapping[str, float]]) -> None:
        """Keep published figures, beside those of repositories kept before."""
        known = self.published()
        _write_json(self.folder / _PUBLISHED, {tool: {**known.get(tool, {}), **figures[tool]} for tool in figures})

    def _questions(self, name: str) -> Path:
        return self.folder / "questions" / f"{name}.json"


def prepare(names: Sequence[str], out: Path, mirrors: Path | None, *, held_out: bool = False) -> list[Prepared]:
    """Make everything ready; what is ready already stays.

    Args:
        names: Repositories; empty for the development set.
        out: Folder to fill.
        mirrors: Local copies of the repositories; ``None`` for the network.
        held_out: Whether repositories outside the development set may be used.

    Raises:
        RepositoryHeldOut: One of them may not be used.
        RepositoryUnknown: The set does not have one of them.
        GitError: Something cannot be had.
    """
    out.mkdir(parents=True, exist_ok=True)
    library = Library(out.resolve())
    source = _git_dir(library.folder, mirrors, SET_URL)
    revision = git_trees.commit_of(source, SET_REVISION) or git_trees.commit_of(source, "HEAD")
    if revision is None:
        raise GitError(f"{SET_URL} has no commit")
    known = {entry["name"]: entry for entry in git_trees.read_json(source, revision, SET_INDEX)}
    wanted = chosen(names, known, held_out=held_out)
    ready = []
    for name in wanted:
        repository = _prepare_one(specification(known[name]), library, mirrors)
        library.keep(repository, git_trees.read_json(source, revision, annotations_path(name)))
        ready.append(repository)
    library.keep_published(_published(source, revision, wanted))
    return ready


def _prepare_one(wanted: Specification, library: Library, mirrors: Path | None) -> Prepared:
    git_dir = _git_dir(library.folder, mirrors, wanted.url)
    commit = git_trees.commit_of(git_dir, wanted.revision)
    if commit is None and mirrors is None:
        git_trees.fetch(git_dir, wanted.revision)
        commit = git_trees.commit_of(git_dir, wanted.revision)
    commit = commit or git_trees.commit_of(git_dir, "HEAD")
    if commit is None:
        raise GitError(f"{wanted.url} has no commit")
    prepared = Prepared(
        wanted.name, wanted.language, wanted.url, wanted.root, wanted.revision, commit, str(git_dir.resolve())
    )
    before = library.repositories().get(wanted.name)
    for form, below in (("source", wanted.root), ("whole", "")):
        tree = library.tree(form, wanted.name)
        if before is None or before.commit != commit or not tree.is_dir():
            tree.parent.mkdir(exist_ok=True)
            written = git_trees.write_tree(git_dir, commit, tree, below)
            absent = f"; the copy lacks {', '.join(written.missing)}" if written.missing else ""
            print(f"  {wanted.name}, {form}: {written.files} files{absent}", file=sys.stderr)
    return prepared


def _git_dir(out: Path, mirrors: Path | None, url: str) -> Path:
    owner_and_name = "/".join(url.removesuffix(".git").rsplit("/", 2)[-2:])
    if mirrors is not None:
        return git_trees.locate(mirrors, owner_and_name)
    return git_trees.clone(url, out / "git" / f"{owner_and_name.replace('/', '+')}.git")


def _published(source: Path, revision: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return what semble's authors published about these repositories, and about no other."""
    found: dict[str, dict[str, float]] = {}
    for path in git_trees.list_paths(source, revision, _RESULTS):
        tool = next((tool for start, tool in _TOOLS.items() if Path(path).name.startswith(start)), None)
        if tool is not None:
            entries = git_trees.read_json(source, revision, path)["repos"]
            found[tool] = {
                entry["repo"]: float(entry["ndcg10"])
                for entry in entries
                if entry["repo"] in names and entry.get("mode", "hybrid") == "hybrid"
            }
    return found


def published_mean(figures: Mapping[str, float], names: Sequence[str]) -> float | None:
    """Return the mean over exactly these repositories, or ``None`` where one was not published."""
    if not names or any(name not in figures for name in names):
        return None
    return statistics.fmean(figures[name] for name in names)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="folder to fill (default: build/quality)")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories; no network")
    parser.add_argument("--repo", action="append", default=[], metavar="NAME", help="only this repository; repeatable")
    parser.add_argument("--held-out", action="store_true", help="allow repositories outside the development set")
    options = parser.parse_args()
    try:
        ready = prepare(options.repo, options.out, options.mirrors, held_out=options.held_out)
    except (RepositoryHeldOut, RepositoryUnknown, GitError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    nearest = [repository.name for repository in ready if repository.is_nearest]
    print(f"{len(ready)} repositories in {options.out}")
    if nearest:
        print(f"not at the pinned commit, which the copy does not have: {', '.join(nearest)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
