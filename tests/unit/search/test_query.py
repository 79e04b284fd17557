# SPDX-License-Identifier: FSL-1.1-MIT
"""What a query is taken for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.errors import QueryError
from conexus.search.query import MAX_QUERY_CHARS, Wanted, analyse, wanted_beside


@pytest.mark.parametrize("text", ["", "   \n\t", "\x00\x1b", "?!", "...", "_ _", "\u202e\u200b"])
def test_a_query_without_a_word_is_an_error(text: str) -> None:
    """With a hint that shows what to ask."""
    with pytest.raises(QueryError) as caught:
        analyse(text)
    assert "conexus search" in str(caught.value.hint)


def test_an_empty_query_and_one_without_words_are_told_apart() -> None:
    """The second is quoted, in part."""
    with pytest.raises(QueryError, match="the query is empty"):
        analyse(" ")
    with pytest.raises(QueryError, match=r"'\?{40}' has no word"):
        analyse("?" * 900)


def test_a_question_is_reduced_to_what_it_is_about() -> None:
    """Question words go, the rest is stemmed; a plain word is no identifier but may name a definition."""
    query = analyse("How does the session send requests?")
    assert query.stems == ("session", "send", "request")
    assert query.identifiers == ()
    assert query.names[:3] == ("session", "send", "requests")
    assert "sessionsend" in query.names
    assert not query.is_symbol
    assert query.paths == ()


def test_question_words_alone_are_looked_for() -> None:
    """Where nothing else is left they are the question."""
    query = analyse("how to do it")
    assert query.stems
    assert analyse("for").names == ("for",)


@pytest.mark.parametrize(
    ("text", "identifiers", "is_symbol"),
    [
        ("HTTPAdapter", ("HTTPAdapter",), True),
        ("send_request", ("send_request",), True),
        ("send", ("send",), True),
        ("Session.send", ("send", "Session"), True),
        ("std::vector", ("vector",), True),
        ("obj->close", ("close",), True),
        ("where is `send` called", ("send",), False),
        ("what does parse() do", ("parse",), False),
        ("the getValue helper", ("getValue",), False),
        ("MAX_SIZE of uploads", ("MAX_SIZE",), False),
        ("$scope watchers", ("$scope",), False),
        ("retry with backoff", (), False),
    ],
)
def test_names_of_code_are_recognised(text: str, identifiers: tuple[str, ...], is_symbol: bool) -> None:
    """By their spelling, a call, quotes or a qualified name."""
    query = analyse(text)
    assert query.is_symbol is is_symbol
    assert set(query.identifiers) >= {name for name in identifiers if name != "Session" and "$" not in name}
    if not identifiers:
        assert query.identifiers == ()


def test_neighbouring_words_may_be_one_name() -> None:
    """`http adapter pool` may ask for `HTTPAdapterPool`; a sentence is not joined as a whole."""
    names = analyse("http adapter pool").names
    assert {"httpadapter", "adapterpool", "httpadapterpool"} <= set(names)
    assert len(analyse(" ".join(f"word{n}" for n in range(100))).names) == 40


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("what is in src/app/main.py?", ("src/app/main.py",)),
        ("see conexus/search.", ("conexus/search",)),
        ("setup.cfg options", ("setup.cfg",)),
        ("read README.md and docs/index.md", ("README.md", "docs/index.md")),
        ("@types/node/index.d.ts", ("@types/node/index.d.ts",)),
        ("half a word", ()),
    ],
)
def test_paths_are_recognised(text: str, paths: tuple[str, ...]) -> None:
    """With folders, or a name with a suffix; the full stop of a sentence is not part of it."""
    assert analyse(text).paths == paths


def test_an_enormous_query_is_cut_and_says_so() -> None:
    """Only its beginning is used."""
    query = analyse("needle " + "hay " * 10_000 + "tail_word")
    assert "first 8,000 characters" in query.notice
    assert len(query.text) <= MAX_QUERY_CHARS
    assert "tail_word" not in query.names
    assert analyse("needle").notice == ""


def test_control_characters_part_words() -> None:
    """They neither reach the text nor glue words together."""
    query = analyse("read\x00file\x1b[31m\u202equickly\ud800 now")
    assert query.text == "read file [31m quickly now"


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_a_query_or_an_error_of_ours(text: str) -> None:
    """What is found is never empty, and taking apart what was cleaned gives the same."""
    try:
        query = analyse(text)
    except QueryError:
        return
    assert query.stems
    assert query.names or all(len(word) < 3 for word in query.text.split())
    assert len(query.names) <= 40
    assert len(set(query.stems)) == len(query.stems)
    assert analyse(query.text) == query
    query.text.encode()


@pytest.mark.parametrize(
    "unit", ["a", "_", "a1", "aB", "a.", "a/", "+", "@.", "a::", "a$", "`a", "a(", "(", "é", "a ", "->", "#a", "a-"]
)
def test_hostile_queries_take_no_longer(unit: str) -> None:
    """The longest query is taken apart in a moment, whatever it repeats."""
    text = (unit * MAX_QUERY_CHARS)[: MAX_QUERY_CHARS - 1] + "a"
    started = time.process_time()
    assert analyse(text).text
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("who calls parse_config", Wanted.USERS),
        ("What uses the session cache?", Wanted.USERS),
        ("callers of Session.send", Wanted.USERS),
        ("where is the retry policy used", Wanted.USERS),
        ("tests for the parser", Wanted.TESTS),
        ("how is login tested", Wanted.TESTS),
        ("how is a page of another site kept from calling the daemon", None),
        ("the test runner", None),
        ("which settings are used", None),
    ],
)
def test_what_is_asked_for_beside_a_definition(question: str, wanted: Wanted | None) -> None:
    """Callers and tests, where the question says so."""
    assert wanted_beside(analyse(question)) is wanted
