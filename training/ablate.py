# SPDX-License-Identifier: FSL-1.1-MIT
r"""Trains variants of the recipe, one after the other, and writes what each scores.

    python -m training.ablate --pairs FILE… --dev FILE --start DIR --sentences FILE --out FILE \
        [--base name=value …] [VARIANT …]

A variant is ``name=value``, several joined by commas, or ``base``. Each has the same pairs, seed and number of
steps. Those that are in the file already are not trained again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from training.bag import Pieces
from training.devset import read
from training.publish import publish
from training.score import Development, summary
from training.train import prepare, recipe_of, train

DEFAULT: Final = (
    "base",
    "start=distilled",
    "runs=1",
    "later=1",
    "batch=2048",
    "temperature=0.05",
    "temperature=0.1",
    "near=0.5",
    "questions=2",
    "dims=256",
    "group=1",
    "rounds=1",
)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variants", nargs="*", default=list(DEFAULT))
    parser.add_argument("--pairs", type=Path, nargs="+", required=True)
    parser.add_argument("--dev", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="the distilled model")
    parser.add_argument("--sentences", type=Path, help="what training.sentences wrote; for start=sentences")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="folder to write the model of each variant to")
    parser.add_argument("--base", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args(arguments)
    torch.set_num_threads(2)
    done = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    repositories = read(options.dev)
    prepared, development, of = None, None, -1
    for variant in options.variants:
        if variant in done:
            continue
        recipe = recipe_of([*options.base, *(variant.split(",") if variant != "base" else [])])
        if prepared is None or development is None or of != recipe.pieces:
            prepared = prepare(options.pairs, recipe, options.start)
            development = Development(repositories, Pieces(prepared.vocabulary), len(prepared.vocabulary))
            of = recipe.pieces
        started = time.process_time()
        vectors = prepared.start(recipe, options.sentences)
        table, curves = train(prepared.pairs, vectors, recipe, partial(_scored, development), every=1 << 30)
        chunks, files = _scored(development, table)
        row = {
            "chunks": chunks,
            "files": files,
            "steps": sum(curve[-1].step for curve in curves),
            "cpu_s": round(time.process_time() - started),
        }
        for dim in (128, 64):
            row[f"chunks_{dim}"] = summary(development.results(np.ascontiguousarray(table[:, :dim])))[0]
        if options.models:
            folder = options.models / variant.replace("=", "-").replace(",", "_")
            publish(folder, prepared.vocabulary, table, asdict(recipe), variant)
        done[variant] = {name: round(value, 4) for name, value in row.items()}
        print(variant, done[variant], flush=True)
        options.out.write_text(json.dumps(done, indent=1) + "\n", encoding="utf-8")
    print("\n".join(table_of(done)))
    return 0


def _scored(development: Development, table: npt.NDArray[np.float32]) -> tuple[float, float]:
    return summary(development.results(table))


def table_of(done: dict[str, dict[str, float]]) -> list[str]:
    """Return the results as a table."""
    lines = ["| variant | chunks | one a file | at 128 | at 64 | steps |", "|---|---|---|---|---|---|"]
    for variant, row in done.items():
        values = " | ".join(f"{row[name]:.3f}" for name in ("chunks", "files", "chunks_128", "chunks_64"))
        lines.append(f"| {variant} | {values} | {row['steps']:.0f} |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
