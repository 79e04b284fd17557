# SPDX-License-Identifier: FSL-1.1-MIT
"""What can be said of an embedding model without using it, and who uses it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from conexus import bootstrap
from conexus.adapters.model2vec_embedder import is_model2vec
from conexus.adapters.model_files import MODEL_FOLDER, is_static_model, read_model
from conexus.errors import ConexusError
from conexus.types import ViewStatus
from conexus.values import dataclass

STATIC, MODEL2VEC, TRANSFORMER = "conexus", "model2vec", "sentence-transformers"
_DIMENSIONS = ("word_embedding_dimension", "embedding_dimension", "out_features")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """An embedding model, as ``conexus model`` shows it."""

    model: str
    """What the setting ``index.model`` says: ``default``, or a folder."""
    name: str
    kind: str
    dim: int | None
    """``None`` where only loading it would tell."""
    pieces: int | None
    size_bytes: int
    languages: str
    licence: str
    fingerprint: str | None
    digest: str
    """``ok``; ``none`` where nothing says what the files must be; ``damaged``."""
    problem: str = ""
    hint: str = ""
    known_as: str = ""
    """The model of an index that was built with it."""

    def used_by(self, found: Sequence[ViewStatus]) -> list[ViewStatus]:
        """Return the indexes that were built with it."""
        return [status for status in found if status.model in {self.known_as, self.model}]


def folder_of(model: str) -> Path:
    """Return where a model's files are."""
    return MODEL_FOLDER if model == bootstrap.DEFAULT_MODEL else Path(model).expanduser().absolute()


def describe(model: str) -> ModelInfo:
    """Describe a model; what is wrong with it is part of the description."""
    folder = folder_of(model)
    kind = _kind(folder)
    try:
        embedder = bootstrap.embedder(model)
        if kind == STATIC:
            return _static(model, folder, embedder.fingerprint, embedder.name)
        dim = embedder.dim if kind == MODEL2VEC else _transformer_dim(folder)
    except ConexusError as error:
        size = _size(folder) if folder.is_dir() else 0
        damaged = "damaged" if kind == STATIC else "none"
        return ModelInfo(
            model, folder.name, kind, None, None, size, "", "", None, damaged, error.message, error.hint or ""
        )
    return ModelInfo(
        model, folder.name, kind, dim, None, _size(folder), "", "", embedder.fingerprint, "none", known_as=embedder.name
    )


def _kind(folder: Path) -> str:
    if folder == MODEL_FOLDER or is_static_model(folder):
        return STATIC
    return MODEL2VEC if is_model2vec(folder) else TRANSFORMER


def _static(model: str, folder: Path, fingerprint: str, known_as: str) -> ModelInfo:
    found = read_model(folder)
    return ModelInfo(
        model=model,
        name=found.name,
        kind=STATIC,
        dim=int(found.vectors.shape[1]),
        pieces=len(found.vocabulary),
        size_bytes=found.size_bytes,
        languages=_text(found.described, "languages"),
        licence=_text(found.described, "licence"),
        fingerprint=fingerprint,
        digest="ok",
        known_as=known_as,
    )


def _text(described: Mapping[str, object], key: str) -> str:
    value = described.get(key, "")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _transformer_dim(folder: Path) -> int | None:
    """Return what the last part of a model that tells says of the length of its vectors."""
    dim = None
    try:
        for module in json.loads((folder / "modules.json").read_text(encoding="utf-8")):
            config = folder / str(module["path"]) / "config.json"
            described = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
            dim = next((described[key] for key in _DIMENSIONS if isinstance(described.get(key), int)), dim)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return dim
