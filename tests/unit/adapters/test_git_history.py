# SPDX-License-Identifier: FSL-1.1-MIT
"""History as git itself writes it, and as somebody hostile would."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from conexus.adapters.git_history import GitHistory, WriteLimits, WrittenTree, history_at, safe_path
from conexus.errors import SourceError
from conexus.evaluation.commits import Change, ChangeKind

Read = Callable[[Path], GitHistory]
ADDED, MODIFIED, DELETED = ChangeKind.ADDED, ChangeKind.MODIFIED, ChangeKind.DELETED


def git(folder: Path, *arguments: str, data: bytes | None = None, at: int = 0) -> str:
    """Run git with nothing of the user's settings, at a time of its own."""
    date = f"{1_700_000_000 + at} +0000"
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "file",
        **{f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER")
           for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"), ("DATE", date))},
    }  # fmt: skip
    done = subprocess.run(["git", *arguments], cwd=folder, env=env, input=data, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace").strip()


def commit(folder: Path, subject: str, files: Mapping[str, str | None], at: int) -> str:
    """Write files (``None`` deletes one) and commit them."""
    for path, text in files.items():
        target = folder / path
        if text is None:
            target.unlink()
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", subject, at=at)
    return git(folder, "rev-parse", "HEAD")


def raw_commit(folder: Path, entries: list[tuple[str, bytes, str]], parent: str = "") -> str:
    """Commit a tree that git would not make: (mode, name, object) as they stand."""
    tree = b"".join(mode.encode() + b" " + name + b"\0" + bytes.fromhex(oid) for mode, name, oid in entries)
    oid = git(folder, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=tree)
    made = git(folder, "commit-tree", oid, *(("-p", parent) if parent else ()), "-m", "hostile", at=9)
    git(folder, "update-ref", "HEAD", made)
    return made


def blob(folder: Path, data: bytes = b"evil\n") -> str:
    return git(folder, "hash-object", "-w", "--stdin", data=data)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if not path.is_dir()
    }


@pytest.fixture
def read() -> Iterator[Read]:
    """Open histories that are closed when the test ends."""
    with ExitStack() as stack:
        yield lambda root: stack.enter_context(closing(history_at(root)))


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    folder = tmp_path / "origin"
    folder.mkdir()
    git(folder, "-c", "init.defaultBranch=main", "init", "--quiet")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def linear(origin: Path) -> tuple[Path, list[str]]:
    """Four commits: two files, one changed, one moved into a folder, one turned into a folder."""
    return origin, [
        commit(origin, "first", {"a.py": "a1\n", "b.py": "b1\n"}, 1),
        commit(origin, "second\n\nBody.", {"a.py": "a2\n"}, 2),
        commit(origin, "third", {"b.py": None, "lib/b.py": "b1\n"}, 3),
        commit(origin, "fourth", {"a.py": None, "a.py/c.py": "c\n"}, 4),
    ]


@pytest.mark.parametrize("packed", [False, True])
def test_commits_come_newest_first_with_their_changes(linear: tuple[Path, list[str]], packed: bool, read: Read) -> None:
    """Subject, parent and changed files are git's own, be the objects loose or packed."""
    root, names = linear
    if packed:
        git(root, "gc", "--quiet", "--aggressive", "--prune=now")
        git(root, "multi-pack-index", "write")
    history = read(root)
    found = list(history.commits(100))
    assert [item.id for item in found] == names[::-1]
    assert [item.subject for item in found] == ["fourth", "third", "second", "first"]
    assert [item.parents for item in found] == [(names[2],), (names[1],), (names[0],), ()]
    assert [item.changes for item in found] == [
        (Change("a.py", DELETED), Change("a.py/c.py", ADDED)),
        (Change("b.py", DELETED), Change("lib/b.py", ADDED)),
        (Change("a.py", MODIFIED),),
        (),
    ]


def test_merges_are_told_by_their_parents(origin: Path, read: Read) -> None:
    """A merge has two parents and no changes, and both lines are walked in order of time."""
    first = commit(origin, "first", {"a": "1"}, 1)
    git(origin, "checkout", "--quiet", "-b", "side")
    side = commit(origin, "side", {"b": "1"}, 2)
    git(origin, "checkout", "--quiet", "main")
    main = commit(origin, "main", {"c": "1"}, 3)
    git(origin, "merge", "--quiet", "--no-ff", "side", "-m", "merged", at=4)
    found = list(read(origin).commits(10))
    assert [item.subject for item in found] == ["merged", "main", "side", "first"]
    assert found[0].parents == (main, side)
    assert found[0].changes == ()
    assert found[3].id == first


def test_a_limit_ends_the_walk(linear: tuple[Path, list[str]], read: Read) -> None:
    """No more commits are read than asked for."""
    root, names = linear
    assert [item.id for item in read(root).commits(2)] == names[:1:-1]


