# SPDX-License-Identifier: FSL-1.1-MIT
"""Any sentence-transformers model in a local folder (implements ``Embedder``; extra ``conexus[transformers]``).

Nothing is ever fetched, no code of the model's own is run and no pickle is read: the folder is data. The
library takes seconds to import and hundreds of megabytes, so that is left until the first text.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from conexus.errors import EmbeddingError
from conexus.types import DenseMatrix, DenseVector

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_TEXTS = 16  # of 512 tokens: 200 MB of activations in a model of BERT's size
_MOST_TOKENS = 2_048  # memory grows with the square in many models; above the longest chunk of code
_TRUSTED_MODULES = "sentence_transformers."

_PICKLED: Final = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"})
_OTHER_RUNTIMES: Final = frozenset({"onnx", "openvino"})
_DOCUMENTATION: Final = frozenset({".md", ".png", ".jpg", ".svg"})

_INSTALL_HINT = "Run `pip install 'conexus[transformers]'`."
_FOLDER_HINT = "Set index.model to the folder of a sentence-transformers model, the one that holds modules.json."


class TransformerEmbedder:
    """Embeds text with a local sentence transformer. Safe for threads; texts are embedded one batch at a time.

    Args:
        folder: A model as ``SentenceTransformer.save`` writes it, weights in safetensors.
        batch_texts: Texts that are embedded together.

    Raises:
        EmbeddingError: The folder holds no such model, or the extra is not installed.
    """

    def __init__(self, folder: Path, *, batch_texts: int = _BATCH_TEXTS) -> None:
        self._folder = folder.absolute()
        self._batch_texts = batch_texts
        _check_modules(self._folder)
        _check_weights(self._folder)
        if importlib.util.find_spec("sentence_transformers") is None:
            raise EmbeddingError(f"The model {folder} needs sentence-transformers.", hint=_INSTALL_HINT)
        self._fingerprint = _folder_digest(self._folder)
        self._model: SentenceTransformer | None = None
        self._dim = 0
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """The model's folder, by which a later run finds it again."""
        return str(self._folder)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the names and contents of the folder's files, and the limit on tokens."""
        return self._fingerprint

    @property
    def dim(self) -> int:
        """Length of every vector. Loads the model.

        Raises:
            EmbeddingError: The model cannot be loaded.
        """
        self._loaded()
        return self._dim

    @property
    def is_fast(self) -> bool:
        """False: a chunk takes tens of milliseconds without a GPU."""
        return False

    def knows(self, word: str) -> bool:
        """Whether the model's tokenizer has a word as one piece. Loads the model."""
        with self._lock:
            return len(self._loaded().tokenizer.tokenize(word)) == 1

    def embed_documents(self, texts: Sequence[str]) -> DenseMatrix:
        """Embed texts with the model's own prompt for documents, where it has one.

        Returns:
            Shape ``(len(texts), dim)``, float32, rows of L2 norm 1. A text gives the same vector whatever
            the others are, up to rounding (about 1e-6).
        """
        if not texts:
            return np.zeros((0, self.dim), dtype=np.float32)
        return self._encode(texts, as_query=False)

    def embed_query(self, text: str) -> DenseVector:
        """Embed a query with the model's own prompt for queries, where it has one."""
        vector: DenseVector = self._encode([text], as_query=True)[0]
        return vector

    def _encode(self, texts: Sequence[str], *, as_query: bool) -> DenseMatrix:
        with self._lock:
            model = self._loaded()
            try:
                vectors = _encode(model, texts, self._batch_texts, as_query=as_query)
            except Exception as exc:  # the library lets whatever its backends raise through
                raise EmbeddingError(f"The model {self.name} failed: {_reason(exc)}.") from exc
        if not np.isfinite(vectors).all():
            raise EmbeddingError(f"The model {self.name} gave vectors that are not finite.")
        return vectors

    def _loaded(self) -> SentenceTransformer:
        with self._lock:
            if self._model is None:
                try:
                    model = _load(self._folder)
                    self._dim = _encode(model, [""], 1, as_query=False).shape[1]
                except ImportError as exc:
                    message = f"sentence-transformers cannot be imported: {_reason(exc)}."
                    raise EmbeddingError(message, hint=_INSTALL_HINT) from exc
                except Exception as exc:  # as above: no common base, safetensors has its own
                    message = f"The model in {self._folder} cannot be loaded: {_reason(exc)}."
                    raise EmbeddingError(message, hint=_FOLDER_HINT) from exc
                self._model = model
            return self._model


