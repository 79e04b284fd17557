# SPDX-License-Identifier: FSL-1.1-MIT
"""Code-context retrieval: index repositories, search them by meaning. :mod:`conexus.client` has the Python API."""

TYPE_CHECKING = False  # as of `typing`, which takes as long to import as all else that is needed to stop by Ctrl-C
if TYPE_CHECKING:
    from conexus.client import AsyncCode, Code, Filter, connect, connect_async, open, open_async  # noqa: A004
    from conexus.errors import ConexusError
    from conexus.types import Chunk, Hit, SearchRequest

__version__ = "0.1.0"

_API = {
    **dict.fromkeys(("AsyncCode", "Code", "Filter", "connect", "connect_async", "open", "open_async"), "client"),
    **dict.fromkeys(("Chunk", "Hit", "SearchRequest"), "types"),
    "ConexusError": "errors",
}


def __getattr__(name: str) -> object:
    """Import the API when it is first used: commands start without it, and know what Ctrl-C means before all else."""
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 -- see above

    return getattr(import_module(f"conexus.{_API[name]}"), name)


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
