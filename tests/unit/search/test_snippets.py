# SPDX-License-Identifier: FSL-1.1-MIT
"""Which lines of a chunk are shown."""

from __future__ import annotations

import pytest
from builders import stored_of
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.search.focus import focus_of
from conexus.search.query import analyse
from conexus.search.snippets import snippet
from conexus.types import Chunk

FUNCTION = """\
# sends what is pending; see also resend
@retry(send=True)
def send(
    request,
    timeout=None,
):
    connection = open_connection()

    return connection.send(request)
"""


def chunk_of(text: str, line: int = 10, **fields: object) -> Chunk:
    return stored_of(text=text, line=line, **fields).chunk


def test_the_focus_line_is_shown_with_one_before() -> None:
    """From three lines on; of fewer it is the first."""
    chunk = chunk_of("a\nb\nc\nd\ne\nf\n")
    assert snippet(chunk, 12, 3) == snippet(chunk, 12, 3)
    assert (snippet(chunk, 12, 3).first_line, snippet(chunk, 12, 3).lines) == (11, ("b", "c", "d"))
    assert (snippet(chunk, 12, 1).first_line, snippet(chunk, 12, 1).lines) == (12, ("c",))
    assert snippet(chunk, 12, 2).lines == ("c", "d")
    assert snippet(chunk, 10, 3).lines == ("a", "b", "c")
    assert snippet(chunk, 15, 3).lines == ("d", "e", "f")
    assert (snippet(chunk, 12, 99).first_line, len(snippet(chunk, 12, 99).lines)) == (10, 6)


def test_nothing_is_shown_where_nothing_is_asked() -> None:
    """No lines, at the chunk's first."""
    assert snippet(chunk_of("a\n"), 10, 0).lines == ()
    assert snippet(chunk_of("a\n"), 10, -1).first_line == 10


def test_a_focus_outside_the_chunk_is_brought_in() -> None:
    """The nearest line is taken."""
    chunk = chunk_of("a\nb\n")
    assert snippet(chunk, 1, 1).lines == ("a",)
    assert snippet(chunk, 99, 1).lines == ("b",)


def test_blank_lines_at_the_ends_are_left_out() -> None:
    """The first line moves with them; one line always stays."""
    chunk = chunk_of("\n\ncode\n\n\n")
    assert (snippet(chunk, 12, 5).first_line, snippet(chunk, 12, 5).lines) == (12, ("code",))
    assert snippet(chunk_of("\n\n\n"), 11, 3).lines == ("",)


def test_line_ends_of_other_systems_are_left_out() -> None:
    """A carriage return before the line end, and the byte order mark of a file, are no part of a line."""
    assert snippet(chunk_of("\ufeffusing System;\r\nclass A {}\r\n", line=1), 1, 2).lines == (
        "using System;",
        "class A {}",
    )
    assert snippet(chunk_of("\ufeffx\n", line=2), 2, 1).lines == ("\ufeffx",)


@settings(deadline=None)
@given(
    st.text(st.sampled_from("ab \n\r"), max_size=40),
    st.integers(-3, 60),
    st.integers(-1, 12),
    st.integers(1, 30),
)
def test_a_snippet_is_a_run_of_the_lines(text: str, focus: int, count: int, line: int) -> None:
    """At most as many as asked for, numbered as in the file."""
    chunk = chunk_of(text, line)
    found = snippet(chunk, focus, count)
    lines = [part.removesuffix("\r") for part in text.removesuffix("\n").split("\n")]
    start = found.first_line - line
    assert len(found.lines) <= max(count, 0)
    assert list(found.lines) == lines[start : start + len(found.lines)]
    if count > 0 and 0 <= focus - line < len(lines) and lines[focus - line].strip():
        assert start <= focus - line < start + len(found.lines)


def test_a_definition_is_shown_at_its_name() -> None:
    """Not at a comment or a decorator that mentions it."""
    chunk = chunk_of(FUNCTION, kind="function", symbol="Session.send", signature="def send( request, timeout=None, )")
    assert focus_of(chunk, analyse("pending connection")) == 12


@pytest.mark.parametrize(
    ("text", "symbol", "signature", "line"),
    [
        ("# get it\ndef get(): return 1\n", "get", "def get()", 11),
        ("# gets\nget = 1\n", "get", "", 11),
        ("a {\n}\n.btn-large {\n}\n", ".btn-large", ".btn-large", 12),
        ("## How it works\n\ntext\n", "How it works", "## How it works", 10),
        ("operator==(a)\n", "operator==", "", 10),
        ("nothing of the kind\n", "missing", "", 10),
    ],
)
def test_names_of_any_form_are_found(text: str, symbol: str, signature: str, line: int) -> None:
    """As a word first, as a piece of text else, and without the name by the question."""
    assert focus_of(chunk_of(text, kind="function", symbol=symbol, signature=signature), analyse("zzz")) == line


def test_a_block_is_shown_where_it_is_most_like_the_question() -> None:
    """The first of equal lines; the first with any text where none is like it."""
    chunk = chunk_of("\nx = 1\nopen connection\nclose the connections pool\npool connection\n")
    assert focus_of(chunk, analyse("connection pool")) == 13
    assert focus_of(chunk, analyse("zebra")) == 11
    assert focus_of(chunk_of("\n\n"), analyse("zebra")) == 10
