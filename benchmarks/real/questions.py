# SPDX-License-Identifier: FSL-1.1-MIT
"""The questions of ``questions.toml``, and what counts as a right answer."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

_QUESTIONS = Path(__file__).with_name("questions.toml")
_KEYWORDS = "class|const|def|enum|fn|func|function|interface|struct|trait|type|var"
_C_SUFFIXES = {".c", ".h"}
_COMMENT = re.compile(r"\s*(?:///|//|/\*|\*|#\[|#(?!\w)|@\w)")  # a comment, an attribute or a decorator


@dataclass(frozen=True, slots=True)
class Answer:
    """Files any of which answers; with names, only where one of these is defined."""

    files: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a tree."""

    tree: str
    ask: str
    kind: str
    """``question``, ``paraphrase``, ``words`` or ``name``."""
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """One search result: path below the root, lines from 1 with both ends."""

    path: str
    start_line: int
    end_line: int
    line: int
    symbol: str


def questions() -> list[Question]:
    """Return all questions, in the order of the file; one in other words follows the one it stands for."""
    found = []
    for tree, entries in tomllib.loads(_QUESTIONS.read_text(encoding="utf-8")).items():
        for entry in entries:
            answers = tuple(Answer(tuple(item["files"]), tuple(item.get("names", ()))) for item in entry["answers"])
            found.append(Question(tree, entry["ask"], entry["kind"], answers))
            if "in_other_words" in entry:
                found.append(Question(tree, entry["in_other_words"], "paraphrase", answers))
    return found


def rank(question: Question, hits: Iterable[Hit], root: Path, *, whole_file: bool = False) -> int | None:
    """Return the place of the first right hit, from 1, or ``None``.

    Args:
        question: What was asked.
        hits: The results, best first.
        root: Folder of the tree.
        whole_file: Count any place of a right file.
    """
    for number, hit in enumerate(hits, start=1):
        if any(_fits(answer, hit, root, whole_file=whole_file) for answer in question.answers):
            return number
    return None


def misplaced(asked: Sequence[Question], root: Path) -> list[str]:
    """Return the answers that the tree does not hold, as ``file`` or ``file: name``.

    A definition that only some of the files hold, or that one version lacks, is no error as long as each
    file of the answer holds one of its names.
    """
    gone = []
    for answer in (answer for question in asked for answer in question.answers):
        for file in answer.files:
            if not (root / file).is_file():
                gone.append(file)
            elif answer.names and not any(_heads(root / file, name) for name in answer.names):
                gone.append(f"{file}: {', '.join(answer.names)}")
    return gone


def _fits(answer: Answer, hit: Hit, root: Path, *, whole_file: bool) -> bool:
    if hit.path not in answer.files:
        return False
    if whole_file or not answer.names:
        return True
    inside = set(re.split(r"\W+", hit.symbol))
    return any(
        name in inside
        or any(hit.start_line <= last and first <= hit.end_line for first, last in _heads(root / hit.path, name))
        for name in answer.names
    )


@lru_cache(maxsize=1000)
def _heads(path: Path, name: str) -> tuple[tuple[int, int], ...]:
    """Return where a file defines a name, as the first line of the comment above it and the line of the name.

    Read without any parser of the product.
    """
    word = re.escape(name)
    pattern = rf"^[^\S\n]*(?:[\w(),*]+ )*?(?:{_KEYWORDS})\s+(?:\([^)\n]*\)\s*)?{word}\b"
    if path.suffix in _C_SUFFIXES:
        pattern = rf"^(?:[A-Za-z_][\w *]*[ *])?{word}\s*\([^;{{]*\{{"
    text = _text(path)
    lines = text.split("\n")
    found = []
    for match in re.finditer(pattern, text, re.MULTILINE):
        at = re.compile(rf"\b{word}\b").search(text, match.start())
        last = first = text.count("\n", 0, at.start() if at else match.start()) + 1
        while first > 1 and _COMMENT.match(lines[first - 2]):
            first -= 1
        found.append((first, last))
    return tuple(found)


@lru_cache(maxsize=4)
def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
