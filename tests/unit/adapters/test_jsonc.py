# SPDX-License-Identifier: FSL-1.1-MIT
"""JSON with comments is edited so that every byte but those of the edit stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.adapters.jsonc import JsoncError, has_member, value_at, with_member, without_member

PATH = ("mcpServers", "conexus")
ENTRY = {"command": "/opt/conexus", "args": ["mcp"]}


def edited(text: str) -> str:
    return with_member(text, PATH, ENTRY)


# ------------------------------------------------------------------ properties


@st.composite
def trivia(draw: st.DrawFn, newline: str) -> str:
    """Spaces, line ends and comments, as they may stand between two tokens."""
    pieces = ["", "", " ", "\t", newline, f"{newline}  ", "/*c*/", f" // it's {{\"x{newline}", f"/* a{newline} b */ "]
    return draw(st.sampled_from(pieces)) + draw(st.sampled_from(pieces[:4]))


NAMES = st.sampled_from(["a", "z", "mcpServers", "conexus", "a/b", "é\n", ""])
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=4
)
SERVERS = st.dictionaries(NAMES, VALUES, max_size=3)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=3).flatmap(
    lambda rest: (
        st.none().map(lambda _: {key: value for key, value in rest.items() if key != "mcpServers"})
        | SERVERS.map(lambda servers: {**rest, "mcpServers": servers})
    )
)


@st.composite
def written(draw: st.DrawFn, value: Any, newline: str) -> str:
    """A value as somebody may have written it."""
    if not isinstance(value, dict | list) or (not value and draw(st.booleans())):
        return json.dumps(value, ensure_ascii=draw(st.booleans()))
    gap = trivia(newline)
    parts = []
    for item in value:
        name = f"{json.dumps(item)}{draw(gap)}:{draw(gap)}" if isinstance(value, dict) else ""
        held = value[item] if isinstance(value, dict) else item
        parts.append(f"{draw(gap)}{name}{draw(written(held, newline))}{draw(gap)}")
    comma = f",{draw(gap)}" if parts and draw(st.booleans()) else draw(gap)
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{','.join(parts)}{comma}{closing}"


@st.composite
def texts(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """An object and a text of it."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    value = draw(DOCUMENTS)
    gap = trivia(newline)
    return value, f"{draw(gap)}{draw(written(value, newline))}{draw(gap)}"


def whole(text: str) -> Any:
    """The value of a whole text, read as the value of a member of another."""
    return value_at(f'{{"whole": {text}\n}}', ("whole",))


@given(texts())
def test_what_is_written_is_read(document: tuple[dict[str, Any], str]) -> None:
    """Comments and trailing commas are no part of a value."""
    value, text = document
    assert whole(text) == value
    for name, held in value.items():
        assert value_at(text, (name,)) == held or not has_member(text, (name,))


@given(texts())
def test_a_member_is_set_and_nothing_else(document: tuple[dict[str, Any], str]) -> None:
    """The value is as before but for the member, and the rest of the text is there piece by piece."""
    value, text = document
    after = edited(text)
    assert whole(after) == {**value, "mcpServers": {**value.get("mcpServers", {}), "conexus": ENTRY}}
    if not has_member(text, PATH):
        left = iter(after)
        assert all(char in left for char in text)  # nothing was taken away, and nothing moved


@given(texts())
def test_what_was_put_in_is_taken_out_to_the_byte(document: tuple[dict[str, Any], str]) -> None:
    """Where the object of servers was there, its text is as it was; else an empty one is left."""
    value, text = document
    if has_member(text, PATH):
        return
    back = without_member(edited(text), PATH)
    if "mcpServers" in value:
        assert back == text
    else:
        assert whole(back) == {**value, "mcpServers": {}}


@given(texts())
def test_taking_out_leaves_the_rest(document: tuple[dict[str, Any], str]) -> None:
    """An entry that somebody wrote by hand, wherever it stands, goes alone."""
    value, text = document
    after = without_member(text, PATH)
    servers = value.get("mcpServers")
    expected = dict(value)
    if servers is not None:
        expected["mcpServers"] = {key: held for key, held in servers.items() if key != "conexus"}
    assert whole(after) == expected


@given(texts(), st.data())
def test_a_broken_text_is_refused_or_read(document: tuple[dict[str, Any], str], data: st.DataObject) -> None:
    """Whatever a slip of a hand leaves, an edit raises with a place in the text, or its result can be read."""
    _, text = document
    at = data.draw(st.integers(0, len(text)))
    slip = data.draw(st.sampled_from(["", ",", "}", "{", '"', "/", "*", "1", ":", "]", "\\", "\0", "\u2028", "'"]))
    broken = text[:at] + slip + text[at + data.draw(st.integers(0, 2)) :]
    try:
        after = edited(broken)
    except JsoncError as error:
        lines = broken.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
    else:
        assert value_at(after, PATH) == ENTRY


@given(st.text(alphabet='{}[],:"\\/* \n1atru', max_size=30))
def test_any_text_is_refused_or_read(text: str) -> None:
    """No text makes it fail in another way."""
    try:
        after = edited(text)
    except JsoncError:
        return
    assert value_at(after, PATH) == ENTRY


