# SPDX-License-Identifier: FSL-1.1-MIT
"""The process that the vector engine runs in: it maps its files, and dies where the disk is full or fails.

It does what :mod:`conexus.adapters.engine_process` asks on stdin, several things at once, and ends with stdin, or with
the thread that started it. Its arguments are the folder of the shards and the number of the process that started it.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from conexus.adapters.child_side import belong_to_parent
from conexus.adapters.edge_store import EdgeStore
from conexus.adapters.engine_calls import EngineCalls
from conexus.adapters.engine_wire import pack, unpack
from conexus.adapters.memory_use import limit_memory
from conexus.adapters.worker_wire import read_frame, write_frame

_THREADS = 32


def main() -> None:
    """Answer until stdin ends."""
    belong_to_parent()
    limit_memory()
    engine = EngineCalls(EdgeStore(Path(os.fsdecode(sys.argv[1]))), lets_in=True)
    writing = threading.Lock()

    def answer(number: int, name: str, arguments: list[Any]) -> None:
        reply = engine.reply(name, arguments)
        with writing, suppress(OSError):
            write_frame(sys.stdout.buffer, pack((number, *reply)))

    threads = ThreadPoolExecutor(_THREADS)
    searches = ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2))  # each of them is at work on all cores
    while (payload := read_frame(sys.stdin.buffer)) is not None:
        number, name, *arguments = unpack(payload)
        (searches if name == "search_all" else threads).submit(answer, number, name, arguments)
    engine.take_doors_away()
    os._exit(0)  # whatever is under way: nobody waits for it


if __name__ == "__main__":
    main()
