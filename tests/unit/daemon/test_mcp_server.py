# SPDX-License-Identifier: FSL-1.1-MIT
"""What agents may pass to tools, and which folders they may mean."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conexus.daemon import mcp_tools as tools
from conexus.daemon.mcp_places import folder_of_header, folder_of_root, listed
from conexus.errors import InvalidRequest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("tool", tools.TOOLS, ids=lambda tool: tool.name)
@given(given_arguments=st.data())
def test_whatever_is_passed_is_taken_or_refused_by_name(tool: tools.Tool, given_arguments: st.DataObject) -> None:
    """Nothing but arguments that fit, or an error that says what does not."""
    names = st.sampled_from(sorted(tool.arguments.model_fields)) | st.text(max_size=20)
    arguments: dict[str, Any] = given_arguments.draw(st.dictionaries(names, JSON, max_size=5))
    try:
        found = tool.parse(arguments)
    except InvalidRequest as error:
        assert error.message.startswith(tool.name)
        assert error.hint
    else:
        assert set(arguments) <= set(type(found).model_fields)


def test_null_counts_as_left_out_and_one_name_as_a_list() -> None:
    """Agents fill in every argument that they see, and write one language as a text."""
    search = tools.tool_named("search_code")
    found = search.parse({"query": "x", "repository": None, "limit": None, "languages": "python", "paths": ["*.py"]})
    assert found == tools.SearchCode(query="x", languages=["python"], paths=["*.py"])


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ({"querry": "x"}, "search_code has no argument 'querry'; did you mean query?", "known are: repository"),
        ({}, "query: field required", "query (required)"),
        ({"query": "x", "limit": 0}, "limit: input should be greater than or equal to 1", "limit"),
        ({"query": "x", "max_tokens": 100}, "max_tokens: input should be greater than or equal to 500", "max_tokens"),
        ({"query": "x", "\x1b[2J\u202e": 1}, "no argument '\\\\x1b[2J\\\\u202e'", "known are"),
    ],
)
def test_a_refusal_names_what_is_wrong_and_what_is_known(arguments: dict[str, Any], message: str, hint: str) -> None:
    """So that the next call is right; what was passed is shown harmless."""
    with pytest.raises(InvalidRequest) as raised:
        tools.tool_named("search_code").parse(arguments)
    assert message in raised.value.message
    assert hint in str(raised.value.hint)


def test_an_unknown_tool_is_refused_with_the_known_ones() -> None:
    """And the one that was most likely meant."""
    with pytest.raises(InvalidRequest, match="did you mean search_code") as raised:
        tools.tool_named("search_codes")
    assert "explain_skip" in str(raised.value.hint)


def test_schemas_leave_out_what_only_the_check_needs() -> None:
    """Types, ranges, choices and descriptions are what a model needs."""
    schema = tools.tool_named("search_code").input_schema
    assert schema["required"] == ["query"]
    assert schema["properties"]["repository"] == {
        "description": "Which repository, as index_status lists them. Left out: the one of the folder you work in.",
        "type": "string",
    }
    assert schema["properties"]["max_tokens"]["maximum"] == tools.MAX_TOKENS
    assert "function" in schema["properties"]["kinds"]["items"]["enum"]
    assert not {"pattern", "maxLength", "minLength"} & set(schema["properties"]["query"])


@given(st.text(st.characters(blacklist_characters="\x00", codec="utf-8"), max_size=200))
def test_a_folder_comes_back_as_it_was_encoded(name: str) -> None:
    """By header and by root."""
    folder = Path("/srv") / name.replace("/", "_")
    assert folder_of_header(quote(str(folder))) == folder
    assert folder_of_root("file://" + quote(str(folder))) == folder
    assert folder_of_root("file://localhost" + quote(str(folder))) == folder


@pytest.mark.parametrize(
    "uri",
    ["", "relative", "http://x/y", "file://other/srv", "file:relative", "file:///a%00b", "file://[/x", "x" * 50_000],
)
def test_what_names_no_folder_of_this_machine_is_none(uri: str) -> None:
    """Other machines, other schemes, control characters."""
    assert folder_of_root(uri) is None
    assert folder_of_header(uri) is None


@given(st.text(max_size=300))
def test_any_text_is_a_folder_or_none(text: str) -> None:
    """No header and no root brings an error."""
    for found in (folder_of_header(text), folder_of_root(text)):
        assert found is None or (found.is_absolute() and "\x00" not in str(found))


def test_many_names_are_not_all_listed() -> None:
    """An error stays short."""
    assert listed([]) == "none"
    assert listed([f"r{number}" for number in range(100)]).endswith(", and 60 more")
