# SPDX-License-Identifier: LicenseRef-Conexus-Commercial
"""CODEOWNERS as GitHub and as GitLab read it, against other judges, and what a hostile one could do."""

from __future__ import annotations

import time
from functools import lru_cache

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from pathspec import PathSpec

from conexus.types import OwnersFile
from conexus_ee.owners import is_readable, owners_of


def of_github(text: str, *paths: str) -> dict[str, set[str]]:
    """Who owns what, by a file that GitHub reads."""
    return {path: set(owners) for path, owners in owners_of(OwnersFile("CODEOWNERS", text), paths).items()}


def of_gitlab(text: str, *paths: str) -> dict[str, set[str]]:
    """Who owns what, by a file that GitLab reads."""
    return {path: set(owners) for path, owners in owners_of(OwnersFile(".gitlab/CODEOWNERS", text), paths).items()}


# ------------------------------------------------------------------------------ GitHub


def test_the_last_pattern_that_fits_says_who_owns() -> None:
    """A pattern without owners takes them away; blanks may be escaped; comments say nothing."""
    text = (
        "* @acme/all\nsrc/ @ann @acme/web\n*.md docs@example.org\nvault/\n"
        "# comment\n/docs/*.md @top # why @not\nmy\\ dir/ @sec\n"
    )
    assert of_github(text, "docs/a.md", "docs/deep/a.md", "vault/.env", "a.py", "my dir/plan.py", "src/x/a.py") == {
        "docs/a.md": {"@top"},
        "docs/deep/a.md": {"docs@example.org"},
        "vault/.env": set(),
        "a.py": {"@acme/all"},
        "my dir/plan.py": {"@sec"},
        "src/x/a.py": {"@ann", "@acme/web"},
    }


_pattern = st.lists(
    st.sampled_from(["a", "b", "ab", "*", "**", "?", "a*", "*b", "a*b", "*a*b*", "[ab]", "[!a]", "a?b", ".a"]),
    min_size=1,
    max_size=4,
).flatmap(
    lambda parts: st.tuples(st.sampled_from(["", "/"]), st.sampled_from(["", "/"])).map(
        lambda ends: ends[0] + "/".join(parts) + ends[1]
    )
)
_name = st.text("ab.", min_size=1, max_size=4).filter(lambda name: name.strip("."))
_path = st.lists(_name, min_size=1, max_size=5).map("/".join)


@given(_pattern, st.lists(_path, min_size=1, max_size=6))
@settings(max_examples=3000, deadline=None)
@example("docs/*", ["docs/a", "docs/a/b"])
@example("/a/**/b", ["a/b", "a/a/b", "a/b/a"])
def test_patterns_are_those_of_gitignore(pattern: str, paths: list[str]) -> None:
    """As another reader has them, but for folders of any number of folders, on which readers differ."""
    assume(not pattern.endswith("**/") and pattern[0] != "[")
    judge = PathSpec.from_lines("gitignore", [pattern])
    owned = of_github(f"{pattern} @x", *paths)
    for path in paths:
        assert (path in owned) == judge.match_file(path), (pattern, path)


# ------------------------------------------------------------------------------ GitLab

SECTIONED = """# said before any section
* @general

[Documentation][2] @docs-team @@maintainer
docs/
README.md
*.txt @writers   # and @not-a-comment

^[Database] @database-team
model/db/
config/db/setup.md @docs-team

[documentation] @others
docs/api/

[Ruby]
*.rb @ruby-team me@example.org
!/config/**/*.rb
/config/routes.rb @ops
nobody.rb
"""


def test_of_each_section_the_last_line_counts() -> None:
    """With default owners, optional sections, sections of one name, exclusions and owners after a number sign."""
    assert of_gitlab(
        SECTIONED, "a.py", "docs/a.md", "docs/api/x.md", "x/docs/y", "docs/a.txt", "model/db/x", "config/db/setup.md",
        "a.rb", "config/a/b.rb", "config/routes.rb", "config/x.rb", "x/nobody.rb",
    ) == {
        "a.py": {"@general"},
        "docs/a.md": {"@general", "@docs-team", "@@maintainer"},
        "docs/api/x.md": {"@general", "@others"},
        "x/docs/y": {"@general", "@docs-team", "@@maintainer"},
        "docs/a.txt": {"@general", "@writers", "@not-a-comment"},
        "model/db/x": {"@general", "@database-team"},
        "config/db/setup.md": {"@general", "@docs-team"},
        "a.rb": {"@general", "@ruby-team", "me@example.org"},
        "config/a/b.rb": {"@general"},
        "config/routes.rb": {"@general"},
        "config/x.rb": {"@general"},
        "x/nobody.rb": {"@general"},
    }  # fmt: skip


