# SPDX-License-Identifier: FSL-1.1-MIT
"""Prints where semble finds the answers to questions, as JSON. Started with the Python of semble's environment.

semble_places.py DIR QUESTIONS DEPTH
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def places(folder: str, questions: Sequence[str], depth: int) -> list[tuple[list[tuple[str, int, int, int]], float]]:
    """Index a folder and return path, first line, last line and size in bytes of each result, and milliseconds."""
    from semble.index import SembleIndex  # type: ignore[import-not-found]  # noqa: PLC0415 -- after the environment

    try:
        index = SembleIndex.from_path(folder)
    except ValueError:  # it says so where a folder holds nothing that it indexes
        return [([], 0.0) for _ in questions]
    found = []
    for question in [*questions[:1], *questions]:  # the first once for nothing
        started = time.perf_counter()
        chunks = [result.chunk for result in index.search(question, top_k=depth)]
        elapsed_ms = (time.perf_counter() - started) * 1000
        places = [(c.file_path, c.start_line, c.end_line, len(c.content.encode("utf-8", "replace"))) for c in chunks]
        found.append((places, elapsed_ms))
    return found[1:]


if __name__ == "__main__":
    os.environ.setdefault("SEMBLE_INDEX_WORKERS", "4")
    asked = json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    print(json.dumps(places(sys.argv[1], asked, int(sys.argv[3]))))
