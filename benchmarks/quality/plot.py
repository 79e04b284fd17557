"""Draws docs/images/quality.png from benchmarks/results/quality.tsv; needs matplotlib (``pip install matplotlib``).

python benchmarks/quality/plot.py
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from scores import Rows, mean, read, selected

_ROOT: Final = Path(__file__).resolve().parents[2]
_TABLE: Final = _ROOT / "benchmarks" / "results" / "quality.tsv"
_IMAGE: Final = _ROOT / "docs" / "images" / "quality.png"
_SYSTEMS: Final = {
    "conexus": ("Conexus", "#1f6feb"),
    "semble": ("semble, with the same vectors", "#f0883e"),
    "bm25-windows": ("BM25, windows of 50 lines", "#8b949e"),
    "ripgrep": ("ripgrep, whole question", "#d0d7de"),
}
_SETS: Final = {
    "source": "public questions,\nsource folders",
    "whole": "the same,\nwhole repositories",
    "whole-nostem": "the same, without the\nwords of the file's name",
    "docs": "documentation →\ndefinition",
    "history": "commit →\nchanged files",
}
_WIDTH: Final = 0.2


def means(rows: Rows) -> Mapping[tuple[str, str], float]:
    """Return NDCG@10 by set and system; 0 for what was not measured."""
    return {
        (name, system): mean(selected(rows, name, system), lambda row: row.ndcg) or 0.0
        for name in _SETS
        for system in _SYSTEMS
    }


def draw(found: Mapping[tuple[str, str], float], image: Path) -> None:
    """Draw a bar a system for every set."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(10, 4.2), dpi=150)
    places = np.arange(len(_SETS))
    for number, (system, (label, colour)) in enumerate(_SYSTEMS.items()):
        heights = [found[name, system] for name in _SETS]
        bars = axes.bar(places + (number - 1.5) * _WIDTH, heights, _WIDTH, label=label, color=colour)
        axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=1)
    axes.set_xticks(places, list(_SETS.values()), fontsize=8)
    axes.set_ylim(0, 1)
    axes.set_ylabel("NDCG@10, results as they come")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    figure.tight_layout()
    image.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(image)


if __name__ == "__main__":
    draw(means(read(_TABLE)), _IMAGE)
