"""Code-context retrieval: index repositories, search them by meaning."""

from __future__ import annotations

from conexus.errors import ConexusError
from conexus.types import Chunk, Hit, SearchRequest

__version__ = "0.1.0"

__all__ = ["Chunk", "ConexusError", "Hit", "SearchRequest", "__version__"]
