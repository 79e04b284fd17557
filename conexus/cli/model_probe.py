# SPDX-License-Identifier: FSL-1.1-MIT
"""Measures one model in a process of its own: ``python -m conexus.cli.model_probe``. JSON in, JSON out.

Started by ``conexus model bench``, so that what another model left in memory or in a cache does not count.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from conexus import bootstrap
from conexus.errors import ConexusError

_BATCH_TEXTS = 64
_SLOW_BATCH_TEXTS = 8
_MOST_S = 20.0
_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


def probe(model: str, texts: Sequence[str]) -> dict[str, float]:
    """Load a model, and embed texts that it has not seen until they or the time are at their end.

    Raises:
        EmbeddingError: The model cannot be used.
    """
    before, started = _peak_bytes(), time.perf_counter()
    embedder = bootstrap.embedder(model)
    embedder.embed_query("read a file")  # some models load at the first text
    loaded_s = time.perf_counter() - started
    step = _BATCH_TEXTS if embedder.is_fast else _SLOW_BATCH_TEXTS
    started, cpu, done = time.perf_counter(), time.process_time(), 0
    while done < len(texts) and time.perf_counter() - started < _MOST_S:
        done += len(embedder.embed_documents(texts[done : done + step]))
    elapsed, used = time.perf_counter() - started, time.process_time() - cpu
    return {
        "dim": embedder.dim,
        "load_ms": loaded_s * 1000,
        "chunks": done,
        "chunks_per_s": done / max(elapsed, 1e-9),
        "cores": used / max(elapsed, 1e-9),
        "memory_bytes": _peak_bytes() - before,
    }


def _peak_bytes() -> int:
    """Most memory that this process has held. Linux's ``ru_maxrss`` would start with that of the process before."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES


def main() -> int:
    """Run as a child process."""
    asked = json.load(sys.stdin)
    try:
        print(json.dumps(probe(asked["model"], asked["texts"])))  # noqa: T201 -- its answer
    except ConexusError as error:
        print(json.dumps({"error": error.message, "hint": error.hint}))  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
