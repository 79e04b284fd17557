# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares what imports mean, as Conexus resolves them through its index, with independent judgements.

    python benchmarks/graph/imports.py --folder FOLDER [--mirrors DIR]                    compare, and write the page
    python benchmarks/graph/imports.py --folder FOLDER --draw --go GO --typescript DIR    draw and judge anew

Repositories are taken at pinned commits, from local copies named ``owner+name`` or from the network with git. Of each
language a seeded sample is drawn, weighted towards what is hard: aliases, workspaces, wildcards, relative imports. The
judgements are kept in ``import_verdicts``, so that the comparison needs none of the tools that judged.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import import_judges
from import_judges import FILE, FOLDER, NOTHING, OUTSIDE, PACKAGE, Judged, Tools

_ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(_ROOT / "benchmarks" / "quality"))

import git_trees  # noqa: E402 -- from the folder above

from conexus.adapters.sqlite_catalog import SqliteCatalog  # noqa: E402
from conexus.adapters.sqlite_codebase import SqliteCodebase  # noqa: E402
from conexus.data_folder import CATALOG_FILE  # noqa: E402
from conexus.search.dependency_facts import CatalogFacts  # noqa: E402
from conexus.search.reading import CodeReader  # noqa: E402

RESULTS: Final = _ROOT / "benchmarks" / "results" / "graph-imports.md"
VERDICTS: Final = Path(__file__).parent / "import_verdicts"
SETTINGS: Final = VERDICTS / "repositories.json"
_SAMPLE: Final = 300
_SEED: Final = 20261128
_SAME: Final = 3
"""How often the same text is drawn from one repository at most."""
_WEIGHTS: Final = {"standard": 0.15, "package": 1.0, "inside": 3.0, "module": 1.0, "relative": 2.0, "quoted": 2.0}
_WEIGHT_OF_OTHERS: Final = 4.0
_INDEX_S: Final = 900
_COLUMNS: Final = ("sample", "repository", "path", "line", "import", "kind", "answer", "by", "reason")


@dataclass(frozen=True)
class Verdict:
    """What an import means, and who says so."""

    sample: str
    repository: str
    judged: Judged
    by: str
    reason: str


@dataclass(frozen=True)
class Answer:
    """What Conexus says of an import."""

    files: tuple[str, ...] = ()
    package: str = ""

    def __str__(self) -> str:
        return " ".join(self.files) or (PACKAGE + self.package if self.package else OUTSIDE)


class Index:
    """What Conexus's index of one repository says of imports.

    Args:
        data: The data folder.
    """

    def __init__(self, data: Path) -> None:
        catalog = SqliteCatalog(str(data / CATALOG_FILE))
        codebase = SqliteCodebase(catalog.rows, catalog.scope)
        facts = CatalogFacts(catalog, codebase, CodeReader(catalog, codebase))
        view = next(iter(catalog.views()))
        index = view.live
        if index is None:
            raise SystemExit(f"{view.root} is not indexed")
        listed = {file.id: file for file, _ in facts.files(index.id)}
        self.paths = frozenset(file.path for file, _ in codebase.graph_files(index.id))
        package_of = facts.packages_of({one.key for _, one in facts.packages_required(index.id)})
        meant: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for source, target, file in facts.importing(view, index):
            meant[listed[source].path, target].add(listed[file].path)
        self._answers: dict[tuple[str, str], Answer] = {}
        self._on_line: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
        for source, one in facts.imports(index.id):
            path, language = listed[source].path, listed[source].language or ""
            files = meant[path, one.target]
            package = None if files else package_of(language, one.target)
            self._answers[path, one.target] = Answer(tuple(sorted(files)), package.name if package else "")
            self._on_line[path, one.line].append(one.target)

    def answer(self, judged: Judged) -> Answer | None:
        """Return what is said of an import; ``None`` where it was not seen."""
        text = judged.text.strip('<>"')
        for written in (text, f"self::{text}") if judged.kind == "module" else (text, text.removesuffix(".*")):
            if (judged.path, written) in self._answers:
                return self._answers[judged.path, written]
        # Of an import of several names, what they have in common may be all that is kept.
        around = [
            target
            for line in range(judged.line, max(0, judged.line - 30), -1)
            for target in self._on_line.get((judged.path, line), ())
            if text.startswith(f"{target}::")
        ]
        return self._answers[judged.path, max(around, key=len)] if around else None


