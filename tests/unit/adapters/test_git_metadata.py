# SPDX-License-Identifier: FSL-1.1-MIT
"""Checkouts, remotes, configuration and index against repositories made by real git."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.adapters.git_config import parse_config
from conexus.adapters.git_index import TrackedPaths, read_index
from conexus.adapters.git_metadata import find_checkout, git_folders, is_nested_checkout
from conexus.errors import SourceError
from conexus.remotes import normalize_remote

_TOKEN = "s3cr3t"  # noqa: S105 -- a credential that must not show up again


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@localhost",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@localhost",
        "GIT_ALLOW_PROTOCOL": "file",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, check=True
    )
    return done.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "work" / "shop"
    (root / "src").mkdir(parents=True)
    _git(root, "init", "-q", "-b", "main")
    (root / "src" / "a.py").write_text("a = 1\n")
    _git(root, "add", "-A")
    _git(root, "commit", "-q", "-m", "first")
    return root


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("git@github.com:Pallets/flask.git", "github.com/Pallets/flask"),
        ("github.com:pallets/flask", "github.com/pallets/flask"),
        ("ssh://git@github.com/pallets/flask/", "github.com/pallets/flask"),
        ("ssh://git@github.com:22/pallets/flask.git", "github.com/pallets/flask"),
        ("ssh://git@host:2222/a/b", "host:2222/a/b"),
        (f"https://user:{_TOKEN}@GitHub.com:443/pallets/flask.git", "github.com/pallets/flask"),
        (f"https://{_TOKEN}@host:8443/a/b?private_token={_TOKEN}#{_TOKEN}", "host:8443/a/b"),
        (f"https://user:{_TOKEN}@{_TOKEN}@host/a/b", "host/a/b"),
        (f"user:{_TOKEN}@host:a/b", "host/a/b"),
        (f"https://user:{_TOKEN}/{_TOKEN}@host/a/b", None),
        (f"https://user/{_TOKEN}@host/a/b", None),
        ("git://host.org/a.git", "host.org/a"),
        ("http://host:80/a//b.git", "host/a/b"),
        ("host:/srv/git/a.git", "host/srv/git/a"),
        ("git@[::1]:a/b.git", "[::1]/a/b"),
        ("https://[2001:db8::1]:8080/a", "[2001:db8::1]:8080/a"),
        ("https://host./a", "host/a"),
        ("file:///srv/a.git", None),
        ("/srv/a.git", None),
        ("../a.git", None),
        ("~/a.git", None),
        ("a", None),
        ("C:/a/b", None),
        ("C:\\a\\b", None),
        ("ext::sh -c true", None),
        ("https://host/a/../b", None),
        ("https://host/", None),
        ("https://host:99999/a", None),
        ("https://ho st/a", None),
        ("https://host/a b", None),
        ("https://host/\u202ea", None),
        ("", None),
    ],
)
def test_remotes_are_normalised(url: str, expected: str | None) -> None:
    """Every spelling of a remote gives one id, without credentials; local paths give none."""
    assert normalize_remote(url) == expected


@settings(max_examples=300)
@given(st.text(alphabet="abC:/@.[]~\\%? #-_0\n", max_size=30))
def test_normalised_remotes_are_clean(url: str) -> None:
    """Whatever a configuration holds, an id has a host and a path and nothing else."""
    remote = normalize_remote(url)
    if remote is not None:
        host, _, path = remote.partition("/")
        assert host == host.lower()
        assert path
        assert not set(remote) & set("@ ?#\\\n")
        assert ".." not in remote.split("/")


def test_a_clone_is_known_by_its_remote(repository: Path) -> None:
    """Root, id, name, commit and branch are found from a folder inside."""
    _git(repository, "remote", "add", "upstream", "https://example.org/other/shop")
    _git(repository, "remote", "add", "origin", f"https://me:{_TOKEN}@example.org/team/Shop.git")
    checkout = find_checkout(repository / "src")
    assert checkout.root == repository
    assert (checkout.repo, checkout.name, checkout.branch) == ("example.org/team/Shop", "Shop", "main")
    assert checkout.head == _git(repository, "rev-parse", "HEAD")


def test_the_first_usable_remote_stands_in_for_origin(repository: Path) -> None:
    """Without origin, or where it is a local path, another remote names the repository."""
    _git(repository, "remote", "add", "origin", "/srv/mirror.git")
    _git(repository, "remote", "add", "backup", "git@example.org:team/shop.git")
    assert find_checkout(repository).repo == "example.org/team/shop"


def test_folders_without_remote_are_known_by_their_path(repository: Path, tmp_path: Path) -> None:
    """The id holds the folder's name and a hash of its path, under git or not."""
    digest = hashlib.sha256(os.fsencode(repository)).hexdigest()[:6]
    assert find_checkout(repository).repo == f"local/shop-{digest}"
    strange = tmp_path / "my \udcff notes"
    strange.mkdir()
    checkout = find_checkout(strange)
    assert checkout.repo.startswith("local/my-notes-")
    assert (checkout.root, checkout.head, checkout.branch) == (strange, None, None)