def test_trees_are_written_one_over_the_other(linear: tuple[Path, list[str]], out: Path, read: Read) -> None:
    """Whatever tree came before, the folder holds the files of the commit and nothing else."""
    root, names = linear
    written = WrittenTree(read(root), out)
    expected = [
        {"a.py": "a1\n", "b.py": "b1\n"},
        {"a.py": "a2\n", "b.py": "b1\n"},
        {"a.py": "a2\n", "lib/b.py": "b1\n"},
        {"a.py/c.py": "c\n", "lib/b.py": "b1\n"},
    ]
    for number in (3, 0, 1, 3, 2, 0):
        written.write(names[number])
        assert content(out) == expected[number]
        assert written.left_out == 0


def test_what_is_the_same_is_not_written_again(linear: tuple[Path, list[str]], out: Path, read: Read) -> None:
    """A file that two commits share keeps its inode."""
    root, names = linear
    written = WrittenTree(read(root), out)
    written.write(names[0])
    before = (out / "b.py").stat()
    written.write(names[1])
    assert (out / "b.py").stat().st_ino == before.st_ino
    assert (out / "b.py").stat().st_mtime_ns == before.st_mtime_ns


def test_the_repository_is_not_changed(linear: tuple[Path, list[str]], out: Path, read: Read) -> None:
    """Reading leaves every file of ``.git`` as it was, with its times."""
    root, names = linear

    def state() -> dict[Path, tuple[int, int]]:
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in root.rglob("*") if path.is_file()}

    before = state()
    history = read(root)
    list(history.commits(10))
    WrittenTree(history, out).write(names[3])
    assert state() == before


def test_hooks_and_filters_do_not_run(linear: tuple[Path, list[str]], out: Path, read: Read) -> None:
    """A filter of the repository's configuration, and a hook, are never started; content is as it was committed."""
    root, _ = linear
    name = commit(root, "attributes", {".gitattributes": "*.py filter=evil\n", "d.py": "d\r\n"}, 5)
    proof = root.parent / "proof"
    git(root, "config", "filter.evil.smudge", f"touch {proof}")
    git(root, "config", "core.fsmonitor", f"touch {proof}")
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {proof}\n", encoding="utf-8")
    hook.chmod(0o755)
    WrittenTree(read(root), out).write(name)
    assert (out / "d.py").read_bytes() == b"d\r\n"
    assert not proof.exists()


def test_hostile_paths_are_not_written(origin: Path, out: Path, read: Read) -> None:
    """Entries that lead out of the folder, into ``.git``, or over a link, are left out; the others are written."""
    evil = blob(origin)
    inner = git(origin, "hash-object", "-t", "tree", "-w", "--stdin", "--literally",
                data=b"100644 x\0" + bytes.fromhex(evil))  # fmt: skip
    link = blob(origin, b"..")
    name = raw_commit(
        origin,
        [
            ("40000", b"..", inner),
            ("100644", b"../x", evil),
            ("100644", b"/etc/x", evil),
            ("40000", b".git", inner),
            ("40000", b".GIT", inner),
            ("40000", b".g\xe2\x80\x8cit", inner),
            ("40000", b"git~1", inner),
            ("100644", b".git/hooks/post-checkout", evil),
            ("120000", b"link", link),
            ("40000", b"link", inner),
            ("160000", b"module", "1" * 40),
            ("100755", b"run.sh", evil),
            ("100644", b"ok.py", evil),
            ("100644", b"", evil),
        ],
    )
    outside = {path for path in out.parent.rglob("*") if out not in path.parents}
    written = WrittenTree(read(origin), out)
    written.write(name)
    assert content(out) == {"link/x": "evil\n", "ok.py": "evil\n", "run.sh": "evil\n"}
    assert not any(path.is_symlink() for path in out.rglob("*"))
    assert not os.access(out / "run.sh", os.X_OK)
    assert {path for path in out.parent.rglob("*") if out not in path.parents} == outside
    assert written.left_out > 0


def test_one_name_as_a_file_and_a_folder_is_harmless(origin: Path, out: Path, read: Read) -> None:
    """Of two entries that cannot both be, one is left out, and the next tree is written as it should be."""
    evil = blob(origin)
    inner = git(origin, "hash-object", "-t", "tree", "-w", "--stdin", "--literally",
                data=b"100644 x\0" + bytes.fromhex(evil))  # fmt: skip
    name = raw_commit(origin, [("100644", b"a", evil), ("40000", b"a", inner), ("100644", b"b", evil)])
    written = WrittenTree(read(origin), out)
    written.write(name)
    assert content(out) in ({"a": "evil\n", "b": "evil\n"}, {"a/x": "evil\n", "b": "evil\n"})
    good = raw_commit(origin, [("100644", b"b", evil), ("100644", b"c", evil)], name)
    written.write(good)
    assert {"b", "c"} <= set(content(out))


