# SPDX-License-Identifier: FSL-1.1-MIT
"""Asks the public questions with other embedding models below the ranking that ships, and prints a table.

python benchmarks/quality/models.py default DISTILLED                      the whole development set
python benchmarks/quality/models.py default TEACHER --repo redux           one repository; for a model that is slow

The weights of the ranking are the same for all models: those that ship, which were learnt with the default one.
`fit.py` learns them anew for the model that is in place.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from git_trees import GitError
from prepare import OUT, Library, Prepared, prepare
from question_sets import SETS
from repositories import DEVELOPMENT, RepositoryHeldOut, RepositoryUnknown
from scores import Row, mean, rows_of
from systems import Conexus, pairs_of

from conexus.errors import ConexusError

_SETS: Final = ("source", "whole-nostem")
_KINDS: Final = ("architecture", "semantic", "symbol")


def asked(model: str, repositories: Sequence[Prepared], library: Library, sets: Sequence[str]) -> list[Row]:
    """Ask with one model.

    Args:
        model: As the setting ``index.model``.
        repositories: Whose questions.
        library: Where they are.
        sets: Which sets of questions.
    """
    rows = []
    for repository in repositories:
        scratch = Path(tempfile.mkdtemp(prefix="conexus-models-"))
        try:
            system = Conexus(scratch, model)
            for name in sets:
                for case in SETS[name](library, repository, scratch / "trees" / name / repository.name):
                    found = pairs_of(case, system.answers(case.tree, [question.text for question in case.questions]))
                    places = [answer for _, answer in found]
                    rows += rows_of((name, repository.name, repository.language), "conexus", case.questions, places)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        print(f"  {model}: {repository.name}", file=sys.stderr, flush=True)
    return [row for row in rows if row.system == "conexus"]


def line_of(model: str, rows: Sequence[Row], sets: Sequence[str]) -> list[str]:
    """Return NDCG@10 of each set, and of the kinds of questions of the first, as cells of a table."""
    first = [row for row in rows if row.set_name == sets[0]]
    chosen = [[row for row in rows if row.set_name == name] for name in sets]
    chosen += [[row for row in first if row.kind == kind] for kind in _KINDS]
    means = (mean(some, lambda row: row.ndcg) for some in chosen)
    return [model, *("" if value is None else f"{value:.4f}" for value in means)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="'default', or the folder of a model")
    parser.add_argument("--set", action="append", choices=list(SETS), help="only this set; repeatable")
    parser.add_argument("--repo", action="append", choices=DEVELOPMENT, metavar="NAME", help="only this; repeatable")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py filled")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories; no network")
    parser.add_argument("--keep", type=Path, metavar="FILE", help="lines that are done, to go on from")
    options = parser.parse_args()
    names, sets = options.repo or list(DEVELOPMENT), options.set or list(_SETS)
    done = json.loads(options.keep.read_text(encoding="utf-8")) if options.keep and options.keep.exists() else {}
    try:
        library = Library(options.out.resolve())
        if any(name not in library.repositories() for name in names):
            prepare(names, options.out, options.mirrors)
        there = library.repositories()
        for model in options.models:
            if model not in done:
                done[model] = line_of(model, asked(model, [there[name] for name in names], library, sets), sets)
            if options.keep:
                options.keep.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    except (RepositoryHeldOut, RepositoryUnknown, GitError, ConexusError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    head = ["model", *sets, *_KINDS]
    print("\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *done.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
