# SPDX-License-Identifier: FSL-1.1-MIT
"""Draws docs/images/quality.png and latency.png from benchmarks/results; needs matplotlib (``pip install matplotlib``).

python benchmarks/quality/plot.py
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from latencies import read_latencies
from prepare import OUT, Library, published_mean
from scores import Rows, mean, read, selected

try:
    import matplotlib as mpl
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("matplotlib is not installed: pip install matplotlib")

_ROOT: Final = Path(__file__).resolve().parents[2]
_TABLE: Final = _ROOT / "benchmarks" / "results" / "quality.tsv"
_TIMES: Final = _TABLE.with_name("quality-latency.tsv")
_IMAGE: Final = _ROOT / "docs" / "images" / "quality.png"
_LATENCY: Final = _IMAGE.with_name("latency.png")
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
    "typos": "the same, source folders,\na letter wrong",
    "docs": "documentation →\ndefinition",
    "history": "commit →\nchanged files",
}
_MARKERS: Final = {"source": "o", "whole": "s"}
_SHORT: Final = {"source": "source folders", "whole": "whole repositories"}
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


def draw_latency(
    found: Mapping[tuple[str, str], float], times: Mapping[tuple[str, str], float], published: Mapping[str, float]
) -> None:
    """Draw quality against the time of a search; what others published has a quality only."""
    figure, axes = plt.subplots(figsize=(8, 4.2), dpi=150)
    for system, (label, colour) in _SYSTEMS.items():
        for name, marker in _MARKERS.items():
            if (taken := times.get((name, system))) is not None:
                title = f"{label}, {_SHORT[name]}"
                axes.scatter(
                    taken, found[name, system], s=60, c=colour, marker=marker, edgecolors="#57606a", label=title
                )
    for number, (label, value) in enumerate(sorted(published.items(), key=lambda entry: -entry[1])):
        axes.axhline(value, color="#8b949e", linestyle=(0, (4, 2 + 2 * number)), linewidth=1)
        axes.annotate(
            f"{label}: {value:.3f}, published, source folders",
            (0.01, value),
            xycoords=("axes fraction", "data"),
            va="bottom" if number % 2 == 0 else "top",
            fontsize=7,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("median time of a search, ms, the index being open")
    axes.set_ylabel("NDCG@10, results as they come")
    axes.set_ylim(0, 1)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7, frameon=False, loc="lower left", bbox_to_anchor=(0.3, 0.15))
    figure.tight_layout()
    figure.savefig(_LATENCY)


def main() -> None:
    """Draw both."""
    found = means(read(_TABLE))
    draw(found, _IMAGE)
    times = {(entry.set_name, entry.system): entry.p50_ms for entry in read_latencies(_TIMES)}
    library = Library(OUT)
    names = sorted(library.repositories())
    means_of = ((tool, published_mean(figures, names)) for tool, figures in library.published().items())
    draw_latency(found, times, {tool: value for tool, value in means_of if value is not None and tool != "ripgrep"})


if __name__ == "__main__":
    main()