def test_a_tree_that_unfolds_without_end_is_refused(origin: Path, out: Path, read: Read) -> None:
    """Twelve levels of ten times the same tree are 10^12 files: an error, not an endless run."""
    level = git(origin, "hash-object", "-t", "tree", "-w", "--stdin", "--literally",
                data=b"".join(b"100644 %d\0" % n + bytes.fromhex(blob(origin)) for n in range(10)))  # fmt: skip
    for _ in range(12):
        data = b"".join(b"40000 %d\0" % n + bytes.fromhex(level) for n in range(10))
        level = git(origin, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", data=data)
    name = git(origin, "commit-tree", level, "-m", "bomb", at=9)
    git(origin, "update-ref", "HEAD", name)
    with pytest.raises(SourceError, match="too large"):
        WrittenTree(read(origin), out, WriteLimits(files=1_000)).write(name)


def test_large_files_are_left_out(origin: Path, out: Path, read: Read) -> None:
    """A file above the limit is not written, and is once it has shrunk."""
    large = commit(origin, "large", {"a": "x" * 100, "b": "y"}, 1)
    small = commit(origin, "small", {"a": "x"}, 2)
    written = WrittenTree(read(origin), out, WriteLimits(file_bytes=50))
    written.write(large)
    assert (content(out), written.left_out) == ({"b": "y"}, 1)
    written.write(small)
    assert (content(out), written.left_out) == ({"a": "x", "b": "y"}, 0)


def test_too_much_in_all_is_an_error(origin: Path, out: Path, read: Read) -> None:
    """A tree above the limit of all files is an error, after which another one can be written."""
    much = commit(origin, "much", {"a": "x" * 60, "b": "y" * 60}, 1)
    less = commit(origin, "less", {"b": None}, 2)
    written = WrittenTree(read(origin), out, WriteLimits(total_bytes=100))
    with pytest.raises(SourceError, match="too large"):
        written.write(much)
    written.write(less)
    assert content(out) == {"a": "x" * 60}


def test_a_shallow_clone_gives_what_it_has(linear: tuple[Path, list[str]], tmp_path: Path, read: Read) -> None:
    """Commits whose parent was not fetched are left out, and the rest are there."""
    root, names = linear
    git(tmp_path, "clone", "--quiet", "--depth", "2", f"file://{root}", "shallow")
    found = list(read(tmp_path / "shallow").commits(10))
    assert [item.id for item in found] == [names[3]]


def test_a_partial_clone_says_what_is_missing(
    linear: tuple[Path, list[str]], tmp_path: Path, out: Path, read: Read
) -> None:
    """Commits of a clone without old files are read; writing an old tree is an error with a hint."""
    root, names = linear
    git(root, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", f"file://{root}", "partial")
    history = read(tmp_path / "partial")
    assert [item.id for item in history.commits(10)] == names[::-1]
    with pytest.raises(SourceError, match="missing") as error:
        WrittenTree(history, out).write(names[0])
    assert "clone" in (error.value.hint or "")


def test_a_worktree_has_the_whole_history(linear: tuple[Path, list[str]], tmp_path: Path, read: Read) -> None:
    """Objects are found in the first checkout."""
    root, names = linear
    git(root, "worktree", "add", "--quiet", str(tmp_path / "tree"))
    assert [item.id for item in read(tmp_path / "tree").commits(10)] == names[::-1]


@pytest.mark.parametrize("kind", ["alternates", "folder", "packs", "pack", "loose"])
def test_objects_of_another_repository_are_not_read(
    linear: tuple[Path, list[str]], tmp_path: Path, read: Read, kind: str
) -> None:
    """Neither what a clone borrows nor what a link leads to: whoever knows the id of a commit could have its files."""
    root, names = linear
    git(tmp_path, "clone", "--quiet", "--shared", str(root), "shared")
    objects, theirs = tmp_path / "shared" / ".git" / "objects", root / ".git" / "objects"
    if kind != "alternates":
        (objects / "info" / "alternates").unlink()
    if kind == "folder":
        objects.rename(objects.with_name("kept"))
        objects.symlink_to(theirs)
    elif kind == "loose":
        (objects / names[-1][:2]).mkdir()
        (objects / names[-1][:2] / names[-1][2:]).symlink_to(theirs / names[-1][:2] / names[-1][2:])
    elif kind in {"packs", "pack"}:
        git(root, "repack", "-a", "-d", "--quiet")
        for place in (objects / "pack").iterdir() if kind == "packs" else ():
            place.unlink()
        if kind == "packs":
            (objects / "pack").rmdir()
            (objects / "pack").symlink_to(theirs / "pack")
        for place in (theirs / "pack").iterdir() if kind == "pack" else ():
            (objects / "pack" / place.name).symlink_to(place)
    with pytest.raises(SourceError, match=r"missing|elsewhere") as caught:
        list(read(tmp_path / "shared").commits(10))
    assert caught.value.hint is not None


@pytest.mark.parametrize("packed", [False, True])
def test_objects_that_unpack_to_too_much_are_not_read(tmp_path: Path, out: Path, read: Read, packed: bool) -> None:
    """A file of zeros that takes a few kilobytes of objects is an error, not all memory."""
    root = tmp_path / "bomb"
    root.mkdir()
    git(root, "init", "--quiet")
    with (root / "zeros").open("wb") as stream:
        stream.truncate(200_000_000)
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "zeros")
    if packed:
        git(root, "repack", "-a", "-d", "--quiet")
    history = read(root)
    [commit] = history.commits(10)
    with pytest.raises(SourceError, match="cannot be read"):
        WrittenTree(history, out).write(commit.id)


def test_what_is_no_repository_is_an_error(tmp_path: Path, origin: Path, read: Read) -> None:
    """A plain folder, a folder inside a repository, and a repository without commits are told apart."""
    with pytest.raises(SourceError, match="not the root of a git checkout"):
        read(tmp_path)
    with pytest.raises(SourceError, match="no commit"):
        read(origin)


def test_damaged_objects_are_an_error(linear: tuple[Path, list[str]], out: Path, read: Read) -> None:
    """An object that cannot be read ends in one sentence, and a missing one in another."""
    root, names = linear
    objects = root / ".git" / "objects"
    tree = git(root, "rev-parse", f"{names[3]}^{{tree}}")
    broken = objects / tree[:2] / tree[2:]
    broken.chmod(0o644)
    broken.write_bytes(b"no zlib")
    with pytest.raises(SourceError, match="cannot be read"):
        WrittenTree(read(root), out).write(names[3])
    shutil.rmtree(objects)
    objects.mkdir()
    with pytest.raises(SourceError, match="missing"):
        list(read(root).commits(1))


def test_damage_anywhere_ends_in_an_error_of_ours(linear: tuple[Path, list[str]], tmp_path: Path) -> None:
    """Whatever byte of a pack, its index or the table of packs is changed, no other exception comes through."""
    root, names = linear
    git(root, "gc", "--quiet", "--aggressive", "--prune=now")
    git(root, "multi-pack-index", "write")
    objects = root / ".git" / "objects"
    originals = {path: path.read_bytes() for path in objects.rglob("*") if path.is_file()}
    chance = random.Random(7)  # noqa: S311 -- no secret
    refused = 0
    for number in range(150):
        path = chance.choice(sorted(originals))
        data = bytearray(originals[path])
        at = chance.randrange(len(data))
        data[at : at + 4] = b"\xff\xff\xff\xff" if number % 3 else chance.randbytes(4)
        path.chmod(0o644)
        path.write_bytes(data if number % 5 else data[:at])
        folder = tmp_path / f"out{number}"
        folder.mkdir()
        with closing(GitHistory(objects, names[3])) as history:
            try:
                for item in history.commits(10):
                    WrittenTree(history, folder).write(item.id)
            except SourceError:
                refused += 1
        path.write_bytes(originals[path])
    assert refused > 0


def test_a_subject_in_another_encoding_is_read(origin: Path, read: Read) -> None:
    """The encoding that a commit names holds for its subject; one that is not known does no harm."""
    git(origin, "-c", "i18n.commitEncoding=latin1", "commit", "--allow-empty", "--file=-", data=b"Stra\xdfe\n", at=1)
    git(origin, "-c", "i18n.commitEncoding=nonsense", "commit", "--allow-empty", "-m", "plain", at=2)
    assert [item.subject for item in read(origin).commits(5)] == ["plain", "Straße"]


@pytest.mark.parametrize(
    "path",
    [b"../x", b"a/../x", b"/x", b"a//x", b"a/", b"", b".", b".git/x", b"a/.Git/x", b"a\\x", b"a\0b", b".git./x",
     b".git /x", b"GIT~1/x", b".g\xe2\x80\x8dit/x", b".git::$INDEX/x"],
)  # fmt: skip
def test_unsafe_paths_are_refused(path: bytes) -> None:
    """What leads out of a folder, or is ``.git`` to some file system, is no path to write."""
    assert safe_path(path) is None


@pytest.mark.parametrize(
    "path", [b"a", b"a/b.py", b".gitignore", b"...", b"a/.github/x", b"\xff.py", b"git~x", "ä".encode()]
)
def test_other_paths_are_kept(path: bytes) -> None:
    """Any other name is written as it is, be it UTF-8 or not."""
    assert os.fsencode(safe_path(path) or "") == path
