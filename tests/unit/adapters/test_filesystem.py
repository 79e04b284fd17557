# SPDX-License-Identifier: FSL-1.1-MIT
"""Scanning, reading and explaining the files of real trees, against real git."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conexus.adapters.filesystem import FilesystemTree
from conexus.adapters.git_attributes import NO_MARKS, LinguistMarks
from conexus.adapters.roots import check_root
from conexus.config import IndexOptions
from conexus.errors import SourceError
from conexus.parsing.classify import skip_by_name
from conexus.types import Checkout, FileStat, RepoId, SkippedFile, SkipReason

_RULES = {".gitignore", ".conexusignore", ".gitattributes"}


def _git(folder: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder.parent), "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, check=True
    )
    return done.stdout


def _tree(root: Path, options: IndexOptions | None = None) -> FilesystemTree:
    checkout = Checkout(root, RepoId("local/tree"), "tree")
    return FilesystemTree(checkout, options or IndexOptions(), skip_by_name, home=root.parent)


def _write(root: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(os.fsencode(content))


def _split(tree: FilesystemTree) -> tuple[list[str], dict[str, SkipReason]]:
    items = list(tree.scan())
    found = [item.path for item in items if isinstance(item, FileStat)]
    skipped = {item.path: item.reason for item in items if isinstance(item, SkippedFile)}
    assert [item.path for item in items] == sorted(item.path for item in items)
    for path in found:
        assert tree.explain(path).included
    for path, reason in skipped.items():
        if reason is not SkipReason.UNREADABLE:
            verdict = tree.explain(path)
            assert (verdict.included, verdict.reason) == (False, reason)
    alone = [item for item in items if not (item.path.endswith("/") or item.path.rpartition("/")[2] in _RULES)]
    assert tree.look([item.path for item in alone]) == alone
    return found, skipped


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


def test_a_scan_yields_files_in_path_order_and_what_is_left_out(root: Path) -> None:
    """Files come sorted by path with their state; ignored folders once, ignored files one by one."""
    _git(root, "init", "-q")
    _write(
        root,
        {
            ".gitignore": "build/\n*.log\n",
            "a/b.py": "b",
            "a.py": "abc",
            "a-b/c.py": "c",
            "build/x.o": "x",
            "run.log": "x",
            "a/empty.py": "",
            "node_modules/x/index.js": "x",
            "bun.lock": "x",
        },
    )
    tree = _tree(root)
    found, skipped = _split(tree)
    assert found == [".gitignore", "a-b/c.py", "a.py", "a/b.py"]
    assert skipped == {
        "build/": SkipReason.IGNORED,
        "run.log": SkipReason.IGNORED,
        "a/empty.py": SkipReason.EMPTY,
        "node_modules/": SkipReason.VENDORED,
        "bun.lock": SkipReason.GENERATED,
    }
    details = {item.path: item.detail for item in tree.scan() if isinstance(item, SkippedFile)}
    assert (details["run.log"], details["build/"]) == (".gitignore:2: *.log", ".gitignore:1: build/")
    state = (root / "a.py").stat()
    expected = FileStat("a.py", 3, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
    assert expected in list(tree.scan())
    assert tree.stats(["a.py", "run.log", "gone"])["a.py"] == expected


_NAMES = st.sampled_from(["a", "b", "c.py", "d.log", "é", "build", ".x", "A", "b c"])
_FILES = st.lists(st.lists(_NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=15)
_LINES = st.lists(
    st.sampled_from(
        [
            "*.log",
            "build/",
            "/a",
            "!c.py",
            "a/*",
            "**/b",
            "!a/b",
            "*",
            "!*/",
            "b c",
            "A",
            "*.py",
            "a/**/b",
            "!build/",
            "é",
        ]
    ),
    max_size=4,
).map("\n".join)


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(files=_FILES, tracked=st.lists(st.integers(0, 14), max_size=3), rules=st.lists(_LINES, min_size=3, max_size=3))
def test_a_scan_finds_what_git_lists(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], tracked: list[int], rules: list[str]
) -> None:
    """Tracked files and untracked ones that are not ignored, no others, are found."""
    root = tmp_path_factory.mktemp("listed") / "tree"
    root.mkdir()
    _git(root, "init", "-q")
    for path in files:
        try:
            _write(root, {path: "x"})
        except OSError:
            continue  # the path is a folder by now, or leads through a file
    present = [path for path in files if (root / path).is_file()]
    added = [present[number] for number in tracked if number < len(present)]
    if added:
        _git(root, "add", "-f", "--pathspec-from-file=-", "--pathspec-file-nul", stdin="\0".join(added).encode())
    for folder, text in zip(["", "a/", "build/"], rules, strict=True):
        if (root / folder).is_dir():
            _write(root, {f"{folder}.gitignore": text})
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split(b"\0")
    expected = {os.fsdecode(path) for path in listed if path and (root / os.fsdecode(path)).stat().st_size}
    options = IndexOptions(skip_generated=False, skip_vendored=False)
    found = [item.path for item in _tree(root, options).scan() if isinstance(item, FileStat)]
    assert sorted(found) == sorted(expected)


def test_links_are_reported_and_never_followed(root: Path) -> None:
    """Every kind of symlink is reported with where it leads."""
    outside = root.parent / "outside"
    outside.mkdir()
    _write(root, {"a.py": "x", "d/b.py": "x", "e/f.py": "x"})
    for name, target in {
        "in": "a.py",
        "dir": "d",
        "out": "../outside",
        "broken": "missing",
        "loop": "loop",
        "up": ".",
        "e/g": "../d/b.py",
        "abs": str(root / "a.py"),
    }.items():
        (root / name).symlink_to(target)
    found, skipped = _split(_tree(root))
    assert found == ["a.py", "d/b.py", "e/f.py"]
    assert set(skipped) == {"in", "dir", "out", "broken", "loop", "up", "e/g", "abs"}
    details = {item.path: item.detail for item in _tree(root).scan() if isinstance(item, SkippedFile)}
    assert details["in"] == "points to a.py, indexed under its own name"
    assert details["e/g"] == "points to d/b.py, indexed under its own name"
    assert details["out"].startswith("points out of the tree")
    assert details["broken"] == "a broken link"
    assert details["loop"] == "a loop of links"


def test_devices_sockets_and_fifos_are_reported(root: Path) -> None:
    """What is no regular file is never opened."""
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        found, skipped = _split(_tree(root))
        assert found == []
        assert skipped == {"fifo": SkipReason.NOT_REGULAR, "socket": SkipReason.NOT_REGULAR}
        tree = _tree(root)
        assert tree.stats(["fifo", "socket"]) == {}
        for name in ("fifo", "socket"):
            with pytest.raises(OSError, match=r"\w"):
                tree.read(name, 10)


def test_repositories_inside_are_left_out(root: Path) -> None:
    """Clones, worktrees and submodules inside the tree are reported; a stray .git is not a repository."""
    _git(root, "init", "-q")
    for name in ("clone", "stray", "linked"):
        _write(root, {f"{name}/a.py": "x"})
    _git(root / "clone", "init", "-q")
    _write(root, {"linked/.git": "gitdir: ../elsewhere\n", "stray/.git/config": "x"})
    _git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    (root / "sub").mkdir()
    found, skipped = _split(_tree(root))
    assert found == ["stray/a.py"]
    assert skipped == dict.fromkeys(("clone/", "linked/", "sub/"), SkipReason.NESTED_REPOSITORY)
    for path in ("clone/a.py", ".git/config", "stray/.git/config"):
        assert not _tree(root).explain(path).included


def test_own_rules_force_files_in(root: Path) -> None:
    """What .conexusignore brings back passes the rules on names and size; what it names is left out though tracked."""
    _git(root, "init", "-q")
    _write(
        root,
        {
            ".gitignore": "build/\n",
            ".conexusignore": "!build/\n!vendor/ours/\n!big.txt\n!a.pb.go\nsecret.py\n",
            "build/made.py": "x",
            "vendor/ours/a.go": "x",
            "vendor/theirs/a.go": "x",
            "big.txt": "x" * 2000,
            "other.txt": "x" * 2000,
            "a.pb.go": "x",
            "b.pb.go": "x",
            "secret.py": "x",
        },
    )
    _git(root, "add", "secret.py")
    tree = _tree(root, IndexOptions(max_file_bytes=1000))
    found, skipped = _split(tree)
    assert set(found) == {".gitignore", ".conexusignore", "build/made.py", "vendor/ours/a.go", "big.txt", "a.pb.go"}
    assert skipped == {
        "vendor/theirs/a.go": SkipReason.VENDORED,
        "other.txt": SkipReason.TOO_LARGE,
        "b.pb.go": SkipReason.GENERATED,
        "secret.py": SkipReason.IGNORED,
    }
    assert [path for path in found if tree.is_forced(path)] == [
        "a.pb.go",
        "big.txt",
        "build/made.py",
        "vendor/ours/a.go",
    ]
    assert _tree(root).is_forced("vendor/ours/a.go")
    assert tree.explain("build/made.py").rule == ".conexusignore:1: !build/"
    assert tree.explain("secret.py").rule == ".conexusignore:5: secret.py"


def test_attributes_override_names(root: Path) -> None:
    """Linguist attributes leave files out and let them in, nested files over those above."""
    _write(
        root,
        {
            ".gitattributes": "*.pb.go linguist-generated=false\nmade.py linguist-generated\n"
            "node_modules/mine/** -linguist-vendored\nlibs/*.c linguist-vendored=true\n*.txt linguist-documentation\n",
            "sub/.gitattributes": "made.py -linguist-generated\n*.pb.go !linguist-generated\n",
            "a.pb.go": "x",
            "made.py": "x",
            "sub/made.py": "x",
            "sub/a.pb.go": "x",
            "node_modules/mine/a.js": "x",
            "node_modules/other/a.js": "x",
            "libs/a.c": "x",
            "libs/deep/a.c": "x",
            "a.txt": "x",
        },
    )
    tree = _tree(root)
    found, skipped = _split(tree)
    assert skipped == {
        "made.py": SkipReason.GENERATED,
        "sub/a.pb.go": SkipReason.GENERATED,
        "node_modules/other/a.js": SkipReason.VENDORED,
        "libs/a.c": SkipReason.VENDORED,
    }
    assert {"a.pb.go", "sub/made.py", "node_modules/mine/a.js", "libs/deep/a.c"} < set(found)
    assert [path for path in found if tree.is_forced(path)] == ["a.pb.go", "sub/made.py"]
    assert tree.marks("a.txt") == LinguistMarks(documentation=True)
    assert tree.marks("libs/deep/a.c") == NO_MARKS
    lenient = IndexOptions(skip_generated=False, skip_vendored=False)
    assert _split(_tree(root, lenient))[1] == {}


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "*",
                    "*.py",
                    "a",
                    "/a",
                    "a/*",
                    "**/b.py",
                    "a/**",
                    "a/",
                    "!b.py",
                    '"b c"',
                    '"\\142.py"',
                    "[ab]*",
                    "b\\ c",
                ]
            ),
            st.lists(
                st.sampled_from(
                    [
                        "linguist-generated",
                        "-linguist-generated",
                        "!linguist-generated",
                        "linguist-generated=true",
                        "linguist-vendored=false",
                        "text",
                        "linguist-vendored",
                    ]
                ),
                max_size=3,
            ).map(" ".join),
        ).map("\t".join),
        max_size=6,
    ),
    nested=st.booleans(),
)
def test_attributes_are_read_as_git_reads_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], nested: bool
) -> None:
    """Git check-attr gives the same values."""
    root = tmp_path_factory.mktemp("attributes") / "tree"
    root.mkdir()
    _git(root, "init", "-q")
    paths = ["a/b.py", "b.py", "b c", "a/c/b.py", "c"]
    _write(root, dict.fromkeys(paths, "x"))
    _write(root, {".gitattributes": "\n".join(lines[:3] if nested else lines)})
    if nested:
        _write(root, {"a/.gitattributes": "\r\n".join(lines[3:])})
    names = ["linguist-generated", "linguist-vendored"]
    answer = _git(root, "check-attr", "-z", "--stdin", *names, stdin="\0".join(paths).encode()).decode().split("\0")
    values = {"set": True, "true": True, "unset": False, "false": False, "unspecified": None}
    expected = {(path, name): values[value] for path, name, value in zip(*[iter(answer)] * 3, strict=False)}
    tree = _tree(root)
    found = {}
    for path in paths:
        marks = tree.marks(path)
        found |= {(path, names[0]): marks.generated, (path, names[1]): marks.vendored}
    assert found == expected


def test_names_of_any_bytes_are_kept(root: Path) -> None:
    """Invalid UTF-8, newlines and glob characters in names survive the way to reading."""
    names = ["bad\udcff.py", "line\nbreak.py", "[x]*.py", "é.py", " ", "-rf", "a\\b.py", "#x", "日本/名.py"]
    _write(root, dict.fromkeys(names, "content"))
    tree = _tree(root)
    found, skipped = _split(tree)
    assert (sorted(found), skipped) == (sorted(names), {})
    assert all(tree.read(path, 100) == b"content" for path in found)


def test_reading_never_leaves_the_root(root: Path) -> None:
    """No link and no path part leads out; a file swapped for a link after the scan is not followed."""
    _write(root.parent, {"secret": "secret", "outside/x": "secret"})
    _write(root, {"d/x": "inside", "f": "inside"})
    tree = _tree(root)
    assert tree.read("d/x", 100) == b"inside"
    (root / "d" / "x").unlink()
    (root / "d").rmdir()
    (root / "d").symlink_to(root.parent / "outside")
    (root / "f").unlink()
    (root / "f").symlink_to(root.parent / "secret")
    astray = ("d/x", "f", "../secret", "d/../../secret", str(root.parent / "secret"), "", ".", "x\0y", "missing")
    _write(root, {"d2/x": "inside"})
    assert list(tree.stats([*astray, "d2/x"])) == ["d2/x"]
    for path in astray:
        with pytest.raises(OSError, match=r"\w"):
            tree.read(path, 100)


def test_reading_stops_one_byte_past_the_limit(root: Path) -> None:
    """One byte more than the limit tells the caller that there is more."""
    _write(root, {"a": "x" * 5000})
    tree = _tree(root)
    assert [len(tree.read("a", limit)) for limit in (0, 10, 4999, 5000, 9000)] == [1, 11, 5000, 5000, 5000]


def test_what_vanishes_or_cannot_be_read_ends_no_scan(root: Path) -> None:
    """A folder that goes away between listing and entering it is passed over; a lost root is an error."""
    _write(root, {"a/x.py": "x", "b/y.py": "x", "c/z.py": "x"})
    tree = _tree(root)
    scan = tree.scan()
    first = next(scan)
    (root / "b" / "y.py").unlink()
    (root / "b").rmdir()
    assert [item.path for item in (first, *scan)] == ["a/x.py", "c/z.py"]
    root.rename(root.with_name("moved"))
    with pytest.raises(SourceError, match="cannot be read"):
        list(tree.scan())


def test_trees_deeper_than_paths_can_be_are_reported(root: Path) -> None:
    """Folders below the longest path the system takes are reported, and the rest is found."""
    _write(root, {"z.py": "x"})
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(2200):
        os.mkdir("dd", dir_fd=descriptor)
        below = os.open("dd", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    items = list(_tree(root).scan())
    assert items[-1].path == "z.py"
    assert [item.reason for item in items[:-1] if isinstance(item, SkippedFile)] == [SkipReason.UNREADABLE]
    subprocess.run(["rm", "-rf", str(root / "dd")], check=True)


@pytest.mark.parametrize(
    ("path", "included", "rule"),
    [
        ("src/a.py", True, "no rule leaves it out"),
        ("not/there.py", True, "no rule leaves it out"),
        ("run.log", False, ".gitignore:2: *.log"),
        ("keep.log", True, ".gitignore:3: !keep.log"),
        ("kept.log", True, "tracked by git, in spite of .gitignore:2: *.log"),
        ("build/x/y.o", False, ".gitignore:1: build/ (leaves out build/)"),
        ("web/node_modules/x.js", False, "in node_modules/ (leaves out web/node_modules/)"),
        (".git/HEAD", False, "git's own files are never indexed (leaves out .git/)"),
        ("src", True, "no rule leaves it out"),
        ("../x", False, "no path inside the working tree"),
    ],
)
def test_a_verdict_names_its_rule(root: Path, path: str, included: bool, rule: str) -> None:
    """Why a path is in or out is said in one line, whether it exists or not."""
    _git(root, "init", "-q")
    _write(root, {".gitignore": "build/\n*.log\n!keep.log\n", "src/a.py": "x", "run.log": "x", "kept.log": "x"})
    _git(root, "add", "-f", "kept.log")
    verdict = _tree(root).explain(path)
    assert (verdict.path, verdict.included, verdict.rule) == (path, included, rule)


def test_rules_are_read_anew_by_every_scan(root: Path) -> None:
    """A rule added between two scans holds in the second."""
    _write(root, {"a.log": "x", "b.py": "x"})
    tree = _tree(root)
    assert [item.path for item in tree.scan()] == ["a.log", "b.py"]
    _write(root, {".gitignore": "*.log\n"})
    assert [item.path for item in tree.scan() if isinstance(item, FileStat)] == [".gitignore", "b.py"]


def test_a_look_at_some_files_knows_the_rules_above_them(root: Path) -> None:
    """What is gone is not found, what lies in a folder that is left out is left out with it."""
    _git(root, "init", "-q")
    _write(root, {".gitignore": "build/\n", "src/a.py": "a", "build/x.py": "x", "src/deep/b.py": "b"})
    _write(root, {"other/.git/HEAD": "ref: refs/heads/main\n", "other/c.py": "c"})
    tree = _tree(root)
    found = tree.look({"src/a.py", "src/gone.py", "gone/a.py", "build/x.py", "src/deep/b.py"})
    assert found is not None
    assert [item.path for item in found] == ["build/", "src/a.py", "src/deep/b.py"]
    assert [type(item) for item in found] == [SkippedFile, FileStat, FileStat]


@pytest.mark.parametrize(
    "path", ["src", ".gitignore", "src/.conexusignore", ".gitattributes", ".git/index", "src/.git/HEAD"]
)
def test_a_look_cannot_tell_what_a_folder_or_a_rule_changes(root: Path, path: str) -> None:
    """Then only a scan can."""
    _git(root, "init", "-q")
    _write(root, {"src/a.py": "a"})
    assert _tree(root).look({"src/a.py", path}) is None


def test_folders_that_hold_no_source_are_refused(tmp_path: Path) -> None:
    """Missing paths, files, the disk and home folders are refused with a reason and a hint."""
    home = tmp_path / "users" / "me"
    (home / "projects").mkdir(parents=True)
    _write(home, {"file.txt": "x"})
    assert check_root(home / "projects", home) == home / "projects"
    with pytest.raises(SourceError, match="does not exist") as missing:
        check_root(home / "projcets", home)
    assert missing.value.hint == f"Did you mean {home / 'projects'}?"
    with pytest.raises(SourceError, match="is a file") as file:
        check_root(home / "file.txt", home)
    assert file.value.hint is not None
    for path, force in ((Path("/"), True), (home, False), (home.parent, False)):
        with pytest.raises(SourceError) as caught:
            check_root(path, home, force=force)
        assert caught.value.hint is not None
    assert check_root(home, home, force=True) == home


def test_ten_thousand_files_are_found(root: Path) -> None:
    """A large tree under many rules is scanned whole."""
    rules = "".join(f"*.ext{number}\n/out{number}/\nname{number}\nsub{number}/**/x?.bin\n" for number in range(20))
    _write(root, {".gitignore": "*.log\nbuild/\n__pycache__/\n" + rules, "src/.gitignore": "*.tmp\n[a-c]*.bak\n"})
    for folder in range(400):
        below = root / "src" / f"package{folder % 20}" / f"module{folder}"
        below.mkdir(parents=True)
        for number in range(25):
            (below / f"file_{number}.py").write_bytes(b"x = 1\n")
    assert sum(1 for item in _tree(root).scan() if isinstance(item, FileStat)) == 10_002
