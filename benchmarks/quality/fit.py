"""Learns the weights of the ranking on the development repositories and writes conexus/search/weights.py.

python benchmarks/quality/fit.py                     measure by folds of whole repositories, and write the weights
python benchmarks/quality/fit.py --ablate            … and what each group of features brings
python benchmarks/quality/fit.py --also DIR…         … and what the documentation of other trees alone would teach
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np
from learning import RUNS, Example, Weights, folds, learn, order_of
from prepare import OUT, Library, Prepared, prepare
from question_sets import Case, documentation, source, whole
from repositories import DEVELOPMENT

from conexus import bootstrap, trials
from conexus.config import Config, StoreOptions
from conexus.evaluation.metrics import ndcg
from conexus.evaluation.questions import Place
from conexus.search.engine import SearchableView
from conexus.search.features import FEATURES, QuestionKind, kind_of, measure
from conexus.search.query import analyse
from conexus.search.weights import SAME_FILE
from conexus.types import LOCAL_USER, Checkout, RepoId, SearchRequest

_ROOT: Final = Path(__file__).resolve().parents[2]
_WEIGHTS: Final = _ROOT / "conexus" / "search" / "weights.py"
_REPORT: Final = _ROOT / "benchmarks" / "results" / "ranking.md"
_WHO: Final = LOCAL_USER
_ALSO: Final = 60  # questions of another tree
_DIGITS: Final = 4

_HEAD: Final = '''"""What each feature is worth, by the kind of question.

Written by ``benchmarks/quality/fit.py``; not by hand.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from conexus.search.features import FEATURES, QuestionKind, Row

SAME_FILE: Final = {same_file}
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


def _examples(case: Case, scratch: Path) -> Iterator[Example]:
    """Index a tree with the real service and measure the candidates of every question."""
    root = case.tree.resolve()
    config = Config(store=StoreOptions(path=str(scratch)))
    with closing(bootstrap.build(config, keep_open=True).service) as service:
        service.index(Checkout(root, RepoId(f"local/{root.name}"), root.name), _WHO)
        view = service.catalog.views()[0]
        if view.live is None:
            raise ValueError(f"{root} has no index")
        with closing(service.store.open(view.live.id, view.live.dim)) as shard:
            searchable = SearchableView(view, view.live, shard)
            for question in case.questions:
                query = analyse(question.text)
                found, floor = service.engine.candidates(query, SearchRequest(question.text), [searchable])
                if not found:
                    continue
                chunks = service.catalog.chunks_by_id(view.live.id, [item.head.id for item in found])
                spans = [chunks[item.head.id].chunk.span for item in found]
                places = [
                    Place(case.prefix + item.head.path, span.start_line, span.end_line, 1)
                    for item, span in zip(found, spans, strict=True)
                ]
                yield Example(
                    repository=case.repository,
                    kind=kind_of(query),
                    features=measure(query, found, floor),
                    files=np.unique([item.head.file for item in found], return_inverse=True)[1],
                    right=np.array([any(place.answers(target) for target in question.targets) for place in places]),
                    targets=len(question.targets),
                    has_lines=any(target.start_line is not None for target in question.targets),
                )


def _score(example: Example, weights: Weights) -> float:
    """NDCG@10 of one result a file; for an answer that has lines, of all results."""
    order = order_of(example, weights)
    if example.has_lines:
        ranks = [int(np.flatnonzero(example.right[order])[0]) + 1] if example.right.any() else []
    else:
        right = set(example.files[example.right].tolist())
        files = dict.fromkeys(example.files[order].tolist())
        ranks = [rank for rank, file in enumerate(files, start=1) if file in right]
    return ndcg(ranks, example.targets)


def _collected(name: str, repositories: Sequence[Prepared], library: Library, scratch: Path) -> list[Example]:
    made: list[Example] = []
    maker = {"source": source, "whole": whole, "docs": documentation}[name]
    for repository in repositories:
        print(f"  {name}: {repository.name}", flush=True)
        for case in maker(library, repository, scratch / "trees" / name / repository.name):
            made += _measured(case, scratch / "index")
    return made


