# SPDX-License-Identifier: FSL-1.1-MIT
"""Learns the weights of the ranking on the development repositories and writes conexus/search/weights.py.

python benchmarks/quality/fit.py                     measure by folds of whole repositories, and write the weights
                                                     and benchmarks/results/ranking.md
python benchmarks/quality/fit.py --ablate            … and what each group of features brings
python benchmarks/quality/fit.py --also DIR…         … and what the documentation of other trees alone would teach
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from git_trees import GitError
from learning import GIVEN, RUNS, Example, Weights, folds, learn, order_of
from measured import Maker, Measured, candidates, example_of
from prepare import OUT, Library, prepare
from question_sets import Case, documentation, source, whole, whole_without_names
from repositories import DEVELOPMENT

from conexus import trials
from conexus.evaluation.metrics import ndcg
from conexus.search.features import FEATURES, QuestionKind

_ROOT: Final = Path(__file__).resolve().parents[2]
_WEIGHTS: Final = _ROOT / "conexus" / "search" / "weights.py"
_REPORT: Final = _ROOT / "benchmarks" / "results" / "ranking.md"
_ALSO: Final = 60  # questions of another tree
_DIGITS: Final = 4
_SETS: Final[dict[str, Maker]] = {
    "source": source,
    "whole": whole,
    "whole-nostem": whole_without_names,
    "docs": documentation,
}
_COLUMNS: Final = {feature.name: column for column, feature in enumerate(FEATURES)}
_SAME_FILE: Final = (4.0, 5.0, 2.5)
"""For a name, an explanation, all else. Set by hand: what is learnt here has one result a file. An explanation is found
in several files, a name in one place of each; what other questions ask for may well be the third function of a file."""
_KINDS_SHOWN: Final = ("architecture", "semantic", "symbol")

_HEAD: Final = '''# SPDX-License-Identifier: FSL-1.1-MIT
"""What each feature is worth, by the kind of question.

Written by ``benchmarks/quality/fit.py``; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from conexus.search.features import FEATURES, QuestionKind, Row

SAME_FILE: Final[dict[QuestionKind, float]] = dict(zip(QuestionKind, {same_file}, strict=True))
"""What a chunk loses for each better one of its file, in a file of one subject."""

