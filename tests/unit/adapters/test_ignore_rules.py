# SPDX-License-Identifier: FSL-1.1-MIT
"""Ignore rules against real git."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conexus.adapters.git_index import TrackedPaths, read_index
from conexus.adapters.git_metadata import git_folders
from conexus.adapters.ignore_rules import IgnoreRules, Judgement, RuleList, UserGit, parse_rules

_PIECES = [
    *["a", "b", "ab", "A", "*", "?", "**", "/", "**/", "/**", "*/", "/*", "foo", ".log", "*.log", "***"],
    *[
        "[",
        "]",
        "[a-c]",
        "[!a]",
        "[^a]",
        "[[:alpha:]]",
        "[[:upper:]]",
        "[[:foo:]]",
        "[[:space:]]",
        "[a-",
        "[]a]",
        "[]-a]",
    ],
    *["[a\\]b]", "[\\", "[--0]", "[a-\\c]", "[[:digit:]-z]", "[[:]", "[[:a]", "[c-a]", "[!]a]", "[^/]", "[A-C]", "[B]"],
    *[
        "\\",
        "\\a",
        "\\B",
        "\\*",
        "\\/",
        "\\ ",
        "!",
        "#",
        " ",
        "\t",
        "\r",
        "-",
        ".",
        "é",
        "{a}",
        "$",
        "+",
        "(",
        "|",
        "^",
    ],
]
_NAMES = [
    *["a", "b", "c", "ab", "A", "B", "aB", "foo", "foo.log", "a.log", ".log", "a b", "a ", " ", "!a", "#a", "*", "**"],
    *["[", "]", "[a]", "\\", "\\a", "a\\", "-", "^", "é", "b\udcff", "{a}", "$", "+", "(", "|", "a\nb", "\ta", "abab"],
]
_patterns = st.lists(st.sampled_from(_PIECES), min_size=1, max_size=6).map("".join)
_paths = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=4).map("/".join)
# Git looks a path up in its index as a glob, so that paths with wildcards say nothing of tracked files.
_plain_paths = _paths.filter(lambda path: not set(path) & set("*?[\\"))
_rule_files = st.lists(_patterns, max_size=5).map("\n".join)
_PLACES = ["", "a/", "a/b/", "foo/"]


class GitRepository:
    """A real git repository, its user's settings in a folder beside it."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "tree"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.root.mkdir()
        self.run("init", "-q")

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run git with settings of its own."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = subprocess.run(
            ["git", *arguments], cwd=self.root, env=environment, input=stdin, capture_output=True, check=False
        )
        assert done.returncode in (0, 1), done.stderr.decode()
        return done.stdout

    def write(self, path: str, content: str = "x") -> None:
        """Write a file of the tree."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(os.fsencode(content))

    def clear(self) -> None:
        """Empty tree and index."""
        for entry in self.root.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        (self.root / ".git" / "index").unlink(missing_ok=True)

    def check_ignore(self, paths: list[str]) -> dict[str, str]:
        """Return git's deciding rule of every path, as ``source:line``, with ``!`` where it brings back."""
        stdin = b"\0".join(map(os.fsencode, paths)) + b"\0"
        fields = self.run("check-ignore", "--stdin", "-z", "-v", "-n", stdin=stdin).split(b"\0")
        rules = {}
        for source, line, pattern, path in zip(*[iter(map(os.fsdecode, fields))] * 4, strict=False):
            rules[path] = f"{'!' * pattern.startswith('!')}{source}:{line}" if source else ""
        return rules

    def rules(self) -> IgnoreRules:
        """Load the rules as Conexus does."""
        git = git_folders(self.root)
        return IgnoreRules.load(self.root, git, UserGit(self.home), read_index(self.root / ".git" / "index"))


def judge(rules: IgnoreRules, path: str, *, is_folder: bool = False) -> Judgement | None:
    folder = rules.top()
    *above, name = path.split("/")
    for part in above:
        judgement = folder.judge([part], folders=True).get(part)
        if judgement is not None and judgement.excluded and not judgement.holds_tracked:
            return judgement
        folder = rules.enter(folder, part, judgement)
    return folder.judge([name], folders=is_folder).get(name)


def place(judgement: Judgement | None, path: str, tracked: TrackedPaths) -> str:
    """Write a judgement as :meth:`GitRepository.check_ignore` does; git says nothing of tracked paths."""
    if judgement is None or path in tracked.files or tracked.any_below(path + "/"):
        return ""
    return f"{'!' * judgement.rule.brings_back}{judgement.rule.source}:{judgement.rule.line}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitRepository]:
    yield GitRepository(tmp_path_factory.mktemp("shared"))


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path)


