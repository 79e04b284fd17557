# SPDX-License-Identifier: FSL-1.1-MIT
"""Tree-sitter grammars and our queries, each loaded once, when first needed."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from tree_sitter import Language as TreeSitterLanguage
from tree_sitter import Parser, Query, Tree
from tree_sitter_language_pack import get_language

from conexus.parsing.languages import BY_NAME
from conexus.parsing.macros import without_macros
from conexus.parsing.substitutions import with_few_substitutions
from conexus.values import dataclass

if TYPE_CHECKING:
    from tree_sitter_language_pack import SupportedLanguage

REFERENCES_MARK = ";; references"
"""The line of a query file above which stand definitions, and below which references and imports."""
_DEEP = {
    "markdown": re.compile(rb"^(?=[ \t]*\S)(?:[ \t>]|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t])){200}", re.MULTILINE),
    "yaml": re.compile(rb"^(?=[ \t]*\S)(?:[ \t]|[-?:](?=[ \t])|[&!][^\s]*(?=[ \t])){200}", re.MULTILINE),
}
_PATTERN_START = re.compile(r"^(?=\()", re.MULTILINE)
_ASCII = bytes(range(128)) + b"x" * 128


@dataclass(frozen=True, slots=True)
class Grammar:
    """A parser with the queries of one language."""

    parser: Parser
    root: Query | None
    """Definitions whose pattern begins at the root of the tree: a cursor that begins nowhere else is five times sooner
    through, since it holds no open pattern while it is below."""
    anywhere: Query | None
    """All other definitions, then references and imports, in one query: walking the tree is most of its cost."""
    root_places: tuple[int, ...]
    """For each pattern of ``root``, its place among the definitions of the query file."""
    places: tuple[int, ...]
    """The same for the definitions in ``anywhere``; the patterns after these are references and imports."""


@cache
def grammar_of(language: str) -> Grammar:
    """Return the parser and the queries of a language that has a grammar.

    Args:
        language: A name of :data:`conexus.parsing.languages.BY_NAME`.

    Raises:
        LookupError: The grammar is not installed.
        tree_sitter.QueryError: Our query does not fit the grammar.
    """
    entry = BY_NAME[language]
    binding = get_language(cast("SupportedLanguage", entry.grammar))
    parser = Parser(binding)
    patterns: list[str] = []
    references = ""
    for name in (entry.queries or entry.name).split("+"):
        source = files("conexus.parsing").joinpath("queries", f"{name}.scm")
        text = source.read_text(encoding="utf-8") if source.is_file() else ""
        above, _, below = text.partition(REFERENCES_MARK)
        patterns += _patterns(above)
        references = f"{references}\n{below}"
    start = re.compile(rf"\({parser.parse(b'').root_node.type}\b")
    root_places = tuple(place for place, pattern in enumerate(patterns) if start.match(pattern))
    places = tuple(place for place in range(len(patterns)) if place not in root_places)
    root = _query(binding, "\n".join(patterns[place] for place in root_places))
    anywhere = _query(binding, "\n".join([*(patterns[place] for place in places), references]))
    return Grammar(parser, root, anywhere, root_places, places)


def _patterns(text: str) -> list[str]:
    """Cut a query at its patterns, each of which begins at the start of a line."""
    return [part for part in _PATTERN_START.split(text) if part.startswith("(")]


def is_too_deep(language: str, source: bytes) -> bool:
    """Whether a text nests blocks so deep that its grammar would write beyond its buffer.

    The scanners of Markdown and YAML keep what is open in 1,024 bytes and do not check: some 250
    quotations, lists or indentations, each at least a column wide, crash the process or corrupt it.
    """
    pattern = _DEEP.get(language)
    return pattern is not None and pattern.search(source) is not None


def parsed(language: str, parser: Parser, source: bytes) -> Tree:
    """Parse a text; positions in the tree are those of ``source``, or one beyond its end.

    The grammar of Markdown looks characters up in a table of 256, so that others crash the process
    by chance, and does not see a last heading without a newline: it gets letters in place of all
    bytes that are not ASCII, which have the same length, and a newline.
    """
    if language == "markdown":
        source = source.translate(_ASCII) + (b"" if source.endswith(b"\n") else b"\n")
    if language == "perl":
        source = with_few_substitutions(source)
    return parser.parse(without_macros(language, source))


def _query(language: TreeSitterLanguage, text: str) -> Query | None:
    return Query(language, text) if "@" in text else None
