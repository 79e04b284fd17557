"""Code-context retrieval: index repositories, search them by meaning."""

from __future__ import annotations

from conexus.errors import ConexusError
from conexus.types import Chunk, Hit, SearchRequest

__all__ = ["Chunk", "ConexusError", "Hit", "SearchRequest", "__version__"]


def __getattr__(name: str) -> str:
    """Look the version up when it is asked for: the look-up takes longer than all other imports here."""
    if name != "__version__":
        raise AttributeError(name)
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 -- see above

    try:
        return version("conexus")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "0+source"