_many = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@_many
@given(rule_files=st.lists(_patterns, min_size=12, max_size=12), paths=st.lists(_paths, min_size=10, max_size=10))
@pytest.mark.parametrize("ignore_case", [False, True])
def test_every_pattern_matches_what_git_matches(
    shared: GitRepository, ignore_case: bool, rule_files: list[str], paths: list[str]
) -> None:
    """A pattern alone in its file decides on names that need not exist as git does."""
    shared.clear()
    shared.run("config", "core.ignorecase", str(ignore_case).lower())
    for number, pattern in enumerate(rule_files):
        shared.write(f"d{number}/.gitignore", pattern)
    wanted = [f"d{number}/{path}" for number in range(len(rule_files)) for path in paths]
    expected = shared.check_ignore(wanted)
    rules = shared.rules()
    assert {path: place(judge(rules, path), path, rules.tracked) for path in wanted} == expected


@_many
@given(
    rule_files=st.lists(_rule_files, min_size=4, max_size=4),
    excludes=st.tuples(_rule_files, _rule_files),
    files=st.lists(_plain_paths, min_size=1, max_size=12),
    tracked=st.lists(_plain_paths, max_size=3),
)
def test_trees_of_rules_decide_as_git_does(
    shared: GitRepository, rule_files: list[str], excludes: tuple[str, str], files: list[str], tracked: list[str]
) -> None:
    """Nested rule files, excludes, folders and tracked files together decide as git does, by the same line."""
    shared.clear()
    shared.run("config", "core.ignorecase", "false")
    present = []
    for path in [*tracked, *files]:
        try:
            shared.write(path)
        except OSError:
            continue  # the path is a folder by now, or leads through a file
        present.append(path)
    added = [path for path in tracked if path in present]
    if added:
        shared.run(
            "add", "-f", "--pathspec-from-file=-", "--pathspec-file-nul", stdin=b"\0".join(map(os.fsencode, added))
        )
    for folder, text in zip(_PLACES, rule_files, strict=True):
        if (shared.root / folder).is_dir():
            shared.write(f"{folder}.gitignore", text)
    shared.write(".git/info/exclude", excludes[0])
    excludes_file = shared.home / ".config" / "git" / "ignore"
    excludes_file.parent.mkdir(parents=True, exist_ok=True)
    excludes_file.write_text(excludes[1])
    folders = {parent for path in present for parent in _parents(path)}
    expected = shared.check_ignore(sorted({*present, *folders}))
    rules = shared.rules()
    found = {
        path: place(judge(rules, path, is_folder=path in folders), path, rules.tracked) for path in {*present, *folders}
    }
    shared.write(".git/info/exclude", "")
    excludes_file.unlink()
    assert found == expected


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:depth]) for depth in range(1, len(parts))]


@pytest.mark.parametrize("ignore_case", ["false", "true"])
def test_classes_hold_the_bytes_that_git_holds(repository: GitRepository, ignore_case: str) -> None:
    """Every named class, range and negation matches the same bytes as in git."""
    repository.run("config", "core.ignorecase", ignore_case)
    names = "alnum alpha blank cntrl digit graph lower print punct space upper xdigit".split()
    patterns = [f"x[[:{name}:]]" for name in names] + [f"x[![:{name}:]]" for name in names]
    patterns += [
        "x[A-Z]",
        "x[!A-Z]",
        "x[a-z]",
        "x[\x01-\x7f]",
        "x[[-`]",
        "x[^[-`]",
        "x[A]",
        "x[a]",
        "x\\A",
        "x[\\A]",
        "xA",
    ]
    wanted = []
    for number, pattern in enumerate(patterns):
        repository.write(f"d{number}/.gitignore", pattern)
        wanted += [f"d{number}/x{os.fsdecode(bytes([byte]))}" for byte in range(1, 256) if byte != ord("/")]
    expected = repository.check_ignore(wanted)
    rules = repository.rules()
    assert {path: place(judge(rules, path), path, rules.tracked) for path in wanted} == expected
    assert 0 < sum(map(bool, expected.values())) < len(expected)


