# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures what could be added to the ranking, by folds, and writes benchmarks/results/tried.md.

python benchmarks/quality/tried.py    beside fit.py, whose indexes it uses; ten minutes on two cores

Everything here is computed from texts and tables that a search would have to read for each of its candidates. What
brings more than it costs belongs into conexus/search/features.py.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from fit import score_of
from learning import Example, folds, learn
from measured import Asked, Measured, example_of
from prepare import OUT, Library, prepare
from question_sets import source
from repositories import DEVELOPMENT

from conexus.adapters.sqlite_codebase import SqliteCodebase
from conexus.chunk_ids import chunk_key
from conexus.lexical import count_words, split_identifier, stem
from conexus.search.features import FEATURES, Feature

_REPORT: Final = Path(__file__).resolve().parents[1] / "results" / "tried.md"
_RUNS: Final = 2
_K1: Final = 1.2
_B: Final = 0.5
_BEST: Final = 5  # hits that a question is expanded from
_EXPANDED: Final = 20  # words
_FIELDS: Final = ("name", "scope", "signature", "documentation", "body", "path", "imports")
_KINDS: Final = ("architecture", "semantic", "symbol")

Columns = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Idea:
    """Columns that could be added."""

    title: str
    features: tuple[Feature, ...]
    columns: Callable[[Asked, Mapping[str, float]], Columns]


@lru_cache(maxsize=100_000)
def _counts(text: str) -> Mapping[str, int]:
    """How often each stem stands in a text."""
    found: Counter[str] = Counter()
    for word, count in count_words(text).items():
        for part in split_identifier(word):
            found[stem(part)] += count
    return found


def _idf(asked: Asked) -> dict[str, float]:
    """Inverse document frequency of every stem of the tree; exact, as a search could not have it for nothing."""
    frequencies: Counter[str] = Counter()
    texts = asked.service.catalog.rows("SELECT text FROM texts", ())
    for (text,) in texts:
        frequencies.update(_counts(str(text)).keys())
    total = len(texts)
    return {word: math.log1p((total - count + 0.5) / (count + 0.5)) for word, count in frequencies.items()}


def _fields(asked: Asked) -> list[list[str]]:
    """Return the texts of each field, candidate by candidate."""
    rows = asked.service.catalog.rows
    marks = ", ".join("?" * len(asked.found))
    ids = [chunk_key(item.head.id) for item in asked.found]
    documented: defaultdict[bytes, list[str]] = defaultdict(list)
    for chunk, doc in rows(f"SELECT chunk, doc FROM symbols WHERE chunk IN ({marks})", ids):  # noqa: S608 -- question marks only
        documented[bytes(chunk)].append(str(doc))  # type: ignore[call-overload]
    imported: defaultdict[object, list[str]] = defaultdict(list)
    for file, target in rows("SELECT file, target FROM imports", ()):
        imported[file].append(str(target))
    heads = [item.head for item in asked.found]
    return [
        [head.symbol.rpartition(".")[2] for head in heads],
        [head.symbol.rpartition(".")[0] for head in heads],
        [chunk.signature for chunk in asked.chunks],
        [" ".join(documented[key]) for key in ids],
        [chunk.text for chunk in asked.chunks],
        [head.path for head in heads],
        [" ".join(imported[head.file]) for head in heads],
    ]


def _bm25_by_field(asked: Asked, idf: Mapping[str, float]) -> Columns:
    """BM25 of each field by itself, relative to the best candidate's."""
    columns = []
    for texts in _fields(asked):
        counted = [_counts(text) for text in texts]
        lengths = np.array([sum(counts.values()) for counts in counted], dtype=np.float64)
        norms = _K1 * (1 - _B + _B * lengths / max(1.0, float(lengths.mean())))
        scores = np.array(
            [
                sum(
                    idf.get(word, 0.0) * counts[word] / (counts[word] + norm)
                    for word in asked.query.stems
                    if word in counts
                )
                for counts, norm in zip(counted, norms, strict=True)
            ]
        )
        columns.append(scores / (scores.max() or 1.0))
    return np.column_stack(columns)


def _covered(asked: Asked, idf: Mapping[str, float]) -> Columns:
    """Share of the question's weight that a chunk has, and that the chunks found of its file have together."""
    rare = max(idf.values(), default=1.0)
    weights = {word: idf.get(word, rare) for word in asked.query.stems}
    total = sum(weights.values()) or 1.0
    own = [weights.keys() & (_counts(chunk.text).keys() | _counts(chunk.path).keys()) for chunk in asked.chunks]
    whole: defaultdict[object, set[str]] = defaultdict(set)
    for item, words in zip(asked.found, own, strict=True):
        whole[item.head.file] |= words
    return np.array(
        [
            [sum(map(weights.__getitem__, words)) / total, sum(map(weights.__getitem__, whole[item.head.file])) / total]
            for item, words in zip(asked.found, own, strict=True)
        ]
    )


def _first_pass(asked: Asked) -> npt.NDArray[np.intp]:
    """Order candidates by BM25 and meaning alone."""
    bm25 = np.array([item.bm25 for item in asked.found])
    dense = np.array([item.dense for item in asked.found])
    return np.argsort(-(bm25 / (bm25.max() or 1.0) + dense / (dense.max() or 1.0)), kind="stable")