def test_the_way_to_read_follows_from_the_place_and_from_sections() -> None:
    """Without either it is GitHub's, by which a folder need not end with a slash."""
    for path, text, owned in (
        ("CODEOWNERS", "docs @x", True),
        (".github/CODEOWNERS", "docs @x", True),
        ("docs/CODEOWNERS", "docs @x", True),
        (".gitlab/CODEOWNERS", "docs @x", False),
        ("CODEOWNERS", "[Docs]\ndocs @x", False),
        (".github/CODEOWNERS", "docs @x\n^[Docs][1] @y", False),
        (".gitlab/CODEOWNERS", "docs/ @x", True),
    ):
        assert bool(owners_of(OwnersFile(path, text), ["docs/a.md"])) is owned, (path, text)
    assert of_github("[Docs] @y\ndocs/", "docs/a.md") == {"docs/a.md": {"@y"}}


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("CODEOWNERS", "[Docs\n* @all"),
        ("CODEOWNERS", "[Docs] x\n[Open\n* @all"),
        ("CODEOWNERS", "[] @x\n* @all"),
        ("CODEOWNERS", "[ ] @x\n* @all"),
        ("CODEOWNERS", "[ab].py @x"),
        ("CODEOWNERS", "[Docs]@x\n* @all"),
        ("CODEOWNERS", "[Docs][-1] @x\n* @all"),
        ("CODEOWNERS", "[Docs][two] @x"),
        ("CODEOWNERS", "[A][1][2] @x"),
        ("CODEOWNERS", "[[A]] @x"),
        ("CODEOWNERS", "^Docs @x"),
        ("CODEOWNERS", "!docs/ @x"),
        (".gitlab/CODEOWNERS", "[Docs\n* @all"),
        (".gitlab/CODEOWNERS", "^ [Docs]\n* @all"),
        (".gitlab/CODEOWNERS", None),
        ("CODEOWNERS", None),
    ],
)
def test_what_is_doubtful_is_not_read(path: str, text: str | None) -> None:
    """Then nobody can be told to own anything."""
    file = OwnersFile(path, text)
    assert not is_readable(file)
    assert owners_of(file, ["docs/a.md", "a"]) == {}


@lru_cache(maxsize=100_000)
def fnmatch(pattern: str, path: str) -> bool:
    """Ruby's fnmatch with FNM_PATHNAME and FNM_DOTMATCH, by trying everything."""
    if not pattern:
        return not path
    if pattern.startswith("**/"):
        return fnmatch(pattern[3:], path) or any(
            fnmatch(pattern, path[place + 1 :]) for place, letter in enumerate(path[1:], 1) if letter == "/"
        )
    if pattern[0] == "*":
        reach = path.find("/") if "/" in path else len(path)
        return any(fnmatch(pattern[1:], path[end:]) for end in range(reach + 1))
    if not path or (path[0] == "/" and pattern[0] != "/"):
        return False
    if pattern[0] == "[":
        inner = pattern[1 : pattern.index("]")]
        fits = path[0] not in inner[1:] if inner[0] == "!" else path[0] in inner
        return fits and fnmatch(pattern[len(inner) + 2 :], path[1:])
    return pattern[0] in {"?", path[0]} and fnmatch(pattern[1:], path[1:])


@given(_pattern, st.lists(_path, min_size=1, max_size=6))
@settings(max_examples=3000, deadline=None)
@example("/docs/**", ["docs/a", "docs/a/b"])
def test_patterns_are_those_of_fnmatch(pattern: str, paths: list[str]) -> None:
    """With a slash before it from the root, without one anywhere; with one after it all that is below."""
    assume(pattern[0] != "[")
    asked = "**/*" if pattern == "*" else pattern.removeprefix("/") if pattern[0] == "/" else f"**/{pattern}"
    asked += "**/*" if asked.endswith("/") else ""
    owned = of_gitlab(f"{pattern} @x", *paths)
    for path in paths:
        assert (path in owned) == fnmatch(asked, path), (pattern, path)


_line = st.one_of(
    st.sampled_from(["[A]", "[B] @b", "^[a][2] @a2 @a3", "[ b ]", "# x"]),
    st.tuples(st.sampled_from(["", "", "!"]), _pattern, st.sampled_from(["", " @x", " @y y@example.org"])).map("".join),
).filter(lambda line: not line.lstrip("!").startswith("[") or line[0] == "[")


