# SPDX-License-Identifier: FSL-1.1-MIT
"""Checks that nothing of the public benchmark is in what the model is trained on. Ends with 1 where something is.

    python -m training.check_corpus --index repos.json                      the lists alone
    python -m training.check_corpus --index repos.json --corpus DIR --pairs FILE… --library DIR

``repos.json`` is the index of the benchmark, with all 63 repositories: only names and addresses are read of those that
are held out. Of the development set, which ``--library`` holds (``benchmarks/quality/prepare.py``), whole files are
compared by their digest, documents by runs of 16 words, and questions by their text.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from training import excluded
from training.fetch import LIST, read_list
from training.overlap import Runs


def index_problems(index: Path) -> Iterator[str]:
    """Yield the repositories of the benchmark that ``excluded`` does not know."""
    for entry in json.loads(index.read_text(encoding="utf-8")):
        address = "/".join(entry["url"].removesuffix(".git").rsplit("/", 2)[-2:]).lower()
        if address not in excluded.REPOSITORIES:
            yield f"{address} is not excluded"


def list_problems(path: Path) -> Iterator[str]:
    """Yield the packages of the list that must not be there."""
    for registry, name, _ in read_list(path):
        if why := excluded.reason(name):
            yield f"{registry} {name}: {why}"


def file_problems(corpus: Path, library: Path) -> Iterator[str]:
    """Yield the files that stand in a folder named as a copy, or that are the same as one of the development set."""
    known = {_digest(path) for path in (library / "whole").rglob("*") if path.is_file() and path.stat().st_size >= 200}
    for path in sorted((corpus / "files").rglob("*")):
        if not path.is_file():
            continue
        inside = path.relative_to(corpus / "files")
        if excluded.is_copy("/".join(inside.parts[2:])):
            yield f"{inside}: in a folder named as a copy"
        elif _digest(path) in known:
            yield f"{inside}: a file of the development set"


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def pair_problems(pairs: Sequence[Path], library: Path) -> Iterator[str]:
    """Yield the documents that share much text with the development set, and questions that the benchmark asks."""
    runs = Runs.of(library / "whole")
    asked = {
        _plain(entry["query"])
        for path in (library / "questions").glob("*.json")
        for entry in json.loads(path.read_text(encoding="utf-8"))
    }
    asked = {question for question in asked if len(question.split()) > 2}
    for path in pairs:
        for row in _rows(path):
            if runs.is_copy(row["text"]):
                yield f"{row['package']} {row['path']}: shares text with the development set"
            for text in (*row["docs"], *row["comments"]):
                if _plain(text) in asked:
                    yield f"{row['package']} {row['path']}: asks a question of the benchmark"


def _plain(text: str) -> str:
    return " ".join(text.lower().split()).strip(" .?!")


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        for line in handle:
            yield json.loads(line)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--list", type=Path, default=LIST)
    parser.add_argument("--corpus", type=Path)
    parser.add_argument("--pairs", type=Path, nargs="*", default=[])
    parser.add_argument("--library", type=Path)
    options = parser.parse_args(arguments)
    problems = [*index_problems(options.index), *list_problems(options.list)]
    checked = ["the index", "the list"]
    if options.library is not None and options.corpus is not None:
        problems += file_problems(options.corpus, options.library)
        checked.append("files")
    if options.library is not None and options.pairs:
        problems += pair_problems(options.pairs, options.library)
        checked.append("documents and questions")
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems in {', '.join(checked)}")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
