# SPDX-License-Identifier: FSL-1.1-MIT
"""Implements Locks for a store that no other process can see."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path


class NoLocks:
    """Grants every lock."""

    def view(self, root: Path, purpose: str, wait_s: float, of: str = "") -> AbstractContextManager[None]:
        """Hold nothing."""
        return nullcontext()
