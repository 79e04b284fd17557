# SPDX-License-Identifier: FSL-1.1-MIT
"""Path patterns read as git reads them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conexus.errors import QueryError
from conexus.search.globs import literal, matcher

PATHS = (
    "a.py",
    "ab",
    "a-b",
    "a]b",
    "src",
    "src/app.py",
    "src/app/main.py",
    "src/app/test_main.py",
    "src/a/b/c/test_deep.py",
    "lib/src/x.py",
    "lib/other.txt",
    "lib/src2",
    "foo/bar",
    "foo/x/bar",
    "foo/x/y/bar",
    "xfoo/bar",
    "pages/[id].tsx",
    "pages/i.tsx",
    "star*name",
    "back\\slash",
    "!bang",
    "A.PY",
    "docs/read me.md",
    "é/ü.md",
    ".hidden/file",
    "abcbcd",
    "x/abcbcd/y",
    "num1",
    "num^",
    "deep/a/a/a/b",
)
PATTERNS = (
    "*.py",
    "src",
    "src/",
    "/src",
    "/src/",
    "src/**",
    "src/**/",
    "/src/**/test_*",
    "src/*.py",
    "src/app/",
    "src/app",
    "**/test_*",
    "**/src/**",
    "**/app/*.py",
    "foo/**/bar",
    "foo/*/bar",
    "foo/**",
    "**",
    "*",
    "*/",
    "*/*",
    "**/",
    "a?b",
    "a[-]b",
    "a[]]b",
    "a[!x]b",
    "a[^-]b",
    "a[!-]b",
    "[a-c]*",
    "[[:alpha:]]*",
    "num[[:digit:]]",
    "num[[:digit:]^]",
    "num[!0-9]",
    "num[^0-9]",
    r"pages/\[id\].tsx",
    "pages/[id].tsx",
    r"star\*name",
    r"back\\slash",
    r"\!bang",
    r"a[\]]b",
    "*.md",
    "docs/*me.md",
    "é",
    ".*",
    "a*c*d",
    "a*bc*d",
    "a**d",
    "foo**",
    "foo**bar",
    "**foo/bar",
    "a*[b-d]",
    "lib/*/x.py",
    "deep/**/a/b",
    "deep/**/a/**/b",
    "/",
    "lib/src?",
    "foo?bar",
    "foo[/]bar",
    "foo[!x]bar",
)


@pytest.fixture(scope="module")
def git_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that holds the paths, those that can lie in one tree."""
    root = tmp_path_factory.mktemp("tree")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    for path in PATHS:
        if path != "src":
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("x")
    return root


def ignored_by_git(root: Path, pattern: str) -> set[str]:
    """Ask git which of the paths a pattern fits, a folder above them included."""
    (root / ".git" / "info" / "exclude").write_text(pattern + "\n", encoding="utf-8")
    names = "\0".join(path for path in PATHS if path != "src")
    command = [
        "git",
        "-C",
        str(root),
        "-c",
        "core.excludesFile=/dev/null",
        "check-ignore",
        "--no-index",
        "-z",
        "--stdin",
    ]
    found = subprocess.run(command, input=names.encode(), capture_output=True, check=False)
    assert found.returncode in {0, 1}, found.stderr
    return {name.decode() for name in found.stdout.split(b"\0") if name}


@pytest.mark.parametrize("pattern", [p for p in PATTERNS if p not in {"/", "foo[/]bar"}])
def test_patterns_fit_as_in_git(git_tree: Path, pattern: str) -> None:
    """Each pattern lets in what git would ignore by it."""
    fits = matcher([pattern])
    assert {path for path in PATHS if path != "src" and fits(path)} == ignored_by_git(git_tree, pattern)


def test_a_folder_pattern_leaves_a_file_of_that_name_out() -> None:
    """`src/` is all below a folder, `src` a file of that name as well."""
    assert matcher(["src"])("lib/src")
    assert not matcher(["src/"])("lib/src")
    assert matcher(["src/"])("lib/src/x.py")


def test_a_character_is_one_whatever_its_bytes() -> None:
    """`?` and brackets take characters, where git takes bytes."""
    assert matcher(["?/[é-ü].md"])("é/ü.md")


def test_any_of_several_patterns_suffices() -> None:
    """None at all fit nothing."""
    fits = matcher(["*.py", "./docs/", " lib/** "])
    assert [fits(path) for path in ("x/a.py", "docs/a.md", "lib/b.c", "doc/a.md")] == [True, True, True, False]
    assert not matcher([])("a.py")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("/", "is empty"),
        ("./", "is empty"),
        ("!*.py", "begins with '!'"),
        ("pages/[id", "without its ']'"),
        ("pages/[]", "without its ']'"),
        ("foo[/]bar", "without its ']'"),
        ("[[:letter:]]", "unknown class"),
        ("[z-a]", "is malformed"),
        ("name\\", "ends in a backslash"),
        ("a" * 1001, "at most 1,000"),
    ],
)
def test_a_pattern_that_cannot_be_meant_is_an_error(pattern: str, why: str) -> None:
    """Also where another pattern would fit, and before any path is looked at."""
    with pytest.raises(QueryError) as caught:
        matcher(["*", pattern])
    assert why in caught.value.message


@settings(deadline=None)
@given(st.text(st.characters(blacklist_characters="\x00"), min_size=1, max_size=30))
@example("a/[b]*?/\\c!")
@example("!bang")
def test_a_literal_path_fits_itself(path: str) -> None:
    """Whatever characters a folder's name holds, it can be searched."""
    if path.strip("/") == path and "//" not in path and not path.startswith("./"):
        fits = matcher([f"/{literal(path)}/"])
        assert fits(f"{path}/file.py")
        assert not fits(f"x{path}/file.py")


@pytest.mark.parametrize("char", list("*?[!\\"))
def test_a_literal_path_fits_nothing_else(char: str) -> None:
    """A special character stands for itself alone."""
    fits = matcher([f"/a{literal(char)}b]/"])
    assert fits(f"a{char}b]/x")
    assert not fits("azb]/x")
    assert not fits("ab/x")


@settings(deadline=None)
@given(st.text("ab*/?[]!^-\\:.", max_size=14), st.lists(st.text("ab/.*-", min_size=1, max_size=10), max_size=4))
def test_any_pattern_fits_or_is_an_error_of_ours(pattern: str, paths: list[str]) -> None:
    """No other error comes from either."""
    try:
        fits = matcher([pattern])
    except QueryError:
        return
    for path in paths:
        assert fits(path) in {True, False}


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("a*" * 400 + "b", "a" * 4000),
        ("*a" * 400 + "*b", "a" * 4000),
        ("**/a/" * 180 + "b", "a/" * 2000 + "c"),
        ("**/" * 300 + "b", "a/" * 2000 + "c"),
        ("*/" * 400 + "b", "a/" * 2000 + "c"),
        ("**/*a*a*a*a*a/" * 60 + "b", ("a" * 60 + "/") * 60),
        ("*" * 900 + "b", "a" * 4000),
        ("[ab]*" * 190 + "c", "ab" * 2000),
        ("?*" * 400 + "b", "a" * 4000),
        ("x/**/" + "?" * 400 + "/b", "x/" + "a/" * 2000),
    ],
)
def test_hostile_patterns_do_not_blow_up(pattern: str, path: str) -> None:
    """Time grows with the product of the lengths at most."""
    fits = matcher([pattern])
    started = time.process_time()
    assert not fits(path)
    assert time.process_time() - started < 10
