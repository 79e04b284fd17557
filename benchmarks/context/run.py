# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how many of the files that answer a question are within a budget of tokens.

python benchmarks/context/run.py                          written to benchmarks/results/context.md
python benchmarks/context/run.py --repo flask --results -  one repository, printed
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.append(str(_ROOT / "benchmarks" / "quality"))  # which has the questions

from prepare import OUT, Library, prepare  # noqa: E402 -- it is found only now
from question_sets import SETS, Case  # noqa: E402
from repositories import DEVELOPMENT  # noqa: E402

from conexus import bootstrap  # noqa: E402
from conexus.config import Config, StoreOptions  # noqa: E402
from conexus.lexical import QUESTION_WORDS, words  # noqa: E402
from conexus.service import LocalService  # noqa: E402
from conexus.tokens import count_tokens  # noqa: E402
from conexus.types import LOCAL_USER, Checkout, ContextRequest, RepoId, SearchRequest  # noqa: E402

BUDGETS: Final = (500, 1000, 2000, 4000)
GOALS: Final = {500: 0.75, 1000: 0.90, 2000: 0.95}
SET_NAMES: Final = ("source", "whole")
_RESULTS: Final = _ROOT / "benchmarks" / "results" / "context.md"
_HITS: Final = 40
_WINDOW_LINES: Final = 50
_MAX_FILE_BYTES: Final = 1_000_000
_BINARY_PROBE_BYTES: Final = 8_000

Files = frozenset[str]
Way = Callable[[str, int], Files]
"""Returns the files that a text for a question has within a budget."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The share of a question's files that one way had within each budget."""

    set_name: str
    repository: str
    way: str
    recall: Mapping[int, float]


# ---------------------------------------------------------------------------- ways


def packed(service: LocalService, *, code_only: bool) -> Way:
    """``conexus context``: files of which there is code, or also those that it names in a line."""

    def files(question: str, budget: int) -> Files:
        request = ContextRequest(SearchRequest(question, limit=30), max_tokens=budget)
        answer = service.context(request, LOCAL_USER)
        if count_tokens(answer.text) > budget:
            raise AssertionError(f"{question!r}: the cap of {budget} tokens is passed")
        return frozenset(block.path for block in answer.blocks if not (code_only and block.outline))

    return files


def plain(service: LocalService) -> Way:
    """The results of a search one after the other, each under its place, up to the first that does not fit."""

    def files(question: str, budget: int) -> Files:
        found = []
        for hit in service.search(SearchRequest(question, limit=_HITS), LOCAL_USER).hits:
            budget -= count_tokens(f"{hit.chunk.location}\n{hit.chunk.text}\n")
            if budget < 0:
                break
            found.append(hit.chunk.path)
        return frozenset(found)

    return files


def grepped(tree: Path) -> Way:
    """Grep and read: of the files with most different words of the question, the fifty lines with most of them."""
    texts = dict(_texts(tree))

    def files(question: str, budget: int) -> Files:
        asked = {word.lower() for word in words(question)}
        asked = (asked - QUESTION_WORDS) or asked
        counts = {path: sum(word in text for word in asked) for path, (text, _) in texts.items()}
        found = []
        for path in sorted((path for path, count in counts.items() if count), key=lambda path: (-counts[path], path)):
            budget -= count_tokens(f"{path}\n{_window(texts[path][1], asked)}\n")
            if budget < 0:
                break
            found.append(path)
        return frozenset(found)

    return files


