# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures variants of the default model: does a docstring find its function?

    HF_HUB_OFFLINE=1 PYTHONPATH=. python -m training.evaluate

Each function of the standard library with a docstring is one question (the docstring's first paragraph) and one
candidate (the code without the docstring). The library is cut in two by module name: what a variant counts and
adds comes from one half, the questions and all candidates from the other; figures are means of both ways round.
It says which variant to prefer, not how good the model is at finding code. Needs what ``distill`` needs.
"""

from __future__ import annotations

import argparse
import ast
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from conexus.adapters.static_embedder import StaticEmbedder
from conexus.adapters.word_pieces import word_parts, word_pieces
from conexus.lexical import words
from training.distill import (
    Matrix,
    Recipe,
    Teacher,
    Vocabulary,
    choose_pieces,
    count_parts,
    library_files,
    project,
    teacher_folder,
    weigh,
)

_CODE_CHARS = 1_500
_SHORTEST_QUESTION = 4

DAMPINGS: dict[str, Callable[[Matrix], Matrix]] = {
    "count": lambda counts: counts,
    "root": np.sqrt,
    "log": lambda counts: 1.0 + np.log(counts),
    "saturated": lambda counts: 2.2 * counts / (counts + 1.2),
    "once": np.ones_like,
}


@dataclass(frozen=True, slots=True)
class Half:
    """One half of the library."""

    paths: tuple[Path, ...]
    questions: tuple[str, ...]
    codes: tuple[str, ...]


def halves() -> tuple[Half, Half]:
    """Cut the library in two, whole packages at a time, and take the questions of each."""
    cut: tuple[list[Path], list[Path]] = ([], [])
    root = Path(ast.__file__).parent
    for path in library_files():
        cut[zlib.crc32(path.relative_to(root).parts[0].encode()) & 1].append(path)
    return _half(cut[0]), _half(cut[1])


def _half(paths: Sequence[Path]) -> Half:
    pairs: dict[str, str] = {}
    for path in paths:
        for question, code in _functions(path.read_text(encoding="utf-8", errors="replace")):
            pairs.setdefault(question, code)
    return Half(tuple(paths), tuple(pairs), tuple(pairs.values()))


def _functions(source: str) -> Iterator[tuple[str, str]]:
    lines = source.split("\n")
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or len(node.body) < 2:
            continue
        question = (ast.get_docstring(node) or "").split("\n\n")[0].strip()
        if len(question.split()) < _SHORTEST_QUESTION:
            continue
        doc = node.body[0]
        code = lines[node.lineno - 1 : doc.lineno - 1] + lines[doc.end_lineno : node.end_lineno]
        yield question, "\n".join(code)[:_CODE_CHARS]


def scores(questions: npt.NDArray[np.floating], codes: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return MRR and recall@10 of matching rows; ties take the middle rank."""
    similar = questions @ codes.T
    own = np.diag(similar)[:, None]
    ranks = (similar > own).sum(axis=1) + ((similar == own).sum(axis=1) + 1) / 2
    return np.array([(1.0 / ranks).mean(), (ranks <= 10).mean()])


def embed(
    texts: Sequence[str], rows: dict[str, int], table: npt.NDArray[np.floating], damping: str
) -> npt.NDArray[np.floating]:
    """Pool as :class:`StaticEmbedder` does, with a damping of one's choice; ``count`` is its own."""
    known: dict[str, Matrix] = {}
    vectors = np.zeros((len(texts), table.shape[1]))
    for number, text in enumerate(texts):
        counts = Counter(words(text))
        for word in counts:
            if word not in known:
                cuts = [word_pieces(part, rows) for part in word_parts(word)]
                known[word] = sum((table[cut].sum(axis=0) for cut in cuts if cut), np.zeros(table.shape[1]))
        weights = DAMPINGS[damping](np.array(list(counts.values()), dtype=float))
        total = weights @ np.array([known[word] for word in counts]).reshape(len(counts), table.shape[1])
        vectors[number] = total / max(float(np.linalg.norm(total)), 1e-12)
    return vectors


class Bench:
    """Both halves, with what the teacher says of every piece, so that a variant takes a second."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self._halves = halves()
        self._counts = [count_parts(half.paths) for half in self._halves]
        self._known: dict[str, Matrix] = {}

    def variant(self, recipe: Recipe, damping: str = "count") -> npt.NDArray[np.float64]:
        """Scores of a recipe, mean over the halves."""
        found = []
        for half, counts in zip(self._halves, reversed(self._counts), strict=True):
            vocabulary = choose_pieces(self._teacher.pieces, counts, recipe.extra_words)
            table = project(self._vectors(vocabulary), recipe) * weigh(vocabulary, recipe)[:, None]
            rows = {piece: row for row, piece in enumerate(vocabulary.pieces)}
            found.append(scores(*(embed(texts, rows, table, damping) for texts in (half.questions, half.codes))))
        return np.asarray(np.mean(found, axis=0))

    def embedder(self, embed_texts: Callable[[Sequence[str]], npt.NDArray[np.floating]]) -> npt.NDArray[np.float64]:
        """Scores of a finished model."""
        found = [scores(embed_texts(half.questions), embed_texts(half.codes)) for half in self._halves]
        return np.asarray(np.mean(found, axis=0))

    def _vectors(self, vocabulary: Vocabulary) -> Matrix:
        missing = [piece for piece in vocabulary.pieces if piece not in self._known]
        if missing:
            self._known.update(zip(missing, self._teacher.vectors(missing), strict=True))
        return np.array([self._known[piece] for piece in vocabulary.pieces])

    @property
    def size(self) -> int:
        """Questions in all."""
        return sum(len(half.questions) for half in self._halves)


def main() -> None:
    """Print the table of ``README.md``."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    teacher = Teacher(teacher_folder(None))
    bench = Bench(teacher)
    recipe = Recipe()
    print(f"{bench.size} questions\n\n| variant | MRR | recall@10 |\n|---|---|---|")
    row = "| {} | {:.3f} | {:.3f} |"
    print(row.format("**as it is used** (counted on one half)", *bench.variant(recipe)))
    for damping in (name for name in DAMPINGS if name != "count"):
        print(row.format(f"damping: {damping} instead of count", *bench.variant(recipe, damping)))
    for what, changed in {
        "no words added": replace(recipe, extra_words=0),
        "128 dimensions": replace(recipe, dim=128),
        "382 dimensions": replace(recipe, dim=382),
        "no component dropped": replace(recipe, dropped_components=0),
        "1 component dropped": replace(recipe, dropped_components=1),
        "5 components dropped": replace(recipe, dropped_components=5),
        "all pieces weigh alike": replace(recipe, rarity=0.0),
        "rarity 1e-4": replace(recipe, rarity=1e-4),
        "rarity 1e-2": replace(recipe, rarity=1e-2),
        "rarity by the teacher's ranks only, 1e-4": replace(recipe, rarity=1e-4, prose_share=1.0),
        "rarity by counts in code only": replace(recipe, prose_share=0.0),
    }.items():
        print(row.format(what, *bench.variant(changed)))
    shipped = StaticEmbedder()
    print(row.format("the files in `conexus/model` (counted on both halves)", *bench.embedder(shipped.embed_documents)))
    print(row.format("the teacher itself, words split as for the static model", *bench.embedder(teacher.texts)))


if __name__ == "__main__":
    main()
