# SPDX-License-Identifier: FSL-1.1-MIT
"""Draws the plots of the model card from what training and ablation wrote.

    python -m training.plot --results training/results --out docs/images

Needs ``matplotlib``. Reads ``curve.json`` (``training.train``) and ``sizes.json`` (``training.measure --sizes``).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_BLUE, _ORANGE, _GREY = "#2f6db5", "#d9822b", "#777777"


def _axes(title: str, across: str, up: str) -> tuple[Any, Any]:
    import matplotlib as mpl  # noqa: PLC0415 -- only where it is used

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axes = pyplot.subplots(figsize=(7, 3.6), dpi=110)
    axes.set(title=title, xlabel=across, ylabel=up)
    axes.grid(visible=True, alpha=0.3)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def training_curve(results: Path, out: Path) -> None:
    """Draw loss and quality over the steps."""
    found = json.loads((results / "curve.json").read_text(encoding="utf-8"))
    figure, axes = _axes(f"Training: {len(found['runs'])} runs, and their mean", "step", "NDCG@10, development set")
    loss = axes.twinx()
    loss.set_ylabel("loss")
    for number, curve in enumerate(found["runs"]):
        steps = [point["step"] for point in curve]
        named = number == 0
        axes.plot(
            steps,
            [point["chunks"] for point in curve],
            color=_BLUE,
            alpha=0.5,
            label="each run, chunks as they come" if named else None,
        )
        loss.plot(
            steps, [point["loss"] for point in curve], color=_ORANGE, alpha=0.5, label="loss of each" if named else None
        )
    axes.axhline(found["kept"]["chunks"], color=_BLUE, linestyle="--", label="what is kept")
    lines = [line for line in (*axes.get_lines(), *loss.get_lines()) if not str(line.get_label()).startswith("_")]
    axes.legend(
        lines,
        [line.get_label() for line in lines],
        frameon=False,
        ncol=3,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
    )
    figure.savefig(out / "model-training.png", bbox_inches="tight")


def quality_and_size(results: Path, out: Path) -> None:
    """Draw quality against dimensions and the size of the table."""
    rows = json.loads((results / "sizes.json").read_text(encoding="utf-8"))
    figure, axes = _axes("Quality against size", "size of the vectors in MB", "NDCG@10, development set")
    for colour, name in ((_BLUE, "trained"), (_GREY, "distilled")):
        points = sorted((row["mb"], row["chunks"], row["dim"]) for row in rows if row["model"] == name)
        axes.plot([mb for mb, _, _ in points], [value for _, value, _ in points], color=colour, marker="o", label=name)
        for mb, value, dim in points:
            axes.annotate(f"{dim:.0f}", (mb, value), textcoords="offset points", xytext=(0, 7), ha="center", fontsize=8)
    axes.legend(frameon=False, loc="lower right")
    figure.savefig(out / "model-size.png", bbox_inches="tight")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "results")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    training_curve(options.results, options.out)
    quality_and_size(options.results, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
