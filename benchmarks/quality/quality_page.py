# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the scores as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from latencies import Latency
from prepare import Prepared, published_mean
from scores import ONE_A_FILE, Row, Rows, Verdict, compare, mean, selected

_HEAD = """\
# Search quality

Written by `benchmarks/quality/run.py`; `benchmarks/README.md` says what is asked of what, and what these figures do not
tell. semble runs with the vectors of our model in the place of its own; what its authors published with theirs is
given beside it. Every figure is the mean over repositories of the mean over a repository's questions. NDCG, MRR and
recall are of the first ten results; *within 500* is the share of the right answers met by who reads the results in
order, up to 500 tokens (4 bytes each) of text. *One a file* drops the further results of a file and forgets which lines
answer, which by itself scores higher: compare like with like. Scores of single questions are in `quality.tsv`. *p50* is
the median time of a search, the index being open; ripgrep starts a process for each. The machine was not idle: compare
searches with each other, and see `speed.md` for budgets.
"""
_ABOUT = {
    "source": "semble's questions, asked of the folder of each repository that its benchmark indexes.",
    "whole": "The same questions, asked of the whole repository, with its tests, examples and documents.",
    "whole-nostem": (
        "The same, without the words that the name of an answering file has; questions left with fewer than two words "
        "are dropped, and with them every question that is one name."
    ),
    "typos": "The questions of `source`, each with a letter wrong in its longest word, as people type.",
    "docs": (
        "First sentences of documentation, which is taken out of the files before they are indexed; "
        "the answer is the definition's lines."
    ),
    "history": "Subjects of commits, asked of the tree before the commit; the answers are the files that it changed.",
}
_COLUMNS: Sequence[tuple[str, Callable[[Row], float]]] = (
    ("NDCG@10", lambda row: row.ndcg),
    ("MRR", lambda row: row.mrr),
    ("recall@10", lambda row: row.recall),
    ("within 500", lambda row: row.within_500),
    ("1k", lambda row: row.within_1k),
    ("2k", lambda row: row.within_2k),
    ("4k", lambda row: row.within_4k),
)
_TIME = "p50, ms"
_NDCG = _COLUMNS[0][1]
_PAIR = ("conexus", "semble")
_ORDER = ("conexus", "semble", "bm25-windows", "ripgrep")


def page(
    rows: Rows,
    repositories: Mapping[str, Prepared],
    published: Mapping[str, Mapping[str, float]],
    notes: Sequence[str],
    times: Sequence[Latency] = (),
) -> str:
    """Return the whole page.

    Args:
        rows: Every score.
        repositories: What was asked about, by name.
        published: NDCG@10 that others published, by system and repository.
        notes: Paragraphs on this run.
        times: How long searches took.
    """
    parts = [_HEAD, *(f"{note}\n" for note in [*notes, *_nearest(repositories.values())])]
    for set_name in sorted({row.set_name for row in rows}, key=_place_of_set):
        parts += _set(set_name, [row for row in rows if row.set_name == set_name], published, times)
    return "\n".join(parts)


def _place_of_set(name: str) -> tuple[int, str]:
    return (list(_ABOUT).index(name) if name in _ABOUT else len(_ABOUT), name)


def _nearest(repositories: Iterable[Prepared]) -> list[str]:
    names = sorted(repository.name for repository in repositories if repository.is_nearest)
    if not names:
        return []
    return [f"Nearest commit, since the pinned one was not to be had: {', '.join(names)}."]


def _set(name: str, rows: Rows, published: Mapping[str, Mapping[str, float]], times: Sequence[Latency]) -> list[str]:
    systems = sorted({row.system for row in rows}, key=_place_of_system)
    one = selected(rows, name, systems[0])
    names = sorted({row.repository for row in one})
    parts = [f"## {name}\n", f"{_ABOUT.get(name, '')} {len(one)} questions, {len(names)} repositories.\n".lstrip()]
    parts += [_table(["system", *(title for title, _ in _COLUMNS), _TIME], _main_rows(name, rows, systems, times))]
    if name == "source" and (others := _published(published, names)):
        parts += ["Published by semble's authors, averaged over the same repositories, not measured here:\n", others]
    parts += _against_semble(name, rows)
    if len({row.kind for row in rows}) > 1:
        parts += ["NDCG@10 by kind of question:\n", _by(name, rows, systems, lambda row: row.kind)]
    parts += ["NDCG@10 by language:\n", _by(name, rows, _shown(systems), lambda row: row.language)]
    parts += ["NDCG@10 by repository:\n", _by(name, rows, _shown(systems), lambda row: row.repository)]
    return parts


def _place_of_system(name: str) -> tuple[int, str]:
    base = name.removesuffix(ONE_A_FILE)
    return (_ORDER.index(base) if base in _ORDER else len(_ORDER), name)


def _shown(systems: Sequence[str]) -> list[str]:
    return [system for system in systems if system.removesuffix(ONE_A_FILE) in _PAIR]


def _title(system: str) -> str:
    return f"{system.removesuffix(ONE_A_FILE)}, one a file" if system.endswith(ONE_A_FILE) else system


def _main_rows(name: str, rows: Rows, systems: Sequence[str], times: Sequence[Latency]) -> list[list[str]]:
    taken = {entry.system: f"{entry.p50_ms:.1f}" for entry in times if entry.set_name == name}
    return [
        [
            _title(system),
            *(_figure(mean(selected(rows, name, system), value)) for _, value in _COLUMNS),
            taken.get(system, ""),
        ]
        for system in systems
    ]


def _published(published: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> str:
    rows = [[tool, _figure(published_mean(figures, names))] for tool, figures in sorted(published.items())]
    rows = [row for row in rows if row[1]]
    return _table(["system", "NDCG@10, published"], rows) if rows else ""


def _against_semble(name: str, rows: Rows) -> list[str]:
    found = []
    for counted in ("", ONE_A_FILE):
        ours, theirs = (selected(rows, name, system + counted) for system in _PAIR)
        comparison = compare(theirs, ours, _NDCG)
        if comparison is not None:
            way = "one result a file" if counted else "results as they come"
            gap = comparison.difference
            found.append(f"- {way}: {gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]")
    if not found:
        return []
    return ["NDCG@10 of Conexus less semble's, with the interval that holds it with 95 % confidence:\n", *found, ""]


def _by(name: str, rows: Rows, systems: Sequence[str], group: Callable[[Row], str]) -> str:
    keys = sorted({group(row) for row in rows})
    lines = []
    for key in keys:
        own = [row for row in rows if group(row) == key]
        count = len(selected(own, name, systems[0]))
        figures = [_figure(mean(selected(own, name, system), _NDCG)) for system in systems]
        lines.append([key, str(count), *figures])
    return _table(["", "questions", *map(_title, systems)], lines)


def comparison_lines(found: Sequence[Verdict]) -> list[str]:
    """Return a line for each set and system: NDCG@10 before, now, and the interval of the difference."""
    lines = []
    for verdict in found:
        gap = verdict.comparison.difference
        word = "  WORSE" if verdict.is_worse else "  better" if gap.low > 0 else ""
        unmatched = verdict.comparison.unmatched
        other = f"  ({unmatched} questions are not in both)" if unmatched else ""
        lines.append(
            f"{verdict.set_name:<13} {_title(verdict.system):<22} {verdict.before:.4f} -> {verdict.now:.4f}  "
            f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]{word}{other}"
        )
    return lines


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
