# SPDX-License-Identifier: FSL-1.1-MIT
"""Questions made of documentation: its first sentence asks, and the definition that it stands at is the answer. Pure.

What is asked is taken out of the file, and nothing else, so that no search finds the question itself. Sentences that
say no more than the name does, and those that stand in several places, ask nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from tree_sitter import Node

from conexus.evaluation.questions import Question, Target
from conexus.lexical import QUESTION_WORDS, split_identifier, stem, words
from conexus.parsing.classify import tags_of
from conexus.parsing.grammars import grammar_of, is_too_deep, parsed
from conexus.parsing.heads import documentation, written_documentation
from conexus.parsing.languages import Language
from conexus.parsing.positions import LineTable
from conexus.parsing.symbols import extract
from conexus.types import FileTag, Span, Symbol, SymbolKind
from conexus.values import dataclass

KIND = "docs"
"""Kind of these questions."""

_ASKED = frozenset({SymbolKind.FUNCTION, SymbolKind.METHOD, SymbolKind.CLASS, SymbolKind.STRUCT, SymbolKind.INTERFACE})
_NOT_ASKED_OF = frozenset({FileTag.TEST, FileTag.EXAMPLE, FileTag.DOCS})
_MIN_WORDS = 5
_MAX_CHARS = 300
_MIN_LETTERS = 0.6  # of a sentence; below that it is a table, a rule of dashes or code
_WORD = re.compile(r"[^\W\d_]{2,}")
_DASHES = "\u2013\u2014-"
_NO_QUESTION = re.compile(
    r"^[:@\\]\w|copyright|licen[cs]|\b(?:todo|fixme|xxx|hack|noqa|nolint|eslint|tslint|pylint|mypy|noinspection)\b"
    r"|inherit-?doc|https?://|^(?:see|same as|deprecated|ditto|alias (?:of|for))\b",
    re.IGNORECASE,
)
_LINKED = re.compile(r"\{@\w+\s+#?([^{}]*)\}|:\w+(?::\w+)?:`~?([^`]*)`|\[(`[^`]*`)\](?:\([^()]*\))?|</?\w+\s*/?>")
_FILLER = frozenset("return get set given new this class function method type object value helper simple".split())
_COMMENTS = frozenset({"comment", "line_comment", "block_comment"})
_EMPTY_BODY = b"..."


@dataclass(frozen=True, slots=True)
class Cut:
    """Bytes that are taken out of a file, and what comes in their place."""

    start: int
    end: int
    replacement: bytes = b""


@dataclass(frozen=True, slots=True)
class Documented:
    """A definition that its documentation asks for."""

    path: str
    sentence: str
    """The question."""
    span: Span
    """Of the definition, in the file as it is."""
    cuts: tuple[Cut, ...]
    """The whole documentation."""


def documented(path: str, text: str, language: Language) -> tuple[Documented, ...]:
    """Find the definitions of a file whose documentation makes a question.

    Args:
        path: Of the file; tests, examples and documents give no question.
        text: The whole file. Parsing it must be known to end: see :mod:`conexus.worker`.
        language: Of the file.

    Returns:
        By position; none for a language without grammar, or one that holds others.
    """
    if not language.grammar or language.embedded or language.is_data or tags_of(path) & _NOT_ASKED_OF:
        return ()
    source = text.encode("utf-8", "replace")
    if language.name == "notebook" or is_too_deep(language.name, source):
        return ()
    grammar = grammar_of(language.name)
    root = parsed(language.name, grammar.parser, source).root_node
    found: dict[tuple[Cut, ...], Documented] = {}
    for symbol in extract(grammar, source, root, LineTable(source)).symbols:
        sentence = question_of(symbol) if symbol.kind in _ASKED else ""
        cuts = cuts_of(source, root, symbol, language) if sentence else ()
        if cuts:  # of several definitions that share a comment, the outermost
            found.setdefault(cuts, Documented(path, sentence, symbol.span, cuts))
    return tuple(found.values())


def question_of(symbol: Symbol) -> str:
    """Return what the documentation of a definition asks, without its own name in front; empty where that is nothing.

    Nothing is what has fewer than five words, what names no more than the definition's name does, and
    what speaks of the file or to a tool (licences, ``TODO``, ``noqa``).
    """
    text = _LINKED.sub(lambda match: match[1] or match[2] or match[3] or "", symbol.doc)
    text = _without_name(text.replace("``", "`").strip(), symbol)
    if len(symbol.doc) >= _MAX_CHARS:
        text = text.rpartition(" ")[0]  # the sentence was cut off, perhaps within a word
    text = text.strip(" .:;,*" + _DASHES)
    letters = sum(char.isalpha() or char.isspace() for char in text)
    if len(_WORD.findall(text)) < _MIN_WORDS or letters < _MIN_LETTERS * len(text) or _NO_QUESTION.search(text):
        return ""
    return text if _stems(text) - _stems(symbol.qualified_name) else ""


def _without_name(text: str, symbol: Symbol) -> str:
    """Take off the name that some languages begin documentation with: ``Serve accepts …``, ``uv_run - runs …``."""
    if symbol.name not in text:
        return text  # without making a pattern, which takes longer than all else that is done to a sentence
    name = rf"(?:{re.escape(symbol.parent.rpartition('.')[2])}(?:\.|::|#))?{re.escape(symbol.name)}"
    return re.sub(rf"^(?:(?:The|A|An) )?`?{name}(?:\(\))?`?(?:\s*[:{_DASHES}]|\s+(?:is|are)\b)?\s+", "", text)


def _stems(text: str) -> set[str]:
    parts = {part for word in words(text) for part in split_identifier(word)}
    return {stem(part) for part in parts - QUESTION_WORDS - _FILLER} - {stem(part) for part in _FILLER}


def cuts_of(source: bytes, root: Node, symbol: Symbol, language: Language) -> tuple[Cut, ...]:
    """Return where the documentation of a symbol stands; empty where that cannot be told."""
    start = symbol.span.start_byte
    node = root.descendant_for_byte_range(start, start + 1)
    while node is not None and node.start_byte == start:
        if documentation(source, node, symbol.kind) == symbol.doc:
            ranges = written_documentation(source, node, symbol.kind).ranges
            is_body = language.name == "python" and len(ranges) == 1 and _is_whole_body(root, *ranges[0])
            return tuple(
                Cut(*written, _EMPTY_BODY) if is_body else Cut(*_whole_lines(source, *written)) for written in ranges
            )
        node = node.parent
    return ()


def _is_whole_body(root: Node, start: int, end: int) -> bool:
    """Whether a docstring of Python is all that its definition does."""
    node = root.descendant_for_byte_range(start, end)
    while node is not None and node.type != "block":
        node = node.parent
    return node is not None and sum(child.type not in _COMMENTS for child in node.named_children) == 1


def _whole_lines(source: bytes, start: int, end: int) -> tuple[int, int]:
    """Let a range that has its lines to itself take them whole, with their ends."""
    line_start = source.rfind(b"\n", 0, start) + 1
    line_end = end if end and source[end - 1 : end] == b"\n" else source.find(b"\n", end) + 1 or len(source)
    if source[line_start:start].strip() or source[end:line_end].strip():
        return start, end
    return line_start, line_end


def sampled(found: Iterable[Documented], limit: int, *, seed: int = 0) -> tuple[Documented, ...]:
    """Choose at most ``limit`` questions, the same ones every time, from as many files as there are.

    What is asked of several definitions is not chosen. A change of one file changes the choice in that file,
    and no more than makes up for it elsewhere.

    Returns:
        By path and position.
    """
    everything = list(found)
    asked = Counter(item.sentence.casefold() for item in everything)
    files: dict[str, list[tuple[bytes, Documented]]] = defaultdict(list)
    for item in everything:
        if asked[item.sentence.casefold()] == 1:
            files[item.path].append((_lot(item, seed), item))
    # The first of every file comes before the second of any.
    lots = [(turn, lot, item) for drawn in files.values() for turn, (lot, item) in enumerate(sorted(drawn, key=_first))]
    chosen = [item for _, _, item in sorted(lots, key=lambda drawn: drawn[:2])[:limit]]
    return tuple(sorted(chosen, key=lambda item: (item.path, item.span.start_byte)))


def _lot(item: Documented, seed: int) -> bytes:
    name = f"{seed}\0{item.path}\0{item.sentence}"
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _first(drawn: tuple[bytes, Documented]) -> bytes:
    return drawn[0]


def without_documentation(text: str, chosen: Sequence[Documented]) -> tuple[str, tuple[Question, ...]]:
    """Take documentation out of a file.

    Args:
        text: The whole file.
        chosen: Of :func:`documented` of this text.

    Returns:
        The file without the documentation of ``chosen`` and the lines that it had to itself, and a question for
        each, whose target are the lines of the definition in that file.
    """
    source = text.encode("utf-8", "replace")
    cuts = sorted({cut for item in chosen for cut in item.cuts}, key=lambda cut: cut.start)
    pieces: list[bytes] = []
    done = 0
    for cut in cuts:
        pieces += [source[done : cut.start], cut.replacement]
        done = cut.end
    changed = b"".join([*pieces, source[done:]])
    lines = LineTable(changed)
    questions = []
    for item in chosen:
        start, end = _moved(item.span.start_byte, cuts), _moved(item.span.end_byte, cuts)
        span = lines.span(start, max(start, end))
        questions.append(Question(item.sentence, KIND, (Target(item.path, span.start_line, span.end_line),)))
    return changed.decode("utf-8", "replace"), tuple(questions)


def _moved(position: int, cuts: Sequence[Cut]) -> int:
    """Return where a byte stands after the cuts."""
    shift = sum(len(cut.replacement) - (min(cut.end, position) - cut.start) for cut in cuts if cut.start < position)
    return position + shift


__all__ = ["KIND", "Cut", "Documented", "cuts_of", "documented", "question_of", "sampled", "without_documentation"]
