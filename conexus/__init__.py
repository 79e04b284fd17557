# SPDX-License-Identifier: FSL-1.1-MIT
"""Code-context retrieval: index repositories, search them by meaning. :mod:`conexus.client` has the Python API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conexus.errors import ConexusError
from conexus.types import Chunk, Hit, SearchRequest

if TYPE_CHECKING:
    from conexus.client import AsyncCode, Code, Filter, connect, connect_async, open, open_async  # noqa: A004

__version__ = "0.1.0"

_API = frozenset({"AsyncCode", "Code", "Filter", "connect", "connect_async", "open", "open_async"})


def __getattr__(name: str) -> object:
    """Import the API when it is first used: commands start without it."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from conexus import client  # noqa: PLC0415 -- see above

    return getattr(client, name)


__all__ = [
    "AsyncCode",
    "Chunk",
    "Code",
    "ConexusError",
    "Filter",
    "Hit",
    "SearchRequest",
    "__version__",
    "connect",
    "connect_async",
    "open",
    "open_async",
]
