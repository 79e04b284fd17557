# SPDX-License-Identifier: FSL-1.1-MIT
"""Makes a thread or process wait for others: for the processor by its niceness, for the disk by its I/O class.

Both are wishes; where the system takes no such wish nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading

_NICENESS = 10
# ioprio_set(2), which libc does not wrap: its number by machine, and what is set.
_CALLS = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "loongarch64": 30, "ppc64le": 273, "s390x": 282}
_WHO_PROCESS = 1
_BEST_EFFORT_LAST = 2 << 13 | 7  # not the idle class: what it holds others may wait for


def lower_thread() -> None:
    """Make the thread that calls wait for others. On Linux alone, where a thread has a priority of its own."""
    if sys.platform.startswith("linux"):
        _lower(threading.get_native_id())


def lower_process() -> None:
    """Make this process wait for others, and the threads that it will have."""
    _lower(0)


def _lower(which: int) -> None:
    with contextlib.suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, which) < _NICENESS:
            os.setpriority(os.PRIO_PROCESS, which, _NICENESS)
    number = _CALLS.get(platform.machine()) if sys.platform.startswith("linux") else None
    if number is not None:
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).syscall(number, _WHO_PROCESS, which, _BEST_EFFORT_LAST)