def test_worktrees_share_their_repository(repository: Path, tmp_path: Path) -> None:
    """A linked worktree has its own root, branch and index, and the id of its repository."""
    linked = tmp_path / "linked"
    _git(repository, "worktree", "add", "-q", "-b", "topic/x", str(linked))
    (linked / "b.py").write_text("b = 1\n")
    _git(linked, "add", "b.py")
    _git(linked, "commit", "-q", "-m", "second")
    checkout, main = find_checkout(linked), find_checkout(repository)
    assert (checkout.root, checkout.branch, checkout.repo) == (linked, "topic/x", main.repo)
    assert checkout.head == _git(linked, "rev-parse", "HEAD") != main.head
    folders = git_folders(linked)
    assert folders is not None
    assert read_index(folders.private / "index").files == {"src/a.py", "b.py"}


def test_submodules_are_repositories_of_their_own(repository: Path, tmp_path: Path) -> None:
    """A submodule is found as a checkout, and its parent's index names it."""
    library = tmp_path / "library"
    library.mkdir()
    _git(library, "init", "-q")
    (library / "x.py").write_text("x = 1\n")
    _git(library, "add", "-A")
    _git(library, "commit", "-q", "-m", "x")
    _git(repository, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib/x")
    tracked = read_index(repository / ".git" / "index")
    assert tracked.submodules == {"lib/x"}
    assert tracked.files == {".gitmodules", "src/a.py"}
    inside = find_checkout(repository / "lib" / "x")
    assert inside.root == repository / "lib" / "x"
    assert inside.head == _git(library, "rev-parse", "HEAD")
    assert is_nested_checkout(str(repository / "lib" / "x"))


@pytest.mark.parametrize("inside", ["", "objects", "refs/heads"])
def test_bare_repositories_are_refused(tmp_path: Path, inside: str) -> None:
    """A repository without files says so, with a way out."""
    bare = tmp_path / "shop.git"
    bare.mkdir()
    _git(bare, "init", "-q", "--bare")
    with pytest.raises(SourceError, match="bare git repository") as caught:
        find_checkout(bare / inside)
    assert caught.value.hint is not None


def test_the_inside_of_git_is_refused(repository: Path) -> None:
    """Naming .git points to the folder that holds it."""
    with pytest.raises(SourceError) as caught:
        find_checkout(repository / ".git" / "objects")
    assert caught.value.hint == f"Index {repository} instead."


def test_a_repository_of_the_home_folder_claims_no_folder_in_it(tmp_path: Path) -> None:
    """Dotfiles under git do not make every folder of a home part of them."""
    home = tmp_path / "home"
    (home / "notes").mkdir(parents=True)
    _git(home, "init", "-q")
    assert find_checkout(home / "notes", home=home).root == home / "notes"
    assert find_checkout(home / "notes").root == home
    assert find_checkout(home, home=home).root == home


def test_heads_of_every_kind_are_read(repository: Path) -> None:
    """Packed, detached and unborn heads give what git knows."""
    commit = _git(repository, "rev-parse", "HEAD")
    _git(repository, "pack-refs", "--all")
    assert (find_checkout(repository).head, find_checkout(repository).branch) == (commit, "main")
    _git(repository, "checkout", "-q", "--detach")
    assert (find_checkout(repository).head, find_checkout(repository).branch) == (commit, None)
    _git(repository, "checkout", "-q", "--orphan", "new")
    assert (find_checkout(repository).head, find_checkout(repository).branch) == (None, "new")


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\xff\xfe",
        b"ref: refs/heads/.invalid\n",
        b"ref: ../../../etc/passwd\n",
        b"ref: refs/heads/../x\n",
        b"0" * 39,
    ],
)
def test_strange_heads_give_nothing(repository: Path, head: bytes) -> None:
    """A damaged head, a reftable's and one that leads elsewhere are read as unknown."""
    (repository / ".git" / "HEAD").write_bytes(head)
    checkout = find_checkout(repository)
    assert (checkout.head, checkout.branch) == (None, None)


def test_a_broken_pointer_is_no_repository(tmp_path: Path) -> None:
    """A .git file that leads nowhere leaves a plain folder."""
    (tmp_path / ".git").write_text("gitdir: /nowhere/at/all\n")
    assert find_checkout(tmp_path).repo.startswith("local/")
    assert git_folders(tmp_path) is None