def _load(folder: Path) -> SentenceTransformer:
    from huggingface_hub import constants  # noqa: PLC0415 (part of the extra)
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 (takes seconds)

    constants.HF_HUB_OFFLINE = True  # read where it is used, so that it holds whatever the environment says
    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    model = SentenceTransformer(
        str(folder),
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )
    model.max_seq_length = min(model.max_seq_length or _MOST_TOKENS, _MOST_TOKENS)
    return model


def _encode(model: SentenceTransformer, texts: Sequence[str], batch_texts: int, *, as_query: bool) -> DenseMatrix:
    encode = model.encode_query if as_query else model.encode_document
    vectors = encode(
        [text.encode("utf-8", "replace").decode("utf-8") for text in texts],  # tokenizers refuse lone surrogates
        batch_size=batch_texts,
        show_progress_bar=False,
        convert_to_numpy=True,
        normalize_embeddings=True,
    )
    return np.asarray(vectors, dtype=np.float32)


def _check_modules(folder: Path) -> None:
    """Refuse a folder that is no model, or whose model is made of code from elsewhere."""
    listing = folder / "modules.json"
    try:
        modules = [(str(each["type"]), Path(str(each["path"]))) for each in json.loads(listing.read_text("utf-8"))]
    except OSError as exc:
        raise EmbeddingError(f"{folder} is not the folder of an embedding model.", hint=_FOLDER_HINT) from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise EmbeddingError(f"{listing} is damaged: {_reason(exc)}.", hint=_FOLDER_HINT) from exc
    for code, path in modules:
        if not code.startswith(_TRUSTED_MODULES):
            raise EmbeddingError(f"The model in {folder} needs code of its own ({code}), which is never run.")
        if path.is_absolute() or ".." in path.parts:
            raise EmbeddingError(f"The model in {folder} has a part outside its folder ({path}).")


def _check_weights(folder: Path) -> None:
    """Refuse weights that only a pickle holds, since reading a pickle runs what it says."""
    safe: set[Path] = set()
    pickled: dict[Path, Path] = {}
    for path in _files(folder):
        if path.suffix == ".safetensors":
            safe.add(path.parent)
        elif path.suffix in _PICKLED:
            pickled.setdefault(path.parent, path)
    for parent, path in pickled.items():
        if parent not in safe:
            raise EmbeddingError(
                f"{path} is a pickle, which could run code; Conexus reads safetensors only.",
                hint="Save the model again with sentence-transformers' `save(..., safe_serialization=True)`.",
            )
    if not safe:
        raise EmbeddingError(f"{folder} holds no weights (*.safetensors).", hint=_FOLDER_HINT)


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files that a model consists of, in the order of their relative paths."""
    for path in sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        if any(part.startswith(".") for part in parts) or parts[0] in _OTHER_RUNTIMES:
            continue
        if path.suffix.lower() not in _DOCUMENTATION and path.is_file():
            yield path


def _folder_digest(folder: Path) -> str:
    """Hash names and contents of a model's files: one read of the whole model, 0.1 s for 90 MB."""
    digest = hashlib.sha256(f"transformer-1 {_MOST_TOKENS}\n".encode())
    try:
        for path in _files(folder):
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
            digest.update(f"{content} {path.relative_to(folder).as_posix()}\n".encode(errors="surrogateescape"))
    except OSError as exc:
        raise EmbeddingError(f"The model in {folder} cannot be read: {_reason(exc)}.") from exc
    return digest.hexdigest()


def _reason(exc: Exception) -> str:
    """First line of an error, for people."""
    lines = str(exc).strip().splitlines()
    return f"{type(exc).__name__}: {lines[0][:300]}" if lines else type(exc).__name__
