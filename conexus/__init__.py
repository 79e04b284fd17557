"""Code-context retrieval: index repositories, search them by meaning."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from conexus.errors import ConexusError
from conexus.types import Chunk, Hit, SearchRequest

try:
    __version__ = version("conexus")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+source"

__all__ = ["Chunk", "ConexusError", "Hit", "SearchRequest", "__version__"]
