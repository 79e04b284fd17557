# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures the candidates of every question, and keeps indexes and figures: the second fit takes minutes.

Indexes are kept for as long as nothing changes of what makes them, the model included, and the figures for as long as
nothing of the search changes either.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from learning import Example
from prepare import Library, Prepared
from question_sets import Case

from conexus import bootstrap
from conexus.config import Config, StoreOptions
from conexus.evaluation.questions import Place, Question, Target
from conexus.search.candidates import Candidates
from conexus.search.engine import SearchableView
from conexus.search.features import QuestionKind, kind_of, measure
from conexus.search.query import Query, analyse
from conexus.service import LocalService
from conexus.types import LOCAL_USER, Checkout, Chunk, IndexId, RepoId, SearchRequest

_CODE: Final = Path(bootstrap.__file__).resolve().parent
_MAKES_INDEXES: Final = (
    "parsing",
    "indexing",
    "adapters",
    "evaluation",
    "lexical.py",
    "worker.py",
    "types.py",
    "model",
)
_SEARCHES: Final = tuple(
    f"search/{name}.py" for name in ("candidates", "columns", "engine", "features", "globs", "heads", "names", "query")
)
_WHO: Final = LOCAL_USER

Maker = Callable[[Library, Prepared, Path], Iterator[Case]]


def _digest(parts: Sequence[str], *others: str) -> str:
    """Return a hash of files of the package."""
    found = hashlib.sha256(json.dumps(others).encode())
    for part in parts:
        path = _CODE / part
        files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
        for file in files:
            if "__pycache__" not in file.parts:
                found.update(str(file.relative_to(_CODE)).encode())
                found.update(file.read_bytes())
    return found.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Measured:
    """What is kept in a folder."""

    library: Library
    folder: Path

    @classmethod
    def below(cls, library: Library) -> Measured:
        """Return what is kept beside the repositories; what older code made is deleted."""
        folder = library.folder / "measured" / _digest(_MAKES_INDEXES)
        for other in folder.parent.glob("*"):
            if other != folder:
                shutil.rmtree(other, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        return cls(library, folder)

    def examples(self, name: str, maker: Maker, repository: Prepared) -> list[Example]:
        """Return the measured questions of a set about a repository."""
        folder = self.folder / name / repository.name
        key = _digest(_SEARCHES, repository.commit)
        kept = folder / f"{key}.npz"
        if kept.exists():
            return _read(kept)
        made = [example_of(case, asked) for case, asked in self.asked(name, maker, repository)]
        for other in folder.glob("*.npz"):
            other.unlink()
        _write(kept, made)
        return made

    def asked(self, name: str, maker: Maker, repository: Prepared) -> Iterator[tuple[Case, Asked]]:
        """Yield the questions of a set about a repository with what the search finds."""
        for case in self._cases(self.folder / name / repository.name, maker, repository):
            for asked in candidates(case, self._index_of(case.tree)):
                yield case, asked

    def _index_of(self, tree: Path) -> Path:
        """Return the data folder for a tree, which several sets may ask."""
        return self.folder / "indexes" / hashlib.sha256(str(tree).encode()).hexdigest()[:16]

    def _cases(self, folder: Path, maker: Maker, repository: Prepared) -> Sequence[Case]:
        """Return the cases of a set; one that makes trees is made once, since they stay."""
        noted = folder / "cases.json"
        if noted.exists():
            found = json.loads(noted.read_text(encoding="utf-8"))
            if found["commit"] == repository.commit:
                return [_case(entry) for entry in found["cases"]]
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        cases = list(maker(self.library, repository, folder / "tree"))  # of these sets none changes its tree
        entries = [{**asdict(case), "tree": str(case.tree)} for case in cases]
        noted.write_text(json.dumps({"commit": repository.commit, "cases": entries}), encoding="utf-8")
        return cases


def _case(entry: dict[str, object]) -> Case:
    fields = dict(entry)
    asked = fields.pop("questions")
    assert isinstance(asked, list)  # noqa: S101 -- as written above
    questions = tuple(
        Question(one["text"], one["kind"], tuple(Target(**target) for target in one["targets"])) for one in asked
    )
    return Case(**{**fields, "tree": Path(str(fields["tree"])), "questions": questions})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with what the search found, before it is ranked."""

    question: Question
    query: Query
    found: Candidates
    floor: float
    chunks: Sequence[Chunk]
    """Of each candidate."""
    service: LocalService
    """Open on an index of the tree alone."""
    index: IndexId


def candidates(case: Case, data: Path) -> Iterator[Asked]:
    """Index a tree with the real service, in a data folder of its own, and ask every question."""
    root = case.tree.resolve()
    with closing(bootstrap.build(Config(store=StoreOptions(path=str(data))), keep_open=True).service) as service:
        service.index(Checkout(root, RepoId(f"local/{root.name}"), root.name), _WHO)
        view = service.catalog.views()[0]
        if view.live is None:
            raise ValueError(f"{root} has no index")
        with closing(service.store.open(view.live.id, view.live.dim)) as shard:
            searchable = SearchableView(view, view.live, shard)
            for question in case.questions:
                query = analyse(question.text)
                found, floor = service.engine.candidates(query, SearchRequest(question.text), [searchable])
                if found:
                    stored = service.catalog.chunks_by_id(view.live.id, [item.head.id for item in found])
                    chunks = [stored[item.head.id].chunk for item in found]
                    yield Asked(question, query, found, floor, chunks, service, view.live.id)


def example_of(case: Case, asked: Asked) -> Example:
    """Measure the candidates of a question."""
    targets = asked.question.targets
    places = [Place(case.prefix + chunk.path, chunk.span.start_line, chunk.span.end_line, 1) for chunk in asked.chunks]
    return Example(
        repository=case.repository,
        kind=kind_of(asked.query),
        features=measure(asked.query, asked.found, asked.floor),
        files=asked.found.file,
        right=np.array([any(place.answers(target) for target in targets) for place in places]),
        targets=len(targets),
        has_lines=any(target.start_line is not None for target in targets),
        asked=asked.question.kind,
    )


def _write(path: Path, examples: Sequence[Example]) -> None:
    arrays: dict[str, np.ndarray] = {}
    facts = []
    for number, one in enumerate(examples):
        arrays[f"features{number}"] = one.features
        arrays[f"files{number}"] = one.files
        arrays[f"right{number}"] = one.right
        facts.append([one.repository, one.kind.value, one.targets, one.has_lines, one.asked])
    partial = path.with_suffix(".part")
    with partial.open("wb") as stream:
        np.savez(stream, facts=np.array(json.dumps(facts)), **arrays)  # type: ignore[arg-type]
    partial.rename(path)


def _read(path: Path) -> list[Example]:
    with np.load(path) as kept:
        return [
            Example(
                repository,
                QuestionKind(kind),
                kept[f"features{number}"],
                kept[f"files{number}"],
                kept[f"right{number}"],
                targets,
                has_lines,
                asked,
            )
            for number, (repository, kind, targets, has_lines, asked) in enumerate(json.loads(str(kept["facts"])))
        ]
