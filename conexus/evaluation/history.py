# SPDX-License-Identifier: FSL-1.1-MIT
"""Questions made of history: a commit's subject asks, and the files that it changed are the answer. Pure.

They are asked of the tree as it was before the commit. A subject was written by somebody who knew the change, not
by somebody who looked for it, and a commit need not change every file that matters: the figures tell one
configuration from another better than they tell how good either is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from conexus.evaluation.commits import Change, ChangeKind, Commit
from conexus.evaluation.questions import Question, Target
from conexus.parsing.classify import tags_of
from conexus.parsing.languages import detect
from conexus.parsing.secrets import redact
from conexus.types import FileTag
from conexus.values import dataclass

KIND = "history"
"""Kind of these questions."""

_MIN_WORDS, _MAX_WORDS = 4, 20
_MAX_TARGETS = 5
_NO_SOURCE = frozenset({FileTag.TEST, FileTag.DOCS, FileTag.EXAMPLE, FileTag.CONFIG})
_PROSE = frozenset({"markdown", "restructuredtext", "asciidoc", "text", "latex", "html"})
_LOCK_FILE = re.compile(
    r"(?:^|/)(?:[\w.-]*[.-]lock(?:\.\w+)?|[\w.-]*lock\.(?:json|ya?ml)|go\.sum|npm-shrinkwrap\.json)$"
)
_TYPE = re.compile(
    r"^(?P<type>feat(?:ure)?|fix(?:e[sd])?|bug(?:fix)?|hotfix|perf|refactor|docs?|style|tests?|build|ci|chore|deps"
    r"|release|revert)\b\s*(?:\([^()]*\)|\[[^\[\]]*\])?!?:\s*",
    re.IGNORECASE,
)
_NOT_OF_CODE = frozenset("doc docs style test tests build ci chore deps release revert".split())
_TICKET = re.compile(r"^(?:\[[^\[\]]{1,30}\]|\(?#\d+\)?|[A-Z][A-Z0-9]+-\d+(?=:)|GH-\d+|:\w+:)[\s:,-]*")
_TRAILING_ID = re.compile(
    r"[\s,;:-]*(?:[\[(]\s*)?(?:(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?|refs?|see|issues?|pr|pull request|gh)\b[\s:]*)*"
    r"(?:(?:[\w./-]*#\d+|GH-\d+|https?://\S+|\b(?=[a-f]*\d)[0-9a-f]{7,40}(?=\W|$))[\s,]*(?:and\s+)?)+[\])]?[\s.]*$"
    r"|\s*[\[(][A-Z][A-Z0-9]+-\d+[\])]\s*$",
    re.IGNORECASE,
)
_CO_AUTHORED = re.compile(r"\s*(?:co-authored-by|signed-off-by|reviewed-by)\b.*$", re.IGNORECASE)
_NOISE = re.compile(
    r"""^(?:merge[ds]?|revert(?:s|ed|ing)?|reapply|fixup!|squash!|amend!|wip|release[ds]?|reformat|autoformat|format
        |bump(?:s|ed|ing)?|upgrade[ds]?|pin|unpin|backport|cherry-?pick|sync|initial\ commit|apply\ suggestions?
        |document(?:s|ed|ing)?|add(?:s|ed|ing)?\ (?:a\ |more\ |missing\ )?(?:tests?|docs?|documentation|comments?)
        |prepar(?:e|ing)\ (?:for\ )?(?:v?\d|release|the\ release|next)
        |(?:set|update|increment|change)\ (?:the\ )?version|v?\d+\.\d+|version\ \d)\b
    | \b(?:typos?|spelling|misspell\w*|grammar|whitespace|trailing\ spaces?|lint(?:s|er|ers|ing)?|code\ style
        |eslint|tslint|flake8|pylint|clippy|golangci\S*|rubocop|mypy|ruff|black|isort|prettier|gofmt|gofumpt|rustfmt
        |clang-format|clang-tidy|pre-commit|dependabot|renovate|changelog|change\ log|release\ notes|readme|copyright
        |licen[cs]es?|dependenc(?:y|ies)|deps|submodules?|docs|docstrings?|code\ review|review\ comments?|ci\ skip
        |skip\ ci)\b
    | \b(?:update|bump|upgrade)[sd]?\b.*\bto\ v?\d+(?:\.\d+)+ | \bfrom\ v?\d[\w.]*\ to\ v?\d""",
    re.IGNORECASE | re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, slots=True)
class PastQuestion:
    """A question, and the commit whose tree it is asked of."""

    question: Question
    commit: str


def past_questions(commits: Iterable[Commit]) -> Iterator[PastQuestion]:
    """Yield the questions that commits make, in their order, each wording once.

    A commit makes one if it has one parent, changes one to five source files that were there before, and its
    subject says in 4 to 20 words what it is about.
    """
    asked: set[str] = set()
    for commit in commits:
        if len(commit.parents) != 1:
            continue
        text = subject_of(redact(commit.subject)[0])
        changed = [change.path for change in commit.changes if _is_source(change)]
        if not text or text.casefold() in asked or not 1 <= len(changed) <= _MAX_TARGETS:
            continue
        if any(path.rpartition("/")[2] in text for path in changed):
            continue  # it names the answer
        asked.add(text.casefold())
        yield PastQuestion(Question(text, KIND, tuple(Target(path) for path in changed)), commit.parents[0])


def subject_of(subject: str) -> str:
    """Return what a commit's subject says, without type, ticket and issue numbers; empty where it asks nothing.

    Nothing is asked by merges, reverts, releases, version bumps, updates of dependencies, and work on
    spelling, formatting, lint, documents or the build.
    """
    text = _CO_AUTHORED.sub("", subject).strip()
    while (ticket := _TICKET.match(text)) is not None:
        text = text[ticket.end() :]
    if (typed := _TYPE.match(text)) is not None:
        if typed["type"].lower() in _NOT_OF_CODE:
            return ""
        text = text[typed.end() :]
    while (ticket := _TICKET.match(text)) is not None:
        text = text[ticket.end() :]
    while (bare := _TRAILING_ID.sub("", text)) != text:
        text = bare
    text = text.strip(" .:;,-")
    if _NOISE.search(text) or not _MIN_WORDS <= len(text.split()) <= _MAX_WORDS:
        return ""
    return text if len(_WORD.findall(text)) >= _MIN_WORDS - 1 else ""


def _is_source(change: Change) -> bool:
    """Whether a commit changes a file of code that was there before, and that is more than a test or a document."""
    if change.kind is not ChangeKind.MODIFIED or _LOCK_FILE.search(change.path) or tags_of(change.path) & _NO_SOURCE:
        return False
    language = detect(change.path)
    return language is not None and not language.is_data and language.name not in _PROSE


__all__ = ["KIND", "PastQuestion", "past_questions", "subject_of"]