_BY_NAME: Final[dict[str, tuple[float, float, float]]] = {{
'''
_FOOT: Final = '''}
"""For a name, for an explanation, for all else."""


def _of_kind(column: int) -> Row:
    return np.array([_BY_NAME[feature.name][column] for feature in FEATURES])


WEIGHTS: Final[dict[QuestionKind, Row]] = {kind: _of_kind(column) for column, kind in enumerate(QuestionKind)}

__all__ = ["SAME_FILE", "WEIGHTS"]
'''


def score_of(example: Example, weights: Weights) -> float:
    """NDCG@10 of one result a file; for an answer that has lines, of all results."""
    order = order_of(example, weights)
    if example.has_lines:
        ranks = [int(np.flatnonzero(example.right[order])[0]) + 1] if example.right.any() else []
    else:
        right = set(example.files[example.right].tolist())
        files = dict.fromkeys(example.files[order].tolist())
        ranks = [rank for rank, file in enumerate(files, start=1) if file in right]
    return ndcg(ranks, example.targets)


def _by_folds(
    learnt_on: Sequence[Sequence[Example]], asked: Sequence[Sequence[Example]], without: str = "", runs: int = RUNS
) -> list[float]:
    """Mean NDCG@10 of each set: over repositories, of the mean, each asked with weights that never saw it.

    After the sets come the kinds of question of the first, over questions.
    """
    values: list[defaultdict[str, list[float]]] = [defaultdict(list) for _ in asked]
    kinds: defaultdict[str, list[float]] = defaultdict(list)
    for held_out in folds(sorted({example.repository for examples in asked for example in examples})):
        seen = [example for part in learnt_on for example in part if example.repository not in held_out]
        weights = learn(seen, without=frozenset({without}), runs=runs)
        for found, examples in zip(values, asked, strict=True):
            for example in examples:
                if example.repository in held_out:
                    value = score_of(example, weights)
                    found[example.repository].append(value)
                    if examples is asked[0]:
                        kinds[example.asked].append(value)
    means = [float(np.mean([np.mean(scores) for scores in found.values()])) for found in values]
    return [*means, *(float(np.mean(kinds[kind])) if kinds[kind] else 0.0 for kind in _KINDS_SHOWN)]


def _written(weights: Weights) -> str:
    lines = []
    for column, feature in enumerate(FEATURES):
        values = ", ".join(f"{round(float(weights[kind][column]), _DIGITS) + 0.0}" for kind in QuestionKind)
        lines.append(f'    "{feature.name}": ({values}),\n')
    return _HEAD.format(same_file=_SAME_FILE) + "".join(lines) + _FOOT


def _as_json(weights: Weights) -> dict[str, object]:
    """As ``conexus eval --weights`` reads them."""
    by_name: dict[str, object] = {"same_file": list(_SAME_FILE)}
    for column, feature in enumerate(FEATURES):
        by_name[feature.name] = [round(float(weights[kind][column]), _DIGITS) + 0.0 for kind in QuestionKind]
    return by_name


def _other_trees(roots: Sequence[Path], scratch: Path) -> list[Example]:
    made: list[Example] = []
    for number, root in enumerate(roots):
        print(f"  also: {root.name}", flush=True)
        for stage in trials.documentation_set(root, _ALSO).stages:
            folder = scratch / f"also-{number}"
            folder.mkdir(parents=True)
            stage.write(folder)
            case = Case("also", f"also/{root.name}", "", folder, "", stage.questions)
            made += [example_of(case, asked) for asked in candidates(case, scratch / f"index-{number}")]
    return made


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py made, or will make")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories, owner+name")
    parser.add_argument("--ablate", action="store_true", help="measure without each group of features")
    parser.add_argument("--also", nargs="+", type=Path, default=[], metavar="DIR", help="other trees to learn from")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the weights for conexus eval --weights, too")
    return parser.parse_args()


def main() -> None:
    """Collect, measure by folds, learn on all, write."""
    options = _arguments()
    try:
        repositories = prepare(sorted(DEVELOPMENT), options.out, options.mirrors)
    except GitError as exc:
        sys.exit(f"error: {exc}")
    library = Library(options.out)
    kept = Measured.below(library)
    sets: dict[str, list[Example]] = {}
    for name, maker in _SETS.items():
        sets[name] = []
        for repository in repositories:
            print(f"  {name}: {repository.name}", flush=True)
            sets[name] += kept.examples(name, maker, repository)
    with tempfile.TemporaryDirectory() as made:
        other = _other_trees(options.also, Path(made))
    asked = list(sets.values())
    learnt_on = [sets["source"], sets["docs"]]
    weights = learn([example for part in learnt_on for example in part])
    _WEIGHTS.write_text(_written(weights), encoding="utf-8")
    rows = [
        ("as shipped", _by_folds(learnt_on, asked)),
        ("learnt on the public questions alone", _by_folds([sets["source"]], asked)),
        ("learnt on documentation alone", _by_folds([sets["docs"]], asked)),
    ]
    if other:
        name = f"learnt on the documentation of {len(options.also)} other trees alone"
        rows.append((name, _by_folds([other], asked)))
    if options.ablate:
        rows += [
            (f"without the given: {name}", _by_folds(learnt_on, asked, name, runs=1))
            for name in GIVEN
            if any(example.features[:, _COLUMNS[name]].any() for examples in asked for example in examples)
        ]
        rows += [
            (f"without: {label}", _by_folds(learnt_on, asked, label, runs=1))
            for label in dict.fromkeys(feature.label for feature in FEATURES if feature.name not in GIVEN)
        ]
    if options.json:
        options.json.write_text(json.dumps(_as_json(weights), indent=1) + "\n", encoding="utf-8")
    table = "".join(f"| {name} | {' | '.join(f'{value:.4f}' for value in values)} |\n" for name, values in rows)
    _REPORT.write_text(_PAGE.format(table=table), encoding="utf-8")
    print(table)


_PAGE: Final = """# What the ranking's weights are learnt from, and what each feature brings

Written by `benchmarks/quality/fit.py`. NDCG@10, mean over the 25 development repositories; five folds of whole
repositories, so that no repository is asked with weights that saw it. `source` and `whole`: the public questions, one
result a file. `docs`: documentation taken out of the code, the answer is the lines of the definition. Weights are the
mean of three runs, in the rows *without* of one. Differences below 0.004 are chance: so much another order of the
questions moves them. The last three columns are kinds of question of `source`, over questions. *given*: weights that
`learning.py` sets by hand, since no fold could learn them from another; the row says what the ranking is without them.

| | source | whole | whole-nostem | docs | architecture | semantic | symbol |
|---|---|---|---|---|---|---|---|
{table}"""

if __name__ == "__main__":
    main()
