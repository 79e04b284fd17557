# SPDX-License-Identifier: FSL-1.1-MIT
"""Keeps the system from writing the memory of a process that crashes: it holds what was indexed, and tokens."""

from __future__ import annotations

import contextlib
import resource

# Linux hands a dump to a program, where one is named for it, whatever the limit is, unless that is 1. No dump fits in.
_NONE = 1


def forbid_core_dumps() -> None:
    """Have none written of this process and its children, unless they ask for it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (_NONE if hard == resource.RLIM_INFINITY else min(_NONE, hard), hard))


def core_dump_bytes() -> int | None:
    """Return how large a dump of this process may be; ``None`` for any size."""
    soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
    if soft == resource.RLIM_INFINITY:
        return None
    return 0 if soft <= _NONE else soft
