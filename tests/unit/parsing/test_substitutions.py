# SPDX-License-Identifier: FSL-1.1-MIT
"""Perl files with many substitutions."""

import pytest

from conexus.parsing.languages import BY_NAME
from conexus.parsing.parse import parse_text
from conexus.parsing.substitutions import MAX_BRACKETED, with_few_substitutions


@pytest.mark.parametrize("one", ["s{a}{b}g", "s(a) (b)", "tr[a]<b>", "y{a}{b}", "s # why\n {a}{b}"])
def test_many_substitutions_are_no_danger(one: str) -> None:
    """A file with more of them than the grammar can count is parsed, and its symbols are found."""
    text = "sub first {\n" + f"  $x =~ {one};\n" * 500 + "}\n" + "sub last_one {\n  return 1;\n}\n"
    result = parse_text(text, BY_NAME["perl"], 1500)
    assert "".join(chunk.text for chunk in result.chunks) == text
    assert [symbol.name for symbol in result.symbols] == ["first", "last_one"]


def test_substitutions_over_two_lines_are_no_danger() -> None:
    """A form that is no match when it is taken for one costs symbols, not the process."""
    text = "sub first {\n" + "  $x =~ s{a}\n  {b}e;\n" * 500 + "}\n"
    assert "".join(chunk.text for chunk in parse_text(text, BY_NAME["perl"], 1500).chunks) == text


def test_few_substitutions_are_left_alone() -> None:
    """Nothing is replaced where the grammar can do with what there is."""
    source = b"$x =~ s{a}{b};\n" * MAX_BRACKETED
    assert with_few_substitutions(source) == source


def test_nothing_moves() -> None:
    """A text keeps its length and its lines."""
    source = b"$x =~ s{a}{b}; tr[a][b]; y(a)(b);\n" * 100
    changed = with_few_substitutions(source)
    assert changed != source
    assert len(changed) == len(source)
    assert changed.count(b"\n") == source.count(b"\n")
