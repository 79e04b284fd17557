# SPDX-License-Identifier: FSL-1.1-MIT
"""Writes the files of the model that comes with Conexus from a run of ``training.train``.

python -m training.publish RUN --out conexus/model
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from conexus.adapters.word_pieces import CONTINUED, LONGEST_PIECE, UNKNOWN
from training.export import write_model
from training.fetch import LIST, read_list

NAME: Final = "conexus-code-256"


def _is_usable(piece: str) -> bool:
    """Whether a model may have the piece: raised digits, which are letters to some, are not."""
    letters = piece.removeprefix(CONTINUED)
    return letters.isalpha() and len(letters) <= LONGEST_PIECE


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--name", default=NAME)
    parser.add_argument("--dim", type=int, help="the first numbers of each vector alone")
    options = parser.parse_args(arguments)
    pieces = (options.run / "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    table = np.load(options.run / "table.npy")
    usable = [row for row, piece in enumerate(pieces) if piece == UNKNOWN or _is_usable(piece)]
    pieces, table = [pieces[row] for row in usable], table[usable, : options.dim]
    table /= np.sqrt((table**2).sum(axis=1).mean())  # the mean of a text has no length of its own: any scale will do
    recipe = json.loads((options.run / "curve.json").read_text(encoding="utf-8"))["recipe"]
    description = {
        "licence": "Apache-2.0",
        "languages": ["English"],
        "started_from": "sentence-transformers/all-MiniLM-L6-v2",
        "trained_on": f"{len(read_list(LIST))} packages, listed in training/packages.tsv",
        "recipe": recipe,
    }
    print(write_model(options.out, options.name, pieces, table, description))
    return 0


if __name__ == "__main__":
    sys.exit(main())
