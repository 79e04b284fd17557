# SPDX-License-Identifier: FSL-1.1-MIT
"""Has every Python process that a test starts say when it may write to an index, and when it does.

Put this folder first into ``PYTHONPATH``. Each process adds lines to the file that ``TEST_MARKS`` names: the
monotonic time, which is the system's, its number, and ``ask`` before it asks for a lock, ``enter`` and ``leave`` around
a run of the indexer, and ``write`` before and after each change of vectors and catalog. With ``TEST_UNLOCKED`` nobody
waits for a lock, which the test must notice.
"""

import contextlib
import functools
import os
import sys
import time

from conexus.adapters.edge_store import EdgeVectorShard
from conexus.adapters.process_locks import FileLocks
from conexus.adapters.sqlite_catalog import SqliteCatalog
from conexus.indexing.pipeline import Indexer

# The process of the vector engine writes for the one that started it, also when that one is gone.
_WHO = os.getppid() if "conexus.vector_engine" in sys.orig_argv else os.getpid()
_FILE = os.open(os.environ["TEST_MARKS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _mark(what):  # type: ignore[no-untyped-def]
    os.write(_FILE, f"{time.monotonic_ns()} {_WHO} {what}\n".encode("ascii"))


def _marked(owner, name, before, after):  # type: ignore[no-untyped-def]
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*arguments, **options):  # type: ignore[no-untyped-def]
        _mark(before)
        try:
            return real(*arguments, **options)
        finally:
            if after:
                _mark(after)

    setattr(owner, name, wrapped)


if "TEST_UNLOCKED" in os.environ:
    FileLocks.view = lambda *_arguments, **_options: contextlib.nullcontext()  # type: ignore[method-assign, assignment]
_marked(FileLocks, "view", "ask", "")
_marked(Indexer, "run", "enter", "leave")
for _name in ("upsert", "delete_files", "flush", "optimize"):
    _marked(EdgeVectorShard, _name, "write", "write")
for _name in ("begin_index", "open_batch", "commit_batch", "finish_index", "activate", "forget_unfinished"):
    _marked(SqliteCatalog, _name, "write", "write")
