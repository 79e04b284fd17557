# SPDX-License-Identifier: FSL-1.1-MIT
"""Indexing waits for others."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from conexus.adapters.priority import lower_thread

_IN_CHILD = """
import os
from conexus.adapters.priority import lower_process
lower_process()
lower_process()
print(os.getpriority(os.PRIO_PROCESS, 0))
"""


def test_a_process_lowers_its_priority_once() -> None:
    """To a niceness of ten, however often it asks; one that has a lower priority already keeps it."""
    done = subprocess.run([sys.executable, "-c", _IN_CHILD], capture_output=True, text=True, check=True)
    assert int(done.stdout) == max(10, os.getpriority(os.PRIO_PROCESS, 0))
    nicer = ["nice", "-n", "15", sys.executable, "-c", _IN_CHILD]
    done = subprocess.run(nicer, capture_output=True, text=True, check=True)
    assert int(done.stdout) == min(19, 15 + os.getpriority(os.PRIO_PROCESS, 0))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a thread has a priority of its own on Linux alone")
def test_a_thread_lowers_its_own_priority_and_no_others() -> None:
    """Those that answer questions come first."""
    before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    seen: list[int] = []

    def work() -> None:
        lower_thread()
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [max(10, before)]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
