# SPDX-License-Identifier: FSL-1.1-MIT
"""Answers to agents keep to their cap and lose nothing, whatever they hold."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.daemon import cursors, schema
from conexus.daemon import mcp_answers as answers
from conexus.daemon import mcp_tools as tools
from conexus.daemon import mcp_words as words
from conexus.daemon.mcp_pages import (
    ALL_LINES,
    Budget,
    Entry,
    cleaned,
    fenced,
    fill,
    first_lines,
    json_tokens,
    notes_within,
    shortened,
)
from conexus.search.neutral import clean
from conexus.tokens import count_tokens
from conexus.types import SymbolKind

# Code, prose, other scripts, control and bidi characters, and runs of the mark that delimits code.
TEXTS = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=400),
    st.text(st.sampled_from('ab_ (){}\n\t`"\\é漢\u202e\x1b0'), max_size=900),
    st.lists(st.sampled_from(["```", "def f():\n", "    return 1\n", "\n", "x" * 300]), max_size=40).map("".join),
)
NAMES = st.one_of(
    st.sampled_from(["src/app.py", "a.go"]), st.text(st.characters(codec="utf-8"), min_size=1, max_size=600)
)
CAPS = st.integers(tools.MIN_TOKENS, 3_000)


@st.composite
def results(draw: st.DrawFn) -> schema.Result:
    """A result, whatever its file holds and is called."""
    start = draw(st.integers(1, 10**6))
    return schema.Result(
        id=draw(st.uuids()).hex,
        repository=draw(st.sampled_from(["github.com/a/b", "c"])),
        root=draw(st.sampled_from(["", "/srv/code/b", "/home/漢字/c"])),
        path=draw(NAMES),
        line=start,
        start_line=start,
        end_line=start + draw(st.integers(0, 400)),
        language=draw(st.sampled_from([None, "python", "c++", "`\n"])),
        symbol=draw(st.one_of(st.none(), NAMES)),
        score=1.0,
        text=draw(TEXTS),
    )


@given(st.lists(results(), max_size=30, unique_by=lambda one: one.id), CAPS, st.lists(TEXTS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_pages_of_code_keep_the_cap_and_hold_each_result_once(
    found: list[schema.Result], cap: int, notes: list[str]
) -> None:
    """What the cursors lead through is what there is, in order, and no page is over its cap."""
    start, shown = 0, 0
    for _ in range(len(found) + 1):
        rest = schema.SearchResponse(query="q", results=found[start : start + 10])
        more = cursors.cursor_of([start + 10]) if start + 10 < len(found) else ""
        page = answers._results(rest.model_copy(update={"next_cursor": more}), notes, start, cap)
        assert count_tokens(page.text) <= cap
        cursor = page.text.rpartition("cursor=")[2] if "\nMore: the same call with cursor=" in page.text else ""
        after = cursors.numbers_of(cursor, 1, 10**6)[0] if cursor else len(found)
        assert not found or after > start
        shown += after - start
        start = after
        if not cursor:
            break
    assert shown == len(found)


@st.composite
def symbol_lists(draw: st.DrawFn) -> list[schema.Definition]:
    """Definitions with names that tell them apart."""
    return [
        schema.Definition(
            repository="r",
            root=draw(st.sampled_from(["", "/srv/r"])),
            path=draw(NAMES),
            symbol=f"name{number}.{draw(NAMES)}",
            kind=draw(st.sampled_from(SymbolKind)),
            line=number + 1,
            end_line=number + 9,
            signature=draw(TEXTS),
            doc=draw(TEXTS),
        )
        for number in range(draw(st.integers(0, 25)))
    ]


@given(symbol_lists(), CAPS, st.lists(TEXTS, max_size=8))
@settings(max_examples=60, deadline=None)
def test_pages_of_facts_keep_the_cap_in_both_forms(found: list[schema.Definition], cap: int, notes: list[str]) -> None:
    """Each definition comes once, in the text and in the JSON, or is said to be too long; both forms keep the cap."""
    cursor, told = "", 0
    seen: list[int] = []
    for _ in range(len(found) + 1):
        listing = answers._Listing("some definitions", notes, {"definitions": [], "uses": [], "complete": True})
        arguments = tools.FindSymbol(name="x", max_tokens=cap, cursor=cursor)
        page = answers._listed(
            listing, found, lambda one, most: words.place(one, most, spread=False), arguments, lambda _: "definitions"
        )
        assert page.data is not None
        tools.SymbolsAnswer.model_validate(page.data)
        assert count_tokens(page.text) <= cap
        assert json_tokens(page.data) <= cap
        seen += [one["line"] for one in page.data["definitions"]]
        told += page.text.count("(one entry is too long for max_tokens")
        cursor = page.data["next_cursor"]
        if not cursor:
            break
    assert seen == sorted(set(seen))
    assert len(seen) <= len(found) <= len(seen) + told


@given(TEXTS, st.integers(1, 200))
def test_a_shortened_text_fits_and_is_a_beginning(text: str, most: int) -> None:
    """What is cut says so."""
    short = shortened(text, most)
    assert count_tokens(short) <= most
    assert short == text or not short or (short.endswith(" …") and text.startswith(short[:-2]))


@given(TEXTS)
def test_what_is_fenced_cannot_end_the_fence(text: str) -> None:
    """Between the marks is the text, made harmless, and nothing in it looks like the end."""
    first, *inside, last = fenced(text).split("\n")
    assert set(first) == {"`"}
    assert first == last
    assert all(last not in line for line in inside)
    assert "\n".join(inside) == clean(text.replace("\r\n", "\n")).removesuffix("\n")


@given(st.lists(TEXTS, max_size=20), st.integers(0, 4000))
def test_notes_take_a_fifth_at_most(notes: list[str], cap: int) -> None:
    """Notes are lines, and few."""
    kept = notes_within(notes, cap)
    assert sum(json_tokens(note) for note in kept) <= cap // 5
    assert all("\n" not in note and clean(note) == note for note in kept)


@given(st.recursive(TEXTS | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner)))
def test_json_is_made_harmless_everywhere(data: Any) -> None:
    """The values, however deep; the form stays."""
    found = cleaned(data)
    assert cleaned(found) == found
    assert type(found) is type(data)


@given(TEXTS, st.integers(0, 30))
def test_first_lines_are_lines(text: str, most: int) -> None:
    """Only a line end ends a line: neither a form feed nor what Unicode calls one."""
    found = first_lines(text, most)
    assert text.startswith(found)
    assert found == text or len(found.split("\n")) <= max(1, most)
    assert first_lines(text, ALL_LINES) == text


def test_a_first_entry_that_is_too_long_is_cut() -> None:
    """As many of its lines as fit stay; what comes after it waits for the next page."""
    texts = ["\n".join(["word"] * 500), "short"]
    budget = Budget(100, "head")
    [entry] = fill(2, lambda at, lines: Entry(first_lines(texts[at], lines)), budget)
    assert 10 < entry.text.count("\n") < 500
    assert count_tokens(entry.text) <= 100


def test_an_entry_without_room_for_its_name_is_told_of() -> None:
    """It is neither dropped without a word nor does it stop the pages."""
    [entry] = fill(1, lambda at, lines: Entry("漢" * 500), Budget(100, ""))
    assert "too long" in entry.text


@given(
    st.lists(st.one_of(st.just("x" * 9000), TEXTS.map(lambda one: one.replace("\n", " "))), min_size=1, max_size=40),
    CAPS,
)
@settings(max_examples=60, deadline=None)
def test_pages_of_a_file_hold_each_line_once(lines: list[str], cap: int) -> None:
    """Every page begins at the line after the last one; a line that is longer than a page is cut and says so."""
    start, pages = 1, 0
    while True:
        part = lines[start - 1 :]
        found = schema.FileResponse(
            repository="r",
            path="a.py",
            start_line=start,
            end_line=len(lines),
            lines_total=len(lines),
            text="\n".join(part),
        )
        page = answers.page_of_file(found, len(lines), cap, [])
        assert count_tokens(page.text) <= cap
        got = page.code.split("\n")
        for given_line, shown in zip(part, got, strict=False):
            assert shown == clean(given_line) or (shown.endswith(" …") and pages_cut(page.text))
        pages += 1
        if page.next_line is None:
            assert start - 1 + len(got) == len(lines)
            break
        assert page.next_line == start + len(got)
        start = page.next_line


def pages_cut(text: str) -> bool:
    """Whether an answer says that a line was cut."""
    return "is longer than the answer may be" in text


def test_json_tokens_count_what_a_client_shows() -> None:
    """As JSON.stringify writes it: without spaces, other scripts as they are."""
    assert json_tokens({"a": "é"}) == count_tokens(json.dumps({"a": "é"}, ensure_ascii=False, separators=(",", ":")))
