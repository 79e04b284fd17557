# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the figures of a run as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_HEAD = """\
# Real source trees

Written by `benchmarks/real/run.py`, which fetches six public source trees from their registries, indexes each with
`conexus index` in a process of its own and an empty data folder, and asks ten questions of each with
`conexus search --json -n 10`. The questions and what counts as their answer are in `benchmarks/real/questions.toml`;
when they were written, and what was mended since, is said there. Seconds are by the clock and hold the start of the
program; memory is that of all its processes at their highest together, shared pages counted once.
"""
_PARAPHRASE = "paraphrase"
_KINDS = {
    "question": "a question",
    "words": "a few words",
    "name": "an exact name",
    _PARAPHRASE: "the questions once more, in other words than the code's",
}


def markdown(figures: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the page for the figures that ``run.py --json`` writes."""
    trees, answers = figures["trees"], figures["answers"]
    parts = [_HEAD, "## Indexing\n", _trees(trees), "## Answers\n", _summary(trees, answers)]
    for tree in trees:
        own = [answer for answer in answers if answer["tree"] == tree["name"]]
        parts += [f"## {tree['version']}\n", _answers(own)]
    return "\n".join(parts)


def _trees(trees: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            tree["version"],
            f"{tree['files']:,}",
            f"{tree['skipped']:,}",
            f"{tree['megabytes']:.1f}",
            f"{tree['chunks']:,}",
            f"{tree['symbols']:,}",
            f"{tree['seconds']:.1f}",
            f"{tree['peak_mb']:.0f}",
            f"{tree['index_mb']:.0f}",
            str(len(tree["problems"])),
            "wrong" if tree["verify"] else "clean",
        ]
        for tree in trees
    ]
    columns = ["tree", "files", "left out", "MB", "chunks", "symbols", "s", "peak MB", "index MB", "failures", "verify"]
    failures = [f"- {tree['version']}: {problem}\n" for tree in trees for problem in tree["problems"]]
    return _table(columns, rows, right_from=1) + ("\n" + "".join(failures) if failures else "")


def _summary(trees: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]]) -> str:
    usual = [answer for answer in answers if answer["kind"] != _PARAPHRASE]
    groups = [(tree["version"], [answer for answer in usual if answer["tree"] == tree["name"]]) for tree in trees]
    groups.append(("**ten of each tree**", usual))
    groups += [(title, [answer for answer in answers if answer["kind"] == kind]) for kind, title in _KINDS.items()]
    rows = [
        [
            title,
            str(len(group)),
            *(str(_within(group, "rank", depth)) for depth in (1, 3, 10)),
            str(_within(group, "file_rank", 10)),
        ]
        for title, group in groups
        if group
    ]
    columns = ["", "questions", "right at 1", "in 3", "in 10", "right file in 10"]
    return _table(columns, rows, right_from=1)


def _within(answers: Iterable[Mapping[str, Any]], column: str, depth: int) -> int:
    return sum(answer[column] is not None and answer[column] <= depth for answer in answers)


def _answers(answers: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [answer["ask"], _place(answer["rank"]), _place(answer["file_rank"]), f"`{answer['found']}`"]
        for answer in answers
    ]
    return _table(["question", "rank", "rank of the file", "first hit"], rows, right_from=4)


def _place(rank: int | None) -> str:
    return "miss" if rank is None else str(rank)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right_from: int) -> str:
    rule = ["---" if number < right_from else "---:" for number in range(len(columns))]
    return "".join("| " + " | ".join(cells) + " |\n" for cells in [columns, rule, *rows])
