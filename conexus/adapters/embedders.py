# SPDX-License-Identifier: FSL-1.1-MIT
"""Loads embedding models by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from conexus.adapters.model_files import is_static_model
from conexus.adapters.static_embedder import StaticEmbedder
from conexus.errors import IndexIncompatible
from conexus.ports import Embedder
from conexus.types import IndexInfo

DEFAULT_MODEL: Final = "default"


def embedder(name: str) -> Embedder:
    """Load an embedding model: ``default``, or the folder of one of the user's own.

    Raises:
        EmbeddingError: It cannot be loaded.
    """
    if name == DEFAULT_MODEL:
        return StaticEmbedder()
    folder = Path(name).expanduser()
    if is_static_model(folder):
        return StaticEmbedder(folder)
    from conexus.adapters.model2vec_embedder import Model2vecEmbedder, is_model2vec  # noqa: PLC0415 -- not usual

    if is_model2vec(folder):
        return Model2vecEmbedder(folder)
    from conexus.adapters.transformer_embedder import TransformerEmbedder  # noqa: PLC0415 -- brings torch

    return TransformerEmbedder(folder)


def embedder_of(index: IndexInfo, configured: str, model: Callable[[str], Embedder]) -> Embedder:
    """Return the model that an index was built with.

    Args:
        index: The index.
        configured: Name of the model that the settings name.
        model: Loads a model by name.

    Raises:
        IndexIncompatible: It is not there any more.
    """
    for name in dict.fromkeys((DEFAULT_MODEL, configured, index.model)):
        if name not in {DEFAULT_MODEL, configured} and not Path(name).is_dir():
            continue
        found = model(name)
        if found.fingerprint == index.model_fingerprint:
            return found
    raise IndexIncompatible(
        f"the index was built with the model {index.model}, which is not there any more",
        hint="run `conexus index` to build it with the present model",
    )


__all__ = ["DEFAULT_MODEL", "embedder", "embedder_of"]
