# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures how fast a static model loads, and how fast it embeds the files of a folder, in one process.

    python -m training.speed FOLDER [SUFFIX] [--model FOLDER]

Rates are given by the clock and by processor time: on a machine that is busy only the second says something.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from conexus.adapters.model_files import MODEL_FOLDER
from conexus.adapters.static_embedder import StaticEmbedder

_CHUNK_CHARS = 1_000
_BATCH = 64
_LOADS = 15


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock, and of processor time."""
    started, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - started, time.process_time() - cpu


def main() -> None:
    """Print the time to load, digests checked, and the rate on text seen for the first and the second time."""
    parser = argparse.ArgumentParser(description="Measures how fast a static model loads and embeds.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("suffix", nargs="?", default=".py")
    parser.add_argument("--model", type=Path, default=MODEL_FOLDER, help="folder of the model; the shipped one if not")
    arguments = parser.parse_args()

    chunks = []
    for path in sorted(arguments.folder.rglob(f"*{arguments.suffix}")):
        text = path.read_text(encoding="utf-8", errors="replace")
        chunks += [text[start : start + _CHUNK_CHARS] for start in range(0, len(text), _CHUNK_CHARS)]
    size = sum(map(len, chunks))
    print(f"{len(chunks):,} chunks of at most {_CHUNK_CHARS:,} characters, {size / 1e6:.1f} million in all")

    loads = [timed(lambda: StaticEmbedder(arguments.model)) for _ in range(_LOADS)]
    clock, cpu = ([each * 1e3 for each in column] for column in zip(*loads, strict=True))
    print(
        f"load, digests checked: {min(clock):.1f} ms at best, {statistics.median(clock):.1f} ms median of {_LOADS}; "
        f"processor time {min(cpu):.1f} and {statistics.median(cpu):.1f} ms"
    )
    embedder = StaticEmbedder(arguments.model)

    def embed_all() -> None:
        for start in range(0, len(chunks), _BATCH):
            embedder.embed_documents(chunks[start : start + _BATCH])

    for turn in ("first", "second"):
        elapsed, used = timed(embed_all)
        print(
            f"{turn} time: {len(chunks) / elapsed:,.0f} chunks/s, {size / elapsed / 1e6:.1f} million characters/s; "
            f"{len(chunks) / used:,.0f} chunks a second of processor time ({used / elapsed:.2f} cores)"
        )


if __name__ == "__main__":
    main()
