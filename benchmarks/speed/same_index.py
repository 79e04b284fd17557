# SPDX-License-Identifier: FSL-1.1-MIT
"""Compares two indexes of one tree, row by row and vector by vector.

same_index.py DATA OTHER

Ends with 1 where they differ. Numbers of files, times and inodes do not count: they differ from run to run.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import qdrant_edge as engine

from conexus.adapters.edge_store import EdgeStore
from conexus.types import IndexId

_ROWS = {
    "files": "SELECT f.path, f.size, f.hash, f.skipped, f.rules, f.detail, f.language, f.encoding, f.mode, f.tags, "
    "f.redactions, f.chunks, f.uses FROM files f",
    "chunks": "SELECT f.path, c.ordinal, c.id, c.start_byte, c.end_byte, c.start_line, c.end_line, c.kind, c.symbol, "
    "c.signature, c.checksum, t.text, t.crc FROM chunks c JOIN files f ON f.id = c.file "
    "JOIN texts t ON t.key = c.file << 20 | c.ordinal",
    "symbols": "SELECT f.path, s.name, s.key, s.kind, s.start_byte, s.end_byte, s.start_line, s.end_line, "
    "s.name_line, s.chunk, s.parent, s.signature, s.doc FROM symbols s JOIN files f ON f.id = s.file",
    "refs": "SELECT f.path, r.name, r.lines FROM refs r JOIN files f ON f.id = r.file",
    "imports": "SELECT f.path, i.target, i.line FROM imports i JOIN files f ON f.id = i.file",
    "words": "SELECT f.path, w.word, w.words FROM name_words w JOIN files f ON f.id = w.file",
}
_PAGE = 2_000


def rows(data: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return all that the index of a data folder holds, by table, in an order that does not depend on the run."""
    with closing(sqlite3.connect(f"{(data / 'catalog.sqlite').as_uri()}?mode=ro", uri=True)) as catalog:
        index, dim = catalog.execute("SELECT id, dim FROM indexes WHERE live").fetchone()
        found = {name: sorted(catalog.execute(sql).fetchall(), key=repr) for name, sql in _ROWS.items()}
        paths = dict(catalog.execute("SELECT id, path FROM files"))
    with closing(EdgeStore(data / "vectors").open(IndexId(index), dim)) as shard:
        found["vectors"] = sorted((p.id, paths[p.file], p.checksum) for p in shard.points())
    found["payloads"] = sorted(_payloads(data / "vectors" / str(index), paths), key=repr)
    return found


def _payloads(folder: Path, paths: dict[int, bytes]) -> Iterator[tuple[object, ...]]:
    shard = engine.EdgeShard.load(str(folder))
    try:
        offset: engine.PointId | None = None
        while True:
            records, offset = shard.scroll(engine.ScrollRequest(offset, _PAGE, with_payload=True))
            for record in records:
                fields = dict(record.payload or {})
                path = paths[int(str(fields.pop("f")))]
                yield str(record.id), path, *sorted(fields.items())
            if offset is None:
                return
    finally:
        shard.close()


def main(first: Path, second: Path) -> int:
    """Compare and print; return the exit code."""
    one, other = rows(first), rows(second)
    differs = 0
    for name, held in one.items():
        same = held == other[name]
        differs |= not same
        print(f"{name}: {len(held):,} and {len(other[name]):,}, {'the same' if same else 'DIFFERENT'}")
        if not same:
            for mine, theirs in [pair for pair in zip(held, other[name], strict=False) if pair[0] != pair[1]][:3]:
                print(f"  {mine!r}\n  {theirs!r}")
    return int(differs)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()))
