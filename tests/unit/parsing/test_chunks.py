# SPDX-License-Identifier: FSL-1.1-MIT
"""Chunks: a partition of the bytes, whatever the text."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conexus.parsing.chunks import chunk_lines
from conexus.parsing.languages import BY_NAME
from conexus.parsing.parse import parse_text
from conexus.parsing.positions import LineTable
from conexus.types import TextChunk

LIMIT = 200
TAIL = 40  # what closing brackets and blank lines may add
LANGUAGES = ("python", "javascript", "c", "markdown", "json", "html", "yaml", "toml", "sql", "css")

WORDS = st.sampled_from(
    "def class function int return if else { } ( ) [ ] : ; , . = \" ' ``` # ## // /* */ <!-- --> <p> </p> <script> "
    "</script> - * | \\ é 漢字 🐝 x = 1 foo(bar) import os\nSetext\n===\n".split(" ")
)
LINES = st.lists(st.one_of(WORDS, st.text(max_size=12)), max_size=8).map(" ".join)
INDENTED = st.tuples(st.integers(0, 4), LINES).map(lambda pair: "    " * pair[0] + pair[1])
PROGRAMS = st.tuples(st.lists(INDENTED, max_size=60), st.sampled_from(["\n", "\r\n", "\n\n", "\r"])).map(
    lambda pair: pair[1].join(pair[0])
)
TEXTS = st.one_of(PROGRAMS, st.text(max_size=1500))


def assert_partition(source: bytes, chunks: tuple[TextChunk, ...], limit: int) -> None:
    assert b"".join(chunk.text.encode() for chunk in chunks) == source
    assert [c.span.start_byte for c in chunks] == [0, *(c.span.end_byte for c in chunks[:-1])][: len(chunks)]
    for chunk in chunks:
        piece = source[chunk.span.start_byte : chunk.span.end_byte]
        assert piece.decode("utf-8") == chunk.text
        assert 0 < len(piece) <= limit + TAIL
        assert chunk.span.start_line == source.count(b"\n", 0, chunk.span.start_byte) + 1
        assert chunk.span.end_line == source.count(b"\n", 0, chunk.span.end_byte - 1) + 1
    assert all(a.span.end_byte == b.span.start_byte for a, b in pairwise(chunks))


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=30, deadline=None)
@given(text=TEXTS)
@example(text="\r\n".join(["def f():", "    return 1", ""] * 40))
@example(text="é" * 500)
@example(text="\n" * 900)
@example(text="x = [\n" + "  1,\n" * 200 + "]")
def test_chunks_of_a_tree_partition_the_text(language: str, text: str) -> None:
    """Chunks cover every byte once, keep to the limit, split no character, and know their lines."""
    source = text.encode("utf-8", "replace")
    parsed = parse_text(source.decode(), BY_NAME[language], LIMIT)
    assert_partition(source, parsed.chunks, LIMIT)
    assert parse_text(source.decode(), BY_NAME[language], LIMIT) == parsed


@settings(max_examples=100, deadline=None)
@given(text=TEXTS, limit=st.integers(8, 400))
def test_chunks_of_lines_partition_the_text(text: str, limit: int) -> None:
    """Without a tree the same holds, and no chunk is above the limit at all."""
    source = text.encode("utf-8", "replace")
    chunks = chunk_lines(source, LineTable(source), limit)
    assert_partition(source, chunks, limit)
    assert all(len(chunk.text.encode()) <= limit for chunk in chunks)
    assert chunk_lines(source, LineTable(source), limit) == chunks


@settings(max_examples=30, deadline=None)
@given(text=PROGRAMS)
def test_symbols_lie_inside_the_file(text: str) -> None:
    """Spans of symbols are within the text, hold the line of the name, and come in order."""
    source = text.encode("utf-8", "replace")
    for language in LANGUAGES:
        symbols = parse_text(source.decode(), BY_NAME[language], LIMIT).symbols
        assert [s.span.start_byte for s in symbols] == sorted(s.span.start_byte for s in symbols)
        for symbol in symbols:
            assert 0 <= symbol.span.start_byte < symbol.span.end_byte <= len(source)
            assert symbol.span.start_line <= symbol.name_line <= symbol.span.end_line
            assert symbol.name


@pytest.mark.parametrize("language", ["python", "json", "c", "javascript", "css", "yaml"])
@pytest.mark.parametrize("brackets", ["[", "[]", "(", "{"])
def test_deep_nesting_is_no_danger(language: str, brackets: str) -> None:
    """200,000 brackets, open or closed again, are cut without recursion, in far less time than a square would take."""
    text = brackets[0] * 200_000 + (brackets[1] * 200_000 if len(brackets) > 1 else "")
    began = time.process_time()
    chunks = parse_text(text, BY_NAME[language], 1500).chunks
    assert time.process_time() - began < 60
    assert_partition(text.encode(), chunks, 1500)


@pytest.mark.parametrize(
    ("language", "unit"),
    [("html", '<div id="a">'), ("javascript", "function a(){"), ("c", "struct a{"), ("css", ".a{"), ("markdown", "> ")],
)
def test_deep_nesting_of_definitions_is_no_danger(language: str, unit: str) -> None:
    """Names of scopes do not grow with the depth: neither time nor memory is the square of it."""
    began = time.process_time()
    result = parse_text(unit * 20_000, BY_NAME[language], 1500)
    assert time.process_time() - began < 60
    assert sum(len(symbol.parent) for symbol in result.symbols) < 30_000_000


@pytest.mark.parametrize("language", ["python", "json", "c", "markdown", "html"])
@pytest.mark.parametrize("word", ["word ", "é"])
def test_one_long_line(language: str, word: str) -> None:
    """A long text on one line is cut at characters, in time that grows with it and not with its square."""
    text = word * (300_000 // len(word.encode()))
    began = time.process_time()
    chunks = parse_text(text, BY_NAME[language], 1500).chunks
    assert time.process_time() - began < 20
    assert_partition(text.encode(), chunks, 1500)
    assert len(chunks) < 600


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["", "newline"])
def test_newlines_do_not_move_chunks(newline: str, end: str) -> None:
    """CRLF and a missing last newline leave the lines of the chunks as they are."""
    body = ["def first():", *["    call(first)"] * 60, "", "# About the second.", "def second():", *["    pass"] * 80]
    text = newline.join(body) + (newline if end else "")
    chunks = parse_text(text, BY_NAME["python"], 1500).chunks
    assert [(c.span.start_line, c.symbol) for c in chunks] == [(1, "first"), (63, "second")]


def test_an_empty_file_has_no_chunk() -> None:
    """Nothing gives nothing, with a tree and without."""
    assert parse_text("", BY_NAME["python"], 1500).chunks == ()
    assert chunk_lines(b"", LineTable(b""), 1500) == ()


def test_blank_lines_are_a_chunk() -> None:
    """A file of white space is one chunk: every byte is in a chunk."""
    assert [chunk.text for chunk in parse_text("\n \n", BY_NAME["python"], 1500).chunks] == ["\n \n"]


def test_windows_end_at_blank_lines() -> None:
    """Text without a tree is cut at a blank line where there is one in the second half of a window."""
    source = b"a\n" * 60 + b"\n" + b"b\n" * 60
    chunks = chunk_lines(source, LineTable(source), 200)
    assert chunks[0].text == "a\n" * 60 + "\n"


def test_a_function_is_a_chunk_with_its_comment() -> None:
    """Comments go with what they describe; a chunk names its definition."""
    filler = "    total = total + value  # adds\n" * 24
    text = f"import os\n\n# Sums.\ndef add(total, value):\n{filler}\n\n# Takes.\ndef take(total, value):\n{filler}"
    chunks = parse_text(text, BY_NAME["python"], 1500).chunks
    assert [chunk.symbol for chunk in chunks] == ["", "add", "take"]
    assert [chunk.text.splitlines()[0] for chunk in chunks] == ["import os", "# Sums.", "# Takes."]
    assert [chunk.kind for chunk in chunks] == ["block", "function", "function"]


def test_parts_of_a_large_class_know_it() -> None:
    """A class that is too large is cut at its methods; each part has its own name, with the class before it."""
    method = "    def m{0}(self):\n" + "        self.count += 1\n" * 15
    text = "class Big:\n" + "\n".join(method.format(number) for number in range(8))
    chunks = parse_text(text, BY_NAME["python"], 800).chunks
    assert [chunk.symbol for chunk in chunks] == ["Big", *(f"Big.m{number}" for number in range(8))]
