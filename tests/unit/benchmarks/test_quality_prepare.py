# SPDX-License-Identifier: FSL-1.1-MIT
"""Preparing the quality benchmark from real git repositories made here: pinned commits, two forms, nothing run."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from git_trees import GitError, clone, commit_of, locate, write_tree
from prepare import Library, prepare, published_mean
from repositories import RepositoryHeldOut

FILES = {
    "src/flask/app.py": "app = 1\n",
    "tests/test_app.py": "assert 1\n",
    ".gitattributes": "*.py filter=evil eol=crlf\ntests export-ignore\n",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git with an identity and nobody's settings."""
    env = {
        **os.environ,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "tester" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }
    return subprocess.run(
        ["git", "-C", str(folder), *arguments], env=env, check=True, capture_output=True, text=True
    ).stdout.strip()


def repository(folder: Path, files: dict[str, str]) -> str:
    """Make a repository with one commit, or add one; return the commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--template=")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "files")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def mirrors(tmp_path: Path) -> Path:
    """Copies of one repository of the development set, of one that is held out, and of the set itself."""
    folder = tmp_path / "mirrors"
    pinned = repository(folder / "pallets+flask", FILES)
    repository(folder / "pallets+flask", {"src/flask/app.py": "app = 2\n"})
    repository(folder / "other+secret" / "repo", FILES)
    entries = [
        {"name": "flask", "language": "python", "url": "https://example.org/pallets/flask.git", "revision": pinned}
        | {"benchmark_root": "src/flask"},
        {"name": "secret", "language": "python", "url": "https://example.org/other/secret.git", "revision": "0" * 40},
    ]
    asked = [{"query": "app", "relevant": ["src/flask/app.py"], "secondary": [], "category": "symbol"}]
    scores = [{"repo": "flask", "ndcg10": 0.9}, {"repo": "secret", "ndcg10": 0.1}]
    repository(
        folder / "michalfedyna+semble",
        {
            "benchmarks/repos.json": json.dumps(entries),
            "benchmarks/annotations/flask.json": json.dumps(asked),
            "benchmarks/annotations/secret.json": json.dumps(asked),
            "benchmarks/results/semble-hybrid-0.json": json.dumps({"repos": scores}),
        },
    )
    return folder


def files_of(folder: Path) -> set[str]:
    """Paths of all files below a folder."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_pinned_commit_in_both_forms(mirrors: Path, tmp_path: Path) -> None:
    """The source folder keeps its place in the repository; attributes neither change nor leave out a file."""
    (prepared,) = prepare(["flask"], tmp_path / "out", mirrors)
    library = Library(tmp_path / "out")
    assert not prepared.is_nearest
    assert files_of(library.tree("source", "flask")) == {"src/flask/app.py"}
    assert files_of(library.tree("whole", "flask")) == set(FILES)
    assert (library.tree("whole", "flask") / "src/flask/app.py").read_bytes() == b"app = 1\n"
    assert library.repositories() == {"flask": prepared}
    assert [entry["query"] for entry in library.annotations("flask")] == ["app"]


def test_nothing_of_a_held_out_repository_is_written(mirrors: Path, tmp_path: Path) -> None:
    """Without --held-out a repository outside the development set is refused, and its published figure left out."""
    with pytest.raises(RepositoryHeldOut):
        prepare(["secret"], tmp_path / "out", mirrors)
    prepare(["flask"], tmp_path / "out", mirrors)
    assert Library(tmp_path / "out").published() == {"semble": {"flask": 0.9}}
    assert not any("secret" in path for path in files_of(tmp_path / "out"))


def test_nearest_commit_is_marked(mirrors: Path, tmp_path: Path) -> None:
    """Where a copy lacks the pinned commit its newest is used, and said to be another."""
    (prepared,) = prepare(["secret"], tmp_path / "out", mirrors, held_out=True)
    assert prepared.is_nearest
    assert prepared.commit == git(mirrors / "other+secret" / "repo", "rev-parse", "HEAD")


def test_what_is_ready_stays(mirrors: Path, tmp_path: Path) -> None:
    """A second run writes no tree anew."""
    prepare(["flask"], tmp_path / "out", mirrors)
    marker = tmp_path / "out" / "whole" / "flask" / "marker"
    marker.touch()
    prepare(["flask"], tmp_path / "out", mirrors)
    assert marker.exists()


def test_links_and_submodules_are_left_out(tmp_path: Path) -> None:
    """Only regular files are written."""
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "link").symlink_to("/etc/passwd")
    first = repository(folder, {"a.py": "a\n"})
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{first},module")
    git(folder, "commit", "--quiet", "--message", "module")
    commit = commit_of(folder / ".git", "HEAD")
    assert commit is not None
    written = write_tree(folder / ".git", commit, tmp_path / "out")
    assert (written.files, written.missing) == (1, ())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.py"]


def test_missing_objects_are_named(tmp_path: Path) -> None:
    """A file whose content the copy lacks is left out and said to be missing."""
    folder = tmp_path / "tree"
    commit = repository(folder, {"a.py": "a\n", "large.gif": "gif\n"})
    blob = git(folder, "rev-parse", "HEAD:large.gif")
    (folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    assert write_tree(folder / ".git", commit, tmp_path / "out").missing == ("large.gif",)


def test_hostile_path_is_refused(tmp_path: Path) -> None:
    """A tree that would write outside of its folder or into a git directory is refused."""
    folder = tmp_path / "tree"
    repository(folder, {"a.py": "a\n"})
    blob = git(folder, "rev-parse", "HEAD:a.py")
    for name in ("..", ".git"):
        entry = f"100644 blob {blob}\thook\n"
        inner = _made(folder, "mktree", entry)
        outer = _made(folder, "mktree", f"040000 tree {inner}\t{name}\n")
        commit = _made(folder, "commit-tree", "", outer, "-m", "hostile")
        with pytest.raises(GitError, match="holds the path"):
            write_tree(folder / ".git", commit, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "hook").exists()


def _made(folder: Path, command: str, text: str, *arguments: str) -> str:
    identity = ["-c", "user.name=tester", "-c", "user.email=tester"]
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, command, *arguments],
        input=text,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def test_clone_brings_the_history(mirrors: Path, tmp_path: Path) -> None:
    """Without local copies git fetches a repository whole, once."""
    target = tmp_path / "git" / "flask.git"
    url = (mirrors / "pallets+flask").as_uri()
    assert clone(url, target) == clone(url, target) == target
    assert git(target, "rev-list", "--count", "HEAD") == "2"


def test_clone_failure_is_told(tmp_path: Path) -> None:
    """A repository that is not there is an error, and leaves nothing that looks like a copy."""
    with pytest.raises(GitError, match="git clone"):
        clone((tmp_path / "nothing").as_uri(), tmp_path / "git" / "nothing.git")
    assert not (tmp_path / "git" / "nothing.git").exists()


def test_missing_copy_is_told(mirrors: Path) -> None:
    """A folder of copies without the repository is an error that names it."""
    assert locate(mirrors, "Pallets/Flask").parent.name == "pallets+flask"
    with pytest.raises(GitError, match="pallets/click"):
        locate(mirrors, "pallets/click")


def test_published_mean_needs_every_repository() -> None:
    """A mean over other repositories than those measured is not given."""
    assert published_mean({"a": 0.5, "b": 0.7, "c": 0.0}, ["a", "b"]) == pytest.approx(0.6)
    assert published_mean({"a": 0.5}, ["a", "b"]) is None
    assert published_mean({}, []) is None