def _texts(tree: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the text files of a tree, in lower case and as they are."""
    for path in sorted(path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()):
        data = path.read_bytes()
        if len(data) <= _MAX_FILE_BYTES and b"\0" not in data[:_BINARY_PROBE_BYTES]:
            text = data.decode("utf-8", "replace")
            yield path.relative_to(tree).as_posix(), (text.lower(), text)


def _window(text: str, asked: set[str]) -> str:
    lines = text.splitlines()
    starts = range(0, max(1, len(lines)), _WINDOW_LINES // 2)
    windows = ["\n".join(lines[start : start + _WINDOW_LINES]) for start in starts]
    return max(windows, key=lambda window: sum(word in window.lower() for word in asked))


# ---------------------------------------------------------------------- measuring


def measure(case: Case, scratch: Path) -> list[Asked]:
    """Index a tree and ask every question of it in every way."""
    root = case.tree.resolve()
    config = Config(store=StoreOptions(path=str(scratch / "index")))
    service = bootstrap.build(config, keep_open=True).service
    try:
        service.index(Checkout(root, RepoId(f"local/{case.repository}"), case.repository), LOCAL_USER)
        ways: dict[str, Way] = {
            "conexus context": packed(service, code_only=False),
            "conexus context, code": packed(service, code_only=True),
            "plain results": plain(service),
            "grep, then read": grepped(root),
        }
        asked = []
        for question in case.questions:
            wanted = {target.path for target in question.targets}
            for name, way in ways.items():
                recall = {}
                for budget in BUDGETS:
                    found = {case.prefix + path for path in way(question.text, budget)}
                    recall[budget] = len(wanted & found) / len(wanted)
                asked.append(Asked(case.set_name, case.repository, name, recall))
        return asked
    finally:
        service.close()


def _mean(asked: Sequence[Asked], budget: int) -> float:
    """Return the mean over repositories of the mean over their questions."""
    groups: defaultdict[str, list[float]] = defaultdict(list)
    for one in asked:
        groups[one.repository].append(one.recall[budget])
    return statistics.fmean(map(statistics.fmean, groups.values()))


def page(asked: Sequence[Asked]) -> str:
    """Write the tables."""
    lines = [
        "# Context within a budget",
        "",
        "Written by `benchmarks/context/run.py`. The share of the files that answer a question which are in the text",
        "that is given to a model, the mean over repositories of the mean over their questions. Tokens are those of",
        "`cl100k_base`, headings and all; nothing passes its budget.",
        "",
        "- **conexus context**: files of which the text has code, or a line that says where to look.",
        "- **conexus context, code**: only those of which it has code.",
        "- **plain results**: what `conexus search` finds, one after the other, up to the first that does not fit.",
        "- **grep, then read**: of the files with most different words of the question, the fifty lines with most.",
        "",
    ]
    for set_name in dict.fromkeys(one.set_name for one in asked):
        own = [one for one in asked if one.set_name == set_name]
        ways = list(dict.fromkeys(one.way for one in own))
        repositories = {one.repository for one in own}
        goals = [f"≥ {GOALS[budget]:.2f}" if budget in GOALS else "" for budget in BUDGETS]
        lines += [
            f"## {'Folders that semble indexes' if set_name == 'source' else 'Whole repositories'}",
            "",
            f"{len(own) // len(ways)} questions about {len(repositories)} repositories.",
            "",
            "| within | " + " | ".join(f"{budget:,} tokens" for budget in BUDGETS) + " |",
            "|---" * (len(BUDGETS) + 1) + "|",
            "| goal | " + " | ".join(goals) + " |",
        ]
        for way in ways:
            rows = [one for one in own if one.way == way]
            lines.append(f"| {way} | " + " | ".join(f"{_mean(rows, budget):.3f}" for budget in BUDGETS) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", action="append", choices=SET_NAMES, help="only this set; repeatable")
    parser.add_argument("--repo", action="append", choices=list(DEVELOPMENT), help="only this repository; repeatable")
    parser.add_argument("--results", default=str(_RESULTS), metavar="FILE", help="file to write, - for none")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what quality/prepare.py filled")
    parser.add_argument("--mirrors", type=Path, metavar="DIR", help="local copies of the repositories; no network")
    options = parser.parse_args()
    names = options.repo or list(DEVELOPMENT)
    library = Library(options.out.resolve())
    if any(name not in library.repositories() for name in names):
        prepare(names, options.out, options.mirrors)
    asked: list[Asked] = []
    for name in names:
        repository = library.repositories()[name]
        for set_name in options.set or SET_NAMES:
            scratch = Path(tempfile.mkdtemp(prefix="conexus-context-"))
            try:
                for case in SETS[set_name](library, repository, scratch):
                    asked += measure(case, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            print(f"  {name}, {set_name}", file=sys.stderr)
    text = page(asked)
    if options.results == "-":
        print(text)
    else:
        Path(options.results).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