def _words_of_the_best(asked: Asked, idf: Mapping[str, float]) -> Columns:
    """Pseudo-relevance feedback: how much a candidate has of the words that mark the best hits (Rocchio, 1971)."""
    best = _first_pass(asked)[:_BEST]
    marking: Counter[str] = Counter()
    for place in best:
        for word, count in _counts(asked.chunks[place].text).items():
            marking[word] += math.log1p(count) * idf.get(word, 0.0)
    for word in asked.query.stems:
        marking.pop(word, None)
    chosen = dict(marking.most_common(_EXPANDED))
    total = sum(chosen.values()) or 1.0
    return np.array([[sum(chosen[w] for w in chosen.keys() & _counts(c.text).keys()) / total] for c in asked.chunks])


def _neighbours_of_the_best(asked: Asked, _: Mapping[str, float]) -> Columns:
    """How many names tie a candidate's file to those of the best hits: defined there and used here, or the reverse."""
    codebase = SqliteCodebase(asked.service.catalog.rows)
    best = list(dict.fromkeys(asked.found[place].head.file for place in _first_pass(asked)))[:_BEST]
    ties: Counter[object] = Counter()
    for file in best:
        for tie in codebase.neighbours(asked.index, file):
            ties[tie.file] += 1
    column = np.array([math.log1p(ties[item.head.file]) for item in asked.found])
    return (column / (column.max() or 1.0))[:, None]


def _twins(asked: Asked, _: Mapping[str, float]) -> Columns:
    """The best BM25 among the candidates with the same file name and another ending: header and source."""
    best: defaultdict[str, float] = defaultdict(float)
    for item in asked.found:
        best[item.head.path] = max(best[item.head.path], item.bm25)
    stems: defaultdict[str, list[str]] = defaultdict(list)
    for path in best:
        stems[path.rpartition("/")[2].split(".", 1)[0]].append(path)
    top = max(best.values(), default=0.0) or 1.0
    column = [
        max((best[p] for p in stems[i.head.path.rpartition("/")[2].split(".", 1)[0]] if p != i.head.path), default=0.0)
        for i in asked.found
    ]
    return np.array(column)[:, None] / top


def _named(title: str, *names: str) -> tuple[Feature, ...]:
    return tuple(Feature(name, title, 1) for name in names)


_IDEAS: Final = (
    Idea("BM25 by field", _named("BM25 by field", *(f"bm25_{field}" for field in _FIELDS)), _bm25_by_field),
    Idea("weight of the question covered", _named("covered", "covered_chunk", "covered_file"), _covered),
    Idea("words of the best hits", _named("feedback", "feedback_words"), _words_of_the_best),
    Idea("neighbours of the best files", _named("neighbours", "feedback_graph"), _neighbours_of_the_best),
    Idea("file of the same name", _named("twin", "twin_bm25"), _twins),
)


def _by_folds(examples: Sequence[Example], features: Sequence[Feature]) -> list[float]:
    """NDCG@10 over repositories, then of each kind of question; no repository is asked with weights that saw it."""
    by_repository: defaultdict[str, list[float]] = defaultdict(list)
    by_kind: defaultdict[str, list[float]] = defaultdict(list)
    for held_out in folds(sorted({one.repository for one in examples})):
        seen = [one for one in examples if one.repository not in held_out]
        weights = learn(seen, runs=_RUNS, features=features)
        for one in examples:
            if one.repository in held_out:
                value = score_of(one, weights)
                by_repository[one.repository].append(value)
                by_kind[one.asked].append(value)
    mean = float(np.mean([np.mean(values) for values in by_repository.values()]))
    return [mean, *(float(np.mean(by_kind[kind])) if by_kind[kind] else 0.0 for kind in _KINDS)]


def main() -> None:
    """Measure every idea and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py made, or will make")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories, owner+name")
    options = parser.parse_args()
    repositories = prepare(sorted(DEVELOPMENT), options.out, options.mirrors)
    kept = Measured.below(Library(options.out))
    plain: list[Example] = []
    added: list[list[Columns]] = [[] for _ in _IDEAS]
    for repository in repositories:
        print(f"  {repository.name}", flush=True)
        idf: dict[str, float] = {}
        for case, asked in kept.asked("source", source, repository):
            idf = idf or _idf(asked)
            plain.append(example_of(case, asked))
            for columns, idea in zip(added, _IDEAS, strict=True):
                columns.append(idea.columns(asked, idf))
    rows = [("as it is", _by_folds(plain, FEATURES))]
    for columns, idea in zip(added, _IDEAS, strict=True):
        wider = [
            replace(one, features=np.hstack((one.features, more))) for one, more in zip(plain, columns, strict=True)
        ]
        rows.append((f"with: {idea.title}", _by_folds(wider, (*FEATURES, *idea.features))))
    table = "".join(f"| {name} | {' | '.join(f'{value:.4f}' for value in values)} |\n" for name, values in rows)
    _REPORT.write_text(_PAGE.format(table=table), encoding="utf-8")
    print(table)


_PAGE: Final = """# What was tried for the ranking and brings nothing

Written by `benchmarks/quality/tried.py`, where each idea is described. NDCG@10 of the public questions on source
folders, one result a file, by folds of whole repositories; learnt from these questions alone, in one run. Differences
below 0.004 are chance. What is in this table is not in the ranking.

| | source | architecture | semantic | symbol |
|---|---|---|---|---|
{table}"""

if __name__ == "__main__":
    main()