# --------------------------------------------------------------------- looks


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", '{\n  "s": {\n    "n": {\n      "a": [1]\n    }\n  }\n}\n'),
        ("{}\n", '{\n  "s": {\n    "n": {\n      "a": [1]\n    }\n  }\n}\n'),
        ("// mine\n", '// mine\n{\n  "s": {\n    "n": {\n      "a": [1]\n    }\n  }\n}\n'),
        ('{\n\t"x": 1\n}', '{\n\t"x": 1,\n\t"s": {\n\t\t"n": {\n\t\t\t"a": [1]\n\t\t}\n\t}\n}'),
        (
            '{\r\n    "s": {}\r\n}',
            '{\r\n    "s": {\r\n        "n": {\r\n            "a": [1]\r\n        }\r\n    }\r\n}',
        ),
        (
            '{\n  "s": {\n    "x": 1 // one\n  }\n}',
            '{\n  "s": {\n    "x": 1, // one\n    "n": {\n      "a": [1]\n    }\n  }\n}',
        ),
        (
            '{\n  "s": {\n    "x": 1, // one\n  },\n}',
            '{\n  "s": {\n    "x": 1, // one\n    "n": {\n      "a": [1]\n    },\n  },\n}',
        ),
        ('{"s":{"x":1}}', '{"s":{"x":1, "n": {"a": [1]}}}'),
        ('{"s": {}}', '{"s": {"n": {"a": [1]}}}'),
        ('{\n  "s": {"x": 1}\n}', '{\n  "s": {"x": 1, "n": {"a": [1]}}\n}'),
        (
            '{\n  "s": {\n    "n": null // mine\n  }\n}',
            '{\n  "s": {\n    "n": {\n      "a": [1]\n    } // mine\n  }\n}',
        ),
    ],
)
def test_an_entry_looks_like_its_neighbours(before: str, after: str) -> None:
    """Indentation, line ends, trailing commas and comments are those of the file."""
    assert with_member(before, ("s", "n"), {"a": [1]}) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"n": 1, "x": 2}', '{"x": 2}'),
        ('{"x": 2, "n": 1}', '{"x": 2}'),
        ('{\n  "n": 1\n}', "{}"),
        ('{\n  "n": 1, // one\n  "x": 2\n}', '{ // one\n  "x": 2\n}'),
        ('{\n  // first\n  "n": 1, "x": 2\n}', '{\n  // first\n   "x": 2\n}'),
        ('{"x": 2}', '{"x": 2}'),
    ],
)
def test_an_entry_goes_with_its_comma(before: str, after: str) -> None:
    """Comments stay, and none of them swallows what follows."""
    assert without_member(before, ("n",)) == after


# ------------------------------------------------------------------ hostile


@pytest.mark.parametrize(
    ("text", "reason", "line", "column"),
    [
        ("[]", "must hold an object", 1, 1),
        ('"x"', "must hold an object", 1, 1),
        ('{\n  "mcpServers": []\n}', "'mcpServers' must hold an object", 2, 17),
        ('{"mcpServers": null}', "'mcpServers' must hold an object", 1, 16),
        ('{\n  "mcpServers": {},\n  "mcpServers": {}\n}', "'mcpServers' is there twice", 3, 3),
        ('{"mcpServers": {"conexus": 1, "conexus": 2}}', "'conexus' is there twice", 1, 31),
        ('{"a": 1', "the file ends", 1, 8),
        ('{"a": 1}}', "'}' where the end", 1, 9),
        ('{"a": 1} {}', "'{' where the end", 1, 10),
        ('{"a" 1}', "'1' where a colon", 1, 6),
        ('{"a": 1 "b": 2}', "where a comma", 1, 9),
        ('{"a": tru}', "unexpected 'tru'", 1, 7),
        ('{"a": 01}', "unexpected '01'", 1, 7),
        ('{"a": NaN}', "unexpected 'NaN'", 1, 7),
        ("{'a': 1}", "single quotes", 1, 2),
        ('{"a": "x\n"}', "a string that is not closed", 1, 7),
        ('{"a": "\\x"}', "a string that is not closed", 1, 7),
        ("{} /* x", "a comment that is not closed", 1, 4),
        ('{"a": [}', "'}' where", 1, 8),
        ('{"a": 1,, "b": 2}', "',' where", 1, 9),
        ("{\xa0}", "unexpected '\xa0'", 1, 2),
        ("{\n <<<<<<< HEAD\n}", "unexpected '<'", 2, 2),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text: str, reason: str, line: int, column: int) -> None:
    """The reason, the line and the column, so that a person can mend it."""
    with pytest.raises(JsoncError) as caught:
        edited(text)
    assert reason in caught.value.reason
    assert (caught.value.line, caught.value.column) == (line, column)


def test_the_same_name_elsewhere_may_be_there_twice() -> None:
    """Only what is edited must be unambiguous."""
    text = '{"theme": 1, "theme": 2, "mcpServers": {"x": {"y": 1, "y": 2}}}'
    assert without_member(edited(text), PATH) == text


def test_depth_and_size_cost_time_in_proportion() -> None:
    """A file nested a hundred thousand deep, or with as many members, is read like any other."""
    deep = '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"
    wide = "{" + ",".join(f'"k{number}": 1' for number in range(100_000)) + "}"
    assert value_at(edited(deep), PATH) == ENTRY
    assert value_at(edited(wide), PATH) == ENTRY


def test_an_entry_too_deep_to_be_read_is_refused() -> None:
    """It is somebody's joke, and no reason to run out of stack."""
    deep = '{"mcpServers": {"conexus": ' + "[" * 100_000 + "]" * 100_000 + "}}"
    with pytest.raises(JsoncError, match="too deep"):
        value_at(deep, PATH)
