# SPDX-License-Identifier: FSL-1.1-MIT
"""What others wrote never steers the terminal."""

from __future__ import annotations

import io
import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conexus.cli.console import clean, count, duration, err, fail, one_line, out, prepare_streams, rich_console, size
from conexus.errors import ConfigError

# Also what Hypothesis leaves out by itself: half characters.
anything = st.text(st.characters(codec=None, categories=None), max_size=60)  # type: ignore[arg-type]
# Letters and marks that nobody sees; `clean` makes most of them visible.
UNSEEN = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\uffa0" + "".join(
    map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])
)
HARMLESS_FORMATS = {"\u00ad", "\u200c", "\u200d"}  # soft hyphen, and the joiners that scripts and emoji need


def is_harmless(char: str) -> bool:
    """Whether a terminal shows a character, and does nothing else."""
    category = unicodedata.category(char)
    if category == "Cs":
        return "\udca0" <= char <= "\udcff"
    if category in {"Zl", "Zp", "Cc"}:
        return False
    return category != "Cf" or unicodedata.bidirectional(char) not in {
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    }  # fmt: skip


@settings(deadline=None)
@given(anything)
def test_cleaned_text_holds_nothing_that_steers(text: str) -> None:
    """Tabs and line ends stay; on one line they do not."""
    assert all(is_harmless(char) or char in "\t\n" for char in clean(text))
    line = one_line(text)
    assert all(map(is_harmless, line))
    assert len(line.splitlines()) <= 1


@settings(deadline=None)
@given(anything)
def test_cleaned_text_can_be_written(text: str) -> None:
    """As UTF-8 with the bytes of names that are none, of which no C1 control comes back."""
    raw = clean(text).encode("utf-8", "surrogateescape")
    assert "\x9b" not in raw.decode("utf-8", "replace")
    assert all(
        not 0x80 <= byte <= 0x9F
        for byte in clean(text.encode("latin-1", "replace").decode("latin-1")).encode("latin-1", "ignore")
    )


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters=UNSEEN), max_size=60))
def test_plain_text_is_left_alone(text: str) -> None:
    """Letters of all scripts, signs and emoji."""
    assert clean(text) == text
    assert one_line(f"a b {text}") == f"a b {text}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f", "\\x7f"),
        ("\x00", "\\x00"),
        ("a\rb", "a\\x0db"),
        ("\u202eevil\u2066", "\\u202eevil\\u2066"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\u2028", "\\u2028"),
        ("\U000e0041", "\\U000e0041"),
        ("\udc9b31m", "\\x9b31m"),
        ("caf\udce9", "caf\udce9"),
        ("\ud800", "\\ud800"),
        ("\udc41", "\\udc41"),
        ("👩\u200d💻", "👩\u200d💻"),
    ],
)
def test_what_is_hidden_is_shown(text: str, shown: str) -> None:
    """As an escape that names the character."""
    assert clean(text) == one_line(text) == shown


def test_one_line_is_one_line() -> None:
    """Line ends are shown, tabs become spaces."""
    assert one_line("a\nb\tc\r\n") == "a\\nb c\\x0d\\n"
    assert clean("a\nb\tc") == "a\nb\tc"


def test_errors_are_cleaned(capsys: pytest.CaptureFixture[str]) -> None:
    """Message and hint may hold names of files; without a terminal there is no colour."""
    fail(ConfigError("bad \x1b[2Jname\n", hint="see \u202e"))
    assert capsys.readouterr().err == "error: bad \\x1b[2Jname\\n\nhint: see \\u202e\n"
    fail(ConfigError("plain"))
    assert capsys.readouterr().err == "error: plain\n"


def test_errors_are_coloured_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """With our escapes alone."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    fail(ConfigError("bad \x1b[2J", hint="h"))
    assert sys.stderr.getvalue() == "\x1b[1;31merror:\x1b[0m bad \\x1b[2J\n\x1b[2mhint:\x1b[0m h\n"  # type: ignore[attr-defined]


def test_names_pass_through_a_pipe_as_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that another program can open the file."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    prepare_streams()
    out(one_line("caf\udce9/é.py"))
    stream.flush()
    assert raw.getvalue() == b"caf\xe9/\xc3\xa9.py\n"


def test_lines_go_where_they_belong(capsys: pytest.CaptureFixture[str]) -> None:
    """Results to stdout, what is said about them to stderr."""
    out("result")
    err("note")
    assert capsys.readouterr() == ("result\n", "note\n")


def test_rich_adds_nothing_to_text(capsys: pytest.CaptureFixture[str]) -> None:
    """No colours without a terminal, no wrapping, no highlighting."""
    rich_console().print("x" * 300 + " 12", markup=False)
    assert capsys.readouterr().out == "x" * 300 + " 12\n"


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5e12, "5.0 TB"), (5e16, "50000.0 TB")],
)
def test_sizes_are_for_people(count: float, shown: str) -> None:
    """In thousands."""
    assert size(count) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.04, "0.0 s"), (1.26, "1.3 s"), (60, "1 min 0 s"), (200, "3 min 20 s"), (7260, "2 h 1 min")],
)
def test_times_are_for_people(seconds: float, shown: str) -> None:
    """In the two largest units."""
    assert duration(seconds) == shown


def test_a_number_of_things_has_its_plural() -> None:
    """One is singular; none and many are plural, with thousands apart."""
    assert [count(number, "file") for number in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]
    assert [count(number, "repository") for number in (1, 2)] == ["1 repository", "2 repositories"]
