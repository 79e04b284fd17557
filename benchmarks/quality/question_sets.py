# SPDX-License-Identifier: FSL-1.1-MIT
"""The sets of questions, each with the trees that they are asked of."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from prepare import Library, Prepared
from repositories import misspelt, questions, without_file_names

from conexus import trials
from conexus.adapters.git_history import GitHistory
from conexus.errors import SourceError
from conexus.evaluation.questions import Question

_QUESTIONS: Final = 20
"""Most questions that documentation or history asks of one repository: as many as the public set has."""


@dataclass(frozen=True, slots=True)
class Case:
    """One tree to index and what to ask of it."""

    set_name: str
    repository: str
    language: str
    tree: Path
    """What is indexed. The next case may change it."""
    prefix: str
    """What stands before a path in the tree to make it a path of the repository, as ``src/flask/``."""
    questions: tuple[Question, ...]


def source(library: Library, repository: Prepared, _: Path) -> Iterator[Case]:
    """Yield semble's questions, asked of the folder that its benchmark indexes."""
    tree = library.tree("source", repository.name) / repository.root
    prefix = f"{repository.root}/" if repository.root else ""
    asked = tuple(questions(library.annotations(repository.name)))
    yield Case("source", repository.name, repository.language, tree, prefix, asked)


def whole(library: Library, repository: Prepared, _: Path) -> Iterator[Case]:
    """Yield the same questions, asked of the whole repository with its tests, examples and documents."""
    asked = tuple(questions(library.annotations(repository.name)))
    tree = library.tree("whole", repository.name)
    yield Case("whole", repository.name, repository.language, tree, "", asked)


def whole_without_names(library: Library, repository: Prepared, _: Path) -> Iterator[Case]:
    """Yield the same without the words that name the file that answers."""
    asked = tuple(without_file_names(questions(library.annotations(repository.name))))
    tree = library.tree("whole", repository.name)
    yield Case("whole-nostem", repository.name, repository.language, tree, "", asked)


def typos(library: Library, repository: Prepared, folder: Path) -> Iterator[Case]:
    """Yield the questions of ``source``, misspelt."""
    for case in source(library, repository, folder):
        yield replace(case, set_name="typos", questions=tuple(misspelt(case.questions)))


def documentation(library: Library, repository: Prepared, folder: Path) -> Iterator[Case]:
    """Yield what the documentation of the code asks, of the whole repository without that documentation."""
    made = trials.documentation_set(library.tree("whole", repository.name), _QUESTIONS)
    yield from _staged("docs", repository, folder, made)


def history(_: Library, repository: Prepared, folder: Path) -> Iterator[Case]:
    """Yield what the newest commits are about, each asked of the whole repository before it."""
    past = GitHistory(Path(repository.git_dir) / "objects", repository.commit)
    yield from _staged("history", repository, folder, trials.history_set(past, _QUESTIONS))


def _staged(name: str, repository: Prepared, folder: Path, made: trials.QuestionSet) -> Iterator[Case]:
    folder.mkdir(parents=True)
    left_out: list[SourceError] = []
    for stage in made.stages:
        try:
            stage.write(folder)
        except SourceError as exc:  # a copy of a repository may lack what is large
            left_out.append(exc)
            continue
        yield Case(name, repository.name, repository.language, folder, "", stage.questions)
    if left_out:
        print(f"  {repository.name}, {name}: {len(left_out)} trees left out: {left_out[0]}", file=sys.stderr)


SETS: Final[Mapping[str, Callable[[Library, Prepared, Path], Iterator[Case]]]] = {
    "source": source,
    "whole": whole,
    "whole-nostem": whole_without_names,
    "typos": typos,
    "docs": documentation,
    "history": history,
}
"""By name: what makes the cases of a repository. The last argument is a folder for trees that a set has to make."""
