# SPDX-License-Identifier: FSL-1.1-MIT
"""The development set of the quality benchmark as chunks and questions, for measuring models without an index.

    python -m training.devset --library DIR --out FILE

``DIR`` is what ``benchmarks/quality/prepare.py`` filled. The chunks are those that Conexus itself makes of the folder
that the public benchmark indexes (its set ``source``); no repository that is held out is among them.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conexus import bootstrap
from conexus.config import Config, StoreOptions
from conexus.indexing.priors import prior_of
from conexus.indexing.writer import embedding_text
from conexus.types import LOCAL_USER, Checkout, RepoId, TextChunk

sys.path.append(str(Path(__file__).resolve().parents[1] / "benchmarks" / "quality"))

from prepare import Library  # type: ignore[import-not-found]
from question_sets import source  # type: ignore[import-not-found]
from repositories import DEVELOPMENT  # type: ignore[import-not-found]


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository: what is searched, and what is asked."""

    name: str
    language: str
    texts: list[str]
    """What is embedded of each chunk."""
    paths: list[str]
    lines: list[tuple[int, int]]
    priors: list[float]
    questions: list[dict[str, Any]]
    """``text``, ``kind`` and ``targets`` (path, first line or null, last line or null)."""


def _repository(
    case: Any,  # noqa: ANN401 -- of a module found at run time
    scratch: Path,
) -> Repository:
    root = case.tree.resolve()
    config = Config(store=StoreOptions(path=str(scratch)))
    made = Repository(case.repository, case.language, [], [], [], [], [])
    with closing(bootstrap.build(config, keep_open=True).service) as service:
        service.index(Checkout(root, RepoId(f"local/{root.name}"), root.name), LOCAL_USER)
        view = service.catalog.views()[0]
        assert view.live is not None  # noqa: S101 -- it was indexed just now
        found = service.catalog.chunks_by_id(view.live.id, list(service.catalog.chunk_checksums(view.live.id)))
        for stored in sorted(found.values(), key=lambda one: (one.chunk.path, one.chunk.span.start_byte)):
            chunk = stored.chunk
            head = TextChunk(chunk.span, chunk.text, chunk.kind, chunk.symbol)
            made.texts.append(embedding_text(chunk.path, head))
            made.paths.append(case.prefix + chunk.path)
            made.lines.append((chunk.span.start_line, chunk.span.end_line))
            made.priors.append(prior_of(chunk.language, chunk.tags))
    for question in case.questions:
        targets = [(target.path, target.start_line, target.end_line) for target in question.targets]
        made.questions.append({"text": question.text, "kind": question.kind, "targets": targets})
    return made


def read(path: Path) -> list[Repository]:
    """Read what :func:`main` wrote."""
    with gzip.open(path, "rt", encoding="utf-8") as handle:
        return [Repository(**json.loads(line)) for line in handle]


def _cases(library: Path) -> Iterator[Any]:
    known = Library(library.resolve())
    for name in DEVELOPMENT:
        yield from source(known, known.repositories()[name], library)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    with gzip.open(options.out, "wt", encoding="utf-8") as out:
        for case in _cases(options.library):
            with tempfile.TemporaryDirectory() as scratch:
                made = _repository(case, Path(scratch) / "data")
            out.write(json.dumps({name: getattr(made, name) for name in made.__slots__}) + "\n")
            print(f"{made.name}: {len(made.texts)} chunks, {len(made.questions)} questions", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