def test_what_git_tracks_is_not_ignored(repository: GitRepository) -> None:
    """A tracked file stays in, its ignored folder is entered for it, and its neighbours stay out."""
    repository.write(".gitignore", "build/\n*.log\n")
    for path in ("build/kept.py", "build/other.py", "build/deep/x.py", "run.log", "other.log"):
        repository.write(path)
    repository.run("add", "-f", "build/kept.py", "run.log")
    rules = repository.rules()
    build = judge(rules, "build", is_folder=True)
    assert build is not None
    assert (build.excluded, build.holds_tracked) == (True, True)
    excluded = {
        path: verdict.excluded
        for path in ("build/kept.py", "build/other.py", "run.log", "other.log")
        if (verdict := judge(rules, path))
    }
    assert excluded == {"build/kept.py": False, "build/other.py": True, "run.log": False, "other.log": True}
    deep = judge(rules, "build/deep/x.py")
    assert deep is not None
    assert str(deep.rule) == ".gitignore:1: build/"


def test_own_rules_stand_above_git(repository: GitRepository) -> None:
    """.conexusignore leaves out tracked files, and brings back ignored folders, but nothing below excluded ones."""
    repository.write(".gitignore", "build/\n*.o\nlogs/\n")
    repository.write(".conexusignore", "!build/\nsecret.py\n!logs/a.txt\n")
    repository.write("secret.py")
    repository.run("add", "secret.py")
    rules = repository.rules()
    secret = judge(rules, "secret.py")
    assert secret is not None
    assert (secret.excluded, str(secret.rule)) == (True, ".conexusignore:2: secret.py")
    assert judge(rules, "build/a.py") is None
    compiled = judge(rules, "build/a.o")
    assert compiled is not None
    assert str(compiled.rule) == ".gitignore:2: *.o"
    log = judge(rules, "logs/a.txt")
    assert log is not None
    assert str(log.rule) == ".gitignore:3: logs/"


def test_rules_keep_their_line_and_text() -> None:
    """Line numbers count comments and blank lines; byte order mark, CRLF and trailing spaces are dropped."""
    rules = parse_rules(
        b"\xef\xbb\xbf*.log \r\n# comment\r\n\r\n!keep.log\r\ndir/\r\nspace\\ \n\\#x\n/\n!\n \n", ".gitignore"
    )
    assert [str(rule) for rule in rules] == [
        ".gitignore:1: *.log",
        ".gitignore:4: !keep.log",
        ".gitignore:5: dir/",
        ".gitignore:6: space\\ ",
        ".gitignore:7: \\#x",
    ]


@pytest.mark.parametrize(("setting", "expected"), [("~/x", True), ("{home}/x", True), ("x", False), ("", False)])
def test_the_user_names_the_global_excludes(repository: GitRepository, setting: str, expected: bool) -> None:
    """core.excludesFile of the user counts where it is absolute or below the home folder."""
    (repository.home / "x").write_text("*.tmp\n")
    (repository.home / ".gitconfig").write_text(f'[core]\n\texcludesFile = "{setting.format(home=repository.home)}"\n')
    assert (judge(repository.rules(), "a.tmp") is not None) is expected
    assert bool(repository.check_ignore(["a.tmp"])["a.tmp"]) is expected


def test_rule_files_that_are_links_or_folders_are_not_read(repository: GitRepository) -> None:
    """As in git, a .gitignore that is a symlink counts for nothing; neither does a folder or FIFO."""
    (repository.root.parent / "outside").write_text("*\n")
    (repository.root / ".gitignore").symlink_to(repository.root.parent / "outside")
    (repository.root / "d" / ".gitignore").mkdir(parents=True)
    (repository.root / "e").mkdir()
    os.mkfifo(repository.root / "e" / ".conexusignore")
    rules = repository.rules()
    assert [judge(rules, path) for path in ("a", "d/a", "e/a")] == [None, None, None]
    assert repository.check_ignore(["a"])["a"] == ""


def test_hostile_patterns_cannot_run_away() -> None:
    """Many stars on long names are matched in time, by file name and by path."""
    rules = parse_rules(
        b"*a*a*a*a*a*a*a*a*a*a*b\n/**/*a/**/*a/**/*a/**/*a/**/*a/**/*a/**/b\nx/*[a]*[a]*[a]*[a]*[a]*?b\n", "r"
    )
    assert len(rules) == 3
    matcher = RuleList(rules, "", ignore_case=False)
    started = time.process_time()
    assert matcher.decide(["a" * 250], "", folders=False) == {}
    assert matcher.decide(["a"], "a/" * 1500, folders=False) == {}
    assert matcher.decide(["a" * 250], "x/", folders=False) == {}
    assert matcher.decide(["a" * 250 + "b"], "", folders=False) == {"a" * 250 + "b": rules[0]}
    assert time.process_time() - started < 20
