# SPDX-License-Identifier: FSL-1.1-MIT
"""What the connections of one process keep of their databases."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

_READ = """
import sqlite3, sys
from conexus.adapters.memory_use import own_private_bytes
from conexus.adapters.sqlite_connection import limit_caches
if sys.argv[2] != "0":
    limit_caches(int(sys.argv[2]))
before = own_private_bytes()
connections = [sqlite3.connect(sys.argv[1]) for _ in range(10)]
for db in connections:
    db.execute("PRAGMA cache_size = -4000")
    assert db.execute("SELECT sum(length(text)) FROM texts").fetchone() == (8_000_000,)
print(own_private_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the system does not say what a process holds")
def test_connections_share_one_limit(tmp_path: Path) -> None:
    """Ten connections that read all of a database keep less than two would without the limit."""
    path = tmp_path / "texts.db"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE texts (text TEXT)")
        db.executemany("INSERT INTO texts VALUES (?)", (("x" * 1_000,) for _ in range(8_000)))
    db.close()

    assert _kept(path, limit=0) > 30_000_000
    assert _kept(path, limit=2_000_000) < 8_000_000


def _kept(path: Path, limit: int) -> int:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _READ, str(path), str(limit)], check=True, capture_output=True, text=True
    )
    return int(done.stdout)
