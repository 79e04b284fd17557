# SPDX-License-Identifier: FSL-1.1-MIT
"""Queries are cut at their patterns, and what is found through them keeps its order."""

from __future__ import annotations

from importlib.resources import files

import pytest
from tree_sitter import Query

from conexus.parsing.grammars import REFERENCES_MARK, grammar_of
from conexus.parsing.languages import LANGUAGES
from conexus.parsing.parse import parse_text
from conexus.types import SymbolKind

_WITH_GRAMMAR = [language for language in LANGUAGES if language.grammar]


@pytest.mark.parametrize("language", _WITH_GRAMMAR, ids=lambda language: language.name)
def test_no_pattern_of_a_query_is_lost_or_counted_twice(language):
    grammar = grammar_of(language.name)
    definitions = references = ""
    for name in (language.queries or language.name).split("+"):
        path = files("conexus.parsing").joinpath("queries", f"{name}.scm")
        above, _, below = (path.read_text(encoding="utf-8") if path.is_file() else "").partition(REFERENCES_MARK)
        definitions, references = definitions + above, references + below
    expected = Query(grammar.parser.language, definitions).pattern_count

    assert sorted(grammar.root_places + grammar.places) == list(range(expected))
    assert (grammar.root.pattern_count if grammar.root else 0) == len(grammar.root_places)
    uses = Query(grammar.parser.language, references).pattern_count
    assert (grammar.anywhere.pattern_count if grammar.anywhere else 0) == len(grammar.places) + uses


def test_the_first_pattern_of_the_file_wins_wherever_it_begins():
    """A constant of the module fits ``(module …) @constant`` and ``(module …) @variable``, both at the root."""
    found = parse_text("LIMIT = 3\nlimit = 3\n\nclass A:\n    LIMIT = 4\n", _python(), 1_500).symbols

    assert [(symbol.qualified_name, symbol.kind) for symbol in found] == [
        ("LIMIT", SymbolKind.CONSTANT),
        ("limit", SymbolKind.VARIABLE),
        ("A", SymbolKind.CLASS),
        ("A.LIMIT", SymbolKind.FIELD),
    ]


def test_what_only_looks_like_a_call_of_a_client_is_no_endpoint():
    """``requests.get`` that is handed on, extended or raised is not called, though the name is used."""
    code = "import requests\n\n\nclass A(requests.get('/a').b):\n    c = requests.get\n\n\nraise get\n"

    assert [(one.path, one.line) for one in parse_text(code, _python(), 1_500).endpoints] == [("/a", 4)]


def _python():
    return next(language for language in LANGUAGES if language.name == "python")
