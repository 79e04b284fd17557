# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the files of the model that comes with Conexus from a run of ``training.train``.

python -m training.publish RUN --out conexus/model
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from conexus.adapters.word_pieces import CONTINUED, LONGEST_PIECE, UNKNOWN
from training.export import write_model
from training.fetch import LIST, read_list

NAME: Final = "conexus-code-128"
DIM: Final = 128


def _is_usable(piece: str) -> bool:
    """Whether a model may have the piece: raised digits, which are letters to some, are not."""
    letters = piece.removeprefix(CONTINUED)
    return letters.isalpha() and len(letters) <= LONGEST_PIECE


def publish(
    folder: Path,
    pieces: Sequence[str],
    table: npt.NDArray[np.float32],
    recipe: Mapping[str, object],
    name: str = NAME,
    dim: int = DIM,
) -> str:
    """Write the files of a model that was trained; return its fingerprint.

    Args:
        folder: Where to.
        pieces: The vocabulary.
        table: Shape ``(len(pieces), any number from dim on)``.
        recipe: How it was trained.
        name: Of the model.
        dim: How many numbers of each vector to keep, the first ones.
    """
    usable = [row for row, piece in enumerate(pieces) if piece == UNKNOWN or _is_usable(piece)]
    kept = table[usable, :dim]
    kept = kept / np.sqrt((kept**2).sum(axis=1).mean())  # any scale will do: a text's vector is brought to length 1
    description = {
        "licence": "Apache-2.0",
        "languages": ["English"],
        "started_from": "sentence-transformers/all-MiniLM-L6-v2",
        "trained_on": f"{len(read_list(LIST))} packages, listed in training/packages.tsv",
        "recipe": dict(recipe),
    }
    return write_model(folder, name, [pieces[row] for row in usable], kept, description)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default=NAME)
    parser.add_argument("--dim", type=int, default=DIM, help=f"how many numbers of each vector to keep, {DIM}")
    options = parser.parse_args(arguments)
    pieces = (options.run / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    recipe = json.loads((options.run / "curve.json").read_text(encoding="utf-8"))["recipe"]
    print(publish(options.out, pieces, np.load(options.run / "table.npy"), recipe, options.name, options.dim))
    return 0


if __name__ == "__main__":
    sys.exit(main())
