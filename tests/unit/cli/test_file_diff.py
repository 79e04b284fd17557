# SPDX-License-Identifier: FSL-1.1-MIT
"""A change is shown so that a person can judge it, on any terminal and with no secret in it."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from conexus.cli.file_diff import coloured, shown_diff

PATH = Path("/x/mcp.json")
LINES = st.lists(st.sampled_from(["a", "b", "c", "{", "}", ""]), max_size=12)


def test_a_change_has_its_surroundings() -> None:
    """Three lines on each side, with their numbers."""
    before = "".join(f"{number}\n" for number in range(1, 10))
    after = before.replace("5\n", "five\nand a half\n")
    assert shown_diff(before.encode(), after.encode(), PATH) == [
        "--- /x/mcp.json",
        "+++ /x/mcp.json",
        "@@ -2,7 +2,8 @@",
        " 2",
        " 3",
        " 4",
        "-5",
        "+five",
        "+and a half",
        " 6",
        " 7",
        " 8",
    ]


def test_a_file_that_comes_or_goes() -> None:
    """As diff names what is not there."""
    assert shown_diff(None, b"a\n", PATH) == ["--- /dev/null", "+++ /x/mcp.json", "@@ -0,0 +1,1 @@", "+a"]
    assert shown_diff(b"a\n", None, PATH) == ["--- /x/mcp.json", "+++ /dev/null", "@@ -1,1 +0,0 @@", "-a"]


@given(LINES, LINES, st.booleans(), st.booleans())
def test_numbers_and_marks_are_right(before: list[str], after: list[str], first_ends: bool, second_ends: bool) -> None:
    """What is shown of short lines can be applied by its numbers."""
    old = "\n".join(before) + ("\n" if first_ends else "")
    new = "\n".join(after) + ("\n" if second_ends else "")
    if old == new:
        return
    shown = "\n".join(shown_diff(old.encode(), new.encode(), PATH)) + "\n"
    applied = _applied(shown, old)
    assert applied == new


def _applied(shown: str, old: str) -> str:
    """Apply a diff of one part by its numbers."""
    lines = shown.split("\n")[2:-1]
    start, count = (int(number) for number in lines[0].split()[1][1:].split(","))
    found = old.splitlines(keepends=True)
    at = start - 1 if count else start
    out = found[:at]
    for place, line in enumerate(lines[1:], start=1):
        if line.startswith("\\"):
            continue
        ends = not (place + 1 < len(lines) and lines[place + 1].startswith("\\"))
        text = line[1:] + ("\n" if ends else "")
        if line[0] in " -":
            assert found[at] == text
            at += 1
        if line[0] in " +":
            out.append(text)
    return "".join([*out, *found[at:]])


def test_secrets_are_blanked_out() -> None:
    """The lines around may hold the keys of other servers, and a terminal's lines are kept and shared."""
    before = (
        '{\n"env": {\n"API_KEY": "Zk39fjQ0s8dKf02lLq9xV7",\n"T": "ghp_abcdefghijklmnopqrstuvwxyz0123456789"\n}\n}\n'
    )
    shown = "\n".join(shown_diff(before.encode(), before.replace("}\n}", "},\n1}").encode(), PATH))
    assert "Zk39fj" not in shown
    assert "ghp_" not in shown
    assert '"API_KEY"' in shown


def test_a_secret_of_several_lines_is_blanked_out() -> None:
    """A private key, and a value that stands below its name."""
    row, value = "Zk4x" + "Q9bT" * 15, "q7LwV" + "n3RcT9xK" + "b5HdM2sJ"
    key = "-----BEGIN RSA PRIVATE" + f" KEY-----\n{row}\n{row}\n-----END RSA PRIVATE" + " KEY-----\n"
    below = f'- name: API_KEY\n  value: "{value}"\n'
    shown = shown_diff(f"a\n{key}b\n".encode(), f"a\n{key}c\n{below}".encode(), PATH)
    assert not [line for line in shown if row in line or value in line]
    assert [line for line in shown if line[0] in "+-"][2:] == ["-b", "+c", "+- name: API_KEY", shown[-1]]
    assert shown[-1].startswith('+  value: "[redacted]*')


def test_a_long_line_is_cut_where_it_does_not_matter() -> None:
    """A file on one line of a megabyte shows the change, not the megabyte."""
    before = "{" + '"a": 1, ' * 100_000 + '"z": 2}'
    after = before[:-1] + ', "conexus": {"command": "x"}}'
    shown = shown_diff(before.encode(), after.encode(), PATH)
    assert max(map(len, shown)) < 400
    assert '"conexus": {"command": "x"}}' in shown[-2]
    cut = shown_diff(b"x" * 1_000 + b"\n", b"y\n", PATH)
    assert "(760 more characters)" in cut[3]


def test_control_characters_are_made_visible() -> None:
    """A configuration may be a stranger's."""
    shown = shown_diff(b"", b"\x1b[2J\xe2\x80\xae\n", PATH)
    assert shown[-1] == "+\\x1b[2J\\u202e"


def test_line_ends_of_windows_do_not_show() -> None:
    """Every line would end in a mark otherwise."""
    assert shown_diff(b"a\r\n", b"a\r\nb\r\n", PATH)[-2:] == [" a", "+b"]


def test_colours_are_those_of_diff() -> None:
    """Green, red and cyan; the names of the files have none."""
    assert coloured("+a") == "\x1b[32m+a\x1b[0m"
    assert coloured("-a") == "\x1b[31m-a\x1b[0m"
    assert coloured("@@ -1,1 +1,1 @@") == "\x1b[36m@@ -1,1 +1,1 @@\x1b[0m"
    assert coloured("--- a") == "--- a"
    assert coloured(" a") == " a"
