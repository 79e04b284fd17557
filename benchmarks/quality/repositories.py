# SPDX-License-Identifier: FSL-1.1-MIT
"""The public question set: which repositories it asks about, and what it asks. Pure.

It is that of semble (https://github.com/MinishLab/semble, MIT licence): for each of 63 repositories a pinned commit,
the folder that is indexed, and about twenty questions with the files that answer them. It is read from its git
repository and not kept here.
"""

from __future__ import annotations

import hashlib
import random
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from conexus.evaluation.questions import Question, Target
from conexus.lexical import split_identifier, stem, words

SET_URL: Final = "https://github.com/michalfedyna/semble"
"""A public copy of semble's repository that holds the annotations of all repositories."""
SET_REVISION: Final = "8d737ab"
SET_INDEX: Final = "benchmarks/repos.json"
DEVELOPMENT: Final = (
    *("flask", "httpx", "model2vec", "requests", "axios", "express", "redux", "gin", "cobra", "chi", "gson", "guzzle"),
    *("monolog", "sinatra", "rack", "tokio", "click", "serde", "zod", "phoenix", "newtonsoft-json", "fmtlib", "libuv"),
    *("aeson", "nvm"),
)
"""What may be tuned on. All others are held out: nobody who changes the ranking looks at them."""
_MIN_WORDS = 2
_MIN_MISSPELT = 6


class RepositoryHeldOut(Exception):
    """A repository was asked for that is not in the development set."""


class RepositoryUnknown(Exception):
    """A repository was asked for that the set does not have."""


@dataclass(frozen=True, slots=True)
class Specification:
    """One repository of the set."""

    name: str
    language: str
    url: str
    revision: str
    """Commit that the questions were written for."""
    root: str
    """Folder that the public benchmark indexes; empty for all."""

    @property
    def owner_and_name(self) -> str:
        """As ``pallets/flask``."""
        return "/".join(self.url.removesuffix(".git").rsplit("/", 2)[-2:])


def specification(entry: Mapping[str, Any]) -> Specification:
    """Read one entry of the set's index."""
    return Specification(
        entry["name"], entry["language"], entry["url"], entry["revision"], entry.get("benchmark_root") or ""
    )


def chosen(names: Sequence[str], known: Iterable[str], *, held_out: bool) -> list[str]:
    """Return the repositories that are meant, each once.

    Args:
        names: What was asked for; empty means the development set, or all others with ``held_out``.
        known: Every name of the set.
        held_out: Whether repositories outside the development set may be touched.

    Raises:
        RepositoryHeldOut: One of them may not.
        RepositoryUnknown: The set has no such repository.
    """
    everything = list(known)
    wanted = list(dict.fromkeys(names)) or [name for name in everything if (name in DEVELOPMENT) is not held_out]
    if unknown := [name for name in wanted if name not in everything]:
        raise RepositoryUnknown(f"not in the set: {', '.join(unknown)}")
    if not held_out and (kept := [name for name in wanted if name not in DEVELOPMENT]):
        raise RepositoryHeldOut(
            f"held out: {', '.join(kept)}; only the development set may be used without --held-out, and what is seen "
            "of the others must not be used to change the ranking"
        )
    return wanted


def annotations_path(name: str) -> str:
    """Return where the set's repository has the questions about one repository."""
    return f"benchmarks/annotations/{name}.json"


def questions(entries: Iterable[Mapping[str, Any]]) -> list[Question]:
    """Read the questions about one repository; primary and secondary answers both count, as in semble's benchmark."""
    return [
        Question(
            entry["query"],
            entry.get("category") or kind_of(entry["query"]),
            tuple(_target(target) for target in [*entry.get("relevant", ()), *entry.get("secondary", ())]),
        )
        for entry in entries
    ]


def kind_of(query: str) -> str:
    """Return the kind of a question whose author gave none: by its form."""
    if len(query.split()) == 1:
        return "symbol"
    return "architecture" if query.lower().startswith("how ") else "semantic"


def _target(entry: str | Mapping[str, Any]) -> Target:
    if isinstance(entry, str):
        return Target(entry)
    start, end = entry.get("start_line"), entry.get("end_line")
    if start is None or end is None:
        return Target(entry["path"])
    return Target(entry["path"], int(start), int(end))


def without_file_names(asked: Iterable[Question]) -> list[Question]:
    """Take the words of the answers' file names out of questions; those left with fewer than two words are dropped.

    A word goes when one of its parts has the stem of a part of such a name: ``sessions`` for ``session.py``.
    """
    found = []
    for question in asked:
        taken = {part for target in question.targets for part in _stems(PurePosixPath(target.path).stem)}
        left = [word for word in question.text.split() if not taken & _stems(word)]
        if len(left) >= _MIN_WORDS:
            found.append(Question(" ".join(left), question.kind, question.targets))
    return found


def misspelt(asked: Iterable[Question]) -> list[Question]:
    """Get a letter of the longest word of each question wrong; questions without a word of six letters are dropped.

    Two neighbours change places, a letter is left out, is there twice, or is another one. What happens and where is
    drawn from the question, and so is the same each time. The first and the last letter stay.
    """
    found = []
    for question in asked:
        parts = {part for word in words(question.text) for part in split_identifier(word) if part.isalpha()}
        longest = max(sorted(parts), key=len, default="")
        if len(longest) >= _MIN_MISSPELT:
            seed = hashlib.sha256(question.text.encode()).digest()
            wrong = _with_typo(longest, random.Random(seed))  # noqa: S311 -- to be drawn again, not to be secret
            at = question.text.lower().index(longest)
            wrong = question.text[at] + wrong[1:]  # as it was written
            text = question.text[:at] + wrong + question.text[at + len(longest) :]
            found.append(Question(text, question.kind, question.targets))
    return found


def _with_typo(word: str, chance: random.Random) -> str:
    """Return a lower-case word with one letter wrong."""
    at = chance.randrange(1, len(word) - 2)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    made = (
        before + after[0] + letter + after[1:],
        before + after,
        before + letter + letter + after,
        before + chance.choice(string.ascii_lowercase) + after,
    )
    return next(wrong for wrong in chance.sample(made, len(made)) if wrong != word)


def _stems(text: str) -> set[str]:
    return {stem(part) for word in words(text) for part in split_identifier(word)}


def identity(question: Question) -> str:
    """Return a short name of a question that does not tell its text: it stays while text and answers do."""
    answers = "\n".join(f"{target.path}:{target.start_line}-{target.end_line}" for target in question.targets)
    return hashlib.sha256(f"{question.text}\n{answers}".encode()).hexdigest()[:10]
