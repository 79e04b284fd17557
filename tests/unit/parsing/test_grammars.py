# SPDX-License-Identifier: FSL-1.1-MIT
"""Queries are cut at their patterns, and what is found through them keeps its order."""

from __future__ import annotations

from importlib.resources import files

import pytest
from tree_sitter import Query

from conexus.parsing.grammars import REFERENCES_MARK, grammar_of
from conexus.parsing.languages import BY_NAME, LANGUAGES, Language
from conexus.parsing.parse import parse_text
from conexus.types import SymbolKind

_WITH_GRAMMAR = [language for language in LANGUAGES if language.grammar]


@pytest.mark.parametrize("language", _WITH_GRAMMAR, ids=lambda language: language.name)
def test_no_pattern_of_a_query_is_lost_or_counted_twice(language: Language) -> None:
    """What a query file holds is in the two queries of its grammar, each pattern once."""
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


def test_the_first_pattern_of_the_file_wins_wherever_it_begins() -> None:
    """A constant of the module fits ``(module …) @constant`` and ``(module …) @variable``, both at the root."""
    found = parse_text("LIMIT = 3\nlimit = 3\n\nclass A:\n    LIMIT = 4\n", BY_NAME["python"], 1_500).symbols

    assert [(symbol.qualified_name, symbol.kind) for symbol in found] == [
        ("LIMIT", SymbolKind.CONSTANT),
        ("limit", SymbolKind.VARIABLE),
        ("A", SymbolKind.CLASS),
        ("A.LIMIT", SymbolKind.FIELD),
    ]


def test_what_only_looks_like_a_call_of_a_client_is_no_endpoint() -> None:
    """``requests.get`` that is handed on, extended or raised is not called, though the name is used."""
    code = "import requests\n\n\nclass A(requests.get('/a').b):\n    c = requests.get\n\n\nraise get\n"

    assert [(one.path, one.line) for one in parse_text(code, BY_NAME["python"], 1_500).endpoints] == [("/a", 4)]


@pytest.mark.parametrize(
    "call", ["await f<T>(1)", "void f<T>(1)", "typeof f<T>(1)", "f!(1)", "await a.f<T>(1)", "a.f!(1)", "new f<T>(1)"]
)
@pytest.mark.parametrize("name", ["typescript", "tsx"])
def test_calls_with_type_arguments_are_uses(name: str, call: str) -> None:
    """The grammar reads `await f<T>(x)` as a call of `await f`."""
    assert "f" in {one.name for one in parse_text(f"{call};\n", BY_NAME[name], 1_500).references}


def test_calls_within_rusts_macros_are_uses() -> None:
    """What stands in brackets right behind a name; not names beside brackets, nor macros."""
    code = 'fn a() {\n    assert_eq!(size("1k"), b.len(), (c, d), vec![made()]);\n    e!(f, (g), h! (i));\n}\n'

    used = {one.name for one in parse_text(code, BY_NAME["rust"], 1_500).references}

    assert used == {"assert_eq", "size", "len", "made", "e"}
