# SPDX-License-Identifier: FSL-1.1-MIT
"""Looks at processes from outside, and waits for what they do."""

from __future__ import annotations

import time
from collections.abc import Callable

from conexus.adapters.process_state import process_state


def is_there(pid: int) -> bool:
    """Whether a process has not ended."""
    state = process_state(pid)
    return state is not None and not state.is_over


def until(is_so: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Wait until something is so; whether it is."""
    end = time.monotonic() + seconds
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    return is_so()
