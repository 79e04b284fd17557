"""Measures how fast the default model embeds the files of a folder, in one process.

python -m training.speed FOLDER [SUFFIX]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from conexus.adapters.static_embedder import StaticEmbedder

_CHUNK_CHARS = 1_500
_BATCH = 64


def main() -> None:
    """Print the time to load, and the rate on text that is seen for the first and the second time."""
    parser = argparse.ArgumentParser(description="Measures how fast the default model embeds a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("suffix", nargs="?", default=".py")
    arguments = parser.parse_args()

    chunks = []
    for path in sorted(arguments.folder.rglob(f"*{arguments.suffix}")):
        text = path.read_text(encoding="utf-8", errors="replace")
        chunks += [text[start : start + _CHUNK_CHARS] for start in range(0, len(text), _CHUNK_CHARS)]
    size = sum(map(len, chunks))
    print(f"{len(chunks)} chunks, {size / 1e6:.1f} million characters")

    started = time.perf_counter()
    embedder = StaticEmbedder()
    print(f"load: {(time.perf_counter() - started) * 1e3:.1f} ms")
    for turn in ("first", "second"):
        started, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(chunks), _BATCH):
            embedder.embed_documents(chunks[start : start + _BATCH])
        elapsed = time.perf_counter() - started
        cores = (time.process_time() - cpu) / elapsed
        rate = f"{len(chunks) / elapsed:,.0f} chunks/s, {size / elapsed / 1e6:.1f} million characters/s"
        print(f"{turn} time: {rate}, {cores:.2f} cores")


if __name__ == "__main__":
    main()