@given(st.lists(_line.filter(lambda one: "[!" not in one and "[ab]" not in one), max_size=8), _path)
@settings(max_examples=1500, deadline=None)
def test_sections_are_as_an_oracle_has_them(lines: list[str], path: str) -> None:
    """Read line by line, in the plainest way: who is named in the end by each section, all of them together."""
    section, defaults, excluded = "", "", set()
    last: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith(("[", "^[")):
            section = line.lstrip("^")[1 : line.lstrip("^").index("]")].strip().lower()
            defaults = " ".join(word for word in line.split() if "@" in word)
        elif not line.startswith("#"):
            pattern, _, named = line.lstrip("!").partition(" ")
            if path in of_gitlab(f"{pattern} @x", path):
                last[section] = set((named or defaults).split())
                if line[0] == "!":
                    excluded.add(section)
    expected = {owner for name, owners in last.items() if name not in excluded for owner in owners}
    assert of_gitlab("\n".join(lines), path).get(path, set()) == expected


# ------------------------------------------------------------------------------ what a hostile one could do


@pytest.mark.parametrize("path", ["CODEOWNERS", ".gitlab/CODEOWNERS"])
@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("*a" * 60 + "b", "a" * 250),
        ("**/" * 300 + "b", "a/" * 900 + "a"),
        ("**/a/" * 60 + "b", "a/" * 900 + "a"),
        ("**/*a*a*/" * 30 + "b", "aaaaaaaaaa/" * 100 + "a"),
        ("**/*/" * 100 + "*b", "a/" * 900 + "a"),
        ("?*" * 200 + "b", "a" * 250),
        ("[a-z]*" * 200 + "!", "a" * 250),
        ("*" * 20_000 + "b", "a" * 250),
        ("\\" * 20_001, "\\" * 250),
        ("[" * 20_000, "[" * 250),
        ("[" + "a-z" * 20_000 + "]*b", "a" * 250),
        ("[z-a]", "a"),
        ("[]", "a"),
        ("[!", "a"),
        ("a" * 500_000, "a" * 250),
        ("{" * 1000 + "(?P<" * 10 + "(((", "a"),
    ],
)
def test_no_pattern_takes_long(path: str, pattern: str, name: str) -> None:
    """Whatever stands in a file that anybody may have written."""
    begun = time.perf_counter()
    owners_of(OwnersFile(path, f"x{pattern} @x\n/{pattern} @x\n"), [name, f"x{name}", name[:-1] + "c"])
    assert time.perf_counter() - begun < 2.0


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        "[" + " " * 300_000,
        "[" + "x" * 300_000,
        "[x]" + "[1]" * 100_000,
        "[x] " + "@" * 300_000,
        "[x] " + "a" * 300_000,
        "^" * 300_000,
        "\\ " * 200_000,
        "a " + "@a" * 200_000,
        "\n".join(f"[s{n}]" for n in range(50_000)),
        "\0\n\x85@x\u2028[A]\n",
    ],
)
def test_no_file_takes_long_to_read(text: str) -> None:
    """Nor is any of them an error of ours."""
    begun = time.perf_counter()
    for path in ("CODEOWNERS", ".gitlab/CODEOWNERS"):
        is_readable(OwnersFile(path, text))
        owners_of(OwnersFile(path, text), ["a", "b/c"])
    assert time.perf_counter() - begun < 5.0


@pytest.mark.parametrize(
    "end", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\r", "\u00a0", "\u3000", "\ufeff"]
)
def test_no_line_hides_in_a_comment(end: str) -> None:
    """Only a line feed ends a line, and only blanks of ASCII are blanks: as code hosts read it, which show the file."""
    for place in ("CODEOWNERS", ".gitlab/CODEOWNERS"):
        text = f"* @all\n# looks like a comment{end}* @eve\n"
        assert owners_of(OwnersFile(place, text), ["a"]) == {"a": {"@all"}}
    hidden = f"* @all\nsrc/{end}docs/ @docs\n"
    assert of_gitlab(hidden, "docs/a", "src/a")["docs/a"] == {"@all"}


@given(st.text(max_size=60), st.sampled_from(["CODEOWNERS", ".gitlab/CODEOWNERS"]), st.text(min_size=1, max_size=20))
@settings(max_examples=1500, deadline=None)
def test_any_text_is_read_or_not(text: str, place: str, path: str) -> None:
    """Owners are words of the text; what is not read owns nothing."""
    file = OwnersFile(place, text)
    owned = owners_of(file, [path])
    assert all(owner in text for owners in owned.values() for owner in owners)
    assert is_readable(file) or not owned