def is_right(judged: Judged, answer: Answer | None) -> bool:
    """Whether an answer is what was judged."""
    files, package = (answer.files, answer.package) if answer is not None else ((), "")
    meant = judged.answer
    if meant.startswith(FILE):
        return len(files) == 1 and files[0] in meant.removeprefix(FILE).split("|")
    if meant.startswith(FOLDER):
        folders = {"" if one == "." else one for one in meant.removeprefix(FOLDER).split("|")}
        return bool(files) and {file.rpartition("/")[0] for file in files} <= folders
    if meant.startswith(PACKAGE):
        return not files and package in meant.removeprefix(PACKAGE).split("|")
    if meant == NOTHING:
        return not files
    return meant == OUTSIDE and not files and not package


def read_verdicts(language: str) -> list[Verdict]:
    """Return the judgements of a language."""
    path = VERDICTS / f"{language.lower()}.tsv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Verdict(
            row["sample"],
            row["repository"],
            Judged(row["path"], int(row["line"]), row["import"], row["kind"], row["answer"]),
            row["by"],
            row["reason"],
        )
        for row in rows
    ]


def write_verdicts(language: str, verdicts: Iterable[Verdict]) -> None:
    """Keep the judgements of a language."""
    lines = ["\t".join(_COLUMNS)]
    for one in verdicts:
        judged = one.judged
        cells = (one.sample, one.repository, judged.path, str(judged.line), judged.text, judged.kind, judged.answer)
        lines.append("\t".join((*cells, one.by, one.reason)))
    VERDICTS.mkdir(exist_ok=True)
    (VERDICTS / f"{language.lower()}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def drawn(found: Iterable[Judged], count: int, chance: random.Random) -> list[Judged]:
    """Return a weighted sample without repetition, in the order of the files."""
    unique = {(one.path, one.text): one for one in found}
    keyed = [
        (chance.random() ** (1 / _WEIGHTS.get(one.kind, _WEIGHT_OF_OTHERS)), one)
        for _, one in sorted(unique.items(), key=lambda item: item[0])
    ]
    seen: Counter[str] = Counter()
    chosen: list[Judged] = []
    for _, one in sorted(keyed, key=lambda entry: -entry[0]):
        if seen[one.text] < _SAME and len(chosen) < count:
            seen[one.text] += 1
            chosen.append(one)
    return sorted(chosen, key=lambda one: (one.path, one.line, one.text))


class Repositories:
    """The repositories of the benchmark.

    Args:
        folder: Where trees and indexes are kept.
        mirrors: Local copies; ``None`` for the network.
    """

    def __init__(self, folder: Path, mirrors: Path | None) -> None:
        self._folder, self._mirrors = folder, mirrors
        self._indexes: dict[str, Index] = {}
        self.settings = json.loads(SETTINGS.read_text(encoding="utf-8"))

    def of(self, language: str) -> Iterator[tuple[str, str]]:
        """Yield sample and name of the repositories of a language."""
        for sample, names in self.settings["languages"][language].items():
            for name in names:
                yield sample, name

    def tree(self, name: str) -> Path:
        """Return a repository's files at its pinned commit."""
        tree = self._folder / "trees" / name.replace("/", "+")
        if not tree.exists():
            commit = self.settings["commits"][name]
            if self._mirrors is not None:
                git = git_trees.locate(self._mirrors, name)
            else:
                git = git_trees.clone(f"https://github.com/{name}.git", self._folder / "git" / name.replace("/", "+"))
                if git_trees.commit_of(git, commit) is None:
                    git_trees.fetch(git, commit)
            tree.parent.mkdir(parents=True, exist_ok=True)
            git_trees.write_tree(git, commit, tree)
        return tree

    def index(self, name: str) -> Index:
        """Return what the index says, after indexing what is not."""
        if name not in self._indexes:
            self._indexes[name] = self._index(name)
        return self._indexes[name]

    def _index(self, name: str) -> Index:
        data = self._folder / "data" / name.replace("/", "+")
        if not (data / CATALOG_FILE).exists():
            command = (sys.executable, "-P", "-m", "conexus", "index", "-q", str(self.tree(name)))
            env = {**os.environ, "CONEXUS_STORE_PATH": str(data)}
            subprocess.run(command, env=env, check=True, timeout=_INDEX_S, stdin=subprocess.DEVNULL)
        return Index(data)

    def tools(self, language: str, name: str, tools: Tools) -> Tools:
        """Return what the judge of a language needs for a repository."""
        names = self.settings["packages"].get(language, {})
        return replace(tools, names=names, flags=tuple(self.settings["headers"].get(name, ())))


def _settled(repositories: Repositories, sample: str, name: str, judged: Judged, tools: Tools) -> Verdict:
    """Return the judgement of what was drawn; a file that is in no index, as one that a program wrote, is none."""
    if not judged.answer:
        judged = replace(judged, answer=import_judges.included(repositories.tree(name), tools, judged))
    if judged.answer.startswith((FILE, FOLDER)):
        indexed = repositories.index(name).paths
        ending = judged.path.rpartition(".")[2]
        folders = {path.rpartition("/")[0] or "." for path in indexed if path.endswith(ending)}
        known = indexed if judged.answer.startswith(FILE) else folders
        if not known & set(judged.answer.partition(":")[2].split("|")):
            reason = f"what is meant is left out of the index: {judged.answer}"
            return Verdict(sample, name, replace(judged, answer=NOTHING), "tool", reason)
    return Verdict(sample, name, judged, "tool", "")


def draw(repositories: Repositories, language: str, tools: Tools, samples: Sequence[str]) -> None:
    """Draw the samples of a language and judge them; judgements by hand of what is drawn again are kept."""
    known = read_verdicts(language)
    kept = {(one.repository, one.judged.path, one.judged.text): one for one in known}
    verdicts = [one for one in known if samples and one.sample not in samples]
    for sample, names in repositories.settings["languages"][language].items():
        if samples and sample not in samples:
            continue
        found: dict[str, list[Judged]] = {}
        for name in names:
            tree, own = repositories.tree(name), repositories.tools(language, name, tools)
            indexed = repositories.index(name).paths
            found[name] = [one for one in import_judges.JUDGES[language](tree, own) if one.path in indexed]
        wanted = _SAMPLE
        for place, name in enumerate(sorted(names, key=lambda name: len(found[name]))):
            chance = random.Random(f"{_SEED} {language} {name}")  # noqa: S311 -- a sample, no secret
            chosen = drawn(found[name], -(-wanted // (len(names) - place)), chance)
            wanted -= len(chosen)
            own = repositories.tools(language, name, tools)
            for one in chosen:
                before = kept.get((name, one.path, one.text))
                if before is not None and before.by == "hand":
                    verdicts.append(replace(before, sample=sample))
                else:
                    verdicts.append(_settled(repositories, sample, name, one, own))
    write_verdicts(language, verdicts)


def compared(
    repositories: Repositories, language: str, samples: Sequence[str] = ()
) -> list[tuple[Verdict, Answer | None]]:
    """Return every judgement with what Conexus says, of some samples or of all."""
    by_name: defaultdict[str, list[Verdict]] = defaultdict(list)
    for one in read_verdicts(language):
        if not samples or one.sample in samples:
            by_name[one.repository].append(one)
    return [
        (one, answer)
        for name, verdicts in by_name.items()
        for index in [repositories.index(name)]
        for one, answer in [(one, index.answer(one.judged)) for one in verdicts]
    ]


def figures(pairs: Sequence[tuple[Verdict, Answer | None]]) -> tuple[int, int, int, int]:
    """Return how many imports there are and are right, and how many of them are of the repository itself."""
    inside = [(one, answer) for one, answer in pairs if one.judged.answer.startswith((FILE, FOLDER))]
    right = sum(is_right(one.judged, answer) for one, answer in pairs)
    return len(pairs), right, len(inside), sum(is_right(one.judged, answer) for one, answer in inside)


def row(language: str, sample: str, pairs: Sequence[tuple[Verdict, Answer | None]], before: Sequence[int]) -> str:
    """Return a line of the table."""
    total, right, inside, inside_right = figures(pairs)
    by_hand = sum(one.by == "hand" for one, _ in pairs)
    repositories = len({one.repository for one, _ in pairs})
    earlier = f"{before[1] / before[0]:.3f} | {before[3] / before[2]:.3f}" if before else "not run | not run"
    counts = f"{repositories} | {total} | {by_hand} | {earlier} | {right / total:.3f}"
    return f"| {language} | {sample} | {counts} | {inside} | {inside_right / max(1, inside):.3f} |"


def difference(verdict: Verdict, answer: Answer | None) -> str:
    """Return a line of what is not right."""
    judged = verdict.judged
    said = "not seen" if answer is None else str(answer)
    place = f"{verdict.sample}: {verdict.repository} {judged.path}:{judged.line}"
    return f"- {place} `{judged.text}`: {judged.answer.replace('|', ' or ')}; Conexus: {said}"


_INTRODUCTION: Final = """# What imports mean, against independent judges

Written by `benchmarks/graph/imports.py`: of each language and sample 300 imports of five repositories, drawn with a
seed and weighted towards aliases, workspaces, wildcards and relative imports; the standard library's are few. Each is
resolved through the index. An import is right where Conexus gives the file that is meant and no other, or of a folder
files of it alone; or where it is of others, their package, and nothing where no manifest names one or where no indexed
file is meant.

Judges: importlib's finder over the roots that pip and pytest make; TypeScript's resolution, with the tree's packages
linked; `go/parser`, `go list std` and `go mod edit`; cargo's targets and rustc's rules of files; javac's parser; gcc
with the project's include folders. What they could not tell, and each difference, was decided by hand with Conexus's
answer in sight, so not blindly; `by hand` counts these. Of what the tools said inside repositories or of
packages, thirty of each language were read as they are listed, without opening each file. The verdicts are in
`benchmarks/graph/import_verdicts`.

`before` is what Conexus said when the sample was first judged. What differed in the samples `first` and `second` was
then mended. `third` was drawn from other repositories when that was done, and nothing was mended by it.

| language | sample | from | imports | by hand | before | before, inside | right | inside | right, inside |
|---|---|---|---|---|---|---|---|---|---|
"""


def main() -> None:
    """Draw, or compare and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="trees and indexes, kept there")
    parser.add_argument("--mirrors", type=Path, help="local copies of the repositories")
    parser.add_argument("--draw", action="store_true", help="draw and judge anew, with the tools that judge")
    parser.add_argument("--language", nargs="+", help="these alone, printed and not written")
    parser.add_argument("--sample", nargs="+", default=(), help="these samples alone, printed and not written")
    parser.add_argument("--go", default="go", help="the go command")
    parser.add_argument("--typescript", type=Path, default=Path("node_modules"), help="folder that has typescript")
    options = parser.parse_args()
    repositories = Repositories(options.folder.resolve(), options.mirrors)
    languages = options.language or list(repositories.settings["languages"])
    if options.draw:
        for language in languages:
            draw(repositories, language, Tools(options.go, options.typescript.resolve()), options.sample)
        return
    before = repositories.settings["before"]
    rows, wrong = [], []
    for language in languages:
        pairs = compared(repositories, language, options.sample)
        for sample in repositories.settings["languages"][language]:
            chosen = [pair for pair in pairs if pair[0].sample == sample]
            if chosen:
                rows.append(row(language, sample, chosen, before.get(f"{language} {sample}", ())))
        found = [difference(one, answer) for one, answer in pairs if not is_right(one.judged, answer)]
        wrong += ["", f"## {language}: differences", "", *(found or ["None."])]
    text = _INTRODUCTION + "\n".join((*rows, *wrong)) + "\n"
    if not options.language and not options.sample:
        RESULTS.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
