# SPDX-License-Identifier: FSL-1.1-MIT
"""Runs searches in one process, as a daemon or a library would, and prints their times as JSON.

conexus_side.py DATA QUESTIONS [--parts]
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from processes import HAS_PROC, memory_of

from conexus import bootstrap
from conexus.adapters.disk_freshness import DiskFreshness
from conexus.config import Config, StoreOptions
from conexus.ports import Catalog, Embedder, VectorShard
from conexus.search import engine as search_engine
from conexus.search.heads import ChunkHeads
from conexus.types import LOCAL_USER, Checkout, Freshness, IndexedView, SearchFilter, SearchRequest, StoredChunk

_P = ParamSpec("_P")
_R = TypeVar("_R")
_WARM_UP = 10
_WHO = LOCAL_USER
_FILTERS = {
    "language": SearchFilter(languages=frozenset({"python"})),
    "no tests": SearchFilter(tests=False),
    "functions": SearchFilter(kinds=frozenset({"function"})),
    "path `*.py`": SearchFilter(path_globs=("*.py",)),
}


def measure(data: Path, questions: Sequence[str]) -> dict[str, Any]:
    """Ask every question once, then some of them under filters; times in ms."""
    started = time.perf_counter()
    app = bootstrap.build(Config(store=StoreOptions(path=str(data))), keep_open=True)
    service = app.service
    service.search(SearchRequest(questions[0]), _WHO)
    opened = time.perf_counter() - started
    service.engine.wait()
    in_memory = time.perf_counter() - started - opened
    for question in questions[:_WARM_UP]:
        service.search(SearchRequest(question), _WHO)

    def times(where: SearchFilter, asked: Sequence[str]) -> list[float]:
        found = []
        for question in asked:
            began = time.perf_counter()
            service.search(SearchRequest(question, where=where), _WHO)
            found.append((time.perf_counter() - began) * 1000)
        return found

    used = time.process_time()
    plain = times(SearchFilter(), questions)
    used = time.process_time() - used
    memory = memory_of([os.getpid()]) if HAS_PROC else None
    filtered = {name: times(where, questions[: len(questions) // 4]) for name, where in _FILTERS.items()}
    status = service.status(_WHO)[0]
    service.close()
    return {
        "open_s": opened,
        "heads_s": in_memory,
        "times_ms": plain,
        "cpu_ms": used * 1000 / len(plain),
        "filtered_ms": filtered,
        "chunks": status.chunks,
        "memory_bytes": memory.total_bytes if memory else 0,
        "private_bytes": memory.private_bytes if memory else 0,
    }


# ------------------------------------------------------------- where the time goes


class _Parts:
    """Time by part of the search under way."""

    def __init__(self) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)

    def timing(self, name: str, call: Callable[_P, _R]) -> Callable[_P, _R]:
        """Wrap a function so that its time is added up."""

        def timed(*args: _P.args, **named: _P.kwargs) -> _R:
            started = time.perf_counter()
            try:
                return call(*args, **named)
            finally:
                self.spent[name] += (time.perf_counter() - started) * 1000

        return timed


class _Timed:
    """Stands for an object and times its methods."""

    def __init__(self, inner: object, parts: _Parts, prefix: str) -> None:
        self._inner, self._parts, self._prefix = inner, parts, prefix

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 -- whatever it stands for has
        found = getattr(self._inner, name)
        return self._parts.timing(f"{self._prefix}: {name}", found) if callable(found) else found


def parts_of(data: Path, questions: Sequence[str]) -> dict[str, list[float]]:
    """Return the time in ms that each part took of each search; ``whole`` is all of it."""
    parts = _Parts()
    service = bootstrap.build(Config(store=StoreOptions(path=str(data))), keep_open=True).service
    view = service.catalog.views()[0]
    if view.live is None:
        raise ValueError("the index is not there")
    fresh = DiskFreshness(lambda found: service.trees(Checkout(found.root, found.repo, found.name)))

    def freshness(view: IndexedView, chunks: Sequence[StoredChunk]) -> list[Freshness]:
        return fresh(view, chunks)

    for name in ("analyse", "encode_query", "rank", "focus_of"):
        setattr(search_engine, name, parts.timing(f"search: {name}", getattr(search_engine, name)))
    model = cast("Embedder", _Timed(bootstrap.embedder(bootstrap.DEFAULT_MODEL), parts, "model"))
    shard = service.store.open(view.live.id, view.live.dim)
    engine = search_engine.SearchEngine(
        cast("Catalog", _Timed(service.catalog, parts, "catalog")),
        lambda _: model,
        parts.timing("disk: freshness", freshness),
        heads=ChunkHeads(service.catalog, keep=True),
    )
    searchable = search_engine.SearchableView(view, view.live, cast("VectorShard", _Timed(shard, parts, "vectors")))
    found: list[dict[str, float]] = []
    engine.run(SearchRequest(questions[0]), [searchable])
    engine.wait()
    for question in [*questions[:_WARM_UP], *questions]:
        parts.spent.clear()
        parts.timing("whole", engine.run)(SearchRequest(question), [searchable])
        found.append(dict(parts.spent))
    engine.close()
    shard.close()
    service.close()
    names = sorted({name for spent in found for name in spent})
    return {name: [spent.get(name, 0.0) for spent in found[_WARM_UP:]] for name in names}


def _main(arguments: Sequence[str]) -> None:
    data, questions = Path(arguments[0]), json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    print(json.dumps((parts_of if "--parts" in arguments else measure)(data, questions)))


if __name__ == "__main__":
    _main(sys.argv[1:])