def test_configuration_is_read_as_git_reads_it(tmp_path: Path) -> None:
    """Sections, quotes, escapes, comments and continued lines give git's own answer."""
    text = (
        '\ufeff; comment\r\n[core]\r\n\tbare = false ; no\n\tIgnoreCase\n[remote "a \\"b\\\\ c"] url = x#y\n'
        '[Alias.Sub]\n\tkey = one \\\n  two   # three\n\tquoted = "  # kept; " tail \\t\\\\ \n'
        "[empty]\n\tnothing =\n[include]\n\tpath = /etc/passwd\n[core]\n\tbare = true\n"
    )
    path = tmp_path / "config"
    path.write_text(text, newline="")
    config = parse_config(text)
    expected: dict[str, list[str]] = {}
    for entry in _git(tmp_path, "config", "--file", str(path), "--no-includes", "--list", "-z").split("\0"):
        name, newline, value = entry.partition("\n")
        if name:
            expected.setdefault(name, []).append(value if newline else "true")
    found: dict[str, list[str]] = {}
    for section, subsection, key, value in config.entries:
        name = ".".join(part for part in (section, subsection, key) if part)
        found.setdefault(name, []).append("true" if value is None else value)
    assert found == expected
    assert config.is_true("core", "bare")
    assert config.is_true("core", "ignorecase")
    assert config.get("core", "missing") is None


@pytest.mark.parametrize(
    "text", ["[core", '[core]\nbare = "x', "[core]\n=x", "9key", "[]\na=b", '[a "b]\nc=d', "[core]\na = \\q"]
)
def test_broken_configuration_ends_where_it_breaks(text: str) -> None:
    """What cannot be read is left out; what stands before it counts."""
    config = parse_config("[ok]\n\tkey = value\n" + text)
    assert config.get("ok", "key") == "value"


@given(st.text(alphabet='[]"\\=#; \n\tab.', max_size=60))
def test_any_text_is_parsed(text: str) -> None:
    """No configuration raises or hangs."""
    parse_config(text)


@pytest.mark.parametrize("version", ["2", "3", "4"])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_the_index_is_read_in_every_version(tmp_path: Path, version: str, algorithm: str) -> None:
    """Paths of any bytes and length come out of all index formats."""
    _git(tmp_path, "init", "-q", f"--object-format={algorithm}")
    paths = [f"d{number % 7}/file_{number}.py" for number in range(60)]
    paths += ["é.py", "bad\udcff.py", "line\nbreak", "/".join(["long" * 30] * 20) + "/x", "a", "aa", "aaa", "aaaa"]
    blob = _git(tmp_path, "hash-object", "-w", "--stdin", stdin=b"x")
    lines = b"".join(f"100644 {blob}\t".encode() + os.fsencode(path) + b"\0" for path in paths)
    _git(tmp_path, "update-index", "-z", "--index-info", stdin=lines)
    if version == "3":
        (tmp_path / "a").write_text("y")
        (tmp_path / "new").write_text("y")
        _git(tmp_path, "add", "-N", "new")
        paths.append("new")
    else:
        _git(tmp_path, "update-index", "--index-version", version)
    index = tmp_path / ".git" / "index"
    assert index.read_bytes()[7] == int(version)
    tracked = read_index(index)
    assert tracked.files == set(paths)
    assert tracked.any_below("d3/")
    assert not tracked.any_below("d/")
    assert not tracked.any_below("zz/")


def test_split_and_sparse_indexes_are_read(repository: Path) -> None:
    """A split index counts with its shared part; files left out of a sparse checkout stay tracked."""
    for number in range(5):
        (repository / "src" / f"f{number}.py").write_text(str(number))
    _git(repository, "add", "-A")
    _git(repository, "commit", "-q", "-m", "more")
    _git(repository, "update-index", "--split-index")
    (repository / "later.py").write_text("x")
    _git(repository, "add", "later.py")
    every = {"src/a.py", "later.py", *(f"src/f{number}.py" for number in range(5))}
    assert read_index(repository / ".git" / "index").files == every
    _git(repository, "update-index", "--no-split-index")
    _git(repository, "commit", "-q", "-m", "later")
    _git(repository, "sparse-checkout", "set", "--no-cone", "/later.py")
    assert not (repository / "src").exists()
    assert read_index(repository / ".git" / "index").files == every


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_index_is_no_index(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Cut or overwritten anywhere, an index raises nothing."""
    folder = tmp_path_factory.getbasetemp() / "damaged"
    if not folder.exists():
        folder.mkdir()
        _git(folder, "init", "-q")
        for number in range(5):
            (folder / f"file{number}").write_text("x")
        _git(folder, "add", "-A")
        (folder / "whole").write_bytes((folder / ".git" / "index").read_bytes())
    whole = bytearray((folder / "whole").read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = folder / "index"
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    assert isinstance(read_index(path), TrackedPaths)
    path.write_bytes(whole[:20])
    assert read_index(path) == TrackedPaths()
