# SPDX-License-Identifier: FSL-1.1-MIT
"""An embedder that remembers the vectors of questions in a cache, for models that take long to make one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from conexus.ports import Cache, Embedder
from conexus.types import DenseMatrix, DenseVector

_BYTES = 4  # of a float32


class CachedQueries:
    """Implements Embedder with another one.

    Args:
        inner: Makes the vectors.
        cache: Keeps those of questions. What it gives back in another size is made anew.
    """

    def __init__(self, inner: Embedder, cache: Cache) -> None:
        self._inner = inner
        self._cache = cache

    @property
    def name(self) -> str:
        """Short name for people."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """That of the other one."""
        return self._inner.fingerprint

    @property
    def dim(self) -> int:
        """Length of every vector."""
        return self._inner.dim

    @property
    def is_fast(self) -> bool:
        """Whether embedding costs less than a cache look-up."""
        return self._inner.is_fast

    def knows(self, word: str) -> bool:
        """Whether a lower-case word is one of the model's own."""
        return self._inner.knows(word)

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Return the vectors of texts of an index, which has a cache of its own."""
        return self._inner.embed_documents(texts)

    def embed_query(self, text: str) -> DenseVector:
        """Return the vector of a question."""
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        key = f"query-vector:{self.fingerprint}:{digest}"
        known = self._cache.get(key)
        if known is not None and len(known) == self.dim * _BYTES:
            return np.frombuffer(known, dtype="<f4").astype(np.float32)
        vector = self._inner.embed_query(text)
        self._cache.put(key, vector.astype("<f4").tobytes())
        return vector
