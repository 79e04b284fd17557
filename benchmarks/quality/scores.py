# SPDX-License-Identifier: FSL-1.1-MIT
"""Scores of questions: made of answers, kept as lines of text, averaged and compared."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, TypeAlias

from repositories import identity

from conexus.evaluation.metrics import Difference, Score, paired_difference, score
from conexus.evaluation.questions import Place, Question, Target

ONE_A_FILE: Final = "/files"
"""Ends the name of a system whose further results of a file were dropped."""
COUNTED_BOTH_WAYS: Final = frozenset({"conexus", "semble"})
_DIGITS: Final = 4
_NUMBERS: Final = ("ndcg", "mrr", "recall", "within_500", "within_1k", "within_2k", "within_4k")


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """How well one system answered one question."""

    set_name: str
    repository: str
    language: str
    kind: str
    question: str
    """As :func:`repositories.identity` names it."""
    system: str
    ndcg: float
    mrr: float
    recall: float
    within_500: float
    within_1k: float
    within_2k: float
    within_4k: float


Rows: TypeAlias = Sequence[Row]
_HEAD: Final = tuple(field.name for field in fields(Row))


def one_a_file(answer: Iterable[Place]) -> list[Place]:
    """Keep the best place of each file."""
    best: dict[str, Place] = {}
    for place in answer:
        best.setdefault(place.path, place)
    return list(best.values())


def _about_files(question: Question) -> Question:
    """Forget which lines answer: where a file is a result, it stands for all of them."""
    paths = dict.fromkeys(target.path for target in question.targets)
    return Question(question.text, question.kind, tuple(map(Target, paths)))


def rows_of(
    where: tuple[str, str, str], system: str, asked: Sequence[Question], answers: Sequence[Sequence[Place]]
) -> list[Row]:
    """Score the answers of a system.

    Args:
        where: Set, repository and language.
        system: Its name; those of :data:`COUNTED_BOTH_WAYS` get rows for both ways.
        asked: The questions.
        answers: Places for each, best first; paths as the questions' targets have them.
    """
    rows = []
    for question, answer in zip(asked, answers, strict=True):
        head = (*where, question.kind, identity(question))
        rows.append(_row(head, system, score(question, answer)))
        if system in COUNTED_BOTH_WAYS:
            rows.append(_row(head, system + ONE_A_FILE, score(_about_files(question), one_a_file(answer))))
    return rows


def _row(head: tuple[str, str, str, str, str], system: str, found: Score) -> Row:
    return Row(
        *head, system, *(round(value, _DIGITS) for value in (found.ndcg, found.mrr, found.recall, *found.within))
    )


# ------------------------------------------------------------------- kept as text


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows in a fixed order, one a line, so that a change of a score is one changed line."""
    lines = ["\t".join(_HEAD)]
    lines += ["\t".join(_cell(getattr(row, name)) for name in _HEAD) for row in sorted(rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read(path: Path) -> list[Row]:
    """Read rows; none where there is no file.

    Raises:
        ValueError: It is not what :func:`write` writes.
    """
    if not path.exists():
        return []
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    if tuple(head.split("\t")) != _HEAD:
        raise ValueError(f"{path} has other columns")
    rows = []
    for line in lines:
        cells = line.split("\t")
        text, numbers = cells[: -len(_NUMBERS)], cells[-len(_NUMBERS) :]
        rows.append(Row(*text, *map(float, numbers)))  # type: ignore[arg-type]  # as many as there are columns
    return rows


def replaced(before: Iterable[Row], now: Rows) -> list[Row]:
    """Return the old rows with the new ones in the place of what was measured again: same set, same system."""
    again = {(row.set_name, row.system) for row in now}
    return [*(row for row in before if (row.set_name, row.system) not in again), *now]


def _cell(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.{_DIGITS}f}".rstrip("0").rstrip(".")


# ---------------------------------------------------------------------- averages


def mean(rows: Iterable[Row], value: Callable[[Row], float]) -> float | None:
    """Return the mean over repositories of the mean of their questions; ``None`` without a row."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for row in rows:
        groups[row.repository].append(value(row))
    return statistics.fmean(statistics.fmean(group) for group in groups.values()) if groups else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two systems, or two runs of one, on the questions that both have."""

    difference: Difference
    questions: int
    unmatched: int
    """Questions that only one of them has."""


def compare(first: Rows, second: Rows, value: Callable[[Row], float]) -> Comparison | None:
    """Return how much higher ``second`` is than ``first``; ``None`` where they share no question.

    Both hold rows of one set and one system each.
    """
    old, new = _by_question(first), _by_question(second)
    shared = sorted(old.keys() & new.keys())
    if not shared:
        return None
    pairs: defaultdict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for key in shared:
        pairs[key[0]][0].append(value(old[key]))
        pairs[key[0]][1].append(value(new[key]))
    difference = paired_difference([a for a, _ in pairs.values()], [b for _, b in pairs.values()])
    return Comparison(difference, len(shared), len(old.keys() ^ new.keys()))


def _by_question(rows: Iterable[Row]) -> Mapping[tuple[str, str, int], Row]:
    """Index rows by repository and question; a question asked twice has a number."""
    found: dict[tuple[str, str, int], Row] = {}
    for row in sorted(rows):
        number = 0
        while (row.repository, row.question, number) in found:
            number += 1
        found[row.repository, row.question, number] = row
    return found


def selected(rows: Iterable[Row], set_name: str, system: str) -> list[Row]:
    """Return the rows of one system on one set."""
    return [row for row in rows if row.set_name == set_name and row.system == system]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a set fares against the committed results."""

    set_name: str
    system: str
    before: float
    now: float
    comparison: Comparison

    @property
    def is_worse(self) -> bool:
        """Whether it fell by more than noise: the interval is wholly below 0."""
        return self.comparison.difference.high < 0.0


def verdicts(committed: Rows, now: Rows) -> list[Verdict]:
    """Compare NDCG@10 of every set and system that both have, on the questions that both have."""
    found = []
    for set_name, system in sorted({(row.set_name, row.system) for row in now}):
        old, new = selected(committed, set_name, system), selected(now, set_name, system)
        repositories = {row.repository for row in new}
        old = [row for row in old if row.repository in repositories]
        comparison = compare(old, new, _ndcg)
        before, after = mean(old, _ndcg), mean(new, _ndcg)
        if comparison is not None and before is not None and after is not None:
            found.append(Verdict(set_name, system, before, after, comparison))
    return found


def _ndcg(row: Row) -> float:
    return row.ndcg
