# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures models on the development set: NDCG@10 of their vectors alone.

    python -m training.measure --dev FILE conexus/model conexus/model@128 conexus/model@64
    python -m training.measure --dev FILE --detail conexus/model      a table a language, other languages, names, typos
    python -m training.measure --dev FILE --teacher flask,gin conexus/model      the full teacher, on some repositories

A model is the folder of one, or of a run of ``training.train``; ``@128`` takes the first 128 numbers of each vector.
``FILE`` is what ``training.devset`` wrote. Questions and chunks are cut and averaged as Conexus does it.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from conexus.adapters.model_files import read_model
from training.bag import Pieces
from training.devset import Repository, read
from training.score import Development, Result, judged, mean, summary

_TRANSLATIONS: Final = Path(__file__).resolve().parent / "other_languages.tsv"
_SIZES: Final = (32, 64, 96, 128, 192, 256)
_KINDS: Final = ("architecture", "semantic", "symbol")


def load(named: str) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Return the pieces and vectors of a model, at the length asked for."""
    path, _, dim = named.partition("@")
    folder = Path(path)
    if (folder / "model.json").exists():
        files = read_model(folder)
        pieces = sorted(files.vocabulary, key=lambda piece: files.vocabulary[piece])
        table = files.vectors.astype(np.float32)
    else:
        pieces = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
        table = np.load(folder / "table.npy")
    return pieces, np.ascontiguousarray(table[:, : int(dim)]) if dim else table


def _row(name: str, results: Sequence[Result]) -> str:
    chunks, files = summary(results)
    kinds = (mean([one for one in results if one.kind == kind], lambda one: one.chunks) for kind in _KINDS)
    return f"| {name} | {chunks:.3f} | {files:.3f} | " + " | ".join(f"{value:.3f}" for value in kinds) + " |"


def table_of(models: Sequence[str], repositories: Sequence[Repository]) -> list[str]:
    """Return a table with a row a model."""
    lines = ["| model | chunks | one a file | " + " | ".join(_KINDS) + " |", "|---" * 6 + "|"]
    known: dict[tuple[str, ...], Development] = {}
    for named in models:
        pieces, table = load(named)
        key = tuple(pieces)
        if key not in known:
            known = {key: Development(repositories, Pieces(pieces), len(pieces))}
        lines.append(_row(named, known[key].results(table)))
    return lines


def _asked(
    repositories: Sequence[Repository], change: Callable[[Repository, dict[str, Any]], str | None]
) -> list[Repository]:
    """Return the repositories with other questions; those that become ``None`` are left out."""
    found = []
    for one in repositories:
        questions = [
            {**question, "text": text} for question in one.questions if (text := change(one, question)) is not None
        ]
        if questions:
            found.append(replace(one, questions=questions))
    return found


def with_typo(text: str) -> str:
    """Swap two letters within the longest word, the same ones every time."""
    word = max(text.split(), key=len)
    if len(word) < 5:
        return text
    at = random.Random(text).randrange(1, len(word) - 2)  # noqa: S311 -- no secret
    return text.replace(word, word[:at] + word[at + 1] + word[at] + word[at + 2 :], 1)


def _translated(language: str) -> Callable[[Repository, dict[str, Any]], str | None]:
    with _TRANSLATIONS.open(encoding="utf-8", newline="") as handle:
        rows = {(row["repository"], row["question"]): row for row in csv.DictReader(handle, delimiter="\t")}
    return lambda one, question: row[language] if (row := rows.get((one.name, question["text"]))) is not None else None


def detail(models: Sequence[str], repositories: Sequence[Repository]) -> list[str]:
    """Return tables: by the language of the repository, and with other questions."""
    loaded = [load(named) for named in models]
    head = "| | questions | " + " | ".join(models) + " |"
    rule = "|---" * (len(models) + 2) + "|"

    def results(asked: Sequence[Repository]) -> list[list[Result]]:
        return [Development(asked, Pieces(pieces), len(pieces)).results(table) for pieces, table in loaded]

    everything = results(repositories)
    lines = ["By language, chunks as they come:", "", head, rule]
    for language in sorted({one.language for one in repositories}):
        parts = [[result for result in found if result.language == language] for found in everything]
        lines.append(
            f"| {language} | {len(parts[0])} | "
            + " | ".join(f"{mean(part, lambda one: one.chunks):.3f}" for part in parts)
            + " |"
        )
    lines += ["", "Other ways to ask:", "", head, rule]
    ways: list[tuple[str, Callable[[Repository, dict[str, Any]], str | None]]] = [
        ("all questions", lambda _, question: question["text"]),
        ("names of symbols alone", lambda _, question: question["text"] if question["kind"] == "symbol" else None),
        ("all, two letters swapped in the longest word", lambda _, question: with_typo(question["text"])),
        (
            "one a repository, English",
            lambda one, question: question["text"] if _translated("de")(one, question) else None,
        ),
        *(
            (f"the same, {name}", _translated(code))
            for name, code in (("German", "de"), ("French", "fr"), ("Spanish", "es"), ("Chinese", "zh"))
        ),
    ]
    for name, change in ways:
        found = results(_asked(repositories, change))
        lines.append(
            f"| {name} | {len(found[0])} | "
            + " | ".join(f"{mean(one, lambda result: result.chunks):.3f}" for one in found)
            + " |"
        )
    return lines


def sizes(trained: str, distilled: str, repositories: Sequence[Repository]) -> list[dict[str, float | str]]:
    """Return quality and size of both models at several lengths of their vectors."""
    found: list[dict[str, float | str]] = []
    for name, folder in (("trained", trained), ("distilled", distilled)):
        pieces, table = load(folder)
        development = Development(repositories, Pieces(pieces), len(pieces))
        for dim in _SIZES:
            chunks, files = summary(development.results(np.ascontiguousarray(table[:, :dim])))
            size = len(pieces) * dim * 2 / 1e6
            row: dict[str, float | str] = {"model": name, "dim": dim, "mb": round(size, 1)}
            found.append({**row, "chunks": round(chunks, 4), "files": round(files, 4)})
    return found


def teacher_results(repositories: Sequence[Repository]) -> list[Result]:
    """Answer with the whole teacher: minutes for each thousand chunks."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415

    from training.distill import teacher_folder  # noqa: PLC0415

    model = SentenceTransformer(str(teacher_folder(None)), device="cpu")
    found: list[Result] = []
    for one in repositories:
        vectors = model.encode(one.texts, normalize_embeddings=True, batch_size=32, show_progress_bar=False)
        questions = model.encode(
            [question["text"] for question in one.questions], normalize_embeddings=True, show_progress_bar=False
        )
        found += judged(one, np.asarray(questions @ vectors.T, dtype=np.float32))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="FOLDER[@DIM]")
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--detail", action="store_true")
    parser.add_argument("--teacher", metavar="NAMES", help="repositories, joined by commas")
    parser.add_argument("--sizes", type=Path, metavar="FILE", help="compare two models at several lengths, as JSON")
    options = parser.parse_args(arguments)
    repositories = read(options.dev)
    if options.sizes:
        trained, distilled = options.models
        options.sizes.write_text(json.dumps(sizes(trained, distilled, repositories), indent=1) + "\n", encoding="utf-8")
        return 0
    if options.teacher:
        repositories = [one for one in repositories if one.name in options.teacher.split(",")]
    lines = detail(options.models, repositories) if options.detail else table_of(options.models, repositories)
    if options.teacher:
        lines.append(_row("all-MiniLM-L6-v2, whole", teacher_results(repositories)))
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