def _measured(case: Case, scratch: Path) -> list[Example]:
    made = list(_examples(case, scratch))
    shutil.rmtree(scratch, ignore_errors=True)
    return made


def _by_folds(
    learnt_on: Sequence[Sequence[Example]], asked: Sequence[Sequence[Example]], without: str = "", runs: int = RUNS
) -> list[float]:
    """Mean NDCG@10 of each set: over repositories, of the mean, each asked with weights that never saw it."""
    values: list[defaultdict[str, list[float]]] = [defaultdict(list) for _ in asked]
    for held_out in folds(sorted({example.repository for examples in asked for example in examples})):
        seen = [example for part in learnt_on for example in part if example.repository not in held_out]
        weights = learn(seen, without=frozenset({without}), runs=runs)
        for found, examples in zip(values, asked, strict=True):
            for example in examples:
                if example.repository in held_out:
                    found[example.repository].append(_score(example, weights))
    return [float(np.mean([np.mean(scores) for scores in found.values()])) for found in values]


def _written(weights: Weights) -> str:
    lines = []
    for column, feature in enumerate(FEATURES):
        values = ", ".join(f"{round(float(weights[kind][column]), _DIGITS) + 0.0}" for kind in QuestionKind)
        lines.append(f'    "{feature.name}": ({values}),\n')
    return _HEAD.format(same_file=SAME_FILE) + "".join(lines) + _FOOT


def _other_trees(roots: Sequence[Path], scratch: Path) -> list[Example]:
    made: list[Example] = []
    for number, root in enumerate(roots):
        print(f"  also: {root.name}", flush=True)
        for stage in trials.documentation_set(root, _ALSO).stages:
            folder = scratch / f"also-{number}"
            folder.mkdir(parents=True)
            stage.write(folder)
            made += _measured(Case("also", f"also/{root.name}", "", folder, "", stage.questions), scratch / "index")
    return made


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py made, or will make")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories, owner+name")
    parser.add_argument("--ablate", action="store_true", help="measure without each group of features")
    parser.add_argument("--also", nargs="+", type=Path, default=[], metavar="DIR", help="other trees to learn from")
    return parser.parse_args()


def main() -> None:
    """Collect, measure by folds, learn on all, write."""
    options = _arguments()
    repositories = prepare(sorted(DEVELOPMENT), options.out, options.mirrors)
    library = Library(options.out)
    with tempfile.TemporaryDirectory() as made:
        scratch = Path(made)
        sets = {name: _collected(name, repositories, library, scratch) for name in ("source", "whole", "docs")}
        other = _other_trees(options.also, scratch)
    asked = list(sets.values())
    learnt_on = [sets["source"], sets["docs"]]
    _WEIGHTS.write_text(_written(learn([example for part in learnt_on for example in part])), encoding="utf-8")
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
            (f"without: {label}", _by_folds(learnt_on, asked, label, runs=1))
            for label in dict.fromkeys(feature.label for feature in FEATURES)
        ]
    table = "".join(f"| {name} | {' | '.join(f'{value:.4f}' for value in values)} |\n" for name, values in rows)
    _REPORT.write_text(_PAGE.format(table=table), encoding="utf-8")
    print(table)


_PAGE: Final = """# What the ranking's weights are learnt from, and what each feature brings

Written by `benchmarks/quality/fit.py`. NDCG@10, mean over the 25 development repositories; five folds of whole
repositories, so that no repository is asked with weights that saw it. `source` and `whole`: the public questions, one
result a file. `docs`: documentation taken out of the code, the answer is the lines of the definition. Weights are the
mean of three runs, in the rows *without* of one. Differences below 0.004 are chance: so much another order of the
questions moves them.

| | source | whole | docs |
|---|---|---|---|
{table}"""

if __name__ == "__main__":
    main()
