# SPDX-License-Identifier: FSL-1.1-MIT
"""A repository whose folder is gone, or has a link in its place: said so, and never mixed up with another."""

from __future__ import annotations

from pathlib import Path

import pytest
from program import ERROR, FOUND, Program, write


@pytest.fixture
def moved(program: Program, tmp_path: Path) -> tuple[Path, Path]:
    """The place of a folder that was indexed and is now a link, and the folder that the link leads to."""
    place, other = tmp_path / "place", tmp_path / "other"
    write(place, {"a.py": "def parse_header(line):\n    return line\n"})
    write(other, {"b.py": "def other_thing(value):\n    return value\n"})
    program.ok("index", place)
    place.rename(tmp_path / "before")
    place.symlink_to(other)
    return place, other


def test_a_link_in_the_place_of_a_folder(program: Program, moved: tuple[Path, Path]) -> None:
    """The old index answers where it is named, and says what it is; it is not brought up to date from elsewhere."""
    place, other = moved
    old = program.run("search", "parse_header", "--repo", "place")
    assert old.code == FOUND
    assert f"{place} is gone, or a link is in its place" in old.err
    assert "run `conexus index`" not in old.err
    assert "(gone)" in program.ok("repos", "list").out
    fresh = program.run("search", "parse_header", "--repo", "place", "--fresh")
    assert fresh.code == ERROR
    assert f"{place} is a link to {other} now" in fresh.err
    assert program.ok("search", "other_thing", place, "--json").json["results"][0]["root"] == str(other)
    listed = program.ok("search", "parse_header", "--all", "--fresh", "--json").json["results"]
    assert {hit["path"] for hit in listed if hit["root"] == str(place)} == {"a.py"}, "the index is as it was"


def test_named_repositories_are_brought_up_to_date(program: Program, tmp_path: Path) -> None:
    """``--fresh`` holds for ``--repo`` and ``--all`` too; one that is named and gone is an error."""
    for name in ("one", "two"):
        write(tmp_path / name, {"a.py": f"def first_{name}():\n    return 1\n"})
        program.ok("index", tmp_path / name)
        write(tmp_path / name, {"b.py": f"def second_{name}():\n    return 2\n"})
    assert program.ok("search", "second_one", "--repo", "one", "--fresh", "--json").paths()[0] == "b.py"
    assert program.ok("search", "second_two", "--all", "--fresh", "--json").paths()[0] == "b.py"
    (tmp_path / "one").rename(tmp_path / "away")
    assert program.run("search", "second_one", "--repo", "one", "--fresh").code == ERROR
    assert program.run("search", "second_one", "--repo", "one").code == FOUND
    assert program.run("search", "second_one", "--all", "--fresh").code == FOUND
