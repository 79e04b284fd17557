# SPDX-License-Identifier: FSL-1.1-MIT
"""Gives every Python process that a test starts a clock that a file sets: put this folder first into ``PYTHONPATH``.

The file that ``TEST_CLOCK`` names holds the seconds to add to the system's clock, at that moment. The monotonic clock
and the times of files stay as they are. The next ``sitecustomize`` of the path is run as well.
"""

import importlib.util
import os
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path

_FILE = Path(os.environ["TEST_CLOCK"])
_time_ns = time.time_ns


def _now_ns():  # type: ignore[no-untyped-def]
    return _time_ns() + int(_FILE.read_text("ascii")) * 1_000_000_000


time.time_ns = _now_ns
time.time = lambda: _now_ns() / 1e9

_others = [folder for folder in sys.path if folder and Path(folder).resolve() != Path(__file__).resolve().parent]
_next = PathFinder.find_spec("sitecustomize", _others)
if _next is not None and _next.loader is not None:
    _next.loader.exec_module(importlib.util.module_from_spec(_next))
